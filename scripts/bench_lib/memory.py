# SPDX-License-Identifier: Apache-2.0
"""Memory of the worker processes of a Django application, with and without preload."""
from __future__ import annotations

import collections
import concurrent.futures
import http.client
import pathlib
import shutil
import statistics
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from . import bars, machine, peers, report
from .jobs import Layout
from .load import NoAnswer
from .plan import Plan, Site
from .server import Server
from .tables import Table
from .targets import Target

PROJECT = pathlib.Path(__file__).resolve().parent / "django_site"
LAYOUT = Layout(8, 5)
REQUESTS = 50      # that each process has answered before it is looked at
CLIENTS = LAYOUT.processes * LAYOUT.threads
DEADLINE = 60.0    # seconds until each has


def _plan(site: Site, module: pathlib.Path, options: str, version: str) -> Plan:
    peers.package("Django")
    project = site.run / "django_site"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    project.chmod(0o755)
    return Plan([f"LoadModule wsgi_module {module}", f"WSGISocketPrefix {site.run}/wsgi", "WSGIRestrictEmbedded On",
                 f"WSGIDaemonProcess bench python-home={peers.venv()} {options} "
                 f"processes={site.layout.processes} threads={site.layout.threads}",
                 f"WSGIScriptAlias / {project}/wsgi.py process-group=bench application-group=%{{GLOBAL}}"],
                version=version)


def _preload(state: str) -> Target:
    def plan(site: Site) -> Plan:
        peers.ours("gatehoused")
        return _plan(site, peers.ours("mod_wsgi.so"), f"preload={state}", "")
    return Target(f"preload-{state.lower()}", f"Gatehouse, daemon, preload={state}", plan)


TARGETS = (_preload("On"), _preload("Off"),
           Target("mod_wsgi-daemon", "mod_wsgi, daemon",
                  lambda site: _plan(site, peers.incumbent(), "", peers.version("mod_wsgi"))))


@dataclass(frozen=True)
class Result:
    target: Target
    state: str                          # ok, or why it does not count
    version: str = ""
    workers: tuple[machine.Memory, ...] = ()
    server_pss: int = 0                 # bytes, httpd and all its processes


class Crowd:
    """Clients that ask until each process has answered often enough. run() raises NoAnswer when that takes too long."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: collections.Counter[int] = collections.Counter()   # by process
        self.lock = threading.Lock()
        self.deadline = time.monotonic() + DEADLINE

    def _enough(self) -> bool:
        return len(self.answers) >= LAYOUT.processes and min(self.answers.values()) >= REQUESTS

    def _client(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            while time.monotonic() < self.deadline:
                connection.request("GET", "/")
                answer = connection.getresponse()
                page = answer.read()
                if answer.status != 200 or b"Row 99" not in page:
                    raise NoAnswer(f"status {answer.status}, {len(page)} bytes")
                with self.lock:
                    self.answers[int(answer.headers["X-Process"])] += 1
                    if self._enough():
                        return
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def run(self) -> list[int]:
        """The process ids of all workers."""
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            for client in [clients.submit(self._client) for _ in range(CLIENTS)]:
                client.result()
        if not self._enough():
            raise NoAnswer(f"within {DEADLINE:.0f} s, {len(self.answers)} processes answered "
                           f"{sorted(self.answers.values())} requests")
        return sorted(self.answers)


def _measure(target: Target) -> Result:
    try:
        server = Server(target, LAYOUT, CLIENTS)
    except peers.Absent as reason:
        return Result(target, f"absent, {reason}")
    try:
        workers = tuple(machine.memory(pid) for pid in Crowd(server.port).run())
        if not all(worker.pss for worker in workers):
            raise NoAnswer("a worker went away, or its smaps_rollup cannot be read")
        return Result(target, "ok", server.plan.version, workers, machine.pss(server.account.pids()))
    except NoAnswer as trouble:
        return Result(target, f"FAILED: {trouble} ({server.last_words()})")
    finally:
        server.close()


def _row(result: Result) -> dict[str, object]:
    out: dict[str, object] = {"target": result.target.name, "what": result.target.what, "state": result.state,
                              "version": result.version}
    if result.workers:
        for name in ("private", "pss"):
            sizes = [getattr(worker, name) / 1e6 for worker in result.workers]
            out[f"{name}_mb"] = round(statistics.median(sizes), 2)
            out[f"{name}_mb_each"] = [round(size, 2) for size in sizes]
        out["server_pss_mb"] = round(result.server_pss / 1e6, 1)
    return out


def measure() -> dict[str, object]:
    """The document: one row for each target, sizes in millions of bytes, medians over the worker processes."""
    rows = [_row(_measure(target)) for target in TARGETS]
    return {**report.stamp("memory", []), "django": peers.version("Django"), "processes": LAYOUT.processes,
            "threads": LAYOUT.threads, "requests": REQUESTS, "rows": rows}


FIGURES = (("private_mb", "private MB a worker"), ("pss_mb", "Pss MB a worker"),
           ("server_pss_mb", "Pss MB of the whole server, httpd included"))


def table(document: Mapping[str, object]) -> Table:
    head = [f"Django {document['django']}, {document['processes']} processes", *[what for _, what in FIGURES]]
    rows = [head]
    for row in document["rows"]:   # type: ignore[attr-defined]
        good = row["state"] == "ok"
        rows.append([row["target"], *[f"{row[name]:.1f}" if good else "-" for name, _ in FIGURES]])
    return rows


def draw(document: Mapping[str, object]) -> str:
    rows: list[dict[str, object]] = document["rows"]   # type: ignore[assignment]
    good = [row for row in rows if row["state"] == "ok"]
    panels = [bars.Panel(what, [bars.Bar(str(row["target"]), float(row[name])) for row in good])   # type: ignore[arg-type]
              for name, what in FIGURES]
    return bars.draw(f"Memory of a Django application in {document['processes']} processes of "
                     f"{document['threads']} threads",
                     f"Shorter is better. Django {document['django']}, after {document['requests']} requests or more to "
                     f"each process; medians over them; {str(document['date'])[:10]}.", panels)
