"""The questions are written once: every engine gives the answers that plain Python gives, and the same released ones.

`python run.py test` asks DuckDB; `python run.py spark` asks Spark as well, on a local cluster of two worker processes.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import by_hand
import numpy as np
import pandas as pd
import pytest
from scale_data import AKPS, PAIN, PF, WINDOWS

from kneewise.disclosure.policy import read_policy
from kneewise.errors import KneewiseError
from kneewise.outcomes import more_questions, questions
from kneewise.outcomes.answers import (
    answer_change,
    answer_distribution,
    answer_responders,
    answer_trend,
    list_choices,
)
from kneewise.outcomes.asking import Question, check_question
from kneewise.outcomes.comparing import answer_comparison, comparison_cells
from kneewise.outcomes.interventions import answer_interventions
from kneewise.outcomes.like_mine import LikeMine, answer_like_mine
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.over_time import answer_over_time
from kneewise.outcomes.quality import answer_quality
from kneewise.outcomes.questions import Axes, Filter
from kneewise.outcomes.recovering import answer_recovery
from tests.outcomes_samples import SCALES

AS_EXACT = {"rel": 1e-9, "abs": 1e-9}
EDGES = (-100.0, -10.0, -1.0, 0.0, 1.0, 10.0, 100.0)
BANDS = {"under 18": "up to 39", "18 to 39": "up to 39"}

CASES = {
    "everybody": ("random", "north", AKPS, Axes()),
    "texts with quotes": ("random", "north", AKPS, Axes("site", "sex")),
    "lower is better": ("random", "north", PAIN, Axes("first_band", "start_month")),
    "no important change": ("random", "north", PF, Axes("start_quarter", filters=(Filter("sex", "female"),))),
    "lists": ("random", "north", AKPS, Axes("factors", filters=(Filter("factors", "b"), Filter("age_band", "18 to 39")))),
    "left out quarters": ("random", "north", AKPS, Axes("start_year", leave_out=("2024 Q1", "2023, not recorded"))),
    "a planned table": (
        "random",
        "north",
        AKPS,
        Axes("age_band", None, BANDS, filters=(Filter("sex", "male", {}),), table=("age_band", "sex", "start_year")),
    ),
    "as an earlier Kneewise wrote it": ("random", "south", AKPS, Axes("clinician", "symptom_duration")),
    "no rows": ("random", "nobody", AKPS, Axes("site")),
    "the demonstration": ("demo", "synthetic_demo", AKPS, Axes("site", "age_band")),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Asked:
    """A case with its store, opened with one engine, and the people whom it is about."""

    store: object
    info: object
    scale: object
    axes: Axes
    people: list


@pytest.fixture(params=list(CASES))
def asked(request, engine, opened) -> Asked:
    return case_of(request.param, opened(CASES[request.param][0], engine))


@functools.cache
def case_of(name: str, store) -> Asked:
    _, source, instrument, axes = CASES[name]
    info, scale = store.source(source), SCALES[instrument]
    return Asked(store, info, scale, axes, by_hand.people_of(store, info, scale, axes))


def as_cells(frame: pd.DataFrame, keys: list[str], leave_out: tuple[str, ...] = ()) -> dict:
    """The rows of an answer by their keys; each key once."""
    rows = frame.drop(columns=list(leave_out)).to_dict("records")
    found = {tuple(row.pop(key) for key in keys): row for row in rows}
    assert len(found) == len(frame)
    return found


def assert_alike(found, expected, where: str = "") -> None:
    """Fails where two answers differ by more than the last places of a float."""
    if dataclasses.is_dataclass(expected) and not isinstance(expected, type):
        assert type(found) is type(expected), where
        found, expected = (
            {field.name: getattr(each, field.name) for field in dataclasses.fields(each)} for each in (found, expected)
        )
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        for key in expected:
            assert_alike(found[key], expected[key], f"{where} {key}")
    elif isinstance(expected, list | tuple | np.ndarray):
        assert len(found) == len(expected), where
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_alike(one, other, f"{where} {place}")
    elif isinstance(expected, float) and math.isnan(expected):
        assert math.isnan(found), where
    elif isinstance(expected, int | float | np.number):
        assert found == pytest.approx(expected, **AS_EXACT), where
    else:
        assert found == expected, where


def test_changes(asked):
    found = questions.change_cells(asked.store, asked.info, asked.scale, asked.axes)
    expected = by_hand.change_cells(asked.people, asked.scale, asked.axes)
    assert_alike(as_cells(found, ["first_axis", "second_axis"]), expected)


def test_sizes_of_changes(asked):
    found = questions.change_counts(asked.store, asked.info, asked.scale, asked.axes, EDGES)
    expected = by_hand.change_counts(asked.people, asked.axes, EDGES)
    counted = {cell: row["n"] for cell, row in as_cells(found, ["first_axis", "second_axis", "bin"]).items()}
    assert_alike(counted, dict(expected))


@pytest.mark.parametrize("windows", ["its own", "others"])
def test_visits(asked, windows):
    """At the source's own visits, which an import has worked out, and at others, which are read from the scores. Two of those overlap."""
    chosen = asked.info.visit_windows if windows == "its own" else WINDOWS["south"][1:] + WINDOWS["north"][1:2]
    found = questions.visit_cells(asked.store, asked.info, asked.scale, asked.axes, chosen)
    expected = by_hand.visit_cells(asked.people, asked.axes, chosen)
    assert_alike(as_cells(found, ["first_axis", "second_axis", "visit"]), expected)


def test_recovery(asked):
    important = asked.scale.important_change or 7.0
    whole = dataclasses.replace(asked.axes, filters=() if asked.axes.table else asked.axes.filters)
    people = by_hand.people_of(asked.store, asked.info, asked.scale, whole)
    for change in (important, important + 1):  # the one of the import, and another one
        found = more_questions.recovery_days(asked.store, asked.info, asked.scale, whole, change)
        expected = by_hand.recovery_days(people, asked.info, asked.scale, whole, change)
        assert_alike(as_cells(found, [*whole.attributes, "day"]), expected)


def test_weeks(asked):
    whole = dataclasses.replace(asked.axes, filters=() if asked.axes.table else asked.axes.filters)
    people = by_hand.people_of(asked.store, asked.info, asked.scale, whole)
    windows = dict(zip((6, 12), asked.info.visit_windows[-2:], strict=False))
    found = more_questions.week_cells(asked.store, asked.info, asked.scale, whole, windows)
    expected = by_hand.week_cells(people, asked.scale, whole, windows)
    names = [f"{part}_{week}" for week in windows for part in ("seen", "improved", "kept")]
    names = ("any", "people", "gone", "responders", *names)
    counts = {cell: {name: cells[name] for name in names} for cell, cells in expected.items()}
    if not whole.attributes and not counts:
        counts = {(): dict.fromkeys(names, 0)}
    assert_alike(as_cells(found, list(whole.attributes)), counts)


def test_first_scores(asked):
    axes = asked.axes if asked.axes.attributes else Axes("site")
    axes = dataclasses.replace(axes, filters=() if axes.table else axes.filters)
    people = by_hand.people_of(asked.store, asked.info, asked.scale, axes)
    found = more_questions.first_scores(asked.store, asked.info, asked.scale, axes)
    assert_alike(as_cells(found, list(axes.attributes)), by_hand.first_scores(people, axes))


@pytest.mark.parametrize("unit", ["site", "age_band"])
def test_comparison(asked, unit):
    question = Question(asked.scale.id, group_by=unit, source=asked.info.source)
    policy = read_policy("own")
    found = comparison_cells(check_question(asked.store, question, SCALES, policy))
    mix = [name for name in ("age_band", "sex") if name != unit]
    expected = by_hand.comparison_cells(by_hand.people_of(asked.store, asked.info, asked.scale, Axes()), [unit, *mix])
    names = [name for name in found.columns if name not in ("unit", *mix)]
    sums = {cell: {name: float(cells[name]) for name in names} for cell, cells in expected.items()}
    assert_alike(as_cells(found, ["unit", *mix]), sums)


@pytest.mark.parametrize("attribute", [None, "site", "start_month", "factors", "clinician"])
@pytest.mark.parametrize("source", ["north", "south", "nobody"])
def test_episodes(engine, opened, source, attribute):
    store = opened("random", engine)
    found = questions.episode_counts(store, store.source(source), attribute)
    expected = by_hand.episode_counts(store, store.source(source), attribute)
    assert_alike({cell[0]: row["n"] for cell, row in as_cells(found, ["first_axis"]).items()}, dict(expected))


@pytest.mark.parametrize(("name", "source"), [("random", "north"), ("random", "nobody"), ("demo", "synthetic_demo")])
def test_up_to_when_the_records_reach(engine, opened, name, source):
    store = opened(name, engine)
    info = store.source(source)
    assert more_questions.data_reach(store, info) == by_hand.data_reach(store, info, with_quarter=False)
    reach = by_hand.data_reach(store, info, with_quarter=True)
    late = questions.open_quarters(store, info, 84)
    assert (reach is None) <= (late == ())
    for quarter in {by_hand.attributes_of(row)["start_quarter"] for row in by_hand.rows_of(store, info, "episode")}:
        if quarter[5:6] == "Q" and late:
            year, last = int(quarter[:4]), 3 * int(quarter[6])
            end = pd.Timestamp(year, last, 1) + pd.offsets.MonthEnd(0)
            assert (quarter in late) == (pd.Timestamp(reach) < end + pd.Timedelta(days=84))


RELEASED: dict[str, Callable] = {
    "change": answer_change,
    "responders": answer_responders,
    "trend": answer_trend,
    "distribution": answer_distribution,
    "comparison": answer_comparison,
    "recovery": answer_recovery,
    "missing": answer_missing,
    "interventions": answer_interventions,
    "quality": answer_quality,
    "improved over time": functools.partial(answer_over_time, measure="improved"),
    "completeness over time": functools.partial(answer_over_time, measure="completeness"),
}
ASKED = (
    {},
    {"group_by": "site"},
    {"group_by": "symptom_duration"},
    {"group_by": "intervention", "only": ("start_year", "2024")},
    {"group_by": "clinician", "only": (("sex", "female"), ("factors", "b"))},
)


def said(answer: Callable, store, question, policy):
    """A released answer, or the sentences of a refusal."""
    try:
        return answer(store, question, SCALES, policy)
    except KneewiseError as refusal:
        return type(refusal).__name__, refusal.sentences


@pytest.mark.parametrize("mode", ["shared", "own"])
@pytest.mark.parametrize("answer", list(RELEASED))
@pytest.mark.parametrize("name", ["demo", "random"])
def test_released_answers_are_the_same(opened, spark_here, name, answer, mode):
    policy = read_policy(mode)
    source = "synthetic_demo" if name == "demo" else "north"
    shown = 0
    for more in ASKED:
        question = Question(AKPS, source=source, **more)
        one, other = (said(RELEASED[answer], opened(name, engine), question, policy) for engine in ("duckdb", "spark"))
        assert_alike(other, one, f"{more}")
        shown += not isinstance(one, tuple)
    assert shown or (mode == "shared" and name == "random")


@pytest.mark.parametrize("mode", ["shared", "own"])
def test_released_choices_and_patients_like_this_one_are_the_same(opened, spark_here, mode):
    policy = read_policy(mode)
    like = LikeMine(AKPS, "18 to 39", "over 2 years", 50.0, ("b",), source="north")
    for ask in (
        lambda store: list_choices(store, SCALES, "north", policy),
        lambda store: said(lambda store, like, scales, policy: answer_like_mine(store, like, scales, policy), store, like, policy),
    ):  # fmt: skip
        assert_alike(ask(opened("random", "spark")), ask(opened("random", "duckdb")))


def test_sessions_that_ask_at_once_do_not_mix_up_their_answers(engine, opened):
    """Hazard of one shared connection: another session's rows."""
    store = opened("random", engine)
    rounds = 3 if engine == "spark" else 15

    def ask(instrument: str) -> dict[str, int]:
        def question(table):
            rows = table("episode_outcome").filter(table("episode_outcome")["instrument"] == instrument)
            return rows.group_by("site").aggregate(n=rows.count(), total=rows["first"].sum())

        return as_cells(store.ask(question), ["site"])

    alone = {instrument: ask(instrument) for instrument in (AKPS, PAIN, PF)}
    wanted = [AKPS, PAIN, PF, PAIN] * rounds
    with ThreadPoolExecutor(8) as threads:
        for instrument, found in zip(wanted, threads.map(ask, wanted), strict=True):
            assert_alike(found, alone[instrument])


def test_two_worker_processes_do_the_work(opened, spark_here):
    """The answers of Spark come from two processes beside this one, and both took part."""
    from pyspark import SparkContext

    store = opened("random", "spark")
    context = SparkContext._active_spark_context
    assert context.master == "local-cluster[2,1,1024]"
    deadline = time.monotonic() + 60
    while len(context._jsc.sc().statusTracker().getExecutorInfos()) < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    infos = context._jsc.sc().statusTracker().getExecutorInfos()
    assert len({(info.host(), info.port()) for info in infos}) == 3  # two workers and what gives them work
    for _ in range(5):
        count_scores(store)
    executors = context._jsc.sc().statusStore().executorList(True)
    tasks = {executors.apply(place).id(): executors.apply(place).totalTasks() for place in range(executors.size())}
    assert tasks.pop("driver") == 0
    assert sum(done > 0 for done in tasks.values()) >= 2
    assert len(worker_processes()) == 2


def test_a_worker_that_dies_costs_time_and_no_answer(opened, spark_here):
    store = opened("random", "spark")
    before = count_scores(store)
    gone = worker_processes()[0]
    os.kill(gone, signal.SIGKILL)
    assert_alike(count_scores(store), before)
    assert gone not in worker_processes()


def count_scores(store) -> dict:
    """Scores per instrument, asked anew."""

    def question(table):
        return (
            table("score").group_by("instrument").aggregate(n=table("score").count(), sum=table("score")["value"].sum())
        )

    return as_cells(store.ask(question), ["instrument"])


def worker_processes() -> list[int]:
    """The processes that descend from this one and do Spark's work for it."""
    import psutil

    return [
        each.pid
        for each in psutil.Process().children(recursive=True)
        if each.status() != psutil.STATUS_ZOMBIE
        and any("CoarseGrainedExecutorBackend" in part for part in each.cmdline())
    ]
