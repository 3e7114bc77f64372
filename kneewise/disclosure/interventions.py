"""What went with each treatment, beside what else differs between the people who had it. Described, never as effect."""

from __future__ import annotations

from dataclasses import dataclass

from kneewise.disclosure.released import ReleasedContext, ReleasedShare


@dataclass(frozen=True)
class ReleasedTreatment:
    """The people who had one treatment: how many improved, and how they differed at the start."""

    label: str
    n: int
    completeness: ReleasedShare
    share: ReleasedShare
    mean_first: float
    long_duration: ReleasedShare
    """Share whose symptoms had lasted longest (the last class of the records)."""


@dataclass(frozen=True)
class ReleasedInterventions:
    """Treatments side by side. `differs` names what differed at the start, as sentences."""

    context: ReleasedContext
    n: int
    completeness: ReleasedShare
    important_change: float
    important_change_status: str
    long_duration_name: str
    differs: tuple[str, ...]
    groups: tuple[ReleasedTreatment, ...]
