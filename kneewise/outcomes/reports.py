"""What an import says it did: exact figures for whoever holds the file, and the same as lines to print."""

from __future__ import annotations

from dataclasses import dataclass

from kneewise.outcomes.anonymity import Anonymity
from kneewise.outcomes.instruments import Instruments


@dataclass(frozen=True)
class RejectedRow:
    """A row that was not imported, or one score of it. `reason` is a finished sentence without the refused value."""

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
class Overlap:
    """Another source of the store in which `episodes` of this export's episodes stand already, by the same ids."""

    source: str
    label: str
    episodes: int


@dataclass(frozen=True)
class Replaced:
    """What the import puts itself in place of: the source's `episodes` until now, and how many are in the export again."""

    episodes: int
    again: int


@dataclass(frozen=True)
class ImportReport:
    """What an import did, exactly. For whoever holds the file; it is neither stored nor published.

    `rejected_total` counts rows that are refused as a whole, `partly_refused` those that lose single scores; `rejected`
    names both. `anonymity` looks at the attributes by which the screens group and filter, `stored_anonymity` at all that
    are stored of an episode, and `alone_with_scores` counts the episodes that are alone by these, their scores and days.
    `left_out` are columns that were left out by choice. `repeated_headers` are rows that say the header again, set aside.
    """

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
    anonymity: Anonymity | None = None
    stored_anonymity: Anonymity | None = None
    overlaps: tuple[Overlap, ...] = ()
    replaced: Replaced | None = None
    left_out: tuple[str, ...] = ()
    repeated_headers: int = 0
    partly_refused: int = 0
    alone_with_scores: int = 0


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
        "(the last one of a day counts).",
    ]
    lines += partly_lines(report)
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
            f"{len(report.dropped_columns)} columns were not read: "
            + ", ".join(map(repr, report.dropped_columns))
            + "."
        )
    return (*lines, *stored_lines(report), *anonymity_lines(report), *report.notes)


def partly_lines(report: ImportReport) -> tuple[str, ...]:
    """How many rows lose single scores only, as a sentence; () where none does."""
    if not report.partly_refused:
        return ()
    if report.partly_refused == 1:
        return ("1 row loses single scores that can't be; its other scores are kept.",)
    return (f"{report.partly_refused:,} rows lose single scores that can't be; their other scores are kept.",)


def stored_lines(report: ImportReport) -> tuple[str, ...]:
    """What an import does to what is stored already, as sentences."""
    lines = []
    if report.replaced is not None:
        gone = report.replaced.episodes - report.replaced.again
        lines.append(
            f"An import replaces its source: {report.replaced.episodes:,} episodes were stored as '{report.source}'; "
            f"{report.replaced.again:,} of them are in this export again, "
            + (f"and {gone:,} are not and go with it." if gone else "so none is lost.")
        )
    lines += [
        f"{overlap.episodes:,} episodes are in source '{overlap.source}' ({overlap.label}) already, by the same ids. If "
        "they are the same people, they count twice: import both as one source. If both exports merely number from 1, "
        "nothing is wrong."
        for overlap in report.overlaps
    ]
    return tuple(lines)


def anonymity_lines(report: ImportReport) -> tuple[str, ...]:
    """How well the episodes hide among each other, as sentences."""
    found = report.anonymity
    if found is None or not found.episodes or not found.attributes:
        return ()
    names = ", ".join(name.replace("_", " ") for name in found.attributes)
    lines = [
        f"By {names}: {found.cells:,} group{'s' if found.cells != 1 else ''}, the smallest of {found.k:,}; "
        f"{found.in_small_cells:,} of {found.episodes:,} episodes ({found.small_share:.1%}) are in groups of fewer than "
        f"{found.threshold}, {found.alone:,} alone in theirs."
    ]
    if found.spoilers:
        first = found.spoilers[0]
        lines.append(
            f"Without {first.attribute.replace('_', ' ')}, {first.in_small_cells:,} episodes would be in groups of fewer "
            f"than {found.threshold}, and {first.alone:,} alone."
        )
    stored = report.stored_anonymity
    if stored is not None:
        lines.append(
            f"By all attributes stored of an episode, {stored.alone:,} of {stored.episodes:,} ({stored.alone_share:.1%}) "
            f"are alone; with its scores and days, which are stored too, {report.alone_with_scores:,} "
            f"({report.alone_with_scores / stored.episodes:.1%}). So the store stays in the clinic; what the screens release "
            "from it is merged and rounded."
        )
    return tuple(lines)
