"""The yearly report for a clinic, as a PDF: headlines, control chart, funnel, recovery, treatments, data quality.

It holds shared figures only, whatever mode the screen is in: a report is passed on. Everything in it is a released answer,
said with the sentences and tables of the screen's charts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kneewise.disclosure.policy import read_policy
from kneewise.errors import DisclosureRefused, KneewiseError, StoreError
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
from kneewise.handout.report_charts import comparison_svg, control_chart_svg, recovery_svg
from kneewise.handout.typesetting import FONTS, LARGEST_BYTES, clean, typeset
from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.knowledge_base.words import status_words
from kneewise.outcomes import answers, comparing, interventions, missing, over_time, quality, recovering
from kneewise.outcomes.asking import Question
from kneewise.outcomes.instruments import Instruments, instruments_from
from kneewise.outcomes.store import Store

_TEMPLATE = Path(__file__).with_name("report.typ")
_MOST_ROWS = 60
LIMITS = (
    "Read with care. There is no control group. People come when they are at their worst, and many would have got better "
    "anyway. Those who did not answer are missing, and may differ from those who did. These figures describe what "
    "happened; they do not show what caused it, and they rank nobody."
)


class ReportRefused(KneewiseError):
    """There is nothing that a report may show, or it could not be made; the sentence says why."""


@dataclass(frozen=True)
class Section:
    """A part of the report: what is found, as sentence, table and perhaps a picture with its alternative text."""

    title: str
    sentence: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    picture: str | None = None
    alt: str = ""


@dataclass(frozen=True)
class Report:
    """The report as plain text and pictures; `headlines` are (label, figure, sentence)."""

    title: str
    about: str
    banner: str
    headlines: tuple[tuple[str, str, str], ...]
    limits: str
    sections: tuple[Section, ...]
    footer: str


def yearly_report(
    store: Store, knowledge: KnowledgeBase, year: int, *, source: str | None = None, instrument: str | None = None
) -> Report:
    """What the report of one year says.

    Parameters
    ----------
    source, instrument : str
        The store's only source, and its first score that has an important change, where not given.

    Raises
    ------
    ReportRefused
        Nothing of that year may be shown: nobody, or too few people, are left after protection.
    StoreError
        The store holds no such source or instrument.
    """
    scales = instruments_from(knowledge)
    info = store.source(source)
    chosen = instrument or _first_instrument(info.instruments, scales)
    if chosen not in info.instruments:
        raise StoreError(f"Source '{info.source}' holds no scores of '{chosen}'.")
    policy = read_policy("shared")
    status = status_words(knowledge, scales[chosen].important_change_status) if scales[chosen].important_change else ""
    everybody = Question(chosen, source=info.source)
    that_year = replace(everybody, only=(("start_year", str(year)),))

    def ask(answer: Callable[..., Any], question: Question, **more: Any) -> Any:
        return answer(store, question, scales, policy, **more)

    try:
        change = ask(answers.answer_change, that_year)
    except DisclosureRefused as refusal:
        raise ReportRefused(
            f"No report can be made of {year}: shared figures tell of too few people who started then, or their follow-up "
            "is not over yet."
        ) from refusal
    responders = _or_none(ask, answers.answer_responders, that_year)
    context = change.context
    tiles = outcome_charts.headlines(change, responders, status)
    who = f"Records: {context.source_label}{f' ({context.population})' if context.population else ''}."
    return Report(
        title=f"Outcomes {year}: {context.instrument_name}",
        about=" ".join(
            filter(None, (who, f"People who started in {year}.", *context.notes, context.day_note, context.attribution))
        ),
        banner="SYNTHETIC DATA: no patient stands behind these figures." if context.synthetic else "",
        headlines=tuple((tile.label, tile.figure, tile.sentence) for tile in tiles),
        limits=LIMITS,
        sections=_sections(ask, everybody, that_year, status),
        footer=f"Kneewise. Shared figures, protected ({context.policy}). Store version {context.version}. Knowledge "
        f"{knowledge.content.version}.",
    )


def _sections(ask: Callable[..., Any], everybody: Question, that_year: Question, status: str) -> tuple[Section, ...]:
    """The report's parts in order. What shared tables can't say of one year is said of all years, by its title."""

    def by(name: str) -> Question:
        return replace(everybody, group_by=name)

    return (
        _section(
            "How far missing people could move this",
            lambda: ask(missing.answer_missing, that_year),
            missing_band.draw_missing,
        ),
        _section(
            "Over time, all years",
            lambda: ask(over_time.answer_over_time, everybody, measure="improved"),
            control_chart.draw_control_chart,
            control_chart_svg,
        ),
        _section(
            "Sites, all years",
            lambda: ask(comparing.answer_comparison, by("site")),
            funnel_plot.draw_comparison,
            comparison_svg,
        ),
        _section(
            "Time to recovery, all years",
            lambda: ask(recovering.answer_recovery, everybody),
            functools.partial(recovery_curve.draw_recovery, status=status),
            recovery_svg,
        ),
        *(
            _section(
                title,
                functools.partial(ask, answers.answer_responders, by(name)),
                functools.partial(outcome_charts.draw_responders, status=status),
            )
            for name, title in (("age_band", "Age, all years"), ("sex", "Sex, all years"))
        ),
        _section(
            "Treatments: what went with them",
            lambda: ask(interventions.answer_interventions, that_year),
            functools.partial(intervention_bars.draw_interventions, status=status),
        ),
        _section("Data quality, all years", lambda: ask(quality.answer_quality, everybody), quality_bars.draw_quality),
    )


def report_pdf(report: Report) -> bytes:
    """The report as a PDF file (A4, tagged, PDF/UA-1); the same report gives the same bytes.

    Raises
    ------
    ReportRefused
        It could not be set, or is bigger than may be offered.
    """
    data = asdict(report)
    pictures = [section.pop("picture") for section in data["sections"]]
    cleaned = clean(
        {
            **data,
            "headlines": [dict(zip(("label", "figure", "sentence"), each, strict=True)) for each in report.headlines],
        }
    )
    for section, picture in zip(cleaned["sections"], pictures, strict=True):
        section["picture"] = picture
    page = typeset(
        _TEMPLATE, {**cleaned, "fonts": FONTS}, ReportRefused("The report could not be set from these texts.")
    )
    if len(page) > LARGEST_BYTES:
        raise ReportRefused("The report is bigger than 1 MB; make it for a source with fewer sites.")
    return page


def _first_instrument(names: tuple[str, ...], scales: Instruments) -> str:
    known = sorted(
        (name for name in names if name in scales), key=lambda name: (scales[name].important_change is None, name)
    )
    if not known:
        raise StoreError("These records hold no score of an instrument that the knowledge base knows.")
    return known[0]


def _or_none(ask: Callable[..., Any], answer: Callable[..., Any], question: Question) -> Any:
    try:
        return ask(answer, question)
    except KneewiseError:  # the headline is then left out; the section below says why it can't be said
        return None


def _section(
    title: str,
    ask: Callable[[], Any],
    draw: Callable[..., Drawn],
    picture: Callable[[Any, str], str | None] = lambda answer, alt: None,
) -> Section:
    """A section with its table and perhaps its picture, or the sentence why there is nothing to show in it."""
    try:
        answer = ask()
    except KneewiseError as refusal:
        return Section(title, " ".join(refusal.sentences))
    drawn = draw(answer, dark=False)
    rows = tuple(tuple(map(str, row)) for row in drawn.table.itertuples(index=False))
    more = ""
    if len(rows) > _MOST_ROWS:
        more = f" The table holds {len(rows)} rows; the first {_MOST_ROWS} by name are printed, the screen has all."
    made = picture(answer, drawn.alt)
    return Section(
        title=title,
        sentence=drawn.sentence + more,
        columns=tuple(map(str, drawn.table.columns)),
        rows=rows[:_MOST_ROWS],
        picture=made,
        alt=drawn.alt if made else "",
    )
