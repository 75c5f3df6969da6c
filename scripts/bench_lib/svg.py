# SPDX-License-Identifier: Apache-2.0
"""What all charts share: the page, its type, and a colour for each target. Lengths are pixels."""
from __future__ import annotations

from xml.sax.saxutils import escape

WIDTH = 860
TOP = 64     # where the first panel begins, below title and subtitle
PEER, CONTEXT = "#e8a33d", "#b7a58c"
COLOURS = {"floor": "#9aa0a6", "socket": "#c3c7cb", "embedded": "#1a73e8", "daemon": "#0b57d0", "cgi": "#8ab4f8",
           "pool1": "#4285f4", "pool2": "#4285f4",
           "preload-on": "#0b57d0", "preload-off": "#8ab4f8"}
LINE_COLOURS = {**COLOURS, "embedded": "#4d9bff", "mod_wsgi-embedded": "#f2b872", "mod_wsgi-daemon": "#e8a33d",
                "uwsgi": "#188038", "uwsgi-1thread": "#81c995", "gunicorn": "#a142f4", "passenger": "#d93025"}
STYLE = ("text{font-family:Helvetica,Arial,sans-serif;font-size:12px;fill:#202124}"
         ".t{font-size:17px;font-weight:bold}.s{fill:#5f6368}.j{font-size:13px;font-weight:bold}.v{font-weight:bold}")


def text(x: float, y: float, body: str, css: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{css}" text-anchor="{anchor}">{escape(body)}</text>'


def number(value: float) -> str:
    """As many digits as a reader can use."""
    if value >= 1e6:
        return f"{value / 1e6:.1f}M"
    if value >= 1e4:
        return f"{value / 1e3:.0f}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def page(title: str, subtitle: str, height: float, body: list[str]) -> str:
    """A whole file. The body lies between TOP and the height."""
    head = [text(16, 28, title, "t"), text(16, 48, subtitle, "s")]
    label = escape(title, {'"': "&quot;"})
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img" aria-label="{label}"><style>{STYLE}</style>'
            f'<rect width="100%" height="100%" fill="#fff"/>' + "\n".join(head + body) + "</svg>\n")
