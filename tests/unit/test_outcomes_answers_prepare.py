"""Answers that are prepared need no engine when they are asked for; what may not be shown is passed over."""

from __future__ import annotations

import time

import pytest

from kneewise.errors import DisclosureRefused
from kneewise.outcomes import answers
from kneewise.outcomes.answers import Question, prepare
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import Store, open_store
from kneewise.ui import outcome_answers, stores
from kneewise.ui.outcome_answers import Asked, Refused
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


@pytest.fixture
def clinic(tmp_path, monkeypatch):
    """A clinic store of 240 made-up people under the page, and no demonstration beside it."""
    stored(tmp_path / "clinic", 240)
    monkeypatch.setenv("KNEEWISE_STORE", str(tmp_path / "clinic"))
    monkeypatch.setenv("KNEEWISE_DEMO_STORE", str(tmp_path / "none"))
    monkeypatch.setattr(outcome_answers, "REST", 0)
    return next(iter(stores.available()[0].values()))


def clicks(records: stores.Records) -> list[Asked]:
    """Everything that one choice on the page asks of the score it begins with: nothing, a split, a filter."""
    choices = outcome_answers.choices_of(records, "shared")
    instrument = choices.instruments[0]
    splits = [Asked(records, "shared", instrument, group_by=name) for name, _ in choices.attributes]
    filters = [
        Asked(records, "shared", instrument, ((name, each.value),)) for name, listed in choices.attributes for each in listed
    ]
    return [Asked(records, "shared", instrument), *splits, *filters]


def test_the_first_choice_on_the_page_waits_for_nothing(clinic, monkeypatch):
    assert outcome_answers.prepare() > 0
    store, _ = stores.opened(clinic)
    worked_out = []
    remembered = type(store).remembered

    def watched(self, key, make):
        return remembered(self, key, lambda: worked_out.append(key) or make())

    monkeypatch.setattr(type(store), "remembered", watched)
    given = 0
    for asked in clicks(clinic):
        for kind in outcome_answers.SPLIT_KINDS:
            worked_out.clear()
            found = outcome_answers.ask(kind, asked)
            # A refusal is no answer and is not remembered.
            assert isinstance(found, Refused) or not worked_out, (kind, asked)
            given += not isinstance(found, Refused)
    assert given > 30


def test_working_ahead_rests_after_each_answer(clinic, monkeypatch):
    """Whoever uses the app meanwhile must get on."""
    rested = []
    monkeypatch.setattr(outcome_answers, "REST", 0.5)
    monkeypatch.setattr(outcome_answers.time, "sleep", rested.append)
    begun = time.perf_counter()
    made = outcome_answers.prepare()
    assert len(rested) >= made > 30
    assert 0.1 * (time.perf_counter() - begun) < sum(rested) < 0.5 * (time.perf_counter() - begun)


def test_working_ahead_waits_for_whoever_asks_but_not_for_ever(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(outcome_answers.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(outcome_answers.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))

    def waited(asked_at) -> float:
        begun = now[0]
        monkeypatch.setattr(outcome_answers, "_asked", asked_at)
        outcome_answers._let_others_go_first()
        return now[0] - begun

    class Always(dict):  # somebody asks all the time
        def __getitem__(self, _name):
            return now[0]

    assert waited({"at": now[0] - 10}) == 0
    assert waited({"at": now[0]}) == pytest.approx(outcome_answers.QUIET_SECONDS, rel=0.2)
    assert waited(Always()) == pytest.approx(outcome_answers.LONGEST_WAIT_SECONDS, rel=0.1)
