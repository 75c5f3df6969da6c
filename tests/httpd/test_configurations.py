# SPDX-License-Identifier: Apache-2.0
"""Configurations as people write them load and serve: tests/configurations, one file a site."""

import http.client
import json

import pytest

import pythons
from as_written import FILE, Configuration
from httpd_server import free_port
from raw_http import Response
from stage import CHECKOUT
from tls import trusting

FILES = sorted((CHECKOUT / 'tests' / 'configurations').glob('*.conf'))
MODULES = {'AuthType': ('authn_core', 'authn_file', 'auth_basic', 'authz_user'), 'SSLEngine': ('ssl', 'socache_shmcb')}


def default_venv():
    """The virtual environment of the Python that groups have by default."""
    version = (CHECKOUT / 'pythons.mk').read_text().split('DEFAULT_PYTHON = ')[1].split()[0]
    return pythons.venvs()[version]


def ask(httpd, ports, question):
    headers = dict(question.headers())
    headers['Host'] = question.option('host', '127.0.0.1')
    port = int(question.option('port', 80))
    if port == 443:
        connection = http.client.HTTPSConnection('127.0.0.1', ports[443], context=trusting(), timeout=30)
    else:
        connection = http.client.HTTPConnection('127.0.0.1', ports[port], timeout=30)
    connection.putrequest(question.method, question.url, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if question.body and 'Transfer-Encoding' not in headers:
        connection.putheader('Content-Length', str(len(question.body)))
    connection.endheaders(question.body)
    answer = connection.getresponse()
    response = Response(answer.status, answer.reason, answer.getheaders(), answer.read())
    connection.close()
    return response


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.stem)
def test_a_configuration_as_people_write_it_loads_and_serves(servers, error_log, file):
    configuration = Configuration(file)
    modules = list(dict.fromkeys(name for directive, names in MODULES.items() if configuration.uses(directive) for name in names))
    httpd = servers.make('', modules=modules)
    ports = {80: httpd.port, **{port: free_port() for port in configuration.ports()}}
    configuration.prepare(httpd.root, httpd.stage.apps / 'report.wsgi', default_venv())
    httpd.configure(configuration.as_configured(httpd.root, ports))
    for code in configuration.notes['notice']:
        error_log.expect(code)
    error_log.allow(r'AH01617|AH01618|AH01630|AH01797')  # passwords that are meant to be wrong, closed places
    httpd.start()
    try:
        for question in configuration.questions:
            if question.status == 404:
                error_log.expect('GH0201')
            if question.status == 500:
                error_log.expect(r'GH02\d\d')
            response = ask(httpd, ports, question)
            assert response.status == question.status, f'{question.method} {question.url}: {response.text[:500]}'
            if question.is_file:
                assert response.body == FILE, question.url
            elif question.wanted:
                report = json.loads(response.body)
                told = {key: str(report[key]) for key in question.wanted if key != 'sys_path'}
                wanted = {key: value for key, value in question.wanted.items()}
                if path := wanted.pop('sys_path', None):
                    assert f'{httpd.root}{path}' in report['sys_path']
                assert told == wanted, f'{question.method} {question.url}'
    finally:
        httpd.stop()


def test_there_are_thirty_of_them():
    assert len(FILES) >= 30
