"""The import screen: look at an export, see exactly what would be stored and what is refused, then store it.

An upload is data: its column names and reasons are shown as plain text, its file name is shown to nobody and is no path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import released_count
from kneewise.errors import DisclosureRefused, ImportRefused, KneewiseError, StoreError
from kneewise.outcomes import mapping as mappings
from kneewise.outcomes.anonymity import Anonymity
from kneewise.outcomes.identity import IdentityFound
from kneewise.outcomes.importing import (
    ImportReport,
    anonymity_lines,
    import_export,
    partly_lines,
    preview,
    stored_lines,
    suggest_profile,
)
from kneewise.outcomes.instruments import Instruments, instruments_from
from kneewise.outcomes.profiles import (
    Profile,
    all_profiles,
    own_folder_of,
    profile_as_yaml,
    profile_names,
    refuse_taken_id,
    save_profile,
    without_columns,
)
from kneewise.outcomes.publishing import STAYS, UNDONE_STAYS
from kneewise.outcomes.store import SourceInfo, Version, current_version, read_version, undo
from kneewise.ui import downloads, frame, mapping, material, session, stores
from kneewise.ui.plain_text import escaped, escaped_table

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_PREVIEW, _RESULT, _LEFT_OUT = "import.preview", "import.result", "import.left_out"
_BY_HAND = "by_hand"


def show_import() -> None:
    """Upload, map where no profile fits, preview, store, report."""
    st.write(
        "Choose a clinic's export as CSV, or a zip that holds one; or FHIR resources as NDJSON. It is read on this machine; "
        "names, dates of birth and numbers of persons are refused or left out, ids become keyed hashes, and nothing is "
        "stored before you say so."
    )
    uploaded = st.file_uploader("Export (CSV, zip or NDJSON)", key=f"upload_{session.epoch()}")
    if uploaded is None:
        return
    profiles, problems = all_profiles(stores.folder("clinic"))
    for sentence in problems:
        st.error(escaped(sentence))
    chosen = _choose_profile(uploaded, profiles)
    result = session.held(_RESULT, f"{uploaded.file_id}/{chosen}")
    if result is not None:
        _show_result(result)
        if chosen == _BY_HAND and (own_folder_of(stores.folder("clinic")) / f"{result.profile}.yaml").exists():
            st.caption(
                f"The mapping is kept beside the store as '{escaped(result.profile)}', for the next export like this."
            )
        return
    if chosen == _BY_HAND:
        known = mappings.vocabulary(_scales())
        profile = mapping.show_mapping(uploaded, known, profile_names())
        if profile is None:
            return
        try:
            refuse_taken_id(profile, own_folder_of(stores.folder("clinic")))
        except ImportRefused as refusal:
            for sentence in refusal.sentences:
                st.warning(escaped(sentence))
            return
    else:
        profile = profiles[chosen]
    _look_and_store(uploaded, profile, chosen)


def _look_and_store(uploaded: UploadedFile, profile: Profile, chosen: str) -> None:
    """The report of what would be stored, and the button that stores it."""
    by_hand = chosen == _BY_HAND
    left_out: list[str] = session.held(_LEFT_OUT, f"{uploaded.file_id}/{chosen}") or []
    text = profile_as_yaml(profile)
    made_from = f"{uploaded.file_id}/{hashlib.sha256(text.encode()).hexdigest()[:16]}/{len(left_out)}/{_version_now()}"
    report = session.held(_PREVIEW, made_from)
    if report is None:
        # A profile that fits is looked at once; a mapping changes with every choice, so it is looked at when asked.
        if by_hand and not st.button(
            "See what would be imported", type=frame.main_button_type(), key="look_at_mapping"
        ):
            return
        folder = stores.folder("clinic")
        report = _watched(
            lambda progress: preview(
                uploaded, profile, _scales(), store_dir=folder, leave_out=left_out, progress=progress
            ),
            lambda found: _offer_to_leave_out(found, f"{uploaded.file_id}/{chosen}", left_out),
        )
        if report is None:
            if not by_hand:
                st.caption("Where this way of reading does not fit the export, choose “Map the columns by hand” above.")
            return
        session.hold(_PREVIEW, made_from, report)
        if by_hand:
            st.rerun()  # so that the button makes room for the report
    _show_preview(report)
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.button("Store these records", type=frame.main_button_type(), key=f"store_{uploaded.file_id}")
        if by_hand:
            name = f"{profile.id}.yaml"
            downloads.offer("Save this mapping as a file", text, name, "application/yaml", key="mapping_as_file")
    if wanted and _store(uploaded, profile, chosen, left_out):
        st.rerun()
    st.caption(
        "Storing replaces what the clinic's store held from the same kind of export, all at once; the step before can be "
        "brought back below."
        + (
            " It also keeps this mapping beside the store, for the next export with the same columns. The saved file does "
            "the same on other machines and on the command line, when you put it into data/profiles."
            if by_hand
            else ""
        )
    )


def _store(uploaded: UploadedFile, profile: Profile, chosen: str, left_out: list[str]) -> bool:
    """Whether the records are stored now; says why not. A mapping made by hand is kept for next time, once they are."""
    folder = stores.folder("clinic")
    stored = _watched(
        lambda progress: import_export(uploaded, profile, folder, _scales(), leave_out=left_out, progress=progress)
    )
    if stored is not None:
        if chosen == _BY_HAND:
            try:
                save_profile(without_columns(profile, left_out), own_folder_of(folder))
            except ImportRefused as refusal:
                said = " ".join(["The records are stored.", *refusal.sentences])
                stored = replace(stored, notes=(said, *stored.notes))
        session.hold(_RESULT, f"{uploaded.file_id}/{chosen}", stored)
        _release()
    return stored is not None


def _release(undone: str = "") -> None:
    """Share what is stored now if that gives nobody away; says once what was `undone`, and why it is not shared."""
    try:
        reasons = stores.release("clinic", _scales())
    except StoreError as refusal:
        reasons = refusal.sentences
    if undone and STAYS in reasons:
        reasons = (*reasons, UNDONE_STAYS)
    if undone or reasons:
        session.say_next(" ".join(filter(None, (undone, *reasons))))


def _offer_to_leave_out(found: IdentityFound, made_from: str, left_out: list[str]) -> None:
    """Columns that look like people can be left out of the import, unless the scores can't be told without one of them;
    nothing of them is read then."""
    if not all(column.can_be_left_out for column in found.columns):
        return
    names = [column.name for column in found.columns]
    st.button(
        "Leave this column out and look again" if len(names) == 1 else "Leave these columns out and look again",
        type=frame.main_button_type(),
        on_click=session.hold,
        args=(_LEFT_OUT, made_from, [*left_out, *names]),
        key="leave_out",
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
            st.write("This brings back what the store held before the last import. Shared figures follow if that gives nobody away.")
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
            pd.DataFrame(
                [
                    {"Profile": profile.id, "Reads": profile.title}
                    for profile in all_profiles(stores.folder("clinic"))[0].values()
                ]
            )
        )
    )


def _choose_profile(uploaded: UploadedFile, profiles: Mapping[str, Profile]) -> str:
    """The id of the profile to read the upload with, or `_BY_HAND`."""
    suggested = suggest_profile(uploaded, list(profiles.values()))
    names = [*profiles, _BY_HAND]
    chosen = st.selectbox(
        "How to read it",
        names,
        index=names.index(suggested or _BY_HAND),
        format_func=lambda name: profiles[name].title if name in profiles else "Map the columns by hand",
        key=f"profile_{uploaded.file_id}",
    )
    if suggested is None:
        st.caption("The column names fit none of the profiles, so say what they mean.")
    elif chosen == suggested and profiles[suggested].made_for:
        st.caption("Suggested because the columns are those of your mapping.")
    elif chosen == suggested:
        st.caption("Suggested by the column names.")
    return chosen or names[0]


def _version_now() -> str:
    """The version that a report was compared with; another one asks for another look."""
    try:
        return current_version(stores.folder("clinic")) or ""
    except StoreError:
        return ""


def _scales() -> Instruments:
    return instruments_from(material.knowledge())


def _watched(work: Callable, on_people: Callable[[IdentityFound], None] | None = None) -> ImportReport | None:
    """The report of `work(progress)` under a bar that moves; None after saying why it was refused.

    `on_people` may offer a way out where columns look like people.
    """
    bar = st.progress(0.0, "Reading…")
    try:
        return work(lambda share, what: bar.progress(min(max(share, 0.0), 1.0), f"{what.capitalize()}…"))
    except KneewiseError as refusal:
        _refuse(refusal)
        if isinstance(refusal, IdentityFound) and on_people:
            on_people(refusal)
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
        shown = (
            "The Outcomes page shows these records now."
            if stores.shares_newest("clinic")
            else "Shared figures are not made from them yet."
        )
        st.success(f"Stored as version {report.version}. {shown}")
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
    for sentence in stored_lines(report):
        loses = report.replaced is not None and report.replaced.episodes > report.replaced.again
        (st.warning if report.overlaps or loses else st.info)(escaped(sentence))
    columns, refused, scores, hiding = st.tabs(
        [
            "Column by column",
            f"Refused rows ({report.rejected_total + report.partly_refused:,})",
            "First and last scores",
            "How well people hide",
        ]
    )
    with columns:
        _show_columns(report)
    with refused:
        _show_refused(report)
    with scores:
        _show_scores(report)
    with hiding:
        _show_hiding(report)
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
    if report.left_out:
        st.write(escaped(f"Left out by your choice: {', '.join(report.left_out)}."))
    if report.dropped_columns:
        with st.expander(f"{len(report.dropped_columns)} columns are not read and not stored"):
            st.write(escaped(", ".join(report.dropped_columns)))
    if report.same_day_duplicates:
        st.write(f"{report.same_day_duplicates:,} scores stand twice for one day; the last one of a day counts.")


def _show_refused(report: ImportReport) -> None:
    if not report.rejected:
        st.write("No row is refused.")
        return
    for sentence in partly_lines(report):
        st.write(sentence)
    shown, refused = len(report.rejected), report.rejected_total + report.partly_refused
    if shown < refused:
        st.write(f"The first {shown:,} of {refused:,}:")
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
    st.caption("All other rows are imported. Rows are counted as a spreadsheet does: the header is row 1.")


def _reason(sentence: str) -> str:
    """The reason alone: row and column stand in cells of their own."""
    return sentence.partition("': ")[2] or sentence.partition(": ")[2] or sentence


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


def _show_hiding(report: ImportReport) -> None:
    """k-anonymity of what would be stored, and which attributes spoil it."""
    found = report.anonymity
    if found is None or not found.attributes:
        st.write("Nothing that the screens group or filter by is in this export.")
        return
    figures = (
        ("Smallest group", f"{found.k:,}"),
        (f"In groups of fewer than {found.threshold}", f"{found.in_small_cells:,}"),
        ("Alone in their group", f"{found.alone:,}"),
    )
    for column, (label, number) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, number, border=True)
    for sentence in anonymity_lines(report):
        st.write(escaped(sentence))
    st.table(escaped_table(pd.DataFrame(_left_out_rows(found))))


def _left_out_rows(found: Anonymity) -> list[dict[str, str]]:
    return [
        {
            "Without": each.attribute.replace("_", " "),
            "Smallest group": f"{each.k:,}",
            f"In groups of fewer than {found.threshold}": f"{each.in_small_cells:,}",
            "Alone": f"{each.alone:,}",
        }
        for each in found.without
    ]


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
    done = "The last import is undone."
    if _current() is None:
        session.say_next(done)
    else:
        _release(done)
    st.rerun()
