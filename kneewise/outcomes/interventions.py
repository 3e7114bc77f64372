"""What went with each treatment: how many improved, beside how its people differed at the start. Described, never as effect.

In the shared mode neither the duration of symptoms nor age is told together with treatment (they stand in no common table
of the policy), so there only the first scores show the mix; the answer says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pandas as pd

from kneewise.disclosure.grouping import NOT_RECORDED
from kneewise.disclosure.interventions import ReleasedInterventions, TreatmentCell, release_interventions
from kneewise.disclosure.policy import Policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import more_questions, questions
from kneewise.outcomes.asking import (
    Asked,
    Question,
    check_question,
    checked_plan,
    completeness_of,
    context_of,
    in_filter,
    plan_responders,
    remembered,
)
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import Store

TREATMENT = "intervention"
_LONGEST = "over "
"""How the class of the longest duration begins, in every profile."""


@remembered
def answer_interventions(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> ReleasedInterventions:
    """Released treatments side by side; `question.group_by` may be None or "intervention".

    Raises
    ------
    StoreError
        No such source or instrument, or no important change of it is known.
    DisclosureRefused
        Another split, filters that are not shown with treatment, no treatment recorded, or too few people behind one.
    """
    if question.group_by not in (None, TREATMENT):
        raise DisclosureRefused("Here people are split by treatment; leave the other split out, or filter by it.")
    asked = check_question(store, dataclasses.replace(question, group_by=TREATMENT), instruments, policy)
    if asked.scale.important_change is None:
        raise StoreError(f"No important change of {asked.scale.name} is known, so nobody can be said to have improved.")
    axes, shown, notes = checked_plan(asked, plan_responders(asked))
    cells = in_filter(questions.change_cells(store, asked.info, asked.scale, axes), shown)
    if set(cells["first_axis"]) <= {NOT_RECORDED}:
        raise DisclosureRefused("These records don't say who had which treatment.")
    firsts = more_questions.in_groups(more_questions.first_scores(store, asked.info, asked.scale, axes), axes)
    sums = firsts.groupby("first_axis")[["first_sum", "first_squares"]].sum()
    durations, ages = (_mix(asked, axes, name) for name in ("symptom_duration", "age_band"))
    longest = _longest(asked)
    if not asked.is_own:
        notes = (*notes, "Age and duration of symptoms are not shown together with treatment; they may differ as well.")
    return release_interventions(
        context_of(asked, notes),
        [
            TreatmentCell(
                label=str(row.first_axis),
                pairs=int(row.pairs),
                responders=int(row.responders),
                first_sum=float(sums["first_sum"].get(row.first_axis, 0.0)),
                first_squares=float(sums["first_squares"].get(row.first_axis, 0.0)),
                long_duration=None if durations is None else durations.get(row.first_axis, {}).get(longest, 0),
                ages=None if ages is None else ages.get(row.first_axis, {}),
            )
            for row in cells.itertuples()
        ],
        completeness_of(asked, cells),
        (asked.scale.important_change, asked.scale.important_change_status),
        longest,
        asked.policy,
    )


def _mix(asked: Asked, axes: Axes, name: str) -> Mapping[str, Mapping[str, int]] | None:
    """Treatment -> value of the attribute -> people with two scores; None where they are not shown together."""
    if not asked.is_own or name not in asked.policy.grid:
        return None
    table = dataclasses.replace(axes, second=name)
    counts = questions.change_cells(asked.store, asked.info, asked.scale, table)
    found: dict[str, dict[str, int]] = {}
    for row in counts[counts["second_axis"] != NOT_RECORDED].itertuples():
        found.setdefault(str(row.first_axis), {})[str(row.second_axis)] = int(row.pairs)
    return found


def _longest(asked: Asked) -> str:
    """The class of the longest duration in these records; empty where none is recorded."""
    values: pd.Series = questions.table_cells(
        asked.store, asked.info, asked.scale, ("symptom_duration",), asked.leave_out
    )["symptom_duration"]
    return next((value for value in sorted(values) if value.startswith(_LONGEST)), "")
