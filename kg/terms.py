"""The geometric terms of the rule language: one table, each with its number of objects, unit and plain function.

They are read in the frame of the scene's view: x to the right, y away from the viewer, z up. Any other name is an
attribute of an object (``mass(a)``) or, with no argument, of the scene (``floor_area()``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from kg.objects import Object, View, extent, interval, position

Reading: TypeAlias = Callable[[tuple[Object, ...], View], float]


@dataclass(frozen=True)
class GeometricTerm:
    """A number that can be read off boxes.

    arity: how many objects it reads. unit: of its value. read: objects and view -> value. meaning: one line.
    symmetric: the order of its objects makes no difference. axis: 0, 1 or 2 for a position along x, y or z, whose
    origin is arbitrary; None for all that is not a position.
    """

    arity: int
    unit: Literal["m", "m^3", "rad"]
    read: Reading
    meaning: str
    symmetric: bool = False
    axis: int | None = None

    @property
    def dimension(self) -> str:
        """What it may be compared with, added to and subtracted from: terms of the same dimension.

        Lengths go with lengths; positions along an axis go with positions along the same axis, and only their
        differences are lengths.

        >>> TERMS["left"].dimension, TERMS["x"].dimension, TERMS["width"].dimension, TERMS["volume"].dimension
        ('m along x', 'm along x', 'm', 'm^3')
        """
        return self.unit if self.axis is None else f"{self.unit} along {'xyz'[self.axis]}"


def _centre(axis: int) -> Reading:
    return lambda objects, view: position(objects[0], axis, view)


def _extent(axis: int) -> Reading:
    return lambda objects, view: extent(objects[0], axis, view)


def _face(axis: int, end: int) -> Reading:
    return lambda objects, view: interval(objects[0], axis, view)[end]


def _overlap(axis: int) -> Reading:
    def read(objects: tuple[Object, ...], view: View) -> float:
        (low, high), (other_low, other_high) = (interval(thing, axis, view) for thing in objects)
        return min(high, other_high) - max(low, other_low)

    return read


def _gap(objects: tuple[Object, ...], view: View) -> float:
    return math.hypot(*(max(0.0, -_overlap(axis)(objects, view)) for axis in range(3)))


def _distance(axes: tuple[int, ...]) -> Reading:
    return lambda objects, view: math.hypot(
        *(position(objects[0], axis, view) - position(objects[1], axis, view) for axis in axes)
    )


#: Name -> term. ``rulekd.scenes.terms`` holds the same names over tensors.
TERMS: MappingProxyType[str, GeometricTerm] = MappingProxyType(
    {
        "x": GeometricTerm(1, "m", _centre(0), "centre, to the right", axis=0),
        "y": GeometricTerm(1, "m", _centre(1), "centre, away from the viewer", axis=1),
        "z": GeometricTerm(1, "m", _centre(2), "centre, upwards", axis=2),
        "width": GeometricTerm(1, "m", _extent(0), "extent of the hull along x"),
        "depth": GeometricTerm(1, "m", _extent(1), "extent of the hull along y"),
        "height": GeometricTerm(1, "m", _extent(2), "extent of the hull along z"),
        "left": GeometricTerm(1, "m", _face(0, 0), "left face: x - width / 2", axis=0),
        "right": GeometricTerm(1, "m", _face(0, 1), "right face: x + width / 2", axis=0),
        "front": GeometricTerm(1, "m", _face(1, 0), "face nearest to the viewer: y - depth / 2", axis=1),
        "back": GeometricTerm(1, "m", _face(1, 1), "face farthest from the viewer: y + depth / 2", axis=1),
        "bottom": GeometricTerm(1, "m", _face(2, 0), "lowest face: z - height / 2", axis=2),
        "top": GeometricTerm(1, "m", _face(2, 1), "highest face: z + height / 2", axis=2),
        "volume": GeometricTerm(1, "m^3", lambda objects, view: math.prod(objects[0].size), "product of the extents"),
        "yaw": GeometricTerm(1, "rad", lambda objects, view: objects[0].yaw, "turn about the vertical"),
        "distance": GeometricTerm(2, "m", _distance((0, 1, 2)), "between the centres", True),
        "plan_distance": GeometricTerm(2, "m", _distance((0, 1)), "between the centres, seen from above", True),
        "overlap_x": GeometricTerm(
            2, "m", _overlap(0), "common part of the two hulls along x; negative: their gap", True
        ),
        "overlap_y": GeometricTerm(
            2, "m", _overlap(1), "common part of the two hulls along y; negative: their gap", True
        ),
        "overlap_z": GeometricTerm(
            2, "m", _overlap(2), "common part of the two hulls along z; negative: their gap", True
        ),
        "gap": GeometricTerm(2, "m", _gap, "shortest distance between the two hulls; 0 where they meet", True),
    }
)
