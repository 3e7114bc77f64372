"""Kneewise: see what may be loading a sore knee, decide together what to try, learn what came of it."""

__version__ = "0.1.0"
