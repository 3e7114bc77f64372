"""Scales and small exports that the outcomes tests share. The scales are the tests' own, not the knowledge base's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kneewise.outcomes.instruments import InstrumentRange

ROOT = Path(__file__).resolve().parents[1]
NHS_ZIP = ROOT.parent / "shared" / "real-data" / "nhs-proms-2018-19" / "Knee Replacement Provider 1819.csv.zip"

SCALES = {
    scale.id: scale
    for scale in (
        InstrumentRange("instrument.akps", 0, 100, True, 10, "seen", "a test", "AKPS"),
        InstrumentRange("instrument.nprs_worst", 0, 10, False, 1.16, "seen", "a test", "Worst pain"),
        InstrumentRange("instrument.koos_pf", 0, 100, True, None, "", "", "KOOS-PF"),
        InstrumentRange("instrument.oks", 0, 48, True, 5, "recalled", "a test", "OKS"),
        InstrumentRange("instrument.eq5d_index", -0.594, 1, True, None, "", "", "EQ-5D index"),
        InstrumentRange("instrument.eq_vas", 0, 100, True, None, "", "", "EQ VAS"),
    )
}

HEADER = "episode_id,site,age_band,sex,intervention,start_year,start_quarter,instrument,day,value"


def long_csv(rows: Iterable[str], header: str = HEADER) -> bytes:
    """A `kneewise_long` export."""
    return "\n".join([header, *rows, ""]).encode()


def good_rows(episodes: int = 30) -> list[str]:
    """Two AKPS scores for each of some episodes, at two sites."""
    rows = []
    for number in range(episodes):
        start = f"E{number},{'North' if number % 2 else 'South'},18 to 39,{'female' if number % 3 else 'male'}"
        start += ",exercise only,2024,Q1,AKPS"
        rows += [f"{start},0,{50 + number % 7}", f"{start},42,{60 + number % 11}"]
    return rows
