"""Patients like this one: of a hundred people who are alike, how many had improved by what matters, at each visit.

The same hundred marks as for the figures of studies (`figures.icon_array`), one square of marks per visit, with the range of
chance below it. How far those who were not seen could move it stands in the words and in the table.
"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from kneewise.disclosure.like_mine import ReleasedByWeek, ReleasedLikeMine
from kneewise.disclosure.released import ReleasedShare
from kneewise.figures.chart_words import (
    RANGE,
    alt_text,
    count_text,
    kept_together,
    plain_label,
    share_text,
    span_text,
    tail_text,
)
from kneewise.figures.drawn import Drawn, palette, plain
from kneewise.figures.icon_array import can_be_drawn, draw_icon_array
from kneewise.knowledge_base.models import Value

_HEIGHT_PX = 290
_APART = 13
"""From the first mark of one square to the first one of the next; a square is ten marks wide."""
_MARK_PX = (11, 8)
"""How wide a mark is where there are two squares, and where there are more: on a tablet they have half the page."""


def draw_like_mine(like: ReleasedLikeMine, status: str, *, dark: bool) -> Drawn:
    """One hundred marks per visit; a visit whose share may not be told has words instead.

    `status` names how sure the important change itself is.
    """
    colours = palette(dark)
    data: list[go.Scatter] = []
    notes = []
    for place, week in enumerate(like.weeks):
        middle = place * _APART + 4.5
        value = _value(week, like)
        if value is None or not can_be_drawn(value):
            notes.append(_note(f"about {week.week} weeks", middle, -1.2, colours.ink))
            notes.append(_note(_in_lines(week.share), middle, 4.5, colours.ink))
            continue
        notes.append(_note(f"about {week.week} weeks: {week.share.percent} %", middle, -1.2, colours.ink))
        marks, *bar, ends = draw_icon_array(value, "clinician", dark=dark).figure.data
        marks.marker.size = _MARK_PX[0] if len(like.weeks) <= 2 else _MARK_PX[1]
        for trace in (marks, *bar):
            trace.x = [x + place * _APART for x in trace.x]
            data.append(trace)
        # The array's two numbers at the ends of the range would touch where it is narrow; so they are one text here.
        span = f"{week.share.low_percent} to {week.share.high_percent} %"
        below = _note(span, sum(ends.x) / 2 + place * _APART, bar[0].y[0], colours.quiet_ink)
        notes.append(below | {"yanchor": "top", "yshift": -5, "font": {"color": colours.quiet_ink, "size": 13}})
    width = max(len(like.weeks), 2) * _APART
    layout = plain(colours, _HEIGHT_PX) | {
        "xaxis": {"visible": False, "range": [-1, width - 2], "fixedrange": True},
        "yaxis": {"visible": False, "range": [11.4, -2], "fixedrange": True, "scaleanchor": "x"},
        "annotations": notes,
    }
    return Drawn(
        go.Figure(data=data, layout=layout),
        kept_together(like_mine_sentence(like, status)),
        like_mine_table(like),
        alt_text("Of a hundred people like this one, how many improved by what matters", like.context),
    )


def like_mine_sentence(like: ReleasedLikeMine, status: str) -> str:
    """Who is counted, what they had reached by then, and that it is no prediction."""
    parts = [f"{count_text(like.n)} people in these records are like this one: {', '.join(like.matched)}."]
    if like.widened:
        parts.append(f"Too few share everything, so this was left out: {', '.join(like.widened)}.")
    for week in like.weeks:
        seen = f"At about {week.week} weeks {share_text(week.share)} of those seen had improved by what matters"
        if week.worst_percent is None:
            parts.append(f"{seen}.")
        else:
            parts.append(f"{seen}; of all of them it lies between {week.worst_percent} and {week.best_percent} %.")
    parts.append(
        f"What matters: {like.important_change:g} points or more for the better ({status}). {like.note} "
        f"{like.context.control_note}"
    )
    parts.append(tail_text(like.context, like.n, like.completeness))
    return " ".join(parts)


def like_mine_table(like: ReleasedLikeMine) -> pd.DataFrame:
    """One row per visit."""
    return pd.DataFrame(
        [
            {
                "Visit": f"about {week.week} weeks",
                "Seen then": share_text(week.completeness),
                "Improved by what matters, of those seen": share_text(week.share),
                RANGE: span_text(week.share),
                "Worst to best case, of all": (
                    "not shown" if week.worst_percent is None else f"{week.worst_percent} to {week.best_percent} %"
                ),
            }
            for week in like.weeks
        ]
    )


def _value(week: ReleasedByWeek, like: ReleasedLikeMine) -> Value | None:
    """The share as a value that the marks can be drawn of; None where only a bound may be told."""
    share = week.share
    if share.percent is None:
        return None
    return Value(
        id=f"like_mine.week_{week.week}",
        quantity="improved by what matters",
        value=share.percent,
        unit="percent",
        interval="ci95",
        low=share.low_percent,
        high=share.high_percent,
        status="derived",
        derivation="share of the people in these records who are alike",
        population=like.context.source_label,
    )


def _in_lines(share: ReleasedShare) -> str:
    return plain_label(share.text).replace(" (", "<br>(")


def _note(text: str, x: float, y: float, colour: str) -> dict:
    return {"text": text, "x": x, "y": y, "showarrow": False, "font": {"color": colour, "size": 14}}
