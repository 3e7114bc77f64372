"""What may be drawn, shown or downloaded. The types here are made in this module only; figures take nothing else.

Every released count is rounded, every share is a whole percentage of rounded counts, no minimum, maximum or single
person's value is in them. The makers check each cell once more and refuse it, whatever the caller has merged before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kneewise.disclosure.grouping import merge_bins, round_count
from kneewise.disclosure.policy import Policy
from kneewise.errors import DisclosureRefused
from kneewise.statistics.intervals import mean_interval, wilson_interval

NO_CONTROL = "There is no control group: people may have got better without treatment."


@dataclass(frozen=True)
class ReleasedContext:
    """What every released answer says of itself."""

    instrument: str
    instrument_name: str
    minimum: float
    maximum: float
    higher_is_better: bool
    direction: str
    source: str
    source_label: str
    population: str
    attribution: str
    day_note: str
    synthetic: bool
    version: str
    group_by: str | None
    only: tuple[str, str] | None
    notes: tuple[str, ...]
    policy: str
    control_note: str = NO_CONTROL


@dataclass(frozen=True)
class ReleasedShare:
    """A share. `count`, `n`, `percent`, `low`, `high` are None where only a bound may be said; `text` always says it."""

    count: int | None
    n: int | None
    percent: int | None
    low_percent: int | None
    high_percent: int | None
    text: str


@dataclass(frozen=True)
class ReleasedVisit:
    """One visit's scores: `n` people (rounded), quartiles where enough people allow them."""

    label: str
    from_day: int
    to_day: int
    n: int
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None


@dataclass(frozen=True)
class ReleasedTrendGroup:
    """A group's scores over its visits."""

    label: str
    n: int
    completeness: ReleasedShare
    visits: tuple[ReleasedVisit, ...]


@dataclass(frozen=True)
class ReleasedTrend:
    """Score over time. `n` is the sum of the groups' rounded counts."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    groups: tuple[ReleasedTrendGroup, ...]


@dataclass(frozen=True)
class ReleasedChangeGroup:
    """A group's change from first to last score; the interval is of the mean."""

    label: str
    n: int
    completeness: ReleasedShare
    mean_first: float
    mean_last: float
    mean_change: float
    low: float
    high: float
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None


@dataclass(frozen=True)
class ReleasedChange:
    """Change from first to last score."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    groups: tuple[ReleasedChangeGroup, ...]


@dataclass(frozen=True)
class ReleasedBin:
    """People (rounded) whose change is at least `low` and below `high`; None is an open end."""

    low: float | None
    high: float | None
    n: int
    better: bool | None
    """True: every change in the bin is for the better; False: for the worse; None: it holds no change or both."""


@dataclass(frozen=True)
class ReleasedDistributionGroup:
    """A group's changes, in bins."""

    label: str
    n: int
    bins: tuple[ReleasedBin, ...]


@dataclass(frozen=True)
class ReleasedDistribution:
    """Distribution of the change from first to last score."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    groups: tuple[ReleasedDistributionGroup, ...]


@dataclass(frozen=True)
class ReleasedResponderGroup:
    """A group's share of people who improved by the important change or more."""

    label: str
    n: int
    completeness: ReleasedShare
    share: ReleasedShare


@dataclass(frozen=True)
class ReleasedResponders:
    """Responder share against the instrument's important change."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    important_change: float
    important_change_status: str
    important_change_source: str
    groups: tuple[ReleasedResponderGroup, ...]


@dataclass(frozen=True)
class ReleasedChoice:
    """A value that may be chosen as group or filter, with its rounded number of episodes."""

    value: str
    n: int


@dataclass(frozen=True)
class ReleasedChoices:
    """What can be asked of a source: instruments, and the values of each grid attribute."""

    source: str
    source_label: str
    synthetic: bool
    version: str
    instruments: tuple[str, ...]
    attributes: tuple[tuple[str, tuple[ReleasedChoice, ...]], ...]


def released_count(count: int, policy: Policy) -> int:
    """The rounded count. Raises DisclosureRefused below the threshold."""
    count = int(count)
    rounded = round_count(count, policy.redact_up_to, policy.round_to)
    if count < policy.threshold or rounded is None:
        raise DisclosureRefused(f"Fewer than {policy.threshold} people stand behind this number, so it is not shown.")
    return rounded


def released_share(count: int, n: int, policy: Policy) -> ReleasedShare:
    """A share of rounded counts; only a bound where the numerator or its complement is small (0 % and 100 % too).

    Raises
    ------
    DisclosureRefused
        The whole itself is below the threshold.
    """
    rounded_n = released_count(n, policy)
    if count < policy.threshold and n - count < policy.threshold:
        return ReleasedShare(None, None, None, None, None, "not shown (too few people)")
    if count < policy.threshold:
        bound = min(100, math.ceil(100 * policy.threshold / rounded_n))
        return ReleasedShare(None, None, None, None, None, f"fewer than {bound} %")
    if n - count < policy.threshold:
        # Computed from the shown part alone, so that the whole can't be had from the bound.
        rounded = released_count(count, policy)
        bound = math.floor(100 * rounded / (rounded + policy.threshold))
        return ReleasedShare(None, None, None, None, None, f"more than {bound} %")
    rounded = released_count(count, policy)
    interval = wilson_interval(min(rounded, rounded_n), rounded_n)
    return ReleasedShare(
        count=rounded,
        n=rounded_n,
        percent=round(100 * interval.value),
        low_percent=math.floor(100 * interval.low),
        high_percent=math.ceil(100 * interval.high),
        text=f"{round(100 * interval.value)} % ({rounded} of {rounded_n})",
    )


def release_completeness(
    cells: Mapping[str, tuple[int, int]], whole: tuple[int, int], policy: Policy
) -> tuple[ReleasedShare, dict[str, ReleasedShare]]:
    """How many people with any score have a first and a later one: for the whole, and per group.

    Groups get their own share only when the share of every cell in `cells` may be shown; else all get the bound of
    none, because one hidden share could be had from the whole by subtraction.

    Parameters
    ----------
    cells : mapping of cell name to (pairs, people with any score)
    whole : (pairs, people with any score)
    """
    of_whole = released_share(*whole, policy)
    if all(min(pairs, people - pairs) >= policy.threshold for pairs, people in cells.values()):
        return of_whole, {name: released_share(*cell, policy) for name, cell in cells.items()}
    hidden = ReleasedShare(None, None, None, None, None, "not shown by group (too few people are missing in one)")
    return of_whole, dict.fromkeys(cells, hidden)


def _quartiles(
    n: int, values: Sequence[float], decimals: int, policy: Policy
) -> tuple[float | None, float | None, float | None]:
    lower, median, upper = (round(float(value), decimals) for value in values)
    wide = n >= policy.quartiles_from
    return (lower if wide else None, median if n >= policy.median_from else None, upper if wide else None)


def _decimals(context: ReleasedContext, policy: Policy) -> int:
    return policy.decimals_for(context.maximum - context.minimum)


def release_trend(
    context: ReleasedContext,
    groups: Mapping[str, Sequence[tuple[str, int, int, int, Sequence[float]]]],
    sizes: Mapping[str, int],
    completeness: tuple[ReleasedShare, Mapping[str, ReleasedShare]],
    policy: Policy,
) -> ReleasedTrend:
    """Score over time, from per group a sequence of (visit, from_day, to_day, people, quartiles)."""
    decimals = _decimals(context, policy)
    made = tuple(
        ReleasedTrendGroup(
            label=label,
            n=released_count(sizes[label], policy),
            completeness=completeness[1][label],
            visits=tuple(
                ReleasedVisit(name, start, end, released_count(n, policy), *_quartiles(n, values, decimals, policy))
                for name, start, end, n, values in visits
            ),
        )
        for label, visits in groups.items()
    )
    return ReleasedTrend(context, sum(group.n for group in made), completeness[0], made)


@dataclass(frozen=True)
class ChangeCell:
    """Counts and sums of one group, as the store gives them. Exact, so never to be shown."""

    label: str
    pairs: int
    responders: int
    change_sum: float
    change_squares: float
    first_sum: float
    last_sum: float
    quartiles: tuple[float, float, float]


def release_change(
    context: ReleasedContext,
    cells: Sequence[ChangeCell],
    completeness: tuple[ReleasedShare, Mapping[str, ReleasedShare]],
    policy: Policy,
) -> ReleasedChange:
    """Change from first to last score."""
    decimals = _decimals(context, policy)
    made = []
    for cell in cells:
        n = released_count(cell.pairs, policy)
        mean = mean_interval(cell.pairs, cell.change_sum, cell.change_squares)
        lower, median, upper = _quartiles(cell.pairs, cell.quartiles, decimals, policy)
        made.append(
            ReleasedChangeGroup(
                label=cell.label,
                n=n,
                completeness=completeness[1][cell.label],
                mean_first=round(cell.first_sum / cell.pairs, decimals),
                mean_last=round(cell.last_sum / cell.pairs, decimals),
                mean_change=round(mean.value, decimals),
                low=round(mean.low, decimals),
                high=round(mean.high, decimals),
                lower_quartile=lower,
                median=median,
                upper_quartile=upper,
            )
        )
    return ReleasedChange(context, sum(group.n for group in made), completeness[0], tuple(made))


def release_responders(
    context: ReleasedContext,
    cells: Sequence[ChangeCell],
    completeness: tuple[ReleasedShare, Mapping[str, ReleasedShare]],
    important_change: tuple[float, str, str],
    policy: Policy,
) -> ReleasedResponders:
    """Responder share, with (important change, its status, its source)."""
    made = tuple(
        ReleasedResponderGroup(
            label=cell.label,
            n=released_count(cell.pairs, policy),
            completeness=completeness[1][cell.label],
            share=released_share(cell.responders, cell.pairs, policy),
        )
        for cell in cells
    )
    if len(made) > 1 and any(group.share.percent is None for group in made):
        raise DisclosureRefused("One group's share rests on too few people, so the groups are not shown.")
    return ReleasedResponders(context, sum(group.n for group in made), completeness[0], *important_change, made)


def release_distribution(
    context: ReleasedContext,
    edges: Sequence[float],
    counts: Mapping[str, Sequence[int]],
    shown: Sequence[str],
    completeness: ReleasedShare,
    policy: Policy,
) -> ReleasedDistribution:
    """Distribution of change, with neighbouring bins merged until each holds enough people in every cell of `counts`.

    Parameters
    ----------
    edges : sequence of float
        Ends of the fine bins; the outermost are the scale's own ends.
    counts : mapping of cell name to people per fine bin
    shown : sequence of str
        The cells to release; the others count for the bins only.

    Raises
    ------
    DisclosureRefused
        Too few bins are left to say anything.
    """
    bins = merge_bins(np.array(list(counts.values())), policy.threshold)
    if len(bins) < policy.minimum_bins:
        raise DisclosureRefused("Too few people changed by different amounts for a distribution, so none is shown.")
    sign = 1 if context.higher_is_better else -1
    groups = []
    for label in shown:
        made = []
        for first, last in bins:
            low = None if first == 0 else float(edges[first])
            high = None if last == len(edges) - 2 else float(edges[last + 1])
            gains = sorted((sign * edges[first], sign * edges[last + 1]))
            # A bin is [low, high): a change of nought lies in the bin that begins with it.
            nothing_in_it = edges[first] <= 0 < edges[last + 1]
            better = None if nothing_in_it else gains[0] >= 0
            made.append(ReleasedBin(low, high, released_count(sum(counts[label][first : last + 1]), policy), better))
        groups.append(ReleasedDistributionGroup(label, sum(part.n for part in made), tuple(made)))
    return ReleasedDistribution(context, sum(group.n for group in groups), completeness, tuple(groups))


def release_choices(
    source: str,
    source_label: str,
    synthetic: bool,
    version: str,
    instruments: Sequence[str],
    attributes: Mapping[str, Mapping[str, int]],
    policy: Policy,
) -> ReleasedChoices:
    """What can be asked. Values of fewer people than the threshold must be merged before."""
    return ReleasedChoices(
        source,
        source_label,
        synthetic,
        version,
        tuple(instruments),
        tuple(
            (name, tuple(ReleasedChoice(value, released_count(n, policy)) for value, n in values.items()))
            for name, values in attributes.items()
        ),
    )
