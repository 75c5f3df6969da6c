# SPDX-License-Identifier: Apache-2.0
"""The targets: for each, the directives of httpd and the programs, behind it or alone, that make up one server."""
from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from . import alone, passenger, peers
from .jobs import JOBS, Layout
from .plan import Plan, Site


def _in_place_of_the_application(site: Site, module: pathlib.Path, handler: str) -> list[str]:
    """A handler in C for the application's file: httpd walks the same directories as on the way to a WSGI application."""
    return [f"LoadModule floor_module {module}", "<Location />", f"SetHandler {handler}", "</Location>",
            f"Alias /file10m {site.application.parent}/file10m", f"AliasMatch ^/ {site.application}",
            "<Location /file10m>", "SetHandler default-handler", "</Location>"]


def _floor(site: Site) -> Plan:
    module, _ = peers.floor()
    return Plan(_in_place_of_the_application(site, module, "floor"), python=False)


def _socket(site: Site) -> Plan:
    module, server = peers.floor()
    path = site.run / "echo.sock"
    return Plan(_in_place_of_the_application(site, module, "floor-socket"),
                programs=[[str(server), str(path)]], sockets=[path], environment={"FLOOR_SOCKET": str(path)},
                python=False)


def _wsgi(site: Site, module: pathlib.Path, daemon: str = "") -> list[str]:
    group = "%{GLOBAL}" if not daemon else "bench"
    lines = [f"LoadModule wsgi_module {module}", "<IfDirective WSGIEnableSendfile>", "WSGIEnableSendfile On", "</IfDirective>"]
    if daemon:
        layout = site.layout
        lines.append(f"WSGIDaemonProcess bench {daemon} processes={layout.processes} threads={layout.threads}")
        lines.append("WSGIRestrictEmbedded On")
    return [*lines, f"WSGISocketPrefix {site.run}/wsgi",
            f"WSGIScriptAlias / {site.application} process-group={group} application-group=%{{GLOBAL}}"]


def _python_option() -> str:
    return "python=" + os.path.basename(os.path.realpath(peers.PYTHON)).removeprefix("python")


def _embedded(site: Site) -> Plan:
    return Plan([*_wsgi(site, peers.ours("mod_wsgi.so")), f"WSGIPython {_python_option().removeprefix('python=')}"])


def _daemon(site: Site) -> Plan:
    peers.ours("gatehoused")
    return Plan(_wsgi(site, peers.ours("mod_wsgi.so"), _python_option()))


def _pool(interpreters: int) -> Callable[[Site], Plan]:
    """One process; the newest Python that has a lock for each interpreter."""
    def plan(site: Site) -> Plan:
        peers.ours("gatehoused")
        threads = site.layout.processes * site.layout.threads
        options = f"python={peers.newest_engine(12)} interpreters={interpreters}"
        one_process = replace(site, layout=Layout(1, threads))
        return Plan(_wsgi(one_process, peers.ours("mod_wsgi.so"), options))
    return plan


def _cgi(site: Site) -> Plan:
    program = peers.ours("gatehouse-cgi")
    script = site.application.parent / "application.cgi"
    script.write_text(f"#!{program}\n{site.application.read_text()}")
    script.chmod(0o755)
    return Plan([f"ScriptSock {site.run}/cgid.sock", f"ScriptAlias / {script}/"], modules=["cgid"])


def _incumbent_embedded(site: Site) -> Plan:
    module = peers.incumbent()
    return Plan([*_wsgi(site, module), f"WSGIPythonHome {peers.venv()}"], version=peers.version("mod_wsgi"))


def _incumbent_daemon(site: Site) -> Plan:
    module = peers.incumbent()
    return Plan(_wsgi(site, module, f"python-home={peers.venv()}"), version=peers.version("mod_wsgi"))


def _uwsgi(site: Site) -> Plan:
    path = site.run / "uwsgi.sock"
    argv = [*alone.uwsgi_arguments(site), "--socket", str(path), "--chmod-socket=666"]
    return Plan([f"ProxyPass / unix:{path}|uwsgi://uwsgi/"], modules=["proxy", "proxy_uwsgi"], programs=[argv],
                sockets=[path], version=peers.version("uwsgi"))


def _uwsgi_one_thread(site: Site) -> Plan:
    """The same number of processes without threads: cheaper for uWSGI where nothing waits."""
    plan = _uwsgi(site)
    position = plan.programs[0].index("--threads")
    del plan.programs[0][position:position + 2]
    return plan


def _gunicorn(site: Site) -> Plan:
    path = site.run / "gunicorn.sock"
    argv = [*alone.gunicorn_arguments(site), "--bind", f"unix:{path}", "application:application"]
    return Plan([f"ProxyPass / unix:{path}|http://gunicorn/"], modules=["proxy", "proxy_http"], programs=[argv],
                sockets=[path], version=peers.version("gunicorn"))


@dataclass(frozen=True)
class Target:
    name: str
    what: str
    plan: Callable[[Site], Plan]
    jobs: frozenset[str] | None = None    # None: all of them
    connections: int | None = None        # fewer than the others, where requests are so slow that those in flight
                                          # at the end of a turn would distort it
    context: bool = False                 # without httpd in front: does less, so it is shown apart


ROUND_TRIPS = frozenset({"hello", "page20k", "upload1k", "upload1m", "memory10m", "sleep20"})
WITH_LENGTH = frozenset(job.name for job in JOBS if job.name != "stream100")   # wrk takes no other for whole
NOTHING_WAITS = frozenset(job.name for job in JOBS if job.name != "sleep20")

TARGETS: tuple[Target, ...] = (
    Target("floor", "C handler (a static file for file10m)", _floor),
    Target("socket", "C handler, round trip over a kept UNIX socket", _socket, ROUND_TRIPS),
    Target("embedded", "Gatehouse, embedded", _embedded),
    Target("daemon", "Gatehouse, daemon", _daemon),
    Target("pool1", "Gatehouse, daemon, one process with one interpreter", _pool(1)),
    Target("pool2", "Gatehouse, daemon, one process with two interpreters", _pool(2)),
    Target("mod_wsgi-embedded", "mod_wsgi, embedded", _incumbent_embedded),
    Target("mod_wsgi-daemon", "mod_wsgi, daemon", _incumbent_daemon),
    Target("uwsgi", "uWSGI behind mod_proxy_uwsgi", _uwsgi),
    Target("uwsgi-1thread", "uWSGI behind mod_proxy_uwsgi, one thread a process", _uwsgi_one_thread, NOTHING_WAITS),
    Target("gunicorn", "gunicorn behind mod_proxy_http", _gunicorn),
    Target("passenger", "Passenger's open source edition in httpd: one thread a process", passenger.plan),
    Target("cgi", "Gatehouse, CGI by mod_cgid (2 connections)", _cgi, connections=2),
    Target("uwsgi-http", "uWSGI's own HTTP router", alone.uwsgi_router, context=True),
    Target("uwsgi-http-socket", "HTTP by uWSGI's workers, a connection for each request", alone.uwsgi_workers,
           WITH_LENGTH, context=True),
    Target("granian", "Granian", alone.granian, context=True),
    Target("gunicorn-http", "gunicorn on a TCP port", alone.gunicorn, context=True),
)
