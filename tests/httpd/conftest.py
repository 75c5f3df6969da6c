# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
from pathlib import Path

import pytest

import pythons
from clients import Mount, Wire
from error_log import ErrorLog
from httpd_server import Server
from stage import Stage

MODES = ('embedded', 'daemon', 'cgi')
MPMS = ('event', 'worker', 'prefork')
PYTHONS = pythons.usable()
# For what each of CPython's lines does in a way of its own, at the cost of an httpd for each.
RECENT = [version for version in PYTHONS if pythons.minor(version) >= 11] or PYTHONS

# One server, three modes, each application under /<mode>/<application>.
SITE = r'''
WSGIDaemonProcess site {python} processes=2 threads=5
WSGIScriptAliasMatch ^/embedded/(\w+)(.*)$ ${{APPS}}/$1.wsgi$2 application-group=%{{GLOBAL}}
WSGIScriptAliasMatch ^/daemon/(\w+)(.*)$ ${{APPS}}/$1.wsgi$2 process-group=site application-group=%{{GLOBAL}}
ScriptAliasMatch ^/cgi/(\w+)(.*)$ ${{APPS}}/$1.wsgi$2
'''


def site_config(python=None):
    """The three modes with the default Python, or all with the one given."""
    if python is None:
        return SITE.format(python='')
    return f'WSGIPython {python}\nSetEnv GATEHOUSE_PYTHON {python}\n' + SITE.format(python=f'python={python}')


class Servers:
    """Starts servers and knows all that write logs."""

    def __init__(self, stage):
        self.stage = stage
        self.all = []

    def make(self, config, mpm='event', modules=(), prepare=None):
        """prepare(root), if given, puts what the configuration needs into the server's directory."""
        server = Server(self.stage, config, mpm, modules)
        if prepare:
            prepare(server.root)
        self.all.append(server)
        return server

    def start(self, *args, **options):
        return self.make(*args, **options).start()

    def log_directories(self):
        return [server.logs for server in self.all]


@pytest.fixture(scope='session')
def servers():
    stage = Stage()
    servers = Servers(stage)
    yield servers
    if not os.environ.get('GATEHOUSE_KEEP'):
        stage.remove()


@pytest.fixture(scope='session')
def stage(servers):
    return servers.stage


def stop_clean(servers, server):
    """Stops a server that several tests shared; what it logs meanwhile is judged too."""
    servers.all.remove(server)
    log = ErrorLog(lambda: [server.logs])
    server.stop()
    log.verify()


@pytest.fixture(scope='session')
def site(servers):
    """The server that most tests share."""
    server = servers.start(site_config())
    yield server
    stop_clean(servers, server)


@pytest.fixture(scope='module')
def module_server(servers):
    """Starts servers that the tests of one file share."""
    started = []

    def start(*args, **options):
        started.append(servers.start(*args, **options))
        return started[-1]

    yield start
    for server in started:
        stop_clean(servers, server)


@pytest.fixture(params=MODES)
def mount(site, request):
    """The applications in each mode."""
    return Mount(site, f'/{request.param}/')


@pytest.fixture(params=('embedded', 'daemon'))
def lasting(site, request):
    """The applications in the modes whose processes serve more than one request."""
    return Mount(site, f'/{request.param}/')


@pytest.fixture(scope='session')
def two_protocols(servers):
    """A server that speaks HTTP/1.1 and HTTP/2 without TLS."""
    server = servers.start('Protocols h2c http/1.1\nH2Upgrade Off\nMaxKeepAliveRequests 0\nWSGIChunkedRequest On\n'
                           + site_config(), modules=('http2',))
    yield server
    stop_clean(servers, server)


@pytest.fixture(params=[f'{mode}-{protocol}' for mode in ('embedded', 'daemon') for protocol in ('h1', 'h2')])
def wire(two_protocols, request):
    """The applications in embedded and daemon mode over HTTP/1.1 and HTTP/2."""
    mode, protocol = request.param.split('-')
    wire = Wire(two_protocols, f'/{mode}/', protocol)
    yield wire
    wire.close()


@pytest.fixture(scope='session', params=[(mpm, python) for mpm in MPMS for python in PYTHONS],
                ids=lambda pair: f'{pair[0]}-{pair[1]}')
def matrix_server(servers, request):
    """A server of each MPM and Python."""
    mpm, python = request.param
    server = servers.start(site_config(python), mpm)
    server.python = python
    yield server
    stop_clean(servers, server)


@pytest.fixture(params=MODES)
def everywhere(matrix_server, request):
    """The applications in each mode x MPM x Python."""
    return Mount(matrix_server, f'/{request.param}/')


@pytest.fixture(params=('embedded', 'daemon'))
def everywhere_lasting(matrix_server, request):
    """The applications in the modes whose processes serve more than one request, x MPM x Python."""
    return Mount(matrix_server, f'/{request.param}/')


@pytest.fixture
def server(servers, error_log):
    """Starts servers for one test, which end with it."""
    started = []

    def start(*args, **options):
        started.append(servers.start(*args, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def tmp_directory(stage):
    """A directory that every user may write to."""
    directory = Path(tempfile.mkdtemp(dir=stage.root))
    directory.chmod(0o777)
    return directory


@pytest.fixture(scope='session', params=PYTHONS)
def venv(request):
    """Each Python's virtual environment with the frameworks: version and directory."""
    return request.param, pythons.venvs()[request.param]


@pytest.fixture
def configtest(servers):
    """Exit status and output of httpd -t with a configuration."""
    return lambda config, **options: servers.make(config, **options).configtest()


@pytest.fixture(autouse=True)
def error_log(servers, request):
    log = ErrorLog(servers.log_directories)
    request.node.error_log = log
    yield log
    log.verify()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    log = getattr(item, 'error_log', None)
    if call.excinfo and log and call.when == 'call':
        log.read()
        outcome.get_result().sections.append(('error log', str(log)))
