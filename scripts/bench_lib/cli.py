# SPDX-License-Identifier: Apache-2.0
"""The command line of scripts/bench."""
from __future__ import annotations

import argparse
import json
import pathlib
import signal
import sys

from . import chart, peers, report, syscalls
from .jobs import JOBS, Job, Layout
from .measure import Row, Run, Settings
from .targets import TARGETS, Target


def _layout(text: str) -> Layout:
    processes, _, threads = text.partition("x")
    if not (processes.isdigit() and threads.isdigit() and int(processes) > 0 and int(threads) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not PROCESSESxTHREADS, such as 2x5")
    return Layout(int(processes), int(threads))


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _targets(text: str) -> list[Target]:
    known = {target.name: target for target in TARGETS}
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"no target {', '.join(unknown)}; there are {', '.join(known)}")
    return [target for target in TARGETS if target.name in text.split(",")]


def parser() -> argparse.ArgumentParser:
    listing = "jobs:\n" + "\n".join(f"  {job.name:12}{job.what}" for job in JOBS)
    listing += "\n\ntargets:\n" + "\n".join(f"  {target.name:20}{target.what}" for target in TARGETS)
    out = argparse.ArgumentParser(prog="scripts/bench", epilog=listing,
                                  formatter_class=argparse.RawDescriptionHelpFormatter,
                                  description="Measures Gatehouse and its peers side by side on this machine.")
    out.add_argument("jobs", nargs="*", metavar="JOB", help="jobs to run (default: all)")
    out.add_argument("--targets", type=_targets, default=list(TARGETS), metavar="A,B", help="default: all")
    out.add_argument("--seconds", type=_positive, default=2, help="length of one turn (default 2)")
    out.add_argument("--rounds", type=_positive, default=3, help="turns for each target (default 3)")
    out.add_argument("--connections", type=_positive, default=32, help="kept connections (default 32)")
    out.add_argument("--layout", type=_layout, metavar="PxT", help="processes and threads of the daemons, such as 2x5")
    out.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures")
    out.add_argument("--svg", type=pathlib.Path, metavar="FILE", help="write the chart")
    out.add_argument("--from-json", type=pathlib.Path, metavar="FILE", help="draw --svg from figures written before")
    out.add_argument("--syscalls", action="store_true", help="count system calls a request instead, by process")
    return out


def _chosen(names: list[str], arguments: argparse.ArgumentParser) -> list[Job]:
    known = {job.name: job for job in JOBS}
    unknown = [name for name in names if name not in known]
    if unknown:
        arguments.error(f"no job {', '.join(unknown)}; there are {', '.join(known)}")
    return [job for job in JOBS if not names or job.name in names]


def _bench(options: argparse.Namespace, jobs: list[Job]) -> int:
    settings = Settings(options.seconds, options.rounds, options.connections, options.layout)
    run = Run(settings, options.targets)
    rows: list[Row] = []
    try:
        for done in run.all(jobs):
            rows += done
            print(report.job_table(done), flush=True)
    finally:
        run.close()
    print(report.closing(rows, run))
    document = report.document(rows, run, settings)
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(chart.draw(document))
    return 1 if not rows or any(row.state != "ok" for row in rows) else 0


def main(argv: list[str]) -> int:
    arguments = parser()
    options = arguments.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.from_json:
        if not options.svg:
            arguments.error("--from-json needs --svg FILE")
        options.svg.write_text(chart.draw(json.loads(options.from_json.read_text())))
        return 0
    jobs = _chosen(options.jobs, arguments)
    try:
        return syscalls.count(options.targets, jobs) if options.syscalls else _bench(options, jobs)
    except peers.Absent as reason:
        print(f"scripts/bench: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
