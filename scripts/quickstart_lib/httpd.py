# SPDX-License-Identifier: Apache-2.0
"""httpd on loopback with a configuration of its own, from start to a stop that leaves nothing behind."""
from __future__ import annotations

import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from .problem import Problem
from .site import quoted
from .users import User

MODULES = ("mpm_event", "unixd", "authz_core", "alias", "env", "mime", "cgid")

CONFIGURATION = """\
ServerRoot {run}
DefaultRuntimeDir {run}
DocumentRoot {run}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {run}/httpd.pid
ErrorLog {run}/error.log
ErrorLogFormat "[%{{u}}t] [%-m:%l] [pid %P] %M"
LogLevel warn
{modules}
LoadModule wsgi_module {library}/mod_wsgi.so
{user}
ScriptSock {run}/cgid.sock
TypesConfig /dev/null
AddType text/css .css
AddType text/javascript .js
AddType image/svg+xml .svg
<Directory />
    AllowOverride None
    Require all granted
</Directory>
{directives}
"""


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise Problem(f"port {port} is for root only: PORT=8000 scripts/quickstart takes another") from None
        except OSError:
            raise Problem(f"port {port} of 127.0.0.1 is taken: PORT={port + 1 if port < 65535 else 8000} "
                          "scripts/quickstart takes another") from None


def _query(name: str) -> str:
    apxs = shutil.which("apxs") or shutil.which("apxs2")
    if apxs is None:
        raise Problem("apxs is missing: scripts/install-packages run")
    return subprocess.run([apxs, "-q", name], capture_output=True, text=True, check=True).stdout.strip()


class Httpd:
    """Owns the process; the run directory is the caller's."""

    def __init__(self, run: pathlib.Path, library: pathlib.Path, port: int, user: User, directives: list[str]) -> None:
        self.run, self.port = run, port
        self.program = f"{_query('sbindir')}/{_query('progname')}"
        self.log = run / "error.log"
        self.log_read = 0
        self.process: subprocess.Popen[str] | None = None
        self.environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        folder = pathlib.Path(_query("libexecdir"))
        loaded = [name for name in MODULES if (folder / f"mod_{name}.so").exists()]   # the others are built in
        modules = "\n".join(f"LoadModule {name}_module {quoted(folder / f'mod_{name}.so')}" for name in loaded)
        (run / "httpd.conf").write_text(CONFIGURATION.format(
            run=run, port=port, modules=modules, library=library, user="\n".join(user.directives),
            directives="\n".join(directives)))

    def _argv(self, *words: str) -> list[str]:
        return [self.program, *words, "-f", str(self.run / "httpd.conf")]

    def start(self) -> None:
        """Returns when the port accepts connections."""
        tried = subprocess.run(self._argv("-t"), capture_output=True, text=True, check=False, env=self.environment)
        if tried.returncode != 0:
            raise Problem(f"httpd refuses the configuration:\n{tried.stderr.strip()}")
        # A session of its own: Ctrl-C in the terminal reaches us, and we stop it.
        self.process = subprocess.Popen(self._argv("-DFOREGROUND"), stdin=subprocess.DEVNULL, start_new_session=True,
                                        env=self.environment, cwd="/", text=True)
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.show_log()
                raise Problem("httpd did not start; the lines above say why")
            time.sleep(0.05)

    def ask(self, path: str) -> str:
        """Requests a path and says what is wrong with the answer, or nothing."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
            return "" if status < 400 else f"answers {status}" if status < 500 else f"FAILED: status {status}"
        except (OSError, http.client.HTTPException) as error:
            return f"FAILED: {error or type(error).__name__}"
        finally:
            connection.close()

    def show_log(self) -> None:
        """Prints what the error log has gained."""
        try:
            with self.log.open(errors="replace") as file:
                file.seek(self.log_read)
                text = file.read()
                self.log_read = file.tell()
        except FileNotFoundError:
            return
        quiet = ("AH00489", "AH00094", "AH00491")   # it runs, its command line, it was told to stop
        for line in text.splitlines():
            if not any(number in line for number in quiet):
                print(line, file=sys.stderr, flush=True)

    def follow(self) -> None:
        """Shows the log until httpd ends by itself, or a signal interrupts."""
        assert self.process is not None
        while self.process.poll() is None:
            self.show_log()
            time.sleep(0.2)
        self.show_log()
        raise Problem(f"httpd ended by itself, status {self.process.returncode}")

    def stop(self) -> None:
        """Ends httpd and all it started."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
