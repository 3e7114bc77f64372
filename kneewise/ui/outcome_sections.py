"""The parts of the outcomes page, one function each; only the open one is worked out.

Groups, sites and treatments stand in the order of their names, never by result. A click on a group restricts the other
charts and parts to it; the list "Show only" does the same without a mouse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from kneewise.disclosure.control_chart import UNITS, ReleasedControlChart
from kneewise.disclosure.grouping import SMALLER_GROUPS
from kneewise.disclosure.released import ReleasedChoices, ReleasedContext
from kneewise.figures import outcome_charts
from kneewise.figures.chart_words import Part, kept_together
from kneewise.figures.control_chart import control_chart_sentence
from kneewise.outcomes import questions
from kneewise.outcomes.asking import ATTRIBUTE_NAMES
from kneewise.outcomes.instruments import instruments_from
from kneewise.outcomes.over_time import MEASURE_NAMES
from kneewise.outcomes.recovering import SHARED_SPLIT
from kneewise.ui import charts, downloads, material, session
from kneewise.ui.outcome_answers import (
    KINDS,
    REASON,
    SPLIT_KINDS,
    Asked,
    Refused,
    about,
    ask,
    draw,
    file_of,
    file_stem,
    first_line,
    sentence_on_screen,
    status_of,
    title_of,
)
from kneewise.ui.plain_text import escaped

SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "headline": "Headline",
        "over_time": "Over time",
        "sites": "Sites and clinicians",
        "subgroups": "Subgroups",
        "recovery": "Time to recovery",
        "treatments": "Treatments",
        "quality": "Data quality",
    }
)
SPLITS: Mapping[str, str] = MappingProxyType({"subgroups": "group_by", "recovery": "recovery_by"})
"""The parts that can be split, and where the split is kept."""
MEASURES = tuple(MEASURE_NAMES)
GROUPS_AT_A_TIME = 12
LIMITS = (
    "**Read with care.** There is no control group. People come when they are at their worst, and many would have got "
    "better anyway (regression to the mean). Those who did not answer are missing, and may differ from those who did. "
    "So these figures describe what happened; they do not show what caused it, and they rank nobody."
)
CHOOSE = "Click a group to see it alone (on a touch screen, tap it twice), or choose it under “Show only”."
_COMPARED = ("site", "clinician")
_LONGEST_REASON = 120
_VARIATION = {
    # shape and words, so that nothing hangs on colour
    "improvement": "▲ Better, beyond what chance explains.",
    "concern": "▼ Worse, beyond what chance explains.",
    "special": "■ Changed, beyond what chance explains.",
    "common cause": "● No change that chance could not explain.",
    "no variation": "● Every period has the same value.",
    "too few points": "○ Too few periods to tell chance from change.",
}
_ASSURANCE = {
    "passes": "✔ The target will be met, if nothing changes.",
    "fails": "✘ The target will be missed, if nothing changes.",
    "hit and miss": "? Chance decides whether the target is met.",
}
_NOTHING = ""


@dataclass(frozen=True)
class Page:
    """What is asked, what could be asked of these records, and the part of the page that is open."""

    asked: Asked
    choices: ReleasedChoices
    section: str


def place(name: str) -> tuple[str, ...]:
    """Where the session keeps a choice of this page."""
    return ("screen", "outcomes", name)


def add_filter(attribute: str, value: str) -> None:
    """Restrict the figures to this group as well; another value of the same attribute gives way."""
    several = attribute in questions.LISTS
    kept = [
        each
        for each in session.get(place("filters"), [])
        if each != f"{attribute}={value}" and (several or not each.startswith(f"{attribute}="))
    ]
    session.put(place("filters"), [*kept, f"{attribute}={value}"])
    session.put(place("newest"), "filter")


def drop_filter(attribute: str, value: str) -> None:
    """Take a restriction away again, and with it what was clicked."""
    kept = [each for each in session.get(place("filters"), []) if each != f"{attribute}={value}"]
    session.put(place("filters"), kept or None)
    session.put(place("turn"), session.get(place("turn"), 0) + 1)


def show(page: Page) -> None:
    """The open part of the page, then what its figures cannot say and how its pictures are saved."""
    parts: Mapping[str, Callable[[Page], ReleasedContext | None]] = {
        "headline": _headline,
        "over_time": _over_time,
        "sites": _sites,
        "subgroups": _subgroups,
        "recovery": _recovery,
        "treatments": _treatments,
        "quality": _quality,
    }
    with st.spinner("Counting…"):
        context = parts[page.section](page)
    if context is None:
        return
    with st.container(border=True):
        st.markdown(LIMITS)
        st.caption(" ".join(map(escaped, about(context))))
    _offer_pictures(page)


# --- The parts -------------------------------------------------------------------------------------------------------


def _headline(page: Page) -> ReleasedContext | None:
    """How many, how complete, how much better; never without what the missing people could change."""
    asked = page.asked
    change = ask("change", asked)
    if isinstance(change, Refused):
        _say(change)
        return None
    responders, missing = ask("responders", asked), ask("missing", asked)
    shown = not isinstance(responders, Refused) and not isinstance(missing, Refused)
    tiles = outcome_charts.headlines(
        change, responders if shown else None, status_of(asked.instrument), missing if shown else None
    )
    for column, tile in zip(st.columns(len(tiles)), tiles, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.metric(tile.label, tile.figure)
            st.write(escaped(tile.sentence))
    _say_newest(page)
    st.subheader(KINDS["missing"].title, anchor=False)
    if shown:
        _chart("missing", asked, missing)
    else:
        _say(missing if isinstance(missing, Refused) else responders)
    return change.context


def _say_newest(page: Page) -> None:
    """Up to when the figures go."""
    quality = ask("quality", _of_everybody(page.asked))
    if isinstance(quality, Refused):
        return
    if quality.newest_period is None:
        st.write("These records do not say in which quarters people started, so the newest whole period is not known.")
        return
    still_open = f" Still open: {', '.join(quality.open_periods)}." if quality.open_periods else ""
    st.write(escaped(f"Newest quarter whose follow-up is over: {quality.newest_period}.{still_open}"))


def _over_time(page: Page) -> ReleasedContext | None:
    """A measure by quarter or month with its limits of chance, a target and new limits where somebody says why."""
    asked = page.asked
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        measure = _choose_measure(asked.instrument)
    with right:
        target = _choose_target(measure)
    plain = ask("over_time", asked, measure=measure, rebase=(), target=None)
    if isinstance(plain, Refused):
        _say(plain)
        return None
    kept_at = ("screen", "outcomes", "new_limits", f"{asked.records.key}/{asked.instrument}/{measure}")
    rebases = _choose_new_limits(plain, kept_at)
    more = {"measure": measure, "target": target, "rebase": tuple((at, REASON) for at, _ in rebases)}
    chart = ask("over_time", asked, **more)
    if isinstance(chart, Refused):
        _say(chart)
        return plain.context
    chart = replace(chart, rebases=rebases)
    with st.container(horizontal=True, gap="large"):
        st.markdown(f"**{_VARIATION[chart.variation]}**")
        if chart.assurance is not None:
            st.markdown(f"**{_ASSURANCE[chart.assurance]}**")
    drawn = draw("over_time", asked, dark=charts.is_dark(), **more)
    charts.show(
        replace(drawn, sentence=sentence_on_screen(kept_together(control_chart_sentence(chart)))),
        key="chart_over_time",
        picture=_picture(f"{measure}-over-time", f"{chart.measure_name} over time", chart.context),
        below_table=lambda: _offer_control_chart(chart),
        as_written=True,
    )
    return chart.context


def _choose_measure(instrument: str) -> str:
    known = instruments_from(material.knowledge())[instrument].important_change is not None
    offered = [name for name in MEASURES if known or name != "improved"]
    return st.segmented_control(
        "Measure",
        offered,
        format_func=lambda name: MEASURE_NAMES[name],
        required=True,
        wrap=True,
        **session.keep(place("measure"), offered[0], offered),
    )


def _choose_target(measure: str) -> float | None:
    percent = UNITS[measure] == "percent"
    return st.number_input(
        f"Target ({'%' if percent else UNITS[measure]}), if there is one",
        min_value=0.0 if percent else None,
        max_value=100.0 if percent else None,
        step=1.0,
        format="%g",
        placeholder="No target",
        **session.keep(("screen", "outcomes", "target", measure)),
    )


def _choose_new_limits(chart: ReleasedControlChart, kept_at: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Where new limits begin and why, as the person said; what the chart does not know any more is left out, and said."""
    labels = [point.label for point in chart.points]
    kept = [tuple(each) for each in session.get(kept_at, [])]
    for at, _ in kept:
        if at not in labels:
            st.warning(escaped(f"These figures have no {chart.period} “{at}”, so no new limits begin there."))
    box = st.expander("New limits from … because …", key="new_limits", on_change="rerun")
    if box.open:
        with box, st.form("new_limits_form", border=False, clear_on_submit=True):
            st.write("Limits change only when the work has changed, and only with the reason beside them.")
            left, right = st.columns([1, 3])
            at = left.selectbox(f"From this {chart.period} on", labels[1:], key="new_limits_from")
            reason = right.text_input("Because", max_chars=_LONGEST_REASON, key="new_limits_reason")
            if st.form_submit_button("Draw new limits"):
                if reason.strip():
                    kept = [*(each for each in kept if each[0] != at), (at, reason.strip())]
                    kept.sort(key=lambda each: labels.index(each[0]) if each[0] in labels else -1)
                    session.put(kept_at, [list(each) for each in kept])
                else:
                    st.error("New limits need a reason: say what changed.")
    if kept:
        with st.container(horizontal=True):
            for number, (at, reason) in enumerate(kept):
                st.button(
                    escaped(f"New limits from {at}: {reason}") + " ×",
                    key=f"drop_limits_{number}",
                    on_click=_drop_limits,
                    args=(kept_at, at),
                )
    return tuple((at, reason) for at, reason in kept if at in labels)


def _drop_limits(kept_at: tuple[str, ...], at: str) -> None:
    session.put(kept_at, [each for each in session.get(kept_at, []) if each[0] != at] or None)


def _offer_control_chart(chart: ReleasedControlChart) -> None:
    reasons = "".join(f" New limits from {at} on: {reason}." for at, reason in chart.rebases)
    content = downloads.table_as_csv(
        KINDS["over_time"].table(chart), f"{first_line(chart.context)} {chart.convention}.{reasons}"
    )
    name = f"{file_stem(f'{chart.measure}-over-time', chart.context)}.csv"
    downloads.offer("Save as CSV", content, name, "text/csv", key="save_over_time")


def _sites(page: Page) -> ReleasedContext | None:
    """Units in the funnel of chance; a class for each, a rank for none."""
    known = dict(page.choices.attributes)
    units = [name for name in _COMPARED if name in known]
    if not units:
        st.info("These records name no sites that could stand beside each other.")
        return None
    unit = units[0]
    if len(units) > 1:
        unit = st.segmented_control(
            "Compare", units, format_func=_named, required=True, **session.keep(place("compared"), units[0], units)
        )
    asked = replace(_of_everybody(page.asked), group_by=unit)
    if page.asked.only:
        st.caption("Here everybody is compared, whatever is chosen under “Show only”.")
    found = ask("comparison", asked)
    if isinstance(found, Refused):
        _say(found)
        return None
    st.subheader(title_of("comparison", unit), anchor=False)
    _pick(unit, _chart("comparison", asked, found, groups=[each.label for each in found.units]), "comparison", page)
    return found.context


def _subgroups(page: Page) -> ReleasedContext | None:
    """The charts of one group beside the others; a click on a group shows the other charts of this group alone."""
    by = _choose_split(page, "group_by", [name for name, _ in page.choices.attributes])
    picked = next((value for name, value in page.asked.only if name == by), None)
    kinds = SPLIT_KINDS
    keeper = session.get(place("picked_in"))  # the chart that was clicked, if it is one of these
    keeper = keeper if keeper in kinds else kinds[0]

    def asked_for(kind: str) -> Asked:
        if picked is None:
            return replace(page.asked, group_by=by)
        if kind != keeper:
            return page.asked
        others = tuple(each for each in page.asked.only if each[0] != by)
        return replace(page.asked, group_by=by, only=others)

    whole = ask("change", page.asked)
    if isinstance(whole, Refused):
        _say(whole)
        return None
    found = {kind: ask(kind, asked_for(kind)) for kind in kinds}
    part = _choose_part([len(each.groups) for each in found.values() if not isinstance(each, Refused)], page, by)
    if by is not None and picked is None:
        st.caption(CHOOSE)
    if picked is not None:
        st.caption(escaped(f"“{KINDS[keeper].title}” shows all groups; the other charts show {picked} only."))

    def show_one(kind: str, tables: DeltaGenerator) -> None:
        st.subheader(KINDS[kind].title, anchor=False)
        if isinstance(found[kind], Refused):
            _say(found[kind])
            return
        groups = [group.label for group in found[kind].groups]
        clickable = groups if asked_for(kind).group_by and kind != "trend" else []
        _pick(by, _chart(kind, asked_for(kind), found[kind], part=part, groups=clickable, table_in=tables), kind, page)

    split = by is not None and picked is None
    for row in (
        (("responders", "change"), ("trend",), ("distribution", "completeness"))
        if split
        else (("responders", "change"), ("trend", "distribution"), ("completeness",))
    ):
        columns, tables = st.columns(len(row), gap="large"), st.container()
        for column, kind in zip(columns, row, strict=True):
            with column:
                show_one(kind, tables)
    split_context = next((each.context for each in found.values() if not isinstance(each, Refused)), whole.context)
    return replace(split_context, only=page.asked.only)


def _recovery(page: Page) -> ReleasedContext | None:
    """How long it took until people had improved by what matters."""
    known = [name for name, _ in page.choices.attributes]
    by = _choose_split(
        page, "recovery_by", [name for name in known if page.asked.mode == "own" or name == SHARED_SPLIT]
    )
    asked = replace(page.asked, group_by=by)
    if by in [name for name, _ in asked.only]:
        asked = page.asked
    found = ask("recovery", asked)
    if isinstance(found, Refused):
        _say(found)
        return None
    st.subheader(KINDS["recovery"].title, anchor=False)
    part = _choose_part([len(found.groups)], page, by)
    groups = [group.label for group in found.groups] if asked.group_by else []
    _pick(by, _chart("recovery", asked, found, part=part, groups=groups), "recovery", page)
    return found.context


def _treatments(page: Page) -> ReleasedContext | None:
    """What went with each treatment, beside what differed at the start."""
    found = ask(
        "treatments", replace(page.asked, only=tuple(each for each in page.asked.only if each[0] != "intervention"))
    )
    if isinstance(found, Refused):
        _say(found)
        return None
    asked = replace(page.asked, only=found.context.only)
    if asked.only != page.asked.only:
        st.caption("Here all treatments stand side by side, whatever treatment is chosen under “Show only”.")
    st.subheader(KINDS["treatments"].title, anchor=False)
    part = _choose_part([len(found.groups)], page, "intervention")
    _pick(
        "intervention",
        _chart("treatments", asked, found, part=part, groups=[each.label for each in found.groups]),
        "treatments",
        page,
    )
    return found.context


def _quality(page: Page) -> ReleasedContext | None:
    """What is recorded of how many, and who came back when."""
    asked = page.asked if page.asked.mode == "own" else _of_everybody(page.asked)
    if asked.only != page.asked.only:
        st.caption("How good the records are is told of everybody, whatever is chosen under “Show only”.")
    found = ask("quality", asked)
    if isinstance(found, Refused):
        _say(found)
        return None
    st.subheader(KINDS["quality"].title, anchor=False)
    _chart("quality", asked, found)
    return found.context


# --- What the parts share --------------------------------------------------------------------------------------------


def _of_everybody(asked: Asked) -> Asked:
    return replace(asked, only=(), group_by=None)


def _named(attribute: str) -> str:
    return ATTRIBUTE_NAMES.get(attribute, attribute).capitalize()


def _say(refused: Refused) -> None:
    st.info(" ".join(map(escaped, refused.sentences)))


def _choose_split(page: Page, name: str, attributes: Sequence[str]) -> str | None:
    """The attribute to split by, or None."""
    offered = {_NOTHING: "No split", **{each: _named(each) for each in attributes}}
    kept = session.keep(place(name), _NOTHING, list(offered))
    chosen = st.selectbox(
        "Split by",
        list(offered),
        format_func=lambda each: offered.get(each, each),
        width=320,
        key=kept["key"],
        on_change=_new_split,
        args=(kept["on_change"], kept["args"]),
    )
    return chosen or None


def _new_split(store: Callable, arguments: tuple) -> None:
    store(*arguments)
    session.put(place("newest"), "split")


def _choose_part(sizes: Sequence[int], page: Page, by: str | None) -> Part:
    """Which groups are drawn: all, or one page of them in the order of their names."""
    most = max(sizes, default=0)
    if most <= GROUPS_AT_A_TIME:
        return None
    pages = -(-most // GROUPS_AT_A_TIME)
    st.write(f"{most} groups, {GROUPS_AT_A_TIME} at a time in the order of their names.")
    number = st.pagination(pages, key=f"groups/{page.asked.records.key}/{by}/{most}", max_visible_pages=7)
    return (number - 1) * GROUPS_AT_A_TIME, number * GROUPS_AT_A_TIME


def _chart(
    kind: str,
    asked: Asked,
    found: Any,
    *,
    part: Part = None,
    groups: Sequence[str] = (),
    table_in: DeltaGenerator | None = None,
) -> str | None:
    """The chart of an answer with its words, its table and its files; returns the group that is chosen in it, if any."""
    title = title_of(kind, asked.group_by)
    stem = kind if asked.group_by is None else f"{kind}-by-{asked.group_by}"
    if part is not None and hasattr(found, "groups"):
        first = min(part[0], (len(found.groups) - 1) // GROUPS_AT_A_TIME * GROUPS_AT_A_TIME)
        part = (first, first + GROUPS_AT_A_TIME)
    clicked = charts.show(
        draw(kind, asked, dark=charts.is_dark(), part=part),
        key=f"chart_{kind}",
        turn=session.get(place("turn"), 0) if groups else 0,
        selectable=bool(groups),
        groups=groups,
        picture=_picture(stem, title, found.context),
        below_table=lambda: _offer_file(kind, asked),
        table_in=table_in,
        as_written=True,
    )
    merged = [note for note in found.context.notes if SMALLER_GROUPS in note or "shown at" in note]
    if merged:
        st.caption(" ".join(map(escaped, merged)))
    return clicked


def _pick(attribute: str | None, clicked: str | None, chart: str, page: Page) -> None:
    """Restrict the other charts to the group that was clicked just now."""
    kept_at = ("screen", "outcomes", "clicked", chart)
    before = session.get(kept_at)
    if clicked == before:
        return
    session.put(kept_at, clicked)
    if clicked is None or attribute is None:
        return
    offered = [choice.value for name, listed in page.choices.attributes if name == attribute for choice in listed]
    if clicked not in offered:
        st.info(escaped(f"Too few people of “{clicked}” for figures of their own."))
        return
    add_filter(attribute, clicked)
    session.put(place("picked_in"), chart)
    st.rerun()


def _offer_file(kind: str, asked: Asked) -> None:
    name, content = file_of(kind, asked)
    downloads.offer("Save as CSV", content, name, "text/csv", key=f"save_{kind}")


def _picture(stem: str, title: str, context: ReleasedContext) -> charts.Picture:
    return charts.Picture(file_stem(stem, context), _form(), title)


def _form() -> charts.Format:
    return "svg" if session.get(place("picture")) == "svg" else "png"


def _offer_pictures(page: Page) -> None:
    """In which format the camera of every chart saves it; and how to pass on what is seen."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.segmented_control(
            "Save pictures as",
            ["png", "svg"],
            format_func=str.upper,
            required=True,
            **session.keep(place("picture"), "png", ["png", "svg"]),
        )
        passed_on = (
            "The address of this page is a link to exactly these figures."
            if page.asked.mode == "shared"
            else "Nothing of the own clinic's figures goes into the address of this page."
        )
        st.caption(f"The camera on a chart saves it as a picture; its table can be saved as CSV. {passed_on}")
