"""Conditions of the knowledge base as fast closures with three answers: present, absent, not tested (Kleene).

`Compiler` turns a Condition into a `Question`: a function of a `Context` (the findings of one run), the findings that it
reads, and a way to say which answers are missing. A fact that is only partly known (points, a retest without rating)
keeps every value that is still possible; a comparison is answered only when all of them agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kneewise.errors import KnowledgeError
from kneewise.knowledge_base.models import Condition, DerivedFact, Finding, KnowledgeBase, ResponseRule
from kneewise.knowledge_base.references import ENGINE_FACTS
from kneewise.quantities import Truth, negate
from kneewise.reasoning.findings import FindingValue

PRESENT, ABSENT, NOT_TESTED = Truth.PRESENT, Truth.ABSENT, Truth.NOT_TESTED
RESPONSES = ("responder", "partial", "non_responder", "worse", "uninterpretable")
_DECIMALS = 4
"""Differences are rounded to this many decimals, so that 9.2 - 8.0 counts as 1.2."""


class Context:
    """The findings of one run, what was worked out from them so far, and the answers of the gate.

    `lenient` gives the answer as things stand: an open red-flag question does not hold it up, and a retest without a
    rating is read by its pain alone. It is used for provisional answers only.
    """

    __slots__ = ("criteria", "lenient", "memo", "red_flag", "values")

    def __init__(self, values: Mapping[str, FindingValue], lenient: bool = False):
        self.values = values
        self.memo: dict[str, object] = {}
        self.red_flag: Truth = NOT_TESTED
        self.criteria: Truth = NOT_TESTED
        self.lenient = lenient


@dataclass(frozen=True)
class Question:
    """A compiled condition. `missing` names the untested findings that keep it open; empty when it is answered."""

    ask: Callable[[Context], Truth]
    missing: Callable[[Context], frozenset[str]]
    reads: frozenset[str]
    reads_gate: bool


@dataclass(frozen=True)
class Fact:
    """A compiled derived fact: `look` gives what is possible (see `look_...`), or None when nothing is known."""

    look: Callable[[Context], object]
    missing: Callable[[Context], frozenset[str]]
    reads: frozenset[str]


_NONE_MISSING: frozenset[str] = frozenset()


class Compiler:
    """Compiles the conditions of one knowledge base; derived facts and factors are compiled once."""

    def __init__(self, knowledge: KnowledgeBase):
        self.knowledge = knowledge
        self.findings: dict[str, Finding] = {finding.id: finding for finding in knowledge.findings}
        self.derived = {fact.id: fact for fact in knowledge.derived_facts}
        self.factors = {factor.id: factor for factor in knowledge.factors}
        self.thresholds: dict[str, set[float]] = {}
        self.arithmetic: set[str] = set()
        self._facts: dict[str, Fact] = {}
        self._factor_questions: dict[str, Question] = {}
        self._open: list[str] = []

    def question(self, condition: Condition, profile: str | None = None) -> Question:
        """The compiled condition; a `profile` leaf is answered for `profile`. Raises KnowledgeError for a circle."""
        if condition.all_of is not None:
            return _joined([self.question(each, profile) for each in condition.all_of], ABSENT, PRESENT)
        if condition.any_of is not None:
            return _joined([self.question(each, profile) for each in condition.any_of], PRESENT, ABSENT)
        if condition.not_ is not None:
            inner = self.question(condition.not_, profile)
            ask = inner.ask
            return Question(lambda context: negate(ask(context)), inner.missing, inner.reads, inner.reads_gate)
        if condition.finding is not None:
            return self._finding_leaf(condition)
        if condition.derived is not None:
            return self._gate_leaf(condition) if condition.derived in ENGINE_FACTS else self._derived_leaf(condition)
        if condition.factor is not None:
            return self._factor_leaf(condition)
        if profile is None:
            raise KnowledgeError(f"A condition names '{condition.profile}', but only a rule may ask for the profile.")
        answer = PRESENT if condition.profile == profile else ABSENT
        return Question(lambda context: answer, lambda context: _NONE_MISSING, frozenset(), False)

    def factor_question(self, factor_id: str) -> Question:
        """Whether a factor is present. A factor without a criterion is never answered."""
        if factor_id not in self._factor_questions:
            criterion = self.factors[factor_id].criterion
            if criterion is None:
                never = Question(lambda context: NOT_TESTED, lambda context: _NONE_MISSING, frozenset(), False)
                self._factor_questions[factor_id] = never
            else:
                self._factor_questions[factor_id] = self._guarded(factor_id, lambda: self.question(criterion.when))
        return self._factor_questions[factor_id]

    def fact(self, fact_id: str) -> Fact:
        """A compiled derived fact."""
        if fact_id not in self._facts:
            self._facts[fact_id] = self._guarded(fact_id, lambda: self._compile_fact(self.derived[fact_id]))
        return self._facts[fact_id]

    def _guarded(self, owner: str, compile_it: Callable[[], object]) -> object:
        if owner in self._open:
            raise KnowledgeError(f"{owner}: its condition leads back to itself.")
        self._open.append(owner)
        try:
            return compile_it()
        finally:
            self._open.pop()

    def _finding_leaf(self, condition: Condition) -> Question:
        finding_id = condition.finding
        holds = self._comparison(condition, self.findings[finding_id])

        def ask(context: Context) -> Truth:
            value = context.values.get(finding_id)
            if value is None:
                return NOT_TESTED
            return PRESENT if holds(value) else ABSENT

        alone = frozenset({finding_id})
        return Question(
            ask, lambda context: _NONE_MISSING if finding_id in context.values else alone, alone, reads_gate=False
        )

    def _comparison(self, condition: Condition, finding: Finding) -> Callable[[FindingValue], bool]:
        if finding.kind == "number":
            compare, threshold = _numeric(condition)
            self.thresholds.setdefault(finding.id, set()).add(threshold)
            return lambda value: compare(value, value)
        if finding.kind == "yes_no":
            wanted = condition.is_
            return lambda value: value is wanted
        wanted_choices = frozenset(condition.one_of or (condition.is_,))
        if finding.kind == "choice":
            return lambda value: value in wanted_choices
        return lambda value: not wanted_choices.isdisjoint(value)

    def _gate_leaf(self, condition: Condition) -> Question:
        name, wanted = condition.derived, condition.is_
        if not isinstance(wanted, bool):
            raise KnowledgeError(f"'{name}' is compared with `is: true` or `is: false`.")

        def ask(context: Context) -> Truth:
            if name == "derived.red_flag_any":
                answer = context.red_flag
            elif name == "derived.pfp_criteria_met":
                answer = context.criteria
            else:
                answer = in_scope(context.red_flag, context.criteria)
            return answer if wanted else negate(answer)

        return Question(ask, lambda context: _NONE_MISSING, frozenset(), reads_gate=True)

    def _factor_leaf(self, condition: Condition) -> Question:
        factor_id, wanted = condition.factor, condition.is_
        inner = self.factor_question(factor_id)
        ask_inner = inner.ask

        def ask(context: Context) -> Truth:
            answer = context.memo.get(factor_id)
            if answer is None:
                answer = context.memo[factor_id] = ask_inner(context)
            if wanted == "present":
                return answer
            if wanted == "absent":
                return negate(answer)
            return PRESENT if answer is NOT_TESTED else ABSENT

        return Question(ask, inner.missing, inner.reads, inner.reads_gate)

    def _derived_leaf(self, condition: Condition) -> Question:
        fact_id = condition.derived
        kind = self.derived[fact_id].kind
        compiled = self.fact(fact_id)
        look = compiled.look

        def known(context: Context) -> object:
            if fact_id not in context.memo:
                context.memo[fact_id] = look(context)
            return context.memo[fact_id]

        if kind == "condition":
            wanted = condition.is_
            if not isinstance(wanted, bool):
                raise KnowledgeError(f"'{fact_id}' is compared with `is: true` or `is: false`.")

            def ask(context: Context) -> Truth:
                return known(context) if wanted else negate(known(context))

        elif kind == "response":
            wanted_classes = frozenset(condition.one_of or (condition.is_,))
            if not wanted_classes <= frozenset(RESPONSES):
                raise KnowledgeError(f"'{fact_id}' is one of {', '.join(RESPONSES)}.")

            def ask(context: Context) -> Truth:
                possible = known(context)
                if possible <= wanted_classes:
                    return PRESENT
                return ABSENT if possible.isdisjoint(wanted_classes) else NOT_TESTED

        else:
            compare, _ = _numeric(condition)

            def ask(context: Context) -> Truth:
                bounds = known(context)
                if bounds is None:
                    return NOT_TESTED
                low, high = bounds
                if compare(low, high):
                    return PRESENT
                return NOT_TESTED if compare(high, low) else ABSENT

        def missing(context: Context) -> frozenset[str]:
            return compiled.missing(context) if ask(context) is NOT_TESTED else _NONE_MISSING

        return Question(ask, missing, compiled.reads, reads_gate=False)

    def _compile_fact(self, fact: DerivedFact) -> Fact:
        if fact.kind == "condition":
            inner = self.question(fact.when)
            return Fact(inner.ask, inner.missing, inner.reads)
        if fact.kind == "points":
            return _points(fact, [self.question(item.when) for item in fact.items])
        inputs = tuple(each for each in (fact.before, fact.after, fact.rating) if each)
        self.arithmetic.update(inputs)

        def missing(context: Context) -> frozenset[str]:
            return frozenset(each for each in inputs if each not in context.values)

        if fact.kind == "response":
            rule = self.response_rule(fact.id)
            before, after, rating = fact.before, fact.after, fact.rating

            def look(context: Context) -> object:
                get = context.values.get
                return possible_responses(rule, get(before), get(after), get(rating), by_pain_alone=context.lenient)

        else:
            arithmetic = _percent_change if fact.kind == "percent_change" else _body_mass_index
            first, second = fact.before, fact.after

            def look(context: Context) -> object:
                get = context.values.get
                one, other = get(first), get(second)
                value = None if one is None or other is None else arithmetic(one, other)
                return None if value is None else (value, value)

        return Fact(look, missing, frozenset(inputs))

    def response_rule(self, fact_id: str) -> ResponseRule:
        """How the retest of this fact is classed: the rule with the same last word, else the only or first one."""
        rules = self.knowledge.response_rules
        if not rules:
            raise KnowledgeError(f"{fact_id}: there is no response rule.")
        word = fact_id.split(".")[1].split("_")[0]
        return next((rule for rule in rules if word in rule.id), rules[0])


def in_scope(red_flag: Truth, criteria: Truth) -> Truth:
    """No red flag and the criteria met; absent as soon as one of the two fails."""
    if red_flag is PRESENT or criteria is ABSENT:
        return ABSENT
    return PRESENT if red_flag is ABSENT and criteria is PRESENT else NOT_TESTED


def possible_responses(
    rule: ResponseRule, before: float | None, after: float | None, rating: str | None, *, by_pain_alone: bool = False
) -> frozenset[str]:
    """The classes that an in-session retest can still have; one class when all that matters is known.

    Pain before and after on the same 0-10 scale; `rating` a choice of the rating finding. Read in this order: rise by the
    worse limit, whatever the rating (the cautious reading, hazard KW-H03); pain before below the interpretable limit; fall
    by the responder fraction, or rating high enough; fall by the partial limit; else no response. Without a rating the
    responder class stays possible, unless `by_pain_alone`.
    Source: interventions evidence 1.3; the numbers stand in the ResponseRule.
    """
    if before is None:
        return frozenset(RESPONSES)
    if after is not None and round(after - before, _DECIMALS) >= rule.worse_rise_points.value:
        return frozenset({"worse"})
    worse_is_open = frozenset({"worse"}) if after is None else frozenset()
    if before < rule.interpretable_from_points.value:
        return frozenset({"uninterpretable"}) | worse_is_open
    if rating is not None and rating in rule.responder_rating_at_least:
        return frozenset({"responder"}) | worse_is_open
    if after is None:
        return frozenset(RESPONSES) - {"uninterpretable"}
    fraction = rule.responder_fall_fraction.value
    if rule.responder_fall_fraction.unit == "percent":
        fraction /= 100
    fall = round(before - after, _DECIMALS)
    if fall >= round(fraction * before, _DECIMALS):
        return frozenset({"responder"})
    by_pain = "partial" if fall >= rule.partial_fall_points.value else "non_responder"
    if rating is None and not by_pain_alone:
        return frozenset({by_pain, "responder"})
    return frozenset({by_pain})


def _joined(questions: list[Question], decides: Truth, otherwise: Truth) -> Question:
    """Kleene 'and' (decides = ABSENT) or 'or' (decides = PRESENT)."""
    asks = tuple(question.ask for question in questions)

    def ask(context: Context) -> Truth:
        answer = otherwise
        for each in asks:
            part = each(context)
            if part is decides:
                return decides
            if part is NOT_TESTED:
                answer = NOT_TESTED
        return answer

    def missing(context: Context) -> frozenset[str]:
        if ask(context) is not NOT_TESTED:
            return _NONE_MISSING
        return _union(each.missing(context) for each in questions if each.ask(context) is NOT_TESTED)

    return Question(ask, missing, _union(each.reads for each in questions), any(each.reads_gate for each in questions))


def _points(fact: DerivedFact, questions: list[Question]) -> Fact:
    lines = tuple((question.ask, item.points) for question, item in zip(questions, fact.items, strict=True))

    def look(context: Context) -> tuple[float, float]:
        low = high = 0.0
        for ask, points in lines:
            answer = ask(context)
            if answer is PRESENT:
                low += points
                high += points
            elif answer is NOT_TESTED:
                low += min(points, 0)
                high += max(points, 0)
        return low, high

    def missing(context: Context) -> frozenset[str]:
        return _union(question.missing(context) for question in questions)

    return Fact(look, missing, _union(question.reads for question in questions))


def _numeric(condition: Condition) -> tuple[Callable[[float, float], bool], float]:
    """(holds, threshold): `holds(low, high)` says whether every number from low to high passes."""
    if condition.at_least is not None:
        threshold = condition.at_least
        return (lambda low, high: low >= threshold), threshold
    if condition.at_most is not None:
        threshold = condition.at_most
        return (lambda low, high: high <= threshold), threshold
    if condition.above is not None:
        threshold = condition.above
        return (lambda low, high: low > threshold), threshold
    if condition.below is not None:
        threshold = condition.below
        return (lambda low, high: high < threshold), threshold
    raise KnowledgeError(
        f"'{condition.finding or condition.derived}' is a number; compare it with at_least or the like."
    )


def _percent_change(before: float, after: float) -> float | None:
    """None when there was nothing before: a rise from nothing has no percentage."""
    return round((after - before) / before * 100, _DECIMALS) if before > 0 else None


def _body_mass_index(weight_kg: float, height_cm: float) -> float:
    return weight_kg / (height_cm / 100) ** 2


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
