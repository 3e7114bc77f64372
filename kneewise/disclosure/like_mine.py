"""Patients like this one, from the clinic's own records: experience, not prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import ReleasedContext, ReleasedShare, released_count, released_share
from kneewise.errors import DisclosureRefused


@dataclass(frozen=True)
class ReleasedByWeek:
    """By about this week: the share improved by the important change, of those who were seen then.

    `completeness` is the share seen then of all who are alike. `worst_percent`..`best_percent` are of all who are alike: none
    or all of the others improved; None where too few people stand behind one of the three parts.
    """

    week: int
    share: ReleasedShare
    completeness: ReleasedShare
    worst_percent: int | None
    best_percent: int | None


@dataclass(frozen=True)
class ReleasedLikeMine:
    """`matched` says who counts as alike; `widened` which criteria were left out, because too few people shared them.

    `n` are the people who are alike and have a first score.
    """

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


@dataclass(frozen=True)
class WeekCell:
    """One visit of the people who are alike: how many were seen then, and improved. Exact, so never to be shown."""

    week: int
    seen: int
    improved: int


def release_like_mine(
    context: ReleasedContext,
    people: tuple[int, int],
    weeks: Sequence[WeekCell],
    matched: Sequence[str],
    widened: Sequence[str],
    important_change: tuple[float, str, str],
    policy: Policy,
) -> ReleasedLikeMine:
    """What happened to people like one, from (people with a first score, those of them with a later one).

    Raises
    ------
    DisclosureRefused
        Fewer people are alike than `like_mine_from`; or (shared mode) a number stands for too few people.
    """
    alike, came_back = people
    if alike < policy.like_mine_from:
        raise DisclosureRefused(
            f"Fewer than {policy.like_mine_from} people in these records are like this one, so nothing is said about them."
        )
    return ReleasedLikeMine(
        context=context,
        n=released_count(alike, policy),
        completeness=released_share(came_back, alike, policy),
        matched=tuple(matched),
        widened=tuple(widened),
        important_change=important_change[0],
        important_change_status=important_change[1],
        important_change_source=important_change[2],
        weeks=tuple(_by_week(cell, alike, policy) for cell in weeks),
    )


def _by_week(cell: WeekCell, alike: int, policy: Policy) -> ReleasedByWeek:
    parts = (cell.improved, cell.seen - cell.improved, alike - cell.seen)
    share = released_share(cell.improved, cell.seen, policy)
    completeness = released_share(cell.seen, alike, policy)
    if policy.mode == "own" and min(parts) < policy.threshold:
        return ReleasedByWeek(cell.week, share, completeness, None, None)
    improved, others, missing = (released_count(part, policy) for part in parts)
    whole = improved + others + missing
    return ReleasedByWeek(
        week=cell.week,
        share=share,
        completeness=completeness,
        worst_percent=100 * improved // whole,
        best_percent=100 - 100 * others // whole,
    )
