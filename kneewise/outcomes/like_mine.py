"""Patients like this one: what happened to people of the same age, duration of symptoms and first score, after weeks.

Experience of this clinic, no prediction. Criteria that too few people share are left out in a fixed order: findings first,
then how long symptoms have lasted, then the first score. Age always stays.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kneewise.disclosure.grouping import EVERYBODY
from kneewise.disclosure.like_mine import ReleasedLikeMine, WeekCell, release_like_mine
from kneewise.disclosure.policy import Policy, read_policy
from kneewise.errors import DisclosureRefused, FindingsError, StoreError
from kneewise.outcomes import more_questions, questions
from kneewise.outcomes.asking import (
    Asked,
    Question,
    cells_of,
    check_question,
    checked_plan,
    context_of,
    plan_groups,
    plan_pairs,
)
from kneewise.outcomes.episodes import WEEKS, week_windows
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.questions import BANDS, Axes
from kneewise.outcomes.store import Store, Window

TABLE = ("age_band", "symptom_duration", "first_band")
"""The one table in which the shared mode counts who was seen, and had improved, at these weeks."""
NAMES = {
    "factors": "findings",
    "symptom_duration": "how long symptoms have lasted",
    "first_band": "first score",
    "age_band": "age",
}
_DROPPED_FIRST = ("factors", "symptom_duration", "first_band")


@dataclass(frozen=True)
class LikeMine:
    """The patient to compare with. What is None, or empty, is not asked for.

    `first_score` in points of the instrument; `factors` are the ids of findings that all must be shared.
    """

    instrument: str
    age_band: str
    symptom_duration: str | None = None
    first_score: float | None = None
    factors: tuple[str, ...] = ()
    source: str | None = None


def answer_like_mine(
    store: Store, like: LikeMine, instruments: Instruments, policy: Policy | None = None
) -> ReleasedLikeMine:
    """What happened to people like this one, at 6 and 12 weeks where the records have a visit then.

    Raises
    ------
    FindingsError
        The first score lies outside the instrument's scale.
    StoreError
        No such source or instrument, no important change of it is known, or no visit at about these weeks.
    DisclosureRefused
        Fewer people than the policy's `like_mine_from` are of that age.
    """
    # Never remembered: what was asked is about one patient (hazard KW-H12).
    return _answer(store, like, instruments, policy or read_policy())


def band_of(score: float, scale: InstrumentRange) -> str:
    """The third of the scale that a first score lies in. Raises FindingsError outside the scale."""
    if not scale.minimum <= score <= scale.maximum:
        raise FindingsError(
            f"The first score must lie on the scale of {scale.name}, from {scale.minimum:g} to {scale.maximum:g}."
        )
    third = (scale.maximum - scale.minimum) / len(BANDS)
    return next((band for place, band in enumerate(BANDS[:-1], 1) if score < scale.minimum + place * third), BANDS[-1])


def _answer(store: Store, like: LikeMine, instruments: Instruments, policy: Policy) -> ReleasedLikeMine:
    asked = check_question(store, Question(like.instrument, source=like.source), instruments, policy)
    scale = asked.scale
    if scale.important_change is None:
        raise StoreError(f"No important change of {scale.name} is known, so nobody can be said to have improved.")
    windows = week_windows(asked.info.visit_windows)
    if not windows:
        raise StoreError(f"These records have no visit at about {' or '.join(map(str, WEEKS))} weeks.")
    criteria = _criteria(like, scale)
    kept, cells = _own_match(asked, criteria, windows) if asked.is_own else _shared_match(asked, criteria, windows)
    people, gone = int(cells["people"]), int(cells["gone"])
    widened = [NAMES[name] for name in _DROPPED_FIRST if name in criteria and name not in kept]
    question = Question(like.instrument, only=tuple(_filters(criteria, kept)), source=like.source)
    notes = _notes(asked, criteria)
    came = {} if asked.is_own else _came(asked)
    return release_like_mine(
        context_of(check_question(store, question, instruments, policy), notes),
        (people, people - gone),
        [_week(cells, week, windows, came) for week in windows],
        [_words(name, value, scale) for name, value in _filters(criteria, kept)],
        widened,
        (scale.important_change, scale.important_change_status, scale.source_text),
        policy,
        everybody=int(cells["any"]),
    )


def _week(cells: pd.Series, week: int, windows: Mapping[int, Window], came: Mapping[Window, int]) -> WeekCell:
    """One week, with the people told elsewhere whom its own hold, or who hold them.

    Beside those seen these are all with two scores; beside those improved, where nobody came later, all who improved by their
    last score. Where these people are all there are: also everybody who came then, and who was better then and stayed so
    (the first step of a recovery curve).
    """
    window, everybody = windows[week], int(cells["any"]) == came.get(EVERYBODY)
    last = all(n == 0 for other, n in came.items() if other != EVERYBODY and other.from_day > window.to_day)
    seen, improved = [int(cells["people"] - cells["gone"])], []
    if everybody:
        seen.append(came.get(window, 0))
        improved.append(int(cells[f"kept_{week}"]))
    if last:
        improved.append(int(cells["responders"]))
    return WeekCell(
        week,
        *(int(cells[f"{name}_{week}"]) for name in ("seen", "improved")),
        beside_seen=tuple(seen),
        beside_improved=tuple(improved),
    )


def _came(asked: Asked) -> dict[Window | str, int]:
    """How many people with any score there are (`EVERYBODY`), and how many came in each window."""
    axes, known = Axes(table=asked.table, leave_out=asked.leave_out), asked.info.visit_windows
    visits = questions.visit_cells(asked.store, asked.info, asked.scale, axes, known)
    came = {window: 0 for window in known} | {known[int(row.visit)]: int(row.n) for row in visits.itertuples()}
    return {**came, EVERYBODY: int(cells_of(asked, ())["any_score"].iloc[0])}


def _criteria(like: LikeMine, scale: InstrumentRange) -> dict[str, tuple[str, ...]]:
    """Attribute -> the values that must be shared, in the order in which they are named."""
    band = () if like.first_score is None else (band_of(like.first_score, scale),)
    duration = (like.symptom_duration,) if like.symptom_duration else ()
    wanted = {"age_band": (like.age_band,), "first_band": band, "symptom_duration": duration, "factors": like.factors}
    return {name: tuple(values) for name, values in wanted.items() if values}


def _filters(criteria: dict[str, tuple[str, ...]], kept: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in criteria.items() if name in kept for value in values]


def _widening(kept: Sequence[str]) -> list[tuple[str, ...]]:
    """The criteria, then those that are left when one after the other is dropped."""
    steps = [tuple(kept)]
    for name in _DROPPED_FIRST:
        if name in steps[-1]:
            steps.append(tuple(other for other in steps[-1] if other != name))
    return steps


def _own_match(
    asked: Asked, criteria: dict[str, tuple[str, ...]], windows: dict[int, Window]
) -> tuple[tuple[str, ...], pd.Series]:
    """The criteria that enough people share, and what happened to those people."""
    for kept in _widening(tuple(criteria)):
        question = Question(
            asked.question.instrument, only=tuple(_filters(criteria, kept)), source=asked.question.source
        )
        part = check_question(asked.store, question, asked.instruments, asked.policy)
        axes = checked_plan(part, plan_pairs(part))[0]
        found = more_questions.week_cells(asked.store, asked.info, asked.scale, axes, windows)
        cells = found.sum(numeric_only=True)
        if cells.get("people", 0) >= asked.policy.like_mine_from:
            break
    return kept, cells


def _shared_match(
    asked: Asked, criteria: dict[str, tuple[str, ...]], windows: dict[int, Window]
) -> tuple[tuple[str, ...], pd.Series]:
    """As `_own_match`, of the cells of the one table: its labels are the same for whoever is asked about."""

    def read(table: tuple[str, ...]) -> pd.DataFrame:
        axes = Axes(table=table, leave_out=asked.leave_out)
        return more_questions.week_cells(asked.store, asked.info, asked.scale, axes, windows)

    labels, cells = _labels(asked, read), read(tuple(sorted(TABLE)))
    usable = []
    for name, values in criteria.items():
        if [value for value, label in labels.get(name, {}).items() if label == values[0]] == list(values):
            usable.append(name)
    if criteria["age_band"][0] not in set(cells["age_band"]):
        raise DisclosureRefused(f"No age band '{criteria['age_band'][0]}' is in these data.")
    if "age_band" not in usable:
        raise DisclosureRefused(
            f"Too few people of age '{criteria['age_band'][0]}' stand behind this answer, so it is not shown."
        )
    for kept in _widening(usable):
        rows = np.ones(len(cells), dtype=bool)
        for name in kept:
            rows &= (cells[name] == criteria[name][0]).to_numpy()
        found = cells[rows].sum(numeric_only=True)
        if found.get("people", 0) >= asked.policy.like_mine_from:
            break
    return kept, found


def told_counts(asked: Asked) -> dict[tuple[tuple[str, str], ...], dict[str, int]]:
    """Whom one may be like, as (attribute, value) -> the counts that are told of them in the shared mode.

    Empty where nothing is told. Exact, never to be shown.
    """
    windows = week_windows(asked.info.visit_windows)
    if asked.scale.important_change is None or not windows:
        return {}

    def read(table: tuple[str, ...]) -> pd.DataFrame:
        return more_questions.week_cells(
            asked.store, asked.info, asked.scale, Axes(table=table, leave_out=asked.leave_out), windows
        )

    labels, cells = _labels(asked, read), read(tuple(sorted(TABLE)))
    alone = {
        name: [value for value, label in of.items() if list(of.values()).count(label) == 1] for name, of in labels.items()
    }
    told = ["people", *(f"{part}_{week}" for week in windows for part in ("seen", "improved"))]
    found = {}
    for names in (("age_band", *more) for count in range(3) for more in itertools.combinations(_DROPPED_FIRST[1:], count)):
        inside = cells[np.logical_and.reduce([cells[name].isin(alone[name]) for name in names])]
        for values, part in inside.groupby(list(names)):
            if part["people"].sum() >= asked.policy.like_mine_from:
                found[tuple(zip(names, values, strict=True))] = {name: int(part[name].sum()) for name in told}
    return found


def _labels(asked: Asked, read: Callable[[tuple[str, ...]], pd.DataFrame]) -> dict[str, Mapping[str, str]]:
    """The labels of the one table's attributes, the same for whoever is asked about; empty where nothing may be told."""
    labels = {}
    for name in TABLE:
        one = Question(asked.question.instrument, group_by=name, source=asked.question.source)
        grouping = plan_groups(
            check_question(asked.store, one, asked.instruments, asked.policy), read, _measures, TABLE
        )
        labels[name] = grouping.labels.get(name, {}) if grouping.possible else {}
    return labels


def _measures(cells: pd.DataFrame) -> np.ndarray:
    """Every number of people that an answer tells, and those that could be worked out from it."""
    seen = [name for name in cells.columns if name.startswith("seen_")]
    columns = [cells["people"], cells["people"] - cells["gone"], cells["gone"]]
    for name in seen:
        improved = cells[name.replace("seen", "improved")]
        columns += [improved, cells[name] - improved, cells["people"] - cells[name]]
    return np.column_stack(columns)


def _words(name: str, value: str, scale: InstrumentRange) -> str:
    if name == "age_band":
        return f"age {value}"
    if name == "symptom_duration":
        return f"symptoms for {value}"
    if name == "factors":
        return f"finding: {value.replace('_', ' ')}"
    place, third = BANDS.index(value), (scale.maximum - scale.minimum) / len(BANDS)
    low, high = (scale.minimum + third * end for end in (place, place + 1))
    return f"first score in the {value} of the scale (from {low:.3g} to {high:.3g})"


def _notes(asked: Asked, criteria: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if asked.is_own:
        return ()
    notes = [
        f"Counts are rounded to the nearest {asked.policy.round_to}, and told as those of another group where they are close to "
        "them; the ranges hold that."
    ]
    if "factors" in criteria:
        notes.append("Findings are not matched in shared figures.")
    return tuple(notes)
