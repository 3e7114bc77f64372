"""Merging small groups, so that every cell of a released table stands for enough people.

Why merging and not blanking: a blank can be filled again by subtraction from a total. Here *every* cell of every table
of the policy reaches the threshold, whichever of its cells is asked for, and a value has one label in all of them.
What the tables can give away together is bounded by the shape of their list (`disclosure.policy`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

SMALLER_GROUPS = "smaller groups"
EVERYBODY = "everybody"
NOT_RECORDED = "not recorded"

LATER = 4.0
"""By how much more readily an attribute is merged for every place that it stands later in its table."""

Labels = Mapping[str, Mapping[str, str]]
"""Attribute -> its values -> their released labels."""


@dataclass(frozen=True)
class Grouping:
    """Which values are released as they are; the others are merged into 'smaller groups'.

    `labels` maps every attribute of the question to its values and their labels. `first` is the label map of the
    grouping attribute, `second` that of the first filter. `names` has, per attribute, what 'smaller groups' is called
    where most of it is one value. `possible` is False when not even the whole reaches the threshold, or when the table
    of the question can't be made.
    """

    first: Mapping[str, str]
    second: Mapping[str, str]
    possible: bool
    labels: Labels = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TableCounts:
    """People in each cell of one table: `counts` has one axis per attribute, in the order of its values, then measures.

    A measure may be a numerator or its complement; the first one tells how large a value is.
    """

    attributes: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    counts: np.ndarray


def merge_tables(
    tables: Sequence[TableCounts],
    threshold: int,
    start: Labels | None = None,
    fixed: Collection[str] = (),
    order: Callable[[str, Collection[str]], Mapping[str, float]] | None = None,
) -> dict[str, dict[str, str]] | None:
    """One label per value of every attribute, so that every cell of every table reaches the threshold in every measure.

    Parameters
    ----------
    start : labels
        What is merged already stays merged.
    fixed : attribute names
        These are merged no further than `start` says.
    order : function of (attribute, values) -> value -> place
        Where values have an order: 'smaller groups' then begin with neighbours.

    Returns
    -------
    labels : attribute -> value -> label, or None where no merging is enough

    Notes
    -----
    Greedy: next comes the merge that takes the least away (in bits of knowing a person's label) per small cell that it
    touches; attributes that stand later in their table are merged more readily, those that join tables least. What is
    small is merged with the attribute's 'smaller groups', which begin with its smallest value, or with the smaller
    neighbour where there is an order. The answer depends on the whole tables only, never on what was asked for.
    """
    begun = start or {}
    labels: dict[str, dict[str, str]] = {}
    sizes: dict[str, dict[str, int]] = {}
    for table in tables:
        for axis, (attribute, values) in enumerate(zip(table.attributes, table.values, strict=True)):
            if attribute not in labels:
                known = begun.get(attribute, {})
                labels[attribute] = {value: known.get(value, value) for value in values}
                totals = _along(table.counts[..., 0], axis)
                sizes[attribute] = {}
                for value, total in zip(values, totals.tolist(), strict=True):
                    label = labels[attribute][value]
                    sizes[attribute][label] = sizes[attribute].get(label, 0) + total
    stands = {name: [table.attributes.index(name) for table in tables if name in table.attributes] for name in labels}
    ranks = {name: LATER ** (each[0] if len(each) == 1 else 0) for name, each in stands.items()}
    places = {name: order(name, tuple(of_values)) if order else {} for name, of_values in labels.items()}

    def partner(attribute: str, label: str) -> str:
        return _partner(sizes[attribute], label, labels[attribute], places[attribute])

    def cost(key: tuple[str, str]) -> tuple[float, int, tuple[str, str]]:
        attribute, label = key
        lost = _loss(sizes[attribute], label, partner(attribute, label))
        return lost / ranks[attribute] / small[key], sizes[attribute][label], key

    current = [relabelled(table, labels) for table in tables]
    while True:
        small: dict[tuple[str, str], int] = {}
        enough = True
        for table in current:
            cells = table.counts.min(axis=-1) < threshold
            enough &= not cells.any()
            for axis, attribute in enumerate(table.attributes):
                if attribute in fixed or len(table.values[axis]) == 1:
                    continue
                for label, count in zip(table.values[axis], _along(cells.astype(int), axis).tolist(), strict=True):
                    if count:
                        small[attribute, label] = small.get((attribute, label), 0) + count
        if enough:
            return labels
        if not small:
            return None
        attribute, label = min(small, key=cost)
        other = partner(attribute, label)
        into = {label: SMALLER_GROUPS, other: SMALLER_GROUPS}
        both = sizes[attribute].pop(label) + sizes[attribute].pop(other)
        sizes[attribute][SMALLER_GROUPS] = both
        labels[attribute] = {value: into.get(now, now) for value, now in labels[attribute].items()}
        current = [
            relabelled(table, {attribute: into}) if attribute in table.attributes else table for table in current
        ]


def relabelled(table: TableCounts, labels: Labels) -> TableCounts:
    """The table with its values under these labels, sorted, and their counts added up."""
    counts, values = table.counts, []
    for axis, (attribute, old) in enumerate(zip(table.attributes, table.values, strict=True)):
        given = labels.get(attribute, {})
        shown = [given.get(value, value) for value in old]
        new = sorted(set(shown))
        if new != list(old):
            places = {label: place for place, label in enumerate(new)}
            merged = np.zeros((*counts.shape[:axis], len(new), *counts.shape[axis + 1 :]), dtype=counts.dtype)
            np.add.at(np.moveaxis(merged, axis, 0), [places[label] for label in shown], np.moveaxis(counts, axis, 0))
            counts = merged
        values.append(tuple(new))
    return TableCounts(table.attributes, tuple(values), counts)


def _along(counts: np.ndarray, axis: int) -> np.ndarray:
    return counts.sum(axis=tuple(other for other in range(counts.ndim) if other != axis))


def _partner(sizes: Mapping[str, int], label: str, labels: Mapping[str, str], places: Mapping[str, float]) -> str:
    """The label that this one is merged with: 'smaller groups', or the smallest neighbour, or the smallest other."""
    others = [other for other in sizes if other != label]
    if SMALLER_GROUPS in others:
        return SMALLER_GROUPS
    ordered = sorted((value for value in labels if value in places), key=lambda value: places[value])
    near = set()
    for one, other in itertools.pairwise(ordered):
        if label in (labels[one], labels[other]):
            near |= {labels[one], labels[other]} - {label}
    return min(near or others, key=lambda other: (sizes[other], other))


def _loss(sizes: Mapping[str, int], label: str, partner: str) -> float:
    """How many bits per person are lost when the label is merged with its partner."""
    one, other = sizes[label], sizes[partner]
    return sum(part * math.log2((one + other) / part) for part in (one, other) if part) / max(sum(sizes.values()), 1)


def bits_of(sizes: Sequence[int]) -> float:
    """How many bits per person the labels of these sizes tell."""
    whole = sum(sizes)
    return sum(size / whole * math.log2(whole / size) for size in sizes if size) if whole else 0.0


def merge_small(
    firsts: Sequence[str],
    seconds: Sequence[str],
    counts: np.ndarray,
    threshold: int,
    start: Sequence[Grouping] = (),
) -> Grouping:
    """The grouping of one two-way table alone in which every cell reaches the threshold in every measure.

    For counts that no table of the policy holds; the policy's tables are merged together, by `merge_tables`.

    Parameters
    ----------
    firsts, seconds : sequence of str
        The values of the two attributes; `["everybody"]` for an attribute that is not used.
    counts : array of shape (firsts, seconds, measures)
        People per cell; a measure may be a numerator or its complement.
    start : sequence of Grouping
        Groupings of coarser tables or other questions: what they merged is merged here too. So released groups nest,
        and a 'smaller groups' of one answer minus that of another is a union of groups that are shown.

    Notes
    -----
    Greedy: the row or column with the largest share of small cells is merged next, the smaller one first at a tie.
    The answer depends on the whole table only, never on which cell was asked for.
    """
    table = counts.astype(np.int64)
    groups = [[[value] for value in firsts], [[value] for value in seconds]]
    buckets: list[int | None] = [None, None]
    for axis, values in enumerate((firsts, seconds)):
        merged_before = {
            value
            for grouping in start
            for value, label in (grouping.first if axis == 0 else grouping.second).items()
            if label == SMALLER_GROUPS
        }
        places = [place for place, value in enumerate(values) if value in merged_before]
        if places:
            others = [place for place in range(len(values)) if place not in places]
            table = np.concatenate(
                [np.take(table, others, axis=axis), np.take(table, places, axis=axis).sum(axis=axis, keepdims=True)],
                axis=axis,
            )
            groups[axis] = [[values[place]] for place in others] + [[values[place] for place in places]]
            buckets[axis] = len(others)
    while True:
        small = table.min(axis=2) < threshold
        if not small.any():
            break
        worst: tuple[float, int, int, int] | None = None
        for axis in (0, 1):
            if len(groups[axis]) == 1:
                continue
            shares = small.mean(axis=1 - axis)
            totals = table[:, :, 0].sum(axis=1 - axis)
            for place in range(len(groups[axis])):
                candidate = (-float(shares[place]), int(totals[place]), axis, place)
                if shares[place] > 0 and (worst is None or candidate < worst):
                    worst = candidate
        if worst is None:
            return Grouping({}, {}, possible=False)
        _, _, axis, place = worst
        into = buckets[axis]
        if into is None or into == place:
            totals = table[:, :, 0].sum(axis=1 - axis)
            into = min((other for other in range(len(groups[axis])) if other != place), key=lambda o: (totals[o], o))
        keep, gone = min(into, place), max(into, place)
        groups[axis][keep] = groups[axis][keep] + groups[axis].pop(gone)
        merged = np.take(table, keep, axis=axis) + np.take(table, gone, axis=axis)
        table = np.delete(table, gone, axis=axis)
        if axis == 0:
            table[keep] = merged
        else:
            table[:, keep] = merged
        buckets[axis] = keep
    labels = []
    for axis in (0, 1):
        labels.append(
            {
                value: (SMALLER_GROUPS if place == buckets[axis] else value)
                for place, values in enumerate(groups[axis])
                for value in values
            }
        )
    return Grouping(labels[0], labels[1], possible=True)


def merge_bins(counts: np.ndarray, threshold: int) -> list[tuple[int, int]]:
    """Neighbouring bins merged until each holds enough people in every group: (first, last) bins, both included.

    Parameters
    ----------
    counts : array of shape (groups, bins)
        People per group and bin. The same bins are used for all groups, so that no group's bin can be had by
        subtraction.
    """
    merged: list[tuple[int, int]] = []
    start, held = 0, np.zeros(counts.shape[0], dtype=np.int64)
    for place in range(counts.shape[1]):
        held = held + counts[:, place]
        if held.min() >= threshold:
            merged.append((start, place))
            start, held = place + 1, np.zeros(counts.shape[0], dtype=np.int64)
    if start < counts.shape[1]:
        if not merged:
            return [(0, counts.shape[1] - 1)] if counts.sum(axis=1).min() >= threshold else []
        merged[-1] = (merged[-1][0], counts.shape[1] - 1)
    return merged


def round_count(count: int, redact_up_to: int, round_to: int) -> int | None:
    """The count rounded (half up) to a multiple of `round_to`; None where it must not be shown.

    Source: the OpenSAFELY rule, redact counts <= 7, then round to the nearest 5.
    """
    if count <= redact_up_to:
        return None
    return (count + round_to // 2) // round_to * round_to
