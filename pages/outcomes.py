"""Outcome charts from anonymised clinic data."""

import streamlit as st

from kneewise.ui import frame, outcomes

frame.open_page("outcomes")
asked = outcomes.choose()
if asked is None:
    st.stop()
outcomes.show_answers(asked)
