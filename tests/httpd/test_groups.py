# SPDX-License-Identifier: Apache-2.0
"""Which process group, which interpreter and which callable answer."""
import pytest

from conftest import RECENT

FORMS = r'''
WSGIDaemonProcess one threads=3
WSGIDaemonProcess two threads=3
WSGIScriptAliasMatch ^/p/\w+/(\w+) ${APPS}/$1.wsgi
<Location /p/named>
  WSGIProcessGroup one
</Location>
<Location /p/global>
  WSGIProcessGroup %{GLOBAL}
</Location>
<Location /p/env>
  SetEnvIf X-Group (.+) GROUP=$1
  WSGIProcessGroup %{ENV:GROUP}
</Location>
<Location /p/envapp>
  WSGIProcessGroup one
  SetEnvIf X-Group (.+) GROUP=$1
  WSGIApplicationGroup %{ENV:GROUP}
</Location>
<Location /p/server>
  WSGIProcessGroup one
  WSGIApplicationGroup %{SERVER}
</Location>
<Location /p/host>
  WSGIProcessGroup one
  WSGIApplicationGroup %{HOST}
</Location>
<Location /p/resource>
  WSGIProcessGroup one
  WSGIApplicationGroup %{RESOURCE}
</Location>
<Location /p/default>
  WSGIProcessGroup one
</Location>
<Location /p/main>
  WSGIProcessGroup one
  WSGIApplicationGroup %{GLOBAL}
</Location>
<Location /p/word>
  WSGIProcessGroup one
  WSGIApplicationGroup word
</Location>
<Location /p/callable>
  WSGICallableObject other
</Location>
<Location /p/envcallable>
  SetEnvIf X-Callable (.+) CALLABLE=$1
  WSGICallableObject %{ENV:CALLABLE}
</Location>
'''


@pytest.fixture(scope='module', params=RECENT)
def httpd(module_server, request):
    return module_server(f'WSGIPython {request.param}\n'
                         + FORMS.replace('threads=3', f'threads=3 python={request.param}'))


def groups(httpd, place, headers=(), host=None):
    identity = httpd.get(f'/p/{place}/identity', headers, host=host or f'a.example:{httpd.port}').json()
    return identity['process_group'], identity['application_group']


@pytest.mark.parametrize('place, group', [('named', 'one'), ('global', ''), ('nowhere', '')])
def test_wsgiprocessgroup_chooses_the_group(httpd, place, group):
    assert groups(httpd, place)[0] == group


@pytest.mark.parametrize('group', ['one', 'two'])
def test_wsgiprocessgroup_expands_an_environment_variable(httpd, group):
    assert groups(httpd, 'env', {'X-Group': group})[0] == group


def test_an_environment_variable_may_hold_global(httpd):
    assert groups(httpd, 'env', {'X-Group': '%{GLOBAL}'})[0] == ''


def test_requests_of_one_group_share_its_process(httpd):
    pids = {httpd.get(f'/p/{place}/identity').json()['pid'] for place in ('named', 'main', 'word', 'server')}
    assert len(pids) == 1


@pytest.mark.parametrize('place, group', [
    ('server', '127.0.0.1:{port}'), ('host', 'a.example:{port}'), ('resource', '127.0.0.1:{port}|/p/resource/identity'),
    ('default', '127.0.0.1:{port}|/p/default/identity'), ('main', ''), ('word', 'word')])
def test_wsgiapplicationgroup_expands_its_forms(httpd, place, group):
    assert groups(httpd, place)[1] == group.format(port=httpd.port)


def test_wsgiapplicationgroup_expands_an_environment_variable(httpd):
    assert groups(httpd, 'envapp', {'X-Group': 'chosen'})[1] == 'chosen'


def test_an_environment_variable_that_is_not_set_stays_literal(httpd):
    assert groups(httpd, 'envapp')[1] == '%{ENV:GROUP}'


def test_application_groups_do_not_share_modules(httpd):
    for expected in ('1', '2'):
        assert [httpd.get(f'/p/{place}/interpreter').text for place in ('main', 'word', 'server')] == [expected] * 3


@pytest.mark.parametrize('place, headers, answer', [
    ('callable', {}, b'other other'), ('envcallable', {'X-Callable': 'other'}, b'other other'),
    ('envcallable', {}, b'usual application'), ('nowhere', {}, b'usual application')])
def test_wsgicallableobject_chooses_the_callable(httpd, place, headers, answer):
    assert httpd.get(f'/p/{place}/callables', headers).body == answer


def test_the_only_application_of_a_group_lives_in_the_main_interpreter(server):
    httpd = server('WSGIDaemonProcess one\n'
                   'WSGIScriptAlias / ${APPS}/main_interpreter.wsgi process-group=one application-group=named\n')
    assert httpd.get('/').text == 'True named'


@pytest.mark.parametrize('place', ['.htaccess', 'virtual host', 'main server'])
def test_wsgicallableobject_may_stand_in(server, place):
    line = 'WSGICallableObject other\n'
    httpd = server('Alias /a ${ROOT}/htdocs\n<Location /a>\nSetHandler wsgi-script\nOptions +ExecCGI\n</Location>\n'
                   '<Directory ${ROOT}/htdocs>\nAllowOverride FileInfo\n</Directory>\n'
                   + (line if place == 'main server' else '')
                   + f'<VirtualHost *>\n{line if place == "virtual host" else ""}</VirtualHost>\n')
    (httpd.root / 'htdocs' / 'callables.wsgi').write_bytes((httpd.stage.apps / 'callables.wsgi').read_bytes())
    if place == '.htaccess':
        (httpd.root / 'htdocs' / '.htaccess').write_text(line)
    assert httpd.get('/a/callables.wsgi').body == b'other other'


def test_a_group_of_a_virtual_host_serves_that_host(server):
    httpd = server('<VirtualHost *>\nServerName a.example\nWSGIDaemonProcess inner\n'
                   'WSGIScriptAlias / ${APPS}/identity.wsgi process-group=inner\n</VirtualHost>\n')
    assert httpd.get('/', host='a.example').json()['process_group'] == 'inner'


def test_a_group_of_another_virtual_host_is_not_visible(server, error_log):
    httpd = server('<VirtualHost *>\nServerName a.example\nWSGIDaemonProcess inner\n</VirtualHost>\n'
                   '<VirtualHost *>\nServerName b.example\nWSGIScriptAlias / ${APPS}/identity.wsgi\n'
                   'WSGIProcessGroup inner\n</VirtualHost>\n')
    assert httpd.get('/', host='b.example').status == 500
    error_log.expect(r'GH02\d\d: .*inner', times=1)
