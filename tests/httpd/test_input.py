# SPDX-License-Identifier: Apache-2.0
import json
import urllib.parse

import pytest

from raw_http import chunked, format_request


def call(mount, body, *calls):
    """The results of methods of wsgi.input, called one after the other on a body."""
    query = urllib.parse.quote(json.dumps(calls))
    return mount.post(f'input?{query}', body).json()


@pytest.mark.parametrize('calls, results', [
    ([['read', []]], ['one\ntwo\nthree']),
    ([['read', [-1]]], ['one\ntwo\nthree']),
    ([['read', [5]], ['read', [5]], ['read', [5]]], ['one\nt', 'wo\nth', 'ree']),
    ([['read', [0]], ['read', [3]]], ['', 'one']),
    ([['read', []], ['read', []], ['read', [4]]], ['one\ntwo\nthree', '', '']),
    ([['read', [10 ** 9]]], ['one\ntwo\nthree']),
], ids=lambda value: json.dumps(value)[:40])
def test_read_returns_what_was_asked_for(mount, calls, results):
    assert call(mount, b'one\ntwo\nthree', *calls) == results


@pytest.mark.parametrize('calls, results', [
    ([['readline', []]] * 4, ['one\n', 'two\n', 'three', '']),
    ([['readline', [2]]] * 3, ['on', 'e\n', 'tw']),
    ([['readline', [0]], ['readline', []]], ['', 'one\n']),
    ([['readline', [100]]], ['one\n']),
    ([['readline', [-1]]], ['one\n']),
], ids=lambda value: json.dumps(value)[:40])
def test_readline_stops_at_the_newline_or_the_size(mount, calls, results):
    assert call(mount, b'one\ntwo\nthree', *calls) == results


@pytest.mark.parametrize('arguments, result', [
    ([], ['one\n', 'two\n', 'three']), ([1], ['one\n']), ([4], ['one\n']), ([5], ['one\n', 'two\n']),
    ([0], ['one\n', 'two\n', 'three']), ([100], ['one\n', 'two\n', 'three']),
])
def test_readlines_stops_at_the_hint(mount, arguments, result):
    assert call(mount, b'one\ntwo\nthree', ['readlines', arguments]) == [result]


def test_iteration_yields_lines(mount):
    assert call(mount, b'one\n\ntwo', ['iterate', []]) == [['one\n', '\n', 'two']]


def test_methods_can_be_mixed(mount):
    calls = ['readline', []], ['read', [2]], ['readline', []], ['read', []]
    assert call(mount, b'one\ntwo\nthree', *calls) == ['one\n', 'tw', 'o\n', 'three']


def test_an_argument_of_a_wrong_type_is_a_type_error(mount):
    assert call(mount, b'abc', ['read', ['many']], ['read', []]) == ['TypeError', 'abc']


def test_a_request_without_a_body_reads_as_empty(mount):
    assert mount.get('echo_body').body == b''


def test_every_byte_of_a_body_arrives(mount):
    body = bytes(range(256)) * 1024
    assert mount.post('echo_body', body).body == body


@pytest.mark.parametrize('size', [2 ** k + d for k in (13, 16, 20) for d in (-1, 0, 1)])
def test_bodies_around_buffer_sizes_arrive_whole(lasting, size):
    body = bytes(i % 251 for i in range(size))
    assert lasting.post('echo_body', body).body == body


def test_a_large_read_of_a_small_body_takes_little_memory(mount):
    read, grown_kb = mount.post('input_memory', b'x' * 1000).text.split()
    assert read == '1000' and int(grown_kb) < 50_000


def test_an_unread_body_does_not_disturb_the_next_request(lasting):
    with lasting.server.connect() as connection:
        first = connection.request('POST', lasting.path('input_ignored'), body=b'x' * 100_000)
        assert (first.status, first.body) == (200, b'x' * 6)
        assert connection.request('GET', lasting.path('hello')).body == b'Hello, world!\n'


@pytest.mark.parametrize('size', [10, 100_000, 2_000_000])
def test_an_unread_body_does_not_disturb_the_answer(mount, size):
    responses = [mount.post('input_ignored', b'x' * size) for _ in range(5)]
    assert [(response.status, response.body) for response in responses] == [(200, b'x' * 6)] * 5


def test_a_large_answer_to_a_large_unread_body_does_not_deadlock(lasting):
    size = 8_000_000
    response = lasting.post(f'input_ignored?{size}', b'x' * size)
    assert response.complete and len(response.body) == size


@pytest.fixture(scope='module')
def one_thread(module_server):
    """Daemon mode with one thread; chunked bodies allowed in it and in embedded mode."""
    return module_server('WSGIChunkedRequest On\nWSGIDaemonProcess one threads=1\n'
                         'WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi\n'
                         'WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one\n')


def test_a_stream_kept_beyond_its_request_is_refused(one_thread):
    assert one_thread.get('/daemon/input_late').text == 'kept'
    assert one_thread.get('/daemon/input_late').text == 'RuntimeError RuntimeError'


def test_a_chunked_body_is_refused_with_411_by_default(lasting, error_log):
    error_log.allow(r'AH\d+|GH\d{4}')
    request = format_request('POST', lasting.path('echo_body'), {'Transfer-Encoding': 'chunked', 'Connection': 'close'})
    assert b' 411 ' in lasting.server.raw(request + chunked(b'abc')).split(b'\r\n')[0]


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_a_chunked_body_is_read_to_its_end_where_allowed(one_thread, mode):
    body = chunked(b'abc', b'd' * 10000)
    assert one_thread.post(f'/{mode}/echo_body', body, {'Transfer-Encoding': 'chunked'}).body == b'abc' + b'd' * 10000


def test_a_body_waits_for_100_continue_when_the_client_asks(lasting):
    headers = {'Expect': '100-continue', 'Content-Length': '3'}
    with lasting.server.connect() as connection:
        connection.send(format_request('POST', lasting.path('echo_body'), headers))
        connection.send(b'abc')
        response = connection.response()
    assert (response.interim, response.body) == ([100], b'abc')


def test_a_body_over_limitrequestbody_is_413(server, error_log):
    httpd = server('LimitRequestBody 1000\nWSGIScriptAlias / ${APPS}/echo_body.wsgi\n')
    error_log.expect(r'AH\d+|GH\d{4}')
    assert httpd.post('/', b'x' * 1001).status == 413
    assert httpd.post('/', b'x' * 1000).body == b'x' * 1000
