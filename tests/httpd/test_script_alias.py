# SPDX-License-Identifier: Apache-2.0
"""Which URL runs which script."""
import pytest


@pytest.fixture(scope='module')
def httpd(module_server):
    return module_server(r'''
WSGIDaemonProcess one
WSGIScriptAlias /first ${APPS}/environ_json.wsgi
WSGIScriptAlias /first/deeper ${APPS}/hello.wsgi
WSGIScriptAlias /two/parts ${APPS}/environ_json.wsgi
WSGIScriptAlias /slash/ ${APPS}/
WSGIScriptAlias /scripts ${APPS}
WSGIScriptAliasMatch ^/match/([a-z_]+) ${APPS}/$1.wsgi
WSGIScriptAliasMatch ^/whole/(\w+)\.py$ ${APPS}/$1.wsgi
WSGIScriptAlias /callable ${APPS}/callables.wsgi callable-object=other
WSGIScriptAlias /authorized ${APPS}/environ_json.wsgi pass-authorization=On
WSGIScriptAlias /unauthorized ${APPS}/environ_json.wsgi pass-authorization=Off
WSGIScriptAlias /grouped ${APPS}/identity.wsgi process-group=one application-group=two
WSGIScriptAlias /quoted ${APPS}/identity.wsgi process-group="one" application-group="with space"
<Location /unauthorized>
  WSGIPassAuthorization On
</Location>
''')


@pytest.mark.parametrize('path, script_name, path_info', [
    ('/first', '/first', ''), ('/first/', '/first', '/'), ('/first/a/b', '/first', '/a/b'),
    ('/two/parts/c', '/two/parts', '/c'), ('/first?q', '/first', ''),
    ('/slash/environ_json.wsgi/x', '/slash/environ_json.wsgi', '/x'),
    ('/scripts/environ_json.wsgi', '/scripts/environ_json.wsgi', ''),
    ('/match/environ_json/rest', '/match/environ_json', '/rest'),
    ('/whole/environ_json.py', '/whole/environ_json.py', '')])
def test_a_prefix_maps_to_its_script(httpd, path, script_name, path_info):
    environ = httpd.get(path).json()
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == (script_name, path_info)


@pytest.mark.parametrize('path', ['/firstly', '/firs', '/two/part', '/two', '/two/partsy', '/match/', '/nothing'])
def test_a_prefix_ends_at_a_slash_or_not_at_all(httpd, error_log, path):
    error_log.allow(r'AH\d{5}|GH\d{4}')
    assert httpd.get(path).status == 404


@pytest.mark.parametrize('path', ['//first', '/two//parts', '/two///parts/c'])
def test_runs_of_slashes_match_one(httpd, path):
    assert httpd.get(path).status == 200


def test_the_first_alias_that_matches_wins(httpd):
    assert httpd.get('/first/deeper').json()['PATH_INFO'] == '/deeper'


def test_an_alias_for_the_root_takes_everything(server):
    httpd = server('WSGIScriptAlias / ${APPS}/environ_json.wsgi\n')
    environ = httpd.get('/any/path').json()
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == ('', '/any/path')


def test_an_alias_of_a_virtual_host_comes_before_the_main_servers(server):
    httpd = server('WSGIScriptAlias /a ${APPS}/hello.wsgi\nWSGIScriptAlias /b ${APPS}/hello.wsgi\n'
                   '<VirtualHost *>\nServerName v.example\nWSGIScriptAlias /a ${APPS}/generator.wsgi\n</VirtualHost>\n')
    assert httpd.get('/a', host='v.example').body == b'one two'
    assert httpd.get('/b', host='v.example').body == b'Hello, world!\n'


@pytest.mark.parametrize('path, script_name, path_info', [
    ('/sites/identity', '/sites/identity', ''), ('/sites/identity/more', '/sites/identity', '/more')])
def test_an_expression_maps_to_its_script(server, path, script_name, path_info):
    httpd = server('WSGIScriptAliasMatch ^/sites/identity ${APPS}/environ_json.wsgi\n'
                   'WSGIScriptAliasMatch ^/other/(\\w+) ${APPS}/$1.wsgi\n')
    environ = httpd.get(path).json()
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == (script_name, path_info)
    assert httpd.get('/other/hello').status == 200


def test_option_callable_object_chooses_the_callable(httpd):
    assert httpd.get('/callable').body == b'other other'


@pytest.mark.parametrize('path, seen', [('/authorized', True), ('/unauthorized', False), ('/first', False)])
def test_option_pass_authorization_decides(httpd, path, seen):
    environ = httpd.get(path, {'Authorization': 'Basic YTpi'}).json()
    assert ('HTTP_AUTHORIZATION' in environ) == seen


@pytest.mark.parametrize('path, group', [('/grouped', 'two'), ('/quoted', 'with space')])
def test_options_choose_both_groups(httpd, path, group):
    identity = httpd.get(path).json()
    assert (identity['process_group'], identity['application_group']) == ('one', group)


@pytest.fixture(scope='module')
def handlers(module_server):
    return module_server('''
Alias /added ${APPS}
Alias /set ${APPS}
Alias /noexec ${APPS}
WSGIDaemonProcess one
<Location /added>
  AddHandler wsgi-script .wsgi
  Options +ExecCGI
</Location>
<Location /set>
  SetHandler wsgi-script
  Options +ExecCGI
  WSGIProcessGroup one
</Location>
<Location /noexec>
  SetHandler wsgi-script
  Options -ExecCGI
</Location>
''')


def test_addhandler_runs_scripts_of_its_suffix(handlers):
    assert handlers.get('/added/hello.wsgi').body == b'Hello, world!\n'


def test_addhandler_passes_path_info_on(handlers):
    environ = handlers.get('/added/environ_json.wsgi/a/b').json()
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == ('/added/environ_json.wsgi', '/a/b')


def test_sethandler_runs_scripts_where_the_location_says(handlers):
    assert handlers.get('/set/identity.wsgi').json()['process_group'] == 'one'


def test_a_handler_without_execcgi_is_403(handlers, error_log):
    assert handlers.get('/noexec/hello.wsgi').status == 403
    error_log.expect(r'GH02\d\d: .*ExecCGI', times=1)


def test_acceptpathinfo_off_refuses_path_info(server, error_log):
    httpd = server('WSGIScriptAlias /a ${APPS}/hello.wsgi\n<Location /a>\nAcceptPathInfo Off\n</Location>\n')
    assert (httpd.get('/a').status, httpd.get('/a/b').status) == (200, 404)
    error_log.expect(r'GH02\d\d: .*AcceptPathInfo', times=1)


def test_a_static_file_is_served_beside_an_application_for_the_root(server):
    httpd = server('Alias /static ${ROOT}/htdocs\nWSGIScriptAlias / ${APPS}/hello.wsgi\n')
    (httpd.root / 'htdocs' / 'file.txt').write_text('static')
    assert httpd.get('/static/file.txt').body == b'static'
    assert httpd.get('/static-not').body == b'Hello, world!\n'
