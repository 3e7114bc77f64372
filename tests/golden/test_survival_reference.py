"""Survival curves against R's `survfit` in its three intervals, published medians, and statsmodels.

`freireich_6mp.csv`: weeks in remission under 6-mercaptopurine or placebo, Freireich EJ et al, Blood 1963;21:699-716, as
printed in Cox DR, J R Stat Soc B 1972;34:187-220. `freireich_6mp_survfit.csv`: what R 4.2.2, survival 3.5-3, makes of it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from kneewise.statistics.survival import cumulative_incidence, kaplan_meier, number_at_risk, risk_table
from tests.outcomes_samples import ROOT

HERE = Path(__file__).parent
SURVIVAL = ROOT.parent / "shared" / "reference" / "survival"
elsewhere = pytest.mark.skipif(not SURVIVAL.exists(), reason="the reference results of R are not on this machine")
ONE_IS_EVENT = {"1": "event", "0": "censored"}
TWO_IS_EVENT = {"2": "event", "1": "censored"}
INTERVALS = ("log", "log-log", "plain")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def values(table: list[dict[str, str]], name: str) -> list[float]:
    """A column of R's; what it leaves empty (nobody left) is NaN."""
    return [float(row[name]) if row[name] else float("nan") for row in table]


def remission(arm: str):
    mine = [row for row in rows(HERE / "freireich_6mp.csv") if row["arm"] == arm]
    return risk_table([float(row["weeks"]) for row in mine], [row["status"] for row in mine], ONE_IS_EVENT)


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("arm", ["6-MP", "placebo"])
def test_the_6mp_trial_is_as_r_has_it(arm, interval):
    reference = [row for row in rows(HERE / "freireich_6mp_survfit.csv") if row["arm"] == arm]
    curve = kaplan_meier(remission(arm), interval=interval)
    assert curve.table.times == tuple(values(reference, "weeks"))
    for mine, theirs in (
        (curve.table.at_risk, "at_risk"), (curve.table.events, "events"), (curve.table.censored, "censored"),
        (curve.survival, "survival"), (curve.standard_error, "standard_error"), (curve.low, f"low_{interval}"),
        (curve.high, f"high_{interval}"),
    ):  # fmt: skip
        assert mine == pytest.approx(values(reference, theirs), abs=1e-9, nan_ok=True)


def test_the_6mp_trial_is_as_the_textbooks_print_it():
    curve = kaplan_meier(remission("6-MP"))
    steps = [share for share, events in zip(curve.survival, curve.table.events, strict=True) if events]
    assert [f"{share:.3f}" for share in steps] == ["0.857", "0.807", "0.753", "0.690", "0.627", "0.538", "0.448"]
    assert (curve.median, kaplan_meier(remission("placebo")).median) == (23, 8)
    assert number_at_risk(curve.table, [0, 6, 10, 20, 35, 36]) == (21, 21, 15, 8, 1, 0)


@elsewhere
@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize(("name", "meaning", "stratum"), [
    ("aml", ONE_IS_EVENT, "x"), ("freireich6mp", ONE_IS_EVENT, "arm"), ("lung_all", TWO_IS_EVENT, None),
])  # fmt: skip
def test_curves_are_as_r_has_them(name, meaning, stratum, interval):
    data = rows(SURVIVAL / f"{name}_data.csv")
    reference = rows(SURVIVAL / f"{name}_km_{interval.replace('-', '')}.csv")
    strata = dict.fromkeys(row["stratum"] for row in reference)
    assert len(strata) == (2 if stratum else 1)
    for label in strata:
        mine = [row for row in data if stratum is None or f"{stratum}={row[stratum]}" == label]
        theirs = [row for row in reference if row["stratum"] == label]
        table = risk_table([float(row["time"]) for row in mine], [row["status"] for row in mine], meaning)
        curve = kaplan_meier(table, interval=interval)
        assert curve.table.times == tuple(values(theirs, "time"))
        for found, column in (
            (curve.table.at_risk, "n.risk"), (curve.table.events, "n.event"), (curve.table.censored, "n.censor"),
            (curve.survival, "surv"), (curve.standard_error, "std.err"), (curve.low, "lower"), (curve.high, "upper"),
        ):  # fmt: skip
            assert found == pytest.approx(values(theirs, column), abs=1e-9, nan_ok=True)


@elsewhere
def test_medians_are_those_that_r_prints():
    """`print(survfit(...))` of R's documentation, with its log interval: lung 310 (285, 363); aml 31 (18, -), 23 (8, -)."""
    lung = rows(SURVIVAL / "lung_all_data.csv")
    curve = kaplan_meier(
        risk_table([float(row["time"]) for row in lung], [row["status"] for row in lung], TWO_IS_EVENT), interval="log"
    )
    assert (curve.table.people, sum(curve.table.events)) == (228, 165)
    assert (curve.median, curve.median_low, curve.median_high) == (310, 285, 363)
    aml = rows(SURVIVAL / "aml_data.csv")
    found = {}
    for arm in ("Maintained", "Nonmaintained"):
        mine = [row for row in aml if row["x"] == arm]
        table = risk_table([float(row["time"]) for row in mine], [row["status"] for row in mine], ONE_IS_EVENT)
        curve = kaplan_meier(table, interval="log")
        found[arm] = (curve.median, curve.median_low, curve.median_high)
    assert found == {"Maintained": (31, 18, None), "Nonmaintained": (23, 8, None)}


def test_curves_and_incidences_agree_with_statsmodels():
    from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

    rng = np.random.default_rng(20)
    times, statuses = rng.integers(1, 40, 300).astype(float), rng.integers(0, 3, 300)
    meaning = {0: "censored", 1: "event", 2: "competing"}
    table = risk_table(times, statuses.tolist(), meaning)
    curve = kaplan_meier(table)
    theirs = SurvfuncRight(times, (statuses == 1).astype(int))
    places = np.searchsorted(table.times, theirs.surv_times)
    assert np.asarray(curve.survival)[places] == pytest.approx(theirs.surv_prob, abs=1e-9)
    assert np.asarray(curve.standard_error)[places] == pytest.approx(theirs.surv_prob_se, abs=1e-9)
    mine = cumulative_incidence(table)
    competing = CumIncidenceRight(times, statuses)
    places = np.searchsorted(table.times, competing.times)
    assert np.asarray(mine.event)[places] == pytest.approx(competing.cinc[0], abs=1e-9)
    assert np.asarray(mine.competing)[places] == pytest.approx(competing.cinc[1], abs=1e-9)
    assert np.asarray(mine.standard_error)[places] == pytest.approx(competing.cinc_se[0], abs=1e-9)
