"""The leg in a Jupyter notebook: the same module, with values that Python and the sliders both set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import anywidget
import traitlets

from kneewise.leg.bundle import bundle_path, shapes_path

SIDES = ("left", "right")


class LegWidget(anywidget.AnyWidget):
    """A leg to play with: `leg = LegWidget(data)`, then `leg.values = {"hip_rotation_deg": 12}` or move the sliders.

    Parameters
    ----------
    data
        What the leg draws and says (`kneewise.leg.material`).
    values
        Where the sliders stand, by id of the input. Unknown ids are dropped, values out of range are brought back
        into it; `notes` then says so in one sentence each.
    side
        "left" or "right".
    """

    _esm = bundle_path()
    data = traitlets.Dict().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    side = traitlets.Enum(SIDES, default_value="left").tag(sync=True)
    shapes = traitlets.Bytes(b"").tag(sync=True)  # a notebook has no address to fetch them from
    notes: tuple[str, ...] = ()

    def __init__(self, data: Mapping[str, Any], *, values: Mapping[str, float] | None = None, side: str | None = None):
        shapes = shapes_path()
        super().__init__(
            data=dict(data),
            side=side or data.get("side") or SIDES[0],
            shapes=shapes.read_bytes() if shapes else b"",
        )
        self.values = dict(data.get("values") or {}) if values is None else dict(values)

    @traitlets.validate("values")
    def _in_range(self, proposal: Mapping[str, Any]) -> dict[str, float]:
        kept, notes = clamped(proposal["value"], inputs_of(self.data))
        self.notes = tuple(notes)
        return kept


def inputs_of(data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The inputs of the leg by id, as they stand in `data["spec"]`."""
    return {each["id"]: each for each in data.get("spec", {}).get("inputs", ())}


def clamped(values: Mapping[str, Any], inputs: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, float], list[str]]:
    """`values` within the ranges of `inputs`, and one sentence for each that had to be changed or left out.

    What is not a finite number becomes the typical value of its input.
    """
    kept: dict[str, float] = {}
    notes: list[str] = []
    for name, value in values.items():
        if name not in inputs:
            notes.append(f"The leg has no input called “{name}”; it was left out.")
            continue
        limits = inputs[name]
        low, high = float(limits["minimum"]), float(limits["maximum"])
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            kept[name] = float(limits["neutral"])
            notes.append(f"“{name}” has to be a number; the leg shows the typical value.")
            continue
        kept[name] = min(max(float(value), low), high)
        if kept[name] != value:
            notes.append(f"“{name}” goes from {low:g} to {high:g}; the leg shows {kept[name]:g}.")
    return kept, notes
