"""What a change of one person's score may mean: noise, real, important. Two limits, never mixed up.

The detectable change (MDC) says from where on a change is more than error of measurement; the important change (MIC, MCID)
says from where on patients find it worth having. Either may be unknown, and then the verdict says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from kneewise.proms.rules import AnswersRefused
from kneewise.proms.scoring import Score

VerdictKind = Literal[
    "no_change",
    "may_be_noise",
    "real_not_clearly_important",
    "real_and_important",
    "real_importance_unknown",
    "noise_unknown_below_important",
    "noise_unknown_as_large_as_important",
    "neither_limit_known",
    "not_assessed",
]

UNVERIFIED = {"recalled": ", awaiting verification", "proposed": ", clinic policy"}


@dataclass(frozen=True)
class Threshold:
    """A published limit of change in the unit of the score; `note` says so where only a span was published."""

    value: float
    quantity: str
    status: str
    population: str
    source: str = ""
    note: str = ""


@dataclass(frozen=True)
class ChangeScale:
    """What is needed to judge a change of one questionnaire's score.

    `detectable_one_item` holds where the score rests on a single item of several (PSFS). `own_items`: patients choose
    their own items, so both scores must rest on the same ones.
    """

    instrument: str
    name: str
    unit: str
    minimum: float
    maximum: float
    higher_is_better: bool
    detectable: Threshold | None = None
    important: Threshold | None = None
    detectable_one_item: Threshold | None = None
    own_items: bool = False


@dataclass(frozen=True)
class ChangeVerdict:
    """What a change may mean. `change` is last - first; `size` is its amount; None where it was not assessed.

    `detectable` and `important` are the limits that were used, with population and source.
    """

    instrument: str
    kind: VerdictKind
    direction: Literal["better", "worse", "none"]
    change: float | None
    size: float | None
    sentence: str
    detectable: Threshold | None = None
    important: Threshold | None = None


def assess_change(first: Score | float, last: Score | float, scale: ChangeScale) -> ChangeVerdict:
    """What the change from the first to the last score of one person may mean. A change equal to a limit reaches it.

    Parameters
    ----------
    first, last : Score or float
        Scores in the unit of the scale. A `Score` without a value is not assessed.
    scale : ChangeScale
        The questionnaire's limits and direction.

    Raises
    ------
    AnswersRefused
        A score is no number, lies outside the scale, or is of another questionnaire.
    """
    for place, each in (("first", first), ("last", last)):
        if isinstance(each, Score) and each.instrument != scale.instrument:
            raise AnswersRefused(f"The {place} score is of another questionnaire than {scale.name}.")
    without = next((each for each in (first, last) if isinstance(each, Score) and each.value is None), None)
    if without is not None:
        return _not_assessed(scale, f"No change is worked out, because a score is missing. {without.reason}")
    before, after = _value(first, "first", scale), _value(last, "last", scale)
    both = [each for each in (first, last) if isinstance(each, Score)]
    if scale.own_items and len(both) == 2 and first.items != last.items:
        return _not_assessed(
            scale, f"{scale.name}: the two scores rest on different activities; only the same ones can be compared."
        )

    one_item = len(both) == 2 and first.answered == 1 and scale.detectable_one_item is not None
    detectable = scale.detectable_one_item if one_item else scale.detectable
    change = after - before
    size = abs(change)
    if math.isclose(after, before, rel_tol=0, abs_tol=1e-9):
        sentence = f"{scale.name}: no change."
        return ChangeVerdict(scale.instrument, "no_change", "none", 0.0, 0.0, sentence, detectable, scale.important)
    kind = _kind(size, detectable, scale.important)
    direction = "better" if (change > 0) == scale.higher_is_better else "worse"
    sentence = (
        f"{scale.name}: {_amount(size, scale.unit)} {direction}; {_meaning(kind, size, detectable, scale.important)}"
    )
    return ChangeVerdict(scale.instrument, kind, direction, change, size, sentence, detectable, scale.important)


def _value(given: Score | float, place: str, scale: ChangeScale) -> float:
    value = given.value if isinstance(given, Score) else given
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise AnswersRefused(f"{scale.name}: the {place} score is not a number.")
    if not scale.minimum <= value <= scale.maximum:
        raise AnswersRefused(
            f"{scale.name}: the {place} score is not between {scale.minimum:g} and {scale.maximum:g}; "
            "check which version of the questionnaire it is."
        )
    return float(value)


def _not_assessed(scale: ChangeScale, sentence: str) -> ChangeVerdict:
    return ChangeVerdict(scale.instrument, "not_assessed", "none", None, None, sentence)


def _reaches(size: float, limit: Threshold) -> bool:
    """Whether a change reaches a limit; 16/3 - 10/3 is 2, whatever floating point makes of it."""
    return size >= limit.value or math.isclose(size, limit.value, rel_tol=1e-9)


def _kind(size: float, detectable: Threshold | None, important: Threshold | None) -> VerdictKind:
    if detectable is None and important is None:
        return "neither_limit_known"
    if detectable is None:
        return "noise_unknown_as_large_as_important" if _reaches(size, important) else "noise_unknown_below_important"
    if not _reaches(size, detectable):
        return "may_be_noise"
    if important is None:
        return "real_importance_unknown"
    return "real_and_important" if _reaches(size, important) else "real_not_clearly_important"


def _amount(size: float, unit: str) -> str:
    return f"{round(size, 2):g} {unit}".rstrip()


def _limit(threshold: Threshold) -> str:
    return f"{threshold.value:g}{UNVERIFIED.get(threshold.status, '')}"


def _meaning(kind: VerdictKind, size: float, detectable: Threshold | None, important: Threshold | None) -> str:
    """The second half of the sentence."""
    mdc = f"the detectable change ({_limit(detectable)})" if detectable else ""
    mic = f"the important change ({_limit(important)})" if important else ""
    if kind == "may_be_noise":
        although = f", although it reaches {mic}" if important and _reaches(size, important) else ""
        return f"below {mdc}{although}: for one person it may be noise."
    said = {
        "real_not_clearly_important": f"reaches {mdc}, below {mic}: real, not clearly important.",
        "real_and_important": f"reaches {mdc} and {mic}: real and important.",
        "real_importance_unknown": f"reaches {mdc}: real; how much matters to patients is not known.",
        "noise_unknown_below_important": f"below {mic}: not clearly important; the detectable change is not known.",
        "noise_unknown_as_large_as_important": f"reaches {mic}; the detectable change is not known, so it may be noise.",
        "neither_limit_known": "neither the detectable nor the important change is known.",
    }
    return said[kind]
