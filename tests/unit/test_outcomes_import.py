"""What an import understands, what it drops, and that no identity reaches the store."""

from __future__ import annotations

import itertools
import json
import os
import random
import stat
import time

import numpy as np
import pytest

from kneewise.errors import ImportRefused
from kneewise.outcomes import questions, reading
from kneewise.outcomes.identity import (
    IdentityFound,
    header_problem,
    is_nhs_number,
    keyed_hash,
    keyed_hashes,
    masked,
    values_problem,
)
from kneewise.outcomes.importing import Overlap, import_export, preview, report_lines, stored_lines
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


def test_many_pseudonyms_are_those_of_one_at_a_time():
    key = bytes(range(32))
    values = ["a", "", "ä", "long " * 40]
    assert keyed_hashes(key, "episode", values) == [keyed_hash(key, "episode", value) for value in values]


def test_the_same_episodes_in_another_source_are_said_and_stay_unlinkable(tmp_path):
    store = tmp_path / "s"
    import_export(long_csv(good_rows(30)), LONG, store, SCALES, source_name="north")
    again = [row.replace("E", "E", 1) for row in good_rows(40)[20:]]
    seen = preview(long_csv(again), LONG, SCALES, store_dir=store, source_name="south")
    done = import_export(long_csv(again), LONG, store, SCALES, source_name="south")
    assert seen.overlaps == done.overlaps == (Overlap("north", "Clinic export", 20),)
    assert seen.replaced is None
    assert "20 episodes are in source 'north' (Clinic export) already, by the same ids." in " ".join(report_lines(done, SCALES))
    episodes = everything(open_store(store))[0]
    assert len(episodes) == 30 + 30
    assert episodes["episode_id"].is_unique


def test_what_an_import_replaces_is_said_before_it_is_done(tmp_path):
    store = tmp_path / "s"
    import_export(long_csv(good_rows(30)), LONG, store, SCALES)
    same = preview(long_csv(good_rows(35)), LONG, SCALES, store_dir=store)
    assert (same.replaced.episodes, same.replaced.again) == (30, 30)
    assert "so none is lost" in stored_lines(same)[0]
    fewer = preview(long_csv(good_rows(12)), LONG, SCALES, store_dir=store)
    assert (fewer.replaced.episodes, fewer.replaced.again) == (30, 12)
    assert "18 are not and go with it" in stored_lines(fewer)[0]
    assert open_store(store).sources[0].episodes == 30


def test_a_preview_beside_an_empty_store_makes_no_key(tmp_path):
    report = preview(long_csv(good_rows()), LONG, SCALES, store_dir=tmp_path / "s")
    assert (report.overlaps, report.replaced) == ((), None)
    assert list(tmp_path.iterdir()) == []


def test_a_column_that_looks_like_people_can_be_left_out_by_choice(tmp_path):
    rows = [f"{row},jo{place}@example.org" for place, row in enumerate(good_rows(12))]
    content = long_csv(rows, f"{HEADER},clinician_code")
    with pytest.raises(IdentityFound) as found:
        import_export(content, LONG, tmp_path / "s", SCALES)
    assert [(column.name, column.what) for column in found.value.columns] == [("clinician_code", "e-mail addresses")]
    report = import_export(content, LONG, tmp_path / "s", SCALES, leave_out=["clinician_code"])
    assert report.left_out == ("clinician_code",)
    assert "clinician_code" in report.dropped_columns
    assert all(b"example.org" not in path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (["9434765919", "4698194180", "6239431915", "7634140872"], "NHS numbers"),
        (["943 476 5919", "469-819-4180", "623 943 1915", "763 414 0872"], "NHS numbers"),
        (["9434765919.0", "4698194180.0", "6239431915.0", "607230002.0"], "NHS numbers"),
        (["9434765919", "4698194180", "607230002", "607230002"], "NHS numbers"),
        ([f"{n:04}" for n in range(40)] + ["9434765919", "4698194180", "6239431915", "7634140872", "4069990771"], "NHS numbers"),
        (["607230002", "123456789", "987654321", "223456780"], None),
        ([f"{1000000000 + 7 * n}" for n in range(200)], None),
        (["LS1 4AB", "SW1A 1AA", "M1 1AE"], "postcodes"),
        (["LS1", "LS12", "BD3", "SW1A", "HX2", "WF10"], "postcodes"),
        (["N1", "N2", "S1", "S2", "E4", "W3"], None),
        ([f"S{n}" for n in range(30)] + [f"LS{n} 4AB" for n in range(1, 9)], "postcodes"),
        (["12 High Street", "Flat 3, 4 Mill Lane", "7a Station Road, Leeds"], "addresses"),
        (["Hauptstraße 12", "Am Markt Platz 3", "Bahnhofstr. 4"], "addresses"),
        (["Leeds General Hospital", "North Clinic", "St James Practice", "York Infirmary", "Hull Health Centre", "Ripon Physio"], None),
        (["Anna Smith", "Ben Jones", "Cara Patel", "Dev Singh", "Mary-Jane O'Neil"], "names"),
        (["SMITH, John", "JONES, Ben", "PATEL, Cara", "SINGH, Dev", "O'NEIL, Eve"], "names"),
        (["07700 900123", "+44 7700 900456", "0113 496 0000"], "phone numbers"),
        (["0.6912345678", "0.5512345678", "0.1212345678"], None),
        (["2024-01-05", "2024-02-05", "2024-03-05"], None),
        (["1950-01-05", "1972-02-05", "1999-03-05"], "dates of birth"),
        (["05-Jan-1950", "05 Feb 1972", "5-Mar-1999"], "dates of birth"),
        ([], None),
    ],
)  # fmt: skip
def test_what_a_columns_values_give_away(values, what):
    assert values_problem(values, 4 * max(len(values), 1)) == what


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("PatientName", "names"), ("patient_surname", "names"), ("Site Name", None), ("Hospital name", None),
        ("DOB", "dates of birth"), ("date_of_birth", "dates of birth"), ("NHSNumber", "NHS numbers"), ("NHS No.", "NHS numbers"),
        ("Post-Code", "addresses"), ("PLZ", "addresses"), ("E-Mail", "e-mail addresses"), ("MobilePhone", "phone numbers"),
        ("Clinical notes", "free text"), ("episode_id", None), ("Provider Code", None), ("age", None), ("AKPS 6w", None),
    ],
)  # fmt: skip
def test_what_a_columns_name_gives_away(name, what):
    assert header_problem(name) == what


def test_a_cell_is_masked_unless_its_column_is_known():
    assert masked("Anna-7741", known=False) == "aaaa-9999"
    assert masked("exercise", known=True) == "exercise"
    for secret in ("9434765919", "jo@example.org", "LS1 4AB", "07700 900123", "12 High Street"):
        assert masked(secret, known=True) == "hidden"


def test_times_and_months_by_name_are_dates(tmp_path):
    header = "patient_id,start_date,akps_baseline,akps_6w"
    rows = [f"P{n},2024-03-{n + 1:02}T09:{n:02}:00Z,50,60" for n in range(12)]
    import_export(long_csv(rows, header), WIDE, tmp_path / "a", SCALES)
    assert set(everything(open_store(tmp_path / "a"))[0]["start_month"]) == {3}
    rows = [f"P{n},{n + 1:02}-Apr-2024,50,60" for n in range(12)]
    import_export(long_csv(rows, header), WIDE, tmp_path / "b", SCALES)
    assert set(everything(open_store(tmp_path / "b"))[0]["start_month"]) == {4}


def nhs_header(change) -> str:
    names = ["Provider Code", "Revision Flag", "Year", "Age Band", "Gender", "Knee Replacement Pre-Op Q Score",
             "Knee Replacement Post-Op Q Score", "Pre-Op Q EQ VAS", "Knee Replacement OKS Post-Op Q Predicted"]  # fmt: skip
    return ",".join(change(name) for name in names)


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name,
        lambda name: name.upper().replace(" ", "_").replace("-", "_"),
        lambda name: name.replace(" ", ".").replace("-", "."),
        lambda name: name.replace("Knee Replacement ", ""),
        lambda name: name.replace("Pre-Op Q", "Knee Replacement Pre-Op Q") if "EQ" in name else name,
        lambda name: {"Provider Code": "Provider", "Revision Flag": "Revision", "Gender": "Sex", "Age Band": "AgeBand"}.get(name, name),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("primary", "revision"), [("0", "1"), ("Primary", "Revision"), ("N", "Y"), ("FALSE", "TRUE")])
def test_nhs_records_of_other_years_are_read(change, primary, revision):
    rows = [f"RXX0{n % 3},{revision if n % 5 == 0 else primary},2016/17,70 to 79,2,{20 + n % 9},{35 + n % 9},80,30.5" for n in range(40)]
    report = preview(long_csv(rows, nhs_header(change)), read_profile("nhs_proms"), SCALES)
    summary = next(part for part in report.instruments if (part.instrument, part.population) == ("instrument.oks", "primary"))
    assert (report.rejected_total, summary.pairs) == (0, 32)


@pytest.mark.parametrize(
    ("name", "year"),
    [("Record Level Knee Replacement 1213.csv", 2012), ("Knee Replacements Provider 1718.csv", 2017),
     ("Knee Replacement Provider 2324 upload.csv", 2023), ("PROMs 2018-19 knee.csv", 2018), ("knee.csv", None)],
)  # fmt: skip
def test_a_year_that_stands_only_in_the_files_name_is_found(name, year, tmp_path):
    header = nhs_header(lambda each: "Other" if each == "Year" else each)
    rows = [f"RXX0{n % 3},0,x,70-79,1,20,35,999,30" for n in range(20)]
    (tmp_path / name).write_bytes(long_csv(rows, header))
    import_export(tmp_path / name, read_profile("nhs_proms"), tmp_path / "s", SCALES)
    stored = everything(open_store(tmp_path / "s"))[0]["start_year"]
    assert (stored.isna().all() if year is None else set(stored) == {year})


def test_nhs_records_without_a_revision_flag_are_refused():
    header = nhs_header(lambda each: "Other" if each == "Revision Flag" else each)
    with pytest.raises(ImportRefused, match="no column 'Revision Flag'"):
        preview(long_csv(["RXX,0,2011/12,70 to 79,1,20,35,80,30"], header), read_profile("nhs_proms"), SCALES)


def test_names_that_are_spelled_alike_by_two_columns_are_not_guessed():
    header = HEADER.replace("site", "s ite,si-te")
    rows = [row.replace(",", ",x,", 1) for row in good_rows()]
    with pytest.raises(ImportRefused, match="Row 1 has no column 'site'"):
        preview(long_csv(rows, header), LONG, SCALES)


def test_the_bar_moves_while_a_long_export_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "_PIECE", 16 * 1024)
    monkeypatch.setattr(reading, "_BLOCK", 16 * 1024)
    seen: list[float] = []
    import_export(long_csv(good_rows(4000)), LONG, tmp_path / "s", SCALES, progress=lambda share, what: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len({round(share, 2) for share in seen}) > 20
    assert max(after - before for before, after in itertools.pairwise(seen)) < 0.15


def test_rows_in_any_order_give_the_same_store(tmp_path):
    rows = good_rows(200)
    first = import_export(long_csv(rows), LONG, tmp_path / "s", SCALES)
    random.Random(7).shuffle(rows)
    assert not import_export(long_csv(rows), LONG, tmp_path / "s", SCALES).changed
    assert first.episodes == 200


def made_rows(rows: int) -> bytes:
    """A long export of that many rows, five scores to an episode."""
    lines = []
    for number in range(rows // 5):
        start = f"EP-{number:07},Site {number % 40:02},18 to 39,female,exercise only,{2020 + number % 5},Q{number % 4 + 1}"
        lines += [f"{start},AKPS,{day},{(number + day) % 101}" for day in (0, 42, 84)]
        lines += [f"{start},NPRS_WORST,{day},{(number + day) % 11}" for day in (0, 84)]
    return long_csv(lines)


@pytest.mark.parametrize("rows", [100_000, *([2_000_000] if os.environ.get("KNEEWISE_LARGE") else [])])
def test_a_long_export_is_read_fast(rows, tmp_path):
    """200,000 rows a second is asked of two million rows (KNEEWISE_LARGE=1); here a share of it, in time of the processor."""
    content = made_rows(rows)
    begun = time.process_time()
    report = import_export(content, LONG, tmp_path / "s", SCALES)
    seconds = time.process_time() - begun
    assert (report.rows, report.scores, report.rejected_total) == (rows, rows, 0)
    assert rows / seconds > (200_000 if rows > 1_000_000 else 60_000)


def test_an_episode_whose_rows_are_all_refused_is_not_counted_as_there_again(tmp_path):
    store = tmp_path / "s"
    import_export(long_csv(good_rows(30)), LONG, store, SCALES)
    rows = good_rows(30)
    rows[4], rows[5] = (row.rsplit(",", 1)[0] + ",999" for row in rows[4:6])
    report = preview(long_csv(rows), LONG, SCALES, store_dir=store)
    assert (report.replaced.episodes, report.replaced.again, report.episodes) == (30, 29, 29)
