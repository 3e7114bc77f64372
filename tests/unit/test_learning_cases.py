"""A trainee commits before the answer shows, and is scored on the way of reasoning."""

from __future__ import annotations

import pytest

from kneewise.knowledge_base.models import Case
from kneewise.learning import findings_so_far, next_stage, score_case, score_stage

CASE = Case.model_validate(
    {
        "id": "case.invented",
        "title": "Invented",
        "invented": True,
        "about": "Two stages.",
        "learned": ["Commit first."],
        "stages": [
            {
                "id": "stage.first",
                "title": "First",
                "told": "A knee hurts.",
                "findings": [{"finding": "finding.pain_on_squat", "value": True}],
                "question": "Which hold?",
                "kind": "several",
                "answers": [
                    {"id": "answer.a", "text": "A", "expected": True, "why": "yes"},
                    {"id": "answer.b", "text": "B", "expected": True, "why": "yes"},
                    {"id": "answer.c", "text": "C", "expected": False, "why": "no"},
                    {"id": "answer.d", "text": "D", "expected": False, "why": "no"},
                ],
                "feedback": "A and B.",
            },
            {
                "id": "stage.second",
                "title": "Second",
                "told": "It also hurts on stairs.",
                "findings": [{"finding": "finding.pain_on_stairs", "value": True}],
                "question": "Which one?",
                "kind": "one",
                "answers": [
                    {"id": "answer.e", "text": "E", "expected": True, "why": "yes"},
                    {"id": "answer.f", "text": "F", "expected": False, "why": "no"},
                ],
                "feedback": "E.",
            },
        ],
    }
)


@pytest.mark.parametrize(
    ("chosen", "score"),
    [
        (["answer.a", "answer.b"], 1.0),
        (["answer.a"], 0.5),
        (["answer.a", "answer.b", "answer.c"], 0.5),
        (["answer.a", "answer.b", "answer.c", "answer.d"], 0.0),  # ticking everything is no reasoning
        (["answer.c"], 0.0),
        ([], 0.0),
    ],
)
def test_score_counts_what_is_right_against_what_is_not_supported(chosen: list[str], score: float) -> None:
    assert score_stage(CASE.stages[0], chosen).score == pytest.approx(score)


@pytest.mark.parametrize(
    ("chosen", "confidence", "brier"),
    [
        (["answer.e"], 100, 0.0),
        (["answer.e"], 50, 0.25),
        (["answer.f"], 100, 1.0),
        (["answer.f"], 50, 0.25),
        (["answer.e"], None, None),
    ],
)
def test_confidence_is_compared_with_the_outcome(chosen: list[str], confidence: float, brier: float) -> None:
    assert score_stage(CASE.stages[1], chosen, confidence).brier == brier


def test_a_later_stage_is_not_told_before_the_earlier_one_is_committed() -> None:
    assert next_stage(CASE, {}).id == "stage.first"
    assert findings_so_far(CASE, {}) == {"finding.pain_on_squat": True}
    progress = {"stage.first": {"chosen": ["answer.a"], "confidence": 80}}
    assert next_stage(CASE, progress).id == "stage.second"
    assert findings_so_far(CASE, progress) == {"finding.pain_on_squat": True, "finding.pain_on_stairs": True}
    progress["stage.second"] = {"chosen": ["answer.e"], "confidence": 80}
    assert next_stage(CASE, progress) is None
    assert score_case(CASE, progress).score == pytest.approx(0.75)


def test_an_unknown_answer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no answer .answer\.z."):
        score_stage(CASE.stages[0], ["answer.z"])
