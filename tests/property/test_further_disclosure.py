"""Whatever the counts, the makers of the further answers tell of no 1 to 9 people, and no more than rounded counts do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from kneewise.disclosure.control_chart import PeriodCell, release_control_chart
from kneewise.disclosure.interventions import TreatmentCell, release_interventions
from kneewise.disclosure.like_mine import WeekCell, release_like_mine
from kneewise.disclosure.missing import release_missing
from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.quality import QualityCell, release_quality
from kneewise.disclosure.recovery import RecoveryCell, _merged, _middle, release_recovery, shared_steps
from kneewise.disclosure.released import HIDDEN_BY_GROUP, ReleasedContext, ReleasedShare, count_beside
from kneewise.errors import DisclosureRefused
from kneewise.statistics.missing_data import ShareCell

SHARED, OWN = read_policy(), read_policy("own")
THRESHOLD = SHARED.threshold
CONTEXT = ReleasedContext(
    instrument="instrument.akps", instrument_name="AKPS", minimum=0, maximum=100, higher_is_better=True,
    direction="higher is better", source="s", source_label="S", population="", attribution="", day_note="", synthetic=True,
    version="v", group_by=None, only=(), notes=(), policy="p 1",
)  # fmt: skip
SHARE = ReleasedShare(50, 100, 50, 40, 60, "50 % (50 of 100)")
FEW = settings(max_examples=60, deadline=None)


def like(count: int, data) -> int:
    """Another count that rounds to the same number and is no smaller than the threshold."""
    others = [other for other in range(max(THRESHOLD, count - 4), count + 5) if (other + 2) // 5 == (count + 2) // 5]
    return data.draw(some.sampled_from(others))


# --- over time


def chart(cells, policy, measure="improved"):
    return release_control_chart(
        CONTEXT, SHARE, cells, measure=measure, measure_name="m", period="quarter", target=None, rebases=(), warnings=(),
        policy=policy,
    )  # fmt: skip


LARGE_PERIODS = some.lists(some.tuples(some.integers(10, 60), some.integers(10, 60)), min_size=2, max_size=14)


@FEW
@given(LARGE_PERIODS, some.data())
def test_a_shared_chart_says_no_more_than_its_rounded_counts(periods, data):
    exact = [(place, better, better + others) for place, (better, others) in enumerate(periods)]
    moved = [(place, like(count, data), people) for place, count, people in exact]
    moved = [(place, count, like(people, data)) for place, count, people in moved]
    assume(all(people - count >= THRESHOLD for _, count, people in moved))
    one, other = (
        chart([PeriodCell(f"{place}", people, count=count) for place, count, people in found], SHARED)
        for found in (exact, moved)
    )
    assert one == other
    assert all(point.n % SHARED.round_to == 0 for point in one.points)


@FEW
@given(some.lists(some.tuples(some.integers(0, 30), some.integers(0, 30)), min_size=2, max_size=8))
def test_a_point_of_few_people_is_hidden_in_the_own_mode_and_refused_in_the_shared_one(periods):
    cells = [PeriodCell(f"{place}", one + other, count=one) for place, (one, other) in enumerate(periods)]
    small = [min(pair) < THRESHOLD for pair in periods]
    if len(small) - sum(small) < 2:
        with pytest.raises(DisclosureRefused):
            chart(cells, OWN)
    else:
        points = chart(cells, OWN).points
        assert [point.hidden for point in points] == small
        assert all((point.n, point.centre, point.rules) == (None, None, ()) for point in points if point.hidden)
    if any(small):
        with pytest.raises(DisclosureRefused):
            chart(cells, SHARED)


@pytest.mark.parametrize("parts", [(9, 40), (40, 0), (40, 3)])
def test_what_could_be_worked_out_beside_a_count_is_checked_too(parts):
    cells = [PeriodCell("1", 80, parts=(40, 40)), PeriodCell("2", 80, parts=parts)]
    with pytest.raises(DisclosureRefused):
        chart(cells, SHARED, "episodes")


# --- time to recovery

DAYS = some.sampled_from([3, 39, 42, 45, 47, 80, 84, 88, 93, 340, 364, 380])


@some.composite
def groups(draw):
    made = {}
    for name in ("a", "b", "c")[: draw(some.integers(1, 3))]:
        days = sorted(draw(some.sets(DAYS, min_size=1)))
        counts = some.lists(some.integers(0, 25), min_size=len(days), max_size=len(days))
        made[name] = RecoveryCell(tuple(days), tuple(draw(counts)), tuple(draw(counts)))
    return made


def recovery(cells, policy):
    return release_recovery(CONTEXT, cells, list(cells), SHARE, (10, "seen"), policy)


def in_weeks(cell: RecoveryCell, counts, step) -> int:
    return sum(n for day, n in zip(cell.days, counts, strict=True) if step.first <= -(-day // 7) <= step.last)


@settings(max_examples=150, deadline=None)
@given(groups())
def test_no_step_of_any_curve_stands_for_few_people(cells):
    whole = {
        "all": RecoveryCell(
            *(tuple(itertools.chain.from_iterable(getattr(cell, name) for cell in cells.values())) for name in ("days", "events", "censored"))
        )
    }  # fmt: skip
    try:
        steps = shared_steps(cells, SHARED)
    except DisclosureRefused:
        assert any(min(sum(cell.events), sum(cell.censored)) < THRESHOLD for cell in cells.values())
        return
    for kind, found, of_whole in zip(("events", "censored"), steps, shared_steps(whole, SHARED), strict=True):
        assert {step.last for step in found} <= {step.last for step in of_whole}
        for cell in cells.values():
            inside = [in_weeks(cell, getattr(cell, kind), step) for step in found]
            assert min(inside) >= THRESHOLD
            assert sum(inside) == sum(getattr(cell, kind))
    try:
        curves = recovery(cells, SHARED).groups
    except DisclosureRefused:
        return
    for curve in curves:
        percents = [step.percent for step in curve.steps]
        assert percents == sorted(percents)
        assert max(percents) < 100
        assert all(step.low_percent <= step.percent <= step.high_percent for step in curve.steps)
        left = [people for _, people in curve.at_risk]
        assert all(people % SHARED.round_to == 0 for people in left)
        assert all(one == other or one - other >= THRESHOLD for one, other in itertools.pairwise(left))


@settings(max_examples=80, deadline=None)
@given(
    some.integers(1, 2).flatmap(
        lambda rows: some.lists(some.lists(some.integers(0, 12), min_size=rows, max_size=rows), min_size=1, max_size=8)
    ),
    some.lists(some.integers(1, 20), min_size=8, max_size=8),
)
def test_weeks_are_merged_in_the_way_that_moves_people_least(columns, gaps):
    counts = np.array(columns).T
    weeks = np.cumsum(gaps)[: counts.shape[1]]
    keep = counts.sum(axis=0) > 0
    counts, weeks = counts[:, keep], weeks[keep]
    n = len(weeks)

    def cost(ends):
        total = 0
        for begin, end in itertools.pairwise(ends):
            part = counts[:, begin:end]
            if part.sum(axis=1).min() < THRESHOLD:
                return None
            total += (part.sum(axis=0) * np.abs(weeks[begin:end] - _middle(weeks[begin:end], part.sum(axis=0)))).sum()
        return total

    ways = (
        (0, *cuts, n) for size in range(n) for cuts in itertools.combinations(range(1, n), size)
    )  # fmt: skip
    costs = [each for each in map(cost, ways) if each is not None] if n else []
    found = _merged(counts, weeks, [(place, place) for place in range(n)], THRESHOLD)
    if not costs:
        assert found == []
    else:
        assert cost((0, *(last + 1 for _, last in found))) == min(costs)


@FEW
@given(groups())
def test_an_own_curve_goes_no_further_than_enough_people(cells):
    try:
        curves = recovery(cells, OWN).groups
    except DisclosureRefused:
        return
    for curve in curves:
        cell = cells[curve.label]
        if sum(cell.events) + sum(cell.censored) < THRESHOLD:
            assert (curve.n, curve.steps) == (None, ())
        if not curve.steps:
            assert min(sum(cell.events), sum(cell.censored)) < THRESHOLD
            continue
        end = curve.steps[-1].week
        followed = sum(
            one + other
            for day, one, other in zip(cell.days, cell.events, cell.censored, strict=True)
            if day / 7 >= end - 0.05
        )
        assert followed >= THRESHOLD


# --- missing people

BANDS = some.lists(
    some.tuples(some.integers(10, 80), some.integers(10, 80), some.integers(10, 60)), min_size=1, max_size=3
)


def band(found, policy=SHARED, completeness=SHARE):
    cells = [
        ShareCell(str(place), better + others, better, missing) for place, (better, others, missing) in enumerate(found)
    ]
    return release_missing(CONTEXT, cells, completeness, "a", policy)


@FEW
@given(BANDS, some.data())
def test_the_shared_band_is_in_order_holds_the_truth_and_says_no_more_than_rounded_counts(found, data):
    answer = band(found)
    parts = (answer.worst_percent, answer.plausible_low_percent, answer.plausible_high_percent, answer.best_percent)
    assert list(parts) == sorted(parts)
    better, others, missing = (sum(column) for column in zip(*found, strict=True))
    truth = 100 * (better + data.draw(some.integers(0, missing))) / (better + others + missing)
    assert parts[0] - 5 <= truth <= parts[3] + 5  # rounding of up to three bands
    moved = band([tuple(like(count, data) for count in each) for each in found])
    assert parts == (moved.worst_percent, moved.plausible_low_percent, moved.plausible_high_percent, moved.best_percent)


@FEW
@given(BANDS)
def test_the_own_band_holds_the_truth_exactly(found):
    answer = band(found, OWN)
    better, others, missing = (sum(column) for column in zip(*found, strict=True))
    whole = better + others + missing
    assert answer.worst_percent == 100 * better // whole
    assert answer.best_percent == -(-100 * (better + missing) // whole)


@pytest.mark.parametrize("found", [[(50, 4, 20)], [(4, 50, 20)], [(50, 50, 4)], [(40, 40, 40), (4, 40, 40)]])
def test_a_band_of_small_counts_is_not_told(found):
    if len(found) > 1:
        with pytest.raises(DisclosureRefused):
            band(found)
    else:
        assert band(found).best_percent is None
    assert band([(50, 50, 20)], completeness=HIDDEN_BY_GROUP).best_percent is None


# --- patients like this one, treatments, quality


@FEW
@given(some.integers(0, 60), some.integers(0, 60), some.integers(0, 60))
def test_weeks_of_patients_like_this_one(better, others, missing):
    alike = better + others + missing

    def ask(parts, policy):
        one, two, _ = parts
        week = WeekCell(6, one + two, one)
        return release_like_mine(CONTEXT, (sum(parts), sum(parts) - 10), [week], (), (), (10, "seen", ""), policy)

    parts = (better, others, missing)
    if alike < SHARED.like_mine_from:
        with pytest.raises(DisclosureRefused, match="are like this one"):
            ask(parts, OWN)
        return
    small = min(parts) < THRESHOLD
    week = ask(parts, OWN).weeks[0]
    assert (week.worst_percent is None) == small
    if min(better, others) < THRESHOLD:
        assert week.share.percent is None
    if small:
        with pytest.raises(DisclosureRefused):
            ask(parts, SHARED)
        return
    answer = ask(parts, SHARED)
    shown = answer.weeks[0]
    assert all(count % SHARED.round_to == 0 for count in (answer.n, shown.share.n, shown.share.count))
    # The range says no more than the three rounded counts do.
    assert shown.worst_percent == 100 * shown.share.count // answer.n
    assert shown.best_percent == 100 - 100 * (shown.share.n - shown.share.count) // answer.n
    assert 0 < shown.worst_percent <= shown.best_percent <= 100


@given(some.integers(10, 200), some.integers(0, 30), some.integers(0, 30))
def test_two_nested_counts_never_prove_that_few_people_lie_between_them(count, fewer, more):
    """Of all counts that the told numbers may stand for, one leaves nobody between them, or one ten people or more."""
    inner, outer = count - fewer, count + more
    told, off = count_beside(count, (inner, outer), SHARED)
    assert abs(told - count) <= 2 + off
    possible = [n for n in range(10, 260) if count_beside(n, (inner, outer), SHARED)[0] == told]
    assert count in possible
    for other, sign in ((inner, 1), (outer, -1)):
        if other >= THRESHOLD:
            rounded = (other + 2) // 5 * 5
            apart = {sign * (n - true) for n in possible for true in range(max(10, rounded - 2), rounded + 3)}
            between = {n for n in apart if n >= 0}
            assert abs(count - other) in between
            assert 0 in between or max(between) >= THRESHOLD


@FEW
@given(some.lists(some.tuples(some.integers(0, 40), some.integers(0, 40)), min_size=1, max_size=5))
def test_treatments_of_few_people_have_no_numbers(found):
    cells = [
        TreatmentCell(str(place), one + other, one, 60.0 * (one + other), 3700.0 * (one + other), None, None)
        for place, (one, other) in enumerate(found)
    ]
    completeness = SHARE, {cell.label: SHARE for cell in cells}

    def ask(policy):
        return release_interventions(CONTEXT, cells, completeness, (10, "seen"), "over a year", policy)

    small = [sum(pair) < THRESHOLD for pair in found]
    if sum(map(sum, found)) >= THRESHOLD:
        for group, few in zip(ask(OWN).groups, small, strict=True):
            assert (group.n is None) == (group.mean_first is None) == few
    if any(small) or (len(found) > 1 and any(min(pair) < THRESHOLD for pair in found)):
        with pytest.raises(DisclosureRefused):
            ask(SHARED)


@FEW
@given(some.integers(40, 400), some.integers(0, 40), some.integers(0, 60))
def test_unknown_people_who_are_merged_are_not_told_apart(n, unknown, with_others):
    """Of all numbers of unknown people that the text fits, none proves that they, or those merged with them, are few."""
    merged = min(n, unknown + max(THRESHOLD, with_others))

    def text(count: int) -> str:
        row = QualityCell("sex", "attribute", n - count, merged=merged)
        share = release_quality(CONTEXT, n, SHARE, [row], (None, ()), "everybody", 1, SHARED).rows[0].share
        assert share.percent is None
        return share.text

    told = text(unknown)
    if told.startswith("at least"):
        assert 100 * (n - unknown) / n >= int(told.split()[2]) - 1
    fitting = [count for count in range(merged + 1) if text(count) == told]
    assert unknown in fitting
    assert max(fitting) >= THRESHOLD
    assert merged - min(fitting) >= THRESHOLD
