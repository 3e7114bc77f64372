"""How much the missing patients could move the result: observed, plausible, worst and best case."""

from __future__ import annotations

from dataclasses import dataclass

from kneewise.disclosure.released import ReleasedContext, ReleasedShare


@dataclass(frozen=True)
class ReleasedMissing:
    """Share improved of everybody who started, as whole percent.

    `observed` is of those who were seen again. `plausible_low`..`plausible_high`: the missing improved at
    `plausible_from`..`plausible_to` times the rate of those seen. `worst`: none of the missing improved; `best`: all did.
    All are None where too few people are missing or seen for it to be said.
    """

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    observed: ReleasedShare
    plausible_low_percent: int | None
    plausible_high_percent: int | None
    worst_percent: int | None
    best_percent: int | None
    assumption: str
