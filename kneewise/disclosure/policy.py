"""The rules of release, read from `data/disclosure_policy.yaml` (shared) and `data/disclosure_policy_own.yaml` (own).

*Shared* is the default everywhere: answers come from a fixed list of tables whose cells are merged until each holds
enough people. *Own* is for staff who may see the records: free filters, exact counts, small cells hidden, no claim of
anonymity.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kneewise.errors import DisclosureRefused

Mode = Literal["shared", "own"]
POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "disclosure_policy.yaml"
POLICY_FILES: dict[str, Path] = {
    "shared": POLICY_FILE,
    "own": POLICY_FILE.with_name("disclosure_policy_own.yaml"),
}
OWN_NOTE = "Internal: for staff who may see the records. No claim of anonymity."
PART_OF = {"start_quarter": "start_year", "start_month": "start_year"}
"""Attributes whose values are parts of another attribute's values."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Decimals(_Part):
    """Scales up to this width are released with this many decimals."""

    scale_up_to: float
    decimals: int


class Policy(_Part):
    """The rules of release; each is explained in the file."""

    id: str
    version: int
    mode: Mode = "shared"
    threshold: int = Field(ge=2)
    redact_up_to: int
    round_to: int = Field(ge=1)
    median_from: int
    quartiles_from: int
    minimum_bins: int
    window_share: float = Field(ge=0, le=1)
    like_mine_from: int
    whole_periods: bool
    follow_up_days: int = Field(ge=0)
    tables: tuple[tuple[str, ...], ...] = ()
    attributes: tuple[str, ...] = ()
    decimals: tuple[Decimals, ...]

    @model_validator(mode="after")
    def _fits_the_mode(self) -> Self:
        if self.mode == "shared":
            if not self.tables or self.attributes:
                raise ValueError("the shared mode needs `tables`, and its attributes are those of the tables")
            if self.threshold <= self.redact_up_to:
                raise ValueError("`threshold` must be above `redact_up_to`")
            if not is_decomposable([self.with_wholes(table) for table in self.tables]):
                raise ValueError(
                    "the `tables` are not a tree: what they release together could give away a small group"
                )
        elif self.tables or not self.attributes:
            raise ValueError("the own mode needs `attributes` and has no `tables`")
        return self

    @property
    def grid(self) -> tuple[str, ...]:
        """The attributes that a question may group or filter by."""
        return self.attributes or tuple(dict.fromkeys(itertools.chain.from_iterable(self.tables)))

    @property
    def mode_note(self) -> str:
        """What must stand beside every answer of this mode; empty in the shared mode."""
        return OWN_NOTE if self.mode == "own" else ""

    def table_of(self, attributes: Sequence[str]) -> tuple[str, ...] | None:
        """The first table that holds all these attributes, or None. Without attributes it is the empty table.

        A table of parts holds their wholes too: quarters tell their year.
        """
        if not attributes:
            return ()
        return next((table for table in map(self.with_wholes, self.tables) if set(attributes) <= set(table)), None)

    def with_wholes(self, table: Sequence[str]) -> tuple[str, ...]:
        """The table's attributes, and those that some of them are parts of: a quarter tells its year."""
        wholes = [PART_OF[name] for name in table if PART_OF.get(name) in self.grid]
        return tuple(dict.fromkeys([*table, *wholes]))

    def decimals_for(self, width: float) -> int:
        """How many decimals a score of a scale of this width is released with."""
        return next((rule.decimals for rule in self.decimals if width <= rule.scale_up_to), 0)


def is_decomposable(tables: Sequence[Sequence[str]]) -> bool:
    """Whether these tables, and any choice among them, are the cliques of a decomposable model.

    Any choice among them, because an answer may be released for some tables and refused for others. Checked by Graham's
    reduction: take away attributes that one table alone holds and tables that lie within another, until nothing is left.
    """
    every = [frozenset(table) for table in tables]
    return all(
        _reduces_to_nothing(choice)
        for count in range(1, len(every) + 1)
        for choice in itertools.combinations(every, count)
    )


def _reduces_to_nothing(tables: Sequence[frozenset[str]]) -> bool:
    left = set(tables)
    while True:
        held = list(itertools.chain.from_iterable(left))
        shared = {name for name in held if held.count(name) > 1}
        smaller = {table & shared for table in left} - {frozenset()}
        smaller = {table for table in smaller if not any(table < other for other in smaller)}
        if smaller == left:
            return not left
        left = smaller


@functools.lru_cache(maxsize=8)
def read_policy(mode: Mode | Path = "shared") -> Policy:
    """The rules of release of that mode, or those of a file.

    Raises
    ------
    DisclosureRefused
        The file is missing or wrong, or there is no such mode; without rules nothing is released.
    """
    path = mode if isinstance(mode, Path) else POLICY_FILES.get(mode)
    if path is None:
        raise DisclosureRefused(f"There is no mode '{mode}'; there are: {', '.join(POLICY_FILES)}.")
    try:
        policy = Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as problem:
        raise DisclosureRefused(
            f"The rules of release ({path.name}) can't be read, so nothing is released."
        ) from problem
    if not isinstance(mode, Path) and policy.mode != mode:
        raise DisclosureRefused(f"The rules of release ({path.name}) are for another mode, so nothing is released.")
    return policy
