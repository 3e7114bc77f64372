"""The intervals against R: shares, means, and means of differences; the bootstrap against Student's."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from kneewise.statistics.intervals import bootstrap_interval, exact_interval, mean_interval, wilson_interval
from tests.outcomes_samples import ROOT

INTERVALS = ROOT.parent / "shared" / "reference" / "intervals"
pytestmark = pytest.mark.skipif(not INTERVALS.exists(), reason="the reference results of R are not on this machine")


def rows(name: str) -> list[dict[str, str]]:
    with (INTERVALS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sleep() -> dict[str, np.ndarray]:
    """Student 1908: the extra sleep of the same ten people on two drugs."""
    data = rows("sleep_data.csv")
    return {group: np.array([float(row["extra"]) for row in data if row["group"] == group]) for group in ("1", "2")}


@pytest.fixture(scope="module")
def tests_of_r() -> dict:
    return json.loads((INTERVALS / "tests_R.json").read_text(encoding="utf-8"))


def test_shares_are_as_r_has_them():
    table = rows("proportion_ci_R.csv")
    assert len(table) == 12
    for row in table:
        count, n = int(row["x"]), int(row["n"])
        for found, name in ((wilson_interval(count, n), "wilson"), (exact_interval(count, n), "exact")):
            assert found.value == pytest.approx(float(row["p"]), abs=1e-12)
            assert (found.low, found.high) == pytest.approx(
                (float(row[f"{name}_l"]), float(row[f"{name}_u"])), abs=1e-9
            )


def test_the_interval_of_a_mean_difference_is_as_r_has_it(sleep, tests_of_r):
    differences = sleep["2"] - sleep["1"]
    found = mean_interval(len(differences), differences.sum(), (differences**2).sum())
    assert found.value == pytest.approx(tests_of_r["sleep_paired"]["est"], abs=1e-9)
    assert [found.low, found.high] == pytest.approx(tests_of_r["sleep_paired"]["ci"], abs=1e-9)
    # t is the mean in standard errors.
    assert found.value / (found.sd / 10**0.5) == pytest.approx(tests_of_r["sleep_paired"]["t"], abs=1e-9)


def test_the_bootstrap_lies_near_students_interval_and_follows_the_skew(sleep):
    differences = sleep["2"] - sleep["1"]
    student = mean_interval(len(differences), differences.sum(), (differences**2).sum())
    boot = bootstrap_interval(differences.tolist(), seed=1908, resamples=999)
    assert boot.value == pytest.approx(student.value)
    assert boot.sd == pytest.approx(student.sd)
    # Ten skewed values: the bootstrap's ends shift to the long side and lie within Student's wide ones by a little.
    assert 0 < boot.low - student.low < 0.6
    assert abs(boot.high - student.high) < 0.6
