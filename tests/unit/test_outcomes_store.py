"""The store: replacing, undoing, releasing, migrating; damaged, incomplete and newer stores say so and name a way out."""

from __future__ import annotations

import copy
import json
import threading

import pytest

from kneewise.errors import ImportRefused, StoreError
from kneewise.outcomes import manifests
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import (
    EMPTY_VERSION,
    KEPT_VERSIONS,
    current_version,
    open_published,
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
    assert written["format_version"] == manifests.FORMAT_VERSION == 2
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
        "format_version": 2,
        "parent": EMPTY_VERSION,
        "created_unix": 7,
        "sources": [{**entry, "rows": {"episode": 3, "score": 5}, "important_changes": {}}],
    }
    assert manifests.migrated(found) == found
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
    assert published_version(tmp_path / "s") is None
    assert episodes_in(open_store(tmp_path / "s")) == 35


def test_only_a_complete_version_is_released(tmp_path):
    put(tmp_path / "s", 30)
    for name, said in ((EMPTY_VERSION, "without data"), ("../../x", "without data"), ("0123456789ab", "is missing")):
        with pytest.raises(StoreError, match=said):
            publish(tmp_path / "s", name)
    next((tmp_path / "s" / "files").glob("clinic-score-*")).unlink()
    with pytest.raises(StoreError, match="lacks a file"):
        publish(tmp_path / "s", current_version(tmp_path / "s"))
    assert published_version(tmp_path / "s") is None
    (tmp_path / "s" / "PUBLISHED").write_text("nonsense")
    with pytest.raises(StoreError, match="PUBLISHED file in s is damaged; release a version"):
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


def test_a_damaged_key_is_refused(tmp_path):
    (tmp_path / "s.key").write_bytes(b"short")
    with pytest.raises(StoreError, match=r"key file s\.key is damaged"):
        import_export(long_csv(good_rows(30)), read_profile("kneewise_long"), tmp_path / "s", SCALES)


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
