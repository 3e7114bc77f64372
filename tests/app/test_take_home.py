"""The picture in the plan and the page to take home, on step 5 of the decision aid."""

from __future__ import annotations

import base64
import datetime
import io
import re

import pypdf
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from kneewise.handout.picture import checked_png
from kneewise.knowledge_base.check import reading_grade
from kneewise.ui import downloads, material, take_home
from kneewise.ui.sheet import worked_example

KNOWLEDGE = material.knowledge()
EXAMPLE = worked_example(KNOWLEDGE)
SENTENCE = "The knee is bent 45 degrees. In this picture the load at the kneecap is *low*."
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40" width="60" height="40">'
    '<path d="M0 0L60 40" stroke="#0b5d66"/></svg>'
)
STANDING = "A picture of how knees work. It does not measure your knee."
PLAN = "kept/screen/plan"


def data_url(size: tuple[int, int] = (60, 40)) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


KEPT = {"svg": SVG, "png": data_url().partition(",")[2], "sentence": SENTENCE, "faded": False}
SENT = {"svg": SVG, "png": data_url(), "sentence": SENTENCE, "faded": True}


@pytest.fixture
def offered(monkeypatch) -> list[tuple[str, bytes, str]]:
    """The files that were offered: (name, content, kind)."""
    files: list[tuple[str, bytes, str]] = []
    show = downloads.offer

    def offer(label, data, name, mime, **more):
        files.append((name, data, mime))
        show(label, data, name, mime, **more)

    monkeypatch.setattr(downloads, "offer", offer)
    return files


def work(page: AppTest) -> dict:
    return page.session_state["kneewise.work"]


def open_plan(page: AppTest, *, picture: dict | None = None, view: str = "clinician", findings: dict | None = None):
    """Step 5 with these findings, the picture kept and the voice chosen before."""
    entered = dict(EXAMPLE) if findings is None else findings
    work(page)["findings"] = {
        finding: {"value": list(value) if isinstance(value, tuple) else value, "unit": KNOWLEDGE.entry(finding).unit}
        for finding, value in entered.items()
    }
    work(page)["view"] = view
    work(page)["screen"] |= {"example_off": True, "decision_step": "next"}
    if picture:
        work(page)["screen"]["picture"] = picture
    page.run()
    assert [each.value for each in page.exception] == []
    return page


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert [each.value for each in page.exception] == []
    return page


def buttons(page: AppTest) -> set[str]:
    return {each.key for each in page.button if each.key}


def said(page: AppTest) -> str:
    kinds = ("markdown", "caption", "success", "warning", "error", "subheader")
    return " ".join(each.value for kind in kinds for each in getattr(page, kind))


def is_offered(page: AppTest) -> bool:
    return bool(page.get("download_button")) and any(
        each.proto.label == "Save the take-home page (PDF)" for each in page.get("download_button")
    )


def text_of(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(pdf)).pages))


@pytest.mark.parametrize("view", ["clinician", "patient"])
def test_a_plan_without_a_picture_says_where_to_get_one_and_gets_its_page(view, open_warm, offered):
    page = open_plan(open_warm("decision_aid"), view=view)
    assert "explorer" in said(page)
    assert "Put into the plan" in said(page)
    assert "remove_picture" not in buttons(page)
    assert not is_offered(page)
    assert is_offered(press(page, "make_take_home"))
    name, content, kind = offered[-1]
    assert (name, kind) == ("plan.pdf", "application/pdf")
    assert "picture" not in text_of(content)


def test_the_page_is_made_only_when_somebody_asks(open_warm, monkeypatch):
    monkeypatch.setattr(take_home, "take_home_page", lambda _: pytest.fail("it was made unasked"))
    page = open_plan(open_warm("decision_aid"), picture=KEPT)
    assert "make_take_home" in buttons(page)


@pytest.mark.parametrize("view", ["clinician", "patient"])
def test_the_kept_picture_stands_in_the_plan_with_its_words(view, open_warm):
    page = open_plan(open_warm("decision_aid"), picture=KEPT, view=view)
    (shown,) = page.get("image")
    assert [image.alt for image in shown.proto.imgs] == [SENTENCE]
    assert "\\*low\\*" in said(page)  # text, not Markdown
    assert getattr(KNOWLEDGE.entry("leg_word.standing").text, view) in said(page)
    assert "explorer" not in said(page)


def test_the_page_is_in_the_patients_words_whoever_looks(open_warm, offered):
    page = press(open_plan(open_warm("decision_aid"), picture=KEPT, view="clinician"), "make_take_home")
    assert is_offered(page)
    text = text_of(offered[-1][1])
    assert SENTENCE in text
    assert STANDING in text
    for option in ("option.exercise", "option.orthoses"):
        assert KNOWLEDGE.entry(option).label.patient in text
    assert "Nothing on it says whose it is." in said(page)


def test_removing_the_picture_takes_it_out_of_plan_and_page(open_warm, offered):
    page = press(open_plan(open_warm("decision_aid"), picture=KEPT), "make_take_home")
    page = press(page, "remove_picture")
    assert "picture" not in work(page)["screen"]
    assert not page.get("image")
    assert "no longer in the plan" in said(page)
    assert not is_offered(page)
    press(page, "make_take_home")
    assert SENTENCE not in text_of(offered[-1][1])


def test_another_plan_asks_for_another_page(open_warm, offered):
    """Hazard KW-H12: a page of an older plan is saved for the new one."""
    page = press(open_plan(open_warm("decision_aid")), "make_take_home")
    assert is_offered(page)
    page.button_group(key=PLAN).set_value(["option.exercise"]).run()
    assert not is_offered(page)
    press(page, "make_take_home")
    assert KNOWLEDGE.entry("option.orthoses").label.patient not in text_of(offered[-1][1])


def test_the_page_names_dates_once_there_is_a_first_day(open_warm, offered):
    page = open_plan(open_warm("decision_aid"))
    page.date_input[0].set_value(datetime.date(2026, 12, 1)).run()
    press(page, "make_take_home")
    assert "12 Jan 2027" in text_of(offered[-1][1])


@pytest.mark.parametrize("own", [False, True], ids=["example", "own findings"])
def test_the_page_of_the_worked_example_says_that_it_is_one(own, open_warm, offered):
    """Hazard KW-H07: the plan of the invented person goes home with somebody."""
    page = open_warm("decision_aid")
    if own:
        open_plan(page)
    else:
        work(page)["screen"]["decision_step"] = "next"
        page.run()
    press(page, "make_take_home")
    assert ("Example: the plan of an invented person" in text_of(offered[-1][1])) is not own


def test_an_empty_plan_gets_no_page(open_warm):
    page = open_plan(open_warm("decision_aid"), picture=KEPT)
    page.button_group(key=PLAN).set_value([]).run()
    assert "make_take_home" not in buttons(page)
    assert "remove_picture" in buttons(page)


def test_a_plan_with_what_the_findings_speak_against_gets_no_page(open_warm):
    """Hazard KW-H03."""
    page = open_plan(open_warm("decision_aid"), findings={**EXAMPLE, "finding.adhesive_allergy": True})
    page.button_group(key=PLAN).set_value(["option.exercise", "option.taping"]).run()
    assert "make_take_home" not in buttons(page)
    assert "speak against" in said(page)


def test_a_red_flag_hides_picture_and_page(open_warm):
    """Hazard KW-H04."""
    page = open_plan(open_warm("decision_aid"), picture=KEPT, findings={**EXAMPLE, "finding.locked_knee": True})
    assert not page.get("image")
    assert not {"make_take_home", "remove_picture"} & buttons(page)
    assert SENTENCE[:30] not in said(page)


def test_a_new_patient_has_neither_the_picture_nor_the_page_of_the_last(open_warm):
    """Hazard KW-H07: the picture of another patient stays in the plan."""
    page = press(open_plan(open_warm("decision_aid"), picture=KEPT), "make_take_home")
    assert is_offered(page)
    page = press(page, "forget_everything")
    assert "picture" not in work(page)["screen"]
    page = open_plan(page)
    assert not page.get("image")
    assert not is_offered(page)
    assert "kneewise.held" not in page.session_state


def test_another_window_has_neither(open_warm):
    """Hazard KW-H07: nothing of a page is shared by sessions."""
    press(open_plan(open_warm("decision_aid"), picture=KEPT), "make_take_home")
    other = open_plan(open_warm("decision_aid"))
    assert not other.get("image")
    assert not is_offered(other)


def test_a_page_that_cannot_be_made_is_one_sentence(open_warm):
    page = press(open_plan(open_warm("decision_aid"), picture={**KEPT, "sentence": "膝"}), "make_take_home")
    (error,) = page.error
    assert "could not be made" in error.value
    assert not is_offered(page)
    assert "make_take_home" in buttons(page)


@pytest.mark.parametrize(
    "broken", [{"svg": 5}, {"png": "????"}, {"sentence": None}, "text", {"png": KEPT["png"], "sentence": "x"}]
)
def test_a_picture_of_another_kind_counts_as_none(broken, open_warm):
    kept = broken if isinstance(broken, str) or len(broken) > 1 else {**KEPT, **broken}
    page = open_plan(open_warm("decision_aid"), picture=kept)
    assert not page.get("image")
    assert "explorer" in said(page)


# --- What the leg sends --------------------------------------------------------------------------------------------------


def send(sent, view: str = "clinician") -> AppTest:
    """A page that puts `sent` into the plan and shows the note of the next run."""

    def script(sent, view):
        import streamlit as st

        from kneewise.ui import session, take_home

        session.put("view", view)
        take_home.keep_picture(sent)
        st.success(session.take_note() or "nothing")

    return AppTest.from_function(script, args=(sent, view), default_timeout=30).run()


def test_a_picture_is_kept_as_plain_data():
    page = send(SENT)
    kept = work(page)["screen"]["picture"]
    assert set(kept) == {"svg", "png", "sentence", "faded"}
    assert base64.b64decode(kept["png"]) == checked_png(SENT["png"])
    assert (kept["sentence"], kept["faded"]) == (SENTENCE, True)
    assert "stroke" in kept["svg"]
    assert not page.error
    assert "in the plan" in page.success[0].value


@pytest.mark.parametrize(
    "wrong",
    [
        {**SENT, "svg": SVG.replace("<path", "<script>alert(1)</script><path")},
        {**SENT, "png": "data:image/png;base64,AAAA"},
        {**SENT, "sentence": " "},
        {"svg": SVG},
        {},
        None,
        ["svg"],
    ],
    ids=["script", "no PNG", "no sentence", "half", "empty", "nothing", "list"],
)
def test_what_is_no_picture_is_refused_in_one_sentence_and_not_kept(wrong):
    """Hazard: a picture from a browser carries a script into the plan."""
    page = send(wrong)
    (error,) = page.error
    assert error.value.startswith("The picture can't be used: ")
    assert error.value.count(".") == 1
    assert "picture" not in work(page)["screen"]
    assert page.success[0].value == "nothing"


def test_only_a_true_true_counts_as_faded():
    assert work(send({**SENT, "faded": "yes"}))["screen"]["picture"]["faded"] is False


def test_what_the_patient_reads_passes_the_wording_gate(open_warm):
    shown = [said(send(SENT, "patient"))]
    for picture in (None, KEPT):
        page = press(open_plan(open_warm("decision_aid"), picture=picture, view="patient"), "make_take_home")
        shown += [said(page).partition("To take home")[0][-600:], *(each.label for each in page.button)]
    for text in ("You can add one: press", "Your name is not on it.", "The picture is in your plan now."):
        assert text in " ".join(shown)
    for text in shown:
        assert [term.pattern for term in KNOWLEDGE.wording.forbidden if re.search(term.pattern, text, re.I)] == []


@pytest.mark.parametrize(
    "text",
    [
        "There is no picture in your plan. You can add one: press “Put into the plan” under the leg in the explorer.",
        "Your name is not on it. There is room to write on it.",
    ],
)
def test_what_the_patient_reads_is_easy(text):
    assert reading_grade(text) <= KNOWLEDGE.wording.max_reading_grade
