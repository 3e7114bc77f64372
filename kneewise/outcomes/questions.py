"""The questions, each written once as an Ibis expression that returns counts and sums on the fixed grid of attributes.

Only expressions that ran unchanged on DuckDB, Spark and PostgreSQL: `argmin`, `count(where=)`, `ifelse`/`cases`. The
engine is asked once per instrument and version of the data; splits, filters and merges are sums over that answer. Whoever
asks never sees a row of a person; whoever publishes goes through `outcomes.answers`.
"""

from __future__ import annotations

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


def _split(counts: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """`counts` with the columns first_axis and second_axis; merged values carry their released label."""
    return counts.assign(
        first_axis=_labelled(counts, axes.first, axes.first_labels),
        second_axis=_labelled(counts, axes.second, axes.second_labels),
    )


def _labelled(counts: pd.DataFrame, attribute: str | None, labels: Labels) -> object:
    if attribute is None:
        return EVERYBODY
    values = counts[attribute]
    return values if labels is None else values.map(lambda value: labels.get(value, value)).astype(str)


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


def _as_categories(counts: pd.DataFrame, grid: Sequence[str]) -> pd.DataFrame:
    return counts.astype({name: "category" for name in grid})


def _change_grid(store: Store, info: SourceInfo, instrument: str) -> pd.DataFrame:
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

    def ask() -> pd.DataFrame:
        counts = _as_categories(store.ask(question), grid)
        counts["change_sum"] = counts["change"] * counts["pairs"]
        counts["change_squares"] = counts["change"] ** 2 * counts["pairs"]
        return counts.fillna({name: 0.0 for name in ("first_sum", "last_sum", "change_sum", "change_squares")})

    return store.remembered(("change grid", info.source, instrument), ask)


def change_cells(store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes) -> pd.DataFrame:
    """Per cell: people with any score, pairs, better/same/worse, responders, sums and quartiles of first, last, change.

    A responder's score moved by the important change or more in the good direction; the column is 0 where the
    instrument has none. Quartiles are interpolated between ordered values (NaN without a pair).
    """
    sign = 1 if scale.higher_is_better else -1
    threshold = scale.important_change if scale.important_change is not None else float("inf")
    counts = _split(_change_grid(store, info, scale.id), axes)
    gain = counts["change"] * sign
    counts["improved"] = counts["pairs"].where(gain > _SAME, 0)
    counts["worse"] = counts["pairs"].where(gain < -_SAME, 0)
    counts["responders"] = counts["pairs"].where(gain >= threshold - _SAME, 0)
    added = ["any_score", "pairs", "improved", "worse", "responders", "change_sum", "change_squares", "first_sum",
             "last_sum"]  # fmt: skip
    cells = counts.groupby(_AXES, observed=True)
    answer = cells[added].sum()
    answer["change_quartiles"] = _quartiles(counts, _AXES, "change", "pairs", answer.index)
    return _in_order(answer, _AXES)


def change_counts(
    store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes, edges: Sequence[float]
) -> pd.DataFrame:
    """Per cell and bin: how many people's change lies in it. Bin i is [edges[i], edges[i+1]); the outer bins are open."""
    counts = _split(_change_grid(store, info, scale.id), axes)
    counts = counts[counts["pairs"] > 0]
    counts["bin"] = np.searchsorted(np.asarray(edges[1:-1], dtype=float) - _SAME, counts["change"], side="right")
    answer = counts.groupby([*_AXES, "bin"], observed=True)["pairs"].sum().rename("n").to_frame()
    return _in_order(answer, [*_AXES, "bin"])


def _visit_grid(store: Store, info: SourceInfo, instrument: str, windows: Sequence[Window]) -> pd.DataFrame:
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
    return store.remembered(key, lambda: _as_categories(store.ask(question), grid))


def visit_cells(store: Store, info: SourceInfo, instrument: str, axes: Axes, windows: Sequence[Window]) -> pd.DataFrame:
    """Per cell and visit: people, and quartiles of their score. Of several scores in a window the earliest counts."""
    counts = _split(_visit_grid(store, info, instrument, windows), axes)
    keys = [*_AXES, "visit"]
    answer = counts.groupby(keys, observed=True)["n"].sum().to_frame()
    answer["quartiles"] = _quartiles(counts, keys, "score", "n", answer.index)
    return _in_order(answer, keys)


def _quartiles(counts: pd.DataFrame, keys: list[str], value: str, weight: str, index: pd.Index) -> list[list[float]]:
    """The quartiles of `value` in each group of `keys`, each value standing `weight` times; in the order of `index`."""
    known = counts[counts[weight] > 0].sort_values(value)
    groups = known.groupby(keys, observed=True).indices
    values, weights = known[value].to_numpy(dtype=float), known[weight].to_numpy()
    nothing = [float("nan")] * len(QUARTILES)
    return [
        _weighted_quartiles(values[rows], weights[rows]) if rows is not None else nothing
        for rows in (groups.get(key) for key in index)
    ]


def _weighted_quartiles(values: np.ndarray, weights: np.ndarray) -> list[float]:
    """Quartiles of ordered `values`, each standing `weights` times, interpolated as `numpy.quantile` does."""
    up_to = np.cumsum(weights)
    place = (up_to[-1] - 1) * np.asarray(QUARTILES)
    below = values[np.searchsorted(up_to, np.floor(place), side="right")]
    above = values[np.searchsorted(up_to, np.ceil(place), side="right")]
    return (below + (place - np.floor(place)) * (above - below)).tolist()


def _in_order(answer: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    flat = answer.reset_index()
    return flat.astype({name: str for name in _AXES}).sort_values(keys, ignore_index=True)


def episode_counts(store: Store, info: SourceInfo, attribute: str | None = None) -> pd.DataFrame:
    """Per value of an attribute: how many episodes."""

    def question(table) -> ibis.Table:
        rows = _population(table("episode"), info)
        value = rows[attribute].cast("string").fill_null(NOT_RECORDED) if attribute else ibis.literal(EVERYBODY)
        rows = rows.mutate(first_axis=value)
        return rows.group_by("first_axis").aggregate(n=rows.count())

    return store.ask(question).sort_values("first_axis", ignore_index=True)
