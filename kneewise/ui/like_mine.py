"""Patients like this one: what the records of this clinic say of people of the same age, duration and first score.

Shown beside a published figure, for the clinician. The patient's values stay in this run: only the classes they fall into
go to the records, and nothing of them is cached here or put into the address (hazard KW-H12).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from kneewise.disclosure.policy import read_policy
from kneewise.errors import KneewiseError
from kneewise.figures.icon_array import draw_icon_array
from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.ui import charts, frame, session
from kneewise.ui.plain_text import escaped
from kneewise.ui.sheet import Sheet

if TYPE_CHECKING:
    # The engine behind the records takes half a second to import: only once somebody opens the box.
    from kneewise.disclosure.released import ReleasedChoices
    from kneewise.outcomes.instruments import InstrumentRange
    from kneewise.outcomes.like_mine import LikeMine
    from kneewise.ui.stores import Records

PUBLISHED = "value.prognosis_q1_unfavourable_3_months"
SCORED = {"finding.akps": "instrument.akps"}
"""Findings that are the total of an instrument."""
_UNDER = re.compile(r"(?:under|less than) (\d+)(?: (months?|years?))?")
_FROM_TO = re.compile(r"(\d+) to (\d+)(?: (months?|years?))?")
_FROM = re.compile(r"(\d+) (?:and over|or older|or more)")
_OVER = re.compile(r"(?:over|more than) (\d+)(?: (months?|years?))?")
_MONTHS = {"month": 1, "year": 12}


def show(knowledge: KnowledgeBase, sheet: Sheet) -> None:
    """A box that is closed until somebody asks: the published figure, and beside it the people like this one."""
    box = st.expander("Patients like this one, in the records here", key="like_mine", on_change="rerun")
    if not box.open:
        return
    from kneewise.ui import outcomes, stores

    with box:
        found, problems = stores.available(outcomes.chosen_mode())
        for sentence in problems:
            st.error(escaped(sentence))
        if not found:
            st.info(
                "There are no records yet. Import a clinic's export, or make the demonstration clinics under Outcomes."
            )
            return
        published, own = st.columns(2, gap="large")
        tables = st.container()
        with published:
            value = knowledge.entry(PUBLISHED)
            st.markdown(f"**In studies**; filled: {escaped(value.quantity[:1].lower() + value.quantity[1:])}")
            charts.show(
                draw_icon_array(value, "clinician", dark=charts.is_dark(), drawback=True), key="like_mine_published"
            )
            st.caption(
                "Another outcome, measured in other people: the two pictures stand beside each other, they do not compare."
            )
        with own:
            st.markdown("**In the records here**; filled: share who had improved by what matters")
            _show_records(knowledge, sheet, found, tables)


def _show_records(knowledge: KnowledgeBase, sheet: Sheet, found: Mapping[str, Records], tables: DeltaGenerator) -> None:
    from kneewise.figures.like_mine import draw_like_mine
    from kneewise.outcomes.instruments import instruments_from
    from kneewise.outcomes.like_mine import answer_like_mine
    from kneewise.ui import outcome_answers, outcomes, stores

    keys = list(found)
    key = keys[0]
    if len(keys) > 1:
        key = st.selectbox(
            "Records",
            keys,
            format_func=lambda each: found[each].label,
            **session.keep(("screen", "like_mine_records"), keys[0], keys),
        )
    records, mode = found[key or keys[0]], outcomes.chosen_mode()
    if records.synthetic:
        frame.say_synthetic()
    if mode == "own":
        st.warning(read_policy(mode).mode_note)
    scales = instruments_from(knowledge)
    try:
        choices = outcome_answers.choices_of(records, mode)
        like = _like(sheet, choices, scales, mode)
        if like is None:
            return
        store, source = stores.opened(records)
        answer = answer_like_mine(store, replace(like, source=source), scales, read_policy(mode))
    except KneewiseError as refusal:
        for sentence in refusal.sentences:
            st.info(escaped(sentence))
        return
    drawn = draw_like_mine(answer, outcome_answers.status_of(like.instrument), dark=charts.is_dark())
    charts.show(
        replace(drawn, sentence=outcome_answers.sentence_on_screen(drawn.sentence)),
        key="like_mine_records_chart",
        table_in=tables,
        as_written=True,
    )


def _like(sheet: Sheet, choices: ReleasedChoices, scales: Mapping[str, InstrumentRange], mode: str) -> LikeMine | None:
    """Whom to look for, as the classes of these records; None after saying what is missing."""
    from kneewise.outcomes.like_mine import LikeMine

    known = {name: [choice.value for choice in listed] for name, listed in choices.attributes}
    age = sheet.findings.get("finding.age_years")
    if age is None:
        st.info("Enter the age to see people like this one.")
        return None
    age_band = class_of(float(age), known.get("age_band", ()), whole=True)
    if age_band is None:
        st.info("Too few people of this age are in these records to be shown by themselves.")
        return None
    usable = [name for name in choices.instruments if scales[name].important_change is not None]
    if not usable:
        st.info("These records hold no score with a known important change.")
        return None
    scored = {instrument: sheet.findings.get(finding) for finding, instrument in SCORED.items() if instrument in usable}
    instrument = next((name for name, score in scored.items() if score is not None), next(iter(scored), usable[0]))
    months = sheet.findings.get("finding.duration_months")
    return LikeMine(
        instrument=instrument,
        age_band=age_band,
        symptom_duration=None if months is None else class_of(float(months), known.get("symptom_duration", ())),
        first_score=_middle_of_band(scored.get(instrument), scales[instrument]),
        factors=_shared_findings(known.get("factors", ())) if mode == "own" else (),
    )


def _shared_findings(known: Iterable[str]) -> tuple[str, ...]:
    """Findings that people must share as well, in the records' own words; in the own mode only."""
    listed = list(known)
    if not listed:
        return ()
    return tuple(
        st.pills(
            "Who also had (as the records name it)",
            listed,
            selection_mode="multi",
            format_func=lambda each: escaped(each.replace("_", " ")),
            key=f"like_mine_factors/{session.epoch()}",
        )
    )


def _middle_of_band(score: float | None, scale: InstrumentRange) -> float | None:
    """The middle of the third of the scale that the score lies in: the score itself goes no further than this."""
    from kneewise.outcomes.like_mine import BANDS, band_of

    if score is None:
        return None
    third = (scale.maximum - scale.minimum) / len(BANDS)
    return scale.minimum + (BANDS.index(band_of(float(score), scale)) + 0.5) * third


def class_of(value: float, labels: Iterable[str], *, whole: bool = False) -> str | None:
    """The class among `labels` that a value falls into, read from their words; None where none of them says so.

    Parameters
    ----------
    value : float
        Years of age (`whole`: "18 to 39" ends before the 40th birthday), or months since symptoms began.
    labels : iterable of str
        Such as "under 18", "18 to 39", "60 and over", "3 to 12 months", "over 12 months", "1 to 5 years".
    """
    return next((label for label in labels if _holds(label, value, whole)), None)


def _holds(label: str, value: float, whole: bool) -> bool:
    words = label.strip().lower()
    if found := _UNDER.fullmatch(words):
        return value < int(found[1]) * _months(found[2])
    if found := _FROM_TO.fullmatch(words):
        step = _months(found[3])
        low, high = int(found[1]) * step, int(found[2]) * step
        # Classes of whole years end where the next year begins; "3 to 12 months" ends with the 12th.
        return low <= value < high + step if whole or step > 1 else low <= value <= high
    if found := _FROM.fullmatch(words):
        return value >= int(found[1])
    if found := _OVER.fullmatch(words):
        return value > int(found[1]) * _months(found[2])
    return False


def _months(unit: str | None) -> int:
    return _MONTHS[unit.removesuffix("s")] if unit else 1
