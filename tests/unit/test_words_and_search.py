"""Everything we claim can be found and is said in words: search, cards, values, statuses, citations."""

from __future__ import annotations

import pytest

from kneewise.knowledge_base import load_knowledge, search, words
from kneewise.knowledge_base.models import Provenance, Source, Value, walk

KNOWLEDGE = load_knowledge()
CARDS = search.cards(KNOWLEDGE)
BY_ID = {card.id: card for card in CARDS}
NEEDS_NO_SOURCE = {"recalled", "derived", "proposed"}


def value(**given) -> Value:
    """A value with what the test is about."""
    return Value(
        **{"id": "value.x", "quantity": "x", "unit": "percent", "status": "recalled", "population": "who", **given}
    )


# --- Search ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "kind", "first"),
    [
        ("navicular drop", "clinical_tests", "test.navicular_drop"),
        ("NAVICULAR   drop", "clinical_tests", "test.navicular_drop"),
        ("drop navicular", "clinical_tests", "test.navicular_drop"),
        ("craig", "clinical_tests", "test.craig"),
        ("T01", "rules", "rule.t01"),
        ("midfoot width 11 mm", "retired_rules", "retired.midfoot_width_rule"),
        ("lesher 2006", "sources", "source.lesher06"),
    ],
)
def test_what_is_looked_for_is_found_first(query, kind, first):
    assert search.find(CARDS, query, [kind])[0].id == first


def test_words_of_the_title_come_before_words_of_the_text():
    found = search.find(CARDS, "navicular drop")
    with_title = ["navicular drop" in card.title.casefold() for card in found]
    assert with_title[0]
    assert len(found) > sum(with_title), "some card holds the words in its text only"
    assert with_title == sorted(with_title, reverse=True)


def test_every_word_must_be_there():
    assert search.find(CARDS, "navicular xylophone") == []


def test_an_empty_search_gives_all_of_a_kind():
    assert len(search.find(CARDS, "  ", ["statements"])) == 12
    assert len(search.find(CARDS, "")) == len(CARDS)


@pytest.mark.parametrize("query", ["*", "(((", "\\", "%", "'; drop table", "🦵", "a" * 5000])
def test_any_text_can_be_searched(query):
    search.find(CARDS, query)


@pytest.mark.parametrize("statement", KNOWLEDGE.statements, ids=lambda statement: str(statement.number))
def test_each_statement_of_the_article_is_reachable(statement):
    """By its own words, by its number, and its card holds the story, what studies found, and the evidence."""
    card = BY_ID[statement.id]
    assert card in search.find(CARDS, statement.claim.clinician, ["statements"])
    assert f"Statement {statement.number}: " in card.title
    text = "\n".join(line.text for line in card.lines)
    assert statement.studies.clinician in text
    for evidence in statement.evidence:
        assert evidence.summary in text


# --- Cards -------------------------------------------------------------------------------------------------------------


def test_every_card_stands_once():
    assert len(BY_ID) == len(CARDS)
    assert {card.kind for card in CARDS} == set(search.KINDS)


@pytest.mark.parametrize(
    "part", ["rules", "values", "factors", "red_flags", "clinical_tests", "options", "instruments"]
)
def test_every_entry_of_a_part_has_its_card(part):
    assert {entry.id for entry in getattr(KNOWLEDGE, part)} <= set(BY_ID)


def test_every_number_is_on_a_card_with_its_status_and_who_was_studied():
    shown = {(line.text.split(" Worked out as ")[0].split(" Note: ")[0], line.status, line.population)
             for card in CARDS for line in card.lines}  # fmt: skip
    missing = []
    for _, entry in walk(KNOWLEDGE):
        if isinstance(entry, Value):
            said = (words.value_words(entry), words.status_words(KNOWLEDGE, entry.status), entry.population)
            if said not in shown:
                missing.append(entry.id)
    assert missing == []


def test_every_rule_and_number_has_a_source_unless_its_status_needs_none():
    labels = {words.status_words(KNOWLEDGE, status) for status in NEEDS_NO_SOURCE}
    for card in CARDS:
        for line in card.lines:
            assert not line.status or line.sources or line.status in labels, (card.id, line.heading)
        if card.kind in ("rules", "values"):
            assert any(line.status for line in card.lines), card.id


def test_a_status_of_a_card_is_a_status_of_what_it_holds():
    for card in CARDS:
        entry = KNOWLEDGE.entry(card.id)
        assert set(card.statuses) == {child.status for _, child in walk(entry) if isinstance(child, Provenance)}


# --- Words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "label"),
    [
        ("seen", "read in the source"),
        ("seen_secondary", "read on a secondary page"),
        ("recalled", "awaiting verification"),
        ("derived", "worked out from published figures"),
        ("proposed", "clinic policy"),
    ],
)
def test_a_status_is_named_as_on_screen(status, label):
    """Hazard KW-H10."""
    assert words.status_words(KNOWLEDGE, status) == label


@pytest.mark.parametrize(
    ("number", "said"),
    [(48, "48"), (48.0, "48"), (0.05, "0.05"), (-1.26, "−1.26"), (0.1234, "0.123"), (100, "100"), (0, "0")],
)
def test_a_number_is_said_without_false_precision(number, said):
    assert words.number_words(number) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value": 48, "interval": "ci95", "low": 38, "high": 58}, "48 % (95 % interval 38 to 58)"),
        (
            {"value": 48, "interval": "ci95", "low": 38, "high": 58, "numerator": 48, "n": 100},
            "48 % (95 % interval 38 to 58), 48 of 100 people",
        ),
        ({"low": 1.6, "high": 4.3, "interval": "range", "unit": "deg"}, "1.6 to 4.3° (range)"),
        ({"value": 4, "unit": "weeks"}, "4 weeks"),
        ({"value": 3.1, "sd": 0.5, "n": 12, "unit": "body_weights"}, "3.1 × body weight (SD 0.5), n = 12"),
    ],
)
def test_a_value_is_said_with_its_unit_and_range(given, said):
    assert words.value_words(value(**given)) == said


def test_a_citation_leads_to_the_paper_and_says_how_far_it_was_read():
    source = KNOWLEDGE.entry("source.lesher06")
    said = words.citation_words(source)
    assert f"https://doi.org/{source.doi}" in said
    assert "(read: abstract)" in said


def test_no_citation_leads_to_a_mirror():
    """A DOI, a PubMed number or an official page; sites of uploaded copies are named nowhere."""
    mirrors = ("scribd", "slideshare", "docslib", "researchgate", "academia.edu", "sci-hub", "coek.info")
    for source in KNOWLEDGE.sources:
        assert isinstance(source, Source)
        assert not any(mirror in words.citation_words(source).lower() for mirror in mirrors), source.id


@pytest.mark.parametrize(
    ("finding", "answer", "said"),
    [
        ("finding.runner", True, "yes"),
        ("finding.runner", False, "no"),
        ("finding.fpi6", 7.0, "7 points"),
        ("finding.tape_rating", "slightly_better", "Slightly better"),
        ("finding.requests", (), "none"),
        ("finding.requests", ("brace", "dry_needling"), "Knee brace, sleeve or strap, Dry needling"),
    ],
)
def test_a_finding_is_said_as_a_clinician_writes_it(finding, answer, said):
    assert words.finding_value_words(KNOWLEDGE.entry(finding), answer) == said
