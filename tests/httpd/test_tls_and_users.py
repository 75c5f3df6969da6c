# SPDX-License-Identifier: Apache-2.0
"""mod_ssl, mod_http2 over TLS, mod_auth_basic and mod_auth_digest: what the application learns of the connection and the
user."""
import base64
import hashlib
import re
import ssl
import subprocess

import pytest

from conftest import stop_clean
from http2 import Http2Connection
from raw_http import Closed, Connection
from tls import make_certificate

CONFIG = '''
Protocols h2 http/1.1
SSLSessionCache none
WSGIDaemonProcess one
WSGIScriptAliasMatch ^/(?:\\w+/)?embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/(?:\\w+/)?daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}
<VirtualHost *>
ServerName localhost
SSLEngine On
SSLCertificateFile ${ROOT}/server.pem
SSLCertificateKeyFile ${ROOT}/server.key
SSLCACertificateFile ${ROOT}/server.pem
SSLVerifyClient optional
SSLVerifyDepth 1
<Location /std>
SSLOptions +StdEnvVars
</Location>
<Location /exported>
SSLOptions +StdEnvVars +ExportCertData
</Location>
<Location /needed>
SSLOptions +StdEnvVars
SSLRequire %{SSL_CLIENT_S_DN_CN} eq "localhost"
</Location>
<Location /basic>
AuthType Basic
AuthName "by password"
AuthUserFile ${ROOT}/users
Require valid-user
</Location>
<Location /digest>
AuthType Digest
AuthName realm
AuthUserFile ${ROOT}/digests
Require valid-user
</Location>
<Location /only>
AuthType Basic
AuthName "by password"
AuthUserFile ${ROOT}/users
Require user anna
</Location>
</VirtualHost>
'''
USERS = {'anna': 'pass word', 'bertö': 'p:ä'}


@pytest.fixture(scope='module')
def httpd(servers):
    server = servers.make(CONFIG, modules=('ssl', 'http2', 'socache_shmcb', 'auth_basic', 'auth_digest', 'authn_core',
                                           'authn_file', 'authz_user'))
    make_certificate(server.root / 'server.key', server.root / 'server.pem', '/CN=localhost/O=Tests')
    for user, password in USERS.items():
        subprocess.run(['htpasswd', '-b', *([] if (server.root / 'users').exists() else ['-c']), '-s', server.root / 'users',
                        user, password], check=True, capture_output=True)
    (server.root / 'digests').write_text('anna:realm:' + hashlib.md5(b'anna:realm:pass word').hexdigest() + '\n')
    server.start()
    yield server
    stop_clean(servers, server)


@pytest.fixture(params=[f'{mode}-{protocol}' for mode in ('embedded', 'daemon') for protocol in ('http/1.1', 'h2')])
def ask(httpd, request):
    """A response over TLS, with the server's own certificate as the client's if that is wanted."""
    mode, protocol = request.param.split('-')

    def ask(place, app='environ_json', headers=(), method='GET', body=b'', certificate=False):
        context = ssl.create_default_context(cafile=httpd.root / 'server.pem')
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        if certificate:
            context.load_cert_chain(httpd.root / 'server.pem', httpd.root / 'server.key')
        path = f'/{place}/{mode}/{app}'
        if protocol == 'h2':
            with Http2Connection(httpd.port, tls=context) as connection:
                return connection.request(method, path, headers, body)
        with Connection(httpd.port) as connection:
            connection.wrap(context)
            return connection.request(method, path, headers, body)
    ask.protocol, ask.mode = protocol, mode
    return ask


def credentials(user, password):
    return {'Authorization': 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()}


def test_https_is_the_scheme(ask):
    environ = ask('std').json()
    assert (environ['wsgi.url_scheme'], environ['REQUEST_SCHEME']) == ('https', 'https') and 'HTTPS' not in environ
    assert environ['SERVER_PROTOCOL'] == ('HTTP/2.0' if ask.protocol == 'h2' else 'HTTP/1.1')


def test_stdenvvars_tell_of_the_connection(ask):
    environ = ask('std').json()
    assert environ['SSL_SERVER_S_DN_CN'] == 'localhost' and environ['SSL_PROTOCOL'].startswith('TLSv1.')
    assert environ['SSL_CIPHER'] and environ['SSL_CLIENT_VERIFY'] == 'NONE' and 'SSL_SERVER_CERT' not in environ


def test_without_stdenvvars_nothing_of_it_is_told(ask):
    environ = ask('plain').json()
    assert environ['wsgi.url_scheme'] == 'https' and 'SSL_PROTOCOL' not in environ and 'SSL_CIPHER' not in environ


def test_the_certificates_are_told_whole(ask, httpd):
    environ = ask('exported', certificate=True).json()
    assert environ['SSL_SERVER_CERT'] == environ['SSL_CLIENT_CERT'] == (httpd.root / 'server.pem').read_text()


def test_a_clients_certificate_is_told(ask):
    environ = ask('std', certificate=True).json()
    assert environ['SSL_CLIENT_VERIFY'] == 'SUCCESS' and environ['SSL_CLIENT_S_DN_CN'] == 'localhost'


def test_a_certificate_may_be_needed(ask, error_log):
    error_log.allow(r'AH\d{5}')
    assert ask('needed').status == 403
    assert ask('needed', certificate=True).json()['SSL_CLIENT_S_DN_O'] == 'Tests'


def test_bodies_over_tls(ask):
    # Several TLS records, yet sent before the answer is read: two threads must not use one TLS connection at a time.
    body = bytes(range(256)) * 240
    assert ask('plain', 'echo_body', (), 'POST', body).body == body
    response = ask('plain', 'input_ignored?1000000')
    assert response.complete and len(response.body) == 1_000_000


def test_a_cut_response_over_tls(ask, error_log):
    error_log.expect_traceback('RuntimeError: failed midway')
    error_log.allow(r'AH\d{5}')
    try:
        assert not ask('plain', 'generator_fails_midway').complete
    except Closed:
        assert ask.protocol == 'h2'  # the stream was reset before its head was sent


@pytest.mark.parametrize('user', USERS)
def test_basic(ask, user):
    environ = ask('basic', headers=credentials(user, USERS[user])).json()
    assert environ['REMOTE_USER'].encode('latin-1').decode() == user and environ['AUTH_TYPE'] == 'Basic'
    assert 'HTTP_AUTHORIZATION' not in environ


@pytest.mark.parametrize('user, password', [('anna', 'wrong'), ('nobody', 'x'), (None, None), ('', '')])
def test_basic_refuses(ask, error_log, user, password):
    error_log.allow(r'AH\d{5}')
    response = ask('basic', headers=credentials(user, password) if user is not None else {})
    assert response.status == 401 and response.header('WWW-Authenticate') == 'Basic realm="by password"'
    assert b'wsgi.version' not in response.body


def test_a_user_who_may_not(ask, error_log):
    error_log.allow(r'AH\d{5}')
    assert ask('only', headers=credentials('bertö', USERS['bertö'])).status == 401
    assert ask('only', headers=credentials('anna', USERS['anna'])).status == 200


def test_digest(ask, error_log):
    error_log.allow(r'AH\d{5}')
    uri = f'/digest/{ask.mode}/environ_json'
    challenge = ask('digest')
    assert challenge.status == 401
    nonce = re.search('nonce="([^"]+)"', challenge.header('WWW-Authenticate'))[1]

    def digest(password):
        first, second = (hashlib.md5(text.encode()).hexdigest() for text in (f'anna:realm:{password}', f'GET:{uri}'))
        answer = hashlib.md5(f'{first}:{nonce}:00000001:abc:auth:{second}'.encode()).hexdigest()
        return {'Authorization': f'Digest username="anna", realm="realm", nonce="{nonce}", uri="{uri}", algorithm=MD5, '
                                 f'qop=auth, nc=00000001, cnonce="abc", response="{answer}"'}
    environ = ask('digest', headers=digest('pass word')).json()
    assert (environ['REMOTE_USER'], environ['AUTH_TYPE']) == ('anna', 'Digest')
    assert ask('digest', headers=digest('wrong')).status == 401
