"""One widget per finding, three-valued: an untouched widget is NOT TESTED, never absent."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from kneewise.knowledge_base.models import Choice, Finding, KnowledgeBase
from kneewise.quantities import UNIT_SYMBOLS
from kneewise.ui import session

NOT_TESTED = "not_tested"
_YES_NO = (True, False, NOT_TESTED)


def enter_findings(findings: Iterable[Finding], voice: str, columns: int = 1) -> None:
    """A widget for each finding, in the order of the knowledge base, row by row."""
    in_order = sorted(findings, key=lambda finding: finding.order)
    for first in range(0, len(in_order), columns):
        for column, finding in zip(st.columns(columns), in_order[first : first + columns], strict=False):
            with column:
                enter_finding(finding, voice)


def enter_finding(finding: Finding, voice: str) -> None:
    """The widget of one finding; what is chosen goes to the session under the finding's id."""
    label = getattr(finding.label, voice)
    if finding.kind == "yes_no":
        st.segmented_control(
            label,
            _YES_NO,
            format_func=lambda answer: {True: "Yes", False: "No", NOT_TESTED: "Not tested"}[answer],
            required=True,
            wrap=True,
            help=_help(finding),
            **session.keep_finding(finding.id, not_tested=NOT_TESTED, options=_YES_NO),
        )
    elif finding.kind == "number":
        unit = UNIT_SYMBOLS[finding.unit]
        st.number_input(
            label if unit in ("", "points") or (len(unit) > 2 and unit in label.lower()) else f"{label} ({unit})",
            min_value=finding.minimum,
            max_value=finding.maximum,
            # Without this an emptied field is the minimum, and nobody measured that (hazard KW-H08).
            value=None,
            step=finding.step,
            format="%g",
            placeholder="Not tested",
            help=_help(finding),
            **session.keep_finding(finding.id, finding.unit),
        )
    elif finding.kind == "choice":
        words = _choice_words(finding.choices, voice)
        st.selectbox(
            label,
            list(words),
            format_func=words.__getitem__,
            placeholder="Not tested",
            help=_help(finding),
            **session.keep_finding(finding.id, options=list(words)),
        )
    else:
        words = _choice_words(finding.choices, voice)
        st.pills(
            label,
            list(words),
            selection_mode="multi",
            format_func=words.__getitem__,
            help=_help(finding),
            **session.keep_finding(finding.id, not_tested=[], options=list(words)),
        )


def answer_all_no(findings: Iterable[Finding]) -> None:
    """Record 'no' for every yes/no finding that is still not tested: 'I asked, and none holds'."""
    entered = session.findings()
    for finding in findings:
        if finding.kind == "yes_no" and finding.id not in entered:
            session.set_finding(finding.id, False, finding.unit)


def tick_findings(findings: Iterable[Finding], voice: str, columns: int = 2) -> None:
    """A checklist: tick what holds. What is not ticked is still open, until `answer_all_no` says that it was asked.

    Ticked is yes; "no" stands behind what was answered with no; taking a tick away makes it open again.
    """
    entered = session.findings()
    listed = list(findings)
    rows = -(-len(listed) // columns)
    for position, column in enumerate(st.columns(columns)):
        with column:
            for finding in listed[position * rows : (position + 1) * rows]:
                said_no = finding.id in entered and entered[finding.id]["value"] is False
                st.checkbox(
                    getattr(finding.label, voice) + ("  :gray[· no]" if said_no else ""),
                    help=_help(finding),
                    wrap=True,
                    **session.keep_finding(finding.id, not_tested=False),
                )


def forget_no(findings: Iterable[Finding]) -> None:
    """Make every question that was answered with no open again; what was answered with yes stays."""
    entered = session.findings()
    for finding in findings:
        if finding.id in entered and entered[finding.id]["value"] is False:
            session.set_finding(finding.id, None)


def group(knowledge: KnowledgeBase, *groups: str) -> list[Finding]:
    """The findings of these groups, in order."""
    return [finding for finding in knowledge.findings if finding.group in groups]


def _choice_words(choices: tuple[Choice, ...], voice: str) -> dict[str, str]:
    return {choice.value: getattr(choice.label, voice) for choice in choices}


def _help(finding: Finding) -> str | None:
    words = [finding.help] if finding.help else []
    if finding.kind == "number":
        words.append(f"Possible from {finding.minimum:g} to {finding.maximum:g} {UNIT_SYMBOLS[finding.unit]}.".rstrip())
    if finding.measurement_error and finding.measurement_error.mdc95:
        error = finding.measurement_error.mdc95
        words.append(f"Two measurements of the same knee can differ by {error:g} {UNIT_SYMBOLS[finding.unit]}.")
    if finding.agreement == "poor":
        words.append("Two examiners often disagree on this one.")
    return " ".join(words) or None
