"""Run charts: the median of a series and Anhøj's two rules, which need no limits and no distribution.

Missing and immature points (follow-up still open) are drawn and do nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kneewise.statistics.control_charts import ChartRefused, read_immature, read_names, read_numbers, sides

MINIMUM_USEFUL = 10  # the table of limits begins here (Anhøj & Olesen 2014)
CROSSINGS_QUANTILE = 0.05


@dataclass(frozen=True)
class AnhoejRules:
    """Runs and crossings of the points that are not on the centre. None: fewer than ten such points, not judged.

    `long_run` is True where the longest run is longer than its limit, `few_crossings` where there are fewer crossings
    than theirs; `signal` is either.
    """

    n_useful: int
    longest_run: int
    longest_run_limit: int | None
    crossings: int
    crossings_limit: int | None
    long_run: bool | None
    few_crossings: bool | None
    signal: bool | None


@dataclass(frozen=True)
class RunPoint:
    """One point. `in_longest_run` marks the first of the longest runs."""

    name: str
    value: float | None
    immature: bool
    useful: bool
    in_longest_run: bool


@dataclass(frozen=True)
class RunChart:
    """A run chart ready to be drawn; `median` is None where no point is measured and mature."""

    points: tuple[RunPoint, ...]
    median: float | None
    rules: AnhoejRules
    convention: str


def run_chart(
    values: Sequence[float | None],
    *,
    immature: Sequence[bool] | None = None,
    names: Sequence[str] | None = None,
) -> RunChart:
    """The run chart of values in any unit and in order of time; None and NaN are missing.

    Raises
    ------
    ChartRefused
        No points, an infinite value, or a mask or names that don't fit them.
    """
    value = read_numbers(values, "value")
    left_out, name = read_immature(immature, len(value)), read_names(names, len(value))
    counted = np.where(left_out, np.nan, value)
    median = float(np.nanmedian(counted)) if not np.isnan(counted).all() else None
    side = np.zeros(len(value), dtype=int) if median is None else sides(counted, median)
    useful = np.flatnonzero(side)
    first, length = _longest_run(side[useful])
    longest = set(useful[first : first + length])
    given = [None if np.isnan(each) else float(each) for each in value]
    points = tuple(
        RunPoint(name[at], given[at], bool(left_out[at]), bool(side[at]), at in longest) for at in range(len(value))
    )
    return RunChart(
        points,
        median,
        _judge(side[useful]),
        "median; Anhøj rules on the points off the median" + (", immature points left out" if left_out.any() else ""),
    )


def anhoej_rules(values: Sequence[float | None], centre: float | Sequence[float]) -> AnhoejRules:
    """Anhøj's rules about any centre line, one number or one for each value.

    Raises
    ------
    ChartRefused
        As `run_chart`; a centre that isn't finite or has another length.
    """
    value = read_numbers(values, "value")
    line = np.asarray(centre, dtype=float)
    if line.shape not in ((), value.shape) or not np.isfinite(line).all():
        raise ChartRefused("The centre line must be one number, or one for each value.")
    side = sides(value, line)
    return _judge(side[side != 0])


def anhoej_limits(n_useful: int) -> tuple[int, int]:
    """The longest run and the fewest crossings that are no signal, for so many useful points.

    Raises
    ------
    ChartRefused
        Fewer than one point.

    Source: Anhøj J, Olesen AV, PLoS ONE 2014;9:e113825: round(log2 n) + 3, and the 5 % quantile of the crossings of
    n - 1 fair coins.
    """
    if n_useful < 1:
        raise ChartRefused("The rules for runs need at least one point off the centre.")
    from scipy import stats

    return round(math.log2(n_useful)) + 3, int(stats.binom.ppf(CROSSINGS_QUANTILE, n_useful - 1, 0.5))


def _judge(side: np.ndarray) -> AnhoejRules:
    """The rules for sides that are all 1 or -1."""
    n, (_, longest), crossings = len(side), _longest_run(side), int(np.count_nonzero(np.diff(side)))
    if n < MINIMUM_USEFUL:
        return AnhoejRules(n, longest, None, crossings, None, None, None, None)
    most, fewest = anhoej_limits(n)
    long_run, few = longest > most, crossings < fewest
    return AnhoejRules(n, longest, most, crossings, fewest, long_run, few, long_run or few)


def _longest_run(side: np.ndarray) -> tuple[int, int]:
    """Where the first of the longest runs begins, and its length; (0, 0) without points."""
    if len(side) == 0:
        return 0, 0
    starts = np.flatnonzero(np.r_[True, np.diff(side) != 0])
    lengths = np.diff(np.r_[starts, len(side)])
    return int(starts[lengths.argmax()]), int(lengths.max())
