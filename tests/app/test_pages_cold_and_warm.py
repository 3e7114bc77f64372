"""Every page, opened by its address on a fresh server and reached from the start page."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from kneewise.ui import frame
from kneewise.ui.frame import ROOT, SCREENS, STANDING_NOTICE

STEMS = tuple(SCREENS)


def stands_in_the_frame(page: AppTest, stem: str) -> None:
    """Checks that the page ran without a failure, inside the frame, and is the one that was asked for."""
    assert [each.value for each in page.exception] == []
    assert [title.value for title in page.title] == [SCREENS[stem].title]
    assert any(STANDING_NOTICE in caption.value for caption in page.caption)
    assert any(button.label == "Forget everything" for button in page.button)


def test_every_script_has_a_screen_and_every_screen_a_script():
    assert {path.stem for path in (ROOT / "pages").glob("*.py")} == set(STEMS)


@pytest.mark.parametrize("stem", STEMS)
def test_a_page_opened_by_its_address_on_a_fresh_server_has_the_frame(stem, open_cold):
    """Hazard KW-H13: Streamlit runs such a page without app.py."""
    stands_in_the_frame(open_cold(stem), stem)


def test_the_cold_run_is_really_cold_and_is_left_at_once(open_cold, monkeypatch):
    """Hazard KW-H13: the page runs before app.py, shows nothing by itself, and goes on through app.py."""
    ran = []
    opened, chosen = frame.open_page, frame.run_chosen_page
    monkeypatch.setattr(frame, "open_page", lambda stem: (ran.append("page"), opened(stem)))
    monkeypatch.setattr(frame, "run_chosen_page", lambda: (ran.append("app"), chosen()))
    stands_in_the_frame(open_cold("about"), "about")
    assert ran == ["page", "app", "page"]


@pytest.mark.parametrize("stem", STEMS)
def test_a_page_reached_from_the_start_page_has_the_frame(stem, open_warm):
    stands_in_the_frame(open_warm(stem), stem)


def test_the_start_page_is_the_explorer():
    stands_in_the_frame(AppTest.from_file(ROOT / "app.py", default_timeout=30).run(), "explorer")


@pytest.mark.parametrize("stem", STEMS)
def test_a_page_runs_twice_without_a_failure(stem, open_warm):
    stands_in_the_frame(open_warm(stem).run(), stem)


def test_the_voice_stays_when_the_page_changes(open_warm):
    """Hazard KW-H14: Streamlit forgets widgets of a page that was left."""
    page = open_warm("explorer")
    page.segmented_control(key="kept/view").set_value("patient").run()
    page.switch_page("pages/about.py").run()
    page.switch_page("pages/decision_aid.py").run()
    assert page.segmented_control(key="kept/view").value == "patient"


def test_new_patient_forgets_everything(open_warm):
    """Hazard KW-H07: nothing of one patient is left for the next."""
    page = open_warm("about")
    page.session_state["kneewise.work"]["findings"]["finding.example"] = {"value": 3.0, "unit": "points"}
    page.session_state["kneewise.work"]["week"]["before"]["activity.example"] = 4.0
    page.run()
    assert any("1 finding entered" in caption.value for caption in page.caption)
    next(button for button in page.button if button.label == "Forget everything").click().run()
    work = page.session_state["kneewise.work"]
    assert work["findings"] == {}
    assert work["week"] == {"before": {}, "after": {}}
    assert not any("entered" in caption.value for caption in page.caption)
