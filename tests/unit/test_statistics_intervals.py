"""Intervals against R, against published numbers, and against each other."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kneewise.statistics.intervals import bootstrap_interval, exact_interval, mean_interval, wilson_interval
from tests.outcomes_samples import ROOT

R_SHARES = ROOT.parent / "shared" / "reference" / "intervals" / "proportion_ci_R.csv"

# Newcombe RG, Stat Med 1998;17:857-872, table I: the score method without continuity correction, and Clopper-Pearson.
NEWCOMBE = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]


@pytest.mark.parametrize(("count", "n", "wilson", "exact"), NEWCOMBE)
def test_shares_agree_with_newcombe(count, n, wilson, exact):
    score, clopper = wilson_interval(count, n), exact_interval(count, n)
    assert (round(score.low, 4), round(score.high, 4)) == wilson
    assert (round(clopper.low, 4), round(clopper.high, 4)) == exact


@pytest.mark.skipif(not R_SHARES.exists(), reason="R's results are not on this machine")
def test_shares_agree_with_r():
    rows = list(csv.DictReader(R_SHARES.open()))
    assert rows
    for row in rows:
        count, n = int(row["x"]), int(row["n"])
        for found, name in ((wilson_interval(count, n), "wilson"), (exact_interval(count, n), "exact")):
            assert found.low == pytest.approx(float(row[f"{name}_l"]), abs=1e-9)
            assert found.high == pytest.approx(float(row[f"{name}_u"]), abs=1e-9)


def test_a_mean_agrees_with_students_sleep_data():
    # Student 1908, the extra sleep of the same ten people on two drugs; R: t.test(paired) gives 0.7001142, 2.4598858.
    values = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    found = mean_interval(len(values), values.sum(), (values**2).sum())
    assert found.value == pytest.approx(1.58)
    assert found.low == pytest.approx(0.7001142, abs=1e-6)
    assert found.high == pytest.approx(2.4598858, abs=1e-6)


def test_bootstrap_is_repeatable_and_near_students_interval():
    values = np.random.default_rng(1).normal(10, 3, 200)
    first, again = bootstrap_interval(values, seed=7), bootstrap_interval(values, seed=7)
    student = mean_interval(200, values.sum(), (values**2).sum())
    assert first == again
    assert first.low == pytest.approx(student.low, abs=0.1)
    assert first.high == pytest.approx(student.high, abs=0.1)
    assert bootstrap_interval(values, np.median, seed=7).value == pytest.approx(np.median(values))


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_within_its_interval(pair):
    found = wilson_interval(*pair)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(("count", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_shares_are_refused(count, n):
    with pytest.raises(ValueError, match="n >= 1"):
        wilson_interval(count, n)


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match="n >= 2"):
        mean_interval(1, 5, 25)
    with pytest.raises(ValueError, match="differ"):
        bootstrap_interval([3, 3, 3], seed=1)
