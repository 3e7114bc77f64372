"""Time to recovery as it may be shown: a curve in steps per group, with the number of people still followed.

In the shared mode times are merged before anything is worked out: neighbouring weeks become one step until every group
has `threshold` recoveries in it (of all ways the one that moves people least), and in the same way for the times at which
people were last seen. Each step stands at the middle week of everybody's events in it, its counts are rounded, and the curve is the Kaplan-Meier curve of those rounded
counts, so it tells nothing that they do not. Steps of groups are made of the steps of everybody, never the other way
round, so no difference of two curves is a small group either. (OpenSAFELY rounds its curves in the same spirit: a step
waits until enough events stand behind it.) In the own mode the curve is exact and ends where few people are still followed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import ReleasedContext, ReleasedShare, released_count, shown_count, sum_of
from kneewise.errors import DisclosureRefused
from kneewise.statistics.intervals import LEVEL
from kneewise.statistics.survival import RiskTable, SurvivalCurve, kaplan_meier, number_at_risk, risk_table_from_counts

DAYS_OF_WEEK = 7
AT_RISK_WEEKS = (0, 6, 12, 26, 52, 104, 156, 208, 260)
"""Weeks for which the number of people still followed is given, as far as the curve goes."""


@dataclass(frozen=True)
class ReleasedStep:
    """From this week on: whole percent recovered, with its interval."""

    week: float
    percent: int
    low_percent: int
    high_percent: int


@dataclass(frozen=True)
class ReleasedCurve:
    """One group's curve. `at_risk` is (week, people still followed and not recovered), None where too few.

    `n` is None, or `steps` are empty, where too few people stand behind them (own mode only).
    """

    label: str
    n: int | None
    steps: tuple[ReleasedStep, ...]
    at_risk: tuple[tuple[int, int | None], ...]
    median_weeks: float | None
    median_low_weeks: float | None
    median_high_weeks: float | None


@dataclass(frozen=True)
class ReleasedRecovery:
    """Time to the first score that reaches the important change, of those whose last score still does."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    important_change: float
    important_change_status: str
    method: str
    groups: tuple[ReleasedCurve, ...]


@dataclass(frozen=True)
class RecoveryCell:
    """One group as the store gives it, exact: per day since the first score, who recovered then and who was last seen."""

    days: tuple[int, ...]
    events: tuple[int, ...]
    censored: tuple[int, ...]


def release_recovery(
    context: ReleasedContext,
    cells: Mapping[str, RecoveryCell],
    shown: Sequence[str],
    completeness: ReleasedShare,
    important_change: tuple[float, str],
    policy: Policy,
) -> ReleasedRecovery:
    """The curves of the groups named in `shown`.

    Parameters
    ----------
    cells : mapping of group to its counts
        All groups of the split, whichever of them are shown: the steps are the same for all of them.

    Raises
    ------
    DisclosureRefused
        Too few people recovered, or did not, in a group (own mode: in the whole).
    """
    sizes = {label: sum(cells[label].events) + sum(cells[label].censored) for label in shown}
    if policy.mode == "own":
        curves = tuple(_own_curve(label, cells[label], policy) for label in shown)
    else:
        event_steps, censored_steps = shared_steps(cells, policy)
        curves = tuple(_shared_curve(label, cells[label], event_steps, censored_steps, policy) for label in shown)
    if not any(curve.steps for curve in curves):
        raise DisclosureRefused(_too_few(policy))
    method = (
        "Who slipped back by the last score counts as not recovered. Kaplan-Meier curve from the first score on, "
        f"{round(100 * LEVEL)} % interval on the log-log scale."
    )
    if policy.mode == "shared":
        method += f" Each step stands for {policy.threshold} recoveries or more, at the week in their middle; counts are rounded."
    return ReleasedRecovery(
        context=context,
        n=sum_of([curve.n for curve in curves], sum(sizes.values()), policy),
        completeness=completeness,
        important_change=important_change[0],
        important_change_status=important_change[1],
        method=method,
        groups=curves,
    )


@dataclass(frozen=True)
class Step:
    """Weeks `first` to `last` (both included) that are one step of every curve, and the week at which it stands."""

    first: int
    last: int
    week: int


def shared_steps(cells: Mapping[str, RecoveryCell], policy: Policy) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The steps of the shared mode, for recoveries and for being last seen: the same for every group.

    Raises
    ------
    DisclosureRefused
        Not even one step has enough people in every group.
    """
    weeks = max((week_of(max(cell.days)) for cell in cells.values() if cell.days), default=0)
    events = np.array([_by_week(cell.days, cell.events, weeks) for cell in cells.values()]).reshape(-1, weeks + 1)
    censored = np.array([_by_week(cell.days, cell.censored, weeks) for cell in cells.values()]).reshape(-1, weeks + 1)
    return _steps(events, policy), _steps(censored, policy)


def _steps(counts: np.ndarray, policy: Policy) -> tuple[Step, ...]:
    """Weeks (the columns) merged for everybody first, then those steps merged further for the groups (the rows)."""
    whole = counts.sum(axis=0)
    weeks = np.flatnonzero(whole)
    each_week = [(place, place) for place in range(len(weeks))]
    fine = _merged(whole[None, weeks], weeks, each_week, policy.threshold)
    merged = _merged(counts[:, weeks], weeks, fine, policy.threshold)
    if not merged:
        raise DisclosureRefused(_too_few(policy))
    # A step begins where the one before it ends: weeks without anybody belong to the next one, or to the last.
    ends = [int(weeks[last]) for _, last in merged[:-1]] + [len(whole) - 1]
    begins = [0, *(end + 1 for end in ends[:-1])]
    return tuple(
        Step(begin, end, _middle(weeks[first : last + 1], whole[weeks[first : last + 1]]))
        for begin, end, (first, last) in zip(begins, ends, merged, strict=True)
    )


def _middle(weeks: np.ndarray, counts: np.ndarray) -> int:
    """The week by which half of these people had come."""
    up_to = np.cumsum(counts)
    return int(weeks[np.searchsorted(up_to, up_to[-1] / 2)])


def _merged(
    counts: np.ndarray, weeks: np.ndarray, parts: Sequence[tuple[int, int]], threshold: int
) -> list[tuple[int, int]]:
    """Neighbouring `parts` (first and last place among `weeks`) put together until each has enough people in every row of
    `counts`: of all ways the one that moves people by the fewest weeks in all. Empty where there is none.
    """
    ends = [0, *(last + 1 for _, last in parts)]
    up_to = np.concatenate([np.zeros((len(counts), 1), dtype=np.int64), np.cumsum(counts, axis=1)], axis=1)[:, ends]
    whole = counts.sum(axis=0)
    # The least weeks moved when the first so many parts are done, and how many of them came before the last step.
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(ends)):
        enough = np.flatnonzero((up_to[:, [end]] - up_to[:, :end] >= threshold).all(axis=0))
        found = (math.inf, 0)
        for begin in enough[::-1].tolist():
            inside = slice(ends[begin], ends[end])
            moved = int((whole[inside] * np.abs(weeks[inside] - _middle(weeks[inside], whole[inside]))).sum())
            if moved >= found[0]:
                break  # an earlier begin moves as many people at least
            found = min(found, (best[begin][0] + moved, begin))
        best.append(found)
    if not math.isfinite(best[-1][0]) or len(ends) == 1:
        return []
    merged, end = [], len(ends) - 1
    while end:
        begin = best[end][1]
        merged.append((ends[begin], ends[end] - 1))
        end = begin
    return merged[::-1]


def _too_few(policy: Policy) -> str:
    return (
        f"Fewer than {policy.threshold} people of a group recovered, or were followed without recovery, so time to "
        "recovery is not shown."
    )


def week_of(day: int) -> int:
    """The week at whose end that day since the first score has come."""
    return math.ceil(day / DAYS_OF_WEEK)


def _by_week(days: Sequence[int], counts: Sequence[int], weeks: int) -> np.ndarray:
    by_week = np.zeros(weeks + 1, dtype=np.int64)
    np.add.at(by_week, [week_of(day) for day in days], np.asarray(counts, dtype=np.int64))
    return by_week


def _shared_curve(
    label: str, cell: RecoveryCell, event_steps: Sequence[Step], censored_steps: Sequence[Step], policy: Policy
) -> ReleasedCurve:
    weeks = max([step.last for step in (*event_steps, *censored_steps)])
    events, censored = _by_week(cell.days, cell.events, weeks), _by_week(cell.days, cell.censored, weeks)
    happened: dict[int, list[int]] = {}
    for place, (counts, steps) in enumerate(((events, event_steps), (censored, censored_steps))):
        for step, rounded in zip(steps, _rounded(counts, steps, policy), strict=True):
            happened.setdefault(step.week, [0, 0])[place] += rounded
    times = sorted(happened)
    table = risk_table_from_counts(times, [happened[time][0] for time in times], [happened[time][1] for time in times])
    # The total is the sum of the rounded parts.
    return _curve(label, table.people, table, policy, 0)


def _rounded(counts: np.ndarray, steps: Sequence[Step], policy: Policy) -> list[int]:
    """People in each step, as differences of rounded running totals, so that many steps don't add up their rounding."""
    exact = [int(counts[step.first : step.last + 1].sum()) for step in steps]
    for each in exact:
        released_count(each, policy)
    totals = [0, *(released_count(int(total), policy) for total in np.cumsum(exact))]
    return [after - before for before, after in itertools.pairwise(totals)]


def _own_curve(label: str, cell: RecoveryCell, policy: Policy) -> ReleasedCurve:
    recovered, others = sum(cell.events), sum(cell.censored)
    n = shown_count(recovered + others, policy)
    if n is None or min(recovered, others) < policy.threshold:
        return ReleasedCurve(label, n, (), (), None, None, None)
    happened = np.flatnonzero(np.asarray(cell.events) + np.asarray(cell.censored))
    order = happened[np.argsort(np.asarray(cell.days)[happened])]
    days, events, censored = (np.asarray(each)[order] for each in (cell.days, cell.events, cell.censored))
    table = risk_table_from_counts(days / DAYS_OF_WEEK, events, censored)
    return _curve(label, n, table, policy, 1)


def _curve(label: str, n: int, table: RiskTable, policy: Policy, decimals: int) -> ReleasedCurve:
    """The curve up to where enough people are still followed; its last point says how far that is."""
    curve = kaplan_meier(table)
    steps = [ReleasedStep(0, 0, 0, 0)]
    end = 0.0
    for place, time in enumerate(table.times):
        left = table.at_risk[place] - table.events[place]
        if table.at_risk[place] < policy.threshold or (table.events[place] and left < policy.threshold):
            break
        end = time
        if table.events[place]:
            steps.append(_step(curve, place, decimals))
    if end > steps[-1].week:
        last = steps[-1]
        steps.append(ReleasedStep(round(end, decimals), last.percent, last.low_percent, last.high_percent))
    weeks = [week for week in AT_RISK_WEEKS if week <= end]
    return ReleasedCurve(
        label=label,
        n=n,
        steps=tuple(steps),
        at_risk=tuple(
            (week, people if people >= policy.threshold else None)
            for week, people in zip(weeks, number_at_risk(table, weeks), strict=True)
        ),
        median_weeks=_weeks(curve.median, end, decimals),
        median_low_weeks=_weeks(curve.median_low, end, decimals),
        median_high_weeks=_weeks(curve.median_high, end, decimals),
    )


def _step(curve: SurvivalCurve, place: int, decimals: int) -> ReleasedStep:
    return ReleasedStep(
        week=round(curve.table.times[place], decimals),
        percent=round(100 * (1 - curve.survival[place])),
        low_percent=math.floor(100 * (1 - curve.high[place])),
        high_percent=math.ceil(100 * (1 - curve.low[place])),
    )


def _weeks(time: float | None, end: float, decimals: int) -> float | None:
    """A time of the curve; None where it is not reached while enough people are followed."""
    return None if time is None or time > end else round(time, decimals)
