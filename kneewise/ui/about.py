"""The about screen: what Kneewise is for, who it is not for, versions, funding, how it is checked."""

from __future__ import annotations

import platform

import streamlit as st

import kneewise
from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.ui import material


def show_purpose(knowledge: KnowledgeBase, voice: str) -> None:
    """Intended use in the chosen voice, and who it is not for."""
    st.subheader("What it is for", anchor=False)
    st.write(getattr(knowledge.content.intended_use, voice))
    st.subheader("Who and what it is not for", anchor=False)
    st.markdown("\n".join(f"- {each}" for each in knowledge.content.not_for))


def show_promises() -> None:
    """What Kneewise claims, and what happens with what is entered."""
    st.subheader("What we claim", anchor=False)
    st.markdown(
        "- Better decisions, not better knees: options side by side, with what is known and how surely.\n"
        "- Every number comes from a source you can open under **Evidence**; what is not verified says so.\n"
        "- Where guidelines or studies disagree, both are shown.\n"
        "- No percentage for one person without its range."
    )
    st.subheader("What happens with what you enter", anchor=False)
    st.markdown(
        "- Findings stay in this browser window. They are gone after **New patient**, after closing the window, or after "
        "four hours without it.\n"
        "- A saved findings file holds findings only: no name, no date, no number of a person.\n"
        "- Clinic records lose names, numbers and dates before anything is stored; no group of fewer than ten people "
        "is shown.\n"
        "- No page asks any other computer for anything."
    )


def show_versions(knowledge: KnowledgeBase) -> None:
    """Versions, dates, update policy and funding (IPDAS 2.2.2, 2.2.3, 2.3.1)."""
    st.subheader("Versions", anchor=False)
    content = knowledge.content
    st.table(
        [
            {"What": "Kneewise", "Version": kneewise.__version__},
            {"What": "Knowledge", "Version": f"{content.version} ({material.knowledge_version()})"},
            {"What": "Knowledge compiled on", "Version": f"{content.compiled_on:%d %B %Y}"},
            {"What": "Next review due", "Version": f"{content.review_due:%d %B %Y}"},
            {"What": "Python and Streamlit", "Version": f"{platform.python_version()}, {st.__version__}"},
        ]
    )
    st.markdown(f"**How it is kept up to date.** {content.update_policy}")
    st.markdown(f"**Made from.** {content.compiled_from}")
    st.markdown(f"**Funding.** {content.funding}")
