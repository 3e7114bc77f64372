"""An export file as columns of text. Only the columns that a profile names are ever read from it.

A CSV file (or a zip that holds one) is looked through twice: once as bytes (size, binary content, encoding), once as a
table. Nothing in here interprets a value.
"""

from __future__ import annotations

import codecs
import csv
import fnmatch
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from kneewise.errors import ImportRefused
from kneewise.outcomes.profiles import Column, Profile

MAX_BYTES = 200 * 1024 * 1024
"""Largest table that is read. Checked on the file's size first, and again while reading (a zip can lie)."""
MAX_ZIP_RATIO = 200
MAX_ZIP_MEMBERS = 1000
_SUSPECT_RATIO_FROM_BYTES = 10 * 1024 * 1024
_BLOCK = 1024 * 1024
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

Source = Path | bytes | BinaryIO
Progress = Callable[[float, str], None]
"""Called with a share from 0 to 1 and what is being done."""


@dataclass(frozen=True)
class CodedColumn:
    """One column of text: `codes[i]` is the place of row i's value in `values` (distinct, stripped)."""

    name: str
    codes: np.ndarray
    values: tuple[str, ...]

    def row_of(self, code: int) -> int:
        """The first row, counted as a spreadsheet does (the header is row 1), that holds this value."""
        return int(np.flatnonzero(self.codes == code)[0]) + 2

    def counts(self) -> np.ndarray:
        """How often each value occurs."""
        return np.bincount(self.codes, minlength=len(self.values))


@dataclass(frozen=True)
class ExportTable:
    """What was read: columns by the profile's column, in the file's order of rows."""

    rows: int
    columns: dict[Column, CodedColumn]
    dropped: tuple[str, ...]
    notes: tuple[str, ...]
    decimal_comma: bool


@dataclass(frozen=True)
class _Survey:
    byte_count: int
    encoding: str
    notes: tuple[str, ...]
    head: str


def file_digest(source: Source, profile: Profile) -> str:
    """SHA-256 of the table's bytes (of the member, when it stands in a zip)."""
    digest = hashlib.sha256()
    with _opened(source, profile) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def count_known_columns(source: Source, profile: Profile) -> int | None:
    """How many of the export's columns the profile knows; None where it can't read the file or lacks a needed column.

    Looks at the beginning of the file only; `read_export` says what is wrong with a file, and where.
    """
    try:
        with _opened(source, profile) as stream:
            head = stream.read(_BLOCK).decode("utf-8-sig", errors="ignore")
        return len(_match(_header(head, profile)[1], profile))
    except ImportRefused:
        return None


def read_export(source: Source, profile: Profile, progress: Progress | None = None) -> ExportTable:
    """The export's mapped columns.

    Raises
    ------
    ImportRefused
        Too large, empty, binary, not a table, columns missing or named twice, rows of another width.
    """
    survey = _survey(source, profile)
    delimiter, header, header_lines = _header(survey.head, profile)
    found = _match(header, profile)
    if survey.byte_count <= _BLOCK and not any(line.strip() for line in survey.head.splitlines()[header_lines:]):
        raise ImportRefused("The file holds a header and no rows, so there is nothing to import.")
    notes = list(survey.notes)
    if delimiter != ",":
        notes.append(f"The columns are parted by {_DELIMITERS[delimiter]}.")
    names = [f"c{place}" for place in range(len(header))]
    wanted = sorted({place for place in found.values()})
    with _opened(source, profile) as stream:
        table = _table(stream, survey, delimiter, names, wanted, header_lines, progress)
    coded = {place: _coded(header[place], table.column(f"c{place}")) for place in wanted}
    return ExportTable(
        rows=table.num_rows,
        columns={column: coded[place] for column, place in found.items()},
        dropped=tuple(name for place, name in enumerate(header) if place not in coded),
        notes=tuple(notes),
        decimal_comma=delimiter == ";",
    )


@contextmanager
def _opened(source: Source, profile: Profile) -> Iterator[BinaryIO]:
    """The bytes of the table, unzipped when need be."""
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
        if handle.read(4) == b"PK\x03\x04":
            with _unzipped(handle, profile) as member:
                yield member
        else:
            size = handle.seek(0, io.SEEK_END)
            if size > MAX_BYTES:
                raise _too_large(size)
            handle.seek(0)
            yield handle
    finally:
        if isinstance(source, Path):
            handle.close()


@contextmanager
def _unzipped(handle: BinaryIO, profile: Profile) -> Iterator[BinaryIO]:
    handle.seek(0)
    try:
        with zipfile.ZipFile(handle) as archive:
            member = _member(archive, profile)
            with archive.open(member) as stream:
                yield stream
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as problem:
        raise ImportRefused("The zip is damaged or locked with a password; unpack it and import the CSV.") from problem


def _member(archive: zipfile.ZipFile, profile: Profile) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) > MAX_ZIP_MEMBERS:
        raise ImportRefused(f"The zip holds {len(members)} files; unpack it and import the one CSV.")
    tables = [
        member
        for member in members
        if member.filename.lower().endswith(".csv")
        and not member.filename.startswith("__MACOSX")
        and not Path(member.filename).name.startswith(".")
    ]
    if len(tables) > 1:
        pattern = profile.zip_member.lower()
        tables = [member for member in tables if fnmatch.fnmatch(Path(member.filename).name.lower(), pattern)]
    if len(tables) != 1:
        count = "no" if not tables else "more than one"
        raise ImportRefused(f"The file is a zip with {count} CSV in it that fits; give the one CSV itself.")
    member = tables[0]
    if member.file_size > MAX_BYTES:
        raise _too_large(member.file_size)
    ratio = member.file_size / max(member.compress_size, 1)
    if member.file_size > _SUSPECT_RATIO_FROM_BYTES and ratio > MAX_ZIP_RATIO:
        raise ImportRefused("The zip unpacks to far more than a table would; unpack it and look at the CSV first.")
    return member


def _too_large(size_bytes: int) -> ImportRefused:
    return ImportRefused(
        f"The table has {size_bytes // 2**20} MB and the limit is {MAX_BYTES // 2**20} MB; split it by year and import "
        "each part as a source of its own."
    )


def _survey(source: Source, profile: Profile) -> _Survey:
    """One pass over the bytes: is it text, how long, in which encoding."""
    head, total, rows, utf8 = b"", 0, 1, True
    utf8_decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with _opened(source, profile) as stream:
        while block := stream.read(_BLOCK):
            if not head:
                if block[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise ImportRefused("The file is UTF-16 text; save it as 'CSV UTF-8' and import that.")
                head = block
            if found := _NOT_TEXT.search(block):
                row = rows + block[: found.start()].count(b"\n")
                raise ImportRefused(
                    f"Row {row} holds bytes that are not text, so this is no CSV file (or a damaged one)."
                )
            total += len(block)
            if total > MAX_BYTES:
                raise _too_large(total)
            rows += block.count(b"\n")
            if utf8:
                try:
                    utf8_decoder.decode(block)
                except UnicodeDecodeError:
                    utf8 = False
    if utf8:
        try:
            utf8_decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            utf8 = False
    if not head.strip():
        raise ImportRefused("The file is empty.")
    encoding = "utf-8-sig" if utf8 else "latin-1"
    notes = () if utf8 else ("The file is not UTF-8; it was read as Latin-1 (Western European).",)
    return _Survey(total, encoding, notes, head.decode(encoding, errors="ignore"))


def _header(head: str, profile: Profile) -> tuple[str, list[str], int]:
    """Delimiter, column names and how many lines they take. The delimiter that finds most columns wins."""
    wanted = {normal_name(name) for column in profile.columns() for name in column.names}
    best: tuple[int, int, str, list[str], int] | None = None
    for place, delimiter in enumerate(_DELIMITERS):
        reader = csv.reader(io.StringIO(head), delimiter=delimiter)
        try:
            header = [name.strip() for name in next(reader)]
        except (csv.Error, StopIteration):
            continue
        score = sum(normal_name(name) in wanted for name in header)
        if best is None or (score, len(header)) > (best[0], len(best[3])):
            best = (score, -place, delimiter, header, reader.line_num)
    if best is None:
        raise ImportRefused("The first row can't be read as column names.")
    return best[2], best[3], best[4]


def normal_name(name: str) -> str:
    """A column name without case, outer blanks, and with single blanks for `_` and runs of blanks."""
    return re.sub(r"[\s_]+", " ", name).strip().casefold()


def _match(header: Sequence[str], profile: Profile) -> dict[Column, int]:
    """The profile's columns -> their place in the file."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        key = normal_name(name)
        if key and key in places:
            raise ImportRefused(
                f"Row 1 names column '{name}' twice (columns {places[key] + 1} and {place + 1}); rename or remove one."
            )
        places[key] = place
    found, missing, taken = {}, [], {}
    for column in profile.columns():
        place = next((places[key] for name in column.names if (key := normal_name(name)) in places), None)
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


def _table(
    stream: BinaryIO,
    survey: _Survey,
    delimiter: str,
    names: list[str],
    wanted: list[int],
    header_lines: int,
    progress: Progress | None,
) -> pa.Table:
    bad_rows: list[tuple[int, int]] = []

    def on_bad_row(row: pyarrow.csv.InvalidRow) -> str:
        bad_rows.append((row.number or 0, row.actual_columns))
        return "skip"

    encoding = "utf-8" if survey.encoding.startswith("utf-8") else survey.encoding
    columns = [names[place] for place in wanted]
    text = pa.dictionary(pa.int32(), pa.string())
    try:
        reader = pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, column_names=names, skip_rows=header_lines, encoding=encoding, block_size=4 * _BLOCK
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
        batches, read_bytes = [], 0
        for batch in reader:
            batches.append(batch)
            read_bytes += 4 * _BLOCK
            if bad_rows:
                break
            if progress:
                progress(0.6 * min(1.0, read_bytes / max(survey.byte_count, 1)), "reading")
    except pa.ArrowInvalid as problem:
        raise ImportRefused(
            "The file can't be read as a table; a quotation mark may be open somewhere. Export it again as CSV."
        ) from problem
    if bad_rows:
        row, width = bad_rows[0]
        # Arrow counts the lines of the file from 1 without those it was told to skip.
        raise ImportRefused(
            f"Row {row} has {width} columns and the header has {len(names)}; "
            "a separator or a line break inside a text may lack its quotation marks."
        )
    return pa.Table.from_batches(batches, reader.schema)


def _coded(name: str, column: pa.ChunkedArray) -> CodedColumn:
    merged = column.unify_dictionaries().combine_chunks()
    if isinstance(merged, pa.ChunkedArray):
        merged = merged.chunk(0)
    codes = merged.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    raw = [str(value).strip() for value in merged.dictionary.to_pylist()]
    values: dict[str, int] = {}
    renumbered = np.array([values.setdefault(value, len(values)) for value in raw], dtype=np.int32)
    return CodedColumn(name, renumbered[codes], tuple(values))
