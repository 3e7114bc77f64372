"""The reasoning on a small invented knowledge base: each promise by itself."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from kneewise.knowledge_base.loading import load_knowledge
from kneewise.reasoning import assess, findings_of, to_json

SMALL = Path(__file__).parent / "fixtures" / "knowledge_small"
NORTH, SOUTH = "profile.north", "profile.south"
CLEAR = {
    "finding.alarm": False, "finding.smoke": False, "finding.squeak": True, "finding.other_noise": False,
    "finding.rash": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def knowledge():
    return load_knowledge(SMALL)


@pytest.fixture(scope="module")
def conclude(knowledge):
    return lambda profile=NORTH, start=None, **values: assess(
        findings_of({f"finding.{name}": value for name, value in values.items()}, knowledge), knowledge, profile, start
    )


@pytest.fixture(scope="module")
def clear(knowledge):
    """Assess with a clear gate and the given findings on top."""
    return lambda profile=NORTH, **values: assess(
        findings_of({**CLEAR, **{f"finding.{name}": value for name, value in values.items()}}, knowledge),
        knowledge,
        profile,
    )


def test_a_red_flag_stops_everything_and_the_most_urgent_action_comes_first(conclude):
    conclusions = conclude(alarm=True, smoke=True, squeak=True, tilt_deg=30)
    assert conclusions.suppressed
    assert conclusions.safety.action == "red_flag.fire"
    assert [(hit.id, hit.urgency) for hit in conclusions.safety.hits] == [
        ("red_flag.fire", "emergency"),
        ("red_flag.smoke", "urgent"),
    ]
    shown = (conclusions.factors, conclusions.paths, conclusions.strategies, conclusions.advice, conclusions.reviews,
             conclusions.counterfactuals, conclusions.next_tests)  # fmt: skip
    assert shown == ((),) * 7
    assert {trace.entry for trace in conclusions.traces} == {"red_flag.fire", "red_flag.smoke", "rule.g1"}


def test_an_unanswered_red_flag_question_holds_the_advice_and_is_named(conclude):
    conclusions = conclude(alarm=False, squeak=True, other_noise=False)
    assert conclusions.safety.state == "open"
    assert conclusions.safety.missing == ("finding.smoke",)
    exercise = conclusions.option("option.exercise")
    assert (exercise.strength, exercise.reason, exercise.if_safety_clear) == ("no_advice", "safety_open", "core")
    assert exercise.missing == ("finding.smoke",)


def test_without_the_pattern_no_option_is_discussed_but_factors_are_shown(conclude):
    conclusions = conclude(alarm=False, smoke=False, squeak=False, tilt_deg=30)
    assert conclusions.criteria.state == "do_not_hold"
    assert {advice.strength for advice in conclusions.advice[0].options} == {"suppressed"}
    assert conclusions.factor("factor.tilted").answer == "present"


def test_a_missing_part_of_the_criteria_is_named(conclude):
    conclusions = conclude(alarm=False, smoke=False, squeak=True)
    assert conclusions.criteria.state == "not_yet_known"
    assert conclusions.criteria.missing == ("finding.other_noise",)
    assert conclusions.option("option.exercise").reason == "missing_findings"


@pytest.mark.parametrize(
    ("value", "answer", "surety"),
    [
        (15, "present", "within_error"),
        (18, "present", "within_error"),
        (19, "present", "clear_of_error"),
        (12, "absent", "within_error"),
        (11, "absent", "clear_of_error"),
    ],
)
def test_a_value_near_its_cut_off_is_within_measurement_error(value, answer, surety, clear):
    """SEM 2 degrees: a repeat strays by 3.92 degrees in 95 of 100 repeats."""
    factor = clear(tilt_deg=value).factor("factor.tilted")
    assert factor.answer == answer
    assert (factor.surety == "within_error") == (surety == "within_error")
    assert factor.readings[0].margin == pytest.approx(3.92, abs=0.001)


def test_an_item_on_which_raters_disagree_says_so(clear):
    assert clear(wobble=True).factor("factor.wobbly").surety == "poor_agreement"


def test_a_present_factor_lights_simple_paths_with_their_weakest_link(clear):
    paths = clear(tilt_deg=30).paths
    assert [path.nodes for path in paths] == [("node.turn", "node.press", "node.pain")]  # the loop is not walked
    assert paths[0].weakest_level == "level.thin"
    assert paths[0].weakest_link == "link.turn_press"
    assert paths[0].contested == ("link.press_pain",)
    assert clear(wobble=True).paths[0].effect == "lowers"
    assert clear(tilt_deg=3).paths == ()


def test_strategies_say_why(clear):
    one, two = clear(tilt_deg=30).strategies
    assert (one.suggested, one.factors) == (True, ("factor.tilted",))
    assert (two.suggested, two.links) == (True, ("link.turn_press",))
    assert not any(strategy.suggested for strategy in clear().strategies)


def test_of_two_rules_with_one_priority_the_more_careful_word_stands(clear):
    conclusions = clear(before=6, after=2)
    assert conclusions.option("option.taping").strength == "offer"
    south = conclusions.option("option.taping", SOUTH)
    assert (south.strength, south.rules, south.deciding) == (
        "not_routinely", ("rule.t2", "rule.t4"), ("rule.t4",),
    )  # fmt: skip


def test_a_safety_rule_wins_and_an_open_one_holds_the_advice(clear, conclude):
    assert clear(before=6, after=2, rash=True).option("option.taping").strength == "do_not"
    open_one = conclude(alarm=False, smoke=False, squeak=True, other_noise=False, before=6, after=2)
    taping = open_one.option("option.taping")
    assert (taping.strength, taping.reason, taping.if_safety_clear) == ("no_advice", "safety_open", "offer")
    assert taping.missing == ("finding.rash",)


def test_both_together_is_as_careful_as_the_more_careful_part(clear):
    both = clear(before=6, after=2, tilt_deg=30).option("option.taping_and_orthoses")
    assert (both.strength, both.reason, both.deciding) == ("consider", "combined", ("rule.t2", "rule.o1"))
    assert set(both.rules) == {"rule.t2", "rule.o1"}
    assert clear(before=6, after=2, tilt_deg=30, rash=True).option("option.taping_and_orthoses").strength == "do_not"
    assert clear(tilt_deg=30).option("option.taping_and_orthoses").strength == "no_advice"


def test_notes_never_change_the_word(clear):
    plain, noted = clear(before=6, after=2, tilt_deg=15), clear(before=6, after=2, tilt_deg=20)
    assert noted.option("option.taping").notes == ("rule.t5",)
    assert noted.option("option.taping").strength == plain.option("option.taping").strength


def test_an_option_without_a_rule_says_so(clear):
    assert (clear().option("option.wait").strength, clear().option("option.wait").reason) == ("no_advice", "no_rule")


def test_an_option_that_waits_for_a_test_names_the_findings(clear):
    assert clear().option("option.taping").missing == ("finding.before", "finding.after", "finding.rating")


@pytest.mark.parametrize(
    ("answers", "low", "high"),
    [({}, -2, 2), ({"item_one": True}, -1, 2), ({"item_one": True, "item_two": False, "item_less": False}, 1, 1)],
)
def test_points_with_untested_items_have_bounds(answers, low, high, clear):
    score = next(fact for fact in clear(**answers).facts if fact.id == "derived.score")
    assert (score.low, score.high) == (low, high)


def test_a_rise_from_nothing_has_no_percentage(clear):
    assert clear(last_week=0, this_week=50).factor("factor.risen").answer == "not_tested"
    assert clear(last_week=40, this_week=52).factor("factor.risen").answer == "present"
    assert clear(last_week=40, this_week=51).factor("factor.risen").answer == "absent"


def test_reviews_have_dates_when_the_start_is_known(conclude):
    conclusions = conclude(start=datetime.date(2024, 2, 26), alarm=False, smoke=False, squeak=True, other_noise=False)
    assert [(review.id, review.date) for review in conclusions.reviews] == [
        ("review.soon", "2024-03-04"),
        ("review.later", "2024-04-08"),
    ]


def test_stop_rules_fire_or_are_watched(clear):
    assert [(stop.id, stop.state) for stop in clear(rash=True).stop_rules] == [
        ("stop.s1", "fires"),
        ("stop.s2", "watch"),
    ]


def test_the_smallest_change_is_found(clear):
    """10 degrees: orthoses would be considered from 15, so the smallest change is to 15, not to 40."""
    found = clear(tilt_deg=10, before=6, after=2).counterfactuals
    tilt = next(each for each in found if each.changes[0].finding == "finding.tilt_deg")
    assert (tilt.changes[0].old, tilt.changes[0].new) == (10, 15)
    assert ("option.orthoses", "no_advice", "consider") in [
        (effect.about, effect.old, effect.new) for effect in tilt.effects
    ]


def test_a_preference_changes_the_order_and_no_word(clear):
    conclusions = clear(tilt_deg=30, before=6, after=4, rating="same", wants_tape="declines")
    assert conclusions.under(NORTH).order.index("option.orthoses") < conclusions.under(NORTH).order.index(
        "option.taping"
    )
    change = next(each for each in conclusions.counterfactuals if each.kind == "preference")
    assert {effect.kind for effect in change.effects} == {"order"}


def test_fragile_advice_names_the_input(clear):
    robustness = clear(tilt_deg=16).robustness
    assert robustness.advice_robust is False
    flip = next(flip for flip in robustness.flips if flip.finding == "finding.tilt_deg")
    assert flip.why == "measurement_error"
    assert clear(tilt_deg=30).robustness.advice_robust is True


def test_safety_questions_are_the_next_test(conclude, clear):
    first = conclude(squeak=True).next_tests[0]
    assert (first.safety, first.urgency) == (True, "emergency")
    retest = next(test for test in clear().next_tests if test.test == "test.retest")
    assert retest.findings == ("finding.before", "finding.after", "finding.rating")
    assert retest.most_changes >= 1


def test_every_conclusion_has_a_trace_with_its_inputs(clear):
    conclusions = clear(tilt_deg=30, before=6, after=2)
    (trace,) = conclusions.traces_of(f"option.taping@{NORTH}")[:1]
    assert (trace.code, trace.status) == ("T5", "proposed") or trace.code == "T2"
    inputs = {each.finding: each.value for each in conclusions.traces_of("factor.tilted")[0].inputs}
    assert inputs == {"finding.tilt_deg": 30}


def test_conclusions_are_json(clear):
    document = json.loads(to_json(clear(tilt_deg=30)))
    assert document["safety"]["state"] == "clear"
    assert document["factors"][0]["answer"] == "present"


def test_an_unknown_profile_is_an_error(clear):
    with pytest.raises(KeyError):
        clear(profile="profile.west")


def test_where_no_single_change_is_enough_a_pair_is_found(clear):
    """No squeak and another noise: changing one of them leaves the pattern absent, changing both doesn't."""
    conclusions = clear(squeak=False, other_noise=True)
    assert conclusions.criteria.state == "do_not_hold"
    pair = next(each for each in conclusions.counterfactuals if len(each.changes) == 2)
    assert {(change.finding, change.new) for change in pair.changes} == {
        ("finding.squeak", True),
        ("finding.other_noise", False),
    }
    after = clear(squeak=True, other_noise=False)
    assert after.criteria.state == "hold"
