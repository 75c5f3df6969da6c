# SPDX-License-Identifier: Apache-2.0
"""What cannot be served: the status, and a line that names the thing and the remedy."""
import os

import pytest

from clients import Mount

CODE = r'GH0[26]\d\d: '


@pytest.fixture(scope='module')
def httpd(module_server):
    return module_server('''
DirectorySlash Off
WSGIDaemonProcess one
WSGIDaemonProcess two
WSGIScriptAliasMatch ^/embedded/(\\w+) ${ROOT}/scripts/$1.wsgi application-group=%{GLOBAL}
WSGIScriptAliasMatch ^/daemon/(\\w+) ${ROOT}/scripts/$1.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /undefined ${ROOT}/scripts/sound.wsgi
<Location /undefined>
  WSGIProcessGroup nobody-defined-me
</Location>
''')


@pytest.fixture(params=['embedded', 'daemon'])
def scripts(httpd, request):
    """A mount on a directory of scripts of its own, .directory."""
    mount = Mount(httpd, f'/{request.param}/')
    mount.directory = httpd.root / 'scripts'
    mount.directory.mkdir(exist_ok=True)
    mount.directory.chmod(0o755)
    return mount


def test_a_missing_script_is_404(scripts, error_log):
    assert scripts.get('missing').status == 404
    error_log.expect(CODE + r'.*scripts/missing\.wsgi', times=1)


@pytest.mark.skipif(os.geteuid() != 0, reason='httpd runs as the owner of the file')
def test_an_unreadable_script_is_403(scripts, error_log):
    script = scripts.directory / 'unreadable.wsgi'
    script.write_text('')
    script.chmod(0)
    assert scripts.get('unreadable').status == 403
    error_log.expect(r'unreadable\.wsgi', times=1)


def test_a_directory_is_403(scripts, error_log):
    (scripts.directory / 'directory.wsgi').mkdir(exist_ok=True)
    assert scripts.get('directory').status == 403
    error_log.expect(CODE + r'.*directory\.wsgi', times=1)


def test_a_syntax_error_is_500_with_the_line(lasting, error_log):
    assert lasting.get('syntax_error').status == 500
    error_log.expect(r'GH0603: .*syntax_error\.wsgi', times=1)
    error_log.expect(r'File ".*/syntax_error\.wsgi", line 3$', times=1)
    error_log.expect_traceback('SyntaxError: ')


def test_an_exception_at_import_is_500_with_its_traceback_once_per_attempt(lasting, error_log):
    for _ in range(2):
        assert lasting.get('import_error').status == 500
    error_log.expect(r'GH0604: script .*/import_error\.wsgi', times=2)
    error_log.expect_traceback("ModuleNotFoundError: No module named 'there_is_no_such_module'", times=2)


def test_sys_exit_at_import_is_500_and_does_not_end_the_process(lasting, error_log):
    assert lasting.get('exits_at_import').status == 500
    assert lasting.get('hello').status == 200
    error_log.expect('SystemExit: not today')
    error_log.expect(r'GH06\d\d: .*exits_at_import\.wsgi')
    error_log.allow(r'\]  |Traceback|GH06')


def test_a_missing_callable_is_500_and_names_file_and_callable(lasting, error_log):
    assert lasting.get('no_callable').status == 500
    error_log.expect(r'GH06\d\d: .*(no_callable\.wsgi.*\bapplication\b|\bapplication\b.*no_callable\.wsgi)', times=1)


def test_a_broken_script_works_once_it_is_repaired(scripts, error_log):
    script = scripts.directory / f'repaired_{scripts.mode}.wsgi'
    script.write_text('broken(')
    assert scripts.get(script.stem).status == 500
    error_log.expect('SyntaxError')
    error_log.allow(r'\]  |Traceback|GH06')
    script.write_bytes((scripts.server.stage.apps / 'hello.wsgi').read_bytes())
    assert scripts.get(script.stem).body == b'Hello, world!\n'


def test_an_undefined_group_is_500_and_the_defined_ones_are_named(scripts, error_log):
    (scripts.directory / 'sound.wsgi').write_bytes((scripts.server.stage.apps / 'hello.wsgi').read_bytes())
    assert scripts.server.get('/undefined').status == 500
    error_log.expect(CODE + '.*nobody-defined-me.*one.*two', times=1)


@pytest.mark.parametrize('app', ['syntax_error', 'import_error', 'no_callable', 'raises'])
def test_a_failing_cgi_script_is_500(site, error_log, app):
    assert Mount(site, '/cgi/').get(app).status == 500
    error_log.expect(r'GH0[67]\d\d: ')
    error_log.allow('.')


def test_a_bad_transfer_encoding_is_501(lasting, error_log):
    error_log.allow(r'AH\d{5}|GH\d{4}')
    data = lasting.server.raw(f'POST {lasting.path("echo_body")} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n'
                              'Connection: close\r\n\r\n'.encode())
    assert int(data.split(b' ', 2)[1]) in (400, 501)


def test_a_failure_in_one_request_leaves_others_alone(lasting, error_log):
    assert [lasting.get(app).status for app in ('raises', 'hello', 'raises', 'hello')] == [500, 200, 500, 200]
    error_log.expect_traceback('ValueError: raised on purpose', times=2)
