"""Random records with everything that engines disagree about: nulls, ties, texts with quotes, columns that a source lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from kneewise.outcomes.episodes import episode_outcomes
from kneewise.outcomes.store import SourceInfo, Window, commit_source

AKPS, PAIN, PF = "instrument.akps", "instrument.nprs_worst", "instrument.koos_pf"
WINDOWS = {
    "north": (Window("start", 0, 13), Window("6 weeks", 28, 62), Window("12 weeks", 63, 120)),
    "south": (Window("start", -7, 0), Window("12 weeks", 60, 110)),
    "nobody": (Window("start", 0, 13), Window("6 weeks", 28, 62)),
}
IMPORTANT = {"north": {AKPS: 10.0, PAIN: -1.16}, "south": {}, "nobody": {}}
LATER = ("responder", "recovered_day", "last_seen_day", "visit_", "week_")
"""How the columns begin that a table written by an earlier Kneewise lacks."""
PEOPLE = 400


def make_random_store(folder: Path, seed: int) -> None:
    """Store the sources north, south (as an earlier Kneewise wrote it, no clinician known) and nobody (no rows)."""
    rng = np.random.default_rng(seed)
    for source in ("north", "south", "nobody"):
        episodes, scores, expected = _records(rng, source, 0 if source == "nobody" else PEOPLE)
        outcomes = episode_outcomes(
            episodes, scores, expected, WINDOWS[source][0].to_day, IMPORTANT[source], WINDOWS[source]
        )
        if source == "south":
            outcomes = outcomes.select([name for name in outcomes.column_names if not name.startswith(LATER)])
        tables = {"episode": episodes, "score": scores, "episode_outcome": outcomes}
        commit_source(folder, _info(source, episodes.num_rows, scores.num_rows), tables)


def _records(rng: np.random.Generator, source: str, count: int) -> tuple[pa.Table, pa.Table, pa.Table]:
    def chosen(values: list[str | int], missing: float = 0.1) -> list[str | int | None]:
        picked = [values[place] for place in rng.integers(0, len(values), count)]
        return [None if gone else value for value, gone in zip(picked, rng.random(count) < missing, strict=True)]

    ids = sorted(f"{source}-{number:05d}" for number in range(count))
    whole, text = pa.int32(), pa.string()
    years = chosen([2022, 2023, 2024], 0.05)
    months = [None if year is None else month for year, month in zip(years, chosen(list(range(1, 13))), strict=True)]
    quarters = [None if month is None else f"Q{(month + 2) // 3}" for month in months]
    months = [None if gone else month for month, gone in zip(months, rng.random(count) < 0.1, strict=True)]
    episodes = pa.table(
        {
            "episode_id": pa.array(ids, text),
            "source": pa.array([source] * count, text),
            "age_band": pa.array(chosen(["under 18", "18 to 39", "40 to 59", "60 and over"]), text),
            "sex": pa.array(chosen(["female", "male"]), text),
            "site": pa.array(chosen(["Zürich", "O'Brien's", 'the "old" one', "50 % off", "a_b"], 0.0), text),
            "intervention": pa.array(chosen(["exercise only", "exercise; tape", ""]), text),
            # A column of nothing but nulls has no type that a file could keep.
            "clinician": pa.nulls(count) if source == "south" else pa.array(chosen(["A1", "B2"]), text),
            "symptom_duration": pa.array(chosen(["up to 3 months", "over 2 years"]), text),
            "procedure": pa.array(chosen(["primary"]), text),
            "referral": pa.array(chosen(["self", "GP"]), text),
            "factors": pa.array(chosen(["a", "a;b", "b;c;a", "c"], 0.3), text),
            "start_year": pa.array(years, whole),
            "start_quarter": pa.array(quarters, text),
            "start_month": pa.array(months, whole),
        }
    )
    rows = []
    for who in ids:
        for instrument, highest in ((AKPS, 100), (PAIN, 10), (PF, 100)):
            if rng.random() < 0.15:
                continue
            last_day = int(rng.choice([10, 60, 118]))
            days = sorted({int(day) for day in rng.integers(-10, last_day, rng.integers(1, 7))})
            values = rng.integers(0, highest + 1, len(days)).astype(float)
            if rng.random() < 0.3:
                values = values / 3  # no finite decimal, so sums depend on their order in the last places
            rows += [(who, instrument, day, float(value)) for day, value in zip(days, values, strict=True)]
    scores = pa.table(
        {
            "episode_id": pa.array([row[0] for row in rows], text),
            "instrument": pa.array([row[1] for row in rows], text),
            "day": pa.array([row[2] for row in rows], whole),
            "value": pa.array([row[3] for row in rows], pa.float64()),
        }
    )
    known = [who for who in ids if rng.random() < 0.5]
    expected = pa.table(
        {
            "episode_id": pa.array(known, text),
            "instrument": pa.array([AKPS] * len(known), text),
            "value": pa.array(rng.normal(70, 9, len(known)), pa.float64()),
        }
    )
    return episodes, scores, expected


def _info(source: str, episodes: int, scores: int) -> SourceInfo:
    return SourceInfo(
        source=source,
        profile="kneewise_long",
        profile_version=1,
        label="Random records",
        licence="",
        attribution="",
        note="",
        day_note="",
        synthetic=True,
        episodes=episodes,
        scores=scores,
        population_attribute="",
        population_value="",
        instruments=(AKPS, PAIN, PF),
        visit_windows=WINDOWS[source],
        files={},
        important_changes=IMPORTANT[source],
    )
