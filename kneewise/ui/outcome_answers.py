"""Answers and charts of the outcomes page, worked out once per version of the records and per question.

Every kind of answer has one name, one function that answers it, one that draws it and one that gives its whole table.
Remembered are released answers only, under plain arguments; the reason for new limits is free text and never among them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from kneewise.disclosure.control_chart import MEASURES
from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import ReleasedChoices, ReleasedContext
from kneewise.errors import DisclosureRefused, KneewiseError
from kneewise.figures import (
    Drawn,
    control_chart,
    funnel_plot,
    intervention_bars,
    missing_band,
    outcome_charts,
    quality_bars,
    recovery_curve,
)
from kneewise.figures.chart_words import Part, with_source
from kneewise.figures.drawn import palette
from kneewise.knowledge_base.words import status_words
from kneewise.outcomes import answers
from kneewise.outcomes.asking import ATTRIBUTE_NAMES, Only, Question
from kneewise.outcomes.comparing import answer_comparison
from kneewise.outcomes.instruments import instruments_from
from kneewise.outcomes.interventions import answer_interventions
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.over_time import answer_over_time
from kneewise.outcomes.quality import answer_quality
from kneewise.outcomes.recovering import answer_recovery
from kneewise.ui import caches, downloads, material, stores
from kneewise.ui.plain_text import escaped, escaped_table
from kneewise.ui.stores import Records

REASON = "reason"
"""Stands for the reason of new limits where answers are remembered; the words themselves are put in afterwards."""


@dataclass(frozen=True)
class Asked:
    """What the person chose: whose records, in which mode, which score, and of whom."""

    records: Records
    mode: str
    instrument: str
    only: Only = ()
    group_by: str | None = None


@dataclass(frozen=True)
class Refused:
    """Why an answer is not shown."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """One kind of answer: how it is asked for, drawn and written down."""

    title: str
    answer: Callable[..., Any]
    draw: Callable[[Any, str, bool, Part], Drawn]
    table: Callable[[Any, str], pd.DataFrame]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "responders": Kind(
            "Improved by what matters",
            answers.answer_responders,
            lambda found, status, dark, part: outcome_charts.draw_responders(found, status, dark=dark, part=part),
            outcome_charts.responder_table,
        ),
        "change": Kind(
            "How far people moved",
            answers.answer_change,
            lambda found, _status, dark, part: outcome_charts.draw_change(found, dark=dark, part=part),
            lambda found, _status: outcome_charts.completeness_table(found),
        ),
        "trend": Kind(
            "Score over time",
            answers.answer_trend,
            lambda found, _status, dark, part: outcome_charts.draw_trend(found, dark=dark, part=part),
            lambda found, _status: outcome_charts.trend_table(found),
        ),
        "distribution": Kind(
            "Who got better, who did not",
            answers.answer_distribution,
            lambda found, _status, dark, part: outcome_charts.draw_distribution(found, dark=dark, part=part),
            lambda found, _status: outcome_charts.distribution_table(found),
        ),
        "completeness": Kind(
            "How complete this is",
            answers.answer_change,
            lambda found, _status, dark, part: outcome_charts.draw_completeness(found, dark=dark, part=part),
            lambda found, _status: outcome_charts.completeness_table(found),
        ),
        "missing": Kind(
            "What those who did not come back could change",
            answer_missing,
            lambda found, _status, dark, _part: missing_band.draw_missing(found, dark=dark),
            lambda found, _status: missing_band.missing_table(found),
        ),
        "over_time": Kind(
            "Over time",
            answer_over_time,
            lambda found, _status, dark, _part: control_chart.draw_control_chart(found, dark=dark),
            lambda found, _status: control_chart.control_chart_table(found),
        ),
        "comparison": Kind(
            "Beside each other",
            answer_comparison,
            lambda found, _status, dark, _part: funnel_plot.draw_comparison(found, dark=dark, names=_units(found)),
            lambda found, _status: funnel_plot.comparison_table(found, _units(found)),
        ),
        "recovery": Kind(
            "Time to recovery",
            answer_recovery,
            lambda found, status, dark, part: recovery_curve.draw_recovery(found, status, dark=dark, part=part),
            lambda found, _status: recovery_curve.recovery_table(found),
        ),
        "treatments": Kind(
            "What went with each treatment",
            answer_interventions,
            lambda found, status, dark, part: intervention_bars.draw_interventions(found, status, dark=dark, part=part),
            lambda found, _status: intervention_bars.interventions_table(found),
        ),
        "quality": Kind(
            "How good the records are",
            answer_quality,
            lambda found, _status, dark, _part: quality_bars.draw_quality(found, dark=dark),
            lambda found, _status: quality_bars.quality_table(found),
        ),
    }
)


def choices_of(records: Records, mode: str) -> ReleasedChoices:
    """What can be asked of these records in this mode. Raises StoreError where they were replaced in the meantime."""
    return _choices(_version(records), records.key, records.label, records.version, mode)


def ask(kind: str, asked: Asked, **more: Any) -> Any:
    """The released answer, or `Refused` with the reason."""
    try:
        return _answer(*_plain(kind, asked, more))
    except KneewiseError as refusal:  # not remembered: records that were replaced may come back
        return Refused(refusal.sentences)


def draw(kind: str, asked: Asked, *, dark: bool, part: Part = None, **more: Any) -> Drawn:
    """One chart with its words, ready for the screen: text from uploads escaped. The answer must not be refused."""
    return _drawn(*_plain(kind, asked, more), dark, *(part or (None, None)))


def file_of(kind: str, asked: Asked, **more: Any) -> tuple[str, str]:
    """(file name, CSV) of one chart, all groups included. The answer must not be refused."""
    return _file(*_plain(kind, asked, more))


def title_of(kind: str, group_by: str | None) -> str:
    """What a chart is called, by which it is split."""
    title, name = KINDS[kind].title, ATTRIBUTE_NAMES.get(group_by or "", group_by)
    if kind == "comparison":
        return f"{name.capitalize()}s beside each other, with the limits of chance"
    return title if group_by is None or kind == "treatments" else f"{title} by {name}"


def file_stem(name: str, context: ReleasedContext) -> str:
    """The name of a file without its ending; it says when what is in it is made up, or internal."""
    marks = [*(["INTERNAL"] if context.mode == "own" else []), *(["SYNTHETIC"] if context.synthetic else [])]
    return "-".join(["kneewise", *marks, name.replace("_", "-")])


def prepare() -> int:
    """How many answers about everybody were worked out ahead, so that nobody waits for a part of the page.

    Of shared figures only; they are remembered with the opened store. What may not be shown is passed over.
    """
    made, policy, scales = 0, read_policy("shared"), instruments_from(material.knowledge())
    for records in stores.available()[0].values():
        store, source = stores.opened(records)
        for instrument in (each for each in store.source(source).instruments if each in scales):
            for name, kind in KINDS.items():
                question = Question(instrument, "site" if name == "comparison" else None, source=source)
                for more in (
                    ({"measure": each, "target": None, "rebase": ()} for each in MEASURES)
                    if name == "over_time"
                    else ({},)
                ):
                    with contextlib.suppress(KneewiseError):  # the page says it
                        kind.answer(store, question, scales, policy, **more)
                        made += 1
    return made


def sentence_on_screen(sentence: str) -> str:
    """The sentence of a chart for the screen: escaped, and no number parted from what it counts."""
    return escaped(sentence.replace("n = ", "n\u00a0=\u00a0"))


def first_line(context: ReleasedContext) -> str:
    """What a file says of itself before its table."""
    internal = f"INTERNAL. {context.mode_note} " if context.mode == "own" else ""
    made_up = "SYNTHETIC DATA: no patient stands behind these figures. " if context.synthetic else ""
    return (
        f"{internal}{made_up}{' '.join(about(context))} {context.instrument_name}, {context.direction}. "
        f"{context.control_note} Store version {context.version}."
    )


def about(context: ReleasedContext) -> tuple[str, ...]:
    """Who these people are, where the records come from, what was merged or rounded."""
    who = f"Records: {context.source_label}{f' ({context.population})' if context.population else ''}."
    filters = " and ".join(f"{ATTRIBUTE_NAMES.get(name, name)} {value}" for name, value in context.only)
    only = f"Shown only: {filters}." if filters else ""
    return tuple(filter(None, (who, only, *context.notes, context.day_note, context.attribution)))


def status_of(instrument: str) -> str:
    """How sure the important change of the instrument is, in words; empty where none is known."""
    status = instruments_from(material.knowledge())[instrument].important_change_status
    return status_words(material.knowledge(), status) if status else ""


def _units(comparison: Any) -> str:
    name = ATTRIBUTE_NAMES.get(comparison.context.group_by, comparison.context.group_by)
    return f"{name}s"


def _version(records: Records) -> str:
    """Results are remembered under the version of the records and of the knowledge they are read with."""
    return f"{records.version}/{material.knowledge_version()}"


def _plain(kind: str, asked: Asked, more: Mapping[str, Any]) -> tuple:
    records = asked.records
    named = tuple(sorted(more.items()))
    return (
        _version(records), kind, records.key, records.label, records.version, asked.mode, asked.instrument,
        asked.group_by, asked.only, named,
    )  # fmt: skip


@caches.share(max_entries=32)
def _choices(version: str, key: str, label: str, store_version: str, mode: str) -> ReleasedChoices:
    store, source = stores.opened(Records(key, label, False, store_version))
    return answers.list_choices(store, instruments_from(material.knowledge()), source, read_policy(mode))


@caches.share(max_entries=256)
def _answer(
    version: str, kind: str, key: str, label: str, store_version: str, mode: str, instrument: str, group_by: str | None,
    only: Only, more: tuple[tuple[str, Any], ...],
) -> Any:  # fmt: skip
    store, source = stores.opened(Records(key, label, False, store_version))
    question = Question(instrument, group_by, only, source)
    scales = instruments_from(material.knowledge())
    try:
        return KINDS[kind].answer(store, question, scales, read_policy(mode), **dict(more))
    except DisclosureRefused as refusal:  # the same for everybody who asks this of this version
        return Refused(refusal.sentences)


@caches.share(max_entries=256)
def _drawn(*question: Any) -> Drawn:
    *plain, dark, first, end = question
    found, instrument = _answer(*plain), plain[6]
    part = None if first is None else (first, end)
    drawn = KINDS[plain[1]].draw(found, status_of(instrument), dark, part)
    over_time = plain[1] == "over_time"
    title = f"{found.measure_name} over time" if over_time else title_of(plain[1], found.context.group_by)
    return replace(
        drawn,
        figure=with_source(drawn.figure, title, found.n, found.context, palette(dark)),
        sentence=sentence_on_screen(drawn.sentence),
        table=escaped_table(drawn.table),
    )


@caches.share(max_entries=64)
def _file(*plain: Any) -> tuple[str, str]:
    found, instrument = _answer(*plain), plain[6]
    table = KINDS[plain[1]].table(found, status_of(instrument))
    name = plain[1] if found.context.group_by is None else f"{plain[1]}-by-{found.context.group_by}"
    return f"{file_stem(name, found.context)}.csv", downloads.table_as_csv(table, first_line(found.context))
