# SPDX-License-Identifier: Apache-2.0
"""What signals mean to a process of a group."""
import os
import signal

import pytest

from clients import at_once
from processes import is_alive, wait_until


@pytest.fixture
def start(server):
    return lambda options='': server(
        f'WSGIDaemonProcess one threads=2 {options}\n'
        'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')


def signalled_while_held(httpd, number, directory, release_after=None):
    """Sends a signal to a process that holds a request; the request's response."""
    def send():
        entered = wait_until(lambda: list(directory.glob('entered-*')), what='a request in the application')
        os.kill(int(entered[0].name.split('-')[1]), number)
        if release_after is not None:
            release_after()
            (directory / 'go').touch()

    held, _ = at_once(lambda n: send() if n else httpd.get(f'/hold?{directory}'), range(2))
    return held


@pytest.mark.parametrize('number, reason', [(signal.SIGTERM, 'shutdown_signal'), (signal.SIGINT, 'shutdown_signal'),
                                            (signal.SIGUSR1, 'graceful_signal')])
def test_a_process_that_is_told_to_leave_is_replaced_and_tells_why(start, tmp_directory, number, reason):
    httpd = start()
    pid = int(httpd.get(f'/told?{tmp_directory}/note').text)
    os.kill(pid, number)
    wait_until(lambda: not is_alive(pid), what='the process left')
    assert (tmp_directory / 'note').read_text() == f'process_stopping {reason}\n'
    assert int(httpd.get(f'/told?{tmp_directory}/other').text) != pid


def test_usr1_lets_requests_finish_within_graceful_timeout(start, error_log, tmp_directory):
    httpd = start('graceful-timeout=20 shutdown-timeout=0.2')
    held = signalled_while_held(httpd, signal.SIGUSR1, tmp_directory,
                                lambda: error_log.wait_for('takes no more requests: graceful_signal'))
    assert held.status == 200 and held.complete


def test_usr1_with_eviction_timeout_waits_no_longer_than_that(start, error_log, tmp_directory):
    httpd = start('graceful-timeout=20 eviction-timeout=0.3')
    assert signalled_while_held(httpd, signal.SIGUSR1, tmp_directory).status == 502
    error_log.expect(r'GH0407: .*eviction_signal.*GET /hold', times=1)
    error_log.expect('GH0304: ')


def test_term_waits_for_requests_no_longer_than_shutdown_timeout(start, error_log, tmp_directory):
    httpd = start('graceful-timeout=20 shutdown-timeout=0.3')
    assert signalled_while_held(httpd, signal.SIGTERM, tmp_directory).status == 502
    error_log.expect(r'GH0407: .*shutdown_signal.*GET /hold', times=1)
    error_log.expect('GH0304: ')


@pytest.mark.parametrize('number', [signal.SIGHUP, signal.SIGUSR2])
def test_other_signals_are_told_to_the_application_and_change_nothing(start, tmp_directory, number):
    httpd = start()
    note = tmp_directory / 'note'
    pid = int(httpd.get(f'/told?{note}').text)
    os.kill(pid, number)
    wait_until(lambda: note.exists() and note.read_text(), what='the application was told')
    assert note.read_text() == f'process_signal {number.name}\n'
    assert int(httpd.get(f'/told?{note}').text) == pid
