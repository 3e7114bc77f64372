"""Killed, full, crowded: whatever happens to an import or an erasure, the store holds all of it or none of it.

Twenty kills at random moments and every sixth step of an erasure always; with `KNEEWISE_KILLS=200` that many kills and
every step.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap

import pyarrow.parquet
import pytest

from kneewise.errors import StoreError
from kneewise.outcomes.erasing import erase
from kneewise.outcomes.store import (
    EMPTY_VERSION,
    KEPT_VERSIONS,
    current_version,
    open_published,
    open_store,
    publish,
    published_version,
    undo,
    versions,
)
from tests.outcomes_samples import ROOT
from tests.store_samples import names, put, stored_id

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs fork and SIGKILL")
KILLS = int(os.environ.get("KNEEWISE_KILLS", "20"))


def consistent(folder, store) -> bool:
    """Whether the three tables of each source hold the same episodes, as many as the manifest says."""
    for info in store.sources:
        tables = {
            name: pyarrow.parquet.read_table(folder / "files" / file, use_threads=False)
            for name, file in info.files.items()
        }
        ids = {name: set(table.column("episode_id").to_pylist()) for name, table in tables.items()}
        if not ids["episode"] == ids["score"] == ids["episode_outcome"]:
            return False
        if (len(ids["episode"]), tables["score"].num_rows) != (info.episodes, info.scores):
            return False
    return True


def nothing_unneeded(folder) -> bool:
    kept = {version.version: version for version in versions(folder)}
    needed = {name for version in kept.values() for info in version.sources for name in info.files.values()}
    files = {path.name for path in (folder / "files").iterdir()}
    manifests = {path.stem for path in (folder / "manifests").iterdir()}
    return files == needed and manifests == set(kept) and not list(folder.rglob("*.tmp"))


class Killed(BaseException):
    """Stands for the end of the process: no `except` clause of the product catches it."""


class Breaks:
    """Lets the n-th step that touches the disk end in `problem`; the steps before it are done."""

    STEPS = ((os, "fsync"), (os, "replace"), (os, "unlink"), (pyarrow.parquet, "write_table"),
             (pyarrow.parquet, "ParquetWriter"))  # fmt: skip

    def __init__(self, monkeypatch, at: int, problem: BaseException):
        self.count, self.at, self.problem, self.happened = 0, at, problem, False
        for module, name in self.STEPS:
            monkeypatch.setattr(module, name, self.wrapped(getattr(module, name), name))

    def wrapped(self, step, name: str):
        def broken(*arguments, **options):
            if self.count == self.at:
                self.happened = True
            self.count += 1
            # A disk that is full stays full: from that step on nothing can be written, but files can be deleted.
            if self.happened and (self.count == self.at + 1 or name in ("fsync", "write_table", "ParquetWriter")):
                raise self.problem
            return step(*arguments, **options)

        return broken


def each_break(tmp_path, monkeypatch, start, action, problem, every: int = 1):
    """(folder, what the action raised or None) for every step (or some of them) at which `action` can break."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # takes time, and the disk's own doing is not asked here
    for at in itertools.count(0, every):
        folder = tmp_path / f"s{at}"
        shutil.copytree(start, folder)
        shutil.copy(start.parent / f"{start.name}.key", tmp_path / f"s{at}.key")
        raised = None
        with monkeypatch.context() as patched:
            broken = Breaks(patched, at, problem)
            try:
                action(folder)
            except (Killed, StoreError) as refusal:
                raised = refusal
        if not broken.happened:
            assert at > 5, "hardly any step was seen"
            return
        yield folder, raised
        shutil.rmtree(folder)


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("problem", [Killed(), FULL], ids=["killed", "full disk"])
def test_an_import_that_breaks_at_any_step_happened_wholly_or_not_at_all(tmp_path, monkeypatch, problem):
    start = tmp_path / "start"
    put(start, 12, "other")
    before = put(start, 10)
    outcomes = set()
    for folder, raised in each_break(tmp_path, monkeypatch, start, lambda folder: put(folder, 15), problem):
        store = open_store(folder)
        assert consistent(folder, store)
        assert {info.source: info.episodes for info in store.sources} in (
            {"clinic": 10, "other": 12},
            {"clinic": 15, "other": 12},
        )
        happened = store.version != before
        if problem is FULL:
            assert happened == (raised is None), "it says that nothing was changed exactly when nothing was"
            if raised is not None:
                assert "No space left on device); nothing of it was changed. Make room" in str(raised)
                assert not list(folder.rglob("*.tmp"))
        outcomes.add(happened)
        put(folder, 16)
        assert nothing_unneeded(folder)
    assert outcomes == {True, False}


@pytest.mark.parametrize("problem", [Killed(), FULL], ids=["killed", "full disk"])
def test_an_erasure_that_breaks_at_any_step_loses_nobody_else_and_is_finished_by_the_next(
    tmp_path, monkeypatch, problem
):
    start = tmp_path / "start"
    for episodes in (8, 9):
        put(start, episodes)
    publish(start, current_version(start))
    put(start, 10)
    put(start, 6, "other")
    theirs = {name: stored_id(start, name) for name in names(10)}
    outcomes = set()
    for folder, raised in each_break(
        tmp_path,
        monkeypatch,
        start,
        lambda folder: erase(folder, "clinic", ["E3"]),
        problem,
        every=1 if KILLS > 20 else 6,
    ):
        store = open_store(folder)
        assert consistent(folder, store)
        outcomes.add(store.source("clinic").episodes)
        assert problem is not FULL or isinstance(raised, StoreError)
        if published_version(folder) != EMPTY_VERSION:
            assert consistent(folder, open_published(folder))
        erase(folder, "clinic", ["E3"])
        content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert theirs["E3"].encode() not in content
        for episodes in (9, 9, 8):  # with the other source, and before it; one of each is gone
            store = open_store(folder)
            assert consistent(folder, store)
            file = folder / "files" / store.source("clinic").files["episode"]
            found = set(pyarrow.parquet.read_table(file).column("episode_id").to_pylist())
            assert found == {theirs[name] for name in names(episodes + 1)} - {theirs["E3"]}
            if len(store.sources) == 2 or episodes == 9:
                undo(folder)
        assert published_version(folder) == EMPTY_VERSION
        assert nothing_unneeded_but_undone(folder, theirs["E3"])
    assert outcomes == {10, 9}


def nothing_unneeded_but_undone(folder, erased: str) -> bool:
    held = set()
    for path in (folder / "files").glob("*.parquet"):
        held |= set(pyarrow.parquet.read_table(path).column("episode_id").to_pylist())
    return erased not in held and not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize("problem", [Killed(), FULL], ids=["killed", "full disk"])
def test_an_undo_or_a_release_that_breaks_at_any_step_happened_or_did_not(tmp_path, monkeypatch, problem):
    start = tmp_path / "start"
    first = put(start, 8)
    second = put(start, 9)
    publish(start, first)

    def both(folder):
        undo(folder)
        publish(folder, second)

    seen = set()
    for folder, _ in each_break(tmp_path, monkeypatch, start, both, problem):
        assert consistent(folder, open_store(folder))
        assert consistent(folder, open_published(folder))
        seen.add((current_version(folder), published_version(folder)))
    assert seen == {(second, first), (first, first), (first, second)}


# Imports in a child of a process that has loaded everything already, so that twenty kills take seconds.
NURSERY = """
import os, random, signal, sys, time
from pathlib import Path
from kneewise.outcomes.erasing import erase
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import current_version, publish
from tests.outcomes_samples import SCALES, good_rows, long_csv
profile, folder = read_profile("kneewise_long"), Path(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    seconds, episodes = line.split()
    child = os.fork()
    if child == 0:
        for number in range(int(episodes), 10**6):
            import_export(long_csv(good_rows(20 + number % 50)), profile, folder, SCALES, source_name="clinic")
            if number % 3 == 0:
                publish(folder, current_version(folder))
            if number % 5 == 0:
                erase(folder, "clinic", ["E3"])
    time.sleep(float(seconds))
    os.kill(child, signal.SIGKILL)
    print(os.WIFSIGNALED(os.waitpid(child, 0)[1]), flush=True)
"""


@POSIX
@pytest.mark.timeout(300 + 10 * KILLS)
def test_killed_at_any_moment_the_store_holds_all_of_an_import_or_none(tmp_path):
    folder = tmp_path / "s"
    put(folder, 40)
    rng = random.Random(3)
    seen = {current_version(folder)}
    longest = (
        0.3  # seconds; grows until an import gets through, so that a slow machine is killed at every stage as well
    )
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(folder)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as nursery:  # fmt: skip
        assert nursery.stdout.readline() == "ready\n"
        for kill in range(KILLS):
            longest *= 1 if len(seen) > kill / 4 else 1.5
            print(rng.uniform(0.0, longest), rng.randrange(1000), file=nursery.stdin, flush=True)
            assert nursery.stdout.readline() == "True\n", "the importer ended by itself"
            store = open_store(folder)
            seen.add(store.version)
            assert consistent(folder, store)
            if published_version(folder) not in (None, EMPTY_VERSION):
                assert consistent(folder, open_published(folder))
        nursery.stdin.close()
    assert len(seen) > KILLS / 5
    put(folder, 19)
    publish(folder, None)
    assert nothing_unneeded(folder)


HOLDER = """
import sys
from pathlib import Path
from kneewise.outcomes.writing import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_importer_in_another_process_is_told_to_wait_and_a_killed_one_holds_nothing(tmp_path):
    folder = tmp_path / "s"
    put(folder, 10)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout.readline() == "held\n"
        said = "Another import into this store is running; try again when it is done."
        for attempt in (
            lambda: put(folder, 11),
            lambda: undo(folder),
            lambda: erase(folder, "clinic"),
            lambda: publish(folder, None),
        ):
            with pytest.raises(StoreError) as refusal:
                attempt()
            assert refusal.value.sentences == (said,)
        assert consistent(folder, open_store(folder))
        holder.kill()
    put(folder, 11)
    assert open_store(folder).sources[0].episodes == 11


READER = """
import json, sys, threading
from pathlib import Path
from kneewise.errors import StoreError
from kneewise.outcomes.store import open_store
folder, stopped, said, seen, wrong, reads = Path(sys.argv[1]), threading.Event(), threading.Lock(), set(), [], [0]

def everything(table):
    people = table("episode").aggregate(people=table("episode").count())
    scores = table("score").aggregate(scores=table("score").count(), scored=table("score").episode_id.nunique())
    return people.cross_join(scores)

def is_wrong(what):
    wrong.append(what)
    print("wrong", flush=True)

def read():
    while not stopped.is_set():
        try:
            store = open_store(folder)
        except Exception as problem:
            is_wrong(repr(problem))
            continue
        try:
            row = store.ask(everything).iloc[0]
        except StoreError as refusal:
            # Whoever falls behind the kept versions, with no time left on the machine, is told so.
            gone = not (folder / "manifests" / f"{store.version}.json").exists()
            if not (gone and "replaced in the meantime" in str(refusal)):
                is_wrong(str(refusal))
            continue
        except Exception as problem:
            is_wrong(repr(problem))
            continue
        info = store.source()
        if [int(row[name]) for name in ("people", "scores", "scored")] != [info.episodes, info.scores, info.episodes]:
            is_wrong(f"{dict(row)} is not {info.episodes}, {info.scores}")
        with said:
            reads[0] += 1
            if store.version not in seen:
                seen.add(store.version)
                print(store.version, flush=True)

threads = [threading.Thread(target=read) for _ in range(4)]
for thread in threads: thread.start()
sys.stdin.read()
stopped.set()
for thread in threads: thread.join()
print(json.dumps({"reads": reads[0], "wrong": wrong}))
"""


def test_eight_threads_in_two_processes_read_beside_imports(tmp_path):
    """Every import waits until both processes have answered from the one before, however busy the machine is; their other
    threads go on reading while it writes."""
    folder = tmp_path / "s"
    made = [put(folder, 10)]
    command = [sys.executable, "-c", READER, str(folder)]
    readers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        for episodes in range(11, 12 + 2 * KEPT_VERSIONS):
            assert [reader.stdout.readline().strip() for reader in readers] == [made[-1]] * 2, "each version, in order"
            made.append(put(folder, episodes))
    finally:
        for reader in readers:
            reader.stdin.close()
    answers = [reader.stdout.read().splitlines() for reader in readers]
    for reader in readers:
        reader.stdout.close()
        assert reader.wait() == 0
    found = [json.loads(lines[-1]) for lines in answers]
    assert [answer["wrong"] for answer in found] == [[], []]
    assert all(set(lines[:-1]) <= {made[-1]} for lines in answers)
    assert min(answer["reads"] for answer in found) >= len(made) - 1


# On a real file system that is full: 160 kB of memory, mounted where nobody else sees it.
FULL_DISK = """
import sys
from pathlib import Path
from kneewise.errors import StoreError
from kneewise.outcomes.store import current_version, open_store
from tests.store_samples import put
folder = Path(sys.argv[1]) / "s"
before = put(folder, 20)
for episodes in (100, 400, 1600, 6400):
    try:
        before = put(folder, episodes)
    except StoreError as refusal:
        print(refusal)
        break
assert current_version(folder) == before == open_store(folder).version
assert not list(folder.rglob("*.tmp"))
put(folder, 21)
assert open_store(folder).sources[0].episodes == 21
print("whole")
"""


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("unshare"), reason="needs Linux and unshare")
def test_a_disk_that_is_really_full_leaves_the_store_as_it_was(tmp_path):
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=160k none {tmp_path}"
    if subprocess.run([*own, mount], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        [*own, f'{mount} && exec "$@"', "sh", sys.executable, "-c", textwrap.dedent(FULL_DISK), str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "The store can't be written (No space left on device); nothing of it was changed. Make room or mend the disk, "
        "then try again.",
        "whole",
    ]


@POSIX
def test_a_file_that_may_not_grow_is_said_like_a_full_disk(tmp_path):
    import resource

    put(tmp_path / "s", 20)
    before = current_version(tmp_path / "s")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, usual[1]))
        with pytest.raises(StoreError, match=r"File too large\); nothing of it was changed"):
            put(tmp_path / "s", 3_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        signal.signal(signal.SIGXFSZ, ignored)
    assert open_store(tmp_path / "s").version == before
    assert nothing_unneeded(tmp_path / "s")
