# SPDX-License-Identifier: Apache-2.0
"""What subscribers of mod_wsgi's events are told under a real httpd."""
import pytest

from clients import Mount


@pytest.fixture(params=['embedded', 'daemon'])
def events(server, request):
    """The application in one process; its events of the request before."""
    httpd = server('WSGIDaemonProcess one threads=3 preload=Off\n'
                   'WSGIScriptAlias /embedded ${APPS}/events.wsgi application-group=%{GLOBAL}\n'
                   'WSGIScriptAlias /daemon ${APPS}/events.wsgi process-group=one application-group=%{GLOBAL}\n',
                   'worker')
    return Mount(httpd, f'/{request.param}')


def last(events):
    for _ in range(50):  # embedded: until the child that served the request before answers
        found = events.get('/last').json()
        if isinstance(found, list) and found[-1][1]['request_data']['path'] != '/last':
            return found
    pytest.fail('no child remembers the request')


def test_a_request_from_start_to_end(events, error_log):
    error_log.allow('told process_|stopping:')
    events.post('/some', b'12345')
    told = last(events)
    assert [name for name, _ in told] == ['request_started', 'response_started', 'request_finished']
    started, response, finished = (payload for _, payload in told)
    in_daemon = events.path('') == '/daemon'
    assert (started['daemon_connects'], started['daemon_restarts']) == ((1, 0) if in_daemon else (0, 0))
    assert (started['queue_start'] > 0, started['daemon_start'] > 0) == (in_daemon, in_daemon)
    assert started['callable_object'] == 'application' and started['server_pid'] > 1
    assert response['response_status'] == '200 OK'
    assert (finished['input_length'], finished['status'], finished['request_data']) == (5, 200, {'path': '/some'})
    assert finished['output_length'] == 1 and finished['application_time'] >= 0
    assert started['application_start'] >= started['request_start'] > 1e9


def test_a_failure_is_told(events, error_log):
    error_log.allow('told process_|stopping:')
    assert events.get('/fail').status == 500
    told = last(events)
    assert [name for name, _ in told] == ['request_started', 'request_exception', 'request_finished']
    assert told[-1][1]['status'] == 500
    error_log.expect_traceback('LookupError: as asked')


def test_the_end_of_the_process_is_told(events, error_log):
    events.get('/some')
    events.server.stop()
    reason = 'shutdown_signal' if events.path('') == '/daemon' else ''
    error_log.expect(rf"told process_stopping \[\('shutdown_reason', '{reason}'\)\]")
    error_log.expect(f'stopping: {reason}')
