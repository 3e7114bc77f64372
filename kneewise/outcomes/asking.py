"""What every answer needs: the checked question, the table it is cut from, and the plan of what may be shown of it.

A question goes to the store, its exact counts into a plan of merged groups, and only what the plan allows comes back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kneewise.disclosure import released
from kneewise.disclosure.grouping import EVERYBODY, SMALLER_GROUPS, Grouping, merge_small
from kneewise.disclosure.policy import Policy, read_policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import questions
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import SourceInfo, Store

ATTRIBUTE_NAMES = {
    "age_band": "age band",
    "sex": "sex",
    "site": "site",
    "intervention": "treatment",
    "start_year": "year of start",
}


@dataclass(frozen=True)
class Question:
    """What is asked: an instrument, at most one grouping attribute and at most one filter (attribute, value)."""

    instrument: str
    group_by: str | None = None
    only: tuple[str, str] | None = None
    source: str | None = None


Measures = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Asked:
    """A checked question with what every answer needs."""

    store: Store
    info: SourceInfo
    scale: InstrumentRange
    question: Question
    policy: Policy

    @property
    def attributes(self) -> tuple[str | None, str | None]:
        """(grouping, filter) attribute."""
        return self.question.group_by, self.question.only[0] if self.question.only else None


def check_question(store: Store, question: Question, instruments: Instruments, policy: Policy | None) -> Asked:
    policy = policy or read_policy()
    info = store.source(question.source)
    if question.instrument not in info.instruments:
        raise StoreError(f"Source '{info.source}' holds no scores of '{question.instrument}'.")
    if question.instrument not in instruments:
        raise StoreError(f"The knowledge base holds no instrument '{question.instrument}'.")
    for attribute in filter(None, (question.group_by, question.only[0] if question.only else None)):
        if attribute not in policy.grid:
            raise DisclosureRefused(
                f"'{attribute}' is no attribute to group or filter by; there are: {', '.join(policy.grid)}."
            )
    if question.only and question.only[0] == question.group_by:
        raise DisclosureRefused("Group by one attribute and filter by another one.")
    return Asked(store, info, instruments[question.instrument], question, policy)


def remembered(answer: Callable) -> Callable:
    """The same answer, worked out once per store version: a rerun of a page asks the same again."""

    @functools.wraps(answer)
    def ask(store: Store, question: Question, instruments: Instruments, policy: Policy | None = None) -> object:
        policy = policy or read_policy()
        key = (answer.__name__, question, instruments.get(question.instrument), policy)
        return store.remembered(key, lambda: answer(store, question, instruments, policy))

    return ask


def cells_of(asked: Asked, attributes: tuple[str | None, str | None]) -> pd.DataFrame:
    # The plans of several answers start from the same table; nobody changes it.
    key = ("cells", asked.info.source, asked.scale, attributes)
    return asked.store.remembered(
        key, lambda: questions.change_cells(asked.store, asked.info, asked.scale, Axes(*attributes))
    )


def grouping_of(cells: pd.DataFrame, measures: Measures, policy: Policy, start: Sequence[Grouping] = ()) -> Grouping:
    firsts, seconds = sorted(cells["first_axis"].unique()), sorted(cells["second_axis"].unique())
    values = measures(cells)
    table = np.zeros((len(firsts), len(seconds), values.shape[1]), dtype=np.int64)
    rows = [firsts.index(value) for value in cells["first_axis"]]
    columns = [seconds.index(value) for value in cells["second_axis"]]
    table[rows, columns] = values
    return merge_small(firsts, seconds, table, policy.threshold, start)


def pairs_measure(cells: pd.DataFrame) -> np.ndarray:
    return cells[["pairs"]].to_numpy()


def responder_measure(cells: pd.DataFrame) -> np.ndarray:
    return np.column_stack([cells["pairs"], cells["responders"], cells["pairs"] - cells["responders"]])


def plan_groups(
    asked: Asked, read: Callable[[tuple], pd.DataFrame], measures: Measures, start: Grouping | None
) -> Grouping:
    """The grouping of the whole two-way table; coarser tables' merges come first, so that released groups nest."""
    group, only = asked.attributes
    # In one order of the attributes, whichever of them groups and whichever filters.
    first, second = sorted((group, only), key=lambda name: (name is None, name or ""))
    begun = [flipped(start)] if start and (first, second) != (group, only) else [start] if start else []
    one_way = []
    if first and second:
        for name, place in ((first, 0), (second, 1)):
            alone = grouping_of(read((name, None)), measures, asked.policy)
            if alone.possible:
                blank: Mapping[str, str] = {}
                labels = alone.first
                one_way.append(Grouping(labels, blank, True) if place == 0 else Grouping(blank, labels, True))
    found = grouping_of(read((first, second)), measures, asked.policy, [*begun, *one_way])
    return found if (first, second) == (group, only) else flipped(found)


def flipped(grouping: Grouping) -> Grouping:
    return Grouping(grouping.second, grouping.first, grouping.possible)


def plan_pairs(asked: Asked) -> Grouping:
    return plan_groups(asked, lambda attributes: cells_of(asked, attributes), pairs_measure, None)


def checked_plan(asked: Asked, grouping: Grouping) -> tuple[Axes, str, tuple[str, ...]]:
    """Axes with merged labels, the filter's released label, and notes; refuses what can't be shown."""
    question, policy = asked.question, asked.policy
    if not grouping.possible:
        raise DisclosureRefused(f"Fewer than {policy.threshold} people stand behind this answer, so it is not shown.")
    notes = []
    shown_filter = EVERYBODY
    if question.only:
        attribute, value = question.only
        if value not in grouping.second and value != SMALLER_GROUPS:
            raise DisclosureRefused(f"No {ATTRIBUTE_NAMES.get(attribute, attribute)} '{value}' is in these data.")
        shown_filter = grouping.second.get(value, SMALLER_GROUPS)
        if shown_filter != value:
            raise DisclosureRefused(
                f"Too few people of {ATTRIBUTE_NAMES.get(attribute, attribute)} '{value}' for this answer "
                f"(fewer than {policy.threshold} in one of its parts), so it is not shown."
            )
    if question.group_by:
        name = ATTRIBUTE_NAMES.get(question.group_by, question.group_by)
        merged = sum(label == SMALLER_GROUPS for label in grouping.first.values())
        if len(set(grouping.first.values())) == 1 and len(grouping.first) > 1:
            raise DisclosureRefused(
                f"Split by {name}, some group would hold fewer than {policy.threshold} people; it is not shown."
            )
        if merged:
            notes.append(
                f"{merged} groups by {name} are shown together as '{SMALLER_GROUPS}', because a part of each holds "
                f"fewer than {policy.threshold} people."
            )
    notes.append(f"Counts are rounded to the nearest {policy.round_to}.")
    first, second = asked.attributes
    return Axes(first, second, grouping.first, grouping.second), shown_filter, tuple(notes)


def context_of(asked: Asked, notes: tuple[str, ...]) -> released.ReleasedContext:
    scale, info = asked.scale, asked.info
    return released.ReleasedContext(
        instrument=scale.id,
        instrument_name=scale.name,
        minimum=scale.minimum,
        maximum=scale.maximum,
        higher_is_better=scale.higher_is_better,
        direction="higher is better" if scale.higher_is_better else "lower is better",
        source=info.source,
        source_label=info.label,
        population=f"{info.population_attribute}: {info.population_value}" if info.population_attribute else "",
        attribution=" ".join(filter(None, [info.attribution, info.note])),
        day_note=info.day_note,
        synthetic=info.synthetic,
        version=asked.store.version,
        group_by=asked.question.group_by,
        only=asked.question.only,
        notes=notes,
        policy=f"{asked.policy.id} {asked.policy.version}",
    )


def in_filter(cells: pd.DataFrame, shown_filter: str) -> pd.DataFrame:
    cells = cells[cells["second_axis"] == shown_filter]
    # 'smaller groups' last, whatever its name sorts to.
    return cells.sort_values("first_axis", key=lambda column: column.map(lambda name: (name == SMALLER_GROUPS, name)))


def completeness_of(
    cells: pd.DataFrame, shown_filter: str, policy: Policy
) -> tuple[released.ReleasedShare, Mapping[str, released.ReleasedShare]]:
    """Of the asked population and of its groups. `cells` is the whole two-way table."""
    by_cell = {(row.first_axis, row.second_axis): (int(row.pairs), int(row.any_score)) for row in cells.itertuples()}
    mine = {first: pair for (first, second), pair in by_cell.items() if second == shown_filter}
    whole = (sum(pairs for pairs, _ in mine.values()), sum(people for _, people in mine.values()))
    of_whole, shares = released.release_completeness(
        {f"{first}\x1f{second}": pair for (first, second), pair in by_cell.items()}, whole, policy
    )
    if len(cells["second_axis"].unique()) > 1 and any(share.percent is None for share in shares.values()):
        # Neither may a filtered whole be had from the others by subtraction.
        of_whole = next(share for share in shares.values() if share.percent is None)
    return of_whole, {first: shares[f"{first}\x1f{shown_filter}"] for first in mine}
