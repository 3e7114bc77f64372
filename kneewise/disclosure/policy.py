"""The rules of release, read from `data/disclosure_policy.yaml`."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kneewise.errors import DisclosureRefused

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "disclosure_policy.yaml"


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
    threshold: int = Field(ge=2)
    redact_up_to: int
    round_to: int = Field(ge=1)
    median_from: int
    quartiles_from: int
    distribution_group_from: int
    minimum_bins: int
    window_share: float = Field(ge=0, le=1)
    grid: tuple[str, ...]
    decimals: tuple[Decimals, ...]

    def decimals_for(self, width: float) -> int:
        """How many decimals a score of a scale of this width is released with."""
        return next((rule.decimals for rule in self.decimals if width <= rule.scale_up_to), 0)


@functools.lru_cache(maxsize=4)
def read_policy(path: Path = POLICY_FILE) -> Policy:
    """The rules of release.

    Raises
    ------
    DisclosureRefused
        The file is missing or wrong; without rules nothing is released.
    """
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as problem:
        raise DisclosureRefused(f"The rules of release ({path.name}) can't be read, so nothing is released.") from problem
