"""Downloads: the only place that offers a file.

Streamlit tells files over 1 MiB apart by samples of their bytes: two handouts of different patients got the same
address, and the second patient got the first one's file. A name of its own per file and a limit under 1 MiB rule that
out (hazard KW-H07).
"""

from __future__ import annotations

import csv
import io
import re
import uuid
from pathlib import PurePath

import pandas as pd
import streamlit as st

from kneewise.errors import KneewiseError

LARGEST_BYTES = 1024 * 1024 - 1
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "|", "%", "＝", "＋", "－", "＠")


class DownloadRefused(KneewiseError):
    """The file is too big to be offered safely."""


def unique_name(name: str) -> str:
    """`name` with a random mark before its ending: "handout.pdf" -> "handout-3f9c….pdf". Letters, digits, - and _ only."""
    path = PurePath(name)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-") or "kneewise"
    suffix = re.sub(r"[^A-Za-z0-9.]+", "", path.suffix)
    return f"{stem}-{uuid.uuid4().hex}{suffix}"


def check_size(data: bytes) -> None:
    """Nothing if `data` may be offered; raises DownloadRefused from 1 MiB on."""
    if len(data) > LARGEST_BYTES:
        raise DownloadRefused(
            f"This file has {len(data) / 1024 / 1024:.1f} MB; Kneewise offers files under 1 MB. "
            "Choose fewer records, or use the command line."
        )


def offer(label: str, data: bytes | str, name: str, mime: str, *, key: str, button_type: str = "secondary") -> None:
    """Show a button that saves `data` (bytes, or text as UTF-8) under `name` plus a random mark, without a rerun.

    `button_type`: `frame.main_button_type()` where this is the one main button of the view.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    check_size(content)
    st.download_button(
        label,
        content,
        file_name=unique_name(name),
        mime=mime,
        key=key,
        on_click="ignore",
        type=button_type,
    )


def table_as_csv(table: pd.DataFrame, first_line: str) -> str:
    """The table as CSV below one line that says what it is; no text in it can run as a formula (hazard KW-H19).

    A text that a spreadsheet would take for a formula gets a ' before it; numbers stay numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_no_formula(first_line)])
    writer.writerow([_no_formula(str(name)) for name in table.columns])
    writer.writerows([[_no_formula(cell) for cell in row] for row in table.itertuples(index=False)])
    return "\ufeff" + text.getvalue()  # the mark by which spreadsheets know UTF-8


def _no_formula(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    cell = re.sub(r"[\r\n]+", " ", cell)  # a cell stays on its line whatever reads the file
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA_SIGNS) else cell
