"""Intervals for shares and means. Counts and sums in, frozen results out.

scipy.stats takes half a second to import. It is imported by whoever asks for an interval, so that starting the app, or
opening a page without one, does not wait for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Proportion:
    """`count` of `n`, as fractions from 0 to 1 with the interval's ends."""

    count: int
    n: int
    value: float
    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True)
class Mean:
    """A mean with its standard deviation and interval, in the unit of the values."""

    n: int
    value: float
    sd: float
    low: float
    high: float
    level: float
    method: str


def wilson_interval(count: int, n: int, level: float = LEVEL) -> Proportion:
    """A share with Wilson's score interval (no continuity correction).

    Raises
    ------
    ValueError
        `n` is not positive, or `count` not within 0..n.

    Source: Wilson EB, J Am Stat Assoc 1927;22:209-212; computed by statsmodels.
    """
    return _proportion(count, n, level, "wilson", "Wilson score")


def exact_interval(count: int, n: int, level: float = LEVEL) -> Proportion:
    """A share with the exact (Clopper-Pearson) interval. Raises as `wilson_interval`."""
    return _proportion(count, n, level, "beta", "Clopper-Pearson exact")


def _proportion(count: int, n: int, level: float, method: str, name: str) -> Proportion:
    if n < 1 or not 0 <= count <= n:
        raise ValueError("a share needs n >= 1 and a count within 0..n")
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=1 - level, method=method)
    value = count / n
    # Rounding errors of the formula can leave 5e-17 where the end is the share itself (0 of n, n of n).
    return Proportion(count, n, value, min(value, max(0.0, float(low))), max(value, min(1.0, float(high))), level, name)


def mean_interval(n: int, total: float, total_of_squares: float, level: float = LEVEL) -> Mean:
    """A mean with Student's t interval, from the count, the sum and the sum of squares.

    Raises
    ------
    ValueError
        `n` is below 2: one value has no spread.
    """
    if n < 2:
        raise ValueError("a mean with an interval needs n >= 2")
    from scipy import stats

    value = total / n
    sd = math.sqrt(max(0.0, (total_of_squares - n * value * value) / (n - 1)))
    half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * sd / math.sqrt(n)
    return Mean(n, value, sd, value - half, value + half, level, "Student t")


def bootstrap_interval(
    values: Sequence[float],
    statistic: Callable[..., np.ndarray] = np.mean,
    *,
    seed: int,
    level: float = LEVEL,
    resamples: int = 9999,
) -> Mean:
    """A statistic of the values with its bias-corrected (BCa) bootstrap interval; the same seed gives the same ends.

    Raises
    ------
    ValueError
        Fewer than two values, or all of them equal.
    """
    sample = np.asarray(values, dtype=float)
    if len(sample) < 2 or np.ptp(sample) == 0:
        raise ValueError("a bootstrap interval needs values that differ")
    from scipy import stats

    found = stats.bootstrap(
        (sample,), statistic, n_resamples=resamples, confidence_level=level, method="BCa", rng=np.random.default_rng(seed)
    ).confidence_interval
    return Mean(
        len(sample), float(statistic(sample)), float(sample.std(ddof=1)), float(found.low), float(found.high), level,
        f"BCa bootstrap, {resamples} resamples",
    )  # fmt: skip
