"""Control charts and run charts: rules, labels, icons, phases, what is left out, and what is refused."""

from __future__ import annotations

import math

import pytest

from kneewise.errors import KneewiseError
from kneewise.statistics.control_charts import ChartRefused, Rebase, Signal, p_chart, u_chart, xmr_chart
from kneewise.statistics.run_charts import anhoej_limits, anhoej_rules, run_chart

# Mean 50, every moving range 4: limits 50 ± 10.64, two thirds of them at 50 ± 7.093.
CALM = [48, 52] * 6
NAN = float("nan")


def chart_of(later, direction="higher", **options):
    """Points after a calm year whose limits hold for them too."""
    return xmr_chart([*CALM, *later], direction=direction, baseline_points=12, **options)


def labels(chart, start=12):
    return [(point.label, point.side) for point in chart.points[start:]]


def rules(chart, start=12):
    return [point.rules for point in chart.points[start:]]


# --- limits ------------------------------------------------------------------------------------------------------


def test_limits_are_the_mean_and_2_66_mean_moving_ranges():
    chart = xmr_chart(CALM, direction="higher")
    assert {(point.lower, point.centre, point.upper) for point in chart.points} == {(50 - 10.64, 50, 50 + 10.64)}
    assert chart.phases[0].mean_moving_range == 4
    assert (chart.kind, chart.signals, chart.variation_icon) == ("XmR", (), "common_cause")
    assert chart.convention == "limits: mean ± 2.66 × mean moving range, large ranges screened; Making Data Count rules"


def test_a_large_range_is_screened_once_and_its_point_stays_in_the_mean():
    values = [*CALM, 90, *CALM]
    screened, every = (xmr_chart(values, direction="higher", screen_moving_ranges=each) for each in (True, False))
    assert screened.phases[0].ranges_screened == 2
    assert screened.phases[0].mean_moving_range == 4
    assert every.phases[0].ranges_screened == 0
    assert every.phases[0].mean_moving_range == pytest.approx((22 * 4 + 38 + 42) / 24)
    assert screened.phases[0].centre == every.phases[0].centre == pytest.approx(sum(values) / 25)
    assert "all ranges used" in every.convention


@pytest.mark.parametrize(("large", "screened"), [(422, 0), (424, 1)])  # 3.264 and 3.275 times the mean range
def test_screening_begins_at_3_267_mean_ranges(large, screened):
    values = [0, 100] * 5 + [0, large]
    assert xmr_chart(values, direction="higher").phases[0].ranges_screened == screened


def test_the_factor_is_named():
    chart = xmr_chart(CALM, direction="higher", factor=3 / 1.128)
    assert chart.points[0].upper == pytest.approx(50 + 4 * 3 / 1.128)
    assert "2.65957" in chart.convention


def test_a_result_cannot_be_changed_and_equals_its_twin():
    chart = chart_of([70])
    assert chart == chart_of([70])
    assert hash(chart) == hash(chart_of([70]))
    with pytest.raises(AttributeError):
        chart.points[0].label = "improvement"


# --- rules and labels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "above", "below"),
    [
        ("higher", "improvement", "concern"),
        ("lower", "concern", "improvement"),
        ("neutral", "neutral", "neutral"),
    ],
)
def test_a_point_outside_its_limits_is_labelled_by_the_direction_of_good(direction, above, below):
    for value, label, side in ((61, above, "high"), (39, below, "low")):
        chart = chart_of([value], direction)
        assert labels(chart) == [(label, side)]
        assert chart.signals == (Signal("outside_limits", (12,)),)
        assert chart.variation_icon == f"{label}_{side}"


def test_a_point_on_its_limit_is_not_outside():
    assert rules(chart_of([50 + 10.64])) == [()]
    assert rules(chart_of([50 - 10.64])) == [()]


def test_six_on_one_side_say_nothing_and_seven_do():
    assert rules(chart_of([48, 53, 51, 53, 51, 53, 51])) == [()] * 7  # the calm year ends above
    found = chart_of([48, 53, 51, 53, 51, 53, 51, 53, 48])
    assert rules(found) == [()] + [("one_side",)] * 7 + [()]
    assert labels(found)[1] == ("improvement", "high")
    assert found.variation_icon == "common_cause"  # the last point


def test_a_point_on_the_mean_ends_a_run():
    assert rules(chart_of([48, 53, 51, 53, 50, 51, 53, 51])) == [()] * 8


def test_a_trend_is_labelled_by_where_it_goes_not_where_it_is():
    rising_below_the_mean = chart_of([40, 41, 42, 43, 44, 45, 46])
    assert {point.rules[0] for point in rising_below_the_mean.points[12:]} == {"trend"}
    assert labels(rising_below_the_mean) == [("improvement", "high")] * 7
    assert rising_below_the_mean.points[14].rules == ("trend", "two_of_three", "one_side")


def test_six_steps_make_a_trend_and_an_equal_value_breaks_it():
    assert all("trend" in each for each in rules(chart_of([47, 48, 49, 50, 51, 52, 53])))
    assert not any("trend" in each for each in rules(chart_of([47, 48, 49, 50, 50, 51, 52, 53])))


def test_standing_still_after_a_trend_undoes_nothing():
    chart = chart_of([47, 48, 49, 50, 51, 52, 53, *[53] * 6])
    assert [("trend" in each) for each in rules(chart)] == [True] * 7 + [False] * 6


def test_where_two_trends_meet_the_later_one_counts():
    chart = chart_of([47, 48, 49, 50, 51, 52, 53, 52, 51, 50, 49, 48, 47])
    assert labels(chart)[5:8] == [("improvement", "high"), ("concern", "low"), ("concern", "low")]


def test_outside_the_limits_counts_before_the_trend_it_ends():
    chart = chart_of([62, 57, 55, 54, 53, 52, 51])
    assert chart.points[12].rules == ("outside_limits", "trend", "one_side")
    assert labels(chart)[:2] == [("improvement", "high"), ("concern", "low")]


def test_near_begins_at_two_thirds_of_the_way():
    assert rules(chart_of([51, 57.1, 57.1])) == [(), ("two_of_three",), ("two_of_three",)]
    assert rules(chart_of([51, 57.0, 57.0])) == [(), (), ()]


def test_two_of_three_near_a_limit():
    assert rules(chart_of([58, 51, 58])) == [("two_of_three",), (), ("two_of_three",)]
    assert rules(chart_of([58, 51, 51, 58])) == [()] * 4
    assert rules(chart_of([58, 49, 58])) == [()] * 3  # all three must be on that side
    assert rules(chart_of([58, 51, 70])) == [(), (), ("outside_limits",)]  # outside is not near
    assert labels(chart_of([42, 42]), 12) == [("common_cause", None)] * 2  # 52 before them is on the other side
    assert labels(chart_of([48, 42, 42]), 12)[1:] == [("concern", "low")] * 2


# --- icons -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "higher", "lower"),
    [
        (39, "consistently_passes", "consistently_fails"),
        (50, "hit_and_miss", "hit_and_miss"),
        (62, "consistently_fails", "consistently_passes"),
        (50 + 10.64, "hit_and_miss", "hit_and_miss"),
        (50 - 10.64, "hit_and_miss", "hit_and_miss"),
        (-1e6, "consistently_passes", "consistently_fails"),
        (1e6, "consistently_fails", "consistently_passes"),
    ],
)
def test_assurance(target, higher, lower):
    assert xmr_chart(CALM, direction="higher", target=target).assurance_icon == higher
    assert xmr_chart(CALM, direction="lower", target=target).assurance_icon == lower
    assert xmr_chart(CALM, direction="neutral", target=target).assurance_icon is None
    assert xmr_chart(CALM, direction="higher").assurance_icon is None


def test_assurance_after_new_limits_is_about_the_new_limits():
    values = [*CALM, *(each + 40 for each in CALM)]
    options = {"direction": "higher", "target": 70}
    assert xmr_chart(values[:12], **options).assurance_icon == "consistently_fails"
    assert xmr_chart(values, rebases=[Rebase("13", "a new class")], **options).assurance_icon == "consistently_passes"
    too_short = xmr_chart(values[:15], rebases=[Rebase("13", "a new class")], **options)
    assert (too_short.assurance_icon, too_short.variation_icon) == (None, "not_judged")


def test_icons_speak_of_the_last_mature_point():
    chart = chart_of([70, 10], immature=[False] * 13 + [True], target=30)
    assert chart.variation_icon == "improvement_high"
    assert chart.assurance_icon == "consistently_passes"


# --- phases ------------------------------------------------------------------------------------------------------


def test_a_frozen_baseline_does_not_move_with_later_points():
    calm, later = xmr_chart(CALM, direction="higher"), chart_of([80, 20, 80])
    assert later.phases[0].n_used == 12
    assert {(point.lower, point.upper) for point in later.points} == {(calm.points[0].lower, calm.points[0].upper)}
    assert "from the first 12 points of each phase" in later.convention


def test_new_limits_begin_where_they_are_asked_for_and_say_why():
    months = [f"2024-{month:02}" for month in range(1, 13)] + [f"2025-{month:02}" for month in range(1, 13)]
    values = [*CALM, *(each * 2 for each in CALM)]
    chart = xmr_chart(values, direction="higher", names=months, rebases=[Rebase("2025-01", " classes twice a week ")])
    assert [(phase.first, phase.last, phase.reason) for phase in chart.phases] == [
        (0, 11, ""), (12, 23, "classes twice a week"),
    ]  # fmt: skip
    assert [(phase.centre, phase.mean_moving_range) for phase in chart.phases] == [(50, 4), (100, 8)]
    assert [point.phase for point in chart.points] == [0] * 12 + [1] * 12
    assert chart.points[12].name == "2025-01"
    assert chart.signals == ()  # no range and no run across the change


def test_new_limits_may_be_given_in_any_order_and_each_phase_has_its_baseline():
    values = [*CALM, *(each + 40 for each in CALM), *(each + 80 for each in CALM)]
    rebases = [Rebase("25", "second"), Rebase("13", "first")]
    chart = xmr_chart(values, direction="higher", rebases=rebases, baseline_points=6)
    assert [(phase.reason, phase.centre, phase.n_used) for phase in chart.phases] == [
        ("", 50, 6), ("first", 90, 6), ("second", 130, 6),
    ]  # fmt: skip


@pytest.mark.parametrize("reason", ["", "   ", "\n", None])
def test_new_limits_without_a_reason_are_refused(reason):
    with pytest.raises(ChartRefused, match="need a reason"):
        Rebase("13", reason)


@pytest.mark.parametrize(
    ("rebases", "words"),
    [
        ([Rebase("1", "why")], "after its first"),
        ([Rebase("13", "why")], "after its first"),
        ([Rebase("7", "why"), Rebase("7", "again")], "asked for twice"),
    ],
)
def test_new_limits_where_they_cannot_begin_are_refused(rebases, words):
    with pytest.raises(ChartRefused, match=words):
        xmr_chart(CALM, direction="higher", rebases=rebases)


@pytest.mark.parametrize(("n", "state"), [(1, "too_few_points"), (5, "too_few_points"), (6, "provisional"),
                                          (11, "provisional"), (12, "firm")])  # fmt: skip
def test_short_series_have_provisional_limits_or_none(n, state):
    charts = [
        xmr_chart(CALM[:n], direction="higher", target=0),
        p_chart(CALM[:n], [100] * n, direction="higher", target=0),
        p_chart(CALM[:n], [100] * n, direction="higher", target=0, laney=False),
        u_chart(CALM[:n], [100] * n, direction="higher", target=0),
    ]
    for chart in charts:
        assert chart.phases[0].state == state
        if state == "too_few_points":
            assert {(point.lower, point.centre, point.upper) for point in chart.points} == {(None, None, None)}
            assert {point.label for point in chart.points} == {"not_judged"}
            assert (chart.variation_icon, chart.assurance_icon) == ("not_judged", None)


def test_a_short_baseline_makes_limits_provisional_however_long_the_series():
    assert xmr_chart(CALM * 3, direction="higher", baseline_points=11).phases[0].state == "provisional"


# --- nothing varies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 7, 0.1, 1 / 3, 1e9 + 0.1])
def test_a_constant_series_has_a_centre_and_no_limits(value):
    for n in (12, 13, 29):
        chart = xmr_chart([value] * n, direction="higher", target=value)
        assert chart.phases[0].state == "no_variation"
        assert {(point.lower, point.centre, point.upper) for point in chart.points} == {(None, value, None)}
        assert (chart.variation_icon, chart.assurance_icon, chart.signals) == ("not_judged", None, ())


def test_rounding_is_no_variation_and_no_side():
    assert 0.1 + 0.2 != 0.3
    for screen in (True, False):
        flat = xmr_chart([0.3, 0.1 + 0.2] * 6, direction="higher", screen_moving_ranges=screen)
        assert flat.phases[0].state == "no_variation"
    tenths = xmr_chart([0.7, 0.1] * 6 + [0.4] * 7, direction="higher", baseline_points=12)
    assert tenths.phases[0].centre != 0.4
    assert tenths.signals == ()  # the mean comes out a little off 0.4
    steps = [0.0, 0.1, 0.2, 0.3, 0.1 + 0.2, 0.4, 0.5]
    assert xmr_chart([0.1, 0.9] * 6 + steps, direction="higher", baseline_points=12).signals == ()


def test_a_constant_baseline_judges_nothing_after_it():
    chart = xmr_chart([5] * 12 + [9], direction="higher", baseline_points=12)
    assert labels(chart) == [("not_judged", None)]


def test_screening_can_leave_no_variation():
    values = [5] * 11 + [9] + [5] * 11
    assert xmr_chart(values, direction="higher").phases[0].state == "no_variation"
    assert xmr_chart(values, direction="higher", screen_moving_ranges=False).phases[0].state == "firm"


@pytest.mark.parametrize("laney", [True, False])
@pytest.mark.parametrize(("counts", "centre"), [([0] * 12, 0), ([20] * 12, 1)])
def test_all_or_none_have_no_limits(laney, counts, centre):
    chart = p_chart(counts, [20] * 12, direction="higher", laney=laney)
    assert (chart.phases[0].state, chart.phases[0].centre) == ("no_variation", centre)


def test_equal_shares_have_limits_by_chance_but_none_by_laney():
    counts, sizes = [2, 4, 6] * 4, [10, 20, 30] * 4
    assert p_chart(counts, sizes, direction="higher", laney=False).phases[0].state == "firm"
    assert p_chart(counts, sizes, direction="higher").phases[0].state == "no_variation"
    assert u_chart(counts, sizes, direction="higher").phases[0].state == "no_variation"


# --- missing and immature ----------------------------------------------------------------------------------------


def test_immature_points_are_drawn_and_do_nothing_else():
    mask = [False] * 12 + [True] * 7
    chart = xmr_chart([*CALM, 0, 1, 2, 3, 4, 5, 6], direction="higher", immature=mask)
    alone = xmr_chart(CALM, direction="higher")
    assert chart.points[:12] == alone.points
    assert [(point.value, point.immature, point.label, point.rules) for point in chart.points[12:14]] == [
        (0, True, "not_judged", ()), (1, True, "not_judged", ()),
    ]  # fmt: skip
    assert chart.points[-1].upper == alone.points[0].upper  # the lines go on
    assert (chart.variation_icon, chart.signals) == (alone.variation_icon, ())
    assert chart.phases[0].n_used == 12
    assert "immature points left out" in chart.convention


@pytest.mark.parametrize("missing", [None, NAN])
def test_a_missing_point_is_a_gap(missing):
    chart = xmr_chart([*CALM, missing, 80, *CALM], direction="higher", screen_moving_ranges=False)
    # 11 + 11 ranges of 4, and 80 to 48; none across the gap.
    assert chart.phases[0].mean_moving_range == pytest.approx((22 * 4 + 32) / 23)
    gap = chart.points[12]
    assert (gap.value, gap.label, gap.immature, gap.rules) == (None, "not_judged", False, ())
    assert gap.upper == chart.points[0].upper


def test_the_rules_count_on_over_a_gap():
    found = chart_of([48, 53, 51, 53, None, 51, 53, 51, 53, 48])
    assert rules(found) == [()] + [("one_side",)] * 3 + [()] + [("one_side",)] * 4 + [()]


def test_points_without_neighbours_have_too_few_moving_ranges():
    alternating = [each for value in CALM for each in (value, None)]
    assert xmr_chart(alternating, direction="higher").phases[0].state == "too_few_points"
    pairs = [48, 52, None] * 4
    assert xmr_chart(pairs, direction="higher").phases[0].state == "too_few_points"
    assert xmr_chart([*pairs, 48, 52], direction="higher").phases[0].state == "provisional"
    shares = p_chart(pairs, [100] * 12, direction="higher")
    assert (shares.phases[0].state, shares.phases[0].n_used) == ("too_few_points", 8)


def test_an_enormous_immature_value_hides_nothing():
    mask = [False] * 13 + [True]
    assert labels(chart_of([70, 1e15], immature=mask))[0] == ("improvement", "high")
    assert xmr_chart([*CALM, 70, 1e15], direction="higher", immature=mask).phases[0].state == "firm"


def test_nothing_measured_at_all():
    chart = xmr_chart([None] * 12, direction="higher", target=1)
    assert (chart.variation_icon, chart.assurance_icon, chart.phases[0].n_used) == ("not_judged", None, 0)
    assert p_chart([None] * 12, [0] * 12, direction="lower").variation_icon == "not_judged"


def test_a_month_without_people_is_a_gap_without_limits():
    chart = p_chart([*CALM, 0, None, 5], [*[100] * 12, 0, 100, None], direction="higher")
    assert [(point.value, point.upper is None) for point in chart.points[12:]] == [
        (None, True), (None, False), (None, True),
    ]  # fmt: skip
    assert chart.points[:12] == p_chart(CALM, [100] * 12, direction="higher").points


# --- counts ------------------------------------------------------------------------------------------------------


def test_montgomery_example_7_1_from_its_totals():
    # Equal samples: the limits depend on the total only. 301 cans of 28 samples of fifty (Montgomery, example 7.1).
    chart = p_chart([11] * 21 + [10] * 7, [50] * 28, direction="lower", laney=False)
    point = chart.points[0]
    assert [round(each, 4) for each in (point.lower, point.centre, point.upper)] == [0.0407, 0.2150, 0.3893]
    assert chart.kind == "p"
    assert chart.phases[0].sigma_z is None


def test_limits_are_clipped_to_what_a_share_or_rate_can_be():
    high = p_chart([9, 10] * 6, [10, 11] * 6, direction="higher", laney=False)
    assert {point.upper for point in high.points} == {1}
    low = u_chart([1, 0] * 6, [10, 20] * 6, direction="lower", laney=False)
    assert {point.lower for point in low.points} == {0}
    assert u_chart([30, 35] * 6, [10, 10] * 6, direction="lower").points[0].upper > 1


def test_limits_are_narrower_where_more_people_were_counted():
    chart = p_chart([20, 80] * 6, [50, 200] * 6, direction="lower", laney=False)
    small, large = chart.points[:2]
    assert small.upper - small.centre == pytest.approx(2 * (large.upper - large.centre))


def test_laney_narrows_limits_of_points_that_vary_less_than_chance():
    chart = p_chart([50, 51] * 10, [100] * 20, direction="higher")
    assert chart.phases[0].sigma_z == pytest.approx(0.01 / math.sqrt(0.505 * 0.495 / 100) / 1.128)
    assert chart.phases[0].sigma_z < 1
    assert chart.kind == "p'"
    assert "sigma z (Laney)" in chart.convention


def test_counts_signal_and_are_labelled_like_values():
    chart = p_chart([*CALM, 90], [100] * 13, direction="higher", baseline_points=12, target=0.2)
    assert chart.signals == (Signal("outside_limits", (12,)),)
    assert (chart.variation_icon, chart.assurance_icon) == ("improvement_high", "consistently_passes")
    lower = u_chart([*CALM, 90], [100] * 13, direction="lower", baseline_points=12, target=0.2)
    assert (lower.variation_icon, lower.assurance_icon) == ("concern_high", "consistently_fails")


# --- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        ([], {}, "at least one value"),
        ([1, math.inf], {}, "infinite"),
        ([1, "much"], {}, "must be a number"),
        ([[1, 2], [3, 4]], {}, "at least one value"),
        (CALM, {"direction": "up"}, "direction of good"),
        (CALM, {"target": NAN}, "target must be a number"),
        (CALM, {"target": "80 %"}, "target must be a number"),
        (CALM, {"factor": 0}, "above 0"),
        (CALM, {"factor": NAN}, "above 0"),
        (CALM, {"baseline_points": 5}, "at least 6"),
        (CALM, {"baseline_points": 0}, "at least 6"),
        (CALM, {"baseline_points": 12.0}, "at least 6"),
        (CALM, {"immature": [True]}, "one true or false"),
        (CALM, {"immature": [1, 2] * 6}, "one true or false"),
        (CALM, {"names": ["a", "b"]}, "all different"),
        (CALM, {"names": ["a"] * 12}, "all different"),
    ],
)
def test_refused(values, options, words):
    with pytest.raises(ChartRefused, match=words) as refusal:
        xmr_chart(values, **{"direction": "higher", **options})
    assert isinstance(refusal.value, KneewiseError)
    assert all(sentence.endswith(".") for sentence in refusal.value.sentences)


@pytest.mark.parametrize(
    ("make", "counts", "sizes", "options", "words"),
    [
        (p_chart, [-1, 2], [5, 5], {}, "negative"),
        (p_chart, [1, 2], [5, -5], {}, "negative"),
        (p_chart, [6, 2], [5, 5], {}, "larger than its denominator"),
        (p_chart, [1, 2], [5, 0], {}, "larger than its denominator"),
        (p_chart, [1.5, 2], [5, 5], {}, "whole number"),
        (p_chart, [1, 2], [5.5, 5], {}, "whole number"),
        (p_chart, [1, 2], [5], {}, "one denominator for each"),
        (p_chart, [], [], {}, "at least one numerator"),
        (p_chart, [1], [5], {"target": 1.01}, "from 0 to 1"),
        (p_chart, [1], [5], {"target": -0.01}, "from 0 to 1"),
        (p_chart, [1], [5], {"laney": False, "screen_moving_ranges": True}, "no moving ranges"),
        (u_chart, [1, 2], [5, 0], {}, "denominator is 0"),
        (u_chart, [-1, 2], [5, 5], {}, "negative"),
        (u_chart, [0.5, 2], [5, 5], {}, "whole number"),
        (u_chart, [1], [5], {"target": -1}, "0 or more"),
        (u_chart, [1], [math.inf], {}, "infinite"),
    ],
)
def test_impossible_counts_are_refused(make, counts, sizes, options, words):
    with pytest.raises(ChartRefused, match=words):
        make(counts, sizes, direction="higher", **options)


def test_a_rate_may_have_any_exposure_and_target():
    chart = u_chart([*CALM, 0], [*[0.5] * 12, 0], direction="lower", target=250)
    assert chart.points[0].value == 96
    assert chart.points[12].value is None
    assert chart.assurance_icon == "consistently_passes"


# --- run charts --------------------------------------------------------------------------------------------------


def test_a_run_chart_counts_runs_and_crossings_of_points_off_the_median():
    chart = run_chart([3, 5, 4, 6, 7, 4, 2, 1, 3, 5, 4, 6])
    assert chart.median == 4
    assert [point.useful for point in chart.points] == [True, True, False, True, True, False] + [True] * 4 + [
        False,
        True,
    ]
    # Below, above x 3, below x 3, above x 2: nine useful points, three crossings.
    assert (chart.rules.n_useful, chart.rules.longest_run, chart.rules.crossings) == (9, 3, 3)
    assert [at for at, point in enumerate(chart.points) if point.in_longest_run] == [1, 3, 4]
    assert chart.convention == "median; Anhøj rules on the points off the median"


def test_fewer_than_ten_useful_points_are_not_judged():
    found = anhoej_rules([1, 2] * 4 + [1], 1.5)
    assert (found.n_useful, found.longest_run, found.crossings) == (9, 1, 8)
    assert (found.longest_run_limit, found.crossings_limit, found.long_run, found.few_crossings, found.signal) == (
        None, None, None, None, None,
    )  # fmt: skip
    assert run_chart([1, 2] * 5).rules.signal is False


def test_a_long_run_and_few_crossings_are_signals():
    # Ten useful points: at most six in a run, at least two crossings.
    assert anhoej_limits(10) == (6, 2)
    halves = run_chart([1] * 5 + [2] * 5).rules
    assert (halves.long_run, halves.few_crossings, halves.signal) == (False, True, True)
    at_its_limit = anhoej_rules([1] * 6 + [2, 2, 1, 2], 1.5)
    assert (at_its_limit.longest_run, at_its_limit.long_run, at_its_limit.signal) == (6, False, False)
    two_crossings = anhoej_rules([1] * 4 + [2] * 3 + [1] * 3, 1.5)
    assert (two_crossings.crossings, two_crossings.few_crossings, two_crossings.signal) == (2, False, False)
    shifted = anhoej_rules([1, 2] * 2 + [2] * 7, 1.5)
    assert (shifted.longest_run, shifted.longest_run_limit, shifted.long_run) == (8, 6, True)
    assert (shifted.few_crossings, shifted.signal) == (False, True)


def test_missing_and_immature_points_count_for_nothing():
    values = [1, 2] * 6
    plain = run_chart(values)
    chart = run_chart([*values[:4], None, NAN, *values[4:], 99, 98], immature=[False] * 14 + [True] * 2)
    assert (chart.rules, chart.median) == (plain.rules, plain.median)
    assert [(point.value, point.useful) for point in chart.points[4:6]] == [(None, False)] * 2
    assert [(point.value, point.useful, point.immature) for point in chart.points[-2:]] == [
        (99, False, True), (98, False, True),
    ]  # fmt: skip
    assert chart.convention.endswith("immature points left out")


def test_run_charts_where_nothing_is_off_the_median():
    for values in ([7], [0.1] * 30, [1 / 3] * 29):
        chart = run_chart(values)
        assert (chart.median, chart.rules.n_useful, chart.rules.longest_run) == (values[0], 0, 0)
    empty = run_chart([None, NAN])
    assert (empty.median, empty.rules.signal) == (None, None)


def test_impossible_run_charts_are_refused():
    with pytest.raises(ChartRefused, match="at least one value"):
        run_chart([])
    with pytest.raises(ChartRefused, match="infinite"):
        run_chart([math.inf])
    with pytest.raises(ChartRefused, match="one for each value"):
        anhoej_rules([1, 2], [1, 2, 3])
    with pytest.raises(ChartRefused, match="one for each value"):
        anhoej_rules([1, 2], NAN)
    with pytest.raises(ChartRefused, match="at least one point"):
        anhoej_limits(0)
