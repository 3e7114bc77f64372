"""What the outcomes room needs to know about a questionnaire: its range, its direction, its important change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kneewise.knowledge_base.models import KnowledgeBase


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
    titles = {source.id: source for source in knowledge.sources}
    ranges = {}
    for instrument in knowledge.instruments:
        change = next((value for value in instrument.values if value.id == instrument.important_change), None)
        cited = [titles[key].citation for key in (change.sources if change else ()) if key in titles]
        number = change.value if change else None
        span = ""
        if change and number is None:
            number, span = change.high, f"published as {change.low:g} to {change.high:g}, the upper end is used"
        ranges[instrument.id] = InstrumentRange(
            id=instrument.id,
            minimum=instrument.minimum,
            maximum=instrument.maximum,
            higher_is_better=instrument.higher_is_better,
            important_change=number,
            important_change_status=change.status if change else "",
            source_text="; ".join(filter(None, [", ".join(cited), change.population, span])) if change else "",
            label=instrument.label.clinician,
        )
    return ranges
