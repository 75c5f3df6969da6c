# SPDX-License-Identifier: Apache-2.0
"""Eleven applications of others (tests/third_party), each with the features that people choose it for, embedded and in a
daemon."""

import base64
import http.cookiejar
import json
import os
import pwd
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

import pythons
from clients import Mount
from stage import CHECKOUT

SCRIPTS = sorted((CHECKOUT / 'tests' / 'third_party').glob('*.wsgi'))
ADA = {'Authorization': 'Basic ' + base64.b64encode(b'ada:analytical').decode()}


def as_httpd_user(command, **options):
    user = {'user': 'www-data', 'group': 'www-data'} if os.geteuid() == 0 else {}
    environment = {'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'HOME': str(command[-1].parent), 'HGPLAIN': '1'}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=60, **user, **options)


@pytest.fixture(scope='module')
def places(stage):
    """A directory per application, with its script and what its set-up made, owned by httpd's user."""
    python = pythons.venvs()['third-party'] / 'bin' / 'python'
    root = stage.root / 'third-party'
    for script in SCRIPTS:
        place = root / script.stem
        (place / 'data').mkdir(parents=True)
        shutil.copy(script, place)
        for path in (root, place, place / script.name):
            path.chmod(0o755)
        if os.geteuid() == 0:
            account = pwd.getpwnam('www-data')
            for path in (place, place / 'data'):
                os.chown(path, account.pw_uid, account.pw_gid)
        if '__main__' in script.read_text():
            as_httpd_user([python, place / script.name], cwd=place)
    return root


@pytest.fixture(scope='module', params=['embedded', 'daemon'])
def httpd(module_server, places, request):
    venv = pythons.venvs()['third-party']
    config = 'WSGIChunkedRequest On\nWSGIPassAuthorization On\n'
    if request.param == 'embedded':
        config += f'WSGIPythonHome {venv}\n'
    for script in SCRIPTS:
        name, options = script.stem, f'application-group={script.stem}'
        if request.param == 'daemon':
            # A group each: that of its one application is then in the main interpreter.
            config += f'WSGIDaemonProcess {name} python-home={venv} threads=3\n'
            options += f' process-group={name}'
        config += f'WSGIScriptAlias /{name} {places}/{name}/{script.name} {options}\n'
    config += f'''<Directory {places}>
    Require all granted
</Directory>
<Location /radicale_calendars>
    AuthType Basic
    AuthName calendars
    AuthUserFile ${{ROOT}}/users
    Require valid-user
</Location>
'''
    server = module_server(config.replace('application-group=mercurial_hub', 'application-group=%{GLOBAL}'),
                           modules=('authn_core', 'authn_file', 'auth_basic', 'authz_user'), prepare=make_users)
    return Mount(server, '/')


def make_users(root):
    subprocess.run(['htpasswd', '-bcm', root / 'users', 'ada', 'analytical'], check=True, capture_output=True)
    (root / 'users').chmod(0o644)


class Browser:
    """Follows redirects and keeps cookies."""

    def __init__(self, httpd):
        self.base = f'http://127.0.0.1:{httpd.server.port}'
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def open(self, path, fields=None):
        data = urllib.parse.urlencode(fields).encode() if fields is not None else None
        request = urllib.request.Request(self.base + path, data, {'Referer': self.base + path})
        with self.opener.open(request, timeout=30) as response:
            return response.url.removeprefix(self.base), response.read().decode()

    def cookie(self, name):
        return next(cookie.value for cookie in self.cookies if cookie.name == name)


def hidden(page, name):
    """The value of a form's hidden field."""
    return re.search(rf'name="{name}"[^>]* value="([^"]*)"', page)[1]


def test_django_admin_logs_in_and_adds_a_group(httpd):
    browser = Browser(httpd)
    url, page = browser.open('/django_admin/admin/')
    assert url == '/django_admin/admin/login/?next=/django_admin/admin/'
    url, page = browser.open(url, {'username': 'admin', 'password': 'a password', 'next': '/django_admin/admin/',
                                   'csrfmiddlewaretoken': hidden(page, 'csrfmiddlewaretoken')})
    assert url == '/django_admin/admin/' and 'Site administration' in page
    url, page = browser.open('/django_admin/admin/auth/group/add/')
    name = f'group of {httpd.server.port}'
    url, page = browser.open(url, {'name': name, '_save': 'Save',
                                   'csrfmiddlewaretoken': hidden(page, 'csrfmiddlewaretoken')})
    assert url == '/django_admin/admin/auth/group/' and 'was added successfully' in page and name in page


def test_django_admin_refuses_a_wrong_password(httpd):
    browser = Browser(httpd)
    url, page = browser.open('/django_admin/admin/login/')
    _, page = browser.open(url, {'username': 'admin', 'password': 'a guess',
                                 'csrfmiddlewaretoken': hidden(page, 'csrfmiddlewaretoken')})
    assert 'Please enter the correct username and password' in page


def test_rest_framework_parses_validates_and_negotiates(httpd, error_log):
    error_log.allow('Bad Request: /rest_framework')
    path = 'rest_framework/measurements/'
    assert httpd.get(path, {'Accept': 'application/json'}).json() == [{'name': 'heat', 'value': 7}]
    assert 'Django REST framework' in httpd.get(path, {'Accept': 'text/html'}).text
    made = httpd.post(path, b'{"name": "cold", "value": 3}', {'Content-Type': 'application/json'})
    assert made.status == 201 and json.loads(made.body) == {'name': 'cold', 'value': 3}
    refused = httpd.post(path, b'{"name": "cold", "value": -3}', {'Content-Type': 'application/json'})
    assert refused.status == 400 and list(json.loads(refused.body)) == ['value']


def test_flask_keeps_an_upload_and_sends_ranges_of_it(httpd):
    content = bytes(range(256)) * 4000
    body = (b'--X\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\n' + content + b'\r\n--X--\r\n')
    stored = httpd.post('flask_files/files', body, {'Content-Type': 'multipart/form-data; boundary=X'})
    assert stored.status == 201 and json.loads(stored.body) == {'size': len(content)}
    whole = httpd.get('flask_files/files/f.bin')
    assert (whole.status, whole.body) == (200, content)
    part = httpd.get('flask_files/files/f.bin', {'Range': 'bytes=1000-1999'})
    assert (part.status, part.body) == (206, content[1000:2000])
    assert httpd.get('flask_files/files/f.bin', {'If-None-Match': whole.header('ETag')}).status == 304


def test_flasks_events_arrive_one_by_one(httpd):
    with httpd.server.connect() as connection:
        connection.send(b'GET /flask_files/events HTTP/1.0\r\n\r\n')
        while connection.stream.readline() != b'\r\n':
            pass
        times = []
        for number in range(3):
            assert connection.stream.readline() == b'data: %d\n' % number
            connection.stream.readline()
            times.append(time.monotonic())
    assert times[2] - times[0] > 0.2, 'the events came together'


def test_pyramids_session_follows_the_browser(httpd):
    browser = Browser(httpd)
    for visits in (1, 2, 3):
        _, page = browser.open('/pyramid_site/visits')
        assert json.loads(page) == {'visits': visits, 'url': browser.base + '/pyramid_site/visits'}
    url, _ = browser.open('/pyramid_site/enter', {'name': 'ada'})
    assert url == '/pyramid_site/visits'


def test_bottle_routes_renders_and_sends_files(httpd):
    assert httpd.get('bottle_site/square/12').json() == {'square': 144}
    assert httpd.get('bottle_site/square/twelve').status == 404
    form = {'Content-Type': 'application/x-www-form-urlencoded'}
    assert httpd.post('bottle_site/greet', b'name=%3CAda%3E', form).text == '<p>&lt;Ada&gt;</p>'
    source = httpd.get('bottle_site/source')
    assert source.body == (CHECKOUT / 'tests' / 'third_party' / 'bottle_site.wsgi').read_bytes()


def test_falcon_reads_media_streams_and_raises_responses(httpd):
    assert httpd.post('falcon_site/sum', b'[1, 2, 39]', {'Content-Type': 'application/json'}).json() == {'sum': 42}
    stream = httpd.get('falcon_site/stream')
    assert stream.complete and stream.text == ''.join(f'{number}\n' for number in range(1000))
    assert httpd.get('falcon_site/closed').status == 451


def test_cherrypy_calls_pages_compresses_and_authenticates(httpd):
    assert httpd.get('cherrypy_site/add?a=40&b=2').text == '42'
    packed = httpd.get('cherrypy_site/long', {'Accept-Encoding': 'gzip'})
    assert packed.header('Content-Encoding') == 'gzip' and len(packed.body) < 1000
    assert httpd.get('cherrypy_site/secret').status == 401
    assert httpd.get('cherrypy_site/secret', ADA).text == 'for ada'


def test_mercurial_clones_and_pushes(httpd, tmp_directory):
    hg = pythons.venvs()['third-party'] / 'bin' / 'hg'
    url = f'http://127.0.0.1:{httpd.server.port}/mercurial_hub'
    first, second = tmp_directory / 'first', tmp_directory / 'second'

    def run(*arguments):
        return as_httpd_user([hg, '--config', 'ui.username=ada', *arguments, '--cwd', tmp_directory]).stdout

    run('clone', '--quiet', url, first)
    (first / 'file').write_bytes(bytes(range(256)) * 4000 + b'%d' % httpd.server.port)
    run('--repository', first, 'addremove', '--quiet')
    run('--repository', first, 'commit', '--message', f'from {httpd.server.port}')
    run('--repository', first, 'push', '--quiet', '--force', url)
    run('clone', '--quiet', url, second)
    assert f'from {httpd.server.port}' in run('--repository', second, 'log', '--template', '{desc}\\n')


def test_radicale_makes_a_calendar_and_finds_its_events(httpd):
    home = f'/radicale_calendars/ada/work{httpd.server.port}/'
    event = (b'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:tests\r\nBEGIN:VEVENT\r\nUID:one\r\nDTSTAMP:20260101T000000Z\r\n'
             b'DTSTART:20260102T100000Z\r\nSUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n')

    def ask(method, path, body=b'', **headers):
        return httpd.server.request(method, path, {**ADA, **{key.replace('_', '-'): value for key, value in headers.items()}}, body)

    assert httpd.server.request('PROPFIND', home).status == 401
    calendar = (b'<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><resourcetype><collection/>'
                b'<C:calendar/></resourcetype><displayname>Work</displayname></prop></set></mkcol>')
    assert ask('MKCOL', home, calendar).status == 201
    assert ask('PUT', home + 'one.ics', event, Content_Type='text/calendar').status == 201
    found = ask('PROPFIND', home, Depth='1')
    assert found.status == 207 and b'one.ics' in found.body
    query = (b'<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><C:calendar-data/></prop>'
             b'<C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>')
    assert b'Meeting' in ask('REPORT', home, query, Depth='1').body
    assert ask('DELETE', home).status == 200


def test_a_webdav_share_stores_moves_locks_and_lists(httpd):
    share = f'/webdav_share/{httpd.server.port}'

    # On one connection, so in one process: its locks are kept in memory.
    connection = httpd.server.connect()

    def ask(method, path, body=b'', headers=()):
        return connection.request(method, share + path, dict(headers), body)

    content = bytes(range(256)) * 4000
    assert ask('MKCOL', '/').status == 201
    assert ask('PUT', '/a.bin', content).status == 201
    assert ask('GET', '/a.bin').body == content
    assert ask('GET', '/a.bin', headers={'Range': 'bytes=5-9'}).body == content[5:10]
    lock = ask('LOCK', '/a.bin', b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype>'
                                 b'</lockinfo>', {'Timeout': 'Second-60'})
    assert lock.status == 200
    assert ask('PUT', '/a.bin', b'other').status == 423
    assert ask('UNLOCK', '/a.bin', headers={'Lock-Token': lock.header('Lock-Token')}).status == 204
    destination = f'http://127.0.0.1{share}/b.bin'
    assert ask('MOVE', '/a.bin', headers={'Destination': destination}).status == 201
    listing = ask('PROPFIND', '/', headers={'Depth': '1'})
    assert listing.status == 207 and b'b.bin' in listing.body and b'a.bin' not in listing.body
    connection.close()


def test_tracs_wiki_is_written_and_shows_its_history(httpd):
    browser = Browser(httpd)
    page_name = f'Page{httpd.server.port}'
    url, form = browser.open(f'/trac_wiki/wiki/{page_name}?action=edit')
    browser.open(f'/trac_wiki/wiki/{page_name}', {
        '__FORM_TOKEN': hidden(form, '__FORM_TOKEN'), 'action': 'edit', 'version': '0', 'save': 'Submit changes',
        'text': "= A ''page''\n", 'comment': 'first', 'author': 'ada'})
    _, page = browser.open(f'/trac_wiki/wiki/{page_name}')
    assert '<em>page</em>' in page
    assert 'first' in browser.open(f'/trac_wiki/wiki/{page_name}?action=history')[1]


def test_many_clients_use_them_at_once(httpd):
    paths = ['rest_framework/measurements/', 'bottle_site/square/3', 'falcon_site/stream', 'cherrypy_site/add?a=1&b=2',
             'trac_wiki/wiki', 'pyramid_site/visits']
    failures = []

    def client(number):
        for step in range(10):
            response = httpd.get(paths[(number + step) % len(paths)])
            if response.status != 200 or not response.complete:
                failures.append((paths[(number + step) % len(paths)], response.status))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
