"""The table of questionnaire vectors holds, row by row; a row that fails says so in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kneewise.outcomes.instruments import change_scales_from, scorings_from
from kneewise.proms import Item, Rule, Score, Scoring, assess_change, score, score_total

TABLE = yaml.safe_load((Path(__file__).parent / "prom_vectors.yaml").read_text(encoding="utf-8"))


def each_row(part: str):
    return pytest.mark.parametrize("row", TABLE[part], ids=lambda row: row["row"])


@pytest.fixture(scope="module")
def scorings(knowledge):
    return scorings_from(knowledge)


@pytest.fixture(scope="module")
def scales(knowledge):
    return change_scales_from(knowledge)


def answers_of(listed: list) -> dict[int, float | None]:
    return {number: None if each == "missing" else each for number, each in enumerate(listed, start=1)}


def formula_alone(formula: str, most: float) -> Scoring:
    """A questionnaire of one item, to try a formula without an entry."""
    return Scoring("none", "formula", 0, 100, True, formula, (Item(1, 0, most),), (Rule("only", "", 1, "derived"),))


def scored(row: dict, scorings: dict[str, Scoring]) -> Score:
    if "formula" in row:
        return score(formula_alone(row["formula"], row["of"]), {1: row["points"]})
    scoring = scorings[f"instrument.{row['instrument']}"]
    if "total" in row:
        return score_total(scoring, row["total"], row.get("rule"))
    assert len(row["answers"]) == len(scoring.items), "the row doesn't hold one answer per item"
    return score(scoring, answers_of(row["answers"]), row.get("rule"))


@each_row("rows")
def test_scores(row, scorings, knowledge):
    result = scored(row, scorings)
    if "no_score" in row:
        assert result.value is None, f"Row '{row['row']}': the table says no score, Kneewise says {result.value}."
        assert row["no_score"] in result.reason, f"Row '{row['row']}': Kneewise says '{result.reason}'"
    else:
        said = f"Row '{row['row']}': the table says {row['score']}, Kneewise says {result.value} {result.reason}"
        assert result.value == pytest.approx(row["score"], abs=0.005), said
        assert result.reason == ""
    if "subscales" in row:
        found = {part.name: "missing" if part.value is None else part.value for part in result.subscales}
        assert found == row["subscales"]
    if "below" in row:
        assert result.value < knowledge.entry(row["below"]).value
    if "above" in row:
        assert result.value > knowledge.entry(row["above"]).value
    if "not_above" in row:
        assert result.value <= knowledge.entry(row["not_above"]).value
    if "within" in row:
        band = knowledge.entry(row["within"])
        assert band.low <= result.value <= band.high


@each_row("changes")
def test_changes(row, scorings, scales):
    name = f"instrument.{row['instrument']}"
    first, last = (
        score(scorings[name], answers_of(row[end])) if isinstance(row[end], list) else row[end]
        for end in ("first", "last")
    )
    verdict = assess_change(first, last, scales[name])
    assert verdict.kind == row["verdict"], f"Row '{row['row']}': Kneewise says {verdict.kind}: {verdict.sentence}"
    assert row["says"] in verdict.sentence, f"Row '{row['row']}': Kneewise says '{verdict.sentence}'"
    if "direction" in row:
        assert verdict.direction == row["direction"]
    if "change" in row:
        assert verdict.change == pytest.approx(row["change"], abs=0.005)


def test_every_vector_of_the_evidence_file_is_here_or_elsewhere():
    named = {
        code for part in ("rows", "changes") for row in TABLE[part] for code in re.findall(r"\bV\d\d\b", row["row"])
    }
    elsewhere = {code for part in TABLE["elsewhere"] for code in part["vectors"]}
    assert named | elsewhere == {f"V{number:02d}" for number in range(1, 34)}
    assert not named & elsewhere


def test_the_vectors_that_stand_elsewhere_are_there():
    for part in TABLE["elsewhere"]:
        if part["table"] == "none":
            assert part["why"]
            continue
        text = (Path(__file__).parent / part["table"]).read_text(encoding="utf-8")
        assert [code for code in part["vectors"] if code not in text] == []


def test_every_scoring_has_a_row_with_a_score_and_every_rule_a_row(scorings):
    rows = [row for row in TABLE["rows"] if "instrument" in row]
    scored_ones = {row["instrument"] for row in rows if "score" in row}
    # NPRS in a task is the same scale and rule as the other two; its row is the missing answer.
    assert {name.removeprefix("instrument.") for name in scorings} - scored_ones == {"nprs_task"}
    named = {(f"instrument.{row['instrument']}", row["rule"]) for row in rows if "rule" in row}
    several = {(key, rule.name) for key, each in scorings.items() if len(each.rules) > 1 for rule in each.rules}
    left = {
        ("instrument.groc", "five_points"),
        ("instrument.groc", "eleven_points"),
        ("instrument.koos_qol", "from_1998"),
    }
    left.add(("instrument.ikdc", "boxes_from_0_answered"))
    assert several - named == left
