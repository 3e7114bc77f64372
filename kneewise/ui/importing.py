"""The import screen: look at an export, see exactly what would be stored and what is refused, then store it.

An upload is data: its column names and reasons are shown as plain text, its file name is shown to nobody and is no path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import released_count
from kneewise.errors import DisclosureRefused, ImportRefused, KneewiseError, StoreError
from kneewise.outcomes.importing import ImportReport, import_export, preview, suggest_profile
from kneewise.outcomes.instruments import Instruments, instruments_from
from kneewise.outcomes.profiles import Profile, profile_names, read_profile
from kneewise.outcomes.store import SourceInfo, Version, current_version, read_version, undo
from kneewise.ui import frame, material, session, stores
from kneewise.ui.plain_text import escaped, escaped_table

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_PREVIEW, _RESULT = "import.preview", "import.result"


def show_import() -> None:
    """Upload, preview, store, report."""
    st.write(
        "Choose a clinic's export as CSV, or a zip that holds one. It is read on this machine; names, dates of birth and "
        "numbers of persons are refused, ids become keyed hashes, and nothing is stored before you say so."
    )
    uploaded = st.file_uploader("Export (CSV or zip)", key=f"upload_{session.epoch()}")
    if uploaded is None:
        return
    profiles = _profiles()
    profile = _choose_profile(uploaded, profiles)
    made_from = f"{uploaded.file_id}/{profile.id}/{profile.version}"
    result = session.held(_RESULT, made_from)
    if result is not None:
        _show_result(result)
        return
    report = session.held(_PREVIEW, made_from)
    if report is None:
        report = _watched(lambda progress: preview(uploaded, profile, _scales(), progress=progress))
        if report is None:
            return
        session.hold(_PREVIEW, made_from, report)
    _show_preview(report)
    if st.button("Store these records", type=frame.main_button_type(), key=f"store_{uploaded.file_id}"):
        folder = stores.folder("clinic")
        stored = _watched(lambda progress: import_export(uploaded, profile, folder, _scales(), progress=progress))
        if stored is not None:
            session.hold(_RESULT, made_from, stored)
            st.rerun()
    st.caption(
        "Storing replaces what the clinic's store held from the same kind of export, all at once; the step before can be "
        "brought back below."
    )


def show_store() -> None:
    """What the clinic's store holds now, and the way back to before the last import."""
    st.subheader("What the clinic's store holds now", anchor=False)
    try:
        version = _current()
    except StoreError as refusal:
        _refuse(refusal)
        return
    if version is None:
        st.write("Nothing yet. The Outcomes page shows the synthetic demonstration clinics meanwhile.")
        return
    st.table(escaped_table(pd.DataFrame([_row(info) for info in version.sources])))
    st.caption(f"Version {version.version}. Counts are rounded here, as everywhere outside an import report.")
    if version.parent is not None:
        with st.popover("Undo the last import", key=f"undo_{version.version}"):
            st.write("This brings back what the store held before the last import. The Outcomes page follows at once.")
            if st.button("Bring it back", type=frame.main_button_type(), key="undo_now"):
                _undo()


def show_other_ways() -> None:
    """The command line does the same; what the profiles are."""
    st.subheader("Bigger files, and other exports", anchor=False)
    st.write(
        "Files over the limit above, and imports every night, go through the command line, which prints the same report "
        "and refuses the same things:"
    )
    st.code("python -m kneewise import PATH --profile kneewise_long", language=None)
    st.write("How an export is read stands in a profile, a file that you can copy and change (data/README.md):")
    st.table(
        escaped_table(
            pd.DataFrame([{"Profile": profile.id, "Reads": profile.title} for profile in _profiles().values()])
        )
    )


def _choose_profile(uploaded: UploadedFile, profiles: dict[str, Profile]) -> Profile:
    suggested = suggest_profile(uploaded, list(profiles.values()))
    names = list(profiles)
    chosen = st.selectbox(
        "How to read it",
        names,
        index=names.index(suggested) if suggested else 0,
        format_func=lambda name: profiles[name].title,
        key=f"profile_{uploaded.file_id}",
    )
    if suggested is None:
        st.caption("The column names fit none of these; what is missing stands below.")
    elif chosen == suggested:
        st.caption("Suggested by the column names.")
    return profiles[chosen or names[0]]


def _profiles() -> dict[str, Profile]:
    return {name: read_profile(name) for name in profile_names()}


def _scales() -> Instruments:
    return instruments_from(material.knowledge())


def _watched(work: Callable) -> ImportReport | None:
    """The report of `work(progress)` under a bar that moves; None after saying why it was refused."""
    bar = st.progress(0.0, "Reading…")
    try:
        return work(lambda share, what: bar.progress(min(max(share, 0.0), 1.0), f"{what.capitalize()}…"))
    except KneewiseError as refusal:
        _refuse(refusal)
        return None
    finally:
        bar.empty()


def _refuse(refusal: KneewiseError) -> None:
    for sentence in refusal.sentences:
        st.error(escaped(sentence))
    if isinstance(refusal, ImportRefused):
        st.write("Nothing of this file was stored, and nothing that was stored is lost.")


def _show_preview(report: ImportReport) -> None:
    st.subheader("What this file holds; nothing is stored yet", anchor=False)
    _show_report(report)


def _show_result(report: ImportReport) -> None:
    st.subheader("Done", anchor=False)
    if report.changed:
        st.success(f"Stored as version {report.version}. The Outcomes page shows these records now.")
    else:
        st.success("These very data are stored already; nothing was changed.")
    _show_report(report)


def _show_report(report: ImportReport) -> None:
    if report.synthetic:
        frame.say_synthetic("The records in this file were")
    st.caption("Exact figures: seen only by you, who hold the file. They are neither stored nor published.")
    figures = (
        ("Rows read", report.rows),
        ("Rows refused", report.rejected_total),
        ("Episodes to store" if not report.stored else "Episodes stored", report.episodes),
        ("Scores to store" if not report.stored else "Scores stored", report.scores),
    )
    for column, (label, number) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, f"{number:,}", border=True)
    columns, refused, scores = st.tabs(
        ["Column by column", f"Refused rows ({report.rejected_total:,})", "First and last scores"]
    )
    with columns:
        _show_columns(report)
    with refused:
        _show_refused(report)
    with scores:
        _show_scores(report)
    for note in report.notes:
        st.caption(escaped(note))


def _show_columns(report: ImportReport) -> None:
    st.table(
        escaped_table(
            pd.DataFrame(
                [
                    {
                        "Column": each.column,
                        "Understood as": each.meaning.replace("_", " "),
                        "Understood": f"{each.understood:,}",
                        "Empty or not known": f"{each.missing:,}",
                        "Refused": f"{each.refused:,}",
                    }
                    for each in report.columns
                ]
            )
        )
    )
    if report.dropped_columns:
        with st.expander(f"{len(report.dropped_columns)} columns are not read and not stored"):
            st.write(escaped(", ".join(report.dropped_columns)))
    if report.same_day_duplicates:
        st.write(f"{report.same_day_duplicates:,} scores stand twice for one day; the last row of a day counts.")


def _show_refused(report: ImportReport) -> None:
    if not report.rejected:
        st.write("No row is refused.")
        return
    shown = len(report.rejected)
    if shown < report.rejected_total:
        st.write(f"The first {shown:,} of {report.rejected_total:,} refused rows:")
    with st.container(height=420 if shown > 10 else "content", border=False):
        st.table(
            escaped_table(
                pd.DataFrame(
                    [
                        {"Row": f"{each.row:,}", "Column": each.column, "Why": _reason(each.reason)}
                        for each in report.rejected
                    ]
                )
            )
        )
    st.caption("The other rows are imported. Rows are counted as a spreadsheet does: the header is row 1.")


def _reason(sentence: str) -> str:
    """The reason alone: row and column stand in cells of their own."""
    return sentence.partition("': ")[2] or sentence


def _show_scores(report: ImportReport) -> None:
    scales = _scales()
    rows: Sequence[dict[str, str]] = [
        {
            "Score": scales[each.instrument].name,
            "Who": each.population,
            "Pairs": f"{each.pairs:,}",
            "Mean first": f"{each.mean_first:.3f}" if each.pairs else "none",
            "Mean last": f"{each.mean_last:.3f}" if each.pairs else "none",
            "Improved": f"{each.improved:,}",
            "Unchanged": f"{each.unchanged:,}",
            "Worse": f"{each.worse:,}",
            "First only": f"{each.first_only:,}",
            "Last only": f"{each.last_only:,}",
        }
        for each in report.instruments
    ]
    st.table(escaped_table(pd.DataFrame(rows)))


def _current() -> Version | None:
    folder = stores.folder("clinic")
    version = current_version(folder)
    return read_version(folder, version) if version else None


def _row(info: SourceInfo) -> dict[str, str]:
    return {
        "Records": info.label + (" (synthetic)" if info.synthetic else ""),
        "Read with": info.profile,
        "Episodes": _rounded(info.episodes),
        "Scores": _rounded(info.scores),
    }


def _rounded(count: int) -> str:
    policy = read_policy()
    try:
        return f"about {released_count(count, policy):,}"
    except DisclosureRefused:
        return f"fewer than {policy.threshold}"


def _undo() -> None:
    try:
        undo(stores.folder("clinic"))
    except StoreError as refusal:
        _refuse(refusal)
        return
    session.forget(_RESULT)
    session.say_next("The last import is undone.")
    st.rerun()
