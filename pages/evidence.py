"""Every statement, rule and number with its source, status and date."""

import streamlit as st

from kneewise.ui import frame

frame.open_page("evidence")

st.write("Every claim in Kneewise carries its source and says how far it was checked.")
