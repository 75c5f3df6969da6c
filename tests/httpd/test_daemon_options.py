# SPDX-License-Identifier: Apache-2.0
"""Each option of WSGIDaemonProcess, seen in /proc or by the application."""
import grp
import os
import pwd
import re
import time
from pathlib import Path

import pytest

import processes
from clients import at_once
from processes import wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason='only root can change users and look into every process')


@pytest.fixture
def identity(server):
    """What the application of a group with these options says of itself; .process is its process."""
    def start(options, app='identity'):
        httpd = server(f'WSGIDaemonProcess one {options}\n'
                       f'WSGIScriptAliasMatch ^/(\\w+) ${{APPS}}/$1.wsgi process-group=one\n')
        facts = httpd.get(f'/{app}').json()
        facts['process'] = processes.read(facts['pid'])
        return facts
    return start


def ids(name):
    user = pwd.getpwnam(name)
    return user.pw_uid, user.pw_gid


@as_root
def test_a_daemon_runs_as_httpds_user_by_default(identity):
    process = identity('')['process']
    uid, gid = ids('www-data')
    assert process.status('Uid') == [str(uid)] * 4 and process.status('Gid') == [str(gid)] * 4


@as_root
@pytest.mark.parametrize('user', ['games', f'#{ids("games")[0]}'])
def test_user_is_the_daemons_real_effective_and_saved_user(identity, user):
    assert identity(f'user={user}')['process'].status('Uid') == [str(ids('games')[0])] * 4


@as_root
@pytest.mark.parametrize('group', ['mail', f'#{grp.getgrnam("mail").gr_gid}'])
def test_group_is_the_daemons_group(identity, group):
    assert identity(f'user=games group={group}')['process'].status('Gid') == [str(grp.getgrnam('mail').gr_gid)] * 4


@as_root
def test_supplementary_groups_are_exactly_those_named(identity):
    process = identity('user=games group=games supplementary-groups=news,mail')['process']
    games, news, mail = (grp.getgrnam(name).gr_gid for name in ('games', 'news', 'mail'))
    assert set(map(int, process.status('Groups'))) - {games} == {news, mail}


@as_root
def test_without_supplementary_groups_the_users_own_apply(identity):
    process = identity('user=games group=mail')['process']
    assert set(map(int, process.status('Groups'))) <= set(os.getgrouplist('games', grp.getgrnam('mail').gr_gid))


@as_root
def test_a_daemon_has_no_capability(identity):
    process = identity('user=games')['process']
    assert {process.status(field)[0].strip('0') for field in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb')} == {''}


@as_root
def test_home_and_user_variables_are_the_users(identity):
    environment = identity('user=games')['environment']
    assert environment['HOME'] == pwd.getpwnam('games').pw_dir


@as_root
def test_a_user_without_a_home_directory_can_run_applications(identity):
    assert identity('user=nobody')['process'].status('Uid') == [str(ids('nobody')[0])] * 4


def test_umask_is_the_daemons(identity):
    assert identity('umask=0027')['process'].status('Umask') == ['0027']


def test_home_is_the_working_directory_and_first_on_the_path(identity):
    facts = identity('home=/usr/share')
    assert (facts['cwd'], facts['path'][0]) == ('/usr/share', '/usr/share')


@pytest.mark.parametrize('option, title', [('display-name=%{GROUP}', '(wsgi:one)'),
                                           ('display-name=special', 'special')])
def test_display_name_is_the_title_of_the_process(identity, option, title):
    assert identity(option)['process'].command.startswith(title)


def test_python_path_is_on_the_path_in_order(identity, tmp_directory):
    first, second = (tmp_directory / name for name in ('first', 'second'))
    first.mkdir(), second.mkdir()
    path = identity(f'python-path={first}:{second}')['path']
    assert path.index(str(first)) + 1 == path.index(str(second)) < path.index(next(p for p in path if 'python3' in p))


def test_pth_files_in_python_path_are_read(identity, tmp_directory):
    (tmp_directory / 'more').mkdir()
    (tmp_directory / 'extra.pth').write_text(f'{tmp_directory}/more\n')
    assert f'{tmp_directory}/more' in identity(f'python-path={tmp_directory}')['path']


def test_lang_is_in_the_environment(identity):
    assert identity('lang=en_GB.UTF-8')['environment']['LANG'] == 'en_GB.UTF-8'


def test_locale_is_set(server):
    httpd = server('WSGIDaemonProcess one locale=C.UTF-8\nWSGIScriptAlias / ${APPS}/locale.wsgi process-group=one\n')
    assert httpd.get('/').text == 'C.UTF-8 C.UTF-8'


def test_a_locale_that_does_not_exist_is_a_warning(server, error_log):
    httpd = server('WSGIDaemonProcess one locale=xx_XX\nWSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    assert httpd.get('/').status == 200
    assert error_log.wait_for(r'GH0402: .*xx_XX').fields['level'] == 'warn'


def holding(httpd, directory, count):
    """Starts as many requests as given, waits until no more enter the application, and returns who holds them."""
    found = []

    def release():
        wait_until(lambda: len(list(directory.glob('entered-*'))) >= 1, what='a request in the application')
        size = 0
        while size != (size := len(list(directory.glob('entered-*')))) or size == 0:
            time.sleep(0.5)
        found.extend(name.name.split('-')[1] for name in directory.glob('entered-*'))
        (directory / 'go').touch()

    answers = at_once(lambda n: httpd.get(f'/hold?{directory}') if n else release(), range(count + 1))
    assert [answer.status for answer in answers[1:]] == [200] * count
    return found


@pytest.mark.parametrize('processes_, threads', [(1, 1), (1, 3), (2, 2), (3, 1)])
def test_processes_times_threads_requests_run_at_once(server, tmp_directory, processes_, threads):
    httpd = server(f'WSGIDaemonProcess one processes={processes_} threads={threads}\n'
                   'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')
    holders = holding(httpd, tmp_directory, 8)
    assert len(holders) == processes_ * threads and len(set(holders)) == processes_


@pytest.mark.parametrize('timeout', ['1', '0.5'])
def test_queue_timeout_answers_503_at_its_instant_and_says_when_to_come_back(server, tmp_directory, error_log, timeout):
    httpd = server(f'WSGIDaemonProcess one threads=1 queue-timeout={timeout}\n'
                   'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}\n')

    def late():
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='the thread busy')
        start = time.monotonic()
        response = httpd.get('/hello')
        waited = time.monotonic() - start
        (tmp_directory / 'go').touch()
        return response, waited

    first, (second, waited) = at_once(lambda n: late() if n else httpd.get(f'/hold?{tmp_directory}'), range(2))
    assert (first.status, second.status) == (200, 503) and second.header('Retry-After').isdigit()
    assert float(timeout) - 0.05 <= waited < float(timeout) + 0.5
    error_log.expect(r'GH0301: .*one.*queue-timeout', times=1)


def test_socket_timeout_answers_504_when_the_application_is_silent(server, error_log, tmp_directory):
    httpd = server('WSGIDaemonProcess one socket-timeout=1\n'
                   'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi process-group=one\n')
    assert httpd.get(f'/hold?{tmp_directory}').status == 504
    (tmp_directory / 'go').touch()
    error_log.expect(r'GH03\d\d: ', times=1)


def test_a_python_home_that_is_a_virtual_environment_chooses_prefix_and_version(identity, venv):
    version, directory = venv
    facts = identity(f'python-home={directory}')
    assert (facts['prefix'], facts['python']) == (str(directory), version)


def test_python_home_beats_python_of_the_same_version(identity, venv):
    version, directory = venv
    assert identity(f'python={version} python-home={directory}')['prefix'] == str(directory)


def test_the_environment_of_the_caller_does_not_reach_a_daemon(servers):
    server = servers.make('WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/identity.wsgi process-group=one\n')
    server.environment = {'GATEHOUSE_SECRET': 'of root'}
    server.start()
    try:
        assert 'GATEHOUSE_SECRET' not in server.get('/').json()['environment']
    finally:
        server.stop()


def test_a_daemon_cannot_be_traced_by_its_own_user(identity):
    """Dumpable is off: /proc/<pid> belongs to root."""
    facts = identity('')
    assert os.geteuid() != 0 or os.stat(f'/proc/{facts["pid"]}/environ').st_uid == 0


@as_root
def test_a_daemon_holds_no_descriptor_of_httpd(server):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/identity.wsgi process-group=one\n')
    descriptors = Path(f'/proc/{httpd.get("/").json()["pid"]}/fd')
    listening = {line.split()[9] for line in open('/proc/net/tcp') if line.split()[1].endswith(f':{httpd.port:04X}')}
    held = {match[1] for fd in descriptors.iterdir() if (match := re.fullmatch(r'socket:\[(\d+)\]', os.readlink(fd)))}
    assert not held & listening


@as_root
def test_no_shared_memory_is_writable_by_a_daemon_and_mapped_by_the_parent(server):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/identity.wsgi process-group=one\n')
    pid = httpd.get('/').json()['pid']

    def writable_shared(pid):
        maps = (line.split() for line in open(f'/proc/{pid}/maps'))
        return {(fields[3], fields[4]) for fields in maps if fields[1] == 'rw-s'}

    assert not writable_shared(pid) & writable_shared(httpd.pid)
