"""Funnel plots: which unit's result is further from the rest than its size explains. Counts in, frozen results out.

Three kinds: proportions, indirectly standardised ratios (observed per expected) and means with a known standard
deviation. Limits stand at 95 % and 99.8 % around a target that is the same for everybody, so units of different size can
be compared without ranking them.

Source: Spiegelhalter DJ, Stat Med 2005;24:1185-1202 (limits) and Qual Saf Health Care 2005;14:347-351 (overdispersion).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np

Status = Literal[
    "positive 99.8", "positive 95", "not an outlier", "negative 95", "negative 99.8", "insufficient records"
]
STATUSES: tuple[Status, ...] = get_args(Status)
"""From better to worse; 'positive' is better than the target, whichever end of the scale is the good one."""

UPPER_QUANTILE_95 = 0.975
UPPER_QUANTILE_998 = 0.999
Z_95 = NormalDist().inv_cdf(UPPER_QUANTILE_95)
Z_998 = NormalDist().inv_cdf(UPPER_QUANTILE_998)

CLASS_MINIMUM = 30
"""A unit with fewer records gets no class.

Source: NHS Digital, PROMs CSV data file companion 2018/19: no adjusted results below 30 modelled questionnaires, "as the
underlying statistical methods break down when counts are low".
"""

Trimming = Literal["none", "winsorised", "truncated"]
TRIMMED_SHARE = 0.1
"""Share of the units that is trimmed at *each* end before overdispersion is estimated. Source: Spiegelhalter 2005."""


@dataclass(frozen=True)
class Limits:
    """The four limits at one size, in the unit of the values."""

    size: float
    low_998: float
    low_95: float
    high_95: float
    high_998: float


@dataclass(frozen=True)
class Overdispersion:
    """How much more units differ than chance within them explains.

    `phi` is the mean square of the (trimmed) z-scores, 1 without overdispersion; `tau_squared` is the variance between
    units on the transformed scale, 0 where phi asks for none; `units` counts the units it rests on.
    """

    phi: float
    tau_squared: float
    trimming: Trimming
    trimmed_share: float
    units: int


@dataclass(frozen=True)
class FunnelUnit:
    """One unit of a funnel.

    `size` is what precision depends on (records, or events expected); `z` is counted on the transformed scale and, like
    `limits`, with overdispersion where the funnel has it. A positive z is a value above the target.
    """

    name: str
    size: float
    value: float
    standard_error: float
    z: float
    limits: Limits
    status: Status


@dataclass(frozen=True)
class Funnel:
    """A funnel with its units in the order they were given in."""

    target: float
    units: tuple[FunnelUnit, ...]
    overdispersion: Overdispersion | None
    method: str


def mean_limits(size: float, target: float, sd: float) -> Limits:
    """Limits of a mean of `size` values whose standard deviation `sd` is known. Raises ValueError."""
    _check(size > 0, "limits need a size above 0")
    _check(sd > 0, "limits of a mean need a standard deviation above 0")
    error = sd / math.sqrt(size)
    return Limits(
        size, target - Z_998 * error, target - Z_95 * error, target + Z_95 * error, target + Z_998 * error
    )  # fmt: skip


def mean_curve(first: int, last: int, target: float, sd: float, points: int = 60) -> tuple[Limits, ...]:
    """Limits of a mean at whole sizes from `first` to `last`, closer together where the funnel is steep."""
    _check(1 <= first <= last, "a curve needs 1 <= first <= last")
    sizes = np.unique(np.rint(np.geomspace(first, last, points)).astype(int))
    return tuple(mean_limits(int(size), target, sd) for size in sizes)


def proportion_limits(size: int, target: float, method: Literal["exact", "normal"] = "exact") -> Limits:
    """Limits of a share of `size` people around the share `target`, within 0..1.

    `exact` interpolates between the ends of the binomial distribution (Spiegelhalter 2005, A.1.1), so that the limits
    are right for small units and still form a smooth funnel; `normal` is their approximation for large ones.

    Raises
    ------
    ValueError
        `size` is below 1, or `target` not between 0 and 1.
    """
    _check(size >= 1, "limits need a size of at least 1")
    _check(0 < target < 1, "limits of a share need a target between 0 and 1")
    if method == "normal":
        error = math.sqrt(target * (1 - target) / size)
        ends = [target + z * error for z in (-Z_998, -Z_95, Z_95, Z_998)]
    else:
        from scipy.stats import binom

        ends = []
        for probability in _LIMIT_PROBABILITIES:
            count = float(binom.ppf(probability, size, target))
            reached = float(binom.cdf(count, size, target))
            step = float(binom.pmf(count, size, target))
            ends.append((count - (reached - probability) / step) / size)
    return Limits(size, *(min(1.0, max(0.0, end)) for end in ends))


_LIMIT_PROBABILITIES = (1 - UPPER_QUANTILE_998, 1 - UPPER_QUANTILE_95, UPPER_QUANTILE_95, UPPER_QUANTILE_998)


def ratio_limits(expected: float, target: float = 1.0) -> Limits:
    """Exact Poisson limits of a ratio of events to `expected` events. Raises ValueError where that is not above 0.

    They are the confidence limits of a count that equals `expected`, as FunnelPlotR 0.6.0 draws
    them. For few expected events they lie a little high: no event of 3 expected is below the lower 95 % limit, though it
    happens by chance once in 20 times.
    """
    _check(expected > 0, "limits of a ratio need more than 0 expected events")
    from scipy.stats import chi2

    low_998, low_95 = (float(chi2.ppf(p, 2 * expected)) / 2 for p in _LIMIT_PROBABILITIES[:2])
    high_95, high_998 = (float(chi2.ppf(p, 2 * (expected + 1))) / 2 for p in _LIMIT_PROBABILITIES[2:])
    return Limits(expected, *(target * end / expected for end in (low_998, low_95, high_95, high_998)))


def estimate_overdispersion(
    z: Sequence[float], standard_errors: Sequence[float], trimming: Trimming, share: float = TRIMMED_SHARE
) -> Overdispersion:
    """Overdispersion of units from their z-scores and standard errors, with the outermost units pulled in or left out.

    `winsorised` sets the z-scores beyond the `share` and 1 - `share` quantiles to these quantiles; `truncated` leaves the
    units in the outermost groups of ranks out, as NHS Digital's SHMI does.

    Raises
    ------
    ValueError
        No units, `share` not from 0 to below 0.5, or `trimming` unknown.

    Source: Spiegelhalter 2005 (DerSimonian and Laird's moment estimate); trimming as in FunnelPlotR 0.6.0.
    """
    scores, errors = np.asarray(z, dtype=float), np.asarray(standard_errors, dtype=float)
    _check(len(scores) > 0 and len(scores) == len(errors), "overdispersion needs one standard error per unit")
    _check(bool(np.isfinite(scores).all() and (errors > 0).all()), "overdispersion needs finite z-scores")
    _check(0 <= share < 0.5, "the trimmed share is at least 0 and below a half")
    if trimming == "winsorised":
        low, high = np.quantile(scores, [share, 1 - share])
        scores = np.clip(scores, low, high)
    elif trimming == "truncated":
        kept = _kept_when_truncated(scores, share)
        scores, errors = scores[kept], errors[kept]
    else:
        _check(trimming == "none", "trimming is 'none', 'winsorised' or 'truncated'")
    count = len(scores)
    phi = float(np.mean(scores**2))
    weights = 1 / errors**2
    spread = float(weights.sum() - (weights**2).sum() / weights.sum())
    tau_squared = max(0.0, (count * phi - (count - 1)) / spread) if spread > 0 else 0.0
    return Overdispersion(phi, tau_squared, trimming, share, count)


def _kept_when_truncated(scores: np.ndarray, share: float) -> np.ndarray:
    from scipy.stats import rankdata

    if share == 0:
        return np.ones(len(scores), dtype=bool)
    groups = 1 / share
    group = np.floor(rankdata(scores) * groups / (len(scores) + 1))
    return (group > 0) & (group < groups - 1)


def proportion_funnel(
    names: Sequence[str],
    counts: Sequence[int],
    sizes: Sequence[int],
    *,
    trimming: Trimming | None = None,
    share: float = TRIMMED_SHARE,
    higher_is_better: bool = True,
    minimum: float = CLASS_MINIMUM,
) -> Funnel:
    """A funnel of shares around the share of all units together.

    Parameters
    ----------
    counts, sizes : sequence of int
        `counts[i]` of `sizes[i]` people.
    trimming : str, optional
        Given, the limits allow for overdispersion, on the arcsine scale; left out, they are exact (binomial).

    Raises
    ------
    ValueError
        Lists of different length, a size below 1, a count outside 0..size, or a share of all that is 0 or 1.
    """
    count, size = np.asarray(counts, dtype=float), np.asarray(sizes, dtype=float)
    _check(len(names) == len(count) == len(size) > 0, "a funnel needs one count and one size per unit")
    _check(bool((size >= 1).all() and (count >= 0).all() and (count <= size).all()), "counts lie within 0..size")
    target = float(count.sum() / size.sum())
    _check(0 < target < 1, "where everybody or nobody responded, no unit can differ")
    values, errors = np.arcsin(np.sqrt(count / size)), 1 / (2 * np.sqrt(size))
    z = (values - math.asin(math.sqrt(target))) / errors
    if trimming is None:
        limits = [proportion_limits(int(n), target) for n in size]
        return _funnel(names, size, count / size, errors, z, limits, target, None, higher_is_better, minimum,
                       "exact binomial limits, interpolated")  # fmt: skip
    found = estimate_overdispersion(z, errors, trimming, share)
    limits = [arcsine_limits(float(n), target, found.tau_squared) for n in size]
    return _funnel(names, size, count / size, errors, z, limits, target, found, higher_is_better, minimum,
                   "arcsine limits with overdispersion")  # fmt: skip


def arcsine_limits(size: float, target: float, tau_squared: float = 0.0) -> Limits:
    """Limits of a share on the arcsine scale. An angle beyond 0 or 90 degrees is held there (sin^2 would turn round)."""
    error = math.sqrt(1 / (4 * size) + tau_squared)
    middle = math.asin(math.sqrt(target))
    angles = (min(math.pi / 2, max(0.0, middle + z * error)) for z in (-Z_998, -Z_95, Z_95, Z_998))
    return Limits(size, *(math.sin(angle) ** 2 for angle in angles))


def ratio_funnel(
    names: Sequence[str],
    observed: Sequence[float],
    expected: Sequence[float],
    *,
    trimming: Trimming | None = None,
    share: float = TRIMMED_SHARE,
    scale: Literal["log", "square root"] = "square root",
    higher_is_better: bool = False,
    minimum: float = CLASS_MINIMUM,
) -> Funnel:
    """A funnel of indirectly standardised ratios (observed per expected events) around 1.

    Parameters
    ----------
    trimming : str, optional
        Given, the limits allow for overdispersion, on the `scale`; left out, they are exact (Poisson).
    scale : str
        `square root` (Spiegelhalter; CQC) or `log` (SHMI), which has no place for a unit without events.
    minimum : float
        Expected events below which a unit gets no class; see `ratio_limits` on few expected events.

    Raises
    ------
    ValueError
        Lists of different length, expected not above 0, observed below 0 (or 0 with `log`).
    """
    events, size = np.asarray(observed, dtype=float), np.asarray(expected, dtype=float)
    _check(len(names) == len(events) == len(size) > 0, "a funnel needs observed and expected events per unit")
    _check(bool((size > 0).all() and (events >= 0).all()), "observed events are at least 0, expected ones above 0")
    ratio = events / size
    if scale == "log":
        _check(bool((events > 0).all()), "a unit without events has no logarithm; use the square root")
        errors = 1 / np.sqrt(size)
        z = np.log(ratio) / errors
    else:
        _check(scale == "square root", "the scale is 'log' or 'square root'")
        errors = 1 / (2 * np.sqrt(size))
        z = (np.sqrt(ratio) - 1) / errors
    if trimming is None:
        limits = [ratio_limits(float(n)) for n in size]
        return _funnel(
            names, size, ratio, errors, z, limits, 1.0, None, higher_is_better, minimum, "exact Poisson limits"
        )
    found = estimate_overdispersion(z, errors, trimming, share)
    limits = [ratio_limits_with_overdispersion(float(n), found.tau_squared, scale) for n in size]
    return _funnel(names, size, ratio, errors, z, limits, 1.0, found, higher_is_better, minimum,
                   f"{scale} limits with overdispersion")  # fmt: skip


def ratio_limits_with_overdispersion(
    expected: float, tau_squared: float, scale: Literal["log", "square root"] = "square root"
) -> Limits:
    """Limits of a ratio around 1 on the log or square-root scale, with a variance `tau_squared` between units.

    Limits of the square root are squared back onto the ratio's own scale, which FunnelPlotR 0.6.0 leaves out.
    """
    if scale == "log":
        error = math.sqrt(1 / expected + tau_squared)
        return Limits(expected, *(math.exp(z * error) for z in (-Z_998, -Z_95, Z_95, Z_998)))
    error = math.sqrt(1 / (4 * expected) + tau_squared)
    return Limits(expected, *(max(0.0, 1 + z * error) ** 2 for z in (-Z_998, -Z_95, Z_95, Z_998)))


def mean_funnel(
    names: Sequence[str],
    sizes: Sequence[int],
    means: Sequence[float],
    *,
    target: float,
    sd: float,
    higher_is_better: bool = True,
    minimum: float = CLASS_MINIMUM,
) -> Funnel:
    """A funnel of means around `target`, where the standard deviation of single values is known from the whole.

    The comparator's `sd` is the same for every unit: with its own one, a unit whose patients differ much among each other
    would be judged more mildly.

    Raises
    ------
    ValueError
        Lists of different length, a size below 1, or `sd` not above 0.
    """
    size, value = np.asarray(sizes, dtype=float), np.asarray(means, dtype=float)
    _check(len(names) == len(size) == len(value) > 0, "a funnel needs one size and one mean per unit")
    _check(bool((size >= 1).all() and np.isfinite(value).all()), "a mean needs at least one value behind it")
    _check(sd > 0, "limits of a mean need a standard deviation above 0")
    errors = sd / np.sqrt(size)
    z = (value - target) / errors
    limits = [mean_limits(float(n), target, sd) for n in size]
    return _funnel(names, size, value, errors, z, limits, target, None, higher_is_better, minimum,
                   "normal limits with the comparator's standard deviation")  # fmt: skip


def _funnel(
    names: Sequence[str],
    sizes: np.ndarray,
    values: np.ndarray,
    errors: np.ndarray,
    z: np.ndarray,
    limits: Sequence[Limits],
    target: float,
    overdispersion: Overdispersion | None,
    higher_is_better: bool,
    minimum: float,
    method: str,
) -> Funnel:
    if overdispersion is not None:
        wide = np.sqrt(errors**2 + overdispersion.tau_squared)
        z, errors = z * errors / wide, wide
    units = tuple(
        FunnelUnit(
            name=str(name),
            size=float(sizes[place]),
            value=float(values[place]),
            standard_error=float(errors[place]),
            z=float(z[place]),
            limits=limits[place],
            status=_status(float(values[place]), limits[place], float(sizes[place]), higher_is_better, minimum),
        )
        for place, name in enumerate(names)
    )
    return Funnel(target, units, overdispersion, method)


def _status(value: float, limits: Limits, size: float, higher_is_better: bool, minimum: float) -> Status:
    """The class by the limits that are drawn, so that a point and its class never disagree."""
    if size < minimum:
        return "insufficient records"
    if limits.low_95 <= value <= limits.high_95:
        return "not an outlier"
    better = (value > limits.high_95) == higher_is_better
    if limits.low_998 <= value <= limits.high_998:
        return "positive 95" if better else "negative 95"
    return "positive 99.8" if better else "negative 99.8"


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
