"""CLEVR files: labels as listed, definitions that give every one of them, and errors that name the place."""

from __future__ import annotations

import copy
import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kg.errors import FileFormatError
from rulekd.scenes import SceneSet
from rulekd.scenes.data import VARIABLE, data_file
from rulekd.scenes.readers import clevr
from tests.scenes.made import clevr_file

REAL = data_file("clevr", "CLEVR_train_scenes_1000.json.gz")
PREDICATES = ("left", "right", "front", "behind", "near", "bigger", "smaller", "same_size", "same_shape")


def relations(scene: dict[str, Any]) -> dict[str, set[tuple[int, int]]]:
    """The nine relations of a scene of the file, from its own numbers, without any of our code."""
    things, found = scene["objects"], {name: set[tuple[int, int]]() for name in PREDICATES}
    for a, one in enumerate(things):
        for b, two in enumerate(things):
            if a == b:
                continue
            for name in ("left", "right", "front", "behind"):
                if a in scene["relationships"][name][b]:
                    found[name].add((a, b))
            sizes = (one["size"], two["size"])
            for name, true in (
                ("near", math.dist(one["3d_coords"], two["3d_coords"]) < 1.8),
                ("bigger", sizes == ("large", "small")),
                ("smaller", sizes == ("small", "large")),
                ("same_size", one["size"] == two["size"]),
                ("same_shape", one["shape"] == two["shape"]),
            ):
                if true:
                    found[name].add((a, b))
    return found


def assert_labels(scenes: SceneSet, document: dict[str, Any]) -> None:
    """The labels, and those that the definitions give, are the relations of the file, in every scene."""
    computed = scenes.relabel(scenes.scenes).labels
    assert list(scenes.vocabulary) == list(PREDICATES)
    expected = {name: set[tuple[int, ...]]() for name in PREDICATES}
    for number, scene in enumerate(document["scenes"]):
        for name, pairs in relations(scene).items():
            expected[name] |= {(number, a, b) for a, b in pairs}
    for name in PREDICATES:
        assert set(map(tuple, scenes.scenes.labels[name].nonzero().tolist())) == expected[name]
        assert set(map(tuple, computed[name].nonzero().tolist())) == expected[name]


def test_made_scenes(made_clevr: SceneSet) -> None:
    assert_labels(made_clevr, clevr_file(40))


@pytest.mark.skipif(REAL is None, reason=f"no CLEVR scenes; set {VARIABLE} to the folder of real data")
def test_real_scenes() -> None:
    assert REAL is not None
    document = json.loads(gzip.decompress(REAL.read_bytes()))
    scenes = SceneSet.load(REAL)
    assert (len(scenes), int(scenes.scenes.mask.sum())) == (1000, 6455)
    assert_labels(scenes, document)
    assert len(SceneSet.load(REAL, limit=7)) == 7


def test_geometry_is_read_in_metres_and_radians(made_clevr: SceneSet) -> None:
    first = clevr_file(40)["scenes"][0]
    scenes = made_clevr.scenes
    thing = first["objects"][1]
    assert scenes["center"][0, 1].tolist() == pytest.approx(thing["3d_coords"])
    assert scenes["size"][0, 1].tolist() == pytest.approx([1.4 if thing["size"] == "large" else 0.7] * 3)
    assert float(scenes["yaw"][0, 1]) == pytest.approx(math.radians(thing["rotation"]))
    assert scenes.category_names["shape"][int(scenes["shape"][0, 1])] == thing["shape"]
    assert set(scenes.category_names) == {"shape", "color", "material"}
    expected = torch.tensor([first["directions"][name] for name in ("right", "behind", "above")])
    torch.testing.assert_close(scenes.axes()[0], expected)
    assert scenes.names[0] == scenes.group[0] == "made_000000.png"


def test_a_gzipped_file_is_the_same(tmp_path: Path, made_clevr: SceneSet) -> None:
    path = tmp_path / "scenes.json.gz"
    path.write_bytes(gzip.compress(json.dumps(clevr_file(40)).encode()))
    assert SceneSet.load(path).fingerprint == made_clevr.fingerprint


def test_scenes_without_relationships_are_labelled_by_the_definitions(tmp_path: Path, made_clevr: SceneSet) -> None:
    document = clevr_file(40)
    for scene in document["scenes"]:
        del scene["relationships"]
    path = tmp_path / "bare.json"
    path.write_text(json.dumps(document))
    assert SceneSet.load(path).fingerprint == made_clevr.fingerprint


def first_scene(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
    def act(document: dict[str, Any]) -> None:
        change(document["scenes"][0])

    return act


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no scenes": (lambda d: d.pop("scenes"), "holds no list 'scenes'"),
    "no objects": (first_scene(lambda s: s.update(objects=[])), r"scene 0 \(made_000000.png\): has no objects"),
    "lacking key": (first_scene(lambda s: s["objects"][1].pop("shape")), "object 1: lacks 'shape'; it has size"),
    "size": (first_scene(lambda s: s["objects"][0].update(size="huge")), "size is 'huge'.*\n.*large, small"),
    "rotation": (first_scene(lambda s: s["objects"][0].update(rotation="no")), "rotation is 'no'"),
    "shape": (first_scene(lambda s: s["objects"][0].update(shape=3)), "shape is 3"),
    "coordinates": (first_scene(lambda s: s["objects"][0].update({"3d_coords": [1, 2]})), "object 0: center is"),
    "directions": (first_scene(lambda s: s["directions"].pop("above")), "lacks a direction: 'above'"),
    "skewed": (first_scene(lambda s: s["directions"].update(above=[1, 0, 0])), "not a right-handed frame"),
    "relations": (first_scene(lambda s: s["relationships"]["left"].pop()), "relationships of 'left'"),
    "relation lacking": (first_scene(lambda s: s.pop("relationships")), "lacks 'relationships'"),
    "number": (first_scene(lambda s: s["relationships"]["left"][0].append(99)), "list 99 beside object 0"),
    "itself": (first_scene(lambda s: s["relationships"]["left"][0].append(0)), "list 0 beside object 0"),
    "twice": (lambda d: d["scenes"].append(d["scenes"][0]), "two scenes are named 'made_000000.png'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_refused(case: str, tmp_path: Path) -> None:
    change, message = WRONG[case]
    document = copy.deepcopy(clevr_file(3))
    change(document)
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FileFormatError, match=message) as caught:
        SceneSet.load(path)
    assert str(path) in caught.value.message


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(clevr_file(3))[:-100])
    with pytest.raises(FileFormatError, match=r"line 1, column \d+.*\n.*cut off"):
        SceneSet.load(path)
    zipped = tmp_path / "cut.json.gz"
    zipped.write_bytes(gzip.compress(json.dumps(clevr_file(3)).encode())[:-20])
    with pytest.raises(FileFormatError, match="cannot be read"):
        SceneSet.load(zipped)
    (tmp_path / "nan.json").write_text(json.dumps(clevr_file(1)).replace('"rotation": ', '"rotation": NaN, "r": ', 1))
    with pytest.raises(FileFormatError, match="NaN, which is not a number of JSON"):
        SceneSet.load(tmp_path / "nan.json")


def test_the_definitions_are_those_of_the_vocabulary() -> None:
    assert list(clevr.definitions()) == list(clevr.vocabulary()) == list(PREDICATES)
