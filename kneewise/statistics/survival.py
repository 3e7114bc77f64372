"""Time to an event with people who leave before it: survival curves and cumulative incidence. Counts in, curves out.

Everything is computed from a `RiskTable` (per time: how many had the event, another event that rules it out, or were last
seen), so the counts can come from a database and no person's row is needed.

What counts as the event is never guessed from truth values: R's `lung` codes death as 2 and being alive as 1, and both are
true. Whoever has status codes names each of them (`risk_table`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np

from kneewise.statistics.intervals import LEVEL

Meaning = Literal["event", "competing", "censored"]
Interval = Literal["log", "log-log", "plain"]
_SAME = 1e-9


@dataclass(frozen=True)
class RiskTable:
    """Per distinct time (ascending): people still at risk just before it, and what happened at it."""

    times: tuple[float, ...]
    at_risk: tuple[int, ...]
    events: tuple[int, ...]
    competing: tuple[int, ...]
    censored: tuple[int, ...]

    @property
    def people(self) -> int:
        """How many people the table began with."""
        return self.at_risk[0]


@dataclass(frozen=True)
class SurvivalCurve:
    """Share still without the event, from just after each time on (1 before the first).

    `standard_error`, `low` and `high` are NaN where the share is 0 (nobody is left to vary). The median and its interval
    are None where the curve, or the interval's end, does not fall to a half.
    """

    table: RiskTable
    survival: tuple[float, ...]
    standard_error: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    median: float | None
    median_low: float | None
    median_high: float | None
    level: float
    interval: Interval


@dataclass(frozen=True)
class CumulativeIncidence:
    """Share who have had the event by each time, where a competing event rules it out.

    `event_free` is the share with neither; the three shares add up to 1. `low` and `high` belong to `event`.
    """

    table: RiskTable
    event: tuple[float, ...]
    competing: tuple[float, ...]
    event_free: tuple[float, ...]
    standard_error: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    level: float


def risk_table(times: Sequence[float], statuses: Sequence[Hashable], meaning: Mapping[Hashable, Meaning]) -> RiskTable:
    """The risk table of single observations.

    Parameters
    ----------
    times : sequence of float
        Time to the event, or to when the person was last seen; at least 0.
    statuses : sequence
        One code per person.
    meaning : mapping of code to "event", "competing" or "censored"
        What every code says; a code that is not in it is refused, and so is a missing one.

    Raises
    ------
    ValueError
        Lists of different length, no people, a negative or missing time, or a code without a meaning.
    """
    _check(len(times) == len(statuses) > 0, "survival needs one time and one status per person")
    wrong = set(meaning.values()) - set(get_args(Meaning))
    _check(not wrong, "a status means 'event', 'competing' or 'censored'")
    unknown = sorted({str(status) for status in statuses if status not in meaning})
    _check(not unknown, f"no meaning is given for the status {', '.join(unknown)}")
    found = np.asarray(times, dtype=float)
    distinct, places = np.unique(found, return_inverse=True)
    counts = {
        kind: np.bincount(
            places, weights=[meaning[status] == kind for status in statuses], minlength=len(distinct)
        ).astype(int)
        for kind in get_args(Meaning)
    }
    return risk_table_from_counts(distinct, counts["event"], counts["censored"], counts["competing"])


def risk_table_from_counts(
    times: Sequence[float],
    events: Sequence[int],
    censored: Sequence[int],
    competing: Sequence[int] | None = None,
) -> RiskTable:
    """The risk table of counts per distinct time. Somebody last seen at a time was at risk at it.

    Raises
    ------
    ValueError
        Lists of different length, nobody in them, negative counts, or times that do not ascend from 0.
    """
    time = np.asarray(times, dtype=float)
    others = np.zeros(len(time), dtype=int) if competing is None else np.asarray(competing)
    counts = [np.asarray(events), others, np.asarray(censored)]
    _check(all(len(each) == len(time) for each in counts), "survival needs every count at every time")
    _check(
        all(bool((each >= 0).all() and (each == np.rint(each)).all()) for each in counts), "counts are whole numbers"
    )
    _check(bool(np.isfinite(time).all() and (np.diff(time) > 0).all() and (time >= 0).all()), "times ascend from 0")
    leaving = sum(counts)
    _check(len(time) > 0 and int(leaving.sum()) > 0, "survival needs at least one person")
    at_risk = np.cumsum(leaving[::-1])[::-1]
    return RiskTable(tuple(map(float, time)), *(tuple(map(int, each)) for each in (at_risk, *counts)))


def number_at_risk(table: RiskTable, times: Sequence[float]) -> tuple[int, ...]:
    """How many people are still at risk just before each of the `times`."""
    places = np.searchsorted(table.times, np.asarray(times, dtype=float), side="left")
    return tuple(int(table.at_risk[place]) if place < len(table.times) else 0 for place in places)


def kaplan_meier(table: RiskTable, *, level: float = LEVEL, interval: Interval = "log-log") -> SurvivalCurve:
    """The Kaplan-Meier curve with Greenwood's standard error, its interval and its median.

    A competing event ends the observation like being last seen does; then the curve says what would happen without that
    event, and `cumulative_incidence` what does happen.

    Parameters
    ----------
    interval : str
        Scale on which the interval is symmetric: `log` is R's default, `log-log` lifelines'; `plain` can leave 0..1 and
        is cut there.

    Raises
    ------
    ValueError
        `level` not between 0 and 1, or `interval` unknown.

    Source: Kaplan EL, Meier P, J Am Stat Assoc 1958;53:457-481; median and interval as R's survfit (survival 3.5).
    """
    _check(0 < level < 1, "the level lies between 0 and 1")
    _check(interval in get_args(Interval), "the interval is 'log', 'log-log' or 'plain'")
    n, d = np.asarray(table.at_risk, dtype=float), np.asarray(table.events, dtype=float)
    survival = np.cumprod(1 - d / n)
    with np.errstate(divide="ignore"):
        # Variance of the logarithm of the curve; endless once nobody is left.
        log_variance = np.cumsum(np.where(d > 0, d / (n * (n - d)), 0.0))
    left = survival > 0
    spread = np.sqrt(np.where(left, log_variance, np.nan))
    low, high = _interval(survival, spread, NormalDist().inv_cdf(0.5 + level / 2), interval)
    return SurvivalCurve(
        table=table,
        survival=tuple(map(float, survival)),
        standard_error=tuple(map(float, survival * spread)),
        low=tuple(map(float, low)),
        high=tuple(map(float, high)),
        median=_falls_to_half(table.times, survival),
        median_low=_falls_to_half(table.times, low),
        median_high=_falls_to_half(table.times, high),
        level=level,
        interval=interval,
    )


def _interval(survival: np.ndarray, spread: np.ndarray, z: float, interval: str) -> tuple[np.ndarray, np.ndarray]:
    """The ends per time; `spread` is the standard error of the curve's logarithm, NaN where nobody is left."""
    if interval == "plain":
        ends = survival * (1 - z * spread), survival * (1 + z * spread)
    elif interval == "log":
        ends = survival * np.exp(-z * spread), survival * np.exp(z * spread)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(z * spread / np.log(survival))  # log(survival) < 0, so this is below 1
            ends = survival ** (1 / factor), survival**factor
        # Before the first event nothing varies: the share is 1 and so are both ends.
        ends = tuple(np.where(survival == 1, 1.0, end) for end in ends)
    return np.clip(ends[0], 0, 1), np.clip(ends[1], 0, 1)


def _falls_to_half(times: Sequence[float], curve: np.ndarray) -> float | None:
    """The first time at which the curve is below a half; half-way along the step where it is exactly a half."""
    known = ~np.isnan(curve)
    below = np.flatnonzero(known & (curve < 0.5 - _SAME))
    at = np.flatnonzero(known & (np.abs(curve - 0.5) <= _SAME))
    if len(at):
        # The step at a half ends where the curve next falls (or is gone, when nobody is left).
        after = np.flatnonzero(~known | (curve < 0.5 - _SAME))
        after = after[after > at[0]]
        return float((times[at[0]] + times[after[0]]) / 2) if len(after) else float(times[at[0]])
    return float(times[below[0]]) if len(below) else None


def cumulative_incidence(table: RiskTable, *, level: float = LEVEL) -> CumulativeIncidence:
    """The Aalen-Johansen cumulative incidence of the event, with the other event competing.

    One minus Kaplan-Meier would overstate it: it counts people after the competing event as if they could still have the
    event.

    Raises
    ------
    ValueError
        `level` not between 0 and 1.

    Source: Aalen OO, Johansen S, Scand J Stat 1978;5:141-150; variance by the delta method (Marubini E, Valsecchi MG,
    Analysing Survival Data from Clinical Trials and Observational Studies, Wiley 1995, 10.12); interval on the log-log
    scale.
    """
    _check(0 < level < 1, "the level lies between 0 and 1")
    n, d, other = (np.asarray(each, dtype=float) for each in (table.at_risk, table.events, table.competing))
    free = np.cumprod(1 - (d + other) / n)
    before = np.concatenate([[1.0], free[:-1]])
    event, competing = np.cumsum(before * d / n), np.cumsum(before * other / n)
    error = np.sqrt(np.maximum(0.0, _incidence_variance(n, d, d + other, before, event)))
    z = NormalDist().inv_cdf(0.5 + level / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.exp(z * error / (event * np.log(event)))
        low, high = event ** (1 / factor), event**factor
    fixed = (event <= 0) | (event >= 1)
    return CumulativeIncidence(
        table=table,
        event=tuple(map(float, event)),
        competing=tuple(map(float, competing)),
        event_free=tuple(map(float, free)),
        standard_error=tuple(map(float, error)),
        low=tuple(map(float, np.where(fixed, event, low))),
        high=tuple(map(float, np.where(fixed, event, high))),
        level=level,
    )


def _incidence_variance(
    n: np.ndarray, d: np.ndarray, both: np.ndarray, before: np.ndarray, event: np.ndarray
) -> np.ndarray:
    """Variance of the incidence at every time.

    With I the incidence, the sum over earlier times j of (I - I_j)^2 A_j + B_j - 2 (I - I_j) C_j is expanded, so that
    running sums give all times at once.
    """
    left = n - both
    # At the last time, when nobody is left, I - I_j is 0 and the endless factor does not count.
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(left > 0, both / (n * left), 0.0)
    b = before**2 * d * (n - d) / n**3
    c = before * d / n**2
    return (
        event**2 * np.cumsum(a)
        - 2 * event * np.cumsum(a * event)
        + np.cumsum(a * event**2)
        + np.cumsum(b)
        - 2 * event * np.cumsum(c)
        + 2 * np.cumsum(c * event)
    )


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
