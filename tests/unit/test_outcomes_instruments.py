"""Scales taken from the knowledge base."""

from __future__ import annotations

from types import SimpleNamespace

from kneewise.knowledge_base.models import Value
from kneewise.outcomes.instruments import instruments_from


def scale_with(**change):
    value = Value(id="value.x", quantity="important change", unit="points", status="recalled", population="some people",
                  **change)  # fmt: skip
    instrument = SimpleNamespace(id="instrument.x", minimum=0, maximum=48, higher_is_better=True, values=(value,),
                                 important_change="value.x", label=SimpleNamespace(clinician="X"))  # fmt: skip
    return instruments_from(SimpleNamespace(sources=(), instruments=(instrument,)))["instrument.x"]


def test_a_single_number_is_taken_as_it_is():
    scale = scale_with(value=6)
    assert (scale.important_change, scale.important_change_status, scale.source_text) == (6, "recalled", "some people")


def test_of_a_span_the_upper_end_counts_and_that_is_said():
    scale = scale_with(low=5, high=7, interval="unstated")
    assert scale.important_change == 7
    assert "published as 5 to 7, the upper end is used" in scale.source_text
