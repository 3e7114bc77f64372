"""A case in a real browser: commit before reveal to the end, on a tablet, for every reader."""

from __future__ import annotations

import pytest

from kneewise.ui import material

CASE = material.knowledge().cases[0]


def commit(page, settled, stage, answers: list[str]) -> None:
    """Choose these answers, say 80 % and commit."""
    for answer in stage.answers:
        if answer.id in answers:
            page.locator("[data-testid=stForm]").get_by_text(answer.text, exact=True).click()
    page.locator("[data-testid=stForm]").get_by_text("80 %", exact=True).click()
    page.get_by_role("button", name="Commit").click()
    page.get_by_text(stage.feedback).wait_for()
    settled(page)


def expected(stage) -> list[str]:
    return [answer.id for answer in stage.answers if answer.expected]


@pytest.mark.parametrize("size", ["desk", "tablet"])
def test_a_case_from_the_first_question_to_working_on_it_again(size, new_page, open_screen, settled):
    page = new_page(size=size)
    open_screen(page, "cases")
    for number, stage in enumerate(CASE.stages, start=1):
        before = page.content()
        assert stage.feedback not in before
        assert not [answer.why for answer in stage.answers if answer.why in before]
        commit(page, settled, stage, expected(stage))
        page.get_by_text(f"{number} of {len(CASE.stages)} steps done").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_text("Your choices matched 100 % of the reasoning").wait_for()
    page.get_by_text("Brier score of 0.04").wait_for()  # (0.8 - 1) squared
    page.get_by_role("button", name="Work on it again").click()
    page.get_by_text(f"0 of {len(CASE.stages)} steps done").wait_for()
    settled(page)
    assert CASE.stages[0].feedback not in page.content()


def test_a_half_done_case_survives_page_changes(page, open_screen, settled):
    """Hazard KW-H14."""
    open_screen(page, "cases")
    commit(page, settled, CASE.stages[0], expected(CASE.stages[0]))
    for title in ("Explorer", "About", "Cases"):
        page.get_by_role("link", name=title, exact=True).click()
        page.get_by_role("heading", level=1, name=title, exact=True).wait_for()
        settled(page)
    page.get_by_text(f"1 of {len(CASE.stages)} steps done").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_case_shuts_nobody_out(scheme, new_page, open_screen, settled, serious_violations):
    page = new_page(scheme=scheme)
    open_screen(page, "cases")
    commit(page, settled, CASE.stages[0], expected(CASE.stages[0]))
    assert serious_violations(page) == []
