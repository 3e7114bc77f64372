"""A measure over time as it may be shown: one point per period, with the limits and signals of its control chart.

In the shared mode the chart is worked out from the released (rounded) numbers, so it says nothing that they do not. A
period of too few people is a point without numbers, in both modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import ReleasedContext, ReleasedShare, released_count, shown_count, sum_of
from kneewise.errors import DisclosureRefused
from kneewise.statistics.control_charts import (
    ENOUGH,
    FIRM_FROM,
    RUN,
    WINDOW,
    ControlChart,
    Direction,
    Rebase,
    p_chart,
    u_chart,
    xmr_chart,
)
from kneewise.statistics.run_charts import run_chart

Measure = Literal["improved", "change", "completeness", "episodes"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
Unit = Literal["percent", "points", "episodes"]
UNITS: dict[str, Unit] = {"improved": "percent", "change": "points", "completeness": "percent", "episodes": "episodes"}
Period = Literal["month", "quarter", "year"]

LEAST_POINTS = 2
_KINDS = {"XmR": "XmR", "p'": "p prime", "u'": "u prime"}
_VARIATION = {
    "improvement": "improvement",
    "concern": "concern",
    "neutral": "special",
    "common": "common cause",
    "not": "too few points",
}
_ASSURANCE = {"consistently_passes": "passes", "consistently_fails": "fails", "hit_and_miss": "hit and miss"}
_RULES = {
    "outside_limits": "outside the limits",
    "trend": f"{RUN} in a row up or down",
    "two_of_three": f"{ENOUGH} of {WINDOW} near a limit",
    "one_side": f"{RUN} in a row on one side of the centre",
}


@dataclass(frozen=True)
class ReleasedPoint:
    """One period. `n` is the number of people, or None where too few stand behind it; then nothing else is said.

    `immature`: the follow-up of its people is not over, so it counts neither for the limits nor as a signal.
    """

    label: str
    n: int | None
    value: float | None
    centre: float | None = None
    lower: float | None = None
    upper: float | None = None
    signal: Literal["improvement", "concern", "special"] | None = None
    rules: tuple[str, ...] = ()
    immature: bool = False

    @property
    def hidden(self) -> bool:
        """Whether too few people stand behind it."""
        return self.value is None


@dataclass(frozen=True)
class ReleasedControlChart:
    """A measure over its periods. `variation` and `assurance` are the words of the Making Data Count icons.

    `chart` is "XmR", "p prime", "u prime" or, where there are too few points for limits, "run" (the centre is the median).
    `target` is in the unit of the values; `rebases` are (first period, reason).
    """

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    measure: str
    measure_name: str
    unit: Unit
    higher_is_better: bool | None
    period: Period
    chart: str
    convention: str
    points: tuple[ReleasedPoint, ...]
    variation: str
    assurance: str | None
    target: float | None
    rebases: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class PeriodCell:
    """One period as the store gives it. Exact, so never to be shown.

    The value is `count` of `people` (a share), else `mean` (points), else people per period; `length` is how many calendar
    periods it spans. `parts` are further counts that could be worked out from what is shown of it. `left_out`: its people
    may not be shown apart from others, or nobody belongs to it.
    """

    label: str
    people: int
    count: int | None = None
    mean: float | None = None
    length: int = 1
    parts: tuple[int, ...] = ()
    immature: bool = False
    left_out: bool = False

    @property
    def behind(self) -> tuple[int, ...]:
        """Every number of people that the point would tell."""
        share = () if self.count is None else (self.count, self.people - self.count)
        return (self.people, *share, *self.parts)


def release_control_chart(
    context: ReleasedContext,
    completeness: ReleasedShare,
    cells: Sequence[PeriodCell],
    *,
    measure: Measure,
    measure_name: str,
    period: Period,
    target: float | None,
    rebases: Sequence[tuple[str, str]],
    warnings: Sequence[str],
    policy: Policy,
) -> ReleasedControlChart:
    """The control chart of a measure, one point per cell, in their order.

    Raises
    ------
    DisclosureRefused
        Fewer than two periods may be shown; or (shared mode) a period that is not left out tells of too few people.
    ChartRefused
        A target or new limits that don't fit the chart.
    """
    shown = [_is_shown(cell, policy) for cell in cells]
    if sum(shown) < LEAST_POINTS:
        raise DisclosureRefused(
            f"Fewer than {LEAST_POINTS} {period}s have enough people (fewer than {policy.threshold} stand behind a number "
            "of the others), so there is nothing to show over time."
        )
    unit = UNITS[measure]
    decimals = policy.decimals_for(context.maximum - context.minimum)
    people = [released_count(cell.people, policy) if each else None for cell, each in zip(cells, shown, strict=True)]
    direction = _direction(measure, context)
    chart = _chart(cells, people, direction, unit, decimals, target, rebases, policy)
    values = _values(cells, people, unit, decimals, policy)
    kind, points, convention = _KINDS[chart.kind], _points(chart, people, values, unit, decimals), chart.convention
    found = list(warnings)
    if all(phase.state == "too_few_points" for phase in chart.phases):
        kind, points, convention = _run_points(cells, people, values, decimals)
    elif any(phase.state == "provisional" for phase in chart.phases):
        found.append(f"The limits are provisional: they rest on fewer than {FIRM_FROM} {period}s.")
    return ReleasedControlChart(
        context=context,
        n=sum_of(people, sum(cell.people for cell, each in zip(cells, shown, strict=True) if each), policy),
        completeness=completeness,
        measure=measure,
        measure_name=measure_name,
        unit=unit,
        higher_is_better={"higher": True, "lower": False, "neutral": None}[direction],
        period=period,
        chart=kind,
        convention=convention + ("; worked out from rounded numbers" if policy.mode == "shared" else ""),
        points=points,
        variation=_variation(chart, kind),
        assurance=None if chart.assurance_icon is None else _ASSURANCE[chart.assurance_icon],
        target=target,
        rebases=tuple((at, reason.strip()) for at, reason in rebases),
        warnings=tuple(found),
    )


def _is_shown(cell: PeriodCell, policy: Policy) -> bool:
    if cell.left_out:
        return False
    if policy.mode == "own":
        return min(cell.behind) >= policy.threshold
    for number in cell.behind:
        released_count(number, policy)
    return True


def _direction(measure: Measure, context: ReleasedContext) -> Direction:
    if measure == "episodes":
        return "neutral"
    return "lower" if measure == "change" and not context.higher_is_better else "higher"


def _values(
    cells: Sequence[PeriodCell], people: Sequence[int | None], unit: Unit, decimals: int, policy: Policy
) -> list[float | None]:
    """The value of each point as it is shown: shares as whole percentages of rounded counts."""
    found: list[float | None] = []
    for cell, n in zip(cells, people, strict=True):
        if n is None:
            found.append(None)
        elif unit == "percent":
            found.append(float(round(100 * shown_count(cell.count, policy) / n)))
        elif unit == "points":
            found.append(round(cell.mean, decimals) + 0.0)
        else:
            found.append(round(n / cell.length, 1))
    return found


def _chart(
    cells: Sequence[PeriodCell],
    people: Sequence[int | None],
    direction: Direction,
    unit: Unit,
    decimals: int,
    target: float | None,
    rebases: Sequence[tuple[str, str]],
    policy: Policy,
) -> ControlChart:
    """The chart of the numbers as they are released; a point without numbers is a missing one."""
    options = {
        "direction": direction,
        "rebases": [Rebase(at, reason) for at, reason in rebases],
        "immature": [cell.immature for cell in cells],
        "names": [cell.label for cell in cells],
    }
    if unit == "percent":
        counts = [
            None if n is None else released_count(cell.count, policy) for cell, n in zip(cells, people, strict=True)
        ]
        return p_chart(counts, people, target=None if target is None else target / 100, **options)
    if unit == "episodes" and any(cell.length > 1 for cell in cells):
        lengths = [None if n is None else cell.length for cell, n in zip(cells, people, strict=True)]
        return u_chart(people, lengths, target=target, **options)
    return xmr_chart(_values(cells, people, unit, decimals, policy), target=target, **options)


def _points(
    chart: ControlChart, people: Sequence[int | None], values: Sequence[float | None], unit: Unit, decimals: int
) -> tuple[ReleasedPoint, ...]:
    scale = 100 if unit == "percent" else 1
    places = decimals + 1 if unit == "points" else 1

    def shown(number: float | None) -> float | None:
        return None if number is None else round(scale * number, places) + 0.0

    return tuple(
        ReleasedPoint(
            label=point.name,
            n=n,
            value=value,
            centre=None if n is None else shown(point.centre),
            lower=None if n is None else shown(point.lower),
            upper=None if n is None else shown(point.upper),
            signal={"improvement": "improvement", "concern": "concern", "neutral": "special"}.get(point.label),
            rules=tuple(_RULES[rule] for rule in point.rules),
            immature=point.immature,
        )
        for point, n, value in zip(chart.points, people, values, strict=True)
    )


def _run_points(
    cells: Sequence[PeriodCell], people: Sequence[int | None], values: Sequence[float | None], decimals: int
) -> tuple[str, tuple[ReleasedPoint, ...], str]:
    """A run chart of too few points for limits: the values around their median, nothing judged."""
    run = run_chart(values, immature=[cell.immature for cell in cells], names=[cell.label for cell in cells])
    median = None if run.median is None else round(run.median, decimals + 1)
    points = tuple(
        ReleasedPoint(cell.label, n, value, None if n is None else median, immature=cell.immature)
        for cell, n, value in zip(cells, people, values, strict=True)
    )
    return "run", points, f"run chart, {run.convention}; too few points for limits"


def _variation(chart: ControlChart, kind: str) -> str:
    if kind != "run" and chart.phases[-1].state == "no_variation":
        return "no variation"
    return _VARIATION[chart.variation_icon.partition("_")[0]]
