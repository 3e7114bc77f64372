"""The map of mechanisms: which arrows are lit, how wide they are, what is said beside them."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kneewise.figures.drawn import DARK, LIGHT, Palette
from kneewise.figures.mechanism_map import (
    MechanismMap,
    arrows_that_go_out,
    draw_mechanism_map,
    mechanism_map_of,
    without_brackets,
)
from kneewise.knowledge_base import load_knowledge
from kneewise.reasoning import NO_FINDINGS, assess
from kneewise.reasoning.paths import link_is_contested, link_level, paths_to_pain

KNOWLEDGE = load_knowledge()
NOTHING = assess(NO_FINDINGS, KNOWLEDGE)
PATHS = paths_to_pain(KNOWLEDGE)
LINKED = sorted({link.origin for link in KNOWLEDGE.mechanisms.links} & PATHS.keys())
EVERY_LINK = KNOWLEDGE.mechanisms.links


def the_map(*present: str, voice: str = "clinician", off: tuple[str, ...] = (), only_lit: bool = False) -> MechanismMap:
    """The map of a person in whom exactly these factors are present, some of them switched off."""
    factors = tuple(
        dataclasses.replace(answer, answer="present" if answer.id in present else "not_tested")
        for answer in NOTHING.factors
    )
    conclusions = dataclasses.replace(NOTHING, factors=factors)
    return mechanism_map_of(KNOWLEDGE, conclusions, voice, switched=dict.fromkeys(off, False), only_lit=only_lit)


def lit(shown: MechanismMap) -> set[str]:
    return {link.id for link in shown.links if link.lit}


def on_the_way_from(*factors: str) -> set[str]:
    """The links on any way to pain from these factors, by the reasoning's own list of ways."""
    return {link for factor in factors for path in PATHS[factor] for link in path.links}


def arrows(drawn) -> list[tuple[float, str, str]]:
    """Width, dash and colour of every arrow of a figure (curves; boxes and the key have none)."""
    return [
        (shape.line.width, shape.line.dash, shape.line.color)
        for shape in drawn.figure.layout.shapes
        for _ in re.findall(r"\bC\b", shape.path)
    ]


def only(shown: MechanismMap, link_id: str) -> MechanismMap:
    return dataclasses.replace(shown, links=tuple(link for link in shown.links if link.id == link_id))


some_factors = some.sets(some.sampled_from(LINKED), max_size=6)


@given(some_factors)
def test_an_arrow_is_lit_when_a_present_factor_leads_over_it_to_pain(present):
    assert lit(the_map(*present)) == on_the_way_from(*present)


@settings(max_examples=60)
@given(some_factors.filter(bool), some.data())
def test_switching_a_factor_off_puts_out_exactly_the_arrows_that_only_it_lights(present, data):
    switched = data.draw(some.sampled_from(sorted(present)))
    others = present - {switched}
    before, after = the_map(*present), the_map(*present, off=(switched,))
    assert lit(before) - lit(after) == on_the_way_from(switched) - on_the_way_from(*others)
    assert lit(after) == on_the_way_from(*others)
    assert arrows_that_go_out(before, after) == len(lit(before) - lit(after))


@given(some_factors, some.sampled_from(LINKED))
def test_a_factor_that_is_tried_out_lights_what_it_would_light(present, added):
    shown = mechanism_map_of(KNOWLEDGE, _conclusions(present), "clinician", switched={added: True})
    assert lit(shown) == on_the_way_from(*present, added)


def _conclusions(present):
    factors = tuple(
        dataclasses.replace(answer, answer="present" if answer.id in present else "not_tested")
        for answer in NOTHING.factors
    )
    return dataclasses.replace(NOTHING, factors=factors)


@pytest.mark.parametrize("link", EVERY_LINK, ids=lambda link: link.id)
def test_among_studies_the_width_of_an_arrow_is_its_evidence_level(link):
    level = link_level(link, KNOWLEDGE.mechanisms)
    drawn = draw_mechanism_map(only(the_map(*LINKED), link.id), told="studies", dark=False)
    assert [(width, dash) for width, dash, _ in arrows(drawn)] == [(level.width, level.dash)]


@pytest.mark.parametrize("link", EVERY_LINK, ids=lambda link: link.id)
def test_in_the_story_every_told_arrow_looks_alike_and_no_other_is_drawn(link):
    drawn = draw_mechanism_map(only(the_map(*LINKED), link.id), told="story", dark=False)
    assert arrows(drawn) == ([(3.0, "solid", LIGHT.lit)] if link.told else [])


@pytest.mark.parametrize("dark", [False, True])
def test_every_arrow_is_drawn_once_in_its_colour(dark):
    colours = DARK if dark else LIGHT
    shown = the_map("factor.hip_abductor_strength")
    drawn = draw_mechanism_map(shown, told="studies", dark=dark)
    expected = sorted((link.width, link.dash, colours.lit if link.lit else colours.faint) for link in shown.links)
    assert sorted(arrows(drawn)) == expected
    assert 0 < len(lit(shown)) < len(shown.links)


def test_the_key_shows_every_level_as_it_is_drawn():
    drawn = draw_mechanism_map(the_map(*LINKED), told="studies", dark=False)
    key = [
        (shape.line.width, shape.line.dash)
        for shape in drawn.figure.layout.shapes
        if shape.line.color == LIGHT.quiet_ink
        for _ in re.findall("M", shape.path)
    ]
    assert sorted(key) == sorted((level.width, level.dash) for level in KNOWLEDGE.mechanisms.levels)
    words = " ".join(text for trace in drawn.figure.data for text in trace.text or ()).replace("<br>", " ")
    assert all(level.label.clinician in words for level in KNOWLEDGE.mechanisms.levels)


def test_a_question_mark_stands_on_every_lit_arrow_on_which_sources_disagree():
    shown = the_map("factor.hip_abductor_strength", "factor.foot_pronation")
    drawn = draw_mechanism_map(shown, told="studies", dark=False)
    asked = {
        link
        for trace in drawn.figure.data
        if trace.customdata is not None
        for link, text in zip(trace.customdata, trace.text, strict=True)
        if text == "?"
    }
    contested = {link.id for link in EVERY_LINK if link_is_contested(link)}
    assert asked == contested & lit(shown)
    assert asked
    assert f"Sources disagree on {len(asked)} arrow" in drawn.sentence


def test_every_mark_that_can_be_tapped_names_an_entry():
    drawn = draw_mechanism_map(the_map(*LINKED[:4]), told="studies", dark=False)
    ids = [each for trace in drawn.figure.data if trace.customdata is not None for each in trace.customdata]
    assert {link.id for link in EVERY_LINK} <= set(ids)
    assert all(KNOWLEDGE.has(each) for each in ids)


def test_what_was_not_tested_is_neither_drawn_nor_called_absent():
    factors = tuple(
        dataclasses.replace(answer, answer=state)
        for answer, state in zip(
            NOTHING.factors, ("present", "absent", *["not_tested"] * len(NOTHING.factors)), strict=False
        )
    )
    shown = mechanism_map_of(KNOWLEDGE, dataclasses.replace(NOTHING, factors=factors), "clinician")
    drawn = draw_mechanism_map(shown, told="studies", dark=False)
    labels = next(trace for trace in drawn.figure.data if trace.customdata is not None and trace.customdata[0] in PATHS)
    symbols = dict(zip(labels.customdata, labels.marker.symbol, strict=True))
    states = {factor.id: factor.state for factor in shown.factors}
    of_state = {state: {symbols[each] for each in symbols if states[each] == state} for state in set(states.values())}
    assert len(of_state["not_tested"]) == 1
    assert of_state["not_tested"].isdisjoint(of_state.get("absent", set()) | of_state.get("present", set()))
    said = dict(zip(labels.customdata, labels.hovertext, strict=True))
    assert all(said[each].endswith("not tested") for each, state in states.items() if state == "not_tested")


@pytest.mark.parametrize("told", ["story", "studies"])
@pytest.mark.parametrize("only_lit", [False, True])
@pytest.mark.parametrize("voice", ["clinician", "patient"])
def test_with_nothing_present_the_picture_says_so(told, only_lit, voice):
    shown = the_map(voice=voice, only_lit=only_lit)
    drawn = draw_mechanism_map(shown, told=told, dark=False)
    assert drawn.sentence == "Nothing is marked as present yet, so no arrow is lit."
    assert lit(shown) == set()
    assert LIGHT.lit not in {colour for _, _, colour in arrows(drawn)}


def test_a_patient_sees_only_what_is_lit():
    shown = the_map("factor.foot_pronation", voice="patient", only_lit=True)
    assert {factor.id for factor in shown.factors} == {"factor.foot_pronation"}
    assert {link.id for link in shown.links} == on_the_way_from("factor.foot_pronation")
    reached = {end for link in shown.links for end in (link.origin, link.target)}
    assert {node.id for node in shown.nodes if node.stage < 4} <= reached


@pytest.mark.parametrize("factor", LINKED)
@pytest.mark.parametrize("voice", ["clinician", "patient"])
def test_the_sentence_counts_one_factor_and_its_arrows_in_good_english(factor, voice):
    shown = the_map(factor, voice=voice)
    sentence = draw_mechanism_map(shown, told="studies", dark=False).sentence
    count = len(lit(shown))
    if voice == "clinician":
        assert f"1 factor present ({KNOWLEDGE.entry(factor).label.clinician}) lights {count} arrow" in sentence
    else:
        assert f"1 thing may play a part here: {KNOWLEDGE.entry(factor).label.patient}." in sentence
    assert not re.search(r"\b1 (arrows|have|things|arrow have)\b", sentence)


def test_the_table_holds_the_arrows_of_the_picture():
    shown = the_map("factor.load_rise")
    table = draw_mechanism_map(shown, told="studies", dark=False).table
    assert len(table) == len(shown.links)
    assert list(table["Lit"]).count("yes") == len(lit(shown))
    assert set(table["What studies found"]) == {link.studies.clinician for link in EVERY_LINK}
    story = draw_mechanism_map(shown, told="story", dark=False).table
    assert len(story) == sum(link.told for link in shown.links)


def test_a_switched_off_factor_is_struck_out_and_not_counted():
    shown = the_map("factor.load_rise", "factor.foot_pronation", off=("factor.load_rise",))
    drawn = draw_mechanism_map(shown, told="studies", dark=False)
    words = [text for trace in drawn.figure.data for text in trace.text or ()]
    label = without_brackets(KNOWLEDGE.entry("factor.load_rise").label.clinician)
    assert any(text.startswith("<s>") and text[3:10] == label[:7] for text in words)
    assert label not in drawn.sentence
    assert drawn.sentence.split(". ")[1].startswith("1 factor")


def test_the_largest_picture_is_small_enough_to_send():
    """One changed input sends at most 100 kB; the map with everything lit is the largest part of it."""
    drawn = draw_mechanism_map(the_map(*LINKED), told="studies", dark=False)
    assert len(drawn.figure.to_json().encode()) < 60_000
    json.loads(drawn.figure.to_json())


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_what_is_lit_stand_out_from_what_lies_behind(colours: Palette):
    for behind in (colours.page, colours.box, colours.lit_box):
        assert contrast(colours.ink, behind) >= 4.5
    for behind in (colours.page, colours.box):
        assert contrast(colours.quiet_ink, behind) >= 4.5
        assert contrast(colours.lit, behind) >= 3
        assert contrast(colours.other, behind) >= 3
