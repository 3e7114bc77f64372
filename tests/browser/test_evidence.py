"""The evidence in a real browser: the twelve statements open, typed text stays text, everybody can read it."""

from __future__ import annotations

import re

import pytest

from kneewise.ui import material

KNOWLEDGE = material.knowledge()
STATEMENTS = sorted(KNOWLEDGE.statements, key=lambda statement: statement.number)


def search_for(page, settled, query: str) -> None:
    page.get_by_role("radio", name="Search everything").click()
    box = page.get_by_role("textbox", name="Search words")
    box.fill(query)
    box.press("Enter")
    page.get_by_text(re.compile(r"^(\d+) of (?!\1 )\d+ entries")).wait_for()  # before the search it is all of all
    settled(page)


@pytest.mark.parametrize("size", ["desk", "tablet"])
def test_each_of_the_twelve_statements_opens_with_story_and_studies(size, new_page, open_screen, settled):
    page = new_page(size=size)
    open_screen(page, "evidence")
    assert page.locator("summary").count() == 12
    for place, statement in enumerate(STATEMENTS):
        page.locator("summary").nth(place).click()
        part = page.locator("[data-testid=stExpander]").nth(place)
        part.get_by_text("What studies found").first.wait_for()
        part.get_by_text(statement.studies.clinician).wait_for()
        assert part.get_by_text(statement.verdict_label.clinician).first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_search_finds_and_opens_a_card(page, open_screen, settled):
    open_screen(page, "evidence")
    search_for(page, settled, "navicular drop")
    page.locator("summary").first.click()
    page.get_by_text("next review").first.wait_for()
    assert "navicular" in page.locator("[data-testid=stMain]").inner_text().casefold()


@pytest.mark.parametrize(
    "typed", ["<img src=x onerror=alert(1)>", "**bold**", "![a](http://evil.test/x.png)", "<script>alert(1)</script>"]
)
def test_typed_text_is_neither_html_nor_markdown(typed, page, open_screen, settled):
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    open_screen(page, "evidence")
    search_for(page, settled, typed)
    page.get_by_text("0 of").first.wait_for()
    assert page.get_by_role("textbox", name="Search words").input_value() == typed
    assert page.locator("[data-testid=stMain] img, [data-testid=stMain] script").count() == 0
    assert page.locator("strong", has_text="bold").count() == 0
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("part", ["statement", "search", "reading"])
def test_the_evidence_shuts_nobody_out(part, scheme, new_page, open_screen, settled, serious_violations):
    page = new_page(scheme=scheme)
    open_screen(page, "evidence")
    if part == "search":
        search_for(page, settled, "tape")
    elif part == "reading":
        page.get_by_role("radio", name="How to read it").click()
        page.get_by_text("What the labels mean").wait_for()
    settled(page)
    page.locator("summary").first.click()
    page.locator("[data-testid=stExpanderDetails]").first.wait_for()
    settled(page)
    assert serious_violations(page) == []
