# SPDX-License-Identifier: Apache-2.0
"""What the machine around a server may do: other users, the clock, permissions, a swept directory."""
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import census
from census import workers_of
from conftest import as_root
from processes import wait_until
from traffic import Traffic
from trial import Pace, pause

CLOCK = r'''
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Seconds that the wall clock is off, in a file that a test writes. */
static const volatile long* offset;

__attribute__((constructor)) static void map_offset(void) {
  int fd = open(OFFSET_FILE, O_RDONLY | O_CLOEXEC);
  void* page = mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (page != MAP_FAILED) offset = page;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && clock == CLOCK_REALTIME && offset) now->tv_sec += *offset;
  return result;
}

int gettimeofday(struct timeval* now, void* zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
'''
HEALTHY = 'def application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"healthy"]\n'


# --- F17: there is no socket file to connect to


def listening_names():
    """Names of UNIX sockets that somebody listens on: (inode, name)."""
    rows = [line.split() for line in Path('/proc/net/unix').read_text().splitlines()[1:]]
    return {(row[6], row[7] if len(row) > 7 else '') for row in rows if int(row[3], 16) & 0x10000}


@as_root
@pytest.mark.row('F17')
def test_other_users_find_nothing_to_connect_to(arena, row, tmp_directory):
    httpd = arena()
    traffic = Traffic(httpd, journal=tmp_directory)
    attack = ('import os, socket, sys\n'
              'reached = 0\n'
              'for pid in sys.argv[2:]:\n'
              '    for number in range(256):\n'
              '        try:\n'
              '            os.open(f"/proc/{pid}/fd/{number}", os.O_RDWR); reached += 1\n'
              '        except OSError as error:\n'
              '            if error.errno == 6: reached += 0\n'  # a socket cannot be opened by its name
              '    for name in ("mem", "environ", "maps"):\n'
              '        try:\n'
              '            open(f"/proc/{pid}/{name}", "rb").read(1); reached += 1\n'
              '        except OSError:\n'
              '            pass\n'
              'print(reached)\n')
    with row.trial(httpd, traffic) as trial:
        trial.event()
        inodes = set().union(*(census.sockets_of(process.pid) for process in httpd.daemons()))
        listening = [name for inode, name in listening_names() if inode in inodes]
        targets = [str(process.pid) for process in httpd.daemons()]
        reached = 0
        for user in ('games', 'www-data'):  # a stranger, and the user of the group itself
            account = pwd.getpwnam(user)
            done = subprocess.run(['/usr/bin/python3', '-c', attack, 'x', *targets], user=account.pw_uid,
                                  group=account.pw_gid, extra_groups=[], capture_output=True, text=True, timeout=120)
            reached += int(done.stdout)
    row.hold('sockets of daemons that somebody could connect to', len(listening), at_most=0)
    row.hold(f'descriptors and memory of {len(targets)} daemons that others could open', reached, at_most=0)
    row.hold(f'failed of {traffic.done} requests', len(traffic.failures()), at_most=0)


# --- F26: the clock


@pytest.fixture
def shifted(arena, tmp_directory):
    """The usual server, whose wall clock is off by the seconds given to .shift()."""
    offset = tmp_directory / 'offset'
    offset.write_bytes(bytes(8))
    offset.chmod(0o644)
    source, library = tmp_directory / 'clock.c', tmp_directory / 'clock.so'
    source.write_text(CLOCK)
    subprocess.run(['gcc', '-O1', '-Wall', '-Werror', '-shared', '-fPIC', f'-DOFFSET_FILE="{offset}"', '-o', library, source],
                   check=True)

    def start(options):
        def prepare(root):
            daemon = root / 'build' / 'gatehoused'
            daemon.rename(daemon.with_name('gatehoused-itself'))
            daemon.write_text(f'#!/bin/sh\nLD_PRELOAD={library} exec {daemon}-itself "$@"\n')
            daemon.chmod(0o755)
        httpd = arena(options, prepare=prepare)

        def shift(seconds):
            with open(offset, 'r+b') as file:
                file.write(int(seconds).to_bytes(8, 'little', signed=True))
        httpd.shift = shift
        return httpd
    return start


@pytest.mark.row('F26')
def test_a_clock_that_jumps_ends_nothing(shifted, row, tmp_directory):
    httpd = shifted('queue-timeout=5 request-timeout=5 interrupt-timeout=3 socket-timeout=10 deadlock-timeout=5 '
                    'inactivity-timeout=30 restart-interval=900 startup-timeout=20 graceful-timeout=10')
    traffic = Traffic(httpd, journal=tmp_directory)
    pace = Pace(row.size.pace)
    with row.trial(httpd, traffic) as trial:
        before = set(workers_of(httpd))
        for hours in (1, 0, -1, 0, 24, 0):
            httpd.shift(3600 * hours)
            trial.event()
            year = int(httpd.get('/clock').text)
            assert abs(year - time.time() - 3600 * hours) < 60, 'the clock of the application does not jump'
            pace()
        after = set(workers_of(httpd))
    row.hold('workers that were replaced', len(before - after), at_most=0)
    row.hold(f'failed of {traffic.done} requests', len(traffic.failures()), at_most=0)


# --- F28: permissions


@as_root
@pytest.mark.row('F28')
def test_a_group_that_lacks_a_permission_says_so_and_leaves_others_alone(server, row, error_log, tmp_directory):
    cases = list(misconfigured(tmp_directory))
    config = ''.join(f'WSGIDaemonProcess {name} threads=1 {options}\n'
                     f'WSGIScriptAlias /{name} {script} process-group={name} application-group=%{{GLOBAL}}\n'
                     for name, options, script, _, _ in cases)
    httpd = server('WSGIDoctor Off\nWSGIDaemonProcess healthy processes=2 threads=15\n'
                   'WSGIScriptAlias /token ${APPS}/token.wsgi process-group=healthy application-group=%{GLOBAL}\n' + config)
    error_log.allow(r"GH0\d\d\d: |cannot start; the server's error log says why|AH00035|AH00529|\]  |Traceback|Error")
    traffic = Traffic(httpd, clients=8, journal=tmp_directory)
    right = 0
    with traffic:
        wait_until(lambda: traffic.done > 50, 30, 'traffic')
        for name, _, _, statuses, pattern in cases:
            response = httpd.get(f'/{name}', timeout=60)
            error_log.wait_for(pattern)
            print(name, response.status, [line.message[:200] for line in error_log.matching(pattern)][:1])
            right += response.status in statuses
        lines = len(error_log.read())
        pause(row.size.seconds)
        # What is tried again is tried with growing delays, not in a loop.
        repeated = len([line for line in error_log.read()[lines:] if line.is_alarming])
    row.hold(f'of {len(cases)} cases answered with their status and a line that names the cause', right, at_least=len(cases))
    row.hold('lines about them each second, all together', repeated / row.size.seconds, at_most=len(cases))
    row.hold(f'failed of {traffic.done} requests to the healthy group', len(traffic.failures()), at_most=0)


def misconfigured(directory):
    """name, options, script, statuses, what the log must say."""
    def make(name, text=HEALTHY, mode=0o644, owner=None, directory_mode=0o755):
        place = directory / name
        place.mkdir()
        script = place / 'app.wsgi'
        script.write_text(text)
        script.chmod(mode)
        if owner:
            os.chown(script, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid)
        place.chmod(directory_mode)
        return script

    closed = directory / 'closed'
    closed.mkdir()
    (closed / 'secret.py').write_text('')
    closed.chmod(0o700)
    yield 'nohome', f'home={directory}/missing', make('nohome'), {503}, f'GH0401: .*{directory}/missing'
    yield 'closedhome', f'home={closed}', make('closedhome'), {503}, f'GH0401: .*{closed}'
    yield 'nochroot', f'chroot={directory}/missing', make('nochroot'), {502, 503}, 'GH0401: .*chroot'
    yield 'noscript', '', directory / 'missing.wsgi', {404}, 'GH0201: .*missing.wsgi'
    (directory / 'directory').mkdir()
    yield 'isdirectory', '', directory / 'directory', {301, 403, 404}, f'GH0434: .*{directory}/directory .*no file'
    yield 'unreadable', '', make('unreadable', mode=0o600), {403}, 'GH0602: .*unreadable/app.wsgi'
    yield 'closeddirectory', '', make('closeddirectory', directory_mode=0o700), {403}, 'GH0434: .*closeddirectory/app.wsgi .*Permission denied'
    yield 'notforgroup', 'user=games group=games', make('notforgroup', mode=0o600, owner='www-data'), {403}, \
        'GH0602: .*notforgroup/app.wsgi'
    yield 'wrongowner', 'script-user=games', make('wrongowner'), {403}, 'GH0216: .*belongs to user'
    yield 'writable', 'script-user=games', make('writable', owner='games', mode=0o666), {403}, 'GH0216: .*writable/app.wsgi'
    yield 'noenvfile', f'env-file={directory}/missing', make('noenvfile'), {503}, f'GH0403: .*env-file {directory}/missing'
    yield 'closedmodule', f'python-path={closed}', make('closedmodule', 'import secret\n' + HEALTHY), {500, 503}, \
        'GH0604: .*secret'
    yield 'closedhomepython', 'user=games group=games python-home={}'.format(closed_environment(directory)), \
        make('closedhomepython'), {503}, 'GH0[46]0\\d: .*closed-venv'
    yield 'eggs', f'python-eggs={closed}', make('eggs', 'import os\nopen(os.environ["PYTHON_EGG_CACHE"] + "/x", "w")\n'
                                                + HEALTHY), {500, 503}, 'GH0604: .*PermissionError'


def closed_environment(directory):
    """A virtual environment that the user games may not enter."""
    place = directory / 'closed-venv'
    subprocess.run(['/usr/bin/python3', '-m', 'venv', '--without-pip', place], check=True)
    place.chmod(0o700)
    return place


# --- F31: what stands in a socket file's place


@pytest.mark.row('F31')
def test_a_swept_run_directory_costs_nothing(arena, row, error_log, tmp_directory):
    httpd = arena()
    error_log.allow(r'\[cgid:|AH00098|AH00099|AH\d{5}')
    traffic = Traffic(httpd, journal=tmp_directory)
    with row.trial(httpd, traffic) as trial:
        files = [str(path) for path in httpd.root.rglob('*') if path.is_socket() and 'cgisock' not in path.name]
        for path in (httpd.root / 'run').iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in Path('/dev/shm').glob('*gatehouse*'):
            path.unlink()
        trial.event()
        done = traffic.done
        wait_until(lambda: traffic.done > done + 200, 30, 'requests go on')
        httpd.graceful()
        done = traffic.done
        wait_until(lambda: traffic.done > done + 200, 30, 'requests go on after a restart')
    row.hold('socket files of daemons', len(files), at_most=0)
    row.hold(f'failed of {traffic.done} requests', len(traffic.failures()), at_most=0)
