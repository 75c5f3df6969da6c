# SPDX-License-Identifier: Apache-2.0
"""The directives on how Python is set up, as applications see them in embedded and daemon mode."""
import pytest

from conftest import RECENT

MODES = {'embedded': '%{GLOBAL}', 'daemon': 'one'}


@pytest.fixture(params=[(mode, python) for mode in MODES for python in RECENT], ids='-'.join)
def start(server, request):
    """An httpd with these lines; the applications under / in one of the two modes, by one of the Pythons."""
    mode, python = request.param

    def with_lines(lines='', options='', interpreter='%{GLOBAL}'):
        return server(f'{lines}\nWSGIPython {python}\nWSGIDaemonProcess one threads=2 python={python} {options}\n'
                      'WSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi '
                      f'process-group={MODES[mode]} application-group={interpreter}\n')
    return with_lines


@pytest.fixture
def facts(start):
    return lambda *args, **options: start(*args, **options).get('/python_settings').json()


@pytest.fixture
def refused(configtest):
    def check(line, *words):
        status, output = configtest(line + '\n')
        assert status != 0 and line.split()[0] in output, output
        assert not [word for word in words if word not in output], output
    return check


def test_without_directives_python_is_as_it_comes(facts):
    found = facts()
    assert (found['optimize'], found['dont_write_bytecode'], found['warnings'], found['hash_randomization'],
            found['switch_interval'], found['eggs']) == (0, False, [], 1, 0.005, None)


def test_wsgidontwritebytecode_writes_no_pyc_files(facts):
    assert facts('WSGIDontWriteBytecode On')['dont_write_bytecode'] is True


@pytest.mark.parametrize('written, level', [('0', 0), ('1', 1), ('2', 2), ('-1', 0)])
def test_wsgipythonoptimize_is_the_optimisation_level(facts, written, level):
    assert facts(f'WSGIPythonOptimize {written}')['optimize'] == level


def test_wsgipythonwarnings_adds_up_in_order(facts):
    lines = 'WSGIPythonWarnings error::UserWarning\nWSGIPythonWarnings ignore::DeprecationWarning\n'
    assert facts(lines)['warnings'] == ['error::UserWarning', 'ignore::DeprecationWarning']


def test_wsgipythonhashseed_makes_hashes_repeat(start):
    one, two = (start('WSGIPythonHashSeed 7').get('/python_settings').json() for _ in range(2))
    assert one['hash'] == two['hash'] and start('').get('/python_settings').json()['hash'] != one['hash']


def test_hash_seed_0_switches_randomisation_off(facts):
    assert facts('WSGIPythonHashSeed 0')['hash_randomization'] == 0


def test_hash_seed_random_means_random(start):
    found = [start('WSGIPythonHashSeed random').get('/python_settings').json() for _ in range(2)]
    assert [each['hash_randomization'] for each in found] == [1, 1] and found[0]['hash'] != found[1]['hash']


def test_eggs_go_where_the_mode_says(facts):
    found = facts('WSGIPythonEggs /tmp/embedded-eggs', 'python-eggs=/tmp/daemon-eggs')
    assert found['eggs'] == ('/tmp/daemon-eggs' if found['process_group'] else '/tmp/embedded-eggs')


def test_the_switch_interval_is_the_modes_own(facts):
    found = facts('WSGISwitchInterval 0.25', 'switch-interval=0.125')
    assert found['switch_interval'] == (0.125 if found['process_group'] else 0.25)


def test_wsgiswitchinterval_is_for_embedded_mode(facts):
    found = facts('WSGISwitchInterval 0.25')
    assert found['switch_interval'] == (0.005 if found['process_group'] else 0.25)


@pytest.mark.parametrize('interpreter', ['%{GLOBAL}', 'sub'])
@pytest.mark.parametrize('stream', ['stdin', 'stdout'])
def test_a_restricted_stream_raises_oserror(start, stream, interpreter):
    lines = 'WSGIRestrictStdin On\nWSGIRestrictStdout On'
    answer = start(lines, interpreter=interpreter).get(f'/restricted?{stream}').text
    assert answer == f'OSError: sys.{stream} access restricted by mod_wsgi'


def test_streams_are_not_restricted_by_default(start, error_log):
    httpd = start()
    assert httpd.get('/restricted?stdin').text == ''
    error_log.expect('printed', times=1)
    assert httpd.get('/restricted?stdout').text == 'printed'


def test_a_process_with_a_restricted_stdout_ends_without_complaint(start):
    httpd = start('WSGIRestrictStdout On')
    httpd.get('/hello')
    httpd.stop()
    assert 'GH0615' not in httpd.log()


@pytest.mark.parametrize('interpreter', ['%{GLOBAL}', 'sub'])
def test_a_signal_handler_is_left_out_and_logged_with_its_stack(start, error_log, interpreter):
    # A sub-interpreter cannot set handlers anyway; the call does not even fail there.
    answer = start(interpreter=interpreter).get('/restricted?signal').text
    assert answer == 'was True, is False'
    error_log.wait_for('GH0650: .*for signal 12 was left undone')
    error_log.wait_for('in set_handler')


def test_wsgirestrictsignal_off_lets_the_main_thread_set_handlers(server):
    # Requests run on other threads, where Python refuses: the call has gone through to it.
    httpd = server('WSGIRestrictSignal Off\nWSGIScriptAliasMatch ^/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}\n')
    assert httpd.get('/restricted?signal').text.startswith('ValueError: signal only works in main thread')


def test_a_child_that_the_application_forks_may_set_handlers(start):
    # After a fork the only thread is the main one.
    assert start().get('/restricted?signal_in_child').text == 'was False, is True'


@pytest.mark.parametrize('directive, runs', [('', True), ('WSGIDestroyInterpreter On', True),
                                             ('WSGIDestroyInterpreter Off', False)])
def test_wsgidestroyinterpreter_decides_whether_exit_functions_run(start, tmp_directory, directive, runs):
    note = tmp_directory / 'note'
    httpd = start(directive)
    httpd.get(f'/at_exit?{note}')
    httpd.stop()
    assert note.exists() == runs


@pytest.mark.parametrize('line, words', [
    ('WSGIDontWriteBytecode maybe', ('Off | On',)), ('WSGIPythonOptimize high', ('0, 1 or 2',)),
    ('WSGIPythonHashSeed 4294967296', ('random', '4294967295')), ('WSGIPythonHashSeed -1', ('random', '4294967295')),
    ('WSGIPythonHashSeed dice', ('random',)), ('WSGISwitchInterval 0', ('above 0',)),
    ('WSGISwitchInterval -1', ('above 0',)), ('WSGISwitchInterval soon', ('above 0',)),
    ('WSGISwitchInterval nan', ('above 0',)), ('WSGIDestroyInterpreter maybe', ('Off | On',)),
    ('WSGIRestrictStdin maybe', ('Off | On',)), ('WSGIRestrictStdout maybe', ('Off | On',)),
    ('WSGIRestrictSignal maybe', ('Off | On',)), ('WSGIPerInterpreterGIL maybe', ('Off | On',)),
    ('WSGIFreeThreading maybe', ('Off | On',)), ('WSGIPythonEggs ""', ()), ('WSGIPythonWarnings', ())])
def test_a_bad_value_is_refused(refused, line, words):
    refused(line, *words)


@pytest.mark.parametrize('line', [
    'WSGIDontWriteBytecode On', 'WSGIPythonOptimize 1', 'WSGIPythonHashSeed 1', 'WSGISwitchInterval 1',
    'WSGIDestroyInterpreter On', 'WSGIRestrictStdin On', 'WSGIRestrictStdout On', 'WSGIRestrictSignal On',
    'WSGIPythonWarnings error', 'WSGIPythonEggs /tmp', 'WSGIPythonPath /tmp', 'WSGIPerInterpreterGIL On',
    'WSGIFreeThreading On'])
@pytest.mark.parametrize('container', ['VirtualHost *', 'Location /'])
def test_they_belong_to_the_main_server(configtest, line, container):
    status, output = configtest(f'<{container}>\n{line}\n</{container.split()[0]}>\n')
    assert status != 0 and line.split()[0] in output
