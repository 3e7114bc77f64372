"""Import: an export goes in, identity stays out, and a report says exactly what was understood, refused and dropped.

Order: read only mapped columns -> refuse columns that look like people -> understand every value -> check against the
instrument's range -> report -> one atomic commit. Rows are counted as a spreadsheet does: the header is row 1; blank
lines do not count. No sentence and no stored file ever holds a value of an export's identifying columns.
"""

from __future__ import annotations

import datetime
import math
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from kneewise.errors import ImportRefused
from kneewise.outcomes.identity import identity_problem, keyed_hash, read_dates, read_key
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.profiles import ATTRIBUTES, Attribute, Column, Profile, WideScore
from kneewise.outcomes.reading import CodedColumn, ExportTable, Progress, Source, count_known_columns, read_export
from kneewise.outcomes.store import SourceInfo, Window, commit_source, key_file_of

_LISTED_REJECTIONS = 200
_SAME = 1e-9
_FORMULA_SIGNS = ("=", "@", "+", "-", "|")
_CODE = re.compile(r"[\w][\w .&'/()-]{0,39}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class RejectedRow:
    """A row that was not imported. `reason` is a finished sentence without the refused value."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True)
class ColumnReport:
    """How one column was understood."""

    column: str
    meaning: str
    understood: int
    missing: int
    refused: int


@dataclass(frozen=True)
class InstrumentSummary:
    """Exact figures of one instrument in one population; `pairs` have a score before and a later one."""

    instrument: str
    population: str
    pairs: int
    mean_first: float
    mean_last: float
    improved: int
    unchanged: int
    worse: int
    first_only: int
    last_only: int


@dataclass(frozen=True)
class ImportReport:
    """What an import did, exactly. For whoever holds the file; it is neither stored nor published."""

    source: str
    profile: str
    label: str
    synthetic: bool
    stored: bool
    changed: bool
    version: str | None
    rows: int
    episodes: int
    scores: int
    sites: int
    rejected: tuple[RejectedRow, ...]
    rejected_total: int
    same_day_duplicates: int
    dropped_columns: tuple[str, ...]
    columns: tuple[ColumnReport, ...]
    instruments: tuple[InstrumentSummary, ...]
    notes: tuple[str, ...]


class _Rejections:
    """Which rows are refused, and why: the first reason of a row counts."""

    def __init__(self, rows: int):
        self.bad = np.zeros(rows, dtype=bool)
        self.by_column: dict[str, int] = {}
        self.listed: dict[int, RejectedRow] = {}

    def add(self, mask: np.ndarray, column: str, reason: str) -> None:
        new = mask & ~self.bad
        self.bad |= mask
        count = int(np.count_nonzero(mask))
        if count:
            self.by_column[column] = self.by_column.get(column, 0) + count
        for place in np.flatnonzero(new)[:_LISTED_REJECTIONS]:
            row = int(place) + 2
            self.listed[row] = RejectedRow(row, column, f"Row {row}, column '{column}': {reason}")


def preview(
    source: Source, profile: Profile, instruments: Instruments, *, progress: Progress | None = None
) -> ImportReport:
    """The report that `import_export` would give. Nothing is stored and no key is made.

    Raises
    ------
    ImportRefused
        As `import_export`.
    """
    return _understand(source, profile, instruments, secrets.token_bytes(32), profile.id, progress)[0]


def suggest_profile(source: Source, profiles: Sequence[Profile]) -> str | None:
    """The id of the profile that knows most of the export's columns and lacks none it needs; None if none fits."""
    fits = [(known, profile.id) for profile in profiles if (known := count_known_columns(source, profile)) is not None]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def import_export(
    source: Source,
    profile: Profile,
    store_dir: Path,
    instruments: Instruments,
    *,
    source_name: str | None = None,
    key_file: Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import an export in place of what its source held before; returns the exact report.

    Parameters
    ----------
    source : Path, bytes or binary stream
        A CSV file, or a zip that holds one.
    source_name : str
        What to replace in the store; the profile's id where not given.
    key_file : Path
        The clinic's secret key; beside the store where not given.

    Raises
    ------
    ImportRefused
        The export is wrong as a whole, or too many of its rows are; one sentence per problem. Nothing is stored.
    StoreError
        The store is locked, damaged or full. It stays as it was.
    """
    key = read_key(key_file or key_file_of(store_dir))
    name = source_name or profile.id
    report, tables = _understand(source, profile, instruments, key, name, progress)
    info = SourceInfo(
        source=name,
        profile=profile.id,
        profile_version=profile.version,
        label=profile.source_label,
        licence=profile.licence,
        attribution=profile.attribution,
        note=profile.note,
        day_note=profile.day_note,
        synthetic=report.synthetic,
        episodes=report.episodes,
        scores=report.scores,
        population_attribute=profile.population_attribute or "",
        population_value=profile.population_value or "",
        instruments=tuple(sorted({summary.instrument for summary in report.instruments})),
        visit_windows=tuple(
            Window(window.label, window.from_day, window.to_day) for window in profile.visit_windows
        ),
        files={},
    )
    _say(progress, 0.9, "storing")
    version, changed = commit_source(store_dir, info, tables)
    _say(progress, 1.0, "done")
    return replace(report, stored=True, changed=changed, version=version)


def report_lines(report: ImportReport, instruments: Instruments) -> tuple[str, ...]:
    """The report as lines to print."""
    if not report.stored:
        done = "Preview: nothing was stored."
    elif report.changed:
        done = f"Stored as version {report.version}."
    else:
        done = f"These very data are stored already (version {report.version}); nothing was changed."
    lines = [f"{report.label}{' - SYNTHETIC DATA' if report.synthetic else ''}", done]
    lines += [
        f"{report.rows:,} records read; {report.episodes:,} episodes, {report.scores:,} scores, "
        f"{report.sites:,} sites or providers.",
        f"{report.rejected_total:,} rows refused; {report.same_day_duplicates:,} same-day duplicates set aside "
        "(the last row of a day counts).",
    ]
    lines += [rejection.reason for rejection in report.rejected[:20]]
    for summary in report.instruments:
        scale = instruments[summary.instrument]
        lines.append(
            f"{scale.name}, {summary.population}: {summary.pairs:,} pairs, mean {summary.mean_first:.3f} before and "
            f"{summary.mean_last:.3f} after; {summary.improved:,} improved, {summary.unchanged:,} unchanged, "
            f"{summary.worse:,} worse."
            if summary.pairs
            else f"{scale.name}, {summary.population}: no pairs of scores."
        )
    if report.dropped_columns:
        lines.append(
            f"{len(report.dropped_columns)} columns were not read: " + ", ".join(map(repr, report.dropped_columns)) + "."
        )
    return (*lines, *report.notes)


def _say(progress: Progress | None, share: float, what: str) -> None:
    if progress:
        progress(share, what)


def _understand(
    source: Source, profile: Profile, instruments: Instruments, key: bytes, name: str, progress: Progress | None
) -> tuple[ImportReport, dict[str, pa.Table]]:
    """Everything short of storing: the report and the three tables."""
    table = read_export(source, profile, progress)
    _say(progress, 0.65, "checking for identity")
    _refuse_identity(table, profile)
    _say(progress, 0.7, "understanding")
    rejections = _Rejections(table.rows)
    reports: list[ColumnReport] = []
    synthetic = _synthetic(table, profile, rejections)
    rows = _episode_columns(table, profile, key, name, rejections, reports)
    if profile.layout == "long":
        scores, duplicates, attribute_rows = _long_scores(table, profile, instruments, rows, rejections, reports)
        predicted = None
    else:
        scores, predicted = _wide_scores(table, profile, instruments, rows, rejections, reports)
        duplicates, attribute_rows = 0, ~rejections.bad
    _refuse_too_many(rejections, table.rows, profile)
    episodes = rows.loc[attribute_rows & ~rejections.bad].drop_duplicates("episode_id")
    episodes = episodes.sort_values("episode_id", ignore_index=True)
    _say(progress, 0.8, "first and last scores")
    outcomes = _episode_outcomes(episodes, scores, predicted, profile)
    summaries = _summaries(outcomes, instruments, profile)
    report = ImportReport(
        source=name,
        profile=profile.id,
        label=profile.source_label,
        synthetic=synthetic,
        stored=False,
        changed=False,
        version=None,
        rows=table.rows,
        episodes=len(episodes),
        scores=len(scores),
        sites=int(episodes["site"].nunique()),
        rejected=tuple(rejections.listed[row] for row in sorted(rejections.listed))[:_LISTED_REJECTIONS],
        rejected_total=int(rejections.bad.sum()),
        same_day_duplicates=duplicates,
        dropped_columns=table.dropped,
        columns=tuple(reports),
        instruments=summaries,
        notes=(*table.notes, *filter(None, [profile.day_note, profile.note])),
    )
    tables = {
        "episode": _arrow(episodes.drop(columns=["_day0"])),
        "score": _arrow(scores),
        "episode_outcome": _arrow(outcomes),
    }
    return report, tables


def _arrow(frame: pd.DataFrame) -> pa.Table:
    texts = {name: pa.string() for name in ("episode_id", "source", "instrument", "start_quarter", *ATTRIBUTES)}
    numbers = {name: pa.int32() for name in ("start_year", "start_month", "day", "first_day", "last_day")}
    kinds = {**texts, **numbers, "scores": pa.int32()}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in frame.columns])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)


def _refuse_identity(table: ExportTable, profile: Profile) -> None:
    problems = []
    for column, coded in table.columns.items():
        known = column.values if isinstance(column, Attribute) else ()
        what = identity_problem(coded, column.missing, known)
        if what == "names" and column == (profile.long.instrument if profile.long else None):
            what = None
        if what:
            problems.append(
                f"Column '{coded.name}' (first in row 2) looks like {what}; remove it or map another column. "
                "Nothing was imported."
            )
    if problems:
        raise ImportRefused(problems)


def _synthetic(table: ExportTable, profile: Profile, rejections: _Rejections) -> bool:
    """Whether the export says that it is synthetic. Real and synthetic rows in one file are refused."""
    if profile.synthetic is None:
        return False
    coded = next((coded for column, coded in table.columns.items() if column.names == profile.synthetic.names), None)
    if coded is None:
        return False
    marked = [value == profile.synthetic.value for value in coded.values]
    if any(marked) and not all(marked):
        row = coded.row_of(marked.index(False))
        raise ImportRefused(
            f"Row {row}, column '{coded.name}': this row is not marked synthetic while others are; never mix the two."
        )
    return all(marked)


def _missing(coded: CodedColumn, column: Column) -> np.ndarray:
    absent = {code.casefold() for code in column.missing} | {""}
    return np.array([value.casefold() in absent for value in coded.values])


def _mapped(
    coded: CodedColumn,
    column: Column,
    meaning: str,
    read: Callable[[str], object],
    reason: str,
    rejections: _Rejections,
    reports: list[ColumnReport],
) -> np.ndarray:
    """The column's values, each distinct value understood once; None where missing. `read` raises ValueError."""
    absent = _missing(coded, column)
    understood: list[object] = []
    wrong = np.zeros(len(coded.values), dtype=bool)
    formula = np.zeros(len(coded.values), dtype=bool)
    for place, value in enumerate(coded.values):
        result = None
        if not absent[place]:
            try:
                result = read(value)
            except ValueError:
                formula[place] = value.startswith(_FORMULA_SIGNS) and not _NUMBER.fullmatch(value)
                wrong[place] = not formula[place]
        understood.append(result)
    rejections.add(formula[coded.codes], coded.name, "this is a spreadsheet formula, not a value.")
    rejections.add(wrong[coded.codes], coded.name, reason)
    counts = coded.counts()
    refused = int(counts[wrong | formula].sum())
    gone = int(counts[absent].sum())
    reports.append(ColumnReport(coded.name, meaning, int(counts.sum()) - refused - gone, gone, refused))
    lookup = np.empty(len(understood), dtype=object)
    lookup[:] = understood
    return lookup[coded.codes]


def _number(decimal_comma: bool) -> Callable[[str], float]:
    def read(value: str) -> float:
        if decimal_comma:
            value = value.replace(",", ".")
        if not _NUMBER.fullmatch(value):
            raise ValueError
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
        return number

    return read


def _whole(value: str) -> int:
    number = _number(False)(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise ValueError
    return value


def _reader(attribute: Attribute, profile: Profile, key: bytes) -> tuple[Callable[[str], str], str]:
    """How an attribute's values are read, and what to say of one that can't be."""
    values: Mapping[str, str] = {name.casefold(): ours for name, ours in attribute.values.items()}

    def category(value: str) -> str:
        if value.casefold() not in values:
            raise ValueError
        return values[value.casefold()]

    def age(value: str) -> str:
        years = _whole(value)
        for band in profile.age_bands:
            if band.from_years <= years <= band.to_years:
                return band.label
        raise ValueError

    known = ", ".join(list(attribute.values)[:8])
    return {
        "category": (category, f"the value is not one the profile knows ({known})."),
        "code": (_code, "this is not a short code."),
        "keyed_code": (lambda value: keyed_hash(key, attribute.attribute, _code(value), 8), "this is not a short code."),
        "age_years": (age, "this is not an age in whole years."),
        "code_list": (
            lambda value: ";".join(sorted({category(part.strip()) for part in value.split(";")})),
            f"a code in the list is not one the profile knows ({known}).",
        ),
    }[attribute.kind]


def _episode_columns(
    table: ExportTable,
    profile: Profile,
    key: bytes,
    source: str,
    rejections: _Rejections,
    reports: list[ColumnReport],
) -> pd.DataFrame:
    """One line per row of the export: hashed episode id and the episode's attributes."""
    frame: dict[str, object] = {}
    if profile.episode is None:
        ids = [keyed_hash(key, "episode", f"{source}\x1f{row}") for row in range(table.rows)]
        frame["episode_id"] = np.array(ids, dtype=object)
    else:
        coded = table.columns[profile.episode]
        rejections.add(_missing(coded, profile.episode)[coded.codes], coded.name, "the episode has no id.")

        def hashed(value: str) -> str:
            if value.startswith(_FORMULA_SIGNS):
                raise ValueError
            return keyed_hash(key, "episode", f"{source}\x1f{value}")

        frame["episode_id"] = _mapped(
            coded, profile.episode, "episode id -> keyed hash", hashed, "the id can't be used.", rejections, reports
        )
    frame["source"] = np.full(table.rows, source, dtype=object)
    for name in ATTRIBUTES:
        frame[name] = np.full(table.rows, None, dtype=object)
    filled: set[str] = set()
    for attribute in profile.attributes:
        coded = table.columns.get(attribute)
        if coded is None or attribute.attribute in filled:
            continue
        filled.add(attribute.attribute)
        read, reason = _reader(attribute, profile, key)
        meaning = attribute.attribute + {"keyed_code": " -> keyed hash", "age_years": " (from age)"}.get(attribute.kind, "")
        frame[attribute.attribute] = _mapped(coded, attribute, meaning, read, reason, rejections, reports)
    frame.update(_start_columns(table, profile, rejections, reports))
    return pd.DataFrame(frame)


def _start_columns(
    table: ExportTable, profile: Profile, rejections: _Rejections, reports: list[ColumnReport]
) -> dict[str, np.ndarray]:
    empty = np.full(table.rows, None, dtype=object)
    found = {"start_year": empty, "start_quarter": empty, "start_month": empty, "_day0": np.zeros(table.rows)}
    start = profile.start
    if start.date is not None and start.date in table.columns:
        coded = table.columns[start.date]
        ordinals, wrong = read_dates(coded, (*start.date.missing, ""))
        rejections.add(wrong, coded.name, "this is not a date.")
        dates = {day: datetime.date.fromordinal(day) for day in np.unique(ordinals) if day > 0}
        for name, part in (
            ("start_year", lambda day: day.year),
            ("start_month", lambda day: day.month),
            ("start_quarter", lambda day: f"Q{(day.month + 2) // 3}"),
        ):
            found[name] = np.array([part(dates[day]) if day in dates else None for day in ordinals], dtype=object)
        known = int((ordinals > 0).sum())
        refused = int(wrong.sum())
        reports.append(
            ColumnReport(coded.name, "start date -> month", known, table.rows - known - refused, refused)
        )
        found["_day0"] = ordinals
        return found

    def year(value: str) -> int:
        digits = re.match(r"(19|20)\d{2}(?!\d)", value)
        if not digits:
            raise ValueError
        return int(digits[0])

    def quarter(value: str) -> str:
        digits = re.fullmatch(r"(?:\d{4}[- ]?)?Q?([1-4])", value.upper())
        if not digits:
            raise ValueError
        return f"Q{digits[1]}"

    for column, name, read in ((start.year, "start_year", year), (start.quarter, "start_quarter", quarter)):
        if column is not None and column in table.columns:
            reason = f"this is not a {name.removeprefix('start_')}."
            found[name] = _mapped(
                table.columns[column], column, name.replace("_", " "), read, reason, rejections, reports
            )
    return found


def _range_of(instrument: str, instruments: Instruments) -> InstrumentRange:
    if instrument not in instruments:
        raise ImportRefused(f"The knowledge base holds no instrument '{instrument}', so its scores can't be checked.")
    return instruments[instrument]


def _outside(values: np.ndarray, scale: InstrumentRange) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (values < scale.minimum - _SAME) | (values > scale.maximum + _SAME)


def _range_reason(scale: InstrumentRange) -> str:
    return f"the score lies outside the range of {scale.name} ({scale.minimum:g} to {scale.maximum:g})."


def _count_as_refused(reports: list[ColumnReport], column: str, count: int) -> None:
    """Values that were readable and lie outside the range count as refused, not as understood."""
    place = next(place for place, each in enumerate(reports) if each.column == column)
    each = reports[place]
    reports[place] = replace(each, understood=each.understood - count, refused=each.refused + count)


def _floats(values: np.ndarray) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def _long_scores(
    table: ExportTable,
    profile: Profile,
    instruments: Instruments,
    rows: pd.DataFrame,
    rejections: _Rejections,
    reports: list[ColumnReport],
) -> tuple[pd.DataFrame, int, np.ndarray]:
    """Scores, how many same-day duplicates were set aside, and which rows carry an episode's attributes."""
    part = profile.long
    known = {name.casefold(): ours for name, ours in part.instruments.items()}
    coded = table.columns[part.instrument]

    def instrument(value: str) -> str:
        if value.casefold() not in known:
            raise ValueError
        return known[value.casefold()]

    rejections.add(_missing(coded, part.instrument)[coded.codes], coded.name, "the instrument is missing.")
    names = _mapped(
        coded, part.instrument, "instrument", instrument, "the profile knows no such instrument.", rejections, reports
    )
    value_column = table.columns[part.value]
    values = _floats(
        _mapped(
            value_column, part.value, "score", _number(table.decimal_comma), "the score is not a number.", rejections,
            reports,
        )
    )  # fmt: skip
    for name in sorted({name for name in names if name is not None}):
        scale = _range_of(name, instruments)
        outside = (names == name) & _outside(values, scale)
        rejections.add(outside, value_column.name, _range_reason(scale))
        _count_as_refused(reports, value_column.name, int(outside.sum()))
    days, day_name = _days(table, profile, rows, rejections, reports)
    rejections.add(
        (days < profile.earliest_day) | (days > profile.latest_day),
        day_name,
        f"the day lies outside {profile.earliest_day} to {profile.latest_day} days after the start.",
    )
    _refuse_disagreement(table, profile, rows, rejections)
    good = ~rejections.bad
    frame = pd.DataFrame(
        {
            "episode_id": rows["episode_id"],
            "instrument": names,
            "day": np.where(np.isnan(days), -1, days).astype(int),
            "value": values,
        }
    )[good & ~np.isnan(values)]
    once = frame.drop_duplicates(["episode_id", "instrument", "day"], keep="last")
    duplicates = len(frame) - len(once)
    once = once.sort_values(["episode_id", "instrument", "day"], ignore_index=True)
    return once, duplicates, good


def _days(
    table: ExportTable, profile: Profile, rows: pd.DataFrame, rejections: _Rejections, reports: list[ColumnReport]
) -> tuple[np.ndarray, str]:
    part = profile.long
    if part.day is not None:
        coded = table.columns[part.day]
        absent = _missing(coded, part.day)[coded.codes]
        rejections.add(absent, coded.name, "the day is missing.")
        reason = "the day is not a whole number."
        return _floats(_mapped(coded, part.day, "day since start", _whole, reason, rejections, reports)), coded.name
    coded = table.columns[part.date]
    ordinals, wrong = read_dates(coded, (*part.date.missing, ""))
    start = rows["_day0"].to_numpy()
    rejections.add(wrong | (ordinals == 0), coded.name, "this is not a date.")
    rejections.add(start == 0, table.columns[profile.start.date].name, "the start date is missing.")
    known = int((ordinals > 0).sum())
    reports.append(
        ColumnReport(coded.name, "score date -> days since start", known, 0, table.rows - known)
    )
    return np.where((ordinals > 0) & (start > 0), ordinals - start, np.nan), coded.name


def _refuse_disagreement(
    table: ExportTable, profile: Profile, rows: pd.DataFrame, rejections: _Rejections
) -> None:
    """Rows that say something else about their episode than its first good row does."""
    good = np.flatnonzero(~rejections.bad)
    codes, _ = pd.factorize(rows["episode_id"].to_numpy()[good])
    _, first = np.unique(codes, return_index=True)
    named = {attribute.attribute: table.columns[attribute].name for attribute in profile.attributes
             if attribute in table.columns}  # fmt: skip
    if profile.start.date in table.columns:
        named["_day0"] = table.columns[profile.start.date].name
    if profile.start.year in table.columns:
        named["start_year"] = table.columns[profile.start.year].name
    for name, column in named.items():
        values, _ = pd.factorize(rows[name].to_numpy()[good])
        differs = np.zeros(len(rows), dtype=bool)
        differs[good] = values != values[first[codes]]
        rejections.add(differs, column, "this row says something else about its episode than the episode's first row.")


def _wide_scores(
    table: ExportTable,
    profile: Profile,
    instruments: Instruments,
    rows: pd.DataFrame,
    rejections: _Rejections,
    reports: list[ColumnReport],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and expected last scores of one-row-per-episode exports."""
    if profile.episode is not None:
        rejections.add(
            rows["episode_id"].notna().to_numpy() & rows.duplicated("episode_id").to_numpy(),
            table.columns[profile.episode].name,
            "this id stands in an earlier row already.",
        )
    read = _number(table.decimal_comma)
    found: list[tuple[WideScore, np.ndarray]] = []
    for column in profile.wide:
        coded = table.columns.get(column)
        if coded is None:
            continue
        scale = _range_of(column.instrument, instruments)
        meaning = f"{scale.name}, day {column.day}" + (" (expected)" if column.kind == "predicted" else "")
        values = _floats(_mapped(coded, column, meaning, read, "the score is not a number.", rejections, reports))
        if column.kind == "score":
            outside = _outside(values, scale)
            rejections.add(outside, coded.name, _range_reason(scale))
            _count_as_refused(reports, coded.name, int(outside.sum()))
        found.append((column, values))
    if not any(column.kind == "score" for column, _ in found):
        raise ImportRefused(f"Row 1 has none of the score columns that the profile {profile.id} knows.")
    good = ~rejections.bad
    ids = rows["episode_id"].to_numpy()

    def stacked(kind: str) -> pd.DataFrame:
        parts = []
        for column, values in found:
            if column.kind == kind:
                keep = good & ~np.isnan(values)
                parts.append(
                    pd.DataFrame(
                        {"episode_id": ids[keep], "instrument": column.instrument, "day": column.day,
                         "value": values[keep]}
                    )
                )
        if not parts:
            return pd.DataFrame({"episode_id": [], "instrument": [], "day": [], "value": []})
        return pd.concat(parts, ignore_index=True)

    scores = stacked("score").sort_values(["episode_id", "instrument", "day"], ignore_index=True)
    return scores, stacked("predicted")


def _refuse_too_many(rejections: _Rejections, rows: int, profile: Profile) -> None:
    bad = int(rejections.bad.sum())
    if bad == rows or bad > profile.max_rejected_share * rows:
        first = [rejections.listed[row].reason for row in sorted(rejections.listed)][:5]
        more = f" ({bad} of {rows} rows are refused; the limit is {profile.max_rejected_share:.0%}.)" if rows > 5 else ""
        raise ImportRefused([*first[:-1], first[-1] + more + " Nothing was imported."])


def _episode_outcomes(
    episodes: pd.DataFrame, scores: pd.DataFrame, predicted: pd.DataFrame | None, profile: Profile
) -> pd.DataFrame:
    """One line per episode and instrument: first, last, change, weeks, with the episode's attributes repeated.

    The first score is the earliest one up to the profile's `baseline_until_day`; the last is the latest one after it.
    """
    keys = ["episode_id", "instrument"]
    before = scores[scores["day"] <= profile.baseline_until_day].drop_duplicates(keys, keep="first")
    after = scores[scores["day"] > profile.baseline_until_day].drop_duplicates(keys, keep="last")
    counts = scores.groupby(keys, sort=True, observed=True).size().rename("scores").reset_index()
    outcomes = counts.merge(before.rename(columns={"day": "first_day", "value": "first"}), on=keys, how="left")
    outcomes = outcomes.merge(after.rename(columns={"day": "last_day", "value": "last"}), on=keys, how="left")
    outcomes["change"] = outcomes["last"] - outcomes["first"]
    outcomes["weeks"] = (outcomes["last_day"] - outcomes["first_day"]) / 7
    for name in ("first_day", "last_day"):
        outcomes[name] = outcomes[name].astype("Int32")
    if predicted is not None and len(predicted):
        expected = predicted[[*keys, "value"]].drop_duplicates(keys).rename(columns={"value": "expected_last"})
        outcomes = outcomes.merge(expected, on=keys, how="left")
    else:
        outcomes["expected_last"] = np.nan
    return outcomes.merge(episodes.drop(columns=["_day0"]), on="episode_id", how="left", validate="many_to_one")


def _summaries(outcomes: pd.DataFrame, instruments: Instruments, profile: Profile) -> tuple[InstrumentSummary, ...]:
    populations: list[tuple[str, pd.DataFrame]] = [("all", outcomes)]
    if profile.population_attribute is not None:
        values = sorted(outcomes[profile.population_attribute].dropna().unique(), key=lambda value: value != profile.population_value)
        populations = [(value, outcomes[outcomes[profile.population_attribute] == value]) for value in values] + populations
    found = []
    for population, frame in populations:
        for instrument, part in frame.groupby("instrument", sort=True):
            pairs = part[part["change"].notna()]
            better = pairs["change"] * (1 if instruments[instrument].higher_is_better else -1)
            found.append(
                InstrumentSummary(
                    instrument=str(instrument),
                    population=str(population),
                    pairs=len(pairs),
                    mean_first=float(pairs["first"].mean()),
                    mean_last=float(pairs["last"].mean()),
                    improved=int((better > _SAME).sum()),
                    unchanged=int((better.abs() <= _SAME).sum()),
                    worse=int((better < -_SAME).sum()),
                    first_only=int((part["first"].notna() & part["last"].isna()).sum()),
                    last_only=int((part["first"].isna() & part["last"].notna()).sum()),
                )
            )
    return tuple(found)
