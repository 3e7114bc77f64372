"""What would change the answer, whether the answer stands within measurement error, and what to test next.

All three run the core again with a finding changed, and report what differs; nothing is estimated.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from kneewise.knowledge_base.models import Finding
from kneewise.quantities import MDC95_PER_SEM, NORMAL_95
from kneewise.reasoning.conclusions import Change, Counterfactual, Effect, Flip, NextTest, Robustness
from kneewise.reasoning.core import PREFERENCE_FOR, URGENCY_RANK, Core, State
from kneewise.reasoning.findings import FindingValue
from kneewise.reasoning.logic import NOT_TESTED

_MOST_COMBINATIONS = 100
_MOST_PAIRS = 10
_POOR = "poor"


def margin_of(finding: Finding) -> tuple[float, str] | None:
    """(how far a repeat of one measurement strays in 95 of 100 repeats, "sem" or "mdc95"), or None where not known.

    1.96 SEM; where only the MDC95 of two measurements is published, MDC95 / (1.96 sqrt 2) is the SEM.
    """
    error = finding.measurement_error
    if error is None:
        return None
    if error.sem is not None:
        return NORMAL_95 * error.sem, "sem"
    return NORMAL_95 * error.mdc95 / MDC95_PER_SEM, "mdc95"


def within_error(finding: Finding, value: FindingValue) -> tuple[tuple[FindingValue, ...], str]:
    """(what a repeat or another rater might give, why): both ends of the margin, or the other answers of an item on
    which raters agree poorly. Empty where the error is not known or small."""
    if finding.kind == "number":
        margin = margin_of(finding)
        if margin is None:
            return (), ""
        ends = (max(value - margin[0], finding.minimum), min(value + margin[0], finding.maximum))
        return tuple(end for end in ends if end != value), "measurement_error"
    if finding.agreement != _POOR:
        return (), ""
    if finding.kind == "yes_no":
        return (not value,), "poor_agreement"
    if finding.kind == "choice":
        return tuple(choice.value for choice in finding.choices if choice.value != value), "poor_agreement"
    return (), ""


def robustness(core: Core, base: State, profile: str) -> Robustness:
    """Which inputs, read again within their error, change which answers."""
    flips, tried, not_known, advice_robust = [], [], [], True
    for finding_id, value in base.values.items():
        finding = core.findings[finding_id]
        others, why = within_error(finding, value)
        if not others:
            if finding.kind == "number" and finding.agreement is not None and margin_of(finding) is None:
                not_known.append(finding_id)
            continue
        tried.append(finding_id)
        for other in others:
            state = core.rerun(base, {finding_id: other})
            effects = core.effects(base, state, profile, wide=True)
            if effects:
                flips.append(Flip(finding_id, value, other, why, effects))
            advice_robust = advice_robust and core.same_advice(base, state, profile)
    return Robustness(advice_robust, tuple(flips), tuple(tried), tuple(not_known))


def counterfactuals(core: Core, base: State, profile: str) -> tuple[Counterfactual, ...]:
    """The smallest change of each finding that changes gate, criteria, an option or the order of options.

    Smaller first: changes of advice before changes of order, tested findings before untested ones. Where no single
    finding (safety questions apart) changes the advice, pairs of findings that the same rule reads are tried.
    """
    found = []
    for finding_id in _advice_reads(core, profile):
        finding = core.findings[finding_id]
        seen: set[tuple[Effect, ...]] = set()
        for value in _alternatives(core, finding, base.values.get(finding_id)):
            effects = _advice_effects(core, base, {finding_id: value}, profile)
            if effects and effects not in seen:
                seen.add(effects)
                changes = (Change(finding_id, base.values.get(finding_id), value),)
                found.append(_counterfactual(core, base, changes, effects))
                if finding_id in base.values and finding.kind == "number":
                    break
    if not any(each.kind != "safety" and _changes_advice(each) for each in found):
        found += _pairs(core, base, profile)
    order = {finding.id: finding.order for finding in core.knowledge.findings}
    return tuple(
        sorted(
            found,
            key=lambda each: (
                each.kind == "safety",
                not _changes_advice(each),
                each.learnt,
                len(each.changes),
                _size(core, each),
                order[each.changes[0].finding],
            ),
        )
    )


def next_tests(core: Core, base: State, profile: str) -> tuple[NextTest, ...]:
    """The untested findings whose possible answers change something, safety questions first, most changes first.

    Findings of one clinical test are asked together. Preferences are not tests.
    """
    order = {finding.id: finding.order for finding in core.knowledge.findings}
    ranked = []
    for test, findings in _units(core, base):
        safety = any(finding.safety for finding in findings)
        best: tuple[Effect, ...] = ()
        flags = 0
        for combination in _combinations(core, findings):
            state = core.rerun(base, combination)
            effects = core.effects(base, state, profile, wide=True)
            flags = max(flags, sum(effect.kind == "red_flag" for effect in effects))
            if len(effects) > len(best):
                best = effects
        if not best:
            continue
        urgency = _urgency(core, findings, base) if flags else None
        ids = tuple(finding.id for finding in findings)
        item = NextTest(test, ids, safety, urgency, len(best), best)
        urgency_rank = URGENCY_RANK[urgency] if urgency else len(URGENCY_RANK)
        most = flags if safety and flags else len(best)
        ranked.append(((not safety, urgency_rank, -most, order[ids[0]]), item))
    return tuple(item for _, item in sorted(ranked, key=lambda pair: pair[0]))


def _advice_effects(core: Core, base: State, changed: dict[str, FindingValue], profile: str) -> tuple[Effect, ...]:
    state = core.rerun(base, changed)
    effects = core.effects(base, state, profile, wide=False)
    if state.gate == "hit":
        return effects
    if effects or not changed.keys().isdisjoint(_PREFERENCES):
        old, new = core.order(base, profile), core.order(state, profile)
        if old != new:
            effects += (Effect("order", profile, profile, ", ".join(old), ", ".join(new)),)
    return effects


_PREFERENCES = frozenset(finding for findings in PREFERENCE_FOR.values() for finding in findings)


def _changes_advice(counterfactual: Counterfactual) -> bool:
    return any(effect.kind != "order" for effect in counterfactual.effects)


def _advice_reads(core: Core, profile: str) -> list[str]:
    reads = set(core.criteria.reads)
    reads = reads.union(*(alarm.question.reads for alarm in core.alarms))
    reads = reads.union(
        *(node.question.reads for node in core.nodes if node.profile == profile and _gives_strength(node.rule.effect))
    )
    reads |= _PREFERENCES & core.findings.keys()
    return sorted(reads, key=lambda finding_id: core.findings[finding_id].order)


def _gives_strength(effect: str) -> bool:
    return effect in ("strength", "block", "stop")


def _counterfactual(
    core: Core, base: State, changes: tuple[Change, ...], effects: tuple[Effect, ...]
) -> Counterfactual:
    findings = [core.findings[change.finding] for change in changes]
    if any(finding.safety for finding in findings):
        kind = "safety"
    elif all(finding.group == "preferences" for finding in findings):
        kind = "preference"
    else:
        kind = "measurement" if any(finding.kind == "number" for finding in findings) else "observation"
    return Counterfactual(changes, kind, any(change.old is None for change in changes), effects)


def _size(core: Core, counterfactual: Counterfactual) -> float:
    """How big a change is: the share of a number's range; 1 for any other answer, or one not tested before."""
    total = 0.0
    for change in counterfactual.changes:
        finding = core.findings[change.finding]
        if finding.kind == "number" and change.old is not None:
            total += abs(change.new - change.old) / (finding.maximum - finding.minimum)
        else:
            total += 1
    return total


def _alternatives(core: Core, finding: Finding, current: FindingValue | None) -> Iterator[FindingValue]:
    """Other possible answers, nearest first. For a number: around every cut-off; for arithmetic, over the range."""
    if finding.kind == "yes_no":
        yield from (value for value in (True, False) if value is not current)
    elif finding.kind == "choice":
        yield from (choice.value for choice in finding.choices if choice.value != current)
    elif finding.kind == "choices":
        chosen = current or ()
        for choice in finding.choices:
            values = [each.value for each in finding.choices]
            toggled = set(chosen) ^ {choice.value}
            yield tuple(value for value in values if value in toggled)
    else:
        near = (lambda value: abs(value - current)) if current is not None else None
        yield from sorted(_candidate_numbers(core, finding) - {current}, key=near)


def _candidate_numbers(core: Core, finding: Finding) -> set[float]:
    numbers: set[float] = set()
    for threshold in core.compiler.thresholds.get(finding.id, ()):
        numbers |= {threshold, threshold - finding.step, threshold + finding.step}
    if finding.id in core.compiler.arithmetic:
        steps = round((finding.maximum - finding.minimum) / finding.step)
        numbers |= {finding.minimum + step * finding.step for step in range(steps + 1)}
    return {round(number, 4) for number in numbers if finding.minimum <= number <= finding.maximum}


def _pairs(core: Core, base: State, profile: str) -> list[Counterfactual]:
    """Pairs of findings, both read by one rule or by the criteria, that change the answer together."""
    if base.red_flag is NOT_TESTED:
        return []  # the safety questions come first; no other pair can open the gate
    together: set[tuple[str, str]] = set()
    readers = [core.criteria, *(node.question for node in core.nodes if node.profile == profile and
                                _gives_strength(node.rule.effect))]  # fmt: skip
    for question in readers:
        together |= set(itertools.combinations(sorted(question.reads), 2))
    found: list[Counterfactual] = []
    for one, other in sorted(together):
        choices = (_few(core, base, each) for each in (one, other))
        for first, second in itertools.product(*choices):
            effects = _advice_effects(core, base, {one: first, other: second}, profile)
            if any(effect.kind != "order" for effect in effects):
                changes = (Change(one, base.values.get(one), first), Change(other, base.values.get(other), second))
                found.append(_counterfactual(core, base, changes, effects))
                break
    found.sort(key=lambda each: (each.kind == "safety", each.learnt, _size(core, each)))
    return found[:_MOST_PAIRS]


def _few(core: Core, base: State, finding_id: str) -> list[FindingValue]:
    finding = core.findings[finding_id]
    values = _probes(core, finding)
    return [value for value in values if value != base.values.get(finding_id)]


def _units(core: Core, base: State) -> list[tuple[str | None, list[Finding]]]:
    """Untested findings, those of one clinical test together."""
    units: dict[str, tuple[str | None, list[Finding]]] = {}
    for finding in sorted(core.knowledge.findings, key=lambda each: each.order):
        if finding.id not in base.values and finding.group != "preferences":
            # Questions of the history share the entry of the criteria; they stay questions of their own.
            key = finding.test if finding.test and finding.group not in ("scope", "red_flags") else finding.id
            units.setdefault(key, (finding.test, []))[1].append(finding)
    return list(units.values())


def _combinations(core: Core, findings: list[Finding]) -> Iterable[dict[str, FindingValue]]:
    probes = [_probes(core, finding) for finding in findings]
    names = [finding.id for finding in findings]
    combined = itertools.islice(itertools.product(*probes), _MOST_COMBINATIONS)
    return [dict(zip(names, values, strict=True)) for values in combined]


def _probes(core: Core, finding: Finding) -> list[FindingValue]:
    """A few telling answers: every choice; for a number both ends, both sides of its cut-offs, or the middle."""
    if finding.kind == "yes_no":
        return [True, False]
    if finding.kind == "choice":
        return [choice.value for choice in finding.choices]
    if finding.kind == "choices":
        return [(), *((choice.value,) for choice in finding.choices)]
    numbers = {finding.minimum, finding.maximum}
    if finding.id in core.compiler.arithmetic:
        numbers.add((finding.minimum + finding.maximum) / 2)
    for threshold in core.compiler.thresholds.get(finding.id, ()):
        sides = (threshold - finding.step, threshold, threshold + finding.step)
        numbers |= {round(side, 4) for side in sides if finding.minimum <= side <= finding.maximum}
    return sorted(numbers)


def _urgency(core: Core, findings: list[Finding], base: State) -> str | None:
    """The most pressing urgency among the open alarms that these findings could settle."""
    ids = {finding.id for finding in findings}
    urgencies = [
        alarm.urgency
        for alarm, answer in zip(core.alarms, base.alarms, strict=True)
        if answer is NOT_TESTED and not alarm.question.reads.isdisjoint(ids)
    ]
    return min(urgencies, key=URGENCY_RANK.__getitem__, default=None)
