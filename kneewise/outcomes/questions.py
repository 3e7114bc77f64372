"""The questions, each written once as an Ibis expression that returns counts and sums on the fixed grid of attributes.

Only expressions that ran unchanged on DuckDB, Spark and PostgreSQL: `argmin`, `count(where=)`, `ifelse`/`cases`. The
engine is asked once per instrument and version of the data; splits, filters and merges are sums over that answer. Whoever
asks never sees a row of a person; whoever publishes goes through `outcomes.answers`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd

from kneewise.disclosure.grouping import EVERYBODY, NOT_RECORDED
from kneewise.disclosure.policy import read_policy
from kneewise.outcomes.instruments import InstrumentRange
from kneewise.outcomes.store import SourceInfo, Store, Window

QUARTILES = [0.25, 0.5, 0.75]
_SAME = 1e-9
_AXES = ["first_axis", "second_axis"]

Labels = Mapping[str, str] | None
"""Value of an attribute -> released label; None for values as they are."""


@dataclass(frozen=True)
class Axes:
    """By which attributes an answer is split, and how their values are merged."""

    first: str | None = None
    second: str | None = None
    first_labels: Labels = None
    second_labels: Labels = None


@dataclass(frozen=True)
class _Grid:
    """Counts on the grid: per attribute (codes, sorted names), and columns of numbers; one row per cell and value."""

    attributes: Mapping[str, tuple[np.ndarray, list[str]]]
    columns: Mapping[str, np.ndarray]


def _grid_of(counts: pd.DataFrame, grid: Sequence[str], value: str) -> _Grid:
    """The counts as arrays, ordered by `value`, so that quartiles need no sorting later."""
    counts = counts.sort_values(value, ignore_index=True)
    attributes = {}
    for name in grid:
        codes, names = pd.factorize(counts[name].astype(str), sort=True)
        attributes[name] = (codes, [str(each) for each in names])
    columns = {name: counts[name].to_numpy() for name in counts.columns if name not in grid}
    return _Grid(attributes, columns)


@dataclass(frozen=True)
class _Cells:
    """Which cell of the two axes each row of a grid belongs to, and the cells' names in order."""

    of_row: np.ndarray
    names: list[tuple[str, str]]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """The sum of `values` (one per row) in each cell."""
        return np.bincount(self.of_row, weights=values, minlength=len(self.names))


def _cells_of(grid: _Grid, axes: Axes) -> _Cells:
    first, first_names = _axis(grid, axes.first, axes.first_labels)
    second, second_names = _axis(grid, axes.second, axes.second_labels)
    names = [(one, other) for one in first_names for other in second_names]
    return _Cells(first * len(second_names) + second, names)


def _axis(grid: _Grid, attribute: str | None, labels: Labels) -> tuple[np.ndarray, list[str]]:
    if attribute is None:
        rows = len(next(iter(grid.columns.values())))
        return np.zeros(rows, dtype=np.intp), [EVERYBODY]
    codes, names = grid.attributes[attribute]
    if labels is None:
        return codes, names
    labelled = [labels.get(name, name) for name in names]
    merged = sorted(set(labelled))
    return np.array([merged.index(label) for label in labelled], dtype=np.intp)[codes], merged


def _answer(cells: _Cells, columns: Mapping[str, np.ndarray | list], seen: np.ndarray) -> pd.DataFrame:
    """One row per cell that was `seen`, ordered by its names."""
    places = np.flatnonzero(seen)
    answer = {name: [cells.names[place][axis] for place in places] for axis, name in enumerate(_AXES)}
    for name, column in columns.items():
        answer[name] = [column[place] for place in places] if isinstance(column, list) else column[places]
    return pd.DataFrame(answer)


def _population(table: ibis.Table, info: SourceInfo) -> ibis.Table:
    table = table.filter(table["source"] == info.source)
    if info.population_attribute:
        table = table.filter(table[info.population_attribute] == info.population_value)
    return table


def _pairs(table, info: SourceInfo, instrument: str) -> ibis.Table:
    outcomes = _population(table("episode_outcome"), info)
    return outcomes.filter(outcomes["instrument"] == instrument)


def _grid_values(table: ibis.Table, grid: Sequence[str]) -> dict[str, ibis.Value]:
    return {name: table[name].cast("string").fill_null(NOT_RECORDED) for name in grid}


def _change_grid(store: Store, info: SourceInfo, instrument: str) -> _Grid:
    """Per cell of the whole grid of attributes and per size of change: people, pairs, sums. Asked once per version.

    Everything that may be released is a sum over this grid (a disclosure rule), so the engine is asked for it once and
    every split, filter and merge is added up here. A change is missing where somebody has one score only.
    """
    grid = read_policy().grid

    def question(table) -> ibis.Table:
        rows = _pairs(table, info, instrument)
        rows = rows.mutate(**_grid_values(rows, grid))
        paired = rows["change"].notnull()
        return rows.group_by(*grid, "change").aggregate(
            any_score=rows.count(),
            pairs=rows.count(where=paired),
            first_sum=rows["first"].sum(where=paired),
            last_sum=rows["last"].sum(where=paired),
        )

    return store.remembered(
        ("change grid", info.source, instrument), lambda: _grid_of(store.ask(question), grid, "change")
    )


def change_cells(store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes) -> pd.DataFrame:
    """Per cell: people with any score, pairs, better/same/worse, responders, sums and quartiles of first, last, change.

    A responder's score moved by the important change or more in the good direction; the column is 0 where the
    instrument has none. Quartiles are interpolated between ordered values (NaN without a pair).
    """
    sign = 1 if scale.higher_is_better else -1
    threshold = scale.important_change if scale.important_change is not None else float("inf")
    grid = _change_grid(store, info, scale.id)
    cells = _cells_of(grid, axes)
    pairs = grid.columns["pairs"]
    change = np.nan_to_num(grid.columns["change"].astype(float))
    gain = change * sign
    counted = {
        "any_score": grid.columns["any_score"],
        "pairs": pairs,
        "improved": pairs * (gain > _SAME),
        "worse": pairs * (gain < -_SAME),
        "responders": pairs * (gain >= threshold - _SAME),
    }
    added = {
        "change_sum": change * pairs,
        "change_squares": change**2 * pairs,
        "first_sum": np.nan_to_num(grid.columns["first_sum"].astype(float)),
        "last_sum": np.nan_to_num(grid.columns["last_sum"].astype(float)),
    }
    columns: dict[str, np.ndarray | list] = {
        name: np.rint(cells.sums(values)).astype(np.int64) for name, values in counted.items()
    }
    columns |= {name: cells.sums(values) for name, values in added.items()}
    columns["change_quartiles"] = _quartiles(cells.of_row, len(cells.names), change, pairs)
    return _answer(cells, columns, columns["any_score"] > 0)


def change_counts(
    store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes, edges: Sequence[float]
) -> pd.DataFrame:
    """Per cell and bin: how many people's change lies in it. Bin i is [edges[i], edges[i+1]); the outer bins are open."""
    grid = _change_grid(store, info, scale.id)
    pairs = grid.columns["pairs"]
    change = np.nan_to_num(grid.columns["change"].astype(float))
    bins = np.searchsorted(np.asarray(edges[1:-1], dtype=float) - _SAME, change, side="right")
    return _long(_cells_of(grid, axes), bins, len(edges) - 1, "bin", {"n": pairs})


def _long(cells: _Cells, parts: np.ndarray, count: int, name: str, counted: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row per cell and part (bin, visit) with anybody in it: the cell's names, the part, the counts."""
    finer = _Cells(cells.of_row * count + parts, [cell for cell in cells.names for _ in range(count)])
    columns = {each: np.rint(finer.sums(values)).astype(np.int64) for each, values in counted.items()}
    columns[name] = np.tile(np.arange(count), len(cells.names))
    return _answer(finer, columns, columns["n"] > 0)


def _visit_grid(store: Store, info: SourceInfo, instrument: str, windows: Sequence[Window]) -> _Grid:
    """Per cell of the whole grid, visit and score: people. Asked once per version, as `_change_grid`."""
    grid = read_policy().grid

    def question(table) -> ibis.Table:
        episodes = _population(table("episode"), info)
        episodes = episodes.mutate(**_grid_values(episodes, grid)).select("episode_id", *grid)
        scores = table("score")
        scores = scores.filter(scores["instrument"] == instrument)
        cases = [
            ((scores["day"] >= window.from_day) & (scores["day"] <= window.to_day), place)
            for place, window in enumerate(windows)
        ]
        scores = scores.mutate(visit=ibis.cases(*cases, else_=-1))
        scores = scores.filter(scores["visit"] >= 0)
        rows = scores.join(episodes, "episode_id")
        once = rows.group_by("episode_id", *grid, "visit").aggregate(score=rows["value"].argmin(rows["day"]))
        return once.group_by(*grid, "visit", "score").aggregate(n=once.count())

    key = ("visit grid", info.source, instrument, tuple(windows))
    return store.remembered(key, lambda: _grid_of(store.ask(question), grid, "score"))


def visit_cells(store: Store, info: SourceInfo, instrument: str, axes: Axes, windows: Sequence[Window]) -> pd.DataFrame:
    """Per cell and visit: people, and quartiles of their score. Of several scores in a window the earliest counts."""
    grid = _visit_grid(store, info, instrument, windows)
    cells = _cells_of(grid, axes)
    count = len(windows)
    visits, people = grid.columns["visit"], grid.columns["n"]
    answer = _long(cells, visits, count, "visit", {"n": people})
    of_row = cells.of_row * count + visits
    quartiles = _quartiles(of_row, len(cells.names) * count, grid.columns["score"].astype(float), people)
    answer["quartiles"] = [each for each in quartiles if not np.isnan(each[0])]
    return answer


def _quartiles(of_row: np.ndarray, count: int, values: np.ndarray, weights: np.ndarray) -> list[list[float]]:
    """The quartiles in each of `count` cells of ordered `values`, each standing `weights` times; NaN in an empty cell."""
    known = np.flatnonzero(weights > 0)
    order = known[np.argsort(of_row[known], kind="stable")]
    ends = np.searchsorted(of_row[order], np.arange(count + 1))
    nothing = [float("nan")] * len(QUARTILES)
    return [
        _weighted_quartiles(values[order[start:end]], weights[order[start:end]]) if end > start else nothing
        for start, end in itertools.pairwise(ends)
    ]


def _weighted_quartiles(values: np.ndarray, weights: np.ndarray) -> list[float]:
    """Quartiles of ordered `values`, each standing `weights` times, interpolated as `numpy.quantile` does."""
    up_to = np.cumsum(weights)
    place = (up_to[-1] - 1) * np.asarray(QUARTILES)
    below = values[np.searchsorted(up_to, np.floor(place), side="right")]
    above = values[np.searchsorted(up_to, np.ceil(place), side="right")]
    return (below + (place - np.floor(place)) * (above - below)).tolist()


def episode_counts(store: Store, info: SourceInfo, attribute: str | None = None) -> pd.DataFrame:
    """Per value of an attribute: how many episodes."""

    def question(table) -> ibis.Table:
        rows = _population(table("episode"), info)
        value = rows[attribute].cast("string").fill_null(NOT_RECORDED) if attribute else ibis.literal(EVERYBODY)
        rows = rows.mutate(first_axis=value)
        return rows.group_by("first_axis").aggregate(n=rows.count())

    return store.ask(question).sort_values("first_axis", ignore_index=True)
