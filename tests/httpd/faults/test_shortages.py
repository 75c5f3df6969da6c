# SPDX-License-Identifier: Apache-2.0
"""Descriptors, memory, processes and disk space that run out, in one group or one process of it."""
import os
import signal
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest

import census
from census import workers_of
from cgroup import cgroup
from clients import at_once
from conftest import as_root
from processes import is_alive, read, wait_until
from traffic import Traffic, percentile
from trial import pause

TWO_GROUPS = (r'WSGIDaemonProcess two processes=2 threads=15 {options}' '\n'
              r'WSGIScriptAliasMatch ^/two/(\w+)$ ${{APPS}}/$1.wsgi process-group=two application-group=%{{GLOBAL}}' '\n')
BOTH = {'one': 2, 'two': 2}

FORK_BOMB = '''
import os, time

def application(environ, start_response):
    children = 0
    try:
        while children < 1000:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            children += 1
    except OSError:
        pass
    start_response('200 OK', [])
    return [str(children).encode()]
'''
FLOOD = '''
def application(environ, start_response):
    kind, _, size = environ['QUERY_STRING'].partition('&')
    errors, size = environ['wsgi.errors'], int(size)
    if kind == 'lines':
        for number in range(size // 100):
            errors.write(f'flood {number:08d} '.ljust(99, 'x') + '\\n')
    elif kind == 'one':
        errors.write('flood ' + '#' * (size - 7) + '\\n')
    else:
        errors.write('flood ' + '\\x00\\x1b\\xff' * (size // 3) + '\\n')
    start_response('200 OK', [])
    return [b'done']
'''


def limit_descriptors(pid, more):
    """Leaves a process that many descriptors above what it has; returns its limits until then."""
    numbers = [int(name) for name in os.listdir(f'/proc/{pid}/fd')]
    old = next(int(line.split()[3]) for line in Path(f'/proc/{pid}/limits').read_text().splitlines()
               if line.startswith('Max open files'))
    set_limit(pid, max(numbers) + 1 + more)
    return old


def set_limit(pid, number):
    """Only the user of a process may do that, where root lacks a capability."""
    user = int(read(pid).status('Uid')[0])
    subprocess.run(['prlimit', f'--pid={pid}', f'--nofile={number}:'], check=True, user=user, group=int(read(pid).status('Gid')[0]),
                   extra_groups=[])


def cpu_share(pid, seconds):
    before = census.cpu_of(pid)
    pause(seconds)
    return 100 * (census.cpu_of(pid) - before) / seconds


@as_root
@pytest.mark.row('F6')
def test_a_worker_without_free_descriptors_gives_requests_back_and_does_not_spin(arena, row, error_log, tmp_directory):
    httpd = arena(processes=2, threads=15, more='MaxRequestWorkers 320\n')
    error_log.allow('GH0303: |GH0003: |GH0302: ')
    traffic = Traffic(httpd, path='/token?20', journal=tmp_directory)
    with row.trial(httpd, traffic, lines=10 * row.size.seconds) as trial:
        victim = workers_of(httpd)[0]
        at_once(lambda _: httpd.get('/sleep?0.2', timeout=60), range(24))  # so that both have the script
        old = limit_descriptors(victim, more=0)
        trial.event()
        try:
            statuses = at_once(lambda _: httpd.get('/sleep?0.2', timeout=60).status, range(row.size.clients))
            share = cpu_share(victim, row.size.seconds)
        finally:
            set_limit(victim, old)
    failed = [status for status in statuses if status not in (200, 503)]
    row.hold(f'of {len(statuses)} requests answered with neither 200 nor 503', len(failed), at_most=0)
    row.hold('% of a processor that it took, with 20 clients beside', share, at_most=row.size.share)
    row.hold('workers that died', 0 if is_alive(victim) else 1, at_most=0)


@as_root
@pytest.mark.row('F6')
def test_an_httpd_child_without_free_descriptors_answers_503(arena, row, error_log, tmp_directory):
    """Clients that are connected already; what httpd does about new ones is its own affair."""
    httpd = arena(more='StartServers 1\nServerLimit 1\nThreadsPerChild 64\nMaxRequestWorkers 64\n'
                       '<Directory />\nAllowOverride None\n</Directory>\n')
    error_log.allow(r'GH0003: |GH0001: |GH0302: |AH\d{5}')
    connections = [httpd.connect() for _ in range(row.size.connections)]
    assert [connection.request('GET', '/hello').status for connection in connections] == [200] * len(connections)
    child = next(
        process.pid for process in httpd.processes() if process.parent == httpd.pid
        and process.name == httpd.stage.httpd.name and 'cgi' not in process.command
        and len(os.listdir(f'/proc/{process.pid}/fd')) > row.size.connections)
    old = limit_descriptors(child, more=0)
    try:
        answers = at_once(lambda connection: connection.request('GET', '/sleep?0.2').status, connections)
        share = cpu_share(child, 1)
    finally:
        set_limit(child, old)
    row.hold(f'of {len(answers)} requests answered with neither 200 nor 503',
             len([answer for answer in answers if answer not in (200, 503)]), at_most=0)
    row.hold('% of a processor that the child takes', share, at_most=20)
    begun = time.monotonic()
    wait_until(lambda: httpd.get('/hello').status == 200, what='it serves again')
    row.hold('seconds until it serves again', time.monotonic() - begun, at_most=2)
    assert is_alive(child)


@as_root
@pytest.mark.row('F6')
def test_a_supervisor_without_free_descriptors_forks_again_when_it_has_some(arena, row, error_log, tmp_directory):
    httpd = arena()
    error_log.allow('GH0304: |GH040')
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic, settle=30, lines=30) as trial:
        supervisor = census.one_of(httpd, '(wsgi:one) supervisor')
        victim = workers_of(httpd)[0]
        os.kill(victim, signal.SIGSTOP)  # its descriptors stay in use while the limit is found
        old = limit_descriptors(supervisor, more=-1)
        os.kill(victim, signal.SIGCONT)
        os.kill(victim, signal.SIGKILL)
        trial.event()
        wait_until(lambda: not is_alive(victim), what='the worker is gone')
        share = cpu_share(supervisor, 2)
        set_limit(supervisor, old)
    row.hold('% of a processor that it took', share, at_most=20)


@as_root
@pytest.mark.row('F7')
def test_a_group_that_runs_out_of_memory_leaves_the_other_alone(arena, row, error_log, tmp_directory):
    httpd = arena(more=TWO_GROUPS.format(options=''))
    error_log.expect('GH0406: .*(SIGKILL|signal 9)')
    error_log.allow('GH0304: |GH0303: ')
    traffic = Traffic(httpd, path='/two/token?20', journal=tmp_directory)
    with row.trial(httpd, traffic, BOTH, settle=40) as trial, cgroup('memory', 'limit_in_bytes', 256 << 20) as group:
        group.add_tree(httpd, 'one')
        for _ in range(row.size.times):
            assert httpd.get(f'/allocate?{2 << 30}', timeout=60).status == 502
            trial.event()
        during = traffic.latencies(trial.begun)
        wait_until(lambda: httpd.get('/hello').status == 200, 40, 'the group serves again')
    row.hold(f'failed of {traffic.done} requests to the other group', len(traffic.failures()), at_most=0)
    row.hold_p99('of the other group', during, trial.base, 2)


@pytest.mark.row('F7')
def test_an_application_beyond_its_memory_limit_gets_a_memory_error(arena, row, error_log, tmp_directory):
    httpd = arena(more=TWO_GROUPS.format(options='virtual-memory-limit=3000000000'))
    error_log.expect_traceback('MemoryError', times=row.size.times)
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic, BOTH) as trial:
        for _ in range(row.size.times):
            assert httpd.get(f'/two/allocate?{4 << 30}').status == 500
            assert httpd.get('/two/hello').status == 200
            trial.event()
    row.hold(f'failed of {traffic.done} requests to the other group', len(traffic.failures()), at_most=0)


@as_root
@pytest.mark.row('F8')
def test_a_full_disk_for_the_log_fails_no_request(server, row, tmp_directory, small_disk):
    log = small_disk / 'error.log'
    httpd = server(f'<VirtualHost *>\nErrorLog {log}\nWSGIDaemonProcess one processes=2 threads=15\n'
                   'WSGIScriptAliasMatch ^/(\\w+)$ ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n'
                   '</VirtualHost>\n')
    write = '/errors?' + urllib.parse.quote('[["errors","a line of the application\\n"],["stderr","another\\n"]]')
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic) as trial:
        with open(small_disk / 'filling', 'wb', 0) as filling:
            with pytest.raises(OSError, match='No space'):
                while True:
                    filling.write(b'x' * 4096)
        trial.event()
        size = log.stat().st_size
        statuses = [httpd.get(write).status for _ in range(row.size.lines)]
        assert log.stat().st_size <= size + 4096
        (small_disk / 'filling').unlink()
        before = log.stat().st_size
        assert httpd.get(write).status == 200
        wait_until(lambda: b'a line of the application' in log.read_bytes()[before:], what='the log goes on')
    row.hold(f'failed of {len(statuses)} requests that wrote to the log', len([s for s in statuses if s != 200]), at_most=0)
    row.hold(f'failed of {traffic.done} requests', len(traffic.failures()), at_most=0)


@as_root
@pytest.mark.row('F24')
def test_a_fork_bomb_stays_in_its_group_and_is_cleared_away(arena, row, error_log, tmp_directory):
    script = tmp_directory / 'bomb.wsgi'
    script.write_text(FORK_BOMB)
    httpd = arena(more=TWO_GROUPS.format(options='') + 'WSGIDaemonProcess three threads=2 graceful-timeout=1\n'
                  f'WSGIScriptAlias /three/bomb {script} process-group=three application-group=%{{GLOBAL}}\n')
    error_log.allow(r'GH04\d\d: |GH030\d: ')
    assert httpd.get('/hello').status == 200
    groups = {**BOTH, 'three': 1}
    traffic = Traffic(httpd, path='/two/token?20', journal=tmp_directory)
    with row.trial(httpd, traffic, groups, settle=40) as trial, cgroup('pids', 'max', 200) as group:
        group.add_tree(httpd, 'three')
        trial.event()
        answer = httpd.get('/three/bomb', timeout=60)
        forked = int(answer.text) if answer.status == 200 else 0
        during = traffic.latencies(trial.begun)
        # The worker goes, and takes what it has forked along.
        before = workers_of(httpd, 'three')
        begun = time.monotonic()
        script.touch()
        os.kill(census.one_of(httpd, '(wsgi:three) zygote'), signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, before)), 40, 'what was forked is gone')
        took = time.monotonic() - begun
    row.hold('processes that it could fork', forked, at_most=200)
    row.hold('seconds until they were cleared away', took, at_most=row.size.within)
    row.hold(f'failed of {traffic.done} requests to another group', len(traffic.failures()), at_most=0)
    row.hold_p99('of another group', during, trial.base, 2)


@pytest.mark.parametrize('kind', ['lines', 'one', 'binary'])
@pytest.mark.row('F27')
def test_a_flood_of_log_lines_is_bounded_and_complete(server, row, tmp_directory, kind):
    script = tmp_directory / 'flood.wsgi'
    script.write_text(FLOOD)
    log = tmp_directory / 'flood'
    httpd = server(f'<VirtualHost *>\nErrorLog {log}\n'
                   'WSGIDaemonProcess one processes=2 threads=15\nWSGIDaemonProcess flood threads=2\n'
                   f'WSGIScriptAlias /flood {script} process-group=flood application-group=%{{GLOBAL}}\n'
                   'WSGIScriptAliasMatch ^/(token)$ ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n'
                   '</VirtualHost>\n')
    traffic = Traffic(httpd, journal=tmp_directory)
    children = [process.pid for process in httpd.processes() if process.parent == httpd.pid
                and process.name == httpd.stage.httpd.name]
    with row.trial(httpd, traffic, {'one': 2, 'flood': 1}) as trial:
        before = max(census.memory_of(pid, 'VmHWM') for pid in children)
        trial.event()
        assert httpd.get(f'/flood?{kind}&{row.size.bytes}', timeout=300).text == 'done'
        during = traffic.latencies(trial.begun)
        grown = max(census.memory_of(pid, 'VmHWM') for pid in children if is_alive(pid)) - before
    text = log.read_bytes()
    if kind == 'lines':
        row.hold(f'of {row.size.bytes // 100} lines lost', row.size.bytes // 100 - text.count(b'flood 0'), at_most=0)
    elif kind == 'one':
        row.hold('bytes lost', row.size.bytes - 7 - text.count(b'#'), at_most=0)
    else:
        row.hold('bytes lost', row.size.bytes // 3 - text.count(b'\\x1b'), at_most=0)
    row.hold('MB by which an httpd child has grown', grown / (1 << 20), at_most=16)
    row.hold(f'failed of {traffic.done} requests', len(traffic.failures()), at_most=0)
    row.hold_p99('of others', during, trial.base, 2)


@pytest.mark.row('F29')
def test_nobody_waits_longer_than_queue_timeout(arena, row, error_log):
    # A thread of httpd for each client from the start: what waits for one is nobody's request yet.
    children = row.size.clients // 16 + 4
    httpd = arena('queue-timeout=2 listen-backlog=500', processes=1, threads=row.size.threads,
                  more=f'ServerLimit 40\nStartServers {children}\nMinSpareThreads {children * 16}\n'
                       'MaxSpareThreads 640\nMaxRequestWorkers 640\n')
    error_log.allow('GH0301: ')
    wait_until(lambda: len(httpd.processes()) - len(httpd.daemons()) > children, 30, "httpd's children")
    waits = []

    def client(_):
        end = time.monotonic() + row.size.seconds
        statuses = []
        while time.monotonic() < end:
            begun = time.monotonic()
            response = httpd.get('/sleep?0.2', timeout=60)
            if response.status == 503:
                waits.append(time.monotonic() - begun)
                assert response.header('Retry-After')
            statuses.append(response.status)
        return statuses

    answers = at_once(client, range(row.size.clients))
    statuses = [status for client in answers for status in client]
    row.hold(f'of {len(statuses)} requests with another answer than 200 or 503',
             len([status for status in statuses if status not in (200, 503)]), at_most=0)
    row.hold('requests refused', len(waits), at_least=1)
    row.hold('seconds that a refused request waited, longest', max(waits), at_most=2 + row.size.late)
