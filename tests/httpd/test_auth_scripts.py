# SPDX-License-Identifier: Apache-2.0
"""WSGIAuthUserScript (Basic and Digest) and WSGIAuthGroupScript."""
import hashlib
import json
import subprocess

import pytest

from side_scripts import PLACES, SideScript, basic, fresh, page
from tls import make_certificate

MODULES = ('authn_core', 'auth_basic', 'auth_digest', 'authz_user', 'authn_file')

CONFIG = '''
{define}
<Location /basic>
  AuthType Basic
  AuthName "the realm"
  AuthBasicProvider wsgi
  WSGIAuthUserScript ${{ROOT}}/users.py {option}
  Require valid-user
</Location>
<Location /digest>
  AuthType Digest
  AuthName "the realm"
  AuthDigestProvider wsgi
  WSGIAuthUserScript ${{ROOT}}/users.py {option}
  Require valid-user
</Location>
<Location /groups>
  AuthType Basic
  AuthName "the realm"
  AuthBasicProvider wsgi
  WSGIAuthUserScript ${{ROOT}}/users.py {option}
  WSGIAuthGroupScript ${{ROOT}}/groups.py {option}
</Location>
<Location /groups/staff>
  Require wsgi-group staff "the board"
</Location>
<Location /groups/all>
  <RequireAll>
    Require wsgi-group staff
    Require wsgi-group blue
  </RequireAll>
</Location>
<Location /groups/any>
  <RequireAny>
    Require wsgi-group staff
    Require user bob
  </RequireAny>
</Location>
<Location /groups/not>
  <RequireAll>
    Require valid-user
    Require not wsgi-group staff
  </RequireAll>
</Location>
WSGIScriptAlias /basic/app ${{APPS}}/environ_json.wsgi {app}
'''
PAGES = ('basic/page', 'digest/page', *(f'groups/{name}/page' for name in ('staff', 'all', 'any', 'not')))
ALL_BYTES = bytes(byte for byte in range(256) if byte not in b'\0\r\n')


@pytest.fixture(scope='module', params=PLACES)
def httpd(module_server, request):
    define, option = PLACES[request.param]
    server = module_server(CONFIG.format(define=define, option=option, app=option), modules=MODULES)
    for name in PAGES:
        page(server, name)
    return server


@pytest.fixture(scope='module')
def users(httpd):
    return SideScript(httpd, 'users.py')


@pytest.fixture(scope='module')
def groups(httpd):
    return SideScript(httpd, 'groups.py')


def status(httpd, path, user='bob', password='secret'):
    return httpd.get(path, basic(user, password)).status


# --- Basic

@pytest.mark.parametrize('result, expected', [('True', 200), ('False', 401), ('None', 401), ("'alice'", 200)])
def test_check_password_decides(httpd, users, error_log, result, expected):
    error_log.allow('AH0161[78]')
    users.returns('check_password', result)
    assert status(httpd, '/basic/page') == expected


def test_check_password_gets_user_and_password(httpd, users):
    users.returns('check_password', "a == ('bob', 'a:b')")
    assert status(httpd, '/basic/page', password='a:b') == 200


def test_a_name_that_it_returns_becomes_the_user(httpd, users):
    users.returns('check_password', "'caf\\xe9'")
    assert httpd.get('/basic/app', basic('bob', 'x')).json()['REMOTE_USER'] == 'caf\xe9'
    users.returns('check_password', 'True')
    assert httpd.get('/basic/app', basic('bob', 'x')).json()['REMOTE_USER'] == 'bob'


@pytest.mark.parametrize('result, named', [('1', 'int'), ("''", 'an empty str'), ("b'bob'", 'bytes'), ("'a\\0b'", 'a text with a NUL')])
def test_another_result_is_a_server_error_and_told(httpd, users, error_log, result, named):
    users.returns('check_password', result)
    assert status(httpd, '/basic/page') == 500
    error_log.expect(rf'GH0230: WSGIAuthUserScript .*users.py: check_password\(\) returned {named}', 1)


def test_an_exception_is_a_server_error_with_a_traceback(httpd, users, error_log):
    users.returns('check_password', '1 / 0')
    assert status(httpd, '/basic/page') == 500
    error_log.expect_traceback('ZeroDivisionError: division by zero')


def test_a_script_without_check_password_is_a_server_error(httpd, users, error_log):
    users.returns('get_realm_hash', 'None')
    assert status(httpd, '/basic/page') == 500
    error_log.expect(r'GH0230: .*users.py: check_password\(\) is not defined', 1)


@pytest.mark.parametrize('place', PLACES)
def test_a_script_that_does_not_import_is_a_server_error(server, error_log, place):
    httpd = fresh(server, CONFIG, place, modules=MODULES)
    page(httpd, 'basic/page')
    SideScript(httpd, 'users.py').write('import no_such_module\n')
    assert status(httpd, '/basic/page') == 500
    error_log.expect_traceback("ModuleNotFoundError: No module named 'no_such_module'")


def test_without_credentials_nobody_is_asked(httpd, users):
    users.returns('check_password', '1 / 0')
    response = httpd.get('/basic/page')
    assert response.status == 401 and response.header('WWW-Authenticate') == 'Basic realm="the realm"'


def test_the_credentials_are_not_in_environ(httpd, users):
    users.returns('check_password', "not [k for k, v in environ.items() if 'AUTHORIZATION' in k]")
    assert status(httpd, '/basic/page') == 200


def test_every_byte_may_be_in_user_and_password(httpd, users):
    text = repr(ALL_BYTES.decode('latin-1').replace(':', ''))
    users.returns('check_password', f'a == ({text}, {ALL_BYTES.decode("latin-1")!r})')
    assert status(httpd, '/basic/page', ALL_BYTES.replace(b':', b''), ALL_BYTES) == 200


def test_bytes_of_credentials_one_by_one(httpd, users, error_log):
    error_log.allow('AH0161[78]|AH0')
    users.returns('check_password', "a[0] == a[1]")
    for byte in range(1, 256):
        one = bytes([byte])
        if one == b':':
            continue
        assert status(httpd, '/basic/page', b'a' + one, b'a' + one) == 200, byte


def test_a_user_beyond_latin1_is_an_exception(httpd, users, error_log):
    users.returns('check_password', "'\\u20ac'")
    assert status(httpd, '/basic/page') == 500
    error_log.expect_traceback('UnicodeEncodeError')


def test_a_changed_script_counts_at_once(httpd, users, error_log):
    error_log.allow('AH0161[78]')
    for password in ('one', 'two', 'three'):
        users.returns('check_password', f"a[1] == '{password}'")
        assert [status(httpd, '/basic/page', password=given) for given in (password, 'old')] == [200, 401]


def test_the_next_provider_is_asked_about_a_user_that_is_not_known(server, error_log):
    httpd = server('<Location />\nAuthType Basic\nAuthName x\nAuthBasicProvider wsgi file\nAuthUserFile ${ROOT}/passwd\n'
                   'WSGIAuthUserScript ${ROOT}/users.py\nRequire valid-user\n</Location>\n', modules=MODULES)
    page(httpd, 'page')
    digest = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='  # secret
    (httpd.root / 'passwd').write_text(f'file:{digest}\nbob:{digest}\n')
    SideScript(httpd, 'users.py').returns('check_password', "None if a[0] == 'file' else a[1] == 'script'")
    error_log.allow('AH01617')
    assert [status(httpd, '/page', *pair) for pair in (('file', 'secret'), ('bob', 'script'), ('bob', 'secret'))] == \
        [200, 200, 401]


def test_a_provider_may_have_an_alias(server, error_log):
    httpd = server('''
<AuthnProviderAlias wsgi first>
  WSGIAuthUserScript ${ROOT}/first.py
</AuthnProviderAlias>
<AuthnProviderAlias wsgi second>
  WSGIAuthUserScript ${ROOT}/second.py
</AuthnProviderAlias>
<Location />
  AuthType Basic
  AuthName x
  AuthBasicProvider first second
  Require valid-user
</Location>
''', modules=MODULES)
    page(httpd, 'page')
    SideScript(httpd, 'first.py').returns('check_password', "True if a[0] == 'one' else None")
    SideScript(httpd, 'second.py').returns('check_password', "a[0] == 'two'")
    error_log.allow('AH0161[78]')
    assert [status(httpd, '/page', user) for user in ('one', 'two', 'three')] == [200, 200, 401]


def test_a_provider_without_a_script_is_told(server, error_log):
    httpd = server('<Location />\nAuthType Basic\nAuthName x\nAuthBasicProvider wsgi\nRequire valid-user\n</Location>\n',
                   modules=MODULES)
    page(httpd, 'page')
    assert status(httpd, '/page') == 500
    error_log.expect('GH0231: .*WSGIAuthUserScript', 1)


def test_a_script_without_a_process_group_runs_beside_wsgirestrictembedded(server):
    httpd = server('WSGIRestrictEmbedded On\n<Location />\nAuthType Basic\nAuthName x\nAuthBasicProvider wsgi\n'
                   'WSGIAuthUserScript ${ROOT}/users.py\nRequire valid-user\n</Location>\n', modules=MODULES)
    page(httpd, 'page')
    SideScript(httpd, 'users.py').returns('check_password', 'True')
    assert status(httpd, '/page') == 200


def test_virtual_hosts_have_their_own_scripts(server, error_log):
    host = '''
<VirtualHost *>
  ServerName {name}
  WSGIDaemonProcess {name}
  <Location />
    AuthType Basic
    AuthName x
    AuthBasicProvider wsgi
    WSGIAuthUserScript ${{ROOT}}/{name}.py process-group={name}
    Require valid-user
  </Location>
</VirtualHost>
'''
    httpd = server(host.format(name='one') + host.format(name='two'), modules=MODULES)
    page(httpd, 'page')
    error_log.allow('AH0161[78]')
    for name in ('one', 'two'):
        SideScript(httpd, f'{name}.py').returns('check_password', f"a[1] == environ['mod_wsgi.process_group'] == '{name}'")
    answers = [httpd.get('/page', basic('bob', password), host=host).status
               for host in ('one', 'two') for password in ('one', 'two')]
    assert answers == [200, 401, 401, 200]


def test_internal_redirects_keep_the_user(server):
    httpd = server('WSGIScriptAlias /app ${APPS}/environ_json.wsgi\nRewriteEngine On\n<Location />\nAuthType Basic\nAuthName x\n'
                   'AuthBasicProvider wsgi\nWSGIAuthUserScript ${ROOT}/users.py\nRequire valid-user\n</Location>\n'
                   '<Directory ${ROOT}/htdocs>\nRewriteEngine On\nRewriteRule ^moved$ /app/x [PT]\n</Directory>\n', modules=MODULES)
    SideScript(httpd, 'users.py').returns('check_password', "'renamed'")
    environ = httpd.get('/moved', basic('bob', 'x')).json()
    assert environ['REMOTE_USER'] == 'renamed' and environ['AUTH_TYPE'] == 'Basic'


# --- Digest

def realm_hash(user='bob', realm='the realm', password='secret'):
    return hashlib.md5(f'{user}:{realm}:{password}'.encode('latin-1')).hexdigest()


def digest_get(httpd, path, user='bob', password='secret'):
    done = subprocess.run(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--digest', '-u', f'{user}:{password}',
                           f'http://127.0.0.1:{httpd.port}{path}'], capture_output=True, text=True, timeout=30)
    return int(done.stdout)


@pytest.mark.parametrize('form', ["'{}'", "b'{}'"])
def test_get_realm_hash_gives_the_hash(httpd, users, error_log, form):
    error_log.allow('AH0179[0-9]')
    users.returns('get_realm_hash', f"{form.format(realm_hash())} if a == ('bob', 'the realm') else None")
    assert [digest_get(httpd, '/digest/page'), digest_get(httpd, '/digest/page', password='wrong'),
            digest_get(httpd, '/digest/page', user='eve')] == [200, 401, 401]


@pytest.mark.parametrize('result, named', [('True', 'True'), ("''", 'an empty str'), ('7', 'int'), ("b''", 'empty bytes')])
def test_another_hash_is_a_server_error(httpd, users, error_log, result, named):
    users.returns('get_realm_hash', result)
    assert digest_get(httpd, '/digest/page') == 500
    error_log.expect(rf'GH0230: .*get_realm_hash\(\) returned {named}; return the MD5', 1)


def test_an_exception_in_get_realm_hash_is_a_server_error(httpd, users, error_log):
    users.returns('get_realm_hash', '[][0]')
    assert digest_get(httpd, '/digest/page') == 500
    error_log.expect_traceback('IndexError: list index out of range')


def test_a_script_without_get_realm_hash_is_a_server_error(httpd, users, error_log):
    users.returns('check_password', 'True')
    assert digest_get(httpd, '/digest/page') == 500
    error_log.expect(r'GH0230: .*get_realm_hash\(\) is not defined', 1)


def test_every_byte_of_user_and_realm_is_survived(httpd, users, error_log):
    error_log.allow('AH017[0-9]{2}')
    users.returns('get_realm_hash', 'None')
    for byte in range(1, 256):
        if byte in b'\r\n':
            continue
        one = bytes([byte])
        for user, realm in ((b'a' + one, b'the realm'), (b'a', b'the realm' + one)):
            head = (b'GET /digest/page HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Digest username="' +
                    user + b'", realm="' + realm + b'", nonce="x", uri="/digest/page", response="' + b'0' * 32 + b'"\r\n\r\n')
            assert httpd.raw(head).split(b' ', 2)[1] in (b'400', b'401'), byte


# --- Groups

@pytest.fixture
def granted(httpd, users, groups):
    """Status of a page for a user whose groups are an expression's."""
    users.returns('check_password', 'True')

    def get(path, expression, user='bob'):
        groups.returns('groups_for_user', expression)
        return status(httpd, path, user)
    return get


@pytest.mark.parametrize('expression', ["['staff']", "('a', 'the board')", "{'staff': 1}", "[b'staff']", "(g for g in ['staff'])",
                                        "{'staff', 'b'}"])
def test_a_user_in_one_of_the_groups_is_let_in(granted, expression):
    assert granted('/groups/staff/page', expression) == 200


@pytest.mark.parametrize('expression', ['[]', "['Staff']", "['staff ']", "['other', 'board']"])
def test_a_user_in_none_of_them_is_not(granted, error_log, expression):
    error_log.allow('AH01631')
    assert granted('/groups/staff/page', expression) == 401


@pytest.mark.parametrize('expression, named', [('None', 'None'), ('True', 'True'), ("'staff'", 'a str'), ('7', 'int')])
def test_what_is_no_list_denies_and_is_told(granted, error_log, expression, named):
    error_log.allow('AH01631')
    assert granted('/groups/staff/page', expression) == 401
    error_log.expect(rf'GH0230: WSGIAuthGroupScript .*groups.py: groups_for_user\(\) returned {named}; return a list', 1)


@pytest.mark.parametrize('expression, exception', [('1 / 0', 'ZeroDivisionError'), ('[1]', 'TypeError: .*not int'),
                                                   ("['\\u20ac']", 'UnicodeEncodeError')])
def test_an_exception_denies_with_a_traceback(granted, error_log, expression, exception):
    error_log.allow('AH01631')
    assert granted('/groups/staff/page', expression) == 401
    error_log.expect_traceback(exception)


@pytest.mark.parametrize('place', PLACES)
def test_a_group_script_that_does_not_import_denies(server, error_log, place):
    httpd = fresh(server, CONFIG, place, modules=MODULES)
    page(httpd, 'groups/staff/page')
    error_log.allow('AH01631')
    SideScript(httpd, 'users.py').returns('check_password', 'True')
    SideScript(httpd, 'groups.py').write('1 / 0\n')
    assert status(httpd, '/groups/staff/page') == 401
    error_log.expect_traceback('ZeroDivisionError')


def test_groups_combine(granted, error_log):
    error_log.allow('AH01631')
    groups_of = "{'bob': [], 'eve': ['staff'], 'ann': ['staff', 'blue']}[a[0]]"
    found = {path: [granted(f'/groups/{path}/page', groups_of, user) for user in ('bob', 'eve', 'ann')]
             for path in ('all', 'any', 'not')}
    assert found == {'all': [401, 401, 200], 'any': [200, 200, 200], 'not': [200, 401, 401]}


def test_a_group_and_a_user_of_any_bytes(granted):
    name = ALL_BYTES.replace(b':', b'').decode('latin-1')
    assert granted('/groups/staff/page', f"['staff'] if a[0] == {name!r} else []", ALL_BYTES.replace(b':', b'')) == 200


def test_groups_without_a_script_deny_and_are_told(server, error_log):
    httpd = server('<Location />\nAuthType Basic\nAuthName x\nAuthBasicProvider wsgi\n'
                   'WSGIAuthUserScript ${ROOT}/users.py\nRequire wsgi-group staff\n</Location>\n', modules=MODULES)
    page(httpd, 'page')
    SideScript(httpd, 'users.py').returns('check_password', 'True')
    error_log.allow('AH01631')
    assert status(httpd, '/page') == 401
    error_log.expect('GH0231: .*WSGIAuthGroupScript', 1)


def test_require_without_a_group_is_refused(configtest):
    code, output = configtest('<Location />\nRequire wsgi-group\n</Location>\n')
    assert code != 0 and 'wsgi-group' in output and 'at least one' in output


def test_users_and_groups_may_be_named_in_htaccess(server, error_log):
    httpd = server('WSGIDaemonProcess hooks\n<Directory ${ROOT}/htdocs>\nAllowOverride AuthConfig\n</Directory>\n',
                   modules=MODULES)
    page(httpd, 'dir/page')
    users = SideScript(httpd, 'users.py').returns('check_password', "a[1] == 'secret'")
    groups = SideScript(httpd, 'groups.py').returns('groups_for_user', "['staff'] if a[0] == 'bob' else []")
    error_log.allow('AH01617|AH01631')
    for option in ('', ' process-group=hooks'):
        (httpd.root / 'htdocs/dir/.htaccess').write_text(
            f'AuthType Basic\nAuthName x\nAuthBasicProvider wsgi\nWSGIAuthUserScript {users.path}{option}\n'
            f'WSGIAuthGroupScript {groups.path}{option}\nRequire wsgi-group staff\n')
        assert [status(httpd, '/dir/page', *pair) for pair in (('bob', 'secret'), ('bob', 'x'), ('eve', 'secret'))] == \
            [200, 401, 401], option


# --- TLS

def test_mod_ssl_tells_scripts_of_the_connection(server, tmp_directory, error_log):
    key, certificate = tmp_directory / 'key.pem', tmp_directory / 'cert.pem'
    make_certificate(key, certificate)
    httpd = server(f'''
WSGIDaemonProcess hooks
SSLEngine On
SSLCertificateFile {certificate}
SSLCertificateKeyFile {key}
<Location /embedded>
  WSGIAccessScript ${{ROOT}}/access.py
</Location>
<Location /daemon>
  WSGIAccessScript ${{ROOT}}/access.py process-group=hooks
</Location>
''', modules=('ssl', 'socache_shmcb'))
    script = SideScript(httpd, 'access.py').write(
        'import json\ndef allow_access(environ, host):\n'
        "    look = environ['mod_ssl.var_lookup']\n"
        "    print('ssl ' + json.dumps([environ['mod_ssl.is_https'](), look('SSL_PROTOCOL')[:4], look('SSL_SERVER_S_DN_CN'),\n"
        "                               look('NO_SUCH') or None]), file=environ['wsgi.errors'])\n"
        '    return True\n')
    error_log.expect('ssl \\[', 2)
    for place in ('embedded', 'daemon'):
        page(httpd, f'{place}/page')
        subprocess.run(['curl', '-sk', f'https://127.0.0.1:{httpd.port}/{place}/page'], check=True, capture_output=True)
    lines = [json.loads(line.text.partition('ssl ')[2]) for line in error_log.matching('ssl \\[')]
    assert lines == [[1, 'TLSv', 'localhost', None]] * 2 and script.path.exists()
