"""The frame in a real browser: addresses, titles, sizes, headers, accessibility."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from kneewise.ui.frame import FIRST, SCREENS, STANDING_NOTICE
from kneewise.ui.server import security_headers

STEMS = tuple(SCREENS)


def in_the_frame(page, stem: str) -> None:
    """Checks heading, browser title, address, notice and one navigation that marks this page."""
    assert page.locator("h1").all_inner_texts() == [SCREENS[stem].title]
    assert page.title() == f"Kneewise: {SCREENS[stem].title}"
    assert page.url.partition("?")[0].endswith(f"/{stem}")  # the outcomes page says in its address what it shows
    assert page.get_by_text(STANDING_NOTICE).count() == 1
    titles = [screen.title for screen in SCREENS.values()]
    assert [page.get_by_role("link", name=title, exact=True).count() for title in titles] == [1] * len(titles)


@pytest.mark.parametrize("stem", ["decision_aid", "about"])
def test_a_fresh_server_shows_any_page_in_its_frame(stem, fresh_server, new_page, settled):
    """Hazard KW-H13."""
    page = new_page(address=fresh_server.address)
    page.goto(f"/{stem}")
    settled(page)
    in_the_frame(page, stem)


def test_a_choice_on_a_page_opened_cold_leaves_the_other_choices_alone(fresh_server, new_page, settled):
    """Hazard KW-H13: a page that ran without app.py had other widgets, and the first click emptied the rest."""
    page = new_page(address=fresh_server.address)
    page.goto("/explorer")
    settled(page)
    page.get_by_text("Patient", exact=True).click()
    settled(page)
    assert page.get_by_role("radio", name="Patient", exact=True).get_attribute("aria-checked") == "true"
    assert page.get_by_role("radio", name="What studies found").get_attribute("aria-checked") == "true"


@pytest.mark.parametrize("stem", STEMS)
def test_every_address_shows_its_page(stem, page, open_screen):
    open_screen(page, stem)
    in_the_frame(page, stem)


def test_the_bare_address_leads_to_the_explorer(page, settled):
    page.goto("/")
    page.wait_for_url(f"**/{FIRST}")
    settled(page)
    in_the_frame(page, FIRST)


def test_the_navigation_leads_to_every_page(page, open_screen, settled):
    open_screen(page, "about")
    for stem, screen in SCREENS.items():
        page.get_by_role("link", name=screen.title, exact=True).click()
        page.wait_for_url(f"**/{stem}")
        page.get_by_role("heading", level=1, name=screen.title, exact=True).wait_for()
        settled(page)
        in_the_frame(page, stem)


@pytest.mark.parametrize("stem", STEMS)
def test_a_tablet_shows_every_page_without_sideways_scrolling(stem, new_page, open_screen):
    page = new_page(size="tablet")
    open_screen(page, stem)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("part => part.scrollWidth <= part.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("stem", STEMS)
def test_no_page_shuts_anybody_out(stem, scheme, new_page, open_screen, serious_violations):
    page = new_page(scheme=scheme)
    open_screen(page, stem)
    assert serious_violations(page) == []


def test_the_new_patient_dialogue_shuts_nobody_out(new_page, open_screen, serious_violations):
    for scheme in ("light", "dark"):
        page = new_page(scheme=scheme)
        open_screen(page, "about")
        page.get_by_role("button", name="New patient").click()
        page.get_by_role("button", name="Forget everything").wait_for()
        assert serious_violations(page) == []


def test_new_patient_says_what_it_did(page, open_screen, settled):
    """Hazard KW-H07."""
    open_screen(page, "about")
    page.get_by_role("button", name="New patient").click()
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_text("Everything that was entered is gone.").wait_for()
    settled(page)
    page.get_by_role("button", name="Forget everything").wait_for(state="hidden")


def test_the_voice_survives_a_walk_through_the_pages(page, open_screen, settled):
    """Hazard KW-H14: Streamlit forgets a widget's value when the page changes."""
    open_screen(page, "explorer")
    page.get_by_role("radio", name="Patient", exact=True).click()
    settled(page)
    for title in ("Cases", "Decision aid"):
        page.get_by_role("link", name=title, exact=True).click()
        page.get_by_role("heading", level=1, name=title, exact=True).wait_for()
        settled(page)
    assert page.get_by_role("radio", name="Patient", exact=True).is_checked()


def test_every_answer_carries_the_security_headers(server):
    """Hazard KW-H16: the browser itself refuses to fetch anything from elsewhere."""
    for path in ("/", "/_stcore/health", "/static/nothing.js"):
        try:
            with urllib.request.urlopen(server.address + path) as answer:
                headers = answer.headers
        except urllib.error.HTTPError as refused:
            headers = refused.headers
        assert {name: headers[name] for name in security_headers()} == security_headers(), path


def test_files_made_for_one_patient_stay_out_of_caches(server):
    """Hazard KW-H07: whatever comes from where handouts come from is not kept by browser or proxy."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.address}/media/handout-of-somebody.pdf")
    assert refused.value.headers["cache-control"] == "no-store"
