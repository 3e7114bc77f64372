"""Understanding the values of an export's columns: each distinct value once, and which rows are refused for what reason.

Rows carry a value's place in a list (a code). Sorting, finding duplicates and disagreements all work on these codes, which
is what makes two million rows take seconds. No reason repeats the value that it refuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kneewise.errors import ImportRefused
from kneewise.outcomes.identity import gives_away
from kneewise.outcomes.profiles import Column, Profile
from kneewise.outcomes.reading import CodedColumn, ExportTable
from kneewise.outcomes.reports import ColumnReport, RejectedRow

LISTED_REJECTIONS = 200
"""So many refused rows are named; all are counted."""
FORMULA_SIGNS = ("=", "@", "+", "-", "|")
_CODE = re.compile(r"[\w][\w .&'/()-]{0,39}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


class PersonalValue(ValueError):
    """A value that would be kept as it is and looks like a person's."""

    reason = (
        "this looks like a number, an address or a contact of a person, or like free text; put a short code or the name of "
        "a place there."
    )


@dataclass(frozen=True)
class Coded:
    """One understood value per row: `codes[i]` is the place of row i's value in `values`, -1 where there is none."""

    codes: np.ndarray
    values: list

    @classmethod
    def empty(cls, rows: int) -> Coded:
        """So many rows without a value."""
        return cls(np.full(rows, -1, dtype=np.int32), [])

    def ordered(self) -> Coded:
        """The same values, each distinct one once and in order, so that codes sort as values do."""
        distinct = sorted(set(self.values))
        place = {value: code for code, value in enumerate(distinct)}
        lookup = np.array([place[value] for value in self.values] + [-1], dtype=np.int32)
        return Coded(lookup[self.codes], distinct)

    def categorical(self, rows: np.ndarray | slice = slice(None)) -> pd.Categorical:
        """The values of these rows for a table."""
        return pd.Categorical.from_codes(self.codes[rows], categories=pd.Index(self.values, dtype=object))

    def numbers(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The values as numbers, not-a-number where there is none."""
        return np.array([*self.values, math.nan], dtype=float)[self.codes[rows]]


class Rejections:
    """Which rows are refused, and why: the first reason of a row counts.

    `bad` rows are refused as a whole; of `partly` rows single scores are, and those without another score are `scoreless`:
    refused too, and yet they say what their episode is. `set_aside` rows hold no record, or none of this import.
    """

    def __init__(self, table: ExportTable):
        self.bad = np.zeros(table.rows, dtype=bool)
        self.partly = np.zeros(table.rows, dtype=bool)
        self.scoreless = np.zeros(table.rows, dtype=bool)
        self.set_aside = np.zeros(table.rows, dtype=bool)
        self.listed: dict[int, RejectedRow] = {}
        self._row_number = table.row_number
        for line, reason in table.unreadable[:LISTED_REJECTIONS]:
            self.listed[line] = RejectedRow(line, "", f"Row {line}: {reason}")
        self.unreadable = table.unreadable_total

    def add(self, mask: np.ndarray, column: str, reason: str, *, score_alone: bool = False) -> None:
        """Refuse the rows of `mask`, or one score of each alone, except those that are set aside."""
        mask = mask & ~self.set_aside
        if not mask.any():
            return
        if score_alone:
            new = mask & ~(self.bad | self.partly)
            self.partly |= mask
        else:
            new = mask & ~self.bad
            self.bad |= mask
        for place in np.flatnonzero(new)[:LISTED_REJECTIONS]:
            row = self._row_number(int(place))
            self.listed.setdefault(row, RejectedRow(row, column, f"Row {row}, column '{column}': {reason}"))

    def keep_only(self, any_score: np.ndarray) -> None:
        """Refuse those rows that lost a score and have none left."""
        self.scoreless = self.partly & ~any_score

    @property
    def in_part(self) -> int:
        """How many rows lose single scores and are kept otherwise."""
        return int(np.count_nonzero(self.partly & self.good))

    @property
    def good(self) -> np.ndarray:
        """The rows that are neither refused nor set aside."""
        return ~(self.bad | self.scoreless | self.set_aside)

    @property
    def telling(self) -> np.ndarray:
        """The rows that say what their episode is: the good ones, and those of which only the scores are refused."""
        return ~(self.bad | self.set_aside)

    @property
    def total(self) -> int:
        """How many rows are refused as a whole, lines that made no row included."""
        return int(np.count_nonzero((self.bad | self.scoreless) & ~self.set_aside)) + self.unreadable


def missing_values(coded: CodedColumn, column: Column) -> np.ndarray:
    """Which of the column's distinct values mean 'not known'."""
    absent = {code.casefold() for code in column.missing} | {""}
    return np.array([value.casefold() in absent for value in coded.values], dtype=bool)


def understood(
    coded: CodedColumn,
    column: Column,
    meaning: str,
    read: Callable[[str], object],
    reason: str,
    rejections: Rejections,
    reports: list[ColumnReport],
    *,
    score_alone: bool = False,
) -> Coded:
    """The column's values, each distinct value understood once. `read` raises ValueError.

    With `score_alone`, a wrong value costs itself alone; else its row is refused.
    """
    absent = missing_values(coded, column)
    results: list[object] = []
    lookup = np.full(len(coded.values), -1, dtype=np.int32)
    wrong = np.zeros(len(coded.values), dtype=bool)
    formula = np.zeros(len(coded.values), dtype=bool)
    personal = np.zeros(len(coded.values), dtype=bool)
    for place, value in enumerate(coded.values):
        if absent[place]:
            continue
        try:
            result = read(value)
        except PersonalValue:
            personal[place] = True
        except ValueError:
            formula[place] = value.startswith(FORMULA_SIGNS) and not _NUMBER.fullmatch(value)
            wrong[place] = not formula[place]
        else:
            lookup[place] = len(results)
            results.append(result)
    for refused, why in (
        (formula, "this is a spreadsheet formula, not a value."),
        (personal, PersonalValue.reason),
        (wrong, reason),
    ):
        if refused.any():
            rejections.add(refused[coded.codes], coded.name, why, score_alone=score_alone)
    counted = np.bincount(coded.codes[~rejections.set_aside], minlength=len(coded.values))
    lost, gone = int(counted[wrong | formula | personal].sum()), int(counted[absent].sum())
    reports.append(ColumnReport(coded.name, meaning, int(counted.sum()) - lost - gone, gone, lost))
    return Coded(lookup[coded.codes], results)


def number_reader(decimal_comma: bool) -> Callable[[str], float]:
    """A reader of plain numbers, with a decimal comma where the export parts its columns by semicolons. Raises ValueError."""

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


def read_whole(value: str) -> int:
    """A whole number. Raises ValueError."""
    number = number_reader(False)(value)
    if number != int(number):
        raise ValueError
    return int(number)


def read_code(value: str) -> str:
    """A short code as it is. Raises ValueError for anything longer or with other signs."""
    if not _CODE.fullmatch(value):
        raise ValueError
    return value


def read_place(value: str) -> str:
    """A short code that is kept as it is. Raises ValueError as `read_code`, PersonalValue where it looks like a person's."""
    if gives_away(value):
        raise PersonalValue
    return read_code(value)


def one_of(values: Mapping[str, object]) -> Callable[[str], object]:
    """What stands for a value in a table, whatever its case and blanks. The reader raises ValueError."""
    known = {" ".join(name.casefold().split()): ours for name, ours in values.items()}

    def read(value: str) -> object:
        found = known.get(" ".join(value.casefold().split()))
        if found is None:
            raise ValueError
        return found

    return read


def set_repeated_headers_aside(table: ExportTable, rejections: Rejections) -> tuple[str, ...]:
    """Rows that say the header again (exports that were put together): set aside, and said."""
    again: np.ndarray | None = None
    # The column with fewest values first: nearly always it says at once that there is no such row.
    for coded in sorted(
        {coded.name: coded for coded in table.columns.values()}.values(), key=lambda one: len(one.values)
    ):
        header = coded.name.casefold()
        same = [code for code, value in enumerate(coded.values) if value and value.casefold() == header]
        if not same:
            return ()
        rows = np.isin(coded.codes, same)
        again = rows if again is None else again & rows
    if again is None or not again.any() or len(table.columns) < 2:
        return ()
    rejections.set_aside |= again
    count, first = int(again.sum()), table.row_number(int(np.flatnonzero(again)[0]))
    said = f"{count:,} rows say" if count > 1 else "1 row says"
    return (f"{said} the header again (the first is row {first}); set aside, as if they weren't there.",)


def set_blank_rows_aside(table: ExportTable, rejections: Rejections) -> tuple[str, ...]:
    """Rows that are blank in every column that is read (a spreadsheet writes some below its table): set aside, and said."""
    blank: np.ndarray | None = None
    for coded in {coded.name: coded for coded in table.columns.values()}.values():
        if "" not in coded.values:
            return ()
        rows = coded.codes == coded.values.index("")
        blank = rows if blank is None else blank & rows
        if not blank.any():
            return ()
    if blank is None:
        return ()
    rejections.set_aside |= blank
    count, first = int(blank.sum()), table.row_number(int(np.flatnonzero(blank)[0]))
    said = f"{count:,} rows are blank" if count > 1 else "1 row is blank"
    return (f"{said} in all columns that are read (the first is row {first}); set aside, as if they weren't there.",)


def refuse_too_many(rejections: Rejections, rows: int, profile: Profile) -> None:
    """Return if few enough rows are refused, as a whole or in part. Raises ImportRefused with the first reasons otherwise.

    A row that loses one of its scores counts as much as one that is lost: many of them mean that a column is misunderstood.
    """
    bad = rejections.total + rejections.in_part
    counted = rows - int(np.count_nonzero(rejections.set_aside))
    if rejections.total == counted or bad > profile.max_rejected_share * counted:
        first = [rejections.listed[row].reason for row in sorted(rejections.listed)][:5]
        more = (
            f" ({bad} of {counted} rows are refused{', as a whole or in part' if rejections.in_part else ''}; the limit is "
            f"{profile.max_rejected_share:.0%}.)"
            if rows > 5
            else ""
        )
        if not first:
            raise ImportRefused("No row of the file holds a score that can be read, so there is nothing to import.")
        raise ImportRefused([*first[:-1], first[-1] + more + " Nothing was imported."])
