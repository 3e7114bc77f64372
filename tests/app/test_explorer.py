"""The explorer without a browser: the example, the switch, what-if, red flags, both voices, the week, saved files."""

from __future__ import annotations

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from kneewise.figures.drawn import LIGHT
from kneewise.figures.mechanism_map import in_body_order, mechanism_map_of, without_brackets
from kneewise.knowledge_base.models import Evidence, Voices, walk
from kneewise.reasoning import assess, serialise
from kneewise.reasoning.findings import findings_of
from kneewise.reasoning.paths import link_level
from kneewise.ui import explorer, material
from kneewise.ui.sheet import worked_example
from tests.app_reading import figure, plain, said_by, words_of

KNOWLEDGE = material.knowledge()
EXAMPLE = worked_example(KNOWLEDGE)
CONCLUSIONS = assess(EXAMPLE, KNOWLEDGE)
PRESENT = [answer.id for answer in CONCLUSIONS.factors if answer.answer == "present"]
RED_FLAGS = ("finding.cauda_equina_signs", "finding.locked_knee", "finding.dvt_suspected")
NOT_SAFETY = [finding for finding in KNOWLEDGE.findings if not finding.safety]
OPENED = {"mechanism_map/0_table", "week_load_table", "levers"}


def value_at(finding, end: str):
    """The lowest or highest answer that a finding can have."""
    if finding.kind == "yes_no":
        return end == "high"
    if finding.kind == "number":
        return finding.minimum if end == "low" else finding.maximum
    choices = [choice.value for choice in finding.choices]
    return choices[0 if end == "low" else -1] if finding.kind == "choice" else tuple(choices)


def runs(page: AppTest) -> AppTest:
    assert [each.value for each in page.exception] == []
    return page


def enter(page: AppTest, values: dict, week: dict | None = None) -> AppTest:
    """The page with these findings in the session, as if somebody had entered them."""
    work = page.session_state["kneewise.work"]
    work["findings"] = {
        finding: {"value": list(value) if isinstance(value, tuple) else value, "unit": KNOWLEDGE.entry(finding).unit}
        for finding, value in values.items()
    }
    work["week"] = {
        moment: {each: pair[position] for each, pair in (week or {}).items() if pair[position] is not None}
        for position, moment in enumerate(("before", "after"))
    }
    work["screen"]["example_off"] = True
    return runs(page.run())


def entered(page: AppTest) -> dict:
    return {key: entry["value"] for key, entry in page.session_state["kneewise.work"]["findings"].items()}


def turn_to_the_patient(page: AppTest) -> AppTest:
    return runs(page.segmented_control(key="kept/view").set_value("patient").run())


def tell(page: AppTest, told: str) -> AppTest:
    return runs(page.segmented_control(key="kept/screen/told").set_value(told).run())


def pills(page: AppTest, begins: str):
    return next(each for each in page.get("button_group") if (each.key or "").startswith(begins))


def press(page: AppTest, label: str) -> AppTest:
    return runs(next(button for button in page.button if button.label == label).click().run())


def open_everything(page: AppTest) -> AppTest:
    """What is sent only when it is opened."""
    for key in OPENED:
        page.session_state[key] = True
    return runs(page.run())


def lit_arrows(page: AppTest) -> int:
    """How many arrows the map draws as lit: curves in the colour of what is lit."""
    return sum(
        len(re.findall(r"\bC\b", shape["path"]))
        for shape in figure(page)["layout"]["shapes"]
        if shape["line"]["color"] == LIGHT.lit
    )


def arrow_widths(page: AppTest) -> set[float]:
    return {shape["line"]["width"] for shape in figure(page)["layout"]["shapes"] if re.search(r"\bC\b", shape["path"])}


# --- The first picture ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["open_cold", "open_warm"])
def test_the_first_picture_needs_no_input_and_says_that_it_is_invented(how, request):
    page = runs(request.getfixturevalue(how)("explorer"))
    said = said_by(page)
    assert "Worked example" in said
    assert "invented" in said.lower()
    assert entered(page) == {}
    assert lit_arrows(page) == sum(link.lit for link in mechanism_map_of(KNOWLEDGE, CONCLUSIONS, "clinician").links) > 0


def test_own_findings_begin_with_an_empty_sheet_or_with_the_example(open_warm):
    page = press(open_warm("explorer"), "Enter findings")
    assert entered(page) == {}
    assert "Worked example" not in said_by(page)
    assert "Nothing is marked as present yet" in said_by(page)
    page = press(press(page, "Show example"), "Change example")
    assert entered(page) == {
        key: list(value) if isinstance(value, tuple) else value for key, value in dict(EXAMPLE).items()
    }
    assert "Worked example" not in said_by(page)


# --- Story and studies ------------------------------------------------------------------------------------------------


def test_the_switch_between_story_and_studies_changes_the_widths(open_warm):
    page = open_warm("explorer")
    levels = {link_level(link, KNOWLEDGE.mechanisms).width for link in KNOWLEDGE.mechanisms.links}
    assert arrow_widths(page) == levels
    assert "This is what studies found." in said_by(page)
    tell(page, "story")
    assert len(arrow_widths(page)) == 1
    assert "This is the story as clinics tell it." in said_by(page)
    tell(page, "studies")
    assert arrow_widths(page) == levels


@pytest.mark.parametrize("voice", ["clinician", "patient"])
def test_a_closer_look_at_an_arrow_shows_the_story_and_every_study(voice, open_warm):
    page = open_warm("explorer")
    if voice == "patient":
        turn_to_the_patient(page)
    links = [link for link in KNOWLEDGE.mechanisms.links if link.id in {each.id for each in lit_links()}]
    for link in links:
        runs(page.selectbox(key="kept/screen/arrow").set_value(link.id).run())
        said = said_by(page)
        assert getattr(link.story, voice) in said
        assert getattr(link.studies, voice) in said
        assert f":blue-badge[{getattr(link_level(link, KNOWLEDGE.mechanisms).label, voice)}]" in said
        assert all((evidence.summary in said) == (voice == "clinician") for evidence in link.evidence)


def lit_links():
    return [link for link in mechanism_map_of(KNOWLEDGE, CONCLUSIONS, "clinician").links if link.lit]


# --- What if ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", ["clinician", "patient"])
@pytest.mark.parametrize("factor", PRESENT)
def test_switching_a_factor_off_puts_arrows_out_and_says_what_helps(factor, voice, open_warm):
    page = open_warm("explorer")
    if voice == "patient":
        turn_to_the_patient(page)
    before = lit_arrows(page)
    pills(page, "what_if/").set_value([each for each in PRESENT if each != factor]).run()
    without = mechanism_map_of(KNOWLEDGE, CONCLUSIONS, voice, switched={factor: False})
    assert lit_arrows(runs(page)) == sum(link.lit for link in without.links)
    gone = before - lit_arrows(page)
    told = next(info.value for info in page.info)
    entry = KNOWLEDGE.entry(factor)
    assert getattr(entry.label, voice) in told
    assert getattr(entry.helps, voice) in told
    assert (f"{gone} arrow" in told) if gone else ("No arrow changes" in told)
    pills(page, "what_if/").set_value(PRESENT).run()
    assert lit_arrows(page) == before
    assert not page.info


def test_a_factor_that_was_not_found_can_be_tried_out(open_warm):
    page = open_warm("explorer")
    before = lit_arrows(page)
    pills(page, "what_if_more/").set_value(["factor.quadriceps_strength"]).run()
    assert lit_arrows(runs(page)) > before
    assert KNOWLEDGE.entry("factor.quadriceps_strength").label.clinician in page.info[0].value
    assert entered(page) == {}  # a what-if is no finding


def test_a_what_if_does_not_outlive_other_findings(open_warm):
    page = open_warm("explorer")
    pills(page, "what_if/").set_value([]).run()
    assert page.info
    enter(page, {finding.id: value_at(finding, "low") for finding in NOT_SAFETY})
    assert not page.info


# --- Red flags --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", ["clinician", "patient"])
@pytest.mark.parametrize("flag", RED_FLAGS)
def test_a_red_flag_takes_the_map_away_and_only_the_action_stands(flag, voice, open_warm):
    """Hazard: somebody with an emergency looks at a picture of arrows."""
    page = open_warm("explorer")
    if voice == "patient":
        turn_to_the_patient(page)
    enter(page, {**EXAMPLE, flag: True})
    hit = assess(findings_of({**EXAMPLE, flag: True}, KNOWLEDGE), KNOWLEDGE).safety.hits[0]
    assert getattr(KNOWLEDGE.entry(hit.id).action, voice) in page.error[0].value
    assert len(page.get("plotly_chart")) == 0
    shown = said_by(page)
    for factor in PRESENT:
        assert getattr(KNOWLEDGE.entry(factor).helps, voice) not in shown
    for strategy in KNOWLEDGE.strategies:
        assert getattr(strategy.what, voice) not in shown
    enter(page, dict(EXAMPLE))
    assert len(page.get("plotly_chart")) == 2


# --- Not tested -------------------------------------------------------------------------------------------------------


def test_what_was_not_tested_is_named_as_neither_present_nor_absent(open_warm):
    page = enter(open_warm("explorer"), dict(EXAMPLE))
    untested = [each for each in CONCLUSIONS.factors if each.scored and each.answer == "not_tested"]
    assert untested
    listed = next(each.value for each in page.caption if each.value.startswith("Not tested, so neither"))
    for answer in untested:
        assert KNOWLEDGE.entry(answer.id).label.clinician in listed
    rows = page.table[0].value
    assert set(rows["Answer"]) <= {"present", "absent"}
    assert len(rows) == sum(each.scored and each.answer != "not_tested" for each in CONCLUSIONS.factors)


def test_an_empty_sheet_calls_no_factor_absent(open_warm):
    page = press(open_warm("explorer"), "Enter findings")
    assert "looked for, not there" not in said_by(page)
    assert all("absent" not in table.value.astype(str).to_numpy() for table in page.table)


def test_no_is_a_finding_and_not_tested_is_none(open_warm):
    page = press(open_warm("explorer"), "Enter findings")
    finding = next(each for each in KNOWLEDGE.findings if each.group == "hip_pelvis" and each.kind == "yes_no")
    choice = page.segmented_control(key=f"kept/findings/{finding.id}")
    assert choice.value == "not_tested"
    choice.set_value(False).run()
    assert entered(runs(page)) == {finding.id: False}
    page.segmented_control(key=f"kept/findings/{finding.id}").set_value("not_tested").run()
    assert entered(runs(page)) == {}


# --- The patient's words ----------------------------------------------------------------------------------------------

SITUATIONS = {
    "example": (None, None),
    "nothing yet": ({}, None),
    "own findings": (dict(EXAMPLE), dict(EXAMPLE.week)),
    "all low": ({finding.id: value_at(finding, "low") for finding in NOT_SAFETY}, None),
    "all high": ({finding.id: value_at(finding, "high") for finding in NOT_SAFETY}, {"activity.walking": (4000, 9000)}),
    "red flag": ({**EXAMPLE, "finding.hot_swollen_joint": True}, None),
}


def patient_page(situation: str, open_warm) -> AppTest:
    page = turn_to_the_patient(open_warm("explorer"))
    values, week = SITUATIONS[situation]
    if values is not None:
        enter(page, values, week)
    return open_everything(page)


@pytest.mark.parametrize("situation", list(SITUATIONS))
def test_a_patient_reads_no_word_that_frightens_or_blames(situation, open_warm):
    page = patient_page(situation, open_warm)
    found = words_of(page)
    for told in ("story", "studies") if page.get("plotly_chart") else ():
        found += words_of(tell(page, told))
    entering = any(each.key == "kept/screen/area" for each in page.segmented_control)
    for area in explorer.AREAS if entering else ():
        found += words_of(runs(page.segmented_control(key="kept/screen/area").set_value(area).run()))
    if situation == "example":
        for link in lit_links():
            found += words_of(runs(page.selectbox(key="kept/screen/arrow").set_value(link.id).run()))
    assert len(found) > 10
    said = {
        f"{term.pattern}: {text}"
        for text in found
        for term in KNOWLEDGE.wording.forbidden
        if re.search(term.pattern, text, flags=re.IGNORECASE)
    }
    assert said == set()


def for_clinicians_only() -> set[str]:
    """Texts of the knowledge base that a patient's screen has no use for: clinicians' voice, studies, citations."""
    voices = [entry for _, entry in walk(KNOWLEDGE) if isinstance(entry, Voices)]
    patients = "\n".join(entry.patient for entry in voices)
    texts = {entry.clinician for entry in voices if len(entry.clinician) > 15 and entry.clinician not in patients}
    texts |= {entry.summary for _, entry in walk(KNOWLEDGE) if isinstance(entry, Evidence)}
    return texts | {source.citation for source in KNOWLEDGE.sources}


@pytest.mark.parametrize("situation", list(SITUATIONS))
def test_a_patient_is_not_shown_clinicians_detail(situation, open_warm):
    said = said_by(patient_page(situation, open_warm))
    assert {
        text for text in for_clinicians_only() if text in said and text not in KNOWLEDGE.content.intended_use.patient
    } == set()
    assert "How sure is each factor?" not in said


def test_the_clinician_is_shown_that_detail(open_warm):
    """So that the test above can fail."""
    said = said_by(open_everything(open_warm("explorer")))
    assert len({text for text in for_clinicians_only() if text in said}) > 20


# --- The week ---------------------------------------------------------------------------------------------------------


def test_the_patients_own_week_changes_the_sentence_and_the_sum(open_warm):
    page = press(open_warm("explorer"), "Enter findings")
    assert "Enter a count before and after" in said_by(page)
    page.number_input(key="kept/week/before/activity.walking").set_value(4000.0).run()
    page.number_input(key="kept/week/after/activity.walking").set_value(6000.0).run()
    assert "The second week asks 50 % more of this knee than the first" in said_by(runs(page))
    assert page.warning  # a rise above what was studied is called out
    more = page.get("plotly_chart")[1].proto.spec
    page.number_input(key="kept/week/after/activity.walking").set_value(2000.0).run()
    assert "50 % less of this knee" in said_by(runs(page))
    assert page.get("plotly_chart")[1].proto.spec != more
    assert not page.warning
    assert page.session_state["kneewise.work"]["week"] == {
        "before": {"activity.walking": 4000.0},
        "after": {"activity.walking": 2000.0},
    }


# --- Save and open ----------------------------------------------------------------------------------------------------


def findings_file(page: AppTest) -> str:
    """What the button would save, made the way the page makes it."""
    work = page.session_state["kneewise.work"]
    week = {
        each: (work["week"]["before"].get(each), work["week"]["after"].get(each))
        for each in {**work["week"]["before"], **work["week"]["after"]}
    }
    return serialise(findings_of(entered(page), KNOWLEDGE, week, work["guideline_profile"]), KNOWLEDGE)


def opened(page: AppTest, content: bytes | str, name: str = "findings.json") -> AppTest:
    raw = content.encode() if isinstance(content, str) else content
    return runs(page.file_uploader[0].set_value((name, raw, "application/json")).run())


def test_a_saved_file_opens_again_and_gives_the_same_picture(open_warm, monkeypatch):
    saved = []
    monkeypatch.setattr(
        "kneewise.ui.downloads.offer",
        lambda label, data, *rest, **more: saved.append(data) if "findings" in label else None,
    )
    page = enter(open_warm("explorer"), dict(EXAMPLE), dict(EXAMPLE.week))
    content, picture = saved[-1], [figure(page, position) for position in (0, 1)]
    other = press(open_warm("explorer"), "Enter findings")
    assert figure(other) != picture[0]
    press(opened(other, content), "Use them in this window")
    assert [figure(other, position) for position in (0, 1)] == picture
    assert entered(other) == entered(page)
    assert saved[-1] == content


def test_a_saved_file_holds_findings_and_nothing_that_names_a_person(open_warm, monkeypatch):
    saved = []
    monkeypatch.setattr(
        "kneewise.ui.downloads.offer", lambda label, data, name, *rest, **more: saved.append((data, name))
    )
    page = enter(open_warm("explorer"), dict(EXAMPLE), dict(EXAMPLE.week))
    document = json.loads(saved[-1][0])
    assert set(document) == {"kneewise_findings", "findings", "week", "profile"}
    assert set(document["findings"]) == set(entered(page))
    assert {key for entry in document["findings"].values() for key in entry} <= {"value", "unit"}
    assert {key for entry in document["week"].values() for key in entry} == {"before", "after", "unit"}
    assert saved[-1][1] == "kneewise-findings.json"


def with_findings(findings: dict, **more) -> str:
    return json.dumps({"kneewise_findings": 1, "findings": findings, **more})


BAD_FILES = {
    "unknown id": (with_findings({"finding.hip_abductor_strenght": {"value": 1}}), "There is no finding"),
    "wrong unit": (with_findings({"finding.age_years": {"value": 30, "unit": "months"}}), "the unit is wrong"),
    "out of range": (
        with_findings({"finding.age_years": {"value": 300, "unit": "years"}}),
        "outside the plausible range",
    ),
    "not JSON": ("name,score\nAnn,3\n", "not valid JSON"),
    "binary": (bytes(range(256)) * 40, "not UTF-8 text"),
    "empty": (b"", "not valid JSON"),
    "a name": (with_findings({}, patient_name="Ann"), "nothing that names a person"),
    "2 MB": (b" " * 2_000_000, "too large"),
}


@pytest.mark.parametrize("kind", list(BAD_FILES))
def test_a_bad_file_gets_sentences_and_what_was_entered_stays(kind, open_warm):
    content, says = BAD_FILES[kind]
    page = enter(open_warm("explorer"), dict(EXAMPLE), dict(EXAMPLE.week))
    before = findings_file(page)
    opened(page, content)
    assert says in plain(page.error[0].value)
    assert "Ann" not in page.error[0].value
    assert not any(button.label == "Use them in this window" for button in page.button)
    assert findings_file(page) == before


def test_a_file_with_many_problems_names_the_first_and_counts_the_rest(open_warm):
    page = open_warm("explorer")
    opened(page, with_findings({f"finding.none_{number}": {"value": 1} for number in range(30)}))
    assert plain(page.error[0].value).count("There is no finding") == 8
    assert "And 22 more." in said_by(page)


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "**bold**",
        "![](http://evil.test/x)",
        "[go](http://evil.test)",
        "$x^2$ :smile: `c`",
    ],
)
def test_text_of_a_file_is_shown_as_it_is_written(text, open_warm):
    """Hazard KW-H19: the name of a key is text of an upload."""
    page = opened(open_warm("explorer"), with_findings({text: {"value": 1}}))
    shown = page.error[0].value
    assert text not in shown
    assert text in plain(shown)


# --- Leaving and beginning again --------------------------------------------------------------------------------------


def test_new_patient_clears_findings_week_and_what_was_opened(open_warm):
    """Hazard KW-H07."""
    page = enter(open_warm("explorer"), dict(EXAMPLE), dict(EXAMPLE.week))
    opened(page, serialise(EXAMPLE, KNOWLEDGE))
    page.selectbox(key="kept/screen/arrow").set_value(lit_links()[0].id).run()
    press(page, "Forget everything")
    assert entered(page) == {}
    assert page.session_state["kneewise.work"]["week"] == {"before": {}, "after": {}}
    assert "Worked example" in said_by(page)
    assert "findings read" not in said_by(page)
    assert page.selectbox(key="kept/screen/arrow").value is None


def test_findings_survive_a_walk_through_the_pages(open_warm):
    """Hazard KW-H14."""
    page = press(open_warm("explorer"), "Enter findings")
    finding = next(each for each in KNOWLEDGE.findings if each.group == "hip_pelvis" and each.kind == "yes_no")
    number = next(each for each in KNOWLEDGE.findings if each.group == "hip_pelvis" and each.kind == "number")
    page.segmented_control(key=f"kept/findings/{finding.id}").set_value(True).run()
    page.number_input(key=f"kept/findings/{number.id}").set_value(number.minimum).run()
    page.number_input(key="kept/week/before/activity.walking").set_value(4000.0).run()
    tell(page, "story")
    for stem in ("about", "decision_aid", "evidence", "cases", "explorer"):
        runs(page.switch_page(f"pages/{stem}.py").run())
    assert entered(page) == {finding.id: True, number.id: number.minimum}
    assert page.segmented_control(key=f"kept/findings/{finding.id}").value is True
    assert page.number_input(key=f"kept/findings/{number.id}").value == number.minimum
    assert page.number_input(key="kept/week/before/activity.walking").value == 4000.0
    assert page.segmented_control(key="kept/screen/told").value == "story"


@pytest.mark.parametrize("voice", ["clinician", "patient"])
def test_every_area_of_the_body_can_be_entered(voice, open_warm):
    page = press(open_warm("explorer"), "Enter findings")
    if voice == "patient":
        turn_to_the_patient(page)
    offered = set()
    for area in explorer.AREAS:
        runs(page.segmented_control(key="kept/screen/area").set_value(area).run())
        offered |= {
            each.key.removeprefix("kept/findings/")
            for kind in ("button_group", "number_input", "selectbox")
            for each in page.get(kind)
            if (each.key or "").startswith("kept/findings/")
        }
    read = {
        finding
        for finding in {each.id for each in KNOWLEDGE.findings}
        if KNOWLEDGE.entry(finding).group
        in ("symptoms", "hip_pelvis", "knee", "foot_ankle", "load", "scope", "person", "imaging")
    }
    assert offered == read


def test_the_factors_to_tap_stand_in_body_order_with_short_names(open_warm):
    offered = [option.content for option in pills(open_warm("explorer"), "what_if/").proto.options]
    in_order = [factor for factor in in_body_order(KNOWLEDGE) if factor.id in PRESENT]
    assert offered == [without_brackets(factor.label.clinician) for factor in in_order]


def test_a_number_that_is_emptied_is_not_tested_and_not_the_smallest(open_warm):
    """Hazard KW-H08: an emptied field of Streamlit is its minimum unless the widget begins empty."""
    page = press(open_warm("explorer"), "Enter findings")
    number = next(each for each in KNOWLEDGE.findings if each.group == "hip_pelvis" and each.kind == "number")
    key = f"kept/findings/{number.id}"
    page.number_input(key=key).set_value(number.minimum + number.step).run()
    assert entered(page) == {number.id: number.minimum + number.step}
    page.number_input(key=key).set_value(None).run()
    assert entered(page) == {}
    assert page.number_input(key=key).value is None
