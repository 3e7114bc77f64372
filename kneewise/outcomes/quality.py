"""How good the records are: what is recorded of how many people, how many came to each visit, and up to when."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from kneewise.disclosure.grouping import NOT_RECORDED
from kneewise.disclosure.policy import Policy
from kneewise.disclosure.quality import QualityCell, ReleasedQuality, release_quality
from kneewise.disclosure.released import count_beside
from kneewise.errors import DisclosureRefused
from kneewise.outcomes import questions
from kneewise.outcomes.answers import visits_of_everybody
from kneewise.outcomes.asking import (
    ATTRIBUTE_NAMES,
    Asked,
    Question,
    cells_of,
    check_question,
    checked_plan,
    completeness_of,
    context_of,
    may_tell_missing,
    plan_pairs,
    remembered,
)
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.store import Store

NO_RECORD = {"first_band", "start_month", "procedure", "factors"}
"""Attributes that are no matter of recording: worked out, finer than what is asked for, what a population is chosen by, and
findings, of which there may be none."""
_STARTED, _SEEN_AGAIN = "everybody who started", "everybody with a first and a later score"


@remembered
def answer_quality(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> ReleasedQuality:
    """Released quality of the records of one instrument: of everybody with any score of it.

    A split (`group_by`) is left aside; `only` must be empty in the shared mode.

    Raises
    ------
    StoreError
        No such source or instrument.
    DisclosureRefused
        A filter is asked for in the shared mode, or too few people stand behind the whole.
    """
    own = policy is not None and policy.mode == "own"
    if question.only and not own:
        raise DisclosureRefused("How good the records are is told of everybody; leave the filters out.")
    asked = check_question(store, dataclasses.replace(question, group_by=None), instruments, policy)
    axes, _, notes = checked_plan(asked, plan_pairs(asked))
    whole = questions.change_cells(store, asked.info, asked.scale, axes)
    if whole.empty:
        raise DisclosureRefused(
            f"Fewer than {asked.policy.threshold} people stand behind this answer, so it is not shown."
        )
    people, pairs = int(whole["any_score"].iloc[0]), int(whole["pairs"].iloc[0])
    attributes = [name for name in asked.policy.grid if name not in NO_RECORD]
    # Where few have no later score, the number of all beside that of the others would tell how few; of those who are not
    # recorded too.
    told = asked.is_own or (
        people - pairs >= asked.policy.threshold
        and may_tell_missing(asked, ())
        and all(may_tell_missing(asked, (name,)) for name in attributes if _unknown(_counted(asked, name, "any_score")))
    )
    n, column = (people, "any_score") if told else (pairs, "pairs")
    closed, still_open = _periods(asked)
    return release_quality(
        context_of(asked, notes),
        n,
        completeness_of(asked, whole)[0],
        [*(_attribute(asked, name, n, column) for name in attributes), *_visits(asked, n, told, pairs)],
        (closed, still_open),
        _STARTED if told else _SEEN_AGAIN,
        len(store.sources),
        asked.policy,
    )


def _counted(asked: Asked, attribute: str, column: str) -> Mapping[str, int]:
    """People per value of the attribute."""
    if asked.is_own:
        split = dataclasses.replace(asked, question=dataclasses.replace(asked.question, group_by=attribute))
        cells = questions.change_cells(asked.store, asked.info, asked.scale, checked_plan(split, plan_pairs(split))[0])
        return {str(row.first_axis): int(getattr(row, column)) for row in cells.itertuples()}
    return {
        str(getattr(row, attribute)): int(getattr(row, column)) for row in cells_of(asked, (attribute,)).itertuples()
    }


def _unknown(values: Iterable[str]) -> list[str]:
    return [value for value in values if value.endswith(NOT_RECORDED)]


def _attribute(asked: Asked, attribute: str, n: int, column: str) -> QualityCell:
    """Of how many the attribute is recorded. Where 'not recorded' is merged with other values, only a bound is said: it
    must not be told apart from them."""
    name, counts = ATTRIBUTE_NAMES[attribute], _counted(asked, attribute, column)
    unknown = _unknown(counts)
    missing = sum(counts[value] for value in unknown)
    if unknown and not asked.is_own:
        labels = asked.plan.people.labels.get(attribute, {})
        with_them = {labels.get(value, value) for value in unknown}
        together = sum(count for value, count in counts.items() if labels.get(value, value) in with_them)
        if together != missing:
            return QualityCell(name, "attribute", n - missing, merged=together)
    return QualityCell(name, "attribute", n - missing)


def _visits(asked: Asked, n: int, told: bool, pairs: int) -> list[QualityCell]:
    """How many have a first score and how many came to each later visit, of `n` people."""
    windows = asked.info.visit_windows
    begin = _counted(asked, "first_band", "any_score")
    first = n - begin.get(NOT_RECORDED, 0) if told else n
    if asked.is_own:
        axes = checked_plan(asked, plan_pairs(asked))[0]
        found = questions.visit_cells(asked.store, asked.info, asked.scale, axes, windows)
        came = {int(row.visit): int(row.n) for row in found.itertuples()}
    else:
        came = visits_of_everybody(asked)[0]
        # Everybody with two scores has a first one: a few more are told as they are.
        first = count_beside(first, [pairs], asked.policy)[0] if n - first >= 2 * asked.policy.threshold else n
    # The visit at the start is told by the first score; both together could differ by a few people.
    later = [place for place, window in enumerate(windows) if window.from_day > 0]
    cells = [QualityCell("first score", "visit", first)]
    return cells + [QualityCell(windows[place].label, "visit", min(n, came.get(place, 0))) for place in later]


def _periods(asked: Asked) -> tuple[str | None, tuple[str, ...]]:
    """The newest starting quarter whose follow-up is over, and those that are still open."""
    still_open = questions.open_quarters(asked.store, asked.info, asked.policy.follow_up_days)
    quarters = questions.table_cells(asked.store, asked.info, asked.scale, ("start_quarter",))["start_quarter"]
    closed = [value for value in quarters if not value.endswith(NOT_RECORDED) and value not in still_open]
    return max(closed, default=None), still_open
