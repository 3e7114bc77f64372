"""The outcomes and import screens without a browser: choosing, refusing, previewing, storing, undoing."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from kneewise.outcomes import demo
from kneewise.outcomes.importing import import_export, suggest_profile
from kneewise.outcomes.instruments import instruments_from
from kneewise.outcomes.profiles import profile_names, read_profile
from kneewise.outcomes.store import current_version, open_store
from kneewise.ui import downloads, material, outcomes, plain_text
from tests.outcomes_samples import HEADER, NHS_ZIP, ROOT, good_rows, long_csv

LIMITS = ("no control group", "regression to the mean", "Those who did not answer are missing")


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "store"
    demo.import_demo(instruments_from(material.knowledge()), folder)
    return folder


@pytest.fixture
def clinic(tmp_path, monkeypatch, demo_folder):
    """An empty clinic store beside the demonstration."""
    monkeypatch.setenv("KNEEWISE_STORE", str(tmp_path / "clinic"))
    monkeypatch.setenv("KNEEWISE_DEMO_STORE", str(demo_folder))
    return tmp_path / "clinic"


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
    kinds = (page.markdown, page.caption, page.info, page.error, page.success, page.subheader, page.title)
    texts = [each.value for kind in kinds for each in kind]
    texts += [f"{metric.label} {metric.value}" for metric in page.metric]
    texts += [table.value.to_csv() for table in page.table]
    return "\n".join(texts).replace("\\", "").replace("\u200b", "")


def choose(page, name: str, value: str):
    return page.selectbox(key=f"kept/screen/outcomes/{name}").select(value).run()


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
    assert len(page.get("plotly_chart")) == 4


def test_the_demonstration_says_that_it_is_synthetic_and_what_its_figures_cannot_say(clinic, open_cold):
    page = open_cold("outcomes")
    no_failure(page)
    text = everything(page)
    assert "Synthetic data." in text
    assert all(limit in text for limit in LIMITS)
    assert [metric.label for metric in page.metric] == [
        "People counted", "Completeness", "Average change, in points", "Improved by what matters",
    ]  # fmt: skip
    assert len(page.get("plotly_chart")) == 4
    assert len(page.get("download_button")) == 0
    page.session_state["tables_to_keep"] = True  # the box of the tables is opened
    assert len(page.run().get("download_button")) == 4


@pytest.mark.parametrize("group_by", ["age_band", "sex", "site", "intervention", "start_year"])
def test_every_split_runs_and_keeps_the_limits(group_by, clinic, open_cold):
    page = choose(open_cold("outcomes"), "group_by", group_by)
    no_failure(page)
    assert all(limit in everything(page) for limit in LIMITS)
    assert len(page.get("plotly_chart")) >= 3


def test_a_filter_and_a_split_by_the_same_attribute_cannot_be_chosen(clinic, open_cold):
    page = choose(open_cold("outcomes"), "only", "site=North")
    assert "Shown only: site North." in everything(page)
    page = choose(page, "group_by", "site")
    no_failure(page)
    assert page.selectbox(key="kept/screen/outcomes/only").value == ""
    page = choose(page, "group_by", "sex")
    page = choose(page, "only", "site=North")
    no_failure(page)
    assert "not both" in everything(page)  # the distribution says why it is not drawn, the other charts are


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
    page = choose(page, "instrument", "instrument.eq_vas")
    assert "No important change of EQ-VAS is known" in everything(page)
    assert len(page.get("plotly_chart")) == 3
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
    assert len(page.get("plotly_chart")) == 4


def test_new_records_are_shown_at_once(clinic, open_warm):
    """Hazard KW-H12: results are remembered under the version of the records."""
    page = open_warm("outcomes")
    assert "Synthetic demonstration clinics" in everything(page)
    instruments = instruments_from(material.knowledge())
    import_export(long_csv(good_rows(60)), read_profile("kneewise_long"), clinic, instruments)
    page = choose(page.run(), "records", "clinic/kneewise_long")
    assert page.metric[0].value == "60"
    import_export(long_csv(good_rows(90)), read_profile("kneewise_long"), clinic, instruments)
    assert page.run().metric[0].value == "90"


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
        (b"a,b\n1,2\n", "Row 1 has no column 'episode_id'"),
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


def test_a_download_of_synthetic_records_says_so_in_its_first_line(clinic, open_cold):
    """Hazard KW-H19, and the law that synthetic data says so in every file."""
    open_cold("outcomes")
    records = outcomes.stores.available()[0]["demo/synthetic_demo"]
    asked = outcomes.Asked(records, "instrument.akps", "site", None)
    files = outcomes._csv_files(outcomes._version(records), *outcomes._plain(asked))
    assert len(files) == 4
    for _, name, content in files:
        first, header, *rows = csv.reader(io.StringIO(content.removeprefix("\ufeff")))
        assert first[0].startswith("SYNTHETIC DATA")
        assert "no control group" in first[0]
        assert "synthetic" in name
        assert header[0] == "Group"
        assert {row[0] for row in rows} <= {"East", "North", "South", "West"}


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
