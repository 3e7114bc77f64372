"""What the picture of the leg shows, in words: for the plan and the handout, as the browser says it while it moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

A_LITTLE = 0.08
CLEARLY = 0.35
"""How far to one side (0..1) the load must lie to be called "a little more" and "more" of it. For the eye only."""

LOW, HIGH = 1 / 3, 2 / 3
"""Where the drawn scale of load (0..1) is called low, in between, high."""


def describe(
    inputs: Sequence[Mapping[str, Any]],
    values: Mapping[str, float],
    out: Mapping[str, float],
    words: Mapping[str, str],
    faded: bool = False,
) -> str:
    """Bend, what differs from the typical leg, load and its side at the kneecap; `faded` adds that studies don't show it.

    Parameters
    ----------
    inputs
        The sliders, as in `leg_spec(...)["inputs"]`.
    values
        Where each of them stands.
    out
        Results of the mechanics with `knee_flexion_deg`, `level` and `shift`.
    words
        `leg_words(...)`.
    """
    bend = int(out["knee_flexion_deg"] + 0.5)
    said = [words["say_straight"] if bend < 3 else words["say_bent"].replace("{degrees}", str(bend))]
    changes = []
    for each in inputs:
        away = values[each["id"]] - each["neutral"]
        if each["id"] != "knee_flexion_deg" and abs(away) >= each["step"] / 2:
            changes.append(each["seen_low"] if away < 0 else each["seen_high"])
    said.append(words["say_changed"].replace("{changes}", _listed(changes, words)) if changes else words["say_same"])
    level = "low" if out["level"] < LOW else "middle" if out["level"] < HIGH else "high"
    said.append(words[f"say_load_{level}"] + words[f"say_side_{_side_of(out['shift'])}"])
    if faded:
        said.append(words["faded"])
    return " ".join(said)


def _side_of(shift: float) -> str:
    if abs(shift) < A_LITTLE:
        return "same"
    return ("outside" if shift > 0 else "inside") + ("_little" if abs(shift) < CLEARLY else "")


def _listed(parts: Sequence[str], words: Mapping[str, str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {words['say_and']} {parts[-1]}"
