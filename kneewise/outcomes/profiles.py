"""Import profiles: how a clinic's export maps to our columns. Shipped ones are `data/profiles/*.yaml`; a clinic's own,
made by mapping an export on screen, lie beside its store."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

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
    """Where an episode's start comes from: a date, or a year (first four digits count) and a quarter.

    `first_score`: the day of the episode's earliest score, for exports that date their scores and name no start.
    `year_from_file_name`: where the table has no year, the financial year in the file's name ("... 1819.csv" -> 2018).
    """

    date: Column | None = None
    year: Column | None = None
    quarter: Column | None = None
    first_score: bool = False
    year_from_file_name: bool = False


class RowScore(Column):
    """One questionnaire's score in a column of its own, on a row that brings its own day."""

    instrument: Text


class LongScores(_Part):
    """Long form. One row per score: `instrument` names the questionnaire, `value` holds the score. Or one row per visit:
    `scores`, a column for each questionnaire. The row's day is `day` (whole days since the start), `date` (needs
    `start.date` or `start.first_score`) or `visit` (a name that `visits` turns into a day)."""

    instrument: Column | None = None
    instruments: dict[str, Text] = {}
    value: Column | None = None
    scores: tuple[RowScore, ...] = ()
    day: Column | None = None
    date: Column | None = None
    visit: Column | None = None
    visits: dict[str, int] = {}

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.instrument is None) != (self.value is None) or (self.instrument is None) == (not self.scores):
            raise ValueError("`long` needs `instrument` and `value`, or `scores`, and not both")
        if self.instrument and not self.instruments:
            raise ValueError("`long.instrument` needs `instruments`")
        if sum(part is not None for part in (self.day, self.date, self.visit)) != 1:
            raise ValueError("`long` needs one of `day`, `date` and `visit`")
        if self.visit and not self.visits:
            raise ValueError("`long.visit` needs `visits`")
        return self


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


Points = Annotated[float, Field(allow_inf_nan=False)] | None
"""The number that a code stands for; None where it means that nobody answered."""
ItemPattern = Annotated[str, StringConstraints(pattern=r"^([^{}]*\{n(:0[2-4])?\}[^{}]*)?$")]


class Questionnaire(_Part):
    """A questionnaire whose single answers are scored. Nothing is guessed: an answer that isn't named here is refused.

    `questionnaire` is its address as the responses write it; with `|version` that version alone is meant. One form that
    carries several instruments (the KOOS) has an entry for each of them. Which item is which is said by one of two keys:
    `items`, the linkIds in the order of the instrument's items (null for an item that the form doesn't have), or
    `item_pattern`, a linkId with `{n}` for the item's number (`{n:02}`: 01, 02, ...).

    `rule` is the instrument's way of reading answers and missing ones, needed where the knowledge base has several. A
    number is taken as it is, a coding by the weight it carries (`ordinalValue` or `itemWeight`). `values` says which
    number a code ("system|code" or a bare code), a text, "true" or "false" stands for, and null that nobody answered;
    `values_of_items` says it for one linkId alone. `not_scored` are linkIds whose answers belong to no score; of a group,
    everything in it.
    """

    questionnaire: Text
    instrument: Text
    items: tuple[Text | None, ...] = ()
    item_pattern: ItemPattern = ""
    rule: Text | None = None
    values: dict[Text, Points] = {}
    values_of_items: dict[Text, dict[Text, Points]] = {}
    not_scored: tuple[Text, ...] = ()

    @field_validator("items", "values", "values_of_items", "not_scored", mode="before")
    @classmethod
    def _names_are_texts(cls, value: object) -> object:
        # Unquoted, YAML makes 1.1 of the linkId 1.10, and true of the code yes.
        if isinstance(value, list | tuple | dict) and any(isinstance(name, bool | int | float) for name in value):
            raise ValueError(
                "linkIds and codes stand in quotation marks, also where they look like numbers or yes and no"
            )
        return value

    @model_validator(mode="after")
    def _items_are_named_once(self) -> Self:
        if bool(self.items) == bool(self.item_pattern):
            raise ValueError("needs `items` or `item_pattern`, and not both")
        named = [link for link in self.items if link]
        if len(set(named)) < len(named):
            raise ValueError("`items` names a linkId twice")
        return self


class Fhir(_Part):
    """How FHIR R4 resources become rows; `kneewise.outcomes.fhir` says which columns it makes of them."""

    episode: tuple[Literal["episodeOfCare", "encounter", "subject"], ...] = Field(min_length=1)
    """Which reference is the episode: the first of these that a resource (or its encounter) has."""
    statuses: tuple[Text, ...] = Field(min_length=1)
    """Only resources of these statuses are read."""
    questionnaires: tuple[Questionnaire, ...] = ()
    """The questionnaires that are scored from their single answers. Of all others only totals are read."""

    @model_validator(mode="after")
    def _instruments_stand_once_per_form(self) -> Self:
        pairs = [(each.questionnaire, each.instrument) for each in self.questionnaires]
        if len(set(pairs)) < len(pairs):
            raise ValueError("`questionnaires` names an instrument twice for one questionnaire")
        return self


class Profile(_Part):
    """One way to read an export. Only the columns named here are ever read."""

    id: Word
    version: int
    title: Text
    layout: Literal["long", "wide", "fhir"]
    source_label: Text
    licence: str = ""
    attribution: str = ""
    note: str = ""
    day_note: str = ""
    zip_member: tuple[Text, ...] = ("*.csv",)
    """Where a zip holds several tables: the pattern, or patterns, that exactly one of their names may fit."""
    name_prefixes: tuple[Text, ...] = ()
    """Words that may stand before a column's name, or be left out, from one year of a publication to the next."""
    made_for: str = ""
    """The mark of the header that this mapping was made for; an export with the same header is read with it."""
    episode: Column | None = None
    """The episode's id. Without it every row is an episode of its own."""
    synthetic: SyntheticMark | None = None
    attributes: tuple[Attribute, ...] = ()
    age_bands: tuple[AgeBand, ...] = ()
    start: Start = Start()
    long: LongScores | None = None
    wide: tuple[WideScore, ...] = ()
    fhir: Fhir | None = None
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

    @field_validator("zip_member", mode="before")
    @classmethod
    def _one_pattern_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _layout_is_complete(self) -> Self:
        if (self.layout != "wide") != (self.long is not None) or (self.layout == "wide") != bool(self.wide):
            raise ValueError("layout 'long' needs `long`, layout 'wide' needs `wide`, and not both")
        if (self.layout == "fhir") != (self.fhir is not None):
            raise ValueError("layout 'fhir' needs `fhir`, and no other layout has it")
        if self.long and self.long.date and not self.start.date and not self.start.first_score:
            raise ValueError("`long.date` needs `start.date` or `start.first_score`")
        if self.start.first_score and (self.start.date or not (self.long and self.long.date)):
            raise ValueError("`start.first_score` needs `long.date`, and no `start.date` beside it")
        if self.long and self.episode is None:
            raise ValueError("layout 'long' needs `episode`")
        if any(part.kind == "age_years" for part in self.attributes) and not self.age_bands:
            raise ValueError("kind 'age_years' needs `age_bands`")
        for each in self.fhir.questionnaires if self.fhir and self.long else ():
            if each.instrument not in self.long.instruments.values():
                raise ValueError(
                    f"`fhir.questionnaires` scores {each.instrument}, which `long.instruments` doesn't name"
                )
        return self

    def columns(self) -> tuple[Column, ...]:
        """Every column that may be read, in the order of the profile."""
        found: list[Column | None] = [self.episode, *self.attributes, self.start.date, self.start.year]
        found += [self.start.quarter]
        if self.long:
            found += [self.long.instrument, self.long.value, self.long.day, self.long.date, self.long.visit]
            found += self.long.scores
        if self.synthetic:
            found.append(Column(names=self.synthetic.names))
        return tuple(column for column in [*found, *self.wide] if column is not None)


def plain_name(name: str) -> str:
    """A column name by which spellings agree: small letters and digits only ("Pre-Op Q" and "PRE_OP_Q" are one)."""
    return re.sub(r"[\W_]+", "", name).casefold()


def plain_names(column: Column, profile: Profile) -> list[str]:
    """A column's names in the order in which they are looked for, with and without the profile's prefixes."""
    return _with_prefixes(column.names, profile)


def _with_prefixes(names: Collection[str], profile: Profile) -> list[str]:
    names = [plain_name(name) for name in names]
    prefixes = [plain_name(prefix) for prefix in profile.name_prefixes]
    bare = [name.removeprefix(prefix) for name in names for prefix in prefixes if name != prefix]
    return list(dict.fromkeys([*names, *bare, *(prefix + name for name in names for prefix in prefixes)]))


def without_columns(profile: Profile, names: Collection[str]) -> Profile:
    """The profile that leaves these columns of the export out, by the choice of whoever imports.

    Raises
    ------
    ImportRefused
        A score can't be told without one of them, or one of them says whether the records are made up.
    """
    gone = {plain_name(name) for name in names}
    if not gone:
        return profile
    mark = {plain_name(name) for name in profile.synthetic.names} if profile.synthetic else set()
    if kept_from := [name for name in names if plain_name(name) in mark]:
        raise ImportRefused(
            f"Column '{name}' can't be left out, because it says whether the records are made up." for name in kept_from
        )
    needed: list[Column | None] = []
    if profile.long:
        needed = [profile.episode, profile.long.instrument, profile.long.value, profile.long.day, profile.long.date]
        needed += [profile.long.visit, profile.start.date if profile.long.date else None]
    kept_from = [
        name for name in names if any(column and plain_name(name) in plain_names(column, profile) for column in needed)
    ]
    if kept_from:
        raise ImportRefused(
            f"Column '{name}' can't be left out, because the scores can't be told without it; make the export with a "
            "local number or a plain value there."
            for name in kept_from
        )

    def kept(columns: tuple) -> tuple:
        return tuple(left for column in columns if (left := _without(column, gone, profile)) is not None)

    start = profile.start
    changed: dict[str, object] = {
        "attributes": kept(profile.attributes),
        "wide": kept(profile.wide),
        "episode": profile.episode and _without(profile.episode, gone, profile),
        "start": start.model_copy(
            update={
                name: (part := getattr(start, name)) and _without(part, gone, profile)
                for name in ("date", "year", "quarter")
            }
        ),
    }
    if profile.long:
        changed["long"] = profile.long.model_copy(update={"scores": kept(profile.long.scores)})
    if (profile.wide and not changed["wide"]) or (profile.long and profile.long.scores and not changed["long"].scores):
        raise ImportRefused("Without these columns no score is left to import.")
    return profile.model_copy(update=changed)


def _without(column: Column, gone: set[str], profile: Profile) -> Column | None:
    if gone.isdisjoint(plain_names(column, profile)):
        return column
    names = tuple(name for name in column.names if gone.isdisjoint(_with_prefixes([name], profile)))
    return column.model_copy(update={"names": names, "required": False}) if names else None


def own_folder_of(store_dir: Path) -> Path:
    """Where a clinic's own profiles lie: beside its store, as its key does."""
    store_dir = store_dir.resolve()
    return store_dir.parent / f"{store_dir.name}.profiles"


def profile_names(folder: Path = PROFILE_FOLDER) -> tuple[str, ...]:
    """The names of all profiles in a folder, sorted; none where there is no folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def all_profiles(store_dir: Path) -> tuple[Mapping[str, Profile], tuple[str, ...]]:
    """The shipped profiles and the clinic's own by id, and what is wrong with one of its own, as sentences."""
    found = {name: read_profile(name) for name in profile_names()}
    problems: list[str] = []
    folder = own_folder_of(store_dir)
    for name in profile_names(folder):
        try:
            profile = read_profile(folder / f"{name}.yaml")
            if profile.id in found:
                raise ImportRefused(f"The clinic's own profile {name}.yaml has the id of another one; give it its own.")
            found[profile.id] = profile
        except ImportRefused as refusal:
            problems.extend(refusal.sentences)
    return found, tuple(problems)


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


def profile_as_yaml(profile: Profile) -> str:
    """The profile as the text of a file that `read_profile` reads back unchanged."""
    content = profile.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return f"# How Kneewise reads this kind of export. What each key means: kneewise/outcomes/profiles.py.\n{text}"


def refuse_taken_id(profile: Profile, folder: Path) -> None:
    """Return if the profile may be kept in that folder under its id.

    Raises
    ------
    ImportRefused
        A shipped profile has this id, or the folder keeps one that was made for other columns (or can't be read).
    """
    if profile.id in profile_names():
        raise ImportRefused(f"'{profile.id}' is the name of a profile that Kneewise brings along; choose another name.")
    path = folder / f"{profile.id}.yaml"
    if path.exists() and read_profile(path).made_for != profile.made_for:
        raise ImportRefused(
            f"'{profile.id}' is the name of a mapping that was made for other columns; give this kind of export another "
            "name, so that the mapping and its records stay."
        )


def save_profile(profile: Profile, folder: Path) -> Path:
    """Keep a profile in a folder, whole or not at all, in place of one of the same id; returns its path.

    Raises
    ------
    ImportRefused
        Another profile has this id (`refuse_taken_id`), or the folder can't be written.
    """
    refuse_taken_id(profile, folder)
    path = folder / f"{profile.id}.yaml"
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(profile_as_yaml(profile), encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as problem:
        if unfinished.exists():
            unfinished.unlink()
        raise ImportRefused(f"The mapping can't be kept in {folder.name}: {problem.strerror}.") from problem
    return path
