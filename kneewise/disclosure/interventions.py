"""What went with each treatment, beside what else differs between the people who had it. Described, never as effect."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import (
    TOO_FEW,
    ReleasedContext,
    ReleasedShare,
    released_share,
    shown_count,
    sum_of,
)
from kneewise.errors import DisclosureRefused

DIFFERENT = 0.1
"""Groups that differ by more than this many standard deviations are said to differ at the start.

Source: Austin PC, Stat Med 2009;28:3083-3107 (a standardised difference below 0.1 is taken as negligible).
"""
NOT_TOGETHER = ReleasedShare(None, None, None, None, None, "not shown together with treatment")
NOT_RECORDED = ReleasedShare(None, None, None, None, None, "not recorded")


@dataclass(frozen=True)
class ReleasedTreatment:
    """The people who had one treatment: how many improved, and how they differed at the start.

    `n` and `mean_first` are None where too few people stand behind them (own mode only; in the shared mode they are merged).
    """

    label: str
    n: int | None
    completeness: ReleasedShare
    share: ReleasedShare
    mean_first: float | None
    long_duration: ReleasedShare
    """Share whose symptoms had lasted longest (`long_duration_name`)."""
    ages: tuple[tuple[str, ReleasedShare], ...] = ()
    """Share of each age band; empty where age and treatment are not shown together."""


@dataclass(frozen=True)
class ReleasedInterventions:
    """Treatments side by side. `differs` names what differed at the start, as sentences."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    important_change: float
    important_change_status: str
    long_duration_name: str
    differs: tuple[str, ...]
    groups: tuple[ReleasedTreatment, ...]


@dataclass(frozen=True)
class TreatmentCell:
    """One treatment as the store gives it. Exact, so never to be shown. All of them have a first and a later score.

    `long_duration` and `ages` are None where they may not be told together with treatment.
    """

    label: str
    pairs: int
    responders: int
    first_sum: float
    first_squares: float
    long_duration: int | None
    ages: Mapping[str, int] | None


def release_interventions(
    context: ReleasedContext,
    cells: Sequence[TreatmentCell],
    completeness: tuple[ReleasedShare, Mapping[str, ReleasedShare]],
    important_change: tuple[float, str],
    long_duration_name: str,
    policy: Policy,
) -> ReleasedInterventions:
    """Treatments side by side, by name.

    Raises
    ------
    DisclosureRefused
        Fewer people than the threshold stand behind a treatment or one of its shares (own mode: behind the whole).
    """
    decimals = policy.decimals_for(context.maximum - context.minimum)
    made = []
    for cell in cells:
        n = shown_count(cell.pairs, policy)
        if n is None:
            made.append(ReleasedTreatment(cell.label, None, completeness[1][cell.label], TOO_FEW, None, TOO_FEW))
            continue
        share = released_share(cell.responders, cell.pairs, policy)
        if policy.mode == "shared" and len(cells) > 1 and share.percent is None:
            raise DisclosureRefused("One treatment's share rests on too few people, so treatments are not shown.")
        made.append(
            ReleasedTreatment(
                label=cell.label,
                n=n,
                completeness=completeness[1][cell.label],
                share=share,
                mean_first=round(cell.first_sum / cell.pairs, decimals),
                long_duration=_long(cell, long_duration_name, policy),
                ages=tuple(
                    (band, released_share(count, cell.pairs, policy)) for band, count in (cell.ages or {}).items()
                ),
            )
        )
    return ReleasedInterventions(
        context=context,
        n=sum_of([each.n for each in made], sum(cell.pairs for cell in cells), policy),
        completeness=completeness[0],
        important_change=important_change[0],
        important_change_status=important_change[1],
        long_duration_name=long_duration_name,
        differs=_differences(cells, made, long_duration_name, context.instrument_name),
        groups=tuple(made),
    )


def _long(cell: TreatmentCell, name: str, policy: Policy) -> ReleasedShare:
    if not name:
        return NOT_RECORDED
    return NOT_TOGETHER if cell.long_duration is None else released_share(cell.long_duration, cell.pairs, policy)


def _differences(
    cells: Sequence[TreatmentCell], made: Sequence[ReleasedTreatment], long_name: str, instrument: str
) -> tuple[str, ...]:
    """What differs by more than a tenth of a standard deviation, said in released numbers."""
    told = [(cell, each) for cell, each in zip(cells, made, strict=True) if each.n is not None]
    if len(told) < 2:
        return ()
    found = []
    spread = math.sqrt(sum(_variance(cell) for cell, _ in told) / len(told))
    low, high = (pick(told, key=lambda pair: pair[1].mean_first) for pick in (min, max))
    if spread > 0 and (high[1].mean_first - low[1].mean_first) / spread > DIFFERENT:
        found.append(
            f"The mean first score ({instrument}) was {low[1].mean_first:g} with {low[1].label} and "
            f"{high[1].mean_first:g} with {high[1].label}."
        )
    shares = [each for _, each in told if each.long_duration.percent is not None]
    if len(shares) > 1:
        low, high = (pick(shares, key=lambda each: each.long_duration.percent) for pick in (min, max))
        if _standardised(high.long_duration.percent / 100, low.long_duration.percent / 100) > DIFFERENT:
            found.append(
                f"Symptoms had lasted {long_name} in {low.long_duration.percent} % with {low.label} and in "
                f"{high.long_duration.percent} % with {high.label}."
            )
    for band in dict.fromkeys(band for _, each in told for band, share in each.ages if share.percent is not None):
        by_band = [(each.label, dict(each.ages)[band].percent) for _, each in told if band in dict(each.ages)]
        known = [(label, percent) for label, percent in by_band if percent is not None]
        low, high = (pick(known, key=lambda pair: pair[1]) for pick in (min, max))
        if _standardised(high[1] / 100, low[1] / 100) > DIFFERENT:
            found.append(f"Aged {band} were {low[1]} % with {low[0]} and {high[1]} % with {high[0]}.")
    return tuple(found)


def _variance(cell: TreatmentCell) -> float:
    mean = cell.first_sum / cell.pairs
    return max(0.0, cell.first_squares / cell.pairs - mean * mean)


def _standardised(one: float, other: float) -> float:
    """How many standard deviations two shares differ by."""
    spread = math.sqrt((one * (1 - one) + other * (1 - other)) / 2)
    return (one - other) / spread if spread > 0 else 0.0
