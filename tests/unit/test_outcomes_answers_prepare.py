"""Answers that are prepared need no engine when they are asked for; what may not be shown is passed over."""

from __future__ import annotations

import pytest

from kneewise.errors import DisclosureRefused
from kneewise.outcomes import answers
from kneewise.outcomes.answers import Question, prepare
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import Store, open_store
from tests.outcomes_samples import SCALES, good_rows, long_csv


def stored(folder, rows: int) -> Store:
    import_export(long_csv(good_rows(rows)), read_profile("kneewise_long"), folder, SCALES, source_name="clinic")
    return open_store(folder)


def never(*_arguments):
    raise AssertionError("the engine was asked")


def test_a_prepared_answer_is_given_without_asking_the_engine(tmp_path, monkeypatch):
    store = stored(tmp_path / "s", 60)
    instrument = next(each for each in store.source().instruments if each in SCALES)
    asked = Question(instrument, source="clinic")
    assert prepare(store, SCALES) > 0
    monkeypatch.setattr(Store, "ask", never)
    assert answers.answer_change(store, asked, SCALES).n > 0
    assert answers.answer_trend(store, asked, SCALES).n > 0


def test_unprepared_the_engine_is_asked(tmp_path, monkeypatch):
    store = stored(tmp_path / "s", 60)
    instrument = next(each for each in store.source().instruments if each in SCALES)
    monkeypatch.setattr(Store, "ask", never)
    with pytest.raises(AssertionError, match="the engine was asked"):
        answers.answer_change(store, Question(instrument, source="clinic"), SCALES)


def test_what_may_not_be_shown_is_passed_over(tmp_path):
    store = stored(tmp_path / "s", 4)
    instrument = next(each for each in store.source().instruments if each in SCALES)
    assert prepare(store, SCALES) == 0
    with pytest.raises(DisclosureRefused):
        answers.answer_change(store, Question(instrument, source="clinic"), SCALES)
