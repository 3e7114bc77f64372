"""Erasing a person's episodes, or a whole source, from every version that a store keeps.

Every version that holds them is written anew without them, the pointers are swapped, and the old files are deleted:
rows in a Parquet file can't be taken out of it, and a database file would keep their bytes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from kneewise.errors import StoreError
from kneewise.outcomes.identity import keyed_hash, read_key
from kneewise.outcomes.manifests import (
    CURRENT,
    EMPTY_VERSION,
    PUBLISHED,
    TABLES,
    SourceInfo,
    Version,
    current_version,
    kept_versions,
    key_file_of,
    open_table,
    pointed,
    published_or_none,
    reason_of,
)
from kneewise.outcomes.store import forget_opened
from kneewise.outcomes.writing import (
    collect_garbage,
    locked,
    point_to,
    sync_folder,
    withdraw,
    write_file,
    write_manifest,
)

_STORED_ID = re.compile(r"[0-9a-f]{32}")
_ROWS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Erasure:
    """What an erasure did: how many episodes are gone, from how many kept versions, and what counts now."""

    source: str
    episodes: int
    versions: int
    version: str | None
    published_withdrawn: bool


def erase(
    store_dir: Path, source: str, episodes: Collection[str] | None = None, *, key_file: Path | None = None
) -> Erasure:
    """Erase episodes of a source, or the whole source (`episodes` None), from every version the store keeps.

    Every kept version that holds them is written anew without them, `CURRENT` is swapped, and whatever no kept version
    needs is deleted, so that no file of the store holds them and no undo brings them back. Killed before the swap,
    nothing is erased; killed after it, the next import, erasure or release deletes what was left: erase again to be sure.
    `PUBLISHED` is withdrawn where its content changed.

    Parameters
    ----------
    episodes : collection of str
        Ids as the clinic writes them, or as the store holds them (32 hexadecimal digits).
    key_file : Path
        The clinic's secret key, which turns the clinic's ids into the stored ones; beside the store where not given.

    Raises
    ------
    StoreError
        No kept version holds the source; no episode was named; the key is missing; another import holds the lock; the
        disk refuses (nothing is erased) or another program holds a file (the rest is; close it and erase again).
    """
    if episodes is not None and not episodes:
        raise StoreError("Name the episodes to erase, or erase the whole source.")
    hashed = None if episodes is None else _stored_ids(store_dir, source, episodes, key_file)
    with locked(store_dir):
        # What an earlier, killed erasure left behind goes first; nothing of it can be reached.
        collect_garbage(store_dir)
        kept = kept_versions(store_dir)
        known = sorted({info.source for version in kept for info in version.sources})
        if source not in known:
            raise StoreError(
                f"No version that the store keeps holds a source '{source}' (it holds: {', '.join(known) or 'nothing'}), so "
                "nothing is left to erase."
            )
        try:
            erasure = _rewrite_without(store_dir, kept, source, hashed)
            left = collect_garbage(store_dir)
            for folder in ("files", "manifests"):
                sync_folder(store_dir / folder)
        except OSError as problem:
            raise StoreError(
                f"The store can't be written ({reason_of(problem)}), so the erasure is not complete. Make room or mend the "
                "disk, then erase again."
            ) from problem
        forget_opened()
    if left:
        raise StoreError(
            f"{left} files that hold what was erased can't be deleted, because another program uses them; close it and "
            "erase again."
        )
    return erasure


def _stored_ids(store_dir: Path, source: str, episodes: Collection[str], key_file: Path | None) -> frozenset[str]:
    """The ids as the store holds them. One that looks like a stored id may be the clinic's own too, so both count."""
    stored = {each for each in episodes if _STORED_ID.fullmatch(each)}
    key_path = key_file or key_file_of(store_dir)
    if not key_path.is_file():
        if len(stored) < len(set(episodes)):
            raise StoreError(
                f"The key file {key_path.name} is missing; name the episodes by the ids that the store holds."
            )
        return frozenset(stored)
    key = read_key(key_path)
    return frozenset(stored | {keyed_hash(key, "episode", f"{source}\x1f{each.strip()}") for each in episodes})


def _rewrite_without(store_dir: Path, kept: tuple[Version, ...], source: str, hashed: frozenset[str] | None) -> Erasure:
    """Write every kept version anew without those rows, then point to the new ones.

    The order is what makes it safe to be killed: new files, new manifests, `PUBLISHED` withdrawn, `CURRENT` swapped.
    Deleting comes after, and only once the swap has reached the disk.
    """
    before = {version.version: version for version in kept}
    now, published = pointed(store_dir, CURRENT) or EMPTY_VERSION, published_or_none(store_dir)
    gone: set[str] = set()
    rewritten: list[tuple[SourceInfo, SourceInfo | None]] = []
    for info in (info for version in kept for info in version.sources if info.source == source):
        if info not in [old for old, _ in rewritten]:
            rest, ids = (None, _ids_of(store_dir, info)) if hashed is None else _source_without(store_dir, info, hashed)
            rewritten.append((info, rest))
            gone |= ids
    after: dict[str, Version] = {}

    def renewed(name: str) -> str:
        if name not in before:
            return name
        if name not in after:
            old = before[name]
            parent = renewed(old.parent or EMPTY_VERSION)
            sources = [next((new for known, new in rewritten if known == info), info) for info in old.sources]
            after[name] = _renewed_version(store_dir, old, parent, tuple(info for info in sources if info is not None))
        return after[name].version

    for name in before:
        renewed(name)
    changed = {name for name in before if after[name].sources != before[name].sources}
    if published in changed:
        withdraw(store_dir)
    elif published is not None and renewed(published) != published:
        point_to(store_dir, PUBLISHED, renewed(published))
    if renewed(now) != now:
        point_to(store_dir, CURRENT, renewed(now))
    sync_folder(store_dir)
    return Erasure(source, len(gone), len(changed), current_version(store_dir), published in changed)


def _renewed_version(store_dir: Path, old: Version, parent: str, sources: tuple[SourceInfo, ...]) -> Version:
    if (parent, sources) == (old.parent, old.sources):
        return old
    if not sources and parent == EMPTY_VERSION:
        return Version(EMPTY_VERSION, None, ())
    return Version(write_manifest(store_dir, parent, sources, old.created_unix), parent, sources, old.created_unix)


def _ids_of(store_dir: Path, info: SourceInfo) -> set[str]:
    """The ids of a source that is to be erased whole; none where its file can't be read any more, and it goes all the same."""
    try:
        with open_table(store_dir, info, "episode") as file:
            return {each for ids in _id_batches(file) for each in ids.to_pylist()}
    except StoreError:
        return set()


def _source_without(store_dir: Path, info: SourceInfo, hashed: frozenset[str]) -> tuple[SourceInfo | None, set[str]]:
    """The source without those episodes (None where none is left), and which of them it held."""
    import pyarrow.compute as pc

    unwanted = pa.array(sorted(hashed), pa.string())
    files, rows, gone = dict(info.files), dict(info.rows), set()
    for name in TABLES:
        with open_table(store_dir, info, name) as file:
            held = [each for ids in _id_batches(file) for each in ids.filter(pc.is_in(ids, unwanted)).to_pylist()]
            if held:
                files[name] = _write_rest(store_dir, info.source, name, file, unwanted)
                rows[name] = file.metadata.num_rows - len(held)
                gone |= set(held)
    if not gone:
        return info, gone
    rest = replace(info, files=files, rows=rows, episodes=rows["episode"], scores=rows["score"])
    if not rest.episodes:
        return None, gone
    with open_table(store_dir, rest, "episode_outcome") as file:
        instruments = set(file.read(columns=["instrument"]).column(0).to_pylist())
    return replace(rest, instruments=tuple(sorted(instruments))), gone


def _id_batches(file: pyarrow.parquet.ParquetFile) -> Iterator[pa.Array]:
    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=["episode_id"]):
        yield batch.column(0)


def _write_rest(store_dir: Path, source: str, name: str, file: pyarrow.parquet.ParquetFile, unwanted: pa.Array) -> str:
    """Write what is left of a table batch by batch, so that a large one needs no more memory than a small one."""
    import pyarrow.compute as pc

    def write(path: Path) -> None:
        with pyarrow.parquet.ParquetWriter(path, file.schema_arrow, compression="zstd") as writer:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                wanted = pc.invert(pc.is_in(batch.column("episode_id"), unwanted))
                writer.write_batch(batch.filter(wanted))

    return write_file(store_dir, source, name, write)


def erasure_lines(erasure: Erasure) -> tuple[str, ...]:
    """What an erasure did, as lines to print."""
    if not erasure.versions:
        return (f"No kept version of source '{erasure.source}' holds these episodes; nothing was left to erase.",)
    lines = [
        f"{erasure.episodes:,} episodes of source '{erasure.source}' are erased from {erasure.versions} kept versions; no "
        "undo brings them back.",
        f"Version {erasure.version} counts now." if erasure.version else "The store holds no data any more.",
    ]
    if erasure.published_withdrawn:
        lines.append("The version for shared figures held them and is withdrawn; release one again.")
    return (*lines, "Copies and backups of the store outside its folder still hold them.")
