"""Made scenes: within their range, on their grid, in contact where that is meant, points with their boxes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kg import RulekdError
from rulekd.extraction.probing.space import MOVES, Space, carried, drawn, grid_of, hulls
from rulekd.scenes import Scenes
from rulekd.scenes.rooms import generate
from tests.scenes.made import random_scenes

BOXES = ("center", "size", "yaw")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def rooms() -> Scenes:
    return generate(12, seed=4, objects=(4, 7), points=8).scenes


def off_grid(scenes: Scenes, grid: float) -> float:
    """How far the worst face or extent is from a multiple of the grid, as a share of it."""
    low = (scenes["center"] - hulls(scenes) / 2)[scenes.mask]
    steps = torch.cat([low, scenes["size"][scenes.mask]]).double() / grid
    return float((steps - steps.round()).abs().max())


def test_the_grid_of_given_scenes_is_found(rooms: Scenes) -> None:
    assert grid_of(rooms) == 0.05
    assert grid_of(random_scenes(4, 5, 0)) is None
    wholes = replace(rooms, center=rooms["center"].round(), size=torch.full_like(rooms["size"], 2.0))
    assert grid_of(wholes) == 1.0


@pytest.mark.parametrize("kind", MOVES)
def test_made_scenes_lie_on_the_grid(rooms: Scenes, kind: str) -> None:
    space = Space.of(rooms, BOXES)
    made = drawn(space, rooms, kind, generator())
    assert off_grid(made, 0.05) < 1e-3
    turns = made["yaw"][made.mask] / (math.pi / 2)
    assert float((turns - turns.round()).abs().max()) < 1e-5
    assert not torch.equal(made["center"], rooms["center"])


@pytest.mark.parametrize("kind", MOVES)
@pytest.mark.parametrize("reach", [1.0, 0.2])
def test_made_values_stay_in_range_and_reach(kind: str, reach: float) -> None:
    scenes = random_scenes(6, 5, 2)
    space = Space.of(scenes, ("center", "size"), reach=reach)
    low, high = space.bounds(scenes)
    made = drawn(space, scenes, kind, generator(1))
    for name in ("center", "size"):
        real = scenes.mask[..., None].expand(-1, -1, 3)
        value, least, most = (
            made[name][real],
            low[name].expand_as(made[name])[real],
            high[name].expand_as(made[name])[real],
        )
        assert bool(((value >= least - 1e-12) & (value <= most + 1e-12)).all())
        every = scenes[name][scenes.mask]
        assert bool((value.reshape(-1, 3) >= every.amin(0) - 1e-12).all())
        assert bool((value.reshape(-1, 3) <= every.amax(0) + 1e-12).all())
        moved = (made[name] - scenes[name]).abs()[scenes.mask]
        assert bool((moved <= reach * (every.amax(0) - every.amin(0)) + 1e-12).all())


@pytest.mark.parametrize("kind", MOVES)
def test_padding_attributes_and_names_stay_and_labels_go(kind: str) -> None:
    scenes = random_scenes(6, 5, 3)
    made = drawn(Space.of(scenes, BOXES), scenes, kind, generator())
    assert torch.equal(made.mask, scenes.mask)
    for name in ("center", "size", "yaw"):
        assert torch.equal(made[name][~made.mask], scenes[name][~made.mask])
    assert torch.equal(made.categories["shape"], scenes.categories["shape"])
    assert torch.equal(made.tensors["image"], scenes.tensors["image"])
    assert made.names == scenes.names
    assert made.labels == {}
    made.check()


def touching(scenes: Scenes) -> Tensor:
    """(B,) bool: do any two hulls of a scene share a face plane and overlap along the other two axes?"""
    half = hulls(scenes) / 2
    low, high = scenes["center"] - half, scenes["center"] + half
    meet = (high[:, :, None] - low[:, None]).abs() < 1e-5
    common = torch.minimum(high[:, :, None], high[:, None]) - torch.maximum(low[:, :, None], low[:, None]) > 1e-5
    both = torch.stack(
        [meet[..., i] & common[..., j] & common[..., k] for i, j, k in ((0, 1, 2), (1, 0, 2), (2, 0, 1))]
    )
    real = scenes.mask[:, :, None] & scenes.mask[:, None]
    return (both.any(0) & real).flatten(1).any(1)


def test_contact_is_made_without_a_grid() -> None:
    """Equality has measure zero: nothing else makes any, and this does nearly everywhere."""
    scenes = random_scenes(60, 5, 5)
    scenes = scenes.select(scenes.mask.sum(1) >= 2)
    wide = {"center": (-9.0, 9.0)}
    space = Space.of(scenes, BOXES, ranges=wide)
    assert space.grid is None
    shares = {kind: float(touching(drawn(space, scenes, kind, generator())).double().mean()) for kind in MOVES}
    assert shares["contact"] > 0.6, "saw 0.87"
    assert shares["jitter"] == shares["scatter"] == shares["exchange"] == 0


def test_contact_makes_equal_sizes_too() -> None:
    scenes = random_scenes(60, 5, 5)
    made = drawn(Space.of(scenes, ("center", "size")), scenes, "contact", generator())
    same = (made["size"][:, :, None] - made["size"][:, None]).abs().amax(-1) < 1e-12
    same = same & made.mask[:, :, None] & made.mask[:, None] & ~torch.eye(5, dtype=torch.bool)
    assert float(same.flatten(1).any(1).double().mean()) > 0.4, "saw 0.63"


def test_things_with_equal_extents_keep_them() -> None:
    scenes = random_scenes(6, 5, 1)
    cubes = replace(scenes, size=scenes["size"][..., :1].expand(-1, -1, 3).clone())
    space = Space.of(cubes, ("size",))
    assert space.values(cubes)["size"].shape == (6, 5, 1)
    made = drawn(space, cubes, "scatter", generator())
    assert torch.equal(made["size"][..., 0], made["size"][..., 2])
    assert not torch.equal(made["size"], cubes["size"])


def test_exchanged_objects_stand_where_real_ones_stood() -> None:
    scenes = random_scenes(6, 5, 1)
    made = drawn(Space.of(scenes, ("center",)), scenes, "exchange", generator())
    known = scenes["center"][scenes.mask]
    gaps = torch.cdist(made["center"][made.mask], known).amin(1)
    assert float(gaps.max()) < 1e-6


def test_points_go_with_their_boxes() -> None:
    """Against a formula of one's own: corners of boxes stay corners."""
    signs = torch.tensor([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)]).double()

    def corners(scenes: Scenes) -> Tensor:
        own = signs * scenes["size"][:, :, None] / 2
        yaw = scenes["yaw"]
        x = own[..., 0] * yaw.cos()[..., None] - own[..., 1] * yaw.sin()[..., None]
        y = own[..., 0] * yaw.sin()[..., None] + own[..., 1] * yaw.cos()[..., None]
        return torch.stack([x, y, own[..., 2]], -1) + scenes["center"][:, :, None]

    scenes = random_scenes(5, 4, 6)
    scenes = replace(scenes, points=corners(scenes))
    made = drawn(Space.of(scenes, BOXES), scenes, "scatter", generator())
    real = scenes.mask
    assert torch.allclose(made["points"][real], corners(made)[real])
    unseen = replace(scenes, points=torch.zeros_like(scenes["points"]))
    assert not carried(unseen, made).any()


def test_a_gradient_passes_the_grid() -> None:
    rooms = generate(3, seed=1, objects=(4, 5), points=None).scenes
    space = Space.of(rooms, BOXES)
    values = {name: value.clone().requires_grad_() for name, value in space.values(rooms).items()}
    made = space.made(rooms, values)
    (made["center"].sum() + made["size"].sum()).backward()
    assert values["center"].grad is not None
    assert torch.equal(values["center"].grad, rooms.mask[..., None].expand(-1, -1, 3).float())


def test_what_a_space_is_told_in_words(rooms: Scenes) -> None:
    assert "on a grid of 0.05 m" in str(Space.of(rooms, BOXES))
    assert "10%" in str(Space.of(rooms, BOXES, reach=0.1))
    assert "grid" not in str(Space.of(rooms, BOXES, grid=None))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"names": ("centre",)}, "centre"),
        ({"names": ("image",)}, "no range is given"),
        ({"names": ("tokens",), "ranges": {"tokens": (0, 1)}}, "tokens"),
        ({"names": (), "ranges": {"weight": (2, 1)}}, "2 to 1"),
        ({"names": ("center",), "reach": 0.0}, r"a reach of 0\.0"),
        ({"names": ("center",), "grid": -1.0}, r"a grid of -1\.0"),
    ],
)
def test_impossible_spaces_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(RulekdError, match=said):
        Space.of(random_scenes(3, 3, 0), **given)  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize("kind", MOVES)
@pytest.mark.parametrize("least", [0.0, -math.pi])
def test_made_yaws_are_written_as_the_given_ones(kind: str, least: float) -> None:
    """A network may read the number; jittered and scattered yaws go round."""
    scenes = random_scenes(30, 5, 2)
    turns = torch.rand(scenes.mask.shape, generator=generator(3), dtype=torch.float64)
    scenes = replace(scenes, yaw=torch.where(scenes.mask, least + 2 * math.pi * turns, 0.0))
    made = drawn(Space.of(scenes, BOXES), scenes, kind, generator(1))["yaw"][scenes.mask]
    assert float(made.min()) >= least
    assert float(made.max()) < least + 2 * math.pi


def test_an_exchanged_yaw_is_that_of_a_real_object() -> None:
    scenes = random_scenes(6, 5, 1)
    made = drawn(Space.of(scenes, ("yaw",)), scenes, "exchange", generator())["yaw"][scenes.mask]
    gaps = made[:, None] - scenes["yaw"][scenes.mask]
    assert float((gaps / (2 * math.pi) - (gaps / (2 * math.pi)).round()).abs().amin(1).max()) < 1e-9
