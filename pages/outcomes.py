"""Outcome charts from anonymised clinic data."""

import streamlit as st

from kneewise.ui import frame, outcomes

frame.open_page("outcomes")
page = outcomes.choose()
if page is None:
    st.stop()
outcomes.show_answers(page)
