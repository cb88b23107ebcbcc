"""Scenes from lists of dicts: what is read, and what is refused by name, object and value."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kg.errors import RulekdError
from rulekd.scenes import Scenes


def test_everything_is_read() -> None:
    given = {
        "name": "kitchen",
        "group": "house",
        "view": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
        "attributes": {"area": 12, "season": "summer"},
        "objects": [
            {"id": "cup", "center": (1, 2, 3), "size": (1, 1, 2), "yaw": 0.5, "points": [[0, 0, 0, 1]] * 2, "mass": 2},
            {"id": 7, "center": (0, 0, 0), "size": [1, 1, 1], "yaw": 0, "points": [[1, 1, 1, 0]] * 2, "color": "red"},
        ],
        "labels": {"on": [["cup", "7"]], "chair": [1], "win": True, "between": []},
        "unknown": {"on": [[1, 0]], "between": [[0, 1, 0]]},
        "tensors": {"image": [[1.0, 2.0]]},
    }
    scenes = Scenes.from_objects([given])
    assert (scenes.names, scenes.group, scenes.object_ids) == (("kitchen",), ("house",), (("cup", "7"),))
    assert scenes.centers_in_view()[0, 0].tolist() == [2, -1, 3]
    assert scenes["points"].shape == (1, 2, 2, 4)
    assert scenes["mass"][0, 0] == 2
    assert scenes["mass"][0, 1].isnan()
    assert (scenes["color"].tolist(), scenes.category_names["color"]) == ([[-1, 0]], ("red",))
    assert (scenes["area"].item(), scenes.scene_category_names["season"]) == (12, ("summer",))
    assert scenes.labels["on"].tolist() == [[[False, True], [False, False]]]
    assert scenes.label_valid["on"].tolist() == [[[True, True], [False, True]]]
    assert scenes.labels["chair"].tolist() == [[False, True]]
    assert scenes.labels["win"].tolist() == [True]
    assert not scenes.labels["between"].any()
    assert scenes.label_valid["between"].sum() == 7
    assert scenes["image"].tolist() == [[[1, 2]]]


def test_scenes_of_several_lengths_are_padded() -> None:
    scenes = Scenes.from_objects([[{"center": (1, 1, 1)}], [{"center": (2, 2, 2)}] * 3], names=["a", "b"])
    assert scenes.mask.tolist() == [[True, False, False], [True, True, True]]
    assert scenes["center"][0].tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_facts_alone_make_a_scene() -> None:
    board = [{"row": n // 3, "mark": "x" if n in (0, 4, 8) else "o"} for n in range(9)]
    scenes = Scenes.from_objects([board])
    assert scenes.center is None
    assert scenes["row"][0, 5] == 1


def test_numbers_keep_the_dtype_that_is_asked_for() -> None:
    assert Scenes.from_objects([[{"center": (0.1, 0, 0)}]], dtype=torch.float64)["center"][0, 0, 0].item() == 0.1


def scene(*objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "den", "objects": list(objects) or [{"center": (0, 0, 0)}, {"center": (1, 1, 1)}], **more}


WRONG: dict[str, tuple[list[Any], str]] = {
    "no scenes": ([], "there are no scenes"),
    "no objects": ([{"name": "den", "objects": []}], "scene 'den' has no objects"),
    "an empty list": ([[]], "scene '0' has no objects"),
    "not an object": ([[5]], "scene '0', object 0 is 5"),
    "two names": ([scene(), scene()], "two scenes are named 'den'"),
    "unknown key": ([scene(labls={})], "unknown key 'labls'.*\n.*'labels'"),
    "lacking centre": ([scene({"center": (0, 0, 0)}, {"size": (1, 1, 1)})], "'den', object 1: center is missing"),
    "two coordinates": ([scene({"center": (0, 0)})], "'den', object 0: center is .0, 0."),
    "NaN": ([scene({"center": (0, 0, float("nan"))})], "center is .*nan.*\n.*finite"),
    "text for yaw": ([scene({"yaw": "north"})], "yaw is north"),
    "negative size": ([scene({"size": (1, -1, 1)})], "object 0: size is -1"),
    "NaN attribute": ([scene({"mass": float("nan")})], "mass is nan"),
    "list attribute": ([scene({"centre": (0, 0, 0)})], "centre is .*\n.*'center'"),
    "two kinds": ([scene({"mass": 1}, {"mass": "heavy"})], "object 1: mass is 'heavy'"),
    "term": ([scene({"width": 1})], "'width' has the name of a geometric term"),
    "not a name": ([scene({"my mass": 1})], "'my mass' is not an identifier"),
    "points apart": ([scene({"points": [[0, 0, 0]]}, {"points": [[0, 0, 0]] * 2})], "object 1: points is of shape"),
    "flat points": ([scene({"points": [0, 0, 0]})], "not a list of points"),
    "same ids": ([scene({"id": "a"}, {"id": "a"})], "object 1: id is 'a', which an earlier object has"),
    "some ids": ([scene({"id": "a"}, {"mass": 1})], "object 1: id is None"),
    "label of none": ([scene(labels={"on": [[0, 2]]})], "'on': .0, 2. names the object 2; there are 2"),
    "label of an id": ([scene({"id": "cup"}, {"id": "mug"}, labels={"on": [["cpu", "mug"]]})], "'cpu'.*\n.*'cup'"),
    "two arities": ([scene(labels={"on": [[0, 1], [0]]})], "has 1 objects, others 2"),
    "no arity": ([scene(labels={"on": []})], "'on' list no grounding"),
    "labels as a list": ([scene(labels=["on"])], "labels is"),
    "label as a number": ([scene(labels={"on": 1})], "labels of 'on' is 1"),
    "flat view": ([scene(view=[[1, 0, 0]])], "'den': view is"),
    "skewed view": ([scene(view=[[1, 0, 0], [1, 1, 0], [0, 0, 1]])], "not a right-handed frame"),
    "uneven tensors": ([scene(tensors={"t": [[1, 2], [3]]})], "tensor 't' cannot be stacked"),
    "one tensor": ([scene(tensors={"t": [1]}), {**scene(), "name": "b"}], "'b' lacks the tensor 't'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_scenes_are_refused(case: str) -> None:
    scenes, message = WRONG[case]
    with pytest.raises(RulekdError, match=f"(?s){message}"):
        Scenes.from_objects(scenes)
