"""How far the people who never came back could move the share who improved. The band belongs into every headline."""

from __future__ import annotations

import dataclasses

from kneewise.disclosure.grouping import NOT_RECORDED
from kneewise.disclosure.missing import ReleasedMissing, release_missing
from kneewise.disclosure.policy import Policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import questions
from kneewise.outcomes.asking import (
    Asked,
    Question,
    check_question,
    checked_plan,
    completeness_of,
    context_of,
    plan_pairs,
    plan_responders,
    remembered,
)
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.store import Store
from kneewise.statistics.missing_data import ShareCell

ALIKE = "first_band"
"""What the missing are taken to share with those who came back: the third of the scale that their first score lies in."""
_ALIKE_WORDS = "a first score in the same third of the scale"


@remembered
def answer_missing(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> ReleasedMissing:
    """Released band of the share who improved, of everybody asked about; a split (`group_by`) is left aside.

    Raises
    ------
    StoreError
        No such source or instrument, or no important change of it is known.
    DisclosureRefused
        The filters are not shown together, or the answer rests on too few people.
    """
    asked = check_question(store, dataclasses.replace(question, group_by=None), instruments, policy)
    if asked.scale.important_change is None:
        raise StoreError(f"No important change of {asked.scale.name} is known, so nobody can be said to have improved.")
    axes, _, notes = checked_plan(asked, plan_responders(asked) if asked.attributes else plan_pairs(asked))
    whole = questions.change_cells(store, asked.info, asked.scale, axes)
    bands = _by_band(asked)
    return release_missing(
        context_of(asked, notes),
        bands or [_cell("", row) for row in whole.itertuples()],
        completeness_of(asked, whole)[0],
        _ALIKE_WORDS if bands else "",
        asked.policy,
    )


def _by_band(asked: Asked) -> list[ShareCell]:
    """People of each third of the first score; empty where those may not be told with the question's filters."""
    names = [name for name, _ in asked.question.only]
    if ALIKE in names or ALIKE not in asked.policy.grid:
        return []
    if not asked.is_own and asked.policy.table_of((ALIKE, *names)) is None:
        return []
    split = check_question(
        asked.store, dataclasses.replace(asked.question, group_by=ALIKE), asked.instruments, asked.policy
    )
    grouping = plan_responders(split)
    if not asked.is_own:
        told = {ALIKE, *names}
        if not grouping.possible or not any(told <= set(each) for each in asked.plan.complete):
            return []
    try:
        axes = checked_plan(split, grouping)[0]
    except DisclosureRefused:
        # Split by the first score some group would be too small: then everybody is one band, and the answer says so.
        return []
    cells = questions.change_cells(asked.store, asked.info, asked.scale, axes)
    found = [_cell(str(row.first_axis), row) for row in cells.itertuples()]
    return found if sum(cell.observed > 0 for cell in found if cell.band != NOT_RECORDED) > 1 else []


def _cell(band: str, row: tuple) -> ShareCell:
    return ShareCell(band, int(row.pairs), int(row.responders), int(row.any_score) - int(row.pairs))
