# SPDX-License-Identifier: Apache-2.0
"""The chart: one panel per job, one bar per target, CPU per request in floors. From the JSON document alone."""
from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, LABEL, VALUE = 860, 170, 90
BAR, GAP, HEAD, PANEL_GAP, TOP = 16, 5, 30, 16, 64
COLOURS = {"floor": "#9aa0a6", "socket": "#c3c7cb", "embedded": "#1a73e8", "daemon": "#0b57d0", "cgi": "#8ab4f8"}
PEER = "#e8a33d"
STYLE = ("text{font-family:Helvetica,Arial,sans-serif;font-size:12px;fill:#202124}"
         ".t{font-size:17px;font-weight:bold}.s{fill:#5f6368}.j{font-size:13px;font-weight:bold}.v{font-weight:bold}")


def _text(x: float, y: float, body: str, css: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{css}" text-anchor="{anchor}">{escape(body)}</text>'


def _scale(ratios: list[float]) -> float:
    """The ratio at the right edge. One bar far beyond all others is cut off rather than flattening them."""
    ordered = sorted(ratios, reverse=True)
    if len(ordered) > 2 and ordered[0] > 3 * ordered[1]:
        return ordered[1] * 1.25
    return ordered[0]


def _bar(y: float, name: str, ratio: float, scale: float) -> list[str]:
    room = WIDTH - LABEL - VALUE
    width = max(2.0, min(1.0, ratio / scale) * room)
    out = [_text(LABEL - 8, y + BAR - 4, name, anchor="end"),
           f'<rect x="{LABEL}" y="{y:.0f}" width="{width:.1f}" height="{BAR}" rx="2" fill="{COLOURS.get(name, PEER)}"/>']
    if ratio > scale:   # cut: two white strokes say so
        for offset in (24, 16):
            x = LABEL + width - offset
            out.append(f'<path d="M{x:.0f} {y + BAR:.0f} l6 -{BAR}" stroke="#fff" stroke-width="3"/>')
    label = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
    out.append(_text(LABEL + width + 6, y + BAR - 4, label, "v"))
    return out


def svg(document: Mapping[str, object]) -> str:
    rows: list[dict[str, object]] = document["rows"]   # type: ignore[assignment]
    jobs: dict[str, str] = document["jobs"]            # type: ignore[assignment]
    machine: dict[str, object] = document["machine"]   # type: ignore[assignment]
    settings: dict[str, object] = document["settings"] # type: ignore[assignment]
    absent: dict[str, str] = document["absent"]        # type: ignore[assignment]
    body: list[str] = []
    y = float(TOP)
    for job, what in jobs.items():
        own = [row for row in rows if row["job"] == job]
        good = [(str(row["target"]), float(row["ratio"])) for row in own   # type: ignore[arg-type]
                if row["state"] == "ok" and row.get("ratio") is not None]
        if not good:
            continue
        without = [f'{row["target"]} failed' for row in own if row["state"] != "ok"]
        without += [f"{name} absent" for name in absent]
        body.append(_text(16, y + 16, f"{job}: {what}", "j"))
        y += HEAD
        scale = _scale([ratio for _, ratio in good])
        for name, ratio in good:
            body += _bar(y, name, ratio, scale)
            y += BAR + GAP
        if without:
            body.append(_text(LABEL, y + 11, ", ".join(without), "s"))
            y += BAR
        y += PANEL_GAP
    head = [_text(16, 28, "CPU time per request, as a multiple of a C handler in httpd", "t"),
            _text(16, 48, f"All processes of each server; shorter is better. {machine['cpus']} CPUs, "
                  f"{settings['connections']} kept connections, {str(document['date'])[:10]}.", "s")]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" width="{WIDTH}" height="{y:.0f}" '
            f'role="img" aria-label="CPU time per request by job and server"><style>{STYLE}</style>'
            f'<rect width="100%" height="100%" fill="#fff"/>' + "\n".join(head + body) + "</svg>\n")
