"""A store filled without an export: the tests of the store itself need no reading of CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from kneewise.outcomes.identity import keyed_hash, read_key
from kneewise.outcomes.store import SourceInfo, Window, commit_source, key_file_of

AKPS, PAIN = "instrument.akps", "instrument.nprs_worst"


def names(count: int) -> list[str]:
    """E0, E1, ..."""
    return [f"E{number}" for number in range(count)]


def stored_id(folder: Path, name: str, source: str = "clinic") -> str:
    """The id under which the store at `folder` holds the clinic's own one."""
    return keyed_hash(read_key(key_file_of(folder)), "episode", f"{source}\x1f{name}")


def put(
    folder: Path,
    episodes: int | Sequence[str],
    source: str = "clinic",
    with_pain: Sequence[str] = (),
    *,
    synthetic: bool = True,
    overlaps: Sequence[str] = (),
) -> str:
    """Store two AKPS scores per episode (two pain scores more for `with_pain`); returns the version.

    Everything here is made up. With `synthetic=False` the store is told that it is not, so that it takes care of it.
    """
    ids = names(episodes) if isinstance(episodes, int) else list(episodes)
    had = sorted(
        [(stored_id(folder, name, source), AKPS, 50.0, 70.0) for name in ids]
        + [(stored_id(folder, name, source), PAIN, 6.0, 2.0) for name in with_pain]
    )
    who = sorted(stored_id(folder, name, source) for name in ids)
    sexes = [("female", "male")[int(each[0], 16) % 2] for each in who]
    tables = {
        "episode": pa.table({"episode_id": who, "source": [source] * len(who), "sex": sexes}),
        "score": pa.table(
            {
                "episode_id": [one[0] for one in had for _ in range(2)],
                "instrument": [one[1] for one in had for _ in range(2)],
                "day": pa.array([0, 42] * len(had), pa.int32()),
                "value": [value for one in had for value in one[2:]],
            }
        ),
        "episode_outcome": pa.table(
            {
                "episode_id": [one[0] for one in had],
                "source": [source] * len(had),
                "instrument": [one[1] for one in had],
                "first": [one[2] for one in had],
                "last": [one[3] for one in had],
            }
        ),
    }
    info = SourceInfo(
        source=source,
        profile="kneewise_long",
        profile_version=1,
        label="A test",
        licence="",
        attribution="",
        note="",
        day_note="",
        synthetic=synthetic,
        episodes=len(who),
        scores=2 * len(had),
        population_attribute="",
        population_value="",
        instruments=tuple(sorted({one[1] for one in had})),
        visit_windows=(Window("start", 0, 13), Window("6 weeks", 14, 62)),
        files={},
        overlaps=tuple(overlaps),
    )
    return commit_source(folder, info, tables)[0]
