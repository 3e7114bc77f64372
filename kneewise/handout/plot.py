"""A small chart as SVG, for paper: lines, marks and bands in the quiet style of the screen, without a browser.

The report is made on machines without one. It takes positions and labels only; what they mean is worked out before.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH, _HEIGHT = 640.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 14.0, 14.0, 46.0
_INK, _QUIET, _FAINT = "#15191a", "#4c5859", "#c9d3d2"
_LIT, _OTHER, _PALE = "#0b5d66", "#b35400", "#d9eeee"
COLOURS = {"ink": _INK, "quiet": _QUIET, "lit": _LIT, "other": _OTHER}
_DASHES = {"solid": "", "dash": "7 4", "dot": "2 4"}
_MOST_LABELS = 13
_FONT = "font-family='Source Sans Pro' font-size='13'"


@dataclass(frozen=True)
class Line:
    """Points (x, y) joined by a line, or by steps; a None in y breaks it."""

    points: tuple[tuple[float, float | None], ...]
    colour: str = "quiet"
    dash: str = "solid"
    width: float = 1.5
    steps: bool = False


@dataclass(frozen=True)
class Marks:
    """Points with a shape: "circle", "circle-open", "up", "down", "diamond"."""

    points: tuple[tuple[float, float], ...]
    shape: str = "circle"
    colour: str = "quiet"


@dataclass(frozen=True)
class Spans:
    """Horizontal or vertical intervals: (x, low, high) drawn upright at x."""

    spans: tuple[tuple[float, float, float], ...]
    colour: str = "lit"
    width: float = 3


@dataclass(frozen=True)
class Plot:
    """A chart: axes with their names, ticks of x as (place, label), the range of y, and what is drawn in order."""

    alt: str
    x_name: str
    y_name: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_ticks: tuple[tuple[float, str], ...]
    layers: tuple[Line | Marks | Spans, ...]


def plot_svg(plot: Plot) -> str:
    """The chart as SVG text. Labels are escaped: they may come from an upload.

    Raises
    ------
    ValueError
        A range is empty.
    """
    if plot.x_range[0] >= plot.x_range[1] or plot.y_range[0] >= plot.y_range[1]:
        raise ValueError("a chart needs ranges that are not empty")

    def across(x: float) -> float:
        return _LEFT + (x - plot.x_range[0]) / (plot.x_range[1] - plot.x_range[0]) * (_WIDTH - _LEFT - _RIGHT)

    def down(y: float) -> float:
        share = (y - plot.y_range[0]) / (plot.y_range[1] - plot.y_range[0])
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH:g} {_HEIGHT:g}' role='img'>",
        f"<title>{_safe(plot.alt)}</title>",
    ]
    for value in nice_ticks(*plot.y_range):
        y = down(value)
        parts.append(f"<path d='M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}' stroke='{_FAINT}' stroke-width='1'/>")
        parts.append(_words(f"{value:g}".replace("-", "−"), _LEFT - 6, y + 4, "end"))
    every = max(1, -(-len(plot.x_ticks) // _MOST_LABELS))
    for place, label in plot.x_ticks[::every]:
        parts.append(_words(label, across(place), _HEIGHT - _BOTTOM + 16, "middle"))
    parts.append(_words(plot.x_name, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, "middle", _QUIET))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f"<g transform='rotate(-90 14 {middle:g})'>{_words(plot.y_name, 14, middle + 4, 'middle', _QUIET)}</g>"
    )
    for layer in plot.layers:
        if isinstance(layer, Line):
            parts.append(_line(layer, across, down))
        elif isinstance(layer, Spans):
            parts += [
                f"<path d='M{across(x):.1f} {down(low):.1f}V{down(high):.1f}' stroke='{COLOURS[layer.colour]}' "
                f"stroke-width='{layer.width:g}' stroke-linecap='round'/>"
                for x, low, high in layer.spans
            ]
        else:
            parts += [_mark(layer, across(x), down(y)) for x, y in layer.points]
    return "".join([*parts, "</svg>"])


def nice_ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Round values between `low` and `high`, at most about `most` of them."""
    rough = (high - low) / most
    power = 10.0 ** _floor_log10(rough)
    step = next(nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power >= rough * (1 - 1e-9))
    first = -(-low // step)
    ticks = []
    while (value := first * step) <= high + step * 1e-9:
        ticks.append(round(value, 10) + 0.0)
        first += 1
    return tuple(ticks)


def _floor_log10(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def _line(layer: Line, across, down) -> str:
    path, pen_down, last_y = [], False, 0.0
    for x, y in layer.points:
        if y is None:
            pen_down = False
            continue
        here = f"{across(x):.1f} {down(y):.1f}"
        if pen_down and layer.steps:
            path.append(f"L{across(x):.1f} {down(last_y):.1f}L{here}")
        else:
            path.append(f"{'L' if pen_down else 'M'}{here}")
        pen_down, last_y = True, y
    dash = f" stroke-dasharray='{_DASHES[layer.dash]}'" if _DASHES[layer.dash] else ""
    return (
        f"<path d='{''.join(path)}' fill='none' stroke='{COLOURS[layer.colour]}' stroke-width='{layer.width:g}'{dash}/>"
    )


def _mark(layer: Marks, x: float, y: float) -> str:
    colour = COLOURS[layer.colour]
    if layer.shape.startswith("circle"):
        fill = "white" if layer.shape.endswith("open") else colour
        return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{fill}' stroke='{colour}' stroke-width='1.5'/>"
    corners: Sequence[tuple[float, float]] = {
        "up": ((0, -7), (6, 5), (-6, 5)),
        "down": ((0, 7), (6, -5), (-6, -5)),
        "diamond": ((0, -6), (6, 0), (0, 6), (-6, 0)),
    }[layer.shape]
    points = " ".join(f"{x + right:.1f},{y + below:.1f}" for right, below in corners)
    return f"<polygon points='{points}' fill='{colour}'/>"


def _words(text: str, x: float, y: float, anchor: str, colour: str = _INK) -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {_FONT} fill='{colour}' text-anchor='{anchor}'>{_safe(text)}</text>"


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
