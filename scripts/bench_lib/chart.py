# SPDX-License-Identifier: Apache-2.0
"""The chart of the jobs: one panel per job, CPU per request in floors. From the JSON document alone."""
from __future__ import annotations

from collections.abc import Mapping

from . import bars


def _panel(document: Mapping[str, object], job: str, what: str) -> bars.Panel:
    rows: list[dict[str, object]] = document["rows"]   # type: ignore[assignment]
    absent: dict[str, str] = document["absent"]        # type: ignore[assignment]
    targets: dict[str, dict[str, object]] = document["targets"]   # type: ignore[assignment]
    own = [row for row in rows if row["job"] == job]
    good = [bars.Bar(str(row["target"]), float(row["ratio"]),     # type: ignore[arg-type]
                     bool(targets.get(str(row["target"]), {}).get("context")))
            for row in own if row["state"] == "ok" and row.get("ratio") is not None]
    notes = [f'{row["target"]} failed' for row in own if row["state"] != "ok"]
    return bars.Panel(f"{job}: {what}", good, notes + [f"{name} absent" for name in absent])


def draw(document: Mapping[str, object]) -> str:
    jobs: dict[str, str] = document["jobs"]            # type: ignore[assignment]
    machine: dict[str, object] = document["machine"]   # type: ignore[assignment]
    settings: dict[str, object] = document["settings"] # type: ignore[assignment]
    return bars.draw("CPU time per request, as a multiple of a C handler in httpd",
                     f"All processes of each server; shorter is better. {machine['cpus']} CPUs, "
                     f"{settings['connections']} kept connections, {str(document['date'])[:10]}.",
                     [_panel(document, job, what) for job, what in jobs.items()])
