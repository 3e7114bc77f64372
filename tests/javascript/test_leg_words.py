"""The few words that the leg's controls bring along themselves pass the same gate as the patient's texts."""

from __future__ import annotations

import re

from kneewise.knowledge_base import load_knowledge
from kneewise.knowledge_base.check import reading_grade
from kneewise.leg.material import leg_words

KNOWLEDGE = load_knowledge()


def test_no_word_frightens_or_blames_and_all_are_easy_to_read(shipped):
    words = shipped.eval("shipped.wordsOf({})")
    assert len(words) > 30
    for name, text in words.items():
        for term in KNOWLEDGE.wording.forbidden:
            assert not re.search(term.pattern, text, flags=re.IGNORECASE), name
        grade = reading_grade(text)
        assert grade is None or grade <= KNOWLEDGE.wording.max_reading_grade, (name, grade)


def test_the_knowledge_base_has_the_last_word(shipped):
    """Words of the knowledge base replace those that the script brings along."""
    ours = leg_words(KNOWLEDGE, "patient")
    assert shipped.eval("shipped.wordsOf({ words })", words=ours)["standing"] == ours["standing"]
