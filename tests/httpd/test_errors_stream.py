# SPDX-License-Identifier: Apache-2.0
"""wsgi.errors, print() and stray writes: whole lines, in the right log, with nothing forged."""
import json
import re
import urllib.parse

import pytest

from clients import at_once


def write(mount, *writes):
    """Lets the application write texts to streams and returns its response."""
    response = mount.get('errors?' + urllib.parse.quote(json.dumps(writes)))
    assert response.body == b'written'
    return response


@pytest.mark.parametrize('stream', ['errors', 'stdout', 'stderr'])
def test_a_line_reaches_the_log_once(mount, error_log, stream):
    error_log.expect(f'a line for {stream}$', times=1)
    write(mount, [stream, f'a line for {stream}\n'])


def test_each_line_is_a_record(mount, error_log):
    for line in ('first', 'second', 'third'):
        error_log.expect(f'{line} of three$', times=1)
    write(mount, ['errors', 'first of three\nsecond of three\nthird of three\n'])


def test_pieces_of_a_line_are_joined(mount, error_log):
    error_log.expect('left and right$', times=1)
    write(mount, ['errors', 'left '], ['errors', 'and '], ['errors', 'right\n'])


def test_an_unfinished_line_is_written_at_the_end_of_the_request(mount, error_log):
    error_log.expect('no newline$', times=1)
    write(mount, ['errors', 'no newline'])


def test_text_beyond_ascii_is_utf_8(mount, error_log):
    error_log.expect(r'caf(é|\\xc3\\xa9) (€|\\xe2\\x82\\xac)', times=1)
    write(mount, ['errors', 'caf\xe9 \u20ac\n'])


def test_a_write_to_descriptor_2_reaches_the_log(mount, error_log):
    error_log.expect('a stray line', times=1)
    write(mount, ['fd2', 'a stray line\n'])


@pytest.mark.parametrize('stream', ['errors', 'stdout', 'stderr'])
@pytest.mark.parametrize('text', ['\x1b[31mred', 'a\rforged', 'a\x00b', 'a\x08b', '\x7f'],
                         ids=['escape', 'return', 'nul', 'backspace', 'delete'])
def test_control_characters_are_escaped(lasting, error_log, stream, text):
    error_log.expect('start .* end', times=1)
    write(lasting, [stream, f'start {text} end\n'])
    line = error_log.wait_for('start .* end')
    assert not re.search('[\x00-\x08\x0b-\x1f\x7f]', line.text)


def test_a_forged_prefix_does_not_begin_a_line(lasting, error_log):
    error_log.expect('forged', times=1)
    write(lasting, ['errors', '[2026-01-01 00:00:00] [core:emerg] [pid 1] forged\n'])
    assert error_log.wait_for('forged').fields['module'] == 'wsgi'


def test_control_characters_in_an_exception_are_escaped(lasting, error_log):
    assert lasting.get('raises_text?' + urllib.parse.quote('evil\r\x1b[2Jtext')).status == 500
    error_log.expect_traceback('ValueError: evil.*text')
    assert not re.search('[\x00-\x08\x0b-\x1f\x7f]', error_log.wait_for('evil.*text').text)


def test_a_long_line_is_not_lost(lasting, error_log):
    error_log.expect('x{1000}')
    write(lasting, ['errors', 'x' * 6000 + '\n'])


def test_a_line_carries_client_and_request_id(lasting, error_log):
    error_log.expect('who asked$')
    write(lasting, ['errors', 'who asked\n'])
    fields = error_log.wait_for('who asked$').fields
    assert fields['client'].startswith('127.0.0.1:') and len(fields['id']) > 5


def test_the_request_id_is_the_one_in_the_environ(lasting, error_log):
    response = lasting.get('log_request_id')
    error_log.expect('my request$', times=1)
    assert error_log.wait_for('my request$').fields['id'] == response.text


def test_lines_of_requests_at_the_same_time_keep_their_own_ids(lasting, error_log):
    error_log.expect('my request$', times=8)
    ids = at_once(lambda _: lasting.get('log_request_id').text, range(8))
    error_log.verify()
    assert sorted(ids) == sorted(line.fields['id'] for line in error_log.matching('my request$'))
