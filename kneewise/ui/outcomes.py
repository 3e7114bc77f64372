"""The outcomes screen: choose records and a question, read the headlines, then four charts with their tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from kneewise.disclosure.grouping import SMALLER_GROUPS
from kneewise.disclosure.released import (
    ReleasedChange,
    ReleasedChoices,
    ReleasedContext,
    ReleasedDistribution,
    ReleasedResponders,
    ReleasedTrend,
)
from kneewise.errors import DisclosureRefused, KneewiseError, StoreError
from kneewise.figures import Drawn, outcome_charts
from kneewise.knowledge_base.words import status_words
from kneewise.outcomes import answers, demo
from kneewise.outcomes.asking import ATTRIBUTE_NAMES, Question
from kneewise.outcomes.instruments import instruments_from
from kneewise.ui import caches, charts, downloads, frame, material, session, stores
from kneewise.ui.plain_text import escaped, escaped_table
from kneewise.ui.stores import Records

GROUPS_AT_A_TIME = 12
LIMITS = (
    "**Read with care.** There is no control group. People come when they are at their worst, and many would have got "
    "better anyway (regression to the mean). Those who did not answer are missing, and may differ from those who did. "
    "So these figures describe what happened; they do not show what caused it, and they rank nobody."
)
_NOTHING = ""


@dataclass(frozen=True)
class Asked:
    """What the person chose. `only` is "attribute=value" or None."""

    records: Records
    instrument: str
    group_by: str | None
    only: str | None


@dataclass(frozen=True)
class Refused:
    """Why an answer is not shown."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """The released answers to what was asked; `whole` and `whole_responders` are of all groups together."""

    whole: ReleasedChange
    whole_responders: ReleasedResponders | Refused
    change: ReleasedChange | Refused
    trend: ReleasedTrend | Refused
    distribution: ReleasedDistribution | Refused
    responders: ReleasedResponders | Refused
    status: str


def choose() -> Asked | None:
    """What the person wants to see; None where there is nothing to choose from, after saying what to do."""
    found, problems = stores.available()
    for sentence in problems:
        st.error(escaped(sentence))
    if not found:
        _offer_demonstration()
        return None
    above = st.container()
    records_column, instrument_column, group_column, only_column = st.columns([4, 3, 3, 3])
    with records_column:
        records = found[
            _choice("Records", "records", {key: f"{each.label}{_made_up(each)}" for key, each in found.items()})
        ]
    if records.synthetic:
        with above:
            frame.say_synthetic()
    choices = _choices(_version(records), records.key, records.label, records.version)
    if not choices.instruments:
        st.info("These records hold no score of an instrument that the knowledge base knows.")
        return None
    with instrument_column:
        instrument = _choice("Score", "instrument", _instruments(choices))
    values = dict(choices.attributes)
    with group_column:
        group_by = _choice("Split by", "group_by", {_NOTHING: "No split", **{name: _named(name) for name in values}})
    with only_column:
        only = _choice(
            "Show only",
            "only",
            {
                _NOTHING: "Everybody",
                **{
                    f"{name}={choice.value}": f"{_named(name)}: {choice.value}"
                    for name, listed in values.items()
                    if name != group_by
                    for choice in listed
                    if choice.value != SMALLER_GROUPS
                },
            },
        )
    return Asked(records, instrument, group_by or None, only or None)


def _choice(label: str, name: str, offered: dict[str, str]) -> str:
    """The chosen key of `offered`; its first one until the person chooses."""
    keys = list(offered)
    kept = session.keep(f"screen.outcomes.{name}", keys[0], keys)
    return st.selectbox(label, keys, format_func=lambda key: offered.get(key, key), **kept) or keys[0]


def _made_up(records: Records) -> str:
    return " (synthetic)" if records.synthetic and "ynthetic" not in records.label else ""


def _named(attribute: str) -> str:
    return ATTRIBUTE_NAMES.get(attribute, attribute).capitalize()


def _instruments(choices: ReleasedChoices) -> dict[str, str]:
    """Ids and names, those with an important change first: the score that can say most stands on top."""
    scales = instruments_from(material.knowledge())
    order = sorted(choices.instruments, key=lambda name: (scales[name].important_change is None, name))
    return {name: scales[name].name for name in order}


def show_answers(asked: Asked) -> None:
    """Headlines, four charts, their tables to keep; what can't be shown says why."""
    try:
        with st.spinner("Counting…"):
            found = _answers(_version(asked.records), *_plain(asked))
    except (DisclosureRefused, StoreError) as refusal:
        for sentence in refusal.sentences:
            st.info(escaped(sentence))
        return
    context = found.whole.context
    _show_headlines(found)
    with st.container(border=True):
        st.markdown(LIMITS)
        st.caption(" ".join(map(escaped, _about(context))))
    part = _choose_part(found)
    split = asked.group_by is not None
    dark = charts.is_dark()
    left, right = (st.container(), st.container()) if split else st.columns(2, gap="large")
    with left:
        _show("Score over time", "trend", found.trend, asked, dark, part)
    with right:
        _show("Who got better, who did not", "distribution", found.distribution, asked, dark, part)
    left, right = st.columns(2, gap="large")
    with left:
        _show("Improved by what matters", "responders", found.responders, asked, dark, part)
    with right:
        _show("How complete this is", "change", found.change, asked, dark, part)
    _offer_tables(asked)


def _show_headlines(found: Answers) -> None:
    responders = None if isinstance(found.whole_responders, Refused) else found.whole_responders
    tiles = outcome_charts.headlines(found.whole, responders, found.status)
    for column, tile in zip(st.columns(len(tiles)), tiles, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.metric(tile.label, tile.figure)
            st.write(escaped(tile.sentence))


def _about(context: ReleasedContext) -> tuple[str, ...]:
    """Who these people are, where the records come from, what was merged or rounded."""
    who = f"Records: {context.source_label}{f' ({context.population})' if context.population else ''}."
    only = (
        f"Shown only: {ATTRIBUTE_NAMES.get(context.only[0], context.only[0])} {context.only[1]}."
        if context.only
        else ""
    )
    return tuple(filter(None, (who, only, *context.notes, context.day_note, context.attribution)))


def _choose_part(found: Answers) -> tuple[int, int]:
    """Which groups are drawn: all, or one page of them in the order of their names."""
    sizes = [
        len(each.groups)
        for each in (found.change, found.trend, found.distribution, found.responders)
        if not isinstance(each, Refused)
    ]
    most = max(sizes, default=0)
    if most <= GROUPS_AT_A_TIME:
        return 0, most
    pages = -(-most // GROUPS_AT_A_TIME)
    st.write(f"{most} groups, {GROUPS_AT_A_TIME} at a time in the order of their names.")
    page = st.pagination(pages, key=f"groups/{found.whole.context.source}/{most}", max_visible_pages=7)
    return (page - 1) * GROUPS_AT_A_TIME, page * GROUPS_AT_A_TIME


def _show(title: str, name: str, answer: Any, asked: Asked, dark: bool, part: tuple[int, int]) -> None:
    st.subheader(title, anchor=False)
    if isinstance(answer, Refused):
        st.info(" ".join(map(escaped, answer.sentences)))
        return
    first = min(part[0], (len(answer.groups) - 1) // GROUPS_AT_A_TIME * GROUPS_AT_A_TIME)
    drawn = _drawn(_version(asked.records), *_plain(asked), name, dark, first, first + part[1] - part[0])
    charts.show(drawn, key=f"chart_{name}")
    merged = [note for note in answer.context.notes if SMALLER_GROUPS in note or "shown at" in note]
    if merged:
        st.caption(" ".join(map(escaped, merged)))


def _offer_tables(asked: Asked) -> None:
    tables = st.expander("Tables to keep", key="tables_to_keep", on_change="rerun")
    if not tables.open:  # most people look and go on; the files are made for those who ask
        return
    with tables:
        st.write("CSV files of what is drawn above, all groups included. They hold rounded counts and no single person.")
        with st.container(horizontal=True):
            for label, name, content in _csv_files(_version(asked.records), *_plain(asked)):
                downloads.offer(label, content, name, "text/csv", key=f"save_{label}")


@caches.share(max_entries=32)
def _csv_files(version: str, *question: str | None) -> tuple[tuple[str, str, str], ...]:
    """(label, file name, content) of each table, all groups included."""
    found = _answers(version, *question)
    context = found.whole.context
    made_up = "SYNTHETIC DATA: no patient stands behind these figures. " if context.synthetic else ""
    first_line = (
        f"{made_up}{' '.join(_about(context))} {context.instrument_name}, {context.direction}. {context.control_note} "
        f"Store version {context.version}."
    )
    tables: Sequence[tuple[str, str, Any, Callable]] = (
        ("Score over time", "score-over-time", found.trend, outcome_charts.trend_table),
        ("Distribution", "distribution", found.distribution, outcome_charts.distribution_table),
        ("Improved", "improved", found.responders, lambda each: outcome_charts.responder_table(each, found.status)),
        ("Completeness and change", "completeness", found.change, outcome_charts.completeness_table),
    )
    return tuple(
        (
            label,
            f"kneewise-{'synthetic-' if context.synthetic else ''}{name}.csv",
            downloads.table_as_csv(make(answer), first_line),
        )
        for label, name, answer, make in tables
        if not isinstance(answer, Refused)
    )


def _offer_demonstration() -> None:
    st.info("There are no records yet. Import a clinic's export, or make the synthetic demonstration clinics.")
    if st.button("Make the demonstration clinics", type=frame.main_button_type()):
        with st.spinner("Making the demonstration records…"):
            demo.import_demo(instruments_from(material.knowledge()), stores.folder("demo"))
        st.rerun()


def _version(records: Records) -> str:
    """Results are remembered under the version of the records and of the knowledge they are read with."""
    return f"{records.version}/{material.knowledge_version()}"


def _plain(asked: Asked) -> tuple:
    records = asked.records
    return records.key, records.label, records.version, asked.instrument, asked.group_by, asked.only


@caches.share(max_entries=16)
def _choices(version: str, key: str, label: str, store_version: str) -> ReleasedChoices:
    store, source = stores.opened(Records(key, label, False, store_version))
    return answers.list_choices(store, instruments_from(material.knowledge()), source)


@caches.share(max_entries=64)
def _answers(
    version: str, key: str, label: str, store_version: str, instrument: str, group_by: str | None, only: str | None
) -> Answers:
    store, source = stores.opened(Records(key, label, False, store_version))
    knowledge = material.knowledge()
    scales = instruments_from(knowledge)
    chosen = tuple(only.split("=", 1)) if only else None
    whole = Question(instrument, None, chosen, source)
    split = replace(whole, group_by=group_by)

    def ask(answer: Callable, question: Question) -> Any:
        try:
            return answer(store, question, scales)
        except KneewiseError as refusal:
            return Refused(refusal.sentences)

    status = scales[instrument].important_change_status
    return Answers(
        whole=answers.answer_change(store, whole, scales),
        whole_responders=ask(answers.answer_responders, whole),
        change=ask(answers.answer_change, split),
        trend=ask(answers.answer_trend, split),
        distribution=ask(answers.answer_distribution, split),
        responders=ask(answers.answer_responders, split),
        status=status_words(knowledge, status) if status else "",
    )


@caches.share(max_entries=128)
def _drawn(version: str, *arguments: Any) -> Drawn:
    """One chart with its words, ready for the screen: text from uploads escaped."""
    *question, name, dark, first, end = arguments
    found = _answers(version, *question)
    part = (first, end)
    drawn = {
        "trend": lambda: outcome_charts.draw_trend(found.trend, dark=dark, part=part),
        "distribution": lambda: outcome_charts.draw_distribution(found.distribution, dark=dark, part=part),
        "responders": lambda: outcome_charts.draw_responders(found.responders, found.status, dark=dark, part=part),
        "change": lambda: outcome_charts.draw_completeness(found.change, dark=dark, part=part),
    }[name]()
    return replace(drawn, sentence=escaped(drawn.sentence), table=escaped_table(drawn.table))
