"""The yearly report at the end of the outcomes page: one click saves the PDF of the newest year, or of the one chosen.

It holds shared figures only, whatever mode the page is in, because it is passed on. No patient's findings are in it, so
it is remembered like the answers it is made of. The server makes the newest ones soon after its start: their box is open.
Another one is made when its box is opened (0.1 s once its answers are worked out, else a second or two) and not on the
click: what is made on a click could be refused without a sentence.
"""

from __future__ import annotations

import re
from dataclasses import replace

import streamlit as st

from kneewise.errors import StoreError
from kneewise.handout.report import ReportRefused, report_pdf, yearly_report
from kneewise.ui import caches, downloads, material, session, stores
from kneewise.ui.outcome_answers import Asked, Refused, ask, choices_of, file_stem, first_instruments
from kneewise.ui.outcome_sections import place
from kneewise.ui.plain_text import escaped
from kneewise.ui.stores import Records

BOX = "Yearly report, as a PDF"
NOTHING_RELEASED = (
    "There is no yearly report yet: it holds shared figures only, and nothing of this score is released for them."
)
NO_YEAR = "There is no yearly report of these records: shared figures tell of no year in which enough people started."
SHARED_ONLY = (
    "The headlines of everybody who started in that year, then charts and tables of this score, on a few pages. It is made "
    "to be passed on, so it holds shared figures only."
)
NOTHING_INTERNAL = (
    "It is made from the records that are released for shared figures; nothing internal that this page shows goes "
    "into it."
)
OF_EVERYBODY = "What is chosen under “Show only” does not restrict it."
_YEAR = re.compile(r"(\d{4})(?: Q[1-4])?")
_READY: set[tuple[str, str, str]] = set()
"""Versions, records and scores whose newest report was made before anybody asked: a few, made once per start."""


@st.fragment  # so that the figures of the page stay as they are while the report is made
def offer(asked: Asked) -> None:
    """The box with the year and the button that saves the report; one sentence where nothing can be reported."""
    box = st.expander(BOX, expanded=_is_ready(asked), key="yearly_report", on_change="rerun")
    if not box.open:
        return
    with box:
        try:
            shared = _in_shared_figures(asked)
            years = [] if shared is None else _years(shared)
            if shared is None or not years:
                st.write(NOTHING_RELEASED if shared is None else NO_YEAR)
                return
            _offer_year(shared, years)
        except StoreError as refusal:  # the records were replaced in the meantime
            st.write(" ".join(map(escaped, refusal.sentences)))
            return
        notes = (SHARED_ONLY, NOTHING_INTERNAL if asked.mode == "own" else "", OF_EVERYBODY if asked.only else "")
        st.caption(" ".join(filter(None, notes)))


def prepare() -> None:
    """Make the report of the newest year that has one, of the score with which each store's page begins."""
    for records in stores.available("shared")[0].values():
        names = first_instruments(choices_of(records, "shared").instruments)
        for shared in [Asked(records, "shared", name) for name in names[:1]]:
            for year in _years(shared):
                if isinstance(_report(shared, year), bytes):
                    _READY.add(_place(shared))
                    break


def _is_ready(asked: Asked) -> bool:
    return _place(asked) in _READY


def _place(asked: Asked) -> tuple[str, str, str]:
    return _version(asked.records), asked.records.key, asked.instrument


def _in_shared_figures(asked: Asked) -> Asked | None:
    """The same records and score, of everybody, as they were released; None where nothing of them was."""
    records = asked.records if asked.mode == "shared" else stores.available("shared")[0].get(asked.records.key)
    if records is None or asked.instrument not in choices_of(records, "shared").instruments:
        return None
    return Asked(records, "shared", asked.instrument)


def _years(shared: Asked) -> list[str]:
    """The years of start that shared figures tell apart, the newest first, and those whose follow-up is still open.

    A report can't be made of each of them; that of one that can't says why.
    """
    by_year, quality = ask("change", replace(shared, group_by="start_year")), ask("quality", shared)
    told = [] if isinstance(by_year, Refused) else [group.label for group in by_year.groups]
    if not isinstance(quality, Refused):
        told += [*filter(None, [quality.newest_period]), *quality.open_periods]
    return sorted({found[1] for each in told if (found := _YEAR.fullmatch(each))}, reverse=True)


def _offer_year(shared: Asked, years: list[str]) -> None:
    newest = next((year for year in years if not isinstance(_of_year(shared, year), Refused)), years[0])
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.selectbox(
            "Year in which people started",
            years,
            label_visibility="collapsed",  # the button beside it names the year; both are seen as soon as the box opens
            width=160,
            **session.keep(place("report_year"), newest, years),
        )
        year = chosen if chosen in years else newest  # a browser that lags behind may send a year of other records
        with st.spinner("Making the report…"):
            made = _report(shared, year)
        change = _of_year(shared, year)
        if isinstance(made, Refused) or isinstance(change, Refused):
            refused = made if isinstance(made, Refused) else change
            st.write(" ".join(map(escaped, refused.sentences)))
            return
        name = file_stem(f"report-{year}-{shared.instrument.removeprefix('instrument.')}", change.context)
        downloads.offer(
            f"Save the report of {year} (PDF)", made, f"{name}.pdf", "application/pdf", key="save_yearly_report"
        )


def _report(shared: Asked, year: str) -> bytes | Refused:
    return _pdf(_version(shared.records), shared.records.key, shared.records.version, shared.instrument, year)


def _of_year(shared: Asked, year: str) -> object:
    """The answer without which a year has no report, or `Refused`."""
    return ask("change", replace(shared, only=(("start_year", year),)))


def _version(records: Records) -> str:
    return f"{records.version}/{material.knowledge_version()}"


@caches.share(max_entries=32)
def _pdf(version: str, key: str, store_version: str, instrument: str, year: str) -> bytes | Refused:
    store, source = stores.opened(Records(key, "", False, store_version))
    try:
        report = yearly_report(store, material.knowledge(), int(year), source=source, instrument=instrument)
        return report_pdf(report)
    except ReportRefused as refusal:  # the same for everybody who asks this of this version
        return Refused(refusal.sentences)
