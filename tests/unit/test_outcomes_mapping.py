"""Mapping an export that no profile knows: what is guessed, what must be said, and the profile that comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from kneewise.errors import ImportRefused
from kneewise.outcomes import mapping
from kneewise.outcomes.importing import import_export, preview, suggest_profile
from kneewise.outcomes.mapping import IGNORE, ColumnDraft, draft_to_profile, suggest_mapping, vocabulary
from kneewise.outcomes.profiles import (
    Profile,
    all_profiles,
    own_folder_of,
    profile_as_yaml,
    profile_names,
    read_profile,
    save_profile,
    without_columns,
)
from kneewise.outcomes.reading import survey_columns
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import SCALES, good_rows, long_csv

KNOWN = vocabulary(SCALES)
NAMES = ["Anna Smith", "Ben Jones", "Cara Patel", "Dev Singh", "Eve O'Neil", "Finn Brown", "Gus Green", "Hal Ode"]


def clinic_sheet(rows: int = 60) -> bytes:
    """A physiotherapy sheet as a small clinic keeps it: one row per patient, people in it, German commas."""
    lines = ["Pat No;Full Name;DOB;PostCode;Age;Gender;Arm;Clinic;First appointment;AKPS baseline;Kujala 3 months;"
             "Worst pain wk12;NHS No;Comments"]  # fmt: skip
    for n in range(rows):
        lines.append(
            f"P{n:03};{NAMES[n % 8]};0{n % 9 + 1}/0{n % 8 + 1}/19{50 + n % 45};LS{n % 9 + 1} {n % 9 + 1}AB;{18 + n % 60};"
            f"{'F' if n % 2 else 'M'};{('tape', 'exercise', 'wait')[n % 3]};{('North', 'South')[n % 2]};"
            f"{n % 28 + 1:02}/0{n % 9 + 1}/2024;{50 + n % 20},5;{65 + n % 20};{n % 5};9434765919;felt fine that day and went"
        )
    return "\n".join(lines).encode()


def drafted(content: bytes) -> mapping.Draft:
    return suggest_mapping(survey_columns(content), KNOWN)


def of(draft: mapping.Draft, name: str) -> ColumnDraft:
    return next(column for column in draft.columns if column.name == name)


def changed(draft: mapping.Draft, name: str, **values) -> mapping.Draft:
    """The draft with one column changed, its values guessed anew as the page does."""
    columns = [
        mapping.with_values(replace(column, **values), KNOWN)
        if column.name == name and "values" not in values
        else replace(column, **values)
        if column.name == name
        else column
        for column in draft.columns
    ]
    return replace(draft, columns=tuple(columns))


def decided(draft: mapping.Draft) -> mapping.Draft:
    """The draft with every open value 'not known'."""
    return replace(
        draft,
        columns=tuple(
            replace(column, values={value: ours or "" for value, ours in column.values.items()})
            if column.values
            else column
            for column in draft.columns
        ),
    )


def refused(draft: mapping.Draft) -> str:
    with pytest.raises(ImportRefused) as refusal:
        draft_to_profile(draft, KNOWN)
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in refusal.value.sentences)
    return " ".join(refusal.value.sentences)


def test_a_clinics_own_sheet_is_understood_from_its_words():
    draft = drafted(clinic_sheet())
    found = {column.name: (column.meaning, column.instrument, column.day) for column in draft.columns}
    assert found["Pat No"][0] == "episode"
    assert found["Age"][0] == "age_years"
    assert found["Gender"][0] == "sex"
    assert found["Arm"][0] == "intervention"
    assert found["Clinic"][0] == "site"
    assert found["First appointment"][0] == "start_date"
    assert found["AKPS baseline"] == ("score", "instrument.akps", 0)
    assert found["Kujala 3 months"] == ("score", "instrument.akps", 91)
    assert found["Worst pain wk12"] == ("score", "instrument.nprs_worst", 84)
    assert draft.layout == "wide"
    assert of(draft, "Arm").values == {"tape": "exercise + tape", "exercise": "exercise only", "wait": None}


def test_columns_that_look_like_people_are_left_out_and_nothing_of_them_is_kept():
    draft = drafted(clinic_sheet())
    people = {column.name: column.looks_like for column in draft.columns if column.looks_like}
    assert people == {"Full Name": "names", "DOB": "dates of birth", "PostCode": "addresses", "NHS No": "NHS numbers",
                      "Comments": "free text"}  # fmt: skip
    assert {of(draft, name).meaning for name in people} == {IGNORE}
    kept = repr(draft)
    for secret in (*NAMES, "9434765919", "LS1", "/1950", "felt fine"):
        assert secret not in kept


def test_the_first_rows_are_masked():
    draft = drafted(clinic_sheet())
    assert of(draft, "Full Name").shown == ("hidden",) * 3
    assert set(of(draft, "Pat No").shown) == {"a999"}
    assert set(of(draft, "First appointment").shown) == {"99/99/9999"}
    assert of(draft, "Gender").shown[:2] == ("M", "F")
    assert of(draft, "AKPS baseline").shown[0] == "50,5"


def test_what_was_mapped_is_imported_exactly(tmp_path):
    draft = decided(drafted(clinic_sheet()))
    profile = draft_to_profile(draft, KNOWN)
    seen = preview(clinic_sheet(), profile, SCALES)
    done = import_export(clinic_sheet(), profile, tmp_path / "s", SCALES)
    assert (seen.rows, seen.episodes, seen.scores, seen.sites) == (60, 60, 180, 2)
    assert seen.rejected_total == 0
    assert (done.episodes, done.scores) == (seen.episodes, seen.scores)
    assert done.columns == seen.columns
    episodes = open_store(tmp_path / "s").ask(lambda table: table("episode"))
    assert episodes["intervention"].value_counts().to_dict() == {"exercise + tape": 20, "exercise only": 20}
    assert episodes["sex"].value_counts().to_dict() == {"male": 30, "female": 30}
    again = import_export(clinic_sheet(), profile, tmp_path / "s", SCALES)
    assert not again.changed
    for path in (tmp_path / "s").rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in (*NAMES, "9434765919", "P007"))


def test_an_undecided_value_must_be_decided():
    assert "Column 'Arm': say what 1 of its values means, or 'not known'." in refused(drafted(clinic_sheet()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"Age": {"meaning": "sex", "values": {"1": "male"}}}, "Columns 'Age' and 'Gender' are both the sex"),
        ({"Clinic": {"meaning": "age_band", "values": {"North": "18 to 39"}}}, "'Age' and 'Clinic' are both the age"),
        ({"Kujala 3 months": {"day": 0}}, "'AKPS baseline' and 'Kujala 3 months' are the same questionnaire at the same visit"),
        ({"AKPS baseline": {"instrument": ""}}, "Column 'AKPS baseline' is a score; say of which questionnaire"),
        ({"AKPS baseline": {"instrument": "instrument.hoos"}}, "Column 'AKPS baseline' is a score; say of which questionnaire"),
        ({"AKPS baseline": {"day": None}}, "Column 'AKPS baseline' is a score; say on which day"),
        ({"Full Name": {"meaning": "site"}}, "Column 'Full Name' looks like names, which is never imported"),
        ({"Age": {"meaning": "value"}}, "Scores are told in two ways"),
        ({"Clinic": {"meaning": "visit", "values": {"North": "0"}}}, "Column 'AKPS baseline' is a score of day 0, and column 'Clinic' says the day too"),
        ({"Arm": {"values": {"tape": "", "exercise": "", "wait": ""}}}, "Column 'Arm': all of its values are 'not known'"),
        ({"Arm": {"values": {"tape": "magnets"}}}, "Column 'Arm': a value is mapped to something that Kneewise does not know"),
        ({"Pat No": {"meaning": "referral"}}, "Column 'Pat No' has more than 40 different values"),
        ({"Age": {"meaning": "mood"}}, "Column 'Age' has no meaning that Kneewise knows"),
        ({name: {"meaning": IGNORE} for name in ("AKPS baseline", "Kujala 3 months", "Worst pain wk12")}, "No column holds a score"),
    ],
)  # fmt: skip
def test_a_mapping_that_is_wrong_is_refused_in_a_sentence(change, sentence):
    draft = decided(drafted(clinic_sheet()))
    for name, values in change.items():
        draft = changed(draft, name, **values)
    assert sentence in refused(draft)


def test_a_column_mapped_twice_is_refused():
    draft = decided(drafted(clinic_sheet()))
    assert "Column 'Age' is mapped twice; map it once." in refused(
        replace(draft, columns=(*draft.columns, ColumnDraft("Age", meaning="start_year")))
    )


def test_ages_need_bands():
    assert "Column 'Age' holds ages in years; name the age bands they become." in refused(
        replace(decided(drafted(clinic_sheet())), age_bands=())
    )


def test_a_long_export_with_dates_counts_from_the_first_score(tmp_path):
    lines = ["pid,therapist,visit,date completed,questionnaire,score,sex"]
    for n in range(30):
        day = n % 28 + 1
        for visit, date, which, score in (("baseline", f"2024-01-{day:02}", "Kujala", 50), ("12 weeks", f"{day} Apr 2024", "", 0),
                                          ("6 weeks", f"2024-02-{day:02}", "Kujala", 60 + n % 3)):  # fmt: skip
            if which:
                lines.append(f"{n + 1000},T{n % 4},{visit},{date},{which},{score},{'Female' if n % 3 else 'Male'}")
    content = "\n".join(lines).encode()
    draft = drafted(content)
    assert draft.layout == "long"
    assert of(draft, "visit").why == "another column says the date"
    profile = draft_to_profile(draft, KNOWN)
    assert profile.start.first_score
    report = import_export(content, profile, tmp_path / "s", SCALES)
    assert "counted from each episode's first score" in " ".join(report.notes)
    store = open_store(tmp_path / "s")
    assert set(store.ask(lambda table: table("score"))["day"]) == {0, 31}
    assert set(store.ask(lambda table: table("episode"))["start_quarter"]) == {"Q1"}
    assert not any("2024" in str(name) for name in store.ask(lambda table: table("score")).columns)


def test_one_row_per_visit_with_a_column_per_questionnaire(tmp_path):
    lines = ["Patient Number,Visit,Kujala,NPRS"]
    lines += [
        f"{n + 1000},{visit},{50 + n % 9 + day},{n % 10}"
        for n in range(30)
        for day, visit in ((0, "Baseline"), (42, "6 weeks"))
    ]
    content = "\n".join(lines).encode()
    draft = drafted(content)
    assert draft.layout == "visits"
    assert of(draft, "Visit").values == {"Baseline": "0", "6 weeks": "42"}
    report = import_export(content, draft_to_profile(draft, KNOWN), tmp_path / "s", SCALES)
    assert (report.rows, report.episodes, report.scores) == (60, 30, 120)
    akps = next(part for part in report.instruments if part.instrument == "instrument.akps")
    assert (akps.pairs, akps.improved) == (30, 30)
    refusal = refused(changed(draft, "Patient Number", meaning=IGNORE))
    assert "Several rows belong to one episode" in refusal


def test_one_row_per_score_needs_its_partner_and_its_day():
    content = ("id,questionnaire,score,day\n" + "".join(f"A{n},Kujala,{n},0\n" for n in range(20))).encode()
    draft = drafted(content)
    assert draft_to_profile(draft, KNOWN).layout == "long"
    assert "choose the one that is 'Which questionnaire' too" in refused(
        changed(draft, "questionnaire", meaning=IGNORE)
    )
    assert "No column says when a score was given" in refused(changed(draft, "day", meaning=IGNORE))


def test_the_mark_of_made_up_data_is_never_lost(tmp_path):
    rows = "".join(f"SYNTHETIC,A{n},{50 + n},{60 + n}\n" for n in range(20))
    content = ("data_origin,id,akps 0w,akps 6w\n" + rows).encode()
    draft = changed(drafted(content), "data_origin", meaning=IGNORE)
    assert import_export(content, draft_to_profile(draft, KNOWN), tmp_path / "s", SCALES).synthetic


def test_further_codes_mean_not_known():
    content = (
        "id,akps 0w,akps 6w\n" + "".join(f"A{n},{50 + n % 9},{999 if n % 2 else 60}\n" for n in range(20))
    ).encode()
    draft = replace(drafted(content), not_known=("999",))
    draft = changed(draft, "akps 6w", meaning="score", instrument="instrument.akps", day=42)
    report = preview(content, draft_to_profile(draft, KNOWN), SCALES)
    assert report.rejected_total == 0
    assert report.scores == 30


def test_a_few_days_before_the_start_can_belong_to_the_episode():
    lines = ["id,start date,date,kujala"]
    lines += [f"A{n},2024-03-10,{date},{50 + n % 9}" for n in range(20) for date in ("2024-03-06", "2024-04-20")]
    content = "\n".join(lines).encode()
    draft = drafted(content)
    with pytest.raises(ImportRefused, match="the date lies before the episode's start; a follow-up can't come before"):
        preview(content, draft_to_profile(draft, KNOWN), SCALES)
    profile = draft_to_profile(replace(draft, earliest_day=-7), KNOWN)
    assert profile.visit_windows[0].from_day == -7
    assert preview(content, profile, SCALES).instruments[0].pairs == 20


@pytest.mark.parametrize(
    ("text", "day"),
    [("baseline", 0), ("Pre-treatment", 0), ("6w", 42), ("6 weeks", 42), ("week 6", 42), ("wk12", 84), ("3m", 91),
     ("12 months", 365), ("1 year", 365), ("day 10", 10), ("T0", 0), ("discharge", None), ("6", None), ("", None)],
)  # fmt: skip
def test_a_visits_name_is_read(text, day):
    assert mapping.understood_visit(text, mapping.read_words()) == day


def test_a_mapping_comes_back_for_the_next_export_with_the_same_header(tmp_path):
    draft = replace(decided(drafted(clinic_sheet())), label="North clinic, EPR")
    profile = draft_to_profile(draft, KNOWN, profile_names())
    assert profile.id == "north_clinic_epr"
    store = tmp_path / "clinic"
    path = save_profile(profile, own_folder_of(store))
    assert path == tmp_path / "clinic.profiles" / "north_clinic_epr.yaml"
    assert list(path.parent.iterdir()) == [path]
    profiles, problems = all_profiles(store)
    assert problems == ()
    assert profiles["north_clinic_epr"] == profile
    assert suggest_profile(clinic_sheet(90), list(profiles.values())) == "north_clinic_epr"
    turned = b"\n".join(b";".join(line.split(b";")[::-1]) for line in clinic_sheet().splitlines())
    assert suggest_profile(turned.replace(b"Pat No", b"PAT_NO"), list(profiles.values())) == "north_clinic_epr"
    assert suggest_profile(b"Pat No,Age\nP1,30\n", list(profiles.values())) is None


def test_a_saved_mapping_can_be_put_into_the_folder_of_profiles(tmp_path):
    profile = draft_to_profile(decided(drafted(clinic_sheet())), KNOWN)
    (tmp_path / "clinic_export.yaml").write_text(profile_as_yaml(profile), encoding="utf-8")
    assert read_profile("clinic_export", tmp_path) == profile


@pytest.mark.parametrize("name", profile_names())
def test_a_shipped_profile_survives_being_written(name):
    profile = read_profile(name)
    assert Profile.model_validate(yaml.safe_load(profile_as_yaml(profile))) == profile


def test_a_mapping_never_takes_the_name_of_a_shipped_profile(tmp_path):
    draft = replace(decided(drafted(clinic_sheet())), label="Wide trial")
    with pytest.raises(ImportRefused, match="A profile of the name 'wide_trial' comes with Kneewise"):
        draft_to_profile(draft, KNOWN, profile_names())
    with pytest.raises(ImportRefused, match="choose another name"):
        save_profile(draft_to_profile(draft, KNOWN), tmp_path)


def test_a_broken_own_profile_is_said_and_the_others_stay(tmp_path):
    folder = own_folder_of(tmp_path / "clinic")
    folder.mkdir()
    (folder / "broken.yaml").write_text("id: 3\n", encoding="utf-8")
    profiles, problems = all_profiles(tmp_path / "clinic")
    assert set(profile_names()) == set(profiles)
    assert problems
    assert all(sentence.startswith("Profile broken.yaml") for sentence in problems)


def test_columns_can_be_left_out_by_choice_but_not_those_that_tell_the_scores():
    content = clinic_sheet()
    profile = draft_to_profile(decided(drafted(content)), KNOWN)
    report = preview(content, profile, SCALES, leave_out=["Clinic", "age"])
    assert report.left_out == ("Clinic", "age")
    assert report.sites == 0
    assert {"Clinic", "Age"} <= set(report.dropped_columns)
    assert "age" not in " ".join(report.anonymity.attributes)
    long = read_profile("kneewise_long")
    with pytest.raises(ImportRefused, match="Column 'episode_id' can't be left out"):
        without_columns(long, ["episode_id"])
    with pytest.raises(ImportRefused, match="Without these columns no score is left"):
        without_columns(profile, ["AKPS baseline", "Kujala 3 months", "Worst pain wk12"])


words = some.text(
    some.characters(codec="utf-8", exclude_characters='\r\n"', exclude_categories=("Cs", "Cc")), max_size=12
)


@settings(max_examples=30, deadline=None)
@given(header=some.lists(words, min_size=1, max_size=5), cells=some.lists(words, min_size=5, max_size=25))
def test_any_table_gives_a_draft_or_a_sentence(header, cells):
    """Whatever stands in a file: a draft and then a profile or sentences, never anything else."""
    rows = [cells[start : start + len(header)] for start in range(0, len(cells) - len(header) + 1, len(header))]
    content = "\n".join(",".join(f'"{each}"' for each in row) for row in [header, *rows]).encode()
    try:
        draft = drafted(content)
    except ImportRefused:
        return
    try:
        made = draft_to_profile(draft, KNOWN)
    except ImportRefused:
        return
    assert isinstance(made, Profile)


def test_our_own_long_form_mapped_by_hand_gives_the_same_records():
    rows = good_rows(40)
    content = long_csv([*rows, rows[3].rsplit(",", 1)[0] + ",77"])
    by_profile = preview(content, read_profile("kneewise_long"), SCALES)
    by_hand = preview(content, draft_to_profile(drafted(content), KNOWN), SCALES)
    for name in (
        "rows",
        "episodes",
        "scores",
        "sites",
        "instruments",
        "same_day_duplicates",
        "rejected_total",
        "anonymity",
    ):
        assert getattr(by_hand, name) == getattr(by_profile, name)
    assert {each.column: each.meaning for each in by_hand.columns} == {
        each.column: each.meaning for each in by_profile.columns
    }


# --- Beginning with a mapping that was kept


def again(draft: mapping.Draft, content: bytes) -> Profile:
    """What the mapping becomes when it is opened for another export and nothing is changed."""
    kept = Profile.model_validate(yaml.safe_load(profile_as_yaml(draft_to_profile(draft, KNOWN))))
    return draft_to_profile(mapping.start_from(kept, drafted(content), KNOWN), KNOWN)


def chosen_sheet() -> mapping.Draft:
    """The sheet mapped otherwise than it is guessed: two columns left out, a value turned, codes, a name, a day."""
    draft = decided(drafted(clinic_sheet()))
    draft = changed(draft, "Gender", meaning=IGNORE)
    draft = changed(draft, "Worst pain wk12", meaning=IGNORE, instrument="", day=None)
    draft = changed(draft, "Kujala 3 months", day=91)
    draft = changed(draft, "Arm", values={**of(draft, "Arm").values, "wait": "", "tape": "exercise only"})
    return replace(draft, label="Knee clinic", not_known=("99", "n/k"))


def test_a_kept_mapping_begins_as_it_was_chosen_not_as_it_is_guessed():
    kept = draft_to_profile(chosen_sheet(), KNOWN)
    draft = mapping.start_from(kept, drafted(clinic_sheet()), KNOWN)
    assert of(draft, "Gender").meaning == IGNORE
    assert of(draft, "Gender").why == "the mapping that was kept leaves it out"
    assert of(draft, "Worst pain wk12").meaning == IGNORE
    assert (of(draft, "Kujala 3 months").instrument, of(draft, "Kujala 3 months").day) == ("instrument.akps", 91)
    assert of(draft, "Arm").values["wait"] == ""
    assert of(draft, "Arm").values["tape"] == "exercise only"
    assert of(draft, "Full Name").looks_like
    assert (draft.label, draft.not_known) == ("Knee clinic", ("99", "n/k"))


def test_opening_a_kept_mapping_changes_nothing_of_it():
    draft = chosen_sheet()
    assert again(draft, clinic_sheet()) == draft_to_profile(draft, KNOWN)


def test_what_this_export_lacks_stays_decided_and_what_is_new_is_guessed_or_asked():
    draft = chosen_sheet()
    kept = draft_to_profile(draft, KNOWN)
    other = clinic_sheet().replace(b";wait;", b";manual therapy;").replace(b";exercise;", b";something else;")
    found = of(mapping.start_from(kept, drafted(other), KNOWN), "Arm").values
    assert found["wait"] == ""
    assert found["exercise"] == of(draft, "Arm").values["exercise"]
    assert found["something else"] is None
    assert found["tape"] == "exercise only"


def test_a_column_that_looks_like_people_is_left_out_whatever_was_chosen_before():
    kept = draft_to_profile(decided(drafted(clinic_sheet())), KNOWN)
    other = clinic_sheet().replace(b";North;", b";ann.north@example.org;").replace(b";South;", b";bob.south@example.org;")
    column = of(mapping.start_from(kept, drafted(other), KNOWN), "Clinic")
    assert column.looks_like
    assert column.meaning == IGNORE


@pytest.mark.parametrize("days", [0, -30])
def test_visits_questionnaires_and_the_days_before_come_back(days):
    visits = ["Patient ID,Came,PROM,Result,Gender"]
    visits += [
        f"K{n},{came},{name},{50 + n % 9},{'FM'[n % 2]}"
        for n in range(40)
        for came in ("baseline", "later on")
        for name in ("Kujala", "mystery")
    ]
    content = "\n".join(visits).encode()
    draft = drafted(content)
    draft = changed(draft, "Came", meaning="visit", values={"baseline": "0", "later on": "70"})
    draft = changed(draft, "PROM", meaning="instrument", values={"Kujala": "instrument.akps", "mystery": "instrument.koos_pf"})
    draft = changed(draft, "Result", meaning="value", instrument="", day=None)
    draft = replace(draft, earliest_day=days)
    profile = draft_to_profile(draft, KNOWN)
    assert profile.long.visits == {"baseline": 0, "later on": 70}
    assert again(draft, content) == profile
