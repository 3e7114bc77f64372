"""Case mix from sums against statsmodels' ordinary least squares on the same people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kneewise.statistics.case_mix import (
    CaseMixCell,
    ExpectedCell,
    adjust_by_expected,
    adjust_by_model,
    cells_of_arrays,
    fit_case_mix,
)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Five sites with patients of their own kind; only site 'E' does worse than its patients explain."""
    rng = np.random.default_rng(5)
    n = 600
    frame = pd.DataFrame({"site": rng.choice(list("ABCDE"), n), "age": rng.choice(["under 60", "60 to 69", "70 on"], n),
                          "sex": rng.choice(["female", "male"], n)})  # fmt: skip
    frame["first"] = np.round(rng.normal(20, 7, n) - 8 * (frame["site"] == "A"))
    frame["last"] = np.round(
        20 + 0.6 * frame["first"] + 3 * (frame["age"] == "under 60") - 2 * (frame["sex"] == "male")
        - 5 * (frame["site"] == "E") + rng.normal(0, 8, n)
    )  # fmt: skip
    return frame


def cells_of(frame: pd.DataFrame, *categories: str) -> tuple[CaseMixCell, ...]:
    """The cells as a database would add them up."""
    frame = frame.assign(first2=frame["first"] ** 2, last2=frame["last"] ** 2, both=frame["first"] * frame["last"], n=1)
    sums = frame.groupby(["site", *categories])[["n", "first", "last", "first2", "last2", "both"]].sum().reset_index()
    return tuple(
        CaseMixCell(row["site"], tuple(row[name] for name in categories), row["n"], row["first"], row["last"],
                    row["first2"], row["last2"], row["both"])
        for _, row in sums.iterrows()
    )  # fmt: skip


def test_sums_give_what_statsmodels_gives_from_the_people(people):
    import statsmodels.formula.api as formula

    reference = formula.ols("last ~ first + C(age) + C(sex)", people).fit()
    model = fit_case_mix(cells_of(people, "age", "sex"), ["age", "sex"])
    named = {f"C({name})[T.{value}]": f"{name}: {value}" for name in ("age", "sex") for value in people[name].unique()}
    named |= {"Intercept": "intercept", "first": "first score"}
    found = dict(zip(model.terms, model.coefficients, strict=True))
    assert {named[name] for name in reference.params.index} == set(found)
    for name, value in reference.params.items():
        assert found[named[name]] == pytest.approx(value, abs=1e-6)
    assert model.residual_sd == pytest.approx(np.sqrt(reference.scale), abs=1e-6)
    assert model.degrees_of_freedom == reference.df_resid
    adjusted = adjust_by_model(cells_of(people, "age", "sex"), model)
    change = people["last"] - people["first"]
    for unit in adjusted.units:
        mine = people["site"] == unit.name
        assert unit.n == mine.sum()
        assert unit.observed == pytest.approx(people.loc[mine, "last"].mean(), abs=1e-9)
        assert unit.expected == pytest.approx(reference.fittedvalues[mine].mean(), abs=1e-6)
        assert unit.adjusted_change == pytest.approx(change.mean() + reference.resid[mine].mean(), abs=1e-6)


def test_adjusting_tells_worse_patients_from_a_worse_site(people):
    cells = cells_of(people, "age", "sex")
    adjusted = {unit.name: unit for unit in adjust_by_model(cells, fit_case_mix(cells, ["age", "sex"])).units}
    crude = people.groupby("site")["last"].mean() - people["last"].mean()
    assert crude["A"] < -1.5  # its patients began worse
    assert abs(adjusted["A"].difference) < 1.5
    assert adjusted["E"].difference < -2.5
    assert sum(unit.n * unit.difference for unit in adjusted.values()) == pytest.approx(0, abs=1e-6)


def test_people_and_their_sums_give_the_same_model(people):
    single = cells_of_arrays(
        people["site"].tolist(), list(zip(people["age"], people["sex"], strict=True)), people["first"], people["last"]
    )
    one, other = fit_case_mix(single, ["age", "sex"]), fit_case_mix(cells_of(people, "age", "sex"), ["age", "sex"])
    assert one.coefficients == pytest.approx(other.coefficients, abs=1e-9)
    assert one.residual_sd == pytest.approx(other.residual_sd, abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 1e5])
def test_what_says_nothing_gets_no_coefficient(people, shift):
    """A category said twice, one with a single value, a first score that never differs: the rest is as without them."""
    frame = people.assign(again=people["age"], all_one="x", first=people["first"] + shift)
    plain = fit_case_mix(cells_of(frame, "age"), ["age"])
    doubled = fit_case_mix(cells_of(frame, "age", "again", "all_one"), ["age", "again", "all_one"])
    assert doubled.degrees_of_freedom == plain.degrees_of_freedom
    assert doubled.residual_sd == pytest.approx(plain.residual_sd, abs=1e-6)
    flat = fit_case_mix(cells_of(frame.assign(first=7.0 + shift)), [])
    assert flat.coefficients == pytest.approx((people["last"].mean(), 0.0), abs=1e-6)
    assert flat.residual_sd == pytest.approx(people["last"].std(ddof=1), abs=1e-6)


def test_expected_scores_that_came_with_the_data_are_centred():
    expected = np.array([30.0, 31.0, 29.0, 33.0, 35.0, 28.0])
    last = np.array([33.0, 35.0, 30.0, 34.0, 39.0, 26.0])
    sites = np.array(list("AAABBB"))
    cells = [
        ExpectedCell(site, 3, last[sites == site].sum(), expected[sites == site].sum(),
                     ((last - expected)[sites == site] ** 2).sum())
        for site in "BA"
    ]  # fmt: skip
    adjusted = adjust_by_expected(cells, overall_change=12.0)
    residuals = last - expected
    assert [unit.name for unit in adjusted.units] == ["A", "B"]
    assert adjusted.residual_sd == pytest.approx(residuals.std(ddof=1))
    for unit in adjusted.units:
        own = residuals[sites == unit.name].mean() - residuals.mean()
        assert unit.difference == pytest.approx(own)
        assert unit.adjusted_change == pytest.approx(12.0 + own)
    assert sum(unit.n * unit.difference for unit in adjusted.units) == pytest.approx(0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: fit_case_mix([], []), "at least one person"),
        (lambda: fit_case_mix([CaseMixCell("A", ("x",), 3, 1, 1, 1, 1, 1)], []), "one value per category"),
        (lambda: fit_case_mix([CaseMixCell("A", (), 2, 3, 5, 5, 13, 8)], []), "more people than"),
        (lambda: cells_of_arrays(["A"], [()], [1.0], [float("nan")]), "both scores"),
        (lambda: cells_of_arrays(["A", "B"], [()], [1.0], [2.0]), "one value per person"),
        (lambda: adjust_by_expected([ExpectedCell("A", 1, 2, 2, 0)], 1.0), "two people"),
    ],
)
def test_what_cannot_be_adjusted_is_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_patient_of_a_kind_the_model_has_not_seen_is_refused(people):
    model = fit_case_mix(cells_of(people, "sex"), ["sex"])
    with pytest.raises(ValueError, match="not seen sex 'not recorded'"):
        adjust_by_model([CaseMixCell("A", ("not recorded",), 1, 10, 20, 100, 400, 200)], model)
