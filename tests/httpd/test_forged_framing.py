# SPDX-License-Identifier: Apache-2.0
"""What an application says never decides where its response ends: after each case the connection serves the next
request with that request's own answer, or it is closed and the client can tell that something is missing."""
import pytest

from raw_http import BODILESS, Closed

TRANSFER_ENCODINGS = ['Transfer-Encoding', 'transfer-encoding', 'TRANSFER-ENCODING', 'Transfer-encoding']
CODINGS = ['chunked', 'identity', 'gzip, chunked', '']
ALMOST = ['Transfer_Encoding', 'Transfer-Encodin', 'X-Transfer-Encoding', 'Content_Length']
LENGTHS = ['+5', '-5', '5,5', '5, 5', '0x5', '5 5', '5.0', ' ', 'five', '5;', '\t', '５'.encode().decode('latin-1'),
           str(2 ** 63), str(2 ** 64 + 5), '9' * 30]
LONE_LENGTHS = ['5', '05', '00000000000000000005']
STATUSES = [*range(0, 200, 7), 100, 101, 102, 103, 199, *range(600, 1000, 37), 600, 999]
GOOD_STATUSES = [200, 201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 304, 305, 306, 399, 400, 402, 404, 417, 418, 421,
                 426, 431, 451, 499, 500, 501, 505, 511, 599]
FORGED_BODY = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged'
WORDS = ['200 Error', '200 Continue', '200 Timeout', '200 Rejected', '200 END', '503 DECLINED', '200 STARTED']


@pytest.fixture
def refused(error_log):
    """Asserts that a response is httpd's own whole 500; the log says why."""
    def check(response):
        assert response.status == 500 and response.complete and b'Internal Server Error' in response.body
        assert response.header('Transfer-Encoding') in (None, 'chunked')
    error_log.expect(r'GH0[67]\d\d: .*Error: ')
    error_log.allow(r'\] (\w+Error: |Traceback|  +\S)')
    return check


def is_cut(response):
    return response is None or not response.complete


@pytest.mark.parametrize('coding', CODINGS)
def test_transfer_encoding_is_refused_in_every_spelling(wire, refused, coding):
    for name in TRANSFER_ENCODINGS:
        refused(wire.respond(headers=[(name, coding)], blocks=['0\r\n\r\n', FORGED_BODY]))


@pytest.mark.parametrize('name', ALMOST)
def test_what_only_looks_like_framing_is_a_header_like_others(wire, name):
    response = wire.respond(headers=[(name, 'chunked')], blocks=['0\r\n\r\n'])
    assert (response.header(name), response.body) == ('chunked', b'0\r\n\r\n')


@pytest.mark.parametrize('name', ['Connection', 'Keep-Alive', 'Upgrade', 'Trailer', 'TE', 'Proxy-Authenticate'])
def test_hop_by_hop_headers_are_refused(wire, refused, name):
    refused(wire.respond(headers=[(name, 'close')], blocks=['body']))


def test_content_length_must_be_a_number(wire, refused):
    for value in LENGTHS:
        refused(wire.respond(headers=[('Content-Length', value)], blocks=['12345']))


@pytest.mark.parametrize('second', ['5', '6', '0'])
def test_content_length_may_not_be_given_twice(wire, refused, second):
    headers = [('Content-Length', '5'), ('content-length', second)]
    refused(wire.respond(headers=headers, blocks=['12345']))


@pytest.mark.parametrize('value', LONE_LENGTHS)
def test_a_good_content_length_is_sent_once(wire, value):
    response = wire.respond(headers=[('Content-Length', value)], blocks=['12345'])
    assert [int(length) for length in response.all('Content-Length')] == [5] and response.body == b'12345'


@pytest.mark.parametrize('blocks', [['123456'], ['12', '3456'], ['12345', FORGED_BODY], ['12345', '', FORGED_BODY]])
def test_what_is_too_long_is_cut(wire, error_log, blocks):
    error_log.expect('GH0614: ', times=1)
    response = wire.respond(headers=[('Content-Length', '5')], blocks=blocks)
    assert (response.body, response.complete) == (b'12345', True)


@pytest.mark.parametrize('blocks', [[], ['1234'], ['12', '34'], ['1', '', '2']])
def test_what_is_too_short_is_seen_to_be(wire, error_log, blocks):
    error_log.expect('GH0613: ', times=1)
    assert is_cut(wire.respond(headers=[('Content-Length', '5')], blocks=blocks))


def test_an_exception_in_the_middle_is_seen(wire, error_log):
    error_log.expect_traceback('RuntimeError: failed midway')
    assert is_cut(wire.ask('GET', 'generator_fails_midway'))


def test_the_death_of_a_worker_in_the_middle_is_seen(wire, error_log):
    if wire.mode != 'daemon':
        pytest.skip('an httpd child dies with its connections')
    error_log.expect('GH0304: .*cut off', times=2)
    error_log.expect('GH0406: .*SIGKILL', times=2)
    for query in ('', 'length'):
        with wire.connect() as connection:
            try:
                assert not connection.request('GET', wire.path(f'crash_midway?{query}')).complete
            except Closed:
                assert wire.is_http2  # the stream was reset before its head was sent
            if wire.is_http2:
                assert connection.request('GET', wire.path('hello')).text == 'Hello, world!\n'
            else:
                assert connection.is_closed()


def test_a_status_of_no_response_is_refused(wire, refused):
    for code in STATUSES:
        refused(wire.respond(f'{code:03} Odd', blocks=['body']))


@pytest.mark.parametrize('status', ['', '2', '20', '2000', '0200', '200OK', '2O0', '-200', '+200', '200\tOK', '99999', '1e2 x',
                                    ' 200', '²00', '200 \x7fx'])
def test_an_ill_formed_status_is_refused(wire, refused, status):
    refused(wire.respond(status, blocks=['body']))


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST', 'OPTIONS'])
def test_every_status_has_the_body_that_its_rules_allow(wire, method):
    for code in GOOD_STATUSES:
        for blocks in ([], ['body'], ['bo', 'dy']):
            response = wire.respond(f'{code} Odd', [], blocks, method)
            bodiless = method == 'HEAD' or code in BODILESS
            assert response.body == (b'' if bodiless else ''.join(blocks).encode()), (code, blocks)
            assert response.status == code and response.complete


@pytest.mark.parametrize('length', [None, '4', '400'])
@pytest.mark.parametrize('status', ['204 No Content', '304 Not Modified'])
def test_a_body_that_may_not_be_is_no_response_of_its_own(wire, status, length):
    headers = [] if length is None else [('Content-Length', length)]
    for method in ('GET', 'HEAD'):
        response = wire.respond(status, headers, [FORGED_BODY], method)
        assert (response.status, response.body) == (int(status[:3]), b'')


@pytest.mark.parametrize('word', WORDS)
def test_a_word_that_means_something_inside_means_nothing_from_an_application(wire, word):
    headers = [('X-Word', word), ('Mod-Wsgi', word), ('GH-END', 'yes')]
    response = wire.respond(word, headers, [word])
    assert (response.status, response.body, response.complete) == (int(word[:3]), word.encode(), True)
    assert wire.is_http2 or response.reason == word[4:]
    assert [value for name, value in response.headers if name.lower() in ('x-word', 'mod-wsgi')] == [word] * 2


@pytest.mark.parametrize('body', ['0\r\n\r\n', '5\r\nabcde\r\n0\r\n\r\n', '\r\n\r\n', FORGED_BODY, '\0' * 64, '\x00\x00\x00\x00\x01\x00\x00\x00\x01'])
def test_a_body_that_looks_like_framing_is_a_body(wire, body):
    for blocks in ([body], [body, body], list(body)):
        response = wire.respond(blocks=blocks)
        assert response.body == ''.join(blocks).encode('latin-1') and response.complete
