"""A hundred people as a hundred marks: how many of 100 in a study had an outcome, with the range of chance."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from kneewise.figures.drawn import Drawn, palette, plain_layout
from kneewise.knowledge_base.models import Value

_SIDE = 10


def draw_icon_array(value: Value, words: str, *, dark: bool, height_px: int = 230) -> Drawn:
    """One hundred marks of which `value` (per 100 people) are filled.

    `words` completes "… of 100 people" ("said their pain had at least halved"). Filled and open marks differ in shape and
    colour. Raises ValueError when the value is no share of people or is below one in a hundred, where an array misleads.
    """
    if value.value is None or value.unit != "percent" or not 1 <= value.value <= 100:
        raise ValueError(f"{value.id} can't be drawn as people out of 100.")
    colours = palette(dark)
    count = round(value.value)
    figure = plain_layout(go.Figure(), colours, height_px)
    figure.update_xaxes(visible=False, range=[-0.7, _SIDE - 0.3], fixedrange=True)
    figure.update_yaxes(visible=False, range=[_SIDE - 0.3, -0.7], fixedrange=True, scaleanchor="x")
    figure.add_trace(
        go.Scatter(
            x=[position % _SIDE for position in range(_SIDE * _SIDE)],
            y=[position // _SIDE for position in range(_SIDE * _SIDE)],
            mode="markers",
            marker={
                "symbol": ["circle" if position < count else "circle-open" for position in range(_SIDE * _SIDE)],
                "size": 12,
                "color": [colours.lit if position < count else colours.box_line for position in range(_SIDE * _SIDE)],
                "line": {"width": 1.5},
            },
            hoverinfo="skip",
        )
    )
    span = range_words(value)
    sentence = f"{count} of 100 people {words}{span}; {100 - count} did not. Who was studied: {value.population}."
    table = pd.DataFrame({"Outcome": [words, f"not: {words}"], "People of 100": [count, 100 - count]})
    return Drawn(figure, sentence, table, f"{count} of 100 marks filled")


def range_words(value: Value) -> str:
    """The range of chance in words, with a leading space; says so when no range was published."""
    if value.low is None or value.high is None:
        return " (the study gives no range)"
    return f" (range of chance: {value.low:.0f} to {value.high:.0f})"
