"""`rulekd scenes`: generated, shown, drawn and checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rulekd.scenes import SceneSet
from tests.cli.shell import assert_refused, rulekd


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes") / "rooms.jsonl"
    made = rulekd("scenes", "generate", "--count", 6, "--seed", 1, "--out", path, "--json")
    assert made.code == 0
    assert made.value["scenes"] == 6
    return path


def test_generates_the_same_rooms_for_the_same_seed(file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    assert rulekd("scenes", "generate", "--count", 6, "--seed", 1, "--out", again).code == 0
    assert SceneSet.load(again).fingerprint == SceneSet.load(file).fingerprint


def test_never_overwrites(file: Path) -> None:
    before = file.read_bytes()
    assert_refused(rulekd("scenes", "generate", "--out", file), "exists already", "--out")
    assert file.read_bytes() == before


def test_shows_what_a_file_holds(file: Path) -> None:
    scenes, value = SceneSet.load(file), rulekd("scenes", "show", file, "--json").value
    assert value["scenes"] == 6
    assert value["objects"] == int(scenes.scenes.mask.sum())
    assert value["labels"]["left_of"]["true"] == int(scenes.scenes.labels["left_of"].sum())
    assert sum(value["parts"].values()) == 6
    counts = scenes.scenes.mask.sum(dim=1)
    assert value["labels"]["left_of"]["share"] == pytest.approx(
        value["labels"]["left_of"]["true"] / int((counts * (counts - 1)).sum())
    )
    assert "left_of/2" in rulekd("scenes", "show", file).out


def test_shows_and_draws_one_scene(file: Path, tmp_path: Path) -> None:
    scenes = SceneSet.load(file).scenes
    for name, out in (("2", "a.png"), (scenes.names[2], "a.svg")):
        shown = rulekd("scenes", "show", file, "--scene", name, "--out", tmp_path / out, "--json")
        assert shown.code == 0
        assert shown.value["scene"] == scenes.names[2]
        assert len(shown.value["objects"]) == int(scenes.mask[2].sum())
        assert sorted(map(tuple, shown.value["facts"]["near"])) == sorted(
            map(tuple, scenes.labels["near"][2].nonzero().tolist())
        )
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert_refused(rulekd("scenes", "show", file, "--scene", "nowhere"), "unknown scene 'nowhere'")
    assert_refused(rulekd("scenes", "show", file, "--out", tmp_path / "a.bmp"), "a.bmp")


def test_a_sound_file_is_sound(file: Path) -> None:
    checked = rulekd("scenes", "check", file, "--json")
    assert checked.code == 0
    assert (checked.value["sound"], checked.value["problems"]) == (True, [])
    assert rulekd("scenes", "check", file).out.endswith(": sound\n")


def test_a_label_against_its_definition_is_found(file: Path, tmp_path: Path) -> None:
    scenes = SceneSet.load(file)
    near = scenes.scenes.labels["near"].clone()
    near[3, 0, 1] = ~near[3, 0, 1]
    labels = {**scenes.scenes.labels, "near": near}
    bad = tmp_path / "bad.jsonl"
    SceneSet(scenes.scenes.with_labels(labels), scenes.vocabulary, scenes.definitions).save(bad)
    checked = rulekd("scenes", "check", bad, "--json")
    assert checked.code == 1
    assert len(checked.value["problems"]) == 1
    assert "1 labels of 'near'" in checked.value["problems"][0]
    assert f"scene {scenes.scenes.names[3]!r}, objects [0, 1]" in checked.value["problems"][0]
    assert "NOT sound" in rulekd("scenes", "check", bad).out


def test_a_file_that_cannot_be_used_is_not_sound(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{")
    checked = rulekd("scenes", "check", bad, "--json")
    assert checked.code == 1
    assert json.dumps(checked.value["problems"]).count("bad.jsonl") == 1
    assert_refused(rulekd("scenes", "show", bad), "bad.jsonl")
