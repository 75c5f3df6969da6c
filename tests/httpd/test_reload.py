# SPDX-License-Identifier: Apache-2.0
"""A touched script is new code: in daemons for every request that begins after it, embedded by a new import."""
import pytest

from clients import Load, at_once
from deployment import Site
from processes import is_alive, wait_until


@pytest.fixture
def daemon(server, tmp_directory):
    return Site(server, 'WSGIDaemonProcess one processes=2 threads=3\n'
                        'WSGIScriptAlias / {script} process-group=one application-group=%{GLOBAL}\n',
                directory=tmp_directory)


def test_a_daemon_serves_only_new_code_from_the_change_on(daemon):
    for version in map(str, range(2, 8)):
        before = daemon.get()
        daemon.write(version)
        assert [daemon.get()[0] for _ in range(6)] == [version] * 6
        assert before[0] == str(int(version) - 1)


def test_a_change_brings_new_processes_and_the_old_ones_leave(daemon):
    old = {daemon.get()[1] for _ in range(20)}
    daemon.write('2')
    new = {daemon.get()[1] for _ in range(20)}
    assert not old & new
    wait_until(lambda: not any(map(is_alive, old)), what='the old workers left')


def test_an_older_time_is_a_change_too(daemon):
    assert daemon.get()[0] == '1'
    daemon.time -= 5000
    daemon.write('2')
    assert daemon.get()[0] == '2'


def test_requests_at_the_moment_of_a_change_are_all_answered_by_one_version_or_the_other(daemon):
    with Load(daemon.server, '/') as load:
        for version in map(str, range(2, 6)):
            done = load.done
            daemon.write(version)
            wait_until(lambda: load.done > done + 20, what='requests went on')
    assert load.failures == [] and daemon.get()[0] == '5'


def test_a_request_in_hand_is_finished_by_the_old_code(server, tmp_directory):
    site = Site(server, 'WSGIDaemonProcess one threads=3\n'
                        'WSGIScriptAlias / ${ROOT}/app.wsgi process-group=one application-group=%{GLOBAL}\n')
    holding = (site.server.stage.apps / 'hold.wsgi').read_text()
    site.script.write_text(holding)

    def change():
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='a request in the application')
        site.write('2')
        new = site.get()
        (tmp_directory / 'go').touch()
        return new

    held, (version, pid) = at_once(lambda n: change() if n else site.server.get(f'/?{tmp_directory}'), range(2))
    assert (held.status, version) == (200, '2') and held.text != str(pid)


def test_new_code_that_does_not_import_leaves_the_old_generation_serving(daemon, error_log):
    assert daemon.get()[0] == '1'
    daemon.write('2', 'raise ValueError("bad deploy")')
    error_log.allow('bad deploy|Traceback|GH0[46]|  ')
    assert [daemon.get()[0] for _ in range(6)] == ['1'] * 6


def test_the_repair_of_a_bad_deploy_is_served_at_once(daemon, error_log):
    assert daemon.get()[0] == '1'
    daemon.write('2', 'raise ValueError("bad deploy")')
    daemon.server.get('/')
    error_log.expect_traceback('ValueError: bad deploy')
    daemon.write('3')
    assert daemon.get()[0] == '3'


@pytest.mark.parametrize('mpm', ['event', 'prefork'])
def test_embedded_mode_imports_a_changed_script_again(server, mpm):
    site = Site(server, 'WSGIScriptAlias / ${ROOT}/app.wsgi\n', mpm)
    site.write('1')
    assert {site.get()[0] for _ in range(10)} == {'1'}
    site.write('2')
    assert {site.get()[0] for _ in range(10)} == {'2'}


def test_embedded_mode_keeps_its_processes_over_a_change(server):
    site = Site(server, 'StartServers 1\nMinSpareThreads 1\nMaxSpareThreads 32\nWSGIScriptAlias / ${ROOT}/app.wsgi\n')
    site.write('1')
    old = {site.get()[1] for _ in range(10)}
    site.write('2')
    assert {site.get()[1] for _ in range(10)} & old


@pytest.mark.parametrize('group', ['', 'process-group=one'], ids=['embedded', 'daemon'])
def test_wsgiscriptreloading_off_keeps_the_code(server, group):
    site = Site(server, 'WSGIScriptReloading Off\nWSGIDaemonProcess one\n'
                        f'WSGIScriptAlias / ${{ROOT}}/app.wsgi {group} application-group=%{{GLOBAL}}\n'
                        'StartServers 1\nMinSpareThreads 1\nServerLimit 1\nMaxRequestWorkers 16\n')
    site.write('1')
    site.get()
    site.write('2')
    assert [site.get()[0] for _ in range(5)] == ['1'] * 5


def test_cgi_always_runs_the_file_as_it_is(server):
    site = Site(server, 'ScriptAlias / ${ROOT}/app.wsgi/\n')
    for version in '12':
        site.write(version)
        text = site.script.read_text()
        site.script.write_text(f'#!{site.server.stage.build}/gatehouse-cgi\n{text}')
        site.script.chmod(0o755)
        assert site.get()[0] == version
