"""The left leg's bones, each in the frame of its part (centimetres; +x lateral, +y up, +z front).

The numbers are proportions of a typical adult drawn by eye from the landmarks the pose uses: an illustration,
not a measurement of anybody. `PARTS` says what is baked and with how many triangles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kneewise.leg.shapes.fields import (
    Field,
    Point,
    ellipsoid,
    grown,
    half_space,
    loft,
    plate,
    profile_distance,
    rotation,
    rounded_box,
    smooth_intersect,
    smooth_loop,
    smooth_subtract,
    smooth_union,
    sphere,
    tube,
    union,
)


@dataclass(frozen=True)
class Piece:
    """One closed surface of a part.

    `spacing` is the grid's step in cm, `triangles` the aim of the decimation. `detail` gives a height y its weight:
    where it is 2, the grid and the triangles are about half as large.
    """

    field: Field
    low: Point
    high: Point
    spacing: float
    triangles: int
    detail: Callable[[np.ndarray], np.ndarray] = field(default=np.ones_like)


@dataclass(frozen=True)
class Part:
    """A named part, the frame it moves with, and its surfaces."""

    name: str
    frame: str
    pieces: Sequence[Piece]


# --- pelvis and trunk -------------------------------------------------------------------------------------------

MIDLINE_X = -8.8


def _pelvis() -> Field:
    wing = plate(
        outline=[
            (3.0, 8.5, 4.5), (3.3, 10.6, 3.2), (2.9, 12.4, 1.0), (2.0, 13.0, -1.0), (0.2, 12.8, -3.4), (-2.4, 11.4, -5.6),
            (-5.0, 9.2, -7.0), (-5.4, 7.4, -7.2), (-4.9, 5.6, -6.6), (-3.0, 4.6, -4.6), (-2.0, 2.6, -3.4), (-1.0, 1.0, -2.2),
            (0.4, 1.0, 1.0), (1.0, 2.2, 2.8), (1.5, 4.0, 3.7), (1.9, 5.8, 3.6), (2.6, 7.4, 4.1),
        ],
        inside=[(0.3, 5.5, 0.6), (0.5, 8.5, -0.6), (-1.9, 8.0, -3.4), (1.6, 9.0, 2.0), (-0.9, 5.4, -2.4)],
        thickness=0.28,
        rim=0.52,
    )  # fmt: skip
    crest = tube(
        [(2.9, 8.6, 4.4), (3.2, 10.5, 3.2), (2.8, 12.2, 1.0), (1.8, 12.8, -1.0), (0.0, 12.5, -3.4), (-2.4, 11.2, -5.6), (-5.0, 9.0, -7.0)],
        [0.62, 0.55, 0.62, 0.6, 0.55, 0.55, 0.75],
    )  # fmt: skip
    column = tube([(1.4, 4.0, 3.2), (0.6, 3.6, 1.0), (-1.2, 4.2, -2.2), (-4.4, 7.4, -6.4)], [0.75, 1.2, 1.1, 0.9])
    socket = smooth_union(
        1.0, sphere((0, 0, 0), 3.45), ellipsoid((-1.3, 1.6, -1.0), (2.2, 2.6, 2.6)), ellipsoid((-1.3, -1.4, -1.6), (1.8, 2.4, 1.9))
    )  # fmt: skip
    ischium = tube(
        [(-1.2, -0.8, -2.2), (-1.9, -3.2, -2.9), (-2.5, -4.6, -3.0), (-3.0, -5.2, -2.2)], [1.6, 1.25, 1.35, 0.9]
    )
    spine = tube([(-1.8, -0.6, -3.0), (-3.9, -1.2, -4.1)], [1.0, 0.3])
    upper_ramus = tube(
        [(-1.4, 0.2, 2.0), (-3.6, 0.7, 3.4), (-6.0, 0.3, 4.0), (-8.2, -0.7, 3.7)], [1.5, 0.95, 0.75, 0.85]
    )
    lower_ramus = tube(
        [(-8.2, -2.2, 3.2), (-7.4, -3.8, 2.2), (-5.6, -5.2, 0.2), (-3.2, -5.4, -2.0)], [0.8, 0.62, 0.6, 0.95]
    )
    body = ellipsoid((-8.6, -1.5, 3.4), (1.0, 1.9, 0.9))
    bone = smooth_union(1.2, smooth_union(1.0, wing, crest, column), socket, ischium)
    bone = smooth_union(0.8, bone, spine, upper_ramus, lower_ramus, body)
    opening = np.array([0.80, -0.46, 0.38])
    cup = union(
        sphere((0, 0, 0), 2.7),
        smooth_intersect(0.3, half_space(-opening, -0.75), sphere(tuple(2.2 * opening), 4.0)),
        tube([(0.6, -1.2, 0.5), (-0.2, -3.6, 1.6)], [1.0, 1.0]),
    )
    hip_bone = smooth_subtract(0.35, bone, cup)
    return smooth_intersect(0.05, union(hip_bone, _sacrum()), half_space((-1, 0, 0), -MIDLINE_X))


def _sacrum() -> Field:
    body = tube(
        [(-8.8, 9.6, -5.0), (-8.8, 7.6, -6.1), (-8.8, 5.0, -7.5), (-8.8, 2.4, -8.0), (-8.8, 0.4, -7.4), (-8.8, -0.9, -6.4)],
        [(2.7, 1.5), (3.2, 1.3), (2.7, 1.0), (1.9, 0.75), (0.9, 0.5), (0.5, 0.35)],
        across=(1, 0, 0),
    )  # fmt: skip
    wing = tube([(-7.4, 9.1, -5.5), (-4.9, 8.5, -6.0)], [1.5, 1.5])
    lower_wing = tube([(-7.0, 6.6, -6.9), (-4.9, 6.6, -6.5)], [1.3, 1.2])
    ridge = tube([(-8.8, 9.2, -7.2), (-8.8, 6.6, -8.4), (-8.8, 3.8, -9.0)], [0.5, 0.6, 0.4])
    holes = [
        tube([(x, y, z + 1.6), (x + 0.1, y, z + 0.1)], [0.4, 0.3])
        for x, y, z in ((-6.9, 8.0, -6.0), (-7.0, 6.3, -6.8), (-7.2, 4.7, -7.4), (-7.45, 3.2, -7.8))
    ]
    top = half_space((0, 0.86, 0.5), 6.4)
    whole = smooth_intersect(0.3, smooth_union(0.8, body, wing, lower_wing, ridge), top)
    return smooth_subtract(0.25, whole, *holes)


def _vertebra() -> Field:
    outline = [
        (2.5, -0.1),
        (1.95, 1.25),
        (0.0, 1.75),
        (-1.95, 1.25),
        (-2.5, -0.1),
        (-1.5, -1.4),
        (0, -1.15),
        (1.5, -1.4),
    ]
    cut = profile_distance(smooth_loop(outline), step=0.1)

    def body(p: np.ndarray) -> np.ndarray:
        waist = 0.34 * np.clip(1 - (p[1] / 1.3) ** 2, 0, 1)
        side, end = cut(p[0], p[2]) + waist, np.abs(p[1]) - 1.32
        outside = np.sqrt(np.maximum(side + 0.25, 0) ** 2 + np.maximum(end + 0.25, 0) ** 2)
        return outside + np.minimum(np.maximum(side, end) + 0.25, 0) - 0.25

    arch = []
    for side in (1, -1):
        arch += [
            tube([(side * 1.2, 0.4, -0.9), (side * 1.35, 0.3, -2.2)], [(0.4, 0.65), (0.42, 0.65)], across=(1, 0, 0)),
            tube([(side * 1.35, 0.3, -2.2), (side * 0.2, -0.3, -3.3)], [(0.3, 0.75), (0.32, 0.85)], across=(1, 0, 1)),
            tube([(side * 1.3, 0.4, -2.0), (side * 3.9, 0.7, -2.4)], [(0.4, 0.3), (0.28, 0.18)], across=(0, 1, 0)),
            tube([(side * 1.45, 1.4, -2.2), (side * 1.4, 0.2, -2.4), (side * 1.2, -1.5, -2.7)], [0.42, 0.5, 0.4]),
        ]
    spine = rounded_box((0, -0.55, -4.2), (0.26, 0.85, 1.35), 0.24, rotation(-8))
    return smooth_union(0.35, body, *arch, spine)


# Height, depth and tilt of L5, L4, L3, L2 above the sacrum.
VERTEBRAE = ((1.85, 0.45, 14), (5.2, 0.95, 5), (8.6, 1.05, -3), (11.9, 0.7, -8))


def _trunk() -> list[Piece]:
    one = _vertebra()
    pieces = []
    for height, depth, tilt in VERTEBRAE:
        turn, at = rotation(tilt), np.array([[0], [height], [depth]], dtype=np.float32)
        pieces.append(
            Piece(
                lambda p, turn=turn, at=at: one(turn.T @ (p - at)),
                (-4.6, height - 3.6, depth - 6.4),
                (4.6, height + 3.0, depth + 2.4),
                0.16,
                560,
            )
        )
    return pieces


# --- femur ------------------------------------------------------------------------------------------------------


def _distal_femur() -> Field:
    """Both condyles with the groove: one side profile, moved inwards across the width like a saddle."""
    profile = profile_distance(
        smooth_loop(
            [(1.5, 4.8), (2.05, 3.7), (2.9, 2.75), (3.42, 1.45), (3.36, 0.1), (2.8, -0.95), (1.8, -1.65), (0.65, -1.97),
             (-0.5, -2.02), (-1.45, -1.75), (-2.2, -1.05), (-2.52, 0.0), (-2.4, 1.1), (-1.9, 1.95), (-1.25, 2.7), (-0.9, 3.8), (-0.9, 4.8), (0.3, 5.2)]
        )
    )  # fmt: skip

    def field(p: np.ndarray) -> np.ndarray:
        x, y, z = p
        front = _smooth_step((z + 0.3 * y - 0.6) / 2.0)
        lateral = (0.165 + 0.05 * (1 - front)) * (x - 2.3) ** 2 + 0.1 * (1 - front)
        medial = 0.34 * front + (0.12 + 0.09 * (1 - front)) * (x + 2.35) ** 2
        h = np.maximum(0.35 - np.abs(lateral - medial), 0) / 0.35
        saddle = np.minimum(lateral, medial) - h * h * 0.35 / 4
        saddle = saddle * (1 - 0.75 * _smooth_step((y - 2.4) / 2.2) * front)
        rise = profile(z, y) + saddle
        half = 3.82 - 0.045 * ((z + 0.2) ** 2 + (y - 0.3) ** 2) - 0.35 * np.maximum(y - 1.2, 0)
        side = np.abs(x - 0.05) - half
        edge = 0.8 + 0.5 * _smooth_step(-z / 1.5)
        outside = np.sqrt(np.maximum(rise + edge, 0) ** 2 + np.maximum(side + edge, 0) ** 2)
        return 0.85 * (outside + np.minimum(np.maximum(rise, side) + edge, 0) - edge)

    return field


def _smooth_step(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _femur() -> Field:
    shaft = loft(
        [
            (1.5, (0.1, 0.0), (2.6, 2.2, 1.6, 2.2, 2.6, 2.0, 1.4, 2.0)),
            (4.5, (0.3, 0.25), (2.45, 2.0, 1.45, 1.95, 2.6, 1.9, 1.3, 1.85)),
            (7.0, (0.7, 0.4), (1.85, 1.6, 1.38, 1.55, 1.85, 1.6, 1.25, 1.55)),
            (10.5, (1.3, 0.6), (1.5, 1.42, 1.32, 1.4, 1.45, 1.42, 1.35, 1.42)),
            (18.0, (2.5, 0.75), (1.33, 1.32, 1.28, 1.28, 1.28, 1.32, 1.58, 1.34)),
            (28.0, (3.65, 0.0), (1.38, 1.34, 1.28, 1.3, 1.34, 1.38, 1.62, 1.4)),
            (35.0, (4.2, -0.85), (1.6, 1.5, 1.4, 1.45, 1.6, 1.55, 1.58, 1.58)),
            (39.0, (4.5, -1.2), (1.95, 1.7, 1.5, 1.5, 1.75, 1.7, 1.6, 1.8)),
            (41.0, (5.0, -1.4), (1.5, 1.4, 1.3, 1.3, 1.4, 1.4, 1.4, 1.5)),
        ],
        rounding=0.6,
    )
    neck = tube([(4.4, 39.7, -1.2), (2.2, 41.4, -0.6), (0.4, 42.7, -0.1)], [2.0, 1.5, 1.6])
    greater = tube([(5.0, 38.0, -1.25), (5.75, 40.4, -1.5), (6.2, 41.8, -1.8)], [1.75, 1.5, 0.85])
    lesser = ellipsoid((2.9, 35.6, -2.1), (0.8, 1.2, 0.9), rotation(0, 0, -20))
    crest = tube([(5.5, 41.0, -2.5), (4.4, 38.4, -2.5), (3.2, 36.2, -2.2)], [0.6, 0.55, 0.6])
    proximal = smooth_union(1.0, smooth_union(1.5, shaft, neck, greater), lesser, crest)
    head = smooth_subtract(0.3, sphere((0, 43, 0), 2.4), sphere((-2.35, 43.3, -0.4), 0.42))
    bumps = [
        ellipsoid((3.3, 0.5, -0.3), (0.68, 0.95, 0.9)),
        ellipsoid((-3.35, 0.6, -0.3), (0.65, 0.95, 0.9)),
        ellipsoid((-2.95, 2.0, -0.5), (0.5, 0.8, 0.6)),
    ]
    distal = smooth_union(0.9, smooth_union(1.6, shaft, _distal_femur()), *bumps)
    notch = rounded_box((0.0, -1.3, -2.3), (1.0, 2.2, 3.0), 0.95, rotation(18))

    whole = smooth_union(0.7, proximal, head)
    lower = smooth_subtract(0.5, distal, notch)

    def field(p: np.ndarray) -> np.ndarray:
        # The shaft is in both halves, so the change at mid-shaft is unseen, and each point costs only its own half.
        above = p[1] > 20
        value = np.empty(p.shape[1], dtype=np.float32)
        for half, shape in ((above, whole), (~above, lower)):
            if half.any():
                value[half] = shape(p[:, half])
        return value

    return field


def _femoral_cartilage(femur: Field) -> Field:
    def region(p: np.ndarray) -> np.ndarray:
        x, y, z = p
        upper = y - (2.5 + 0.15 * x - 0.06 * x * x + 0.2 * np.minimum(z, 2))
        side = np.abs(x - 0.1) - (3.5 - 0.13 * np.maximum(z, 0))
        hole = -(rounded_box((0.0, -1.3, -2.3), (1.2, 2.45, 3.2), 0.95, rotation(18))(p))
        # Only the rolling rim of the condyles: not the walls with the epicondyles.
        behind = 1.6 * (1 - np.sqrt(((z + 0.1) / 2.0) ** 2 + ((y - 0.75) / 1.75) ** 2))
        rear = np.minimum(1.25 + 0.95 * np.maximum(y - 1, 0) - z, y - 0.95)
        return np.maximum.reduce([upper, side, hole, behind, rear])

    return smooth_intersect(0.15, lambda p: np.abs(femur(p) + 0.12) - 0.25, region)


# --- patella, tibia, fibula, menisci ----------------------------------------------------------------------------


def _patella() -> Field:
    outline = profile_distance(
        smooth_loop([(0.0, 1.98), (1.1, 1.85), (1.95, 1.15), (2.2, 0.2), (1.75, -0.75), (0.8, -1.65), (0.05, -2.1),
                     (-0.75, -1.65), (-1.7, -0.8), (-2.15, 0.2), (-1.85, 1.2), (-1.05, 1.88)]),
        step=0.04,
    )  # fmt: skip

    def field(p: np.ndarray) -> np.ndarray:
        x, y, z = p
        front = z - (1.08 - 0.15 * x**2 - 0.09 * (y - 0.1) ** 2)
        lateral = 0.30 * (x + 0.35)
        medial = -0.46 * (x + 0.35)
        h = np.maximum(0.3 - np.abs(lateral - medial), 0) / 0.3
        facets = np.maximum(lateral, medial) + h * h * 0.3 / 4
        apex = 0.75 * _smooth_step((-0.7 - y) / 1.3)
        back = -z - 1.1 + facets + apex + 0.03 * (y - 0.4) ** 2
        sides = outline(x, y)
        value = sides
        for other, blend in ((front, 0.9), (back, 0.45)):
            h = np.maximum(blend - np.abs(value - other), 0) / blend
            value = np.maximum(value, other) + h * h * blend / 4
        return value

    return field


def _patellar_cartilage(patella: Field) -> Field:
    def region(p: np.ndarray) -> np.ndarray:
        return np.maximum(np.sqrt((p[0] / 1.85) ** 2 + ((p[1] - 0.45) / 1.3) ** 2) - 1, p[2] + 0.05)

    return smooth_intersect(0.15, lambda p: np.abs(patella(p) + 0.08) - 0.2, region)


def _tibia() -> Field:
    shaft = loft(
        [
            (-2.1, (0, -0.2), (3.5, 3.2, 2.5, 2.05, 2.5, 3.2, 3.6, 3.3, 2.85, 1.95, 2.8, 3.25)),
            (-2.9, (0, -0.2), (3.68, 3.35, 2.65, 2.25, 2.6, 3.35, 3.7, 3.4, 2.9, 2.0, 2.85, 3.4)),
            (-4.2, (0, -0.2), (3.2, 3.0, 2.65, 2.5, 2.5, 3.0, 3.3, 2.95, 2.45, 1.85, 2.5, 3.1)),
            (-5.8, (0.05, -0.1), (2.4, 2.4, 2.5, 2.45, 2.15, 2.35, 2.55, 2.25, 1.95, 1.7, 1.95, 2.25)),
            (-8.5, (0.1, 0.0), (1.65, 1.72, 2.1, 2.05, 1.62, 1.7, 1.82, 1.65, 1.55, 1.5, 1.58, 1.6)),
            (-14, (0.05, 0.05), (1.25, 1.3, 1.82, 1.7, 1.28, 1.34, 1.58, 1.45, 1.32, 1.36, 1.4, 1.3)),
            (-24, (0.0, 0.05), (1.05, 1.1, 1.52, 1.48, 1.12, 1.18, 1.35, 1.2, 1.1, 1.15, 1.18, 1.08)),
            (-31, (-0.1, 0.0), (1.12, 1.12, 1.22, 1.22, 1.14, 1.2, 1.28, 1.2, 1.14, 1.14, 1.14, 1.14)),
            (-35.5, (-0.1, 0.0), (1.55, 1.48, 1.45, 1.42, 1.48, 1.6, 1.68, 1.58, 1.48, 1.45, 1.48, 1.52)),
            (-37.4, (-0.1, 0.0), (1.95, 1.9, 1.8, 1.72, 1.85, 2.05, 2.15, 2.0, 1.85, 1.75, 1.82, 1.9)),
            (-38.45, (-0.1, 0.0), (1.85, 1.85, 1.8, 1.75, 1.85, 2.05, 2.15, 2.0, 1.85, 1.75, 1.8, 1.85)),
        ],
        rounding=0.45,
    )
    tubercle = tube([(0.9, -4.3, 2.0), (1.05, -5.5, 2.45), (0.85, -8.2, 1.6)], [0.5, 0.64, 0.4])
    malleolus = tube([(-1.9, -37.0, 0.15), (-2.2, -38.9, 0.2), (-2.35, -39.75, 0.2)], [0.85, 0.75, 0.5])
    spines = [
        tube([(-0.5, -2.6, -0.35), (-0.42, -1.95, -0.25)], [0.6, 0.2]),
        tube([(0.55, -2.6, -0.35), (0.48, -2.0, -0.35)], [0.6, 0.2]),
    ]
    hollows = [ellipsoid((-2.2, -0.25, -0.1), (2.4, 2.05, 3.2)), ellipsoid((2.2, -0.2, -0.2), (2.3, 2.05, 3.2))]
    body = smooth_union(0.9, smooth_union(0.75, shaft, tubercle), malleolus)
    body = smooth_union(0.5, smooth_subtract(0.3, body, *hollows), *spines)
    dome = tube([(-3.0, -39.9, 0.1), (4.0, -39.9, 0.1)], [2.02, 2.02])
    mortise = smooth_intersect(0.25, dome, half_space((-1, -0.06, 0), 3.98))
    return smooth_subtract(0.35, body, mortise, grown(_fibula(), 0.1))


def _fibula() -> Field:
    shaft = tube(
        [(3.7, -4.7, -1.6), (3.45, -7.5, -1.7), (3.2, -15, -1.75), (3.05, -27, -1.6), (2.65, -34.0, -1.2), (2.4, -37.5, -0.95), (2.45, -40.2, -0.95)],
        [0.85, 0.48, 0.5, 0.5, 0.52, 0.68, 0.5],
    )  # fmt: skip
    head = ellipsoid((3.75, -4.5, -1.6), (0.9, 0.95, 1.0))
    tip = tube([(3.95, -4.2, -1.9), (4.0, -3.75, -2.0)], [0.5, 0.25])
    malleolus = tube(
        [(2.45, -35.6, -1.0), (2.42, -38.9, -0.9), (2.6, -40.75, -1.1)],
        [(0.42, 0.5), (0.64, 1.0), (0.42, 0.6)],
        across=(1, 0, 0),
    )
    return smooth_union(0.8, shaft, head, tip, malleolus)


def _menisci(femur: Field, tibia: Field) -> list[Field]:
    inner = tube(
        [(-0.5, -1.85, 1.6), (-1.8, -1.85, 1.75), (-2.95, -1.85, 0.75), (-3.15, -1.85, -0.7), (-2.4, -1.85, -1.95), (-1.0, -1.85, -1.85)],
        [(0.3, 0.4), (0.4, 0.5), (0.45, 0.52), (0.5, 0.55), (0.5, 0.6), (0.32, 0.45)],
        across=(0, 1, 0),
    )  # fmt: skip
    outer = tube(
        [(0.8, -1.85, 1.1), (1.8, -1.85, 1.6), (2.95, -1.85, 0.8), (3.12, -1.85, -0.4), (2.5, -1.85, -1.65), (1.4, -1.85, -1.75), (0.75, -1.85, -1.1)],
        [(0.3, 0.42), (0.42, 0.52), (0.46, 0.55), (0.46, 0.55), (0.46, 0.58), (0.4, 0.5), (0.3, 0.4)],
        across=(0, 1, 0),
    )  # fmt: skip

    def wedge(ring: Field) -> Field:
        """The part of a ring that fits between the two bones."""

        return smooth_intersect(0.1, ring, lambda p: 0.19 - femur(p), lambda p: 0.02 - tibia(p))

    return [wedge(inner), wedge(outer)]


# --- foot -------------------------------------------------------------------------------------------------------


def _long_bone(
    base: Point, head: Point, base_radii: Point, middle: float, head_radius: float, drop: float = 0.0
) -> Field:
    a, b = np.asarray(base, dtype=float), np.asarray(head, dtype=float)
    run = b - a
    way = run / np.linalg.norm(run)
    shaft = tube(
        [a, a + run * 0.3 + (0, drop, 0), a + run * 0.7 + (0, drop, 0), b],
        [min(base_radii[:2]) * 0.85, middle, middle, head_radius * 0.8],
    )
    forward = np.degrees(np.arctan2(way[0], way[2]))
    down = np.degrees(np.arcsin(-way[1]))
    block = rounded_box(a, base_radii, min(base_radii) * 0.6, rotation(0, forward, 0) @ rotation(down))
    ball = ellipsoid(b, (head_radius * 0.92, head_radius, head_radius * 0.95))
    return smooth_union(0.5, shaft, block, ball)


def _short_bone(centre: Point, half: Point, turn: np.ndarray) -> Field:
    """A short bone: between a box and an ellipsoid, so that no face is flat."""
    box, ball = (
        rounded_box(centre, half, min(half) * 0.6, turn),
        ellipsoid(centre, [1.25 * each for each in half], turn),
    )
    return smooth_intersect(0.4, box, ball)


def _tarsus() -> list[tuple[Field, int]]:
    dome = smooth_intersect(
        0.5,
        tube([(-3, -0.9, 0.1), (3, -0.9, 0.1)], [1.9, 1.9]),
        half_space((1, 0.12, -0.09), 1.6),
        half_space((-1, 0.10, -0.07), 1.55),
        half_space((0, -1, 0.15), 2.2),
    )
    talus = smooth_union(
        0.7,
        dome,
        ellipsoid((0.1, -1.8, -0.5), (1.55, 1.0, 1.95)),
        tube([(1.0, -1.5, 0.3), (1.75, -2.3, 0.4)], [0.8, 0.4]),
        ellipsoid((-0.1, -1.9, -2.0), (0.75, 0.5, 0.6)),
        tube([(-0.5, -1.7, 1.2), (-1.4, -2.5, 2.6)], [1.15, 1.0]),
        ellipsoid((-1.75, -2.85, 2.95), (1.35, 1.15, 0.95), rotation(20, -25)),
    )
    talus = smooth_subtract(0.4, talus, ellipsoid((0.5, -3.75, 0.5), (1.3, 1.0, 1.9), rotation(25)))
    calcaneus = smooth_union(
        0.9,
        tube(
            [(-0.1, -5.5, -3.7), (0.1, -4.9, -1.4), (0.8, -4.7, 1.2), (1.55, -4.9, 3.1)],
            [(1.25, 1.85), (1.15, 1.5), (1.2, 1.35), (1.15, 1.15)],
            across=(1, 0, 0),
        ),
        ellipsoid((-0.1, -5.6, -3.9), (1.4, 2.0, 1.25), rotation(-14)),
        ellipsoid((-0.6, -7.1, -3.4), (0.7, 0.5, 0.9)),
        tube([(0.3, -4.4, -0.8), (0.5, -3.2, 0.2)], [1.25, 1.05]),
        tube([(0.0, -4.1, 1.0), (-1.6, -3.45, 1.3)], [0.9, 0.75]),
    )
    calcaneus = smooth_subtract(0.2, calcaneus, grown(talus, 0.09))
    navicular = smooth_subtract(
        0.15,
        smooth_union(
            0.5,
            rounded_box((-1.75, -3.8, 4.35), (1.85, 1.25, 0.95), 0.75, rotation(14, -12, 12)),
            ellipsoid((-3.4, -4.4, 4.1), (0.7, 0.75, 0.8)),
        ),
        grown(talus, 0.09),
        half_space((0, 0.2, -1), -5.95),
    )
    cuboid = smooth_subtract(
        0.15,
        _short_bone((1.85, -5.1, 4.95), (1.3, 1.1, 1.65), rotation(8, 10, -14)),
        grown(calcaneus, 0.09),
    )
    wedges = [
        (_short_bone((-2.85, -4.75, 6.25), (0.82, 1.25, 1.3), rotation(12, -4, 8)), 150),
        (_short_bone((-1.35, -4.1, 6.05), (0.76, 0.92, 1.05), rotation(14, 0, -4)), 110),
        (_short_bone((0.1, -4.35, 6.2), (0.78, 0.98, 1.25), rotation(12, 4, -14)), 110),
    ]
    wedges = [
        (smooth_subtract(0.12, wedge, grown(navicular, 0.08), grown(cuboid, 0.08)), count) for wedge, count in wedges
    ]
    return [(talus, 760), (calcaneus, 820), (navicular, 300), (cuboid, 300), *wedges]


def _forefoot() -> list[tuple[Field, int]]:
    rays = (
        # base of the metatarsal, its head, size of the base, shaft, head radius
        ((-3.0, -5.1, 7.95), (-3.2, -6.85, 13.1), (0.85, 1.15, 0.6), 0.58, 1.0),
        ((-1.4, -4.4, 7.45), (-1.2, -7.0, 14.0), (0.66, 0.8, 0.55), 0.42, 0.7),
        ((0.1, -4.75, 7.75), (0.55, -7.1, 13.5), (0.64, 0.75, 0.52), 0.4, 0.67),
        ((1.5, -5.2, 7.05), (2.15, -7.15, 12.6), (0.66, 0.7, 0.55), 0.4, 0.66),
        ((2.8, -5.7, 6.85), (3.6, -7.2, 11.5), (0.7, 0.62, 0.6), 0.42, 0.64),
    )
    bones: list[tuple[Field, int]] = []
    for index, (base, head, size, shaft, ball) in enumerate(rays):
        bone = _long_bone(base, head, size, shaft, ball, drop=0.28)
        if index == 0:
            bone = smooth_union(0.2, bone, ellipsoid((-3.65, -7.55, 12.9), (0.34, 0.32, 0.5)),
                                ellipsoid((-2.85, -7.55, 12.9), (0.34, 0.32, 0.5)))  # fmt: skip
        if index == 4:
            bone = smooth_union(0.5, bone, tube([(3.0, -5.9, 6.6), (3.75, -6.2, 5.6)], [0.6, 0.4]))
        bones.append((bone, 280 if index == 0 else 230))
    toes = (
        [(-3.2, -6.9, 14.35), (-3.1, -6.95, 16.5), (-3.05, -7.15, 17.0), (-2.95, -7.4, 18.7)],
        [(-1.15, -6.95, 14.9), (-1.0, -6.55, 16.5), (-0.95, -6.65, 16.95), (-0.9, -6.95, 17.6), (-0.9, -7.15, 17.95), (-0.9, -7.5, 18.5)],
        [(0.7, -7.05, 14.35), (0.95, -6.65, 15.75), (1.0, -6.75, 16.15), (1.05, -7.05, 16.75), (1.1, -7.2, 17.05), (1.1, -7.5, 17.55)],
        [(2.3, -7.1, 13.4), (2.6, -6.75, 14.65), (2.65, -6.85, 15.05), (2.7, -7.1, 15.55), (2.75, -7.25, 15.85), (2.75, -7.5, 16.3)],
        [(3.85, -7.15, 12.25), (4.1, -6.9, 13.35), (4.1, -7.0, 13.7), (4.1, -7.2, 14.1), (4.1, -7.3, 14.4), (4.05, -7.5, 14.75)],
    )  # fmt: skip
    for index, joints in enumerate(toes):
        big = index == 0
        for number, (a, b) in enumerate(zip(joints[::2], joints[1::2], strict=True)):
            last = number == len(joints) // 2 - 1
            near, far = (0.72, 0.62) if big else (0.44, 0.38)
            if last:
                near, far = (0.62, 0.42) if big else (0.34, 0.26)
            start, end = np.asarray(a), np.asarray(b)
            waist = (start + end) / 2 + (0, 0.06, 0)
            bones.append(
                (
                    smooth_union(
                        0.25,
                        tube([start, waist, end], [near * 0.8, far * (0.72 if not last else 0.9), far * 0.85]),
                        ellipsoid(a, (near, near * 0.85, near * 0.75)),
                        ellipsoid(b, (far, far * (0.7 if last else 0.9), far * 0.85)),
                    ),
                    110 if big else 64,
                )
            )
    return bones


def _foot() -> list[Piece]:
    boxes = [
        ((-3.6, -4.6, -2.8), (2.2, 1.4, 4.6)), ((-2.6, -7.9, -5.6), (3.2, -1.8, 4.8)), ((-4.6, -5.8, 2.6), (1.0, -2.0, 6.2)),
        ((0.2, -6.8, 2.9), (3.8, -3.4, 7.2)), ((-4.3, -6.6, 4.4), (-1.8, -2.9, 8.0)), ((-2.8, -5.4, 4.7), (-0.4, -2.8, 7.4)),
        ((-1.4, -5.8, 4.6), (1.1, -2.9, 7.7)),
    ]  # fmt: skip
    pieces = [
        Piece(field, low, high, 0.13, triangles)
        for (field, triangles), (low, high) in zip(_tarsus(), boxes, strict=True)
    ]
    return pieces + [
        Piece(field, (-4.9, -8.05, 4.8), (4.9, -3.2, 19.3), 0.12 if triangles > 100 else 0.09, triangles)
        for field, triangles in _forefoot()
    ]


# --- all parts --------------------------------------------------------------------------------------------------


def _femur_detail(y: np.ndarray) -> np.ndarray:
    return 0.45 + 1.15 * _smooth_step((7.5 - y) / 3.5) + 0.45 * _smooth_step((y - 32) / 4)


def _tibia_detail(y: np.ndarray) -> np.ndarray:
    return 0.45 + 0.85 * _smooth_step((y + 10) / 4) + 0.75 * _smooth_step((-33 - y) / 3)


def parts() -> list[Part]:
    """Every part in the order it is baked."""
    femur, tibia, patella = _femur(), _tibia(), _patella()
    return [
        Part("pelvis", "pelvis", [Piece(_pelvis(), (-9.3, -7.6, -10.4), (4.6, 14.2, 6.0), 0.17, 3000)]),
        Part("trunk", "trunk", _trunk()),
        Part("femur", "femur", [Piece(femur, (-4.9, -2.8, -4.4), (8.0, 46.2, 4.2), 0.15, 5000, _femur_detail)]),
        Part("patella", "patella", [Piece(patella, (-2.7, -2.6, -1.6), (2.7, 2.5, 1.6), 0.08, 1300)]),
        Part("patella_cartilage", "patella", [Piece(_patellar_cartilage(patella), (-2.5, -1.6, -1.7), (2.5, 2.4, 0.3), 0.07, 500)]),
        Part("tibia", "tibia", [Piece(tibia, (-4.4, -41, -3.5), (4.4, -1.2, 3.8), 0.14, 3200, _tibia_detail)]),
        Part("fibula", "tibia", [Piece(_fibula(), (1.6, -42.2, -3.3), (5.2, -2.9, 0.6), 0.13, 800)]),
        Part("menisci", "tibia", [Piece(each, (-4.6, -2.9, -3.4), (4.6, -0.9, 3.0), 0.07, 480) for each in _menisci(femur, tibia)]),
        Part("cartilage", "femur", [Piece(_femoral_cartilage(femur), (-4.1, -2.6, -4.1), (4.1, 3.6, 3.9), 0.085, 1700)]),
        Part("foot", "foot", _foot()),
    ]  # fmt: skip
