"""The demonstration clinics: seeded synthetic episodes whose truth is known. Every file of them says SYNTHETIC.

The numbers come from `data/demo/design.yaml`; the same design gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from kneewise.outcomes.importing import ImportReport, import_export
from kneewise.outcomes.instruments import Instruments
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.reading import Progress
from kneewise.outcomes.store import DEMO_STORE

DEMO_FOLDER = Path(__file__).resolve().parents[2] / "data" / "demo"
SYNTHETIC = "SYNTHETIC"
DEMO_SOURCE = "synthetic_demo"
_HEADER = "# SYNTHETIC. Written by `python -m kneewise demo`; what the import of the file beside it must give back.\n"


@dataclass(frozen=True)
class DemoFiles:
    """The bytes of the demonstration: its table and its truth."""

    table_name: str
    table: bytes
    truth: bytes


def make_demo(folder: Path = DEMO_FOLDER) -> DemoFiles:
    """The demonstration's files, made from the design in the folder. Nothing is written."""
    design = yaml.safe_load((folder / "design.yaml").read_text(encoding="utf-8"))
    rng = np.random.default_rng(design["seed"])
    people = _people(design, rng)
    scores, long_run = _scores(design, people, rng)
    rows = scores.merge(people.drop(columns=["gain"]), on="episode_id", validate="many_to_one")
    rows.insert(0, "data_origin", SYNTHETIC)
    rows = rows[
        ["data_origin", "episode_id", "site", "clinician_code", "age_band", "sex", "symptom_duration", "referral",
         "intervention", "factors", "start_year", "start_quarter", "instrument", "day", "value"]
    ]  # fmt: skip
    text = io.StringIO()
    rows.to_csv(text, index=False, lineterminator="\n")
    truth = _HEADER + yaml.safe_dump(_truth(design, people, scores, long_run), sort_keys=False, allow_unicode=True)
    return DemoFiles(design["data_file"], text.getvalue().encode(), truth.encode())


def write_demo(folder: Path = DEMO_FOLDER) -> tuple[Path, ...]:
    """Write the demonstration's table and truth beside its design; returns their paths."""
    files = make_demo(folder)
    written = []
    for name, content in ((files.table_name, files.table), ("TRUTH.yaml", files.truth)):
        path = folder / name
        path.write_bytes(content)
        written.append(path)
    return tuple(written)


def import_demo(
    instruments: Instruments,
    store_dir: Path = DEMO_STORE,
    *,
    folder: Path = DEMO_FOLDER,
    key_file: Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import the committed demonstration into a store of its own; returns the report. Raises as `import_export`."""
    design = yaml.safe_load((folder / "design.yaml").read_text(encoding="utf-8"))
    profile = read_profile("kneewise_long").model_copy(update={"source_label": "Synthetic demonstration clinics"})
    return import_export(
        folder / design["data_file"],
        profile,
        store_dir,
        instruments,
        source_name=DEMO_SOURCE,
        key_file=key_file,
        progress=progress,
    )


def _shares(part: Mapping) -> tuple[list, np.ndarray]:
    weights = np.array([entry["share"] if isinstance(entry, Mapping) else entry for entry in part.values()], dtype=float)
    return list(part), weights / weights.sum()


def _people(design: Mapping, rng: np.random.Generator) -> pd.DataFrame:
    n = design["episodes"]

    def draw(part: Mapping) -> np.ndarray:
        values, weights = _shares(part)
        return np.array(values, dtype=object)[rng.choice(len(values), size=n, p=weights)]

    people = pd.DataFrame({"episode_id": [f"SYN-{number:05d}" for number in range(1, n + 1)]})
    for name in ("site", "age_band", "sex", "symptom_duration", "referral", "intervention"):
        people[name] = draw(design["sites" if name == "site" else name])
    clinicians = rng.integers(1, design["clinicians_per_site"] + 1, size=n)
    people["clinician_code"] = [f"{site[0]}{number}" for site, number in zip(people["site"], clinicians, strict=True)]
    carried = np.column_stack([rng.random(n) < share for share in design["factors"].values()])
    names = np.array(list(design["factors"]))
    people["factors"] = [";".join(names[flags]) for flags in carried]
    people["start_year"] = draw(design["years"])
    people["start_quarter"] = [f"Q{quarter}" for quarter in rng.integers(1, 5, size=n)]
    people["gain"] = (
        people["site"].map({site: entry["gain"] for site, entry in design["sites"].items()})
        + people["symptom_duration"].map({name: entry["gain"] for name, entry in design["symptom_duration"].items()})
        + people["intervention"].map({name: entry["gain"] for name, entry in design["intervention"].items()})
        + rng.normal(0, design["person_gain_sd"], size=n)
    )
    return people


def _scores(
    design: Mapping, people: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Scores that were answered, and everybody's true gain in the long run, answered or not."""
    n = len(people)
    severity = rng.normal(size=n)
    came, days = [], []
    left = rng.random(n) < design["left_early"]
    little = people["gain"].to_numpy() < np.median(people["gain"])
    for visit in design["visits"]:
        lost = visit["lost"] + visit["lost_extra"] * little
        came.append((rng.random(n) >= lost) & ~(left & (visit["day"] > 0)))
        spread = rng.integers(-visit["spread"], visit["spread"] + 1, size=n)
        days.append(visit["day"] + spread)
    parts, long_run = [], {}
    for place, (name, scale) in enumerate(design["instruments"].items()):
        given = rng.random(n) < scale["given"]
        sign = 1 if scale["gain_scale"] > 0 else -1
        start = scale["baseline"] - sign * scale["baseline_sd"] * severity
        gain = scale["gain"] + scale["gain_scale"] * people["gain"].to_numpy()
        long_run[name] = gain[given]
        for visit in range(len(days)):
            grown = 1 - np.exp(-days[visit] / design["recovery_days"])
            value = start + gain * grown + rng.normal(0, scale["noise_sd"], size=n)
            value = np.clip(np.round(value / scale["step"]) * scale["step"], scale["minimum"], scale["maximum"])
            keep = given & came[visit]
            parts.append(
                pd.DataFrame(
                    {"episode_id": people["episode_id"][keep], "order": place, "instrument": name,
                     "day": days[visit][keep], "value": np.round(value[keep], 1)}
                )
            )
    scores = pd.concat(parts).sort_values(["episode_id", "order", "day"], ignore_index=True)
    return scores.drop(columns=["order"]), long_run


def _truth(design: Mapping, people: pd.DataFrame, scores: pd.DataFrame, long_run: Mapping[str, np.ndarray]) -> dict:
    """What is true of the made people, computed apart from the importer."""
    found: dict = {"synthetic": True, "episodes": len(people), "scores": len(scores)}
    found["episodes_by_site"] = {str(site): int(n) for site, n in people["site"].value_counts().sort_index().items()}
    found["instruments"] = {}
    for name in design["instruments"]:
        pairs, changes = 0, []
        firsts, lasts = [], []
        for _, part in scores[scores["instrument"] == name].groupby("episode_id"):
            values = part.sort_values("day")["value"].tolist()
            if len(values) > 1:
                pairs += 1
                firsts.append(values[0])
                lasts.append(values[-1])
                changes.append(values[-1] - values[0])
        found["instruments"][name] = {
            "episodes_with_a_score": int(scores.loc[scores["instrument"] == name, "episode_id"].nunique()),
            "pairs": pairs,
            "mean_first": round(float(np.mean(firsts)), 6),
            "mean_last": round(float(np.mean(lasts)), 6),
            "mean_change": round(float(np.mean(changes)), 6),
            "true_mean_gain_in_the_long_run": round(float(np.mean(long_run[name])), 6),
        }
    return found
