"""One way to show a chart: the picture, its sentence, its table."""

from __future__ import annotations

import streamlit as st

from kneewise.figures import Drawn

_CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "responsive": True}


def is_dark() -> bool:
    """Whether this window shows the dark theme."""
    return st.context.theme.type == "dark"


def show(drawn: Drawn, *, key: str, selectable: bool = False) -> str | None:
    """Show a chart with its sentence and a table to open; returns the id of the clicked mark, if any.

    `key` names the chart on its page and keeps it in place between reruns.
    """
    event = st.plotly_chart(
        drawn.figure,
        key=key,
        width="stretch",
        theme=None,
        alt=drawn.alt,
        config=_CONFIG,
        on_select="rerun" if selectable else "ignore",
        selection_mode="points",
    )
    st.write(drawn.sentence)
    table = st.expander("The same as a table", key=f"{key}_table", on_change="rerun")
    if table.open:  # a closed table isn't sent: it can be larger than its picture
        table.table(drawn.table)
    if not selectable or not event or not event.selection.points:
        return None
    clicked = event.selection.points[0].get("customdata")
    return clicked if isinstance(clicked, str) else None
