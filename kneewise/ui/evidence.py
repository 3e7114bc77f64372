"""The evidence screen: the twelve statements first, then everything as cards that can be searched."""

from __future__ import annotations

import streamlit as st

from kneewise.knowledge_base import search
from kneewise.knowledge_base.models import KnowledgeBase, Statement
from kneewise.ui import caches, explorer, material, session

_AT_A_TIME = 15
_PARTS = {"statements": "The twelve statements", "search": "Search everything", "reading": "How to read it"}


def choose_part() -> str:
    """The part of the screen to show; only that part is made and sent."""
    return st.segmented_control(
        "Part",
        list(_PARTS),
        format_func=_PARTS.__getitem__,
        required=True,
        label_visibility="collapsed",
        **session.keep("screen.evidence_part", "statements", list(_PARTS)),
    )


def show_part(knowledge: KnowledgeBase, part: str, voice: str) -> None:
    """The chosen part of the evidence."""
    if part == "search":
        show_search(knowledge)
    elif part == "reading":
        show_how_to_read(knowledge)
    else:
        show_statements(knowledge, voice)


def show_statements(knowledge: KnowledgeBase, voice: str) -> None:
    """The twelve statements of the source article: the story, and what studies found, with the verdict."""
    for statement in sorted(knowledge.statements, key=lambda statement: statement.number):
        label = (
            f"**{statement.number}. {getattr(statement.claim, voice)}**  \n{getattr(statement.verdict_label, voice)}"
        )
        with st.expander(label):
            _show_statement(knowledge, statement, voice)


def _show_statement(knowledge: KnowledgeBase, statement: Statement, voice: str) -> None:
    story, studies = st.columns(2)
    with story:
        st.markdown("**The story**")
        st.write(getattr(statement.claim, voice))
    with studies:
        st.markdown("**What studies found**")
        st.write(getattr(statement.studies, voice))
    for evidence in statement.evidence:
        explorer.show_evidence(knowledge, evidence)
    related = [knowledge.entry(each).label.clinician for each in (*statement.factors, *statement.strategies)]
    if related:
        st.caption(f"Belongs to: {', '.join(related)}.")


@caches.share(max_entries=2)
def _cards(version: str) -> tuple[search.Card, ...]:
    return search.cards(material.knowledge())


def show_search(knowledge: KnowledgeBase) -> None:
    """A search over every statement, rule and number, each with source, status and who was studied."""
    query_column, kind_column = st.columns([3, 2])
    with query_column:
        query = st.text_input(
            "Search words", placeholder="for example: navicular drop, tape, MDC", **session.keep("screen.search", "")
        )
    with kind_column:
        kind = st.selectbox(
            "Kind of entry",
            list(search.KINDS),
            format_func=search.KINDS.__getitem__,
            placeholder="All kinds",
            **session.keep("screen.search_kind", None, list(search.KINDS)),
        )
    everything = _cards(material.knowledge_version())
    found = search.find(everything, query or "", [kind] if kind else [])
    st.write(f"{len(found)} of {len(everything)} entries.")
    pages = max(1, -(-len(found) // _AT_A_TIME))
    page = 1
    if pages > 1:
        page = st.pagination(pages, key=f"cards/{query}/{kind}", max_visible_pages=7)
    for card in found[(page - 1) * _AT_A_TIME : page * _AT_A_TIME]:
        _show_card(knowledge, card)


def _show_card(knowledge: KnowledgeBase, card: search.Card) -> None:
    badges = " ".join(f":{_STATUS_COLOUR[status]}-badge[{_status(knowledge, status)}]" for status in card.statuses)
    with st.expander(f":gray-badge[{search.KINDS[card.kind]}] **{card.title}** {badges}"):
        for line in card.lines:
            heading = f"**{line.heading}:** " if line.heading else ""
            status = f" :gray-badge[{line.status}]" if line.status else ""
            who = f"  \nWho was studied: {line.population}." if line.population else ""
            cited = "".join(f"  \n:small[{citation}]" for citation in line.sources)
            st.markdown(f"{heading}{line.text}{status}{who}{cited}")
        st.caption(f"{card.id}. Compiled {knowledge.content.compiled_on}, next review {knowledge.content.review_due}.")


_STATUS_COLOUR = {
    "seen": "green", "seen_secondary": "blue", "derived": "blue", "recalled": "orange", "proposed": "violet",
}  # fmt: skip


def _status(knowledge: KnowledgeBase, status: str) -> str:
    return next(label.label for label in knowledge.wording.status_labels if label.status == status)


def show_how_to_read(knowledge: KnowledgeBase) -> None:
    """What each status means, and which rules are retired."""
    st.subheader("What the labels mean", anchor=False)
    st.table([{"Label": label.label, "Meaning": label.meaning} for label in knowledge.wording.status_labels])
    st.subheader("Retired rules: famous, and no longer used here", anchor=False)
    for rule in knowledge.retired_rules:
        with st.expander(f"**{rule.label}** ({rule.retired_on})"):
            st.write(f"The rule: {rule.claim}")
            st.write(f"Why it is retired: {rule.why_retired.clinician}")
            if rule.still_taught:
                st.write(f"Still taught: {rule.still_taught}")
            cited = "; ".join(knowledge.entry(source).citation for source in rule.sources)
            st.caption(f"{_status(knowledge, rule.status)}. {cited}")
    st.subheader("What could not be verified", anchor=False)
    st.table([{"Gap": gap.text, "Why it matters": gap.matters, "Where to look": gap.where} for gap in knowledge.gaps])
