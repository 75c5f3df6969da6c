# SPDX-License-Identifier: Apache-2.0
"""Directives that live on in configurations with nothing left to do: accepted, with one notice that tells what to do
instead."""
import re

import pytest

# a line as people have it, and what its notice tells to do
GLOBAL = [
    ('WSGISocketPrefix run/wsgi', 'remove'), ('WSGISocketRotation Off', 'remove'), ('WSGIAcceptMutex pthread', 'remove'),
    ('WSGILazyInitialization On', 'remove'), ('WSGIVerboseDebugging On', 'LogLevel wsgi:debug'),
    ('WSGIPy3kWarningFlag On', 'remove'), ('WSGICaseSensitivity Off', 'remove'),
    ('WSGINewRelicConfigFile /etc/newrelic.ini', 'newrelic.agent.initialize'),
    ('WSGINewRelicEnvironment production', 'newrelic.agent.initialize'),
]
ANYWHERE = [('WSGIReloadMechanism Process', 'WSGIScriptReloading')]
SECTION = [('WSGIGroupAuthoritative Off', 'RequireAny')]


def notices(output):
    return re.findall(r':notice\].*GH0130: (.*)', output)


@pytest.mark.parametrize('line, advice', GLOBAL + ANYWHERE)
def test_a_line_is_accepted_with_a_notice_that_tells_what_to_do(configtest, line, advice):
    status, output = configtest(line + '\n')
    assert status == 0 and 'Syntax OK' in output
    assert len(notices(output)) == 1 and line.split()[0] in notices(output)[0] and advice in notices(output)[0], output


@pytest.mark.parametrize('line, advice', ANYWHERE + SECTION)
def test_a_line_in_a_section_is_accepted_with_a_notice(configtest, line, advice):
    status, output = configtest(f'<Location /a>\n{line}\n</Location>\n')
    assert status == 0 and len(notices(output)) == 1 and advice in notices(output)[0], output


def test_a_line_that_is_repeated_gets_one_notice(configtest):
    hosts = ''.join(f'<VirtualHost *>\nServerName {name}\nWSGIReloadMechanism Process\n</VirtualHost>\n' for name in 'abc')
    assert len(notices(configtest(hosts)[1])) == 1


@pytest.mark.parametrize('line', [line for line, _ in GLOBAL])
@pytest.mark.parametrize('container', ['VirtualHost *', 'Location /'])
def test_a_global_line_is_refused_elsewhere(configtest, line, container):
    status, output = configtest(f'<{container}>\n{line}\n</{container.split()[0]}>\n')
    assert status != 0 and line.split()[0] in output


@pytest.mark.parametrize('line', [line for line, _ in GLOBAL + ANYWHERE + SECTION])
def test_an_argument_is_needed(configtest, line):
    status, output = configtest(f'<Location />\n{line.split()[0]}\n</Location>\n' if line.startswith('WSGIGroup')
                                else line.split()[0] + '\n')
    assert status != 0 and line.split()[0] in output


def test_a_configuration_of_many_years_serves(server, tmp_directory, stage, error_log):
    (tmp_directory / 'app.wsgi').write_bytes((stage.apps / 'hello.wsgi').read_bytes())
    (tmp_directory / '.htaccess').write_text('WSGIReloadMechanism Module\nWSGIIgnoreActivity On\nWSGIGroupAuthoritative On\n')
    lines = '\n'.join(line for line, _ in GLOBAL + ANYWHERE)
    httpd = server(f'{lines}\nWSGIDaemonProcess one\nWSGIScriptAlias /embedded {tmp_directory}/app.wsgi\n'
                   f'WSGIScriptAlias /daemon {tmp_directory}/app.wsgi process-group=one\n'
                   f'<Directory {tmp_directory}>\nAllowOverride FileInfo AuthConfig\n</Directory>\n')
    for mode in ('embedded', 'daemon'):
        assert httpd.get(f'/{mode}').status == 200
    assert len(error_log.matching('GH0130')) == len(GLOBAL + ANYWHERE)
