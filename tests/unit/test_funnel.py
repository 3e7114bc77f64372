"""Funnels at their edges: where a class changes, which side is the good one, and what is refused."""

from __future__ import annotations

import pytest

from kneewise.statistics.funnel import (
    CLASS_MINIMUM,
    STATUSES,
    arcsine_limits,
    estimate_overdispersion,
    mean_curve,
    mean_funnel,
    mean_limits,
    proportion_funnel,
    proportion_limits,
    ratio_funnel,
    ratio_limits,
    ratio_limits_with_overdispersion,
)


def status_of(mean: float, size: int = 100, **options) -> str:
    """The class of a unit around 0, where a single value has a standard deviation of 10."""
    return mean_funnel(["A"], [size], [mean], target=0.0, sd=10.0, **options).units[0].status


@pytest.mark.parametrize(
    ("mean", "higher", "lower"),
    [
        (1.9599, "not an outlier", "not an outlier"), (1.9600, "positive 95", "negative 95"),
        (3.0902, "positive 95", "negative 95"), (3.0903, "positive 99.8", "negative 99.8"),
        (-1.9599, "not an outlier", "not an outlier"), (-1.9600, "negative 95", "positive 95"),
        (-3.0903, "negative 99.8", "positive 99.8"), (0.0, "not an outlier", "not an outlier"),
    ],
)  # fmt: skip
def test_a_class_changes_at_the_two_quantiles_and_the_better_side_is_positive(mean, higher, lower):
    assert status_of(mean) == higher
    assert status_of(mean, higher_is_better=False) == lower
    assert {higher, lower} <= set(STATUSES)


def test_a_unit_of_29_gets_no_class_however_far_it_is():
    assert CLASS_MINIMUM == 30
    assert status_of(50.0, size=29) == "insufficient records"
    assert status_of(50.0, size=30) == "positive 99.8"
    assert status_of(50.0, size=29, minimum=10) == "positive 99.8"


def test_units_stay_in_the_order_they_came_in():
    funnel = mean_funnel(["b", "a", "c"], [40, 50, 60], [3, 1, 2], target=2, sd=5)
    assert [unit.name for unit in funnel.units] == ["b", "a", "c"]
    assert [unit.value for unit in funnel.units] == [3, 1, 2]


def test_in_proportions_and_ratios_too_the_better_side_is_positive():
    counts, sizes = [20, 90, 50, 40], [100, 100, 100, 80]
    more = proportion_funnel(list("ABCD"), counts, sizes)
    fewer = proportion_funnel(list("ABCD"), counts, sizes, higher_is_better=False)
    assert [unit.status for unit in more.units][:3] == ["negative 99.8", "positive 99.8", "not an outlier"]
    assert [unit.status for unit in fewer.units][:3] == ["positive 99.8", "negative 99.8", "not an outlier"]
    deaths = ratio_funnel(["few", "many", "hardly any"], [20, 90, 0], [50, 50, 0.5])
    assert [unit.status for unit in deaths.units] == ["positive 99.8", "negative 99.8", "insufficient records"]


def test_overdispersion_widens_the_limits_and_is_nought_where_there_is_none():
    names, sizes = [str(place) for place in range(20)], [100] * 20
    calm = proportion_funnel(names, [50, 48, 52, 49, 51] * 4, sizes, trimming="winsorised")
    wild = proportion_funnel(names, [20, 80, 35, 65, 50] * 4, sizes, trimming="winsorised")
    assert calm.overdispersion.tau_squared == 0
    assert calm.overdispersion.phi < 1
    assert wild.overdispersion.tau_squared > 0
    assert wild.units[0].limits.low_998 < calm.units[0].limits.low_998
    assert calm.units[0].limits == arcsine_limits(100, calm.target)
    assert estimate_overdispersion([1, -1, 2], [0.1] * 3, "none").units == 3
    assert estimate_overdispersion(list(range(20)), [0.1] * 20, "truncated").units < 20
    assert estimate_overdispersion(list(range(20)), [0.1] * 20, "truncated", 0.0).units == 20


def test_a_unit_without_events_has_a_place_on_the_square_root_scale_only():
    found = ratio_funnel(["none", "some"], [0, 30], [12, 20], trimming="winsorised")
    assert found.units[0].z == pytest.approx(-1 / found.units[0].standard_error)
    with pytest.raises(ValueError, match="no logarithm"):
        ratio_funnel(["none", "some"], [0, 30], [12, 20], trimming="winsorised", scale="log")


def test_limits_never_leave_what_a_share_or_a_ratio_can_be():
    for size in (1, 2, 3, 5):
        for limits in (proportion_limits(size, 0.97), arcsine_limits(size, 0.03, 0.2)):
            assert 0 <= limits.low_998 <= limits.low_95 <= limits.high_95 <= limits.high_998 <= 1
        assert ratio_limits_with_overdispersion(size, 0.3).low_998 == 0
        assert ratio_limits(size / 10).low_998 >= 0


def test_the_curve_goes_through_whole_sizes_from_first_to_last():
    curve = mean_curve(10, 805, 17.3, 8.34)
    assert (curve[0].size, curve[-1].size) == (10, 805)
    assert curve[3] == mean_limits(curve[3].size, 17.3, 8.34)
    assert mean_curve(10, 10, 0, 1) == (mean_limits(10, 0, 1),)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: mean_funnel([], [], [], target=0, sd=1), "one size and one mean"),
        (lambda: mean_funnel(["A"], [0], [1], target=0, sd=1), "at least one value"),
        (lambda: mean_funnel(["A"], [30], [float("nan")], target=0, sd=1), "at least one value"),
        (lambda: mean_funnel(["A"], [30], [1], target=0, sd=0), "standard deviation above 0"),
        (lambda: mean_curve(10, 5, 0, 1), "first <= last"),
        (lambda: mean_limits(0, 0, 1), "size above 0"),
        (lambda: proportion_funnel(["A"], [5], [4]), "within 0..size"),
        (lambda: proportion_funnel(["A", "B"], [5], [9]), "one count and one size"),
        (lambda: proportion_funnel(["A", "B"], [0, 0], [9, 9]), "no unit can differ"),
        (lambda: proportion_limits(0, 0.5), "size of at least 1"),
        (lambda: proportion_limits(10, 1.0), "between 0 and 1"),
        (lambda: ratio_funnel(["A"], [5], [0]), "expected ones above 0"),
        (lambda: ratio_funnel(["A"], [5], [3], scale="cube", trimming="none"), "'log' or 'square root'"),
        (lambda: ratio_limits(0), "more than 0 expected"),
        (lambda: estimate_overdispersion([1], [0.1], "trimmed"), "trimming is"),
        (lambda: estimate_overdispersion([1], [0.1], "truncated", 0.5), "below a half"),
        (lambda: estimate_overdispersion([float("inf")], [0.1], "none"), "finite"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
