# SPDX-License-Identifier: Apache-2.0
"""close() of what the application returned is called exactly once, whatever happens."""
import os
import socket
import struct

import pytest

from processes import wait_until
from raw_http import format_request


@pytest.fixture
def record(tmp_directory):
    """A file that every user may append to."""
    file = tmp_directory / 'closed'
    file.touch()
    file.chmod(0o666)
    return file


def closed_once(record):
    wait_until(lambda: record.read_text(), what='close() called')
    return record.read_text() == 'closed\n'


@pytest.mark.parametrize('kind', ['normal', 'no_content', 'large', 'too_long'])
def test_close_is_called_once_after_a_response(everywhere, record, error_log, kind):
    error_log.allow('GH0614: ')
    assert everywhere.get(f'close_count?file={record}&kind={kind}').complete
    assert closed_once(record)


def test_close_is_called_once_after_head(mount, record):
    mount.head(f'close_count?file={record}&kind=normal')
    assert closed_once(record)


def test_close_is_called_once_after_an_exception_while_iterating(mount, record, error_log):
    mount.get(f'close_count?file={record}&kind=raises')
    assert closed_once(record)
    error_log.expect_traceback('RuntimeError: raised while iterating')
    error_log.allow('GH0702: ')


def test_close_is_called_once_after_a_refused_header(mount, record, error_log):
    assert mount.get(f'close_count?file={record}&kind=bad_header').status == 200
    error_log.allow('GH06')
    assert closed_once(record)


def test_close_is_called_once_when_start_response_never_was(mount, record, error_log):
    assert mount.get(f'close_count?file={record}&kind=slow_start').status == 500
    error_log.expect_traceback('RuntimeError: start_response')
    assert closed_once(record)


def test_an_exception_in_close_is_logged_and_changes_nothing_else(mount, record, error_log):
    response = mount.get(f'close_count?file={record}&kind=close_raises')
    assert (response.status, response.body, response.complete) == (200, b'x' * 30, True)
    error_log.expect_traceback('RuntimeError: raised in close')
    assert closed_once(record)


@pytest.mark.parametrize('linger', [True, False], ids=['client closes', 'client resets'])
def test_close_is_called_once_when_the_client_goes_away(lasting, record, error_log, linger):
    error_log.allow(r'AH\d{5}')
    with lasting.server.connect() as connection:
        connection.send(format_request('GET', lasting.path(f'close_count?file={record}&kind=large')))
        connection.socket.recv(100)
        if not linger:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    assert closed_once(record)


@pytest.fixture
def sample(record):
    """A file of 3000 bytes beside the record."""
    file = record.parent / 'sample'
    file.write_bytes(os.urandom(3000))
    return file


def test_file_wrapper_closes_its_file_once(mount, record, sample):
    assert mount.get(f'file_wrapper_closes?file={sample}&record={record}').body == sample.read_bytes()
    assert closed_once(record)
