"""Time to recovery as it may be shown: a curve in steps per group, with the number of people still followed."""

from __future__ import annotations

from dataclasses import dataclass

from kneewise.disclosure.released import ReleasedContext, ReleasedShare


@dataclass(frozen=True)
class ReleasedStep:
    """From this week on: whole percent recovered, with its interval."""

    week: float
    percent: int
    low_percent: int
    high_percent: int


@dataclass(frozen=True)
class ReleasedCurve:
    """One group's curve. `at_risk` is (week, people still followed and not recovered), None where too few."""

    label: str
    n: int
    steps: tuple[ReleasedStep, ...]
    at_risk: tuple[tuple[int, int | None], ...]
    median_weeks: float | None
    median_low_weeks: float | None
    median_high_weeks: float | None


@dataclass(frozen=True)
class ReleasedRecovery:
    """Time to the first score that reaches the important change."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    important_change: float
    important_change_status: str
    method: str
    groups: tuple[ReleasedCurve, ...]
