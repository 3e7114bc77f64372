"""The leg that moves: one JavaScript module (source/), shown on a Streamlit page (component.py) or in a notebook
(notebook.py); what it draws and says comes from the knowledge base (material.py). Illustrates mechanisms, measures nobody.
"""
