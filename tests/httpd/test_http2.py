# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 without TLS: requests arrive, and what is cut short is an error on its stream only."""
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(not shutil.which('curl'), reason='curl is not installed')
PARTIAL = (18, 56, 92)  # curl: partial file, failure in receiving, HTTP/2 stream was not closed cleanly


@pytest.fixture(scope='module')
def httpd(module_server):
    return module_server('Protocols h2c http/1.1\nWSGIDaemonProcess one\n'
                         'WSGIScriptAliasMatch ^/embedded/(\\w+) ${APPS}/$1.wsgi application-group=%{GLOBAL}\n'
                         'WSGIScriptAliasMatch ^/daemon/(\\w+) ${APPS}/$1.wsgi process-group=one '
                         'application-group=%{GLOBAL}\n', modules=('http2',))


@pytest.fixture(params=['embedded', 'daemon'])
def curl(httpd, request):
    """Runs curl on applications of a mode: exit status and output."""
    def run(*arguments, data=None):
        urls = [f'http://127.0.0.1:{httpd.port}/{request.param}/{a}' if a[0] not in '-@' else a for a in arguments]
        done = subprocess.run(['curl', '--silent', '--http2-prior-knowledge', *urls], input=data, capture_output=True,
                              timeout=60)
        return done.returncode, done.stdout
    return run


def test_get(curl):
    assert curl('-w%{http_version} %{http_code}', 'hello') == (0, b'Hello, world!\n2 200')


def test_post(curl):
    body = bytes(range(256)) * 1000
    assert curl('--data-binary', '@-', 'echo_body', data=body) == (0, body)


def test_head(curl):
    status, output = curl('--head', 'hello')
    assert status == 0 and output.startswith(b'HTTP/2 200')


def test_server_protocol_is_http_2(curl):
    assert b'"SERVER_PROTOCOL": "HTTP/2.0"' in curl('environ_json')[1]


def test_the_proxy_header_is_dropped(curl):
    assert b'HTTP_PROXY' not in curl('-HProxy: evil', 'environ_json')[1]


def test_a_large_answer_arrives_whole(curl):
    assert len(curl('input_ignored?5000000')[1]) == 5_000_000


def test_a_truncated_answer_is_an_error_of_its_stream(curl, error_log):
    status, output = curl('generator_fails_midway')
    assert status in PARTIAL and b'the first block'.startswith(output)
    error_log.expect_traceback('RuntimeError: failed midway')


def test_a_short_body_is_an_error_of_its_stream(curl, error_log):
    status, _ = curl('respond?%7B%22status%22%3A%22200%20OK%22%2C%22headers%22%3A%5B%5B%22Content-Length%22%2C'
                     '%2250%22%5D%5D%2C%22blocks%22%3A%5B%22short%22%5D%7D')
    assert status in PARTIAL
    error_log.expect('GH0613: .*promised', times=1)


@pytest.mark.skipif(not shutil.which('nghttp'), reason='nghttp is not installed')
@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_other_streams_of_the_connection_are_not_touched(httpd, error_log, mode):
    apps = ('hello', 'generator_fails_midway', 'environ_json')
    urls = [f'http://127.0.0.1:{httpd.port}/{mode}/{app}' for app in apps]
    done = subprocess.run(['nghttp', '--verbose', *urls], capture_output=True, timeout=60)
    assert b'Hello, world!' in done.stdout and b'wsgi.version' in done.stdout
    assert done.stdout.count(b'recv RST_STREAM') == 1
    error_log.expect_traceback('RuntimeError: failed midway')
