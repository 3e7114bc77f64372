"""Funnel limits, z-scores, overdispersion and classes against base R and FunnelPlotR 0.6.0.

`funnel_binomial_limits.csv` and `funnel_poisson_limits.csv` beside this file were computed by base R 4.2.2 (`qbinom`,
`pbinom`, `qchisq`) after Spiegelhalter DJ, Stat Med 2005;24:1185-1202. FunnelPlotR's results are read from where they are.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from kneewise.statistics.funnel import (
    Limits,
    arcsine_limits,
    proportion_funnel,
    proportion_limits,
    ratio_funnel,
    ratio_limits,
    ratio_limits_with_overdispersion,
)
from tests.outcomes_samples import ROOT

HERE = Path(__file__).parent
FUNNEL = ROOT.parent / "shared" / "reference" / "funnel"
elsewhere = pytest.mark.skipif(
    not FUNNEL.exists(), reason="the reference results of FunnelPlotR are not on this machine"
)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def ends(limits: Limits) -> tuple[float, float, float, float]:
    return limits.low_95, limits.high_95, limits.low_998, limits.high_998


def numbers(row: dict[str, str], *names: str) -> list[float]:
    return [float(row[name]) for name in names]


@pytest.mark.parametrize("row", rows(HERE / "funnel_binomial_limits.csv"), ids=lambda row: f"n={row['n']}")
def test_binomial_limits_are_those_of_base_r(row):
    # R's table leaves what lies outside 0..1; a share can't.
    within = [min(1.0, max(0.0, value)) for value in numbers(row, "l95", "u95", "l998", "u998")]
    exact = numbers(row, "l95_exact_interp", "u95_exact_interp", "l998_exact_interp", "u998_exact_interp")
    n, target = int(row["n"]), float(row["target"])
    assert ends(proportion_limits(n, target, "normal")) == pytest.approx(within, abs=1e-9)
    assert ends(proportion_limits(n, target)) == pytest.approx([min(1.0, max(0.0, end)) for end in exact], abs=1e-9)


@pytest.mark.parametrize("row", rows(HERE / "funnel_poisson_limits.csv"), ids=lambda row: f"expected={row['expected']}")
def test_poisson_limits_are_those_of_base_r(row):
    expected = float(row["expected"])
    assert ends(ratio_limits(expected)) == pytest.approx(numbers(row, "ll95", "ul95", "ll998", "ul998"), rel=1e-9)


@pytest.fixture(scope="module")
def six():
    data = rows(FUNNEL / "testthat6_data.csv")
    names = [row["group"] for row in data]
    observed, expected = [float(row["num"]) for row in data], [float(row["denom"]) for row in data]
    return names, observed, expected, rows(FUNNEL / "testthat6_units_expected.csv")


@elsewhere
def test_ratios_agree_with_funnelplotr(six):
    names, observed, expected, reference = six
    funnel = ratio_funnel(names, observed, expected, trimming="truncated", scale="log", minimum=0)
    assert funnel.overdispersion.phi == pytest.approx(2.948033, abs=1e-6)
    for unit, row in zip(funnel.units, reference, strict=True):
        tau = funnel.overdispersion.tau_squared
        unadjusted = unit.z * unit.standard_error * float(row["denominator"]) ** 0.5
        assert unadjusted == pytest.approx(float(row["Uzscore"]), abs=1e-6)
        assert unit.standard_error**2 - tau == pytest.approx(float(row["s"]) ** 2, abs=1e-9)
        found = numbers(row, "OD95LCL", "OD95UCL", "OD99LCL", "OD99UCL")
        assert ends(unit.limits) == pytest.approx(found, abs=1e-6)
        assert ends(ratio_limits(unit.size)) == pytest.approx(
            numbers(row, "LCL95", "UCL95", "LCL99", "UCL99"), abs=1e-6
        )
        assert (unit.status != "not an outlier") == (row["outlier"] == "1")


@elsewhere
def test_curves_of_ratios_agree_with_funnelplotr(six):
    names, observed, expected, _ = six
    tau = ratio_funnel(names, observed, expected, trimming="truncated", scale="log").overdispersion.tau_squared
    reference = rows(FUNNEL / "testthat6_limits_expected.csv")
    assert len(reference) == 60
    for row in reference:
        size = float(row["number_seq"])
        # FunnelPlotR rounds the normal quantiles to 1.959964 and 3.090232.
        assert ends(ratio_limits_with_overdispersion(size, tau, "log")) == pytest.approx(
            numbers(row, "odll95", "odul95", "odll998", "odul998"), rel=1e-6
        )
        assert ends(ratio_limits(size)) == pytest.approx(numbers(row, "ll95", "ul95", "ll998", "ul998"), rel=1e-6)


@pytest.fixture(scope="module")
def died():
    data = rows(FUNNEL / "pr_died_data.csv")
    funnel = proportion_funnel(
        [row["provnum"] for row in data], [int(row["died"]) for row in data], [int(row["one"]) for row in data],
        trimming="winsorised", higher_is_better=False, minimum=0,
    )  # fmt: skip
    return funnel, rows(FUNNEL / "pr_died_units_expected.csv")


@elsewhere
def test_proportions_agree_with_funnelplotr(died):
    funnel, reference = died
    assert funnel.overdispersion.phi == pytest.approx(1.36073398509911, abs=1e-9)
    assert funnel.overdispersion.tau_squared == pytest.approx(0.00353333502020161, abs=1e-9)
    differing = set()
    for unit, row in zip(funnel.units, reference, strict=True):
        assert unit.standard_error**2 - funnel.overdispersion.tau_squared == pytest.approx(float(row["s"]) ** 2)
        assert unit.z * unit.standard_error / float(row["s"]) == pytest.approx(float(row["Uzscore"]), abs=1e-6)
        found = numbers(row, "OD95LCL", "OD95UCL", "OD99LCL", "OD99UCL")
        plain = numbers(row, "LCL95", "UCL95", "LCL99", "UCL99")
        if unit.size == 1:
            # With one record the upper angle passes 90 degrees, where FunnelPlotR's sin(x)^2 turns round (0.9988).
            found[1] = plain[1] = 1.0
        assert ends(unit.limits) == pytest.approx(found, abs=1e-6)
        assert ends(arcsine_limits(unit.size, funnel.target)) == pytest.approx(plain, abs=1e-6)
        if (unit.status != "not an outlier") != (row["outlier"] == "1"):
            differing.add((row["group"], unit.size, unit.value))
    assert differing == {("030033", 1.0, 1.0)}  # for the same reason: 1 of 1 is above 0.9982


@elsewhere
def test_curves_of_proportions_agree_with_funnelplotr(died):
    funnel, _ = died
    reference = [row for row in rows(FUNNEL / "pr_died_limits_expected.csv") if float(row["number_seq"]) > 1]
    assert len(reference) == 59
    for row in reference:
        size = float(row["number_seq"])
        found = ends(arcsine_limits(size, funnel.target, funnel.overdispersion.tau_squared))
        assert found == pytest.approx(numbers(row, "odll95", "odul95", "odll998", "odul998"), abs=1e-6)
        plain = ends(arcsine_limits(size, funnel.target))
        assert plain == pytest.approx(numbers(row, "ll95", "ul95", "ll998", "ul998"), abs=1e-6)


@elsewhere
def test_medpar_has_the_outliers_that_funnelplotr_prints():
    """Its documentation: 54 points, of which 25 are outliers at 99.8 %, and 9 with overdispersion."""
    sums: dict[str, list[float]] = {}
    for row in rows(FUNNEL / "medpar_data.csv"):
        entry = sums.setdefault(row["provnum"], [0.0, 0.0])
        entry[0] += float(row["los"])
        entry[1] += float(row["prds"])
    names = sorted(sums)
    observed = [sums[name][0] for name in names]
    expected = [round(sums[name][1], 2) for name in names]  # as the SHMI is rounded

    def outliers(**options) -> tuple[int, int]:
        classes = Counter(unit.status for unit in ratio_funnel(names, observed, expected, minimum=0, **options).units)
        return sum(classes.values()), classes["positive 99.8"] + classes["negative 99.8"]

    assert outliers() == (54, 25)
    assert outliers(trimming="truncated", scale="log") == (54, 9)
