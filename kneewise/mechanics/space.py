"""Rotations and points in three dimensions, for numbers and for symbols.

A matrix is nine numbers row by row; a point is three. Rotations are right-handed and act on columns: `turn(R, p)`.
"""

from __future__ import annotations

from kneewise.mechanics.graph import Number, cos, sin, sqrt

Matrix = tuple[Number, ...]
Point = tuple[Number, Number, Number]


def about_x(angle_rad: Number) -> Matrix:
    """Tips the top forwards by this angle."""
    c, s = cos(angle_rad), sin(angle_rad)
    return (1.0, 0.0, 0.0, 0.0, c, -s, 0.0, s, c)


def about_y(angle_rad: Number) -> Matrix:
    """Turns the front outwards (left leg) by this angle."""
    c, s = cos(angle_rad), sin(angle_rad)
    return (c, 0.0, s, 0.0, 1.0, 0.0, -s, 0.0, c)


def about_z(angle_rad: Number) -> Matrix:
    """Tips the top inwards (left leg) by this angle."""
    c, s = cos(angle_rad), sin(angle_rad)
    return (c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0)


def after(*matrices: Matrix) -> Matrix:
    """The product of rotations; the last one acts first."""
    product = matrices[0]
    for right in matrices[1:]:
        product = tuple(
            product[3 * row] * right[column]
            + product[3 * row + 1] * right[3 + column]
            + product[3 * row + 2] * right[6 + column]
            for row in range(3)
            for column in range(3)
        )
    return product


def back(matrix: Matrix) -> Matrix:
    """The rotation that undoes this one."""
    return tuple(matrix[3 * column + row] for row in range(3) for column in range(3))


def turn(matrix: Matrix, point: Point) -> Point:
    """The point after the rotation."""
    return tuple(
        matrix[3 * row] * point[0] + matrix[3 * row + 1] * point[1] + matrix[3 * row + 2] * point[2] for row in range(3)
    )


def plus(*points: Point) -> Point:
    """The sum of points."""
    return tuple(sum(each[1:], start=each[0]) for each in zip(*points, strict=True))


def minus(a: Point, b: Point) -> Point:
    """From `b` to `a`."""
    return tuple(x - y for x, y in zip(a, b, strict=True))


def length(point: Point) -> Number:
    """How far the point is from the origin."""
    return sqrt(point[0] * point[0] + point[1] * point[1] + point[2] * point[2])
