"""The questions, each written once as an Ibis expression that returns counts, sums and quantiles.

Only expressions that ran unchanged on DuckDB, Spark and PostgreSQL: `argmin`, `count(where=)`, `ifelse`/`cases`,
multi-quantiles. Whoever asks never sees a row of a person; whoever publishes goes through `outcomes.answers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import pandas as pd

from kneewise.disclosure.grouping import EVERYBODY, NOT_RECORDED
from kneewise.outcomes.instruments import InstrumentRange
from kneewise.outcomes.store import SourceInfo, Store, Window

QUARTILES = [0.25, 0.5, 0.75]
_SAME = 1e-9

Labels = Mapping[str, str] | None
"""Value of an attribute -> released label; None for values as they are."""


@dataclass(frozen=True)
class Axes:
    """By which attributes an answer is split, and how their values are merged."""

    first: str | None = None
    second: str | None = None
    first_labels: Labels = None
    second_labels: Labels = None


def _axis(table: ibis.Table, attribute: str | None, labels: Labels) -> ibis.Value:
    if attribute is None:
        return ibis.literal(EVERYBODY)
    value = table[attribute].cast("string").fill_null(NOT_RECORDED)
    if labels is None:
        return value
    changed: dict[str, list[str]] = {}
    for original, label in labels.items():
        if original != label:
            changed.setdefault(label, []).append(original)
    if not changed:
        return value
    return ibis.cases(*[(value.isin(originals), label) for label, originals in changed.items()], else_=value)


def _with_axes(table: ibis.Table, axes: Axes) -> ibis.Table:
    return table.mutate(
        first_axis=_axis(table, axes.first, axes.first_labels),
        second_axis=_axis(table, axes.second, axes.second_labels),
    )


def _population(table: ibis.Table, info: SourceInfo) -> ibis.Table:
    table = table.filter(table["source"] == info.source)
    if info.population_attribute:
        table = table.filter(table[info.population_attribute] == info.population_value)
    return table


def _pairs(table, info: SourceInfo, instrument: str) -> ibis.Table:
    outcomes = _population(table("episode_outcome"), info)
    return outcomes.filter(outcomes["instrument"] == instrument)


def change_cells(store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes) -> pd.DataFrame:
    """Per cell: people with any score, pairs, better/same/worse, responders, sums and quartiles of first, last, change.

    A responder's score moved by the important change or more in the good direction; the column is 0 where the
    instrument has none.
    """
    sign = 1 if scale.higher_is_better else -1
    threshold = scale.important_change if scale.important_change is not None else float("inf")

    def question(table) -> ibis.Table:
        rows = _with_axes(_pairs(table, info, scale.id), axes)
        rows = rows.mutate(gain=rows["change"] * sign)
        paired = rows["change"].notnull()
        return rows.group_by("first_axis", "second_axis").aggregate(
            any_score=rows.count(),
            pairs=rows.count(where=paired),
            improved=rows.count(where=rows["gain"] > _SAME),
            worse=rows.count(where=rows["gain"] < -_SAME),
            responders=rows.count(where=rows["gain"] >= threshold - _SAME),
            change_sum=rows["change"].sum(),
            change_squares=(rows["change"] * rows["change"]).sum(),
            first_sum=rows["first"].sum(where=paired),
            last_sum=rows["last"].sum(where=paired),
            change_quartiles=rows["change"].quantile(QUARTILES),
        )

    return store.ask(question).sort_values(["first_axis", "second_axis"], ignore_index=True)


def change_counts(
    store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes, edges: Sequence[float]
) -> pd.DataFrame:
    """Per cell and bin: how many people's change lies in it. Bin i is [edges[i], edges[i+1]); the outer bins are open."""

    def question(table) -> ibis.Table:
        rows = _with_axes(_pairs(table, info, scale.id), axes)
        rows = rows.filter(rows["change"].notnull())
        inner = list(edges)[1:-1]
        cases = [(rows["change"] < edge - _SAME, place) for place, edge in enumerate(inner)]
        rows = rows.mutate(bin=ibis.cases(*cases, else_=len(inner)) if cases else ibis.literal(0))
        return rows.group_by("first_axis", "second_axis", "bin").aggregate(n=rows.count())

    return store.ask(question).sort_values(["first_axis", "second_axis", "bin"], ignore_index=True)


def visit_cells(
    store: Store, info: SourceInfo, instrument: str, axes: Axes, windows: Sequence[Window]
) -> pd.DataFrame:
    """Per cell and visit: people, and quartiles of their score. Of several scores in a window the earliest counts."""

    def question(table) -> ibis.Table:
        episodes = _with_axes(_population(table("episode"), info), axes)
        episodes = episodes.select("episode_id", "first_axis", "second_axis")
        scores = table("score")
        scores = scores.filter(scores["instrument"] == instrument)
        cases = [
            ((scores["day"] >= window.from_day) & (scores["day"] <= window.to_day), place)
            for place, window in enumerate(windows)
        ]
        scores = scores.mutate(visit=ibis.cases(*cases, else_=-1))
        scores = scores.filter(scores["visit"] >= 0)
        rows = scores.join(episodes, "episode_id")
        keys = ["episode_id", "first_axis", "second_axis", "visit"]
        once = rows.group_by(*keys).aggregate(score=rows["value"].argmin(rows["day"]))
        return once.group_by("first_axis", "second_axis", "visit").aggregate(
            n=once.count(), quartiles=once["score"].quantile(QUARTILES)
        )

    return store.ask(question).sort_values(["first_axis", "second_axis", "visit"], ignore_index=True)


def episode_counts(store: Store, info: SourceInfo, attribute: str | None = None) -> pd.DataFrame:
    """Per value of an attribute: how many episodes."""

    def question(table) -> ibis.Table:
        rows = _with_axes(_population(table("episode"), info), Axes(first=attribute))
        return rows.group_by("first_axis").aggregate(n=rows.count())

    return store.ask(question).sort_values("first_axis", ignore_index=True)
