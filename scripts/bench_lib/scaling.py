# SPDX-License-Identifier: Apache-2.0
"""Scaling: the same job over more connections, and over more daemon processes."""
from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from . import lines, report, svg
from .jobs import COMMON, JOBS, Job, Layout
from .measure import Progress, Row, Run, Settings
from .tables import Table
from .targets import Target

DEFAULT = ("floor", "embedded", "daemon", "mod_wsgi-daemon", "uwsgi")
WITH_PROCESSES = frozenset({"daemon", "mod_wsgi-daemon", "uwsgi", "uwsgi-1thread", "gunicorn", "passenger",
                            "uwsgi-http", "uwsgi-http-socket", "granian", "gunicorn-http"})
CONNECTIONS, PROCESSES = "connections", "processes"


@dataclass(frozen=True)
class Series:
    """One job along one axis; everything else stays what --connections and --layout say."""

    axis: str
    job: Job
    values: tuple[int, ...]

    def settings(self, common: Settings, value: int) -> Settings:
        """httpd's threads follow the connections, see server.py."""
        if self.axis == CONNECTIONS:
            return replace(common, connections=value)
        return replace(common, layout=Layout(value, (common.layout or COMMON).threads))

    def takes(self, target: Target) -> bool:
        return self.axis == CONNECTIONS or target.name in WITH_PROCESSES


def _job(name: str) -> Job:
    return next(job for job in JOBS if job.name == name)


SERIES = (Series(CONNECTIONS, _job("hello"), (1, 8, 32, 128, 512)),
          Series(PROCESSES, _job("hello"), (1, 2, 4)),
          Series(PROCESSES, _job("cpu2"), (1, 2, 4)))


@dataclass(frozen=True)
class Point:
    series: Series
    value: int     # connections or processes
    row: Row


@dataclass
class Result:
    points: list[Point]
    absent: dict[str, str]
    facts: dict[str, dict[str, str]]
    notes: list[str]


def measure(common: Settings, chosen: list[Target]) -> dict[str, object]:
    """The document."""
    return _document(_run(common, chosen), common, chosen)


def _run(common: Settings, chosen: list[Target]) -> Result:
    """Targets take turns at each point. Servers are started anew for each: their threads and processes differ."""
    result = Result([], {}, {}, [])
    plan = [(series, value, [target for target in chosen if series.takes(target)])
            for series in SERIES for value in series.values]
    progress = Progress(common.rounds * sum(len(targets) for _, _, targets in plan))
    for series, value, targets in plan:
        run = Run(series.settings(common, value), [target for target in targets if target.name not in result.absent])
        try:
            result.points += [Point(series, value, row) for row in run.job(series.job, progress)]
        finally:
            run.close()
        result.absent |= run.absent
        result.facts |= run.facts
        result.notes += [f"{value} {series.axis}: {note}" for note in run.notes]
    progress.clear()
    return result


def _document(result: Result, common: Settings, chosen: list[Target]) -> dict[str, object]:
    rows = [point.row for point in result.points]
    series = [{"axis": series.axis, "job": series.job.name, "what": series.job.what,
               "points": [{"at": point.value, **report.row_document(point.row)}
                          for point in result.points if point.series is series]} for series in SERIES]
    return {**report.stamp("scaling", rows), "settings": dataclasses.asdict(common),
            "targets": {target.name: {"what": target.what, **result.facts.get(target.name, {})}
                        for target in chosen if target.name not in result.absent},
            "absent": result.absent, "notes": result.notes, "series": series}


FIGURES = (("cpu_us", "CPU us a request"), ("rate", "requests a second"))


def _points(series: Mapping[str, object]) -> dict[str, list[dict[str, object]]]:
    """By target, those that did not fail."""
    out: dict[str, list[dict[str, object]]] = {}
    for point in series["points"]:   # type: ignore[attr-defined]
        if point["state"] == "ok":
            out.setdefault(str(point["target"]), []).append(point)
    return out


def tables(document: Mapping[str, object]) -> Iterator[tuple[str, Table]]:
    """One for each series and figure, with its title."""
    for series in document["series"]:   # type: ignore[attr-defined]
        across = sorted({point["at"] for point in series["points"]})
        for name, what in FIGURES:
            rows = [[series["axis"], *map(str, across)]]
            for target, points in _points(series).items():
                found = {point["at"]: svg.number(point[name]) for point in points}   # type: ignore[arg-type]
                rows.append([target, *[found.get(value, "-") for value in across]])
            yield f"{series['job']} over {series['axis']}, {what}", rows


def draw(document: Mapping[str, object]) -> str:
    """Two plots for each series: CPU per request, and requests per second."""
    machine: dict[str, object] = document["machine"]   # type: ignore[assignment]
    plots = [lines.Plot(f"{series['job']} over {series['axis']}: {what}", str(series["axis"]),
                        {target: [(float(point["at"]), float(point[name])) for point in points]   # type: ignore[arg-type]
                         for target, points in _points(series).items()})
             for series in document["series"] for name, what in FIGURES]   # type: ignore[attr-defined]
    return lines.draw("Scaling over connections and over daemon processes",
                      f"CPU time of all processes of each server. {machine['cpus']} CPUs, of which the client takes one; "
                      f"{str(document['date'])[:10]}.", plots)
