"""The take-home page, read back from the PDF: title, language, tags, alternative text, all texts, nobody's identity."""

from __future__ import annotations

import dataclasses
import datetime
import io
import re
import time
from collections.abc import Iterator

import pypdf
import pytest

from kneewise.handout import page
from kneewise.handout.page import PageRefused, TakeHome, take_home, take_home_page
from kneewise.handout.picture import PictureRefused
from kneewise.knowledge_base import load_knowledge
from kneewise.knowledge_base.check import reading_grade
from kneewise.reasoning import assess
from kneewise.reasoning.findings import findings_of

KNOWLEDGE = load_knowledge()
EXAMPLE = {item.finding: item.value for stage in KNOWLEDGE.cases[0].stages for item in stage.findings}
CONCLUSIONS = assess(findings_of(EXAMPLE, KNOWLEDGE), KNOWLEDGE)
COMPARED = [option.id for option in KNOWLEDGE.options if option.compared]
PLAN = ["option.exercise", "option.orthoses"]
SHOWS = (
    "The knee is bent 45 degrees. Next to a typical leg, the thigh bone turns in and the arch is lower. In this picture "
    "the load at the kneecap is low. A little more of it is on the outer side. No study shows this step, so it is drawn "
    "faded."
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 672 518" width="672" height="518">'
    '<defs><clipPath id="c"><use href="#bone"/></clipPath></defs><rect width="100%" height="100%" fill="#e6ecf1"/>'
    '<path id="bone" d="M0 0L300 300L300 0Z" fill="#efe4cd"/><g clip-path="url(#c)"><use href="#bone" opacity="0.2"/></g>'
    '<text x="20" y="400" font-family="sans-serif" font-size="13.5">Thigh bone</text></svg>'
)
BARE = TakeHome(
    title="Your plan for your knee",
    plan=(),
    helps=(),
    reviews=(),
    stops=(),
    safety="You feel ill. Get help.",
    version="1.0.0",
    compiled_on=datetime.date(2026, 11, 22),
    sources="Your physio can show you the studies.",
)
WITH_PICTURE = take_home(KNOWLEDGE, CONCLUSIONS, PLAN, datetime.date(2026, 12, 1), shows=SHOWS, picture_svg=SVG)


def read(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    """All text of the pages with single spaces."""
    return re.sub(r"\s+", " ", " ".join(each.extract_text() for each in read(pdf).pages))


def tags(node) -> Iterator[pypdf.generic.DictionaryObject]:
    """Every element of the structure tree, in reading order."""
    node = node.get_object()
    if isinstance(node, list):
        for each in node:
            yield from tags(each)
    elif isinstance(node, dict) and "/S" in node:
        yield node
        if "/K" in node:
            yield from tags(node["/K"])


def structure(pdf: bytes) -> list[pypdf.generic.DictionaryObject]:
    return list(tags(read(pdf).trailer["/Root"]["/StructTreeRoot"]["/K"]))


def test_it_is_a_pdf_for_everybody_with_title_language_and_tags():
    pdf = take_home_page(WITH_PICTURE)
    assert pdf.startswith(b"%PDF-")
    root = read(pdf).trailer["/Root"]
    assert str(root["/Lang"]).startswith("en")
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert read(pdf).metadata.title == WITH_PICTURE.title
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    kinds = [each["/S"] for each in structure(pdf)]
    assert kinds.count("/H1") == 1
    assert kinds[:2] == ["/Document", "/H1"]
    assert kinds.count("/H2") == 4
    assert kinds.count("/Figure") == 1
    assert {"/L", "/LI", "/Table", "/THead", "/TH", "/TD"} <= set(kinds)


def test_the_picture_says_what_it_shows():
    (figure,) = [each for each in structure(take_home_page(WITH_PICTURE)) if each["/S"] == "/Figure"]
    assert figure["/Alt"] == SHOWS
    said = text_of(take_home_page(WITH_PICTURE))
    assert SHOWS in said
    assert "A picture of how knees work. It does not measure your knee." in said
    assert "Thigh bone" in said


def test_a_page_without_a_picture_speaks_of_none():
    pdf = take_home_page(take_home(KNOWLEDGE, CONCLUSIONS, PLAN))
    assert "/Figure" not in [each["/S"] for each in structure(pdf)]
    assert "picture" not in text_of(pdf)


def test_every_text_of_the_plan_is_on_the_page():
    said = text_of(take_home_page(WITH_PICTURE))
    parts = [WITH_PICTURE.title, WITH_PICTURE.safety, WITH_PICTURE.sources, WITH_PICTURE.version]
    parts.append(f"{WITH_PICTURE.compiled_on:%d %B %Y}")
    parts += [each for row in (*WITH_PICTURE.plan, *WITH_PICTURE.helps, *WITH_PICTURE.stops) for each in row]
    words = set(re.findall(r"\w+", said))
    assert [part for part in parts if not set(re.findall(r"\w+", part)) <= words] == []
    assert all(f"{label}: {text}" in said for label, text in WITH_PICTURE.plan + WITH_PICTURE.helps)
    assert "15 Dec 2026" in said  # two weeks after the first day
    assert "Notes:" in said


def test_without_a_first_day_it_counts_days():
    assert [when for when, _, _ in take_home(KNOWLEDGE, CONCLUSIONS, PLAN).reviews][:2] == ["Day 14", "Day 42"]


@pytest.mark.parametrize("plan", [PLAN, COMPARED, ["option.exercise"]])
def test_it_is_one_or_two_small_pages_of_a4(plan):
    """Hazard KW-H07: files stay under 1 MiB."""
    content = take_home(KNOWLEDGE, CONCLUSIONS, plan, datetime.date(2026, 12, 1), shows=SHOWS, picture_svg=SVG)
    pdf = take_home_page(content)
    assert len(pdf) < 1024 * 1024
    assert len(read(pdf).pages) <= 2
    assert [round(float(side)) for side in read(pdf).pages[0].mediabox[2:]] == [595, 842]


def test_it_is_made_fast():
    take_home_page(WITH_PICTURE)
    fastest = min(_seconds(lambda: take_home_page(WITH_PICTURE)) for _ in range(5))
    assert fastest < 0.3


def _seconds(call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def test_the_same_content_gives_the_same_bytes():
    assert take_home_page(WITH_PICTURE) == take_home_page(dataclasses.replace(WITH_PICTURE))


def test_nothing_says_whose_it_is_or_when_it_was_made():
    """Hazard KW-H07: a page that is left lying about names nobody."""
    pdf = take_home_page(WITH_PICTURE)
    assert set(read(pdf).metadata) == {"/Title", "/Creator"}
    assert not re.search(r"\b(name|born|birth|number|patient|address|nhs|sex|age)\b", text_of(pdf), flags=re.IGNORECASE)
    assert not {"name", "birth", "number", "patient", "sex", "age"} & {
        each.name for each in dataclasses.fields(TakeHome)
    }


def test_it_uses_the_typefaces_it_brings_and_holds_them():
    fonts = {
        str(font.get_object()["/BaseFont"])
        for each in read(take_home_page(WITH_PICTURE)).pages
        for font in each["/Resources"]["/Font"].values()
    }
    assert fonts
    assert all("SourceSansPro" in each for each in fonts)


# --- Only what was agreed ------------------------------------------------------------------------------------------------


def test_tape_is_on_no_page_unless_it_is_in_the_plan():
    """Hazard KW-H03: somebody reads at home about tape that was ruled out here."""
    said = text_of(take_home_page(take_home(KNOWLEDGE, CONCLUSIONS, ["option.exercise", "option.education"])))
    assert not re.search(r"\b(tape|insert)", said, flags=re.IGNORECASE)
    assert "Exercise" in said


def test_a_strategy_is_on_the_page_only_with_its_option():
    suggested = {each.id: each.option for each in CONCLUSIONS.strategies if each.suggested}
    for plan in (["option.exercise"], ["option.education"], PLAN, ["option.taping_and_orthoses"]):
        needed = {each for option in plan for each in (option, *KNOWLEDGE.entry(option).requires)}
        labels = [label for label, _ in take_home(KNOWLEDGE, CONCLUSIONS, plan).helps]
        wanted = [strategy for strategy, option in suggested.items() if option is None or option in needed]
        assert labels == [KNOWLEDGE.entry(strategy).label.patient for strategy in wanted]


def test_what_studies_found_stands_beside_what_may_help():
    for label, said in WITH_PICTURE.helps:
        (strategy,) = [each for each in KNOWLEDGE.strategies if each.label.patient == label]
        assert said == f"{strategy.what.patient} {strategy.verdict.patient}"


@pytest.mark.parametrize("plan", [["option.exercise"], ["option.wait"], PLAN, COMPARED])
def test_what_must_not_wait_stands_on_every_page_once(plan):
    """Hazard KW-H04."""
    rule = KNOWLEDGE.entry(page.SAFETY_RULE)
    content = take_home(KNOWLEDGE, CONCLUSIONS, plan)
    assert content.safety == f"{rule.trigger.patient}. {rule.action.patient}"
    assert rule.trigger.patient not in [trigger for trigger, _ in content.stops]
    assert text_of(take_home_page(content)).count(rule.trigger.patient) == 1


def test_after_a_red_flag_there_is_no_page():
    """Hazard KW-H04."""
    stopped = assess(findings_of({**EXAMPLE, "finding.locked_knee": True}, KNOWLEDGE), KNOWLEDGE)
    with pytest.raises(PageRefused, match="looked at first"):
        take_home(KNOWLEDGE, stopped, PLAN)


def test_a_plan_with_what_the_findings_speak_against_gets_no_page():
    """Hazard KW-H03."""
    allergic = assess(findings_of({**EXAMPLE, "finding.adhesive_allergy": True}, KNOWLEDGE), KNOWLEDGE)
    assert allergic.option("option.taping").strength == "do_not"
    with pytest.raises(PageRefused, match=KNOWLEDGE.entry("option.taping").label.clinician):
        take_home(KNOWLEDGE, allergic, ["option.exercise", "option.taping"])
    assert take_home(KNOWLEDGE, allergic, ["option.exercise"]).plan


def test_a_sentence_with_a_term_that_no_patient_reads_gets_no_page():
    with pytest.raises(PageRefused, match="patient's words"):
        take_home(KNOWLEDGE, CONCLUSIONS, PLAN, shows="The patella is maltracking.", picture_svg=SVG)


def test_the_words_of_the_page_pass_the_wording_gate():
    for text in page.WORDS.values():
        assert [
            term.pattern for term in KNOWLEDGE.wording.forbidden if re.search(term.pattern, text, re.IGNORECASE)
        ] == []
        assert (reading_grade(text) or 0) <= KNOWLEDGE.wording.max_reading_grade


# --- Odd input -----------------------------------------------------------------------------------------------------------


def test_a_page_of_nothing_is_a_page():
    said = text_of(take_home_page(BARE))
    assert "Your plan for your knee" in said
    assert "Notes:" in said
    assert "What is in your plan" not in said


MARKUP = (
    '#panic("x") #image("/etc/passwd") *bold* _slant_ $x^2$ `raw` @label <label> \\ \\u{41} // no comment /* none */ '
    "= heading - list [x] {y} ~ -- --- \"quoted\" 'single' & < > % https://example.org"
)


def test_signs_of_markup_come_out_as_text():
    """Hazard: a sentence from a browser is run as a program of the typesetter."""
    content = dataclasses.replace(
        BARE,
        title=MARKUP,
        plan=((MARKUP, MARKUP),),
        stops=((MARKUP, MARKUP),),
        safety=MARKUP,
        sources=MARKUP,
        shows=MARKUP,
        picture_svg=SVG,
    )
    pdf = take_home_page(content)
    assert re.sub(r"\s", "", text_of(pdf)).count(re.sub(r"\s", "", MARKUP)) >= 6
    assert read(pdf).metadata.title == MARKUP
    assert [each["/Alt"] for each in structure(pdf) if each["/S"] == "/Figure"] == [MARKUP]
    assert not any("/Annots" in each for each in read(pdf).pages)


def test_letters_of_many_languages_come_out_as_they_are():
    words = "Übung Füße Größe ağrı yürüyüş İğne ışık çömelme Ćwiczenie žena Колено γόνατο"
    assert words in text_of(take_home_page(dataclasses.replace(BARE, plan=(("a", words),))))


@pytest.mark.parametrize("letters", ["膝", "😀"])
def test_letters_that_no_typeface_here_has_are_refused_in_one_sentence_that_quotes_nothing(letters):
    with pytest.raises(PageRefused) as refusal:
        take_home_page(dataclasses.replace(BARE, safety=letters))
    assert letters not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_sixty_long_lines_are_all_there():
    long = tuple((f"Label {n}", f"Text {n} " + "of many words that go on and on " * 8) for n in range(60))
    pdf = take_home_page(dataclasses.replace(BARE, plan=long, stops=long, reviews=tuple((*row, "x") for row in long)))
    said = text_of(pdf)
    assert [n for n in range(60) if said.count(f"Text {n} ") != 3] == []
    assert len(pdf) < 1024 * 1024


def test_control_letters_and_marks_that_turn_the_text_are_left_out():
    said = text_of(take_home_page(dataclasses.replace(BARE, safety="one\x00\x07\u202etwo\nthree\u200b")))
    assert "onetwo three" in said


def test_a_picture_is_checked_again_before_it_is_printed():
    with pytest.raises(PictureRefused):
        take_home_page(dataclasses.replace(BARE, shows="x", picture_svg=SVG.replace("<text", "<script/><text")))


def test_a_picture_needs_its_sentence():
    with pytest.raises(PageRefused, match="sentence"):
        take_home_page(dataclasses.replace(BARE, shows=" ", picture_svg=SVG))


def test_a_picture_without_a_size_is_refused_in_one_sentence():
    with pytest.raises(PageRefused, match="could not be made"):
        take_home_page(dataclasses.replace(BARE, shows="x", picture_svg=SVG.replace('width="672"', 'width="0"', 1)))


def test_a_page_of_a_mebibyte_is_refused(monkeypatch):
    """Hazard KW-H07."""
    monkeypatch.setattr(page, "typeset", lambda *_: b"%PDF" + b"\0" * page.LARGEST_BYTES)
    with pytest.raises(PageRefused, match="1 MB"):
        take_home_page(BARE)


def test_the_template_can_read_no_file(monkeypatch, tmp_path):
    """Whatever comes into the template: it stands in an empty folder."""
    template = tmp_path / "page.typ"
    for place in ("/etc/passwd", "../../../../etc/passwd", "page.typ", str(page._TEMPLATE)):
        template.write_text(f'#set document(title: "x")\n#read("{place}")', encoding="utf-8")
        monkeypatch.setattr(page, "_TEMPLATE", template)
        with pytest.raises(PageRefused):
            take_home_page(BARE)


def test_the_template_asks_for_no_file_and_no_package():
    template = page._TEMPLATE.read_text(encoding="utf-8")
    assert re.findall(r"#(?:import|include)\b|\b(?:read|eval|plugin|csv|yaml|toml|xml)\(", template) == []
