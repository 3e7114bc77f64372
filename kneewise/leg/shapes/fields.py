"""Signed-distance fields: functions of points that are negative inside a shape, zero on it and positive outside.

Every maker here returns a field: a function that takes points of shape (3, n) in centimetres and returns n values.
The values need not be exact distances; they only have to grow steadily through the surface.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

Field = Callable[[np.ndarray], np.ndarray]
Point = Sequence[float]


def _column(point: Point) -> np.ndarray:
    return np.asarray(point, dtype=np.float32)[:, None]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def rotation(about_x_deg: float = 0, about_y_deg: float = 0, about_z_deg: float = 0) -> np.ndarray:
    """The right-handed rotation matrix Rz Ry Rx."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(a), np.sin(a)) for a in np.radians([about_x_deg, about_y_deg, about_z_deg]))
    turn_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    turn_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    turn_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (turn_z @ turn_y @ turn_x).astype(np.float32)


def placed(field: Field, at: Point, turn: np.ndarray | None = None) -> Field:
    """The field moved to `at` after turning it by `turn`."""
    origin = _column(at)
    back = None if turn is None else np.asarray(turn, dtype=np.float32).T
    return lambda p: field(p - origin if back is None else back @ (p - origin))


def sphere(centre: Point, radius: float) -> Field:
    """A ball."""
    origin = _column(centre)
    return lambda p: np.sqrt(((p - origin) ** 2).sum(axis=0)) - radius


def _scaled_distance(q: np.ndarray, radii: np.ndarray) -> np.ndarray:
    near = np.sqrt(((q / radii) ** 2).sum(axis=0)) + 1e-6
    steep = np.sqrt(((q / radii**2) ** 2).sum(axis=0)) + 1e-6
    return near * (near - 1) / steep


def ellipsoid(centre: Point, radii: Point, turn: np.ndarray | None = None) -> Field:
    """An ellipsoid with three half axes, turned by a matrix."""
    half = _column(radii)
    return placed(lambda p: _scaled_distance(p, half), centre, turn)


def rounded_box(centre: Point, half: Point, rounding: float, turn: np.ndarray | None = None) -> Field:
    """A box with round edges; `half` are its outer half lengths."""
    inner = _column(half) - rounding

    def field(p: np.ndarray) -> np.ndarray:
        q = np.abs(p) - inner
        return np.sqrt((np.maximum(q, 0) ** 2).sum(axis=0)) + np.minimum(q.max(axis=0), 0) - rounding

    return placed(field, centre, turn)


def half_space(normal: Point, offset: float) -> Field:
    """Everything on the side of a plane that `normal` points away from: normal . p < offset."""
    direction = _column(_unit(np.asarray(normal, dtype=float)))
    return lambda p: (p * direction).sum(axis=0) - offset


def tube(points: Sequence[Point], radii: Sequence, across: Point | None = None, pieces: int = 5) -> Field:
    """A tube along a smooth curve through the points.

    Parameters
    ----------
    points : the points the curve passes.
    radii : one radius per point, or a pair (along `across`, the other way) per point for an elliptic section.
    across : direction of the first radius of an elliptic section.
    pieces : straight pieces between two points.
    """
    knots = np.asarray(points, dtype=float)
    sizes = np.asarray(radii, dtype=float).reshape(len(knots), -1)
    if sizes.shape[1] == 1:
        sizes = np.repeat(sizes, 2, axis=1)
    if len(knots) > 2:
        path = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
        fine = np.concatenate([np.linspace(a, b, pieces, endpoint=False) for a, b in pairwise(path)])
        fine = np.append(fine, path[-1])
        knots, sizes = CubicSpline(path, knots)(fine), _monotone(path, sizes, fine)
    round_section = across is None

    def field(p: np.ndarray) -> np.ndarray:
        best = np.full(p.shape[1], 1e3, dtype=np.float32)
        for a, b, from_size, to_size in zip(knots, knots[1:], sizes, sizes[1:], strict=False):
            run = (b - a).astype(np.float32)
            q = p - _column(a)
            t = np.clip((run @ q) / (run @ run), 0, 1)
            q = q - run[:, None] * t
            size = from_size[:, None] + (to_size - from_size)[:, None] * t
            if round_section:
                value = np.sqrt((q**2).sum(axis=0)) - size[0]
            else:
                forward = _unit(run)
                side = _unit(np.asarray(across, dtype=np.float32) - forward * (forward @ np.asarray(across)))
                local = np.stack([side, np.cross(forward, side), forward]) @ q
                value = _scaled_distance(local, np.stack([size[0], size[1], np.minimum(size[0], size[1])]))
            best = np.minimum(best, value)
        return best

    return field


def _monotone(at: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Values in between, smooth but without overshoot (a cubic spline would make bulges)."""
    place = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(at) - 2)
    share = (wanted - at[place]) / (at[place + 1] - at[place])
    share = (share * share * (3 - 2 * share))[:, None] * 0.5 + share[:, None] * 0.5
    return values[place] * (1 - share) + values[place + 1] * share


def loft(stations: Sequence[tuple[float, Point, Sequence[float]]], rounding: float = 0.5) -> Field:
    """A body along y given by cross-sections.

    Parameters
    ----------
    stations : (height, (centre x, centre z), radii), heights going down; radii at equal steps of angle, from
        lateral (+x) over front (+z), medial and back.
    rounding : how round the two ends are.
    """
    order = sorted(stations, key=lambda station: station[0])
    heights = np.array([station[0] for station in order])
    centres = np.array([station[1] for station in order], dtype=float)
    rings = np.array([station[2] for station in order], dtype=float)
    angles = np.linspace(0, 2 * np.pi, rings.shape[1] + 1)
    fine_y = np.linspace(heights[0], heights[-1], 512)
    fine_angle = np.linspace(0, 2 * np.pi, 257)
    around = CubicSpline(angles, np.c_[rings, rings[:, :1]], axis=1, bc_type="periodic")(fine_angle)
    table = PchipInterpolator(heights, around, axis=0)(fine_y).astype(np.float32)
    middle = PchipInterpolator(heights, centres, axis=0)(fine_y).astype(np.float32)

    def field(p: np.ndarray) -> np.ndarray:
        row = np.clip((p[1] - heights[0]) / (heights[-1] - heights[0]) * 511, 0, 511 - 1e-3)
        low, part = row.astype(np.int32), (row - np.floor(row)).astype(np.float32)
        x = p[0] - (middle[low, 0] * (1 - part) + middle[low + 1, 0] * part)
        z = p[2] - (middle[low, 1] * (1 - part) + middle[low + 1, 1] * part)
        column = (np.arctan2(z, x) % (2 * np.pi)) / (2 * np.pi) * 256
        left = np.minimum(column.astype(np.int32), 255)
        share = (column - left).astype(np.float32)
        upper = table[low, left] * (1 - share) + table[low, left + 1] * share
        lower = table[low + 1, left] * (1 - share) + table[low + 1, left + 1] * share
        side = np.sqrt(x * x + z * z) - (upper * (1 - part) + lower * part)
        end = np.maximum(p[1] - heights[-1], heights[0] - p[1])
        return _round_maximum(side, end, rounding)

    return field


def _round_maximum(a: np.ndarray, b: np.ndarray, rounding: float) -> np.ndarray:
    """The meeting of two sides with a rounded edge."""
    outside = np.sqrt(np.maximum(a + rounding, 0) ** 2 + np.maximum(b + rounding, 0) ** 2)
    return outside + np.minimum(np.maximum(a, b) + rounding, 0) - rounding


def smooth_loop(points: Sequence[Point], steps: int = 8) -> np.ndarray:
    """A closed smooth curve through points of the plane, as an (n, 2) polygon."""
    knots = np.asarray([*points, points[0]], dtype=float)
    path = np.concatenate([[0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(knots, axis=0), axis=1)))])
    return CubicSpline(path, knots, bc_type="periodic")(
        np.concatenate([np.linspace(a, b, steps, endpoint=False) for a, b in pairwise(path)])
    )


def polygon_distance(u: np.ndarray, v: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Signed distance of points of the plane to a closed polygon."""
    corners = polygon.astype(np.float32)
    best = np.full(u.shape, 1e6, dtype=np.float32)
    sign = np.ones(u.shape, dtype=np.float32)
    for (au, av), (bu, bv) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        eu, ev, qu, qv = bu - au, bv - av, u - au, v - av
        t = np.clip((qu * eu + qv * ev) / (eu * eu + ev * ev), 0, 1)
        best = np.minimum(best, (qu - eu * t) ** 2 + (qv - ev * t) ** 2)
        if ev != 0:
            crosses = ((v >= av) != (v >= bv)) & ((eu * qv - ev * qu) * np.sign(ev) > 0)
            sign = np.where(crosses, -sign, sign)
    return sign * np.sqrt(best)


def profile_distance(polygon: np.ndarray, step: float = 0.05, margin: float = 4.0) -> Callable:
    """The same as a table: a function of (u, v), quick for many points."""
    low, high = polygon.min(axis=0) - margin, polygon.max(axis=0) + margin
    count = np.ceil((high - low) / step).astype(int) + 1
    grid = np.meshgrid(*(low[i] + step * np.arange(count[i]) for i in (0, 1)), indexing="ij")
    table = polygon_distance(*(each.astype(np.float32) for each in grid), polygon)

    def look_up(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        a = np.clip((u - low[0]) / step, 0, count[0] - 1.001)
        b = np.clip((v - low[1]) / step, 0, count[1] - 1.001)
        i, j = a.astype(np.int32), b.astype(np.int32)
        fa, fb = (a - i).astype(np.float32), (b - j).astype(np.float32)
        near = table[i, j] * (1 - fb) + table[i, j + 1] * fb
        far = table[i + 1, j] * (1 - fb) + table[i + 1, j + 1] * fb
        return near * (1 - fa) + far * fa

    return look_up


def plate(outline: Sequence[Point], inside: Sequence[Point], thickness: float, rim: float) -> Field:
    """A curved sheet of bone: a cubic surface through all the points, cut along the outline.

    Parameters
    ----------
    outline : points of the edge, in order.
    inside : further points the sheet passes.
    thickness : half thickness in the middle.
    rim : half thickness at the edge.
    """
    edge, every = np.asarray(outline, dtype=float), np.asarray([*outline, *inside], dtype=float)
    centre = every.mean(axis=0)
    axes = np.linalg.svd(every - centre)[2].astype(np.float32)
    flat = (every - centre) @ axes.T

    def terms(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v, u**3 / 9, u * u * v / 9, u * v * v / 9, v**3 / 9])

    a = terms(flat[:, 0], flat[:, 1])
    shape = np.linalg.solve(a @ a.T + 0.02 * np.eye(10), a @ flat[:, 2]).astype(np.float32)
    cut = profile_distance(smooth_loop((edge - centre) @ axes.T[:, :2]), step=0.1)
    slope = 0.25

    def field(p: np.ndarray) -> np.ndarray:
        q = axes @ (p - _column(centre))
        border = cut(q[0], q[1])
        half = thickness + (rim - thickness) * np.exp(-((border / 1.1) ** 2))
        reach = np.clip(q[:2], -9, 9)
        sheet = (np.abs(q[2] - np.tensordot(shape, terms(reach[0], reach[1]), 1)) - half) / np.sqrt(1 + slope)
        return _round_maximum(sheet, border, rim * 0.9)

    return field


def union(*fields: Field) -> Field:
    """Shapes together, with sharp seams."""
    return lambda p: np.minimum.reduce([field(p) for field in fields])


def smooth_union(blend: float, *fields: Field) -> Field:
    """Shapes together, with seams filled over about `blend`."""

    def field(p: np.ndarray) -> np.ndarray:
        value = fields[0](p)
        for other in fields[1:]:
            value = _smooth_minimum(value, other(p), blend)
        return value

    return field


def smooth_intersect(blend: float, *fields: Field) -> Field:
    """What all shapes share, with rounded edges."""

    def field(p: np.ndarray) -> np.ndarray:
        value = -fields[0](p)
        for other in fields[1:]:
            value = _smooth_minimum(value, -other(p), blend)
        return -value

    return field


def smooth_subtract(blend: float, body: Field, *cuts: Field) -> Field:
    """A body without the cuts, with rounded edges."""

    def field(p: np.ndarray) -> np.ndarray:
        value = -body(p)
        for cut in cuts:
            value = _smooth_minimum(value, cut(p), blend)
        return -value

    return field


def grown(field: Field, by: float) -> Field:
    """The shape with its surface moved outwards (in, if negative)."""
    return lambda p: field(p) - by


def _smooth_minimum(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    h = np.maximum(blend - np.abs(a - b), 0) / blend
    return np.minimum(a, b) - h * h * blend / 4
