"""Every statement, rule and number as a card that can be searched: title, words, status, sources, date read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kneewise.knowledge_base import words
from kneewise.knowledge_base.models import (
    ConflictRow,
    Curve,
    Cutoff,
    Entry,
    Evidence,
    InstrumentScoring,
    KnowledgeBase,
    LegFactor,
    LegMove,
    MechanismLink,
    OptionPoint,
    Provenance,
    Reliability,
    ScoringRule,
    Source,
    Value,
    Voices,
    walk,
)

KINDS = {
    "statements": "Statement of the article", "factors": "Factor", "clinical_tests": "Clinical test",
    "links": "Link of the map", "red_flags": "Red flag", "differentials": "Other diagnosis",
    "diagnosis": "Diagnosis", "subcategories": "Subcategory", "strategies": "Strategy", "options": "Option",
    "rules": "Rule", "stop_rules": "Stop rule", "reviews": "Review date", "positions": "Guideline position",
    "conflicts": "Disagreement", "techniques": "Technique", "facts": "Published fact", "values": "Number",
    "load": "Load", "geometry": "Geometry", "leg": "The drawn leg", "instruments": "Instrument", "prognosis": "Prognosis",
    "retired_rules": "Retired rule", "response_rules": "Retest rule", "gaps": "Not verified", "sources": "Source",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of a card: what it says, how it is known (status words) and where it comes from (citations)."""

    heading: str
    text: str
    status: str = ""
    population: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """One entry as it is shown and searched. `statuses` are all statuses below it; `haystack` is its folded text."""

    id: str
    kind: str
    title: str
    lines: tuple[Line, ...]
    statuses: tuple[str, ...]
    haystack: str


def cards(knowledge: KnowledgeBase) -> tuple[Card, ...]:
    """All cards, in the order of `KINDS`. Worth remembering by the version of the knowledge: about a thousand cards."""
    return tuple(_card(kind, entry, knowledge) for kind in KINDS for entry in _entries(knowledge, kind))


def find(all_cards: Sequence[Card], query: str, kinds: Iterable[str] = ()) -> list[Card]:
    """Cards that hold every word of `query` (case and hyphens ignored), titles first.

    `kinds` narrows to these keys of `KINDS`; an empty query returns all cards of these kinds.
    """
    asked = [word for word in re.split(r"[^\w+≥≤%°.]+", query.casefold()) if word]
    wanted = set(kinds)
    found = [
        card
        for card in all_cards
        if (not wanted or card.kind in wanted) and all(word in card.haystack for word in asked)
    ]
    return sorted(found, key=lambda card: -sum(word in card.title.casefold() for word in asked)) if asked else found


def _entries(knowledge: KnowledgeBase, kind: str) -> Iterable[Entry]:
    if kind == "links":
        return knowledge.mechanisms.links
    if kind == "diagnosis":
        return (knowledge.diagnosis,)
    if kind == "load":
        load = knowledge.load
        return (*load.activities, *load.levers, load.rise, *load.facts, *load.values)
    if kind == "leg":
        leg = knowledge.leg
        return (*leg.inputs, *leg.factors, *leg.movements, *leg.values, *leg.curves)
    return getattr(knowledge, kind)


def _card(kind: str, entry: Entry, knowledge: KnowledgeBase) -> Card:
    title = _title(kind, entry, knowledge)
    lines = tuple(_lines(entry, knowledge))
    statuses = tuple(dict.fromkeys(child.status for _, child in walk(entry) if isinstance(child, Provenance)))
    text = " ".join((entry.id, title, *(f"{line.heading} {line.text} {' '.join(line.sources)}" for line in lines)))
    return Card(entry.id, kind, title, lines, statuses, text.casefold().replace("-", " "))


def _title(kind: str, entry: Entry, knowledge: KnowledgeBase) -> str:
    if kind == "links":
        ends = [knowledge.entry(entry.origin), knowledge.entry(entry.target)]
        return " → ".join(end.label.clinician for end in ends)
    if isinstance(entry, LegFactor):
        return f"{knowledge.entry(entry.factor).label.clinician}, as the leg shows it"
    if kind == "positions":
        return f"{entry.body} on {knowledge.entry(entry.option).label.clinician}"
    if kind == "reviews":
        return f"Day {entry.day}: {entry.check.clinician}"
    for name in ("label", "name", "quantity", "citation", "question", "claim", "text", "trigger", "summary"):
        value = getattr(entry, name, None)
        if value:
            words_of = value.clinician if isinstance(value, Voices) else value
            code = getattr(entry, "code", "") or (f"Statement {entry.number}" if kind == "statements" else "")
            return f"{code}: {words_of}" if code else words_of
    return entry.id


_SKIPPED = {
    "id",
    "label",
    "name",
    "status",
    "sources",
    "population",
    "derivation",
    "recall_confidence",
    "code",
    "order",
}


def _lines(entry: Entry, knowledge: KnowledgeBase) -> Iterable[Line]:
    if isinstance(entry, Source):
        yield Line("", words.citation_words(entry))
        if entry.note:
            yield Line("Note", entry.note)
        return
    if isinstance(entry, Value):
        yield _provenance_line("", words.value_words(entry), entry, knowledge)
        return
    if isinstance(entry, Evidence):
        yield _provenance_line("", words.evidence_words(entry), entry, knowledge)
        return
    if isinstance(entry, Curve):
        yield _provenance_line("", words.curve_words(entry), entry, knowledge)
        return
    for name in type(entry).model_fields:
        if name in _SKIPPED:
            continue
        yield from _field_lines(name.replace("_", " ").capitalize(), getattr(entry, name), knowledge)
    if isinstance(entry, Provenance):
        yield _provenance_line("How we know", "", entry, knowledge)


def _field_lines(heading: str, value: object, knowledge: KnowledgeBase) -> Iterable[Line]:
    if isinstance(value, Voices):
        yield Line(heading, value.clinician)
        if value.patient != value.clinician:
            yield Line(f"{heading}, for the patient", value.patient)
    elif isinstance(value, Value):
        yield _provenance_line(value.quantity, words.value_words(value), value, knowledge)
    elif isinstance(value, Evidence):
        yield _provenance_line(heading, words.evidence_words(value), value, knowledge)
    elif isinstance(value, Curve):
        yield _provenance_line(value.quantity, words.curve_words(value), value, knowledge)
    elif isinstance(value, LegMove):
        slider = knowledge.entry(value.input)
        yield Line(slider.label.clinician, words.with_unit(value.to, slider.unit))
    elif isinstance(value, Reliability):
        yield _provenance_line(heading, words.reliability_words(value), value, knowledge)
    elif isinstance(value, Cutoff):
        yield _provenance_line("Cut-off", value.label, value, knowledge)
    elif isinstance(value, OptionPoint):
        yield _provenance_line(heading, value.text.clinician, value, knowledge)
    elif isinstance(value, ScoringRule):
        unclear = f" No score: {value.unclear}" if value.unclear else ""
        yield _provenance_line(f"Rule: {value.name.replace('_', ' ')}", f"{value.says}.{unclear}", value, knowledge)
    elif isinstance(value, InstrumentScoring):
        yield from _field_lines(heading, value.rules, knowledge)
    elif isinstance(value, ConflictRow):
        yield _provenance_line(value.body, value.says, value, knowledge)
    elif isinstance(value, Provenance):
        text = getattr(value, "label", "")
        yield _provenance_line(heading, text.clinician if isinstance(text, Voices) else str(text), value, knowledge)
    elif isinstance(value, tuple) and value and isinstance(value[0], Entry):
        for item in value:
            yield from _field_lines(heading, item, knowledge)
    elif isinstance(value, tuple) and value:
        yield Line(heading, ", ".join(_named(str(item), knowledge) for item in value))
    elif isinstance(value, str) and value:
        yield Line(heading, _named(value, knowledge))
    elif isinstance(value, bool):
        yield Line(heading, "yes" if value else "no")
    elif isinstance(value, int | float):
        yield Line(heading, words.number_words(value))


def _named(text: str, knowledge: KnowledgeBase) -> str:
    """An id as the name it stands for; any other text unchanged."""
    if not knowledge.has(text):
        return text
    entry = knowledge.entry(text)
    if isinstance(entry, MechanismLink):
        return _title("links", entry, knowledge)
    label = getattr(entry, "label", None) or getattr(entry, "name", None)
    if isinstance(entry, Value):
        return f"{entry.quantity}: {words.value_words(entry)}"
    return label.clinician if isinstance(label, Voices) else label or text


def _provenance_line(heading: str, text: str, entry: Provenance, knowledge: KnowledgeBase) -> Line:
    note = f" Note: {entry.note}." if entry.note else ""
    derivation = f" Worked out as {entry.derivation}." if entry.derivation else ""
    return Line(
        heading,
        f"{text}{derivation}{note}".strip(),
        words.status_words(knowledge, entry.status),
        entry.population,
        tuple(words.source_words(knowledge, entry.sources)),
    )
