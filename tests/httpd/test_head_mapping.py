# SPDX-License-Identifier: Apache-2.0
"""WSGIMapHEADToGET: which method an application sees for HEAD, and what the client gets of it."""
import pytest

SETTINGS = {'default': '', 'on': 'WSGIMapHEADToGET On\n', 'off': 'WSGIMapHEADToGET oFF\n', 'auto': 'WSGIMapHEADToGET Auto\n'}
FILTERS = {'plain': '', 'deflate': 'SetOutputFilter DEFLATE\n'}
SEEN = {('default', 'plain'): 'HEAD', ('default', 'deflate'): 'GET', ('auto', 'plain'): 'HEAD',
        ('auto', 'deflate'): 'GET', ('on', 'plain'): 'GET', ('on', 'deflate'): 'GET', ('off', 'plain'): 'HEAD',
        ('off', 'deflate'): 'HEAD'}


@pytest.fixture(scope='module')
def httpd(module_server):
    locations = ''.join(f'<Location /{setting}/{chain}>\n{lines}{filters}</Location>\n'
                        for setting, lines in SETTINGS.items() for chain, filters in FILTERS.items())
    return module_server('WSGIDaemonProcess one\n'
                         'WSGIScriptAliasMatch ^/\\w+/\\w+/embedded ${APPS}/method.wsgi\n'
                         'WSGIScriptAliasMatch ^/\\w+/\\w+/daemon ${APPS}/method.wsgi process-group=one\n'
                         + locations, modules=('filter', 'deflate'))


@pytest.fixture(params=['embedded', 'daemon'])
def ask(httpd, request):
    def ask(method, setting, chain, connection=None):
        return (connection or httpd).request(method, f'/{setting}/{chain}/{request.param}', {'Accept-Encoding': 'gzip'})
    ask.server = httpd
    return ask


@pytest.mark.parametrize('setting, chain', SEEN)
def test_the_application_sees(ask, setting, chain):
    response = ask('HEAD', setting, chain)
    assert (response.status, response.header('X-Method')) == (200, SEEN[setting, chain])


@pytest.mark.parametrize('method', ['GET', 'POST', 'OPTIONS', 'PUT'])
def test_other_methods_stay(ask, method):
    assert ask(method, 'on', 'plain').header('X-Method') == method


@pytest.mark.parametrize('setting, chain', SEEN)
def test_no_body_follows_a_head(ask, setting, chain):
    """What comes next on the connection is the next response."""
    with ask.server.connect() as connection:
        ask('HEAD', setting, chain, connection)
        after = ask('GET', setting, 'plain', connection)
    assert after.header('X-Method') == 'GET' and after.body == b'line after line ' * 500


def test_a_head_that_is_mapped_has_the_headers_of_a_get(ask):
    for setting, chain in (('auto', 'deflate'), ('on', 'deflate')):
        get, head = ask('GET', setting, chain), ask('HEAD', setting, chain)
        for name in ('Content-Encoding', 'Vary', 'Content-Type'):
            assert head.header(name) == get.header(name)
        assert head.header('Content-Encoding') == 'gzip'


def test_a_head_that_is_mapped_tells_the_length_of_a_get(ask):
    assert ask('HEAD', 'on', 'plain').header('Content-Length') == ask('GET', 'on', 'plain').header('Content-Length')


def test_another_value_is_refused(configtest):
    status, output = configtest('WSGIMapHEADToGET maybe\n')
    assert status != 0 and all(word in output for word in ('WSGIMapHEADToGET', 'Off', 'On', 'Auto'))


def test_a_htaccess_file_may_set_it(server, tmp_directory, stage):
    (tmp_directory / 'app.wsgi').write_bytes((stage.apps / 'method.wsgi').read_bytes())
    (tmp_directory / '.htaccess').write_text('WSGIMapHEADToGET On\n')
    httpd = server(f'WSGIScriptAlias / {tmp_directory}/app.wsgi\n'
                   f'<Directory {tmp_directory}>\nAllowOverride FileInfo\n</Directory>\n')
    assert httpd.request('HEAD', '/').header('X-Method') == 'GET'
