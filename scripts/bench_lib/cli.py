# SPDX-License-Identifier: Apache-2.0
"""The command line of scripts/bench."""
from __future__ import annotations

import argparse
import json
import pathlib
import signal
import sys
from collections.abc import Callable

from . import charts, figures, latency, memory, network, peers, report, scaling, syscalls
from .jobs import JOBS, Job, Layout
from .measure import Row, Run, Settings
from .tables import aligned
from .targets import TARGETS, Target

Document = dict[str, object]


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
    out.add_argument("--targets", type=_targets, metavar="A,B", help="default: all (a few for --scaling)")
    out.add_argument("--seconds", type=_positive, default=2, help="length of one turn (default 2)")
    out.add_argument("--rounds", type=_positive, default=3, help="turns for each target (default 3)")
    out.add_argument("--connections", type=_positive, default=32, help="kept connections (default 32)")
    out.add_argument("--layout", type=_layout, metavar="PxT", help="processes and threads of the daemons, such as 2x5")
    out.add_argument("--congestion-control", metavar="NAME", help="have TCP use this one, such as reno, in a network of "
                     "the benchmark's own (root; default: the machine's)")
    out.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures")
    out.add_argument("--svg", type=pathlib.Path, metavar="FILE", help="write the chart")
    out.add_argument("--from-json", type=pathlib.Path, metavar="FILE", help="measure nothing: draw --svg, or write "
                     "--figures, from what was written before")
    instead = out.add_mutually_exclusive_group()
    instead.add_argument("--syscalls", action="store_true", help="count system calls a request instead, by process")
    instead.add_argument("--scaling", action="store_true", help="measure over connections, and over processes, instead")
    instead.add_argument("--latency", action="store_true",
                         help="measure how long a streamed piece and new code take instead")
    instead.add_argument("--memory", action="store_true", help="measure memory of Django's processes instead")
    instead.add_argument("--figures", nargs="?", type=pathlib.Path, const=figures.FOLDER, metavar="FOLDER",
                         help="do all of it and write charts and tables into docs/performance, or FOLDER")
    return out


def _chosen(names: list[str], arguments: argparse.ArgumentParser) -> list[Job]:
    known = {job.name: job for job in JOBS}
    unknown = [name for name in names if name not in known]
    if unknown:
        arguments.error(f"no job {', '.join(unknown)}; there are {', '.join(known)}")
    return [job for job in JOBS if not names or job.name in names]


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(options.seconds, options.rounds, options.connections, options.layout)


def _bench(options: argparse.Namespace, jobs: list[Job]) -> Document:
    settings = _settings(options)
    run = Run(settings, options.targets or list(TARGETS))
    rows: list[Row] = []
    try:
        for done in run.all(jobs):
            rows += done
            print(report.job_table(done), flush=True)
    finally:
        run.close()
    document = report.document(rows, run, settings)
    print(report.closing(document))
    return document


def _syscalls(options: argparse.Namespace, jobs: list[Job]) -> Document:
    return syscalls.measure(options.targets or list(TARGETS), jobs)


def _scaling(options: argparse.Namespace, _jobs: list[Job]) -> Document:
    chosen = options.targets or [target for target in TARGETS if target.name in scaling.DEFAULT]
    document = scaling.measure(_settings(options), chosen)
    for title, table in scaling.tables(document):
        print(f"\n{title}\n{aligned(table)}")
    print("\n".join(["", *report.remarks(document)]))
    return document


def _memory(_options: argparse.Namespace, _jobs: list[Job]) -> Document:
    document = memory.measure()
    print(aligned(memory.table(document)))
    return document


def _latency(options: argparse.Namespace, _jobs: list[Job]) -> Document:
    document = latency.measure(options.targets)
    print(aligned(latency.table(document)))
    return document


def _figures(options: argparse.Namespace, jobs: list[Job]) -> list[Document]:
    """All documents that the figures are made of, each as by its own command, and written when it is there."""
    ours = [target for target in TARGETS if target.name in figures.SYSCALL_TARGETS]
    few = [job for job in jobs if job.name in figures.SYSCALL_JOBS] or [JOBS[0]]
    documents: list[Document] = []
    parts: tuple[Callable[[], Document], ...] = (
        lambda: _bench(options, jobs), lambda: syscalls.measure(options.targets or ours, few),
        lambda: _scaling(options, jobs), lambda: _latency(argparse.Namespace(targets=None), jobs),
        lambda: _memory(options, jobs))
    for part in parts:
        documents.append(part())
        figures.write(options.figures, documents)
    return documents


def _measured(options: argparse.Namespace, jobs: list[Job]) -> list[Document]:
    if options.figures:
        return _figures(options, jobs)
    kinds = ((options.syscalls, _syscalls), (options.scaling, _scaling), (options.latency, _latency), (options.memory, _memory))
    one = next((measure for chosen, measure in kinds if chosen), _bench)
    return [one(options, jobs)]


def _write(options: argparse.Namespace, documents: list[Document]) -> None:
    if options.json:
        options.json.write_text(json.dumps(documents if options.figures else documents[0], indent=1) + "\n")
    if options.svg:
        options.svg.write_text(charts.draw(documents[0]))


def _trouble(document: Document) -> bool:
    """Whether any row failed, or there are none. What is absent is no failure."""
    states = [str(row["state"]) for row in report.rows_of(document)]
    for line in [f"{document['kind']}: {state}" for state in states if state != "ok" and document["kind"] != "jobs"]:
        print(line, file=sys.stderr)
    return not states or any(state.startswith("FAILED") for state in states)


def _again(options: argparse.Namespace) -> int:
    """Draws what was measured before; --svg of a file that --figures wrote draws its jobs."""
    read = json.loads(options.from_json.read_text())
    documents: list[Document] = read if isinstance(read, list) else [read]
    if options.figures:
        figures.write(options.figures, documents)
    else:
        options.svg.write_text(charts.draw(documents[0]))
    return 0


def main(argv: list[str]) -> int:
    arguments = parser()
    options = arguments.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    jobs = _chosen(options.jobs, arguments)
    if options.jobs and (options.scaling or options.latency or options.memory):
        arguments.error("--scaling, --latency and --memory have jobs of their own: leave the names out")
    if options.targets and options.memory:
        arguments.error("--memory has targets of its own: leave --targets out")
    if options.figures and options.svg:
        arguments.error("--figures writes charts of its own: leave --svg out")
    if options.from_json:
        if not (options.svg or options.figures):
            arguments.error("--from-json needs --svg FILE, or --figures")
        return _again(options)
    try:
        if options.congestion_control:
            network.enter(options.congestion_control)
        documents = _measured(options, jobs)
    except (peers.Absent, network.Refused) as reason:
        print(f"scripts/bench: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    _write(options, documents)
    return 1 if any([_trouble(document) for document in documents]) else 0
