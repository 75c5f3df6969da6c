# SPDX-License-Identifier: Apache-2.0
"""Flask and Django of today on every Python, from a virtual environment each."""
import re

import pytest

APPS = {'flask': '${APPS}/flask_app/app.wsgi', 'django': '${APPS}/django_site/site.wsgi'}


@pytest.fixture(scope='module', params=['embedded', 'daemon'])
def httpd(module_server, venv, request):
    version, directory = venv
    if request.param == 'embedded':
        config = f'WSGIPython {version}\nWSGIPythonHome {directory}\n'
        options = ''
    else:
        config = f'WSGIDaemonProcess one python-home={directory} processes=2\n'
        options = 'process-group=one'
    for name, script in APPS.items():
        config += f'WSGIScriptAlias /{name} {script} {options} application-group=%{{GLOBAL}}\n'
    server = module_server(config)
    server.python = version
    return server


@pytest.mark.parametrize('framework', APPS)
def test_a_page_is_served_by_the_chosen_python(httpd, framework):
    response = httpd.get(f'/{framework}/')
    assert (response.status, response.text) == (200, f'{framework} on {httpd.python}')


@pytest.mark.parametrize('framework', APPS)
def test_a_route_gets_its_arguments(httpd, framework):
    assert httpd.get(f'/{framework}/hello/W%C3%B6rld').text == 'Hello, W\xf6rld!'


@pytest.mark.parametrize('framework', APPS)
def test_a_form_is_parsed(httpd, framework):
    response = httpd.post(f'/{framework}/form', b'name=a+b&other=%C3%A9',
                          {'Content-Type': 'application/x-www-form-urlencoded'})
    assert response.text == 'a b \xe9'


@pytest.mark.parametrize('framework', APPS)
def test_an_upload_arrives_whole(httpd, framework):
    content = bytes(range(256)) * 2000
    body = (b'--X\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n'
            b'Content-Type: application/octet-stream\r\n\r\n' + content + b'\r\n--X--\r\n')
    response = httpd.post(f'/{framework}/upload', body, {'Content-Type': 'multipart/form-data; boundary=X'})
    assert response.text == f'f.bin {len(content)}'


@pytest.mark.parametrize('framework', APPS)
def test_a_redirect_names_the_mount_point(httpd, framework):
    response = httpd.get(f'/{framework}/redirect')
    assert response.status == 302 and re.search(f'/{framework}/$', response.header('Location'))


@pytest.mark.parametrize('framework', APPS)
def test_cookies_are_set_and_sent_back(httpd, framework):
    cookie = httpd.get(f'/{framework}/cookie').header('Set-Cookie').split(';')[0]
    assert httpd.get(f'/{framework}/cookie', {'Cookie': cookie}).text == cookie


@pytest.mark.parametrize('framework', APPS)
def test_a_stream_arrives_whole(httpd, framework):
    response = httpd.get(f'/{framework}/stream')
    assert response.complete and response.text == ''.join(f'{n}\n' for n in range(100))


@pytest.mark.parametrize('framework', APPS)
def test_a_missing_page_is_the_frameworks_404(httpd, error_log, framework):
    error_log.allow('Not Found: /django/nothing/here')
    assert httpd.get(f'/{framework}/nothing/here').status == 404


@pytest.mark.parametrize('framework', APPS)
def test_an_exception_is_500_and_logged(httpd, error_log, framework):
    assert httpd.get(f'/{framework}/fails').status == 500
    error_log.expect('ValueError: failed on purpose')
    error_log.allow('.')
