"""Outcome charts: nothing drawn that was not released, direction of good, neutral order, every chart with its words."""

from __future__ import annotations

import dataclasses
import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from kneewise.disclosure.released import ReleasedBin, ReleasedShare
from kneewise.figures import outcome_charts as charts
from kneewise.figures.chart_words import interval_rows
from kneewise.outcomes import demo
from kneewise.outcomes.answers import (
    Question,
    answer_change,
    answer_distribution,
    answer_responders,
    answer_trend,
)
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import SCALES, long_csv

AKPS, PAIN = "instrument.akps", "instrument.nprs_worst"
STATUS = "awaiting verification"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charts") / "store"
    demo.import_demo(SCALES, folder)
    return open_store(folder)


def all_drawn(store, question: Question, dark: bool = False) -> dict[str, charts.Drawn]:
    return {
        "trend": charts.draw_trend(answer_trend(store, question, SCALES), dark=dark),
        "distribution": charts.draw_distribution(answer_distribution(store, question, SCALES), dark=dark),
        "responders": charts.draw_responders(answer_responders(store, question, SCALES), STATUS, dark=dark),
        "completeness": charts.draw_completeness(answer_change(store, question, SCALES), dark=dark),
    }


@pytest.mark.parametrize("group_by", [None, "site", "intervention", "start_year", "age_band"])
@pytest.mark.parametrize("instrument", [AKPS, PAIN])
def test_every_chart_has_figure_sentence_table_and_alt(store, instrument, group_by):
    for name, drawn in all_drawn(store, Question(instrument, group_by)).items():
        assert len(drawn.figure.data) > 0, name
        assert drawn.sentence.endswith("."), name
        assert len(drawn.table) > 0, name
        assert "synthetic data" in drawn.alt, name


@pytest.mark.parametrize(("instrument", "good"), [(AKPS, "higher is better"), (PAIN, "lower is better")])
def test_every_chart_says_which_way_is_good_and_how_many_and_how_complete(store, instrument, good):
    """Hazard KW-H02."""
    for name, drawn in all_drawn(store, Question(instrument)).items():
        assert good in drawn.alt.casefold(), name
        if name != "completeness":
            assert good in drawn.sentence.casefold(), name
            assert "n = " in drawn.sentence, name
            assert "completeness" in drawn.sentence, name


def test_falling_pain_is_read_as_better(store):
    """Hazard KW-H02."""
    change = answer_change(store, Question(PAIN), SCALES)
    assert change.groups[0].mean_change < 0
    assert charts.verdict(change.groups[0], change.context) == "Better on average"
    other = dataclasses.replace(change.context, higher_is_better=True)
    assert charts.verdict(change.groups[0], other) == "Worse on average"


def test_a_range_that_holds_nought_is_no_clear_change(store):
    change = answer_change(store, Question(AKPS), SCALES)
    unsure = dataclasses.replace(change.groups[0], low=-0.4, high=1.2)
    assert charts.verdict(unsure, change.context) == "No clear change on average"


def test_better_lies_to_the_right_for_pain_too(store):
    """Hazard KW-H02."""
    for instrument, rising in ((AKPS, True), (PAIN, False)):
        axis = charts.draw_distribution(answer_distribution(store, Question(instrument), SCALES), dark=False)
        low, high = axis.figure.layout.xaxis.range
        assert (low < high) is rising


def test_the_three_parts_of_the_distribution_are_sums_of_released_bins(store):
    answer = answer_distribution(store, Question(AKPS, "site"), SCALES)
    drawn = charts.draw_distribution(answer, dark=False)
    sides = [side for side in (False, None, True) if any(each.better is side for each in answer.groups[0].bins)]
    assert len(drawn.figure.data) == len(sides)
    for place, side in enumerate(sides):
        expected = [
            round(100 * sum(each.n for each in group.bins if each.better is side) / group.n) for group in answer.groups
        ]
        assert list(drawn.figure.data[place].x) == expected


def test_people_who_got_worse_are_never_called_about_the_same(store):
    """Where too few got worse to be drawn apart, the part that holds them says so, in the legend and in the sentence."""
    answer = answer_distribution(store, Question(AKPS, "intervention"), SCALES)
    assert not any(each.better is False for each in answer.groups[0].bins), "choose a split with merged bins"
    drawn = charts.draw_distribution(answer, dark=False)
    assert [trace.name for trace in drawn.figure.data] == ["worse, the same or under 10 better", "better"]
    assert "about the same" not in drawn.sentence
    assert "worse, the same or under 10 better" in drawn.sentence


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better", "words"),
    [
        (0, 10, True, "the same or under 10 better"),
        (0, 2, False, "the same or under 2 worse"),
        (None, 10, True, "worse, the same or under 10 better"),
        (0, None, True, "the same or better"),
        (-10, 10, False, "up to 10 better, the same or under 10 worse"),
    ],
)
def test_about_the_same_says_exactly_what_it_holds(store, low, high, higher_is_better, words):
    answer = answer_distribution(store, Question(AKPS), SCALES)
    context = dataclasses.replace(answer.context, higher_is_better=higher_is_better)
    rest = tuple(each for each in answer.groups[0].bins if each.better is not None)
    group = dataclasses.replace(answer.groups[0], bins=(*rest, ReleasedBin(low, high, 50, None)))
    made = dataclasses.replace(answer, context=context, groups=(group,))
    assert f"({words})" in charts.draw_distribution(made, dark=False).sentence


def test_groups_stand_in_the_order_of_their_names_whatever_their_results(store):
    """No league table."""
    for name, drawn in all_drawn(store, Question(AKPS, "site")).items():
        assert list(dict.fromkeys(drawn.table["Group"])) == ["East", "North", "South", "West"], name


def test_a_part_of_the_groups_is_drawn_and_the_table_function_holds_all(store):
    answer = answer_responders(store, Question(AKPS, "site"), SCALES)
    drawn = charts.draw_responders(answer, STATUS, dark=False, part=(1, 3))
    assert list(drawn.table["Group"]) == ["North", "South"]
    assert len(charts.responder_table(answer, STATUS)) == 4


def test_nothing_is_in_a_figure_that_was_not_released(tmp_path):
    """A group under the threshold leaves neither its name nor its count."""
    rows = []
    for site, n in {"Big": 60, "Other": 45, "Tiny": 4}.items():
        for number in range(n):
            start = f"{site}{number},{site},18 to 39,female,exercise only,2024,Q1,AKPS"
            rows += [f"{start},0,{50 + number % 5}", f"{start},42,{52 + number % 25}"]
    import_export(long_csv(rows), read_profile("kneewise_long"), tmp_path / "s", SCALES)
    question = Question(AKPS, "site")
    small = open_store(tmp_path / "s")
    drawn = [
        charts.draw_trend(answer_trend(small, question, SCALES), dark=False),
        charts.draw_completeness(answer_change(small, question, SCALES), dark=False),
    ]
    for each in drawn:
        assert "Tiny" not in each.figure.to_json() + each.table.to_csv() + each.sentence + each.alt
        shown = [int(number.replace(",", "")) for number in re.findall(r"n = ([\d,]+)", each.figure.to_json())]
        assert shown
        assert all(number >= 10 and number % 5 == 0 for number in shown)


def test_a_bound_is_written_where_no_share_may_be_drawn(store):
    answer = answer_responders(store, Question(AKPS), SCALES)
    bound = ReleasedShare(None, None, None, None, None, "more than 95 %")
    bounded = dataclasses.replace(answer, groups=(dataclasses.replace(answer.groups[0], share=bound),))
    drawn = charts.draw_responders(bounded, STATUS, dark=True)
    assert not drawn.figure.data[0].x
    assert [each.text for each in drawn.figure.layout.annotations] == ["more than 95 %"]
    assert "interval" not in drawn.sentence.split("What matters")[0]


def test_the_status_of_the_important_change_stands_beside_it(store):
    """Hazard KW-H10."""
    answer = answer_responders(store, Question(AKPS), SCALES)
    drawn = charts.draw_responders(answer, STATUS, dark=False)
    assert f"10 points or more for the better ({STATUS}" in drawn.sentence
    tile = charts.headlines(answer_change(store, Question(AKPS), SCALES), answer, STATUS)[-1]
    assert STATUS in tile.sentence


def test_headlines_say_how_many_how_complete_how_much_with_ranges(store):
    change = answer_change(store, Question(AKPS), SCALES)
    tiles = charts.headlines(change, None)
    assert [tile.label for tile in tiles] == ["People counted", "Completeness", "Average change, in points"]
    assert tiles[0].figure == "1,005"
    group = change.groups[0]
    assert f"+{group.low:.1f} to +{group.high:.1f}" in tiles[2].sentence
    share = change.completeness
    assert f"{share.low_percent} to {share.high_percent}\u00a0%" in tiles[1].sentence


@given(some.text(min_size=1, max_size=30))
def test_no_label_becomes_markup_in_a_figure(label):
    """Uploaded text is never HTML: Plotly reads tags in any label."""
    share = ReleasedShare(20, 40, 50, 35, 65, "50 % (20 of 40)")
    figure = interval_rows([(label, 40, share)], charts.palette(False))
    name = json.loads(figure.to_json())["data"][0]["y"][0].removesuffix("<br>n = 40")
    assert "<" not in name
    assert ">" not in name


def test_dark_and_light_differ_in_colours_only(store):
    light, dark = (all_drawn(store, Question(AKPS, "site"), dark=each) for each in (False, True))
    for name in light:
        pd.testing.assert_frame_equal(light[name].table, dark[name].table)
        assert light[name].figure.to_json() != dark[name].figure.to_json()
