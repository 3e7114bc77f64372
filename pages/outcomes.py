"""Outcome charts from anonymised clinic data."""

import streamlit as st

from kneewise.ui import frame

frame.open_page("outcomes")

st.write("The charts here describe what happened in clinics; without a control group they do not show what caused it.")
