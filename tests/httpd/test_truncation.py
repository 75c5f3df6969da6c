# SPDX-License-Identifier: Apache-2.0
"""A response that the application could not finish never looks complete."""
from raw_http import format_request


def test_an_exception_after_the_first_block_sends_no_last_chunk_and_closes(everywhere_lasting, error_log):
    mount = everywhere_lasting
    data = mount.server.raw(format_request('GET', mount.path('generator_fails_midway')))
    assert b'the first block' in data and not data.endswith(b'0\r\n\r\n')
    error_log.expect_traceback('RuntimeError: failed midway')


def test_cgi_which_cannot_tell_the_client_tells_the_log(site, error_log):
    site.get('/cgi/generator_fails_midway')
    error_log.expect_traceback('RuntimeError: failed midway')
    error_log.expect('GH0702: ', times=1)


def test_a_pipelined_request_after_a_truncated_one_gets_no_answer(lasting, error_log):
    broken, sound = (format_request('GET', lasting.path(app)) for app in ('generator_fails_midway', 'hello'))
    assert b'Hello' not in lasting.server.raw(broken + sound)
    error_log.expect_traceback('RuntimeError: failed midway')


def test_a_truncated_response_over_http_1_0_is_cut_at_the_failure(lasting, error_log):
    data = lasting.server.raw(f'GET {lasting.path("generator_fails_midway")} HTTP/1.0\r\n\r\n'.encode())
    assert data.endswith(b'the first block')
    error_log.expect_traceback('RuntimeError: failed midway')


def test_a_worker_killed_after_the_first_block_leaves_no_complete_response(site, error_log):
    response = site.get('/daemon/crash_midway')
    assert response.status == 200 and not response.complete
    error_log.expect(r'SIGKILL|signal 9')
    error_log.allow(r'GH0[34]\d\d: ')


def test_a_worker_killed_after_a_part_of_content_length_leaves_no_complete_response(site, error_log):
    response = site.get('/daemon/crash_midway?length')
    assert response.status == 200 and not response.complete
    error_log.expect(r'SIGKILL|signal 9')
    error_log.allow(r'GH0[34]\d\d: ')


def test_the_server_serves_on_after_a_truncation(lasting, error_log):
    lasting.get('generator_fails_midway')
    assert lasting.get('hello').body == b'Hello, world!\n'
    error_log.expect_traceback('RuntimeError: failed midway')
