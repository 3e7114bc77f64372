"""One row per episode and instrument: what plain pandas and a plain loop find, on random data of every shape."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kneewise.outcomes import questions
from kneewise.outcomes.episodes import episode_outcomes, signed_important_changes, week_windows
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import Window, commit_source, open_store
from tests.outcomes_samples import SCALES, long_csv

NEEDED = {"instrument.akps": 10.0, "instrument.nprs_worst": -2.0}
WINDOWS = (Window("start", -3, 13), Window("6 weeks", 14, 62), Window("late", 50, 90), Window("never", 500, 600))
WEEK_WINDOWS = {6: WINDOWS[1], 12: WINDOWS[2]}
KEYS = ["episode_id", "instrument"]


def random_data(seed: int, episodes: int = 60) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Episodes, scores in any order with several on one day, expected last scores (some of nobody, some twice)."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"{number * 2654435761 % 2**32:08x}" for number in range(episodes)], dtype=object)
    people = pd.DataFrame(
        {
            "episode_id": ids,
            "source": "clinic",
            "sex": rng.choice(np.array(["female", "male", None], dtype=object), episodes),
            "start_year": pd.array(rng.choice([2023, 2024, None], episodes), dtype="Int32"),
        }
    )
    count = int(rng.integers(1, 400))
    scores = pd.DataFrame(
        {
            "episode_id": rng.choice(ids[: max(1, episodes - 5)], count),
            "instrument": rng.choice(
                np.array(["instrument.nprs_worst", "instrument.akps", "instrument.koos_pf"]), count
            ),
            "day": rng.choice([-2, 0, 5, 13, 14, 35, 42, 49, 55, 62, 63, 78, 90, 400], count),
            "value": np.round(rng.normal(30, 12, count)),
        }
    )
    predicted = scores.sample(frac=0.3, random_state=seed)[KEYS].assign(day=400, value=rng.normal(40, 5))
    predicted["value"] += np.arange(len(predicted))
    nobody = pd.DataFrame({"episode_id": ["ffff"], "instrument": ["instrument.akps"], "day": [1], "value": [1.0]})
    return people, scores, pd.concat([nobody, predicted, predicted], ignore_index=True)


def by_pandas(people: pd.DataFrame, scores: pd.DataFrame, predicted: pd.DataFrame | None, until: int) -> pd.DataFrame:
    """First, last, change, weeks and expected last as the import worked them out with pandas."""
    scores = scores.sort_values([*KEYS, "day"], ignore_index=True, kind="stable")
    before = scores[scores["day"] <= until].drop_duplicates(KEYS, keep="first")
    after = scores[scores["day"] > until].drop_duplicates(KEYS, keep="last")
    found = scores.groupby(KEYS, sort=True).size().rename("scores").reset_index()
    found = found.merge(before.rename(columns={"day": "first_day", "value": "first"}), on=KEYS, how="left")
    found = found.merge(after.rename(columns={"day": "last_day", "value": "last"}), on=KEYS, how="left")
    found["change"] = found["last"] - found["first"]
    found["weeks"] = (found["last_day"] - found["first_day"]) / 7
    found["expected_last"] = np.nan
    if predicted is not None:
        expected = predicted[[*KEYS, "value"]].drop_duplicates(KEYS).rename(columns={"value": "expected_last"})
        found = found.drop(columns="expected_last").merge(expected, on=KEYS, how="left")
    return found.merge(people, on="episode_id", how="left", validate="many_to_one")


def by_loop(scores: pd.DataFrame, until: int) -> pd.DataFrame:
    """Responder, recovery and visits, one person after the other."""
    rows = []
    ordered = scores.sort_values([*KEYS, "day"], kind="stable")
    for (episode, instrument), part in ordered.groupby(KEYS, sort=True):
        seen = list(zip(part["day"].tolist(), part["value"].tolist(), strict=True))
        first = next((value for day, value in seen if day <= until), None)
        later = [(day, value) for day, value in seen if day > until]
        need = NEEDED.get(instrument)

        def enough(value, first=first, need=need):
            return first is not None and need is not None and (value - first) / need >= 1 - 1e-12

        row = {
            "episode_id": episode,
            "instrument": instrument,
            "responder": None if need is None or first is None or not later else enough(later[-1][1]),
            "recovered_day": next((day for day, value in later if enough(value)), None),
            "last_seen_day": seen[-1][0],
        }
        for week, window in WEEK_WINDOWS.items():
            begun = next((day for day, _ in seen if day <= until), None)
            inside = [each for each in seen if window.from_day <= each[0] <= window.to_day]
            inside = [each for each in inside if begun is not None and each[0] > begun]
            nearest = min(inside, key=lambda each, aim=7 * week: (abs(each[0] - aim), each[0] > aim), default=None)
            row[f"week_{week}"] = None if nearest is None else nearest[1]
        taken: set[int] = set()
        for place, window in enumerate(WINDOWS):
            days = {day for day, _ in seen if window.from_day <= day <= window.to_day} - taken
            taken |= set(range(window.from_day, window.to_day + 1))
            row[f"visit_{place}"] = next((value for day, value in seen if day in days), None)
        rows.append(row)
    return pd.DataFrame(rows)


def arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def rows_of(table: pa.Table, columns: list[str]) -> list[dict]:
    return table.select(columns).to_pylist()


def expected_rows(frame: pd.DataFrame, columns: list[str]) -> list[dict]:
    frame = frame[columns].astype(object)
    return frame.where(frame.notna(), None).to_dict("records")


PLAIN = [*KEYS, "scores", "first_day", "first", "last_day", "last", "change", "weeks", "expected_last", "source", "sex",
         "start_year"]  # fmt: skip
SEEN = [*KEYS, "responder", "recovered_day", "last_seen_day", "visit_0", "visit_1", "visit_2", "visit_3",
        "week_6", "week_12"]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_it_finds_what_pandas_and_a_plain_loop_find(seed):
    people, scores, predicted = random_data(seed)
    until = (13, 0, 62)[seed % 3]
    found = episode_outcomes(arrow(people), arrow(scores), arrow(predicted), until, NEEDED, WINDOWS)
    assert rows_of(found, PLAIN) == expected_rows(by_pandas(people, scores, predicted, until), PLAIN)
    assert rows_of(found, SEEN) == expected_rows(by_loop(scores, until), SEEN)


@pytest.mark.parametrize("seed", range(3))
def test_order_chunks_and_coding_of_the_tables_do_not_matter(seed):
    people, scores, predicted = random_data(seed)
    scores = scores.sort_values([*KEYS, "day"], kind="stable", ignore_index=True)
    plain = arrow(scores)
    usual = episode_outcomes(arrow(people), plain, arrow(predicted), 13, NEEDED, WINDOWS)
    coded = plain.set_column(0, "episode_id", plain.column("episode_id").dictionary_encode())
    halves = [plain.slice(0, len(plain) // 2), plain.slice(0, 0), plain.slice(len(plain) // 2)]
    parts = pa.concat_tables(halves)
    twice = pa.concat_tables(
        [half.set_column(1, "instrument", half.column("instrument").dictionary_encode()) for half in halves]
    )
    spare = pa.DictionaryArray.from_arrays(
        pa.array(pd.factorize(scores["episode_id"])[0] + 2),
        pa.array(["zz", scores["episode_id"].iloc[0], *pd.factorize(scores["episode_id"])[1]]),
    )
    spared = plain.set_column(0, "episode_id", spare)
    # Scores of one day keep their order, whatever the order of the others.
    mixed = arrow(scores.assign(part=scores["day"] % 7).sort_values("part", kind="stable").drop(columns="part"))
    for table in (coded, parts, twice, spared, mixed):
        assert episode_outcomes(arrow(people), table, arrow(predicted), 13, NEEDED, WINDOWS).equals(usual)
    shuffled = arrow(people.sample(frac=1, random_state=seed))
    assert episode_outcomes(shuffled, plain, arrow(predicted), 13, NEEDED, WINDOWS).equals(usual)


def test_of_several_scores_on_a_day_the_first_begins_and_the_last_ends():
    scores = pa.table(
        {
            "episode_id": ["a"] * 5,
            "instrument": ["instrument.akps"] * 5,
            "day": [42, 0, 0, 42, 7],
            "value": [60.0, 50.0, 51.0, 61.0, 99.0],
        }
    )
    row = episode_outcomes(pa.table({"episode_id": ["a"]}), scores, None, 13, NEEDED).to_pylist()[0]
    assert (row["first"], row["last"], row["scores"]) == (50.0, 61.0, 5)
    assert (row["responder"], row["recovered_day"], row["last_seen_day"]) == (True, 42, 42)


def test_nobody_and_episodes_without_scores_make_no_rows():
    scores = pa.table(
        {"episode_id": pa.array([], pa.string()), "instrument": pa.array([], pa.string()),
         "day": pa.array([], pa.int32()), "value": pa.array([], pa.float64())}
    )  # fmt: skip
    people = pa.table({"episode_id": ["a"], "sex": ["female"]})
    found = episode_outcomes(people, scores, None, 13, NEEDED, WINDOWS)
    assert found.num_rows == 0
    one = pa.table({"episode_id": ["a"], "instrument": ["instrument.akps"], "day": [0], "value": [1.0]})
    assert found.schema.equals(episode_outcomes(people, one, None, 13, NEEDED, WINDOWS).schema)


def test_a_score_of_an_episode_that_is_not_there_has_no_attributes():
    one = pa.table({"episode_id": ["b"], "instrument": ["instrument.akps"], "day": [0], "value": [1.0]})
    row = episode_outcomes(pa.table({"episode_id": ["a"], "sex": ["male"]}), one, None, 13, {}).to_pylist()[0]
    assert (row["episode_id"], row["sex"], row["responder"], row["recovered_day"]) == ("b", None, None, None)


def test_the_columns_have_the_kinds_that_the_store_keeps():
    people, scores, predicted = random_data(0)
    found = episode_outcomes(arrow(people), arrow(scores), arrow(predicted), 13, NEEDED, WINDOWS)
    kinds = {name: found.schema.field(name).type for name in found.column_names}
    assert {name for name, kind in kinds.items() if kind == pa.int32()} == {
        "scores", "first_day", "last_day", "recovered_day", "last_seen_day", "start_year",
    }  # fmt: skip
    assert kinds["responder"] == pa.bool_()
    assert kinds["episode_id"] == kinds["instrument"] == pa.string()


def test_a_week_belongs_to_the_visit_whose_window_holds_its_day_alone():
    assert week_windows(WINDOWS) == WEEK_WINDOWS
    assert week_windows((Window("both", 40, 90),)) == {}
    assert week_windows((Window("start", 0, 13), Window("42", 42, 42))) == {6: Window("42", 42, 42)}


def test_important_changes_carry_their_direction():
    found = signed_important_changes(SCALES)
    assert found["instrument.akps"] == 10
    assert found["instrument.nprs_worst"] == -1.16
    assert "instrument.koos_pf" not in found


def test_questions_get_the_same_answers_from_the_visits_that_the_import_worked_out(tmp_path):
    """Beside a source whose table, from before, has none."""
    rng = np.random.default_rng(5)
    lines = []
    for number in range(300):
        head = f"E{number},{'North' if number % 3 else 'South'},18 to 39,{'female' if number % 2 else 'male'}"
        days = sorted(rng.choice([0, 3, 20, 42, 62, 70, 300, 700], int(rng.integers(1, 6)), replace=False))
        lines += [f"{head},exercise only,2024,Q1,AKPS,{day},{rng.integers(0, 101)}" for day in days]
    folder = tmp_path / "s"
    for source in ("old", "new"):
        import_export(long_csv(lines), read_profile("kneewise_long"), folder, SCALES, source_name=source)
    for source in ("old", "new"):
        info = open_store(folder).source(source)
        tables = {name: pq.read_table(folder / "files" / file) for name, file in info.files.items()}
        windows = info.visit_windows if source == "new" else ()
        outcomes = episode_outcomes(tables["episode"], tables["score"], None, 13, NEEDED, windows)
        commit_source(folder, info, {**tables, "episode_outcome": outcomes})
    scale = SCALES["instrument.akps"]
    store = open_store(folder)
    assert [store.holds(source, "episode_outcome", ["visit_0", "visit_3"]) for source in ("old", "new")] == [
        False,
        True,
    ]
    found = []
    for source in ("old", "new"):
        info = store.source(source)
        axes = (Axes(), Axes(first="sex"), Axes(first="sex", second="site"))
        visits = [questions.visit_cells(store, info, scale, each, info.visit_windows) for each in axes]
        changes = [questions.change_cells(store, info, scale, each) for each in axes]
        others = questions.visit_cells(store, info, scale, Axes(), WINDOWS)
        found.append([*visits, *changes, others])
    for one, other in zip(*found, strict=True):
        assert len(one)
        pd.testing.assert_frame_equal(one, other)
