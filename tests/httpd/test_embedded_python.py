# SPDX-License-Identifier: Apache-2.0
"""The directives that say which Python embedded mode has, or that it has none."""
import pytest

from conftest import PYTHONS


@pytest.fixture
def identity(server):
    """What an embedded application says of itself."""
    def identity(config):
        return server(config + '\nWSGIScriptAlias / ${APPS}/identity.wsgi\n').get('/').json()
    return identity


@pytest.mark.parametrize('version', PYTHONS)
def test_wsgipython_chooses_the_version(identity, version):
    assert identity(f'WSGIPython {version}')['python'] == version


def test_wsgipythonhome_chooses_prefix_and_version(identity, venv):
    version, directory = venv
    facts = identity(f'WSGIPythonHome {directory}')
    assert (facts['prefix'], facts['python']) == (str(directory), version)


def test_wsgipythonpath_is_on_the_path_in_order(identity, tmp_directory):
    first, second = (tmp_directory / name for name in ('first', 'second'))
    first.mkdir(), second.mkdir()
    path = identity(f'WSGIPythonPath {first}:{second}')['path']
    assert path.index(str(first)) + 1 == path.index(str(second)) < path.index(next(p for p in path if 'python3' in p))


def test_wsgirestrictembedded_refuses_what_names_no_process_group(server, error_log):
    httpd = server('WSGIRestrictEmbedded On\nWSGIDaemonProcess one\nWSGIScriptAlias /embedded ${APPS}/hello.wsgi\n'
                   'WSGIScriptAlias /daemon ${APPS}/hello.wsgi process-group=one\n')
    assert (httpd.get('/embedded').status, httpd.get('/daemon').status) == (500, 200)
    error_log.expect('GH0212: .*hello.wsgi', times=1)
