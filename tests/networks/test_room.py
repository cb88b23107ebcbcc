"""The teacher: its size, its units, what it sees, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import torch

from kg import Vocabulary
from rulekd.networks import RoomTransformer, build
from rulekd.networks.layout import Layout
from rulekd.networks.room import RoomOptions
from tests.networks import laws


def test_has_the_size_of_the_teacher_that_was_measured() -> None:
    colours = ("shape", ("a", "b", "c")), ("color", tuple("abcdefgh")), ("material", ("a", "b"))
    layout = Layout(geometry=("center", "size", "yaw"), categories=colours)
    words = Vocabulary({f"p{number}": 2 for number in range(9)})
    network = RoomTransformer(words, layout, RoomOptions())
    assert abs(sum(p.numel() for p in network.parameters()) - 143_000) < 2_500


def test_units_are_measured_on_the_scenes() -> None:
    rooms = laws.rooms(count=40)
    module = build("room-transformer", rooms).module
    assert isinstance(module, RoomTransformer)
    scenes = rooms.scenes
    assert scenes.size is not None
    torch.testing.assert_close(module.length[1], scenes.size[scenes.mask].std(correction=0))
    weight = scenes.numbers["weight"][scenes.mask]
    torch.testing.assert_close(module.number_mean[0], weight.mean())
    torch.testing.assert_close(module.number_spread[0], weight.std(correction=0))


def test_height_counts_from_the_floor() -> None:
    rooms = laws.rooms()
    predictor = build("room-transformer", rooms, seed=0)
    scenes = rooms.scenes
    assert scenes.center is not None
    lifted = replace(scenes, center=scenes.center + torch.tensor([0.0, 0.0, 1.0]))
    assert (predictor.logits(lifted)["tall"] - predictor.logits(scenes)["tall"]).abs().max() > 1e-3


def test_reads_scenes_without_geometry() -> None:
    rooms = laws.rooms()
    scenes = replace(rooms.scenes, center=None, size=None, yaw=None, points=None)
    predictor = build("room-transformer", replace(rooms, scenes=scenes), seed=0)
    predictor.dry_run(scenes)
    heavier = replace(scenes, numbers={"weight": scenes.numbers["weight"] + 1})
    assert (predictor.logits(heavier)["tall"] - predictor.logits(scenes)["tall"]).abs().max() > 1e-3


def test_learns_relations_properties_and_facts_of_the_scene() -> None:
    rooms = laws.labelled_rooms(count=32, seed=1)
    assert laws.learn(build("room-transformer", rooms, seed=0), rooms, steps=60, rate=3e-3) > 0.95  # seen: 1.0
