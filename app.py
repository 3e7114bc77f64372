"""Kneewise: registers the pages and runs the chosen one; nothing else."""

from kneewise.ui import frame

frame.run_chosen_page()
