"""The yearly report on the outcomes page: one click saves it, it holds shared figures only, or a sentence says why not."""

from __future__ import annotations

import io
import re

import pypdf
import pytest
from streamlit.testing.v1 import AppTest

from kneewise.cli import main
from kneewise.errors import StoreError
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.instruments import instruments_from
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import current_version, publish
from kneewise.ui import downloads, material, stores, yearly_report
from tests.app_reading import plain, said_by
from tests.outcomes_samples import ROOT, good_rows, long_csv

SCALES = instruments_from(material.knowledge())
SAVE = "save_yearly_report"


@pytest.fixture
def files(monkeypatch) -> dict[str, tuple[str, bytes, str]]:
    """The files that were offered: key -> (name without its random mark, content, kind)."""
    offered: dict[str, tuple[str, bytes, str]] = {}
    show = downloads.offer

    def offer(label, data, name, mime, *, key, **more):
        offered[key] = (name, data, mime)
        show(label, data, name, mime, key=key, **more)

    monkeypatch.setattr(downloads, "offer", offer)
    return offered


@pytest.fixture
def opened(clinic, files):
    """`opened()`: the outcomes page, without its frame."""
    script = (ROOT / "pages" / "outcomes.py").read_text(encoding="utf-8").replace('frame.open_page("outcomes")', "")
    return lambda: unfailing(AppTest.from_string(script, default_timeout=30).run())


def unfailing(page: AppTest) -> AppTest:
    assert [each.value for each in page.exception] == []
    return page


def open_box(page: AppTest) -> AppTest:
    page.session_state["yearly_report"] = True  # the box is opened
    return unfailing(page.run())


def choose(page: AppTest, name: str, value: str) -> AppTest:
    return unfailing(page.selectbox(key=f"kept/screen/outcomes/{name}").select(value).run())


def year(page: AppTest):
    return page.selectbox(key="kept/screen/outcomes/report_year")


def saves(page: AppTest) -> list[str]:
    """The labels of the buttons that save a report."""
    return [each.proto.label for each in page.get("download_button") if SAVE in each.proto.id]


def said(page: AppTest) -> str:
    return plain(said_by(page))


def words(content: bytes) -> str:
    return " ".join(" ".join(each.extract_text().split()) for each in pypdf.PdfReader(io.BytesIO(content)).pages)


def rows_of(start_year: int, people: int, follow_up: int) -> list[str]:
    """People who started in a year; the first `follow_up` of them came back."""
    rows = []
    for number in range(people):
        person = f"E{start_year}-{number},{'North' if number % 2 else 'South'},18 to 39,"
        person += f"{'female' if number % 3 else 'male'},exercise only,{start_year},Q1,AKPS"
        rows += [f"{person},0,{50 + number % 7}", *([f"{person},84,{60 + number % 11}"] if number < follow_up else [])]
    return rows


def test_the_report_of_the_newest_year_is_ready_where_the_server_made_it(opened, files, monkeypatch):
    """One click: its box is open, and the button there."""
    monkeypatch.setattr(yearly_report, "_READY", set())
    yearly_report.prepare()
    page = opened()
    assert saves(page) == ["Save the report of 2025 (PDF)"]
    assert files[SAVE][1].startswith(b"%PDF")
    other = choose(page, "instrument", "instrument.nprs_worst")
    assert [box.label for box in other.expander][-1] == yearly_report.BOX


def test_a_closed_box_is_all_that_the_page_shows_of_it_and_makes_nothing(opened, files, monkeypatch):
    monkeypatch.setattr(yearly_report, "report_pdf", lambda _: pytest.fail("a report was made that nobody asked for"))
    page = opened()
    assert [box.label for box in page.expander][-1] == "Yearly report, as a PDF"
    assert saves(page) == []
    assert SAVE not in files


def test_one_click_saves_the_report_of_the_newest_year_in_shared_figures(opened, files):
    page = open_box(opened())
    assert year(page).options == ["2025", "2024", "2023"]
    assert saves(page) == ["Save the report of 2025 (PDF)"]
    name, content, kind = files[SAVE]
    assert (name, kind) == ("kneewise-SYNTHETIC-report-2025-akps.pdf", "application/pdf")
    assert content.startswith(b"%PDF")
    text = words(content)
    assert "Outcomes 2025: AKPS" in text
    assert "SYNTHETIC DATA" in text
    assert "holds shared figures only" in said(page)
    assert f"Store version {stores.available('shared')[0]['demo/synthetic_demo'].version}" in text


def test_no_count_in_the_saved_report_stands_for_a_small_group(opened, files):
    open_box(opened())
    shares = re.findall(r"\(([\d,]+) of ([\d,]+)\)", words(files[SAVE][1]))
    counts = [tuple(int(each.replace(",", "")) for each in share) for share in shares]
    assert len(counts) > 20
    for some, everybody in counts:
        assert some % 5 == 0
        assert everybody % 5 == 0
        assert some >= 10
        assert everybody - some >= 10 or some == everybody


def test_another_year_and_another_score_are_another_report(opened, files):
    page = choose(open_box(opened()), "report_year", "2024")
    assert saves(page) == ["Save the report of 2024 (PDF)"]
    assert "Outcomes 2024: AKPS" in words(files[SAVE][1])
    choose(page, "instrument", "instrument.nprs_worst")
    assert files[SAVE][0] == "kneewise-SYNTHETIC-report-2024-nprs-worst.pdf"
    assert "Outcomes 2024: NPRS" in words(files[SAVE][1])


def test_it_is_the_file_that_the_command_writes(opened, files, demo_folder, tmp_path):
    open_box(opened())
    out = tmp_path / "report.pdf"
    assert main(["report", "--store", str(demo_folder), "--year", "2025", "--measure", "akps", "--out", str(out)]) == 0
    assert files[SAVE][1] == out.read_bytes()


def test_what_is_shown_only_does_not_restrict_it_and_the_box_says_so(opened, files):
    page = open_box(opened())
    of_everybody = files[SAVE][1]
    assert "does not restrict it" not in said(page)
    page = choose(page, "only", "site=North")
    assert "does not restrict it" in said(page)
    assert files[SAVE][1] == of_everybody


def test_a_year_of_which_nothing_may_be_told_is_a_sentence_and_an_older_one_is_offered_first(clinic, opened, files):
    rows = [*rows_of(2023, 60, 60), *rows_of(2024, 60, 60), *rows_of(2025, 60, 5)]
    import_export(long_csv(rows), read_profile("kneewise_long"), clinic, SCALES)
    page = open_box(opened())
    assert year(page).options == ["2025", "2024", "2023"]
    assert year(page).value == "2024"
    assert saves(page) == ["Save the report of 2024 (PDF)"]
    page = choose(page, "report_year", "2025")
    assert "No report can be made of 2025: shared figures tell of too few people" in said(page)
    assert saves(page) == []
    page = choose(page, "report_year", "2023")
    assert saves(page) == ["Save the report of 2023 (PDF)"]


def test_records_of_one_year_have_their_report(clinic, opened):
    import_export(long_csv(rows_of(2024, 60, 60)), read_profile("kneewise_long"), clinic, SCALES)
    assert saves(open_box(opened())) == ["Save the report of 2024 (PDF)"]


def test_too_few_people_for_any_year_is_one_sentence(clinic, opened, files):
    import_export(long_csv(rows_of(2024, 6, 6)), read_profile("kneewise_long"), clinic, SCALES)
    page = open_box(opened())
    assert yearly_report.NO_YEAR in said(page)
    assert saves(page) == []
    assert files == {}


def test_the_own_mode_saves_shared_figures_of_the_released_version_and_says_so(clinic, opened, files, monkeypatch):
    import_export(long_csv(good_rows(60)), read_profile("kneewise_long"), clinic, SCALES)
    released = current_version(clinic)
    publish(clinic, released)
    import_export(long_csv(good_rows(93)), read_profile("kneewise_long"), clinic, SCALES)
    monkeypatch.setenv("KNEEWISE_OUTCOMES", "own")
    page = opened().toggle[0].set_value(True).run()
    page = open_box(page)
    assert page.metric[0].value == "93"  # the page itself shows the newest records, exactly
    assert "nothing internal that this page shows goes into it" in said(page)
    name, content, _ = files[SAVE]
    assert name == "kneewise-report-2024-akps.pdf"
    text = words(content)
    assert "Shared figures, protected" in text
    assert f"Store version {released}" in text
    assert "INTERNAL" not in text
    assert not re.search(r"\b93\b", text)
    assert re.search(r"\b60\b", text)


def test_the_own_mode_of_records_that_were_never_released_offers_no_report(clinic, opened, files, monkeypatch):
    import_export(long_csv(good_rows(60)), read_profile("kneewise_long"), clinic, SCALES)
    publish(clinic, current_version(clinic))
    import_export(long_csv(good_rows(60)), read_profile("kneewise_long"), clinic, SCALES, source_name="other")
    monkeypatch.setenv("KNEEWISE_OUTCOMES", "own")
    page = choose(opened().toggle[0].set_value(True).run(), "records", "clinic/other")
    page = open_box(page)
    assert yearly_report.NOTHING_RELEASED in said(page)
    assert saves(page) == []


def test_new_records_make_a_new_report(clinic, opened, files):
    """Hazard KW-H12: a report is remembered under the version of its records."""
    import_export(long_csv(rows_of(2024, 60, 60)), read_profile("kneewise_long"), clinic, SCALES)
    page = open_box(opened())
    before = files[SAVE][1]
    import_export(long_csv(rows_of(2024, 120, 120)), read_profile("kneewise_long"), clinic, SCALES)
    publish(clinic, current_version(clinic))
    unfailing(page.run())
    assert files[SAVE][1] != before
    assert f"Store version {current_version(clinic)}" in words(files[SAVE][1])


def test_a_report_that_was_refused_for_its_size_is_a_sentence(opened, files, monkeypatch):
    """Hazard KW-H07: no file from 1 MiB on is offered."""
    monkeypatch.setattr("kneewise.handout.report.LARGEST_BYTES", 1000)
    page = choose(open_box(opened()), "instrument", "instrument.koos_pf")  # of which no other test makes a report
    assert "The report is bigger than 1 MB" in said(page)
    assert saves(page) == []


def test_records_that_were_replaced_in_the_meantime_are_a_sentence(opened, monkeypatch):
    def gone(*_):
        raise StoreError("The records were replaced in the meantime; open the page again.")

    monkeypatch.setattr(yearly_report, "_pdf", gone)
    page = open_box(opened())
    assert "The records were replaced in the meantime" in said(page)
    assert saves(page) == []
