"""What an import must not lose, must not let through and must not say untruly; each case was once wrong."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kneewise.errors import ImportRefused
from kneewise.outcomes import importing, mapping
from kneewise.outcomes.anonymity import count_alone
from kneewise.outcomes.identity import IdentityFound, refuse_record_as_header
from kneewise.outcomes.importing import anonymity_lines, import_export, preview, report_lines
from kneewise.outcomes.mapping import draft_to_profile, suggest_mapping, vocabulary
from kneewise.outcomes.profiles import Profile, own_folder_of, read_profile, save_profile
from kneewise.outcomes.reading import survey_columns
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import HEADER, SCALES, good_rows, long_csv

LONG = read_profile("kneewise_long")
WIDE = read_profile("wide_trial")
NHS = read_profile("nhs_proms")
AGES = HEADER.replace("age_band", "age")
WIDE_HEADER = "patient_id,age,sex,site,arm,start_date,akps_baseline,akps_6w,akps_12w"


def stored(tmp_path, rows, header=HEADER, profile=LONG):
    """The report of an import, and its stored episodes and outcomes."""
    report = import_export(long_csv(rows, header), profile, tmp_path / "s", SCALES)
    store = open_store(tmp_path / "s")
    return report, store.ask(lambda table: table("episode")), store.ask(lambda table: table("episode_outcome"))


def two_visits(count: int, first, later, start: str = "2024,Q1") -> list[str]:
    """Two AKPS scores each; `first(n)` and `later(n)` give (site, age, sex, treatment) of the two rows."""
    rows = []
    for n in range(count):
        for (site, age, sex, arm), day in ((first(n), 0), (later(n), 84)):
            rows.append(f"E{n},{site},{age},{sex},{arm},{start},AKPS,{day},{50 + n % 7 + day // 6}")
    return rows


def wide_rows(count: int = 60, date=lambda n: f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}") -> list[str]:
    return [f"P{n},30,f,North,exercise,{date(n)},{50 + n % 7},60,70" for n in range(count)]


# What changes during care costs no outcome and moves nobody to another group.


def test_an_age_band_that_turns_over_during_care_loses_no_follow_up(tmp_path):
    rows = two_visits(
        100,
        lambda n: ("North", 39 if n < 8 else 30, "female", "exercise only"),
        lambda n: ("North", 40 if n < 8 else 30, "female", "exercise only"),
    )
    report, episodes, outcomes = stored(tmp_path, rows, AGES)
    assert report.rejected_total == 0
    assert outcomes["change"].notna().sum() == 100
    assert episodes["age_band"].value_counts().to_dict() == {"18 to 39": 100}
    assert "8 rows say another age band than the earliest row of their episode. The earliest counts" in " ".join(
        report.notes
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_treatment_that_is_added_later_is_not_the_group_at_the_start(turned, tmp_path):
    rows = two_visits(
        100,
        lambda n: ("North", 30, "female", "exercise only"),
        lambda n: ("North", 30, "female", "exercise + tape" if n < 30 else "exercise only"),
    )
    report, episodes, outcomes = stored(tmp_path, rows[::-1] if turned else rows, AGES)
    assert report.rejected_total == 0
    assert outcomes["change"].notna().sum() == 100
    assert set(episodes["intervention"]) == {"exercise only"}
    assert "30 rows say another intervention than" in " ".join(report.notes)


def test_attributes_that_stand_on_the_first_row_only_are_enough(tmp_path):
    rows = two_visits(
        60, lambda n: ("North", 30, "female", "exercise only"), lambda n: ("North", "", "", ""), "2024,Q1"
    )
    rows = [row.replace("2024,Q1", ",") if ",84," in row else row for row in rows]
    report, episodes, outcomes = stored(tmp_path, rows, AGES)
    assert report.rejected_total == 0
    assert outcomes["change"].notna().sum() == 60
    assert not episodes[["age_band", "sex", "intervention", "start_year", "start_quarter"]].isna().any().any()
    assert "rows say another" not in " ".join(report.notes)


def test_a_blank_is_filled_from_a_later_row_but_a_treatment_only_from_the_start(tmp_path):
    rows = [
        "E1,North,30,,,2024,Q1,AKPS,0,50",
        "E1,North,30,female,exercise + tape,2024,Q1,AKPS,84,60",  # named when it was known how things went
        "E2,North,30,,,2024,Q1,AKPS,0,50",
        "E2,North,30,male,exercise + tape,2024,Q1,NPRS_WORST,0,5",
        "E3,North,30,,,2024,Q1,AKPS,70,50",
        "E3,North,30,male,exercise + tape,2024,Q1,NPRS_WORST,70,5",
    ]
    report, episodes, _ = stored(tmp_path, rows, AGES)
    assert report.rejected_total == 0
    assert sorted(episodes["sex"]) == ["female", "male", "male"]
    assert episodes["intervention"].isna().sum() == 1
    assert episodes[episodes["sex"] == "female"]["intervention"].isna().all()
    said = " ".join(report.notes)
    assert "1 episode names its intervention only after day 13, where it may follow from how things went" in said
    assert "rows say another" not in said


@pytest.mark.parametrize("start", ["2023,Q1", "2024,Q3"])
def test_a_row_of_another_start_is_refused(start):
    rows = good_rows(30)
    rows[3] = rows[3].replace("2024,Q1", start)
    report = preview(long_csv(rows), LONG, SCALES)
    column = "start_year" if "2023" in start else "start_quarter"
    assert [each.reason for each in report.rejected] == [
        f"Row 5, column '{column}': this row says another start than the earliest row of its episode."
    ]


def test_a_row_whose_score_is_refused_still_says_what_the_episode_is(tmp_path):
    """Else a treatment that was added later would be the group at the start of those whose first score is a typing error."""
    rows = two_visits(
        100,
        lambda n: ("North", 30, "female", "exercise only"),
        lambda n: ("North", 30, "female", "exercise + tape"),
    )
    rows[0] = rows[0].rsplit(",", 1)[0] + ",500"
    rows[2] = rows[2].rsplit(",", 1)[0] + ",x"
    report, episodes, outcomes = stored(tmp_path, rows, AGES)
    assert (report.rejected_total, report.partly_refused, report.episodes) == (2, 0, 100)
    assert episodes["intervention"].value_counts().to_dict() == {"exercise only": 100}
    assert outcomes["last"].notna().sum() == 100
    assert outcomes["first"].notna().sum() == 98
    assert "100 rows say another intervention" in " ".join(report.notes)


def test_a_first_score_that_is_refused_is_still_the_start(tmp_path):
    """Else the follow-up would become the score at the start."""
    text = LONG.model_dump()
    text["start"] = {"first_score": True}
    text["long"] |= {"day": None, "date": {"names": ("score_date",), "required": True}}
    dated = Profile.model_validate(text)
    rows = [f"E{n},North,AKPS,{date},5{n % 9}" for n in range(30) for date in ("2024-01-02", "2024-03-12")]
    rows[0] = rows[0].rsplit(",", 1)[0] + ",500"
    report, episodes, outcomes = stored(tmp_path, rows, "episode_id,site,instrument,score_date,value", dated)
    assert (report.rejected_total, report.episodes) == (1, 30)
    assert set(outcomes["last_day"]) == {70}
    assert outcomes["first"].notna().sum() == 29
    assert set(episodes["start_month"]) == {1}


def test_an_export_without_any_id_is_refused_in_a_sentence():
    rows = [row.partition(",")[1] + row.partition(",")[2] for row in good_rows(12)]
    with pytest.raises(ImportRefused, match="Row 2, column 'episode_id': the episode has no id"):
        preview(long_csv(rows), LONG, SCALES)


def test_a_start_date_that_stands_on_the_first_row_only_is_enough(tmp_path):
    text = LONG.model_dump()
    text["start"] = {"date": {"names": ("start_date",), "required": True}}
    text["long"] |= {"day": None, "date": {"names": ("score_date",), "required": True}}
    dated = Profile.model_validate(text)
    header = "episode_id,site,start_date,instrument,score_date,value"
    rows = [
        f"E{n},North,{start},AKPS,{date},5{n % 9}"
        for n in range(30)
        for start, date in (("", "2024-04-01"), ("2024-01-02", "2024-01-02"))
    ]
    report, episodes, outcomes = stored(tmp_path, rows, header, dated)
    assert report.rejected_total == 0
    assert set(outcomes["last_day"]) == {90}
    assert set(episodes["start_month"]) == {1}
    rows[2] = rows[2].replace("E1,North,,", "E1,North,2024-01-05,")
    again = preview(long_csv(rows, header), dated, SCALES)
    assert [each.row for each in again.rejected] == [4]


rows_of_care = some.lists(
    some.tuples(
        some.integers(0, 3),
        some.integers(0, 40),
        some.sampled_from(["", "male", "female"]),
        some.sampled_from(["", "exercise only", "exercise + tape"]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(rows_of_care)
def test_it_is_what_a_plain_search_finds(rows):
    """Against a search row by row: the earliest row that says it; of a treatment, only while that is the start."""
    text = [f"E{who},North,30,{sex},{arm},2024,Q1,AKPS,{day},50" for who, day, sex, arm in rows]
    report = preview(long_csv(text, AGES), LONG, SCALES)
    ordered = sorted(range(len(rows)), key=lambda place: (rows[place][1], place))
    expected = []
    for who in {row[0] for row in rows}:
        mine = [rows[place] for place in ordered if rows[place][0] == who]
        until = max(mine[0][1], LONG.baseline_until_day)
        expected.append(
            (
                next((sex for _, _, sex, _ in mine if sex), None),
                next((arm for _, day, _, arm in mine if arm and day <= until), None),
            )
        )
    assert report.rejected_total == 0
    assert report.episodes == len(expected)
    frame = episodes_seen(text)
    found = frame[["sex", "intervention"]].astype(object).where(frame[["sex", "intervention"]].notna(), None)
    assert sorted(map(repr, map(tuple, found.to_numpy()))) == sorted(map(repr, expected))


def episodes_seen(rows: list[str]) -> pd.DataFrame:
    """The episodes that a preview would store."""
    _, tables, _ = importing._understand(long_csv(rows, AGES), LONG, SCALES, bytes(32), "here", (), None)
    return tables["episode"].to_pandas()


# `site` is kept as it is, so each of its cells is looked at.


@pytest.mark.parametrize(
    "secret", ["9434765919", "943 476 5919", "07700 900123", "SW1A 1AA", "12 High Street", "came in limping on 3 May again"]
)  # fmt: skip
def test_a_single_cell_that_gives_a_person_away_is_refused(secret, tmp_path):
    rows = good_rows(40)
    rows[6] = rows[6].replace("North", secret)
    report, episodes, _ = stored(tmp_path, rows)
    assert [each.row for each in report.rejected] == [8]
    reason = report.rejected[0].reason
    assert reason.startswith("Row 8, column 'site': this looks like a number, an address or a contact of a person")
    assert set(episodes["site"]) == {"North", "South"}
    said = " ".join(report_lines(report, SCALES))
    assert secret not in said
    assert all(secret.encode() not in path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file())


def test_names_in_small_letters_are_names(tmp_path):
    first = ["john", "mary", "anna", "peter", "lucy", "tom", "ella", "omar", "priya", "li"]
    last = ["smith", "jones", "patel", "khan", "brown", "chen"]
    names = [f"{a} {b}" for a in first for b in last]
    rows = [
        row.replace("South", names[n // 2 % 60]).replace("North", names[n // 2 % 60])
        for n, row in enumerate(good_rows(240))
    ]
    with pytest.raises(IdentityFound, match=r"Column 'site' .*looks like names"):
        preview(long_csv(rows), LONG, SCALES)


def test_treatments_in_small_letters_are_no_names():
    """Values that go through a list are never stored as they are, so words in small letters are no danger there."""
    arms = ["dry needling", "manual therapy", "knee brace", "wait list", "shock wave", "shoe insole"]
    rows = [row.replace("exercise only", arms[n // 2 % 6]) for n, row in enumerate(good_rows(60))]
    with pytest.raises(ImportRefused) as refusal:
        preview(long_csv(rows), LONG, SCALES)
    assert "the value is not one the profile knows" in refusal.value.sentences[0]
    content = long_csv(rows, HEADER.replace("intervention", "given"))
    seen = suggest_mapping(survey_columns(content), vocabulary(SCALES))
    assert not any(column.looks_like for column in seen.columns)


# A file without column names would show and keep its first patient as names of columns.


RECORD = "Jane Smith,9434765919,North,50,70"


@pytest.mark.parametrize(
    "record",
    [RECORD, "Jane,jane@example.org,North", "Jane,1961-03-04,x", "Jane,07700 900123,x", "Jane,LS1 4AB,x", "Jane,12345,x",
     "Jane,50,70", "Jane,50,50"],
)  # fmt: skip
def test_it_is_refused_before_anything_is_shown(record):
    content = "\n".join(record.replace("Jane", f"Jane{n}") for n in range(30)).encode()
    with pytest.raises(ImportRefused) as refusal:
        survey_columns(content)
    (sentence,) = refusal.value.sentences
    assert sentence == "Row 1 seems to hold a record, not column names; add a row of names."


@pytest.mark.parametrize("profile", [LONG, WIDE, NHS])
def test_it_is_refused_with_a_profile_too(profile):
    with pytest.raises(ImportRefused, match="Row 1 seems to hold a record"):
        preview((RECORD + "\n" + RECORD + "\n").encode(), profile, SCALES)


def test_a_mapping_that_was_made_for_such_a_file_reads_it_no_more():
    content = "\n".join([RECORD, *(f"A B{n},9434765919,North,{50 + n % 7},70" for n in range(40))]).encode()
    draft = WIDE.model_dump() | {
        "id": "made", "episode": None, "attributes": [], "start": {},
        "wide": [{"names": ("50",), "instrument": "instrument.akps", "day": 0}],
    }  # fmt: skip
    with pytest.raises(ImportRefused, match="Row 1 seems to hold a record"):
        preview(content, Profile.model_validate(draft), SCALES)


def test_names_of_columns_are_names():
    for header in (HEADER, WIDE_HEADER, "Pat No,KOOS 4,6,akps_12m,Q1,,id"):
        refuse_record_as_header(header.split(","))


def test_a_column_called_by_a_year_is_no_record_where_a_profile_knows_the_others():
    report = preview(long_csv([row + ",1,2" for row in good_rows()], HEADER + ",2023,2024"), LONG, SCALES)
    assert report.dropped_columns == ("2023", "2024")


CODES = [f"{row},C{n % 3}" for n, row in enumerate(good_rows())]


def test_a_name_that_the_export_has_not_is_refused(tmp_path):
    content = long_csv(CODES, HEADER + ",clinician_code")
    with pytest.raises(ImportRefused) as refusal:
        import_export(content, LONG, tmp_path / "s", SCALES, leave_out=["clinican_code", "Clinician Code"])
    assert refusal.value.sentences == ("The export has no column 'clinican_code' to leave out.",)
    assert not (tmp_path / "s").exists()


def test_a_column_that_nothing_reads_can_be_left_out():
    report = preview(
        long_csv([row + ",x" for row in good_rows()], HEADER + ",Notes"), LONG, SCALES, leave_out=["notes"]
    )
    assert report.left_out == ("notes",)
    assert report.dropped_columns == ("Notes",)


def test_a_column_that_fhir_resources_give_can_be_left_out_by_its_name():
    resources = [
        {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "AKPS"}]},
         "subject": {"reference": f"Patient/{n}"}, "effectiveDateTime": date, "valueInteger": 50}
        for n in range(30) for date in ("2024-01-10", "2024-03-10")
    ]  # fmt: skip
    content = "\n".join(map(json.dumps, resources)).encode()
    report = preview(content, read_profile("fhir_r4"), SCALES, leave_out=["gender"])
    assert (report.left_out, report.episodes) == (("gender",), 30)
    with pytest.raises(ImportRefused, match="The export has no column 'gendre' to leave out"):
        preview(content, read_profile("fhir_r4"), SCALES, leave_out=["gendre"])


def test_a_name_with_a_profiles_prefix_is_left_out():
    header = "Provider Code,Revision Flag,Knee Replacement Age Band,Gender,Knee Replacement Pre-Op Q Score,Knee Replacement Post-Op Q Score"
    rows = [f"RXX0{n % 3},0,70 to 79,2,{20 + n % 9},{35 + n % 9}" for n in range(40)]
    before = preview(long_csv(rows, header), NHS, SCALES)
    assert "Knee Replacement Age Band" in [each.column for each in before.columns]
    report = preview(long_csv(rows, header), NHS, SCALES, leave_out=["Knee Replacement Age Band"])
    assert report.dropped_columns == ("Knee Replacement Age Band",)
    assert "Knee Replacement Age Band" not in [each.column for each in report.columns]


def test_the_mark_of_made_up_data_cannot_be_left_out():
    rows = [f"SYNTHETIC,{row}" for row in good_rows()]
    with pytest.raises(
        ImportRefused, match="Column 'data_origin' can't be left out, because it says whether the records are made up"
    ):
        preview(long_csv(rows, "data_origin," + HEADER), LONG, SCALES, leave_out=["data_origin"])


@pytest.mark.parametrize("typed", ["1924-03-02", "1900-01-01", "2204-03-02"])
def test_one_typing_error_among_the_starts_is_no_date_of_birth(typed):
    rows = wide_rows(100)
    rows[7] = rows[7].replace(rows[7].split(",")[5], typed)
    assert preview(long_csv(rows, WIDE_HEADER), WIDE, SCALES).episodes == 100


def test_a_clinic_of_many_years_is_read():
    this_year = datetime.date.today().year
    rows = wide_rows(100, lambda n: f"{this_year - 24 + n % 24}-{n % 12 + 1:02}-{n % 28 + 1:02}")
    assert preview(long_csv(rows, WIDE_HEADER), WIDE, SCALES).episodes == 100


def test_an_old_trial_is_read():
    rows = wide_rows(100, lambda n: f"{2005 + n % 5}-{n % 12 + 1:02}-{n % 28 + 1:02}")
    assert preview(long_csv(rows, WIDE_HEADER), WIDE, SCALES).episodes == 100


@pytest.mark.parametrize(("earliest", "years"), [(1950, 45), (1988, 18)])
def test_births_are_refused_as_starts_even_with_a_typing_error(earliest, years):
    rows = wide_rows(
        200, lambda n: "2024-03-04" if n == 5 else f"{earliest + n % years}-{n % 12 + 1:02}-{n % 28 + 1:02}"
    )
    with pytest.raises(IdentityFound, match=r"Column 'start_date' .*dates of birth"):
        preview(long_csv(rows, WIDE_HEADER), WIDE, SCALES)


def test_a_typing_error_makes_no_births_of_any_column_of_dates():
    days = [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(60)]
    rows = [row.replace("South", days[n // 2]).replace("North", days[n // 2]) for n, row in enumerate(good_rows(60))]
    rows[0] = rows[0].replace(days[0], "1924-01-01")
    assert preview(long_csv(rows), LONG, SCALES).episodes == 60
    births = [f"{1940 + n}-03-04" for n in range(60)]
    rows = [
        row.replace("South", births[n // 2]).replace("North", births[n // 2]) for n, row in enumerate(good_rows(60))
    ]
    with pytest.raises(IdentityFound, match=r"Column 'site' .*dates of birth"):
        preview(long_csv(rows), LONG, SCALES)


@pytest.mark.parametrize(
    "number",
    [lambda n: f"{n * 7919 + 1000000:010}", lambda n: f"PA{n + 10}", lambda n: f"SP{n % 10}{chr(65 + n // 10)}"],
)
def test_local_numbers_are_no_phones_and_no_postcodes(number):
    rows = [row.replace(f"E{n // 2},", f"{number(n // 2)},", 1) for n, row in enumerate(good_rows(60))]
    assert preview(long_csv(rows), LONG, SCALES).episodes == 60


def test_a_way_out_is_named_only_where_it_exists():
    people = [row.replace(f"E{n // 2},", f"p{n // 2}@example.org,", 1) for n, row in enumerate(good_rows(30))]
    with pytest.raises(IdentityFound) as found:
        preview(long_csv(people), LONG, SCALES)
    (sentence,) = found.value.sentences
    assert "choose to leave it out" not in sentence
    assert "it can't be left out, because the scores can't be told without it; put a local number there" in sentence
    assert [column.can_be_left_out for column in found.value.columns] == [False]
    codes = [f"{row},jo{n}@example.org" for n, row in enumerate(good_rows(12))]
    with pytest.raises(IdentityFound, match="or choose to leave it out") as found:
        preview(long_csv(codes, f"{HEADER},clinician_code"), LONG, SCALES)
    assert [column.can_be_left_out for column in found.value.columns] == [True]


VISITS = [line for n in range(40) for line in (f"A{n},North,baseline,{50 + n % 7}", f"A{n},North,6 weeks,{60 + n % 7}")]


def drafted(value: str):
    rows = list(VISITS)
    rows[5] = rows[5].replace("6 weeks", value)
    content = "\n".join(["ref,clinic,visit,AKPS", *rows]).encode()
    return content, suggest_mapping(survey_columns(content), vocabulary(SCALES))


def test_a_visit_that_is_not_known_is_a_decision():
    content, draft = drafted("unscheduled")
    with pytest.raises(ImportRefused, match="Column 'visit': say what 1 of its values means, or 'not known'"):
        draft_to_profile(draft, vocabulary(SCALES))
    columns = tuple(
        replace(column, values={**column.values, "unscheduled": ""}) if column.meaning == "visit" else column
        for column in draft.columns
    )
    profile = draft_to_profile(replace(draft, columns=columns), vocabulary(SCALES))
    report = preview(content, profile, SCALES)
    assert (report.rejected_total, report.scores) == (0, 79)
    assert "1 row of column 'visit' stands for a visit that is not known; left out." in report.notes


def test_many_rows_of_a_questionnaire_that_is_not_known_refuse_nothing():
    """Whoever chooses 'not known' for it has decided; one row in ten is the limit for errors."""
    rows = [f"A{n},{day},{which},{value}" for n in range(40) for day in (0, 42)
            for which, value in (("Kujala", 50 + n % 7), ("Mood scale", 900))]  # fmt: skip
    content = "\n".join(["ref,day,questionnaire,score", *rows]).encode()
    known = vocabulary(SCALES)
    draft = suggest_mapping(survey_columns(content), known)
    columns = tuple(
        mapping.with_values(replace(column, meaning="instrument"), known) if column.name == "questionnaire" else column
        for column in draft.columns
    )
    columns = tuple(
        replace(column, values={value: ours or "" for value, ours in column.values.items()})
        if column.values
        else column
        for column in columns
    )
    report = preview(content, draft_to_profile(replace(draft, columns=columns), known), SCALES)
    assert (report.episodes, report.scores, report.rejected_total) == (40, 80, 0)
    assert "80 rows of column 'questionnaire' stand for an instrument that is not known; left out." in report.notes


def test_a_further_code_for_not_known_decides_a_value():
    content, draft = drafted("Unscheduled")
    profile = draft_to_profile(replace(draft, not_known=("unscheduled",)), vocabulary(SCALES))
    assert preview(content, profile, SCALES).scores == 79


def test_a_mapping_is_not_put_in_place_of_one_for_other_columns(tmp_path):
    folder = own_folder_of(tmp_path / "s")
    made = [
        draft_to_profile(suggest_mapping(survey_columns(f"ref,{name} baseline,{name} 6 weeks\nA1,5,6\nA2,6,7\n".encode()),
                         vocabulary(SCALES)), vocabulary(SCALES))
        for name in ("AKPS", "NPRS")
    ]  # fmt: skip
    assert made[0].id == made[1].id
    kept = save_profile(made[0], folder)
    with pytest.raises(ImportRefused, match="'clinic_export' is the name of a mapping that was made for other columns"):
        save_profile(made[1], folder)
    assert read_profile(kept) == made[0]
    again = made[0].model_copy(update={"earliest_day": -3})
    save_profile(again, folder)
    assert read_profile(kept) == again


def test_blank_rows_of_a_spreadsheet_are_set_aside_and_said():
    rows = [*good_rows(), *["," * 9] * 40, " , " + "," * 8]
    report = preview(long_csv(rows), LONG, SCALES)
    assert report.rejected_total == 0
    assert (report.episodes, report.scores) == (30, 60)
    assert "41 rows are blank in all columns that are read (the first is row 62); set aside" in " ".join(report.notes)
    assert all(each.missing == 0 for each in report.columns)


def test_a_file_of_blank_rows_holds_nothing():
    with pytest.raises(ImportRefused, match="No row of the file holds a score"):
        preview(long_csv(["," * 9] * 40), LONG, SCALES)


def test_blank_rows_between_made_up_ones_are_not_taken_for_real_ones():
    rows = [*(f"SYNTHETIC,{row}" for row in good_rows()), "," * 10]
    assert preview(long_csv(rows, "data_origin," + HEADER), LONG, SCALES).synthetic


def test_blank_rows_of_a_wide_sheet_are_nobody():
    plain = WIDE.model_copy(update={"episode": None})
    report = preview(long_csv([*wide_rows(), *["," * 8] * 9], WIDE_HEADER), plain, SCALES)
    assert (report.episodes, report.rejected_total) == (60, 0)


def test_made_up_data_are_marked_in_any_letters():
    rows = [f"{('synthetic', 'Synthetic')[n % 2]},{row}" for n, row in enumerate(good_rows())]
    assert preview(long_csv(rows, "data_origin," + HEADER), LONG, SCALES).synthetic


def test_of_two_columns_for_one_visit_the_last_counts(tmp_path):
    text = WIDE.model_dump()
    twice = Profile.model_validate(
        text | {"wide": [*text["wide"], {"names": ("akps_again",), "instrument": "instrument.akps", "day": 42}]}
    )
    rows = [f"{row},{'' if n < 10 else 95}" for n, row in enumerate(wide_rows(40))]
    report = import_export(long_csv(rows, WIDE_HEADER + ",akps_again"), twice, tmp_path / "s", SCALES)
    scores = open_store(tmp_path / "s").ask(lambda table: table("score"))
    assert (report.scores, report.same_day_duplicates) == (120, 30)
    assert scores[scores["day"] == 42]["value"].value_counts().to_dict() == {95.0: 30, 60.0: 10}


def test_one_wrong_score_of_a_row_costs_that_score_alone(tmp_path):
    rows = wide_rows(60)
    rows[3] = rows[3].replace(",60,70", ",600,70")
    rows[5] = rows[5].replace(",60,70", ",x,70")
    rows[9] = f"{rows[9].rsplit(',', 3)[0]},500,,"
    report, episodes, outcomes = stored(tmp_path, rows, WIDE_HEADER, WIDE)
    assert (report.rejected_total, report.partly_refused) == (1, 2)
    assert (report.episodes, report.scores) == (59, 59 * 3 - 2)
    assert outcomes["change"].notna().sum() == 59
    assert [each.reason for each in report.rejected] == [
        "Row 5, column 'akps_6w': the score lies outside the range of AKPS (0 to 100).",
        "Row 7, column 'akps_6w': the score is not a number.",
        "Row 11, column 'akps_baseline': the score lies outside the range of AKPS (0 to 100).",
    ]
    assert "2 rows lose single scores that can't be; their other scores are kept." in report_lines(report, SCALES)
    assert len(episodes) == 59


def test_one_wrong_score_of_a_visit_costs_that_score_alone():
    text = LONG.model_dump()
    text["long"] |= {"instrument": None, "instruments": {}, "value": None, "scores": (
        {"names": ("akps",), "instrument": "instrument.akps"}, {"names": ("pain",), "instrument": "instrument.nprs_worst"},
    )}  # fmt: skip
    visits = Profile.model_validate(text)
    rows = [f"E{n},North,2024,{day},{50 + n},{n % 9}" for n in range(30) for day in (0, 42)]
    rows[4] = rows[4].rsplit(",", 1)[0] + ",99"
    report = preview(long_csv(rows, "episode_id,site,start_year,day,akps,pain"), visits, SCALES)
    assert (report.rejected_total, report.partly_refused, report.scores) == (0, 1, 119)


def test_many_rows_with_a_wrong_score_still_refuse_the_export():
    rows = [row.replace(",60,70", ",600,70") if n < 10 else row for n, row in enumerate(wide_rows(60))]
    with pytest.raises(ImportRefused, match=r"10 of 60 rows are refused, as a whole or in part; the limit is 10%"):
        preview(long_csv(rows, WIDE_HEADER), WIDE, SCALES)


def test_sites_that_differ_in_capitals_are_said_and_not_merged():
    rows = [row.replace("North", "NORTH") if n % 8 == 2 else row for n, row in enumerate(good_rows(40))]
    report = preview(long_csv(rows), LONG, SCALES)
    assert report.sites == 3
    assert (
        "Column 'site': 'NORTH' and 'North' differ in capital letters or blanks only and count as different ones; "
        "write them alike if they are one." in report.notes
    )


def test_codes_that_become_hashes_are_not_repeated():
    rows = [f"{row},{('Kc1', 'KC1')[n % 2]}" for n, row in enumerate(good_rows(40))]
    said = " ".join(preview(long_csv(rows, HEADER + ",clinician_code"), LONG, SCALES).notes)
    assert "Column 'clinician_code': 2 of its values differ in capital letters or blanks only" in said
    assert "KC1" not in said.upper()


def test_a_column_that_another_one_makes_needless_is_listed():
    rows = [row.replace("18 to 39", "18 to 39,77") for row in good_rows()]
    report = preview(long_csv(rows, HEADER.replace("age_band", "age_band,age")), LONG, SCALES)
    assert "age_band" in [each.column for each in report.columns]
    assert report.dropped_columns == ("age",)


def test_it_is_counted_with_scores_and_days():
    rows = []
    for n in range(40):
        start = f"E{n},North,18 to 39,female,exercise only,2024,Q1,AKPS"
        rows += [f"{start},0,{30 + n // 2}", f"{start},{40 + n // 2},{50 + n % 3 // 2}"]
    report = preview(long_csv(rows), LONG, SCALES)
    plain = pd.Series([(30 + n // 2, 40 + n // 2, 50 + n % 3 // 2) for n in range(40)]).value_counts()
    alone = int((plain == 1).sum())
    assert 0 < alone < 40
    assert report.alone_with_scores == alone
    text = " ".join(anonymity_lines(report))
    assert "By all attributes stored of an episode, 0 of 40 (0.0%) are alone; " in text
    assert f"with its scores and days, which are stored too, {alone} ({alone / 40:.1%})." in text
    assert "everything that is stored" not in text


made = some.lists(
    some.tuples(some.integers(0, 8), some.sampled_from("ab"), some.integers(0, 2), some.sampled_from([0.0, -0.0, 1.5])),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(made, some.lists(some.sampled_from(["x", "y", None]), min_size=9, max_size=9))
def test_it_is_what_plain_grouping_counts(made, attribute):
    episodes = pd.DataFrame({"episode_id": np.arange(9), "sex": pd.Categorical(attribute)})
    scores = pd.DataFrame(sorted(made), columns=["episode_id", "instrument", "day", "value"])
    scores["instrument"] = scores["instrument"].astype("category")
    said = [
        (attribute[who] or "-", *sorted((i, d, v + 0.0) for each, i, d, v in made if each == who)) for who in range(9)
    ]
    assert count_alone(episodes, ["sex"], scores) == sum(said.count(each) == 1 for each in said)


def test_what_is_offered_on_screen_is_what_the_profile_does():
    """'Not known' chosen for a value of any category stands among the profile's missing codes."""
    known = vocabulary(SCALES)
    content = b"ref,arm,akps 0w,akps 6w\n" + b"".join(
        b"A%d,%s,50,60\n" % (n, (b"tape", b"wait")[n % 2]) for n in range(20)
    )
    draft = suggest_mapping(survey_columns(content), known)
    columns = tuple(
        replace(column, values={value: ours or "" for value, ours in column.values.items()})
        if column.values
        else column
        for column in draft.columns
    )
    profile = draft_to_profile(replace(draft, columns=columns), known)
    assert "wait" in profile.attributes[0].missing
