# SPDX-License-Identifier: Apache-2.0
"""The queue of a process group: how many requests may wait in it, and for how long one waits for room."""
import threading

import pytest

from processes import wait_until

CLIENTS = 50


@pytest.fixture
def crowd(server, tmp_directory):
    """Two groups with a thread each that is busy: one whose queue has room for few requests, one for many. Sends
    CLIENTS requests to each and frees the threads as soon as one request was refused. The answers by group."""
    httpd = server('WSGIDaemonProcess few threads=1 listen-backlog=1 connect-timeout=0.2\n'
                   'WSGIDaemonProcess many threads=1 listen-backlog=500 connect-timeout=0.2\n'
                   'WSGIScriptAlias /few ${APPS}/hold.wsgi process-group=few\n'
                   'WSGIScriptAlias /many ${APPS}/hold.wsgi process-group=many\n')
    answers = {'few': [], 'many': []}

    def ask(group):
        answers[group].append(httpd.get(f'/{group}?{tmp_directory}', timeout=60))

    clients = [threading.Thread(target=ask, args=(group,), daemon=True)
               for group in ('many', 'few') for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    wait_until(lambda: any(answer.status == 503 for answer in answers['few']), 30, 'a request refused')
    (tmp_directory / 'go').touch()
    for client in clients:
        client.join(60)
    return answers


def test_a_full_queue_answers_503_after_connect_timeout(crowd, error_log):
    statuses = [answer.status for answer in crowd['few']]
    refused = [answer for answer in crowd['few'] if answer.status == 503]
    assert set(statuses) == {200, 503} and len(statuses) == CLIENTS
    assert all(answer.header('Retry-After').isdigit() for answer in refused)
    error_log.expect('GH0300: .*few', times=len(refused))


def test_listen_backlog_is_the_room_in_the_queue(crowd, error_log):
    assert [answer.status for answer in crowd['many']] == [200] * CLIENTS
    error_log.expect('GH0300: .*few')
