"""What stands in generated rooms: kinds of things, how big they are, what carries and holds what.

All lengths are whole numbers of 5 cm, so that a thing stands exactly on what carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

#: Metres in one unit of length.
GRID = 0.05

Range = tuple[int, int]


@dataclass(frozen=True)
class Kind:
    """One kind of thing.

    width, depth, height: least and most, in units of 5 cm, along its own axes; its front looks along its own -y.
    place: where it may be put of itself; "" = only on or in other things. carries: what may stand on it.
    holds: what may lie in it. opaque: does it hide what it holds? colors: what it may be painted.
    """

    width: Range
    depth: Range
    height: Range
    place: Literal["wall", "floor", ""] = ""
    carries: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    opaque: bool = False
    colors: tuple[str, ...] = ("brown", "white", "black", "gray")


SMALL = ("lamp", "book", "cup", "plant")

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "table": Kind((16, 32), (14, 20), (9, 15), "floor", carries=(*SMALL, "box")),
        "desk": Kind((22, 32), (12, 16), (14, 15), "wall", carries=("monitor", "keyboard", *SMALL)),
        "chair": Kind((8, 10), (8, 10), (16, 20), "floor", colors=("brown", "black", "red", "blue")),
        "sofa": Kind((30, 44), (16, 20), (14, 18), "wall", carries=("book",), colors=("gray", "blue", "beige")),
        "bed": Kind((18, 36), (40, 42), (8, 12), "wall", carries=("book",), colors=("white", "blue", "beige")),
        "shelf": Kind((12, 24), (6, 8), (24, 40), "wall", carries=("plant", "box"), holds=("book", "cup", "box")),
        "cabinet": Kind(
            (12, 24), (8, 12), (14, 24), "wall", carries=(*SMALL, "box"), holds=("cup", "book"), opaque=True
        ),
        "rug": Kind((36, 50), (28, 40), (1, 1), "floor", colors=("red", "beige", "maroon", "green")),
        "box": Kind((6, 8), (5, 6), (5, 6), "floor", holds=("book", "cup"), colors=("brown", "orange", "white")),
        "monitor": Kind((10, 14), (3, 4), (8, 10), colors=("black", "gray")),
        "keyboard": Kind((8, 9), (3, 3), (1, 1), colors=("black", "white")),
        "lamp": Kind((3, 5), (3, 5), (6, 10), colors=("yellow", "white", "orange")),
        "book": Kind((3, 4), (4, 5), (1, 2), carries=("cup", "book"), colors=("red", "blue", "green", "purple")),
        "cup": Kind((2, 2), (2, 2), (2, 2), colors=("white", "cyan", "red")),
        "plant": Kind((4, 6), (4, 6), (6, 14), "floor", colors=("green",)),
    }
)

#: Floor furniture that rooms begin with, each with its weight.
ANCHORS: Mapping[str, float] = MappingProxyType(
    {"desk": 3.0, "table": 3.0, "sofa": 2.0, "bed": 1.5, "shelf": 2.5, "cabinet": 2.5}
)

#: What the predicates mean. Faces lie 5 cm apart or coincide, so that 1 cm tells contact from distance whatever
#: rounding does; 1.01 m is no distance of two points of the grid, and 1.234 no quotient of two volumes on it.
RELATIONS: Mapping[str, str] = MappingProxyType(
    {
        "left_of": "left_of(a, b) <-> right(a) <= left(b) + 0.01",
        "right_of": "right_of(a, b) <-> right(b) <= left(a) + 0.01",
        "in_front_of": "in_front_of(a, b) <-> back(a) <= front(b) + 0.01",
        "behind": "behind(a, b) <-> back(b) <= front(a) + 0.01",
        "above": "above(a, b) <-> bottom(a) >= top(b) - 0.01",
        "below": "below(a, b) <-> bottom(b) >= top(a) - 0.01",
        "on": "on(a, b) <-> abs(bottom(a) - top(b)) <= 0.01 & overlap_x(a, b) > 0.01 & overlap_y(a, b) > 0.01",
        "supports": (
            "supports(a, b) <-> abs(bottom(b) - top(a)) <= 0.01 & overlap_x(a, b) > 0.01 & overlap_y(a, b) > 0.01"
        ),
        "inside": (
            "inside(a, b) <-> left(a) >= left(b) - 0.01 & right(a) <= right(b) + 0.01 & front(a) >= front(b) - 0.01"
            " & back(a) <= back(b) + 0.01 & bottom(a) >= bottom(b) - 0.01 & top(a) <= top(b) + 0.01"
        ),
        "contains": (
            "contains(a, b) <-> left(b) >= left(a) - 0.01 & right(b) <= right(a) + 0.01 & front(b) >= front(a) - 0.01"
            " & back(b) <= back(a) + 0.01 & bottom(b) >= bottom(a) - 0.01 & top(b) <= top(a) + 0.01"
        ),
        "near": "near(a, b) <-> distance(a, b) < 1.01",
        "bigger": "bigger(a, b) <-> volume(a) > 1.234 * volume(b)",
        "smaller": "smaller(a, b) <-> volume(b) > 1.234 * volume(a)",
        "touching": "touching(a, b) <-> gap(a, b) < 0.01",
    }
)
