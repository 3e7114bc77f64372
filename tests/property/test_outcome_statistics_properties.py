"""What holds of funnels, survival curves, case mix and the band of the missing, whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneewise.statistics.case_mix import adjust_by_model, cells_of_arrays, fit_case_mix
from kneewise.statistics.funnel import mean_funnel, mean_limits, proportion_limits, ratio_limits
from kneewise.statistics.missing_data import ShareCell, share_band
from kneewise.statistics.survival import cumulative_incidence, kaplan_meier, risk_table, risk_table_from_counts

few = settings(max_examples=60, deadline=None)


@few
@given(st.integers(2, 3000), st.floats(0.02, 0.98))
def test_limits_surround_their_target_and_narrow_with_size(size, target):
    for limits, larger in (
        (proportion_limits(size, target), proportion_limits(4 * size, target)),
        (mean_limits(size, target, 3), mean_limits(4 * size, target, 3)),
        (ratio_limits(size, target), ratio_limits(4 * size, target)),
    ):
        assert limits.low_998 <= limits.low_95 <= target <= limits.high_95 <= limits.high_998
        assert larger.high_998 - larger.low_998 <= limits.high_998 - limits.low_998 + 1e-12


@few
@given(
    st.lists(st.tuples(st.integers(1, 500), st.floats(-40, 40)), min_size=1, max_size=8),
    st.floats(0.5, 30), st.floats(-100, 100), st.floats(0.1, 50),
)  # fmt: skip
def test_a_class_does_not_depend_on_the_unit_or_the_zero_of_the_scale(units, sd, zero, factor):
    sizes, means = [size for size, _ in units], [mean for _, mean in units]
    names = [str(place) for place in range(len(units))]
    plain = mean_funnel(names, sizes, means, target=0.0, sd=sd)
    moved = mean_funnel(names, sizes, [zero + factor * mean for mean in means], target=zero, sd=factor * sd)
    for one, other in zip(plain.units, moved.units, strict=True):
        assert other.z == pytest.approx(one.z, abs=1e-6)
        near_a_limit = min(abs(abs(one.z) - limit) for limit in (1.959964, 3.090232)) < 1e-5
        assert near_a_limit or other.status == one.status


observations = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["event", "competing", "censored"])), min_size=1, max_size=60
)


@few
@given(observations)
def test_curves_fall_within_their_ends_and_shares_add_up(people):
    meaning = {kind: kind for kind in ("event", "competing", "censored")}
    table = risk_table([time for time, _ in people], [kind for _, kind in people], meaning)
    again = risk_table_from_counts(table.times, table.events, table.censored, table.competing)
    assert again == table
    assert table.people == len(people)
    for interval in ("log", "log-log", "plain"):
        curve = kaplan_meier(table, interval=interval)
        assert list(curve.survival) == sorted(curve.survival, reverse=True)
        for low, share, high in zip(curve.low, curve.survival, curve.high, strict=True):
            if share > 0:
                assert 0 <= low <= share + 1e-12
                assert share - 1e-12 <= high <= 1
    incidence = cumulative_incidence(table)
    whole = np.add(np.add(incidence.event, incidence.competing), incidence.event_free)
    assert whole == pytest.approx(np.ones(len(table.times)))
    assert (np.asarray(incidence.event) <= 1 - np.asarray(curve.survival) + 1e-9).all()
    assert all(low - 1e-9 <= share <= high + 1e-9 for low, share, high in
               zip(incidence.low, incidence.event, incidence.high, strict=True))  # fmt: skip


@few
@given(st.integers(0, 2**32 - 1), st.integers(12, 80), st.integers(1, 5))
def test_adjusted_units_add_up_to_the_whole(seed, people, sites):
    rng = np.random.default_rng(seed)
    first, last = rng.integers(0, 48, people).astype(float), rng.integers(0, 48, people).astype(float)
    cells = cells_of_arrays(
        [f"s{each}" for each in rng.integers(0, sites, people)], [(f"a{each}",) for each in rng.integers(0, 3, people)],
        first, last,
    )  # fmt: skip
    model = fit_case_mix(cells, ["age band"])
    adjusted = adjust_by_model(cells, model)
    assert adjusted.n == people
    assert adjusted.overall_change == pytest.approx((last - first).mean())
    assert sum(unit.n * unit.adjusted_change for unit in adjusted.units) == pytest.approx(
        (last - first).sum(), abs=1e-6
    )
    # The model can't fit worse than the mean alone.
    assert model.residual_sd**2 * model.degrees_of_freedom <= last.var() * people + 1e-6


cells = st.lists(
    st.integers(0, 40).flatmap(lambda seen: st.tuples(st.just(seen), st.integers(0, seen), st.integers(0, 30))),
    min_size=1, max_size=5,
).filter(lambda made: any(seen for seen, _, _ in made))  # fmt: skip


@few
@given(cells, st.floats(0, 1))
def test_every_way_the_missing_could_have_fared_lies_in_the_bounds(made, difference):
    band = share_band([ShareCell(str(place), *cell) for place, cell in enumerate(made)], difference=difference)
    readings = [band.lowest, band.plausible_low, band.plausible, band.plausible_high, band.highest]
    assert readings == pytest.approx(sorted(readings), abs=1e-12)
    assert band.lowest - 1e-12 <= band.observed <= band.highest + 1e-12
    responders, people = sum(each[1] for each in made), sum(each[0] + each[2] for each in made)
    for recovered in range(band.missing + 1):
        assert band.lowest - 1e-12 <= (responders + recovered) / people <= band.highest + 1e-12
