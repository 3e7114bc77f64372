"""The findings on screen: what was entered in this window, or the worked example while nothing was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from kneewise.errors import FindingsError
from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.reasoning import findings as findings_file
from kneewise.reasoning.findings import Findings, FindingValue
from kneewise.ui import downloads, frame, plain_text, session

_EXAMPLE_OFF = "screen.example_off"


@dataclass(frozen=True)
class Sheet:
    """The findings in use; `is_example` is True while they are the invented worked example."""

    findings: Findings
    is_example: bool


def current(knowledge: KnowledgeBase) -> Sheet:
    """The findings entered in this window, or the worked example as long as nothing is entered."""
    entered = session.findings()
    week = {
        activity.id: (session.week("before").get(activity.id), session.week("after").get(activity.id))
        for activity in knowledge.load.activities
        if activity.id in session.week("before") or activity.id in session.week("after")
    }
    if not entered and not week and not session.get(_EXAMPLE_OFF, False):
        return Sheet(worked_example(knowledge), True)
    values = {finding_id: entry["value"] for finding_id, entry in entered.items()}
    return Sheet(findings_file.findings_of(values, knowledge, week, session.guideline_profile()), False)


def worked_example(knowledge: KnowledgeBase) -> Findings:
    """All findings of the first invented case, and the invented week of the load model."""
    case = knowledge.cases[0]
    values = {item.finding: item.value for stage in case.stages for item in stage.findings}
    week = {activity.id: (activity.example_before, activity.example_after) for activity in knowledge.load.activities}
    return findings_file.findings_of(values, knowledge, week, session.guideline_profile())


def offer_sources(knowledge: KnowledgeBase, sheet: Sheet) -> None:
    """Say whose findings are on screen, and offer to change, open or save them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if sheet.is_example:
            st.markdown(":orange-badge[Worked example] An invented person", width="stretch")
            kind = frame.main_button_type()
            st.button("Enter findings", type=kind, on_click=_leave_example, args=(None,))
            st.button("Change example", on_click=_leave_example, args=(knowledge,))
        else:
            count = len(sheet.findings)
            words = f":blue-badge[This window] {count} finding{'' if count == 1 else 's'}; nothing leaves it."
            st.markdown(words, width="stretch")
            st.button("Show example", on_click=_show_example)
        with st.popover("File"):
            st.markdown("**Save.** The file holds findings only: no name, no date, no number of a person.")
            text = findings_file.serialise(sheet.findings, knowledge)
            downloads.offer("Save findings", text, "kneewise-findings.json", "application/json", key="save_findings")
            st.markdown("**Open**")
            _offer_opening(knowledge)


def _leave_example(knowledge: KnowledgeBase | None) -> None:
    _forget_the_picture()
    session.put(_EXAMPLE_OFF, True)
    if knowledge is not None:
        put(worked_example(knowledge), knowledge)


def _show_example() -> None:
    _forget_the_picture()
    session.replace_findings({})
    session.replace_week("before", {})
    session.replace_week("after", {})
    session.put(_EXAMPLE_OFF, None)


def put(findings: Findings, knowledge: KnowledgeBase) -> None:
    """Put `findings` in place of what was entered."""
    _forget_the_picture()
    session.replace_findings(
        {
            finding_id: {
                "value": list(value) if isinstance(value, tuple) else value,
                "unit": knowledge.entry(finding_id).unit,
            }
            for finding_id, value in findings.items()
        }
    )
    for position, moment in enumerate(("before", "after")):
        session.replace_week(
            moment,
            {activity: counts[position] for activity, counts in findings.week.items() if counts[position] is not None},
        )
    if findings.profile is not None:
        session.set_guideline_profile(findings.profile)
    session.put(_EXAMPLE_OFF, True)


def _forget_the_picture() -> None:
    # Other findings may be another person's: neither the leg nor the picture in the plan may stay (hazard KW-H07).
    for path in ("screen.leg", "screen.leg_start", "screen.picture"):
        session.put(path, None)


def put_values(values: Mapping[str, FindingValue], knowledge: KnowledgeBase) -> None:
    """Put plain values {finding id: value} in place of what was entered."""
    put(findings_file.findings_of(values, knowledge), knowledge)


def _offer_opening(knowledge: KnowledgeBase) -> None:
    uploaded = st.file_uploader("Findings file (JSON)", type=["json"], key=f"open_findings_{session.epoch()}")
    if uploaded is None:
        return
    try:
        opened = findings_file.parse(uploaded.getvalue(), knowledge)
    except FindingsError as refusal:
        st.error("\n\n".join(plain_text.escaped(sentence) for sentence in refusal.sentences[:8]))
        if len(refusal.sentences) > 8:
            st.write(f"And {len(refusal.sentences) - 8} more.")
        return
    st.success(f"{len(opened)} findings read.")
    st.button("Use them in this window", type=frame.main_button_type(), on_click=put, args=(opened, knowledge))
