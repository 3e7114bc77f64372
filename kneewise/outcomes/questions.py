"""The questions, each written once as an Ibis expression that returns counts and sums on the fixed grid of attributes.

Only expressions that ran unchanged on DuckDB, Spark and PostgreSQL: `argmin`, `count(where=)`, `ifelse`/`cases`. The
engine is asked once per instrument, table of attributes and version of the data; splits, filters and merges are sums over
that answer. Whoever asks never sees a row of a person; whoever publishes goes through `outcomes.answers`.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd

from kneewise.disclosure.grouping import EVERYBODY, NOT_RECORDED
from kneewise.outcomes.episodes import visit_column
from kneewise.outcomes.instruments import InstrumentRange
from kneewise.outcomes.store import SourceInfo, Store, Window

QUARTILES = [0.25, 0.5, 0.75]
_SAME = 1e-9
_AXES = ["first_axis", "second_axis"]
BANDS = ("low third", "middle third", "high third")
"""Values of `first_band`: which third of the instrument's range the first score lies in."""
LISTS = ("factors",)
"""Attributes whose value is a list parted by `;`: a person stands in the group of each part."""

Labels = Mapping[str, str] | None
"""Value of an attribute -> released label; None for values as they are."""


@dataclass(frozen=True)
class Filter:
    """Only people whose value of the attribute has this label; for a list attribute: whose list holds it."""

    attribute: str
    label: str
    labels: Labels = None


@dataclass(frozen=True)
class Axes:
    """By which attributes an answer is split, how their values are merged, and whom it is about.

    `filters` restrict the people. `table` names the attributes that the engine is asked for (those of the axes and filters
    where it is empty): one answer of the engine then serves every split and filter of that table. Without a table the
    filters go to the engine. `leave_out` are starting quarters ("2024 Q1") whose people do not count.
    """

    first: str | None = None
    second: str | None = None
    first_labels: Labels = None
    second_labels: Labels = None
    filters: tuple[Filter, ...] = ()
    table: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes to ask the engine for, sorted."""
        split = [name for name in (self.first, self.second) if name]
        return tuple(sorted(set(self.table) | set(split))) if self.table else tuple(sorted(set(split)))

    @property
    def pushed(self) -> tuple[tuple[str, str], ...]:
        """The filters that the engine applies, as (attribute, value)."""
        return () if self.table else tuple(sorted((part.attribute, part.label) for part in self.filters))

    @property
    def people(self) -> tuple:
        """What, beside source and instrument, decides the engine's answer: a key to remember it under."""
        return self.attributes, self.pushed, self.leave_out


@dataclass(frozen=True)
class _Grid:
    """Counts on the grid: per attribute (codes, sorted names), and columns of numbers; one row per cell and value."""

    attributes: Mapping[str, tuple[np.ndarray, list[str]]]
    columns: Mapping[str, np.ndarray]


def _grid_of(counts: pd.DataFrame, grid: Sequence[str], value: str) -> _Grid:
    """The counts as arrays, ordered by `value`, so that quartiles need no sorting later."""
    for name in set(grid) & set(LISTS):
        counts = counts.assign(**{name: counts[name].str.split(";")}).explode(name)
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


def _in_filters(grid: _Grid, axes: Axes) -> _Grid:
    """The rows of the grid that pass the filters which the engine was not asked to apply."""
    if not axes.table or not axes.filters:
        return grid
    keep = np.ones(len(next(iter(grid.columns.values()))), dtype=bool)
    for part in axes.filters:
        codes, names = _axis(grid, part.attribute, part.labels)
        keep &= codes == (names.index(part.label) if part.label in names else -1)
    attributes = {name: (codes[keep], names) for name, (codes, names) in grid.attributes.items()}
    return _Grid(attributes, {name: column[keep] for name, column in grid.columns.items()})


def _answer(cells: _Cells, columns: Mapping[str, np.ndarray | list], seen: np.ndarray) -> pd.DataFrame:
    """One row per cell that was `seen`, ordered by its names."""
    places = np.flatnonzero(seen)
    answer = {name: [cells.names[place][axis] for place in places] for axis, name in enumerate(_AXES)}
    for name, column in columns.items():
        answer[name] = [column[place] for place in places] if isinstance(column, list) else column[places]
    return pd.DataFrame(answer)


def population(table: ibis.Table, info: SourceInfo, leave_out: Sequence[str] = ()) -> ibis.Table:
    """The rows (of `episode` or `episode_outcome`) that answers are about: the source's released population, without the
    starting quarters in `leave_out`."""
    table = table.filter(table["source"] == info.source)
    if info.population_attribute:
        table = table.filter(table[info.population_attribute] == info.population_value)
    if leave_out:
        table = table.filter(~attribute_value(table, "start_quarter").isin(list(leave_out)))
    return table


def attribute_value(table: ibis.Table, name: str, scale: InstrumentRange | None = None) -> ibis.StringValue:
    """An attribute of each row as text, `not recorded` where missing.

    `start_quarter` is "2024 Q1", `start_month` "2024-03", each with the year alone known "2024, not recorded"; `first_band`
    (needs the scale and a column `first`) is one of `BANDS`.
    """
    year = table["start_year"].cast("string") if name in ("start_quarter", "start_month") else None
    if name == "start_quarter":
        value = year + (ibis.literal(" ") + table["start_quarter"]).fill_null(f", {NOT_RECORDED}")
    elif name == "start_month":
        month = ibis.literal("-") + table["start_month"].cast("string").lpad(2, "0")
        value = year + month.fill_null(f", {NOT_RECORDED}")
    elif name == "first_band":
        third = (scale.maximum - scale.minimum) / len(BANDS)
        first = table["first"]
        value = ibis.cases(
            (first < scale.minimum + third, BANDS[0]),
            (first < scale.minimum + 2 * third, BANDS[1]),
            (first.notnull(), BANDS[2]),
            else_=NOT_RECORDED,
        )
    else:
        value = table[name].cast("string")
    return value.fill_null(NOT_RECORDED)


def restricted(table: ibis.Table, axes: Axes, scale: InstrumentRange | None = None) -> ibis.Table:
    """The rows that pass the filters which the engine applies."""
    for name, wanted in axes.pushed:
        value = attribute_value(table, name, scale)
        if name in LISTS:
            keep = (ibis.literal(";") + value + ibis.literal(";")).contains(f";{wanted};")
        else:
            keep = value == wanted
        table = table.filter(keep)
    return table


def outcomes_of(table, info: SourceInfo, scale: InstrumentRange, axes: Axes) -> ibis.Table:
    """One row per person with any score of the instrument, who pass the filters that the engine applies."""
    rows = population(table("episode_outcome"), info, axes.leave_out)
    return restricted(rows.filter(rows["instrument"] == scale.id), axes, scale)


def open_quarters(store: Store, info: SourceInfo, follow_up_days: int) -> tuple[str, ...]:
    """The starting quarters whose follow-up is not over: the data do not reach `follow_up_days` past their end.

    The data reach the latest day of any score, counted from the first day of its episode's starting month or quarter.
    Empty where no quarters are recorded, and where none is closed yet: then there is nothing older to keep to.
    """

    def question(table) -> ibis.Table:
        rows = population(table("episode_outcome"), info)
        rows = rows.filter(rows["start_year"].notnull() & rows["start_quarter"].notnull())
        seen = ibis.coalesce(rows["last_day"], rows["first_day"])
        return rows.group_by("start_year", "start_quarter", "start_month").aggregate(day=seen.max())

    def find() -> tuple[str, ...]:
        found = store.ask(question)
        if found.empty:
            return ()
        reach = max(
            _first_day(row.start_year, row.start_quarter, row.start_month).toordinal()
            + (0 if pd.isna(row.day) else int(row.day))
            for row in found.itertuples()
        )
        ends = {
            f"{int(row.start_year)} {row.start_quarter}": _quarter_end(row.start_year, row.start_quarter).toordinal()
            for row in found.itertuples()
        }
        late = tuple(sorted(name for name, end in ends.items() if reach < end + follow_up_days))
        return late if len(late) < len(ends) else ()

    return store.remembered(("open quarters", info.source, follow_up_days), find)


def _first_day(year: float, quarter: str, month: float) -> datetime.date:
    return datetime.date(int(year), 3 * int(quarter[1:]) - 2 if pd.isna(month) else int(month), 1)


def _quarter_end(year: float, quarter: str) -> datetime.date:
    last = 3 * int(quarter[1:])
    after = datetime.date(int(year) + last // 12, last % 12 + 1, 1)
    return after - datetime.timedelta(days=1)


def _change_grid(store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes) -> _Grid:
    """Per cell of the attributes and per size of change: people, pairs, sums. Asked once per table and version.

    Everything that may be released is a sum over the cells of one table (a disclosure rule), so the engine is asked for
    it once and every split, filter and merge is added up here. A change is missing where somebody has one score only.
    """
    grid = axes.attributes

    def question(table) -> ibis.Table:
        rows = outcomes_of(table, info, scale, axes)
        rows = rows.mutate(**{name: attribute_value(rows, name, scale) for name in grid})
        paired = rows["change"].notnull()
        return rows.group_by(*grid, "change").aggregate(
            any_score=rows.count(),
            pairs=rows.count(where=paired),
            first_sum=rows["first"].sum(where=paired),
            last_sum=rows["last"].sum(where=paired),
        )

    key = ("change grid", info.source, scale, axes.people)
    return store.remembered(key, lambda: _grid_of(store.ask(question), grid, "change"))


def change_cells(store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes) -> pd.DataFrame:
    """Per cell: people with any score, pairs, better/same/worse, responders, sums and quartiles of first, last, change.

    A responder's score moved by the important change or more in the good direction; the column is 0 where the
    instrument has none. Quartiles are interpolated between ordered values (NaN without a pair).
    """
    sign = 1 if scale.higher_is_better else -1
    threshold = scale.important_change if scale.important_change is not None else float("inf")
    grid = _in_filters(_change_grid(store, info, scale, axes), axes)
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
    grid = _in_filters(_change_grid(store, info, scale, axes), axes)
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


def _visit_grid(store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes, windows: Sequence[Window]) -> _Grid:
    """Per cell of the attributes, visit and score: people. Asked once per table and version, as `_change_grid`."""
    grid = axes.attributes

    def from_visits(table) -> ibis.Table:
        rows = outcomes_of(table, info, scale, axes)
        rows = rows.mutate(**{name: attribute_value(rows, name, scale) for name in grid})
        counts = []
        for place in range(len(windows)):
            visit = rows.mutate(score=rows[visit_column(place)])
            visit = visit.filter(visit["score"].notnull())
            counted = visit.group_by(*grid, "score").aggregate(n=visit.count())
            counts.append(counted.mutate(visit=ibis.literal(place, "int64")))
        return ibis.union(*counts) if len(counts) > 1 else counts[0]

    def from_scores(table) -> ibis.Table:
        episodes = outcomes_of(table, info, scale, axes)
        values = {name: attribute_value(episodes, name, scale) for name in grid}
        episodes = episodes.mutate(**values).select("episode_id", *grid)
        scores = table("score")
        scores = scores.filter(scores["instrument"] == scale.id)
        cases = [
            ((scores["day"] >= window.from_day) & (scores["day"] <= window.to_day), place)
            for place, window in enumerate(windows)
        ]
        scores = scores.mutate(visit=ibis.cases(*cases, else_=-1))
        scores = scores.filter(scores["visit"] >= 0)
        rows = scores.join(episodes, "episode_id")
        once = rows.group_by("episode_id", *grid, "visit").aggregate(score=rows["value"].argmin(rows["day"]))
        return once.group_by(*grid, "visit", "score").aggregate(n=once.count())

    # The import has worked out the score at each of the source's own visits; a store from before that has not.
    ready = tuple(windows) == info.visit_windows and store.holds(
        info.source, "episode_outcome", [visit_column(place) for place in range(len(windows))]
    )
    key = ("visit grid", info.source, scale, axes.people, tuple(windows))
    return store.remembered(key, lambda: _grid_of(store.ask(from_visits if ready else from_scores), grid, "score"))


def visit_cells(
    store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes, windows: Sequence[Window]
) -> pd.DataFrame:
    """Per cell and visit: people, and quartiles of their score. Of several scores in a window the earliest counts."""
    grid = _in_filters(_visit_grid(store, info, scale, axes, windows), axes)
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


def table_cells(
    store: Store, info: SourceInfo, scale: InstrumentRange, attributes: Sequence[str], leave_out: Sequence[str] = ()
) -> pd.DataFrame:
    """Per cell of these attributes (a column each): people with any score, pairs, responders. Exact.

    Without attributes it is one row of everybody. Cells of nobody are left out.
    """
    axes = Axes(table=tuple(attributes), leave_out=tuple(leave_out))

    def count() -> pd.DataFrame:
        frame = _plain(_change_grid(store, info, scale, axes))
        frame["responders"] = frame["pairs"] * is_responder(frame["change"], scale)
        counted = ["any_score", "pairs", "responders"]
        if not attributes:
            return frame[counted].sum().to_frame().T.astype(np.int64)
        return frame.groupby(list(attributes), as_index=False)[counted].sum()

    # Many plans start from the same table; nobody changes it.
    return store.remembered(("table cells", info.source, scale, tuple(attributes), axes.leave_out), count)


def table_changes(
    store: Store, info: SourceInfo, scale: InstrumentRange, attributes: Sequence[str], leave_out: Sequence[str] = ()
) -> pd.DataFrame:
    """Per cell of these attributes (a column each) and size of change: pairs. Exact."""
    frame = _plain(_change_grid(store, info, scale, Axes(table=tuple(attributes), leave_out=tuple(leave_out))))
    return frame.loc[frame["pairs"] > 0, [*attributes, "change", "pairs"]]


def table_visits(
    store: Store,
    info: SourceInfo,
    scale: InstrumentRange,
    attributes: Sequence[str],
    windows: Sequence[Window],
    leave_out: Sequence[str] = (),
) -> pd.DataFrame:
    """Per cell of these attributes (a column each) and visit (its place in `windows`): people. Exact."""
    axes = Axes(table=tuple(attributes), leave_out=tuple(leave_out))

    def count() -> pd.DataFrame:
        frame = _plain(_visit_grid(store, info, scale, axes, windows))
        return frame.groupby([*attributes, "visit"], as_index=False)["n"].sum()

    key = ("table visits", info.source, scale, tuple(attributes), axes.leave_out, tuple(windows))
    return store.remembered(key, count)


def _plain(grid: _Grid) -> pd.DataFrame:
    """The grid as one table, its attributes as text."""
    named = {name: np.array(names, dtype=object)[codes] for name, (codes, names) in grid.attributes.items()}
    return pd.DataFrame(named | dict(grid.columns))


def is_responder(change: Iterable[float], scale: InstrumentRange) -> np.ndarray:
    """Whether each change is for the better by the important change or more; False where it is missing or unknown."""
    if scale.important_change is None:
        return np.zeros(len(list(change)), dtype=bool)
    gain = np.nan_to_num(np.asarray(change, dtype=float), nan=-np.inf) * (1 if scale.higher_is_better else -1)
    return np.where(np.isfinite(gain), gain >= scale.important_change - _SAME, False)


def episode_counts(
    store: Store, info: SourceInfo, attribute: str | None = None, leave_out: Sequence[str] = ()
) -> pd.DataFrame:
    """Per value of an attribute: how many episodes."""

    def question(table) -> ibis.Table:
        rows = population(table("episode"), info, leave_out)
        value = attribute_value(rows, attribute) if attribute else ibis.literal(EVERYBODY)
        rows = rows.mutate(first_axis=value)
        return rows.group_by("first_axis").aggregate(n=rows.count())

    return store.ask(question).sort_values("first_axis", ignore_index=True)
