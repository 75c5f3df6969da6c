# SPDX-License-Identifier: Apache-2.0
"""Request bodies: cut at every stage, framed in contradictory ways, larger than what is allowed, awaited or not read."""
import io
import socket
import struct

import pytest

from clients import Wire
from raw_http import chunked, format_request, read_response

LIMIT = 100_000
CONFIG = f'''
Protocols h2c http/1.1
MaxKeepAliveRequests 0
WSGIDaemonProcess one threads=2
WSGIChunkedRequest On
LogLevel info
<LocationMatch ^/(embedded|daemon)/limited>
LimitRequestBody {LIMIT}
</LocationMatch>
<LocationMatch ^/(embedded|daemon)/huge>
LimitRequestBody 2147483648
</LocationMatch>
WSGIScriptAliasMatch ^/embedded/(?:limited/|huge/)?(\\w+)(.*)$ ${{APPS}}/$1.wsgi$2 application-group=%{{GLOBAL}}
WSGIScriptAliasMatch ^/daemon/(?:limited/|huge/)?(\\w+)(.*)$ ${{APPS}}/$1.wsgi$2 process-group=one application-group=%{{GLOBAL}}
'''
# A client that leaves; one line at most tells of it, at level info or as httpd's own.
GONE = r'GH0617: |AH\d{5}|GH0[23]\d\d: .*request body'


@pytest.fixture(scope='module')
def httpd(module_server):
    return module_server(CONFIG, modules=('http2',))


@pytest.fixture(params=['embedded', 'daemon'])
def http1(httpd, request):
    wire = Wire(httpd, f'/{request.param}/', 'h1')
    yield wire
    wire.close()


@pytest.fixture(params=[f'{mode}-{protocol}' for mode in ('embedded', 'daemon') for protocol in ('h1', 'h2')])
def wire(httpd, request):
    mode, protocol = request.param.split('-')
    wire = Wire(httpd, f'/{mode}/', protocol)
    yield wire
    wire.close()


def must_be_free(wire):
    """The group has two threads: had the requests before held on to theirs, none would be left."""
    for _ in range(3):
        assert wire.server.get(wire.path('hello')).status == 200



@pytest.mark.parametrize('reset', [False, True], ids=['close', 'reset'])
@pytest.mark.parametrize('framing', ['length', 'chunked'])
@pytest.mark.parametrize('app', ['echo_body', 'input_ignored?10', 'input_counted'])
def test_a_body_that_is_cut_frees_its_thread(http1, error_log, app, framing, reset):
    error_log.allow(GONE)
    error_log.allow(r'\] (\w+Error: |Traceback|  +\S)|GH0[67]\d\d: .*(Error|Exception): ')
    path = http1.path(app)
    if framing == 'length':
        data = format_request('POST', path, (), b'x' * 3000)
    else:
        data = format_request('POST', path, {'Transfer-Encoding': 'chunked'}, chunked(b'x' * 1000, b'y' * 2000))
    head = data.index(b'\r\n\r\n') + 4
    stages = [1, head // 2, head - 2, head - 1, head, head + 1, head + 2, head + 5, head + 900, head + 1010, len(data) - 8,
              len(data) - 3, len(data) - 1]
    for stage in stages:
        with http1.connect() as connection:
            connection.send(data[:stage])
            if reset:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                continue
            connection.socket.shutdown(socket.SHUT_WR)
            rest = connection.rest()
            assert not rest or rest.startswith(b'HTTP/1.1 ') and (b' 400 ' in rest[:20] or b' 200 ' in rest[:20] or
                                                                  b' 408 ' in rest[:20] or b' 500 ' in rest[:20])
    must_be_free(http1)


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
@pytest.mark.parametrize('app', ['echo_body', 'input_ignored?10'])
def test_a_stream_that_is_reset_frees_its_thread(httpd, error_log, mode, app):
    error_log.allow(GONE)
    error_log.allow(r'\] (\w+Error: |Traceback|  +\S)|GH0[67]\d\d: .*(Error|Exception): ')
    wire = Wire(httpd, f'/{mode}/', 'h2')
    with wire.connect() as connection:
        for sent in (0, 1, 1000, 2999, 3000):
            stream = connection.start('POST', wire.path(app), {'Content-Length': '3000'}, end=False)
            connection.send(stream, b'x' * sent)
            connection.reset(stream)
            assert connection.request('POST', wire.path('echo_body'), body=b'next').body == b'next'
    must_be_free(wire)


@pytest.mark.parametrize('head, body', [
    (['Content-Length: 5', 'Transfer-Encoding: chunked'], b'5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding: chunked', 'Content-Length: 20'], b'5\r\nabcde\r\n0\r\n\r\n'),
    (['Content-Length: 5', 'Content-Length: 5'], b'abcde'),
    (['Content-Length: 5', 'Content-Length: 6'], b'abcde'),
    (['Content-Length: 5, 5'], b'abcde'), (['Content-Length: +5'], b'abcde'), (['Content-Length: 0x5'], b'abcde'),
    (['Content-Length: -5'], b'abcde'), (['Content-Length: 5 5'], b'abcde'), (['Content-Length: 99999999999999999999'], b'abcde'),
    (['Content-Length : 5'], b'abcde'), (['Content_Length: 5', 'Content-Length: 3'], b'abcde'),
    (['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], b'5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding: chunked, chunked'], b'5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding: identity'], b'abcde'), (['Transfer-Encoding: gzip, chunked'], b'5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding: xchunked'], b'5\r\nabcde\r\n0\r\n\r\n'), (['Transfer-Encoding : chunked'], b'5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding:\x0bchunked'], b'5\r\nabcde\r\n0\r\n\r\n'), (['Transfer_Encoding: chunked'], b'5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding: chunked'], b'5;ext=1;"q"\r\nabcde\r\n0;last\r\n\r\n'),
    (['Transfer-Encoding: chunked'], b'5\r\nabcde\r\n0\r\nTrailer: x\r\nContent-Length: 9\r\n\r\n'),
    (['Transfer-Encoding: chunked'], b'5\nabcde\n0\n\n'), (['Transfer-Encoding: chunked'], b'0x5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding: chunked'], b'+5\r\nabcde\r\n0\r\n\r\n'), (['Transfer-Encoding: chunked'], b' 5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding: chunked'], b'5\r\nabcdefg\r\n0\r\n\r\n'), (['Transfer-Encoding: chunked'], b'ffffffffffffffff5\r\nabcde\r\n0\r\n\r\n'),
    (['Transfer-Encoding: chunked'], b'-5\r\nabcde\r\n0\r\n\r\n'), (['Transfer-Encoding: chunked'], b'5\r\nabcde0\r\n\r\n'),
    (['Transfer-Encoding: chunked'], b'000000000000000005\r\nabcde\r\n0\r\n\r\n'),
])
@pytest.mark.parametrize('app', ['echo_body', 'hello'])
def test_framing_that_contradicts_itself_is_one_body_or_refused(http1, error_log, head, body, app):
    """Whatever httpd takes for the body, the application sees that; what follows on the connection is a request of its
    own or nothing."""
    error_log.allow(GONE)
    error_log.allow(r'\] (\w+Error: |Traceback|  +\S)|GH0[2367]\d\d: ')
    lines = ''.join(f'{line}\r\n' for line in head).encode('latin-1')
    hidden = b'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' % http1.path('environ_json?after').encode()
    data = http1.server.raw(b'POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n%s%s' % (http1.path(app).encode(), lines, body, hidden))
    stream = io.BufferedReader(io.BytesIO(data))
    response = read_response(stream)
    if response.status != 200:
        assert response.status in (400, 411, 413, 501) and stream.read() == b''
        return
    body = {'Content_Length: 5': b'abc', 'Transfer_Encoding: chunked': b''}.get(head[0], b'abcde')
    assert response.body == (body if app == 'echo_body' else b'Hello, world!\n') and response.complete
    if not response.closes and app == 'echo_body' or stream.peek(1):  # a body that is not read may turn out bad too late
        after = read_response(stream)
        assert after.status == 400 or after.json()['QUERY_STRING'] == 'after'
    assert stream.read() == b''


@pytest.mark.parametrize('over', [0, 1, 500_000])
@pytest.mark.parametrize('app', ['echo_body', 'input_ignored?10', 'input_counted'])
@pytest.mark.parametrize('framing', ['length', 'chunked'])
def test_a_body_over_the_limit_is_413_and_the_process_lives(wire, error_log, framing, app, over):
    error_log.allow(r'AH\d{5}|GH02\d\d: |GH0617: |GH03\d\d: |GH06\d\d: ')
    error_log.allow(r'\] (\w+Error: |Traceback|  +\S)')
    pids = {process.pid for process in wire.server.daemons()}
    size = LIMIT + over
    with wire.connect() as connection:
        if framing == 'length':
            response = connection.request('POST', wire.path(f'limited/{app}'), body=b'x' * size)
        elif wire.is_http2:
            stream = connection.start('POST', wire.path(f'limited/{app}'), end=False)
            connection.send(stream, b'x' * size, end=True)
            response = connection.response(stream)
        else:
            response = connection.request('POST', wire.path(f'limited/{app}'), {'Transfer-Encoding': 'chunked'},
                                          chunked(b'x' * 60_000, b'x' * (size - 60_000)))
    if over == 0:
        assert response.status == 200 and response.complete
    elif framing == 'length' or app != 'input_ignored?10':
        assert response.status == 413
    else:
        assert response.status in (200, 413)  # it may have answered before the limit was reached
    must_be_free(wire)
    assert {process.pid for process in wire.server.daemons()} == pids


def test_a_limit_over_a_gibibyte_holds(http1, error_log):
    error_log.allow(r'GH02\d\d: ')
    with http1.connect() as connection:
        connection.send(format_request('POST', http1.path('huge/echo_body'), {'Content-Length': '2147483649'}))
        assert connection.response().status == 413
    assert http1.server.post(http1.path('huge/echo_body'), b'small').body == b'small'


def memory(server):
    """The memory of all processes, in kB."""
    sizes = []
    for process in server.processes():
        try:
            sizes.append(int(process.status('VmHWM')[0]))
        except (OSError, KeyError):
            continue
    return sum(sizes)


@pytest.mark.parametrize('framing', ['length', 'chunked'])
def test_a_large_body_takes_no_memory(http1, framing):
    """It is passed on as it comes."""
    size = 48 << 20
    piece = b'x' * (1 << 20)
    http1.post('input_counted', b'x' * 100_000)
    before = memory(http1.server)
    headers = {'Content-Length': str(size)} if framing == 'length' else {'Transfer-Encoding': 'chunked'}
    with http1.connect() as connection:
        connection.send(format_request('POST', http1.path('input_counted'), headers))
        for _ in range(48):
            connection.send(piece if framing == 'length' else b'100000\r\n' + piece + b'\r\n')
        if framing == 'chunked':
            connection.send(b'0\r\n\r\n')
        assert connection.response().json() == size
    assert memory(http1.server) - before < 12 << 10


def test_an_application_that_reads_gets_100_continue(wire):
    if wire.is_http2:
        pytest.skip('httpd answers it for HTTP/2')
    with wire.connect() as connection:
        connection.send(format_request('POST', wire.path('echo_body'), {'Expect': '100-continue', 'Content-Length': '3'}))
        assert connection.stream.readline() == b'HTTP/1.1 100 Continue\r\n'
        assert connection.stream.readline() == b'\r\n'
        connection.send(b'abc')
        response = connection.response()
    assert (response.body, response.interim) == (b'abc', [])


def test_an_application_that_does_not_read_sends_no_100_continue(http1):
    with http1.connect() as connection:
        connection.send(format_request('POST', http1.path('hello'), {'Expect': '100-continue', 'Content-Length': '3'}))
        response = connection.response()
        assert (response.status, response.interim, response.text) == (200, [], 'Hello, world!\n')
        assert connection.is_closed()  # the client may or may not send its body now: nothing tells them apart


def test_a_refusal_comes_instead_of_100_continue(http1, error_log):
    error_log.allow(r'GH02\d\d: ')
    with http1.connect() as connection:
        connection.send(format_request('POST', http1.path('limited/echo_body'), {'Expect': '100-continue',
                                                                                 'Content-Length': str(LIMIT + 1)}))
        response = connection.response()
        assert (response.status, response.interim) == (413, [])


def test_another_expectation_is_417(http1, error_log):
    error_log.allow(r'AH\d{5}')
    assert http1.server.post(http1.path('hello'), b'abc', {'Expect': 'miracles'}).status == 417
