"""Words and rows that the outcome charts share: counts, shares, the line under a chart, rows with an interval."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TypeVar

import plotly.graph_objects as go

from kneewise.disclosure.released import ReleasedContext, ReleasedShare
from kneewise.figures.drawn import Palette, plain
from kneewise.statistics.intervals import LEVEL

Part = tuple[int, int] | None
Group = TypeVar("Group")
RANGE = f"{round(100 * LEVEL)}\u00a0% interval"
AXIS = {"automargin": True, "title": {"standoff": 10}, "tickfont": {"size": 13}}
"""Axes make room for their own words."""


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


def signed_text(value: float, decimals: int) -> str:
    """A change with its sign."""
    return f"{value:+.{decimals}f}".replace("-", "−") if value else "0"


def decimals_of(values: Iterable[float | None]) -> int:
    """As many decimals as the released values have, so that 12.0 stands beside 13.4."""
    return max((len(f"{value:g}".partition(".")[2]) for value in values if value is not None), default=0)


def percent_of(n: int, whole: int) -> int:
    """Whole percent `n` is of `whole`."""
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


def tail_text(context: ReleasedContext, n: int, completeness: ReleasedShare) -> str:
    """The end of every sentence: direction of good, n, completeness."""
    return (
        f"{context.direction.capitalize()} ({context.minimum:g} to {context.maximum:g}). "
        f"n = {count_text(n)}; completeness {share_text(completeness)}."
    )


def row_name(label: str, n: int) -> str:
    """A group's name with its number of people, as the label of a row."""
    return f"{plain_label(label)}<br>n = {count_text(n)}"


def row_height(rows: Sequence) -> int:
    """The height in pixels of a chart with these rows."""
    return 130 + 46 * len(rows)


def blank_rows(colours: Palette, height_px: int) -> go.Figure:
    """An empty figure in the quiet frame, made in one go: Plotly checks a figure anew with every later change."""
    axes = {"xaxis": AXIS, "yaxis": AXIS, "barmode": "stack", "bargap": 0.3}
    return go.Figure(layout=plain(colours, height_px) | axes)


def say_bounds(
    figure: go.Figure, rows: Sequence[tuple[str, int, ReleasedShare]], names: Sequence[str], colours: Palette
) -> None:
    """Write the bound of a share that has no number into its row."""
    for name, (_, _, share) in zip(names, rows, strict=True):
        if share.percent is None:
            figure.add_annotation(
                x=50, y=name, text=plain_label(share.text), showarrow=False, font={"color": colours.ink, "size": 14}
            )


def percent_rows(figure: go.Figure, names: Sequence[str], colours: Palette) -> None:
    """Make a chart of rows run from 0 to 100 percent."""
    figure.update_xaxes(
        range=[0, 102],
        tickvals=[0, 25, 50, 75, 100],
        fixedrange=True,
        gridcolor=colours.faint,
        zerolinecolor=colours.box_line,
    )
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=list(names),
        range=[len(names) - 0.4, -0.6],
        fixedrange=True,
        showgrid=False,
    )


def legend_above(figure: go.Figure) -> None:
    """Put the legend above the chart, as words only."""
    figure.update_layout(
        showlegend=True,
        legend={
            "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal",
            "itemclick": False, "itemdoubleclick": False,
        },
    )  # fmt: skip


def interval_rows(rows: Sequence[tuple[str, int, ReleasedShare]], colours: Palette) -> go.Figure:
    """A dot and its interval per row; where only a bound may be said, the bound in words."""
    figure = blank_rows(colours, row_height(rows))
    names = [row_name(label, n) for label, n, _ in rows]
    shown = [(name, share) for name, (_, _, share) in zip(names, rows, strict=True) if share.percent is not None]
    figure.add_trace(
        go.Scatter(
            x=[share.percent for _, share in shown],
            y=[name for name, _ in shown],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [share.high_percent - share.percent for _, share in shown],
                "arrayminus": [share.percent - share.low_percent for _, share in shown],
                "color": colours.lit,
                "thickness": 3,
                "width": 8,
            },
            mode="markers+text",
            text=[f"<b>{share.percent} %</b>" for _, share in shown],
            textposition="top center",
            textfont={"color": colours.ink},
            marker={"size": 13, "color": colours.lit, "symbol": "diamond"},
            customdata=[[share.low_percent, share.high_percent] for _, share in shown],
            hovertemplate="%{y}: %{x} %, %{customdata[0]} to %{customdata[1]} %<extra></extra>",
        )
    )
    say_bounds(figure, rows, names, colours)
    percent_rows(figure, names, colours)
    return figure
