# SPDX-License-Identifier: Apache-2.0
"""The run: targets take turns at each job, round after round; medians over the rounds."""
from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import jobs, load, peers
from .jobs import Job, Layout
from .load import Turn
from .server import Server
from .targets import Target

FLOOR = "floor"


@dataclass
class Row:
    """One target at one job, over all rounds."""

    job: Job
    target: Target
    turns: list[Turn] = field(default_factory=list)
    trouble: str = ""               # why the row does not count
    floor_ratios: list[float] = field(default_factory=list)

    def median(self, name: str) -> float:
        return float(statistics.median(getattr(turn, name) for turn in self.turns))

    @property
    def failed(self) -> int:
        return sum(turn.failed for turn in self.turns)

    @property
    def ratio(self) -> float | None:
        """CPU per request in floors: the median of the rounds' own ratios."""
        return statistics.median(self.floor_ratios) if self.floor_ratios else None

    @property
    def state(self) -> str:
        if self.trouble:
            return self.trouble
        return f"FAILED: {self.failed} requests" if self.failed else "ok"


@dataclass(frozen=True)
class Settings:
    seconds: float
    rounds: int
    connections: int
    layout: Layout | None    # overrides every job's own


class Progress:
    """One line that rewrites itself, on a terminal only."""

    def __init__(self, turns: int) -> None:
        self.turns, self.done, self.began = turns, 0, time.monotonic()
        self.live = sys.stderr.isatty()

    def say(self, text: str) -> None:
        if self.live:
            left = (time.monotonic() - self.began) / max(1, self.done) * (self.turns - self.done)
            eta = f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"
            sys.stderr.write(f"\r\x1b[K[{self.done}/{self.turns}] {text}" + (f", {eta}" if self.done else ""))
            sys.stderr.flush()

    def clear(self) -> None:
        if self.live:
            sys.stderr.write("\r\x1b[K")


class Run:
    """Owns the servers of one benchmark; close() ends them all."""

    def __init__(self, settings: Settings, chosen: list[Target]) -> None:
        self.settings = settings
        self.targets = chosen
        self.servers: dict[tuple[str, Layout], Server] = {}
        self.absent: dict[str, str] = {}
        self.facts: dict[str, dict[str, str]] = {}
        self.notes: list[str] = []
        self.how = ""

    def _layout(self, job: Job) -> Layout:
        return self.settings.layout or job.layout

    def _server(self, target: Target, job: Job) -> Server:
        key = (target.name, self._layout(job))
        if key not in self.servers:
            server = Server(target, key[1], self.settings.connections)
            self.servers[key] = server
            self.how = server.account.how
            self.facts[target.name] = {"version": server.plan.version,
                                       "python": jobs.python_of(server.port) if server.plan.python else ""}
        return self.servers[key]

    def _rows(self, job: Job, progress: Progress) -> list[Row]:
        """Starts what this job needs and asks each once: a wrong answer is not worth timing."""
        rows = []
        for target in self.targets:
            if target.name in self.absent or (target.jobs is not None and job.name not in target.jobs):
                continue
            progress.say(f"{job.name}: starting {target.name}")
            try:
                server = self._server(target, job)
            except peers.Absent as reason:
                self.absent[target.name] = str(reason)
                continue
            wrong = jobs.ask(server.port, job)
            rows.append(Row(job, target, trouble=f"FAILED: {wrong}" if wrong else ""))
        return rows

    def job(self, job: Job, progress: Progress) -> list[Row]:
        rows = self._rows(job, progress)
        for number in range(self.settings.rounds + 1):    # the first only warms, and does not count
            for row in rows:
                if not row.trouble:
                    progress.say(f"{job.name}, round {number}/{self.settings.rounds}: {row.target.name}")
                    self._take_turn(row, warming=number == 0)
                progress.done += number > 0
        floor = next((row for row in rows if row.target.name == FLOOR and not row.trouble), None)
        least = floor.turns if floor else []
        for row in rows:
            row.floor_ratios = [own.cpu_us / base.cpu_us for own, base in zip(row.turns, least)]
        return rows

    def _take_turn(self, row: Row, warming: bool) -> None:
        server = self._server(row.target, row.job)
        seconds = 1 if warming else self.settings.seconds
        try:
            connections = min(self.settings.connections, row.target.connections or self.settings.connections)
            turn = load.take_turn(server, row.job, connections, seconds)
        except load.NoAnswer as trouble:    # nothing listens any more, or all are slower than the turn is long
            if not warming:
                row.trouble = f"FAILED: {trouble}"
            return
        if not warming:
            row.turns.append(turn)

    def all(self, chosen: list[Job]) -> Iterator[list[Row]]:
        expected = sum(self.settings.rounds for job in chosen for target in self.targets
                       if target.jobs is None or job.name in target.jobs)
        progress = Progress(expected)
        for position, job in enumerate(chosen):
            rows = self.job(job, progress)
            progress.clear()
            yield rows
            later = {self._layout(next_job) for next_job in chosen[position + 1:]}
            self.close(keep=later)

    def close(self, keep: set[Layout] | None = None) -> None:
        for key in [key for key in self.servers if key[1] not in (keep or set())]:
            server = self.servers.pop(key)
            errors = server.error_lines()
            if errors:
                self.notes.append(f"{key[0]}: {len(errors)} errors logged, the last: {errors[-1]}")
            server.close()
            if server.left_over:
                self.notes.append(f"{key[0]}: {server.left_over} processes outlived the stop of httpd")
