"""The screen: the only Streamlit code outside app.py and pages/."""
