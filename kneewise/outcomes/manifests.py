"""What a store's manifests say: its versions, their sources and files. Nothing in here writes.

files/<source>-<table>-<sha>.parquet    written once, never changed
manifests/<version>.json                parent, sources, files, row counts
CURRENT                                 the version that counts
PUBLISHED                               the version that shared figures may use; absent while there is none
LOCK                                    held by the one importer
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from kneewise.errors import StoreError

DEFAULT_STORE = Path(__file__).resolve().parents[2] / "data" / "store" / "clinic"
DEMO_STORE = Path(__file__).resolve().parents[2] / "data" / "store" / "demo"
FORMAT_VERSION = 2
TABLES = ("episode", "score", "episode_outcome")
KEPT_VERSIONS = 3
EMPTY_VERSION = "0" * 12
"""The state before the first import: it has no manifest and no files, and one can go back to it."""
CURRENT, PUBLISHED = "CURRENT", "PUBLISHED"
VERSION_NAME = re.compile(r"[0-9a-f]{12}")
_NAME_DIGITS = 16
NO_DATA = "This store holds no data yet; import an export first."


@dataclass(frozen=True)
class Window:
    """A visit: its label and the days that count as it, both ends included."""

    label: str
    from_day: int
    to_day: int


@dataclass(frozen=True)
class SourceInfo:
    """What the manifest says about one source. `files` maps a table to its Parquet file, `rows` to its rows.

    `important_changes` maps an instrument to the signed change by which its responders were told at the import
    (negative where lower is better).
    """

    source: str
    profile: str
    profile_version: int
    label: str
    licence: str
    attribution: str
    note: str
    day_note: str
    synthetic: bool
    episodes: int
    scores: int
    population_attribute: str
    population_value: str
    instruments: tuple[str, ...]
    visit_windows: tuple[Window, ...]
    files: dict[str, str]
    rows: dict[str, int] = field(default_factory=dict)
    important_changes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """One state of the store. `parent` is None only for the empty state."""

    version: str
    parent: str | None
    sources: tuple[SourceInfo, ...]
    created_unix: int = 0


class NewerStoreError(StoreError):
    """The store was written by a newer Kneewise; this one leaves it alone."""


def key_file_of(store_dir: Path) -> Path:
    """Where a store's secret key lies: beside the store, never in it, so that a copied store carries no key."""
    store_dir = store_dir.resolve()
    return store_dir.parent / f"{store_dir.name}.key"


def current_version(store_dir: Path) -> str | None:
    """The version that counts now, or None for a store without data."""
    version = pointed(store_dir, CURRENT)
    return None if version == EMPTY_VERSION else version


def published_version(store_dir: Path) -> str | None:
    """The version that shared figures may use, or None while there is none."""
    return pointed(store_dir, PUBLISHED)


def pointed(store_dir: Path, pointer: str) -> str | None:
    """The version that a pointer file names; None without such a file. Raises StoreError for a damaged one."""
    way_out = "go back to one of its versions" if pointer == CURRENT else "release a version for shared figures again"
    try:
        version = (store_dir / pointer).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        version = ""
    except OSError as problem:
        raise StoreError(
            f"The store's {pointer} file in {store_dir.name} can't be read ({reason_of(problem)})."
        ) from problem
    if not VERSION_NAME.fullmatch(version):
        raise StoreError(f"The store's {pointer} file in {store_dir.name} is damaged; {way_out}.")
    return version


def reason_of(problem: OSError) -> str:
    """What the system says, without a path. Arrow keeps the number only."""
    return os.strerror(problem.errno) if problem.errno else "it gave no reason"


def read_version(store_dir: Path, version: str) -> Version:
    """That version's manifest.

    Raises
    ------
    StoreError
        The manifest is missing, damaged or of a newer format, or one of its files is gone.
    """
    found = manifest_of(store_dir, version)
    for info in found.sources:
        require_files(store_dir, info)
    return found


def require_files(store_dir: Path, info: SourceInfo) -> None:
    """Return if every file of the source is there. Raises StoreError."""
    for name in info.files.values():
        if not (store_dir / "files" / name).is_file():
            raise _lacking(info)


def migrated(content: dict[str, Any]) -> dict[str, Any]:
    """A manifest's content in the present format, whatever format it was written in; the argument stays as it is.

    Format 1 (until Kneewise 0.1) had no state before the first import and no row counts per file.

    Raises
    ------
    StoreError
        It was written by a newer Kneewise.
    ValueError
        It names no format.
    """
    written = content["format_version"]
    if not isinstance(written, int) or isinstance(written, bool) or written < 1:
        raise ValueError("no format")
    if written > FORMAT_VERSION:
        raise NewerStoreError("The store was made by a newer Kneewise; update Kneewise, then open it again.")
    for earlier in range(written, FORMAT_VERSION):
        content = _MIGRATIONS[earlier](content)
    return content


def _from_1_to_2(content: dict[str, Any]) -> dict[str, Any]:
    sources = [
        {**entry, "rows": {"episode": entry["episodes"], "score": entry["scores"]}, "important_changes": {}}
        for entry in content["sources"]
    ]
    return {
        "format_version": 2,
        "parent": content["parent"] or EMPTY_VERSION,
        "created_unix": content.get("created_unix", 0),
        "sources": sources,
    }


_MIGRATIONS = {1: _from_1_to_2}


def manifest_of(store_dir: Path, version: str) -> Version:
    """That version's manifest, whether or not its files are there. Raises StoreError."""
    if version == EMPTY_VERSION:
        return Version(EMPTY_VERSION, None, ())
    path = store_dir / "manifests" / f"{version}.json"
    try:
        content = migrated(json.loads(path.read_text(encoding="utf-8")))
        sources = tuple(
            SourceInfo(
                **{
                    **entry,
                    "instruments": tuple(entry["instruments"]),
                    "visit_windows": tuple(Window(**window) for window in entry["visit_windows"]),
                }
            )
            for entry in content["sources"]
        )
        return Version(version, str(content["parent"]), sources, int(content["created_unix"]))
    except FileNotFoundError as problem:
        raise StoreError(f"The store's manifest {version} is missing; undo to an earlier import.") from problem
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise StoreError(f"The store's manifest {version} is damaged; undo to an earlier import.") from problem


def versions(store_dir: Path) -> tuple[Version, ...]:
    """The kept versions that one can go back to: the one that counts first, then its parents (without the empty state).

    Where `CURRENT` or its manifest is damaged: every version whose manifest can be read, the newest first.

    Raises
    ------
    StoreError
        The store was written by a newer Kneewise.
    """
    try:
        now = pointed(store_dir, CURRENT) or EMPTY_VERSION
        manifest_of(store_dir, now)
    except NewerStoreError:
        raise
    except StoreError:
        return _every_readable_version(store_dir)
    return _chain(store_dir, now)


def _chain(store_dir: Path, version: str) -> tuple[Version, ...]:
    """A version and the parents that are kept, as far as their manifests can be read."""
    found: list[Version] = []
    while version != EMPTY_VERSION and len(found) < KEPT_VERSIONS:
        try:
            found.append(manifest_of(store_dir, version))
        except StoreError:
            break
        version = found[-1].parent or EMPTY_VERSION
    return tuple(found)


def _every_readable_version(store_dir: Path) -> tuple[Version, ...]:
    found = []
    for path in (store_dir / "manifests").glob("*.json"):
        with contextlib.suppress(StoreError):
            found.append((path.stat().st_mtime_ns, manifest_of(store_dir, path.stem)))
    return tuple(each for _, each in sorted(found, key=lambda pair: (pair[1].created_unix, pair[0]), reverse=True))


def kept_versions(store_dir: Path) -> tuple[Version, ...]:
    """Every version whose files must stay: the current one with its last parents, and the published one.

    Raises StoreError where the current one can't be read, because then nobody knows what may go.
    """
    now = pointed(store_dir, CURRENT) or EMPTY_VERSION
    manifest_of(store_dir, now)
    kept = list(_chain(store_dir, now))
    published = published_or_none(store_dir)
    if published not in {None, *(version.version for version in kept)}:
        kept += _chain(store_dir, str(published))[:1]
    return tuple(kept)


def published_or_none(store_dir: Path) -> str | None:
    """What `PUBLISHED` names; None where it is damaged, which whoever reads through it is told."""
    try:
        return pointed(store_dir, PUBLISHED)
    except StoreError:
        return None


def current_can_be_read(store_dir: Path) -> bool:
    """Whether the version that counts can be read."""
    try:
        manifest_of(store_dir, pointed(store_dir, CURRENT) or EMPTY_VERSION)
    except StoreError:
        return False
    return True


def require_whole(store_dir: Path, info: SourceInfo) -> None:
    """Return if every byte of the source's files is as it was written, which their names tell. Raises StoreError."""
    for table, name in info.files.items():
        with open_table(store_dir, info, table):  # which compares its rows with the manifest
            digest = digest_of(store_dir / "files" / name)
        if digest[:_NAME_DIGITS] != name.removesuffix(".parquet")[-_NAME_DIGITS:]:
            raise _damaged(info)


def file_name(source: str, table: str, digest: str) -> str:
    """What a source's table is called: after its content, so that equal content is stored once."""
    return f"{source}-{table}-{digest[:_NAME_DIGITS]}.parquet"


@contextlib.contextmanager
def open_table(store_dir: Path, info: SourceInfo, table: str) -> Iterator[pyarrow.parquet.ParquetFile]:
    """A source's table, open. Raises StoreError where its file is gone, damaged, or has other rows than were written."""
    try:
        with pyarrow.parquet.ParquetFile(store_dir / "files" / info.files[table]) as file:
            if file.metadata.num_rows != info.rows.get(table, file.metadata.num_rows):
                raise _damaged(info)
            yield file
    except FileNotFoundError as problem:
        raise _lacking(info) from problem
    except pa.ArrowInvalid as problem:
        raise _damaged(info) from problem
    except OSError as problem:
        if problem.errno:
            raise
        raise _damaged(info) from problem  # Arrow's word for content that can't be unpacked


def _lacking(info: SourceInfo) -> StoreError:
    return StoreError(
        f"The store lacks a file of source '{info.source}'; import that source again, or undo the last import."
    )


def _damaged(info: SourceInfo) -> StoreError:
    return StoreError(
        f"A file of source '{info.source}' is damaged; import that source again, or undo the last import."
    )


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
