"""The leg in a Jupyter notebook: the same module, with values that Python and the sliders both set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from kneewise.leg.bundle import bundle_path, shapes_path
from kneewise.leg.values import clamped

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
        kept, self.notes = clamped(proposal["value"], self.data.get("spec", {}).get("inputs", ()))
        return kept
