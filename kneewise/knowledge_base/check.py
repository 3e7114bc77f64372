"""What is wrong with the knowledge base, one line per problem: ids, conditions, completeness, words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from kneewise.knowledge_base.loading import KNOWLEDGE_FOLDER, content_fingerprint, join, load_knowledge, read_files
from kneewise.knowledge_base.models import Condition, Entry, KnowledgeBase, Voices, walk
from kneewise.knowledge_base.references import ENGINE_FACTS, Place, problem_line, reference_problems


def find_problems(folder: Path = KNOWLEDGE_FOLDER) -> list[str]:
    """Every problem of the files in `folder`, one line each; empty when all is well."""
    reading = read_files(folder)
    knowledge = join(reading)
    problems = list(reading.problems)
    if knowledge is not None:
        problems += reference_problems(knowledge, reading.places)
        if not problems:
            problems += meaning_problems(knowledge, reading.places)
        problems += wording_problems(knowledge, reading.places)
    return problems


def summary(folder: Path = KNOWLEDGE_FOLDER) -> str:
    """One sentence that counts what the knowledge base holds."""
    knowledge = load_knowledge(folder)
    counts = ", ".join(
        f"{len(getattr(knowledge, name))} {name.replace('_', ' ')}"
        for name in ("sources", "findings", "factors", "clinical_tests", "rules", "red_flags", "values", "statements")
    )
    return (
        f"The knowledge base {knowledge.content.version} ({content_fingerprint(folder)}) is sound: {counts}, "
        f"{len(knowledge.mechanisms.links)} graded links."
    )


def conditions_in(entry: Entry) -> Iterator[Condition]:
    """Every leaf condition below an entry."""
    for _, child in walk(entry):
        if isinstance(child, Condition) and (child.finding or child.derived or child.factor or child.profile):
            yield child


def findings_read(entry: Entry, knowledge: KnowledgeBase) -> frozenset[str]:
    """Ids of all findings that the conditions below `entry` read, through derived facts and factors as well."""
    found: set[str] = set()
    for leaf in conditions_in(entry):
        if leaf.finding:
            found.add(leaf.finding)
        elif leaf.derived:
            if leaf.derived in ENGINE_FACTS:
                continue
            fact = knowledge.entry(leaf.derived)
            found |= {f for f in (fact.before, fact.after, fact.rating) if f}
            found |= findings_read(fact, knowledge)
        elif leaf.factor:
            criterion = knowledge.entry(leaf.factor).criterion
            found |= findings_read(criterion, knowledge) if criterion else set()
    return frozenset(found)


def meaning_problems(knowledge: KnowledgeBase, places: Mapping[str, Place]) -> list[str]:
    """Breaches of the promises that models alone can't hold: completeness, retired rules, connected graph."""
    problems = []

    def expect(holds: bool, owner: str, says: str) -> None:
        if not holds:
            problems.append(f"{places.get(owner, 'knowledge')}: {owner}: {says}")

    numbers = sorted(statement.number for statement in knowledge.statements)
    expect(numbers == list(range(1, 13)), "knowledge", f"twelve statements are numbered 1 to 12, not {numbers}.")
    numbers = sorted(strategy.number for strategy in knowledge.strategies)
    expect(numbers == list(range(1, 9)), "knowledge", f"eight strategies are numbered 1 to 8, not {numbers}.")

    retired = {finding: rule.id for rule in knowledge.retired_rules for finding in rule.findings}
    for rule in knowledge.rules:
        if rule.effect in ("strength", "block", "stop"):
            for finding in sorted(findings_read(rule.when, knowledge) & retired.keys()):
                expect(False, rule.id, f"reads '{finding}', which belongs to the retired '{retired[finding]}'.")

    graph = knowledge.mechanisms
    reaches_pain = {node.id for node in graph.nodes if node.stage == 4}
    grown = True
    while grown:
        more = {link.origin for link in graph.links if link.target in reaches_pain} - reaches_pain
        reaches_pain |= more
        grown = bool(more)
    for link in graph.links:
        expect(bool(link.evidence), link.id, "a link needs evidence, also when it says that none was found.")
        expect(link.origin in reaches_pain, link.id, "no path leads from here to pain.")
    linked = {link.origin for link in graph.links}
    for factor in knowledge.factors:
        if factor.role == "scored":
            expect(factor.id in linked, factor.id, "a scored factor needs at least one link in the mechanism graph.")

    for option in knowledge.options:
        if option.compared:
            for part in ("benefits", "harms", "living_with"):
                expect(bool(getattr(option, part)), option.id, f"a compared option needs '{part}' (equal detail).")
    for activity in knowledge.load.activities:
        expect(
            bool(activity.used_value) != bool(activity.why_not_pooled),
            activity.id,
            "an activity has a used value or says why there is none.",
        )
    return problems


def wording_problems(knowledge: KnowledgeBase, places: Mapping[str, Place]) -> list[str]:
    """Patient texts with a forbidden term, or that read above the stated grade."""
    problems = []
    for path, entry in walk(knowledge):
        if not isinstance(entry, Voices):
            continue
        for term in knowledge.wording.forbidden:
            match = re.search(term.pattern, entry.patient, flags=re.IGNORECASE)
            if match:
                says = f"patient text says '{match.group(0)}'; say {term.instead} instead."
                problems.append(problem_line(path, knowledge, places, says))
        grade = reading_grade(entry.patient)
        if grade is not None and grade > knowledge.wording.max_reading_grade:
            limit = knowledge.wording.max_reading_grade
            says = f"patient text reads at grade {grade:.1f} (limit {limit:g}): '{entry.patient}'"
            problems.append(problem_line(path, knowledge, places, says))
    return problems


def reading_grade(text: str) -> float | None:
    """The Flesch-Kincaid grade of a text; None below eight words, where the formula says nothing.

    Source: Kincaid 1975, grade = 0.39 words/sentence + 11.8 syllables/word - 15.59. Syllables are counted as groups of
    vowels with a silent final e, which errs on the strict side for short words.
    """
    words = re.findall(r"[A-Za-z]+(?:'[a-z]+)?", text)
    if len(words) < 8:
        return None
    sentences = max(1, len(re.findall(r"[.!?:;]+(?:\s|$)", text)))
    syllables = sum(_syllables(word) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    word = word.lower()
    groups = len(re.findall(r"[aeiouy]+", word))
    if word.endswith(("e", "es", "ed")) and not word.endswith(("le", "les", "ted", "ded")) and groups > 1:
        groups -= 1
    return max(1, groups)
