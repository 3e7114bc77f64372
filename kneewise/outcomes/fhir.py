"""FHIR R4 as NDJSON (one resource per line, as bulk exports write it) as a table that the import understands.

One row per score. A score is a total: an `Observation`'s valueQuantity or valueInteger (or a component's), or the answer
of the one `QuestionnaireResponse` item that carries the total. Which code or item means which questionnaire stands in the
profile's `long.instruments`: `"http://loinc.org|72514-3"` (system|code) or a bare code; for an item
`"https://canonical-address#linkId"` or a bare linkId. Or it is worked out from the answers to a form's single items, where
the profile's `fhir.questionnaires` say which item is which; `kneewise.outcomes.fhir_answers` reads those.

The columns that are made, for the profile to name: `episode`, `start` (of the `EpisodeOfCare`, or the day of the first
score), `organization`, `age` (in whole years at the start), `gender`, `code`, `value`, `date`. A `Patient` gives its
birth date and gender for these and is forgotten with the file; nothing else of it is looked at.
"""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from kneewise.errors import ImportRefused
from kneewise.knowledge_base import load_knowledge
from kneewise.outcomes.fhir_answers import SAYABLE, Form, Written, forms_of, items_of, list_of, scores_of, text_of
from kneewise.outcomes.instruments import scorings_from
from kneewise.outcomes.profiles import Profile
from kneewise.outcomes.reading import CodedColumn, ExportTable, Progress, Source, ZipMembers, opened, survey_bytes

MOST_LINE_BYTES = 1024 * 1024
"""A longer line is set aside unread; a resource that carries a score has a few thousand bytes."""
_LISTED = 200
_SAID = 5
_PROGRESS_EVERY = 2000
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
    unreadable_lines: int = 0
    from_answers: Counter[str] = field(default_factory=Counter)  # scores by how they were worked out
    refused_answers: int = 0

    def set_aside(self, line: int, reason: str) -> None:
        self.unreadable_lines += 1
        self._list(line, reason)

    def refuse_answers(self, line: int, reasons: Sequence[str]) -> None:
        """Scores of one form that there are none of, a reason for each."""
        self.refused_answers += len(reasons)
        self._list(line, " ".join(reasons))

    def _list(self, line: int, reason: str) -> None:
        if len(self.unreadable) < _LISTED:
            self.unreadable.append((line, reason))


def read_fhir(source: Source, profile: Profile, progress: Progress | None = None) -> ExportTable:
    """The scores of an NDJSON file as rows, with what their episodes say.

    Raises
    ------
    ImportRefused
        Too large, empty, binary, not NDJSON, or without any score that the profile maps. The profile's questionnaires
        don't fit the knowledge base.
    """
    by_answers = profile.fhir.questionnaires
    forms = forms_of(profile, scorings_from(load_knowledge())) if by_answers else {}
    survey = survey_bytes(source, profile.zip_member, progress)
    if not survey.encoding.startswith("utf-8"):
        raise ImportRefused("The file is not UTF-8, which FHIR's JSON always is; export it again.")
    found = _Found()
    for line, raw in _lines(source, profile.zip_member, survey.byte_count, progress):
        _read_line(line, raw, profile, forms, found)
    notes = _notes(found, bool(by_answers))
    if not found.scores:
        if found.unreadable_lines and not found.kinds:
            raise ImportRefused(
                "No line of the file is a JSON resource of its own. NDJSON has one whole resource on each line; a bundle, "
                "or JSON laid out over several lines, has to be written out as NDJSON first."
            )
        if found.refused_answers:
            first = [f"Row {line}: {reason}" for line, reason in found.unreadable[:_SAID]]
            raise ImportRefused([*first, "No score of the file can be taken, so nothing was imported.", *notes])
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
        unreadable_total=found.unreadable_lines + found.refused_answers,
    )


def _lines(
    source: Source, zip_member: ZipMembers, byte_count: int, progress: Progress | None
) -> Iterator[tuple[int, bytes]]:
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


def _read_line(line: int, raw: bytes, profile: Profile, forms: Mapping[str, Form], found: _Found) -> None:
    if len(raw) > MOST_LINE_BYTES:
        found.set_aside(line, f"this line is longer than {MOST_LINE_BYTES // 1024} kB, so it was not read.")
        return
    try:
        # Numbers stay as they are written; the import reads them as it reads every score.
        resource = json.loads(
            raw.decode("utf-8-sig"), parse_float=Written, parse_int=Written, parse_constant=_no_constant
        )
        if b"\\u" in raw:  # half a sign, written as an escape, is no text: nothing could be stored or hashed of it
            json.dumps(resource, ensure_ascii=False).encode()
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
        found.patients[_own_reference(resource)] = (text_of(resource, "birthDate"), text_of(resource, "gender"))
    elif kind == "Encounter":
        episodes = list_of(resource, "episodeOfCare")
        found.encounters[_own_reference(resource)] = (
            _reference(episodes[0]) if episodes else "",
            _reference(resource.get("serviceProvider")),
        )
    elif kind == "EpisodeOfCare":
        period = resource.get("period")
        start = text_of(period, "start") if isinstance(period, dict) else ""
        found.episodes[_own_reference(resource)] = (start, _reference(resource.get("managingOrganization")))
    elif kind in ("Observation", "QuestionnaireResponse"):
        if text_of(resource, "status") not in profile.fhir.statuses:
            found.not_final += 1
            return
        if kind == "Observation":
            scores = _observed(resource, profile.long.instruments, found)
        else:
            scores = _answered(line, resource, profile.long.instruments, forms, found)
        for code, value in scores:
            found.scores.append(_score(line, resource, code, value))


def _score(line: int, resource: Mapping[str, Any], code: str, value: str) -> _Score:
    period = resource.get("effectivePeriod")
    date = next(
        filter(None, (text_of(resource, name) for name in ("effectiveDateTime", "effectiveInstant", "authored"))), ""
    )
    date = date or (text_of(period, "start") if isinstance(period, dict) else "")
    whole = _DAY.match(date)
    episode = next(
        (
            _reference(extension.get("valueReference"))
            for extension in list_of(resource, "extension")
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
    for part in (resource, *list_of(resource, "component")):
        code = part.get("code")
        codings = list_of(code, "coding") if isinstance(code, dict) else []
        named = [(text_of(coding, "system"), text_of(coding, "code")) for coding in codings]
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


def _answered(
    line: int, resource: Mapping[str, Any], instruments: Mapping[str, str], forms: Mapping[str, Form], found: _Found
) -> list[tuple[str, str]]:
    """The scores that a questionnaire's answers carry or give: (the profile's code, the value as text, "" where absent)."""
    address = text_of(resource, "questionnaire")
    form = forms.get(address) or forms.get(address.partition("|")[0])
    totals = _totals(resource, instruments)
    if form is None:
        if not totals:
            found.unmapped[address.partition("|")[0] or "a questionnaire without address"] += 1
        worked_out, decided = [], frozenset()
    else:
        beside: dict[str, list[str]] = {}
        for code, value in totals:
            # A total that is no number (None) can't be held against the answers; its text says so.
            beside.setdefault(instruments[code], []).append("?" if value is None else value)
        result = scores_of(form, resource, beside)
        if result.refused:
            found.refuse_answers(line, result.refused)
        worked_out, decided = list(result.scores), result.decided
        for part in form.parts:
            if part.rule and any(code == part.code and value for code, value in worked_out):
                found.from_answers[f"{part.scoring.name} by '{part.rule.name}' ({part.rule.says})"] += 1
    read = [(code, value) for code, value in totals if instruments[code] not in decided]
    found.not_numbers += sum(value is None for _, value in read)
    return [*worked_out, *((code, value) for code, value in read if value is not None)]


def _totals(resource: Mapping[str, Any], instruments: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """The totals that a questionnaire's items carry: (the profile's code, the value as text, None where it is no number)."""
    questionnaire = text_of(resource, "questionnaire").partition("|")[0]
    found = []
    for item in items_of(resource):
        link = text_of(item, "linkId")
        known = next((key for key in (f"{questionnaire}#{link}", link) if key in instruments), None)
        if known is not None:
            answers = list_of(item, "answer")
            found.append((known, _number_of(answers[0]) if answers else ""))
    return found


def _number_of(part: Mapping[str, Any]) -> str | None:
    """The number that an observation or an answer holds, as text; None where it holds none."""
    quantity = part.get("valueQuantity")
    if isinstance(quantity, dict):
        return text_of(quantity, "value") or None
    return next(filter(None, (text_of(part, name) for name in ("valueInteger", "valueDecimal"))), None)


def _own_reference(resource: Mapping[str, Any]) -> str:
    return f"{text_of(resource, 'resourceType')}/{text_of(resource, 'id')}"


def _reference(part: object) -> str:
    """A reference as `Type/id`, whatever server and version it names; "" for none, and for a contained resource."""
    reference = text_of(part, "reference") if isinstance(part, dict) else ""
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


def _notes(found: _Found, by_answers: bool) -> tuple[str, ...]:
    """What was read and what was not, as sentences. `by_answers`: the profile has forms that are scored by their answers."""
    read = ("Observation", "QuestionnaireResponse", "Patient", "Encounter", "EpisodeOfCare")
    said = [
        f"{len(found.scores):,} scores in {found.kinds['Observation']:,} Observations and "
        f"{found.kinds['QuestionnaireResponse']:,} QuestionnaireResponses. Rows are the lines of the file."
        + ("" if by_answers else " Only totals are read; answers to single items are not scored.")
    ]
    said += [
        f"{count:,} scores were worked out from single answers: {how}." for how, count in found.from_answers.items()
    ]
    if found.refused_answers:
        said.append(
            f"{found.refused_answers:,} scores could not be worked out from the answers; the refused rows say why."
        )
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
    if found.unreadable_lines:
        said.append(f"{found.unreadable_lines:,} lines could not be read; the refused rows name the first of them.")
    return tuple(said)


def _most(counted: Counter[str]) -> str:
    """The most frequent, in brackets. What is no plain code is counted and not repeated."""
    named = [(name, count) for name, count in counted.most_common(_SAID) if SAYABLE.fullmatch(name)]
    return f" ({', '.join(f'{name}: {count:,}' for name, count in named)})" if named else ""
