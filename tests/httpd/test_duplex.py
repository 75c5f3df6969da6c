# SPDX-License-Identifier: Apache-2.0
"""Both directions of a request at once: an application may answer while its client is still sending."""
import time

import pytest

from clients import Wire
from raw_http import chunked, format_request, read_head

CONFIG = '''
Protocols h2c http/1.1
MaxKeepAliveRequests 0
LimitRequestBody 0
WSGIChunkedRequest On
WSGIDaemonProcess one threads=2 spool-directory=/tmp
WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}
'''
MIB = 1 << 20


@pytest.fixture(scope='module')
def httpd(module_server):
    return module_server(CONFIG, modules=('http2',))


@pytest.fixture(params=['h1', 'h2'])
def daemon(httpd, request):
    wire = Wire(httpd, '/daemon/', request.param)
    yield wire
    wire.close()


def read_line(connection):
    """One line of a chunked body."""
    size = int(connection.stream.readline(), 16)
    line = connection.stream.read(size)
    assert connection.stream.readline() == b'\r\n'
    return line


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_client_and_application_may_converse(httpd, mode):
    """Neither buffer waits for the end of the body, nor for the next line of it."""
    with httpd.connect() as connection:
        connection.send(format_request('POST', f'/{mode}/converse', {'Transfer-Encoding': 'chunked'}))
        connection.send(chunked(b'x' * 70_000 + b'\n')[:-5])  # more than goes along with a request's head
        read_head(connection.stream)
        heard = b''
        while not heard.endswith(b'\n'):
            heard += read_line(connection)
        assert heard == b'heard ' + b'x' * 70_000 + b'\n'
        for line in (b'one\n', b'two\n', b'three\n'):
            connection.send(chunked(line)[:-5])
            assert read_line(connection) == b'heard ' + line
        connection.send(b'0\r\n\r\n')
        assert connection.stream.readline() == b'0\r\n'


def test_a_stream_of_http2_may_converse(httpd):
    wire = Wire(httpd, '/daemon/', 'h2')
    with wire.connect() as connection:
        stream = connection.start('POST', '/daemon/converse', end=False)
        connection.send(stream, b'x' * 70_000 + b'\n')
        heard = b'heard ' + b'x' * 70_000 + b'\n'
        for line in (b'one\n', b'two\n', b''):
            while not (connection.responses[stream] and connection.responses[stream].body == heard):
                connection.receive()
            connection.send(stream, line)
            heard += b'heard ' + line if line else b''
        connection.h2.end_stream(stream)
        connection.flush()
        assert connection.response(stream).complete


def test_an_answer_without_reading_neither_waits_nor_deadlocks(daemon):
    """20 MiB that nobody reads against an answer of 100 MiB; less over HTTP/2, where the test itself is slow."""
    sent, size = (2 * MIB, 5 * MIB) if daemon.is_http2 else (20 * MIB, 100 * MIB)
    with daemon.connect() as connection:
        begun = time.monotonic()
        response = connection.request('POST', daemon.path(f'input_ignored?{size}'), body=b'x' * sent)
        taken = time.monotonic() - begun
    assert response.status == 200 and response.complete and len(response.body) == size
    assert taken < 20  # httpd's Timeout


def test_a_client_may_send_everything_before_it_reads(httpd):
    """httpd takes what the application does not want, so that the client comes to its end."""
    size = 30 * MIB
    with httpd.connect() as connection:
        connection.send(format_request('POST', f'/daemon/input_ignored?{size}', body=b'x' * (20 * MIB)))
        response = connection.response()
    assert response.complete and len(response.body) == size


def test_a_client_that_stops_sending_gets_its_answer(httpd, tmp_directory):
    """Its body is not read to the end, and the connection waits for more of it."""
    with httpd.connect() as connection:
        connection.send(format_request('POST', f'/daemon/input_ignored?{MIB}', {'Transfer-Encoding': 'chunked'}))
        connection.send(chunked(b'x' * 100_000)[:-5])
        response = connection.response()
    assert response.complete and len(response.body) == MIB


def test_both_directions_are_whole_when_the_application_copies(daemon):
    body = b''.join(b'%07d\n' % number for number in range(50_000))
    with daemon.connect() as connection:
        response = connection.request('POST', daemon.path('converse'), body=body)
    assert response.complete and response.body == b''.join(b'heard %07d\n' % number for number in range(50_000))
