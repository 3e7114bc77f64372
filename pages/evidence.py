"""The evidence: every statement, rule and number with its source, status and date."""

import streamlit as st

from kneewise.ui import evidence, frame, material, session

frame.open_page("evidence")
knowledge = material.knowledge()

statements, cards, reading = st.tabs(["The twelve statements", "Search everything", "How to read it"])
with statements:
    evidence.show_statements(knowledge, session.view())
with cards:
    evidence.show_search(knowledge)
with reading:
    evidence.show_how_to_read(knowledge)
