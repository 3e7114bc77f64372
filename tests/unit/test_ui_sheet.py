"""The sheet of findings: the worked example while nothing was entered, and what is put in its place."""

from __future__ import annotations

import pytest

from kneewise.errors import FindingsError
from kneewise.reasoning import assess, parse, serialise
from kneewise.reasoning.findings import findings_of
from kneewise.ui import material, session, sheet

KNOWLEDGE = material.knowledge()


@pytest.fixture(autouse=True)
def a_session(monkeypatch):
    """A session of its own for each test."""
    state: dict = {}
    monkeypatch.setattr(session.st, "session_state", state)
    return state


def test_while_nothing_was_entered_it_is_the_invented_example():
    current = sheet.current(KNOWLEDGE)
    assert current.is_example
    assert current.findings == sheet.worked_example(KNOWLEDGE)
    assert session.findings() == {}


def test_the_example_is_an_invented_person_with_something_to_show():
    example = sheet.worked_example(KNOWLEDGE)
    conclusions = assess(example, KNOWLEDGE)
    assert KNOWLEDGE.cases[0].invented
    assert not conclusions.suppressed
    assert conclusions.criteria.state == "hold"
    assert sum(answer.answer == "present" for answer in conclusions.factors) >= 3
    assert all(None not in pair for pair in example.week.values())
    assert set(example.week) == {activity.id for activity in KNOWLEDGE.load.activities}


def test_one_finding_ends_the_example():
    session.set_finding("finding.age_years", 30.0, "years")
    current = sheet.current(KNOWLEDGE)
    assert not current.is_example
    assert dict(current.findings) == {"finding.age_years": 30.0}


def test_one_number_of_the_week_ends_the_example():
    session.put(("week", "after", "activity.walking"), 4000.0)
    current = sheet.current(KNOWLEDGE)
    assert not current.is_example
    assert dict(current.findings.week) == {"activity.walking": (None, 4000.0)}


def test_taking_the_last_finding_away_leaves_an_empty_sheet_and_not_the_example():
    """Otherwise an invented person's map appears in the middle of a consultation."""
    sheet.put(findings_of({"finding.age_years": 30.0}, KNOWLEDGE), KNOWLEDGE)
    session.set_finding("finding.age_years", None)
    current = sheet.current(KNOWLEDGE)
    assert not current.is_example
    assert len(current.findings) == 0


def test_what_is_put_in_is_what_is_read_and_what_a_file_holds():
    findings = findings_of(
        dict(sheet.worked_example(KNOWLEDGE)),
        KNOWLEDGE,
        {"activity.walking": (4000, None), "activity.running": (None, 30)},
        KNOWLEDGE.profiles[-1].id,
    )
    sheet.put(findings, KNOWLEDGE)
    assert sheet.current(KNOWLEDGE).findings == findings
    assert parse(serialise(sheet.current(KNOWLEDGE).findings, KNOWLEDGE), KNOWLEDGE) == findings


def test_putting_in_leaves_nothing_of_what_was_there():
    """Hazard KW-H07: two patients' findings never mix."""
    sheet.put(sheet.worked_example(KNOWLEDGE), KNOWLEDGE)
    sheet.put_values({"finding.age_years": 30.0}, KNOWLEDGE)
    assert set(session.findings()) == {"finding.age_years"}
    assert session.week("before") == session.week("after") == {}


def test_a_value_that_cannot_be_is_refused_before_anything_changes():
    sheet.put_values({"finding.age_years": 30.0}, KNOWLEDGE)
    with pytest.raises(FindingsError, match="plausible"):
        sheet.put_values({"finding.age_years": 300.0}, KNOWLEDGE)
    assert session.findings()["finding.age_years"]["value"] == 30.0


def test_a_new_patient_begins_with_the_example_again():
    sheet.put_values({"finding.age_years": 30.0}, KNOWLEDGE)
    session.clear()
    assert sheet.current(KNOWLEDGE).is_example
