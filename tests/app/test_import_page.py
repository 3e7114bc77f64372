"""The import page without a browser: mapping an unknown export, leaving people out, FHIR, what is replaced."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from kneewise.errors import StoreError
from kneewise.outcomes.profiles import own_folder_of, read_profile
from kneewise.outcomes.store import current_version, open_store
from kneewise.ui import importing
from tests.app_reading import plain, said_by
from tests.outcomes_samples import HEADER, ROOT, good_rows, long_csv


@pytest.fixture
def clinic(tmp_path, monkeypatch):
    """An empty clinic store."""
    monkeypatch.setenv("KNEEWISE_STORE", str(tmp_path / "clinic"))
    monkeypatch.setenv("KNEEWISE_DEMO_STORE", str(tmp_path / "demo"))
    return tmp_path / "clinic"


@pytest.fixture
def page() -> AppTest:
    """The import page without its frame: inside it AppTest takes every run for another change of page."""
    script = (ROOT / "pages" / "import_data.py").read_text(encoding="utf-8")
    return AppTest.from_string(script.replace('frame.open_page("import_data")', ""), default_timeout=60).run()


def sheet(rows: int = 40) -> bytes:
    """One row per patient under names that no profile knows, with people in it."""
    lines = ["Pat No,Full Name,Gender,Arm,Clinic,Kujala 0w,Kujala 6w,**bold** <script>"]
    lines += [
        f"K{n},Anna{n} Smith,{'F' if n % 2 else 'M'},{('tape', 'wait')[n % 2]},North,{50 + n % 9},{60 + n % 9},:smile:"
        for n in range(rows)
    ]
    return "\n".join(lines).encode()


def upload(page: AppTest, content: bytes, name: str = "export.csv") -> AppTest:
    return page.file_uploader[0].set_value((name, content, "text/csv")).run()


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()


def labelled(page: AppTest, label: str):
    return next(each for each in page.selectbox if plain(each.label) == label)


def text_of(page: AppTest) -> str:
    return plain(said_by(page))


def no_failure(page: AppTest) -> None:
    assert [each.value for each in page.exception] == []


def mapped(page: AppTest) -> AppTest:
    """The sheet uploaded, and its one open value decided."""
    page = upload(page, sheet())
    no_failure(page)
    return labelled(page, "wait").select("").run()


def test_an_export_that_no_profile_fits_is_mapped_and_looked_at_before_it_is_stored(clinic, page):
    page = upload(page, sheet())
    no_failure(page)
    text = text_of(page)
    assert "The column names fit none of the profiles" in text
    assert "Column 'Arm': say what 1 of its values means" in text
    assert labelled(page, "What Gender means").value == "sex"
    assert labelled(page, "Questionnaire of Kujala 6w").value == "instrument.akps"
    assert [each.value for each in page.number_input] == [0, 42]
    assert not any(button.label in ("See what would be imported", "Store these records") for button in page.button)
    page = labelled(page, "wait").select("").run()
    assert "Still to say" not in text_of(page)
    page = press(page, "See what would be imported")
    no_failure(page)
    assert "Episodes to store" in text_of(page)
    assert page.metric[2].value == "40"
    assert current_version(clinic) is None
    assert not own_folder_of(clinic).exists()


def test_nobody_is_shown_and_nothing_in_the_file_is_markdown(clinic, page):
    page = upload(page, sheet())
    assert "Anna" not in said_by(page)
    people = next(table.value for table in page.table if "Looks like" in table.value.columns)
    assert people.to_numpy().tolist() == [["Full Name", "names"]]
    assert "**bold** <script>" in text_of(page)
    assert all("**bold**" not in each for each in map(str, (each.value for each in page.markdown)))
    assert not any("Full Name" in each.label for each in page.selectbox)  # there is nothing to choose for it


def test_a_mapping_is_kept_and_comes_back_for_the_next_export(clinic, page):
    page = press(mapped(page), "See what would be imported")
    page = press(page, "Store these records")
    no_failure(page)
    assert open_store(clinic).sources[0].source == "clinic_export"
    kept = own_folder_of(clinic) / "clinic_export.yaml"
    assert f"kept beside the store as '{kept.stem}'" in text_of(page)
    assert "Anna" not in kept.read_text(encoding="utf-8")
    assert read_profile(kept).layout == "wide"
    page = upload(page, sheet(50), "next.csv")
    no_failure(page)
    text = text_of(page)
    assert "Suggested because the columns are those of your mapping." in text
    assert "40 of them are in this export again, so none is lost" in text
    page = press(page, "Store these records")
    assert open_store(clinic).sources[0].episodes == 50


def test_a_choice_outlives_the_upload_and_a_new_meaning_is_guessed_anew(clinic, page):
    page = upload(page, sheet())
    page = labelled(page, "What Clinic means").select("ignore").run()
    page = upload(page, sheet(41), "other.csv")
    assert labelled(page, "What Clinic means").value == "ignore"
    page = labelled(page, "What Clinic means").select("intervention").run()
    no_failure(page)
    assert "Columns 'Arm' and 'Clinic' are both the treatment" in text_of(page)


def test_a_kept_mapping_is_edited_from_what_was_kept(clinic, page):
    """It began with the guesses again, so that whoever changed one choice lost the others."""
    page = mapped(page)
    page = labelled(page, "What Clinic means").select("ignore").run()
    page = page.number_input[1].set_value(44).run()
    page = next(each for each in page.text_input if each.label.startswith("Further codes")).set_value("99, n/k").run()
    page = press(press(page, "See what would be imported"), "Store these records")
    no_failure(page)

    script = (ROOT / "pages" / "import_data.py").read_text(encoding="utf-8")
    later = AppTest.from_string(script.replace('frame.open_page("import_data")', ""), default_timeout=60).run()
    later = upload(later, sheet(45), "next.csv")
    later = labelled(later, "How to read it").select("by_hand").run()
    no_failure(later)
    text = text_of(later)
    assert "begins with the mapping that was kept as “clinic_export”" in text
    assert "Kneewise guessed from" not in text
    assert "Still to say" not in text
    assert labelled(later, "What Clinic means").value == "ignore"
    assert labelled(later, "wait").value == ""
    assert [each.value for each in later.number_input] == [0, 44]
    assert next(each.value for each in later.text_input if each.label.startswith("Further codes")) == "99, n/k"
    later = labelled(later, "wait").select("exercise only").run()
    later = press(press(later, "See what would be imported"), "Store these records")
    no_failure(later)
    kept = read_profile(own_folder_of(clinic) / "clinic_export.yaml")
    assert [each.day for each in kept.wide] == [0, 44]
    arm = next(each for each in kept.attributes if each.attribute == "intervention")
    assert arm.values["wait"] == "exercise only"
    assert not any(each.attribute == "site" for each in kept.attributes)


def test_two_meanings_that_contradict_each_other_are_said_at_once(clinic, page):
    page = mapped(page)
    page = labelled(page, "What Pat No means").select("ignore").run()
    assert "Still to say" not in text_of(page)  # every row is an episode of its own
    page = labelled(page, "What Clinic means").select("sex").run()
    assert "Columns 'Gender' and 'Clinic' are both the sex" in text_of(page)
    page = labelled(page, "What Clinic means").select("site").run()
    page.number_input[0].set_value(None).run()
    assert "say on which day of the treatment it was planned" in text_of(page)


def test_a_column_that_looks_like_people_is_left_out_on_request(clinic, page):
    rows = [f"{row},jo{place}@example.org" for place, row in enumerate(good_rows(30))]
    page = upload(page, long_csv(rows, f"{HEADER},clinician_code"))
    assert "Column 'clinician_code' (first in row 2) looks like e-mail addresses" in text_of(page)
    assert "example.org" not in text_of(page)
    page = press(page, "Leave this column out and look again")
    no_failure(page)
    assert "Left out by your choice: clinician_code." in text_of(page)
    page = press(page, "Store these records")
    assert open_store(clinic).sources[0].episodes == 30


def test_how_well_people_hide_is_shown(clinic, page):
    page = upload(page, long_csv(good_rows(40)))
    assert [metric.label for metric in page.metric][4:] == [
        "Smallest group", "In groups of fewer than 10", "Alone in their group",
    ]  # fmt: skip
    assert "By all attributes stored of an episode" in text_of(page)
    assert any("Without" in table.value.columns for table in page.table)


def test_fhir_resources_are_read_and_suggest_their_profile(clinic, page):
    resources = [
        {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "AKPS"}]},
         "subject": {"reference": f"Patient/{n}"}, "effectiveDateTime": date, "valueInteger": value}
        for n in range(30) for date, value in (("2024-01-10", 50), ("2024-03-10", 70))
    ]  # fmt: skip
    page = upload(page, "\n".join(map(json.dumps, resources)).encode(), "bulk.ndjson")
    no_failure(page)
    assert page.metric[2].value == "30"
    assert "60 scores in 60 Observations" in text_of(page)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"a,b\n1,2\n", "No column holds a score"), (b"a,a\n1,2\n", "Row 1 names column 'a' twice"), (b"", "The file is empty"),
     (("x" + ",x" * 400 + "\n1\n").encode(), "401 columns, too many to be mapped")],
)  # fmt: skip
def test_a_file_that_nothing_can_be_made_of_gets_a_sentence(content, sentence, clinic, page):
    page = upload(page, content)
    no_failure(page)
    assert sentence in text_of(page)
    assert not any(button.label == "Store these records" for button in page.button)
    assert current_version(clinic) is None


def other_sheet() -> bytes:
    """The sheet of another clinic, with columns of its own."""
    lines = ["Ref,Room,NPRS 0w,NPRS 6w", *(f"R{n},West,{5 + n % 3},{n % 3}" for n in range(40))]
    return "\n".join(lines).encode()


def test_a_mapping_is_not_put_in_place_of_one_for_other_columns(clinic, page):
    page = press(press(mapped(page), "See what would be imported"), "Store these records")
    kept = own_folder_of(clinic) / "clinic_export.yaml"
    before = kept.read_text(encoding="utf-8")
    page = upload(page, other_sheet(), "other.csv")
    no_failure(page)
    assert "'clinic_export' is the name of a mapping that was made for other columns" in text_of(page)
    assert not any(button.label == "See what would be imported" for button in page.button)
    page = next(each for each in page.text_input if "Name of this kind" in each.label).set_value("West sheet").run()
    page = press(press(page, "See what would be imported"), "Store these records")
    no_failure(page)
    assert kept.read_text(encoding="utf-8") == before
    assert sorted(info.source for info in open_store(clinic).sources) == ["clinic_export", "west_sheet"]


def test_a_mapping_is_kept_only_with_its_records(clinic, page, monkeypatch):
    page = press(mapped(page), "See what would be imported")

    def full(*_, **__):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(importing, "import_export", full)
    page = press(page, "Store these records")
    no_failure(page)
    assert "The disk is full." in text_of(page)
    assert not own_folder_of(clinic).exists()
    assert current_version(clinic) is None


def test_a_mapping_that_cannot_be_kept_is_said_beside_the_records(clinic, page):
    page = press(mapped(page), "See what would be imported")
    own_folder_of(clinic).write_text("no folder", encoding="utf-8")
    page = press(page, "Store these records")
    no_failure(page)
    text = text_of(page)
    assert open_store(clinic).sources[0].episodes == 40
    assert "The records are stored. The mapping can't be kept in clinic.profiles" in text
    assert "Nothing of this file was stored" not in text
    assert "The mapping is kept beside the store" not in text


def visits(value: str) -> bytes:
    rows = [line for n in range(40) for line in (f"A{n},North,baseline,{50 + n % 7}", f"A{n},North,6 weeks,{60 + n % 7}")]
    rows[5] = rows[5].replace("6 weeks", value)
    return "\n".join(["ref,clinic,visit,AKPS", *rows]).encode()


def test_a_visit_can_be_not_known(clinic, page):
    page = upload(page, visits("unknown"))
    no_failure(page)
    assert "Still to say" not in text_of(page)
    page = press(page, "See what would be imported")
    no_failure(page)
    assert page.metric[3].value == "79"
    page = upload(page, visits("extra"), "next.csv")
    assert "Column 'visit': say what 1 of its values means, or 'not known'" in text_of(page)
    page = next(each for each in page.checkbox if plain(each.label) == "extra: not known").check().run()
    no_failure(page)
    assert "Still to say" not in text_of(page)
    page = press(page, "See what would be imported")
    assert page.metric[3].value == "79"


def test_a_way_out_is_offered_only_where_it_exists(clinic, page):
    rows = [row.replace(f"E{n // 2},", f"p{n // 2}@example.org,", 1) for n, row in enumerate(good_rows(30))]
    page = upload(page, long_csv(rows))
    text = text_of(page)
    assert "Column 'episode_id' (first in row 2) looks like e-mail addresses; it can't be left out" in text
    assert not any(button.label.startswith("Leave") for button in page.button)


def test_a_file_that_begins_with_a_record_shows_nothing_of_it(clinic, page):
    page = upload(page, "\n".join(f"Jane Smith{n},9434765919,North,{50 + n % 7},70" for n in range(40)).encode())
    no_failure(page)
    text = text_of(page)
    assert "Row 1 seems to hold a record, not column names; add a row of names." in text
    assert "Jane" not in text
    assert "9434765919" not in text


def test_a_row_that_loses_one_score_is_not_called_refused(clinic, page):
    header = "patient_id,age,sex,site,arm,start_date,akps_baseline,akps_6w"
    rows = [f"P{n},30,f,North,exercise,2024-02-03,{50 + n % 7},{600 if n == 3 else 60}" for n in range(40)]
    page = upload(page, "\n".join([header, *rows]).encode())
    no_failure(page)
    assert [(each.label, each.value) for each in page.metric][1] == ("Rows refused", "0")
    text = text_of(page)
    assert "1 row loses single scores that can't be; its other scores are kept." in text
    assert any("the score lies outside the range" in str(table.value.to_numpy()) for table in page.table)
