# SPDX-License-Identifier: Apache-2.0
"""One server on loopback: configuration written, processes started in one CPU account, stopped again."""
from __future__ import annotations

import grp
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable

from . import jobs, machine, peers, targets
from .plan import Site

FIRST_PORT = 20000 + os.getpid() % 500 * 20    # apart from those of another benchmark that runs
APPLICATION = pathlib.Path(__file__).resolve().parent / "app" / "application.py"
MODULES = ("mpm_event", "authz_core", "unixd", "alias")   # those that are not built into httpd

# Either child can hold every connection: the event MPM hangs up on kept connections when its threads run out.
CHILDREN, SPARE_THREADS = 2, 8

CONFIGURATION = """\
ServerRoot {run}
DefaultRuntimeDir {run}
DocumentRoot {run}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {run}/httpd.pid
ErrorLog {run}/error.log
LogLevel warn
{load}
StartServers {children}
ServerLimit {children}
ThreadLimit {threads}
ThreadsPerChild {threads}
MaxRequestWorkers {workers}
MinSpareThreads 1
MaxSpareThreads {workers}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
Timeout 60
EnableSendfile On
User {user}
Group {group}
<Directory />
    AllowOverride All
    Require all granted
    Options ExecCGI FollowSymLinks
</Directory>
{directives}
"""


def run_as() -> tuple[str, str]:
    """User and group of httpd's children and of all backends: when started as root, ones without rights."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    unprivileged = "www-data" if "www-data" in names else "nobody"
    user = pwd.getpwnam(unprivileged) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    return user.pw_name, grp.getgrgid(user.pw_gid).gr_name


def free_port(after: int) -> int:
    for port in range(after, after + 1000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise peers.Absent(f"no free port from {after} on")


class Server:
    """A target that runs. Raises Absent when it cannot; close() ends every process of it."""

    next_port = FIRST_PORT

    def __init__(self, target: targets.Target, layout: jobs.Layout, connections: int = 32) -> None:
        self.target = target
        self.connections = connections
        self.left_over = 0    # processes that outlived httpd's own stop and had to be killed
        self.children: list[subprocess.Popen[bytes]] = []
        self.port = free_port(Server.next_port)
        Server.next_port = self.port + 1
        self.run = pathlib.Path(tempfile.mkdtemp(prefix=f"gatehouse-bench-{target.name}-"))
        self.account = machine.Account(f"{target.name}-{layout.processes}x{layout.threads}")
        try:
            self.plan = target.plan(self._site(layout))
            self._start()
        except BaseException:
            self.close()
            raise

    def _site(self, layout: jobs.Layout) -> Site:
        user, group = run_as() if os.geteuid() == 0 else ("", "")
        folder = self.run / "app"
        folder.mkdir()
        application = pathlib.Path(shutil.copy(APPLICATION, folder))
        line = jobs.LINE
        (folder / "file10m").write_bytes((line * (10 * jobs.MEGABYTE // len(line) + 1))[:10 * jobs.MEGABYTE])
        for path in (self.run, folder):
            path.chmod(0o755)
        if user:   # uWSGI and gunicorn make their sockets in the run directory after they dropped root
            shutil.chown(self.run, user)
        return Site(self.run, application, user, group, layout, self.port, self.connections)

    def _configuration(self) -> str:
        folder = pathlib.Path(peers.apxs_query("libexecdir"))
        names = [name for name in (*MODULES, *self.plan.modules) if (folder / f"mod_{name}.so").exists()]
        load = [f"LoadModule {name}_module {folder}/mod_{name}.so" for name in names]
        user, group = run_as()
        threads = self.connections + SPARE_THREADS
        return CONFIGURATION.format(run=self.run, port=self.port, load="\n".join(load), children=CHILDREN,
                                    threads=threads, workers=CHILDREN * threads,
                                    user=user, group=group, directives="\n".join(self.plan.directives))

    def _spawn(self, argv: list[str]) -> None:
        with (self.run / "output.log").open("ab") as out:
            child = subprocess.Popen([*self.account.prefix, *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                     cwd=self.run, start_new_session=True,
                                     env={**os.environ, **self.plan.environment})
        self.children.append(child)
        self.account.roots.append(child.pid)

    def _start(self) -> None:
        path = self.run / "httpd.conf"
        path.write_text(self._configuration())
        for argv in self.plan.programs:
            self._spawn(argv)
        self._wait(lambda: all(socket_path.exists() for socket_path in self.plan.sockets), "its socket")
        if self.plan.httpd:
            self._spawn([peers.httpd(), "-f", str(path), "-DFOREGROUND"])
        self._wait(self._accepts, f"port {self.port}")

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 15
        while True:
            dead = [child for child in self.children if child.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise peers.Absent(f"{what} did not come up: {self.last_words()}")
            if ready():
                return
            time.sleep(0.02)

    def last_words(self) -> str:
        """The last lines of both logs, for a message."""
        lines: list[str] = []
        for name in ("output.log", "error.log"):
            path = self.run / name
            if path.exists():
                lines += path.read_text(errors="replace").splitlines()[-2:]
        return " | ".join(lines) or "nothing was logged"

    def error_lines(self) -> list[str]:
        """What the log holds of errors, but for wrk's hanging up at the end of a turn."""
        path = self.run / "error.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return [line for line in lines if re.search(r":(error|crit|alert|emerg)\]", line)
                and not re.search(r"Connection reset by peer|Broken pipe|Connection aborted", line)]

    def close(self) -> None:
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        deadline = time.monotonic() + 5
        while self.children and (left := self.account.pids()) and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.children:
            self.left_over = len(left)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05 if left else 0)
        self.account.close()
        shutil.rmtree(self.run, ignore_errors=True)
