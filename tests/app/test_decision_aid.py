"""The decision aid without a browser: the stop, the steps, equal detail, both voices, counterfactuals that hold."""

from __future__ import annotations

import datetime
import re

import pytest
from streamlit.testing.v1 import AppTest

from kneewise.knowledge_base.check import reading_grade
from kneewise.reasoning import assess
from kneewise.reasoning.findings import findings_of
from kneewise.ui import decision, material, reasons
from kneewise.ui.sheet import worked_example

STEPS = ("check", "try", "options", "why", "next")
KNOWLEDGE = material.knowledge()
COMPARED = tuple(option for option in KNOWLEDGE.options if option.compared)
EXAMPLE = worked_example(KNOWLEDGE)


def texts(page: AppTest) -> list[str]:
    """Every text on the page as it was sent: texts, boxes, tables, widgets with labels, options and helps."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success")
    found = [each.value for kind in kinds for each in getattr(page, kind)]
    found += [
        text for table in page.table for text in (*table.value.columns, *table.value.astype(str).to_numpy().ravel())
    ]
    for kind in ("checkbox", "selectbox", "number_input", "button", "date_input", "button_group"):
        for widget in page.get(kind):
            found += [getattr(widget, "label", ""), getattr(widget, "help", "") or ""]
            found += [str(option) for option in getattr(widget, "options", None) or ()]
    found += [each.proto.label for each in page.get("expander") if hasattr(each, "proto")]
    return [text for text in found if text]


def enter(page: AppTest, values: dict) -> AppTest:
    """The page with these findings in the session, as if somebody had entered them."""
    page.session_state["kneewise.work"]["findings"] = {
        finding: {"value": list(value) if isinstance(value, tuple) else value, "unit": KNOWLEDGE.entry(finding).unit}
        for finding, value in values.items()
    }
    page.session_state["kneewise.work"]["screen"]["example_off"] = True
    return page.run()


def go_to(page: AppTest, step: str) -> AppTest:
    page.segmented_control(key="kept/screen/decision_step").set_value(step).run()
    assert [each.value for each in page.exception] == []
    return page


def turn_to_the_patient(page: AppTest) -> AppTest:
    return page.segmented_control(key="kept/view").set_value("patient").run()


def step_of(page: AppTest) -> str:
    return page.segmented_control(key="kept/screen/decision_step").value


def words_of(strength: str, voice: str = "clinician") -> str:
    return reasons.strength_words(KNOWLEDGE, strength, voice)


def names_an_option(page: AppTest) -> list[str]:
    said = " ".join(texts(page))
    return [name for option in COMPARED for name in (option.label.clinician, option.label.patient) if name in said]


@pytest.mark.parametrize("how", ["open_cold", "open_warm"])
def test_it_begins_with_the_worked_example_and_its_options(how, request):
    page = request.getfixturevalue(how)("decision_aid")
    assert [each.value for each in page.exception] == []
    assert step_of(page) == "options"
    assert any("Worked example" in text for text in texts(page))
    assert set(names_an_option(page)) >= {option.label.clinician for option in COMPARED}


@pytest.mark.parametrize("voice", ["clinician", "patient"])
@pytest.mark.parametrize("own", [False, True], ids=["example", "own findings"])
def test_every_step_runs_and_carries_version_dates_funding_and_use(voice, own, open_warm):
    """IPDAS 2.2.2, 2.2.3 and 2.3.1."""
    page = open_warm("decision_aid")
    if own:
        enter(page, dict(EXAMPLE))
    if voice == "patient":
        turn_to_the_patient(page)
    content = KNOWLEDGE.content
    for step in STEPS:
        said = " ".join(texts(go_to(page, step)))
        for fact in (
            content.version,
            f"{content.compiled_on:%d %B %Y}",
            f"{content.review_due:%d %B %Y}",
            content.funding,
        ):
            assert fact in said
        assert getattr(content.intended_use, voice) in said


# --- The gate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", ["clinician", "patient"])
@pytest.mark.parametrize("flag", ["finding.cauda_equina_signs", "finding.dvt_suspected", "finding.locked_knee"])
def test_a_red_flag_stops_everything_else(flag, voice, open_warm):
    """Hazard: somebody with an emergency reads about tape."""
    page = enter(open_warm("decision_aid"), {**EXAMPLE, flag: True})
    if voice == "patient":
        turn_to_the_patient(page)
    assert names_an_option(page) == []
    assert page.segmented_control(key="kept/view").value == voice
    assert [each for each in page.segmented_control if each.key == "kept/screen/decision_step"] == []
    hits = assess(findings_of({**EXAMPLE, flag: True}, KNOWLEDGE), KNOWLEDGE).safety.hits
    assert getattr(KNOWLEDGE.entry(hits[0].id).action, voice) in page.error[0].value


def test_the_most_urgent_action_comes_first(open_warm):
    page = enter(open_warm("decision_aid"), {"finding.locked_knee": True, "finding.cauda_equina_signs": True})
    assert KNOWLEDGE.entry("red_flag.cauda_equina").action.clinician in page.error[0].value
    assert any(KNOWLEDGE.entry("red_flag.locked_knee").action.clinician in text for text in texts(page))


def test_a_slip_can_be_put_right(open_warm):
    page = enter(open_warm("decision_aid"), {**EXAMPLE, "finding.locked_knee": True})
    page.checkbox(key="kept/findings/finding.locked_knee").uncheck().run()
    assert not page.error
    assert "Safety: 1 open" in " ".join(texts(page))  # open again, not silently answered with no
    assert step_of(page) == "check"


def test_a_suspected_clot_brings_up_its_own_questions(open_warm):
    page = enter(open_warm("decision_aid"), {"finding.dvt_suspected": True})
    page.checkbox(key="kept/findings/finding.wells_cancer").check().run()
    page.checkbox(key="kept/findings/finding.wells_previous_dvt").check().run()
    page.button(key="none_holds/follow_ups").click().run()
    assert KNOWLEDGE.entry("red_flag.dvt_likely").action.clinician in page.error[0].value


def test_one_button_answers_what_was_asked_and_the_open_questions_are_counted(open_warm):
    page = enter(open_warm("decision_aid"), {"finding.age_years": 60.0})
    assert step_of(page) == "check"
    before = int(re.search(r"Safety: (\d+) open", " ".join(texts(page))).group(1))
    assert before > 20
    page.button(key="none_holds/red_flags").click().run()
    assert "Safety: 1 open" in " ".join(texts(page))  # the minutes of morning stiffness are no yes or no
    page.number_input(key="kept/findings/finding.morning_stiffness_min").set_value(0.0).run()
    assert "Safety: asked, none holds" in " ".join(texts(page))
    page.button(key="ask_again/red_flags").click().run()
    assert int(re.search(r"Safety: (\d+) open", " ".join(texts(page))).group(1)) > 20


def test_an_untouched_checklist_is_not_tested(open_warm):
    page = enter(open_warm("decision_aid"), {"finding.age_years": 30.0})
    assert set(page.session_state["kneewise.work"]["findings"]) == {"finding.age_years"}


def test_where_the_pattern_does_not_fit_no_option_is_discussed(open_warm):
    page = enter(open_warm("decision_aid"), {**EXAMPLE, "finding.pain_around_patella": False})
    for step in ("options", "why", "next"):
        go_to(page, step)
        assert any(KNOWLEDGE.entry("rule.g02").text.clinician in warning.value for warning in page.warning)
        assert names_an_option(page) == []


def test_skin_that_needs_care_is_said_with_the_questions(open_warm):
    page = enter(open_warm("decision_aid"), {**EXAMPLE, "finding.adhesive_allergy": True, "finding.fragile_skin": True})
    go_to(page, "check")
    said = [warning.value for warning in page.warning]
    assert KNOWLEDGE.entry("rule.t01").text.clinician in said
    assert KNOWLEDGE.entry("rule.t02").text.clinician in said


# --- The options ------------------------------------------------------------------------------------------------------


def test_the_advice_of_all_three_guidelines_is_shown_for_every_option(open_warm):
    page = open_warm("decision_aid")
    conclusions = assess(EXAMPLE, KNOWLEDGE)
    cells = [each.value for each in page.markdown if "JOSPT" in each.value and "consensus" in each.value]
    assert len(cells) == len(COMPARED)
    for option, cell in zip(COMPARED, cells, strict=True):
        shown = re.findall(r"-badge\[(.*?)\] :small\[\**(\w+)", cell)
        expected = [
            words_of(conclusions.option(option.id, profile.id).strength).removesuffix(" (still optional)")
            for profile in KNOWLEDGE.profiles
        ]
        assert [word for word, _ in shown] == expected
        assert [name for _, name in shown] == ["JOSPT", "consensus", "Dutch"]


@pytest.mark.parametrize("voice", ["clinician", "patient"])
@pytest.mark.parametrize("option", [option.id for option in COMPARED])
def test_every_option_has_the_same_sections_in_the_same_order(option, voice, open_warm):
    """IPDAS 2.1.1: benefits and harms, and all options, in equal detail."""
    page = open_warm("decision_aid")
    if voice == "patient":
        turn_to_the_patient(page)
    page.segmented_control(key="kept/screen/decision_mode").set_value("two").run()
    other = next(each.id for each in COMPARED if each.id != option)
    page.selectbox(key="kept/screen/compare_left").set_value(option).run()
    page.selectbox(key="kept/screen/compare_right").set_value(other).run()
    assert [each.value for each in page.exception] == []
    headings = [labels[voice == "patient"].upper() for labels in decision.SECTIONS]
    for each in (option, other):
        name = reasons.label_of(KNOWLEDGE, each, voice)
        shown = [re.fullmatch(r":small\[\*\*(.*)\*\* · (.*)\]", text.value) for text in page.markdown]
        assert [match.group(1) for match in shown if match and match.group(2) == name] == headings
    entry = KNOWLEDGE.entry(option)
    said = " ".join(texts(page))
    for point in (*entry.benefits, *entry.harms, *entry.living_with):
        assert getattr(point.text, voice) in said
    assert getattr(entry.unknown, voice) in said


def test_a_figure_stands_with_its_range_both_frames_and_who_was_studied(open_warm):
    page = open_warm("decision_aid")
    said = " ".join(texts(page))
    value = KNOWLEDGE.entry("value.tape_same_day_response")
    assert f"**{value.value:.0f} of 100** ({value.low:.0f} to {value.high:.0f}); {100 - value.value:.0f} not." in said
    assert value.population in said


def test_a_wish_is_kept_as_a_finding_and_reaches_the_reasoning(open_warm):
    page = enter(open_warm("decision_aid"), dict(EXAMPLE))
    page.selectbox(key="kept/findings/finding.wants_tape").set_value("wants").run()
    assert page.session_state["kneewise.work"]["findings"]["finding.wants_tape"]["value"] == "wants"
    go_to(page, "next")
    plan = next(each for each in page.get("button_group") if each.key == "kept/screen/plan")
    assert "option.taping" in plan.value


def test_another_treatment_that_was_asked_for_gets_its_answer(open_warm):
    page = enter(open_warm("decision_aid"), {**EXAMPLE, "finding.requests": ("dry_needling",)})
    said = " ".join(texts(page))
    assert KNOWLEDGE.entry("rule.n01").text.clinician in said
    assert KNOWLEDGE.entry("option.brace").what_it_is.clinician not in said


# --- Why --------------------------------------------------------------------------------------------------------------


def single_changes():
    """Every single-finding change of an option's advice that the reasoning names for the worked example."""
    found = [
        change
        for change in assess(EXAMPLE, KNOWLEDGE).counterfactuals
        if len(change.changes) == 1
        and change.kind != "safety"
        and any(each.kind == "option" and each.about == "option.taping" for each in change.effects)
        and not any(each.kind == "criteria" for each in change.effects)
    ]
    assert len(found) >= 2
    return found


@pytest.mark.parametrize("change", single_changes(), ids=lambda change: change.changes[0].finding)
def test_a_change_that_is_named_changes_the_advice_on_screen_when_it_is_made(change, open_warm):
    page = enter(open_warm("decision_aid"), dict(EXAMPLE))
    go_to(page, "why")
    assert any(reasons.change_words(KNOWLEDGE, change, "clinician") in text for text in texts(page))
    move = next(each for each in change.effects if each.kind == "option" and each.about == "option.taping")

    def advice_on_tape() -> str:
        go_to(page, "options")
        cells = [each.value for each in page.markdown if "JOSPT" in each.value and "consensus" in each.value]
        position = [option.id for option in COMPARED].index("option.taping")
        return re.search(r"-badge\[(.*?)\]", cells[position]).group(1)

    def as_shown(strength: str) -> str:
        return words_of(strength).removesuffix(" (still optional)")

    assert advice_on_tape() == as_shown(move.old)
    made = change.changes[0]
    enter(page, {**EXAMPLE, made.finding: made.new})
    assert advice_on_tape() == as_shown(move.new)


def test_a_change_is_said_in_words():
    change = next(each for each in single_changes() if each.changes[0].finding == "finding.tape_pain_after")
    assert reasons.change_words(KNOWLEDGE, change, "clinician") == (
        "If “Task pain with tape” were **3** instead of 4, **Patellar taping** and **both together** would move from "
        "“Consider” to “Offer (still optional)”."
    )


def test_the_deciding_rule_shows_its_code_status_sources_and_what_it_read(open_warm):
    page = go_to(open_warm("decision_aid"), "why")
    said = " ".join(texts(page))
    for rule in ("rule.t04", "rule.t08", "rule.t06"):  # what decides about tape, one for each guideline
        entry = KNOWLEDGE.entry(rule)
        assert entry.text.clinician in said
        assert f":gray-badge[{entry.code}]" in said
        assert entry.evidence_level in said
        assert KNOWLEDGE.entry(entry.sources[0]).citation in said
    assert "Task pain with tape: 4" in said


def test_sources_that_disagree_stand_as_rows(open_warm):
    page = go_to(open_warm("decision_aid"), "why")
    rows = [row for table in page.table for row in table.value.astype(str).to_numpy().tolist()]
    for row in KNOWLEDGE.entry("conflict.k2").rows:
        assert any(row.body in cells and any(row.says in cell for cell in cells) for cells in rows)


def test_a_retired_rule_whose_measure_was_taken_is_named_as_retired(open_warm):
    page = go_to(open_warm("decision_aid"), "why")
    assert any("218 people" in text and "Midfoot width" in text for text in texts(page))
    enter(page, {key: value for key, value in EXAMPLE.items() if key != "finding.midfoot_width_difference_mm"})
    assert not any("218 people" in text for text in texts(go_to(page, "why")))


def test_an_answer_that_hangs_on_one_point_is_called_fragile(open_warm):
    said = " ".join(texts(go_to(open_warm("decision_aid"), "why")))
    assert ":orange-badge[Fragile]" in said
    assert "“Task pain with tape”" in said


# --- What comes next --------------------------------------------------------------------------------------------------


def test_reviews_have_dates_only_when_a_start_was_chosen(open_warm):
    page = go_to(open_warm("decision_aid"), "next")
    assert "Date" not in page.table[0].value.columns
    page.date_input[0].set_value(datetime.date(2030, 1, 1)).run()
    shown = dict(zip(page.table[0].value["Day"], page.table[0].value["Date"], strict=True))
    assert shown["42"] == "12 Feb 2030"
    assert dict(page.query_params) == {}


# --- The patient's words ----------------------------------------------------------------------------------------------

SITUATIONS = {
    "example": None,
    "nothing yet": {"finding.age_years": 30.0},
    "own findings": dict(EXAMPLE),
    "much to mind": {
        **EXAMPLE,
        "finding.age_years": 52.0,
        "finding.fragile_skin": True,
        "finding.adhesive_allergy": True,
        "finding.foot_at_risk": True,
        "finding.exercise_planned": False,
        "finding.instability_history": True,
        "finding.requests": ("brace", "dry_needling", "acupuncture", "custom_orthosis", "manual_therapy_alone"),
        "finding.tape_pain_after": 8.0,
        "finding.tape_weeks": 6.0,
    },
    "red flag": {**EXAMPLE, "finding.hot_swollen_joint": True, "finding.night_or_rest_pain": True},
}


def patient_texts(situation: str, open_warm) -> list[str]:
    """What a patient reads in every step of a situation, without the names of studies that stand beside figures."""
    page = open_warm("decision_aid")
    if SITUATIONS[situation] is not None:
        enter(page, SITUATIONS[situation])
    turn_to_the_patient(page)
    found = texts(page)
    if situation == "red flag":
        return found
    for step in STEPS:
        found += texts(go_to(page, step))
        if step == "options":
            page.segmented_control(key="kept/screen/decision_mode").set_value("two").run()
            found += texts(page)
            for option in COMPARED[2:]:
                page.selectbox(key="kept/screen/compare_right").set_value(option.id).run()
                found += texts(page)
        if step == "why":
            for option in COMPARED:
                pills = next(each for each in page.get("button_group") if each.key == "kept/screen/why_option")
                pills.set_value(option.id).run()
                found += texts(page)
    return found


@pytest.mark.parametrize("situation", list(SITUATIONS))
def test_a_patient_reads_no_word_that_frightens_or_blames(situation, open_warm):
    found = patient_texts(situation, open_warm)
    assert len(found) > (10 if situation == "red flag" else 100)
    said = {
        f"{term.pattern}: {text}"
        for text in found
        for term in KNOWLEDGE.wording.forbidden
        if re.search(term.pattern, text, flags=re.IGNORECASE)
    }
    assert said == set()


def test_what_this_screen_says_to_patients_is_easy_to_read(open_warm):
    """The knowledge base checks its own texts; this looks at whole sentences of the screen."""
    lines = {
        re.sub(r":[a-z]+(?:-badge)?\[(.*?)\](?=\W|$)|[*“”]", r"\1", line.removesuffix(":gray[· no]")).strip()
        for text in patient_texts("own findings", open_warm)
        if not any(mark in text for mark in ("Studied:", "Funding:", "Teaching illustration"))  # facts about the aid
        for line in text.splitlines()
    }
    assert len(lines) > 100
    grades = {line: grade for line in lines if (grade := reading_grade(line)) is not None}
    hard = {line: grade for line, grade in grades.items() if grade > KNOWLEDGE.wording.max_reading_grade}
    assert hard == {}
