# SPDX-License-Identifier: Apache-2.0
"""The bytes of one request never reach another, whatever happens to either."""
import contextlib
import os
import random
import socket
import struct

import pytest

from clients import at_once
from raw_http import Closed, format_request

APPS = ('echo_body', 'echo_pieces')
# GATEHOUSE_ISOLATION_ROUNDS=145000, with --timeout 900, makes it a million requests a mode, by hand.
ROUNDS = int(os.environ.get('GATEHOUSE_ISOLATION_ROUNDS', 600))


@pytest.fixture(scope='module', params=['embedded', 'daemon'])
def prefix(request):
    return f'/{request.param}/'


# Of so many requests one has a response that is placed in lent memory.
LARGE = 40


def is_foreign(response, app, body):
    if app == 'echo_large':
        body = (body * (4_500_000 // len(body) + 1))[:4_500_000]
    return response.body != body


def token(client, number, size):
    return b'client %d request %d;' % (client, number) * (size // 20 + 1)


def polite(site, prefix, client):
    """Checks the answer of each request on kept connections, which the event MPM may close between two requests when
    it is busy; returns how many answers were foreign."""
    sizes = random.Random(client)
    foreign, number = 0, 0
    while number < ROUNDS:
        with site.connect() as connection, contextlib.suppress(Closed):
            while number < ROUNDS:
                body = token(client, number, sizes.choice([0, 100, 5000, 70_000]))
                app = 'echo_large' if sizes.randrange(LARGE) == 0 else sizes.choice(APPS)
                foreign += is_foreign(connection.request('POST', prefix + app, body=body), app, body)
                number += 1
    return foreign


def rude(site, prefix, client):
    """Leaves in the middle: of sending, of waiting, of receiving; by a close or by a reset."""
    choice = random.Random(client)
    for number in range(ROUNDS):
        app = 'echo_large' if choice.randrange(LARGE // 4) == 0 else choice.choice(APPS)
        request = format_request('POST', prefix + app, body=token(client, number, 200_000))
        with site.connect() as connection:
            connection.send(request[:choice.randrange(len(request) + 1)])
            if choice.random() < 0.5:
                connection.socket.setblocking(False)
                try:
                    connection.socket.recv(choice.randrange(1, 100_000))
                except BlockingIOError:
                    pass
                connection.socket.setblocking(True)
            if choice.random() < 0.5:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    return 0


def test_answers_stay_with_their_requests_while_other_clients_leave_in_the_middle(site, error_log, prefix):
    error_log.allow(r'AH\d{5}')
    clients = [polite] * 4 + [rude] * 3
    assert at_once(lambda n: clients[n](site, prefix, n), range(len(clients)), timeout=60 + ROUNDS / 50) == [0] * len(clients)


def test_answers_stay_with_their_requests_while_workers_are_killed(server, error_log):
    httpd = server('WSGIDaemonProcess one processes=3 threads=3\n'
                   'WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one\n')
    error_log.allow(r'GH0[34]\d\d: ')

    def client(number):
        foreign = 0
        for round_ in range(6 if number == 0 else 60):
            if number == 0:
                foreign += httpd.get('/daemon/crash?SIGKILL').status != 502
                continue
            body = token(number, round_, 30_000 if round_ % 2 else 150_000)
            app = ('echo_body', 'echo_large')[round_ % 3 == 0]
            response = httpd.post(f'/daemon/{app}', body)
            foreign += response.status == 200 and response.complete and is_foreign(response, app, body)
        return foreign

    assert at_once(client, range(5)) == [0] * 5
