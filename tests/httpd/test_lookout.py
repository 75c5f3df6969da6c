# SPDX-License-Identifier: Apache-2.0
"""Where requests are quick and many, one thread of a process waits for them (daemon/lookout.h); a slow one among them
holds up nobody for long."""
import threading
import time

import pytest

CONNECTIONS, REQUESTS = 3, 1500
SLOW = 1.0


@pytest.fixture
def httpd(server):
    return server('WSGIDaemonProcess one processes=1 threads=4\n'
                  'WSGIScriptAlias /quick ${APPS}/hello.wsgi process-group=one application-group=%{GLOBAL}\n'
                  'WSGIScriptAlias /slow ${APPS}/sleep.wsgi process-group=one application-group=%{GLOBAL}\n'
                  'MaxKeepAliveRequests 0\n')


def burst(httpd, arrivals):
    """Quick requests, one behind the other; when each was answered."""
    with httpd.connect() as connection:
        connection.send(b'GET /quick HTTP/1.1\r\nHost: x\r\n\r\n' * REQUESTS)
        for _ in range(REQUESTS):
            assert connection.response().status == 200
            arrivals.append(time.monotonic())


def test_a_slow_request_among_many_quick_ones_holds_up_none(httpd):
    httpd.get('/quick')
    arrivals = [[] for _ in range(CONNECTIONS)]
    clients = [threading.Thread(target=burst, args=(httpd, own), daemon=True) for own in arrivals]
    for client in clients:
        client.start()
    while min(map(len, arrivals)) < REQUESTS // 3:
        time.sleep(0.01)
    slow = [threading.Thread(target=httpd.get, args=(f'/slow?{SLOW}',), daemon=True) for _ in range(2)]
    begun = time.monotonic()
    for client in slow:
        client.start()
    for client in (*clients, *slow):
        client.join(60)
    assert [len(own) for own in arrivals] == [REQUESTS] * CONNECTIONS
    later = sorted(when for own in arrivals for when in own if when >= begun)
    assert len(later) > 100
    assert max(after - before for before, after in zip([begun, *later], later)) < SLOW / 2
