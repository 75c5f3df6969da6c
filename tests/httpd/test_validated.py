# SPDX-License-Identifier: Apache-2.0
"""wsgiref's checker of PEP 3333 finds nothing to complain of, in no mode, MPM or Python: a complaint is an AssertionError,
which is a 500 and lines in the error log."""
import pytest

BODY = b'first line\nsecond line\nand the rest'


@pytest.mark.parametrize('n', [0, 1, 7])
@pytest.mark.parametrize('app', ['whole', 'pieces', 'generator', 'write'])
def test_a_body(mount, app, n):
    response = mount.get(f'validated?app={app}&n={n}')
    assert (response.status, response.body, response.complete) == (200, b'x' * n, True)


@pytest.mark.parametrize('app', ['whole', 'pieces', 'generator'])
def test_a_body_that_nobody_gets(mount, app):
    response = mount.head(f'validated?app={app}&n=3')
    assert (response.status, response.body) == (200, b'')


@pytest.mark.parametrize('n', [0, 1, 10, len(BODY), 1000])
def test_input(mount, n):
    assert mount.post(f'validated?app=reads&n={n}', BODY).body == BODY[:n]


@pytest.mark.parametrize('n', [0, 1])
def test_input_by_lines(mount, n):
    assert mount.post(f'validated?app=lines&n={n}', BODY).body == BODY


def test_input_of_a_request_without_a_body(mount):
    assert mount.get('validated?app=reads&n=5').body == b''


def test_errors(mount, error_log):
    error_log.expect('a line$', times=1)
    error_log.expect('another$', times=3)
    assert mount.get('validated?app=complains&n=3').status == 404


def test_start_response_with_exc_info(mount):
    response = mount.get('validated?app=fails&n=2')
    assert (response.status, response.reason, response.body) == (500, 'Oops', b'xx')


@pytest.mark.parametrize('n', [0, 1])
def test_a_response_without_a_body(mount, n):
    assert mount.get(f'validated?app=bodiless&n={n}').status == (204 if n else 304)


@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD'])
def test_methods(mount, method):
    assert mount.server.request(method, mount.path('validated/path/info?app=whole&n=1')).status == 200


def test_all_of_it_with_every_mpm_and_python(everywhere):
    for app in ('whole', 'pieces', 'generator', 'write'):
        assert everywhere.get(f'validated?app={app}&n=3').body == b'xxx'
    for app, n in (('reads', len(BODY)), ('lines', 0), ('lines', 1)):
        assert everywhere.post(f'validated?app={app}&n={n}', BODY).body == BODY
    assert everywhere.get('validated?app=fails').status == 500
