"""How good the records are: what is recorded, who came back, up to when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import TOO_FEW, ReleasedContext, ReleasedShare, released_count, released_share

Kind = Literal["attribute", "visit"]
BOUNDS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Where those of whom a thing is not known may not be told apart, it is said that it is known of at least so many."""


@dataclass(frozen=True)
class ReleasedQualityRow:
    """One thing that should be known of everybody, and of how many it is."""

    name: str
    kind: Kind
    """"attribute" (recorded about the person) or "visit" (came at that time)."""
    share: ReleasedShare


@dataclass(frozen=True)
class ReleasedQuality:
    """`n` people are counted; `newest_period` is the last period whose follow-up is over.

    `base` says who they are. `sources` is the number of sources in the store.
    """

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    rows: tuple[ReleasedQualityRow, ...]
    newest_period: str | None
    open_periods: tuple[str, ...]
    base: str = "everybody who started"
    sources: int = 1


@dataclass(frozen=True)
class QualityCell:
    """One thing as the store gives it: known of `count` people. Exact, so never to be shown.

    `merged` people (those of whom it is not known among them) may not be told apart: then only a bound is said, one of
    `BOUNDS` or that of all the others. None where they may be told apart.
    """

    name: str
    kind: Kind
    count: int
    merged: int | None = None


def release_quality(
    context: ReleasedContext,
    n: int,
    completeness: ReleasedShare,
    cells: Sequence[QualityCell],
    periods: tuple[str | None, Sequence[str]],
    base: str,
    sources: int,
    policy: Policy,
) -> ReleasedQuality:
    """What is known of `n` people, with (newest closed period, open periods).

    Raises
    ------
    DisclosureRefused
        Fewer people than the threshold stand behind the whole, or behind those who may not be told apart.
    """
    shown = released_count(n, policy)
    rows = tuple(ReleasedQualityRow(cell.name, cell.kind, _share(cell, n, policy)) for cell in cells)
    return ReleasedQuality(context, shown, completeness, rows, periods[0], tuple(periods[1]), base, sources)


def _share(cell: QualityCell, n: int, policy: Policy) -> ReleasedShare:
    if cell.merged is None:
        return _wide_share(cell.count, n, policy)
    bound, fewer = 0, 0
    for known in BOUNDS:
        # That no more than `most` are unknown proves of nobody that they are few, since `most` is no less than the
        # threshold. It also says that they are more than the last bound's: the others merged with them must not be few.
        most = max(policy.threshold, math.floor((1 - known) * n))
        if n - cell.count <= most < n:
            bound = math.floor(100 * (1 - most / n)) if cell.merged - fewer >= policy.threshold else 0
            break
        fewer = most
    if n - cell.merged >= policy.threshold:
        others, merged = released_count(n - cell.merged, policy), released_count(cell.merged, policy)
        bound = max(bound, math.floor(100 * others / (others + merged)))
    if not bound:
        return TOO_FEW
    return ReleasedShare(None, None, None, None, None, f"at least {bound} %")


def _wide_share(count: int, n: int, policy: Policy) -> ReleasedShare:
    """As `released_share`, with bounds twice as wide in the shared mode.

    "Fewer than ten were not seen" bounds everybody who was not: one of them, known from elsewhere, would make them a group
    of one to nine. "Fewer than twenty" does not.
    """
    if policy.mode == "own" or n < policy.threshold:
        return released_share(count, n, policy)
    shown, few = released_count(n, policy), 2 * policy.threshold
    if min(count, n - count) >= few:
        return released_share(count, n, policy)
    if count < few and n - count < few:
        return TOO_FEW
    words = (
        f"at least {math.floor(100 * (1 - few / shown))} %"
        if n - count < few
        else f"at most {math.ceil(100 * few / shown)} %"
    )
    return ReleasedShare(None, None, None, None, None, words)
