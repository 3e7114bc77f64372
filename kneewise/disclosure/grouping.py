"""Merging small groups, so that every cell of a released table stands for enough people.

Why merging and not blanking: a blank can be filled again by subtraction from a total. Here *every* cell of the whole
two-way table (grouping attribute x filter attribute) reaches the threshold, whichever of its cells is asked for. So any
difference of two released numbers is a union of cells that each hold enough people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SMALLER_GROUPS = "smaller groups"
EVERYBODY = "everybody"
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Grouping:
    """Which values of the two attributes are released as they are; the others are merged into 'smaller groups'.

    `first`/`second` map each value to its released label. `possible` is False when not even the whole reaches the
    threshold.
    """

    first: Mapping[str, str]
    second: Mapping[str, str]
    possible: bool


def merge_small(
    firsts: Sequence[str],
    seconds: Sequence[str],
    counts: np.ndarray,
    threshold: int,
    start: Sequence[Grouping] = (),
) -> Grouping:
    """The grouping in which every cell reaches the threshold in every measure.

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
