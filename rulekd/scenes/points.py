"""Surface points for scenes of boxes, drawn with noise from each object's true shape."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from kg.errors import RulekdError, unknown
from rulekd.scenes.scenes import Scenes, turn_about_z

#: How much the colour of a point wavers (standard deviation, in 0..1).
COLOR_NOISE = 0.1
#: Red, green, blue in 0..1 by the name of a colour; any other colour is grey.
COLORS: dict[str, tuple[float, float, float]] = {
    "gray": (0.34, 0.34, 0.34),
    "grey": (0.34, 0.34, 0.34),
    "red": (0.68, 0.14, 0.14),
    "blue": (0.16, 0.29, 0.84),
    "green": (0.11, 0.41, 0.08),
    "brown": (0.51, 0.29, 0.10),
    "purple": (0.51, 0.15, 0.75),
    "cyan": (0.16, 0.82, 0.82),
    "yellow": (1.00, 0.93, 0.20),
    "orange": (0.95, 0.55, 0.10),
    "pink": (0.95, 0.60, 0.70),
    "maroon": (0.50, 0.05, 0.15),
    "beige": (0.90, 0.85, 0.70),
    "white": (0.95, 0.95, 0.95),
    "black": (0.05, 0.05, 0.05),
}
GREY = (0.5, 0.5, 0.5)


def with_points(
    scenes: Scenes,
    count: int,
    noise: float,
    jitter: float,
    seed: int,
    shape_attribute: str,
    color_attribute: str,
) -> Scenes:
    """The scenes with points (B, N, P, 6), uniform over the surface of each object, turned by its yaw, in file frame.

    One seed gives one answer; every scene has its own stream, by its name, so that no scene changes the points of
    another. The box itself is left as it is: only the points are jittered.
    """
    if count < 1 or not noise >= 0 or not jitter >= 0:
        raise RulekdError(
            f"{count} points with noise {noise} m and jitter {jitter} m", hint="Give 1 or more points, noise 0 or more."
        )
    center, size = scenes["center"], scenes["size"]
    shape = (*scenes.mask.shape, count)
    drawn = _draw(scenes, count, seed)
    unit = SHAPES["box"](drawn[..., :3], size)
    if shape_attribute in scenes.categories:
        kinds, names = scenes.categories[shape_attribute], scenes.category_names[shape_attribute]
        for number, name in enumerate(names):
            if name not in SHAPES:
                raise unknown(f"shape ({shape_attribute})", name, SHAPES)
            chosen = (kinds == number)[..., None, None]
            unit = torch.where(chosen, SHAPES[name](drawn[..., :3], size), unit)
    local = (unit - 0.5) * size[:, :, None]
    turned = local @ turn_about_z(scenes.headings()).transpose(-1, -2)
    place = center[:, :, None] + jitter * drawn[:, :, :1, 9:12]  # one draw an object
    xyz = turned + place + noise * drawn[..., 3:6]
    color = (_colors(scenes, color_attribute)[:, :, None].expand(*shape, 3) + COLOR_NOISE * drawn[..., 6:9]).clamp(0, 1)
    points = torch.cat([xyz, color], dim=-1) * scenes.mask[..., None, None]
    return replace(scenes, points=points)


def _draw(scenes: Scenes, count: int, seed: int) -> Tensor:
    """(B, N, P, 12): three uniform in 0..1, nine standard normal; by the scene's name and number of objects only."""
    kind, width = scenes["center"].dtype, scenes.mask.shape[1]
    rows = []
    for name, used in zip(scenes.names, scenes.mask.sum(1).tolist(), strict=True):
        generator = torch.Generator().manual_seed(_stream(seed, name))
        uniform = torch.rand(used, count, 3, generator=generator)
        normal = torch.randn(used, count, 9, generator=generator)
        row = torch.zeros(width, count, 12)
        row[:used] = torch.cat([uniform, normal], dim=-1)
        rows.append(row)
    return torch.stack(rows).to(scenes.device, kind)


def _stream(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:7], "big")


def _colors(scenes: Scenes, attribute: str) -> Tensor:
    """(B, N, 3): red, green, blue by the colour attribute; grey where it is absent, unknown or no colour of ours."""
    table = torch.tensor([GREY], dtype=scenes["center"].dtype, device=scenes.device)
    if attribute not in scenes.categories:
        return table[0].expand(*scenes.mask.shape, 3)
    named = [COLORS.get(name, GREY) for name in scenes.category_names[attribute]]
    table = torch.tensor([*named, GREY], dtype=table.dtype, device=scenes.device)
    return table[scenes.categories[attribute]]  # -1, unknown, picks the last: grey


def _box(uniform: Tensor, size: Tensor) -> Tensor:
    """Uniform over the faces of a box: each pair of faces by its area, then a side, then a place."""
    first, second, third = (size[..., None, axis] for axis in range(3))
    areas = torch.stack([second * third, first * third, first * second], dim=-1)
    total = areas.sum(-1)
    # a box without surface (all extents 0) is a point: any face will do
    shares = torch.where(total[..., None] > 0, areas / total.clamp_min(1e-12)[..., None], 1 / 3)
    shares = shares.expand(*uniform.shape[:-1], 3)
    ends = shares.cumsum(-1)
    face = (uniform[..., :1] >= ends[..., :2]).sum(-1)
    begin = ends.gather(-1, face.unsqueeze(-1))[..., 0] - shares.gather(-1, face.unsqueeze(-1))[..., 0]
    share = shares.gather(-1, face.unsqueeze(-1))[..., 0].clamp_min(1e-12)
    side = ((uniform[..., 0] - begin) / share >= 0.5).to(uniform.dtype)
    axes = torch.arange(3, device=uniform.device)
    # the face's own axis takes the side; the next axis takes the second number, the one after it the third
    turn = (axes - face[..., None]) % 3
    values = torch.stack([side, uniform[..., 1], uniform[..., 2]], dim=-1)
    return values.gather(-1, turn)


def _sphere(uniform: Tensor, size: Tensor) -> Tensor:
    """Uniform over the sphere of equal extents (stretched with them): height uniform, then the angle."""
    height, angle = 2 * uniform[..., 1] - 1, 2 * math.pi * uniform[..., 2]
    radius = (1 - height**2).clamp_min(0).sqrt()
    return torch.stack([radius * angle.cos(), radius * angle.sin(), height], dim=-1) / 2 + 0.5


def _cylinder(uniform: Tensor, size: Tensor) -> Tensor:
    """Uniform over an upright cylinder: a cap or the mantle by area, radius = mean of the half extents across."""
    radius, height = (size[..., None, 0] + size[..., None, 1]) / 4, size[..., None, 2]
    # areas over pi: the mantle 2 r h, each cap r^2
    mantle = 2 * radius * height
    chance = (mantle / (mantle + 2 * radius**2).clamp_min(1e-12)).expand(uniform.shape[:-1])
    on_mantle = uniform[..., 0] < chance
    upper = (uniform[..., 0] - chance) / (1 - chance).clamp_min(1e-12) >= 0.5
    angle = 2 * math.pi * uniform[..., 1]
    out = torch.where(on_mantle, 1.0, uniform[..., 2].sqrt())  # a disc holds r^2 of its area within r
    up = torch.where(on_mantle, uniform[..., 2], upper.to(uniform.dtype))
    return torch.stack([out * angle.cos() / 2 + 0.5, out * angle.sin() / 2 + 0.5, up], dim=-1)


#: By shape: (uniform numbers (.., P, 3), extents (.., 3)) -> points on it, (.., P, 3) as shares 0..1 of the extents.
SHAPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "box": _box,
    "cube": _box,
    "sphere": _sphere,
    "cylinder": _cylinder,
}
