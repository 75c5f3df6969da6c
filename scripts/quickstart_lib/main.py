# SPDX-License-Identifier: Apache-2.0
"""scripts/quickstart after the build: prepares a run directory, serves from it, removes it."""
from __future__ import annotations

import os
import pathlib
import shutil
import signal
import sys
import tempfile

from . import application, build, httpd, site, users
from .problem import Problem


def _port() -> int:
    text = os.environ.get("PORT", "8000")
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Problem(f"PORT={text} is not a port: a number from 1 to 65535")
    return int(text)


def _announce(server: httpd.Httpd, served: site.Site) -> None:
    """Asks every link once, so that what is printed is true."""
    base = f"http://127.0.0.1:{server.port}"
    answers = [(path, what, server.ask(path)) for path, what in served.links]
    server.show_log()
    width = max(len(base + path) for path, _, _ in answers)
    print(f"\nServing on {base}/ until Ctrl-C\n")
    for path, what, wrong in answers:
        print(f"  {(base + path).ljust(width)}  {what}" + (f"  {wrong}" if wrong else ""))
    for note in served.notes:
        print(f"\n{note}")
    print(f"\nConfiguration: {server.run / 'httpd.conf'}; the error log follows.\n", flush=True)


def _serve(arguments: list[str], run: pathlib.Path) -> None:
    port = _port()
    httpd.check_port(port)
    chosen = application.find(arguments[0]) if arguments else None
    user = users.choose(chosen.script if chosen else None)
    library = run / "lib"
    build.copy_to(library)
    if chosen:
        served = site.serve(chosen, user)
    else:
        print("Preparing the examples", flush=True)
        served = site.examples(run, library, user)
    server = httpd.Httpd(run, library, port, user, served.directives)
    try:
        server.start()
        _announce(server, served)
        server.follow()
    finally:
        server.stop()
        server.show_log()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    if len(arguments) > 1:
        print("usage: scripts/quickstart [FILE.wsgi|DIR]", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    os.umask(0o022)
    run = pathlib.Path(tempfile.mkdtemp(prefix="gatehouse-quickstart-"))
    run.chmod(0o755)
    try:
        _serve(arguments, run)
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0
    except Problem as problem:
        print(f"scripts/quickstart: {problem}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(run, ignore_errors=True)
    return 0
