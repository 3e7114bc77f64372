"""The decision aid: tape, orthoses, both, neither, on top of exercise."""

import streamlit as st

from kneewise.ui import frame

frame.open_page("decision_aid")

st.write("Tape and orthoses are tried on top of exercise, never instead of it.")
