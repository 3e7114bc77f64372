"""FHIR R4 as NDJSON (one resource per line, as bulk exports write it) as a table that the import understands.

One row per score. Scores are totals: an `Observation`'s valueQuantity or valueInteger (or a component's), or the answer
of the one `QuestionnaireResponse` item that carries the total. Answers to single items are not scored. Which code or item
means which questionnaire stands in the profile's `long.instruments`: `"http://loinc.org|72514-3"` (system|code) or a bare
code; for an item `"https://canonical-address#linkId"` or a bare linkId.

The columns that are made, for the profile to name: `episode`, `start` (of the `EpisodeOfCare`, or the day of the first
score), `organization`, `age` (in whole years at the start), `gender`, `code`, `value`, `date`. A `Patient` gives its
birth date and gender for these and is forgotten with the file; nothing else of it is looked at.
"""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from kneewise.errors import ImportRefused
from kneewise.outcomes.profiles import Profile
from kneewise.outcomes.reading import CodedColumn, ExportTable, Progress, Source, opened, survey_bytes

MOST_LINE_BYTES = 1024 * 1024
"""A longer line is set aside unread; a resource that carries a score has a few thousand bytes."""
_LISTED = 200
_SAID = 5
_PROGRESS_EVERY = 2000
_SAYABLE = re.compile(r"[\w.:/|#~-]{1,100}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?=$|T)")
_EPISODE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"
_NOT_JSON = "this line is not one whole JSON resource."


@dataclass(frozen=True)
class _Score:
    line: int
    subject: str
    encounter: str
    episode_of_care: str
    code: str
    value: str
    date: str


@dataclass
class _Found:
    """What the lines held. People are kept by reference until the rows are made, then dropped."""

    scores: list[_Score] = field(default_factory=list)
    patients: dict[str, tuple[str, str]] = field(default_factory=dict)
    encounters: dict[str, tuple[str, str]] = field(default_factory=dict)  # -> (episode of care, organization)
    episodes: dict[str, tuple[str, str]] = field(default_factory=dict)  # -> (start, organization)
    kinds: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    not_final: int = 0
    contained: int = 0
    not_numbers: int = 0
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    unreadable_total: int = 0

    def set_aside(self, line: int, reason: str) -> None:
        self.unreadable_total += 1
        if len(self.unreadable) < _LISTED:
            self.unreadable.append((line, reason))


def read_fhir(source: Source, profile: Profile, progress: Progress | None = None) -> ExportTable:
    """The scores of an NDJSON file as rows, with what their episodes say.

    Raises
    ------
    ImportRefused
        Too large, empty, binary, not NDJSON, or without any score that the profile maps.
    """
    survey = survey_bytes(source, profile.zip_member, progress)
    if not survey.encoding.startswith("utf-8"):
        raise ImportRefused("The file is not UTF-8, which FHIR's JSON always is; export it again.")
    found = _Found()
    for line, raw in _lines(source, profile.zip_member, survey.byte_count, progress):
        _read_line(line, raw, profile, found)
    notes = _notes(found)
    if not found.scores:
        if found.unreadable_total and not found.kinds:
            raise ImportRefused(
                "No line of the file is a JSON resource of its own. NDJSON has one whole resource on each line; a bundle, "
                "or JSON laid out over several lines, has to be written out as NDJSON first."
            )
        raise ImportRefused(
            [f"The file holds no score that the profile {profile.id} maps (its `long.instruments`).", *notes]
        )
    columns = _columns(found, profile)
    lines = np.array([score.line for score in found.scores], dtype=np.int64)
    coded = {name: _coded(name, values, lines) for name, values in columns.items()}
    used = {}
    for column in profile.columns():
        name = next((name for name in column.names if name in coded), None)
        if name is not None:
            used[column] = coded[name]
        elif column.required:
            raise ImportRefused(
                f"The profile {profile.id} needs a column '{column.names[0]}', which FHIR resources don't give; they give "
                f"{', '.join(coded)}."
            )
    return ExportTable(
        rows=len(found.scores),
        columns=used,
        dropped=(),
        notes=(*survey.notes, *notes),
        decimal_comma=False,
        lines=lines,
        unreadable=tuple(found.unreadable),
        unreadable_total=found.unreadable_total,
    )


def _lines(source: Source, zip_member: str, byte_count: int, progress: Progress | None) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank with its number; of a line that is too long only its beginning."""
    with opened(source, zip_member) as stream:
        line = seen = 0
        while raw := stream.readline(MOST_LINE_BYTES + 1):
            line += 1
            seen += len(raw)
            if len(raw) > MOST_LINE_BYTES and not raw.endswith(b"\n"):
                while (rest := stream.readline(MOST_LINE_BYTES)) and not rest.endswith(b"\n"):
                    seen += len(rest)
            if raw.strip(b"\xef\xbb\xbf \t\r\n"):
                yield line, raw
            if progress and line % _PROGRESS_EVERY == 0:
                progress(0.1 + 0.5 * min(1.0, seen / max(byte_count, 1)), "reading")


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _read_line(line: int, raw: bytes, profile: Profile, found: _Found) -> None:
    if len(raw) > MOST_LINE_BYTES:
        found.set_aside(line, f"this line is longer than {MOST_LINE_BYTES // 1024} kB, so it was not read.")
        return
    try:
        # Numbers stay as they are written; the import reads them as it reads every score.
        resource = json.loads(raw.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=_no_constant)
        kind = resource["resourceType"]
        if not isinstance(kind, str) or not isinstance(resource, dict):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        found.set_aside(line, _NOT_JSON)
        return
    found.kinds[kind] += 1
    contained = resource.get("contained")
    found.contained += len(contained) if isinstance(contained, list) else 0
    if kind == "Patient":
        found.patients[_own_reference(resource)] = (_text(resource, "birthDate"), _text(resource, "gender"))
    elif kind == "Encounter":
        episodes = _list(resource, "episodeOfCare")
        found.encounters[_own_reference(resource)] = (
            _reference(episodes[0]) if episodes else "",
            _reference(resource.get("serviceProvider")),
        )
    elif kind == "EpisodeOfCare":
        period = resource.get("period")
        start = _text(period, "start") if isinstance(period, dict) else ""
        found.episodes[_own_reference(resource)] = (start, _reference(resource.get("managingOrganization")))
    elif kind in ("Observation", "QuestionnaireResponse"):
        if _text(resource, "status") not in profile.fhir.statuses:
            found.not_final += 1
            return
        read = _observed if kind == "Observation" else _answered
        for code, value in read(resource, profile.long.instruments, found):
            found.scores.append(_score(line, resource, code, value))


def _score(line: int, resource: Mapping[str, Any], code: str, value: str) -> _Score:
    period = resource.get("effectivePeriod")
    date = next(
        filter(None, (_text(resource, name) for name in ("effectiveDateTime", "effectiveInstant", "authored"))), ""
    )
    date = date or (_text(period, "start") if isinstance(period, dict) else "")
    whole = _DAY.match(date)
    episode = next(
        (
            _reference(extension.get("valueReference"))
            for extension in _list(resource, "extension")
            if extension.get("url") == _EPISODE_EXTENSION
        ),
        "",
    )
    return _Score(
        line=line,
        subject=_reference(resource.get("subject")),
        encounter=_reference(resource.get("encounter")),
        episode_of_care=episode,
        code=code,
        value=value,
        date=whole[0] if whole else date,
    )


def _observed(resource: Mapping[str, Any], instruments: Mapping[str, str], found: _Found) -> Iterator[tuple[str, str]]:
    """The scores of an observation and of its components: (the profile's code, the value as text, "" where absent)."""
    for part in (resource, *_list(resource, "component")):
        code = part.get("code")
        codings = _list(code, "coding") if isinstance(code, dict) else []
        named = [(_text(coding, "system"), _text(coding, "code")) for coding in codings]
        keys = [key for system, code in named for key in (f"{system}|{code}", code)]
        known = next((key for key in keys if key in instruments), None)
        if known is None:
            if part is resource and keys:
                found.unmapped[keys[0]] += 1
            continue
        value = _number_of(part)
        if value is None and "dataAbsentReason" not in part:
            found.not_numbers += 1
        else:
            yield known, value or ""


def _answered(resource: Mapping[str, Any], instruments: Mapping[str, str], found: _Found) -> Iterator[tuple[str, str]]:
    """The totals that a questionnaire's answers carry: (the profile's code, the value as text)."""
    questionnaire = _text(resource, "questionnaire").partition("|")[0]
    any_known = False
    for item in _items(resource):
        link = _text(item, "linkId")
        known = next((key for key in (f"{questionnaire}#{link}", link) if key in instruments), None)
        if known is None:
            continue
        any_known = True
        answers = _list(item, "answer")
        value = _number_of(answers[0]) if answers else ""
        if value is None:
            found.not_numbers += 1
        else:
            yield known, value
    if not any_known:
        found.unmapped[questionnaire or "a questionnaire without address"] += 1


def _items(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All items of a questionnaire's answers, nested ones too, without recursion (depth is the sender's choice)."""
    waiting = list(reversed(_list(resource, "item")))
    while waiting:
        item = waiting.pop()
        yield item
        below = [*_list(item, "item"), *(each for answer in _list(item, "answer") for each in _list(answer, "item"))]
        waiting.extend(reversed(below))


def _number_of(part: Mapping[str, Any]) -> str | None:
    """The number that an observation or an answer holds, as text; None where it holds none."""
    quantity = part.get("valueQuantity")
    if isinstance(quantity, dict):
        return _text(quantity, "value") or None
    return next(filter(None, (_text(part, name) for name in ("valueInteger", "valueDecimal"))), None)


def _text(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name)
    return value.strip() if isinstance(value, str) else ""


def _list(part: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = part.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _own_reference(resource: Mapping[str, Any]) -> str:
    return f"{_text(resource, 'resourceType')}/{_text(resource, 'id')}"


def _reference(part: object) -> str:
    """A reference as `Type/id`, whatever server and version it names; "" for none, and for a contained resource."""
    reference = _text(part, "reference") if isinstance(part, dict) else ""
    if not reference or reference.startswith("#"):
        return ""
    if reference.startswith("urn:"):
        return reference
    return "/".join(reference.partition("/_history/")[0].split("/")[-2:])


def _columns(found: _Found, profile: Profile) -> dict[str, list[str]]:
    """The rows as columns of text. Here birth dates become ages, and are used no further."""
    episodes = [_episode(score, profile.fhir.episode, found) for score in found.scores]
    first: dict[str, _Score] = {}
    for episode, score in zip(episodes, found.scores, strict=True):
        if _DAY.fullmatch(score.date) and (episode not in first or score.date < first[episode].date):
            first[episode] = score
    known: dict[str, tuple[str, str, str, str]] = {}
    for episode, score in first.items():
        start, organization = found.episodes.get(episode, ("", ""))
        start = start[:10] if _DAY.match(start) else score.date
        organization = organization or found.encounters.get(score.encounter, ("", ""))[1]
        birth, gender = found.patients.get(score.subject, ("", ""))
        known[episode] = (start, organization, _age(birth, start), gender)
    nothing = ("", "", "", "")
    start, organization, age, gender = (
        [known.get(episode, nothing)[place] for episode in episodes] for place in range(4)
    )
    return {
        "episode": episodes,
        "start": start,
        "organization": organization,
        "age": age,
        "gender": gender,
        "code": [score.code for score in found.scores],
        "value": [score.value for score in found.scores],
        "date": [score.date for score in found.scores],
    }


def _episode(score: _Score, order: Iterable[str], found: _Found) -> str:
    references = {
        "episodeOfCare": score.episode_of_care or found.encounters.get(score.encounter, ("", ""))[0],
        "encounter": score.encounter,
        "subject": score.subject,
    }
    return next((references[kind] for kind in order if references[kind]), "")


def _age(birth: str, start: str) -> str:
    """Whole years at the start; of a birth date without its day, the difference of the years."""
    try:
        then = datetime.date.fromisoformat(start)
        if _DAY.fullmatch(birth):
            born = datetime.date.fromisoformat(birth)
            years = then.year - born.year - ((then.month, then.day) < (born.month, born.day))
        else:
            years = then.year - int(birth[:4])
    except ValueError:
        return ""
    return str(years) if years >= 0 else ""


def _coded(name: str, values: list[str], lines: np.ndarray) -> CodedColumn:
    distinct = pa.array(values, pa.string()).dictionary_encode()
    codes = distinct.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    return CodedColumn(name, codes, tuple(distinct.dictionary.to_pylist()), lines)


def _notes(found: _Found) -> tuple[str, ...]:
    """What was read and what was not, as sentences."""
    read = ("Observation", "QuestionnaireResponse", "Patient", "Encounter", "EpisodeOfCare")
    said = [
        f"{len(found.scores):,} scores in {found.kinds['Observation']:,} Observations and "
        f"{found.kinds['QuestionnaireResponse']:,} QuestionnaireResponses. Rows are the lines of the file. Only totals are "
        "read; answers to single items are not scored."
    ]
    if found.kinds["Patient"]:
        said.append(
            f"{found.kinds['Patient']:,} Patients gave their age and gender and were dropped; no name was read."
        )
    others = Counter({kind: count for kind, count in found.kinds.items() if kind not in read})
    if others:
        said.append(f"{others.total():,} resources of other types were not read{_most(others)}.")
    if found.contained:
        said.append(f"{found.contained:,} contained resources were not read.")
    if found.unmapped:
        said.append(
            f"{found.unmapped.total():,} resources have a code or questionnaire that the profile doesn't map"
            f"{_most(found.unmapped)}."
        )
    if found.not_final:
        said.append(f"{found.not_final:,} resources are not final (by their status) and were left out.")
    if found.not_numbers:
        said.append(f"{found.not_numbers:,} scores are no numbers and were left out.")
    if found.unreadable_total:
        said.append(f"{found.unreadable_total:,} lines could not be read; the refused rows name the first of them.")
    return tuple(said)


def _most(counted: Counter[str]) -> str:
    """The most frequent, in brackets. What is no plain code is counted and not repeated."""
    named = [(name, count) for name, count in counted.most_common(_SAID) if _SAYABLE.fullmatch(name)]
    return f" ({', '.join(f'{name}: {count:,}' for name, count in named)})" if named else ""
