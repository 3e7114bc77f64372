"""The sections of the explorer: findings in body order, the map, what a factor changes, what helps."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from kneewise.figures.mechanism_map import (
    MechanismMap,
    arrows_that_go_out,
    draw_mechanism_map,
    in_body_order,
    mechanism_map_of,
    without_brackets,
)
from kneewise.figures.week_load import draw_week_load
from kneewise.knowledge_base import words
from kneewise.knowledge_base.models import Evidence, KnowledgeBase, MechanismLink
from kneewise.reasoning.conclusions import Conclusions, Reading
from kneewise.reasoning.load import week_load
from kneewise.reasoning.paths import link_is_contested, link_level
from kneewise.ui import charts, frame, inputs, session
from kneewise.ui.sheet import Sheet

AREAS = {
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
    """The findings, one part of the body at a time, from the hip down; nothing to enter beside the example.

    They stand above the map and fold away: beside it, a tablet would be left with half a map.
    """
    if sheet.is_example:
        return
    panel = st.expander("Findings", key="findings_panel", expanded=True, on_change="rerun")
    if not panel.open:
        return
    with panel:
        area = st.segmented_control(
            "Part of the body",
            list(AREAS),
            format_func=lambda key: AREAS[key][0],
            required=True,
            wrap=True,
            **session.keep("screen.area", "hip_pelvis", list(AREAS)),
        )
        inputs.enter_findings(inputs.group(knowledge, *AREAS[area][1]), voice, columns=3)


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


def switch_factors(
    knowledge: KnowledgeBase, conclusions: Conclusions, voice: str, place: DeltaGenerator
) -> dict[str, bool]:
    """Toggles for "what if": returns {factor id: on or off} for every factor that differs from what was found.

    `place` takes the button that offers the factors that are not there.
    """
    states = {answer.id: answer.answer for answer in conclusions.factors}
    linked = {link.origin for link in knowledge.mechanisms.links}
    labels = {
        factor.id: without_brackets(getattr(factor.label, voice))
        for factor in in_body_order(knowledge)
        if factor.id in linked
    }
    present = [factor for factor in labels if states.get(factor) == "present"]
    others = [factor for factor in labels if factor not in present]
    mark = f"{session.epoch()}/{voice}/{'+'.join(present)}"
    kept_on, added = present, []
    if voice == "clinician":
        with place.popover("What if another factor were there?"):
            added = st.pills(
                "Tap to add a factor",
                others,
                selection_mode="multi",
                wrap=True,
                format_func=labels.__getitem__,
                key=f"what_if_more/{mark}",
            )
    if present:
        kept_on = st.pills(
            "What if? Tap to switch a factor off or on",
            present,
            selection_mode="multi",
            wrap=True,
            label_visibility="collapsed",
            format_func=labels.__getitem__,
            key=f"what_if/{mark}",
            default=present,
        )
    return {factor: False for factor in present if factor not in kept_on} | {factor: True for factor in added}


def choose_what_if(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> dict[str, bool]:
    """The toggles of the factors, which leg and map both follow: {factor id: on or off}."""
    row = st.container(horizontal=True, vertical_alignment="center")
    with row:
        st.markdown("What if? Tap a factor to switch it off or on.", width="stretch")
    return switch_factors(knowledge, conclusions, voice, row)


def show_map(
    knowledge: KnowledgeBase, conclusions: Conclusions, voice: str, told: str, switched: dict[str, bool]
) -> None:
    """The map with its sentence, its table, and a closer look at one arrow."""
    only_lit = voice == "patient"
    found = mechanism_map_of(knowledge, conclusions, voice, only_lit=only_lit)
    shown = mechanism_map_of(knowledge, conclusions, voice, switched=switched, only_lit=only_lit)
    changes = st.container()  # always there, so that the map below keeps its place and isn't made anew
    if switched:
        with changes:
            _say_what_changes(knowledge, found, shown, switched, voice)
    drawn = draw_mechanism_map(shown, told=told, dark=charts.is_dark(), height_px=480 if only_lit else 640)
    clicked = charts.show(drawn, key=f"mechanism_map/{session.epoch()}", selectable=True)
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
    if clicked != session.get("screen.arrow_clicked"):  # the map keeps its click; only a new one counts
        session.put("screen.arrow_clicked", clicked)
        if clicked in arrows:
            session.put("screen.arrow", clicked)
    chosen = st.selectbox(
        "Look closer at one arrow (or click it in the map; with a finger, tap it twice)",
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
    for position, answer in enumerate(suggested):
        strategy = knowledge.entry(answer.id)
        if position % 2 == 0:
            columns = st.columns(2)
        with columns[position % 2].container(border=True, height="stretch"):
            st.markdown(f"**{getattr(strategy.label, voice)}**")
            st.write(getattr(strategy.what, voice))
            if voice == "clinician":
                st.caption(f"What studies found: {strategy.verdict.clinician}")
                reasons = [knowledge.entry(factor).label.clinician for factor in answer.factors]
                st.caption(f"Because of: {', '.join(reasons) or 'steps that are lit in the map'}.")


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


def _reading_words(knowledge: KnowledgeBase, reading: Reading) -> str:
    finding = knowledge.entry(reading.finding)
    if finding.kind != "number":
        return finding.label.clinician
    value = words.number_words(float(reading.value))
    threshold = "" if reading.threshold is None else f", cut-off {words.number_words(reading.threshold)}"
    margin = "" if reading.margin is None else f", a repeat strays up to {words.number_words(reading.margin)}"
    return f"{finding.label.clinician}: {value}{threshold}{margin}"


def show_safety_first(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> bool:
    """The action of a red flag, if one holds; returns whether the page must stop there."""
    if not conclusions.suppressed:
        return False
    show_alarms(knowledge, conclusions, voice)
    st.page_link(
        frame.ROOT / "pages" / "decision_aid.py",
        label="Look at the safety questions again" if voice == "patient" else "Put an answer right in the decision aid",
    )
    return True


def show_alarms(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> None:
    """Every red flag that holds, the most urgent first, with its action and nothing else."""
    for alarm in conclusions.safety.hits:
        entry = knowledge.entry(alarm.id)
        within = getattr(entry, "within", "") or alarm.within
        st.error(
            f"**{getattr(entry.label, voice)}** ({alarm.urgency}, {within})\n\n{getattr(entry.action, voice)}",
            icon="⚠️",
        )
    st.write(
        "The rest waits until this has been looked at."
        if voice == "patient"
        else "Everything else on this page is held back until this has been dealt with."
    )


def show_week(knowledge: KnowledgeBase, sheet: Sheet, voice: str) -> None:
    """The patient's own week before and after a change, what it asks of the knee, and which levers lower it."""
    st.subheader("How much the knee has to do", anchor=False)
    st.write(getattr(knowledge.load.explains, voice))
    if not sheet.is_example:
        _enter_week(knowledge, voice)
    week = week_load(sheet.findings, knowledge)
    charts.show(draw_week_load(week, knowledge, voice, dark=charts.is_dark()), key="week_load")
    if week.rise_flag:
        st.warning(getattr(knowledge.load.rise.text, voice))
    levers = st.expander("What can make the same activity easier for the kneecap", key="levers", on_change="rerun")
    if levers.open:
        with levers:
            _show_levers(knowledge, voice)


def _enter_week(knowledge: KnowledgeBase, voice: str) -> None:
    with st.expander("The week before, and the week you plan", expanded=True):
        for row in range(0, len(knowledge.load.activities), 3):
            for column, activity in zip(st.columns(3), knowledge.load.activities[row : row + 3], strict=False):
                with column:
                    st.markdown(
                        f"**{getattr(activity.label, voice)}**  \n:small[{activity.counted_patient if voice == 'patient' else activity.counted_as}]"
                    )
                    before, after = st.columns(2)
                    for place, moment in ((before, "before"), (after, "after")):
                        with place:
                            st.number_input(
                                "Before" if moment == "before" else "Planned",
                                min_value=0.0,
                                max_value=activity.count_maximum,
                                step=float(max(1, round(activity.count_maximum / 100))),
                                format="%g",
                                placeholder="–",
                                **session.keep(("week", moment, activity.id)),
                            )


def _show_levers(knowledge: KnowledgeBase, voice: str) -> None:
    for lever in knowledge.load.levers:
        st.markdown(f"**{getattr(lever.label, voice)}**")
        for value in lever.values if voice == "clinician" else ():
            st.markdown(
                f"- {value.quantity}: {words.value_words(value)}  \n:small[{words.provenance_words(knowledge, value)}]"
            )
        st.caption(getattr(lever.caution, voice))
