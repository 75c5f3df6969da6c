# SPDX-License-Identifier: Apache-2.0
"""Extension modules of others (tests/requirements-extensions.txt) in the main interpreter, in others, and in others with
a lock each: what works there works, what refuses is told by its name and with the way out."""
import re

import pytest

import pythons
from clients import at_once

EXTENSIONS = ('numpy', 'lxml', 'cryptography', 'pydantic', 'sqlalchemy', 'psycopg', 'pillow')
ENVIRONMENTS = sorted(name.removeprefix('extensions-') for name in pythons.venvs() if name.startswith('extensions-'))

SITE = '''
WSGIPythonHome {home}
StartServers 1
ServerLimit 1
ThreadsPerChild 40
MinSpareThreads 1
MaxRequestWorkers 40
WSGIDaemonProcess one python-home={home} threads=4
WSGIScriptAliasMatch ^/\\w+/\\w+/(\\w+) ${{APPS}}/$1.wsgi
SetEnvIf Request_URI ^/embedded/ GROUP=%{{GLOBAL}}
SetEnvIf Request_URI ^/daemon/ GROUP=one
SetEnvIf Request_URI ^/\\w+/(\\w+)/ APPLICATION=$1
SetEnvIf Request_URI ^/\\w+/main/ APPLICATION=%{{GLOBAL}}
WSGIProcessGroup %{{ENV:GROUP}}
WSGIApplicationGroup %{{ENV:APPLICATION}}
{lines}
'''


def start(module_server, python, lines=''):
    """One child and one worker: what an interpreter loads first, others of its process may be refused."""
    return module_server(SITE.format(home=pythons.venvs()[f'extensions-{python}'], lines=lines))


@pytest.fixture(scope='module', params=ENVIRONMENTS)
def main_server(module_server, request):
    return start(module_server, request.param)


@pytest.fixture(scope='module', params=ENVIRONMENTS)
def sub_server(module_server, request):
    return start(module_server, request.param)


@pytest.fixture(scope='module', params=[python for python in ENVIRONMENTS if pythons.minor(python) >= 12])
def own_server(module_server, request):
    return start(module_server, request.param, 'WSGIPerInterpreterGIL On')


@pytest.fixture(params=['embedded', 'daemon'])
def mode(request):
    return request.param


def failures(httpd, path, extension):
    """What several requests at once are answered, where that is not right."""
    answers = at_once(lambda number: httpd.get(f'{path}/extension?{extension}'), range(4))
    return [answer for answer in answers if answer.status != 200 or answer.text != '36']


def works_or_is_told(httpd, path, extension, way_out, error_log):
    failed = failures(httpd, path, extension)
    if not failed:
        return
    error_log.allow('.')
    assert {answer.status for answer in failed} == {500}, failed
    line = error_log.wait_for('GH0610: .*needs .*extension module').message
    assert re.search(r'extension module [\w.]+|an extension module that [\w.]+ imports|the extension module of "from lxml', line), line
    assert way_out in line, line


@pytest.mark.parametrize('extension', EXTENSIONS)
def test_it_works_in_the_main_interpreter(main_server, mode, extension):
    assert not failures(main_server, f'/{mode}/main', extension)


def test_all_of_them_serve_many_requests_in_one_interpreter(main_server, mode):
    answers = at_once(lambda number: [failures(main_server, f'/{mode}/main', extension) for extension in EXTENSIONS * 3],
                      range(2))
    assert answers == [[[]] * len(EXTENSIONS * 3)] * 2


@pytest.mark.parametrize('extension', EXTENSIONS)
def test_in_other_interpreters_it_works_or_is_told_by_its_name(sub_server, mode, extension, error_log):
    for group in ('first', 'second'):
        works_or_is_told(sub_server, f'/{mode}/{group}', extension, 'application-group=%{GLOBAL}', error_log)


@pytest.mark.parametrize('extension', EXTENSIONS)
def test_in_interpreters_with_a_lock_each_it_works_or_is_told_by_its_name(own_server, mode, extension, error_log):
    for group in ('first', 'second'):
        works_or_is_told(own_server, f'/{mode}/{group}', extension, 'WSGIPerInterpreterGIL Off', error_log)
