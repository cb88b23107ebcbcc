"""What a camera sees of boxes: points on their surfaces that face it and that nothing else hides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Surface points that are tried for every point that is kept.
CANDIDATES = 4
#: A ray is blocked by what it enters before this share of its length; beyond lies the surface that it aims at.
ARRIVAL = 1 - 1e-6


def visible_points(
    low: Floats, high: Floats, see_through: Bools, camera: Floats, count: int, random: np.random.Generator
) -> tuple[Floats, Bools]:
    """Points on the visible surfaces of the axis-parallel boxes of one room.

    low, high: (N, 3) metres. see_through: (N, N), True where box j does not hide box i (an open shelf and what lies in
    it). camera: (3,) metres. count: P. Returns points (N, P, 3), drawn with repetition where fewer than P candidates
    are visible, zeros where none is; and (N,), True where some is.
    """
    points, normal = _surface(low, high, CANDIDATES * count, random)
    facing = (normal * (camera - points)).sum(-1) > 0
    # its own far sides are left out by their normals, so that a box need not hide itself
    hidden = blocked(camera, points, low, high) & ~(see_through | np.eye(len(low), dtype=bool))[:, None]
    seen = facing & ~hidden.any(-1)
    # visible ones first, in random order; then taken in turn, as often as needed
    order = np.argsort(np.where(seen, random.random(seen.shape), 2.0), axis=-1)
    number = seen.sum(-1)
    turn = np.arange(count)[None] % np.maximum(number, 1)[:, None]
    kept = np.take_along_axis(points, np.take_along_axis(order, turn, axis=1)[..., None], axis=1)
    return kept * (number > 0)[:, None, None], number > 0


def _surface(low: Floats, high: Floats, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """(N, K, 3) points uniform over the surface of each box, and the outward normals there."""
    extents = high - low
    areas = np.stack([extents[:, (axis + 1) % 3] * extents[:, (axis + 2) % 3] for axis in range(3)], axis=-1)
    shares = np.cumsum(areas, axis=-1) / np.maximum(areas.sum(-1, keepdims=True), 1e-12)
    shape = (len(low), count)
    axis = (random.random(shape)[..., None] >= shares[:, None, :2]).sum(-1)[..., None]
    side = random.integers(0, 2, (*shape, 1)).astype(float)
    share = random.random((*shape, 3))
    np.put_along_axis(share, axis, side, axis=-1)
    normal = np.zeros((*shape, 3))
    np.put_along_axis(normal, axis, 2 * side - 1, axis=-1)
    return low[:, None] + share * extents[:, None], normal


def blocked(camera: Floats, points: Floats, low: Floats, high: Floats) -> Bools:
    """(.., M): does the segment from the camera to each point pass through the inside of each of M boxes?

    camera: (3,). points: (.., 3). low, high: (M, 3). By slabs: on each axis the segment is between the box's two faces
    for an interval of its length; it passes through where these have a common part.
    """
    step = points - camera
    # parallel to a pair of faces: a tiny step gives the same answer without dividing by zero
    step = np.where(np.abs(step) < 1e-12, 1e-12, step)[..., None, :]
    one, two = (low - camera) / step, (high - camera) / step
    enter = np.minimum(one, two).max(-1).clip(min=0)
    leave = np.maximum(one, two).min(-1).clip(max=ARRIVAL)
    return np.asarray(leave - enter > 1e-9)
