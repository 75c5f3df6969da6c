# SPDX-License-Identifier: Apache-2.0
"""The sample configurations work as they are, with their directory and port put in."""
import shutil

import pytest

from stage import CHECKOUT


@pytest.mark.parametrize('mode', ['embedded', 'daemon', 'cgi'])
def test_the_sample_for_a_mode_serves_hello(server, stage, tmp_directory, mode):
    shutil.copy(stage.apps / 'hello.wsgi', tmp_directory)
    sample = (CHECKOUT / 'conf' / f'{mode}.conf').read_text()
    assert '/srv/hello' in sample and '*:80' in sample
    httpd = server(sample.replace('Define HELLO /srv/hello', f'Define HELLO {tmp_directory}').replace('*:80', '*'))
    assert httpd.get('/').body == b'Hello, world!\n'


def test_wsgi_conf_is_accepted(configtest):
    status, output = configtest((CHECKOUT / 'conf' / 'wsgi.conf').read_text())
    assert (status, output) == (0, 'Syntax OK\n')


def test_each_line_that_wsgi_conf_suggests_is_accepted(configtest):
    text = (CHECKOUT / 'conf' / 'wsgi.conf').read_text()
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith('#WSGI')]
    assert lines
    for line in lines:
        status, output = configtest(line.removeprefix('#') + '\n')
        assert status == 0, output
