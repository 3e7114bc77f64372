"""The questions once more, person by person in plain Python over the stored scores: what every engine must answer."""

from __future__ import annotations

import datetime
import functools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from kneewise.outcomes.instruments import InstrumentRange
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import SourceInfo, Store, Window

UNKNOWN, EVERYBODY = "not recorded", "everybody"
SAME = 1e-9
Cell = tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """Who has any score of the instrument: attributes as text, and the scores as (day, value) in order of days."""

    attributes: Mapping[str, str]
    scores: tuple[tuple[int, float], ...]
    first: tuple[int, float] | None
    last: tuple[int, float] | None
    expected: float | None

    @property
    def change(self) -> float | None:
        """Last less first score; None where one of them is missing."""
        return None if self.first is None or self.last is None else self.last[1] - self.first[1]


def rows_of(store: Store, info: SourceInfo, table: str) -> list[dict]:
    """The stored rows of one source."""
    return _rows(store.folder / "files" / info.files[table])


@functools.cache
def _rows(path: Path) -> list[dict]:
    return pq.read_table(path).to_pylist()


def attributes_of(row: Mapping) -> dict[str, str]:
    """The attributes of an episode as text."""
    found = {name: UNKNOWN if value is None else str(value) for name, value in row.items()}
    year = row.get("start_year")
    for name, value, text in (
        ("start_quarter", row.get("start_quarter"), " {}"),
        ("start_month", row.get("start_month"), "-{:02d}"),
    ):
        known = f", {UNKNOWN}" if value is None else text.format(value)
        found[name] = UNKNOWN if year is None else f"{year}{known}"
    return found


def people_of(store: Store, info: SourceInfo, scale: InstrumentRange, axes: Axes) -> list[Person]:
    """Everybody whom the axes are about."""
    start_until = info.visit_windows[0].to_day
    scores = defaultdict(list)
    for row in rows_of(store, info, "score"):
        if row["instrument"] == scale.id:
            scores[row["episode_id"]].append((row["day"], row["value"]))
    expected = {
        row["episode_id"]: row["expected_last"]
        for row in rows_of(store, info, "episode_outcome")
        if row["instrument"] == scale.id
    }
    people = []
    for row in rows_of(store, info, "episode"):
        mine = tuple(sorted(scores.get(row["episode_id"], ())))
        if not mine:
            continue
        first = mine[0] if mine[0][0] <= start_until else None
        last = mine[-1] if mine[-1][0] > start_until else None
        attributes = attributes_of(row)
        attributes["first_band"] = band_of(first, scale)
        if in_filters(attributes, axes):
            people.append(Person(attributes, mine, first, last, expected[row["episode_id"]]))
    return people


def band_of(first: tuple[int, float] | None, scale: InstrumentRange) -> str:
    """The third of the scale of a first score."""
    if first is None:
        return UNKNOWN
    third = (scale.maximum - scale.minimum) / 3
    return ("low third", "middle third", "high third")[
        sum(first[1] >= scale.minimum + place * third for place in (1, 2))
    ]


def in_filters(attributes: Mapping[str, str], axes: Axes) -> bool:
    """Whether the axes are about somebody with these attributes."""
    if attributes["start_quarter"] in axes.leave_out:
        return False
    for part in axes.filters:
        values = attributes[part.attribute].split(";") if part.attribute == "factors" else [attributes[part.attribute]]
        if part.label not in [(part.labels or {}).get(value, value) for value in values]:
            return False
    return True


def cells_of(person: Person, axes: Axes) -> list[Cell]:
    """The cells of the two axes that somebody stands in: more than one where a list is split."""

    def values(name: str | None, labels: Mapping[str, str] | None) -> list[str]:
        if name is None:
            return [EVERYBODY]
        found = person.attributes[name].split(";") if name == "factors" else [person.attributes[name]]
        return [(labels or {}).get(value, value) for value in found]

    return [
        (one, other)
        for one in values(axes.first, axes.first_labels)
        for other in values(axes.second, axes.second_labels)
    ]


def gathered(people: Sequence[Person], axes: Axes) -> dict[Cell, list[Person]]:
    """The people of each cell of the two axes."""
    found = defaultdict(list)
    for person in people:
        for cell in cells_of(person, axes):
            found[cell].append(person)
    return dict(found)


def change_cells(people: Sequence[Person], scale: InstrumentRange, axes: Axes) -> dict[Cell, dict]:
    """What `questions.change_cells` says of each cell."""
    sign = 1 if scale.higher_is_better else -1
    found = {}
    for cell, members in gathered(people, axes).items():
        pairs = [person for person in members if person.change is not None]
        gains = [person.change * sign for person in pairs]
        found[cell] = {
            "any_score": len(members),
            "pairs": len(pairs),
            "improved": sum(gain > SAME for gain in gains),
            "worse": sum(gain < -SAME for gain in gains),
            "responders": sum(
                scale.important_change is not None and gain >= scale.important_change - SAME for gain in gains
            ),
            "change_sum": sum(person.change for person in pairs),
            "change_squares": sum(person.change**2 for person in pairs),
            "first_sum": sum(person.first[1] for person in pairs),
            "last_sum": sum(person.last[1] for person in pairs),
            "change_quartiles": quartiles([person.change for person in pairs]),
        }
    return found


def quartiles(values: Sequence[float]) -> list[float]:
    """The quartiles, NaN of nothing."""
    return np.quantile(values, [0.25, 0.5, 0.75]).tolist() if len(values) else [float("nan")] * 3


def change_counts(people: Sequence[Person], axes: Axes, edges: Sequence[float]) -> Counter:
    """(cell, bin) -> people, as `questions.change_counts`."""
    found = Counter()
    for cell, members in gathered(people, axes).items():
        for person in members:
            if person.change is not None:
                place = sum(person.change >= edge - SAME for edge in edges[1:-1])
                found[(*cell, place)] += 1
    return found


def visit_cells(people: Sequence[Person], axes: Axes, windows: Sequence[Window]) -> dict[Cell, dict]:
    """(cell, visit) -> people and quartiles, as `questions.visit_cells`."""
    scores = defaultdict(list)
    for cell, members in gathered(people, axes).items():
        for person in members:
            earliest = {}
            for day, value in person.scores:
                # A day in two windows counts for the first of them.
                places = [place for place, each in enumerate(windows) if each.from_day <= day <= each.to_day]
                if places:
                    earliest.setdefault(places[0], value)
            for place, value in earliest.items():
                scores[(*cell, place)].append(value)
    return {cell: {"n": len(values), "quartiles": quartiles(values)} for cell, values in scores.items()}


def episode_counts(store: Store, info: SourceInfo, attribute: str | None) -> Counter:
    """Value -> episodes, as `questions.episode_counts`."""
    return Counter(attributes_of(row)[attribute] if attribute else EVERYBODY for row in rows_of(store, info, "episode"))


def grid_of(person: Person, axes: Axes) -> Cell:
    """The attributes that the engine is asked for, lists as they are."""
    return tuple(person.attributes[name] for name in axes.attributes)


def recovery_days(
    people: Sequence[Person], info: SourceInfo, scale: InstrumentRange, axes: Axes, important: float
) -> dict[Cell, dict]:
    """(grid, day) -> recovered and last seen, as `more_questions.recovery_days`."""
    sign = 1 if scale.higher_is_better else -1
    found = defaultdict(lambda: {"events": 0, "censored": 0})
    for person in people:
        if person.change is None:
            continue
        start, value = person.first
        later = [each for each in person.scores if each[0] > info.visit_windows[0].to_day]
        reached = [day for day, score in later if (score - value) * sign >= important - SAME]
        lasts = person.change * sign >= important - SAME
        day = (reached[0] if lasts else later[-1][0]) - start
        found[(*grid_of(person, axes), day)]["events" if lasts else "censored"] += 1
    return dict(found)


def week_cells(
    people: Sequence[Person], scale: InstrumentRange, axes: Axes, windows: Mapping[int, Window]
) -> dict[Cell, Counter]:
    """Grid -> the counts of `more_questions.week_cells`."""
    sign = 1 if scale.higher_is_better else -1
    found: dict[Cell, Counter] = {}
    for person in people:
        cell = found.setdefault(grid_of(person, axes), Counter())
        cell["any"] += 1
        if person.first is None:
            continue
        known = scale.important_change is not None
        lasts = known and person.change is not None and person.change * sign >= scale.important_change - SAME
        cell["people"] += 1
        cell["responders"] += lasts
        cell["gone"] += person.change is None
        for week, window in windows.items():
            inside = [
                (abs(day - 7 * week), day, value)
                for day, value in person.scores
                if window.from_day <= day <= window.to_day and day > person.first[0]
            ]
            if inside:
                cell[f"seen_{week}"] += 1
                gain = (min(inside)[2] - person.first[1]) * sign
                better = known and gain >= scale.important_change - SAME
                cell[f"improved_{week}"] += better
                cell[f"kept_{week}"] += better and lasts
    return found


def first_scores(people: Sequence[Person], axes: Axes) -> dict[Cell, dict]:
    """Grid -> pairs and sums of first scores, as `more_questions.first_scores`."""
    found = defaultdict(lambda: {"pairs": 0, "first_sum": 0.0, "first_squares": 0.0})
    for person in people:
        if person.change is not None:
            cell = found[grid_of(person, axes)]
            cell["pairs"] += 1
            cell["first_sum"] += person.first[1]
            cell["first_squares"] += person.first[1] ** 2
    return dict(found)


def comparison_cells(people: Sequence[Person], names: Sequence[str]) -> dict[Cell, dict]:
    """Unit and case mix -> people and sums, as `comparing.comparison_cells`."""
    found = {}
    for person in people:
        cell = found.setdefault(tuple(person.attributes[name] for name in names), Counter())
        cell["any_score"] += 1
        if person.change is None:
            continue
        first, last = person.first[1], person.last[1]
        for name, value in (
            ("pairs", 1),
            ("first_sum", first),
            ("last_sum", last),
            ("first_squares", first**2),
            ("last_squares", last**2),
            ("products", first * last),
        ):
            cell[name] += value
        if person.expected is not None:
            cell["modelled"] += 1
            cell["modelled_last_sum"] += last
            cell["expected_sum"] += person.expected
            cell["residual_squares"] += (last - person.expected) ** 2
    return found


def data_reach(store: Store, info: SourceInfo, with_quarter: bool) -> datetime.date | None:
    """The latest day that a score shows to be over, as `more_questions.data_reach` (with quarters: `open_quarters`)."""
    episodes = {row["episode_id"]: row for row in rows_of(store, info, "episode")}
    days = []
    for row in rows_of(store, info, "episode_outcome"):
        episode = episodes[row["episode_id"]]
        year, quarter, month = (episode[name] for name in ("start_year", "start_quarter", "start_month"))
        if year is None or (quarter is None and (with_quarter or month is None)):
            continue
        seen = row["last_day"] if row["last_day"] is not None else row["first_day"]
        start = datetime.date(year, month or 3 * int(quarter[1:]) - 2, 1)
        days.append(start + datetime.timedelta(days=seen or 0))
    return max(days, default=None)
