# SPDX-License-Identifier: Apache-2.0
"""WSGIErrorOverride: httpd's error pages in place of the application's."""
import json
import urllib.parse

import pytest


@pytest.fixture(scope='module')
def httpd(module_server):
    return module_server('WSGIDaemonProcess one\nErrorDocument 404 "our own page"\n'
                         'ErrorDocument 410 /rendered\n'
                         'WSGIScriptAlias /rendered ${APPS}/hello.wsgi\n'
                         'WSGIScriptAliasMatch ^/\\w+/embedded/(\\w+) ${APPS}/$1.wsgi\n'
                         'WSGIScriptAliasMatch ^/\\w+/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one\n'
                         '<Location /on>\nWSGIErrorOverride On\n</Location>\n'
                         '<Location /off>\nWSGIErrorOverride Off\n</Location>\n')


@pytest.fixture(params=['embedded', 'daemon'])
def ask(httpd, request):
    """The response to a plan for respond.wsgi, at /on, /off or /default."""
    def ask(status, headers=(), blocks=('the application',), place='on', method='GET', connection=None, app='respond'):
        plan = json.dumps({'status': status, 'headers': list(headers), 'blocks': list(blocks)})
        path = f'/{place}/{request.param}/{app}?' + urllib.parse.quote(plan)
        return (connection or httpd).request(method, path)
    ask.server = httpd
    return ask


@pytest.mark.parametrize('status', ['400 Bad', '401 No', '403 No', '405 No', '451 No', '500 No', '503 Later'])
def test_an_error_gets_httpds_page_with_its_status(ask, status):
    response = ask(status, [('Content-Type', 'application/json'), ('X-Own', 'yes')], ['{"the": "application"}'])
    assert response.status == int(status[:3]) and response.complete
    assert b'the application' not in response.body and response.header('X-Own') is None
    assert response.header('Content-Type').startswith('text/html')


def test_a_custom_page_is_shown(ask):
    response = ask('404 Gone fishing')
    assert (response.status, response.reason, response.text) == (404, 'Not Found', 'our own page')


def test_a_page_of_another_application_is_shown(ask):
    assert ask('410 Gone').text == ask.server.get('/rendered').text


@pytest.mark.parametrize('status', ['200 OK', '201 Made', '302 Found', '399 Odd', '418 Teapot', '499 Odd', '599 Odd'])
def test_what_is_no_error_that_httpd_knows_stays(ask, status):
    response = ask(status, [('Location', 'http://example.org/'), ('X-Own', 'yes')])
    assert (response.status, response.header('X-Own'), response.text) == (int(status[:3]), 'yes', 'the application')


@pytest.mark.parametrize('place', ['off', 'default'])
@pytest.mark.parametrize('status', ['404 Nothing', '500 Broken'])
def test_without_it_the_applications_page_is_shown(ask, place, status):
    response = ask(status, [('X-Own', 'yes')], place=place)
    assert (f'{response.status} {response.reason}', response.text) == (status, 'the application')
    assert response.header('X-Own') == 'yes'


def test_a_challenge_is_kept(ask):
    response = ask('401 Who', [('WWW-Authenticate', 'Basic realm="a"'), ('WWW-Authenticate', 'Digest realm="b"')])
    assert response.all('WWW-Authenticate') == ['Basic realm="a"', 'Digest realm="b"']


def test_a_large_body_is_dropped_and_the_connection_goes_on(ask):
    with ask.server.connect() as connection:
        for _ in range(2):
            response = ask('-', app='error_large', connection=connection)
            assert (response.status, response.text, response.complete) == (404, 'our own page', True)
        assert ask('200 OK', connection=connection).text == 'the application'


def test_head_of_an_error_gets_httpds_headers(ask):
    with ask.server.connect() as connection:
        response = ask('403 No', [('X-Own', 'yes')], method='HEAD', connection=connection)
        assert (response.status, response.header('X-Own')) == (403, None)
        assert ask('200 OK', connection=connection).text == 'the application'


def test_an_exception_in_the_body_of_an_error_is_a_500(ask, error_log):
    error_log.expect_traceback('RuntimeError: failed midway')
    response = ask('-', app='error_fails_midway')
    assert response.status == 500 and response.complete and b'Internal Server Error' in response.body


def test_the_value_must_be_on_or_off(configtest):
    status, output = configtest('WSGIErrorOverride maybe\n')
    assert status != 0 and 'WSGIErrorOverride' in output and 'Off | On' in output
