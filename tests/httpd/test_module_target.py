# SPDX-License-Identifier: Apache-2.0
"""WSGIScriptAlias / module:package.name:callable: an application named by its module instead of a file."""
import os
import textwrap

import pytest

from conftest import RECENT
from processes import wait_until

MODES = {'embedded': '%{GLOBAL}', 'daemon': 'one'}
SOURCE = '''
import json, os
VERSION = {version}
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    names = ('SCRIPT_NAME', 'PATH_INFO', 'SCRIPT_FILENAME', 'mod_wsgi.callable_object', 'mod_wsgi.application_group')
    return [json.dumps(dict({{name: environ[name] for name in names}}, module=__name__, version=VERSION,
                            pid=os.getpid())).encode()]
def other(environ, start_response):
    start_response('200 OK', [])
    return [b'other']
'''


@pytest.fixture
def package(tmp_directory):
    """A package shop with a module wsgi, on sys.path by the name of its directory."""
    directory = tmp_directory / 'shop'
    directory.mkdir()
    (directory / '__init__.py').write_text('')
    write(directory / 'wsgi.py', 1)
    return directory


def write(file, version):
    file.write_text(textwrap.dedent(SOURCE).format(version=version))
    os.utime(file, (1_700_000_000 + version, 1_700_000_000 + version))


@pytest.fixture(params=[(mode, python) for mode in MODES for python in RECENT], ids='-'.join)
def start(server, request, package):
    """The module under an alias in one of the two modes, by one of the Pythons."""
    mode, python = request.param

    def with_alias(target='module:shop.wsgi:application', path='/', options='', more=''):
        httpd = server(f'WSGIPython {python}\nWSGIPythonPath {package.parent}\nWSGIDontWriteBytecode On\n'
                       f'WSGIDaemonProcess one python={python} python-path={package.parent}\n'
                       f'WSGIScriptAlias {path} {target} process-group={MODES[mode]} '
                       f'application-group=%{{GLOBAL}} {options}\n{more}')
        httpd.mode = mode
        return httpd
    return with_alias


def test_a_module_answers(start):
    facts = start().get('/a/b').json()
    assert (facts['module'], facts['SCRIPT_NAME'], facts['PATH_INFO']) == ('shop.wsgi', '', '/a/b')
    assert (facts['SCRIPT_FILENAME'], facts['mod_wsgi.callable_object']) == ('module:shop.wsgi', 'application')


def test_the_url_path_of_the_alias_is_the_script_name(start):
    httpd = start(path='/app')
    facts = httpd.get('/app/x').json()
    assert (facts['SCRIPT_NAME'], facts['PATH_INFO']) == ('/app', '/x')
    assert httpd.get('/app').json()['PATH_INFO'] == '' and httpd.get('/apple').status == 404


@pytest.mark.parametrize('target, options', [('module:shop.wsgi:other', ''), ('module:shop.wsgi', 'callable-object=other')])
def test_the_callable_is_named_behind_the_module_or_by_the_option(start, target, options):
    assert start(target, options=options).get('/').text == 'other'


def test_the_callable_is_application_by_default(start):
    assert start('module:shop.wsgi').get('/').json()['mod_wsgi.callable_object'] == 'application'


def test_a_changed_module_is_loaded_again(start, package):
    httpd = start()
    assert httpd.get('/').json()['version'] == 1
    write(package / 'wsgi.py', 2)
    wait_until(lambda: httpd.get('/').json()['version'] == 2, what='the new code answers')


def test_without_reloading_a_changed_module_stays(start, package):
    httpd = start(more='WSGIScriptReloading Off\n')
    pid = httpd.get('/').json()['pid']  # another child loads it later
    write(package / 'wsgi.py', 2)
    answers = []

    def again():
        answers.append(httpd.get('/').json())
        return answers[-1]['pid'] == pid

    wait_until(again, what='the same process answers again')
    assert answers[-1]['version'] == 1


def test_a_location_guards_it_as_any_other_url(start, error_log):
    error_log.expect('AH01630: .*module:shop.wsgi', times=1)
    more = '<Location /private>\nRequire all denied\n</Location>\n<Directory />\nRequire all denied\n</Directory>\n'
    httpd = start(more=more)
    assert (httpd.get('/private').status, httpd.get('/public').status) == (403, 200)


def test_a_module_that_is_missing_is_named(start, error_log):
    # A process group does not begin without its only application.
    error_log.expect(r'GH0604: .*module:shop\.missing.*is not on sys.path')
    error_log.allow(r'Traceback|ModuleNotFoundError|  File|GH04\d\d|GH0604|cannot start; the server.s error log says why')
    httpd = start('module:shop.missing')
    assert httpd.get('/').status == {'embedded': 500, 'daemon': 503}[httpd.mode]


def test_a_callable_that_is_missing_is_500_and_named(start, error_log):
    error_log.expect('GH0606: .*module:shop.wsgi has no callable .nothing.')
    assert start('module:shop.wsgi:nothing').get('/').status == 500


@pytest.mark.parametrize('target', ['module:', 'module:a-b', 'module:a.b:', 'module:a:b.c', 'module:../a'])
def test_what_names_no_module_is_refused(configtest, target):
    status, output = configtest(f'WSGIScriptAlias / {target}\n')
    assert status != 0 and target in output and 'module:package.name:callable' in output


def test_a_url_does_not_choose_the_module(configtest):
    status, output = configtest(r'WSGIScriptAliasMatch ^/(\w+) module:$1' + '\n')
    assert status != 0 and 'names no module' in output
