# SPDX-License-Identifier: Apache-2.0
"""httpd -t refuses what cannot work and says which directive, which option and what would be right."""
import re

import pytest

from conftest import PYTHONS

# options of WSGIDaemonProcess, and what the message must hold besides directive and option name
BAD_OPTIONS = [
    ('processes=0', '1'), ('processes=-1', '1'), ('processes=many', '1'), ('processes=2x', '1'), ('processes=', ''),
    ('threads=-1', '0'), ('threads=65534', '65533'), ('threads=1.5', ''), ('threads=99999999999999999999', '65533'),
    ('umask=9', ''), ('umask=-1', ''), ('umask=abc', ''), ('home=relative', ''), ('listen-backlog=-1', '0'),
    ('queue-size=-1', '0'), ('queue-fairness=some', 'client'), ('cpu-scheduling=idle', 'batch'),
    ('queue-timeout=-1', '0'), ('queue-timeout=soon', '0'), ('socket-timeout=1h', ''), ('user=no-such-user', ''),
    ('group=no-such-group', ''), ('supplementary-groups=games,no-such-group', ''), ('user=#99999', ''),
    ('python=2.7', ''), ('python=three', ''), ('graceful-timeout=x', ''), ('send-buffer-size=100', '512'),
    ('header-buffer-size=100', '8192'), ('response-buffer-size=100', '65536'), ('server-metrics=maybe', ''),
    ('cpu-time-limit=-1', '0')]


@pytest.fixture
def refused(configtest):
    """The message with which a configuration is refused; it names each of the words."""
    def check(config, *words):
        status, output = configtest(config)
        assert status != 0, output
        message = output.split('\n', 1)[1]
        assert re.search('line [0-9]+', output), output
        missing = [word for word in words if word not in message]
        assert not missing, f'{missing} not in: {output}'
        assert len(re.findall(r'GH\d{4}', message)) <= 1, output
        return message
    return check


def test_a_good_configuration_is_accepted(configtest):
    status, output = configtest('WSGIDaemonProcess one processes=2 threads=15 umask=0022 home=/ queue-timeout=1.5\n'
                                'WSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    assert (status, output) == (0, 'Syntax OK\n')


@pytest.mark.parametrize('option, right', BAD_OPTIONS, ids=[option for option, _ in BAD_OPTIONS])
def test_a_bad_value_is_refused_naming_option_and_range(refused, option, right):
    refused(f'WSGIDaemonProcess one {option}\n', 'WSGIDaemonProcess', option.split('=')[0], right)


def test_an_unknown_option_is_refused_with_the_nearest_name(refused):
    refused('WSGIDaemonProcess one proceses=2\n', 'WSGIDaemonProcess', 'proceses', 'processes')


def test_an_option_without_a_value_is_refused(refused):
    refused('WSGIDaemonProcess one threads\n', 'WSGIDaemonProcess', 'threads')


def test_option_names_are_case_sensitive(refused):
    refused('WSGIDaemonProcess one Threads=2\n', 'WSGIDaemonProcess', 'Threads')


def test_user_root_is_refused(refused):
    refused('WSGIDaemonProcess one user=root\n', 'WSGIDaemonProcess', 'user', 'root')


def test_a_group_without_a_name_is_refused(refused):
    refused('WSGIDaemonProcess\n', 'WSGIDaemonProcess')


def test_a_group_defined_twice_is_refused_and_both_places_are_named(refused):
    message = refused('WSGIDaemonProcess one\nWSGIDaemonProcess one threads=2\n', 'WSGIDaemonProcess', 'one')
    assert 'httpd.conf' in message


def test_a_group_defined_in_two_virtual_hosts_with_other_options_is_refused(refused):
    refused('<VirtualHost *>\nServerName a\nWSGIDaemonProcess one\n</VirtualHost>\n'
            '<VirtualHost *>\nServerName b\nWSGIDaemonProcess one threads=3\n</VirtualHost>\n', 'one')


@pytest.mark.parametrize('directive', ['WSGIDaemonProcess one python=3.99', 'WSGIPython 3.99'])
def test_a_python_without_an_engine_is_refused_with_a_list_of_those_there_are(refused, directive):
    refused(directive + '\n', '3.99', *PYTHONS)


def test_script_user_and_script_group_exclude_each_other(refused):
    refused('WSGIDaemonProcess one script-user=games script-group=games\n', 'script-user', 'script-group')


@pytest.mark.parametrize('line, words', [
    ('WSGIScriptAlias /a', ['WSGIScriptAlias']), ('WSGIScriptAlias', ['WSGIScriptAlias']),
    ('WSGIScriptAlias /a /b unknown=x', ['WSGIScriptAlias', 'unknown']),
    ('WSGIScriptAlias /a /b process-group', ['WSGIScriptAlias', 'process-group']),
    ('WSGIScriptAlias /a /b pass-authorization=maybe', ['pass-authorization', 'On', 'Off']),
    ('WSGIScriptAliasMatch ^/(a /b', ['WSGIScriptAliasMatch']),
    ('WSGIPassAuthorization maybe', ['WSGIPassAuthorization', 'On', 'Off']),
    ('WSGIChunkedRequest yes', ['WSGIChunkedRequest', 'On', 'Off']),
    ('WSGIQueuePriority urgent', ['WSGIQueuePriority', 'high', 'normal']),
    ('WSGIScriptReloading 1', ['WSGIScriptReloading', 'On', 'Off']),
    ('WSGICallableObject', ['WSGICallableObject']), ('WSGIProcessGroup a b', ['WSGIProcessGroup']),
    ('WSGIPython three', ['WSGIPython', 'three']), ('WSGIPythonHome', ['WSGIPythonHome'])])
def test_a_bad_directive_is_refused_by_its_name(refused, line, words):
    refused(line + '\n', *words)


@pytest.mark.parametrize('directive', ['WSGIPythonHome /usr', 'WSGIPythonPath /tmp', 'WSGISocketPrefix run/x',
                                       'WSGIPython 3.11'])
@pytest.mark.parametrize('container', ['VirtualHost *', 'Directory /'])
def test_a_global_directive_is_refused_inside_a_container(refused, directive, container):
    refused(f'<{container}>\n{directive}\n</{container.split()[0]}>\n', directive.split()[0])


@pytest.mark.parametrize('directive', ['WSGIScriptAlias /a /b', 'WSGIDaemonProcess one'])
def test_a_server_directive_is_refused_in_a_directory(refused, directive):
    refused(f'<Directory />\n{directive}\n</Directory>\n', directive.split()[0])


@pytest.mark.parametrize('place', ['WSGIProcessGroup missing', 'WSGIScriptAlias / /x.wsgi process-group=missing'])
def test_an_undefined_group_is_a_warning_that_names_it(configtest, place):
    status, output = configtest(f'WSGIDaemonProcess one\n{place}\n')
    assert status == 0 and re.search(r'warn\].*GH01\d\d: .*missing', output), output


@pytest.mark.parametrize('line', [
    'WSGISocketPrefix run/wsgi', 'WSGISocketRotation Off', 'WSGIAcceptMutex flock', 'WSGIPythonPath /tmp:/var/tmp',
    'WSGIPassAuthorization on', 'WSGIChunkedRequest OFF', 'WSGICallableObject name', 'WSGIProcessGroup %{GLOBAL}',
    'WSGIApplicationGroup %{GLOBAL}', 'WSGIDaemonProcess one maximum-requests=1000 graceful-timeout=10',
    'WSGIDaemonProcess one display-name=%{GROUP} inactivity-timeout=60 deadlock-timeout=60 shutdown-timeout=2'])
def test_a_known_configuration_line_is_accepted(configtest, line):
    status, output = configtest(line + '\n')
    assert status == 0, output


SIDE_SCRIPTS = ['WSGIAccessScript', 'WSGIAuthUserScript', 'WSGIAuthGroupScript', 'WSGIDispatchScript']


@pytest.mark.parametrize('directive', SIDE_SCRIPTS)
@pytest.mark.parametrize('arguments, words', [
    ('', ['script']), ('/a.py unknown=x', ['unknown', 'process-group', 'application-group']), ('/a.py process-group', ['process-group']),
    ('/a.py process-group=', ['process-group']), ('/a.py process-group=missing', ['missing', 'one', 'WSGIDaemonProcess']),
    ('/a.py process-group=%{ENV:X}', ['%{ENV:X}']), ('/a.py callable-object=x', ['callable-object'])])
def test_a_bad_line_of_a_script_beside_the_application_is_refused(refused, directive, arguments, words):
    refused(f'WSGIDaemonProcess one\n<Location /a>\n{directive} {arguments}\n</Location>\n', directive, *words)


@pytest.mark.parametrize('directive', SIDE_SCRIPTS)
def test_a_script_cannot_use_the_group_of_another_virtual_host(refused, directive):
    refused('<VirtualHost *>\nServerName a\nWSGIDaemonProcess one\n</VirtualHost>\n<VirtualHost *>\nServerName b\n'
            f'<Location /a>\n{directive} /a.py process-group=one\n</Location>\n</VirtualHost>\n', directive, 'one', 'ServerName')


@pytest.mark.parametrize('directive', SIDE_SCRIPTS[:3])
def test_an_access_or_authentication_script_belongs_into_a_section(refused, directive):
    refused(f'{directive} /a.py\n', directive)


@pytest.mark.parametrize('line, words', [
    ('WSGIHandlerScript', ['two arguments']), ('WSGIHandlerScript name', ['two arguments']),
    ('WSGIHandlerScript name /a.py unknown=x', ['unknown', 'pass-authorization']),
    ('WSGIHandlerScript name /a.py pass-authorization=maybe', ['pass-authorization', 'On', 'Off'])])
def test_a_bad_handler_script_is_refused(refused, line, words):
    refused(line + '\n', 'WSGIHandlerScript', *words)


@pytest.mark.parametrize('line', ['WSGIAccessScript /a.py application-group=%{SERVER}', 'WSGIDispatchScript /a.py process-group=one',
                                  'WSGIAuthUserScript "/with space.py" process-group=%{GLOBAL}',
                                  'WSGIHandlerScript name /a.py process-group=%{ENV:X} application-group=x'])
def test_a_script_beside_the_application_is_accepted(configtest, line):
    text = f'WSGIDoctor -GH0140\nWSGIDaemonProcess one\n<Location /a>\n{line}\n</Location>\n'
    assert configtest(text) == (0, 'Syntax OK\n')


def test_ifmodule_knows_the_module_by_its_file_name(refused):
    refused('<IfModule mod_wsgi.c>\nWSGIDaemonProcess\n</IfModule>\n', 'WSGIDaemonProcess')


def test_a_configuration_that_became_bad_does_not_stop_a_graceful_restart_of_the_old_one(server):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/hello.wsgi process-group=one\n')
    httpd.configure('WSGIDaemonProcess one threads=none\n')
    assert httpd.configtest()[0] != 0
    assert httpd.get('/').status == 200
