"""What holds for any answers to any questionnaire of the knowledge base."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kneewise.knowledge_base import load_knowledge
from kneewise.outcomes.instruments import change_scales_from, scorings_from
from kneewise.proms import Item, Rule, Scoring, assess_change, score

KNOWLEDGE = load_knowledge()
SCORINGS = scorings_from(KNOWLEDGE)
SCALES = change_scales_from(KNOWLEDGE)
WAYS = [(scoring, rule) for scoring in SCORINGS.values() for rule in scoring.rules if not rule.unclear]


def options(item: Item, rule: Rule) -> list[float]:
    """The answers of an item as the rule reads them; on a line, some of them. The first has the fewest points."""
    if rule.answers_are == "option_numbers":
        return [float(place) for place in range(len(item.weights), 0, -1)]
    if item.weights:
        return sorted(item.weights)
    steps = int(item.maximum - item.minimum) * (1 if item.whole else 4)
    points = [item.minimum + (item.maximum - item.minimum) * step / steps for step in range(steps + 1)]
    answers = [(each + rule.shift) * rule.answers_per_point for each in points]
    return answers[::-1] if item.number in rule.reversed_items else answers


def good_end(scoring: Scoring) -> int:
    """1 where more points make a higher score, -1 where they make a lower one."""
    return -1 if scoring.formula == "hundred_minus_percent" else 1


@st.composite
def filled_in(draw, missing: bool = True):
    """(scoring, rule, answers), some of them missing where `missing`."""
    scoring, rule = draw(st.sampled_from(WAYS))
    answers = {item.number: draw(st.sampled_from(options(item, rule))) for item in scoring.items}
    if missing:
        left_out = draw(st.sets(st.sampled_from(sorted(answers)), max_size=len(answers)))
        answers = {number: answer for number, answer in answers.items() if number not in left_out}
    return scoring, rule, answers


def test_every_way_of_scoring_is_tried():
    assert len(WAYS) > len(SCORINGS) >= 20


@given(filled_in())
def test_a_score_lies_on_its_scale_or_there_is_a_sentence(case):
    scoring, rule, answers = case
    result = score(scoring, answers, rule.name)
    assert result.answered == len(answers) == len(result.items)
    if len(answers) >= rule.answered_at_least:
        assert scoring.minimum - 1e-9 <= result.value <= scoring.maximum + 1e-9
        assert result.reason == ""
    else:
        assert result.value is None
        assert result.reason.endswith(".")


@given(filled_in(), st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(case, chance):
    scoring, rule, answers = case
    pairs = list(answers.items())
    chance.shuffle(pairs)
    assert score(scoring, pairs, rule.name) == score(scoring, answers, rule.name)


@given(filled_in(), st.data())
def test_a_better_answer_never_makes_the_score_worse(case, data):
    scoring, rule, answers = case
    if len(answers) < rule.answered_at_least:
        return
    item = data.draw(st.sampled_from([item for item in scoring.items if item.number in answers]))
    values = [score(scoring, answers | {item.number: option}, rule.name).value for option in options(item, rule)]
    assert all(good_end(scoring) * (later - earlier) > 0 for earlier, later in itertools.pairwise(values))


@given(filled_in(), st.data())
def test_leaving_an_item_out_is_not_answering_none_and_not_answering_nought(case, data):
    """None and absence are the same; an answer of nought is another thing: one more item counts as answered."""
    scoring, rule, answers = case
    item = data.draw(st.sampled_from(scoring.items))
    without = {number: answer for number, answer in answers.items() if number != item.number}
    left_out = score(scoring, without, rule.name)
    assert score(scoring, without | {item.number: None}, rule.name) == left_out
    lowest = score(scoring, without | {item.number: options(item, rule)[0]}, rule.name)
    assert lowest.answered == left_out.answered + 1
    assert lowest.items != left_out.items


@pytest.mark.parametrize(("scoring", "rule"), WAYS, ids=lambda each: getattr(each, "name", ""))
def test_a_missing_answer_never_counts_as_the_fewest_points(scoring, rule):
    """With all others at the top, a missing answer gives no score or the top score; the fewest points give less."""
    top = {item.number: options(item, rule)[-1] for item in scoring.items}
    best = score(scoring, top, rule.name).value
    for item in scoring.items:
        missing = score(scoring, top | {item.number: None}, rule.name).value
        fewest = score(scoring, top | {item.number: options(item, rule)[0]}, rule.name).value
        assert fewest != best
        assert missing is None or missing == pytest.approx(best)


@pytest.mark.parametrize(("scoring", "rule"), WAYS, ids=lambda each: getattr(each, "name", ""))
def test_both_ends_of_the_scale_are_reached(scoring, rule):
    ends = [score(scoring, {item.number: options(item, rule)[end] for item in scoring.items}, rule.name).value
            for end in (0, -1)]  # fmt: skip
    assert sorted(ends) == pytest.approx([scoring.minimum, scoring.maximum])


@given(st.sampled_from(sorted(SCALES)), st.data())
def test_a_change_and_its_opposite_have_the_same_verdict_and_opposite_directions(name, data):
    scale = SCALES[name]
    first, last = (data.draw(st.floats(scale.minimum, scale.maximum)) for _ in range(2))
    there, back = assess_change(first, last, scale), assess_change(last, first, scale)
    assert there.kind == back.kind
    assert {there.direction, back.direction} in ({"better", "worse"}, {"none"})
    if there.direction != "none":
        assert (there.direction == "better") == ((last > first) == scale.higher_is_better)
    if scale.detectable is None:
        assert there.kind not in ("may_be_noise", "real_and_important", "real_not_clearly_important")
