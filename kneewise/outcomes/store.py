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
    BY_HAND,
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
    counting_version,
    current_can_be_read,
    current_version,
    hold_people,
    is_forgotten,
    key_file_of,
    manifest_of,
    pointed,
    published_version,
    read_version,
    released_version,
    require_whole,
    versions,
)
from kneewise.outcomes.writing import (
    collect_garbage,
    forget_released,
    locked,
    point_to,
    remember_forgotten,
    swap,
    sync_pointers,
    unwritable,
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
    "open_shared",
    "open_store",
    "open_version",
    "publish",
    "publish_if_unchanged",
    "published_version",
    "read_version",
    "shared_version",
    "undo",
    "version_lines",
    "versions",
]

LATER_COLUMNS = {"episode_outcome": {"responder": "BOOLEAN", "recovered_day": "INTEGER", "last_seen_day": "INTEGER"}}
"""Columns that a table written by an earlier Kneewise lacks; a reader sees them without a value."""
WITHDRAWN = (
    "Shared figures are withdrawn, as after an erasure; list the versions with `python -m kneewise store versions`, and "
    f"release one with {BY_HAND}."
)
UNREADABLE = (
    "The version that was released for shared figures can't be read; list the others with `python -m kneewise store "
    f"versions`, and release one with {BY_HAND}."
)
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
        now = counting_version(store_dir)
        # Not whether the files are there: importing a source again is the way out when one of them is lost.
        before = manifest_of(store_dir, now).sources
        try:
            if pointed(store_dir, CURRENT) is None:
                point_to(store_dir, CURRENT, EMPTY_VERSION)  # so that a lost pointer is never taken for an empty store
            files = {name: write_table(store_dir, info.source, name, tables[name]) for name in TABLES}
            info = replace(info, files=files, rows={name: tables[name].num_rows for name in TABLES})
            if info in before:
                return now, False
            # Whether others hold the same episodes as this source does now is known from this import alone.
            kept = tuple(
                replace(source, overlaps=tuple(name for name in source.overlaps if name != info.source))
                for source in before
                if source.source != info.source
            )
            sources = tuple(sorted((*kept, info), key=lambda entry: entry.source))
            version = write_manifest(store_dir, now, sources, int(time.time()))
            _keep_what_is_shared(store_dir, now)
            point_to(store_dir, CURRENT, version)
        except OSError as problem:
            collect_garbage(store_dir)  # a full disk gets back at once what the refused import had written already
            raise unwritable(problem) from problem
        sync_pointers(store_dir)
        collect_garbage(store_dir)
    return version, True


def _keep_what_is_shared(store_dir: Path, now: str) -> None:
    """Before another version counts: shared figures stay those of the one that counts `now`. Raises OSError.

    As long as nothing was released they are made from the version that counts, and somebody may have kept them. Nobody
    needs protection in a version of made-up people.
    """
    if not (store_dir / PUBLISHED).exists() and hold_people(manifest_of(store_dir, now).sources):
        point_to(store_dir, PUBLISHED, now)


def undo(store_dir: Path, to: str | None = None) -> str:
    """Go back to the version before the last import, or to the kept version `to`; returns it.

    Before the first import stands `EMPTY_VERSION`. Where the version that counts can't be read, the newest one that can
    is gone back to. The shared figures stay those that they were, until a version is released; before the first import they
    are withdrawn.

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
        try:
            if aim == EMPTY_VERSION:
                withdraw_if_needed(store_dir)
            elif current_can_be_read(store_dir):
                _keep_what_is_shared(store_dir, counting_version(store_dir))
            elif not (store_dir / PUBLISHED).exists() and hold_people(_every_source(store_dir)):
                withdraw_if_needed(store_dir)  # nobody can read any more what shared figures were made from
        except OSError as problem:
            raise unwritable(problem) from problem
        swap(store_dir, CURRENT, aim)
    return aim


def _every_source(store_dir: Path) -> Iterable[SourceInfo]:
    return (info for version in versions(store_dir) for info in version.sources)


def _version_before(store_dir: Path) -> str:
    try:
        parent = manifest_of(store_dir, counting_version(store_dir)).parent
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
    """Let shared figures use this kept version from now on; None withdraws them.

    When a version may be published is not decided here: its difference from the last published one must not rest on few
    people.

    Raises
    ------
    StoreError
        The version is not kept or not complete, another import holds the lock, or the disk refuses.
    """
    with locked(store_dir):
        _publish(store_dir, version)


def publish_if_unchanged(store_dir: Path, version: str, published: str | None) -> bool:
    """`publish` the version that counts, if it still does and `PUBLISHED` still is what it was compared with; whether it was.

    Raises
    ------
    StoreError
        As `publish`.
    """
    with locked(store_dir):
        if (current_version(store_dir), published_version(store_dir)) != (version, published):
            return False
        _publish(store_dir, version)
        return True


def _publish(store_dir: Path, version: str | None) -> None:
    """The lock is held."""
    if version == EMPTY_VERSION:
        raise StoreError("A version without data can't be released for shared figures.")
    if version is not None and not (
        VERSION_NAME.fullmatch(version) and (store_dir / "manifests" / f"{version}.json").exists()
    ):
        raise StoreError(
            f"The store keeps no version {version}; list those that it keeps with `python -m kneewise store versions`."
        )
    sources = () if version is None else read_version(store_dir, version).sources
    try:
        replace_shared(store_dir, version or EMPTY_VERSION, sources)
    except OSError as problem:
        raise unwritable(problem) from problem
    sync_pointers(store_dir)
    collect_garbage(store_dir)


def replace_shared(store_dir: Path, version: str, sources: Iterable[SourceInfo]) -> None:
    """Point `PUBLISHED` to a version with these sources; note it where records whose figures were shared are not in them.

    The lock is held. Raises OSError.
    """
    if shared_sources_lost(_sources_of_shared(store_dir), sources):
        remember_forgotten(store_dir)
    point_to(store_dir, PUBLISHED, version)


def withdraw_if_needed(store_dir: Path) -> None:
    """Withdraw the shared figures, or forget their version where nobody can be found by them. The lock is held; raises OSError.

    Nobody can where all of them were of made-up people, ever.
    """
    before = _sources_of_shared(store_dir)
    if is_forgotten(store_dir) or before is None or hold_people(before):
        replace_shared(store_dir, EMPTY_VERSION, ())
    else:
        forget_released(store_dir)


def shared_sources_lost(before: Iterable[SourceInfo] | None, after: Iterable[SourceInfo]) -> bool:
    """Whether a source of real people whose figures were shared `before` is not in what is shared `after`.

    `before` is None where nobody can read any more what was shared.
    """
    names = {info.source for info in after}
    return before is None or hold_people(info for info in before if info.source not in names)


def _sources_of_shared(store_dir: Path) -> tuple[SourceInfo, ...] | None:
    """The sources that shared figures are made from now, whether or not their files are there; None where it can't be read."""
    try:
        released = released_version(store_dir)
        return (released or manifest_of(store_dir, counting_version(store_dir))).sources
    except StoreError:
        return None


def version_lines(store_dir: Path) -> tuple[str, ...]:
    """The kept versions as lines to print, the one that counts first; numbers are rounded as everywhere outside a report.

    What is wrong with the version for shared figures stands in a last line.

    Raises
    ------
    StoreError
        The store holds no data.
    """
    kept = versions(store_dir)
    if not kept:
        raise StoreError(NO_DATA)
    now = current_version(store_dir) if current_can_be_read(store_dir) else None
    published, remarks = None, []
    try:
        if released := released_version(store_dir):
            published = released.version
            if published == EMPTY_VERSION:
                remarks.append(WITHDRAWN)
            elif published not in {version.version for version in kept}:
                kept = (*kept, released)
    except StoreError:
        remarks.append(UNREADABLE)
    lines = []
    for version in kept:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(version.created_unix))
        marks = [mark for mark, name in (("counts now", now), ("shared figures", published)) if name == version.version]
        held = [f"{info.source} ({_rounded(info.episodes)} episodes)" for info in version.sources] or ["no data"]
        lines.append(f"{version.version}  {when}  {', '.join(held)}{'  - ' + ', '.join(marks) if marks else ''}")
    return (*lines, f"{EMPTY_VERSION}  before the first import", *remarks)


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
    """The version that was released for shared figures, for reading.

    Raises
    ------
    StoreError
        No version is released for shared figures, or they are withdrawn; otherwise as `open_store`.
    """
    return _open_released(
        store_dir, _not_withdrawn(published_version), "No version of this store is released for shared figures yet."
    )


def open_shared(store_dir: Path) -> Store:
    """The version that shared figures are made from, for reading.

    Raises
    ------
    StoreError
        Shared figures are withdrawn; otherwise as `open_store`.
    """
    return _open_released(store_dir, shared_version, NO_DATA)


def _open_released(store_dir: Path, pointed: Callable[[Path], str | None], nothing: str) -> Store:
    try:
        return _open_through(store_dir, pointed, nothing)
    except NewerStoreError:
        raise
    except StoreError:
        if not _released_can_be_read(store_dir):  # an undo, the way out of the version that counts, is none here
            raise StoreError(UNREADABLE) from None
        raise


def _released_can_be_read(store_dir: Path) -> bool:
    try:
        released_version(store_dir)
    except StoreError:
        return False
    return True


def open_version(store_dir: Path, version: str) -> Store:
    """A kept version, for reading. Raises StoreError, as `open_store`."""
    return _opened(store_dir.resolve(), version)


def shared_version(store_dir: Path) -> str | None:
    """The version that shared figures are made from: the released one, or the one that counts while none was ever released.

    None for a store without data. Before anything was released from a store there is nothing that its figures could be
    subtracted from.

    Raises
    ------
    StoreError
        Shared figures are withdrawn, or a pointer is damaged.
    """
    while True:
        found = _not_withdrawn(published_version)(store_dir)
        if found is not None:
            return found
        found = current_version(store_dir)
        # An import that came in between has first kept for shared figures what counted before it.
        if not (store_dir / PUBLISHED).exists():
            return found


def _not_withdrawn(pointed: Callable[[Path], str | None]) -> Callable[[Path], str | None]:
    def found(store_dir: Path) -> str | None:
        version = pointed(store_dir)
        if version == EMPTY_VERSION:
            raise StoreError(WITHDRAWN)
        return version

    return found


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
