"""The evidence screen without a browser: the twelve statements, the search, honest labels, text that stays text."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from kneewise.knowledge_base import search, words
from kneewise.ui import material
from tests.app_reading import said_by

KNOWLEDGE = material.knowledge()
STATEMENTS = sorted(KNOWLEDGE.statements, key=lambda statement: statement.number)
CARDS = search.cards(KNOWLEDGE)
AT_A_TIME = 15


def part(page: AppTest, name: str) -> AppTest:
    page.segmented_control(key="kept/screen/evidence_part").set_value(name).run()
    assert [each.value for each in page.exception] == []
    return page


def searched(page: AppTest, query: str, kind: str | None = None) -> AppTest:
    part(page, "search")
    page.text_input(key="kept/screen/search").set_value(query).run()
    if kind:
        page.selectbox(key="kept/screen/search_kind").set_value(kind).run()
    assert [each.value for each in page.exception] == []
    return page


def cards_shown(page: AppTest) -> list[str]:
    return [each.label for each in page.expander]


def count_said(page: AppTest) -> int:
    return int(next(each.value for each in page.markdown if each.value.endswith("entries.")).split()[0])


@pytest.mark.parametrize("voice", ["clinician", "patient"])
def test_all_twelve_statements_are_on_screen_with_verdict_story_and_studies(voice, open_warm):
    page = open_warm("explorer")
    page.segmented_control(key="kept/view").set_value(voice).run()
    page.switch_page("pages/evidence.py").run()
    assert len(page.expander) == len(STATEMENTS) == 12
    for number, (statement, expander) in enumerate(zip(STATEMENTS, page.expander, strict=True), start=1):
        assert expander.label.startswith(f"**{number}. {getattr(statement.claim, voice)}**")
        assert getattr(statement.verdict_label, voice) in expander.label
        inside = " ".join(each.value for each in expander.markdown)
        assert "**The story**" in inside
        assert "**What studies found**" in inside
        assert getattr(statement.studies, voice) in inside


def test_every_study_of_a_statement_has_its_status_and_its_source(open_cold):
    page = open_cold("evidence")
    for statement, expander in zip(STATEMENTS, page.expander, strict=True):
        inside = " ".join(each.value for each in expander.markdown)
        assert statement.evidence
        for evidence in statement.evidence:
            assert words.evidence_words(evidence) in inside
            assert words.provenance_words(KNOWLEDGE, evidence) in inside


def test_nothing_asked_shows_everything_page_by_page(open_warm):
    page = part(open_warm("evidence"), "search")
    assert count_said(page) == len(CARDS) > 500
    assert len(cards_shown(page)) == AT_A_TIME


@pytest.mark.parametrize("query", ["navicular drop", "TAPE", "mdc", "patella alta", "q-angle"])
def test_the_search_shows_the_cards_that_hold_every_word(query, open_warm):
    page = searched(open_warm("evidence"), query)
    found = search.find(CARDS, query)
    assert 0 < count_said(page) == len(found) < len(CARDS)
    assert len(cards_shown(page)) == min(AT_A_TIME, len(found))
    for label, card in zip(cards_shown(page), found, strict=False):
        assert card.title in label
        assert all(word in card.haystack for word in re.findall(r"\w+", query.casefold()))


def test_the_search_narrows_to_one_kind(open_warm):
    page = searched(open_warm("evidence"), "", "red_flags")
    assert count_said(page) == len(KNOWLEDGE.red_flags)
    assert all(label.startswith(":gray-badge[Red flag]") for label in cards_shown(page))


def test_the_search_survives_a_page_change(open_warm):
    page = searched(open_warm("evidence"), "navicular")
    page.switch_page("pages/about.py").run()
    page.switch_page("pages/evidence.py").run()
    assert page.segmented_control(key="kept/screen/evidence_part").value == "search"
    assert page.text_input(key="kept/screen/search").value == "navicular"


@pytest.mark.parametrize(("status", "label"), [("recalled", "awaiting verification"), ("proposed", "clinic policy")])
def test_what_is_not_evidence_carries_its_label(status, label, open_warm):
    assert label in words.status_words(KNOWLEDGE, status).lower()
    cards = [card for card in CARDS if status in card.statuses]
    assert cards
    for card in cards[:3]:
        page = searched(open_warm("evidence"), card.id)
        shown = next(each for each in page.expander if card.title in each.label)
        assert f"-badge[{words.status_words(KNOWLEDGE, status)}]" in shown.label
        inside = " ".join(each.value for each in shown.markdown)
        assert words.status_words(KNOWLEDGE, status) in inside


def test_every_card_has_its_date_of_review(open_warm):
    page = searched(open_warm("evidence"), "navicular drop")
    for expander in page.expander:
        captions = " ".join(each.value for each in expander.caption)
        assert f"{KNOWLEDGE.content.compiled_on}" in captions
        assert f"{KNOWLEDGE.content.review_due}" in captions


@pytest.mark.parametrize(
    "typed",
    ["<img src=x onerror=alert(1)>", "**bold**", "![](http://evil.test/x)", ":red-badge[no]", "$x$", "a" * 5000],
)
def test_what_is_typed_is_never_put_into_the_page(typed, open_warm):
    page = searched(open_warm("evidence"), typed)
    sent = [each.value for kind in (page.markdown, page.caption, page.info, page.error) for each in kind]
    assert not any(typed in text for text in (*sent, *cards_shown(page)))


def test_a_search_without_a_hit_says_so(open_warm):
    page = searched(open_warm("evidence"), "zzyzx")
    assert f"0 of {len(CARDS)} entries." in said_by(page)
    assert cards_shown(page) == []


def test_retired_rules_and_gaps_are_told(open_warm):
    said = said_by(part(open_warm("evidence"), "reading"))
    for rule in KNOWLEDGE.retired_rules:
        assert rule.label in said
        assert rule.why_retired.clinician in said
    for gap in KNOWLEDGE.gaps:
        assert gap.text in said
    for label in KNOWLEDGE.wording.status_labels:
        assert label.meaning in said


@pytest.mark.parametrize("number", range(1, 13))
def test_a_card_names_things_and_not_their_ids(number, open_warm):
    card = next(card for card in CARDS if card.id == STATEMENTS[number - 1].id)
    page = searched(open_warm("evidence"), card.id)
    shown = next(each for each in page.expander if card.title in each.label)
    inside = " ".join(each.value for each in shown.markdown)
    for kind in ("link", "factor", "strategy", "value", "option"):
        assert not re.search(rf"\b{kind}\.[a-z_]+", inside)
