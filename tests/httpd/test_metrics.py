# SPDX-License-Identifier: Apache-2.0
"""request_metrics, process_metrics and server_metrics under a real httpd."""
from pathlib import Path

import pytest

from clients import Mount
from processes import wait_until

CONFIG = ('WSGIDaemonProcess one threads=3\n'
          'WSGIScriptAlias /embedded ${APPS}/metrics.wsgi application-group=%{GLOBAL}\n'
          'WSGIScriptAlias /daemon ${APPS}/metrics.wsgi process-group=one application-group=%{GLOBAL}\n')


@pytest.fixture(scope='module')
def one_child(module_server):
    return module_server('StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\n'
                         'MinSpareThreads 1\nMaxSpareThreads 16\nWSGIServerMetrics On\n' + CONFIG, 'worker')


@pytest.fixture(params=['embedded', 'daemon'])
def metrics(one_child, request):
    return Mount(one_child, f'/{request.param}')


def test_requests_are_counted(metrics):
    metrics.get('/request')
    for _ in range(5):
        metrics.post('/nothing', b'12345')
    counted = metrics.get('/request').json()
    assert counted['request_count'] == 6 and counted['status_2xx'] == 6
    assert (counted['input_bytes'], counted['input_reads']) == (25, 5)
    assert sum(counted['request_time_buckets']) == 6 and len(counted['request_time_buckets']) == 65
    assert sum(counted['request_threads_completed']) == 6
    assert counted['request_threads_maximum'] == len(counted['request_threads_completed'])
    assert counted['memory_rss'] > 1_000_000
    assert 0 <= counted['capacity_utilization'] <= 1
    in_daemon = metrics.path('') == '/daemon'
    assert (counted['queue_time'] is not None, counted['daemon_time'] is not None) == (in_daemon, in_daemon)
    assert metrics.get('/request').json()['request_count'] == 1


def test_the_process_is_told(metrics):
    before = metrics.get('/process').json()
    after = metrics.get('/process').json()
    assert after['request_count'] == before['request_count'] + 1
    assert after['active_requests'] == 1 and after['running_time'] >= 0
    assert after['restart_time'] < after['current_time']
    assert sum(thread['request_count'] for thread in after['threads']) == after['request_count']


def test_embedded_applications_may_read_the_scoreboard(one_child):
    told = one_child.get('/embedded/server').json()
    assert told['server_limit'] == 1 and told['current_time'] >= told['restart_time'] > 1e9
    process, = told['processes']
    assert process['pid'] > 1 and process['quiescing'] is False
    assert len(process['workers']) == told['thread_limit']
    assert any(worker['status'] == 'W' for worker in process['workers'])


def test_a_daemon_has_no_scoreboard(one_child):
    assert one_child.get('/daemon/server').json() is None


def test_a_group_with_server_metrics_sees_the_scoreboard(server):
    httpd = server('ExtendedStatus On\nWSGIDaemonProcess one server-metrics=On processes=2\nWSGIDaemonProcess two\n'
                   'WSGIScriptAlias /one ${APPS}/metrics.wsgi process-group=one application-group=%{GLOBAL}\n'
                   'WSGIScriptAlias /two ${APPS}/metrics.wsgi process-group=two application-group=%{GLOBAL}\n')
    told = httpd.get('/one/server').json()
    assert told['current_time'] >= told['restart_time'] > 1e9 and told['running_generation'] == 0
    assert len(told['processes']) == told['server_limit']
    assert {len(process['workers']) for process in told['processes']} == {told['thread_limit']}
    pids = {process.pid for process in httpd.processes() if process.parent == httpd.pid}
    assert {process['pid'] for process in told['processes']} & pids
    busy = [worker for process in told['processes'] for worker in process['workers'] if worker['status'] == 'W']
    assert len(busy) == 1 and busy[0]['client'] == '127.0.0.1' and 'GET /one/server' in busy[0]['request']
    assert httpd.get('/two/server').json() is None


def test_a_worker_cannot_write_to_what_shows_the_scoreboard(server):
    httpd = server('WSGIDaemonProcess one server-metrics=On\nWSGIScriptAlias / ${APPS}/identity.wsgi process-group=one\n')
    maps = Path(f'/proc/{httpd.get("/").json()["pid"]}/maps').read_text()
    shown = [line.split()[1] for line in maps.splitlines() if 'gatehouse-scoreboard' in line]
    assert shown == ['r--s']


def test_the_scoreboard_is_seen_after_a_graceful_restart(server):
    httpd = server('WSGIDaemonProcess one server-metrics=On\n'
                   'WSGIScriptAlias / ${APPS}/metrics.wsgi process-group=one application-group=%{GLOBAL}\n')
    assert httpd.get('/server').json()['running_generation'] == 0
    httpd.graceful()
    wait_until(lambda: httpd.get('/server').json()['running_generation'] == 1, what='the new generation is seen')


def test_without_the_directive_there_is_no_scoreboard(server):
    assert server(CONFIG).get('/embedded/server').json() is None


def test_prefork_children_count_too(server, error_log):
    error_log.allow('AH00161')  # one child is all there may be
    httpd = server('StartServers 1\nMaxRequestWorkers 1\nServerLimit 1\n' + CONFIG, 'prefork')
    httpd.get('/embedded/request')
    counted = httpd.get('/embedded/request').json()
    assert counted['request_threads_completed'] == [1]
