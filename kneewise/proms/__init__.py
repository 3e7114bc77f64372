"""Questionnaires: answers in, score out, and what a change of a score may mean. Plain data in, no input, no output.

The rules (ranges, weights, how many answers are needed) come from `knowledge/instruments/`; none stands here. Where a rule
is missing or unclear there is no score, and one sentence says why.
"""

from kneewise.proms.change import ChangeScale, ChangeVerdict, Threshold, assess_change
from kneewise.proms.rules import AnswersRefused, Item, Rule, Scoring, Subscale
from kneewise.proms.scoring import Answers, Score, SubscaleScore, score, score_total

__all__ = [
    "Answers",
    "AnswersRefused",
    "ChangeScale",
    "ChangeVerdict",
    "Item",
    "Rule",
    "Score",
    "Scoring",
    "Subscale",
    "SubscaleScore",
    "Threshold",
    "assess_change",
    "score",
    "score_total",
]
