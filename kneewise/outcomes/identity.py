"""Removing identity: keyed hashes for ids, days for dates, bands for ages; and finding columns that look like people.

The allow-list (only mapped columns are read) is the first net; these detectors are the second one. They decide per
column: one ten-digit number in eleven passes the check of an NHS number by chance. Where each cell matters, because it
would be kept as it is or somebody is about to see it, `gives_away` looks at it alone; `masked` hides what that finds and
whatever it can't place.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kneewise.errors import ImportRefused, StoreError
from kneewise.outcomes.coded_column import CodedColumn

Use = Literal["listed", "kept", "hashed", "day"]
"""What becomes of a column's values: they go through a list of known ones, are kept as they are, become keyed hashes, or
become days since a start."""

_DETECTOR_SHARE = 0.5
_STRONG_SHARE = 0.2
"""For marks that nothing else has (an @ address, a whole postcode): so many of a mixed column's values are enough."""
_STRONG_VALUES = 5
_SAMPLE_VALUES = 2000
_BIRTH_SPAN_DAYS = 20 * 366
"""Dates spread over more than this are births, unless the profile takes them for starts or visits."""
_LONG_AGO_DAYS = 10 * 366
"""Days of starts or visits are births where nearly all are longer ago than this, and spread over more than this: what one
clinic began in ten years and ended ten years ago is rare, and a birth is nearly always both."""
_MOST_OF_THEM = (5, 95)
"""Percentiles between which a spread is measured, so that one typing error makes no birth."""
_FREE_TEXT_WORDS = 6
_LONG_TEXT_CHARACTERS = 80
_MIN_DISTINCT_NAMES = 5
_MIN_OUTWARD = 5
_HIDDEN = "hidden"
_BINARY = getattr(os, "O_BINARY", 0)  # on Windows, where bytes of the key would else be taken for ends of lines

# What a column's name gives away, in English and German. Words of a name are parted by blanks before they are compared.
_HEADER_WORDS = (
    (re.compile(r"(?<!site )(?<!clinic )(?<!provider )(?<!org )(?<!centre )(?<!hospital )(?<!practice )\bnames?\b|"
                r"\b(sur|fore|first|last|middle|maiden|given|family|full|patient)names?\b|\binitials\b|\bnext of kin\b|"
                r"\b(nach|vor|familien)name\b"), "names"),
    (re.compile(r"\be ?mail\b"), "e-mail addresses"),
    (re.compile(r"\b(phone|mobile|telephone|tel|telefon|handy)\b"), "phone numbers"),
    (re.compile(r"\bnhs ?(no|nr|num|number|id)\b|\bnhs\b$|\bchi( no| number)?\b$|\bnational insurance\b|\bni number\b|"
                r"\bpassport\b|\bssn\b|\bsocial security\b"), "NHS numbers"),
    (re.compile(r"\b(post ?code|postal code|zip( code)?|plz|address|addr|street|strasse|straße|adresse|outward code|"
                r"postcode district)\b"), "addresses"),
    (re.compile(r"\b(dob|d o b|date of birth|birth ?date|birthday|geburtsdatum|geburtstag)\b"), "dates of birth"),
    (re.compile(r"\b(comments?|remarks?|notes?|free ?text|narrative|bemerkung(en)?|anmerkung(en)?)\b"), "free text"),
)  # fmt: skip
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?:\+\d{1,3}|00\d{1,3}|0)[\d ()/-]{8,17}")
_POSTCODE = re.compile(r"[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}")
# The part of a postcode before the blank, in the areas of two letters. Those of one letter (B, E, G, L, M, N, S, W) look like
# any short code and are left out.
_OUTWARD = re.compile(
    r"(?:AB|AL|BA|BB|BD|BH|BL|BN|BR|BS|BT|CA|CB|CF|CH|CM|CO|CR|CT|CV|CW|DA|DD|DE|DG|DH|DL|DN|DT|DY|EC|EH|EN"
    r"|EX|FK|FY|GL|GU|GY|HA|HD|HG|HP|HR|HS|HU|HX|IG|IM|IP|IV|JE|KA|KT|KW|KY|LA|LD|LE|LL|LN|LS|LU|ME|MK|ML"
    r"|NE|NG|NN|NP|NR|NW|OL|OX|PA|PE|PH|PL|PO|PR|RG|RH|RM|SA|SE|SG|SK|SL|SM|SN|SO|SP|SR|SS|ST|SW|SY|TA|TD"
    r"|TF|TN|TQ|TR|TS|TW|UB|WA|WC|WD|WF|WN|WR|WS|WV|YO|ZE)"
    r"\d[A-Z\d]?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?:(?:flat|apt|unit) \w{1,4},? )?\d{1,4}[a-z]?,? [\w'’. -]{2,40}? (?:street|st|road|rd|lane|ln|avenue|ave|close|"
    r"drive|dr|way|court|ct|place|pl|terrace|crescent|gardens?|grove|hill|park|square|walk|row|mews|green|house)\b.*"
    r"|[^\W\d_][\w'’. -]{2,40}(?:straße|strasse|str\.|weg|platz|allee) \d{1,4}[a-z]?\b.*",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?:(?:Mr|Mrs|Ms|Miss|Dr)\.? )?[^\W\d_][^\W\d_'’-]*(?:['’-][^\W\d_]+)*"
                   r"(?:,? [^\W\d_][^\W\d_'’.-]*(?:['’-][^\W\d_]+)*\.?){0,3}")  # fmt: skip
_PLACE = re.compile(r"\b(hospital|clinic|centre|center|infirmary|practice|surgery|physio\w*|health|medical|community|nhs|"
                    r"trust|ward|department|klinik|praxis|krankenhaus)\b", re.IGNORECASE)  # fmt: skip
_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?(?:Z|[+-]\d{2}:?\d{2})?)?"
_MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE_FORMATS = (
    (re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})" + _TIME), "yyyy-mm-dd"),
    (re.compile(r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})" + _TIME), "dd/mm/yyyy"),
    (re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})" + _TIME), "dd.mm.yyyy"),
    (re.compile(r"(?P<d>\d{1,2})[- ](?P<m>[A-Za-z]{3})[a-z]*[- ](?P<y>\d{4})" + _TIME), "dd-mon-yyyy"),
)


@dataclass(frozen=True)
class IdentityColumn:
    """A mapped column that seems to hold people: its name in the export, what it looks like, whether the scores can be
    told without it."""

    name: str
    what: str
    can_be_left_out: bool = True


class IdentityFound(ImportRefused):
    """Mapped columns look like people. `columns` says which; the export can be read again without them."""

    def __init__(self, columns: Sequence[IdentityColumn]):
        self.columns = tuple(columns)
        super().__init__(
            f"Column '{column.name}' (first in row 2) looks like {column.what}; "
            + (
                "remove it, map another column, or choose to leave it out."
                if column.can_be_left_out
                else "it can't be left out, because the scores can't be told without it; put a local number there, or map "
                "another column."
            )
            + " Nothing was imported."
            for column in columns
        )


def is_nhs_number(text: str) -> bool:
    """Whether the text is a ten-digit number whose last digit is the NHS check digit (modulus 11)."""
    digits = re.sub(r"[ -]", "", text)
    if not re.fullmatch(r"[0-9]{10}", digits):
        return False
    check = 11 - sum(int(digit) * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return check % 11 == int(digits[9]) and check != 10


def identity_problem(
    column: CodedColumn, missing: Iterable[str], known_values: Iterable[str] = (), use: Use = "listed"
) -> str | None:
    """What the column seems to hold ('names', 'NHS numbers', ...), or None. Decided per column, never per cell.

    `known_values` are the values a profile expects; where all are expected, the values can't identify anybody.
    """
    left_out = {code.casefold() for code in missing}
    expected = {value.casefold() for value in known_values}
    values = [value for value in column.values if value.casefold() not in left_out and value.casefold() not in expected]
    return header_problem(column.name) or values_problem(values, len(column.codes), use)


def header_problem(name: str) -> str | None:
    """What a column's name alone gives away ('PatientName' -> 'names'), or None."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+", " ", name).strip().casefold()
    return next((what for pattern, what in _HEADER_WORDS if pattern.search(parted)), None)


def refuse_record_as_header(names: Sequence[str], *, numbers: bool = True) -> None:
    """Return if a file's first row may be column names.

    Parameters
    ----------
    names : sequence of str
        The cells of row 1.
    numbers : bool
        Whether numbers and dates count as well, or only what gives a person away.

    Raises
    ------
    ImportRefused
        The row seems to be a record. The sentence repeats nothing of it.
    """
    signs = (_is_email, _is_postcode, _is_phone, is_nhs_number)
    plain = [name for name in names if re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?", name)]
    record = any(sign(name) for name in names for sign in signs) or (
        numbers
        and (
            len(plain) > 1
            or any(re.fullmatch(r"\d{3,}", name) for name in plain)
            or any(any_date(name) is not None for name in names)
        )
    )
    if record:
        raise ImportRefused("Row 1 seems to hold a record, not column names; add a row of names.")


def values_problem(values: Sequence[str], rows: int, use: Use = "listed") -> str | None:
    """What a column's distinct values seem to be, or None. `rows` is how many rows they stand in."""
    if not values:
        return None
    few_repeats = len(values) > 0.5 * max(rows, 1)
    if len(values) > _SAMPLE_VALUES:
        values = values[:: len(values) // _SAMPLE_VALUES + 1]

    def share(matches: Iterable[bool]) -> float:
        return sum(matches) / len(values)

    for what, matches in (("e-mail addresses", _is_email), ("postcodes", _is_postcode)):
        found = sum(map(matches, values))
        if found > _DETECTOR_SHARE * len(values) or (found >= _STRONG_VALUES and found > _STRONG_SHARE * len(values)):
            return what
    if _are_nhs_numbers(values):
        return "NHS numbers"
    # Local numbers with zeros before them look like phones, short codes like the first part of a postcode. Where they
    # become hashes anyway, that is no reason to refuse them.
    doubtful = [] if use == "hashed" else [("phone numbers", _is_phone)]
    for what, matches in (*doubtful, ("addresses", _is_address), ("free text", _is_free_text)):
        if share(map(matches, values)) > _DETECTOR_SHARE:
            return what
    if use != "hashed" and len(values) >= _MIN_OUTWARD and share(map(_is_outward_code, values)) > _DETECTOR_SHARE:
        return "postcodes"
    # One capitalised word per site is no name; many different ones, or two words each, are. Small letters count only
    # where values are kept as they are: elsewhere "dry needling" would be somebody.
    names = [value for value in values if _is_name(value, small_letters=use == "kept")]
    two_words = sum(" " in value or "," in value for value in names) > _DETECTOR_SHARE * len(values)
    if len(names) > _DETECTOR_SHARE * len(values) and len(names) >= _MIN_DISTINCT_NAMES and (few_repeats or two_words):
        return "names"
    days = [day for value in values if (day := any_date(value)) is not None]
    if len(days) > _DETECTOR_SHARE * len(values) and _are_births(days, use):
        return "dates of birth"
    return None


def _are_births(days: Sequence[int], use: Use) -> bool:
    """Whether these days (as ordinals) are births by their spread, and by how long ago they are where they are mapped to
    be starts or visits."""
    early, late = np.percentile(days, _MOST_OF_THEM)
    if use == "day":
        return late < datetime.date.today().toordinal() - _LONG_AGO_DAYS and late - early > _LONG_AGO_DAYS
    return late - early > _BIRTH_SPAN_DAYS


def gives_away(value: str) -> bool:
    """Whether one value by itself looks like a person's number, address or contact, or like free text. A name does not:
    one word or two may be a place."""
    return any(
        matches(value) for matches in (_is_email, _is_postcode, _is_phone, _is_address, _is_free_text, is_nhs_number)
    )


def masked(value: str, known: bool) -> str:
    """A cell as it may be shown before anything is imported: as it is where its column is `known` to hold codes or
    numbers and no detector objects; else its shape alone, letters as `a` and digits as `9`."""
    if not value:
        return ""
    if gives_away(value):
        return _HIDDEN
    if known:
        return value if len(value) <= 40 else f"{value[:39]}…"
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", value[:24]))


def _is_email(value: str) -> bool:
    return _EMAIL.search(value) is not None


def _is_postcode(value: str) -> bool:
    return _POSTCODE.fullmatch(value) is not None


def _is_outward_code(value: str) -> bool:
    return _OUTWARD.fullmatch(value) is not None


def _is_phone(value: str) -> bool:
    return _PHONE.fullmatch(value) is not None and sum(map(str.isdigit, value)) >= 10 and any_date(value) is None


def _is_address(value: str) -> bool:
    return _ADDRESS.fullmatch(value) is not None


def _is_free_text(value: str) -> bool:
    return len(value) > _LONG_TEXT_CHARACTERS or len(value.split()) >= _FREE_TEXT_WORDS


def _is_name(value: str, small_letters: bool) -> bool:
    """Whether a value may be a name: a capital letter first, or, with `small_letters`, two words and more."""
    begins = value[:1].isupper() or (small_letters and " " in value)
    return len(value) > 1 and begins and _NAME.fullmatch(value) is not None and not _PLACE.search(value)


def _are_nhs_numbers(values: Sequence[str]) -> bool:
    """Whether a column's ten-digit numbers are NHS numbers, and there are enough of them.

    A spreadsheet that stored them as numbers has lost leading zeros (a Scottish CHI number begins with a day of birth)
    and may have written ".0" behind. A nine-digit number counts only beside ten-digit ones that pass: with a zero before
    it, one in eleven local numbers of nine digits would make a valid NHS number too.
    """
    digits = [re.sub(r"[ -]", "", value).removesuffix(".0") for value in values]
    ten = [each for each in digits if re.fullmatch(r"[0-9]{10}", each)]
    valid = sum(map(is_nhs_number, ten))
    if valid <= _DETECTOR_SHARE * len(ten):
        return False
    zero_lost = sum(is_nhs_number(f"0{each}") for each in digits if re.fullmatch(r"[0-9]{9}", each))
    return valid + zero_lost > _DETECTOR_SHARE * len(values) or valid >= _STRONG_VALUES


def any_date(value: str) -> int | None:
    """The day (as an ordinal) that a text in one of the known forms of a date means, or None."""
    for pattern, _ in _DATE_FORMATS:
        if found := pattern.fullmatch(value):
            return _ordinal(found)
    return None


def _ordinal(found: re.Match[str]) -> int | None:
    month = found["m"].casefold()
    try:
        place = _MONTHS.index(month) if month.isalpha() else int(month)
        return datetime.date(int(found["y"]), place, int(found["d"])).toordinal()
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
    for code, value in enumerate(column.values):
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


def read_key(key_file: Path, *, make: bool = True) -> bytes:
    """The clinic's secret key; where there is none yet and one may be made, 32 random bytes, readable by their owner only.

    Raises
    ------
    StoreError
        There is no key and none may be made; the key file can't be made or read, or is too short to protect anything.
    """
    try:
        if make and not key_file.exists():
            _make_key(key_file)
        key = key_file.read_bytes()
    except FileNotFoundError as problem:
        raise StoreError(
            f"The key {key_file.name} is missing, so nobody would be found again; put it back, or erase the source first."
        ) from problem
    except OSError as problem:
        raise StoreError(f"The key file {key_file.name} can't be used: {problem.strerror}.") from problem
    if len(key) < 32:
        raise StoreError(f"The key file {key_file.name} is damaged; put the original back, or start a new store.")
    return key


def _make_key(key_file: Path) -> None:
    """Make the key file whole, or leave the one that somebody else has made meanwhile. Raises OSError."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    unfinished = key_file.with_name(f"{key_file.name}.{secrets.token_hex(8)}.tmp")
    try:
        _write_new(unfinished, key)
        try:
            os.link(unfinished, key_file)  # unlike a renaming, it never replaces a key
        except FileExistsError:
            return
        except OSError:
            # Some network folders and memory sticks give a file one name only.
            with contextlib.suppress(FileExistsError):
                _write_new(key_file, key)
    finally:
        unfinished.unlink(missing_ok=True)


def _write_new(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def keyed_hash(key: bytes, kind: str, value: str, hex_digits: int = 32) -> str:
    """A pseudonym: HMAC-SHA256 of the value under the clinic's key, shortened; the same value gives the same one."""
    return hmac.new(key, f"{kind}\x1f{value}".encode(), hashlib.sha256).hexdigest()[:hex_digits]


def keyed_hashes(key: bytes, kind: str, values: Iterable[str], hex_digits: int = 32) -> list[str]:
    """The pseudonyms of many values: `keyed_hash` of each, with what they share worked out once."""
    begun = hmac.new(key, f"{kind}\x1f".encode(), hashlib.sha256)
    found = []
    for value in values:
        one = begun.copy()
        one.update(value.encode())
        found.append(one.hexdigest()[:hex_digits])
    return found
