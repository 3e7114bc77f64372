"""The yearly report: what it says, what it hides, and that it is a document that everybody can read."""

from __future__ import annotations

import io

import pypdf
import pytest

from kneewise.cli import main
from kneewise.handout.plot import Line, Marks, Plot, nice_ticks, plot_svg
from kneewise.handout.report import ReportRefused, report_pdf, yearly_report
from kneewise.knowledge_base.loading import load_knowledge
from kneewise.outcomes import demo
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import SCALES, long_csv

KNOWLEDGE = load_knowledge()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "store"
    demo.import_demo(SCALES, folder)
    return folder


@pytest.fixture(scope="module")
def report(folder):
    return yearly_report(open_store(folder), KNOWLEDGE, 2024, instrument="instrument.akps")


def words(content: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


def test_every_part_has_its_sentence_n_and_completeness(report):
    titles = [section.title for section in report.sections]
    assert titles[0] == "How far missing people could move this"
    assert {"Over time, all years", "Sites, all years", "Time to recovery, all years"} <= set(titles)
    for section in report.sections:
        assert section.sentence
        assert section.rows, section.title
    for section in report.sections[:-1]:
        assert "n = " in section.sentence
        assert "ompleteness" in section.sentence


def test_pictures_stand_with_words_for_those_who_do_not_see_them(report):
    pictures = [section for section in report.sections if section.picture]
    assert len(pictures) == 3
    assert all(section.alt for section in pictures)


def test_it_says_synthetic_and_what_its_figures_cannot_say(report):
    text = words(report_pdf(report))
    assert "SYNTHETIC DATA" in text
    assert "There is no control group" in text
    assert "they rank nobody" in text


def test_the_same_report_gives_the_same_bytes_and_is_tagged(report):
    content = report_pdf(report)
    assert content == report_pdf(report)
    assert pypdf.PdfReader(io.BytesIO(content)).trailer["/Root"]["/MarkInfo"]["/Marked"]


def test_no_count_in_it_is_exact(report):
    """Hazard KW-H11: whatever the screen shows, a report that is passed on holds shared figures only."""
    for section in report.sections:
        for name in ("People", "Still followed"):
            if name in section.columns:
                place = section.columns.index(name)
                counts = [row[place].replace(",", "") for row in section.rows]
                assert all(int(count) % 5 == 0 for count in counts if count.isdigit())


def test_a_year_of_nobody_is_one_sentence(folder):
    with pytest.raises(ReportRefused, match="No report can be made of 1999") as refusal:
        yearly_report(open_store(folder), KNOWLEDGE, 1999)
    assert len(refusal.value.sentences) == 1


def test_a_report_with_nobody_left_after_protection_is_one_sentence(tmp_path):
    rows = [
        f"E{place},North,18 to 39,female,exercise only,2024,Q1,AKPS,{day},{50 + place + day // 10}"
        for place in range(6)
        for day in (0, 84)
    ]
    import_export(long_csv(rows), read_profile("kneewise_long"), tmp_path / "s", SCALES)
    with pytest.raises(ReportRefused, match="No report can be made"):
        yearly_report(open_store(tmp_path / "s"), KNOWLEDGE, 2024)


def test_the_command_writes_it_and_says_what_it_wrote(folder, tmp_path, capsys):
    out = tmp_path / "report.pdf"
    assert main(["report", "--store", str(folder), "--year", "2024", "--measure", "akps", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"%PDF")
    assert "report.pdf" in capsys.readouterr().out


def test_the_command_says_where_it_cannot_write(folder, tmp_path, capsys):
    assert main(["report", "--store", str(folder), "--year", "2024", "--out", str(tmp_path / "no" / "r.pdf")]) == 1
    assert "can't be written" in capsys.readouterr().err


def test_a_label_in_a_chart_is_text():
    plot = Plot("a<b", "<x>", "y", (0, 1), (0, 1), ((0.5, "<script>"),), (Marks(((0.5, 0.5),)),))
    svg = plot_svg(plot)
    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_a_missing_value_breaks_a_line():
    plot = Plot("alt", "x", "y", (0, 3), (0, 1), (), (Line(((0, 0.1), (1, None), (2, 0.2), (3, 0.3))),))
    assert plot_svg(plot).count("M") >= 2


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 100, (0, 20, 40, 60, 80, 100)), (-3, 17, (0, 5, 10, 15)), (0.2, 0.9, (0.2, 0.4, 0.6, 0.8))],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert nice_ticks(low, high) == pytest.approx(expected)


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match="not empty"):
        plot_svg(Plot("alt", "x", "y", (1, 1), (0, 1), (), ()))
