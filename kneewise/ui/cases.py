"""The cases screen: one stage at a time, commit first, then the reasoning opens."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from kneewise.knowledge_base import words
from kneewise.knowledge_base.models import Case, CaseStage, KnowledgeBase
from kneewise.learning import findings_so_far, next_stage, score_case, score_stage
from kneewise.ui import frame, session, sheet

_CONFIDENCE = (50, 60, 70, 80, 90, 100)


def choose_case(knowledge: KnowledgeBase) -> Case:
    """The case to work on; with one case there is nothing to choose."""
    if len(knowledge.cases) == 1:
        return knowledge.cases[0]
    titles = {case.id: case.title for case in knowledge.cases}
    chosen = st.selectbox(
        "Case", list(titles), format_func=titles.__getitem__, **session.keep("screen.case", next(iter(titles)), titles)
    )
    return knowledge.entry(chosen)


def show_case(knowledge: KnowledgeBase, case: Case) -> None:
    """The committed stages with their feedback, then the open one; at the end the score of the reasoning."""
    progress = session.case_progress(case.id)
    st.subheader(case.title, anchor=False)
    st.markdown(f":orange-badge[Invented case] {case.about}")
    done = sum(stage.id in progress for stage in case.stages)
    st.progress(done / len(case.stages), text=f"{done} of {len(case.stages)} steps done")
    for number, stage in enumerate(case.stages, start=1):
        if stage.id in progress:
            _show_committed(knowledge, stage, number, progress[stage.id])
    stage = next_stage(case, progress)
    if stage is not None:
        _ask(knowledge, case, stage, done + 1)
    else:
        _show_result(knowledge, case, progress)


def _told(stage: CaseStage, number: int) -> None:
    st.markdown(f"**Step {number}. {stage.title}**")
    st.write(stage.told)


def _ask(knowledge: KnowledgeBase, case: Case, stage: CaseStage, number: int) -> None:
    with st.container(border=True):
        _told(stage, number)
        _show_new_findings(knowledge, stage)
        labels = {answer.id: answer.text for answer in stage.answers}
        with st.form(f"commit/{stage.id}/{session.epoch()}", border=False):
            st.markdown(f"**{stage.question}**")
            if stage.kind == "one":
                picked = st.radio("Your answer", list(labels), index=None, format_func=labels.__getitem__)
                chosen = [picked] if picked else []
            else:
                chosen = [answer for answer, text in labels.items() if st.checkbox(text, key=f"{stage.id}/{answer}")]
            confidence = st.radio(
                "How sure are you that this is all right?",
                _CONFIDENCE,
                index=None,
                horizontal=True,
                format_func=lambda percent: f"{percent} %",
            )
            st.caption(f"Commit first; the reasoning opens afterwards. {_CONFIDENCE[0]} % means a guess.")
            if st.form_submit_button("Commit", type=frame.main_button_type()):
                if chosen:
                    _commit(case, stage, chosen, confidence)
                    st.rerun()
                st.warning("Choose at least one answer before you commit.")


def _commit(case: Case, stage: CaseStage, chosen: list[str], confidence: int | None) -> None:
    progress = session.case_progress(case.id)
    progress[stage.id] = {"chosen": chosen} | ({"confidence": confidence} if confidence is not None else {})
    session.set_case_progress(case.id, progress)


def _show_new_findings(knowledge: KnowledgeBase, stage: CaseStage) -> None:
    if not stage.findings:
        return
    rows = []
    for item in stage.findings:
        finding = knowledge.entry(item.finding)
        rows.append({"Finding": finding.label.clinician, "Answer": words.finding_value_words(finding, item.value)})
    with st.expander(f"{len(rows)} findings of this step"):
        st.table(rows)


def _show_committed(knowledge: KnowledgeBase, stage: CaseStage, number: int, committed: Mapping) -> None:
    result = score_stage(stage, committed["chosen"], committed.get("confidence"))
    with st.expander(f"Step {number}. {stage.title}: {_percent(result.score)} of the reasoning", expanded=True):
        st.write(stage.told)
        st.markdown(f"**{stage.question}**")
        for answer in stage.answers:
            mine = "you chose this" if answer.id in committed["chosen"] else "you left this"
            colour, verdict = ("green", "supported") if answer.expected else ("orange", "not supported")
            st.markdown(f"- **{answer.text}** :{colour}-badge[{verdict}] :gray-badge[{mine}]  \n{answer.why}")
            cited = [words.cited_words(knowledge, each) for each in answer.evidence]
            if cited:
                st.caption(" ".join(cited))
        st.info(stage.feedback)


def _show_result(knowledge: KnowledgeBase, case: Case, progress: Mapping[str, Mapping]) -> None:
    result = score_case(case, progress)
    st.subheader("How your reasoning went", anchor=False)
    st.write(
        f"Your choices matched {_percent(result.score)} of the reasoning, counted over all {len(result.stages)} steps: what you "
        "chose rightly, less what the reasoning does not support. A right end by a lucky way does not count."
    )
    if result.brier is not None:
        st.write(
            f"Your confidence fits with a Brier score of {result.brier:.2f} (0 is best, 0.25 is what steady "
            "guessing gives, 1 is being sure and wrong each time)."
        )
    st.markdown("**To take away**\n" + "\n".join(f"- {each}" for each in case.learned))
    again, engine = st.columns(2)
    again.button("Work on it again", on_click=session.set_case_progress, args=(case.id, {}), width="stretch")
    engine.button(
        "Put the findings into the explorer",
        on_click=sheet.put_values,
        args=(findings_so_far(case, progress), knowledge),
        width="stretch",
    )


def _percent(share: float) -> str:
    return f"{round(share * 100)} %"
