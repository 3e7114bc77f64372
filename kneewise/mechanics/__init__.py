"""Leg pose, patellofemoral force, contact area, stress and side of load: pure arithmetic with units and sources.

`leg_mechanics(constants)` writes every formula once. Called with numbers it computes; called with `Symbol`s it is
written down as data, which the drawing in the browser evaluates (docs/decisions/0007-the-leg.md).
"""

from kneewise.mechanics.constants import Constants, MechanicsError, constants_of
from kneewise.mechanics.graph import Graph, Symbol, trace
from kneewise.mechanics.leg import INPUTS, evaluate, leg_mechanics, mechanics_graph

__all__ = [
    "INPUTS",
    "Constants",
    "Graph",
    "MechanicsError",
    "Symbol",
    "constants_of",
    "evaluate",
    "leg_mechanics",
    "mechanics_graph",
    "trace",
]
