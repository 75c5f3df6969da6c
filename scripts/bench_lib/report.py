# SPDX-License-Identifier: Apache-2.0
"""The table on the terminal and the JSON file."""
from __future__ import annotations

import dataclasses
import datetime
import statistics
import subprocess
from collections.abc import Mapping

from . import machine, peers
from .measure import Row, Run, Settings
from .targets import TARGETS

COLUMNS = (("target", 18), ("req/s", 9), ("CPU us", 10), ("x floor", 8), ("p50 ms", 8), ("p99 ms", 8), ("MB", 7))


def job_table(rows: list[Row]) -> str:
    """The rows of one job, cheapest first; those without httpd below the others."""
    if not rows:
        return ""
    job = rows[0].job
    lines = ["", f"{job.name}: {job.what}",
             "  " + "".join(title.ljust(width) if title == "target" else title.rjust(width) for title, width in COLUMNS)]
    rows = sorted(rows, key=lambda row: (row.target.context, row.median("cpu_us") if row.turns else float("inf")))
    first = next((row for row in rows if row.target.context), None)
    for row in rows:
        if row is first:
            lines.append("  context, without httpd:")
        cells = [row.target.name.ljust(18)]
        if row.turns:
            ratio = f"{row.ratio:.2f}" if row.ratio is not None else "-"
            cells += [f"{row.median('rate'):9.0f}", f"{row.median('cpu_us'):10.1f}", ratio.rjust(8),
                      f"{row.median('p50_ms'):8.2f}", f"{row.median('p99_ms'):8.2f}", f"{row.median('pss_mb'):7.1f}"]
        lines.append("  " + "".join(cells) + ("" if row.state == "ok" else f"  {row.state}"))
    return "\n".join(lines)


def remarks(document: Mapping[str, object]) -> list[str]:
    """What was absent, what went wrong outside of requests, and whether others disturbed; a line each."""
    absent: dict[str, str] = document["absent"]                        # type: ignore[assignment]
    notes: list[str] = document["notes"]                               # type: ignore[assignment]
    elsewhere: dict[str, float] = document["elsewhere"] or {"most": 0.0}   # type: ignore[assignment]
    lines = [f"{name}: absent, {reason}" for name, reason in absent.items()] + notes
    if elsewhere["most"] > 0.1:
        lines.append(f"Others used up to {elsewhere['most']:.0%} of this machine meanwhile: repeat these figures on a "
                     "quiet one.")
    return lines


def closing(document: Mapping[str, object]) -> str:
    rows = rows_of(document)
    bad = [row for row in rows if row["state"] != "ok"]
    return "\n".join(["", "CPU us: user and system time of all the server's processes per request "
                      f"({document['cpu_from']}); x floor: against the C handler in the same round; MB: Pss; medians over "
                      "the rounds.", *remarks(document), f"{len(rows)} rows, {len(bad)} failed"])


def _commit() -> str:
    """The checkout's, or nothing outside of one; changes on top are told, but for figures written meanwhile."""
    git = ["git", "-C", str(peers.ROOT)]
    done = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    clean = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ".", ":!docs/performance"], capture_output=True,
                           check=False)
    return done.stdout.strip() + (" and changes" if clean.returncode == 1 else "")


def row_document(row: Row) -> dict[str, object]:
    out: dict[str, object] = {"job": row.job.name, "target": row.target.name, "state": row.state, "failed": row.failed}
    if row.turns:
        ratio = row.ratio
        out["ratio"] = None if ratio is None else round(ratio, 3)
        for name in ("rate", "cpu_us", "p50_ms", "p99_ms", "pss_mb"):
            out[name] = round(row.median(name), 3)
    out["turns"] = [dataclasses.asdict(turn) for turn in row.turns]
    return out


def stamp(kind: str, rows: list[Row]) -> dict[str, object]:
    """What every document begins with: its kind, when and where it was taken, and what share of the machine, 0 to 1,
    others used during the turns of these rows."""
    elsewhere = [turn.elsewhere for row in rows for turn in row.turns]
    return {
        "kind": kind,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": machine.describe(),
        "elsewhere": {"median": round(statistics.median(elsewhere), 3), "most": round(max(elsewhere), 3)}
        if elsewhere else None,
    }


def document(rows: list[Row], run: Run, settings: Settings) -> dict[str, object]:
    """All that was measured, for --json."""
    jobs = {row.job.name: row.job.what for row in rows}
    return {
        **stamp("jobs", rows),
        "settings": dataclasses.asdict(settings),
        "cpu_from": run.how,
        "jobs": jobs,
        "targets": {target.name: {"what": target.what, "context": target.context, **run.facts.get(target.name, {})}
                    for target in TARGETS if target in run.targets and target.name not in run.absent},
        "absent": run.absent,
        "notes": run.notes,
        "rows": [row_document(row) for row in rows],
    }


def rows_of(document: Mapping[str, object]) -> list[dict[str, object]]:
    """The rows of any kind of document."""
    if "series" in document:
        return [point for series in document["series"] for point in series["points"]]   # type: ignore[attr-defined]
    return document["rows"]   # type: ignore[return-value]
