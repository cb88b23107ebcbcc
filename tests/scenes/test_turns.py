"""Yaws and whole turns, against angles of Python's own floats and directions on the circle."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from kg import parse_transform
from rulekd.scenes.scenes import Scenes
from rulekd.scenes.transforms import apply
from rulekd.scenes.turns import beside, into_range, least_yaw
from tests.scenes.made import random_scenes

TRANSFORMS = ["mirror_x", "mirror_y", "exchange_xy", "rotate_z(90 deg)", "rotate_z(0.7 rad)", "rotate_z"]
INVERSES = {
    "mirror_x": "mirror_x",
    "mirror_y": "mirror_y",
    "exchange_xy": "exchange_xy",
    "rotate_z(90 deg)": "rotate_z(-90 deg)",
    "rotate_z(0.7 rad)": "rotate_z(-0.7 rad)",
}


def scenes_of(least: float, dtype: torch.dtype = torch.float64, view: bool = False) -> Scenes:
    """Yaws anywhere in [least, least + 2 pi)."""
    scenes = replace(random_scenes(40, most=4, view=view), tensors={})
    turns = torch.rand(scenes.mask.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    yaw = torch.where(scenes.mask, least + 2 * math.pi * turns, 0.0)
    return replace(scenes, **{name: scenes[name].to(dtype) for name in ("center", "size", "points")}, yaw=yaw.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("least", [0.0, -math.pi])
def test_a_yaw_is_brought_into_its_range_and_turns_nowhere(least: float, dtype: torch.dtype) -> None:
    yaw = (40 * torch.rand(10_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 20).to(dtype)
    found = into_range(yaw, least)
    assert float(found.min()) >= least - 1e-6
    assert float(found.max()) < least + 2 * math.pi
    turns = (found.double() - yaw.double()) / (2 * math.pi)
    assert float((turns - turns.round()).abs().max()) < (1e-6 if dtype == torch.float32 else 1e-14)
    inside = (yaw >= least) & (yaw < least + 6.28)
    assert torch.equal(found[inside], yaw[inside]), "what lies in the range stays"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_multiples_of_90_degrees_stay_exactly_that(dtype: torch.dtype) -> None:
    quarters = torch.arange(-9, 10)
    off = torch.tensor([1e-17, -1e-17, 0.0], dtype=torch.float64)
    yaw = (quarters[:, None].double() * (math.pi / 2) + off).to(dtype)
    for least, first in ((0.0, 0), (-math.pi, -2)):
        expected = [[((quarter - first) % 4 + first) * (math.pi / 2)] * 3 for quarter in quarters.tolist()]
        assert torch.equal(into_range(yaw, least), torch.tensor(expected, dtype=torch.float64).to(dtype))


def test_the_gradient_is_one_everywhere() -> None:
    yaw = torch.tensor([-0.1, 0.0, math.pi / 2, 7.0], requires_grad=True)
    into_range(yaw, 0.0).sum().backward()
    assert yaw.grad is not None
    assert yaw.grad.tolist() == [1.0] * 4


def test_beside_another_lies_no_farther_than_half_a_turn() -> None:
    yaw, other = 40 * torch.rand(2, 1_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 20
    found = beside(yaw, other)
    assert float((found - other).abs().max()) <= math.pi + 1e-9
    assert float((found.cos() - yaw.cos()).abs().max()) < 1e-9


@pytest.mark.parametrize("view", [True, False])
@pytest.mark.parametrize("least", [0.0, -math.pi])
@pytest.mark.parametrize("text", TRANSFORMS)
def test_images_write_their_yaws_as_the_given_scenes_do(text: str, least: float, view: bool) -> None:
    scenes = scenes_of(least, view=view)
    assert least_yaw(scenes) == least
    moved = apply(parse_transform(text), scenes, torch.Generator().manual_seed(0))
    yaw = moved["yaw"][moved.mask]
    assert float(yaw.min()) >= least
    assert float(yaw.max()) < least + 2 * math.pi
    assert not torch.equal(yaw, scenes["yaw"][scenes.mask])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("least", [0.0, -math.pi])
@pytest.mark.parametrize("text", INVERSES)
def test_there_and_back_is_the_same_yaw(text: str, least: float, dtype: torch.dtype) -> None:
    scenes = scenes_of(least, dtype)
    there = apply(parse_transform(text), scenes)
    back = apply(parse_transform(INVERSES[text]), there, like=scenes)
    torch.testing.assert_close(back["yaw"], scenes["yaw"])


@pytest.mark.parametrize("text", ["mirror_x", "mirror_y", "exchange_xy", "rotate_z(90 deg)", "rotate_z(-90 deg)"])
def test_boxes_along_the_axes_stay_there_exactly(text: str) -> None:
    quarters = math.pi / 2 * torch.arange(4, dtype=torch.float32)
    scenes = Scenes.from_objects([[{"center": (n, 0, 0), "size": (1, 2, 1), "yaw": 0.0} for n in range(4)]])
    scenes = replace(scenes, yaw=quarters[None])
    moved = apply(parse_transform(text), scenes)
    assert sorted(moved["yaw"][0].tolist()) == sorted(quarters.tolist())


def test_one_scene_alone_is_written_as_those_that_it_comes_from() -> None:
    """No yaw of the first scene is negative, of the others some are."""
    scenes = Scenes.from_objects([[{"center": (0, 0, 0), "size": (1, 2, 1), "yaw": yaw}] for yaw in (0.5, -0.5)])
    alone = scenes.select([0])
    mirror = parse_transform("mirror_x")
    assert apply(mirror, alone)["yaw"].item() == pytest.approx(2 * math.pi - 0.5)
    assert apply(mirror, alone, like=scenes)["yaw"].item() == pytest.approx(-0.5)
