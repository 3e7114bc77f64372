"""The outcomes at 20 million scores: every question beside pandas, memory, growth, and the import of 2 million rows.

    python -m benchmarks outcomes

Runs only when it is asked for: it needs 4 GB of disk for a while and some minutes. All data are synthetic and seeded; the
same answers are asked of the store and of pandas in one run, each in a process of its own, and must be equal.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measures import ROOT, Figure, peak_memory_mb
from kneewise.outcomes import more_questions, questions
from kneewise.outcomes.episodes import episode_outcomes, visit_column, week_column, week_windows
from kneewise.outcomes.instruments import InstrumentRange
from kneewise.outcomes.manifests import CURRENT, EMPTY_VERSION, TABLES
from kneewise.outcomes.profiles import ATTRIBUTES, read_profile
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import SourceInfo, Store, Window, current_version, open_store, read_version
from kneewise.outcomes.writing import locked, point_to, write_file, write_manifest

SIZES = (200_000, 4_000_000)  # episodes, five scores each
BLOCK = 200_000  # episodes made at a time
IMPORTED_ROWS = 2_000_000
NEEDED_BYTES = 4_000_000_000
REPEATS = 3
SOURCE = "synthetic_benchmark"
PROFILE = read_profile("kneewise_long")
WINDOWS = tuple(Window(each.label, each.from_day, each.to_day) for each in PROFILE.visit_windows)
# Scales of the benchmark's own: what is measured does not depend on the knowledge base.
AKPS = InstrumentRange("instrument.akps", 0, 100, True, 10.0, "", "", "AKPS")
PAIN = InstrumentRange("instrument.nprs_worst", 0, 10, False, 2.0, "", "", "Worst pain")
SIGNED = {AKPS.id: 10.0, PAIN.id: -2.0}
WEEKS = week_windows(WINDOWS)
DAYS = (0, 42, 84, 364, 0)  # four AKPS scores, then one of pain
SCORES = len(DAYS)
CHOICES: Mapping[str, Sequence[str | None]] = {
    "age_band": ("under 18", "18 to 39", "40 to 59", "60 and over"),
    "sex": ("female", "female", "female", "male", "male", "other", None),
    "site": tuple(f"Site {number:02}" for number in range(20)),
    "intervention": ("exercise only", "exercise + tape", "exercise + orthosis", "exercise + tape + orthosis"),
    "symptom_duration": ("under 3 months", "3 to 12 months", "over 12 months", None),
    "referral": ("self", "GP"),
    "start_quarter": ("Q1", "Q2", "Q3", "Q4"),
}


def outcomes_at_scale() -> Iterator[Figure]:
    """Figures of questions, memory, growth and import, one after the other as they are measured."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if shutil.disk_usage(place).free < NEEDED_BYTES:
            yield Figure("outcomes at 20 million scores", None, 1, "s", f"needs {NEEDED_BYTES // 10**9} GB of disk")
            return
        yield from imported(place)
        made = {episodes: in_a_process("make", place / f"{episodes}", episodes) for episodes in SIZES}
        small, large = SIZES
        build, by_pandas = made[large]["ours"], made[large]["pandas"]
        yield Figure("episode table of all scores", build, 4, "s", f"{large * SCORES / 1e6:g} million, in blocks")
        yield Figure("  of pandas' time", build / by_pandas, 0.5, "", f"pandas {by_pandas:.1f} s")
        yield growth(made[small]["ours"], build)
        asked = {
            (engine, episodes): in_a_process("ask", place / f"{episodes}", engine)
            for episodes in SIZES
            for engine in ("store", "pandas")
        }
        for name in QUESTIONS:
            for episodes in SIZES:
                same(name, asked["store", episodes]["answers"][name], asked["pandas", episodes]["answers"][name])
            mine, theirs = (asked[engine, large]["seconds"][name] for engine in ("store", "pandas"))
            note = f"{large * SCORES / 1e6:g} million scores, asked anew; {mine['processor']:.2f} s of processor time"
            yield Figure(name, mine["answer"], 1, "s", note)
            note = f"pandas {theirs['read'] + theirs['answer']:.2f} s, of these {theirs['answer']:.2f} s after reading"
            yield Figure("  of pandas' time", mine["answer"] / (theirs["read"] + theirs["answer"]), 0.5, "", note)
            yield growth(asked["store", small]["seconds"][name]["answer"], mine["answer"])
        opening = asked["store", large]["seconds"]["open"]["answer"]
        yield Figure("opening the store, every byte checked", opening, 5, "s", "once per version and process")
        peaks = [asked[engine, large]["peak_mb"] for engine in ("store", "pandas")]
        yield Figure("memory of all questions", peaks[0], 1500, "MB", f"resident; pandas {peaks[1]:.0f} MB")


def growth(small: float, large: float) -> Figure:
    """How the time grew from the smaller to the larger number of scores; 1 is linear."""
    note = f"{small:.2f} s at {SIZES[0] * SCORES / 1e6:g} million; 1 is linear"
    return Figure("  growth", large / small / (SIZES[1] / SIZES[0]), 1, "", note)


def imported(place: Path) -> Iterator[Figure]:
    """Import of a CSV export through the command line, in a process of its own."""
    export = place / "export.csv"
    write_export(export)
    command = [sys.executable, "-m", "kneewise", "import", str(export), "--profile", PROFILE.id]
    begun, busy = time.perf_counter(), os.times()
    process = subprocess.Popen(
        [*command, "--store", str(place / "imported")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = peak_memory_mb(process)
    seconds = time.perf_counter() - begun
    said = process.stdout.read() if process.stdout else ""
    names = ("import of 1 million rows", "memory of that import")
    if process.returncode != 0:
        refused = f"refused: {(said.strip().splitlines() or ['no message'])[-1]}"
        yield Figure(names[0], None, 5, "s", refused)
        return
    done = os.times()
    processor = done.children_user + done.children_system - busy.children_user - busy.children_system
    note = f"{IMPORTED_ROWS / seconds:,.0f} rows a second, start included; all rows took {processor:.1f} s of processor time"
    yield Figure(names[0], seconds / (IMPORTED_ROWS / 1e6), 5, "s", note)
    yield Figure(names[1], peak, 1500, "MB", f"resident; {export.stat().st_size / 1e6:.0f} MB of CSV")
    export.unlink()
    shutil.rmtree(place / "imported")


def in_a_process(*arguments: object) -> dict:
    """What `python -m benchmarks.outcomes ...` wrote down, with the peak of its memory."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "benchmarks.outcomes", *map(str, arguments), str(answer)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        peak = peak_memory_mb(process)
        if process.returncode != 0:
            raise RuntimeError((process.stderr.read() if process.stderr else "").strip()[-2000:] or "It ended.")
        return json.loads(answer.read_text(encoding="utf-8")) | {"peak_mb": peak}


def same(name: str, one: Sequence[Mapping], other: Sequence[Mapping]) -> None:
    """Raise RuntimeError unless two answers hold the same rows, numbers up to rounding."""
    if len(one) != len(other):
        raise RuntimeError(f"'{name}': {len(one)} rows from the store, {len(other)} from pandas.")
    for mine, theirs in zip(one, other, strict=True):
        for column, value in theirs.items():
            equal = np.allclose(mine[column], value, rtol=1e-9) if isinstance(value, float) else mine[column] == value
            if not equal:
                raise RuntimeError(f"'{name}', {column}: {mine} is not {theirs}.")


# --- the data -------------------------------------------------------------------------------------------------------


def blocks(episodes: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Episodes and their scores, a block at a time, ordered as an import stores them. Synthetic; the same every time."""
    for begin in range(0, episodes, BLOCK):
        count = min(BLOCK, episodes - begin)
        rng = np.random.default_rng([1, begin])
        ids = identifiers(begin, count, episodes, rng)
        people: dict[str, pa.Array] = {"episode_id": ids, "source": repeated([SOURCE], np.zeros(count, dtype=int))}
        for name in (*ATTRIBUTES, "start_year", "start_quarter", "start_month"):
            if name == "start_year":
                people[name] = pa.array(rng.integers(2015, 2026, count), pa.int32())
            elif name in CHOICES:
                people[name] = repeated(CHOICES[name], rng.integers(0, len(CHOICES[name]), count))
            else:
                people[name] = pa.nulls(count, pa.int32() if name == "start_month" else pa.string())
        visits = len(DAYS)
        days = np.tile(DAYS, (count, 1))
        days[:, 1:4] += rng.integers(-20, 21, (count, 3))
        start = rng.normal(55, 13, count)
        gain = rng.normal(14, 12, count)
        values = start[:, None] + gain[:, None] * np.array([0, 0.5, 0.8, 1]) + rng.normal(0, 5, (count, 4))
        pain = np.clip(np.round(rng.normal(6, 2, count)), 0, 10)
        scores = {
            "episode_id": ids.take(pa.array(np.repeat(np.arange(count), visits))),
            "instrument": repeated([AKPS.id, PAIN.id], np.tile([0, 0, 0, 0, 1], count)),
            "day": pa.array(days.ravel(), pa.int32()),
            "value": pa.array(np.column_stack([np.clip(np.round(values), 0, 100), pain]).ravel()),
        }
        yield pa.table(people), pa.table(scores)


def identifiers(begin: int, count: int, of: int, rng: np.random.Generator) -> pa.Array:
    """Ids that look like an import's: 32 hexadecimal digits, in order."""
    places = (np.arange(begin, begin + count, dtype=np.int64) << 32) // of
    more = rng.bytes(12 * count).hex()
    return pa.array([f"{place:08x}{more[24 * at : 24 * at + 24]}" for at, place in enumerate(places.tolist())])


def repeated(values: Sequence[str | None], places: np.ndarray) -> pa.Array:
    """These texts at these places, as text."""
    return pa.array(values, pa.string()).take(pa.array(places))


def make(folder: Path, episodes: int) -> dict[str, float]:
    """Make the store; returns the seconds that the episode table took here, and with pandas on the same blocks."""
    folder.mkdir(parents=True)
    raw = {name: folder / f"raw-{name}.parquet" for name in TABLES}
    writers: dict[str, pq.ParquetWriter] = {}
    seconds = {"ours": 0.0, "pandas": 0.0}
    for people, scores in blocks(episodes):
        begun = time.perf_counter()
        found = episode_outcomes(people, scores, None, PROFILE.baseline_until_day, SIGNED, WINDOWS)
        seconds["ours"] += time.perf_counter() - begun
        frames = people.to_pandas(), scores.to_pandas()
        begun = time.perf_counter()
        by_pandas = pandas_episode_table(*frames)
        seconds["pandas"] += time.perf_counter() - begun
        for name in ("first", "last", "change", "weeks", *map(visit_column, range(len(WINDOWS)))):
            if not np.array_equal(found.column(name).to_numpy(), by_pandas[name].to_numpy(), equal_nan=True):
                raise RuntimeError(f"The episode table and pandas differ in '{name}'.")
        for name, table in zip(TABLES, (people, scores, found), strict=True):
            if name not in writers:
                writers[name] = pq.ParquetWriter(raw[name], table.schema, compression="zstd")
            writers[name].write_table(table)
    for writer in writers.values():
        writer.close()
    rows = {name: pq.read_metadata(path).num_rows for name, path in raw.items()}
    info = SourceInfo(
        source=SOURCE, profile=PROFILE.id, profile_version=PROFILE.version, label="Synthetic benchmark", licence="",
        attribution="", note="", day_note="", synthetic=True, episodes=rows["episode"], scores=rows["score"],
        population_attribute="", population_value="", instruments=(AKPS.id, PAIN.id), visit_windows=WINDOWS, files={},
        rows=rows, important_changes=SIGNED,
    )  # fmt: skip
    with locked(folder, make=True):
        for name, path in raw.items():
            info.files[name] = write_file(folder, SOURCE, name, lambda to, path=path: shutil.move(path, to))
        point_to(folder, CURRENT, write_manifest(folder, EMPTY_VERSION, (info,), int(time.time())))
    return seconds


def pandas_episode_table(people: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """First, last, change, weeks and visits with plain pandas."""
    keys = ["episode_id", "instrument"]
    before = scores[scores["day"] <= PROFILE.baseline_until_day].drop_duplicates(keys, keep="first")
    after = scores[scores["day"] > PROFILE.baseline_until_day].drop_duplicates(keys, keep="last")
    found = scores.groupby(keys, sort=True).size().rename("scores").reset_index()
    found = found.merge(before.rename(columns={"day": "first_day", "value": "first"}), on=keys, how="left")
    found = found.merge(after.rename(columns={"day": "last_day", "value": "last"}), on=keys, how="left")
    found["change"] = found["last"] - found["first"]
    found["weeks"] = (found["last_day"] - found["first_day"]) / 7
    for place, window in enumerate(WINDOWS):
        inside = scores[scores["day"].between(window.from_day, window.to_day)].drop_duplicates(keys, keep="first")
        inside = inside[[*keys, "value"]].rename(columns={"value": visit_column(place)})
        found = found.merge(inside, on=keys, how="left")
    return found.merge(people, on="episode_id", how="left", validate="many_to_one")


def write_export(path: Path) -> None:
    """A CSV export of the Kneewise long form, marked synthetic."""
    rng = np.random.default_rng(2)
    count = IMPORTED_ROWS // 4
    chosen = {name: rng.integers(0, len(values), count).tolist() for name, values in CHOICES.items()}
    years = rng.integers(2019, 2026, count).tolist()
    values = rng.integers(0, 101, (count, 4)).tolist()
    days = (np.array([0, 42, 84, 364]) + rng.integers(0, 14, (count, 4)) * np.array([0, 1, 1, 1])).tolist()
    names = [name for name in CHOICES if name != "start_quarter"]
    with path.open("w", encoding="utf-8") as file:
        file.write(f"data_origin,episode_id,{','.join(names)},start_year,start_quarter,instrument,day,value\n")
        for number in range(count):
            person = ",".join(CHOICES[name][chosen[name][number]] or "" for name in names)
            quarter = CHOICES["start_quarter"][chosen["start_quarter"][number]]
            head = f"SYNTHETIC,SYN{number:07},{person},{years[number]},{quarter},AKPS"
            file.writelines(f"{head},{days[number][at]},{values[number][at]}\n" for at in range(4))


# --- the questions --------------------------------------------------------------------------------------------------


def rows_of(frame: pd.DataFrame, keys: Sequence[str]) -> list[dict]:
    """An answer as rows in order of its keys: texts, whole numbers and decimals; lists become columns."""
    frame = frame.copy()
    for name in list(frame.columns):
        if len(frame) and isinstance(frame[name].iloc[0], list):
            for place in range(len(frame[name].iloc[0])):
                frame[f"{name}_{place}"] = [each[place] for each in frame[name]]
            frame = frame.drop(columns=name)
    for name in keys:
        frame[name] = frame[name].astype(str)
    for name in set(frame.columns) - set(keys):
        whole = pd.api.types.is_integer_dtype(frame[name])
        frame[name] = frame[name].astype("int64" if whole else "float64")
    return frame.sort_values(list(keys), ignore_index=True).astype(object).to_dict("records")


def known(column: pd.Series) -> pd.Series:
    """An attribute as the store's questions see it."""
    return column.astype(object).where(column.notna(), "not recorded").astype(str)


def summed(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Everything that `questions.change_cells` says of a cell, by plain pandas."""
    paired = frame[frame["change"].notna()]
    marks = paired[list(keys)].assign(
        pairs=1,
        improved=paired["change"] > 1e-9,
        worse=paired["change"] < -1e-9,
        responders=paired["change"] >= 10 - 1e-9,
        change_sum=paired["change"],
        change_squares=paired["change"] ** 2,
        first_sum=paired["first"],
        last_sum=paired["last"],
    )
    found = marks.groupby(list(keys), observed=True).sum()
    found["any_score"] = frame.groupby(list(keys), observed=True).size()
    quartiles = paired.groupby(list(keys), observed=True)["change"].quantile([0.25, 0.5, 0.75]).unstack()
    for place, share in enumerate((0.25, 0.5, 0.75)):
        found[f"change_quartiles_{place}"] = quartiles[share]
    return found.reset_index()


def change_by_pandas(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Change by site and year."""
    frame = frames["episode_outcome"].rename(columns={"site": "first_axis", "start_year": "second_axis"})
    return summed(frame, ["first_axis", "second_axis"])


EDGES = list(range(-100, 101, 10))


def bins_by_pandas(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Changes in bins, by age band and sex."""
    frame = frames["episode_outcome"]
    frame = frame[frame["change"].notna()]
    bins = np.searchsorted(np.asarray(EDGES[1:-1]) - 1e-9, frame["change"].to_numpy(), side="right")
    counted = pd.DataFrame({"first_axis": frame["age_band"], "second_axis": known(frame["sex"]), "bin": bins})
    found = counted.groupby(["first_axis", "second_axis", "bin"], observed=True).size().rename("n").reset_index()
    return found


def cells_by_pandas(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Cells of age band, symptom duration and third of the first score."""
    frame = frames["episode_outcome"]
    band = np.select(
        [frame["first"] < 100 / 3, frame["first"] < 2 * (100 / 3), frame["first"].notna()],
        list(questions.BANDS),
        "not recorded",
    )
    counted = pd.DataFrame(
        {
            "age_band": frame["age_band"],
            "symptom_duration": known(frame["symptom_duration"]),
            "first_band": band,
            "any_score": 1,
            "pairs": frame["change"].notna(),
            "responders": frame["change"] >= 10 - 1e-9,
        }
    )
    keys = ["age_band", "symptom_duration", "first_band"]
    return counted.groupby(keys, observed=True).sum().reset_index()


def visits_by_pandas(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Score at each visit by sex: people and quartiles."""
    frame = frames["episode_outcome"].assign(first_axis=known(frames["episode_outcome"]["sex"]))
    parts = []
    for place in range(len(WINDOWS)):
        came = frame[frame[visit_column(place)].notna()].groupby("first_axis", observed=True)[visit_column(place)]
        quartiles = came.quantile([0.25, 0.5, 0.75]).unstack()
        columns = {f"quartiles_{at}": quartiles[share] for at, share in enumerate((0.25, 0.5, 0.75))}
        parts.append(came.size().rename("n").to_frame().assign(visit=place, **columns).reset_index())
    return pd.concat(parts)


def episodes_by_pandas(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Episodes by site."""
    found = frames["episode"].groupby("site", observed=True).size().rename("n").reset_index()
    return found.rename(columns={"site": "first_axis"})


def recovery_by_pandas(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Days to the important change, by treatment."""
    frame = frames["episode_outcome"]
    frame = frame[frame["change"].notna()]
    has = frame["recovered_day"].notna() & (frame["change"] >= 10 - 1e-9)
    day = frame["recovered_day"].where(has, frame["last_seen_day"]) - frame["first_day"]
    marks = pd.DataFrame(
        {"intervention": frame["intervention"], "day": day.astype(int), "events": has, "censored": ~has}
    )
    return marks.groupby(["intervention", "day"], observed=True).sum().reset_index()


def weeks_by_pandas(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """People seen and improved at set weeks, by sex."""
    people = frames["episode_outcome"]
    people = people.assign(sex=known(people["sex"]))
    begun, lasts = people["first"].notna(), people["change"] >= 10 - 1e-9
    marks = {"any": 1, "people": begun, "gone": begun & people["change"].isna(), "responders": lasts}
    for week in WEEKS:
        score = people[week_column(week)]
        better = score - people["first"] >= 10 - 1e-9
        marks |= {f"seen_{week}": begun & score.notna(), f"improved_{week}": better, f"kept_{week}": better & lasts}
    return people[["sex"]].assign(**marks).groupby("sex").sum().reset_index()


@dataclass(frozen=True)
class Asked:
    """One question: how the store answers it, how pandas does, which columns pandas reads for it, an answer's keys."""

    store: Callable[[Store, SourceInfo], pd.DataFrame]
    pandas: Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame]
    columns: Mapping[str, Sequence[str]]
    keys: Sequence[str]


OUTCOME = "episode_outcome"
QUESTIONS = {
    "change by site and year": Asked(
        lambda store, info: questions.change_cells(store, info, AKPS, Axes("site", "start_year")),
        change_by_pandas,
        {OUTCOME: ("site", "start_year", "first", "last", "change")},
        ["first_axis", "second_axis"],
    ),
    "changes in bins by age band and sex": Asked(
        lambda store, info: questions.change_counts(store, info, AKPS, Axes("age_band", "sex"), EDGES),
        bins_by_pandas,
        {OUTCOME: ("age_band", "sex", "change")},
        ["first_axis", "second_axis", "bin"],
    ),
    "cells of age, symptoms and first score": Asked(
        lambda store, info: questions.table_cells(store, info, AKPS, ["age_band", "symptom_duration", "first_band"]),
        cells_by_pandas,
        {OUTCOME: ("age_band", "symptom_duration", "first", "change")},
        ["age_band", "symptom_duration", "first_band"],
    ),
    "score at each visit by sex": Asked(
        lambda store, info: questions.visit_cells(store, info, AKPS, Axes("sex"), WINDOWS).drop(columns="second_axis"),
        visits_by_pandas,
        {OUTCOME: ("sex", *map(visit_column, range(len(WINDOWS))))},
        ["first_axis", "visit"],
    ),
    "episodes by site": Asked(
        lambda store, info: questions.episode_counts(store, info, "site"),
        episodes_by_pandas,
        {"episode": ("site",)},
        ["first_axis"],
    ),
    "days to the important change by treatment": Asked(
        lambda store, info: more_questions.recovery_days(store, info, AKPS, Axes("intervention"), 10.0),
        recovery_by_pandas,
        {OUTCOME: ("intervention", "change", "first_day", "recovered_day", "last_seen_day")},
        ["intervention", "day"],
    ),
    "improved at set weeks by sex": Asked(
        lambda store, info: more_questions.week_cells(store, info, AKPS, Axes("sex"), WEEKS),
        weeks_by_pandas,
        {OUTCOME: ("sex", "first", "change", *map(week_column, WEEKS))},
        ["sex"],
    ),
}


def ask_store(folder: Path) -> dict:
    """Every question asked of the store: seconds (median of some, nothing remembered) and answers."""
    version = read_version(folder, str(current_version(folder)))
    begun = time.perf_counter()
    info = open_store(folder).source(SOURCE)
    seconds = {"open": {"answer": time.perf_counter() - begun}}
    questions.episode_counts(Store(folder, version), info)  # Ibis is imported by now
    answers = {}
    for name, asked in QUESTIONS.items():
        times, processor = [], []
        for _ in range(REPEATS):
            store = Store(folder, version)
            begun, busy = time.perf_counter(), time.process_time()
            found = asked.store(store, info)
            times.append(time.perf_counter() - begun)
            processor.append(time.process_time() - busy)
        seconds[name] = {"answer": statistics.median(times), "processor": statistics.median(processor)}
        answers[name] = rows_of(found, asked.keys)
    return {"seconds": seconds, "answers": answers}


def ask_pandas(folder: Path) -> dict:
    """Every question answered by pandas from the same files: seconds for reading and for answering, and answers."""
    version = read_version(folder, str(current_version(folder)))
    seconds, answers = {}, {}
    for name, asked in QUESTIONS.items():
        begun = time.perf_counter()
        frames = {}
        for table, wanted in asked.columns.items():
            where = [] if table == "episode" else [("instrument", "==", AKPS.id)]
            path = folder / "files" / version.sources[0].files[table]
            frames[table] = pd.read_parquet(path, columns=list(wanted), filters=where or None)
        read = time.perf_counter()
        found = asked.pandas(frames)
        seconds[name] = {"read": read - begun, "answer": time.perf_counter() - read}
        answers[name] = rows_of(found, asked.keys)
    return {"seconds": seconds, "answers": answers}


def main(arguments: Sequence[str]) -> None:
    """One part of the benchmark in this process; the last argument is the file for what was found."""
    what, folder, how, answer = arguments
    if what == "make":
        found: dict = make(Path(folder), int(how))
    else:
        found = {"store": ask_store, "pandas": ask_pandas}[how](Path(folder))
    Path(answer).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
