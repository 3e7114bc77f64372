"""Import profiles: how a clinic's export maps to our columns. The files are `data/profiles/*.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from kneewise.errors import ImportRefused

PROFILE_FOLDER = Path(__file__).resolve().parents[2] / "data" / "profiles"

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]
AttributeName = Literal[
    "age_band", "sex", "site", "intervention", "procedure", "clinician", "symptom_duration", "referral", "factors"
]
ATTRIBUTES: tuple[str, ...] = AttributeName.__args__


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Part):
    """One column of the export. `names` are its aliases over years; `missing` are the codes that mean 'not known'."""

    names: tuple[Text, ...] = Field(min_length=1)
    required: bool = False
    missing: tuple[str, ...] = ("",)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.names))


class Attribute(Column):
    """A property of an episode.

    `category`: values go through `values` (export value -> ours), an unknown one is refused. `code`: a short code kept
    as it is. `keyed_code`: a code that is replaced by a keyed hash. `age_years`: becomes one of the profile's age bands.
    `code_list`: codes parted by `;`, each of which must be in `values`.
    """

    attribute: AttributeName
    kind: Literal["category", "code", "keyed_code", "age_years", "code_list"]
    values: dict[str, str] = {}

    @model_validator(mode="after")
    def _values_fit_kind(self) -> Self:
        if self.kind in ("category", "code_list") and not self.values:
            raise ValueError(f"kind '{self.kind}' needs `values`")
        return self


class AgeBand(_Part):
    """Ages in whole years, both ends included."""

    from_years: int
    to_years: int
    label: Text


class Start(_Part):
    """Where an episode's start comes from: a date, or a year (first four digits count) and a quarter."""

    date: Column | None = None
    year: Column | None = None
    quarter: Column | None = None


class LongScores(_Part):
    """Long form: one row per score. Either `day` (whole days since the start) or `date` (needs `start.date`)."""

    instrument: Column
    instruments: dict[str, Text]
    value: Column
    day: Column | None = None
    date: Column | None = None


class WideScore(Column):
    """Wide form: one column per instrument and visit. `predicted` is an expected last score, not a measurement."""

    instrument: Text
    day: int
    kind: Literal["score", "predicted"] = "score"


class VisitWindow(_Part):
    """A visit: which days count as it, both ends included."""

    label: Text
    from_day: int
    to_day: int

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.from_day > self.to_day:
            raise ValueError("`from_day` is after `to_day`")
        return self


class SyntheticMark(_Part):
    """The column and value by which an export says of itself that it is synthetic."""

    names: tuple[Text, ...]
    value: Text


class Profile(_Part):
    """One way to read an export. Only the columns named here are ever read."""

    id: Word
    version: int
    title: Text
    layout: Literal["long", "wide"]
    source_label: Text
    licence: str = ""
    attribution: str = ""
    note: str = ""
    day_note: str = ""
    zip_member: str = "*.csv"
    episode: Column | None = None
    """The episode's id. Without it every row is an episode of its own."""
    synthetic: SyntheticMark | None = None
    attributes: tuple[Attribute, ...] = ()
    age_bands: tuple[AgeBand, ...] = ()
    start: Start = Start()
    long: LongScores | None = None
    wide: tuple[WideScore, ...] = ()
    visit_windows: tuple[VisitWindow, ...] = Field(min_length=1)
    baseline_until_day: int
    """A first score counts as 'before' up to this day."""
    earliest_day: int = 0
    latest_day: int = 3660
    max_rejected_share: float = Field(default=0.1, ge=0, le=1)
    """When more than this share of the rows is refused, the whole export is."""
    population_attribute: AttributeName | None = None
    population_value: str | None = None
    """The one population that is ever released from this source (e.g. procedure = primary); the report also counts
    the others. It is fixed, so that nobody can subtract one population from another."""

    @model_validator(mode="after")
    def _layout_is_complete(self) -> Self:
        if (self.layout == "long") != (self.long is not None) or (self.layout == "wide") != bool(self.wide):
            raise ValueError("layout 'long' needs `long`, layout 'wide' needs `wide`, and not both")
        if self.long and (self.long.day is None) == (self.long.date is None):
            raise ValueError("`long` needs either `day` or `date`")
        if self.long and self.long.date and not self.start.date:
            raise ValueError("`long.date` needs `start.date`")
        if self.long and self.episode is None:
            raise ValueError("layout 'long' needs `episode`")
        if any(part.kind == "age_years" for part in self.attributes) and not self.age_bands:
            raise ValueError("kind 'age_years' needs `age_bands`")
        return self

    def columns(self) -> tuple[Column, ...]:
        """Every column that may be read, in the order of the profile."""
        found: list[Column | None] = [self.episode, *self.attributes, self.start.date, self.start.year]
        found += [self.start.quarter]
        if self.long:
            found += [self.long.instrument, self.long.value, self.long.day, self.long.date]
        if self.synthetic:
            found.append(Column(names=self.synthetic.names))
        return tuple(column for column in [*found, *self.wide] if column is not None)


def profile_names(folder: Path = PROFILE_FOLDER) -> tuple[str, ...]:
    """The names of all profiles, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def read_profile(name: str | Path, folder: Path = PROFILE_FOLDER) -> Profile:
    """The profile of that name (or at that path), checked.

    Raises
    ------
    ImportRefused
        There is no such profile, or its file is wrong: one sentence per problem with its key.
    """
    path = name if isinstance(name, Path) else folder / f"{name}.yaml"
    if not isinstance(name, Path) and name not in profile_names(folder):
        raise ImportRefused(f"There is no import profile '{name}'; there are: {', '.join(profile_names(folder))}.")
    try:
        return Profile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as problem:
        raise ImportRefused(f"The profile {path.name} can't be read: {problem.strerror}.") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise ImportRefused(f"The profile {path.name} is not YAML in UTF-8.") from problem
    except ValidationError as problem:
        raise ImportRefused(
            f"Profile {path.name}, {'.'.join(map(str, error['loc'])) or 'as a whole'}: {error['msg']}."
            for error in problem.errors()
        ) from problem
