"""Furnished rooms, made to order: exact contacts, labels from definitions, and points as a camera sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kg.errors import RulekdError
from kg.formulas import Formula
from kg.predicates import Predicate, Vocabulary
from kg.text import parse
from rulekd.scenes.definitions import relabelled
from rulekd.scenes.furniture import GRID, KINDS, RELATIONS
from rulekd.scenes.layout import Placed, furnish
from rulekd.scenes.points import COLOR_NOISE, COLORS
from rulekd.scenes.scene_set import SceneSet
from rulekd.scenes.scenes import Scenes
from rulekd.scenes.sight import visible_points

#: The camera: metres in front of the front wall, and its least and most height.
CAMERA_BACK, CAMERA_HEIGHT = 1.0, (1.4, 2.2)


@dataclass(frozen=True)
class Furnished:
    """One room. low: of the room's floor, metres, so that its middle is the origin. camera: metres."""

    things: list[Placed]
    low: tuple[float, float]
    camera: tuple[float, float, float]


def generate(
    count: int,
    seed: int = 0,
    *,
    objects: tuple[int, int] = (6, 14),
    points: int | None = 32,
    noise: float = 0.02,
) -> SceneSet:
    """``count`` rooms, each its own group; the same for the same seed, and the first of a larger number.

    objects: least and most in a room. points: P surface points of each object that the camera sees, x, y, z, red,
    green, blue, with noise of that many metres; an object of which it sees nothing has zeros there and the number
    ``visible`` 0. None = no points. Frame: x right, y away, z up, the floor at z = 0, the origin amid it; all
    faces lie on multiples of 5 cm, yaw on quarter turns. Categories ``category`` and ``color``; the number ``kind``
    counts the categories, so that definitions can speak of them.
    """
    low, high = objects
    if seed < 0:
        raise RulekdError(f"the seed is {seed}", hint="Give a whole number, 0 or more.")
    if count < 1 or not 3 <= low <= high or (points is not None and points < 1) or not noise >= 0:
        raise RulekdError(
            f"{count} rooms of {low} to {high} objects, {points} points, noise {noise}",
            hint="Give 1 or more rooms, 3 or more objects (the lesser number first), 1 or more points.",
        )
    rooms = [_room(seed, number, objects) for number in range(count)]
    scenes = _tensors(rooms, seed)
    if points is not None:
        scenes = _with_points(scenes, rooms, seed, points, noise)
    meaning = definitions()
    labelled = relabelled(scenes, meaning)
    return SceneSet(labelled, vocabulary(), meaning, source=f"rooms seed {seed}")


def vocabulary() -> Vocabulary:
    """The relations of two objects, and one predicate for each kind of thing."""
    words = {name: Predicate(name, 2) for name in RELATIONS}
    return Vocabulary(words | {name: Predicate(name, 1) for name in KINDS}, tolerance=0.01)


def definitions() -> dict[str, Formula]:
    """What each predicate means, in the frame of the view; labels are computed from these."""
    kinds = {name: f"{name}(a) <-> kind(a) = {number}" for number, name in enumerate(KINDS)}
    return {name: parse(text) for name, text in (dict(RELATIONS) | kinds).items()}


def _room(seed: int, number: int, objects: tuple[int, int]) -> Furnished:
    random = np.random.default_rng([seed, number])
    count = int(random.integers(*objects, endpoint=True))
    (width, depth), things = furnish(count, random)
    # whole units from the middle to the wall, so that faces stay on the grid
    low = (-GRID * (width // 2), -GRID * (depth // 2))
    across = random.choice([0.0, 1.0, random.uniform(0.25, 0.75)])  # a corner, the other, or somewhere in front
    camera = (low[0] + across * width * GRID, low[1] - CAMERA_BACK, random.uniform(*CAMERA_HEIGHT))
    return Furnished(things, low, camera)


def _tensors(rooms: Sequence[Furnished], seed: int) -> Scenes:
    counts = [len(room.things) for room in rooms]
    mask = torch.arange(max(counts))[None] < torch.tensor(counts)[:, None]
    kinds, colors = list(KINDS), sorted(COLORS)
    rows: list[Placed] = [thing for room in rooms for thing in room.things]
    shift = [room.low for room in rooms for _ in room.things]
    low = np.array([thing.low for thing in rows], dtype=float) * GRID
    low[:, :2] += np.array(shift)
    hull = np.array([thing.hull for thing in rows], dtype=float) * GRID
    names = tuple(f"room {seed}-{number}" for number in range(len(rooms)))
    return Scenes(
        mask=mask,
        center=_filled(mask, low + hull / 2),
        size=_filled(mask, np.array([thing.size for thing in rows], dtype=float) * GRID),
        yaw=_filled(mask, np.array([thing.quarters for thing in rows]) * (math.pi / 2)),
        numbers={"kind": _filled(mask, np.array([float(kinds.index(thing.kind)) for thing in rows]))},
        categories={
            "category": _numbered(mask, [kinds.index(thing.kind) for thing in rows]),
            "color": _numbered(mask, [colors.index(thing.color) for thing in rows]),
        },
        category_names={"category": tuple(kinds), "color": tuple(colors)},
        names=names,
        group=names,
        object_ids=tuple(_ids(room.things) for room in rooms),
    )


def _filled(mask: Tensor, values: np.ndarray) -> Tensor:
    """(B, N, ..) float32 with the values of all objects in a row at the real places, 0 elsewhere."""
    filled = torch.zeros(*mask.shape, *values.shape[1:])
    filled[mask] = torch.from_numpy(values).float()
    return filled


def _numbered(mask: Tensor, values: list[int]) -> Tensor:
    filled = torch.full(mask.shape, -1, dtype=torch.int64)
    filled[mask] = torch.tensor(values)
    return filled


def _ids(things: Sequence[Placed]) -> tuple[str, ...]:
    """desk, chair, chair 2, ...: the kind, numbered from the second on."""
    seen: dict[str, int] = {}
    names = []
    for thing in things:
        seen[thing.kind] = seen.get(thing.kind, 0) + 1
        names.append(thing.kind if seen[thing.kind] == 1 else f"{thing.kind} {seen[thing.kind]}")
    return tuple(names)


def _with_points(scenes: Scenes, rooms: Sequence[Furnished], seed: int, count: int, noise: float) -> Scenes:
    """The scenes with points and the number ``visible``. Every room has a stream of random numbers of its own."""
    points = np.zeros((*scenes.mask.shape, count, 6))
    seen = np.zeros(scenes.mask.shape)
    middle, half = scenes["center"].double().numpy(), scenes.extents_in_view().double().numpy() / 2
    for row, room in enumerate(rooms):
        random = np.random.default_rng([seed, row, 1])
        real = slice(0, len(room.things))
        center, extent = middle[row, real], half[row, real]
        through = _seen_through(room.things)
        camera = np.array(room.camera)
        xyz, visible = visible_points(center - extent, center + extent, through, camera, count, random)
        xyz = xyz + noise * random.standard_normal(xyz.shape)
        painted = np.array([COLORS[thing.color] for thing in room.things])[:, None]
        color = (painted + COLOR_NOISE * random.standard_normal(xyz.shape)).clip(0, 1)
        points[row, real] = np.concatenate([xyz, color], axis=-1) * visible[:, None, None]
        seen[row, real] = visible
    numbers = {**scenes.numbers, "visible": torch.from_numpy(seen).float()}
    return replace(scenes, points=torch.from_numpy(points).float(), numbers=numbers)


def _seen_through(things: Sequence[Placed]) -> np.ndarray:
    """(N, N), True where thing i lies in the open thing j, however deep."""
    through = np.zeros((len(things), len(things)), dtype=bool)
    for number, thing in enumerate(things):
        inner = thing
        while inner.host >= 0:
            holder = things[inner.host]
            through[number, inner.host] = inner.within and not KINDS[holder.kind].opaque
            inner = holder
    return through
