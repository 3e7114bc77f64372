"""A measure over time: shares, mean change, completeness or new episodes per period, on a control chart.

Quarters in the shared mode (of whole periods only), months in the own mode where they are recorded; where neither is, years.
Periods whose people's follow-up is still open are immature: they are drawn, and count for nothing.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from kneewise.disclosure.control_chart import (
    LEAST_POINTS,
    MEASURES,
    Measure,
    Period,
    PeriodCell,
    ReleasedControlChart,
    release_control_chart,
)
from kneewise.disclosure.grouping import NOT_RECORDED, Grouping, merge_bins
from kneewise.disclosure.policy import Policy
from kneewise.errors import DisclosureRefused, KneewiseError, StoreError
from kneewise.outcomes import more_questions, questions
from kneewise.outcomes.asking import (
    ATTRIBUTE_NAMES,
    Asked,
    Question,
    check_question,
    checked_plan,
    completeness_of,
    context_of,
    may_tell_missing,
    missing_counts,
    plan_pairs,
    plan_responders,
    remembered,
)
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.store import Store
from kneewise.statistics.control_charts import ChartRefused

PERIODS: dict[str, Period] = {"start_month": "month", "start_quarter": "quarter", "start_year": "year"}
MEASURE_NAMES: dict[Measure, str] = {
    "improved": "Share who improved by what matters",
    "change": "Mean change",
    "completeness": "Completeness",
    "episodes": "New episodes",
}
MOSTLY_KNOWN = 0.9
"""A period is used that is recorded of this share of the episodes."""
MOSTLY_SHOWN = 0.5
"""The finest period is used of which this share of the points may be shown; else the one of which most may."""
_OF_YEAR = {"month": 12, "quarter": 4, "year": 1}
_FROM_TO = " to "


@remembered
def answer_over_time(
    store: Store,
    question: Question,
    instruments: Instruments,
    policy: Policy | None = None,
    *,
    measure: Measure,
    target: float | None = None,
    rebase: tuple[tuple[str, str], ...] = (),
) -> ReleasedControlChart:
    """Released control chart of a measure over the periods in which people started.

    Parameters
    ----------
    question : Question
        `only` says whom it is about; `group_by` must be None, since periods are the split.
    measure : "improved", "change", "completeness" or "episodes"
        Share (percent) who improved by the important change; mean change (points); share (percent) with a first and a later
        score; people who started and have any score of the instrument (people per period).
    target : float
        In the unit of the measure.
    rebase : tuple of (label of a period, reason)
        Where new limits begin, and what changed then.

    Raises
    ------
    StoreError
        No such source, instrument or measure; or "improved" is asked and no important change is known.
    DisclosureRefused
        Periods and filters are not shown together, fewer than two periods can be shown, or one rests on too few people.
    ChartRefused
        The target or the new limits don't fit.
    """
    if measure not in MEASURES:
        raise StoreError(f"There is no measure '{measure}' over time; there are: {', '.join(MEASURES)}.")
    if question.group_by:
        raise DisclosureRefused("Over time one group is shown at a time; filter by a group instead of splitting by it.")
    asked = check_question(store, question, instruments, policy)
    if measure == "improved" and asked.scale.important_change is None:
        raise StoreError(f"No important change of {asked.scale.name} is known, so nobody can be said to have improved.")
    charts: list[ReleasedControlChart] = []
    refusals: list[KneewiseError] = []
    for name in _periods(asked):
        split = dataclasses.replace(question, group_by=name)
        try:
            chart = _chart(check_question(store, split, instruments, policy), question, measure, target, rebase)
        except (DisclosureRefused, ChartRefused) as refusal:
            refusals.append(refusal)
            continue
        charts.append(chart)
        if _share_shown(chart) >= MOSTLY_SHOWN:
            break
    if not charts:
        raise refusals[0]
    return max(charts, key=_share_shown)


def _share_shown(chart: ReleasedControlChart) -> float:
    return sum(not point.hidden for point in chart.points) / len(chart.points)


def _chart(
    asked: Asked, question: Question, measure: Measure, target: float | None, rebase: tuple[tuple[str, str], ...]
) -> ReleasedControlChart:
    """The chart by one kind of period; `question` is the one that was asked, without that split."""
    period = PERIODS[asked.question.group_by]
    axes, _, notes = checked_plan(asked, _grouping(asked, measure))
    cells = questions.change_cells(asked.store, asked.info, asked.scale, axes)
    labels = dict(axes.first_labels or {value: value for value in cells["first_axis"]})
    return release_control_chart(
        context_of(dataclasses.replace(asked, question=question), notes),
        completeness_of(asked, cells)[0],
        _period_cells(asked, cells, labels, measure, period),
        measure=measure,
        measure_name=MEASURE_NAMES[measure],
        period=period,
        target=target,
        rebases=rebase,
        warnings=_warnings(asked, cells, labels, measure, period),
        policy=asked.policy,
    )


def _periods(asked: Asked) -> list[str]:
    """The kinds of period that are recorded and may be shown with the filters, the finest first.

    Where none may be shown, one is given all the same: it is refused with the sentence that says why.
    """
    filters = tuple(name for name, _ in asked.question.only)
    known = [name for name in PERIODS if name in asked.policy.grid and name not in filters]
    allowed = [name for name in known if asked.is_own or asked.policy.table_of((name, *filters)) is not None]
    shares = more_questions.recorded_starts(asked.store, asked.info)
    recorded = [name for name in allowed if shares[name] >= MOSTLY_KNOWN]
    if allowed and not recorded:
        raise DisclosureRefused("These records don't say when most people started, so nothing can be shown over time.")
    if not known:
        raise DisclosureRefused("One period is asked about, so there is nothing to show over time.")
    return recorded or known[-1:]


def _is_period(value: str) -> bool:
    """Whether the value says when, not "2024, not recorded" or less."""
    return not value.endswith(NOT_RECORDED)


def _grouping(asked: Asked, measure: Measure) -> Grouping:
    """The labels of the periods for this measure."""
    if measure == "improved":
        return plan_responders(asked)
    pairs = plan_pairs(asked)
    if measure == "change" or asked.is_own or not pairs.possible:
        return pairs
    # Completeness tells how many have no later score, and so does the number of people beside that of pairs.
    if may_tell_missing(asked):
        return pairs
    name = asked.question.group_by
    if name != "start_quarter" or len(asked.attributes) > 1 or not may_tell_missing(asked, ("start_year",)):
        return dataclasses.replace(pairs, possible=False)
    labels = _merged_quarters(asked, pairs.first)
    return dataclasses.replace(pairs, first=labels, labels={name: labels}, possible=bool(labels))


def told_starts(asked: Asked) -> dict[frozenset[str], int]:
    """Quarters that are one point of new episodes or completeness -> people with any score who started then.

    `asked` is split by the starting quarter. Empty where it is refused. Exact, never to be shown.
    """
    try:
        axes = checked_plan(asked, _grouping(asked, "episodes"))[0]
    except DisclosureRefused:
        return {}
    cells = questions.change_cells(asked.store, asked.info, asked.scale, axes)
    labels = axes.first_labels or {}
    return {
        frozenset(value for value, label in labels.items() if label == row.first_axis): int(row.any_score)
        for row in cells.itertuples()
    }


def _merged_quarters(asked: Asked, labels: Mapping[str, str]) -> dict[str, str]:
    """Labels of quarters merged further with their neighbours of the same year, until each has enough people without a
    later score; empty where that can't be."""
    years = asked.plan.people.labels.get("start_year", {})
    missing = missing_counts(asked, ("start_quarter",)).set_index("start_quarter")
    few = dict(zip(missing.index, missing.to_numpy(), strict=True))
    none = np.zeros(missing.shape[1], dtype=np.int64)
    runs: dict[str, list[list[str]]] = {}
    for _, values in itertools.groupby(sorted(labels), key=labels.get):
        members = list(values)
        runs.setdefault(years.get(members[0][:4], NOT_RECORDED), []).append(members)
    found: dict[str, str] = {}
    for groups in runs.values():
        counts = np.stack([sum((few.get(value, none) for value in group), none) for group in groups], axis=1)
        merged = merge_bins(counts, asked.policy.threshold)
        if not merged:
            return {}
        for first, last in merged:
            members = list(itertools.chain.from_iterable(groups[first : last + 1]))
            name = members[0] if len(members) == 1 else f"{members[0]}{_FROM_TO}{members[-1]}"
            found |= dict.fromkeys(members, name)
    return found


def _period_cells(
    asked: Asked, cells: pd.DataFrame, labels: Mapping[str, str], measure: Measure, period: Period
) -> list[PeriodCell]:
    """One cell per label in order of time, and one without people for every period in between that nobody started in.

    What is merged with periods that are no neighbours, or with people of whom no period is recorded, is left out.
    """
    by_label = {str(row.first_axis): row for row in cells.itertuples()}
    members: dict[str, set[int]] = {label: set() for label in by_label}
    mixed = {label for value, label in labels.items() if not _is_period(value)}
    for value, label in labels.items():
        if label in members and _is_period(value):
            members[label].add(_number(value, period))
    days = 0 if measure == "episodes" else asked.policy.follow_up_days
    reach = more_questions.data_reach(asked.store, asked.info)
    everywhere = set().union(*members.values())
    placed: dict[int, PeriodCell] = {}
    for label, numbers in members.items():
        if not numbers:
            continue
        span = range(min(numbers), max(numbers) + 1)
        if label in mixed or not everywhere.isdisjoint(set(span) - numbers):
            placed |= {number: PeriodCell(_name(number, period), 0, left_out=True) for number in numbers}
            continue
        name = _FROM_TO.join(dict.fromkeys((_name(span[0], period), _name(span[-1], period))))
        immature = reach is not None and reach < _end(span[-1], period) + datetime.timedelta(days=days)
        placed[span[0]] = _cell(by_label[label], measure, name, len(span), immature, asked.is_own)
        everywhere |= set(span)
    if len(placed) < LEAST_POINTS:
        raise DisclosureRefused(
            f"These records hold one {period} of start only, so there is nothing to show over time."
        )
    for number in range(min(everywhere), max(everywhere) + 1):
        if number not in everywhere:
            placed[number] = PeriodCell(_name(number, period), 0, left_out=True)
    return [placed[number] for number in sorted(placed)]


def _cell(row: tuple, measure: Measure, label: str, length: int, immature: bool, own: bool) -> PeriodCell:
    pairs, people = int(row.pairs), int(row.any_score)
    if measure == "improved":
        return PeriodCell(label, pairs, count=int(row.responders), length=length, immature=immature)
    if measure == "change":
        mean = float(row.change_sum) / pairs if pairs else None
        return PeriodCell(label, pairs, mean=mean, length=length, immature=immature)
    if measure == "completeness":
        return PeriodCell(label, people, count=pairs, length=length, immature=immature)
    # Beside the number of people with two scores, this one tells how many have no later one.
    parts = () if own else (pairs, people - pairs)
    return PeriodCell(label, people, length=length, parts=parts, immature=immature)


def _number(value: str, period: Period) -> int:
    """The place of a period in time: "2024 Q1", "2024-03" and "2024" as one integer each."""
    part = int(value[-1]) if period == "quarter" else int(value[-2:]) if period == "month" else 1
    return int(value[:4]) * _OF_YEAR[period] + part - 1


def _name(number: int, period: Period) -> str:
    year, part = divmod(number, _OF_YEAR[period])
    return (
        f"{year} Q{part + 1}" if period == "quarter" else f"{year}-{part + 1:02d}" if period == "month" else str(year)
    )


def _end(number: int, period: Period) -> datetime.date:
    """The last day of the period."""
    year, part = divmod(number + 1, _OF_YEAR[period])
    return datetime.date(year, 1 + part * 12 // _OF_YEAR[period], 1) - datetime.timedelta(days=1)


def _warnings(
    asked: Asked, cells: pd.DataFrame, labels: Mapping[str, str], measure: Measure, period: Period
) -> Sequence[str]:
    found = []
    if any(not _is_period(value) for value in labels):
        found.append(f"People of whom no {ATTRIBUTE_NAMES[asked.question.group_by]} is recorded are left out.")
    if more_questions.data_reach(asked.store, asked.info) is None:
        found.append(f"Only years are recorded, so it is not known whether the follow-up of the last {period} is over.")
    if measure == "episodes":
        found.append(f"Counted are people with any score of {asked.scale.name}.")
    return found
