"""Scenes: padding, order of objects and subsets change nothing but themselves; wrong shapes and values are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from kg.errors import RulekdError, UnknownNameError
from rulekd.scenes import Scenes
from tests.scenes.made import LABELS, random_scenes


def test_selecting_and_joining_again_is_the_same() -> None:
    scenes = random_scenes(6)
    parts = [scenes.select(slice(0, 2)), scenes.select([2]).trim(), scenes.select(torch.tensor([3, 4, 5])).trim()]
    assert Scenes.cat(parts).equals(scenes)


def test_selecting_takes_rows_of_everything() -> None:
    scenes = random_scenes(5)
    picked = scenes.select([4, 1, 1])
    assert picked.names == ("scene 4", "scene 1", "scene 1")
    assert picked.group == ("home 2", "home 0", "home 0")
    assert torch.equal(picked["center"][0], scenes["center"][4])
    assert torch.equal(picked.labels["between"][1], scenes.labels["between"][1])
    assert torch.equal(picked["image"][2], scenes["image"][1])


@pytest.mark.parametrize("index", [torch.tensor([True, False, True]), [0, 2], [-3, -1], slice(0, 3, 2), range(0, 3, 2)])
def test_every_kind_of_index(index: torch.Tensor | list[int] | slice | range) -> None:
    assert random_scenes(3).select(index).names == ("scene 0", "scene 2")


def test_an_index_out_of_range_is_refused() -> None:
    with pytest.raises(RulekdError, match="scene number 3"):
        random_scenes(3).select([0, 3])


def test_padding_and_trimming_are_inverse() -> None:
    scenes = random_scenes(4)
    wide = scenes.pad(9)
    assert wide["center"].shape == (4, 9, 3)
    assert wide.labels["between"].shape == (4, 9, 9, 9)
    assert wide["image"].shape == scenes["image"].shape
    assert wide["shape"][0, 8] == -1
    assert wide.trim().equals(scenes)


def test_trimming_a_short_scene() -> None:
    scenes = random_scenes(6)
    short = int(scenes.mask.sum(1).argmin())
    alone = scenes.select([short]).trim()
    assert alone.mask.shape[1] == int(scenes.mask[short].sum())
    assert bool(alone.mask.all())


def test_joining_renumbers_categories() -> None:
    one = Scenes.from_objects([[{"shape": "cube"}, {"shape": "ball"}]])
    two = Scenes.from_objects([[{"shape": "cone"}, {"shape": "cube"}, {}]], names=["b"])
    joined = Scenes.cat([one, two])
    words = joined.category_names["shape"]
    values = [[words[n] if n >= 0 else "" for n in row] for row in joined["shape"].tolist()]
    assert values == [["cube", "ball", ""], ["cone", "cube", ""]]


def test_joining_refuses_what_one_part_lacks() -> None:
    one = Scenes.from_objects([[{"center": (0, 0, 0), "weight": 1.0}]])
    two = Scenes.from_objects([[{"center": (0, 0, 0)}]], names=["b"])
    with pytest.raises(RulekdError, match=r"numbers\['weight'\]"):
        Scenes.cat([one, two])


def test_permuting_objects_moves_all_their_axes() -> None:
    scenes = random_scenes(3, most=4)
    order = torch.tensor([[2, 0, 3, 1], [0, 1, 2, 3], [3, 2, 1, 0]])
    moved = scenes.permute(order)
    for b in range(3):
        for i in range(4):
            assert torch.equal(moved["points"][b, i], scenes["points"][b, order[b, i]])
            for j in range(4):
                for k in range(4):
                    expected = scenes.labels["between"][b, order[b, i], order[b, j], order[b, k]]
                    assert moved.labels["between"][b, i, j, k] == expected
    assert moved.permute(order.argsort(1)).equals(scenes)


def test_object_ids_follow_the_objects() -> None:
    scenes = random_scenes(1, most=4)
    assert scenes.permute(torch.tensor([[2, 0, 3, 1]])).object_ids == (("thing 2", "thing 0", "thing 3", "thing 1"),)
    fewer = scenes.keep(torch.tensor([[False, True, False, True]]))
    assert fewer.object_ids == (("thing 1", "thing 3"),)
    assert torch.equal(fewer["center"][0], scenes["center"][0, [1, 3]])
    assert torch.equal(fewer.labels["near"][0], scenes.labels["near"][0][[1, 3]][:, [1, 3]])


def test_the_view_turns_centres() -> None:
    view = torch.tensor([[[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]])  # right is the file's +y
    scenes = replace(Scenes.from_objects([[{"center": (1, 2, 3), "size": (4, 2, 1)}]]), view=view)
    assert scenes.centers_in_view()[0, 0].tolist() == [2, -1, 3]
    assert scenes.extents_in_view()[0, 0].tolist() == [2, 4, 1]


def test_boxes_and_names() -> None:
    scenes = random_scenes()
    boxes = scenes["boxes"]
    assert torch.equal(boxes[..., 3:6], scenes["size"])
    assert torch.equal(boxes[..., 6], scenes["yaw"])
    assert torch.equal(scenes["weight"], scenes.numbers["weight"]) or bool(scenes["weight"].isnan().any())
    with pytest.raises(UnknownNameError, match="Did you mean 'weight'"):
        scenes["weigth"]


def test_missing_geometry_says_what_is_there() -> None:
    scenes = Scenes.from_objects([[{"weight": 2}]])
    with pytest.raises(RulekdError, match="have no 'points'; they have mask, weight"):
        scenes["points"]


def test_labels_are_given_by_arity() -> None:
    for name, arity in LABELS.items():
        assert random_scenes().labels[name].dim() == arity + 1


WRONG: dict[str, tuple[Callable[[Scenes], Scenes], str]] = {
    "center": (lambda s: replace(s, center=s["center"][:, :2]), "center has shape"),
    "size": (lambda s: replace(s, size=s["size"].long()), "size has type"),
    "mask": (lambda s: replace(s, mask=s.mask.long()), "mask is"),
    "labels": (lambda s: replace(s, labels={"near": s.labels["near"][:, :2]}, label_valid={}), "labels of 'near'"),
    "kind of label": (lambda s: replace(s, labels={"near": s["center"]}, label_valid={}), "labels of 'near'"),
    "validity": (lambda s: replace(s, labels={}), "label_valid speaks of 'near'"),
    "categories": (lambda s: replace(s, category_names={}), "'shape' has no names"),
    "group": (lambda s: replace(s, group=("a",)), "group has 1 entries for 4"),
    "points": (lambda s: replace(s, points=s["points"][..., :2]), "points have shape"),
    "tensor": (lambda s: replace(s, tensors={"image": s["image"][:1]}), "tensor 'image'"),
    "NaN": (
        lambda s: replace(s, center=s["center"] * float("nan")).check(),
        "scene 'scene 0', object 0: center is nan",
    ),
    "negative": (lambda s: replace(s, size=-s["size"]).check(), "scene 'scene 0', object 0: size is -"),
    "infinite": (lambda s: replace(s, numbers={"weight": s["yaw"] / 0}).check(), "weight is -?inf"),
    "category": (lambda s: replace(s, categories={"shape": s["shape"] + 3}).check(), "shape is"),
    "category of a scene": (
        lambda s: replace(
            s, scene_categories={"said": torch.tensor([0, 7, 1, -1])}, scene_category_names={"said": ("left", "right")}
        ).check(),
        "scene 'scene 1': said is 7",
    ),
    "number of a scene": (
        lambda s: replace(s, scene_numbers={"light": torch.tensor([0.0, 1.0, torch.inf, torch.nan])}).check(),
        "scene 'scene 2': light is inf",
    ),
    "view": (lambda s: replace(s, view=s.axes() * 2).check(), "not a right-handed frame"),
    "left-handed": (lambda s: replace(s, view=s.axes()[:, [1, 0, 2]]).check(), "not a right-handed frame"),
    "twice": (lambda s: replace(s, numbers={"area": s["yaw"]}).check(), "'area' stands for two things"),
    "term": (lambda s: replace(s, numbers={"volume": s["yaw"]}).check(), "name of a geometric term"),
    "attribute of two words": (
        lambda s: replace(s, numbers={"sepal length": s["yaw"]}),
        "attribute name 'sepal length'",
    ),
    "attribute of the language": (lambda s: replace(s, numbers={"and": s["yaw"]}), "attribute name 'and' is a word of"),
    "attribute of a scene": (
        lambda s: replace(s, scene_numbers={"what for": torch.zeros(4)}),
        "attribute name 'what for' is not an identifier",
    ),
    "word of two lines": (
        lambda s: replace(s, category_names={"shape": ("cube", "a\nball", "cone")}),
        r"a category of the attribute 'shape' is called 'a\\nball'",
    ),
    "word of a scene": (
        lambda s: replace(
            s, scene_categories={"said": torch.zeros(4, dtype=torch.int64)}, scene_category_names={"said": ("a\nb",)}
        ),
        "a category of the attribute 'said'",
    ),
    "ids": (lambda s: replace(s, object_ids=(("a",) * 5, *(s.object_ids or ())[1:])).check(), "object id 'a' twice"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_scenes_are_refused(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(RulekdError, match=message):
        make(random_scenes())


def test_padding_may_hold_anything() -> None:
    scenes = random_scenes(4)
    center = torch.where(scenes.mask[..., None], scenes["center"], float("nan"))
    replace(scenes, center=center).check()
