# SPDX-License-Identifier: Apache-2.0
"""Who the processes of a group are, and what happens when the kernel refuses to make them so."""
import grp
import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import processes
from processes import is_alive, wait_until
from tracing import needs_strace, traced

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='only root can give privileges up')

CONFIG = ('WSGIDaemonProcess one user=games {}\n'
          'WSGIScriptAliasMatch ^/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}\n')


@pytest.fixture
def start(server):
    return lambda options='': server(CONFIG.format(options))


def descendants(pid):
    """Processes below pid, itself included."""
    found, everyone = {pid}, processes.everyone()
    while more := {p.pid for p in everyone if p.parent in found} - found:
        found |= more
    return [p for p in everyone if p.pid in found]


def titled(httpd, title):
    return [process for process in httpd.processes() if title in process.command]


def test_zygote_and_worker_have_no_way_back_to_root(start):
    httpd = start()
    assert httpd.get('/hello').status == 200
    uid = str(pwd.getpwnam('games').pw_uid)
    for process in titled(httpd, 'zygote') + titled(httpd, 'worker'):
        assert process.status('Uid') == [uid] * 4
        assert {process.status(field)[0].strip('0') for field in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb')} == {''}


@pytest.mark.parametrize('groups', ['games', 'games,mail', 'many'])
def test_supplementary_groups_are_exactly_those_asked_for(start, groups):
    names = [entry.gr_name for entry in grp.getgrall()] if groups == 'many' else groups.split(',')
    httpd = start(f'group=games supplementary-groups={",".join(names)}')
    process = processes.read(httpd.get('/identity').json()['pid'])
    assert set(map(int, process.status('Groups'))) == {grp.getgrnam(name).gr_gid for name in [*names, 'games']}


def test_as_many_groups_as_the_system_allows_are_possible_and_one_more_is_refused(start, configtest):
    most = os.sysconf('SC_NGROUPS_MAX')
    numbers = [f'#{number}' for number in range(100_000, 100_000 + most)]
    primary = grp.getgrnam('games').gr_gid
    httpd = start(f'group=games supplementary-groups={",".join(numbers[1:])}')
    process = processes.read(httpd.get('/identity').json()['pid'])
    assert set(map(int, process.status('Groups'))) == {primary, *range(100_001, 100_000 + most)}
    status, output = configtest(CONFIG.format(f'group=games supplementary-groups={",".join(numbers)}'))
    assert status != 0 and f'supplementary-groups= names {most + 1} groups' in output


def test_a_worker_can_not_be_looked_into_by_its_own_user(start):
    httpd = start()
    pid = httpd.get('/identity').json()['pid']
    peek = subprocess.run(['setpriv', '--reuid=games', '--regid=games', '--clear-groups', 'cat', f'/proc/{pid}/environ'],
                          capture_output=True)
    assert peek.returncode != 0 and not peek.stdout


def test_a_worker_dies_with_its_zygote(start, error_log):
    httpd = start('shutdown-timeout=1')
    worker = httpd.get('/identity').json()['pid']
    zygote = processes.read(worker).parent
    os.kill(zygote, signal.SIGKILL)
    wait_until(lambda: not is_alive(worker), what='the worker ended')
    error_log.expect('GH0405: ', times=1)
    wait_until(lambda: httpd.get('/hello').status == 200, what='the group serves again')


def test_parent_and_daemon_share_no_writable_memory_and_no_descriptor_but_the_log(start):
    httpd = start()
    worker = httpd.get('/identity').json()['pid']

    def shared_writable(pid):
        lines = (line.split() for line in Path(f'/proc/{pid}/maps').read_text().splitlines())
        return {(fields[3], fields[4]) for fields in lines if fields[1] == 'rw-s'}

    def descriptors(pid):
        targets = {os.readlink(entry) for entry in Path(f'/proc/{pid}/fd').iterdir()}
        return {target for target in targets if not target.startswith(('/dev/null', 'anon_inode'))}

    assert not shared_writable(worker) & shared_writable(httpd.pid)
    common = descriptors(worker) & descriptors(httpd.pid)
    # The parent holds both ends of the queue, to give one to each child of httpd.
    assert all(target.endswith('error.log') or target.startswith('socket:') for target in common)
    assert sum(target.startswith('socket:') for target in common) <= 1


REFUSED = ['setgroups', 'setresgid', 'setresuid', 'prctl', 'chdir', 'chroot']


@needs_strace
@pytest.mark.parametrize('error', ['EAGAIN', 'EPERM'])
@pytest.mark.parametrize('call', REFUSED)
def test_when_a_privilege_cannot_be_given_up_no_code_runs(start, error_log, tmp_directory, call, error):
    """The supervisor is traced from when the zygote is to be made anew: each call of the kind fails."""
    httpd = start('home=/tmp' if call != 'chroot' else 'chroot=/')
    assert httpd.get('/hello').status == 200
    supervisor = titled(httpd, 'supervisor')[0].pid
    zygote, worker = titled(httpd, 'zygote')[0].pid, titled(httpd, 'worker')[0].pid
    trace = tmp_directory / 'trace'
    with traced([supervisor], call, trace, '-f', '-e', f'inject={call}:error={error}'):
        os.kill(zygote, signal.SIGKILL)
        error_log.wait_for('GH0401: ', 20)
        wait_until(lambda: not is_alive(worker), what='the old worker ended')
        ran = [process for process in descendants(supervisor) if 'worker' in process.command]
        assert not ran
    # strace writes a call in two lines when another thread's event comes between.
    assert re.search(rf'(?:{call}\(|{call} resumed>).*{error}.*INJECTED', trace.read_text())
    error_log.allow('GH040[15]: |GH030[23]: |cannot start; the server')
    wait_until(lambda: httpd.get('/hello').status == 200, 30, 'the group serves again')


@needs_strace
@pytest.mark.parametrize('error', ['EAGAIN', 'EPERM'])
def test_when_gatehoused_cannot_be_executed_nothing_runs_and_it_is_tried_again(start, error_log, tmp_directory, error):
    """As it happens above RLIMIT_NPROC: the user is changed, and execve fails."""
    httpd = start()
    assert httpd.get('/hello').status == 200
    supervisor = titled(httpd, 'supervisor')[0].pid
    trace = tmp_directory / 'trace'
    with traced([httpd.pid], 'execve', trace, '-f', '-e', f'inject=execve:error={error}'):
        os.kill(supervisor, signal.SIGKILL)
        error_log.wait_for('GH0110: .*gatehoused could not be executed', 20)
        wait_until(lambda: not titled(httpd, 'worker'), what='the old workers ended')
    assert re.search(rf'execve.*{error}.*INJECTED', trace.read_text())
    error_log.allow('GH011[01]: |GH040[5-7]: |GH030[0-3]: ')
    wait_until(lambda: httpd.get('/hello').status == 200, 40, 'the group serves again')


@needs_strace
def test_what_stays_root_touches_nothing_in_an_applications_directory(server, tmp_directory):
    """Of a directory that its user can turn into a link to anywhere."""
    application = tmp_directory / 'owned'
    application.mkdir()
    shutil.chown(application, 'games', 'games')
    script = application / 'site.wsgi'
    script.write_text('def application(environ, start_response):\n'
                      '    start_response("200 OK", [])\n    return [b"done"]\n')
    httpd = server('WSGIDaemonProcess one user=games\n'
                   f'WSGIScriptAlias / {script} process-group=one application-group=%{{GLOBAL}}\n')
    assert httpd.get('/').status == 200
    traces = [tmp_directory / name for name in ('supervisor', 'parent')]
    calls = '%file,fchmod,fchown'
    with traced([titled(httpd, 'supervisor')[0].pid], calls, traces[0]), traced([httpd.pid], calls, traces[1]):
        for round in range(3):
            stamp = 1_000_000_000 + round
            os.utime(script, (stamp, stamp))
            assert httpd.get('/').status == 200
        httpd.graceful()
        wait_until(lambda: httpd.get('/').status == 200, 30, 'the new generation serves')
    touched = [line for trace in traces for line in trace.read_text().splitlines() if str(application) in line]
    assert not [line for line in touched if not re.match(r'(new)?(f?l?stat|fstatat|statx|access|faccessat2?|l?getxattr)', line)]
