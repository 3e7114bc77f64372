"""Control charts and run charts: what must hold for every series."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneewise.statistics.control_charts import p_chart, points_in_trend, points_on_one_side, sides, u_chart, xmr_chart
from kneewise.statistics.run_charts import run_chart

OTHER = {"high": "low", "low": "high", None: None}
SWAPPED = {"higher": "lower", "lower": "higher", "neutral": "neutral"}
TURNED = {"improvement": "concern", "concern": "improvement"}

scattered = st.lists(st.one_of(st.integers(-60, 60), st.none()), min_size=1, max_size=30)
# Series that drift and step, so that every rule fires now and then.
drifting = st.lists(st.integers(-2, 3), min_size=8, max_size=30).map(lambda steps: np.cumsum(steps).tolist())
stepping = st.tuples(
    st.lists(st.integers(-9, 9), min_size=6, max_size=15),
    st.integers(-25, 25),
    st.lists(st.integers(-9, 9), min_size=2, max_size=15),
).map(lambda parts: parts[0] + [each + parts[1] for each in parts[2]])
values = st.one_of(scattered, drifting, stepping)
directions = st.sampled_from(["higher", "lower", "neutral"])
counts = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=25
)


def judgements(chart):
    return [(point.label, point.side, point.rules) for point in chart.points]


def limits(chart):
    return [
        np.nan if each is None else each for point in chart.points for each in (point.lower, point.centre, point.upper)
    ]


def close(found, expected):
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def moved(series, factor, shift):
    return [None if each is None else each * factor + shift for each in series]


@given(values, directions, st.booleans(), st.integers(1, 50), st.integers(-500, 500), st.integers(-80, 80))
def test_shift_and_scale_move_the_limits_and_no_judgement(series, direction, screen, factor, shift, target):
    options = {"direction": direction, "screen_moving_ranges": screen}
    here = xmr_chart(series, target=target, **options)
    there = xmr_chart(moved(series, factor, shift), target=target * factor + shift, **options)
    assert judgements(there) == judgements(here)
    assert there.assurance_icon == here.assurance_icon
    assert [phase.state for phase in there.phases] == [phase.state for phase in here.phases]
    close(limits(there), [each * factor + shift for each in limits(here)])


@given(values, directions, st.integers(-80, 80))
def test_the_other_direction_of_good_swaps_improvement_and_concern(series, direction, target):
    here = xmr_chart(series, direction=direction, target=target)
    there = xmr_chart(series, direction=SWAPPED[direction], target=target)
    turned = [(TURNED.get(label, label), side, rules) for label, side, rules in judgements(here)]
    assert judgements(there) == turned
    assert limits(there) == pytest.approx(limits(here), nan_ok=True)
    turned_assurance = {"consistently_passes": "consistently_fails", "consistently_fails": "consistently_passes"}
    assert there.assurance_icon == turned_assurance.get(here.assurance_icon, here.assurance_icon)


@given(values, directions)
def test_a_mirrored_series_with_the_mirrored_direction_says_the_same(series, direction):
    here = xmr_chart(series, direction=direction)
    there = xmr_chart(moved(series, -1, 0), direction=SWAPPED[direction])
    assert judgements(there) == [(label, OTHER[side], rules) for label, side, rules in judgements(here)]


@given(counts, directions, st.booleans())
def test_counting_the_others_mirrors_the_share(pairs, direction, laney):
    events, people = [k for k, _ in pairs], [n for _, n in pairs]
    here = p_chart(events, people, direction=direction, laney=laney)
    there = p_chart([n - k for k, n in pairs], people, direction=SWAPPED[direction], laney=laney)
    assert judgements(there) == [(label, OTHER[side], rules) for label, side, rules in judgements(here)]
    close([point.centre and 1 - point.centre for point in there.points if point.lower is not None],
          [point.centre for point in here.points if point.lower is not None])  # fmt: skip
    close([1 - point.upper for point in there.points if point.lower is not None],
          [point.lower for point in here.points if point.lower is not None])  # fmt: skip


@given(values, st.data())
def test_immature_points_change_nothing(series, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(series), max_size=len(series)))
    others = data.draw(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=len(series), max_size=len(series)))
    changed = [other if out else value for value, other, out in zip(series, others, mask, strict=True)]
    for draw in (lambda given: xmr_chart(given, direction="higher", immature=mask, target=3),
                 lambda given: run_chart(given, immature=mask)):  # fmt: skip
        here, there = draw(series), draw(changed)
        assert replace(there, points=()) == replace(here, points=())
        for before, after in zip(here.points, there.points, strict=True):
            assert after == (replace(before, value=after.value) if before.immature else before)


@given(values, st.lists(st.integers(-1000, 1000), max_size=9))
def test_immature_points_at_the_end_are_as_if_not_there(series, open_months):
    mask = [False] * len(series) + [True] * len(open_months)
    alone, longer = (
        xmr_chart(series, direction="lower"),
        xmr_chart(series + open_months, direction="lower", immature=mask),
    )
    assert longer.points[: len(series)] == alone.points
    assert longer.signals == alone.signals
    assert longer.variation_icon == alone.variation_icon
    assert all(point.label == "not_judged" and not point.rules for point in longer.points[len(series) :])


@given(counts, st.data())
def test_immature_counts_change_nothing(pairs, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    seen = [(k, n) for (k, n) in pairs]
    changed = [(n - k, n) if out else (k, n) for (k, n), out in zip(seen, mask, strict=True)]
    here, there = (
        p_chart([k for k, _ in each], [n for _, n in each], direction="higher", immature=mask)
        for each in (seen, changed)
    )
    assert replace(there, points=()) == replace(here, points=())
    assert limits(there) == pytest.approx(limits(here), nan_ok=True)


@given(counts)
def test_laneys_share_and_rate_have_the_same_limits_until_clipped(pairs):
    events, people = [k for k, _ in pairs], [n for _, n in pairs]
    share, rate = p_chart(events, people, direction="higher"), u_chart(events, people, direction="higher")
    for one, other in zip(share.points, rate.points, strict=True):
        if one.lower is not None and other.lower is not None:
            close((one.lower, one.centre, one.upper), (other.lower, other.centre, min(1.0, other.upper)))


@given(counts, st.integers(2, 1000), st.booleans())
def test_a_rate_per_another_unit_is_the_same_chart(pairs, unit, laney):
    events, exposure = [k for k, _ in pairs], [n for _, n in pairs]
    here = u_chart(events, exposure, direction="lower", laney=laney)
    there = u_chart(events, [n / unit for n in exposure], direction="lower", laney=laney)
    assert judgements(there) == judgements(here)
    assert limits(there) == pytest.approx([each * unit for each in limits(here)], nan_ok=True)


@given(counts, st.booleans())
def test_limits_lie_around_the_centre_and_within_what_is_possible(pairs, laney):
    chart = p_chart([k for k, _ in pairs], [n for _, n in pairs], direction="higher", laney=laney)
    for point in chart.points:
        if point.lower is not None:
            assert 0 <= point.lower <= point.centre <= point.upper <= 1
        assert bool(point.rules) == (point.label in ("improvement", "concern"))
    for signal in chart.signals:
        assert all(signal.rule in chart.points[at].rules for at in signal.points)


@settings(max_examples=200)
@given(st.lists(st.integers(-1, 1), max_size=40))
def test_seven_on_one_side_are_runs_counted_another_way(side):
    expected = [
        mark
        for value, group in groupby(side)
        for length in [len(list(group))]
        for mark in [value if length >= 7 else 0] * length
    ]
    assert points_on_one_side(np.array(side, dtype=int)).tolist() == expected


@settings(max_examples=200)
@given(st.lists(st.sampled_from([-1, 0, 1, 1, 1]), max_size=40), st.integers(-9, 9))
def test_a_trend_is_six_equal_steps_counted_another_way(steps, start):
    series = np.cumsum([start, *steps]).astype(float)
    expected, at = [0] * len(series), 0
    for step, group in groupby(steps):
        length = len(list(group))
        if step and length >= 6:
            expected[at : at + length + 1] = [step] * (length + 1)
        at += length
    assert points_in_trend(series).tolist() == expected
    assert sides(series[1:], series[:-1]).tolist() == steps


@given(values, st.integers(1, 50), st.integers(-500, 500), st.sampled_from([1, -1]))
def test_a_run_chart_says_the_same_shifted_scaled_and_mirrored(series, factor, shift, sign):
    here, there = run_chart(series), run_chart(moved(series, sign * factor, shift))
    assert there.rules == here.rules
    assert [point.useful for point in there.points] == [point.useful for point in here.points]
    found = here.rules
    assert found.longest_run + found.crossings <= max(found.n_useful, 0)
