"""Bring in a clinic's export: names go before anything is stored."""

import streamlit as st

from kneewise.ui import frame

frame.open_page("import_data")

st.write("A clinic's export is read here; whatever could name a person is removed before anything is stored.")
