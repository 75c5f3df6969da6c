# SPDX-License-Identifier: Apache-2.0
"""A worker may die at any time: it is replaced, and only what it had begun is lost."""
import os
import signal
import threading
from pathlib import Path

import pytest

from clients import at_once
from processes import is_alive, wait_until

DIED = r'GH0[34]\d\d: .*'
MORE = r'GH0[34]\d\d: '


@pytest.fixture
def start(server):
    def start(options):
        return server(f'WSGIDaemonProcess one {options}\n'
                      'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')
    return start


def kill_holder(directory):
    """Awaits a request that is inside the application and kills its process."""
    entered = wait_until(lambda: list(directory.glob('entered-*')), what='a request in the application')
    pid = int(entered[0].name.split('-')[1])
    os.kill(pid, signal.SIGKILL)
    return pid


def test_a_killed_worker_is_replaced(start, error_log):
    httpd = start('processes=1')
    pid = httpd.get('/identity').json()['pid']
    os.kill(pid, signal.SIGKILL)
    assert httpd.get('/identity').json()['pid'] != pid
    error_log.expect(DIED + '(SIGKILL|signal 9)', times=1)


def test_every_killed_worker_is_replaced(start, error_log):
    httpd = start('processes=3 threads=1')
    count = len(httpd.processes())
    pids = {httpd.get('/identity').json()['pid'] for _ in range(40)}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, pids)) and len(httpd.processes()) >= count, what='as many processes again')
    assert httpd.get('/hello').status == 200
    error_log.expect(DIED + '(SIGKILL|signal 9)', times=len(pids))


@pytest.mark.parametrize('how, told', [('SIGSEGV', 'SIGSEGV|signal 11'), ('SIGKILL', 'SIGKILL|signal 9'),
                                       ('SIGABRT', 'SIGABRT|signal 6'), ('exit', 'status 7|code 7')])
def test_a_request_that_its_worker_died_in_gets_502_and_one_line_that_says_how(start, error_log, how, told):
    httpd = start('processes=1')
    response = httpd.get(f'/crash?{how}')
    assert response.status == 502 and response.complete
    error_log.expect(DIED + f'({told})', times=1)
    error_log.expect(r'GH03\d\d: .*', times=1)


def test_the_line_names_uptime_and_request(start, error_log):
    httpd = start('processes=1')
    httpd.get('/crash?SIGKILL')
    error_log.expect(DIED + r'(SIGKILL|signal 9).*\d+(\.\d+)? ?s.*', times=1)
    error_log.expect(r'GH0[34]\d\d: .*/crash')
    error_log.allow(MORE)


def test_the_next_request_after_a_crash_is_served(start, error_log):
    httpd = start('processes=1')
    statuses = [httpd.get(path).status for path in ('/hello', '/crash?SIGSEGV', '/hello', '/crash?exit', '/hello')]
    assert statuses == [200, 502, 200, 502, 200]
    error_log.allow(MORE)
    error_log.expect(DIED + '(SIGSEGV|signal 11)', times=1)


def test_requests_that_wait_survive_the_death_of_the_only_worker(start, error_log, tmp_directory):
    httpd = start('processes=1 threads=1')

    def client(number):
        if number == 0:
            return httpd.get(f'/hold?{tmp_directory}').status
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='the worker busy')
        return httpd.get('/hello').status

    def killer():
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='the worker busy')
        threading.Event().wait(0.5)  # the other clients' requests are on their way
        kill_holder(tmp_directory)

    thread = threading.Thread(target=killer)
    thread.start()
    statuses = at_once(client, range(10))
    thread.join()
    assert statuses == [502] + [200] * 9
    error_log.expect(DIED + '(SIGKILL|signal 9)', times=1)
    error_log.allow(MORE)


def test_a_stopped_worker_takes_no_request_from_the_others(start):
    httpd = start('processes=2 threads=2')
    pids = {httpd.get('/identity').json()['pid'] for _ in range(60)}
    stopped = pids.pop()
    os.kill(stopped, signal.SIGSTOP)
    try:
        # A signal stops the threads of a process one by one, each when it next runs.
        threads = list(Path(f'/proc/{stopped}/task').iterdir())
        wait_until(lambda: all(' T ' in (thread / 'stat').read_text() for thread in threads), what='all threads stopped')
        others = [httpd.get('/identity', timeout=5).json()['pid'] for _ in range(20)]
        assert stopped not in others
    finally:
        os.kill(stopped, signal.SIGCONT)


def test_the_supervisor_is_replaced_when_it_dies(start, error_log):
    httpd = start('processes=1')
    assert httpd.get('/hello').status == 200
    supervisor = next(p for p in httpd.processes() if 'gatehoused' in p.name or 'gatehoused' in p.command
                      if p.parent == httpd.pid)
    os.kill(supervisor.pid, signal.SIGKILL)
    error_log.allow(r'GH0[134]\d\d: ')
    wait_until(lambda: not is_alive(supervisor.pid), what='the supervisor died')
    wait_until(lambda: httpd.get('/hello').status == 200, what='the group serves again')


def test_a_group_that_dies_leaves_other_groups_alone(server, error_log):
    httpd = server('WSGIDaemonProcess one\nWSGIDaemonProcess two\n'
                   'WSGIScriptAlias /one ${APPS}/crash.wsgi process-group=one\n'
                   'WSGIScriptAlias /two ${APPS}/counter.wsgi process-group=two\n')
    answers = [(httpd.get('/one').status, httpd.get('/two').text.split()[1]) for _ in range(3)]
    assert answers == [(502, '1'), (502, '2'), (502, '3')]
    error_log.allow(MORE)


def test_a_crash_in_embedded_mode_is_httpds_to_report(server, error_log):
    httpd = server('WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi\n')
    with pytest.raises(OSError):
        httpd.get('/crash')
    error_log.expect('AH00051|AH00052|exit signal Segmentation', times=1)
    assert httpd.get('/hello').status == 200


def held_and_waiting(httpd, directory, count):
    """Sends count requests that are held; how each ended comes with join_all()."""
    results = []

    def ask():
        try:
            results.append(httpd.get(f'/hold?{directory}', timeout=60).status)
        except OSError as error:
            results.append(repr(error))

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(count)]
    for client in clients:
        client.start()

    def join_all():
        (directory / 'go').touch()
        for client in clients:
            client.join(60)
        return results
    return join_all


def test_a_killed_supervisor_costs_no_request_that_was_not_started(start, error_log, tmp_directory):
    httpd = start('processes=1 threads=2')
    assert httpd.get('/hello').status == 200
    supervisor = next(process.pid for process in httpd.daemons() if 'supervisor' in process.command)
    join_all = held_and_waiting(httpd, tmp_directory, 8)
    wait_until(lambda: len(list(tmp_directory.glob('entered-*'))) == 2, what='both threads are busy')
    os.kill(supervisor, signal.SIGKILL)
    error_log.wait_for('GH0111: ')
    results = join_all()
    assert results.count(200) >= 6 and len(results) == 8, results
    wait_until(lambda: httpd.get('/hello').status == 200, 30, 'the group serves again')
    wait_until(lambda: len([p for p in httpd.daemons() if 'worker' in p.command]) == 1, 30, 'one worker is left')
    error_log.allow(MORE)
    error_log.expect('GH0111: ', times=1)


def test_a_killed_httpd_child_costs_its_own_requests_and_no_thread(server, error_log, tmp_directory):
    httpd = server('StartServers 2\nMinSpareThreads 1\nThreadsPerChild 4\nMaxSpareThreads 200\n'
                   'WSGIDaemonProcess one processes=1 threads=4\n'
                   'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')
    join_all = held_and_waiting(httpd, tmp_directory, 4)
    wait_until(lambda: len(list(tmp_directory.glob('entered-*'))) == 4, what='all threads are busy')
    worker = int(next(tmp_directory.glob('entered-*')).name.split('-')[1])
    children = [process.pid for process in httpd.processes()
                if process.parent == httpd.pid and process.name == httpd.stage.httpd.name]
    os.kill(children[0], signal.SIGKILL)
    results = join_all()
    assert len(results) == 4
    statuses = at_once(lambda _: httpd.get('/hello').status, range(4))
    assert statuses == [200] * 4 and is_alive(worker)
    error_log.allow('AH01239: ')  # if it was mod_cgid's daemon
