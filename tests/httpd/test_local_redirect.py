# SPDX-License-Identifier: Apache-2.0
"""Status 200 with a local Location: httpd answers with that page of its own, to those who may see it."""
import json
import urllib.parse

import pytest

from raw_http import chunked

CONFIG = '''
WSGIDaemonProcess one
WSGIChunkedRequest On
LimitRequestBody 300000
WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}
ScriptAliasMatch ^/cgi/(\\w+)(.*)$ ${APPS}/$1.wsgi$2
<Location /secret>
Require all denied
</Location>
<Location /internal>
Require env REDIRECT_STATUS
</Location>
'''
PAGES = {'page': 'the page', 'secret': 'for nobody', 'internal': 'for those who are sent'}
OWN = [['Set-Cookie', 'a=1'], ['Content-Disposition', 'attachment'], ['Set-Cookie', 'b=2'], ['ETag', '"own"'],
       ['Last-Modified', 'Mon, 01 Jan 2001 00:00:00 GMT'], ['Content-Type', 'text/x-own']]


@pytest.fixture(scope='module')
def httpd(module_server):
    server = module_server(CONFIG, modules=('asis',))
    for name, text in PAGES.items():
        (server.root / 'htdocs' / name).write_text(text)
    return server


@pytest.fixture(params=['embedded', 'daemon', 'cgi'])
def ask(httpd, request):
    """The response to a request for an application that answers with that Location."""
    def ask(location, method='GET', sent=(), body=b'', on=httpd, status='200 OK', headers=(), blocks=('own',)):
        plan = {'status': status, 'headers': [['Location', location], *headers], 'blocks': list(blocks)}
        return on.request(method, f'/{request.param}/respond?{urllib.parse.quote(json.dumps(plan))}', sent, body)
    ask.mode, ask.server = request.param, httpd
    return ask


@pytest.mark.parametrize('location', ['/page', '/page?a=b', '/x/../page', '/%70age'])
def test_the_client_gets_that_page(ask, location):
    response = ask(location)
    assert (response.status, response.text, response.complete) == (200, 'the page', True)


@pytest.mark.parametrize('blocks', [[], ['x' * 3000, 'y' * 3000]], ids=['none', 'some'])
def test_of_the_applications_answer_stays_what_does_not_describe_its_body(ask, blocks):
    response = ask('/page', headers=OWN, blocks=blocks)
    assert (response.text, response.header('Content-Length')) == ('the page', str(len('the page')))
    assert response.all('Set-Cookie') == ['a=1', 'b=2'] and response.all('Content-Disposition') == ['attachment']
    assert not [response.header(name) for name, value in OWN[3:] if value in response.all(name)]
    assert response.header('Location') is None


@pytest.mark.parametrize('content_type', ['httpd/send-as-is', 'application/x-httpd-wsgi', 'application/x-httpd-cgi',
                                          'text/x-own'])
def test_the_applications_content_type_chooses_no_handler(ask, content_type):
    response = ask('/page', headers=[['Content-Type', content_type]])
    assert (response.status, response.text) == (200, 'the page')


def test_authorization_is_asked_again(ask, error_log):
    error_log.expect('AH01630', times=1)
    response = ask('/secret')
    assert response.status == 403 and 'for nobody' not in response.text


def test_a_page_may_be_kept_for_those_who_are_sent(ask, error_log):
    error_log.expect('AH01630', times=1)
    assert ask.server.get('/internal').status == 403
    assert ask('/internal').text == 'for those who are sent'


def test_a_page_that_is_missing_is_404(ask):
    assert ask('/missing').status == 404


@pytest.mark.parametrize('length', ['plain', 'chunked'])
@pytest.mark.parametrize('size', [20, 200_000])
def test_the_page_is_asked_for_by_a_get_without_a_body(ask, length, size):
    if ask.mode == 'cgi' and length == 'chunked':
        pytest.skip('mod_cgid gives a chunked body no length')
    body = b'POST /secret HTTP/1.1\r\n\r\n' * (size // 20)
    sent, body = ([('Transfer-Encoding', 'chunked')], chunked(body)) if length == 'chunked' else ([], body)
    with ask.server.connect() as connection:
        for target in ('environ_json', 'input?[["read",[]]]'):
            response = ask(f'/embedded/{target}', 'POST', [*sent, ('Content-Type', 'text/x-sent')], body, connection)
            if target == 'environ_json':
                environ = response.json()
                assert (environ['REQUEST_METHOD'], environ['REDIRECT_STATUS']) == ('GET', '200')
                assert environ['REDIRECT_URL'] == f'/{ask.mode}/respond'
                assert 'CONTENT_LENGTH' not in environ and 'HTTP_TRANSFER_ENCODING' not in environ
            else:
                assert response.json() == ['']
        assert connection.request('GET', '/page').text == 'the page'


def test_head_gets_the_pages_head_only(ask):
    with ask.server.connect() as connection:
        response = ask('/page', 'HEAD', on=connection)
        assert (response.status, response.header('Content-Length')) == (200, str(len('the page')))
        assert ask('/page', on=connection).text == 'the page'


def test_a_range_is_one_of_the_page(ask):
    response = ask('/page', sent=[('Range', 'bytes=4-')])
    assert (response.status, response.text) == (206, 'page')


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_a_redirect_to_itself_ends(httpd, error_log, mode):
    error_log.expect('AH00124', times=1)
    assert httpd.get(f'/{mode}/redirect_to_itself').status == 500
    assert httpd.get(f'/{mode}/hello').status == 200


@pytest.mark.parametrize('status, location', [('200 OK', '//127.0.0.1/page'), ('200 OK', 'http://127.0.0.1/page'),
                                              ('201 Created', '/page'), ('302 Found', '/page'), ('404 No', '/page')])
def test_any_other_location_is_for_the_client(ask, status, location):
    if ask.mode == 'cgi' and status[:3] == '200':
        pytest.skip('CGI has other rules for Location beside 200')
    response = ask(location, status=status)
    assert (response.status, response.header('Location'), response.text) == (int(status[:3]), location, 'own')


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_an_exception_after_such_an_answer_is_a_500(httpd, mode, error_log):
    error_log.expect_traceback('RuntimeError: failed midway')
    response = httpd.get(f'/{mode}/redirect_fails_midway')
    assert response.status == 500 and 'the page' not in response.text
