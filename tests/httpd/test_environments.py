# SPDX-License-Identifier: Apache-2.0
"""Virtual environments of every make: an application sees what the environment's own python reports. And the
environment variables of a process group."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pythons
from conftest import PYTHONS, RECENT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason='only root can start groups of other users')
# The application's own words.
REPORT = 'exec(open({script!r}).read()); print(b"".join(application({{}}, lambda *_: None)).decode())'


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def by_venv(python, target, *options):
    run(python, '-m', 'venv', '--without-pip', *options, target)


def by_virtualenv(python, target):
    run(sys.executable, '-m', 'virtualenv', '--quiet', '--no-seed', '--no-periodic-update', '--python', python, target)


def by_uv(python, target):
    run(Path(sys.executable).parent / 'uv', 'venv', '--quiet', '--offline', '--no-project', '--no-config', '--python',
        python, target)


def moved(python, target):
    by_venv(python, target.with_name('before'))
    target.with_name('before').rename(target)


def named_by_a_link(python, target):
    by_venv(python, target.with_name('behind'))
    target.symlink_to('behind')


def installation(python, target):
    """A whole Python in a directory, as conda makes them: no pyvenv.cfg, the standard library in lib/."""
    prefix = Path(subprocess.run([python, '-c', 'import sys; print(sys.base_prefix)'], capture_output=True, text=True,
                                 check=True).stdout.strip())
    if prefix == Path('/usr'):
        pytest.skip('the distribution\'s Python is no directory of its own')
    shutil.copytree(prefix, target, symlinks=True)
    if not (target / 'bin' / 'python').exists():
        (target / 'bin' / 'python').symlink_to(Path(python).name)


MAKES = {
    'venv': by_venv,
    'venv of copies': lambda python, target: by_venv(python, target, '--copies'),
    'venv with the system\'s packages': lambda python, target: by_venv(python, target, '--system-site-packages'),
    'virtualenv': by_virtualenv,
    'uv': by_uv,
    'moved': moved,
    'named by a link': named_by_a_link,
    'installation': installation,
}


@pytest.fixture
def environment(tmp_directory):
    """Makes one; returns its directory."""
    def make(kind, version):
        target = tmp_directory / 'environment'
        MAKES[kind](pythons.executables()[version], target)
        return target
    return make


def reported(stage, home):
    """What the environment's python says itself."""
    program = REPORT.format(script=str(stage.apps / 'python_facts.wsgi'))
    # As httpd's environment is: what this test was started with does not count.
    done = subprocess.run([home / 'bin' / 'python', '-c', program], capture_output=True, text=True, check=False,
                          cwd='/', env={'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'HOME': '/var/www'})
    if done.returncode == 127:
        pytest.skip('its own python finds no libpython: that of this machine looks for it beside itself')
    return json.loads(done.stdout)


@pytest.mark.parametrize('version', PYTHONS)
@pytest.mark.parametrize('kind', MAKES)
def test_an_environment_is_what_its_own_python_reports(server, stage, environment, kind, version):
    home = environment(kind, version)
    httpd = server(f'WSGIPythonHome {home}\n'
                   f'WSGIDaemonProcess one python-home={home}\n'
                   'WSGIScriptAlias /daemon ${APPS}/python_facts.wsgi process-group=one\n'
                   'WSGIScriptAlias /embedded ${APPS}/python_facts.wsgi\n')
    wanted = reported(stage, home)
    assert wanted['version'][:2] == [3, pythons.minor(version)]
    for mode in ('daemon', 'embedded'):
        assert httpd.get(f'/{mode}').json() == wanted, mode


@pytest.mark.skipif(len(PYTHONS) < 2, reason='needs two Pythons')
def test_an_environment_of_another_version_is_one_clear_line(configtest, environment):
    home = environment('venv', PYTHONS[0])
    status, output = configtest(f'WSGIDaemonProcess one python={PYTHONS[1]} python-home={home}\n')
    assert status != 0
    lines = [line for line in output.splitlines() if 'GH' in line]
    assert len(lines) == 1 and f'python={PYTHONS[1]}' in lines[0] and f'of Python {PYTHONS[0]}' in lines[0], output


def test_an_environment_whose_python_is_gone_is_one_clear_line(server, environment, error_log):
    home = environment('venv', PYTHONS[0])
    httpd = server('')
    (home / 'bin' / 'python').unlink()
    httpd.configure(f'WSGIDaemonProcess one python-home={home}\n'
                    'WSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    error_log.expect('GH0403: .*' + re.escape(str(home)))
    error_log.allow('GH0302|GH0403|GH0405|cannot start; the server.s error log says why')
    httpd.restart()
    assert httpd.get('/').status == 503


# --- Environment variables of a group


@pytest.fixture(params=RECENT)
def variables(server, request):
    def start(options):
        httpd = server(f'WSGIDaemonProcess one python={request.param} {options}\n'
                       f'WSGIScriptAlias / ${{APPS}}/identity.wsgi process-group=one\n')
        return httpd.get('/').json()['environment']
    return start


def test_setenv_may_be_given_several_times(variables):
    found = variables('setenv=ONE=1 "setenv=TWO=two words" setenv=THREE=a=b setenv=ONE=last')
    assert (found['ONE'], found['TWO'], found['THREE']) == ('last', 'two words', 'a=b')


def test_env_file_fills_the_environment(variables, tmp_directory):
    file = tmp_directory / 'variables'
    file.write_text('# secrets\nexport ONE=1\nTWO="two\\nlines"  # quoted\nHOME=/elsewhere\n')
    file.chmod(0o644)
    found = variables(f'env-file={file} setenv=ONE=option')
    assert (found['ONE'], found['TWO'], found['HOME']) == ('option', 'two\nlines', '/elsewhere')


def test_variables_are_there_before_python_starts(server, tmp_directory):
    (tmp_directory / 'library').mkdir()
    httpd = server(f'WSGIDaemonProcess one setenv=PYTHONPATH={tmp_directory}/library\n'
                   'WSGIScriptAlias / ${APPS}/identity.wsgi process-group=one\n')
    assert f'{tmp_directory}/library' in httpd.get('/').json()['path']


@pytest.mark.parametrize('text, reason', [(None, 'No such file'), ('A=1\nB\n', 'line 2: write NAME=VALUE')])
def test_a_bad_env_file_keeps_the_group_from_starting(server, tmp_directory, error_log, text, reason):
    file = tmp_directory / 'variables'
    if text:
        file.write_text(text)
        file.chmod(0o644)
    error_log.expect(f'GH0403: .*{re.escape(str(file))}.*{reason}')
    error_log.allow('GH0302|GH0405|cannot start; the server.s error log says why')
    httpd = server(f'WSGIDaemonProcess one env-file={file}\nWSGIScriptAlias / ${{APPS}}/hello.wsgi process-group=one\n')
    assert httpd.get('/').status == 503


@as_root
def test_env_file_is_opened_by_the_groups_user_and_never_by_root(server, tmp_directory, error_log):
    file = tmp_directory / 'variables'
    file.write_text('SECRET=1\n')
    file.chmod(0o600)  # root's alone
    error_log.expect(f'GH0403: .*{re.escape(str(file))}.*Permission denied')
    error_log.allow('GH0302|GH0405|cannot start; the server.s error log says why')
    httpd = server(f'WSGIDaemonProcess one env-file={file}\nWSGIScriptAlias / ${{APPS}}/hello.wsgi process-group=one\n')
    assert httpd.get('/').status == 503


@pytest.mark.parametrize('option', ['setenv=NAME', 'setenv==value', 'env-file=relative.env'])
def test_a_bad_option_is_refused(configtest, option):
    status, output = configtest(f'WSGIDaemonProcess one {option}\n')
    assert status != 0 and option.split('=')[0] in output
