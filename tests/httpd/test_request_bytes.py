# SPDX-License-Identifier: Apache-2.0
"""Every byte that a client may put into a path, a query, a header or credentials arrives as it is, or is refused; and no
name of a client's or of the configuration's takes the place of what httpd knows."""
import base64

import pytest

from clients import Wire

CONFIG = '''
Protocols h2c http/1.1
MaxKeepAliveRequests 0
WSGIDaemonProcess one
WSGIScriptAliasMatch ^/(?:encoded/|decoded/)?embedded/(\\w+)(.*)$ ${APPS}/$1.wsgi$2 application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/(?:encoded/|decoded/)?daemon/(\\w+)(.*)$ ${APPS}/$1.wsgi$2 process-group=one application-group=%{GLOBAL}
<VirtualHost *>
  ServerName default
</VirtualHost>
<VirtualHost *>
  ServerName encoded
  AllowEncodedSlashes On
</VirtualHost>
<VirtualHost *>
  ServerName nodecode
  AllowEncodedSlashes NoDecode
</VirtualHost>
<VirtualHost *>
  ServerName shadowed
  RequestHeader set Proxy evil
  RequestHeader set X_Known evil
  RequestHeader set Remote-User evil
  RequestHeader set Https on
  RequestHeader set Wsgi.Input evil
  RequestHeader set Mod_Wsgi.Process_Group evil
  SetEnv HTTP_X_KNOWN configured
  SetEnv REMOTE_ADDR 6.6.6.6
  SetEnv SCRIPT_FILENAME evil
  SetEnv wsgi.url_scheme evil
  SetEnv mod_wsgi.process_group evil
  SetEnv CONTENT_LENGTH 99
</VirtualHost>
<VirtualHost *>
  ServerName basic
  <Location />
    WSGIPassAuthorization On
    AuthType Basic
    AuthName every-byte
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    Anonymous_VerifyEmail Off
    Require valid-user
  </Location>
</VirtualHost>
'''


@pytest.fixture(scope='module')
def httpd(module_server):
    return module_server(CONFIG, modules=('http2', 'auth_basic', 'authn_core', 'authn_anon', 'authz_user'))


@pytest.fixture(params=[f'{mode}-{protocol}' for mode in ('embedded', 'daemon') for protocol in ('h1', 'h2')])
def wire(httpd, request):
    mode, protocol = request.param.split('-')
    wire = Wire(httpd, f'/{mode}/', protocol)

    def get(path, headers=(), host='default'):
        wire.connection = wire.connection or wire.connect()
        response = wire.connection.request('GET', wire.prefix + path, headers, host=host)
        if response.closes:
            wire.close()
        return response

    wire.get = get
    yield wire
    wire.close()


@pytest.fixture
def raw(wire):
    """The status line's code and the environ for a request line that is sent as it is, on its own connection."""
    def raw(target, host='default'):
        with wire.server.connect() as connection:
            connection.send(b'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % (target, host.encode()))
            response = connection.response()
            return response.status, response.json() if response.status == 200 else None
    return raw


@pytest.mark.parametrize('host', ['default', 'encoded', 'nodecode'])
def test_each_byte_of_a_path(wire, error_log, host):
    error_log.allow(r'AH\d{5}')
    for byte in range(256):
        response = wire.get(f'environ_json/a%{byte:02x}z', host=host)
        if byte == 0 or byte == 0x2f and host == 'default':
            assert response.status == 404 if byte else response.status in (400, 404)
            continue
        environ = response.json()
        kept = byte == 0x2f and host == 'nodecode'
        assert environ['PATH_INFO'] == ('/a%2fz' if kept else f'/a{chr(byte)}z'), byte
        assert environ['REQUEST_URI'].endswith(f'/environ_json/a%{byte:02x}z')


@pytest.mark.parametrize('path', ['/../secret', '/%2e%2e/secret', '/..%2fsecret', '/a/%2e./secret', '/.%2e/.%2e/.%2e/secret',
                                  '/%252e%252e/secret', '/a//../../secret', '/..;/secret', '/%c0%ae%c0%ae/secret'])
def test_a_path_that_climbs_is_resolved_before_the_application_sees_it(wire, error_log, path):
    error_log.allow(r'AH\d{5}|GH0201: .*secret[.]wsgi does not exist')
    for host in ('default', 'encoded', 'nodecode'):
        response = wire.get('environ_json' + path, host=host)
        if response.status == 200:
            environ = response.json()
            assert '/../' not in environ['PATH_INFO'] and environ['SCRIPT_NAME'] == f'/{wire.mode}/environ_json'
            assert environ['SCRIPT_FILENAME'].endswith('/environ_json.wsgi')
        else:
            assert response.status in (400, 403, 404)


def test_each_byte_of_a_query(wire, raw):
    for byte in range(256):
        assert wire.get(f'environ_json?a%{byte:02x}z').json()['QUERY_STRING'] == f'a%{byte:02x}z'
        target = wire.path('environ_json?a').encode() + bytes([byte]) + b'z'
        if wire.is_http2 or byte in b'\r\n\t\0 #':
            continue
        status, environ = raw(target)
        assert status == 400 or environ['QUERY_STRING'] == f'a{chr(byte)}z', byte


def test_each_byte_of_a_header(wire):
    if wire.is_http2:
        pytest.skip('httpd lets an HTTP/2 library check this')
    for byte in range(256):
        with wire.server.connect() as connection:
            connection.send(b'GET %s HTTP/1.1\r\nHost: default\r\nX-Byte: a%cz\r\nConnection: close\r\n\r\n'
                            % (wire.path('environ_json').encode(), byte))
            response = connection.response()
        if byte in b'\n\r' or byte < 0x20 and byte != 9 or byte == 0x7f:
            assert response.status == 400, byte
        else:
            assert response.json()['HTTP_X_BYTE'] == f'a{chr(byte)}z', byte


def test_each_byte_of_user_and_password(wire, error_log):
    error_log.allow(r'AH\d{5}')
    for byte in range(256):
        if byte in b':\0\n\r':
            continue
        for user, password in ((b'u%cr' % byte, b'p'), (b'user', b'p%cd' % byte)):
            credentials = 'Basic ' + base64.b64encode(user + b':' + password).decode()
            response = wire.get('environ_json', {'Authorization': credentials}, host='basic')
            environ = response.json()
            assert environ['REMOTE_USER'] == user.decode('latin-1'), byte
            assert (environ['AUTH_TYPE'], environ['HTTP_AUTHORIZATION']) == ('Basic', credentials)


@pytest.mark.parametrize('name', ['Proxy', 'proxy', 'PROXY', 'pRoXy', 'Proxy_', '_Proxy', 'pro_xy'])
def test_no_header_becomes_http_proxy(wire, name):
    assert not [key for key in wire.get('environ_json', {name: 'evil'}).json() if 'PROXY' in key]


@pytest.mark.parametrize('name', ['X_Known', 'X.Known', 'x_known', 'X-Known_', 'X~Known', "X'Known", 'X+Known', 'X!Known'])
@pytest.mark.parametrize('order', [1, -1])
def test_no_two_headers_become_one_variable(wire, name, order):
    headers = [('X-Known', 'known'), (name, 'evil')][::order]
    environ = wire.get('environ_json', headers).json()
    assert environ['HTTP_X_KNOWN'] == 'known' and 'evil' not in environ.values()


@pytest.mark.parametrize('name, key', [('Wsgi.Input', 'wsgi.input'), ('Mod-Wsgi.Process-Group', 'mod_wsgi.process_group'),
                                       ('Remote-User', 'REMOTE_USER'), ('Https', 'HTTPS'), ('Script-Filename', 'SCRIPT_FILENAME'),
                                       ('Request-Method', 'REQUEST_METHOD'), ('Path-Info', 'PATH_INFO')])
def test_no_header_shadows_what_httpd_knows(wire, name, key):
    plain, environ = (wire.get('environ_json', headers).json() for headers in ({}, {name: 'evil'}))
    assert environ.get(key, '').split(' object at')[0] == plain.get(key, '').split(' object at')[0] != 'evil'


def test_no_configuration_shadows_what_httpd_knows(wire):
    environ = wire.get('environ_json', {'X-Known': 'known'}, host='shadowed').json()
    assert environ['HTTP_X_KNOWN'] == 'known' and environ['REMOTE_ADDR'] == '127.0.0.1'
    assert environ['SCRIPT_FILENAME'].endswith('/environ_json.wsgi') and environ['wsgi.url_scheme'] == 'http'
    assert environ['mod_wsgi.process_group'] == ('one' if wire.mode == 'daemon' else '')
    assert not [key for key in ('REMOTE_USER', 'HTTP_PROXY', 'HTTPS') if key in environ]
