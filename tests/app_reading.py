"""Everything a page sent to the browser as words: every text, label, help, placeholder, option, table and figure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pandas as pd
from streamlit.testing.v1 import AppTest

_NO_WORDS = {  # fields of a message that nobody reads
    "id", "form_id", "url", "key", "type", "color", "element_id", "page_script_hash", "fragment_id", "format", "mime_type",
    "config", "theme", "selection_mode", "accept_file_type", "upload_file_urls", "anchor", "icon", "file_url", "caller",
    "default", "raw_values", "value", "set_value", "raw_value",
}  # fmt: skip


def words_of(page: AppTest) -> list[str]:
    """All words of a page in the order they were sent; the strings of figures one by one."""
    return [text for text in _below(page._tree) if text.strip()]


def said_by(page: AppTest) -> str:
    """All words of a page in one text."""
    return "\n".join(words_of(page))


def plain(text: str) -> str:
    """A text without the marks that keep it from being Markdown: as a person reads it."""
    return text.replace("\\", "").replace("\u200b", "")


def figure(page: AppTest, position: int = 0) -> dict:
    """The figure as it was sent: data and layout."""
    return json.loads(page.get("plotly_chart")[position].proto.spec)


def _below(block) -> Iterator[str]:
    for child in block.children.values():
        if hasattr(child, "children"):
            if getattr(child, "proto", None) is not None:
                yield from _strings(child.proto)
            yield from _below(child)
        elif child.type == "plotly_chart":
            yield child.proto.alt if hasattr(child.proto, "alt") else ""
            yield from _figure_strings(json.loads(child.proto.spec))
        elif child.type == "bidi_component":
            data = json.loads(child.proto.json)
            yield from _said_by_the_leg(data["base"]) if "base" in data else ()
        elif isinstance(getattr(child, "value", None), pd.DataFrame):
            yield from (str(each) for each in (*child.value.columns, *child.value.to_numpy().ravel()))
        elif getattr(child, "proto", None) is not None:
            yield from _strings(child.proto)


def _strings(message) -> Iterator[str]:
    for field, value in message.ListFields():
        if field.name in _NO_WORDS:
            continue
        for each in value if isinstance(value, list) or hasattr(value, "append") else [value]:
            if isinstance(each, str):
                yield each
            elif hasattr(each, "ListFields"):
                yield from _strings(each)


def _said_by_the_leg(data: dict) -> Iterator[str]:
    """Every word that the drawn leg may show or speak; ids and the mechanics are none."""
    yield from data["words"].values()
    yield from (each["text"] for each in data["labels"])
    yield from (each["label"] for each in (*data["groups"], *data["spec"]["movements"]))
    for each in data["spec"]["inputs"]:
        yield from (each[name] for name in ("label", "low", "high", "seen_low", "seen_high"))
    for each in data["factors"]:
        yield from (each[name] for name in ("label", "what_moves", "how_sure", "what_helps"))


def _figure_strings(part, name: str = "") -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _figure_strings(value, key)
    elif isinstance(part, list):
        for each in part:
            yield from _figure_strings(each, name)
    elif isinstance(part, str) and name in (
        "text",
        "hovertext",
        "title",
        "name",
        "hovertemplate",
        "ticktext",
        "y",
        "x",
    ):
        yield re.sub(r"<[^>]*>", " ", part)
