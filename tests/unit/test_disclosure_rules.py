"""The rules of release, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from kneewise.disclosure.grouping import (
    SMALLER_GROUPS,
    TableCounts,
    merge_bins,
    merge_small,
    merge_tables,
    relabelled,
    round_count,
)
from kneewise.disclosure.policy import OWN_NOTE, POLICY_FILE, read_policy
from kneewise.disclosure.released import released_count, released_share, shown_count, sum_of
from kneewise.errors import DisclosureRefused
from tests.outcomes_samples import ROOT

POLICY, OWN = read_policy(), read_policy("own")
WORKED = ROOT.parent / "shared" / "reference" / "disclosure" / "opensafely_sdc_examples.json"
worked = pytest.mark.skipif(not WORKED.exists(), reason="the worked tables are not on this machine")


def grouped(counts, **more):
    table = np.array(counts)
    table = table.reshape(*table.shape, 1) if table.ndim == 2 else table
    firsts, seconds = [f"a{n}" for n in range(table.shape[0])], [f"b{n}" for n in range(table.shape[1])]
    return merge_small(firsts, seconds, table, 10, **more)


def table_of(attributes, counts) -> TableCounts:
    counts = np.array(counts)
    values = tuple(
        tuple(f"{name}{place}" for place in range(size)) for name, size in zip(attributes, counts.shape, strict=False)
    )
    return TableCounts(tuple(attributes), values, counts if counts.ndim > len(attributes) else counts[..., None])


def test_the_policy_says_what_was_promised():
    assert (POLICY.threshold, POLICY.redact_up_to, POLICY.round_to) == (10, 7, 5)
    assert POLICY.quartiles_from >= 4 * POLICY.threshold
    assert POLICY.median_from >= 2 * POLICY.threshold
    assert (POLICY.mode, POLICY.mode_note, POLICY.whole_periods) == ("shared", "", True)


def test_the_own_rules_hide_small_cells_and_round_nothing():
    assert (OWN.mode, OWN.threshold, OWN.round_to, OWN.mode_note) == ("own", 10, 1, OWN_NOTE)
    assert {"clinician", "referral", "start_month", "factors"} <= set(OWN.grid)
    assert not {"clinician", "referral", "start_month", "factors"} & set(POLICY.grid)
    assert shown_count(9, OWN) is None
    assert shown_count(13, OWN) == 13
    assert sum_of([None, 20], 26, OWN) == 26
    assert sum_of([15, 20], 33, POLICY) == 35
    assert released_share(33, 72, OWN).text == "46 % (33 of 72)"
    assert released_share(3, 8, OWN).text == "not shown (too few people)"


def test_without_rules_nothing_is_released(tmp_path):
    with pytest.raises(DisclosureRefused, match="nothing is released"):
        read_policy(Path(tmp_path / "none.yaml"))
    with pytest.raises(DisclosureRefused, match="no mode 'secret'"):
        read_policy("secret")


@pytest.mark.parametrize(
    "change",
    [
        {"tables": [["site", "sex"], ["sex", "age_band"], ["site", "age_band"]]},  # a circle
        {"tables": []},
        {"attributes": ["site"]},
        {"threshold": 7},
        {"mode": "own"},
        {"surprise": 1},
    ],
)
def test_rules_that_would_give_away_a_small_group_are_refused(change, tmp_path):
    rules = yaml.safe_load(POLICY_FILE.read_text(encoding="utf-8"))
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rules), encoding="utf-8")
    assert read_policy(path) == POLICY
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(rules | change), encoding="utf-8")
    with pytest.raises(DisclosureRefused, match="nothing is released"):
        read_policy(path)


def test_a_quarter_tells_its_year():
    assert POLICY.table_of(["start_quarter"]) == ("start_quarter", "start_year")
    assert POLICY.table_of(["start_quarter", "start_year"]) == ("start_quarter", "start_year")
    assert POLICY.table_of(["site", "start_year"]) == ("site", "start_year")
    assert POLICY.table_of(["site", "start_quarter"]) is None
    assert POLICY.table_of([]) == ()


@pytest.mark.parametrize(("count", "shown"), [(0, None), (7, None), (8, 10), (12, 10), (13, 15), (22, 20), (23, 25)])
def test_counts_are_rounded_as_opensafely_does(count, shown):
    assert round_count(count, 7, 5) == shown


@worked
def test_rounding_and_totals_agree_with_the_worked_table():
    """Redact up to 7, round to 5; totals are the sums of what is shown."""
    table = json.loads(WORKED.read_text())["round5"]
    totals = []
    for name in ("heart_disease", "population"):
        shown = [round_count(count, 7, 5) for count in table["before"][name]]
        assert shown == table["after"][name]
        totals.append(sum_of(shown, 0, POLICY))
    assert totals == table["after"]["total"]


@worked
def test_the_worked_attacks_by_totals_and_by_differences_find_nothing():
    """A true total beside redacted cells gives them away, and so does a table of everybody beside one of the men."""
    found = json.loads(WORKED.read_text())
    attack = found["secondary_total_attack"]
    for name, total, recovered in zip(
        ("heart_disease", "population"), attack["totals"], attack["recovered"], strict=True
    ):
        known = [count for count in attack[name] if count is not None]
        assert total - sum(known) == recovered  # the attack, as worked
        assert sum_of(attack[name], total, POLICY) - sum(known) == 0  # our totals hold nothing more
    tables = found["table_differencing"]
    everybody, men = (np.array(tables[who]["population"]) for who in ("all", "male"))
    assert (everybody - men)[0] == tables["reveals"]["female 21-30"]["population"]
    table = table_of(("age", "sex"), np.stack([men, everybody - men], axis=1))
    labels = merge_tables([table], 10)
    assert relabelled(table, labels).counts.min() >= 10


def test_a_small_group_takes_the_smallest_other_one_with_it():
    assert grouped([[50], [4], [20], [80]]).first == {
        "a0": "a0",
        "a1": SMALLER_GROUPS,
        "a2": SMALLER_GROUPS,
        "a3": "a3",
    }


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
                             (51, 60, "more than 83 %"), (6, 12, "not shown (too few people)"),
                             (12, 12, "not shown (too few people)")]
)  # fmt: skip
def test_nought_and_all_are_small_too(count, n, text):
    share = released_share(count, n, POLICY)
    assert (share.count, share.percent, share.low_percent, share.text) == (None, None, None, text)


def test_a_bound_rests_on_the_number_that_is_told():
    """Of 60 people 5 did not improve. Beside "60 people", a bound worked out from 55 would give the 5 away."""
    assert {released_share(count, 60, POLICY).text for count in range(51, 61)} == {"more than 83 %"}
    bounds = {released_share(55, 55 + gone, POLICY, whole_is_told=False).text for gone in range(10)}
    assert bounds == {"more than 84 %"}


def test_one_label_serves_all_tables():
    """Few people at one site in one of two years: the site is small in both tables."""
    tables = [
        table_of(("site", "year"), [[40, 40], [30, 4], [20, 20]]),
        table_of(("treatment", "year"), [[50, 40], [40, 24]]),
    ]
    labels = merge_tables(tables, 10)
    assert labels["site"] == {"site0": "site0", "site1": SMALLER_GROUPS, "site2": SMALLER_GROUPS}
    assert labels["year"] == {"year0": "year0", "year1": "year1"}
    assert labels["treatment"] == {"treatment0": "treatment0", "treatment1": "treatment1"}


def test_what_has_an_order_begins_with_neighbours():
    table = table_of(("age",), [3, 400, 60])
    places = {"age0": 0, "age1": 1, "age2": 2}
    assert merge_tables([table], 10)["age"]["age2"] == SMALLER_GROUPS  # the smallest other one
    ordered = merge_tables([table], 10, order=lambda _attribute, _values: places)["age"]
    assert ordered == {"age0": SMALLER_GROUPS, "age1": SMALLER_GROUPS, "age2": "age2"}


def test_what_stands_later_in_its_table_is_merged_first():
    small = [[[40, 40], [40, 4]], [[40, 40], [40, 40]]]
    labels = merge_tables([table_of(("age", "duration", "band"), small)], 10)
    assert set(labels["age"].values()) == {"age0", "age1"}
    assert set(labels["band"].values()) == {SMALLER_GROUPS}


def test_what_is_fixed_is_not_merged():
    table = table_of(("site", "year"), [[40, 4], [40, 4]])
    assert merge_tables([table], 10, fixed=("year",)) is None
    assert set(merge_tables([table], 10)["site"].values()) == {"site0", "site1"}
    assert merge_tables([table_of(("site",), [4, 5])], 10) is None
