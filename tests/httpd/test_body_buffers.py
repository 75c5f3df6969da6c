# SPDX-License-Identifier: Apache-2.0
"""Request bodies of 64 KiB to 1 MiB, which go to a daemon whole: in a pipe that took them from the client's socket, or in
memory where something else has to look at them, or where the pipe was too small."""
import gzip
import hashlib
import random
import socket
import threading
import time

import pytest

from conftest import stop_clean
from http2 import Http2Connection
from processes import wait_until
from raw_http import Connection, format_request
from tls import start_with_tls, trusting

CONFIG = '''
Protocols h2c http/1.1
MaxKeepAliveRequests 0
WSGIDaemonProcess one processes=1 threads=3
WSGIScriptAliasMatch ^/(?:\\w+/)?daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}
LogFormat "%I %O %U" bytes
CustomLog ${ROOT}/bytes.log bytes
RequestReadTimeout header=10 body=1,MinRate=100000
<LocationMatch ^/deflate>
SetInputFilter DEFLATE
</LocationMatch>
<LocationMatch ^/buffer>
SetInputFilter BUFFER
</LocationMatch>
<LocationMatch ^/limited>
LimitRequestBody 100000
</LocationMatch>
'''
MODULES = ('http2', 'deflate', 'filter', 'buffer', 'reqtimeout')
APP = '/daemon/body_descriptor'


@pytest.fixture(scope='module')
def httpd(servers):
    server = start_with_tls(servers, CONFIG, MODULES)
    yield server
    stop_clean(servers, server)


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def seen(body, kind):
    return [len(body), hashlib.sha256(body).hexdigest(), [kind] if kind else []]


@pytest.mark.parametrize('size, kind', [(1, None), (65536, None), (65537, 'pipe'), (300_000, 'pipe'), (1 << 20, 'pipe'),
                                        ((1 << 20) + 1, 'pipe'), ((1 << 20) + 65537, 'file')])
def test_a_body_comes_in_a_pipe(httpd, size, kind):
    body = noise(size)
    with Connection(httpd.port) as connection:
        for _ in range(3):
            assert connection.request('POST', APP, (), body).json() == seen(body, kind)


def test_not_a_byte_of_the_next_request_is_taken(httpd):
    bodies = [noise(size, size) for size in (200_000, 65_537, 1 << 20, 70_000, 10)]
    requests = b''.join(format_request('POST', APP, (), body) for body in bodies)
    with Connection(httpd.port) as connection:
        threading.Thread(target=connection.send, args=(requests,), daemon=True).start()
        for body in bodies:
            assert connection.response().json()[:2] == seen(body, None)[:2]


def send_in_pieces(connection, data, size, pause):
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(data), size):
        connection.send(data[start:start + size])
        time.sleep(pause)


def test_what_is_too_many_pieces_for_a_pipe_comes_in_memory(httpd):
    body = noise(150_000)
    with Connection(httpd.port) as connection:
        for _ in range(2):
            send_in_pieces(connection, format_request('POST', APP, (), body), 500, 0.001)
            assert connection.response().json() == seen(body, 'memory')
            assert connection.request('POST', APP, (), body).json() == seen(body, 'pipe')


def test_a_few_slow_pieces_come_in_a_pipe(httpd):
    body = noise(100_000)
    with Connection(httpd.port) as connection:
        send_in_pieces(connection, format_request('POST', APP, (), body), 20_000, 0.05)
        assert connection.response().json() == seen(body, 'pipe')


@pytest.mark.parametrize('filter_name', ['deflate', 'buffer'])
def test_a_filter_sees_the_bytes(httpd, filter_name):
    body = noise(200_000)
    packed = gzip.compress(body) if filter_name == 'deflate' else body
    headers = {'Content-Encoding': 'gzip'} if filter_name == 'deflate' else {}
    response = httpd.post(f'/{filter_name}{APP}', packed, headers)
    assert response.json() == seen(body, None)  # streamed: what comes out of a filter has no known length


def test_over_tls_it_comes_in_memory(httpd):
    body = noise(300_000)
    with Connection(httpd.tls_port) as connection:
        connection.wrap(trusting())
        for _ in range(2):
            connection.send(format_request('POST', APP, (), body))  # by one thread: an SSLSocket does not stand two
            assert connection.response().json() == seen(body, 'memory')


def test_over_http2_it_comes_in_memory(httpd):
    body = noise(300_000)
    with Http2Connection(httpd.port) as connection:
        assert connection.request('POST', APP, {'content-length': str(len(body))}, body).json() == seen(body, 'memory')


def test_what_an_application_left_is_no_later_ones(httpd):
    first, second = noise(400_000, 1), noise(400_000, 2)
    with Connection(httpd.port) as connection:
        for _ in range(5):
            assert connection.request('POST', APP + '?leave', (), first).json()[0] == 70_000
            assert connection.request('POST', APP, (), second).json() == seen(second, 'pipe')


@pytest.mark.parametrize('reset', [False, True], ids=['close', 'reset'])
@pytest.mark.parametrize('sent', [1, 70_000, 199_999])
def test_a_client_that_leaves_leaves_nothing_behind(httpd, error_log, sent, reset):
    error_log.allow(r'GH0617: |AH\d{5}|GH0[23]\d\d: .*request body')
    body = noise(200_000)
    request = format_request('POST', APP, (), body)
    for _ in range(4):
        with Connection(httpd.port) as connection:
            connection.send(request[:len(request) - len(body) + sent])
            time.sleep(0.02)
            if reset:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    for _ in range(4):
        assert httpd.post(APP, body).json() == seen(body, 'pipe')


@pytest.mark.parametrize('size', [10, 50_000, 500_000])
def test_what_counts_bytes_counts_those_in_pipes(httpd, size):
    body = noise(size)
    path = f'/counted{size}{APP}'
    request = format_request('POST', path, (), body)
    with Connection(httpd.port) as connection:
        connection.send(request)
        assert connection.response().json()[:2] == seen(body, 'pipe')[:2]
    def lines():
        return [line for line in (httpd.root / 'bytes.log').read_text().splitlines() if line.endswith(path)]
    wait_until(lines, what='the request is logged')
    # mod_http2 has looked at the first bytes of the connection, which counts them twice.
    assert int(lines()[0].split()[0]) == len(request) + len(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')


def test_a_body_that_is_too_slow_is_408(httpd, error_log):
    error_log.allow(r'AH01382|GH0[23]\d\d: .*request body')
    body = noise(200_000)
    request = format_request('POST', APP, (), body)
    with Connection(httpd.port) as connection:
        connection.send(request[:-100_000])
        started = time.monotonic()
        response = connection.response()
        assert response.status == 408
        assert time.monotonic() - started < 8


def test_a_body_over_the_limit_is_413(httpd, error_log):
    error_log.allow(r'AH01588|GH0[23]\d\d: .*request body')
    with Connection(httpd.port) as connection:
        assert connection.request('POST', '/limited' + APP, (), noise(300_000)).status == 413
    body = noise(99_999)
    assert httpd.post('/limited' + APP, body).json() == seen(body, 'pipe')


def test_the_connection_serves_everything_else_as_before(httpd):
    body, small = noise(300_000), noise(20_000)
    with Connection(httpd.port) as connection:
        for path in ('/embedded/echo_body', '/daemon/echo_body'):
            assert connection.request('POST', APP, (), body).json() == seen(body, 'pipe')
            assert connection.request('POST', path, (), body).body == body
            assert connection.request('POST', path, (), small).body == small
            assert connection.request('GET', '/daemon/hello').status == 200
