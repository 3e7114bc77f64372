"""The committed leg shapes: whole, where the pose expects them, and small. Reads the files; bakes nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kneewise.leg.shapes.coding import Mesh, decode, encode, is_closed

LEG = Path(__file__).resolve().parents[2] / "kneewise" / "leg"
FRAMES = {
    "pelvis": "pelvis", "trunk": "trunk", "femur": "femur", "patella": "patella", "patella_cartilage": "patella",
    "tibia": "tibia", "fibula": "tibia", "menisci": "tibia", "cartilage": "femur", "foot": "foot",
}  # fmt: skip


def shapes_file() -> Path:
    (path,) = (LEG / "assets").glob("shapes-*.bin")
    return path


MESHES = {mesh.name: mesh for mesh in decode(shapes_file().read_bytes())}
OUTLINES = json.loads((LEG / "source" / "outlines.json").read_text("utf-8"))["parts"]


def distance_to(mesh: Mesh, point) -> float:
    """From a point to a mesh, in cm; good to about a third of a triangle."""
    shares = np.array([(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]) / 4
    spots = np.einsum("si,tik->tsk", shares, mesh.positions[mesh.triangles])
    return float(np.linalg.norm(spots - np.asarray(point), axis=2).min())


def volume(mesh: Mesh) -> float:
    a, b, c = (mesh.positions[mesh.triangles[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_every_part_is_there_with_its_frame():
    assert {name: mesh.frame for name, mesh in MESHES.items()} == FRAMES
    assert {name: part["frame"] for name, part in OUTLINES.items()} == FRAMES


def test_the_files_stay_small():
    assert shapes_file().stat().st_size <= 95_000
    assert len(gzip.compress((LEG / "source" / "outlines.json").read_bytes(), mtime=0)) <= 10_000
    assert sum(len(mesh.triangles) for mesh in MESHES.values()) <= 26_000


def test_the_name_of_the_file_is_the_hash_of_its_content():
    content = shapes_file().read_bytes()
    assert shapes_file().stem == f"shapes-{hashlib.sha256(content).hexdigest()[:10]}"


def test_packing_the_read_meshes_again_gives_the_same_file():
    """Also the promise that the same shapes give the same bytes."""
    assert encode(list(MESHES.values())) == shapes_file().read_bytes()


def test_a_mesh_with_a_hole_is_refused():
    patella = MESHES["patella"]
    with pytest.raises(ValueError, match="not a closed surface"):
        encode([replace(patella, triangles=patella.triangles[1:])])


@pytest.mark.parametrize("name", FRAMES)
def test_a_mesh_is_closed_and_faces_outwards(name: str):
    mesh = MESHES[name]
    assert is_closed(mesh.triangles)
    assert volume(mesh) > 1
    assert set(mesh.triangles.ravel()) == set(range(len(mesh.positions)))
    assert mesh.occlusion.min() >= 0
    assert mesh.occlusion.max() <= 1


def test_the_check_for_closed_meshes_finds_a_hole_and_a_turned_face():
    triangles = MESHES["patella"].triangles
    turned = triangles.copy()
    turned[0] = turned[0, ::-1]
    assert not is_closed(triangles[1:])
    assert not is_closed(turned)


# Low and high corner of each part in its frame, in cm.
BOXES = {
    "pelvis": ((-8.8, -6.8, -9.4), (3.9, 13.4, 5.2)),
    "trunk": ((-4.2, 0.2, -5.5), (4.2, 13.4, 2.8)),
    "femur": ((-4.0, -2.05, -3.5), (7.3, 45.4, 3.3)),
    "patella": ((-2.2, -2.1, -1.1), (2.2, 2.1, 1.1)),
    "tibia": ((-3.7, -40.2, -2.9), (3.7, -1.8, 3.1)),
    "fibula": ((1.9, -41.3, -2.7), (4.7, -3.6, 0.1)),
    "menisci": ((-3.8, -2.3, -2.6), (3.8, -1.5, 2.3)),
    "foot": ((-4.3, -8.0, -5.3), (4.6, 1.0, 19.1)),
}


@pytest.mark.parametrize("name", BOXES)
def test_a_part_fills_its_box(name: str):
    positions = MESHES[name].positions
    low, high = BOXES[name]
    assert positions.min(axis=0) == pytest.approx(low, abs=0.45)
    assert positions.max(axis=0) == pytest.approx(high, abs=0.45)


@pytest.mark.parametrize(
    ("name", "landmark", "near"),
    [
        ("pelvis", (3.0, 8.5, 4.5), 0.9),  # front spine of the ilium
        ("pelvis", (1.4, 4.0, 3.6), 0.9),  # lower front spine
        ("pelvis", (2.0, 13.0, -1.0), 0.9),  # crest
        ("pelvis", (-8.8, -1.5, 3.5), 1.3),  # symphysis
        ("pelvis", (-2.5, -5.5, -3.0), 0.9),  # sitting bone
        ("femur", (6.6, 42.5, -1.8), 0.9),  # greater trochanter
        ("femur", (2.8, 35.5, -2.6), 0.9),  # lesser trochanter
        ("femur", (0.0, 1.5, 2.5), 0.4),  # bottom of the groove
        ("tibia", (1.09, -5.5, 3.1), 0.5),  # tubercle
        ("tibia", (-2.5, -40.2, 0.2), 0.5),  # inner ankle
        ("fibula", (3.9, -3.8, -1.5), 0.7),  # head
        ("fibula", (2.9, -41.4, -1.0), 0.7),  # outer ankle
        ("foot", (-2.6, -4.0, 4.3), 1.2),  # navicular
        ("foot", (0.0, 1.0, 0.0), 0.5),  # dome of the talus
    ],
)
def test_a_landmark_lies_on_its_bone(name: str, landmark: tuple, near: float):
    assert distance_to(MESHES[name], landmark) < near


def test_the_head_of_the_femur_is_round_and_fits_the_cup():
    positions = MESHES["femur"].positions
    head = positions[np.linalg.norm(positions - (0, 43, 0), axis=1) < 2.55]
    inner = head[head[:, 0] < -0.8]
    assert np.median(np.linalg.norm(inner - (0, 43, 0), axis=1)) == pytest.approx(2.4, abs=0.05)
    assert np.linalg.norm(MESHES["pelvis"].positions, axis=1).min() > 2.5


def test_the_groove_is_lower_than_both_lips_and_the_outer_lip_is_higher():
    positions = MESHES["femur"].positions
    band = positions[(np.abs(positions[:, 1] - 1.2) < 0.5) & (positions[:, 2] > 1)]
    middle, outer, inner = (
        band[(band[:, 0] > a) & (band[:, 0] < b), 2].max() for a, b in ((-0.35, 0.35), (1.5, 3), (-3, -1.5))
    )
    assert middle < inner - 0.2
    assert inner < outer - 0.1


def test_the_outer_facet_of_the_kneecap_is_wider():
    positions = MESHES["patella"].positions
    band = positions[np.abs(positions[:, 1] - 0.4) < 0.5]
    ridge = band[band[:, 2].argmin(), 0]
    assert -0.8 < ridge < 0


def test_the_foot_stands_on_the_floor_and_has_an_arch():
    positions = MESHES["foot"].positions
    assert -8.0 <= positions[:, 1].min() < -7.5
    below_the_arch = positions[(positions[:, 0] < -1) & (positions[:, 2] > 3.5) & (positions[:, 2] < 5.5)]
    assert below_the_arch[:, 1].min() > -6


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize(("view", "axes"), [("front", (0, 1)), ("side", (2, 1))])
def test_outlines_are_loops_around_their_part(name: str, view: str, axes: tuple[int, int]):
    part, positions = OUTLINES[name], MESHES[name].positions[:, list(axes)]
    loops = [np.array(loop).reshape(-1, 2) for loop in part[view]]
    assert loops
    assert all(len(loop) >= 4 for loop in loops)
    every = np.concatenate(loops)
    assert every.min(axis=0) == pytest.approx(positions.min(axis=0), abs=0.1)
    assert every.max(axis=0) == pytest.approx(positions.max(axis=0), abs=0.1)
    for line in part.get(f"{view}_detail", []):
        points = np.array(line).reshape(-1, 2)
        assert len(points) >= 2
        assert (points >= positions.min(axis=0) - 0.05).all()
        assert (points <= positions.max(axis=0) + 0.05).all()


def test_the_outline_of_the_pelvis_shows_its_opening():
    """The obturator foramen is a hole of its own in the front view."""
    holes = [np.array(loop).reshape(-1, 2) for loop in OUTLINES["pelvis"]["front"][1:]]
    assert any(hole[:, 1].max() < 1 and np.ptp(hole[:, 0]) > 2 for hole in holes)
