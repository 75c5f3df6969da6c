# SPDX-License-Identifier: Apache-2.0
"""What endangers a process that embeds CPython: signals, event loops, forks, C code that calls back, imports in many
interpreters at once. Each in embedded mode and in daemons, in the main interpreter and in others, on every Python.
tests/README.md has the list."""
import os

import pytest

from clients import Mount, at_once
from conftest import PYTHONS
from processes import Process

MASKS = ('SigBlk', 'SigIgn', 'SigCgt')

# Two interpreters in a process are enough for each to be one of several: the main one of daemons has their group alone.
SITES = {
    'main': '''
WSGIDaemonProcess one python={python} threads=4
WSGIScriptAliasMatch ^/embedded/(\\w+) ${{APPS}}/$1.wsgi application-group=%{{GLOBAL}}
WSGIScriptAliasMatch ^/daemon/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}
''',
    'sub': '''
WSGIDaemonProcess one python={python} threads=4
WSGIScriptAliasMatch ^/(\\w+)/(\\w+)/(\\w+) ${{APPS}}/$3.wsgi
SetEnvIf Request_URI ^/embedded/ GROUP=%{{GLOBAL}}
SetEnvIf Request_URI ^/daemon/ GROUP=one
SetEnvIf Request_URI ^/\\w+/(\\w+)/ APPLICATION=$1
WSGIProcessGroup %{{ENV:GROUP}}
WSGIApplicationGroup %{{ENV:APPLICATION}}
''',
}


def start(module_server, python, interpreter):
    """One child and one worker, so that each request comes to a process that has served the others."""
    server = module_server(f'WSGIPython {python}\nStartServers 1\nServerLimit 1\nMaxRequestWorkers 40\n'
                           'ThreadsPerChild 40\nMinSpareThreads 1\n' + SITES[interpreter].format(python=python))
    server.python, server.interpreter = python, interpreter
    return server


@pytest.fixture(scope='module', params=PYTHONS)
def main_server(module_server, request):
    return start(module_server, request.param, 'main')


@pytest.fixture(scope='module', params=PYTHONS)
def sub_server(module_server, request):
    return start(module_server, request.param, 'sub')


@pytest.fixture(params=['embedded', 'daemon'])
def alone(main_server, request):
    """The applications in a process whose only interpreter is the main one."""
    return Mount(main_server, f'/{request.param}/')


@pytest.fixture(params=['embedded', 'daemon'])
def beside(sub_server, request):
    """The applications in one of several interpreters of a process."""
    return Mount(sub_server, f'/{request.param}/beside/')


def signal_masks(mount):
    pid = mount.get('identity').json()['pid']
    process = Process(pid, 0, 0, '', '', '')
    return {mask: process.status(mask) for mask in MASKS}


def test_no_way_to_take_signals_changes_those_of_the_server(alone, error_log):
    before = signal_masks(alone)
    for _ in range(2):
        assert alone.get('takes_signals').status == 200
    assert signal_masks(alone) == before
    assert error_log.wait_for('was left undone: signals of this process are the server')


def test_in_another_interpreter_no_way_to_take_signals_changes_them_either(beside):
    before = signal_masks(beside)
    assert beside.get('takes_signals').status == 200
    assert signal_masks(beside) == before


def test_event_loops_run_in_requests(alone):
    assert [answer.text for answer in at_once(alone.get, ['event_loop'] * 4)] == ['loaded 42'] * 4


def test_event_loops_run_in_requests_of_another_interpreter(beside):
    assert [answer.text for answer in at_once(beside.get, ['event_loop'] * 4)] == ['loaded 42'] * 4


def test_multiprocessing_forks_computes_and_ends_its_processes(alone):
    assert alone.get('multiprocess?fork').json()[0] == [1, 2, 3, 4]


def test_multiprocessing_spawns_processes_that_hold_no_socket_of_ours(alone):
    assert alone.get('multiprocess?spawn').json() == [[1, 2, 3, 4], []]


@pytest.mark.parametrize('way', ['popen', 'system', 'spawn', 'posix_spawn', 'multiprocessing_fork',
                                 'multiprocessing_spawn'])
def test_a_program_that_an_application_starts_can_be_ended(alone, way):
    assert alone.get(f'ends_program?{way}').text == '-15'


# No interpreter but the main one may fork.
@pytest.mark.parametrize('way', ['popen', 'system', 'posix_spawn', 'multiprocessing_spawn'])
def test_a_program_that_an_application_of_another_interpreter_starts_can_be_ended(beside, way):
    assert beside.get(f'ends_program?{way}').text == '-15'


def test_multiprocessing_spawns_from_another_interpreter(beside):
    assert beside.get('multiprocess?spawn').json() == [[1, 2, 3, 4], []]


@pytest.mark.parametrize('kind', ['CFUNCTYPE', 'PYFUNCTYPE'])
def test_c_code_calls_back_into_the_interpreter_of_the_request(beside, kind):
    """Threads serve several interpreters in turn: one of them is what CPython takes for theirs."""
    for group in ('first', 'beside', 'second', 'beside') * 4:
        assert beside.server.get(f'/{beside.mode}/{group}/callback?{kind}').text == '42 [True]'


def test_many_interpreters_are_made_and_import_at_once(beside):
    count = 32 if os.environ.get('GATEHOUSE_LONG') else 8
    paths = [f'/{beside.mode}/group{number}/imports' for number in range(count)]
    answers = at_once(lambda path: beside.server.get(path, timeout=60), paths)
    assert {answer.text for answer in answers} == {'["2026-11-27", "3.30"] 42 CERT_REQUIRED'}
