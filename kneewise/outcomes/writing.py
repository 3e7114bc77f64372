"""How a store is written: one writer at a time, every file whole or not there, what nobody needs deleted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from kneewise.errors import StoreError
from kneewise.outcomes.manifests import (
    FORGOTTEN,
    FORMAT_VERSION,
    NO_DATA,
    PUBLISHED,
    SourceInfo,
    digest_of,
    file_name,
    is_own_name,
    kept_versions,
    reason_of,
)

_OWNER_ONLY = 0o600
"""Who may read what is stored: as with the key, only the one under whose name Kneewise runs."""
_BINARY = getattr(os, "O_BINARY", 0)  # on Windows, where bytes would else be taken for lines


@contextlib.contextmanager
def locked(store_dir: Path, make: bool = False) -> Iterator[None]:
    """Hold the importer's lock. The system frees it when the process dies, so no stale lock can remain."""
    if not make and not (store_dir / "manifests").is_dir():
        raise StoreError(NO_DATA)
    try:
        for folder in ("files", "manifests"):
            (store_dir / folder).mkdir(parents=True, exist_ok=True)
        handle = os.fdopen(os.open(store_dir / "LOCK", os.O_RDWR | os.O_CREAT | _BINARY, _OWNER_ONLY), "r+b")
    except OSError as problem:
        raise StoreError(f"The store folder {store_dir.name} can't be written: {reason_of(problem)}.") from problem
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


def unwritable(problem: OSError) -> StoreError:
    """The refusal that says why nothing was written."""
    return StoreError(
        f"The store can't be written ({reason_of(problem)}); nothing of it was changed. Make room or mend the disk, then "
        "try again."
    )


def write_table(store_dir: Path, source: str, name: str, table: pa.Table) -> str:
    """The name of the file that now holds this table. Raises OSError."""
    return write_file(
        store_dir, source, name, lambda path: pyarrow.parquet.write_table(table, path, compression="zstd")
    )


def write_file(store_dir: Path, source: str, name: str, write: Callable[[Path], None]) -> str:
    """Let `write` fill a file and name it after its content; the file is there whole or not at all. Returns its name.

    Raises OSError, and leaves nothing unfinished behind then.
    """
    unfinished = store_dir / "files" / f"{source}-{name}.{os.getpid()}.tmp"
    try:
        _make_private(unfinished)
        write(unfinished)
        with unfinished.open("rb+") as stream:
            os.fsync(stream.fileno())
        digest = digest_of(unfinished)
        path = unfinished.with_name(file_name(source, name, digest))
        if path.exists() and digest_of(path) == digest:
            unfinished.unlink()
            path.chmod(_OWNER_ONLY)  # an earlier Kneewise left it to others as well
        else:
            os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return path.name


def _make_private(path: Path) -> None:
    """An empty file that its owner alone may read, whatever a killed process left under that name."""
    if path.exists():
        path.unlink()
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))


def write_manifest(store_dir: Path, parent: str, sources: tuple[SourceInfo, ...], created_unix: int) -> str:
    """The name of the version that this manifest now describes. Raises OSError."""
    content = {
        "format_version": FORMAT_VERSION,
        "parent": parent,
        "created_unix": created_unix,
        "sources": [asdict(source) for source in sources],
    }
    text = json.dumps(content, indent=1, sort_keys=True).encode()
    version = hashlib.sha256(text).hexdigest()[:12]
    _write_whole(store_dir / "manifests" / f"{version}.json", text)
    sync_folder(store_dir / "manifests")
    return version


def _write_whole(path: Path, content: bytes) -> None:
    """The file is there whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        _make_private(unfinished)
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        for attempt in range(20):
            try:
                os.replace(unfinished, path)
                break
            except PermissionError:
                # Windows refuses while a reader holds a pointer open, which lasts milliseconds.
                if os.name != "nt" or attempt == 19:
                    raise
                time.sleep(0.05)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def point_to(store_dir: Path, pointer: str, version: str) -> None:
    """Swap a pointer file at once. Raises OSError, and the pointer is what it was then."""
    _write_whole(store_dir / pointer, version.encode("ascii"))


def swap(store_dir: Path, pointer: str, version: str) -> None:
    """`point_to`, with a sentence when the disk refuses."""
    try:
        point_to(store_dir, pointer, version)
    except OSError as problem:
        raise unwritable(problem) from problem
    sync_pointers(store_dir)


def forget_released(store_dir: Path) -> None:
    """Take `PUBLISHED` away, as if nothing had ever been released. Raises OSError."""
    (store_dir / PUBLISHED).unlink(missing_ok=True)
    sync_folder(store_dir)


def remember_forgotten(store_dir: Path) -> None:
    """Note that records whose figures were shared leave `PUBLISHED`; comes before they do. Raises OSError."""
    if not (store_dir / FORGOTTEN).exists():
        _write_whole(store_dir / FORGOTTEN, b"")
        sync_folder(store_dir)


def sync_pointers(store_dir: Path) -> None:
    """After a swap: whether the folder reached the disk matters in a power cut only, and either pointer is whole then."""
    with contextlib.suppress(OSError):
        sync_folder(store_dir)


def sync_folder(folder: Path) -> None:
    """Return when what was renamed or deleted in the folder has reached the disk. Raises OSError."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def collect_garbage(store_dir: Path) -> int:
    """`delete_unneeded` where it is no matter when: nothing is deleted while the current or the released version can't be
    read, and its reader gets the sentence."""
    try:
        return delete_unneeded(store_dir)
    except (StoreError, OSError):
        return 0


def delete_unneeded(store_dir: Path) -> int:
    """Delete what no kept version needs, unfinished files included; returns how many of them could not be deleted.

    What has no name of the store's own stays. The lock is held, so nobody is writing.

    Raises
    ------
    StoreError
        The current or the released version can't be read, so nobody knows what is needed.
    OSError
        A folder can't be read.
    """
    kept = kept_versions(store_dir)
    manifests = {f"{version.version}.json" for version in kept}
    files = {name for version in kept for info in version.sources for name in info.files.values()}
    unneeded = [
        path
        for folder, needed in (("manifests", manifests), ("files", files), ("", ()))
        for path in (store_dir / folder).iterdir()
        if path.name not in needed and is_own_name(folder, path.name)
    ]
    left = 0
    for path in unneeded:  # manifests first: none ever names a file that was deleted
        try:
            path.unlink(missing_ok=True)
        except OSError:
            left += 1  # a file that a reader on Windows still holds open is deleted after the next import
    return left
