"""Transforms of whole scenes: shifts, turns, mirrors, scaling and exchanges of axes, in the frame of the view.

``TRANSFORMS`` is the table of them all. Everything but a shift happens about the scene's own mean centre. A transform
moves centres, extents, yaw and the x, y, z of points; colours and attributes stay, labels are dropped (``SceneSet.
relabel`` computes them anew), and nothing is known of further tensors: ``unacted`` names them. Yaws are written as
those of the given scenes are, in [0, 2 pi) or in [-pi, pi): a network may read them as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from kg.errors import FormulaError, RulekdError, unknown
from kg.formulas import Quantity, Transform
from rulekd.scenes.scenes import Scenes, turn_about_z
from rulekd.scenes.turns import into_range, least_yaw

#: What a transform does to boxes beside moving their centres. keep: nothing. turn: yaw grows by the angle. reflect:
#: yaw is mirrored. swap: yaw is mirrored, width and depth trade places. tilt: extents trade places with the height.
#: trade: boxes trade places with each other. alone: one object is moved without the others.
Effect = Literal["keep", "turn", "reflect", "swap", "tilt", "trade", "alone"]

#: How far a yaw may be from a multiple of 90 degrees, in radians, where a transform tilts boxes; and how far, by
#: component, a view's up may be from the file's z.
SQUARE = 1e-3

RANDOM_SHIFT = 1.0  # metres
RANDOM_SCALE = (0.8, 1.25)


@dataclass(frozen=True)
class Motion:
    """p' = factor * matrix (p - mean) + mean + shift, in the frame of the view, for each of B scenes.

    matrix: (B, 3, 3) orthogonal. factor: (B,). shift: (B, 3) metres. angle: (B,) radians about the view's up, for
    turns; quarters: the number of quarter turns where it is the same whole number for all scenes.
    """

    matrix: Tensor
    factor: Tensor
    shift: Tensor
    angle: Tensor
    quarters: int | None = None


@dataclass(frozen=True)
class Draw:
    """What a transform is made from: how many scenes, which arguments, where random numbers come from."""

    count: int
    values: tuple[float, ...]
    square: bool
    generator: torch.Generator | None

    def uniform(self, low: float, high: float, width: int = 1) -> Tensor:
        """(B, width) float64."""
        return low + (high - low) * torch.rand(self.count, width, generator=self.generator, dtype=torch.float64)


@dataclass(frozen=True)
class Kind:
    """One transform. effect: on boxes. arguments: least and most. unit: of each. meaning: one line."""

    make: Callable[[Draw], Motion]
    effect: Effect
    arguments: tuple[int, int]
    unit: Literal["angle", "length", "factor"]
    meaning: str


def apply(
    transform: Transform, scenes: Scenes, generator: torch.Generator | None = None, like: Scenes | None = None
) -> Scenes:
    """The scenes under a transform, without labels. Random ones draw once for each scene, from ``generator``.

    like: scenes of which these are some, or were made, where their yaws say better in which range a yaw is written.

    Errors name what stands in the way: an unknown name, arguments that do not fit, boxes that would lie askew.

    >>> scenes = Scenes.from_objects([[{"center": (0, 0, 0)}, {"center": (2, 0, 1)}]])
    >>> apply(Transform("mirror_x"), scenes)["center"][0].tolist()
    [[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    kind, values = _found(transform)
    for name, reason in _obstacles(kind, values, scenes):
        raise RulekdError(f"'{transform}' cannot act on {name}: {reason}", hint="Leave this transform out.")
    if kind.effect == "trade":
        return _traded(scenes)
    square = scenes.size is not None or scenes.yaw is not None
    motion = kind.make(Draw(len(scenes), values, square, generator))
    moved = _moved(motion, scenes)
    if kind.effect == "alone":
        return _first_only(moved, scenes)
    size, yaw = _boxes(kind, motion, scenes, least_yaw(scenes if like is None else like))
    return replace(moved, size=size, yaw=yaw, labels={}, label_valid={})


def unacted(transform: Transform, scenes: Scenes) -> list[str]:
    """The names of what the transform cannot act on: further tensors, and geometry that stands in its way."""
    kind, values = _found(transform)
    return [*scenes.tensors, *(name for name, _ in _obstacles(kind, values, scenes))]


def _found(transform: Transform) -> tuple[Kind, tuple[float, ...]]:
    if transform.name not in TRANSFORMS:
        raise unknown("transform", transform.name, TRANSFORMS)
    kind = TRANSFORMS[transform.name]
    least, most = kind.arguments
    if not least <= len(transform.arguments) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise FormulaError(f"'{transform}' has {len(transform.arguments)} arguments", hint=f"It takes {wanted}.")
    return kind, tuple(_number(quantity, kind, transform) for quantity in transform.arguments)


def _number(quantity: Quantity, kind: Kind, transform: Transform) -> float:
    units = {"angle": ("deg", "rad"), "length": ("m", ""), "factor": ("",)}[kind.unit]
    if quantity.unit not in units:
        raise FormulaError(
            f"'{transform}' gives {'a number without unit' if not quantity.unit else quantity.unit}",
            hint=f"Give {'degrees (90 deg) or radians' if kind.unit == 'angle' else f'a {kind.unit}'}.",
        )
    if kind.unit == "factor" and not quantity.value > 0:
        raise FormulaError(f"'{transform}' scales by {quantity.value}", hint="Give a factor above 0.")
    return math.radians(quantity.value) if quantity.unit == "deg" else quantity.value


def _obstacles(kind: Kind, values: tuple[float, ...], scenes: Scenes) -> list[tuple[str, str]]:
    if scenes.center is None and scenes.points is None:
        return [("center", "these scenes have neither centres nor points")]
    if scenes.size is None and scenes.yaw is None:
        return []
    found = []
    if kind.effect != "keep" or kind is TRANSFORMS["mirror_z"]:
        up = scenes.axes()[:, 2]
        if bool(((up - torch.tensor([0, 0, 1], dtype=up.dtype, device=up.device)).abs() > SQUARE).any()):
            found.append(("view", "boxes stand upright in the file, but the view's up is not the file's z"))
    if kind.effect == "tilt" and values and _quarters(values[0]) is None:
        found.append(("size", "boxes would lie askew; only quarter turns keep them upright"))
    if kind.effect == "tilt" and not found:
        off = torch.remainder(_heading_in_view(scenes) + math.pi / 4, math.pi / 2) - math.pi / 4
        if bool(((off.abs() > SQUARE) & scenes.mask).any()):
            found.append(("yaw", "it would tilt boxes whose yaw is not a multiple of 90 degrees in the view"))
    return found


def _moved(motion: Motion, scenes: Scenes) -> Scenes:
    """Centres and points under the motion, in file coordinates; padded places stay as they are."""
    kind = scenes.center if scenes.center is not None else scenes.points
    assert kind is not None  # _obstacles has seen to it
    axes = scenes.axes().to(kind.dtype)
    matrix = (motion.factor[:, None, None] * motion.matrix).to(kind)
    matrix = axes.transpose(1, 2) @ matrix @ axes
    shift = (motion.shift.to(kind)[:, None] @ axes)[:, 0]
    mean = _mean(scenes)
    changes: dict[str, Tensor] = {}
    real = scenes.mask[..., None]
    if scenes.center is not None:
        away = scenes.center - mean[:, None]
        moved = away @ matrix.transpose(1, 2) + (mean + shift)[:, None]
        changes["center"] = torch.where(real, moved, scenes.center)
    if scenes.points is not None:
        xyz = scenes.points[..., :3]
        count, places, each, _ = xyz.shape
        away = xyz.reshape(count, places * each, 3) - mean[:, None]
        moved = (away @ matrix.transpose(1, 2) + (mean + shift)[:, None]).reshape(xyz.shape)
        moved = torch.where(real[..., None], moved, xyz)
        changes["points"] = torch.cat([moved, scenes.points[..., 3:]], dim=-1)
    return replace(scenes, **changes)  # type: ignore[arg-type] # only tensors are replaced


def _traded(scenes: Scenes) -> Scenes:
    """The boxes and points of the real objects in reverse order; attributes stay with their objects."""
    real = scenes.mask
    rank = real.cumsum(1)
    wanted = real.sum(1, keepdim=True) + 1 - rank  # the rank of the object whose box is taken
    place = (real[:, None, :] & (rank[:, None, :] == wanted[:, :, None])).long().argmax(2)
    place = torch.where(real, place, torch.arange(real.shape[1], device=real.device))

    def act(values: Tensor | None) -> Tensor | None:
        if values is None:
            return None
        index = place.reshape(*place.shape, *(1,) * (values.dim() - 2))
        return torch.take_along_dim(values, index, 1)

    boxes = {name: act(getattr(scenes, name)) for name in ("center", "size", "yaw", "points")}
    return replace(scenes, **boxes, labels={}, label_valid={})  # type: ignore[arg-type] # only tensors are replaced


def _first_only(moved: Scenes, scenes: Scenes) -> Scenes:
    """The first real object where it was moved to, all others where they were."""
    first = (scenes.mask & (scenes.mask.cumsum(1) == 1))[..., None]
    center, points = scenes.center, scenes.points
    if center is not None and moved.center is not None:
        center = torch.where(first, moved.center, center)
    if points is not None and moved.points is not None:
        points = torch.where(first[..., None], moved.points, points)
    return replace(scenes, center=center, points=points, labels={}, label_valid={})


def _mean(scenes: Scenes) -> Tensor:
    """(B, 3) metres: the mean of the objects' centres, or of their points where there are no centres."""
    centers = scenes.center if scenes.center is not None else scenes["points"][..., :3].mean(2)
    real = scenes.mask[..., None].to(centers.dtype)
    return (centers * real).sum(1) / real.sum(1).clamp_min(1)


def _heading_in_view(scenes: Scenes) -> Tensor:
    """(B, N) radians: yaw less the angle of the view's right."""
    return scenes.headings() - _view_angle(scenes)[:, None]


def _view_angle(scenes: Scenes) -> Tensor:
    right = scenes.axes()[:, 0]
    return torch.atan2(right[:, 1], right[:, 0])


def _boxes(kind: Kind, motion: Motion, scenes: Scenes, least: float) -> tuple[Tensor | None, Tensor | None]:
    """Extents and yaw under the motion; least: where the range of yaw begins."""
    size, yaw = scenes.size, scenes.yaw
    if size is not None:
        size = size * motion.factor.to(size)[:, None, None]
    if size is None and yaw is None:
        return None, None
    if kind.effect == "turn":
        if yaw is None and size is not None and motion.quarters is not None:
            # boxes without a yaw stay without one: after a quarter turn they are as wide as they were deep
            return size[..., [1, 0, 2]] if motion.quarters % 2 else size, None
        yaw = into_range(scenes.headings() + motion.angle.to(scenes.headings())[:, None], least)
    elif kind.effect in ("reflect", "swap"):
        if yaw is not None or scenes.view is not None:
            # directions are mirrored at the view's axes; a box looks the same turned by 180 degrees, so that the
            # mirror at the other axis, and the exchange that trades width and depth, have the same angle
            yaw = into_range(2 * _view_angle(scenes)[:, None] - scenes.headings(), least)
        if size is not None and kind.effect == "swap":
            size = size[..., [1, 0, 2]]
    elif kind.effect == "tilt" and size is not None:
        turn = turn_about_z(_heading_in_view(scenes))
        inner = turn.transpose(-1, -2) @ motion.matrix.to(size)[:, None] @ turn
        # a signed permutation up to rounding, which round() takes away so that extents are moved and not mixed
        size = (inner.abs().round() @ size[..., None])[..., 0]
    if yaw is not None:
        yaw = torch.where(scenes.mask, yaw, torch.zeros_like(yaw))
    return size, yaw


# --------------------------------------------------------------------------- what each of them does


def _motion(
    draw: Draw, matrix: Tensor | None = None, factor: Tensor | None = None, shift: Tensor | None = None
) -> Motion:
    count = draw.count
    return Motion(
        matrix=torch.eye(3, dtype=torch.float64).expand(count, 3, 3) if matrix is None else matrix,
        factor=torch.ones(count, dtype=torch.float64) if factor is None else factor,
        shift=torch.zeros(count, 3, dtype=torch.float64) if shift is None else shift,
        angle=torch.zeros(count, dtype=torch.float64),
    )


def _translate(draw: Draw) -> Motion:
    if len(draw.values) >= 2:
        given = torch.tensor([*draw.values, 0.0][:3], dtype=torch.float64)
        return _motion(draw, shift=given.expand(draw.count, 3))
    # uniform over the disc: a share r^2 of its area lies within the share r of its radius
    radius = (draw.values[0] if draw.values else RANDOM_SHIFT) * draw.uniform(0, 1)[:, 0].sqrt()
    angle = draw.uniform(0, 2 * math.pi)[:, 0]
    return _motion(draw, shift=torch.stack([radius * angle.cos(), radius * angle.sin(), torch.zeros_like(angle)], -1))


def _translate_first(draw: Draw) -> Motion:
    """A shift in space, not in plan: a control, under which hardly a relation stays."""
    if len(draw.values) >= 2:
        return _translate(draw)
    reach = draw.values[0] if draw.values else RANDOM_SHIFT
    return _motion(draw, shift=draw.uniform(-reach, reach, 3))


def _translate_along(axis: int) -> Callable[[Draw], Motion]:
    def make(draw: Draw) -> Motion:
        shift = torch.zeros(draw.count, 3, dtype=torch.float64)
        shift[:, axis] = draw.values[0] if draw.values else draw.uniform(-RANDOM_SHIFT, RANDOM_SHIFT)[:, 0]
        return _motion(draw, shift=shift)

    return make


def _rotate_about(axis: int) -> Callable[[Draw], Motion]:
    def make(draw: Draw) -> Motion:
        if draw.values:
            angle = torch.full((draw.count,), draw.values[0], dtype=torch.float64)
        elif axis != 2 and draw.square:
            # boxes cannot lie askew: one of the three quarter turns
            angle = (1 + (3 * draw.uniform(0, 1)[:, 0]).long().clamp(max=2)) * (math.pi / 2)
        else:
            angle = draw.uniform(0, 2 * math.pi)[:, 0]
        turn = turn_about_z(angle)
        turn = torch.where(turn.abs() < 1e-12, 0.0, turn)  # the cosine of 90 degrees is 6e-17 in floating point
        # the turn in the plane of the other two axes, in their cyclic order: y and z for x, z and x for y
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        place = [order.index(each) for each in range(3)]
        return replace(
            _motion(draw, matrix=turn[:, place][:, :, place]),
            angle=angle,
            quarters=_quarters(draw.values[0]) if draw.values else None,
        )

    return make


def _quarters(angle: float) -> int | None:
    """An angle in quarter turns, when it is a whole number of them."""
    quarters = angle / (math.pi / 2)
    return round(quarters) if abs(quarters - round(quarters)) < 1e-9 else None


def _mirror(axis: int) -> Callable[[Draw], Motion]:
    signs = [-1.0 if each == axis else 1.0 for each in range(3)]
    return lambda draw: _motion(draw, matrix=torch.diag(torch.tensor(signs).double()).expand(draw.count, 3, 3))


def _exchange(first: int, second: int) -> Callable[[Draw], Motion]:
    order = [second if each == first else first if each == second else each for each in range(3)]
    return lambda draw: _motion(draw, matrix=torch.eye(3, dtype=torch.float64)[order].expand(draw.count, 3, 3))


def _scale(draw: Draw) -> Motion:
    if draw.values:
        return _motion(draw, factor=torch.full((draw.count,), draw.values[0], dtype=torch.float64))
    return _motion(draw, factor=draw.uniform(*RANDOM_SCALE)[:, 0])


#: Every transform of the rule language, by name.
TRANSFORMS: Mapping[str, Kind] = MappingProxyType(
    {
        "translate": Kind(_translate, "keep", (0, 3), "length", "in plan at random, up to 1 m or d; or by dx, dy, dz"),
        "translate_x": Kind(_translate_along(0), "keep", (0, 1), "length", "to the right; at random up to 1 m"),
        "translate_y": Kind(_translate_along(1), "keep", (0, 1), "length", "away; at random up to 1 m"),
        "translate_z": Kind(_translate_along(2), "keep", (0, 1), "length", "upwards; at random up to 1 m"),
        "rotate_x": Kind(_rotate_about(0), "tilt", (0, 1), "angle", "about right; at random a quarter turn or more"),
        "rotate_y": Kind(_rotate_about(1), "tilt", (0, 1), "angle", "about away; at random a quarter turn or more"),
        "rotate_z": Kind(_rotate_about(2), "turn", (0, 1), "angle", "about up; at random by any angle"),
        "mirror_x": Kind(_mirror(0), "reflect", (0, 0), "length", "left and right trade places"),
        "mirror_y": Kind(_mirror(1), "reflect", (0, 0), "length", "near and far trade places"),
        "mirror_z": Kind(_mirror(2), "keep", (0, 0), "length", "up and down trade places"),
        "scale": Kind(_scale, "keep", (0, 1), "factor", "everything grows; at random by 0.8 to 1.25"),
        "exchange_xy": Kind(_exchange(0, 1), "swap", (0, 0), "length", "right and away trade places"),
        "exchange_yz": Kind(_exchange(1, 2), "tilt", (0, 0), "length", "away and up trade places"),
        "exchange_objects": Kind(
            lambda draw: _motion(draw), "trade", (0, 0), "length", "boxes in reverse order: of two, they trade places"
        ),
        "translate_first": Kind(_translate_first, "alone", (0, 3), "length", "the first object alone; up to 1 m or d"),
        "exchange_xz": Kind(_exchange(0, 2), "tilt", (0, 0), "length", "right and up trade places"),
    }
)
