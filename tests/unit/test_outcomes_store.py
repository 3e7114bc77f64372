"""The store: replacing, undoing, releasing, migrating; damaged, incomplete and newer stores say so and name a way out."""

from __future__ import annotations

import copy
import errno
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from kneewise.errors import ImportRefused, StoreError
from kneewise.outcomes import manifests
from kneewise.outcomes.erasing import erase
from kneewise.outcomes.identity import read_key
from kneewise.outcomes.importing import import_export, preview
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import (
    EMPTY_VERSION,
    KEPT_VERSIONS,
    current_version,
    open_published,
    open_shared,
    open_store,
    publish,
    published_version,
    read_version,
    undo,
    version_lines,
    versions,
)
from tests.outcomes_samples import SCALES, good_rows, long_csv
from tests.store_samples import put


def episodes_in(store) -> int:
    return int(store.ask(lambda table: table("episode").aggregate(n=table("episode").count()))["n"].iloc[0])


def test_an_import_replaces_its_own_source_only(tmp_path):
    put(tmp_path / "s", 30, "a")
    put(tmp_path / "s", 20, "b")
    put(tmp_path / "s", 40, "a")
    store = open_store(tmp_path / "s")
    assert {info.source: info.episodes for info in store.sources} == {"a": 40, "b": 20}
    assert episodes_in(store) == 60


def test_undo_goes_back_and_an_open_reader_keeps_its_version(tmp_path):
    first = put(tmp_path / "s", 30)
    second = put(tmp_path / "s", 40)
    reader = open_store(tmp_path / "s")
    assert undo(tmp_path / "s") == first
    assert reader.version == second
    assert episodes_in(reader) == 40
    assert episodes_in(open_store(tmp_path / "s")) == 30


def test_the_very_first_import_can_be_undone(tmp_path):
    first = put(tmp_path / "s", 30)
    assert read_version(tmp_path / "s", first).parent == EMPTY_VERSION
    assert undo(tmp_path / "s") == EMPTY_VERSION
    assert current_version(tmp_path / "s") is None
    with pytest.raises(StoreError, match="holds no data yet"):
        open_store(tmp_path / "s")
    with pytest.raises(StoreError, match="no earlier import"):
        undo(tmp_path / "s")
    put(tmp_path / "s", 40)
    assert episodes_in(open_store(tmp_path / "s")) == 40
    # The undone version is gone now; what one can go back to is the empty store again.
    assert undo(tmp_path / "s") == EMPTY_VERSION


def test_undo_goes_to_any_kept_version_and_to_no_other(tmp_path):
    made = [put(tmp_path / "s", episodes) for episodes in (30, 31, 32, 33)]
    assert [version.version for version in versions(tmp_path / "s")] == made[:0:-1]
    with pytest.raises(StoreError, match="not kept any more"):
        undo(tmp_path / "s", made[0])
    with pytest.raises(StoreError, match="not kept any more"):
        undo(tmp_path / "s", "../../elsewhere")
    assert undo(tmp_path / "s", made[1]) == made[1]
    assert episodes_in(open_store(tmp_path / "s")) == 31
    with pytest.raises(StoreError, match="not kept any more"):
        undo(tmp_path / "s")


def test_undo_of_a_store_that_is_not_there_makes_none(tmp_path):
    with pytest.raises(StoreError, match="holds no data yet"):
        undo(tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_two_stores_lie_side_by_side(tmp_path):
    put(tmp_path / "demo", 30)
    put(tmp_path / "clinic", 50)
    assert episodes_in(open_store(tmp_path / "demo")) == 30
    assert episodes_in(open_store(tmp_path / "clinic")) == 50
    assert (tmp_path / "demo.key").read_bytes() != (tmp_path / "clinic.key").read_bytes()


def test_old_versions_are_erased(tmp_path):
    for episodes in (30, 31, 32, 33, 34):
        put(tmp_path / "s", episodes)
    assert len(list((tmp_path / "s" / "manifests").iterdir())) == KEPT_VERSIONS
    assert len(list((tmp_path / "s" / "files").iterdir())) == KEPT_VERSIONS * 3


def test_an_empty_store_says_so(tmp_path):
    with pytest.raises(StoreError, match="holds no data yet"):
        open_store(tmp_path / "s")


def test_a_newer_store_is_left_alone(tmp_path):
    put(tmp_path / "s", 20)
    version = put(tmp_path / "s", 30)
    manifest = tmp_path / "s" / "manifests" / f"{version}.json"
    newer = json.dumps({**json.loads(manifest.read_text()), "format_version": 99})
    manifest.write_text(newer)
    for attempt in (
        lambda: open_store(tmp_path / "s"),
        lambda: put(tmp_path / "s", 40),
        lambda: undo(tmp_path / "s"),
        lambda: version_lines(tmp_path / "s"),
    ):
        with pytest.raises(StoreError, match="newer Kneewise"):
            attempt()
    assert manifest.read_text() == newer
    assert current_version(tmp_path / "s") == version


@pytest.mark.parametrize("harm", ["gone", "short", "other bytes", "other rows"])
def test_a_lost_or_damaged_file_is_said_and_importing_again_mends_it(tmp_path, harm):
    put(tmp_path / "s", 40, "other")
    put(tmp_path / "s", 30)
    path = next((tmp_path / "s" / "files").glob("clinic-score-*"))
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    elif harm == "other rows":
        path.write_bytes(next((tmp_path / "s" / "files").glob("other-score-*")).read_bytes())
    else:
        path.write_bytes(content[:-20] if harm == "short" else content[:200] + b"xxxxxxxx" + content[208:])
    said = "lacks a file of source 'clinic'" if harm == "gone" else "A file of source 'clinic' is damaged"
    with pytest.raises(StoreError, match=f"{said}; import that source again, or undo"):
        open_store(tmp_path / "s")
    put(tmp_path / "s", 30)
    assert path.read_bytes() == content
    assert episodes_in(open_store(tmp_path / "s")) == 70


def test_a_file_lost_while_the_store_is_open_is_said(tmp_path):
    put(tmp_path / "s", 30)
    store = open_store(tmp_path / "s")
    next((tmp_path / "s" / "files").glob("clinic-episode-*")).unlink()
    with pytest.raises(StoreError, match="lacks a file of source 'clinic'"):
        episodes_in(store)


@pytest.mark.parametrize("harm", ["cut", "gone", "no format", "no object"])
def test_a_damaged_manifest_is_said_and_undo_is_the_way_out(tmp_path, harm):
    first = put(tmp_path / "s", 30)
    second = put(tmp_path / "s", 40)
    manifest = tmp_path / "s" / "manifests" / f"{second}.json"
    content = manifest.read_text()
    if harm == "gone":
        manifest.unlink()
    else:
        manifest.write_text({"cut": content[:50], "no format": '{"format_version": "2"}', "no object": "[2]"}[harm])
    with pytest.raises(StoreError, match="missing; undo" if harm == "gone" else "damaged; undo"):
        open_store(tmp_path / "s")
    with pytest.raises(StoreError, match="undo to an earlier import"):
        put(tmp_path / "s", 50)
    assert undo(tmp_path / "s") == first
    assert episodes_in(open_store(tmp_path / "s")) == 30


@pytest.mark.parametrize("content", [b"../../etc/passwd", b"", b"\xff\xfe"])
def test_a_damaged_pointer_is_said_and_undo_is_the_way_out(tmp_path, content):
    put(tmp_path / "s", 30)
    second = put(tmp_path / "s", 40)
    (tmp_path / "s" / "CURRENT").write_bytes(content)
    with pytest.raises(StoreError, match="CURRENT file in s is damaged; go back to one of its versions"):
        open_store(tmp_path / "s")
    assert len(version_lines(tmp_path / "s")) == 3
    assert undo(tmp_path / "s") == second
    assert episodes_in(open_store(tmp_path / "s")) == 40


def as_format_1(folder) -> None:
    """Turn every manifest of a store into what Kneewise wrote before format 2."""
    for path in (folder / "manifests").iterdir():
        content = json.loads(path.read_text())
        for entry in content["sources"]:
            del entry["rows"], entry["important_changes"]
        parent = None if content["parent"] == EMPTY_VERSION else content["parent"]
        path.write_text(json.dumps({**content, "format_version": 1, "parent": parent}))


def test_a_store_of_format_1_is_read_undone_and_rewritten_by_the_next_import(tmp_path):
    first = put(tmp_path / "s", 30)
    put(tmp_path / "s", 20, "other")
    as_format_1(tmp_path / "s")
    store = open_store(tmp_path / "s")
    assert {info.source: info.episodes for info in store.sources} == {"clinic": 30, "other": 20}
    assert store.source("clinic").rows == {"episode": 30, "score": 60}
    outcomes = store.ask(lambda table: table("episode_outcome"))
    assert outcomes[["responder", "recovered_day", "last_seen_day"]].isna().all().all()
    third = put(tmp_path / "s", 40)
    written = json.loads((tmp_path / "s" / "manifests" / f"{third}.json").read_text())
    assert written["format_version"] == manifests.FORMAT_VERSION == 3
    assert [entry["rows"]["score"] for entry in written["sources"]] == [80, 40]
    undo(tmp_path / "s")
    assert undo(tmp_path / "s") == first
    assert undo(tmp_path / "s") == EMPTY_VERSION


def test_migrating_changes_nothing_that_was_given_and_is_done_once():
    entry = {"source": "a", "episodes": 3, "scores": 5}
    given = {"format_version": 1, "parent": None, "created_unix": 7, "sources": [entry]}
    before = copy.deepcopy(given)
    found = manifests.migrated(given)
    assert given == before
    assert found == {
        "format_version": 3,
        "parent": EMPTY_VERSION,
        "created_unix": 7,
        "sources": [{**entry, "rows": {"episode": 3, "score": 5}, "important_changes": {}, "overlaps": []}],
    }
    assert manifests.migrated(found) == found
    of_two = {name: value for name, value in found["sources"][0].items() if name != "overlaps"}
    assert manifests.migrated({**found, "format_version": 2, "sources": [of_two]}) == found
    assert manifests.migrated({**given, "parent": "0123456789ab"})["parent"] == "0123456789ab"
    for wrong in (0, -1, "1", None, True, 1.0):
        with pytest.raises(ValueError, match="no format"):
            manifests.migrated({**given, "format_version": wrong})


def test_shared_figures_keep_their_version_until_another_is_released(tmp_path):
    first = put(tmp_path / "s", 30)
    assert published_version(tmp_path / "s") is None
    with pytest.raises(StoreError, match="No version of this store is released"):
        open_published(tmp_path / "s")
    publish(tmp_path / "s", first)
    for episodes in range(31, 37):
        put(tmp_path / "s", episodes)
    assert episodes_in(open_published(tmp_path / "s")) == 30
    assert episodes_in(open_store(tmp_path / "s")) == 36
    assert len(list((tmp_path / "s" / "manifests").iterdir())) == KEPT_VERSIONS + 1
    line = version_lines(tmp_path / "s")[KEPT_VERSIONS]
    assert line.startswith(first)
    assert line.endswith("shared figures")
    publish(tmp_path / "s", current_version(tmp_path / "s"))
    assert episodes_in(open_published(tmp_path / "s")) == 36
    assert not (tmp_path / "s" / "manifests" / f"{first}.json").exists()
    undo(tmp_path / "s")
    assert episodes_in(open_published(tmp_path / "s")) == 36
    publish(tmp_path / "s", None)
    assert published_version(tmp_path / "s") == EMPTY_VERSION
    assert episodes_in(open_store(tmp_path / "s")) == 35


def test_only_a_complete_version_is_released(tmp_path):
    put(tmp_path / "s", 30)
    for name, said in ((EMPTY_VERSION, "without data"), ("../../x", "keeps no version"), ("0123456789ab", "keeps no version")):
        with pytest.raises(StoreError, match=said):
            publish(tmp_path / "s", name)
    next((tmp_path / "s" / "files").glob("clinic-score-*")).unlink()
    with pytest.raises(StoreError, match="lacks a file"):
        publish(tmp_path / "s", current_version(tmp_path / "s"))
    assert published_version(tmp_path / "s") is None
    (tmp_path / "s" / "PUBLISHED").write_text("nonsense")
    with pytest.raises(StoreError, match=r"can't be read; list the others .* store release --version"):
        open_published(tmp_path / "s")


def test_versions_are_listed_without_exact_numbers(tmp_path):
    put(tmp_path / "s", 33)
    version = put(tmp_path / "s", 4, "few")
    lines = version_lines(tmp_path / "s")
    assert lines[0].startswith(version)
    assert "clinic (about 35 episodes), few (fewer than 10 episodes)  - counts now" in lines[0]
    assert lines[-1] == f"{EMPTY_VERSION}  before the first import"
    with pytest.raises(StoreError, match="holds no data yet"):
        version_lines(tmp_path / "nowhere")


def test_a_source_name_is_no_path(tmp_path):
    with pytest.raises(ImportRefused, match="small letters"):
        put(tmp_path / "s", 30, "../../x")


@pytest.mark.parametrize("episodes", [(30,), (30, 31)], ids=["one version", "two versions"])
def test_a_lost_pointer_is_no_empty_store(tmp_path, episodes):
    """An import that took it for one would delete every other source."""
    folder = tmp_path / "s"
    for count in episodes:
        last = put(folder, count, "other")
    before = {path.name: path.read_bytes() for path in (folder / "files").iterdir()}
    (folder / "CURRENT").unlink()
    said = r"The store's CURRENT file in s is missing.*store undo --to"
    for attempt in (
        lambda: put(folder, 20),
        lambda: open_store(folder),
        lambda: current_version(folder),
    ):
        with pytest.raises(StoreError, match=said):
            attempt()
    assert {path.name: path.read_bytes() for path in (folder / "files").iterdir()} == before
    assert version_lines(folder)[0].startswith(last)
    assert undo(folder, last) == last
    put(folder, 20)
    assert {info.source for info in open_store(folder).sources} == {"clinic", "other"}


def test_what_a_killed_first_import_left_is_no_lost_pointer(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    real = os.replace
    for at in range(12):
        folder, steps = tmp_path / str(at), []

        def broken(source, target, at=at, steps=steps):
            steps.append(target)
            if len(steps) == at + 1:
                raise Killed
            real(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", broken)
            try:
                put(folder, 30, "other")
            except Killed:
                assert current_version(folder) is None
            else:
                break
        put(folder, 20)
        assert [info.source for info in open_store(folder).sources] == ["clinic"]
    assert at > 4, "hardly any step was seen"


def test_an_import_deletes_nothing_that_is_not_the_stores_own(tmp_path):
    folder = tmp_path / "s"
    foreign = [
        folder / name
        for name in (
            "files/thesis.docx",
            "files/clinic-episode-notes.parquet",
            "files/clinic-episode.old.tmp",
            "manifests/shipping.txt",
            "manifests/shipping.json",
            "manifests/shipping.json.1.tmp",
            "draft.tmp",
        )
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("somebody else's")
    own = [
        folder / name
        for name in (
            "files/clinic-episode.123.tmp",
            "files/clinic-episode-0123456789abcdef.parquet",
            "manifests/0123456789ab.json.123.tmp",
            "CURRENT.123.tmp",
        )
    ]
    put(folder, 20)
    for path in own:
        path.write_text("left by a killed import")
    put(folder, 30)
    assert [path.name for path in foreign if not path.exists()] == []
    assert [path.name for path in own if path.exists()] == []
    assert open_store(folder).sources[0].episodes == 30
    assert [line.split()[0] for line in version_lines(folder)][1:].count("shipping") == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps who may read elsewhere")
def test_what_is_stored_can_be_read_by_its_owner_only(tmp_path):
    usual = os.umask(0o022)
    try:
        put(tmp_path / "s", 20)
        publish(tmp_path / "s", current_version(tmp_path / "s"))
    finally:
        os.umask(usual)
    files = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert len(files) >= 7
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in files} == {path.name: 0o600 for path in files}


@pytest.mark.parametrize("harm", ["gone", "cut", "pointer"])
def test_a_released_version_that_cannot_be_read_keeps_its_files_and_the_list_goes_on(tmp_path, harm):
    folder = tmp_path / "s"
    first = put(folder, 30)
    publish(folder, first)
    for episodes in (31, 32, 33, 34):
        put(folder, episodes)
    manifest = folder / "manifests" / f"{first}.json"
    content = manifest.read_bytes()
    if harm == "gone":
        manifest.unlink()
    elif harm == "cut":
        manifest.write_bytes(content[:40])
    else:
        (folder / "PUBLISHED").write_text("nonsense")
    lines = version_lines(folder)
    assert lines[0].startswith(current_version(folder))
    assert any("can't be read" in line and "store release" in line for line in lines)
    with pytest.raises(StoreError, match="released for shared figures can't be read"):
        open_shared(folder)
    put(folder, 35)
    manifest.write_bytes(content)
    (folder / "PUBLISHED").write_text(first)
    assert episodes_in(open_published(folder)) == 30


def test_a_damaged_key_is_refused(tmp_path):
    (tmp_path / "s.key").write_bytes(b"short")
    with pytest.raises(StoreError, match=r"key file s\.key is damaged"):
        import_export(long_csv(good_rows(30)), read_profile("kneewise_long"), tmp_path / "s", SCALES)


def test_a_lost_key_is_said_and_never_replaced_while_it_is_needed(tmp_path):
    """With another key nobody would be found again: an erasure would say that nothing is left."""
    folder, key = tmp_path / "s", tmp_path / "s.key"

    def take():
        return import_export(long_csv(good_rows(30)), read_profile("kneewise_long"), folder, SCALES)

    def look():
        return preview(long_csv(good_rows(30)), read_profile("kneewise_long"), SCALES, store_dir=folder)

    take()
    kept = key.read_bytes()
    key.unlink()
    for attempt in (take, look):
        with pytest.raises(StoreError) as refusal:
            attempt()
        assert refusal.value.sentences == (
            "The key s.key is missing, so nobody would be found again; put it back, or erase the source first.",
        )
        assert not key.exists()
    key.write_bytes(kept)
    assert not take().changed
    key.unlink()
    erase(folder, "kneewise_long")
    assert take().changed
    assert key.read_bytes() != kept


def test_a_key_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    """Whoever looks while it is made sees no half of it, and two who make it at once go on with the same one."""
    seen = []
    real = os.link

    def late(source, target):
        seen.append((len(Path(source).read_bytes()), Path(target).exists()))
        Path(target).write_bytes(b"k" * 32)  # somebody else was faster
        real(source, target)

    monkeypatch.setattr(os, "link", late)
    assert read_key(tmp_path / "s.key") == b"k" * 32
    assert seen == [(32, False)]
    assert [path.name for path in tmp_path.iterdir()] == ["s.key"]


def test_where_files_have_one_name_only_a_key_is_made_all_the_same(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unknown)
    key = read_key(tmp_path / "s.key")
    assert len(key) == 32
    assert read_key(tmp_path / "s.key") == key
    assert [path.name for path in tmp_path.iterdir()] == ["s.key"]
    assert os.name == "nt" or stat.S_IMODE((tmp_path / "s.key").stat().st_mode) == 0o600


def test_many_first_imports_at_once_agree_on_the_key(tmp_path):
    found, begin = [], threading.Barrier(8)

    def make():
        begin.wait()
        try:
            found.append(read_key(tmp_path / "s.key"))
        except StoreError as refusal:
            found.append(str(refusal))

    for _ in range(20):
        (tmp_path / "s.key").unlink(missing_ok=True)
        found.clear()
        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(found) == {(tmp_path / "s.key").read_bytes()}


def test_eight_threads_read_one_store_without_mixing_answers(tmp_path):
    put(tmp_path / "s", 120)
    store = open_store(tmp_path / "s")
    expected = {
        sex: int(store.ask(lambda table, sex=sex: count_of(table, sex))["n"].iloc[0]) for sex in ("female", "male")
    }
    assert sum(expected.values()) == 120
    wrong: list[str] = []

    def read(sex: str) -> None:
        try:
            for _ in range(8):
                found = store.ask(lambda table: count_of(table, sex))
                if int(found["n"].iloc[0]) != expected[sex] or found["who"].iloc[0] != sex:
                    wrong.append(sex)
        except Exception as problem:
            wrong.append(repr(problem))

    threads = [threading.Thread(target=read, args=(("female", "male")[place % 2],)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def count_of(table, sex: str):
    rows = table("episode").filter(table("episode").sex == sex)
    return rows.group_by(who=rows.sex).aggregate(n=rows.count())
