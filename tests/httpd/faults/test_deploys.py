# SPDX-License-Identifier: Apache-2.0
"""New code, new configurations, restarts, stops and new logs under load."""
import contextlib
import json
import os
import signal
import time
import urllib.parse

import pytest

import census
from clients import at_once
from deployment import BAD
from processes import is_alive, wait_until
from traffic import Journal, Traffic
from trial import Pace

# httpd's own: the scoreboard fills when restarts come faster than old children leave, and mod_cgid's socket moves.
RESTARTS = r'AH03490: scoreboard is full|\[cgid:'

LONG = '''
import time

def application(environ, start_response):
    seconds, _, kind = environ['QUERY_STRING'].partition('&')
    start_response('200 OK', [('Content-Type', 'text/plain')])
    blocks = 10 if kind == 'stream' else 1
    for number in range(blocks):
        time.sleep(float(seconds) / blocks)
        yield b'%d;' % number
'''


@pytest.mark.parametrize('reload', ['strict', 'rolling'])
@pytest.mark.row('F19')
def test_deploys_lose_nothing(token_site, row, reload, tmp_directory):
    site = token_site(f'reload={reload}')
    traffic = Traffic(site.server, journal=tmp_directory)
    pace = Pace(0.5)
    with row.trial(site.server, traffic) as trial:
        for number in range(row.size.touches):
            site.write(str(number))
            trial.event()
            pace()
    row.hold(f'failed of {traffic.done} requests, {row.size.touches} touches, {reload}', len(traffic.failures()), at_most=0)
    row.hold(f'seconds that a request took meanwhile, longest, {reload}', max(traffic.waits(trial.begun)),
             at_most=row.size.longest if reload == 'rolling' else 30)


@pytest.mark.row('F20')
def test_graceful_restarts_lose_nothing(token_site, row, error_log, tmp_directory):
    site = token_site()
    error_log.allow(RESTARTS)
    traffic = Traffic(site.server, path='/token?10', journal=tmp_directory, fresh=True)
    pace = Pace(1)
    done = 0
    with row.trial(site.server, traffic, settle=60) as trial:
        while done < row.size.gracefuls or traffic.done < row.size.requests:
            site.server.graceful()
            trial.event()
            done += 1
            pace()
    row.hold(f'failed of {traffic.done} requests on fresh connections, {done} restarts', len(traffic.failures()), at_most=0)


@pytest.mark.row('F21')
def test_long_requests_and_streams_outlast_deploys_and_restarts(token_site, row, error_log, tmp_directory):
    site = token_site(options='socket-timeout=60')
    site.write_text(LONG)
    error_log.allow(RESTARTS)
    httpd = site.server
    ends = max(row.size.durations)
    queries = [f'{seconds}{kind}' for seconds in row.size.durations for kind in ('', '&stream')]
    clients = [queries[number % len(queries)] for number in range(row.size.clients)]
    pace = Pace(row.size.pace)

    def client(query):
        if query is not None:
            return httpd.get(f'/token?{query}', timeout=120)
        end = time.monotonic() + ends
        while time.monotonic() < end:
            site.write_text(LONG)
            assert httpd.get('/token?0').status == 200
            pace()
            httpd.graceful()
            pace()

    answers = at_once(client, clients + [None])[:-1]
    whole = sum(answer is not None and not isinstance(answer, OSError) and answer.status == 200 and answer.complete
                and answer.body.endswith(b'9;' if 'stream' in query else b'0;')
                for query, answer in zip(clients, answers))
    row.hold(f'of {len(clients)} requests of up to {ends} s finished', whole, at_least=len(clients))


@pytest.mark.row('F22')
def test_a_bad_deploy_fails_no_request(token_site, row, error_log, tmp_directory):
    site = token_site('startup-timeout=3')
    error_log.allow(r'GH0[46]|bad deploy|Error|Traceback|\]  ')
    traffic = Traffic(site.server, journal=tmp_directory)
    repairs = []
    with row.trial(site.server, traffic, lines=25) as trial:  # a traceback and what becomes of the change
        for kind in row.size.kinds:
            before = len(error_log.matching('GH0431: '))
            site.write_bad(kind)
            trial.event()
            wait_until(lambda: len(error_log.matching('GH0431: ')) > before, 30, f'{kind} is noticed')
            serves = len(error_log.matching('GH0441: '))
            begun = time.monotonic()
            site.write('repaired')
            wait_until(lambda: len(error_log.matching('GH0441: ')) > serves, 30, 'the repair serves')
            repairs.append(time.monotonic() - begun)
            error_log.expect(BAD[kind][1])
    row.hold(f'failed of {traffic.done} requests, {len(repairs)} bad deploys', len(traffic.failures()), at_most=0)
    row.hold('seconds until a repair served, longest', max(repairs), at_most=row.size.repair)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH], ids=['stop', 'restart', 'graceful-stop'])
@pytest.mark.row('F30')
def test_a_stop_is_clean_under_load(token_site, row, error_log, tmp_directory, number):
    site = token_site()
    httpd = site.server
    error_log.allow(r'GH0304: |GH0302: |AH\d{5}|' + RESTARTS)
    truncated, lost, longest = 0, 0, 0.0
    for _ in range(row.size.times):
        with Traffic(httpd, journal=tmp_directory, clients=8) as traffic:
            wait_until(lambda: traffic.done > 50, 30, 'traffic')
            begun = time.monotonic()
            if number == signal.SIGHUP:
                httpd.restart()
            else:
                httpd.stop(number, timeout=30)
            longest = max(longest, time.monotonic() - begun)
        truncated += len(traffic.of_kind('truncated', 'foreign', 'silent'))
        seen = Journal(tmp_directory).of_anybody()
        lost += len([one for one in traffic.failures() if one.token in seen])
        if number != signal.SIGHUP:
            (httpd.root / 'logs' / 'error.log').rename(httpd.root / 'logs' / 'before.log')
            httpd.start()
    row.hold('answers that looked whole and were not', truncated, at_most=0)
    if number == signal.SIGWINCH:
        row.hold('requests in hand that were lost', lost, at_most=0)
    row.hold('seconds that it took, longest', longest, at_most=12)


def holders(httpd, path):
    """Which processes of the server have the file open."""
    found = []
    for process in httpd.processes():
        with contextlib.suppress(OSError):
            if str(path) in census.targets_of(process.pid):
                found.append(process)
    return found


@pytest.mark.row('F33')
def test_rotated_logs_are_let_go(token_site, row, tmp_directory):
    site = token_site()
    httpd = site.server
    traffic = Traffic(httpd, journal=tmp_directory)
    old = httpd.root / 'logs' / 'error-1.log'
    with row.trial(httpd, traffic) as trial:
        (httpd.root / 'logs' / 'error.log').rename(old)
        trial.event()
        httpd.graceful()
        wait_until(lambda: not holders(httpd, old), 30, 'the old file is let go')
    row.hold('processes that keep the old file', len(holders(httpd, old)), at_most=0)
    row.hold(f'failed of {traffic.done} requests', len(traffic.failures()), at_most=0)


@pytest.mark.row('F33')
def test_a_piped_log_that_dies_fails_no_request_and_a_restart_replaces_it(server, row, error_log, tmp_directory):
    log = tmp_directory / 'piped'
    httpd = server('WSGIDaemonProcess one processes=2 threads=15\n'
                   f'<VirtualHost *>\nErrorLog "|/usr/bin/tee -a {log}"\n'
                   'WSGIScriptAliasMatch ^/(\\w+)$ ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n'
                   '</VirtualHost>\n')
    error_log.allow('AH00106|AH00107|piped log')
    write = '/errors?' + urllib.parse.quote(json.dumps([['errors', 'a line of the application\n']]))
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic) as trial:
        loggers = [process.pid for process in httpd.processes() if process.name == 'tee']
        assert loggers
        for pid in loggers:
            os.kill(pid, signal.SIGKILL)
        trial.event()
        wait_until(lambda: not any(map(is_alive, loggers)), what='the loggers are dead')
        assert [httpd.get(write).status for _ in range(50)] == [200] * 50
        httpd.graceful()
        before = log.stat().st_size

        def arrives():
            assert httpd.get(write).status == 200
            return b'a line of the application' in log.read_bytes()[before:]
        wait_until(arrives, what='lines arrive again')
    row.hold(f'failed of {traffic.done} requests', len(traffic.failures()), at_most=0)
