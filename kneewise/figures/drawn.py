"""What every chart function returns, and the colours they share."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go


@dataclass(frozen=True)
class Drawn:
    """A chart with its words.

    `figure` is what is seen, `sentence` says its finding, `table` holds the same facts for readers of tables and for
    screen readers, `alt` names the picture in a few words. No chart leaves without all four.
    """

    figure: go.Figure
    sentence: str
    table: pd.DataFrame
    alt: str


@dataclass(frozen=True)
class Palette:
    """Colours that keep 3:1 (what is lit, marks) and 4.5:1 (text) against the page in one theme.

    `faint` and `box_line` keep less on purpose: what they draw stands back and is said in words as well.
    """

    page: str
    ink: str
    quiet_ink: str
    box: str
    box_line: str
    lit: str
    lit_box: str
    faint: str
    other: str


LIGHT = Palette(
    page="#fcfcfa", ink="#15191a", quiet_ink="#4c5859", box="#ffffff", box_line="#9fb0b0", lit="#0b5d66",
    lit_box="#d9eeee", faint="#b9c4c4", other="#b35400",
)  # fmt: skip
DARK = Palette(
    page="#12191b", ink="#eef3f2", quiet_ink="#b4c0c1", box="#1c2629", box_line="#56686b", lit="#5cc3cb",
    lit_box="#17474d", faint="#41514f", other="#f0a05a",
)  # fmt: skip


def palette(dark: bool) -> Palette:
    """The colours for a dark or a light page."""
    return DARK if dark else LIGHT


def plain_layout(figure: go.Figure, colours: Palette, height_px: int) -> go.Figure:
    """The same quiet frame for every chart: no grid, no toolbar clutter, text in the page's colours."""
    figure.update_layout(plain(colours, height_px))
    return figure


def plain(colours: Palette, height_px: int) -> dict:
    """The layout of `plain_layout` as a dictionary: a figure made in one go is checked once, not with every change."""
    return {
        "height": height_px,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": colours.ink, "size": 14, "family": "Source Sans, Source Sans Pro, sans-serif"},
        "showlegend": False,
        "hoverlabel": {
            "bgcolor": colours.box, "bordercolor": colours.box_line, "font": {"color": colours.ink, "size": 14},
        },
        "dragmode": False,
    }  # fmt: skip
