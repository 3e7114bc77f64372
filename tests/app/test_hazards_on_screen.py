"""Hazards of docs/hazard-log.md whose control is a sentence on a screen."""

from __future__ import annotations

import pytest

from kneewise.knowledge_base import search
from kneewise.ui import material

KNOWLEDGE = material.knowledge()
CARDS = search.cards(KNOWLEDGE)
NOT_EVIDENCE = {"recalled": "awaiting verification", "proposed": "clinic policy"}


def texts(page) -> str:
    said = [each.value for kind in ("title", "subheader", "markdown", "caption", "info") for each in getattr(page, kind)]
    tables = [str(cell) for table in page.table for cell in table.value.to_numpy().ravel()]
    return "\n".join([*said, *tables])


def test_the_about_page_says_when_the_knowledge_was_made_and_is_due(open_warm):
    """Hazard KW-H06."""
    page = texts(open_warm("about"))
    content = KNOWLEDGE.content
    assert f"{content.compiled_on:%d %B %Y}" in page
    assert f"{content.review_due:%d %B %Y}" in page
    assert content.update_policy in page


def test_the_knowledge_is_due_for_review_after_it_was_made():
    """Hazard KW-H06: compares dates of the file; today plays no part, so this can't fail by waiting."""
    content = KNOWLEDGE.content
    assert 0 < (content.review_due - content.compiled_on).days <= 366


def test_every_guideline_is_named_with_its_year_or_says_that_it_is_unknown():
    """Hazard KW-H06."""
    for profile in KNOWLEDGE.profiles:
        assert profile.sources, profile.id
        said = f"{profile.label} {profile.note} {profile.summary.clinician}"
        assert (str(profile.year) if profile.year else "year of the modules was not stated") in said, profile.id


@pytest.mark.parametrize("status", NOT_EVIDENCE)
def test_what_is_not_verified_says_so_on_its_card(status):
    """Hazard KW-H10: in every card, each line with this status carries its label; no line carries the bare word."""
    label = NOT_EVIDENCE[status]
    cards = [card for card in CARDS if status in card.statuses]
    assert cards
    assert [card.id for card in cards if label not in {line.status for line in card.lines}] == []
    assert [card.id for card in CARDS for line in card.lines if line.status in NOT_EVIDENCE] == []


def test_the_search_page_shows_the_label_of_what_is_not_verified(open_warm):
    """Hazard KW-H10: on the screen itself."""
    page = open_warm("evidence")
    next(group for group in page.button_group if group.label == "Part").set_value("search").run()
    page.text_input[0].set_value("weaning").run()
    badges = "\n".join(each.label for each in page.expander)
    assert "clinic policy" in badges
    assert "violet-badge[clinic policy]" in badges
