# SPDX-License-Identifier: Apache-2.0
"""WSGIDaemonProcess interpreters=N: several interpreters of one process, each with its own lock, serve an application."""
import os

import pytest

from clients import at_once
from conftest import PYTHONS
from processes import wait_until
from pythons import minor

WITH_OWN_GIL = [version for version in PYTHONS if minor(version) >= 12]
WITHOUT = [version for version in PYTHONS if minor(version) < 12]
pytestmark = pytest.mark.skipif(not WITH_OWN_GIL, reason='no Python that has a GIL for each interpreter')


@pytest.fixture
def start(server):
    def with_options(options='interpreters=2 threads=6', group='%{GLOBAL}', lines='', python=WITH_OWN_GIL[-1]):
        return server(f'{lines}\nWSGIDaemonProcess one python={python} {options}\n'
                      f'WSGIScriptAliasMatch ^/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group={group}\n')
    return with_options


def busy(httpd, requests=24):
    """The facts of requests that keep the whole group busy."""
    return [answer.json() for answer in at_once(httpd.get, ['/pool?cpu'] * requests)]


def each_thread_keeps_its_interpreter(facts, count):
    members = {}
    for fact in facts:
        members.setdefault((fact['pid'], fact['thread'] % count), set()).add(fact['number'])
    return all(len(numbers) == 1 for numbers in members.values())


@pytest.mark.parametrize('python', WITH_OWN_GIL)
def test_interpreters_of_one_process_share_the_requests(start, python):
    facts = busy(start(python=python))
    assert len({fact['pid'] for fact in facts}) == 1
    assert len({fact['number'] for fact in facts}) == 2
    assert each_thread_keeps_its_interpreter(facts, 2)


def test_each_process_has_a_pool_of_its_own(start):
    facts = busy(start('interpreters=3 threads=6 processes=2'), 48)
    by_process = {}
    for fact in facts:
        by_process.setdefault(fact['pid'], set()).add(fact['number'])
    assert len(by_process) == 2 and all(len(numbers) <= 3 for numbers in by_process.values())
    assert each_thread_keeps_its_interpreter(facts, 3)


def test_the_application_is_loaded_into_each_before_the_first_request(server):
    httpd = server(f'WSGIDaemonProcess one python={WITH_OWN_GIL[-1]} interpreters=3 threads=3\n'
                   'WSGIScriptAlias / ${APPS}/pool.wsgi process-group=one application-group=%{GLOBAL}\n')
    wait_until(lambda: httpd.log().count('loading script') == 3, what='three interpreters have loaded it')
    assert httpd.get('/').status == 200 and httpd.log().count('loading script') == 3


@pytest.mark.parametrize('group, name', [('%{GLOBAL}', ''), ('shop', 'shop')])
def test_the_application_group_stays_the_one_configured(start, group, name):
    for fact in busy(start(group=group), 8):
        assert (fact['application_group'], fact['of_module']) == (name, name)


def test_two_applications_have_a_pool_each(start):
    httpd = start(group='%{RESOURCE}')
    both = [answer.json() for answer in at_once(httpd.get, ['/pool?cpu', '/python_settings'] * 12)]
    assert len({fact['number'] for fact in both if 'number' in fact}) == 2
    assert {fact['application_group'].rpartition('|')[2] for fact in both} == {'/pool', '/python_settings'}


def test_what_sections_say_counts_for_each_interpreter(start):
    lines = ('<WSGIInterpreterOptions process-group=one application-group=shop>\nWSGISwitchInterval 0.25\n'
             '</WSGIInterpreterOptions>')
    assert {fact['switch_interval'] for fact in busy(start(group='shop', lines=lines), 12)} == {0.25}


def test_changed_code_is_served_by_all(start, stage):
    httpd = start('interpreters=2 threads=4')
    before = {fact['number'] for fact in busy(httpd)}
    os.utime(stage.apps / 'pool.wsgi')
    after = {fact['number'] for fact in busy(httpd)}
    assert len(before) == len(after) == 2 and not before & after


def test_exit_functions_run_in_each_interpreter(start, tmp_directory):
    note = tmp_directory / 'note'
    httpd = start('interpreters=2 threads=2')
    wait_until(lambda: len({fact['number'] for fact in busy(httpd, 8)}) == 2, what='both interpreters are there')
    at_once(httpd.get, [f'/at_exit?{note}'] * 8)
    httpd.stop()
    assert note.exists() and 'GH0615' not in httpd.log()


@pytest.mark.skipif('3.12' not in PYTHONS, reason='an extension module of Python 3.12 is needed')
def test_an_extension_that_needs_the_main_interpreter_is_named(start, error_log):
    # ctypes of Python 3.12 keeps its state in C.
    error_log.expect_traceback('ImportError: module _ctypes does not support loading in subinterpreters')
    assert start(python='3.12').get('/main_interpreter').status == 500
    line = error_log.wait_for('GH0604: ').message
    assert '_ctypes' in line and 'interpreters=' in line


@pytest.mark.skipif(not WITHOUT, reason='an older Python is needed')
def test_an_older_python_is_refused(configtest):
    status, output = configtest(f'WSGIDaemonProcess one interpreters=2 python={WITHOUT[-1]}\n')
    assert status != 0 and 'interpreters=2 needs Python 3.12' in output, output


@pytest.mark.parametrize('option', ['interpreters=0', 'interpreters=257', 'interpreters=two',
                                    'interpreters=4 threads=3'])
def test_a_number_that_makes_no_sense_is_refused(configtest, option):
    status, output = configtest(f'WSGIDaemonProcess one {option}\n')
    assert status != 0 and 'interpreters' in output
