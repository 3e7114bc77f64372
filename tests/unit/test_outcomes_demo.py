"""The demonstration clinics: repeatable, labelled synthetic everywhere, and their truth comes back from the import."""

from __future__ import annotations

import csv

import pytest
import yaml

from kneewise.outcomes import demo
from kneewise.outcomes.answers import Question, answer_change, answer_responders, answer_trend
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import SCALES


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "store"
    return demo.import_demo(SCALES, folder), open_store(folder)


def test_the_committed_files_are_what_the_design_gives():
    files = demo.make_demo()
    assert (demo.DEMO_FOLDER / files.table_name).read_bytes() == files.table
    assert (demo.DEMO_FOLDER / "TRUTH.yaml").read_bytes() == files.truth


def test_every_file_says_that_it_is_synthetic():
    for path in demo.DEMO_FOLDER.iterdir():
        assert "SYNTHETIC" in path.read_text(encoding="utf-8").split("\n", 2)[0] + path.name.upper()
    with (demo.DEMO_FOLDER / "synthetic_clinics_long.csv").open(encoding="utf-8") as stream:
        rows = csv.reader(stream)
        assert next(rows)[0] == "data_origin"
        assert {row[0] for row in rows} == {"SYNTHETIC"}


def test_the_import_gives_the_truth_back(imported):
    report, store = imported
    truth = yaml.safe_load((demo.DEMO_FOLDER / "TRUTH.yaml").read_text(encoding="utf-8"))
    assert (report.episodes, report.scores, report.rejected_total) == (truth["episodes"], truth["scores"], 0)
    profile_names = {"AKPS": "instrument.akps", "NPRS_WORST": "instrument.nprs_worst", "KOOS_PF": "instrument.koos_pf"}
    for name, expected in truth["instruments"].items():
        found = next(part for part in report.instruments if part.instrument == profile_names[name])
        assert found.pairs == expected["pairs"]
        assert found.mean_first == pytest.approx(expected["mean_first"], abs=1e-6)
        assert found.mean_last == pytest.approx(expected["mean_last"], abs=1e-6)
    counts = store.ask(lambda table: table("episode").group_by("site").aggregate(n=table("episode").count()))
    assert dict(zip(counts["site"], counts["n"], strict=True)) == truth["episodes_by_site"]


def test_everything_released_says_synthetic(imported):
    _, store = imported
    for answer in (answer_change, answer_responders, answer_trend):
        made = answer(store, Question("instrument.akps", "site"), SCALES)
        assert made.context.synthetic
        assert "Synthetic" in made.context.source_label
        assert made.context.version == store.version


def test_the_released_mean_is_the_true_one_to_the_shown_digits(imported):
    _, store = imported
    truth = yaml.safe_load((demo.DEMO_FOLDER / "TRUTH.yaml").read_text(encoding="utf-8"))["instruments"]["AKPS"]
    answer = answer_change(store, Question("instrument.akps"), SCALES)
    assert answer.groups[0].mean_change == round(truth["mean_change"], 1)
    assert abs(answer.n - truth["pairs"]) <= 2
    assert answer.completeness.percent == pytest.approx(100 * truth["pairs"] / truth["episodes_with_a_score"], abs=1)


def test_people_were_lost_as_in_real_clinics(imported):
    _, store = imported
    visits = answer_trend(store, Question("instrument.akps"), SCALES).groups[0].visits
    assert [visit.label for visit in visits] == ["start", "6 weeks", "12 weeks", "1 year"]
    assert [visit.n for visit in visits] == sorted((visit.n for visit in visits), reverse=True)
    assert visits[-1].n < 0.6 * visits[0].n
