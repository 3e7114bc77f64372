"""Where the sliders stand: values brought into their ranges, and what has to be said about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


def clamped(given: Mapping[str, Any], sliders: Iterable[Mapping[str, Any]]) -> tuple[dict[str, float], tuple[str, ...]]:
    """The `given` values within their ranges, and one sentence for each that had to be changed or left out.

    Parameters
    ----------
    given
        Values by slider; from a person, a file or a browser, so anything is possible.
    sliders
        As in `leg_spec(...)["inputs"]`.

    Returns
    -------
    tuple
        Values for the sliders that were given; what is no finite number becomes the typical value.
    """
    known = {each["id"]: each for each in sliders}
    values: dict[str, float] = {}
    notes: list[str] = []
    for name, wanted in given.items():
        if name not in known:
            notes.append(f"The leg has no slider called “{name}”; it was left out.")
            continue
        slider = known[name]
        usable = isinstance(wanted, int | float) and not isinstance(wanted, bool) and math.isfinite(wanted)
        values[name] = float(min(max(wanted, slider["minimum"]), slider["maximum"]) if usable else slider["neutral"])
        if not usable or values[name] != wanted:
            notes.append(
                f"{slider['label']} goes from {slider['minimum']:g} to {slider['maximum']:g}; "
                f"the leg shows {values[name]:g}."
            )
    return values, tuple(notes)
