"""Nobody of 1 to 9 may be isolated by everything that the shared figures of change tell (`tests/attacker.py`).

At least 10,000 walks; two consecutive versions of the data; two questionnaires; and the same attacker breaks a naive
protection. More of it: `KNEEWISE_ATTACK=200 pytest tests/property/test_disclosure_attack.py -s` attacks 200 populations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pytest

from kneewise.disclosure.grouping import round_count
from kneewise.outcomes.answers import answer_distribution
from kneewise.outcomes.publishing import can_publish
from tests.attacker import (
    AKPS,
    LARGE,
    NASTY,
    PAIN,
    POLICY,
    WALKS,
    Kind,
    Log,
    Space,
    groups_of,
    learn,
    make_people,
    over_blocks,
    solve,
    store_of,
    truth,
    walk,
)
from tests.outcomes_samples import SCALES

pytestmark = [pytest.mark.timeout(60 * LARGE)] if LARGE else []


@pytest.fixture(scope="module")
def log():
    """One log of all attacks, printed at the end."""
    log = Log()
    yield log
    print(f"\nThe attacks together: {log}; nobody isolated.")


def kinds() -> Iterable[tuple[Kind, int]]:
    """The populations to attack and how many people each has."""
    for place in range(max(len(NASTY), LARGE)):
        kind = NASTY[place % len(NASTY)]
        yield kind, int(kind.people * (0.6 + 0.2 * (place // len(NASTY) % 8)) if place >= len(NASTY) else kind.people)


def test_no_walk_through_the_filters_isolates_anybody(tmp_path, log):
    rng, before = np.random.default_rng(47), log.walks
    for place, (kind, people) in enumerate(kinds()):
        frame = make_people(kind, rng, people)
        store = store_of(frame, tmp_path / str(place))
        shown = walk(store, rng, WALKS // len(NASTY), log)
        space = Space(frame, [store])
        learn(space, store, shown)
        true = truth(space, frame)
        solve(space, true, np.array(groups_of(space, true, rng, 400, log)), rng, log, kind.name)
    assert log.walks - before >= WALKS
    assert log.solved > 500


@pytest.mark.parametrize("seed", range(48, 49 + LARGE // 5))
def test_how_many_came_to_each_visit_isolates_nobody(seed, tmp_path, log):
    """More unknowns: who of them came to which visit."""
    rng = np.random.default_rng(seed)
    kind = Kind("visits", {"site": 3, "intervention": 2, "start_quarter": 2}, 260)
    frame = make_people(kind, rng, kind.people + 40 * (seed - 48) % 200)
    store = store_of(frame, tmp_path)
    shown = walk(store, rng, 200, log)
    visits = [window.from_day for window in store.source().visit_windows]
    space = Space(frame, [store], 1 + len(visits))
    learn(space, store, shown, visits=True)
    for block, cell in itertools.product(range(1, space.blocks), range(space.size)):
        one = np.zeros(space.size)
        one[cell] = 1
        space.know(-np.inf, 0, {block: one, 0: -one * space.scored(AKPS)[cell]})
    back = ~np.isnan(frame[AKPS])
    came = [np.ones(len(frame), dtype=bool), back & frame["half_way"], np.zeros(len(frame), dtype=bool), back]
    true = np.concatenate([truth(space, frame), *(truth(space, frame[each]) for each in came)])
    groups = groups_of(space, true[: space.size], rng, 100, log)
    large = [each for each in _wholes(space) if true[: space.size] @ each >= POLICY.threshold]
    blocks = [{block: 1.0} for block in range(1, space.blocks)] + [
        {0: 1.0, block: -1.0} for block in range(1, space.blocks)
    ]
    rows = np.concatenate([over_blocks(space, groups, {0: 1.0}, *blocks), over_blocks(space, large, *blocks)])
    solve(space, true, rows, rng, log, kind.name)


def _wholes(space: Space) -> list[np.ndarray]:
    """Everybody with any score, and every value of one or two attributes."""
    scored, found = space.scored(AKPS), []
    for count in range(3):
        for names in itertools.combinations(space.values, count):
            for values in itertools.product(*(space.values[name] for name in names)):
                inside = space.where({name: {value} for name, value in zip(names, values, strict=True)})
                found.append((inside & scored).astype(float))
    return found


@pytest.mark.parametrize("seed", range(49, 50 + LARGE // 5))
def test_two_questionnaires_of_the_same_people_isolate_nobody(seed, tmp_path, log):
    rng = np.random.default_rng(seed)
    kind = Kind("two questionnaires", {"site": 3, "intervention": 2, "sex": 2}, 200)
    frame = make_people(kind, rng, kind.people + 30 * (seed - 49) % 200)
    store = store_of(frame, tmp_path, (AKPS, PAIN))
    shown = {
        key: found
        for key, found in walk(store, rng, 300, log, (AKPS, PAIN)).items()
        if key[0] is not answer_distribution  # a status here only tells whether somebody improved
    }
    space = Space(frame, [store], instruments=(AKPS, PAIN))
    learn(space, store, shown)
    true = truth(space, frame)
    solve(space, true, np.array(groups_of(space, true, rng, 200, log)), rng, log, kind.name)


def next_version(frame: pd.DataFrame, rng: np.random.Generator, joined: int) -> pd.DataFrame:
    """The same people, and some who joined: as many of each kind as there were, where as many joined as there are."""
    new = frame.iloc[rng.permutation(len(frame))[:joined]].assign(id=[f"N{place}" for place in range(joined)])
    return pd.concat([frame, new], ignore_index=True)


def attack_versions(stores, frames, rng, log) -> list[float]:
    """Sizes of the groups that two versions together isolate, for an attacker who knows that nobody left or changed."""
    old, new = frames
    space = Space(new, stores, 2)
    learn(space, stores[0], walk(stores[0], rng, 60, log), (0,))
    learn(space, stores[1], walk(stores[1], rng, 60, log), (0, 1))
    true = np.concatenate([truth(space, old), truth(space, new.iloc[len(old) :])])
    groups = [groups_of(space, true[part : part + space.size], rng, 50, log) for part in (0, space.size)]
    rows = np.concatenate([over_blocks(space, groups[block], {block: 1.0}) for block in (0, 1)])
    solver = space.solver(true)
    log.populations, log.constraints = log.populations + 1, log.constraints + solver.constraints
    return [float(rows[place] @ true) for place in solver.isolated(rows, rng)]


def test_two_versions_that_may_follow_each_other_isolate_nobody(tmp_path, log):
    """And those that may not would isolate somebody: the check is needed."""
    rng = np.random.default_rng(50)
    frame = make_people(Kind("versions", {"site": 2, "sex": 2}, 150), rng, 150)
    first = store_of(frame, tmp_path / "first")
    for joined, allowed in ((len(frame), True), (7, False)):
        later = next_version(frame, rng, joined)
        second = store_of(later, tmp_path / str(joined))
        assert can_publish(first, second, SCALES, POLICY).ok == allowed
        isolated = attack_versions((first, second), (frame, later), rng, log)
        assert bool(isolated) != allowed, isolated


@pytest.mark.skipif(not LARGE, reason="a large attack, on request")
@pytest.mark.parametrize("seed", range(LARGE // 2))
def test_any_two_versions_that_may_follow_each_other_isolate_nobody(seed, tmp_path, log):
    rng = np.random.default_rng(1000 + seed)
    frame = make_people(Kind("versions", {"site": 2, "start_quarter": 3}, 200), rng, int(rng.integers(60, 300)))
    first = store_of(frame, tmp_path / "first")
    later = next_version(frame, rng, int(rng.integers(20, len(frame))))
    second = store_of(later, tmp_path / "second")
    if can_publish(first, second, SCALES, POLICY).ok:
        assert attack_versions((first, second), (frame, later), rng, log) == []


def naive(frame: pd.DataFrame, told: Callable[[int], tuple[int, int] | None], rng: np.random.Generator, count: int):
    """(questions asked, constraints, isolated groups, groups tried) where any filters go and small counts are hidden
    only."""
    space = Space(frame, [])
    true = truth(space, frame)
    asked = 0
    for _ in range(count):
        within: dict[str, set[str]] = {}
        for name in rng.permutation(list(space.values))[: rng.integers(1, len(space.values) + 1)]:
            within[name] = {space.values[name][rng.integers(len(space.values[name]))]}
            asked += 1
            for status in (space.scored(AKPS), space.paired(AKPS), space.improved(AKPS)):
                group = space.where(within) & status
                known = told(round(true @ group))
                if known:
                    space.know(*known, {0: group.astype(float)})
    solver = space.solver(true)
    groups = np.array(groups_of(space, true, rng, 0, Log()))[:60]
    return asked, solver.constraints, len(solver.isolated(groups, rng)), len(groups)


@pytest.mark.parametrize(
    ("protection", "told"),
    [
        ("minimum cohort of 10", lambda n: (n, n) if n >= POLICY.threshold else None),
        (
            "up to 7 hidden, others rounded to 5",
            lambda n: (round_count(n, 7, 5) - 2, round_count(n, 7, 5) + 2) if round_count(n, 7, 5) else (0, 7),
        ),
    ],
)
def test_the_same_attacker_breaks_naive_protection(protection, told):
    """As measured before: hiding and rounding alone do not protect where filters are free."""
    rng = np.random.default_rng(51)
    frame = make_people(NASTY[0], rng, NASTY[0].people)
    asked, constraints, isolated, tried = naive(frame, told, rng, 200)
    print(
        f"\n{protection}, any filters: {asked:,} questions, {constraints} constraints, "
        f"{isolated} of {tried} groups of 1 to 9 people isolated."
    )
    assert isolated > tried / 2
