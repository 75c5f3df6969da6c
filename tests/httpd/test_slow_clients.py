# SPDX-License-Identifier: Apache-2.0
"""Clients that read or send slowly hold no thread of the application."""
import hashlib
import os
import socket
import subprocess
import time

import pytest

from clients import at_once
from http2 import Http2Connection
from processes import wait_until
from raw_http import Connection, chunked, format_request, read_head

CONFIG = '''
MaxKeepAliveRequests 0
WSGIChunkedRequest On
WSGIDaemonProcess one {}
WSGIScriptAliasMatch ^/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}
'''
MIB = 1 << 20
as_root = pytest.mark.skipif(os.geteuid() != 0, reason='only root can mount a file system and look into every process')


@pytest.fixture
def start(server):
    def start(options, more=''):
        return server(CONFIG.format(options) + more)
    return start


def expected(size):
    return b''.join(b'%08d' % index * (MIB // 8) for index in range(-(-size // MIB)))[:size]


def slow_reader(httpd, path):
    """A client that asks and reads nothing yet; what the kernel holds for it is small."""
    connection = Connection(httpd.port, receive_buffer=8192)
    connection.send(format_request('GET', path))
    return connection


def has_produced(note, size):
    return lambda: note.exists() and note.read_text() == str(size)


def test_readers_who_read_nothing_hold_no_thread(start, tmp_directory):
    """40 of them, 2 threads, 12 MiB each: more than sockets and memory hold."""
    httpd = start(f'threads=2 response-buffer-size=1048576 spool-directory={tmp_directory}')
    size = 12 * MIB
    readers = [slow_reader(httpd, f'/produce?size={size}&note={tmp_directory}/{n}') for n in range(40)]
    for number in range(40):
        wait_until(has_produced(tmp_directory / str(number), size), 20, 'the application has produced it all')
    assert httpd.get('/hello').status == 200
    responses = at_once(lambda reader: reader.response(), readers[:5])
    assert [(response.complete, response.body == expected(size)) for response in responses] == [(True, True)] * 5
    for reader in readers:
        reader.close()


@pytest.mark.parametrize('unknown', ['', '&unknown=1'], ids=['length', 'chunked'])
def test_what_a_slow_client_gets_is_whole(start, tmp_directory, unknown):
    """In memory, and the rest in a file that is used several times over while the client reads now and then."""
    httpd = start(f'threads=1 response-buffer-size=65536 response-spool-size=1000001 spool-directory={tmp_directory}')
    size = 20 * MIB + 77
    with slow_reader(httpd, f'/produce?size={size}{unknown}') as reader:
        wait_until(lambda: spool_files(httpd, tmp_directory), what='a temporary file')
        response = reader.response()
    assert response.complete and response.body == expected(size)


def spool_files(httpd, directory):
    """What httpd's children have open in the directory that has no name."""
    found = []
    for process in httpd.processes():
        try:
            names = [os.readlink(f'/proc/{process.pid}/fd/{fd}') for fd in os.listdir(f'/proc/{process.pid}/fd')]
        except OSError:
            continue
        found += [name for name in names if name.startswith(f'{directory}/') and name.endswith(' (deleted)')]
    return found


@as_root
def test_the_temporary_file_has_no_name_and_goes_with_the_response(start, tmp_directory):
    httpd = start(f'threads=1 response-buffer-size=65536 spool-directory={tmp_directory}')
    with slow_reader(httpd, f'/produce?size={10 * MIB}'):
        wait_until(lambda: spool_files(httpd, tmp_directory), what='a temporary file')
        assert list(tmp_directory.iterdir()) == []
    wait_until(lambda: not spool_files(httpd, tmp_directory), what='the file is closed')


def test_at_the_cap_the_application_waits(start, tmp_directory):
    httpd = start('threads=1 response-buffer-size=65536 response-spool-size=1048576 '
                  f'spool-directory={tmp_directory}')
    note = tmp_directory / 'note'
    with slow_reader(httpd, f'/produce?size={40 * MIB}&note={note}') as reader:
        wait_until(note.exists, what='the application has begun')
        waiting = []
        produced = lambda: (waiting.append(note.read_text()), len(waiting) > 20 and len(set(waiting[-20:])) == 1)[1]
        wait_until(produced, 20, 'the application stands still')
        assert int(waiting[-1] or 0) < 20 * MIB  # the cap, memory, and what sockets hold
        response = reader.response()
    assert response.complete and response.body == expected(40 * MIB)
    assert httpd.get('/hello').status == 200


def test_a_client_that_keeps_up_gets_each_piece_at_once_and_needs_no_file(start, tmp_directory):
    httpd = start(f'threads=1 spool-directory={tmp_directory}/none')
    with httpd.connect() as connection:
        connection.send(format_request('GET', f'/streaming?{tmp_directory}'))
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='the application has sent a piece')
        assert b'first' in read_some(connection)
        (tmp_directory / 'go').touch()
        assert b'second' in read_some(connection)
    # As much as the memory holds: how far the application gets ahead on a loopback is chance.
    response = httpd.get(f'/produce?size={3 * MIB}')
    assert response.complete and response.body == expected(3 * MIB)


def read_some(connection):
    data = b''
    while not (b'first' in data or b'second' in data):
        data += connection.socket.recv(4096)
    return data


def test_a_client_that_fell_behind_gets_later_pieces_at_once_again(start, tmp_directory):
    httpd = start('threads=1')
    with slow_reader(httpd, f'/pause?{tmp_directory}') as reader:
        wait_until((tmp_directory / 'paused').exists, what='the application goes on although nobody reads')
        head = read_head(reader.stream)
        assert reader.stream.read(6 * MIB) == b'x' * (6 * MIB)
        (tmp_directory / 'go').touch()
        assert reader.stream.read(int(head.header('Content-Length')) - 6 * MIB) == b'the end'


@pytest.mark.parametrize('directory', ['missing', 'closed'])
def test_a_directory_that_cannot_be_used_is_told_and_the_response_is_whole(start, error_log, tmp_directory, directory):
    if directory == 'closed':
        (tmp_directory / 'closed').mkdir(mode=0o500)
    httpd = start(f'threads=1 response-buffer-size=65536 spool-directory={tmp_directory}/{directory}')
    with slow_reader(httpd, f'/produce?size={20 * MIB}') as reader:
        error_log.wait_for(rf'GH0308: .*{tmp_directory}/{directory} cannot be made')
        response = reader.response()
    assert response.complete and response.body == expected(20 * MIB)
    error_log.expect('GH0308: ', times=1)


@as_root
def test_a_full_disk_makes_the_application_wait(start, error_log, tmp_directory):
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=1777', 'tmpfs', tmp_directory], check=True)
    try:
        httpd = start(f'threads=1 response-buffer-size=65536 spool-directory={tmp_directory}')
        with slow_reader(httpd, f'/produce?size={30 * MIB}') as reader:
            error_log.wait_for(r'GH0308: .*cannot be written.*No space left')
            response = reader.response()
        assert response.complete and response.body == expected(30 * MIB)
        assert httpd.get('/hello').status == 200
        error_log.expect('GH0308: ', times=1)
        httpd.stop()
    finally:
        subprocess.run(['umount', '-l', tmp_directory], check=True)


def test_a_slow_client_that_leaves_ends_its_request(start, tmp_directory):
    httpd = start('threads=1 response-buffer-size=65536 response-spool-size=65536')
    reader = slow_reader(httpd, '/endless')
    wait_until(lambda: spool_is_reached(reader), what='the response has begun')
    reader.close()
    assert httpd.get('/hello').status == 200


def spool_is_reached(reader):
    return reader.socket.recv(1, socket.MSG_PEEK)


# --- HTTP/2

@pytest.fixture
def start_http2(server):
    def start(options):
        return server('Protocols h2c http/1.1\n' + CONFIG.format(options), modules=('http2',))
    return start


def slow_stream(httpd, path):
    """A connection whose stream gets a window of 64 KiB and no more, until the response is asked for."""
    connection = Http2Connection(httpd.port)
    return connection, connection.start('GET', path)


def test_streams_that_nobody_reads_hold_no_thread(start_http2, tmp_directory):
    httpd = start_http2(f'threads=1 response-buffer-size=1048576 spool-directory={tmp_directory}')
    size = 5 * MIB
    streams = [slow_stream(httpd, f'/produce?size={size}&note={tmp_directory}/{n}') for n in range(5)]
    for number in range(5):
        wait_until(has_produced(tmp_directory / str(number), size), 20, 'the application has produced it all')
    assert httpd.get('/hello').status == 200
    connection, stream = streams[0]
    response = connection.response(stream)
    assert response.complete and response.body == expected(size)
    for connection, _ in streams:
        connection.close()


def test_a_stream_that_fell_behind_gets_later_pieces_at_once_again(start_http2, tmp_directory):
    httpd = start_http2('threads=1')
    connection, stream = slow_stream(httpd, f'/pause?{tmp_directory}')
    wait_until((tmp_directory / 'paused').exists, what='the application goes on although nobody reads')
    while connection.responses[stream] is None or len(connection.responses[stream].body) < 6 * MIB:
        connection.receive()
    (tmp_directory / 'go').touch()
    response = connection.response(stream)
    connection.close()
    assert response.complete and response.body.endswith(b'xthe end')


def test_at_the_cap_the_application_waits_for_a_stream(start_http2, tmp_directory):
    httpd = start_http2('threads=1 response-buffer-size=65536 response-spool-size=1048576')
    note = tmp_directory / 'note'
    connection, stream = slow_stream(httpd, f'/produce?size={8 * MIB}&note={note}')
    wait_until(lambda: note.exists() and int(note.read_text() or 0) >= MIB, what='the file is full')
    response = connection.response(stream)
    connection.close()
    assert response.complete and response.body == expected(8 * MIB)


def test_a_stream_that_takes_nothing_for_response_socket_timeout_is_given_up(start_http2, tmp_directory):
    httpd = start_http2('threads=1 response-socket-timeout=0.3 response-buffer-size=65536 response-spool-size=65536')
    connection, _ = slow_stream(httpd, '/endless')
    assert httpd.get('/hello').status == 200  # the only thread is free again
    connection.close()


# --- Uploads

def digest(body):
    return [len(body), hashlib.sha256(body).hexdigest()]


def entered(directory):
    return list(directory.glob('entered-*'))


@pytest.mark.parametrize('size', [70_000, 3_000_000])
def test_uploads_that_stop_hold_no_thread(start, tmp_directory, size):
    """40 clients stop within their bodies; the group has 2 threads."""
    httpd = start('threads=2')
    body = os.urandom(size)
    clients = [httpd.connect() for _ in range(40)]
    for client in clients:
        client.send(format_request('POST', f'/upload?note={tmp_directory}', {'Content-Length': str(size)}) + body[:-1])
    assert httpd.get('/hello').status == 200
    assert not entered(tmp_directory)
    answers = at_once(lambda client: (client.send(body[-1:]), client.response())[1].json(), clients)
    assert answers == [digest(body)] * 40
    for client in clients:
        client.close()


def test_an_upload_of_unknown_length_holds_no_thread_where_buffering_is_on(start, tmp_directory):
    httpd = start('threads=1', '<Location />\nWSGIRequestBuffering On\n</Location>\n')
    body = os.urandom(200_000)
    with httpd.connect() as client:
        client.send(format_request('POST', f'/upload?note={tmp_directory}', {'Transfer-Encoding': 'chunked'}))
        client.send(chunked(body)[:-5])
        assert httpd.get('/hello').status == 200
        assert not entered(tmp_directory)
        client.send(b'0\r\n\r\n')
        assert client.response().json() == digest(body)


def test_an_invited_upload_holds_no_thread_where_buffering_is_on(start, tmp_directory):
    httpd = start('threads=1', '<Location />\nWSGIRequestBuffering On\n</Location>\n')
    headers = {'Expect': '100-continue', 'Content-Length': '5'}
    with httpd.connect() as client:
        client.send(format_request('POST', f'/upload?note={tmp_directory}', headers))
        assert read_head(client.stream).status == 100
        assert not entered(tmp_directory)
        client.send(b'abcde')
        assert client.response().json() == digest(b'abcde')


def test_where_buffering_is_off_the_application_reads_as_the_client_sends(start, tmp_directory):
    httpd = start('threads=2', '<Location />\nWSGIRequestBuffering Off\n</Location>\n')
    body = b'x' * 999 + b'\n'
    with httpd.connect() as client:
        client.send(format_request('POST', '/converse', {'Content-Length': '2000'}))
        client.send(body)
        read_head(client.stream)
        assert client.stream.readline() == b'3ee\r\n'
        assert client.stream.readline() == b'heard ' + body and client.stream.readline() == b'\r\n'
        client.send(body)
        assert client.stream.readline() == b'3ee\r\n'


def test_beyond_request_buffer_size_the_body_is_sent_as_it_comes(start, tmp_directory):
    httpd = start('threads=1 request-buffer-size=100000')
    body = os.urandom(1_000_000)
    with httpd.connect() as client:
        client.send(format_request('POST', f'/upload?note={tmp_directory}', {'Content-Length': str(len(body))}))
        client.send(body[:99_999])
        with httpd.connect() as other:
            assert other.request('GET', '/hello').status == 200
        assert not entered(tmp_directory)
        client.send(body[99_999:-1])
        wait_until(lambda: entered(tmp_directory), what='the application reads')
        client.send(body[-1:])
        assert client.response().json() == digest(body)


@pytest.mark.parametrize('framing', ['length', 'chunked'])
@pytest.mark.parametrize('size', [65_535, 65_536, 65_537, 131_072, 5_000_000])
def test_a_buffered_body_is_whole(start_once, size, framing):
    body = os.urandom(size)
    for piece in (1000, 65_536, 10_000_000):
        if framing == 'length':
            response = start_once.post(f'/upload?piece={piece}', body)
        else:
            half = size // 2
            response = start_once.post(f'/upload?piece={piece}', chunked(body[:half], body[half:]), {'Transfer-Encoding': 'chunked'})
        assert response.json() == digest(body)


@pytest.fixture(scope='module')
def start_once(module_server):
    return module_server(CONFIG.format('threads=2 request-buffer-size=4000000')
                         + '<Location />\nWSGIRequestBuffering On\n</Location>\n')


def test_without_a_directory_for_it_the_body_is_sent_as_it_comes(start, error_log, tmp_directory):
    httpd = start(f'threads=1 spool-directory={tmp_directory}/missing')
    body = os.urandom(3_000_000)
    begun = time.monotonic()
    assert httpd.post('/upload', body).json() == digest(body)
    assert time.monotonic() - begun < 10  # at full speed: not a piece a second
    error_log.expect(rf'GH0308: .*{tmp_directory}/missing cannot be made', times=1)


def test_memory_that_is_used_again_never_shows_another_body(start):
    """Bodies of 64 KiB to 1 MiB behind the first part share memory, one after the other."""
    httpd = start('processes=2 threads=3')
    first = MIB // 16
    sizes = [first, first + 1, 100_000, 700_001, first + MIB - 1, first + MIB, first + MIB + 1]

    def client(number):
        with httpd.connect() as connection:
            for turn in range(6):
                body = os.urandom(sizes[(number + turn) % len(sizes)])
                if turn % 3 == 2:  # one that nobody reads
                    assert connection.request('POST', '/hello', body=body).status == 200
                else:
                    assert connection.request('POST', '/upload', body=body).json() == digest(body)

    at_once(client, range(14))


@as_root
def test_a_full_disk_does_not_fail_an_upload(start, error_log, tmp_directory):
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=1777', 'tmpfs', tmp_directory], check=True)
    try:
        httpd = start(f'threads=1 spool-directory={tmp_directory}')
        body = os.urandom(5_000_000)
        assert httpd.post('/upload', body).json() == digest(body)
        error_log.expect('GH0308: .*No space left', times=1)
        httpd.stop()
    finally:
        subprocess.run(['umount', '-l', tmp_directory], check=True)


def test_a_buffered_body_goes_with_a_request_that_is_sent_again(server, stage, tmp_directory):
    """The worker that gets it first has stale code, and gives it back."""
    script = tmp_directory / 'again.wsgi'
    code = f"exec(open({str(stage.apps / 'upload.wsgi')!r}).read())\n"
    script.write_text(code)
    httpd = server(f'WSGIDaemonProcess one\nWSGIScriptAlias / {script} process-group=one\n')
    body = os.urandom(300_000)
    for change in range(3):
        script.write_text(code + f'# {change}\n')
        os.utime(script, (change, change))
        assert httpd.post('/', body).json() == digest(body)
