# SPDX-License-Identifier: Apache-2.0
"""No byte of an application's or a client's makes a log line look like another's, or moves a terminal's cursor."""
import json
import re
import urllib.parse

import pytest

FORGED = '[Thu Jan 01 00:00:00.000000 1970] [core:emerg] [pid 1] AH99999: forged'
TEXTS = ['\x1b[2J\x1b]0;title\x07', f'a\r{FORGED}', f'a\r\n{FORGED}', f'a\n{FORGED}', f'a\x85{FORGED}', f'a\u2028{FORGED}',
         f'a\0{FORGED}', 'a\x08\x08\x08b', 'a\x7fb', '\x9b31m', 'a\\nb', 'a\t\x0b\x0cb']
RAW = re.compile(rb'[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]')  # a tab may stand in a line; the last are a terminal's controls in UTF-8


@pytest.fixture
def log_bytes(lasting):
    """What was written to the server's error log since, byte by byte."""
    path = lasting.server.root / 'logs' / 'error.log'
    start = path.stat().st_size
    return lambda: path.read_bytes()[start:]


def check(data, error_log, end):
    """After a line that ends so: every line has a true beginning, and none has a byte of RAW."""
    error_log.wait_for(end)
    lines = data().split(b'\n')[:-1]
    assert lines and not [line for line in lines if RAW.search(line)]
    assert not [line for line in lines if re.match(rb'\[Thu Jan 01|AH99999|forged', line)]
    assert all(re.match(rb'\[[^]]+\] \[\w+:\w+\] \[pid \d+', line) for line in lines)


@pytest.mark.parametrize('text', TEXTS, ids=lambda text: urllib.parse.quote(text)[:20])
@pytest.mark.parametrize('stream', ['errors', 'stdout', 'stderr'])
def test_streams(lasting, error_log, log_bytes, stream, text):
    error_log.allow('.')
    query = urllib.parse.quote(json.dumps([[stream, text + '\nend of text\n']]))
    assert lasting.get(f'errors?{query}').status == 200
    check(log_bytes, error_log, 'end of text$')


@pytest.mark.parametrize('text', TEXTS, ids=lambda text: urllib.parse.quote(text)[:20])
def test_exceptions(lasting, error_log, log_bytes, text):
    error_log.allow('.')
    assert lasting.get('raises_text?' + urllib.parse.quote(text)).status == 500
    check(log_bytes, error_log, 'GH0[67]\\d\\d: ')


@pytest.mark.parametrize('text', [text for text in TEXTS if '\u2028' not in text], ids=lambda text: urllib.parse.quote(text)[:20])
@pytest.mark.parametrize('place', ['name', 'value', 'status', 'length'])
def test_refused_heads(lasting, error_log, log_bytes, place, text):
    error_log.allow('.')
    headers = {'name': [(text, 'v')], 'value': [('X', text + '\n')], 'length': [('Content-Length', text)], 'status': []}[place]
    assert lasting.respond(text if place == 'status' else '200 OK', headers).status == 500
    check(log_bytes, error_log, 'GH0[67]\\d\\d: ')


@pytest.mark.parametrize('byte', [0x1b, 0x0a, 0x0d, 0x07, 0x7f, 0x9b])
def test_a_clients_path(lasting, error_log, log_bytes, byte):
    """It is told where a request is described."""
    error_log.allow('.')
    assert lasting.get(f'raises/a%{byte:02x}[core:emerg]%20forged').status == 500
    check(log_bytes, error_log, 'GH0[67]\\d\\d: ')


def test_a_clients_path_in_the_line_of_a_dead_worker(site, error_log):
    error_log.expect('GH0304: ')
    error_log.expect(r'GH0406: .*crash/a\\x0a\\x1b', times=1)
    assert site.get('/daemon/crash/a%0a%1b?SIGKILL').status == 502
