# SPDX-License-Identifier: Apache-2.0
"""Lines: small plots in rows of two, a line for each target, over doublings of something."""
from __future__ import annotations

import math
from dataclasses import dataclass

from . import svg

COLUMNS = 2
LEFT, RIGHT, HEAD, PLOT, FOOT = 52, 142, 34, 210, 46    # of one plot: axis, names, title, height, ticks
ROOM = svg.WIDTH / COLUMNS - LEFT - RIGHT               # the width of its lines
SPACING = 13                                            # between the names of two lines


@dataclass(frozen=True)
class Plot:
    title: str
    across: str                                    # what the horizontal axis counts
    lines: dict[str, list[tuple[float, float]]]    # by target: points, from the least upwards


def ticks(most: float) -> list[float]:
    """Three to six round values from 0 to at least the most."""
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(most))
    step = next(power * part for part in (0.2, 0.5, 1.0, 2.0) if most / (power * part) <= 5)
    return [step * count for count in range(math.ceil(most / step - 1e-9) + 1)]


def spread(places: list[float], least: float, most: float) -> list[float]:
    """Heights for names at these places, in the same order, moved so that no two overlap."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    out = list(places)
    below = least - SPACING
    for index in order:
        out[index] = below = max(places[index], below + SPACING)
    above = most + SPACING
    for index in reversed(order):
        out[index] = above = min(out[index], above - SPACING)
    return out


def _grid(plot: Plot, x: float, y: float, across: list[float], up: list[float]) -> list[str]:
    out = [svg.text(x, y + 16, plot.title, "j")]
    top, bottom = y + HEAD, y + HEAD + PLOT
    for value in up:
        height = bottom - value / up[-1] * PLOT
        out.append(f'<path d="M{x + LEFT:.0f} {height:.1f} h{ROOM:.0f}" stroke="#e3e5e8"/>')
        out.append(svg.text(x + LEFT - 6, height + 4, svg.number(value) if value else "0", "s", "end"))
    for value, place in zip(across, _places(across)):
        out.append(f'<path d="M{x + LEFT + place:.1f} {top:.0f} V{bottom:.0f}" stroke="#f1f3f4"/>')
        out.append(svg.text(x + LEFT + place, bottom + 16, f"{value:g}", "s", "middle"))
    out.append(svg.text(x + LEFT + ROOM / 2, bottom + 32, plot.across, "s", "middle"))
    return out


def _places(across: list[float]) -> list[float]:
    """Pixels from the left, by doublings."""
    least, most = math.log2(across[0]), math.log2(across[-1])
    return [(math.log2(value) - least) / ((most - least) or 1.0) * ROOM for value in across]


def _plot(plot: Plot, x: float, y: float) -> list[str]:
    points = [point for line in plot.lines.values() for point in line]
    across = sorted({point[0] for point in points})
    up = ticks(max(point[1] for point in points))
    out = _grid(plot, x, y, across, up)
    place = dict(zip(across, _places(across)))
    bottom = y + HEAD + PLOT
    height = {name: [bottom - value / up[-1] * PLOT for _, value in line] for name, line in plot.lines.items()}
    labels = spread([heights[-1] for heights in height.values()], y + HEAD, bottom)
    for (name, line), label in zip(plot.lines.items(), labels):
        colour = svg.LINE_COLOURS.get(name, svg.PEER)
        spots = [(x + LEFT + place[at], up_at) for (at, _), up_at in zip(line, height[name])]
        path = " ".join(f"{at:.1f},{up_at:.1f}" for at, up_at in spots)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{at:.1f}" cy="{up_at:.1f}" r="3" fill="{colour}"/>' for at, up_at in spots]
        end = spots[-1]
        out.append(f'<path d="M{end[0] + 4:.1f} {end[1]:.1f} L{x + LEFT + ROOM + 12:.0f} {label:.1f}" '
                   f'stroke="{colour}" stroke-width="0.7" fill="none"/>')
        out.append(svg.text(x + LEFT + ROOM + 15, label + 4, name))
    return out


def draw(title: str, subtitle: str, plots: list[Plot]) -> str:
    """The chart; lines without points, and plots without lines, are left out."""
    shown = [Plot(plot.title, plot.across, {name: line for name, line in plot.lines.items() if line}) for plot in plots]
    shown = [plot for plot in shown if plot.lines]
    body: list[str] = []
    for index, plot in enumerate(shown):
        row, column = divmod(index, COLUMNS)
        body += _plot(plot, 16 + column * (svg.WIDTH - 16) / COLUMNS, svg.TOP + row * (HEAD + PLOT + FOOT))
    rows = -(-len(shown) // COLUMNS)
    return svg.page(title, subtitle, svg.TOP + rows * (HEAD + PLOT + FOOT) + 8, body)
