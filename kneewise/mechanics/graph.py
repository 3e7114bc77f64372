"""Formulas written down as data: arithmetic on symbols, so that Python and the browser run the very same steps.

The functions here (`sin`, `table`, ...) take numbers or `Symbol`s. With numbers they compute at once. With symbols they
append a step to a `Graph`; the graph travels to the browser as JSON, where some forty lines evaluate it.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OPERATIONS = (
    "add", "sub", "mul", "div", "neg", "sin", "cos", "asin", "atan2", "sqrt", "tanh", "min", "max", "table",
)  # fmt: skip
"""The steps a graph may hold; their position in this list is their code in the data."""


@dataclass
class Graph:
    """Steps in the order in which they are evaluated.

    A reference is a position in the list of values: first the inputs, then the literals, then the result of each step.
    While a graph is being written, literals and steps have separate places; `to_data` joins them.
    """

    inputs: tuple[str, ...]
    literals: dict[float, int] = field(default_factory=dict)
    tables: list[tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=list)
    steps: dict[tuple, int] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def symbols(self) -> dict[str, Symbol]:
        """One symbol per input, by name."""
        return {name: Symbol(self, ("input", position)) for position, name in enumerate(self.inputs)}

    def step(self, operation: str, *operands: Symbol | float) -> Symbol:
        """The symbol of one step; the same step on the same operands is written once."""
        key = (operation, *(self._place(each) for each in operands))
        return Symbol(self, ("step", self.steps.setdefault(key, len(self.steps))))

    def look_up(self, symbol: Symbol, xs: Sequence[float], ys: Sequence[float]) -> Symbol:
        """The symbol of a linear look-up in a table."""
        entry = (tuple(xs), tuple(ys))
        if entry not in self.tables:
            self.tables.append(entry)
        key = ("table", self._place(symbol), ("table", self.tables.index(entry)))
        return Symbol(self, ("step", self.steps.setdefault(key, len(self.steps))))

    def _place(self, operand: Symbol | float) -> tuple[str, int]:
        if isinstance(operand, Symbol):
            return operand.place
        return "literal", self.literals.setdefault(float(operand), len(self.literals))

    def to_data(self) -> dict[str, Any]:
        """The graph as plain data: {"inputs", "literals", "tables", "steps": [[code, ref, ...]], "outputs": {name: ref}}."""
        first = {"input": 0, "literal": len(self.inputs), "step": len(self.inputs) + len(self.literals), "table": 0}

        def reference(place: tuple[str, int]) -> int:
            return first[place[0]] + place[1]

        return {
            "inputs": list(self.inputs),
            "literals": list(self.literals),
            "tables": [[list(xs), list(ys)] for xs, ys in self.tables],
            "steps": [[OPERATIONS.index(key[0]), *(reference(place) for place in key[1:])] for key in self.steps],
            "outputs": {
                name: reference(each.place if isinstance(each, Symbol) else self._place(each))
                for name, each in self.outputs.items()
            },
        }


@dataclass(frozen=True, eq=False)
class Symbol:
    """A number that isn't known yet: stands for an input or for the result of a step."""

    graph: Graph
    place: tuple[str, int]

    def __add__(self, other: Number) -> Number:
        return self if _is(other, 0) else self.graph.step("add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Number) -> Number:
        return self if _is(other, 0) else self.graph.step("sub", self, other)

    def __rsub__(self, other: Number) -> Number:
        return -self if _is(other, 0) else self.graph.step("sub", other, self)

    def __mul__(self, other: Number) -> Number:
        if _is(other, 0):
            return 0.0
        return self if _is(other, 1) else self.graph.step("mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Number:
        return self.graph.step("div", self, other)

    def __rtruediv__(self, other: Number) -> Number:
        return self.graph.step("div", other, self)

    def __neg__(self) -> Symbol:
        return self.graph.step("neg", self)

    def __bool__(self) -> bool:
        raise TypeError("A formula that is written down as data can't branch; use minimum, maximum or a table.")


Number = float | Symbol


def trace(formula: Callable[[Mapping[str, Number]], Mapping[str, Number]], inputs: Sequence[str]) -> Graph:
    """The graph of `formula`, which takes {input: number} and returns {output: number}."""
    graph = Graph(tuple(inputs))
    graph.outputs = dict(formula(graph.symbols()))
    for each in graph.outputs.values():
        if not isinstance(each, Symbol):
            graph.step("neg", each)  # a constant output gets a place among the literals
    return graph


def sin(angle_rad: Number) -> Number:
    """Sine of an angle in radians."""
    return _apply("sin", math.sin, angle_rad)


def cos(angle_rad: Number) -> Number:
    """Cosine of an angle in radians."""
    return _apply("cos", math.cos, angle_rad)


def asin(ratio: Number) -> Number:
    """Arc sine in radians of a ratio, which is first held within -1..1."""
    return _apply("asin", lambda each: math.asin(each), maximum(-1.0, minimum(1.0, ratio)))


def atan2(y: Number, x: Number) -> Number:
    """Angle in radians of the direction (x, y)."""
    return _apply("atan2", math.atan2, y, x)


def sqrt(square: Number) -> Number:
    """Square root of a number that is not negative."""
    return _apply("sqrt", math.sqrt, square)


def tanh(each: Number) -> Number:
    """Hyperbolic tangent: bends any number smoothly into -1..1."""
    return _apply("tanh", math.tanh, each)


def minimum(a: Number, b: Number) -> Number:
    """The smaller of two."""
    return _apply("min", min, a, b)


def maximum(a: Number, b: Number) -> Number:
    """The larger of two."""
    return _apply("max", max, a, b)


def table(x: Number, xs: Sequence[float], ys: Sequence[float]) -> Number:
    """`ys` at `x`, linear between the ascending `xs`, and held at the ends. Raises ValueError for a table out of order."""
    if len(xs) != len(ys) or len(xs) < 2 or any(a >= b for a, b in itertools.pairwise(xs)):
        raise ValueError("A table needs as many y as x, at least two, with x ascending.")
    if isinstance(x, Symbol):
        return x.graph.look_up(x, xs, ys)
    if x <= xs[0]:
        return ys[0]
    if x >= xs[-1]:
        return ys[-1]
    right = bisect_right(xs, x)
    share = (x - xs[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + share * (ys[right] - ys[right - 1])


def _apply(operation: str, compute: Callable[..., float], *operands: Number) -> Number:
    symbol = next((each for each in operands if isinstance(each, Symbol)), None)
    return compute(*operands) if symbol is None else symbol.graph.step(operation, *operands)


def _is(other: Number, number: float) -> bool:
    return not isinstance(other, Symbol) and other == number
