"""The decision aid in a real browser: a consultation from the gate to two options side by side, and who can read it."""

from __future__ import annotations

import re

import pytest

from kneewise.ui import material

KNOWLEDGE = material.knowledge()
STEPS = ("1 ", "2 ", "3 ", "4 ", "5 ")


def go_to(page, settled, step: str) -> None:
    """Open the step whose label begins with this number."""
    page.get_by_role("radio", name=re.compile(f"^{step}")).click()
    settled(page)


def answer(page, settled, label: str, value: str) -> None:
    """Type a number into the field whose label begins like this."""
    field = page.get_by_role("spinbutton", name=re.compile(f"^{re.escape(label)}"))
    field.fill(value)
    field.press("Enter")
    settled(page)


def choose(page, settled, group: str, option: str) -> None:
    """Press a button of a group of buttons."""
    page.get_by_role("radiogroup", name=group).get_by_role("radio", name=option, exact=True).click()
    settled(page)


def test_a_consultation_from_the_gate_to_two_options_side_by_side(new_page, open_screen, settled):
    page = new_page(size="tablet")
    open_screen(page, "decision_aid")
    page.get_by_role("button", name="Enter findings").click()
    settled(page)

    # The gate: the questions come first, and advice waits for them.
    page.get_by_text(re.compile(r"Safety: \d+ open")).wait_for()
    answer(page, settled, "Age", "30")
    page.get_by_role("button", name="I asked; none of these holds").first.click()
    settled(page)
    page.get_by_text("Safety: asked, none holds").wait_for()
    page.get_by_role("button", name="I asked; none of these holds").last.click()
    settled(page)
    page.get_by_text("Skin and foot: none holds").wait_for()
    for question in ("Pain behind or around the patella", "Pain reproduced by squatting"):
        choose(page, settled, question, "Yes")
    choose(page, settled, "Other causes of anterior knee pain excluded (tibiofemoral included)", "Yes")
    page.get_by_text("Patellofemoral pain: criteria hold").wait_for()

    # The test in the room changes the advice.
    go_to(page, settled, "2 ")
    choose(page, settled, "An exercise plan is part of this care", "Yes")
    answer(page, settled, "Task pain before tape", "6")
    answer(page, settled, "Task pain with tape", "6")
    page.get_by_role("combobox", name="Global rating with tape").click()
    page.get_by_role("option", name="No change").click()
    settled(page)
    page.get_by_text("Tape: no relief").wait_for()
    go_to(page, settled, "3 ")
    page.get_by_text(re.compile(r"Not routinely\s*JOSPT")).first.wait_for()
    go_to(page, settled, "2 ")
    answer(page, settled, "Task pain with tape", "2")
    page.get_by_text("Tape: clear relief").wait_for()
    go_to(page, settled, "3 ")
    page.get_by_text(re.compile(r"Offer\s*JOSPT")).first.wait_for()

    # Two options at once, in full.
    page.get_by_role("radio", name="Compare two").click()
    settled(page)
    for heading in ("WHAT IT IS", "DRAWBACKS", "WHAT ISN'T KNOWN"):
        page.get_by_text(re.compile(f"^{heading} · ")).nth(1).wait_for()
    page.locator("[data-testid=stPlotlyChart]").nth(1).wait_for()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/decision_aid", page.url)  # nothing of the person in the address


def test_a_red_flag_leaves_only_its_action(page, open_screen, settled):
    open_screen(page, "decision_aid")
    page.get_by_role("button", name="Change example").click()
    settled(page)
    go_to(page, settled, "1 ")
    page.get_by_text(KNOWLEDGE.entry("finding.cauda_equina_signs").label.clinician).click()
    settled(page)
    page.get_by_role("alert").get_by_text(KNOWLEDGE.entry("red_flag.cauda_equina").action.clinician).wait_for()
    shown = page.locator("[data-testid=stMain]").inner_text()
    for option in KNOWLEDGE.options:
        if option.compared:
            assert option.label.clinician not in shown
    assert page.get_by_role("radio", name=re.compile("^3 ")).count() == 0


@pytest.mark.parametrize("view", ["Clinician", "Patient"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out_of_any_step(scheme, view, new_page, open_screen, settled, serious_violations):
    page = new_page(size="tablet", scheme=scheme)
    open_screen(page, "decision_aid")
    page.get_by_role("radio", name=view, exact=True).click()
    settled(page)
    page.get_by_role("button", name="Change example").click()
    settled(page)
    for step in STEPS:
        go_to(page, settled, step)
        assert serious_violations(page) == [], step
        main = page.locator("[data-testid=stMain]")
        assert main.evaluate("part => part.scrollWidth <= part.clientWidth"), step
    go_to(page, settled, "3 ")
    page.get_by_role("radio", name="Compare two").click()
    settled(page)
    assert serious_violations(page) == []


def test_the_picture_for_the_readme(page, open_screen, picture):
    open_screen(page, "decision_aid")
    page.get_by_text("52 of 100").first.wait_for()
    picture(page, "decision_aid")
