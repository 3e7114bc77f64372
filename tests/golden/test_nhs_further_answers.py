"""The further answers on the real NHS England records of 2018/19: one year, two questionnaires, no treatments recorded."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest

from kneewise.disclosure.policy import read_policy
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes.asking import Question
from kneewise.outcomes.interventions import answer_interventions
from kneewise.outcomes.like_mine import LikeMine, answer_like_mine
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.over_time import answer_over_time
from kneewise.outcomes.quality import answer_quality
from tests.outcomes_samples import NHS_ZIP, SCALES

pytestmark = pytest.mark.skipif(not NHS_ZIP.exists(), reason="the NHS records are not on this machine")
QUESTION = Question("instrument.oks")
OWN = read_policy("own")


@pytest.mark.parametrize("policy", [None, OWN])
def test_what_these_records_can_not_say_is_refused_with_a_sentence(imported, policy):
    _, store = imported
    with pytest.raises(DisclosureRefused, match="one year of start only"):
        answer_over_time(store, QUESTION, SCALES, policy, measure="change")
    with pytest.raises(DisclosureRefused, match="who had which treatment"):
        answer_interventions(store, QUESTION, SCALES, policy)
    with pytest.raises(StoreError, match="no visit at about 6 or 12 weeks"):
        answer_like_mine(store, LikeMine("instrument.oks", "60 to 69"), SCALES, policy)


def test_the_band_of_the_missing_agrees_with_a_plain_reading_of_the_file(imported):
    with zipfile.ZipFile(NHS_ZIP) as archive:
        name = next(entry for entry in archive.namelist() if not entry.startswith("__MACOSX"))
        records = list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")))
    before, after = "Knee Replacement Pre-Op Q Score", "Knee Replacement Post-Op Q Score"
    primary = [record for record in records if record["Revision Flag"] == "0" and (record[before] or record[after])]
    pairs = [(int(record[before]), int(record[after])) for record in primary if record[before] and record[after]]
    better = sum(last - first >= SCALES["instrument.oks"].important_change for first, last in pairs)
    _, store = imported
    own = answer_missing(store, QUESTION, SCALES, OWN)
    assert own.observed.count == better
    assert own.worst_percent == 100 * better // len(primary)
    assert own.best_percent == -(-100 * (better + len(primary) - len(pairs)) // len(primary))
    shared = answer_missing(store, QUESTION, SCALES)
    assert abs(shared.worst_percent - own.worst_percent) <= 1
    assert abs(shared.best_percent - own.best_percent) <= 1


def test_quality_of_these_records(imported):
    _, store = imported
    answer = answer_quality(store, QUESTION, SCALES)
    shares = {row.name: row.share for row in answer.rows}
    assert answer.context.population == "procedure: primary"
    assert shares["about 6 months after"].percent >= 97
    assert shares["treatment"].text.startswith("at most")
    assert answer.newest_period is None
