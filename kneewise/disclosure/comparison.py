"""What may be said about units (sites, age bands) beside each other: a class for every one, figures where enough people.

No order by result: units stand by name, and a class says only whether a unit is further from the rest than its size
explains. Classes are made from exact data; every figure that leaves is rounded. A unit that is hidden keeps its name and
its class, never a figure, and the hidden units together hold nobody or enough people, so that none of them can be had by
subtracting the shown ones from the whole. A name tells that somebody is there: where that alone would bound a hidden unit,
it is not named either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kneewise.disclosure.policy import Policy
from kneewise.disclosure.released import ReleasedContext, ReleasedShare, released_count
from kneewise.errors import DisclosureRefused
from kneewise.statistics.funnel import CLASS_MINIMUM, STATUSES, Z_998, Funnel, Status, mean_curve

CONVENTION = (
    "Limits at 95 % (inner) and 99.8 % (outer) of chance: the mean change of all, give or take 1.96 and 3.09 times the "
    "spread of single people divided by the square root of n."
)
"""Which limits these are, for whoever draws them. Source: Spiegelhalter 2005; NHS Digital's PROMs use the same two."""


@dataclass(frozen=True)
class ReleasedComparedUnit:
    """One unit. `n` (rounded), `observed`, `expected` and `z` are None where they may not be said; `status` always is.

    `observed` is the mean change with everybody's case mix, `expected` the mean change of the whole; both and `z` count
    upwards on the scale, whichever end of it is better.
    """

    label: str
    n: int | None
    observed: float | None
    expected: float | None
    z: float | None
    status: Status


@dataclass(frozen=True)
class ReleasedLimits:
    """The funnel's limits of the mean change at `n` people."""

    n: int
    low_998: float
    low_95: float
    high_95: float
    high_998: float


@dataclass(frozen=True)
class ReleasedComparison:
    """Units beside each other, by name, with the funnel they stand in.

    `expected` is the funnel's centre; `limits` is its curve from few people to the largest unit, worked out from the
    released `expected` and `residual_sd`, so it says nothing that they do not. `counts` says how many units have each class.
    """

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    expected: float
    residual_sd: float
    case_mix: str
    class_minimum: int
    units: tuple[ReleasedComparedUnit, ...]
    counts: tuple[tuple[Status, int], ...]
    limits: tuple[ReleasedLimits, ...]
    convention: str = CONVENTION


def plan_hidden(people: Mapping[str, int], merged: Collection[str], policy: Policy) -> frozenset[str]:
    """The units whose figures stay here: small ones, those that other answers merge, and who is needed to hide them.

    As in every shared answer the hidden ones are one group that reaches the threshold, so that the whole minus the shown
    units is no small group; here their names and classes are given all the same. In the own mode, where nobody is kept
    from subtracting, only small units are hidden.

    Parameters
    ----------
    people : mapping of unit to people, exact; a unit may hold nobody.
    merged : collection of str
        Units that other answers show only together.
    """
    small = {name for name, n in people.items() if n < policy.threshold}
    if policy.mode == "own":
        return frozenset(small)
    hidden = small | (set(merged) & set(people))
    shown = sorted(set(people) - hidden, key=lambda name: (people[name], name))
    while hidden and shown and sum(people[name] for name in hidden) < policy.threshold:
        hidden.add(shown.pop(0))
    return frozenset(hidden)


def plan_unnamed(
    people: Mapping[str, int], together: Collection[Collection[str]], large: Collection[str], policy: Policy
) -> frozenset[str]:
    """The units that may not even be named: nobody's, and those that a count of several together would bound.

    Ten units of one person each that other answers count together are known to hold at least one each, so none of them more
    than a few. So each of a group of units may be named only where every one could still hold `threshold` people.

    Parameters
    ----------
    people : mapping of unit to people, exact, as other answers count them.
    together : collection of collections of units
        Which units other answers count together only.
    large : collection of str
        Units whose class says that they hold `CLASS_MINIMUM` people or more.
    """
    unnamed = {name for name, n in people.items() if not n}
    for group in together if policy.mode == "shared" else ():
        inside = [name for name in group if people.get(name)]
        above = [name for name in inside if name in large]
        spare = sum(people[name] for name in inside) - CLASS_MINIMUM * len(above) - (len(inside) - len(above))
        if len(inside) > 1 and spare < policy.threshold - 1:
            unnamed |= set(inside)
    return frozenset(unnamed)


def release_comparison(
    context: ReleasedContext,
    completeness: ReleasedShare,
    funnel: Funnel,
    sizes: Sequence[int],
    residual_sd: float,
    hidden: Collection[str],
    case_mix: str,
    policy: Policy,
    unnamed: Collection[str] = (),
) -> ReleasedComparison:
    """The comparison of a funnel's units, without the figures of the `hidden` ones, and without the `unnamed` ones.

    Parameters
    ----------
    funnel : Funnel
        Of the adjusted mean changes, around the mean change of the whole. Exact, so never to be shown.
    sizes : sequence of int
        People per unit, in the funnel's order (0 for a unit of nobody, which a funnel can't hold as such).

    Raises
    ------
    DisclosureRefused
        A unit that is not hidden, or the hidden ones together, hold too few people.
    """
    decimals = policy.decimals_for(context.maximum - context.minimum)
    # How far apart the outer limits stand is the width of the scale that z is read on.
    z_decimals = policy.decimals_for(2 * Z_998)
    behind_hidden = sum(size for unit, size in zip(funnel.units, sizes, strict=True) if unit.name in hidden)
    if hidden and policy.mode == "shared" and behind_hidden < policy.threshold:
        raise DisclosureRefused(
            f"Fewer than {policy.threshold} people stand behind what is hidden, so nothing is shown."
        )
    expected = _rounded(funnel.target, decimals)
    units = []
    for unit, size in sorted(zip(funnel.units, sizes, strict=True), key=lambda pair: pair[0].name):
        if unit.name in unnamed:
            continue
        if unit.name in hidden:
            units.append(ReleasedComparedUnit(unit.name, None, None, None, None, unit.status))
        else:
            n = released_count(size, policy)
            units.append(
                ReleasedComparedUnit(
                    unit.name, n, _rounded(unit.value, decimals), expected, _rounded(unit.z, z_decimals), unit.status
                )
            )
    shown = [unit.n for unit in units if unit.n is not None]
    # One more digit than a score: the curve is drawn from it, and it is a figure of everybody together.
    sd = round(residual_sd, decimals + 1)
    curve = mean_curve(policy.threshold, max(shown), expected, sd) if shown and sd > 0 else ()
    return ReleasedComparison(
        context=context,
        n=sum(shown),
        completeness=completeness,
        expected=expected,
        residual_sd=sd,
        case_mix=case_mix,
        class_minimum=CLASS_MINIMUM,
        units=tuple(units),
        counts=tuple((status, sum(unit.status == status for unit in units)) for status in STATUSES),
        limits=tuple(
            ReleasedLimits(int(each.size), each.low_998, each.low_95, each.high_95, each.high_998) for each in curve
        ),
    )


def _rounded(value: float, decimals: int) -> float:
    return round(value, decimals) + 0.0  # no minus nought
