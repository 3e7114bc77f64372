"""Mapping on screen: what each column of an unknown export means, guessed first, then chosen by whoever holds the file.

All thinking is in `outcomes.mapping`; here is only what is shown and what was chosen. Choices are held under the mark of
the header, so the same export chosen again finds them again. Text of an upload is shown as plain text.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from kneewise.errors import ImportRefused, KneewiseError
from kneewise.outcomes import mapping
from kneewise.outcomes.mapping import CATEGORIES, IGNORE, MEANINGS, ColumnDraft, Draft, Vocabulary
from kneewise.outcomes.profiles import Profile, all_profiles
from kneewise.outcomes.reading import Surveyed, survey_columns
from kneewise.ui import session, stores
from kneewise.ui.plain_text import escaped, escaped_table

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_SUGGESTED, _CHOSEN = "import.suggested", "import.mapping"
_LAYOUTS = {
    "long": "One row per score: a column names the questionnaire, another holds its score.",
    "visits": "One row per visit: each questionnaire has a column of its own, and the row says when.",
    "wide": "One row per episode: each questionnaire has a column for each visit.",
}
_VALUES_IN_A_ROW = 3
_MOST_DAYS = 3660


def show_mapping(uploaded: UploadedFile, known: Vocabulary, taken: Collection[str]) -> Profile | None:
    """Lead through the columns; the profile that the choices make, or None while something is missing from it.

    `taken` are the ids of profiles that come with Kneewise.
    """
    found = _suggested(uploaded, known)
    if found is None:
        return None
    suggested, kept = found
    st.subheader("What each column means", anchor=False)
    begun = (
        f"This begins with the mapping that was kept as “{escaped(kept)}”. What you change takes its place when you store "
        "the records."
        if kept
        else "Kneewise guessed from the names and the values. Check each guess, change what is wrong, and leave out "
        "whatever is not needed."
    )
    st.write(f"{begun} Columns that look like people are never imported.")
    _show_first_rows(suggested)
    draft = _chosen(suggested, known)
    st.caption(_LAYOUTS.get(draft.layout or "", "No column holds a score yet."))
    try:
        return mapping.draft_to_profile(draft, known, taken)
    except ImportRefused as refusal:
        st.warning("\n".join(["**Still to say:**", "", *(f"- {escaped(each)}" for each in refusal.sentences)]))
        return None


def _suggested(uploaded: UploadedFile, known: Vocabulary) -> tuple[Draft, str] | None:
    """Where the mapping of this upload begins, and the id of the kept one it begins with ("" for guesses).

    Made once per upload; None after saying why it can't be read.
    """
    found = session.held(_SUGGESTED, uploaded.file_id)
    if found is not None:
        return found
    bar = st.progress(0.0, "Looking at the columns…")
    try:
        surveyed: Surveyed = survey_columns(
            uploaded, lambda share, what: bar.progress(min(max(share, 0.0), 1.0), f"{what.capitalize()}…")
        )
        draft = mapping.suggest_mapping(surveyed, known)
        kept = _kept_for(draft.header_mark)
        if kept is not None:
            draft = mapping.start_from(kept, draft, known)
    except KneewiseError as refusal:
        for sentence in refusal.sentences:
            st.error(escaped(sentence))
        return None
    finally:
        bar.empty()
    found = draft, kept.id if kept else ""
    session.hold(_SUGGESTED, uploaded.file_id, found)
    return found


def _kept_for(header_mark: str) -> Profile | None:
    """The clinic's own mapping that was made for this header."""
    profiles, _ = all_profiles(stores.folder("clinic"))  # what is wrong with one of them stands above already
    return next((each for each in profiles.values() if each.made_for == header_mark), None)


def _show_first_rows(draft: Draft) -> None:
    rows = max((len(column.shown) for column in draft.columns), default=0)
    with st.expander(f"The first rows of the file, masked ({len(draft.columns)} columns, {draft.rows:,} rows)"):
        st.caption(
            "Letters of ids and free values are shown as a, digits as 9; what looks like a person is hidden. Only categories "
            "and scores are shown as they are."
        )
        with st.container(height=420 if len(draft.columns) > 10 else "content", border=False):
            st.table(
                escaped_table(
                    pd.DataFrame(
                        [
                            {
                                "Column": column.name,
                                **{f"Row {row + 2}": _cell(column, row) for row in range(min(rows, 5))},
                            }
                            for column in draft.columns
                        ]
                    )
                )
            )


def _cell(column: ColumnDraft, row: int) -> str:
    return column.shown[row] if row < len(column.shown) else ("hidden" if column.looks_like else "")


def _chosen(suggested: Draft, known: Vocabulary) -> Draft:
    """The draft as the person's choices make it. Columns stay where their guess put them, whatever is chosen."""
    mark = suggested.header_mark
    places = range(len(suggested.columns))
    guessed = [place for place in places if suggested.columns[place].meaning != IGNORE]
    people = [place for place in places if suggested.columns[place].looks_like]
    others = [place for place in places if place not in guessed and place not in people]
    columns: dict[int, ColumnDraft] = {}
    for place in guessed:
        columns[place] = _choose_column(suggested, place, known)
    if others:
        with st.expander(f"Columns that Kneewise would leave out ({len(others)})", expanded=not guessed):
            for place in others:
                columns[place] = _choose_column(suggested, place, known)
    if people:
        with st.expander(f"Columns that look like people; they are never imported ({len(people)})"):
            seen = [suggested.columns[place] for place in people]
            st.table(
                escaped_table(pd.DataFrame([{"Column": each.name, "Looks like": each.looks_like} for each in seen]))
            )
            columns |= {place: suggested.columns[place] for place in people}
    meanings = {column.meaning for column in columns.values()}
    dated = {"start_date", "date"} <= meanings
    label_column, codes_column, *days_column = st.columns(3 if dated else 2)
    with label_column:
        label = st.text_input(
            "Name of this kind of export",
            max_chars=60,
            help="Stands beside the records on the Outcomes page. No name of a person.",
            **session.keep_held(_CHOSEN, mark, "label", suggested.label),
        )
    with codes_column:
        codes = st.text_input(
            "Further codes that mean not known",
            help="Parted by commas, such as 99, 999. Blank cells, NA, unknown and the like are understood without.",
            max_chars=60,
            **session.keep_held(_CHOSEN, mark, "not_known", ", ".join(suggested.not_known)),
        )
    before = None
    if dated:
        with days_column[0]:
            before = st.number_input(
                "Days before the start that still belong",
                min_value=0,
                max_value=_MOST_DAYS,
                step=1,
                help="For exports whose first questionnaire may be answered some days before the start date.",
                **session.keep_held(_CHOSEN, mark, "days_before", -suggested.earliest_day),
            )
    return replace(
        suggested,
        columns=tuple(columns[place] for place in places),
        label=(label or "").strip() or suggested.label,
        earliest_day=-int(before or 0),
        not_known=tuple(code.strip() for code in (codes or "").split(",") if code.strip()),
    )


def _choose_column(suggested: Draft, place: int, known: Vocabulary) -> ColumnDraft:
    """One column: its name and first values, its meaning, and what the meaning needs to know."""
    guess = suggested.columns[place]
    mark = suggested.header_mark
    name = guess.name or f"(column {place + 1} without a name)"
    options = list(MEANINGS) if guess.name else [IGNORE]
    with st.container(border=True):
        what, means, detail = st.columns([3, 4, 6], vertical_alignment="center")
        with what, st.container(gap=None):
            st.markdown(f"**{escaped(name)}**")
            st.caption(_examples(guess))
        with means, st.container(gap=None):
            kept = session.keep_held(_CHOSEN, mark, f"meaning/{place}", guess.meaning, options)
            meaning = st.selectbox(
                f"What {escaped(name)} means",
                options,
                format_func=lambda each: MEANINGS[each],
                label_visibility="collapsed",
                disabled=len(options) == 1,
                **kept,
            )
            meaning = meaning or IGNORE
            if meaning == guess.meaning and guess.why:
                st.caption(f"{'Left out: ' if meaning == IGNORE else 'Guessed '}{escaped(guess.why)}.")
        column = guess if meaning == guess.meaning else replace(guess, meaning=meaning, instrument="", day=None)
        with detail, st.container(gap=None):
            if meaning == "score":
                column = _choose_score(column, mark, place, suggested, known)
            elif meaning == "age_years":
                st.caption(f"Becomes a band: {', '.join(band.label for band in suggested.age_bands)}.")
            elif meaning in ("episode", "clinician"):
                st.caption("Stored as a keyed hash only.")
            elif meaning in ("start_date", "date"):
                st.caption("Becomes days since the start; of the start only year, quarter and month are stored.")
        if meaning in CATEGORIES:
            # The values of the guess may be those that were kept; only another meaning begins anew.
            column = column if meaning == guess.meaning else mapping.with_values(column, known)
            column = _choose_values(column, mark, place, known)
    return column


def _examples(column: ColumnDraft) -> str:
    seen = list(dict.fromkeys(value for value in column.shown if value))[:3]
    return escaped(", ".join(seen)) if seen else "empty in the first rows"


def _choose_score(column: ColumnDraft, mark: str, place: int, suggested: Draft, known: Vocabulary) -> ColumnDraft:
    """Which questionnaire a score column belongs to, and when it was given."""
    which, when = st.columns(2, vertical_alignment="top")
    offered = list(mapping.our_values("instrument", known))
    with which:
        instrument = st.selectbox(
            f"Questionnaire of {escaped(column.name)}",
            offered,
            format_func=lambda each: known.instruments[each].name,
            placeholder="Which questionnaire?",
            label_visibility="collapsed",
            **session.keep_held(_CHOSEN, mark, f"instrument/{place}", column.instrument or None, offered),
        )
    with when, st.container(gap=None):
        day = st.number_input(
            f"Day of {escaped(column.name)}",
            value=None,  # otherwise a field that is emptied comes back as the smallest value
            min_value=0,
            max_value=_MOST_DAYS,
            step=1,
            placeholder="day, or blank",
            help="Days since the start at which this column's score was planned. Blank: the row itself says when.",
            label_visibility="collapsed",
            **session.keep_held(_CHOSEN, mark, f"day/{place}", column.day),
        )
        st.caption("days since the start" if day is not None else "the row says when")
    return replace(column, instrument=instrument or "", day=None if day is None else int(day))


def _choose_values(column: ColumnDraft, mark: str, place: int, known: Vocabulary) -> ColumnDraft:
    """What each value of a category means; those that nobody has decided stand open."""
    values = column.values or {}
    if not values:
        return column
    chosen: dict[str, str | None] = {}
    title = f"What its {len(values)} values mean" if len(values) > 1 else "What its one value means"
    with st.expander(title, expanded=any(ours is None for ours in values.values())):
        cells: list = []
        for number, (value, ours) in enumerate(values.items()):
            if number % _VALUES_IN_A_ROW == 0:
                cells = st.columns(_VALUES_IN_A_ROW)
            with cells[number % _VALUES_IN_A_ROW]:
                word = f"value/{place}/{column.meaning}/{value}"
                chosen[value] = _choose_value(column, value, ours, mark, word, known)
    return replace(column, values=chosen)


def _choose_value(
    column: ColumnDraft, value: str, ours: str | None, mark: str, word: str, known: Vocabulary
) -> str | None:
    shown = escaped(value if len(value) <= 40 else f"{value[:39]}…")
    if column.meaning == "visit":
        kept = session.keep_held(_CHOSEN, mark, f"not known/{word}", ours == "")
        with st.container(gap=None):
            place = st.container()
            if st.checkbox(f"{shown}: not known", **kept):
                return ""
            return _choose_day(place, shown, ours, mark, word)
    offered = [*mapping.our_values(column.meaning, known), ""]
    return st.selectbox(
        shown,
        offered,
        format_func=lambda each: _named(column.meaning, each, known),
        placeholder="What does it mean?",
        **session.keep_held(_CHOSEN, mark, word, ours, offered),
    )


def _choose_day(place: DeltaGenerator, shown: str, ours: str | None, mark: str, word: str) -> str | None:
    """The day that a visit's name means."""
    with place:
        day = st.number_input(
            f"{shown}: days since the start",
            value=None,  # otherwise a field that is emptied comes back as the smallest value
            min_value=0,
            max_value=_MOST_DAYS,
            step=1,
            placeholder="day",
            **session.keep_held(_CHOSEN, mark, word, None if not ours else int(ours)),
        )
    return None if day is None else str(int(day))


def _named(meaning: str, ours: str, known: Vocabulary) -> str:
    if not ours:
        return "not known"
    return known.instruments[ours].name if meaning == "instrument" else ours.replace("_", " ")
