"""The patient's week: the peak of one repetition on the left, how it adds up over the week on the right.

Peak and sum are shown apart, because a change can lower one more than the other. The sum is an index of one's own two
weeks, never a dose and never compared between people.
"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from kneewise.figures.drawn import Drawn, palette, plain
from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.reasoning.load import ActivityLoad, Span, WeekLoad


def draw_week_load(week: WeekLoad, knowledge: KnowledgeBase, voice: str, *, dark: bool) -> Drawn:
    """Peaks in body weights (mean and one SD) and sums per week before and after, one row per activity."""
    colours = palette(dark)
    shown = [activity for activity in week.activities if activity.peak is not None and activity.peak.force is not None]
    names = [getattr(knowledge.entry(activity.activity).label, voice) for activity in shown]
    traces: list[dict] = []
    traces.append(
        dict(
            type="scatter",
            x=[activity.peak.force.value for activity in shown],
            y=names,
            error_x={
                "type": "data",
                "array": [activity.peak.force.high - activity.peak.force.value for activity in shown],
                "color": colours.quiet_ink,
                "thickness": 1.5,
            },
            showlegend=False,
            mode="markers+text",
            text=[f"{activity.peak.force.value:.1f}" for activity in shown],
            textposition="top center",
            textfont={"color": colours.ink},
            marker={"size": 13, "color": colours.lit, "symbol": "diamond"},
            hovertemplate="%{y}: %{x:.1f} × body weight<extra></extra>",
        )
    )
    for moment, colour, pattern in (("before", colours.other, "/"), ("after", colours.lit, "")):
        sums = [_sum(activity, moment) for activity in shown]
        traces.append(
            dict(
                type="bar",
                x=[span.value if span else None for span in sums],
                y=names,
                orientation="h",
                name="Week before" if moment == "before" else "Week planned",
                xaxis="x2",
                marker={
                    "color": colour,
                    "line": {"color": colour, "width": 1.5},
                    "pattern": {"shape": pattern, "fgcolor": colour, "bgcolor": colours.page, "solidity": 0.35},
                },
                error_x={
                    "type": "data",
                    "array": [span.high - span.value if span else None for span in sums],
                    "color": colours.quiet_ink,
                    "thickness": 1.5,
                },
                hovertemplate=f"%{{y}}, week {moment}: %{{x:,.0f}} × body weight<extra></extra>",
            )
        )
    axis = {
        "zeroline": True,
        "zerolinecolor": colours.box_line,
        "gridcolor": colours.faint,
        "fixedrange": True,
        "rangemode": "tozero",
    }
    layout = plain(colours, 150 + 64 * len(shown)) | dict(
        xaxis={**axis, "domain": [0, 0.36], "title": "One step or repetition<br>(peak, × body weight)"},
        xaxis2={
            **axis,
            "domain": [0.44, 1],
            "title": "One knee, one week<br>(sum of peaks, × body weight)",
            "tickformat": "~s",
        },
        yaxis={"autorange": "reversed", "fixedrange": True, "automargin": True},
        barmode="group",
        bargap=0.35,
        showlegend=True,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        margin={"l": 8, "r": 16, "t": 36, "b": 64},
    )
    figure = go.Figure(traces, layout)
    return Drawn(
        figure, _sentence(week, knowledge, voice), _table(week, knowledge, voice), "Load of the week, before and after"
    )


def _sum(activity: ActivityLoad, moment: str) -> Span | None:
    return activity.sum_before if moment == "before" else activity.sum_after


def _sentence(week: WeekLoad, knowledge: KnowledgeBase, voice: str) -> str:
    left_out = [
        getattr(knowledge.entry(activity).label, voice)
        for activity in week.not_in_sum
        if knowledge.entry(activity).why_not_pooled
    ]
    tail = f" Not in the sum, because studies differ too much: {', '.join(left_out)}." if left_out else ""
    if week.change_percent is None or week.total_before is None or week.total_after is None:
        return f"Enter a count before and after for at least one activity to compare the two weeks.{tail}"
    change = week.change_percent
    if abs(change) < 0.5:
        lead = "The two weeks ask about the same of this knee"
    else:
        lead = (
            f"The second week asks {abs(change):.0f} % {'more' if change > 0 else 'less'} of this knee than the first"
        )
    if voice == "patient":
        return f"{lead}. This adds up how hard and how often your knee works; it is a guide, not a measurement.{tail}"
    return (
        f"{lead}: {_thousands(week.total_after)} instead of {_thousands(week.total_before)} × body weight "
        f"({week.label}; ranges are mean ± SD of the published peaks).{tail}"
    )


def _thousands(span: Span) -> str:
    return f"{span.value:,.0f} ({span.low:,.0f} to {span.high:,.0f})"


def _table(week: WeekLoad, knowledge: KnowledgeBase, voice: str) -> pd.DataFrame:
    rows = []
    for activity in week.activities:
        entry = knowledge.entry(activity.activity)
        counted = entry.counted_patient if voice == "patient" else entry.counted_as
        peak = activity.peak.force if activity.peak and activity.peak.force else None
        rows.append(
            {
                "Activity": getattr(entry.label, voice),
                "Peak, × body weight": f"{peak.value:.1f} ({peak.low:.1f} to {peak.high:.1f})"
                if peak
                else "no pooled value",
                "Who was studied": activity.peak.population if activity.peak else "",
                "Before": "" if activity.before is None else f"{activity.before:,.0f} ({counted})",
                "After": "" if activity.after is None else f"{activity.after:,.0f} ({counted})",
                "Sum before": _thousands(activity.sum_before) if activity.sum_before else "",
                "Sum after": _thousands(activity.sum_after) if activity.sum_after else "",
                "Remark": activity.not_in_sum,
            }
        )
    return pd.DataFrame(rows)
