"""The sections of the explorer: findings in body order, the map, what a factor changes, what helps."""

from __future__ import annotations

import streamlit as st

from kneewise.figures.mechanism_map import (
    MechanismMap,
    arrows_that_go_out,
    draw_mechanism_map,
    mechanism_map_of,
)
from kneewise.knowledge_base import words
from kneewise.knowledge_base.models import Evidence, KnowledgeBase, MechanismLink
from kneewise.reasoning.conclusions import Conclusions
from kneewise.reasoning.paths import link_is_contested, link_level
from kneewise.ui import charts, inputs, session
from kneewise.ui.sheet import Sheet

_AREAS = {
    "symptoms": ("Symptoms", ("symptoms",)),
    "hip_pelvis": ("Hip and pelvis", ("hip_pelvis",)),
    "knee": ("Knee", ("knee",)),
    "foot_ankle": ("Foot and ankle", ("foot_ankle",)),
    "load": ("Load", ("load",)),
    "person": ("Person", ("scope", "person")),
    "imaging": ("Imaging", ("imaging",)),
}
_TOLD = {"studies": "What studies found", "story": "The story"}


def enter_in_body_order(knowledge: KnowledgeBase, sheet: Sheet, voice: str) -> None:
    """The findings, one area of the body at a time, from the hip down, in the side panel."""
    with st.sidebar:
        st.header("Findings", anchor=False)
        if sheet.is_example:
            st.write("The example is on screen. Choose **Enter own findings** or **Change the example** to type here.")
            return
        area = st.selectbox(
            "Part of the body",
            list(_AREAS),
            format_func=lambda key: _AREAS[key][0],
            **session.keep("screen.area", "hip_pelvis", list(_AREAS)),
        )
        inputs.enter_findings(inputs.group(knowledge, *_AREAS[area or "hip_pelvis"][1]), voice)


def choose_told() -> str:
    """The switch between the story that clinics tell and what studies found."""
    return st.segmented_control(
        "Draw the arrows as",
        list(_TOLD),
        format_func=_TOLD.__getitem__,
        required=True,
        label_visibility="collapsed",
        **session.keep("screen.told", "studies", list(_TOLD)),
    )


def switch_factors(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> dict[str, bool]:
    """Toggles for "what if": returns {factor id: on or off} for every factor that differs from what was found."""
    states = {answer.id: answer.answer for answer in conclusions.factors}
    linked = {link.origin for link in knowledge.mechanisms.links}
    offered = [
        factor
        for factor in knowledge.factors
        if factor.id in linked and (voice == "clinician" or states.get(factor.id) == "present")
    ]
    labels = {factor.id: getattr(factor.label, voice) for factor in offered}
    present = [factor for factor in labels if states.get(factor) == "present"]
    chosen = st.pills(
        "What if? Tap a factor to switch it off or on",
        list(labels),
        selection_mode="multi",
        format_func=labels.__getitem__,
        key=f"what_if/{session.epoch()}/{voice}/{'+'.join(present)}",
        default=present,
    )
    return {factor: factor in chosen for factor in labels if (factor in chosen) != (factor in present)}


def show_map(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> None:
    """The map with its switch, its toggles, its sentence, its table, and a closer look at one arrow."""
    told = choose_told()
    switched = switch_factors(knowledge, conclusions, voice)
    only_lit = voice == "patient"
    found = mechanism_map_of(knowledge, conclusions, voice, only_lit=only_lit)
    shown = mechanism_map_of(knowledge, conclusions, voice, switched=switched, only_lit=only_lit)
    if switched:
        _say_what_changes(knowledge, found, shown, switched, voice)
    drawn = draw_mechanism_map(shown, told=told, dark=charts.is_dark(), height_px=520 if only_lit else 680)
    clicked = charts.show(drawn, key="mechanism_map", selectable=True)
    _look_closer(knowledge, shown, clicked, voice)


def _say_what_changes(
    knowledge: KnowledgeBase, found: MechanismMap, shown: MechanismMap, switched: dict[str, bool], voice: str
) -> None:
    out, lit = arrows_that_go_out(found, shown), arrows_that_go_out(shown, found)
    sentences = []
    for factor_id, on in switched.items():
        factor = knowledge.entry(factor_id)
        label = getattr(factor.label, voice)
        sentences.append(f"**{'With' if on else 'Without'} “{label}”** (what if): {getattr(factor.helps, voice)}")
    change = []
    if out:
        change.append(f"{out} arrow{'s' if out > 1 else ''} go{'' if out > 1 else 'es'} out")
    if lit:
        change.append(f"{lit} arrow{'s' if lit > 1 else ''} light{'' if lit > 1 else 's'} up")
    sentences.append((" and ".join(change) or "No arrow changes: other factors light the same ones").capitalize() + ".")
    st.info("\n\n".join(sentences))


def _look_closer(knowledge: KnowledgeBase, shown: MechanismMap, clicked: str | None, voice: str) -> None:
    names = {item.id: item.label for item in (*shown.factors, *shown.nodes)}
    arrows = {
        link.id: f"{names[link.origin]} → {names[link.target]}"
        for link in sorted(shown.links, key=lambda link: (not link.lit, -link.width))
        if link.origin in names and link.target in names
    }
    if not arrows:
        return
    if clicked in arrows:
        session.put("screen.arrow", clicked)
    chosen = st.selectbox(
        "Look closer at one arrow (or tap it in the map)",
        list(arrows),
        format_func=arrows.__getitem__,
        placeholder="Choose an arrow",
        **session.keep("screen.arrow", None, list(arrows)),
    )
    if chosen:
        with st.container(border=True):
            show_link(knowledge, knowledge.entry(chosen), arrows[chosen], voice)


def show_link(knowledge: KnowledgeBase, link: MechanismLink, title: str, voice: str) -> None:
    """One arrow: the story on one side, what studies found on the other, then every study."""
    level = link_level(link, knowledge.mechanisms)
    disputed = " :orange-badge[Sources disagree]" if link_is_contested(link) else ""
    st.markdown(f"**{title}** :blue-badge[{getattr(level.label, voice)}]{disputed}")
    story, studies = st.columns(2)
    with story:
        st.markdown("**The story**" + ("" if link.told else " (not told by the article)"))
        st.write(getattr(link.story, voice))
    with studies:
        st.markdown("**What studies found**")
        st.write(getattr(link.studies, voice))
    if voice == "clinician":
        for evidence in link.evidence:
            show_evidence(knowledge, evidence)


def show_evidence(knowledge: KnowledgeBase, evidence: Evidence) -> None:
    """One finding of studies with how it is known."""
    st.markdown(f"- {words.evidence_words(evidence)}  \n:small[{words.provenance_words(knowledge, evidence)}]")


def show_what_helps(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> None:
    """The strategies that the present factors suggest, each with what it is and what studies found."""
    suggested = [answer for answer in conclusions.strategies if answer.suggested]
    if not suggested:
        return
    st.subheader("What helps" if voice == "patient" else "Strategies that these factors suggest", anchor=False)
    columns = st.columns(2)
    for position, answer in enumerate(suggested):
        strategy = knowledge.entry(answer.id)
        with columns[position % 2].container(border=True, height="stretch"):
            st.markdown(f"**{getattr(strategy.label, voice)}**")
            st.write(getattr(strategy.what, voice))
            if voice == "clinician":
                st.caption(f"What studies found: {strategy.verdict.clinician}")
                names = ", ".join(knowledge.entry(factor).label.clinician for factor in answer.factors)
                st.caption(f"Because of: {names}.")


def show_factors(knowledge: KnowledgeBase, conclusions: Conclusions) -> None:
    """The clinician's list: each factor present or not tested, how sure, and what a repeat could change."""
    st.subheader("How sure is each factor?", anchor=False)
    rows = []
    for answer in conclusions.factors:
        if answer.answer == "not_tested" or not answer.scored:
            continue
        factor = knowledge.entry(answer.id)
        rows.append(
            {
                "Factor": factor.label.clinician,
                "Answer": answer.answer,
                "How sure": _SURETY[answer.surety],
                "Measured": "; ".join(_reading_words(knowledge, reading) for reading in answer.readings),
                "What studies found": factor.verdict.clinician,
            }
        )
    if rows:
        st.table(rows)
    untested = [
        knowledge.entry(answer.id).label.clinician
        for answer in conclusions.factors
        if answer.scored and answer.answer == "not_tested"
    ]
    if untested:
        st.caption(f"Not tested, so neither present nor absent: {', '.join(untested)}.")


_SURETY = {
    "clear": "clear",
    "within_error": "within measurement error: a repeat could differ",
    "imprecise_test": "imprecise test",
    "poor_agreement": "examiners often disagree",
    "error_not_known": "error of the test not known",
    "not_applicable": "",
}


def _reading_words(knowledge: KnowledgeBase, reading) -> str:
    finding = knowledge.entry(reading.finding)
    if finding.kind != "number":
        return finding.label.clinician
    value = words.number_words(float(reading.value))
    threshold = "" if reading.threshold is None else f", cut-off {words.number_words(reading.threshold)}"
    margin = "" if reading.margin is None else f", a repeat strays up to {words.number_words(reading.margin)}"
    return f"{finding.label.clinician}: {value}{threshold}{margin}"
