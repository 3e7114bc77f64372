"""The leg in a notebook: values from Python and from the sliders are the same, and stay in range."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INPUTS = [
    {"id": "bend", "label": "Bend", "minimum": 0, "maximum": 120, "neutral": 0},
    {"id": "turn", "label": "Turn", "minimum": -15, "maximum": 25, "neutral": 5},
]
DATA = {"spec": {"inputs": INPUTS}, "side": "right", "values": {"turn": 12}}


@pytest.fixture
def widget():
    pytest.importorskip("anywidget", reason="anywidget is only for notebooks: pip install -r requirements-dev.txt")
    from kneewise.leg.notebook import LegWidget

    return LegWidget(DATA)


def test_it_starts_where_the_data_say(widget):
    assert widget.values == {"turn": 12}
    assert widget.side == "right"
    assert widget.notes == ()


def test_it_brings_the_module_and_the_shapes_along(widget):
    from kneewise.leg import bundle

    assert bundle.fingerprint_of(bundle.bundle_path()) in str(widget._esm)
    assert widget.shapes[:2] == b"\x1f\x8b"


@pytest.mark.parametrize(
    ("given", "kept", "note"),
    [
        ({"bend": 500}, {"bend": 120}, "Bend goes from 0 to 120; the leg shows 120."),
        ({"turn": -40.5}, {"turn": -15}, "Turn goes from -15 to 25; the leg shows -15."),
        ({"turn": math.nan}, {"turn": 5}, "Turn goes from -15 to 25; the leg shows 5."),
        ({"turn": "far"}, {"turn": 5}, "Turn goes from -15 to 25; the leg shows 5."),
        ({"nose": 1, "bend": 3}, {"bend": 3}, "The leg has no slider called “nose”; it was left out."),
    ],
)
def test_what_is_out_of_range_is_brought_back_and_said(widget, given, kept, note):
    widget.values = given
    assert widget.values == kept
    assert widget.notes == (note,)


def test_values_in_range_are_kept_as_they_are_and_the_notes_go(widget):
    widget.values = {"bend": 500}
    widget.values = {"bend": 30, "turn": -15}
    assert widget.values == {"bend": 30, "turn": -15}
    assert widget.notes == ()


def test_values_from_the_sliders_are_checked_too(widget):
    widget.set_state({"values": {"bend": -3}})
    assert widget.values == {"bend": 0}


def test_a_side_that_is_none_is_refused(widget):
    traitlets = pytest.importorskip("traitlets")
    with pytest.raises(traitlets.TraitError):
        widget.side = "both"


def test_the_app_does_without_anywidget():
    code = "import sys; sys.modules['anywidget'] = None; import kneewise.leg, kneewise.leg.component"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0
