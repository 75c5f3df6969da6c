# SPDX-License-Identifier: Apache-2.0
"""All 256 bytes in all places of a response's head: the client gets exactly what the application said, or a 500, and in
neither case one header more than that."""
import os

import pytest

TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")  # RFC 9110, 5.6.2
TEXT = frozenset(chr(byte) for byte in range(256) if byte >= 0x20 and byte != 0x7f)  # RFC 9110, 5.5, without the tab
BYTES = [chr(byte) for byte in range(256)]
# Where a byte may stand in a text of more than one.
PLACES = {'first': '{}bc', 'middle': 'a{}c', 'last': 'ab{}', 'alone': '{}'}
SETTERS = ['X-Plain', 'Content-Type', 'Set-Cookie', 'Location', 'WWW-Authenticate', 'Content-Language', 'ETag',
           'Last-Modified', 'Cache-Control', 'Server', 'Date']
# What httpd itself adds, and may give another value than the application did.
HTTPDS = ('server', 'date')
# All bytes are tried everywhere only by hand: GATEHOUSE_EVERY_BYTE=1 takes some minutes. Else all are in the middle of a
# name, a reason and one value, and these in every other place, too.
CRITICAL = BYTES if os.environ.get('GATEHOUSE_EVERY_BYTE') else [byte for byte in BYTES if byte not in TEXT or byte in ' !":;,%\\~\x80\x85\xa0\xff']


@pytest.fixture
def many_refusals(error_log):
    error_log.expect(r'GH0[67]\d\d: .*Error: ')
    error_log.allow(r'\] (\w+Error: |Traceback|  +\S)')


@pytest.fixture
def plain(wire):
    """The names of the headers of a response that has none of its own."""
    return names_of(wire.respond('201 Made', blocks=['body']))


def names_of(response):
    """The names in order, but for two that are the connection's and that no application can send."""
    return sorted({name.lower(): None for name, _ in response.headers}.keys() - {'connection', 'upgrade'})


def check_refused(response):
    assert response.status == 500 and response.complete and b'Internal Server Error' in response.body
    assert not [name for name, _ in response.headers if name.lower().startswith('x-')]


def cases():
    return [(byte, text.format(byte)) for place, text in PLACES.items() for byte in (BYTES if place == 'middle' else CRITICAL)]


@pytest.mark.parametrize('name', SETTERS)
def test_each_byte_of_a_value(wire, plain, many_refusals, name):
    for byte, value in cases():
        if name != 'X-Plain' and byte not in CRITICAL:
            continue
        response = wire.respond('201 Made', [('X-Before', '1'), (name, value), ('X-After', '2')], ['body'])
        if byte not in TEXT and byte != '\t':
            check_refused(response)
            continue
        assert (response.status, response.text) == (201, 'body'), value
        assert len(response.all(name)) == 1, value
        assert response.all(name) == [value.strip(' \t')] or name.lower() in HTTPDS, value
        assert names_of(response) == sorted({*plain, 'x-before', name.lower(), 'x-after'}), value


def test_each_byte_of_a_name(wire, plain, many_refusals):
    for byte, text in cases():
        name = text if text == byte else f'X-{text}'
        response = wire.respond('201 Made', [('X-Before', '1'), (name, 'value'), ('X-After', '2')], ['body'])
        if byte not in TOKEN:
            check_refused(response)
            continue
        assert response.all(name) == ['value'] and response.text == 'body', name
        assert names_of(response) == sorted({*plain, 'x-before', name.lower(), 'x-after'}), name


def test_each_byte_of_a_reason(wire, plain, many_refusals):
    for byte, reason in cases():
        response = wire.respond(f'201 {reason}', [], ['body'])
        if byte not in TEXT:
            check_refused(response)
            continue
        assert (response.status, response.text) == (201, 'body'), reason
        assert wire.is_http2 or response.reason == reason, reason
        assert names_of(response) == plain, reason


@pytest.mark.parametrize('value', ['a\r\nX-Forged: yes', 'a\nX-Forged: yes', 'a\rX-Forged: yes', 'a\r\n\r\nforged', '\r\n\r\nforged',
                                   'a\0\r\nX-Forged: yes', 'a\r\n X-Forged: yes', 'a\x85X-Forged: yes', 'a\u010aX-Forged: yes'])
@pytest.mark.parametrize('name', SETTERS)
def test_no_value_becomes_another_header(wire, error_log, name, value):
    error_log.allow('.')
    response = wire.respond(headers=[(name, value)], blocks=['body'])
    assert response.header('X-Forged') is None and response.text.count('forged') == 0
    assert response.status in (200, 500)


def test_a_name_that_is_given_many_times_stays_apart_and_in_order(wire):
    names = ('Set-Cookie', 'X-Many', 'Link', 'Via', 'WWW-Authenticate', 'Cache-Control')
    headers = [(name, f'{name}-{number}') for number in range(12) for name in names]
    response = wire.respond('401 No', headers, ['body'])
    for name in names:
        assert response.all(name) == [f'{name}-{number}' for number in range(12)]
