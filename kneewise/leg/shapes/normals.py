"""Smooth normals of a mesh, as the browser computes them."""

from __future__ import annotations

import numpy as np


def corner_normals(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (n, 3); a face counts more where it spans a wide angle, so uneven triangles do not show."""
    result = np.zeros_like(positions)
    for i in range(3):
        a, b, c = (positions[triangles[:, (i + k) % 3]] for k in range(3))
        left, right = b - a, c - a
        weight = (left**2).sum(axis=1) * (right**2).sum(axis=1) + 1e-12
        np.add.at(result, triangles[:, i], np.cross(left, right) / weight[:, None])
    return result / (np.linalg.norm(result, axis=1, keepdims=True) + 1e-12)
