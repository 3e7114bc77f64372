"""The leg on the explorer: findings move it, and what is moved on it is a "what if" for the rest of the page."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st
from streamlit.runtime import Runtime

from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.leg import material as leg_material
from kneewise.leg.component import show_leg
from kneewise.leg.values import clamped
from kneewise.reasoning.conclusions import Conclusions
from kneewise.ui import caches, material, session, take_home
from kneewise.ui.sheet import Sheet

VIEWS = ("front", "side", "angled", "kneecap")
_SECONDS_TO_APPEAR = 0.35
_KEPT = "screen.leg"  # what was last set on the leg
_START = "screen.leg_start"  # what the leg was told to begin with; stays as it is, so that it isn't sent again


def show(
    knowledge: KnowledgeBase,
    sheet: Sheet,
    conclusions: Conclusions,
    voice: str,
    told: str,
    switched: Mapping[str, bool],
) -> dict[str, bool]:
    """The leg as the findings and `switched` (a what-if from the page) make it.

    Returns {factor id: on or off} for every factor that the person switched on the leg itself.
    """
    present = {answer.id for answer in conclusions.factors if switched.get(answer.id, answer.answer == "present")} & {
        shown.factor for shown in knowledge.leg.factors
    }
    first = not session.held("leg_seen", "leg")
    _show_alone(knowledge, present, sheet.findings.get("finding.side"), sheet.findings.get("finding.sex"), voice, told)
    if first:
        _let_it_appear()
    return _switched_on_the_leg(knowledge, present)


def _let_it_appear() -> None:
    """Give a browser that opens this page a moment with the leg before it is given the charts.

    Loading Plotly holds a browser up for a second or more (4.7 MB of script); the leg needs a tenth of one. Both arrive
    together otherwise, and the leg then appears last. Once per window, and only where there is a browser.
    """
    session.hold("leg_seen", "leg", True)
    if Runtime.exists():
        time.sleep(_SECONDS_TO_APPEAR)


@st.fragment
def _show_alone(
    knowledge: KnowledgeBase, present: Collection[str], worse_side: object, sex: object, voice: str, told: str
) -> None:
    # A fragment: letting a slider go runs this function and nothing else of the page.
    sex = sex if sex in ("female", "male") else None
    base = _base(material.knowledge_version(), voice, sex)
    rev = _revision(present)
    start = session.get(_START, {})
    if start.get("rev") != rev:
        kept_view = session.get(_KEPT, {}).get("view", VIEWS[0])
        side = worse_side if worse_side in leg_material.SIDES else leg_material.SIDES[0]
        values = leg_material.values_for(knowledge, present)
        start = {"rev": rev, "values": values, "side": side, "view": kept_view, "factors": sorted(present)}
        session.put(_START, start)
        session.put(_KEPT, None)
    data = leg_material.leg_data(
        told,
        start["factors"],
        start["values"],
        side=start["side"],
        view=start["view"],
        rev=start["rev"],
        reset_to=leg_material.values_for(knowledge, present),
    )
    before = _switched_on_the_leg(knowledge, present)
    base_id = f"{material.knowledge_version()}/{voice}/{sex}"
    state, picture = show_leg(base, base_id, data, key=f"leg/{session.epoch()}")
    if picture is not None and _put_into_plan(knowledge, picture, told):
        st.rerun()  # the whole page, which says that it is kept
    if state is None:
        _begin_where_it_was_left(start)
        return
    session.put(_KEPT, _checked(state, knowledge))
    if _switched_on_the_leg(knowledge, present) != before:
        st.rerun()  # the map beside it shows the same what-if


def _put_into_plan(knowledge: KnowledgeBase, picture: Mapping[str, Any], told: str) -> bool:
    """Keep the picture with the patient's words for it, said by Python from the angles; whether it was kept."""
    sent = picture.get("values")
    held, _ = clamped(sent if isinstance(sent, Mapping) else {}, leg_material.leg_sliders(knowledge, "patient"))
    shown = leg_material.work_out(held, knowledge, voice="patient", told=told)
    faded = leg_material.is_faded(shown.values, knowledge, told)
    return take_home.keep_picture(
        {"svg": picture.get("svg"), "png": picture.get("png"), "sentence": shown.sentence, "faded": faded}
    )


def _begin_where_it_was_left(start: Mapping[str, Any]) -> None:
    """After another page Streamlit has forgotten what was set on the leg; begin from what the session kept of it."""
    kept = session.get(_KEPT)
    if not kept or kept["rev"] != start["rev"]:
        return
    again = {**start, **{name: kept[name] for name in ("values", "side", "view", "factors")}}
    if again != start:
        session.put(_START, again)
        st.rerun()


def _checked(state: Mapping[str, Any], knowledge: KnowledgeBase) -> dict[str, Any]:
    """What the browser sent, as plain data within its ranges: a browser can send anything."""
    sent = state.get("values")
    sliders = leg_material.leg_sliders(knowledge, "clinician")
    values, _ = clamped(sent if isinstance(sent, Mapping) else {}, sliders)
    known = {shown.factor for shown in knowledge.leg.factors}
    factors = state.get("factors")
    return {
        "rev": str(state.get("rev", ""))[:64],
        "values": values,
        "side": state.get("side") if state.get("side") in leg_material.SIDES else leg_material.SIDES[0],
        "view": state.get("view") if state.get("view") in VIEWS else VIEWS[0],
        "factors": sorted({each for each in factors if each in known}) if isinstance(factors, list) else [],
    }


def _switched_on_the_leg(knowledge: KnowledgeBase, present: Collection[str]) -> dict[str, bool]:
    kept = session.get(_KEPT, {})
    if kept.get("rev") != _revision(present):  # set on another leg
        return {}
    on = set(kept["factors"])
    return {
        shown.factor: shown.factor in on
        for shown in knowledge.leg.factors
        if (shown.factor in on) != (shown.factor in present)
    }


def _revision(present: Collection[str]) -> str:
    """A mark that changes with the patient and the factors that are present, and tells nothing about either."""
    words = f"{session.epoch()}/{'+'.join(sorted(present))}"
    return hashlib.sha256(words.encode()).hexdigest()[:12]


@caches.share(max_entries=16)
def _base(_version: str, voice: str, sex: str | None) -> dict[str, Any]:
    return leg_material.leg_base(material.knowledge(), voice, sex)
