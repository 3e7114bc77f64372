"""Text from an upload as text: nothing in it is Markdown, a link, an emoji or a directive on screen."""

from __future__ import annotations

import re

import pandas as pd

_BREAK = "\u200b"  # an invisible break: keeps ":name:", "http://", "www." and "a@b.c" from being made into something


def escaped(text: str) -> str:
    """`text` for a place where Streamlit reads Markdown; shown as it is written."""
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", text)
    text = re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$^=&:\"'])", r"\\\1", text)
    return re.sub(r"(\\:|@|(?i:www))", rf"\1{_BREAK}", text)


def escaped_table(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every text and column name escaped; numbers stay numbers."""
    table = table.rename(columns=lambda name: escaped(str(name)))
    return table.map(lambda cell: escaped(cell) if isinstance(cell, str) else cell)
