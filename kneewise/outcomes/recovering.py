"""Time to recovery: how long it took until a score first reached the important change, with those who left taken in.

Somebody recovers on the day of the first score that is better than the first one by the important change or more, if their
last score still is: so those who recover are those who improved in every other answer, and a few who slipped back can't be
told by subtraction. Everybody else is followed until their last score. People without a later score were followed for no
time and change nothing. In the shared mode it is told of everybody and split by one attribute only: told by several
attributes it would tie them together and could give away a small group.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from kneewise.disclosure.grouping import Grouping
from kneewise.disclosure.policy import Policy
from kneewise.disclosure.recovery import RecoveryCell, ReleasedRecovery, release_recovery, shared_steps, week_of
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import more_questions, questions
from kneewise.outcomes.asking import (
    ATTRIBUTE_NAMES,
    Asked,
    Question,
    check_question,
    checked_plan,
    completeness_of,
    context_of,
    in_order,
    plan_groups,
    plan_pairs,
    remembered,
)
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import Store

Totals = tuple[tuple[int, int], ...]
"""(Week, people up to it)."""
SHARED_SPLIT = "symptom_duration"
"""The one attribute by which the shared mode tells time to recovery."""


@remembered
def answer_recovery(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> ReleasedRecovery:
    """Released time to recovery, a curve per group.

    Raises
    ------
    StoreError
        No such source or instrument, or no important change of it is known.
    DisclosureRefused
        Another split or filter than the shared mode tells, or too few people recovered or did not.
    """
    asked = check_question(store, question, instruments, policy)
    if asked.scale.important_change is None:
        raise StoreError(
            f"No important change of {asked.scale.name} is known, so nobody can be said to have recovered."
        )
    if not asked.is_own and not set(asked.attributes) <= {SHARED_SPLIT}:
        raise DisclosureRefused(
            f"Shared figures tell time to recovery of everybody or by {ATTRIBUTE_NAMES[SHARED_SPLIT]}; by other attributes "
            "as well it could give away a small group."
        )
    axes, _, notes = checked_plan(asked, _grouping(asked))
    cells = _cells(asked, axes)
    shown = sorted(cells, key=in_order)
    counted = questions.change_cells(store, asked.info, asked.scale, axes)
    if axes.filters and not asked.is_own:
        # The steps are those of all groups, so that a filter shows the same curve as the split.
        part = axes.filters[0]
        cells = _cells(
            asked, Axes(part.attribute, first_labels=part.labels, table=axes.table, leave_out=axes.leave_out)
        )
        shown = [part.label]
    return release_recovery(
        context_of(asked, notes),
        cells,
        shown,
        completeness_of(asked, counted)[0],
        (asked.scale.important_change, asked.scale.important_change_status),
        asked.policy,
    )


def told_totals(asked: Asked) -> dict[frozenset[str], tuple[Totals, Totals]]:
    """Group, as its values -> how many had recovered, and how many had last been seen, up to the end of each shared step.

    Everybody is the group without values. Empty where the answer is refused. Exact, never to be shown.
    """
    try:
        axes = checked_plan(asked, _grouping(asked))[0]
        cells = _cells(asked, axes)
        steps = shared_steps(cells, asked.policy)
    except DisclosureRefused:
        return {}
    found = {}
    for label, cell in cells.items():
        weeks = [week_of(day) for day in cell.days]
        events, censored = (
            tuple((step.last, sum(n for week, n in zip(weeks, counts, strict=True) if week <= step.last)) for step in made)
            for made, counts in zip(steps, (cell.events, cell.censored), strict=True)
        )
        members = frozenset(value for value, each in (axes.first_labels or {}).items() if each == label)
        found[members] = events, censored
    return found


def _grouping(asked: Asked) -> Grouping:
    if not asked.attributes:
        return plan_pairs(asked)
    return plan_groups(asked, lambda table: _sizes(asked, table), _measures, (SHARED_SPLIT,))


def _days(asked: Asked, axes: Axes) -> pd.DataFrame:
    return more_questions.recovery_days(asked.store, asked.info, asked.scale, axes, asked.scale.important_change)


def _sizes(asked: Asked, table: tuple[str, ...]) -> pd.DataFrame:
    """Per cell of the table: how many recovered, and how many were last seen without."""
    days = _days(asked, Axes(table=table, leave_out=asked.leave_out))
    return days.groupby(list(table), as_index=False)[["events", "censored"]].sum()


def _measures(cells: pd.DataFrame) -> np.ndarray:
    return cells[["events", "censored"]].to_numpy()


def _cells(asked: Asked, axes: Axes) -> dict[str, RecoveryCell]:
    grouped = more_questions.in_groups(_days(asked, axes), axes)
    summed = grouped.groupby(["first_axis", "day"], as_index=False)[["events", "censored"]].sum()
    return {
        str(label): RecoveryCell(*(tuple(part[name].astype(int)) for name in ("day", "events", "censored")))
        for label, part in summed.groupby("first_axis")
    }
