"""The real knowledge base: sound, complete, valid for editors, and in step with what its numbers were worked out from."""

from __future__ import annotations

import itertools
import json
import re
from decimal import Decimal

import jsonschema
import pytest
import yaml

from kneewise.knowledge_base import KNOWLEDGE_FOLDER, load_knowledge, search
from kneewise.knowledge_base.check import find_problems, reading_grade
from kneewise.knowledge_base.models import (
    Condition,
    Cutoff,
    Evidence,
    MeasurementError,
    Provenance,
    Reliability,
    Value,
    Voices,
    walk,
)
from kneewise.knowledge_base.schema import SCHEMA_NAME, schema_text
from kneewise.statistics.intervals import wilson_interval

KNOWLEDGE = load_knowledge()
FILES = sorted(KNOWLEDGE_FOLDER.rglob("*.yaml"))
EVERYTHING = [entry for _, entry in walk(KNOWLEDGE)]
VALUES = [entry for entry in EVERYTHING if isinstance(entry, Value)]
SEM_TO_MDC95 = Decimal("2.77")  # 1.96 x the square root of 2


def test_the_knowledge_base_is_sound():
    assert find_problems() == []


def test_it_holds_what_was_asked_for():
    assert [each.number for each in sorted(KNOWLEDGE.statements, key=lambda each: each.number)] == list(range(1, 13))
    assert [each.number for each in sorted(KNOWLEDGE.strategies, key=lambda each: each.number)] == list(range(1, 9))
    assert sorted(int(factor.code.removeprefix("F")) for factor in KNOWLEDGE.factors) == list(range(1, 28))
    assert {factor.region for factor in KNOWLEDGE.factors} == {"hip_pelvis", "knee", "foot_ankle", "load", "person"}


def test_every_statement_has_its_claim_its_verdict_and_evidence_with_a_status():
    for statement in KNOWLEDGE.statements:
        assert statement.claim.clinician != statement.studies.clinician, statement.id
        assert statement.evidence, statement.id


# --- The schema for editors --------------------------------------------------------------------------------------------


def test_the_committed_schema_is_the_one_that_the_models_give():
    assert (KNOWLEDGE_FOLDER / "schema" / SCHEMA_NAME).read_text(encoding="utf-8") == schema_text(), (
        "run `python -m kneewise knowledge schema`"
    )


def as_json(path):
    """A YAML file as an editor checks it: dates as text."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str))


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(KNOWLEDGE_FOLDER)))
def test_every_file_is_valid_for_an_editor(path, validator):
    assert [error.message[:200] for error in validator.iter_errors(as_json(path))] == []


def test_the_schema_marks_a_mistake(validator):
    content = as_json(KNOWLEDGE_FOLDER / "prognosis.yaml")
    content["prognosis"][0]["colour"] = "red"
    assert list(validator.iter_errors(content))


# --- Statuses ----------------------------------------------------------------------------------------------------------


def test_everything_that_was_read_names_its_source_and_who_was_studied():
    """Evidence, values, cut-offs and reliability that count as read: a source, and for numbers a population."""
    read = [
        entry for entry in EVERYTHING if isinstance(entry, Provenance) and entry.status in ("seen", "seen_secondary")
    ]
    assert read
    assert [entry for entry in read if not entry.sources] == []
    assert [value.id for value in VALUES if not value.population] == []


def test_clinic_policy_never_stands_as_evidence():
    """Where a place for evidence holds a policy, it is called an opinion, gives no size and says what it is."""
    policies = [entry for entry in EVERYTHING if isinstance(entry, Evidence) and entry.status == "proposed"]
    for policy in policies:
        assert (policy.evidence_class, policy.size) == ("expert", ""), policy.id
        assert "not evidence" in policy.note, policy.id


# --- What must not be encoded: recalled with low confidence --------------------------------------------------------------


def numbers_about(words: str) -> set[float]:
    """Every number of values, cut-offs, reliability and conditions whose own words or finding match."""
    found: set[float | None] = set()
    for path, entry in walk(KNOWLEDGE):
        if isinstance(entry, Condition) and entry.finding and re.search(words, entry.finding):
            found |= {entry.at_least, entry.at_most, entry.above, entry.below}
        elif isinstance(entry, Value) and re.search(words, f"{entry.id} {entry.quantity}", re.IGNORECASE):
            found |= {entry.value, entry.low, entry.high}
        elif isinstance(entry, Cutoff | Reliability) and "clinical_tests" in path:
            test = KNOWLEDGE.clinical_tests[path[1]]
            if re.search(words, f"{test.id} {test.name}", re.IGNORECASE):
                found |= {entry.value, entry.low, entry.high}
    return {number for number in found if number is not None}


@pytest.mark.parametrize(
    ("what", "words", "numbers"),
    [
        ("lunge, degrees and centimetres", r"lunge|dorsiflexion_lunge", {35, 38, 9, 10}),
        ("quadriceps length, group mean", r"quadriceps.?(length|tight|side)|prone knee", {134}),
        ("calf length, group means", r"calf|gastrocnemius|soleus", {7.4, 14.8}),
        ("hamstring length, straight-leg raise", r"hamstring|straight.?leg raise", {79.1}),
        ("knee angle on video in the single-leg squat", r"fppa", {10}),
        ("lateral displacement of the patella", r"displacement|bisect|lateral.?offset", {2}),
    ],
)
def test_what_was_recalled_with_low_confidence_is_not_encoded(what, words, numbers):
    about = numbers_about(words)
    assert about, f"nothing is encoded about {what}, so this would pass without looking"
    assert about & numbers == set()


def test_a_low_confidence_number_would_be_found():
    assert 1.9 in numbers_about("lunge")
    assert 11.9 in numbers_about("calf")


# --- Arithmetic on published figures -----------------------------------------------------------------------------------


def rounded(number: float) -> tuple[Decimal, Decimal]:
    """What a printed number may have been before it was rounded to its last digit."""
    printed = Decimal(repr(number)).normalize() if number % 1 else Decimal(repr(number))
    half = Decimal(10) ** printed.as_tuple().exponent / 2
    return printed - half, printed + half


def agrees(sem: float, mdc95: float) -> bool:
    """Whether 2.77 x sem and mdc95 can be the same number, each rounded to its last digit."""
    sem_low, sem_high = rounded(sem)
    low, high = rounded(mdc95)
    return sem_low * SEM_TO_MDC95 <= high and low <= sem_high * SEM_TO_MDC95


def test_agreement_is_not_found_where_there_is_none():
    assert agrees(4.5, 12.5)
    assert not agrees(4.5, 11.9)
    assert not agrees(1.0, 3.1)


def test_the_smallest_real_change_of_findings_is_277_times_the_standard_error():
    """Hazard KW-H20."""
    errors = [entry for entry in EVERYTHING if isinstance(entry, MeasurementError)]
    both = [error for error in errors if error.sem is not None and error.mdc95 is not None]
    assert both
    assert [(error.sem, error.mdc95) for error in both if not agrees(error.sem, error.mdc95)] == []


def test_the_smallest_real_change_of_tests_is_277_times_the_standard_error():
    """Hazard KW-H20."""
    checked, wrong = 0, []
    for test in KNOWLEDGE.clinical_tests:
        errors = [each for each in test.reliability if each.statistic == "sem"]
        derived = [each for each in test.reliability if each.statistic == "mdc95" and each.status == "derived"]
        for mdc in derived:
            for end in ("value", "low", "high"):
                wanted = getattr(mdc, end)
                given = [getattr(each, end) for each in errors if each.unit == mdc.unit and each.sources == mdc.sources]
                if wanted is None:
                    continue
                checked += 1
                if not any(sem is not None and agrees(sem, wanted) for sem in given):
                    wrong.append((test.id, end, wanted, given))
    assert checked >= 10
    assert wrong == []


WILSON = [
    ("value.tape_same_day_response", 26, 50, 39, 65),
    ("value.orthosis_success_12w", 48, 100, 38, 58),
    ("value.hip_exercise_success_12w", 46, 92, 40, 60),
]


@pytest.mark.parametrize(("value_id", "count", "n", "low", "high"), WILSON)
def test_an_encoded_interval_is_wilsons(value_id, count, n, low, high):
    value = KNOWLEDGE.entry(value_id)
    assert (value.numerator, value.n, value.low, value.high) == (count, n, low, high)


def test_every_share_with_its_counts_has_the_percentage_and_the_interval_of_its_counts():
    """Hazard KW-H20."""
    shares = [value for value in VALUES if value.numerator is not None and value.n and value.unit == "percent"]
    assert len(shares) >= len(WILSON)
    for value in shares:
        interval = wilson_interval(value.numerator, value.n)
        assert value.value == pytest.approx(100 * value.numerator / value.n, abs=0.5), value.id
        if value.low is not None and value.interval == "ci95":
            assert (value.low, value.high) == (round(100 * interval.low), round(100 * interval.high)), value.id


def test_an_icon_array_never_stands_on_counts_that_contradict_it():
    for value in VALUES:
        if value.numerator is not None and value.n is not None:
            assert 0 <= value.numerator <= value.n, value.id


@pytest.mark.parametrize(
    ("before", "ratio", "after", "published"),
    [
        ("value.tape_same_day_response", "value.lesher_lr", "value.lesher_post_test_check", "value.lesher_post_test"),
        (
            "value.vicenzino_pre_test",
            "value.vicenzino_lr",
            "value.vicenzino_post_test_check",
            "value.vicenzino_post_test",
        ),
    ],
)
def test_a_chance_after_a_test_follows_from_the_chance_before_it(before, ratio, after, published):
    """Hazard KW-H20: odds before x likelihood ratio = odds after; the published figure lies within a point of it."""

    def chance(likelihood_ratio: float) -> float:
        share = KNOWLEDGE.entry(before).value / 100
        odds = share / (1 - share) * likelihood_ratio
        return 100 * odds / (1 + odds)

    given, worked_out = KNOWLEDGE.entry(ratio), KNOWLEDGE.entry(after)
    assert worked_out.value == pytest.approx(chance(given.value), abs=0.06)
    assert KNOWLEDGE.entry(published).value == pytest.approx(worked_out.value, abs=1)
    if worked_out.low is not None:
        assert (worked_out.low, worked_out.high) == (round(chance(given.low)), round(chance(given.high)))


# --- Words -------------------------------------------------------------------------------------------------------------


def test_no_patient_text_frightens_or_is_hard_to_read():
    """The gate again, without the code of the check: the terms as written in wording.yaml, on every patient text."""
    terms = [re.compile(term.pattern, re.IGNORECASE) for term in KNOWLEDGE.wording.forbidden]
    voices = [entry for entry in EVERYTHING if isinstance(entry, Voices)]
    assert len(voices) > 500
    assert [v.patient for v, term in itertools.product(voices, terms) if term.search(v.patient)] == []
    grades = [(reading_grade(each.patient), each.patient) for each in voices]
    assert [text for grade, text in grades if grade is not None and grade > 7] == []


@pytest.mark.parametrize(
    "word", ["damage", "wear", "wearing", "maltracking", "weak", "weakness", "misaligned", "degenerative"]
)
def test_the_gate_knows_the_words_that_were_named(word):
    assert any(re.search(term.pattern, f"your {word} knee", re.IGNORECASE) for term in KNOWLEDGE.wording.forbidden)


def test_abbreviations_that_are_shown_stand_in_the_glossary():
    glossary = (KNOWLEDGE_FOLDER.parent / "docs" / "glossary.md").read_text(encoding="utf-8")
    known = set(re.findall(r"[A-Za-z0-9-]+", "\n".join(re.findall(r"^\| ([^|]+) \|", glossary, flags=re.MULTILINE))))
    # Names, words in capitals, units as they are written, and page numbers of a guideline ("CPG10-33").
    no_abbreviation = re.compile(r"McConnell|EuroQol|OSTEOARTHRITIS|CPG\d.*|PFP-group")
    used = {
        word.removesuffix("s") if word.endswith("s") and word[:-1].isupper() else word
        for card in search.cards(KNOWLEDGE)
        if card.kind != "sources"
        for line in card.lines
        for word in re.findall(r"\b[A-Z][A-Za-z]*[A-Z][A-Za-z0-9-]*\b", line.text)
    }
    short = {word for word in used if not no_abbreviation.fullmatch(word)}
    assert len(short) > 20
    assert {
        word for word in short if word not in known and word.removesuffix("-3L").removesuffix("-5L") not in known
    } == set()
