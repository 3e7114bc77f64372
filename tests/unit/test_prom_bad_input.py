"""Answers that can't be: one clear sentence each, never a score and never the answer itself in the sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kneewise.errors import KneewiseError
from kneewise.knowledge_base import load_knowledge
from kneewise.outcomes.instruments import change_scales_from, scorings_from
from kneewise.proms import AnswersRefused, assess_change, score, score_total

KNOWLEDGE = load_knowledge()
SCORINGS = {name.removeprefix("instrument."): each for name, each in scorings_from(KNOWLEDGE).items()}
SCALES = {name.removeprefix("instrument."): each for name, each in change_scales_from(KNOWLEDGE).items()}
PCS, OKS, AKPS, VAS = (SCORINGS[name] for name in ("pcs", "oks", "akps", "vas"))


def refused(call, *arguments) -> tuple[str, ...]:
    with pytest.raises(AnswersRefused) as caught:
        call(*arguments)
    assert isinstance(caught.value, KneewiseError)
    assert all(sentence.endswith(".") for sentence in caught.value.sentences)
    return caught.value.sentences


@pytest.mark.parametrize(
    "answer", [math.nan, math.inf, -math.inf, "3", "", "Mary Smith", True, False, [3], {}, 3j, np.nan, np.bool_(True)]
)
def test_what_is_no_number_is_refused(answer):
    (sentence,) = refused(score, PCS, {5: answer})
    assert "item 5: the answer is not a number" in sentence
    assert "Mary" not in sentence


@pytest.mark.parametrize("answer", [np.int64(3), np.float64(3), np.float32(3), 3, 3.0])
def test_numbers_of_any_kind_are_read(answer):
    assert score(PCS, dict.fromkeys(range(1, 14), answer)).value == 39


@pytest.mark.parametrize("answer", [-1, 5, 0.5, 1e9, 4.0000001])
def test_an_answer_that_is_no_option_is_refused(answer):
    assert "item 2: the answer is no whole number from 0 to 4." in refused(score, PCS, {2: answer})[0]


@pytest.mark.parametrize(
    ("name", "rule", "answers", "says"),
    [
        ("akps", "points", {1: 4}, "none of 5, 3, 0"),
        ("akps", "option_numbers", {1: 4}, "no option from 1 to 3"),
        ("akps", "option_numbers", {1: 0}, "no option from 1 to 3"),
        ("oks", "old", {1: 0}, "from 1 to 5"),
        ("ikdc", "from_1", {6: 0}, "from 1 to 2"),
        ("ikdc", "from_0", {6: 2}, "from 0 to 1"),
        ("tsk17", None, {1: 0}, "from 1 to 4"),
        ("vas", "cm", {1: 63}, "no number from 0 to 10"),
        ("vas", "mm", {1: 100.5}, "no number from 0 to 100"),
        ("groc", "seven_points", {1: -3}, "from 1 to 7"),
    ],
)
def test_the_sentence_names_the_options_as_the_rule_reads_them(name, rule, answers, says):
    assert says in refused(score, SCORINGS[name], answers, rule)[0]


@pytest.mark.parametrize("item", [0, 14, -1, "1", 1.0, 1.5, None, True, 9434765919])
def test_an_unknown_item_is_refused(item):
    (sentence,) = refused(score, PCS, [(item, 1)])
    assert "has the items 1 to 13" in sentence
    assert "9434765919" not in sentence


def test_an_item_that_stands_twice_is_refused_even_with_the_same_answer_or_none():
    for pairs in ([(1, 2), (1, 2)], [(1, 2), (1, None)], [(1, None), (1, 2)]):
        assert "two answers" in refused(score, PCS, pairs)[0]


@pytest.mark.parametrize("answers", ["1234", b"1234", [1, 2, 3], [(1, 2, 3)], [None]])
def test_what_is_no_list_of_pairs_is_refused(answers):
    assert "pairs of an item's number and its answer" in refused(score, PCS, answers)[0]


def test_all_problems_are_named_at_once():
    sentences = refused(score, PCS, {1: "x", 2: math.nan, 99: 1})
    assert len(sentences) == 3


def test_bad_answers_are_refused_although_no_rule_is_named():
    refused(score, OKS, {1: "x"})


def test_an_unknown_rule_is_refused_with_the_known_ones():
    assert "new, new_mean_of_rest, old" in refused(score, OKS, {1: 1}, "newest")[0]


def test_no_answer_at_all_is_no_score():
    for scoring in SCORINGS.values():
        for rule in scoring.rules:
            result = score(scoring, {}, rule.name)
            assert (result.value, result.answered, result.items) == (None, 0, ())
            assert result.reason


def test_with_several_rules_none_is_guessed():
    several = [scoring for scoring in SCORINGS.values() if len(scoring.rules) > 1]
    assert {each.instrument.removeprefix("instrument.") for each in several} == {
        "akps", "lysholm", "ikdc", "oks", "vas", "groc", "koos_pain", "koos_symptoms", "koos_adl", "koos_sport", "koos_qol",
    }  # fmt: skip
    for scoring in several:
        for result in (score(scoring, {1: 1}), score_total(scoring, 1)):
            assert result.value is None
            assert all(rule.name in result.reason for rule in scoring.rules)


def test_a_score_says_by_which_rule_and_how_sure_that_is():
    result = score(OKS, dict.fromkeys(range(1, 11), 3), "new_mean_of_rest")
    assert (result.value, result.rule, result.rule_status, result.answered, result.of) == (
        pytest.approx(36), "new_mean_of_rest", "recalled", 10, 12,
    )  # fmt: skip


# --- Totals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [math.nan, "25", None, True])
def test_a_total_that_is_no_number_is_refused(total):
    assert "the total is not a number" in refused(score_total, OKS, total, "old")[0]


@pytest.mark.parametrize("total", [11, 61, 0, 25.5, -1])
def test_a_total_outside_the_old_scale_is_refused(total):
    assert "from 12 to 60" in refused(score_total, OKS, total, "old")[0]


def test_every_old_total_becomes_sixty_less_it():
    assert [score_total(OKS, total, "old").value for total in range(12, 61)] == [60 - total for total in range(12, 61)]


def test_old_answers_and_their_total_agree():
    for answers in ([1] * 12, [5] * 12, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2]):
        by_answers = score(OKS, dict(enumerate(answers, start=1)), "old").value
        assert by_answers == score_total(OKS, sum(answers), "old").value


@pytest.mark.parametrize(
    ("name", "rule"),
    [("psfs", None), ("akps", "option_numbers"), ("tsk17", None), ("ikdc", "boxes_from_0"), ("ikdc", "from_0_answered"),
     ("oks", "new_mean_of_rest"), ("koos_pain", "from_2012"), ("groc", "five_points")],
)  # fmt: skip
def test_a_total_that_says_too_little_gives_no_score(name, rule):
    result = score_total(SCORINGS[name], 20, rule)
    assert result.value is None
    assert result.reason.endswith(".")


# --- Changes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, "50", None, True])
def test_a_change_of_what_is_no_number_is_refused(value):
    assert "the first score is not a number" in refused(assess_change, value, 50, SCALES["akps"])[0]
    assert "the last score is not a number" in refused(assess_change, 50, value, SCALES["akps"])[0]


def test_a_score_off_the_scale_is_refused():
    assert "not between 0 and 48" in refused(assess_change, 55, 30, SCALES["oks"])[0]


def test_a_score_of_another_questionnaire_is_refused():
    usual = score(SCORINGS["nprs_usual"], {1: 5})
    assert "another questionnaire" in refused(assess_change, usual, 3, SCALES["nprs_worst"])[0]


def test_a_missing_score_is_not_assessed_and_says_why():
    without = score(AKPS, {1: 5}, "points")
    verdict = assess_change(without, 50, SCALES["akps"])
    assert (verdict.kind, verdict.change, verdict.size) == ("not_assessed", None, None)
    assert "1 of 13 answered" in verdict.sentence
