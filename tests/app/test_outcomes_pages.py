"""The outcomes and import screens without a browser: choosing, refusing, previewing, storing, undoing."""

from __future__ import annotations

import csv
import io
import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from kneewise.outcomes.importing import import_export, suggest_profile
from kneewise.outcomes.instruments import instruments_from
from kneewise.outcomes.profiles import profile_names, read_profile
from kneewise.outcomes.store import current_version, open_store, publish
from kneewise.ui import caches, downloads, like_mine, material, outcome_answers, plain_text, stores
from tests.app_reading import figure
from tests.outcomes_samples import HEADER, NHS_ZIP, ROOT, good_rows, long_csv

LIMITS = ("no control group", "regression to the mean", "Those who did not answer are missing")


@pytest.fixture
def open_alone():
    """`open_alone("import_data")`: what the page shows, without its frame.

    Inside the frame AppTest takes every run for another change of page, and then a pressed button reads as not pressed;
    in a browser it is not so (tests/browser/test_outcomes.py).
    """

    def opened(stem: str) -> AppTest:
        script = (ROOT / "pages" / f"{stem}.py").read_text(encoding="utf-8")
        return AppTest.from_string(script.replace(f'frame.open_page("{stem}")', ""), default_timeout=30).run()

    return opened


def everything(page) -> str:
    """All texts a person can read on the page, with the marks taken away that keep text from being Markdown."""
    kinds = (page.markdown, page.caption, page.info, page.warning, page.error, page.success, page.subheader, page.title)
    texts = [each.value for kind in kinds for each in kind]
    texts += [f"{metric.label} {metric.value}" for metric in page.metric]
    texts += [table.value.to_csv() for table in page.table]
    return "\n".join(texts).replace("\\", "").replace("\u200b", "")


def choose(page, name: str, value: str):
    return page.selectbox(key=f"kept/screen/outcomes/{name}").select(value).run()


def open_part(page, section: str):
    """Open a part of the page: "headline", "over_time", "sites", "subgroups", "recovery", "treatments", "quality"."""
    return page.segmented_control(key="kept/screen/outcomes/section").set_value(section).run()


def filters(page) -> list[str]:
    """The filters that can be taken away."""
    return [plain_text_of(button.label) for button in page.button if plain_text_of(button.label).startswith("Only: ")]


def plain_text_of(label: str) -> str:
    return label.replace("\\", "").replace("\u200b", "")


def no_failure(page) -> None:
    assert [each.value for each in page.exception] == []


def upload(page, content: bytes, name: str = "export.csv"):
    return page.file_uploader[0].set_value((name, content, "text/csv")).run()


def press(page, label: str):
    return next(button for button in page.button if button.label == label).click().run()


def test_without_any_records_the_page_offers_the_demonstration(tmp_path, monkeypatch, open_alone):
    monkeypatch.setenv("KNEEWISE_STORE", str(tmp_path / "clinic"))
    monkeypatch.setenv("KNEEWISE_DEMO_STORE", str(tmp_path / "demo"))
    page = open_alone("outcomes")
    no_failure(page)
    page = press(page, "Make the demonstration clinics")
    no_failure(page)
    assert "Synthetic data." in everything(page)
    assert len(page.metric) == 4


def test_the_demonstration_says_that_it_is_synthetic_and_what_its_figures_cannot_say(clinic, open_cold):
    page = open_cold("outcomes")
    no_failure(page)
    text = everything(page)
    assert "Shared figures: groups of 10 people or more" in text.replace("**", "")
    assert "Synthetic data." in text
    assert all(limit in text for limit in LIMITS)


def test_the_headline_is_four_sentences_with_the_missing_band_and_the_newest_period(clinic, open_cold):
    page = open_cold("outcomes")
    text = everything(page)
    assert [metric.label for metric in page.metric] == [
        "People counted", "Completeness", "Average change, in points", "Improved by what matters",
    ]  # fmt: skip
    assert re.search(r"of everybody who started, plausibly \d+ to \d+\s%", text)
    assert re.search(r"certainly between \d+ and \d+\s%", text)
    assert re.search(r"Newest quarter whose follow-up is over: 20\d\d Q[1-4]\.", text)
    assert len(page.get("plotly_chart")) == 1


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("over_time", "Making Data Count"),
        ("sites", "nobody is ranked"),
        ("subgroups", "How far people moved"),
        ("recovery", "Half had improved by what matters by week"),
        ("treatments", "not what it did"),
        ("quality", "The newest period whose follow-up is over"),
    ],
)
def test_every_part_of_the_page_shows_its_charts_with_table_file_and_limits(section, words, clinic, open_cold):
    page = open_part(open_cold("outcomes"), section)
    no_failure(page)
    text = everything(page)
    assert words in text
    assert all(limit in text for limit in LIMITS)
    charts = page.get("plotly_chart")
    assert len(charts) == (5 if section == "subgroups" else 1)
    assert len(page.get("download_button")) == 0
    for chart in charts:
        saving = json.loads(chart.proto.config)
        assert saving["modeBarButtons"] == [["toImage"]]
        assert saving["toImageButtonOptions"]["filename"].startswith("kneewise-SYNTHETIC-")
        assert "SYNTHETIC DATA" in chart.proto.spec
        assert chart.proto.alt
    kind = "responders" if section == "subgroups" else {"sites": "comparison"}.get(section, section)
    page.session_state[f"chart_{kind}_table"] = True  # the box of the table is opened
    page = page.run()
    no_failure(page)
    assert len(page.table) == 1
    assert [button.label for button in page.get("download_button")] == ["Save as CSV"]


@pytest.mark.parametrize("group_by", ["age_band", "sex", "site", "intervention", "start_year"])
def test_every_split_runs_and_keeps_the_limits(group_by, clinic, open_cold):
    page = choose(open_part(open_cold("outcomes"), "subgroups"), "group_by", group_by)
    no_failure(page)
    assert all(limit in everything(page) for limit in LIMITS)
    assert len(page.get("plotly_chart")) >= 4


def test_filters_are_added_from_the_list_and_taken_away_again(clinic, open_alone):
    page = choose(open_alone("outcomes"), "only", "site=North")
    assert filters(page) == ["Only: site North ×"]
    assert "Shown only: site North." in everything(page)
    assert page.selectbox(key="kept/screen/outcomes/only").value is None
    page = choose(page, "only", "start_year=2024")
    assert filters(page) == ["Only: site North ×", "Only: year of start 2024 ×"]
    page = choose(page, "only", "site=East")
    assert filters(page) == ["Only: year of start 2024 ×", "Only: site East ×"]
    page = page.button(key="drop_filter_0").click().run()
    assert filters(page) == ["Only: site East ×"]
    no_failure(page)


def test_the_newest_choice_stays_where_two_are_not_shown_together(clinic, open_alone):
    page = choose(open_alone("outcomes"), "only", "site=North")
    page = choose(open_part(page, "subgroups"), "group_by", "sex")
    no_failure(page)
    assert "the filter by site was taken away" in everything(page)
    assert filters(page) == []
    page = choose(page, "only", "site=North")
    assert "the split by sex was taken away" in everything(page)
    assert filters(page) == ["Only: site North ×"]
    assert page.selectbox(key="kept/screen/outcomes/group_by").value == ""


def test_a_group_of_the_split_is_shown_alone_beside_all_groups(clinic, open_alone):
    """What a click on a group does; without a mouse the list does the same."""
    page = choose(open_part(open_alone("outcomes"), "subgroups"), "group_by", "site")
    # It was clicked in a chart of another part; here the first chart goes on showing all groups.
    page.session_state["kneewise.work"]["screen"]["outcomes"]["picked_in"] = "comparison"
    page = choose(page, "only", "site=East")
    no_failure(page)
    assert filters(page) == ["Only: site East ×"]
    assert "shows all groups; the other charts show East only" in everything(page)
    rows = [figure(page, place)["layout"]["yaxis"].get("categoryarray") for place in range(5)]
    assert [row.partition("<br>")[0] for row in rows[0]] == ["East", "North", "South", "West"]
    assert [row.partition("<br>")[0] for row in rows[1]] == ["East"]


def test_over_time_takes_a_target_and_new_limits_only_with_a_reason(clinic, open_alone):
    page = open_part(open_alone("outcomes"), "over_time")
    page = page.number_input(key="kept/screen/outcomes/target/improved").set_value(60.0).run()
    no_failure(page)
    assert "? Chance decides whether the target is met." in everything(page)
    page.session_state["new_limits"] = True
    page = page.run()
    page.selectbox(key="new_limits_from").select("2024 Q3")
    page = press(page, "Draw new limits")
    assert "New limits need a reason" in everything(page)
    assert "New limits from 2024 Q3" not in everything(page)
    page.selectbox(key="new_limits_from").select("2024 Q3")
    page.text_input(key="new_limits_reason").input("a new <b>taping</b> course")
    page = press(page, "Draw new limits")
    no_failure(page)
    assert "New limits from 2024 Q3 on: a new <b>taping</b> course." in everything(page)
    assert "taping" not in str(dict(page.query_params))
    page = page.button(key="drop_limits_0").click().run()
    assert "New limits from 2024 Q3" not in everything(page)
    page = page.segmented_control(key="kept/screen/outcomes/measure").set_value("episodes").run()
    no_failure(page)
    assert "Target" not in everything(page)


def test_the_reason_for_new_limits_is_nowhere_remembered(clinic, open_alone, monkeypatch):
    """Hazard KW-H12: free text is no key of a cache."""
    seen = []
    monkeypatch.setattr(
        caches, "plain_key", lambda *question, of=caches.plain_key: seen.append(question) or of(*question)
    )
    page = open_part(open_alone("outcomes"), "over_time")
    page.session_state["new_limits"] = True
    page = page.run()
    page.selectbox(key="new_limits_from").select("2024 Q3")
    page.text_input(key="new_limits_reason").input("zebra crossing")
    page = press(page, "Draw new limits")
    assert "zebra crossing" in everything(page)
    assert seen
    assert "zebra" not in repr(seen)


def test_the_own_mode_is_offered_only_where_the_clinic_allows_it(clinic, open_alone, monkeypatch):
    page = open_alone("outcomes")
    assert len(page.toggle) == 0
    monkeypatch.setenv("KNEEWISE_OUTCOMES", "own")
    page = page.run()
    assert len(page.toggle) == 1
    assert "Shared figures" in everything(page)
    page = page.toggle[0].set_value(True).run()
    no_failure(page)
    text = everything(page)
    assert "Internal: for staff who may see the records. No claim of anonymity." in text
    assert "Shared figures" not in text
    assert dict(page.query_params) == {}
    for each in ("sex=female", "site=East", "intervention=exercise only"):
        page = choose(page, "only", each)
    no_failure(page)
    assert len(filters(page)) == 3
    assert dict(page.query_params) == {}
    page = open_part(page, "subgroups")
    options = json.loads(page.get("plotly_chart")[0].proto.config)["toImageButtonOptions"]
    assert options["filename"] == "kneewise-INTERNAL-SYNTHETIC-responders"
    page = choose(
        page, "only", f"clinician={clinician_of(page)}"
    )  # few people are left; a sentence or a chart, no failure
    no_failure(page)
    assert len(filters(page)) == 4
    monkeypatch.delenv("KNEEWISE_OUTCOMES")
    page = page.run()
    assert "Shared figures" in everything(page)
    assert not any("clinician" in each for each in filters(page))


def test_a_link_shows_what_was_released_even_where_the_own_mode_shows_newer_records(clinic, open_alone, monkeypatch):
    instruments = instruments_from(material.knowledge())
    import_export(long_csv(good_rows(60)), read_profile("kneewise_long"), clinic, instruments)
    publish(clinic, current_version(clinic))
    import_export(long_csv(good_rows(90)), read_profile("kneewise_long"), clinic, instruments)
    monkeypatch.setenv("KNEEWISE_OUTCOMES", "own")
    page = open_alone("outcomes").toggle[0].set_value(True).run()
    assert page.metric[0].value == "90"
    page.query_params["records"] = "clinic/kneewise_long"  # somebody opens a link in this window
    page.run()
    no_failure(page)
    assert page.metric[0].value == "60"
    assert page.toggle[0].value is False


def clinician_of(page) -> str:
    """A clinician that the list "Show only" offers."""
    options = page.selectbox(key="kept/screen/outcomes/only").options
    return next(each for each in options if each.startswith("Clinician: ")).removeprefix("Clinician: ")


def test_an_instrument_without_important_change_says_so_and_draws_no_responders(clinic, open_cold):
    if not NHS_ZIP.exists():
        pytest.skip("The NHS records are not here.")
    import_export(NHS_ZIP, read_profile("nhs_proms"), clinic, instruments_from(material.knowledge()))
    page = open_cold("outcomes")
    no_failure(page)
    text = everything(page)
    assert "Synthetic data." not in text
    assert "Open Government Licence v3.0" in text
    assert "Oxford Knee Score" in text
    assert "awaiting verification" in text
    assert "the newest whole period is not known" in text
    page = choose(page, "instrument", "instrument.eq_vas")
    assert "No important change of EQ-VAS is known" in everything(page)
    assert [metric.label for metric in page.metric] == ["People counted", "Completeness", "Average change, in points"]
    page = open_part(page, "subgroups")
    assert len(page.get("plotly_chart")) == 4
    page = choose(page, "group_by", "site")
    no_failure(page)
    assert "12 at a time in the order of their names" in everything(page)


def test_a_store_of_too_few_people_shows_a_sentence_and_no_chart(clinic, open_cold):
    import_export(long_csv(good_rows(6)), read_profile("kneewise_long"), clinic, instruments_from(material.knowledge()))
    page = open_cold("outcomes")
    no_failure(page)
    assert "Fewer than 10 people" in everything(page)
    assert len(page.get("plotly_chart")) == 0
    assert len(page.get("download_button")) == 0


def test_a_damaged_clinic_store_is_said_and_the_demonstration_still_shown(clinic, open_cold):
    clinic.mkdir()
    (clinic / "CURRENT").write_text("nonsense")
    page = open_cold("outcomes")
    no_failure(page)
    assert "damaged" in everything(page)
    assert len(page.metric) == 4


def test_new_records_are_shown_at_once(clinic, open_warm):
    """Hazard KW-H12: results are remembered under the version of the records."""
    page = open_warm("outcomes")
    assert "Synthetic demonstration clinics" in everything(page)
    instruments = instruments_from(material.knowledge())
    import_export(long_csv(good_rows(60)), read_profile("kneewise_long"), clinic, instruments)
    page = choose(page.run(), "records", "clinic/kneewise_long")
    assert page.metric[0].value == "60"
    import_export(long_csv(good_rows(90)), read_profile("kneewise_long"), clinic, instruments)
    publish(clinic, current_version(clinic))
    assert page.run().metric[0].value == "90"


@pytest.mark.parametrize(
    ("value", "whole", "expected"),
    [
        (17.0, True, "under 18"),
        (39.0, True, "18 to 39"),
        (40.0, True, "40 to 59"),
        (95.0, True, "60 and over"),
        (2.5, False, "under 3 months"),
        (3.0, False, "3 to 12 months"),
        (12.0, False, "3 to 12 months"),
        (12.5, False, "over 12 months"),
    ],
)
def test_a_value_is_read_into_the_class_that_the_records_name(value, whole, expected):
    ages = ("18 to 39", "40 to 59", "60 and over", "under 18")
    durations = ("3 to 12 months", "over 12 months", "under 3 months")
    assert like_mine.class_of(value, ages if whole else durations, whole=whole) == expected


def test_a_class_that_was_merged_or_is_named_otherwise_is_none():
    assert like_mine.class_of(17, ("18 to 39", "under 18 and smaller groups"), whole=True) is None
    assert like_mine.class_of(30, ("young", "old"), whole=True) is None
    assert like_mine.class_of(70, ("1 to 5 years", "6 to 10 years", "over 10 years")) == "1 to 5 years"  # 5.8 years


def test_patients_like_this_one_stand_beside_the_published_figure_and_leave_no_trace(clinic, open_alone, monkeypatch):
    """Hazard KW-H12: nothing entered for a patient is cached or put into the address."""
    keys = []
    monkeypatch.setattr(caches, "plain_key", lambda *asked, of=caches.plain_key: keys.append(asked) or of(*asked))
    page = open_alone("decision_aid")
    page.session_state["kneewise.work"]["findings"] = {
        "finding.age_years": {"value": 23, "unit": "years"},
        "finding.akps": {"value": 67, "unit": "points"},
        "finding.duration_months": {"value": 4.5, "unit": "months"},
    }
    page.run()
    page.segmented_control(key="kept/screen/decision_step").set_value("options").run()
    assert "like this one:" not in everything(page)
    page.session_state["like_mine"] = True
    page.run()
    no_failure(page)
    text = everything(page)
    assert "55 of 100 people" in text
    assert re.search(r"\d+ people in these records are like this one: age 18 to 39", text)
    assert "It is experience, not a prediction for one person." in text
    assert "Synthetic data." in text
    assert not {23, 67, 4.5} & {part for asked, _ in keys for part in asked}
    assert dict(page.query_params) == {}
    page.session_state["kneewise.work"]["view"] = "patient"
    page.run()
    assert "like this one" not in everything(page)


def test_without_an_age_nobody_is_like_this_one(clinic, open_alone):
    page = open_alone("decision_aid")
    page.session_state["kneewise.work"]["findings"] = {"finding.akps": {"value": 67, "unit": "points"}}
    page.run()
    page.segmented_control(key="kept/screen/decision_step").set_value("options").run()
    page.session_state["like_mine"] = True
    page.run()
    no_failure(page)
    assert "Enter the age to see people like this one." in everything(page)


def test_an_upload_is_previewed_before_anything_is_stored(clinic, open_cold):
    page = upload(open_cold("import_data"), long_csv(good_rows(40)))
    no_failure(page)
    text = everything(page)
    assert "nothing is stored yet" in text
    assert "Suggested by the column names." in text
    assert "Episodes to store 40" in text
    assert "episode id -> keyed hash" in text
    assert "seen only by you, who hold the file" in text
    assert current_version(clinic) is None


def test_storing_twice_changes_nothing_and_undo_brings_back_what_was(clinic, open_alone):
    page = upload(open_alone("import_data"), long_csv(good_rows(40)))
    page = press(page, "Store these records")
    no_failure(page)
    first = current_version(clinic)
    assert f"Stored as version {first}" in everything(page)
    page = press(upload(page, long_csv(good_rows(40)), "again.csv"), "Store these records")
    assert "nothing was changed" in everything(page)
    assert current_version(clinic) == first
    page = press(upload(page, long_csv(good_rows(50))), "Store these records")
    assert open_store(clinic).sources[0].episodes == 50
    page = press(page, "Bring it back")
    no_failure(page)
    assert current_version(clinic) == first
    assert "about 40" in everything(page)
    assert page.session_state["kneewise.note"] == "The last import is undone."


def test_refused_rows_are_listed_with_row_column_and_reason(clinic, open_cold):
    rows = good_rows(40)
    rows[3] = rows[3].rsplit(",", 1)[0] + ",=cmd()"
    rows[5] = rows[5].rsplit(",", 1)[0] + ",999"
    page = upload(open_cold("import_data"), long_csv(rows))
    refused = next(table.value for table in page.table if list(table.value.columns)[-1] == "Why")
    assert list(refused["Row"]) == ["5", "7"]
    assert "this is a spreadsheet formula" in everything(page)
    assert "outside the range" in everything(page)
    by_column = next(table.value for table in page.table if "Refused" in table.value.columns)
    assert by_column.loc[by_column["Column"] == "value", "Refused"].item() == "2"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"\x00\x01\x02\x03" * 50, "bytes that are not text"),
        (HEADER.encode() + b"\n", "a header and no rows"),
        (long_csv(good_rows(12), HEADER.replace("sex", "site")), "Row 1 names column 'site' twice"),
        (
            long_csv(
                [f"{row},jo{place}@example.org" for place, row in enumerate(good_rows(12))], f"{HEADER},clinician_code"
            ),
            "looks like e-mail",
        ),
        (b"PK\x03\x04 no zip", "zip is damaged"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_sentence_and_nothing_is_stored(content, sentence, clinic, open_cold):
    page = upload(open_cold("import_data"), content)
    no_failure(page)
    assert any(sentence in error.value.replace("\\", "").replace("\u200b", "") for error in page.error), [
        error.value for error in page.error
    ]
    assert not any(button.label == "Store these records" for button in page.button)
    assert current_version(clinic) is None


def test_a_refused_file_loses_nothing_that_is_stored(clinic, open_alone):
    page = press(upload(open_alone("import_data"), long_csv(good_rows(40))), "Store these records")
    before = current_version(clinic)
    page = upload(page, b"a,b\n1,2\n")
    no_failure(page)
    assert current_version(clinic) == before
    assert "about 40" in everything(page)


def test_a_file_name_is_never_a_path(clinic, open_alone):
    page = upload(open_alone("import_data"), long_csv(good_rows(40)), "../../clinic/CURRENT")
    page = press(page, "Store these records")
    no_failure(page)
    assert open_store(clinic).sources[0].source == "kneewise_long"
    assert sorted(path.name for path in clinic.parent.iterdir()) == ["clinic", "clinic.key"]


def test_a_new_patient_takes_the_upload_away(clinic, open_warm):
    """Hazard KW-H07."""
    page = upload(open_warm("import_data"), long_csv(good_rows(40)))
    page = press(page, "Forget everything")
    assert page.file_uploader[0].value is None
    assert "Episodes to store" not in everything(page)


def test_the_column_names_suggest_the_profile():
    profiles = [read_profile(name) for name in profile_names()]
    assert suggest_profile(long_csv(good_rows(3)), profiles) == "kneewise_long"
    wide = b"patient_id,age,sex,site,arm,start_date,akps_baseline,akps_6w\n1,30,f,N,tape,2024-03-31,50,60\n"
    assert suggest_profile(wide, profiles) == "wide_trial"
    assert suggest_profile(b"a,b\n1,2\n", profiles) is None
    assert suggest_profile(b"", profiles) is None
    if NHS_ZIP.exists():
        assert suggest_profile(NHS_ZIP, profiles) == "nhs_proms"


@given(some.text(max_size=40))
def test_no_cell_of_a_download_can_run_as_a_formula(text):
    """Hazard KW-H19."""
    content = downloads.table_as_csv(pd.DataFrame({text: [text, -3, 1.5]}), text)
    for row in csv.reader(io.StringIO(content.removeprefix("\ufeff"))):
        for cell in row:
            assert cell in ("-3", "1.5") or not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_parts_of_the_page_are_worked_out_before_anybody_asks(clinic, monkeypatch):
    made = outcome_answers.prepare()
    store, _ = stores.opened(stores.available()[0]["demo/synthetic_demo"])
    asked = []
    monkeypatch.setattr(type(store), "ask", lambda self, question: asked.append(question))
    assert outcome_answers.prepare() == made > 30
    assert asked == []  # everything is remembered


@pytest.mark.parametrize("mode", ["shared", "own"])
def test_a_download_says_in_name_and_first_line_what_it_is(mode, clinic):
    """Hazard KW-H19, and the law that synthetic data says so in every file; so do internal figures."""
    records = stores.available()[0]["demo/synthetic_demo"]
    asked = outcome_answers.Asked(records, mode, "instrument.akps", group_by="site")
    for kind in ("responders", "change", "trend", "distribution", "comparison"):
        name, content = outcome_answers.file_of(kind, asked)
        first, header, *rows = csv.reader(io.StringIO(content.removeprefix("\ufeff")))
        assert ("INTERNAL" in name) is (mode == "own")
        assert first[0].startswith("INTERNAL" if mode == "own" else "SYNTHETIC DATA")
        assert "SYNTHETIC DATA" in first[0]
        assert "no control group" in first[0]
        assert "SYNTHETIC" in name
        assert header[0] in ("Group", "Site")
        assert {row[0] for row in rows} == {"East", "North", "South", "West"}


@given(some.text())
def test_escaped_text_has_no_bare_markdown(text):
    """Uploaded text is data: every sign of Markdown stands behind a backslash, every start of a link is broken."""
    made = plain_text.escaped(text)
    left = made.replace("\\\\", "")
    for place, sign in enumerate(left):
        if sign in "`*_{}[]()<>#!|~$&:":
            assert left[place - 1] == "\\"
    assert "://" not in made
    assert "\n" not in made
