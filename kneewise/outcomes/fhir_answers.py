"""The answers to the single items of a FHIR `QuestionnaireResponse` as scores, where the profile says which item is which.

`kneewise.proms` works the score out and says why there is none; here its answers are found. Only linkIds, numbers and codes
are looked at: no wording of a question or of an answer is read, kept or said. What would have to be guessed is refused: an
answered item that the profile doesn't name, a code without a number, two numbers for one answer, and a total that its own
items contradict.

Where the extensions stand was read in their definitions: R4's `ordinalValue` (of old `questionnaire-ordinalValue`), which
R5 calls `itemWeight`, is a decimal on a Coding. Some systems put it on the answer, which is read alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kneewise.errors import ImportRefused
from kneewise.outcomes.profiles import Profile, Questionnaire
from kneewise.outcomes.understanding import number_reader
from kneewise.proms import AnswersRefused, Rule, Scoring, score

WEIGHT_EXTENSIONS = (
    "http://hl7.org/fhir/StructureDefinition/ordinalValue",
    "http://hl7.org/fhir/StructureDefinition/itemWeight",
    "http://hl7.org/fhir/StructureDefinition/questionnaire-ordinalValue",
)
"""The extensions that give a coding its number: R4, R5, and R3."""
SAYABLE = re.compile(r"[\w.:/|#~-]{1,100}")
"""A plain code, which a sentence may repeat; anything else could hold words about a person."""
_SAID = 5
_MOST_PLACES = 6
_SAME = 1e-9


class Written(str):
    """A number of the JSON as it is written there; a JSON text that looks like a number is none."""

    __slots__ = ()


@dataclass(frozen=True)
class FormPart:
    """One instrument of a form. `code` is what the profile's `long.instruments` calls it; `rule` is None where none was
    named and the knowledge base has several."""

    entry: Questionnaire
    scoring: Scoring
    code: str
    rule: Rule | None


@dataclass(frozen=True)
class Form:
    """A questionnaire of the profile: its instruments, for each linkId the place among them and the item's number, and
    the linkIds that carry totals or belong to no score."""

    parts: tuple[FormPart, ...]
    places: Mapping[str, tuple[int, int]]
    patterns: tuple[tuple[re.Pattern[str], int], ...]
    not_scored: frozenset[str]
    totals: frozenset[str]

    def place_of(self, link: str, aside: bool) -> tuple[int, int] | None:
        """The instrument and the number of an item, None where it is none. A number that the instrument doesn't have is
        found by its pattern, so that it can be refused; not in what is not scored (`aside`), and not for a total."""
        known = self.places.get(link)
        if known is not None or aside or link in self.totals:
            return known
        found = ((pattern.fullmatch(link), part) for pattern, part in self.patterns)
        return next(((part, int(match[1])) for match, part in found if match), None)


@dataclass(frozen=True)
class FormScores:
    """What one filled-in form gives: `scores` as (the profile's code, the value as text, "" where nobody answered), and
    `refused`, a finished sentence for each score that there is none of. `decided` are the instruments whose totals are
    not to be read besides."""

    scores: tuple[tuple[str, str], ...]
    refused: tuple[str, ...]
    decided: frozenset[str]


def forms_of(profile: Profile, scorings: Mapping[str, Scoring]) -> dict[str, Form]:
    """The forms that the profile scores from single answers, by their address.

    Raises
    ------
    ImportRefused
        The profile names an instrument or a rule that there is not, other items than the instrument has, or one linkId
        for two things.
    """
    entries: dict[str, list[Questionnaire]] = {}
    for entry in profile.fhir.questionnaires if profile.fhir else ():
        entries.setdefault(entry.questionnaire, []).append(entry)
    return {address: _form(profile, address, listed, scorings) for address, listed in entries.items()}


def scores_of(form: Form, resource: Mapping[str, Any], totals: Mapping[str, Sequence[str]]) -> FormScores:
    """The scores of one filled-in form.

    Parameters
    ----------
    resource : mapping
        The `QuestionnaireResponse`, its numbers as `Written`.
    totals : mapping of instrument to texts
        The totals that the same response carries, as they are written.
    """
    answers, problem = _answers_of(form, resource)
    every = frozenset(part.scoring.instrument for part in form.parts)
    if problem:
        return FormScores((), (problem,), every)
    scores: list[tuple[str, str]] = []
    refused: list[str] = []
    decided: set[str] = set()
    for part, given in zip(form.parts, answers, strict=True):
        beside = [total for total in totals.get(part.scoring.instrument, ()) if total]
        try:
            numbers = _numbers_of(part, given)
            answered = any(number is not None for _, number in numbers)
            if answered or not beside:
                decided.add(part.scoring.instrument)
                scores.append((part.code, _score_of(part, numbers, beside) if answered else ""))
        except AnswersRefused as refusal:
            decided.add(part.scoring.instrument)
            refused.append(" ".join(refusal.sentences[:_SAID]))
    return FormScores(tuple(scores), tuple(refused), frozenset(decided))


def items_of(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All items of a questionnaire's answers, nested ones too, without recursion (depth is the sender's choice)."""
    for item, _ in _walk(resource, frozenset()):
        yield item


def text_of(part: Mapping[str, Any], name: str) -> str:
    """The text under a name, stripped; "" where there is none."""
    value = part.get(name)
    return value.strip() if isinstance(value, str) else ""


def list_of(part: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects that are listed under a name; what is no object is left out."""
    value = part.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


# --- The profile -------------------------------------------------------------------------------------------------------


def _form(profile: Profile, address: str, entries: Sequence[Questionnaire], scorings: Mapping[str, Scoring]) -> Form:
    parts, patterns = [], []
    places: dict[str, tuple[int, int]] = {}
    not_scored = frozenset(link for entry in entries for link in entry.not_scored)
    before = address.partition("|")[0] + "#"
    totals = frozenset(key.removeprefix(before) for key in profile.long.instruments)
    for place, entry in enumerate(entries):
        part = _part(profile, entry, scorings)
        parts.append(part)
        for link, number in _links(part):
            if link in places or link in not_scored or link in totals:
                other = "a total in `long.instruments`" if link in totals else "another item or `not_scored`"
                raise ImportRefused(
                    f"Profile {profile.id}, {address}: linkId {link} is an item of {entry.instrument} and {other}."
                )
            places[link] = (place, number)
        if entry.item_pattern:
            patterns.append((_matcher(entry.item_pattern), place))
    for entry in entries:
        unknown = sorted(set(entry.values_of_items) - set(places))
        if unknown:
            raise ImportRefused(
                f"Profile {profile.id}, {address}: `values_of_items` names {unknown[0]}, which is no item."
            )
    return Form(tuple(parts), places, tuple(patterns), not_scored, totals)


def _part(profile: Profile, entry: Questionnaire, scorings: Mapping[str, Scoring]) -> FormPart:
    scoring = scorings.get(entry.instrument)
    if scoring is None:
        raise ImportRefused(
            f"Profile {profile.id}: the knowledge base says no way to score '{entry.instrument}' from its items; map the "
            "item that carries its total under `long.instruments` instead."
        )
    if entry.items and len(entry.items) != len(scoring.items):
        raise ImportRefused(
            f"Profile {profile.id}: {scoring.name} has {len(scoring.items)} items and `items` names {len(entry.items)}; "
            "put null where the form leaves one out."
        )
    known = {rule.name: rule for rule in scoring.rules}
    if entry.rule is not None and entry.rule not in known:
        raise ImportRefused(
            f"Profile {profile.id}: {scoring.name} has no rule '{entry.rule}'; it has {', '.join(known)}."
        )
    rule = known[entry.rule] if entry.rule else scoring.rules[0] if len(scoring.rules) == 1 else None
    code = next(key for key, instrument in profile.long.instruments.items() if instrument == entry.instrument)
    return FormPart(entry, scoring, code, rule)


def _links(part: FormPart) -> list[tuple[str, int]]:
    """Each linkId of an instrument with its item's number."""
    numbers = [item.number for item in part.scoring.items]
    if part.entry.items:
        return [(link, number) for link, number in zip(part.entry.items, numbers, strict=True) if link]
    before, width, after = _pieces(part.entry.item_pattern)
    return [(f"{before}{number:0{width}}{after}", number) for number in numbers]


def _pieces(pattern: str) -> tuple[str, int, str]:
    """What stands before the number, its least width, and what stands after it."""
    before, _, rest = pattern.partition("{n")
    form, _, after = rest.partition("}")
    return before, int(form.removeprefix(":") or 0), after


def _matcher(pattern: str) -> re.Pattern[str]:
    before, width, after = _pieces(pattern)
    digits = rf"\d{{{width},4}}" if width else r"[1-9]\d{0,3}"
    return re.compile(f"{re.escape(before)}({digits}){re.escape(after)}", re.ASCII)


# --- One response ------------------------------------------------------------------------------------------------------


def _walk(resource: Mapping[str, Any], closed: frozenset[str]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """All items in their order, and whether each is, or stands in, one of the `closed` ones."""
    waiting = [(item, False) for item in reversed(list_of(resource, "item"))]
    while waiting:
        item, inside = waiting.pop()
        inside = inside or text_of(item, "linkId") in closed
        yield item, inside
        below = [
            *list_of(item, "item"),
            *(each for answer in list_of(item, "answer") for each in list_of(answer, "item")),
        ]
        waiting.extend((each, inside) for each in reversed(below))


def _answers_of(form: Form, resource: Mapping[str, Any]) -> tuple[list[list[_Answer]], str]:
    """Each instrument's answers, and why the form as a whole can't be scored, or ""."""
    answers: list[list[_Answer]] = [[] for _ in form.parts]
    unknown: dict[str, None] = {}
    laid_out = _is_laid_out(resource, "item")
    for item, aside in _walk(resource, form.not_scored):
        given = list_of(item, "answer")
        laid_out = (
            laid_out and _is_laid_out(item, "item", "answer") and all(_is_laid_out(each, "item") for each in given)
        )
        link = text_of(item, "linkId")
        place = form.place_of(link, aside)
        for answer in given:
            for name, value in answer.items():
                if not name.startswith("value") or value is None:
                    continue
                if place is not None:
                    answers[place[0]].append(_Answer(link, place[1], answer, name, value))
                elif not aside and link not in form.totals:
                    unknown[link] = None
    if not laid_out:
        return answers, "an item or an answer is not laid out as FHIR says, so the form is not scored."
    return answers, _said_of_unknown(list(unknown)) if unknown else ""


def _is_laid_out(part: Mapping[str, Any], *names: str) -> bool:
    """Whether what stands under these names are lists of objects (or nothing): what is none would be lost unseen."""
    listed = [part.get(name) or [] for name in names]
    return all(isinstance(each, list) and all(isinstance(one, dict) for one in each) for each in listed)


def _said_of_unknown(links: Sequence[str]) -> str:
    said = [link for link in links if SAYABLE.fullmatch(link)][:_SAID]
    which = f" ({', '.join(said)})" if said else ""
    return (
        f"the profile does not name {len(links)} of the answered items{which}, so the form is not scored; all must stand "
        "under `items` or `not_scored`."
    )


def _score_of(part: FormPart, numbers: Sequence[tuple[int, Any]], totals: Sequence[str]) -> str:
    """The score as a text. Raises AnswersRefused where there is none, or a total contradicts it."""
    found = score(part.scoring, numbers, part.rule.name if part.rule else None)
    if found.value is None:
        raise AnswersRefused(found.reason)
    for total in totals:
        _refuse_disagreement(part.scoring.name, found.value, total)
    return repr(found.value)


def _refuse_disagreement(name: str, value: float, total: str) -> None:
    """Return if the total is the score as rounded as it is written (a whole number: to whole numbers)."""
    try:
        written = number_reader(False)(total)
    except ValueError:
        raise AnswersRefused(f"{name}: the total is not a number, so the answers can't be held against it.") from None
    places = min(_MOST_PLACES, max(0, -Decimal(total).normalize().as_tuple().exponent))
    if abs(value - written) > 0.5 * 10**-places + _SAME:
        raise AnswersRefused(
            f"{name}: the total says {written:.10g} and the single answers give {round(value, places + 2):.10g}; where "
            "two sources disagree, neither is taken."
        )


# --- One answer --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Answer:
    """One value of one item: `name` is the FHIR element (`valueInteger`, ...), `answer` the object that it stands in."""

    link: str
    item: int
    answer: Mapping[str, Any]
    name: str
    value: Any


def _numbers_of(part: FormPart, answers: Sequence[_Answer]) -> list[tuple[int, Any]]:
    """The items' numbers with what was answered, None where a code says that nobody answered. What is no number is handed
    on as it is: the scoring refuses it in its own words. Raises AnswersRefused with a sentence per problem."""
    numbers, problems = [], []
    for each in answers:
        found = {*_stated(part.entry, each), *_weights(each)}
        where = f"{part.scoring.name}, item {each.item}"
        if len(found) > 1:
            said = " and ".join(sorted("no number" if one is None else f"{one:g}" for one in found))
            problems.append(f"{where}: the answer comes with numbers that differ ({said}).")
        elif found:
            numbers.append((each.item, found.pop()))
        elif each.name == "valueCoding":
            problems.append(f"{where}: the answer is a code, and the profile's `values` give it no number.")
        else:
            numbers.append((each.item, each.value))
    if problems:
        raise AnswersRefused(problems)
    return numbers


def _stated(entry: Questionnaire, each: _Answer) -> list[float | None]:
    """The number that the answer is, or that the profile gives its code or text; none or one."""
    if each.name in ("valueInteger", "valueDecimal"):
        return [float(each.value)] if isinstance(each.value, Written) else []
    if each.name == "valueQuantity" and isinstance(each.value, dict):
        # "Less than 5" is no 5.
        value = each.value.get("value")
        return [float(value)] if isinstance(value, Written) and not each.value.get("comparator") else []
    values = {**entry.values, **entry.values_of_items.get(each.link, {})}
    names: list[str] = []
    if each.name == "valueCoding" and isinstance(each.value, dict):
        code = text_of(each.value, "code")
        names = [f"{text_of(each.value, 'system')}|{code}", code]
    elif each.name == "valueBoolean" and isinstance(each.value, bool):
        names = ["true" if each.value else "false"]
    elif each.name == "valueString" and isinstance(each.value, str):
        names = [each.value.strip()]
    return [values[name] for name in names if name in values][:1]


def _weights(each: _Answer) -> list[float]:
    """The weights that the answer carries; not-a-number where one is none."""
    places = (each.value, each.answer, each.answer.get(f"_{each.name}"))
    weights = [
        extension.get("valueDecimal")
        for place in places
        if isinstance(place, dict)
        for extension in list_of(place, "extension")
        if extension.get("url") in WEIGHT_EXTENSIONS
    ]
    return [float(weight) if isinstance(weight, Written) else math.nan for weight in weights]
