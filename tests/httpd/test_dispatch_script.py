# SPDX-License-Identifier: Apache-2.0
"""WSGIDispatchScript: a script chooses process group, application group and callable of each request."""
import json

import pytest

from side_scripts import SideScript

CONFIG = '''
WSGIDaemonProcess one
WSGIDaemonProcess two
WSGIDaemonProcess hooks
SetEnv GROUP two
WSGIScriptAlias /app ${{APPS}}/environ_json.wsgi process-group=one application-group=configured
WSGIScriptAlias /plain ${{APPS}}/environ_json.wsgi process-group=one
WSGIScriptAlias /callables ${{APPS}}/callables.wsgi process-group=one
WSGIScriptAlias /raw ${{APPS}}/environ_json.wsgi process-group=one
<Location ~ "^/(app|callables)">
  WSGIDispatchScript ${{ROOT}}/dispatch.py {option}
</Location>
'''
PLACES = {'embedded': '', 'daemon': 'process-group=hooks'}


@pytest.fixture(scope='module', params=PLACES)
def httpd(module_server, request):
    server = module_server(CONFIG.format(option=PLACES[request.param]))
    server.group = 'hooks' if request.param == 'daemon' else ''
    return server


@pytest.fixture(scope='module')
def script(httpd):
    return SideScript(httpd, 'dispatch.py')


def functions(**results):
    return ''.join(f'def {name}(environ):\n    return {result}\n' for name, result in results.items()) or 'x = 1\n'


def seen(httpd, path='/app'):
    environ = httpd.get(path).json()
    return tuple(environ[f'mod_wsgi.{name}'] for name in ('process_group', 'application_group', 'callable_object'))


@pytest.mark.parametrize('results, expected', [
    ({}, ('one', 'configured', 'application')),
    ({'process_group': 'None', 'application_group': 'None', 'callable_object': 'None'}, ('one', 'configured', 'application')),
    ({'process_group': "'two'"}, ('two', 'configured', 'application')),
    ({'process_group': "b'two'"}, ('two', 'configured', 'application')),
    ({'process_group': "'%{GLOBAL}'"}, ('', 'configured', 'application')),
    ({'process_group': "''"}, ('', 'configured', 'application')),
    ({'process_group': "'%{ENV:GROUP}'"}, ('two', 'configured', 'application')),
    ({'application_group': "'mine'"}, ('one', 'mine', 'application')),
    ({'application_group': "'%{GLOBAL}'"}, ('one', '', 'application')),
    ({'application_group': "'%{RESOURCE}'"}, ('one', '127.0.0.1|/app', 'application')),
    ({'process_group': "'two'", 'application_group': "'mine'"}, ('two', 'mine', 'application')),
])
def test_what_the_functions_return_counts(httpd, script, results, expected):
    script.write(functions(**results))
    assert seen(httpd) == expected


def test_the_callable_is_chosen(httpd, script):
    assert_text = {}
    for name in ('application', 'other'):
        script.write(functions(callable_object=repr(name)))
        assert_text[name] = httpd.get('/callables').text
    assert assert_text['application'] != assert_text['other']


def test_what_runs_is_in_the_group_that_was_chosen(httpd, script):
    assert httpd.get('/plain').json()['mod_wsgi.process_group'] == 'one'
    for group in ('one', 'two'):
        script.write(functions(process_group=repr(group)))
        assert seen(httpd)[0] == group


def test_each_request_may_go_elsewhere(httpd, script):
    script.write(functions(process_group="environ['QUERY_STRING'] or None"))
    assert [seen(httpd, f'/app?{group}')[0] for group in ('two', 'one', '', 'two')] == ['two', 'one', 'one', 'two']


def test_where_no_script_is_named_nothing_changes(httpd, script):
    script.write(functions(process_group="'two'"))
    assert httpd.get('/raw').json()['mod_wsgi.process_group'] == 'one'


@pytest.mark.parametrize('name', ['process_group', 'application_group', 'callable_object'])
@pytest.mark.parametrize('result, named', [('7', 'int'), ('True', 'True'), ("['two']", 'list'), ("'a\\0b'", 'a text with a NUL')])
def test_another_result_is_a_server_error(httpd, script, error_log, name, result, named):
    script.write(functions(**{name: result}))
    assert httpd.get('/app').status == 500
    error_log.expect(rf'GH0230: WSGIDispatchScript .*dispatch.py: {name}\(\) returned {named}', 1)


def test_an_exception_is_a_server_error_and_ends_the_questions(httpd, script, error_log):
    script.write(functions(process_group='{}[1]', application_group='{}[2]'))
    assert httpd.get('/app').status == 500
    error_log.expect_traceback('KeyError: 1')


@pytest.mark.parametrize('place', PLACES)
def test_a_script_that_does_not_compile_is_a_server_error(server, error_log, place):
    httpd = server(CONFIG.format(option=PLACES[place]))
    SideScript(httpd, 'dispatch.py').write('def\n')
    assert httpd.get('/app').status == 500
    error_log.expect_traceback('SyntaxError')


def test_a_group_that_is_not_defined_is_a_server_error(httpd, script, error_log):
    script.write(functions(process_group="'three'"))
    assert httpd.get('/app').status == 500
    error_log.expect('GH0210: process group "three" is not defined', 1)


def test_a_name_beyond_latin1_is_an_exception(httpd, script, error_log):
    script.write(functions(process_group="'\\u20ac'"))
    assert httpd.get('/app').status == 500
    error_log.expect_traceback('UnicodeEncodeError')


def test_environ_is_that_of_the_application_but_for_the_target(httpd, script, error_log):
    script.write('import json\ndef process_group(environ):\n'
                 '    plain = {k: v for k, v in environ.items() if isinstance(v, str)}\n'
                 "    print('environ ' + json.dumps(plain), file=environ['wsgi.errors'])\n")
    error_log.expect('environ {')
    of_application = httpd.get('/app/info?a=b', {'X-Test': 'x'}).json()
    environ = json.loads(error_log.wait_for('environ {').text.partition('environ ')[2])
    same = ['REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'HTTP_X_TEST', 'SCRIPT_FILENAME', 'GROUP',
            'mod_wsgi.request_handler', 'mod_wsgi.handler_script', 'mod_wsgi.script_name', 'mod_wsgi.server_pid']
    assert {key: environ.get(key) for key in same[:-1]} == {key: of_application.get(key) for key in same[:-1]}
    assert (environ['mod_wsgi.process_group'], environ['mod_wsgi.application_group']) == (httpd.group, '')
    assert 'mod_wsgi.callable_object' not in environ


def test_it_may_stand_for_a_whole_server(server):
    httpd = server('WSGIDaemonProcess one\nWSGIDispatchScript ${ROOT}/dispatch.py\n'
                   'WSGIScriptAlias / ${APPS}/environ_json.wsgi\n'
                   '<VirtualHost *>\nServerName other\n</VirtualHost>\n')
    SideScript(httpd, 'dispatch.py').write(functions(process_group="'one'"))
    assert seen(httpd, '/')[0] == 'one'
    assert httpd.get('/', host='other').json()['mod_wsgi.process_group'] == 'one'


def test_restrict_process_holds_for_what_a_script_chooses(server, error_log):
    httpd = server('WSGIDaemonProcess one\nWSGIDaemonProcess two\nWSGIRestrictProcess two\n'
                   'WSGIDispatchScript ${ROOT}/dispatch.py\nWSGIScriptAlias / ${APPS}/environ_json.wsgi\n')
    SideScript(httpd, 'dispatch.py').write(functions(process_group="environ['QUERY_STRING']"))
    assert seen(httpd, '/?two')[0] == 'two'
    assert httpd.get('/?one').status == 500
    error_log.expect('GH0215: process group "one"', 1)


def test_without_embedded_python_dispatch_works_in_a_process_group(server):
    httpd = server('WSGIRestrictEmbedded On\nWSGIDaemonProcess one\nWSGIDaemonProcess hooks\n'
                   'WSGIDispatchScript ${ROOT}/dispatch.py process-group=hooks\n'
                   'WSGIScriptAlias / ${APPS}/environ_json.wsgi\n')
    SideScript(httpd, 'dispatch.py').write(functions(process_group="'one'"))
    assert seen(httpd, '/')[0] == 'one'
    libraries = {line.split()[-1] for process in httpd.processes() if process.name == httpd.stage.httpd.name
                 for line in open(f'/proc/{process.pid}/maps') if 'libpython' in line}
    assert not libraries


def test_a_dispatched_application_does_not_share_the_main_interpreter_of_another(server):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias /a ${APPS}/interpreter.wsgi process-group=one application-group=a\n'
                   'WSGIScriptAlias /b ${APPS}/interpreter.wsgi\n'
                   '<Location /b>\nWSGIDispatchScript ${ROOT}/dispatch.py\n</Location>\n')
    SideScript(httpd, 'dispatch.py').write(functions(process_group="'one'", application_group="'b'"))
    first, second = httpd.get('/a').text, httpd.get('/b').text
    assert (first, second) == ('1', '1')  # each counts in an interpreter of its own
