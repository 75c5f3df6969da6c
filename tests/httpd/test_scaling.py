# SPDX-License-Identifier: Apache-2.0
"""processes=MIN-MAX: as many workers as the load wants. maximum-memory: a worker that has grown is replaced."""

import pytest

from clients import Load, at_once
from processes import is_alive, wait_until

GROWS = '''
import os
KEPT = []

def application(environ, start_response):
    KEPT.append(b'x' * int(environ['QUERY_STRING'] or 0))
    start_response('200 OK', [])
    return [str(os.getpid()).encode()]
'''


@pytest.fixture
def scaled(server):
    def start(options):
        return server(f'WSGIDaemonProcess one threads=1 {options}\n'
                      'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')
    return start


def workers(httpd):
    return [process.pid for process in httpd.daemons() if process.command.startswith('(wsgi:one) worker')]


def hold(httpd, directory, requests, meanwhile):
    """That many requests are inside the application while meanwhile() is called; their statuses."""
    def client(number):
        if number < requests:
            return httpd.get(f'/hold?{directory}').status
        try:
            wait_until(lambda: len(list(directory.glob('entered-*'))) == requests, 20, 'all requests are served')
            meanwhile()
        finally:
            (directory / 'go').touch()
    return at_once(client, range(requests + 1))[:requests]


def test_requests_that_wait_bring_workers_up_to_the_most(scaled, tmp_directory):
    httpd = scaled('processes=1-3 scale-up-queue=0.05')
    wait_until(lambda: len(workers(httpd)) == 1, what='the least number of workers')
    pids = []
    assert hold(httpd, tmp_directory, 3, lambda: pids.extend(workers(httpd))) == [200] * 3
    assert len(pids) == 3


def test_there_are_never_more_than_the_most(scaled, tmp_directory, error_log):
    httpd = scaled('processes=1-2 scale-up-queue=0.02')

    def client(number):
        if number < 6:
            return httpd.get(f'/hold?{tmp_directory}').status
        wait_until(lambda: len(list(tmp_directory.glob('entered-*'))) == 2, 20, 'two workers are busy')
        (tmp_directory / 'go').touch()
    assert at_once(client, range(7))[:6] == [200] * 6
    assert len(error_log.matching('GH0442: .* a process more')) == 1
    assert len(workers(httpd)) <= 2


def test_workers_that_have_nothing_to_do_leave_down_to_the_least(scaled, tmp_directory):
    httpd = scaled('processes=1-3 scale-up-queue=0.02 scale-down-idle=0.3')
    hold(httpd, tmp_directory, 3, lambda: None)
    wait_until(lambda: len(workers(httpd)) == 1, 20, 'one worker is left')
    assert httpd.get('/hello').status == 200


def test_growing_and_shrinking_lose_no_request(scaled):
    httpd = scaled('processes=1-4 scale-up-queue=0.001 scale-down-idle=0.1')
    with Load(httpd, '/hello', clients=8) as load:
        wait_until(lambda: load.done > 300, 60, 'requests went on')
    assert load.failures == []
    wait_until(lambda: len(workers(httpd)) == 1, 20, 'one worker is left')


@pytest.mark.parametrize('processes, multiprocess', [('1-1', True), ('1-4', True)])
def test_a_range_is_processes_given_at_all(scaled, processes, multiprocess):
    assert scaled(f'processes={processes}').get('/identity').json()['multiprocess'] is multiprocess


@pytest.mark.parametrize('options, right', [('processes=4-2', 'MIN-MAX'), ('processes=0-2', '1'),
                                            ('scale-up-queue=soon', '0'), ('scale-down-idle=-1', '0'),
                                            ('maximum-memory=1G', 'bytes'), ('reload=never', 'rolling'),
                                            ('preload=maybe', 'On or Off')])
def test_a_bad_value_is_refused(configtest, options, right):
    status, output = configtest(f'WSGIDaemonProcess one {options}\n')
    assert status != 0 and right in output, output


def test_a_worker_above_maximum_memory_is_replaced_before_it_leaves(server, tmp_directory, error_log):
    script = tmp_directory / 'grows.wsgi'
    script.write_text(GROWS)
    httpd = server(f'WSGIDaemonProcess one threads=2 maximum-memory={200 << 20}\n'
                   f'WSGIScriptAlias / {script} process-group=one application-group=%{{GLOBAL}}\n')
    first = int(httpd.get('/').text)
    with Load(httpd, '/?0', clients=2) as load:
        httpd.get(f'/?{250 << 20}')
        wait_until(lambda: not is_alive(first), 20, 'the large worker left')
    assert load.failures == []
    assert int(httpd.get('/').text) != first
    assert len(error_log.matching('GH0443: ')) == 1
