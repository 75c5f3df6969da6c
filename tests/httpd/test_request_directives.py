# SPDX-License-Identifier: Apache-2.0
"""WSGIRestrictProcess, WSGIPassApacheRequest, WSGIEnableSendfile: what each does to a request."""
import os
from pathlib import Path

import pytest


@pytest.fixture(scope='module')
def restricted(module_server):
    places = {'one': 'one', 'two': 'two other', 'global': '%{GLOBAL}', 'both': 'one %{GLOBAL}',
              'last': 'two\nWSGIRestrictProcess one', 'both/inner': 'two'}
    locations = ''.join(f'<Location /{place}>\nWSGIRestrictProcess {names}\n</Location>\n'
                        for place, names in places.items())
    return module_server('WSGIDaemonProcess one\nWSGIDaemonProcess two\n'
                         'WSGIScriptAliasMatch /embedded$ ${APPS}/hello.wsgi\n'
                         'WSGIScriptAliasMatch /grouped$ ${APPS}/hello.wsgi process-group=one\n' + locations)


@pytest.mark.parametrize('path', ['/open/embedded', '/open/grouped', '/one/grouped', '/global/embedded', '/both/embedded',
                                  '/both/grouped', '/last/grouped'])
def test_a_process_group_that_is_listed_serves(restricted, path):
    assert restricted.get(path).status == 200


@pytest.mark.parametrize('path', ['/one/embedded', '/two/embedded', '/two/grouped', '/global/grouped', '/last/embedded',
                                  '/both/inner/grouped', '/both/inner/embedded'])
def test_a_process_group_that_is_not_listed_gets_500_and_a_line(restricted, error_log, path):
    error_log.expect(r'GH0215: .*"%s".*WSGIRestrictProcess' % ('one' if path.endswith('grouped') else '%{GLOBAL}'), times=1)
    assert restricted.get(path).status == 500


def test_a_list_of_no_process_groups_is_refused(configtest):
    status, output = configtest('WSGIRestrictProcess\n')
    assert status != 0 and 'WSGIRestrictProcess' in output


@pytest.mark.parametrize('setting, mode, shown', [('On', 'embedded', True), ('Off', 'embedded', False),
                                                  ('On', 'daemon', False)])
def test_the_request_record_is_shown_to_embedded_applications_that_ask(server, setting, mode, shown):
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias /embedded ${APPS}/environ_types.wsgi\n'
                   f'WSGIScriptAlias /daemon ${{APPS}}/environ_types.wsgi process-group=one\n'
                   f'<Location />\nWSGIPassApacheRequest {setting}\n</Location>\n')
    assert httpd.get(f'/{mode}').json().get('apache.request_rec') == ('PyCapsule' if shown else None)


def bytes_read(httpd):
    """What all of httpd's processes have read; a file that is mapped is not read, one sent by sendfile(2) is."""
    files = (Path(f'/proc/{process.pid}/io') for process in httpd.processes())
    return sum(int(file.read_text().split('rchar:')[1].split()[0]) for file in files if file.exists())


@pytest.mark.parametrize('mode', ['embedded', 'daemon'])
@pytest.mark.parametrize('settings, sent', [('WSGIEnableSendfile On', True), ('WSGIEnableSendfile Off', False), ('', False),
                                            ('EnableSendfile On', True),
                                            ('EnableSendfile On\nWSGIEnableSendfile Off', False)])
def test_a_file_goes_by_sendfile(server, tmp_directory, mode, settings, sent):
    file = tmp_directory / 'large'
    file.write_bytes(os.urandom(3_000_000))
    httpd = server('WSGIDaemonProcess one\nWSGIScriptAlias /embedded ${APPS}/file_wrapper.wsgi\n'
                   f'WSGIScriptAlias /daemon ${{APPS}}/file_wrapper.wsgi process-group=one\n{settings}\n')
    assert httpd.get(f'/{mode}?file={file}&seek=2999999').status == 200  # the application is loaded now
    before = bytes_read(httpd)
    assert httpd.get(f'/{mode}?file={file}').body == file.read_bytes()
    assert (bytes_read(httpd) - before >= 3_000_000) == sent
