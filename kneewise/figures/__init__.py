"""Result objects -> Plotly figure, one sentence that says the finding, and the same facts as a table."""

from kneewise.figures.drawn import Drawn

__all__ = ["Drawn"]
