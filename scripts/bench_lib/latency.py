# SPDX-License-Identifier: Apache-2.0
"""Two times that load does not show: how long a streamed piece is on its way, and how soon new code answers."""
from __future__ import annotations

import http.client
import os
import pathlib
import socket
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from . import bars, peers, report
from .jobs import Layout
from .load import NoAnswer
from .server import Server
from .tables import Table
from .targets import TARGETS, Target

DEFAULT = ("embedded", "daemon", "mod_wsgi-embedded", "mod_wsgi-daemon", "uwsgi")
RELOADS = ("embedded", "daemon", "mod_wsgi-embedded", "mod_wsgi-daemon")   # that see by themselves that a script was touched
LAYOUT = Layout(1, 5)
PIECES = 50     # of each streamed response, 10 ms apart
TOUCHES = 7
PATIENCE = 10.0   # seconds for new code


@dataclass(frozen=True)
class Times:
    """Milliseconds."""

    median: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        return cls(1000 * statistics.median(seconds), 1000 * max(seconds))


@dataclass(frozen=True)
class Result:
    target: Target
    state: str                 # ok, or why it does not count
    piece: Times | None = None     # from yield to the client's recv
    touch: Times | None = None     # from the touch to the first answer by new code


def pieces(port: int) -> list[float]:
    """Seconds that each piece took; the application writes into it when it is yielded (CLOCK_MONOTONIC is one for all)."""
    took = []
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.sendall(b"GET /pieces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while data := client.recv(65536):
            now = time.monotonic_ns()
            stamps = [line for line in data.split(b"\r\n") if line.startswith(b"stamp ")]
            took += [(now - int(line.split()[1])) / 1e9 for line in stamps]
    if len(took) != PIECES:
        raise NoAnswer(f"{len(took)} of {PIECES} pieces came")
    return took


def _loaded(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/loaded")
        answer = connection.getresponse()
        text = answer.read().decode()
        return text if answer.status == 200 else ""
    finally:
        connection.close()


def touch(server: Server) -> float:
    """Seconds from a touch of the script until an answer by code that was loaded after it. Raises NoAnswer."""
    script = pathlib.Path(server.run / "app" / "application.py")
    before = _loaded(server.port)
    began = time.monotonic()
    os.utime(script)
    while time.monotonic() - began < PATIENCE:
        text = _loaded(server.port)
        if text and text != before:
            return time.monotonic() - began
    raise NoAnswer(f"no new code within {PATIENCE:.0f} s")


def _measure(target: Target) -> Result:
    try:
        server = Server(target, LAYOUT)
    except peers.Absent as reason:
        return Result(target, f"absent, {reason}")
    try:
        pieces(server.port)   # warms
        piece = Times.of(pieces(server.port))
        if target.name not in RELOADS:
            return Result(target, "ok", piece)
        return Result(target, "ok", piece, Times.of([_settled(lambda: touch(server)) for _ in range(TOUCHES)]))
    except (NoAnswer, OSError, http.client.HTTPException) as trouble:
        return Result(target, f"FAILED: {type(trouble).__name__}: {trouble}")
    finally:
        server.close()


def _settled(measure: Callable[[], float]) -> float:
    """After what the last one left has ended."""
    time.sleep(0.5)
    return measure()


def measure(chosen: Sequence[Target] | None = None) -> dict[str, object]:
    """The document: one row for each target, [median, most] in milliseconds."""
    results = [_measure(target) for target in chosen or [target for target in TARGETS if target.name in DEFAULT]]
    rows = [{"target": result.target.name, "state": result.state,
             "piece_ms": result.piece and [round(result.piece.median, 3), round(result.piece.most, 3)],
             "touch_ms": result.touch and [round(result.touch.median, 1), round(result.touch.most, 1)]}
            for result in results]
    return {**report.stamp("latency", []), "pieces": PIECES, "touches": TOUCHES, "rows": rows}


FIGURES = (("piece_ms", "a streamed piece, from yield to the client, ms"),
           ("touch_ms", "from a touch of the script to the first answer by new code, ms"))


def table(document: Mapping[str, object]) -> Table:
    def cells(times: object) -> list[str]:
        return [f"{time:g}" for time in times] if isinstance(times, list) else ["-", "-"]
    rows = [["", *[cell for _, what in FIGURES for cell in (what, "most")]]]
    for row in report.rows_of(document):
        rows.append([str(row["target"]), *[cell for name, _ in FIGURES for cell in cells(row[name])]])
    return rows


def draw(document: Mapping[str, object]) -> str:
    panels = []
    for name, what in FIGURES:
        shown = [(str(row["target"]), row[name]) for row in report.rows_of(document)]
        panels.append(bars.Panel(what, [bars.Bar(target, float(times[0])) for target, times in shown
                                        if isinstance(times, list)]))
    return bars.draw("How long a piece and new code take", "Shorter is better; medians, no other load; "
                     f"{str(document['date'])[:10]}.", panels)
