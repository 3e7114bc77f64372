"""A hundred people as a hundred marks: what is filled, what is said, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kneewise.figures.icon_array import (
    can_be_drawn,
    draw_icon_array,
    range_of_100,
    sentence_of,
    small_icon_array,
)
from kneewise.knowledge_base import load_knowledge
from kneewise.knowledge_base.models import Value


def a_share(value: float, **more) -> Value:
    """A made-up share of people, for the tests only."""
    fields = {"unit": "percent", "status": "derived", "derivation": "made up", "population": "nobody"} | more
    return Value(id="value.made_up", quantity="Something happened", value=value, **fields)


def filled(drawn) -> int:
    return sum(symbol in ("circle", "square") for symbol in drawn.figure.data[0].marker.symbol)


@given(some.floats(min_value=1, max_value=100), some.booleans(), some.sampled_from(["clinician", "patient"]))
def test_the_picture_the_sentence_and_the_table_say_the_same(share, drawback, voice):
    drawn = draw_icon_array(a_share(share), voice, dark=False, drawback=drawback)
    count = round(share)
    assert filled(drawn) == count
    assert len(drawn.figure.data[0].x) == 100
    assert list(drawn.table["People"]) == [count, 100 - count]
    assert f"{count} of 100 people" in drawn.sentence
    assert str(100 - count) in drawn.sentence  # the other frame
    assert f"{count} of 100" in drawn.alt


def test_the_range_of_chance_is_drawn_and_said():
    value = a_share(52, low=39, high=65, interval="ci95")
    drawn = draw_icon_array(value, "clinician", dark=True)
    texts = [text for trace in drawn.figure.data for text in (trace.text or ())]
    assert texts == ["39", "65"]
    assert "39 to 65" in drawn.sentence
    assert "39 to 65" in sentence_of(value, "patient")
    assert range_of_100(value, others=True) == "35 to 61"


def test_where_no_range_was_given_none_is_drawn_and_that_is_said():
    drawn = draw_icon_array(a_share(35), "clinician", dark=False)
    assert len(drawn.figure.data) == 1
    assert "no range given" in drawn.sentence


@pytest.mark.parametrize(
    "value",
    [
        a_share(0.4),
        a_share(101),
        a_share(-3),
        a_share(1.87, unit="ratio"),
        a_share(None, low=20, high=40, interval="range"),
        a_share(85, status="recalled", derivation=""),
        a_share(85, status="proposed", derivation=""),
    ],
    ids=["below one in a hundred", "above all", "negative", "a ratio", "no value", "awaiting verification", "policy"],
)
def test_what_would_mislead_is_not_drawn(value):
    assert not can_be_drawn(value)
    with pytest.raises(ValueError, match="out of 100"):
        draw_icon_array(value, "clinician", dark=False)
    with pytest.raises(ValueError, match="out of 100"):
        small_icon_array(value, dark=False)


@given(some.integers(min_value=1, max_value=100))
def test_the_small_picture_has_a_hundred_marks_too(count):
    for drawback, mark in ((False, "<circle"), (True, "<rect")):
        picture = small_icon_array(a_share(count), dark=False, drawback=drawback)
        assert picture.count(mark) == 100
        assert picture.count('fill="none"') == 100 - count


def test_a_drawback_differs_from_a_benefit_in_shape_and_colour():
    benefit = draw_icon_array(a_share(50), "clinician", dark=False).figure.data[0].marker
    drawback = draw_icon_array(a_share(50), "clinician", dark=False, drawback=True).figure.data[0].marker
    assert benefit.symbol[0] != drawback.symbol[0]
    assert benefit.color[0] != drawback.color[0]


def test_every_share_of_people_in_an_option_can_be_drawn_or_is_no_share_of_people():
    knowledge = load_knowledge()
    shares = [
        knowledge.entry(point.value)
        for option in knowledge.options
        for point in (*option.benefits, *option.harms)
        if point.value and knowledge.entry(point.value).unit == "percent"
    ]
    assert len(shares) >= 5
    assert [value.id for value in shares if not can_be_drawn(value)] == []
