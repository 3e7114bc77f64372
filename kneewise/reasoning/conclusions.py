"""What the reasoning concludes: frozen records that name entries of the knowledge base by id, ready for JSON.

Words are not in here: labels, texts and actions are looked up in the knowledge base by id, in either voice. Answers are
the words "present", "absent", "not_tested".
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

from kneewise.knowledge_base.models import Strength, Urgency
from kneewise.reasoning.findings import FindingValue

Answer = Literal["present", "absent", "not_tested"]
Advice = Strength | Literal["no_advice", "suppressed"]
Surety = Literal["clear", "within_error", "imprecise_test", "poor_agreement", "error_not_known", "not_applicable"]


@dataclass(frozen=True)
class Input:
    """A finding that a conclusion read; `value` None means not tested."""

    finding: str
    value: FindingValue | None


@dataclass(frozen=True)
class Trace:
    """Why: `entry` (rule, factor, ...) gave `answer` about `about` ("option.taping@profile.dutch") from `inputs`."""

    about: str
    entry: str
    code: str
    answer: Answer
    inputs: tuple[Input, ...]
    sources: tuple[str, ...]
    status: str
    evidence_level: str


@dataclass(frozen=True)
class Alarm:
    """A red flag, or another explanation that is an emergency or urgent, that holds now."""

    id: str
    kind: Literal["red_flag", "differential"]
    urgency: Urgency
    within: str


@dataclass(frozen=True)
class OpenQuestion:
    """An entry that can't be answered yet, and the untested findings that keep it open."""

    id: str
    missing: tuple[str, ...]
    urgency: Urgency | None = None


@dataclass(frozen=True)
class Safety:
    """The red-flag gate. `action` is the entry whose action comes first; `open` are questions nobody has answered."""

    state: Literal["hit", "open", "clear"]
    urgency: Urgency | None
    action: str | None
    hits: tuple[Alarm, ...]
    open: tuple[OpenQuestion, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class PartAnswer:
    """One part of the criteria, by its position in `knowledge.diagnosis.parts`."""

    position: int
    answer: Answer
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Criteria:
    """Whether the pattern is patellofemoral pain."""

    id: str
    state: Literal["hold", "do_not_hold", "not_yet_known"]
    parts: tuple[PartAnswer, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """A measured input of a factor against its cut-off. `margin` is how far a repeat strays (95 %), in `unit`."""

    finding: str
    value: FindingValue
    unit: str
    comparison: str
    threshold: float | None
    margin: float | None
    margin_from: Literal["sem", "mdc95"] | None
    agreement: str | None
    flips: bool


@dataclass(frozen=True)
class FactorAnswer:
    """A factor: its answer and how sure. `scored` is False where no criterion exists."""

    id: str
    code: str
    region: str
    role: str
    scored: bool
    answer: Answer
    surety: Surety
    readings: tuple[Reading, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Path:
    """A way from a present factor to pain. `weakest_level` is the evidence level of its weakest link."""

    factor: str
    nodes: tuple[str, ...]
    links: tuple[str, ...]
    weakest_level: str
    weakest_link: str
    contested: tuple[str, ...]
    told: bool
    effect: Literal["raises", "lowers"]


@dataclass(frozen=True)
class EntryAnswer:
    """The answer about one entry (subcategory, differential)."""

    id: str
    answer: Answer
    missing: tuple[str, ...]


@dataclass(frozen=True)
class FactValue:
    """A fact worked out from findings. `possible` words of a retest; `low`, `high` of a number (equal when known)."""

    id: str
    kind: str
    unit: str
    answer: str | None
    possible: tuple[str, ...]
    low: float | None
    high: float | None
    missing: tuple[str, ...]


@dataclass(frozen=True)
class StrategyAnswer:
    """One of the eight strategies: suggested because of `factors` (present) and `links` (lit)."""

    id: str
    number: int
    suggested: bool
    factors: tuple[str, ...]
    links: tuple[str, ...]
    option: str | None


@dataclass(frozen=True)
class OptionAdvice:
    """What one guideline profile says about one option.

    `strength` is the strength word, "no_advice" or "suppressed" (gate). `reason` says how it came about. `deciding` are
    the rules that gave it. `if_safety_clear` is the word that would stand if no open safety question were answered with
    a hit, and only where `strength` is "no_advice" for that reason. Lists hold rule ids; `missing` finding ids.
    """

    option: str
    profile: str
    strength: Advice
    reason: Literal[
        "rule", "combined", "safety_open", "missing_findings", "rules_do_not_apply", "no_rule", "suppressed"
    ]
    deciding: tuple[str, ...]
    if_safety_clear: Advice | None
    rules: tuple[str, ...]
    notes: tuple[str, ...]
    precautions: tuple[str, ...]
    warnings: tuple[str, ...]
    blocks: tuple[str, ...]
    open_rules: tuple[OpenQuestion, ...]
    missing: tuple[str, ...]
    combined_from: tuple[str, ...]
    preference: str | None
    compared: bool


@dataclass(frozen=True)
class ProfileAdvice:
    """All options under one guideline profile. `order` is by strength, ties by preference; `preference_grid` holds the
    options that pass (offer, consider) where there are two or more: the patient's preference decides among them."""

    profile: str
    options: tuple[OptionAdvice, ...]
    order: tuple[str, ...]
    preference_grid: tuple[str, ...]

    def option(self, option_id: str) -> OptionAdvice:
        """The advice on one option. Raises KeyError."""
        for advice in self.options:
            if advice.option == option_id:
                return advice
        raise KeyError(option_id)


@dataclass(frozen=True)
class GeneralRule:
    """A rule about no single option that fires (gate, banner, preference grid)."""

    rule: str
    code: str
    effect: str
    strength: str | None
    profiles: tuple[str, ...]


@dataclass(frozen=True)
class StopAnswer:
    """A stop rule: "fires" now, "watch" (ask at each visit), or "not_now" (its findings say no)."""

    id: str
    code: str
    state: Literal["fires", "watch", "not_now"]
    options: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class ReviewDate:
    """A check: `day` after the start, and its date (ISO) where the start is known."""

    id: str
    day: int
    date: str | None
    options: tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """One answer that changes. `kind` says what about; `profile` is set for options and their order."""

    kind: Literal["gate", "criteria", "option", "order", "factor", "subcategory", "red_flag"]
    about: str
    profile: str | None
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """One finding that would be different. None is not tested."""

    finding: str
    old: FindingValue | None
    new: FindingValue | None


@dataclass(frozen=True)
class Counterfactual:
    """The smallest change of these findings that changes the answer. Applied, it does.

    `kind`: "preference", "measurement", "observation", or "safety" (a safety question). `learnt` is True where the
    finding was not tested yet, so that nothing changes in the person, only in what we know.
    """

    changes: tuple[Change, ...]
    kind: Literal["preference", "measurement", "observation", "safety"]
    learnt: bool
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Flip:
    """A measured input that, read again within its error, changes answers."""

    finding: str
    value: FindingValue
    tried: FindingValue
    why: Literal["measurement_error", "poor_agreement"]
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Robustness:
    """`advice_robust`: no input within its error changes gate, criteria or any option. `flips` also lists factors and
    subcategories that would change; None where nothing was tried (after a red flag, without looking ahead). `tried` are
    the inputs that were varied; `error_not_known` could not be."""

    advice_robust: bool | None
    flips: tuple[Flip, ...]
    tried: tuple[str, ...]
    error_not_known: tuple[str, ...]


@dataclass(frozen=True)
class NextTest:
    """An untested finding (or the findings of one test) and how many answers it can change at most."""

    test: str | None
    findings: tuple[str, ...]
    safety: bool
    urgency: Urgency | None
    most_changes: int
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Conclusions:
    """Everything the reasoning concludes from one set of findings. See `to_json`."""

    profile: str
    suppressed: bool
    safety: Safety
    criteria: Criteria
    general: tuple[GeneralRule, ...]
    facts: tuple[FactValue, ...]
    factors: tuple[FactorAnswer, ...]
    paths: tuple[Path, ...]
    lit_links: tuple[str, ...]
    subcategories: tuple[EntryAnswer, ...]
    differentials: tuple[EntryAnswer, ...]
    strategies: tuple[StrategyAnswer, ...]
    advice: tuple[ProfileAdvice, ...]
    stop_rules: tuple[StopAnswer, ...]
    reviews: tuple[ReviewDate, ...]
    counterfactuals: tuple[Counterfactual, ...]
    robustness: Robustness
    next_tests: tuple[NextTest, ...]
    traces: tuple[Trace, ...]

    def under(self, profile: str) -> ProfileAdvice:
        """The advice under one guideline profile. Raises KeyError."""
        for advice in self.advice:
            if advice.profile == profile:
                return advice
        raise KeyError(profile)

    def option(self, option_id: str, profile: str | None = None) -> OptionAdvice:
        """The advice on one option, under the chosen profile or another one. Raises KeyError."""
        return self.under(profile or self.profile).option(option_id)

    def factor(self, factor_id: str) -> FactorAnswer:
        """The answer about one factor. Raises KeyError."""
        for factor in self.factors:
            if factor.id == factor_id:
                return factor
        raise KeyError(factor_id)

    def traces_of(self, about: str) -> tuple[Trace, ...]:
        """The traces of one conclusion, for example "factor.dynamic_valgus" or "option.taping@profile.dutch"."""
        return tuple(trace for trace in self.traces if trace.about == about)


def to_json(conclusions: Conclusions) -> str:
    """The conclusions as JSON text; ids lead to the knowledge base."""
    return json.dumps(dataclasses.asdict(conclusions), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
