"""Patients like this one, from the clinic's own records: experience, not prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import (
    ReleasedContext,
    ReleasedShare,
    count_beside,
    released_count,
    released_share,
    share_of,
)
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
    """One visit of the people who are alike: how many were seen then, and improved. Exact, so never to be shown.

    `beside_seen` and `beside_improved` are groups of people told elsewhere that hold all of these, or of whom these hold all.
    """

    week: int
    seen: int
    improved: int
    beside_seen: tuple[int, ...] = ()
    beside_improved: tuple[int, ...] = ()


def release_like_mine(
    context: ReleasedContext,
    people: tuple[int, int],
    weeks: Sequence[WeekCell],
    matched: Sequence[str],
    widened: Sequence[str],
    important_change: tuple[float, str, str],
    policy: Policy,
    everybody: int = 0,
) -> ReleasedLikeMine:
    """What happened to people like one, from (people with a first score, those of them with a later one).

    `everybody` are those who are alike but for the first score, which they need not have.

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
    if policy.mode == "own":
        told, completeness = (released_count(alike, policy), 0), released_share(came_back, alike, policy)
    else:
        _check([came_back, alike - came_back], policy)
        told = count_beside(alike, [everybody], policy)
        completeness = share_of(released_count(came_back, policy), told[0], (0, told[1]))
    return ReleasedLikeMine(
        context=context,
        n=told[0],
        completeness=completeness,
        matched=tuple(matched),
        widened=tuple(widened),
        important_change=important_change[0],
        important_change_status=important_change[1],
        important_change_source=important_change[2],
        weeks=tuple(_by_week(cell, alike, told, policy) for cell in weeks),
    )


def _by_week(cell: WeekCell, alike: int, told: tuple[int, int], policy: Policy) -> ReleasedByWeek:
    parts = (cell.improved, cell.seen - cell.improved, alike - cell.seen)
    if policy.mode == "own":
        share = released_share(cell.improved, cell.seen, policy)
        completeness = released_share(cell.seen, alike, policy)
        if min(parts) < policy.threshold:
            return ReleasedByWeek(cell.week, share, completeness, None, None)
        improved, seen, off = cell.improved, cell.seen, (0, 0)
    else:
        _check(parts, policy)
        improved, off_improved = count_beside(cell.improved, cell.beside_improved, policy)
        seen, off_seen = count_beside(cell.seen, cell.beside_seen, policy)
        off = off_improved, off_seen
        share, completeness = share_of(improved, seen, off), share_of(seen, told[0], (off_seen, told[1]))
    shown = told[0]
    return ReleasedByWeek(
        week=cell.week,
        share=share,
        completeness=completeness,
        worst_percent=100 * max(0, improved - off[0]) // shown,
        best_percent=min(100, 100 - 100 * max(0, seen - improved - sum(off)) // shown),
    )


def _check(parts: Sequence[int], policy: Policy) -> None:
    for part in parts:
        released_count(part, policy)
