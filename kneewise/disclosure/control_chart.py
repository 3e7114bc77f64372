"""A measure over time as it may be shown: one point per period, with the limits and signals of its control chart.

In the shared mode the chart is worked out from the released (rounded) numbers, so it says nothing that they do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kneewise.disclosure.released import ReleasedContext, ReleasedShare

Unit = Literal["percent", "points", "episodes"]


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
    """A measure over its periods. `variation` and `assurance` are the words of the Making Data Count icons."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    measure: str
    measure_name: str
    unit: Unit
    higher_is_better: bool | None
    period: Literal["month", "quarter", "year"]
    chart: str
    convention: str
    points: tuple[ReleasedPoint, ...]
    variation: str
    assurance: str | None
    target: float | None
    rebases: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
