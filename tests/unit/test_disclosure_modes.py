"""Shared and own: what may be asked in each, what comes back, and that neither is taken for the other."""

from __future__ import annotations

import pytest

from kneewise.disclosure.policy import OWN_NOTE, read_policy
from kneewise.disclosure.released import HIDDEN_BY_GROUP
from kneewise.errors import DisclosureRefused
from kneewise.outcomes import demo
from kneewise.outcomes.answers import (
    Question,
    answer_change,
    answer_distribution,
    answer_responders,
    answer_trend,
    list_choices,
)
from kneewise.outcomes.asking import check_question, checked_plan, context_of, plan_groups, plan_pairs
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.questions import open_quarters
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import SCALES, long_csv

AKPS = "instrument.akps"
SHARED, OWN = read_policy(), read_policy("own")
ANSWERS = (answer_change, answer_responders, answer_trend, answer_distribution)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes") / "store"
    demo.import_demo(SCALES, folder)
    return open_store(folder)


def made(tmp_path, rows):
    """A store of people given as (how many, values of the header's attributes)."""
    header = "episode_id,site,sex,clinician_code,factors,start_year,start_quarter,instrument,day,value"
    lines = []
    for place, (count, site, sex, clinician, factors, quarter) in enumerate(rows):
        for number in range(count):
            start = f"E{place}-{number},{site},{sex},{clinician},{factors},{quarter.replace(' ', ',')},AKPS"
            lines += [f"{start},0,{50 + number % 5}", f"{start},364,{52 + number % 25}"]
    import_export(long_csv(lines, header), read_profile("kneewise_long"), tmp_path / "s", SCALES)
    return open_store(tmp_path / "s")


@pytest.mark.parametrize(
    ("only", "pairs"),
    [
        (None, ()),
        ((), ()),
        (("site", "North"), (("site", "North"),)),
        ((("site", "North"), ("start_year", 2024)), (("site", "North"), ("start_year", "2024"))),
    ],
)
def test_filters_are_pairs_however_they_are_given(only, pairs):
    assert Question(AKPS, None, only).only == pairs
    assert hash(Question(AKPS, None, only)) == hash(Question(AKPS, None, pairs))


@pytest.mark.parametrize("answer", ANSWERS)
def test_shared_is_the_default_and_says_nothing_of_it(store, answer):
    context = answer(store, Question(AKPS), SCALES).context
    assert (context.mode, context.mode_note, context.policy) == ("shared", "", "shared_grid 2")


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_own_answer_says_that_it_is_internal(store, answer):
    context = answer(store, Question(AKPS), SCALES, OWN).context
    assert (context.mode, context.mode_note) == ("own", OWN_NOTE)
    assert "No claim of anonymity" in context.mode_note


@pytest.mark.parametrize("only", [("site", "North"), (("age_band", "18 to 39"), ("site", "North"))])
def test_shared_attributes_of_two_tables_are_refused_together(store, only):
    with pytest.raises(DisclosureRefused, match=r"Together, sex(, age band)? and site could give away a small group"):
        answer_change(store, Question(AKPS, "sex", only), SCALES)
    assert answer_change(store, Question(AKPS, "sex", only), SCALES, OWN).groups


def test_shared_attributes_of_one_table_go_together(store):
    one = answer_change(store, Question(AKPS, "site", (("start_year", "2024"),)), SCALES)
    assert one.n == sum(group.n for group in one.groups)
    assert one.context.only == (("start_year", "2024"),)
    three = (("age_band", "18 to 39"), ("symptom_duration", "over 12 months"), ("first_band", "high third"))
    two = answer_change(store, Question(AKPS, None, three[:2]), SCALES).n
    assert 10 <= answer_change(store, Question(AKPS, None, three), SCALES).n < two
    quarters = answer_change(store, Question(AKPS, "start_quarter", ("start_year", "2024")), SCALES)
    assert [group.label for group in quarters.groups] == [f"2024 Q{number}" for number in (1, 2, 3, 4)]


def test_own_takes_any_attributes_and_filters_and_counts_exactly(store):
    only = (("sex", "female"), ("age_band", "18 to 39"), ("start_year", "2024"), ("referral", "GP"))
    # Filters that no table of the shared mode holds; East has 9 people of these, so it stands there without numbers.
    answer = answer_change(store, Question(AKPS, "site", only), SCALES, OWN)
    rows = store.ask(lambda table: table("episode_outcome").filter(table("episode_outcome").instrument == AKPS))
    mine = rows[
        (rows["sex"] == "female") & (rows["age_band"] == "18 to 39") & (rows["start_year"] == 2024)
        & (rows["referral"] == "GP") & rows["change"].notna()
    ]  # fmt: skip
    sizes = mine["site"].value_counts()
    assert {group.label: group.n for group in answer.groups} == {
        site: int(n) if n >= 10 else None for site, n in sizes.items()
    }
    assert answer.n == len(mine)
    north = next(group for group in answer.groups if group.label == "North")
    assert north.mean_change == round(mine[mine["site"] == "North"]["change"].mean(), 1)


def test_own_hides_a_small_group_and_merges_nothing(tmp_path):
    rows = [(60, "North", "female", "A", "", "2024 Q1"), (6, "South", "female", "B", "", "2024 Q1")]
    store = made(tmp_path, rows)
    groups = {group.label: group for group in answer_change(store, Question(AKPS, "site"), SCALES, OWN).groups}
    assert groups["North"].n == 60
    south = groups["South"]
    assert {south.n, south.mean_first, south.mean_change, south.low, south.median} == {None}
    assert south.completeness.text == "not shown (too few people)"
    assert answer_responders(store, Question(AKPS, "site"), SCALES, OWN).groups[1].share.percent is None
    trend = answer_trend(store, Question(AKPS, "site"), SCALES, OWN).groups[1]
    assert {trend.n, *(visit.n for visit in trend.visits), *(visit.median for visit in trend.visits)} == {None}
    bins = answer_distribution(store, Question(AKPS, "site"), SCALES, OWN).groups[1]
    assert {bins.n, *(part.n for part in bins.bins)} == {None}
    with pytest.raises(DisclosureRefused, match="Fewer than 10 people"):
        answer_change(store, Question(AKPS, None, ("site", "South")), SCALES, OWN)
    values = dict(list_choices(store, SCALES, None, OWN).attributes)["site"]
    assert [(choice.value, choice.n) for choice in values] == [("North", 60), ("South", None)]


def test_own_asks_the_engine_for_the_asked_attributes_only(store, monkeypatch):
    asked = []
    ask = type(store).ask
    monkeypatch.setattr(type(store), "ask", lambda self, question: asked.append(ask(self, question)) or asked[-1])
    answer_change(store, Question(AKPS, "referral", (("sex", "female"), ("site", "North"))), SCALES, OWN)
    assert len(asked) == 1
    assert {"referral"} == set(asked[0].columns) - {"change", "any_score", "pairs", "first_sum", "last_sum"}
    assert asked[0]["any_score"].sum() < 300


def test_findings_are_a_list_and_a_person_may_have_several(tmp_path):
    rows = [
        (20, "North", "female", "A", "flexibility;hip_strength", "2024 Q1"),
        (15, "North", "female", "A", "hip_strength", "2024 Q1"),
        (30, "South", "male", "B", "", "2024 Q1"),
    ]
    store = made(tmp_path, rows)
    by_finding = answer_change(store, Question(AKPS, "factors"), SCALES, OWN)
    assert [(group.label, group.n) for group in by_finding.groups] == [
        ("flexibility", 20), ("hip_strength", 35), ("not recorded", 30),
    ]  # fmt: skip
    assert by_finding.n == 65
    with_both = (("factors", "hip_strength"), ("factors", "flexibility"))
    assert answer_change(store, Question(AKPS, None, with_both), SCALES, OWN).n == 20
    assert answer_change(store, Question(AKPS, None, ("factors", "hip_strength")), SCALES, OWN).n == 35
    values = dict(list_choices(store, SCALES, None, OWN).attributes)["factors"]
    assert {choice.value for choice in values} == {"flexibility", "hip_strength", "not recorded"}
    with pytest.raises(DisclosureRefused, match="Filter by one site at a time"):
        answer_change(store, Question(AKPS, None, (("site", "North"), ("site", "South"))), SCALES, OWN)
    with pytest.raises(DisclosureRefused, match="'factors' is no attribute"):
        answer_change(store, Question(AKPS, "factors"), SCALES)


def test_a_quarter_whose_follow_up_is_open_is_left_out_of_shared_answers(tmp_path):
    closed = (60, "North", "female", "A", "", "2024 Q1")
    newest = (25, "North", "male", "A", "", "2025 Q1")  # seen up to 364 days after 1 January 2025: closed
    store = made(tmp_path, [closed, newest])
    assert open_quarters(store, store.source(), SHARED.follow_up_days) == ()
    late = (30, "North", "male", "A", "", "2025 Q4")  # seen up to 364 days after 1 October 2025
    store = made(tmp_path / "later", [closed, newest, late])
    info = store.source()
    assert open_quarters(store, info, SHARED.follow_up_days) == ()
    assert open_quarters(store, info, 10 * SHARED.follow_up_days) == ("2025 Q1", "2025 Q4")
    strict = SHARED.model_copy(update={"follow_up_days": 300})
    assert answer_change(store, Question(AKPS), SCALES, strict).n == 85
    context = answer_change(store, Question(AKPS), SCALES, strict).context
    assert any("People who started in 2025 Q4 are left out" in note for note in context.notes)
    assert answer_change(store, Question(AKPS), SCALES).n == 115
    assert answer_change(store, Question(AKPS), SCALES, OWN).n == 115


def test_where_no_quarter_is_closed_none_is_left_out(tmp_path):
    store = made(tmp_path, [(60, "North", "female", "A", "", "2024 Q1")])
    assert open_quarters(store, store.source(), 3000) == ()


def test_what_smaller_groups_mostly_are_is_said(store):
    answer = answer_change(store, Question(AKPS, "sex"), SCALES)
    assert [group.label for group in answer.groups] == ["female", "male with smaller groups"]
    same = answer_change(store, Question(AKPS, None, ("sex", "male with smaller groups")), SCALES)
    assert same.n == answer.groups[1].n
    assert answer_change(store, Question(AKPS, None, ("sex", "smaller groups")), SCALES).n == same.n
    with pytest.raises(DisclosureRefused, match="Too few people of sex 'other'"):
        answer_change(store, Question(AKPS, None, ("sex", "other")), SCALES)


def test_how_many_came_to_a_visit_is_told_of_everybody_only(store):
    whole = answer_trend(store, Question(AKPS), SCALES).groups[0].visits
    assert all(visit.n for visit in whole)
    for question in (Question(AKPS, "site"), Question(AKPS, None, ("site", "North"))):
        groups = answer_trend(store, question, SCALES).groups
        assert {visit.n for group in groups for visit in group.visits} == {None}
        assert all(visit.median is not None for group in groups for visit in group.visits)
    assert all(visit.n for visit in answer_trend(store, Question(AKPS, "site"), SCALES, OWN).groups[0].visits)


def test_a_further_measure_is_told_in_one_table_only(store):
    """What other answers use to split a measure of their own."""

    def plan(group_by):
        asked = check_question(store, Question(AKPS, group_by), SCALES, None)
        assert context_of(asked, ()).mode == "shared"

        def read(table):
            assert table == ("site", "start_year")
            rows = store.ask(
                lambda tables: tables("episode_outcome").filter(tables("episode_outcome").instrument == AKPS)
            )
            rows = rows.assign(early=rows["weeks"] < 30, start_year=rows["start_year"].astype(str))
            return rows.groupby(list(table), as_index=False).agg(early=("early", "sum"), all=("early", "size"))

        def measures(cells):
            return cells[["early"]].assign(others=cells["all"] - cells["early"]).to_numpy()

        return asked, plan_groups(asked, read, measures, ("site", "start_year"))

    asked, grouping = plan("site")
    assert grouping.possible
    assert checked_plan(asked, grouping)[0].first == "site"
    asked, grouping = plan("age_band")
    assert not grouping.possible
    with pytest.raises(DisclosureRefused, match="too few people in some group"):
        checked_plan(asked, grouping)


def test_another_questionnaire_of_the_same_people_gives_no_few_missing_away(tmp_path):
    """At South 9 people have no later AKPS. Told how many have any pain score there, one could subtract."""
    lines = []
    for site, gone in (("North", 20), ("South", 9)):
        for number in range(60):
            start = f"{site}{number},{site},18 to 39,female,exercise only,2024,Q1"
            lines += [f"{start},AKPS,0,{50 + number % 5}", f"{start},NPRS_WORST,0,6"]
            if number >= gone:
                lines.append(f"{start},AKPS,364,{52 + number % 25}")
            if number >= 20:
                lines.append(f"{start},NPRS_WORST,364,{2 + number % 5}")
    import_export(long_csv(lines), read_profile("kneewise_long"), tmp_path / "s", SCALES)
    both = open_store(tmp_path / "s")
    for instrument in (AKPS, "instrument.nprs_worst"):
        answer = answer_change(both, Question(instrument, "site"), SCALES)
        assert {group.completeness for group in answer.groups} == {HIDDEN_BY_GROUP}
        assert answer.completeness.percent is not None  # of everybody 29 and 40 are missing, and 29 in between
        one_way = answer_change(both, Question(instrument, None, ("site", "South")), SCALES)
        assert one_way.completeness == HIDDEN_BY_GROUP
    values = dict(list_choices(both, SCALES).attributes)["site"]
    assert {choice.n for choice in values} == {None}
    alone = {"instrument.nprs_worst": SCALES["instrument.nprs_worst"]}
    answer = answer_change(both, Question("instrument.nprs_worst", "site"), alone)
    assert all(group.completeness.percent for group in answer.groups)
    assert [choice.n for choice in dict(list_choices(both, alone).attributes)["site"]] == [60, 60]


def test_choices_say_what_goes_together(store):
    shared, own = list_choices(store, SCALES), list_choices(store, SCALES, None, OWN)
    assert ("site", "start_year") in shared.tables
    assert (own.tables, own.mode, own.mode_note) == ((), "own", OWN_NOTE)
    assert {"clinician", "referral", "factors"} <= {name for name, _ in own.attributes}


def test_a_plan_is_the_same_whatever_is_asked(store):
    plans = [
        plan_pairs(check_question(store, Question(AKPS, *rest), SCALES, None)).labels["site"]
        for rest in (("site",), (None, ("site", "North")), ("start_year", ("site", "North")))
    ]
    assert plans[0] == plans[1] == plans[2]
