"""k-anonymity of what would be stored, against counts that somebody else made and against plain grouping."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kneewise.outcomes.anonymity import check_anonymity
from kneewise.outcomes.importing import anonymity_lines, preview
from kneewise.outcomes.profiles import read_profile
from tests.outcomes_samples import HEADER, ROOT, SCALES, good_rows, long_csv

REFERENCE = ROOT.parent / "shared" / "reference" / "disclosure" / "sdcmicro_freq_ldiv.json"
LONG = read_profile("kneewise_long")


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference cases are not on this machine")
def test_cells_are_those_of_sdcmicro_where_nothing_is_missing():
    case = json.loads(REFERENCE.read_text())["freq"][0]
    sizes = case["fk"]
    found = check_anonymity(pd.DataFrame({name: case[name] for name in "ABC"}), "ABC", threshold=3)
    assert found.alone == case["n1_uniques"] == sizes.count(1)
    assert found.k == min(sizes)
    assert found.in_small_cells == sum(size < 3 for size in sizes)
    # sdcMicro counts episodes in cells of two; so does the step from "below 3" to "below 2".
    two = check_anonymity(pd.DataFrame({name: case[name] for name in "ABC"}), "ABC", threshold=2)
    assert found.in_small_cells - two.in_small_cells == case["n2_pairs"]


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference cases are not on this machine")
def test_a_missing_value_hides_nobody_where_sdcmicro_lets_it_match_everything():
    """The semantics part here on purpose: ours never calls somebody better hidden than sdcMicro does."""
    case = json.loads(REFERENCE.read_text())["freq"][1]
    table = pd.DataFrame({name: case[name] for name in "ABC"})
    found = check_anonymity(table, "ABC", threshold=3)
    assert found.alone > case["n1_uniques"]
    assert found.in_small_cells >= sum(size < 3 for size in case["fk"])
    whole = table.dropna()
    kept = [place for place in range(len(table)) if place in whole.index]
    plain = whole.groupby(["A", "B", "C"])["A"].transform("size")
    assert all(size <= case["fk"][place] for place, size in zip(kept, plain, strict=True))


def test_somebody_with_a_missing_value_is_seen():
    """A tool that leaves out rows with a missing value reports k = 4 here; the person alone has k = 1."""
    table = pd.DataFrame({"sex": ["f"] * 4 + [None], "age": ["a"] * 5})
    found = check_anonymity(table, ["sex", "age"], threshold=10)
    assert (found.episodes, found.cells, found.k, found.alone) == (5, 2, 1, 1)


columns = some.lists(some.sampled_from(["a", "b", "c", None]), min_size=1, max_size=40)


@settings(max_examples=30, deadline=None)
@given(some.lists(columns, min_size=1, max_size=4), some.integers(2, 12), some.booleans())
def test_figures_are_those_of_plain_grouping(made, threshold, coded):
    rows = min(map(len, made))
    table = pd.DataFrame({f"x{place}": each[:rows] for place, each in enumerate(made)}, dtype=object)
    if coded:
        table = table.astype("category")
    names = list(table.columns)
    found = check_anonymity(table, names, threshold)

    def plain(by):
        if not by:
            return pd.Series([rows])
        return table.astype(object).groupby(by, dropna=False).size()

    sizes = plain(names)
    assert (found.cells, found.k, found.alone) == (len(sizes), sizes.min(), (sizes == 1).sum())
    assert found.in_small_cells == sizes[sizes < threshold].sum()
    assert {each.attribute for each in found.without} == set(names)
    for each in found.without:
        rest = plain([name for name in names if name != each.attribute])
        assert (each.k, each.alone, each.in_small_cells) == (
            rest.min(), (rest == 1).sum(), rest[rest < threshold].sum(),
        )  # fmt: skip


def test_many_combinations_are_counted_as_exactly():
    generator = np.random.default_rng(0)
    table = pd.DataFrame({f"x{place}": generator.integers(0, 300, 3000) for place in range(4)})
    found = check_anonymity(table, list(table.columns), 10)
    sizes = table.groupby(list(table.columns)).size()
    assert (found.cells, found.alone) == (len(sizes), (sizes == 1).sum())
    one_out = table.groupby(["x1", "x2", "x3"]).size()
    assert next(each for each in found.without if each.attribute == "x0").alone == (one_out == 1).sum()


def test_no_episodes_and_no_attributes():
    nobody = check_anonymity(pd.DataFrame({"sex": []}), ["sex"], 10)
    assert (nobody.episodes, nobody.k, nobody.alone, nobody.small_share) == (0, 0, 0, 0.0)
    everybody = check_anonymity(pd.DataFrame({"other": [1, 2, 3]}), ["sex"], 10)
    assert (everybody.attributes, everybody.cells, everybody.k) == ((), 1, 3)


def test_the_report_says_how_well_people_hide_and_what_spoils_it():
    rows = good_rows(60)
    rows[0], rows[1] = rows[0].replace("18 to 39", "60 and over"), rows[1].replace("18 to 39", "60 and over")
    report = preview(long_csv(rows, HEADER), LONG, SCALES)
    found = report.anonymity
    assert set(found.attributes) >= {"age_band", "sex", "site", "intervention", "start_year"}
    assert (found.k, found.alone) == (1, 1)
    assert found.spoilers[0].attribute == "age_band"
    assert found.spoilers[0].alone == 0
    text = " ".join(anonymity_lines(report))
    assert "1 alone in theirs" in text
    assert "Without age band," in text
    assert "By all attributes stored of an episode" in text
    assert "clinician" not in found.attributes
