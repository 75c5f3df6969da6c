# SPDX-License-Identifier: Apache-2.0
"""WSGIFreeThreading with a free-threaded build of Python, one that is called 3.13t: with and without its lock (GIL)."""
import os
import subprocess
import sysconfig

import pytest

import pythons
from clients import at_once
from conftest import PYTHONS

FREE_THREADED = [version for version in PYTHONS if pythons.is_free_threaded(version)]
pytestmark = pytest.mark.skipif(not FREE_THREADED, reason='no engine of a free-threaded Python (make engine '
                                                          'PYTHON=/path/python3.13t)')
VERSION = FREE_THREADED[-1] if FREE_THREADED else None

# One process a mode.
SITE = r'''
ServerLimit 1
StartServers 1
ThreadsPerChild 16
MaxRequestWorkers 16
MinSpareThreads 1
MaxSpareThreads 17
WSGIDaemonProcess one processes=1 threads=8 {options}
WSGIDaemonProcess two processes=1 threads=2 {options}
WSGIScriptAliasMatch ^/(?:one|two|embedded)/\w+ ${{APPS}}/free_threading.wsgi
SetEnvIf Request_URI ^/(one|two)/ GROUP=$1
SetEnvIf Request_URI ^/embedded/ GROUP=%{{GLOBAL}}
SetEnvIf Request_URI ^/\w+/(\w+) APPLICATION=$1
SetEnvIf Request_URI ^/\w+/main APPLICATION=%{{GLOBAL}}
WSGIProcessGroup %{{ENV:GROUP}}
WSGIApplicationGroup %{{ENV:APPLICATION}}
'''
MODES = ('embedded', 'one')


@pytest.fixture
def start(server):
    def with_lines(lines, options=''):
        return server(f'WSGIPython {VERSION}\n{lines}\n' + SITE.format(options=f'python={VERSION} {options}'))
    return with_lines


def has_gil(httpd, place):
    return httpd.get(f'/{place}').json()['gil']


@pytest.fixture
def environment(tmp_directory):
    """A virtual environment of the free-threaded Python."""
    home = tmp_directory / 'environment'
    subprocess.run([pythons.executables()[VERSION], '-m', 'venv', '--without-pip', home], check=True)
    return home


@pytest.mark.parametrize('mode', MODES)
def test_on_takes_the_lock_away_in_every_interpreter(start, mode):
    httpd = start('WSGIFreeThreading On')
    assert [has_gil(httpd, f'{mode}/{group}') for group in ('main', 'sub', 'main')] == [False] * 3


@pytest.mark.parametrize('lines', ['', 'WSGIFreeThreading Off'])
@pytest.mark.parametrize('mode', MODES)
def test_without_it_the_lock_stays(start, mode, lines):
    assert has_gil(start(lines, 'setenv=PYTHON_GIL=0'), f'{mode}/main') is True


def test_it_is_of_the_process_group_that_a_section_names(start):
    section = '<WSGIInterpreterOptions process-group=one>\nWSGIFreeThreading On\n</WSGIInterpreterOptions>'
    httpd = start(section)
    assert [has_gil(httpd, place) for place in ('one/main', 'two/main', 'embedded/main')] == [False, True, True]


def handovers(httpd, mode, enough):
    """How often two requests of a process, neither of which ever waits, hand a variable to each other in 0.3 s; the best of
    some attempts, for what else the machine does may leave them a core in turns."""
    best = 0
    for _ in range(10):
        answers = [answer.json() for answer in at_once(httpd.get, [f'/{mode}/main?pair'] * 2)]
        assert len({answer['pid'] for answer in answers}) == 1
        best = max(best, *(answer['handovers'] for answer in answers))
        if best > enough:
            break
    return best


# With the lock a handover takes a switch of threads, one in 5 ms: some 60 in all.
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='needs two cores')
@pytest.mark.parametrize('mode', MODES)
def test_two_requests_of_a_process_compute_at_the_same_time(start, mode):
    assert handovers(start('WSGIFreeThreading On'), mode, 2000) > 2000


@pytest.mark.parametrize('mode', MODES)
def test_with_the_lock_they_compute_in_turns(start, mode):
    assert handovers(start(''), mode, 500) < 500


@pytest.mark.parametrize('mode', MODES)
def test_an_environment_chooses_the_engine_of_its_build(server, environment, mode):
    httpd = server(f'WSGIPythonHome {environment}\nWSGIFreeThreading On\n' +
                   SITE.format(options=f'python-home={environment}'))
    facts = httpd.get(f'/{mode}/main').json()
    assert (facts['abiflags'], facts['prefix'], facts['gil']) == ('t', str(environment), False)


def test_an_environment_of_the_other_build_is_one_clear_line(configtest, environment):
    version = VERSION.removesuffix('t')
    status, output = configtest(f'WSGIDaemonProcess one python={version} python-home={environment}\n')
    assert status != 0 and f'python={version} does not fit' in output and f'of Python {VERSION}' in output, output


def test_an_extension_that_needs_the_lock_brings_it_back_and_is_named(start, tmp_directory, error_log):
    source = tmp_directory / 'needs_gil.c'
    source.write_text('#include <Python.h>\n'
                      'static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "needs_gil", 0, 0, 0, 0, 0, 0, 0};\n'
                      'PyMODINIT_FUNC PyInit_needs_gil(void) { return PyModule_Create(&definition); }\n')
    include = subprocess.run([pythons.executables()[VERSION], '-c', 'import sysconfig; print(sysconfig.get_path("include"))'],
                             capture_output=True, text=True, check=True).stdout.strip()
    if not os.path.exists(f'{include}/Python.h'):
        pytest.skip('no headers of the free-threaded Python')
    subprocess.run([*(sysconfig.get_config_var('CC') or 'cc').split()[:1], '-shared', '-fPIC', f'-I{include}', source, '-o',
                    tmp_directory / 'needs_gil.so'], check=True)
    httpd = start('WSGIFreeThreading On', f'python-path={tmp_directory}')
    assert has_gil(httpd, 'one/main') is False
    error_log.expect("RuntimeWarning: The global interpreter lock .* has been enabled to load module 'needs_gil'", times=1)
    assert has_gil(httpd, 'one/main?import=needs_gil') is True
    assert has_gil(httpd, 'one/main?import=needs_gil') is True


def test_a_lock_for_each_interpreter_makes_no_sense_beside_it(start, error_log):
    httpd = start('WSGIFreeThreading On\nWSGIPerInterpreterGIL On')
    assert has_gil(httpd, 'one/sub') is False
    assert 'there is no lock with WSGIFreeThreading On' in error_log.wait_for('GH0651: ').message


def test_several_interpreters_for_an_application_are_refused_beside_it(start, error_log):
    error_log.expect('GH0403: .*interpreters=2 makes no sense with WSGIFreeThreading On')
    error_log.allow('GH0302|GH0403|GH0405|cannot start; the server.s error log says why')
    assert start('WSGIFreeThreading On', 'interpreters=2').get('/one/main').status == 503
