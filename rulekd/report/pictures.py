"""A cited scene as SVG: the plan beside the elevation, the objects of the citation marked by their variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kg import Citation, Object, World
from kg.objects import View, dot, extent, position
from rulekd.report.markup import Markup, joined, tag
from rulekd.report.style import COLOURS
from rulekd.scenes.appearance import NAMING, ROUND

#: Width of a view, its height at most, space around the scene and for the ruler below it, units of the picture.
WIDTH, TALLEST, PAD, FOOT = 220.0, 220.0, 12.0, 18.0
#: Width and height of a letter with the space around it.
LETTER = (12.0, 15.0)
#: Length of a ruler at least.
SHORTEST = 8.0
#: What lies deeper than this, metres, stands on no floor.
BURIED = -0.05
#: Extent by which an object without one is drawn, metres.
POINT = 0.1

Corner = tuple[float, float]
#: From where to where, across and along.
Hull = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Shape:
    """One object: corners in plan and in elevation (metres, in the frame of the view), its name, its variables.

    round: is it a disc in plan, and in elevation?
    """

    plan: tuple[Corner, ...]
    elevation: tuple[Corner, ...]
    near: float
    top: float
    name: str
    variables: str
    round: tuple[bool, bool]


def picture(world: World, citation: Citation, what: str = "") -> Markup | None:
    """The scene of a citation, from above and from the front to one scale; None where the world has no boxes.

    what: said before the names of the views, such as "before".
    """
    if not world.boxes or any(not 0 <= number < world.size for _, number in citation.binding):
        return None
    shapes = [_shape(thing, number, citation, world.view) for number, thing in enumerate(world.objects)]
    across = _range([x for shape in shapes for x, _ in shape.plan])
    deep = _range([y for shape in shapes for _, y in shape.plan])
    high = _range([z for shape in shapes for _, z in shape.elevation])
    grounded = high[0] > BURIED
    high = (min(high[0], 0.0) if grounded else high[0], high[1])  # the floor is in the picture
    scale = (WIDTH - 2 * PAD) / max(across[1] - across[0], 0.5)
    scale = min(scale, *((TALLEST - 2 * PAD) / max(top - bottom, 0.5) for bottom, top in (deep, high)))
    told = f"{citation.scene}: {legend(world, citation)}"
    above, front = (f"{what}, {side}" if what else side for side in ("from above", "from the front"))
    by_top, by_depth = sorted(shapes, key=lambda s: s.top), sorted(shapes, key=lambda s: -s.near)
    return tag(
        "div",
        _view(_Frame(above, told, scale, across, deep), [(s, s.plan, s.round[0]) for s in by_top], floor=False),
        _view(
            _Frame(front, told, scale, across, high), [(s, s.elevation, s.round[1]) for s in by_depth], floor=grounded
        ),
        class_="views",
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
    discs = ROUND.get(str(thing.attributes.get("shape")), (False, False))
    if discs[0] and any(thing.size):
        sides[0] = thing.size[0]  # what is round is as wide as it is, however it is turned
    variables = ", ".join(variable for variable, place in citation.binding if place == number)
    word = next((str(thing.attributes[k]) for k in NAMING if isinstance(thing.attributes.get(k), str)), "object")
    return Shape(
        plan=_plan(thing, view) if any(thing.size) else _rectangle(x, y, sides[0], sides[1]),
        elevation=_rectangle(x, z, sides[0], sides[2]),
        near=y - sides[1] / 2,
        top=z + sides[2] / 2,
        name=f"{word} {number}",
        variables=variables,
        round=discs,
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


@dataclass(frozen=True)
class _Frame:
    """One of the two views. side: its name. told: the scene in words. scale: units of the picture a metre. across,
    along: what it shows, metres."""

    side: str
    told: str
    scale: float
    across: tuple[float, float]
    along: tuple[float, float]


def _view(frame: _Frame, shapes: Sequence[tuple[Shape, tuple[Corner, ...], bool]], *, floor: bool) -> Markup:
    """Shapes in the order given, so that later ones cover earlier ones; above them all outlines and letters of the
    cited. The picture's y runs downwards."""
    tall = 2 * PAD + frame.scale * (frame.along[1] - frame.along[0])
    x0 = (WIDTH - frame.scale * (frame.across[1] - frame.across[0])) / 2 - frame.scale * frame.across[0]
    y0 = tall - PAD + frame.scale * frame.along[0]
    drawn: list[Markup] = []
    outlines: list[Markup] = []
    hulls: list[tuple[str, Hull]] = []
    cited = sorted({shape.variables for shape, *_ in shapes if shape.variables})
    for shape, own, disc in shapes:
        corners = [(x0 + frame.scale * x, y0 - frame.scale * y) for x, y in own]
        kind = f"thing cited c{cited.index(shape.variables) % COLOURS}" if shape.variables else "thing"
        drawn.append(_outline(corners, disc, kind, shape.name))
        if shape.variables:
            outlines.append(_outline(corners, disc, "outline"))
            hulls.append((shape.variables, (_range([x for x, _ in corners]), _range([y for _, y in corners]))))
    letters = _letters(hulls, tall)
    drawing = tag(
        "svg",
        tag("title", f"{frame.told}, {frame.side}"),
        tag("rect", x=0, y=0, width=WIDTH, height=tall, rx=4, class_="room"),
        tag("line", x1=0, x2=WIDTH, y1=y0, y2=y0, class_="floor") if floor else None,
        *drawn,
        *outlines,
        *letters,
        _ruler(frame.scale, tall + 9),
        viewBox=f"0 0 {WIDTH:g} {tall + FOOT:.4g}",
        role="img",
    )
    return tag("div", tag("span", frame.side, class_="faint"), drawing)


def _outline(corners: Sequence[Corner], disc: bool, kind: str, name: str | None = None) -> Markup:
    """A box by its corners, or the ellipse that touches its four sides in their middles."""
    title = None if name is None else tag("title", name)
    if not disc:
        return tag("polygon", title, points=" ".join(f"{x:.1f},{y:.1f}" for x, y in corners), class_=kind)
    (x0, y0), (x1, y1), _, (x3, y3) = corners
    x, y = (sum(axis) / len(corners) for axis in zip(*corners, strict=True))
    turn = math.degrees(math.atan2(y1 - y0, x1 - x0))
    return tag(
        "ellipse", title, cx=x, cy=y, rx=math.hypot(x1 - x0, y1 - y0) / 2, ry=math.hypot(x3 - x0, y3 - y0) / 2,
        transform=f"rotate({turn:.1f} {x:.1f} {y:.1f})", class_=kind,
    )  # fmt: skip


def _letters(hulls: Sequence[tuple[str, Hull]], tall: float) -> list[Markup]:
    """A letter for each, with a line to its box; small boxes choose first, as they have the least room."""
    taken: list[Corner] = []
    lines, texts = [], []
    for text, hull in sorted(hulls, key=lambda one: _size(one[1])):
        others = [other for _, other in hulls if other is not hull and _size(other) <= _size(hull)]
        others += [other for _, other in hulls if other is not hull and not _holds(other, hull)]
        x, y = _spot(hull, others, taken, tall)
        taken.append((x, y))
        (left, right), (top, bottom) = hull
        middle = (left + right) / 2, (top + bottom) / 2
        lines.append(tag("line", x1=middle[0], y1=middle[1], x2=x, y2=y, class_="leader"))
        texts.append(tag("text", text, x=x, y=y + 5, class_="letter"))
    return [*lines, *texts]


def _size(hull: Hull) -> float:
    (left, right), (top, bottom) = hull
    return (right - left) * (bottom - top)


def _holds(outer: Hull, inner: Hull) -> bool:
    """Does the one lie within the other, on both axes?"""
    return all(o[0] <= i[0] and i[1] <= o[1] for o, i in zip(outer, inner, strict=True))


def _spot(hull: Hull, others: Sequence[Hull], taken: Sequence[Corner], tall: float) -> Corner:
    """Where the middle of a letter stands: in its box where that is large enough, else beside it; on none of the
    ``others`` where there is room, and never on another letter."""
    (left, right), (top, bottom) = hull
    x, y, (wide, high) = (left + right) / 2, (top + bottom) / 2, LETTER
    beside = [(x, top - high / 2), (x, bottom + high / 2), (right + wide / 2, y), (left - wide / 2, y)]
    inside = [
        (x, y),
        *((p, q) for q in (top + high / 2, bottom - high / 2) for p in (left + wide / 2, right - wide / 2)),
    ]
    large = right - left > wide and bottom - top > high
    spots = [
        (p, q)
        for p, q in [*(inside if large else ()), *beside, (x, y)]
        if wide / 2 <= p <= WIDTH - wide / 2 and high / 2 <= q <= tall - high / 2
        if not any(abs(p - other[0]) < wide and abs(q - other[1]) < high for other in taken)
    ]

    def hidden(spot: Corner) -> bool:
        # a touch is no matter
        reach = [
            (middle - half, middle + half) for middle, half in zip(spot, (wide / 2 - 2, high / 2 - 2), strict=True)
        ]
        return any(
            all(low < other[1] and high > other[0] for (low, high), other in zip(reach, hull, strict=True))
            for hull in others
        )

    free = [spot for spot in spots if not hidden(spot)]
    # no room anywhere: above all letters that are there
    return (free or spots or [(x, min([y, *(q - high for p, q in taken if abs(p - x) < wide)]))])[0]


def _ruler(scale: float, y: float) -> Markup:
    """A metre, to measure by; where that is too long or too short to draw, ten or a hundred times less or more."""
    metres = next((m for m in (1.0, 0.1, 10.0, 0.01, 100.0) if SHORTEST <= m * scale <= WIDTH / 2), None)
    if metres is None:
        return joined()
    return joined(
        tag("line", x1=WIDTH - metres * scale, x2=WIDTH, y1=y, y2=y, class_="ruler"),
        tag("text", f"{metres:g} m", x=WIDTH - metres * scale - 5, y=y + 3.5, class_="small end"),
    )
