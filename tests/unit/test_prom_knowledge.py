"""The scoring of instruments in the knowledge base: nothing in it contradicts itself, and no wording is in it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kneewise.knowledge_base import load_knowledge
from kneewise.knowledge_base.models import Instrument
from kneewise.outcomes.instruments import change_scales_from, instruments_from, scorings_from

KNOWLEDGE = load_knowledge()
SCORED = [each for each in KNOWLEDGE.instruments if each.scoring is not None]


def test_every_instrument_that_was_asked_for_is_scored():
    assert {each.id.removeprefix("instrument.") for each in SCORED} == {
        "nprs_worst", "nprs_usual", "nprs_task", "vas", "akps", "koos_pain", "koos_symptoms", "koos_adl", "koos_sport",
        "koos_qol", "koos_pf", "lefs", "psfs", "lysholm", "ikdc", "oks", "groc", "tsk17", "tsk11", "pcs",
    }  # fmt: skip
    assert set(scorings_from(KNOWLEDGE)) == {each.id for each in SCORED}


def test_the_numbers_of_the_evidence_file():
    items = {name.removeprefix("instrument."): len(each.items) for name, each in scorings_from(KNOWLEDGE).items()}
    assert sum(items[f"koos_{part}"] for part in ("pain", "symptoms", "adl", "sport", "qol")) == 42
    assert (items["koos_pf"], items["lefs"], items["akps"], items["lysholm"], items["oks"]) == (11, 20, 13, 8, 12)
    # 4+10+10+4+4+1+4+4+36+10, the maximum of the IKDC.
    assert sum(item.maximum for item in scorings_from(KNOWLEDGE)["instrument.ikdc"].items) == 87


def test_the_subscales_of_pcs_share_out_all_items():
    groups = scorings_from(KNOWLEDGE)["instrument.pcs"].subscales
    assert sorted(number for group in groups for number in group.items) == list(range(1, 14))
    assert {group.name: 4 * len(group.items) for group in groups} == {
        "rumination": 16, "magnification": 12, "helplessness": 24,
    }  # fmt: skip


def test_no_item_wording_is_stored():
    """Concepts are a few words of ours; what a rule says speaks of items by number."""
    for instrument in KNOWLEDGE.instruments:
        for item in instrument.item_weights:
            assert len(item.concept.split()) <= 5
            assert "?" not in item.concept
        for rule in instrument.scoring.rules if instrument.scoring else ():
            assert "?" not in rule.says


def test_the_limits_of_change():
    limits = {
        name.removeprefix("instrument."): tuple(each and each.value for each in (scale.detectable, scale.important))
        for name, scale in change_scales_from(KNOWLEDGE).items()
        if scale.detectable or scale.important
    }
    assert limits == {
        "nprs_worst": (None, 1.16), "nprs_usual": (None, 1.16), "nprs_task": (None, 1.16), "vas": (None, 2),
        "akps": (13, 10), "koos_pf": (16, 16.4), "lefs": (9, 9), "psfs": (2, None), "lysholm": (10, None),
        "tsk11": (5.6, None), "ikdc": (None, 17), "oks": (None, 7),
        **{f"koos_{part}": (None, 10) for part in ("pain", "symptoms", "adl", "sport", "qol")},
    }  # fmt: skip


def test_every_limit_says_who_was_studied_and_where_it_comes_from_or_that_it_is_recalled():
    for scale in change_scales_from(KNOWLEDGE).values():
        for limit in (scale.detectable, scale.important, scale.detectable_one_item):
            if limit is not None:
                assert limit.population
                assert limit.source or limit.status == "recalled"


def test_a_rating_of_change_has_no_change_of_its_own():
    assert "instrument.groc" not in change_scales_from(KNOWLEDGE)
    assert set(change_scales_from(KNOWLEDGE)) | {"instrument.groc"} == {each.id for each in KNOWLEDGE.instruments}


def test_the_three_pain_series_share_one_important_change():
    ranges = instruments_from(KNOWLEDGE)
    assert {ranges[f"instrument.nprs_{part}"].important_change for part in ("worst", "usual", "task")} == {1.16}


def test_of_a_span_the_upper_end_counts_and_that_is_said():
    limit = change_scales_from(KNOWLEDGE)["instrument.koos_pain"].important
    assert (limit.value, limit.note) == (10, "published as 8 to 10, the upper end is used")


# --- What the models refuse --------------------------------------------------------------------------------------------

RULE = {"name": "all", "says": "all answers", "answered_at_least": 3, "status": "proposed"}
GOOD = {
    "id": "instrument.x", "label": {"clinician": "X", "patient": "X"}, "measures": {"clinician": "X", "patient": "X"},
    "items": 3, "minimum": 0, "maximum": 12, "higher_is_better": True, "formula": "Sum", "formula_status": "recalled",
    "missing_rule": "None", "missing_rule_status": "proposed", "licence": "None", "status": "recalled",
    "scoring": {"formula": "sum", "items": [{"first": 1, "last": 3, "minimum": 0, "maximum": 4}], "rules": [RULE]},
}  # fmt: skip


def with_scoring(**change):
    return GOOD | {"scoring": GOOD["scoring"] | change}


def test_a_sound_instrument_is_taken():
    assert Instrument(**GOOD).scoring.rules[0].name == "all"


WEIGHTS = [{"item": 1, "concept": "One", "weights": [4, 0]}]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (GOOD | {"maximum": 48}, "least and greatest score"),
        (GOOD | {"items": 4}, "each item from 1"),
        (GOOD | {"item_weights": WEIGHTS}, "exactly once"),
        (with_scoring(rules=[]), "at least one rule"),
        (with_scoring(rules=[RULE, RULE]), "a name of its own"),
        (with_scoring(rules=[RULE | {"answered_at_least": 0}]), "answered_at_least"),
        (with_scoring(rules=[RULE | {"answered_at_least": 4}]), "answered_at_least"),
        (with_scoring(rules=[RULE | {"reversed_items": [4]}]), "reverses an item"),
        (with_scoring(rules=[RULE | {"answers_are": "option_numbers"}]), "need `item_weights`"),
        (with_scoring(rules=[RULE | {"status": "seen"}]), "at least one source"),
        (with_scoring(subscales=[{"name": "a", "items": [1, 4]}]), "subscale"),
        (with_scoring(formula="percent"), "least and greatest score"),
        (with_scoring(items=[{"first": 1, "last": 3, "minimum": 4, "maximum": 0}]), "`minimum` below `maximum`"),
        (
            with_scoring(
                items=[{"first": 1, "last": 2, "minimum": 0, "maximum": 1}, {"first": 3, "last": 3, "minimum": 0, "maximum": 10}],
                rules=[RULE | {"answered_at_least": 2}],
            ),
            "filled up only where all items have one range",
        ),
    ],
)  # fmt: skip
def test_a_scoring_that_contradicts_itself_is_refused(entry, says):
    with pytest.raises(ValidationError, match=says):
        Instrument(**entry)
