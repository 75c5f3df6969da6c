# SPDX-License-Identifier: Apache-2.0
"""Processes that are replaced by themselves: after so many requests, so much time, CPU time or idleness."""
import collections
import threading

import pytest

from clients import Load
from processes import is_alive, wait_until

CONFIG = ('WSGIDaemonProcess one {}\n'
          'WSGIScriptAliasMatch ^/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}\n'
          '<Location /identity>\n    WSGIIgnoreActivity {}\n</Location>\n')


@pytest.fixture
def start(server):
    return lambda options, ignore='Off': server(CONFIG.format(options, ignore))


def pid_of(httpd):
    return httpd.get('/identity').json()['pid']


def test_a_process_is_replaced_after_maximum_requests(start, error_log):
    """Without hurry: it serves until its replacement does."""
    httpd = start('maximum-requests=3 threads=1')
    first = [pid_of(httpd) for _ in range(3)]
    assert len(set(first)) == 1
    wait_until(lambda: pid_of(httpd) != first[0], what='the replacement serves')
    wait_until(lambda: not is_alive(first[0]), what='the first process left')
    assert 'maximum_requests' in error_log.wait_for('GH0424: ').text


def test_a_process_that_is_to_serve_one_request_serves_one(start):
    httpd = start('maximum-requests=1 threads=1')
    assert len({pid_of(httpd) for _ in range(5)}) == 5


def test_jitter_replaces_processes_after_different_numbers_of_requests(start):
    httpd = start('maximum-requests=40 restart-jitter=100 threads=1')
    served = collections.Counter(pid_of(httpd) for _ in range(150))
    assert len(served) > 4, 'nobody left before the 40th request'
    assert len(set(list(served.values())[:-1])) > 1


def test_no_request_is_lost_when_processes_are_replaced_often(start):
    httpd = start('maximum-requests=5 processes=2 threads=3')
    with Load(httpd, '/hello', clients=4) as load:
        wait_until(lambda: load.done > 200, 60, 'two hundred requests')
    assert not load.failures


def test_one_request_a_process_is_run_once(start):
    facts = start('maximum-requests=1 threads=1').get('/identity').json()
    assert facts['run_once'] is True


def test_a_process_is_replaced_at_its_age(start, error_log):
    httpd = start('restart-interval=0.4 threads=1')
    pid = pid_of(httpd)
    wait_until(lambda: not is_alive(pid), what='the process was replaced')
    assert pid_of(httpd) != pid
    assert 'restart_interval' in error_log.wait_for('GH0424: ').text


def test_an_idle_process_is_replaced(start, error_log):
    httpd = start('inactivity-timeout=0.3 threads=1')
    pid = pid_of(httpd)
    wait_until(lambda: not is_alive(pid), what='the process was replaced')
    assert 'inactivity_timeout' in error_log.wait_for('GH0424: ').text


def test_a_process_that_runs_a_request_is_not_idle(start):
    httpd = start('inactivity-timeout=0.3 threads=2')
    pid = pid_of(httpd)
    assert int(httpd.get('/sleep?1').text) == pid


def test_requests_that_are_ignored_do_not_keep_a_process_from_being_idle(start, error_log):
    httpd = start('inactivity-timeout=0.5 threads=2', ignore='On')
    pid = int(httpd.get('/sleep?0').text)  # the countdown begins with activity

    def replaced():
        return pid_of(httpd) != pid

    wait_until(replaced, what='the process was replaced in spite of requests')
    assert 'inactivity_timeout' in error_log.wait_for('GH0424: ').text


def test_ignored_requests_alone_begin_no_countdown(start):
    httpd = start('inactivity-timeout=0.1 threads=1', ignore='On')
    pids = {pid_of(httpd)}
    for _ in range(4):
        threading.Event().wait(0.15)
        pids.add(pid_of(httpd))
    assert len(pids) == 1


def test_a_process_is_replaced_when_its_cpu_time_is_used_up(start, error_log):
    httpd = start('cpu-time-limit=0.5 threads=1')
    pid = pid_of(httpd)
    httpd.get('/burn?1')
    wait_until(lambda: not is_alive(pid), what='the process was replaced')
    assert 'cpu_time_limit' in error_log.wait_for('GH0424: ').text


def test_the_request_that_used_up_the_cpu_time_is_finished(start):
    assert start('cpu-time-limit=0.3 threads=1').get('/burn?0.6').text == 'done'


def test_a_process_that_does_not_finish_in_graceful_timeout_is_cut_off(start, error_log, tmp_directory):
    httpd = start('restart-interval=1 graceful-timeout=0.5 threads=1')
    assert httpd.get(f'/hold?{tmp_directory}').status == 502
    error_log.expect(r'GH0407: .*restart_interval.*GET /hold', times=1)
    error_log.expect('GH0304: ')


def test_a_request_within_graceful_timeout_is_finished(start):
    httpd = start('restart-interval=0.5 graceful-timeout=20 threads=1')
    assert httpd.get('/sleep?1.5').status == 200


def test_the_application_is_told_why(start, tmp_directory):
    httpd = start('maximum-requests=1 threads=1')
    note = tmp_directory / 'note'
    assert httpd.get(f'/told?{note}').status == 200
    wait_until(lambda: note.exists() and note.read_text().endswith('\n'), what='the application was told')
    assert note.read_text() == 'process_stopping maximum_requests\n'
