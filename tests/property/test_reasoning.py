"""Promises of the reasoning that hold for every set of findings, on the real knowledge base."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneewise.knowledge_base.loading import load_knowledge
from kneewise.knowledge_base.models import Finding
from kneewise.quantities import Truth
from kneewise.reasoning import assess, findings_of, parse, serialise, to_json
from kneewise.reasoning.core import URGENCY_RANK
from kneewise.reasoning.engine import core_of

KNOWLEDGE = load_knowledge()
CORE = core_of(KNOWLEDGE)
FINDINGS = {finding.id: finding for finding in KNOWLEDGE.findings}
RED_FLAG_QUESTIONS = [finding.id for finding in KNOWLEDGE.findings if finding.group == "red_flags"]
PROFILES = [profile.id for profile in KNOWLEDGE.profiles]
SAFE = {
    finding.id: False
    for finding in KNOWLEDGE.findings
    if finding.group in ("red_flags", "safety") and finding.kind == "yes_no"
} | {
    "finding.age_years": 30.0, "finding.acute_trauma": False, "finding.swollen_bursa": False,
    "finding.morning_stiffness_min": 5.0, "finding.pain_around_patella": True, "finding.pain_on_squat": True,
    "finding.other_causes_excluded": True,
}  # fmt: skip


def values_of(finding: Finding) -> st.SearchStrategy:
    if finding.kind == "yes_no":
        return st.booleans()
    if finding.kind == "choice":
        return st.sampled_from([choice.value for choice in finding.choices])
    if finding.kind == "choices":
        names = [choice.value for choice in finding.choices]
        return st.sets(st.sampled_from(names)).map(lambda chosen: tuple(name for name in names if name in chosen))
    steps = round((finding.maximum - finding.minimum) / finding.step)
    return st.integers(0, steps).map(lambda step: round(finding.minimum + step * finding.step, 4))


@st.composite
def some_findings(draw, among=tuple(FINDINGS), most: int = 40) -> dict:
    chosen = draw(st.lists(st.sampled_from(among), max_size=most, unique=True))
    return {finding_id: draw(values_of(FINDINGS[finding_id])) for finding_id in chosen}


@st.composite
def in_clinic(draw) -> dict:
    """Findings of a person whose red-flag and safety questions are mostly answered with no, so that advice is given."""
    others = [name for name in FINDINGS if name not in SAFE]
    values = SAFE | draw(some_findings(tuple(others), 60))
    for name in draw(st.lists(st.sampled_from(list(SAFE)), max_size=2, unique=True)):
        values.pop(name)
    return values


people = st.one_of(some_findings(), in_clinic())


def conclude(values: dict, profile: str | None = None):
    return assess(findings_of(values, KNOWLEDGE), KNOWLEDGE, profile)


def urgency_rank(values: dict) -> int:
    urgency = conclude(values).safety.urgency
    return URGENCY_RANK[urgency] if urgency else len(URGENCY_RANK)


def answers(values: dict) -> dict[str, Truth]:
    """Every three-valued answer of a run, rules included."""
    state = CORE.run(findings_of(values, KNOWLEDGE))
    named = {alarm.id: answer for alarm, answer in zip(CORE.alarms, state.alarms, strict=True)}
    named |= {factor.id: answer for factor, answer in zip(KNOWLEDGE.factors, state.factors, strict=True)}
    named |= {each.id: answer for each, answer in zip(KNOWLEDGE.subcategories, state.subcategories, strict=True)}
    named |= {f"{node.rule.id}@{node.profile}": said for node, said in zip(CORE.nodes, state.rules, strict=True)}
    return named | {"criteria": state.criteria, "red flag": state.red_flag}


@given(people, st.sampled_from(RED_FLAG_QUESTIONS))
def test_a_red_flag_never_lowers_urgency(values, question):
    """The clue of a red flag, on top of anything else, makes nothing less urgent.

    One Wells item speaks against thrombosis; it lowers a score and isn't a clue.
    """
    if question == "finding.wells_alternative_as_likely":
        return
    finding = FINDINGS[question]
    clue = True if finding.kind == "yes_no" else finding.maximum
    assert urgency_rank({**values, question: clue}) <= urgency_rank(values)


@given(people)
def test_a_red_flag_stops_everything_else(values):
    conclusions = conclude(values)
    if conclusions.safety.hits:
        assert conclusions.suppressed
        assert (conclusions.advice, conclusions.factors, conclusions.paths, conclusions.strategies) == ((), (), (), ())


@given(people, st.data())
def test_not_tested_never_counts_as_absent(values, data):
    """Taking findings out can only make an answer open, never turn present into absent or absent into present."""
    taken = data.draw(st.sets(st.sampled_from(sorted(values)))) if values else set()
    full, less = answers(values), answers({name: value for name, value in values.items() if name not in taken})
    turned = {name: (full[name], said) for name, said in less.items() if said not in (full[name], Truth.NOT_TESTED)}
    assert turned == {}


def test_with_nothing_tested_nothing_is_known():
    known = {name for name, said in answers({}).items() if said is not Truth.NOT_TESTED}
    assert known == set()


@given(in_clinic(), st.sampled_from(PROFILES))
@settings(max_examples=25)
def test_every_counterfactual_applied_changes_the_answer(values, profile):
    findings = findings_of(values, KNOWLEDGE)
    before = assess(findings, KNOWLEDGE, profile)
    for counterfactual in before.counterfactuals:
        changed = findings.with_values({change.finding: change.new for change in counterfactual.changes})
        parse(serialise(changed, KNOWLEDGE), KNOWLEDGE)  # a plausible value
        after = assess(changed, KNOWLEDGE, profile)
        for effect in counterfactual.effects:
            assert effect.old != effect.new
            assert shown(before, effect) == effect.old
            assert shown(after, effect) == effect.new


def shown(conclusions, effect) -> str:
    """What the conclusions say about the thing that an effect names."""
    if effect.kind == "gate":
        return conclusions.safety.state
    if effect.kind == "criteria":
        return {"hold": "present", "do_not_hold": "absent", "not_yet_known": "not_tested"}[conclusions.criteria.state]
    if effect.kind == "order":
        return ", ".join(conclusions.under(effect.profile).order)
    return conclusions.option(effect.about, effect.profile).strength


@given(in_clinic())
@settings(max_examples=60)
def test_a_flip_within_error_changes_what_it_says(values):
    findings = findings_of(values, KNOWLEDGE)
    before = assess(findings, KNOWLEDGE)
    for flip in before.robustness.flips:
        after = assess(findings.with_value(flip.finding, flip.tried), KNOWLEDGE)
        for effect in flip.effects:
            if effect.kind == "factor" and not after.suppressed:
                assert before.factor(effect.about).answer == effect.old
                assert after.factor(effect.about).answer == effect.new


@given(people, some_findings(most=3))
def test_asking_again_after_a_change_is_asking_everything_again(values, changed):
    """The quick way (only what reads the change) and the long way give the same answers."""
    base = CORE.run(findings_of(values, KNOWLEDGE))
    quick = CORE.rerun(base, changed)
    full = CORE.run(findings_of({**values, **changed}, KNOWLEDGE))
    for part in ("alarms", "red_flag", "criteria", "factors", "subcategories", "rules", "words"):
        assert getattr(quick, part) == getattr(full, part), part


@given(people)
@settings(max_examples=30)
def test_the_same_findings_give_the_same_conclusions_in_any_order(values):
    text = to_json(conclude(values))
    assert to_json(conclude(values)) == text
    assert to_json(conclude(dict(reversed(values.items())))) == text


@given(people)
def test_a_findings_file_reads_back_as_written(values):
    findings = findings_of(values, KNOWLEDGE)
    assert parse(serialise(findings, KNOWLEDGE), KNOWLEDGE) == findings


RETIRED_FINDINGS = sorted({finding for rule in KNOWLEDGE.retired_rules for finding in rule.findings})


def test_there_are_retired_findings():
    assert RETIRED_FINDINGS


@given(in_clinic(), st.data())
def test_retired_findings_never_change_a_strength(values, data):
    """A finding that only refuted rules read changes no strength word, whatever is measured."""
    finding = data.draw(st.sampled_from(RETIRED_FINDINGS))
    base = CORE.run(findings_of(values, KNOWLEDGE))
    other = CORE.run(findings_of({**values, finding: data.draw(values_of(FINDINGS[finding]))}, KNOWLEDGE))
    if base.gate == other.gate:
        words = [{cell: word.strength for cell, word in state.words.items()} for state in (base, other)]
        assert words[0] == words[1]


@given(in_clinic(), st.data())
def test_preferences_never_change_a_strength(values, data):
    wishes = {name: data.draw(values_of(FINDINGS[name])) for name in FINDINGS if name.startswith("finding.wants_")}
    base, other = (CORE.run(findings_of(each, KNOWLEDGE)) for each in (values, values | wishes))
    assert base.words == other.words


@given(in_clinic())
def test_both_together_is_never_advised_more_warmly_than_a_part(values):
    state = CORE.run(findings_of(values, KNOWLEDGE))
    for profile, part in itertools.product(PROFILES, ("option.taping", "option.orthoses")):
        both = state.words["option.taping_and_orthoses", profile].strength
        assert CORE.rank(both) >= CORE.rank(state.words[part, profile].strength) or both in ("do_not", "refer")


@pytest.mark.parametrize("profile", PROFILES)
def test_an_empty_sheet_says_what_to_ask_first(profile):
    conclusions = conclude({}, profile)
    assert conclusions.next_tests[0].safety
    assert conclusions.next_tests[0].urgency == "emergency"
    assert {advice.strength for advice in conclusions.under(profile).options} == {"no_advice"}
