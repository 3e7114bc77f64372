"""The patient's week as a picture: what the bars hold, what is said, what is left out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kneewise.figures.week_load import draw_week_load
from kneewise.knowledge_base import load_knowledge
from kneewise.reasoning import NO_FINDINGS, findings_of
from kneewise.reasoning.load import week_load

KNOWLEDGE = load_knowledge()
ACTIVITIES = KNOWLEDGE.load.activities
POOLED = [activity for activity in ACTIVITIES if activity.used_value]
NOT_POOLED = [activity for activity in ACTIVITIES if not activity.used_value]


def the_week(**counts):
    """The load of a week: walking=(before, after)."""
    week = {f"activity.{name}": pair for name, pair in counts.items()}
    return week_load(findings_of({}, KNOWLEDGE, week), KNOWLEDGE)


def drawn(week, voice="clinician", dark=False):
    return draw_week_load(week, KNOWLEDGE, voice, dark=dark)


def test_the_bars_are_steps_on_one_knee_times_the_published_peak():
    """Worked by hand: both feet are counted, so one knee takes every second step of seven days."""
    walking = KNOWLEDGE.entry("activity.walking")
    peak = KNOWLEDGE.entry(walking.used_value)
    assert walking.loads_per_count == 0.5
    bars = {bar.name: bar for bar in drawn(the_week(walking=(4000, 6000))).figure.data if bar.type == "bar"}
    row = list(bars["Week before"].y).index(walking.label.clinician)
    assert bars["Week before"].x[row] == pytest.approx(4000 / 2 * 7 * peak.value)
    assert bars["Week planned"].x[row] == pytest.approx(6000 / 2 * 7 * peak.value)
    assert bars["Week planned"].error_x.array[row] == pytest.approx(6000 / 2 * 7 * peak.sd)


@pytest.mark.parametrize("voice", ["clinician", "patient"])
@pytest.mark.parametrize(
    ("walking", "says"),
    [
        ((4000, 6000), "The second week asks 50 % more of this knee than the first"),
        ((6000, 3000), "The second week asks 50 % less of this knee than the first"),
        ((5000, 5000), "The two weeks ask about the same of this knee"),
        ((0, 5000), "Enter a count before and after"),  # no percentage of nothing
        ((5000, None), "Enter a count before and after"),
    ],
)
def test_the_sentence_says_which_way_and_how_much(walking, says, voice):
    assert drawn(the_week(walking=walking), voice).sentence.startswith(says)


def test_without_a_week_it_asks_for_one_and_shows_the_peaks_alone():
    picture = drawn(week_load(NO_FINDINGS, KNOWLEDGE))
    assert picture.sentence.startswith("Enter a count before and after")
    assert all(x is None for bar in picture.figure.data if bar.type == "bar" for x in bar.x)
    peaks = dict(zip(picture.figure.data[0].y, picture.figure.data[0].x, strict=True))
    assert peaks == {each.label.clinician: KNOWLEDGE.entry(each.used_value).value for each in POOLED}


@pytest.mark.parametrize("voice", ["clinician", "patient"])
def test_what_studies_do_not_agree_on_is_named_and_not_drawn(voice):
    picture = drawn(the_week(walking=(4000, 6000), **{NOT_POOLED[0].id.partition(".")[2]: (10, 20)}), voice)
    for activity in NOT_POOLED:
        label = getattr(activity.label, voice)
        assert label in picture.sentence
        assert all(label not in (trace.y or ()) for trace in picture.figure.data)
        row = picture.table.set_index("Activity").loc[label]
        assert row["Sum before"] == row["Sum after"] == ""
        assert row["Peak, × body weight"] == "no pooled value"


counts = some.one_of(some.none(), some.floats(min_value=0, max_value=1000))


@settings(max_examples=40)
@given(some.fixed_dictionaries({activity.id: some.tuples(counts, counts) for activity in ACTIVITIES}))
def test_no_week_breaks_the_picture_and_picture_sentence_and_table_agree(week):
    entered = {activity: pair for activity, pair in week.items() if pair != (None, None)}
    result = week_load(findings_of({}, KNOWLEDGE, entered), KNOWLEDGE)
    for voice in ("clinician", "patient"):
        picture = drawn(result, voice)
        assert len(picture.table) == len(ACTIVITIES)
        bars = {bar.name: bar for bar in picture.figure.data if bar.type == "bar"}
        after = [x for x in bars["Week planned"].x if x is not None]
        assert len(after) == sum(row != "" for row in picture.table["Sum after"])
        if result.change_percent is None:
            assert picture.sentence.startswith("Enter a count")
        else:
            assert "knee" in picture.sentence


def test_before_and_planned_differ_by_more_than_colour():
    bars = [trace for trace in drawn(the_week(walking=(1, 2))).figure.data if trace.type == "bar"]
    assert bars[0].marker.pattern.shape != bars[1].marker.pattern.shape
    assert bars[0].name != bars[1].name


def test_a_patient_reads_the_counts_in_the_words_of_the_form():
    week = the_week(**{each.id.partition(".")[2]: (each.example_before, each.example_after) for each in ACTIVITIES})
    table = drawn(week, "patient").table
    assert list(table["Activity"]) == [each.label.patient for each in ACTIVITIES]
    said = " ".join(table.astype(str).to_numpy().ravel())
    assert not [
        each.counted_as for each in ACTIVITIES if each.counted_as != each.counted_patient and each.counted_as in said
    ]


def test_the_clinician_reads_who_was_studied():
    table = drawn(the_week(walking=(1, 2))).table.set_index("Activity")
    for activity in POOLED:
        assert table.loc[activity.label.clinician, "Who was studied"] == KNOWLEDGE.entry(activity.used_value).population
