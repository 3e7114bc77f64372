"""Answers that are prepared are the answers that are asked for; what may not be shown is passed over."""

from __future__ import annotations

from kneewise.outcomes import answers
from kneewise.outcomes.answers import Question, prepare
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import SCALES, good_rows, long_csv


def test_prepared_answers_are_the_ones_that_are_asked_for(tmp_path):
    import_export(long_csv(good_rows(60)), read_profile("kneewise_long"), tmp_path / "s", SCALES, source_name="clinic")
    store = open_store(tmp_path / "s")
    assert prepare(store, SCALES) > 0
    instrument = next(each for each in store.source().instruments if each in SCALES)
    asked = Question(instrument, source="clinic")
    assert answers.answer_change(store, asked, SCALES) is answers.answer_change(store, asked, SCALES)
    assert prepare(store, SCALES) == prepare(store, SCALES)
