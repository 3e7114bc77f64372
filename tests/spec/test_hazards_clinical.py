"""The clinical hazards of docs/hazard-log.md, as tables that a clinician can read."""

from __future__ import annotations

import itertools
import re

import pytest

from kneewise.figures.icon_array import can_be_drawn
from kneewise.knowledge_base.check import findings_read
from kneewise.knowledge_base.models import Condition, Value, walk
from kneewise.reasoning import assess

# --- KW-H01: read the wrong way round ----------------------------------------------------------------------------------

# factor, what is measured, a value that just counts, a value that just doesn't, what else is known
DIRECTIONS = [
    ("femoral_anteversion_high", "craig_anteversion_deg", 31, 30, {}),
    ("femoral_anteversion_low", "craig_anteversion_deg", 7, 8, {}),
    ("hip_abductor_strength", "hip_abduction_deficit_percent", 10, 9, {"hipsit_deficit_percent": 0}),
    ("hip_abductor_strength", "hipsit_deficit_percent", 10, 9, {"hip_abduction_deficit_percent": 0}),
    ("hip_rotator_extensor_strength", "hip_external_rotation_deficit_percent", 10, 9, {"hip_extension_deficit_percent": 0}),
    ("hip_rotator_extensor_strength", "hip_extension_deficit_percent", 10, 9, {"hip_external_rotation_deficit_percent": 0}),
    ("dynamic_valgus", "lateral_step_down_points", 2, 1, {}),
    ("genu_valgum", "hka_deg", 182, 181, {}),
    ("genu_valgum", "tibiofemoral_angle_deg", 12, 11, {"hka_deg": 180, "age_years": 12}),
    ("genu_varum", "hka_deg", 178, 179, {}),
    ("genu_varum", "tibiofemoral_angle_deg", -1, 0, {"hka_deg": 180, "age_years": 12}),
    ("lateral_tightness", "ober_side_difference_deg", 12, 11, {"tilt_test_tight": False}),
    ("quadriceps_strength", "quadriceps_symmetry_percent", 89, 90, {}),
    ("quadriceps_tightness", "quadriceps_side_difference_deg", 12, 11, {}),
    ("hamstring_tightness", "hamstring_short_deg", 20, 19, {"sex": "female"}),
    ("hamstring_tightness", "hamstring_short_deg", 33, 32, {"sex": "male"}),
    ("patella_alta", "insall_salvati", 1.4, 1.3, {"caton_deschamps": 1.0}),
    ("patella_alta", "caton_deschamps", 1.4, 1.3, {"insall_salvati": 1.0}),
    ("trochlear_shape", "lateral_trochlear_inclination_deg", 10, 11, {"trochlear_depth_mm": 6, "sulcus_angle_deg": 138}),
    ("trochlear_shape", "trochlear_depth_mm", 3, 4, {"lateral_trochlear_inclination_deg": 18, "sulcus_angle_deg": 138}),
    ("trochlear_shape", "sulcus_angle_deg", 146, 145, {"lateral_trochlear_inclination_deg": 18, "trochlear_depth_mm": 6}),
    ("ankle_dorsiflexion", "lunge_side_difference_cm", 2, 1, {}),
    ("calf_tightness", "calf_side_difference_deg", 12, 11, {}),
    ("foot_pronation", "fpi6", 6, 5, {}),
    ("step_rate", "step_rate_trial_relief", 1, 0, {}),
    ("load_rise", "weekly_activity_now", 131, 130, {"weekly_activity_before": 100, "load_rise_recent": False}),
    ("hypermobility", "beighton", 5, 4, {"age_years": 30}),
    ("hypermobility", "beighton", 6, 5, {"age_years": 15}),
]  # fmt: skip

# which published predictor counts on which side; the pages that copied Barton 2011 turned three of them round
PREDICTORS = [
    ("value.barton_footwear_score", "below", 5.0, "points"),
    ("value.barton_usual_pain", "below", 22, "mm"),
    ("value.barton_dorsiflexion", "below", 41, "deg"),
    ("value.vicenzino_age", "above", 25, "years"),
    ("value.vicenzino_height", "below", 165, "cm"),
    ("value.vicenzino_worst_pain", "below", 53.25, "mm"),
    ("value.vicenzino_midfoot_width", "above", 10.96, "mm"),
    ("value.lesher_tibial_varum", "above", 5, "deg"),
    ("value.mills_midfoot_width", "above", 11.25, "mm"),
]


@pytest.mark.parametrize(
    ("factor", "measure", "counts", "does_not", "known"),
    DIRECTIONS,
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_measure_counts_on_its_published_side(factor, measure, counts, does_not, known, knowledge, knee):
    """Hazard KW-H01: the value just over the line makes the factor present, the one on it doesn't."""
    said = [
        assess(knee({**known, measure: value}), knowledge).factor(f"factor.{factor}").answer
        for value in (counts, does_not)
    ]
    assert said == ["present", "absent"], f"{measure}: {counts} is read as {said[0]}, {does_not} as {said[1]}."


def test_every_measured_factor_stands_in_the_table_of_directions(knowledge):
    """Hazard KW-H01."""
    measured = {
        (factor.id.removeprefix("factor."), finding.removeprefix("finding."))
        for factor in knowledge.factors
        if factor.criterion
        for finding in findings_read(factor.criterion, knowledge)
        if knowledge.entry(finding).kind == "number"
    }
    sides = {("genu_valgum", "age_years"), ("genu_varum", "age_years"), ("hypermobility", "age_years"),
             ("load_rise", "weekly_activity_before")}  # fmt: skip
    assert measured - sides == {(factor, measure) for factor, measure, *_ in DIRECTIONS}


@pytest.mark.parametrize(("predictor", "side", "limit", "unit"), PREDICTORS, ids=lambda part: str(part))
def test_a_published_predictor_keeps_its_side(predictor, side, limit, unit, knowledge):
    """Hazard KW-H01: the side stands in the words that are shown, and the other side doesn't."""
    value = knowledge.entry(predictor)
    assert (value.value, value.unit) == (limit, unit)
    other = {"below": "above", "above": "below"}[side]
    assert re.search(rf"\b{side}\b", value.quantity)
    assert not re.search(rf"\b{other}\b", value.quantity)


@pytest.mark.parametrize(("fact", "values"), [("fact.barton11", "barton"), ("fact.vic10", "vicenzino")])
def test_a_rule_in_words_says_the_same_sides_as_its_numbers(fact, values, knowledge):
    """Hazard KW-H01."""
    text = knowledge.entry(fact).text
    for predictor, side, limit, _ in PREDICTORS:
        if values in predictor:
            assert re.search(rf"\b{side} {limit:g}(\.0)?\b", text), f"{fact} does not say '{side} {limit:g}'."


def test_no_predictor_rule_sets_a_strength(knowledge):
    """Hazard KW-H01: what Barton, Vicenzino, Lesher and Mills measured is information; only the retest moves a word."""
    limits = {value for value, *_ in PREDICTORS}
    assert [rule.code for rule in knowledge.rules if rule.strength and limits & set(rule.values)] == []


# --- KW-H02: a score the wrong way round, or weighted wrongly ----------------------------------------------------------

BETTER = {
    "higher": ["akps", "koos_pain", "koos_symptoms", "koos_adl", "koos_sport", "koos_qol", "koos_pf", "lefs", "psfs",
               "lysholm", "ikdc", "oks", "eq5d_index", "eq_vas"],
    "lower": ["nprs_worst", "nprs_usual", "nprs_task", "vas", "tsk17", "tsk11", "pcs"],
}  # fmt: skip


def test_every_instrument_has_its_direction(knowledge):
    """Hazard KW-H02. A scale of overall change is no course over time and stands in no list."""
    said = {each.id.removeprefix("instrument."): each.higher_is_better for each in knowledge.instruments}
    assert said.pop("groc") is True
    assert said == {**dict.fromkeys(BETTER["higher"], True), **dict.fromkeys(BETTER["lower"], False)}


@pytest.mark.parametrize("instrument", ["akps", "lysholm"])
def test_weights_run_from_best_to_worst_and_make_a_hundred(instrument, knowledge):
    """Hazard KW-H02: faulty copies of both circulate; their best answers don't make 100, or their worst don't make 0."""
    entry = knowledge.entry(f"instrument.{instrument}")
    assert [item.item for item in entry.item_weights] == list(range(1, entry.items + 1))
    assert sum(item.weights[0] for item in entry.item_weights) == entry.maximum == 100
    assert sum(item.weights[-1] for item in entry.item_weights) == entry.minimum == 0
    for item in entry.item_weights:
        assert list(item.weights) == sorted(set(item.weights), reverse=True), item.concept


def test_the_akps_items_that_are_copied_wrongly(knowledge):
    """Hazard KW-H02: in the faulty copy the worst limp keeps 2 points and the worst squat 1."""
    weights = {item.concept: item.weights for item in knowledge.entry("instrument.akps").item_weights}
    assert weights["Limp"] == (5, 3, 0)
    assert weights["Squat"] == (5, 4, 3, 2, 0)


# --- KW-H03: tape despite allergy or skin ------------------------------------------------------------------------------

TAPE_STOPS = ("adhesive_allergy", "skin_not_intact", "tape_stop_condition")
WISHES_FOR_TAPE = {
    "tape_pain_before": 8, "tape_pain_after": 0, "tape_rating": "moderately_better", "wants_tape": "wants",
    "exercise_weeks_done": 12, "exercise_adequate": True, "progress_6_weeks": "not_improved", "tilt_test_tight": True,
}  # fmt: skip


@pytest.mark.parametrize("stops", [c for n in (1, 2, 3) for c in itertools.combinations(TAPE_STOPS, n)], ids="+".join)
def test_nothing_outweighs_a_reason_against_tape(stops, knowledge, knee):
    """Hazard KW-H03: the best response and the strongest wish leave it at "do not", alone and with an orthosis."""
    conclusions = assess(knee({**WISHES_FOR_TAPE, **dict.fromkeys(stops, True)}), knowledge)
    for profile in knowledge.profiles:
        assert conclusions.option("option.taping", profile.id).strength == "do_not"
        assert conclusions.option("option.taping_and_orthoses", profile.id).strength == "do_not"


@pytest.mark.parametrize("question", TAPE_STOPS)
def test_no_tape_before_the_skin_question_is_answered(question, knowledge, knee):
    """Hazard KW-H03: not asked isn't "no"."""
    conclusions = assess(knee({**WISHES_FOR_TAPE, question: "not tested"}), knowledge)
    for profile in knowledge.profiles:
        advice = conclusions.option("option.taping", profile.id)
        assert advice.strength == "no_advice"
        assert f"finding.{question}" in advice.missing


def test_the_same_knee_without_a_reason_against_is_offered_tape(knowledge, knee):
    """Hazard KW-H03: otherwise the two tests above would hold for a tool that never offers tape."""
    assert assess(knee(WISHES_FOR_TAPE), knowledge).option("option.taping", "profile.jospt_2019").strength == "offer"


# --- KW-H04: a red flag is missed --------------------------------------------------------------------------------------


def satisfy(condition: Condition, knowledge) -> dict[str, object]:
    """Findings that make a condition of a red flag true, in the unit of each finding."""
    if condition.any_of:
        return satisfy(condition.any_of[0], knowledge)
    if condition.all_of:
        return {name: value for part in condition.all_of for name, value in satisfy(part, knowledge).items()}
    if condition.not_:
        (finding,) = findings_read(condition.not_, knowledge)
        return {finding: False}
    if condition.derived:
        fact = knowledge.entry(condition.derived)
        if fact.kind == "points":
            limit = condition.at_least
            chosen, points = {}, 0
            for item in fact.items:
                if limit is None or points >= limit:
                    break
                if item.points > 0:
                    chosen |= satisfy(item.when, knowledge)
                    points += item.points
            return chosen
        return satisfy(fact.when, knowledge) if condition.is_ is not False else {}
    if condition.is_ is not None:
        return {condition.finding: condition.is_}
    step = knowledge.entry(condition.finding).step
    for limit, value in (
        (condition.at_least, 0),
        (condition.above, step),
        (condition.at_most, 0),
        (condition.below, -step),
    ):
        if limit is not None:
            return {condition.finding: limit + value}
    return {condition.finding: condition.one_of[0]}


def test_every_red_flag_fires_from_its_own_condition_and_stops_all_advice(knowledge, knee):
    """Hazard KW-H04: each flag, on top of the most reassuring knee there is."""
    silent = []
    for flag in knowledge.red_flags:
        given = {name.removeprefix("finding."): value for name, value in satisfy(flag.when, knowledge).items()}
        conclusions = assess(knee({**WISHES_FOR_TAPE, **given}), knowledge)
        hits = {hit.id for hit in conclusions.safety.hits}
        if flag.id not in hits or not conclusions.suppressed or conclusions.advice:
            silent.append((flag.id, given))
    assert silent == []


def test_every_red_flag_says_what_to_do_and_how_soon_in_both_voices(knowledge):
    """Hazard KW-H04: a flag without an action would stop the advice and leave somebody alone."""
    for flag in knowledge.red_flags:
        assert flag.action.clinician != flag.action.patient, flag.id
        assert flag.within, flag.id


# --- KW-H05: a device instead of exercise ------------------------------------------------------------------------------


def test_without_an_exercise_plan_tape_is_blocked_and_an_insert_carries_a_warning(knowledge, knee):
    """Hazard KW-H05: T12 and F11, under every guideline, whatever the retest says."""
    wishes = {
        **WISHES_FOR_TAPE,
        "pronation_gt_normal": True,
        "ortho_pain_before": 6,
        "ortho_pain_after": 1,
        "ortho_comfort": 9,
    }
    conclusions = assess(knee({**wishes, "exercise_planned": False}), knowledge)
    for profile in knowledge.profiles:
        tape = conclusions.option("option.taping", profile.id)
        insert = conclusions.option("option.orthoses", profile.id)
        assert tape.strength == "do_not"
        assert "T12" in {knowledge.entry(rule).code for rule in tape.blocks}
        assert "F11" in {knowledge.entry(rule).code for rule in insert.warnings}
        assert conclusions.option("option.taping_and_orthoses", profile.id).strength == "do_not"


def test_exercise_is_always_compared_and_always_first_among_what_is_advised(knowledge, knee):
    """Hazard KW-H05."""
    for given in ({}, WISHES_FOR_TAPE, {**WISHES_FOR_TAPE, "exercise_planned": False}):
        conclusions = assess(knee(given), knowledge)
        for profile in knowledge.profiles:
            advice = conclusions.under(profile.id)
            assert advice.option("option.exercise").strength == "core"
            assert advice.option("option.exercise").compared
            assert advice.order[0] in ("option.exercise", "option.education")


@pytest.mark.parametrize("option", ["option.taping", "option.orthoses", "option.taping_and_orthoses"])
def test_a_device_is_named_as_an_addition(option, knowledge):
    """Hazard KW-H05: in both voices the name itself says that exercise comes with it."""
    label = knowledge.entry(option).label
    assert "exercise" in label.clinician.lower()
    assert "exercise" in label.patient.lower()


# --- KW-H08: missing counts as zero or as absent -----------------------------------------------------------------------


def test_a_finding_that_nobody_looked_at_is_not_absent(knowledge, knee):
    """Hazard KW-H08: every factor, with all of its own findings taken out."""
    for factor in knowledge.factors:
        if factor.criterion is None:
            continue
        read = findings_read(factor.criterion, knowledge)
        conclusions = assess(knee({finding.removeprefix("finding."): "not tested" for finding in read}), knowledge)
        if not conclusions.suppressed:
            assert conclusions.factor(factor.id).answer == "not_tested", factor.id


def test_zero_is_a_measurement(knowledge, knee):
    """Hazard KW-H08: and it is read as one, unlike a blank."""
    assert assess(knee({"fpi6": 0}), knowledge).factor("factor.foot_pronation").answer == "absent"
    assert assess(knee(), knowledge).factor("factor.foot_pronation").answer == "not_tested"


# --- KW-H10: recalled shown as verified --------------------------------------------------------------------------------


def test_no_icon_array_is_drawn_from_what_is_not_verified(knowledge):
    """Hazard KW-H10."""
    values = [entry for _, entry in walk(knowledge) if isinstance(entry, Value)]
    drawn = [value for value in values if can_be_drawn(value)]
    assert drawn
    assert [value.id for value in drawn if value.status in ("recalled", "proposed")] == []
