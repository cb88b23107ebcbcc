"""A cited scene as SVG: the plan over the elevation, the objects of the citation marked by their variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kg import Citation, Object, World
from kg.objects import View, dot, extent, position
from rulekd.report.markup import Markup, joined, tag

#: Width of the drawing, height of one panel at most, space around, units of the picture.
WIDTH, TALLEST, PAD = 300.0, 260.0, 10.0
#: Extent by which an object without one is drawn, metres.
POINT = 0.1
#: Attributes that things are called by, in order of preference.
NAMING = ("category", "shape", "label", "class")

Corner = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """One object: corners in plan and in elevation (metres, in the frame of the view), its name, its variables."""

    plan: tuple[Corner, ...]
    elevation: tuple[Corner, ...]
    near: float
    top: float
    name: str
    variables: str


def picture(world: World, citation: Citation) -> Markup | None:
    """The scene of a citation; None where the world has no boxes to draw."""
    if not world.objects or any(not 0 <= number < world.size for _, number in citation.binding):
        return None
    shapes = [_shape(thing, number, citation, world.view) for number, thing in enumerate(world.objects)]
    across = [x for shape in shapes for x, _ in shape.plan]
    left, right = min(across), max(across)
    deep = _range([y for shape in shapes for _, y in shape.plan])
    high = _range([z for shape in shapes for _, z in shape.elevation])
    high = (min(high[0], 0.0) if high[0] > -0.5 else high[0], high[1])  # the floor is in the picture
    scale = min((WIDTH - 2 * PAD) / max(right - left, 0.5), TALLEST / max(deep[1] - deep[0], 0.5))
    begin = (WIDTH - scale * (right - left)) / 2 - scale * left
    first = 16 + scale * (deep[1] - deep[0])
    second = first + 26 + scale * (high[1] - high[0])
    plan = _panel(sorted(shapes, key=lambda s: s.top), "plan", scale, begin, first + scale * deep[0])
    front = _panel(sorted(shapes, key=lambda s: -s.near), "elevation", scale, begin, second + scale * high[0])
    floor = tag("line", x1=PAD, x2=WIDTH - PAD, y1=second, y2=second, class_="floor")
    return tag(
        "svg",
        tag("title", f"{citation.scene}: {legend(world, citation)}"),
        tag("text", "from above", x=PAD, y=10, class_="small"),
        plan,
        tag("text", "from the front", x=PAD, y=first + 18, class_="small"),
        floor,
        front,
        _ruler(scale, second + 12),
        viewBox=f"0 0 {WIDTH:g} {second + 22:.4g}",
        class_="scene",
        role="img",
    )


def legend(world: World, citation: Citation) -> str:
    """``a = desk, b = lamp 3``: what the variables stand for."""
    return ", ".join(f"{variable} = {name(world, number)}" for variable, number in citation.binding)


def name(world: World, number: int) -> str:
    """What an object is called: its category, and its number."""
    if not 0 <= number < len(world.objects):
        return f"object {number}"
    attributes = world.objects[number].attributes
    words = [str(attributes[key]) for key in NAMING if isinstance(attributes.get(key), str)]
    return f"{words[0] if words else 'object'} {number}"


def _shape(thing: Object, number: int, citation: Citation, view: View) -> Shape:
    x, y, z = (position(thing, axis, view) for axis in range(3))
    sides = [max(extent(thing, axis, view), POINT if not any(thing.size) else 0.0) for axis in range(3)]
    variables = ", ".join(variable for variable, place in citation.binding if place == number)
    word = next((str(thing.attributes[k]) for k in NAMING if isinstance(thing.attributes.get(k), str)), "object")
    return Shape(
        plan=_plan(thing, view) if any(thing.size) else _rectangle(x, y, sides[0], sides[1]),
        elevation=_rectangle(x, z, sides[0], sides[2]),
        near=y - sides[1] / 2,
        top=z + sides[2] / 2,
        name=f"{word} {number}",
        variables=variables,
    )


def _plan(thing: Object, view: View) -> tuple[Corner, ...]:
    """The four corners of the turned box, seen from above."""
    cosine, sine = math.cos(thing.yaw), math.sin(thing.yaw)
    corners = []
    for side, along in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        u, v = side * thing.size[0] / 2, along * thing.size[1] / 2
        x, y, z = thing.center
        corner = (x + u * cosine - v * sine, y + u * sine + v * cosine, z)
        corners.append((dot(view[0], corner), dot(view[1], corner)))
    return tuple(corners)


def _rectangle(x: float, y: float, width: float, height: float) -> tuple[Corner, ...]:
    return tuple((x + a * width / 2, y + b * height / 2) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)))


def _range(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _panel(shapes: Sequence[Shape], side: str, scale: float, x0: float, y0: float) -> Markup:
    """The shapes from the lowest (farthest) to the highest (nearest); above them all outlines and letters of the cited.

    x0, y0: where the view's origin lies in the picture; the picture's y runs downwards.
    """
    drawn: list[Markup] = []
    outlines: list[Markup] = []
    letters: list[tuple[str, float, float]] = []
    cited = sorted({shape.variables for shape in shapes if shape.variables})
    for shape in shapes:
        corners = [(x0 + scale * x, y0 - scale * y) for x, y in (shape.plan if side == "plan" else shape.elevation)]
        kind = f"thing cited c{cited.index(shape.variables) % 4}" if shape.variables else "thing"
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        drawn.append(tag("polygon", tag("title", shape.name), points=points, class_=kind))
        if shape.variables:
            outlines.append(tag("polygon", points=points, class_="outline"))
            x = sum(corner[0] for corner in corners) / len(corners)
            y = sum(corner[1] for corner in corners) / len(corners)
            # letters that would lie on each other are stacked
            while any(abs(x - other_x) < 11 and abs(y - other_y) < 12 for _, other_x, other_y in letters):
                y -= 6
            letters.append((shape.variables, x, y))
    return joined(*drawn, *outlines, *(tag("text", text, x=x, y=y + 4, class_="letter") for text, x, y in letters))


def _ruler(scale: float, y: float) -> Markup:
    """A metre, to measure by."""
    end = WIDTH - PAD
    return joined(
        tag("line", x1=end - scale, x2=end, y1=y, y2=y, class_="ruler"),
        tag("text", "1 m", x=end - scale - 4, y=y + 3, class_="small end"),
    )
