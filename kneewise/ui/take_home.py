"""What the patient takes home: the picture that was put into the plan, and the page as a PDF.

The picture is plain data of this window under "screen.picture". The page is made when somebody asks for it, held for
this window only, and never in a cache (hazard KW-H07).
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from kneewise.errors import KneewiseError
from kneewise.handout.page import STANDING, PageRefused, TakeHome, take_home, take_home_page
from kneewise.handout.picture import PictureRefused, checked_png, checked_sentence, checked_svg
from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.reasoning.conclusions import Conclusions
from kneewise.ui import downloads, frame, plain_text, session

_PICTURE = "screen.picture"
_PAGE = "take_home"


def keep_picture(sent: Mapping[str, Any]) -> bool:
    """Put a picture ({"svg", "png", "sentence", "faded"}) into the plan, in place of an older one; whether it was kept.

    It is checked first; if it is refused, one sentence says why and the plan stays as it was. What was done is said
    after the next rerun.
    """
    try:
        picture = _checked(sent)
    except PictureRefused as refusal:
        st.error(refusal.sentences[0])
        return False
    session.put(_PICTURE, picture)
    session.say_next(
        "The picture is in the plan, in the patient's words: see step 5 of the decision aid."
        if session.view() == "clinician"
        else "The picture is in your plan now."
    )
    return True


def show_in_plan(
    knowledge: KnowledgeBase,
    conclusions: Conclusions,
    plan: Iterable[str],
    start: datetime.date | None,
    voice: str,
    *,
    is_example: bool = False,
) -> None:
    """The picture in the plan, and the page to take home. Nothing after a red flag.

    The page of the worked example (`is_example`) says in its title that it is one: it must not be taken for a plan.
    """
    if conclusions.suppressed:
        return
    plan = tuple(plan)
    st.subheader("To take home", anchor=False)
    picture = _kept_picture()
    if picture is None:
        st.write(
            "No picture is in the plan. The explorer has one: “Put into the plan” under the leg keeps it."
            if voice == "clinician"
            else "There is no picture in your plan. You can add one: press “Put into the plan” under the leg in the explorer."
        )
    else:
        _show_picture(knowledge, picture, voice)
    if not plan:
        return
    try:
        content = take_home(
            knowledge,
            conclusions,
            plan,
            start,
            shows=picture["sentence"] if picture else "",
            picture_svg=picture["svg"] if picture else None,
            is_example=is_example,
        )
    except PageRefused as refusal:
        st.warning(refusal.sentences[0])
        return
    _offer_page(content, voice)


def _checked(sent: object) -> dict[str, Any]:
    if not isinstance(sent, Mapping):
        raise PictureRefused("it did not arrive whole")
    return {
        "svg": checked_svg(sent.get("svg")),
        "png": base64.b64encode(checked_png(sent.get("png"))).decode("ascii"),
        "sentence": checked_sentence(sent.get("sentence")),
        "faded": sent.get("faded") is True,
    }


def _kept_picture() -> dict[str, Any] | None:
    """The picture in the plan, or None where there is none or where it is not of the kind that `keep_picture` writes."""
    kept = session.get(_PICTURE)
    if not isinstance(kept, dict) or not all(isinstance(kept.get(part), str) for part in ("svg", "png", "sentence")):
        return None
    try:
        return {**kept, "png": base64.b64decode(kept["png"], validate=True)}
    except (binascii.Error, ValueError):
        return None


def _show_picture(knowledge: KnowledgeBase, picture: Mapping[str, Any], voice: str) -> None:
    drawn, said = st.columns([3, 2], vertical_alignment="center")
    with drawn:
        st.image(picture["png"], alt=picture["sentence"], width="stretch")
    with said:
        st.write(plain_text.escaped(picture["sentence"]))
        st.caption(getattr(knowledge.entry(STANDING).text, voice))
        st.button("Remove the picture", on_click=_remove_picture, key="remove_picture")


def _remove_picture() -> None:
    session.put(_PICTURE, None)
    session.forget(_PAGE)
    session.say_next("The picture is no longer in the plan.")


def _offer_page(content: TakeHome, voice: str) -> None:
    made_from = hashlib.sha256(repr(content).encode()).hexdigest()
    made = session.held(_PAGE, made_from)  # the page, or the sentence that refused it
    if isinstance(made, bytes):
        downloads.offer(
            "Save the take-home page (PDF)",
            made,
            "plan.pdf",
            "application/pdf",
            key="save_take_home",
            button_type=frame.main_button_type(),
        )
        st.caption(
            "In the patient's words. Nothing on it says whose it is."
            if voice == "clinician"
            else "Your name is not on it. There is room to write on it."
        )
        return
    if made:
        st.error(made)
    st.button("Make the take-home page", on_click=_make_page, args=(content, made_from), key="make_take_home")


def _make_page(content: TakeHome, made_from: str) -> None:
    try:
        page: bytes | str = take_home_page(content)
    except KneewiseError as refusal:
        page = refusal.sentences[0]
    session.hold(_PAGE, made_from, page)
