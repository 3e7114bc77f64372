"""The attacker of the disclosure tests: reads every released number and solves for people.

It walks through splits and filters at random, keeps every number that any walk was shown, and turns all of them into
linear constraints on how many people stand in each cell of all attributes together, by status (no score, no later score,
or how much they changed). A group is isolated when the constraints alone prove that it holds between 1 and 9 people. The
true numbers satisfy the constraints, so only a group that truly holds 1 to 9 people can be isolated: these are the ones
that the solver is asked about.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
from scipy.optimize import linprog

from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import HIDDEN_BY_GROUP, ReleasedShare
from kneewise.errors import KneewiseError
from kneewise.outcomes.answers import (
    Question,
    answer_change,
    answer_distribution,
    answer_responders,
    answer_trend,
    choice_labels,
    list_choices,
)
from kneewise.outcomes.asking import check_question, checked_plan, plan_changes, plan_pairs, plan_responders
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.interventions import answer_interventions
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.questions import BANDS
from kneewise.outcomes.store import Store, open_store
from tests.outcomes_samples import SCALES, long_csv

LARGE = int(os.environ.get("KNEEWISE_ATTACK", "0"))
POLICY = read_policy()
AKPS, PAIN = "instrument.akps", "instrument.nprs_worst"
ANSWERS = (
    answer_change, answer_responders, answer_trend, answer_distribution, answer_missing, answer_interventions,
)  # fmt: skip
WALKS, STEPS, MOST_FILTERS = 10_000, 6, 3
SMALL = range(1, POLICY.threshold)
NONE, GONE = "no score", "no later score"
"""Status of who has no score, or no later one; the others' status is the bin of their change, as (low, high)."""

VALUES = {
    "site": ("North", "South", "East", "West"),
    "start_quarter": ("2023 Q3", "2023 Q4", "2024 Q1", "2024 Q2"),
    "intervention": ("exercise only", "exercise + tape", "exercise + orthosis"),
    "age_band": ("under 18", "18 to 39", "40 to 59"),
    "sex": ("female", "male", "other"),
    "symptom_duration": ("under 3 months", "3 to 12 months", "over 12 months"),
}


@dataclass(frozen=True)
class Kind:
    """How a population is made: how many values each attribute has, and what is peculiar about it."""

    name: str
    varies: dict[str, int]
    people: int
    improved: float = 0.5
    gone: float = 0.2
    shape: str = ""
    bands: bool = False


NASTY = (
    Kind(
        "a site that treats men only, and one person alone in a cell",
        {"site": 3, "start_quarter": 2, "sex": 2, "intervention": 2},
        330,
        shape="alone",
    ),
    Kind(
        "treatments nested in sites", {"site": 3, "intervention": 3, "start_quarter": 3, "sex": 2}, 420, shape="nested"
    ),
    Kind(
        "a sole clinician's site", {"site": 4, "start_quarter": 2, "symptom_duration": 2}, 240, shape="sole", bands=True
    ),
    Kind(
        "nearly everybody improved and came back", {"site": 2, "age_band": 3, "sex": 3}, 300, improved=0.93, gone=0.03
    ),
)


def make_people(kind: Kind, rng: np.random.Generator, people: int) -> pd.DataFrame:
    """One row per person: attributes, first scores, changes (missing for who did not come back), whether seen
    half-way."""
    shares = {name: rng.dirichlet(np.full(kind.varies.get(name, 1), 2.5)) for name in VALUES}
    frame = pd.DataFrame(
        {
            name: rng.choice(np.array(values[: kind.varies.get(name, 1)], dtype=object), size=people, p=shares[name])
            for name, values in VALUES.items()
        }
    )
    if kind.shape == "nested":
        frame["intervention"] = frame["site"].map(dict(zip(VALUES["site"], VALUES["intervention"], strict=False)))
    if kind.shape == "sole":
        frame["site"] = frame["site"].replace("West", "North")
        frame.loc[frame.index[:9], "site"] = "West"
    if kind.shape == "alone":
        frame.loc[frame["site"] == "North", "sex"] = "male"
        cell = {"site": "South", "intervention": "exercise + tape", "sex": "male", "start_quarter": "2023 Q4"}
        frame.loc[(frame[list(cell)] == pd.Series(cell)).all(axis=1), "sex"] = "female"
        frame.loc[frame.index[0], list(cell)] = list(cell.values())
    first = rng.integers(20, 60, size=people) if kind.bands else rng.integers(40, 60, size=people)
    better = rng.random(people) < kind.improved + 0.1 * (frame["site"] == "North")
    change = np.where(better, rng.integers(10, 25, size=people), rng.integers(-18, 10, size=people)).astype(float)
    change[rng.random(people) < kind.gone] = np.nan
    pain = np.where(better ^ (rng.random(people) < 0.1), -3.0, rng.integers(-1, 2, size=people))
    pain[np.isnan(change) ^ (rng.random(people) < 0.03)] = np.nan
    return frame.assign(
        **{AKPS: change, PAIN: pain, "first": first, "half_way": rng.random(people) < 0.7},
        first_band=[BANDS[int(score * len(BANDS) // 100)] for score in first],
        id=[f"P{place}" for place in rng.permutation(100_000)[:people]],
    )


def store_of(frame: pd.DataFrame, folder: Path, instruments: Sequence[str] = (AKPS,)) -> Store:
    """A store that holds these people."""
    header = "episode_id,site,age_band,sex,symptom_duration,intervention,start_year,start_quarter,instrument,day,value"
    rows = []
    for each in frame.to_dict("records"):
        year, quarter = each["start_quarter"].split()
        told = [each[name] for name in ("id", "site", "age_band", "sex", "symptom_duration", "intervention")]
        start = ",".join([*told, year, quarter])
        for instrument in instruments:
            name, first = ("AKPS", each["first"]) if instrument == AKPS else ("NPRS_WORST", 5)
            rows.append(f"{start},{name},0,{first}")
            if not np.isnan(each[instrument]):
                if each["half_way"]:
                    rows.append(f"{start},{name},42,{first}")
                rows.append(f"{start},{name},364,{first + each[instrument]:g}")
    key = folder.parent / "clinic.key"  # two versions of one clinic know their people by the same key
    import_export(long_csv(rows, header), read_profile("kneewise_long"), folder, SCALES, key_file=key)
    return open_store(folder)


@dataclass
class Log:
    """What an attack tried, in sums."""

    populations: int = 0
    walks: int = 0
    asked: int = 0
    distinct: int = 0
    answered: int = 0
    constraints: int = 0
    groups: int = 0
    solved: int = 0

    def __str__(self) -> str:
        return (
            f"{self.populations} populations, {self.walks:,} walks of {STEPS} steps: {self.asked:,} questions, of them "
            f"{self.distinct:,} different ones and {self.answered:,} answered; {self.constraints:,} constraints; {self.groups:,} "
            f"groups looked at, {self.solved:,} of 1 to 9 people put to the solver"
        )


Shown = dict[tuple[Callable, Question | None], object]


def walk(store: Store, rng: np.random.Generator, count: int, log: Log, instruments: Sequence[str] = (AKPS,)) -> Shown:
    """What so many random walks through splits and filters were shown. Each different question is worked out once."""
    choices = list_choices(store, SCALES)
    listed = [(name, choice.value) for name, values in choices.attributes for choice in values]
    offered = [*listed, ("site", "nowhere")]
    groups = [None, *POLICY.grid]
    shown: Shown = {}
    for _ in range(count):
        group, only = None, {}
        answer, instrument = ANSWERS[rng.integers(len(ANSWERS))], instruments[rng.integers(len(instruments))]
        for move in rng.integers(0, 6, size=STEPS):
            if move <= 1:
                group = groups[rng.integers(len(groups))]
            elif move == 2 and only:
                only.pop(next(iter(only)))
            elif move == 3:
                answer = ANSWERS[rng.integers(len(ANSWERS))]
            else:
                name, value = offered[rng.integers(len(offered))]
                only[name] = value
                if len(only) > MOST_FILTERS:
                    only.pop(next(iter(only)))
            log.asked += 1
            key = (answer, Question(instrument, group, tuple(sorted(only.items()))))
            if key not in shown:
                try:
                    shown[key] = answer(store, key[1], SCALES)
                except KneewiseError:
                    shown[key] = None
    log.walks, log.distinct = log.walks + count, log.distinct + len(shown)
    shown = {key: found for key, found in shown.items() if found is not None}
    log.answered += len(shown)
    return {**shown, (list_choices, None): choices}


class Space:
    """The unknowns: how many people stand in each cell of all attributes together, by status, in one or more blocks.

    The first block are people; the others are, as the attack needs them, those of them who came to a visit, or people
    who joined later. With two instruments a status is one of each, and a change is only told to be important or not.
    """

    def __init__(
        self, frame: pd.DataFrame, stores: Sequence[Store], blocks: int = 1, instruments: Sequence[str] = (AKPS,)
    ):
        self.values = {
            name: sorted(frame[name].unique()) for name in (*VALUES, "first_band") if frame[name].nunique() > 1
        }
        self.blocks, self.instruments = blocks, tuple(instruments)
        self.bins: dict[str, list[tuple[float, float]]] = {}
        for instrument in instruments:
            scale = SCALES[instrument]
            step = scale.important_change if scale.higher_is_better else 1e-6 - scale.important_change
            ends = {step}
            for store in stores if len(instruments) == 1 else ():
                plan = check_question(store, Question(instrument), SCALES, None).plan
                ends |= {plan.edges[first] for first, _ in plan.whole_bins if first}
            self.bins[instrument] = list(itertools.pairwise([-np.inf, *sorted(ends), np.inf]))
        options = [[NONE, GONE, *self.bins[instrument]] for instrument in instruments]
        cells = list(itertools.product(*self.values.values(), *options))
        self.size = len(cells)
        self.cells = {
            name: np.array([cell[place] for cell in cells], dtype=object) for place, name in enumerate(self.values)
        }
        self.status = {
            instrument: [cell[len(self.values) + place] for cell in cells]
            for place, instrument in enumerate(instruments)
        }
        self.rows: dict[bytes, list] = {}

    def scored(self, instrument: str) -> np.ndarray:
        """Which cells have any score."""
        return np.array([status != NONE for status in self.status[instrument]])

    def paired(self, instrument: str) -> np.ndarray:
        """Which cells have a first and a later score."""
        return np.array([status not in (NONE, GONE) for status in self.status[instrument]])

    def improved(self, instrument: str) -> np.ndarray:
        """Which cells improved by the important change or more."""
        scale = SCALES[instrument]
        if scale.higher_is_better:
            return self.between(instrument, scale.important_change, None)
        return self.between(instrument, None, 1e-6 - scale.important_change)

    def between(self, instrument: str, low: float | None, high: float | None) -> np.ndarray:
        """Which cells' changes lie between these ends."""
        low, high = (-np.inf if low is None else low), (np.inf if high is None else high)
        inside = {(begin, end) for begin, end in self.bins[instrument] if low <= begin and end <= high}
        return np.array([status in inside for status in self.status[instrument]])

    def where(self, inside: dict[str, Iterable[str]]) -> np.ndarray:
        """Which cells have, for each attribute, one of the values; `start_year` is read from the quarter."""
        keep = np.ones(self.size, dtype=bool)
        for name, wanted in inside.items():
            column = name if name != "start_year" else "start_quarter"
            if column in self.cells:
                found = {
                    value for value in self.values[column] if (value[:4] if name == "start_year" else value) in wanted
                }
                keep &= np.array([value in found for value in self.cells[column]])
        return keep

    def know(self, low: float, high: float, parts: dict[int, np.ndarray], count: bool = False) -> None:
        """low <= the sum over blocks of row @ unknowns <= high; `count` for a released count."""
        whole = np.zeros(self.size * self.blocks)
        for block, row in parts.items():
            whole[block * self.size : (block + 1) * self.size] += row
        found = self.rows.setdefault(whole.tobytes(), [whole, -np.inf, np.inf, False])
        found[1:] = max(found[1], low), min(found[2], high), found[3] or count

    def solver(self, true: np.ndarray, exact: bool = False) -> Solver:
        """The constraints, ready to be solved. The truth must satisfy them, or the attack itself is wrong.

        `exact`: a stronger attacker, who knows the true count behind every rounded one.
        """
        matrix, low, high, counts = (np.array([each[place] for each in self.rows.values()]) for place in range(4))
        held = matrix @ true
        assert (held >= low - 1e-6).all()
        assert (held <= high + 1e-6).all()
        if exact:
            low, high = np.where(counts, held, low), np.where(counts, held, high)
        above, below = np.isfinite(high), np.isfinite(low)
        return Solver(
            scipy.sparse.csr_matrix(np.concatenate([matrix[above], -matrix[below]])),
            np.concatenate([high[above], -low[below]]),
            len(self.rows),
        )


@dataclass(frozen=True)
class Solver:
    """Constraints matrix @ unknowns <= limits, unknowns >= 0."""

    matrix: scipy.sparse.csr_matrix
    limits: np.ndarray
    constraints: int

    def most(self, groups: np.ndarray) -> np.ndarray:
        """Unknowns with as many people as can be in these groups together; each counts up to the threshold only."""
        count, size = groups.shape
        rows = scipy.sparse.hstack([self.matrix, scipy.sparse.csr_matrix((self.matrix.shape[0], count))])
        counted = scipy.sparse.hstack([-scipy.sparse.csr_matrix(groups), scipy.sparse.eye(count)])
        found = linprog(
            np.concatenate([np.zeros(size), -np.ones(count)]),
            A_ub=scipy.sparse.vstack([rows, counted]).tocsr(),
            b_ub=np.concatenate([self.limits, np.zeros(count)]),
            bounds=[(0, None)] * size + [(0, POLICY.threshold)] * count,
        )
        assert found.status == 0, found.message
        return found.x[:size]

    def least(self, group: np.ndarray) -> float:
        """The fewest people that can be in the group."""
        found = linprog(group, A_ub=self.matrix, b_ub=self.limits)
        assert found.status == 0, found.message
        return float(found.fun)

    def isolated(self, groups: np.ndarray, rng: np.random.Generator) -> list[int]:
        """Which of the groups are proved to hold between 1 and 9 people.

        One solution settles every group that holds 10 or more in it; who is never settled so is solved alone.
        """
        enough = POLICY.threshold - 1e-6
        left, batch = np.arange(len(groups)), 40
        while len(left) and batch >= 5:
            chosen = rng.permutation(left)[:batch]
            unknowns = self.most(groups[chosen])
            stays = left[groups[left] @ unknowns < enough]
            batch = batch if len(left) - len(stays) > batch // 8 else batch // 2
            left = stays
        return [
            int(place)
            for place in left
            if groups[place] @ self.most(groups[place : place + 1]) < enough and self.least(groups[place]) > 1e-6
        ]


def interval(n: int) -> tuple[int, int]:
    """The true counts that a released count may stand for."""
    half = POLICY.round_to // 2
    return max(n - half, POLICY.threshold), n + half


def learn(space: Space, store: Store, shown: Shown, blocks: Sequence[int] = (0,), visits: bool = False) -> None:
    """Turns every released number into constraints on the sum of the given blocks."""
    for (answer, question), found in shown.items():
        if answer is list_choices:
            _learn_choices(space, store, found, blocks)
            continue
        instrument = question.instrument
        scored, paired, improved = (ask(instrument) for ask in (space.scored, space.paired, space.improved))
        split = question.group_by
        if answer in (answer_interventions, answer_missing):
            split = "intervention" if answer is answer_interventions else None
        asked = check_question(store, Question(instrument, split, question.only), SCALES, None)
        if answer in (answer_responders, answer_interventions):
            plan = plan_responders(asked)
        else:
            plan = plan_changes(asked) if answer is answer_distribution else plan_pairs(asked)
        axes = checked_plan(asked, plan)[0]
        within = {
            part.attribute: {v for v, label in part.labels.items() if label == part.label} for part in axes.filters
        }

        def group(label: str, within=within, labels=axes.first_labels, name=split) -> np.ndarray:
            return space.where(within | ({name: {v for v, each in labels.items() if each == label}} if name else {}))

        def know(low: float, high: float, row: np.ndarray, count: bool = False) -> None:
            space.know(low, high, dict.fromkeys(blocks, row.astype(float)), count)

        whole = space.where(within)
        _learn_share(know, found.completeness, whole & paired, whole & scored, whole_is_told=False)
        if answer is answer_missing:
            know(*interval(found.n), whole & paired, True)
            _learn_share(know, found.observed, whole & improved, whole & paired)
            continue
        for each in found.groups:
            mine = group(each.label)
            if answer is answer_distribution:
                for part in each.bins:
                    know(*interval(part.n), mine & space.between(instrument, part.low, part.high), True)
                continue
            know(*interval(each.n), mine & paired, True)
            _learn_share(know, each.completeness, mine & paired, mine & scored, whole_is_told=False)
            if answer is answer_change:
                _learn_size(know, each, mine & paired)
            if answer in (answer_responders, answer_interventions):
                _learn_share(know, each.share, mine & improved, mine & paired)
        if answer is answer_change and split:
            of_all = shown.get((answer_change, Question(instrument, None, question.only)))
            if of_all:
                _learn_means(
                    know, found, of_all.groups[0], lambda label, group=group, paired=paired: group(label) & paired
                )
        if answer is answer_trend and visits:
            _learn_visits(space, store, found, question, group)


def _learn_share(know, share: ReleasedShare, some: np.ndarray, of: np.ndarray, *, whole_is_told: bool = True) -> None:
    few, rest = POLICY.threshold - 1, of & ~some

    def told(bound_of: Callable[[int], int]) -> tuple[int, int]:
        """The true counts whose rounded one gives the bound that stands in the text."""
        rounded = [n for n in range(10, 5000, 5) if bound_of(n) == int(share.text.split()[2])]
        return interval(rounded[0])[0], interval(rounded[-1])[1]

    if share.percent is not None:
        know(*interval(share.count), some, True)
        know(*interval(share.n), of, True)
        know(POLICY.threshold, np.inf, rest)
    elif share.text.startswith("more than"):
        if whole_is_told:
            know(*told(lambda n: 100 * (n - POLICY.threshold) // n), of)
        else:
            know(*told(lambda n: 100 * n // (n + POLICY.threshold)), some)
        know(0, few, rest)
    elif share.text.startswith("fewer than"):
        know(*told(lambda n: min(100, -(-100 * POLICY.threshold // n))), of)
        know(0, few, some)
    elif share != HIDDEN_BY_GROUP:
        know(0, few, some)
        know(0, few, rest)


def _learn_size(know, group, row: np.ndarray) -> None:
    """Quartiles that are shown, or not, tell how large the group is."""
    for needed, shown in ((POLICY.quartiles_from, group.lower_quartile), (POLICY.median_from, group.median)):
        know(*((0, needed - 1) if shown is None else (needed, np.inf)), row)


def _learn_means(know, split, of_all, paired_of: Callable[[str], np.ndarray]) -> None:
    """The groups' means, weighted by their people, are the mean of all: a line through their true counts."""
    for name in ("mean_first", "mean_last", "mean_change"):
        wide = 0.1 + 1e-6  # both means are rounded to one decimal
        rows = [
            (paired_of(each.label).astype(float), getattr(each, name) - getattr(of_all, name)) for each in split.groups
        ]
        apart, people = sum(row * difference for row, difference in rows), sum(row for row, _ in rows)
        know(-np.inf, 0, apart - wide * people)
        know(0, np.inf, apart + wide * people)


def _learn_visits(space: Space, store: Store, found, question: Question, group) -> None:
    windows = [window.label for window in store.source().visit_windows]
    scored, paired = (ask(question.instrument).astype(float) for ask in (space.scored, space.paired))
    told = found.completeness.percent is not None
    everybody, number = (scored, found.completeness.n) if told else (paired, found.n)
    for each in found.groups:
        mine = group(each.label) * scored
        for visit in each.visits:
            block = 1 + windows.index(visit.label)
            if visit.n is not None and visit.n == number:  # fewer than twenty were away
                space.know(1 - 2 * POLICY.threshold, 0 if told else np.inf, {block: scored, 0: -everybody})
            elif visit.n is not None:
                space.know(*interval(visit.n), {block: mine}, True)
                space.know(-np.inf, -2 * POLICY.threshold, {block: scored, 0: -everybody})
            least = POLICY.threshold if visit.median is None else POLICY.median_from
            space.know(least if visit.lower_quartile is None else POLICY.quartiles_from, np.inf, {block: mine})


def _learn_choices(space: Space, store: Store, found, blocks: Sequence[int]) -> None:
    labels = choice_labels(store, store.source(), SCALES, POLICY)
    for name, listed in found.attributes:
        for choice in listed:
            if choice.n is not None:
                inside = {value for value, label in labels[name].items() if label == choice.value}
                space.know(*interval(choice.n), dict.fromkeys(blocks, space.where({name: inside}).astype(float)), True)


def truth(space: Space, frame: pd.DataFrame) -> np.ndarray:
    """How many people truly are in each cell of one block."""
    names = [*space.values, *space.instruments]
    columns = [space.cells[name] for name in space.values] + [space.status[name] for name in space.instruments]
    places = {cell: place for place, cell in enumerate(zip(*columns, strict=True))}

    def status(instrument: str, change: float):
        if np.isnan(change):
            return GONE
        return next((low, high) for low, high in space.bins[instrument] if low <= change < high)

    counts = np.zeros(space.size)
    for each in frame[names].to_dict("records"):
        told = [status(name, each[name]) if name in space.instruments else each[name] for name in names]
        counts[places[tuple(told)]] += 1
    return counts


def groups_of(space: Space, true: np.ndarray, rng: np.random.Generator, unions: int, log: Log) -> list[np.ndarray]:
    """The groups of 1 to 9 people in one block: of every combination of some attributes with a status, and of random
    unions of cells. (Groups that truly hold nobody, or 10 or more, can't be proved to hold 1 to 9.)"""
    statuses = [np.ones(space.size, dtype=bool)]
    for name in space.instruments:
        paired, scored, improved = space.paired(name), space.scored(name), space.improved(name)
        statuses += [paired, scored & ~paired, improved, paired & ~improved]
        statuses += [np.array([status == each for status in space.status[name]]) for each in set(space.status[name])]
    if len(space.instruments) > 1:
        statuses += [one & ~other for one, other in itertools.permutations(statuses[1:], 2)]
    small: dict[bytes, np.ndarray] = {}

    def look(row: np.ndarray) -> None:
        log.groups += 1
        if round(true @ row) in SMALL:
            small[row.tobytes()] = row

    for count in range(len(space.values) + 1):
        for names in itertools.combinations(space.values, count):
            for values in itertools.product(*(space.values[name] for name in names)):
                inside = space.where({name: {value} for name, value in zip(names, values, strict=True)})
                for status in statuses:
                    look(inside & status)
    filled = np.flatnonzero((true > 0) & (true < POLICY.threshold))
    for _ in range(unions if len(filled) else 0):
        row = np.zeros(space.size, dtype=bool)
        row[rng.choice(filled, size=min(len(filled), int(rng.integers(2, 7))), replace=False)] = True
        if rng.random() < 0.5:  # with cells that happen to be empty: the attacker does not know that they are
            row |= (true == 0) & (rng.random(space.size) < rng.random())
        look(row)
    log.solved += len(small)
    return [row.astype(float) for row in small.values()]


def over_blocks(space: Space, groups: Sequence[np.ndarray], *blocks: dict[int, float]) -> np.ndarray:
    """Each group in each of the given sums of blocks, as rows over all unknowns."""
    rows = []
    for group, parts in itertools.product(groups, blocks):
        whole = np.zeros(space.size * space.blocks)
        for block, factor in parts.items():
            whole[block * space.size : (block + 1) * space.size] = factor * group
        rows.append(whole)
    return np.array(rows).reshape(-1, space.size * space.blocks)


def solve(space: Space, true: np.ndarray, groups: np.ndarray, rng: np.random.Generator, log: Log, what: str) -> None:
    """Fails where somebody is isolated, even by an attacker who knows the exact counts behind the rounded ones.

    What those leave open the rounded ones leave open too, so these are solved by themselves for some populations only.
    """
    small = groups[np.isin(np.rint(groups @ true), SMALL)]
    for exact in (True,) if log.populations % 3 else (True, False):
        solver = space.solver(true, exact)
        found = solver.isolated(small, rng)
        assert not found, f"{what}{' (exact counts)' if exact else ''}: {[small[each] @ true for each in found]} people"
    log.populations += 1
    log.constraints += solver.constraints
