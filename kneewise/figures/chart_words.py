"""Words and rows that the outcome charts share: counts, shares, the line under a chart, rows with an interval.

A figure is made in one go from dictionaries: Plotly checks a figure anew with every later change, which made a page of
four charts four times as slow.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import plotly.graph_objects as go

from kneewise.disclosure.grouping import EVERYBODY
from kneewise.disclosure.released import ReleasedContext, ReleasedShare
from kneewise.figures.drawn import Palette, plain
from kneewise.statistics.intervals import LEVEL

Part = tuple[int, int] | None
Group = TypeVar("Group")
RANGE = f"{round(100 * LEVEL)}\u00a0% interval"
AXIS = {"automargin": True, "title": {"standoff": 10}, "tickfont": {"size": 13}}
"""Axes make room for their own words."""
IMPROVED_AXIS = "% who improved by what matters<br>(of people with both scores)"
LEGEND_ABOVE = {
    "showlegend": True,
    "legend": {
        "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal",
        "itemclick": False, "itemdoubleclick": False,
    },
}  # fmt: skip
"""The legend above the chart, as words only."""
TOO_FEW = "too few people"
_UNSEEN = "rgba(0,0,0,0)"
_LETTERS_PER_LINE = 64
_LETTERS_OF_AN_AXIS = 8
_LETTERS_PER_ROW_NAME = 24
_ROOM_PX = 14
_LINE_PX = 16
_LEGEND_PX = 34
_CAMERA_PX = 26  # room for the button that saves the picture


def part_of(groups: Sequence[Group], part: Part) -> Sequence[Group]:
    """The groups that are drawn: all, or those from `part[0]` up to `part[1]`."""
    return groups if part is None else groups[part[0] : part[1]]


def plain_label(text: str) -> str:
    """The text, safe as a label of a figure."""
    # Plotly reads <b>, <a href> and the like in any label, and a label may come from an upload.
    return html.escape(text, quote=False)


def count_text(count: int | None) -> str:
    """A rounded count with its thousands parted; nothing for None."""
    return "" if count is None else f"{count:,}"


def number_text(value: float | None, decimals: int) -> str:
    """A released value, or that it is not shown."""
    return "not shown" if value is None else f"{value:.{decimals}f}".replace("-", "−")


def signed_text(value: float | None, decimals: int) -> str:
    """A change with its sign, or that it is not shown."""
    if value is None:
        return "not shown"
    return f"{value:+.{decimals}f}".replace("-", "−") if value else "0"


def decimals_of(values: Iterable[float | None]) -> int:
    """As many decimals as the released values have, so that 12.0 stands beside 13.4."""
    return max((len(f"{value:g}".partition(".")[2]) for value in values if value is not None), default=0)


def percent_of(n: int | None, whole: int | None) -> int | None:
    """Whole percent `n` is of `whole`; None where either may not be told."""
    if n is None or whole is None:
        return None
    return round(100 * n / whole) if whole else 0


def share_text(share: ReleasedShare) -> str:
    """A share with its count and its whole, or its bound in words."""
    return (
        share.text
        if share.percent is None
        else f"{share.percent} % ({count_text(share.count)} of {count_text(share.n)})"
    )


def kept_together(sentence: str) -> str:
    """A number and its sign of per cent stay on one line."""
    return sentence.replace(" %", "\u00a0%")


def share_figure(share: ReleasedShare) -> str:
    """A share as one short figure, or its bound in words."""
    return share.text if share.percent is None else f"{share.percent} %"


def span_text(share: ReleasedShare) -> str:
    """The ends of a share's interval."""
    return "not shown" if share.percent is None else f"{share.low_percent} to {share.high_percent} %"


def scale_text(context: ReleasedContext) -> str:
    """A scale's ends and its direction of good."""
    return f"{context.minimum:g} to {context.maximum:g}, {context.direction}"


def better_is(context: ReleasedContext) -> str:
    """The direction of good with an arrow."""
    return f"{context.direction} {'↑' if context.higher_is_better else '↓'}"


def alt_text(what: str, context: ReleasedContext) -> str:
    """What a screen reader hears of the picture."""
    split = " by group" if context.group_by else ""
    made_up = ", synthetic data" if context.synthetic else ""
    return f"{what}{split}: {context.instrument_name}, {context.direction}{made_up}. The table below holds the numbers."


def tail_text(context: ReleasedContext, n: int, completeness: ReleasedShare, parts: str = "") -> str:
    """The end of every sentence: direction of good, n, completeness.

    A sum of rounded numbers is often another one than the rounded number of all, which stands beside it here; so it is
    said. `parts` are what n is the sum of, where not of the groups.
    """
    if not parts and context.group_by and completeness.count not in (None, n):
        parts = "groups"
    summed = f" as the sum of rounded {parts}" if parts and context.mode == "shared" else ""
    return (
        f"{context.direction.capitalize()} ({context.minimum:g} to {context.maximum:g}). "
        f"n = {count_text(n)}{summed}; completeness {share_text(completeness)}."
    )


def group_name(label: str, context: ReleasedContext) -> str:
    """The name of a group; "everybody" of an answer that is restricted to a group is that group."""
    if label != EVERYBODY or not context.only:
        return label
    return " and ".join(value for _, value in context.only)


def row_name(label: str, n: int | None) -> str:
    """A group's name with its number of people, as the label of a row; a long name in several lines."""
    words = "<br>".join(map(plain_label, textwrap.wrap(label, _LETTERS_PER_ROW_NAME))) or plain_label(label)
    return f"{words}<br>{TOO_FEW if n is None else f'n = {count_text(n)}'}"


def row_height(names: Sequence[str]) -> int:
    """The height in pixels of a chart with rows of these names."""
    lines = max((name.count("<br>") for name in names), default=1)
    return 130 + (30 + 16 * max(1, lines)) * len(names)


def rows_layout(
    colours: Palette, rows: Sequence[tuple[str, int | None, ReleasedShare | None]], title: str, more: Mapping[str, Any]
) -> dict[str, Any]:
    """The layout of a chart of rows (label, n, share) from 0 to 100 percent, without a grid across the rows.

    Where a share has no number, its bound stands in its row in words; a share of None says nothing.
    """
    names = [row_name(label, n) for label, n, _ in rows]
    notes = [
        {
            "y": name, "text": plain_label(share.text), "showarrow": False, **_place_of_bound(share.text),
            "bgcolor": colours.page, "font": {"color": colours.ink, "size": 14},
        }
        for name, (_, _, share) in zip(names, rows, strict=True)
        if share is not None and share.percent is None
    ]  # fmt: skip
    return {
        **plain(colours, row_height(names)),
        "barmode": "stack",
        "bargap": 0.3,
        "annotations": notes,
        "xaxis": {
            **AXIS,
            "title": {"text": title, "standoff": 10},
            "range": [0, 102],
            "tickvals": [0, 25, 50, 75, 100],
            "fixedrange": True,
            "gridcolor": colours.faint,
            "zerolinecolor": colours.box_line,
        },
        "yaxis": {
            **AXIS,
            "type": "category",
            "categoryorder": "array",
            "categoryarray": names,
            "range": [len(names) - 0.4, -0.6],
            "fixedrange": True,
            "showgrid": False,
            "ticklabelstandoff": 6,  # keeps the names off the first line
            # An empty title keeps room at the side: a saved picture is drawn with another, wider font.
            "title": {"text": "\u00a0", "standoff": 0, "font": {"size": _ROOM_PX}},
        },
        **more,
    }


def _place_of_bound(text: str) -> dict[str, Any]:
    """Words in place of a mark stand at the end that they speak of: in the middle "more than 99 %" read as half."""
    if text.startswith(("more than", "at least")):
        return {"x": 100, "xanchor": "right"}
    if text.startswith(("fewer than", "at most")):
        return {"x": 0, "xanchor": "left"}
    return {"x": 50}


def interval_rows(
    rows: Sequence[tuple[str, int | None, ReleasedShare]], colours: Palette, title: str = ""
) -> go.Figure:
    """A dot and its interval per row; where only a bound may be said, the bound in words.

    The whole row answers to a click or a tap, not the dot alone; the row's `plain_label` stands last in its customdata.
    """
    names = [row_name(label, n) for label, n, _ in rows]
    shown = [
        (name, label, share)
        for name, (label, _, share) in zip(names, rows, strict=True)
        if share.percent is not None
    ]  # fmt: skip
    stay = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}
    about = {
        "y": [name for name, _, _ in shown],
        "customdata": [
            [share.percent, share.low_percent, share.high_percent, plain_label(label)] for _, label, share in shown
        ],
        "hovertemplate": "%{y}: %{customdata[0]} %, %{customdata[1]} to %{customdata[2]} %<extra></extra>",
    }
    dots = {
        "type": "scatter",
        "x": [share.percent for _, _, share in shown],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [share.high_percent - share.percent for _, _, share in shown],
            "arrayminus": [share.percent - share.low_percent for _, _, share in shown],
            "color": colours.lit,
            "thickness": 3,
            "width": 8,
        },
        "mode": "markers+text",
        "text": [f"<b>{share.percent} %</b>" for _, _, share in shown],
        "textposition": "top center",
        "textfont": {"color": colours.ink},
        "marker": {"size": 13, "color": colours.lit, "symbol": "diamond"},
        **about,
        **stay,
        "unselected": {"marker": {"opacity": 1}, "textfont": {"color": colours.ink}},
    }
    field = {
        "type": "bar",
        "orientation": "h",
        "x": [100] * len(shown),
        "marker": {"color": _UNSEEN, "line": {"width": 0}},
        **about,
        **stay,
    }
    return go.Figure(data=[dots, field], layout=rows_layout(colours, rows, title, {}))


def with_source(figure: go.Figure, title: str, n: int, context: ReleasedContext, colours: Palette) -> go.Figure:
    """The figure with quiet lines at its foot that go along with a saved picture: what it shows, of whom, which records.

    They say first what must never get lost: that the records are made up, or that the figures are internal. The page's
    colour lies behind a picture, so that light words stay readable wherever it is put.
    """
    layout = figure.layout.to_plotly_json()
    marks = [*(["INTERNAL"] if context.mode == "own" else []), *(["SYNTHETIC DATA"] if context.synthetic else [])]
    words = [
        *marks,
        title,
        *(f"only {value}" for _, value in context.only),
        f"n = {count_text(n)}",
        f"{context.instrument_name}, {context.direction}",
        context.source_label,
        f"version {context.version}",
    ]
    letters = _LETTERS_PER_LINE - _letters_beside_the_plot(layout)
    lines = [*_joined(words, letters), *textwrap.wrap(context.attribution, letters)]
    below, margin = _below_the_plot(layout), layout.get("margin") or {}
    above = _LEGEND_PX + _CAMERA_PX if layout.get("showlegend") else max(_CAMERA_PX, margin.get("t", 0))
    foot = {
        "text": "<br>".join(map(plain_label, lines)), "showarrow": False, "align": "left",
        "x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top", "yshift": -below,
        "font": {"size": 12, "color": colours.quiet_ink},
    }  # fmt: skip
    # Set one by one: `update_layout` goes through every word that the chart has already, which takes ten times as long.
    drawn = figure.layout
    drawn.height = layout["height"] + _LINE_PX * len(lines) + 8 + _CAMERA_PX
    drawn.margin = {**margin, "t": above, "b": below + _LINE_PX * len(lines) + 8}
    drawn.paper_bgcolor = colours.page
    drawn.modebar = {"bgcolor": _UNSEEN, "color": colours.quiet_ink, "activecolor": colours.ink}
    drawn.annotations = (*drawn.annotations, foot)
    return figure


def _letters_beside_the_plot(layout: Mapping[str, Any]) -> int:
    """How many letters the axis takes from the room of a line that begins where the plot begins."""
    names = (layout.get("yaxis") or {}).get("categoryarray") or ()
    return max((len(line) for name in names for line in name.split("<br>")), default=_LETTERS_OF_AN_AXIS)


def _joined(words: Iterable[str], letters: int) -> list[str]:
    """The words parted by dots, in lines of no more letters than a narrow chart has room for."""
    lines: list[str] = []
    for word in words:
        joined = f"{lines[-1]} · {word}" if lines else word
        if lines and len(joined) <= letters:
            lines[-1] = joined
        else:
            lines.extend(textwrap.wrap(word, letters))
    return lines


def _below_the_plot(layout: Mapping[str, Any]) -> int:
    """Pixels that tick labels and the title of the axis take below the plot."""
    axes = [axis for name, axis in layout.items() if name.startswith("xaxis")]
    labels = [
        str(text) for axis in axes for text in (*(axis.get("categoryarray") or ()), *(axis.get("ticktext") or ()))
    ]
    titles = [text for axis in axes if (text := (axis.get("title") or {}).get("text"))]
    ticks_px = 8 + 17 * (1 + max((text.count("<br>") for text in labels), default=0))
    return ticks_px + (10 + 18 * max(1 + text.count("<br>") for text in titles) if titles else 0)
