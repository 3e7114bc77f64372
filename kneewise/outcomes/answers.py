"""Released answers: a question goes to the store, its counts through `disclosure`, and only the result comes back.

What a page, a notebook and the command line can all call. An answer is split by at most one attribute of the grid and
restricted to at most one value of another one.
"""

from __future__ import annotations

import contextlib
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

FINE_BINS = 24
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

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
class _Asked:
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


def _check(store: Store, question: Question, instruments: Instruments, policy: Policy | None) -> _Asked:
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
    return _Asked(store, info, instruments[question.instrument], question, policy)


def _remembered(answer: Callable) -> Callable:
    """The same answer, worked out once per store version: a rerun of a page asks the same again."""

    @functools.wraps(answer)
    def ask(store: Store, question: Question, instruments: Instruments, policy: Policy | None = None) -> object:
        policy = policy or read_policy()
        key = (answer.__name__, question, instruments.get(question.instrument), policy)
        return store.remembered(key, lambda: answer(store, question, instruments, policy))

    return ask


def _cells(asked: _Asked, attributes: tuple[str | None, str | None]) -> pd.DataFrame:
    # The plans of several answers start from the same table; nobody changes it.
    key = ("cells", asked.info.source, asked.scale, attributes)
    return asked.store.remembered(
        key, lambda: questions.change_cells(asked.store, asked.info, asked.scale, Axes(*attributes))
    )


def _grouping(cells: pd.DataFrame, measures: Measures, policy: Policy, start: Sequence[Grouping] = ()) -> Grouping:
    firsts, seconds = sorted(cells["first_axis"].unique()), sorted(cells["second_axis"].unique())
    values = measures(cells)
    table = np.zeros((len(firsts), len(seconds), values.shape[1]), dtype=np.int64)
    rows = [firsts.index(value) for value in cells["first_axis"]]
    columns = [seconds.index(value) for value in cells["second_axis"]]
    table[rows, columns] = values
    return merge_small(firsts, seconds, table, policy.threshold, start)


def _pairs_measure(cells: pd.DataFrame) -> np.ndarray:
    return cells[["pairs"]].to_numpy()


def _responder_measure(cells: pd.DataFrame) -> np.ndarray:
    return np.column_stack([cells["pairs"], cells["responders"], cells["pairs"] - cells["responders"]])


def _plan(asked: _Asked, read: Callable[[tuple], pd.DataFrame], measures: Measures, start: Grouping | None) -> Grouping:
    """The grouping of the whole two-way table; coarser tables' merges come first, so that released groups nest."""
    group, only = asked.attributes
    # In one order of the attributes, whichever of them groups and whichever filters.
    first, second = sorted((group, only), key=lambda name: (name is None, name or ""))
    begun = [_flipped(start)] if start and (first, second) != (group, only) else [start] if start else []
    one_way = []
    if first and second:
        for name, place in ((first, 0), (second, 1)):
            alone = _grouping(read((name, None)), measures, asked.policy)
            if alone.possible:
                blank: Mapping[str, str] = {}
                labels = alone.first
                one_way.append(Grouping(labels, blank, True) if place == 0 else Grouping(blank, labels, True))
    found = _grouping(read((first, second)), measures, asked.policy, [*begun, *one_way])
    return found if (first, second) == (group, only) else _flipped(found)


def _flipped(grouping: Grouping) -> Grouping:
    return Grouping(grouping.second, grouping.first, grouping.possible)


def _plan_pairs(asked: _Asked) -> Grouping:
    return _plan(asked, lambda attributes: _cells(asked, attributes), _pairs_measure, None)


def _checked_plan(asked: _Asked, grouping: Grouping) -> tuple[Axes, str, tuple[str, ...]]:
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


def _context(asked: _Asked, notes: tuple[str, ...]) -> released.ReleasedContext:
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


def _in_filter(cells: pd.DataFrame, shown_filter: str) -> pd.DataFrame:
    cells = cells[cells["second_axis"] == shown_filter]
    # 'smaller groups' last, whatever its name sorts to.
    return cells.sort_values("first_axis", key=lambda column: column.map(lambda name: (name == SMALLER_GROUPS, name)))


def _completeness(
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


@_remembered
def answer_change(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedChange:
    """Released change from first to last score, per group.

    Raises
    ------
    StoreError
        The store holds no such source or instrument.
    DisclosureRefused
        The answer, or its split by this attribute, rests on too few people.
    """
    asked = _check(store, question, instruments, policy)
    axes, shown_filter, notes = _checked_plan(asked, _plan_pairs(asked))
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    return released.release_change(
        _context(asked, notes),
        _change_cells(_in_filter(cells, shown_filter)),
        _completeness(cells, shown_filter, asked.policy),
        asked.policy,
    )


@_remembered
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
    asked = _check(store, question, instruments, policy)
    if asked.scale.important_change is None:
        raise StoreError(f"No important change of {asked.scale.name} is known, so nobody can be called a responder.")
    pairs = _plan_pairs(asked)
    if any(asked.attributes):
        grouping = _plan(asked, lambda attributes: _cells(asked, attributes), _responder_measure, pairs)
    else:
        # The whole may be answered with a bound; a split may not.
        grouping = pairs
    axes, shown_filter, notes = _checked_plan(asked, grouping)
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    important = (asked.scale.important_change, asked.scale.important_change_status, asked.scale.source_text)
    return released.release_responders(
        _context(asked, notes),
        _change_cells(_in_filter(cells, shown_filter)),
        _completeness(cells, shown_filter, asked.policy),
        important,
        asked.policy,
    )


@_remembered
def answer_trend(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedTrend:
    """Released score over time, quartiles per visit window, per group. Raises as `answer_change`."""
    asked = _check(store, question, instruments, policy)
    windows = asked.info.visit_windows

    def merged_visits(labels: tuple) -> pd.DataFrame:
        return questions.visit_cells(store, asked.info, asked.scale.id, Axes(*asked.attributes, *labels), windows)

    def visits(attributes: tuple) -> pd.DataFrame:
        key = ("visits", asked.info.source, asked.scale.id, attributes)
        axes = Axes(*attributes)
        return store.remembered(key, lambda: questions.visit_cells(store, asked.info, asked.scale.id, axes, windows))

    # Which visits can be shown is decided on everybody, so that no split shows a visit that another one hides.
    everybody = visits((None, None)).set_index("visit")["n"]
    split = question.group_by or question.only
    least = max(asked.policy.threshold, asked.policy.window_share * everybody.max() if split else 0)
    kept = [place for place in range(len(windows)) if everybody.get(place, 0) >= least]

    def per_visit(attributes: tuple) -> pd.DataFrame:
        long = visits(attributes)
        wide = long.pivot_table(index=["first_axis", "second_axis"], columns="visit", values="n", fill_value=0)
        wide = wide.reindex(columns=kept, fill_value=0)
        pairs = _cells(asked, attributes).set_index(["first_axis", "second_axis"])["pairs"]
        wide = wide.reindex(wide.index.union(pairs.index), fill_value=0)
        wide["pairs"] = pairs.reindex(wide.index, fill_value=0)
        return wide.reset_index()

    def measure(cells: pd.DataFrame) -> np.ndarray:
        return cells[["pairs", *kept]].to_numpy()

    grouping = _plan(asked, per_visit, measure, _plan_pairs(asked))
    axes, shown_filter, notes = _checked_plan(asked, grouping)
    hidden = [windows[place].label for place in range(len(windows)) if place not in kept and everybody.get(place, 0)]
    if hidden:
        notes = (*notes, f"Too few people came to be shown at: {', '.join(hidden)}.")
    shown = merged_visits((axes.first_labels, axes.second_labels))
    shown = _in_filter(shown[shown["visit"].isin(kept)], shown_filter)
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    sizes = {row.first_axis: int(row.pairs) for row in cells.itertuples() if row.second_axis == shown_filter}
    groups = {
        label: [
            (
                windows[row.visit].label,
                windows[row.visit].from_day,
                windows[row.visit].to_day,
                int(row.n),
                row.quartiles,
            )
            for row in part.sort_values("visit").itertuples()
        ]
        for label, part in shown.groupby("first_axis", sort=False)
    }
    return released.release_trend(
        _context(asked, notes), groups, sizes, _completeness(cells, shown_filter, asked.policy), asked.policy
    )


@_remembered
def answer_distribution(
    store: Store, question: Question, instruments: Instruments, policy: Policy | None = None
) -> released.ReleasedDistribution:
    """Released distribution of change, for everybody, per group, or for one value of one attribute; not both at once.

    Raises as `answer_change`.
    """
    asked = _check(store, question, instruments, policy)
    if question.group_by and question.only:
        raise DisclosureRefused("A distribution can be split by one attribute or filtered by one, not both.")
    strict = asked.policy.model_copy(update={"threshold": asked.policy.distribution_group_from})
    attribute = question.group_by or (question.only[0] if question.only else None)
    start: list[Grouping] = []
    one_way = _Asked(store, asked.info, asked.scale, Question(question.instrument, group_by=attribute), asked.policy)
    if attribute:
        start = [_plan_pairs(one_way)]
    grouping = _grouping(_cells(asked, (attribute, None)), _pairs_measure, strict if attribute else asked.policy, start)
    if question.only:
        grouping = _flipped(grouping)
    axes, shown_filter, notes = _checked_plan(asked, grouping)
    edges = bin_edges(asked.scale)
    counted = questions.change_counts(store, asked.info, asked.scale, axes, edges)
    counted["cell"] = counted["second_axis"] if question.only else counted["first_axis"]
    counts = {
        str(label): np.bincount(part["bin"], weights=part["n"], minlength=len(edges) - 1).astype(int)
        for label, part in counted.groupby("cell")
    }
    shown = [shown_filter] if question.only else sorted(counts, key=lambda name: (name == SMALLER_GROUPS, name))
    cells = questions.change_cells(store, asked.info, asked.scale, axes)
    return released.release_distribution(
        _context(asked, notes), edges, counts, shown, _completeness(cells, shown_filter, asked.policy)[0], asked.policy
    )


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


def bin_edges(scale: InstrumentRange) -> list[float]:
    """Ends of the fine bins of a change on this scale: nice steps, nought is an end, the outer bins are open."""
    width = scale.maximum - scale.minimum
    rough = 2 * width / FINE_BINS
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(nice * power for nice in _NICE_STEPS if nice * power >= rough * (1 - 1e-9)))
    places = int(np.ceil(width / step - 1e-9))
    return [round(place * step, 10) for place in range(-places, places + 1)]


def list_choices(
    store: Store, instruments: Instruments, source: str | None = None, policy: Policy | None = None
) -> released.ReleasedChoices:
    """What can be asked of a source: its instruments, and each grid attribute's values with rounded counts.

    An attribute that is not recorded, has one value only, or can't be split, is left out.
    """
    policy = policy or read_policy()
    info = store.source(source)
    attributes = {}
    for attribute in policy.grid:
        frame = questions.episode_counts(store, info, attribute)
        if len(frame) < 2:
            continue
        values = list(frame["first_axis"])
        grouping = merge_small(values, [EVERYBODY], frame["n"].to_numpy().reshape(-1, 1, 1), policy.threshold)
        if not grouping.possible or len(set(grouping.first.values())) < 2:
            continue
        totals: dict[str, int] = {}
        for value, n in zip(values, frame["n"], strict=True):
            label = grouping.first[value]
            totals[label] = totals.get(label, 0) + int(n)
        order = sorted(totals, key=lambda name: (name == SMALLER_GROUPS, name))
        attributes[attribute] = {name: totals[name] for name in order}
    known = [name for name in info.instruments if name in instruments]
    return released.release_choices(info.source, info.label, info.synthetic, store.version, known, attributes, policy)
