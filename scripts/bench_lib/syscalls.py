# SPDX-License-Identifier: Apache-2.0
"""System calls per request, by process: strace over 1,000 requests on one kept connection."""
from __future__ import annotations

import collections
import http.client
import pathlib
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping

from . import bars, jobs, peers, report
from .jobs import Job
from .load import NoAnswer
from .server import Server
from .tables import Table
from .targets import Target

REQUESTS = 1000
PAUSE = 0.003    # seconds from an answer to the next request. Without it a handler that is done soon gives the connection
                 # back to httpd's listener and one that is late does not: nine calls that neither of them makes
CALL = re.compile(r"^(\d+)\s+([a-z_0-9]+)\(")


def _send(port: int, job: Job, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = b"x" * job.upload if job.upload else None
    try:
        for _ in range(count):
            connection.request(job.method, job.path, body=body)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise NoAnswer(f"status {answer.status}")
            time.sleep(PAUSE)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _threads(pids: list[int]) -> dict[str, str]:
    """Thread id to "program pid"."""
    owner: dict[str, str] = {}
    for pid in pids:
        try:
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            owner.update({task.name: f"{name} {pid}" for task in pathlib.Path(f"/proc/{pid}/task").iterdir()})
        except OSError:
            continue
    return owner


def _untraced(pid: int) -> bool:
    """False also for a process that has gone meanwhile."""
    try:
        return "TracerPid:\t0\n" in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _trace(server: Server, job: Job) -> dict[str, collections.Counter[str]]:
    strace = shutil.which("strace")
    if strace is None:
        raise peers.Absent("strace is missing: run scripts/install-packages bench")
    _send(server.port, job, 50)
    pids = server.account.pids()
    log = server.run / "strace.out"
    tracer = subprocess.Popen([strace, "-f", "-qq", "-o", str(log), *[f"-p{pid}" for pid in pids]],
                              stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while any(_untraced(pid) for pid in pids):
            if time.monotonic() > deadline:
                raise NoAnswer("strace cannot attach to the server's processes")
            time.sleep(0.05)
        owner = _threads(pids)
        _send(server.port, job, REQUESTS)
        owner.update(_threads(server.account.pids()))
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    calls: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for line in log.read_text(errors="replace").splitlines():
        if match := CALL.match(line):
            calls[owner.get(match[1], "ended processes")][match[2]] += 1
    return calls


def _row(target: Target, job: Job) -> dict[str, object]:
    """One target at one job: the total, and by process each call, all per request."""
    row: dict[str, object] = {"job": job.name, "target": target.name, "state": "ok"}
    try:
        server = Server(target, job.layout)
    except peers.Absent as reason:
        return {**row, "state": f"absent, {reason}"}
    try:
        wrong = jobs.ask(server.port, job)
        if wrong:
            return {**row, "state": f"FAILED, {wrong}"}
        calls = _trace(server, job)
    except peers.Absent as reason:
        return {**row, "state": f"absent, {reason}"}
    except NoAnswer as trouble:
        return {**row, "state": f"FAILED, {trouble}"}
    finally:
        server.close()
    processes = sorted(calls.items(), key=lambda item: -item[1].total())
    return {**row, "total": sum(counter.total() for counter in calls.values()) / REQUESTS,
            "processes": [{"process": process, "total": counter.total() / REQUESTS,
                           "calls": {name: number / REQUESTS for name, number in counter.most_common(8)}}
                          for process, counter in processes]}


def _print(row: dict[str, object]) -> None:
    """Leaves out what happens less than once in twenty requests."""
    if row["state"] != "ok":
        print(f"  {row['target']}: {row['state']}")
        return
    print(f"  {row['target']}: {row['total']:.1f}")
    for process in row["processes"]:   # type: ignore[attr-defined]
        if process["total"] >= 0.05:
            parts = ", ".join(f"{name} {count:.1f}" for name, count in process["calls"].items() if count >= 0.05)
            print(f"    {process['total']:6.1f}  {process['process']}: {parts}", flush=True)


def measure(chosen: list[Target], wanted: list[Job]) -> dict[str, object]:
    """The document, printed as it grows."""
    rows = []
    for job in wanted:
        print(f"\n{job.name}: system calls per request, over {REQUESTS} requests on one connection, one at a time", flush=True)
        for target in chosen:
            if target.jobs is None or job.name in target.jobs:
                rows.append(_row(target, job))
                _print(rows[-1])
    return {**report.stamp("syscalls", []), "requests": REQUESTS, "jobs": {job.name: job.what for job in wanted},
            "rows": rows}


def table(document: Mapping[str, object]) -> Table:
    rows: list[dict[str, object]] = document["rows"]   # type: ignore[assignment]
    wanted: dict[str, str] = document["jobs"]          # type: ignore[assignment]
    found = {(row["target"], row["job"]): f"{row['total']:.1f}" for row in rows if row["state"] == "ok"}
    targets = list(dict.fromkeys(row["target"] for row in rows))
    return [["calls a request", *wanted],
            *[[str(target), *[found.get((target, job), "-") for job in wanted]] for target in targets]]


def draw(document: Mapping[str, object]) -> str:
    rows: list[dict[str, object]] = document["rows"]   # type: ignore[assignment]
    wanted: dict[str, str] = document["jobs"]          # type: ignore[assignment]
    panels = [bars.Panel(f"{job}: {what}", [bars.Bar(str(row["target"]), float(row["total"]))   # type: ignore[arg-type]
                                            for row in rows if row["job"] == job and row["state"] == "ok"])
              for job, what in wanted.items()]
    return bars.draw("System calls per request", "All processes of each server; shorter is better. Counted by strace over "
                     f"{document['requests']:,} requests on one kept connection, {str(document['date'])[:10]}.", panels)
