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

from . import jobs, peers
from .jobs import Job
from .server import Server
from .targets import Target

REQUESTS = 1000
CALL = re.compile(r"^(\d+)\s+([a-z_0-9]+)\(")


def _send(port: int, job: Job, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = b"x" * job.upload if job.upload else None
    for _ in range(count):
        connection.request(job.method, job.path, body=body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise peers.Absent(f"status {answer.status}")
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


def _trace(server: Server, job: Job) -> dict[str, collections.Counter[str]]:
    strace = shutil.which("strace")
    if strace is None:
        raise peers.Absent("strace is missing: apt-get install strace")
    _send(server.port, job, 50)
    pids = server.account.pids()
    log = server.run / "strace.out"
    tracer = subprocess.Popen([strace, "-f", "-qq", "-o", str(log), *[f"-p{pid}" for pid in pids]],
                              stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while any("TracerPid:\t0\n" in pathlib.Path(f"/proc/{pid}/status").read_text() for pid in pids):
            if time.monotonic() > deadline:
                raise peers.Absent("strace cannot attach to the server's processes")
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


def count(chosen: list[Target], wanted: list[Job]) -> int:
    for job in wanted:
        print(f"\n{job.name}: system calls per request, over {REQUESTS} requests on one connection")
        for target in chosen:
            if target.jobs is not None and job.name not in target.jobs:
                continue
            try:
                server = Server(target, job.layout)
            except peers.Absent as reason:
                print(f"  {target.name}: absent, {reason}")
                continue
            try:
                wrong = jobs.ask(server.port, job)
                if wrong:
                    print(f"  {target.name}: FAILED, {wrong}")
                    continue
                calls = _trace(server, job)
            finally:
                server.close()
            total = sum(counter.total() for counter in calls.values()) / REQUESTS
            print(f"  {target.name}: {total:.1f}")
            for process, counter in sorted(calls.items(), key=lambda item: -item[1].total()):
                if counter.total() * 20 < REQUESTS:
                    continue
                parts = ", ".join(f"{name} {number / REQUESTS:.1f}" for name, number in counter.most_common(8)
                                  if number * 20 >= REQUESTS)
                print(f"    {counter.total() / REQUESTS:6.1f}  {process}: {parts}")
    return 0
