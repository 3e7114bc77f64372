"""The store: immutable Parquet files, one manifest per import, one `CURRENT` pointer that is swapped atomically.

A reader resolves a pointer once and sees that version to the end. Replacing a source is the unit of change; the state
before the first import is a version too (`EMPTY_VERSION`), so that every import can be undone. Which files a store has
stands in `outcomes.manifests`; only `outcomes.erasing` reaches back into earlier versions.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet

from kneewise.errors import DisclosureRefused, ImportRefused, StoreError
from kneewise.outcomes.engines import EngineFailure, LostFile, TableFiles, open_engine
from kneewise.outcomes.manifests import (
    CURRENT,
    DEFAULT_STORE,
    DEMO_STORE,
    EMPTY_VERSION,
    KEPT_VERSIONS,
    NO_DATA,
    PUBLISHED,
    TABLES,
    VERSION_NAME,
    NewerStoreError,
    SourceInfo,
    Version,
    Window,
    current_can_be_read,
    current_version,
    key_file_of,
    manifest_of,
    pointed,
    published_version,
    read_version,
    require_whole,
    versions,
)
from kneewise.outcomes.writing import (
    collect_garbage,
    locked,
    point_to,
    swap,
    sync_pointers,
    unwritable,
    withdraw,
    write_manifest,
    write_table,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

__all__ = [
    "DEFAULT_STORE",
    "DEMO_STORE",
    "EMPTY_VERSION",
    "KEPT_VERSIONS",
    "SourceInfo",
    "Store",
    "Version",
    "Window",
    "commit_source",
    "current_version",
    "forget_opened",
    "key_file_of",
    "open_published",
    "open_store",
    "publish",
    "published_version",
    "read_version",
    "undo",
    "version_lines",
    "versions",
]

LATER_COLUMNS = {"episode_outcome": {"responder": "BOOLEAN", "recovered_day": "INTEGER", "last_seen_day": "INTEGER"}}
"""Columns that a table written by an earlier Kneewise lacks; a reader sees them without a value."""
_REPLACED = "The store's data were replaced in the meantime; open the page again."
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


def commit_source(store_dir: Path, info: SourceInfo, tables: Mapping[str, pa.Table]) -> tuple[str, bool]:
    """Store one source in place of its former self; returns (version, whether anything changed).

    Raises
    ------
    StoreError
        Another import holds the lock, or the disk refuses. The store then is what it was.
    """
    if not _SOURCE_NAME.fullmatch(info.source):
        raise ImportRefused("A source's name has small letters, digits and _ only, and begins with a letter.")
    with locked(store_dir, make=True):
        now = pointed(store_dir, CURRENT) or EMPTY_VERSION
        # Not whether the files are there: importing a source again is the way out when one of them is lost.
        before = manifest_of(store_dir, now).sources
        try:
            files = {name: write_table(store_dir, info.source, name, tables[name]) for name in TABLES}
            info = replace(info, files=files, rows={name: tables[name].num_rows for name in TABLES})
            if info in before:
                return now, False
            kept = tuple(source for source in before if source.source != info.source)
            sources = tuple(sorted((*kept, info), key=lambda entry: entry.source))
            version = write_manifest(store_dir, now, sources, int(time.time()))
            point_to(store_dir, CURRENT, version)
        except OSError as problem:
            collect_garbage(store_dir)  # a full disk gets back at once what the refused import had written already
            raise unwritable(problem) from problem
        sync_pointers(store_dir)
        collect_garbage(store_dir)
    return version, True


def undo(store_dir: Path, to: str | None = None) -> str:
    """Go back to the version before the last import, or to the kept version `to`; returns it.

    Before the first import stands `EMPTY_VERSION`. Where the version that counts can't be read, the newest one that can
    is gone back to. `PUBLISHED` stays.

    Raises
    ------
    StoreError
        There is no such earlier version, its files are not complete, another import holds the lock, or the disk refuses.
    """
    with locked(store_dir):
        aim = _version_before(store_dir) if to is None else to
        if aim != EMPTY_VERSION and aim not in {version.version for version in versions(store_dir)}:
            raise StoreError(
                f"The version {aim} is not kept any more; a store keeps its last {KEPT_VERSIONS} versions. Import again "
                "what it held."
            )
        read_version(store_dir, aim)
        swap(store_dir, CURRENT, aim)
    return aim


def _version_before(store_dir: Path) -> str:
    try:
        now = pointed(store_dir, CURRENT) or EMPTY_VERSION
        parent = manifest_of(store_dir, now).parent
    except NewerStoreError:
        raise
    except StoreError:
        complete = [version.version for version in versions(store_dir) if _is_complete(store_dir, version)]
        if not complete:
            raise
        return complete[0]
    if parent is None:
        raise StoreError("There is no earlier import to go back to.")
    return parent


def _is_complete(store_dir: Path, version: Version) -> bool:
    try:
        read_version(store_dir, version.version)
    except StoreError:
        return False
    return True


def publish(store_dir: Path, version: str | None) -> None:
    """Let shared figures use this kept version from now on; None withdraws what they used.

    When a version may be published is not decided here: its difference from the last published one must not rest on few
    people.

    Raises
    ------
    StoreError
        The version is not kept or not complete, another import holds the lock, or the disk refuses.
    """
    with locked(store_dir):
        if version is None:
            try:
                withdraw(store_dir)
            except OSError as problem:
                raise unwritable(problem) from problem
        elif version == EMPTY_VERSION or not VERSION_NAME.fullmatch(version):
            raise StoreError("A version without data can't be released for shared figures.")
        else:
            read_version(store_dir, version)
            swap(store_dir, PUBLISHED, version)
        collect_garbage(store_dir)


def version_lines(store_dir: Path) -> tuple[str, ...]:
    """The kept versions as lines to print, the one that counts first; numbers are rounded as everywhere outside a report.

    Raises
    ------
    StoreError
        The store holds no data, or `PUBLISHED` is damaged.
    """
    kept, published = versions(store_dir), published_version(store_dir)
    if not kept:
        raise StoreError(NO_DATA)
    now = current_version(store_dir) if current_can_be_read(store_dir) else None
    if published and published not in {version.version for version in kept}:
        kept = (*kept, read_version(store_dir, published))
    lines = []
    for version in kept:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(version.created_unix))
        marks = [mark for mark, name in (("counts now", now), ("shared figures", published)) if name == version.version]
        held = [f"{info.source} ({_rounded(info.episodes)} episodes)" for info in version.sources] or ["no data"]
        lines.append(f"{version.version}  {when}  {', '.join(held)}{'  - ' + ', '.join(marks) if marks else ''}")
    return (*lines, f"{EMPTY_VERSION}  before the first import")


def _rounded(count: int) -> str:
    from kneewise.disclosure.policy import read_policy
    from kneewise.disclosure.released import released_count

    policy = read_policy()
    try:
        return f"about {released_count(count, policy):,}"
    except DisclosureRefused:
        return f"fewer than {policy.threshold}"


class Store:
    """One version of a store, for reading. Made by `open_store`; safe to share between threads, as its engine is."""

    def __init__(self, folder: Path, version: Version):
        self.folder = folder
        self.version = version.version
        self.sources = version.sources
        self._answers: dict[Hashable, Any] = {}
        self._columns = {
            (info.source, name): frozenset(pyarrow.parquet.read_schema(folder / "files" / info.files[name]).names)
            for info in version.sources
            for name in TABLES
        }
        tables = {}
        for name in TABLES:
            known = frozenset().union(*(self._columns[info.source, name] for info in version.sources))
            lacking = {column: kind for column, kind in LATER_COLUMNS.get(name, {}).items() if column not in known}
            tables[name] = TableFiles(tuple(folder / "files" / info.files[name] for info in version.sources), lacking)
        self._engine = open_engine(tables)

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

    def holds(self, source: str, table: str, columns: Iterable[str]) -> bool:
        """Whether the source's own table has all these columns; another source's may have them where this one's has not."""
        return self._columns[source, table].issuperset(columns)

    def remembered(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The released answer under this key, made once per opened version. Two threads may both make it; they agree."""
        if key not in self._answers:
            self._answers[key] = make()
        return self._answers[key]

    def ask(self, question: Callable[[Callable[[str], ir.Table]], ir.Table]) -> pd.DataFrame:
        """The answer to an Ibis expression, built by `question` from a function that gives a table by name."""
        try:
            return self._engine.ask(question)
        except EngineFailure as problem:
            if current_version(self.folder) == self.version:
                for info in self.sources:
                    require_whole(self.folder, info)  # says what is wrong with which source, and the way out
            if not isinstance(problem, LostFile):
                raise
            raise StoreError(_REPLACED) from problem


def open_store(store_dir: Path) -> Store:
    """The store's current version, for reading.

    Raises
    ------
    StoreError
        There are no data yet, or the store is damaged or newer than this program.
    """
    return _open_through(store_dir, current_version, NO_DATA)


def open_published(store_dir: Path) -> Store:
    """The version that shared figures may use, for reading.

    Raises
    ------
    StoreError
        No version is released for shared figures; otherwise as `open_store`.
    """
    return _open_through(store_dir, published_version, "No version of this store is released for shared figures yet.")


def _open_through(store_dir: Path, pointed: Callable[[Path], str | None], nothing: str) -> Store:
    version = pointed(store_dir)
    while True:
        if version is None:
            raise StoreError(nothing)
        try:
            return _opened(store_dir.resolve(), version)
        except StoreError:
            # Imports may have deleted this version between the look at the pointer and the look at the files.
            now = pointed(store_dir)
            if now == version:
                raise
            version = now


@functools.lru_cache(maxsize=4)
def _opened(store_dir: Path, version: str) -> Store:
    found = read_version(store_dir, version)
    if not found.sources:
        raise StoreError(NO_DATA)
    for info in found.sources:
        require_whole(store_dir, info)
    try:
        return Store(store_dir, found)
    except (LostFile, FileNotFoundError) as problem:
        raise StoreError(_REPLACED) from problem


def forget_opened() -> None:
    """Let go of every opened version, so that this process keeps no answer from rows that were erased."""
    _opened.cache_clear()
