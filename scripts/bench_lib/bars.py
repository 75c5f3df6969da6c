# SPDX-License-Identifier: Apache-2.0
"""Bars: panels below each other, one bar for each target, longer is more."""
from __future__ import annotations

from dataclasses import dataclass, field

from . import svg

LABEL, VALUE = 170, 90
BAR, GAP, HEAD, PANEL_GAP = 16, 5, 30, 16


@dataclass(frozen=True)
class Bar:
    name: str
    value: float
    context: bool = False    # drawn below the others, apart


@dataclass(frozen=True)
class Panel:
    title: str
    bars: list[Bar]
    notes: list[str] = field(default_factory=list)    # a line below


def edge(values: list[float]) -> float:
    """The value at the right edge. One bar far beyond all others is cut off rather than flattening them."""
    ordered = sorted(values, reverse=True)
    if len(ordered) > 2 and ordered[0] > 3 * ordered[1]:
        return ordered[1] * 1.25
    return ordered[0]


def _bar(y: float, bar: Bar, scale: float) -> list[str]:
    room = svg.WIDTH - LABEL - VALUE
    width = max(2.0, min(1.0, bar.value / scale) * room if scale else 0.0)
    colour = svg.CONTEXT if bar.context else svg.COLOURS.get(bar.name, svg.PEER)
    out = [svg.text(LABEL - 8, y + BAR - 4, bar.name, anchor="end"),
           f'<rect x="{LABEL}" y="{y:.0f}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>']
    if bar.value > scale:   # cut: two white strokes say so
        for offset in (24, 16):
            x = LABEL + width - offset
            out.append(f'<path d="M{x:.0f} {y + BAR:.0f} l6 -{BAR}" stroke="#fff" stroke-width="3"/>')
    out.append(svg.text(LABEL + width + 6, y + BAR - 4, svg.number(bar.value), "v"))
    return out


def draw(title: str, subtitle: str, panels: list[Panel]) -> str:
    """The chart; panels without bars are left out."""
    body: list[str] = []
    y = float(svg.TOP)
    for panel in panels:
        if not panel.bars:
            continue
        body.append(svg.text(16, y + 16, panel.title, "j"))
        y += HEAD
        scale = edge([bar.value for bar in panel.bars])
        context = [bar for bar in panel.bars if bar.context]
        for bar in [bar for bar in panel.bars if not bar.context]:
            body += _bar(y, bar, scale)
            y += BAR + GAP
        if context:
            body.append(svg.text(LABEL, y + 12, "context: without httpd in front, which does less", "s"))
            y += BAR + GAP
        for bar in context:
            body += _bar(y, bar, scale)
            y += BAR + GAP
        if panel.notes:
            body.append(svg.text(LABEL, y + 11, ", ".join(panel.notes), "s"))
            y += BAR
        y += PANEL_GAP
    return svg.page(title, subtitle, y, body)
