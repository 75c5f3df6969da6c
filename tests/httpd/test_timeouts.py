# SPDX-License-Identifier: Apache-2.0
"""Requests and processes that take too long: request-timeout, interrupt-timeout, deadlock-timeout, startup-timeout."""
import os
import signal
import threading

import pytest

from clients import at_once
from processes import is_alive, wait_until

CONFIG = ('WSGIDaemonProcess one {}\n'
          'WSGIScriptAliasMatch ^/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}\n')


@pytest.fixture
def start(server):
    return lambda options: server(CONFIG.format(options))


def pass_time(seconds):
    """For what must not happen within that time."""
    threading.Event().wait(seconds)


def expect_stop(error_log, reason):
    error_log.expect(rf'GH0412: .*\({reason}\)', times=1)
    error_log.allow('GH0304: ')  # the child tells of its request


def test_a_request_within_its_time_is_left_alone(start):
    assert start('request-timeout=5 interrupt-timeout=1 threads=1').get('/spin?0.2').text == 'done'


def test_a_request_that_takes_too_long_is_504_and_its_process_serves_on(start, error_log):
    httpd = start('request-timeout=0.3 interrupt-timeout=10 threads=1')
    pid = httpd.get('/identity').json()['pid']
    assert httpd.get('/spin?20').status == 504
    assert httpd.get('/identity').json()['pid'] == pid
    error_log.expect('GH0411: .*GET /spin', times=1)
    error_log.expect('in run_until')
    error_log.expect_traceback('RequestTimeout')


def test_an_application_may_catch_the_interruption_and_answer(start, error_log):
    httpd = start('request-timeout=0.3 interrupt-timeout=10 threads=1')
    assert httpd.get('/spin?20&caught').text == 'RequestTimeout'


def test_a_response_that_has_begun_is_visibly_cut(start, error_log):
    httpd = start('request-timeout=0.3 interrupt-timeout=10 threads=1')
    response = httpd.get('/spin?20&begun')
    assert response.status == 200 and not response.complete
    error_log.expect_traceback('RequestTimeout')


def test_the_threshold_grows_with_the_number_of_threads(start, error_log):
    """0.4 s x (1 + ln 15) is 1.5 s."""
    httpd = start('request-timeout=0.4 interrupt-timeout=10 threads=15')
    assert httpd.get('/spin?0.8').text == 'done'
    assert httpd.get('/spin?30').status == 504
    error_log.expect_traceback('RequestTimeout')


def test_a_request_that_cannot_be_interrupted_ends_its_process(start, error_log):
    httpd = start('request-timeout=0.3 interrupt-timeout=0.3 threads=1')
    pid = httpd.get('/identity').json()['pid']
    assert httpd.get('/sleep?60').status == 502
    assert httpd.get('/identity').json()['pid'] != pid
    wait_until(lambda: not is_alive(pid), what='the process ended')
    expect_stop(error_log, 'request_timeout')
    error_log.expect(r'sleep\.wsgi", line')


def test_without_interruption_the_process_ends_when_the_time_is_over(start, error_log):
    httpd = start('request-timeout=0.3 threads=1')
    assert httpd.get('/spin?60').status == 502
    assert httpd.get('/hello').status == 200
    expect_stop(error_log, 'request_timeout')


def test_others_may_finish_when_one_request_takes_too_long(start, error_log):
    """Threads: the stuck one, and one whose request is young."""
    httpd = start('request-timeout=0.5 graceful-timeout=10 threads=2')

    def client(number):
        if number == 0:
            return httpd.get('/sleep?60').status
        return [httpd.get('/sleep?0.3').status for _ in range(5)]

    stuck, others = at_once(client, range(2))
    assert stuck == 502 and others == [200] * 5
    expect_stop(error_log, 'request_timeout')


def test_the_reason_is_told_to_the_application(start, error_log, tmp_directory):
    httpd = start('request-timeout=0.3 threads=1')
    assert httpd.get(f'/told?{tmp_directory}/note').status == 200
    assert httpd.get('/sleep?60').status == 502
    wait_until(lambda: (tmp_directory / 'note').exists() and (tmp_directory / 'note').read_text(), what='the application was told')
    assert (tmp_directory / 'note').read_text() == 'process_stopping request_timeout\n'
    expect_stop(error_log, 'request_timeout')


def test_a_process_that_holds_pythons_lock_is_replaced_and_shows_its_stacks(start, error_log):
    httpd = start('deadlock-timeout=0.8 threads=2')
    pid = httpd.get('/identity').json()['pid']
    assert httpd.get('/lock?60').status == 502
    assert httpd.get('/identity').json()['pid'] != pid
    expect_stop(error_log, 'deadlock_timeout')
    error_log.expect(r'GH0670: .*lock\.wsgi", line \d+ in hold_the_lock')


def test_a_lock_that_is_given_up_in_time_is_no_deadlock(start):
    assert start('deadlock-timeout=5 threads=2').get('/lock?1').text == 'done'


def test_the_timeouts_of_requests_need_no_deadlock_timeout(start, error_log):
    httpd = start('request-timeout=0.3 deadlock-timeout=0 threads=1')
    assert httpd.get('/sleep?60').status == 502
    expect_stop(error_log, 'request_timeout')


def test_processes_that_were_stopped_all_together_are_not_taken_for_hung(start):
    """As on a machine that was suspended. The supervisor wakes first."""
    httpd = start('deadlock-timeout=0.5 processes=1 threads=1')
    pid = httpd.get('/identity').json()['pid']
    daemons = sorted((process.pid for process in httpd.daemons()), key=lambda one: one == pid)
    for one in daemons:
        os.kill(one, signal.SIGSTOP)
    try:
        pass_time(1.5)
    finally:
        for one in daemons:
            os.kill(one, signal.SIGCONT)
    pass_time(1)
    assert httpd.get('/identity').json()['pid'] == pid


def test_a_script_that_loads_for_too_long_ends_its_process(start, error_log):
    httpd = start('startup-timeout=0.4 threads=1')
    first = at_once(lambda _: httpd.get('/slow_import', timeout=20).status, range(1))
    assert first == [503]
    error_log.expect(r'GH0412: .*\(startup_timeout\)')
    error_log.expect(r'GH0303: ')


def test_a_process_that_nobody_asks_for_anything_is_not_in_time_trouble(start):
    httpd = start('startup-timeout=0.2 threads=1')
    pass_time(0.6)
    pid = httpd.get('/identity').json()['pid']
    pass_time(0.6)
    assert httpd.get('/identity').json()['pid'] == pid
