# SPDX-License-Identifier: Apache-2.0
"""mod_rewrite, mod_alias, mod_dir, mod_env and mod_setenvif around an application: where requests go, what the environ
tells of it."""
import json
import urllib.parse

import pytest

CONFIG = '''
WSGIDaemonProcess one
WSGIScriptAlias /embedded/app ${APPS}/environ_json.wsgi application-group=%{GLOBAL}
WSGIScriptAlias /daemon/app ${APPS}/environ_json.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/(embedded)/respond ${APPS}/respond.wsgi application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/(daemon)/respond ${APPS}/respond.wsgi process-group=one application-group=%{GLOBAL}
RewriteEngine On
RewriteRule ^/(\\w+)/pretty/(.*)$ /$1/app/article/$2?from=pretty [PT,QSA,E=SECTION:$2]
RewriteRule ^/(\\w+)/old/(.*)$ /$1/new/$2 [R=301,L]
RewriteRule ^/(\\w+)/see-other$ http://other.example/x [R=303,L]
RewriteRule ^/(\\w+)/gone$ - [G]
RewriteRule ^/(\\w+)/forbidden - [F]
RewriteRule ^/(\\w+)/app/token$ - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization},E=SPACED:a\\ b,E=!UNSET]
RewriteCond %{HTTP_USER_AGENT} robot
RewriteRule ^/(\\w+)/app/agent$ - [E=ROBOT:yes]
<LocationMatch ^/(embedded|daemon)/app/set>
  SetEnv OUTER outer
  SetEnv EMPTY
  SetEnv SPACED "a b"
  SetEnvIf Request_Method GET IS_GET IS_GET=very
  SetEnvIf X-Word ^(\\w+) WORD=$1
  SetEnvIfNoCase Host EXAMPLE IN_EXAMPLE
  BrowserMatch robot ROBOT=browser
</LocationMatch>
<LocationMatch ^/(embedded|daemon)/app/set/inner>
  SetEnv OUTER inner
  UnsetEnv SPACED
</LocationMatch>
<LocationMatch ^/(embedded|daemon)/app/pass>
  CGIPassAuth On
</LocationMatch>
<LocationMatch ^/(embedded|daemon)/app/variable>
  CGIVar REQUEST_URI current-uri
</LocationMatch>
ErrorDocument 404 /embedded/app/error404?error=404
<LocationMatch ^/daemon/>
  ErrorDocument 404 /daemon/app/error404?error=404
  ErrorDocument 403 "forbidden, says the text"
</LocationMatch>
<LocationMatch ^/(embedded|daemon)/respond>
  WSGIErrorOverride On
</LocationMatch>
Alias /embedded/static ${ROOT}/htdocs
Alias /daemon/static ${ROOT}/htdocs
DirectoryIndex index.html
'''


@pytest.fixture(scope='module')
def httpd(module_server):
    server = module_server(CONFIG)
    (server.root / 'htdocs' / 'file.txt').write_text('a file')
    return server


@pytest.fixture(params=['embedded', 'daemon'])
def get(httpd, request):
    def get(path, headers=(), method='GET', **options):
        return httpd.request(method, f'/{request.param}/{path}', headers, **options)
    get.mode = request.param
    return get


def test_a_rewritten_url_reaches_the_application(get):
    environ = get('pretty/of/the/day?own=1').json()
    assert environ['SCRIPT_NAME'] == f'/{get.mode}/app' and environ['PATH_INFO'] == '/article/of/the/day'
    assert environ['QUERY_STRING'] == 'from=pretty&own=1' and environ['SECTION'] == 'of/the/day'
    assert environ['REQUEST_URI'] == f'/{get.mode}/pretty/of/the/day?own=1'


def test_a_body_survives_a_rewrite(httpd, get):
    environ = get('pretty/x', {'Content-Type': 'text/x-sent'}, 'POST', body=b'abc').json()
    assert (environ['REQUEST_METHOD'], environ['CONTENT_LENGTH'], environ['CONTENT_TYPE']) == ('POST', '3', 'text/x-sent')


@pytest.mark.parametrize('path, status, location', [('old/a', 301, '/{}/new/a'), ('see-other', 303, 'http://other.example/x'),
                                                    ('gone', 410, None), ('forbidden', 403, None)])
def test_a_rule_may_answer_in_the_applications_place(get, error_log, path, status, location):
    response = get(path)
    assert response.status == status
    assert location is None or response.header('Location').endswith(location.format(get.mode))


def test_a_rule_may_hand_authorization_on(get):
    environ = get('app/token', {'Authorization': 'Bearer abc'}).json()
    assert environ['HTTP_AUTHORIZATION'] == 'Bearer abc' and environ['SPACED'] == 'a b'


@pytest.mark.parametrize('agent, seen', [('a robot', 'yes'), ('a browser', None)])
def test_a_rule_may_have_conditions(get, agent, seen):
    assert get('app/agent', {'User-Agent': agent}).json().get('ROBOT') == seen


@pytest.mark.parametrize('path, seen', [('app/pass', 'Basic YTpi'), ('app/other', None)])
def test_cgipassauth_shows_authorization(get, path, seen):
    assert get(path, {'Authorization': 'Basic YTpi'}).json().get('HTTP_AUTHORIZATION') == seen


def test_setenv_and_setenvif(get):
    environ = get('app/set', {'X-Word': 'first second', 'User-Agent': 'robot'}, host='www.example.org').json()
    assert {name: environ.get(name) for name in ('OUTER', 'EMPTY', 'SPACED', 'IS_GET', 'WORD', 'IN_EXAMPLE', 'ROBOT')} == {
        'OUTER': 'outer', 'EMPTY': '', 'SPACED': 'a b', 'IS_GET': 'very', 'WORD': 'first', 'IN_EXAMPLE': '1',
        'ROBOT': 'browser'}


def test_an_inner_section_wins(get):
    environ = get('app/set/inner').json()
    assert environ['OUTER'] == 'inner' and 'SPACED' not in environ


def test_passenv_hands_on_what_httpd_was_started_with(server):
    httpd = server('WSGIDaemonProcess one\nPassEnv LANG\n'
                   'WSGIScriptAlias /embedded ${APPS}/environ_json.wsgi\n'
                   'WSGIScriptAlias /daemon ${APPS}/environ_json.wsgi process-group=one\n')
    assert [httpd.get(f'/{mode}').json()['LANG'] for mode in ('embedded', 'daemon')] == ['C.UTF-8'] * 2


@pytest.mark.parametrize('path, uri', [('app/variable/x', '/{}/app/variable/x'), ('app/x?a=b', '/{}/app/x?a=b')])
def test_request_uri_may_be_the_current_one(get, path, uri):
    assert get(path).json()['REQUEST_URI'] == uri.format(get.mode)


def test_an_application_may_be_an_error_document_whose_status_counts(get):
    response = get('nothing/here?own=1', {'Cookie': 'c=1'}, 'POST', body=b'abc')
    environ = response.json()
    seen = {name: environ.get(name) for name in ('REDIRECT_STATUS', 'REDIRECT_URL', 'REDIRECT_QUERY_STRING', 'QUERY_STRING',
                                                 'REQUEST_METHOD', 'PATH_INFO', 'HTTP_COOKIE', 'REDIRECT_REQUEST_METHOD')}
    assert seen == {'REDIRECT_STATUS': '404', 'REDIRECT_URL': f'/{get.mode}/nothing/here', 'QUERY_STRING': 'error=404',
                    'REDIRECT_QUERY_STRING': 'own=1', 'REQUEST_METHOD': 'GET', 'PATH_INFO': '/error404',
                    'HTTP_COOKIE': 'c=1', 'REDIRECT_REQUEST_METHOD': 'POST'}
    assert environ['REQUEST_URI'] == f'/{get.mode}/nothing/here?own=1'


def test_an_applications_error_may_get_another_applications_page(get):
    response = get('respond?' + urllib.parse.quote(json.dumps({'status': '404 No', 'headers': [], 'blocks': ['own']})))
    assert response.json()['PATH_INFO'] == '/error404'


def test_an_applications_own_error_page_stays_without_override(site):
    for mode in ('embedded', 'daemon'):
        response = site.get(f'/{mode}/respond?' + urllib.parse.quote(
            json.dumps({'status': '404 No', 'headers': [], 'blocks': ['own']})))
        assert (response.status, response.body) == (404, b'own')


def test_files_beside_an_application_are_httpds(get):
    response = get('static/file.txt')
    assert (response.status, response.text) == (200, 'a file')
