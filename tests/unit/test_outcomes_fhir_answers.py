"""FHIR forms that carry answers to single items and no total: the same answers give the same score as anywhere else, and
what can't be scored without guessing is refused in words. All people and forms here are made up."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from kneewise.errors import ImportRefused
from kneewise.knowledge_base import load_knowledge
from kneewise.outcomes.fhir import read_fhir
from kneewise.outcomes.importing import import_export, preview
from kneewise.outcomes.instruments import instruments_from, scorings_from
from kneewise.outcomes.profiles import Profile, profile_as_yaml, read_profile
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import ROOT

KNOWLEDGE = load_knowledge()
SCALES = instruments_from(KNOWLEDGE)
SCORINGS = scorings_from(KNOWLEDGE)
SHIPPED = read_profile("fhir_r4")
VECTORS = [
    row
    for row in yaml.safe_load((ROOT / "tests" / "spec" / "prom_vectors.yaml").read_text(encoding="utf-8"))["rows"]
    if "answers" in row
]
FORM = "https://clinic.example/Questionnaire/form"
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
ITEM_WEIGHT = "http://hl7.org/fhir/StructureDefinition/itemWeight"
AKPS_63 = [3, 5, 3, 5, 3, 6, 7, 4, 3, 8, 6, 5, 5]


def profile_of(*entries: dict, refused_share: float = 1.0, instruments: dict | None = None) -> Profile:
    """The shipped FHIR profile with these forms. Each of their instruments gets a code of its own for totals."""
    content = SHIPPED.model_dump()
    forms = [{"questionnaire": FORM, **entry} for entry in entries]
    codes = {f"{FORM}#total-{each['instrument']}": each["instrument"] for each in forms}
    content["fhir"]["questionnaires"] = forms
    content["long"]["instruments"] = {**codes, **(instruments or {})}
    return Profile.model_validate(content | {"max_rejected_share": refused_share})


def numbered(name: str, **more) -> dict:
    """An entry whose linkIds are the numbers of the items."""
    return {"instrument": f"instrument.{name}", "item_pattern": "{n}", **more}


def plain(answer: float) -> dict:
    return {"valueInteger": answer} if isinstance(answer, int) else {"valueDecimal": answer}


def weighted(url: str):
    return lambda answer: {
        "valueCoding": {
            "system": "urn:clinic",
            "code": "x",
            "display": "Sometimes",
            "extension": [{"url": url, "valueDecimal": answer}],
        }
    }


CARRIERS = {
    "number": plain,
    "quantity": lambda answer: {"valueQuantity": {"value": answer}},
    "ordinalValue": weighted(ORDINAL),
    "itemWeight": weighted(ITEM_WEIGHT),
    "code of the profile": lambda answer: {"valueCoding": {"system": "urn:clinic", "code": f"c{answer}"}},
}
CODES = {f"urn:clinic|c{answer}": answer for answer in (*range(64), 6.3)}


def item(link: str, *answers: dict, **more) -> dict:
    return {"linkId": link, "text": "How often does your knee hurt?", "answer": list(answers), **more}


def response(items: list[dict], subject: str = "p", date: str = "2024-02-01", **more) -> dict:
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": FORM,
        "subject": {"reference": f"Patient/{subject}"},
        "authored": date,
        "item": items,
        **more,
    }


def items_of(answers: list, carrier=plain) -> list[dict]:
    """One item per answer; an item without one stands there blank, as many systems write it."""
    return [
        {"linkId": str(number)} if answer in ("missing", None) else item(str(number), carrier(answer))
        for number, answer in enumerate(answers, start=1)
    ]


def total(name: str, value: str) -> dict:
    """The item that carries the total, its number as it is to be written."""
    return item(f"total-instrument.{name}", {"valueDecimal": f"@{value}@"})


def ndjson(*resources: dict) -> bytes:
    return re.sub(r'"@([^"]*)@"', r"\1", "\n".join(map(json.dumps, resources))).encode()


def values_of(profile: Profile, *resources: dict) -> list[float | None]:
    """The scores as the import gets them, in the file's order; None where nobody answered."""
    table = read_fhir(ndjson(*resources), profile)
    assert table.unreadable_total == 0, table.unreadable
    coded = table.columns[profile.long.value]
    return [float(coded.values[code]) if coded.values[code] else None for code in coded.codes]


def refusal_of(profile: Profile, *resources: dict) -> str:
    """The one reason for which these forms give no score, beside a form that is sound."""
    one = profile.fhir.questionnaires[0]
    good = {"akps": AKPS_63, "koos_pf": [2] * 11, "nprs_worst": [4]}[one.instrument.removeprefix("instrument.")]
    if not one.item_pattern:
        sound = response([item(link, plain(answer)) for link, answer in zip(one.items, good, strict=True)], "sound")
    else:
        sound = response(items_of(good), "sound")
    report = preview(ndjson(*resources, sound), profile, SCALES)
    assert (report.scores, report.rejected_total) == (1, 1)
    assert "1 scores could not be worked out from the answers; the refused rows say why." in report.notes
    (row,) = report.rejected
    assert row.row == 1
    return row.reason


# --- The same answers, the same score ----------------------------------------------------------------------------------


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["row"])
def test_a_form_gives_the_score_of_the_table(row, carrier):
    values = {"values": CODES} if carrier == "code of the profile" else {}
    entry = numbered(row["instrument"], **({"rule": row["rule"]} if "rule" in row else {}), **values)
    form = response([{"linkId": "group", "item": items_of(row["answers"], CARRIERS[carrier])}])
    if "score" in row:
        (value,) = values_of(profile_of(entry), form)
        assert value == pytest.approx(row["score"], abs=0.005)
    elif all(answer == "missing" for answer in row["answers"]):
        assert values_of(profile_of(entry), form) == [None]
    else:
        with pytest.raises(ImportRefused) as refusal:
            preview(ndjson(form), profile_of(entry), SCALES)
        assert row["no_score"] in refusal.value.sentences[0]
        assert refusal.value.sentences[0].startswith("Row 1: ")


def test_groups_in_groups_and_questions_below_answers_are_read():
    items = items_of(AKPS_63)
    below = {**items[1], "answer": [{**items[1]["answer"][0], "item": items[2:6]}]}
    nested = [
        {"linkId": "a", "item": [{"linkId": "b", "item": [items[0], {"linkId": "c", "item": [below]}]}]},
        *items[6:],
    ]
    assert values_of(profile_of(numbered("akps", rule="points")), response(nested)) == [63]


def test_a_form_nested_very_deeply_is_read_all_the_same():
    deep = items_of(AKPS_63)
    for depth in range(300):
        deep = [{"linkId": f"group-{depth}", "item": deep}]
    assert values_of(profile_of(numbered("akps", rule="points")), response(deep)) == [63]


def test_items_are_told_by_their_list_whatever_their_order_in_the_file():
    names = ["limp", "1.10", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"]
    items = [item(link, plain(answer)) for link, answer in zip(names, AKPS_63, strict=True)]
    entry = {"instrument": "instrument.akps", "items": names, "rule": "points"}
    assert values_of(profile_of(entry), response(items[::-1])) == [63]


def test_an_item_that_the_form_does_not_have_counts_as_missing():
    entry = {"instrument": "instrument.psfs", "items": ["a", "b", "c", None, None]}
    items = [item(link, plain(answer)) for link, answer in zip("abc", (3, 5, 2), strict=True)]
    assert values_of(profile_of(entry), response(items)) == [pytest.approx(10 / 3)]


def test_numbers_with_leading_zeros_are_a_pattern_of_their_own():
    entry = {"instrument": "instrument.akps", "item_pattern": "akps/{n:02}.a", "rule": "points"}
    items = [item(f"akps/{number:02}.a", plain(answer)) for number, answer in enumerate(AKPS_63, start=1)]
    assert values_of(profile_of(entry), response(items)) == [63]


def test_one_form_with_several_instruments_gives_a_score_of_each():
    """The KOOS: five scores, and here one of them has too few answers."""
    parts = {"pain": 9, "symptoms": 7, "adl": 17, "sport": 5, "qol": 4}
    entries = [
        {"instrument": f"instrument.koos_{name}", "item_pattern": f"{name}-{{n}}", "rule": "from_2012"}
        for name in parts
    ]
    items = [
        item(f"{name}-{n}", plain(1))
        for name, of in parts.items()
        for n in range(1, of + 1)
        if name != "sport" or n < 3
    ]
    report = preview(ndjson(response(items)), profile_of(*entries), SCALES)
    assert (report.rows, report.scores, report.rejected_total) == (4, 4, 1)
    assert (
        report.rejected[0].reason
        == "Row 1: KOOS Sport and recreation: 2 of 5 answered, and the rule 'from_2012' needs 3."
    )
    assert [summary.first_only for summary in report.instruments] == [1] * 4
    notes = " ".join(report.notes)
    assert "1 scores were worked out from single answers: KOOS Pain by 'from_2012' (from 5 of 9 answers on" in notes
    assert "Only totals are read" not in notes


def test_a_version_of_a_form_can_be_meant_alone():
    old, new = (numbered("koos_pf", questionnaire=f"{FORM}{version}") for version in ("|1", ""))
    old["item_pattern"] = "old-{n}"
    profile = profile_of(old, new)
    first = response([item(f"old-{n}", plain(0)) for n in range(1, 12)], questionnaire=f"{FORM}|1")
    second = response(items_of([4] * 11), questionnaire=f"{FORM}|2")
    assert values_of(profile, first, second) == [100, 0]


def test_texts_and_yes_and_no_count_where_the_profile_says_what_they_are():
    entry = numbered("koos_pf", values={"none": 0, "urn:a|none": 4, "true": 1, "declined": None},
                     values_of_items={"3": {"none": 2}})  # fmt: skip
    answers = [
        {"valueString": " none "}, {"valueCoding": {"code": "none"}}, {"valueString": "none"}, {"valueBoolean": True},
        {"valueCoding": {"system": "urn:a", "code": "none"}}, {"valueCoding": {"code": "declined"}}, *[plain(0)] * 5,
    ]  # fmt: skip
    items = [item(str(number), answer) for number, answer in enumerate(answers, start=1)]
    # Ten answers of 0 to 4 with a sum of 2 + 1 + 4; the declined one is missing.
    assert values_of(profile_of(entry), response(items)) == [pytest.approx(100 - 100 * 7 / 40)]


def test_a_form_that_nobody_filled_in_is_missing_and_not_zero():
    entry = numbered("koos_pf", values={"declined": None})
    blank = [{"linkId": str(number)} for number in range(1, 12)]
    declined = [item(str(number), {"valueCoding": {"code": "declined"}}) for number in range(1, 12)]
    profile = profile_of(entry)
    assert values_of(profile, response(blank), response(declined), response([])) == [None] * 3
    report = preview(ndjson(response(blank, "a"), response(items_of([0] * 11), "b")), profile, SCALES)
    assert (report.scores, report.rejected_total) == (1, 0)
    assert next(each for each in report.columns if each.column == "value").missing == 1


def test_answers_in_what_is_not_scored_are_left_alone():
    entry = numbered("koos_pf", not_scored=["12", "about-you"])
    beside = [item("12", {"valueString": "It hurts."}),
              {"linkId": "about-you", "item": [item("13", plain(7)), item("age", plain(44))]}]  # fmt: skip
    assert values_of(profile_of(entry), response([*items_of([4] * 11), *beside])) == [0]


def test_scores_from_answers_are_stored_with_first_and_last(tmp_path):
    profile = profile_of(numbered("koos_pf"), refused_share=0)
    resources = []
    for n in range(20):
        resources += [response(items_of([3] * 11), f"p{n}"), response(items_of([1] * 10), f"p{n}", "2024-03-14")]
    report = import_export(ndjson(*resources), profile, tmp_path / "s", SCALES)
    assert (report.episodes, report.scores, report.rejected_total) == (20, 40, 0)
    scores = open_store(tmp_path / "s").ask(lambda table: table("score"))
    assert sorted(set(zip(scores["day"], scores["value"], strict=True))) == [(0, 25), (42, 75)]


def test_no_wording_is_stored_or_said(tmp_path):
    profile = profile_of(numbered("koos_pf", not_scored=["note"]))
    note = item("note", {"valueString": "Since Zebediah Quux fell"})
    resources = [response([*items_of([3] * 11, weighted(ORDINAL)), note], f"p{n}") for n in range(20)]
    resources += [response([*items_of([3] * 11), item("How does it hurt?", {"valueString": "Zebediah"})], "q"),
                  response(items_of(["Sometimes", *[0] * 10], lambda answer: {"valueString": answer}), "r")]  # fmt: skip
    report = import_export(ndjson(*resources), profile, tmp_path / "s", SCALES)
    assert report.rejected_total == 2
    said = " ".join([*report.notes, *(row.reason for row in report.rejected)])
    stored = b"".join(path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file())
    for words in ("How", "knee hurt", "Sometimes", "Zebediah"):
        assert words not in said
        assert words.encode() not in stored


# --- Totals beside answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["59", "59.0", "59.1", "59.09", "59.0909", "5.9e1"])
def test_a_total_that_is_the_rounded_score_agrees(written):
    items = items_of([2, 2, 1, 3, 2, 1, 2, 1, 2, 1, 1])
    assert values_of(profile_of(numbered("koos_pf")), response([*items, total("koos_pf", written)])) == [
        pytest.approx(59.0909, abs=1e-4)
    ]


@pytest.mark.parametrize("written", ["60", "58", "59.2", "59.08", "0", "41"])
def test_a_total_that_its_answers_contradict_is_refused_and_both_are_said(written):
    form = response([*items_of([2, 2, 1, 3, 2, 1, 2, 1, 2, 1, 1]), total("koos_pf", written)])
    reason = refusal_of(profile_of(numbered("koos_pf")), form)
    assert f"KOOS-PF: the total says {float(written):g} and the single answers give 59.09" in reason
    assert reason.endswith("where two sources disagree, neither is taken.")


def test_a_total_that_is_no_number_is_not_set_against_the_answers():
    form = response([*items_of([2] * 11), item("total-instrument.koos_pf", {"valueString": "about half"})])
    reason = refusal_of(profile_of(numbered("koos_pf")), form)
    assert reason == "Row 1: KOOS-PF: the total is not a number, so the answers can't be held against it."


def test_a_total_without_answers_is_read_as_ever():
    blank = [{"linkId": str(number)} for number in range(1, 12)]
    assert values_of(profile_of(numbered("koos_pf")), response([*blank, total("koos_pf", "59")])) == [59]


def test_a_total_whose_linkid_looks_like_an_item_is_a_total():
    profile = profile_of(numbered("koos_pf"), instruments={f"{FORM}#12": "instrument.koos_pf"})
    assert values_of(profile, response([*items_of([2] * 11), item("12", plain(50))])) == [50]
    assert "the total says 49" in refusal_of(profile, response([*items_of([2] * 11), item("12", plain(49))]))


def test_a_total_does_not_stand_in_for_answers_that_are_too_few():
    form = response([*items_of([1, 1, 1]), total("koos_pf", "75")])
    assert "3 of 11 answered" in refusal_of(profile_of(numbered("koos_pf")), form)


def test_other_forms_are_read_by_their_totals_as_without_any_entry():
    """Nothing changes for totals where a profile also scores another form by its answers."""
    forms = []
    for n in range(30):
        for date, value in (("2024-02-01", 50 + n % 7), ("2024-03-14", 60 + n % 9)):
            items = [item("7", plain(3)), item("akps-total", plain(value))]
            forms.append(response(items, f"p{n}", date, questionnaire="https://clinic.example/Questionnaire/other"))
    with_entry = profile_of(numbered("koos_pf"), refused_share=0.1, instruments=SHIPPED.long.instruments)
    one, other = (preview(ndjson(*forms), profile, SCALES) for profile in (SHIPPED, with_entry))
    assert one.scores == 60
    assert (one.instruments, one.columns, one.rejected, one.episodes) == (
        other.instruments, other.columns, other.rejected, other.episodes,
    )  # fmt: skip
    assert "Only totals are read; answers to single items are not scored." in one.notes[0]


# --- What is refused ---------------------------------------------------------------------------------------------------


def akps(change) -> dict:
    """A sound AKPS form after `change` was made to its items."""
    items = items_of(AKPS_63)
    return response(change(items) or items)


BAD_FORMS = {
    "an unknown linkId": (lambda items: [*items, item("comment", plain(1))],
                          "the profile does not name 1 of the answered items (comment), so the form is not scored"),
    "an item without linkId": (lambda items: [*items, {"answer": [plain(1)]}],
                               "the profile does not name 1 of the answered items, so the form is not scored"),
    "a text where a number belongs": (lambda items: items[4].update(answer=[{"valueString": "3"}]),
                                      "AKPS (Kujala), item 5: the answer is not a number"),
    "a text as integer": (lambda items: items[4].update(answer=[{"valueInteger": "3"}]),
                          "AKPS (Kujala), item 5: the answer is not a number"),
    "NaN as a text": (lambda items: items[4].update(answer=[{"valueDecimal": "NaN"}]),
                      "AKPS (Kujala), item 5: the answer is not a number"),
    "an endless number": (lambda items: items[4].update(answer=[{"valueDecimal": "@1e999@"}]),
                          "AKPS (Kujala), item 5: the answer is not a number"),
    "yes": (lambda items: items[4].update(answer=[{"valueBoolean": True}]), "AKPS (Kujala), item 5: the answer is not a number"),
    "less than three": (lambda items: items[4].update(answer=[{"valueQuantity": {"value": 3, "comparator": "<"}}]),
                        "AKPS (Kujala), item 5: the answer is not a number"),
    "a date": (lambda items: items[4].update(answer=[{"valueDate": "2024-01-01"}]), "AKPS (Kujala), item 5: the answer is not a number"),
    "a coding that is none": (lambda items: items[4].update(answer=[{"valueCoding": "3"}]),
                              "AKPS (Kujala), item 5: the answer is a code, and the profile's `values` give it no number"),
    "a code without a number": (lambda items: items[4].update(answer=[{"valueCoding": {"code": "3", "display": "Three"}}]),
                                "AKPS (Kujala), item 5: the answer is a code, and the profile's `values` give it no number"),
    "an item answered twice": (lambda items: [*items, items[4]], "AKPS (Kujala), item 5: there are two answers; keep one"),
    "an item with two answers": (lambda items: items[4]["answer"].append(plain(3)), "AKPS (Kujala), item 5: there are two answers"),
    "an answer with two values": (lambda items: items[4]["answer"][0].update(valueDecimal=3.0),
                                  "AKPS (Kujala), item 5: there are two answers"),
    "an item outside its range": (lambda items: items[4].update(answer=[plain(6)]), "AKPS (Kujala), item 5: the answer is none of 5, 4, 3, 2, 0"),
    "an item that is no option": (lambda items: items[4].update(answer=[plain(1)]), "AKPS (Kujala), item 5: the answer is none of 5, 4, 3, 2, 0"),
    "a negative answer": (lambda items: items[4].update(answer=[plain(-3)]), "AKPS (Kujala), item 5: the answer is none of"),
    "more items than the instrument has": (lambda items: [*items, item("14", plain(3))],
                                           "AKPS (Kujala) has the items 1 to 13, and an answer names another one"),
    "far more items": (lambda items: [*items, item("9999", plain(3))], "AKPS (Kujala) has the items 1 to 13"),
    "an item with no number that there is": (lambda items: [*items, item("05", plain(3))], "the profile does not name 1 of the answered items (05)"),
    "one answer too few": (lambda items: items[:-1], "AKPS (Kujala): 12 of 13 answered, and the rule 'points' needs 13; no published rule"),
    "an answer that is no object": (lambda items: items[4].update(answer=[3]), "an item or an answer is not laid out as FHIR says"),
    "an answer that is no list": (lambda items: items[4].update(answer=plain(3)), "an item or an answer is not laid out as FHIR says"),
    "items that are no list": (lambda items: [{"linkId": "group", "item": {"linkId": "1"}}, *items], "an item or an answer is not laid out as FHIR says"),
    "two weights": (
        lambda items: items[4].update(answer=[{"valueCoding": {"extension": [
            {"url": ORDINAL, "valueDecimal": 3}, {"url": ITEM_WEIGHT, "valueDecimal": 4}]}}]),
        "AKPS (Kujala), item 5: the answer comes with numbers that differ (3 and 4)"),
    "a number and another weight": (
        lambda items: items[4].update(answer=[{"valueInteger": 3, "_valueInteger": {"extension": [{"url": ORDINAL, "valueDecimal": 4}]}}]),
        "AKPS (Kujala), item 5: the answer comes with numbers that differ (3 and 4)"),
    "a weight that is a text": (
        lambda items: items[4].update(answer=[{"valueCoding": {"extension": [{"url": ORDINAL, "valueDecimal": "3"}]}}]),
        "AKPS (Kujala), item 5: the answer is not a number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FORMS)
def test_a_form_that_cannot_be_scored_is_refused_in_one_sentence(case):
    change, sentence = BAD_FORMS[case]
    reason = refusal_of(profile_of(numbered("akps", rule="points")), akps(change))
    assert reason.startswith(f"Row 1: {sentence}")
    assert reason.endswith(".")
    assert "Three" not in reason


def test_nan_as_a_bare_word_is_no_json():
    items = items_of(AKPS_63)
    items[4]["answer"] = [{"valueDecimal": "@NaN@"}]
    report = preview(
        ndjson(response(items), response(items_of(AKPS_63), "q")), profile_of(numbered("akps", rule="points")), SCALES
    )
    assert report.rejected[0].reason == "Row 1: this line is not one whole JSON resource."
    assert (report.scores, report.rejected_total) == (1, 1)


def test_a_code_that_the_profile_and_the_file_rate_differently_is_refused():
    entry = numbered("nprs_worst", values={"x": 5})
    reason = refusal_of(profile_of(entry), response(items_of([4], weighted(ORDINAL))))
    assert "numbers that differ (4 and 5)" in reason


def test_a_rule_that_is_not_named_or_unclear_refuses_with_what_the_scoring_says():
    for name, rule, sentence in (
        ("akps", {}, "AKPS (Kujala) can be scored in ways that differ"), ("groc", {"rule": "fifteen_points"}, "keep the answer as it is"),
    ):  # fmt: skip
        profile = profile_of(numbered(name, **rule))
        answers = AKPS_63 if name == "akps" else [6]
        with pytest.raises(ImportRefused) as refusal:
            preview(ndjson(response(items_of(answers))), profile, SCALES)
        assert sentence in refusal.value.sentences[0]
        assert "nothing was imported" in " ".join(refusal.value.sentences)


def test_too_many_forms_without_a_score_refuse_the_file():
    forms = [response(items_of([1] * (11 if n else 3)), f"p{n}") for n in range(5)]
    with pytest.raises(ImportRefused, match="3 of 11 answered"):
        preview(ndjson(*forms), profile_of(numbered("koos_pf"), refused_share=0.1), SCALES)
    assert preview(ndjson(*forms), profile_of(numbered("koos_pf"), refused_share=0.2), SCALES).scores == 4


json_values = some.recursive(
    some.none() | some.booleans() | some.integers(-3, 9) | some.text(max_size=4) | some.floats(),
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.dictionaries(
            some.sampled_from(
                ["item", "answer", "linkId", "valueInteger", "valueCoding", "code", "extension", "url", "value"]
            ),
            inner | some.sampled_from(["1", "2", ORDINAL]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(some.lists(json_values, max_size=4))
def test_any_shape_of_a_form_gives_a_report_or_a_sentence(items):
    profile = profile_of(numbered("koos_pf", values={"1": 1}))
    report = preview(ndjson(response(items, "x"), response(items_of([2] * 11))), profile, SCALES)
    assert 1 <= report.scores <= 2
    assert all(row.reason.endswith(".") for row in report.rejected)


# --- Profiles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"instrument": "instrument.eq_vas", "item_pattern": "{n}"}, "no way to score 'instrument.eq_vas' from its items"),
        ({"instrument": "instrument.akps", "items": ["a", "b"]}, "AKPS.* has 13 items and `items` names 2"),
        (numbered("akps", rule="newest"), "has no rule 'newest'; it has points, option_numbers"),
        (numbered("koos_pf", not_scored=["3"]), "linkId 3 is an item of instrument.koos_pf and another item or `not_scored`"),
        (numbered("koos_pf", values_of_items={"12": {"a": 1}}), "`values_of_items` names 12, which is no item"),
    ],
)  # fmt: skip
def test_a_form_that_does_not_fit_the_instrument_refuses_the_import(entry, sentence):
    with pytest.raises(ImportRefused, match=sentence):
        read_fhir(ndjson(response(items_of([2] * 11))), profile_of(entry))


def test_one_linkid_for_two_things_refuses_the_import():
    with pytest.raises(ImportRefused, match=r"linkId 1 is an item of instrument\.nprs_worst and another item"):
        read_fhir(ndjson(response([])), profile_of(numbered("koos_pf"), numbered("nprs_worst")))
    total_as_item = profile_of(numbered("koos_pf"), instruments={"7": "instrument.oks"})
    with pytest.raises(ImportRefused, match=r"linkId 7 is an item of instrument\.koos_pf and a total in `long"):
        read_fhir(ndjson(response([])), total_as_item)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("instrument: instrument.akps", "needs `items` or `item_pattern`, and not both"),
        ('{instrument: instrument.akps, items: ["1"], item_pattern: "{n}"}', "needs `items` or `item_pattern`, and not both"),
        ('{instrument: instrument.akps, items: ["1", "1"]}', "`items` names a linkId twice"),
        ("{instrument: instrument.akps, items: [1, 1.10]}", "linkIds and codes stand in quotation marks"),
        ('{instrument: instrument.akps, item_pattern: "{n}", values: {yes: 1}}', "linkIds and codes stand in quotation marks"),
        ('{instrument: instrument.akps, item_pattern: "{n}", values: {a: .nan}}', "finite number"),
        ('{instrument: instrument.akps, item_pattern: "{n}", values: {a: much}}', "valid number"),
        ('{instrument: instrument.akps, item_pattern: "q"}', "item_pattern"),
        ('{instrument: instrument.akps, item_pattern: "{n.real}"}', "item_pattern"),
        ('{instrument: instrument.pcs, item_pattern: "{n}"}', "scores instrument.pcs, which `long.instruments` doesn't name"),
        ('{instrument: instrument.akps, item_pattern: "{n}", guess: true}', "guess"),
    ],
)  # fmt: skip
def test_a_wrong_entry_of_a_profile_gets_a_sentence(form, sentence, tmp_path):
    text = (ROOT / "data" / "profiles" / "fhir_r4.yaml").read_text(encoding="utf-8")
    entry = f"{{{form}}}" if not form.startswith("{") else form
    entry = entry.replace("{instrument", f'{{questionnaire: "{FORM}", instrument', 1)
    path = tmp_path / "own.yaml"
    path.write_text(text.replace("\nepisode:", f"\n  questionnaires: [{entry}]\nepisode:", 1), encoding="utf-8")
    with pytest.raises(ImportRefused, match=re.escape(sentence)):
        read_profile(path)


def test_an_instrument_stands_once_in_a_form():
    with pytest.raises(ValueError, match="names an instrument twice"):
        profile_of(numbered("akps"), numbered("akps", item_pattern="left-{n}"))


def test_a_profile_with_forms_is_written_and_read_back(tmp_path):
    entry = numbered(
        "koos_pf", values={"none": 0, "declined": None}, values_of_items={"3": {"none": 2}}, not_scored=["c"]
    )
    listed = {"instrument": "instrument.psfs", "items": ["a", "b", "c.1", None, None]}
    profile = profile_of(entry, listed)
    path: Path = tmp_path / "own.yaml"
    path.write_text(profile_as_yaml(profile), encoding="utf-8")
    assert read_profile(path) == profile


def test_the_examples_in_the_shipped_profile_are_sound(tmp_path):
    """They are comments there, because no form is the same in two clinics; without their leading signs they must work."""
    text = (ROOT / "data" / "profiles" / "fhir_r4.yaml").read_text(encoding="utf-8")
    start = text.index("  # questionnaires:")
    example = "\n".join(line.replace("  # ", "  ", 1) for line in text[start : text.index("\nepisode:")].splitlines())
    path = tmp_path / "own.yaml"
    path.write_text(text[:start] + example + text[text.index("\nepisode:") :], encoding="utf-8")
    profile = read_profile(path)
    akps, koos_pf = profile.fhir.questionnaires
    items = [item(link, {"valueCoding": {"code": "a"}}) for link in akps.items]
    forms = [response(items, questionnaire=f"{akps.questionnaire}|2"),
             response([item(f"pf{n}", plain(0)) for n in range(1, 12)], questionnaire=koos_pf.questionnaire)]  # fmt: skip
    assert values_of(profile, *forms) == [100, 100]
