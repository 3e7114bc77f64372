"""The decision aid: is it safe and does it fit, a test in the room, the options in equal detail, why, and what next.

One step is on screen at a time. A red flag stops everything else. Options are not ranked below the strength of the
advice: the patient's preference decides among equals. Group figures are never a forecast for one person.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable

import streamlit as st

from kneewise.figures import Drawn
from kneewise.figures.icon_array import (
    can_be_drawn,
    draw_icon_array,
    people_of_100,
    range_of_100,
    small_icon_array,
)
from kneewise.knowledge_base import words
from kneewise.knowledge_base.models import Finding, KnowledgeBase, Option, OptionPoint
from kneewise.reasoning import assess
from kneewise.reasoning import findings as findings_file
from kneewise.reasoning.conclusions import Conclusions, FactValue, OptionAdvice
from kneewise.ui import caches, charts, frame, inputs, like_mine, material, reasons, session, take_home
from kneewise.ui.reasons import label_of
from kneewise.ui.sheet import Sheet

_STEPS = {
    "check": ("1 Check first", "1 Safe to start?"),
    "try": ("2 Try it here", "2 Try it here"),
    "options": ("3 Options", "3 Your options"),
    "why": ("4 Why", "4 Why"),
    "next": ("5 Stop and review", "5 What comes next"),
}
_LEADS = ("finding.acute_trauma", "finding.dvt_suspected")
"""Safety questions whose "yes" opens a set of questions of its own (X-ray rules, Wells score)."""
_NUMBERS_FIRST = ("finding.age_years", "finding.morning_stiffness_min")
_CERTAINTY = {
    "high": ("High", "Quite sure"),
    "moderate": ("Moderate", "Fairly sure"),
    "low": ("Low", "Not very sure"),
    "very_low": ("Very low", "Not sure at all"),
    "not_rated": ("Not rated", "Nobody has rated this"),
}
_RESPONSE = {
    "responder": ("green", "Clear relief", "It eased your pain a lot"),
    "partial": ("blue", "Some relief", "It eased your pain a bit"),
    "non_responder": ("orange", "No relief", "It did not ease your pain"),
    "worse": ("red", "Worse", "It hurt more"),
    "uninterpretable": ("gray", "Too little pain before the test to tell", "There was too little pain to tell"),
}
_WISHES = ("wants", "neutral", "declines", "undecided")
_WISH_OF = {
    "option.exercise": "finding.wants_exercise",
    "option.taping": "finding.wants_tape",
    "option.orthoses": "finding.wants_orthosis",
}


def show(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    """The whole screen below the frame: the stop, or the step that is open, and the facts about this aid."""
    if conclusions.suppressed:
        _show_stop(knowledge, sheet, conclusions, voice)
        return
    _show_standing(knowledge, sheet, conclusions, voice)
    step = _choose_step(conclusions, voice)
    sections: dict[str, Callable[[KnowledgeBase, Sheet, Conclusions, str], None]] = {
        "check": _show_check,
        "try": _show_try,
        "options": _show_options,
        "why": _show_why,
        "next": _show_next,
    }
    if step in ("options", "why", "next") and _pattern_does_not_fit(knowledge, conclusions, voice):
        _show_about(knowledge, voice)
        return
    sections[step](knowledge, sheet, conclusions, voice)
    _show_about(knowledge, voice)


# --- The stop -------------------------------------------------------------------------------------------------------


def _show_stop(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    """The actions of every red flag that holds, the most urgent first, and a way to put a slip right. Nothing else."""
    first, *others = conclusions.safety.hits
    entry = knowledge.entry(first.id)
    when = f" · {first.urgency}{', ' + first.within if first.within else ''}" if voice == "clinician" else ""
    st.error(f"### {getattr(entry.action, voice)}\n\n{getattr(entry.label, voice)}{when}")
    said = {getattr(entry.action, voice)}
    for alarm in others:
        entry = knowledge.entry(alarm.id)
        action = getattr(entry.action, voice)
        if action not in said:
            said.add(action)
            within = f" · {alarm.within}" if voice == "clinician" and alarm.within else ""
            with st.container(border=True):
                st.markdown(f"**{action}**  \n{getattr(entry.label, voice)}{within}")
    st.write(
        "Everything else on this page is held back until this has been dealt with."
        if voice == "clinician"
        else "We look at this first. The rest can wait."
    )
    if sheet.is_example:
        return
    with st.expander("Put an answer right" if voice == "clinician" else "Was that a slip? Change an answer"):
        asked = _safety_questions(knowledge)
        held = [finding for finding in asked if sheet.findings.get(finding.id) is True]
        numbers = [finding for finding in asked if finding.kind == "number" and finding.id in sheet.findings]
        later = _follow_ups(knowledge, sheet)
        inputs.tick_findings([*held, *later], voice)
        if later:
            st.button(
                "I asked; none of the others holds" if voice == "clinician" else "None of the others",
                on_click=inputs.answer_all_no,
                args=(later,),
                key="none_holds/follow_ups",
            )
        inputs.enter_findings(numbers, voice)


def _pattern_does_not_fit(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> bool:
    if conclusions.criteria.state != "do_not_hold":
        return False
    for rule in conclusions.general:
        if rule.effect == "stop":
            st.warning(getattr(knowledge.entry(rule.rule).text, voice))
    return True


# --- Where we stand, and the steps ----------------------------------------------------------------------------------


def _show_standing(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    """One line: safety, skin and foot, pattern, the two tests."""
    asked = {finding.id for finding in (*_safety_questions(knowledge), *_follow_ups(knowledge, sheet))}
    open_count = len(asked & set(conclusions.safety.missing))
    clinician = voice == "clinician"
    safety = (
        f":orange-badge[Safety: {open_count} open]"
        if open_count
        else f":green-badge[{'Safety: asked, none holds' if clinician else 'Safe to start'}]"
    )
    care = _standing_of_care(knowledge, sheet, clinician)
    pattern = {
        "hold": f":green-badge[{'Patellofemoral pain: criteria hold' if clinician else 'Fits kneecap pain'}]",
        "do_not_hold": f":red-badge[{'Criteria do not hold' if clinician else 'Does not fit kneecap pain'}]",
        "not_yet_known": f":orange-badge[{'Criteria: open' if clinician else 'Pattern: still open'}]",
    }[conclusions.criteria.state]
    tests = [
        f":{_RESPONSE[fact.answer][0]}-badge[{name}: {_RESPONSE[fact.answer][1 if clinician else 2].lower()}]"
        for name, fact in (
            ("Tape", _response(conclusions, "derived.tape_response")),
            ("Orthosis" if clinician else "Insert", _response(conclusions, "derived.orthosis_response")),
        )
        if fact is not None and fact.answer in _RESPONSE
    ]
    st.markdown(" ".join([safety, care, pattern, *tests]))


def _standing_of_care(knowledge: KnowledgeBase, sheet: Sheet, clinician: bool) -> str:
    asked = inputs.group(knowledge, "safety")
    held = [finding for finding in asked if sheet.findings.get(finding.id) is True]
    missing = [finding for finding in asked if finding.id not in sheet.findings]
    name = "Skin and foot"
    if held:
        return f":orange-badge[{name}: {'take care' if not clinician else f'{len(held)} to mind'}]"
    if missing:
        return f":orange-badge[{name}: {len(missing)} open]"
    return f":green-badge[{name}: {'none holds' if clinician else 'fine'}]"


def _response(conclusions: Conclusions, fact_id: str) -> FactValue | None:
    return next((fact for fact in conclusions.facts if fact.id == fact_id), None)


def _choose_step(conclusions: Conclusions, voice: str) -> str:
    """The step that is open; at first the check while a question of it is open, else the options."""
    waiting = conclusions.safety.state == "open" or conclusions.criteria.state == "not_yet_known"
    names = {step: labels[voice == "patient"] for step, labels in _STEPS.items()}
    return st.segmented_control(
        "Step",
        list(_STEPS),
        format_func=names.__getitem__,
        required=True,
        label_visibility="collapsed",
        width="stretch",
        **session.keep("screen.decision_step", "check" if waiting else "options", list(_STEPS)),
    )


# --- 1 Check first --------------------------------------------------------------------------------------------------


@caches.share(max_entries=2)
def _asked_about(version: str) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """(safety findings asked first, {lead: findings that matter only when the lead holds}), worked out by the reasoning."""
    knowledge = material.knowledge()

    def open_questions(values: dict[str, bool]) -> tuple[str, ...]:
        return assess(findings_file.findings_of(values, knowledge), knowledge).safety.missing

    everything = open_questions({})
    follow_ups = {}
    for lead in _LEADS:
        without = open_questions({lead: False})
        follow_ups[lead] = tuple(each for each in everything if each not in without and each != lead)
    later = {each for ids in follow_ups.values() for each in ids}
    return tuple(each for each in everything if each not in later), follow_ups


def _safety_questions(knowledge: KnowledgeBase) -> list[Finding]:
    first, _ = _asked_about(material.knowledge_version())
    return [knowledge.entry(each) for each in first]


def _follow_ups(knowledge: KnowledgeBase, sheet: Sheet) -> list[Finding]:
    _, follow_ups = _asked_about(material.knowledge_version())
    return [knowledge.entry(each) for lead in _LEADS if sheet.findings.get(lead) is True for each in follow_ups[lead]]


def _show_check(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    clinician = voice == "clinician"
    st.subheader("Red flags" if clinician else "First: is it safe to start?", anchor=False)
    asked = [*_safety_questions(knowledge), *_follow_ups(knowledge, sheet)]
    _show_checklist(knowledge, sheet, asked, "red_flags", voice)
    st.subheader("Skin and foot" if clinician else "Your skin and your foot", anchor=False)
    _show_checklist(knowledge, sheet, inputs.group(knowledge, "safety"), "care", voice)
    _show_care_rules(knowledge, conclusions, voice)
    st.subheader("Is it patellofemoral pain?" if clinician else "Does it fit kneecap pain?", anchor=False)
    _show_criteria(knowledge, sheet, conclusions, voice)


def _show_checklist(knowledge: KnowledgeBase, sheet: Sheet, asked: list[Finding], name: str, voice: str) -> None:
    missing = [finding for finding in asked if finding.id not in sheet.findings]
    held = [finding for finding in asked if sheet.findings.get(finding.id) is True]
    if sheet.is_example:
        st.write(f"In the example, all {len(asked)} questions were asked; {len(held) or 'none'} of them holds.")
        with st.expander("The questions"):
            st.markdown("\n".join(f"- {getattr(finding.label, voice)}" for finding in asked))
        return
    numbers = [finding for finding in asked if finding.id in _NUMBERS_FIRST]
    ticks = [finding for finding in asked if finding.kind == "yes_no"]
    if numbers:
        for column, finding in zip(st.columns(4), numbers, strict=False):
            with column:
                inputs.enter_finding(finding, voice)
    st.write("Tick what holds." if voice == "clinician" else "Tick what is true for you.")
    inputs.tick_findings(ticks, voice)
    with st.container(horizontal=True, vertical_alignment="center"):
        open_ticks = [finding for finding in ticks if finding in missing]
        st.button(
            ("I asked; none of these holds" if not held else "I asked; none of the others holds")
            if voice == "clinician"
            else ("None of these" if not held else "None of the others"),
            type=frame.main_button_type() if open_ticks else "secondary",
            disabled=not open_ticks,
            on_click=inputs.answer_all_no,
            args=(ticks,),
            key=f"none_holds/{name}",
        )
        if len(open_ticks) < len(ticks):
            st.button("Ask again", on_click=inputs.forget_no, args=(ticks,), key=f"ask_again/{name}", type="tertiary")
        if not missing:
            st.markdown(":green-badge[All answered]")
        else:
            named = "" if open_ticks else ": " + ", ".join(label_of(knowledge, each.id, voice) for each in missing)
            st.markdown(f":orange-badge[{len(missing)} of {len(asked)} open{named}]")


def _show_care_rules(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> None:
    """What a skin or foot answer means for tape and inserts."""
    said: list[str] = []
    for option in ("option.taping", "option.orthoses"):
        advice = conclusions.option(option)
        strong = [rule for rule in advice.deciding if advice.strength in ("do_not", "refer")]
        for rule in (*strong, *advice.precautions):
            if rule not in said:
                said.append(rule)
                st.warning(getattr(knowledge.entry(rule).text, voice))


def _show_criteria(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    badge = {"present": ":green-badge[yes]", "absent": ":red-badge[no]", "not_tested": ":orange-badge[open]"}
    for part in conclusions.criteria.parts:
        st.markdown(f"{badge[part.answer]} {getattr(knowledge.diagnosis.parts[part.position].label, voice)}")
    if sheet.is_example:
        return
    asked = [finding for finding in inputs.group(knowledge, "scope") if finding.test and not finding.safety]
    for row in range(0, len(asked), 3):
        for column, finding in zip(st.columns(3), asked[row : row + 3], strict=False):
            with column:
                inputs.enter_finding(finding, voice)
    for rule in conclusions.general:
        if rule.effect == "stop":
            st.warning(getattr(knowledge.entry(rule.rule).text, voice))


# --- 2 Try it here --------------------------------------------------------------------------------------------------


def _show_try(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    clinician = voice == "clinician"
    st.write(
        "Same task, same shoe: pain from 0 to 10 before, then with tape or device."
        if clinician
        else "Do the task that hurts. Say how much, from 0 to 10. Then do it again with tape, or with an insert."
    )
    pronation = [knowledge.entry("finding.pronation_gt_normal")] if clinician else []
    tape, insert = st.columns(2)
    with tape.container(border=True, height="stretch"):
        _show_response(knowledge, conclusions, "Tape", "derived.tape_response", voice)
        _enter_or_say(knowledge, sheet, inputs.group(knowledge, "tape_retest"), voice)
    with insert.container(border=True, height="stretch"):
        name = "Foot orthosis" if clinician else "Shoe insert"
        _show_response(knowledge, conclusions, name, "derived.orthosis_response", voice)
        _enter_or_say(knowledge, sheet, [*inputs.group(knowledge, "orthosis_retest"), *pronation], voice)
    st.caption(_how_classed(knowledge, voice))
    with st.container(border=True):
        st.markdown("**Exercise so far**")
        _enter_or_say(knowledge, sheet, inputs.group(knowledge, "care_so_far"), voice, columns=3)
    if clinician:
        _show_profiles(knowledge)
        ways = st.expander("Ways of taping", on_change="rerun", key="techniques")
        if ways.open:
            with ways:
                for technique in knowledge.techniques:
                    st.markdown(
                        f"**{technique.label.clinician}** {reasons.status_badge(knowledge, technique.status)}  \n"
                        f"{technique.indication}. {technique.method}"
                    )


def _enter_or_say(
    knowledge: KnowledgeBase, sheet: Sheet, asked: Iterable[Finding], voice: str, columns: int = 2
) -> None:
    """Widgets for own findings; the answers in words while the example is on screen."""
    listed = list(asked)
    if sheet.is_example:
        lines = [
            f"- {label_of(knowledge, each.id, voice)}: "
            f"**{reasons.answer_words(each, sheet.findings.get(each.id), voice)}**"
            for each in listed
        ]
        st.markdown("\n".join(lines))
        return
    wide = [finding for finding in listed if finding.kind == "yes_no" and columns < 3]  # three buttons need the room
    narrow = [finding for finding in listed if finding not in wide]
    for row in range(0, len(narrow), columns):
        for column, finding in zip(st.columns(columns), narrow[row : row + columns], strict=False):
            with column:
                inputs.enter_finding(finding, voice)
    inputs.enter_findings(wide, voice)


def _show_response(knowledge: KnowledgeBase, conclusions: Conclusions, name: str, fact_id: str, voice: str) -> None:
    fact = _response(conclusions, fact_id)
    if fact is None or fact.answer not in _RESPONSE:
        possible = [_RESPONSE[each][2 if voice == "patient" else 1].lower() for each in fact.possible] if fact else []
        named = f": {' or '.join(possible)}" if 1 < len(possible) < len(_RESPONSE) else ""
        st.markdown(f"**{name}** :gray-badge[{'Still open' if voice == 'patient' else 'Open'}{named}]")
        return
    colour, clinician, patient = _RESPONSE[fact.answer]
    policy = reasons.status_badge(knowledge, knowledge.entry(fact_id).status) if voice == "clinician" else ""
    st.markdown(f"**{name}** :{colour}-badge[{clinician if voice == 'clinician' else patient}] {policy}")


def _how_classed(knowledge: KnowledgeBase, voice: str) -> str:
    rule = knowledge.response_rules[0]
    if voice == "patient":
        return (
            "This is one test on one day. It tells us if it eases the task now. It does not tell how the next weeks go."
        )
    half = words.number_words(100 * rule.responder_fall_fraction.value)
    return (
        f"Clear relief: task pain falls by {half} % or more, or at least moderately better. Some relief: it falls by "
        f"{words.number_words(rule.partial_fall_points.value)} points or more. Worse: it rises by "
        f"{words.number_words(rule.worse_rise_points.value)} or more. Read only from a pain of "
        f"{words.number_words(rule.interpretable_from_points.value)} upwards. These classes are "
        f"{words.status_words(knowledge, rule.status)}. The same session only: chance, placebo and a warm-up also ease "
        "a second try, and relief today has not been shown to foretell the next weeks."
    )


def _show_profiles(knowledge: KnowledgeBase) -> None:
    st.subheader("Which guideline?", anchor=False)
    st.caption("They disagree. All are shown side by side, never averaged; the chosen one is used for “why”.")
    choose_profile(knowledge)
    for column, profile in zip(st.columns(len(knowledge.profiles)), knowledge.profiles, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{label_of(knowledge, profile.id, 'clinician')}**  \n{profile.summary.clinician}")
            st.caption(words.provenance_words(knowledge, profile))


def choose_profile(knowledge: KnowledgeBase) -> None:
    """The switch between guidelines; the chosen one is shown in bold and explained under “why”."""
    profiles = [profile.id for profile in knowledge.profiles]
    if session.guideline_profile() not in profiles:
        session.set_guideline_profile(profiles[0])  # the one the reasoning takes when nobody chose
    st.segmented_control(
        "Guideline for the details",
        profiles,
        format_func=lambda profile: label_of(knowledge, profile, "clinician"),
        required=True,
        **session.keep("guideline_profile", profiles[0], profiles),
    )


# --- 3 Options ------------------------------------------------------------------------------------------------------


def _show_options(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    st.markdown(
        "**Add tape, an insert, both or neither to the exercise plan?** The figures are about groups in studies. None is a "
        "forecast for one person: this aims at a better decision, not at a better knee."
        if voice == "clinician"
        else "**Do you want tape, an insert, both, or none of them with your exercises?** The numbers are about people in "
        "studies. They can not tell how it will go for you. You choose, with your physio."
    )
    for rule in conclusions.general:
        if rule.effect == "note" and rule.strength is None and rule.rule != "rule.s01":
            st.info(getattr(knowledge.entry(rule.rule).text, voice))
    modes = {"glance": "All at a glance", "two": "Compare two"}
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        mode = st.segmented_control(
            "Show",
            list(modes),
            format_func=modes.__getitem__,
            required=True,
            **session.keep("screen.decision_mode", "glance", list(modes)),
        )
        if voice == "clinician":
            choose_profile(knowledge)
    compared = [option for option in knowledge.options if option.compared]
    if mode == "two":
        _compare_two(knowledge, sheet, conclusions, compared, voice)
        return
    for option in compared:
        _show_row(knowledge, sheet, conclusions, option, voice)
    _show_ties(knowledge, conclusions, voice)
    if voice == "clinician":
        like_mine.show(knowledge, sheet)
    _show_others(knowledge, sheet, conclusions, voice)


def _show_row(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, option: Option, voice: str) -> None:
    """One option in a compact row: what, advice, one figure or fact for each side, the patient's wish."""
    with st.container(border=True):
        what, advice, gain, cost = st.columns([2.9, 2.4, 3, 3] if voice == "clinician" else [2.7, 3, 3, 2.6])
        with what:
            st.markdown(f"**{getattr(option.label, voice)}**  \n:small[{getattr(option.what_it_is, voice)}]")
            _ask_wish(knowledge, sheet, option.id, voice)
        with advice:
            _show_words(knowledge, conclusions, option.id, voice)
        with gain.container(gap="xsmall"):
            _show_short(knowledge, option.benefits, voice, drawback=False)
        with cost.container(gap="xsmall"):
            _show_short(knowledge, option.harms, voice, drawback=True)


def _show_words(knowledge: KnowledgeBase, conclusions: Conclusions, option: str, voice: str) -> None:
    """The strength word of every guideline (clinician), or of the chosen one and of those that differ (patient)."""
    if voice == "clinician":
        lines = []
        for profile in knowledge.profiles:
            strength = conclusions.option(option, profile.id).strength
            name = _one_word(label_of(knowledge, profile.id, voice))
            name = f"**{name}**" if profile.id == conclusions.profile else name
            badge = reasons.strength_badge(knowledge, strength, voice).replace(" (still optional)", "")
            lines.append(f"{badge} :small[{name}]")
        st.markdown("  \n".join(lines))
        advice = conclusions.option(option)
        if advice.strength in ("no_advice", "suppressed"):
            st.caption(reasons.advice_reason(knowledge, advice, conclusions, voice))
        return
    advice = conclusions.option(option)
    st.markdown(reasons.strength_badge(knowledge, advice.strength, voice))
    st.markdown(f":small[{reasons.advice_reason(knowledge, advice, conclusions, voice)}]")
    others = {
        reasons.strength_words(knowledge, each.strength, voice)
        for each in (conclusions.option(option, profile.id) for profile in knowledge.profiles)
        if each.strength != advice.strength
    }
    if others:
        st.markdown(f":small[Other expert groups say: {' / '.join(sorted(others))}.]")


def _one_word(guideline: str) -> str:
    """The word that tells a guideline from the others: "Dutch guideline" -> "Dutch"."""
    return next((word for word in guideline.split() if word not in ("International", "guideline")), guideline)


def _show_short(knowledge: KnowledgeBase, points: tuple[OptionPoint, ...], voice: str, *, drawback: bool) -> None:
    """The figure of these points where there is one, small, with its range; else the first point in words."""
    heading = (
        ("Drawbacks" if drawback else "May help") if voice == "clinician" else ("Not so good" if drawback else "Good")
    )
    for point in points:
        value = knowledge.entry(point.value) if point.value else None
        if value is None or not can_be_drawn(value):
            continue
        count = people_of_100(value)
        st.markdown(f":small[**{heading}**]")
        st.image(
            small_icon_array(value, dark=charts.is_dark(), drawback=drawback),
            width=168,
            alt=f"{count} of 100 marks filled",
        )
        if voice == "clinician":
            span = range_of_100(value)
            said = f"**{count} of 100** ({span}); {100 - count} not. {value.quantity}. {value.population}."
        else:
            said = point.text.patient
        st.markdown(f":small[{said}]")
        return
    st.markdown(f":small[**{heading}**]  \n:small[{getattr(points[0].text, voice)}]")


def _ask_wish(knowledge: KnowledgeBase, sheet: Sheet, option: str, voice: str) -> None:
    """The patient's wish about one option, kept with the findings where the reasoning reads it."""
    finding_id = _WISH_OF.get(option)
    finding = knowledge.entry(finding_id or "finding.wants_tape")
    labels = {choice.value: getattr(choice.label, voice) for choice in finding.choices}
    question = "Patient's wish" if voice == "clinician" else "Your wish"
    if option == "option.taping_and_orthoses":
        other = "orthosis" if voice == "clinician" else "insert"
        st.markdown(f":small[**{question}:** follows from tape and {other}]")
    elif sheet.is_example:
        value = sheet.findings.get(finding_id) if finding_id else None
        st.markdown(f":small[**{question}:** {labels.get(value, 'not asked yet')}]")
    else:
        tie = (
            session.keep_finding(finding_id, options=list(_WISHES))
            if finding_id
            else session.keep(("preferences", option), None, list(_WISHES))
        )
        st.selectbox(
            question,
            list(_WISHES),
            format_func=labels.__getitem__,
            placeholder=question,
            label_visibility="collapsed",
            **tie,
        )


def _show_ties(knowledge: KnowledgeBase, conclusions: Conclusions, voice: str) -> None:
    """Say that options of equal strength are not ranked; the wish decides."""
    grid = conclusions.under(conclusions.profile).preference_grid
    tie = next((rule for rule in conclusions.general if rule.rule == "rule.s01"), None)
    if tie is not None and len(grid) > 1:
        names = " · ".join(reasons.short_label(knowledge, option, voice) for option in grid)
        st.info(f"{getattr(knowledge.entry(tie.rule).text, voice)}  \n**{names}**")


def _compare_two(
    knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, compared: list[Option], voice: str
) -> None:
    ids = [option.id for option in compared]
    left, right = st.columns(2)
    chosen = []
    for place, column, default in (("left", left, "option.exercise"), ("right", right, "option.taping")):
        with column:
            chosen.append(
                st.selectbox(
                    "One option" if place == "left" else "The other",
                    ids,
                    format_func=lambda option: label_of(knowledge, option, voice),
                    **session.keep(("screen", f"compare_{place}"), default, ids),
                )
            )
    if chosen[0] == chosen[1]:
        st.info("Choose two different options.")
        return
    show_details(knowledge, sheet, conclusions, tuple(knowledge.entry(each) for each in chosen), voice)


SECTIONS = (
    ("What it is", "What it is"),
    ("What guidelines say", "What we suggest"),
    ("What may help", "What may help"),
    ("Drawbacks", "Drawbacks"),
    ("Living with it", "What it is like"),
    ("What isn't known", "What we do not know"),
    ("How certain", "How sure are we?"),
    ("Take care", "Take care"),
    ("The patient's wish", "Your wish"),
)
"""The sections of every option, the same in the same order: equal detail (IPDAS 2.1.1)."""


def show_details(
    knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, options: tuple[Option, ...], voice: str
) -> None:
    """Options beside each other in full and equal detail, section by section."""

    def points(option: Option, which: str) -> None:
        _show_points(knowledge, option, which, voice)

    fill: tuple[Callable[[Option], None], ...] = (
        lambda option: st.write(getattr(option.what_it_is, voice)),
        lambda option: _show_advice(knowledge, conclusions, option, voice),
        lambda option: points(option, "benefits"),
        lambda option: points(option, "harms"),
        lambda option: points(option, "living_with"),
        lambda option: st.write(getattr(option.unknown, voice)),
        lambda option: st.markdown(f"**{_CERTAINTY[option.certainty][voice == 'patient']}**"),
        lambda option: _show_take_care(knowledge, conclusions, option, voice),
        lambda option: _ask_wish(knowledge, sheet, option.id, voice),
    )
    headings = [labels[voice == "patient"] for labels in SECTIONS]
    for heading, say in zip(headings, fill, strict=True):
        for column, option in zip(st.columns(len(options)), options, strict=True):
            with column.container(border=True, height="stretch"):
                st.markdown(f":small[**{heading.upper()}** · {label_of(knowledge, option.id, voice)}]")
                say(option)
    if voice == "clinician":
        st.caption("How certain: rated by whoever compiled the evidence, not a published GRADE rating.")


def _show_advice(knowledge: KnowledgeBase, conclusions: Conclusions, option: Option, voice: str) -> None:
    if voice == "patient":
        _show_words(knowledge, conclusions, option.id, voice)
        return
    for profile in knowledge.profiles:
        advice = conclusions.option(option.id, profile.id)
        st.markdown(
            f"**{label_of(knowledge, profile.id, voice)}** "
            f"{reasons.strength_badge(knowledge, advice.strength, voice)}  \n"
            f"{reasons.advice_reason(knowledge, advice, conclusions, voice)}"
        )


@caches.share(max_entries=64)
def _array(version: str, value: str, voice: str, dark: bool, drawback: bool) -> Drawn:
    """The picture of one published value; the same for everybody, so it is drawn once."""
    return draw_icon_array(material.knowledge().entry(value), voice, dark=dark, drawback=drawback)


def _show_points(knowledge: KnowledgeBase, option: Option, which: str, voice: str) -> None:
    points: tuple[OptionPoint, ...] = getattr(option, which)
    drawn = False
    for point in points:
        known = f" {reasons.status_badge(knowledge, point.status)}" if voice == "clinician" else ""
        st.markdown(f"- {getattr(point.text, voice)}{known}")
        if voice == "clinician" and (point.population or point.sources):
            who = f"Who: {point.population}. " if point.population else ""
            st.caption(f"{who}{reasons.sources_words(knowledge, point)}")
        value = knowledge.entry(point.value) if point.value else None
        if value is not None and can_be_drawn(value):
            drawn = True
            charts.show(
                _array(material.knowledge_version(), value.id, voice, charts.is_dark(), which == "harms"),
                key=f"array/{option.id}/{value.id}",
            )
    if which != "living_with" and not drawn:
        st.caption(
            "No share of people was found that could be drawn out of 100."
            if voice == "clinician"
            else "We found no number of people for this."
        )


def _show_take_care(knowledge: KnowledgeBase, conclusions: Conclusions, option: Option, voice: str) -> None:
    parts = [option.id, *conclusions.option(option.id).combined_from]
    rules: dict[str, str] = {}
    for part in parts:
        advice = conclusions.option(part)
        for kind in ("blocks", "precautions", "warnings", "notes"):
            for rule in getattr(advice, kind):
                rules.setdefault(rule, kind)
    for rule, kind in rules.items():
        text = getattr(knowledge.entry(rule).text, voice)
        known = f" {reasons.status_badge(knowledge, knowledge.entry(rule).status)}" if voice == "clinician" else ""
        if kind == "notes":
            st.markdown(f"- {text}{known}")
        else:
            st.warning(f"{text}{known}")
    if option.requires:
        names = ", ".join(label_of(knowledge, each, voice) for each in option.requires)
        st.markdown(f"- {'Goes together with' if voice == 'clinician' else 'It goes with'}: {names}.")
    elif not rules:
        st.write("Nothing special." if voice == "patient" else "No precaution or warning from these findings.")


def _show_others(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    """Other treatments: what was asked for, and what these findings bring up."""
    st.subheader("Other treatments asked for" if voice == "clinician" else "Other things you asked about", anchor=False)
    finding = knowledge.entry("finding.requests")
    if not sheet.is_example:
        inputs.enter_finding(finding, voice)
    asked = sheet.findings.get("finding.requests") or ()
    shown = 0
    for option in knowledge.options:
        if option.compared:
            continue
        advice = conclusions.option(option.id)
        if advice.strength in ("no_advice", "suppressed") and option.id.removeprefix("option.") not in asked:
            continue
        shown += 1
        with st.container(border=True):
            st.markdown(
                f"**{getattr(option.label, voice)}** {reasons.strength_badge(knowledge, advice.strength, voice)}  \n"
                f"{_other_words(knowledge, conclusions, option, advice, voice)}"
            )
    for rule in conclusions.option("option.orthoses").notes:
        if rule == "rule.f10":
            st.info(getattr(knowledge.entry(rule).text, voice))
    if not shown:
        st.caption("Nothing else was asked for." if voice == "clinician" else "You asked about nothing else.")


def _other_words(
    knowledge: KnowledgeBase, conclusions: Conclusions, option: Option, advice: OptionAdvice, voice: str
) -> str:
    said = [getattr(option.what_it_is, voice)]
    if advice.deciding or advice.notes:
        said += [getattr(knowledge.entry(rule).text, voice) for rule in (*advice.deciding, *advice.notes)]
    else:
        said += [getattr(point.text, voice) for point in option.benefits]
        said.append(reasons.advice_reason(knowledge, advice, conclusions, voice))
    return " ".join(said)


# --- 4 Why ----------------------------------------------------------------------------------------------------------


def _show_why(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    if voice == "clinician":
        choose_profile(knowledge)
    reasons.show_why(knowledge, sheet, conclusions, voice)


# --- 5 Stop and review ----------------------------------------------------------------------------------------------


def _show_next(knowledge: KnowledgeBase, sheet: Sheet, conclusions: Conclusions, voice: str) -> None:
    clinician = voice == "clinician"
    compared = [option.id for option in knowledge.options if option.compared]
    wanted = [option for option in compared if conclusions.option(option).preference == "wants"]
    default = wanted or [option for option in compared if conclusions.option(option).strength in ("core", "offer")]
    plan = st.pills(
        "In the plan" if clinician else "What is in your plan",
        compared,
        selection_mode="multi",
        format_func=lambda option: reasons.short_label(knowledge, option, voice),
        wrap=True,
        **session.keep("screen.plan", default, compared),
    )
    start = _choose_start(clinician)
    _show_reviews(knowledge, sheet, conclusions, plan, start, voice)
    _show_stop_rules(knowledge, conclusions, plan, voice)
    take_home.show_in_plan(knowledge, conclusions, plan, start, voice, is_example=sheet.is_example)


def _choose_start(clinician: bool) -> datetime.date | None:
    kept = session.get("screen.plan_start")
    column, _ = st.columns([1, 3])
    with column:
        start = st.date_input(
            "Start (if you want dates)" if clinician else "First day (if you want dates)",
            value=datetime.date.fromisoformat(kept) if kept else None,
            format="DD/MM/YYYY",
            key=f"plan_start/{session.epoch()}",
        )
    session.put("screen.plan_start", start.isoformat() if start else None)
    return start


def _show_reviews(
    knowledge: KnowledgeBase,
    sheet: Sheet,
    conclusions: Conclusions,
    plan: Iterable[str],
    start: datetime.date | None,
    voice: str,
) -> None:
    st.subheader("When we look again" if voice == "patient" else "Reviews", anchor=False)
    rows = []
    for review in conclusions.reviews:
        if not set(review.options) & set(plan):
            continue
        entry = knowledge.entry(review.id)
        row = {"Day": str(review.day)}
        if start:
            row["Date"] = f"{start + datetime.timedelta(days=review.day):%d %b %Y}"
        row["Check" if voice == "clinician" else "What we look at"] = getattr(entry.check, voice)
        row["If not" if voice == "clinician" else "If it has not gone well"] = (
            getattr(entry.if_not, voice) if entry.if_not else ""
        )
        if voice == "clinician":
            row["Known as"] = words.status_words(knowledge, entry.status)
        rows.append(row)
    if rows:
        st.table(rows, hide_index=True)
    else:
        st.write(
            "Choose what is in the plan to see its reviews." if voice == "clinician" else "Choose what is in your plan."
        )


def _show_stop_rules(knowledge: KnowledgeBase, conclusions: Conclusions, plan: Iterable[str], voice: str) -> None:
    st.subheader("When to stop", anchor=False)
    rows = []
    for answer in conclusions.stop_rules:
        if not set(answer.options) & set(plan):
            continue
        entry = knowledge.entry(answer.id)
        if answer.state == "fires":
            st.warning(f"**{getattr(entry.trigger, voice)}.** {getattr(entry.action, voice)}")
        row = {"If": getattr(entry.trigger, voice), "Then": getattr(entry.action, voice)}
        if voice == "clinician":
            row["Known as"] = words.status_words(knowledge, entry.status)
        rows.append(row)
    if rows:
        st.table(rows, hide_index=True)
    else:
        st.write(
            "No stop rule belongs to this plan; a red flag always stops it."
            if voice == "clinician"
            else "Nothing special. Come back soon if it gets worse, or if something new turns up."
        )


# --- About this aid -------------------------------------------------------------------------------------------------


def _show_about(knowledge: KnowledgeBase, voice: str) -> None:
    """Version, dates, funding and intended use (IPDAS 2.2.2, 2.2.3, 2.3.1)."""
    content = knowledge.content
    st.divider()
    st.caption(
        f"Content {content.version} of {content.compiled_on:%d %B %Y}, next review {content.review_due:%d %B %Y}. "
        f"Funding: {content.funding} {getattr(content.intended_use, voice)}"
    )
