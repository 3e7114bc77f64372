"""Whatever the data, no difference of released groups stands for 1 to 9 people.

The attacker here is stronger than a reader: it gets the exact counts behind the rounded ones. It sees the whole, every
group of both attributes, and every cell of the two-way table, for two questions (people with a change; responders).
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kneewise.disclosure.grouping import EVERYBODY, merge_bins, round_count
from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import released_share
from kneewise.outcomes import asking
from kneewise.outcomes.asking import Question

POLICY = read_policy()
CELL = st.one_of(st.integers(0, 12), st.integers(0, 80))


@st.composite
def tables(draw):
    """People and responders per base cell (site x sex)."""
    sites, sexes = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    pairs = np.array(draw(st.lists(CELL, min_size=sites * sexes, max_size=sites * sexes))).reshape(sites, sexes)
    shares = draw(st.lists(st.integers(0, 100), min_size=sites * sexes, max_size=sites * sexes))
    responders = pairs * np.array(shares).reshape(sites, sexes) // 100
    return pairs, responders


def reader(pairs: np.ndarray, responders: np.ndarray):
    """What the store would answer, split by the attributes asked for."""
    base = pd.DataFrame(
        [
            {"site": f"s{site}", "sex": f"x{sex}", "pairs": int(pairs[site, sex]), "responders": int(responders[site, sex])}
            for site, sex in itertools.product(*map(range, pairs.shape))
            if pairs[site, sex]
        ],
        columns=["site", "sex", "pairs", "responders"],
    )

    def read(attributes):
        frame = base.copy()
        for axis, attribute in zip(("first_axis", "second_axis"), attributes, strict=True):
            frame[axis] = frame[attribute] if attribute else EVERYBODY
        return frame.groupby(["first_axis", "second_axis"], as_index=False)[["pairs", "responders"]].sum()

    return read


def released_sets(pairs: np.ndarray, responders: np.ndarray) -> list[frozenset]:
    """Every group of people that some answer's number stands for, as a set of base cells."""
    if pairs.sum() == 0:
        return []
    read = reader(pairs, responders)
    # Empty cells too: a reader can't know that they are empty.
    sites, sexes = np.flatnonzero(pairs.sum(axis=1)), np.flatnonzero(pairs.sum(axis=0))
    places = [(int(site), int(sex)) for site, sex in itertools.product(sites, sexes)]
    found = []
    for group, only in ((None, None), ("site", None), ("sex", None), (None, "site"), (None, "sex"), ("site", "sex"),
                        ("sex", "site")):  # fmt: skip
        question = Question("instrument.x", group, (only, "?") if only else None)
        asked = asking.Asked(None, None, None, question, POLICY)
        by_pairs = asking.plan_groups(asked, read, asking.pairs_measure, None)
        by_responders = asking.plan_groups(asked, read, asking.responder_measure, by_pairs)
        for plan in (by_pairs, by_responders):
            if not plan.possible:
                continue
            cells: dict[tuple[str, str], set] = {}
            for site, sex in places:
                names = {"site": f"s{site}", "sex": f"x{sex}", None: EVERYBODY}
                label = (plan.first[names[group]], plan.second[names[only]])
                cells.setdefault(label, set()).add((site, sex))
            found += [frozenset(cell) for cell in cells.values()]
    return found


def people(cells, counts: np.ndarray) -> int:
    return int(sum(counts[place] for place in cells))


@settings(max_examples=300, deadline=None)
@given(tables())
@example((np.array([[50], [4], [20]]), np.array([[25], [2], [10]])))
@example((np.array([[15, 15], [5, 40], [40, 5]]), np.array([[7, 7], [2, 20], [20, 2]])))
def test_no_released_group_and_no_difference_of_two_is_small(table):
    pairs, responders = table
    sets = set(released_sets(pairs, responders))
    for cells in sets:
        assert people(cells, pairs) >= POLICY.threshold
    for smaller, larger in itertools.permutations(sets, 2):
        if smaller < larger:
            assert not 1 <= people(larger - smaller, pairs) < POLICY.threshold


@settings(max_examples=200, deadline=None)
@given(tables())
def test_a_group_minus_its_filtered_parts_is_not_small(table):
    """A site's total minus every subset of the parts of it that filters show."""
    pairs, responders = table
    sets = set(released_sets(pairs, responders))
    for larger in sets:
        parts = [cells for cells in sets if cells < larger]
        for count in range(2, min(len(parts), 4) + 1):
            for family in itertools.combinations(parts[:10], count):
                union = frozenset().union(*family)
                if sum(map(len, family)) == len(union):
                    assert not 1 <= people(larger - union, pairs) < POLICY.threshold


def test_the_same_attacker_breaks_a_minimum_cohort_alone():
    """Hiding cells under 10 and no more: the whole minus the shown groups is the hidden one."""
    pairs = np.array([[50], [4], [20]])
    shown = [frozenset({(site, 0)}) for site in range(3) if pairs[site, 0] >= POLICY.threshold]
    whole = frozenset({(0, 0), (1, 0), (2, 0)})
    assert people(whole - shown[0] - shown[1], pairs) == 4


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
