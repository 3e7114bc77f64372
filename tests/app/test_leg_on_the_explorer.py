"""The leg on the explorer without a browser: findings move it, what it sends is a what-if, junk is cleaned, safety first."""

from __future__ import annotations

import json
import re

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from kneewise.leg.material import SIDES, values_for
from kneewise.reasoning import assess
from kneewise.ui import material
from kneewise.ui.sheet import worked_example
from tests.app_reading import said_by

KNOWLEDGE = material.knowledge()
FOUND = {answer.id for answer in assess(worked_example(KNOWLEDGE), KNOWLEDGE).factors if answer.answer == "present"}
DRAWN = {shown.factor for shown in KNOWLEDGE.leg.factors}


@pytest.fixture
def page(open_warm) -> AppTest:
    return runs(open_warm("explorer"))


def runs(page: AppTest) -> AppTest:
    assert [each.value for each in page.exception] == []
    return page


def sent_to_the_leg(page: AppTest) -> dict:
    return json.loads(leg_and_base(page)[0].proto.json)


def leg_and_base(page: AppTest) -> list:
    """The two messages: what changes, and what is the same for every patient."""
    elements = page.get("bidi_component")
    assert len(elements) == 2
    return sorted(elements, key=lambda each: '"base":' in each.proto.json)


def base_of(page: AppTest) -> dict:
    return json.loads(leg_and_base(page)[1].proto.json)["base"]


def on(data: dict) -> set[str]:
    return set(data["factors_on"])


def moved(page: AppTest, **state) -> AppTest:
    """What the browser sends when something on the leg is let go. AppTest has no public way for components."""
    element = leg_and_base(page)[0]
    data = json.loads(element.proto.json)
    whole = {"values": {}, "side": "left", "view": "front", "factors": sorted(on(data)), "rev": data["rev"], **state}
    widgets = page._tree.get_widget_states()
    widgets.widgets.append(WidgetState(id=element.proto.id, json_value=json.dumps({"leg": whole})))
    return runs(page._run(widgets))


def kept(page: AppTest) -> dict:
    return page.session_state["kneewise.work"]["screen"].get("leg", {})


def test_the_findings_stand_on_the_leg(page):
    data = sent_to_the_leg(page)
    assert on(data) == FOUND & DRAWN
    assert data["values"] == values_for(KNOWLEDGE, FOUND)
    assert data["told"] == "studies"


def test_a_what_if_of_the_page_moves_the_leg(page):
    pills = next(each for each in page.get("button_group") if "What if" in each.label)
    page = runs(pills.set_value([each for each in pills.value if each != "factor.foot_pronation"]).run())
    data = sent_to_the_leg(page)
    assert "factor.foot_pronation" not in on(data)
    assert "rearfoot_eversion_deg" not in data["values"]


def test_what_is_pressed_on_the_leg_is_a_what_if_of_the_page(page):
    assert "(what if)" not in said_by(page)
    page = moved(page, factors=sorted((FOUND & DRAWN) | {"factor.genu_valgum"}))
    assert "(what if)" in said_by(page)
    assert KNOWLEDGE.entry("factor.genu_valgum").helps.clinician in said_by(page)


def test_a_slider_that_was_let_go_is_kept_and_nothing_is_sent_to_the_leg_again(page):
    before = sent_to_the_leg(page)
    page = moved(page, values={"knee_flexion_deg": 75}, view="kneecap")
    assert kept(page)["values"] == {"knee_flexion_deg": 75}
    assert sent_to_the_leg(page) == before


def test_after_another_page_the_leg_begins_where_it_was_left(page):
    page = moved(page, values={"knee_flexion_deg": 75}, side="right", view="side")
    page = runs(page.switch_page("pages/cases.py").run())
    data = sent_to_the_leg(runs(page.switch_page("pages/explorer.py").run()))
    assert (data["values"], data["side"], data["view"]) == ({"knee_flexion_deg": 75}, "right", "side")
    assert data["start"] == values_for(KNOWLEDGE, FOUND)


def test_other_findings_put_the_leg_anew(page):
    page = moved(page, values={"knee_flexion_deg": 75})
    work = page.session_state["kneewise.work"]
    work["findings"] = {"finding.side": {"value": "right", "unit": "none"}}
    work["screen"]["example_off"] = True
    data = sent_to_the_leg(runs(page.run()))
    assert on(data) == set()
    assert data["values"] == values_for(KNOWLEDGE, set())
    assert data["side"] == "right"


def test_a_new_patient_gets_a_new_leg(page):
    before = sent_to_the_leg(moved(page, values={"knee_flexion_deg": 75}))["rev"]
    page = runs(page.button(key="forget_everything").click().run())
    assert kept(page) == {}
    assert sent_to_the_leg(page)["rev"] != before


@pytest.mark.parametrize("how", ["Show example", "Change example", "Enter findings"])
def test_other_findings_take_the_picture_out_of_the_plan(how, page):
    """Hazard KW-H07: other findings may be another person's."""
    if how == "Show example":
        page = runs(next(each for each in page.button if each.label == "Enter findings").click().run())
    page.session_state["kneewise.work"]["screen"]["picture"] = {"svg": "<svg/>", "png": "", "sentence": ""}
    page = runs(page.run())
    page = runs(next(each for each in page.button if each.label == how).click().run())
    assert "picture" not in page.session_state["kneewise.work"]["screen"]


JUNK = [
    {"values": {"knee_flexion_deg": 1e9}},
    {"values": {"nose": 3, "hip_rotation_deg": "<b>"}},
    {"values": ["knee_flexion_deg"]},
    {"values": None},
    {"side": "middle", "view": "from below"},
    {"factors": ["factor.nothing", "<script>", None, 7]},
    {"factors": {"factor.genu_valgum": True}},
    {"rev": {"a": 1}},
]


@pytest.mark.parametrize("junk", JUNK, ids=[str(each) for each in JUNK])
def test_whatever_a_browser_sends_becomes_plain_data_within_range(page, junk):
    page = moved(page, **junk)
    state = kept(page)
    ranges = {each.id.split(".")[1]: each for each in KNOWLEDGE.leg.inputs}
    for name, number in state["values"].items():
        assert ranges[name].minimum <= number <= ranges[name].maximum
    assert state["side"] in SIDES
    assert state["view"] in ("front", "side", "angled", "kneecap")
    assert set(state["factors"]) <= DRAWN
    assert isinstance(state["rev"], str)


def test_a_red_flag_takes_the_leg_away(page):
    work = page.session_state["kneewise.work"]
    work["findings"] = {"finding.locked_knee": {"value": True, "unit": "none"}}
    work["screen"]["example_off"] = True
    assert runs(page.run()).get("bidi_component") == []


@pytest.mark.parametrize("voice", ["clinician", "patient"])
def test_the_leg_says_that_it_is_no_measurement_and_shows_no_figure_of_load(voice, page):
    """Hazard KW-H21: no percentage, no MPa, no multiple of body weight reaches the picture; factors keep their sources."""
    page.session_state["kneewise.work"]["view"] = voice
    data = base_of(runs(page.run()))
    assert re.search("not a measurement|does not measure", data["words"]["standing"])
    said = [*data["words"].values(), *(each["text"] for each in data["labels"])]
    assert [text for text in said if re.search(r"\d|%|MPa|body weight", text)] == []


def test_a_patient_has_no_slider_that_only_clinicians_need(page):
    page.session_state["kneewise.work"]["view"] = "patient"
    data = base_of(runs(page.run()))
    offered = {name for group in data["groups"] for name in group["inputs"]}
    hidden = {each.id.split(".")[1] for each in KNOWLEDGE.leg.inputs if each.clinician_only}
    assert hidden
    assert not offered & hidden
