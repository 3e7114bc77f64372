"""What each row of an export says about its episode: a pseudonym, attributes, a start.

An episode is what its earliest row (by day; of one day the first in the file) says of it. What that row leaves blank is
taken from the next row that says it, except for what may follow from how things went (`MAY_FOLLOW`): of that, only what is
said at the start counts. Somebody who is given tape in week 12 because exercise alone did not help belongs to those who
began with exercise alone; and an age that turns over during care is no reason to lose the last score. So rows of one
episode may differ in all but its start.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kneewise.outcomes.identity import keyed_hash, keyed_hashes, read_dates
from kneewise.outcomes.profiles import ATTRIBUTES, Attribute, Profile
from kneewise.outcomes.reading import ExportTable
from kneewise.outcomes.reports import ColumnReport
from kneewise.outcomes.understanding import (
    FORMULA_SIGNS,
    Coded,
    Rejections,
    missing_values,
    one_of,
    read_code,
    read_place,
    read_whole,
    understood,
)

MAY_FOLLOW = ("intervention", "clinician", "factors")
"""Attributes that may change because of how things went; a later one says nothing about the start."""
_START = ("start_year", "start_quarter", "start_month")
_PAIRS_SAID = 3


@dataclass
class EpisodeRows:
    """What each row says about its episode: ids, attributes, the start's day (0 where unknown), year, quarter, month.

    `own_ids` are the export's own ids beside their pseudonyms in `episode.values`, None where it has none. `named` says
    which column of the export a part came from. `days` are the days since the start by which an episode's rows are put in
    order, None where each row is an episode. `notes` are sentences for whoever holds the file.
    """

    episode: Coded
    parts: dict[str, Coded]
    start: dict[str, Coded]
    day0: np.ndarray
    own_ids: Sequence[str] | None
    named: dict[str, str] = field(default_factory=dict)
    days: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


def episode_rows(
    table: ExportTable,
    profile: Profile,
    key: bytes,
    source: str,
    rejections: Rejections,
    reports: list[ColumnReport],
) -> EpisodeRows:
    """Hashed episode id and the episode's attributes, per row of the export."""
    own_ids: list[str] | None = None
    if profile.episode is None:
        hashes = keyed_hashes(key, "episode", [f"{source}\x1f{row}" for row in range(table.rows)])
        episode, _ = _in_order(np.arange(table.rows, dtype=np.int32), hashes)
    else:
        coded = table.columns[profile.episode]
        rejections.add(missing_values(coded, profile.episode)[coded.codes], coded.name, "the episode has no id.")

        def itself(value: str) -> str:
            if value.startswith(FORMULA_SIGNS):
                raise ValueError
            return value

        ids = understood(
            coded, profile.episode, "episode id -> keyed hash", itself, "the id can't be used.", rejections, reports
        )
        hashes = keyed_hashes(key, "episode", [f"{source}\x1f{value}" for value in ids.values])
        episode, order = _in_order(ids.codes, hashes)
        own_ids = [ids.values[place] for place in order]
    parts: dict[str, Coded] = {}
    named: dict[str, str] = {}
    notes: list[str] = []
    for attribute in profile.attributes:
        coded = table.columns.get(attribute)
        if coded is None or attribute.attribute in parts:
            continue
        read, reason = _reader(attribute, profile, key)
        meaning = attribute.attribute + {"keyed_code": " -> keyed hash", "age_years": " (from age)"}.get(
            attribute.kind, ""
        )
        part = understood(coded, attribute, meaning, read, reason, rejections, reports)
        parts[attribute.attribute] = part.ordered()
        named[attribute.attribute] = coded.name
        if attribute.kind == "code":
            notes += _differ_in_capitals(coded.name, part.values, True)
        elif attribute.kind == "keyed_code":
            absent = missing_values(coded, attribute)
            written = [value for value, gone in zip(coded.values, absent, strict=True) if not gone]
            notes += _differ_in_capitals(coded.name, written, False)
    rows = EpisodeRows(episode, parts, {}, np.zeros(table.rows, dtype=np.int64), own_ids, named, notes=notes)
    _read_start(table, profile, rows, rejections, reports)
    return rows


def _differ_in_capitals(column: str, values: Sequence[str], repeat: bool) -> list[str]:
    """What to say of codes that are perhaps one; with `repeat` they are repeated."""
    alike: dict[str, list[str]] = {}
    for value in values:
        alike.setdefault("".join(value.casefold().split()), []).append(value)
    several = sorted(sorted(each) for each in alike.values() if len(each) > 1)
    if not several:
        return []
    if repeat:
        named = [" and ".join(f"'{value}'" for value in each) for each in several[:_PAIRS_SAID]]
        which = "; ".join(named + ([f"{len(several) - _PAIRS_SAID:,} others"] if len(several) > _PAIRS_SAID else []))
    else:
        which = f"{sum(map(len, several)):,} of its values"
    return [
        f"Column '{column}': {which} differ in capital letters or blanks only and count as different ones; write them alike "
        "if they are one."
    ]


def _reader(attribute: Attribute, profile: Profile, key: bytes) -> tuple[Callable[[str], str], str]:
    """How an attribute's values are read, and what to say of one that can't be."""
    category = one_of(attribute.values)

    def age(value: str) -> str:
        years = read_whole(value)
        for band in profile.age_bands:
            if band.from_years <= years <= band.to_years:
                return band.label
        raise ValueError

    known = ", ".join(list(attribute.values)[:8])
    return {
        "category": (category, f"the value is not one the profile knows ({known})."),
        "code": (read_place, "this is not a short code."),
        "keyed_code": (
            lambda value: keyed_hash(key, attribute.attribute, read_code(value), 8),
            "this is not a short code.",
        ),
        "age_years": (age, "this is not an age in whole years."),
        "code_list": (
            lambda value: ";".join(sorted({category(part.strip()) for part in value.split(";")})),
            f"a code in the list is not one the profile knows ({known}).",
        ),
    }[attribute.kind]


def _in_order(codes: np.ndarray, hashes: list[str]) -> tuple[Coded, np.ndarray]:
    """Pseudonyms in their own order, and that order. They are distinct, so it is enough to renumber them."""
    order = np.argsort(np.array(hashes, dtype="S32"), kind="stable") if hashes else np.zeros(0, dtype=np.int64)
    rank = np.full(len(hashes) + 1, -1, dtype=np.int32)
    rank[order] = np.arange(len(hashes), dtype=np.int32)
    return Coded(rank[codes], [hashes[place] for place in order]), order


def _read_start(
    table: ExportTable, profile: Profile, rows: EpisodeRows, rejections: Rejections, reports: list[ColumnReport]
) -> None:
    """When each row's episode starts: from its date, or from a year and a quarter."""
    start = profile.start
    if start.date is not None and start.date in table.columns:
        coded = table.columns[start.date]
        ordinals, wrong = read_dates(coded, (*start.date.missing, ""))
        rejections.add(wrong, coded.name, "this is not a date.")
        start_on(rows, ordinals)
        rows.named["_day0"] = coded.name
        counted = ~rejections.set_aside
        known, refused = int((ordinals[counted] > 0).sum()), int(wrong[counted].sum())
        reports.append(
            ColumnReport(coded.name, "start date -> month", known, int(counted.sum()) - known - refused, refused)
        )
        return

    def year(value: str) -> int:
        digits = re.match(r"(19|20)\d{2}(?!\d)", value) or re.fullmatch(r"((?:19|20)\d{2})\d{2}", value)
        if not digits:
            raise ValueError
        return int(value[:4])

    def quarter(value: str) -> str:
        digits = re.fullmatch(r"(?:\d{4}[- ]?)?Q?([1-4])", value.upper())
        if not digits:
            raise ValueError
        return f"Q{digits[1]}"

    for column, name, read in ((start.year, "start_year", year), (start.quarter, "start_quarter", quarter)):
        if column is not None and column in table.columns:
            coded = table.columns[column]
            reason = f"this is not a {name.removeprefix('start_')}."
            rows.start[name] = understood(
                coded, column, name.replace("_", " "), read, reason, rejections, reports
            ).ordered()
            rows.named[name] = coded.name
    if start.year_from_file_name and "start_year" not in rows.start and table.year is not None:
        rows.start["start_year"] = Coded(np.zeros(table.rows, dtype=np.int32), [table.year])


def start_on(rows: EpisodeRows, ordinals: np.ndarray) -> None:
    """Put these days (0 where unknown) as the start; only year, quarter and month of them are stored."""
    rows.day0 = ordinals
    days, codes = np.unique(ordinals, return_inverse=True)
    dates = [datetime.date.fromordinal(int(day)) if day > 0 else None for day in days]
    for name, part in (
        ("start_year", lambda day: day.year),
        ("start_month", lambda day: day.month),
        ("start_quarter", lambda day: f"Q{(day.month + 2) // 3}"),
    ):
        values = sorted({part(day) for day in dates if day is not None})
        place = {value: code for code, value in enumerate(values)}
        lookup = np.array([-1 if day is None else place[part(day)] for day in dates], dtype=np.int32)
        rows.start[name] = Coded(lookup[codes], values)


def episodes_of(
    rows: EpisodeRows, source: str, telling: np.ndarray, kept: np.ndarray, until_day: int
) -> pd.DataFrame:
    """One line per episode, in the order of their pseudonyms: what the rows say of each (see the module's text).

    `episode_id` is the pseudonym's place in that order, here and in the tables made from it: numbers are sorted and
    joined many times as fast as texts. `_arrow` puts the pseudonyms in. What rows say otherwise is added to the notes.

    Parameters
    ----------
    telling, kept : bool arrays
        The rows that say what their episode is, and those of them that are kept: an episode without one of these is none.
    until_day : int
        Up to this day a row speaks of the start; so do all rows of an episode's earliest day.
    """
    first = first_rows(rows.episode, telling, rows.days)
    known = np.zeros(len(first), dtype=bool)
    known[rows.episode.codes[kept & (rows.episode.codes >= 0)]] = True
    frame: dict[str, object] = {
        "episode_id": np.flatnonzero(known).astype(np.int32),
        "source": pd.Categorical.from_codes(np.zeros(np.count_nonzero(known), dtype=np.int8), categories=[source]),
    }
    otherwise: list[str] = []
    for name in ATTRIBUTES:
        coded = rows.parts.get(name)
        if coded is None:
            coded = Coded.empty(len(telling))
            told = np.full(len(first), -1, dtype=np.int32)
        else:
            told = _told(rows, coded.codes, first, telling, until_day if name in MAY_FOLLOW else None)
            otherwise += _said_otherwise(name, rows, coded.codes, told, kept, until_day)
        frame[name] = pd.Categorical.from_codes(told[known], categories=pd.Index(coded.values, dtype=object))
    for name in _START:
        coded = rows.start.get(name, Coded.empty(len(telling)))
        told = Coded(_told(rows, coded.codes, first, telling)[known], coded.values)
        frame[name] = told.categorical()
        if name != "start_quarter":
            numbers = told.numbers()
            frame[name] = pd.array(np.nan_to_num(numbers).astype(np.int32), dtype="Int32")
            frame[name][np.isnan(numbers)] = pd.NA
    if otherwise:
        rows.notes.append(
            f"{', '.join(otherwise)} than the earliest row of their episode. The earliest counts: what changes later moves "
            "nobody to another group, and no score is lost."
        )
    return pd.DataFrame(frame)


def _told(
    rows: EpisodeRows, codes: np.ndarray, first: np.ndarray, usable: np.ndarray, until_day: int | None = None
) -> np.ndarray:
    """For each episode the code that its earliest row with one has (-1 where none has).

    `first` are the episodes' first rows. With `until_day`, rows after it count only on an episode's earliest day.
    """
    told = np.where(first >= 0, codes[first], -1).astype(np.int32)
    blank = (told < 0) & (first >= 0)
    if rows.days is None or not blank.any():
        return told
    further = np.flatnonzero(usable & (codes >= 0) & blank[rows.episode.codes])
    if until_day is not None:
        latest = np.maximum(rows.days[first[rows.episode.codes[further]]], until_day)
        further = further[rows.days[further] <= latest]
    place = _earliest(rows.episode.codes, further, rows.days, len(first))
    return np.where(place >= 0, codes[place], told).astype(np.int32)


def _said_otherwise(
    name: str, rows: EpisodeRows, codes: np.ndarray, told: np.ndarray, usable: np.ndarray, until_day: int
) -> list[str]:
    """How many rows say another value than their episode's, in words for a list; what is only known later is noted."""
    if rows.days is None:
        return []
    differs = usable & (codes >= 0) & (codes != told[rows.episode.codes])
    if not differs.any():
        return []
    places = np.flatnonzero(differs)
    episodes = rows.episode.codes[places]
    late = told[episodes] < 0
    spoken = name.replace("_", " ")
    if late.any():
        count = len(np.unique(episodes[late]))
        names = f"{count:,} episodes name their {spoken}" if count > 1 else f"1 episode names its {spoken}"
        rows.notes.append(
            f"{names} only after day {until_day}, where it may follow from how things went; it counts as not known."
        )
    count = int(np.count_nonzero(~late))
    return [f"{count:,} row{'s say' if count > 1 else ' says'} another {spoken}"] if count else []


def first_rows(episode: Coded, usable: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """The first usable row of each episode, -1 where there is none: by `order` (a number per row), then by the file."""
    places = np.flatnonzero(usable & (episode.codes >= 0))
    first = _earliest(episode.codes, places, None, len(episode.values))
    if order is None or not (order[places] < order[first[episode.codes[places]]]).any():
        return first  # in nearly every file, an episode's first row is its earliest one
    return _earliest(episode.codes, places, order, len(episode.values))


def _earliest(episodes: np.ndarray, places: np.ndarray, order: np.ndarray | None, count: int) -> np.ndarray:
    """For each of `count` episodes the earliest of these rows, -1 where there is none."""
    found = np.full(count, -1, dtype=np.int64)
    if order is not None:
        places = places[np.argsort(order[places], kind="stable")]
    found[episodes[places[::-1]]] = places[::-1]  # what is written last stays
    return found


def fill_starts(rows: EpisodeRows, order: np.ndarray, usable: np.ndarray) -> None:
    """Rows without a start date have the one of their episode's earliest row that says it."""
    blank = (rows.day0 == 0) & (rows.episode.codes >= 0)
    if not (blank & usable).any():
        return
    first = first_rows(rows.episode, usable & (rows.day0 > 0), order)
    place = np.where(blank, first[rows.episode.codes], -1)
    filled = np.where(place >= 0, rows.day0[place], rows.day0)
    if (filled != rows.day0).any():
        start_on(rows, filled)


def refuse_another_start(rows: EpisodeRows, order: np.ndarray, rejections: Rejections) -> None:
    """Rows that say another start than the earliest row of their episode that says one: their days can't be compared."""
    telling = rejections.telling & (rows.episode.codes >= 0)
    if not telling.any():
        return
    first_telling = first_rows(rows.episode, telling, order)
    for name, column in rows.named.items():
        if name == "_day0":
            values, nothing = rows.day0, 0
        elif name in rows.start:
            values, nothing = rows.start[name].codes, -1
        else:
            continue
        said = telling & (values != nothing)
        whole = np.array_equal(said, telling)
        first = first_telling if whole else first_rows(rows.episode, said, order)
        differs = said & (values != values[first][rows.episode.codes])
        rejections.add(differs, column, "this row says another start than the earliest row of its episode.")
