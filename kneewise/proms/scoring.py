"""Answers -> score. A missing answer is never a zero, and an unclear rule gives no score but a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real

from kneewise.proms.rules import AnswersRefused, Item, Rule, Scoring

Answers = Mapping[int, float | None] | Iterable[tuple[int, float | None]]
"""Item number -> answer. None, or an item that is left out, is a missing answer."""


@dataclass(frozen=True)
class SubscaleScore:
    """The sum of a subscale; `value` is None, with the `reason`, unless all its items are answered."""

    name: str
    value: float | None
    answered: int
    of: int
    reason: str = ""


@dataclass(frozen=True)
class Score:
    """A score, unrounded, or None with one sentence in `reason`. `items` are the numbers of the answered items."""

    instrument: str
    value: float | None
    subscales: tuple[SubscaleScore, ...]
    answered: int
    of: int
    rule: str
    rule_status: str
    reason: str
    items: tuple[int, ...] = ()


def score(scoring: Scoring, answers: Answers, rule: str | None = None) -> Score:
    """The score of one filled-in questionnaire.

    Parameters
    ----------
    scoring : Scoring
        The questionnaire.
    answers : mapping of item number to answer, or pairs of them
        Answers are numbers as `rule` reads them; None is a missing answer.
    rule : str, optional
        Name of one of `scoring.rules`. It may be left out only where there is one.

    Raises
    ------
    AnswersRefused
        An item that the questionnaire doesn't have, or that stands twice; an answer that is no number or none of the
        item's options; an unknown rule. All problems are named at once.
    """
    given = _checked_numbers(scoring, answers)
    chosen = _chosen_rule(scoring, rule)
    if chosen is None:
        return _no_score(scoring, given, None, _name_a_rule(scoring))
    if chosen.unclear:
        return _no_score(scoring, given, chosen, chosen.unclear)
    points = _points(scoring, given, chosen)
    subscales = tuple(_subscale(each.name, each.items, points, scoring) for each in scoring.subscales)
    needed, of = chosen.answered_at_least, len(scoring.items)
    if len(points) < needed:
        return _no_score(scoring, given, chosen, _too_few(scoring, chosen, len(points)), subscales)
    value = _by_formula(scoring, sum(points.values()), tuple(points))
    return Score(
        scoring.instrument, value, subscales, len(points), of, chosen.name, chosen.status, "", tuple(sorted(points))
    )


def score_total(scoring: Scoring, total: float, rule: str | None = None) -> Score:
    """The score of a questionnaire of which only the total of all its answers is known (an old 12-60 total, say).

    Parameters
    ----------
    scoring : Scoring
        The questionnaire.
    total : float
        Sum of the answers of all items, as `rule` reads answers.
    rule : str, optional
        As for `score`.

    Raises
    ------
    AnswersRefused
        The total is no number or lies outside what all items together allow; an unknown rule.
    """
    checked = _number(total)
    if checked is None:
        raise AnswersRefused(f"{scoring.name}: the total is not a number.")
    chosen = _chosen_rule(scoring, rule)
    nothing: dict[int, float] = {}
    if chosen is None:
        return _no_score(scoring, nothing, None, _name_a_rule(scoring))
    if chosen.unclear:
        return _no_score(scoring, nothing, chosen, chosen.unclear)
    of = len(scoring.items)
    turned = len(chosen.reversed_items)
    if scoring.formula == "mean" or chosen.answers_are != "points" or turned not in (0, of):
        return _no_score(
            scoring, nothing, chosen, f"{scoring.name}: a total says too little by the rule '{chosen.name}'; "
            "the answers themselves are needed.",
        )  # fmt: skip
    if chosen.answered_at_least < of:
        return _no_score(
            scoring, nothing, chosen, f"{scoring.name}: the rule '{chosen.name}' allows missing answers, and a total "
            "doesn't say how many there are; the answers themselves are needed.",
        )  # fmt: skip
    least, most = sum(item.minimum for item in scoring.items), sum(item.maximum for item in scoring.items)
    points = checked / chosen.answers_per_point - of * chosen.shift
    whole = all(item.whole for item in scoring.items)
    if not least <= points <= most or (whole and not points.is_integer()):
        ends = ((end + of * chosen.shift) * chosen.answers_per_point for end in (least, most))
        kind = "no whole number" if whole else "no number"
        raise AnswersRefused(f"{scoring.name}: the total is {kind} from {' to '.join(f'{end:g}' for end in ends)}.")
    if turned:
        points = least + most - points
    value = _by_formula(scoring, points, tuple(item.number for item in scoring.items))
    return Score(scoring.instrument, value, (), of, of, chosen.name, chosen.status, "")


# --- Reading answers ---------------------------------------------------------------------------------------------------


def _number(value: object) -> float | None:
    """The value as a finite float; None when it is text, yes/no, NaN or infinite."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    return float(value)


def _checked_numbers(scoring: Scoring, answers: Answers) -> dict[int, float]:
    """Item number -> answer for what was answered. No answer is repeated in a message: it may be anything."""
    if isinstance(answers, str | bytes):
        raise AnswersRefused(f"{scoring.name}: answers are pairs of an item's number and its answer, not a text.")
    known = {item.number for item in scoring.items}
    problems: list[str] = []
    given: dict[int, float] = {}
    seen: set[int] = set()
    for entry in answers.items() if isinstance(answers, Mapping) else answers:
        try:
            number, answer = entry
        except (TypeError, ValueError):
            problems.append(f"{scoring.name}: answers are pairs of an item's number and its answer.")
            break
        if isinstance(number, bool) or not isinstance(number, Integral) or number not in known:
            problems.append(f"{scoring.name} has the items 1 to {len(known)}, and an answer names another one.")
            continue
        if number in seen:
            problems.append(f"{scoring.name}, item {number}: there are two answers; keep one.")
            continue
        seen.add(int(number))
        if answer is None:
            continue
        checked = _number(answer)
        if checked is None:
            problems.append(
                f"{scoring.name}, item {number}: the answer is not a number; where none was given, leave the item out."
            )
        else:
            given[int(number)] = checked
    if problems:
        raise AnswersRefused(problems)
    return given


def _points(scoring: Scoring, given: Mapping[int, float], rule: Rule) -> dict[int, float]:
    """Item number -> points, as the rule reads the answers."""
    problems = []
    points = {}
    for item in scoring.items:
        if item.number not in given:
            continue
        found = _points_of(item, given[item.number], rule)
        if found is None:
            problems.append(f"{scoring.name}, item {item.number}: the answer is {_allowed(item, rule)}.")
        else:
            points[item.number] = found
    if problems:
        raise AnswersRefused(problems)
    return points


def _points_of(item: Item, answer: float, rule: Rule) -> float | None:
    """The points of one answer; None when it is none of the item's options."""
    if rule.answers_are == "option_numbers":
        if not answer.is_integer() or not 1 <= answer <= len(item.weights):
            return None
        return item.weights[int(answer) - 1]
    points = answer / rule.answers_per_point - rule.shift
    if item.weights:
        if points not in item.weights:
            return None
    elif not item.minimum <= points <= item.maximum or (item.whole and not points.is_integer()):
        return None
    return item.minimum + item.maximum - points if item.number in rule.reversed_items else points


def _allowed(item: Item, rule: Rule) -> str:
    """What an answer is not, for the end of a sentence."""
    if rule.answers_are == "option_numbers":
        return f"no option from 1 to {len(item.weights)}"
    if item.weights:
        return f"none of {', '.join(f'{weight:g}' for weight in item.weights)}"
    low, high = ((end + rule.shift) * rule.answers_per_point for end in (item.minimum, item.maximum))
    return f"no {'whole ' if item.whole else ''}number from {low:g} to {high:g}"


# --- Rules -------------------------------------------------------------------------------------------------------------


def _chosen_rule(scoring: Scoring, name: str | None) -> Rule | None:
    """The named rule, the only one, or None where one must be named. Raises AnswersRefused for a name unknown."""
    if name is None:
        return scoring.rules[0] if len(scoring.rules) == 1 else None
    for rule in scoring.rules:
        if rule.name == name:
            return rule
    raise AnswersRefused(f"{scoring.name} has no such rule; it has {', '.join(rule.name for rule in scoring.rules)}.")


def _name_a_rule(scoring: Scoring) -> str:
    said = "; ".join(f"{rule.name}: {rule.says}" for rule in scoring.rules)
    return f"{scoring.name} can be scored in ways that differ, so the one that was used must be named ({said})."


def _too_few(scoring: Scoring, rule: Rule, answered: int) -> str:
    needed, of = rule.answered_at_least, len(scoring.items)
    counted = f"{scoring.name}: {answered} of {of} answered, and the rule '{rule.name}' needs {needed}"
    if rule.status == "proposed" and needed == of:
        return f"{counted}; no published rule for missing answers was found, so none is filled in."
    return f"{counted}."


def _no_score(
    scoring: Scoring,
    given: Mapping[int, float],
    rule: Rule | None,
    reason: str,
    subscales: tuple[SubscaleScore, ...] = (),
) -> Score:
    return Score(
        scoring.instrument, None, subscales, len(given), len(scoring.items), rule.name if rule else "",
        rule.status if rule else "", reason, tuple(sorted(given)),
    )  # fmt: skip


# --- Formulas ----------------------------------------------------------------------------------------------------------


def _by_formula(scoring: Scoring, points: float, answered: tuple[int, ...]) -> float:
    """The score from the points of the answered items (at least one)."""
    if scoring.formula == "mean":
        return points / len(answered)
    if scoring.formula == "sum":
        # Each missing answer counts as the mean of the others; with none missing this changes nothing.
        return points if len(answered) == len(scoring.items) else points * len(scoring.items) / len(answered)
    chosen = [item for item in scoring.items if item.number in answered]
    least, most = sum(item.minimum for item in chosen), sum(item.maximum for item in chosen)
    percent = 100 * (points - least) / (most - least)
    return percent if scoring.formula == "percent" else 100 - percent


def _subscale(name: str, items: tuple[int, ...], points: Mapping[int, float], scoring: Scoring) -> SubscaleScore:
    answered = [number for number in items if number in points]
    if len(answered) < len(items):
        reason = f"{scoring.name}, {name}: {len(answered)} of {len(items)} answered, all are needed."
        return SubscaleScore(name, None, len(answered), len(items), reason)
    return SubscaleScore(name, sum(points[number] for number in items), len(items), len(items))
