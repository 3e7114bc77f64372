"""How good the records are: what is recorded, who came back, up to when."""

from __future__ import annotations

from dataclasses import dataclass

from kneewise.disclosure.released import ReleasedContext, ReleasedShare


@dataclass(frozen=True)
class ReleasedQualityRow:
    """One thing that should be known of everybody, and of how many it is."""

    name: str
    kind: str
    """"attribute" (recorded about the person) or "visit" (came at that time)."""
    share: ReleasedShare


@dataclass(frozen=True)
class ReleasedQuality:
    """`n` people started; `newest_period` is the last period whose follow-up is over."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    rows: tuple[ReleasedQualityRow, ...]
    newest_period: str | None
    open_periods: tuple[str, ...]
