"""The outcomes screen: whose records, which score, of whom; then the part of the page that is open.

What is chosen is kept in the session and, for shared figures, in the address, so that it survives a link.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from kneewise.disclosure.grouping import SMALLER_GROUPS
from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import ReleasedChoices
from kneewise.errors import StoreError
from kneewise.outcomes import demo
from kneewise.outcomes.asking import ATTRIBUTE_NAMES, Only
from kneewise.outcomes.instruments import instruments_from
from kneewise.ui import frame, link, material, outcome_answers, outcome_sections, session, stores, yearly_report
from kneewise.ui.outcome_answers import Asked
from kneewise.ui.outcome_sections import SECTIONS, SPLITS, Page, place
from kneewise.ui.plain_text import escaped
from kneewise.ui.stores import Records

OWN_ALLOWED = "KNEEWISE_OUTCOMES"
"""The environment variable with which a clinic allows the own mode (`own`) when it starts the server."""


NEWER_WAIT = (
    "Newer records are stored. The shared figures stay those of the version before, until enough people have changed in "
    "every group that nobody can be found by comparing the two. Who looks after the records can see why, and release them by "
    "hand: `python -m kneewise store release`."
)


def own_is_allowed() -> bool:
    """Whether the clinic started this server for staff who may see the records."""
    return os.environ.get(OWN_ALLOWED) == "own"


def chosen_mode() -> str:
    """The mode of the figures in this window: "shared", or "own" where that is allowed and was chosen."""
    return "own" if own_is_allowed() and session.get(place("own"), False) else "shared"


def choose() -> Page | None:
    """What the person wants to see; None where there is nothing to choose from, after saying what to do."""
    request = link.arrived()
    if request is not None:
        session.put(place("own"), None)  # a link is always about shared figures
    mode = _choose_mode()  # before all else: shared figures may be withdrawn while staff may see their own
    found, problems = stores.available(mode)
    for sentence in problems:
        st.error(escaped(sentence))
    if not found:
        _offer_demonstration()
        return None
    above = st.container()
    columns = st.columns([4, 3, 4])
    _take(request, "records", list(found))
    with columns[0]:
        records = found[
            _choice("Records", "records", {key: f"{each.label}{_made_up(each)}" for key, each in found.items()})
        ]
    if records.synthetic:
        with above:
            frame.say_synthetic()
    if mode == "shared" and stores.waiting(records):
        with above:
            st.info(NEWER_WAIT)
    try:
        choices = outcome_answers.choices_of(records, mode)
    except StoreError as refusal:
        for sentence in refusal.sentences:
            st.error(escaped(sentence))
        return None
    if not choices.instruments:
        st.info("These records hold no score of an instrument that the knowledge base knows.")
        return None
    _take(request, "score", choices.instruments, "instrument")
    _take(request, "section", SECTIONS)
    _take_people(request, choices)
    with columns[1]:
        instrument = _choice("Score", "instrument", _instruments(choices))
    section = session.get(place("section"), next(iter(SECTIONS)))
    only, said = _fitting(choices, _split_of(section, choices))
    with columns[2]:
        _offer_filter(choices, only)
    with above:
        for sentence in filter(None, [request.sentence() if request else "", *said]):
            st.warning(escaped(sentence))
    _show_filters(only)
    section = _choose_section()
    asked = Asked(records, mode, instrument, only)
    return Page(asked, choices, section)


def show_answers(page: Page) -> None:
    """The open part of the page; let the address hold what is shown; last, what few people come for: the report."""
    outcome_sections.show(page)
    link.show(_address(page))
    yearly_report.offer(page.asked)


def _choose_mode() -> str:
    """Says at the top whose figures these are; where the clinic allows its own, offers the switch."""
    threshold = read_policy("shared").threshold
    shared = f"**Shared figures**: groups of {threshold} people or more, counts rounded; nobody can be singled out."
    if not own_is_allowed():
        st.caption(shared)
        return "shared"
    said, switch = st.columns([3, 1], vertical_alignment="center")
    with switch:
        st.toggle("Own clinic (internal)", **session.keep(place("own"), False))
    mode = chosen_mode()
    with said:
        if mode == "own":
            st.warning(f"**Own clinic.** {read_policy('own').mode_note}")
        else:
            st.caption(shared)
    return mode


def _choose_section() -> str:
    """The part of the page that is open."""
    return st.segmented_control(
        "Part of the page",
        list(SECTIONS),
        format_func=SECTIONS.__getitem__,
        required=True,
        label_visibility="collapsed",
        wrap=True,
        **session.keep(place("section"), next(iter(SECTIONS)), list(SECTIONS)),
    )


def _choice(label: str, name: str, offered: Mapping[str, str]) -> str:
    """The chosen key of `offered`; its first one until the person chooses."""
    keys = list(offered)
    kept = session.keep(place(name), keys[0], keys)
    return st.selectbox(label, keys, format_func=lambda key: offered.get(key, key), **kept) or keys[0]


def _made_up(records: Records) -> str:
    return " (synthetic)" if records.synthetic and "ynthetic" not in records.label else ""


def _instruments(choices: ReleasedChoices) -> dict[str, str]:
    """Ids and names, the score that can say most on top."""
    scales = instruments_from(material.knowledge())
    return {name: scales[name].name for name in outcome_answers.first_instruments(choices.instruments)}


# --- Whom the figures are about --------------------------------------------------------------------------------------


def _filters_of(choices: ReleasedChoices) -> dict[str, tuple[str, str]]:
    """Every filter that can be chosen, as "attribute=value" -> (attribute, value)."""
    return {
        f"{name}={choice.value}": (name, choice.value)
        for name, listed in choices.attributes
        for choice in listed
        if choice.value != SMALLER_GROUPS
    }


def _split_of(section: str, choices: ReleasedChoices) -> str | None:
    """The split of the open part, if it has one that these records know."""
    chosen = session.get(place(SPLITS[section])) if section in SPLITS else None
    return chosen if chosen in dict(choices.attributes) else None


def _fitting(choices: ReleasedChoices, group_by: str | None) -> tuple[Only, list[str]]:
    """The filters that go together with the split, and what was taken away, as sentences. The newest choice stays.

    In the shared mode the attributes of one table of the policy go together; everything goes in the own mode.
    """
    offered = _filters_of(choices)
    kept = [each for each in session.get(place("filters"), []) if each in offered]
    gone = [each.replace("=", " ", 1) for each in session.get(place("filters"), []) if each not in offered]
    said = [f"These records hold no group “{each}”, so the figures are not restricted to it." for each in gone]
    newest = kept[-1:] if session.get(place("newest")) == "filter" else []
    wanted = [*newest, *([group_by] if group_by else []), *(each for each in reversed(kept) if each not in newest)]
    together: list[str] = []
    dropped: list[str] = []
    for each in wanted:
        attribute = offered[each][0] if each in offered else each
        if _go_together(choices, [*together, attribute]):
            together.append(attribute)
        else:
            dropped.append(each)
            said.append(
                f"{_named(together[0])} and {_named(attribute).lower()} are not shown together, because that could give away "
                f"a small group; the {'filter' if each in offered else 'split'} by {_named(attribute).lower()} was taken away."
            )
    kept = [each for each in kept if each not in dropped]
    if group_by in dropped:
        for name in SPLITS.values():
            session.put(place(name), None)
    session.put(place("filters"), kept or None)
    return tuple(offered[each] for each in kept), said


def _go_together(choices: ReleasedChoices, attributes: Sequence[str]) -> bool:
    return not choices.tables or any(set(attributes) <= set(table) for table in choices.tables)


def _named(attribute: str) -> str:
    return ATTRIBUTE_NAMES.get(attribute, attribute).capitalize()


def _offer_filter(choices: ReleasedChoices, only: Only) -> None:
    """A list from which one group after the other is chosen; what is chosen stands below, to be taken away again."""
    offered = {
        key: f"{_named(name)}: {value}"
        for key, (name, value) in _filters_of(choices).items()
        if (name, value) not in only
    }
    kept = session.keep(place("only"), None, list(offered))
    st.selectbox(
        "Show only",
        list(offered),
        format_func=lambda key: offered.get(key, key),
        placeholder="Everybody" if not only else "Add another filter",
        key=kept["key"],
        on_change=_add_filter,
        args=(kept["on_change"], kept["args"]),
    )


def _add_filter(store: Callable, arguments: tuple) -> None:
    store(*arguments)
    chosen = session.get(place("only"))
    session.put(place("only"), None)
    attribute, _, value = (chosen or "").partition("=")
    if value:  # a browser that lags behind may send a name that is no longer offered
        outcome_sections.add_filter(attribute, value)


def _show_filters(only: Only) -> None:
    """One button per filter, which takes it away."""
    if not only:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for number, (name, value) in enumerate(only):
            st.button(
                escaped(f"Only: {ATTRIBUTE_NAMES.get(name, name)} {value}") + " ×",
                key=f"drop_filter_{number}",
                on_click=outcome_sections.drop_filter,
                args=(name, value),
            )


# --- The link --------------------------------------------------------------------------------------------------------


def _take(
    request: link.Request | None, name: str, offered: Sequence[str] | Mapping[str, str], kept_as: str = ""
) -> None:
    """Put what the link asks for under `name` in place of what was chosen; the usual choice where it asks for nothing."""
    if request is not None:
        session.put(place(kept_as or name), request.one(name, list(offered)))


def _take_people(request: link.Request | None, choices: ReleasedChoices) -> None:
    """Put the split, the filters and the measure of the link in place of those that were chosen."""
    if request is None:
        return
    section = session.get(place("section"), next(iter(SECTIONS)))
    attributes = [name for name, _ in choices.attributes]
    for name in SPLITS.values():
        session.put(place(name), None)
    split = request.one("split", attributes)
    if split and section in SPLITS:
        session.put(place(SPLITS[section]), split)
    offered = {f"{name}.{value}": f"{name}={value}" for name, value in _filters_of(choices).values()}
    filters = [offered[each] for each in request.several("only", list(offered))]
    session.put(place("filters"), filters or None)
    session.put(place("newest"), None)
    session.put(place("measure"), request.one("measure", outcome_sections.MEASURES))


def _address(page: Page) -> dict[str, tuple[str, ...]]:
    """What the address holds: ids and labels of shared figures; nothing at all in the own mode."""
    if page.asked.mode == "own":
        return {}
    section = page.section
    split = session.get(place(SPLITS[section])) if section in SPLITS else None
    measure = session.get(place("measure")) if section == "over_time" else None
    return {
        "records": (page.asked.records.key,),
        "score": (page.asked.instrument,),
        "section": () if section == next(iter(SECTIONS)) else (section,),
        "split": (split,) if split else (),
        "only": tuple(f"{name}.{value}" for name, value in page.asked.only),
        "measure": (measure,) if measure else (),
    }


def _offer_demonstration() -> None:
    st.info("There are no records yet. Import a clinic's export, or make the synthetic demonstration clinics.")
    if st.button("Make the demonstration clinics", type=frame.main_button_type()):
        with st.spinner("Making the demonstration records…"):
            demo.import_demo(instruments_from(material.knowledge()), stores.folder("demo"))
        st.rerun()
