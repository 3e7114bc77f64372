"""The real NHS England knee-replacement records of 2018/19: the import report against figures counted by others."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest

from kneewise.outcomes.answers import Question, answer_change, answer_responders, answer_trend, list_choices
from kneewise.outcomes.importing import preview, report_lines
from kneewise.outcomes.profiles import read_profile
from tests.outcomes_samples import NHS_ZIP, SCALES

pytestmark = pytest.mark.skipif(not NHS_ZIP.exists(), reason="the NHS records are not on this machine")
OKS = "instrument.oks"


def summary(report, population: str):
    return next(part for part in report.instruments if (part.instrument, part.population) == (OKS, population))


def test_the_report_gives_the_known_figures(imported):
    report, _ = imported
    primary = summary(report, "primary")
    assert (report.rows, report.episodes, report.sites) == (45_635, 45_635, 280)
    assert primary.pairs == 42_657
    assert round(primary.mean_first, 3) == 19.110
    assert round(primary.mean_last, 3) == 36.438
    assert (primary.improved, primary.unchanged, primary.worse) == (40_482, 371, 1_804)
    assert report.rejected_total == 0
    assert not report.synthetic


def test_the_report_prints_them(imported):
    text = "\n".join(report_lines(imported[0], SCALES))
    assert "42,657 pairs, mean 19.110 before and 36.438 after; 40,482 improved, 371 unchanged, 1,804 worse." in text
    assert "45,635 records" in text
    assert "280 sites or providers" in text


def test_a_plain_reading_of_the_file_agrees(imported):
    with zipfile.ZipFile(NHS_ZIP) as archive:
        name = next(entry for entry in archive.namelist() if not entry.startswith("__MACOSX"))
        records = list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")))
    for instrument, before, after, missing in (
        (OKS, "Knee Replacement Pre-Op Q Score", "Knee Replacement Post-Op Q Score", {""}),
        ("instrument.eq5d_index", "Pre-Op Q EQ5D Index", "Post-Op Q EQ5D Index", {""}),
        ("instrument.eq_vas", "Pre-Op Q EQ VAS", "Post-Op Q EQ VAS", {"", "999"}),
    ):
        pairs = [
            (float(record[before]), float(record[after]))
            for record in records
            if record["Revision Flag"] == "0" and record[before] not in missing and record[after] not in missing
        ]
        part = next(
            entry for entry in imported[0].instruments if (entry.instrument, entry.population) == (instrument, "primary")
        )
        assert part.pairs == len(pairs)
        assert part.improved == sum(last > first for first, last in pairs)
        assert part.worse == sum(last < first for first, last in pairs)


def test_expected_scores_are_kept_for_case_mix(imported):
    frame = imported[1].ask(lambda table: table("episode_outcome").filter(table("episode_outcome").instrument == OKS))
    assert frame["expected_last"].notna().sum() == 43_836


def test_columns_of_other_years_are_found(imported):
    with zipfile.ZipFile(NHS_ZIP) as archive:
        name = next(entry for entry in archive.namelist() if not entry.startswith("__MACOSX"))
        header, *rows = archive.read(name).decode().splitlines()
    for ours, theirs in (
        ("Provider Code", "provider code"), ("Revision Flag", "REVISION_FLAG"), ("Age Band", "Age Group"),
        ("Knee Replacement Pre-Op Q Score", "Knee Replacement OKS Pre-Op Q Score"),
    ):  # fmt: skip
        header = header.replace(ours, theirs)
    report = preview("\n".join([header, *rows[:3000]]).encode(), read_profile("nhs_proms"), SCALES)
    assert report.rows == 3000
    assert summary(report, "primary").pairs > 2500


def test_only_primary_replacements_are_released_rounded_and_attributed(imported):
    _, store = imported
    answer = answer_change(store, Question(OKS), SCALES)
    assert answer.n == 42_655
    assert answer.groups[0].mean_change == 17.3
    assert answer.context.population == "procedure: primary"
    assert "Open Government Licence" in answer.context.attribution
    assert not answer.context.synthetic
    assert answer.completeness.percent == 97


def test_providers_are_released_only_where_enough_people_stand_behind_them(imported):
    _, store = imported
    answer = answer_responders(store, Question(OKS, group_by="site"), SCALES)
    assert answer.groups[-1].label == "smaller groups"
    assert len(answer.groups) > 100
    assert all(group.n >= 10 and 0 < group.share.percent < 100 for group in answer.groups)
    assert answer.n == sum(group.n for group in answer.groups)


def test_other_questions_answer(imported):
    _, store = imported
    trend = answer_trend(store, Question(OKS, "age_band", ("sex", "female")), SCALES)
    assert {len(group.visits) for group in trend.groups} == {2}
    assert all(group.visits[0].median < group.visits[1].median for group in trend.groups)
    thirds = answer_trend(store, Question(OKS, "first_band"), SCALES)
    assert [group.label for group in thirds.groups] == ["low third", "middle third", "high third"]
    choices = list_choices(store, SCALES)
    assert choices.instruments == ("instrument.eq5d_index", "instrument.eq_vas", OKS)
