# SPDX-License-Identifier: Apache-2.0
"""What the processes of a group may use, where they live, and whose scripts they run."""
import json
import os
import pathlib
import pwd
import shutil
import sysconfig
import time
import urllib.parse

import pytest

as_root = pytest.mark.skipif(os.geteuid() != 0, reason='only root can change users and root directories')

CONFIG = ('WSGIDaemonProcess one {}\n'
          'WSGIScriptAliasMatch ^/(\\w+) ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}\n')


@pytest.fixture
def start(server):
    return lambda options: server(CONFIG.format(options))


@pytest.fixture
def facts(start):
    """What an application of a group with these options may use."""
    return lambda options: start(options).get('/limits').json()


def test_memory_limit_is_the_limit_of_data(facts):
    assert facts('memory-limit=500000000')['data'] == [500_000_000, 500_000_000]


def test_virtual_memory_limit_is_the_limit_of_the_address_space(facts):
    assert facts('virtual-memory-limit=4000000000')['space'] == [4_000_000_000, 4_000_000_000]


def test_an_application_that_wants_more_memory_gets_a_memory_error(start, error_log, tmp_directory):
    httpd = start('memory-limit=300000000 threads=1')
    assert httpd.get('/allocate?1000000000').status == 500
    assert httpd.get('/hello').status == 200
    error_log.expect_traceback('MemoryError')


def test_cpu_priority_is_the_nice_value(facts):
    assert facts('cpu-priority=5')['nice'] == 5


def test_cpu_scheduling_is_the_policy_of_the_kernel(facts):
    assert facts('')['policy'] == os.SCHED_BATCH
    assert facts('cpu-scheduling=other')['policy'] == os.SCHED_OTHER


@pytest.mark.skipif(os.geteuid() == 0, reason='root may')
def test_a_priority_that_the_kernel_refuses_is_a_warning(facts, error_log):
    assert facts('cpu-priority=-5')['nice'] == 0
    assert error_log.wait_for('GH0410: .*cpu-priority').fields['level'] == 'warn'


@pytest.mark.parametrize('size', [1_000_000, 300_001])
def test_stack_size_is_the_stack_of_a_thread(facts, size):
    assert 0 <= facts(f'stack-size={size}')['stack'] - size < 4096


def test_a_stack_that_is_too_small_for_python_is_as_small_as_possible(facts):
    assert facts('stack-size=1 threads=1')['stack'] == 262144


def test_buffer_sizes_are_those_of_the_channels(facts):
    # The kernel doubles what is set.
    assert [2 * 33000, 2 * 44000] in facts('send-buffer-size=33000 receive-buffer-size=44000')['buffers']


def test_by_default_a_response_has_512_kib_of_room_in_its_channel_or_what_the_kernel_allows(facts):
    most = int(pathlib.Path('/proc/sys/net/core/wmem_max').read_text())
    assert 2 * min(512 << 10, most) in [send for send, _ in facts('')['buffers']]


def respond(httpd, headers):
    plan = json.dumps({'status': '200 OK', 'headers': headers, 'blocks': ['x']})
    return httpd.get('/respond?' + urllib.parse.quote(plan))


def test_a_header_longer_than_header_buffer_size_is_500_and_named_with_its_size(start, error_log):
    httpd = start('header-buffer-size=8192')
    fitting = 8192 - len('X-Long: ')
    assert httpd.get(f'/long_header?{fitting}').status == 200
    assert httpd.get(f'/long_header?{fitting + 1}').status == 500
    error_log.expect(r'GH0416: .*X-Long has 8193 bytes; header-buffer-size allows 8192', times=1)


def test_a_client_that_reads_nothing_for_response_socket_timeout_is_given_up(start):
    httpd = start('response-socket-timeout=0.3 threads=1')
    with httpd.connect() as slow:
        slow.send(b'GET /endless HTTP/1.1\r\nHost: x\r\n\r\n')
        begun = time.monotonic()
        # The group's only thread is free as soon as the client is given up.
        assert httpd.get('/hello').status == 200
        assert time.monotonic() - begun < 15  # httpd's own Timeout is 20 s


@pytest.mark.parametrize('option', ['socket-user=www-data', 'response-flush-delay=7'])
def test_an_option_with_nothing_left_to_do_gets_one_notice(start, error_log, option):
    httpd = start(option)
    assert httpd.get('/hello').status == 200
    notices = [line for line in error_log.matching('GH0130: .*' + option.split('=')[0]) if
               line.fields['level'] == 'notice']
    assert len(notices) == 1


# --- script-user, script-group


@pytest.fixture
def own_script(server, tmp_directory):
    """A script of a directory of its own, both of this owner and mode, in a group with these options."""
    def start(options, owner='games', mode=0o755, directory_mode=0o755):
        user = pwd.getpwnam(owner)
        directory = tmp_directory / 'site'
        directory.mkdir()
        script = directory / 'app.wsgi'
        script.write_text('def application(environ, start_response):\n'
                          '    start_response("200 OK", [])\n    return [b"mine"]\n')
        for path, bits in ((script, mode), (directory, directory_mode)):
            os.chown(path, user.pw_uid, user.pw_gid)
            path.chmod(bits)
        httpd = server(f'WSGIDaemonProcess one {options}\n'
                       f'WSGIScriptAlias / {script} process-group=one application-group=%{{GLOBAL}}\n')
        return httpd.get('/').status
    return start


@as_root
@pytest.mark.parametrize('options, more', [
    ('script-user=games', {}), ('script-user=#5', {}), ('script-group=games', {}),
    ('script-group=games', {'mode': 0o775, 'directory_mode': 0o775})])
def test_a_script_of_the_right_owner_runs(own_script, options, more):
    assert own_script(options, **more) == 200


@as_root
@pytest.mark.parametrize('options, more, reason', [
    ('script-user=games', {'owner': 'news'}, 'belongs to user'),
    ('script-user=games', {'mode': 0o775}, 'the script can be written to by its group'),
    ('script-user=games', {'directory_mode': 0o757}, 'the directory of the script can be written to by everybody'),
    ('script-group=games', {'owner': 'news'}, 'belongs to group'),
    ('script-group=games', {'mode': 0o757}, 'the script can be written to by everybody')])
def test_a_script_that_others_could_have_changed_is_403(own_script, error_log, options, more, reason):
    assert own_script(options, **more) == 403
    error_log.expect('GH0216: .*' + reason, times=1)


def test_a_script_user_that_does_not_exist_fails_configtest(configtest):
    status, output = configtest('WSGIDaemonProcess one script-user=nobody-has-this-name\n')
    assert status != 0 and 'there is no such user' in output


# --- chroot

HOME = sysconfig.get_config_var('prefix')


@pytest.fixture(scope='module')
def jail(stage):
    """A root directory that has what Python needs, and an application."""
    root = stage.root / 'jail'
    library = sysconfig.get_path('stdlib')
    shutil.copytree(library, str(root) + library, symlinks=True,
                    ignore=shutil.ignore_patterns('test', '__pycache__', 'config-*', 'dist-packages', 'site-packages'))
    (root / 'site').mkdir()
    (root / 'site' / 'view.wsgi').write_text(
        'import json, os\n'
        'def application(environ, start_response):\n'
        '    facts = {name: environ.get(name) for name in ("SCRIPT_FILENAME", "DOCUMENT_ROOT")}\n'
        '    facts.update(root=os.listdir("/"), cwd=os.getcwd())\n'
        '    start_response("200 OK", [])\n'
        '    return [json.dumps(facts).encode()]\n')
    return root


@as_root
def test_chroot_is_all_that_a_process_sees(server, jail):
    httpd = server(f'WSGIPythonHome {HOME}\nWSGIDaemonProcess one chroot={jail} home=/site user=games\n'
                   f'DocumentRoot {jail}/site\n'
                   f'WSGIScriptAlias / {jail}/site/view.wsgi process-group=one application-group=%{{GLOBAL}}\n')
    facts = httpd.get('/').json()
    assert sorted(facts['root']) == sorted(os.listdir(jail)) and facts['cwd'] == '/site'
    assert facts['SCRIPT_FILENAME'] == '/site/view.wsgi' and facts['DOCUMENT_ROOT'] == '/site'


@as_root
def test_a_script_outside_of_chroot_is_502_with_its_reason(server, jail, error_log):
    httpd = server(f'WSGIPythonHome {HOME}\nWSGIDaemonProcess one chroot={jail}\n'
                   'WSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    assert httpd.get('/').status == 502
    error_log.expect(r'GH0217: .*hello.wsgi does not lie below', times=1)


@as_root
def test_a_chroot_that_does_not_exist_is_503_and_no_code_runs(server, error_log, tmp_directory):
    httpd = server(f'WSGIDaemonProcess one chroot={tmp_directory}/missing\n'
                   f'WSGIScriptAlias / {tmp_directory}/missing/app.wsgi process-group=one\n')
    assert error_log.wait_for(r'GH0401: .*chroot').fields['level'] == 'crit'
    error_log.allow('GH0401: ')
    assert not [process for process in httpd.processes() if 'worker' in process.command]


@pytest.mark.skipif(os.geteuid() == 0, reason='root may')
def test_chroot_without_root_fails_configtest(configtest):
    status, output = configtest('WSGIDaemonProcess one chroot=/srv\n')
    assert status != 0 and 'must be started as root' in output
