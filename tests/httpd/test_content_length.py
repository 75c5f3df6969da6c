# SPDX-License-Identifier: Apache-2.0
import pytest

from raw_http import format_request

SHORTFALL = 'GH0613: .*promised'
EXCESS = 'GH0614: .*promised'


def test_a_single_block_gets_a_content_length(lasting):
    response = lasting.respond(blocks=['12345'])
    assert (response.header('Content-Length'), response.body) == ('5', b'12345')


def test_an_empty_result_gets_a_content_length_of_zero(lasting):
    response = lasting.respond(blocks=[])
    assert (response.header('Content-Length'), response.body) == ('0', b'')


@pytest.mark.parametrize('app', ['generator', 'respond?%7B%22status%22%3A%22200%20OK%22%2C%22headers%22%3A%5B%5D%2C'
                                 '%22blocks%22%3A%5B%22one%20%22%2C%22two%22%5D%7D'], ids=['generator', 'list'])
def test_several_blocks_are_framed_so_that_the_connection_serves_on(mount, app):
    with mount.server.connect() as connection:
        response = connection.request('GET', mount.path(app))
        assert response.body == b'one two'
        assert response.header('Transfer-Encoding') == 'chunked' or response.header('Content-Length') == '7'
        assert connection.request('GET', mount.path('hello')).body == b'Hello, world!\n'


def test_http_1_0_gets_the_body_and_a_close(lasting):
    data = lasting.server.raw(f'GET {lasting.path("generator")} HTTP/1.0\r\n\r\n'.encode())
    assert data.endswith(b'\r\n\r\none two')


@pytest.mark.parametrize('blocks', [['1234567890'], ['123', '4567890'], ['12345', '67890'], ['12345', '', '6']])
def test_bytes_beyond_content_length_are_cut(mount, error_log, blocks):
    assert mount.respond(headers=[('Content-Length', '5')], blocks=blocks).body == b'12345'
    error_log.expect(EXCESS, times=1)


def test_the_applications_content_length_is_sent(lasting):
    response = lasting.respond(headers=[('Content-Length', '05')], blocks=['12', '345'])
    assert int(response.header('Content-Length')) == 5 and response.body == b'12345'


def test_after_a_cut_the_connection_serves_the_next_request(lasting, error_log):
    with lasting.server.connect() as connection:
        long = lasting.respond(headers=[('Content-Length', '5')], blocks=['1234567890'], connection=connection)
        assert long.body == b'12345'
        assert connection.request('GET', lasting.path('hello')).body == b'Hello, world!\n'
    error_log.expect(EXCESS, times=1)


@pytest.mark.parametrize('blocks', [['123'], ['1', '2'], []], ids=['one block', 'two blocks', 'no block'])
def test_fewer_bytes_than_content_length_abort_the_connection(lasting, error_log, blocks):
    with lasting.server.connect() as connection:
        response = lasting.respond(headers=[('Content-Length', '5')], blocks=blocks, connection=connection)
        assert response.body == ''.join(blocks).encode() and not response.complete
        assert connection.is_closed()
    error_log.expect(SHORTFALL, times=1)


def test_a_pipelined_request_after_a_short_body_gets_no_answer(lasting, error_log):
    short = lasting.path('respond?%7B%22status%22%3A%22200%20OK%22%2C%22headers%22%3A%5B%5B%22Content-Length%22%2C'
                         '%2250%22%5D%5D%2C%22blocks%22%3A%5B%22short%22%5D%7D')
    data = lasting.server.raw(format_request('GET', short) + format_request('GET', lasting.path('hello')))
    assert data.endswith(b'\r\n\r\nshort') and b'Hello' not in data
    error_log.expect(SHORTFALL, times=1)


def test_content_length_zero_with_a_body_sends_nothing_of_it(mount, error_log):
    assert mount.respond(headers=[('Content-Length', '0')], blocks=['excess']).body == b''
    error_log.expect(EXCESS, times=1)


def body_bytes(mount, method, status, blocks, headers=()):
    """The bytes after the head, with no framing believed."""
    with mount.server.connect() as connection:
        mount.respond(status, [*headers], blocks, method, connection=Closing(connection))
        return connection.rest()


class Closing:
    """A connection that reads the head only and asks the server to close."""

    def __init__(self, connection):
        self.connection = connection

    def request(self, method, path):
        self.connection.send(format_request(method, path, {'Connection': 'close'}))
        return self.connection.response('HEAD')


@pytest.mark.parametrize('method, status', [('HEAD', '200 OK'), ('GET', '204 No Content'), ('GET', '304 Not Modified'),
                                            ('HEAD', '404 Not Found')])
@pytest.mark.parametrize('blocks', [[], ['body'], ['bo', 'dy']], ids=['none', 'one', 'two'])
def test_a_response_that_has_no_body_sends_no_byte_of_one(mount, method, status, blocks):
    assert body_bytes(mount, method, status, blocks) == b''


def test_head_keeps_the_applications_content_length(lasting):
    response = lasting.respond(headers=[('Content-Length', '1234')], method='HEAD')
    assert response.header('Content-Length') == '1234'


def test_head_without_a_body_and_with_a_content_length_is_not_short(lasting):
    with lasting.server.connect() as connection:
        lasting.respond(headers=[('Content-Length', '1234')], method='HEAD', connection=connection)
        assert connection.request('GET', lasting.path('hello')).body == b'Hello, world!\n'


def test_a_304_with_the_content_length_of_the_full_answer_is_not_short(lasting):
    with lasting.server.connect() as connection:
        lasting.respond('304 Not Modified', [('Content-Length', '9')], connection=connection)
        assert connection.request('GET', lasting.path('hello')).body == b'Hello, world!\n'


@pytest.mark.parametrize('size', [0, 1, 8191, 8192, 65537, 3_000_000])
def test_a_body_of_any_size_arrives_whole(everywhere, size):
    response = everywhere.get(f'input_ignored?{size}') if size else everywhere.respond()
    assert response.complete and len(response.body) == size
