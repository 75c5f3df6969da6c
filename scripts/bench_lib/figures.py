# SPDX-License-Identifier: Apache-2.0
"""The page of figures: every chart, the table behind it, and where and when it was taken."""
from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from . import charts, latency, memory, peers, scaling, svg, syscalls
from .tables import Table, markdown

FOLDER = peers.ROOT / "docs" / "performance"
SYSCALL_TARGETS = ("floor", "embedded", "daemon", "mod_wsgi-embedded", "mod_wsgi-daemon")
SYSCALL_JOBS = ("hello", "page20k", "upload1k", "upload1m", "stream100")
Document = Mapping[str, object]

INTRODUCTION = """\
# Figures

Written by `scripts/bench --figures`, all by one run on one machine; [performance.md](../performance.md) says what the
targets and jobs are and how they are measured. The same figures, turn by turn, are in [figures.json](figures.json);
`scripts/bench --figures --from-json docs/performance/figures.json` writes this page and its charts from them again.
"""


def _matrix(document: Document, figure: str) -> Table:
    """Targets down, jobs across, servers without httpd last."""
    jobs: dict[str, str] = document["jobs"]                       # type: ignore[assignment]
    targets: dict[str, dict[str, object]] = document["targets"]   # type: ignore[assignment]
    found: dict[tuple[str, str], str] = {}
    for row in document["rows"]:                                  # type: ignore[attr-defined]
        value = row.get(figure)
        shown = "-" if value is None else svg.number(value)
        found[row["target"], row["job"]] = shown if row["state"] == "ok" else "failed"
    order = sorted(targets, key=lambda name: bool(targets[name].get("context")))
    return [["", *jobs], *[[f"{name} (context)" if targets[name].get("context") else name,
                            *[found.get((name, job), "-") for job in jobs]] for name in order]]


def _jobs(document: Document) -> Iterator[tuple[str, Table]]:
    for figure, title in (("ratio", "CPU time per request, as a multiple of the floor's"),
                          ("cpu_us", "CPU time per request, us"), ("rate", "Requests per second"),
                          ("p99_ms", "99th percentile of latency, ms"), ("pss_mb", "Memory of all processes (Pss), MB")):
        yield title, _matrix(document, figure)
    targets: dict[str, dict[str, object]] = document["targets"]   # type: ignore[assignment]
    yield "What ran", [["target", "what", "version", "Python"],
                       *[[name, *[str(facts.get(key) or "") for key in ("what", "version", "python")]]
                         for name, facts in targets.items()]]


SECTIONS: dict[str, tuple[str, Callable[[Document], Iterator[tuple[str, Table]]]]] = {
    "jobs": ("Every job", _jobs),
    "syscalls": ("System calls", lambda document: iter([("System calls per request", syscalls.table(document))])),
    "scaling": ("Scaling", scaling.tables),
    "latency": ("Latency", lambda document: iter([("Milliseconds", latency.table(document))])),
    "memory": ("Memory", lambda document: iter([("Millions of bytes", memory.table(document))])),
}


def taken(document: Document) -> str:
    """When, of which commit, on what machine, and how much of it others used."""
    machine: dict[str, object] = document["machine"]      # type: ignore[assignment]
    settings: dict[str, object] = document.get("settings") or {}   # type: ignore[assignment]
    lines = [f"Taken on {str(document['date'])[:16].replace('T', ' ')} UTC, commit {document['commit']}, "
             f"{machine['cpus']} CPUs ({machine['cpu']}), Linux {machine['kernel']}, TCP by "
             f"{machine['congestion_control']}."]
    if settings:
        lines.append(f"{settings['rounds']} rounds of {settings['seconds']} s; medians over the rounds.")
    elsewhere: dict[str, float] = document.get("elsewhere") or {}  # type: ignore[assignment]
    if elsewhere:
        lines.append(f"Others used {elsewhere['median']:.0%} of the machine meanwhile (median over all turns; "
                     f"{elsewhere['most']:.0%} at most).")
    if elsewhere and elsewhere["median"] > 0.1:
        lines.append("That is too much: compare these figures with each other at most, and not closely.")
    absent: dict[str, str] = document.get("absent") or {}          # type: ignore[assignment]
    lines += [f"{name}: absent, {reason}." for name, reason in absent.items()]
    return "\n".join(lines)


def page(documents: Sequence[Document]) -> str:
    parts = [INTRODUCTION]
    for document in documents:
        kind = str(document["kind"])
        title, tables = SECTIONS[kind]
        parts.append(f"## {title}\n\n{taken(document)}\n\n![{title}]({kind}.svg)\n")
        parts += [f"{name}:\n\n{markdown(table)}\n" for name, table in tables(document)]
    return "\n".join(parts)


def write(folder: pathlib.Path, documents: Sequence[Document]) -> None:
    """Charts, page and JSON of these documents into the folder; what a folder held of others of these names is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for document in documents:
        (folder / f"{document['kind']}.svg").write_text(charts.draw(document))
    (folder / "figures.md").write_text(page(documents))
    (folder / "figures.json").write_text(json.dumps(documents, indent=1) + "\n")
