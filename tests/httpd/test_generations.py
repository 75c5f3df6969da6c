# SPDX-License-Identifier: Apache-2.0
"""New code is loaded beside the old, which serves until the new can; code that cannot be loaded replaces nothing."""
import os
import time

import pytest

from clients import Load, at_once
from deployment import BAD, SCRIPT, Site
from processes import is_alive, wait_until

WAIT_AT_IMPORT = '''
import os, pathlib, time
here = pathlib.Path({directory!r})
(here / 'importing').touch()
while not (here / 'go').exists():
    time.sleep(0.01)
'''
FAILED = r'GH0431: .* the old code serves on'
SERVES = r'GH0441: '


@pytest.fixture
def deploy(server, tmp_directory):
    """Starts a site of one group with these options and its first version of the script."""
    def deploy(options='', extra='', where='application-group=%{GLOBAL}', config=''):
        site = Site(server, f'WSGIDaemonProcess one {options}\n'
                            f'WSGIScriptAlias / {{script}} process-group=one {where}\n{config}',
                    directory=tmp_directory, extra=extra)
        assert site.get()[0] == '1'
        return site
    return deploy


@pytest.mark.parametrize('reload', ['strict', 'rolling'])
@pytest.mark.parametrize('kind', BAD)
def test_code_that_cannot_be_loaded_leaves_the_old_serving(deploy, error_log, kind, reload):
    site = deploy(f'processes=2 reload={reload} startup-timeout=1')
    site.write_bad(kind)
    assert [site.get()[0] for _ in range(5)] == ['1'] * 5
    error_log.wait_for(FAILED)
    assert [site.get()[0] for _ in range(5)] == ['1'] * 5
    error_log.expect(BAD[kind][1])
    error_log.allow(r'GH0[46]|bad deploy|Error|Traceback|\]  ')
    site.write('3')
    wait_until(lambda: site.get()[0] == '3', what='the repair serves')


def test_bad_code_is_logged_once_and_tried_again_in_silence(deploy, error_log):
    site = deploy('processes=2')
    site.write('2', BAD['exception'][0])
    site.get()
    error_log.wait_for(FAILED)
    # The second attempt fails a second later, as a change of the imported module would show.
    tries = site.script.with_name('tries')
    assert not tries.exists()
    site.write('2', f'open({str(tries)!r}, "a").write("x")\n{BAD["exception"][0]}')
    tries.touch()
    tries.chmod(0o666)
    assert site.get()[0] == '1'
    wait_until(lambda: len(tries.read_text()) >= 2, what='a second attempt at the same code')
    assert site.get()[0] == '1'
    error_log.expect_traceback('ValueError: bad deploy', times=2)
    error_log.expect(FAILED, times=2)


def test_a_module_that_is_repaired_is_found_without_a_touch(deploy, error_log):
    site = deploy()
    helper = site.script.with_name('helper.py')
    helper.write_text('raise ValueError("bad module")')
    site.write('2', f'import sys; sys.path.insert(0, {str(helper.parent)!r}); import helper')
    assert site.get()[0] == '1'
    error_log.expect_traceback('ValueError: bad module')
    helper.write_text('')
    wait_until(lambda: site.get()[0] == '2', what='the new code serves')


def test_a_repair_is_loaded_before_anybody_asks_for_it(deploy, error_log):
    site = deploy()
    site.write('2', BAD['exception'][0])
    site.get()
    error_log.wait_for(FAILED)
    error_log.expect_traceback('ValueError: bad deploy')
    before = len(error_log.matching(SERVES))
    site.write('3')
    wait_until(lambda: len(error_log.matching(SERVES)) > before, what='the repair is loaded')
    assert site.get()[0] == '3'


def test_rolling_serves_old_code_while_the_new_is_loaded(deploy, tmp_directory):
    site = deploy('processes=2 reload=rolling')
    site.write('2', WAIT_AT_IMPORT.format(directory=str(tmp_directory)))
    assert site.get()[0] == '1'
    wait_until((tmp_directory / 'importing').exists, what='the new code is being loaded')
    assert [site.get()[0] for _ in range(10)] == ['1'] * 10
    (tmp_directory / 'go').touch()
    wait_until(lambda: site.get()[0] == '2', what='the new code serves')
    assert [site.get()[0] for _ in range(10)] == ['2'] * 10


def test_strict_lets_requests_wait_for_the_new_code(deploy, tmp_directory):
    site = deploy('processes=2 reload=strict')
    old = {site.get()[1] for _ in range(10)}
    site.write('2', WAIT_AT_IMPORT.format(directory=str(tmp_directory)))

    def client(number):
        if number > 0:
            return site.get()
        wait_until((tmp_directory / 'importing').exists, what='the new code is being loaded')
        assert all(map(is_alive, old))
        (tmp_directory / 'go').touch()

    answers = at_once(client, range(8))[1:]
    assert {version for version, _ in answers} == {'2'}


def test_old_workers_leave_only_when_the_new_ones_are_ready(deploy, tmp_directory):
    site = deploy('processes=2 reload=rolling')
    old = {site.get()[1] for _ in range(10)}
    site.write('2', WAIT_AT_IMPORT.format(directory=str(tmp_directory)))
    site.get()
    wait_until((tmp_directory / 'importing').exists, what='the new code is being loaded')
    assert all(map(is_alive, old))
    (tmp_directory / 'go').touch()
    wait_until(lambda: not any(map(is_alive, old)), what='the old workers left')
    assert site.get()[0] == '2'


@pytest.mark.parametrize('reload', ['strict', 'rolling'])
def test_touches_under_load_lose_no_request(deploy, reload):
    site = deploy(f'processes=2 reload={reload}')
    with Load(site.server, '/') as load:
        for version in map(str, range(2, 12)):
            done = load.done
            site.write(version)
            wait_until(lambda: load.done > done + 5, what='requests went on')
    assert load.failures == []
    wait_until(lambda: site.get()[0] == '11', what='the last version serves')


def test_a_storm_of_touches_ends_in_one_generation(deploy, error_log, tmp_directory):
    site = deploy('processes=2')
    before = len(error_log.matching(SERVES))
    for version in map(str, range(2, 42)):
        site.write(version)
    assert site.get()[0] == '41'
    wait_until(lambda: len(error_log.matching(SERVES)) == before + 1, what='one new generation')
    assert {site.get()[0] for _ in range(10)} == {'41'}
    assert len(error_log.matching(SERVES)) == before + 1


def test_a_change_while_one_is_being_loaded_is_loaded_after_it(deploy, tmp_directory):
    site = deploy('processes=2')
    site.write('2', WAIT_AT_IMPORT.format(directory=str(tmp_directory)))

    def client(number):
        if number == 0:
            return site.get()[0]
        wait_until((tmp_directory / 'importing').exists, what='the new code is being loaded')
        site.write('3')
        (tmp_directory / 'go').touch()
        return site.get()[0]

    assert at_once(client, range(2))[1] == '3'


def test_a_request_that_outlasts_graceful_timeout_is_cut_visibly(deploy, error_log, tmp_directory):
    site = deploy('graceful-timeout=0.3', where='application-group=%{GLOBAL}')
    site.write_text((site.server.stage.apps / 'hold.wsgi').read_text())
    error_log.allow(r'GH0407|GH0304')

    def client(number):
        if number == 0:
            return site.server.get(f'/?{tmp_directory}').status
        wait_until(lambda: list(tmp_directory.glob('entered-*')), what='a request in the application')
        site.write('3')
        return site.get()[0]

    assert at_once(client, range(2)) == [502, '3']


def test_code_that_cannot_be_loaded_at_the_start_is_503_until_it_is_repaired(server, error_log):
    httpd = server('')
    script = httpd.root / 'app.wsgi'
    script.write_text(BAD['exception'][0])
    httpd.configure('WSGIDaemonProcess one\nWSGIScriptAlias / ${ROOT}/app.wsgi process-group=one\n')
    httpd.graceful()
    response = wait_until(lambda: (got := httpd.get('/')).status == 503 and got, what='503')
    assert response.header('Retry-After') == '1'
    error_log.expect_traceback('ValueError: bad deploy')
    error_log.expect('GH0432: ', times=1)
    error_log.allow("group 'one' cannot start")
    script.write_text(SCRIPT.format(version='2', extra=''))
    wait_until(lambda: httpd.get('/').status == 200, what='the repaired script serves')


def test_a_script_that_cannot_be_loaded_at_the_start_leaves_others_of_its_group_alone(server, error_log):
    httpd = server('')
    (httpd.root / 'bad.wsgi').write_text(BAD['exception'][0])
    httpd.configure('WSGIDaemonProcess one\nWSGIScriptAlias /bad ${ROOT}/bad.wsgi\n'
                    'WSGIScriptAlias /good ${APPS}/hello.wsgi\n'
                    'WSGIProcessGroup one\nWSGIApplicationGroup %{GLOBAL}\n')
    httpd.graceful()
    wait_until(lambda: httpd.get('/good').status == 200, what='the good script serves')
    assert httpd.get('/bad').status == 500
    error_log.expect_traceback('ValueError: bad deploy', times=2)


def test_a_bad_change_in_a_sub_interpreter_leaves_the_old_code_serving(deploy, error_log):
    site = deploy('processes=2', where='application-group=first',
                  config='WSGIScriptAlias /other ${APPS}/hello.wsgi process-group=one application-group=second\n')
    error_log.wait_for(SERVES)  # each worker loads for itself, and all have loaded the first version
    site.write('2', BAD['exception'][0])
    assert [site.get()[0] for _ in range(5)] == ['1'] * 5
    error_log.expect_traceback('ValueError: bad deploy')
    site.write('3')
    assert site.get()[0] == '3'


def test_scripts_that_the_configuration_does_not_name_have_generations_too(server, error_log):
    site = Site(server, 'WSGIDaemonProcess one processes=1\n'
                        'WSGIScriptAliasMatch ^/$ ${ROOT}/$0app.wsgi process-group=one application-group=%{GLOBAL}\n')
    site.write('1')
    assert site.get()[0] == '1'
    site.write('2', BAD['exception'][0])
    assert [site.get()[0] for _ in range(5)] == ['1'] * 5
    error_log.expect_traceback('ValueError: bad deploy')
    site.write('3')
    assert site.get()[0] == '3'


def test_reload_required_brings_a_new_generation(deploy, tmp_directory):
    due = tmp_directory / 'due'
    site = deploy('', f'def reload_required(path):\n    return os.path.exists({str(due)!r}) and '
                      f'STARTED < os.path.getmtime({str(due)!r})\nSTARTED = time.time()\n')
    first = site.get()[1]
    assert site.get()[1] == first
    due.touch()
    os.utime(due, (time.time() + 0.001,) * 2)
    assert site.get()[1] != first
