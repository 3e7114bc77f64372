"""Intended use, limits and versions."""

import streamlit as st

from kneewise.ui import frame

frame.open_page("about")

st.write("Kneewise is a teaching illustration and decision support for clinicians; it does not diagnose.")
