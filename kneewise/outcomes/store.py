"""The store: immutable Parquet files, one manifest per import, one `CURRENT` pointer that is swapped atomically.

    files/<source>-<table>-<sha>.parquet    written once, never changed
    manifests/<version>.json                parent, sources, files, row counts
    CURRENT                                 the version that counts
    LOCK                                    held by the one importer

A reader resolves CURRENT once and sees that version to the end. Replacing a source is the unit of change.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet

from kneewise.errors import ImportRefused, StoreError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

DEFAULT_STORE = Path(__file__).resolve().parents[2] / "data" / "store" / "clinic"
DEMO_STORE = Path(__file__).resolve().parents[2] / "data" / "store" / "demo"
FORMAT_VERSION = 1
TABLES = ("episode", "score", "episode_outcome")
KEPT_VERSIONS = 3
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_VERSION = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Window:
    """A visit: its label and the days that count as it, both ends included."""

    label: str
    from_day: int
    to_day: int


@dataclass(frozen=True)
class SourceInfo:
    """What the manifest says about one source. `files` maps a table to its Parquet file."""

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


@dataclass(frozen=True)
class Version:
    """One state of the store."""

    version: str
    parent: str | None
    sources: tuple[SourceInfo, ...]


def key_file_of(store_dir: Path) -> Path:
    """Where a store's secret key lies: beside the store, never in it, so that a copied store carries no key."""
    store_dir = store_dir.resolve()
    return store_dir.parent / f"{store_dir.name}.key"


def current_version(store_dir: Path) -> str | None:
    """The version that counts now, or None for a store without data."""
    try:
        version = (store_dir / "CURRENT").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise StoreError(f"The store's CURRENT file in {store_dir.name} can't be read.") from problem
    if not _VERSION.fullmatch(version):
        raise StoreError(f"The store's CURRENT file in {store_dir.name} is damaged; undo or import again.")
    return version


def read_version(store_dir: Path, version: str) -> Version:
    """That version's manifest.

    Raises
    ------
    StoreError
        The manifest is missing, damaged or of a newer format, or one of its files is gone.
    """
    path = store_dir / "manifests" / f"{version}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format_version"] > FORMAT_VERSION:
            raise StoreError("The store was made by a newer Kneewise; update Kneewise, then open it again.")
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
        found = Version(version, content["parent"], sources)
    except FileNotFoundError as problem:
        raise StoreError(f"The store's manifest {version} is missing; undo to an earlier import.") from problem
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise StoreError(f"The store's manifest {version} is damaged; undo to an earlier import.") from problem
    for info in found.sources:
        for name in info.files.values():
            if not (store_dir / "files" / name).is_file():
                raise StoreError(f"The store lacks a file of source '{info.source}'; import that source again.")
    return found


def commit_source(store_dir: Path, info: SourceInfo, tables: dict[str, pa.Table]) -> tuple[str, bool]:
    """Store one source in place of its former self; returns (version, whether anything changed).

    Raises
    ------
    StoreError
        Another import holds the lock, or the disk refuses. The store then is what it was.
    """
    if not _SOURCE_NAME.fullmatch(info.source):
        raise ImportRefused("A source's name has small letters, digits and _ only, and begins with a letter.")
    with _locked(store_dir):
        now = current_version(store_dir)
        before = read_version(store_dir, now).sources if now else ()
        try:
            files = {name: _write_table(store_dir, info.source, name, tables[name]) for name in TABLES}
            info = replace(info, files=files)
            if info in before:
                return str(now), False
            kept = tuple(source for source in before if source.source != info.source)
            version = _write_manifest(store_dir, now, tuple(sorted((*kept, info), key=lambda entry: entry.source)))
            _point_to(store_dir, version)
        except OSError as problem:
            raise StoreError(f"The store can't be written ({problem.strerror}); nothing of it was changed.") from problem
        _collect_garbage(store_dir)
    return version, True


def undo(store_dir: Path) -> str:
    """Go back to the version before the last import; returns it.

    Raises
    ------
    StoreError
        There is no earlier version, or another import holds the lock.
    """
    with _locked(store_dir):
        now = current_version(store_dir)
        parent = read_version(store_dir, now).parent if now else None
        if parent is None:
            raise StoreError("There is no earlier import to go back to.")
        read_version(store_dir, parent)
        _point_to(store_dir, parent)
    return parent


@contextlib.contextmanager
def _locked(store_dir: Path) -> Iterator[None]:
    """Hold the importer's lock. The system frees it when the process dies, so no stale lock can remain."""
    try:
        for folder in ("files", "manifests"):
            (store_dir / folder).mkdir(parents=True, exist_ok=True)
        handle = (store_dir / "LOCK").open("a+b")
    except OSError as problem:
        raise StoreError(f"The store folder {store_dir.name} can't be written: {problem.strerror}.") from problem
    with handle:
        try:
            _lock(handle.fileno())
        except OSError as problem:
            raise StoreError("Another import into this store is running; try again when it is done.") from problem
        yield


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write_table(store_dir: Path, source: str, name: str, table: pa.Table) -> str:
    buffer = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    content = buffer.getvalue()
    file_name = f"{source}-{name}-{hashlib.sha256(content).hexdigest()[:16]}.parquet"
    path = store_dir / "files" / file_name
    if not path.exists():
        _write_whole(path, content)
    if pyarrow.parquet.read_metadata(path).num_rows != table.num_rows:
        raise StoreError(f"A file of source '{source}' was not written whole; nothing was changed.")
    return file_name


def _write_manifest(store_dir: Path, parent: str | None, sources: tuple[SourceInfo, ...]) -> str:
    content = {
        "format_version": FORMAT_VERSION,
        "parent": parent,
        "created_unix": int(time.time()),
        "sources": [asdict(source) for source in sources],
    }
    text = json.dumps(content, indent=1, sort_keys=True).encode()
    version = hashlib.sha256(text).hexdigest()[:12]
    _write_whole(store_dir / "manifests" / f"{version}.json", text)
    return version


def _write_whole(path: Path, content: bytes | pa.Buffer) -> None:
    """The file is there whole or not at all."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _point_to(store_dir: Path, version: str) -> None:
    unfinished = store_dir / f"CURRENT.{os.getpid()}.tmp"
    with unfinished.open("wb") as stream:
        stream.write(version.encode("ascii"))
        stream.flush()
        os.fsync(stream.fileno())
    for attempt in range(20):
        try:
            os.replace(unfinished, store_dir / "CURRENT")
            break
        except PermissionError:
            # Windows refuses while a reader holds the pointer open, which lasts milliseconds.
            if attempt == 19:
                raise
            time.sleep(0.05)
    _sync_folder(store_dir)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _collect_garbage(store_dir: Path) -> None:
    """Delete what neither the current version nor its last parents need. This also is what erases a source's old data."""
    keep_versions, keep_files = set(), set()
    version = current_version(store_dir)
    while version and len(keep_versions) < KEPT_VERSIONS and (store_dir / "manifests" / f"{version}.json").exists():
        found = read_version(store_dir, version)
        keep_versions.add(f"{version}.json")
        keep_files |= {name for source in found.sources for name in source.files.values()}
        version = found.parent
    # Pointers that a killed import left unfinished; the lock is held, so nobody is writing one now.
    for unfinished in store_dir.glob("CURRENT.*.tmp"):
        unfinished.unlink()
    for folder, keep in (("manifests", keep_versions), ("files", keep_files)):
        for path in (store_dir / folder).iterdir():
            if path.name not in keep:
                # A file that a reader on Windows still holds open is deleted after the next import.
                with contextlib.suppress(PermissionError):
                    path.unlink()


class Store:
    """One version of a store, for reading. Made by `open_store`; safe to share between threads.

    Every question runs on its own cursor: one shared connection mixes up the answers of concurrent sessions.
    """

    def __init__(self, folder: Path, version: Version):
        import duckdb

        self.folder = folder
        self.version = version.version
        self.sources = version.sources
        self._answers: dict[Hashable, Any] = {}
        self._base = duckdb.connect()
        for name in TABLES:
            files = [str(folder / "files" / source.files[name]) for source in version.sources]
            listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
            self._base.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], union_by_name = true)")

    @property
    def synthetic(self) -> bool:
        """Whether any source of the store is synthetic."""
        return any(source.synthetic for source in self.sources)

    def source(self, name: str | None = None) -> SourceInfo:
        """The source of that name, or the only one. Raises StoreError."""
        if name is None and len(self.sources) == 1:
            return self.sources[0]
        for info in self.sources:
            if info.source == name:
                return info
        raise StoreError(f"Name one of the store's sources: {', '.join(info.source for info in self.sources)}.")

    def remembered(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The released answer under this key, made once per opened version. Two threads may both make it; they agree."""
        if key not in self._answers:
            self._answers[key] = make()
        return self._answers[key]

    def ask(self, question: Callable[[Callable[[str], ir.Table]], ir.Table]) -> pd.DataFrame:
        """The answer to an Ibis expression, built by `question` from a function that gives a table by name."""
        import duckdb
        import ibis

        backend = ibis.duckdb.from_connection(self._base.cursor())
        try:
            return question(backend.table).execute()
        except duckdb.IOException as problem:
            raise StoreError("The store's data were replaced in the meantime; open the page again.") from problem


def open_store(store_dir: Path) -> Store:
    """The store's current version, for reading.

    Raises
    ------
    StoreError
        There are no data yet, or the store is damaged or newer than this program.
    """
    version = current_version(store_dir)
    if version is None:
        raise StoreError("This store holds no data yet; import an export first.")
    return _opened(store_dir.resolve(), version)


@functools.lru_cache(maxsize=4)
def _opened(store_dir: Path, version: str) -> Store:
    return Store(store_dir, read_version(store_dir, version))
