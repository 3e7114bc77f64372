"""How one questionnaire is scored, as plain frozen data: its items, its formula, and the rules a caller may name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kneewise.errors import KneewiseError

Formula = Literal["sum", "mean", "percent", "hundred_minus_percent"]
"""`sum`: points added up. `mean`: points / answered items. `percent`: 100 x points above the least / most that the
answered items allow. `hundred_minus_percent`: 100 - that, for items whose high points are bad and a score whose high is
good."""


class AnswersRefused(KneewiseError):
    """Answers, a total or a pair of scores can't be what they are said to be; one sentence per problem."""


@dataclass(frozen=True)
class Item:
    """One question by its number: points from `minimum` to `maximum`, or the `weights` of its options, best first."""

    number: int
    minimum: float
    maximum: float
    whole: bool = True
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Subscale:
    """Items that have a sum of their own."""

    name: str
    items: tuple[int, ...]


@dataclass(frozen=True)
class Rule:
    """One way of reading answers and of treating missing ones, by name.

    The points of an item are `answer / answers_per_point - shift`, counted from the other end where the item is among
    `reversed_items`; with `option_numbers` they are the weight of that option (1 is the first). There is a score from
    `answered_at_least` answers on. `unclear` says why there is never one.
    """

    name: str
    says: str
    answered_at_least: int
    status: str
    answers_are: Literal["points", "option_numbers"] = "points"
    shift: float = 0.0
    answers_per_point: float = 1.0
    reversed_items: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    unclear: str = ""


@dataclass(frozen=True)
class Scoring:
    """One questionnaire. `minimum` and `maximum` are the ends of its score; with several rules one must be named."""

    instrument: str
    name: str
    minimum: float
    maximum: float
    higher_is_better: bool
    formula: Formula
    items: tuple[Item, ...]
    rules: tuple[Rule, ...]
    subscales: tuple[Subscale, ...] = ()
