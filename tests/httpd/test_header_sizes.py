# SPDX-License-Identifier: Apache-2.0
"""Headers around every power of two arrive whole, either way; those beyond the limit are an error that has a name."""
import pytest

from clients import Wire

POWERS = range(3, 25)
SIZES = sorted({size for k in POWERS for size in (2 ** k - 1, 2 ** k, 2 ** k + 1)})
LIMIT = 1 << 20  # of a response's head, in daemon mode
FIELD_SIZE = 16 << 20


@pytest.fixture(scope='module')
def large(module_server):
    """A server that takes requests with large headers."""
    return module_server('Protocols h2c http/1.1\nLimitRequestFields 0\nLimitRequestFieldSize 17000000\nLimitRequestLine 200000\n'
                         'WSGIDaemonProcess one\n'
                         'WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}\n'
                         'WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one '
                         'application-group=%{GLOBAL}\n', modules=('http2',))


@pytest.fixture(params=['embedded', 'daemon'])
def mode(large, request):
    wire = Wire(large, f'/{request.param}/', 'h1')
    yield wire
    wire.close()


def peak_memory(server):
    """The largest peak of any process, in kB."""
    peaks = []
    for process in server.processes():
        try:
            peaks.append(int(process.status('VmHWM')[0]))
        except (OSError, KeyError):
            continue
    return max(peaks)


def test_a_request_header_of_any_size_arrives_whole_or_is_refused_by_name(mode, error_log):
    error_log.allow('GH0306: ')
    for size in SIZES:
        response = mode.ask('GET', 'header_sizes?HTTP_X_LARGE', {'X-Large': 'v' * size})
        if mode.mode == 'daemon' and size > FIELD_SIZE - 8000:
            assert response.status in (200, 431)
        else:
            assert response.status == 200
        assert response.status != 200 or response.json() == size, size


def test_a_response_header_of_any_size_arrives_whole_or_is_a_500(mode, error_log):
    for size in SIZES:
        response = mode.ask('GET', f'large_headers?1&{size}')
        if mode.mode == 'daemon' and size > LIMIT - 1000:
            assert response.status == 500, size
            error_log.expect('GH0416: .*%d bytes' % LIMIT)
        else:
            assert (response.status, len(response.header('X-0')), response.text) == (200, size, 'body'), size


def test_many_response_headers_arrive_in_order(mode):
    response = mode.ask('GET', 'large_headers?9000&40')
    assert [name for name, _ in response.headers if name.startswith('X-')] == [f'X-{n}' for n in range(9000)]


def test_the_memory_that_a_head_takes_is_bounded(mode, error_log):
    if mode.mode == 'embedded':
        pytest.skip('the application itself holds the head')
    error_log.expect('GH0416: ')
    before = peak_memory(mode.server)
    for _ in range(20):
        assert mode.ask('GET', f'large_headers?2000&{LIMIT // 1000}').status == 500
    assert peak_memory(mode.server) - before < 64 << 10
