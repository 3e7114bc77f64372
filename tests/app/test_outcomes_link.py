"""The link to the outcomes page: what it holds, what it never holds, and what it asks for that is not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from kneewise.ui import link
from tests.app_reading import plain, said_by
from tests.outcomes_samples import ROOT

HERE = {"records": ["demo/synthetic_demo"], "score": ["instrument.akps"]}


@pytest.fixture
def opened(tmp_path, monkeypatch, demo_folder):
    """`opened(section="sites", only=["site.East"])`: the page as a link with these words opens it, without its frame."""
    monkeypatch.setenv("KNEEWISE_STORE", str(tmp_path / "clinic"))
    monkeypatch.setenv("KNEEWISE_DEMO_STORE", str(demo_folder))
    script = (ROOT / "pages" / "outcomes.py").read_text(encoding="utf-8").replace('frame.open_page("outcomes")', "")

    def by_link(**words) -> AppTest:
        page = AppTest.from_string(script, default_timeout=30)
        for name, value in words.items():
            page.query_params[name] = value
        page.run()
        assert [each.value for each in page.exception] == []
        return page

    return by_link


def address(page: AppTest) -> dict[str, list[str]]:
    values = {name: page.query_params[name] for name in page.query_params}
    return {name: [value] if isinstance(value, str) else list(value) for name, value in values.items()}


def warnings(page: AppTest) -> list[str]:
    return [plain(each.value) for each in page.warning]


def chosen(page: AppTest, name: str) -> str | None:
    return page.get_by_key(f"kept/screen/outcomes/{name}").value


def test_the_address_holds_the_choices_as_soon_as_the_page_is_seen(opened):
    page = opened()
    assert address(page) == HERE
    page.segmented_control(key="kept/screen/outcomes/section").set_value("subgroups").run()
    page.selectbox(key="kept/screen/outcomes/group_by").select("site").run()
    page.selectbox(key="kept/screen/outcomes/only").select("start_year=2024").run()
    assert address(page) == HERE | {"section": ["subgroups"], "split": ["site"], "only": ["start_year.2024"]}


def test_a_link_shows_somebody_else_the_same(opened):
    first = opened(**HERE, section="subgroups", split="site", only=["start_year.2024"])
    assert warnings(first) == []
    assert chosen(first, "section") == "subgroups"
    assert chosen(first, "group_by") == "site"
    assert "Only: year of start 2024 ×" in [plain(button.label) for button in first.button]
    second = opened(**address(first))
    # The figures, captions and choices, word for word; ids of widgets are not among them.
    assert said_by(second) == said_by(first)
    assert address(second) == address(first)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"section": "ranking"}, "part of the page “ranking”"),
        ({"score": "instrument.none"}, "score “instrument.none”"),
        ({"records": "clinic/other"}, "records “clinic/other”"),
        ({"section": "subgroups", "split": "clinician"}, "split “clinician”"),
        ({"only": ["site.Nowhere", "site.East"]}, "filter “site.Nowhere”"),
        ({"section": "over_time", "measure": "profit"}, "measure “profit”"),
        ({"patient": "17"}, "“patient”"),
        ({"section": "[x](http://evil.example) <b>" + "y" * 80}, "part of the page “[x](http://evil.example)"),
    ],
)
def test_what_a_link_names_and_is_not_here_is_said_in_one_sentence(words, named, opened):
    page = opened(**words)
    said = [sentence for sentence in warnings(page) if sentence.startswith("The link names what is not here")]
    assert len(said) == 1
    assert named in said[0]
    assert said[0].endswith("”.")
    assert set(address(page)) <= set(link.NAMES)
    assert "evil" not in str(address(page))
    if "only" in words:
        assert address(page)["only"] == ["site.East"]


def test_a_link_that_would_give_away_a_small_group_loses_what_does_not_go_together(opened):
    page = opened(section="subgroups", split="sex", only=["site.East", "start_year.2024"])
    assert sum("are not shown together" in sentence for sentence in warnings(page)) == 2
    assert address(page) == HERE | {"section": ["subgroups"], "split": ["sex"]}


def test_nothing_of_a_patient_gets_into_the_address(opened):
    """Hazard KW-H16: whatever was entered for a patient, the address holds names that the records offer, and no more."""
    page = opened()
    page.session_state["kneewise.work"]["findings"] = {"finding.age_years": {"value": 37, "unit": "years"}}
    page.session_state["kneewise.work"]["screen"]["secret"] = "Jane"
    page.segmented_control(key="kept/screen/outcomes/section").set_value("over_time").run()
    page.number_input(key="kept/screen/outcomes/target/improved").set_value(37.0).run()
    assert address(page) == HERE | {"section": ["over_time"]}


def test_nothing_of_the_own_mode_gets_into_the_address_and_a_link_leaves_it(opened, monkeypatch):
    monkeypatch.setenv("KNEEWISE_OUTCOMES", "own")
    page = opened(section="subgroups", split="site")
    page.toggle[0].set_value(True).run()
    assert address(page) == {}
    page.query_params["section"] = "sites"  # somebody opens a link in this window
    page.run()
    assert page.toggle[0].value is False
    assert address(page) == HERE | {"section": ["sites"]}


def test_going_back_in_the_browser_is_a_link(opened):
    page = opened(section="sites")
    page.selectbox(key="kept/screen/outcomes/only").select("site=East").run()
    assert address(page)["only"] == ["site.East"]
    page.query_params.clear()
    for name, value in (HERE | {"section": ["sites"]}).items():
        page.query_params[name] = value
    page.run()
    assert "only" not in address(page)
    assert [button for button in page.button if button.label.startswith("Only")] == []


@given(
    some.dictionaries(some.text(max_size=12), some.lists(some.text(max_size=60), min_size=1, max_size=3), max_size=4)
)
def test_a_request_gives_only_what_is_offered(asks):
    request = link.Request({name: tuple(values) for name, values in asks.items()})
    offered = ("headline", "sites")
    for name in link.NAMES:
        assert request.one(name, offered) in (None, *offered)
        assert set(request.several(name, offered)) <= set(offered)
    sentence = request.sentence()
    assert bool(sentence) is any(
        name not in link.NAMES or any(value not in offered for value in values) for name, values in asks.items()
    )
    assert len(sentence) < 2000
