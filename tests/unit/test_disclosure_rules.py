"""The rules of release, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kneewise.disclosure.grouping import SMALLER_GROUPS, merge_bins, merge_small, round_count
from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import released_count, released_share
from kneewise.errors import DisclosureRefused
from tests.outcomes_samples import ROOT

POLICY = read_policy()
WORKED = ROOT.parent / "shared" / "reference" / "disclosure" / "opensafely_sdc_examples.json"


def grouped(counts, **more):
    table = np.array(counts)
    table = table.reshape(*table.shape, 1) if table.ndim == 2 else table
    firsts, seconds = [f"a{n}" for n in range(table.shape[0])], [f"b{n}" for n in range(table.shape[1])]
    return merge_small(firsts, seconds, table, 10, **more)


def test_the_policy_says_what_was_promised():
    assert (POLICY.threshold, POLICY.redact_up_to, POLICY.round_to) == (10, 7, 5)
    assert POLICY.quartiles_from >= 4 * POLICY.threshold
    assert POLICY.median_from >= 2 * POLICY.threshold


def test_without_rules_nothing_is_released(tmp_path):
    with pytest.raises(DisclosureRefused, match="nothing is released"):
        read_policy(Path(tmp_path / "none.yaml"))


@pytest.mark.parametrize(("count", "shown"), [(0, None), (7, None), (8, 10), (12, 10), (13, 15), (22, 20), (23, 25)])
def test_counts_are_rounded_as_opensafely_does(count, shown):
    assert round_count(count, 7, 5) == shown


@pytest.mark.skipif(not WORKED.exists(), reason="the worked tables are not on this machine")
def test_rounding_agrees_with_the_worked_table():
    table = json.loads(WORKED.read_text())["round5"]
    for name in ("heart_disease", "population"):
        assert [round_count(count, 7, 5) for count in table["before"][name]] == table["after"][name]


def test_a_small_group_takes_the_smallest_other_one_with_it():
    assert grouped([[50], [4], [20], [80]]).first == {"a0": "a0", "a1": SMALLER_GROUPS, "a2": SMALLER_GROUPS, "a3": "a3"}


def test_an_empty_cell_is_small_too():
    assert set(grouped([[50, 60], [0, 40], [30, 30]]).first.values()) == {"a0", SMALLER_GROUPS}


def test_large_groups_stay_as_they_are():
    assert grouped([[50, 60], [11, 10]]).first == {"a0": "a0", "a1": "a1"}


def test_too_few_altogether_is_refused():
    assert not grouped([[4], [5]]).possible


def test_what_a_coarser_table_merged_stays_merged():
    coarse = grouped([[50], [4], [20], [80]])
    fine = grouped([[25, 25], [40, 40], [10, 10], [40, 40]], start=[coarse])
    assert fine.first["a1"] == fine.first["a2"] == SMALLER_GROUPS


def test_bins_are_merged_for_all_groups_alike():
    assert merge_bins(np.array([[4, 6, 20, 9, 1], [10, 10, 10, 10, 10]]), 10) == [(0, 1), (2, 2), (3, 4)]
    assert merge_bins(np.array([[4, 6, 20, 3, 1]]), 10) == [(0, 1), (2, 4)]
    assert merge_bins(np.array([[1, 1, 1]]), 10) == []


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9])
def test_a_count_under_the_threshold_is_refused(count):
    with pytest.raises(DisclosureRefused, match="Fewer than 10"):
        released_count(count, POLICY)


def test_a_share_comes_from_rounded_counts_as_whole_percent():
    share = released_share(33, 72, POLICY)
    assert (share.count, share.n, share.percent) == (35, 70, 50)
    assert share.low_percent < 50 < share.high_percent
    assert share.text == "50 % (35 of 70)"


@pytest.mark.parametrize(
    ("count", "n", "text"), [(0, 60, "fewer than 17 %"), (9, 60, "fewer than 17 %"), (60, 60, "more than 83 %"),
                             (51, 60, "more than 83 %"), (6, 12, "not shown (too few people)")]
)  # fmt: skip
def test_nought_and_all_are_small_too(count, n, text):
    share = released_share(count, n, POLICY)
    assert (share.count, share.percent, share.low_percent, share.text) == (None, None, None, text)
