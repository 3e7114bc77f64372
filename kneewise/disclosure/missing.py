"""How much the missing patients could move the result: observed, plausible, worst and best case.

All four are whole percentages worked out from counts that may be told (rounded in the shared mode), so they say nothing
that those do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import HIDDEN_BY_GROUP, ReleasedContext, ReleasedShare, released_count, released_share
from kneewise.statistics.missing_data import ShareCell, share_band

_ROUNDING = 1e-9
PLAUSIBLE_FROM = 0.5
PLAUSIBLE_TO = 1.0
"""The plausible band: the missing improved at this many times the rate of those seen again. An assumption, no finding."""


@dataclass(frozen=True)
class ReleasedMissing:
    """Share improved of everybody who started, as whole percent; `n` is how many of them were seen again.

    `observed` is of those who were seen again. `plausible_low`..`plausible_high`: the missing improved at
    `PLAUSIBLE_FROM`..`PLAUSIBLE_TO` times the rate of those seen. `worst`: none of the missing improved; `best`: all did.
    All are None where too few people are missing or seen for it to be said; `assumption` then says why.
    """

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    observed: ReleasedShare
    plausible_low_percent: int | None
    plausible_high_percent: int | None
    worst_percent: int | None
    best_percent: int | None
    assumption: str


def release_missing(
    context: ReleasedContext,
    cells: Sequence[ShareCell],
    completeness: ReleasedShare,
    alike: str,
    policy: Policy,
) -> ReleasedMissing:
    """The band of the people in `cells` (those who began alike in one cell each; exact, never to be shown).

    Parameters
    ----------
    completeness : ReleasedShare
        Where it may not be told by group, how many are missing may not be told, and neither may the band.
    alike : str
        What people of one cell have in common, for the assumption; empty where there is one cell.

    Raises
    ------
    DisclosureRefused
        Fewer people were seen again than the threshold; or (shared mode) a cell tells of too few.
    """
    seen, responders = sum(cell.observed for cell in cells), sum(cell.responders for cell in cells)
    missing = sum(cell.missing for cell in cells)
    n = released_count(seen, policy)
    observed = released_share(responders, seen, policy)

    def without_band(reason: str) -> ReleasedMissing:
        return ReleasedMissing(context, n, completeness, observed, None, None, None, None, reason)

    if completeness == HIDDEN_BY_GROUP:
        return without_band("How many are missing can't be told here, so neither can how far they could move this.")
    if observed.percent is None:
        return without_band("Too few people improved, or did not, for a range.")
    if missing < policy.threshold:
        most = math.ceil(100 * policy.threshold / n)
        return without_band(
            f"Fewer than {policy.threshold} of those who started are missing; they could move this by {most} % at most."
        )
    band = share_band([_told(cell, policy) for cell in cells], difference=0.0)
    # `plausible` takes the missing as like the seen ones; at a part of their rate it lies that part of the way.
    low, high = (band.lowest + times * (band.plausible - band.lowest) for times in (PLAUSIBLE_FROM, PLAUSIBLE_TO))
    return ReleasedMissing(
        context=context,
        n=n,
        completeness=completeness,
        observed=observed,
        plausible_low_percent=round(100 * low),
        plausible_high_percent=round(100 * high),
        worst_percent=math.floor(100 * band.lowest + _ROUNDING),
        best_percent=math.ceil(100 * band.highest - _ROUNDING),
        assumption=_assumption(alike),
    )


def _told(cell: ShareCell, policy: Policy) -> ShareCell:
    """The cell as it may be told. People without a first score were never seen to improve or not."""
    if policy.mode == "own":
        return cell
    if not cell.observed:
        return ShareCell(cell.band, 0, 0, released_count(cell.missing, policy))
    responders, others = (released_count(each, policy) for each in (cell.responders, cell.observed - cell.responders))
    return ShareCell(cell.band, responders + others, responders, released_count(cell.missing, policy))


def _assumption(alike: str) -> str:
    those = f"those who came back with {alike}" if alike else "those who came back"
    return (
        f"Plausible means that the missing improved {PLAUSIBLE_FROM:g} to {PLAUSIBLE_TO:g} times as often as {those}. That "
        "is an assumption, no finding."
    )
