"""The demonstration opened once for every test of the further answers, its truth from its raw rows, and small stores.

Everything here is worked out with pandas from the rows, apart from the store and its questions.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from kneewise.outcomes import demo
from kneewise.outcomes.store import SourceInfo, Store, Window, commit_source, open_store
from tests.outcomes_samples import SCALES

AKPS, PAIN, KOOS = "instrument.akps", "instrument.nprs_worst", "instrument.koos_pf"
BASELINE_UNTIL = 13
WINDOWS = (
    Window("start", 0, 13), Window("6 weeks", 14, 62), Window("12 weeks", 63, 182), Window("1 year", 183, 548),
)  # fmt: skip
_TEXTS = (
    "age_band", "sex", "site", "intervention", "procedure", "clinician", "symptom_duration", "referral", "factors",
    "start_quarter",
)  # fmt: skip
_KEPT: list[tempfile.TemporaryDirectory] = []


@functools.lru_cache(maxsize=1)
def demo_store() -> Store:
    """The imported demonstration, shared by all tests of this process."""
    folder = _folder()
    demo.import_demo(SCALES, folder)
    return open_store(folder)


@functools.lru_cache(maxsize=1)
def demo_rows() -> pd.DataFrame:
    """The demonstration's AKPS scores as they stand in its file."""
    rows = pd.read_csv(demo.DEMO_FOLDER / "synthetic_clinics_long.csv", keep_default_na=False)
    rows = rows[rows["instrument"] == "AKPS"].astype({"day": int, "value": float})
    return rows.sort_values(["episode_id", "day"], ignore_index=True)


@functools.lru_cache(maxsize=1)
def demo_people() -> pd.DataFrame:
    """One row per episode of the demonstration: attributes, first, last, whether paired and better, recovery, last day."""
    return people_of(demo_rows())


def people_of(rows: pd.DataFrame, important: float = SCALES[AKPS].important_change) -> pd.DataFrame:
    """One row per episode of these rows."""
    rows = rows.sort_values(["episode_id", "day"], ignore_index=True)
    early, late = rows[rows["day"] <= BASELINE_UNTIL], rows[rows["day"] > BASELINE_UNTIL]
    begun = early.drop_duplicates("episode_id").set_index("episode_id")
    reached = late[late["value"] - late["episode_id"].map(begun["value"]) >= important].drop_duplicates("episode_id")
    people = rows.drop_duplicates("episode_id").drop(columns=["instrument", "day", "value"]).reset_index(drop=True)
    who = people["episode_id"]
    people["first"], people["first_day"] = who.map(begun["value"]), who.map(begun["day"])
    people["last"] = who.map(late.drop_duplicates("episode_id", keep="last").set_index("episode_id")["value"])
    people["change"] = people["last"] - people["first"]
    people["paired"] = people["change"].notna()
    people["better"] = people["change"] >= important
    people["recovered_day"] = who.map(reached.set_index("episode_id")["day"])
    people["last_day"] = who.map(rows.groupby("episode_id")["day"].max())
    return people


def to_five(count: float) -> int:
    """Rounded half up to a multiple of five."""
    return int((int(count) + 2) // 5 * 5)


def put(folder: Path, people: pd.DataFrame, scores: pd.DataFrame, ready: bool = False, windows=WINDOWS) -> Store:
    """A store of one source with these people (attributes by `episode_id`) and their AKPS scores (`day`, `value`).

    `ready`: with the columns that an import works out for recovery.
    """
    people = people.reindex(columns=["episode_id", *_TEXTS, "start_year", "start_month"])
    scores = scores.sort_values(["episode_id", "day"], ignore_index=True)
    outcome = people_of(scores.assign(instrument="AKPS"))
    outcome["last_day"] = outcome["last_day"].where(outcome["last"].notna())
    seen = scores.groupby("episode_id")["day"].max()
    outcome = outcome[["episode_id", "first", "last", "change", "first_day", "last_day", "recovered_day"]]
    outcome = outcome.merge(people, on="episode_id")
    outcome["expected_last"] = np.nan
    columns = {name: _days(outcome.pop(name)) for name in ("first_day", "last_day", "recovered_day")}
    recovered = columns.pop("recovered_day")
    if ready:
        columns |= {"recovered_day": recovered, "last_seen_day": _days(outcome["episode_id"].map(seen))}
    table = _attributes(outcome)
    for name, column in columns.items():
        table = table.append_column(name, column)
    table = table.append_column("source", pa.array(["clinic"] * len(outcome)))
    table = table.append_column("instrument", pa.array([AKPS] * len(outcome)))
    tables = {
        "episode": _attributes(people).append_column("source", pa.array(["clinic"] * len(people))),
        "score": pa.table(
            {
                "episode_id": scores["episode_id"].tolist(),
                "instrument": [AKPS] * len(scores),
                "day": pa.array(scores["day"].tolist(), pa.int32()),
                "value": scores["value"].astype(float).tolist(),
            }
        ),
        "episode_outcome": table,
    }
    info = SourceInfo(
        source="clinic", profile="kneewise_long", profile_version=1, label="A test", licence="", attribution="", note="",
        day_note="", synthetic=True, episodes=len(people), scores=len(scores), population_attribute="",
        population_value="", instruments=(AKPS,), visit_windows=tuple(windows), files={},
        important_changes={AKPS: SCALES[AKPS].important_change} if ready else {},
    )  # fmt: skip
    commit_source(folder, info, tables)
    return open_store(folder)


@functools.lru_cache(maxsize=1)
def year_of_months() -> Store:
    """One year by months, the last score on day 84 of its last month; March has four people and June nobody."""
    sizes = [40, 40, 4, 40, 40, 0, 40, 40, 40, 40, 40, 40]
    start = [month for month, size in enumerate(sizes, 1) for _ in range(size)]
    quarters = [f"Q{(month + 2) // 3}" for month in start]
    return put(_folder(), *made_people(len(start), start_month=start, start_quarter=quarters))


@functools.lru_cache(maxsize=1)
def four_missing() -> Store:
    """200 people, of whom four have no later score. Their year is all that is known of their start, and no treatment."""
    people, scores = made_people(200, came=1.0)
    return put(_folder(), people, scores[~((scores["episode_id"] < "E00004") & (scores["day"] > 0))])


@functools.lru_cache(maxsize=1)
def nobody_better() -> Store:
    """200 people whose score never changes; three in five come back."""
    people, scores = made_people(200, came=0.6)
    return put(_folder(), people, scores.assign(value=50))


def made_people(count: int, seed: int = 1, came: float = 0.7, **attributes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(people, scores): everybody has a first score, `came` of them one at about 6 and one at about 12 weeks."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {"episode_id": [f"E{number:05d}" for number in range(count)], "start_year": 2024} | attributes
    )
    for name, values in (("sex", ("female", "male")), ("site", ("North", "South"))):
        if name not in people:
            people[name] = rng.choice(values, count)
    first = rng.integers(40, 65, count)
    rows = [pd.DataFrame({"episode_id": people["episode_id"], "day": 0, "value": first})]
    for day in (42, 84):
        there = rng.random(count) < came
        value = first + rng.integers(-5, 25, count)
        rows.append(pd.DataFrame({"episode_id": people["episode_id"], "day": day, "value": value})[there])
    return people, pd.concat(rows, ignore_index=True)


def _folder() -> Path:
    _KEPT.append(tempfile.TemporaryDirectory())
    return Path(_KEPT[-1].name) / "store"


def _days(days: pd.Series) -> pa.Array:
    return pa.array([None if pd.isna(day) else int(day) for day in days], pa.int32())


def _attributes(frame: pd.DataFrame) -> pa.Table:
    columns = {}
    for name in frame.columns:
        values = [None if pd.isna(each) or each == "" else each for each in frame[name]]
        if name in ("start_year", "start_month"):
            columns[name] = pa.array([None if each is None else int(each) for each in values], pa.int32())
        elif name in _TEXTS or name == "episode_id":
            columns[name] = pa.array(values, pa.string())
        else:
            columns[name] = pa.array(values, pa.float64())
    return pa.table(columns)
