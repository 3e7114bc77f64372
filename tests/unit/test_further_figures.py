"""Figures of the further answers: every chart with its words, direction of good, marks beside colours, nothing unescaped."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest

from kneewise.disclosure.comparison import ReleasedComparedUnit
from kneewise.disclosure.control_chart import ReleasedPoint
from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.recovery import ReleasedCurve
from kneewise.disclosure.released import TOO_FEW, ReleasedShare
from kneewise.figures import (
    control_chart,
    funnel_plot,
    intervention_bars,
    like_mine,
    missing_band,
    quality_bars,
    recovery_curve,
)
from kneewise.outcomes.asking import Question
from kneewise.outcomes.comparing import answer_comparison
from kneewise.outcomes.interventions import answer_interventions
from kneewise.outcomes.like_mine import LikeMine, answer_like_mine
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.over_time import answer_over_time
from kneewise.outcomes.quality import answer_quality
from kneewise.outcomes.recovering import answer_recovery
from kneewise.statistics.funnel import UPPER_QUANTILE_95, UPPER_QUANTILE_998
from kneewise.ui import outcome_sections
from tests.further_samples import AKPS, PAIN, demo_store
from tests.outcomes_samples import SCALES

STATUS = "awaiting verification"
OWN = read_policy("own")
MARKUP = "<b>North</b><a href='x'>"


def answers(instrument: str, policy=None) -> dict:
    store, question = demo_store(), Question(instrument)
    return {
        "over time": answer_over_time(store, question, SCALES, policy, measure="improved", target=55.0),
        "recovery": answer_recovery(store, question, SCALES, policy),
        "missing": answer_missing(store, question, SCALES, policy),
        "treatments": answer_interventions(store, question, SCALES, policy),
        "quality": answer_quality(store, question, SCALES, policy),
        "like mine": answer_like_mine(store, LikeMine(instrument, "18 to 39"), SCALES, policy),
    }


def drawn(found: dict, dark: bool = False) -> dict:
    return {
        "over time": control_chart.draw_control_chart(found["over time"], dark=dark),
        "recovery": recovery_curve.draw_recovery(found["recovery"], STATUS, dark=dark),
        "missing": missing_band.draw_missing(found["missing"], dark=dark),
        "treatments": intervention_bars.draw_interventions(found["treatments"], STATUS, dark=dark),
        "quality": quality_bars.draw_quality(found["quality"], dark=dark),
        "like mine": like_mine.draw_like_mine(found["like mine"], STATUS, dark=dark),
    }


@pytest.mark.parametrize(("instrument", "good"), [(AKPS, "higher is better"), (PAIN, "lower is better")])
def test_every_chart_has_words_a_table_a_direction_and_its_n(instrument, good):
    """Hazard KW-H02."""
    for name, each in drawn(answers(instrument)).items():
        assert len(each.figure.data) > 0, name
        assert len(each.table) > 0, name
        assert each.sentence.endswith("."), name
        assert "synthetic data" in each.alt, name
        assert good in each.alt, name
        assert "ompleteness" in each.sentence, name
        if name != "quality":
            assert good in each.sentence.casefold(), name
            assert "n = " in each.sentence, name


def test_dark_and_light_differ_in_colours_only():
    found = answers(AKPS)
    light, dark = (drawn(found, dark=each) for each in (False, True))
    for name in light:
        pd.testing.assert_frame_equal(light[name].table, dark[name].table)
        assert light[name].sentence == dark[name].sentence
        assert light[name].figure.to_json() != dark[name].figure.to_json()


def test_the_status_of_the_important_change_stands_beside_it():
    """Hazard KW-H10."""
    for name, each in drawn(answers(AKPS)).items():
        if name in ("recovery", "treatments", "like mine"):
            assert f"10 points or more for the better ({STATUS})" in each.sentence, name


def test_no_label_becomes_markup_in_a_figure():
    """Uploaded text is never HTML: Plotly reads tags in any label."""
    found = answers(AKPS, OWN)
    split = answer_recovery(demo_store(), Question(AKPS, "symptom_duration"), SCALES)
    named = [dataclasses.replace(group, label=MARKUP) for group in split.groups]
    compared = answer_comparison(demo_store(), Question(AKPS, "site"), SCALES)
    figures = [
        recovery_curve.draw_recovery(dataclasses.replace(split, groups=tuple(named)), STATUS, dark=False),
        intervention_bars.draw_interventions(
            dataclasses.replace(
                found["treatments"],
                groups=tuple(dataclasses.replace(group, label=MARKUP) for group in found["treatments"].groups),
            ),
            STATUS,
            dark=False,
        ),
        quality_bars.draw_quality(
            dataclasses.replace(
                found["quality"],
                rows=tuple(dataclasses.replace(row, name=MARKUP) for row in found["quality"].rows),
            ),
            dark=False,
        ),
        funnel_plot.draw_comparison(
            dataclasses.replace(
                compared, units=tuple(dataclasses.replace(unit, label=MARKUP) for unit in compared.units)
            ),
            dark=False,
        ),
        like_mine.draw_like_mine(
            dataclasses.replace(
                found["like mine"],
                weeks=tuple(
                    dataclasses.replace(week, share=ReleasedShare(None, None, None, None, None, MARKUP))
                    for week in found["like mine"].weeks
                ),
            ),
            STATUS,
            dark=False,
        ),
    ]
    for each in figures:
        text = json.dumps(json.loads(each.figure.to_json()))
        assert "<a" not in text
        assert "<b>North" not in text


# --- over time


def test_points_that_stand_out_differ_in_shape_and_word():
    chart = answer_over_time(demo_store(), Question(AKPS), SCALES, measure="change")
    kinds = [
        dataclasses.replace(chart.points[0], signal="improvement", rules=("outside the limits",)),
        dataclasses.replace(chart.points[1], signal="concern"),
        dataclasses.replace(chart.points[2], signal="special"),
        dataclasses.replace(chart.points[3], immature=True, signal=None),
        ReleasedPoint("2024 Q1", None, None),
        *chart.points[5:],
    ]
    made = dataclasses.replace(chart, points=tuple(kinds), variation="improvement")
    each = control_chart.draw_control_chart(made, dark=False)
    marks = {trace.name: trace.marker.symbol for trace in each.figure.data if trace.mode == "markers"}
    assert len(set(marks.values())) == len(marks) == 5
    assert marks["follow-up still open"] == "circle-open"
    meaning = dict(zip(each.table["Quarter"], each.table["Meaning"], strict=True))
    assert meaning["2023 Q1"] == "stands out, for the better (outside the limits)"
    assert meaning["2024 Q1"] == "too few people"
    assert "1 quarter with too few people" in each.sentence
    assert "Standing out: 2023 Q1, 2023 Q2, 2023 Q3." in each.sentence
    assert chart.convention in each.sentence
    course = next(trace for trace in each.figure.data if trace.mode == "lines" and not trace.name)
    assert course.y[4] is None


def test_the_page_has_words_for_every_finding_of_the_chart():
    """A measure that is the same in every period ended the page with an apology."""
    assert set(outcome_sections._VARIATION) == set(control_chart._VARIATION)
    assert set(outcome_sections._ASSURANCE) == set(control_chart._ASSURANCE)


def test_target_and_new_limits_are_said():
    chart = answer_over_time(
        demo_store(),
        Question(AKPS),
        SCALES,
        measure="change",
        target=8,
        rebase=(("2024 Q3", "a second physiotherapist"),),
    )
    each = control_chart.draw_control_chart(chart, dark=False)
    assert "New limits from 2024 Q3 on: a second physiotherapist." in each.sentence
    assert "Target 8.0 points: If nothing changes, the target will be met every time." in each.sentence
    assert "target" in {trace.name for trace in each.figure.data}


def test_a_run_chart_has_a_median_and_judges_nothing():
    chart = answer_over_time(demo_store(), Question(AKPS, only=("site", "North")), SCALES, measure="change")
    each = control_chart.draw_control_chart(chart, dark=False)
    names = {trace.name for trace in each.figure.data}
    assert "median" in names
    assert "limits of chance" not in names
    assert set(each.table["Meaning"]) == {"not judged"}
    assert "Too few periods" in each.sentence


# --- the others


def test_a_single_curve_has_its_band_and_several_have_dashes():
    alone = recovery_curve.draw_recovery(answer_recovery(demo_store(), Question(AKPS), SCALES), STATUS, dark=False)
    assert [trace.fill for trace in alone.figure.data] == [None, "tonexty", None]
    assert {trace.line.shape for trace in alone.figure.data} == {"hv"}
    split = answer_recovery(demo_store(), Question(AKPS, "symptom_duration"), SCALES)
    several = recovery_curve.draw_recovery(split, STATUS, dark=False)
    assert len({trace.line.dash for trace in several.figure.data}) == len(split.groups) == 3
    part = recovery_curve.draw_recovery(split, STATUS, dark=False, part=(1, 2))
    assert set(part.table["Group"]) == {split.groups[1].label}
    assert part.sentence == several.sentence


def test_a_group_without_a_curve_is_named():
    split = answer_recovery(demo_store(), Question(AKPS, "symptom_duration"), SCALES)
    tiny = ReleasedCurve("tiny", None, (), (), None, None, None)
    each = recovery_curve.draw_recovery(dataclasses.replace(split, groups=(*split.groups, tiny)), STATUS, dark=False)
    assert "Too few people to be drawn: tiny." in each.sentence
    assert each.table.iloc[-1]["Still followed"] == "too few people"


def test_words_for_half_recovered():
    answer = answer_recovery(demo_store(), Question(AKPS), SCALES)
    assert "Half had improved by what matters by week" in recovery_curve.recovery_sentence(answer, STATUS)
    never = dataclasses.replace(answer, groups=(dataclasses.replace(answer.groups[0], median_weeks=None),))
    assert "Fewer than half" in recovery_curve.recovery_sentence(never, STATUS)


def test_the_band_is_drawn_between_its_ends_or_not_at_all():
    answer = answer_missing(demo_store(), Question(AKPS), SCALES)
    each = missing_band.draw_missing(answer, dark=False)
    ends = {trace.name: list(trace.x) for trace in each.figure.data}
    assert ends["worst to best case"] == [answer.worst_percent, answer.best_percent]
    assert ends["plausible"] == [answer.plausible_low_percent, answer.plausible_high_percent]
    none = dataclasses.replace(
        answer,
        worst_percent=None,
        best_percent=None,
        plausible_low_percent=None,
        plausible_high_percent=None,
        assumption="Why.",
    )
    without = missing_band.draw_missing(none, dark=False)
    assert [trace.name for trace in without.figure.data] == ["of those who came back"]
    assert "Why." in without.sentence
    assert list(without.table["Improved by what matters"])[1:] == ["not shown", "not shown"]


def test_treatments_claim_no_effect_and_stand_by_name():
    for policy in (None, OWN):
        each = intervention_bars.draw_interventions(
            answer_interventions(demo_store(), Question(AKPS), SCALES, policy), STATUS, dark=False
        )
        assert "not what it did" in each.sentence
        assert "nothing here corrects for that" in each.sentence
        names = [name for name in each.table["Treatment"] if not name.endswith("smaller groups")]
        assert names == sorted(names)
    assert "Symptoms over 12 months" in each.table
    assert "Aged 18 to 39" in each.table


def test_a_treatment_of_few_people_is_named_without_numbers():
    answer = answer_interventions(demo_store(), Question(AKPS), SCALES, OWN)
    few = dataclasses.replace(answer.groups[0], n=None, mean_first=None, share=TOO_FEW, long_duration=TOO_FEW, ages=())
    each = intervention_bars.draw_interventions(
        dataclasses.replace(answer, groups=(few, *answer.groups[1:])), STATUS, dark=False
    )
    row = each.table.iloc[0]
    assert (row["People"], row["Mean first score"], row["Aged 18 to 39"]) == (
        "too few people",
        "not shown",
        "not shown",
    )


def test_quality_names_what_is_least_known():
    own = quality_bars.draw_quality(answer_quality(demo_store(), Question(AKPS), SCALES, OWN), dark=False)
    assert "Least often recorded: age band (98\u00a0%)." in own.sentence
    assert "Fewest came: 1 year (46\u00a0%)." in own.sentence
    assert "2025 Q4" in own.sentence
    answer = answer_quality(demo_store(), Question(AKPS), SCALES)
    still = quality_bars.quality_sentence(dataclasses.replace(answer, open_periods=("2026 Q1",), sources=3))
    assert "Still open, so not counted here: 2026 Q1." in still
    assert "one of 3 sources" in still


def test_a_bound_stands_at_the_end_that_it_speaks_of():
    """In the middle of the scale "more than 99 %" was read as half."""
    answer = answer_quality(demo_store(), Question(AKPS), SCALES)
    places = {}
    for text in ("more than 99 %", "at least 95 %", "fewer than 5 %", "at most 5 %", TOO_FEW.text):
        share = ReleasedShare(None, None, None, None, None, text)
        one = dataclasses.replace(answer, rows=(dataclasses.replace(answer.rows[0], share=share),))
        (note,) = quality_bars.draw_quality(one, dark=False).figure.layout.annotations
        assert note.text == text
        places[text] = (note.x, note.xanchor)
    right, left, middle = (100, "right"), (0, "left"), (50, None)
    assert list(places.values()) == [right, right, left, left, middle]


def test_a_curve_has_a_mark_at_its_end_alone():
    """The last step has no length: without a mark nobody sees where it leads."""
    for question in (Question(AKPS), Question(AKPS, "symptom_duration")):
        answer = answer_recovery(demo_store(), question, SCALES)
        each = recovery_curve.draw_recovery(answer, STATUS, dark=False)
        curves = [trace for trace in each.figure.data if trace.mode == "lines+markers"]
        assert len(curves) == len(answer.groups)
        for trace in curves:
            assert [size > 0 for size in trace.marker.size] == [False] * (len(trace.x) - 1) + [True]


def test_a_hundred_marks_per_visit():
    answer = answer_like_mine(demo_store(), LikeMine(AKPS, "18 to 39"), SCALES)
    each = like_mine.draw_like_mine(answer, STATUS, dark=False)
    marks = [trace for trace in each.figure.data if len(trace.x) == 100]
    assert len(marks) == len(answer.weeks) == 2
    for trace, week in zip(marks, answer.weeks, strict=True):
        assert sum(symbol == "circle" for symbol in trace.marker.symbol) == week.share.percent
    assert max(marks[0].x) < min(marks[1].x)
    said = [note.text for note in each.figure.layout.annotations]
    for week, (above, below) in zip(answer.weeks, (said[:2], said[2:]), strict=True):
        assert above == f"about {week.week} weeks: {week.share.percent} %"
        # One text, not two that touch where the range is narrow.
        assert below == f"{week.share.low_percent} to {week.share.high_percent} %"
    assert not [trace for trace in each.figure.data if trace.mode == "text"]
    assert "not a prediction" in each.sentence
    assert "no control group" in each.sentence


def test_a_visit_of_few_people_has_its_bound_in_words():
    answer = answer_like_mine(demo_store(), LikeMine(AKPS, "60 and over", "over 12 months", 60), SCALES, OWN)
    each = like_mine.draw_like_mine(answer, STATUS, dark=True)
    assert answer.weeks[0].share.percent is None
    assert answer.weeks[0].share.text in [note.text for note in each.figure.layout.annotations]
    assert "this was left out: how long symptoms have lasted" in each.sentence
    assert each.table.iloc[0]["Worst to best case, of all"] == "not shown"


# --- sites and clinicians


def test_the_levels_of_the_funnel_are_those_of_its_limits():
    answer = answer_comparison(demo_store(), Question(AKPS, "site"), SCALES)
    each = funnel_plot.draw_comparison(answer, dark=False)
    for upper in (UPPER_QUANTILE_95, UPPER_QUANTILE_998):
        level = f"{100 * (2 * upper - 1):.3g}"
        assert f"{level}\u00a0% (" in each.sentence
        assert f"{level} % limits" in {trace.name for trace in each.figure.data}
    assert ".." not in each.sentence


@pytest.mark.parametrize("instrument", [AKPS, PAIN])
def test_better_lies_higher_in_the_funnel_whatever_the_score(instrument):
    """A pain score falls when people get better: its better sites lay below the funnel, under the sign of "up"."""
    answer = answer_comparison(demo_store(), Question(instrument, "site"), SCALES)
    axis = funnel_plot.draw_comparison(answer, dark=False).figure.layout.yaxis
    assert axis.title.text.endswith("(better lies higher)")
    assert (axis.autorange == "reversed") is not answer.context.higher_is_better


def test_how_many_units_chance_puts_outside_comes_from_the_level():
    answer = answer_comparison(demo_store(), Question(AKPS, "site"), SCALES)
    unit = ReleasedComparedUnit("x", 50, 1.0, 1.0, 0.0, "not an outlier")
    for count, words in ((40, "(about 2 would by chance alone"), (3, None)):
        made = dataclasses.replace(answer, units=(unit,) * count, counts=(("not an outlier", count),))
        sentence = funnel_plot.comparison_sentence(made)
        assert (words in sentence) if words else ("by chance alone" not in sentence)
