"""The cases screen without a browser: commit before reveal, the score, beginning again."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from kneewise.learning import findings_so_far, score_case
from kneewise.ui import material
from tests.app_reading import said_by

KNOWLEDGE = material.knowledge()
CASE = KNOWLEDGE.cases[0]


def reasoning_of(stage) -> list[str]:
    return [stage.feedback, *(answer.why for answer in stage.answers)]


def commit(page: AppTest, stage, chosen: list[str], percent: int | None = 80) -> AppTest:
    if stage.kind == "one":
        if chosen:
            page.radio[0].set_value(chosen[0])
    else:
        for box in page.checkbox:
            if box.key.startswith(f"{stage.id}/"):
                box.set_value(box.key.removeprefix(f"{stage.id}/") in chosen)
    if percent is not None:
        page.radio[-1].set_value(percent)
    next(button for button in page.button if button.label == "Commit").click().run()
    assert [each.value for each in page.exception] == []
    return page


def expected(stage) -> list[str]:
    return [answer.id for answer in stage.answers if answer.expected]


def others(stage) -> list[str]:
    wrong = [answer.id for answer in stage.answers if not answer.expected]
    return wrong[:1] if stage.kind == "one" else wrong


@pytest.mark.parametrize("how", ["open_cold", "open_warm"])
def test_nothing_of_the_reasoning_is_in_the_page_before_somebody_commits(how, request):
    page = request.getfixturevalue(how)("cases")
    said = said_by(page)
    assert "Invented case" in said
    assert CASE.stages[0].question in said
    for stage in CASE.stages:
        assert not [text for text in reasoning_of(stage) if text in said]
    for stage in CASE.stages[1:]:
        assert stage.told not in said
        assert stage.question not in said
    assert not [text for text in CASE.learned if text in said]


def test_after_a_commitment_the_reasoning_of_that_step_opens_and_only_that(open_warm):
    page = open_warm("cases")
    for number, stage in enumerate(CASE.stages):
        commit(page, stage, expected(stage))
        said = said_by(page)
        assert not [text for text in reasoning_of(stage) if text not in said]
        for later in CASE.stages[number + 1 :]:
            assert not [text for text in reasoning_of(later) if text in said]
        assert f"{number + 1} of {len(CASE.stages)} steps done" in said


def test_without_an_answer_nothing_opens(open_warm):
    page = open_warm("cases")
    commit(page, CASE.stages[0], [])
    assert "Choose at least one answer" in page.warning[0].value
    assert not [text for text in reasoning_of(CASE.stages[0]) if text in said_by(page)]


@pytest.mark.parametrize(
    ("choose", "percent", "says"),
    [
        (expected, 100, ("100 % of the reasoning", "Brier score of 0.00")),
        (others, 100, ("0 % of the reasoning", "Brier score of 1.00")),
    ],
    ids=["all right and sure", "all wrong and sure"],
)
def test_the_score_counts_the_way_and_the_confidence(choose, percent, says, open_warm):
    page = open_warm("cases")
    for stage in CASE.stages:
        commit(page, stage, choose(stage), percent)
    said = said_by(page)
    for text in says:
        assert text in said
    assert not [text for text in CASE.learned if text not in said]


def test_the_score_on_screen_is_the_score_of_what_was_committed(open_warm):
    page = open_warm("cases")
    for position, stage in enumerate(CASE.stages):
        commit(page, stage, expected(stage)[:1] if position % 2 else others(stage)[:1], None)
    progress = page.session_state["kneewise.work"]["cases"][CASE.id]
    result = score_case(CASE, progress)
    assert f"matched {round(result.score * 100)} % of the reasoning" in said_by(page)
    assert "Brier" not in said_by(page)  # nobody said how sure they were


def test_work_on_it_again_begins_at_the_first_step_with_nothing_chosen(open_warm):
    page = open_warm("cases")
    for stage in CASE.stages:
        commit(page, stage, expected(stage))
    next(button for button in page.button if button.label == "Work on it again").click().run()
    said = said_by(page)
    assert f"0 of {len(CASE.stages)} steps done" in said
    assert not [text for text in reasoning_of(CASE.stages[0]) if text in said]
    assert not any(box.value for box in page.checkbox)
    assert all(radio.value is None for radio in page.radio)


def test_a_half_done_case_survives_a_page_change_and_new_patient_forgets_it(open_warm):
    page = open_warm("cases")
    commit(page, CASE.stages[0], expected(CASE.stages[0]))
    page.switch_page("pages/about.py").run()
    page.switch_page("pages/cases.py").run()
    assert f"1 of {len(CASE.stages)} steps done" in said_by(page)
    next(button for button in page.button if button.label == "Forget everything").click().run()
    assert f"0 of {len(CASE.stages)} steps done" in said_by(page)


def test_the_findings_of_a_case_can_be_put_into_the_explorer(open_warm):
    page = open_warm("cases")
    for stage in CASE.stages:
        commit(page, stage, expected(stage))
    next(button for button in page.button if button.label == "Put the findings into the explorer").click().run()
    assert [each.value for each in page.exception] == []
    told = findings_so_far(CASE, page.session_state["kneewise.work"]["cases"][CASE.id])
    assert set(page.session_state["kneewise.work"]["findings"]) == set(told)
    assert f"{len(told)} findings entered in this window." in said_by(page)
    page.switch_page("pages/explorer.py").run()
    assert "Worked example" not in said_by(page)
    assert len(page.get("plotly_chart")) == 2
