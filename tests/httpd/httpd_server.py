# SPDX-License-Identifier: Apache-2.0
"""One real httpd on a port of 127.0.0.1, from a configuration text to a stop that leaves nothing behind."""

import ctypes
import itertools
import os
import resource
import signal
import socket
import subprocess
import time

import processes
from error_log import FORMAT, LogDirectory
from processes import wait_until
from raw_http import TIMEOUT, Connection, Response

# Several runs at a time begin at different ports.
PORTS = itertools.islice(itertools.cycle(range(20000, 25000)), os.getpid() * 61 % 5000, None)
LOADED = ('alias', 'authz_core', 'authz_host', 'mime', 'dir', 'env', 'setenvif', 'headers', 'actions', 'rewrite')
RESUMED = b'resuming normal operations'
MPM_LIMITS = {
    'event': 'StartServers 2\nServerLimit 32\nThreadsPerChild 16\nMaxRequestWorkers 128\n',
    'worker': 'StartServers 2\nServerLimit 32\nThreadsPerChild 16\nMaxRequestWorkers 128\n',
    'prefork': 'StartServers 4\nServerLimit 24\nMaxRequestWorkers 24\n',
}


def free_port():
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return port


def end_with_the_tests():
    """In the new process: a stop signal comes when pytest is gone, however it ended."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Server:
    """httpd with a generated configuration. The text may use ${APPS} (the applications), ${BUILD} (the programs)
    and ${ROOT} (this server's directory); relative paths are below ${ROOT}."""

    _numbers = itertools.count(1)

    def __init__(self, stage, config, mpm='event', modules=()):
        self.stage = stage
        self.root = stage.servers / str(next(self._numbers))
        self.port = free_port()
        self.mpm = mpm
        for name in ('', 'logs', 'run', 'htdocs', 'build'):
            (self.root / name).mkdir()
            (self.root / name).chmod(0o755)
        for file in stage.build.iterdir():
            os.link(file, self.root / 'build' / file.name)  # its own, so that maps tell whose a process is
        self.logs = LogDirectory(self.root / 'logs')
        self.config_file = self.root / 'httpd.conf'
        self.modules = (*LOADED, 'cgi' if mpm == 'prefork' else 'cgid', *modules)
        self.configure(config)
        self.environment = {}  # what the start adds to it
        self.process = None
        self.shared_memory = set()

    def configure(self, config):
        """Writes the configuration that the next start or restart reads."""
        self.config_file.write_text(self._preamble() + config)

    def _preamble(self):
        load = [(f'mpm_{self.mpm}', f'mpm_{self.mpm}'), *((name, name) for name in self.modules)]
        lines = [f'LoadModule {name}_module {self.stage.modules}/mod_{file}.so' for name, file in load]
        lines += [f'LoadModule wsgi_module {self.root}/build/mod_wsgi.so',
                  f'Define APPS {self.stage.apps}', f'Define BUILD {self.root}/build', f'Define ROOT {self.root}',
                  f'ServerRoot {self.root}', 'ServerName 127.0.0.1', 'PidFile run/httpd.pid', 'DefaultRuntimeDir run',
                  f'Listen 127.0.0.1:{self.port}', f'DocumentRoot {self.root}/htdocs', 'ErrorLog logs/error.log',
                  f'ErrorLogFormat "{FORMAT}"', 'LogLevel info', 'TypesConfig /dev/null', 'Timeout 20',
                  'KeepAliveTimeout 10', 'GracefulShutdownTimeout 10', MPM_LIMITS[self.mpm]]
        if self.mpm != 'prefork':
            lines.append('ScriptSock cgisock')
        if os.geteuid() == 0:
            lines.append('User www-data\nGroup www-data')
        return '\n'.join(lines) + '\n'

    def configtest(self):
        """Exit status and output of httpd -t."""
        done = subprocess.run([self.stage.httpd, '-t', '-f', self.config_file], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.returncode, done.stdout

    def start(self):
        self.shared_memory = set(os.listdir('/dev/shm'))
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        environment = {'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', **self.environment}
        with open(self.root / 'output', 'wb') as output:
            self.process = subprocess.Popen([self.stage.httpd, '-DFOREGROUND', '-f', self.config_file],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            start_new_session=True, env=environment,
                                            preexec_fn=end_with_the_tests)
        self.pid = self.process.pid
        wait_until(lambda: self.times_resumed() or self.process.poll() is not None, 30, 'httpd started')
        if self.process.poll() is not None:
            raise AssertionError(f'httpd did not start: {(self.root / "output").read_text()}\n{self.log()}')
        wait_until(self.accepts, what='httpd accepts connections')
        return self

    def accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0

    def times_resumed(self):
        try:
            return (self.root / 'logs' / 'error.log').read_bytes().count(RESUMED)
        except FileNotFoundError:
            return 0

    def log(self, name='error.log'):
        path = self.root / 'logs' / name
        return path.read_text(errors='backslashreplace') if path.exists() else ''

    def graceful(self):
        self._restart(signal.SIGUSR1)

    def restart(self):
        self._restart(signal.SIGHUP)

    def _restart(self, number):
        before = self.times_resumed()
        os.kill(self.pid, number)
        wait_until(lambda: self.times_resumed() > before, 30, 'httpd resumed after a restart')

    def stop(self, number=signal.SIGTERM, timeout=15):
        """Ends httpd and fails unless every process, socket and shared memory went with it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            wait_until(lambda: not self.zombies(), 3, f'zombies reaped: {self.zombies()}')
            os.kill(self.pid, number)
        try:
            self.process.wait(timeout)
        finally:
            self.process, left = None, self.wait_for_leftovers()
            for process in left:
                os.kill(process.pid, signal.SIGKILL)
        assert not left, f'processes left after the stop: {left}'
        assert not (sockets := self.sockets()), f'sockets left after the stop: {sockets}'
        # What others on this machine make has a name for a moment, too.
        wait_until(lambda: not processes.unused_shared_memory(self.shared_memory), 3,
                   f'shared memory gone: {processes.unused_shared_memory(self.shared_memory)}')

    def wait_for_leftovers(self, timeout=5.0):
        """The processes still there after the timeout: empty as it should be."""
        deadline = time.monotonic() + timeout
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def sockets(self):
        """Socket files in this server's directory, but for mod_cgid's own, which httpd removes lazily."""
        return [path for path in self.root.rglob('*') if path.is_socket() and 'cgisock' not in path.name]

    def processes(self):
        return processes.of_server(self.pid, self.root)

    def daemons(self):
        """The processes that are not httpd itself."""
        return [process for process in self.processes() if process.name != self.stage.httpd.name]

    def zombies(self):
        """Dead daemons that nobody has waited for; httpd looks after its own children in its own time."""
        return [process for process in self.daemons() if process.is_zombie]

    def connect(self, timeout=TIMEOUT):
        return Connection(self.port, timeout)

    def raw(self, data, timeout=TIMEOUT):
        """Sends bytes and returns all bytes until the server closes."""
        with self.connect(timeout) as connection:
            connection.send(data)
            return connection.rest()

    def request(self, method, path, headers=(), body=b'', host='127.0.0.1', timeout=TIMEOUT) -> Response:
        """One request on a connection of its own."""
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        with self.connect(timeout) as connection:
            return connection.request(method, path, [*headers, ('Connection', 'close')], body, host)

    def get(self, path, headers=(), **options):
        return self.request('GET', path, headers, **options)

    def post(self, path, body, headers=(), **options):
        return self.request('POST', path, headers, body, **options)
