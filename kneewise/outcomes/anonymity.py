"""How well episodes hide among each other: k-anonymity over the attributes by which the screens group and filter.

A *cell* is one combination of the attributes' values; what is not recorded is a value of its own. (A missing value that
matched everything, as in sdcMicro, or rows with one left out, as in pycanon, would call somebody hidden who is not.)
Scores and days are no attributes; `count_alone` says how many are alone with them.
Nothing in here decides what is released; the outcomes page merges small groups whatever is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

_MOST_COUNTED = 20_000_000
"""Up to so many possible combinations are counted in a table; beyond, they are renumbered on the way."""


@dataclass(frozen=True)
class WithoutColumn:
    """The same figures with one attribute left out."""

    attribute: str
    k: int
    in_small_cells: int
    alone: int


@dataclass(frozen=True)
class Anonymity:
    """k-anonymity of some episodes. `k` is the smallest cell (0 where there are no episodes); `in_small_cells` counts
    the episodes in cells below `threshold`, `alone` those in a cell by themselves; `without` has one entry per
    attribute, the one whose absence helps most first, where that was asked for."""

    attributes: tuple[str, ...]
    threshold: int
    episodes: int
    cells: int
    k: int
    in_small_cells: int
    alone: int
    without: tuple[WithoutColumn, ...]

    @property
    def small_share(self) -> float:
        """The share of episodes in cells below the threshold, from 0 to 1."""
        return self.in_small_cells / self.episodes if self.episodes else 0.0

    @property
    def alone_share(self) -> float:
        """The share of episodes that are alone in their cell, from 0 to 1."""
        return self.alone / self.episodes if self.episodes else 0.0

    @property
    def spoilers(self) -> tuple[WithoutColumn, ...]:
        """The attributes without which fewer episodes stand in small cells, the most helpful first."""
        return tuple(each for each in self.without if each.in_small_cells < self.in_small_cells)


def check_anonymity(
    episodes: pd.DataFrame, attributes: Sequence[str], threshold: int, *, leave_out: bool = True
) -> Anonymity:
    """k-anonymity of `episodes` (one row each) over those `attributes` that the table has.

    Parameters
    ----------
    episodes : DataFrame
        One row per episode; a missing value is a value of its own.
    threshold : int
        Episodes in cells with fewer than so many count as `in_small_cells`.
    leave_out : bool
        Whether to find the attributes that spoil it, by leaving each out once.
    """
    used = [name for name in attributes if name in episodes.columns]
    codes = {name: _codes(episodes[name]) for name in used}
    cells, sizes = _cells(list(codes.values()), len(episodes))
    places = dict(zip(used, cells, strict=True))
    without = []
    for name in used if leave_out else ():
        rest = [places[other] for other in used if other != name]
        _, merged = _cells(rest, len(sizes), sizes)
        without.append(WithoutColumn(name, *_figures(merged, threshold)))
    without.sort(key=lambda each: (each.in_small_cells, each.alone, -each.k))
    return Anonymity(
        tuple(used), threshold, len(episodes), len(sizes), *_figures(sizes, threshold), without=tuple(without)
    )


def count_alone(episodes: pd.DataFrame, attributes: Sequence[str], scores: pd.DataFrame) -> int:
    """How many episodes no other one equals in these attributes and in all scores with their days.

    Parameters
    ----------
    episodes : DataFrame
        One row per episode, ordered by `episode_id` (a number).
    scores : DataFrame
        `episode_id`, `instrument`, `day`, `value`, ordered by `episode_id`.
    """
    # A number of 64 bits for each episode, the same for equal ones. That two others share it by chance is a matter of one
    # in a million for millions of episodes, and would call them hidden in this one figure alone.
    seen = np.zeros(len(episodes), dtype=np.uint64)
    if len(scores):
        what = _codes(scores["instrument"]) * 2**32 + scores["day"].to_numpy()
        value = scores["value"].to_numpy().astype(float) + 0.0  # -0.0 is 0.0
        each = _mixed((what.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ value.view(np.uint64))
        whose = scores["episode_id"].to_numpy()
        begins = np.flatnonzero(np.concatenate(([True], whose[1:] != whose[:-1])))
        place = np.searchsorted(episodes["episode_id"].to_numpy(), whose[begins])
        seen[place] = np.add.reduceat(each, begins)
    for name in attributes:
        seen = _mixed(seen ^ _codes(episodes[name]).view(np.uint64))
    return int(np.count_nonzero(np.unique(seen, return_counts=True)[1] == 1))


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Numbers of 64 bits spread evenly, equal ones alike (the last step of splitmix64)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers ^= numbers >> np.uint64(shift)
        numbers *= np.uint64(factor)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def _figures(sizes: np.ndarray, threshold: int) -> tuple[int, int, int]:
    """The smallest cell, the episodes in cells below the threshold, the episodes alone in a cell."""
    if not len(sizes):
        return 0, 0, 0
    return int(sizes.min()), int(sizes[sizes < threshold].sum()), int((sizes == 1).sum())


def _codes(column: pd.Series) -> np.ndarray:
    """A whole number per row: equal values have equal numbers, and what is missing is 0."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64) + 1
    return pd.factorize(column)[0].astype(np.int64) + 1


def _cells(
    columns: Sequence[np.ndarray], rows: int, weights: np.ndarray | None = None
) -> tuple[list[np.ndarray], np.ndarray]:
    """Every occupied cell: its code in each column, and how many rows (or what weight) it holds."""
    if rows == 0:
        return [np.zeros(0, dtype=np.int64) for _ in columns], np.zeros(0, dtype=np.int64)
    cell, possible = np.zeros(rows, dtype=np.int64), 1
    for codes in columns:
        values = int(codes.max()) + 1
        if possible * values > _MOST_COUNTED:
            _, cell = np.unique(cell, return_inverse=True)
            possible = int(cell.max()) + 1
        cell = cell * values + codes
        possible *= values
    if possible > _MOST_COUNTED:
        _, first, inverse = np.unique(cell, return_index=True, return_inverse=True)
        sizes = np.bincount(inverse, weights=weights).round().astype(np.int64)
    else:
        sizes = np.bincount(cell, weights=weights, minlength=possible).round().astype(np.int64)
        one_of = np.zeros(possible, dtype=np.int64)
        one_of[cell] = np.arange(rows)
        occupied = np.flatnonzero(sizes)
        sizes, first = sizes[occupied], one_of[occupied]
    return [codes[first] for codes in columns], sizes
