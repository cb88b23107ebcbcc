"""Scenes for tests: random ones with every field, CLEVR-like files, and the same scenes as plain worlds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from kg.objects import Object, View
from kg.worlds import World
from rulekd.scenes import Scenes

LABELS = {"win": 0, "chair": 1, "near": 2, "between": 3}


def random_scenes(
    count: int = 4, most: int = 5, seed: int = 0, *, view: bool = True, dtype: torch.dtype = torch.float64
) -> Scenes:
    """Scenes of 1 to ``most`` objects with every field, padded places zero (or -1, or False)."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, most + 1, (count,), generator=generator)
    counts[0] = most
    mask = torch.arange(most)[None] < counts[:, None]

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(count, *shape, generator=generator, dtype=dtype)

    real = mask[..., None].to(dtype)
    labels = {
        name: (torch.rand((count,) + (most,) * arity, generator=generator) < 0.4) & everywhere(mask, arity)
        for name, arity in LABELS.items()
    }
    shape = torch.randint(-1, 3, (count, most), generator=generator)
    weight = normal(most) * real[..., 0]
    weight[:, 0] = math.nan
    return Scenes(
        mask=mask,
        center=normal(most, 3) * real,
        size=(normal(most, 3).abs() + 0.1) * real,
        yaw=normal(most) * real[..., 0],
        numbers={"weight": weight},
        categories={"shape": torch.where(mask, shape, -1)},
        category_names={"shape": ("ball", "cone", "cube")},
        scene_numbers={"area": normal()},
        scene_categories={"season": torch.randint(-1, 2, (count,), generator=generator)},
        scene_category_names={"season": ("summer", "winter")},
        points=normal(most, 6, 4) * real[..., None],
        tensors={"image": normal(2, 3), "tokens": torch.randint(0, 9, (count, 4), generator=generator)},
        labels=labels,
        label_valid={"near": (torch.rand(count, most, most, generator=generator) < 0.7) & everywhere(mask, 2)},
        group=tuple(f"home {number // 2}" for number in range(count)),
        names=tuple(f"scene {number}" for number in range(count)),
        view=frames(count, generator, dtype) if view else None,
        object_ids=tuple(tuple(f"thing {n}" for n in range(int(size))) for size in counts),
    )


def everywhere(mask: torch.Tensor, arity: int) -> torch.Tensor:
    """(B, N, ..., N) bool: every argument is a real object."""
    allowed = torch.ones((mask.shape[0],) + (1,) * arity, dtype=torch.bool)
    for axis in range(arity):
        shape = [mask.shape[0], *([1] * arity)]
        shape[axis + 1] = mask.shape[1]
        allowed = allowed & mask.reshape(shape)
    return allowed


def frames(count: int, generator: torch.Generator, dtype: torch.dtype) -> torch.Tensor:
    """(B, 3, 3): upright views, turned about z at random."""
    angle = 6.28 * torch.rand(count, generator=generator, dtype=dtype)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [angle.cos(), angle.sin(), zero, -angle.sin(), angle.cos(), zero, zero, zero, one]
    return torch.stack(rows, -1).reshape(count, 3, 3)


def world_of(scenes: Scenes, number: int) -> World:
    """One scene as a plain world, read off value by value."""
    places = scenes.mask[number].nonzero()[:, 0].tolist()
    yaw = scenes.headings()
    objects = []
    for place in places:
        attributes: dict[str, float | str] = {
            name: float(value[number, place])
            for name, value in scenes.numbers.items()
            if not math.isnan(float(value[number, place]))
        }
        for name, value in scenes.categories.items():
            if int(value[number, place]) >= 0:
                attributes[name] = scenes.category_names[name][int(value[number, place])]
        center, size = scenes["center"][number, place].tolist(), scenes["size"][number, place].tolist()
        objects.append(Object(tuple(center), tuple(size), float(yaw[number, place]), attributes))
    rows: list[list[float]] = scenes.axes()[number].tolist()
    view: View = (_vector(rows[0]), _vector(rows[1]), _vector(rows[2]))
    facts = {
        name: {tuple(place) for place in value[number].nonzero().tolist()} if value.dim() > 1 else _bare(value[number])
        for name, value in scenes.labels.items()
    }
    numbers: dict[str, float | str] = {name: float(value[number]) for name, value in scenes.scene_numbers.items()}
    return World(len(places), facts, objects=tuple(objects), view=view, numbers=numbers)


def _vector(row: list[float]) -> tuple[float, float, float]:
    return (row[0], row[1], row[2])


def _bare(value: torch.Tensor) -> set[tuple[int, ...]]:
    return {()} if bool(value) else set()


def clevr_file(count: int, seed: int = 0) -> dict[str, Any]:
    """A document like CLEVR's own: random things on a plane, relations by its directions, as its authors list them."""
    random = np.random.default_rng(seed)
    scenes = []
    for number in range(count):
        angle = random.uniform(0, 2 * math.pi)
        right = np.array([math.cos(angle), math.sin(angle), 0.0])
        behind = np.array([-math.sin(angle), math.cos(angle), 0.0])
        directions = {
            "right": right,
            "left": -right,
            "behind": behind,
            "front": -behind,
            "above": np.array([0, 0, 1.0]),
        }
        objects = []
        for _ in range(int(random.integers(3, 8))):
            size = str(random.choice(["large", "small"]))
            height = 0.7 if size == "large" else 0.35
            objects.append(
                {
                    "size": size,
                    "shape": str(random.choice(["cube", "sphere", "cylinder"])),
                    "color": str(random.choice(["red", "blue"])),
                    "material": str(random.choice(["rubber", "metal"])),
                    "rotation": float(random.uniform(0, 360)),
                    "3d_coords": [float(random.uniform(-3, 3)), float(random.uniform(-3, 3)), height],
                }
            )
        place = [np.array(thing["3d_coords"]) for thing in objects]
        relationships = {
            name: [
                [j for j in range(len(objects)) if j != i and float((place[j] - place[i]) @ direction) > 0.2]
                for i in range(len(objects))
            ]
            for name, direction in directions.items()
            if name != "above"
        }
        scenes.append(
            {
                "image_index": number,
                "image_filename": f"made_{number:06d}.png",
                "objects": objects,
                "relationships": relationships,
                "directions": {name: direction.tolist() for name, direction in directions.items()},
            }
        )
    return {"info": {"split": "made"}, "scenes": scenes}
