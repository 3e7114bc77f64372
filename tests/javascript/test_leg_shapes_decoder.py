"""The browser's reader of the baked shapes gives what Python's reader gives."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kneewise.leg.shapes.coding import decode
from kneewise.leg.shapes.normals import corner_normals

LEG = Path(__file__).resolve().parents[2] / "kneewise" / "leg"
# The bare engine has no TextDecoder; the header is plain ASCII.
STAND_IN = "class TextDecoder { decode(bytes) { return String.fromCharCode(...bytes); } }"


def baked() -> bytes:
    (path,) = (LEG / "assets").glob("shapes-*.bin")
    return path.read_bytes()


@pytest.fixture(scope="module")
def engine() -> Iterator:
    """An engine with the source of the reader; closed afterwards, or Python would wait for it at its end."""
    racer = pytest.importorskip("py_mini_racer", reason="the JavaScript of the leg runs in the mini-racer package")
    made = racer.MiniRacer()
    source = (LEG / "source" / "shapes.js").read_text("utf-8").replace("export function", "function")
    made.eval(f"{STAND_IN}\n{source}\n0")
    yield made
    made.close()


def read_by_javascript(engine, content: bytes) -> list[dict]:
    numbers = json.dumps(list(content))
    plain = "({name, frame, ...rest}) => ({name, frame, ...Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, [...v]]))})"
    return json.loads(
        engine.eval(f"JSON.stringify(decodeShapes(Uint8Array.from({numbers}).buffer).parts.map({plain}))")
    )


def test_both_readers_give_the_same_meshes(engine):
    ours, theirs = decode(baked()), read_by_javascript(engine, gzip.decompress(baked()))
    assert [mesh.name for mesh in ours] == [part["name"] for part in theirs]
    for mesh, part in zip(ours, theirs, strict=True):
        assert part["frame"] == mesh.frame
        assert part["indices"] == mesh.triangles.ravel().tolist()
        assert part["positions"] == pytest.approx(mesh.positions.ravel(), abs=1e-5)
        assert part["occlusion"] == pytest.approx(mesh.occlusion, abs=1e-6)
        normals = np.array(part["normals"]).reshape(-1, 3)
        # Slivers of a rounded-off face have no direction worth comparing.
        along = (normals * corner_normals(mesh.positions, mesh.triangles)).sum(axis=1)
        assert np.quantile(along, 0.001) > 0.999


def test_a_wrong_file_is_refused(engine):
    with pytest.raises(Exception, match="not a file of leg shapes"):
        read_by_javascript(engine, b"nothing of the kind")
