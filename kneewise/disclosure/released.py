"""What may be drawn, shown or downloaded. The types here are made in this module only; figures take nothing else.

In the shared mode every released count is rounded, every share is a whole percentage of rounded counts, no minimum,
maximum or single person's value is in them. The makers check each cell once more and refuse it, whatever the caller has
merged before. In the own mode counts are exact and a small cell stands without numbers (None).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kneewise.disclosure.grouping import round_count
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
    only: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    policy: str
    control_note: str = NO_CONTROL
    mode: str = "shared"
    mode_note: str = ""
    """What must stand at the top of whatever shows or keeps the answer; empty in the shared mode."""


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
    """One visit's scores: `n` people (rounded), quartiles where enough people allow them.

    In the shared mode `n` is told of everybody together only (None for groups and filters), and a visit that almost
    everybody came to counts as everybody.
    """

    label: str
    from_day: int
    to_day: int
    n: int | None
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None


@dataclass(frozen=True)
class ReleasedTrendGroup:
    """A group's scores over its visits. `n` is None (and nothing is told) where too few people stand behind it."""

    label: str
    n: int | None
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
    """A group's change from first to last score; the interval is of the mean.

    All numbers are None where too few people stand behind the group (own mode only; in the shared mode it is merged).
    """

    label: str
    n: int | None
    completeness: ReleasedShare
    mean_first: float | None
    mean_last: float | None
    mean_change: float | None
    low: float | None
    high: float | None
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
    """People (rounded) whose change is at least `low` and below `high`; None is an open end. `n` None: too few."""

    low: float | None
    high: float | None
    n: int | None
    better: bool | None
    """True: every change in the bin is for the better; False: for the worse; None: it holds no change or both."""


@dataclass(frozen=True)
class ReleasedDistributionGroup:
    """A group's changes, in bins."""

    label: str
    n: int | None
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
    n: int | None
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
    """A value that may be chosen as group or filter, with its rounded number of episodes.

    `n` is None where the number would give away how few have no score or no later one.
    """

    value: str
    n: int | None


@dataclass(frozen=True)
class ReleasedChoices:
    """What can be asked of a source: instruments, and the values of each grid attribute."""

    source: str
    source_label: str
    synthetic: bool
    version: str
    instruments: tuple[str, ...]
    attributes: tuple[tuple[str, tuple[ReleasedChoice, ...]], ...]
    tables: tuple[tuple[str, ...], ...] = ()
    """Which attributes may be asked for together; empty where any may."""
    mode: str = "shared"
    mode_note: str = ""


TOO_FEW = ReleasedShare(None, None, None, None, None, "not shown (too few people)")
HIDDEN_BY_GROUP = ReleasedShare(None, None, None, None, None, "not shown by group (too few people are missing in one)")
"""What stands for a completeness that can't be told of every group: one hidden share could be had by subtraction."""


def released_count(count: int, policy: Policy) -> int:
    """The rounded count. Raises DisclosureRefused below the threshold."""
    count = int(count)
    rounded = round_count(count, policy.redact_up_to, policy.round_to)
    if count < policy.threshold or rounded is None:
        raise DisclosureRefused(f"Fewer than {policy.threshold} people stand behind this number, so it is not shown.")
    return rounded


def count_beside(count: int, beside: Sequence[int], policy: Policy) -> tuple[int, int]:
    """The rounded count of people of whom, or among whom, other told groups lie as a whole; and how far off it may be more.

    Two such counts five apart prove a difference of one to nine people. So where the rounded count is within one step of that
    of another group, the other's is told, and one step as what it may be off; of the first one where that is so of several.
    Raises as `released_count`.

    Parameters
    ----------
    beside : sequence of int
        The exact counts of these groups; one below the threshold is told nowhere.
    """
    rounded = released_count(count, policy)
    told = (released_count(other, policy) for other in beside if other >= policy.threshold)
    near = next((other for other in told if abs(other - rounded) <= policy.round_to), None)
    return (rounded, 0) if near is None else (near, policy.round_to)


def shown_count(count: int, policy: Policy) -> int | None:
    """The count as the mode shows it: None for a small one in the own mode. Raises DisclosureRefused in the shared mode."""
    if policy.mode == "own" and count < policy.threshold:
        return None
    return released_count(count, policy)


def sum_of(shown: Sequence[int | None], whole: int, policy: Policy) -> int:
    """The total of an answer: of rounded groups their sum, in the own mode the exact whole (refused where it is small)."""
    return released_count(whole, policy) if policy.mode == "own" else sum(n for n in shown if n is not None)


def released_share(count: int, n: int, policy: Policy, *, whole_is_told: bool = True) -> ReleasedShare:
    """A share of rounded counts; only a bound where the numerator or its complement is small (0 % and 100 % too).

    Parameters
    ----------
    whole_is_told : bool
        Whether `n` is told elsewhere too. Then a bound is worked out from `n` alone. Else, as with people who have any
        score beside those who have two, it is worked out from `count` alone, which is what is told. A bound that rested on
        the other number would give away their difference.

    Raises
    ------
    DisclosureRefused
        The whole itself is below the threshold (in the own mode it is "not shown").
    """
    rounded_n = shown_count(n, policy)
    if rounded_n is None:
        return TOO_FEW
    if count < policy.threshold and n - count < policy.threshold:
        return TOO_FEW
    if count < policy.threshold:
        bound = min(100, math.ceil(100 * policy.threshold / rounded_n))
        return ReleasedShare(None, None, None, None, None, f"fewer than {bound} %")
    if n - count < policy.threshold:
        told = rounded_n if whole_is_told else released_count(count, policy) + policy.threshold
        bound = math.floor(100 * (told - policy.threshold) / told)
        return ReleasedShare(None, None, None, None, None, f"more than {bound} %" if bound else TOO_FEW.text)
    return share_of(released_count(count, policy), rounded_n)


def share_of(rounded: int, rounded_n: int, off: tuple[int, int] = (0, 0)) -> ReleasedShare:
    """The share of two counts that may be told as they are; its range holds what they may be `off`."""
    interval = wilson_interval(min(rounded, rounded_n), rounded_n)
    low, high = interval, interval
    if any(off):
        fewest, most = max(0, rounded - off[0]), rounded + off[0]
        low = wilson_interval(min(fewest, rounded_n), rounded_n + off[1])
        high = wilson_interval(min(most, rounded_n - off[1]), rounded_n - off[1])
    return ReleasedShare(
        count=rounded,
        n=rounded_n,
        percent=round(100 * interval.value),
        low_percent=math.floor(100 * low.low),
        high_percent=math.ceil(100 * high.high),
        text=f"{round(100 * interval.value)} % ({rounded} of {rounded_n})",
    )


def _quartiles(
    n: int, values: Sequence[float], decimals: int, policy: Policy
) -> tuple[float | None, float | None, float | None]:
    if n < policy.threshold:
        return None, None, None
    lower, median, upper = (round(float(value), decimals) for value in values)
    wide = n >= policy.quartiles_from
    return (lower if wide else None, median if n >= policy.median_from else None, upper if wide else None)


def _decimals(context: ReleasedContext, policy: Policy) -> int:
    return policy.decimals_for(context.maximum - context.minimum)


@dataclass(frozen=True)
class VisitCell:
    """One visit of one group as the store gives it. Exact, so never to be shown.

    `told` is the number of people to release, None where it may not be told. `enough_for` is the number of people that the
    quartiles are released for: no more than stand behind them.
    """

    label: str
    from_day: int
    to_day: int
    told: int | None
    enough_for: int
    quartiles: Sequence[float]


def release_trend(
    context: ReleasedContext,
    groups: Mapping[str, Sequence[VisitCell]],
    sizes: Mapping[str, int],
    completeness: tuple[ReleasedShare, Mapping[str, ReleasedShare]],
    policy: Policy,
) -> ReleasedTrend:
    """Score over time, from each group's visits and people with two scores."""
    decimals = _decimals(context, policy)
    made = []
    for label, visits in groups.items():
        n = shown_count(sizes[label], policy)
        shown = tuple(
            ReleasedVisit(
                visit.label,
                visit.from_day,
                visit.to_day,
                None if visit.told is None else shown_count(visit.told, policy),
                *_quartiles(visit.enough_for, visit.quartiles, decimals, policy),
            )
            for visit in visits
        )
        made.append(ReleasedTrendGroup(label, n, completeness[1][label], shown))
    total = sum_of([group.n for group in made], sum(sizes.values()), policy)
    return ReleasedTrend(context, total, completeness[0], tuple(made))


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
        n = shown_count(cell.pairs, policy)
        if n is None:
            made.append(ReleasedChangeGroup(cell.label, None, completeness[1][cell.label], *(None,) * 8))
            continue
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
    total = sum_of([group.n for group in made], sum(cell.pairs for cell in cells), policy)
    return ReleasedChange(context, total, completeness[0], tuple(made))


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
            n=shown_count(cell.pairs, policy),
            completeness=completeness[1][cell.label],
            share=released_share(cell.responders, cell.pairs, policy),
        )
        for cell in cells
    )
    if policy.mode == "shared" and len(made) > 1 and any(group.share.percent is None for group in made):
        raise DisclosureRefused("One group's share rests on too few people, so the groups are not shown.")
    total = sum_of([group.n for group in made], sum(cell.pairs for cell in cells), policy)
    return ReleasedResponders(context, total, completeness[0], *important_change, made)


def release_distribution(
    context: ReleasedContext,
    edges: Sequence[float],
    bins: Sequence[tuple[int, int]],
    counts: Mapping[str, Sequence[int]],
    completeness: ReleasedShare,
    policy: Policy,
) -> ReleasedDistribution:
    """Distribution of change in the given bins, the same for every group.

    Parameters
    ----------
    edges : sequence of float
        Ends of the fine bins; the outermost are the scale's own ends.
    bins : sequence of (first, last)
        Which fine bins are one bin together, both ends included.
    counts : mapping of group to people per fine bin

    Raises
    ------
    DisclosureRefused
        There are too few bins to say anything, or a bin of a group holds too few people.
    """
    if len(bins) < policy.minimum_bins:
        raise DisclosureRefused("Too few people changed by different amounts for a distribution, so none is shown.")
    sign = 1 if context.higher_is_better else -1
    groups = []
    for label, inside in counts.items():
        made = []
        for first, last in bins:
            low = None if first == 0 else float(edges[first])
            high = None if last == len(edges) - 2 else float(edges[last + 1])
            gains = sorted((sign * edges[first], sign * edges[last + 1]))
            # A bin is [low, high): a change of nought lies in the bin that begins with it.
            nothing_in_it = edges[first] <= 0 < edges[last + 1]
            better = None if nothing_in_it else gains[0] >= 0
            made.append(ReleasedBin(low, high, shown_count(sum(inside[first : last + 1]), policy), better))
        whole = int(sum(inside))
        n = sum(part.n for part in made) if policy.mode == "shared" else shown_count(whole, policy)
        groups.append(ReleasedDistributionGroup(label, n, tuple(made)))
    total = sum_of([group.n for group in groups], sum(int(sum(inside)) for inside in counts.values()), policy)
    return ReleasedDistribution(context, total, completeness, tuple(groups))


def release_choices(
    info: tuple[str, str, bool, str],
    instruments: Sequence[str],
    attributes: Mapping[str, Mapping[str, int | None]],
    policy: Policy,
) -> ReleasedChoices:
    """What can be asked of a source, from (source, its label, synthetic, version).

    Values of fewer people than the threshold must be merged before; a number that may not be told is None.
    """
    return ReleasedChoices(
        *info,
        instruments=tuple(instruments),
        attributes=tuple(
            (
                name,
                tuple(
                    ReleasedChoice(value, None if n is None else shown_count(n, policy)) for value, n in values.items()
                ),
            )
            for name, values in attributes.items()
        ),
        tables=tuple(map(policy.with_wholes, policy.tables)),
        mode=policy.mode,
        mode_note=policy.mode_note,
    )
