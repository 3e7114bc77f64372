"""One way to show a chart: the picture, its sentence, its table; to save the picture and to choose a group by a click."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from kneewise.figures import Drawn
from kneewise.figures.chart_words import plain_label
from kneewise.ui.plain_text import escaped_table

_CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "responsive": True}
_CAMERA = "Download plot"  # Plotly's own name of its button, and below the longer one it has for PNG
TABLE = "The same as a table"

Format = Literal["png", "svg"]


@dataclass(frozen=True)
class Picture:
    """How a chart is saved as a picture: the file's name without ending, its format, and what the chart is called."""

    stem: str
    form: Format
    title: str


def is_dark() -> bool:
    """Whether this window shows the dark theme."""
    return st.context.theme.type == "dark"


def show(
    drawn: Drawn,
    *,
    key: str,
    turn: int = 0,
    selectable: bool = False,
    groups: Collection[str] = (),
    picture: Picture | None = None,
    below_table: Callable[[], None] | None = None,
    table_in: DeltaGenerator | None = None,
    as_written: bool = False,
) -> str | None:
    """Show a chart with its sentence and a table to open; returns the id or the group of the clicked mark, if any.

    Parameters
    ----------
    key : str
        Names the chart on its page and keeps it in place between reruns.
    turn : int
        A number that changes when what was clicked is to be forgotten.
    groups : collection of str
        The names of groups that a click may choose; without them a mark's customdata is its id.
    picture : Picture
        Offers a button on the chart that saves it as a picture, in the browser alone.
    below_table : function
        Shows more below the open table, such as a file.
    table_in : container
        Where the table is offered, if not below the chart: a table is wider than a chart in half a page.
    as_written : bool
        The table may hold words of an upload: nothing in them is Markdown or a link.
    """
    event = st.plotly_chart(
        drawn.figure,
        key=f"{key}/{turn}" if turn else key,
        width="stretch",
        theme=None,
        alt=drawn.alt,
        config=_CONFIG if picture is None else _CONFIG | _saving(picture),
        on_select="rerun" if selectable else "ignore",
        selection_mode="points",
    )
    st.write(drawn.sentence)
    name = TABLE if below_table is None else f"{TABLE}, and as a file"
    if table_in is not None and picture is not None:
        name = f"{name}: {picture.title}"
    table = (st if table_in is None else table_in).expander(name, key=f"{key}_table", on_change="rerun")
    if table.open:  # a closed table isn't sent: it can be larger than its picture
        with table:
            st.table(escaped_table(drawn.table) if as_written else drawn.table)
            if below_table is not None:
                below_table()
    if not selectable or not event or not event.selection.points:
        return None
    point = event.selection.points[0]
    if groups:
        return _group(point, drawn, groups)
    clicked = point.get("customdata")
    return clicked if isinstance(clicked, str) else None


def _saving(picture: Picture) -> dict[str, Any]:
    """Plotly's own button that saves the picture: nothing leaves the browser, and no second browser draws it."""
    name = f"Save “{picture.title}” as {picture.form.upper()}"
    return {
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": picture.form, "filename": picture.stem, "scale": 2},
        "locale": "en",
        # Its name is what a screen reader says and what shows on hover, so it names the chart and the format.
        "locales": {"en": {"dictionary": {_CAMERA: name, f"{_CAMERA} as a PNG": name}}},
    }


def _group(point: dict[str, Any], drawn: Drawn, groups: Collection[str]) -> str | None:
    """The group that the clicked mark belongs to: named in its customdata, or by the line it lies on."""
    by_label = {plain_label(group): group for group in groups}
    custom = point.get("customdata")
    words = [each for each in (custom if isinstance(custom, list | tuple) else [custom]) if isinstance(each, str)]
    line = point.get("curve_number")
    if isinstance(line, int) and 0 <= line < len(drawn.figure.data):
        words.append(drawn.figure.data[line].name or "")
    return next((by_label[word] for word in words if word in by_label), None)
