# SPDX-License-Identifier: Apache-2.0
"""Channels between httpd's children and workers serve many requests, and lead to no worker that does not answer."""
import os
import re
import signal
import time

import pytest

from clients import at_once
from processes import is_alive, wait_until
from tracing import needs_strace, traced

DIED = r'GH0406: .*'


@pytest.fixture
def start(server):
    def start(options):
        return server(f'WSGIDaemonProcess one {options}\n'
                      'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')
    return start


def pid_of(connection):
    return connection.request('GET', '/identity').json()['pid']


def sockets(pid):
    found = set()
    for number in os.listdir(f'/proc/{pid}/fd'):
        try:
            found.add(os.readlink(f'/proc/{pid}/fd/{number}'))
        except FileNotFoundError:
            continue
    return {name for name in found if name.startswith('socket:')}


ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into another user's descriptors")


@ROOT
def test_one_channel_serves_the_requests_of_a_connection(start):
    httpd = start('processes=1 threads=2')
    with httpd.connect() as connection:
        pid = pid_of(connection)
        before = sockets(pid)
        for _ in range(50):
            assert connection.request('GET', '/hello').status == 200
        assert sockets(pid) == before


@needs_strace
def test_who_waits_for_a_slow_answer_to_a_ticket_waits_by_poll(start, tmp_directory):
    """Which is not woken when a thread takes the request from the channel, nor to look whether one has."""
    trace = tmp_directory / 'trace'
    httpd = start('processes=1 threads=1')
    children = [process.pid for process in httpd.processes() if process.parent == httpd.pid]
    with traced(children, 'socketpair,poll,recvmsg', trace, '-f'):
        assert httpd.get('/sleep?0.1').status == 200
    (thread, ours), = re.findall(r'^(\d+) +socketpair\(.*\[(\d+), ', trace.read_text(), re.MULTILINE)
    calls = re.findall(rf'^{thread} +(poll|recvmsg)\((?:\[\{{fd=)?{ours},.* = ([\d-]+)', trace.read_text(), re.MULTILINE)
    assert len(calls) >= 2 and all(int(result) > 0 for _, result in calls)
    assert [call for call, _ in calls] == ['poll', 'recvmsg'] * (len(calls) // 2)   # a line for the log comes first


def test_who_asks_again_at_once_does_not_overtake_those_that_wait(start):
    """A thread that has just become free is promised to nobody while there are tickets."""
    clients, rounds = 20, 8
    httpd = start('processes=1 threads=2')
    asked = []   # when a request was sent, and when it was answered

    def ask_in_a_row(_):
        with httpd.connect() as connection:
            for _ in range(rounds):
                sent = time.monotonic()
                assert connection.request('GET', '/sleep?0.02').status == 200
                asked.append((sent, time.monotonic()))

    at_once(ask_in_a_row, range(clients))
    assert len(asked) == clients * rounds
    overtaken_by = [sum(sent < other_sent and other_answered < answered for other_sent, other_answered in asked)
                    for sent, answered in asked]
    assert sum(overtaken_by) / len(asked) < clients / 6   # which may take turns on the way to the queue


def test_a_stopped_worker_gets_nothing_more(start):
    httpd = start('processes=2 threads=2')
    with httpd.connect() as connection:
        pid = pid_of(connection)
        assert pid_of(connection) == pid
        os.kill(pid, signal.SIGSTOP)
        try:
            assert [pid_of(connection) == pid for _ in range(10)] == [False] * 10
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_request_that_was_withdrawn_is_not_run_by_the_worker_that_comes_to_it_late(start, tmp_directory):
    (tmp_directory / 'go').touch()
    httpd = start('processes=2 threads=1')
    with httpd.connect() as connection:
        pid = pid_of(connection)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert int(connection.request('GET', f'/hold?{tmp_directory}').body) != pid
        finally:
            os.kill(pid, signal.SIGCONT)
    # The worker works again, and has only one thread: when it answers, it has come to what was left for it.
    wait_until(lambda: pid in at_once(lambda _: httpd.get('/identity').json()['pid'], range(4)), what='the worker answers')
    assert len(list(tmp_directory.glob('entered-*'))) == 1


def test_quick_requests_go_past_a_worker_whose_threads_are_busy(start, tmp_directory):
    httpd = start('processes=2 threads=1')
    with httpd.connect() as connection, httpd.connect() as other:
        pid_of(connection)
        other.send(b'GET /hold?%s HTTP/1.1\r\nHost: a\r\n\r\n' % bytes(tmp_directory))
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='a request in the application')
        for _ in range(20):
            assert connection.request('GET', '/hello').status == 200
        (tmp_directory / 'go').touch()
        assert other.response().status == 200


def test_the_death_of_a_worker_costs_no_request_that_comes_after_it(start, error_log):
    httpd = start('processes=2 threads=2')
    with httpd.connect() as connection:
        for _ in range(5):
            pid = pid_of(connection)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not is_alive(pid), what='the worker is gone')
            assert connection.request('GET', '/hello').status == 200
    error_log.expect(DIED + '(SIGKILL|signal 9)', times=5)


def test_both_workers_get_requests_when_there_are_many(start):
    httpd = start('processes=2 threads=2')

    def client(_):
        with httpd.connect() as connection:
            return {pid_of(connection) for _ in range(50)}

    assert len(set().union(*at_once(client, range(8)))) == 2


@ROOT
def test_a_child_without_requests_lets_go_of_its_channels(start):
    httpd = start('processes=1 threads=4')

    def held(pid):
        return sockets(pid) if is_alive(pid) else set()

    children = {process.pid for process in httpd.processes()} - {process.pid for process in httpd.daemons()}
    before = {pid: held(pid) for pid in children}
    assert {answer.status for answer in at_once(lambda _: httpd.get('/hello'), range(40))} == {200}
    assert any(held(pid) - before[pid] for pid in children)
    wait_until(lambda: not any(held(pid) - before[pid] for pid in children), 30, 'the descriptors of before')
