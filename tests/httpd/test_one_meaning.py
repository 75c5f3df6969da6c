# SPDX-License-Identifier: Apache-2.0
"""An application means the same embedded and in a daemon: status, headers in their order and repetition, body, redirects,
error pages, the line in the access log and the lines in the error log are compared letter for letter."""
import json
import re
import urllib.parse

import pytest

from processes import wait_until

CONFIG = '''
WSGIDaemonProcess one
LogFormat "%m %U %q %s %>s %B %X %{Content-Type}o %{X-Own}o" compared
CustomLog logs/access compared
ErrorDocument 410 "gone, says httpd"
ErrorDocument 405 /errors/page
WSGIScriptAliasMatch ^/(?:\\w+/)?embedded/(\\w+)(.*)$ ${APPS}/$1.wsgi$2 application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/(?:\\w+/)?daemon/(\\w+)(.*)$ ${APPS}/$1.wsgi$2 process-group=one application-group=%{GLOBAL}
<LocationMatch ^/override>
WSGIErrorOverride On
</LocationMatch>
<LocationMatch ^/forbidden>
Require all denied
</LocationMatch>
'''


def plan(status='200 OK', headers=(), blocks=('body',), **more):
    return 'respond?' + urllib.parse.quote(json.dumps({'status': status, 'headers': list(headers), 'blocks': list(blocks),
                                                       **more}))


STATUSES = ['200 OK', '200', '200 Own Words', '201 Created', '204 No Content', '206 Partial Content', '299 Made Up', '300 Many',
            '302 Found', '304 Not Modified', '400 Bad', '401 Who', '403 No', '404 Own 404', '405 No', '410 Gone', '418 caf\xe9',
            '451 No', '500 Own 500', '502 Bad', '503 Later', '599 Last', '100 Continue', '999 Odd', '2000', 'x', '200 O\nK']
HEADERS = [
    [('Content-Type', 'text/plain')], [('content-type', 'Text/HTML; Charset=X')], [('X-B', '1'), ('X-A', '2'), ('X-B', '3')],
    [('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'), ('set-cookie', 'c=3')], [('WWW-Authenticate', 'a'), ('WWW-Authenticate', 'b')],
    [('Location', '/page')], [('Location', '//x/page')], [('Location', 'http://x/')], [('Last-Modified', 'Mon, 01 Jan 2001 00:00:00 GMT')],
    [('Last-Modified', 'Mon, 01 Jan 2091 00:00:00 GMT')], [('Last-Modified', 'whenever')], [('ETag', '"x"'), ('Expires', '0')],
    [('Content-Length', '4')], [('Content-Length', '3')], [('Content-Length', '5')], [('Content-Length', 'x')],
    [('Server', 'own')], [('Date', 'never')], [('Vary', 'a'), ('Vary', 'b')], [('X-Empty', '')], [('X-Blank', '  a  b  ')],
    [('Connection', 'close')], [('Transfer-Encoding', 'chunked')], [('Status', '404 No')], [('X A', 'b')], [('X', 'a\nb')],
    [('Content-Encoding', 'gzip')], [('Content-Range', 'bytes 0-3/9')], [('Content-Language', 'de'), ('Content-Language', 'en')],
    [('Cache-Control', 'no-cache'), ('Cache-Control', 'private')], [('X-Long', 'x' * 3000)],
]
APPS = ['hello', 'generator', 'raises', 'returns_none', 'returns_str', 'no_start_response', 'syntax_error', 'import_error',
        'no_callable', 'exits_at_import', 'system_exit', 'generator_fails_early', 'generator_fails_midway', 'write_callable',
        'exc_info_before_body', 'exc_info_after_body', 'not_there', 'hello/path/info?query', 'start_response_arguments?bytes_status',
        'start_response_arguments?tuple_headers', 'start_response_arguments?subclasses', 'start_response_arguments?wide_value',
        'raises_text?a%0ab', 'error_fails_midway', 'error_large', 'errors?' + urllib.parse.quote(json.dumps([['errors', 'a\nb\n']])),
        plan(calls=2), plan(blocks=[]), plan(blocks=['a', 'b', '']), plan(blocks=['x' * 3000] * 2)]
CASES = ([('plain', method, plan(status)) for status in STATUSES for method in ('GET', 'HEAD')]
         + [('override', 'GET', plan(status, [('X-Own', 'yes')])) for status in STATUSES]
         + [('plain', 'GET', plan(headers=headers)) for headers in HEADERS]
         + [('plain', 'GET', plan('404 Own', headers)) for headers in HEADERS]
         + [('plain', method, app) for app in APPS for method in ('GET', 'POST', 'HEAD')]
         + [('forbidden', 'GET', 'hello'), ('override', 'GET', 'raises'), ('override', 'GET', 'error_large')])
# How a body is framed depends on how much of it is there when the head goes out.
FRAMING = ('content-length', 'transfer-encoding', 'connection', 'keep-alive', 'date')


@pytest.fixture(scope='module')
def httpd(module_server):
    server = module_server(CONFIG)
    (server.root / 'htdocs' / 'page').write_text('the page')
    return server


def plainly(text, mode):
    """Without what must differ: the mode in a path, ids of objects, times."""
    text = text.replace(f'/{mode}/', '/MODE/')
    return re.sub(r'0x[0-9a-f]{6,}|[0-9a-f]{12,}|of \d+ process', '#', text)


def seen(httpd, error_log, mode, place, method, app):
    access = httpd.root / 'logs' / 'access'
    start, first_line = access.stat().st_size, len(error_log.read())
    body = b'sent' if method == 'POST' else b''
    response = httpd.request(method, f'/{place}/{mode}/{app}', {'X-Sent': 'yes'}, body)
    headers = [(name, plainly(value, mode)) for name, value in response.headers if name.lower() not in FRAMING]
    line = wait_for_line(access, start)
    logged = [(entry.fields.get('level'), plainly(entry.message, mode)) for entry in error_log.read()[first_line:]]
    return {'status': (response.status, response.reason), 'headers': headers, 'body': plainly(response.text, mode),
            'complete': response.complete, 'access log': plainly(line, mode),
            'error log': [(level, message) for level, message in logged if level not in ('info', 'debug', 'notice')]}


def wait_for_line(path, start):
    wait_until(lambda: path.stat().st_size > start, what='a line in the access log')
    return path.read_bytes()[start:].decode('latin-1')


@pytest.mark.parametrize('place, method, app', CASES, ids=lambda value: urllib.parse.unquote(value)[:60])
def test_both_modes_mean_the_same(httpd, error_log, place, method, app):
    error_log.allow('.')
    embedded, daemon = (seen(httpd, error_log, mode, place, method, app) for mode in ('embedded', 'daemon'))
    assert embedded == daemon
