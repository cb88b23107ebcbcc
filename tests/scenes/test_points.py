"""Surface points lie on the surfaces of the true shapes, evenly, and with the noise that was asked for."""

from __future__ import annotations

import math

import pytest
import torch

from kg.errors import RulekdError, UnknownNameError
from rulekd.scenes import Scenes, SceneSet

YAW = 0.6


def sampled(shape: str | None, *, count: int = 4000, noise: float = 0.0, jitter: float = 0.0) -> torch.Tensor:
    """(P, 3) points of one object of extents 2, 4, 6 (2, 2, 2 for spheres, 2, 2, 6 for cylinders), in its own frame."""
    size = {"sphere": (2, 2, 2), "cylinder": (2, 2, 6)}.get(shape or "", (2, 4, 6))
    thing = {"center": (1, 2, 3), "size": size, "yaw": YAW, **({"shape": shape} if shape else {})}
    scenes = SceneSet(Scenes.from_objects([[thing]])).with_points(count, noise=noise, jitter=jitter)
    away = scenes.scenes["points"][0, 0, :, :3] - torch.tensor([1.0, 2, 3])
    turn = torch.tensor([[math.cos(YAW), math.sin(YAW), 0], [-math.sin(YAW), math.cos(YAW), 0], [0, 0, 1]])
    return away @ turn.T


@pytest.mark.parametrize("shape", ["box", "cube", None])
def test_points_of_a_box_are_on_its_faces_by_area(shape: str | None) -> None:
    points = sampled(shape)
    share = points.abs() / torch.tensor([1.0, 2, 3])
    assert (share.max(-1).values - 1).abs().max() < 1e-5
    on = (share - 1).abs() < 1e-5
    # areas of the three pairs of faces: 24, 12, 8 of 44
    for axis, expected in enumerate((24 / 44, 12 / 44, 8 / 44)):
        assert on[:, axis].float().mean().item() == pytest.approx(expected, abs=0.03)
        assert (points[on[:, axis], axis] > 0).float().mean().item() == pytest.approx(0.5, abs=0.06)


def test_points_of_a_sphere_are_uniform() -> None:
    points = sampled("sphere")
    assert (points.norm(dim=-1) - 1).abs().max() < 1e-5
    # by Archimedes each coordinate is uniform in -1..1, whose variance is 1/3
    assert points.mean(0).abs().max() < 0.04
    torch.testing.assert_close(points.var(0), torch.full((3,), 1 / 3), atol=0.02, rtol=0)


def test_points_of_a_cylinder_are_on_mantle_and_caps_by_area() -> None:
    points = sampled("cylinder")
    radius, height = points[:, :2].norm(dim=-1), points[:, 2].abs() / 3
    mantle = (radius - 1).abs() < 1e-5
    assert bool((mantle | ((height - 1).abs() < 1e-5)).all())
    # mantle 2 pi 6 = 12 pi, caps 2 pi
    assert mantle.float().mean().item() == pytest.approx(12 / 14, abs=0.02)
    caps = radius[~mantle]
    assert (caps < math.sqrt(0.5)).float().mean().item() == pytest.approx(0.5, abs=0.07)


def test_noise_and_jitter_are_what_was_asked_for() -> None:
    noisy = sampled("sphere", noise=0.05)
    assert (noisy.norm(dim=-1) - 1).std().item() == pytest.approx(0.05, abs=0.005)
    things = [[{"center": (0, 0, 0), "size": (1, 1, 1), "shape": "sphere"}] for _ in range(400)]
    moved = SceneSet(Scenes.from_objects(things)).with_points(200, noise=0, jitter=0.1).scenes["points"][..., :3]
    middle = moved[:, 0].mean(1)
    # the mean of 200 points of a sphere of radius 0.5 wavers by 0.5 / sqrt(600) about its middle
    expected = math.sqrt(0.1**2 + 0.25 / 600)
    assert middle.std(0).mean().item() == pytest.approx(expected, rel=0.08)
    # an object is moved as a whole: its points stay on one sphere
    spread = (moved[0, 0] - moved[0, 0].mean(0)).norm(dim=-1)
    assert spread.std().item() < 0.05


def test_colours_are_those_of_the_attribute() -> None:
    things = [{"center": (0, 0, 0), "size": (1, 1, 1), "color": name} for name in ("red", "blue", "striped")]
    colors = SceneSet(Scenes.from_objects([things])).with_points(500).scenes["points"][0, ..., 3:]
    assert colors.min() >= 0
    assert colors.max() <= 1
    red, blue, other = colors.mean(1)
    assert red[0] > red[1] + 0.3
    assert blue[2] > blue[0] + 0.3
    assert (other - 0.5).abs().max() < 0.05
    assert colors[0, :, 0].std().item() == pytest.approx(0.1, abs=0.02)


def test_one_seed_one_answer_whatever_else_is_there(made_clevr: SceneSet) -> None:
    whole = made_clevr.with_points(8, seed=2).scenes
    part = made_clevr.select([5, 3]).with_points(8, seed=2).scenes
    assert torch.equal(part["points"], whole.select([5, 3])["points"])
    assert not torch.equal(whole["points"], made_clevr.with_points(8, seed=3).scenes["points"])
    assert not whole["points"][~whole.mask].any()
    trimmed = SceneSet(made_clevr.scenes.select([5]).trim()).with_points(8, seed=2).scenes
    assert torch.equal(trimmed["points"], whole.select([5]).trim()["points"])


def test_wrong_requests_are_refused(made_clevr: SceneSet) -> None:
    with pytest.raises(RulekdError, match="0 points"):
        made_clevr.with_points(0)
    with pytest.raises(RulekdError, match="noise -1"):
        made_clevr.with_points(noise=-1)
    cone = SceneSet(Scenes.from_objects([[{"center": (0, 0, 0), "size": (1, 1, 1), "shape": "cuboid"}]]))
    with pytest.raises(UnknownNameError, match="unknown shape"):
        cone.with_points()
