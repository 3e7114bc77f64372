"""Control charts and run charts against what NHSRplotthedots 0.2.2, qicharts2 0.8.1 and the textbooks give."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from kneewise.statistics.control_charts import (
    D2,
    Rebase,
    p_chart,
    points_in_trend,
    points_near_limit,
    points_on_one_side,
    u_chart,
    xmr_chart,
)
from kneewise.statistics.run_charts import anhoej_limits, anhoej_rules, run_chart
from tests.outcomes_samples import ROOT

SPC = ROOT.parent / "shared" / "reference" / "spc"
TABLE = Path(__file__).with_name("anhoej_limits.csv")

elsewhere = pytest.mark.skipif(not SPC.exists(), reason="the reference results of R packages are not on this machine")


def rows(name: str) -> list[dict[str, str]]:
    with (SPC / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(table: list[dict[str, str]], name: str) -> list[float]:
    return [float(row[name]) for row in table]


def limits(chart) -> list[tuple[float, float, float]]:
    return [(point.lower, point.centre, point.upper) for point in chart.points]


def assert_limits(chart, expected: list[dict[str, str]]) -> None:
    """Every limit, and every point outside them, as qicharts2 has it."""
    assert len(chart.points) == len(expected) > 0
    for found, row in zip(limits(chart), expected, strict=True):
        assert found == pytest.approx([float(row[name]) for name in ("lcl", "cl", "ucl")], abs=1e-9)
    for point, row in zip(chart.points, expected, strict=True):
        if not point.immature:
            assert ("outside_limits" in point.rules) == (row["sigma.signal"] == "TRUE")


def assert_runs(rules, row: dict[str, str]) -> None:
    found = (rules.n_useful, rules.longest_run, rules.longest_run_limit, rules.crossings, rules.crossings_limit)
    names = ("n.useful", "longest.run", "longest.run.max", "n.crossings", "n.crossings.min")
    assert found == tuple(int(row[name]) for name in names)
    assert rules.signal == (row["runs.signal"] == "TRUE")


def assert_phase_runs(chart, expected: list[dict[str, str]]) -> None:
    """Anhøj's rules about the chart's centre, within each phase, without the points left out."""
    for number, phase in enumerate(chart.phases):
        part = [point for point in chart.points if point.phase == number and not point.immature]
        assert_runs(anhoej_rules([point.value for point in part], phase.centre), expected[phase.last])


# --- Making Data Count -------------------------------------------------------------------------------------------


@elsewhere
def test_the_emergency_department_of_the_nhsrplotthedots_readme():
    data = sorted(rows("ptd_rrk_readme_data.csv"), key=lambda row: row["period"])
    expected = rows("ptd_rrk_readme_expected.csv")
    chart = xmr_chart(column(data, "breaches"), direction="lower", names=[row["period"] for row in data])
    rule = {"Above UCL": "outside_limits", "7 Points Below CL": "one_side"}
    assert [point.name for point in chart.points] == [row["x"] for row in expected]
    for point, row in zip(chart.points, expected, strict=True):
        assert (point.lower, point.centre, point.upper) == pytest.approx(
            [float(row[name]) for name in ("lpl", "mean_col", "upl")], abs=1e-6
        )
        assert point.label == row["point_type"].removeprefix("special_cause_")
        assert (point.rules[0] if point.rules else None) == rule.get(row["special_cause_type"])
    summary = rows("ptd_rrk_readme_summary.csv")[0]
    labels = [point.label for point in chart.points]
    assert labels.count("improvement") == int(summary["special_cause_improvement"]) == 8
    assert labels.count("concern") == int(summary["special_cause_concern"]) == 1
    assert chart.variation_icon == summary["variation_type"]
    assert chart.phases[0].state == "firm"
    assert {row["short_group_warning"] for row in expected} == {"FALSE"}


@pytest.fixture(scope="module")
def cases():
    if not SPC.exists():
        pytest.skip("the reference results of R packages are not on this machine")
    return json.loads((SPC / "ptd_rule_unit_cases.json").read_text(encoding="utf-8"))


def spread_back(last_of_seven: list[int]) -> list[int]:
    """NHSRplotthedots marks the seventh point first, then the six before it: part_of_seven_trend."""
    return [int(any(last_of_seven[at : at + 7])) for at in range(len(last_of_seven))]


def test_the_unit_cases_of_seven_on_one_side(cases):
    for case in cases["part_of_seven_trend"]:
        assert spread_back(case["in"]) == case["out"]
    for case in cases["seven_point_one_side_mean"]:
        assert np.abs(points_on_one_side(np.array(case["in"]))).tolist() == spread_back(case["out"])


def test_the_unit_cases_of_a_trend(cases):
    for case in cases["seven_point_trend"]:
        found = points_in_trend(np.array(case["in"], dtype=float))
        assert np.abs(found).tolist() == spread_back(case["out"])
        # The package's own sign is turned round: -1 for rising. Its labels turn it back; ours says 1 for rising.
        rising = np.sign(np.diff(case["in"])[1])
        assert set(found.tolist()) <= {0, rising}


def test_the_unit_cases_of_two_in_three(cases):
    for case in cases["part_of_two_in_three"]:
        assert [v * x for v, x in zip(case["v"], case["x_close"], strict=True)] == case["out"]
    for case in cases["two_in_three"]:
        found = points_near_limit(np.array(case["close"], dtype=bool), np.array(case["side"]))
        assert np.abs(found).tolist() == [near * out for near, out in zip(case["close"], case["out"], strict=True)]


# --- I charts of qicharts2 ---------------------------------------------------------------------------------------


@elsewhere
def test_the_i_chart_of_cabg_ages():
    # qicharts2 screens moving ranges only if asked to, and takes 3 / 1.128 unrounded.
    expected = rows("qic_i_cabg_age_expected.csv")
    ages = column(rows("qic_i_cabg_age_data.csv"), "age")
    chart = xmr_chart(ages, direction="neutral", screen_moving_ranges=False, factor=3 / D2)
    assert_limits(chart, expected)
    assert_phase_runs(chart, expected)
    # The same with 2.66 is within half a thousandth of the width, and differs: the convention must be named.
    rounded = xmr_chart(ages, direction="neutral", screen_moving_ranges=False)
    assert limits(rounded)[0] == pytest.approx(limits(chart)[0], abs=0.01)
    assert limits(rounded)[0] != pytest.approx(limits(chart)[0], abs=1e-3)
    assert xmr_chart(ages, direction="neutral").phases[0].ranges_screened == 2


@elsewhere
def test_montgomery_example_6_5_with_a_frozen_baseline():
    expected = rows("qic_ref_ex_6_5_3.csv")
    costs = column(rows("montgomery_tbl_06_07_data.csv"), "cost")
    chart = xmr_chart(costs, direction="lower", baseline_points=20, screen_moving_ranges=False, factor=3 / D2)
    assert_limits(chart, expected)
    assert_phase_runs(chart, expected)
    assert chart.phases[0].n_used == 20
    # Montgomery prints 300.5, 279.79 and 321.22 (example 6.5; weeks 39 and 40 are out of control).
    assert [round(each, 1) for each in limits(chart)[0]] == [279.8, 300.5, 321.2]
    assert [at for signal in chart.signals if signal.rule == "outside_limits" for at in signal.points] == [38, 39]


# --- p and u charts ----------------------------------------------------------------------------------------------


@elsewhere
def test_the_p_chart_of_readmissions():
    data, expected = rows("qic_p_cabg_readmission_data.csv"), rows("qic_p_cabg_readmission_expected.csv")
    chart = p_chart(column(data, "readmission"), column(data, "n"), direction="lower", laney=False)
    assert_limits(chart, expected)
    assert_phase_runs(chart, expected)


@elsewhere
def test_montgomery_example_7_1_with_points_left_out_and_new_limits():
    data, expected = rows("montgomery_tbl_07_03_data.csv"), rows("qic_ref_ex_7_1_5.csv")
    chart = p_chart(
        column(data, "count"), column(data, "size"), direction="lower", laney=False,
        immature=[row["sample"] in ("15", "23") for row in data], rebases=[Rebase("31", "machine adjusted")],
    )  # fmt: skip
    assert_limits(chart, expected)
    assert_phase_runs(chart, expected)
    assert [round(each, 4) for each in limits(chart)[0]] == [0.0407, 0.2150, 0.3893]
    assert chart.phases[1].reason == "machine adjusted"
    assert chart.phases[0].n_used == 28


@elsewhere
def test_montgomery_table_7_4_with_unequal_samples():
    data, expected = rows("montgomery_tbl_07_04_data.csv"), rows("qic_ref_tbl_7_4_1.csv")
    chart = p_chart(column(data, "count"), column(data, "size"), direction="lower", laney=False)
    assert_limits(chart, expected)
    assert_phase_runs(chart, expected)


@elsewhere
@pytest.mark.parametrize(
    ("data", "size", "scale", "reference"),
    [
        ("montgomery_tbl_07_10_data.csv", "size", 1, "qic_ref_ex_7_4_1.csv"),
        ("montgomery_tbl_07_11_data.csv", "meters", 50, "qic_ref_ex_7_5_1.csv"),  # per 50 square metres
    ],
)
def test_montgomery_examples_7_4_and_7_5_of_rates(data, size, scale, reference):
    table, expected = rows(data), rows(reference)
    sizes = [each / scale for each in column(table, size)]
    chart = u_chart(column(table, "count"), sizes, direction="lower", laney=False)
    assert_limits(chart, expected)
    assert_phase_runs(chart, expected)


# Mohammed MA et al., BMJ Qual Saf 2013;22:362-368: people seen within four hours in English emergency departments, and
# all attending, weeks 1 to 10; limits of the first and last week by qic(chart = "pp") of qicharts2 0.8.1.
SEEN = [266501, 264225, 276532, 281461, 269071, 261215, 270409, 279778, 270483, 270320]
ATTENDING = [280443, 276823, 291681, 296155, 282343, 275888, 283867, 295251, 284468, 282529]
CENTRE, FIRST, LAST = 0.951059643832770, (0.938664691389007, 0.963454596276534), (0.938710534069399, 0.963408753596142)


@pytest.mark.parametrize("make", [p_chart, u_chart])
def test_laneys_limits_where_samples_are_huge(make):
    # Laney's limits depend on the counts only through the z scores: p' and u' agree until they are clipped.
    chart = make(SEEN, ATTENDING, direction="higher")
    found = limits(chart)
    assert found[0] == pytest.approx((FIRST[0], CENTRE, FIRST[1]), abs=1e-12)
    assert found[-1] == pytest.approx((LAST[0], CENTRE, LAST[1]), abs=1e-12)
    assert chart.signals == ()


def test_without_laney_seven_of_the_ten_weeks_are_outside():
    # qic(chart = "p"): limits of the first week 0.949837460400312 and 0.952281827265229.
    chart = p_chart(SEEN, ATTENDING, direction="higher", laney=False)
    assert limits(chart)[0] == pytest.approx((0.949837460400312, CENTRE, 0.952281827265229), abs=1e-12)
    assert sum("outside_limits" in point.rules for point in chart.points) == 7
    assert 9 < p_chart(SEEN, ATTENDING, direction="higher").phases[0].sigma_z < 12


@elsewhere
@pytest.mark.parametrize("make", [p_chart, u_chart])
def test_with_equal_samples_laneys_chart_is_the_i_chart(make):
    # An identity, which ties p' and u' to the I chart: Montgomery, table 7.3, fifty in every sample.
    data = rows("montgomery_tbl_07_03_data.csv")
    counts, sizes = np.array(column(data, "count")), np.array(column(data, "size"))
    for screen in (False, True):
        single = xmr_chart(counts / sizes, direction="lower", screen_moving_ranges=screen, factor=3 / D2)
        chart = make(counts, sizes, direction="lower", screen_moving_ranges=screen)
        for (lower, centre, upper), expected in zip(limits(chart), limits(single), strict=True):
            assert (lower, centre, upper) == pytest.approx((max(0.0, expected[0]), *expected[1:]), abs=1e-12)
        assert chart.phases[0].ranges_screened == single.phases[0].ranges_screened


# --- run charts --------------------------------------------------------------------------------------------------


@elsewhere
def test_the_run_chart_of_cabg_ages():
    expected = rows("qic_run_cabg_age_expected.csv")
    chart = run_chart(column(rows("qic_run_cabg_age_data.csv"), "age"))
    assert chart.median == pytest.approx(float(expected[0]["cl"]), abs=1e-12)
    assert_runs(chart.rules, expected[0])
    assert sum(point.in_longest_run for point in chart.points) == chart.rules.longest_run


def test_anhoejs_table_of_limits():
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    table = list(csv.DictReader(lines))
    assert len(table) == 96
    for row in table:
        assert anhoej_limits(int(row["n.useful"])) == (int(row["longest.run.max"]), int(row["n.crossings.min"]))


@elsewhere
def test_the_limits_of_every_other_chart_of_qicharts2():
    seen = set()
    for path in sorted(SPC.glob("qic_*.csv")):
        for row in rows(path.name):
            if "n.useful" in row:
                found = anhoej_limits(int(row["n.useful"]))
                assert found == (int(row["longest.run.max"]), int(row["n.crossings.min"]))
                seen.add(row["n.useful"])
    assert {"6", "24", "39", "60"} <= seen
