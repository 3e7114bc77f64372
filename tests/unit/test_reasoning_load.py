"""The week's load on a small invented knowledge base (walking 2 +- 0.5, running 4 +- 1 body weights)."""

from __future__ import annotations

from pathlib import Path

import pytest

from kneewise.knowledge_base.loading import load_knowledge
from kneewise.reasoning import findings_of, week_load

SMALL = Path(__file__).parent / "fixtures" / "knowledge_small"


@pytest.fixture(scope="module")
def knowledge():
    return load_knowledge(SMALL)


def week(knowledge, counts, **values):
    findings = findings_of({f"finding.{name}": value for name, value in values.items()}, knowledge, week=counts)
    return week_load(findings, knowledge)


def test_daily_steps_become_loads_on_one_knee_per_week(knowledge):
    load = week(knowledge, {"activity.walking": (1000, 2000)})
    walking = load.activities[0]
    assert (walking.loads_before, walking.loads_after) == (3500, 7000)  # every second step, seven days
    assert (load.total_before.value, load.total_before.low, load.total_before.high) == (7000, 5250, 8750)
    assert load.change_percent == pytest.approx(100)
    assert load.rise_flag is True


def test_running_needs_a_step_rate(knowledge):
    without = week(knowledge, {"activity.running": (10, 10)})
    assert without.in_sum == ()
    assert "step rate" in without.activities[1].not_in_sum
    assert without.change_percent is None
    with_rate = week(knowledge, {"activity.running": (10, 10)}, step_rate=160)
    assert with_rate.activities[1].loads_before == 800
    assert with_rate.total_after.value == 3200
    assert with_rate.rise_flag is False


def test_an_activity_without_a_pooled_force_is_listed_and_not_guessed(knowledge):
    load = week(knowledge, {"activity.sport": (60, 60), "activity.walking": (100, 100)})
    assert load.not_in_sum == ("activity.running", "activity.sport")
    assert load.activities[2].not_in_sum == "too many kinds"
    assert load.in_sum == ("activity.walking",)


def test_a_count_on_one_side_only_is_not_compared(knowledge):
    load = week(knowledge, {"activity.walking": (100, None)})
    assert load.total_before is None
    assert "one side" in load.activities[0].not_in_sum


def test_a_lever_changes_the_peak(knowledge):
    (lever,) = week(knowledge, {}).levers
    assert (lever.lever, lever.activity, lever.percent.value) == ("lever.quick", "activity.running", -10)
    assert lever.peak_after.value == pytest.approx(3.6)


def test_the_index_is_not_called_an_impulse(knowledge):
    assert week(knowledge, {}).label == "sum of peaks, an index, not impulse"
