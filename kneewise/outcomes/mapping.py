"""Mapping an unknown export: a guess for every column, then a profile from what somebody made of the guesses.

Nothing in here reads or writes an export, and nothing is imported by a guess alone. A draft is safe to keep for the length
of a visit: of columns that look like people it holds no value, and of ids their shape only.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from kneewise.errors import ImportRefused
from kneewise.outcomes.identity import any_date, header_problem, masked, values_problem
from kneewise.outcomes.instruments import InstrumentRange, Instruments
from kneewise.outcomes.profiles import AgeBand, Column, Profile, plain_name, read_profile
from kneewise.outcomes.reading import Surveyed, SurveyedColumn

WORDS_FILE = Path(__file__).resolve().parents[2] / "data" / "import_words.yaml"
TEMPLATE = "kneewise_long"
"""The profile whose words, age bands and visit windows a mapping leads to."""

IGNORE = "ignore"
MEANINGS: Mapping[str, str] = {
    IGNORE: "Do not import",
    "episode": "Episode or patient id",
    "site": "Site or clinic",
    "clinician": "Clinician (code)",
    "age_years": "Age in years",
    "age_band": "Age band",
    "sex": "Sex",
    "intervention": "Treatment",
    "symptom_duration": "Symptom duration",
    "referral": "Referral",
    "factors": "Factors (codes parted by ;)",
    "start_date": "Start: date",
    "start_year": "Start: year",
    "start_quarter": "Start: quarter",
    "instrument": "Which questionnaire",
    "value": "Score of that questionnaire",
    "score": "Score of one questionnaire",
    "day": "Day of the score",
    "date": "Date of the score",
    "visit": "Visit of the score",
    "synthetic": "Mark of made-up data",
}
"""What a column can mean, with its name on screen."""
CATEGORIES = ("sex", "intervention", "symptom_duration", "referral", "age_band", "factors", "instrument", "visit")
"""Meanings whose values are told one by one."""
ATTRIBUTE_MEANINGS = (
    "site", "age_band", "age_years", "sex", "clinician", "symptom_duration", "referral", "intervention", "factors",
)  # fmt: skip
"""Meanings that become attributes of an episode."""
MOST_VALUES = 40
"""A column with more different values is no category."""
_SAME_SLOT = {"age_years": "age", "age_band": "age"}
_ROW_DAY = ("day", "date", "visit")
_PLAIN_NUMBERS = ("score", "value", "age_years", "day", "start_year", "start_quarter")
_MOSTLY = 0.9
_FILLING = re.compile(r"\b(score|total|sum|points|prom|value|at|the|of|result|questionnaire)\b")


@dataclass(frozen=True)
class ColumnDraft:
    """What one column of an export is taken for.

    `why` says where the guess comes from; `looks_like` what kind of identity the column seems to hold. `instrument` and
    `day` belong to the meaning `score`; a `day` of None is the row's own. `values` belong to the meanings of CATEGORIES:
    export value -> ours, "" for not known, None where nobody has decided. `shown` are the first rows, masked;
    `distinct` the column's different values where they are few.
    """

    name: str
    meaning: str = IGNORE
    why: str = ""
    looks_like: str = ""
    instrument: str = ""
    day: int | None = None
    values: Mapping[str, str | None] | None = None
    missing: tuple[str, ...] = ("",)
    shown: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A mapping in the making. `not_known` are further codes that mean 'not known' in any column."""

    columns: tuple[ColumnDraft, ...]
    age_bands: tuple[AgeBand, ...]
    label: str = "Clinic export"
    header_mark: str = ""
    earliest_day: int = 0
    not_known: tuple[str, ...] = ()
    rows: int = 0

    @property
    def layout(self) -> str | None:
        """`long` (one row per score), `visits` (one row per visit), `wide` (one row per episode), None as yet."""
        meanings = {column.meaning for column in self.columns}
        if meanings & {"value", "instrument"}:
            return "long"
        if "score" not in meanings:
            return None
        return "visits" if meanings & set(_ROW_DAY) else "wide"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Unit(_Part):
    """A unit of time in a visit's name."""

    words: tuple[str, ...]
    days: float


class Words(_Part):
    """The words by which columns are guessed; each is explained in `data/import_words.yaml`."""

    meanings: dict[str, tuple[str, ...]]
    values: dict[str, dict[str, tuple[str, ...]]]
    missing: tuple[str, ...]
    instruments: dict[str, tuple[str, ...]]
    visits: dict[int, tuple[str, ...]]
    units: tuple[Unit, ...]


@functools.lru_cache(maxsize=4)
def read_words(path: Path = WORDS_FILE) -> Words:
    """The words by which columns are guessed. Raises ImportRefused where the file is missing or wrong."""
    try:
        return Words.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, UnicodeDecodeError, ValidationError) as problem:
        raise ImportRefused(f"The words for guessing columns ({path.name}) can't be read.") from problem


@dataclass(frozen=True)
class Vocabulary:
    """What guesses are made from. `pattern` is the profile whose words, age bands and visit windows a mapping leads to;
    `tables` turn a value (as `_signed` gives it) into ours, for each meaning of CATEGORIES but `visit`."""

    instruments: Instruments
    pattern: Profile
    words: Words
    tables: Mapping[str, Mapping[str, str]]


def vocabulary(instruments: Instruments, pattern: Profile | None = None, words: Words | None = None) -> Vocabulary:
    """What guesses are made from, for the questionnaires of a knowledge base."""
    pattern, words = pattern or read_profile(TEMPLATE), words or read_words()
    tables: dict[str, dict[str, str]] = {}
    for meaning in CATEGORIES:
        if meaning == "visit":
            continue
        table = {_signed(alias): ours for ours, names in words.values.get(meaning, {}).items() for alias in names}
        for attribute in pattern.attributes:
            if attribute.attribute == meaning:
                table |= {_signed(value): ours for value, ours in attribute.values.items()}
        if meaning == "age_band":
            table |= {_signed(band.label): band.label for band in pattern.age_bands}
        if meaning == "instrument":
            table |= {_signed(name): ours for ours, names in words.instruments.items() for name in names}
            table |= {_signed(value): ours for value, ours in pattern.long.instruments.items()} if pattern.long else {}
            for ours, scale in instruments.items():
                table |= {_signed(name): ours for name in (ours, ours.removeprefix("instrument."), scale.name)}
            table = {name: ours for name, ours in table.items() if ours in instruments}
        tables[meaning] = table
    return Vocabulary(instruments, pattern, words, tables)


def our_values(meaning: str, known: Vocabulary) -> tuple[str, ...]:
    """What values of this meaning can become, in the order in which they are offered; () for meanings without a list."""
    if meaning == "age_band":
        return tuple(band.label for band in known.pattern.age_bands)
    if meaning == "instrument":
        return tuple(sorted(known.instruments, key=lambda name: known.instruments[name].name))
    for attribute in known.pattern.attributes:
        if attribute.attribute == meaning and attribute.values:
            return tuple(dict.fromkeys(attribute.values.values()))
    return ()


def suggest_mapping(surveyed: Surveyed, known: Vocabulary) -> Draft:
    """A guess for every column, by its name first and its values second. Columns that look like people are left out."""
    drafts = _settled([_guess(column, known) for column in surveyed.columns], surveyed)
    drafts = [_with_shown(draft, column) for draft, column in zip(drafts, surveyed.columns, strict=True)]
    drafts = [with_values(draft, known) for draft in drafts]
    return Draft(tuple(drafts), known.pattern.age_bands, header_mark=surveyed.header_mark, rows=surveyed.rows)


def with_values(column: ColumnDraft, known: Vocabulary) -> ColumnDraft:
    """The column with a guess for each of its values, where its meaning is a category; else without."""
    if column.meaning not in CATEGORIES:
        return replace(column, values=None)
    missing = {value.casefold() for value in known.words.missing}
    found: dict[str, str | None] = {}
    for value in _parts_of(column):
        ours = _understood(column.meaning, value, known)
        found[value] = "" if ours is None and value.casefold() in missing else ours
    return replace(column, values=found)


def start_from(kept: Profile, guessed: Draft, known: Vocabulary) -> Draft:
    """The draft that `kept` was made from, for another export with the same columns: what was chosen, not guessed.

    `guessed` says what this export holds. A column that looks like people stays left out, whatever was chosen. Values
    that `kept` knows and this export lacks stay decided; a value that `kept` does not know is guessed.
    """
    chosen = _chosen_columns(kept)
    codes = [column.missing for column, _, _ in chosen.values()]
    usual = {"", *(value.casefold() for value in known.words.missing)}
    not_known = tuple(
        code for code in (codes[0] if codes else ()) if code.casefold() not in usual and all(code in each for each in codes)
    )
    nothing = (Column(names=("-",)), IGNORE, {})
    return replace(
        guessed,
        columns=tuple(
            _as_kept(column, *chosen.get(plain_name(column.name), nothing), not_known, known)
            for column in guessed.columns
        ),
        age_bands=kept.age_bands or guessed.age_bands,
        label=kept.source_label,
        earliest_day=kept.earliest_day,
        not_known=not_known,
    )


def _chosen_columns(kept: Profile) -> dict[str, tuple[Column, str, Mapping[str, str]]]:
    """Per column that a profile reads, under each of its plain names: the column, its meaning and its values' meanings."""
    found: list[tuple[Column | None, str, Mapping[str, str]]] = [(kept.episode, "episode", {})]
    for each in kept.attributes:
        found.append((each, "age_years" if each.kind == "age_years" else each.attribute, each.values))
    found += [(getattr(kept.start, part), f"start_{part}", {}) for part in ("date", "year", "quarter")]
    if kept.long:
        visits = {name: str(day) for name, day in kept.long.visits.items()}
        found += [(kept.long.instrument, "instrument", kept.long.instruments), (kept.long.value, "value", {})]
        found += [(kept.long.day, "day", {}), (kept.long.date, "date", {}), (kept.long.visit, "visit", visits)]
        found += [(each, "score", {}) for each in kept.long.scores]
    found += [(each, "score", {}) for each in kept.wide if each.kind == "score"]
    return {
        name: (column, meaning, values)
        for column, meaning, values in found
        if column is not None and meaning in MEANINGS
        for name in map(plain_name, column.names)
    }


def _as_kept(
    guess: ColumnDraft,
    column: Column,
    meaning: str,
    values: Mapping[str, str],
    not_known: Collection[str],
    known: Vocabulary,
) -> ColumnDraft:
    """The column of this export with the meaning that `column` of the kept mapping has."""
    if guess.looks_like or guess.meaning == "synthetic":
        return guess
    if meaning == IGNORE:
        why = guess.why if guess.meaning == IGNORE else "the mapping that was kept leaves it out"
        return replace(guess, meaning=IGNORE, why=why, instrument="", day=None, values=None)
    made = with_values(
        replace(
            guess,
            meaning=meaning,
            why="",
            instrument=getattr(column, "instrument", ""),
            day=getattr(column, "day", None),
        ),
        known,
    )
    codes = [code for code in column.missing if code not in not_known]
    if not made.values:
        return replace(made, missing=tuple(dict.fromkeys((*made.missing, *codes))))
    # What a category does not know was chosen value by value, but for the codes that are understood without.
    usual = {"", *(value.casefold() for value in known.words.missing)}
    unknown = dict.fromkeys((code for code in codes if code.casefold() not in usual), "")
    return replace(
        made,
        values={**made.values, **unknown, **values},
        missing=tuple(dict.fromkeys((*made.missing, *(code for code in codes if code.casefold() in usual)))),
    )


def draft_to_profile(draft: Draft, known: Vocabulary, taken: Collection[str] = ()) -> Profile:
    """The profile that reads an export as the draft says.

    Parameters
    ----------
    taken : collection of str
        Ids that the profile may not have, because shipped profiles have them.

    Raises
    ------
    ImportRefused
        The draft is not complete or contradicts itself: one sentence per problem.
    """
    pattern = known.pattern
    identifier = profile_id(draft.label)
    problems = [*_problems(draft, known)]
    if identifier in taken:
        problems.append(
            f"A profile of the name '{identifier}' comes with Kneewise; give this kind of export another name."
        )
    if problems:
        raise ImportRefused(problems)
    by_meaning = {column.meaning: column for column in draft.columns if column.meaning not in (IGNORE, "score")}
    scores = [column for column in draft.columns if column.meaning == "score"]

    def column(meaning: str, required: bool = False) -> dict | None:
        return _plain_column(by_meaning[meaning], draft, required) if meaning in by_meaning else None

    dated = "date" in by_meaning
    start = {"date": column("start_date", dated), "year": column("start_year"), "quarter": column("start_quarter")}
    content: dict = {
        "id": identifier,
        "version": 1,
        "title": f"{draft.label} (mapped by this clinic)",
        "layout": "wide" if draft.layout == "wide" else "long",
        "source_label": draft.label,
        "day_note": _day_note(draft.layout, dated, "start_date" in by_meaning),
        "made_for": draft.header_mark,
        "episode": column("episode", required=True),
        "synthetic": pattern.synthetic and pattern.synthetic.model_dump(),
        "attributes": [
            made for name in ATTRIBUTE_MEANINGS if (made := _attribute(name, by_meaning, draft)) is not None
        ],
        "start": {**start, "first_score": dated and "start_date" not in by_meaning},
        "visit_windows": _windows(draft, scores, pattern),
        "baseline_until_day": pattern.baseline_until_day,
        "earliest_day": draft.earliest_day,
        "latest_day": pattern.latest_day,
    }
    if "age_years" in by_meaning:
        content["age_bands"] = [band.model_dump() for band in draft.age_bands]
    if draft.layout == "wide":
        content["wide"] = [
            {**_plain_column(each, draft), "instrument": each.instrument, "day": each.day} for each in scores
        ]
    else:
        day = {name: column(name, required=True) for name in _ROW_DAY}
        if "visit" in by_meaning:
            day["visits"] = {value: int(ours) for value, ours in _decided(by_meaning["visit"]).items()}
        if draft.layout == "long":
            content["long"] = {
                "instrument": column("instrument", required=True),
                "instruments": _decided(by_meaning["instrument"]),
                "value": column("value", required=True),
                **day,
            }
        else:
            content["long"] = {
                "scores": [{**_plain_column(each, draft), "instrument": each.instrument} for each in scores],
                **day,
            }
    return Profile.model_validate(content)


def profile_id(label: str) -> str:
    """The id (and the source's name in the store) of a mapping called `label`: small letters, digits and _."""
    plain = re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_")[:40].strip("_")
    return plain if plain[:1].isalpha() else f"export_{plain}".strip("_")[:40]


def understood_visit(text: str, words: Words) -> int | None:
    """The day that a visit's name means ("6 weeks" -> 42, "baseline" -> 0), or None."""
    plain = _spaced(text)
    for day, names in words.visits.items():
        if plain in {_spaced(name) for name in names}:
            return day
    found = re.fullmatch(r"(?:(?P<before>[a-zäöü]+) )?(?P<number>\d{1,4})(?: (?P<after>[a-zäöü]+))?", plain)
    if not found:
        return None
    named = found["after"] or found["before"]
    for unit in words.units:
        if named in unit.words:
            return round(int(found["number"]) * unit.days)
    return None


def _spaced(text: str) -> str:
    """Small words parted by single blanks: "PatientID" -> "patient id", "akps_6w" -> "akps 6 w"."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    text = re.sub(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", " ", text)
    return " ".join(re.sub(r"[\W_]+", " ", text).casefold().split())


def _guess(column: SurveyedColumn, known: Vocabulary) -> ColumnDraft:
    """The column by itself: what its name and its values suggest."""
    pattern, words = known.pattern, known.words
    missing = {value.casefold() for value in words.missing}
    values = [value for value in column.values if value.casefold() not in missing]
    codes = tuple(value for value in column.values if value.casefold() in missing)
    draft = ColumnDraft(column.name, missing=("", *codes))
    if not column.name:
        return replace(draft, why="it has no name")
    if pattern.synthetic and _spaced(column.name) in {_spaced(name) for name in pattern.synthetic.names}:
        return replace(draft, meaning="synthetic", why="by its name")
    strangers = [value for value in values if not _anywhere_known(value, known)]
    looks_like = header_problem(column.name) or (values_problem(strangers, column.filled) if strangers else None)
    if looks_like:
        return replace(draft, looks_like=looks_like, why=f"it looks like {looks_like}")
    if not values:
        return replace(draft, why="it is empty")
    for meaning, exact in _by_name(column.name, words):
        if _fits(meaning, column, values, exact, known):
            return replace(draft, meaning=meaning, why="by its name" if exact else "by a word in its name")
    scored = _score_by_name(column.name, known)
    if scored and _share(values, lambda value: _lies_within(value, known.instruments[scored[0]])) >= _MOSTLY:
        return replace(draft, meaning="score", instrument=scored[0], day=scored[1], why="by a word in its name")
    for meaning in ("instrument", "sex", "intervention", "symptom_duration", "referral", "age_band", "visit"):
        if 2 <= len(values) <= MOST_VALUES and all(_understood(meaning, value, known) is not None for value in values):
            return replace(draft, meaning=meaning, why="by its values")
    return draft


def _by_name(name: str, words: Words) -> list[tuple[str, bool]]:
    """Meanings that a column's name suggests: (meaning, whether by the whole name), the best first."""
    plain = _spaced(name)
    exact = [meaning for meaning, names in words.meanings.items() if plain in {_spaced(each) for each in names}]
    within = [
        (len(phrase), meaning)
        for meaning, names in words.meanings.items()
        for phrase in map(_spaced, names)
        # Short single words ("id", "no", "time") mean too many things inside a longer name.
        if (" " in phrase or len(phrase) > 4) and re.search(rf"\b{re.escape(phrase)}\b", plain)
    ]
    ordered = [meaning for _, meaning in sorted(within, key=lambda found: -found[0]) if meaning not in exact]
    return [*((meaning, True) for meaning in exact), *((meaning, False) for meaning in dict.fromkeys(ordered))]


def _score_by_name(name: str, known: Vocabulary) -> tuple[str, int | None] | None:
    """The questionnaire in a column's name, and the day that the rest of the name means (None where it means none)."""
    plain = _spaced(name)
    found = [
        (len(phrase), instrument, phrase)
        for instrument, names in known.words.instruments.items()
        if instrument in known.instruments
        for phrase in map(_spaced, (*names, instrument.removeprefix("instrument.")))
        if re.search(rf"\b{re.escape(phrase)}\b", plain)
    ]
    if not found:
        return None
    _, instrument, phrase = max(found)
    rest = " ".join(_FILLING.sub(" ", re.sub(rf"\b{re.escape(phrase)}\b", " ", plain, count=1)).split())
    return instrument, understood_visit(rest, known.words) if rest else None


def _fits(
    meaning: str,
    column: SurveyedColumn,
    values: list[str],
    exact: bool,
    known: Vocabulary,
) -> bool:
    """Whether a column's values can have the meaning that its name suggests."""
    if meaning in ("start_date", "date"):
        return _share(values, lambda value: any_date(value) is not None) >= _MOSTLY
    if meaning == "age_years":
        top = max((band.to_years for band in known.pattern.age_bands), default=0)
        return _share(values, lambda value: value.isdigit() and int(value) <= top) >= _MOSTLY
    if meaning == "value":
        return _share(values, _is_number) >= _MOSTLY
    if meaning == "day":
        return _share(values, lambda value: re.fullmatch(r"-?\d+", value) is not None) >= _MOSTLY
    if meaning == "start_year":
        return _share(values, lambda value: re.match(r"(19|20)\d{2}(?!\d)", value) is not None) >= _MOSTLY
    if meaning == "start_quarter":
        return _share(values, lambda value: re.fullmatch(r"(\d{4}[- ]?)?[Qq]?[1-4]", value) is not None) >= _MOSTLY
    if meaning in CATEGORIES:
        understood = _share(values, lambda value: _understood(meaning, value, known) is not None)
        most = len(values) <= MOST_VALUES or meaning == "factors"
        return most and (understood >= 0.5 or (exact and meaning not in ("visit", "instrument", "factors")))
    if meaning in ("site", "clinician"):
        return not column.more and _share(values, lambda value: any_date(value) is not None) < 0.5
    return True


def _settled(guesses: list[ColumnDraft], surveyed: Surveyed) -> list[ColumnDraft]:
    """The guesses without contradictions: each meaning once, and scores told in one way."""
    order = {"by its name": 0, "by a word in its name": 1}
    best: dict[str, int] = {}
    for place in sorted(range(len(guesses)), key=lambda place: (order.get(guesses[place].why, 2), place)):
        meaning = guesses[place].meaning
        if meaning not in (IGNORE, "score"):
            best.setdefault(_SAME_SLOT.get(meaning, meaning), place)
    drafts = [
        draft
        if draft.meaning in (IGNORE, "score") or best[_SAME_SLOT.get(draft.meaning, draft.meaning)] == place
        else replace(draft, meaning=IGNORE, why=f"another column is the {MEANINGS[draft.meaning].casefold()}")
        for place, draft in enumerate(guesses)
    ]
    if "instrument" in best and "value" in best:
        drafts = _without(drafts, ("score",), "the scores stand in a column of their own")
    elif any(draft.meaning == "score" for draft in drafts):
        drafts = _without(drafts, ("value", "instrument"), "the scores stand in columns of their own")
        if any(draft.meaning == "score" and draft.day is not None for draft in drafts):
            drafts = _without(drafts, _ROW_DAY, "the columns of the scores name their visit")
    kept = [name for name in _ROW_DAY if any(draft.meaning == name for draft in drafts)]
    # A day is exact and a date nearly so; a visit's name is only a plan.
    drafts = _without(drafts, tuple(kept[1:]), f"another column says the {kept[0]}") if len(kept) > 1 else drafts
    if "episode" not in best:
        for place, column in enumerate(surveyed.columns):
            draft = drafts[place]
            every_row_its_own = len(column.values) > _MOSTLY * column.rows or column.more
            if (
                draft.meaning == IGNORE
                and not draft.why
                and every_row_its_own
                and _share(column.values, _is_number) < 1
            ):
                drafts[place] = replace(draft, meaning="episode", why="because nearly every row has a value of its own")
                break
    return drafts


def _without(drafts: list[ColumnDraft], meanings: Iterable[str], why: str) -> list[ColumnDraft]:
    return [
        replace(draft, meaning=IGNORE, why=why, instrument="", day=None) if draft.meaning in meanings else draft
        for draft in drafts
    ]


def _with_shown(draft: ColumnDraft, column: SurveyedColumn) -> ColumnDraft:
    """The draft with what may be seen of the column."""
    if draft.looks_like:
        return replace(draft, shown=("hidden",) * min(len(column.first), 3))
    few = not column.more and len(column.values) <= MOST_VALUES
    repeated = len(column.values) * 2 <= max(column.filled, 1)
    known = (few and repeated and draft.meaning != "episode") or draft.meaning in _PLAIN_NUMBERS
    distinct = column.values if few else ()
    if draft.meaning == "factors" and not few:
        parts = dict.fromkeys(part.strip() for value in column.values for part in value.split(";"))
        distinct = tuple(parts) if len(parts) <= MOST_VALUES else ()
    return replace(draft, shown=tuple(masked(value, known) for value in column.first), distinct=distinct)


def _parts_of(column: ColumnDraft) -> tuple[str, ...]:
    if column.meaning != "factors":
        return column.distinct
    return tuple(dict.fromkeys(part.strip() for value in column.distinct for part in value.split(";") if part.strip()))


def _understood(meaning: str, value: str, known: Vocabulary) -> str | None:
    """Our value for a value of the export; None where nothing is known of it."""
    if meaning == "visit":
        day = understood_visit(value, known.words)
        return None if day is None else str(day)
    return known.tables[meaning].get(_signed(value))


def _anywhere_known(value: str, known: Vocabulary) -> bool:
    return any(_understood(meaning, value, known) is not None for meaning in CATEGORIES)


def _signed(value: str) -> str:
    """A value for comparing: small letters, single blanks, no signs except those that order (< > + =)."""
    return " ".join(re.sub(r"[^\w<>=+]+", " ", value.casefold().replace("_", " ")).split())


def _share(values: Collection[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, values)) / len(values) if values else 0.0


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d+([.,]\d+)?", value) is not None


def _lies_within(value: str, scale: InstrumentRange) -> bool:
    return _is_number(value) and scale.minimum <= float(value.replace(",", ".")) <= scale.maximum


def _decided(column: ColumnDraft) -> dict[str, str]:
    return {value: ours for value, ours in (column.values or {}).items() if ours}


def _plain_column(column: ColumnDraft, draft: Draft, required: bool = False) -> dict:
    unknown = [value for value, ours in (column.values or {}).items() if ours == ""]
    missing = dict.fromkeys(["", *column.missing, *draft.not_known, *unknown])
    return {"names": [column.name], "required": required, "missing": list(missing)}


def _attribute(meaning: str, by_meaning: Mapping[str, ColumnDraft], draft: Draft) -> dict | None:
    """The profile's entry for an attribute of an episode, or None where no column is mapped to it."""
    if meaning not in by_meaning:
        return None
    column = by_meaning[meaning]
    made = _plain_column(column, draft)
    if meaning in CATEGORIES:
        made["values"] = _decided(column)
    kinds = {"site": "code", "clinician": "keyed_code", "age_years": "age_years", "factors": "code_list"}
    name = "age_band" if meaning == "age_years" else meaning
    return {**made, "attribute": name, "kind": kinds.get(meaning, "category")}


def _day_note(layout: str | None, dated: bool, started: bool) -> str:
    if layout == "wide":
        return "Days are the planned visit days of the sheet, not the days on which people answered."
    if dated and not started:
        return "Days are counted from each episode's first score, because the export names no start."
    return "Days are counted from the start of the episode."


def _windows(draft: Draft, scores: Collection[ColumnDraft], pattern: Profile) -> list[dict]:
    """The pattern's visit windows, reaching back to the earliest day, with one more for each planned day beyond them."""
    windows = [window.model_dump() for window in pattern.visit_windows]
    windows[0]["from_day"] = min(windows[0]["from_day"], draft.earliest_day)
    for day in sorted({each.day for each in scores if each.day is not None}):
        if not any(window["from_day"] <= day <= window["to_day"] for window in windows):
            windows.append({"label": f"day {day}", "from_day": day, "to_day": day})
    return windows


def _problems(draft: Draft, known: Vocabulary) -> Iterator[str]:
    """What is missing from a draft or contradicts itself, one sentence each. No value of the export is in them."""
    names = [column.name for column in draft.columns if column.meaning != IGNORE]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"Column '{name}' is mapped twice; map it once."
    if "" in names:
        yield "A column without a name can't be mapped; give it a name in the export."
    taken: dict[str, ColumnDraft] = {}
    for column in draft.columns:
        if column.meaning not in MEANINGS:
            yield f"Column '{column.name}' has no meaning that Kneewise knows; choose one from the list."
        if column.looks_like and column.meaning not in (IGNORE, "synthetic"):
            yield (
                f"Column '{column.name}' looks like {column.looks_like}, which is never imported; choose "
                f"'{MEANINGS[IGNORE]}' for it."
            )
        slot = _SAME_SLOT.get(column.meaning, column.meaning)
        if slot in (IGNORE, "score"):
            continue
        if slot in taken:
            said = "age" if slot == "age" else MEANINGS.get(slot, slot).casefold()
            yield f"Columns '{taken[slot].name}' and '{column.name}' are both the {said}; choose one of them."
        taken.setdefault(slot, column)
    if "age" in taken and taken["age"].meaning == "age_years" and not draft.age_bands:
        yield f"Column '{taken['age'].name}' holds ages in years; name the age bands they become."
    yield from _problems_of_scores(draft, taken, known)
    for column in draft.columns:
        if column.meaning in CATEGORIES and not column.looks_like:
            yield from _problems_of_values(column, draft.not_known, known)


def _problems_of_scores(draft: Draft, taken: Mapping[str, ColumnDraft], known: Vocabulary) -> Iterator[str]:
    scores = [column for column in draft.columns if column.meaning == "score"]
    days = [taken[name].name for name in _ROW_DAY if name in taken]
    if not scores and not {"value", "instrument"} & set(taken):
        yield "No column holds a score; say which one does, and of which questionnaire."
    if scores and {"value", "instrument"} & set(taken):
        other = (taken.get("value") or taken["instrument"]).name
        yield (
            f"Scores are told in two ways, in column '{scores[0].name}' and in column '{other}'; use one way for the "
            "whole export."
        )
    if ("value" in taken) != ("instrument" in taken) and not scores:
        lacks = "instrument" if "value" in taken else "value"
        yield f"One row per score needs two columns; choose the one that is '{MEANINGS[lacks]}' too."
    if len(days) > 1:
        yield f"Columns {' and '.join(map(repr, days))} both say when a score was given; choose one of them."
    if draft.layout in ("long", "visits") and "episode" not in taken:
        yield "Several rows belong to one episode, so a column has to say which; choose the episode or patient id."
    if draft.layout == "long" and not days:
        yield "No column says when a score was given; choose its day, its date or its visit."
    seen: dict[tuple[str, int | None], str] = {}
    for column in scores:
        if column.instrument not in known.instruments:
            yield f"Column '{column.name}' is a score; say of which questionnaire."
            continue
        if draft.layout == "wide" and column.day is None:
            yield f"Column '{column.name}' is a score; say on which day of the treatment it was planned."
            continue
        if draft.layout == "visits" and column.day is not None:
            yield (
                f"Column '{column.name}' is a score of day {column.day}, and column '{days[0]}' says the day too; choose "
                "one of them."
            )
            continue
        key = (column.instrument, column.day)
        if key in seen:
            yield (
                f"Columns '{seen[key]}' and '{column.name}' are the same questionnaire at the same visit; change or leave "
                "out one of them."
            )
        seen.setdefault(key, column.name)
    if draft.earliest_day > 0:
        yield "The days before the start that still belong to an episode can't be fewer than none."


def _problems_of_values(column: ColumnDraft, not_known: Collection[str], known: Vocabulary) -> Iterator[str]:
    unknown = {code.casefold() for code in not_known}
    values = {
        value: "" if ours is None and value.casefold() in unknown else ours
        for value, ours in (column.values or {}).items()
    }
    if not values:
        yield (
            f"Column '{column.name}' has more than {MOST_VALUES} different values (or none), so it can't be the "
            f"{MEANINGS[column.meaning].casefold()}."
        )
        return
    undecided = sum(ours is None for ours in values.values())
    if undecided:
        yield f"Column '{column.name}': say what {undecided} of its values mean{'s' if undecided == 1 else ''}, or 'not known'."
    elif not any(values.values()):
        yield f"Column '{column.name}': all of its values are 'not known'; choose '{MEANINGS[IGNORE]}' for it."
    allowed = set(our_values(column.meaning, known))
    if column.meaning == "visit":
        wrong = [ours for ours in values.values() if ours and not re.fullmatch(r"-?\d{1,4}", ours)]
    else:
        wrong = [ours for ours in values.values() if ours and ours not in allowed]
    if wrong:
        yield f"Column '{column.name}': a value is mapped to something that Kneewise does not know; choose from the list."
