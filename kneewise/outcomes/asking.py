"""What every answer needs: the checked question, the plan of what may be shown of it, and the words that go with it.

The way of every answer: `check_question`, a plan (`plan_pairs`, `plan_responders`, `plan_changes`, or `plan_groups`
for a measure of one's own), `checked_plan`, then the store through `questions` with the axes it gives, then a maker of
`disclosure`, with `context_of` and `completeness_of`. In the shared mode every number must come from a cell of a
planned table. In the own mode nothing is merged; the makers hide small cells.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from kneewise.disclosure import released
from kneewise.disclosure.grouping import EVERYBODY, NOT_RECORDED, SMALLER_GROUPS, Grouping, TableCounts, merge_tables
from kneewise.disclosure.policy import Policy, read_policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import questions
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.questions import Axes, Filter
from kneewise.outcomes.store import SourceInfo, Store
from kneewise.outcomes.tables import Kind, Plan, places_of, plan_of

_BEGINS_WITH_NUMBER = re.compile(r"(under |over )?(\d+)")
ATTRIBUTE_NAMES = {
    "age_band": "age band",
    "sex": "sex",
    "site": "site",
    "intervention": "treatment",
    "symptom_duration": "symptom duration",
    "first_band": "first score",
    "start_year": "year of start",
    "start_quarter": "quarter of start",
    "start_month": "month of start",
    "clinician": "clinician",
    "referral": "referral",
    "procedure": "procedure",
    "factors": "finding",
}

Only = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Question:
    """What is asked: an instrument, at most one grouping attribute and any filters (attribute, value).

    `only` may be given as one pair or as None; it always is a tuple of pairs. Which attributes go together is the
    mode's affair: in the shared mode those of one table of the policy, in the own mode any.
    """

    instrument: str
    group_by: str | None = None
    only: Only | tuple[str, str] | None = ()
    source: str | None = None

    def __post_init__(self) -> None:
        only = self.only or ()
        if only and isinstance(only[0], str):
            only = (only,)
        object.__setattr__(self, "only", tuple((str(name), str(value)) for name, value in only))


Measures = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Asked:
    """A checked question with what every answer needs."""

    store: Store
    info: SourceInfo
    scale: InstrumentRange
    question: Question
    policy: Policy
    instruments: Instruments = field(default_factory=dict)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of the question, the grouping one first, each once."""
        group = (self.question.group_by,) if self.question.group_by else ()
        return tuple(dict.fromkeys((*group, *(name for name, _ in self.question.only))))

    @property
    def is_own(self) -> bool:
        """Whether this is for staff who may see the records: nothing is merged, small cells are hidden."""
        return self.policy.mode == "own"

    @property
    def instruments_key(self) -> tuple:
        """All scales, as a part of a key to remember something under: the plan of one rests on those of the others."""
        return tuple(sorted(self.instruments.items()))

    @property
    def plan(self) -> Plan:
        """The tables and labels of the shared mode, for this source and instrument."""
        return plan_of(self.store, self.info, self.scale, self.instruments, self.policy)

    @property
    def leave_out(self) -> tuple[str, ...]:
        """Starting quarters whose people do not count, because their follow-up is still open."""
        return () if self.is_own else self.plan.leave_out

    @property
    def table(self) -> tuple[str, ...]:
        """The attributes that the engine is asked for at once; empty in the own mode, where the filters go to the
        engine."""
        return () if self.is_own else self.policy.table_of(self.attributes) or ()


def check_question(store: Store, question: Question, instruments: Instruments, policy: Policy | None) -> Asked:
    """The question with its source, instrument and rules (those of the shared mode where none are given).

    Raises
    ------
    StoreError
        The store holds no such source, or no scores of the instrument.
    DisclosureRefused
        An attribute is none of the mode's, or these attributes are not shared together.
    """
    policy = policy or read_policy()
    info = store.source(question.source)
    if question.instrument not in info.instruments:
        raise StoreError(f"Source '{info.source}' holds no scores of '{question.instrument}'.")
    if question.instrument not in instruments:
        raise StoreError(f"The knowledge base holds no instrument '{question.instrument}'.")
    asked = Asked(store, info, instruments[question.instrument], question, policy, instruments)
    for attribute in asked.attributes:
        if attribute not in policy.grid:
            raise DisclosureRefused(
                f"'{attribute}' is no attribute to group or filter by; there are: {', '.join(policy.grid)}."
            )
    filters = [name for name, _ in question.only]
    if question.group_by in filters and question.group_by not in questions.LISTS:
        raise DisclosureRefused("Group by one attribute and filter by another one.")
    twice = next((name for name in filters if filters.count(name) > 1 and name not in questions.LISTS), None)
    if twice:
        raise DisclosureRefused(f"Filter by one {_named(twice)} at a time.")
    if not asked.is_own and policy.table_of(asked.attributes) is None:
        raise DisclosureRefused(
            f"Together, {_listed([_named(name) for name in asked.attributes])} could give away a small group, so they are "
            "shown one at a time."
        )
    return asked


def _named(attribute: str) -> str:
    return ATTRIBUTE_NAMES.get(attribute, attribute)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def remembered(answer: Callable) -> Callable:
    """The same answer, worked out once per store version: a rerun of a page asks the same again.

    Further arguments of the answer are given by name and must be hashable.
    """

    @functools.wraps(answer)
    def ask(
        store: Store, question: Question, instruments: Instruments, policy: Policy | None = None, **more: object
    ) -> object:
        policy = policy or read_policy()
        scales = tuple(sorted(instruments.items()))
        key = (answer.__name__, question, scales, policy, tuple(sorted(more.items())))
        return store.remembered(key, lambda: answer(store, question, instruments, policy, **more))

    return ask


def cells_of(asked: Asked, attributes: Sequence[str]) -> pd.DataFrame:
    """Per cell of these attributes, a column each: people with any score, pairs, responders. Exact, never to be
    shown."""
    # The engine was asked for the tables of the policy already; fewer attributes are sums over one of them.
    table = None if asked.is_own else asked.policy.table_of(attributes)
    if not table or set(table) == set(attributes):
        return questions.table_cells(asked.store, asked.info, asked.scale, tuple(attributes), asked.leave_out)
    cells = questions.table_cells(asked.store, asked.info, asked.scale, table, asked.leave_out)
    return cells.groupby(list(attributes), as_index=False)[["any_score", "pairs", "responders"]].sum()


def plan_pairs(asked: Asked) -> Grouping:
    """The labels for counts of people with a first and a later score, and for means and medians of theirs."""
    return _grouping(asked, lambda plan: plan.people)


def plan_responders(asked: Asked) -> Grouping:
    """The labels for counts of people who improved by the important change, or did not."""
    # The whole may be answered with a bound; a split may not.
    return _grouping(asked, lambda plan: plan.responders if asked.attributes else plan.people)


def plan_changes(asked: Asked) -> Grouping:
    """The labels for how many people changed by how much, in the plan's bins."""
    return _grouping(asked, lambda plan: plan.changes if asked.attributes else plan.people)


def _grouping(asked: Asked, kind_of: Callable[[Plan], Kind]) -> Grouping:
    if asked.is_own:
        return _as_they_are(asked)
    kind = kind_of(asked.plan)
    possible = asked.plan.possible and kind.table_of(asked.attributes) is not None
    return _for_question(asked, kind.labels if possible else {}, possible, kind.names)


def _as_they_are(asked: Asked) -> Grouping:
    return Grouping({}, {}, True, {name: {} for name in asked.attributes})


def _for_question(
    asked: Asked, labels: Mapping[str, Mapping[str, str]], possible: bool, names: Mapping[str, str]
) -> Grouping:
    group, filters = asked.question.group_by, [name for name, _ in asked.question.only]
    everybody = {EVERYBODY: EVERYBODY}
    return Grouping(
        first=labels.get(group, {}) if group else everybody,
        second=labels.get(filters[0], {}) if filters else everybody,
        possible=possible,
        labels={name: labels[name] for name in asked.attributes if name in labels},
        names=names,
    )


def plan_groups(
    asked: Asked,
    read: Callable[[tuple[str, ...]], pd.DataFrame],
    measures: Measures,
    table: Sequence[str],
    start: Grouping | None = None,
) -> Grouping:
    """The labels for a further measure, which may be split and filtered by the attributes of ONE `table` only.

    One table, because a measure that several tables told would tie their attributes together and could give away a
    small group; whoever asks by other attributes is refused. Within its table the measure's labels are its own.

    Parameters
    ----------
    read : function of attributes -> frame
        One row per cell, a column per attribute (as `cells_of`), and what `measures` needs.
    measures : function of that frame -> array of shape (rows, measures)
        What must reach the threshold in every cell: a numerator, its complement, people at a visit.
    table : attributes
        One of the policy's tables. Always the same one for the same measure.
    start : Grouping
        Not used for other attributes than the question's; the plan of pairs where not given.
    """
    if asked.is_own:
        return _as_they_are(asked)
    plan = asked.plan
    if not plan.possible or not set(asked.attributes) <= set(table):
        return Grouping({}, {}, possible=False)
    table = tuple(sorted(table))
    frame = read(table)
    begun = {**plan.people.labels, **(start.labels if start else {})}
    counted = frame[(frame["first_band"] != questions.NOT_RECORDED)] if "first_band" in table else frame
    values = tuple(tuple(sorted(counted[name].unique())) for name in table)
    counts = np.zeros((*map(len, values), measures(counted).shape[1]), dtype=np.int64)
    places = tuple(
        counted[name].map({value: place for place, value in enumerate(known)}).to_numpy(dtype=np.intp)
        for name, known in zip(table, values, strict=True)
    )
    np.add.at(counts, places, measures(counted))
    labels = merge_tables([TableCounts(table, values, counts)], asked.policy.threshold, begun, order=places_of)
    if labels is None:
        return Grouping({}, {}, possible=False)
    return _for_question(asked, labels, True, {})


def checked_plan(asked: Asked, grouping: Grouping) -> tuple[Axes, str, tuple[str, ...]]:
    """The axes to ask `questions` with, the label of the people shown (`everybody`: the axes filter), and notes.

    Raises
    ------
    DisclosureRefused
        Too few people stand behind the answer, a filter's value is unknown or was merged, or there is one group only.
    """
    question, policy = asked.question, asked.policy
    if asked.is_own:
        filters = tuple(Filter(name, value) for name, value in question.only)
        return Axes(question.group_by, filters=filters), EVERYBODY, ()
    if not asked.plan.possible or (not grouping.possible and not asked.attributes):
        raise DisclosureRefused(f"Fewer than {policy.threshold} people stand behind this answer, so it is not shown.")
    if not grouping.possible:
        raise DisclosureRefused(
            f"By {_listed([_named(name) for name in asked.attributes])}, this would rest on too few people in some group, "
            "so it is not shown."
        )
    shown = {name: _shown_labels(labels, grouping.names.get(name)) for name, labels in grouping.labels.items()}
    filters = tuple(
        Filter(name, _label_of_filter(asked, grouping, name, value, shown[name]), shown[name])
        for name, value in question.only
    )
    notes = []
    if question.group_by:
        notes += _notes_of_groups(asked, grouping, shown[question.group_by])
    notes.append(f"Counts are rounded to the nearest {policy.round_to}.")
    if asked.leave_out:
        notes.append(
            f"People who started in {_listed(asked.leave_out)} are left out until the data reach {policy.follow_up_days} days "
            "past that quarter's end."
        )
    axes = Axes(
        first=question.group_by,
        first_labels=shown.get(question.group_by) if question.group_by else None,
        filters=filters,
        table=asked.table,
        leave_out=asked.leave_out,
    )
    return axes, EVERYBODY, tuple(notes)


def _shown_labels(labels: Mapping[str, str], name: str | None) -> Mapping[str, str]:
    """The labels as they are shown: 'smaller groups' by its name, where it has one."""
    return (
        labels
        if name is None
        else {value: name if label == SMALLER_GROUPS else label for value, label in labels.items()}
    )


def _label_of_filter(asked: Asked, grouping: Grouping, attribute: str, value: str, shown: Mapping[str, str]) -> str:
    """The shown label of the filter; it must be the same people as in every other answer."""
    people = asked.plan.people
    everywhere = _shown_labels(people.labels[attribute], people.names.get(attribute))
    wanted = SMALLER_GROUPS if value == everywhere.get(value) == SMALLER_GROUPS else value
    if value in (SMALLER_GROUPS, people.names.get(attribute)):
        wanted = SMALLER_GROUPS
    members = {each for each, label in people.labels[attribute].items() if label == wanted}
    if not members and wanted not in people.labels[attribute]:
        raise DisclosureRefused(f"No {_named(attribute)} '{value}' is in these data.")
    found = {shown[each] for each in members}
    if len(found) == 1 and members == {each for each, label in shown.items() if label in found}:
        return next(iter(found))
    raise DisclosureRefused(
        f"Too few people of {_named(attribute)} '{value}' for this answer (fewer than {asked.policy.threshold} in one of "
        "its parts), so it is not shown."
    )


def _notes_of_groups(asked: Asked, grouping: Grouping, shown: Mapping[str, str]) -> list[str]:
    name, threshold = _named(asked.question.group_by), asked.policy.threshold
    if len(set(shown.values())) == 1 and len(shown) > 1:
        raise DisclosureRefused(
            f"Split by {name}, some group would hold fewer than {threshold} people; it is not shown."
        )
    merged = [value for value, label in grouping.first.items() if label == SMALLER_GROUPS]
    together = [value for value, label in grouping.first.items() if label not in (value, SMALLER_GROUPS)]
    notes = []
    if merged:
        label = shown[merged[0]]
        notes.append(
            f"{len(merged)} groups by {name} are shown together as '{label}', because a part of each holds fewer than "
            f"{threshold} people."
        )
    if together:
        notes.append(f"Neighbouring groups by {name} are shown together where a part of one holds too few people.")
    return notes


def context_of(asked: Asked, notes: tuple[str, ...]) -> released.ReleasedContext:
    """What the answer says of itself. In the own mode it says that it is internal."""
    scale, info, policy = asked.scale, asked.info, asked.policy
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
        policy=f"{policy.id} {policy.version}",
        mode=policy.mode,
        mode_note=policy.mode_note,
    )


def in_filter(cells: pd.DataFrame, shown_filter: str) -> pd.DataFrame:
    """The cells of the people shown, by name; what was merged as 'smaller groups' stands last."""
    cells = cells[cells["second_axis"] == shown_filter]
    return cells.sort_values("first_axis", key=lambda column: column.map(in_order))


def in_order(label: str) -> tuple[bool, bool, float, str]:
    """Sorts labels: ages, durations and thirds of a scale as they grow, others by name; last what is not recorded, and what
    was merged."""
    found = _BEGINS_WITH_NUMBER.match(label)
    place = float(questions.BANDS.index(label)) if label in questions.BANDS else 0.0
    if found:
        place = int(found[2]) + {"under ": -0.5, "over ": 0.5}.get(found[1], 0.0)
    return label.endswith(SMALLER_GROUPS), label.endswith(NOT_RECORDED), place, label


def everybody_in(asked: Asked, cells: pd.DataFrame) -> tuple[int, int]:
    """(People with two scores, people with any) behind an answer with these cells, each person once.

    Where somebody may stand in several groups (findings) it is asked for anew; else it is the sum of the cells.
    """
    if asked.question.group_by in questions.LISTS:
        unsplit = replace(asked, question=replace(asked.question, group_by=None))
        axes = checked_plan(unsplit, plan_pairs(unsplit))[0]
        cells = questions.change_cells(asked.store, asked.info, asked.scale, axes)
    return int(cells["pairs"].sum()), int(cells["any_score"].sum())


def may_tell_missing(asked: Asked, attributes: Sequence[str] | None = None) -> bool:
    """Whether it may be told how many people have any score, by these attributes (the question's where none are given).

    Beside those with two scores it tells how many have no later one; and of the same people those of another questionnaire.
    """
    if asked.is_own:
        return True
    wanted = set(asked.attributes if attributes is None else attributes)
    return () in asked.plan.complete and any(wanted <= set(each) for each in asked.plan.complete)


def missing_counts(asked: Asked, attributes: Sequence[str]) -> pd.DataFrame:
    """Per cell of these attributes, a column each: `gone`, the people without a later score, and, for each other instrument
    of the source, how many more have any score than have two of that one.

    Each must be none of few before it is told how many have any score. Exact, never to be shown.
    """
    cells = cells_of(asked, attributes)
    found = cells[list(attributes)].assign(gone=cells["any_score"] - cells["pairs"])
    for name in asked.info.instruments:
        if name in asked.instruments and name != asked.scale.id:
            other = cells_of(replace(asked, scale=asked.instruments[name]), attributes)
            both = cells.merge(other, on=list(attributes), how="left", suffixes=("", "_other"))
            rest = both["any_score"] - both["pairs_other"].fillna(0).astype(np.int64)
            if (rest >= 0).any():
                found[f"beside {name}"] = rest.to_numpy()
    return found


def completeness_of(
    asked: Asked, cells: pd.DataFrame
) -> tuple[released.ReleasedShare, Mapping[str, released.ReleasedShare]]:
    """How many people with any score have a first and a later one: of the people shown, and of each group.

    `cells` are those of `questions.change_cells` with the axes of the question.
    """
    mine = {str(row.first_axis): (int(row.pairs), int(row.any_score)) for row in cells.itertuples()}
    whole = everybody_in(asked, cells)
    told, by_group = may_tell_missing(asked, ()), may_tell_missing(asked)

    def share(pairs: int, people: int) -> released.ReleasedShare:
        # How many have two scores is told with every answer; how many have any score, here only.
        return released.released_share(pairs, people, asked.policy, whole_is_told=False)

    return (
        share(*whole) if told and (by_group or not asked.question.only) else released.HIDDEN_BY_GROUP,
        {label: share(*pair) if by_group else released.HIDDEN_BY_GROUP for label, pair in mine.items()},
    )
