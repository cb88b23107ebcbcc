"""VLA-3D homes: regions as scenes, relations by their anchors, what is unknown, and errors that name the place."""

from __future__ import annotations

import copy
import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import rulekd
from kg import parse
from kg.errors import FileFormatError, UnknownNameError
from rulekd.grounding import View, count
from rulekd.predictor import labels_as_facts
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.data import VARIABLE, data_file

HOMES = {
    name: data_file("vla3d", *f"{folder}/{name}/{name}_scene_graph.json.gz".split("/"))
    for name, folder in {"00238-j6fHrce9pHR": "HM3D", "loft": "Unity", "47204840": "ARKitScenes"}.items()
}
missing = pytest.mark.skipif(
    not all(HOMES.values()), reason=f"no VLA-3D homes; set {VARIABLE} to the folder of real data"
)

HEADER = (
    "object_id,region_id,raw_label,nyu_id,nyu_label,object_bbox_cx,object_bbox_cy,object_bbox_cz,object_bbox_xlength,"
    "object_bbox_ylength,object_bbox_zlength,object_bbox_heading,object_color_scheme1"
)
OBJECTS = """
0,0,office chair,5,chair,0,0,0.5,0.5,0.5,1,0.3,black
1,0,armchair,5,chair,2,0,0.5,0.9,0.5,1,0,brown
2,0,desk,7,desk,1,0,0.4,1.5,0.5,0.8,1.57,white
3,0,mug,8,cup,1,0,0.9,0.1,0.1,0.2,0,_
4,0,thing,9,unknown,4,0,0.5,0.5,0.5,1,0,_
7,3,bed,2,bed,10,9,0.3,2,1.5,0.6,0,white
9,-1,wall,1,wall,5,5,1,5,0.1,2,0,white
"""
REGIONS = (
    "region_id,region_label,region_bbox_cx,region_bbox_cy,region_bbox_cz,"
    "region_bbox_xlength,region_bbox_ylength,region_bbox_zlength,region_bbox_heading\n"
    "3,Bedroom,10,9,1.5,4,3,3,0\n"
    "0,12,0,0,1.5,6,5,2.5,0\n"
)


def home() -> dict[str, Any]:
    """The graph of a home of two regions. Object 4 is in the CSV alone; both chairs are 1 m from the desk."""
    relations = {
        "on": {"2": ["3"], "3": []},
        "above": {"2": ["3"]},
        "near": {"2": ["3"], "3": ["2"]},
        "closest": {"0": [], "2": []},
        "between": {"2": [["0", "1"]]},
        "beside": {},
    }
    first = {"region_id": "0", "region_name": "12", "objects": [{"object_id": str(n)} for n in range(4)]}
    return {
        "scene_name": "made",
        "regions": {
            "0": {**first, "relationships": relations},
            "3": {"region_name": "Bedroom", "objects": [{"object_id": "7"}], "relationships": {"near": {"7": []}}},
        },
    }


def write(folder: Path, graph: dict[str, Any], objects: str = OBJECTS, regions: str = REGIONS) -> Path:
    (folder / "made_object_result.csv").write_text(HEADER + objects)
    (folder / "made_region_result.csv").write_text(regions)
    path = folder / "made_scene_graph.json"
    path.write_text(json.dumps(graph))
    return path


def test_regions_are_scenes_and_groups_of_their_own(tmp_path: Path) -> None:
    scenes = SceneSet.load(write(tmp_path, home()))
    held = scenes.scenes
    assert held.names == held.group == ("made 0", "made 3")
    assert held.mask.sum(1).tolist() == [5, 1]
    assert held.object_ids == (("0", "1", "2", "3", "4"), ("7",))
    assert scenes.source == "made_scene_graph.json, without 1 objects of no region"
    assert held["center"][0, 3].tolist() == pytest.approx([1, 0, 0.9])
    assert held["size"][0, 1].tolist() == pytest.approx([0.9, 0.5, 1])
    assert float(held["yaw"][0, 0]) == pytest.approx(0.3)
    assert held.category_names["category"][int(held["category"][0, 0])] == "chair"
    assert held.category_names["raw_label"][int(held["raw_label"][0, 1])] == "armchair"
    assert int(held["color"][0, 3]) == -1
    assert held["region_volume"].tolist() == pytest.approx([75, 36])
    assert held["region_height"].tolist() == pytest.approx([2.5, 3])
    assert [held.category_names.get("region") or held.scene_category_names["region"][n] for n in held["region"]] == [
        "12",
        "Bedroom",
    ]


def test_relations_are_listed_by_their_anchors(tmp_path: Path) -> None:
    labels = SceneSet.load(write(tmp_path, home())).scenes.labels
    found = {name: set(map(tuple, value.nonzero().tolist())) for name, value in labels.items()}
    assert found == {"on": {(0, 3, 2)}, "above": {(0, 3, 2)}, "near": {(0, 3, 2), (0, 2, 3)}, "closest": set()}


def test_relations_of_three_are_read_when_they_are_named(tmp_path: Path) -> None:
    scenes = SceneSet.load(write(tmp_path, home()), relations=["between", "in"])
    assert scenes.scenes.labels["between"].nonzero().tolist() == [[0, 2, 0, 1], [0, 2, 1, 0]]
    assert not scenes.scenes.labels["inside"].any()
    with pytest.raises(UnknownNameError, match="'beneath'"):
        SceneSet.load(write(tmp_path, home()), relations=["beneath"])


def test_what_the_graph_does_not_speak_of_is_unknown(tmp_path: Path) -> None:
    held = SceneSet.load(write(tmp_path, home())).scenes
    known = held.label_valid["near"]
    assert known[0].tolist() == [[k < 4 and j < 4 for k in range(5)] for j in range(5)]
    # both chairs are 1 m from the desk, and neither is listed as the closest to it: who knows
    closest = held.label_valid["closest"]
    assert not closest[0, 0, 2]
    assert not closest[0, 1, 2]
    assert closest[0, 2, 3], "there is one desk: no closest one"


@missing
@pytest.mark.parametrize("name", HOMES)
def test_real_homes_hold_the_relations_of_their_files(name: str) -> None:
    """Read off the files again, without any of our code."""
    path = HOMES[name]
    assert path is not None
    graph = json.loads(gzip.decompress(path.read_bytes()))
    rows = csv.DictReader(path.with_name(f"{name}_object_result.csv").read_text().splitlines())
    region = {row["object_id"]: row["region_id"] for row in rows}
    scenes = SceneSet.load(path)
    held = scenes.scenes
    assert held.object_ids is not None
    found = {
        (relation, held.names[n].split(" ")[1], held.object_ids[n][a], held.object_ids[n][b])
        for relation, value in held.labels.items()
        for n, a, b in value.nonzero().tolist()
    }
    called = {"in": "inside"}
    expected = {
        (called.get(relation, relation), number, target, anchor)
        for number, one in graph["regions"].items()
        for relation, lists in one["relationships"].items()
        if called.get(relation, relation) in held.labels
        for anchor, targets in lists.items()
        for target in targets
    }
    assert found == expected
    assert int(held.mask.sum()) == sum(number != "-1" for number in region.values())


@missing
@pytest.mark.parametrize("name", HOMES)
def test_closest_and_farthest_are_what_they_mean_wherever_they_are_known(name: str) -> None:
    path = HOMES[name]
    assert path is not None
    scenes = SceneSet.load(path)
    assert scenes.definitions.keys() == {"closest", "farthest"}
    computed = scenes.relabel(scenes.scenes).labels
    for relation, listed in ((r, scenes.scenes.labels[r]) for r in scenes.definitions):
        known = scenes.scenes.label_valid[relation]
        assert int(listed.sum()) > 5
        assert torch.equal(computed[relation] & known, listed & known)
        assert not (listed & ~known).any()
        pairs = scenes.scenes.mask[:, :, None] & scenes.scenes.mask[:, None]
        assert float((known & pairs).sum() / pairs.sum()) > 0.7, "saw 0.80, 0.91, 0.92"


@missing
def test_laws_of_the_homes_are_read_off_their_labels() -> None:
    """27 regions, 16 of them to confirm on, are few: a level of 35 % is all that can be shown."""
    homes = [SceneSet.load(path).scenes for path in HOMES.values() if path is not None]
    everything = SceneSet(Scenes.cat(homes))
    facts = labels_as_facts(everything)
    view = View(facts, everything.scenes)
    for text, support in {
        "near(a, b) <-> near(b, a)": 5932,
        "above(a, b) -> bottom(a) >= top(b) - 0.001": 940,
        "~(above(a, b) & above(b, a))": 1880,
    }.items():
        live, broken = count(parse(text), view)
        assert int(live.sum()) == support
        assert int(broken.sum()) == 0
    graph = rulekd.mine(facts.only(["near", "above"]), tolerance=0.35, families=["algebra"])
    confirmed = {rule.text for rule in graph.rules() if rule.evidence and rule.evidence.confirmed}
    assert "near(a, b) <-> near(b, a)" in confirmed
    shown = rulekd.mine(facts.only(["near"]), families=["algebra"]).rules()
    assert not any(rule.evidence and rule.evidence.confirmed for rule in shown), "at 10 % there are too few units"


Change = Callable[[dict[str, Any]], object]
WRONG: dict[str, tuple[Change, str]] = {
    "no regions": (lambda g: g.pop("regions"), "holds no 'regions'"),
    "region lacking": (lambda g: g["regions"].pop("3"), "has no region '3'"),
    "object": (lambda g: g["regions"]["0"]["relationships"]["on"].update({"77": []}), "object '77'"),
    "target": (lambda g: g["regions"]["0"]["relationships"]["on"]["2"].append("7"), "region '0'.*object '7'"),
    "no list": (lambda g: g["regions"]["0"]["relationships"]["on"].update({"2": "3"}), "relation 'on': lists 3"),
    "pair": (lambda g: g["regions"]["0"]["relationships"]["on"]["2"].append(["1", "0"]), "lists .'1', '0'. beside '2'"),
    "graph object": (lambda g: g["regions"]["3"]["objects"].append({"object_id": "0"}), "region '3'.*object '0'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_refused(case: str, tmp_path: Path) -> None:
    change, message = WRONG[case]
    graph = copy.deepcopy(home())
    change(graph)
    with pytest.raises(FileFormatError, match=message) as caught:
        SceneSet.load(write(tmp_path, graph))
    assert "made_scene_graph.json" in caught.value.message


def test_missing_and_misnamed_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, home())
    with pytest.raises(FileFormatError, match="is no scene graph"):
        SceneSet.load(tmp_path / "made_object_result.csv", format="vla3d")
    with pytest.raises(FileFormatError, match=r"has no region '0'"):
        SceneSet.load(write(tmp_path, home(), regions=REGIONS.rsplit("\n0,", 1)[0] + "\n"))
    (tmp_path / "made_region_result.csv").unlink()
    with pytest.raises(FileFormatError, match=r"made_region_result.csv: there is no such file"):
        SceneSet.load(path)
