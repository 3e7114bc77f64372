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

from kneewise.disclosure.policy import read_policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes.identity import keyed_hash, read_key
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.manifests import (
    BY_HAND,
    CURRENT,
    EMPTY_VERSION,
    PUBLISHED,
    TABLES,
    SourceInfo,
    Version,
    counting_chain,
    counting_version,
    current_version,
    hold_people,
    key_file_of,
    manifest_of,
    open_table,
    pointed,
    reason_of,
    released_version,
)
from kneewise.outcomes.publishing import can_publish
from kneewise.outcomes.store import forget_opened, open_version, replace_shared, withdraw_if_needed
from kneewise.outcomes.writing import (
    collect_garbage,
    delete_unneeded,
    locked,
    point_to,
    sync_folder,
    write_file,
    write_manifest,
)

_STORED_ID = re.compile(r"[0-9a-f]{32}")
_ROWS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Erasure:
    """What an erasure did: how many episodes are gone, from how many kept versions, and what counts now.

    `named` ids were given, `not_found` of them were in no kept version (0 and 0 for a whole source). `dropped` earlier
    versions could not be read any more. `published_withdrawn` says that shared figures were made from what was erased,
    `shared_again` that they are made from what is left.
    """

    source: str
    episodes: int
    versions: int
    version: str | None
    published_withdrawn: bool
    shared_again: bool = False
    named: int = 0
    not_found: int = 0
    dropped: int = 0


def erase(
    store_dir: Path,
    source: str,
    episodes: Collection[str] | None = None,
    *,
    key_file: Path | None = None,
    instruments: Instruments | None = None,
) -> Erasure:
    """Erase episodes of a source, or the whole source (`episodes` None), from every version the store keeps.

    Every kept version that holds them is written anew without them, `CURRENT` is swapped, and whatever no kept version
    needs is deleted, so that no file of the store holds them and no undo brings them back. Killed before the swap,
    nothing is erased; killed after it, the next import, erasure or release deletes what was left: erase again to be sure.
    An earlier version whose files can't be read any more is dropped. Shared figures that were made from what was erased are
    made from what is left where that gives nobody away, and withdrawn otherwise.

    Parameters
    ----------
    episodes : collection of str
        Ids as the clinic writes them, or as the store holds them (32 hexadecimal digits).
    key_file : Path
        The clinic's secret key, which turns the clinic's ids into the stored ones; beside the store where not given.
    instruments : Instruments
        The scales by which shared figures before and after are compared; without them the figures are withdrawn.

    Raises
    ------
    StoreError
        No kept version holds the source; no episode was named; the key is missing; a file of the version that counts is
        damaged; another import holds the lock; the disk refuses (nothing is erased) or another program holds a file (the
        rest is; close it and erase again).
    """
    if episodes is not None and not episodes:
        raise StoreError("Name the episodes to erase, or erase the whole source.")
    meant = None if episodes is None else _stored_ids(store_dir, source, episodes, key_file)
    with locked(store_dir):
        # What an earlier, killed erasure left behind goes first; nothing of it can be reached.
        collect_garbage(store_dir)
        kept, released_is_lost = _kept_versions(store_dir)
        known = sorted({info.source for version in kept for info in version.sources})
        if source not in known:
            raise StoreError(
                f"No version that the store keeps holds a source '{source}' (it holds: {', '.join(known) or 'nothing'}), so "
                "nothing is left to erase."
            )
        try:
            erasure = _rewrite_without(store_dir, kept, source, meant, released_is_lost, instruments)
            left = delete_unneeded(store_dir)
            for folder in ("files", "manifests"):
                sync_folder(store_dir / folder)
        except OSError as problem:
            raise StoreError(
                f"The store can't be written ({reason_of(problem)}), so the erasure is not complete. Make room or mend the "
                "disk, then erase again."
            ) from problem
        finally:
            forget_opened()
    if left:
        raise StoreError(
            f"{left} files that hold what was erased can't be deleted, because another program uses them; close it and "
            "erase again."
        )
    return erasure


def _kept_versions(store_dir: Path) -> tuple[tuple[Version, ...], bool]:
    """The versions to look through, and whether the released one can't be read, so that nobody knows whom it holds."""
    kept = counting_chain(store_dir)
    try:
        released = released_version(store_dir)
    except StoreError:
        return kept, True
    if released is None or released.version in {EMPTY_VERSION, *(version.version for version in kept)}:
        return kept, False
    return (*kept, released), False


def _stored_ids(
    store_dir: Path, source: str, episodes: Collection[str], key_file: Path | None
) -> dict[str, frozenset[str]]:
    """Each id as the store may hold it. One that looks like a stored id may be the clinic's own too, so both count."""
    named = {each.strip() for each in episodes}
    stored = {each for each in named if _STORED_ID.fullmatch(each)}
    key_path = key_file or key_file_of(store_dir)
    if not key_path.is_file():
        if stored != named:
            raise StoreError(
                f"The key file {key_path.name} is missing; name the episodes by the ids that the store holds."
            )
        return {each: frozenset({each}) for each in named}
    key = read_key(key_path)
    return {each: frozenset({keyed_hash(key, "episode", f"{source}\x1f{each}")} | ({each} & stored)) for each in named}


def _rewrite_without(
    store_dir: Path,
    kept: tuple[Version, ...],
    source: str,
    meant: dict[str, frozenset[str]] | None,
    released_is_lost: bool,
    instruments: Instruments | None,
) -> Erasure:
    """Write every kept version anew without those rows, then point to the new ones.

    The order is what makes it safe to be killed: new files, new manifests, `PUBLISHED` swapped or withdrawn, `CURRENT`
    swapped. Deleting comes after, and only once the swap has reached the disk.
    """
    before = {version.version: version for version in kept}
    now, published = counting_version(store_dir), None if released_is_lost else pointed(store_dir, PUBLISHED)
    shared = now if published is None and hold_people(manifest_of(store_dir, now).sources) else published
    gone: set[str] = set()
    rewritten: list[tuple[SourceInfo, SourceInfo | None]] = []
    unreadable: set[str] = set()
    unwanted = None if meant is None else frozenset().union(*meant.values())
    for version, info in ((each, info) for each in kept for info in each.sources if info.source == source):
        if info not in [old for old, _ in rewritten]:
            try:
                if unwanted is None:
                    rest, ids = None, _ids_of(store_dir, info)
                else:
                    rest, ids = _source_without(store_dir, info, unwanted)
            except StoreError:
                if version.version == now:
                    raise
                unreadable.add(version.version)
                continue
            rewritten.append((info, rest))
            gone |= ids
    after: dict[str, Version] = {}

    def renewed(name: str) -> str:
        if name not in before:
            return name
        if name not in after:
            old = before[name]
            parent = renewed(old.parent or EMPTY_VERSION)
            if name in unreadable:
                return parent
            sources = [next((new for known, new in rewritten if known == info), info) for info in old.sources]
            after[name] = _renewed_version(store_dir, old, parent, tuple(info for info in sources if info is not None))
        return after[name].version

    for name in before:
        renewed(name)
    changed = {name for name, version in after.items() if version.sources != before[name].sources}
    held = released_is_lost or shared in changed | unreadable
    again = False
    if held:
        new = None if released_is_lost or shared in unreadable else after[str(shared)]
        again = _may_follow(store_dir, str(shared), new, instruments)
        if new is not None and again:
            replace_shared(store_dir, new.version, new.sources)
        elif renewed(now) == EMPTY_VERSION:
            withdraw_if_needed(store_dir)
        else:
            replace_shared(store_dir, EMPTY_VERSION, ())
    elif published is not None and renewed(published) != published:
        point_to(store_dir, PUBLISHED, renewed(published))
    if renewed(now) != now:
        point_to(store_dir, CURRENT, renewed(now))
    sync_folder(store_dir)
    return Erasure(
        source,
        len(gone),
        len(changed),
        current_version(store_dir),
        held,
        again,
        len(meant or ()),
        sum(not ids & gone for ids in (meant or {}).values()),
        len(unreadable),
    )


def _may_follow(store_dir: Path, shared: str, new: Version | None, instruments: Instruments | None) -> bool:
    """Whether figures without the erased people may follow those that were shared, both of which can be read still."""
    if new is None or not new.sources or instruments is None:
        return False
    try:
        previous, rest = open_version(store_dir, shared), open_version(store_dir, new.version)
        return can_publish(previous, rest, instruments, read_policy()).ok
    except (StoreError, DisclosureRefused):
        return False


def _renewed_version(store_dir: Path, old: Version, parent: str, sources: tuple[SourceInfo, ...]) -> Version:
    if not sources:
        return Version(EMPTY_VERSION, None, ())
    if (parent, sources) == (old.parent, old.sources):
        return old
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
    lines = []
    if erasure.versions:
        lines += [
            f"{erasure.episodes:,} episodes of source '{erasure.source}' are erased from {erasure.versions} kept versions; "
            "no undo brings them back."
        ]
    elif not erasure.dropped:
        lines += [f"No kept version of source '{erasure.source}' holds these episodes; nothing was left to erase."]
    if erasure.not_found:
        were = "was" if erasure.not_found == 1 else "were"
        lines.append(
            f"{erasure.not_found:,} of the {erasure.named:,} ids named {were} not found; write them as the export does."
        )
    if erasure.dropped:
        one = erasure.dropped == 1
        lines.append(
            f"{erasure.dropped} earlier version{'' if one else 's'} can't be read any more and {'is' if one else 'are'} "
            "dropped; nobody can go back to " + ("it." if one else "them.")
        )
    if erasure.versions:
        lines.append(
            f"Version {erasure.version} counts now." if erasure.version else "The store holds no data any more."
        )
    if erasure.shared_again:
        lines.append("Shared figures are made from what is left; nobody can be found by comparing them with earlier ones.")
    elif erasure.published_withdrawn:
        lines.append(
            "Shared figures held them and are withdrawn, because comparing them with later ones would show them"
            + (f"; release a version again with {BY_HAND}." if erasure.version else ".")
        )
    if erasure.versions or erasure.dropped:
        lines.append("Copies and backups of the store outside its folder still hold them.")
    return tuple(lines)
