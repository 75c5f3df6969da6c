# SPDX-License-Identifier: Apache-2.0
"""A request's lines go to the error log of its own virtual host."""
import json
import urllib.parse

import pytest

from processes import wait_until

HOSTS = '''
WSGIDaemonProcess one
<VirtualHost *>
  ServerName a.example
  ErrorLog logs/a.log
  WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}
  WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}
</VirtualHost>
<VirtualHost *>
  ServerName b.example
  ErrorLog logs/b.log
  LogLevel warn wsgi:crit
  WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}
  WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one application-group=%{GLOBAL}
</VirtualHost>
<VirtualHost *>
  ServerName c.example
  ErrorLog logs/c.log
  WSGIDaemonProcess inner
  WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=inner application-group=%{GLOBAL}
</VirtualHost>
'''


@pytest.fixture(scope='module')
def httpd(module_server):
    return module_server(HOSTS)


def write(httpd, host, mode, *writes):
    query = urllib.parse.quote(json.dumps(writes))
    assert httpd.get(f'/{mode}/errors?{query}', host=host).status == 200


@pytest.mark.parametrize('stream', ['errors', 'stdout', 'stderr'])
@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_a_line_reaches_the_log_of_its_virtual_host_only(httpd, error_log, mode, stream):
    error_log.expect('to my own host$', times=1)
    write(httpd, 'a.example', mode, [stream, 'to my own host\n'])
    assert error_log.wait_for('to my own host$').file == 'a.log'


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_a_traceback_reaches_the_log_of_its_virtual_host(httpd, error_log, mode):
    assert httpd.get(f'/{mode}/raises', host='a.example').status == 500
    error_log.expect_traceback('ValueError: raised on purpose')
    assert error_log.wait_for('ValueError: raised on purpose').file == 'a.log'


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_loglevel_of_the_virtual_host_decides(httpd, error_log, mode):
    write(httpd, 'b.example', mode, ['errors', 'not loud enough\n'])
    write(httpd, 'a.example', mode, ['errors', 'a marker\n'])
    error_log.expect('a marker$', times=1)
    error_log.wait_for('a marker$')
    assert not error_log.matching('not loud enough')


def test_a_group_of_a_virtual_host_logs_there(httpd, error_log):
    error_log.expect('from the inside$', times=1)
    write(httpd, 'c.example', 'daemon', ['errors', 'from the inside\n'])
    assert error_log.wait_for('from the inside$').file == 'c.log'


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_lines_stand_at_level_error_under_our_module_name(httpd, error_log, mode):
    error_log.expect('of which level$', times=1)
    write(httpd, 'a.example', mode, ['errors', 'of which level\n'])
    fields = error_log.wait_for('of which level$').fields
    assert (fields['module'], fields['level']) == ('wsgi', 'error')


def test_a_stray_write_of_a_daemon_reaches_a_log(httpd, error_log):
    error_log.expect('stray bytes', times=1)
    write(httpd, 'a.example', 'daemon', ['fd2', 'stray bytes\n'])
    error_log.wait_for('stray bytes')


def test_a_print_outside_of_a_request_reaches_the_log(server, error_log):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/prints_at_import.wsgi process-group=one\n')
    error_log.expect('printed while importing$')
    error_log.expect('printed by a thread$')
    assert httpd.get('/').status == 200
    error_log.wait_for('printed by a thread$')


def test_the_access_log_has_the_status_and_size_that_the_client_got(server):
    httpd = server('LogFormat "%>s %B %r" short\nCustomLog logs/access.txt short\nWSGIDaemonProcess one\n'
                   'WSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    httpd.get('/logged')
    wait_until(lambda: httpd.log('access.txt').endswith('\n'), what='a line in the access log')
    assert httpd.log('access.txt') == '200 14 GET /logged HTTP/1.1\n'


def test_the_start_of_groups_is_told_at_level_info(httpd):
    lines = [line for line in httpd.log().splitlines() if ':info]' in line and 'GH04' in line]
    assert any('one' in line for line in lines)


def test_no_error_line_of_ours_lacks_its_code(httpd, error_log):
    httpd.get('/daemon/missing', host='a.example')
    error_log.expect(r'\[wsgi:error\].* GH\d{4}: ', times=1)
