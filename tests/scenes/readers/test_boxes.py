"""Boxes as CSV: columns by many names, missing values, and errors that name line, column and value."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from kg.errors import FileFormatError, UnknownNameError
from rulekd.scenes import SceneSet
from rulekd.scenes.data import VARIABLE, data_file

REAL = data_file("vla3d", "Unity", "loft", "loft_object_result.csv")


def load(tmp_path: Path, text: str, **options: Any) -> SceneSet:
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    return SceneSet.load(path, **options)


def test_plain_columns(tmp_path: Path) -> None:
    text = (
        "scene,object_id,x,y,z,width,depth,height,yaw,category,mass\nb,1,1,2,3,4,5,6,0.5,cup,2\na,1,0,0,0,1,1,1,0,_,\n"
    )
    scenes = load(tmp_path, text + "b,2,7,8,9,1,1,1,0,desk,3\n").scenes
    assert scenes.names == scenes.group == ("b", "a")
    assert scenes.object_ids == (("1", "2"), ("1",))
    assert scenes["boxes"][0, 0].tolist() == [1, 2, 3, 4, 5, 6, 0.5]
    assert scenes["center"][0, 1].tolist() == [7, 8, 9]
    assert scenes.category_names == {"category": ("cup", "desk")}
    assert scenes["category"].tolist() == [[0, 1], [-1, -1]]
    assert scenes["mass"][0].tolist() == [2, 3]
    assert scenes["mass"][1, 0].isnan()


@pytest.mark.parametrize(
    "header",
    [
        "region_id,object_id,object_bbox_cx,object_bbox_cy,object_bbox_cz,object_bbox_xlength,object_bbox_ylength,"
        "object_bbox_zlength,object_bbox_heading,nyu_label",
        "Scene ID;Obj ID;Center X;Center Y;Center Z;Size X;Size Y;Size Z;Heading;Label",
        "room\tid\tcx\tcy\tcz\tw\td\th\tyaw\tclass",
    ],
)
def test_columns_by_other_names(tmp_path: Path, header: str) -> None:
    delimiter = next(sign for sign in ";\t," if sign in header)
    row = delimiter.join(["kitchen", "7", "1", "2", "3", "4", "5", "6", "0.5", "cup"])
    scenes = load(tmp_path, f"{header}\n{row}\n").scenes
    assert (scenes.names, scenes.object_ids) == (("kitchen",), (("7",),))
    assert scenes["boxes"][0, 0].tolist() == [1, 2, 3, 4, 5, 6, 0.5]
    assert scenes.category_names == {"category": ("cup",)}


def test_degrees_groups_prefixes_and_named_columns(tmp_path: Path) -> None:
    text = "scene,building,px,y,z,yaw_deg\n1,A,9,0,0,90\n2,A,8,0,0,-45\n"
    scenes = load(tmp_path, text, columns={"x": "px"}, prefix="home/").scenes
    assert scenes.names == ("home/1", "home/2")
    assert scenes.group == ("A", "A")
    assert scenes["yaw"][:, 0].tolist() == pytest.approx([math.pi / 2, -math.pi / 4])
    assert scenes["center"][0, 0, 0] == 9
    assert load(tmp_path, text, columns={"x": "px"}, group="all").scenes.group == ("all", "all")


def test_a_file_without_scenes_is_one(tmp_path: Path) -> None:
    scenes = load(tmp_path, "x,y,z,2nd colour\n1,2,3,red\n\n4,5,6,blue\n").scenes
    assert scenes.mask.shape == (1, 2)
    assert scenes.size is None
    assert scenes.category_names == {"_2nd_colour": ("blue", "red")}


def test_a_column_of_words_may_hold_numbers(tmp_path: Path) -> None:
    scenes = load(tmp_path, "x,y,z,code\n0,0,0,7\n0,0,0,b\n0,0,0,c\n").scenes
    assert scenes.category_names["code"] == ("7", "b", "c")


BASE = "scene,id,x,y,z,width,depth,height,category,mass\n"
ROWS = "a,1,0,0,0,1,1,1,cup,1\na,2,0,0,0,1,1,1,cup,2\na,3,0,0,0,1,1,1,cup,3\n"

WRONG: dict[str, tuple[str, str]] = {
    "empty": ("", "has no rows"),
    "header only": (BASE, "has a first line but no rows"),
    "text": (BASE + "a,1,zero,0,0,1,1,1,cup,1\n", "line 2, column 'x': 'zero'"),
    "NaN": (BASE + ROWS + "a,4,0,nan,0,1,1,1,cup,1\n", "line 5, column 'y': 'nan'"),
    "missing": (BASE + ROWS + "a,4,0,0,_,1,1,1,cup,1\n", "line 5, column 'z': missing"),
    "cut off": (BASE + ROWS + "a,4,0,0,", "line 5, column 'z': missing"),
    "negative": (BASE + "a,1,0,0,0,1,-1,1,cup,1\n", "line 2, column 'depth': -1.0"),
    "odd number": (BASE + ROWS + "a,4,0,0,0,1,1,1,cup,heavy\n", "line 5, column 'mass': 'heavy'"),
    "same id": (BASE + ROWS + "a,3,0,0,0,1,1,1,cup,1\n", "line 5, column 'id': '3'.*\n.*before"),
    "no id": (BASE + "a,,0,0,0,1,1,1,cup,1\n", "line 2, column 'id': missing"),
    "no scene": (BASE + ",1,0,0,0,1,1,1,cup,1\n", "line 2, column 'scene': missing"),
    "too many": (BASE + "a,1,0,0,0,1,1,1,cup,1,2\n", "line 2: has 11 fields, the first line 10 columns"),
    "open quote": (BASE + 'a,1,0,0,0,1,1,1,"cup,1\n', "quote left open"),
    "no centre": ("scene,id,width,depth,height\na,1,1,1,1\n", "no column for x, y, z"),
    "half a size": ("x,y,z,width,height\n0,0,0,1,1\n", "no column for depth"),
    "two yaws": ("x,y,z,yaw,yaw_deg\n0,0,0,0,0\n", "both are yaw"),
    "two columns": ("x,y,z,mass,mass\n0,0,0,0,0\n", "two columns are named 'mass'"),
    "two names": ("x,y,z,my mass,my_mass\n0,0,0,0,0\n", "two columns come to be called 'my_mass'"),
    "two groups": ("scene,group,x,y,z\na,A,0,0,0\na,B,0,0,0\n", "line 3, column 'group': 'B'"),
    "term": ("x,y,z,volume\n0,0,0,1\n", "'volume' has the name of a geometric term"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_refused(case: str, tmp_path: Path) -> None:
    text, message = WRONG[case]
    with pytest.raises(FileFormatError, match=message) as caught:
        load(tmp_path, text)
    assert "boxes.csv" in caught.value.message


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown column 'width_'.*\n.*'width'"):
        load(tmp_path, BASE + ROWS, columns={"width_": "w"})
    with pytest.raises(UnknownNameError, match="unknown column of the file 'cat'"):
        load(tmp_path, BASE + ROWS, columns={"category": "cat"})


@pytest.mark.skipif(REAL is None, reason=f"no VLA-3D homes; set {VARIABLE} to the folder of real data")
def test_a_real_home() -> None:
    assert REAL is not None
    scenes = SceneSet.load(REAL, group="loft").scenes
    assert int(scenes.mask.sum()) == 115
    door = scenes.category_names["category"].index("door")
    row = scenes.names.index("1")
    place = (scenes.object_ids or ())[row].index("1")
    assert scenes["category"][row, place] == door
    torch.testing.assert_close(scenes["center"][row, place], torch.tensor([7.856646, -1.882334, 1.077386]))
    assert "object_color_r1" in scenes.numbers
