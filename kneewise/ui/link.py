"""The choices of the outcomes page in its address, so that a link shows somebody else the same.

The only module that touches the address. It holds ids and labels of shared figures: which records, which score, which part
of the page, which split and filters. Never anything of a patient, no free text, nothing of the own mode: an address lands in
histories and logs (hazard KW-H16). What a link names is checked against what there is; the rest is left out and said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import streamlit as st

from kneewise.ui import session

NAMES = {
    "records": "records", "score": "score", "section": "part of the page", "split": "split", "only": "filter",
    "measure": "measure",
}  # fmt: skip
"""The names in the address, and what they are called in a sentence."""
_ADDRESS = "outcomes.address"
_LONGEST_QUOTE = 40


@dataclass(frozen=True)
class Request:
    """What a link asks for, by name, and what of it was not found."""

    asks: Mapping[str, tuple[str, ...]]
    not_found: list[str] = field(default_factory=list)

    def one(self, name: str, offered: Collection[str]) -> str | None:
        """The value asked for under `name` if it is offered; None if nothing or something else is asked for."""
        found = self.several(name, offered)
        return found[0] if found else None

    def several(self, name: str, offered: Collection[str]) -> tuple[str, ...]:
        """The values asked for under `name` that are offered; the others are noted as not found."""
        asked = self.asks.get(name, ())
        self.not_found.extend(f"{NAMES[name]} “{_cut(value)}”" for value in asked if value not in offered)
        return tuple(value for value in asked if value in offered)

    def sentence(self) -> str:
        """What the link names and is not here; empty where all was found."""
        unknown = [f"“{_cut(name)}”" for name in self.asks if name not in NAMES]
        missing = [*self.not_found, *unknown]
        if not missing:
            return ""
        listed = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
        return f"The link names what is not here, so the usual choice is shown instead: {listed}."


def arrived() -> Request | None:
    """What a link asks for, once; None where the address is empty or is what this window wrote itself."""
    now = _now()
    if not now or now == session.held(_ADDRESS, _ADDRESS):
        return None
    session.hold(_ADDRESS, _ADDRESS, now)
    return Request(now)


def show(choices: Mapping[str, Iterable[str]]) -> None:
    """Let the address hold these choices and nothing else; an empty one empties it."""
    wanted = {name: tuple(values) for name, values in choices.items()}
    wanted = {name: values for name, values in wanted.items() if values}
    if _now() != wanted:
        st.query_params.from_dict({name: list(values) for name, values in wanted.items()})
    session.hold(_ADDRESS, _ADDRESS, wanted)


def _now() -> dict[str, tuple[str, ...]]:
    return {name: tuple(st.query_params.get_all(name)) for name in st.query_params}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
