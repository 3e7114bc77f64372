"""Outcome charts: nothing drawn that was not released, direction of good, neutral order, every chart with its words."""

from __future__ import annotations

import dataclasses
import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import ReleasedBin, ReleasedShare
from kneewise.figures import outcome_charts as charts
from kneewise.figures.chart_words import interval_rows, with_source
from kneewise.outcomes import demo
from kneewise.outcomes.answers import (
    Question,
    answer_change,
    answer_distribution,
    answer_responders,
    answer_trend,
)
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.missing import answer_missing
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
        "change": charts.draw_change(answer_change(store, question, SCALES), dark=dark),
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
        drawn = all_drawn(store, Question(instrument))
        for name in ("distribution", "change"):
            low, high = drawn[name].figure.layout.xaxis.range
            assert (low < high) is rising, name


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


def test_a_headline_names_how_far_the_missing_people_could_move_it(store):
    question = Question(AKPS)
    missing = answer_missing(store, question, SCALES)
    tile = charts.headlines(
        answer_change(store, question, SCALES), answer_responders(store, question, SCALES), STATUS, missing
    )[-1]
    low, high = missing.plausible_low_percent, missing.plausible_high_percent
    assert low < high
    assert f"of everybody who started, plausibly {low} to {high}\u00a0%" in tile.sentence


def test_a_group_of_too_few_people_is_named_without_a_number(store):
    """Own mode: a small group stands in its place, and says so in the chart and in the table."""
    own = read_policy("own")
    question = Question(AKPS, "age_band", only=(("site", "West"), ("sex", "male"), ("intervention", "exercise only")))
    change = answer_change(store, question, SCALES, own)
    small = [group.label for group in change.groups if group.n is None]
    assert small, "choose filters that leave a small group"
    drawn = {
        "trend": charts.draw_trend(answer_trend(store, question, SCALES, own), dark=False),
        "distribution": charts.draw_distribution(answer_distribution(store, question, SCALES, own), dark=False),
        "responders": charts.draw_responders(answer_responders(store, question, SCALES, own), STATUS, dark=False),
        "change": charts.draw_change(change, dark=False),
        "completeness": charts.draw_completeness(change, dark=False),
    }
    for name, each in drawn.items():
        rows = each.table[each.table["Group"].isin(small)]
        assert len(rows) > 0 or name == "trend", name
        assert not rows["People"].map(lambda cell: isinstance(cell, int)).any(), name
        assert name == "trend" or f"{small[0]}<br>too few people" in each.figure.layout.yaxis.categoryarray, name


def test_what_cannot_be_summed_up_is_not_called_a_number(store):
    """Own mode: a hidden column leaves its part of the people without a number, in words and in the picture."""
    own = read_policy("own")
    only = (("site", "West"), ("sex", "male"))
    alone = charts.draw_distribution(answer_distribution(store, Question(AKPS, only=only), SCALES, own), dark=False)
    assert "Not summed up" in alone.sentence
    assert "None" not in alone.sentence
    split = charts.draw_distribution(
        answer_distribution(store, Question(AKPS, "symptom_duration", only=only), SCALES, own), dark=False
    )
    notes = [each.text for each in split.figure.layout.annotations]
    assert len(notes) == 3
    assert set(notes) <= {"not shown (too few people)", "the rest: too few people"}
    assert "rounded" not in split.sentence


def test_everybody_of_a_filter_bears_the_filters_name(store):
    answer = answer_responders(store, Question(AKPS, only=("site", "East")), SCALES)
    drawn = charts.draw_responders(answer, STATUS, dark=False)
    assert list(drawn.table["Group"]) == ["East"]
    assert drawn.figure.data[0].y[0].startswith("East<br>")


def test_a_sum_of_rounded_groups_says_so_where_it_is_not_the_number_of_all(store):
    """n = 1,010 beside "1,005 of 1,200" looks like a mistake."""
    whole = charts.change_sentence(answer_change(store, Question(AKPS), SCALES))
    assert "n = 1,005; completeness" in whole
    answer = answer_change(store, Question(AKPS, "site"), SCALES)
    assert answer.n != answer.completeness.count
    assert f"n = {answer.n:,} as the sum of rounded groups; completeness" in charts.change_sentence(answer)
    own = answer_change(store, Question(AKPS, "site"), SCALES, read_policy("own"))
    assert "sum of rounded" not in charts.change_sentence(own)


def test_beside_a_share_of_all_people_with_a_score_stands_their_number(store):
    answer = answer_change(store, Question(AKPS, "site"), SCALES)
    names = charts.draw_completeness(answer, dark=False).figure.layout.yaxis.categoryarray
    for name, group in zip(names, answer.groups, strict=True):
        assert group.completeness.n > group.n
        assert name == f"{group.label}<br>n = {group.completeness.n}"


def test_the_words_below_a_chart_leave_room_for_the_names_of_its_rows(store):
    """On a tablet they were cut off at the right, where long names moved the plot there."""
    answer = answer_responders(store, Question(AKPS, "age_band"), SCALES)
    names = charts.draw_responders(answer, STATUS, dark=False).figure.layout.yaxis.categoryarray
    longest = max(len(line) for name in names for line in name.split("<br>"))
    assert longest > 15
    figure = charts.draw_responders(answer, STATUS, dark=False).figure
    figure = with_source(figure, "How far people moved by age band", answer.n, answer.context, charts.palette(False))
    assert all(len(line) + longest <= 64 for line in figure.layout.annotations[-1].text.split("<br>"))


def test_a_saved_picture_says_what_it_is(store):
    """It is seen without its page: what, of whom, whose records; first of all that they are made up."""
    answer = answer_responders(store, Question(AKPS, only=("site", "East")), SCALES)
    drawn = charts.draw_responders(answer, STATUS, dark=False)
    before = drawn.figure.layout.height
    figure = with_source(drawn.figure, "Improved", answer.n, answer.context, charts.palette(False))
    said = figure.layout.annotations[-1].text.replace("<br>", " ")
    assert said.startswith("SYNTHETIC DATA · Improved · only East")
    for words in (
        f"n = {answer.n}",
        "AKPS, higher is better",
        answer.context.source_label,
        answer.context.version,
    ):
        assert words in said
    assert figure.layout.height > before
    internal = dataclasses.replace(answer.context, mode="own")
    figure = with_source(drawn.figure, "Improved", answer.n, internal, charts.palette(True))
    assert figure.layout.annotations[-1].text.startswith("INTERNAL")


def test_panels_of_a_trend_share_one_scale_and_hide_nobody(store):
    answer = answer_trend(store, Question(AKPS, "start_year"), SCALES)
    layout = json.loads(charts.draw_trend(answer, dark=False).figure.to_json())["layout"]
    panels = [name for name in layout if name.startswith("yaxis")]
    assert len(panels) == len(answer.groups)
    assert [layout[name].get("matches") for name in panels] == [None, *["y"] * (len(panels) - 1)]
    titles = [each["text"] for each in layout["annotations"]]
    assert titles == [f"{group.label}  (n = {group.n})" for group in answer.groups]


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
    written = json.loads(figure.to_json())
    # Our own line break parts a long name; every sign of the name itself is escaped.
    name = written["data"][0]["y"][0].replace("<br>", "") + written["data"][0]["customdata"][0][-1]
    assert "<" not in name
    assert ">" not in name


def test_dark_and_light_differ_in_colours_only(store):
    light, dark = (all_drawn(store, Question(AKPS, "site"), dark=each) for each in (False, True))
    for name in light:
        pd.testing.assert_frame_equal(light[name].table, dark[name].table)
        assert light[name].figure.to_json() != dark[name].figure.to_json()
