# SPDX-License-Identifier: Apache-2.0
"""A restart of httpd loses no request, and leaves as many processes as there were.

For a moment after a graceful restart a child of the old generation, not yet aware of it, may accept a connection and
answer by the old configuration: so what is new is awaited.
"""
import time

import pytest

from clients import Load, at_once
from processes import is_alive, wait_until

GROUP = 'WSGIDaemonProcess one processes=2 threads=4\n'
PATHS = ('WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}\n'
         'WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')


def settled_count(httpd):
    """How many daemon processes there are once the number has not changed for a second."""
    counts = []
    while len(counts) < 10 or len(set(counts[-10:])) > 1:
        counts.append(len(httpd.daemons()))
        time.sleep(0.1)
    return counts[-1]


def settles_at(httpd, wanted, timeout=20):
    wait_until(lambda: len(httpd.daemons()) == wanted, timeout, f'{wanted} daemon processes')


@pytest.mark.parametrize('mpm', ['event', 'worker', 'prefork'])
@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_graceful_restarts_under_load_fail_no_request(server, mpm, mode):
    httpd = server(GROUP + PATHS, mpm)
    assert httpd.get(f'/{mode}/hello').status == 200
    before = settled_count(httpd)
    with Load(httpd, f'/{mode}/hello') as load:
        for _ in range(8):
            done = load.done
            httpd.graceful()
            wait_until(lambda: load.done > done + 10, what='requests went on')
    assert load.failures == []
    settles_at(httpd, before)


def test_fifty_graceful_restarts_in_a_row_leave_as_many_processes(server, error_log):
    error_log.allow('AH03490: scoreboard is full')
    error_log.allow(r'\[cgid:')  # mod_cgid falls over its own socket's name when restarts come fast
    httpd = server(GROUP + PATHS)
    before = settled_count(httpd)
    with Load(httpd, '/daemon/hello', clients=2) as load:
        for _ in range(50):
            httpd.graceful()
    assert load.failures == []
    settles_at(httpd, before, 30)


def test_a_request_in_hand_is_finished_over_a_graceful_restart(server, tmp_directory):
    httpd = server(GROUP + PATHS)

    def restart():
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='a request in the application')
        httpd.graceful()
        assert httpd.get('/daemon/hello').status == 200
        (tmp_directory / 'go').touch()

    held, _ = at_once(lambda n: restart() if n else httpd.get(f'/daemon/hold?{tmp_directory}'), range(2))
    assert held.status == 200 and held.complete


def test_a_stream_in_hand_is_finished_over_a_graceful_restart(server, tmp_directory):
    httpd = server(GROUP + PATHS)

    def restart():
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='a request in the application')
        httpd.graceful()
        (tmp_directory / 'go').touch()

    stream, _ = at_once(lambda n: restart() if n else httpd.get(f'/daemon/streaming?{tmp_directory}'), range(2))
    assert stream.body == b'firstsecond' and stream.complete


def test_a_graceful_restart_brings_new_workers_and_the_old_ones_leave(server):
    httpd = server(GROUP + PATHS)
    old = {httpd.get('/daemon/identity').json()['pid'] for _ in range(20)}
    httpd.graceful()
    wait_until(lambda: httpd.get('/daemon/identity').json()['pid'] not in old, 5, 'a new worker answers')
    wait_until(lambda: not any(map(is_alive, old)), 15, 'the old workers left')


def test_a_group_that_is_new_in_the_configuration_serves_after_a_graceful_restart(server):
    httpd = server(PATHS.splitlines()[0])
    httpd.configure(GROUP + PATHS)
    httpd.graceful()
    wait_until(lambda: httpd.get('/daemon/hello').status == 200, 5, 'the new group answers')


def test_a_group_that_is_gone_from_the_configuration_ends(server):
    httpd = server(GROUP + PATHS)
    pid = httpd.get('/daemon/identity').json()['pid']
    httpd.configure(PATHS.splitlines()[0])
    httpd.graceful()
    wait_until(lambda: not is_alive(pid), 15, 'the worker left')
    settles_at(httpd, 0)


def test_changed_options_hold_after_a_graceful_restart(server):
    httpd = server(GROUP + PATHS)
    assert httpd.get('/daemon/identity').json()['multithread']
    httpd.configure(GROUP.replace('threads=4', 'threads=1') + PATHS)
    httpd.graceful()
    wait_until(lambda: not httpd.get('/daemon/identity').json()['multithread'], 5, 'the new options hold')


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_a_hard_restart_serves_on(server, mode):
    httpd = server(GROUP + PATHS)
    before = settled_count(httpd)
    for _ in range(3):
        httpd.restart()
        wait_until(lambda: httpd.accepts(), what='httpd accepts connections')
        assert httpd.get(f'/{mode}/hello').status == 200
    settles_at(httpd, before)


SLOW = '''
import os, pathlib, time
here = pathlib.Path({directory!r})
if (here / 'slow').exists():
    (here / 'importing').touch()
    while not (here / 'go').exists():
        time.sleep(0.01)
    if (here / 'bad').exists():
        raise ValueError('bad deploy')

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(os.getppid()).encode()]
'''


@pytest.fixture
def slow(server, tmp_directory):
    """A server whose application takes long to load once .directory/slow exists; get() tells the generation."""
    script = tmp_directory / 'app.wsgi'
    script.write_text(SLOW.format(directory=str(tmp_directory)))
    httpd = server(GROUP + f'WSGIScriptAlias / {script} process-group=one application-group=%{{GLOBAL}}\n')
    httpd.directory = tmp_directory
    assert httpd.get('/').status == 200
    (tmp_directory / 'slow').touch()
    return httpd


def test_the_old_workers_serve_until_the_new_ones_have_loaded_the_application(slow):
    old = slow.get('/').text
    with Load(slow, '/') as load:
        slow.graceful()
        wait_until((slow.directory / 'importing').exists, what='the new generation loads')
        done = load.done
        wait_until(lambda: load.done > done + 30, what='requests went on meanwhile')
        assert slow.get('/').text == old
        (slow.directory / 'go').touch()
        wait_until(lambda: slow.get('/').text != old, what='the new generation serves')
    assert load.failures == []
    wait_until(lambda: not is_alive(int(old)), 15, 'the old generation left')


def test_several_restarts_before_the_first_has_loaded_end_in_the_last(slow):
    old = slow.get('/').text
    before = settled_count(slow)
    for _ in range(3):
        slow.graceful()
        assert slow.get('/').text == old
    wait_until((slow.directory / 'importing').exists, what='the new generation loads')
    (slow.directory / 'go').touch()
    wait_until(lambda: slow.get('/').text != old, what='a new generation serves')
    settles_at(slow, before)


def test_code_that_does_not_load_at_a_restart_leaves_the_old_generation_serving(slow, error_log):
    old = slow.get('/').text
    (slow.directory / 'bad').touch()
    (slow.directory / 'go').touch()
    slow.graceful()
    error_log.wait_for('GH0432: ')
    error_log.expect_traceback('ValueError: bad deploy')
    assert {slow.get('/').text for _ in range(10)} == {old}
    (slow.directory / 'bad').unlink()
    wait_until(lambda: slow.get('/').text != old, what='the repaired code serves')


def test_other_options_are_never_served_by_the_old_generation(server):
    httpd = server(GROUP + PATHS)
    old = {httpd.get('/daemon/identity').json()['pid'] for _ in range(20)}
    httpd.configure(GROUP.replace('threads=4', 'threads=1') + PATHS)
    httpd.graceful()
    wait_until(lambda: not httpd.get('/daemon/identity').json()['multithread'], 5, 'the new options hold')
    assert not old & {httpd.get('/daemon/identity').json()['pid'] for _ in range(20)}
