"""How good the records are: what is recorded of how many, and who came back when."""

from __future__ import annotations

import pandas as pd

from kneewise.disclosure.quality import ReleasedQuality, ReleasedQualityRow
from kneewise.figures.chart_words import (
    alt_text,
    count_text,
    interval_rows,
    kept_together,
    share_text,
)
from kneewise.figures.drawn import Drawn, palette


def draw_quality(quality: ReleasedQuality, *, dark: bool) -> Drawn:
    """One row per thing that should be known of everybody."""
    rows = [(each.name, quality.n, each.share) for each in quality.rows]
    return Drawn(
        interval_rows(rows, palette(dark), f"% recorded, or seen then<br>(of {quality.base})"),
        kept_together(quality_sentence(quality)),
        quality_table(quality),
        alt_text("How complete the records are", quality.context),
    )


def quality_sentence(quality: ReleasedQuality) -> str:
    """What is least known, and up to when the records can be read."""
    context = quality.context
    parts = [f"{count_text(quality.n)} people are counted: {quality.base}, with a score of {context.instrument_name}."]
    for kind, words in (("attribute", "Least often recorded"), ("visit", "Fewest came")):
        known = [each for each in quality.rows if each.kind == kind and each.share.percent is not None]
        if known:
            least: ReleasedQualityRow = min(known, key=lambda each: (each.share.percent or 0, each.name))
            parts.append(f"{words}: {least.name} ({least.share.percent} %).")
    if quality.newest_period:
        parts.append(f"The newest period whose follow-up is over is {quality.newest_period}.")
    if quality.open_periods:
        left_out = ", so not counted here" if context.mode == "shared" else ""
        parts.append(f"Still open{left_out}: {', '.join(quality.open_periods)}.")
    if quality.sources > 1:
        parts.append(f"These records are one of {quality.sources} sources in the store.")
    parts.append(f"Completeness {share_text(quality.completeness)}.")
    return " ".join(parts)


def quality_table(quality: ReleasedQuality) -> pd.DataFrame:
    """One row per thing that should be known."""
    return pd.DataFrame(
        [
            {
                "What": each.name,
                "Kind": {"attribute": "recorded", "visit": "came"}[each.kind],
                f"Of {quality.base}": share_text(each.share),
            }
            for each in quality.rows
        ]
    )
