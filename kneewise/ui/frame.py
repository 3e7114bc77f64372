"""The frame around every page: navigation, title, standing notice, voice, new patient.

Every page begins with `frame.open_page(stem)`. With a folder called `pages/`, Streamlit runs the first page that is
opened by its address on a fresh server without app.py (hazard KW-H13); so the page itself brings the frame along.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import streamlit as st

from kneewise.ui import session

ROOT = Path(__file__).resolve().parents[2]
ICON = Path(__file__).with_name("pictures") / "kneewise.svg"  # a file: icon fonts would come from a third party
WORDMARK = ICON.with_name("wordmark.svg")
STANDING_NOTICE = (
    "Teaching illustration and decision support for clinicians. Not a diagnosis; it does not replace an examination."
)


@dataclass(frozen=True)
class Screen:
    """One page: `stem` is the script and the address, `title` the heading; `voices` if it speaks to patients too."""

    stem: str
    title: str
    voices: bool = False


SCREENS: Mapping[str, Screen] = MappingProxyType(
    {
        screen.stem: screen
        for screen in (
            Screen("explorer", "Explorer", voices=True),
            Screen("decision_aid", "Decision aid", voices=True),
            Screen("outcomes", "Outcomes"),
            Screen("import_data", "Import data"),
            Screen("cases", "Cases"),
            Screen("evidence", "Evidence"),
            Screen("about", "About"),
        )
    }
)
FIRST = "explorer"

_inside_app: ContextVar[bool] = ContextVar("kneewise_inside_app", default=False)


def run_chosen_page() -> None:
    """Register the pages and run the one the address names: the whole of app.py."""
    page = _navigation()
    token = _inside_app.set(True)
    try:
        page.run()
    finally:
        _inside_app.reset(token)


def open_page(stem: str) -> None:
    """Put the frame around the page `stem` and write its one heading; the first line of every page."""
    screen = SCREENS[stem]
    st.set_page_config(page_title=f"Kneewise: {screen.title}", page_icon=str(ICON), layout="wide")
    if not _inside_app.get():
        # A page that ran by itself gives its widgets other ids than the same page inside the app: the first choice
        # would empty every other widget. So the page is left at once and opened again through app.py.
        _navigation()
        st.switch_page(ROOT / "pages" / f"{stem}.py", query_params=dict(st.query_params))
    st.logo(str(WORDMARK), size="large")
    heading, controls = st.columns([3, 2], vertical_alignment="center")
    with heading:
        st.title(screen.title, anchor=False)
    with controls, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        if screen.voices:
            _offer_voices()
        _offer_new_patient()
    st.caption(" ".join(filter(None, (STANDING_NOTICE, _what_is_entered()))))
    note = session.take_note()
    if note:
        st.success(note)


def say_synthetic(what: str = "These records were") -> None:
    """Say above anything drawn from made-up records that no patient stands behind it.

    `what` begins the sentence: "These records were", "This clinic was".
    """
    st.info(f"**Synthetic data.** {what} made by a program for demonstration. No patient stands behind them.")


def main_button_type() -> str:
    """The `type` of the one main button of a view.

    Streamlit writes white on the theme's main colour: readable in the light theme, 2:1 in the dark one, where the main
    colour must be bright for everything else (docs/decisions/0001-frame.md). So in the dark the main button is a plain one.
    """
    return "primary" if st.context.theme.type == "light" else "secondary"


def _what_is_entered() -> str:
    count = len(session.findings())
    if count == 0:
        return ""
    return f"{count} finding{'s' if count > 1 else ''} entered in this window."


def _navigation() -> st.Page:
    start = st.Page(_go_to_first_page, title="Kneewise", url_path="start", default=True, visibility="hidden")
    pages = [
        st.Page(ROOT / "pages" / f"{screen.stem}.py", title=screen.title, url_path=screen.stem)
        for screen in SCREENS.values()
    ]
    return st.navigation([start, *pages], position="top")


def _go_to_first_page() -> None:
    # The default page of Streamlit has no address of its own; sending people on gives the explorer its own.
    st.switch_page(ROOT / "pages" / f"{FIRST}.py")


def _offer_voices() -> None:
    st.segmented_control(
        "Words for",
        session.VIEWS,
        format_func=str.capitalize,
        required=True,
        label_visibility="collapsed",
        **session.keep_view(),
    )


def _offer_new_patient() -> None:
    with st.popover("New patient", key=f"new_patient_{session.epoch()}"):
        st.write("This forgets all findings, weeks and answers entered in this window. Saved files stay.")
        st.button("Forget everything", type=main_button_type(), on_click=_new_patient, key="forget_everything")


def _new_patient() -> None:
    session.clear()
    session.say_next("Everything that was entered is gone. You can begin with the next patient.")
