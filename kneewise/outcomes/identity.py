"""Removing identity: keyed hashes for ids, days for dates, bands for ages; and refusing columns that look like people.

The allow-list (only mapped columns are read) is the first net; these detectors are the second one.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kneewise.errors import ImportRefused, StoreError
from kneewise.outcomes.reading import CodedColumn, normal_name

_DETECTOR_SHARE = 0.5
_SAMPLE_VALUES = 2000
_BIRTH_SPAN_DAYS = 20 * 366
_FREE_TEXT_WORDS = 6
_LONG_TEXT_CHARACTERS = 80
_MIN_DISTINCT_NAMES = 5

_HEADER_WORDS = (
    (re.compile(r"(?<!site )(?<!clinic )(?<!provider )(?<!org )(?<!centre )\bnames?\b|\b(sur|fore|first|last)name\b"),
     "names"),
    (re.compile(r"\be-?mail\b"), "e-mail addresses"),
    (re.compile(r"\b(phone|mobile|telephone|tel)\b"), "phone numbers"),
    (re.compile(r"\bnhs (no|num|number)\b|\bchi number\b"), "NHS numbers"),
    (re.compile(r"\b(post ?code|address)\b"), "addresses"),
    (re.compile(r"\b(dob|date of birth|birth ?date|birthday)\b"), "dates of birth"),
    (re.compile(r"\b(comments?|remarks?|free text)\b"), "free text"),
)  # fmt: skip
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?:\+\d{1,3}|00\d{1,3}|0)[\d ()\-]{8,15}")
_POSTCODE = re.compile(r"[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}")
_NAME = re.compile(r"(?:(?:Mr|Mrs|Ms|Dr)\.? )?[^\W\d_][^\W\d_'’-]+(?:,? [^\W\d_][^\W\d_'’.-]*){0,3}")
_DATE_FORMATS = (
    (re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?:[T ]00:00(?::00)?)?"), "yyyy-mm-dd"),
    (re.compile(r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})"), "dd/mm/yyyy"),
    (re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"), "dd.mm.yyyy"),
)


def is_nhs_number(text: str) -> bool:
    """Whether the text is a ten-digit number whose last digit is the NHS check digit (modulus 11)."""
    digits = re.sub(r"[ -]", "", text)
    if not re.fullmatch(r"[0-9]{10}", digits):
        return False
    check = 11 - sum(int(digit) * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return check % 11 == int(digits[9]) and check != 10


def identity_problem(column: CodedColumn, missing: Iterable[str], known_values: Iterable[str] = ()) -> str | None:
    """What the column seems to hold ('names', 'NHS numbers', ...), or None. Decided per column, never per cell.

    `known_values` are the values a profile expects; where all are expected, the values can't identify anybody.
    """
    header = normal_name(column.name)
    for pattern, what in _HEADER_WORDS:
        if pattern.search(header):
            return what
    missing = {code.casefold() for code in missing}
    values = [value for value in column.values if value.casefold() not in missing]
    expected = {value.casefold() for value in known_values}
    if expected:
        values = [value for value in values if value.casefold() not in expected]
    if not values:
        return None
    if len(values) > _SAMPLE_VALUES:
        values = values[:: len(values) // _SAMPLE_VALUES + 1]

    def share(matches: Iterable[bool]) -> float:
        return sum(matches) / len(values)

    detectors = (
        ("e-mail addresses", lambda value: _EMAIL.search(value) is not None),
        ("NHS numbers", is_nhs_number),
        ("phone numbers", lambda value: _PHONE.fullmatch(value) is not None and sum(map(str.isdigit, value)) >= 10),
        ("postcodes", lambda value: _POSTCODE.fullmatch(value) is not None),
        ("free text", lambda value: len(value) > _LONG_TEXT_CHARACTERS or len(value.split()) >= _FREE_TEXT_WORDS),
    )
    for what, matches in detectors:
        if share(map(matches, values)) > _DETECTOR_SHARE:
            return what
    # One capitalised word per site is no name; many different ones, or two words each, are.
    names = [value for value in values if _NAME.fullmatch(value) and value[:1].isupper()]
    few_repeats = len(column.values) > 0.5 * max(len(column.codes), 1)
    two_words = sum(" " in value or "," in value for value in names) > _DETECTOR_SHARE * len(values)
    if len(names) > _DETECTOR_SHARE * len(values) and len(names) >= _MIN_DISTINCT_NAMES and (few_repeats or two_words):
        return "names"
    days = [day for value in values if (day := _any_date(value)) is not None]
    if len(days) > _DETECTOR_SHARE * len(values) and max(days) - min(days) > _BIRTH_SPAN_DAYS:
        return "dates of birth"
    return None


def _any_date(value: str) -> int | None:
    for pattern, _ in _DATE_FORMATS:
        if found := pattern.fullmatch(value):
            return _ordinal(found)
    return None


def _ordinal(found: re.Match[str]) -> int | None:
    try:
        return datetime.date(int(found["y"]), int(found["m"]), int(found["d"])).toordinal()
    except ValueError:
        return None


def read_dates(column: CodedColumn, missing: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Dates as day ordinals per row (0 where missing or wrong), and which rows hold something that is no date.

    Raises
    ------
    ImportRefused
        Dates of two formats in the column, or all of them could be day/month as well as month/day.
    """
    absent = {code.casefold() for code in missing}
    ordinals = np.zeros(len(column.values), dtype=np.int64)
    wrong = np.zeros(len(column.values), dtype=bool)
    first_format: tuple[str, int] | None = None
    slashed = []
    for code, value in sorted(enumerate(column.values), key=lambda pair: pair[0]):
        if value.casefold() in absent:
            continue
        for pattern, name in _DATE_FORMATS:
            found = pattern.fullmatch(value)
            if not found:
                continue
            if first_format is None:
                first_format = (name, code)
            elif first_format[0] != name:
                rows = sorted((column.row_of(first_format[1]), column.row_of(code)))
                raise ImportRefused(
                    f"Row {rows[1]}, column '{column.name}': a date is written in another form than in row {rows[0]}; "
                    "write all dates as yyyy-mm-dd."
                )
            if name == "dd/mm/yyyy":
                slashed.append((int(found["d"]), int(found["m"]), code))
            ordinal = _ordinal(found)
            wrong[code] = ordinal is None
            ordinals[code] = ordinal or 0
            break
        else:
            wrong[code] = True
    if slashed:
        month_first = next((code for _, month, code in slashed if month > 12), None)
        if month_first is not None:
            raise ImportRefused(
                f"Row {column.row_of(month_first)}, column '{column.name}': the dates seem to be month/day/year; "
                "write them as yyyy-mm-dd."
            )
        if all(day <= 12 for day, _, _ in slashed):
            raise ImportRefused(
                f"Row {column.row_of(slashed[0][2])}, column '{column.name}': the dates could be day/month or "
                "month/day; write them as yyyy-mm-dd."
            )
    return ordinals[column.codes], wrong[column.codes]


def read_key(key_file: Path) -> bytes:
    """The clinic's secret key, made on first use (32 random bytes, readable by its owner only).

    Raises
    ------
    StoreError
        The key file can't be made or read, or is too short to protect anything.
    """
    try:
        key_file.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = key_file.read_bytes()
        else:
            key = secrets.token_bytes(32)
            with os.fdopen(handle, "wb") as stream:
                stream.write(key)
    except OSError as problem:
        raise StoreError(f"The key file {key_file.name} can't be used: {problem.strerror}.") from problem
    if len(key) < 32:
        raise StoreError(f"The key file {key_file.name} is damaged; put the original back, or start a new store.")
    return key


def keyed_hash(key: bytes, kind: str, value: str, hex_digits: int = 32) -> str:
    """A pseudonym: HMAC-SHA256 of the value under the clinic's key, shortened; the same value gives the same one."""
    return hmac.new(key, f"{kind}\x1f{value}".encode(), hashlib.sha256).hexdigest()[:hex_digits]
