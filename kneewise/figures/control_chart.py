"""A measure over time with its limits: which months stand out, and which are only chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from kneewise.disclosure.control_chart import ReleasedControlChart, ReleasedPoint
from kneewise.figures.chart_words import (
    AXIS,
    LEGEND_ABOVE,
    alt_text,
    better_is,
    count_text,
    decimals_of,
    kept_together,
    number_text,
    plain_label,
    tail_text,
)
from kneewise.figures.drawn import Drawn, Palette, palette, plain

_HEIGHT_PX = 360
_MOST_NAMES = 12
_KINDS = (
    # what is said in the legend, whether the point is of the kind, marker, filled
    ("stands out, for the better", lambda each: each.signal == "improvement", "triangle-up"),
    ("stands out, for the worse", lambda each: each.signal == "concern", "triangle-down"),
    ("stands out", lambda each: each.signal == "special", "square"),
    ("chance alone can explain it", lambda each: _is_quiet(each) and each.upper is not None, "circle"),
    ("not judged", lambda each: _is_quiet(each) and each.upper is None, "circle"),
    ("follow-up still open", lambda each: each.immature, "circle-open"),
)
_VARIATION = {
    "improvement": "Something changed for the better, beyond chance.",
    "concern": "Something changed for the worse, beyond chance.",
    "special": "Something changed, beyond chance.",
    "common cause": "Nothing stands out: the ups and downs are what chance alone gives.",
    "no variation": "Every period has the same value, so there is nothing to judge.",
    "too few points": "Too few periods to tell chance from change.",
}
_ASSURANCE = {
    "passes": "If nothing changes, the target will be met every time.",
    "fails": "If nothing changes, the target will be missed every time.",
    "hit and miss": "Whether the target is met is a matter of chance.",
}


def _is_quiet(point: ReleasedPoint) -> bool:
    return point.signal is None and not point.immature


def draw_control_chart(chart: ReleasedControlChart, *, dark: bool) -> Drawn:
    """One point per period, its limits as quiet steps; points that stand out differ in shape and colour."""
    colours = palette(dark)
    shown = [each for each in chart.points if not each.hidden]
    data = [*_limits(shown, colours), *_target(chart, shown, colours), _line(chart.points, colours)]
    data += [trace for trace in _marks(chart, shown, colours) if trace["x"]]
    layout = plain(colours, _HEIGHT_PX) | LEGEND_ABOVE | {
        "xaxis": AXIS
        | {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [each.label for each in chart.points],
            "range": [-0.5, len(chart.points) - 0.5],
            "nticks": _MOST_NAMES,
            "fixedrange": True,
            "showgrid": False,
        },
        "yaxis": AXIS
        | {
            "title": {"text": _axis_name(chart), "standoff": 10},
            "fixedrange": True,
            "gridcolor": colours.faint,
            "zeroline": False,
            "nticks": 6,
        },
    }  # fmt: skip
    return Drawn(
        go.Figure(data=data, layout=layout),
        kept_together(control_chart_sentence(chart)),
        control_chart_table(chart),
        alt_text(f"{chart.measure_name} by {chart.period}", chart.context),
    )


def control_chart_sentence(chart: ReleasedControlChart) -> str:
    """What the chart finds, with its convention and its warnings."""
    parts = [f"{chart.measure_name}: {_VARIATION[chart.variation]}"]
    out = [each for each in chart.points if each.signal is not None]
    if out:
        parts.append(f"Standing out: {', '.join(each.label for each in out[-6:])}.")
    if chart.assurance and chart.target is not None:
        parts.append(f"Target {_value(chart, chart.target)}: {_ASSURANCE[chart.assurance]}")
    parts += [f"New limits from {label} on: {reason}." for label, reason in chart.rebases]
    waiting = [each.label for each in chart.points if each.immature]
    if waiting:
        parts.append(f"Hollow: follow-up is still open ({waiting[0]} on), so these count for nothing yet.")
    hidden = sum(each.hidden for each in chart.points)
    if hidden:
        parts.append(
            f"{hidden} {chart.period}{'s' if hidden > 1 else ''} with too few people behind a number not shown."
        )
    parts += chart.warnings
    parts.append(f"How it is worked out: {chart.convention}.")
    parts.append(tail_text(chart.context, chart.n, chart.completeness))
    return " ".join(parts)


def control_chart_table(chart: ReleasedControlChart) -> pd.DataFrame:
    """One row per period."""
    return pd.DataFrame(
        [
            {
                chart.period.capitalize(): each.label,
                "People": count_text(each.n) or "too few",
                chart.measure_name: _shown(chart, each.value),
                "Centre": _shown(chart, each.centre),
                "Lower limit": _shown(chart, each.lower),
                "Upper limit": _shown(chart, each.upper),
                "Meaning": _meaning(each),
            }
            for each in chart.points
        ]
    )


def _meaning(point: ReleasedPoint) -> str:
    if point.hidden:
        return "too few people"
    name = next(name for name, holds, _ in _KINDS if holds(point))
    return f"{name} ({'; '.join(point.rules)})" if point.rules else name


def _decimals(chart: ReleasedControlChart) -> int:
    return decimals_of(each.value for each in chart.points)


def _value(chart: ReleasedControlChart, value: float) -> str:
    number = number_text(value, _decimals(chart))
    return f"{number} %" if chart.unit == "percent" else f"{number} {chart.unit}"


def _shown(chart: ReleasedControlChart, value: float | None) -> str:
    return "" if value is None else _value(chart, value)


def _axis_name(chart: ReleasedControlChart) -> str:
    unit = {"percent": "% of people", "points": "points", "episodes": "people"}[chart.unit]
    if chart.unit == "points":
        return f"{unit}<br>({better_is(chart.context)})"
    if chart.higher_is_better is None:
        return unit
    return f"{unit}<br>({'higher is better ↑' if chart.higher_is_better else 'lower is better ↓'})"


def _limits(points: Sequence[ReleasedPoint], colours: Palette) -> list[dict[str, Any]]:
    """The limits and the centre in quiet ink; a run chart has its median only."""
    known = [each for each in points if each.centre is not None]
    if not known:
        return []
    labels = [each.label for each in known]

    middle = "median" if all(each.upper is None for each in known) else "centre"

    def trace(values: list[float | None], name: str, dash: str, width: float, legend: bool) -> dict[str, Any]:
        return {
            "type": "scatter", "x": labels, "y": values, "mode": "lines", "name": name, "showlegend": legend,
            "line": {"color": colours.quiet_ink, "width": width, "dash": dash, "shape": "hvh"}, "hoverinfo": "skip",
        }  # fmt: skip

    limits = [
        trace([each.upper for each in known], "limits of chance", "dot", 1.5, True),
        trace([each.lower for each in known], "limits of chance", "dot", 1.5, False),
    ]
    return [*(limits if middle == "centre" else []), trace([each.centre for each in known], middle, "solid", 1, True)]


def _target(chart: ReleasedControlChart, points: Sequence[ReleasedPoint], colours: Palette) -> list[dict[str, Any]]:
    if chart.target is None or not points:
        return []
    labels = [each.label for each in chart.points]
    return [
        {
            "type": "scatter", "x": labels, "y": [chart.target] * len(labels), "mode": "lines", "name": "target",
            "line": {"color": colours.other, "width": 2, "dash": "dash"}, "hoverinfo": "skip",
        }
    ]  # fmt: skip


def _line(points: Sequence[ReleasedPoint], colours: Palette) -> dict[str, Any]:
    """The course, with a gap where a period is not shown."""
    return {
        "type": "scatter", "x": [each.label for each in points], "y": [each.value for each in points], "mode": "lines",
        "showlegend": False, "line": {"color": colours.box_line, "width": 1.5}, "hoverinfo": "skip",
    }  # fmt: skip


def _marks(chart: ReleasedControlChart, points: Sequence[ReleasedPoint], colours: Palette) -> list[dict[str, Any]]:
    traces = []
    for name, holds, symbol in _KINDS:
        kind = [each for each in points if holds(each)]
        quiet = symbol.startswith("circle")
        colour = colours.quiet_ink if quiet else colours.lit if symbol == "triangle-up" else colours.other
        traces.append(
            {
                "type": "scatter",
                "x": [each.label for each in kind],
                "y": [each.value for each in kind],
                "mode": "markers",
                "name": name,
                "marker": {
                    "size": 9 if quiet else 14, "color": colour, "symbol": symbol, "line": {"width": 1.5, "color": colour},
                },
                "customdata": [
                    [count_text(each.n), _value(chart, each.value), plain_label("; ".join(each.rules))] for each in kind
                ],
                "hovertemplate": "%{x}: %{customdata[1]}<br>n = %{customdata[0]}<br>%{customdata[2]}"
                f"<extra>{name}</extra>",
            }
        )  # fmt: skip
    return traces
