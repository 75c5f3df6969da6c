# SPDX-License-Identifier: Apache-2.0
"""What the configuration names is loaded once, before workers are forked; what cannot be forked is not."""
import os
import re
import signal
from pathlib import Path

import pytest

import pythons
from clients import at_once
from processes import is_alive, wait_until

FACTS = '''
import os, random, threading
LOADED_IN = os.getpid()
{extra}

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [f'{{os.getpid()}} {{LOADED_IN}} {{{value}}}'.encode()]
'''


@pytest.fixture
def start(server, tmp_directory):
    """A group with one script, which is there from the start; get() gives worker, loader and the value."""
    def start(options='', extra='', value='0', where='application-group=%{GLOBAL}', config=''):
        script = tmp_directory / 'app.wsgi'
        script.write_text(FACTS.format(extra=extra, value=value))
        httpd = server(f'WSGIDaemonProcess one {options}\n'
                       f'WSGIScriptAlias / {script} process-group=one {where}\n{config}')

        def get():
            worker, loader, value = httpd.get('/').text.split(' ', 2)
            return int(worker), int(loader), value
        httpd.facts = get
        httpd.script = script
        return httpd
    return start


def by_worker(httpd, workers):
    """The value of each worker, once that many have answered."""
    found = {}

    def ask():
        for worker, _, value in at_once(lambda _: httpd.facts(), range(8)):
            found[worker] = value
        return len(found) >= workers
    wait_until(ask, what=f'{workers} workers answer')
    return found


def test_the_application_is_loaded_once_for_all_workers(start):
    httpd = start('processes=3 threads=2')
    by_worker(httpd, 3)
    answers = [httpd.facts() for _ in range(10)]
    loaders = {loader for _, loader, _ in answers}
    assert len(loaders) == 1 and not loaders & {worker for worker, _, _ in answers}


@pytest.mark.parametrize('where', ['', 'application-group=named'], ids=['default', 'named'])
def test_the_only_application_of_a_group_is_loaded_ahead_whatever_its_group(start, where):
    worker, loader, _ = start(where=where).facts()
    assert worker != loader


def test_mod_wsgi_application_group_tells_the_same_as_a_request(start):
    for where in ('', 'application-group=named'):
        httpd = start(extra='import mod_wsgi', value='environ["mod_wsgi.application_group"] == '
                                                     'mod_wsgi.application_group', where=where)
        assert httpd.facts()[2] == 'True'
        httpd.stop()


def test_preload_off_lets_each_worker_load_for_itself(start):
    worker, loader, _ = start('processes=2 preload=Off').facts()
    assert worker == loader


def test_applications_of_sub_interpreters_are_loaded_by_each_worker_before_it_serves(start, error_log):
    httpd = start(where='application-group=one',
                  config='WSGIScriptAlias /other ${APPS}/hello.wsgi process-group=one application-group=two\n')
    worker, loader, _ = httpd.facts()
    assert worker == loader
    lines = [line.text for line in error_log.matching('GH0607: loading script .*hello.wsgi')]
    assert len(lines) == 1 and '[client' not in lines[0]


def test_random_numbers_differ_between_workers(start):
    httpd = start('processes=4 threads=1', value='FIRST.setdefault(0, random.random())', extra='FIRST = {}')
    assert len(set(by_worker(httpd, 4).values())) == 4


def test_fork_hooks_and_subscribers_run_in_each_worker_before_it_serves(start):
    httpd = start('processes=2 threads=1', value='CALLED', extra='''
import mod_wsgi
CALLED = []
os.register_at_fork(after_in_child=lambda: CALLED.append('hook'))
@mod_wsgi.subscribe_fork
def reopen():
    CALLED.append('subscriber')
mod_wsgi.subscribe_fork(lambda: CALLED.append(str(os.getpid() != LOADED_IN)))
''')
    assert set(by_worker(httpd, 2).values()) == {"['hook', 'subscriber', 'True']"}


def test_a_subscriber_that_fails_is_logged_and_holds_nothing_up(start, error_log):
    httpd = start(extra='import mod_wsgi\nmod_wsgi.subscribe_fork(lambda: 1 / 0)\n')
    assert httpd.facts()
    error_log.expect('GH0660: .*ZeroDivisionError', times=1)
    error_log.allow(r'\] (Traceback|  |ZeroDivisionError)')


def test_threads_that_loading_starts_are_named_and_each_worker_loads_for_itself(start, error_log):
    httpd = start('processes=2', extra="threading.Thread(target=threading.Event().wait, name='poller', daemon=True)"
                                       ".start()", value='sum(t.name == "poller" for t in threading.enumerate())')
    worker, loader, value = httpd.facts()
    assert worker == loader and value == '1'
    error_log.expect(r"GH0430: group 'one': .* 1 threads and 0 processes running \(poller\)", times=1)


def test_processes_that_loading_starts_are_named_and_end(start, error_log, tmp_directory):
    note = tmp_directory / 'pids'
    httpd = start(extra=f'import subprocess\nSLEEP = subprocess.Popen(["sleep", "600"])\n'
                        'while open(f"/proc/{SLEEP.pid}/comm").read() != "sleep\\n": pass\n'
                        f'open({str(note)!r}, "a").write(str(SLEEP.pid) + " ")\n')
    worker, loader, _ = httpd.facts()
    assert worker == loader
    error_log.expect(r"GH0430: .* 0 threads and 1 processes running \(sleep\)", times=1)
    first = int(note.read_text().split()[0])
    wait_until(lambda: not is_alive(first), what='the process of the first attempt ended')


def test_a_script_that_is_not_there_yet_is_loaded_when_it_comes(server, error_log):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias / ${ROOT}/late.wsgi process-group=one\n')
    assert httpd.get('/').status == 404
    error_log.expect('GH0201')
    error_log.wait_for('GH0434: .*late.wsgi')
    (httpd.root / 'late.wsgi').write_bytes((httpd.stage.apps / 'hello.wsgi').read_bytes())
    assert httpd.get('/').status == 200


def test_a_worker_that_dies_is_forked_anew_without_loading_again(start, error_log):
    httpd = start('processes=1')
    worker, loader, _ = httpd.facts()
    os.kill(worker, signal.SIGKILL)
    again = httpd.facts()
    assert again[0] != worker and again[1] == loader
    error_log.expect('GH0406: .*SIGKILL', times=1)


def private_memory(pids):
    """Kilobytes that only these processes have, all together."""
    return sum(int(size) for pid in pids for size in
               re.findall(r'Private_(?:Clean|Dirty):\s+(\d+)', Path(f'/proc/{pid}/smaps_rollup').read_text()))


def test_eight_preloaded_django_workers_have_a_third_of_the_private_memory(server, record_property):
    version = pythons.usable()[0]
    directory = pythons.venvs()[version]
    used = {}
    for preload in ('On', 'Off'):
        httpd = server(f'WSGIDaemonProcess one python-home={directory} processes=8 threads=2 preload={preload}\n'
                       'WSGIScriptAlias / ${APPS}/django_site/site.wsgi process-group=one '
                       'application-group=%{GLOBAL}\n')

        def workers():
            found = [process.pid for process in httpd.daemons() if process.command.startswith('(wsgi:one) worker')]
            return len(found) == 8 and found
        pids = wait_until(workers, 30, 'eight workers')

        def all_have_loaded():
            at_once(lambda _: httpd.get('/'), range(32))
            return preload == 'On' or httpd.log().count('GH0607: loading') == 8
        wait_until(all_have_loaded, 60, 'all workers have loaded the application')
        used[preload] = private_memory(pids)
        httpd.stop()
    print(f'8 Django workers: {used["On"]} KB private when loaded ahead, {used["Off"]} KB when each loads for itself')
    record_property('private_kilobytes', used)
    assert used['On'] * 3 <= used['Off']
