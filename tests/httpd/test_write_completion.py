# SPDX-License-Identifier: Apache-2.0
"""The rest of a large file: the handler's thread waits for a quick client, the event MPM for a slow one."""
import re

import pytest

from processes import wait_until
from raw_http import Connection, format_request, read_head
from tracing import needs_strace, traced

pytestmark = needs_strace

CONFIG = '''
StartServers 1
ServerLimit 1
ThreadsPerChild {threads}
MaxRequestWorkers {threads}
EnableSendfile On
WSGIEnableSendfile On
WSGIDaemonProcess one threads=1
WSGIScriptAlias /embedded ${{APPS}}/file_wrapper.wsgi application-group=%{{GLOBAL}}
WSGIScriptAlias /child ${{APPS}}/identity.wsgi application-group=%{{GLOBAL}}
WSGIScriptAlias /daemon ${{APPS}}/file_wrapper.wsgi process-group=one application-group=%{{GLOBAL}}
'''
SIZE = 32 << 20
SOCKET_IS_FULL = re.compile(r'sendfile\(')   # it takes less than SIZE
THREAD_WAITS = re.compile(r'poll\(\[\{fd=\d+, events=POLLOUT\}\], 1, 50\)')
THREAD_GOES_ON = re.compile(rf'^(\d+) +{THREAD_WAITS.pattern} = 1.*\n\1 +sendfile\(.*= [1-9]', re.MULTILINE)
MPM_WAITS = re.compile(r'epoll_ctl\(.*EPOLL_CTL_(?:ADD|MOD), \d+, \{events=EPOLLOUT')


@pytest.fixture
def calls_for(server, error_log, tmp_directory):
    """Serves with so many threads, and gives a function that asks for the file and returns what httpd called meanwhile."""
    file, trace = tmp_directory / 'file', tmp_directory / 'trace'
    error_log.allow('AH10159: ')   # about MinSpareThreads
    with file.open('wb') as opened:
        opened.truncate(SIZE)

    def serve(threads):
        httpd = server(CONFIG.format(threads=threads))
        for mode in ('embedded', 'daemon'):
            assert httpd.get(f'/{mode}?file={file}&seek={SIZE - 1}').body == b'\0'
        child = httpd.get('/child').json()['pid']

        def ask(mode, is_slow):
            with traced([child], 'poll,epoll_ctl,sendfile', trace, '-f'):
                take(httpd, f'/{mode}?file={file}', trace, MPM_WAITS if is_slow else SOCKET_IS_FULL)
            return trace.read_text()
        return ask
    return serve


def take(httpd, path, trace, begin):
    """All of the file, read from when this is in the trace."""
    with Connection(httpd.port, receive_buffer=65536) as connection:
        connection.send(format_request('GET', path))
        assert read_head(connection.stream).header('Content-Length') == str(SIZE)
        wait_until(lambda: begin.search(trace.read_text()), 10, f'{begin.pattern} in the trace')
        assert len(connection.stream.read(SIZE)) == SIZE


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_the_thread_of_a_quick_client_goes_on_itself(calls_for, mode):
    ask = calls_for(threads=4)
    assert any(THREAD_GOES_ON.search(ask(mode, is_slow=False)) for _ in range(5))   # a client may be late


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_a_slow_client_is_left_to_the_mpm(calls_for, mode):
    calls = calls_for(threads=4)(mode, is_slow=True)
    assert THREAD_WAITS.search(calls).start() < MPM_WAITS.search(calls).start()


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_half_of_the_threads_stay_for_others(calls_for, mode):
    """Of one, so no thread waits."""
    calls = calls_for(threads=1)(mode, is_slow=True)
    assert MPM_WAITS.search(calls) and not THREAD_WAITS.search(calls)
