"""Released answers: a question goes to the store, its counts through `disclosure`, and only the result comes back.

What a page, a notebook and the command line can all call. Without a policy an answer is a shared one: split and
filtered by the attributes of one table of the policy. With `read_policy("own")` any attributes and any number of
filters go.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pandas as pd

from kneewise.disclosure import released
from kneewise.disclosure.grouping import SMALLER_GROUPS
from kneewise.disclosure.policy import Policy, read_policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import questions
from kneewise.outcomes.asking import (
    Asked,
    Question,
    cells_of,
    check_question,
    checked_plan,
    completeness_of,
    context_of,
    everybody_in,
    in_filter,
    in_order,
    may_tell_missing,
    plan_changes,
    plan_pairs,
    plan_responders,
    remembered,
)
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import SourceInfo, Store, Window
from kneewise.outcomes.tables import bin_edges

__all__ = [
    "Question",
    "answer_change",
    "answer_distribution",
    "answer_responders",
    "answer_trend",
    "bin_edges",
    "choice_labels",
    "list_choices",
    "prepare",
]

Answer = TypeVar("Answer")
SURE = 1.25
"""Medians by group are shown where so many times the people they need are to be expected at the visit."""


def _change_cells(cells: pd.DataFrame) -> list[released.ChangeCell]:
    return [
        released.ChangeCell(
            label=str(row.first_axis),
            pairs=int(row.pairs),
            responders=int(row.responders),
            change_sum=float(row.change_sum),
            change_squares=float(row.change_squares),
            first_sum=float(row.first_sum),
            last_sum=float(row.last_sum),
            quartiles=tuple(float(value) for value in row.change_quartiles),
        )
        for row in cells.itertuples()
    ]


def _groups_in(asked: Asked, cells: pd.DataFrame, shown_filter: str) -> pd.DataFrame:
    """The cells to release. In the shared mode every planned group holds people with two scores; who has no first
    score is in no third of the first scores, and so no group."""
    cells = in_filter(cells, shown_filter)
    return cells if asked.is_own else cells[cells["pairs"] > 0]


def _each_once(asked: Asked, cells: pd.DataFrame, made: Answer) -> Answer:
    """The answer with everybody counted once, where somebody may stand in several groups."""
    if asked.question.group_by not in questions.LISTS:
        return made
    return replace(made, n=released.released_count(everybody_in(asked, cells)[0], asked.policy))


@remembered
def answer_change(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedChange:
    """Released change from first to last score, per group.

    Raises
    ------
    StoreError
        The store holds no such source or instrument.
    DisclosureRefused
        The attributes are not shared together, or the answer or its split rests on too few people.
    """
    asked = check_question(store, question, instruments, policy)
    axes, shown_filter, notes = checked_plan(asked, plan_pairs(asked))
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    made = released.release_change(
        context_of(asked, notes),
        _change_cells(_groups_in(asked, cells, shown_filter)),
        completeness_of(asked, cells),
        asked.policy,
    )
    return _each_once(asked, cells, made)


@remembered
def answer_responders(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedResponders:
    """Released share of people who improved by the instrument's important change or more, per group.

    Raises
    ------
    StoreError
        As `answer_change`; or the knowledge base holds no important change for the instrument.
    DisclosureRefused
        As `answer_change`.
    """
    asked = check_question(store, question, instruments, policy)
    if asked.scale.important_change is None:
        raise StoreError(f"No important change of {asked.scale.name} is known, so nobody can be called a responder.")
    axes, shown_filter, notes = checked_plan(asked, plan_responders(asked))
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    important = (asked.scale.important_change, asked.scale.important_change_status, asked.scale.source_text)
    made = released.release_responders(
        context_of(asked, notes),
        _change_cells(_groups_in(asked, cells, shown_filter)),
        completeness_of(asked, cells),
        important,
        asked.policy,
    )
    return _each_once(asked, cells, made)


@remembered
def answer_trend(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedTrend:
    """Released score over time: quartiles per visit window, per group. Raises as `answer_change`.

    How many came to a visit is told of everybody together only: told of groups by several attributes it could give
    away a small group. In the own mode it is told of every group.
    """
    asked = check_question(store, question, instruments, policy)
    axes, shown_filter, notes = checked_plan(asked, plan_pairs(asked))
    windows = asked.info.visit_windows
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    sizes = {str(row.first_axis): int(row.pairs) for row in _groups_in(asked, cells, shown_filter).itertuples()}
    visits = questions.visit_cells(store, asked.info, asked.scale, axes, windows)
    found = {(str(row.first_axis), int(row.visit)): (int(row.n), row.quartiles) for row in visits.itertuples()}
    if asked.is_own:
        groups = {
            label: [
                _own_visit(windows[place], *found[label, place])
                for place in range(len(windows))
                if (label, place) in found
            ]
            for label in sizes
        }
    else:
        told, everybody = visits_of_everybody(asked)
        kept = _split_visits(asked, told, everybody) if asked.attributes else list(told)
        hidden = [windows[place].label for place in range(len(windows)) if place not in kept]
        if hidden:
            notes = (*notes, f"Too few people came to be shown at: {', '.join(hidden)}.")
        groups = {
            label: [
                released.VisitCell(
                    windows[place].label,
                    windows[place].from_day,
                    windows[place].to_day,
                    told[place] if not asked.attributes else None,
                    _enough_for(asked, size, told[place], everybody) if asked.attributes else found[label, place][0],
                    found[label, place][1],
                )
                for place in kept
            ]
            for label, size in sizes.items()
        }
    made = released.release_trend(context_of(asked, notes), groups, sizes, completeness_of(asked, cells), asked.policy)
    return _each_once(asked, cells, made)


def _own_visit(window: Window, n: int, quartiles: list[float]) -> released.VisitCell:
    return released.VisitCell(window.label, window.from_day, window.to_day, n, n, quartiles)


def visits_of_everybody(asked: Asked) -> tuple[dict[int, int], int]:
    """How many people to tell of at each visit that may be shown (rounded), and how many there are altogether (exact).

    Where few people were away, everybody's number stands for the visit: the difference of the two would be those few. Few
    are up to twice the threshold, so that this does not bound them by it. Everybody are the people with any score where
    that number is told, else those with two. These have a first score, and all came to the later visit where there is one
    only: a visit of a few more is told as they are.
    """
    threshold = asked.policy.threshold
    whole = cells_of(asked, ()).iloc[0]
    pairs, people = int(whole["pairs"]), int(whole["any_score"])
    everybody = people if people - pairs >= threshold and may_tell_missing(asked, ()) else pairs
    visits = questions.visit_cells(
        asked.store,
        asked.info,
        asked.scale,
        Axes(table=asked.table, leave_out=asked.leave_out),
        asked.info.visit_windows,
    )
    came = {int(row.visit): int(row.n) for row in visits.itertuples()}
    least = max(threshold, asked.policy.window_share * max(came.values(), default=0) if asked.attributes else 0)
    return {
        place: released.count_beside(n, [pairs], asked.policy)[0] if everybody - n >= 2 * threshold else everybody
        for place, n in sorted(came.items())
        if n >= least
    }, everybody


def _enough_for(asked: Asked, size: int, came: int, everybody: int) -> int:
    """For how many people a group's quartiles at a visit are shown, from numbers that are told already.

    So it tells nothing new that they are shown; that as many people did come is checked by `_may_split`.
    """
    policy = asked.policy
    expected = size * came / everybody
    fits = [
        needed
        for needed in (policy.quartiles_from, policy.median_from)
        if expected >= SURE * needed and size >= needed + policy.threshold
    ]
    return max(fits, default=0)


def _split_visits(asked: Asked, told: dict[int, int], everybody: int) -> list[int]:
    """The visits at which every group that the question's attributes make is as large as its quartiles need."""
    labels = plan_pairs(asked).labels

    def summed(frame: pd.DataFrame, column: str, *more: str) -> dict[tuple, int]:
        columns = [frame[name].map(lambda value, of=labels[name]: of.get(value, value)) for name in asked.attributes]
        totals: dict[tuple, int] = {}
        for *cell, n in zip(*columns, *(frame[name] for name in more), frame[column], strict=True):
            totals[tuple(cell)] = totals.get(tuple(cell), 0) + int(n)
        return totals

    def find() -> list[int]:
        windows = asked.info.visit_windows
        visits = questions.table_visits(asked.store, asked.info, asked.scale, asked.table, windows, asked.leave_out)
        came = summed(visits, "n", "visit")
        sizes = summed(cells_of(asked, asked.table), "pairs")
        return [
            place
            for place in told
            if all(
                came.get((*cell, place), 0)
                >= max(asked.policy.threshold, _enough_for(asked, size, told[place], everybody))
                for cell, size in sizes.items()
                if size
            )
        ]

    key = ("split visits", asked.info.source, asked.scale, asked.policy, asked.instruments_key, asked.attributes)
    return asked.store.remembered(key, find)


@remembered
def answer_distribution(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedDistribution:
    """Released distribution of change: for everybody, per group, or (shared) for one value of one attribute; not both.

    Raises as `answer_change`.
    """
    own = policy is not None and policy.mode == "own"
    if not own and question.group_by and question.only:
        raise DisclosureRefused("A distribution can be split by one attribute or filtered by one, not both.")
    asked = check_question(store, question, instruments, policy)
    axes, shown_filter, notes = checked_plan(asked, plan_changes(asked))
    if asked.is_own:
        edges = bin_edges(asked.scale)
        bins = tuple((place, place) for place in range(len(edges) - 1))
    else:
        edges = list(asked.plan.edges)
        table = asked.plan.changes.table_of(asked.attributes)
        bins = asked.plan.bins[table] if table else asked.plan.whole_bins
    counted = in_filter(questions.change_counts(store, asked.info, asked.scale, axes, edges), shown_filter)
    counts = {
        str(label): np.bincount(part["bin"], weights=part["n"], minlength=len(edges) - 1).astype(int)
        for label, part in counted.groupby("first_axis")
    }
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    made = released.release_distribution(
        context_of(asked, notes),
        edges,
        bins,
        {label: counts[label] for label in sorted(counts, key=in_order)},
        completeness_of(asked, cells)[0],
        asked.policy,
    )
    return _each_once(asked, cells, made)


def prepare(store: Store, instruments: Instruments, policy: Policy | None = None) -> int:
    """How many answers were worked out and remembered: every instrument of every source, whole and split once.

    What may not be shown is passed over; whoever asks for it gets the sentence.
    """
    policy = policy or read_policy()
    made = 0
    for info in store.sources:
        for instrument in (each for each in info.instruments if each in instruments):
            for group_by in (None, *policy.grid):
                question = Question(instrument, group_by=group_by, source=info.source)
                for answer in (answer_change, answer_trend, answer_distribution, answer_responders):
                    with contextlib.suppress(DisclosureRefused, StoreError):
                        answer(store, question, instruments, policy)
                        made += 1
    return made


def list_choices(
    store: Store, instruments: Instruments, source: str | None = None, policy: Policy | None = None
) -> released.ReleasedChoices:
    """What can be asked of a source: its instruments, and each attribute's values with rounded counts of episodes.

    An attribute that is not recorded, has one value only, or can't be split, is left out. In the shared mode a value's
    number is left out where there are several instruments, and where it would tell, beside the number of people with two
    scores, how few have none.
    """
    policy = policy or read_policy()
    info = store.source(source)
    known = [name for name in info.instruments if name in instruments]
    described = (info.source, info.label, info.synthetic, store.version)
    if policy.mode == "own":
        attributes = _own_choices(store, info.source, policy)
    else:
        attributes = _shared_choices(store, info, instruments, policy)
    return released.release_choices(described, known, attributes, policy)


def choice_labels(
    store: Store, info: SourceInfo, instruments: Instruments, policy: Policy
) -> dict[str, dict[str, str]]:
    """Per attribute that may be chosen in the shared mode: its values and the labels that stand for them.

    They are those of the instrument that most people have two scores of; every other one merges what it merges.
    """
    asked = _asked_all(store, info, instruments, policy)
    if not asked:
        return {}
    people = max(asked, key=lambda each: int(cells_of(each, ())["pairs"].iloc[0])).plan.people
    found = {}
    for attribute in policy.grid:
        labels = people.labels.get(attribute, {})
        if people.table_of((attribute,)) is not None and len(set(labels.values())) > 1:
            name = people.names.get(attribute, SMALLER_GROUPS)
            found[attribute] = {value: name if label == SMALLER_GROUPS else label for value, label in labels.items()}
    return found


def _asked_all(store: Store, info: SourceInfo, instruments: Instruments, policy: Policy) -> list[Asked]:
    known = [name for name in info.instruments if name in instruments]
    return [
        Asked(store, info, instruments[name], Question(name, source=info.source), policy, instruments) for name in known
    ]


def _own_choices(store: Store, source: str, policy: Policy) -> dict[str, dict[str, int | None]]:
    info, found = store.source(source), {}
    for attribute in policy.grid:
        if attribute == "first_band":
            found[attribute] = dict.fromkeys(questions.BANDS)
            continue
        frame = questions.episode_counts(store, info, attribute)
        values: dict[str, int] = {}
        for row in frame.itertuples():
            for value in str(row.first_axis).split(";") if attribute in questions.LISTS else [str(row.first_axis)]:
                values[value] = values.get(value, 0) + int(row.n)
        if len(values) > 1:
            found[attribute] = {value: n if n >= policy.threshold else None for value, n in values.items()}
    return found


def _shared_choices(
    store: Store, info: SourceInfo, instruments: Instruments, policy: Policy
) -> dict[str, dict[str, int | None]]:
    asked = _asked_all(store, info, instruments, policy)
    found: dict[str, dict[str, int | None]] = {}
    for attribute, shown in choice_labels(store, info, instruments, policy).items():
        order = sorted(set(shown.values()), key=in_order)
        found[attribute] = dict.fromkeys(order)
        # Beside several questionnaires the number of all would tie them together: who has one and not the other is few.
        if attribute != "first_band" and len(asked) == 1:
            counted = _episodes(asked[0], attribute, shown)
            if set(counted) == set(order) and _hides_nobody(asked[0], attribute, shown, counted):
                found[attribute] = {label: counted[label] for label in order}
    return found


def _episodes(asked: Asked, attribute: str, shown: dict[str, str]) -> dict[str, int]:
    frame = questions.episode_counts(asked.store, asked.info, attribute, asked.leave_out)
    totals: dict[str, int] = {}
    for row in frame.itertuples():
        label = shown.get(row.first_axis, row.first_axis)
        totals[label] = totals.get(label, 0) + int(row.n)
    return totals


def _hides_nobody(asked: Asked, attribute: str, shown: dict[str, str], episodes: dict[str, int]) -> bool:
    """Whether in every group the people without any score, without a later one, and both, are none of them few."""
    threshold = asked.policy.threshold
    totals: dict[str, tuple[int, int]] = dict.fromkeys(episodes, (0, 0))
    for row in cells_of(asked, (attribute,)).itertuples():
        label = shown.get(getattr(row, attribute), getattr(row, attribute))
        pairs, people = totals.get(label, (0, 0))
        totals[label] = (pairs + int(row.pairs), people + int(row.any_score))
    return all(
        episodes[label] - pairs >= threshold and (episodes[label] == people or episodes[label] - people >= threshold)
        for label, (pairs, people) in totals.items()
        if label in episodes
    )
