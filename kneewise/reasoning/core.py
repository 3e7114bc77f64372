"""The fast heart: one knowledge base, compiled; findings in, answers out; run again cheaply with one finding changed.

A `State` holds the answers of one run: red flags, criteria, factors, subcategories, rules per guideline profile and the
strength word of every option under every profile. `Core.rerun` asks again only what reads the changed findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kneewise.knowledge_base.models import Condition, KnowledgeBase, Rule
from kneewise.quantities import Truth
from kneewise.reasoning.conclusions import Effect
from kneewise.reasoning.findings import FindingValue
from kneewise.reasoning.logic import ABSENT, NOT_TESTED, PRESENT, Compiler, Context, Question, in_scope
from kneewise.reasoning.paths import paths_to_pain

COMBINED = {"option.taping_and_orthoses": ("option.taping", "option.orthoses")}
"""Options made of others: they get the more careful word of their parts."""

PREFERENCE_FOR = {
    "option.exercise": ("finding.wants_exercise",),
    "option.taping": ("finding.wants_tape",),
    "option.orthoses": ("finding.wants_orthosis",),
    "option.taping_and_orthoses": ("finding.wants_tape", "finding.wants_orthosis"),
}
_PREFERENCE_RANK = {"wants": 0, "neutral": 1, "undecided": 1, "declines": 2}
_LAST_TO_TRY = "consider"
NO_ADVICE, SUPPRESSED = "no_advice", "suppressed"
_HARD_STRENGTHS = ("do_not", "refer")
_HARD_EFFECTS = ("block", "stop")
URGENCY_RANK = {"emergency": 0, "urgent": 1, "refer": 2, "continue": 3}
ALARMING = ("emergency", "urgent")


@dataclass(frozen=True)
class AlarmQuestion:
    """A red flag or an urgent differential, compiled."""

    id: str
    kind: str
    urgency: str
    within: str
    question: Question


@dataclass(frozen=True)
class RuleNode:
    """A rule under one profile, compiled. `hard` rules (do not, refer, block, stop) win over all others."""

    rule: Rule
    profile: str
    question: Question

    @property
    def hard(self) -> bool:
        return self.rule.strength in _HARD_STRENGTHS or self.rule.effect in _HARD_EFFECTS


@dataclass(frozen=True)
class Word:
    """A strength word, how it came about and the rules that gave it."""

    strength: str
    reason: str
    deciding: tuple[str, ...] = ()


class State:
    """The answers of one run. Lists run parallel to the lists of `Core`."""

    __slots__ = ("alarms", "criteria", "factors", "red_flag", "rules", "subcategories", "values", "words")

    values: dict[str, FindingValue]
    alarms: list[Truth]
    red_flag: Truth
    criteria: Truth
    factors: list[Truth]
    subcategories: list[Truth]
    rules: list[Truth]
    words: dict[tuple[str, str], Word]

    @property
    def scope(self) -> Truth:
        return in_scope(self.red_flag, self.criteria)

    @property
    def gate(self) -> str:
        return {PRESENT: "hit", ABSENT: "clear", NOT_TESTED: "open"}[self.red_flag]


class Core:
    """One knowledge base, compiled. See `run`, `rerun`, `effects`."""

    def __init__(self, knowledge: KnowledgeBase):
        self.knowledge = knowledge
        self.compiler = compiler = Compiler(knowledge)
        self.findings = compiler.findings
        self.profiles = tuple(profile.id for profile in knowledge.profiles)
        self.alarms = [
            AlarmQuestion(flag.id, "red_flag", flag.urgency, flag.within, compiler.question(flag.when))
            for flag in knowledge.red_flags
        ]
        asked = {_shape(flag.when) for flag in knowledge.red_flags}  # the same question is not asked twice
        self.alarms += [
            AlarmQuestion(other.id, "differential", other.urgency, "", compiler.question(other.when))
            for other in knowledge.differentials
            if other.when is not None and other.urgency in ALARMING and _shape(other.when) not in asked
        ]
        self.criteria = compiler.question(knowledge.diagnosis.when)
        self.parts = [compiler.question(part.when) for part in knowledge.diagnosis.parts]
        self.factors = [compiler.factor_question(factor.id) for factor in knowledge.factors]
        self.subcategories = [compiler.question(each.when) for each in knowledge.subcategories]
        self.nodes = [
            RuleNode(rule, profile, compiler.question(rule.when, profile))
            for rule in knowledge.rules
            for profile in self.profiles
            if not rule.profiles or profile in rule.profiles
        ]
        self.differentials = [
            (other.id, compiler.question(other.when)) for other in knowledge.differentials if other.when is not None
        ]
        self.stop_rules = [
            (stop, compiler.question(stop.when) if stop.when is not None else None) for stop in knowledge.stop_rules
        ]
        for fact in knowledge.derived_facts:
            compiler.fact(fact.id)
        self.paths = paths_to_pain(knowledge)
        self._order = {label.strength: label.order for label in knowledge.wording.strength_labels}
        self._last = max(self._order.values(), default=0) + 1
        self._cells: dict[tuple[str, str], list[int]] = {
            (option.id, profile): [] for option in knowledge.options for profile in self.profiles
        }
        self._node_cell: list[tuple[str, str] | None] = []
        for position, node in enumerate(self.nodes):
            cell = (node.rule.option, node.profile) if node.rule.option else None
            self._node_cell.append(cell)
            if cell:
                self._cells[cell].append(position)
        self.compared = [option.id for option in knowledge.options if option.compared]
        self._alarms_reading = _reading(alarm.question for alarm in self.alarms)
        self._factors_reading = _reading(self.factors)
        self._subcategories_reading = _reading(self.subcategories)
        self._nodes_reading = _reading(node.question for node in self.nodes)
        self._gate_subcategories = [index for index, each in enumerate(self.subcategories) if each.reads_gate]
        self._all_cells = list(self._cells)

    def rank(self, strength: str) -> int:
        """The order of a strength word (1 strongest); words without advice come last."""
        return self._order.get(strength, self._last)

    def run(self, values: Mapping[str, FindingValue], *, lenient: bool = False) -> State:
        """The answers to everything. `lenient`: see `Context`."""
        state = State()
        state.values = dict(values)
        context = Context(state.values, lenient)
        state.alarms = [alarm.question.ask(context) for alarm in self.alarms]
        state.criteria = self.criteria.ask(context)
        state.red_flag = self._red_flag(state.alarms, lenient)
        context.red_flag, context.criteria = state.red_flag, state.criteria
        state.factors = [question.ask(context) for question in self.factors]
        state.subcategories = [question.ask(context) for question in self.subcategories]
        state.rules = [node.question.ask(context) for node in self.nodes]
        state.words = {}
        self._say(state, self._all_cells, lenient)
        return state

    def rerun(self, base: State, changed: Mapping[str, FindingValue | None]) -> State:
        """The answers after a change of findings (None: no longer tested), asking only what reads them."""
        state = State()
        state.values = {**base.values, **changed}
        for finding, value in changed.items():
            if value is None:
                del state.values[finding]
        context = Context(state.values)
        state.alarms, state.red_flag, state.criteria = base.alarms, base.red_flag, base.criteria
        alarms = _touched(self._alarms_reading, changed)
        if alarms:
            state.alarms = base.alarms.copy()
            for index in alarms:
                state.alarms[index] = self.alarms[index].question.ask(context)
            state.red_flag = self._red_flag(state.alarms, False)
        if not self.criteria.reads.isdisjoint(changed):
            state.criteria = self.criteria.ask(context)
        context.red_flag, context.criteria = state.red_flag, state.criteria
        gate_moved = state.red_flag is not base.red_flag or state.criteria is not base.criteria

        state.factors = base.factors.copy()
        for index in _touched(self._factors_reading, changed):
            state.factors[index] = self.factors[index].ask(context)
        state.subcategories = base.subcategories.copy()
        touched = _touched(self._subcategories_reading, changed)
        for index in touched | set(self._gate_subcategories) if gate_moved else touched:
            state.subcategories[index] = self.subcategories[index].ask(context)
        state.rules, state.words = base.rules.copy(), base.words
        nodes = range(len(self.nodes)) if gate_moved else _touched(self._nodes_reading, changed)
        for index in nodes:
            state.rules[index] = self.nodes[index].question.ask(context)
        cells = {self._node_cell[index] for index in nodes if state.rules[index] is not base.rules[index]}
        if gate_moved:
            state.words = {}
            self._say(state, self._all_cells, False)
        elif cells - {None}:
            state.words = base.words.copy()
            again = cells | {
                (whole, profile)
                for option, profile in cells - {None}
                for whole in COMBINED
                if option in COMBINED[whole]
            }
            self._say(state, [cell for cell in self._all_cells if cell in again], False)
        return state

    def order(self, state: State, profile: str) -> tuple[str, ...]:
        """The compared options, stronger words first; ties by preference (wanted first), then in file order."""

        def rank(option: str) -> tuple[float, int]:
            strength = state.words[option, profile].strength
            unsaid = strength in (NO_ADVICE, SUPPRESSED)  # after what may be tried, before what is advised against
            return self.rank(_LAST_TO_TRY) + 0.5 if unsaid else self.rank(strength), self._preference(state, option)

        return tuple(sorted(self.compared, key=rank))

    def same_advice(self, base: State, other: State, profile: str) -> bool:
        """Whether gate, criteria and every option under `profile` agree."""
        if base.gate != other.gate or base.criteria is not other.criteria:
            return False
        if base.words is other.words:
            return True
        return all(
            base.words[cell].strength == other.words[cell].strength for cell in self._all_cells if cell[1] == profile
        )

    def effects(self, base: State, other: State, profile: str, *, wide: bool) -> tuple[Effect, ...]:
        """What differs between two runs. `wide` adds red flags, factors and subcategories to gate, criteria, options."""
        found = []
        if base.gate != other.gate:
            found.append(Effect("gate", "derived.red_flag_any", None, base.gate, other.gate))
        if base.criteria is not other.criteria:
            criteria = self.knowledge.diagnosis.id
            found.append(Effect("criteria", criteria, None, base.criteria.value, other.criteria.value))
        if wide:
            found += _differences("red_flag", (alarm.id for alarm in self.alarms), base.alarms, other.alarms)
        if other.gate == "hit":
            return tuple(found)
        if base.words is not other.words:
            found += [
                Effect("option", cell[0], profile, base.words[cell].strength, other.words[cell].strength)
                for cell in self._all_cells
                if cell[1] == profile and base.words[cell].strength != other.words[cell].strength
            ]
        if wide:
            knowledge = self.knowledge
            found += _differences("factor", (each.id for each in knowledge.factors), base.factors, other.factors)
            names = (each.id for each in knowledge.subcategories)
            found += _differences("subcategory", names, base.subcategories, other.subcategories)
        return tuple(found)

    def _red_flag(self, alarms: list[Truth], lenient: bool) -> Truth:
        if PRESENT in alarms:
            return PRESENT
        return NOT_TESTED if NOT_TESTED in alarms and not lenient else ABSENT

    def _preference(self, state: State, option: str) -> int:
        wishes = [state.values.get(finding) for finding in PREFERENCE_FOR.get(option, ())]
        return max((_PREFERENCE_RANK.get(wish, 1) for wish in wishes), default=1)

    def _say(self, state: State, cells: Iterable[tuple[str, str]], lenient: bool) -> None:
        combined = []
        for cell in cells:
            state.words[cell] = self._word(state, cell, lenient)
            if cell[0] in COMBINED:
                combined.append(cell)
        for cell in combined:
            state.words[cell] = self._combined_word(state, cell)

    def _word(self, state: State, cell: tuple[str, str], lenient: bool) -> Word:
        scope = state.scope
        if scope is ABSENT:
            return Word(SUPPRESSED, SUPPRESSED)
        hard_open, soft_open, has_soft = False, False, False
        winning: list[Rule] = []
        for index in self._cells[cell]:
            node, answer = self.nodes[index], state.rules[index]
            rule = node.rule
            if node.hard:
                hard_open = hard_open or answer is NOT_TESTED
                if answer is PRESENT:
                    winning.append(rule)
            elif rule.effect == "strength":
                has_soft = True
                soft_open = soft_open or answer is NOT_TESTED
        if winning:
            strength = max((rule.strength or "do_not" for rule in winning), key=self.rank)
            return Word(strength, "rule", tuple(rule.id for rule in winning))
        if not has_soft and not hard_open:
            return Word(NO_ADVICE, "rules_do_not_apply" if self._cells[cell] else "no_rule")
        if (hard_open and not lenient) or scope is NOT_TESTED:
            safety = state.red_flag is NOT_TESTED or (hard_open and has_soft)
            return Word(NO_ADVICE, "safety_open" if safety else "missing_findings")
        firing = [
            self.nodes[index].rule
            for index in self._cells[cell]
            if state.rules[index] is PRESENT and self.nodes[index].rule.effect == "strength"
        ]
        if not firing:
            return Word(NO_ADVICE, "missing_findings" if soft_open else "rules_do_not_apply")
        first = min(rule.priority for rule in firing)
        firing = [rule for rule in firing if rule.priority == first]
        strength = max((rule.strength for rule in firing), key=self.rank)
        return Word(strength, "rule", tuple(rule.id for rule in firing if rule.strength == strength))

    def _combined_word(self, state: State, cell: tuple[str, str]) -> Word:
        option, profile = cell
        own = state.words[cell]
        parts = [state.words[part, profile] for part in COMBINED[option] if (part, profile) in state.words]
        if own.strength not in (NO_ADVICE, SUPPRESSED):
            parts.append(own)
        if not parts:
            return own
        hard = [part for part in parts if part.strength in _HARD_STRENGTHS]
        silent = [part for part in parts if part.strength in (NO_ADVICE, SUPPRESSED)]
        if silent and not hard:
            return silent[0]
        strength = max((part.strength for part in hard or parts), key=self.rank)
        deciding = tuple(dict.fromkeys(rule for part in hard or parts for rule in part.deciding))
        return Word(strength, "combined", deciding)


def _shape(condition: Condition) -> tuple:
    """A condition without the order of its parts, for comparing two conditions."""
    parts = tuple(sorted(map(repr, map(_shape, (condition.any_of or ()) + (condition.all_of or ())))))
    inner = _shape(condition.not_) if condition.not_ is not None else None
    leaf = condition.model_dump(exclude={"any_of", "all_of", "not_"}, exclude_none=True)
    return condition.any_of is None, condition.all_of is None, parts, inner, tuple(sorted(leaf.items()))


def _reading(questions: Iterable[Question]) -> dict[str, frozenset[int]]:
    reading: dict[str, set[int]] = {}
    for index, question in enumerate(questions):
        for finding in question.reads:
            reading.setdefault(finding, set()).add(index)
    return {finding: frozenset(indices) for finding, indices in reading.items()}


def _touched(reading: Mapping[str, frozenset[int]], changed: Iterable[str]) -> frozenset[int]:
    return frozenset().union(*(reading.get(finding, ()) for finding in changed))


def _differences(kind: str, names: Iterable[str], old: list[Truth], new: list[Truth]) -> list[Effect]:
    return [
        Effect(kind, name, None, before.value, after.value)
        for name, before, after in zip(names, old, new, strict=True)
        if before is not after
    ]
