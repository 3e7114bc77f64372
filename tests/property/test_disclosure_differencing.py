"""Bins, bounds and rounding of released counts, whatever the data. Who solves for people is in test_disclosure_attack."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kneewise.disclosure.grouping import merge_bins, round_count
from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import released_share

POLICY = read_policy()
CELL = st.one_of(st.integers(0, 12), st.integers(0, 80))


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 5).flatmap(lambda rows: st.lists(
    st.lists(CELL, min_size=8, max_size=8), min_size=rows, max_size=rows)))  # fmt: skip
def test_no_bin_of_any_group_is_small(counts):
    table = np.array(counts)
    bins = merge_bins(table, POLICY.threshold)
    if bins:
        assert bins[0][0] == 0
        assert bins[-1][1] == table.shape[1] - 1
        for first, last in bins:
            assert table[:, first : last + 1].sum(axis=1).min() >= POLICY.threshold


@given(st.integers(10, 400), st.data())
def test_a_share_that_may_only_be_bounded_fits_every_small_count(n, data):
    """The bound of a small numerator (or gap) is the same for 0 to 9, so it does not tell them apart."""
    small = data.draw(st.integers(0, min(9, n - 10)))
    assert released_share(small, n, POLICY).text == released_share(0, n, POLICY).text
    if n >= 20:
        share = released_share(n - small, n, POLICY)
        assert share.percent is None
        assert share.n is None


@given(st.integers(0, 100_000))
def test_a_rounded_count_stands_for_at_least_four_true_ones(count):
    shown = round_count(count, 7, 5)
    if shown is None:
        assert count <= 7
    else:
        assert shown % 5 == 0
        assert abs(shown - count) <= 2
        assert sum(round_count(other, 7, 5) == shown for other in range(max(0, count - 9), count + 10)) == 5
