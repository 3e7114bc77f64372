"""FHIR R4 resources as NDJSON: what is read, what is counted and set aside, and that nobody can be found in the store."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kneewise.errors import ImportRefused
from kneewise.outcomes import fhir
from kneewise.outcomes.importing import import_export, preview, suggest_profile
from kneewise.outcomes.profiles import profile_names, read_profile
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import SCALES, good_rows, long_csv

FHIR = read_profile("fhir_r4")
ALL_ROWS = {"max_rejected_share": 0.5}


def observation(subject: str, date: str, value, code: str = "AKPS", **more) -> dict:
    return {
        "resourceType": "Observation",
        "id": f"o-{subject}-{date}",
        "status": "final",
        "code": {"coding": [{"system": "urn:local", "code": code}]},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": f"{date}T10:30:00+01:00",
        "valueQuantity": {"value": value},
        **more,
    }


def answers(subject: str, date: str, value, link: str = "akps-total", **more) -> dict:
    items = [{"linkId": "group", "item": [{"linkId": "1", "answer": [{"valueInteger": 3}]},
                                          {"linkId": link, "answer": [{"valueDecimal": value}]}]}]  # fmt: skip
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": "https://clinic.example/Questionnaire/akps|2",
        "subject": {"reference": f"https://ehr.example/fhir/Patient/{subject}/_history/4"},
        "authored": date,
        "item": items,
        **more,
    }


def patient(name: str, birth: str, gender: str = "female") -> dict:
    return {
        "resourceType": "Patient",
        "id": name,
        "name": [{"family": "Quux", "given": ["Zebediah"]}],
        "telecom": [{"value": "07700 900123"}],
        "identifier": [{"value": "9434765919"}],
        "birthDate": birth,
        "gender": gender,
    }


def ndjson(*resources: dict | str) -> bytes:
    return "\n".join(each if isinstance(each, str) else json.dumps(each) for each in resources).encode()


def a_clinic(people: int = 30) -> list[dict]:
    found = []
    for n in range(people):
        found += [observation(f"p{n}", "2024-02-01", 50 + n % 7), answers(f"p{n}", "2024-03-14", 60 + n % 11)]
        found.append(patient(f"p{n}", f"19{60 + n % 40}-06-15", "female" if n % 3 else "male"))
    return found


def everything(store):
    return store.ask(lambda table: table("episode")), store.ask(lambda table: table("score"))


def test_observations_and_answers_become_scores_of_one_episode(tmp_path):
    report = import_export(ndjson(*a_clinic()), FHIR, tmp_path / "s", SCALES)
    assert (report.rows, report.episodes, report.scores, report.rejected_total) == (60, 30, 60, 0)
    episodes, scores = everything(open_store(tmp_path / "s"))
    assert sorted(scores["day"].unique()) == [0, 42]
    assert set(episodes["sex"]) == {"female", "male"}
    assert set(episodes["age_band"]) == {"18 to 39", "40 to 59", "60 and over"}
    assert set(episodes["start_quarter"]) == {"Q1"}
    assert report.instruments[0].pairs == 30


def test_nothing_of_a_patient_reaches_the_store(tmp_path):
    import_export(ndjson(*a_clinic()), FHIR, tmp_path / "s", SCALES)
    for path in (tmp_path / "s").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for secret in (b"Quux", b"Zebediah", b"07700", b"9434765919", b"-06-15", b"Patient/p1", b"2024-02-01"):
                assert secret not in content


def test_an_episode_of_care_is_the_episode_and_its_start_the_start(tmp_path):
    resources = []
    for n in range(20):
        resources += [
            {"resourceType": "EpisodeOfCare", "id": f"e{n}", "period": {"start": "2024-01-25"},
             "managingOrganization": {"reference": f"Organization/{n % 2}"}},
            {"resourceType": "Encounter", "id": f"v{n}a", "episodeOfCare": [{"reference": f"EpisodeOfCare/e{n}"}]},
            {"resourceType": "Encounter", "id": f"v{n}b", "episodeOfCare": [{"reference": f"EpisodeOfCare/e{n}"}]},
            observation("one", "2024-02-01", 50, encounter={"reference": f"Encounter/v{n}a"}),
            observation("one", "2024-03-14", 60, encounter={"reference": f"Encounter/v{n}b"}),
        ]  # fmt: skip
    report = import_export(ndjson(*resources), FHIR, tmp_path / "s", SCALES)
    assert (report.episodes, report.sites) == (20, 2)
    assert set(everything(open_store(tmp_path / "s"))[1]["day"]) == {7, 49}


def test_components_and_mapped_systems_are_read():
    both = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.example", "code": "panel"}]},
        "subject": {"reference": "Patient/x"},
        "effectivePeriod": {"start": "2024-02-01"},
        "component": [
            {"code": {"coding": [{"system": "http://loinc.example", "code": "1-1"}]}, "valueInteger": 55},
            {"code": {"coding": [{"system": "urn:x", "code": "NPRS_WORST"}]}, "valueQuantity": {"value": 4.5}},
        ],
    }
    instruments = {**FHIR.long.instruments, "http://loinc.example|1-1": "instrument.akps"}
    profile = FHIR.model_copy(update={"long": FHIR.long.model_copy(update={"instruments": instruments})})
    report = preview(ndjson(both), profile, SCALES)
    assert report.scores == 2
    assert {part.instrument for part in report.instruments} == {"instrument.akps", "instrument.nprs_worst"}


def test_what_is_not_read_is_counted_and_said():
    resources = a_clinic()
    resources += [
        {"resourceType": "Condition", "id": "c"}, {"resourceType": "Condition", "id": "d"},
        {"resourceType": "<b>Evil</b> Anna Smith", "id": "d"},
        observation("p1", "2024-05-01", 70, code="8302-2"),
        observation("p1", "2024-05-01", 70, status="preliminary"),
        answers("p1", "2024-05-01", 70, status="in-progress"),
        {**observation("p1", "2024-05-01", 0), "valueQuantity": {"unit": "cm"}},
        observation("p2", "2024-05-01", 70, contained=[patient("inner", "1970-01-01")]),
        "{broken", '["a list"]', '{"no": "type"}', "[" * 5000, '{"resourceType": "Observation", "value": NaN}',
    ]  # fmt: skip
    report = preview(ndjson(*resources), FHIR, SCALES)
    notes = " ".join(report.notes)
    assert "3 resources of other types were not read (Condition: 2)." in notes
    assert "1 contained resources were not read." in notes
    assert "1 resources have a code or questionnaire that the profile doesn't map (urn:local|8302-2: 1)." in notes
    assert "2 resources are not final" in notes
    assert "1 scores are no numbers" in notes
    assert "5 lines could not be read" in notes
    assert "30 Patients gave their age and gender and were dropped" in notes
    assert report.rejected_total == 5
    assert report.rejected[-1].reason == "Row 103: this line is not one whole JSON resource."
    assert "Evil" not in notes


def test_a_row_is_named_by_its_line():
    resources = a_clinic()
    resources[3] = observation("p1", "2024-02-01", 150)
    report = preview(ndjson(*resources), FHIR, SCALES)
    assert report.rejected[0].reason == "Row 4, column 'value': the score lies outside the range of AKPS (0 to 100)."


def test_a_huge_line_is_set_aside_unread(monkeypatch):
    monkeypatch.setattr(fhir, "MOST_LINE_BYTES", 2000)
    huge = observation("p1", "2024-04-01", 70, note=[{"text": "x" * 9000}])
    report = preview(ndjson(*a_clinic(), huge, observation("p1", "2024-05-01", 70)), FHIR, SCALES)
    assert report.rejected_total == 1
    assert "Row 91: this line is longer than 1 kB" in report.rejected[0].reason
    assert report.scores == 61


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (json.dumps({"resourceType": "Bundle", "entry": []}, indent=1).encode(), "No line of the file is a JSON resource"),
        (ndjson({"resourceType": "Bundle", "entry": []}), "holds no score that the profile fhir_r4 maps"),
        (ndjson(observation("p", "2024-01-01", 3, code="x")), "holds no score that the profile fhir_r4 maps"),
        (long_csv(good_rows()), "No line of the file is a JSON resource"),
        ('{"resourceType": "Patient", "x": "é"}'.encode("latin-1"), "not UTF-8"),
        (ndjson(*[observation("p", "2024-01-01", 3)] * 3, *["{"] * 7), "this line is not one whole JSON resource"),
        (ndjson({**observation("p", "2024-01-01", 3), "subject": {"reference": "#inner"}}), "the episode has no id"),
        (ndjson(observation("p", "2024-13-41", 3)), "this is not a date"),
        (ndjson({**observation("p", "2024", 3), "effectiveDateTime": "2024-05"}), "this is not a date"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_gets_a_sentence(content, sentence, tmp_path):
    with pytest.raises(ImportRefused, match=sentence) as refusal:
        import_export(content, FHIR, tmp_path / "s", SCALES)
    assert all(each.endswith(".") for each in refusal.value.sentences)
    assert not (tmp_path / "s" / "CURRENT").exists()


def test_a_missing_value_is_missing_and_not_zero():
    blank = {**observation("p0", "2024-05-01", 0), "dataAbsentReason": {"text": "asked-declined"}}
    del blank["valueQuantity"]
    report = preview(ndjson(*a_clinic(), blank), FHIR, SCALES)
    assert (report.scores, report.rejected_total) == (60, 0)
    assert next(each for each in report.columns if each.column == "value").missing == 1


def test_a_zipped_file_is_read_and_json_suggests_the_profile():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("export.ndjson", ndjson(*a_clinic()))
    assert preview(buffer.getvalue(), FHIR, SCALES).scores == 60
    profiles = [read_profile(name) for name in profile_names()]
    assert suggest_profile(buffer.getvalue(), profiles) == "fhir_r4"
    assert suggest_profile(ndjson(*a_clinic()), profiles) == "fhir_r4"
    assert suggest_profile(long_csv(good_rows()), profiles) == "kneewise_long"


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3)
    | some.dictionaries(some.sampled_from(["item", "answer", "linkId", "code", "coding", "reference", "value"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
resources = some.fixed_dictionaries(
    {
        "resourceType": some.sampled_from(
            ["Observation", "QuestionnaireResponse", "Patient", "Encounter", "EpisodeOfCare"]
        )
    },
    optional={
        name: json_values | some.just("final")
        for name in (
            "id",
            "status",
            "code",
            "subject",
            "encounter",
            "item",
            "component",
            "extension",
            "contained",
            "effectivePeriod",
            "valueQuantity",
            "birthDate",
            "period",
            "episodeOfCare",
            "questionnaire",
        )
    },
)


@settings(max_examples=25, deadline=None)
@given(some.lists(resources, max_size=4))
def test_any_resources_give_a_report_or_a_sentence(made):
    """Whatever shape a sender gives a resource: counted, read or refused in words."""
    profile = FHIR.model_copy(update=ALL_ROWS)
    try:
        report = preview(ndjson(*made, observation("p", "2024-01-01", 50)), profile, SCALES)
    except ImportRefused as refusal:
        assert all(each.endswith(".") for each in refusal.sentences)  # noqa: PT017
    else:
        assert report.scores >= 1
