"""The scores of an export: whose, of which questionnaire, on which day, and whether they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from kneewise.errors import ImportRefused
from kneewise.outcomes.coded_column import CodedColumn
from kneewise.outcomes.episode_rows import EpisodeRows, fill_starts, first_rows, refuse_another_start, start_on
from kneewise.outcomes.identity import read_dates
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.profiles import Column, Profile, WideScore
from kneewise.outcomes.reading import ExportTable
from kneewise.outcomes.reports import ColumnReport
from kneewise.outcomes.understanding import (
    Coded,
    Rejections,
    missing_values,
    number_reader,
    one_of,
    read_whole,
    understood,
)

_SAME = 1e-9


def long_scores(
    table: ExportTable,
    profile: Profile,
    instruments: Instruments,
    rows: EpisodeRows,
    rejections: Rejections,
    reports: list[ColumnReport],
) -> tuple[pd.DataFrame, int]:
    """Scores, and how many same-day duplicates were set aside."""
    names, found = _scores_of_rows(table, profile, instruments, rows, rejections, reports)
    days, order, day_name = _days(table, profile, rows, rejections, reports)
    if profile.long.date is None:
        outside = (days < profile.earliest_day) | (days > profile.latest_day)
        said = f"the day lies outside {profile.earliest_day} to {profile.latest_day} days after the start."
        rejections.add(outside, day_name, said)
    else:
        early = f" by more than {-profile.earliest_day} days" if profile.earliest_day < 0 else ""
        rejections.add(
            days < profile.earliest_day,
            day_name,
            f"the date lies before the episode's start{early}; a follow-up can't come before its baseline.",
        )
        rejections.add(
            days > profile.latest_day,
            day_name,
            f"the date lies more than {profile.latest_day} days after the episode's start.",
        )
    refuse_another_start(rows, order, rejections)
    rows.days = days
    good = rejections.good
    parts = []
    for codes, values in found:
        keep = np.flatnonzero(good & (codes >= 0) & ~np.isnan(values))
        parts.append((rows.episode.codes[keep], codes[keep], days[keep].astype(np.int64), values[keep]))
    episode, instrument, day, value = (np.concatenate(each) for each in zip(*parts, strict=True))
    # Episode, instrument and day as one number: a stable sort of it keeps the file's order within a day.
    span = max(int(day.max()) - int(day.min()) + 1, 1) if len(day) else 1
    one = (episode.astype(np.int64) * len(names) + instrument) * span + (day - (day.min() if len(day) else 0))
    order = np.argsort(one, kind="stable")
    one = one[order]
    last = np.ones(len(one), dtype=bool)
    last[:-1] = one[1:] != one[:-1]
    order = order[last]
    scores = pd.DataFrame(
        {
            "episode_id": episode[order],
            "instrument": pd.Categorical.from_codes(instrument[order], categories=names),
            "day": day[order].astype(np.int32),
            "value": value[order],
        }
    )
    return scores, len(one) - len(scores)


def wide_scores(
    table: ExportTable,
    profile: Profile,
    instruments: Instruments,
    rows: EpisodeRows,
    rejections: Rejections,
    reports: list[ColumnReport],
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Scores and expected last scores of one-row-per-episode exports, and how many same-day duplicates were set aside: of
    two columns for one instrument and day, the one that the profile names last counts, where it holds a score."""
    if profile.episode is not None:
        anywhere = np.ones(table.rows, dtype=bool) & ~rejections.set_aside
        first = first_rows(rows.episode, anywhere)
        again = (rows.episode.codes >= 0) & (first[rows.episode.codes] != np.arange(table.rows))
        rejections.add(again, table.columns[profile.episode].name, "this id stands in an earlier row already.")
    read = number_reader(table.decimal_comma)
    found: list[tuple[WideScore, np.ndarray]] = []
    for column in profile.wide:
        coded = table.columns.get(column)
        if coded is None:
            continue
        scale = _range_of(column.instrument, instruments)
        meaning = f"{scale.name}, day {column.day}" + (" (expected)" if column.kind == "predicted" else "")
        values = understood(
            coded, column, meaning, read, "the score is not a number.", rejections, reports, score_alone=True
        ).numbers()
        if column.kind == "score":
            _refuse_outside(values, scale, coded.name, rejections, reports)
        found.append((column, values))
    measured = [values for column, values in found if column.kind == "score"]
    if not measured:
        raise ImportRefused(f"Row 1 has none of the score columns that the profile {profile.id} knows.")
    rejections.keep_only(_any_number(measured))
    good = rejections.good
    names = sorted({column.instrument for column, _ in found})

    def stacked(kind: str) -> tuple[pd.DataFrame, int]:
        parts = []
        for column, values in found:
            if column.kind == kind:
                keep = np.flatnonzero(good & ~np.isnan(values))
                instrument = np.full(len(keep), names.index(column.instrument), dtype=np.int32)
                day = np.full(len(keep), column.day, dtype=np.int32)
                parts.append((rows.episode.codes[keep], instrument, day, values[keep]))
        if not parts:
            parts = [tuple(np.zeros(0, dtype=kind) for kind in (np.int32, np.int32, np.int32, float))]
        episode, instrument, day, value = (np.concatenate(each) for each in zip(*parts, strict=True))
        order = np.lexsort((day, instrument, episode))
        one = np.column_stack((episode, instrument, day))[order]
        last = np.ones(len(one), dtype=bool)
        last[:-1] = (one[1:] != one[:-1]).any(axis=1)
        order = order[last]
        frame = pd.DataFrame(
            {
                "episode_id": episode[order],
                "instrument": pd.Categorical.from_codes(instrument[order], categories=names),
                "day": day[order],
                "value": value[order],
            }
        )
        return frame, len(one) - len(order)

    scores, duplicates = stacked("score")
    return scores, stacked("predicted")[0], duplicates


def _scores_of_rows(
    table: ExportTable,
    profile: Profile,
    instruments: Instruments,
    rows: EpisodeRows,
    rejections: Rejections,
    reports: list[ColumnReport],
) -> tuple[list[str], list[tuple[np.ndarray, np.ndarray]]]:
    """The instruments in order, and pairs of (each row's instrument as a code, each row's score)."""
    part = profile.long
    read = number_reader(table.decimal_comma)
    if part.instrument is None:
        present = [column for column in part.scores if column in table.columns]
        if not present:
            raise ImportRefused(f"Row 1 has none of the score columns that the profile {profile.id} knows.")
        names = sorted({column.instrument for column in present})
        found = []
        for column in present:
            scale = _range_of(column.instrument, instruments)
            coded = table.columns[column]
            values = understood(
                coded, column, scale.name, read, "the score is not a number.", rejections, reports, score_alone=True
            ).numbers()
            _refuse_outside(values, scale, coded.name, rejections, reports)
            found.append((np.full(table.rows, names.index(column.instrument), dtype=np.int32), values))
        rejections.keep_only(_any_number([values for _, values in found]))
        return names, found
    coded = table.columns[part.instrument]
    _without(coded, part.instrument, "an instrument", rows, rejections)
    instrument = understood(
        coded, part.instrument, "instrument", one_of(part.instruments), "the profile knows no such instrument.",
        rejections, reports,
    ).ordered()  # fmt: skip
    value_column = table.columns[part.value]
    values = understood(
        value_column, part.value, "score", read, "the score is not a number.", rejections, reports, score_alone=True
    ).numbers()
    for code, name in enumerate(instrument.values):
        scale = _range_of(name, instruments)
        _refuse_outside(values, scale, value_column.name, rejections, reports, instrument.codes == code)
    rejections.keep_only(_any_number([values]))
    return instrument.values or [""], [(instrument.codes, values)]


def _days(
    table: ExportTable, profile: Profile, rows: EpisodeRows, rejections: Rejections, reports: list[ColumnReport]
) -> tuple[np.ndarray, np.ndarray, str]:
    """Whole days since the start (not-a-number where unknown), what puts rows in order, and the column they come from."""
    part = profile.long
    for column, read, meaning, reason in (
        (part.day, read_whole, "day since start", "the day is not a whole number."),
        (part.visit, one_of(part.visits), "visit -> day since start", "the profile knows no such visit."),
    ):
        if column is not None:
            coded = table.columns[column]
            _without(coded, column, "a day" if column is part.day else "a visit", rows, rejections)
            days = understood(coded, column, meaning, read, reason, rejections, reports).numbers()
            return days, days, coded.name
    coded = table.columns[part.date]
    ordinals, wrong = read_dates(coded, (*part.date.missing, ""))
    rejections.add(wrong | (ordinals == 0), coded.name, "this is not a date.")
    counted = ~rejections.set_aside
    known = int((ordinals[counted] > 0).sum())
    reports.append(ColumnReport(coded.name, "score date -> days since start", known, 0, int(counted.sum()) - known))
    if profile.start.first_score:
        start_on(rows, _earliest_days(rows.episode, ordinals, rejections.telling))
    else:
        name = table.columns[profile.start.date].name
        fill_starts(rows, ordinals, rejections.telling)
        rejections.add(rows.day0 == 0, name, "the start date is missing.")
    days = np.where((ordinals > 0) & (rows.day0 > 0), (ordinals - rows.day0).astype(float), np.nan)
    return days, ordinals, coded.name


def _without(coded: CodedColumn, column: Column, what: str, rows: EpisodeRows, rejections: Rejections) -> None:
    """Rows whose score belongs nowhere: refused where the cell is blank; set aside, and said, where it is a code that the
    profile calls not known. That is a decision, so it counts towards no limit of errors."""
    absent = missing_values(coded, column)
    blank = np.array([value == "" for value in coded.values], dtype=bool)
    rejections.add((absent & blank)[coded.codes], coded.name, f"the {what.split()[-1]} is missing.")
    unknown = (absent & ~blank)[coded.codes] & ~rejections.set_aside
    count = int(np.count_nonzero(unknown))
    if count:
        rejections.set_aside |= unknown
        said = "rows of column '{}' stand" if count > 1 else "row of column '{}' stands"
        rows.notes.append(f"{count:,} {said.format(coded.name)} for {what} that is not known; left out.")


def _earliest_days(episode: Coded, ordinals: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """For each row the day of its episode's earliest usable row, 0 where there is none."""
    late = np.iinfo(np.int64).max
    earliest = np.full(len(episode.values) + 1, late, dtype=np.int64)
    counted = usable & (ordinals > 0)
    np.minimum.at(earliest, episode.codes[counted], ordinals[counted])
    earliest[(earliest == late)] = 0
    return np.where(episode.codes >= 0, earliest[episode.codes], 0)


def _range_of(instrument: str, instruments: Instruments) -> InstrumentRange:
    if instrument not in instruments:
        raise ImportRefused(f"The knowledge base holds no instrument '{instrument}', so its scores can't be checked.")
    return instruments[instrument]


def _outside(values: np.ndarray, scale: InstrumentRange) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (values < scale.minimum - _SAME) | (values > scale.maximum + _SAME)


def _any_number(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Which rows have a number in one of these columns."""
    found = np.zeros(len(columns[0]), dtype=bool)
    for values in columns:
        found |= ~np.isnan(values)
    return found


def _refuse_outside(
    values: np.ndarray,
    scale: InstrumentRange,
    column: str,
    rejections: Rejections,
    reports: list[ColumnReport],
    where: np.ndarray | bool = True,
) -> None:
    """Scores of these rows outside the instrument's range are taken out of `values`; each costs itself alone."""
    outside = _outside(values, scale) & where
    rejections.add(outside, column, _range_reason(scale), score_alone=True)
    _count_as_refused(reports, column, int(outside.sum()))
    values[outside] = np.nan


def _range_reason(scale: InstrumentRange) -> str:
    return f"the score lies outside the range of {scale.name} ({scale.minimum:g} to {scale.maximum:g})."


def _count_as_refused(reports: list[ColumnReport], column: str, count: int) -> None:
    """Values that were readable and lie outside the range count as refused, not as understood."""
    place = next(place for place, each in enumerate(reports) if each.column == column)
    each = reports[place]
    reports[place] = replace(each, understood=each.understood - count, refused=each.refused + count)
