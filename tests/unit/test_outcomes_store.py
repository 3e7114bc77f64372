"""The store loses nothing: killed imports, concurrent readers, undo, damaged and newer stores."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from kneewise.errors import ImportRefused, StoreError
from kneewise.outcomes import store as store_module
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import current_version, open_store, undo
from tests.outcomes_samples import ROOT, SCALES, good_rows, long_csv

LONG = read_profile("kneewise_long")


def put(folder, episodes: int, source: str = "clinic"):
    return import_export(long_csv(good_rows(episodes)), LONG, folder, SCALES, source_name=source)


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
    assert undo(tmp_path / "s") == first.version
    assert reader.version == second.version
    assert episodes_in(reader) == 40
    assert episodes_in(open_store(tmp_path / "s")) == 30
    with pytest.raises(StoreError, match="no earlier import"):
        undo(tmp_path / "s")


def test_two_stores_lie_side_by_side(tmp_path):
    put(tmp_path / "demo", 30)
    put(tmp_path / "clinic", 50)
    assert episodes_in(open_store(tmp_path / "demo")) == 30
    assert episodes_in(open_store(tmp_path / "clinic")) == 50
    assert (tmp_path / "demo.key").read_bytes() != (tmp_path / "clinic.key").read_bytes()


def test_old_versions_are_erased(tmp_path):
    for episodes in (30, 31, 32, 33, 34):
        put(tmp_path / "s", episodes)
    assert len(list((tmp_path / "s" / "manifests").iterdir())) == store_module.KEPT_VERSIONS
    assert len(list((tmp_path / "s" / "files").iterdir())) == store_module.KEPT_VERSIONS * 3


def test_an_empty_store_says_so(tmp_path):
    with pytest.raises(StoreError, match="holds no data yet"):
        open_store(tmp_path / "s")


def test_a_newer_a_damaged_and_an_incomplete_store_say_so(tmp_path):
    version = put(tmp_path / "s", 30).version
    manifest = tmp_path / "s" / "manifests" / f"{version}.json"
    content = manifest.read_text()
    manifest.write_text(json.dumps({**json.loads(content), "format_version": 99}))
    with pytest.raises(StoreError, match="newer Kneewise"):
        open_store(tmp_path / "s")
    manifest.write_text(content[:50])
    with pytest.raises(StoreError, match="damaged"):
        open_store(tmp_path / "s")
    manifest.write_text(content)
    next((tmp_path / "s" / "files").glob("*-score-*")).unlink()
    with pytest.raises(StoreError, match="lacks a file of source 'clinic'"):
        open_store(tmp_path / "s")
    (tmp_path / "s" / "CURRENT").write_text("../../etc/passwd")
    with pytest.raises(StoreError, match="CURRENT file in s is damaged"):
        open_store(tmp_path / "s")


def test_a_source_name_is_no_path(tmp_path):
    with pytest.raises(ImportRefused, match="small letters"):
        put(tmp_path / "s", 30, "../../x")


def test_a_damaged_key_is_refused(tmp_path):
    (tmp_path / "s.key").write_bytes(b"short")
    with pytest.raises(StoreError, match=r"key file s\.key is damaged"):
        put(tmp_path / "s", 30)


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    before = put(tmp_path / "s", 30)
    listing = sorted(path.name for path in (tmp_path / "s" / "files").iterdir())

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device.*nothing of it was changed"):
        put(tmp_path / "s", 40)
    monkeypatch.undo()
    assert current_version(tmp_path / "s") == before.version
    assert sorted(path.name for path in (tmp_path / "s" / "files").iterdir()) == listing
    assert episodes_in(open_store(tmp_path / "s")) == 30


def test_a_second_importer_is_told_to_wait(tmp_path):
    put(tmp_path / "s", 30)
    with store_module._locked(tmp_path / "s"), pytest.raises(StoreError, match="Another import into this store"):
        put(tmp_path / "s", 40)
    put(tmp_path / "s", 40)


def test_eight_threads_read_one_store_without_mixing_answers(tmp_path):
    put(tmp_path / "s", 300)
    store = open_store(tmp_path / "s")
    expected = {
        sex: int(store.ask(lambda table, sex=sex: count_of(table, sex))["n"].iloc[0]) for sex in ("female", "male")
    }
    assert sum(expected.values()) == 300
    wrong: list[str] = []

    def read(sex: str) -> None:
        try:
            for _ in range(25):
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


IMPORTER = """
import sys
from pathlib import Path
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from tests.outcomes_samples import SCALES, good_rows, long_csv
profile, folder = read_profile("kneewise_long"), Path(sys.argv[1])
print("ready", flush=True)
episodes = 100
while True:
    episodes = 100 + (episodes + 50) % 500
    import_export(long_csv(good_rows(episodes)), profile, folder, SCALES, source_name="clinic")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_at_any_moment_the_store_holds_all_of_an_import_or_none(tmp_path):
    put(tmp_path / "s", 100)
    rng = random.Random(3)
    seen = {open_store(tmp_path / "s").version}
    longest = 0.5  # seconds; grows until an import gets through, so that a slow machine is killed at every stage as well
    for _ in range(int(os.environ.get("KNEEWISE_KILLS", "8"))):
        longest *= 1 if len(seen) > 1 else 1.5
        process = subprocess.Popen(
            [sys.executable, "-c", IMPORTER, str(tmp_path / "s")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        until = time.monotonic() + rng.uniform(0.0, longest)
        while time.monotonic() < until:
            try:
                store = open_store(tmp_path / "s")
                assert episodes_in(store) == store.sources[0].episodes
            except StoreError as refusal:
                # The only refusal there may be: this reader fell more than the kept versions behind.
                if "replaced in the meantime" not in str(refusal):
                    raise
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        store = open_store(tmp_path / "s")
        seen.add(store.version)
        assert episodes_in(store) == store.sources[0].episodes
        assert episodes_in(store) * 2 == store.sources[0].scores
    assert len(seen) > 1
    put(tmp_path / "s", 77)
    assert not list((tmp_path / "s").rglob("*.tmp"))
