# SPDX-License-Identifier: Apache-2.0
"""What usually goes wrong explains itself in the log: cause, the thing by its name, remedy."""
import grp
import os
import re
import uuid
from pathlib import Path

import pytest

from conftest import PYTHONS
from processes import wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
APPLICATION = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'fine']\n"


@pytest.fixture(params=['embedded', 'daemon'])
def serve(server, tmp_directory, request):
    """A server of a script with this text, which is loaded at the first request; more: configuration, options: of the
    daemon group."""
    def serve(text, more='', options='', groups='%{GLOBAL}'):
        script = tmp_directory / 'app.wsgi'
        script.write_text(text)
        script.chmod(0o644)
        group = '' if request.param == 'embedded' else ' process-group=one'
        return server(f'{more}\nWSGIDaemonProcess one preload=Off {options}\nWSGIDoctor Off\n'
                      f'WSGIScriptAlias / {script}{group} application-group={groups}\n')
    serve.mode = request.param
    serve.directory = tmp_directory
    return serve


def refusal(error_log, pattern):
    error_log.expect_traceback('(ImportError|ModuleNotFoundError)', times=None)
    return error_log.wait_for(pattern).text


@pytest.mark.parametrize('text', [
    'module _shop_core does not support loading in subinterpreters',
    'PyO3 modules do not yet support subinterpreters, see https://github.com/PyO3/pyo3/issues/576'])
def test_an_extension_that_refuses_subinterpreters_is_told_with_the_way_out(serve, error_log, text):
    (serve.directory / 'shop_orders.py').write_text(f'raise ImportError({text!r})\n')
    httpd = serve(f'import sys\nsys.path.insert(0, {str(serve.directory)!r})\nimport shop_orders\n' + APPLICATION,
                  more=f'WSGIScriptAlias /other {serve.directory}/other.wsgi process-group=one application-group=x',
                  groups='sub')
    assert httpd.get('/').status == 500
    line = refusal(error_log, 'GH0604: .*refuses sub-interpreters')
    assert 'application-group=%{GLOBAL}' in line and 'WSGIApplicationGroup %{GLOBAL}' in line
    assert ('extension module _shop_core' if text.startswith('module') else 'that shop_orders imports') in line


def test_an_extension_that_is_imported_by_a_request_is_told_as_well(serve, error_log):
    httpd = serve("def application(environ, start_response):\n"
                  "    raise ImportError('module _late does not support loading in subinterpreters')\n", groups='sub',
                  more=f'WSGIScriptAlias /other {serve.directory}/other.wsgi process-group=one application-group=x')
    assert httpd.get('/').status == 500
    assert 'extension module _late' in refusal(error_log, 'GH0610: .*refuses sub-interpreters')


def test_a_missing_module_is_told_with_sys_path(serve, error_log):
    assert serve('import no_such_module_of_ours\n' + APPLICATION).get('/').status == 500
    line = refusal(error_log, 'GH0604: ')
    assert re.search(r"not on sys\.path, which is \['.*python3", line) and 'no_such_module_of_ours' in line


def test_a_search_path_of_another_python_is_told(serve, error_log):
    packages = serve.directory / 'venv' / 'lib' / 'python3.9' / 'site-packages'
    packages.mkdir(parents=True)
    httpd = serve('import no_such_module_of_ours\n' + APPLICATION, more=f'WSGIPythonPath {packages}',
                  options=f'python-path={packages}')
    assert httpd.get('/').status == 500
    line = refusal(error_log, 'GH0604: ')
    assert f'that has {packages}, which is of Python 3.9, but Python 3.' in line and 'python=3.9' in line


def test_a_module_that_is_installed_for_another_python_is_found(serve, error_log, venv):
    version, home = venv
    module = f'only_elsewhere_{uuid.uuid4().hex}'
    environment = serve.directory / 'venv'
    (environment / 'lib' / 'python3.9' / 'site-packages').mkdir(parents=True)
    (environment / 'lib' / 'python3.9' / 'site-packages' / f'{module}.py').write_text('')
    for name in ('bin', f'lib/python{version}', 'pyvenv.cfg'):
        (environment / name).symlink_to(Path(home) / name)
    httpd = serve(f'import {module}\n' + APPLICATION, more=f'WSGIPythonHome {environment}')
    assert httpd.get('/').status == 500
    line = refusal(error_log, 'GH0604: ')
    assert f'it is in {environment}/lib/python3.9/site-packages, which is of Python 3.9' in line


@as_root
@pytest.mark.parametrize('closed, kind', [('inner', 'directory'), ('inner/app.wsgi', 'file')])
def test_the_first_thing_that_is_closed_is_named(server, tmp_directory, error_log, closed, kind):
    inner = tmp_directory / 'inner'
    inner.mkdir()
    (inner / 'app.wsgi').write_text(APPLICATION)
    # httpd itself may go everywhere: the user of the group may not.
    for path in (inner, inner / 'app.wsgi'):
        os.chown(path, 0, grp.getgrnam('www-data').gr_gid)
        path.chmod(0o755)
    (tmp_directory / closed).chmod(0o750)
    httpd = server('WSGIDaemonProcess one user=games group=games\nWSGIDoctor Off\n'
                   f'WSGIScriptAlias / {inner}/app.wsgi process-group=one\n')
    assert httpd.get('/').status == 403
    error_log.expect(rf'GH0602: script \S+ cannot be read: Permission denied: {kind} {tmp_directory}/{closed} is closed '
                     r'to user \d+ \(mode 0750, owner 0, group \d+\)', times=1)


@as_root
def test_a_python_home_that_is_closed_is_named(server, tmp_directory, error_log, venv):
    version, home = venv
    (tmp_directory / 'inner').mkdir()
    (tmp_directory / 'inner' / 'venv').symlink_to(home)
    (tmp_directory / 'inner').chmod(0o700)
    httpd = server(f'WSGIDaemonProcess one user=games python-home={tmp_directory}/inner/venv\nWSGIDoctor Off\n'
                   'WSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    assert httpd.get('/').status == 503
    error_log.expect(rf'GH\d{{4}}: .*directory {tmp_directory}/inner is closed to user \d+ \(mode 0700')
    error_log.allow("GH03|GH04|group 'one' cannot start")


@as_root
def test_an_embedded_script_that_is_closed_is_named(server, tmp_directory, error_log):
    (tmp_directory / 'app.wsgi').write_text(APPLICATION)
    (tmp_directory / 'app.wsgi').chmod(0o600)
    httpd = server(f'WSGIDoctor Off\nWSGIScriptAlias / {tmp_directory}/app.wsgi\n')
    assert httpd.get('/').status == 403
    error_log.expect(rf'GH0208: .*: file {tmp_directory}/app.wsgi is closed to user \d+ \(mode 0600', times=1)


def test_a_response_header_that_is_too_large_is_named(server, tmp_directory, error_log):
    (tmp_directory / 'app.wsgi').write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('X-Small', 'a'), ('X-Huge', 'x' * (2 << 20))])\n    return []\n")
    httpd = server(f'WSGIDaemonProcess one\nWSGIScriptAlias / {tmp_directory}/app.wsgi process-group=one\n')
    assert httpd.get('/').status == 500
    error_log.expect(r'GH0416: .*the largest is X-Huge of 2097158 bytes; at most \d+ of 1048576 bytes', times=1)


MEMORY = Path('/sys/fs/cgroup/memory')


@pytest.fixture
def small_cgroup():
    """A memory cgroup (version 1) of 200 MB."""
    group = MEMORY / f'gatehouse-{uuid.uuid4().hex}'
    try:
        group.mkdir()
        (group / 'memory.limit_in_bytes').write_text(str(200 << 20))
    except OSError as error:
        pytest.skip(f'no memory cgroup can be made here: {error}')
    yield group
    wait_until(lambda: not (group / 'cgroup.procs').read_text(), what='the cgroup is empty')
    group.rmdir()


@as_root
def test_a_worker_that_the_kernel_killed_for_memory_is_told(servers, tmp_directory, error_log, small_cgroup):
    (tmp_directory / 'app.wsgi').write_text(
        "def application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    return [str(len(bytearray(1 << 30))).encode()]\n")
    httpd = servers.make(f'WSGIDaemonProcess one\nWSGIScriptAlias / {tmp_directory}/app.wsgi process-group=one\n')
    own = (Path('/proc/self/cgroup').read_text().split(':memory:')[1]).split('\n')[0]
    home = MEMORY / own.lstrip('/') if (MEMORY / own.lstrip('/')).is_dir() else MEMORY
    (small_cgroup / 'cgroup.procs').write_text(str(os.getpid()))
    try:
        httpd.start()
    finally:
        (home / 'cgroup.procs').write_text(str(os.getpid()))
    try:
        assert httpd.get('/').status == 502
        error_log.expect(r'GH0406: worker \d+ .* was killed by signal 9 \(SIGKILL\), by the kernel, because cgroup \S+ '
                         'reached its memory limit', times=1)
        error_log.expect('GH0304: ', times=1)
        error_log.wait_for('GH0406')
    finally:
        httpd.stop()
