"""A hundred people as a hundred marks: how many of 100 in a study had an outcome, with the range of chance.

The same hundred marks for every figure, so that two of them can be compared by eye; both frames in words (how many had
it, how many had not); the range as a bar on the same scale from 0 to 100. Marks are whole: no part of a person.
Not for shares below one in a hundred, where such a picture misleads.
"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from kneewise.figures.drawn import Drawn, Palette, palette, plain_layout
from kneewise.knowledge_base.models import Value

_SIDE = 10
_MARKS = _SIDE * _SIDE
_BAR_ROW = _SIDE + 0.4  # where the bar of the range lies, below the marks
_INTERVALS = ("ci95", "ci99")


def can_be_drawn(value: Value) -> bool:
    """Whether a value is a share of people that an array of 100 shows fairly: seen or worked out, from 1 to 100 %."""
    return (
        value.unit == "percent"
        and value.value is not None
        and 1 <= value.value <= _MARKS
        and value.status in ("seen", "seen_secondary", "derived")
    )


def people_of_100(value: Value) -> int:
    """How many marks of 100 are filled. Raises ValueError where `can_be_drawn` says no."""
    if not can_be_drawn(value):
        raise ValueError(f"{value.id} can't be drawn as people out of 100.")
    return round(value.value)


def draw_icon_array(value: Value, voice: str, *, dark: bool, drawback: bool = False, height_px: int = 250) -> Drawn:
    """One hundred marks of which `value` (per 100 people) are filled, and the range of chance as a bar below.

    `voice`: "clinician" names the outcome as the study measured it; "patient" leaves it to the text beside the picture.
    Drawbacks are squares in another colour, so that a benefit is never taken for a drawback. Raises ValueError when the
    value is no share of people, is awaiting verification, or is below one in a hundred.
    """
    count = people_of_100(value)
    colours = palette(dark)
    figure = plain_layout(go.Figure(), colours, height_px)
    figure.update_xaxes(visible=False, range=[-0.8, _SIDE - 0.2], fixedrange=True)
    figure.update_yaxes(
        visible=False, range=[_SIDE + (1.3 if _has_range(value) else -0.2), -0.8], fixedrange=True, scaleanchor="x"
    )
    figure.add_trace(_marks(count, colours, drawback))
    if _has_range(value):
        figure.add_traces(_range_bar(value, colours, drawback))
    outcome = value.quantity if voice == "clinician" else "Had this"
    table = pd.DataFrame(
        {
            "Of 100 people": [outcome, "All others"],
            "People": [count, _MARKS - count],
            "Range of chance": [range_of_100(value), range_of_100(value, others=True)],
        }
    )
    return Drawn(figure, sentence_of(value, voice), table, f"{count} of 100 marks filled")


def sentence_of(value: Value, voice: str) -> str:
    """The figure in words: both frames, the range of chance and who was studied."""
    count = people_of_100(value)
    if voice == "patient":
        sure = f" By chance alone it could be {range_of_100(value)}." if _has_range(value) else ""
        return f"{count} of 100 people had this, and {_MARKS - count} did not.{sure} Studied: {value.population}."
    sure = f"range of chance {range_of_100(value)}" if _has_range(value) else range_of_100(value)
    return f"{value.quantity}: {count} of 100 people ({sure}); {_MARKS - count} not. Studied: {value.population}."


def range_of_100(value: Value, *, others: bool = False) -> str:
    """The range of chance as "39 to 65", or that none was given; `others` turns it round to those without the outcome."""
    if not _has_range(value):
        return "no range given"
    low, high = round(value.low), round(value.high)
    return f"{_MARKS - high} to {_MARKS - low}" if others else f"{low} to {high}"


def small_icon_array(value: Value, *, dark: bool, drawback: bool = False) -> str:
    """The same hundred marks as a small SVG picture, to stand beside the figure in words. Raises ValueError."""
    count = people_of_100(value)
    colours = palette(dark)
    fill = colours.other if drawback else colours.lit
    marks = []
    for position in range(_MARKS):
        x, y = 4 + 8 * (position % (2 * _SIDE)), 4 + 8 * (position // (2 * _SIDE))
        paint = f'fill="{fill}"' if position < count else f'fill="none" stroke="{colours.box_line}"'
        marks.append(
            f'<rect x="{x - 2.6}" y="{y - 2.6}" width="5.2" height="5.2" {paint}/>'
            if drawback
            else f'<circle cx="{x}" cy="{y}" r="2.8" {paint}/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 168 48" width="168" height="48">{"".join(marks)}</svg>'
    )


def _has_range(value: Value) -> bool:
    return value.low is not None and value.high is not None and value.interval in _INTERVALS


def _marks(count: int, colours: Palette, drawback: bool) -> go.Scatter:
    full, empty = ("square", "square-open") if drawback else ("circle", "circle-open")
    fill = colours.other if drawback else colours.lit
    positions = range(_MARKS)
    return go.Scatter(
        x=[position % _SIDE for position in positions],
        y=[position // _SIDE for position in positions],
        mode="markers",
        marker={
            "symbol": [full if position < count else empty for position in positions],
            "size": 13,
            "color": [fill if position < count else colours.box_line for position in positions],
            "line": {"width": 1.5},
        },
        hoverinfo="skip",
    )


def _range_bar(value: Value, colours: Palette, drawback: bool) -> list[go.Scatter]:
    """A line from 0 to 100 as wide as the marks, thick over the range, a dot on the value."""

    def across(share: float) -> float:
        return -0.5 + share / _MARKS * _SIDE

    fill = colours.other if drawback else colours.lit
    common = {"hoverinfo": "skip", "y": [_BAR_ROW, _BAR_ROW]}
    return [
        go.Scatter(x=[across(0), across(_MARKS)], mode="lines", line={"color": colours.box_line, "width": 1}, **common),
        go.Scatter(x=[across(value.low), across(value.high)], mode="lines", line={"color": fill, "width": 6}, **common),
        go.Scatter(
            x=[across(value.low), across(value.high)],
            y=[_BAR_ROW + 0.55] * 2,
            mode="text",
            text=[str(round(value.low)), str(round(value.high))],
            textfont={"size": 12, "color": colours.quiet_ink},
            hoverinfo="skip",
        ),
    ]
