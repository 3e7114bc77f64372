"""Whatever the data, the released tables together prove of no group that it holds 1 to 9 people.

The attacker here is stronger than a reader: it gets the exact counts behind the rounded ones, and may combine them in
any linear way, not only subtract one from another. `test_disclosure_attack.py` attacks the answers themselves.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, linprog, milp

from kneewise.disclosure.grouping import SMALLER_GROUPS, TableCounts, merge_bins, merge_tables, relabelled, round_count
from kneewise.disclosure.policy import is_decomposable, read_policy
from kneewise.disclosure.released import released_share

POLICY = read_policy()
ENOUGH = POLICY.threshold
CELL = st.one_of(st.integers(0, 12), st.integers(0, 80))
TREE = (("site", "year"), ("treatment", "year"), ("age", "sex"))
"""A list of tables as the policy's, small enough to solve."""


@st.composite
def people(draw, tables=TREE, most: int = 3):
    """People, and those who improved, per cell of all attributes of the tables together."""
    names = sorted(set(itertools.chain.from_iterable(tables)))
    shape = tuple(draw(st.integers(1, most)) for _ in names)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.5, 2, 8, 30]))
    counts = rng.poisson(scale * rng.gamma(0.7, size=shape) / 0.7)
    return names, counts, rng.binomial(counts, draw(st.sampled_from([0.1, 0.5, 0.93])))


def counted(names, counts, table, *more) -> TableCounts:
    """One table of these people, with further measures."""
    others = tuple(axis for axis, name in enumerate(names) if name not in table)
    kept = [name for name in names if name in table]
    measures = np.stack([each.sum(axis=others) for each in (counts, *more)], axis=-1)
    measures = np.moveaxis(measures, [kept.index(name) for name in table], range(len(table)))
    values = tuple(tuple(f"{name}{place}" for place in range(measures.shape[axis])) for axis, name in enumerate(table))
    return TableCounts(table, values, measures)


@settings(max_examples=150)
@given(people())
@example((["age", "sex", "site", "treatment", "year"], np.full((1, 1, 3, 1, 2), 1), np.zeros((1, 1, 3, 1, 2), int)))
def test_every_cell_of_every_table_holds_enough_people(found):
    names, counts, improved = found
    tables = [counted(names, counts, table) for table in TREE]
    labels = merge_tables(tables, ENOUGH)
    if labels is None:
        assert counts.sum() < ENOUGH
        return
    for table in tables:
        assert relabelled(table, labels).counts.min() >= ENOUGH
    # Numerators: the same tables, merged further; and what is fixed is left as it is.
    finer = [counted(names, improved, table, counts - improved) for table in TREE]
    coarser = merge_tables(finer, ENOUGH, labels)
    for name, of_values in (coarser or {}).items():
        groups = [{v for v, each in of_values.items() if each == label} for label in set(of_values.values())]
        for label in set(labels[name].values()):
            members = {v for v, each in labels[name].items() if each == label}
            assert any(members <= group for group in groups)
    fixed = merge_tables(finer, ENOUGH, labels, ("year",))
    assert fixed is None or fixed["year"] == labels["year"]


@settings(max_examples=25)
@given(people(most=2))
def test_no_linear_combination_of_exact_counts_isolates_anybody(found):
    """Every cell of all attributes and both outcomes together could hold ten people, for all that the tables say."""
    names, counts, improved = found
    plain = [counted(names, counts, table) for table in TREE]
    people_labels = merge_tables(plain, ENOUGH)
    assume(people_labels is not None)
    parts = [counted(names, improved, table, counts - improved) for table in TREE]
    settled = merge_tables(parts, ENOUGH, people_labels)
    if settled is not None:
        # What joins tables has the same labels in both kinds; then each kind is merged as far as it must be.
        people_labels = merge_tables(plain, ENOUGH, {"year": settled["year"]}, ("year",))
        settled = merge_tables(parts, ENOUGH, people_labels, ("year",))
    cells = list(itertools.product(*(range(size) for size in counts.shape), (0, 1)))
    rows, known = [], []
    for kind, labels in ((plain, people_labels), (parts, settled)):
        for table in kind if labels is not None else ():
            shown = relabelled(table, labels)
            for place in np.ndindex(*shown.counts.shape):
                *at, measure = place
                inside = [
                    all(
                        labels[name][f"{name}{cell[names.index(name)]}"] == shown.values[axis][at[axis]]
                        for axis, name in enumerate(table.attributes)
                    )
                    and (kind is plain or cell[-1] == measure)
                    for cell in cells
                ]
                rows.append(inside)
                known.append(shown.counts[place])
    rows, known = np.array(rows, dtype=float), np.array(known, dtype=float)
    for cell in range(len(cells)):
        aim = np.zeros(len(cells))
        aim[cell] = -1
        solved = linprog(aim, A_eq=rows, b_eq=known)
        assert solved.status == 0
        assert -solved.fun >= ENOUGH - 1e-6


def test_tables_in_a_circle_give_a_small_group_away():
    """Why the list must be a tree, and why a further measure (who came to a visit, say) may be told in one table only:
    site and treatment, each told beside three measures, every cell of ten people or more, isolate a group together."""
    names = ["site", "treatment", "improved", "came", "again"]
    told = {  # (site 1, treatment 2, everybody) where the measure is no, and where it is yes
        "improved": ((38, 10, 53), (10, 33, 48)),
        "came": ((28, 23, 40), (20, 20, 61)),
        "again": ((28, 24, 40), (20, 19, 61)),
    }
    cells = list(itertools.product((0, 1), repeat=len(names)))
    rows, known = [], []
    for measure, by_value in told.items():
        for value, (site, treatment, everybody) in enumerate(by_value):
            for wanted, count in (("site", site), ("treatment", treatment), (None, everybody)):
                rows.append(
                    [
                        cell[names.index(measure)] == value
                        and (wanted != "site" or cell[0] == 0)
                        and (wanted != "treatment" or cell[1] == 1)
                        for cell in cells
                    ]
                )
                known.append(count)
            assert min(site, everybody - site, treatment, everybody - treatment) >= ENOUGH
    rows, known = np.array(rows, dtype=float), np.array(known, dtype=float)
    assert milp(np.zeros(len(cells)), constraints=LinearConstraint(rows, known, known), integrality=1).status == 0
    group = np.array([(cell[:2], cell[3]) in (((0, 1), 1), ((1, 0), 0)) for cell in cells], dtype=float)
    low, high = (sign * linprog(sign * group, A_eq=rows, b_eq=known).fun for sign in (1, -1))
    assert low >= 1 - 1e-6
    assert high < ENOUGH
    assert not is_decomposable([(attribute, measure) for attribute in names[:2] for measure in told])


@pytest.mark.parametrize(
    ("tables", "tree"),
    [
        ((("a", "b"), ("b", "c"), ("c", "d")), True),
        ((("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")), False),
        ((("a", "b", "c"), ("a", "b"), ("b", "c"), ("a", "c")), False),  # the three pairs alone are a circle
        ((("a", "b", "c"), ("c", "d"), ("e",)), True),
        ((("a",),), True),
        (tuple(map(POLICY.with_wholes, POLICY.tables)), True),
    ],
)
def test_which_lists_of_tables_are_trees(tables, tree):
    assert is_decomposable(tables) is tree


def test_the_same_attacker_breaks_a_minimum_cohort_alone():
    """Hiding cells under 10 and no more: the whole minus the shown groups is the hidden one."""
    sizes = {"North": 50, "South": 4, "East": 20}
    shown = {site: n for site, n in sizes.items() if n >= ENOUGH}
    assert sum(sizes.values()) - sum(shown.values()) == 4
    merged = merge_tables([TableCounts(("site",), (tuple(sizes),), np.array([[n] for n in sizes.values()]))], ENOUGH)
    assert merged == {"site": {"North": "North", "South": SMALLER_GROUPS, "East": SMALLER_GROUPS}}


@settings(max_examples=300)
@given(st.integers(1, 5).flatmap(lambda rows: st.lists(
    st.lists(CELL, min_size=8, max_size=8), min_size=rows, max_size=rows)))  # fmt: skip
def test_no_bin_of_any_group_is_small(counts):
    table = np.array(counts)
    bins = merge_bins(table, ENOUGH)
    if bins:
        assert bins[0][0] == 0
        assert bins[-1][1] == table.shape[1] - 1
        for first, last in bins:
            assert table[:, first : last + 1].sum(axis=1).min() >= ENOUGH


@given(st.integers(10, 400), st.data())
def test_a_share_that_may_only_be_bounded_fits_every_small_count(n, data):
    """The bound of a small numerator, or of a small rest, is the same for 0 to 9, so it does not tell them apart."""
    small = data.draw(st.integers(0, min(ENOUGH - 1, n - ENOUGH)))
    assert released_share(small, n, POLICY).text == released_share(0, n, POLICY).text
    if n >= 2 * ENOUGH:
        share = released_share(n - small, n, POLICY)
        assert (share.percent, share.n) == (None, None)
        assert share.text == released_share(n, n, POLICY).text
        if share.text.startswith("more than"):
            assert (n - small) / n > int(share.text.split()[2]) / 100


@given(st.integers(10, 400), st.integers(0, 9))
def test_where_only_the_part_is_told_the_bound_rests_on_the_part(count, rest):
    shares = [released_share(count, count + few, POLICY, whole_is_told=False) for few in (0, rest)]
    assert shares[0].text == shares[1].text


@given(st.integers(0, 100_000))
def test_a_rounded_count_stands_for_at_least_four_true_ones(count):
    shown = round_count(count, 7, 5)
    if shown is None:
        assert count <= 7
    else:
        assert shown % 5 == 0
        assert abs(shown - count) <= 2
        assert sum(round_count(other, 7, 5) == shown for other in range(max(0, count - 9), count + 10)) == 5
