"""The baked file: how meshes become bytes and come back. NumPy only, so that tests can read it anywhere.

A mesh is walked from triangle to triangle over their shared edges. One byte per step says how the next triangle goes
on (a new corner, a corner next to the edge, any other corner); a new corner is stored as what is left after guessing
it by mirroring the triangle behind the edge. Both make bytes that gzip packs well.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

import numpy as np

MAGIC = b"KWL1"
NEW, LEFT, RIGHT, OTHER, HOLE, FRESH = range(6)
OCCLUSION_LEVELS = 63


@dataclass(frozen=True)
class Mesh:
    """A part's surface: positions (n, 3) in cm, triangles (m, 3), occlusion (n,) from 0 (deep) to 1 (open)."""

    name: str
    frame: str
    positions: np.ndarray
    triangles: np.ndarray
    occlusion: np.ndarray


def is_closed(triangles: np.ndarray) -> bool:
    """Whether every edge is used exactly twice, once in each direction."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    keys = edges[:, 0] << 32 | edges[:, 1]
    return len(np.unique(keys)) == len(keys) and np.array_equal(np.sort(keys), np.sort(edges[:, 1] << 32 | edges[:, 0]))


def encode(meshes: list[Mesh], step: float = 0.01) -> bytes:
    """The file's gzip bytes; the same meshes give the same bytes. `step` is the rounding of positions in cm."""
    header, streams = [], {"walk": [], "low": [[], [], []], "high": [[], [], []], "shade": [], "other": []}
    for mesh in meshes:
        if not is_closed(mesh.triangles):
            raise ValueError(f"The part {mesh.name} is not a closed surface.")
        low = mesh.positions.min(axis=0)
        grid = np.round((mesh.positions - low) / step).astype(int)
        if grid.max() >= 1 << 13:
            raise ValueError(f"The part {mesh.name} is too large for its step.")
        shade = np.round(np.clip(mesh.occlusion, 0, 1) * OCCLUSION_LEVELS).astype(int)
        _walk(grid, shade, mesh.triangles, streams)
        header.append(
            {
                "name": mesh.name,
                "frame": mesh.frame,
                "vertices": len(grid),
                "triangles": len(mesh.triangles),
                "low": [round(float(each), 4) for each in low],
                "step": step,
            }
        )
    blocks = [streams["walk"], *streams["low"], *streams["high"], streams["shade"], streams["other"]]
    words = json.dumps({"parts": header, "blocks": [len(each) for each in blocks]}, separators=(",", ":")).encode()
    body = MAGIC + len(words).to_bytes(4, "little") + words + b"".join(bytes(each) for each in blocks)
    return gzip.compress(body, compresslevel=9, mtime=0)


def _walk(grid: np.ndarray, shade: np.ndarray, triangles: np.ndarray, streams: dict) -> None:
    corner_behind = {}
    for a, b, c in triangles.tolist():
        corner_behind |= {(a, b): c, (b, c): a, (c, a): b}
    numbers: dict[int, int] = {}
    order: list[int] = []
    done: set[tuple[int, int]] = set()

    def store(vertex: int, guess: np.ndarray, guessed_shade: int) -> None:
        numbers[vertex] = len(order)
        order.append(vertex)
        for axis, rest in enumerate(grid[vertex] - guess):
            folded = int(2 * rest if rest >= 0 else -2 * rest - 1)
            streams["low"][axis].append(folded & 255)
            streams["high"][axis].append(folded >> 8)
        streams["shade"].append((int(shade[vertex]) - guessed_shade) % 64)

    for first in triangles.tolist():
        if (first[0], first[1]) in done:
            continue
        streams["walk"].append(FRESH)
        for place, vertex in enumerate(first):
            base = order[-1] if order else None
            store(vertex, grid[base] if base is not None else np.zeros(3, int), int(shade[base]) if place else 63)
        gates, after, before = _Gates(done), {}, {}
        _close(first, gates, after, before)
        while gates.stack:
            a, b, behind = gates.stack.pop()
            if (a, b) in done:
                continue
            third = corner_behind.get((a, b))
            if third is None:
                streams["walk"].append(HOLE)
                done.add((a, b))
                continue
            if third not in numbers:
                streams["walk"].append(NEW)
                store(third, grid[a] + grid[b] - grid[behind], (int(shade[a]) + int(shade[b])) // 2)
            elif before.get(a) == third:
                streams["walk"].append(LEFT)
            elif after.get(b) == third:
                streams["walk"].append(RIGHT)
            else:
                streams["walk"].append(OTHER)
                streams["other"] += list(numbers[third].to_bytes(2, "little"))
            _close((a, b, third), gates, after, before)


class _Gates:
    def __init__(self, done: set):
        self.stack: list[tuple[int, int, int]] = []
        self.done = done


def _close(triangle, gates: _Gates, after: dict, before: dict) -> None:
    """Take a triangle's edges as used, and open those whose other side is still to come."""
    a, b, c = triangle
    for start, end, behind in ((a, b, c), (b, c, a), (c, a, b)):
        gates.done.add((start, end))
        if (end, start) not in gates.done:
            gates.stack.append((end, start, behind))
            after[end], before[start] = start, end


def decode(content: bytes) -> list[Mesh]:
    """The meshes in a baked file's bytes."""
    body = gzip.decompress(content)
    if body[:4] != MAGIC:
        raise ValueError("This is not a file of leg shapes.")
    size = int.from_bytes(body[4:8], "little")
    header = json.loads(body[8 : 8 + size])
    blocks, at = [], 8 + size
    for length in header["blocks"]:
        blocks.append(body[at : at + length])
        at += length
    walk, low, high = iter(blocks[0]), blocks[1:4], blocks[4:7]
    shades, other = blocks[7], iter(np.frombuffer(blocks[8], dtype="<u2").tolist())
    read, meshes = 0, []
    for part in header["parts"]:
        grid: list[list[int]] = []
        shade: list[int] = []
        triangles: list[tuple[int, int, int]] = []
        done: set[tuple[int, int]] = set()
        after, before, gates = {}, {}, _Gates(done)
        while gates.stack or len(triangles) < part["triangles"]:
            if gates.stack:
                a, b, behind = gates.stack.pop()
                if (a, b) in done:
                    continue
                word = next(walk)
                if word == HOLE:
                    done.add((a, b))
                    continue
            else:
                word = next(walk)
            corners = (0, 1, 2) if word == FRESH else (2,) if word == NEW else ()
            for place in corners:
                if word == NEW:
                    guess = [i + j - k for i, j, k in zip(grid[a], grid[b], grid[behind], strict=True)]
                    light = (shade[a] + shade[b]) // 2
                else:
                    guess, light = grid[-1] if grid else [0, 0, 0], shade[-1] if place else 63
                folded = [low[axis][read] | high[axis][read] << 8 for axis in range(3)]
                grid.append([g + (-(f + 1) // 2 if f & 1 else f // 2) for g, f in zip(guess, folded, strict=True)])
                shade.append((light + shades[read]) % 64)
                read += 1
            last = len(grid) - 1
            if word == FRESH:
                triangle, after, before = (last - 2, last - 1, last), {}, {}
            elif word == NEW:
                triangle = (a, b, last)
            else:
                triangle = (a, b, before[a] if word == LEFT else after[b] if word == RIGHT else next(other))
            triangles.append(triangle)
            _close(triangle, gates, after, before)
        meshes.append(
            Mesh(
                part["name"],
                part["frame"],
                np.asarray(part["low"]) + np.asarray(grid) * part["step"],
                np.asarray(triangles),
                np.asarray(shade) / OCCLUSION_LEVELS,
            )
        )
    return meshes
