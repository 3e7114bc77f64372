"""One source of truth: the shipped JavaScript gives what Python gives, to nine decimals, and says the same words."""

from __future__ import annotations

import itertools
import random

import pytest

from kneewise.knowledge_base import load_knowledge
from kneewise.leg.material import is_faded, leg_constants, leg_spec, leg_words, movement_at, unsupported_inputs
from kneewise.leg.sentence import describe
from kneewise.mechanics import evaluate

KNOWLEDGE = load_knowledge()
CONSTANTS = leg_constants(KNOWLEDGE)
SPEC = leg_spec(KNOWLEDGE, "patient")
INPUTS = {each["id"]: each for each in SPEC["inputs"]}
WITHIN = 1e-9


def postures() -> list[dict[str, float]]:
    """The typical leg, every slider at both ends, corners of the whole range, and 300 random legs (seeded)."""
    chance = random.Random(20261125)
    ends = [{name: each[end]} for name, each in INPUTS.items() for end in ("minimum", "maximum")]
    corners = [{name: INPUTS[name][chance.choice(("minimum", "maximum"))] for name in INPUTS} for _ in range(40)]
    between = [
        {name: chance.uniform(each["minimum"], each["maximum"]) for name, each in INPUTS.items()} for _ in range(300)
    ]
    return [{}, *ends, *corners, *between]


def flat(pose: dict) -> dict[str, float]:
    """The pose of the browser under the names of Python."""
    numbers = dict(pose["out"])
    for part, frame in pose["frames"].items():
        numbers.update({f"{part}_r{place}": each for place, each in enumerate(frame["R"])})
        numbers.update({f"{part}_{axis}": each for axis, each in zip("xyz", frame["t"], strict=True)})
    numbers.update(twist_femur=pose["twist"]["femur"], twist_tibia=pose["twist"]["tibia"], arch=pose["arch"])
    return numbers


def assert_same(browser: dict[str, float], python: dict[str, float]) -> None:
    assert set(python) <= set(browser)
    for name, number in python.items():
        assert browser[name] == pytest.approx(number, rel=WITHIN, abs=WITHIN), name


def test_every_posture_is_the_same_leg(shipped):
    given = postures()
    script = "{ const m = shipped.createModel(spec); return given.map((v) => m.evaluate(v)); }"
    poses = shipped.eval(script, spec=SPEC, given=given)
    for posture, pose in zip(given, poses, strict=True):
        assert_same(flat(pose), evaluate(posture, CONSTANTS))


def test_the_ghost_is_the_typical_leg_at_the_same_bend(shipped):
    posture = {"knee_flexion_deg": 70, "trunk_lean_deg": 9, "hip_rotation_deg": 20}
    ghost = shipped.eval("shipped.createModel(spec).neutral(given)", spec=SPEC, given=posture)
    del posture["hip_rotation_deg"]
    assert_same(flat(ghost), evaluate(posture, CONSTANTS))


@pytest.mark.parametrize("movement", KNOWLEDGE.leg.movements, ids=lambda movement: movement.id)
def test_every_moment_of_a_movement_is_the_same(shipped, movement):
    phases = [0, 0.013, 0.1, 0.25, 0.499, 0.73, 0.97, 1.0, 1.4]
    moments = shipped.eval(
        "{ const m = shipped.createModel(spec); return phases.map((p) => m.at(name, p, given).pose); }",
        spec=SPEC,
        phases=phases,
        name=movement.id.split(".")[1],
        given={"hip_adduction_deg": 6},
    )
    for phase, pose in zip(phases, moments, strict=True):
        context = movement_at(movement, KNOWLEDGE, phase)
        bend = context.pop("knee_flexion_deg")
        assert_same(flat(pose), evaluate({"knee_flexion_deg": bend, "hip_adduction_deg": 6}, CONSTANTS, **context))


@pytest.mark.parametrize(("voice", "told"), list(itertools.product(("clinician", "patient"), ("story", "studies"))))
def test_the_browser_says_what_python_says(shipped, voice, told):
    spec, words = leg_spec(KNOWLEDGE, voice), leg_words(KNOWLEDGE, voice)
    given = [{name: round(number, 1) for name, number in each.items()} for each in postures()[:120]]
    said = shipped.eval(
        """{ const m = shipped.createModel(spec);
             return given.map((values) => {
               const all = Object.fromEntries(m.inputs.map((i) => [i.id, values[i.id] ?? i.neutral]));
               const faded = shipped.isFaded(m, all, data);
               return [shipped.describe(m.inputs, all, m.evaluate(values).out, words, faded), faded];
             }); }""",
        spec=spec,
        words=words,
        given=given,
        data={"told": told, "unsupported_inputs": unsupported_inputs(KNOWLEDGE)},
    )
    for posture, (sentence, faded) in zip(given, said, strict=True):
        values = {each["id"]: posture.get(each["id"], each["neutral"]) for each in spec["inputs"]}
        out = evaluate(values, CONSTANTS) | {"knee_flexion_deg": values["knee_flexion_deg"]}
        assert faded == is_faded(values, KNOWLEDGE, told)
        assert sentence == describe(spec["inputs"], values, out, words, faded)


# The golden table: published figures, which both languages must give.

AREAS = [  # Besier 2005: contact area in mm2, lightly loaded
    (0, "male", 210), (0, "female", 210), (30, "male", 414), (30, "female", 269), (60, "male", 520), (60, "female", 396),
]  # fmt: skip
PEAKS = [  # Hart 2022: healthy people, means over studies, in body weights
    ("stairs_up", 3.2), ("stairs_down", 2.8), ("walking", 0.9), ("running", 5.2),
]  # fmt: skip


@pytest.mark.parametrize(("flexion", "sex", "published_mm2"), AREAS)
def test_published_areas_in_both_languages(shipped, flexion, sex, published_mm2):
    spec = leg_spec(KNOWLEDGE, "clinician", sex)
    posture = {"knee_flexion_deg": flexion}
    pose = shipped.eval("shipped.createModel(spec).evaluate(given)", spec=spec, given=posture)
    python = evaluate(posture, CONSTANTS, men_share=spec["context"]["men_share"])
    assert pose["out"]["area_mm2"] == pytest.approx(published_mm2)
    assert python["area_mm2"] == pytest.approx(published_mm2)


@pytest.mark.parametrize(("movement", "published_bw"), PEAKS)
def test_published_peaks_in_both_languages(shipped, movement, published_bw):
    phases = [step / 100 for step in range(100)]
    script = "{ const m = shipped.createModel(spec); return phases.map((p) => m.at(name, p, {}).pose.out.force_bw); }"
    browser = shipped.eval(script, spec=SPEC, phases=phases, name=movement)
    entry = KNOWLEDGE.entry(f"movement.{movement}")
    python = []
    for phase in phases:
        context = movement_at(entry, KNOWLEDGE, phase)
        python.append(evaluate({"knee_flexion_deg": context.pop("knee_flexion_deg")}, CONSTANTS, **context)["force_bw"])
    assert max(browser) == pytest.approx(published_bw)
    assert max(python) == pytest.approx(published_bw)


@pytest.mark.parametrize("bend", [15, 45])
def test_the_thigh_turned_in_by_5_and_10_degrees_loads_the_outer_side_in_both_languages(shipped, bend):
    """Liao 2015: more stress with the femur turned in, at 15 and 45 degrees of bend."""
    given = [{"knee_flexion_deg": bend, "hip_rotation_deg": turned} for turned in (0, 5, 10)]
    script = "{ const m = shipped.createModel(spec); return given.map((v) => m.evaluate(v).out.shift); }"
    for shifts in (
        shipped.eval(script, spec=SPEC, given=given),
        [evaluate(posture, CONSTANTS)["shift"] for posture in given],
    ):
        assert 0 == shifts[0] < shifts[1] < shifts[2] < 1


# Bad input


def test_a_value_outside_its_range_is_clamped_and_a_broken_one_is_typical(shipped):
    asked = [["knee_flexion_deg", 500], ["knee_flexion_deg", None], ["hip_rotation_deg", "x"], ["knee_flexion_deg", 20]]
    script = "{ const m = shipped.createModel(spec); return asked.map(([id, value]) => m.clamp(id, value)); }"
    assert shipped.eval(script, spec=SPEC, asked=asked) == [
        {"value": 120, "clamped": True},
        {"value": 0, "clamped": True},
        {"value": 0, "clamped": True},
        {"value": 20, "clamped": False},
    ]


@pytest.mark.parametrize(
    ("what", "breaking"),
    [
        ("a constant of the leg is missing", "spec.graph.literals[0] = null"),
        ("an output of the leg is missing", "spec.graph.outputs = {}"),
        ("an output of the leg is missing", "spec.graph.outputs.level = 99999"),
        ("the input men_share of the leg is missing", "delete spec.context.men_share"),
        ("the mechanics of the leg are of another version", "spec.graph.steps[0][0] = 99"),
    ],
)
def test_a_spec_that_is_not_whole_says_what_is_missing(shipped, what, breaking):
    script = (
        f"{{ {breaking}; try {{ shipped.createModel(spec).evaluate({{}}); return 'fine'; }} "
        "catch (problem) { return problem.message; } }"
    )
    assert shipped.eval(script, spec=SPEC) == what
