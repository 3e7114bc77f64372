"""The knee-pain factor explorer: what may be loading this knee, and what studies found about each link."""

import streamlit as st

from kneewise.ui import frame

frame.open_page("explorer")

st.write("Most knee pain has more than one source; this page looks at them one by one.")
