# SPDX-License-Identifier: Apache-2.0
"""WSGIAccessScript: a script's allow_access lets clients in or keeps them out."""
import json

import pytest

from processes import wait_until
from side_scripts import PLACES, SideScript, fresh, page

CONFIG = '''
{define}
<Location /private>
  WSGIAccessScript ${{ROOT}}/side.py {option}
</Location>
<Location /restricted>
  WSGIAccessScript ${{ROOT}}/side.py {option}
  Require ip 192.0.2.1
</Location>
'''


@pytest.fixture(scope='module', params=PLACES)
def httpd(module_server, request):
    define, option = PLACES[request.param]
    server = module_server(CONFIG.format(define=define, option=option), modules=('authz_user', 'authn_core'))
    server.group = 'hooks' if option else ''
    for name in ('private/page', 'restricted/page', 'public'):
        page(server, name)
    return server


@pytest.fixture(scope='module')
def script(httpd):
    return SideScript(httpd)


@pytest.mark.parametrize('result, status', [('True', 200), ('None', 200), ('False', 403)])
def test_the_result_decides(httpd, script, result, status):
    script.returns('allow_access', result)
    assert httpd.get('/private/page').status == status


@pytest.mark.parametrize('result, named', [('1', 'int'), ("'yes'", 'a str'), ('[]', 'list'), ("b''", 'empty bytes')])
def test_another_result_refuses_and_is_told(httpd, script, error_log, result, named):
    script.returns('allow_access', result)
    assert httpd.get('/private/page').status == 403
    error_log.expect(rf'GH0230: WSGIAccessScript .*side.py: allow_access\(\) returned {named}; return True', 1)


def test_an_exception_refuses_with_a_traceback(httpd, script, error_log):
    script.returns('allow_access', "environ['no such key']")
    assert httpd.get('/private/page').status == 403
    error_log.expect_traceback("KeyError: 'no such key'")


def test_a_script_without_the_function_refuses(httpd, script, error_log):
    script.write('x = 1\n')
    assert httpd.get('/private/page').status == 403
    error_log.expect(r'GH0230: .*side.py: allow_access\(\) is not defined', 1)


@pytest.mark.parametrize('place', PLACES)
def test_a_script_that_does_not_compile_is_a_server_error(server, error_log, place):
    httpd = fresh(server, CONFIG, place, modules=('authz_user', 'authn_core'))
    page(httpd, 'private/page')
    script = SideScript(httpd).write('def allow_access(:\n')
    assert httpd.get('/private/page').status == 500
    error_log.expect_traceback('SyntaxError')
    script.returns('allow_access', 'True')
    assert httpd.get('/private/page').status == 200


def test_in_a_process_group_code_that_is_good_goes_on_until_new_code_is(server, error_log):
    httpd = server(CONFIG.format(define='WSGIDaemonProcess hooks', option='process-group=hooks'),
                   modules=('authz_user', 'authn_core'))
    page(httpd, 'private/page')
    script = SideScript(httpd).returns('allow_access', 'False')
    assert httpd.get('/private/page').status == 403
    script.write('1 / 0\n')
    error_log.expect_traceback('ZeroDivisionError', None)
    error_log.allow('GH04')
    assert [httpd.get('/private/page').status for _ in range(6)] == [403] * 6
    script.returns('allow_access', 'True')
    assert [httpd.get('/private/page').status for _ in range(6)] == [200] * 6


@pytest.mark.parametrize('place', PLACES)
def test_a_missing_script_is_a_server_error(server, error_log, place):
    httpd = fresh(server, CONFIG, place, modules=('authz_user', 'authn_core'))
    page(httpd, 'private/page')
    assert httpd.get('/private/page').status == 500
    error_log.expect('GH0602: script .*side.py cannot be read', 1)


def test_a_changed_script_counts_from_the_next_request_on(httpd, script):
    for result in ('True', 'False', 'True', 'False'):
        script.returns('allow_access', result)
        assert [httpd.get('/private/page').status for _ in range(4)] == [200 if result == 'True' else 403] * 4


def test_it_is_asked_in_its_directory_only(httpd, script):
    script.returns('allow_access', 'False')
    assert httpd.get('/public').status == 200


def test_what_it_lets_in_httpd_may_still_refuse(httpd, script, error_log):
    error_log.allow('AH01630')
    script.returns('allow_access', 'True')
    assert httpd.get('/restricted/page').status == 403


def test_the_client_is_named(httpd, script):
    script.returns('allow_access', "a == ('127.0.0.1',)")
    assert httpd.get('/private/page').status == 200


def test_environ_tells_of_the_request(httpd, script, error_log):
    script.write('import json\n'
                 'def allow_access(environ, host):\n'
                 '    plain = {k: v for k, v in environ.items() if isinstance(v, (str, tuple))}\n'
                 "    print('environ ' + json.dumps(plain), file=environ['wsgi.errors'])\n"
                 '    return True\n')
    error_log.expect('environ {')
    assert httpd.get('/private/page?a=b', {'X-Test': 'x', 'Authorization': 'Basic secret', 'Proxy': 'evil',
                                           'Content-Type': 'text/plain'}).status == 200
    environ = json.loads(error_log.wait_for('environ {').text.partition('environ ')[2])
    expected = {'REQUEST_METHOD': 'GET', 'QUERY_STRING': 'a=b', 'REQUEST_URI': '/private/page?a=b',
                'SCRIPT_NAME': '/private/page', 'PATH_INFO': '', 'SERVER_NAME': '127.0.0.1', 'HTTP_X_TEST': 'x',
                'SERVER_PORT': '80', 'REMOTE_ADDR': '127.0.0.1', 'SERVER_PROTOCOL': 'HTTP/1.1',
                'CONTENT_TYPE': 'text/plain', 'DOCUMENT_ROOT': f'{httpd.root}/htdocs', 'mod_wsgi.application_group': '',
                'mod_wsgi.process_group': httpd.group}
    assert {key: environ.get(key) for key in expected} == expected
    assert environ.keys() >= {'SERVER_SIGNATURE', 'SERVER_SOFTWARE', 'SERVER_ADDR', 'REMOTE_PORT', 'apache.version',
                              'mod_wsgi.version'}
    assert not environ.keys() & {'HTTP_AUTHORIZATION', 'HTTP_PROXY', 'SCRIPT_FILENAME', 'wsgi.input'}


def test_mod_ssl_is_asked_through_functions(httpd, script):
    script.returns('allow_access', "(environ['mod_ssl.is_https'](), environ['mod_ssl.var_lookup']('SSL_PROTOCOL') in (None, '')) "
                                   "== (0, True)")
    assert httpd.get('/private/page').status == 200


def test_any_bytes_of_a_request_are_survived(httpd, script, error_log):
    error_log.allow('AH0')
    script.returns('allow_access', "len(repr(sorted((k, v) for k, v in environ.items() if isinstance(v, str)))) > 0")
    for byte in range(256):
        if byte in b'\r\n\0':
            continue
        path = b'/private/page?x=%%%02x' % byte + (bytes([byte]) if byte > 127 else b'')
        head = b'GET ' + path + b' HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Odd: a' + bytes([byte]) + b'b\r\nConnection: close\r\n\r\n'
        assert httpd.raw(head).split(b' ', 2)[1] in (b'200', b'400'), byte


def test_applications_are_guarded_too(server):
    httpd = server('WSGIScriptAlias /app ${APPS}/hello.wsgi\n<Location /app>\nWSGIAccessScript ${ROOT}/side.py\n</Location>\n')
    SideScript(httpd).returns('allow_access', "environ['QUERY_STRING'] == 'please'")
    assert [httpd.get(path).status for path in ('/app?please', '/app')] == [200, 403]


def test_a_script_may_be_named_in_htaccess(server):
    httpd = server('WSGIDaemonProcess hooks\n<Directory ${ROOT}/htdocs>\nAllowOverride AuthConfig\n</Directory>\n')
    script = SideScript(httpd).returns('allow_access', "environ['QUERY_STRING'] == 'please'")
    page(httpd, 'dir/page')
    for option in ('', ' process-group=hooks', ' application-group=%{SERVER}'):
        (httpd.root / 'htdocs/dir/.htaccess').write_text(f'WSGIAccessScript {script.path}{option}\n')
        assert [httpd.get(path).status for path in ('/dir/page?please', '/dir/page')] == [200, 403], option


def test_htaccess_cannot_use_a_process_group_that_is_not_allowed(server, error_log):
    httpd = server('WSGIDaemonProcess hooks\n<Directory ${ROOT}/htdocs>\nAllowOverride AuthConfig\n'
                   'WSGIRestrictProcess other\n</Directory>\n')
    script = SideScript(httpd).returns('allow_access', 'True')
    page(httpd, 'dir/page')
    (httpd.root / 'htdocs/dir/.htaccess').write_text(f'WSGIAccessScript {script.path} process-group=hooks\n')
    assert httpd.get('/dir/page').status == 500
    error_log.expect('GH0215: WSGIAccessScript .*"hooks"')


def test_a_directory_inherits_and_replaces_a_script(server):
    httpd = server('<Location /a>\nWSGIAccessScript ${ROOT}/one.py\n</Location>\n'
                   '<Location /a/b>\nWSGIAccessScript ${ROOT}/two.py\n</Location>\n')
    SideScript(httpd, 'one.py').returns('allow_access', 'False')
    SideScript(httpd, 'two.py').returns('allow_access', 'True')
    for name in ('a/page', 'a/c/page', 'a/b/page'):
        page(httpd, name)
    assert [httpd.get(f'/{name}').status for name in ('a/page', 'a/c/page', 'a/b/page')] == [403, 403, 200]


@pytest.mark.parametrize('mpm', ['worker', 'prefork'])
def test_every_mpm_asks(server, mpm):
    httpd = server(CONFIG.format(define='', option=''), mpm, modules=('authz_user', 'authn_core'))
    page(httpd, 'private/page')
    script = SideScript(httpd)
    for result, status in (('True', 200), ('False', 403)):
        script.returns('allow_access', result)
        assert {httpd.get('/private/page').status for _ in range(6)} == {status}


def test_the_interpreter_is_the_main_one_unless_an_option_says_otherwise(server):
    httpd = server('<Location /main>\nWSGIAccessScript ${ROOT}/side.py\n</Location>\n'
                   '<Location /named>\nWSGIAccessScript ${ROOT}/side.py application-group=mine\n</Location>\n'
                   '<Location /server>\nWSGIAccessScript ${ROOT}/side.py application-group=%{SERVER}\n</Location>\n'
                   '<Location /resource>\nWSGIAccessScript ${ROOT}/side.py application-group=%{RESOURCE}\n</Location>\n')
    SideScript(httpd).returns('allow_access', "environ['QUERY_STRING'] == environ['mod_wsgi.application_group']")
    for path, group in (('main', ''), ('named', 'mine'), ('server', '127.0.0.1'), ('resource', '%{RESOURCE}')):
        page(httpd, f'{path}/page')
        assert httpd.get(f'/{path}/page?{group}').status == 200, group


def test_a_script_without_a_process_group_runs_beside_wsgirestrictembedded(server, error_log):
    httpd = server(CONFIG.format(define='WSGIRestrictEmbedded On\n', option=''), modules=('authz_user', 'authn_core'))
    page(httpd, 'private/page')
    SideScript(httpd).returns('allow_access', 'True')
    assert httpd.get('/private/page').status == 200
    error_log.expect('GH0150: WSGIAccessScript .*process-group=')


def test_a_worker_that_dies_in_the_function_is_502(server, error_log):
    httpd = server('WSGIDaemonProcess hooks\n<Location /private>\n'
                   'WSGIAccessScript ${ROOT}/side.py process-group=hooks\n</Location>\n')
    page(httpd, 'private/page')
    SideScript(httpd).write('import os\ndef allow_access(environ, host):\n    os._exit(3)\n')
    error_log.expect('GH0304')
    error_log.expect('GH0406')
    assert httpd.get('/private/page').status == 502
    SideScript(httpd).returns('allow_access', 'True')
    wait_until(lambda: httpd.get('/private/page').status == 200, what='the group serves again')
