"""How far the missing patients could move the result: observed, plausible, worst and best case on one line."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from kneewise.disclosure.missing import ReleasedMissing
from kneewise.figures.chart_words import AXIS, LEGEND_ABOVE, alt_text, kept_together, share_text, tail_text
from kneewise.figures.drawn import Drawn, palette, plain

_HEIGHT_PX = 170


def draw_missing(missing: ReleasedMissing, *, dark: bool) -> Drawn:
    """The worst and best case as a thin line, the plausible band as a thick one, the observed share as a diamond."""
    colours = palette(dark)
    row = ["share improved"]
    data = []
    if missing.worst_percent is not None:
        for low, high, name, colour, width in (
            (missing.worst_percent, missing.best_percent, "worst to best case", colours.box_line, 4),
            (missing.plausible_low_percent, missing.plausible_high_percent, "plausible", colours.lit, 14),
        ):
            data.append(
                {
                    "type": "scatter", "x": [low, high], "y": row * 2, "mode": "lines", "name": name,
                    "line": {"color": colour, "width": width}, "hovertemplate": f"{name}: {low} to {high} %<extra></extra>",
                }
            )  # fmt: skip
    if missing.observed.percent is not None:
        data.append(
            {
                "type": "scatter", "x": [missing.observed.percent], "y": row, "mode": "markers",
                "name": "of those who came back",
                "marker": {"size": 15, "symbol": "diamond", "color": colours.page,
                           "line": {"width": 3, "color": colours.ink}},
                "hovertemplate": "of those who came back: %{x} %<extra></extra>",
            }
        )  # fmt: skip
    layout = plain(colours, _HEIGHT_PX) | LEGEND_ABOVE | {
        "xaxis": AXIS | {"title": {"text": "% who improved by what matters", "standoff": 10}, "range": [0, 102],
                         "tickvals": [0, 25, 50, 75, 100], "fixedrange": True, "gridcolor": colours.faint},
        "yaxis": {"showticklabels": False, "fixedrange": True, "showgrid": False},
    }  # fmt: skip
    return Drawn(
        go.Figure(data=data, layout=layout),
        kept_together(missing_sentence(missing)),
        missing_table(missing),
        alt_text("How far missing people could move the result", missing.context),
    )


def missing_sentence(missing: ReleasedMissing) -> str:
    """What is known, and between which ends the whole truth lies."""
    tail = tail_text(missing.context, missing.n, missing.completeness)
    if missing.worst_percent is None:
        return f"{share_text(missing.observed)} of those who came back improved by what matters. {missing.assumption} {tail}"
    return (
        f"{share_text(missing.observed)} of those who came back improved by what matters. Of everybody who started it "
        f"is plausibly {missing.plausible_low_percent} to {missing.plausible_high_percent} %, and certainly between "
        f"{missing.worst_percent} and {missing.best_percent} %. {missing.assumption} {tail}"
    )


def missing_table(missing: ReleasedMissing) -> pd.DataFrame:
    """One row per case."""

    def span(low: int | None, high: int | None) -> str:
        return "not shown" if low is None else f"{low} to {high} %"

    return pd.DataFrame(
        [
            {"Case": "Observed: of those who came back", "Improved by what matters": share_text(missing.observed)},
            {"Case": "Plausible: of everybody who started",
             "Improved by what matters": span(missing.plausible_low_percent, missing.plausible_high_percent)},
            {"Case": "Worst to best case: of everybody who started",
             "Improved by what matters": span(missing.worst_percent, missing.best_percent)},
        ]
    )  # fmt: skip
