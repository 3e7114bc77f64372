"""Erasing a person or a source: no file of the store holds them any more, nothing else is lost, and no undo helps."""

from __future__ import annotations

import pyarrow.parquet
import pytest

from kneewise.errors import StoreError
from kneewise.outcomes import erasing
from kneewise.outcomes.erasing import erase, erasure_lines
from kneewise.outcomes.store import (
    EMPTY_VERSION,
    current_version,
    open_published,
    open_shared,
    open_store,
    publish,
    published_version,
    read_version,
    undo,
    versions,
)
from tests.store_samples import AKPS, PAIN, names, put, stored_id


def ids_in_files(folder) -> set[str]:
    """Every episode id that any file in the folder holds, as rows or as plain bytes."""
    found = set()
    for path in folder.rglob("*.parquet"):
        found |= set(pyarrow.parquet.read_table(path).column("episode_id").to_pylist())
    return found


def everybody_but_e3(count: int) -> list[str]:
    return [name for name in names(count) if name != "E3"]


def nowhere(folder, *ids: str) -> bool:
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return not ids_in_files(folder) & set(ids) and not any(each.encode() in content for each in ids)


def people(store) -> set[str]:
    return set(store.ask(lambda table: table("episode").select("episode_id"))["episode_id"])


def test_a_person_is_erased_from_every_kept_version(tmp_path):
    folder = tmp_path / "s"
    for episodes in (30, 31, 32):
        put(folder, episodes)
    put(folder, 20, "other")
    theirs, others = stored_id(folder, "E3"), stored_id(folder, "E3", "other")
    before = people(open_store(folder))
    assert not nowhere(folder, theirs)
    done = erase(folder, "clinic", ["E3"])
    assert (done.episodes, done.versions, done.published_withdrawn) == (1, 3, False)
    assert done.version == current_version(folder)
    assert nowhere(folder, theirs)
    store = open_store(folder)
    assert people(store) == before - {theirs}
    assert others in people(store)
    info = store.source("clinic")
    assert (info.episodes, info.scores) == (31, 62)
    assert info.rows == {"episode": 31, "score": 62, "episode_outcome": 31}
    for left in (31, 30):  # the versions with 32 and 31 people, without one of them
        undo(folder)
        assert open_store(folder).source("clinic").episodes == left
        assert theirs not in people(open_store(folder))


def test_a_person_who_left_with_a_later_export_is_erased_from_the_earlier_versions(tmp_path):
    folder = tmp_path / "s"
    put(folder, 30)
    put(folder, everybody_but_e3(30))
    publish(folder, current_version(folder))
    now = people(open_store(folder))
    done = erase(folder, "clinic", ["E3"])
    assert (done.episodes, done.versions, done.published_withdrawn) == (1, 1, False)
    assert nowhere(folder, stored_id(folder, "E3"))
    assert people(open_store(folder)) == now
    assert published_version(folder) == current_version(folder)
    undo(folder)
    assert people(open_store(folder)) == now
    assert people(open_published(folder)) == now


def test_ids_may_be_given_as_the_store_holds_them_and_need_no_key_then(tmp_path):
    folder = tmp_path / "s"
    put(folder, 30)
    theirs = stored_id(folder, "E3")
    (tmp_path / "s.key").unlink()
    with pytest.raises(StoreError, match=r"key file s\.key is missing"):
        erase(folder, "clinic", ["E3", theirs])
    assert not (tmp_path / "s.key").exists()
    assert erase(folder, "clinic", [theirs]).episodes == 1
    assert nowhere(folder, theirs)


def test_a_whole_source_is_erased_and_the_others_stay(tmp_path):
    folder = tmp_path / "s"
    put(folder, 20, "other")
    put(folder, 30)
    put(folder, 31)
    theirs = ids_in_files(folder) - people_of(folder, "other")
    done = erase(folder, "clinic")
    assert (done.episodes, done.versions) == (31, 2)
    assert nowhere(folder, *theirs)
    assert not [path for path in folder.rglob("*clinic*")]
    assert [info.source for info in open_store(folder).sources] == ["other"]
    assert all(info.source == "other" for version in versions(folder) for info in version.sources)


def people_of(folder, source: str) -> set[str]:
    store = open_store(folder)
    rows = store.ask(lambda table: table("episode").filter(table("episode").source == source).select("episode_id"))
    return set(rows["episode_id"])


def test_erasing_everything_leaves_an_empty_store_that_can_be_filled_again(tmp_path):
    folder = tmp_path / "s"
    put(folder, 30)
    publish(folder, current_version(folder))
    done = erase(folder, "clinic")
    assert (done.version, done.published_withdrawn) == (None, True)
    assert (current_version(folder), published_version(folder)) == (None, None)  # made up, so nobody is to be protected
    assert not list((folder / "files").iterdir())
    assert not list((folder / "manifests").iterdir())
    with pytest.raises(StoreError, match="no earlier import"):
        undo(folder)
    put(folder, 25)
    assert len(people(open_store(folder))) == 25


def test_the_last_person_of_a_source_takes_the_source_along(tmp_path):
    folder = tmp_path / "s"
    put(folder, 12, "other")
    put(folder, 2)
    assert erase(folder, "clinic", ["E0", "E1"]).episodes == 2
    assert [info.source for info in open_store(folder).sources] == ["other"]


def test_an_instrument_that_only_the_erased_person_had_is_no_choice_any_more(tmp_path):
    folder = tmp_path / "s"
    put(folder, 30, with_pain=["E3"])
    assert open_store(folder).source().instruments == (AKPS, PAIN)
    erase(folder, "clinic", ["E3"])
    assert open_store(folder).source().instruments == (AKPS,)


def test_shared_figures_lose_a_version_whose_content_changed(tmp_path):
    folder = tmp_path / "s"
    put(folder, 30)
    publish(folder, current_version(folder))
    for episodes in (31, 32, 33, 34):
        put(folder, everybody_but_e3(episodes))
    done = erase(folder, "clinic", ["E3"])
    assert (done.episodes, done.versions, done.published_withdrawn) == (1, 1, True)
    assert published_version(folder) == EMPTY_VERSION
    assert nowhere(folder, stored_id(folder, "E3"))
    assert "withdrawn" in " ".join(erasure_lines(done))
    assert "store release --version" in " ".join(erasure_lines(done))


def test_shared_figures_are_withdrawn_also_where_nothing_was_ever_released_by_a_command(tmp_path):
    """Until something is released shared figures are made from the newest records, so somebody may have kept them."""
    folder = tmp_path / "s"
    put(folder, 30, synthetic=False)
    assert len(people(open_shared(folder))) == 30
    assert erase(folder, "clinic", ["E3"]).published_withdrawn
    with pytest.raises(StoreError, match="withdrawn"):
        open_shared(folder)
    put(folder, 40, synthetic=False)
    with pytest.raises(StoreError, match="withdrawn"):
        open_shared(folder)


def test_ids_that_were_not_found_are_counted(tmp_path):
    folder = tmp_path / "s"
    put(folder, 30)
    done = erase(folder, "clinic", ["E3", "E4 ", "e5", "E 6", "999"])
    assert (done.episodes, done.named, done.not_found) == (2, 5, 3)
    said = "3 of the 5 ids named were not found; write them as the export does."
    assert said in erasure_lines(done)
    assert "2 episodes" in erasure_lines(done)[0]
    again = erase(folder, "clinic", ["E3", stored_id(folder, "E7")])
    assert "1 of the 2 ids named was not found; write them as the export does." in erasure_lines(again)
    nobody = erase(folder, "clinic", ["E3"])
    assert nobody.not_found == 1
    assert "write them as the export does" in " ".join(erasure_lines(nobody))
    assert "not found" not in " ".join(erasure_lines(erase(folder, "clinic")))


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_a_damaged_file_of_an_earlier_version_keeps_nobody_from_being_erased(tmp_path, harm):
    folder = tmp_path / "s"
    first = put(folder, 30)
    put(folder, 31)
    lost = {path.name for path in (folder / "files").glob("clinic-score-*")}
    lost -= set(read_version(folder, first).sources[0].files.values())
    put(folder, 32)
    theirs = stored_id(folder, "E3")
    for name in lost:
        path = folder / "files" / name
        path.unlink() if harm == "gone" else path.write_bytes(path.read_bytes()[:-20])
    done = erase(folder, "clinic", ["E3"])
    assert (done.episodes, done.versions, done.dropped) == (1, 2, 1)
    assert "1 earlier version can't be read any more and is dropped" in " ".join(erasure_lines(done))
    assert nowhere(folder, theirs)
    assert open_store(folder).source().episodes == 31
    undo(folder)
    assert open_store(folder).source().episodes == 29


def test_a_damaged_file_of_the_version_that_counts_is_said(tmp_path):
    folder = tmp_path / "s"
    put(folder, 30)
    put(folder, 31)
    counts = read_version(folder, current_version(folder)).sources[0].files["score"]
    (folder / "files" / counts).write_bytes(b"nothing")
    before = {path.name for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(StoreError, match="A file of source 'clinic' is damaged"):
        erase(folder, "clinic", ["E3"])
    assert before <= {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("harm", ["pointer", "manifest", "file"])
def test_a_released_version_that_cannot_be_read_is_withdrawn_by_an_erasure(tmp_path, harm):
    folder = tmp_path / "s"
    first = put(folder, 30)
    publish(folder, first)
    for episodes in (31, 32, 33, 34):
        put(folder, episodes)
    if harm == "pointer":
        (folder / "PUBLISHED").write_text("nonsense")
    elif harm == "manifest":
        (folder / "manifests" / f"{first}.json").unlink()
    else:
        (folder / "files" / read_version(folder, first).sources[0].files["score"]).write_bytes(b"nothing")
    done = erase(folder, "clinic", ["E3"])
    assert done.published_withdrawn
    assert published_version(folder) == EMPTY_VERSION
    assert nowhere(folder, stored_id(folder, "E3"))
    assert open_store(folder).source().episodes == 33


def test_a_source_erased_whole_after_many_imports_leaves_an_empty_store(tmp_path):
    folder = tmp_path / "s"
    for episodes in (30, 31, 32, 33):
        put(folder, episodes)
    done = erase(folder, "clinic")
    assert done.version is None
    assert "The store holds no data any more." in erasure_lines(done)
    assert current_version(folder) is None
    assert not list((folder / "manifests").iterdir())
    with pytest.raises(StoreError, match="holds no data yet"):
        open_store(folder)


def test_what_an_undone_import_left_goes_too(tmp_path):
    folder = tmp_path / "s"
    put(folder, everybody_but_e3(30))
    put(folder, 31)
    undo(folder)
    assert not nowhere(folder, stored_id(folder, "E3"))
    done = erase(folder, "clinic", ["E3"])
    assert done.episodes == 0
    assert "nothing was left to erase" in " ".join(erasure_lines(done))
    assert nowhere(folder, stored_id(folder, "E3"))
    undo(folder)
    assert current_version(folder) is None


def test_a_source_whose_file_is_lost_can_still_be_erased_whole(tmp_path):
    folder = tmp_path / "s"
    put(folder, 20, "other")
    put(folder, 30)
    next((folder / "files").glob("clinic-score-*")).unlink()
    next((folder / "files").glob("clinic-episode-*")).write_bytes(b"nothing")
    with pytest.raises(StoreError, match=r"damaged|lacks a file"):
        erase(folder, "clinic", ["E3"])
    erase(folder, "clinic")
    assert [info.source for info in open_store(folder).sources] == ["other"]


def test_what_cannot_be_erased_is_said(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    with pytest.raises(StoreError, match="holds no data yet"):
        erase(folder, "clinic")
    put(folder, 30)
    with pytest.raises(StoreError, match=r"holds a source 'klinik' \(it holds: clinic\)"):
        erase(folder, "klinik")
    with pytest.raises(StoreError, match="Name the episodes"):
        erase(folder, "clinic", [])
    assert erase(folder, "clinic", ["E999"]).versions == 0
    (folder / "CURRENT").write_text("nonsense")
    with pytest.raises(StoreError, match="CURRENT file in s is damaged"):
        erase(folder, "clinic", ["E3"])


def test_a_file_that_another_program_holds_is_said(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    put(folder, 30)

    def held(*_arguments, **_options):
        raise PermissionError(13, "held by another program")

    monkeypatch.setattr("pathlib.Path.unlink", held)
    with pytest.raises(StoreError, match="4 files that hold what was erased can't be deleted"):
        erase(folder, "clinic", ["E3"])
    monkeypatch.undo()
    assert not nowhere(folder, stored_id(folder, "E3"))
    erase(folder, "clinic", ["E3"])
    assert nowhere(folder, stored_id(folder, "E3"))


def test_large_tables_are_rewritten_in_parts(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    put(folder, 50)
    monkeypatch.setattr(erasing, "_ROWS_AT_ONCE", 7)
    before = open_store(folder).ask(lambda table: table("score"))
    theirs = {stored_id(folder, name) for name in ("E0", "E24", "E49")}
    erase(folder, "clinic", ["E0", "E24", "E49"])
    after = open_store(folder).ask(lambda table: table("score"))
    expected = before[~before["episode_id"].isin(theirs)].reset_index(drop=True)
    assert after.equals(expected)
    assert read_version(folder, current_version(folder)).parent == EMPTY_VERSION
