# SPDX-License-Identifier: Apache-2.0
"""Servers that listen themselves, without httpd in front: context, since they do less."""
from __future__ import annotations

import shutil

from . import peers
from .plan import Plan, Site


def _plan(site: Site, package: str, argv: list[str]) -> Plan:
    return Plan([], programs=[argv], version=peers.version(package), httpd=False)


def uwsgi_arguments(site: Site) -> list[str]:
    """What uWSGI is told in every arrangement, but for where it listens."""
    waiting = min(max(128, site.connections), peers.most_waiting())
    argv = [str(peers.program("uwsgi")), "--master", "--die-on-term", "--need-app", "--disable-logging",
            "--single-interpreter", "--listen", str(waiting),
            "--processes", str(site.layout.processes), "--threads", str(site.layout.threads),
            "--wsgi-file", str(site.application)]
    return argv + (["--uid", site.user, "--gid", site.group] if site.user else [])


def gunicorn_arguments(site: Site) -> list[str]:
    """The same for gunicorn."""
    argv = [str(peers.program("gunicorn")), "--worker-class", "gthread",
            "--workers", str(site.layout.processes), "--threads", str(site.layout.threads), "--keep-alive", "60",
            "--no-control-socket", "--chdir", str(site.application.parent), "--umask", "0"]
    return argv + (["--user", site.user, "--group", site.group] if site.user else [])


def uwsgi_router(site: Site) -> Plan:
    """A process of uWSGI's own keeps the connections and passes requests on to the workers."""
    return _plan(site, "uwsgi", [*uwsgi_arguments(site), "--http", f"127.0.0.1:{site.port}", "--http-keepalive=60",
                                 "--http-auto-chunked", "--http-timeout", "60"])


def uwsgi_workers(site: Site) -> Plan:
    """Workers speak HTTP. A kept connection would hold one of their threads, so each request has its own."""
    return _plan(site, "uwsgi", [*uwsgi_arguments(site), "--http-socket", f"127.0.0.1:{site.port}",
                                 "--add-header", "Connection: close"])


def gunicorn(site: Site) -> Plan:
    return _plan(site, "gunicorn", [*gunicorn_arguments(site), "--bind", f"127.0.0.1:{site.port}",
                                    "application:application"])


def granian(site: Site) -> Plan:
    """It cannot change its user, so setpriv does."""
    dropped = []
    if site.user:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise peers.Absent("setpriv, of util-linux, is missing: granian would run as root")
        dropped = [setpriv, f"--reuid={site.user}", f"--regid={site.group}", "--clear-groups"]
    return _plan(site, "granian", [
        *dropped, str(peers.program("granian")), "--interface", "wsgi", "--http", "1", "--no-ws", "--no-log",
        "--host", "127.0.0.1", "--port", str(site.port), "--workers", str(site.layout.processes),
        "--blocking-threads", str(site.layout.threads), "--working-dir", str(site.application.parent),
        "application:application"])
