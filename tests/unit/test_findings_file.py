"""A findings file: what it holds, what is refused and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kneewise.errors import FindingsError
from kneewise.knowledge_base.loading import load_knowledge
from kneewise.quantities import NOT_TESTED
from kneewise.reasoning import NO_FINDINGS, findings_of, parse, serialise, template

SMALL = Path(__file__).parent / "fixtures" / "knowledge_small"


@pytest.fixture(scope="module")
def knowledge():
    return load_knowledge(SMALL)


def file_with(findings: dict, **more: object) -> str:
    return json.dumps({"kneewise_findings": 1, "findings": findings, **more})


def refused(content: str | bytes, knowledge) -> tuple[str, ...]:
    with pytest.raises(FindingsError) as refusal:
        parse(content, knowledge)
    return refusal.value.sentences


def test_values_units_week_and_profile_are_read(knowledge):
    findings = parse(
        file_with(
            {
                "finding.tilt_deg": {"value": 16, "unit": "deg"},
                "finding.squeak": {"value": False},
                "finding.rating": {"value": "better"},
                "finding.extras": {"value": ["whistle", "bell"]},
                "finding.wobble": {"value": None},
            },
            week={"activity.walking": {"before": 6000, "after": 5000}},
            profile="profile.south",
        ),
        knowledge,
    )
    assert dict(findings) == {
        "finding.extras": ("bell", "whistle"),
        "finding.rating": "better",
        "finding.squeak": False,
        "finding.tilt_deg": 16.0,
    }
    assert findings.value("finding.wobble") is NOT_TESTED
    assert dict(findings.week) == {"activity.walking": (6000.0, 5000.0)}
    assert findings.profile == "profile.south"


def test_a_file_with_everything_reads_back_as_written(knowledge):
    findings = findings_of(
        {"finding.tilt_deg": 3.5, "finding.extras": ["bell"], "finding.squeak": True},
        knowledge,
        week={"activity.running": (10, None)},
        profile="profile.north",
    )
    assert parse(serialise(findings, knowledge), knowledge) == findings


def test_the_template_is_a_findings_file_with_nothing_tested(knowledge):
    text = template(knowledge)
    assert parse(text, knowledge) == NO_FINDINGS
    entries = json.loads(text)["findings"]
    assert set(entries) == {finding.id for finding in knowledge.findings}
    assert entries["finding.tilt_deg"] == {"label": "tilt", "value": None, "unit": "deg", "range": [0.0, 40.0]}
    assert entries["finding.rating"]["choices"] == ["same", "better"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"finding.tilt_degs": {"value": 3}},
            "There is no finding 'finding.tilt_degs'; did you mean finding.tilt_deg.",
        ),
        (
            {"finding.tilt_deg": {"value": 3, "unit": "mm"}},
            "finding.tilt_deg: the unit is wrong; it is measured in deg.",
        ),
        ({"finding.tilt_deg": {"value": 3}}, "finding.tilt_deg: the unit is missing; it is measured in deg."),
        (
            {"finding.tilt_deg": {"value": 41, "unit": "deg"}},
            "finding.tilt_deg: the value lies outside the plausible range of 0 to 40 deg.",
        ),
        (
            {"finding.tilt_deg": {"value": 10**400, "unit": "deg"}},
            "finding.tilt_deg: the value lies outside the plausible range of 0 to 40 deg.",
        ),
        ({"finding.tilt_deg": {"value": True, "unit": "deg"}}, "finding.tilt_deg: the value must be a number in deg."),
        ({"finding.tilt_deg": {"value": "16", "unit": "deg"}}, "finding.tilt_deg: the value must be a number in deg."),
        (
            {"finding.tilt_deg": {"value": float("nan"), "unit": "deg"}},
            "finding.tilt_deg: the value is not a finite number; leave null where it was not tested.",
        ),
        (
            {"finding.squeak": {"value": 1}},
            "finding.squeak: the answer is true or false (or null where it was not tested).",
        ),
        ({"finding.rating": {"value": "great"}}, "finding.rating: unknown choice; it is one of same, better."),
        (
            {"finding.extras": {"value": "bell"}},
            "finding.extras: the answer is a list of choices out of bell, whistle.",
        ),
        ({"finding.squeak": True}, "finding.squeak: write an object with a value, and a unit where there is one."),
        (
            {"finding.squeak": {"value": True, "patient": "Ann"}},
            "finding.squeak: unknown key 'patient'; use value, unit, label, range, choices.",
        ),
    ],
)
def test_a_wrong_entry_gets_one_clear_sentence(entry, says, knowledge):
    assert refused(file_with(entry), knowledge) == (says,)


def test_all_problems_are_said_in_one_go(knowledge):
    sentences = refused(
        file_with(
            {"finding.squeak": {"value": "yes"}, "finding.tilt_deg": {"value": 99, "unit": "deg"}}, name="Ann Smith"
        ),
        knowledge,
    )
    assert len(sentences) == 3
    assert "'name'" in sentences[0]
    assert "Ann" not in " ".join(sentences), "a value must never be echoed"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON (line 1, column 1)"),
        (b"%PDF-1.7", "not valid JSON"),
        ("é".encode("latin-1"), "not UTF-8 text (byte 0)"),
        (b"[]", "begins with"),
        (b'{"findings": {}}', "begins with"),
        (b'{"kneewise_findings": 2}', "begins with"),
        (b'{"kneewise_findings": 1, "findings": []}', '"findings" must be an object'),
        (b"[" * 100_000, "not valid JSON (nested too deeply"),
        (b" " * 1_000_001, "too large"),
        (b'{"kneewise_findings": 1, "findings": {}, "findings": {}}', "The key 'findings' stands twice"),
        (b'{"kneewise_findings": 1, "profile": "profile.west"}', "choose one of profile.north, profile.south"),
        (b'{"kneewise_findings": 1, "week": {"activity.swim": {"before": 1}}}', "There is no activity 'activity.swim'"),
        (
            b'{"kneewise_findings": 1, "week": {"activity.walking": {"before": -1}}}',
            "activity.walking (before): the value lies outside the plausible range",
        ),
    ],
)
def test_a_file_that_is_no_findings_file_is_refused(content, words, knowledge):
    sentences = refused(content, knowledge)
    assert len(sentences) == 1
    assert words in sentences[0]


def test_a_byte_order_mark_is_no_problem(knowledge):
    assert parse("\ufeff" + file_with({}), knowledge) == NO_FINDINGS


def test_a_change_gives_new_findings_and_leaves_the_old_ones(knowledge):
    before = findings_of({"finding.squeak": True}, knowledge)
    after = before.with_value("finding.squeak", None).with_value("finding.wobble", True)
    assert dict(before) == {"finding.squeak": True}
    assert dict(after) == {"finding.wobble": True}
    with pytest.raises(TypeError):
        before.values_by_id["finding.squeak"] = False
