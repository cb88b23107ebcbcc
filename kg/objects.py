"""An object of a scene as plain numbers, and its hull in the frame of a view."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Vector: TypeAlias = tuple[float, float, float]
#: Three rows: right, away and up, in the coordinates of the file.
View: TypeAlias = tuple[Vector, Vector, Vector]

IDENTITY: View = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Object:
    """A box with attributes.

    center: metres, in the coordinates of the file. size: full extents in metres along its own axes.
    yaw: radians about the file's z, counter-clockwise seen from above. attributes: numbers, or words for
    categories such as colour; NaN is an unknown one of either.
    """

    center: Vector = (0.0, 0.0, 0.0)
    size: Vector = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    attributes: Mapping[str, float | str] = field(default_factory=dict)


def dot(one: Vector, other: Vector) -> float:
    """The inner product."""
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def position(thing: Object, axis: int, view: View) -> float:
    """The centre along one axis of the view (0 right, 1 away, 2 up), in metres."""
    return dot(view[axis], thing.center)


def extent(thing: Object, axis: int, view: View) -> float:
    """Full extent of the turned box along one axis of the view, in metres: sum over its axes u of size_u |u . axis|.

    >>> round(extent(Object(size=(2.0, 1.0, 1.0), yaw=math.pi / 2), 0, IDENTITY), 9)
    1.0
    """
    cosine, sine = math.cos(thing.yaw), math.sin(thing.yaw)
    own: View = ((cosine, sine, 0.0), (-sine, cosine, 0.0), (0.0, 0.0, 1.0))
    return sum(size * abs(dot(edge, view[axis])) for size, edge in zip(thing.size, own, strict=True))


def interval(thing: Object, axis: int, view: View) -> tuple[float, float]:
    """Where the box begins and ends along one axis of the view, in metres."""
    middle, half = position(thing, axis, view), extent(thing, axis, view) / 2
    return middle - half, middle + half
