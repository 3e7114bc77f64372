"""The hazards of clinic records in docs/hazard-log.md: direction, blanks read as zero, charts read as efficacy."""

from __future__ import annotations

import pytest

from kneewise.figures import outcome_charts
from kneewise.knowledge_base.loading import load_knowledge
from kneewise.outcomes import answers, demo
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.instruments import instruments_from
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import good_rows, long_csv

INSTRUMENTS = instruments_from(load_knowledge())


def imported(tmp_path, rows):
    path = tmp_path / "export.csv"
    path.write_bytes(long_csv(rows))
    return import_export(path, read_profile("kneewise_long"), tmp_path / "store", INSTRUMENTS)


def pain(number: int, before: str, after: str) -> list[str]:
    start = f"E{number},North,18 to 39,female,exercise only,2024,Q1,NPRS_WORST"
    return [f"{start},0,{before}", f"{start},42,{after}"]


def summary(report, instrument: str):
    return next(each for each in report.instruments if each.instrument == f"instrument.{instrument}")


def test_less_pain_is_improved_and_a_higher_function_score_is_improved(tmp_path):
    """Hazard KW-H02: the instrument's file decides which end is good."""
    rows = [row for number in range(20) for row in pain(number, "7", "3")]
    rows += [row.replace("E", "F", 1) for row in good_rows(20)]
    report = imported(tmp_path, rows)
    pains, knee_scores = summary(report, "nprs_worst"), summary(report, "akps")
    assert (pains.improved, pains.worse, pains.mean_last < pains.mean_first) == (20, 0, True)
    assert (knee_scores.improved, knee_scores.worse, knee_scores.mean_last > knee_scores.mean_first) == (20, 0, True)


def test_the_chart_says_better_when_pain_falls(tmp_path):
    """Hazard KW-H02."""
    imported(tmp_path, [row for number in range(40) for row in pain(number, "7", str(2 + number % 3))])
    store = open_store(tmp_path / "store")
    change = answers.answer_change(store, answers.Question("instrument.nprs_worst"), INSTRUMENTS)
    assert change.context.direction == "lower is better"
    assert change.groups[0].mean_change < 0
    assert outcome_charts.verdict(change.groups[0], change.context) == "Better on average"


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_score_is_missing_and_not_zero(blank, tmp_path):
    """Hazard KW-H08: a blank pain score read as 0 would look like a cure."""
    rows = [row for number in range(20) for row in pain(number, "7", "5" if number < 12 else blank)]
    found = summary(imported(tmp_path, rows), "nprs_worst")
    assert (found.pairs, found.first_only, found.mean_last) == (12, 8, 5.0)


def test_a_zero_is_a_score(tmp_path):
    """Hazard KW-H08: no pain is an answer."""
    rows = [row for number in range(20) for row in pain(number, "7", "0")]
    found = summary(imported(tmp_path, rows), "nprs_worst")
    assert (found.pairs, found.mean_last) == (20, 0.0)


def test_every_released_answer_says_that_there_is_no_control_group(tmp_path):
    """Hazard KW-H09: the sentence travels with the numbers, whoever draws them."""
    demo.import_demo(INSTRUMENTS, tmp_path / "store")
    store = open_store(tmp_path / "store")
    question = answers.Question("instrument.akps")
    for ask in (answers.answer_change, answers.answer_trend, answers.answer_distribution, answers.answer_responders):
        assert "no control group" in ask(store, question, INSTRUMENTS).context.control_note
