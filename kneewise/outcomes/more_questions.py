"""Further questions to the store, each one Ibis expression that returns counts and sums: recovery, weeks, first scores.

As in `outcomes.questions` the engine is asked once per table of attributes and version of the data; labels and filters of
a planned table are applied to that answer, free filters go to the engine.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

import ibis
import numpy as np
import pandas as pd

from kneewise.disclosure.grouping import EVERYBODY
from kneewise.outcomes import questions
from kneewise.outcomes.episodes import week_column, week_windows
from kneewise.outcomes.instruments import InstrumentRange
from kneewise.outcomes.questions import LISTS, Axes
from kneewise.outcomes.store import SourceInfo, Store, Window

_SAME = 1e-9
_FIRST_MONTHS = {"Q1": 1, "Q2": 4, "Q3": 7, "Q4": 10}


def recovery_days(
    store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes, important_change: float
) -> pd.DataFrame:
    """Per cell and day since the first score: people who then first had the important change, or were last seen then.

    Columns: those of the attributes, `day`, `events`, `censored`. Recovered has who still had the change at the last score;
    who slipped back is followed until then without. People with a first and a later score only: who never came back was
    followed for no time. What an import worked out is used where it was for the same important change; else it is read
    from the scores after the first visit.
    """
    sign = 1 if scale.higher_is_better else -1
    needed = sign * important_change
    known = info.important_changes.get(scale.id)
    ready = known is not None and abs(known - needed) <= _SAME
    grid = axes.attributes

    def question(table) -> ibis.Table:
        people = _with_values(questions.outcomes_of(table, info, scale, axes), scale, grid)
        people = people.filter(people["change"].notnull())
        people = people.mutate(lasts=people["change"] * sign >= important_change - _SAME)
        if ready:
            return _counted_days(people, people["recovered_day"], people["last_seen_day"], grid)
        people = people.select("episode_id", "first", "first_day", "lasts", *grid)
        scores = table("score")
        scores = scores.filter(scores["instrument"] == scale.id).select("episode_id", "day", "value")
        rows = scores.join(people, "episode_id")
        rows = rows.filter((rows["day"] > rows["first_day"]) & (rows["day"] > _baseline_until(info)))
        reached = (rows["value"] - rows["first"]) * sign >= important_change - _SAME
        once = rows.group_by("episode_id", "first_day", "lasts", *grid).aggregate(
            recovered=rows["day"].min(where=reached), seen=rows["day"].max()
        )
        return _counted_days(once, once["recovered"], once["seen"], grid)

    key = ("recovery days", info.source, scale, important_change, axes.people, ready)
    return store.remembered(key, lambda: store.ask(question).astype({"events": int, "censored": int}))


def _counted_days(rows: ibis.Table, recovered: ibis.Column, seen: ibis.Column, grid: Sequence[str]) -> ibis.Table:
    has = recovered.notnull() & rows["lasts"]
    rows = rows.mutate(has=has, day=ibis.ifelse(has, recovered, seen) - rows["first_day"])
    return rows.group_by(*grid, "day").aggregate(
        events=rows.count(where=rows["has"]), censored=rows.count(where=rows["has"] == ibis.literal(False))
    )


def _baseline_until(info: SourceInfo) -> int:
    """The last day that still counts as the start: the end of the first visit."""
    first = min(info.visit_windows, key=lambda window: window.from_day, default=None)
    return first.to_day if first is not None and first.from_day <= 0 else 0


def week_cells(
    store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes, windows: Mapping[int, Window]
) -> pd.DataFrame:
    """Per cell of the attributes: people with any score (`any`), with a first score (`people`), those of them without a later
    one (`gone`), those who improved by their last one (`responders`), and for each week of `windows` how many were
    `seen_<week>` in its window, how many of these had `improved_<week>` and still had at the last score (`kept_<week>`).

    Of several scores in a window the one nearest that week counts, the earlier one at a tie.
    """
    sign = 1 if scale.higher_is_better else -1
    important = scale.important_change if scale.important_change is not None else float("inf")
    grid = axes.attributes

    # An import works out the score nearest to each of the usual weeks; the sum over them needs no scores at all.
    ready = windows.items() <= week_windows(info.visit_windows).items() and store.holds(
        info.source, "episode_outcome", [week_column(week) for week in windows]
    )

    def counts(rows: ibis.Table) -> dict[str, ibis.Value]:
        begun = rows["first"].notnull()
        return {
            "any": rows.count(),
            "people": rows.count(where=begun),
            "gone": rows.count(where=begun & rows["change"].isnull()),
            "responders": rows.count(where=rows["change"] * sign >= important - _SAME),
        }

    def ready_made(table) -> ibis.Table:
        rows = _with_values(questions.outcomes_of(table, info, scale, axes), scale, grid)
        asked = counts(rows)
        for week in windows:
            score = rows[week_column(week)]
            better = (score - rows["first"]) * sign >= important - _SAME
            asked |= {
                f"seen_{week}": rows.count(where=rows["first"].notnull() & score.notnull()),
                f"improved_{week}": rows.count(where=better),
                f"kept_{week}": rows.count(where=better & (rows["change"] * sign >= important - _SAME)),
            }
        return rows.group_by(*grid).aggregate(**asked) if grid else rows.aggregate(**asked)

    def everybody(table) -> ibis.Table:
        rows = _with_values(questions.outcomes_of(table, info, scale, axes), scale, grid)
        return rows.group_by(*grid).aggregate(**counts(rows)) if grid else rows.aggregate(**counts(rows))

    def weeks(table) -> ibis.Table:
        people = _with_values(questions.outcomes_of(table, info, scale, axes), scale, grid)
        people = people.filter(people["first"].notnull())
        people = people.mutate(lasts=ibis.coalesce(people["change"] * sign >= important - _SAME, False))
        people = people.select("episode_id", "first", "first_day", "lasts", *grid)
        scores = table("score")
        scores = scores.filter(scores["instrument"] == scale.id).select("episode_id", "day", "value")
        inside = [
            ((scores["day"] >= window.from_day) & (scores["day"] <= window.to_day), week)
            for week, window in windows.items()
        ]
        aims = [(condition, 7 * week) for condition, week in inside]
        scores = scores.mutate(week=ibis.cases(*inside, else_=-1), aim=ibis.cases(*aims, else_=0))
        scores = scores.filter(scores["week"] >= 0)
        # Twice the distance, and one more for a later day: no two days of a person are equally near.
        scores = scores.mutate(
            distance=2 * (scores["day"] - scores["aim"]).abs() + ibis.ifelse(scores["day"] > scores["aim"], 1, 0)
        )
        rows = scores.join(people, "episode_id")
        rows = rows.filter(rows["day"] > rows["first_day"])
        once = rows.group_by("episode_id", "first", "lasts", *grid, "week").aggregate(
            nearest=rows["value"].argmin(rows["distance"])
        )
        better = (once["nearest"] - once["first"]) * sign >= important - _SAME
        return once.group_by(*grid, "week").aggregate(
            seen=once.count(), improved=once.count(where=better), kept=once.count(where=better & once["lasts"])
        )

    def ask() -> pd.DataFrame:
        cells, came = (store.ask(ready_made), None) if ready else (store.ask(everybody), store.ask(weeks))
        for week in () if came is None else windows:
            names = ["seen", "improved", "kept"]
            part = came.loc[came["week"] == week, [*grid, *names]]
            part = part.rename(columns={name: f"{name}_{week}" for name in names})
            cells = cells.merge(part, on=list(grid), how="left") if grid else cells.join(part.reset_index(drop=True))
        counted = [name for name in cells.columns if name not in grid]
        cells[counted] = cells[counted].fillna(0).astype(np.int64)
        return cells.sort_values(list(grid), ignore_index=True) if grid else cells

    key = ("week cells", info.source, scale, axes.people, tuple(sorted((week, each) for week, each in windows.items())))
    return store.remembered(key, ask)


def first_scores(store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes) -> pd.DataFrame:
    """Per cell of the attributes: people with a first and a later score (`pairs`), sum and squares of their first scores."""
    grid = axes.attributes

    def question(table) -> ibis.Table:
        rows = _with_values(questions.outcomes_of(table, info, scale, axes), scale, grid)
        rows = rows.filter(rows["change"].notnull())
        return rows.group_by(*grid).aggregate(
            pairs=rows.count(), first_sum=rows["first"].sum(), first_squares=(rows["first"] * rows["first"]).sum()
        )

    key = ("first scores", info.source, scale, axes.people)
    return store.remembered(key, lambda: store.ask(question).sort_values(list(grid), ignore_index=True))


def in_groups(frame: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """The rows of such an answer that pass the filters of a planned table, with their group as `first_axis`."""
    for name in set(axes.attributes) & set(LISTS):
        frame = frame.assign(**{name: frame[name].str.split(";")}).explode(name, ignore_index=True)
    if axes.table:
        for part in axes.filters:
            frame = frame[
                frame[part.attribute].map(lambda value, of=part.labels or {}: of.get(value, value)) == part.label
            ]
    if axes.first is None:
        return frame.assign(first_axis=EVERYBODY)
    labels = axes.first_labels or {}
    return frame.assign(first_axis=frame[axes.first].astype(str).map(lambda value: labels.get(value, value)))


def recorded_starts(store: Store, info: SourceInfo) -> Mapping[str, float]:
    """Of which share of the source's episodes the year, quarter and month of start are recorded."""

    def question(table) -> ibis.Table:
        rows = questions.population(table("episode"), info)
        known = rows["start_year"].notnull()
        return rows.aggregate(
            whole=rows.count(),
            start_year=rows.count(where=known),
            start_quarter=rows.count(where=known & rows["start_quarter"].notnull()),
            start_month=rows.count(where=known & rows["start_month"].notnull()),
        )

    def find() -> Mapping[str, float]:
        counted = store.ask(question).iloc[0]
        return {
            name: counted[name] / max(counted["whole"], 1) for name in ("start_year", "start_quarter", "start_month")
        }

    return store.remembered(("recorded starts", info.source), find)


def data_reach(store: Store, info: SourceInfo) -> datetime.date | None:
    """The latest day that any score of the source shows to be over; None where no quarter or month of start is recorded.

    A day counts from the first day of its episode's starting month or quarter, so the data reach at least so far.
    """

    def question(table) -> ibis.Table:
        rows = questions.population(table("episode_outcome"), info)
        rows = rows.filter(rows["start_year"].notnull())
        seen = ibis.coalesce(rows["last_day"], rows["first_day"])
        return rows.group_by("start_year", "start_quarter", "start_month").aggregate(day=seen.max())

    def find() -> datetime.date | None:
        days = []
        for row in store.ask(question).itertuples():
            if pd.notna(row.start_month):
                month = int(row.start_month)
            elif row.start_quarter in _FIRST_MONTHS:
                month = _FIRST_MONTHS[row.start_quarter]
            else:
                continue
            first = datetime.date(int(row.start_year), month, 1)
            days.append(first + datetime.timedelta(days=0 if pd.isna(row.day) else int(row.day)))
        return max(days, default=None)

    return store.remembered(("data reach", info.source), find)


def _with_values(rows: ibis.Table, scale: InstrumentRange, grid: Sequence[str]) -> ibis.Table:
    return rows.mutate(**{name: questions.attribute_value(rows, name, scale) for name in grid})
