# SPDX-License-Identifier: Apache-2.0
"""What an application may say, and what turns into a 500 with one line that tells what and where."""
import re

import pytest

from clients import Mount

HOP_BY_HOP = ('Connection Keep-Alive Proxy-Authenticate Proxy-Authorization TE Trailer Transfer-Encoding '
              'Upgrade').split()
BAD_STATUSES = ['', '2', '20', '2000 OK', '000 Zero', '099 Low', '100 Continue', '101 Switching', '103 Early', '199 x',
                '600 High', '999 Max', 'abc', '200OK', ' 200 OK', '+20 OK', '200\tOK', '2e2 OK', '200 O\nK', '200 O\rK',
                '200 O\0K', '200 O\x7fK']
BAD_NAMES = ['', 'X A', 'X:A', 'X-A:', 'X\nA', 'X\rA', 'X\0A', 'X\tA', 'X(A)', 'X"A', 'X,A', 'X/A', 'X;A', 'X<A', 'X=A',
             'X@A', 'X[A', 'X\\A', 'X{A', 'X\x7fA', 'X\xe9A']
BAD_VALUES = ['a\nb', 'a\rb', 'a\r\nb', 'a\0b', '\n', 'a\r\nX-Injected: yes', 'a\x01b', 'a\x1fb', 'a\x7fb']
SETTERS = ['X-Test', 'Content-Type', 'Set-Cookie', 'Location', 'WWW-Authenticate', 'Content-Language']


def identify(value):
    return re.sub(r'[^\x21-\x7e]', lambda match: f'%{ord(match[0]):02x}', str(value))


@pytest.fixture
def refused(error_log):
    """Asserts that a response is a 500 and that one line of ours says why."""
    def check(response, reason):
        assert response.status == 500
        error_log.expect_traceback('[A-Z]\\w+Error: .*' + reason)
    return check


@pytest.mark.parametrize('status', ['200 OK', '200', '200 ', '204 No Content', '299 Made Up', '404 Not Found',
                                    '500 A B C', '599 Last', '418 caf\xe9'], ids=identify)
def test_a_good_status_is_sent_as_it_is(mount, status):
    response = mount.respond(status)
    code, _, reason = status.partition(' ')
    assert response.status == int(code)
    assert response.reason == reason or not reason


@pytest.mark.parametrize('status', BAD_STATUSES, ids=identify)
def test_a_bad_status_is_a_500(mount, refused, status):
    refused(mount.respond(status), '(?i:status)')


@pytest.mark.parametrize('name', BAD_NAMES, ids=identify)
def test_a_bad_header_name_is_a_500(mount, refused, name):
    refused(mount.respond(headers=[('X-Good', 'yes'), (name, 'value')]), '(?i:header)')


@pytest.mark.parametrize('value', BAD_VALUES, ids=identify)
@pytest.mark.parametrize('name', SETTERS)
def test_a_bad_header_value_is_a_500_whatever_the_header(site, refused, name, value):
    response = Mount(site, '/daemon/').respond(headers=[(name, value)])
    refused(response, '(?i:header).*' + re.escape(name))
    assert response.header('X-Injected') is None


@pytest.mark.parametrize('value', BAD_VALUES, ids=identify)
def test_a_bad_header_value_is_a_500_in_every_mode(mount, refused, value):
    refused(mount.respond(headers=[('X-Test', value)]), '(?i:header).*X-Test')


@pytest.mark.parametrize('name', HOP_BY_HOP + ['transfer-encoding', 'TRANSFER-ENCODING'])
def test_a_hop_by_hop_header_is_a_500(mount, refused, name):
    response = mount.respond(headers=[(name, 'chunked' if name.lower() == 'transfer-encoding' else 'close')])
    refused(response, '(?i:header).*' + re.escape(name))


@pytest.mark.parametrize('value', ['', '+5', '-5', '5,5', '0x5', '5 5', '5.0', 'five', str(2 ** 63), '9' * 30])
def test_an_ill_formed_content_length_is_a_500(mount, refused, value):
    refused(mount.respond(headers=[('Content-Length', value)], blocks=['12345']), 'Content-Length')


def test_two_content_lengths_that_differ_are_a_500(mount, refused):
    refused(mount.respond(headers=[('Content-Length', '5'), ('Content-Length', '6')], blocks=['12345']),
            'Content-Length')


@pytest.mark.parametrize('value', ['plain', '', 'caf\xe9', 'tab\tinside', 'quotes "and", commas; more', 'x' * 8000],
                         ids=lambda value: identify(value)[:20])
def test_a_good_header_value_arrives_unchanged(mount, value):
    assert mount.respond(headers=[('X-Test', value)]).header('X-Test') == value


def test_repeated_headers_stay_separate_and_in_order(mount):
    cookies = ['a=1; Path=/', 'b=2', 'a=3']
    assert mount.respond(headers=[('Set-Cookie', cookie) for cookie in cookies]).all('Set-Cookie') == cookies


def test_the_content_type_is_the_applications_letter_for_letter(lasting):
    value = 'Text/X-Mixed; charset="UTF-8"'
    assert lasting.respond(headers=[('Content-Type', value)], blocks=['x']).header('Content-Type') == value


def test_an_error_status_keeps_the_applications_body_and_headers(mount):
    response = mount.respond('404 Not Here', [('X-Own', 'yes')], ['own page'])
    assert (response.reason, response.header('X-Own'), response.body) == ('Not Here', 'yes', b'own page')


def test_www_authenticate_goes_with_a_401(mount):
    response = mount.respond('401 Unauthorized', [('WWW-Authenticate', 'Basic realm="x"')], ['no'])
    assert response.header('WWW-Authenticate') == 'Basic realm="x"'


def test_a_status_of_200_error_is_no_control_word(mount):
    response = mount.respond('200 Error', blocks=['fine'])
    assert (response.status, response.reason, response.body) == (200, 'Error', b'fine')


@pytest.mark.parametrize('status', ['200 Continue', '200 Timeout', '200 Rejected'])
def test_no_status_text_is_a_control_word(lasting, status):
    assert lasting.respond(status, blocks=['fine']).body == b'fine'


def test_a_second_call_without_exc_info_is_an_error(mount, refused):
    refused(mount.respond(calls=2, blocks=['x']), 'start_response')


def test_a_second_call_with_exc_info_replaces_headers_that_were_not_sent(mount):
    response = mount.get('exc_info_before_body')
    assert (response.status, response.reason, response.body) == (503, 'Replaced', b'replaced')
    assert response.header('X-Fresh') is None


def test_exc_info_after_the_first_block_is_raised(lasting, error_log):
    response = lasting.get('exc_info_after_body')
    assert (response.status, response.body, response.complete) == (200, b'sent', False)
    error_log.expect_traceback('ValueError: too late')


def test_a_body_without_start_response_is_a_500(mount, refused):
    refused(mount.get('no_start_response'), 'start_response')


@pytest.mark.parametrize('arguments', ['bytes_status', 'int_status', 'tuple_headers', 'none_headers', 'list_header',
                                       'triple_header', 'bytes_name', 'bytes_value', 'int_value', 'wide_value',
                                       'wide_status', 'bad_exc_info', 'no_headers'])
def test_arguments_of_wrong_types_are_a_500(mount, error_log, arguments):
    assert mount.get(f'start_response_arguments?{arguments}').status == 500
    error_log.expect_traceback('(Type|Value|UnicodeEncode|Runtime)Error: ')


def test_a_list_subclass_and_a_str_subclass_are_accepted(mount):
    response = mount.get('start_response_arguments?subclasses')
    assert (response.status, response.header('X-Sub')) == (200, 'yes')


def test_write_sends_what_it_is_given_before_what_is_returned(mount):
    assert mount.get('write_callable').body == b'written twice, then returned'


def test_write_alone_is_enough(mount):
    assert mount.get('write_only').body == b'only written'


def test_a_generator_may_call_start_response_when_it_is_iterated(mount):
    assert mount.get('generator').body == b'one two'


@pytest.mark.parametrize('app, message', [('returns_none', 'TypeError: '), ('returns_str', 'TypeError: '),
                                          ('raises', 'ValueError: raised on purpose'),
                                          ('generator_fails_early', 'RuntimeError: failed before the first byte')])
def test_a_failure_before_the_first_byte_is_a_500_with_traceback(everywhere, error_log, app, message):
    response = everywhere.get(app)
    assert response.status == 500 and response.complete
    error_log.expect_traceback(message)


def test_the_traceback_names_file_and_line_of_the_application(everywhere, error_log):
    everywhere.get('raises')
    error_log.expect(r'File ".*/raises\.wsgi", line \d+, in inner')
    error_log.expect_traceback('ValueError: raised on purpose')


def test_systemexit_is_a_500_and_not_the_end_of_the_process(lasting, error_log):
    before = lasting.get('identity').json()['pid'] if lasting.mode == 'embedded' else None
    assert lasting.get('system_exit').status == 500
    error_log.expect('SystemExit')
    error_log.allow(r'Traceback|  File|GH06\d\d|\]  ')
    assert before is None or any(p.pid == before for p in lasting.server.processes())


def test_the_error_page_shows_nothing_of_the_application(mount, error_log):
    assert b'raised on purpose' not in mount.get('raises').body
    error_log.expect_traceback('ValueError: raised on purpose')
