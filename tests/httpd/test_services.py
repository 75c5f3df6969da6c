# SPDX-License-Identifier: Apache-2.0
"""threads=0: a process group that runs a script of its own and serves no requests."""
import os
import re
import signal

import pytest

from processes import is_alive, wait_until

SERVICE = """
import atexit, os, signal, threading, time
directory = {directory!r}
def note(what):
    with open(os.path.join(directory, what), 'a') as file:
        file.write('%d\\n' % os.getpid())
atexit.register(note, 'exit')
assert threading.current_thread() is threading.main_thread()
{more}
note('started')
while not os.path.exists(os.path.join(directory, 'return')):
    time.sleep(0.01)
note('returned')
"""
GROUP = 'WSGIDaemonProcess one threads=0 {}\nWSGIImportScript {} process-group=one application-group=%{{GLOBAL}}\n'


class Service:
    def __init__(self, directory):
        self.directory = directory
        self.script = directory / 'service.py'

    def write(self, more=''):
        self.script.write_text(SERVICE.format(directory=str(self.directory), more=more))
        return self

    def noted(self, what):
        """The processes that have noted this."""
        file = self.directory / what
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def wait_for(self, what, count=1):
        wait_until(lambda: len(self.noted(what)) >= count, 30, f'{what}, {count} times')
        return self.noted(what)[-1]


@pytest.fixture
def service(tmp_directory):
    return Service(tmp_directory)


@pytest.fixture
def start(server, service):
    return lambda options='', more='': server(GROUP.format(options, service.script) + more)


def test_a_service_runs_on_the_main_thread_of_a_process_of_its_own(service, start):
    service.write()
    httpd = start()
    pid = service.wait_for('started')
    assert pid in [process.pid for process in httpd.daemons()]


def test_each_process_of_the_group_runs_the_script(service, start):
    service.write()
    start('processes=3')
    service.wait_for('started', 3)
    assert len(set(service.noted('started'))) == 3


def test_a_service_that_returns_is_started_again(service, start):
    service.write()
    start()
    pid = service.wait_for('started')
    (service.directory / 'return').touch()
    service.wait_for('returned')
    assert service.wait_for('started', 2) != pid
    assert pid in service.noted('exit')


def test_system_exit_ends_a_service_without_an_error(service, start):
    service.write('raise SystemExit(0)')
    start()
    service.wait_for('exit', 2)


def test_an_exception_is_logged_and_the_service_started_again(service, start, error_log):
    service.write('note("tried"); raise ValueError("not today")')
    start()
    service.wait_for('tried', 2)
    error_log.expect('ValueError: not today')
    error_log.expect('GH0602: |GH060[0-9]: ')
    error_log.allow(r'(\] |^)(Traceback \(most recent call last\)|  +\S)')


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=str)
def test_a_signal_ends_a_service_in_order_and_it_is_started_again(service, start, number):
    service.write()
    start()
    pid = service.wait_for('started')
    os.kill(pid, number)
    assert service.wait_for('exit') == pid
    service.wait_for('started', 2)


def test_a_service_may_handle_signals_itself(service, start):
    service.write('signal.signal(signal.SIGUSR2, lambda *_: note("handled"))')
    start()
    pid = service.wait_for('started')
    os.kill(pid, signal.SIGUSR2)
    assert service.wait_for('handled') == pid and is_alive(pid)


def test_the_stop_of_httpd_ends_a_service_in_order(service, start):
    service.write()
    httpd = start()
    pid = service.wait_for('started')
    httpd.stop()
    assert service.noted('exit') == [pid]


def test_a_service_that_does_not_end_is_cut_off_after_shutdown_timeout(service, start, error_log):
    service.write('signal.signal(signal.SIGTERM, signal.SIG_IGN)')
    httpd = start('shutdown-timeout=0.5')
    service.wait_for('started')
    httpd.stop()
    error_log.allow('GH0407: ')


def test_a_graceful_restart_replaces_a_service(service, start):
    service.write()
    httpd = start()
    pid = service.wait_for('started')
    httpd.graceful()
    assert service.wait_for('exit') == pid
    wait_until(lambda: not is_alive(pid), 30, 'the old one ended')
    assert is_alive(service.wait_for('started', 2))


def test_a_killed_service_is_started_again(service, start, error_log):
    service.write()
    start()
    os.kill(service.wait_for('started'), signal.SIGKILL)
    service.wait_for('started', 2)
    error_log.expect('GH0406: .*SIGKILL', times=1)


def test_a_request_to_a_service_is_500_with_a_line(service, start, error_log):
    service.write()
    httpd = start(more='WSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    service.wait_for('started')
    assert httpd.get('/').status == 500
    error_log.expect("GH0312: group 'one' has threads=0", times=1)


def test_configtest_warns_of_requests_that_go_to_a_service(configtest, service):
    status, output = configtest(GROUP.format('', service.write().script) +
                                'WSGIScriptAlias /app ${APPS}/hello.wsgi process-group=one\n')
    assert status == 0 and re.search('GH0151: .*/app.*"one".*threads=0', output)


def test_configtest_says_nothing_of_a_service_with_a_script(configtest, service):
    assert configtest(GROUP.format('', service.write().script)) == (0, 'Syntax OK\n')
