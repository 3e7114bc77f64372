"""Further answers: over time, time to recovery, missing people, treatments, data quality, patients like this one.

Numbers are held against the demonstration's raw rows, worked out with pandas (and the curve with statsmodels).
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools

import numpy as np
import pandas as pd
import pytest

from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.recovery import shared_steps
from kneewise.errors import DisclosureRefused, FindingsError, StoreError
from kneewise.outcomes.asking import Question, check_question
from kneewise.outcomes.episodes import WEEKS, week_windows
from kneewise.outcomes.interventions import answer_interventions
from kneewise.outcomes.like_mine import TABLE, LikeMine, _shared_match, answer_like_mine, band_of
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.over_time import answer_over_time
from kneewise.outcomes.quality import answer_quality
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.recovering import _cells, answer_recovery
from kneewise.outcomes.store import Window
from kneewise.statistics.control_charts import ChartRefused
from tests.further_samples import (
    AKPS,
    KOOS,
    PAIN,
    WINDOWS,
    demo_people,
    demo_rows,
    demo_store,
    four_missing,
    made_people,
    nobody_better,
    put,
    to_five,
    year_of_months,
)
from tests.outcomes_samples import SCALES

OWN = read_policy("own")
SHARED = read_policy()
THRESHOLD = SHARED.threshold


def numbers_in(value, names=("n", "count")) -> list[int]:
    """Every number of people of a released answer, wherever it stands."""
    found = []
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            if field.name in names and inner is not None:
                found.append(inner)
            if field.name == "at_risk":
                found += [people for _, people in inner if people is not None]
            found += numbers_in(inner, names)
    elif isinstance(value, tuple | list):
        for inner in value:
            found += numbers_in(inner, names)
    return found


def quarter(people: pd.DataFrame) -> pd.Series:
    return people["start_year"].astype(str) + " " + people["start_quarter"]


# --- over time


def test_quarters_of_the_shared_mode_are_rounded_counts_and_their_shares():
    chart = answer_over_time(demo_store(), Question(AKPS), SCALES, measure="improved")
    people = demo_people()[demo_people()["paired"]]
    expected = people.groupby(quarter(people))["better"].agg(["size", "sum"])
    assert [point.label for point in chart.points] == list(expected.index)
    for point, (size, better) in zip(chart.points, expected.itertuples(index=False), strict=True):
        assert point.n == to_five(size)
        assert point.value == round(100 * to_five(better) / to_five(size))
    assert chart.n == sum(point.n for point in chart.points)
    assert (chart.period, chart.unit, chart.chart) == ("quarter", "percent", "p prime")
    assert "rounded" in chart.convention


def test_the_own_mode_shows_exact_shares_and_their_own_limits():
    chart = answer_over_time(demo_store(), Question(AKPS), SCALES, OWN, measure="improved")
    people = demo_people()[demo_people()["paired"]]
    expected = people.groupby(quarter(people))["better"].agg(["size", "sum"])
    assert [point.n for point in chart.points] == list(expected["size"])
    share, size = expected["sum"].sum() / expected["size"].sum(), expected["size"].to_numpy()
    spread = np.sqrt(share * (1 - share) / size)
    z = (expected["sum"].to_numpy() / size - share) / spread
    half = 3 * spread * np.abs(np.diff(z)).mean() / 1.128
    assert [point.upper for point in chart.points] == pytest.approx(list(100 * (share + half)), abs=0.051)
    assert chart.context.mode == "own"
    assert "rounded" not in chart.convention


def test_mean_change_over_time_with_its_moving_range():
    chart = answer_over_time(demo_store(), Question(AKPS), SCALES, measure="change", target=8)
    people = demo_people()[demo_people()["paired"]]
    means = people.groupby(quarter(people))["change"].mean().round(1)
    assert [point.value for point in chart.points] == list(means)
    half = 2.66 * np.abs(np.diff(means)).mean()
    assert chart.points[0].centre == pytest.approx(means.mean(), abs=0.006)
    assert chart.points[0].lower == pytest.approx(means.mean() - half, abs=0.006)
    assert (chart.chart, chart.variation, chart.assurance) == ("XmR", "common cause", "passes")


def test_falling_pain_is_the_good_direction_over_time():
    """Hazard KW-H02."""
    chart = answer_over_time(demo_store(), Question(PAIN), SCALES, measure="change", target=-1)
    assert chart.higher_is_better is False
    assert all(point.value < 0 for point in chart.points)
    assert chart.assurance == "passes"


def test_completeness_and_new_episodes_count_people_with_any_score():
    people = demo_people()
    sizes = people.groupby(quarter(people)).size()
    pairs = people.groupby(quarter(people))["paired"].sum()
    whole = answer_over_time(demo_store(), Question(AKPS), SCALES, OWN, measure="completeness")
    assert [point.value for point in whole.points] == [round(100 * each) for each in pairs / sizes]
    started = answer_over_time(demo_store(), Question(AKPS), SCALES, OWN, measure="episodes")
    assert [point.value for point in started.points] == list(sizes)
    assert started.higher_is_better is None
    assert {point.signal for point in started.points} <= {None, "special"}


def test_shared_periods_with_filters_come_from_one_table():
    by_year = answer_over_time(demo_store(), Question(AKPS, only=("site", "North")), SCALES, measure="change")
    assert by_year.period == "year"
    people = demo_people()
    north = people[people["paired"] & (people["site"] == "North")]
    assert [point.n for point in by_year.points] == [to_five(n) for n in north.groupby("start_year").size()]
    with pytest.raises(DisclosureRefused, match="could give away a small group"):
        answer_over_time(demo_store(), Question(AKPS, only=("sex", "female")), SCALES, measure="change")


def test_own_filters_are_free_and_fall_back_to_longer_periods():
    only = (("sex", "female"), ("site", "East"))
    chart = answer_over_time(demo_store(), Question(AKPS, only=only), SCALES, OWN, measure="improved")
    assert chart.period == "year"
    assert chart.chart == "run"
    assert {point.upper for point in chart.points} == {None}


def test_what_can_not_be_asked_over_time_is_refused_with_a_sentence():
    store, question = demo_store(), Question(AKPS)
    with pytest.raises(DisclosureRefused, match="one group is shown at a time"):
        answer_over_time(store, Question(AKPS, "site"), SCALES, measure="improved")
    with pytest.raises(StoreError, match="no measure 'speed'"):
        answer_over_time(store, question, SCALES, measure="speed")
    with pytest.raises(StoreError, match="No important change"):
        answer_over_time(store, Question(KOOS), SCALES, measure="improved")
    with pytest.raises(ChartRefused, match="name a point of the chart"):
        answer_over_time(store, question, SCALES, measure="change", rebase=(("2031 Q1", "new room"),))
    with pytest.raises(ChartRefused, match="need a reason"):
        answer_over_time(store, question, SCALES, measure="change", rebase=(("2024 Q3", " "),))
    with pytest.raises(DisclosureRefused, match="nothing to show over time"):
        answer_over_time(store, Question(AKPS, only=("start_quarter", "2024 Q1")), SCALES, measure="change")


def test_new_limits_begin_where_somebody_says_why():
    rebase = (("2024 Q3", "a second physiotherapist"),)
    chart = answer_over_time(demo_store(), Question(AKPS), SCALES, measure="change", rebase=rebase)
    assert chart.rebases == rebase
    assert len({point.centre for point in chart.points}) == 2
    assert any("provisional" in warning for warning in chart.warnings)


def test_own_months_hide_small_ones_and_grey_those_still_open():
    chart = answer_over_time(year_of_months(), Question(AKPS), SCALES, OWN, measure="change")
    by_label = {point.label: point for point in chart.points}
    assert list(by_label) == [f"2024-{month:02d}" for month in range(1, 13)]
    assert by_label["2024-03"].hidden
    assert by_label["2024-03"].n is None
    assert by_label["2024-06"].hidden
    # The last score was on day 84 of December: what ends later than that minus 84 days is open.
    reach = datetime.date(2024, 12, 1) + datetime.timedelta(days=84)
    for month in (9, 10, 11, 12):
        end = datetime.date(2024 + month // 12, month % 12 + 1, 1) - datetime.timedelta(days=1)
        assert by_label[f"2024-{month:02d}"].immature == (reach < end + datetime.timedelta(days=84))
    assert by_label["2024-12"].immature
    assert by_label["2024-12"].signal is None
    mature = [point.value for point in chart.points if point.value is not None and not point.immature]
    assert by_label["2024-01"].centre == pytest.approx(np.mean(mature), abs=0.006)


def test_shared_leaves_the_open_quarter_out_and_says_so():
    chart = answer_over_time(year_of_months(), Question(AKPS), SCALES, measure="change")
    assert [point.label for point in chart.points] == ["2024 Q1", "2024 Q2", "2024 Q3"]
    assert any("2024 Q4" in note for note in chart.context.notes)
    assert not any(point.immature for point in chart.points)


def test_quarters_with_few_missing_people_are_told_with_their_neighbour(tmp_path):
    """Completeness tells who is missing: a quarter in which few are is merged within its year, and a rate stays a rate."""
    count, years = 1200, (2021, 2022, 2023)
    people, scores = made_people(
        count,
        seed=2,
        came=0.6,
        start_year=[years[n % 3] for n in range(count)],
        start_quarter=[f"Q{1 + n % 4}" for n in range(count)],
    )
    # In one quarter everybody comes back.
    whole = people.loc[(people["start_year"] == 2022) & (people["start_quarter"] == "Q2"), "episode_id"]
    gone = sorted(set(whole) - set(scores.loc[scores["day"] > 0, "episode_id"]))
    store = put(tmp_path / "s", people, pd.concat([scores, pd.DataFrame({"episode_id": gone, "day": 42, "value": 60})]))
    chart = answer_over_time(store, Question(AKPS), SCALES, measure="episodes")
    merged = [point for point in chart.points if " to " in point.label]
    assert [point.label for point in merged] == ["2022 Q2 to 2022 Q3"]
    assert (merged[0].n, merged[0].value) == (200, 100)
    assert chart.chart == "u prime"
    change = answer_over_time(store, Question(AKPS), SCALES, measure="change")
    assert not any(" to " in point.label for point in change.points)


def test_one_year_only_is_no_course():
    for policy in (SHARED, OWN):
        with pytest.raises(DisclosureRefused, match="one year of start only"):
            answer_over_time(four_missing(), Question(AKPS), SCALES, policy, measure="change")


def test_years_alone_say_that_follow_up_is_not_known(tmp_path):
    people, scores = made_people(300, start_year=[2020 + number % 3 for number in range(300)])
    chart = answer_over_time(put(tmp_path / "s", people, scores), Question(AKPS), SCALES, OWN, measure="change")
    assert (chart.period, len(chart.points)) == ("year", 3)
    assert any("Only years are recorded" in warning for warning in chart.warnings)


# --- time to recovery


def followed(people: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(days since the first score, whether recovered) of everybody with two scores."""
    paired = people[people["paired"]]
    event = paired["recovered_day"].notna() & (paired["change"] >= SCALES[AKPS].important_change)
    days = paired["recovered_day"].where(event, paired["last_day"]) - paired["first_day"]
    return days.to_numpy(), event.to_numpy()


def at(curve, week: float) -> int:
    return next(step.percent for step in reversed(curve.steps) if step.week <= week)


@pytest.mark.parametrize("group", [None, "North"])
def test_the_own_curve_is_that_of_statsmodels(group):
    from statsmodels.duration.survfunc import SurvfuncRight

    people = demo_people()
    only = (("site", group),) if group else ()
    part = people[people["site"] == group] if group else people
    days, event = followed(part)
    peer = SurvfuncRight(days, event.astype(int))
    curve = answer_recovery(demo_store(), Question(AKPS, only=only), SCALES, OWN).groups[0]
    assert curve.n == len(days)
    for week, people_left in curve.at_risk:
        assert people_left == (days >= 7 * week).sum()
    last = curve.steps[-1].week
    drawn = {step.week: step.percent for step in curve.steps}
    for time, survival in zip(peer.surv_times, peer.surv_prob, strict=True):
        if time / 7 <= last and event[days == time].any():
            assert drawn[round(time / 7, 1)] == round(100 * (1 - survival))
    assert curve.median_weeks == pytest.approx(peer.quantile(0.5) / 7, abs=0.051)
    low, high = peer.quantile_ci(0.5, method="cloglog")
    assert (curve.median_low_weeks, curve.median_high_weeks) == pytest.approx((low / 7, high / 7), abs=0.051)


def test_the_curve_ends_where_few_are_followed():
    curve = answer_recovery(demo_store(), Question(AKPS), SCALES, OWN).groups[0]
    days, _ = followed(demo_people())
    assert (days / 7 >= curve.steps[-1].week - 0.05).sum() >= THRESHOLD
    assert curve.steps[-1].percent < 100


@pytest.mark.parametrize("split", [None, "symptom_duration"])
def test_no_step_of_a_shared_curve_stands_for_few_people(split):
    asked = check_question(demo_store(), Question(AKPS, split), SCALES, SHARED)
    cells = _cells(asked, Axes(split, table=asked.table, leave_out=asked.leave_out))
    people = demo_people()
    days, event = followed(people)
    groups = (
        people.loc[people["paired"], split] if split else pd.Series("everybody", index=people[people["paired"]].index)
    )
    assert set(cells) == set(groups)
    for steps, happened in zip(shared_steps(cells, SHARED), (event, ~event), strict=True):
        assert steps[0].first == 0
        assert all(before.last + 1 == after.first for before, after in itertools.pairwise(steps))
        assert steps[-1].last * 7 >= days[happened].max()
        for name in set(groups):
            weeks = np.ceil(days[happened & (groups == name).to_numpy()] / 7)
            for step in steps:
                assert ((weeks >= step.first) & (weeks <= step.last)).sum() >= THRESHOLD
    if split:
        # Groups' steps are unions of everybody's: what two curves differ by is one of those.
        whole = shared_steps(
            {"everybody": _cells(check_question(demo_store(), Question(AKPS), SCALES, SHARED), Axes())["everybody"]},
            SHARED,
        )
        for fine, coarse in zip(whole, shared_steps(cells, SHARED), strict=True):
            assert {step.last for step in coarse} <= {step.last for step in fine}


def test_shared_and_own_curves_tell_the_same_story():
    for question in (Question(AKPS), Question(AKPS, "symptom_duration")):
        shared, own = (answer_recovery(demo_store(), question, SCALES, policy) for policy in (SHARED, OWN))
        assert [group.label for group in shared.groups] == [group.label for group in own.groups]
        for rounded, exact in zip(shared.groups, own.groups, strict=True):
            assert all(abs(at(rounded, week) - at(exact, week)) <= 5 for week in (9, 20, 40))
            assert abs(rounded.n - exact.n) <= 5
    assert all(number % 5 == 0 and number >= THRESHOLD for number in numbers_in(shared))


def test_a_shared_filter_shows_the_curve_of_the_split():
    split = answer_recovery(demo_store(), Question(AKPS, "symptom_duration"), SCALES)
    alone = answer_recovery(demo_store(), Question(AKPS, only=("symptom_duration", "over 12 months")), SCALES)
    assert alone.groups[0] == next(group for group in split.groups if group.label == "over 12 months")


def test_longer_symptoms_recover_later():
    """True of the made people: their gains differ by duration."""
    groups = {
        group.label: group for group in answer_recovery(demo_store(), Question(AKPS, "symptom_duration"), SCALES).groups
    }
    assert at(groups["under 3 months"], 20) > at(groups["over 12 months"], 20)


def test_recovery_is_refused_where_it_may_not_or_can_not_be_told():
    with pytest.raises(DisclosureRefused, match="by symptom duration"):
        answer_recovery(demo_store(), Question(AKPS, "site"), SCALES)
    with pytest.raises(StoreError, match="No important change"):
        answer_recovery(demo_store(), Question(KOOS), SCALES)
    for policy in (SHARED, OWN):
        with pytest.raises(DisclosureRefused, match="recover"):
            answer_recovery(nobody_better(), Question(AKPS), SCALES, policy)


def test_small_groups_of_the_own_mode_are_named_without_a_curve(tmp_path):
    people, scores = made_people(120, came=0.9, site=["Big"] * 100 + ["Tiny"] * 6 + ["Twenty"] * 14)
    answer = answer_recovery(put(tmp_path / "s", people, scores), Question(AKPS, "site"), SCALES, OWN)
    groups = {group.label: group for group in answer.groups}
    assert groups["Tiny"].n is None
    assert groups["Tiny"].steps == ()
    assert groups["Twenty"].steps == ()
    assert groups["Twenty"].n is not None
    assert groups["Big"].steps


def test_what_the_import_worked_out_gives_the_same_curve_as_the_scores(tmp_path):
    people, scores = made_people(300, seed=4, came=0.8)
    # A second score before the first visit ends: it is no recovery yet.
    early = scores[scores["day"] == 0].head(80).assign(day=9, value=95)
    scores = pd.concat([scores, early], ignore_index=True)
    plain, ready = (put(tmp_path / str(each), people, scores, ready=each) for each in (False, True))
    assert (
        answer_recovery(plain, Question(AKPS), SCALES, OWN).groups
        == answer_recovery(ready, Question(AKPS), SCALES, OWN).groups
    )


# --- missing people


def test_the_band_of_the_missing_is_that_of_pandas():
    answer = answer_missing(demo_store(), Question(AKPS), SCALES, OWN)
    people = demo_people()
    third = pd.cut(people["first"], [-1, 100 / 3 - 1e-9, 200 / 3 - 1e-9, 100], labels=False)
    rate = people[people["paired"]].groupby(third)["better"].mean()
    better, everybody = int(people.loc[people["paired"], "better"].sum()), len(people)
    as_often = float(third[~people["paired"]].map(rate).sum())
    assert answer.observed.percent == round(100 * better / people["paired"].sum())
    assert answer.worst_percent == 100 * better // everybody
    assert answer.best_percent == -(-100 * (better + (~people["paired"]).sum()) // everybody)
    assert answer.plausible_high_percent == round(100 * (better + as_often) / everybody)
    assert answer.plausible_low_percent == round(100 * (better + as_often / 2) / everybody)
    assert "assumption" in answer.assumption
    assert "first score in the same third" in answer.assumption


@pytest.mark.parametrize("only", [(), ("site", "West"), ("sex", "female")])
def test_the_shared_band_is_in_order_and_near_the_own_one(only):
    shared, own = (answer_missing(demo_store(), Question(AKPS, only=only), SCALES, policy) for policy in (SHARED, OWN))
    parts = (shared.worst_percent, shared.plausible_low_percent, shared.plausible_high_percent, shared.best_percent)
    assert list(parts) == sorted(parts)
    exact = (own.worst_percent, own.plausible_low_percent, own.plausible_high_percent, own.best_percent)
    assert np.abs(np.array(parts) - exact).max() <= 2
    if only:  # site and sex stand in no table with the first score, so there the missing are like everybody
        assert "same third" not in shared.assumption


def test_a_split_is_left_aside_for_the_band():
    plain, split = (answer_missing(demo_store(), Question(AKPS, group_by), SCALES) for group_by in (None, "site"))
    assert dataclasses.replace(split, context=plain.context) == plain


def test_few_missing_people_get_a_sentence_and_no_band():
    for policy in (SHARED, OWN):
        answer = answer_missing(four_missing(), Question(AKPS), SCALES, policy)
        assert answer.worst_percent is None
        assert "Fewer than 10 of those who started are missing" in answer.assumption
        assert "4" not in answer.assumption
    with pytest.raises(StoreError, match="No important change"):
        answer_missing(demo_store(), Question(KOOS), SCALES)


def test_where_nobody_improved_no_band_is_given():
    answer = answer_missing(nobody_better(), Question(AKPS), SCALES)
    assert answer.observed.text.startswith("fewer than")
    assert answer.best_percent is None


# --- treatments


def test_treatments_stand_beside_how_their_people_differed():
    answer = answer_interventions(demo_store(), Question(AKPS), SCALES, OWN)
    people = demo_people()[demo_people()["paired"]]
    groups = people.groupby("intervention")
    assert [group.label for group in answer.groups] == sorted(groups.groups)
    for group in answer.groups:
        part = groups.get_group(group.label)
        assert group.n == len(part)
        assert group.mean_first == round(part["first"].mean(), 1)
        assert group.share.count == part["better"].sum()
        assert group.long_duration.count == (part["symptom_duration"] == "over 12 months").sum()
        ages = part["age_band"].value_counts()
        assert all(share.count in (None, ages[band]) for band, share in group.ages)
        assert {band for band, _ in group.ages} == set(ages.index) - {""}
    assert answer.long_duration_name == "over 12 months"
    assert any("over 12 months" in sentence for sentence in answer.differs)


def test_shared_treatments_tell_neither_age_nor_duration():
    answer = answer_interventions(demo_store(), Question(AKPS), SCALES)
    assert all(group.ages == () and group.long_duration.percent is None for group in answer.groups)
    assert {group.long_duration.text for group in answer.groups} == {"not shown together with treatment"}
    assert any("may differ as well" in note for note in answer.context.notes)
    numbers = numbers_in(answer)
    assert numbers
    assert all(number % 5 == 0 and number >= THRESHOLD for number in numbers)
    with pytest.raises(DisclosureRefused, match="could give away"):
        answer_interventions(demo_store(), Question(AKPS, only=("sex", "male")), SCALES)


def test_people_who_differ_at_the_start_are_named(tmp_path):
    kinds = ["exercise only", "exercise + tape"] * 150
    people, scores = made_people(300, came=0.9, intervention=kinds)
    low = set(people.loc[people["intervention"] == "exercise + tape", "episode_id"])
    scores.loc[scores["episode_id"].isin(low), "value"] -= 15
    store = put(tmp_path / "s", people, scores)
    for policy in (SHARED, OWN):
        answer = answer_interventions(store, Question(AKPS), SCALES, policy)
        assert answer.differs[0].startswith("The mean first score (AKPS) was ")
        assert answer.differs[0].index("exercise + tape") < answer.differs[0].index("exercise only")


def test_treatments_need_to_be_recorded_and_asked_for():
    with pytest.raises(DisclosureRefused, match="split by treatment"):
        answer_interventions(demo_store(), Question(AKPS, "site"), SCALES)
    with pytest.raises(StoreError, match="No important change"):
        answer_interventions(demo_store(), Question(KOOS), SCALES)
    for policy in (SHARED, OWN):
        with pytest.raises(DisclosureRefused, match="who had which treatment"):
            answer_interventions(four_missing(), Question(AKPS), SCALES, policy)


# --- data quality


def test_quality_counts_what_is_recorded_and_who_came():
    answer = answer_quality(demo_store(), Question(AKPS), SCALES, OWN)
    people, rows = demo_people(), demo_rows()
    shares = {row.name: row.share for row in answer.rows}
    assert answer.n == len(people)
    assert shares["age band"].count == (people["age_band"] != "").sum()
    assert shares["sex"].count == (people["sex"] != "").sum()
    for window in WINDOWS[1:]:
        came = rows[rows["day"].between(window.from_day, window.to_day)]["episode_id"].nunique()
        assert shares[window.label].count == came
    assert shares["first score"].text == "more than 99 %"
    assert (answer.newest_period, answer.open_periods, answer.sources) == ("2025 Q4", (), 1)


def test_shared_quality_does_not_tell_few_unknown_ones_apart():
    """'Not recorded' is merged with other small groups in every answer; its own number would part them again."""
    answer = answer_quality(demo_store(), Question(AKPS), SCALES)
    shares = {row.name: row.share for row in answer.rows}
    assert shares["sex"].percent is None
    assert shares["sex"].text == "at least 95 %"
    assert shares["6 weeks"].n == 1200
    assert all(number % 5 == 0 for number in numbers_in(answer))
    assert "clinician" not in shares
    with pytest.raises(DisclosureRefused, match="told of everybody"):
        answer_quality(demo_store(), Question(AKPS, only=("site", "North")), SCALES)


def test_where_few_are_missing_quality_counts_those_with_two_scores():
    shared, own = (answer_quality(four_missing(), Question(AKPS), SCALES, policy) for policy in (SHARED, OWN))
    assert (shared.n, shared.base) == (195, "everybody with a first and a later score")
    assert (own.n, own.base) == (200, "everybody who started")
    assert shared.completeness.n is None


def test_open_quarters_are_named():
    answer = answer_quality(year_of_months(), Question(AKPS), SCALES)
    assert (answer.newest_period, answer.open_periods) == ("2024 Q3", ("2024 Q4",))


# --- patients like this one


@functools.lru_cache
def nearest(week: int) -> pd.Series:
    """Per episode of the demonstration the score nearest that week, in its window; the earlier one at a tie."""
    rows = demo_rows()
    window = WINDOWS[WEEKS.index(week) + 1]
    inside = rows[rows["day"].between(window.from_day, window.to_day)]
    inside = inside.assign(far=(inside["day"] - 7 * week).abs()).sort_values(["far", "day"])
    return inside.drop_duplicates("episode_id").set_index("episode_id")["value"]


def check_weeks(answer, alike: pd.DataFrame, shown=int, off: float = 1, step: int = 0) -> None:
    """`step`: by how much a count may be told as that of another group within it, or around it."""
    for each in answer.weeks:
        value = alike["episode_id"].map(nearest(each.week))
        seen, better = value.notna().sum(), (value - alike["first"] >= 10).sum()
        assert abs(each.completeness.count - shown(seen)) <= step
        assert abs(each.share.count - shown(better)) <= step
        assert abs(each.worst_percent - 100 * better / len(alike)) <= off
        assert abs(each.best_percent - 100 * (better + len(alike) - seen) / len(alike)) <= off


def test_own_people_like_this_one_are_those_of_the_rows():
    people = demo_people()
    alike = people[
        (people["age_band"] == "18 to 39") & (people["symptom_duration"] == "over 12 months")
        & people["first"].between(100 / 3, 200 / 3)
    ]  # fmt: skip
    answer = answer_like_mine(demo_store(), LikeMine(AKPS, "18 to 39", "over 12 months", 60), SCALES, OWN)
    assert answer.n == len(alike)
    assert answer.widened == ()
    check_weeks(answer, alike)
    assert "not a prediction" in answer.note


def test_own_findings_must_all_be_shared():
    people = demo_people()
    held = people["factors"].str.split(";")
    both = held.map(lambda names: {"foot_posture", "training_load"} <= set(names))
    alike = people[(people["age_band"] == "18 to 39") & both]
    like = LikeMine(AKPS, "18 to 39", factors=("foot_posture", "training_load"))
    answer = answer_like_mine(demo_store(), like, SCALES, OWN)
    assert answer.n == len(alike)
    assert answer.matched == ("age 18 to 39", "finding: foot posture", "finding: training load")


@pytest.mark.parametrize(
    ("like", "widened", "matched"),
    [
        (LikeMine(AKPS, "18 to 39", "over 12 months", 60, ("foot_posture",)), ("findings",), 3),
        (LikeMine(AKPS, "60 and over", "over 12 months", 60, ("hip_strength",)), ("findings", "how long symptoms have lasted"), 2),
        (LikeMine(AKPS, "60 and over", "over 12 months", 20), ("how long symptoms have lasted", "first score"), 1),
    ],
)  # fmt: skip
def test_criteria_are_dropped_in_a_fixed_order(like, widened, matched):
    answer = answer_like_mine(demo_store(), like, SCALES, OWN)
    assert answer.widened == widened
    assert len(answer.matched) == matched
    assert answer.n >= OWN.like_mine_from


def test_shared_people_like_this_one_come_from_one_table_whose_every_cell_is_large():
    store = demo_store()
    asked = check_question(store, Question(AKPS), SCALES, SHARED)
    windows = week_windows(asked.info.visit_windows)
    people = demo_people().set_index("episode_id")
    scores = {week: people.index.map(nearest(week)).to_numpy() for week in WEEKS}
    measures = pd.DataFrame({"gone": ~people["paired"], "back": people["paired"]})
    for week, value in scores.items():
        seen, better = ~np.isnan(value), value - people["first"].to_numpy() >= 10
        measures[f"seen {week}"], measures[f"away {week}"] = seen & ~better, ~seen
        measures[f"better {week}"] = better
    told = set()
    bands = people["first"].map(lambda score: band_of(score, SCALES[AKPS]))
    for age, duration, first in itertools.product(
        sorted(set(people["age_band"]) - {""}), ("over 12 months", "under 3 months"), (20, 60, 90)
    ):
        try:
            answer = answer_like_mine(store, LikeMine(AKPS, age, duration, first), SCALES)
        except DisclosureRefused:
            continue
        band = band_of(first, SCALES[AKPS])
        criteria = {"age_band": (age,), "first_band": (band,), "symptom_duration": (duration,)}
        kept, _ = _shared_match(asked, criteria, windows)
        assert set(kept) <= set(TABLE)
        alike = people["age_band"] == age
        alike &= (people["symptom_duration"] == duration) | ("symptom_duration" not in kept)
        alike &= (bands == band) | ("first_band" not in kept)
        assert answer.n == to_five(alike.sum())
        assert measures[alike].sum().min() >= THRESHOLD
        check_weeks(answer, people[alike].reset_index(), to_five, 4, 5)
        told.add(tuple(alike.index[alike]))
    assert told
    # Any two groups that are told: what they differ by is nobody or enough people, in every measure.
    for one in told:
        for other in told:
            rest = measures.loc[sorted(set(one) - set(other))].sum()
            assert rest.empty or all(count == 0 or count >= THRESHOLD for count in rest)


def test_shared_findings_are_not_matched_and_it_says_so():
    answer = answer_like_mine(demo_store(), LikeMine(AKPS, "18 to 39", None, None, ("foot_posture",)), SCALES)
    assert answer.widened == ("findings",)
    assert any("Findings are not matched" in note for note in answer.context.notes)
    numbers = numbers_in(answer)
    assert all(number % 5 == 0 and number >= THRESHOLD for number in numbers)


def test_of_two_scores_near_a_week_the_earlier_one_counts(tmp_path):
    people, scores = made_people(60, came=1.0, age_band=["18 to 39"] * 60)
    base = scores[scores["day"] == 0].assign(value=50)
    # 38 and 46 are both four days from day 42; only the earlier score is an improvement, for half the people.
    near = pd.concat([base.assign(day=38, value=[65, 50] * 30), base.assign(day=46, value=80)])
    store = put(tmp_path / "s", people, pd.concat([base, near], ignore_index=True))
    week = answer_like_mine(store, LikeMine(AKPS, "18 to 39"), SCALES, OWN).weeks[0]
    assert (week.week, week.share.count, week.share.n) == (6, 30, 60)


def test_like_mine_refuses_with_a_sentence(tmp_path):
    store = demo_store()
    for policy in (SHARED, OWN):
        with pytest.raises(DisclosureRefused, match="No age band '99'" if policy is SHARED else "Fewer than 30 people"):
            answer_like_mine(store, LikeMine(AKPS, "99"), SCALES, policy)
        with pytest.raises(FindingsError, match="from 0 to 100"):
            answer_like_mine(store, LikeMine(AKPS, "18 to 39", first_score=101), SCALES, policy)
        with pytest.raises(StoreError, match="No important change"):
            answer_like_mine(store, LikeMine(KOOS, "18 to 39"), SCALES, policy)
    with pytest.raises(DisclosureRefused, match="'60 and over'"):
        answer_like_mine(store, LikeMine(AKPS, "60 and over"), SCALES)
    people, scores = made_people(60, age_band=["18 to 39"] * 60)
    wide = put(tmp_path / "s", people, scores, windows=(Window("before", 0, 0), Window("half a year", 1, 366)))
    with pytest.raises(StoreError, match="no visit at about 6 or 12 weeks"):
        answer_like_mine(wide, LikeMine(AKPS, "18 to 39"), SCALES, OWN)


@pytest.mark.parametrize("score", [0, 33.3, 100 / 3, 50, 200 / 3, 99, 100])
def test_a_first_score_lies_in_the_third_that_the_store_says(score):
    band = band_of(score, SCALES[AKPS])
    third = 100 / 3
    assert band == ("low third" if score < third else "middle third" if score < 2 * third else "high third")


# --- all of them


def test_every_answer_is_worked_out_once_per_version():
    store, question = demo_store(), Question(AKPS)
    for answer in (answer_recovery, answer_missing, answer_interventions, answer_quality):
        assert answer(store, question, SCALES) is answer(store, question, SCALES)
        assert answer(store, question, SCALES) is not answer(store, question, SCALES, OWN)
    first, again = (answer_over_time(store, question, SCALES, measure="change") for _ in range(2))
    assert first is again


def test_what_is_asked_about_one_patient_is_not_remembered():
    """Hazard KW-H12."""
    store = demo_store()
    before = set(store._answers)
    first, again = (answer_like_mine(store, LikeMine(AKPS, "18 to 39", "3 to 12 months"), SCALES) for _ in range(2))
    assert first == again
    assert first is not again
    assert not [
        key for key in set(store._answers) - before if "like" in str(key).casefold() or "3 to 12 months" in str(key)
    ]


def test_the_own_mode_says_that_it_is_internal():
    for answer in (answer_recovery, answer_missing, answer_interventions, answer_quality):
        assert "Internal" in answer(demo_store(), Question(AKPS), SCALES, OWN).context.mode_note
        assert answer(demo_store(), Question(AKPS), SCALES).context.mode_note == ""
