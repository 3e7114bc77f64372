"""Why the decision aid says what it says, in sentences: advice, rules, what would change it, how firm it is."""

from __future__ import annotations

import re
from collections.abc import Iterable

import streamlit as st

from kneewise.knowledge_base import words
from kneewise.knowledge_base.models import Conflict, Finding, KnowledgeBase, Provenance
from kneewise.quantities import UNIT_SYMBOLS
from kneewise.reasoning.conclusions import Conclusions, Counterfactual, Effect, NextTest, OptionAdvice, Trace
from kneewise.reasoning.findings import FindingValue
from kneewise.ui import session
from kneewise.ui.sheet import Sheet

STRENGTH_COLOUR = {
    "core": "green", "offer": "green", "consider": "blue", "not_routinely": "orange", "do_not": "red", "refer": "red",
    "no_advice": "gray", "suppressed": "gray",
}  # fmt: skip
STATUS_COLOUR = {
    "seen": "green", "seen_secondary": "blue", "derived": "blue", "recalled": "orange", "proposed": "violet",
}  # fmt: skip
_SILENT = {
    "no_advice": {"clinician": "No advice", "patient": "Open"},
    "suppressed": {"clinician": "Held back", "patient": "On hold"},
}
_MOST_CHANGES = {"clinician": 6, "patient": 3}
_ON_ADVICE = ("option", "gate", "criteria")


# --- Words ----------------------------------------------------------------------------------------------------------


def label_of(knowledge: KnowledgeBase, entry_id: str, voice: str) -> str:
    """The label of an entry in this voice, without what stands in brackets."""
    label = knowledge.entry(entry_id).label
    return re.sub(r"\s*\([^)]*\)", "", label if isinstance(label, str) else getattr(label, voice))


def short_label(knowledge: KnowledgeBase, option: str, voice: str) -> str:
    """The label of an option without "added to exercise"."""
    label = label_of(knowledge, option, voice)
    return label.split(",")[0] if knowledge.entry(option).requires else label


def strength_words(knowledge: KnowledgeBase, strength: str, voice: str) -> str:
    """A strength word as it is said in this voice."""
    if strength in _SILENT:
        return _SILENT[strength][voice]
    return next(getattr(each.label, voice) for each in knowledge.wording.strength_labels if each.strength == strength)


def strength_badge(knowledge: KnowledgeBase, strength: str, voice: str) -> str:
    """A strength word as a badge: word first, colour only to help."""
    return f":{STRENGTH_COLOUR[strength]}-badge[{strength_words(knowledge, strength, voice)}]"


def status_badge(knowledge: KnowledgeBase, status: str) -> str:
    """How an entry is known, as a badge."""
    return f":{STATUS_COLOUR[status]}-badge[{words.status_words(knowledge, status)}]"


def answer_words(finding: Finding, value: FindingValue | None, voice: str) -> str:
    """An answer as it is said: "yes", "4 of 10", "Slightly better", "not tested"."""
    if value is None:
        return "not tested"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | tuple | list):
        labels = {choice.value: getattr(choice.label, voice) for choice in finding.choices}
        chosen = (value,) if isinstance(value, str) else value
        return ", ".join(labels.get(each, each) for each in chosen) or "none"
    unit = UNIT_SYMBOLS[finding.unit]
    if finding.unit == "points":
        return words.number_words(float(value))
    return f"{words.number_words(float(value))}{'' if unit in ('', '°', '%') else ' '}{unit}"


def advice_reason(knowledge: KnowledgeBase, advice: OptionAdvice, conclusions: Conclusions, voice: str) -> str:
    """In one sentence why this word stands, or what is missing where there is none."""
    clinician = voice == "clinician"
    if advice.deciding:
        return " ".join(getattr(knowledge.entry(rule).text, voice) for rule in advice.deciding)
    if advice.reason == "safety_open" and conclusions.safety.state == "open":
        return "First the safety questions; some are still open." if clinician else "A few safety questions come first."
    if advice.missing:
        named = [f"“{label_of(knowledge, finding, voice)}”" for finding in advice.missing[:3]]
        more = f" and {len(advice.missing) - 3} more" if len(advice.missing) > 3 else ""
        return (
            f"Not tested yet: {', '.join(named)}{more}." if clinician else f"We still need: {', '.join(named)}{more}."
        )
    if advice.reason == "rules_do_not_apply":
        return "No rule of this guideline fits these findings." if clinician else "No rule fits. We can talk about it."
    return (
        "No guideline rule speaks about it; it is always a choice."
        if clinician
        else "This is always a choice you have."
    )


def change_words(knowledge: KnowledgeBase, change: Counterfactual, voice: str) -> str:
    """One counterfactual in a sentence: "If “Task pain with tape” were 3 instead of 4, ..."."""
    ifs = []
    for each in change.changes:
        finding = knowledge.entry(each.finding)
        new, label = answer_words(finding, each.new, voice), label_of(knowledge, each.finding, voice)
        if each.old is None:
            ifs.append(f"“{label}” turned out to be **{new}**")
        else:
            ifs.append(f"“{label}” were **{new}** instead of {answer_words(finding, each.old, voice)}")
    then = effect_words(knowledge, change.effects, voice)
    return f"If {' and '.join(ifs)}{', ' if voice == 'clinician' else ': '}{then}."


def effect_words(knowledge: KnowledgeBase, effects: Iterable[Effect], voice: str) -> str:
    """What would change, in words; options that move the same way are named together."""
    listed = list(effects)
    gate = next((each for each in listed if each.kind == "gate"), None)
    if gate is not None and gate.new == "hit":
        return "a red flag would hold and everything else would stop" if voice == "clinician" else "we would stop here and look at that first"  # fmt: skip
    criteria = next((each for each in listed if each.kind == "criteria"), None)
    if criteria is not None and criteria.new == "absent":
        return "the pattern would not be patellofemoral pain, and no option would be discussed" if voice == "clinician" else "we would look for what else it may be"  # fmt: skip
    said = []
    if gate is not None and gate.new == "clear":
        said.append("the safety questions would be complete")
    if criteria is not None and criteria.new == "present":
        said.append("the criteria would hold" if voice == "clinician" else "this would fit kneecap pain")
    moves: dict[tuple[str, str], list[str]] = {}
    moved = {each.about for each in listed if each.kind == "option"}
    for each in listed:
        if each.kind == "option":
            parts = knowledge.entry(each.about).requires
            name = (
                "both together" if len(parts) > 1 and moved & set(parts) else short_label(knowledge, each.about, voice)
            )
            moves.setdefault((each.old, each.new), []).append(f"**{name}**")
    for (old, new), options in moves.items():
        said.append(
            f"{' and '.join(options)} {'would move' if voice == 'clinician' else 'would go'} from “{strength_words(knowledge, old, voice)}” to "
            f"“{strength_words(knowledge, new, voice)}”"
        )
    if not said and any(each.kind == "order" for each in listed):
        said.append("only the order of equally strong options would change")
    named = [label_of(knowledge, each.about, voice) for each in listed if each.kind in ("factor", "subcategory")]
    if not said and named:
        said.append(f"the answer about {', '.join(named)} would change")
    return "; ".join(said)


# --- The sections ---------------------------------------------------------------------------------------------------


def show_why(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    """Why, and what would change this: rules, counterfactuals, firmness, next test, conflicts, retired rules."""
    compared = [option.id for option in knowledge.options if option.compared]
    chosen = st.pills(
        "Why this word for",
        compared,
        format_func=lambda option: short_label(knowledge, option, voice),
        required=True,
        wrap=True,
        **session.keep("screen.why_option", "option.taping", compared),
    )
    _show_rules(knowledge, conclusions, chosen, voice)
    _show_changes(knowledge, conclusions, chosen, voice)
    firm, following = st.columns(2)
    with firm.container(border=True, height="stretch"):
        _show_firmness(knowledge, sheet, conclusions, voice)
    with following.container(border=True, height="stretch"):
        _show_next_test(knowledge, conclusions, voice)
    _show_conflicts(knowledge, conclusions, chosen, voice)
    _show_retired(knowledge, sheet, voice)


def _show_rules(knowledge: KnowledgeBase, conclusions: Conclusions, option: str, voice: str) -> None:
    if voice == "patient":
        advice = conclusions.option(option)
        with st.container(border=True):
            st.markdown(strength_badge(knowledge, advice.strength, voice))
            st.write(advice_reason(knowledge, advice, conclusions, voice))
        return
    for column, profile in zip(st.columns(len(knowledge.profiles)), knowledge.profiles, strict=True):
        advice = conclusions.option(option, profile.id)
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{label_of(knowledge, profile.id, voice)}**")
            st.markdown(strength_badge(knowledge, advice.strength, voice))
            if not advice.deciding:
                st.write(advice_reason(knowledge, advice, conclusions, voice))
            for rule in advice.deciding:
                show_rule(knowledge, rule, _trace_of(conclusions, rule, advice))


def _trace_of(conclusions: Conclusions, rule: str, advice: OptionAdvice) -> Trace | None:
    abouts = {f"{option}@{advice.profile}" for option in (advice.option, *advice.combined_from)}
    return next((trace for trace in conclusions.traces if trace.entry == rule and trace.about in abouts), None)


def show_rule(knowledge: KnowledgeBase, rule_id: str, trace: Trace | None) -> None:
    """One rule with its evidence level, status, sources, and the findings it read (clinician)."""
    rule = knowledge.entry(rule_id)
    st.markdown(f"{rule.text.clinician} :gray-badge[{rule.code}] {status_badge(knowledge, rule.status)}")
    read = [each for each in trace.inputs if each.value is not None] if trace else []
    if len(read) > 8:  # the gate reads every safety question; naming them all would hide the rest
        inputs = f"{len(read)} answers of the gate"
    else:
        inputs = "; ".join(
            f"{label_of(knowledge, each.finding, 'clinician')}: "
            f"{answer_words(knowledge.entry(each.finding), each.value, 'clinician')}"
            for each in read
        )
    lines = [f"Evidence: {rule.evidence_level}."]
    if inputs:
        lines.append(f"Read: {inputs}.")
    lines.append(sources_words(knowledge, rule))
    if rule.note:
        lines.append(f"Note: {rule.note}")
    st.caption("  \n".join(filter(None, lines)))


def sources_words(knowledge: KnowledgeBase, entry: Provenance) -> str:
    """The sources of an entry as citations in one line."""
    cited = "; ".join(knowledge.entry(source).citation for source in entry.sources)
    return f"Sources: {cited}." if cited else "No source: a judgement."


def _show_changes(knowledge: KnowledgeBase, conclusions: Conclusions, option: str, voice: str) -> None:
    profile = label_of(knowledge, conclusions.profile, voice)
    st.subheader("What would change this", anchor=False)
    telling = [
        each
        for each in conclusions.counterfactuals
        if each.kind != "safety" and any(effect.kind in _ON_ADVICE for effect in each.effects)
    ]
    if voice == "clinician":
        st.caption(f"The smallest changes that give another answer under {profile}; each was tried by running it.")
    else:
        telling = [each for each in telling if any(effect.kind == "option" for effect in each.effects)]
    telling.sort(key=lambda each: all(effect.about != option for effect in each.effects))  # its own changes first
    limit = _MOST_CHANGES[voice]
    for each in telling[:limit]:
        st.markdown(f"- {change_words(knowledge, each, voice)}")
    if not telling:
        st.write("No single answer would change the advice." if voice == "clinician" else "No one answer would.")
    alarming = sum(
        each.kind == "safety" and any(effect.kind == "gate" and effect.new == "hit" for effect in each.effects)
        for each in conclusions.counterfactuals
    )
    if alarming:
        st.caption(
            f"And any of {alarming} safety questions answered with yes would stop everything else."
            if voice == "clinician"
            else "And if any safety question were a yes, we would look at that first."
        )
    if voice == "clinician" and len(telling) > limit:
        rest = st.expander(f"{len(telling) - limit} more changes", on_change="rerun", key="more_changes")
        if rest.open:
            with rest:
                for each in telling[limit:]:
                    st.markdown(f"- {change_words(knowledge, each, voice)}")


def _show_firmness(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    """Robust or fragile, with the finding that flips it; pain scores have no error on file, so one step is looked at."""
    robust = conclusions.robustness
    st.markdown("**How firm is this?**")
    flipping = [flip for flip in robust.flips if any(effect.kind in _ON_ADVICE for effect in flip.effects)]
    unknown = _numbers_without_error(knowledge, sheet, conclusions)
    by_a_step = [each for each in conclusions.counterfactuals if _is_one_step(knowledge, each, unknown)]
    if flipping or by_a_step:
        st.markdown(":orange-badge[Fragile]" if voice == "clinician" else ":orange-badge[It hangs on a small thing]")
    elif robust.tried:
        st.markdown(":green-badge[Robust]" if voice == "clinician" else ":green-badge[Firm]")
    else:
        st.markdown(":gray-badge[Nothing to vary]" if voice == "clinician" else ":gray-badge[Not checked yet]")
    for flip in flipping[:3]:
        finding = knowledge.entry(flip.finding)
        why = "within measurement error" if flip.why == "measurement_error" else "examiners often disagree"
        change = (
            f"“{label_of(knowledge, flip.finding, voice)}” read as {answer_words(finding, flip.tried, voice)} instead of "
            f"{answer_words(finding, flip.value, voice)}"
        )
        said = f" ({why})" if voice == "clinician" else ""
        st.write(f"{change}{said}: {effect_words(knowledge, flip.effects, voice)}.")
    if by_a_step:
        names = " or ".join(f"“{label_of(knowledge, each.changes[0].finding, voice)}”" for each in by_a_step)
        st.write(
            f"One step in {names} already changes the advice (see above)."
            if voice == "clinician"
            else f"One point can change this. Look at {names}."
        )
    if not flipping and not by_a_step and voice == "patient":
        st.write(
            "A small error in what we measured would not change this."
            if robust.tried
            else "We have not measured things yet that could be a bit off."
        )
    if voice == "patient":
        return
    if robust.tried and not flipping:
        names = ", ".join(label_of(knowledge, finding, voice) for finding in robust.tried)
        st.write(f"Within measurement error or examiner agreement, none of these changes the advice: {names}.")
    if unknown:
        names = ", ".join(label_of(knowledge, finding, voice) for finding in unknown)
        st.caption(f"No measurement error on file, so not varied: {names}.")


def _is_one_step(knowledge: KnowledgeBase, change: Counterfactual, unknown: Iterable[str]) -> bool:
    """Whether one step of one number without a known error changes the advice."""
    first = change.changes[0]
    finding = knowledge.entry(first.finding)
    return (
        len(change.changes) == 1
        and first.finding in unknown
        and first.old is not None
        and abs(first.new - first.old) <= finding.step
        and any(effect.kind in _ON_ADVICE for effect in change.effects)
    )


def _numbers_without_error(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions) -> list[str]:
    """The numbers that the deciding rules read and that could not be varied, pain scores above all."""
    deciding = {rule for advice in conclusions.under(conclusions.profile).options for rule in advice.deciding}
    read = {
        each.finding
        for trace in conclusions.traces
        if trace.entry in deciding
        for each in trace.inputs
        if each.value is not None
    }
    return [
        finding.id
        for finding in knowledge.findings
        if finding.id in sheet.findings
        and finding.kind == "number"
        and finding.measurement_error is None
        and not finding.safety
        and finding.group != "scope"
        and (finding.id in read or finding.id in conclusions.robustness.error_not_known)
    ]


def _show_next_test(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> None:
    st.markdown("**The next useful test**" if voice == "clinician" else "**What to check next**")
    telling = [each for each in conclusions.next_tests if any(effect.kind in _ON_ADVICE for effect in each.effects)]
    following = (telling or list(conclusions.next_tests))[:1]
    if not following:
        st.write("No untested finding would change an answer." if voice == "clinician" else "Nothing more is needed.")
        return
    _say_test(knowledge, following[0], bool(telling), voice)


def _say_test(knowledge: KnowledgeBase, following: NextTest, on_advice: bool, voice: str) -> None:
    named = [label_of(knowledge, finding, voice) for finding in following.findings]
    st.write("; ".join(named) + ".")
    if voice == "patient":
        st.write("It could change what we suggest." if on_advice else "It helps us to know your knee better. It would not change what we suggest.")  # fmt: skip
        return
    if on_advice:
        st.write(f"It could change {following.most_changes} answer{'s' if following.most_changes > 1 else ''}.")
    else:
        st.write("No untested finding would change the advice; this one would tell most about the factors.")
    if following.test:
        test = knowledge.entry(following.test)
        st.caption(f"{test.name}. {test.procedure}")
        st.caption(f"Grading: {test.grading} {test.advice}")


def _show_conflicts(knowledge: KnowledgeBase, conclusions: Conclusions, option: str, voice: str) -> None:
    parts = {option, *conclusions.option(option).combined_from}
    own = {conflict for rule in knowledge.rules if rule.option in parts for conflict in rule.conflicts}
    first = [conflict for conflict in knowledge.conflicts if conflict.id in own]
    others = [conflict for conflict in knowledge.conflicts if conflict.id not in own]
    st.subheader("Where sources disagree" if voice == "clinician" else "Where experts do not agree", anchor=False)
    if voice == "patient":
        for conflict in first or others[:3]:
            st.markdown(f"- {conflict.question.patient}")
        st.caption("Good studies and expert groups give different answers to these. So we try it, and see.")
        return
    st.caption("Every row stands for itself; nothing is averaged.")
    for conflict in first:
        _show_conflict(knowledge, conflict)
    rest = st.expander(f"Other disagreements ({len(others)})", on_change="rerun", key="other_conflicts")
    if rest.open:
        with rest:
            for conflict in others:
                _show_conflict(knowledge, conflict)


def _show_conflict(knowledge: KnowledgeBase, conflict: Conflict) -> None:
    st.markdown(f"**{conflict.question.clinician}** :gray-badge[{conflict.code}]")
    st.table(
        [
            {
                "Source": row.body,
                "Says": f"{row.says} {row.note}".strip(),
                "Known as": words.status_words(knowledge, row.status),
            }
            for row in conflict.rows
        ],
        hide_index=True,
    )


def _show_retired(knowledge: KnowledgeBase, sheet: Sheet, voice: str) -> None:
    asked = [
        rule
        for rule in knowledge.retired_rules
        if rule.findings and all(finding in sheet.findings for finding in rule.findings)
    ]
    if voice == "patient":
        asked = [rule for rule in asked if len(rule.findings) == 1]
    if not asked:
        return
    heading = "Measured, but no longer used to choose" if voice == "clinician" else "What we do not use to choose"
    st.subheader(heading, anchor=False)
    for rule in asked:
        if voice == "patient":
            st.markdown(f"- **{label_of(knowledge, rule.findings[0], voice)}.** {rule.why_retired.patient}")
        else:
            st.markdown(
                f"- **{rule.label}** ({rule.retired_on}): {rule.why_retired.clinician} "
                f"{status_badge(knowledge, rule.status)}"
            )
