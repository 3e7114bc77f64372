"""What each row of an export says about its episode: a pseudonym, attributes, a start."""

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
    read_whole,
    understood,
)


@dataclass
class EpisodeRows:
    """What each row says about its episode: ids, attributes, the start's day (0 where unknown), year, quarter, month.

    `own_ids` are the export's own ids beside their pseudonyms in `episode.values`, None where it has none. `named` says
    which column of the export a part came from.
    """

    episode: Coded
    parts: dict[str, Coded]
    start: dict[str, Coded]
    day0: np.ndarray
    own_ids: Sequence[str] | None
    named: dict[str, str] = field(default_factory=dict)


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
    for attribute in profile.attributes:
        coded = table.columns.get(attribute)
        if coded is None or attribute.attribute in parts:
            continue
        read, reason = _reader(attribute, profile, key)
        meaning = attribute.attribute + {"keyed_code": " -> keyed hash", "age_years": " (from age)"}.get(
            attribute.kind, ""
        )
        parts[attribute.attribute] = understood(coded, attribute, meaning, read, reason, rejections, reports).ordered()
        named[attribute.attribute] = coded.name
    rows = EpisodeRows(episode, parts, {}, np.zeros(table.rows, dtype=np.int64), own_ids, named)
    _read_start(table, profile, rows, rejections, reports)
    return rows


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
        "code": (read_code, "this is not a short code."),
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


def episodes_of(rows: EpisodeRows, source: str, usable: np.ndarray) -> pd.DataFrame:
    """One line per episode, in the order of their pseudonyms: what the first usable row of each says.

    `episode_id` is the pseudonym's place in that order, here and in the tables made from it: numbers are sorted and
    joined many times as fast as texts. `_arrow` puts the pseudonyms in.
    """
    first = first_rows(rows.episode, usable)
    first = first[first >= 0]
    frame: dict[str, object] = {
        "episode_id": rows.episode.codes[first],
        "source": pd.Categorical.from_codes(np.zeros(len(first), dtype=np.int8), categories=[source]),
    }
    for name in ATTRIBUTES:
        frame[name] = rows.parts.get(name, Coded.empty(len(usable))).categorical(first)
    for name in ("start_year", "start_quarter", "start_month"):
        coded = rows.start.get(name, Coded.empty(len(usable)))
        frame[name] = coded.categorical(first)
        if name != "start_quarter":
            numbers = coded.numbers(first)
            frame[name] = pd.array(np.nan_to_num(numbers).astype(np.int32), dtype="Int32")
            frame[name][np.isnan(numbers)] = pd.NA
    frame["_day0"] = rows.day0[first]
    return pd.DataFrame(frame)


def first_rows(episode: Coded, usable: np.ndarray) -> np.ndarray:
    """The first usable row of each episode, -1 where there is none."""
    first = np.full(len(episode.values), -1, dtype=np.int64)
    places = np.flatnonzero(usable & (episode.codes >= 0))[::-1]
    first[episode.codes[places]] = places
    return first


def refuse_disagreement(rows: EpisodeRows, rejections: Rejections) -> None:
    """Rows that say something else about their episode than its first good row does."""
    good = np.flatnonzero(rejections.good)
    first = first_rows(rows.episode, rejections.good)[rows.episode.codes[good]]
    said = {**rows.parts, "start_year": rows.start.get("start_year")}
    for name, column in rows.named.items():
        if name == "_day0":
            values = rows.day0
        elif said.get(name) is None:
            continue
        else:
            values = said[name].codes
        differs = np.zeros(len(rejections.bad), dtype=bool)
        differs[good] = values[good] != values[first]
        rejections.add(differs, column, "this row says something else about its episode than the episode's first row.")
