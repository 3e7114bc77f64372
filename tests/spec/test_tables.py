"""The specification tables hold, row by row; a row that fails says so in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.reasoning import Conclusions, assess
from kneewise.reasoning.logic import possible_responses

HERE = Path(__file__).parent


def rows(name: str) -> list[dict]:
    return yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))["rows"]


def each_row(name: str):
    return pytest.mark.parametrize("row", rows(name), ids=lambda row: row["row"])


def per_profile(part: dict, knowledge: KnowledgeBase) -> dict[str, object]:
    """{profile id: what the row says}; `all` stands for every profile."""
    said: dict[str, object] = {}
    for name, value in part.items():
        for profile in [each.id for each in knowledge.profiles] if name == "all" else [f"profile.{name}"]:
            said[profile] = said.get(profile, []) + value if isinstance(value, list) else value
    return said


def in_words(row: dict) -> str:
    changed = ", ".join(f"{name.replace('_', ' ')} = {value}" for name, value in row.get("given", {}).items())
    return f"Row '{row['row']}' (given {changed or 'the common knee'})"


def word_for(row: dict, conclusions: Conclusions, profile: str) -> str:
    if conclusions.suppressed:
        return "suppressed"
    return conclusions.option(f"option.{row['option']}", profile).strength


def codes_firing(row: dict, conclusions: Conclusions, profile: str, knowledge: KnowledgeBase) -> set[str]:
    ids = {rule.rule for rule in conclusions.general if profile in rule.profiles}
    if not conclusions.suppressed:
        advice = conclusions.option(f"option.{row['option']}", profile)
        ids |= {*advice.rules, *advice.notes, *advice.precautions, *advice.warnings, *advice.blocks}
    return {knowledge.entry(rule).code for rule in ids}


@each_row("decision_table")
def test_decision_table(row, knowledge, knee):
    conclusions = assess(knee(row.get("given")), knowledge)
    problems = []
    for profile, word in per_profile(row["then"], knowledge).items():
        said = word_for(row, conclusions, profile)
        if said != word:
            problems.append(f"under {profile} the table says '{word}', Kneewise says '{said}'")
    for profile, codes in per_profile(row.get("fires", {}), knowledge).items():
        silent = sorted(set(codes) - codes_firing(row, conclusions, profile, knowledge))
        if silent:
            problems.append(f"under {profile} rule {', '.join(silent)} should fire and doesn't")
    for profile, codes in per_profile(row.get("silent", {}), knowledge).items():
        firing = sorted(set(codes) & codes_firing(row, conclusions, profile, knowledge))
        if firing:
            problems.append(f"under {profile} rule {', '.join(firing)} fires and shouldn't")
    assert not problems, f"{in_words(row)}: " + "; ".join(problems) + "."


def test_the_decision_table_covers_every_rule(knowledge):
    fired = {code for row in rows("decision_table") for codes in row.get("fires", {}).values() for code in codes}
    assert {rule.code for rule in knowledge.rules} - fired == set()


@each_row("red_flags")
def test_red_flags(row, knowledge, knee):
    conclusions = assess(knee(row["given"]), knowledge)
    hits = {hit.id: hit.urgency for hit in conclusions.safety.hits}
    wanted = f"red_flag.{row['hits']}"
    assert hits.get(wanted) == row["urgency"], (
        f"{in_words(row)}: the table says {wanted} ({row['urgency']}), Kneewise says {hits or 'no red flag'}."
    )
    assert conclusions.suppressed, f"{in_words(row)}: advice is still given."
    assert conclusions.advice == ()
    assert conclusions.safety.urgency == ("emergency" if "emergency" in hits.values() else "urgent")
    for name in row.get("not_hit", []):
        assert f"red_flag.{name}" not in hits, f"{in_words(row)}: {name} is raised and shouldn't be."


def test_the_red_flag_table_covers_every_red_flag(knowledge):
    assert {flag.id for flag in knowledge.red_flags} == {f"red_flag.{row['hits']}" for row in rows("red_flags")}


def test_the_common_knee_has_no_red_flag_and_the_pattern_holds(knowledge, knee):
    conclusions = assess(knee(), knowledge)
    assert conclusions.safety.state == "clear", f"still open: {conclusions.safety.missing}"
    assert conclusions.criteria.state == "hold"


@each_row("retest_classes")
def test_retest_classes(row, knowledge):
    (rule,) = knowledge.response_rules
    measured = [row.get(name) for name in ("before", "after", "rating")]
    possible = possible_responses(rule, *measured)
    said = next(iter(possible)) if len(possible) == 1 else "open"
    assert said == row["class"], f"Row '{row['row']}': the table says {row['class']}, Kneewise says {sorted(possible)}."
    if "by_pain" in row:
        assert possible_responses(rule, *measured, by_pain_alone=True) == {row["by_pain"]}
