# SPDX-License-Identifier: Apache-2.0
"""WSGITrustedProxyHeaders and WSGITrustedProxies: what a proxy in front says counts, what others say does not."""
import http.client
import json
import re

import pytest

from processes import wait_until

# header, value, what it sets, to what; None: the value is refused
HEADERS = [
    ('X-Forwarded-For', '192.0.2.1', 'REMOTE_ADDR', '192.0.2.1'),
    ('X-Forwarded-For', 'client.example', 'REMOTE_ADDR', None),
    ('X-Client-IP', '[2001:db8::1]:4711', 'REMOTE_ADDR', '2001:db8::1'),
    ('X-Client-IP', 'localhost', 'REMOTE_ADDR', None),
    ('X-Real-IP', '2001:db8::1', 'REMOTE_ADDR', '2001:db8::1'),
    ('X-Real-IP', '192.0.2.1, 192.0.2.2', 'REMOTE_ADDR', None),
    ('X-Forwarded-Host', 'www.example.org:8443', 'HTTP_HOST', 'www.example.org:8443'),
    ('X-Forwarded-Host', 'evil.example/path', 'HTTP_HOST', None),
    ('X-Host', 'www.example.org', 'HTTP_HOST', 'www.example.org'),
    ('X-Host', '', 'HTTP_HOST', None),
    ('X-Forwarded-Server', 'front.example.org', 'SERVER_NAME', 'front.example.org'),
    ('X-Forwarded-Server', 'front:80', 'SERVER_NAME', None),
    ('X-Forwarded-Port', '443', 'SERVER_PORT', '443'),
    ('X-Forwarded-Port', '65536', 'SERVER_PORT', None),
    ('X-Script-Name', '/mounted', 'SCRIPT_NAME', '/mounted'),
    ('X-Script-Name', 'mounted', 'SCRIPT_NAME', None),
    ('X-Forwarded-Script-Name', '/mounted', 'SCRIPT_NAME', '/mounted'),
    ('X-Forwarded-Script-Name', '//evil.example', 'SCRIPT_NAME', None),
    ('X-Forwarded-Proto', 'https', 'wsgi.url_scheme', 'https'),
    ('X-Forwarded-Proto', 'ftp', 'wsgi.url_scheme', None),
    ('X-Forwarded-Scheme', 'HTTPS', 'wsgi.url_scheme', 'https'),
    ('X-Forwarded-Scheme', 'on', 'wsgi.url_scheme', None),
    ('X-Scheme', 'https', 'wsgi.url_scheme', 'https'),
    ('X-Scheme', '', 'wsgi.url_scheme', None),
    ('X-Forwarded-HTTPS', 'On', 'wsgi.url_scheme', 'https'),
    ('X-Forwarded-HTTPS', 'https', 'wsgi.url_scheme', None),
    ('X-Forwarded-SSL', 'true', 'wsgi.url_scheme', 'https'),
    ('X-Forwarded-SSL', 'yes', 'wsgi.url_scheme', None),
    ('X-HTTPS', '1', 'wsgi.url_scheme', 'https'),
    ('X-HTTPS', '2', 'wsgi.url_scheme', None),
]
NAMES = list(dict.fromkeys(name for name, *_ in HEADERS))
ALL = ' '.join(NAMES)

# X-Forwarded-For where 127.0.0.1, 10.0.0.0/8 and 2001:db8:1::/48 are trusted: the client, and what is left of it
CHAINS = [
    ('192.0.2.1', '192.0.2.1', '192.0.2.1'),
    ('192.0.2.1, 10.0.0.2', '192.0.2.1', '192.0.2.1, 10.0.0.2'),
    ('6.6.6.6, 192.0.2.1, 10.0.0.2', '192.0.2.1', '192.0.2.1, 10.0.0.2'),
    ('6.6.6.6, 192.0.2.1', '192.0.2.1', '192.0.2.1'),
    ('10.0.0.3, 10.0.0.2', '10.0.0.3', '10.0.0.3, 10.0.0.2'),
    (',, 192.0.2.1 ,, 10.0.0.2,', '192.0.2.1', '192.0.2.1, 10.0.0.2'),
    ('2001:db8:2::5, [2001:db8:1::1]:443', '2001:db8:2::5', '2001:db8:2::5, [2001:db8:1::1]:443'),
    ('192.0.2.1:4711, ::ffff:10.0.0.2', '192.0.2.1', '192.0.2.1:4711, ::ffff:10.0.0.2'),
    ('192.0.2.1, proxy.example', '127.0.0.1', None),
    (', ,', '127.0.0.1', None),
    ('', '127.0.0.1', None),
]


@pytest.fixture(scope='module')
def httpd(module_server):
    places = {
        'trusted': f'WSGITrustedProxyHeaders {ALL}\nWSGITrustedProxies 127.0.0.1 10.0.0.0/8\n'
                   'WSGITrustedProxies 2001:db8:1::/48\n',
        'untrusted': f'WSGITrustedProxyHeaders {ALL}\nWSGITrustedProxies 10.0.0.0/8 ::/0\n',
        'everyone': f'WSGITrustedProxyHeaders {ALL}\n',
        'none': '',
        'one': 'WSGITrustedProxyHeaders x-forwarded-host\nWSGITrustedProxies 127.0.0.0/255.0.0.0\n',
        'two': 'WSGITrustedProxyHeaders X-Forwarded-Host\nWSGITrustedProxyHeaders X-Host\n'
               'WSGITrustedProxies 127.0.0.1\n',
        'trusted/replaced': 'WSGITrustedProxyHeaders X-Forwarded-Port\n',
        'trusted/elsewhere': 'WSGITrustedProxies 10.0.0.1\n',
        'https': 'SetEnv HTTPS on\nWSGITrustedProxyHeaders X-Forwarded-Proto\nWSGITrustedProxies 127.0.0.1\n',
    }
    locations = ''.join(f'<Location /{place}>\n{lines}</Location>\n' for place, lines in places.items())
    return module_server('WSGIDaemonProcess one\n'
                         'WSGIScriptAliasMatch ^/(.+)/embedded ${APPS}/environ_json.wsgi\n'
                         'WSGIScriptAliasMatch ^/(.+)/daemon ${APPS}/environ_json.wsgi process-group=one\n' + locations)


@pytest.fixture(params=['embedded', 'daemon'])
def environ(httpd, request):
    """The environ of a request to a place with headers."""
    return lambda place, *headers: httpd.get(f'/{place}/{request.param}', headers).json()


def variable(header):
    return 'HTTP_' + header.upper().replace('-', '_')


@pytest.mark.parametrize('header, value, key, expected', HEADERS)
def test_a_trusted_proxys_header_sets_what_it_stands_for_or_is_removed(environ, header, value, key, expected):
    own = environ('trusted')
    seen = environ('trusted', (header, value))
    assert seen[key] == (own[key] if expected is None else expected)
    assert (variable(header) in seen) == (expected is not None)


@pytest.mark.parametrize('header, value, key, expected', HEADERS)
def test_a_header_of_somebody_else_is_removed_without_effect(environ, header, value, key, expected):
    seen = environ('untrusted', (header, value))
    assert seen[key] == environ('untrusted')[key] and variable(header) not in seen


@pytest.mark.parametrize('header, value, key, expected', HEADERS)
def test_without_a_list_of_headers_all_pass_without_effect(environ, header, value, key, expected):
    seen = environ('none', (header, value))
    assert seen[key] == environ('none')[key] and seen[variable(header)] == value


@pytest.mark.parametrize('chain, client, left', CHAINS)
def test_a_chain_is_walked_from_the_right(environ, chain, client, left):
    seen = environ('trusted', ('X-Forwarded-For', chain))
    assert (seen['REMOTE_ADDR'], seen.get('HTTP_X_FORWARDED_FOR')) == (client, left)


def test_a_repeated_header_is_one_chain(environ):
    seen = environ('trusted', ('X-Forwarded-For', '6.6.6.6'), ('X-Forwarded-For', '192.0.2.1'))
    assert (seen['REMOTE_ADDR'], seen['HTTP_X_FORWARDED_FOR']) == ('192.0.2.1', '192.0.2.1')


def test_without_a_list_of_proxies_the_first_of_a_chain_is_the_client(environ):
    seen = environ('everyone', ('X-Forwarded-For', '192.0.2.1, 6.6.6.6'))
    assert (seen['REMOTE_ADDR'], seen['HTTP_X_FORWARDED_FOR']) == ('192.0.2.1', '192.0.2.1, 6.6.6.6')


def test_a_script_name_is_told_as_mount_point_and_leaves_the_rest(environ):
    own = environ('trusted')
    seen = environ('trusted', ('X-Script-Name', '/mounted'))
    assert seen['mod_wsgi.mount_point'] == '/mounted' and 'mod_wsgi.mount_point' not in own
    assert seen['PATH_INFO'] == own['PATH_INFO'] and seen['mod_wsgi.script_name'] == own['SCRIPT_NAME']


def test_scheme_and_port_of_this_connection_stay_told(environ):
    own = environ('trusted')
    seen = environ('trusted', ('X-Forwarded-Proto', 'https'), ('X-Forwarded-Port', '443'))
    assert (seen['REQUEST_SCHEME'], seen['mod_wsgi.listener_port']) == ('http', own['mod_wsgi.listener_port'])


@pytest.mark.parametrize('value, scheme', [('http', 'http'), ('https', 'https'), ('other', 'https')])
def test_the_proxys_word_on_the_scheme_wins_over_https(environ, value, scheme):
    assert environ('https', ('X-Forwarded-Proto', value))['wsgi.url_scheme'] == scheme


def test_the_last_of_synonyms_in_the_configurations_order_wins_and_stays(environ):
    seen = environ('two', ('X-Host', 'last.example'), ('X-Forwarded-Host', 'first.example'))
    assert (seen['HTTP_HOST'], seen['HTTP_X_HOST']) == ('last.example', 'last.example')
    assert 'HTTP_X_FORWARDED_HOST' not in seen


def test_synonyms_that_are_not_listed_are_removed_and_other_kinds_left_alone(environ):
    seen = environ('one', ('X-Host', 'evil.example'), ('X-Forwarded-Proto', 'https'), ('X-Real-IP', '192.0.2.1'))
    assert seen['HTTP_HOST'] == '127.0.0.1' and 'HTTP_X_HOST' not in seen
    assert (seen['HTTP_X_FORWARDED_PROTO'], seen['HTTP_X_REAL_IP']) == ('https', '192.0.2.1')
    assert (seen['wsgi.url_scheme'], seen['REMOTE_ADDR']) == ('http', '127.0.0.1')


def test_a_list_in_an_inner_section_replaces_the_outer_one(environ):
    seen = environ('trusted/replaced', ('X-Forwarded-Port', '443'), ('X-Real-IP', '192.0.2.1'))
    assert (seen['SERVER_PORT'], seen['REMOTE_ADDR']) == ('443', '127.0.0.1')
    seen = environ('trusted/elsewhere', ('X-Forwarded-Port', '443'))
    assert seen['SERVER_PORT'] != '443'


def test_a_htaccess_file_may_hold_both_lists(server, tmp_directory, stage):
    (tmp_directory / 'app.wsgi').write_bytes((stage.apps / 'environ_json.wsgi').read_bytes())
    (tmp_directory / '.htaccess').write_text('WSGITrustedProxyHeaders X-Real-IP X-No-Such\nWSGITrustedProxies ::1 127.0.0.1\n')
    httpd = server(f'WSGIScriptAlias / {tmp_directory}/app.wsgi\n'
                   f'<Directory {tmp_directory}>\nAllowOverride FileInfo\n</Directory>\n')
    for _ in range(3):
        assert httpd.get('/', {'X-Real-IP': '192.0.2.1'}).json()['REMOTE_ADDR'] == '192.0.2.1'


def test_what_a_proxy_appends_counts_and_what_its_client_claims_does_not(server):
    """httpd's own proxy in front, on 127.0.0.1; its client, on 127.0.0.2, may also name the header in Connection."""
    config = ('WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Host\nWSGITrustedProxies 127.0.0.1\n'
              'WSGIScriptAlias /app ${{APPS}}/environ_json.wsgi\n{proxy}')
    httpd = server(config.format(proxy=''), modules=('proxy', 'proxy_http'))
    httpd.configure(config.format(proxy=f'ProxyPass /front http://127.0.0.1:{httpd.port}/app\n'))
    httpd.graceful()
    wait_until(lambda: httpd.get('/front').status == 200, what='the proxy is in front')
    for connection in ('close', 'close, X-Forwarded-For'):
        client = http.client.HTTPConnection('127.0.0.1', httpd.port, source_address=('127.0.0.2', 0))
        client.request('GET', '/front', headers={'Host': 'www.example.org', 'Connection': connection,
                                                 'X-Forwarded-For': '6.6.6.6'})
        seen = json.loads(client.getresponse().read())
        assert (seen['REMOTE_ADDR'], seen['HTTP_HOST']) == ('127.0.0.2', 'www.example.org')


def test_headers_without_proxies_are_warned_of_once(configtest):
    config = '<Location /a>\nWSGITrustedProxyHeaders X-Real-IP\n</Location>\nWSGITrustedProxyHeaders X-Host X-Real-IP\n'
    status, output = configtest(config)
    assert status == 0 and len(re.findall(r'warn\].*GH0131: .*httpd\.conf:\d+.*WSGITrustedProxies', output)) == 1, output


@pytest.mark.parametrize('config', [
    'WSGITrustedProxyHeaders X-Real-IP\nWSGITrustedProxies 10.0.0.1\n',
    'WSGITrustedProxies 10.0.0.1\n<VirtualHost *>\nWSGITrustedProxyHeaders X-Real-IP\n</VirtualHost>\n'])
def test_headers_with_proxies_are_not_warned_of(configtest, config):
    assert configtest(config) == (0, 'Syntax OK\n')


def test_the_proxies_of_another_virtual_host_do_not_count(configtest):
    _, output = configtest('<VirtualHost *>\nServerName a\nWSGITrustedProxyHeaders X-Real-IP\n</VirtualHost>\n'
                           '<VirtualHost *>\nServerName b\nWSGITrustedProxies 10.0.0.1\n</VirtualHost>\n')
    assert 'GH0131' in output


def test_a_header_that_nobody_knows_is_warned_of_and_accepted(configtest):
    status, output = configtest('WSGITrustedProxyHeaders X-Forwarded-Fro X-Real-IP\nWSGITrustedProxies ::1\n')
    assert status == 0 and re.search(r'warn\].*GH0132: .*X-Forwarded-Fro at .*httpd\.conf:\d+', output), output


@pytest.mark.parametrize('value', ['proxy.example', '10.0.0.0/33', '10.0.0', '::/129', '10.0.0.0/255.0.255.0'])
def test_what_is_no_address_is_refused(configtest, value):
    status, output = configtest(f'WSGITrustedProxies 10.0.0.1 {value}\n')
    assert status != 0 and 'WSGITrustedProxies' in output and value in output


@pytest.mark.parametrize('directive', ['WSGITrustedProxies', 'WSGITrustedProxyHeaders'])
def test_a_list_may_not_be_empty(configtest, directive):
    status, output = configtest(directive + '\n')
    assert status != 0 and directive in output
