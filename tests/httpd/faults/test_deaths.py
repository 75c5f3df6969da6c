# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed, stopped or stuck under load."""
import os
import random
import re
import signal
import time

import pytest

import census
from census import workers_of
from http2 import Http2Connection
from processes import is_alive, wait_until
from raw_http import Closed
from traffic import Journal, Traffic
from trial import Pace, pause

DIED = r'GH040[67]: worker '
def kill_one(httpd):
    """SIGKILL for a random worker; its process id."""
    pid = random.choice(wait_until(lambda: workers_of(httpd), 30, 'a worker to kill'))
    os.kill(pid, signal.SIGKILL)
    return pid


def hold_to_killed(row, traffic, killed):
    """Only what a killed process had begun may have failed: as many requests as the lines about its death count. The
    journal has all of them but those that had passed the point of no return and not yet come to the application."""
    failures = traffic.failures()
    held = {}
    for line in row.error_log.matching('it held'):
        if found := re.search(r'GH04\d\d: worker (\d+) .*; it held (\d+) request', line.text):
            held[int(found[1])] = max(held.get(int(found[1]), 0), int(found[2]))
    journal = Journal(traffic.journal).entered()
    survivors = set().union(*(tokens for pid, tokens in journal.items() if pid not in killed))
    row.hold(f'failed of {traffic.done} requests; the {len(killed)} killed processes held', len(failures),
             at_most=sum(held[pid] for pid in killed if pid in held))
    row.hold('failed that another process had', len([one for one in failures if one.token in survivors]), at_most=0)
    assert {failure.kind for failure in failures} <= {'502', 'aborted', 'closed'}


@pytest.mark.row('F1')
def test_a_killed_worker_takes_along_only_what_is_inside_of_it(arena, row, error_log, tmp_directory):
    httpd = arena()
    error_log.allow('GH0304: |' + DIED)
    traffic = Traffic(httpd, journal=tmp_directory)
    killed, outages, pace = [], [], Pace(0.5)
    with row.trial(httpd, traffic, settle=30) as trial:
        for _ in range(row.size.kills):
            first = set(workers_of(httpd))
            killed.append(kill_one(httpd))
            trial.event()
            at = time.monotonic()
            if len(killed) == 1:
                wait_until(lambda: set(workers_of(httpd)) - first, 30, 'a new worker')
                respawn = time.monotonic() - at
            wait_until(lambda: workers_of(httpd), 30, 'a worker')
            outages.append(time.monotonic() - at)
            pace()
    hold_to_killed(row, traffic, killed)
    row.hold('seconds from the first death to its replacement', respawn, at_most=row.size.respawn)
    row.hold('seconds without any worker, longest', max(outages), at_most=row.size.outage)


@pytest.mark.row('F2')
def test_a_response_cut_by_a_death_never_looks_whole(arena, row, error_log):
    httpd = arena(more='Protocols h2c http/1.1\n', modules=('http2',), processes=4, threads=4)
    error_log.allow('GH0304: |' + DIED)

    def over_http1(path):
        return httpd.get(path, timeout=60)

    def over_http2(path):
        with Http2Connection(httpd.port, 60) as connection:
            return connection.request('GET', path)

    whole, longest = 0, 0.0
    for ask, path in ((over_http1, '/crash_midway'), (over_http1, '/crash_midway?length'),
                      (over_http2, '/crash_midway')):
        for _ in range(row.size.deaths):
            wait_until(lambda: workers_of(httpd), 30, 'a worker')
            wait_until(lambda: httpd.get('/hello', timeout=60).status == 200, 60)
            begun = time.monotonic()
            try:
                whole += ask(path).complete
            except Closed:
                pass
            longest = max(longest, time.monotonic() - begun)
    row.hold(f'of {3 * row.size.deaths} cut answers looked whole', whole, at_most=0)
    row.hold('seconds until the client knew, longest', longest, at_most=row.size.within)


@pytest.mark.row('F3')
def test_deaths_in_a_storm_of_deploys_end_in_one_generation(token_site, row, error_log, tmp_directory):
    site = token_site()
    error_log.allow('GH0304: |' + DIED)
    traffic = Traffic(site.server, journal=tmp_directory)
    killed = []
    with row.trial(site.server, traffic, settle=row.size.within) as trial:
        end = time.monotonic() + row.size.seconds
        touch_at = kill_at = time.monotonic()
        while (now := time.monotonic()) < end:
            if now >= touch_at:
                site.write(str(now))
                trial.event()
                touch_at += 0.5
            if now >= kill_at and workers_of(site.server):
                killed.append(kill_one(site.server))
                trial.event()
                kill_at += 0.7
            pause(0.05)
        trial.await_crowd()
    hold_to_killed(row, traffic, killed)


@pytest.mark.row('F4')
def test_nothing_outlives_an_httpd_that_is_killed(arena, row, error_log):
    httpd = arena()
    error_log.allow(DIED)  # a supervisor that outlives its workers for a moment tells of them
    longest = 0.0
    for _ in range(row.size.kills):
        assert httpd.get('/hello').status == 200
        everyone = httpd.processes()
        # As a service manager does: httpd's children would keep the port. What is ours must end by itself.
        for process in set(everyone) - set(httpd.daemons()):
            os.kill(process.pid, signal.SIGKILL)
        begun = time.monotonic()
        wait_until(lambda: not any(is_alive(process.pid) for process in everyone), 30, 'everything is gone')
        longest = max(longest, time.monotonic() - begun)
        httpd.process.wait()
        (httpd.root / 'logs' / 'error.log').rename(httpd.root / 'logs' / 'before.log')
        httpd.start()
    row.hold(f'seconds until everything was gone, longest of {row.size.kills}', longest, at_most=row.size.within)
    assert httpd.get('/hello').status == 200


@pytest.mark.row('F4')
def test_a_killed_supervisor_takes_along_only_what_is_inside_of_its_group(arena, row, error_log, tmp_directory):
    httpd = arena()
    error_log.allow('GH0111|GH0304')
    traffic = Traffic(httpd, journal=tmp_directory, clients=8)
    killed = []
    with row.trial(httpd, traffic, settle=40) as trial:
        killed += workers_of(httpd)
        os.kill(census.one_of(httpd, '(wsgi:one) supervisor'), signal.SIGKILL)
        trial.event()
        wait_until(lambda: set(workers_of(httpd)) - set(killed), 30, 'new workers')
    hold_to_killed(row, traffic, killed)


@pytest.mark.row('F5')
def test_a_stopped_worker_is_routed_round(arena, row, tmp_directory):
    httpd = arena()
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic) as trial:
        pid = random.choice(workers_of(httpd))
        os.kill(pid, signal.SIGSTOP)
        trial.event()
        try:
            pause(row.size.seconds)
            later, until = trial.begun + 1, time.monotonic()
        finally:
            os.kill(pid, signal.SIGCONT)
    row.hold(f'failed of {traffic.done} requests', len(traffic.failures()), at_most=0)
    row.hold('seconds that a request took which began 1 s later, longest', max(traffic.waits(later, until)),
             at_most=row.size.wait)


@pytest.mark.row('F5')
def test_requests_in_a_worker_that_stays_stopped_end_at_socket_timeout(arena, row, error_log, tmp_directory):
    httpd = arena('socket-timeout=3')
    error_log.allow('GH0305: ')
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic) as trial:
        pid = random.choice(workers_of(httpd))
        os.kill(pid, signal.SIGSTOP)
        trial.event()
        try:
            pause(5)
        finally:
            os.kill(pid, signal.SIGCONT)
    failures = traffic.failures()
    assert {failure.kind for failure in failures} <= {'504', 'aborted'}
    row.hold(f'failed of {traffic.done} requests', len(failures), at_most=15)
    row.hold('seconds until such a request ended, longest', max([failure.took for failure in failures], default=0),
             at_most=3 + row.size.wait)


@pytest.mark.row('F5')
def test_a_worker_that_stays_stopped_is_replaced_at_deadlock_timeout(arena, row, error_log, tmp_directory):
    timeout = 2
    httpd = arena(f'deadlock-timeout={timeout}')
    error_log.allow('GH0304: ')
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic, settle=30) as trial:
        pid = random.choice(workers_of(httpd))
        os.kill(pid, signal.SIGSTOP)
        stopped = time.monotonic()
        trial.event()
        wait_until(lambda: not is_alive(pid), 60, 'the stopped worker is gone')
        lasted = time.monotonic() - stopped
        pause(row.size.wait)
    error_log.expect(rf'GH0406: worker {pid} .*for it gave no sign of life within deadlock-timeout', times=1)
    hold_to_killed(row, traffic, [pid])
    assert lasted > timeout - 0.5
    row.hold('seconds from the stop to the end of the process', lasted, at_most=timeout + row.size.late)


@pytest.mark.row('F23')
def test_a_url_that_crashes_leaves_others_alone(arena, row, error_log, tmp_directory):
    traffic, crashes = attack(arena(processes=4, threads=1), row, error_log, tmp_directory, 4)
    row.hold(f'healthy requests failed of {traffic.done}, {crashes} crashes', len(traffic.failures()), at_most=0)


@pytest.mark.row('F23')
def test_a_url_that_crashes_leaves_most_others_alone_that_share_its_process(arena, row, error_log, tmp_directory):
    error_log.allow('GH0303: ')  # a request may meet three workers that die before they come to it
    traffic, crashes = attack(arena(), row, error_log, tmp_directory, 2)
    good = traffic.done - len(traffic.failures())
    row.hold(f'% of {traffic.done} healthy requests served, {crashes} crashes', 100 * good / traffic.done, at_least=80)


def attack(httpd, row, error_log, directory, processes):
    """Healthy traffic beside one client that asks for a crash again and again."""
    error_log.allow('GH0304: |' + DIED)
    traffic = Traffic(httpd, journal=directory, clients=8)
    crashes = 0
    with row.trial(httpd, traffic, {'one': processes}, settle=40) as trial:
        end = time.monotonic() + row.size.seconds
        while time.monotonic() < end:
            assert httpd.get('/crash?SIGSEGV', timeout=60).status == 502
            trial.event()
            crashes += 1
    return traffic, crashes


@pytest.mark.row('F25')
def test_a_deadlock_ends_its_process_and_what_is_inside_of_it(arena, row, error_log, tmp_directory):
    httpd = arena('deadlock-timeout=2')
    error_log.expect(r'GH0412: .*\(deadlock_timeout\)', times=1)
    error_log.allow('GH0304: |GH0670: |GH0406: ')
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic, lines=10 + 3 * 15) as trial:  # the stacks of its threads
        trial.event()
        before = workers_of(httpd)
        begun = time.monotonic()
        assert httpd.get('/lock?600', timeout=60).status == 502
        took = time.monotonic() - begun
    ended = [pid for pid in before if not is_alive(pid)]
    row.hold('seconds until the process was ended', took, at_most=2 + row.size.late)
    hold_to_killed(row, traffic, ended)
