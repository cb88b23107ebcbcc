"""The student: its size, what it never sees, what it makes of objects that nobody saw, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kg import RulekdError, Vocabulary
from rulekd.networks import PointStudent, build
from rulekd.networks.layout import Layout
from rulekd.networks.points import PointOptions, mean_point, seen_points
from tests.networks import laws


def test_has_the_size_of_the_student_that_was_measured() -> None:
    words = Vocabulary({f"p{number}": 2 for number in range(9)})
    network = PointStudent(words, Layout(channels=3), PointOptions())
    assert abs(sum(p.numel() for p in network.parameters()) - 5_489) < 200


def test_never_sees_a_box() -> None:
    rooms = laws.rooms()
    predictor = build("point-student", rooms, seed=0)
    blind = replace(rooms.scenes, center=None, size=None, yaw=None, numbers={}, scene_numbers={})
    blind = replace(blind, categories={}, category_names={})
    laws.assert_same(predictor.logits(blind), predictor.logits(rooms.scenes), within=0.0)


def test_order_and_repetition_of_points_change_nothing() -> None:
    rooms = laws.rooms()
    predictor, points = build("point-student", rooms, seed=0), rooms.scenes.points
    assert points is not None
    shuffled = points[:, :, torch.randperm(points.shape[2])]
    twice = torch.cat([points, points], dim=2)
    for other in (shuffled, twice):
        laws.assert_same(
            predictor.logits(replace(rooms.scenes, points=other)), predictor.logits(rooms.scenes), within=1e-4
        )


def test_unseen_points_are_left_out_and_unseen_objects_are_finite() -> None:
    rooms = laws.rooms()
    predictor, points = build("point-student", rooms, seed=0), rooms.scenes.points
    assert points is not None
    half = points.clone()
    half[:, :, 6:] = torch.nan
    fewer = replace(rooms.scenes, points=points[:, :, :6])
    mask = rooms.scenes.mask
    laws.assert_same(
        laws.real(predictor.logits(replace(rooms.scenes, points=half)), mask), laws.real(predictor.logits(fewer), mask)
    )
    unseen = []
    for place in (torch.nan, 0.0, 7.0):
        gone = points.clone()
        gone[:, 0] = place
        unseen.append(predictor.logits(replace(rooms.scenes, points=gone)))
        assert all(bool(value.isfinite().all()) for value in unseen[-1].values())
    laws.assert_same(unseen[1], unseen[0], within=0.0)
    laws.assert_same(unseen[2], unseen[0], within=0.0)


def test_mean_point_by_hand() -> None:
    points = torch.tensor([[[[1.0, 2.0, 3.0], [3.0, 4.0, 5.0], [0.0, 0.0, 0.0]]]])
    assert mean_point(points, torch.tensor([[[True, True, False]]])).tolist() == [[[2.0, 3.0, 4.0]]]
    assert mean_point(points * 0, torch.zeros(1, 1, 3, dtype=torch.bool)).tolist() == [[[0.0, 0.0, 0.0]]]


def test_seen_points_by_hand() -> None:
    spread, together = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]
    points = torch.tensor([[spread, together, [[0.0, 0.0, 0.0], [torch.nan, 1.0, 1.0]], spread]])
    mask = torch.tensor([[True, True, True, False]])
    assert seen_points(points, mask).tolist() == [[[True, True], [False, False], [True, False], [False, False]]]
    assert seen_points(points[:, :, :1], mask).tolist() == [[[True], [True], [True], [False]]]


def test_scenes_without_points_are_refused() -> None:
    rooms = laws.rooms()
    with pytest.raises(RulekdError, match="the scenes have no points") as wrong:
        build("point-student", replace(rooms, scenes=replace(rooms.scenes, points=None)))
    assert "with_points" in wrong.value.hint


def test_learns_relations_properties_and_facts_of_the_scene() -> None:
    rooms = laws.labelled_rooms(count=32, seed=1)
    assert laws.learn(build("point-student", rooms, seed=0), rooms, steps=200) > 0.9  # seen: 1.0
