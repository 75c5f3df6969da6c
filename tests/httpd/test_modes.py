# SPDX-License-Identifier: Apache-2.0
"""One httpd, one application, three modes, several Pythons at once."""
import pytest

from clients import Mount
from conftest import PYTHONS


def group(version):
    return 'p' + version.replace('.', '')


@pytest.fixture(scope='module')
def mixed(module_server):
    """A daemon group on each Python beside embedded mode and CGI on the default one."""
    lines = [f'WSGIDaemonProcess {group(version)} python={version} threads=2\n'
             f'WSGIScriptAlias /{group(version)} ${{APPS}}/identity.wsgi process-group={group(version)}\n'
             for version in PYTHONS]
    return module_server(''.join(lines) + 'WSGIScriptAlias /embedded ${APPS}/identity.wsgi\n'
                         'ScriptAlias /cgi ${APPS}/identity.wsgi\n')


@pytest.mark.parametrize('version', PYTHONS)
def test_each_group_runs_its_own_python(mixed, version):
    identity = mixed.get('/' + group(version)).json()
    assert (identity['python'], identity['process_group']) == (version, group(version))


def test_all_pythons_serve_from_one_httpd_in_turn(mixed):
    seen = [mixed.get('/' + group(version)).json()['python'] for version in PYTHONS * 5]
    assert seen == PYTHONS * 5


def test_the_modes_run_in_different_processes(mixed):
    pids = {mixed.get(path).json()['pid'] for path in ('/embedded', '/cgi', '/' + group(PYTHONS[0]))}
    assert len(pids) == 3


def test_embedded_mode_runs_in_a_child_of_httpd(mixed):
    assert mixed.get('/embedded').json()['parent'] == mixed.pid


def test_cgi_is_a_new_process_for_each_request(mixed):
    first, second = (mixed.get('/cgi').json() for _ in range(2))
    assert first['pid'] != second['pid'] and first['run_once']


def test_httpd_maps_no_python_unless_it_runs_one(servers, server):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    assert httpd.get('/').status == 200
    names = [line for process in httpd.processes() if process.name == 'apache2'
             for line in open(f'/proc/{process.pid}/maps') if 'libpython' in line]
    assert names == []


def test_each_mode_runs_the_chosen_python(everywhere):
    assert everywhere.get('identity').json()['python'] == everywhere.server.python


def test_hello_is_served(everywhere):
    response = everywhere.get('hello')
    assert (response.status, response.body) == (200, b'Hello, world!\n')


def test_a_body_is_echoed(everywhere):
    body = bytes(range(256)) * 400
    assert everywhere.post('echo_body', body).body == body


def test_environ_is_complete(everywhere):
    environ = everywhere.environ('environ_json/path?query', headers={'X-Test': 'yes'})
    assert (environ['PATH_INFO'], environ['QUERY_STRING'], environ['HTTP_X_TEST']) == ('/path', 'query', 'yes')


def test_a_keep_alive_connection_serves_many_requests(lasting):
    with lasting.server.connect() as connection:
        for _ in range(50):
            assert connection.request('GET', lasting.path('hello')).body == b'Hello, world!\n'


@pytest.mark.parametrize('options, multithread, multiprocess, run_once', [
    ('threads=1', False, False, False), ('threads=2', True, False, False), ('processes=1', True, True, False),
    ('processes=2 threads=1', False, True, False), ('', True, False, False)])
def test_daemon_mode_tells_the_application_its_concurrency(server, options, multithread, multiprocess, run_once):
    httpd = server(f'WSGIDaemonProcess one {options}\nWSGIScriptAlias / ${{APPS}}/identity.wsgi process-group=one\n')
    identity = httpd.get('/').json()
    assert (identity['multithread'], identity['multiprocess'], identity['run_once']) == (multithread, multiprocess,
                                                                                       run_once)


@pytest.mark.parametrize('mpm, multithread, multiprocess', [('event', True, True), ('worker', True, True),
                                                            ('prefork', False, True)])
def test_embedded_mode_tells_the_application_the_mpms_concurrency(server, mpm, multithread, multiprocess):
    identity = server('WSGIScriptAlias / ${APPS}/identity.wsgi\n', mpm).get('/').json()
    assert (identity['multithread'], identity['multiprocess']) == (multithread, multiprocess)


def test_the_same_script_file_serves_all_modes(site):
    files = {Mount(site, f'/{mode}/').get('identity').json()['file'] for mode in ('embedded', 'daemon', 'cgi')}
    assert files == {str(site.stage.apps / 'identity.wsgi')}
