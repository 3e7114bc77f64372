"""Control charts: limits from a series' own variation, and which of its points are more than that variation.

XmR charts for values, p- and u-charts (plain, or with Laney's correction) for counts. Limits are easy; definitions are
where tools disagree, so every chart carries its `convention` as text. The rules, their order and the way a point gets
its label are those of NHSRplotthedots 0.2.2 (Making Data Count, NHS England). Points are taken in order of time.

A missing or immature point (its follow-up is still open) is drawn and does nothing else: no limit is computed from it,
no moving range reaches across it, it never signals, and the rules count on as if it weren't there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from kneewise.errors import KneewiseError

Direction = Literal["higher", "lower", "neutral"]
Rule = Literal["outside_limits", "trend", "two_of_three", "one_side"]
Label = Literal["common_cause", "improvement", "concern", "neutral", "not_judged"]
State = Literal["firm", "provisional", "too_few_points", "no_variation"]
VariationIcon = Literal[
    "common_cause", "improvement_high", "improvement_low", "concern_high", "concern_low", "neutral_high", "neutral_low",
    "not_judged",
]  # fmt: skip
AssuranceIcon = Literal["consistently_passes", "consistently_fails", "hit_and_miss"]

RULES: tuple[Rule, ...] = get_args(Rule)  # in the order in which they decide a label: special_cause_type

D2 = 1.128  # mean range of two normal values, in standard deviations (Montgomery, appendix VI, n = 2)
SCREEN = 3.267  # D4 for n = 2: upper limit of a moving range over the mean moving range (same table)
NHS_FACTOR = 2.66  # 3 / D2 as NHS tools round it; qicharts2 and qcc take 3 / D2 unrounded
FIRM_FROM = 12  # points for limits that are not provisional (NHSRplotthedots: short_group_warning)
MINIMUM = 6  # points for any limits: "five or six" (Wheeler, Understanding Variation, through NHSRplotthedots' article)
RUN, WINDOW, ENOUGH = 7, 3, 2  # seven on one side or in a trend; two of three beyond two thirds of the limit
ROUNDING = 1e-12  # of the largest value: differences below it come from the arithmetic, not from the data


class ChartRefused(KneewiseError):
    """A series or an option no chart can be made from."""


@dataclass(frozen=True)
class Rebase:
    """New limits from the point named `at`. Nobody starts new limits without saying what changed.

    Raises
    ------
    ChartRefused
        `reason` is empty.
    """

    at: str
    reason: str

    def __post_init__(self) -> None:
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise ChartRefused(f"New limits from {self.at} need a reason: say what changed in the care then.")


@dataclass(frozen=True)
class ChartPoint:
    """One point, in the unit of the series. None: missing, or no limits there.

    `rules` are all that fired, the one that decided label and side first.
    """

    name: str
    value: float | None
    centre: float | None
    lower: float | None
    upper: float | None
    phase: int
    immature: bool
    label: Label
    side: Literal["high", "low"] | None
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Phase:
    """Points `first` to `last` (from 0, both included) that share their limits. `reason` is "" for the first phase.

    `n_used` points made the limits. `mean_moving_range` is in the unit of the series, in Laney's charts of z scores;
    `sigma_z` (Laney only) is how much wider than chance alone the points vary. `ranges_screened` were left out.
    """

    first: int
    last: int
    reason: str
    state: State
    n_used: int
    centre: float | None
    mean_moving_range: float | None
    sigma_z: float | None
    ranges_screened: int


@dataclass(frozen=True)
class Signal:
    """A rule and the positions (from 0) of the points it fired at."""

    rule: Rule
    points: tuple[int, ...]


@dataclass(frozen=True)
class ControlChart:
    """A chart ready to be drawn. Both icons speak of the last point that is measured and mature.

    `assurance_icon` is None without a target, without a direction of good, or where that point has no limits.
    """

    kind: Literal["XmR", "p", "p'", "u", "u'"]
    points: tuple[ChartPoint, ...]
    phases: tuple[Phase, ...]
    signals: tuple[Signal, ...]
    direction: Direction
    target: float | None
    variation_icon: VariationIcon
    assurance_icon: AssuranceIcon | None
    convention: str


@dataclass(frozen=True)
class _Options:
    """What the caller asked for, whatever the kind of chart."""

    direction: Direction
    target: float | None
    baseline_points: int | None
    rebases: Sequence[Rebase]
    immature: Sequence[bool] | None
    names: Sequence[str] | None


@dataclass(frozen=True)
class _Spread:
    """Centre and distance of the limits from it at every point of a phase, before they are clipped."""

    centre: float
    half: np.ndarray
    mean_moving_range: float | None = None
    sigma_z: float | None = None
    ranges_screened: int = 0


def xmr_chart(
    values: Sequence[float | None],
    *,
    direction: Direction,
    target: float | None = None,
    screen_moving_ranges: bool = True,
    factor: float = NHS_FACTOR,
    baseline_points: int | None = None,
    rebases: Sequence[Rebase] = (),
    immature: Sequence[bool] | None = None,
    names: Sequence[str] | None = None,
) -> ControlChart:
    """The XmR (individuals) chart of values in any unit; None and NaN are missing.

    Parameters
    ----------
    direction
        Which way is good.
    target
        In the unit of the values; any number, as such a chart has no range.
    screen_moving_ranges
        Leave out moving ranges of 3.267 times their mean or more, once; the points stay in the mean. So does
        NHSRplotthedots; the NHS spreadsheet, and qicharts2 unless asked to, use every range.
    factor
        Limits are the mean and this many mean moving ranges on both sides.
    baseline_points
        Limits from the first so many points of each phase only (months count, measured or not).
    rebases
        Where new limits begin, and why.
    immature
        True for points whose follow-up is still open.
    names
        One per point, all different; without them "1", "2", ...

    Raises
    ------
    ChartRefused
        No points, an infinite value, or an option that doesn't fit them.
    """
    value = read_numbers(values, "value")
    options = _Options(direction, target, baseline_points, rebases, immature, names)
    if not (_is_finite(factor) and factor > 0):
        raise ChartRefused("The factor of the limits must be a number above 0.")

    def spread(part: slice, used: np.ndarray) -> _Spread | None:
        inside = np.where(used, value[part], np.nan)
        mean_range, screened = _mean_moving_range(inside, screen_moving_ranges)
        if mean_range is None:
            return None
        # The mean of the distances from one value: equal values get exactly their mean.
        start = inside[used][0]
        centre = float(start + np.mean(inside[used] - start))
        return _Spread(centre, np.full(len(used), factor * mean_range), mean_range, ranges_screened=screened)

    formula = f"mean ± {factor:g} × mean moving range, {_screening(screen_moving_ranges)}"
    return _chart("XmR", value, spread, (-math.inf, math.inf), formula, options)


def p_chart(
    numerators: Sequence[float | None],
    denominators: Sequence[float | None],
    *,
    direction: Direction,
    laney: bool = True,
    target: float | None = None,
    screen_moving_ranges: bool = False,
    baseline_points: int | None = None,
    rebases: Sequence[Rebase] = (),
    immature: Sequence[bool] | None = None,
    names: Sequence[str] | None = None,
) -> ControlChart:
    """The p'-chart (Laney; plain p-chart with `laney=False`) of shares from 0 to 1: `numerators` of `denominators`.

    Limits differ by point, as denominators do, and are clipped to 0..1. None, NaN and 0 of 0 are missing. `target` is
    a share. The other options are those of `xmr_chart`; ranges to screen are those of the z scores.

    Raises
    ------
    ChartRefused
        As `xmr_chart`; counts that are negative, not whole, or more than their denominator; a target outside 0..1;
        screening asked of the plain chart.

    Source: Laney DB, Qual Eng 2002;14:531-537; plain: Montgomery, Introduction to Statistical Quality Control, 7.2.
    """
    counts, sizes = _read_counts(numerators, denominators)
    if (counts > sizes).any():
        raise ChartRefused("A share needs no more events than people: a numerator is larger than its denominator.")
    if (sizes % 1 > 0).any():
        raise ChartRefused("The denominator of a share must be a whole number of people.")
    options = _Options(direction, target, baseline_points, rebases, immature, names)
    formula = "overall share ± 3 × binomial standard deviation"
    return _count_chart(
        "p", counts, sizes, _binomial_variance, (0.0, 1.0), formula, laney, screen_moving_ranges, options
    )


def u_chart(
    numerators: Sequence[float | None],
    denominators: Sequence[float | None],
    *,
    direction: Direction,
    laney: bool = True,
    target: float | None = None,
    screen_moving_ranges: bool = False,
    baseline_points: int | None = None,
    rebases: Sequence[Rebase] = (),
    immature: Sequence[bool] | None = None,
    names: Sequence[str] | None = None,
) -> ControlChart:
    """The u'-chart (Laney; plain u-chart with `laney=False`) of rates: events per unit of the `denominators`.

    Denominators are any amount of exposure, in hundreds of days for a rate per hundred days. Limits are clipped at 0.
    `target` is a rate. Otherwise as `p_chart`.

    Raises
    ------
    ChartRefused
        As `p_chart`, but a rate may be above 1; events without exposure.
    """
    counts, sizes = _read_counts(numerators, denominators)
    if ((sizes == 0) & (counts > 0)).any():
        raise ChartRefused("A rate needs exposure: there are events where the denominator is 0.")
    options = _Options(direction, target, baseline_points, rebases, immature, names)
    formula = "overall rate ± 3 × Poisson standard deviation"
    return _count_chart(
        "u", counts, sizes, _poisson_variance, (0.0, math.inf), formula, laney, screen_moving_ranges, options
    )


def points_on_one_side(side: np.ndarray) -> np.ndarray:
    """1 or -1 for every point in a run of seven or more with that side (1 above, -1 below the centre), else 0."""
    marks = np.zeros(len(side), dtype=int)
    for start in range(len(side) - RUN + 1):
        window = side[start : start + RUN]
        if (window == window[0]).all():
            marks[start : start + RUN] = window[0]
    return marks


def points_in_trend(values: np.ndarray) -> np.ndarray:
    """1 or -1 for every point among seven that rise or fall at each step, else 0; the later of two trends counts."""
    steps = sides(values[1:], values[:-1])
    marks = np.zeros(len(values), dtype=int)
    for start in range(len(values) - RUN + 1):
        window = steps[start : start + RUN - 1]
        if window[0] != 0 and (window == window[0]).all():  # standing still ends a trend and undoes none
            marks[start : start + RUN] = window[0]
    return marks


def points_near_limit(near: np.ndarray, side: np.ndarray) -> np.ndarray:
    """1 or -1 for points near a limit that are two or three of three neighbours all on that side, else 0."""
    marks = np.zeros(len(side), dtype=int)
    for start in range(len(side) - WINDOW + 1):
        window = slice(start, start + WINDOW)
        if (side[window] == side[start]).all() and near[window].sum() >= ENOUGH:
            marks[window][near[window]] = side[start]
    return marks


def sides(values: np.ndarray, centre: float | np.ndarray) -> np.ndarray:
    """1 above the centre, -1 below, 0 on it (but for rounding) or missing."""
    distance = values - centre
    off = np.abs(distance) > max(_rounding(values), _rounding(np.asarray(centre)))
    return np.where(off, np.sign(distance), 0).astype(int)


def read_numbers(values: Sequence[float | None], what: str) -> np.ndarray:
    """The values as a one-dimensional array of floats, None as NaN.

    Raises
    ------
    ChartRefused
        None of them, one that is no number, or one that is infinite.
    """
    try:
        numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
    except (TypeError, ValueError) as error:
        raise ChartRefused(f"Every {what} must be a number, or nothing where it is missing.") from error
    if numbers.ndim != 1 or len(numbers) == 0:
        raise ChartRefused(f"A chart needs at least one {what}.")
    if np.isinf(numbers).any():
        raise ChartRefused(f"A {what} is infinite: leave it out, or correct it.")
    return numbers


def read_immature(immature: Sequence[bool] | None, n: int) -> np.ndarray:
    """The mask as an array of n booleans; all False for None.

    Raises
    ------
    ChartRefused
        Another length, or something else than True and False.
    """
    if immature is None:
        return np.zeros(n, dtype=bool)
    if len(immature) != n or not all(isinstance(each, bool | np.bool_) for each in immature):
        raise ChartRefused("Immature points are given as one true or false for each point.")
    return np.array(immature, dtype=bool)


def read_names(names: Sequence[str] | None, n: int) -> tuple[str, ...]:
    """The points' names; "1" to "n" for None.

    Raises
    ------
    ChartRefused
        Another length, or a name that comes twice.
    """
    if names is None:
        return tuple(str(number + 1) for number in range(n))
    if len(names) != n or len(set(names)) != n:
        raise ChartRefused("The names of the points must be all different, one for each point.")
    return tuple(names)


def _read_counts(
    numerators: Sequence[float | None], denominators: Sequence[float | None]
) -> tuple[np.ndarray, np.ndarray]:
    counts, sizes = read_numbers(numerators, "numerator"), read_numbers(denominators, "denominator")
    if len(counts) != len(sizes):
        raise ChartRefused("There must be one denominator for each numerator.")
    if (counts < 0).any() or (sizes < 0).any():
        raise ChartRefused("Counts and their denominators can't be negative.")
    if (counts % 1 > 0).any():
        raise ChartRefused("A numerator counts events: it must be a whole number.")
    return counts, sizes


def _binomial_variance(share: float) -> float:
    return share * (1 - share)


def _poisson_variance(rate: float) -> float:
    return rate


def _count_chart(
    kind: Literal["p", "u"],
    counts: np.ndarray,
    sizes: np.ndarray,
    variance: Callable[[float], float],
    bounds: tuple[float, float],
    formula: str,
    laney: bool,
    screen: bool,
    options: _Options,
) -> ControlChart:
    """The p- or u-chart. `variance(centre)` is that of one unit of the denominator."""
    if screen and not laney:
        raise ChartRefused("The plain chart has no moving ranges to screen: only Laney's charts do.")
    sizes = np.where(sizes > 0, sizes, np.nan)
    value = counts / sizes

    def spread(part: slice, used: np.ndarray) -> _Spread | None:
        centre = float(counts[part][used].sum() / sizes[part][used].sum())
        deviation = np.sqrt(variance(centre) / sizes[part])
        if not laney or variance(centre) == 0:
            return _Spread(centre, 3 * deviation)
        z = np.where(used, (value[part] - centre) / deviation, np.nan)
        mean_range, screened = _mean_moving_range(z, screen)
        if mean_range is None:
            return None
        return _Spread(centre, 3 * deviation * mean_range / D2, mean_range, mean_range / D2, screened)

    if not laney:
        return _chart(kind, value, spread, bounds, formula, options)
    formula = f"{formula} × sigma z (Laney), {_screening(screen)}"
    return _chart(f"{kind}'", value, spread, bounds, formula, options)


def _chart(
    kind: str,
    value: np.ndarray,
    spread: Callable[[slice, np.ndarray], _Spread | None],
    bounds: tuple[float, float],
    formula: str,
    options: _Options,
) -> ControlChart:
    """The chart: phases, their limits from `spread(part of the series, its points to use)`, labels and icons."""
    left_out, name = read_immature(options.immature, len(value)), read_names(options.names, len(value))
    direction, target, baseline = options.direction, options.target, options.baseline_points
    if direction not in ("higher", "lower", "neutral"):
        raise ChartRefused('The direction of good must be "higher", "lower" or "neutral".')
    if target is not None and not (_is_finite(target) and bounds[0] <= target <= bounds[1]):
        raise ChartRefused(f"The target must be a number{_range_words(bounds)}.")
    if baseline is not None and not (isinstance(baseline, int | np.integer) and baseline >= MINIMUM):
        raise ChartRefused(f"A baseline needs a whole number of at least {MINIMUM} points.")

    mature = ~left_out & ~np.isnan(value)
    starts, reasons = _phase_starts(name, options.rebases)
    phases, points = [], []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(value)], strict=True)):
        part = slice(start, end)
        used = mature[part] & (np.arange(end - start) < (baseline or end - start))
        found = spread(part, used) if used.sum() >= MINIMUM else None
        state = _state(found, int(used.sum()))
        phases.append(
            Phase(
                start, end - 1, reasons[number], state, int(used.sum()), found and found.centre,
                found and found.mean_moving_range, found and found.sigma_z, found.ranges_screened if found else 0,
            )
        )  # fmt: skip
        limits = found if state in ("firm", "provisional") else None
        points += _phase_points(name[part], value[part], left_out[part], limits, phases[-1], number, bounds, direction)

    fired = {rule: tuple(at for at, point in enumerate(points) if rule in point.rules) for rule in RULES}
    last = points[np.flatnonzero(mature)[-1]] if mature.any() else None
    return ControlChart(
        kind,
        tuple(points),
        tuple(phases),
        tuple(Signal(rule, at) for rule, at in fired.items() if at),
        direction,
        target,
        "not_judged" if last is None else f"{last.label}_{last.side}" if last.side else last.label,
        _assurance(last, target, direction),
        f"limits: {formula}"
        + (f", from the first {baseline} points of each phase" if baseline else "")
        + (", immature points left out" if left_out.any() else "")
        + "; Making Data Count rules",
    )


def _phase_starts(name: tuple[str, ...], rebases: Sequence[Rebase]) -> tuple[list[int], list[str]]:
    places = {}
    for rebase in rebases:
        if rebase.at not in name[1:]:
            raise ChartRefused(f"New limits can't begin at {rebase.at}: name a point of the chart after its first.")
        if name.index(rebase.at) in places:
            raise ChartRefused(f"New limits from {rebase.at} are asked for twice: give one reason.")
        places[name.index(rebase.at)] = rebase.reason.strip()
    return [0, *sorted(places)], ["", *(places[at] for at in sorted(places))]


def _state(found: _Spread | None, n_used: int) -> State:
    if found is None:
        return "too_few_points"
    if not (found.half[~np.isnan(found.half)] > 0).any():
        return "no_variation"
    return "firm" if n_used >= FIRM_FROM else "provisional"


def _phase_points(
    name: tuple[str, ...],
    value: np.ndarray,
    left_out: np.ndarray,
    found: _Spread | None,
    phase: Phase,
    number: int,
    bounds: tuple[float, float],
    direction: Direction,
) -> list[ChartPoint]:
    """The points of one phase with limits, rules and labels; without limits (`found` is None) nothing is judged."""
    n = len(value)
    half = np.full(n, np.nan) if found is None else found.half
    centre = np.nan if found is None else found.centre
    lower, upper = np.maximum(centre - half, bounds[0]), np.minimum(centre + half, bounds[1])

    marks = np.zeros((len(RULES), n), dtype=int)
    judged = ~left_out & ~np.isnan(value) & ~np.isnan(half)
    side = sides(value[judged], centre)
    rounding = _rounding(value[judged])
    outside = (value[judged] > upper[judged] + rounding) | (value[judged] < lower[judged] - rounding)
    near = ~outside & (np.abs(value[judged] - centre) > half[judged] * 2 / 3 + rounding)
    marks[:, judged] = (  # in the order of RULES
        np.where(outside, side, 0),
        points_in_trend(value[judged]),
        points_near_limit(near, side),
        points_on_one_side(side),
    )

    points = []
    for at in range(n):
        rules = tuple(rule for rule, mark in zip(RULES, marks[:, at], strict=True) if mark)
        sign = next((int(mark) for mark in marks[:, at] if mark), 0)
        points.append(
            ChartPoint(
                name[at], _or_none(value[at]), phase.centre, _or_none(lower[at]), _or_none(upper[at]), number,
                bool(left_out[at]), _label(sign, direction) if judged[at] else "not_judged",
                {1: "high", -1: "low"}.get(sign), rules,
            )
        )  # fmt: skip
    return points


def _label(sign: int, direction: Direction) -> Label:
    if sign == 0:
        return "common_cause"
    if direction == "neutral":
        return "neutral"
    return "improvement" if (sign > 0) == (direction == "higher") else "concern"


def _assurance(last: ChartPoint | None, target: float | None, direction: Direction) -> AssuranceIcon | None:
    """Whether the target lies outside the limits. On a limit, or between them, it will be hit and missed by chance."""
    if last is None or last.upper is None or target is None or direction == "neutral":
        return None
    if last.lower <= target <= last.upper:
        return "hit_and_miss"
    return "consistently_passes" if (target < last.lower) == (direction == "higher") else "consistently_fails"


def _mean_moving_range(values: np.ndarray, screen: bool) -> tuple[float | None, int]:
    """The mean distance of neighbours, and how many distances were screened; None where too few have a neighbour."""
    rounding = _rounding(values)
    ranges = np.abs(np.diff(values))
    ranges = ranges[~np.isnan(ranges)]
    if len(ranges) < MINIMUM - 1:
        return None, 0
    kept = ranges[ranges < SCREEN * ranges.mean() - rounding] if screen else ranges
    mean = float(kept.mean()) if len(kept) else 0.0
    return (mean if mean > rounding else 0.0), len(ranges) - len(kept)


def _is_finite(number: object) -> bool:
    return isinstance(number, int | float | np.number) and math.isfinite(number)


def _rounding(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return ROUNDING * float(finite.max()) if finite.size else 0.0


def _or_none(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _screening(screen: bool) -> str:
    return "large ranges screened" if screen else "all ranges used"


def _range_words(bounds: tuple[float, float]) -> str:
    if bounds[1] == 1:
        return " from 0 to 1"
    return " of 0 or more" if bounds[0] == 0 else ""
