# SPDX-License-Identifier: Apache-2.0
"""mod_headers, mod_deflate, mod_brotli, mod_ratelimit, mod_cache, mod_substitute, mod_buffer, mod_reqtimeout, mod_remoteip,
mod_status and mod_proxy around an application."""
import gzip
import json
import urllib.parse
import zlib

import pytest

from conftest import stop_clean
from processes import wait_until

CONFIG = '''
WSGIDaemonProcess one processes=1 threads=3
WSGIScriptAliasMatch ^/\\w+/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/\\w+/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}
ExtendedStatus On
<Location /server-status>
SetHandler server-status
</Location>
<Location /headers>
Header set X-Set set
Header always set X-Always always
Header append X-Own appended
Header unset X-Removed
Header edit Set-Cookie ^(.*)$ "$1; Secure"
RequestHeader set X-From-Httpd yes
RequestHeader unset X-Hidden
RequestHeader append X-Added more
</Location>
<Location /deflate>
SetOutputFilter DEFLATE
SetInputFilter DEFLATE
</Location>
<Location /bytype>
AddOutputFilterByType DEFLATE text/html
</Location>
<Location /brotli>
SetOutputFilter BROTLI_COMPRESS
</Location>
<Location /ratelimit>
SetOutputFilter RATE_LIMIT
SetEnv rate-limit 400
</Location>
<Location /substitute>
SetOutputFilter SUBSTITUTE
Substitute "s/Hello/Goodbye/"
</Location>
<Location /buffer>
SetOutputFilter BUFFER
SetInputFilter BUFFER
</Location>
CacheQuickHandler Off
CacheRoot ${ROOT}/cache
CacheIgnoreNoLastMod On
CacheDefaultExpire 600
CacheSocache shmcb:${ROOT}/run/cache(65536)
<Location /disk>
CacheEnable disk
</Location>
<Location /socache>
CacheEnable socache
</Location>
RemoteIPHeader X-Remote
RemoteIPInternalProxy 127.0.0.1
ProxyPass /proxied http://127.0.0.1:${PORT}
'''
MODULES = ('filter', 'deflate', 'brotli', 'ratelimit', 'substitute', 'buffer', 'cache', 'cache_disk', 'cache_socache',
           'socache_shmcb', 'status', 'proxy', 'proxy_http', 'remoteip')


@pytest.fixture(scope='module')
def httpd(servers):
    server = servers.make('', modules=MODULES)
    cache = server.root / 'cache'
    cache.mkdir()
    cache.chmod(0o777)
    server.configure(CONFIG.replace('${PORT}', str(server.port)))
    server.start()
    yield server
    stop_clean(servers, server)


@pytest.fixture(params=['embedded', 'daemon'])
def ask(httpd, request):
    def ask(place, app='hello', headers=(), method='GET', body=b'', on=httpd):
        return on.request(method, f'/{place}/{request.param}/{app}', headers, body)
    ask.mode, ask.server = request.param, httpd
    return ask


def plan(headers=(), blocks=('body',), status='200 OK'):
    return 'respond?' + urllib.parse.quote(json.dumps({'status': status, 'headers': list(headers), 'blocks': list(blocks)}))


def test_mod_headers_changes_a_response(ask):
    response = ask('headers', plan([('X-Own', 'own'), ('X-Removed', 'x'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')]))
    assert (response.header('X-Set'), response.header('X-Always')) == ('set', 'always')
    assert ', '.join(response.all('X-Own')) == 'own, appended' and response.header('X-Removed') is None
    assert response.all('Set-Cookie') == ['a=1; Secure', 'b=2; Secure']


def test_mod_headers_changes_a_request(ask):
    environ = ask('headers', 'environ_json', {'X-Hidden': 'x', 'X-Added': 'some'}).json()
    assert environ['HTTP_X_FROM_HTTPD'] == 'yes' and environ['HTTP_X_ADDED'] == 'some, more'
    assert 'HTTP_X_HIDDEN' not in environ


def test_always_is_set_on_errors_too(ask, error_log):
    error_log.expect_traceback('ValueError: raised on purpose')
    response = ask('headers', 'raises')
    assert (response.status, response.header('X-Always'), response.header('X-Set')) == (500, 'always', None)


@pytest.mark.parametrize('app', ['input_ignored?3000', 'input_ignored?300000'])
def test_mod_deflate_compresses_a_response(ask, app):
    plain = ask('plain', app).body
    response = ask('deflate', app, {'Accept-Encoding': 'gzip'})
    assert response.header('Content-Encoding') == 'gzip' and response.complete
    assert gzip.decompress(response.body) == plain


def test_mod_deflate_expands_a_request(ask):
    body = b'to be compressed ' * 1000
    response = ask('deflate', 'echo_body', {'Content-Encoding': 'gzip'}, 'POST', gzip.compress(body))
    assert response.body == body


@pytest.mark.parametrize('content_type, coded', [('text/html', True), ('text/html; charset=UTF-8', True), ('text/css', False)])
def test_a_filter_by_type_sees_the_applications_type(ask, content_type, coded):
    app = plan([('Content-Type', content_type), ('Content-Length', '900')], ['x' * 900])
    response = ask('bytype', app, {'Accept-Encoding': 'gzip'})
    assert (response.header('Content-Encoding') == 'gzip') == coded
    assert (gzip.decompress(response.body) if coded else response.body) == b'x' * 900


def test_a_response_that_is_cut_stays_cut_when_it_is_compressed(ask, error_log):
    error_log.expect_traceback('RuntimeError: failed midway')
    error_log.allow(r'AH\d{5}')
    with ask.server.connect() as connection:
        response = ask('deflate', 'generator_fails_midway', {'Accept-Encoding': 'gzip'}, on=connection)
        assert not response.complete
        assert zlib.decompressobj(31).decompress(response.body) in b'the first block'
        assert connection.is_closed()


def test_mod_brotli_compresses_a_response(ask):
    response = ask('brotli', 'input_ignored?50000', {'Accept-Encoding': 'br'})
    assert response.header('Content-Encoding') == 'br' and response.complete and len(response.body) < 5000


@pytest.mark.parametrize('place', ['ratelimit', 'buffer'])
@pytest.mark.parametrize('size', [10, 100_000])
def test_slowed_and_collected_bodies_arrive_whole(ask, place, size):
    response = ask(place, f'input_ignored?{size}')
    assert response.complete and len(response.body) == size
    body = bytes(range(256)) * (size // 256 + 1)
    assert ask(place, 'echo_body', (), 'POST', body).body == body


def test_mod_substitute_changes_the_body_and_its_length(ask):
    with ask.server.connect() as connection:
        for _ in range(2):
            assert ask('substitute', on=connection).text == 'Goodbye, world!\n'


@pytest.mark.parametrize('place', ['disk', 'socache'])
def test_mod_cache_keeps_a_response(ask, place):
    first = ask(place, 'counted').text
    wait_until(lambda: 'Age' in dict(ask(place, 'counted').headers), what='the response is in the cache')
    assert len({ask(place, 'counted').text for _ in range(5)}) == 1 and first
    assert ask(place, 'counted?other').text != ask(place, 'counted').text


@pytest.mark.parametrize('cache_control', ['no-store', 'private'])
@pytest.mark.parametrize('place', ['disk', 'socache'])
def test_mod_cache_obeys_the_application(ask, place, cache_control):
    answers = {ask(place, f'counted?{cache_control}').text for _ in range(3)}
    assert len(answers) == 3


@pytest.mark.parametrize('place', ['disk', 'socache'])
def test_mod_cache_keeps_no_response_that_was_cut(ask, error_log, place):
    error_log.expect_traceback('RuntimeError: failed midway', times=2)
    error_log.allow(r'AH\d{5}')
    for _ in range(2):
        assert not ask(place, 'generator_fails_midway').complete


def test_mod_remoteip_chooses_the_client(ask):
    environ = ask('plain', 'environ_json', {'X-Remote': '192.0.2.1, 192.0.2.7'}).json()
    assert environ['REMOTE_ADDR'] == '192.0.2.7' and 'HTTP_X_REMOTE' in environ


def test_mod_status_shows_a_request_in_hand(ask):
    with ask.server.connect() as connection:
        path = f'/plain/{ask.mode}/sleep?3'
        connection.send(b'GET %s HTTP/1.1\r\nHost: shown.example\r\n\r\n' % path.encode())
        row = wait_until(lambda: [row for row in ask.server.get('/server-status').text.split('<tr>') if path in row],
                         what='the request on the status page')[0]
        assert '<b>W</b>' in row
        assert connection.response().status == 200


def test_a_proxy_in_front_passes_all_of_it(ask):
    body = bytes(range(256)) * 500
    assert ask('proxied/plain', 'echo_body', (), 'POST', body).body == body
    environ = ask('proxied/plain', 'environ_json').json()
    assert environ['HTTP_X_FORWARDED_FOR'] == '127.0.0.1' and environ['SCRIPT_NAME'] == f'/plain/{ask.mode}/environ_json'


def test_a_proxy_in_front_sees_that_a_response_is_cut(ask, error_log):
    error_log.expect_traceback('RuntimeError: failed midway')
    error_log.allow(r'AH\d{5}')
    assert not ask('proxied/plain', 'generator_fails_midway').complete
