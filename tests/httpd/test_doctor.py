# SPDX-License-Identifier: Apache-2.0
"""httpd -t, and a start, warn about what is odd in a configuration; each warning has a code that WSGIDoctor hides."""
import grp
import os
import re

import pytest

from conftest import PYTHONS

as_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
APP = '${APPS}/hello.wsgi'


@pytest.fixture
def findings(configtest):
    """The codes and texts that httpd -t tells about a configuration that it accepts."""
    def findings(config, **options):
        status, output = configtest(config, **options)
        assert status == 0 and output.endswith('Syntax OK\n'), output
        return re.findall(r'(GH01\d\d): (.*)', output)
    return findings


@pytest.fixture
def environment(tmp_directory):
    """Makes a directory that looks like a virtual environment of a version, with modules of these names."""
    def environment(version, *modules):
        packages = tmp_directory / 'venv' / 'lib' / f'python{version}' / 'site-packages'
        packages.mkdir(parents=True)
        (tmp_directory / 'venv' / 'pyvenv.cfg').write_text(f'home = /usr/bin\nversion = {version}.1\n')
        for module in modules:
            (packages / module).mkdir()
        return tmp_directory / 'venv'
    return environment


def codes(found):
    return [code for code, _ in found]


def test_nothing_is_said_of_a_configuration_that_is_in_order(findings):
    assert findings(f'WSGIDaemonProcess one\nWSGIScriptAlias / {APP} process-group=one\n') == []


def test_a_group_that_nobody_uses_is_named_with_its_place(findings):
    (code, text), = findings(f'WSGIDaemonProcess one\nWSGIDaemonProcess two\nWSGIScriptAlias / {APP} process-group=one\n')
    assert code == 'GH0140' and '"two"' in text and re.search(r'httpd\.conf:\d+', text)


@pytest.mark.parametrize('use', [
    f'WSGIScriptAlias / {APP} process-group=one', f'WSGIScriptAlias / {APP}\nWSGIProcessGroup one',
    f'WSGIScriptAliasMatch ^/(.*) {APP} "process-group=one"', '<Directory /srv>\nWSGIProcessGroup one\n</Directory>',
    '<VirtualHost *>\n<Location /a>\n<If "true">\nWSGIProcessGroup one\n</If>\n</Location>\n</VirtualHost>',
    f'WSGIScriptAlias / {APP} process-group=%{{ENV:group}}'])
def test_every_way_to_use_a_group_counts(findings, use):
    assert 'GH0140' not in codes(findings(f'WSGIDaemonProcess one\n{use}\n'))


def test_a_group_that_does_not_exist_is_named_with_the_place_that_names_it(findings):
    (code, text), = findings('<VirtualHost *>\n<Directory /srv>\nWSGIProcessGroup gone\n</Directory>\n</VirtualHost>\n')
    assert code == 'GH0105' and 'WSGIProcessGroup at ' in text and '"gone"' in text
    assert re.search(r'httpd\.conf:\d+ names', text)


def test_a_group_of_a_virtual_host_with_another_servername(findings):
    (code, text), = findings('<VirtualHost *>\nServerName a\nWSGIDaemonProcess one\n'
                             f'WSGIScriptAlias / {APP} process-group=one\n</VirtualHost>\n'
                             f'<VirtualHost *>\nServerName b\nWSGIScriptAlias / {APP} process-group=one\n</VirtualHost>\n')
    assert code == 'GH0147' and '"one"' in text and re.search(r'WSGIScriptAlias at \S+ names', text)


def test_an_application_is_embedded_although_its_virtual_host_has_a_group(findings):
    found = findings('<VirtualHost *>\nServerName a\nWSGIDaemonProcess one\n'
                     f'WSGIScriptAlias /a {APP}\nWSGIScriptAlias /b {APP} process-group=one\n</VirtualHost>\n'
                     f'<VirtualHost *>\nServerName b\nWSGIScriptAlias / {APP}\n</VirtualHost>\n')
    (code, text), = found
    assert code == 'GH0141' and 'WSGIScriptAlias /a at ' in text and 'process-group=one' in text


@pytest.mark.parametrize('choice', ['process-group=%{GLOBAL}', '\nWSGIProcessGroup %{GLOBAL}',
                                    '\n<Directory ${APPS}>\nWSGIProcessGroup one\n</Directory>'])
def test_embedded_by_choice_is_not_warned_of(findings, choice):
    assert 'GH0141' not in codes(findings(f'WSGIDaemonProcess one\nWSGIScriptAlias /b {APP} process-group=one\n'
                                          f'WSGIScriptAlias /a {APP} {choice}\n'))


@pytest.mark.parametrize('place', ['python-home={}', 'python-path={}/lib/python{version}/site-packages'])
def test_two_application_groups_share_a_module_that_allows_one_interpreter(findings, environment, place):
    home = environment(PYTHONS[-1], 'numpy', 'flask')
    option = place.format(home, version=PYTHONS[-1])
    shared = ' application-group=%{GLOBAL}'
    config = (f'WSGIDaemonProcess one {option}\n'
              f'WSGIScriptAlias /a {APP} process-group=one\nWSGIScriptAlias /b {APP} process-group=one\n')
    (code, text), = findings(config)
    assert code == 'GH0142' and 'numpy' in text and 'flask' not in text and '"one"' in text
    assert findings(config.replace('process-group=one', 'process-group=one' + shared)) == []


def test_embedded_application_groups_share_such_a_module(findings, environment):
    config = f'WSGIPythonHome {environment(PYTHONS[-1], "cryptography")}\n'
    assert codes(findings(config + f'WSGIScriptAlias /a {APP}\n')) == []
    (code, text), = findings(config + f'WSGIScriptAlias /a {APP}\nWSGIScriptAlias /b {APP}\n')
    assert code == 'GH0142' and text.startswith('embedded mode') and 'cryptography' in text


AUTHENTICATION = ('<Location /a>\nAuthType Basic\nAuthName a\nAuthBasicProvider file\nAuthUserFile /dev/null\n{}\n'
                  '</Location>\n')
AUTH_MODULES = ('authn_core', 'authn_file', 'auth_basic', 'authz_user')


def test_authorization_that_nobody_checks_and_nobody_sees(findings):
    alias = f'WSGIScriptAlias /a/b {APP}\n'
    (code, text), = findings(alias + AUTHENTICATION.format('Require all granted'), modules=AUTH_MODULES)
    assert code == 'GH0143' and '<Location /a>' in text and 'WSGIPassAuthorization' in text


@pytest.mark.parametrize('path, lines', [
    ('/a', 'Require valid-user'), ('/a', 'Require all granted\nWSGIPassAuthorization On'),
    ('/a', '<RequireAny>\nRequire ip 10\nRequire user joe\n</RequireAny>'), ('/other', 'Require all granted')])
def test_authorization_that_is_checked_or_seen_is_fine(findings, path, lines):
    alias = f'WSGIScriptAlias {path} {APP}\n'
    assert findings(alias + AUTHENTICATION.format(lines), modules=AUTH_MODULES) == []


def test_a_python_home_that_is_no_environment(findings, tmp_directory):
    use = f'\nWSGIScriptAlias / {APP} process-group=one\n'
    (code, text), = findings(f'WSGIDaemonProcess one python-home={tmp_directory}/none' + use)
    assert code == 'GH0144' and f'python-home={tmp_directory}/none of WSGIDaemonProcess one' in text
    assert 'is no directory' in text
    (code, text), = findings(f'WSGIDaemonProcess one python-home={tmp_directory}' + use)
    assert code == 'GH0144' and 'pyvenv.cfg' in text


def test_a_python_home_of_another_python(findings, environment):
    home = environment('3.11')
    other = next(version for version in PYTHONS if version != '3.11')
    (code, text), = findings(f'WSGIPythonHome {home}\nWSGIPython {other}\n')
    assert code == 'GH0144' and 'is of Python 3.11' in text and f'Python {other} is asked for' in text


@as_root
def test_a_python_home_that_the_user_of_its_group_cannot_reach(findings, environment, tmp_directory):
    home = environment(PYTHONS[-1])
    tmp_directory.chmod(0o700)
    (code, text), = findings(f'WSGIDaemonProcess one user=games python-home={home}\n'
                             f'WSGIScriptAlias / {APP} process-group=one\n')
    assert code == 'GH0144' and f'directory {tmp_directory} is closed to user games' in text


def test_a_python_home_that_fits_is_fine(findings, venv):
    version, home = venv
    assert findings(f'WSGIDaemonProcess one python-home={home}\nWSGIScriptAlias / {APP} process-group=one\n'
                    f'WSGIPythonHome {home}\nWSGIPython {version}\n') == []


@as_root
@pytest.mark.parametrize('options, mode, closed', [
    ('user=games', 0o700, 'user games'), ('user=games group=games', 0o770, 'user games'), ('', 0o700, 'user www-data')])
def test_a_script_that_the_user_of_its_group_cannot_reach(findings, tmp_directory, options, mode, closed):
    (tmp_directory / 'inner').mkdir()
    (tmp_directory / 'inner' / 'app.wsgi').write_text('')
    tmp_directory.chmod(mode)
    (code, text), = findings(f'WSGIDaemonProcess one {options}\n'
                             f'WSGIScriptAlias /a {tmp_directory}/inner/app.wsgi process-group=one\n')
    assert code == 'GH0145' and f'directory {tmp_directory} is closed to {closed} (mode 0{mode:o}' in text
    assert 'WSGIScriptAlias /a at ' in text


@as_root
def test_a_script_that_a_supplementary_group_may_read_is_fine(findings, tmp_directory):
    (tmp_directory / 'app.wsgi').write_text('')
    os.chown(tmp_directory, 0, grp.getgrnam('games').gr_gid)
    tmp_directory.chmod(0o750)
    alias = f'WSGIScriptAlias / {tmp_directory}/app.wsgi process-group=one\n'
    assert codes(findings(f'WSGIDaemonProcess one user=daemon\n{alias}')) == ['GH0145']
    assert findings(f'WSGIDaemonProcess one user=daemon supplementary-groups=games\n{alias}') == []


@as_root
def test_an_embedded_script_that_httpds_user_cannot_read(findings, tmp_directory):
    (tmp_directory / 'app.wsgi').write_text('')
    (tmp_directory / 'app.wsgi').chmod(0o600)
    (code, text), = findings(f'WSGIScriptAlias / {tmp_directory}/app.wsgi\n')
    assert code == 'GH0145' and f'file {tmp_directory}/app.wsgi is closed to user www-data' in text


def test_a_script_that_does_not_exist(findings, tmp_directory):
    (code, text), = findings(f'WSGIScriptAlias / {tmp_directory}/missing/app.wsgi\n')
    assert code == 'GH0145' and f'{tmp_directory}/missing does not exist' in text


def test_identical_definitions_are_one_group_with_a_notice(configtest):
    host = ('<VirtualHost *>\nServerName a\nWSGIDaemonProcess one\n'
            f'WSGIScriptAlias / {APP} process-group=one\n</VirtualHost>\n')
    status, output = configtest(host + host)
    assert status == 0 and len(re.findall(r'GH\d{4}', output)) == 1, output
    assert re.search(r':notice\].*GH0146: process group "one" is defined at \S+:\d+ and, .* at \S+:\d+: it is one',
                     output), output


def test_a_code_is_switched_off(findings):
    config = 'WSGIDaemonProcess one\nWSGIProcessGroup gone\nWSGISocketRotation Off\n'
    assert sorted(codes(findings(config))) == ['GH0105', 'GH0130', 'GH0140']
    assert codes(findings('WSGIDoctor -GH0140 -gh0130\n' + config)) == ['GH0105']
    assert findings(config + 'WSGIDoctor Off\n') == []
    assert len(findings(config + 'WSGIDoctor On\n')) == 3


@pytest.mark.parametrize('line', ['WSGIDoctor', 'WSGIDoctor GH0140', 'WSGIDoctor -GH0100', 'WSGIDoctor maybe'])
def test_a_code_that_is_none_is_refused_with_those_there_are(configtest, line):
    status, output = configtest(line + '\n')
    assert status != 0 and 'WSGIDoctor' in output
    assert ' ' not in line or '-GH0140' in output, output


@pytest.mark.parametrize('container', ['VirtualHost *', 'Location /'])
def test_wsgidoctor_stands_in_the_main_server_only(configtest, container):
    status, output = configtest(f'<{container}>\nWSGIDoctor Off\n</{container.split()[0]}>\n')
    assert status != 0 and 'WSGIDoctor' in output


def test_a_start_says_each_once(server, error_log):
    server(f'WSGIDaemonProcess one\nWSGIDaemonProcess two\nWSGIScriptAlias / {APP} process-group=one\n')
    error_log.wait_for('GH0140: .*"two"')
    assert len(error_log.matching('GH0140')) == 1
