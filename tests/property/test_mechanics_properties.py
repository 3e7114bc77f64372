"""What holds for any leg: finite, mirror-symmetric, monotone where sources say so, bounded."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneewise.knowledge_base import load_knowledge
from kneewise.leg.material import leg_constants, leg_spec, movement_at
from kneewise.mechanics import evaluate
from kneewise.mechanics.leg import PARTS, POSTURE, mirrored
from kneewise.mechanics.patellofemoral import contact_area_mm2, level, side_shift

KNOWLEDGE = load_knowledge()
CONSTANTS = leg_constants(KNOWLEDGE)
RANGES = {each["id"]: (each["minimum"], each["maximum"]) for each in leg_spec(KNOWLEDGE, "clinician")["inputs"]}
POSTURES = st.fixed_dictionaries({name: st.floats(*RANGES[name]) for name in POSTURE})
FLEXIONS = st.floats(*RANGES["knee_flexion_deg"])


def test_every_slider_is_an_input_of_the_mechanics():
    assert set(RANGES) == set(POSTURE)


@given(POSTURES)
def test_every_result_is_a_finite_number(posture):
    assert all(math.isfinite(each) for each in evaluate(posture, CONSTANTS).values())


@given(POSTURES)
def test_every_frame_is_a_rotation(posture):
    leg = evaluate(posture, CONSTANTS)
    for part in PARTS:
        rows = [[leg[f"{part}_r{3 * row + column}"] for column in range(3)] for row in range(3)]
        for one in range(3):
            for other in range(3):
                dot = sum(a * b for a, b in zip(rows[one], rows[other], strict=True))
                assert dot == pytest.approx(1.0 if one == other else 0.0, abs=1e-9)
        (a, b, c), (d, e, f), (g, h, i) = rows
        assert a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) == pytest.approx(1.0)


@given(POSTURES)
def test_the_right_leg_is_the_mirror_image_of_the_left(posture):
    """Mirroring a frame and the point in it is the same as mirroring the point in the world; twice changes nothing."""
    leg = evaluate(posture, CONSTANTS)
    for part in PARTS:
        frame = [leg[f"{part}_r{place}"] for place in range(9)], [leg[f"{part}_{axis}"] for axis in "xyz"]
        matrix, origin = mirrored(frame)
        for point in ((1.0, 2.0, 3.0), (-4.0, 0.5, 1.0)):
            x, y, z = in_world(frame, point)
            assert in_world((matrix, origin), (-point[0], point[1], point[2])) == pytest.approx((-x, y, z), abs=1e-9)
        again = mirrored((matrix, origin))
        assert again[0] == pytest.approx(tuple(frame[0]))
        assert again[1] == pytest.approx(tuple(frame[1]))


def in_world(frame, point):
    matrix, origin = frame
    return tuple(sum(matrix[3 * row + column] * point[column] for column in range(3)) + origin[row] for row in range(3))


@given(FLEXIONS, FLEXIONS)
def test_more_bend_is_more_force(one, other):
    """evidence/factors.md 3.1: larger knee flexion, larger force (source.hart22)."""
    less, more = sorted((one, other))
    forces = [evaluate({"knee_flexion_deg": each}, CONSTANTS)["force_bw"] for each in (less, more)]
    assert 0 < forces[0] <= forces[1] + 1e-9


@given(FLEXIONS, FLEXIONS, st.floats(0, 1))
def test_the_contact_area_grows_with_the_bend_and_never_shrinks_below_it(one, other, men_share):
    less, more = sorted((one, other))
    assert contact_area_mm2(less, men_share, CONSTANTS) <= contact_area_mm2(more, men_share, CONSTANTS) + 1e-9


@given(FLEXIONS)
def test_the_area_of_an_unstated_sex_lies_between_the_published_ones(flexion):
    women, between, men = (contact_area_mm2(flexion, share, CONSTANTS) for share in (0.0, 0.5, 1.0))
    assert women <= between <= men


@given(st.floats(20, 120), st.floats(-10, 30), st.floats(-10, 30))
def test_leaning_forwards_takes_load_off_the_bent_knee(flexion, one, other):
    """Trunk lean lowers stress (source.teng14); below 20 degrees of bend the knee carries next to nothing anyway."""
    less, more = sorted((one, other))
    stress = [
        evaluate({"knee_flexion_deg": flexion, "trunk_lean_deg": each}, CONSTANTS)["stress_bw_per_mm2"]
        for each in (less, more)
    ]
    assert stress[0] >= stress[1] - 1e-12


@given(FLEXIONS, st.floats(-15, 25), st.floats(-15, 25))
def test_the_more_the_thigh_turns_in_the_more_lies_on_the_outer_side(flexion, one, other):
    less, more = sorted((one, other))
    shifts = [
        evaluate({"knee_flexion_deg": flexion, "hip_rotation_deg": each}, CONSTANTS)["shift"] for each in (less, more)
    ]
    assert shifts[0] <= shifts[1] + 1e-9


@given(FLEXIONS, st.floats(-12, 12), st.floats(-12, 12))
def test_the_more_the_knee_sits_in_the_more_lies_on_the_outer_side(flexion, one, other):
    less, more = sorted((one, other))
    shifts = [
        evaluate({"knee_flexion_deg": flexion, "tibiofemoral_angle_deg": each}, CONSTANTS)["shift"]
        for each in (less, more)
    ]
    assert shifts[0] <= shifts[1] + 1e-9


@given(POSTURES)
def test_scales_keep_their_ends(posture):
    leg = evaluate(posture, CONSTANTS)
    assert -1 <= leg["shift"] <= 1
    assert all(0 <= leg[name] < 1 for name in ("level", "outside", "inside"))


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_the_side_is_a_difference_from_the_typical_leg(pull, typical):
    assert side_shift(typical, typical, CONSTANTS) == 0
    assert side_shift(pull, typical, CONSTANTS) == pytest.approx(-side_shift(typical, pull, CONSTANTS))


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_scale_of_load_rises_with_stress(one, other):
    less, more = sorted((one, other))
    assert level(less, CONSTANTS) <= level(more, CONSTANTS)


@settings(max_examples=40)
@given(st.sampled_from(KNOWLEDGE.leg.movements), st.floats(0, 1))
def test_a_movement_is_finite_and_stays_above_its_floor(movement, phase):
    given_now = movement_at(movement, KNOWLEDGE, phase)
    bend = given_now.pop("knee_flexion_deg")
    leg = evaluate({"knee_flexion_deg": bend}, CONSTANTS, **given_now)
    assert all(math.isfinite(each) for each in leg.values())
    assert leg["support_y"] >= -1e-6
    assert leg["foot_y"] >= CONSTANTS.ankle_height_cm * 0.6


@given(st.sampled_from(KNOWLEDGE.leg.movements))
def test_a_movement_ends_where_it_begins(movement):
    first, last = movement_at(movement, KNOWLEDGE, 0.0), movement_at(movement, KNOWLEDGE, 0.9999999)
    assert first == pytest.approx(last, abs=1e-3)
