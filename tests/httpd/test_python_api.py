# SPDX-License-Identifier: Apache-2.0
"""Modules mod_wsgi and apache, as applications see them under a real httpd."""
import subprocess
import sys

import pytest

from stage import CHECKOUT

NAMES = ['FileWrapper', 'LogHandler', 'RequestTimeout', 'active_requests', 'application_group', 'event_callbacks',
         'maximum_processes', 'process_group', 'process_metrics', 'request_data', 'request_metrics', 'server_metrics',
         'shutdown_callbacks', 'signal_callbacks', 'start_recording_metrics', 'subscribe_events', 'subscribe_fork',
         'subscribe_shutdown',
         'subscribe_signals', 'threads_per_process', 'version']


@pytest.fixture
def told(everywhere_lasting):
    return everywhere_lasting.get('python_api').json()


def test_all_names_are_there(told):
    assert told['names'] == NAMES


def test_the_server_is_described(told):
    apache = told['apache']
    assert sorted(apache) == ['build_date', 'description', 'maximum_processes', 'mpm_name', 'threads_per_process',
                              'version']
    assert apache['version'][:2] == [2, 4] and apache['description'].startswith('Apache')
    assert apache['mpm_name'] in ('event', 'worker', 'prefork') and apache['build_date']
    assert (apache['threads_per_process'] == 1) == (apache['mpm_name'] == 'prefork')


def test_a_request_is_among_the_active_ones(lasting):
    assert lasting.get('python_api').json()['active'] == {'here': True}


def test_there_are_no_metrics_unless_somebody_records(lasting):
    told = lasting.get('python_api').json()
    assert (told['metrics'], told['server_metrics']) == (None, None)


def test_an_own_module_apache_is_the_base_in_embedded_mode(server, tmp_directory):
    (tmp_directory / 'apache.py').write_text("own = 'mine'\nversion = None\n")
    (tmp_directory / 'app.wsgi').write_text(
        'import apache\n'
        'def application(environ, start_response):\n'
        '    start_response("200 OK", [])\n'
        '    return [repr((getattr(apache, "own", None), apache.version[0])).encode()]\n')
    httpd = server(f'WSGIPythonPath {tmp_directory}\nWSGIDaemonProcess one python-path={tmp_directory}\n'
                   f'WSGIScriptAlias /embedded {tmp_directory}/app.wsgi process-group=%{{GLOBAL}}\n'
                   f'WSGIScriptAlias /daemon {tmp_directory}/app.wsgi process-group=one\n')
    assert httpd.get('/embedded').text == "('mine', 2)"
    assert httpd.get('/daemon').text == '(None, 2)'


def test_an_own_module_apache_that_fails_leaves_the_built_in_one(server, tmp_directory, error_log):
    (tmp_directory / 'apache.py').write_text('1 / 0\n')
    httpd = server(f'WSGIPythonPath {tmp_directory}\nWSGIScriptAlias / ${{APPS}}/python_api.wsgi\n', 'prefork')
    assert httpd.get('/').status == 200
    error_log.allow('ZeroDivisionError|Traceback|  ')


def test_log_records_keep_their_level(server, error_log):
    httpd = server('LogLevel wsgi:info\nWSGIDaemonProcess one\n'
                   'WSGIScriptAlias /embedded ${APPS}/python_api.wsgi\n'
                   'WSGIScriptAlias /daemon ${APPS}/python_api.wsgi process-group=one\n')
    for mode in 'embedded', 'daemon':
        assert httpd.get(f'/{mode}').status == 200
    levels = [line.fields['level'] for line in error_log.matching('a warning of logging')]
    assert levels == ['warn', 'warn']
    assert [line.fields['level'] for line in error_log.matching('some information|in two lines')] == ['info'] * 4


def test_log_level_filters_records(server, error_log):
    httpd = server('LogLevel wsgi:error\nWSGIDaemonProcess one\n'
                   'WSGIScriptAlias /embedded ${APPS}/python_api.wsgi\n'
                   'WSGIScriptAlias /daemon ${APPS}/python_api.wsgi process-group=one\n')
    for mode in 'embedded', 'daemon':
        assert httpd.get(f'/{mode}').status == 200
    assert error_log.matching('a warning of logging') == []


def test_log_records_tell_where_they_come_from(server, error_log):
    httpd = server('ErrorLogFormat "[%{cu}t] [%-m:%l] [pid %P] [id %-L] [client %-a] %E: %F: %M"\nWSGIDaemonProcess one\n'
                   'WSGIScriptAlias /embedded ${APPS}/log_place.wsgi\n'
                   'WSGIScriptAlias /daemon ${APPS}/log_place.wsgi process-group=one\n')
    error_log.expect(r'log_place\.wsgi\(11\): while importing$', times=1)  # embedded
    error_log.expect(r'\] while importing$', times=1)  # the daemon, whose own lines follow no ErrorLogFormat
    error_log.expect(r'log_place\.wsgi\(15\): first line$', times=2)
    error_log.expect(r'log_place\.wsgi\(15\): second line$', times=2)
    error_log.expect(r'a\\x0a\[x\] \[wsgi:crit\] forged\.py\(1\): of a strange file$', times=2)
    for mode in 'embedded', 'daemon':
        assert httpd.get(f'/{mode}').status == 200


@pytest.fixture(scope='module')
def mypy():
    pytest.importorskip('mypy')
    return lambda *arguments: subprocess.run([sys.executable, '-m', 'mypy', '--strict', '--no-incremental',
                                              *map(str, arguments)], capture_output=True, text=True,
                                             cwd=CHECKOUT / 'lib' / 'python' / 'stubs')


def test_the_stubs_type_check_with_a_module_that_uses_every_name(mypy):
    done = mypy(CHECKOUT / 'tests' / 'stubs' / 'uses_every_name.py')
    assert done.returncode == 0, done.stdout


def test_the_stubs_refuse_what_is_wrong(mypy, tmp_path):
    wrong = tmp_path / 'wrong.py'
    wrong.write_text('import mod_wsgi\nmod_wsgi.request_data(1)\nmod_wsgi.nothing\n')
    done = mypy(wrong)
    assert done.stdout.count('error:') == 2, done.stdout


def test_the_stubs_have_the_names_of_the_live_modules(site):
    import ast
    told = site.get('/embedded/python_api').json()
    for module, names in ('mod_wsgi', told['names']), ('apache', sorted(told['apache'])):
        tree = ast.parse((CHECKOUT / 'lib' / 'python' / 'stubs' / f'{module}.pyi').read_text())
        stubbed = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        stubbed |= {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
        assert sorted(name for name in stubbed if not name.startswith('_')) == names
