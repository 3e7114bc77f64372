"""What the outcomes room needs to know about a questionnaire: its range, direction and important change, and its scoring.

Here the knowledge base becomes the plain data that `kneewise.proms` takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kneewise.knowledge_base.models import Instrument, KnowledgeBase, Value
from kneewise.proms import ChangeScale, Item, Rule, Scoring, Subscale, Threshold


@dataclass(frozen=True)
class InstrumentRange:
    """One questionnaire's scale. `important_change` is None where the knowledge base holds none."""

    id: str
    minimum: float
    maximum: float
    higher_is_better: bool
    important_change: float | None = None
    important_change_status: str = ""
    source_text: str = ""
    label: str = ""

    @property
    def name(self) -> str:
        """The label, or the id where no label was given."""
        return self.label or self.id


Instruments = Mapping[str, InstrumentRange]
"""Instrument id -> its scale."""


def instruments_from(knowledge: KnowledgeBase) -> dict[str, InstrumentRange]:
    """The scales of all instruments of the knowledge base, by id.

    Where only a span of the important change was published, its upper end counts (fewer people are called responders),
    and `source_text` says so.
    """
    values = _values(knowledge)
    ranges = {}
    for instrument in knowledge.instruments:
        change = _threshold(instrument.important_change, values, knowledge)
        ranges[instrument.id] = InstrumentRange(
            id=instrument.id,
            minimum=instrument.minimum,
            maximum=instrument.maximum,
            higher_is_better=instrument.higher_is_better,
            important_change=change.value if change else None,
            important_change_status=change.status if change else "",
            source_text="; ".join(filter(None, [change.source, change.population, change.note])) if change else "",
            label=instrument.label.clinician,
        )
    return ranges


def scorings_from(knowledge: KnowledgeBase) -> dict[str, Scoring]:
    """How each instrument is scored from its answers, by id; instruments without a scoring of their own are left out."""
    return {
        instrument.id: Scoring(
            instrument=instrument.id,
            name=instrument.label.clinician,
            minimum=instrument.minimum,
            maximum=instrument.maximum,
            higher_is_better=instrument.higher_is_better,
            formula=instrument.scoring.formula,
            items=_items(instrument),
            rules=tuple(
                Rule(
                    name=rule.name,
                    says=rule.says,
                    answered_at_least=rule.answered_at_least,
                    status=rule.status,
                    answers_are=rule.answers_are,
                    shift=rule.shift,
                    answers_per_point=rule.answers_per_point,
                    reversed_items=rule.reversed_items,
                    sources=rule.sources,
                    unclear=rule.unclear,
                )
                for rule in instrument.scoring.rules
            ),
            subscales=tuple(Subscale(group.name, group.items) for group in instrument.scoring.subscales),
        )
        for instrument in knowledge.instruments
        if instrument.scoring is not None
    }


def change_scales_from(knowledge: KnowledgeBase) -> dict[str, ChangeScale]:
    """What judges a change of each instrument's score, by id; a rating that is a change itself is left out.

    Of a span the upper end counts, as in `instruments_from`: fewer changes are called real or important.
    """
    values = _values(knowledge)
    return {
        instrument.id: ChangeScale(
            instrument=instrument.id,
            name=instrument.label.clinician,
            unit="" if instrument.unit == "none" else instrument.unit,
            minimum=instrument.minimum,
            maximum=instrument.maximum,
            higher_is_better=instrument.higher_is_better,
            detectable=_threshold(instrument.detectable_change, values, knowledge),
            important=_threshold(instrument.important_change, values, knowledge),
            detectable_one_item=_threshold(instrument.detectable_change_one_item, values, knowledge),
            own_items=instrument.scoring is not None and instrument.scoring.own_items,
        )
        for instrument in knowledge.instruments
        if instrument.scoring is None or not instrument.scoring.already_a_change
    }


def _values(knowledge: KnowledgeBase) -> dict[str, Value]:
    """The values of all instruments by id: several series of one scale may share an important change."""
    return {value.id: value for instrument in knowledge.instruments for value in instrument.values}


def _threshold(value_id: str | None, values: Mapping[str, Value], knowledge: KnowledgeBase) -> Threshold | None:
    value = values.get(value_id) if value_id else None
    if value is None:
        return None
    titles = {source.id: source.citation for source in knowledge.sources}
    number, note = value.value, ""
    if number is None:
        number, note = value.high, f"published as {value.low:g} to {value.high:g}, the upper end is used"
    return Threshold(
        value=number,
        quantity=value.quantity,
        status=value.status,
        population=value.population,
        source=", ".join(titles[key] for key in value.sources if key in titles),
        note=note,
    )


def _items(instrument: Instrument) -> tuple[Item, ...]:
    items = [
        Item(number, part.minimum, part.maximum, part.whole)
        for part in instrument.scoring.items
        for number in range(part.first, part.last + 1)
    ]
    items += [
        Item(each.item, min(each.weights), max(each.weights), weights=each.weights) for each in instrument.item_weights
    ]
    return tuple(sorted(items, key=lambda item: item.number))
