"""What went with each treatment, beside how its people differed at the start. A description, never an effect."""

from __future__ import annotations

import pandas as pd

from kneewise.disclosure.interventions import ReleasedInterventions
from kneewise.figures.chart_words import (
    IMPROVED_AXIS,
    RANGE,
    TOO_FEW,
    Part,
    alt_text,
    count_text,
    decimals_of,
    interval_rows,
    kept_together,
    number_text,
    part_of,
    share_text,
    span_text,
    tail_text,
)
from kneewise.figures.drawn import Drawn, palette


def draw_interventions(treatments: ReleasedInterventions, status: str, *, dark: bool, part: Part = None) -> Drawn:
    """Share improved by what matters per treatment, as a dot with its interval; in the order of their names."""
    rows = [(group.label, group.n, group.share) for group in part_of(treatments.groups, part)]
    return Drawn(
        interval_rows(rows, palette(dark), IMPROVED_AXIS),
        kept_together(interventions_sentence(treatments, status)),
        interventions_table(treatments, part),
        alt_text("Treatments: people who improved by what matters", treatments.context),
    )


def interventions_sentence(treatments: ReleasedInterventions, status: str) -> str:
    """What is seen, what else differs, and why it is no effect."""
    if any(group.long_duration.percent is not None for group in treatments.groups):
        seen = "first scores, age and duration of symptoms"
    else:
        seen = "first scores (age and duration of symptoms may differ)"
    differs = " ".join(treatments.differs) or f"At the start the people were much alike in {seen}."
    return (
        "This is what went with each treatment, not what it did: people and their physiotherapists chose it for reasons "
        f"that also change the course, and nothing here corrects for that. {differs} Where lines overlap, the groups may "
        f"not differ. What matters: {treatments.important_change:g} points or more for the better ({status}). "
        f"{tail_text(treatments.context, treatments.n, treatments.completeness)}"
    )


def interventions_table(treatments: ReleasedInterventions, part: Part = None) -> pd.DataFrame:
    """One row per treatment, with what differs at the start."""
    decimals = decimals_of(group.mean_first for group in treatments.groups)
    bands = dict.fromkeys(band for group in treatments.groups for band, _ in group.ages)
    long = treatments.long_duration_name
    rows = []
    for group in part_of(treatments.groups, part):
        ages = dict(group.ages)
        rows.append(
            {
                "Treatment": group.label,
                "People": count_text(group.n) or TOO_FEW,
                "Improved by what matters": share_text(group.share),
                RANGE: span_text(group.share),
                "Mean first score": number_text(group.mean_first, decimals),
                **({f"Symptoms {long}": share_text(group.long_duration)} if long else {}),
                **{f"Aged {band}": share_text(ages[band]) if band in ages else "not shown" for band in bands},
                "Completeness": share_text(group.completeness),
            }
        )
    return pd.DataFrame(rows)
