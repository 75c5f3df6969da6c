# SPDX-License-Identifier: Apache-2.0
"""WSGITelemetryService, WSGISlowRequests and WSGITelemetryOptions: what a collector on the other end of the socket is told."""
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from mod_wsgi.telemetry import wire

from clients import Mount
from processes import wait_until

SITE = ('WSGIDaemonProcess one threads=3 shutdown-timeout=2\n'
        'WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}\n'
        'WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')


class Collector:
    """Receives datagrams at a socket that every user may write to, and keeps what they say. A thread of its own takes
    them: the kernel keeps ten."""

    def __init__(self, directory):
        self.path = directory / 'telemetry.sock'
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o666)
        self.samples = []
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()

    def _receive(self):
        while datagram := self.socket.recv(65536):
            self.samples.append(wire.decode(datagram))

    def of_kind(self, kind, that=lambda sample: True):
        return [sample for sample in list(self.samples) if sample.kind_name == kind and that(sample)]

    def wait_for(self, kind, that=lambda sample: True):
        """The first sample of a kind that has a quality, of those come and to come."""
        wait_until(lambda: self.of_kind(kind, that), timeout=30, what=kind)
        return self.of_kind(kind, that)[0]

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b'', str(self.path))
        self.thread.join(10)
        self.socket.close()


@pytest.fixture
def collector(tmp_directory):
    collector = Collector(tmp_directory)
    yield collector
    collector.close()


@pytest.fixture(params=['embedded', 'daemon'])
def start(server, collector, request):
    """An httpd of one child that tells the collector; the applications in one of the two modes."""
    def with_lines(lines=''):
        httpd = server('StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nMinSpareThreads 1\n'
                       f'MaxSpareThreads 16\nWSGITelemetryService unix:{collector.path} interval=0.5\n{lines}\n{SITE}',
                       'worker')
        mount = Mount(httpd, f'/{request.param}/')
        mount.group = b'one' if request.param == 'daemon' else None
        return mount
    return with_lines


def of(mount, more=lambda sample: True):
    return lambda sample: sample.fields.get('process_group') == mount.group and more(sample)


def test_a_process_tells_what_it_did_in_each_interval(start, collector):
    mount = start()
    pid = mount.get('identity').json()['pid']
    for _ in range(4):
        mount.post('echo_body', b'12345')
    told = [collector.wait_for('request_metrics', of(mount, lambda sample: sample.pid == pid and sample.fields['request_count']))]
    while sum(sample.fields['request_count'] for sample in told) < 5:
        told.append(collector.wait_for('request_metrics', of(mount, lambda sample: sample.seq == told[-1].seq + 1)))
    fields = told[0].fields
    assert fields['mod_wsgi_version'] == b'6.0.5' and fields['mpm_name'] == b'worker'
    assert fields['apache_version'].startswith(b'Apache/2.4.') and fields['python_version'].startswith(b'3.')
    assert fields['process_parent_pid'] == mount.server.pid
    assert fields['telemetry_interval'] == 0.5 and 0.4 < fields['sample_period'] and fields['switch_interval'] == 0.005
    assert fields['request_threads_maximum'] == len(fields['request_threads_completed']) == (16 if mount.group is None else 3)
    assert fields['memory_rss'] > 1_000_000 and fields['request_time_max'] >= fields['request_time_min'] > 0
    assert ('queue_time' in fields) == (mount.group is not None)
    total = {name: sum(sample.fields[name] for sample in told)
             for name in ('request_count', 'input_bytes_total', 'status_2xx_total')}
    assert total == {'request_count': 5, 'input_bytes_total': 20, 'status_2xx_total': 5}
    assert sum(sum(sample.fields['application_time_buckets']) for sample in told) == 5
    assert not [name for sample in collector.samples for name in sample.fields if name.startswith('id')]


def test_its_beginning_and_end_are_told(start, collector):
    mount = start()
    pid = mount.get('identity').json()['pid']
    started = collector.wait_for('process_started', of(mount, lambda sample: sample.pid == pid))
    assert started.fields['process_parent_pid'] == mount.server.pid and abs(started.stamp - time.time()) < 60
    mount.server.stop()
    stopping = collector.wait_for('process_stopping', lambda sample: sample.pid == pid)
    assert stopping.fields['active_requests_at_decision'] == 0
    if mount.group:
        assert stopping.fields['shutdown_reason'] == b'shutdown_signal'
    stopped = collector.wait_for('process_stopped', lambda sample: sample.pid == pid)
    assert stopped.fields['lifetime_request_count'] == 1 and stopped.fields['graceful_drain'] == 1
    assert stopped.fields['process_uptime'] > 0 and stopped.fields['active_requests_at_exit'] == 0


def test_a_request_that_is_cut_off_is_told(server, collector, tmp_directory):
    httpd = server(f'WSGITelemetryService unix:{collector.path} interval=0.5\n{SITE}')
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(httpd.get, f'/daemon/hold?{tmp_directory}')
        sample = collector.wait_for('request_metrics', lambda sample: sample.fields['request_threads_active'] == 1)
        httpd.stop()
        stopping = collector.wait_for('process_stopping', lambda other: other.pid == sample.pid)
        stopped = collector.wait_for('process_stopped', lambda other: other.pid == sample.pid)
        assert stopping.fields['active_requests_at_decision'] == 1
        assert stopped.fields['active_requests_at_exit'] == 1 and stopped.fields['graceful_drain'] == 0
        assert held.exception() or not held.result().complete


def test_a_slow_request_is_told_while_it_runs_and_when_it_has_ended(start, collector, tmp_directory):
    mount = start('WSGISlowRequests 0.3')
    mount.get('hello')
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(mount.get, f'hold?{tmp_directory}', headers={'User-Agent': 'secret'})
        running = collector.wait_for('slow_request')
        again = collector.wait_for('slow_request', lambda sample: sample.seq > running.seq)
        (tmp_directory / 'go').touch()
        assert held.result().status == 200
    ended = collector.wait_for('slow_request', lambda sample: sample.fields['slow_record_state'] == 1)
    for sample in running, again, ended:
        assert sample.fields['slow_method'] == b'GET' and sample.fields['slow_scheme'] == b'http'
        assert sample.fields['slow_script_name'].endswith(b'/hold') and sample.fields['slow_peer_ip'] == b'127.0.0.1'
        assert sample.fields['slow_start_stamp'] == running.fields['slow_start_stamp']
        assert sample.fields['slow_active_at_start'] == 1 and 'slow_user_agent' not in sample.fields
    assert running.fields['slow_status'] == 0 and running.fields['slow_record_state'] == 0
    assert 0.3 <= running.fields['slow_duration'] < again.fields['slow_duration'] < ended.fields['slow_duration']
    assert ended.fields['slow_status'] == 200 and ended.fields['slow_active_at_completion'] == 1
    assert {sample.fields['slow_script_name'].rsplit(b'/', 1)[1] for sample in collector.of_kind('slow_request')} == {b'hold'}


def test_a_threshold_of_0_tells_of_every_request(start, collector):
    mount = start('WSGISlowRequests 0')
    for _ in range(3):
        mount.get('hello')
    wait_until(lambda: len(collector.of_kind('slow_request', lambda sample: sample.fields['slow_record_state'] == 1)) == 3,
               what='three requests told')


@pytest.mark.parametrize('flags, told', [('+CaptureUserAgent', True), ('CaptureUserAgent', True), ('All', True), ('None', False),
                                         ('All\nWSGITelemetryOptions -CaptureUserAgent', False)])
def test_the_user_agent_is_told_where_asked_for(start, collector, flags, told):
    mount = start(f'WSGISlowRequests 0\nWSGITelemetryOptions {flags}')
    mount.get('hello', headers={'User-Agent': 'browser'})
    slow = collector.wait_for('slow_request')
    assert slow.fields.get('slow_user_agent') == (b'browser' if told else None)


def test_the_garbage_collector_is_told(start, collector):
    mount = start()
    mount.get('collect')
    event = collector.wait_for('gc_event', lambda sample: sample.fields['gc_event_collected'] >= 10)
    assert event.fields['gc_event_generation'] == 2 and event.fields['gc_event_duration'] >= 0
    counters = collector.wait_for('gc_snapshot', lambda sample: sample.pid == event.pid and sample.fields['gc_collections2'])
    assert counters.fields['gc_is_enabled'] == 1 and counters.fields['gc_threshold0'] > 0
    assert counters.fields['gc_dropped_events'] == 0


def test_applications_see_that_the_collector_has_the_figures(start):
    mount = start()
    assert mount.get('metrics/request').json() is None and mount.get('metrics/process').json() is None


def test_without_a_collector_requests_are_served_and_one_line_tells(server, tmp_directory, error_log):
    httpd = server(f'WSGITelemetryService unix:{tmp_directory}/nobody interval=0.5\n{SITE}', 'prefork')
    for _ in range(20):
        assert httpd.get('/daemon/hello').status == 200
        time.sleep(0.1)
    error_log.expect(r'GH0680: .*nobody.*No such file or directory', times=None)
    pids = [line.split('[pid ')[1].split(']')[0] for line in error_log.lines if 'GH0680' in line]
    assert sorted(set(pids)) == sorted(pids)


def test_a_process_that_hangs_is_told_of(server, collector):
    httpd = server(f'WSGITelemetryService unix:{collector.path} interval=0.5\nWSGISlowRequests 0.5\n{SITE}')
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(httpd.get, '/daemon/lock?3')
        slow = collector.wait_for('slow_request', lambda sample: sample.fields['slow_duration'] > 1)
        assert slow.fields['slow_record_state'] == 0
        assert held.result().status == 200


def test_a_collector_of_others_shows_the_processes(server, tmp_directory):
    path = tmp_directory / 'collector.sock'
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, '-m', 'mod_wsgi.telemetry.cli', 'serve', '--listen', f'unix:{path}',
                           '--socket-mode', '0666', '--http-port', str(port)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as collector:
        try:
            wait_until(path.exists, what='the collector listens')
            httpd = server(f'WSGITelemetryService unix:{path} interval=0.5\nWSGISlowRequests 0\n{SITE}')
            httpd.get('/daemon/hello')

            def state():
                with urllib.request.urlopen(f'http://127.0.0.1:{port}/api/state') as answer:
                    return json.load(answer)

            def shown():
                return [process for process in state()['processes']
                        if process['process_group'] == 'one' and len(process['samples']) > 2]
            wait_until(lambda: shown() and state()['slow_requests'], what='the collector shows group one')
            assert shown()[0]['drops'] == 0 and shown()[0]['mod_wsgi_version'] == '6.0.5'
            assert not state().get('decode_errors')
        finally:
            collector.terminate()
            collector.wait(20)


def test_the_directive_alone_costs_threads(server, collector):
    httpd = server(f'WSGISlowRequests 0\n{SITE}')
    assert httpd.get('/daemon/hello').status == 200
    threads = len(os.listdir(f'/proc/{httpd.get("/daemon/identity").json()["pid"]}/task'))
    with_service = server(f'WSGITelemetryService unix:{collector.path}\n{SITE}')
    assert len(os.listdir(f'/proc/{with_service.get("/daemon/identity").json()["pid"]}/task')) == threads + 2


@pytest.mark.parametrize('line, words', [
    ('WSGITelemetryService', ()),
    ('WSGITelemetryService udp:127.0.0.1:8125', ('unix:',)),
    ('WSGITelemetryService unix:relative', ('absolute path',)),
    ('WSGITelemetryService unix:/' + 'x' * 108, ('at most 107',)),
    ('WSGITelemetryService unix:/s interval=0.4', ('0.5',)),
    ('WSGITelemetryService unix:/s interval=soon', ('soon',)),
    ('WSGITelemetryService unix:/s every=1', ('interval=',)),
    ('WSGISlowRequests', ()),
    ('WSGISlowRequests -1', ('0 or more',)),
    ('WSGISlowRequests 1s', ('"1s"',)),
    ('WSGITelemetryOptions', ('CaptureUserAgent',)),
    ('WSGITelemetryOptions +CaptureUserAgent All', ('mixes',)),
    ('WSGITelemetryOptions +All', ('"+All"',)),
    ('WSGITelemetryOptions -None', ('"-None"',)),
    ('WSGITelemetryOptions +', ('"+"',)),
    ('WSGITelemetryOptions CaptureEverything', ('CaptureEverything', 'CaptureUserAgent')),
])
def test_a_wrong_line_is_refused(configtest, line, words):
    status, output = configtest(line + '\n')
    assert status != 0 and line.split()[0] in output, output
    assert not [word for word in words if word not in output], output


@pytest.mark.parametrize('line', ['WSGITelemetryService unix:/s', 'WSGISlowRequests 1', 'WSGITelemetryOptions All'])
@pytest.mark.parametrize('container', ['VirtualHost *', 'Location /'])
def test_the_directives_belong_to_the_main_server(configtest, line, container):
    status, output = configtest(f'<{container}>\n{line}\n</{container.split()[0]}>\n')
    assert status != 0 and line.split()[0] in output
