"""A world of a graph under a transform, where the transform is not drawn at random."""

from __future__ import annotations

from dataclasses import replace

import torch

from kg import Object, RulekdError, World
from kg.formulas import Transform
from rulekd.scenes import Scenes
from rulekd.scenes.transforms import TRANSFORMS, apply


def random(transform: Transform) -> bool:
    """Is it drawn anew for every scene? So is one that takes arguments and is given none.

    >>> random(Transform("translate")), random(Transform("mirror_x"))
    (True, False)
    """
    kind = TRANSFORMS.get(transform.name)
    return kind is not None and kind.arguments[1] > 0 and not transform.arguments


def image(world: World, transform: Transform) -> World | None:
    """The boxes of the world under the transform, without facts: nobody recorded the answers about it.

    None where the transform is random (the graph does not keep what was drawn), unknown, or cannot act on boxes.
    """
    if not world.boxes or random(transform):
        return None
    boxes = [{"center": thing.center, "size": thing.size, "yaw": thing.yaw} for thing in world.objects]
    try:
        given = Scenes.from_objects([{"objects": boxes, "view": world.view}], dtype=torch.float64)
        moved = apply(transform, given)
    except RulekdError:
        return None  # a box without extent, say: the scene is shown as it was, and nothing after
    assert moved.center is not None
    assert moved.size is not None
    assert moved.yaw is not None
    things = tuple(
        Object((x, y, z), (width, depth, height), yaw, before.attributes)
        for before, (x, y, z), (width, depth, height), yaw in zip(
            world.objects, moved.center[0].tolist(), moved.size[0].tolist(), moved.yaw[0].tolist(), strict=True
        )
    )
    return replace(world, facts={}, invalid={}, objects=things)
