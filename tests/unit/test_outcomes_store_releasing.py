"""What shared figures are made from, through every order of import, undo, erasure, release, withdrawal and crash.

Whoever keeps shared figures can subtract later ones. So whatever is done, and wherever it breaks: without a person who
releases by hand, the records behind the shared figures of a source change by nobody or by enough people, and no two
sources with the same people are shared. The comparison itself has tests of its own; here it is a count of ids. Everybody is
made up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kneewise.errors import StoreError
from kneewise.outcomes import publishing
from kneewise.outcomes.erasing import erase
from kneewise.outcomes.identity import read_key
from kneewise.outcomes.importing import overlaps_with_shared
from kneewise.outcomes.manifests import key_file_of, read_version
from kneewise.outcomes.publishing import publish_if_safe
from kneewise.outcomes.store import (
    EMPTY_VERSION,
    current_version,
    forget_opened,
    open_shared,
    publish,
    published_version,
    shared_version,
    undo,
    versions,
)
from kneewise.ui import stores
from tests.outcomes_samples import SCALES
from tests.store_samples import put, stored_id

ENOUGH = 3
EVERYBODY = tuple(f"E{number}" for number in range(8))


def few_ids_differ(previous, new, source, *_):
    """Stands for the comparison of two versions of a source."""
    ids = [ids_in(store.folder, store.source(source)) for store in (previous, new)]
    if 0 < len(ids[0] ^ ids[1]) < ENOUGH:
        yield "Few people came or went."


def ids_in(folder: Path, info) -> frozenset[str]:
    table = pyarrow.parquet.read_table(folder / "files" / info.files["episode"], columns=["episode_id"])
    return frozenset(table.column("episode_id").to_pylist())


@pytest.fixture(autouse=True)
def quick():
    with comparing_ids():
        yield


@contextlib.contextmanager
def comparing_ids():
    with (
        mock.patch.object(publishing, "reasons_of_source", few_ids_differ),
        mock.patch.object(os, "fsync", return_value=None),
    ):
        yield
    forget_opened()


def take(folder: Path, people, source: str = "a", *, synthetic: bool = False) -> str:
    """An import as the importer does it, short of reading a file."""
    now = current_version(folder) if folder.exists() else None
    names = {stored_id(folder, each, other) for each in people for other in ("a", "b", "c")}
    held = read_version(folder, now).sources if now else ()
    overlaps = {info.source for info in held if info.source != source and ids_in(folder, info) & names}
    overlaps |= overlaps_with_shared(folder, read_key(key_file_of(folder)), list(people), source)
    return put(folder, sorted(people), source, synthetic=synthetic, overlaps=overlaps)


def shared_people(folder: Path) -> dict[str, frozenset[str]] | None:
    """Which people the shared figures of each source are made from, as a reader finds it; None where there are none."""
    try:
        version = shared_version(folder)
    except StoreError:
        return None
    if version is None:
        return None
    names = {stored_id(folder, each, source): each for each in EVERYBODY for source in ("a", "b", "c")}
    return {
        info.source: frozenset(names[each] for each in ids_in(folder, info))
        for info in read_version(folder, version).sources
    }


def people(*numbers: int) -> list[str]:
    return [f"E{number}" for number in numbers]


ALL, BUT_ONE, HALF = people(*range(8)), people(*range(7)), people(0, 1, 2, 3)

# What is done (imports and undos are followed by the release that may follow them; those `only` were killed before it), and
# whose figures are shared then.
TABLE = {
    "one import": ([("import", ALL)], {"a": ALL}),
    "one person less": ([("import", ALL), ("import", BUT_ONE)], {"a": ALL}),
    "enough less": ([("import", ALL), ("import", HALF)], {"a": HALF}),
    "killed before its first release": ([("import only", ALL)], {"a": ALL}),
    "and the next import": ([("import only", ALL), ("import", BUT_ONE)], {"a": ALL}),
    "and two more, killed too": ([("import only", ALL), ("import only", BUT_ONE), ("import only", HALF)], {"a": ALL}),
    "undone": ([("import", HALF), ("import", ALL), ("undo",)], {"a": HALF}),
    "undone, one person": ([("import", BUT_ONE), ("import", ALL), ("release",), ("undo",)], {"a": ALL}),
    "undone before its release": ([("import only", BUT_ONE), ("import only", ALL), ("undo",)], {"a": BUT_ONE}),
    "undone to nothing": ([("import", ALL), ("undo",)], None),
    "undone to nothing before its release": ([("import only", ALL), ("undo",)], None),
    "and imported without one": ([("import", ALL), ("undo",), ("import", BUT_ONE)], None),
    "and released by hand": ([("import", ALL), ("undo",), ("import", BUT_ONE), ("release",)], {"a": BUT_ONE}),
    "one erased": ([("import", ALL), ("erase", ["E7"])], None),
    "one erased before the first release": ([("import only", ALL), ("erase", ["E7"])], None),
    "one erased, and an import": ([("import", ALL), ("erase", ["E7"]), ("import", HALF)], None),
    "enough erased": ([("import", ALL), ("erase", people(4, 5, 6, 7))], {"a": HALF}),
    "all erased": ([("import", ALL), ("erase all", "a")], None),
    "all erased, and one less imported": ([("import", ALL), ("erase all", "a"), ("import", BUT_ONE)], None),
    "all of one source erased": ([("import b", HALF), ("import", people(4, 5, 6, 7)), ("erase all", "a")], {"b": HALF}),
    "and the rest of it imported without one": (
        [("import b", HALF), ("import", people(4, 5, 6, 7)), ("erase all", "a"), ("import", people(4, 5, 6))],
        {"b": HALF},
    ),
    "another source": ([("import", HALF), ("import b", people(4, 5, 6))], {"a": HALF, "b": people(4, 5, 6)}),
    "the same people again": ([("import", ALL), ("import b", BUT_ONE)], {"a": ALL}),
    "the same people again, and more of them": (
        [("import", ALL), ("import b", BUT_ONE), ("import", HALF)], {"a": ALL},
    ),
    "the same people after others": ([("import", HALF), ("import only", people(4, 5)), ("import b", people(0, 1, 2))], {"a": HALF}),
    "one source undone before its release, and a third": (
        [("import", HALF), ("import b", people(4, 5, 6)), ("undo only",), ("import c", people(7))],
        {"a": HALF, "b": people(4, 5, 6)},
    ),
    "withdrawn": ([("import", ALL), ("withdraw",)], None),
    "withdrawn, and an import": ([("import", ALL), ("withdraw",), ("import", HALF)], None),
    "withdrawn before the first release": ([("import only", ALL), ("withdraw",), ("import", HALF)], None),
    "an older version by hand": ([("import", ALL), ("import", HALF), ("release", 1)], {"a": ALL}),
    "a trial with made-up people": ([("made up", ALL), ("undo",), ("import", BUT_ONE)], {"a": BUT_ONE}),
    "a trial that was erased": ([("made up", ALL), ("erase all", "a"), ("import", BUT_ONE)], {"a": BUT_ONE}),
    "a trial in between": ([("import", ALL), ("undo",), ("made up", HALF), ("release",), ("undo",), ("import", BUT_ONE)], None),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "expected"), TABLE.values(), ids=TABLE)
def test_what_shared_figures_are_made_from(tmp_path, steps, expected):
    folder = tmp_path / "s"
    for action, *rest in steps:
        if action in ("import", "import only", "import b", "import c", "made up"):
            source = action[-1] if action in ("import b", "import c") else "a"
            take(folder, rest[0], source, synthetic=action == "made up")
            if action != "import only":
                publish_if_safe(folder, SCALES)
        elif action == "undo only":
            undo(folder)
        elif action == "undo":
            if undo(folder) != EMPTY_VERSION:
                publish_if_safe(folder, SCALES)
        elif action == "release":
            publish(folder, versions(folder)[rest[0] if rest else 0].version)
        elif action == "withdraw":
            publish(folder, None)
        else:
            whole = action == "erase all"
            erase(folder, rest[0] if whole else "a", None if whole else rest[0], instruments=SCALES)
    assert shared_people(folder) == (
        None if expected is None else {name: frozenset(who) for name, who in expected.items()}
    )


class Killed(BaseException):
    """Stands for the end of the process: no `except` clause of the product catches it."""


@contextlib.contextmanager
def killed_at(step: int | None):
    """Ends what is done at the step-th touch of the disk, if it comes that far."""
    count = 0

    def broken(real):
        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count == step:
                raise Killed
            return real(*arguments, **options)

        return call

    if step is None:
        yield
        return
    with (
        mock.patch.object(os, "replace", broken(os.replace)),
        mock.patch.object(os, "unlink", broken(os.unlink)),
        contextlib.suppress(Killed),
    ):
        yield


groups = st.sets(st.sampled_from(EVERYBODY), min_size=1).map(sorted)
sources = st.sampled_from(("a", "b"))
steps = st.none() | st.integers(1, 12)


class Shared(RuleBasedStateMachine):
    """One store, anything done to it in any order; after each step a reader looks what shared figures are made from."""

    def __init__(self):
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.folder = self.place / "s"
        self.seen: dict[str, frozenset[str]] = {}  # of each source, whose figures were shared last
        self.now: dict[str, frozenset[str]] | None = None
        self.by_hand = False
        self.both_by_hand = False  # somebody decided that two sources with the same people may be shared

    def teardown(self):
        forget_opened()
        shutil.rmtree(self.place)

    def done(self, step, action, *arguments, **options) -> None:
        with killed_at(step), contextlib.suppress(StoreError):
            action(*arguments, **options)

    def release(self) -> None:
        with contextlib.suppress(StoreError):
            publish_if_safe(self.folder, SCALES)

    @initialize(who=groups)
    def first(self, who):
        take(self.folder, who)

    @rule(who=groups, source=sources, step=steps, released=st.booleans())
    def take(self, who, source, step, released):
        self.done(step, take, self.folder, who, source)
        if released:
            self.release()

    @rule(source=sources, one=st.sampled_from(EVERYBODY), released=st.booleans())
    def take_without_one(self, source, one, released):
        """The same export again, short of one person: what must not come out."""
        who = set(self.seen.get(source, ())) - {one}
        if who:
            self.take(sorted(who), source, None, released)

    @rule(step=steps, back=st.integers(0, 3), released=st.booleans())
    def undo(self, step, back, released):
        kept = versions(self.folder)
        aim = kept[back].version if 0 < back < len(kept) else None
        self.done(step, undo, self.folder, aim)
        if released:
            self.release()

    @rule(who=groups, source=sources, step=steps)
    def erase(self, who, source, step):
        self.done(step, erase, self.folder, source, who, instruments=SCALES)

    @rule(source=sources, step=steps)
    def erase_all(self, source, step):
        self.done(step, erase, self.folder, source, instruments=SCALES)

    @rule(step=steps)
    def withdraw(self, step):
        self.done(step, publish, self.folder, None)

    @rule()
    def release_by_hand(self):
        if current_version(self.folder) is not None:
            publish(self.folder, current_version(self.folder))
            self.by_hand = True

    @invariant()
    def nobody_can_be_found_by_subtracting(self):
        now = shared_people(self.folder)
        if not self.by_hand and now is not None and now != self.now:
            for source, who in now.items():
                last = self.seen.get(source)
                assert last is None or len(who ^ last) not in range(1, ENOUGH), (source, last, who)
                other = {"a": "b", "b": "a"}[source]
                if who != (self.now or {}).get(source) and not self.both_by_hand:
                    assert not who & self.seen.get(other, frozenset()), (source, other)
                    assert not who & now.get(other, frozenset()), (source, other)
        self.seen |= now or {}
        if self.by_hand and self.seen.get("a", frozenset()) & self.seen.get("b", frozenset()):
            self.both_by_hand = True
        self.now, self.by_hand = now, False

    @invariant()
    def what_is_released_can_be_read(self):
        version = published_version(self.folder) if self.folder.exists() else None
        if version is not None:
            read_version(self.folder, version)


def test_no_order_of_events_lets_shared_figures_change_by_few_people():
    run_state_machine_as_test(
        Shared,
        settings=settings(
            max_examples=int(os.environ.get("KNEEWISE_ORDERS", "25")),
            stateful_step_count=12,
            deadline=None,
            database=None,
            derandomize="KNEEWISE_ORDERS" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_staff_who_see_their_own_clinic_go_on_after_an_erasure(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    monkeypatch.setenv("KNEEWISE_STORE", str(folder))
    monkeypatch.setenv("KNEEWISE_DEMO_STORE", str(tmp_path / "none"))
    take(folder, ALL)
    publish_if_safe(folder, SCALES)
    erase(folder, "a", ["E7"], instruments=SCALES)
    found, problems = stores.available("own")
    assert problems == ()
    store, source = stores.opened(found["clinic/a"])
    assert (store.source(source).episodes, store.version) == (7, current_version(folder))
    found, problems = stores.available("shared")
    assert found == {}
    assert len(problems) == 1
    assert problems[0].startswith("Shared figures are withdrawn")
    assert "store release --version" in problems[0]
    with pytest.raises(StoreError):
        open_shared(folder)


def test_the_page_does_not_share_the_same_people_twice_and_says_why(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    monkeypatch.setenv("KNEEWISE_STORE", str(folder))
    take(folder, ALL)
    assert stores.release("clinic", SCALES) == ()
    assert stores.shares_newest("clinic")
    take(folder, BUT_ONE, "b")
    said = " ".join(stores.release("clinic", SCALES))
    assert "The same episodes are shared under 'a' already" in said
    assert not stores.shares_newest("clinic")
    publish(folder, None)
    assert not stores.shares_newest("clinic")


def test_a_reader_who_comes_while_the_first_version_is_kept_for_shared_figures_sees_no_newer_one(tmp_path, monkeypatch):
    """Between the look at `PUBLISHED` and the look at `CURRENT` an import may swap both."""
    from kneewise.outcomes import store

    folder = tmp_path / "s"
    first = take(folder, ALL)
    real, once = store.current_version, []

    def import_first(store_dir):
        if not once:
            once.append("an import")
            take(folder, BUT_ONE)
        return real(store_dir)

    monkeypatch.setattr(store, "current_version", import_first)
    assert open_shared(folder).version == first
    assert once
