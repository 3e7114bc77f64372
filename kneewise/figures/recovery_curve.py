"""Time to recovery: how many had reached the important change by each week, in steps, with the people still followed."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from kneewise.disclosure.recovery import ReleasedCurve, ReleasedRecovery
from kneewise.figures.chart_words import (
    AXIS,
    LEGEND_ABOVE,
    RANGE,
    TOO_FEW,
    Part,
    alt_text,
    count_text,
    kept_together,
    part_of,
    plain_label,
    tail_text,
)
from kneewise.figures.drawn import Drawn, Palette, palette, plain

_HEIGHT_PX = 380
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MOST_CURVES = 6


def draw_recovery(recovery: ReleasedRecovery, status: str, *, dark: bool, part: Part = None) -> Drawn:
    """A stepped curve per group; its interval as a band where one curve stands alone.

    `status` names how sure the important change itself is.
    """
    colours = palette(dark)
    groups = [group for group in part_of(recovery.groups, part) if group.steps][:_MOST_CURVES]
    alone = len(recovery.groups) == 1
    data: list[dict] = []
    for place, group in enumerate(groups):
        if alone:
            data += _band(group, colours)
        data.append(_curve(group, colours, place, alone))
    last = max((group.steps[-1].week for group in groups), default=1)
    layout = plain(colours, _HEIGHT_PX) | ({} if alone else LEGEND_ABOVE) | {
        "xaxis": AXIS | {"title": {"text": "weeks since the first score", "standoff": 10}, "range": [0, last * 1.02],
                         "fixedrange": True, "showgrid": False, "zeroline": False} | _still_followed(groups, alone),
        "yaxis": AXIS | {"title": {"text": "% who improved by what matters", "standoff": 10}, "range": [0, 100],
                         "tickvals": [0, 25, 50, 75, 100], "fixedrange": True, "gridcolor": colours.faint},
    }  # fmt: skip
    return Drawn(
        go.Figure(data=data, layout=layout),
        kept_together(recovery_sentence(recovery, status)),
        recovery_table(recovery, part),
        alt_text("Time to recovery", recovery.context),
    )


def _still_followed(groups: list[ReleasedCurve], alone: bool) -> dict:
    """Below the weeks of a curve that stands alone: how many people were still followed then and had not recovered."""
    if not alone or not groups:
        return {}
    told = [(week, count_text(people) or "few") for week, people in groups[0].at_risk]
    return {
        "tickvals": [week for week, _ in told],
        "ticktext": [f"{week}<br>{people}" for week, people in told],
        "title": {"text": "weeks since the first score; below them, people still followed", "standoff": 10},
    }


def recovery_sentence(recovery: ReleasedRecovery, status: str) -> str:
    """By when half had improved by what matters, how it is worked out, and what it can't say."""
    parts = []
    if len(recovery.groups) == 1:
        parts.append(_median_words(recovery.groups[0]))
    else:
        parts.append(
            "Each line is a group, in a fixed order, not by result; where bands in the table overlap, they may not differ."
        )
        if len(recovery.groups) > _MOST_CURVES:
            parts.append(f"{_MOST_CURVES} lines at a time are drawn; the table holds all.")
        few = [group.label for group in recovery.groups if not group.steps]
        if few:
            parts.append(f"Too few people to be drawn: {', '.join(few)}.")
    parts.append(
        f"What matters: {recovery.important_change:g} points or more for the better ({status}). {recovery.method} "
        "Recovery is seen only when somebody comes, so it happened at that time or before. The curve takes it that people "
        "who stopped coming went on as those who still came, so it can end above the share who improved; they may have "
        "recovered or given up. A line ends where few people are still followed."
    )
    parts.append(tail_text(recovery.context, recovery.n, recovery.completeness))
    return " ".join(parts)


def recovery_table(recovery: ReleasedRecovery, part: Part = None) -> pd.DataFrame:
    """One row per group and week for which the number still followed is given."""
    rows = []
    for group in part_of(recovery.groups, part):
        if not group.steps:
            rows.append((group.label, "", TOO_FEW, "", count_text(group.n) or TOO_FEW))
        for week, people in group.at_risk:
            step = next((each for each in reversed(group.steps) if each.week <= week), None)
            share = ("", "") if step is None else (f"{step.percent} %", f"{step.low_percent} to {step.high_percent} %")
            rows.append((group.label, str(week), *share, count_text(people) or TOO_FEW))
    return pd.DataFrame(rows, columns=["Group", "Week", "Improved by then", RANGE, "Still followed"])


def _median_words(group: ReleasedCurve) -> str:
    if group.median_weeks is None:
        return "Fewer than half had improved by what matters by the end of the follow-up."
    span = ""
    if group.median_low_weeks is not None:
        end = "open" if group.median_high_weeks is None else f"{group.median_high_weeks:g}"
        span = f" ({RANGE} {group.median_low_weeks:g} to {end})"
    return f"Half had improved by what matters by week {group.median_weeks:g}{span}."


def _curve(group: ReleasedCurve, colours: Palette, place: int, alone: bool) -> dict:
    colour = colours.lit if alone or place % 2 == 0 else colours.other
    return {
        "type": "scatter",
        "x": [each.week for each in group.steps],
        "y": [each.percent for each in group.steps],
        # A mark at the end: the last step has no length, and only the mark says where it leads.
        "mode": "lines+markers",
        "marker": {"size": [0] * (len(group.steps) - 1) + [9], "color": colour, "opacity": 1},
        "name": plain_label(group.label),
        "line": {
            "shape": "hv",
            "width": 3,
            "color": colour,
            "dash": _DASHES[place % len(_DASHES)],
        },
        "customdata": [[each.low_percent, each.high_percent] for each in group.steps],
        "hovertemplate": "week %{x}: %{y} %, %{customdata[0]} to %{customdata[1]} %<extra></extra>",
    }


def _band(group: ReleasedCurve, colours: Palette) -> list[dict]:
    edge = {
        "type": "scatter", "x": [each.week for each in group.steps], "mode": "lines", "hoverinfo": "skip",
        "line": {"shape": "hv", "width": 0}, "showlegend": False,
    }  # fmt: skip
    return [
        edge | {"y": [each.low_percent for each in group.steps]},
        edge | {"y": [each.high_percent for each in group.steps], "fill": "tonexty", "fillcolor": colours.lit_box},
    ]
