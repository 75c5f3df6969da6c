# SPDX-License-Identifier: Apache-2.0
"""gatehouse.client_disconnected tells a running application that nobody waits for its answer any more."""
import shutil
import socket
import subprocess
import time

import pytest

from raw_http import format_request, read_response


def wait_for(path, timeout=20):
    deadline = time.monotonic() + timeout
    while not path.exists():
        assert time.monotonic() < deadline, f'{path.name} does not come'
        time.sleep(0.01)


def test_a_client_that_closes_is_gone(everywhere_lasting, tmp_directory):
    with everywhere_lasting.server.connect() as connection:
        connection.send(format_request('GET', everywhere_lasting.path(f'client_disconnected?{tmp_directory}')))
        wait_for(tmp_directory / 'running')
        assert not (tmp_directory / 'gone').exists()
    wait_for(tmp_directory / 'gone')


def test_a_client_that_closes_after_its_body_is_gone(lasting, tmp_directory):
    body = b'x' * 300_000  # more than the first part holds
    with lasting.server.connect() as connection:
        connection.send(format_request('POST', lasting.path(f'client_disconnected?{tmp_directory}'), body=body))
        wait_for(tmp_directory / 'running')
    wait_for(tmp_directory / 'gone')


def test_a_client_that_waits_is_there(lasting, tmp_directory):
    with lasting.server.connect() as connection:
        connection.send(format_request('GET', lasting.path(f'client_disconnected?{tmp_directory}')))
        wait_for(tmp_directory / 'running')
        (tmp_directory / 'stop').touch()
        assert connection.response().text == 'before False, now False\n'
        assert not (tmp_directory / 'gone').exists()


def test_a_client_that_sends_its_next_request_early_is_there(lasting, tmp_directory):
    with lasting.server.connect() as connection:
        connection.send(format_request('GET', lasting.path(f'client_disconnected?{tmp_directory}')) +
                        format_request('GET', lasting.path('hello')))
        wait_for(tmp_directory / 'running')
        (tmp_directory / 'stop').touch()
        assert connection.response().text == 'before False, now False\n'
        assert connection.response().text == 'Hello, world!\n'


def test_a_client_that_only_stops_sending_counts_as_gone_and_is_answered(lasting, tmp_directory):
    with lasting.server.connect() as connection:
        connection.send(format_request('GET', lasting.path(f'client_disconnected?{tmp_directory}')))
        wait_for(tmp_directory / 'running')
        connection.socket.shutdown(socket.SHUT_WR)
        wait_for(tmp_directory / 'gone')
        response = read_response(connection.stream)
        assert (response.status, response.complete) == (200, True)
        assert response.text.endswith('now True\n')


@pytest.mark.skipif(not shutil.which('curl'), reason='curl is not installed')
@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_a_client_of_http_2_that_goes_is_gone(module_server, mode, tmp_directory):
    httpd = module_server('Protocols h2c http/1.1\nWSGIDaemonProcess one\n'
                          'WSGIScriptAlias /embedded ${APPS}/client_disconnected.wsgi application-group=%{GLOBAL}\n'
                          'WSGIScriptAlias /daemon ${APPS}/client_disconnected.wsgi process-group=one\n',
                          modules=('http2',))
    curl = subprocess.Popen(['curl', '--silent', '--http2-prior-knowledge',
                             f'http://127.0.0.1:{httpd.port}/{mode}?{tmp_directory}'])
    try:
        wait_for(tmp_directory / 'running')
    finally:
        curl.kill()
        curl.wait()
    wait_for(tmp_directory / 'gone')
