"""Bake the shapes: `python -m kneewise.leg.shapes.bake` writes the file of meshes and the outlines for the drawing.

Needs `requirements-shapes.txt`. The same code gives the same bytes, so the file's name (a hash) changes only
with its content.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import fast_simplification
import numpy as np
from scipy.ndimage import map_coordinates
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from kneewise.leg.shapes.bones import Part, Piece, parts
from kneewise.leg.shapes.coding import Mesh, decode, encode, is_closed
from kneewise.leg.shapes.fields import Field, union
from kneewise.leg.shapes.normals import corner_normals
from kneewise.leg.shapes.outlines import outlines

LEG = Path(__file__).resolve().parents[1]
CHUNK = 400_000


def evaluate(field: Field, points: np.ndarray) -> np.ndarray:
    """The field's values at many points (3, n), in pieces that fit into the cache."""
    return np.concatenate([field(points[:, at : at + CHUNK]) for at in range(0, points.shape[1], CHUNK)])


def _grid_axes(piece: Piece, shift: float) -> list[np.ndarray]:
    step = piece.spacing
    axes = [np.arange(low - shift, high + step, step) for low, high in zip(piece.low, piece.high, strict=True)]
    heights, effort = _effort(piece)
    count = int(np.ceil(effort[-1] / step)) + 1
    axes[1] = np.interp(np.linspace(0, effort[-1], count), effort, heights) - shift / 10
    return axes


def _effort(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Heights, and how much detail lies below each."""
    heights = np.linspace(piece.low[1], piece.high[1], 2000)
    return heights, np.concatenate([[0], np.cumsum(piece.detail(heights)[1:]) * (heights[1] - heights[0])])


def surface(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Positions and triangles of a piece: marching cubes, decimated, moved back onto the surface."""
    for shift in (0, 0.31, 0.57, 0.83):  # where sheets meet in one cell, a moved grid tells them apart
        axes = _grid_axes(piece, shift * piece.spacing)
        points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1).astype(np.float32)
        values = evaluate(piece.field, points).reshape([len(axis) for axis in axes])
        values[np.abs(values) < 1e-3 * piece.spacing] = 1e-3 * piece.spacing  # exact zeros make corners meet
        corners, triangles = _largest(*marching_cubes(values, 0.0)[:2])
        if is_closed(triangles):
            break
    # Decimate in a space where detailed heights are stretched, so they keep more triangles.
    spots = np.stack([np.interp(corners[:, i], np.arange(len(axes[i])), axes[i]) for i in range(3)], axis=1)
    weight = piece.detail(spots[:, 1])
    fine, stretch = _effort(piece)
    warped = spots.copy()
    warped[:, 1] = np.interp(spots[:, 1], fine, stretch)
    warped[:, [0, 2]] *= weight[:, None]
    warped, triangles = _decimated(warped, triangles, piece.triangles)
    spots = warped.astype(np.float64)
    spots[:, 1] = np.interp(warped[:, 1], stretch, fine)
    spots[:, [0, 2]] /= piece.detail(spots[:, 1])[:, None]
    spots = _snapped(piece.field, spots)
    if _volume(spots, triangles) < 0:
        triangles = triangles[:, ::-1]
    return spots, np.ascontiguousarray(triangles)


def _decimated(spots: np.ndarray, triangles: np.ndarray, aim: int) -> tuple[np.ndarray, np.ndarray]:
    """Fewer triangles, in gentle rounds: one harsh round folds thin sheets. A round that folds is tried differently."""
    while len(triangles) > 1.01 * aim:
        goal = max(aim, int(0.4 * len(triangles)))
        for aggressiveness, ease in ((4, 1.0), (6, 1.0), (7, 1.05), (3, 1.1), (5, 1.15), (7, 1.2), (6, 1.3)):
            share = 1 - ease * goal / len(triangles)
            if share <= 0:
                continue
            found = fast_simplification.simplify(
                spots.astype(np.float32), triangles.astype(np.int32), target_reduction=share, agg=aggressiveness
            )
            if is_closed(found[1]) and len(found[1]) < 0.98 * len(triangles):
                spots, triangles = found
                break
        else:
            break
    return spots, triangles


def _largest(spots: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest connected surface; the grid can leave crumbs beside it."""
    edges = np.concatenate([triangles[:, :2], triangles[:, 1:]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(spots), len(spots)))
    label = connected_components(graph, directed=False)[1]
    keep = label == np.bincount(label).argmax()
    number = np.cumsum(keep) - 1
    return spots[keep], number[triangles[keep[triangles[:, 0]]]]


def _gradient(field: Field, spots: np.ndarray, reach: float = 0.02) -> np.ndarray:
    offsets = np.eye(3) * reach
    return np.stack(
        [evaluate(field, (spots + o).T.astype(np.float32)) - evaluate(field, (spots - o).T.astype(np.float32)) for o in offsets],
        axis=1,
    ) / (2 * reach)  # fmt: skip


def _snapped(field: Field, spots: np.ndarray) -> np.ndarray:
    """Newton steps to the surface, each short so that thin sheets and seams stay whole."""
    for _ in range(3):
        slope = _gradient(field, spots)
        size = np.maximum((slope**2).sum(axis=1), 0.05)
        way = -(evaluate(field, spots.T.astype(np.float32)) / size)[:, None] * slope
        length = np.linalg.norm(way, axis=1, keepdims=True) + 1e-9
        spots = spots + way * np.minimum(1, 0.06 / length)
    return spots


def _volume(spots: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (spots[triangles[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def occlusion(solid: Field, spots: np.ndarray, normals: np.ndarray, reach: float = 2.6) -> np.ndarray:
    """How open each corner is to light from outside, 0 to 1: rays over the half sphere through a coarse grid."""
    step = 0.2
    low, high = spots.min(axis=0) - reach - step, spots.max(axis=0) + reach + step
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1).astype(np.float32)
    table = evaluate(solid, points).reshape([len(axis) for axis in axes])
    count = 48
    index = np.arange(count) + 0.5
    height = 1 - 2 * index / count
    turn = np.pi * (1 + 5**0.5) * index
    rays = np.stack([np.cos(turn) * np.sqrt(1 - height**2), height, np.sin(turn) * np.sqrt(1 - height**2)], axis=1)
    light, total = np.zeros(len(spots)), np.zeros(len(spots))
    for ray in rays:
        cosine = np.clip(normals @ ray, 0, None)
        open_way = np.ones(len(spots))
        for distance in (0.2, 0.4, 0.7, 1.05, 1.5, 2.0, 2.6):
            at = spots + normals * 0.08 + ray * distance
            value = map_coordinates(table, ((at - low) / step).T, order=1, mode="nearest")
            # Soft: a ray that passes close by is dimmed a little; far hits dim less.
            open_way = np.minimum(open_way, np.clip(0.5 + value / (0.25 * distance + 0.1), distance / reach * 0.35, 1))
        light += cosine * open_way
        total += cosine
    return np.clip(light / np.maximum(total, 1e-6), 0, 1)


def baked(part: Part) -> Mesh:
    """A part as a mesh."""
    found = [surface(piece) for piece in part.pieces]
    starts = np.cumsum([0, *(len(spots) for spots, _ in found)])
    spots = np.concatenate([spots for spots, _ in found])
    triangles = np.concatenate([piece + start for (_, piece), start in zip(found, starts, strict=False)])
    normals = corner_normals(spots, triangles)
    shade = occlusion(union(*(piece.field for piece in part.pieces)), spots, normals)
    return Mesh(part.name, part.frame, spots, triangles, shade)


def _baked_by_number(number: int) -> Mesh:
    return baked(parts()[number])


def bake(only: tuple[str, ...] = ()) -> list[Mesh]:
    """All parts (or those named) as meshes, on two processes."""
    wanted = [number for number, part in enumerate(parts()) if not only or part.name in only]
    with ProcessPoolExecutor(max_workers=2) as workers:
        return list(workers.map(_baked_by_number, wanted))


def main() -> None:
    """Write the baked file and the outlines, and say how large they are."""
    content = encode(bake())
    folder = LEG / "assets"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("shapes-*.bin"):
        old.unlink()
    target = folder / f"shapes-{hashlib.sha256(content).hexdigest()[:10]}.bin"
    target.write_bytes(content)
    meshes = decode(content)
    for mesh in meshes:
        print(f"{mesh.name:18} {len(mesh.positions):6} corners {len(mesh.triangles):6} triangles")
    (LEG / "source" / "outlines.json").write_text(json.dumps(outlines(meshes), separators=(",", ":")) + "\n", "utf-8")
    print(f"{target.name}: {len(content)} bytes, {sum(len(mesh.triangles) for mesh in meshes)} triangles")


if __name__ == "__main__":
    main()
