# SPDX-License-Identifier: Apache-2.0
"""What ends, ends whole. Each server of the suite is checked for leftovers at its stop; here are the ways to stop."""
import os
import signal
import time

import pytest

import processes
from clients import at_once
from conftest import PYTHONS
from processes import is_alive, wait_until

CONFIG = ('WSGIDaemonProcess one processes=2 threads=4 {options}\n'
          'WSGIScriptAliasMatch ^/embedded/(\\w+) ${{APPS}}/$1.wsgi application-group=%{{GLOBAL}}\n'
          'WSGIScriptAliasMatch ^/daemon/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}\n')


@pytest.fixture
def serving(server):
    """A server that has served in both modes."""
    def start(mpm='event', options=''):
        httpd = server(CONFIG.format(options=options), mpm)
        for mode in ('embedded', 'daemon'):
            assert httpd.get(f'/{mode}/hello').status == 200
        return httpd
    return start


@pytest.mark.parametrize('mpm', ['event', 'worker', 'prefork'])
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGWINCH, signal.SIGINT],
                         ids=['stop', 'graceful-stop', 'interrupt'])
def test_a_stop_leaves_nothing_behind(serving, mpm, number):
    serving(mpm).stop(number)


def test_a_stop_after_restarts_of_both_kinds_leaves_nothing_behind(serving):
    httpd = serving()
    for restart in (httpd.graceful, httpd.restart, httpd.graceful, httpd.graceful):
        restart()
    httpd.stop()


def test_a_stop_in_the_middle_of_a_graceful_restart_leaves_nothing_behind(serving):
    httpd = serving()
    os.kill(httpd.pid, signal.SIGUSR1)
    httpd.stop()


def test_a_stop_takes_a_second_or_so_when_nothing_runs(serving):
    httpd = serving()
    start = time.monotonic()
    httpd.stop()
    assert time.monotonic() - start < 4


@pytest.mark.parametrize('mpm', ['event', 'prefork'])
def test_everything_ends_when_the_parent_of_httpd_is_killed(serving, mpm):
    httpd = serving(mpm)
    daemons = [process.pid for process in httpd.daemons()]
    assert daemons
    for process in set(httpd.processes()) - set(httpd.daemons()):  # the children of httpd are its own affair
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, daemons)), 8, 'the daemons left')
    httpd.stop()


def test_a_graceful_stop_finishes_what_is_in_hand(serving, tmp_directory):
    httpd = serving()

    def stop():
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='a request in the application')
        os.kill(httpd.pid, signal.SIGWINCH)
        time.sleep(0.3)
        (tmp_directory / 'go').touch()

    held, _ = at_once(lambda n: stop() if n else httpd.get(f'/daemon/hold?{tmp_directory}'), range(2))
    assert held.status == 200 and held.complete


def test_a_request_that_never_ends_does_not_hold_up_a_stop(serving, tmp_directory, error_log):
    httpd = serving(options='shutdown-timeout=2')

    def stop():
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='a request in the application')
        start = time.monotonic()
        httpd.stop()
        return time.monotonic() - start

    error_log.allow(r'AH\d{5}|GH0[34]\d\d: ')
    _, took = at_once(lambda n: stop() if n else httpd.get(f'/daemon/hold?{tmp_directory}'), range(2))
    assert took < 10


def test_exit_handlers_of_the_application_run(server, tmp_directory):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/at_exit.wsgi process-group=one\n')
    assert httpd.get(f'/?{tmp_directory}/left').status == 200
    httpd.stop()
    assert (tmp_directory / 'left').read_text() == 'left\n'


@pytest.mark.parametrize('kind', ['daemon', 'plain'])
def test_a_thread_of_the_application_does_not_hold_up_a_stop_for_ever(server, error_log, kind):
    httpd = server('WSGIDaemonProcess one shutdown-timeout=2\n'
                   'WSGIScriptAlias / ${APPS}/thread.wsgi process-group=one\n')
    assert httpd.get(f'/?{kind}').status == 200
    error_log.allow(r'AH\d{5}|GH0[34]\d\d: ')
    httpd.stop()


@pytest.mark.parametrize('python', PYTHONS)
def test_work_that_is_left_behind_neither_holds_up_a_stop_nor_breaks_it(server, python):
    httpd = server(f'WSGIPython {python}\nWSGIDaemonProcess one python={python} shutdown-timeout=5\n'
                   'WSGIScriptAlias /daemon ${APPS}/left_behind.wsgi process-group=one application-group=%{GLOBAL}\n'
                   'WSGIScriptAlias /embedded ${APPS}/left_behind.wsgi application-group=%{GLOBAL}\n')
    for mode in ('daemon', 'embedded'):
        assert httpd.get(f'/{mode}').text == 'left behind'
    httpd.stop()


def test_a_child_process_of_the_application_holds_nothing_of_ours(server):
    """A program that the application started and left behind must not keep channels, queues or logs busy."""
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/spawn.wsgi process-group=one\n')
    child = int(httpd.get('/').text)
    wait_until(lambda: processes.read(child).name == 'sleep', what='the program runs')

    def ours():
        targets = {os.readlink(f'/proc/{child}/fd/{fd}') for fd in os.listdir(f'/proc/{child}/fd')}
        return [target for target in targets if target.startswith(('socket:', 'anon_inode:', '/memfd'))]
    # The kernel may give the process its name before it has closed what exec closes.
    wait_until(lambda: not ours(), 3, 'what is ours is closed')
    os.kill(child, signal.SIGKILL)
