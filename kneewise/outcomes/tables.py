"""The plan of release of one instrument of one source: which tables there are, and one label per value in all of them.

What is released is a set of tables whose cells all hold enough people. Three kinds of counts stand in them: people
with a first and a later score (`people`), those of them who improved by the important change or did not
(`responders`), and how much they changed, in bins (`changes`). Each kind is finer than the one before, so its labels
may be coarser; but an attribute that joins two tables has the same labels in all kinds. Only so do all tables together
stay a decomposable model, for which the most people who can stand in a cell of everything at once is the smallest of
its table cells.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kneewise.disclosure.grouping import (
    EVERYBODY,
    NOT_RECORDED,
    SMALLER_GROUPS,
    Labels,
    TableCounts,
    bits_of,
    merge_bins,
    merge_tables,
    relabelled,
)
from kneewise.disclosure.policy import PART_OF, Policy
from kneewise.outcomes import questions
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.store import SourceInfo, Store

FINE_BINS = 24
"""About so many bins part the range of a change."""
ORDERED = ("age_band", "symptom_duration", "start_year")
KEPT_BITS = 0.5
"""Joining attributes are merged further for the sake of responders only while this share of what they tell is left."""
NAMED_FROM = 3
"""'Smaller groups' are called after their largest value from so many times the threshold of people on."""
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_JUST_ABOVE = 1e-6

Table = tuple[str, ...]
Bins = tuple[tuple[int, int], ...]
"""(first, last) of the fine bins that are one bin together, both included."""


@dataclass(frozen=True)
class Kind:
    """One kind of counts: the tables in which it is released, and the labels of their values."""

    tables: tuple[Table, ...] = ()
    labels: Labels = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """What 'smaller groups' of an attribute is called where most of it is one value."""

    def table_of(self, attributes: Sequence[str]) -> Table | None:
        """The first of its tables with all these attributes, the empty one for none, None where there is no such
        table."""
        if not attributes:
            return ()
        return next((table for table in self.tables if set(attributes) <= set(table)), None)


@dataclass(frozen=True)
class Plan:
    """What may be released of one instrument of one source.

    `possible`: whether enough people have two scores. `edges` are the ends of the fine bins of a change; `whole_bins`
    are the bins of everybody and `bins` those of groups, per table: the same for tables that share attributes.
    `complete` are the attributes or whole tables by which it may be said how many have no later score. `dropped` says
    why a kind is not in a table. `leave_out` are the starting quarters whose follow-up is still open.
    """

    possible: bool
    people: Kind
    responders: Kind
    changes: Kind
    edges: tuple[float, ...]
    whole_bins: Bins
    bins: Mapping[Table, Bins]
    complete: frozenset[Table]
    dropped: tuple[tuple[str, Table, str], ...]
    leave_out: tuple[str, ...]


def plan_of(store: Store, info: SourceInfo, scale: InstrumentRange, instruments: Instruments, policy: Policy) -> Plan:
    """The plan of release, made once per version of the data.

    The instruments of a source are asked of the same people. So they are planned in one order, those of most people
    first, and what one merges the next ones merge too: then no two instruments tell a small group apart together.
    """
    key = (info.source, policy, tuple(sorted(instruments.items())))
    leave_out = questions.open_quarters(store, info, policy.follow_up_days) if policy.whole_periods else ()

    def order() -> list[InstrumentRange]:
        known = {name: instruments[name] for name in info.instruments if name in instruments} | {scale.id: scale}
        sizes = {
            name: int(questions.table_cells(store, info, each, (), leave_out)["pairs"].iloc[0])
            for name, each in known.items()
        }
        return [known[name] for name in sorted(known, key=lambda name: (-sizes[name], name))]

    def before() -> list[InstrumentRange]:
        return list(itertools.takewhile(lambda each: each.id != scale.id, store.remembered(("plans", *key), order)))

    def make() -> Plan:
        earlier = before()
        start: Labels = {}
        if earlier:
            labels = plan_of(store, info, earlier[-1], instruments, policy).people.labels
            start = {name: of_values for name, of_values in labels.items() if name != "first_band"}
        others = [each for each in store.remembered(("plans", *key), order) if each.id != scale.id]
        return _one_plan(store, info, scale, others, policy, start, leave_out)

    return store.remembered(("plan", scale.id, *key), make)


def _one_plan(
    store: Store,
    info: SourceInfo,
    scale: InstrumentRange,
    others: Sequence[InstrumentRange],
    policy: Policy,
    start: Labels,
    leave_out: Table,
) -> Plan:
    threshold = policy.threshold
    everybody = questions.table_changes(store, info, scale, (), leave_out)
    edges, step = _edges_with_important_change(everybody["change"], scale)
    counted = {
        table: _Counted.of(store, info, scale, table, edges, leave_out)
        for table in ((), *map(policy.with_wholes, policy.tables))
    }
    rivals = {
        table: [each.pairs_of(store, info, other, leave_out) for other in others] for table, each in counted.items()
    }
    whole = counted.pop(())
    if whole.pairs.sum() < threshold:
        return Plan(False, Kind(), Kind(), Kind(), tuple(edges), (), {}, frozenset(), (), leave_out)
    plain = [table for table in counted if not _is_part(table)]
    joining = {name for name in itertools.chain(*counted) if sum(name in table for table in counted) > 1}
    people = _merged(counted, plain, "pairs", threshold, start)
    told = scale.important_change is not None and whole.responders.min() >= threshold
    with_responders = _tables_for_responders(counted, plain, joining, people, threshold) if told else []
    responders: dict[str, dict[str, str]] = {}
    if with_responders:
        found = _merged(counted, with_responders, "responders", threshold, people)
        settled = {name: labels for name, labels in found.items() if name in joining}
        people = _merged(counted, plain, "pairs", threshold, {**start, **settled}, set(settled))
        responders = _merged(counted, with_responders, "responders", threshold, people, joining)
    # A quarter lies within its year, whose labels stand now.
    parts = [table for table in counted if _is_part(table)]
    for table in parts:
        each = counted[table]
        # Where no other table holds the years, all quarters lie in one whole.
        labels = {name: dict.fromkeys(values, EVERYBODY) for name, values in zip(table, each.values, strict=True)}
        begun = {value: start.get(table[0], {}).get(value, value) for value in each.values[0]}
        people |= _part_labels(each.counts("pairs"), each.everybody(), labels | people | {table[0]: begun}, threshold)
        if set(table[1:]) <= set(responders):
            labels = {**responders, table[0]: people[table[0]]}
            responders |= _part_labels(each.counts("responders"), each.everybody(), labels, threshold)
            with_responders.append(table)
    sizes = _sizes(counted)
    kinds = (
        Kind((*plain, *parts), people, _names(people, sizes, threshold)),
        Kind(tuple(with_responders), responders, _names(responders, sizes, threshold)),
    )
    middle = (step,) if told or scale.important_change is None else ()
    ends = Ends(len(edges) - 1, middle, tuple(range(step - 1, 0, -1)), tuple(range(step + 1, len(edges) - 1)))
    found = [
        _plan_changes(
            {table: counted[table] for table in part},
            kinds[1] if kinds[1].tables else kinds[0],
            ends,
            threshold,
            joining,
        )
        for part in _apart(list(counted))
    ]
    changes = Kind(
        tuple(itertools.chain.from_iterable(kind.tables for kind, _ in found)),
        {name: labels for kind, _ in found for name, labels in kind.labels.items()},
        {name: label for kind, _ in found for name, label in kind.names.items()},
    )
    whole_bins = _peeled(
        ends, lambda bins: all(whole.changes[first : last + 1].sum() >= threshold for first, last in bins)
    )
    return Plan(
        possible=True,
        people=kinds[0],
        responders=kinds[1],
        changes=changes,
        edges=tuple(edges),
        whole_bins=whole_bins,
        bins={table: bins for kind, bins in found for table in kind.tables},
        complete=_complete({(): whole, **counted}, people, rivals, threshold),
        dropped=tuple(
            (kind, table, "an attribute that joins it to other tables would tell too little")
            for kind, made in (("responders", with_responders), ("changes", changes.tables))
            for table in counted
            if table not in made
        ),
        leave_out=leave_out,
    )


def _apart(tables: Sequence[Table]) -> list[list[Table]]:
    """The tables in parts that share no attribute, not even through other tables."""
    parts: list[list[Table]] = []
    for table in tables:
        joined = [part for part in parts if any(set(table) & set(other) for other in part)]
        parts = [part for part in parts if part not in joined] + [[*itertools.chain.from_iterable(joined), table]]
    return parts


def places_of(attribute: str, values: Collection[str]) -> dict[str, float]:
    """The place of each value along an attribute that has an order (ages, durations, scores, years); else empty.

    "under 18" comes before "18 to 39", "60 and over" and "over 12 months" after what ends there.
    """
    if attribute == "first_band":
        return {band: place for place, band in enumerate(questions.BANDS) if band in values}
    found = {}
    for value in values if attribute in ORDERED else ():
        number = re.search(r"\d+", value)
        if number:
            found[value] = int(number[0]) + 0.5 * (value.endswith("over") or value.startswith("over"))
            found[value] -= 0.5 * value.startswith("under")
    return found


def _is_part(table: Sequence[str]) -> bool:
    """Whether the table holds an attribute beside the one whose values it parts: quarters with their years."""
    return any(PART_OF.get(name) in table for name in table)


@dataclass(frozen=True)
class _Counted:
    """One table's exact counts: per cell pairs, (responders, others), people without a later score, changes per fine
    bin."""

    table: Table
    values: tuple[tuple[str, ...], ...]
    pairs: np.ndarray
    responders: np.ndarray
    gone: np.ndarray
    changes: np.ndarray

    @classmethod
    def of(
        cls,
        store: Store,
        info: SourceInfo,
        scale: InstrumentRange,
        table: Table,
        edges: Sequence[float],
        leave_out: Table,
    ) -> _Counted:
        """The counts of the table, from the store."""
        cells = questions.table_cells(store, info, scale, table, leave_out)
        changes = questions.table_changes(store, info, scale, table, leave_out)
        values = tuple(tuple(sorted(cells[name].unique())) for name in table)
        bins = len(edges) - 1
        cells = cells.assign(others=cells["pairs"] - cells["responders"], gone=cells["any_score"] - cells["pairs"])
        # Ends are met up to rounding, as in `questions.change_counts`.
        found = np.searchsorted(np.asarray(edges[1:-1]) - 1e-9, changes["change"].to_numpy(dtype=float), side="right")
        shape = tuple(map(len, values))

        def spread(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
            counts = np.zeros((1, *shape, len(columns)), dtype=np.int64)
            np.add.at(counts, places(frame), frame[columns].to_numpy(dtype=np.int64))
            return counts[0]

        def places(frame: pd.DataFrame) -> tuple[np.ndarray, ...]:
            # One axis more, of one place: the table of everybody has no other.
            along = (
                frame[name].map({value: place for place, value in enumerate(known)}).to_numpy(dtype=np.intp)
                for name, known in zip(table, values, strict=True)
            )
            return np.zeros(len(frame), dtype=np.intp), *along

        binned = np.zeros((1, *shape, bins), dtype=np.int64)
        np.add.at(binned, (*places(changes), found), changes["pairs"].to_numpy(dtype=np.int64))
        return cls(
            table=table,
            values=values,
            pairs=spread(cells, ["pairs"]),
            responders=spread(cells, ["responders", "others"]),
            gone=spread(cells, ["gone"]),
            changes=binned[0],
        )

    def pairs_of(self, store: Store, info: SourceInfo, other: InstrumentRange, leave_out: Table) -> np.ndarray:
        """People with two scores of another instrument in the cells of this table; who is in none of them is left out."""
        found = np.zeros(self.pairs.shape[:-1], dtype=np.int64)
        if "first_band" in self.table:  # a first score of the other instrument tells nothing of this one's
            return found
        for row in questions.table_cells(store, info, other, self.table, leave_out).itertuples():
            cell = [getattr(row, name) for name in self.table]
            if all(value in known for value, known in zip(cell, self.values, strict=True)):
                found[tuple(known.index(value) for value, known in zip(cell, self.values, strict=True))] += row.pairs
        return found

    def counts(self, measure: str) -> TableCounts:
        """One kind of counts. Whoever has no first score stands in no pair, so that band is no cell of pairs."""
        counts, values = getattr(self, measure), list(self.values)
        for axis, name in enumerate(self.table):
            if name == "first_band" and NOT_RECORDED in values[axis]:
                counts = np.delete(counts, values[axis].index(NOT_RECORDED), axis=axis)
                values[axis] = tuple(value for value in values[axis] if value != NOT_RECORDED)
        return TableCounts(self.table, tuple(values), counts)

    def everybody(self) -> TableCounts:
        """People with any score."""
        return TableCounts(self.table, self.values, self.pairs + self.gone)


def _merged(
    counted: Mapping[Table, _Counted],
    tables: Sequence[Table],
    measure: str,
    threshold: int,
    start: Labels,
    fixed: set[str] | frozenset[str] = frozenset(),
) -> dict[str, dict[str, str]]:
    merged = merge_tables([counted[table].counts(measure) for table in tables], threshold, start, fixed, places_of)
    if merged is None:
        raise AssertionError("what is fixed was found to be enough before")
    return merged


def _tables_for_responders(
    counted: Mapping[Table, _Counted], tables: Sequence[Table], joining: set[str], people: Labels, threshold: int
) -> list[Table]:
    """The tables in which responders can be told without making an attribute that joins tables tell much less."""
    left, sizes = list(tables), _sizes(counted)
    while left:
        found = _merged(counted, left, "responders", threshold, people)
        lost = set()
        for name in joining & set(found):
            before, after = (_bits(sizes[name], labels[name]) for labels in (people, found))
            if after < KEPT_BITS * before:
                lost.add(name)
        if not lost:
            return left
        left = [table for table in left if not lost & set(table)]
    return left


def _bits(sizes: Mapping[str, int], labels: Mapping[str, str]) -> float:
    merged: dict[str, int] = {}
    for value, size in sizes.items():
        merged[labels[value]] = merged.get(labels[value], 0) + size
    return bits_of(list(merged.values()))


def _sizes(counted: Mapping[Table, _Counted]) -> dict[str, dict[str, int]]:
    """People with two scores per value of every attribute."""
    found: dict[str, dict[str, int]] = {}
    for table, each in counted.items():
        plain = each.counts("pairs")
        for axis, name in enumerate(table):
            along = plain.counts[..., 0].sum(axis=tuple(other for other in range(len(table)) if other != axis))
            found[name] = dict(zip(plain.values[axis], along.tolist(), strict=True))
    return found


def _names(labels: Labels, sizes: Mapping[str, Mapping[str, int]], threshold: int) -> dict[str, str]:
    """What 'smaller groups' is called where half of it or more is one value: 'male with smaller groups'.

    Only of a group so large that this says of nobody else in it that they are few.
    """
    found = {}
    for name, of_values in labels.items():
        inside = {value: sizes[name].get(value, 0) for value, label in of_values.items() if label == SMALLER_GROUPS}
        everybody = sum(inside.values())
        largest = max(inside, key=lambda value: (inside[value], value), default="")
        if everybody >= NAMED_FROM * threshold and 2 * inside[largest] >= everybody:
            found[name] = f"{largest} with {SMALLER_GROUPS}"
    return found


def _part_labels(
    counts: TableCounts, members: TableCounts, labels: Labels, threshold: int
) -> dict[str, dict[str, str]]:
    """Labels of an attribute whose values are parts of another's: neighbours are merged within one label of the whole.

    Parameters
    ----------
    counts : the measures that must reach the threshold
    members : everybody of the table, to tell which whole a part belongs to
    labels : those of the whole; where the part has labels already, they are merged further
    """
    part = counts.attributes[0]
    whole = PART_OF[part]
    by_part = _by_two(counts, part, whole).sum(axis=1)
    lies_in = _by_two(members, part, whole)[..., 0].argmax(axis=1)
    wholes = [labels[whole][members.values[members.attributes.index(whole)][place]] for place in lies_in]
    found: dict[str, str] = {}
    for label in sorted(set(wholes)):
        runs: list[tuple[list[str], np.ndarray]] = []
        for value, row, inside in zip(counts.values[0], by_part, wholes, strict=True):
            if inside != label:
                continue
            told = labels.get(part, {})
            if runs and part in labels and told[runs[-1][0][-1]] == told[value]:
                runs[-1] = ([*runs[-1][0], value], runs[-1][1] + row)
            else:
                runs.append(([value], row))
        for first, last in merge_bins(np.stack([row for _, row in runs], axis=1), threshold):
            values = list(itertools.chain.from_iterable(names for names, _ in runs[first : last + 1]))
            name = values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"
            found |= dict.fromkeys(values, name)
    return {part: found}


def _by_two(counts: TableCounts, one: str, other: str) -> np.ndarray:
    """The counts by two attributes of the table, summed over the rest; the measures stay last."""
    axes = [counts.attributes.index(name) for name in (one, other)]
    moved = np.moveaxis(counts.counts, axes, (0, 1))
    return moved.sum(axis=tuple(range(2, moved.ndim - 1)))


def _plan_changes(
    counted: Mapping[Table, _Counted], base: Kind, ends: Ends, threshold: int, joining: set[str]
) -> tuple[Kind, Bins]:
    """The tables, labels and bins of the distribution by group, with as many bins as there can be without merging more.

    Where responders are told their bins are two of them, so nothing needs merging; else everything that joins must
    stay.
    """
    tables = [table for table in base.tables if table in counted]
    plain = [table for table in tables if not _is_part(table)]
    if not plain:
        return Kind(), ()

    def labels_with(bins: Bins) -> dict[str, dict[str, str]] | None:
        binned = [_in_bins(counted[table].counts("changes"), bins) for table in plain]
        return merge_tables(binned, threshold, base.labels, joining, places_of)

    def enough(bins: Bins) -> bool:
        labels = labels_with(bins)
        return labels is not None and all(labels[name] == base.labels[name] for name in labels)

    bins = _peeled(ends, enough)
    labels = labels_with(bins)
    if len(bins) < 2 or labels is None:
        return Kind(), ()
    for table in tables:
        if _is_part(table):
            binned = _in_bins(counted[table].counts("changes"), bins)
            told = {**labels, table[0]: base.labels[table[0]]}
            labels |= _part_labels(binned, counted[table].everybody(), told, threshold)
    return Kind(tuple(tables), labels, _names(labels, _sizes(counted), threshold)), bins


def _in_bins(table: TableCounts, bins: Sequence[tuple[int, int]]) -> TableCounts:
    parts = [table.counts[..., first : last + 1].sum(axis=-1) for first, last in bins]
    return TableCounts(table.attributes, table.values, np.stack(parts, axis=-1))


@dataclass(frozen=True)
class Ends:
    """Where bins may end: always at `fixed`; then, outwards in this order as far as enough people are left, at `lower`
    and `upper`.

    Always the same order, so that the bins of more people lie within those of fewer: bins that crossed those of the
    last publication would give away the people in between.
    """

    last: int
    fixed: tuple[int, ...]
    lower: tuple[int, ...]
    upper: tuple[int, ...]


def _peeled(ends: Ends, enough: Callable[[Bins], bool]) -> Bins:
    """The bins that end at as many of the ends as leave enough people in each."""
    kept = [*ends.fixed]
    for side in (ends.upper, ends.lower):
        for end in side:
            if not enough(_between([*kept, end], ends.last)):
                break
            kept.append(end)
    return _between(kept, ends.last)


def _between(ends: Sequence[int], last: int) -> Bins:
    return tuple((begin, end - 1) for begin, end in itertools.pairwise(sorted({0, *ends, last})))


def _complete(
    counted: Mapping[Table, _Counted], people: Labels, rivals: Mapping[Table, Sequence[np.ndarray]], threshold: int
) -> frozenset[Table]:
    """The tables, and attributes by themselves, of which it may be told how many people have any score.

    In every cell enough of them have no later score. Nor may they be few more than those with two scores of another
    instrument (`rivals`): the same people may have been asked both. Of everybody (the empty table) a bound is told where few
    have no later score, so that is enough. Nobody without a first score is no cell: that tells of no group that it is small.
    """
    found: set[Table] = set()
    for table, each in counted.items():
        for attributes in {table, *((name,) for name in table)}:
            others = tuple(axis for axis, name in enumerate(table) if name not in attributes)
            values = tuple(values for name, values in zip(table, each.values, strict=True) if name in attributes)

            def summed(
                counts: np.ndarray,
                attributes: Table = attributes,
                values: tuple[tuple[str, ...], ...] = values,
                others: tuple[int, ...] = others,
            ) -> np.ndarray:
                cells = relabelled(TableCounts(attributes, values, counts.sum(axis=others)), people).counts[..., 0]
                return cells.sum(axis=1) if _is_part(attributes) else cells

            gone, everybody = summed(each.gone), summed(each.pairs + each.gone)
            enough = gone >= threshold
            if "first_band" in attributes:
                enough |= gone == 0
            if not attributes:
                enough |= gone < threshold
            apart = [everybody - summed(pairs[..., None]) for pairs in rivals[table]]
            close = [(rest >= 0) & (rest < threshold) & (gone >= threshold) for rest in apart]
            if enough.all() and not any(each.any() for each in close):
                found.add(attributes)
    return frozenset(found)


def bin_edges(scale: InstrumentRange) -> list[float]:
    """Ends of the fine bins of a change on this scale: nice steps, nought is an end, the outer bins are open."""
    width = scale.maximum - scale.minimum
    rough = 2 * width / FINE_BINS
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(nice * power for nice in _NICE_STEPS if nice * power >= rough * (1 - 1e-9)))
    places = int(np.ceil(width / step - 1e-9))
    return [round(place * step, 10) for place in range(-places, places + 1)]


def _edges_with_important_change(changes: pd.Series, scale: InstrumentRange) -> tuple[list[float], int]:
    """The ends of the fine bins, and the place of the one that parts responders from the others: nought where no
    change is known to be important.

    Bins that parted people elsewhere near it would, beside the number of responders, give away those in between.
    """
    edges = bin_edges(scale)
    if scale.important_change is None:
        return edges, edges.index(0)
    values = changes.dropna().unique()
    improved = questions.is_responder(values, scale)
    wanted = scale.important_change if scale.higher_is_better else -scale.important_change + _JUST_ABOVE
    for place in sorted(range(1, len(edges) - 1), key=lambda place: abs(edges[place] - wanted)):
        above = values >= edges[place] - 1e-9
        if np.array_equal(above if scale.higher_is_better else ~above, improved):
            return edges, place
    edges = sorted([*edges, wanted])
    return edges, edges.index(wanted)
