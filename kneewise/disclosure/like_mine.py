"""Patients like this one, from the clinic's own records: experience, not prediction."""

from __future__ import annotations

from dataclasses import dataclass

from kneewise.disclosure.released import ReleasedContext, ReleasedShare


@dataclass(frozen=True)
class ReleasedByWeek:
    """By about this week: the share improved by the important change, of those who were seen then."""

    week: int
    share: ReleasedShare
    completeness: ReleasedShare
    worst_percent: int | None
    best_percent: int | None


@dataclass(frozen=True)
class ReleasedLikeMine:
    """`matched` says who counts as alike; `widened` which criteria were left out, because too few people shared them."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    matched: tuple[str, ...]
    widened: tuple[str, ...]
    important_change: float
    important_change_status: str
    important_change_source: str
    weeks: tuple[ReleasedByWeek, ...]
    note: str = "This is what happened to people in these records. It is experience, not a prediction for one person."
