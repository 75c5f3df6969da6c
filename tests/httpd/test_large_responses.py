# SPDX-License-Identifier: Apache-2.0
"""Response bodies of 512 KiB and more, which an application in a daemon places in memory that httpd lends it; or which go by
the channel, where none is lent."""
import os
import re
import socket
import time
import zlib

import pytest

from clients import at_once
from conftest import stop_clean
from http2 import Http2Connection
from processes import read_maps, wait_until
from raw_http import Connection, format_request
from tls import start_with_tls, trusting
from tracing import needs_strace, traced

CONFIG = '''
Protocols h2c http/1.1
MaxKeepAliveRequests 0
WSGIDaemonProcess one processes=1 threads=1
WSGIDaemonProcess many processes=1 threads=4
WSGIDaemonProcess spooled processes=1 threads=1 response-buffer-size=65536 response-spool-size=3000000
WSGIScriptAliasMatch ^/(?:deflate/)?one/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/many/(\\w+) ${APPS}/$1.wsgi process-group=many application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/spooled/(\\w+) ${APPS}/$1.wsgi process-group=spooled application-group=%{GLOBAL}
LogFormat "%B %O %U%q" bytes
CustomLog ${ROOT}/bytes.log bytes
<LocationMatch ^/deflate>
SetOutputFilter DEFLATE
</LocationMatch>
'''
MODULES = ('http2', 'deflate', 'filter')
MIB = 1 << 20
MEMORY, CHANNEL = b'memory  ', b'channel '


@pytest.fixture(scope='module')
def httpd(servers):
    server = start_with_tls(servers, CONFIG, MODULES)
    yield server
    stop_clean(servers, server)


def path_of(*sizes, group='one', more=''):
    return f'/{group}/large?sizes={",".join(map(str, sizes))}{more}'


def piece(number, size):
    return (b'%d,' % number * size)[:size]


def body_of(way, *sizes):
    return b''.join(piece(number, size) for number, size in enumerate(sizes)) + way


def is_whole(response, way, *sizes):
    """Not `==` in an assertion of pytest, which would print megabytes."""
    return response.status == 200 and response.complete and response.body == body_of(way, *sizes)


@pytest.mark.parametrize('more', ['', '&length', '&list', '&list&length'])
@pytest.mark.parametrize('sizes, way', [((MIB // 2 - 9,), CHANNEL), ((MIB // 2,), MEMORY), ((10_000_001,), MEMORY),
                                        ((100_000,) * 60, MEMORY), ((20_000,) * 300, CHANNEL),
                                        ((10, 3_000_000, 20, 4_000_000, 40_000, 30), MEMORY)])
def test_large_bodies_are_placed_in_memory(httpd, sizes, way, more):
    if 'list' in more:
        way = CHANNEL  # as the list was made
    with Connection(httpd.port) as connection:
        for _ in range(3):
            assert is_whole(connection.request('GET', path_of(*sizes, more=more)), way, *sizes)


def test_the_connection_and_the_channel_serve_everything_else_as_before(httpd):
    with Connection(httpd.port) as connection:
        for _ in range(5):
            assert is_whole(connection.request('GET', path_of(5 * MIB)), MEMORY, 5 * MIB)
            assert connection.request('GET', '/one/hello').status == 200
            body = os.urandom(300_000)
            assert connection.request('POST', '/one/echo_body', (), body).body == body
            assert connection.request('HEAD', path_of(5 * MIB, more='&length')).header('content-length') == str(5 * MIB + 8)


def test_requests_at_once_get_what_is_theirs(httpd):
    def get(number):
        sizes = (MIB + number, 4_000_000 + number * 1000)
        with Connection(httpd.port) as connection:
            return all(is_whole(connection.request('GET', path_of(*sizes, group='many')), MEMORY, *sizes) for _ in range(5))
    assert all(at_once(get, range(12)))


def test_a_request_of_which_more_was_to_come_has_none(httpd):
    with Connection(httpd.port) as connection:
        connection.send(format_request('POST', path_of(4 * MIB), {'Expect': '100-continue', 'Content-Length': '5'}))
        connection.send(b'12345')
        assert is_whole(connection.response(), CHANNEL, 4 * MIB)


def test_a_body_that_was_buffered_leaves_memory_to_the_response(httpd):
    with Connection(httpd.port) as connection:
        for size in (1, 70_000, 500_000):
            assert is_whole(connection.request('POST', path_of(4 * MIB), (), b'x' * size), MEMORY, 4 * MIB)


def test_over_tls_it_is_placed(httpd):
    with Connection(httpd.tls_port) as connection:
        connection.wrap(trusting())
        for _ in range(3):
            assert is_whole(connection.request('GET', path_of(10, 5_000_000)), MEMORY, 10, 5_000_000)


def test_over_http2_it_goes_by_the_channel(httpd):
    with Http2Connection(httpd.port) as connection:
        assert is_whole(connection.request('GET', path_of(10, 5_000_000)), CHANNEL, 10, 5_000_000)


def test_a_filter_sees_the_bytes(httpd):
    with Connection(httpd.port) as connection:
        for _ in range(2):
            response = connection.request('GET', '/deflate' + path_of(10, 5_000_000), {'Accept-Encoding': 'gzip'})
            assert response.header('content-encoding') == 'gzip'
            assert zlib.decompress(response.body, 31) == body_of(MEMORY, 10, 5_000_000)


@pytest.mark.parametrize('more', ['', '&length'])
def test_what_counts_bytes_counts_those_in_memory(httpd, more):
    path = path_of(5_234_567, more=more)
    with Connection(httpd.port) as connection:
        assert is_whole(connection.request('GET', path), MEMORY, 5_234_567)
    def lines():
        return [line for line in (httpd.root / 'bytes.log').read_text().splitlines() if line.endswith(path)]
    wait_until(lines, what='the request is logged')
    body, all_of_it = map(int, lines()[-1].split()[:2])
    assert body == 5_234_567 + 8
    assert body + 100 < all_of_it < body + 2000


@needs_strace
def test_a_quick_client_gets_much_by_each_call(httpd, tmp_directory):
    """Past httpd's core, which would write 56 KiB at a time."""
    trace = tmp_directory / 'trace'
    children = [process.pid for process in httpd.processes() if process.parent == httpd.pid]
    with Connection(httpd.port) as connection, traced(children, 'sendmsg,writev', trace, '-f'):
        assert is_whole(connection.request('GET', path_of(10_000_000, more='&length')), MEMORY, 10_000_000)
    written = [int(size) for size in re.findall(r'= (\d+)$', trace.read_text(), re.MULTILINE)]
    assert max(written) > 200_000


@pytest.mark.parametrize('group', ['one', 'spooled'])
def test_a_client_that_reads_late_gets_it_whole(httpd, group):
    with Connection(httpd.port, receive_buffer=8192) as connection:
        for _ in range(2):
            connection.send(format_request('GET', path_of(30, 20_000_000, 100_000, group=group)))
            time.sleep(0.5)
            assert is_whole(connection.response(), MEMORY, 30, 20_000_000, 100_000)


def test_a_client_that_reads_in_fits_and_starts_gets_it_whole(httpd):
    with Connection(httpd.port) as connection:
        connection.send(format_request('GET', path_of(20_000_000, more='&length')))
        pauses = iter([0.001, 0.03, 0.15] * 1000)
        got = b''
        while len(got) < 20_000_008:
            if len(got) // MIB < (len(got) + 65_536) // MIB:
                time.sleep(next(pauses))
            got += connection.socket.recv(65_536)
        assert got.endswith(body_of(MEMORY, 20_000_000))


def test_a_client_that_has_shut_down_its_sending_side_gets_it_whole(httpd):
    for pause in (0, 0.02, 0.3):
        with Connection(httpd.port, receive_buffer=8192) as connection:
            connection.send(format_request('GET', path_of(12_000_000, 100_000)))
            time.sleep(pause)
            connection.socket.shutdown(socket.SHUT_WR)
            time.sleep(pause)
            response = connection.response()
            assert response.status == 503 or is_whole(response, response.body[-8:], 12_000_000, 100_000)


@pytest.mark.parametrize('reset', [False, True], ids=['close', 'reset'])
@pytest.mark.parametrize('read', [0, 100_000, 5_000_000])
def test_a_client_that_leaves_leaves_nothing_behind(httpd, read, reset):
    for _ in range(4):
        with Connection(httpd.port) as connection:
            connection.send(format_request('GET', path_of(12_000_000)))
            left = read
            while left > 0:
                left -= len(connection.socket.recv(65_536))
            if reset:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    for size in (4 * MIB, 5 * MIB):
        assert is_whole(httpd.get(path_of(size)), MEMORY, size)


def test_a_response_that_is_cut_is_seen_to_be(httpd, error_log):
    """What was placed before the application failed gets to the client; the end does not."""
    error_log.expect_traceback('RuntimeError')
    with Connection(httpd.port) as connection:
        response = connection.request('GET', path_of(4 * MIB, -1))
        assert (response.complete, len(response.body)) == (False, 4 * MIB)
    assert is_whole(httpd.get(path_of(4 * MIB)), MEMORY, 4 * MIB)


def test_memory_is_given_back_when_it_rests(httpd):
    """By httpd's children as by the workers that have mapped it."""
    def lent():
        return sum(read_maps(process.pid).count('memfd:gatehouse-body') for process in httpd.processes())
    assert is_whole(httpd.get(path_of(4 * MIB)), MEMORY, 4 * MIB)
    assert lent() > 0
    wait_until(lambda: lent() == 0, 20, 'the memory is given back')
