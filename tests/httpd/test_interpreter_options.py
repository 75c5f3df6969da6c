# SPDX-License-Identifier: Apache-2.0
"""<WSGIInterpreterOptions>: which section counts for which interpreter, and what its lines do."""
import re

import pytest

from conftest import PYTHONS
from pythons import minor

WITH_OWN_GIL = [version for version in PYTHONS if minor(version) >= 12]
own_gil = pytest.mark.skipif(not WITH_OWN_GIL, reason='no Python that has a GIL for each interpreter')

SITE = r'''
WSGIDaemonProcess one threads=2 {options}
WSGIDaemonProcess two threads=2 {options}
WSGIScriptAliasMatch ^/\w+/\w+/(\w+) ${{APPS}}/$1.wsgi
SetEnvIf Request_URI ^/(one|two)/ GROUP=$1
SetEnvIf Request_URI ^/embedded/ GROUP=%{{GLOBAL}}
SetEnvIf Request_URI ^/\w+/(\w+)/ APPLICATION=$1
SetEnvIf Request_URI ^/\w+/main/ APPLICATION=%{{GLOBAL}}
WSGIProcessGroup %{{ENV:GROUP}}
WSGIApplicationGroup %{{ENV:APPLICATION}}
'''


@pytest.fixture
def start(server):
    """An httpd with these sections. Paths are /PROCESS GROUP/APPLICATION GROUP/APPLICATION; "embedded" and "main"
    stand for %{GLOBAL}."""
    def with_sections(sections, python=None, options=''):
        chosen = f'WSGIPython {python}\n' if python else ''
        options += f' python={python}' if python else ''
        return server(chosen + sections + SITE.format(options=options))
    return with_sections


def facts(httpd, place):
    return httpd.get(f'/{place}/python_settings').json()


def intervals(httpd, *places):
    return [facts(httpd, place)['switch_interval'] for place in places]


def section(lines, *selectors):
    return f'<WSGIInterpreterOptions {" ".join(selectors)}>\n{lines}\n</WSGIInterpreterOptions>\n'


ONE, TWO, EMBEDDED = 'process-group=one', 'process-group=two', 'process-group=%{GLOBAL}'
MAIN, SUB = 'application-group=%{GLOBAL}', 'application-group=sub'


def test_a_section_is_for_the_process_group_that_it_names(start):
    httpd = start(section('WSGISwitchInterval 0.25', ONE) + section('WSGISwitchInterval 0.5', EMBEDDED))
    assert intervals(httpd, 'one/main', 'two/main', 'embedded/main') == [0.25, 0.005, 0.5]


def test_a_section_without_groups_is_for_all_processes(start):
    httpd = start(section('WSGISwitchInterval 0.25'))
    assert intervals(httpd, 'one/main', 'two/main', 'embedded/main') == [0.25] * 3


def test_the_section_that_names_more_wins_over_the_groups_own_option(start):
    sections = section('WSGISwitchInterval 0.5', ONE, MAIN) + section('WSGISwitchInterval 0.25', ONE)
    assert intervals(start(sections, options='switch-interval=0.125'), 'one/main', 'two/main') == [0.5, 0.125]


def test_of_equal_sections_the_last_wins(start):
    sections = section('WSGISwitchInterval 0.5', ONE) + section('WSGISwitchInterval 0.25', ONE)
    assert intervals(start(sections), 'one/main') == [0.25]


def test_selectors_may_be_written_in_any_case(start):
    assert intervals(start(section('WSGISwitchInterval 0.25', 'Process-Group=one')), 'one/main') == [0.25]


def test_paths_add_up_with_the_most_specific_in_front(start):
    sections = (section('WSGIPythonPath /tmp/both', ONE, SUB) + section('WSGIPythonPath /tmp/one:/tmp/more', ONE) +
                section('WSGIPythonPath /tmp/all'))
    httpd = start('WSGIPythonPath /tmp/embedded\n' + sections, options='python-path=/tmp/option')
    assert facts(httpd, 'one/sub')['path'][:5] == ['/tmp/both', '/tmp/one', '/tmp/more', '/tmp/all', '/tmp/option']
    assert facts(httpd, 'one/main')['path'][:4] == ['/tmp/one', '/tmp/more', '/tmp/all', '/tmp/option']
    assert facts(httpd, 'two/main')['path'][:2] == ['/tmp/all', '/tmp/option']
    assert facts(httpd, 'embedded/main')['path'][:2] == ['/tmp/all', '/tmp/embedded']


def test_a_restriction_is_for_the_interpreter_that_is_named(start):
    httpd = start(section('WSGIRestrictStdin On', ONE, SUB))
    answers = [httpd.get(f'/{place}/restricted?stdin').text for place in ('one/sub', 'one/main', 'two/sub')]
    assert answers == ['OSError: sys.stdin access restricted by mod_wsgi', '', '']


def test_a_section_takes_a_restriction_back(start, error_log):
    httpd = start('WSGIRestrictStdout On\n' + section('WSGIRestrictStdout Off', ONE))
    error_log.expect('printed', times=1)
    assert httpd.get('/one/main/restricted?stdout').text == 'printed'
    assert httpd.get('/two/main/restricted?stdout').text.startswith('OSError')


def test_an_application_group_that_a_section_names_has_its_own_interpreter(server):
    alias = 'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=sub\n'
    config = 'WSGIDaemonProcess one\n' + alias.replace('Match ^/(\\w+)', ' /').replace('$1', 'main_interpreter')
    assert server(config).get('/').text == 'True sub'
    assert server(section('WSGIRestrictStdin Off', SUB) + config).get('/').text == 'False sub'


def test_an_interval_of_one_interpreter_needs_a_lock_of_its_own(start, error_log):
    httpd = start(section('WSGISwitchInterval 0.25', ONE, SUB))
    assert intervals(httpd, 'one/sub', 'one/main') == [0.005, 0.005]
    assert 'WSGIPerInterpreterGIL' in error_log.wait_for('GH0653: ').message


@own_gil
@pytest.mark.parametrize('python', WITH_OWN_GIL)
@pytest.mark.parametrize('mode', ['one', 'embedded'])
def test_wsgiperinterpretergil_gives_a_sub_interpreter_its_own_lock(start, python, mode):
    httpd = start(section('WSGIPerInterpreterGIL On\nWSGISwitchInterval 0.25', SUB), python)
    assert intervals(httpd, f'{mode}/sub', f'{mode}/main', f'{mode}/other') == [0.25, 0.005, 0.005]


@own_gil
def test_many_interpreters_with_their_own_lock_serve_side_by_side(start):
    httpd = start('WSGIPerInterpreterGIL On', WITH_OWN_GIL[-1])
    names = [f'sub{n}' for n in range(8)]
    for _ in range(3):
        assert {facts(httpd, f'one/{name}')['application_group'] for name in names} == set(names)


@pytest.mark.skipif('3.12' not in PYTHONS, reason='an extension module of Python 3.12 is needed')
def test_an_extension_that_allows_no_lock_per_interpreter_is_named(start, error_log):
    # ctypes of Python 3.12 keeps its state in C.
    error_log.expect_traceback('ImportError: module _ctypes does not support loading in subinterpreters')
    httpd = start(section('WSGIPerInterpreterGIL On', SUB), '3.12')
    assert httpd.get('/one/sub/main_interpreter').status == 500
    line = error_log.wait_for('GH0604: ').message
    assert '_ctypes' in line and 'WSGIPerInterpreterGIL Off' in line
    assert httpd.get('/one/main/main_interpreter').status == 200


@own_gil
def test_fork_in_an_interpreter_with_its_own_lock_is_an_exception_and_subprocess_works(start):
    httpd = start(section('WSGIPerInterpreterGIL On', SUB), WITH_OWN_GIL[-1])
    assert httpd.get('/one/sub/restricted?signal_in_child').text.startswith('RuntimeError: fork not supported')
    assert httpd.get('/one/sub/restricted?subprocess').text == 'done'


@pytest.mark.skipif('3.11' not in PYTHONS, reason='Python 3.11 is needed')
def test_wsgiperinterpretergil_before_python_3_12_is_a_warning(start, error_log):
    httpd = start('WSGIPerInterpreterGIL On', '3.11')
    assert facts(httpd, 'one/sub')['application_group'] == 'sub'
    line = error_log.wait_for('GH0651: ')
    assert '3.12' in line.message and line.fields['level'] == 'warn'


def test_wsgifreethreading_of_an_ordinary_python_is_a_warning(start, error_log):
    httpd = start(section('WSGIFreeThreading On', ONE))
    assert facts(httpd, 'one/main')
    assert 'free-threaded' in error_log.wait_for('GH0652: ').message


def test_wsgifreethreading_with_an_application_group_is_warned_of(configtest):
    status, output = configtest(section('WSGIFreeThreading On', SUB))
    assert status == 0 and re.search(r':warn\].*GH0652: .*httpd\.conf:\d+ has no effect.*application-group', output), output


def test_a_section_for_an_undefined_process_group_is_warned_of(configtest):
    status, output = configtest(section('WSGIRestrictStdin On', 'process-group=nobody'))
    assert status == 0 and re.search('GH0105: .*WSGIInterpreterOptions.*nobody', output), output


@pytest.mark.parametrize('line', ['WSGIPythonOptimize 1', 'WSGIScriptAlias / /tmp/x.wsgi', 'SetEnv A b'])
def test_another_directive_inside_is_refused(configtest, line):
    status, output = configtest(section(line, ONE))
    assert status != 0 and line.split()[0] in output and 'WSGIPerInterpreterGIL' in output and 'outside' in output


def test_a_condition_inside_is_allowed(start):
    inside = '<IfModule mod_wsgi.c>\nWSGISwitchInterval 0.25\n</IfModule>'
    assert intervals(start(section(inside, ONE)), 'one/main') == [0.25]


@pytest.mark.parametrize('line, word', [
    ('<WSGIInterpreterOptions user=x>', 'user'), ('<WSGIInterpreterOptions process-group>', 'process-group'),
    ('<WSGIInterpreterOptions process-group=a process-group=b>', 'twice'),
    ('<WSGIInterpreterOptions process-group=one', '>')])
def test_a_bad_selector_is_refused(configtest, line, word):
    status, output = configtest(f'{line}\n</WSGIInterpreterOptions>\n')
    assert status != 0 and 'WSGIInterpreterOptions' in output and word in output


def test_a_section_belongs_to_the_main_server(configtest):
    status, output = configtest(f'<VirtualHost *>\n{section("WSGIRestrictStdin On")}</VirtualHost>\n')
    assert status != 0 and 'WSGIInterpreterOptions' in output
