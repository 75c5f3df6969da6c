# SPDX-License-Identifier: Apache-2.0
"""How processes end: one line for each, kept for whoever asks; and those that hang take nothing more."""
import os
import re
import signal

import pytest

from clients import at_once
from processes import wait_until

CONFIG = ('WSGIDaemonProcess one {}\n'
          'WSGIScriptAliasMatch ^/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}\n')
MEMORY = r'after [0-9.]+ s, with [0-9.]+ MiB of memory at most; it held '


@pytest.fixture
def start(server):
    return lambda options: server(CONFIG.format(options))


def supervisor_of(httpd):
    return next(process.pid for process in httpd.daemons() if 'supervisor' in process.command)


def test_the_line_of_a_crash_has_age_memory_and_requests(start, error_log):
    start('threads=1').get('/crash')
    error_log.expect(r'GH0406: worker \d+ of group \'one\' was killed by signal \d+ \(SIG\w+\) ' + MEMORY +
                     '1 request: GET /crash', times=1)
    error_log.expect('GH0304: ')


def test_a_process_that_leaves_says_why(start, error_log):
    httpd = start('threads=1 maximum-requests=1')
    httpd.get('/hello')
    error_log.wait_for(r"GH0423: worker \d+ of group 'one' left \(maximum_requests\) " + MEMORY + 'no request')


def test_the_supervisor_tells_of_the_deaths_when_it_is_asked(start, error_log):
    httpd = start('threads=2 processes=2')
    supervisor = wait_until(lambda: supervisor_of(httpd), 10, 'a supervisor')
    os.kill(supervisor, signal.SIGUSR1)
    error_log.wait_for("GH0446: group 'one' remembers 0 ends of workers$")
    for _ in range(2):
        httpd.get('/crash')
    wait_until(lambda: len(error_log.matching('GH0406: ')) == 2, 10, 'both deaths are logged')
    os.kill(supervisor, signal.SIGUSR1)
    error_log.wait_for('GH0446: .* remembers 2 ends of workers')
    wait_until(lambda: len(error_log.matching(r'GH0446: \d{4}-\d\d-\d\d [0-9:]{8} worker \d+ .* was killed by .*'
                                              'GET /crash')) == 2, 10, 'both deaths are told')
    error_log.expect('GH0406: ', times=2)
    error_log.expect('GH0304: ', times=2)
    assert httpd.get('/hello').status == 200


def test_what_a_watchdog_ended_is_remembered_too(start, error_log):
    httpd = start('threads=1 deadlock-timeout=1')
    at_once(httpd.get, ['/lock?60'])
    error_log.wait_for(r'GH0423: .* left \(deadlock_timeout\) ' + MEMORY + '1 request: GET /lock')
    os.kill(supervisor_of(httpd), signal.SIGUSR1)
    error_log.wait_for(r'GH0446: .*left \(deadlock_timeout\)')
    error_log.expect('GH0412: .*deadlock_timeout', times=1)
    error_log.allow('GH0304: ')


def test_a_process_whose_python_hangs_leaves_requests_to_the_others(start, error_log):
    httpd = start('threads=5 processes=2 deadlock-timeout=300')
    hanging = httpd.connect(timeout=60)
    hanging.send(b'GET /lock?30 HTTP/1.1\r\nHost: a\r\n\r\n')
    stuck = re.search(r'worker (\d+) takes no requests', error_log.wait_for('GH0447: ', 30).text).group(1)
    pids = {httpd.get('/identity', timeout=20).json()['pid'] for _ in range(10)}
    assert len(pids) == 1 and int(stuck) not in pids
    hanging.close()
