"""Which stores the screens read: the clinic's own, and the synthetic demonstration.

`KNEEWISE_STORE` and `KNEEWISE_DEMO_STORE` name other folders than `data/store/clinic` and `data/store/demo`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kneewise.disclosure.policy import Mode
from kneewise.errors import StoreError
from kneewise.outcomes import answers
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.publishing import publish_if_safe
from kneewise.outcomes.store import (
    DEFAULT_STORE,
    DEMO_STORE,
    Store,
    current_version,
    open_shared,
    open_store,
    published_version,
    shared_version,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Records:
    """One source of one store: `key` is "clinic/<source>" or "demo/<source>", `version` the store's version."""

    key: str
    label: str
    synthetic: bool
    version: str


def folder(store: str) -> Path:
    """Where the "clinic" or the "demo" store lies."""
    variable, usual = {
        "clinic": ("KNEEWISE_STORE", DEFAULT_STORE), "demo": ("KNEEWISE_DEMO_STORE", DEMO_STORE),
    }[store]  # fmt: skip
    return Path(os.environ.get(variable) or usual)


def available(mode: Mode = "shared") -> tuple[Mapping[str, Records], tuple[str, ...]]:
    """All records that can be charted, the clinic's own first, and what is wrong with a store, as sentences.

    Shared figures come from the version that was released for them, internal ones from the newest.
    """
    found: dict[str, Records] = {}
    problems: list[str] = []
    for name in ("clinic", "demo"):
        try:
            if current_version(folder(name)) is None:
                continue
            opened = _open(folder(name), mode)
        except StoreError as refusal:
            problems.extend(refusal.sentences)
            continue
        for info in opened.sources:
            key = f"{name}/{info.source}"
            found[key] = Records(key, info.label, info.synthetic, opened.version)
    return found, tuple(problems)


def opened(records: Records) -> tuple[Store, str]:
    """The store of these records, in exactly their version, and the name of their source.

    Raises
    ------
    StoreError
        The store changed since the choice was offered.
    """
    name, source = records.key.split("/", 1)
    modes: tuple[Mode, ...] = ("shared", "own")
    for mode in modes:
        try:
            store = _open(folder(name), mode)
        except StoreError:
            if mode == "own":
                raise
            continue  # withdrawn; the records may be the newest ones, which staff go on seeing
        if store.version == records.version:
            return store, source
    raise StoreError("The records were replaced in the meantime; open the page again.")


def _open(store_dir: Path, mode: Mode) -> Store:
    return open_shared(store_dir) if mode == "shared" else open_store(store_dir)


def release(store: str, instruments: Instruments) -> tuple[str, ...]:
    """Share the store's newest version if that gives nobody away; returns why not, as sentences (empty where it is shared).

    Raises
    ------
    StoreError
        Another import holds the store, or the disk refuses.
    """
    return publish_if_safe(folder(store), instruments).reasons


def shares_newest(store: str) -> bool:
    """Whether shared figures are made from the store's newest records."""
    try:
        return shared_version(folder(store)) == current_version(folder(store))
    except StoreError:
        return False


def waiting(records: Records) -> bool:
    """Whether newer records are stored than those that shared figures are made from."""
    store_dir = folder(records.key.split("/", 1)[0])
    return published_version(store_dir) not in (None, current_version(store_dir))


def prepare(instruments: Instruments) -> None:
    """Work out the first answers of every store, so that whoever opens the outcomes need not wait for them."""
    for name in ("clinic", "demo"):
        try:
            if current_version(folder(name)) is not None:
                answers.prepare(_open(folder(name), "shared"), instruments)
        except StoreError as refusal:  # the outcomes page says it again, with the way out
            log.warning(" ".join(refusal.sentences))
