"""Answers and charts of the outcomes page, worked out once per version of the records and per question.

Every kind of answer has one name, one function that answers it, one that draws it and one that gives its whole table.
Remembered are released answers only, under plain arguments; the reason for new limits is free text and never among them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from kneewise.outcomes.instruments import Instruments, instruments_from
from kneewise.outcomes.interventions import answer_interventions
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.over_time import answer_over_time
from kneewise.outcomes.quality import answer_quality
from kneewise.outcomes.recovering import answer_recovery
from kneewise.ui import caches, downloads, material, stores
from kneewise.ui.plain_text import escaped
from kneewise.ui.stores import Records

SPLIT_KINDS = ("responders", "change", "trend", "distribution", "completeness")
"""The kinds of answer that can be split by any attribute."""
MOST_FILTERS = 12
"""Filters by an attribute of more values are not worked out ahead: there could be hundreds."""
QUIET_SECONDS = 0.25
"""Working ahead goes on when nobody has asked anything for so long."""
LONGEST_WAIT_SECONDS = 1.0
_asked = {"at": -QUIET_SECONDS}
"""When anybody last asked for an answer, on the clock that only goes forward."""
REST = 0.5
"""How long working ahead rests after each answer, in times of what that answer took, so that whoever is there gets on.

More would not help them: until all is there, they wait for the store themselves."""
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
    """One kind of answer: what it is called, how it is asked for, drawn (`dark` and `part` by name) and written down."""

    title: str
    answer: Callable[..., Any]
    draw: Callable[..., Drawn]
    table: Callable[[Any], pd.DataFrame]


def status_of(instrument: str) -> str:
    """How sure the important change of the instrument is, in words; empty where none is known."""
    status = _scales(material.knowledge_version())[instrument].important_change_status
    return status_words(material.knowledge(), status) if status else ""


def _saying_how_sure(draw: Callable[..., Drawn]) -> Callable[..., Drawn]:
    """A chart that says as well how sure the important change is."""
    return lambda found, *, dark, part: draw(found, status_of(found.context.instrument), dark=dark, part=part)


def _whole(draw: Callable[..., Drawn]) -> Callable[..., Drawn]:
    """A chart without groups that could be drawn a part at a time."""
    return lambda found, *, dark, part: draw(found, dark=dark)


def _units(comparison: Any) -> str:
    name = ATTRIBUTE_NAMES.get(comparison.context.group_by, comparison.context.group_by)
    return f"{name}s"


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "responders": Kind(
            "Improved by what matters",
            answers.answer_responders,
            _saying_how_sure(outcome_charts.draw_responders),
            lambda found: outcome_charts.responder_table(found, status_of(found.context.instrument)),
        ),
        "change": Kind(
            "How far people moved",
            answers.answer_change,
            outcome_charts.draw_change,
            outcome_charts.completeness_table,
        ),
        "trend": Kind(
            "Score over time",
            answers.answer_trend,
            outcome_charts.draw_trend,
            outcome_charts.trend_table,
        ),
        "distribution": Kind(
            "Who got better, who did not",
            answers.answer_distribution,
            outcome_charts.draw_distribution,
            outcome_charts.distribution_table,
        ),
        "completeness": Kind(
            "How complete this is",
            answers.answer_change,
            outcome_charts.draw_completeness,
            outcome_charts.completeness_table,
        ),
        "missing": Kind(
            "What those who did not come back could change",
            answer_missing,
            _whole(missing_band.draw_missing),
            missing_band.missing_table,
        ),
        "over_time": Kind(
            "Over time",
            answer_over_time,
            _whole(control_chart.draw_control_chart),
            control_chart.control_chart_table,
        ),
        "comparison": Kind(
            "Beside each other",
            answer_comparison,
            lambda found, *, dark, part: funnel_plot.draw_comparison(found, dark=dark, names=_units(found)),
            lambda found: funnel_plot.comparison_table(found, _units(found)),
        ),
        "recovery": Kind(
            "Time to recovery",
            answer_recovery,
            _saying_how_sure(recovery_curve.draw_recovery),
            recovery_curve.recovery_table,
        ),
        "treatments": Kind(
            "What went with each treatment",
            answer_interventions,
            _saying_how_sure(intervention_bars.draw_interventions),
            intervention_bars.interventions_table,
        ),
        "quality": Kind(
            "How good the records are",
            answer_quality,
            _whole(quality_bars.draw_quality),
            quality_bars.quality_table,
        ),
    }
)


def choices_of(records: Records, mode: str) -> ReleasedChoices:
    """What can be asked of these records in this mode. Raises StoreError where they were replaced in the meantime."""
    return _choices(_version(records), records.key, records.label, records.version, mode)


def ask(kind: str, asked: Asked, **more: Any) -> Any:
    """The released answer, or `Refused` with the reason."""
    _asked["at"] = time.monotonic()
    try:
        return _answer(*_plain(kind, asked, more))
    except KneewiseError as refusal:  # not remembered: records that were replaced may come back
        return Refused(refusal.sentences)


def draw(kind: str, asked: Asked, *, dark: bool, part: Part = None, **more: Any) -> Drawn:
    """One chart with its words for the screen; its table is to be shown `as_written`. The answer must not be refused."""
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
    """How many shared answers were worked out ahead, so that nobody waits for a part of the page or a first choice.

    Of every score what is asked about everybody, then each split; last, each single filter of the score that the page
    begins with. They are remembered with the opened store. What may not be shown is passed over: the page says it.
    """
    made, policy, scales = 0, read_policy("shared"), _scales(material.knowledge_version())
    for records in stores.available()[0].values():
        store, source = stores.opened(records)
        for kind, asked, more in _first_choices(records):
            _let_others_go_first()
            begun = time.perf_counter()
            question = Question(asked.instrument, asked.group_by, asked.only, source)
            with contextlib.suppress(KneewiseError):
                KINDS[kind].answer(store, question, scales, policy, **more)
                made += 1
            time.sleep(REST * (time.perf_counter() - begun))
    return made


def first_instruments(names: Iterable[str]) -> list[str]:
    """The scores in the order in which the page offers them: those with an important change, which can say most, first."""
    scales = _scales(material.knowledge_version())
    return sorted(names, key=lambda name: (scales[name].important_change is None, name))


def _let_others_go_first() -> None:
    """Wait while somebody is using the page: two threads at once each take twice as long. But not for ever."""
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < min(until, _asked["at"] + QUIET_SECONDS):
        time.sleep(QUIET_SECONDS / 10)


def _first_choices(records: Records) -> Iterator[tuple[str, Asked, Mapping[str, Any]]]:
    """What the page asks until a person has chosen once: kind of answer, what is asked, further arguments."""
    choices = choices_of(records, "shared")
    instruments = first_instruments(choices.instruments)
    for instrument in instruments:
        for kind in KINDS:
            asked = Asked(records, "shared", instrument, group_by="site" if kind == "comparison" else None)
            for measure in MEASURES if kind == "over_time" else ("",):
                yield kind, asked, _of_measure(measure)
    for instrument in instruments:
        for name, _ in choices.attributes:
            for kind in SPLIT_KINDS:
                yield kind, Asked(records, "shared", instrument, group_by=name), {}
    for instrument in instruments[:1]:
        for name, value in _few_filters(choices):
            for kind in (*SPLIT_KINDS, "missing", "over_time", "recovery"):
                measure = MEASURES[0] if kind == "over_time" else ""
                yield kind, Asked(records, "shared", instrument, ((name, value),)), _of_measure(measure)


def _few_filters(choices: ReleasedChoices) -> Only:
    """Each single filter by an attribute of few values."""
    return tuple(
        (name, choice.value) for name, listed in choices.attributes if len(listed) <= MOST_FILTERS for choice in listed
    )


def _of_measure(measure: str) -> Mapping[str, Any]:
    return {"measure": measure, "target": None, "rebase": ()} if measure else {}


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
    return answers.list_choices(store, _scales(material.knowledge_version()), source, read_policy(mode))


@caches.share(max_entries=2)
def _scales(version: str) -> Instruments:
    return instruments_from(material.knowledge())


@caches.share(max_entries=256)
def _answer(
    version: str, kind: str, key: str, label: str, store_version: str, mode: str, instrument: str, group_by: str | None,
    only: Only, more: tuple[tuple[str, Any], ...],
) -> Any:  # fmt: skip
    store, source = stores.opened(Records(key, label, False, store_version))
    question = Question(instrument, group_by, only, source)
    scales = _scales(material.knowledge_version())
    try:
        return KINDS[kind].answer(store, question, scales, read_policy(mode), **dict(more))
    except DisclosureRefused as refusal:  # the same for everybody who asks this of this version
        return Refused(refusal.sentences)


@caches.share(max_entries=256)
def _drawn(*question: Any) -> Drawn:
    *plain, dark, first, end = question
    found = _answer(*plain)
    drawn = KINDS[plain[1]].draw(found, dark=dark, part=None if first is None else (first, end))
    over_time = plain[1] == "over_time"
    title = f"{found.measure_name} over time" if over_time else title_of(plain[1], found.context.group_by)
    # The share of people with two scores is one of the people with any.
    people = (found.completeness.n if plain[1] == "completeness" else None) or found.n
    return replace(
        drawn,
        figure=with_source(drawn.figure, title, people, found.context, palette(dark)),
        sentence=sentence_on_screen(drawn.sentence),
    )


@caches.share(max_entries=64)
def _file(*plain: Any) -> tuple[str, str]:
    found = _answer(*plain)
    table = KINDS[plain[1]].table(found)
    name = plain[1] if found.context.group_by is None else f"{plain[1]}-by-{found.context.group_by}"
    return f"{file_stem(name, found.context)}.csv", downloads.table_as_csv(table, first_line(found.context))
