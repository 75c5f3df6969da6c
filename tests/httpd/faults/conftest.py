# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault suite, on top of those of tests/httpd."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

import rows
from deployment import Site
from stage import CHECKOUT
from trial import Row

ARENA = r'''
WSGIDaemonProcess one processes={processes} threads={threads} {options}
WSGIScriptAliasMatch ^/(\w+)$ ${{APPS}}/$1.wsgi process-group=one application-group=%{{GLOBAL}}
'''


SITE = ('WSGIDaemonProcess one processes=2 threads=15 {options}\n'
        'WSGIScriptAlias /token {{script}} process-group=one application-group=%{{GLOBAL}}\n')


class TokenSite(Site):
    """A site whose script is token.wsgi, deployed anew again and again."""

    def write(self, version, extra=''):
        self.write_text(f'{extra}\n' + (CHECKOUT / 'tests' / 'apps' / 'token.wsgi').read_text())


def pytest_addoption(parser):
    parser.addoption('--long', action='store_true', help='loads and figures of the long form')


def pytest_configure(config):
    config.addinivalue_line('markers', 'row(name): the row of rows.py that a test shows')
    config.figures = []


@pytest.fixture
def row(request, error_log):
    """The row that the test's marker names, with the sizes of the form that runs."""
    name = request.node.get_closest_marker('row').args[0]
    is_long = request.config.getoption('--long')
    row = Row(name, rows.LONG if is_long else rows.SHORT, rows.size_of(name, is_long), error_log)
    yield row
    request.config.figures += [(name, request.node.name, ('! ' if figure in row.missed else '') + figure)
                               for figure in row.figures]
    assert not row.missed, 'figures beyond their limits'


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section('figures')
    for name, test, figure in config.figures:
        terminalreporter.write_line(f'{name:4} {figure}   [{test}]')


@pytest.fixture
def arena(server):
    """Starts the usual server: one group of two workers with 15 threads, and every application under /NAME."""
    def start(options='', more='', processes=2, threads=15, **how):
        return server(ARENA.format(options=options, processes=processes, threads=threads) + more, **how)
    return start


@pytest.fixture
def token_site(server, stage):
    """Starts the usual group with token.wsgi at /token, which is there from the start and can be written anew."""
    def start(options='', more=''):
        directory = Path(tempfile.mkdtemp(dir=stage.root))
        directory.chmod(0o755)
        return TokenSite(server, SITE.format(options=options) + more, directory=directory)
    return start


@pytest.fixture
def small_disk(tmp_directory):
    """A file system of 1 MB."""
    directory = tmp_directory / 'disk'
    directory.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tmpfs', directory], capture_output=True).returncode:
        pytest.skip('no file system can be mounted here')
    yield directory
    subprocess.run(['umount', '--lazy', directory], check=True)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
