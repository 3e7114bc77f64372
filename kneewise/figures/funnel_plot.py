"""Sites or clinicians beside each other in a funnel: who lies further from the rest than their number of people explains.

Never a league table: dots lie by how many people stand behind them, the table by name, and nobody is ranked.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from kneewise.disclosure.comparison import ReleasedComparedUnit, ReleasedComparison
from kneewise.figures.chart_words import (
    AXIS,
    alt_text,
    count_text,
    decimals_of,
    kept_together,
    plain_label,
    signed_text,
    tail_text,
)
from kneewise.figures.drawn import Drawn, Palette, palette, plain
from kneewise.statistics.funnel import UPPER_QUANTILE_95, UPPER_QUANTILE_998

_HEIGHT_PX = 420
_MOST_NAMED = 8
_BY_CHANCE = 2 * (1 - UPPER_QUANTILE_95)
_INNER, _OUTER = (f"{100 * (2 * upper - 1):.3g} %" for upper in (UPPER_QUANTILE_95, UPPER_QUANTILE_998))
_KINDS = (
    ("positive 99.8", "beyond the outer limit, better", "triangle-up"),
    ("positive 95", "beyond the inner limit, better", "triangle-up-open"),
    ("not an outlier", "chance alone can explain it", "circle"),
    ("negative 95", "beyond the inner limit, worse", "triangle-down-open"),
    ("negative 99.8", "beyond the outer limit, worse", "triangle-down"),
    ("insufficient records", "too few people for a class", "circle-open"),
)


def draw_comparison(comparison: ReleasedComparison, *, dark: bool, names: str = "sites") -> Drawn:
    """Dots by number of people and adjusted change, in the funnel of chance; `names` says what the units are."""
    colours = palette(dark)
    layout = plain(colours, _HEIGHT_PX) | {
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemclick": False, "itemdoubleclick": False},
        "xaxis": AXIS | {"title": {"text": f"people per {names.removesuffix('s')}", "standoff": 10}, "fixedrange": True,
                         "showgrid": False, "rangemode": "tozero"},
        "yaxis": AXIS | {"title": {"text": "mean change with everybody's case mix<br>(better lies higher)", "standoff": 10},
                         "autorange": True if comparison.context.higher_is_better else "reversed", "fixedrange": True,
                         "gridcolor": colours.faint, "zeroline": False, "nticks": 7},
    }  # fmt: skip
    marks = [trace for trace in _dots(comparison, colours) if trace["x"]]
    return Drawn(
        go.Figure(data=[*_funnel(comparison, colours), *marks], layout=layout),
        kept_together(comparison_sentence(comparison, names)),
        comparison_table(comparison, names),
        alt_text(f"Funnel of {names}", comparison.context),
    )


def comparison_sentence(comparison: ReleasedComparison, names: str = "sites") -> str:
    """How many lie outside the limits, what that means, and what it does not."""
    counts = dict(comparison.counts)
    outside = sum(counts.get(name, 0) for name, *_ in _KINDS if name.startswith(("positive", "negative")))
    judged = sum(counts.values()) - counts.get("insufficient records", 0)
    found = (
        f"{outside} of {judged} {names} lie outside the limits of chance" if judged else f"No {names} can be judged yet"
    )
    expected = judged * _BY_CHANCE
    chance = f" (about {round(expected)} would by chance alone, at the inner limits)" if round(expected) else ""
    few = counts.get("insufficient records", 0)
    parts = [f"{found}{chance}."]
    if few:
        parts.append(f"{few} have fewer than {comparison.class_minimum} people and get no class.")
    parts.append(
        "A dot outside says: look into it, beginning with the records; it says nothing about why. Names stand by "
        f"alphabet, nobody is ranked. Case mix: {comparison.case_mix.rstrip('.')}. Limits: {_INNER} (inner) and {_OUTER} "
        "(outer) around the mean of all, which narrow with the number of people."
    )
    parts.append(tail_text(comparison.context, comparison.n, comparison.completeness))
    return " ".join(parts)


def comparison_table(comparison: ReleasedComparison, names: str = "sites") -> pd.DataFrame:
    """One row per unit, by name."""
    decimals = decimals_of(unit.observed for unit in comparison.units)

    def figure(value: float | None) -> str:
        return "not shown" if value is None else signed_text(value, decimals)

    return pd.DataFrame(
        [
            {
                names.removesuffix("s").capitalize(): unit.label,
                "People": count_text(unit.n) or "too few",
                "Mean change, adjusted": figure(unit.observed),
                "Expected": figure(unit.expected),
                "Standard errors from expected": "not shown" if unit.z is None else signed_text(unit.z, 1),
                "Meaning": next(words for name, words, _ in _KINDS if name == unit.status),
            }
            for unit in comparison.units
        ]
    )


def _funnel(comparison: ReleasedComparison, colours: Palette) -> list[dict[str, Any]]:
    sizes = [each.n for each in comparison.limits]

    def line(values: list[float], name: str, dash: str, legend: bool) -> dict[str, Any]:
        return {
            "type": "scatter", "x": sizes, "y": values, "mode": "lines", "name": name, "showlegend": legend,
            "hoverinfo": "skip", "line": {"color": colours.quiet_ink, "width": 1.5, "dash": dash},
        }  # fmt: skip

    if not sizes:
        return []
    return [
        line([each.high_998 for each in comparison.limits], f"{_OUTER} limits", "dash", True),
        line([each.low_998 for each in comparison.limits], f"{_OUTER} limits", "dash", False),
        line([each.high_95 for each in comparison.limits], f"{_INNER} limits", "dot", True),
        line([each.low_95 for each in comparison.limits], f"{_INNER} limits", "dot", False),
        line([comparison.expected] * len(sizes), "mean of all", "solid", True),
    ]


def _dots(comparison: ReleasedComparison, colours: Palette) -> list[dict[str, Any]]:
    shown = [unit for unit in comparison.units if unit.n is not None]
    outside = [unit for unit in shown if unit.status.startswith(("positive", "negative"))]
    # With few units every dot has its name; with many only those outside the limits, and all on hover and in the table.
    named = shown if len(shown) <= _MOST_NAMED else outside if len(outside) <= _MOST_NAMED else []
    traces = []
    for status, words, symbol in _KINDS:
        kind = [unit for unit in shown if unit.status == status]
        better, quiet = symbol.startswith("triangle-up"), symbol.startswith("circle")
        colour = colours.quiet_ink if quiet else colours.lit if better else colours.other
        traces.append(
            {
                "type": "scatter",
                "x": [unit.n for unit in kind],
                "y": [unit.observed for unit in kind],
                "mode": "markers+text",
                "text": [plain_label(unit.label) if unit in named else "" for unit in kind],
                # Outside the limits the name keeps off their lines.
                "textposition": "middle right" if quiet else "top center" if better else "bottom center",
                "textfont": {"color": colours.ink, "size": 13},
                "name": words,
                "marker": {
                    "size": 9 if quiet else 14, "color": colour, "symbol": symbol, "line": {"width": 2, "color": colour},
                },
                "customdata": [[plain_label(unit.label), count_text(unit.n), _z_words(unit)] for unit in kind],
                "hovertemplate": "%{customdata[0]}<br>n = %{customdata[1]}<br>%{customdata[2]}" f"<extra>{words}</extra>",
            }
        )  # fmt: skip
    return traces


def _z_words(unit: ReleasedComparedUnit) -> str:
    return "" if unit.z is None else f"{signed_text(unit.z, 1)} standard errors from expected"
