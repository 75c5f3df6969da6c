# SPDX-License-Identifier: Apache-2.0
"""What differs between MPMs: many requests at once, and children that come and go."""
import collections

import pytest

from clients import at_once
from processes import wait_until

BOTH = ('WSGIDaemonProcess one processes=2 threads=4\n'
        'WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}\n'
        'WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')


@pytest.fixture(scope='module', params=['event', 'worker', 'prefork'])
def httpd(module_server, request):
    return module_server(BOTH, request.param)


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_requests_at_the_same_time_get_their_own_answers(httpd, mode):
    bodies = [b'%d ' % n * 5000 for n in range(12)]
    answers = at_once(lambda body: httpd.post(f'/{mode}/echo_body', body), bodies)
    assert [answer.body for answer in answers] == bodies


def test_daemon_threads_work_at_the_same_time(httpd, tmp_directory):
    """Eight requests are inside the application together: two processes of four threads."""
    def hold(_):
        return httpd.get(f'/daemon/hold?{tmp_directory}')

    def open_when_all_entered():
        wait_until(lambda: len(list(tmp_directory.glob('entered-*'))) == 8, what='8 requests in the application')
        (tmp_directory / 'go').touch()

    answers = at_once(lambda n: hold(n) if n else open_when_all_entered(), range(9))[1:]
    pids = collections.Counter(answer.text for answer in answers)
    assert sorted(pids.values()) == [4, 4]


def test_a_graceful_restart_keeps_both_modes(httpd):
    httpd.graceful()
    assert [httpd.get(f'/{mode}/hello').status for mode in ('embedded', 'daemon')] == [200, 200]


@pytest.mark.parametrize('mpm', ['event', 'worker', 'prefork'])
def test_children_that_end_after_their_share_of_requests_lose_none(server, mpm):
    httpd = server('MaxConnectionsPerChild 5\n' + BOTH, mpm)
    statuses = [httpd.get(f'/{mode}/hello').status for _ in range(20) for mode in ('embedded', 'daemon')]
    assert statuses == [200] * 40
