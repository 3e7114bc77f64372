"""What an import understands, what it drops, and that no identity reaches the store."""

from __future__ import annotations

import json
import stat

import numpy as np
import pytest

from kneewise.errors import ImportRefused
from kneewise.outcomes import questions
from kneewise.outcomes.identity import is_nhs_number, keyed_hash
from kneewise.outcomes.importing import import_export, preview
from kneewise.outcomes.profiles import Profile, profile_names, read_profile
from kneewise.outcomes.questions import Axes
from kneewise.outcomes.store import current_version, open_store
from tests.outcomes_samples import HEADER, ROOT, SCALES, good_rows, long_csv

LONG = read_profile("kneewise_long")
WIDE = read_profile("wide_trial")
NHS_NUMBER_CASES = ROOT.parent / "shared" / "reference" / "nhs_number" / "cases.json"


def everything(store):
    return store.ask(lambda table: table("episode")), store.ask(lambda table: table("score")), store.ask(
        lambda table: table("episode_outcome")
    )


def test_the_three_profiles_are_there():
    assert set(profile_names()) >= {"kneewise_long", "wide_trial", "nhs_proms"}


def test_an_unknown_profile_is_refused_by_name():
    with pytest.raises(ImportRefused, match=r"There is no import profile '\.\./secrets'"):
        read_profile("../secrets")


def test_an_unknown_key_in_a_profile_is_refused(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text((ROOT / "data/profiles/wide_trial.yaml").read_text() + "\nkolour: red\n")
    with pytest.raises(ImportRefused, match=r"p.yaml, kolour"):
        read_profile(path)


def test_first_is_the_earliest_and_last_the_latest(tmp_path):
    head = "E1,North,18 to 39,female,exercise only,2024,Q1"
    rows = [f"{head},AKPS,42,60", f"{head},AKPS,364,75", f"{head},AKPS,0,50", f"{head},NPRS_WORST,0,6",
            *good_rows(3)[4:]]  # fmt: skip
    import_export(long_csv(rows), LONG, tmp_path / "s", SCALES)
    outcomes = everything(open_store(tmp_path / "s"))[2]
    akps = outcomes[(outcomes["instrument"] == "instrument.akps") & (outcomes["scores"] == 3)].iloc[0]
    assert (akps["first"], akps["last"], akps["change"], akps["weeks"]) == (50, 75, 25, 52)
    pain = outcomes[outcomes["instrument"] == "instrument.nprs_worst"].iloc[0]
    assert pain["first"] == 6
    assert np.isnan(pain["last"])
    assert np.isnan(pain["change"])


def test_of_same_day_duplicates_the_last_row_counts(tmp_path):
    head = "E0,South,18 to 39,male,exercise only,2024,Q1,AKPS"
    report = import_export(long_csv([*good_rows(), f"{head},42,99"]), LONG, tmp_path / "s", SCALES)
    assert report.same_day_duplicates == 1
    scores = everything(open_store(tmp_path / "s"))[1]
    assert (scores["value"] == 99).sum() == 1
    assert len(scores) == 60


def test_same_import_twice_changes_nothing(tmp_path):
    first = import_export(long_csv(good_rows()), LONG, tmp_path / "s", SCALES)
    again = import_export(long_csv(good_rows()), LONG, tmp_path / "s", SCALES)
    shuffled = import_export(long_csv(good_rows()[::-1]), LONG, tmp_path / "s", SCALES)
    assert (first.changed, again.changed, shuffled.changed) == (True, False, False)
    assert first.version == again.version == shuffled.version == current_version(tmp_path / "s")


def test_preview_gives_the_same_report_and_stores_nothing(tmp_path):
    seen = preview(long_csv(good_rows()), LONG, SCALES)
    done = import_export(long_csv(good_rows()), LONG, tmp_path / "s", SCALES)
    assert not seen.stored
    assert seen.version is None
    for name in ("rows", "episodes", "scores", "sites", "columns", "instruments", "dropped_columns"):
        assert getattr(seen, name) == getattr(done, name)


def test_unmapped_columns_are_dropped_said_and_nowhere_stored(tmp_path):
    secrets = [f"Zebediah Quux{number}" for number in range(60)]
    rows = [f"{row},{secret},9434765919" for row, secret in zip(good_rows(), secrets, strict=True)]
    report = import_export(long_csv(rows, HEADER + ",patient_name,nhs_number"), LONG, tmp_path / "s", SCALES)
    assert report.dropped_columns == ("patient_name", "nhs_number")
    for path in (tmp_path / "s").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"Quux" not in content
            assert b"9434765919" not in content
            assert b"patient_name" not in content


def test_ids_are_stored_as_keyed_hashes_only(tmp_path):
    rows = [row.replace("E1,", "LOCAL-7741,") for row in good_rows()]
    import_export(long_csv(rows), LONG, tmp_path / "s", SCALES)
    for path in (tmp_path / "s").rglob("*.parquet"):
        assert b"LOCAL-7741" not in path.read_bytes()
    ids = set(everything(open_store(tmp_path / "s"))[0]["episode_id"])
    key = (tmp_path / "s.key").read_bytes()
    assert keyed_hash(key, "episode", "kneewise_long\x1fLOCAL-7741") in ids
    assert keyed_hash(b"another key of thirty-two bytes!", "episode", "kneewise_long\x1fLOCAL-7741") not in ids


def test_the_key_lies_beside_the_store_for_its_owner_only(tmp_path):
    import_export(long_csv(good_rows()), LONG, tmp_path / "s", SCALES)
    key = tmp_path / "s.key"
    assert len(key.read_bytes()) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not list((tmp_path / "s").rglob("*.key"))


def test_dates_become_year_quarter_month_and_ages_bands(tmp_path):
    header = "patient_id,age,sex,site,start_date,akps_baseline,akps_6w"
    rows = ["P1,17,f,North,31.08.2024,50,60", "P2,18,m,North,01.01.2023,50,NA", "P3,NA,f,North,,51,61",
            "P4,75,f,South,15.12.2024,40,70"]  # fmt: skip
    report = import_export(("\n".join([header, *rows])).encode(), WIDE, tmp_path / "s", SCALES)
    assert report.rejected_total == 0
    episodes = everything(open_store(tmp_path / "s"))[0]
    found = {
        tuple(None if value != value else value for value in row)
        for row in episodes[["age_band", "start_year", "start_quarter", "start_month"]].itertuples(index=False)
    }
    assert found == {
        ("under 18", 2024, "Q3", 8), ("18 to 39", 2023, "Q1", 1), (None, None, None, None),
        ("60 and over", 2024, "Q4", 12),
    }  # fmt: skip
    for path in (tmp_path / "s").rglob("*.parquet"):
        assert b"31.08.2024" not in path.read_bytes()


def test_a_long_export_with_dates_counts_days(tmp_path):
    text = LONG.model_dump()
    text["start"] = {"date": {"names": ("start_date",), "required": True}}
    text["long"] |= {"day": None, "date": {"names": ("score_date",), "required": True}}
    dated = Profile.model_validate(text)
    header = "episode_id,site,start_date,instrument,score_date,value"
    rows = [f"E{n},North,2024-01-{n + 1:02},AKPS,2024-03-{n + 1:02},5{n}" for n in range(9)]
    import_export(long_csv(rows, header), dated, tmp_path / "s", SCALES)
    assert set(everything(open_store(tmp_path / "s"))[1]["day"]) == {60}


def test_a_wide_id_that_comes_twice_is_refused():
    header = "patient_id,akps_baseline,akps_6w"
    rows = [f"P{number},50,60" for number in range(12)] + ["P3,51,61"]
    report = preview("\n".join([header, *rows]).encode(), WIDE, SCALES)
    assert report.rejected[0].reason == "Row 14, column 'patient_id': this id stands in an earlier row already."


def test_lower_is_better_counts_a_fall_as_improvement():
    header = "patient_id,nprs_worst_baseline,nprs_worst_6w"
    rows = [f"P{number},6,{2 if number < 7 else 6 if number < 9 else 8}" for number in range(12)]
    summary = preview("\n".join([header, *rows]).encode(), WIDE, SCALES).instruments[0]
    assert (summary.improved, summary.unchanged, summary.worse) == (7, 2, 3)


def test_synthetic_data_are_marked_in_the_manifest(tmp_path):
    rows = [f"SYNTHETIC,{row}" for row in good_rows()]
    import_export(long_csv(rows, "data_origin," + HEADER), LONG, tmp_path / "a", SCALES)
    import_export(long_csv(good_rows()), LONG, tmp_path / "b", SCALES)
    assert open_store(tmp_path / "a").synthetic
    assert not open_store(tmp_path / "b").synthetic


def test_progress_rises_to_one(tmp_path):
    seen = []
    import_export(
        long_csv(good_rows()), LONG, tmp_path / "s", SCALES, progress=lambda share, what: seen.append((share, what))
    )
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert all(what for _, what in seen)


def test_counts_answer_what_a_plain_count_answers(tmp_path):
    import_export(long_csv(good_rows()), LONG, tmp_path / "s", SCALES)
    store = open_store(tmp_path / "s")
    cells = questions.change_cells(store, store.source(), SCALES["instrument.akps"], Axes(first="sex"))
    outcomes = everything(store)[2]
    for row in cells.itertuples():
        part = outcomes[outcomes["sex"] == row.first_axis]["change"]
        assert row.pairs == part.notna().sum()
        assert row.responders == (part >= 10).sum()
        assert row.change_sum == pytest.approx(part.sum())
        assert list(row.change_quartiles) == pytest.approx(list(part.quantile([0.25, 0.5, 0.75])))


@pytest.mark.skipif(not NHS_NUMBER_CASES.exists(), reason="the reference cases are not on this machine")
def test_nhs_number_check_digit_agrees_with_the_reference_cases():
    cases = json.loads(NHS_NUMBER_CASES.read_text())
    assert [number for number in cases["valid"] if not is_nhs_number(number)] == []
    assert [number for number in cases["invalid"] if is_nhs_number(number)] == []


def test_nhs_number_of_the_data_dictionary():
    assert is_nhs_number("943 476 5919")
    assert not is_nhs_number("943 476 5918")
