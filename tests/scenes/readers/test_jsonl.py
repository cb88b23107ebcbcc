"""JSON lines: everything comes back exactly, files are whole or not there, and errors name the line."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kg.errors import FileFormatError, RulekdError
from kg.predicates import Predicate, Vocabulary
from kg.text import parse
from rulekd.scenes import Scenes, SceneSet
from tests.scenes.made import random_scenes


def assert_round_trip(scenes: SceneSet, path: Path) -> None:
    """Written and read again, everything is the same, twice over."""
    scenes.save(path)
    again = SceneSet.load(path)
    assert again.scenes.equals(scenes.scenes)
    assert again.vocabulary == scenes.vocabulary
    assert dict(again.definitions) == dict(scenes.definitions)
    assert again.source == scenes.source
    assert again.fingerprint == scenes.fingerprint
    written = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == written


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_comes_back(tmp_path: Path, dtype: torch.dtype, suffix: str) -> None:
    scenes = random_scenes(5, dtype=dtype)
    # zeros of both signs are equal numbers; every other number comes back bit by bit
    words = Vocabulary(
        {
            "near": Predicate("near", 2, ("what", "of what"), diagonal=True),
            "unlabelled": 1,
            "win": 0,
            "chair": 1,
            "between": 3,
        },
        frame="x right, y away, z up, metres",
        tolerance=0.02,
    )
    meaning = {"near": parse("near(a, b) <-> distance(a, b) < 1.5")}
    assert_round_trip(SceneSet(scenes, words, meaning, source="a test, with “quotes”"), tmp_path / f"a{suffix}")


def test_rooms_and_clevr_come_back(tmp_path: Path, rooms: SceneSet, made_clevr: SceneSet) -> None:
    assert_round_trip(rooms[:20], tmp_path / "rooms.jsonl")
    assert_round_trip(made_clevr.with_points(5), tmp_path / "clevr.jsonl")


def test_scenes_of_attributes_only_come_back(tmp_path: Path) -> None:
    scenes = Scenes.from_objects([[{"a": 1, "b": "x"}], [{"a": 2}]], names=["one", "two"])
    assert_round_trip(SceneSet(scenes), tmp_path / "a.jsonl")
    bare = Scenes(torch.tensor([[True, False], [True, True]]), numbers={"a": torch.full((2, 2), torch.nan)})
    scenes_of_nothing = replace(bare, numbers={"a": torch.where(bare.mask, torch.nan, 0.0)})
    assert_round_trip(SceneSet(scenes_of_nothing), tmp_path / "b.jsonl")


def test_objects_with_gaps_between_are_packed(tmp_path: Path) -> None:
    scenes = random_scenes(1, most=4)
    gapped = replace(scenes, mask=torch.tensor([[False, True, False, True]]), object_ids=(("a", "b"),))
    SceneSet(gapped).save(tmp_path / "a.jsonl")
    again = SceneSet.load(tmp_path / "a.jsonl").scenes.trim()
    assert torch.equal(again["center"][0], scenes["center"][0, [1, 3]])
    assert torch.equal(again.labels["near"][0], scenes.labels["near"][0][[1, 3]][:, [1, 3]])


def test_one_record_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "hand.jsonl"
    path.write_text(
        '{"name": "den", "objects": [{"id": "cup", "center": [0, 0, 1]}, {"id": "desk", "center": [0, 0, 0]}],'
        ' "labels": {"on": [["cup", "desk"]]}}\n\n'
        '[{"id": 1, "center": [1, 1, 1]}]\n'
    )
    scenes = SceneSet.load(path)
    assert scenes.scenes.names == ("den", "3")
    assert scenes.scenes.labels["on"][0].tolist() == [[False, True], [False, False]]
    assert scenes.source == "hand.jsonl"


def test_numbers_are_written_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    SceneSet(Scenes.from_objects([[{"center": (0.1, 0.7, -2)}]])).save(path)
    assert '"center": [0.1, 0.7, -2.0]' in path.read_text()


HEAD = {"format": "rulekd scenes", "version": 1}
SCENE: dict[str, Any] = {"name": "den", "objects": [{"center": [0, 0, 0]}]}

WRONG: dict[str, tuple[list[Any], str]] = {
    "empty": ([], "is empty"),
    "head only": ([HEAD], "has a first line but no scenes"),
    "other format": ([{"format": "other"}, SCENE], "line 1: the format is 'other'"),
    "future": ([{**HEAD, "version": 2}, SCENE], "version 2; this program reads up to 1"),
    "unknown key": ([{**HEAD, "colour": 1}, SCENE], "line 1: unknown key 'colour'"),
    "dtype": ([{**HEAD, "dtype": "float8"}, SCENE], "unknown kind of number 'float8'"),
    "predicates": ([{**HEAD, "predicates": {"on": {"arity": "two"}}}, SCENE], "predicate 'on' has arity 'two'"),
    "predicates as a list": ([{**HEAD, "predicates": ["on"]}, SCENE], "line 1: the first line cannot be used"),
    "definition": ([{**HEAD, "definitions": {"on": "on(a, b) <->"}}, SCENE], "on.a, b. <->"),
    "cut": ([HEAD, '{"name": "den", "objects": [{"cen'], r"line 2, column \d+"),
    "NaN": ([HEAD, '{"objects": [{"center": [0, 0, NaN]}]}'], "line 2: holds NaN"),
    "number": ([HEAD, SCENE, "5"], "line 3: is 5"),
    "no objects": ([HEAD, SCENE, {"name": "b", "objects": []}], "line 3: scene 'b' has no objects"),
    "coordinates": ([HEAD, SCENE, {"name": "b", "objects": [{"center": [0]}]}], "line 3: scene 'b', object 0: center"),
    "same names": ([HEAD, SCENE, SCENE], "line 3: two scenes are named 'den'"),
    "same ids": ([HEAD, {"objects": [{"id": "a"}, {"id": "a"}]}], "line 2: scene '2', object 1: id is 'a'"),
    "infinite": ([HEAD, '{"objects": [{"center": [0, 0, 1e999]}]}'], "line 2: .*center is"),
    "unknown word": (
        [{**HEAD, "categories": {"shape": ["cube"]}}, {"objects": [{"shape": "ball"}]}],
        "line 2: .*shape is 'ball', which is none of cube",
    ),
    "negative size": ([HEAD, {"objects": [{"size": [1, 1, -1]}]}], "line 2: .*size is -1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_refused(case: str, tmp_path: Path) -> None:
    lines, message = WRONG[case]
    path = tmp_path / "wrong.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    with pytest.raises(FileFormatError, match=message) as caught:
        SceneSet.load(path)
    assert str(path) in caught.value.message


def test_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileFormatError, match="is not UTF-8"):
        SceneSet.load(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    SceneSet(random_scenes(2)).save(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RulekdError, match=r"a\.jsonl: cannot be written: .*No space left"):
        SceneSet(random_scenes(3)).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RulekdError, match="cannot be written"):
        SceneSet(random_scenes(2)).save(tmp_path / "nowhere" / "a.jsonl")
