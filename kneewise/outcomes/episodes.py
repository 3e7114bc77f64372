"""One row per episode and instrument, worked out of all scores at once: the table that nearly every page reads.

Rows are put in order once (an import's are already); then every answer is the first or last row of a run of rows that
belong together, which numpy finds faster, and with less memory, than an engine groups them. Of several scores on one day
the first in the table counts for an earliest score, the last one for a latest score.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.manifests import Window

WEEKS = (6, 12)
"""At these weeks people who are like somebody are told of."""
DAYS_A_WEEK = 7
_SAME = 1e-9


def signed_important_changes(instruments: Instruments) -> dict[str, float]:
    """Instrument -> the change that counts as important, negative where lower is better; without those that have none."""
    return {
        name: scale.important_change * (1 if scale.higher_is_better else -1)
        for name, scale in instruments.items()
        if scale.important_change is not None
    }


def visit_column(place: int) -> str:
    """What the column with the score of the visit at this place among a source's windows is called."""
    return f"visit_{place}"


def week_column(week: int) -> str:
    """What the column with the score nearest to this week is called."""
    return f"week_{week}"


def week_windows(windows: Sequence[Window]) -> dict[int, Window]:
    """Week -> the visit whose window holds that week's day, where it holds no other of `WEEKS`."""
    found = {
        week: window
        for week, window in itertools.product(WEEKS, windows)
        if window.from_day <= DAYS_A_WEEK * week <= window.to_day
    }
    return {week: window for week, window in found.items() if list(found.values()).count(window) == 1}


def episode_outcomes(
    episodes: pa.Table,
    scores: pa.Table,
    predicted: pa.Table | None,
    baseline_until_day: int,
    important_changes: Mapping[str, float],
    windows: Sequence[Window] = (),
) -> pa.Table:
    """One row per episode and instrument, ordered by both, with the episode's attributes repeated.

    Columns: `episode_id`, `instrument`, `scores` (how many), `first_day`, `first`, `last_day`, `last`, `change`, `weeks`,
    `expected_last`, `responder`, `recovered_day`, `last_seen_day`, one `visit_column` per window, one `week_column` per
    week of `week_windows`, and the attributes. The first score is the earliest one up to `baseline_until_day`, the last is
    the latest one after it; either may be null. Days count from the start of the episode.

    Parameters
    ----------
    episodes : pa.Table
        `episode_id` (each once) and the attributes.
    scores : pa.Table
        `episode_id`, `instrument`, `day`, `value`, in any order; texts may be dictionary-encoded.
    predicted : pa.Table
        Expected last scores: `episode_id`, `instrument`, `value`; the first of each counts.
    important_changes : mapping
        Instrument -> the signed change that counts as important (`signed_important_changes`). A `responder`'s last score
        moved by it or more; `recovered_day` is the first day after the baseline on which a score had. Both are null where
        it is unknown, `responder` also without a pair, `recovered_day` also where it was not seen up to `last_seen_day`.
    windows : sequence of Window
        A visit's score is the earliest one in its window; a day in two windows counts for the first of them. A week's
        score is the one in its visit's window, after the first score, nearest to the week; at a tie the earlier one.
    """
    ids, id_codes = _coded(scores.column("episode_id"))
    names, name_codes = _coded(scores.column("instrument"))
    rows = _ordered(
        id_codes.astype(np.int64) * max(len(names), 1) + name_codes,
        _numbers(scores.column("day"), np.int32),
        _numbers(scores.column("value"), np.float64),
    )
    who, which = np.divmod(rows.group, max(len(names), 1))
    early = rows.day[rows.start] <= baseline_until_day
    late = rows.day[rows.end] > baseline_until_day
    first, first_day = _where(early, rows.value[rows.start]), _where(early, rows.day[rows.start])
    last, last_day = _where(late, rows.value[rows.end]), _where(late, rows.day[rows.end])
    change = last - first
    needed = np.array([important_changes.get(name) or np.nan for name in names.to_pylist()], dtype=float)[which]
    columns = {
        "episode_id": ids.take(pa.array(who)),
        "instrument": names.take(pa.array(which)),
        "scores": pa.array(rows.end - rows.start + 1, pa.int32()),
        "first_day": _days(first_day),
        "first": _or_null(first),
        "last_day": _days(last_day),
        "last": _or_null(last),
        "change": _or_null(change),
        "weeks": _or_null((last_day - first_day) / DAYS_A_WEEK),
        "expected_last": _expected(predicted, ids, names, rows.group),
        "responder": pa.array(_reached(change, needed), mask=np.isnan(change) | np.isnan(needed)),
        "recovered_day": _days(_recovered(rows, first, needed, baseline_until_day)),
        "last_seen_day": pa.array(rows.day[rows.end], pa.int32()),
    }
    free = np.ones(len(rows.day), dtype=bool)
    for place, window in enumerate(windows):
        inside = free & (rows.day >= window.from_day) & (rows.day <= window.to_day)
        free &= ~inside
        columns[visit_column(place)] = _or_null(_earliest(rows, inside, rows.value))
    later = rows.day > first_day[rows.run]
    for week, window in week_windows(windows).items():
        inside = later & (rows.day >= window.from_day) & (rows.day <= window.to_day)
        columns[week_column(week)] = _or_null(_nearest(rows, inside, DAYS_A_WEEK * week))
    attributes = episodes.drop_columns(["episode_id"])
    row = _places(ids, episodes.column("episode_id"))[who]
    repeated = attributes.take(pa.array(row, mask=row < 0))
    return pa.table(columns | {name: repeated.column(name) for name in attributes.column_names})


@dataclass(frozen=True)
class _Rows:
    """All scores, ordered by group (episode and instrument) and day. `group`, `start` and `end` have one place a group."""

    day: np.ndarray
    value: np.ndarray
    group: np.ndarray
    start: np.ndarray
    end: np.ndarray
    run: np.ndarray
    """Which run of rows, counted from 0, each row belongs to."""


def _ordered(group: np.ndarray, day: np.ndarray, value: np.ndarray) -> _Rows:
    if np.any((group[1:] < group[:-1]) | ((group[1:] == group[:-1]) & (day[1:] < day[:-1]))):
        order = np.lexsort((day, group))  # stable: scores of one day stay in the table's order
        group, day, value = group[order], day[order], value[order]
    start = np.flatnonzero(_begins(group))
    end = np.append(start[1:], len(group))[: len(start)] - 1
    run = np.repeat(np.arange(len(start), dtype=np.int32), end - start + 1)
    return _Rows(day, value, group[start], start, end, run)


def _begins(numbers: np.ndarray) -> np.ndarray:
    """Where a run of equal numbers begins."""
    begins = np.ones(len(numbers), dtype=bool)
    begins[1:] = numbers[1:] != numbers[:-1]
    return begins


def _earliest(rows: _Rows, chosen: np.ndarray, what: np.ndarray) -> np.ndarray:
    """Per group: `what` of its earliest chosen row; NaN where none is chosen."""
    places = np.flatnonzero(chosen)
    run = rows.run[places]
    places = places[_begins(run)]
    found = np.full(len(rows.group), np.nan)
    found[rows.run[places]] = what[places]
    return found


def _nearest(rows: _Rows, chosen: np.ndarray, aim_day: int) -> np.ndarray:
    """Per group: the value of the chosen row nearest to that day, the earlier one at a tie; NaN where none is chosen."""
    places = np.flatnonzero(chosen)
    found = np.full(len(rows.group), np.nan)
    if len(places):
        day, run = rows.day[places].astype(np.int64), rows.run[places]
        # Twice the distance, and one more for a later day; the place last, so that the smallest number is one row.
        rank = (2 * np.abs(day - aim_day) + (day > aim_day)) * len(rows.day) + places
        start = np.flatnonzero(_begins(run))
        found[run[start]] = rows.value[np.minimum.reduceat(rank, start) % len(rows.day)]
    return found


def _reached(change: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Whether each change is the (signed) needed one or more of it; False where either is NaN."""
    return change * np.sign(needed) >= np.abs(needed) - _SAME


def _recovered(rows: _Rows, first: np.ndarray, needed: np.ndarray, baseline_until_day: int) -> np.ndarray:
    """Per group: the first day after the baseline on which a score had changed by what is needed; NaN where not seen."""
    if np.isnan(needed).all():
        return np.full(len(rows.group), np.nan)
    reached = _reached(rows.value - first[rows.run], needed[rows.run])
    return _earliest(rows, reached & (rows.day > baseline_until_day), rows.day)


def _coded(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """The distinct texts in order, and for each row the place of its text among them."""
    if not pa.types.is_dictionary(column.type):
        in_order = _coded_in_order(column)
        if in_order is not None:
            return in_order
        column = column.dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    texts, codes = whole.dictionary.cast(pa.string()), whole.indices.to_numpy(zero_copy_only=False)
    # A dictionary may be in any order, and hold a text twice or one that no row has.
    used = pc.unique(texts.take(pc.unique(whole.indices)))
    used = used.take(pc.sort_indices(used))
    return used, _places(texts, used)[codes]


def _coded_in_order(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray] | None:
    """As `_coded`, without looking any text up, for a column whose texts never fall; None for any other."""
    distinct, codes, before, count = [], [], None, 0
    for chunk in column.chunks:
        if not len(chunk):
            continue
        one, other = chunk.slice(0, len(chunk) - 1), chunk.slice(1)
        if pc.any(pc.less(other, one)).as_py() or (before is not None and chunk[0].as_py() < before):
            return None
        new = np.concatenate([[chunk[0].as_py() != before], pc.not_equal(one, other).to_numpy(zero_copy_only=False)])
        distinct.append(chunk.filter(pa.array(new)))
        codes.append(np.cumsum(new, dtype=np.int64) + (count - 1))
        count += len(distinct[-1])
        before = chunk[-1].as_py()
    if not codes:
        return pa.array([], pa.string()), np.zeros(0, dtype=np.int64)
    return pa.concat_arrays(distinct).cast(pa.string()), np.concatenate(codes)


def _numbers(column: pa.ChunkedArray, kind: type) -> np.ndarray:
    return column.to_numpy().astype(kind, copy=False)


def _where(there: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return np.where(there, numbers, np.nan)


def _expected(predicted: pa.Table | None, ids: pa.StringArray, names: pa.StringArray, groups: np.ndarray) -> pa.Array:
    """The first expected last score of each group of `groups` (sorted); null where there is none."""
    expected = np.full(len(groups), np.nan)
    if predicted is not None and len(predicted) and len(groups):
        who = _places(predicted.column("episode_id"), ids)
        which = _places(predicted.column("instrument"), names)
        known = (who >= 0) & (which >= 0)
        group, row = np.unique(who[known] * len(names) + which[known], return_index=True)
        place = np.minimum(np.searchsorted(groups, group), len(groups) - 1)
        there = groups[place] == group
        expected[place[there]] = _numbers(predicted.column("value"), np.float64)[known][row[there]]
    return _or_null(expected)


def _places(texts: pa.ChunkedArray | pa.Array, among: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """The place of each text among others; -1 where it isn't there."""
    texts, among = texts.cast(pa.string()), among.cast(pa.string())
    among = among.combine_chunks() if isinstance(among, pa.ChunkedArray) else among
    if isinstance(texts, pa.Array) and texts.equals(among):
        return np.arange(len(texts))
    return pc.fill_null(pc.index_in(texts, among), -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _or_null(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)


def _days(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True).cast(pa.int32())
