# SPDX-License-Identifier: Apache-2.0
"""wsgi.early_hints sends 103 responses ahead of the final one, on HTTP/1.1 and HTTP/2."""
import shutil
import subprocess

import pytest

from raw_http import format_request, read_head


def test_hints_arrive_before_the_response(everywhere_lasting):
    with everywhere_lasting.server.connect() as connection:
        connection.send(format_request('GET', everywhere_lasting.path('early_hints')))
        first, second, final = (read_head(connection.stream) for _ in range(3))
    assert (first.status, first.reason, first.headers) == (
        103, 'Early Hints', [('Link', '</style.css>; rel=preload; as=style'), ('X-Hint', 'one')])
    assert (second.status, second.headers) == (103, [('Link', '</more.js>; rel=preload; as=script')])
    assert (final.status, final.header('X-Final'), final.header('X-Hint'), final.header('Link')) == (
        200, 'yes', None, None)


def test_nothing_is_sent_once_the_response_has_begun(lasting):
    assert lasting.get('early_hints').text == '0 bytes\nwsgi.early_hints() after the response has begun'


def test_a_client_of_http_1_0_gets_no_hints(lasting):
    with lasting.server.connect() as connection:
        connection.send(b'GET %s HTTP/1.0\r\nHost: x\r\n\r\n' % lasting.path('early_hints').encode())
        assert read_head(connection.stream).status == 200


def test_a_body_that_waits_for_100_still_gets_its_100(lasting):
    with lasting.server.connect() as connection:
        connection.send(format_request('POST', lasting.path('early_hints'),
                                       {'Expect': '100-continue', 'Content-Length': '5'}))
        before = []
        while 100 not in before:
            before.append(read_head(connection.stream).status)
        connection.send(b'12345')
        response = connection.response()
        assert response.text.startswith('5 bytes')
        assert sorted(before + response.interim) == [100, 103, 103]


def test_the_connection_serves_on(lasting):
    with lasting.server.connect() as connection:
        for _ in range(3):
            response = connection.request('GET', lasting.path('early_hints'))
            assert (response.interim, response.complete) == ([103, 103], True)


@pytest.mark.skipif(not shutil.which('nghttp'), reason='nghttp is not installed')
@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_hints_arrive_on_http_2(module_server, mode):
    httpd = module_server('Protocols h2c http/1.1\nH2EarlyHints on\nWSGIDaemonProcess one\n'
                          'WSGIScriptAlias /embedded ${APPS}/early_hints.wsgi application-group=%{GLOBAL}\n'
                          'WSGIScriptAlias /daemon ${APPS}/early_hints.wsgi process-group=one\n', modules=('http2',))
    shown = subprocess.run(['nghttp', '-v', f'http://127.0.0.1:{httpd.port}/{mode}'], capture_output=True, text=True,
                           timeout=60).stdout
    assert shown.count(':status: 103') == 2 and shown.count(':status: 200') == 1
    assert shown.index('</style.css>') < shown.index('</more.js>') < shown.index('x-final: yes')


def test_cgi_has_no_hints(site):
    response = site.get('/cgi/environ_json')
    assert 'wsgi.early_hints' not in response.json()
