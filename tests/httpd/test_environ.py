# SPDX-License-Identifier: Apache-2.0
import pytest

from clients import Mount
from raw_http import format_request

ALWAYS = ('REQUEST_METHOD SCRIPT_NAME PATH_INFO QUERY_STRING REQUEST_URI SERVER_PROTOCOL SERVER_NAME SERVER_PORT '
          'SERVER_ADDR SERVER_SOFTWARE REMOTE_ADDR REMOTE_PORT DOCUMENT_ROOT CONTEXT_PREFIX CONTEXT_DOCUMENT_ROOT '
          'SCRIPT_FILENAME REQUEST_SCHEME wsgi.version wsgi.url_scheme wsgi.input wsgi.errors wsgi.file_wrapper '
          'wsgi.input_terminated wsgi.multithread wsgi.multiprocess wsgi.run_once mod_wsgi.version '
          'mod_wsgi.process_group mod_wsgi.application_group mod_wsgi.callable_object mod_wsgi.request_handler '
          'mod_wsgi.handler_script mod_wsgi.script_name mod_wsgi.path_info mod_wsgi.listener_host '
          'mod_wsgi.listener_port mod_wsgi.server_pid mod_wsgi.request_id mod_wsgi.thread_id mod_wsgi.request_start '
          'mod_wsgi.queue_start mod_wsgi.daemon_start mod_wsgi.application_start apache.version').split()
# What only httpd's own process knows or what stands for nothing in a process of one request.
NOT_IN_CGI = ('mod_wsgi.listener_host mod_wsgi.listener_port mod_wsgi.server_pid mod_wsgi.request_id '
              'mod_wsgi.request_handler mod_wsgi.handler_script apache.version').split()
ABSENT = 'PATH_TRANSLATED REMOTE_HOST REMOTE_IDENT GATEWAY_INTERFACE SERVER_SIGNATURE PATH HTTPS HTTP_PROXY'.split()
NUMBERS = {'mod_wsgi.thread_id': 'int', 'mod_wsgi.request_start': 'float', 'mod_wsgi.queue_start': 'float',
           'mod_wsgi.daemon_start': 'float', 'mod_wsgi.application_start': 'float', 'mod_wsgi.version': 'tuple'}


@pytest.mark.parametrize('key', ALWAYS)
def test_key_is_always_there(lasting, key):
    assert key in lasting.environ()


@pytest.mark.parametrize('key', [key for key in ALWAYS if key not in NOT_IN_CGI])
def test_key_is_there_in_cgi_too(site, key):
    assert key in Mount(site, '/cgi/').environ()


@pytest.mark.parametrize('key', ABSENT)
def test_key_is_never_there(mount, key):
    assert key not in mount.environ()


@pytest.mark.parametrize('key, type_name', NUMBERS.items())
def test_key_has_its_type(mount, key, type_name):
    assert mount.get('environ_types').json()[key] == type_name


def test_cgi_variables_are_native_strings(mount):
    types = mount.get('environ_types').json()
    assert {name for key, name in types.items() if '.' not in key} == {'str'}


def test_environ_is_a_plain_dict(mount):
    assert mount.get('environ_is_dict').text == 'True'


def test_embedded_and_daemon_mode_have_the_same_keys(site):
    assert Mount(site, '/embedded/').environ().keys() == Mount(site, '/daemon/').environ().keys()


def test_script_name_and_path_info_split_at_the_mount_point(mount):
    environ = mount.environ('environ_json/extra/path')
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == (mount.path('environ_json'), '/extra/path')


def test_path_info_is_empty_without_one(mount):
    assert mount.environ()['PATH_INFO'] == ''


def test_path_info_is_decoded_as_latin_1(mount):
    assert mount.environ('environ_json/%C3%A9%20b')['PATH_INFO'] == '/\xc3\xa9 b'


def test_runs_of_slashes_in_path_info_are_one(mount):
    assert mount.environ('environ_json//a///b')['PATH_INFO'] == '/a/b'


def test_query_string_is_not_decoded(mount):
    assert mount.environ('environ_json?a=%20b&c=%C3%A9')['QUERY_STRING'] == 'a=%20b&c=%C3%A9'


def test_query_string_is_empty_without_one(mount):
    assert mount.environ()['QUERY_STRING'] == ''


def test_request_uri_is_as_sent(mount):
    assert mount.environ('environ_json/a%20b?c')['REQUEST_URI'] == mount.path('environ_json/a%20b?c')


def test_request_method_is_the_clients(mount):
    assert mount.server.request('PATCH', mount.path('environ_json')).json()['REQUEST_METHOD'] == 'PATCH'


def test_server_port_and_addresses_are_those_of_the_connection(mount):
    environ = mount.environ(host=f'127.0.0.1:{mount.server.port}')
    assert environ['SERVER_PORT'] == str(mount.server.port)
    assert (environ['SERVER_ADDR'], environ['REMOTE_ADDR']) == ('127.0.0.1', '127.0.0.1')


def test_server_protocol_is_the_requests(mount):
    response = mount.server.raw(f'GET {mount.path("environ_json")} HTTP/1.0\r\n\r\n'.encode())
    assert b'"SERVER_PROTOCOL": "HTTP/1.0"' in response


def test_script_filename_is_the_script(mount):
    assert mount.environ()['SCRIPT_FILENAME'] == str(mount.server.stage.apps / 'environ_json.wsgi')


def test_content_type_and_length_have_no_http_prefix(mount):
    environ = mount.post('environ_json', b'abc', {'Content-Type': 'text/x-test'}).json()
    assert (environ['CONTENT_TYPE'], environ['CONTENT_LENGTH']) == ('text/x-test', '3')
    assert not environ.keys() & {'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH'}


def test_a_get_has_no_content_length(mount):
    assert 'CONTENT_LENGTH' not in mount.environ()


def test_headers_become_http_variables(mount):
    assert mount.environ(headers={'X-One-Two': 'a b'})['HTTP_X_ONE_TWO'] == 'a b'


def test_repeated_headers_are_joined_with_a_comma(mount):
    headers = [('X-Twice', 'a'), ('x-twice', 'b')]
    assert mount.environ(headers=headers)['HTTP_X_TWICE'] == 'a, b'


def test_header_values_are_decoded_as_latin_1(mount):
    assert mount.environ(headers={'X-Latin': 'caf\xe9'})['HTTP_X_LATIN'] == 'caf\xe9'


def test_an_empty_header_is_an_empty_string(mount):
    assert mount.environ(headers={'X-Empty': ''})['HTTP_X_EMPTY'] == ''


@pytest.mark.parametrize('name', ['Proxy', 'PROXY', 'pRoXy'])
def test_the_proxy_header_never_reaches_the_environ(mount, name):
    assert 'HTTP_PROXY' not in mount.environ(headers={name: 'http://evil.example/'})


@pytest.mark.parametrize('name', ['X_Under', 'X-Half_Half', 'Proxy_', 'X.Dot', 'X!Bang'])
def test_a_header_name_that_is_not_plain_is_dropped(mount, name):
    environ = mount.environ(headers={name: 'hidden'})
    assert 'hidden' not in environ.values()


def test_a_name_with_an_underscore_does_not_shadow_the_one_with_a_hyphen(mount):
    headers = [('X_Forwarded_For', 'forged'), ('X-Forwarded-For', 'true')]
    assert mount.environ(headers=headers)['HTTP_X_FORWARDED_FOR'] == 'true'


@pytest.mark.parametrize('name', ['Authorization', 'Proxy-Authorization'])
def test_credentials_are_withheld(mount, name):
    environ = mount.environ(headers={name: 'Basic c2VjcmV0'})
    assert 'Basic c2VjcmV0' not in environ.values()


FORGED = ('SCRIPT_FILENAME SCRIPT_NAME PATH_INFO REQUEST_METHOD QUERY_STRING REMOTE_ADDR SERVER_PORT CONTENT_TYPE '
          'HTTP_X_SENT').split()


@pytest.fixture(scope='module')
def forging(module_server):
    """A configuration that tries to set what is computed, and what belongs to us."""
    lines = [f'SetEnv {name} forged' for name in FORGED + ['wsgi.url_scheme', 'wsgi.new', 'mod_wsgi.process_group',
                                                           'mod_wsgi.x-anything', 'apache.version', 'PATH']]
    return module_server('\n'.join(lines) + '\nSetEnv PLAIN value\nSetEnvIf Host (.+) MATCHED=$1\n'
                         'WSGIDaemonProcess one\nWSGIPassAuthorization On\n'
                         'WSGIScriptAliasMatch ^/embedded/(\\w+)(.*)$ ${APPS}/$1.wsgi$2\n'
                         'WSGIScriptAliasMatch ^/daemon/(\\w+)(.*)$ ${APPS}/$1.wsgi$2 process-group=one\n')


@pytest.fixture(params=['embedded', 'daemon'])
def forged(forging, request):
    return Mount(forging, f'/{request.param}/')


@pytest.mark.parametrize('name', FORGED)
def test_setenv_does_not_replace_what_is_computed(forged, name):
    environ = forged.post('environ_json', b'abc', {'Content-Type': 'text/plain', 'X-Sent': 'true'}).json()
    assert environ[name] != 'forged'


@pytest.mark.parametrize('name', ['wsgi.new', 'mod_wsgi.x-anything'])
def test_setenv_cannot_make_keys_of_ours(forged, name):
    assert name not in forged.environ()


def test_setenv_cannot_change_keys_of_ours(forged):
    environ = forged.environ()
    assert 'forged' not in (environ['wsgi.url_scheme'], environ['mod_wsgi.process_group'], environ['apache.version'])


def test_setenv_and_setenvif_variables_are_there(forged):
    environ = forged.environ()
    assert (environ['PLAIN'], environ['MATCHED']) == ('value', '127.0.0.1')


def test_path_is_removed_even_when_set(forged):
    assert 'PATH' not in forged.environ()


def test_wsgipassauthorization_shows_authorization_alone(forged):
    environ = forged.environ(headers={'Authorization': 'Basic YTpi', 'Proxy-Authorization': 'Basic c2VjcmV0'})
    assert environ['HTTP_AUTHORIZATION'] == 'Basic YTpi' and 'Basic c2VjcmV0' not in environ.values()


@pytest.mark.parametrize('value, scheme', [('on', 'https'), ('ON', 'https'), ('1', 'https'), ('off', 'http')])
@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
def test_https_in_the_environment_decides_the_scheme_and_is_consumed(module_server, https, mode, value, scheme):
    environ = https.get(f'/{value}/{mode}').json()
    assert environ['wsgi.url_scheme'] == scheme and 'HTTPS' not in environ


@pytest.fixture(scope='module')
def https(module_server):
    values = ''.join(f'<Location /{value}/>\nSetEnv HTTPS {value}\n</Location>\n' for value in ('on', 'ON', '1', 'off'))
    return module_server('WSGIDaemonProcess one\n'
                         'WSGIScriptAliasMatch ^/\\w+/embedded ${APPS}/environ_json.wsgi\n'
                         'WSGIScriptAliasMatch ^/\\w+/daemon ${APPS}/environ_json.wsgi process-group=one\n' + values)


def test_http_host_is_the_clients(mount):
    assert mount.environ(host='other.example:81')['HTTP_HOST'] == 'other.example:81'


def test_a_large_set_of_headers_arrives(lasting):
    headers = {f'X-Number-{n}': 'v' * 900 for n in range(60)}
    environ = lasting.environ(headers=headers)
    assert all(environ[f'HTTP_X_NUMBER_{n}'] == 'v' * 900 for n in range(60))


def test_every_byte_of_a_path_either_arrives_or_is_refused(lasting, error_log):
    error_log.allow(r'AH\d{5}')
    for byte in range(256):
        request = format_request('GET', lasting.path('environ_json/') + f'%{byte:02x}', {'Connection': 'close'})
        status = int(lasting.server.raw(request).split(b' ', 2)[1])
        assert status == (404 if byte in (0, 0x2f) else 200), f'%{byte:02x}'
