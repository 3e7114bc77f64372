"""The further answers beside all others isolate nobody: who came when, who recovered when, patients like this one,
sites beside each other, charts over time, quality.

The unknowns are finer here than in `test_disclosure_attack`: how many people of each combination of attributes had which
course, that is whether they had a first score and, at each later visit, whether they came and whether they were then better
by the important change. The attacker knows how every measure follows from a course (who improved at the last visit was
better at some visit), and which weeks a step of a recovery curve stands for, though that is not shown.

More of it: `KNEEWISE_ATTACK=200 pytest tests/property/test_disclosure_attack_further.py -s` attacks 200 populations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kneewise.disclosure.control_chart import MEASURES
from kneewise.disclosure.grouping import NOT_RECORDED
from kneewise.disclosure.recovery import shared_steps
from kneewise.errors import KneewiseError
from kneewise.outcomes import over_time, recovering
from kneewise.outcomes.answers import answer_change, answer_responders, answer_trend, list_choices
from kneewise.outcomes.asking import ATTRIBUTE_NAMES, Question, check_question, checked_plan
from kneewise.outcomes.comparing import answer_comparison
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.interventions import answer_interventions
from kneewise.outcomes.like_mine import LikeMine, _words, answer_like_mine
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.over_time import answer_over_time
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.publishing import can_publish
from kneewise.outcomes.quality import answer_quality
from kneewise.outcomes.questions import BANDS
from kneewise.outcomes.recovering import answer_recovery
from kneewise.outcomes.store import Store, open_store
from kneewise.statistics.funnel import CLASS_MINIMUM
from tests.attacker import (
    AKPS,
    LARGE,
    POLICY,
    SMALL,
    VALUES,
    Log,
    Space,
    _learn_share,
    interval,
    learn,
)
from tests.outcomes_samples import SCALES, long_csv

pytestmark = [pytest.mark.timeout(60 * LARGE)] if LARGE else []

AWAY, SAME, BETTER = "away", "same", "better"
DAYS = {6: 42, 12: 84, 52: 364}
"""Weeks of the later visits and the day on which everybody comes who comes: the attacker knows these too."""
WINDOWS = {6: "6 weeks", 12: "12 weeks", 52: "1 year"}
NOBODY = (False, (AWAY,) * len(DAYS))
COURSES = [
    (first, visits)
    for first in (True, False)
    for visits in itertools.product((AWAY, SAME, BETTER) if first else (AWAY, SAME), repeat=len(DAYS))
]
Course = tuple[bool, tuple[str, ...]]


def last_seen(course: Course) -> int | None:
    """The week of the last later visit."""
    return next((week for week, seen in zip(reversed(DAYS), reversed(course[1]), strict=True) if seen != AWAY), None)


def improved(course: Course) -> bool:
    """Whether they were better at their last visit."""
    last = last_seen(course)
    return course[0] and last is not None and course[1][list(DAYS).index(last)] == BETTER


def recovered(course: Course) -> int | None:
    """The week in which they were better first, of those who still were at their last visit."""
    first = next((week for week, seen in zip(DAYS, course[1], strict=True) if seen == BETTER), None)
    return first if improved(course) else None


class Courses(Space):
    """The unknowns: how many people stand in each cell of all attributes together, by course.

    With two blocks the second are people who joined later; `reading` are the blocks that what is read now counts.
    """

    def __init__(self, frame: pd.DataFrame, blocks: int = 1):
        self.values = {
            name: sorted(frame[name].unique()) for name in (*VALUES, "first_band") if frame[name].nunique() > 1
        }
        self.blocks, self.instruments, self.rows = blocks, (AKPS,), {}
        self.reading: tuple[int, ...] = tuple(range(blocks))
        # Where the clinic asks up to twelve weeks only, the attacker knows that nobody came later.
        asks = [any(course[1][place] != AWAY for course in frame["course"]) for place in range(len(DAYS))]
        self.possible = [
            course
            for course in COURSES
            if all(seen == AWAY or here for seen, here in zip(course[1], asks, strict=True))
        ]
        cells = [
            cell
            for cell in itertools.product(*self.values.values(), self.possible)
            if "first_band" not in self.values
            or (cell[list(self.values).index("first_band")] == NOT_RECORDED) != cell[-1][0]
        ]
        self.places = {cell: place for place, cell in enumerate(cells)}
        self.size = len(cells)
        self.cells = {
            name: np.array([cell[place] for cell in cells], dtype=object) for place, name in enumerate(self.values)
        }
        self.courses = [cell[-1] for cell in cells]

    def know(self, low: float, high: float, parts: dict[int, np.ndarray], count: bool = False) -> None:
        """As `Space.know`; what is said of the first block is known of all that are read."""
        super().know(low, high, dict.fromkeys(self.reading, parts[0]), count)

    def those(self, have: Callable[[Course], bool]) -> np.ndarray:
        """Which cells are of people whose course is such."""
        known = {course: bool(have(course)) for course in COURSES}
        return np.array([known[course] for course in self.courses])

    def scored(self, _instrument: str = AKPS) -> np.ndarray:
        """Which cells have any score."""
        return self.those(lambda course: course != NOBODY)

    def paired(self, _instrument: str = AKPS) -> np.ndarray:
        """Which cells have a first and a later score."""
        return self.those(lambda course: course[0] and last_seen(course) is not None)

    def improved(self, _instrument: str = AKPS) -> np.ndarray:
        """Which cells were better at their last visit."""
        return self.those(improved)

    def seen(self, week: int, how: tuple[str, ...] = (SAME, BETTER)) -> np.ndarray:
        """Which cells came at that week (and were better, or not)."""
        place = list(DAYS).index(week)
        return self.those(lambda course: course[1][place] in how)

    def truth(self, frame: pd.DataFrame) -> np.ndarray:
        """How many people truly are in each cell."""
        counts = np.zeros(self.size)
        for each in frame[[*self.values, "course"]].itertuples(index=False):
            counts[self.places[tuple(each)]] += 1
        return counts


def make_courses(rng: np.random.Generator, people: int, varies: dict[str, int]) -> pd.DataFrame:
    """One row per person: attributes (some not recorded), first score and course."""
    shares = {name: rng.dirichlet(np.full(varies.get(name, 1), 3.0)) for name in VALUES}
    frame = pd.DataFrame(
        {
            name: rng.choice(np.array(values[: varies.get(name, 1)], dtype=object), size=people, p=shares[name])
            for name, values in VALUES.items()
        }
    )
    for name in sorted(set(varies) & {"symptom_duration", "age_band"}):
        frame.loc[rng.random(people) < rng.choice([0, 0.02, 0.15]), name] = NOT_RECORDED
    no_first, comes = rng.choice([0, 0.02, 0.06]), np.clip(rng.normal([0.8, 0.75, 0.5], 0.12), 0.02, 0.98)
    if rng.random() < 0.4 and "start_quarter" not in varies:
        comes[2] = 0  # the clinic asks up to twelve weeks only, or once
        comes[1] *= rng.integers(2)
    gets, falls = rng.uniform(0.2, 0.5), rng.choice([0.01, 0.03, 0.1])
    courses = []
    for _ in range(people):
        better, visits = False, []
        for share in comes:
            better = rng.random() > falls if better else rng.random() < gets
            visits.append((BETTER if better else SAME) if rng.random() < share else AWAY)
        courses.append((True, tuple(visits)))
    for place in np.flatnonzero(rng.random(people) < no_first):
        visits = tuple(SAME if seen != AWAY else AWAY for seen in courses[place][1])
        courses[place] = (False, visits if visits != NOBODY[1] else (SAME, AWAY, AWAY))
    first = rng.integers(30, 60, size=people)
    important = int(SCALES[AKPS].important_change)
    changes = [
        tuple(
            int(rng.integers(*((important, important + 25) if seen == BETTER else (-25, important)))) for seen in visits
        )
        for _, visits in courses
    ]
    frame = frame.assign(
        course=courses, changes=changes, first=first, id=[f"P{place}" for place in rng.permutation(100_000)[:people]]
    )
    frame["first_band"] = [
        BANDS[int(score * len(BANDS) // 100)] if course[0] else NOT_RECORDED
        for score, course in zip(first, courses, strict=True)
    ]
    return frame


def store_of(frame: pd.DataFrame, folder: Path) -> Store:
    """A store that holds these people."""
    header = "episode_id,site,age_band,sex,symptom_duration,intervention,start_year,start_quarter,instrument,day,value"
    rows = []
    for each in frame.replace({NOT_RECORDED: ""}).to_dict("records"):
        year, quarter = each["start_quarter"].split()
        told = [each[name] for name in ("id", "site", "age_band", "sex", "symptom_duration", "intervention")]
        start = ",".join([*told, year, quarter])
        first, visits = each["course"]
        if first:
            rows.append(f"{start},AKPS,0,{each['first']}")
        for day, seen, change in zip(DAYS.values(), visits, each["changes"], strict=True):
            if seen != AWAY:
                rows.append(f"{start},AKPS,{day},{each['first'] + change}")
    key = folder.parent / "clinic.key"
    import_export(long_csv(rows, header), read_profile("kneewise_long"), folder, SCALES, key_file=key)
    return open_store(folder)


def read_everything(store: Store, frame: pd.DataFrame, space: Courses, log: Log) -> None:
    """Every question that the further answers take, and the plain ones beside them, as constraints."""
    shown = {}
    choices = list_choices(store, SCALES)
    values = {name: [choice.value for choice in listed] for name, listed in choices.attributes}
    filters = [(), *(((name, value),) for name in values for value in values[name])]
    two = [tuple(sorted(pair)) for pair in itertools.combinations([each[0] for each in filters if each], 2)]

    def ask(answer, *asked, **more):
        log.asked += 1
        try:
            found = answer(store, *asked, SCALES, **more)
        except KneewiseError:
            return None
        log.answered += 1
        return found

    for group, only in itertools.product((None, *POLICY.grid), (*filters, *two)):
        if POLICY.table_of(tuple({name for name in (group, *(name for name, _ in only)) if name})) is None:
            continue
        question = Question(AKPS, group, only)
        for answer in (answer_change, answer_responders, answer_trend, answer_missing, answer_interventions):
            if group is None or answer in (answer_change, answer_responders, answer_trend):
                found = ask(answer, question)
                if found is not None:
                    shown[answer, question] = found
    learn(space, store, {**shown, (list_choices, None): choices})
    for (answer, question), found in shown.items():
        if answer is answer_trend and question == Question(AKPS):
            _learn_visits(space, space.truth(frame), found)
    for name in POLICY.grid:
        found = ask(answer_comparison, Question(AKPS, name))
        if found is not None:
            _learn_comparison(space, found, name)
    for only, measure in itertools.product((*filters, *two), MEASURES):
        found = ask(answer_over_time, Question(AKPS, None, only), measure=measure)
        if found is not None:
            _learn_over_time(space, store, found, only)
    for group, only in itertools.product((None, recovering.SHARED_SPLIT), filters):
        question = Question(AKPS, group, only)
        found = ask(answer_recovery, question)
        if found is not None:
            _learn_recovery(space, store, question)
    _learn_quality(space, space.truth(frame), ask(answer_quality, Question(AKPS)))
    words = {
        _words(name, value, SCALES[AKPS]): (name, value)
        for name in ("age_band", "symptom_duration", "first_band")
        for value in (BANDS if name == "first_band" else (*VALUES[name], NOT_RECORDED))
    }
    for age, duration, first in itertools.product(
        (*frame["age_band"].unique(),), (None, *frame["symptom_duration"].unique()), (None, 30, 50, 70)
    ):
        found = ask(answer_like_mine, LikeMine(AKPS, age, duration, first))
        if found is not None:
            _learn_like_mine(space, space.truth(frame), found, [words[each] for each in found.matched])


def _knower(space: Courses) -> Callable:
    def know(low: float, high: float, row: np.ndarray, count: bool = False) -> None:
        space.know(low, high, {0: row.astype(float)}, count)

    return know


def _told(space: Courses, true: np.ndarray, n: int, row: np.ndarray, *beside: np.ndarray) -> None:
    """A count that may be told as that of another group: then it stands for more. The attacker may know where."""
    moved = any(n == (round(true @ other) + 2) // 5 * 5 for other in beside)
    _knower(space)(*((max(POLICY.threshold, n - 7), n + 7) if moved else interval(n)), row)


def _learn_visits(space: Courses, true: np.ndarray, found) -> None:
    """How many of everybody came to each visit."""
    (everybody,) = found.groups
    told = found.completeness.percent is not None
    number, of = (found.completeness.n, space.scored()) if told else (found.n, space.paired())
    for visit in everybody.visits:
        week = {label: week for week, label in WINDOWS.items()}.get(visit.label)
        if visit.n is None:
            continue
        came = space.seen(week) if week else space.those(lambda course: course[0])
        for needed, shown in ((POLICY.quartiles_from, visit.lower_quartile), (POLICY.median_from, visit.median)):
            _knower(space)(*((0, needed - 1) if shown is None else (needed, np.inf)), came)
        if visit.n == number:  # fewer than twenty were away
            space.know(-np.inf, 2 * POLICY.threshold - 1, {0: of.astype(float) - came})
        else:
            _told(space, true, visit.n, came, space.paired())
            space.know(2 * POLICY.threshold, np.inf, {0: of.astype(float) - came})


def _learn_comparison(space: Courses, found, attribute: str) -> None:
    know, whole = _knower(space), space.those(lambda course: True)
    _learn_share(know, found.completeness, whole & space.paired(), whole & space.scored(), whole_is_told=False)
    for unit in found.units:
        mine = space.where({attribute: {unit.label}})
        if unit.n is not None:
            know(*interval(unit.n), mine & space.paired(), True)
        know(1, np.inf, mine & space.scored())
        enough = unit.status != "insufficient records"
        know(*((CLASS_MINIMUM, np.inf) if enough else (0, CLASS_MINIMUM - 1)), mine & space.paired())


def _learn_over_time(space: Courses, store: Store, found, only) -> None:
    know, attribute = _knower(space), f"start_{found.period}"
    asked = check_question(store, Question(AKPS, attribute, only), SCALES, None)
    axes = checked_plan(asked, over_time._grouping(asked, found.measure))[0]
    within = {part.attribute: {v for v, label in part.labels.items() if label == part.label} for part in axes.filters}
    of = space.scored() if found.measure in ("completeness", "episodes") else space.paired()
    some = space.paired() if found.measure == "completeness" else space.improved()
    for point in found.points:
        if point.n is None:
            continue
        first, _, last = point.label.partition(over_time._FROM_TO)
        inside = {value for value in axes.first_labels if first <= value <= (last or first)}
        mine = space.where({**within, attribute: inside})
        know(*interval(point.n), mine & of, True)
        if found.unit == "percent":
            counts = [n for n in range(10, point.n - 9, 5) if round(100 * n / point.n) == point.value]
            know(interval(counts[0])[0], interval(counts[-1])[1], mine & some, len(counts) == 1)
            know(POLICY.threshold, np.inf, mine & of & ~some)


def _learn_recovery(space: Courses, store: Store, question: Question) -> None:
    """The rounded number who had recovered, and who were last seen, up to each step's end."""
    know = _knower(space)
    asked = check_question(store, question, SCALES, None)
    grouping = (
        recovering.plan_groups(
            asked, lambda table: recovering._sizes(asked, table), recovering._measures, (recovering.SHARED_SPLIT,)
        )
        if asked.attributes
        else recovering.plan_pairs(asked)
    )
    axes = checked_plan(asked, grouping)[0]
    split = axes.first_labels or (axes.filters[0].labels if axes.filters else {})
    name = axes.first or (axes.filters[0].attribute if axes.filters else None)
    every = recovering._cells(
        asked,
        recovering.Axes(name, first_labels=split or None, table=axes.table, leave_out=axes.leave_out) if name else axes,
    )
    steps = shared_steps(every, POLICY)
    for label, cell in every.items():
        if axes.filters and label != axes.filters[0].label:
            continue
        mine = space.where({name: {value for value, each in split.items() if each == label}} if name else {})
        mine = mine & space.paired()
        for counts, made, week_of in (
            (cell.events, steps[0], recovered),
            (cell.censored, steps[1], lambda course: None if recovered(course) else last_seen(course)),
        ):
            total = 0
            for step in made:
                total += sum(
                    n for day, n in zip(cell.days, counts, strict=True) if step.first <= -(-day // 7) <= step.last
                )
                until = space.those(lambda course, end=step.last, of=week_of: (of(course) or 999) <= end)
                own = space.those(lambda course, step=step, of=week_of: step.first <= (of(course) or 999) <= step.last)
                know(*interval((total + 2) // 5 * 5), mine & until, True)
                know(POLICY.threshold, np.inf, mine & own)


def _learn_quality(space: Courses, true: np.ndarray, found) -> None:
    if found is None:
        return
    know = _knower(space)
    everybody = space.scored() if found.base == "everybody who started" else space.paired()
    know(*interval(found.n), everybody, True)
    attributes = {words: name for name, words in ATTRIBUTE_NAMES.items()}
    visits = {label: week for week, label in WINDOWS.items()}
    for row in found.rows:
        if row.kind == "attribute":
            inside = {value for value in space.values.get(attributes[row.name], ()) if value != NOT_RECORDED}
            some = space.where({attributes[row.name]: inside}) & everybody if inside else everybody
        elif row.name == "first score":
            some = space.those(lambda course: course[0])
        else:
            some = space.seen(visits[row.name])
        few, bound = 2 * POLICY.threshold, row.share.text.partition("%")[0].split()[-1]
        if row.share.percent is not None:
            _told(space, true, row.share.count, some, *([space.paired()] if row.kind == "visit" else []))
            space.know(few, np.inf, {0: everybody.astype(float) - some})
        elif row.share.text.startswith("at most"):
            know(0, few - 1, some)
        elif row.share.text.startswith("at least"):
            inside = some if row.kind == "visit" else everybody & some
            told_as = 7 if row.kind == "visit" else 0  # the count may be told as another's
            # One percent more, for the bound is a whole one.
            space.know(-told_as, np.inf, {0: inside - (int(bound) / 100 - 0.01) * everybody})
            # At most so many are left; where the bound does not say more, at least it says that.
            if row.kind == "visit" or int(bound) == 100 * (found.n - few) // found.n:
                space.know(-np.inf, few - 1 + told_as, {0: everybody.astype(float) - some})


def _learn_like_mine(space: Courses, true: np.ndarray, found, criteria: Iterable[tuple[str, str]]) -> None:
    know = _knower(space)
    cell = space.scored()
    for name, value in criteria:
        cell = cell & space.where({name: {value}})
    alike, last = cell & space.those(lambda course: course[0]), cell & space.improved()

    _told(space, true, found.n, alike, cell)
    know(*interval(found.completeness.count), alike & space.paired())
    know(POLICY.threshold, np.inf, alike & ~space.paired())
    for each in found.weeks:
        seen, better = alike & space.seen(each.week), alike & space.seen(each.week, (BETTER,))
        everybody = bool(true @ cell == true @ space.scored())
        nobody_later = not any(true @ space.seen(week) for week in DAYS if week > each.week)
        beside = [better & last] * everybody + [last] * nobody_later
        _told(space, true, each.share.n, seen, alike & space.paired(), *[space.seen(each.week)] * everybody)
        _told(space, true, each.share.count, better, *beside)
        for some, of in ((better, seen), (seen, alike)):
            know(POLICY.threshold, np.inf, of & ~some)
            know(POLICY.threshold, np.inf, some)


def groups_of(space: Courses, true: np.ndarray, rng: np.random.Generator, most: int, log: Log) -> list[np.ndarray]:
    """Groups of 1 to 9 people: of up to two attributes with one measure but not another, and with single courses."""
    measures = {
        "scored": space.scored(), "paired": space.paired(), "improved": space.improved(),
        "first": space.those(lambda course: course[0]),
        "ever better": space.those(lambda course: BETTER in course[1]),
        **{f"recovered by {week}": space.those(lambda c, week=week: (recovered(c) or 999) <= week) for week in DAYS},
        **{f"last seen {week}": space.those(lambda c, week=week: last_seen(c) == week) for week in DAYS},
        **{f"seen {week}": space.seen(week) for week in DAYS},
        **{f"better {week}": space.seen(week, (BETTER,)) for week in DAYS},
    }  # fmt: skip
    statuses = {name: row for name, row in measures.items()}
    statuses |= {f"{one}, not {other}": a & ~b for (one, a), (other, b) in itertools.permutations(measures.items(), 2)}
    statuses |= {f"{one} and {other}": a & b for (one, a), (other, b) in itertools.combinations(measures.items(), 2)}
    statuses |= {str(course): space.those(lambda c, course=course: c == course) for course in space.possible}
    small: dict[bytes, tuple[str, np.ndarray]] = {}
    for count in range(3):
        for names in itertools.combinations(space.values, count):
            for values in itertools.product(*(space.values[name] for name in names)):
                inside = space.where({name: {value} for name, value in zip(names, values, strict=True)})
                for status, row in statuses.items():
                    log.groups += 1
                    if round(true @ (inside & row)) in SMALL:
                        small[(inside & row).tobytes()] = (f"{values} {status}", (inside & row).astype(float))
    found = list(small.values())
    whole = [each for each in found if each[0].startswith("()")]
    rest = [each for each in found if not each[0].startswith("()")]
    chosen = [*whole, *(rest[place] for place in rng.permutation(len(rest))[: max(0, most - len(whole))])]
    log.solved += len(chosen)
    return chosen


def isolated_in(space: Courses, truths: list[np.ndarray], rng: np.random.Generator, most: int, log: Log) -> list:
    """(Group, people) of those that the constraints isolate; one list of true numbers for each block."""
    groups = [
        (f"{name}, block {block}", np.concatenate([row * (other == block) for other in range(space.blocks)]))
        for block, true in enumerate(truths)
        for name, row in groups_of(space, true, rng, most, log)
    ]
    true, rows = np.concatenate(truths), np.array([row for _, row in groups]).reshape(-1, space.size * space.blocks)
    solver = space.solver(true)
    found = solver.isolated(rows, rng)
    print(
        f"\n{log.asked:,} questions, {log.answered:,} answered; {solver.constraints} constraints; {log.groups:,} groups looked "
        f"at, {log.solved:,} of 1 to 9 people put to the solver; {len(found)} isolated."
    )
    return [(groups[each][0], rows[each] @ true) for each in found]


KINDS = (
    {"age_band": 2, "symptom_duration": 2, "site": 2},
    {"symptom_duration": 3, "start_quarter": 3},
    {"age_band": 3, "sex": 2},
    {"site": 3, "start_quarter": 4},
)


@pytest.mark.parametrize("seed", range(60, 63 + LARGE))
def test_the_further_answers_beside_all_others_isolate_nobody(seed, tmp_path):
    rng, log = np.random.default_rng(seed), Log()
    frame = make_courses(rng, int(rng.integers(120, 500)), KINDS[seed % len(KINDS)])
    store = store_of(frame, tmp_path / "store")
    space = Courses(frame)
    read_everything(store, frame, space, log)
    assert isolated_in(space, [space.truth(frame)], rng, 400, log) == []


@pytest.mark.parametrize("seed", range(82, 83 + LARGE))
def test_the_further_answers_of_two_versions_isolate_nobody(seed, tmp_path):
    """For an attacker who knows that nobody left or changed."""
    rng, log = np.random.default_rng(seed), Log()
    old = make_courses(rng, int(rng.integers(120, 400)), KINDS[seed // 2 % 2 * 2])  # quarters would close in between
    joined = old.iloc[rng.permutation(len(old))[: len(old) if seed % 2 == 0 else int(rng.integers(60, len(old)))]]
    joined = joined.assign(id=[f"N{place}" for place in range(len(joined))])
    new = pd.concat([old, joined], ignore_index=True)
    stores = [store_of(frame, tmp_path / name) for name, frame in (("old", old), ("new", new))]
    if not can_publish(*stores, SCALES, POLICY).ok:
        assert seed != 82
        return
    space = Courses(new, 2)
    for store, frame, space.reading in zip(stores, (old, new), ((0,), (0, 1)), strict=True):
        read_everything(store, frame, space, log)
    assert isolated_in(space, [space.truth(old), space.truth(joined)], rng, 300, log) == []


@pytest.mark.parametrize(("joined_early", "ok"), [(4, False), (14, True)])
def test_a_version_whose_early_recoveries_are_one_rounding_more_waits(joined_early, ok, tmp_path):
    """60 people had recovered by week 6, then 64: told as 60 and 65, which proves 1 to 9 of those who joined."""
    early, late, never = (BETTER,) * 3, (SAME, SAME, BETTER), (SAME,) * 3

    def people(counts: dict[tuple[str, ...], int], name: str) -> pd.DataFrame:
        visits = [each for each, n in counts.items() for _ in range(n)]
        frame = pd.DataFrame({key: [values[0]] * len(visits) for key, values in VALUES.items()})
        return frame.assign(
            id=[f"{name}{place}" for place in range(len(visits))],
            course=[(True, each) for each in visits],
            changes=[tuple(20 if seen == BETTER else 0 for seen in each) for each in visits],
            first=40,
        )

    old = people({early: 60, late: 60, never: 80}, "P")
    new = pd.concat([old, people({early: joined_early, late: 20, never: 21}, "N")], ignore_index=True)
    stores = [store_of(frame, tmp_path / name) for name, frame in (("old", old), ("new", new))]
    assert can_publish(*stores, SCALES, POLICY).ok == ok
