"""What a store's manifests say: its versions, their sources and files. Nothing in here writes.

files/<source>-<table>-<sha>.parquet    written once, never changed
manifests/<version>.json                parent, sources, files, row counts
CURRENT                                 the version that counts; there from the beginning of the first import on
PUBLISHED                               the version that shared figures use; the empty one where they are withdrawn; absent
                                        while none was released, and then they use the version that counts
FORGOTTEN                               there where records whose figures were shared are not in PUBLISHED any more
LOCK                                    held by the one importer
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from kneewise.errors import StoreError

DEFAULT_STORE = Path(__file__).resolve().parents[2] / "data" / "store" / "clinic"
DEMO_STORE = Path(__file__).resolve().parents[2] / "data" / "store" / "demo"
FORMAT_VERSION = 3
TABLES = ("episode", "score", "episode_outcome")
KEPT_VERSIONS = 3
EMPTY_VERSION = "0" * 12
"""The state before the first import: it has no manifest and no files, and one can go back to it."""
CURRENT, PUBLISHED, FORGOTTEN = "CURRENT", "PUBLISHED", "FORGOTTEN"
VERSION_NAME = re.compile(r"[0-9a-f]{12}")
_MANIFEST_NAME = re.compile(r"[0-9a-f]{12}\.json")
_NAME_DIGITS = 16
_OWN_NAMES = {
    "files": re.compile(rf"[a-z][a-z0-9_]{{0,40}}-({'|'.join(TABLES)})(-[0-9a-f]{{16}}\.parquet|\.[0-9]+\.tmp)"),
    "manifests": re.compile(r"[0-9a-f]{12}\.json(\.[0-9]+\.tmp)?"),
    "": re.compile(r"[A-Z]+\.[0-9]+\.tmp"),
}
BY_HAND = "`python -m kneewise store release --version VERSION`"
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
    (negative where lower is better). `overlaps` are the other sources in which episodes of this one stood at its import,
    or by which they were shared then.
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
    overlaps: tuple[str, ...] = ()


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
    """The version that counts now, or None for a store without data. Raises StoreError where nobody can know."""
    version = counting_version(store_dir)
    return None if version == EMPTY_VERSION else version


def counting_version(store_dir: Path) -> str:
    """The version that counts now; `EMPTY_VERSION` where there are no data.

    Raises
    ------
    StoreError
        `CURRENT` is damaged, or it is lost: there are versions. A killed first import leaves a `CURRENT` that names none.
    """
    version = pointed(store_dir, CURRENT)
    if version is None and any(_manifest_paths(store_dir)):
        raise StoreError(
            f"The store's CURRENT file in {store_dir.name} is missing; list its versions with `python -m kneewise store "
            "versions` and go back to one with `python -m kneewise store undo --to VERSION`."
        )
    return version or EMPTY_VERSION


def published_version(store_dir: Path) -> str | None:
    """The version that shared figures may use; `EMPTY_VERSION` where they are withdrawn, None where none was ever released."""
    return pointed(store_dir, PUBLISHED)


def is_forgotten(store_dir: Path) -> bool:
    """Whether records whose figures were shared once are not in the released version, so that nothing new can be compared
    with them."""
    return (store_dir / FORGOTTEN).exists()


def hold_people(sources: Iterable[SourceInfo]) -> bool:
    """Whether any of the sources is about real people."""
    return any(not info.synthetic for info in sources)


def pointed(store_dir: Path, pointer: str) -> str | None:
    """The version that a pointer file names; None without such a file. Raises StoreError for a damaged one."""
    way_out = "go back to one of its versions" if pointer == CURRENT else f"release a version again with {BY_HAND}"
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

    Format 1 (until Kneewise 0.1) had no state before the first import and no row counts per file; format 2 said nothing of
    episodes that stand in two sources.

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


def _from_2_to_3(content: dict[str, Any]) -> dict[str, Any]:
    sources = [{**entry, "overlaps": []} for entry in content["sources"]]
    return {**content, "format_version": 3, "sources": sources}


_MIGRATIONS = {1: _from_1_to_2, 2: _from_2_to_3}


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
                    "overlaps": tuple(entry["overlaps"]),
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

    Where `CURRENT` or its manifest is damaged or lost: every version whose manifest can be read, the newest first.

    Raises
    ------
    StoreError
        The store was written by a newer Kneewise.
    """
    try:
        now = counting_version(store_dir)
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
    for path in _manifest_paths(store_dir):
        with contextlib.suppress(StoreError):
            found.append((path.stat().st_mtime_ns, manifest_of(store_dir, path.stem)))
    return tuple(each for _, each in sorted(found, key=lambda pair: (pair[1].created_unix, pair[0]), reverse=True))


def _manifest_paths(store_dir: Path) -> Iterator[Path]:
    return (path for path in (store_dir / "manifests").glob("*.json") if _MANIFEST_NAME.fullmatch(path.name))


def kept_versions(store_dir: Path) -> tuple[Version, ...]:
    """Every version whose files must stay: the current one with its last parents, and the released one.

    Raises StoreError where the current or the released one can't be read, because then nobody knows what may go.
    """
    kept, released = counting_chain(store_dir), released_version(store_dir)
    if released is None or released.version in {EMPTY_VERSION, *(version.version for version in kept)}:
        return kept
    return (*kept, released)


def counting_chain(store_dir: Path) -> tuple[Version, ...]:
    """The version that counts and its kept parents. Raises StoreError where the version that counts can't be read."""
    now = counting_version(store_dir)
    manifest_of(store_dir, now)
    return _chain(store_dir, now)


def released_version(store_dir: Path) -> Version | None:
    """The manifest that `PUBLISHED` names, whether or not its files are there; None where nothing was ever released.

    Raises StoreError where the pointer or the manifest can't be read.
    """
    published = published_version(store_dir)
    return None if published is None else manifest_of(store_dir, published)


def current_can_be_read(store_dir: Path) -> bool:
    """Whether the version that counts can be read."""
    try:
        manifest_of(store_dir, counting_version(store_dir))
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


def is_own_name(folder: str, name: str) -> bool:
    """Whether the store itself writes files of this name, finished or not, into its folder ("files", "manifests" or "")."""
    return _OWN_NAMES[folder].fullmatch(name) is not None


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
