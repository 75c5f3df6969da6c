# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow, leave, send too much, or read nothing."""
import socket
import struct
import time

import pytest

import census
from http2 import Http2Connection
from processes import is_alive, wait_until
from raw_http import Closed, format_request
from slow_clients import SlowClients
from traffic import Traffic
from trial import pause

ROOM = 'ServerLimit 40\nThreadsPerChild 32\nMaxRequestWorkers {}\n'

NOTES = '''
import os, time

class Result:
    def __init__(self, note, blocks):
        self.note, self.blocks = note, iter(blocks)
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.blocks)
    def close(self):
        self.note('closed')

def application(environ, start_response):
    what, _, directory = environ['QUERY_STRING'].partition('&')
    file = os.open(os.path.join(directory, 'notes'), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    def note(text):
        os.write(file, text.encode() + b'\\n')
        if text == 'closed':
            os.close(file)
    note('entered')
    try:
        environ['wsgi.input'].read()
    except OSError:
        note('closed')  # no result, no close()
        raise
    if what == 'late':
        time.sleep(0.2)
    start_response('200 OK', [])
    return Result(note, [b'x' * 65536] * (64 if what == 'large' else 1))
'''


def leave(client, abruptly):
    """Closes a connection: with a reset, or with an end."""
    if abruptly:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    client.close()


def post(path, length, sent):
    return format_request('POST', path, [('Content-Length', str(length))]) + b'x' * sent


# What is sent, and whether the client waits for the beginning of the answer.
STAGES = {
    'in the request line': lambda path: (b'GET ' + path.encode()[:3], False),
    'in the head': lambda path: (format_request('GET', path)[:-4], False),
    'before the body': lambda path: (post(path, 100_000, 0), False),
    'in the first part of the body': lambda path: (post(path, 100_000, 50_000), False),
    'in the body that the application reads': lambda path: (post(path, 1_000_000, 200_000), False),
    'before the answer': lambda path: (format_request('GET', path.replace('small', 'late')), False),
    'in the answer': lambda path: (format_request('GET', path.replace('small', 'large')), True),
    'after the answer': lambda path: (format_request('GET', path), True),
}


@pytest.mark.row('F11')
def test_a_client_that_leaves_at_any_stage_leaves_nothing_behind(arena, row, error_log, tmp_directory):
    script = tmp_directory / 'notes.wsgi'
    script.write_text(NOTES)
    httpd = arena(more='Protocols h2c http/1.1\n' f'WSGIScriptAlias /x/notes {script} process-group=one '
                  'application-group=%{GLOBAL}\n', modules=('http2',))
    error_log.allow(r'GH0617|GH0307|AH\d{5}')
    path = f'/x/notes?small&{tmp_directory}'
    traffic = Traffic(httpd, clients=8, journal=tmp_directory)
    notes = tmp_directory / 'notes'

    def counts():
        text = notes.read_text() if notes.exists() else ''
        return text.count('entered'), text.count('closed')

    with row.trial(httpd, traffic, lines=20) as trial:
        for stage in STAGES.values():
            data, waits = stage(path)
            for number in range(row.size.each):
                with socket.create_connection(('127.0.0.1', httpd.port), 30) as client:
                    client.sendall(data)
                    if waits:
                        assert client.recv(1)
                    leave(client, abruptly=number % 2)
                trial.event()
        for _ in range(row.size.each):
            with Http2Connection(httpd.port) as connection:
                stream = connection.start('GET', path.replace('small', 'large'))
                while connection.responses[stream] is None:
                    connection.receive()
                connection.reset(stream)
            trial.event()
        begun = time.monotonic()
        wait_until(lambda: len(set(counts())) == 1, 30, 'close() is called for each')
        took = time.monotonic() - begun
    entered, closed = counts()
    row.hold(f'results without close() of {entered} requests entered', entered - closed, at_most=0)
    row.hold('seconds until the last close()', took, at_most=row.size.within)
    row.hold(f'failed of {traffic.done} other requests', len(traffic.failures()), at_most=0)


@pytest.mark.parametrize('what', ['heads', 'bodies', 'bodies after 80 KB'])
@pytest.mark.row('F9')
def test_clients_that_send_slowly_hold_nobody_up(arena, row, error_log, tmp_directory, what):
    httpd = arena(more=ROOM.format(32 * (4 + row.size.clients // 32)))
    error_log.allow(r'AH\d{5}|GH0307|GH0617')
    if what == 'heads':
        start, rest = b'GET /hello HTTP/1.1\r\n', b'X-Slow: ' + b'x' * 1000
    else:
        start, rest = post('/echo_body', 200_000, 80_000 if '80' in what else 0), b'x' * 1000
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic) as trial, SlowClients(httpd, row.size.clients, start, rest):
        trial.event()
        pause(row.size.seconds)
        during = traffic.latencies(trial.begun + 1)
    row.hold(f'failed of {traffic.done} requests, {row.size.clients} slow {what}', len(traffic.failures()), at_most=0)
    row.hold_p99('of others', during, trial.base, 2)


@pytest.mark.row('F10')
def test_clients_that_read_slowly_hold_nobody_up(arena, row, error_log, tmp_directory):
    httpd = arena(more=ROOM.format(32 * (4 + row.size.clients // 32)))
    error_log.allow(r'AH\d{5}')
    start = format_request('GET', f'/input_ignored?{row.size.bytes}')
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic) as trial:
        with SlowClients(httpd, row.size.clients, start, reads=1000, receive_buffer=4096):
            trial.event()
            pause(row.size.seconds)
            during = traffic.latencies(trial.begun + 1)
            memory = max(census.memory_of(process.pid) for process in httpd.processes() if not process.is_zombie)
    row.hold(f'failed of {traffic.done} requests, {row.size.clients} slow readers', len(traffic.failures()), at_most=0)
    row.hold_p99('of others', during, trial.base, 2)
    row.hold('MB of the largest process', memory / (1 << 20), at_most=row.size.memory)


@pytest.mark.row('F14')
@pytest.mark.parametrize('framing', ['length', 'chunked'])
def test_a_huge_body_takes_no_memory(arena, row, framing):
    httpd = arena(more='WSGIChunkedRequest On\nLimitRequestBody 0\n', processes=1)
    assert httpd.get('/hello').status == 200
    block = b'x' * (1 << 20)
    blocks = row.size.bytes >> 20

    def peaks():
        return {process.pid: census.memory_of(process.pid, 'VmHWM') for process in httpd.processes() if not process.is_zombie}

    before = peaks()
    with httpd.connect(300) as connection:
        if framing == 'length':
            connection.send(format_request('POST', '/input_counted', [('Content-Length', str(blocks << 20))]))
            for _ in range(blocks):
                connection.send(block)
        else:
            connection.send(format_request('POST', '/input_counted', [('Transfer-Encoding', 'chunked')]))
            for _ in range(blocks):
                connection.send(b'100000\r\n' + block + b'\r\n')
            connection.send(b'0\r\n\r\n')
        answer = connection.response()
    assert (answer.status, answer.text.split()[0]) == (200, str(blocks << 20))
    with httpd.connect(300) as connection:
        connection.send(format_request('GET', f'/input_ignored?{blocks << 20}'))
        received = 0
        while received < blocks << 20:
            received += len(connection.stream.read1(1 << 20))
    grown = max(peak - before.get(pid, peak) for pid, peak in peaks().items())
    row.hold(f'MB by which a process has grown over {blocks} MB up and down', grown / (1 << 20), at_most=16)


@pytest.mark.row('F14')
def test_a_body_over_the_limit_is_413_and_costs_nothing(arena, row, error_log):
    httpd = arena(more='WSGIChunkedRequest On\nLimitRequestBody 100000\n', processes=1)
    error_log.allow('GH0207|AH0158|GH0617|GH0307')
    pid = httpd.get('/identity').json()['pid']
    statuses = []
    for size in (100_001, 200_000, 1 << 20, 1 << 24, 1 << 31, 1 << 40):
        with httpd.connect() as connection:
            connection.send(post('/echo_body', size, 0))
            statuses.append(connection.response().status)
        with httpd.connect() as connection:
            connection.send(format_request('POST', '/echo_body', [('Transfer-Encoding', 'chunked')]))
            try:
                for _ in range(min(size, 1 << 20) // 65536 + 1):
                    connection.send(b'10000\r\n' + b'x' * 65536 + b'\r\n')
                connection.send(b'0\r\n\r\n')
            except OSError:
                pass  # refused before all was sent
            statuses.append(connection.response().status)
    row.hold('of 12 bodies over the limit got another answer than 413',
             len([status for status in statuses if status != 413]), at_most=0)
    assert is_alive(pid) and httpd.get('/identity').json()['pid'] == pid


@pytest.mark.row('F15')
def test_an_answer_need_not_wait_for_the_request_body(arena, row):
    """20 MB that nobody reads against 100 MB of answer, on one connection at the same time."""
    httpd = arena()
    longest = 0.0
    for _ in range(row.size.times):
        begun = time.monotonic()
        with httpd.connect(60) as connection:
            response = connection.request('POST', '/input_ignored?100000000', [('Connection', 'close')], b'x' * 20_000_000)
        longest = max(longest, time.monotonic() - begun)
        assert (response.status, response.complete, len(response.body)) == (200, True, 100_000_000)
    row.hold(f'seconds for 20 MB against 100 MB, longest of {row.size.times}', longest, at_most=row.size.within)
