"""Transforms against closed forms: corners of boxes, distances, repetition, and what becomes of relations."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kg.errors import FormulaError, RulekdError, UnknownNameError
from kg.formulas import Quantity, Transform
from kg.text import parse_transform
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.readers import clevr
from rulekd.scenes.transforms import TRANSFORMS, apply, unacted
from tests.scenes.made import random_scenes

COS, SIN = math.cos(0.7), math.sin(0.7)

#: What each transform does to a vector in the frame of the view, written out by hand.
MATRICES: dict[str, list[list[float]]] = {
    "mirror_x": [[-1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "mirror_y": [[1, 0, 0], [0, -1, 0], [0, 0, 1]],
    "mirror_z": [[1, 0, 0], [0, 1, 0], [0, 0, -1]],
    "rotate_z(90 deg)": [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
    "rotate_z(0.7 rad)": [[COS, -SIN, 0], [SIN, COS, 0], [0, 0, 1]],
    "rotate_z(-90 deg)": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
    "rotate_x(90 deg)": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "rotate_y(90 deg)": [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
    "rotate_y(180 deg)": [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],
    "exchange_xy": [[0, 1, 0], [1, 0, 0], [0, 0, 1]],
    "exchange_yz": [[1, 0, 0], [0, 0, 1], [0, 1, 0]],
    "exchange_xz": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
    "scale(1.5)": [[1.5, 0, 0], [0, 1.5, 0], [0, 0, 1.5]],
    "translate_x(2 m)": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "translate(1, 0, 3)": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}
SHIFTS = {"translate_x(2 m)": [2.0, 0, 0], "translate(1, 0, 3)": [1.0, 0, 3]}
TILTING = ("rotate_x", "rotate_y", "exchange_yz", "exchange_xz")


def squared(scenes: Scenes) -> Scenes:
    """The scenes with every yaw a multiple of 90 degrees in the view, and no further tensors."""
    right = scenes.axes()[:, 0]
    angle = torch.atan2(right[:, 1], right[:, 0])[:, None]
    quarters = torch.arange(scenes.mask.shape[1], dtype=torch.float64) * (math.pi / 2)
    return replace(scenes, yaw=torch.where(scenes.mask, quarters + angle, 0.0), tensors={})


def prepared(text: str, *, seed: int = 0, view: bool = True) -> Scenes:
    """Random scenes that the transform can act on."""
    scenes = random_scenes(3, most=4, seed=seed, view=view)
    return squared(scenes) if text.startswith(TILTING) else replace(scenes, tensors={})


def corners(scenes: Scenes) -> Tensor:
    """(B, N, 8, 3): the corners of every box, in the frame of the view."""
    yaw, size = scenes.headings(), scenes["size"] / 2
    signs = torch.tensor([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=size.dtype)
    local = signs * size[:, :, None]
    x = local[..., 0] * yaw.cos()[..., None] - local[..., 1] * yaw.sin()[..., None]
    y = local[..., 0] * yaw.sin()[..., None] + local[..., 1] * yaw.cos()[..., None]
    inner = torch.stack([x, y, local[..., 2]], -1) + scenes["center"][:, :, None]
    return torch.einsum("bij,bnkj->bnki", scenes.axes(), inner)


def by_hand(text: str, scenes: Scenes, points: Tensor) -> Tensor:
    """(B, N, K, 3) in the view, under the transform about the mean centre."""
    center = torch.einsum("bij,bnj->bni", scenes.axes(), scenes["center"])
    middle = torch.stack([row[real].mean(0) for row, real in zip(center, scenes.mask, strict=True)])[:, None, None]
    matrix = torch.tensor(MATRICES[text], dtype=points.dtype)
    return (points - middle) @ matrix.T + middle + torch.tensor(SHIFTS.get(text, [0.0, 0, 0]), dtype=points.dtype)


def assert_same_boxes(one: Tensor, other: Tensor, mask: Tensor) -> None:
    """Every corner of one is a corner of the other, for real objects."""
    apart = torch.cdist(one[mask], other[mask])
    assert apart.min(-1).values.max() < 1e-9
    assert apart.min(-2).values.max() < 1e-9


@pytest.mark.parametrize("view", [True, False])
@pytest.mark.parametrize("text", MATRICES)
def test_boxes_go_where_their_corners_go(text: str, view: bool) -> None:
    scenes = prepared(text, view=view)
    moved = apply(parse_transform(text), scenes)
    moved.check()
    assert_same_boxes(corners(moved), by_hand(text, scenes, corners(scenes)), scenes.mask)


@pytest.mark.parametrize("text", MATRICES)
def test_boxes_without_yaw(text: str) -> None:
    scenes = replace(random_scenes(3, most=4, view=False), yaw=None, tensors={})
    moved = apply(parse_transform(text), scenes)
    assert_same_boxes(corners(moved), by_hand(text, scenes, corners(scenes)), scenes.mask)
    assert (moved.yaw is None) == (text != "rotate_z(0.7 rad)")


@pytest.mark.parametrize("text", MATRICES)
def test_points_move_and_colours_stay(text: str) -> None:
    scenes = prepared(text)
    moved = apply(parse_transform(text), scenes)
    before = torch.einsum("bij,bnkj->bnki", scenes.axes(), scenes["points"][..., :3])
    after = torch.einsum("bij,bnkj->bnki", scenes.axes(), moved["points"][..., :3])
    torch.testing.assert_close(after[scenes.mask], by_hand(text, scenes, before)[scenes.mask])
    assert torch.equal(moved["points"][..., 3:], scenes["points"][..., 3:])


@pytest.mark.parametrize("text", MATRICES)
def test_what_is_left_alone(text: str) -> None:
    scenes = prepared(text)
    moved = apply(parse_transform(text), scenes)
    assert moved.labels == {}
    assert moved.label_valid == {}
    assert torch.equal(moved["shape"], scenes["shape"])
    assert moved.names == scenes.names
    assert torch.equal(moved.axes(), scenes.axes())
    assert not moved["center"][~scenes.mask].any()
    assert not moved["yaw"][~scenes.mask].any()


REPEATED = {
    "mirror_x": 2,
    "mirror_y": 2,
    "mirror_z": 2,
    "exchange_xy": 2,
    "exchange_yz": 2,
    "exchange_xz": 2,
    "rotate_z(90 deg)": 4,
    "rotate_x(90 deg)": 4,
    "rotate_y(90 deg)": 4,
    "rotate_z(120 deg)": 3,
}


@pytest.mark.parametrize("text", REPEATED)
def test_repeating_comes_back(text: str) -> None:
    scenes = prepared(text, seed=6)
    moved = scenes
    for _ in range(REPEATED[text]):
        moved = apply(parse_transform(text), moved)
    for name in ("center", "size", "points"):
        torch.testing.assert_close(moved[name], scenes[name])
    turned = (moved["yaw"] - scenes["yaw"]) / (2 * math.pi)
    torch.testing.assert_close(turned, turned.round())


RANDOM = ["translate", "translate_x", "translate_y", "translate_z", "rotate_z", "rotate_x", "rotate_y"]


@pytest.mark.parametrize("name", [*RANDOM, "mirror_x", "exchange_yz"])
def test_distances_are_kept(name: str) -> None:
    scenes = prepared(name, seed=3)
    moved = apply(Transform(name), scenes, torch.Generator().manual_seed(0))
    for number in range(len(scenes)):
        real = scenes.mask[number]
        before, after = scenes["center"][number, real], moved["center"][number, real]
        torch.testing.assert_close(torch.cdist(after, after), torch.cdist(before, before))


@pytest.mark.parametrize("name", [*RANDOM, "scale"])
def test_random_transforms_draw_from_the_generator_once_a_scene(name: str) -> None:
    one = prepared(name).select([0])
    scenes = replace(one.select([0] * 8), names=tuple("abcdefgh"), group=tuple("abcdefgh"))
    first, again = (apply(Transform(name), scenes, torch.Generator().manual_seed(5)) for _ in range(2))
    assert first.equals(again)
    different = {tuple(row.flatten().tolist()) for row in first["points"]}
    assert len(different) >= (2 if name in ("rotate_x", "rotate_y") else 8)


def test_random_shifts_and_factors_stay_in_their_ranges() -> None:
    scenes = replace(prepared("translate").select([0] * 500), names=tuple(map(str, range(500))), group=("g",) * 500)
    generator = torch.Generator().manual_seed(1)
    shift = apply(Transform("translate"), scenes, generator).centers_in_view() - scenes.centers_in_view()
    reach = shift[:, 0].norm(dim=-1)
    assert shift[:, 0, 2].abs().max() < 1e-9
    assert 0.95 < reach.max() <= 1 + 1e-9
    assert (reach < 0.5).float().mean().item() == pytest.approx(0.25, abs=0.06)  # uniform over the disc
    factor = (apply(Transform("scale"), scenes, generator)["size"] / scenes["size"])[:, 0, 0]
    assert 0.8 <= factor.min() < 0.82
    assert 1.23 < factor.max() <= 1.25


def test_relations_follow_the_laws_of_clevr(made_clevr: SceneSet) -> None:
    laws = {
        "mirror_x": {"left": "right", "right": "left", "front": "front", "behind": "behind", "near": "near"},
        "mirror_y": {"left": "left", "front": "behind", "behind": "front", "same_size": "same_size"},
        "rotate_z(90 deg)": {"left": "front", "front": "right", "right": "behind", "behind": "left", "near": "near"},
        "rotate_z(180 deg)": {"left": "right", "front": "behind"},
        "rotate_z": {name: name for name in ("near", "bigger", "smaller", "same_size", "same_shape")},
        "exchange_xy": {"left": "front", "behind": "right"},
        "translate": {name: name for name in clevr.TEXTS},
        "scale": {name: name for name in ("bigger", "same_size", "same_shape")},
    }
    for text, law in laws.items():
        image = made_clevr.transformed(parse_transform(text)).scenes
        for before, after in law.items():
            assert torch.equal(made_clevr.scenes.labels[before], image.labels[after]), (text, before, after)
    mirrored = made_clevr.transformed(Transform("mirror_x")).scenes
    assert not torch.equal(made_clevr.scenes.labels["left"], mirrored.labels["left"])


def test_a_batch_is_its_scenes() -> None:
    scenes = prepared("mirror_x", seed=2)
    for text in ("mirror_x", "rotate_z(40 deg)", "exchange_xy"):
        whole = apply(parse_transform(text), scenes)
        alone = [apply(parse_transform(text), scenes.select([number]).trim()) for number in range(3)]
        torch.testing.assert_close(Scenes.cat(alone)["center"], whole["center"])
        order = torch.tensor([[2, 0, 3, 1]]).expand(3, 4)
        permuted = apply(parse_transform(text), scenes.permute(order))
        torch.testing.assert_close(permuted["center"], whole.permute(order)["center"])


def test_points_alone_are_turned_about_their_mean() -> None:
    points = torch.tensor([[[[0.0, 0, 0], [2, 0, 0]]]])
    scenes = Scenes(torch.ones(1, 1, dtype=torch.bool), points=points)
    turned = apply(parse_transform("rotate_z(90 deg)"), scenes)["points"]
    torch.testing.assert_close(turned, torch.tensor([[[[1.0, -1, 0], [1, 1, 0]]]]))


def test_what_cannot_be_acted_on_is_named() -> None:
    scenes = random_scenes(2)
    assert unacted(Transform("mirror_x"), scenes) == ["image", "tokens"]
    bare = replace(scenes, tensors={})
    assert unacted(Transform("mirror_x"), bare) == []
    assert unacted(Transform("exchange_yz"), bare) == ["yaw"]
    assert unacted(parse_transform("rotate_x(30 deg)"), squared(bare)) == ["size"]
    assert unacted(parse_transform("rotate_x(30 deg)"), replace(bare, size=None, yaw=None)) == []
    assert unacted(Transform("mirror_x"), Scenes.from_objects([[{"weight": 1}]])) == ["center"]
    tilted = scenes.axes()[:, [0, 2, 1]] * torch.tensor([1, 1, -1])[None, :, None]
    assert unacted(Transform("mirror_x"), replace(bare, view=tilted)) == ["view"]


@pytest.mark.parametrize(
    ("transform", "error", "message"),
    [
        (Transform("miror_x"), UnknownNameError, "Did you mean 'mirror_x'"),
        (Transform("mirror_x", (Quantity(1, "m"),)), FormulaError, "has 1 arguments"),
        (Transform("rotate_z", (Quantity(90),)), FormulaError, "a number without unit"),
        (Transform("rotate_z", (Quantity(1, "m"),)), FormulaError, "degrees"),
        (Transform("scale", (Quantity(-1),)), FormulaError, "factor above 0"),
        (Transform("translate_x", (Quantity(5, "deg"),)), FormulaError, "gives deg"),
        (Transform("rotate_x", (Quantity(30, "deg"),)), RulekdError, "boxes would lie askew"),
        (Transform("exchange_yz"), RulekdError, "multiple of 90 degrees"),
    ],
)
def test_wrong_transforms_are_refused(transform: Transform, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        apply(transform, random_scenes(2))


#: Transforms that treat objects differently.
ONE_BY_ONE = ("exchange_objects", "translate_first")


def test_objects_trade_places_and_keep_their_attributes() -> None:
    scenes = replace(random_scenes(4, most=4), tensors={})
    moved = apply(Transform("exchange_objects"), scenes)
    moved.check()
    for scene, real in enumerate(scenes.mask):
        places = real.nonzero()[:, 0]
        for name in ("center", "size", "yaw", "points"):
            assert torch.equal(moved[name][scene, places], scenes[name][scene, places.flip(0)]), name
    assert torch.equal(moved["shape"], scenes["shape"])
    twice = apply(Transform("exchange_objects"), moved)
    assert torch.equal(twice["center"][scenes.mask], scenes["center"][scenes.mask])


def test_the_first_object_moves_alone() -> None:
    scenes = replace(random_scenes(4, most=4, view=False), tensors={})
    moved = apply(parse_transform("translate_first(1, 0, 3)"), scenes)
    shift = moved["center"] - scenes["center"]
    for scene, real in enumerate(scenes.mask):
        first, *others = real.nonzero()[:, 0].tolist()
        assert shift[scene, first].tolist() == pytest.approx([1.0, 0.0, 3.0])
        assert not shift[scene, others].any()
        assert not (moved["points"] - scenes["points"])[scene, others].any()


def test_every_transform_is_tested_here() -> None:
    assert {text.split("(")[0] for text in [*MATRICES, *RANDOM, *ONE_BY_ONE]} == set(TRANSFORMS)
