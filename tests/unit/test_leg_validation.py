"""The leg beside published results: the document is what the code prints, and every verdict is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from kneewise.cli import main
from kneewise.knowledge_base import load_knowledge
from kneewise.leg.material import leg_constants
from kneewise.leg.validation import as_markdown, checks
from kneewise.mechanics import evaluate
from kneewise.mechanics.running import force_per_distance_ratio, peak_force_ratio

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "validation.md"
KNOWLEDGE = load_knowledge()
CONSTANTS = leg_constants(KNOWLEDGE)
ROWS = checks(KNOWLEDGE)


def published(entry_id: str) -> float:
    return KNOWLEDGE.entry(entry_id).value


def test_the_document_holds_the_table_as_it_is_printed(capsys):
    assert main(["leg", "--validate"]) == 0
    printed = capsys.readouterr().out
    assert printed == as_markdown(ROWS)
    assert printed in DOCUMENT.read_text(encoding="utf-8")


def test_what_is_given_is_as_published():
    given = [row for row in ROWS if row.kind == "given"]
    assert len(given) >= 10
    assert {row.verdict for row in given} == {"As published."}


def test_the_table_has_misses_and_says_so():
    assert sum("Not reproduced" in row.verdict for row in ROWS) >= 3


@pytest.mark.parametrize(
    ("entry_id", "ratio", "length", "off_by_points"),
    [
        ("value.lever_step_rate_peak_force", peak_force_ratio, 1 / 1.1, 4),
        ("value.lever_step_length_shorter_stress", peak_force_ratio, 0.9, 4),
        ("value.lever_step_length_shorter_per_mile", force_per_distance_ratio, 0.9, 3),
        ("value.lever_step_length_longer_stress", peak_force_ratio, 1.1, 10.1),
        ("value.lever_step_length_longer_per_mile", force_per_distance_ratio, 1.1, 5),
    ],
)
def test_steps_have_the_published_direction_and_order_of_size(entry_id, ratio, length, off_by_points):
    change = 100 * (ratio(length) - 1)
    assert change * published(entry_id) > 0
    assert abs(change - published(entry_id)) < off_by_points


def test_leaning_has_the_published_direction_but_not_its_size():
    usual = published("value.lever_trunk_usual_angle")
    for name in ("flexed", "extended"):
        lean = {"knee_flexion_deg": 44, "trunk_lean_deg": published(f"value.lever_trunk_{name}_angle") - usual}
        change = (
            evaluate(lean, CONSTANTS)["stress_bw_per_mm2"]
            - evaluate({"knee_flexion_deg": 44}, CONSTANTS)["stress_bw_per_mm2"]
        )
        assert change * published(f"value.lever_trunk_{name}_change") > 0


@pytest.mark.parametrize("bend", [15, 45])
def test_turning_the_thigh_in_loads_the_outer_side_more_and_flattens(bend):
    usual, five, ten = (
        evaluate({"knee_flexion_deg": bend, "hip_rotation_deg": turned}, CONSTANTS)["outside"] for turned in (0, 5, 10)
    )
    assert usual < five < ten
    assert ten - five < five - usual


def test_less_version_loads_the_inner_side_more():
    before, after = (
        evaluate({"knee_flexion_deg": 30, "femoral_version_deg": version}, CONSTANTS) for version in (25, 5)
    )
    assert after["inside"] > before["inside"]
    assert after["outside"] < before["outside"]  # the miss that the document names


def test_the_foot_changes_the_q_angle_least():
    typical = evaluate({}, CONSTANTS)["q_angle_frontal_deg"]
    valgus, version, eversion = (
        evaluate(posture, CONSTANTS)["q_angle_frontal_deg"] - typical
        for posture in ({"tibiofemoral_angle_deg": 5}, {"femoral_version_deg": 20}, {"rearfoot_eversion_deg": 11})
    )
    assert valgus > 2 * eversion > 0
    assert version > 2 * eversion


def test_the_q_angle_of_the_typical_leg_lies_within_published_means():
    means = [
        published(f"value.geometry_q_angle_{sex}_{side}") for sex in ("men", "women") for side in ("left", "right")
    ]
    assert min(means) < evaluate({}, CONSTANTS)["q_angle_frontal_deg"] < max(means)


# The command line


def test_the_command_works_out_a_leg_and_says_what_it_clamped(capsys):
    assert main(["leg", "knee_flexion_deg=60", "hip_rotation_deg=99"]) == 0
    printed = capsys.readouterr()
    assert '"area_mm2": 458.0' in printed.out
    assert "goes from -15 to 25; the leg shows 25." in printed.err


@pytest.mark.parametrize("word", ["knee_flexion_deg", "knee_flexion_deg=deep", "=3x", "knee_bend=3"])
def test_the_command_refuses_what_it_cannot_read(word, capsys):
    assert main(["leg", word]) == 1
    assert capsys.readouterr().err.count("\n") == 1
