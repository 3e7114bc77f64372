"""The leg's mechanics: what a clinician can read as sentences, then force, area, stress, and what is refused."""

from __future__ import annotations

import math

import pytest

from kneewise.knowledge_base import load_knowledge
from kneewise.leg.material import leg_constants, unsupported_inputs, values_for, work_out
from kneewise.mechanics import MechanicsError, constants_of, evaluate, mechanics_graph
from kneewise.mechanics.graph import OPERATIONS, Symbol, table, trace
from kneewise.mechanics.patellofemoral import contact_area_mm2, mean_stress_mpa, quadriceps_lever_arm_cm
from kneewise.mechanics.running import force_per_distance_ratio, peak_force_ratio

KNOWLEDGE = load_knowledge()
CONSTANTS = leg_constants(KNOWLEDGE)


def leg(**posture: float) -> dict[str, float]:
    return evaluate({"knee_flexion_deg": 30.0, **posture}, CONSTANTS)


# What happens at the kneecap, compared with the typical leg at the same bend: +1 outwards, -1 inwards.
SIDES = [
    ("the thigh bone is built turned in", {"femoral_version_deg": 40}, +1),
    ("the thigh bone is built turned out", {"femoral_version_deg": -5}, -1),
    ("the thigh turns in", {"hip_rotation_deg": 10}, +1),
    ("the thigh turns out", {"hip_rotation_deg": -10}, -1),
    ("the knee moves in", {"hip_adduction_deg": 10}, +1),
    ("the other side of the pelvis drops", {"pelvic_drop_deg": 10}, +1),
    ("knock knee", {"tibiofemoral_angle_deg": 8}, +1),
    ("bow leg", {"tibiofemoral_angle_deg": -8}, -1),
    ("the foot rolls in and the thigh follows", {"rearfoot_eversion_deg": 15}, +1),
    ("the foot rolls in and the shin turns alone", {"rearfoot_eversion_deg": 15, "thigh_follows": 0}, -1),
    ("the shin is built turned out", {"tibial_torsion_deg": 45}, +1),
]


@pytest.mark.parametrize(("what", "posture", "side"), SIDES, ids=[what for what, _, _ in SIDES])
@pytest.mark.parametrize("flexion", [0, 15, 45, 90])
def test_the_side_that_takes_more(what, posture, side, flexion):
    shift = leg(knee_flexion_deg=flexion, **posture)["shift"]
    assert math.copysign(1, shift) == side
    assert abs(shift) > 0.01


@pytest.mark.parametrize(("what", "posture", "side"), SIDES, ids=[what for what, _, _ in SIDES])
def test_what_goes_to_one_side_leaves_the_other(what, posture, side):
    usual, changed = leg(), leg(**posture)
    assert (changed["outside"] > usual["outside"]) == (side > 0)
    assert (changed["inside"] > usual["inside"]) == (side < 0)


def test_the_knee_goes_where_the_words_say():
    assert leg(hip_adduction_deg=10)["knee_in_cm"] > 1
    assert leg(tibiofemoral_angle_deg=-8)["knee_in_cm"] < -1
    assert leg(femoral_version_deg=40)["knee_turned_in_deg"] == pytest.approx(25)
    assert leg(femoral_version_deg=40)["foot_out_deg"] < leg()["foot_out_deg"]
    assert leg(tibial_torsion_deg=45)["foot_out_deg"] > leg()["foot_out_deg"]
    assert leg(pelvic_drop_deg=10)["pelvis_r3"] > 0  # the inner end of the pelvis points down


def test_the_typical_leg_stands_over_its_foot():
    typical = evaluate({}, CONSTANTS)
    assert (typical["foot_x"], typical["foot_y"]) == (0, 8)
    assert typical["pelvis_x"] == pytest.approx(0, abs=1e-9)
    assert typical["shift"] == 0
    for flexion in (30, 60, 90, 120):  # the weight stays over the middle of the foot
        bent = leg(knee_flexion_deg=flexion)
        lean = math.radians(table(flexion, *CONSTANTS.trunk_lean_deg))
        weight_z = bent["pelvis_z"] + CONSTANTS.upper_body_lever_cm * math.sin(lean)
        assert weight_z == pytest.approx(CONSTANTS.foot_middle_cm, abs=0.01)


def test_bones_keep_their_length():
    for flexion in (0, 45, 110):
        bent = leg(knee_flexion_deg=flexion, hip_adduction_deg=12, femoral_version_deg=40, rearfoot_eversion_deg=14)
        knee = [bent[f"tibia_{axis}"] for axis in "xyz"]
        ankle = [bent[f"foot_{axis}"] for axis in "xyz"]
        assert math.dist(knee, ankle) == pytest.approx(CONSTANTS.shank_cm)


def test_force_and_stress_are_two_things():
    """The same force on the larger area of a bent knee is less stress; a brace can raise one and lower the other."""
    straight, bent = (mean_stress_mpa(1000, contact_area_mm2(flexion, 1.0, CONSTANTS)) for flexion in (0, 60))
    assert round(straight, 1) == KNOWLEDGE.entry("value.geometry_stress_demonstration_men_0").value
    assert round(bent, 1) == KNOWLEDGE.entry("value.geometry_stress_demonstration_men_60").value
    force, area = 1.05, 1.26  # a little more force on clearly more area
    assert force > 1 > force / area


def test_the_lever_arm_is_the_published_one_halfway_between_the_sexes():
    for flexion in (10, 50):
        women, men = (KNOWLEDGE.entry(f"value.leg_lever_arm_{sex}_{flexion}").value for sex in ("women", "men"))
        assert quadriceps_lever_arm_cm(flexion, CONSTANTS) * 10 == pytest.approx((women + men) / 2)


def test_longer_steps_load_more_per_step_than_per_distance():
    assert peak_force_ratio(0.9) < force_per_distance_ratio(0.9) < 1
    assert peak_force_ratio(1.1) > force_per_distance_ratio(1.1) > 1


def test_less_weight_on_the_leg_is_less_force():
    both, one = leg(knee_flexion_deg=60), evaluate({"knee_flexion_deg": 60}, CONSTANTS, weight_share=1.0)
    assert one["force_bw"] == pytest.approx(2 * both["force_bw"])


def test_a_published_peak_replaces_the_force_of_standing():
    moved = evaluate({"knee_flexion_deg": 40}, CONSTANTS, force_given_bw=3.2, force_is_given=1.0)
    assert moved["force_bw"] == pytest.approx(3.2)


# Bad input


def test_a_value_outside_its_range_is_brought_in_and_said():
    seen = work_out({"knee_flexion_deg": 500, "hip_rotation_deg": math.nan}, KNOWLEDGE, voice="patient")
    assert (seen.values["knee_flexion_deg"], seen.values["hip_rotation_deg"]) == (120, 0)
    assert seen.notes == (
        "Knee bend goes from 0 to 120; the leg shows 120.",
        "Thigh turns in as you move goes from -15 to 25; the leg shows 0.",
    )


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_the_mechanics_refuse_what_is_no_number(broken):
    with pytest.raises(MechanicsError, match=r"“knee_flexion_deg” of the leg must be a finite number\."):
        evaluate({"knee_flexion_deg": broken}, CONSTANTS)


def test_an_unknown_slider_is_refused():
    with pytest.raises(MechanicsError, match="no input called “knee_bend”"):
        evaluate({"knee_bend": 3}, CONSTANTS)
    with pytest.raises(MechanicsError, match="no slider “knee_bend”"):
        work_out({"knee_bend": 3}, KNOWLEDGE)


def test_a_missing_constant_is_named():
    def without_the_shank(entry_id: str) -> float:
        if entry_id == "value.leg_shank_length":
            raise KeyError(entry_id)
        return KNOWLEDGE.entry(entry_id).value

    with pytest.raises(MechanicsError, match=r"“value\.leg_shank_length” is missing from knowledge/"):
        constants_of(without_the_shank, lambda entry_id: tuple(zip(*KNOWLEDGE.entry(entry_id).points, strict=True)))


def test_a_constant_that_is_no_number_is_named():
    with pytest.raises(MechanicsError, match="“shank_cm” of the leg is not a number"):
        type(CONSTANTS)(**{**vars(CONSTANTS), "shank_cm": math.nan})


def test_a_table_out_of_order_is_refused():
    with pytest.raises(ValueError, match="ascending"):
        table(1.0, [0, 0], [1, 2])


# Formulas as data


def test_the_graph_holds_every_step_once_and_only_known_ones():
    data = mechanics_graph(CONSTANTS).to_data()
    steps = [tuple(step) for step in data["steps"]]
    assert len(steps) == len(set(steps))
    assert all(0 <= code < len(OPERATIONS) for code, *_ in steps)
    first = len(data["inputs"]) + len(data["literals"])
    for position, (code, *places) in enumerate(steps):  # a step only reads what was worked out before it
        places = places[:1] if OPERATIONS[code] == "table" else places
        assert all(place < first + position for place in places)


def test_a_formula_that_branches_cannot_be_written_down():
    with pytest.raises(TypeError, match="can't branch"):
        trace(lambda given: {"y": given["x"] if given["x"] else 0.0}, ["x"])


def test_writing_down_drops_steps_that_do_nothing():
    graph = trace(lambda given: {"y": given["x"] * 1 + 0, "z": given["x"] * 0}, ["x"])
    assert graph.to_data()["steps"] == [[OPERATIONS.index("neg"), 1]]  # only the mark that keeps the constant z
    assert isinstance(graph.outputs["y"], Symbol)


# Findings and the leg


def test_present_factors_move_the_leg():
    assert values_for(KNOWLEDGE, {"factor.genu_varum"}) == {"knee_flexion_deg": 30, "tibiofemoral_angle_deg": -8}
    assert values_for(KNOWLEDGE, set()) == {"knee_flexion_deg": 30}
    both = values_for(KNOWLEDGE, {"factor.hip_abductor_strength", "factor.dynamic_valgus"})
    assert both["hip_adduction_deg"] == 6  # the further of the two, not their sum


def test_what_studies_do_not_support_is_known():
    assert set(unsupported_inputs(KNOWLEDGE)) == {"rearfoot_eversion_deg", "tibial_torsion_deg", "thigh_follows"}
    assert "No study supports this step" in work_out({"rearfoot_eversion_deg": 15}, KNOWLEDGE).sentence
    assert "No study" not in work_out({"rearfoot_eversion_deg": 15}, KNOWLEDGE, told="story").sentence
    assert "No study" not in work_out({"hip_rotation_deg": 15, "rearfoot_eversion_deg": 15}, KNOWLEDGE).sentence


def test_the_sentence_says_what_is_seen():
    seen = work_out(
        {"knee_flexion_deg": 60, "hip_rotation_deg": 15, "hip_adduction_deg": 10}, KNOWLEDGE, voice="patient"
    )
    assert seen.sentence == (
        "The knee is bent 60 degrees. Next to a typical leg, the thigh turns in and the knee moves in. In this picture "
        "the load at the kneecap is in between. More of it is on the outer side."
    )
