"""An export file as columns of text. An import reads only the columns that a profile names.

A CSV file (or a zip that holds one) is looked through twice: once as bytes (size, binary content, encoding), once as a
table. Nothing in here interprets a value. `survey_columns` looks at every column, for somebody who is about to say what
they mean; it keeps the first rows and the distinct values of each, and whoever asks shows them masked.
"""

from __future__ import annotations

import codecs
import csv
import fnmatch
import hashlib
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from kneewise.errors import ImportRefused
from kneewise.outcomes.coded_column import CodedColumn
from kneewise.outcomes.identity import refuse_record_as_header
from kneewise.outcomes.profiles import Column, Profile, plain_name, plain_names

MAX_BYTES = 200 * 1024 * 1024
"""Largest table that is read. Checked on the file's size first, and again while reading (a zip can lie)."""
MAX_ZIP_RATIO = 200
MAX_ZIP_MEMBERS = 1000
MAX_COLUMNS = 5000
MAX_SURVEYED_COLUMNS = 250
"""More columns than this are not mapped by hand."""
_SUSPECT_RATIO_FROM_BYTES = 10 * 1024 * 1024
_BLOCK = 1024 * 1024
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
_NOT_TEXT_BYTES = bytes([*range(0x09), 0x0B, *range(0x0E, 0x20)])
_FINANCIAL_YEAR = re.compile(r"(?<!\d)(?:20)?(\d{2})[-_/ ]?(?:20)?(\d{2})(?!\d)")
_SURVEYED_ROWS = 8
_SURVEYED_VALUES = 2000
_DAMAGED_ZIP = "The zip is damaged or locked with a password; unpack it and import the CSV."
_NAMED_FILES = 6
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

Source = Path | bytes | BinaryIO
ZipMembers = tuple[str, ...]
"""Patterns for the name of the one file of a zip that is meant, where it holds several."""
_ANY_TABLE: ZipMembers = ("*.csv",)
Progress = Callable[[float, str], None]
"""Called with a share from 0 to 1 and what is being done."""


@dataclass(frozen=True)
class ExportTable:
    """What was read: columns by the profile's column, in the file's order of rows.

    `lines` is the line of the file behind each row, where that is not the row's place below a header. `unreadable` are
    lines that make no row, with the reason as a finished sentence; at most some are listed, `unreadable_total` counts
    all. `year` is the financial year in the file's name, where there is one.
    """

    rows: int
    columns: dict[Column, CodedColumn]
    dropped: tuple[str, ...]
    notes: tuple[str, ...]
    decimal_comma: bool
    lines: np.ndarray | None = None
    unreadable: tuple[tuple[int, str], ...] = ()
    unreadable_total: int = 0
    year: int | None = None

    def row_number(self, place: int) -> int:
        """How a row is named to whoever holds the file."""
        return place + 2 if self.lines is None else int(self.lines[place])


@dataclass(frozen=True)
class SurveyedColumn:
    """One column as somebody who maps it needs to know it. It may hold identity: show it masked, keep it nowhere.

    `first` are the values of the first rows; `values` are distinct values without blanks in order of appearance and
    `counts` how often each occurs, complete unless `more`; `filled` of `rows` rows are not blank.
    """

    name: str
    first: tuple[str, ...]
    values: tuple[str, ...]
    counts: tuple[int, ...]
    more: bool
    filled: int
    rows: int


@dataclass(frozen=True)
class Surveyed:
    """All columns of an export, and the mark of its header."""

    columns: tuple[SurveyedColumn, ...]
    header_mark: str
    rows: int
    decimal_comma: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ByteSurvey:
    """What one pass over the bytes found: how many, their encoding, the beginning as text."""

    byte_count: int
    encoding: str
    notes: tuple[str, ...]
    head: str


def count_known_columns(source: Source, profile: Profile) -> int | None:
    """How many of the export's columns the profile knows; None where it can't read the file, lacks a needed column, or
    knows none of its score columns.

    Looks at the beginning of the file only; `read_export` says what is wrong with a file, and where.
    """
    try:
        with opened(source, profile.zip_member) as stream:
            head = stream.read(_BLOCK).decode("utf-8-sig", errors="ignore")
        found = _match(_header(head, _wanted(profile))[1], profile)
    except ImportRefused:
        return None
    scores = profile.wide or (profile.long.scores if profile.long else ())
    return None if scores and not any(column in found for column in scores) else len(found)


def begins_as_json(source: Source, zip_member: ZipMembers) -> bool:
    """Whether the file (or the one in the zip) begins with a JSON object, as FHIR's NDJSON does."""
    try:
        with opened(source, zip_member) as stream:
            return stream.read(_BLOCK).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except ImportRefused:
        return False


def header_mark(header: Sequence[str]) -> str:
    """A mark that two exports share if and only if they have the same column names, in whatever order and spelling."""
    return hashlib.sha256("\x1f".join(sorted(map(plain_name, header))).encode()).hexdigest()[:16]


def mark_of(source: Source) -> str | None:
    """The mark of an export's header; None where it can't be read."""
    try:
        with opened(source, _ANY_TABLE) as stream:
            head = stream.read(_BLOCK).decode("utf-8-sig", errors="ignore")
        return header_mark(_header(head, frozenset())[1])
    except ImportRefused:
        return None


def read_export(source: Source, profile: Profile, progress: Progress | None = None) -> ExportTable:
    """The export's mapped columns.

    Raises
    ------
    ImportRefused
        Too large, empty, binary, not a table, columns missing or named twice, rows of another width.
    """
    survey = survey_bytes(source, profile.zip_member, progress)
    delimiter, header, header_lines = _header(survey.head, _wanted(profile))
    # A number may be a column's name, where the profile finds its own names beside it.
    refuse_record_as_header(header, numbers=False)
    found = _match(header, profile)
    _refuse_no_rows(survey, header_lines)
    wanted = sorted({place for place in found.values()})
    pieces: list[pa.RecordBatch] = []
    for batch in _batches(source, profile.zip_member, survey, delimiter, len(header), wanted, header_lines):
        pieces.append(batch)
        if progress:
            progress(0.1 + 0.45 * min(1.0, len(pieces) * _PIECE / max(survey.byte_count, 1)), "reading")
    table = pa.Table.from_batches(pieces)
    coded = {}
    for number, place in enumerate(wanted, start=1):
        coded[place] = _coded(header[place], table.column(f"c{place}"))
        if progress:
            progress(0.55 + 0.1 * number / len(wanted), "reading")
    return ExportTable(
        rows=table.num_rows,
        columns={column: coded[place] for column, place in found.items()},
        dropped=tuple(name for place, name in enumerate(header) if place not in coded),
        notes=survey.notes + _said_of(delimiter),
        decimal_comma=delimiter == ";",
        year=_financial_year(source, profile.zip_member),
    )


def survey_columns(source: Source, progress: Progress | None = None) -> Surveyed:
    """Every column of an export with its first values and its distinct ones, for whoever maps it.

    Raises
    ------
    ImportRefused
        As `read_export`, except for columns that are missing.
    """
    survey = survey_bytes(source, _ANY_TABLE, progress)
    delimiter, header, header_lines = _header(survey.head, frozenset())
    refuse_record_as_header(header)
    _refuse_no_rows(survey, header_lines)
    if len(header) > MAX_SURVEYED_COLUMNS:
        raise ImportRefused(
            f"The export has {len(header):,} columns, too many to be mapped one by one (the limit is "
            f"{MAX_SURVEYED_COLUMNS}); export fewer, or write a profile for it."
        )
    _places(header)
    firsts: list[list[str]] = [[] for _ in header]
    counts: list[dict[str, int]] = [{} for _ in header]
    more = [False] * len(header)
    blank = [0] * len(header)
    rows = 0
    every = list(range(len(header)))
    for piece, batch in enumerate(
        _batches(source, _ANY_TABLE, survey, delimiter, len(header), every, header_lines), start=1
    ):
        rows += batch.num_rows
        for place, column in enumerate(batch.columns):
            taken = column.slice(0, max(0, _SURVEYED_ROWS - len(firsts[place]))).to_pylist()
            firsts[place] += [each.strip() for each in taken]
            occurs = np.bincount(column.indices.to_numpy(zero_copy_only=False), minlength=len(column.dictionary))
            for value, count in zip(column.dictionary.to_pylist(), occurs.tolist(), strict=True):
                value = value.strip()
                if not value:
                    blank[place] += count
                elif value in counts[place] or len(counts[place]) < _SURVEYED_VALUES:
                    counts[place][value] = counts[place].get(value, 0) + count
                else:
                    more[place] = True
        if progress:
            progress(0.1 + 0.9 * min(1.0, piece * _PIECE / max(survey.byte_count, 1)), "looking at the columns")
    columns = tuple(
        SurveyedColumn(
            name=name,
            first=tuple(firsts[place]),
            values=tuple(counts[place]),
            counts=tuple(counts[place].values()),
            more=more[place],
            filled=rows - blank[place],
            rows=rows,
        )
        for place, name in enumerate(header)
    )
    return Surveyed(columns, header_mark(header), rows, delimiter == ";", survey.notes + _said_of(delimiter))


def _said_of(delimiter: str) -> tuple[str, ...]:
    return () if delimiter == "," else (f"The columns are parted by {_DELIMITERS[delimiter]}.",)


def _refuse_no_rows(survey: ByteSurvey, header_lines: int) -> None:
    if survey.byte_count <= _BLOCK and not any(line.strip() for line in survey.head.splitlines()[header_lines:]):
        raise ImportRefused("The file holds a header and no rows, so there is nothing to import.")


def _financial_year(source: Source, zip_member: ZipMembers) -> int | None:
    """2018 for "Knee Replacement Provider 1819.csv"; None where the name holds no two years that follow each other."""
    names = [source.name] if isinstance(source, Path) else [str(getattr(source, "name", ""))]
    with opened(source, zip_member) as stream:
        names.insert(0, str(getattr(stream, "name", "") or ""))
    for name in names:
        for found in _FINANCIAL_YEAR.finditer(Path(name).stem):
            if (int(found[1]) + 1) % 100 == int(found[2]):
                return 2000 + int(found[1])
    return None


@contextmanager
def opened(source: Source, zip_member: ZipMembers) -> Iterator[BinaryIO]:
    """The bytes of the table, unzipped when need be.

    Raises
    ------
    ImportRefused
        There is no such file, it is too large, or it is a zip of which no file, or more than one, is meant.
    """
    with _as_it_lies(source) as (handle, zipped):
        if zipped:
            with _unzipped(handle, zip_member) as member:
                yield member
        else:
            size = handle.seek(0, io.SEEK_END)
            if size > MAX_BYTES:
                raise _too_large(size)
            handle.seek(0)
            yield handle


@contextmanager
def _as_it_lies(source: Source) -> Iterator[tuple[BinaryIO, bool]]:
    """The bytes of the file itself, and whether they are a zip."""
    try:
        if isinstance(source, Path):
            if source.is_dir():
                raise ImportRefused(f"{source.name} is a folder; give the CSV file or the zip in it.")
            handle: BinaryIO = source.open("rb")
        else:
            handle = io.BytesIO(source) if isinstance(source, bytes) else source
            handle.seek(0)
    except FileNotFoundError as problem:
        raise ImportRefused(f"There is no file {source}.") from problem
    except OSError as problem:
        raise ImportRefused(f"The file can't be opened: {problem.strerror}.") from problem
    try:
        yield handle, handle.read(4) == b"PK\x03\x04"
    finally:
        if isinstance(source, Path):
            handle.close()


@contextmanager
def _unzipped(handle: BinaryIO, zip_member: ZipMembers) -> Iterator[BinaryIO]:
    handle.seek(0)
    try:
        with zipfile.ZipFile(handle) as archive:
            member = _member(archive, zip_member)
            with archive.open(member) as stream:
                yield stream
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, RuntimeError) as problem:
        raise ImportRefused(_DAMAGED_ZIP) from problem
    except OSError as problem:
        if problem.errno is not None:  # a real one, of the disk; bzip2 says of damaged data that it is one without a number
            raise
        raise ImportRefused(_DAMAGED_ZIP) from problem


def _member(archive: zipfile.ZipFile, zip_member: ZipMembers) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) > MAX_ZIP_MEMBERS:
        raise ImportRefused(f"The zip holds {len(members)} files; unpack it and import the one CSV.")
    tables = _tables(members, zip_member)
    fitting = tables
    if len(tables) > 1:
        fitting = [
            member
            for member in tables
            if any(fnmatch.fnmatch(_bare_name(member).lower(), pattern.lower()) for pattern in zip_member)
        ]
    if len(fitting) != 1:
        raise _not_one(members, tables, fitting, zip_member)
    member = fitting[0]
    if member.file_size > MAX_BYTES:
        raise _too_large(member.file_size)
    ratio = member.file_size / max(member.compress_size, 1)
    if member.file_size > _SUSPECT_RATIO_FROM_BYTES and ratio > MAX_ZIP_RATIO:
        raise ImportRefused("The zip unpacks to far more than a table would; unpack it and look at the CSV first.")
    return member


def _tables(members: Sequence[zipfile.ZipInfo], zip_member: ZipMembers) -> list[zipfile.ZipInfo]:
    """The files of a zip that end as a table does; not the shadows that macOS and Unix put beside them."""
    endings = tuple(_endings(zip_member))
    return [
        member
        for member in members
        if member.filename.lower().endswith(endings)
        and not member.filename.startswith("__MACOSX")
        and not _bare_name(member).startswith(".")
    ]


def _endings(zip_member: ZipMembers) -> list[str]:
    return list(dict.fromkeys(Path(pattern).suffix.lower() or ".csv" for pattern in zip_member))


def _bare_name(member: zipfile.ZipInfo) -> str:
    return Path(member.filename).name


def _not_one(
    members: Sequence[zipfile.ZipInfo],
    tables: Sequence[zipfile.ZipInfo],
    fitting: Sequence[zipfile.ZipInfo],
    zip_member: ZipMembers,
) -> ImportRefused:
    """Why no single file of a zip is the export, and the way out."""
    kind = " or ".join(ending.lstrip(".").upper() for ending in _endings(zip_member))
    if not tables:
        if any(member.filename.startswith("xl/") for member in members):
            return ImportRefused(
                "This is an Excel workbook, which is a zip with no CSV in it; save the sheet as 'CSV UTF-8' and import "
                "that."
            )
        return ImportRefused(f"The file is a zip with no {kind} in it; unpack it and give the one file itself.")
    if fitting:
        return ImportRefused(
            f"The zip holds {len(fitting)} {kind} files that may be the export{_listed(fitting, zip_member)}; unpack it and "
            "import the one that is meant, or each of them as a source of its own."
        )
    patterns = ", ".join(f"'{pattern}'" for pattern in zip_member)
    return ImportRefused(
        f"The zip holds {len(tables)} {kind} files, and none is named as the profile expects ({patterns}); unpack it and "
        "import the one that holds the records."
    )


def _listed(members: Sequence[zipfile.ZipInfo], zip_member: ZipMembers) -> str:
    """The first names in quotation marks, after a colon; what can't be printed is left out of a name.

    Only where the profile says how its files are named: a file of any other name may be called after a patient.
    """
    if not all(_says_a_name(pattern) for pattern in zip_member):
        return ""
    names = ["".join(sign for sign in _bare_name(member) if sign.isprintable())[:80] for member in members]
    more = f" and {len(names) - _NAMED_FILES} more" if len(names) > _NAMED_FILES else ""
    return ": " + ", ".join(f"'{each}'" for each in names[:_NAMED_FILES]) + more


def _says_a_name(pattern: str) -> bool:
    return any(sign.isalpha() for sign in Path(pattern).stem)


def _said_of_zip(source: Source, zip_member: ZipMembers) -> tuple[str, ...]:
    """Which file of a zip was read, where it could have been another one."""
    with _as_it_lies(source) as (handle, zipped):
        if not zipped:
            return ()
        handle.seek(0)
        with zipfile.ZipFile(handle) as archive:
            tables = _tables(archive.infolist(), zip_member)
            if len(tables) < 2:
                return ()
            name = _listed([_member(archive, zip_member)], zip_member)
            return (f"The zip holds {len(tables)} tables; read was the one that fits{name}.",)


def _too_large(size_bytes: int) -> ImportRefused:
    return ImportRefused(
        f"The table has {size_bytes // 2**20} MB and the limit is {MAX_BYTES // 2**20} MB; split it by year and import "
        "each part as a source of its own."
    )


def survey_bytes(source: Source, zip_member: ZipMembers, progress: Progress | None = None) -> ByteSurvey:
    """One pass over the bytes: is it text, how long, in which encoding."""
    head, total, rows, utf8 = b"", 0, 1, True
    utf8_decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with opened(source, zip_member) as stream:
        while block := stream.read(_BLOCK):
            if not head:
                if block[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise ImportRefused("The file is UTF-16 text; save it as 'CSV UTF-8' and import that.")
                head = block
            # Taking bytes out is ten times faster than searching for them; the search says where, once there are some.
            if len(block.translate(None, _NOT_TEXT_BYTES)) != len(block):
                place = _NOT_TEXT.search(block).start()
                row = rows + block[:place].count(b"\n")
                raise ImportRefused(
                    f"Row {row} holds bytes that are not text, so this is no CSV file (or a damaged one)."
                )
            total += len(block)
            if total > MAX_BYTES:
                raise _too_large(total)
            rows += block.count(b"\n")
            if utf8 and not (total > len(block) and block.isascii() and not utf8_decoder.getstate()[0]):
                try:
                    utf8_decoder.decode(block)
                except UnicodeDecodeError:
                    utf8 = False
            if progress:
                progress(0.1 * min(1.0, total / MAX_BYTES), "looking through the file")
    if utf8:
        try:
            utf8_decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            utf8 = False
    if not head.strip():
        raise ImportRefused("The file is empty.")
    encoding = "utf-8-sig" if utf8 else "latin-1"
    notes = _said_of_zip(source, zip_member)
    notes += () if utf8 else ("The file is not UTF-8; it was read as Latin-1 (Western European).",)
    return ByteSurvey(total, encoding, notes, head.decode(encoding, errors="ignore"))


def _wanted(profile: Profile) -> frozenset[str]:
    """The names that a profile looks for, as `plain_name` gives them."""
    return frozenset(plain for column in profile.columns() for plain in plain_names(column, profile))


def _header(head: str, wanted: frozenset[str]) -> tuple[str, list[str], int]:
    """Delimiter, column names and how many lines they take. The delimiter that finds most columns wins."""
    best: tuple[int, int, str, list[str], int] | None = None
    for place, delimiter in enumerate(_DELIMITERS):
        reader = csv.reader(io.StringIO(head), delimiter=delimiter)
        try:
            header = [name.strip() for name in next(reader)]
        except (csv.Error, StopIteration):
            continue
        score = sum(plain_name(name) in wanted for name in header)
        if best is None or (score, len(header)) > (best[0], len(best[3])):
            best = (score, -place, delimiter, header, reader.line_num)
    if best is None:
        raise ImportRefused("The first row can't be read as column names.")
    if len(best[3]) > MAX_COLUMNS:
        raise ImportRefused(f"Row 1 has {len(best[3]):,} columns; no export has more than {MAX_COLUMNS:,}.")
    return best[2], best[3], best[4]


def normal_name(name: str) -> str:
    """A column name without case, outer blanks, and with single blanks for `_` and runs of blanks."""
    return re.sub(r"[\s_]+", " ", name).strip().casefold()


def _places(header: Sequence[str]) -> dict[str, int]:
    """Each column name's place in the file. Raises ImportRefused where a name comes twice."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        key = normal_name(name)
        if key and key in places:
            raise ImportRefused(
                f"Row 1 names column '{name}' twice (columns {places[key] + 1} and {place + 1}); rename or remove one."
            )
        places[key] = place
    return places


def _match(header: Sequence[str], profile: Profile) -> dict[Column, int]:
    """The profile's columns -> their place in the file. A name that is spelled alike counts where only one column has it."""
    places = _places(header)
    plain: dict[str, list[int]] = {}
    for name, place in places.items():
        plain.setdefault(plain_name(name), []).append(place)
    found, missing, taken = {}, [], {}
    for column in profile.columns():
        place = next((places[key] for name in column.names if (key := normal_name(name)) in places), None)
        if place is None:
            alike = [plain.get(name, []) for name in plain_names(column, profile)]
            place = next((each[0] for each in alike if len(each) == 1), None)
        if place is not None:
            if place in taken and type(taken[place]) is type(column):
                raise ImportRefused(f"The profile {profile.id} maps column '{header[place]}' twice; map it once.")
            taken[place] = column
            found[column] = place
        elif column.required:
            missing.append(column)
    if missing:
        raise ImportRefused(
            f"Row 1 has no column '{column.names[0]}'"
            + (f" (nor {', '.join(map(repr, column.names[1:]))})" if column.names[1:] else "")
            + f", which the profile {profile.id} needs."
            for column in missing
        )
    return found


_PIECE = 4 * _BLOCK


def _batches(
    source: Source,
    zip_member: ZipMembers,
    survey: ByteSurvey,
    delimiter: str,
    width: int,
    wanted: list[int],
    header_lines: int,
) -> Iterator[pa.RecordBatch]:
    """The wanted columns piece by piece, as dictionary-coded text. Raises ImportRefused at a row of another width."""
    bad_rows: list[tuple[int, int]] = []

    def on_bad_row(row: pyarrow.csv.InvalidRow) -> str:
        bad_rows.append((row.number or 0, row.actual_columns))
        return "skip"

    encoding = "utf-8" if survey.encoding.startswith("utf-8") else survey.encoding
    names = [f"c{place}" for place in range(width)]
    columns = [names[place] for place in wanted]
    text = pa.dictionary(pa.int32(), pa.string())
    with opened(source, zip_member) as stream:
        try:
            reader = pyarrow.csv.open_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,
                    column_names=names,
                    skip_rows=header_lines,
                    encoding=encoding,
                    block_size=_PIECE,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=on_bad_row
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=columns,
                    column_types=dict.fromkeys(columns, text),
                    strings_can_be_null=False,
                    quoted_strings_can_be_null=False,
                ),
            )
            for batch in reader:
                if bad_rows:
                    break
                yield batch
        except pa.ArrowInvalid as problem:
            raise ImportRefused(
                "The file can't be read as a table; a quotation mark may be open somewhere. Export it again as CSV."
            ) from problem
    if bad_rows:
        row, found = bad_rows[0]
        # Arrow counts the lines of the file from 1 without those it was told to skip.
        raise ImportRefused(
            f"Row {row} has {found} columns and the header has {width}; "
            "a separator or a line break inside a text may lack its quotation marks."
        )


def _coded(name: str, column: pa.ChunkedArray) -> CodedColumn:
    merged = column.unify_dictionaries().combine_chunks()
    if isinstance(merged, pa.ChunkedArray):
        merged = merged.chunk(0)
    codes = merged.indices.to_numpy(zero_copy_only=False)
    stripped = pc.utf8_trim_whitespace(merged.dictionary)
    distinct = stripped.dictionary_encode()
    if len(distinct.dictionary) < len(stripped):
        codes = distinct.indices.to_numpy(zero_copy_only=False)[codes]
    return CodedColumn(name, codes, tuple(distinct.dictionary.to_pylist()))
