# SPDX-License-Identifier: Apache-2.0
"""WSGIHandlerScript: a handler for files of any kind, made of a script's handle_request."""
import pytest

from processes import wait_until
from side_scripts import PLACES, SideScript, basic, page

CONFIG = '''
WSGIDaemonProcess hooks processes=2 threads=5
{restrict}
WSGIHandlerScript shout ${{ROOT}}/shout.py {option} application-group=%{{GLOBAL}}
WSGIHandlerScript open ${{ROOT}}/shout.py {option} application-group=%{{GLOBAL}} pass-authorization=On
AddHandler shout .txt
<Location /virtual>
  SetHandler shout
</Location>
<Location /strict>
  SetHandler shout
  AcceptPathInfo Off
</Location>
<Location /open>
  SetHandler open
</Location>
WSGICallableObject something_else
'''
JSON = '''
import json
def handle_request(environ, start_response):
    body = environ['wsgi.input'].read().decode('latin-1')
    plain = {k: v for k, v in environ.items() if isinstance(v, str)}
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps({**plain, 'body': body}).encode()]
'''


@pytest.fixture(scope='module', params=PLACES)
def httpd(module_server, request):
    define, option = PLACES[request.param]
    server = module_server(CONFIG.format(restrict='WSGIRestrictEmbedded On' if define else '', option=option))
    server.group = 'hooks' if option else ''
    page(server, 'dir/page.txt', 'quiet\n')
    return server


@pytest.fixture(scope='module')
def script(httpd):
    return SideScript(httpd, 'shout.py')


def test_the_script_sees_the_file_as_its_resource(httpd, script):
    script.write('def handle_request(environ, start_response):\n'
                 "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
                 "    return [open(environ['SCRIPT_FILENAME']).read().upper().encode()]\n")
    assert httpd.get('/dir/page.txt').text == 'QUIET\n'


def test_environ_names_handler_script_and_resource(httpd, script):
    script.write(JSON)
    environ = httpd.get('/dir/page.txt/more?a=b').json()
    expected = {'SCRIPT_FILENAME': f'{httpd.root}/htdocs/dir/page.txt', 'SCRIPT_NAME': '/dir/page.txt',
                'PATH_INFO': '/more', 'QUERY_STRING': 'a=b', 'mod_wsgi.request_handler': 'shout',
                'mod_wsgi.handler_script': str(script.path), 'mod_wsgi.callable_object': 'handle_request',
                'mod_wsgi.process_group': httpd.group, 'mod_wsgi.application_group': ''}
    assert {key: environ.get(key) for key in expected} == expected


def test_the_resource_need_not_exist(httpd, script):
    script.write(JSON)
    environ = httpd.get('/virtual/nowhere').json()
    assert environ['REQUEST_URI'] == '/virtual/nowhere' and environ['SCRIPT_FILENAME'].startswith(f'{httpd.root}/htdocs/virtual')


def test_a_body_reaches_the_script(httpd, script):
    script.write(JSON)
    assert httpd.post('/dir/page.txt', b'some body').json()['body'] == 'some body'


def test_accept_path_info_off_is_honoured(httpd, script, error_log):
    script.write(JSON)
    assert httpd.get('/strict/page').status == 404
    error_log.expect('GH0203', 1)


def test_authorization_is_shown_where_the_option_says_so(httpd, script):
    script.write(JSON)
    shown = [('HTTP_AUTHORIZATION' in httpd.get(path, basic('a', 'b')).json()) for path in ('/open/x', '/virtual/x')]
    assert shown == [True, False]


def test_a_changed_script_counts_from_the_next_request_on(httpd, script):
    for version in 'abc':
        script.write(f"def handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{version}']\n")
        assert [httpd.get('/dir/page.txt').text for _ in range(4)] == [version] * 4


def test_reload_required_is_asked_about_the_resource(httpd, script, tmp_directory):
    flag = tmp_directory / 'flag'
    script.write('import os, time\nloaded = time.monotonic_ns()\n'
                 'def reload_required(resource):\n'
                 f'    if not os.path.exists({str(flag)!r}): return False\n'
                 f"    fresh = open({str(flag)!r}).read() == resource and os.stat({str(flag)!r}).st_mtime_ns != mark\n"
                 '    return fresh\n'
                 f'mark = os.path.exists({str(flag)!r}) and os.stat({str(flag)!r}).st_mtime_ns\n'
                 'def handle_request(environ, start_response):\n'
                 "    start_response('200 OK', [])\n    return [f'{mark}'.encode()]\n")
    assert {httpd.get('/dir/page.txt').text for _ in range(6)} == {'False'}
    flag.write_text(f'{httpd.root}/htdocs/dir/page.txt')
    flag.chmod(0o644)
    # Only the resource named there asks for new code.
    assert httpd.get('/virtual/x').text == 'False'
    assert {httpd.get('/dir/page.txt').text for _ in range(6)} == {str(flag.stat().st_mtime_ns)}


def test_a_reload_required_that_fails_keeps_the_code(httpd, script, error_log):
    script.write('def reload_required(resource):\n    1 / 0\n'
                 "def handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [b'kept']\n")
    assert httpd.get('/dir/page.txt').text == 'kept'
    # A process that has the code asks from its second request on.
    error_log.expect('GH0608: reload_required')
    error_log.allow('Traceback|ZeroDivisionError|  ')
    assert {httpd.get('/dir/page.txt').text for _ in range(20)} == {'kept'}


@pytest.mark.parametrize('place', PLACES)
def test_a_script_without_handle_request_is_a_server_error(server, error_log, place):
    httpd = server(CONFIG.format(restrict='', option=PLACES[place][1]))
    page(httpd, 'dir/page.txt')
    SideScript(httpd, 'shout.py').write('def application(environ, start_response):\n    pass\n')
    assert httpd.get('/dir/page.txt').status == 500
    error_log.expect("GH0606: .*no callable 'handle_request'; it defines application", 1)


def test_an_exception_is_a_server_error(httpd, script, error_log):
    script.write('def handle_request(environ, start_response):\n    raise ValueError("no")\n')
    assert httpd.get('/dir/page.txt').status == 500
    error_log.expect_traceback('ValueError: no')


def test_a_script_that_is_missing_is_a_server_error(server, error_log):
    httpd = server('WSGIHandlerScript shout ${ROOT}/nowhere.py\nAddHandler shout .txt\n')
    page(httpd, 'page.txt')
    assert httpd.get('/page.txt').status == 500
    error_log.expect('GH0602: script .*nowhere.py cannot be read', 1)


def test_other_files_are_httpds_own(httpd, script):
    page(httpd, 'plain.html', 'plain\n')
    script.write('1 / 0\n')
    assert httpd.get('/plain.html').text == 'plain\n'


def test_handlers_of_directories_and_virtual_hosts_overlay_those_around(server):
    httpd = server('''
WSGIHandlerScript one ${ROOT}/main.py
WSGIHandlerScript two ${ROOT}/main.py
AddHandler one .one
AddHandler two .two
<Location /dir>
  WSGIHandlerScript one ${ROOT}/dir.py
</Location>
<VirtualHost *>
</VirtualHost>
<VirtualHost *>
  ServerName other
  WSGIHandlerScript two ${ROOT}/host.py
</VirtualHost>
''')
    for name in ('main', 'dir', 'host'):
        SideScript(httpd, f'{name}.py').write(
            f"def handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{name}']\n")
    for name in ('page.one', 'page.two', 'dir/page.one', 'dir/page.two'):
        page(httpd, name)
    answers = {host: [httpd.get(f'/{name}', host=host).text for name in ('page.one', 'page.two', 'dir/page.one', 'dir/page.two')]
               for host in ('127.0.0.1', 'other')}
    assert answers == {'127.0.0.1': ['main', 'main', 'dir', 'main'], 'other': ['main', 'host', 'dir', 'host']}


def test_groups_follow_directives_where_no_option_names_them(server):
    httpd = server('WSGIDaemonProcess one\nWSGIDaemonProcess two\nWSGIProcessGroup one\n'
                   'WSGIHandlerScript h ${ROOT}/h.py\nAddHandler h .txt\n'
                   '<Location /two>\nWSGIProcessGroup two\nWSGIApplicationGroup mine\n</Location>\n'
                   'WSGIHandlerScript v ${ROOT}/h.py process-group=%{ENV:WHERE}\nAddHandler v .var\nSetEnv WHERE two\n')
    SideScript(httpd, 'h.py').write(JSON)
    for name in ('page.txt', 'two/page.txt', 'page.var'):
        page(httpd, name)
    groups = [tuple(httpd.get(f'/{name}').json()[f'mod_wsgi.{kind}'] for kind in ('process_group', 'application_group'))
              for name in ('page.txt', 'two/page.txt', 'page.var')]
    assert groups == [('one', '127.0.0.1|/page.txt'), ('two', 'mine'), ('two', '127.0.0.1|/page.var')]


def test_a_dispatch_script_is_asked_for_handlers_too(server):
    httpd = server('WSGIDaemonProcess one\nWSGIHandlerScript h ${ROOT}/h.py\nAddHandler h .txt\n'
                   'WSGIDispatchScript ${ROOT}/dispatch.py\n')
    page(httpd, 'page.txt')
    SideScript(httpd, 'h.py').write(JSON)
    SideScript(httpd, 'dispatch.py').write("def process_group(environ):\n"
                                           "    return 'one' if environ['mod_wsgi.handler_script'].endswith('h.py') else None\n")
    assert httpd.get('/page.txt').json()['mod_wsgi.process_group'] == 'one'


def test_an_httpd_with_handlers_in_groups_only_carries_no_python(server):
    httpd = server('WSGIDaemonProcess one\nWSGIHandlerScript h ${ROOT}/h.py process-group=one\nAddHandler h .txt\n')
    page(httpd, 'page.txt')
    SideScript(httpd, 'h.py').write(JSON)
    assert httpd.get('/page.txt').status == 200
    libraries = {line for process in httpd.processes() if process.name == httpd.stage.httpd.name
                 for line in open(f'/proc/{process.pid}/maps') if 'libpython' in line}
    assert not libraries


def test_python_starts_in_the_children_for_a_hook_alone(server, error_log):
    httpd = server('<Location /private>\nWSGIAccessScript ${ROOT}/access.py\n</Location>\n')
    error_log.wait_for('GH0121')
    SideScript(httpd, 'access.py').returns('allow_access', 'True')
    page(httpd, 'private/page')
    wait_until(lambda: httpd.get('/private/page').status == 200, what='the page')
