"""Units, three-valued truth and the value NOT_TESTED: what every room above agrees on."""

from __future__ import annotations

import math
from enum import Enum
from statistics import NormalDist
from typing import Final, Literal, get_args

Unit = Literal[
    "none", "points", "percent", "fraction", "ratio", "people",
    "years", "months", "weeks", "days", "hours", "minutes",
    "deg", "mm", "cm", "mm2", "deg_per_deg",
    "kg", "kg_per_m2", "nm", "nm_per_kg", "kgf_per_kg", "n", "mpa",
    "body_weights", "body_weights_per_mile",
    "steps_per_min", "steps_per_day", "steps_per_week", "minutes_per_week", "km_per_week", "repetitions_per_week",
]  # fmt: skip
"""Every unit that a value or a finding may carry. `points` are scale points of a named score."""

UNITS: Final[frozenset[str]] = frozenset(get_args(Unit))

UNIT_SYMBOLS: Final[dict[str, str]] = {
    "none": "", "points": "points", "percent": "%", "fraction": "", "ratio": "", "people": "people",
    "years": "years", "months": "months", "weeks": "weeks", "days": "days", "hours": "h", "minutes": "min",
    "deg": "°", "mm": "mm", "cm": "cm", "mm2": "mm²", "deg_per_deg": "°/°",
    "kg": "kg", "kg_per_m2": "kg/m²", "nm": "Nm", "nm_per_kg": "Nm/kg", "kgf_per_kg": "kgf/kg", "n": "N", "mpa": "MPa",
    "body_weights": "× body weight", "body_weights_per_mile": "× body weight per mile",
    "steps_per_min": "steps/min", "steps_per_day": "steps/day", "steps_per_week": "steps/week",
    "minutes_per_week": "min/week", "km_per_week": "km/week", "repetitions_per_week": "times/week",
}  # fmt: skip
"""How a unit is written on screen."""


NORMAL_95: Final = NormalDist().inv_cdf(0.975)
"""Standard deviations that hold 95 % of a normal distribution (1.96): a repeat strays by this many SEM."""

MDC95_PER_SEM: Final = NORMAL_95 * math.sqrt(2)
"""MDC95 = 1.96 x sqrt(2) x SEM: the least difference between two measurements that is no mere error."""

DAYS_PER_WEEK: Final = 7


class NotTested(Enum):
    """The one value that says a finding was not looked at. It is never the same as absent."""

    NOT_TESTED = "not_tested"

    def __bool__(self) -> bool:
        raise TypeError("NOT_TESTED is neither true nor false; ask `is NOT_TESTED`.")


NOT_TESTED: Final = NotTested.NOT_TESTED


class Truth(Enum):
    """Three-valued answer. Kleene's rules join answers: see `all_of`, `any_of`, `negate`."""

    PRESENT = "present"
    ABSENT = "absent"
    NOT_TESTED = "not_tested"

    def __bool__(self) -> bool:
        raise TypeError("A Truth has three values; compare it with `is Truth.PRESENT`.")


def all_of(answers: list[Truth]) -> Truth:
    """ABSENT when one answer is absent, else NOT_TESTED when one is not tested, else PRESENT (Kleene 'and')."""
    if Truth.ABSENT in answers:
        return Truth.ABSENT
    return Truth.NOT_TESTED if Truth.NOT_TESTED in answers else Truth.PRESENT


def any_of(answers: list[Truth]) -> Truth:
    """PRESENT when one answer is present, else NOT_TESTED when one is not tested, else ABSENT (Kleene 'or')."""
    if Truth.PRESENT in answers:
        return Truth.PRESENT
    return Truth.NOT_TESTED if Truth.NOT_TESTED in answers else Truth.ABSENT


def negate(answer: Truth) -> Truth:
    """PRESENT and ABSENT swapped; NOT_TESTED stays NOT_TESTED."""
    if answer is Truth.NOT_TESTED:
        return answer
    return Truth.ABSENT if answer is Truth.PRESENT else Truth.PRESENT
