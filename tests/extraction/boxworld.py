"""A world of 2D boxes, y up, with 27 laws that are known to hold: free, stacked and nested boxes."""

from __future__ import annotations

import torch
from torch import Tensor

from rulekd.facts import Facts

RELATIONS = ("left_of", "right_of", "above", "below", "near", "on", "inside", "contains")

PLANTED = (
    *(
        f"{p}(b, a) -> {q}(a, b)"
        for one, two in (("left_of", "right_of"), ("above", "below"), ("inside", "contains"))
        for p, q in ((one, two), (two, one))
    ),
    "near(a, b) -> near(b, a)",
    *(f"{p}(a, b) & {p}(b, c) -> {p}(a, c)" for p in ("left_of", "right_of", "above", "below", "inside", "contains")),
    "on(a, b) -> above(a, b)",
    "on(b, a) -> below(a, b)",
    *(f"inside(a, b) & {p}(b, c) -> {p}(a, c)" for p in ("left_of", "right_of", "above", "below")),
    *(f"{p}(a, b) & inside(c, b) -> {p}(a, c)" for p in ("left_of", "right_of", "above", "below")),
    "on(a, b) & above(b, c) -> above(a, c)",
    "above(a, b) & on(b, c) -> above(a, c)",
    "on(a, b) & on(b, c) -> above(a, c)",
    "on(a, b) & inside(c, b) -> above(a, c)",
)


def box_world(scenes: int, objects: int = 12, seed: int = 0) -> Tensor:
    """(scenes, objects, 4) float64 boxes x0, y0, x1, y1, each free, or on or inside an earlier one."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)

    boxes = torch.zeros(scenes, objects, 4, dtype=torch.float64)
    for place in range(objects):
        middle, half = uniform(0, 1, scenes, 2), uniform(0.08, 0.4, scenes, 2) / 2
        free = torch.cat([middle - half, middle + half], 1)
        if place == 0:
            boxes[:, 0] = free
            continue
        below = boxes[torch.arange(scenes), torch.randint(place, (scenes,), generator=generator)]
        width, height = uniform(0.05, 0.25, scenes), uniform(0.05, 0.25, scenes)
        x = below[:, 0] + uniform(0, 1, scenes) * (below[:, 2] - below[:, 0])
        on = torch.stack([x - width / 2, below[:, 3], x + width / 2, below[:, 3] + height], 1)
        shares = uniform(0.05, 0.95, scenes, 2, 2).sort(2).values
        extent = below[:, 2:] - below[:, :2]
        inside = torch.cat([below[:, :2] + shares[..., 0] * extent, below[:, :2] + shares[..., 1] * extent], 1)
        kind = torch.randint(4, (scenes, 1), generator=generator)
        boxes[:, place] = torch.where(kind < 2, free, torch.where(kind == 2, on, inside))
    return boxes


def facts_of(boxes: Tensor) -> Facts:
    """The eight relations of all ordered pairs."""
    a, b = boxes[:, :, None], boxes[:, None]
    left, above = a[..., 2] < b[..., 0], a[..., 1] >= b[..., 3] - 1e-9
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    near = torch.cdist(centre, centre) < 0.25
    overlap = (a[..., 0] < b[..., 2]) & (b[..., 0] < a[..., 2])
    on = ((a[..., 1] - b[..., 3]).abs() < 1e-6) & overlap
    inside = ((a[..., :2] >= b[..., :2]) & (a[..., 2:] <= b[..., 2:])).all(-1)
    turned = [relation.transpose(1, 2) for relation in (left, above, inside)]
    values = (left, turned[0], above, turned[1], near, on, inside, turned[2])
    return Facts(dict(zip(RELATIONS, values, strict=True)))


def permuted(facts: Facts, seed: int) -> Facts:
    """A null world: the objects of every scene are renamed anew for every predicate."""
    generator = torch.Generator().manual_seed(seed)
    values = {}
    for name, value in facts.values.items():
        order = torch.rand(value.shape[:2], generator=generator).argsort(1)
        rows = torch.take_along_dim(value, order[:, :, None], 1)
        values[name] = torch.take_along_dim(rows, order[:, None, :], 2)
    return Facts(values)


def noisy(facts: Facts, seed: int, share: float = 0.02) -> Facts:
    """A true fact is forgotten with probability ``share``, a false one added with that share of the predicate's base
    rate."""
    generator = torch.Generator().manual_seed(seed)
    off = ~torch.eye(facts.objects.shape[1], dtype=torch.bool)
    values = {}
    for name, value in facts.values.items():
        base = float(value.sum()) / (len(value) * int(off.sum()))
        drawn = torch.rand(value.shape, generator=generator)
        values[name] = torch.where(value, drawn >= share, (drawn < share * base) & off)
    return Facts(values)
