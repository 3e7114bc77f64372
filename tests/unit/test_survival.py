"""Survival curves at their edges, and what is refused: above all a status that nobody gave a meaning."""

from __future__ import annotations

import math

import pytest

from kneewise.statistics.survival import (
    cumulative_incidence,
    kaplan_meier,
    number_at_risk,
    risk_table,
    risk_table_from_counts,
)

MEANING = {"better": "event", "last seen": "censored", "operated": "competing"}


def test_the_event_is_what_the_mapping_says_and_nothing_that_is_true_by_itself():
    times, codes = [5, 6, 7, 8], [1, 2, 1, 2]
    alive_is_one = risk_table(times, codes, {1: "censored", 2: "event"})
    dead_is_one = risk_table(times, codes, {1: "event", 2: "censored"})
    assert (alive_is_one.events, dead_is_one.events) == ((0, 1, 0, 1), (1, 0, 1, 0))
    for status in (0, True, None, "2", 3):
        if status in (1, 2):
            continue
        with pytest.raises(ValueError, match="no meaning is given"):
            risk_table(times, [1, 2, 1, status], {1: "censored", 2: "event"})


def test_people_last_seen_at_a_time_are_at_risk_at_it():
    table = risk_table([3, 3, 3, 5], ["better", "last seen", "operated", "better"], MEANING)
    assert (table.times, table.at_risk) == ((3, 5), (4, 1))
    assert (table.events, table.competing, table.censored) == ((1, 1), (1, 0), (1, 0))
    assert number_at_risk(table, [0, 3, 3.5, 5, 6]) == (4, 4, 1, 1, 0)
    assert table.people == 4


def test_without_an_event_the_curve_stays_at_one():
    curve = kaplan_meier(risk_table([1, 2], ["last seen"] * 2, MEANING))
    assert curve.survival == curve.low == curve.high == (1, 1)
    assert (curve.median, curve.median_low, curve.median_high) == (None, None, None)
    assert curve.standard_error == (0, 0)


def test_when_everybody_had_the_event_nobody_is_left_to_vary():
    curve = kaplan_meier(risk_table([4, 4, 4], ["better"] * 3, MEANING))
    assert curve.survival == (0,)
    assert math.isnan(curve.low[0])
    assert math.isnan(curve.standard_error[0])
    assert curve.median == 4


def test_a_curve_that_rests_at_a_half_has_its_median_half_way_along():
    curve = kaplan_meier(risk_table([2, 4, 8, 10], ["better"] * 4, MEANING))
    assert curve.survival == pytest.approx((0.75, 0.5, 0.25, 0))
    assert curve.median == 6
    ends_there = kaplan_meier(risk_table([2, 4, 9, 9], ["better", "better", "last seen", "last seen"], MEANING))
    assert ends_there.median == 4


def test_a_wider_level_gives_wider_ends():
    table = risk_table([1, 2, 3, 4, 5, 6], ["better", "last seen"] * 3, MEANING)
    for interval in ("log", "log-log", "plain"):
        narrow, wide = (kaplan_meier(table, level=level, interval=interval) for level in (0.8, 0.99))
        assert all(a <= b for a, b in zip(wide.low, narrow.low, strict=True))
        assert all(a >= b for a, b in zip(wide.high, narrow.high, strict=True))


def test_one_minus_the_curve_overstates_where_another_event_competes():
    table = risk_table([1, 2, 3, 4, 5], ["operated", "better", "operated", "better", "last seen"], MEANING)
    incidence, curve = cumulative_incidence(table), kaplan_meier(table)
    assert incidence.event == pytest.approx((0, 0.2, 0.2, 0.4, 0.4))
    assert incidence.competing == pytest.approx((0.2, 0.2, 0.4, 0.4, 0.4))
    assert incidence.event[-1] < 1 - curve.survival[-1]
    assert incidence.low[-1] < incidence.event[-1] < incidence.high[-1]
    assert (incidence.low[0], incidence.high[0]) == (0, 0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: risk_table([], [], MEANING), "one time and one status"),
        (lambda: risk_table([1], ["better", "better"], MEANING), "one time and one status"),
        (lambda: risk_table([-1], ["better"], MEANING), "times ascend"),
        (lambda: risk_table([float("nan")], ["better"], MEANING), "times ascend"),
        (lambda: risk_table([1], ["better"], {"better": True}), "means 'event'"),
        (lambda: risk_table_from_counts([1, 2], [1], [1, 1]), "every count at every time"),
        (lambda: risk_table_from_counts([2, 1], [1, 1], [0, 0]), "times ascend"),
        (lambda: risk_table_from_counts([1, 2], [1, -1], [0, 0]), "whole numbers"),
        (lambda: risk_table_from_counts([1, 2], [1, 0.5], [0, 0]), "whole numbers"),
        (lambda: risk_table_from_counts([1], [0], [0]), "at least one person"),
        (lambda: kaplan_meier(risk_table([1], ["better"], MEANING), level=1), "between 0 and 1"),
        (lambda: kaplan_meier(risk_table([1], ["better"], MEANING), interval="logit"), "'log', 'log-log' or 'plain'"),
        (lambda: cumulative_incidence(risk_table([1], ["better"], MEANING), level=0), "between 0 and 1"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
