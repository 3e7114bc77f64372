"""Released answers: what may be asked, what is refused and why, and that nothing exact comes back."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest

from kneewise.disclosure.policy import read_policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes import demo
from kneewise.outcomes.answers import (
    Question,
    answer_change,
    answer_distribution,
    answer_responders,
    answer_trend,
    bin_edges,
    list_choices,
)
from kneewise.outcomes.asking import in_order
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import SCALES, long_csv

AKPS = "instrument.akps"
ANSWERS = (answer_change, answer_responders, answer_trend, answer_distribution)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers") / "store"
    demo.import_demo(SCALES, folder)
    return open_store(folder)


def small_store(tmp_path, sizes: dict[str, int]):
    rows = []
    for site, n in sizes.items():
        for number in range(n):
            start = f"{site}{number},{site},18 to 39,female,exercise only,2024,Q1,AKPS"
            rows += [f"{start},0,{50 + number % 5}", f"{start},42,{52 + number % 25}"]
    import_export(long_csv(rows), read_profile("kneewise_long"), tmp_path / "s", SCALES)
    return open_store(tmp_path / "s")


def counts_in(value) -> list[int]:
    """Every `n` and `count` of a released answer, wherever it stands."""
    found = []
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            if field.name in ("n", "count") and inner is not None:
                found.append(inner)
            found += counts_in(inner)
    elif isinstance(value, (tuple, list)):
        for inner in value:
            found += counts_in(inner)
    return found


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("group", [None, "site", "sex", "age_band", "intervention", "start_year"])
def test_every_released_count_is_rounded_and_not_small(store, answer, group):
    counts = counts_in(answer(store, Question(AKPS, group), SCALES))
    assert counts
    assert all(type(count) is int and count >= 10 and count % 5 == 0 for count in counts)


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_answer_says_where_it_comes_from(store, answer):
    context = answer(store, Question(AKPS), SCALES).context
    assert context.direction == "higher is better"
    assert context.synthetic
    assert context.version == store.version
    assert "control group" in context.control_note
    assert answer(store, Question("instrument.nprs_worst"), {**SCALES}).context.direction == "lower is better"


def test_totals_are_sums_of_rounded_groups(store):
    for answer in (answer_change, answer_responders, answer_trend):
        made = answer(store, Question(AKPS, "site"), SCALES)
        assert made.n == sum(group.n for group in made.groups)


def test_groups_and_filters_are_those_of_the_grid_only(store):
    with pytest.raises(DisclosureRefused, match="'clinician' is no attribute"):
        answer_change(store, Question(AKPS, "clinician"), SCALES)
    with pytest.raises(DisclosureRefused, match="'start_month' is no attribute"):
        answer_change(store, Question(AKPS, None, ("start_month", "3")), SCALES)
    with pytest.raises(DisclosureRefused, match="filter by another"):
        answer_change(store, Question(AKPS, "sex", ("sex", "female")), SCALES)
    with pytest.raises(DisclosureRefused, match="No site 'Atlantis'"):
        answer_change(store, Question(AKPS, None, ("site", "Atlantis")), SCALES)
    with pytest.raises(DisclosureRefused, match="not both"):
        answer_distribution(store, Question(AKPS, "sex", ("site", "North")), SCALES)


def test_what_the_store_does_not_hold_is_said(store):
    with pytest.raises(StoreError, match="holds no scores of"):
        answer_change(store, Question("instrument.oks"), SCALES)
    with pytest.raises(StoreError, match="No important change of KOOS-PF"):
        answer_responders(store, Question("instrument.koos_pf"), SCALES)


def test_a_small_site_is_merged_and_said(tmp_path):
    store = small_store(tmp_path, {"North": 60, "South": 50, "East": 6, "West": 20})
    answer = answer_change(store, Question(AKPS, "site"), SCALES)
    assert [(group.label, group.n) for group in answer.groups] == [("North", 60), ("South", 50), ("smaller groups", 25)]
    assert any("2 groups by site are shown together" in note for note in answer.context.notes)
    with pytest.raises(DisclosureRefused, match="Too few people of site 'East'"):
        answer_change(store, Question(AKPS, None, ("site", "East")), SCALES)
    assert "East" not in str(list_choices(store, SCALES))
    assert "East" not in repr(answer)


def test_two_groups_of_which_one_is_small_are_not_split(tmp_path):
    store = small_store(tmp_path, {"North": 60, "East": 6})
    with pytest.raises(DisclosureRefused, match="Split by site, some group would hold fewer than 10"):
        answer_change(store, Question(AKPS, "site"), SCALES)
    assert answer_change(store, Question(AKPS), SCALES).n == 65


def test_a_store_of_few_people_answers_nothing(tmp_path):
    store = small_store(tmp_path, {"North": 9})
    for answer in ANSWERS:
        with pytest.raises(DisclosureRefused):
            answer(store, Question(AKPS), SCALES)


def test_quartiles_need_more_people_than_a_mean(tmp_path):
    store = small_store(tmp_path, {"North": 15, "South": 25, "East": 60})
    groups = {group.label: group for group in answer_change(store, Question(AKPS, "site"), SCALES).groups}
    assert (groups["North"].median, groups["North"].lower_quartile) == (None, None)
    assert groups["South"].median is not None
    assert groups["South"].lower_quartile is None
    assert groups["East"].lower_quartile < groups["East"].median < groups["East"].upper_quartile


def test_group_by_and_filter_may_change_places(store):
    one = answer_change(store, Question(AKPS, "site", ("start_year", "2024")), SCALES)
    other = answer_change(store, Question(AKPS, "start_year", ("site", "North")), SCALES)
    north = next(group for group in one.groups if group.label == "North")
    year = next(group for group in other.groups if group.label == "2024")
    assert (north.n, north.mean_change) == (year.n, year.mean_change)


def test_a_bin_of_a_distribution_is_better_or_worse_or_says_neither(store):
    bins = answer_distribution(store, Question("instrument.nprs_worst"), SCALES).groups[0].bins
    assert bins[0].low is None
    assert bins[0].better is True
    assert bins[-1].high is None
    assert all(first.high == second.low for first, second in itertools.pairwise(bins))
    for part in bins:
        low, high = (-math.inf if part.low is None else part.low), (math.inf if part.high is None else part.high)
        assert part.better == (None if low <= 0 < high else high <= 0)


def test_bins_have_nice_steps_and_an_end_at_nought():
    for scale in SCALES.values():
        edges = bin_edges(scale)
        assert 0 in edges
        assert edges[0] <= -(scale.maximum - scale.minimum)
        assert edges[-1] >= scale.maximum - scale.minimum


def test_a_repeated_question_gives_the_very_same_answer(store):
    assert answer_trend(store, Question(AKPS, "site"), SCALES) is answer_trend(store, Question(AKPS, "site"), SCALES)


def test_choices_are_released_too(store):
    choices = list_choices(store, SCALES)
    assert choices.instruments == ("instrument.akps", "instrument.koos_pf", "instrument.nprs_worst")
    assert dict(choices.attributes).keys() == set(read_policy().grid)
    assert all(count % 5 == 0 and count >= 10 for count in counts_in(choices))


def test_groups_stand_as_they_grow_and_what_was_merged_last():
    ages = ["18 to 39", "40 to 59", "60 and over", "not recorded", "smaller groups", "under 18"]
    assert sorted(ages, key=in_order) == ["under 18", "18 to 39", "40 to 59", "60 and over", "not recorded", "smaller groups"]
    durations = ["3 to 12 months", "over 12 months", "under 3 months"]
    assert sorted(durations, key=in_order) == ["under 3 months", "3 to 12 months", "over 12 months"]
    assert sorted(["middle third", "high third", "low third"], key=in_order) == ["low third", "middle third", "high third"]
    assert sorted(["Site 10", "2024 Q1", "2023 Q4"], key=in_order) == ["Site 10", "2023 Q4", "2024 Q1"]
