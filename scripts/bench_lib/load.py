# SPDX-License-Identifier: Apache-2.0
"""Load from wrk, and what one turn of it cost the server."""
from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import time
from dataclasses import dataclass

from . import machine, peers
from .jobs import Job
from .server import Server

SCRIPT = pathlib.Path(__file__).resolve().parent / "load.lua"
THREADS = 1   # one wrk thread drives 32 connections and leaves a core to the server


class NoAnswer(Exception):
    """Nothing to measure: wrk gave up, or no request was answered. The text says which."""


@dataclass(frozen=True)
class Turn:
    """One measurement of one target at one job."""

    requests: int
    rate: float          # requests per second
    cpu_us: float        # server CPU microseconds per request, all its processes
    p50_ms: float
    p99_ms: float
    failed: int          # answers other than 2xx and 3xx, socket errors, time-outs
    pss_mb: float
    elsewhere: float     # share of the machine used by others than server and wrk, 0 to 1



def wrk(port: int, job: Job, connections: int, seconds: float) -> tuple[dict[str, float], float]:
    """wrk's own summary and the CPU seconds that wrk used. Its shortest run is one second."""
    program = shutil.which("wrk")
    if program is None:
        raise peers.Absent("wrk is missing: run scripts/install-packages bench")
    argv = [program, f"-t{THREADS}", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s",
            "-s", str(SCRIPT), f"http://127.0.0.1:{port}{job.path}", "--", job.method, str(job.upload)]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert child.stdout is not None
    with child.stdout as out:
        text = out.read()
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line), usage.ru_utime + usage.ru_stime
    raise NoAnswer(" ".join(text.split())[-200:] or "wrk printed nothing")


def take_turn(server: Server, job: Job, connections: int, seconds: float) -> Turn:
    account = server.account
    cpu, scheduled, busy, began = (account.cpu_seconds(), account.scheduled_seconds(), machine.busy_seconds(),
                                   time.monotonic())
    summary, own = wrk(server.port, job, connections, seconds)
    pss = machine.pss(account.pids())
    time.sleep(0.05)     # what was in flight when wrk hung up
    used = account.cpu_seconds() - cpu
    elapsed = time.monotonic() - began
    others = machine.busy_seconds() - busy - (account.scheduled_seconds() - scheduled) - own
    requests = int(summary["requests"])
    if requests == 0:
        raise NoAnswer(f"no answer within {summary['seconds']:.0f} s")
    return Turn(requests=requests, rate=requests / summary["seconds"], cpu_us=1e6 * used / requests,
                p50_ms=summary["p50"] / 1000, p99_ms=summary["p99"] / 1000,
                failed=int(summary["failed"] + summary["socket_errors"] + summary["timeouts"]), pss_mb=pss / 1e6,
                elsewhere=max(0.0, others / (elapsed * (os.cpu_count() or 1))))
