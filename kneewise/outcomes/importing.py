"""Import: an export goes in, identity stays out, and a report says exactly what was understood, refused and dropped.

Order: read only mapped columns -> refuse columns that look like people -> understand every value -> check against the
instrument's range -> report -> one atomic commit. Rows are counted as a spreadsheet does: the header is row 1; blank
lines do not count. No sentence and no stored file ever holds a value of an export's identifying columns.

An episode's attributes are those of its earliest row (`kneewise.outcomes.episode_rows` says why): a treatment that is added
later moves nobody to another group, and what changes during care costs nobody an outcome.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kneewise.disclosure.policy import read_policy
from kneewise.errors import ImportRefused, StoreError
from kneewise.outcomes.anonymity import check_anonymity, count_alone
from kneewise.outcomes.episode_rows import episode_rows, episodes_of
from kneewise.outcomes.episodes import episode_outcomes, signed_important_changes
from kneewise.outcomes.fhir import read_fhir
from kneewise.outcomes.identity import IdentityColumn, IdentityFound, Use, identity_problem, keyed_hashes, read_key
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.manifests import open_table
from kneewise.outcomes.profiles import ATTRIBUTES, Attribute, Column, Profile, plain_name, plain_names, without_columns
from kneewise.outcomes.reading import (
    ExportTable,
    Progress,
    Source,
    begins_as_json,
    count_known_columns,
    mark_of,
    read_export,
)
from kneewise.outcomes.reports import (
    ColumnReport,
    ImportReport,
    InstrumentSummary,
    Overlap,
    RejectedRow,
    Replaced,
    anonymity_lines,
    partly_lines,
    report_lines,
    stored_lines,
)
from kneewise.outcomes.scores import long_scores, wide_scores
from kneewise.outcomes.store import (
    SourceInfo,
    Version,
    Window,
    commit_source,
    current_version,
    key_file_of,
    read_version,
    shared_version,
    versions,
)
from kneewise.outcomes.understanding import (
    LISTED_REJECTIONS,
    Rejections,
    refuse_too_many,
    set_blank_rows_aside,
    set_repeated_headers_aside,
)

__all__ = [
    "ColumnReport",
    "ImportReport",
    "InstrumentSummary",
    "Overlap",
    "RejectedRow",
    "Replaced",
    "anonymity_lines",
    "import_export",
    "partly_lines",
    "preview",
    "report_lines",
    "stored_lines",
    "suggest_profile",
]

_SAME = 1e-9
_NO_ATTRIBUTES = ("episode_id", "source")


def preview(
    source: Source,
    profile: Profile,
    instruments: Instruments,
    *,
    store_dir: Path | None = None,
    source_name: str | None = None,
    key_file: Path | None = None,
    leave_out: Collection[str] = (),
    progress: Progress | None = None,
) -> ImportReport:
    """The report that `import_export` would give. Nothing is stored and no key is made.

    With `store_dir`, the report also says what is replaced and which other sources hold the same episodes.

    Raises
    ------
    ImportRefused
        As `import_export`.
    """
    name = source_name or profile.id
    found_key = None
    if store_dir is not None:
        place = key_file or key_file_of(store_dir)
        found_key = read_key(place, make=False) if place.exists() or versions(store_dir) else None
    key = found_key or secrets.token_bytes(32)
    report, tables, ids = _understand(source, profile, instruments, key, name, leave_out, progress)
    if store_dir is not None and found_key is not None:
        report = _compared(report, store_dir, found_key, ids, tables["episode"].column("episode_id"))
    return report


def suggest_profile(source: Source, profiles: Sequence[Profile]) -> str | None:
    """The id of the profile to read this export with; None if none fits.

    A mapping that was made for exactly this header wins; else the profile that knows most of the export's columns and
    lacks none it needs.
    """
    if any(profile.made_for for profile in profiles):
        mark = mark_of(source)
        for profile in profiles:
            if profile.made_for and profile.made_for == mark and count_known_columns(source, profile) is not None:
                return profile.id
    for profile in profiles:
        if profile.layout == "fhir" and begins_as_json(source, profile.zip_member):
            return profile.id
    tables = [profile for profile in profiles if profile.layout != "fhir"]
    fits = [(known, profile.id) for profile in tables if (known := count_known_columns(source, profile)) is not None]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def import_export(
    source: Source,
    profile: Profile,
    store_dir: Path,
    instruments: Instruments,
    *,
    source_name: str | None = None,
    key_file: Path | None = None,
    leave_out: Collection[str] = (),
    progress: Progress | None = None,
) -> ImportReport:
    """Import an export in place of what its source held before; returns the exact report.

    Parameters
    ----------
    source : Path, bytes or binary stream
        A CSV file, or a zip that holds one; for a FHIR profile an NDJSON file.
    source_name : str
        What to replace in the store; the profile's id where not given.
    key_file : Path
        The clinic's secret key; beside the store where not given.
    leave_out : collection of str
        Columns of the export that are not to be read although the profile maps them (they look like people).

    Raises
    ------
    ImportRefused
        The export is wrong as a whole, or too many of its rows are; one sentence per problem. Nothing is stored.
        `IdentityFound` where mapped columns look like people.
    StoreError
        The store is locked, damaged or full. It stays as it was.
    """
    # A new key would make strangers of everybody who is stored already. (Looked at first: another import may make both.)
    may_make_key = not versions(store_dir)
    key = read_key(key_file or key_file_of(store_dir), make=may_make_key)
    name = source_name or profile.id
    report, tables, ids = _understand(source, profile, instruments, key, name, leave_out, progress)
    _say(progress, 0.85, "comparing with what is stored")
    report = _compared(report, store_dir, key, ids, tables["episode"].column("episode_id"))
    measured = tuple(sorted({summary.instrument for summary in report.instruments}))
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
        instruments=measured,
        visit_windows=_windows(profile),
        files={},
        important_changes={
            name: change for name, change in signed_important_changes(instruments).items() if name in measured
        },
        overlaps=tuple(
            sorted({overlap.source for overlap in report.overlaps} | overlaps_with_shared(store_dir, key, ids, name))
        ),
    )
    _say(progress, 0.9, "storing")
    version, changed = commit_source(store_dir, info, tables)
    _say(progress, 1.0, "done")
    return replace(report, stored=True, changed=changed, version=version)


def _say(progress: Progress | None, share: float, what: str) -> None:
    if progress:
        progress(share, what)


def _understand(
    source: Source,
    profile: Profile,
    instruments: Instruments,
    key: bytes,
    name: str,
    leave_out: Collection[str],
    progress: Progress | None,
) -> tuple[ImportReport, dict[str, pa.Table], Sequence[str] | None]:
    """Everything short of storing: the report, the three tables, and the export's own ids of the episodes that would be
    stored (None where the export has none)."""
    whole = profile
    profile = without_columns(profile, leave_out)
    table = read_fhir(source, profile, progress) if profile.layout == "fhir" else read_export(source, profile, progress)
    _refuse_unknown(leave_out, table, whole)
    _say(progress, 0.65, "checking for identity")
    _refuse_identity(table, profile)
    _say(progress, 0.68, "understanding")
    rejections = Rejections(table)
    repeated = set_repeated_headers_aside(table, rejections)
    headers = int(np.count_nonzero(rejections.set_aside))
    blank = set_blank_rows_aside(table, rejections)
    reports: list[ColumnReport] = []
    synthetic = _synthetic(table, profile, rejections)
    rows = episode_rows(table, profile, key, name, rejections, reports)
    _say(progress, 0.74, "reading the scores")
    if profile.layout == "wide":
        scores, predicted, duplicates = wide_scores(table, profile, instruments, rows, rejections, reports)
    else:
        scores, duplicates = long_scores(table, profile, instruments, rows, rejections, reports)
        predicted = None
    refuse_too_many(rejections, table.rows + rejections.unreadable, profile)
    _say(progress, 0.78, "episodes")
    episodes = episodes_of(rows, name, rejections.telling, rejections.good, profile.baseline_until_day)
    _say(progress, 0.8, "first and last scores")
    windows = _windows(profile)
    tables = {
        "episode": _arrow(episodes, rows.episode.values),
        "score": _arrow(scores, rows.episode.values),
    }
    outcomes = tables["episode_outcome"] = episode_outcomes(
        tables["episode"],
        tables["score"],
        None if predicted is None or predicted.empty else _arrow(predicted, rows.episode.values),
        profile.baseline_until_day,
        signed_important_changes(instruments),
        windows,
    )
    summaries = _summaries(outcomes, instruments, profile)
    _say(progress, 0.83, "how well episodes hide")
    policy = read_policy()
    recorded = [name for name in episodes.columns if name not in _NO_ATTRIBUTES and episodes[name].notna().any()]
    exposed = [name for name in policy.grid if name in recorded]
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
        rejected=tuple(rejections.listed[row] for row in sorted(rejections.listed))[:LISTED_REJECTIONS],
        rejected_total=rejections.total,
        same_day_duplicates=duplicates,
        dropped_columns=(*table.dropped, *_unused(table, profile, reports)),
        columns=tuple(reports),
        instruments=summaries,
        notes=(*table.notes, *repeated, *blank, *rows.notes, *filter(None, [profile.day_note, profile.note])),
        anonymity=check_anonymity(episodes, exposed, policy.threshold),
        stored_anonymity=check_anonymity(episodes, recorded, policy.threshold, leave_out=False),
        left_out=tuple(leave_out),
        repeated_headers=headers,
        partly_refused=rejections.in_part,
        alone_with_scores=count_alone(episodes, recorded, scores),
    )
    ids = None if rows.own_ids is None else [rows.own_ids[place] for place in episodes["episode_id"]]
    return report, tables, ids


def _arrow(frame: pd.DataFrame, ids: Sequence[str]) -> pa.Table:
    """The table to store: pseudonyms in place of their numbers, texts as texts."""
    texts = {name: pa.string() for name in ("episode_id", "source", "instrument", "start_quarter", *ATTRIBUTES)}
    numbers = {name: pa.int32() for name in ("start_year", "start_month", "day", "first_day", "last_day")}
    kinds = {**texts, **numbers, "scores": pa.int32()}
    columns = {"episode_id": pa.array(ids, pa.string()).take(pa.array(frame["episode_id"].to_numpy()))}
    for name in frame.columns.drop("episode_id"):
        kind = kinds.get(name, pa.float64())
        made = pa.Array.from_pandas(frame[name])
        made = made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
        columns[name] = made.cast(kind) if made.type != kind else made
    return pa.table(columns)


def _compared(
    report: ImportReport, store_dir: Path, key: bytes, ids: Sequence[str] | None, hashed: pa.ChunkedArray
) -> ImportReport:
    """The report with what the import replaces, and with the other sources that hold the same ids.

    Pseudonyms differ from source to source on purpose, so that the store alone links nobody. Here, where the export's
    own ids are at hand for a moment together with the key, each is hashed as the other source would have hashed it.
    `hashed` are the pseudonyms that this import gives them.
    """
    try:
        version = _current(store_dir)
        if version is None or ids is None:
            return report
        stored = {info.source: _stored_ids(store_dir, info) for info in version.sources}
    except (StoreError, OSError) as problem:
        said = problem.sentences[0] if isinstance(problem, StoreError) else "A file of the store can't be read."
        return replace(
            report, notes=(*report.notes, f"{said} So the export could not be compared with what is stored.")
        )
    found, replaced = [], None
    for info in version.sources:
        own = info.source == report.source
        theirs = hashed if own else pa.array(keyed_hashes(key, "episode", [f"{info.source}\x1f{each}" for each in ids]))
        again = pc.sum(pc.is_in(stored[info.source], value_set=theirs)).as_py() or 0
        if own:
            replaced = Replaced(len(stored[info.source]), again)
        elif again:
            found.append(Overlap(info.source, info.label, again))
    return replace(report, overlaps=tuple(found), replaced=replaced)


def overlaps_with_shared(store_dir: Path, key: bytes, ids: Sequence[str] | None, source: str) -> set[str]:
    """The other sources whose shared figures are made from episodes with these ids, and no longer from what is stored now.

    Where it can't be read what shared figures are made from, none: nothing is released beside it then.
    """
    try:
        shared, version = shared_version(store_dir), _current(store_dir)
        if ids is None or shared is None or version is None or shared == version.version:
            return set()
        found, compared = set(), {info.files["episode"] for info in version.sources}
        for info in read_version(store_dir, shared).sources:
            if info.source == source or info.files["episode"] in compared:
                continue
            theirs = pa.array(keyed_hashes(key, "episode", [f"{info.source}\x1f{each}" for each in ids]))
            if pc.any(pc.is_in(_stored_ids(store_dir, info), value_set=theirs)).as_py():
                found.add(info.source)
        return found
    except (StoreError, OSError):
        return set()


def _current(store_dir: Path) -> Version | None:
    version = current_version(store_dir)
    return read_version(store_dir, version) if version else None


def _stored_ids(store_dir: Path, info: SourceInfo) -> pa.ChunkedArray:
    with open_table(store_dir, info, "episode") as file:
        return file.read(columns=["episode_id"]).column("episode_id")


def _refuse_unknown(names: Collection[str], table: ExportTable, profile: Profile) -> None:
    """Names that are to be left out and stand nowhere: whoever mistyped one would believe that its column is left out."""
    header = [coded.name for coded in table.columns.values()] + list(table.dropped)
    there = {plain_name(name) for name in header}
    if profile.layout == "fhir":  # its columns are made from resources, and only those that the profile names
        there |= {plain for column in profile.columns() for plain in plain_names(column, profile)}
    if unknown := [name for name in names if plain_name(name) not in there]:
        raise ImportRefused(f"The export has no column '{name}' to leave out." for name in unknown)


def _unused(table: ExportTable, profile: Profile, reports: Sequence[ColumnReport]) -> tuple[str, ...]:
    """Columns that the profile names and nothing came of, because another one says the same."""
    used = {each.column for each in reports}
    mark = Column(names=profile.synthetic.names) if profile.synthetic else None
    names = [coded.name for column, coded in table.columns.items() if column != mark]
    return tuple(dict.fromkeys(name for name in names if name not in used))


def _refuse_identity(table: ExportTable, profile: Profile) -> None:
    found: dict[str, IdentityColumn] = {}
    instrument = profile.long.instrument if profile.long else None
    for column, coded in table.columns.items():
        known = column.values if isinstance(column, Attribute) else ()
        if column == instrument and profile.long:
            known = profile.long.instruments
        if profile.long and column == profile.long.visit:
            known = profile.long.visits
        what = identity_problem(coded, column.missing, known, _use_of(column, profile))
        if what == "names" and column == instrument:
            what = None
        if what:
            found.setdefault(coded.name, IdentityColumn(coded.name, what, _can_be_left_out(coded.name, profile)))
    if found:
        raise IdentityFound(list(found.values()))


def _use_of(column: Column, profile: Profile) -> Use:
    if column == profile.episode:
        return "hashed"
    if column == profile.start.date or (profile.long and column == profile.long.date):
        return "day"
    return "kept" if isinstance(column, Attribute) and column.kind == "code" else "listed"


def _can_be_left_out(name: str, profile: Profile) -> bool:
    try:
        without_columns(profile, [name])
    except ImportRefused:
        return False
    return True


def _synthetic(table: ExportTable, profile: Profile, rejections: Rejections) -> bool:
    """Whether the export says that it is synthetic. Real and synthetic rows in one file are refused."""
    if profile.synthetic is None:
        return False
    coded = next((coded for column, coded in table.columns.items() if column.names == profile.synthetic.names), None)
    if coded is None:
        return False
    mark = profile.synthetic.value.casefold()
    marked = np.array([value.casefold() == mark for value in coded.values])[coded.codes]
    counted = marked[~rejections.set_aside]
    if counted.any() and not counted.all():
        row = table.row_number(int(np.flatnonzero(~marked & ~rejections.set_aside)[0]))
        raise ImportRefused(
            f"Row {row}, column '{coded.name}': this row is not marked synthetic while others are; never mix the two."
        )
    return bool(counted.size and counted.all())


def _windows(profile: Profile) -> tuple[Window, ...]:
    return tuple(Window(window.label, window.from_day, window.to_day) for window in profile.visit_windows)


def _summaries(table: pa.Table, instruments: Instruments, profile: Profile) -> tuple[InstrumentSummary, ...]:
    split_by = [profile.population_attribute] if profile.population_attribute else []
    outcomes = table.select(["instrument", "first", "last", "change", *split_by]).to_pandas()
    populations: list[tuple[str, pd.DataFrame]] = [("all", outcomes)]
    if profile.population_attribute is not None:
        values = sorted(
            outcomes[profile.population_attribute].dropna().unique(),
            key=lambda value: value != profile.population_value,
        )
        populations = [
            (value, outcomes[outcomes[profile.population_attribute] == value]) for value in values
        ] + populations
    found = []
    for population, frame in populations:
        for instrument, part in frame.groupby("instrument", sort=True, observed=True):
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
