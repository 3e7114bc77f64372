"""Worked cases for trainees: commit first, then see the reasoning."""

import streamlit as st

from kneewise.ui import frame

frame.open_page("cases")

st.write("In a case you commit to an answer first and see the reasoning afterwards.")
