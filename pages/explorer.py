"""The knee-pain factor explorer: what may be loading this knee, and what studies found about each link."""

import streamlit as st

from kneewise.reasoning import assess
from kneewise.ui import explorer, frame, leg, material, session, sheet

frame.open_page("explorer")
knowledge = material.knowledge()
voice = session.view()
current = sheet.current(knowledge)
sheet.offer_sources(knowledge, current)
explorer.enter_in_body_order(knowledge, current, voice)
conclusions = assess(current.findings, knowledge, look_ahead=False)

if explorer.show_safety_first(knowledge, conclusions, voice):
    st.stop()
told = explorer.choose_told()
leg_place = st.container()  # the leg stands above the toggles that it follows
switched = explorer.choose_what_if(knowledge, conclusions, voice)
with leg_place:
    switched |= leg.show(knowledge, current, conclusions, voice, told, switched)
explorer.show_map(knowledge, conclusions, voice, told, switched)
explorer.show_what_helps(knowledge, conclusions, voice)
explorer.show_week(knowledge, current, voice)
if voice == "clinician":
    explorer.show_factors(knowledge, conclusions)
