"""What the questions cost on each engine: start, opening, every question, memory. The figures of docs/scale.md.

    .venv/bin/python -m benchmarks.outcomes make FOLDER EPISODES MADE.json     # records, five scores an episode
    .venv-spark/bin/python -m benchmarks.engines FOLDER [ENGINE ...]           # duckdb and spark, where none is named

Runs in .venv-spark, because only there both engines are (`python run.py spark` makes it). Every engine runs in a process
of its own; whatever processes that starts count into its memory. Their answers must be equal, or it ends with an error.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 3


def main(arguments: Sequence[str]) -> int:
    """Measure and print; returns the exit code."""
    if len(arguments) == 3 and arguments[0] == "--measure":
        Path(arguments[2]).write_text(json.dumps(measure(Path(arguments[1]))), encoding="utf-8")
        return 0
    if not arguments:
        print(__doc__)
        return 2
    found = {engine: in_a_process(arguments[0], engine) for engine in arguments[1:] or ("duckdb", "spark")}
    first = next(iter(found))
    for engine in found:
        for name, rows in found[engine]["answers"].items():
            require_same(f"{name}, {engine}", rows, found[first]["answers"][name])
    print(f"{'seconds':46}" + "".join(f"{engine:>22}" for engine in found))
    for name in found[first]["seconds"]:
        each = (found[engine]["seconds"][name] for engine in found)
        print(f"{name:46}" + "".join(f"{seconds:>22}" for seconds in map(in_words, each)))
    print(f"{'memory of all its processes, MB':46}" + "".join(f"{each['peak_mb']:>22.0f}" for each in found.values()))
    return 0


def in_words(seconds: Sequence[float]) -> str:
    """The first time, and the median of the others."""
    again = f", then {statistics.median(seconds[1:]):.2f}" if len(seconds) > 1 else ""
    return f"{seconds[0]:.2f}{again}"


def in_a_process(folder: str, engine: str) -> dict:
    """What `measure` found with this engine, and the largest memory of the process and all that it started."""
    with tempfile.TemporaryDirectory() as place:
        answer = Path(place) / "found.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engines", "--measure", folder, str(answer)],
            cwd=ROOT,
            env={**os.environ, "KNEEWISE_ENGINE": engine, "SPARK_WORKER_DIR": place},
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, memory_mb(psutil.Process(process.pid)))
            time.sleep(0.1)
        if process.returncode:
            raise RuntimeError(f"{engine}: it ended with {process.returncode}; the reason stands above.")
        return json.loads(answer.read_text(encoding="utf-8")) | {"peak_mb": peak}


def memory_mb(process: psutil.Process) -> float:
    """Resident memory of a process and its descendants. What they share is counted for each."""
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            try:
                total += each.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    except psutil.NoSuchProcess:
        return 0.0
    return total / 1_000_000


def measure(folder: Path) -> dict:
    """Seconds of every question (a list: the first time, then again with nothing remembered), and the answers."""
    begun = time.perf_counter()
    from kneewise.outcomes.store import Store, current_version, read_version

    version = read_version(folder, str(current_version(folder)))
    store = Store(folder, version)
    started = time.perf_counter() - begun
    seconds: dict[str, list[float]] = {"start and opening": [started]}
    answers = {}
    for name, ask in every_question(store).items():
        seconds[name] = []
        for _ in range(1 + REPEATS):
            fresh = Store(folder, version)
            begun = time.perf_counter()
            answer = ask(fresh)
            seconds[name].append(time.perf_counter() - begun)
        answers[name] = answer
    return {"seconds": seconds, "answers": answers}


def every_question(store: object) -> Mapping[str, Callable]:
    """The questions that cost most: of the table with one row per episode, and of all scores."""
    from kneewise.outcomes import more_questions, questions
    from kneewise.outcomes.instruments import InstrumentRange
    from kneewise.outcomes.questions import Axes
    from kneewise.outcomes.store import Window

    akps = InstrumentRange("instrument.akps", 0, 100, True, 10.0, "", "", "AKPS")
    info = store.source()
    others = (Window("2 months", 30, 90), Window("a year", 300, 400))

    def rows(frame: object, *keys: str) -> list[dict]:
        return json.loads(frame.sort_values(list(keys)).to_json(orient="records", double_precision=15))

    return {
        "episodes by site": lambda store: rows(questions.episode_counts(store, info, "site"), "first_axis"),
        "change by site and year": lambda store: rows(
            questions.change_cells(store, info, akps, Axes("site", "start_year")), "first_axis", "second_axis"
        ),
        "score at each visit by sex": lambda store: rows(
            questions.visit_cells(store, info, akps, Axes("sex"), info.visit_windows), "first_axis", "visit"
        ),
        "days to the important change by treatment": lambda store: rows(
            more_questions.recovery_days(store, info, akps, Axes("intervention"), 10.0), "intervention", "day"
        ),
        "from all scores: visits at other windows": lambda store: rows(
            questions.visit_cells(store, info, akps, Axes("sex"), others), "first_axis", "visit"
        ),
        "from all scores: days to another change": lambda store: rows(
            more_questions.recovery_days(store, info, akps, Axes("intervention"), 12.0), "intervention", "day"
        ),
    }


def require_same(name: str, one: object, other: object) -> None:
    """Raise RuntimeError unless both answers are the same up to the last places of a float."""
    if isinstance(other, dict | list):
        pairs = zip(one, other, strict=True) if isinstance(other, list) else ((one[key], other[key]) for key in other)
        for mine, theirs in pairs:
            require_same(name, mine, theirs)
    elif isinstance(other, float) and isinstance(one, int | float):
        if not math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9):
            raise RuntimeError(f"{name}: {one} is not {other}.")
    elif one != other:
        raise RuntimeError(f"{name}: {one} is not {other}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
