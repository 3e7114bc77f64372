"""Outlines and inner lines of the parts for the flat drawing, traced from the baked meshes.

Front: seen from +z, as (x, y). Side: seen from the outer side, +x, as (z, y).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt, gaussian_filter, minimum_filter
from skimage.measure import approximate_polygon, find_contours

from kneewise.leg.shapes.coding import Mesh
from kneewise.leg.shapes.normals import corner_normals

STEP = 0.05
FINE = 4  # pixels per step for the silhouettes
TOLERANCE = 0.035
FINE_TOLERANCE = 0.022
LOOKED_AT_CLOSELY = {"patella", "patella_cartilage", "cartilage"}

# Lines a textbook draws where the bone is too round to make an edge of its own.
BY_HAND = {
    ("femur", "front"): [[(0.06, 1.9), (0.02, 1.1), (0, 0.2), (0, -0.5)]],
    ("tibia", "front"): [
        [(0.35, -4.9), (0.42, -5.7), (0.75, -6.5), (1.05, -6.75), (1.4, -6.4), (1.62, -5.6), (1.6, -4.9)],
        [(0.85, -8.4), (0.72, -12), (0.62, -17), (0.5, -22), (0.2, -27), (-0.35, -31.5)],
    ],
    ("patella", "front"): [
        [(-1.3, 0.9), (-1.15, 0.1), (-0.8, -0.7)],
        [(1.35, 0.9), (1.2, 0.1), (0.85, -0.7)],
    ],
    ("pelvis", "front"): [[(-4.9, 7.2), (-3.4, 5.0), (-2.8, 2.9), (-3.0, 1.5)]],
}


def outlines(meshes: list[Mesh]) -> dict:
    """The silhouettes and inner lines of every part in both views, ready for JSON."""
    return {"parts": {mesh.name: _part(mesh) for mesh in meshes}}


def _part(mesh: Mesh) -> dict:
    part: dict = {"frame": mesh.frame}
    for view, axes, depth in (("front", (0, 1), 2), ("side", (2, 1), 0)):
        part[view] = silhouette(mesh, axes)
        lines = inner_lines(mesh, axes, depth) + [
            [float(each) for point in line for each in point] for line in BY_HAND.get((mesh.name, view), [])
        ]
        if lines:
            part[f"{view}_detail"] = lines
    return part


def silhouette(mesh: Mesh, axes: tuple[int, int], smallest: float = 0.12) -> list[list[float]]:
    """The closed loops around a mesh seen along the third axis, holes too, each as [u, v, u, v, ...]."""
    mask, low = _mask(mesh, axes, FINE)
    tolerance = FINE_TOLERANCE if mesh.name in LOOKED_AT_CLOSELY else TOLERANCE
    loops = []
    for contour in find_contours(gaussian_filter(mask.astype(np.float32), 1.5), 0.5):
        points = contour * STEP / FINE + low
        ahead = np.roll(points, -1, axis=0)
        area = abs((points[:, 0] * ahead[:, 1] - ahead[:, 0] * points[:, 1]).sum()) / 2
        if area >= smallest:
            loops.append((area, _flat(approximate_polygon(points, tolerance)[:-1])))
    return [loop for _, loop in sorted(loops, key=lambda item: -item[0])]


def _flat(points: np.ndarray) -> list[float]:
    return [round(float(each), 2) + 0.0 for each in points.reshape(-1)]


def _pixels(mesh: Mesh, axes: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    flat = mesh.positions[:, list(axes)]
    low = flat.min(axis=0) - 3 * STEP
    size = np.ceil((flat.max(axis=0) - low) / STEP).astype(int) + 4
    return (flat - low) / STEP, low, (int(size[0]), int(size[1]))


def _mask(mesh: Mesh, axes: tuple[int, int], fine: int = 1) -> tuple[np.ndarray, np.ndarray]:
    pixels, low, size = _pixels(mesh, axes)
    image = Image.new("1", (size[0] * fine, size[1] * fine))
    pen = ImageDraw.Draw(image)
    pixels = pixels * fine
    for triangle in mesh.triangles:
        pen.polygon([tuple(pixels[corner]) for corner in triangle], fill=1, outline=1)
    return np.asarray(image).T, low


def _nearest(mesh: Mesh, axes: tuple[int, int], depth: int) -> np.ndarray:
    """For every pixel the depth of the surface that is seen there."""
    pixels, _, size = _pixels(mesh, axes)
    seen = np.full(size, -np.inf)
    for triangle in mesh.triangles:
        corners, away = pixels[triangle], mesh.positions[triangle, depth]
        first, last = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int) + 1
        (ax, ay), (bx, by), (cx, cy) = corners
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        u, v = np.meshgrid(np.arange(first[0], last[0]), np.arange(first[1], last[1]), indexing="ij")
        to_b = ((u - ax) * (cy - ay) - (cx - ax) * (v - ay)) / area
        to_c = ((bx - ax) * (v - ay) - (u - ax) * (by - ay)) / area
        inside = (to_b >= -0.01) & (to_c >= -0.01) & (to_b + to_c <= 1.01)
        value = away[0] + to_b * (away[1] - away[0]) + to_c * (away[2] - away[0])
        window = seen[first[0] : last[0], first[1] : last[1]]
        np.maximum(window, np.where(inside, value, -np.inf), out=window)
    return seen


def inner_lines(mesh: Mesh, axes: tuple[int, int], depth: int, shortest: float = 0.7) -> list[list[float]]:
    """Where the surface turns away from the viewer in front of more of the same part: an illustrator's inner lines."""
    facing = corner_normals(mesh.positions, mesh.triangles)[:, depth]
    near = minimum_filter(_nearest(mesh, axes, depth), size=3)
    mask, low = _mask(mesh, axes)
    from_edge = distance_transform_edt(mask) * STEP
    result = []
    for line in _level_lines(mesh, facing):
        spot = np.round((line[:, list(axes)] - low) / STEP).astype(int)
        shown = (line[:, depth] > near[spot[:, 0], spot[:, 1]] - 0.1) & (from_edge[spot[:, 0], spot[:, 1]] > 0.11)
        start = 0
        for end in [*np.flatnonzero(np.diff(shown)) + 1, len(line)]:
            run = line[start:end, list(axes)]
            if shown[start] and np.linalg.norm(np.diff(run, axis=0), axis=1).sum() > shortest:
                result.append(_flat(approximate_polygon(run, TOLERANCE)))
            start = end
    return sorted(result)


def _level_lines(mesh: Mesh, values: np.ndarray) -> list[np.ndarray]:
    """The lines on the surface where `values` change their sign, each as points (n, 3)."""
    beside: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    above = values > 0
    for triangle in mesh.triangles[above[mesh.triangles].any(axis=1) & ~above[mesh.triangles].all(axis=1)].tolist():
        cut = [
            (min(a, b), max(a, b))
            for a, b in zip(triangle, triangle[1:] + triangle[:1], strict=True)
            if above[a] != above[b]
        ]
        beside[cut[0]].append(cut[1])
        beside[cut[1]].append(cut[0])
    lines, left = [], set(beside)
    for first in sorted(beside):
        if first not in left:
            continue
        chain = [first]
        left.discard(first)
        while ahead := [edge for edge in beside[chain[-1]] if edge in left]:
            chain.append(ahead[0])
            left.discard(ahead[0])
        chain.append(first)  # the surface is closed, so every line is a loop
        a, b = np.array(chain).T
        share = (values[a] / (values[a] - values[b]))[:, None]
        lines.append(mesh.positions[a] * (1 - share) + mesh.positions[b] * share)
    return lines
