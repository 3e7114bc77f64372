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
    assert (current_version(folder), published_version(folder)) == (None, None)
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
    assert published_version(folder) is None
    assert nowhere(folder, stored_id(folder, "E3"))
    assert "withdrawn" in " ".join(erasure_lines(done))


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
