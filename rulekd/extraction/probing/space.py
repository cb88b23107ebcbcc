"""What of scenes may be changed, and within which range; how scenes are made from given ones, at random.

A scene is made by moving, turning and resizing its boxes, or by changing any other floating tensor that is named with a
range. Points go with their boxes. Where the faces of the given scenes lie on a grid, those of made scenes do too:
contact and equality have measure zero elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from kg.errors import RulekdError, unknown
from rulekd.scenes.scenes import Scenes, turn_about_z
from rulekd.scenes.turns import beside, into_range, least_yaw

#: Changed values by name, each as ``Space.values`` gives it.
Values: TypeAlias = dict[str, Tensor]
#: Least and greatest value by name.
Ranges: TypeAlias = Mapping[str, tuple[float, float]]

#: What is changed unless the caller names more: the geometry of boxes.
BOXES = ("center", "size", "yaw")

#: Grids that scenes are tried on, metres, coarse ones first; a face lies on one within this share of it.
GRIDS, ON_GRID = (1.0, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01), 1e-3

#: Standard deviation of a jitter, as a share of the range.
JITTER = 0.05


@dataclass(frozen=True)
class Space:
    """The scenes that may be made from given ones.

    low, high: by name the least and greatest value, broadcasting to the field. reach: how far a value may go from where
    it was, as a share of its range. tied: things have equal extents along their axes, and keep them. grid: the
    faces of boxes lie on multiples of it, metres; None = anywhere. known: the given scenes, which lend their places.
    """

    low: Values
    high: Values
    known: Scenes
    reach: float = 1.0
    tied: bool = False
    grid: float | None = None

    @classmethod
    def of(
        cls,
        scenes: Scenes,
        names: Sequence[str],
        ranges: Ranges | None = None,
        reach: float = 1.0,
        grid: float | Literal["theirs"] | None = "theirs",
    ) -> Space:
        """The range of each name is that of the given scenes, unless ``ranges`` says another; yaw turns all around.

        grid: in metres, None for none; "theirs" = that on which the faces of the given scenes lie, if any.
        """
        if not 0 < reach <= 1:
            raise RulekdError(f"a reach of {reach}", hint="Give the share of the range, above 0 and at most 1.")
        if isinstance(grid, int | float) and not grid > 0:
            raise RulekdError(f"a grid of {grid} m", hint="Give metres, above 0, or None.")
        tied = scenes.size is not None and bool((scenes.size == scenes.size[..., :1])[scenes.mask].all())
        low, high = {}, {}
        for name in dict.fromkeys([*names, *(ranges or {})]):
            value = _field(scenes, name)
            if value is None or not value.is_floating_point():
                have = [n for n in BOXES if getattr(scenes, n) is not None]
                raise unknown("tensor", name, [*have, *scenes.numbers, *scenes.tensors], where="to be changed: ")
            if ranges is not None and name in ranges:
                least, most = ranges[name]
                if not least < most:
                    raise RulekdError(f"the range of {name!r} is {least} to {most}", hint="Give (least, greatest).")
                low[name], high[name] = torch.tensor(float(least)), torch.tensor(float(most))
            elif name == "yaw":
                low[name], high[name] = torch.tensor(-math.pi), torch.tensor(math.pi)
            elif name in scenes.tensors:
                raise RulekdError(
                    f"no range is given within which the tensor {name!r} may be changed",
                    hint=f"Give ranges={{{name!r}: (least, greatest)}}.",
                )
            else:
                real = value[scenes.mask]
                real = real[torch.isfinite(real)] if real.dim() == 1 else real  # a number may be unknown
                low[name], high[name] = real.amin(0), real.amax(0)
        step = grid_of(scenes) if grid == "theirs" else grid
        return cls(low, high, scenes, reach, tied and "size" in low, step if "center" in low else None)

    @property
    def names(self) -> tuple[str, ...]:
        """What is changed."""
        return tuple(self.low)

    def __str__(self) -> str:
        parts = [f"{name} {_told(self.low[name])} to {_told(self.high[name])}" for name in self.names]
        told = ", ".join(parts) + (f"; at most {self.reach:.0%} of the range away" if self.reach < 1 else "")
        return told + (f"; on a grid of {self.grid:g} m" if self.grid else "")

    def values(self, scenes: Scenes) -> Values:
        """The values of scenes that may be changed; of things with equal extents (B, N, 1) of their size."""
        found = {name: _field(scenes, name) for name in self.names}
        return {n: v[..., :1] if n == "size" and self.tied else v for n, v in found.items() if v is not None}

    def bounds(self, scenes: Scenes) -> tuple[Values, Values]:
        """(low, high) of every value of these scenes: the range, and no farther than ``reach`` from where it is."""
        lows, highs = {}, {}
        for name, value in self.values(scenes).items():
            low, high = (t[name].to(value) for t in (self.low, self.high))
            if name == "size" and self.tied:
                low, high = low[..., :1], high[..., :1]
            far = self.reach * (high - low)
            if name == "yaw":  # it goes round: no turn is farther than half of one
                lows[name], highs[name] = value - far / 2, value + far / 2
            else:  # a value that is out of range may stay where it is
                lows[name] = torch.minimum(torch.maximum(low, value - far), value)
                highs[name] = torch.maximum(torch.minimum(high, value + far), value)
        return lows, highs

    def made(self, scenes: Scenes, values: Values) -> Scenes:
        """The scenes with other values, on the grid; without labels. Differentiable: past the grid straight through."""
        real, fields = scenes.mask, dict(values)
        if "size" in fields and self.tied:
            fields["size"] = fields["size"].expand(*real.shape, 3)
        if self.grid:
            fields = _on_grid(self.grid, scenes, fields)
        if "yaw" in fields:
            fields["yaw"] = into_range(fields["yaw"], least_yaw(self.known))
        changes: dict[str, object] = {"labels": {}, "label_valid": {}}
        for table in ("numbers", "tensors"):
            held: Mapping[str, Tensor] = getattr(scenes, table)
            changes[table] = {name: fields.get(name, value) for name, value in held.items()}
        for name in BOXES:
            old = getattr(scenes, name)
            if name in fields:
                changes[name] = torch.where(real.reshape(*real.shape, *(1,) * (old.dim() - 2)), fields[name], old)
        made: Scenes = replace(scenes, **changes)  # type: ignore[arg-type] # each field in its own form
        if scenes.points is None or not any(name in fields for name in BOXES):
            return made
        return replace(made, points=carried(scenes, made))


def _field(scenes: Scenes, name: str) -> Tensor | None:
    if name in BOXES:
        found: Tensor | None = getattr(scenes, name)
        return found
    return scenes.numbers.get(name, scenes.tensors.get(name))


def _told(bound: Tensor) -> str:
    return "/".join(f"{value:.3g}" for value in bound.reshape(-1).tolist()[:3])


# ---------------------------------------------------------------------------------------- grids and points


def grid_of(scenes: Scenes) -> float | None:
    """The coarsest grid on which (nearly) all faces of the boxes lie, or centres where there are no sizes."""
    if scenes.center is None:
        return None
    low = scenes.center if scenes.size is None else scenes.center - hulls(scenes) / 2
    faces = low[scenes.mask] if scenes.size is None else torch.cat([low[scenes.mask], scenes.size[scenes.mask]])
    flat = faces.double().flatten()
    for grid in GRIDS:
        off = (flat / grid - (flat / grid).round()).abs()
        # single precision knows a coordinate of 10 m to 1e-6 m only
        if bool((off <= ON_GRID + 1e-5 / grid).all()):
            return grid
    return None


def hulls(scenes: Scenes) -> Tensor:
    """(B, N, 3) metres: extents of the axis-parallel hulls in the file's own coordinates."""
    return (turn_about_z(scenes.headings()).abs() @ scenes["size"][..., None])[..., 0]


def _on_grid(grid: float, scenes: Scenes, fields: Values) -> Values:
    """Extents and faces on multiples of the grid, yaw on quarter turns; the gradient passes straight through."""

    def snapped(value: Tensor, step: float, least: float = -math.inf) -> Tensor:
        near = ((value / step).round() * step).clamp_min(least).detach()
        return near + (value - value.detach())

    kept = dict(fields)
    if "yaw" in kept and scenes.size is not None:
        kept["yaw"] = snapped(kept["yaw"], math.pi / 2)
    if "size" in kept:
        kept["size"] = snapped(kept["size"], grid, grid)
    if "center" in kept:
        if scenes.size is None:
            return kept | {"center": snapped(kept["center"], grid)}
        boxes = replace(scenes, size=kept.get("size", scenes.size), yaw=kept.get("yaw", scenes.yaw))
        half = hulls(boxes).detach() / 2
        kept["center"] = snapped(kept["center"] - half, grid) + half
    return kept


def carried(before: Scenes, after: Scenes) -> Tensor:
    """(B, N, P, 3 + c): the points of the scenes before, moved, turned and stretched as the boxes were.

    An object without points (zeros, where a camera saw nothing of it) stays without.
    """
    points = before["points"]
    xyz, back, there = points[..., :3], turn_about_z(-before.headings()), turn_about_z(after.headings())
    own = (xyz - before["center"][:, :, None]) @ back.transpose(-1, -2)
    if before.size is not None and after.size is not None:
        stretch = torch.where(before.size > 0, after.size / before.size.clamp_min(1e-9), torch.ones_like(before.size))
        own = own * stretch[:, :, None]
    moved = own @ there.transpose(-1, -2) + after["center"][:, :, None]
    blank = (xyz == 0).all(-1, keepdim=True)
    return torch.cat([torch.where(blank, xyz, moved), points[..., 3:]], -1)


# ------------------------------------------------------------------------------------------- random moves


def _jitter(space: Space, scenes: Scenes, generator: torch.Generator) -> Values:
    """Everything moved a little."""
    low, high = space.bounds(scenes)
    made = {}
    for name, value in space.values(scenes).items():
        noise = torch.randn(value.shape, generator=generator).to(value)
        made[name] = (value + JITTER * (high[name] - low[name]) * noise).clamp(low[name], high[name])
    return made


def _scatter(space: Space, scenes: Scenes, generator: torch.Generator) -> Values:
    """Everything anywhere in its range."""
    low, high = space.bounds(scenes)
    return {
        name: low[name] + (high[name] - low[name]) * torch.rand(value.shape, generator=generator).to(value)
        for name, value in space.values(scenes).items()
    }


def _exchange(space: Space, scenes: Scenes, generator: torch.Generator) -> Values:
    """Each object takes place, size and yaw of a real object of some given scene, each of them from another one."""
    made, low, high = space.values(scenes), *space.bounds(scenes)
    for name, pool in space.values(space.known).items():
        if pool.shape[:2] == space.known.mask.shape:  # a tensor without objects stays as it is
            lent = pool[space.known.mask]
            chosen = torch.randint(len(lent), scenes.mask.shape, generator=generator)
            taken = lent.to(made[name])[chosen]
            made[name] = (beside(taken, made[name]) if name == "yaw" else taken).clamp(low[name], high[name])
    return made


def _contact(space: Space, scenes: Scenes, generator: torch.Generator) -> Values:
    """Jittered; then each second object is brought to touch another one, face to face along a random axis, and
    every fourth takes over another one's size."""
    made = _jitter(space, scenes, generator)
    if "center" not in made:
        return made
    batch, width = scenes.mask.shape
    number, (low, high) = torch.arange(width), space.bounds(scenes)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    # a real partner, another object than oneself wherever there are two
    score = draw(batch, width, width) - 2.0 * (~scenes.mask)[:, None] - 1.0 * torch.eye(width)
    partner = score.argmax(-1)
    if "size" in made:
        same = draw(batch, width, 1) < 0.25
        index = partner[..., None].expand_as(made["size"])
        equal = torch.where(same, made["size"].gather(1, index), made["size"])
        made["size"] = equal.clamp(low["size"], high["size"])
    center = made["center"]
    extent = torch.zeros_like(center)
    if scenes.size is not None:
        extent = hulls(space.made(scenes, made))
    other, reach = (t.gather(1, partner[..., None].expand(-1, -1, 3)) for t in (center, extent))
    axis = torch.randint(3, (batch, width, 1), generator=generator) == torch.arange(3)
    side = torch.where(draw(batch, width, 1) < 0.5, 1.0, -1.0).to(center)
    beside = (2 * draw(batch, width, 3).to(center) - 1) * (extent + reach) / 2
    touching = other + torch.where(axis, side * (extent + reach) / 2, beside)
    # only objects of odd number move, so that most of their partners stay where they are touched
    moves = ((number % 2 == 1) | (draw(batch, 1) < 0.3))[..., None]
    return made | {"center": torch.where(moves, touching, center).clamp(low["center"], high["center"])}


#: How scenes are made at random, by what is done.
MOVES: Mapping[str, Callable[[Space, Scenes, torch.Generator], Values]] = MappingProxyType(
    {"jitter": _jitter, "scatter": _scatter, "contact": _contact, "exchange": _exchange}
)


def drawn(space: Space, scenes: Scenes, kind: str, generator: torch.Generator) -> Scenes:
    """Scenes made from these by one kind of move."""
    if kind not in MOVES:
        raise unknown("kind of made scenes", kind, MOVES)
    return space.made(scenes, MOVES[kind](space, scenes, generator))
