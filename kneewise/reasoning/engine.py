"""Findings in, conclusions out: red flags, criteria, factors, paths, strategies, options, and why.

The order is the clinic's: red flags first (a hit stops everything else), then whether the pattern is patellofemoral pain
(if it isn't, no option is discussed), then factors, paths, strategies, options under every guideline profile, stop rules,
reviews; last what would change the answer, whether it stands within measurement error, and what to test next.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from kneewise.knowledge_base.models import Condition, Factor, KnowledgeBase, Provenance, Rule
from kneewise.quantities import Truth
from kneewise.reasoning import changes
from kneewise.reasoning.conclusions import (
    Alarm,
    Conclusions,
    Criteria,
    EntryAnswer,
    FactorAnswer,
    FactValue,
    GeneralRule,
    Input,
    OpenQuestion,
    OptionAdvice,
    PartAnswer,
    ProfileAdvice,
    Reading,
    ReviewDate,
    Robustness,
    Safety,
    StopAnswer,
    StrategyAnswer,
    Surety,
    Trace,
)  # fmt: skip
from kneewise.reasoning.core import COMBINED, NO_ADVICE, PREFERENCE_FOR, URGENCY_RANK, Core, State
from kneewise.reasoning.findings import Findings, FindingValue
from kneewise.reasoning.logic import ABSENT, NOT_TESTED, PRESENT, Context, Question

_PASSING = ("offer", "consider")
_COMPARISONS = ("at_least", "at_most", "above", "below")
_cores: dict[int, tuple[KnowledgeBase, Core]] = {}


def core_of(knowledge: KnowledgeBase) -> Core:
    """The compiled knowledge base; compiled once per object, the last few are kept."""
    kept = _cores.get(id(knowledge))
    if kept is None or kept[0] is not knowledge:
        kept = (knowledge, Core(knowledge))
        while len(_cores) >= 4:
            _cores.pop(next(iter(_cores)), None)
        _cores[id(knowledge)] = kept
    return kept[1]


def assess(
    findings: Findings,
    knowledge: KnowledgeBase,
    profile: str | None = None,
    start: datetime.date | None = None,
    *,
    look_ahead: bool = True,
) -> Conclusions:
    """Everything that follows from `findings`.

    Without `look_ahead` it is not worked out what would change the answer, whether it stands within measurement error,
    and what to test next (those parts are empty): the explorer shows none of it and answers a touch sooner.

    `profile` is the guideline whose changes and robustness are looked at (else the one of the findings, else the first);
    advice is given for all. `start` of treatment gives the reviews their dates. Raises KeyError for an unknown profile.
    """
    core = core_of(knowledge)
    profile = profile or findings.profile or core.profiles[0]
    if profile not in core.profiles:
        raise KeyError(profile)
    state = core.run(findings)
    provisional = core.run(findings, lenient=True)
    context = _context(state)
    gate_missing = _gate_missing(core, state, context)
    hit = state.red_flag is PRESENT
    paths = tuple(
        path
        for factor, answer in zip(knowledge.factors, state.factors, strict=True)
        if answer is PRESENT and not hit
        for path in core.paths[factor.id]
    )
    lit = tuple(dict.fromkeys(link for path in paths for link in path.links))
    return Conclusions(
        profile=profile,
        suppressed=hit,
        safety=_safety(core, state, context),
        criteria=_criteria(core, state, context),
        general=_general(core, state),
        facts=() if hit else _facts(core, context),
        factors=() if hit else _factors(core, state, context),
        paths=paths,
        lit_links=lit,
        subcategories=() if hit else _subcategories(core, state, context, gate_missing),
        differentials=() if hit else _differentials(core, context),
        strategies=() if hit or state.criteria is ABSENT else _strategies(core, state, lit),
        advice=() if hit else tuple(_advice(core, state, provisional, each, context, gate_missing)
                                    for each in core.profiles),
        stop_rules=_stop_rules(core, context),
        reviews=() if hit or state.criteria is ABSENT else _reviews(knowledge, start),
        counterfactuals=() if hit or not look_ahead else changes.counterfactuals(core, state, profile),
        robustness=Robustness(None, (), (), ())
        if hit or not look_ahead
        else changes.robustness(core, state, profile),
        next_tests=() if hit or not look_ahead else changes.next_tests(core, state, profile),
        traces=_traces(core, state, context),
    )  # fmt: skip


def _context(state: State) -> Context:
    context = Context(state.values)
    context.red_flag, context.criteria = state.red_flag, state.criteria
    return context


def _gate_missing(core: Core, state: State, context: Context) -> tuple[str, ...]:
    """The untested findings that keep `in scope` open, in asking order."""
    missing: set[str] = set()
    if state.red_flag is NOT_TESTED:
        missing = missing.union(
            *(
                alarm.question.missing(context)
                for alarm, answer in zip(core.alarms, state.alarms, strict=True)
                if answer is NOT_TESTED
            )
        )
    if state.criteria is NOT_TESTED:
        missing |= core.criteria.missing(context)
    return _ordered(core, missing)


def _ordered(core: Core, findings: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(findings, key=lambda finding_id: core.findings[finding_id].order))


def _missing(core: Core, question: Question, context: Context, gate_missing: tuple[str, ...] = ()) -> tuple[str, ...]:
    if question.ask(context) is not NOT_TESTED:
        return ()
    gate = gate_missing if question.reads_gate else ()
    return _ordered(core, question.missing(context) | set(gate))


def _safety(core: Core, state: State, context: Context) -> Safety:
    hits, still_open = [], []
    for alarm, answer in zip(core.alarms, state.alarms, strict=True):
        if answer is PRESENT:
            hits.append(Alarm(alarm.id, alarm.kind, alarm.urgency, alarm.within))
        elif answer is NOT_TESTED:
            still_open.append(OpenQuestion(alarm.id, _missing(core, alarm.question, context), alarm.urgency))
    hits.sort(key=lambda alarm: URGENCY_RANK[alarm.urgency])
    missing = _ordered(core, {finding for question in still_open for finding in question.missing})
    first = hits[0] if hits else None
    return Safety(
        state.gate,
        first.urgency if first else None,
        first.id if first else None,
        tuple(hits),
        tuple(still_open),
        missing,
    )


def _criteria(core: Core, state: State, context: Context) -> Criteria:
    words = {PRESENT: "hold", ABSENT: "do_not_hold", NOT_TESTED: "not_yet_known"}
    parts = tuple(
        PartAnswer(position, question.ask(context).value, _missing(core, question, context))
        for position, question in enumerate(core.parts)
    )
    missing = _missing(core, core.criteria, context)
    return Criteria(core.knowledge.diagnosis.id, words[state.criteria], parts, missing)


def _general(core: Core, state: State) -> tuple[GeneralRule, ...]:
    firing: dict[str, tuple[Rule, list[str]]] = {}
    for node, answer in zip(core.nodes, state.rules, strict=True):
        if node.rule.option is None and answer is PRESENT:
            firing.setdefault(node.rule.id, (node.rule, []))[1].append(node.profile)
    rules = sorted(firing.values(), key=lambda pair: pair[0].priority)
    return tuple(GeneralRule(rule.id, rule.code, rule.effect, rule.strength, tuple(names)) for rule, names in rules)


def _facts(core: Core, context: Context) -> tuple[FactValue, ...]:
    values = []
    for entry in core.knowledge.derived_facts:
        fact = core.compiler.fact(entry.id)
        known = fact.look(context)
        answer, possible, low, high = None, (), None, None
        if isinstance(known, Truth):
            answer = known.value
        elif isinstance(known, frozenset):
            possible = tuple(sorted(known))
            answer = possible[0] if len(possible) == 1 else None
        elif known is not None:
            low, high = known
        open_now = answer in (None, NOT_TESTED.value) and (low is None or low != high)
        missing = _ordered(core, fact.missing(context)) if open_now else ()
        values.append(FactValue(entry.id, entry.kind, entry.unit, answer, possible, low, high, missing))
    return tuple(values)


def _factors(core: Core, state: State, context: Context) -> tuple[FactorAnswer, ...]:
    answers = []
    for factor, answer, question in zip(core.knowledge.factors, state.factors, core.factors, strict=True):
        readings = _readings(core, factor, answer, question, context)
        answers.append(
            FactorAnswer(
                factor.id, factor.code, factor.region, factor.role, factor.criterion is not None, answer.value,
                _surety(core, factor, answer, readings), readings, _missing(core, question, context),
            )
        )  # fmt: skip
    return tuple(answers)


def _readings(core: Core, factor: Factor, answer: Truth, question: Question, context: Context) -> tuple[Reading, ...]:
    """The tested findings of a criterion, each with its cut-offs, its error, and whether the error flips the answer."""
    if factor.criterion is None:
        return ()
    cutoffs: dict[str, list[tuple[str, float | None]]] = {}
    for leaf in _finding_leaves(factor.criterion.when):
        comparison = next((name for name in _COMPARISONS if getattr(leaf, name) is not None), "is")
        cutoffs.setdefault(leaf.finding, []).append((comparison, getattr(leaf, comparison, None)))
    readings = []
    for finding_id in _ordered(core, question.reads & frozenset(context.values)):
        finding, value = core.findings[finding_id], context.values[finding_id]
        others, _ = changes.within_error(finding, value)
        flips = any(question.ask(Context({**context.values, finding_id: other})) is not answer for other in others)
        margin = changes.margin_of(finding) if finding.kind == "number" else None
        for comparison, threshold in cutoffs.get(finding_id, [("derived", None)]):
            readings.append(
                Reading(
                    finding_id, value, finding.unit, comparison, threshold, margin[0] if margin else None,
                    margin[1] if margin else None, finding.agreement, flips,
                )
            )  # fmt: skip
    return tuple(readings)


def _finding_leaves(condition: Condition) -> Iterable[Condition]:
    if condition.finding is not None:
        yield condition
    elif condition.not_ is not None:
        yield from _finding_leaves(condition.not_)
    for each in (condition.all_of or ()) + (condition.any_of or ()):
        yield from _finding_leaves(each)


def _surety(core: Core, factor: Factor, answer: Truth, readings: tuple[Reading, ...]) -> Surety:
    """How sure an answer is; the worst reason counts."""
    if answer is NOT_TESTED:
        return "not_applicable"
    numbers = [each for each in readings if core.findings[each.finding].kind == "number"]
    if any(each.flips for each in numbers):
        return "within_error"
    if factor.imprecise:
        return "imprecise_test"
    if any(each.flips or (each.agreement == "poor" and each.margin is None) for each in readings):
        return "poor_agreement"
    if any(each.margin is None and each.agreement is not None and each.agreement != "good" for each in numbers):
        return "error_not_known"
    return "clear"


def _subcategories(
    core: Core, state: State, context: Context, gate_missing: tuple[str, ...]
) -> tuple[EntryAnswer, ...]:
    return tuple(
        EntryAnswer(each.id, answer.value, _missing(core, question, context, gate_missing))
        for each, answer, question in zip(
            core.knowledge.subcategories, state.subcategories, core.subcategories, strict=True
        )
    )


def _differentials(core: Core, context: Context) -> tuple[EntryAnswer, ...]:
    return tuple(
        EntryAnswer(name, question.ask(context).value, _missing(core, question, context))
        for name, question in core.differentials
    )


def _strategies(core: Core, state: State, lit: tuple[str, ...]) -> tuple[StrategyAnswer, ...]:
    knowledge = core.knowledge
    present = [factor for factor, answer in zip(knowledge.factors, state.factors, strict=True) if answer is PRESENT]
    lit_links = [link for link in knowledge.mechanisms.links if link.id in lit]
    answers = []
    for strategy in sorted(knowledge.strategies, key=lambda each: each.number):
        factors = tuple(each.id for each in present if each.id in strategy.factors or strategy.id in each.strategies)
        links = tuple(link.id for link in lit_links if strategy.id in link.strategies)
        answers.append(
            StrategyAnswer(strategy.id, strategy.number, bool(factors or links), factors, links, strategy.option)
        )
    return tuple(answers)


def _advice(
    core: Core,
    state: State,
    provisional: State,
    profile: str,
    context: Context,
    gate_missing: tuple[str, ...],
) -> ProfileAdvice:
    options = tuple(
        _option_advice(core, state, provisional, option.id, option.compared, profile, context, gate_missing)
        for option in core.knowledge.options
    )
    return ProfileAdvice(profile, options, core.order(state, profile), _preference_grid(options))


def _option_advice(
    core: Core,
    state: State,
    provisional: State,
    option: str,
    compared: bool,
    profile: str,
    context: Context,
    gate_missing: tuple[str, ...],
) -> OptionAdvice:
    word = state.words[option, profile]
    about = (option, *COMBINED.get(option, ()))
    silent = word.strength == NO_ADVICE
    later = provisional.words[option, profile].strength if silent and word.reason == "safety_open" else None
    firing: dict[str, list[str]] = {}
    still_open: list[OpenQuestion] = []
    open_needed: set[str] = set()
    for node, answer in zip(core.nodes, state.rules, strict=True):
        rule = node.rule
        if rule.option not in about or node.profile != profile:
            continue
        if answer is PRESENT:
            firing.setdefault(rule.effect, []).append(rule.id)
        elif answer is NOT_TESTED:
            missing = _missing(core, node.question, context, gate_missing)
            still_open.append(OpenQuestion(rule.id, missing))
            if node.hard or (rule.effect == "strength" and later in (None, NO_ADVICE)):
                open_needed |= set(missing)
    if silent and state.scope is NOT_TESTED and word.reason in ("safety_open", "missing_findings"):
        open_needed |= set(gate_missing)
    wishes = [state.values[finding] for finding in PREFERENCE_FOR.get(option, ()) if finding in state.values]
    return OptionAdvice(
        option=option,
        profile=profile,
        strength=word.strength,
        reason=word.reason,
        deciding=word.deciding,
        if_safety_clear=later,
        rules=tuple(firing.get("strength", ())),
        notes=tuple(firing.get("note", ())),
        precautions=tuple(firing.get("precaution", ())),
        warnings=tuple(firing.get("warning", ())),
        blocks=(*firing.get("block", ()), *firing.get("stop", ())),
        open_rules=tuple(still_open),
        missing=_ordered(core, open_needed) if silent else (),
        combined_from=COMBINED.get(option, ()),
        preference=" and ".join(dict.fromkeys(wishes)) or None,
        compared=compared,
    )


def _preference_grid(options: tuple[OptionAdvice, ...]) -> tuple[str, ...]:
    """The compared options that pass, where there are two or more: the patient's preference decides among them."""
    passing = tuple(each.option for each in options if each.compared and each.strength in _PASSING)
    return passing if len(passing) > 1 else ()


def _stop_rules(core: Core, context: Context) -> tuple[StopAnswer, ...]:
    states = {PRESENT: "fires", ABSENT: "not_now", NOT_TESTED: "watch"}
    return tuple(
        StopAnswer(
            stop.id,
            stop.code,
            states[question.ask(context)] if question else "watch",
            stop.options,
            _missing(core, question, context) if question else (),
        )
        for stop, question in core.stop_rules
    )


def _reviews(knowledge: KnowledgeBase, start: datetime.date | None) -> tuple[ReviewDate, ...]:
    return tuple(
        ReviewDate(
            review.id,
            review.day,
            (start + datetime.timedelta(days=review.day)).isoformat() if start else None,
            review.options,
        )
        for review in sorted(knowledge.reviews, key=lambda each: each.day)
    )


def _traces(core: Core, state: State, context: Context) -> tuple[Trace, ...]:
    """One trace per conclusion that was reached; after a red flag only those of the hits and of the gate."""
    hit = state.red_flag is PRESENT
    knowledge = core.knowledge
    traces = [
        _trace(context.values, alarm.id, knowledge.entry(alarm.id), alarm.question, PRESENT, about=alarm.id)
        for alarm, answer in zip(core.alarms, state.alarms, strict=True)
        if answer is PRESENT
    ]
    for node, answer in zip(core.nodes, state.rules, strict=True):
        if answer is PRESENT and node.rule.option is None:
            about = f"gate@{node.profile}"
            traces.append(_trace(context.values, node.rule.code, node.rule, node.question, answer, about=about))
    if hit:
        return tuple(traces)
    criteria = knowledge.diagnosis
    traces.append(_trace(context.values, "", criteria, core.criteria, state.criteria, about=criteria.id))
    for factor, answer, question in zip(knowledge.factors, state.factors, core.factors, strict=True):
        if answer is not NOT_TESTED:
            traces.append(
                _trace(
                    context.values, factor.code, factor.criterion, question, answer, about=factor.id, entry=factor.id
                )
            )
    for each, answer, question in zip(knowledge.subcategories, state.subcategories, core.subcategories, strict=True):
        if answer is not NOT_TESTED:
            traces.append(_trace(context.values, "", each, question, answer, about=each.id))
    for node, answer in zip(core.nodes, state.rules, strict=True):
        if answer is PRESENT and node.rule.option is not None:
            about = f"{node.rule.option}@{node.profile}"
            traces.append(_trace(context.values, node.rule.code, node.rule, node.question, answer, about=about))
    for stop, question in core.stop_rules:
        if question is not None and question.ask(context) is PRESENT:
            traces.append(_trace(context.values, stop.code, stop, question, PRESENT, about=stop.id))
    return tuple(traces)


def _trace(
    values: Mapping[str, FindingValue],
    code: str,
    source: Provenance,
    question: Question,
    answer: Truth,
    *,
    about: str,
    entry: str | None = None,
) -> Trace:
    return Trace(
        about=about,
        entry=entry or source.id,
        code=code,
        answer=answer.value,
        inputs=tuple(Input(finding, values.get(finding)) for finding in sorted(question.reads)),
        sources=source.sources,
        status=source.status,
        evidence_level=getattr(source, "evidence_level", ""),
    )
