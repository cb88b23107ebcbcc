"""What a network reads of scenes: in the frame of the view, by name, and refused when a column is missing."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from kg import RulekdError
from rulekd.networks.layout import Layout, ReadColumns, ReadPoints
from rulekd.scenes import Scenes
from tests.networks import laws


def test_a_layout_survives_json() -> None:
    layout = Layout.of(laws.rooms().scenes)
    assert layout.geometry == ("center", "size", "yaw")
    assert layout.numbers == ("weight",)
    assert layout.scene_numbers == ("area",)
    assert layout.channels == 3
    assert Layout.from_dict(json.loads(json.dumps(layout.to_dict()))) == layout


def test_columns_are_seen_from_the_view() -> None:
    # the viewer looks along the file's x axis: right is -y, away is x
    scene = {
        "objects": [{"center": (1, 2, 3), "size": (4, 2, 1), "yaw": 0.0}],
        "view": [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
    }
    scenes = Scenes.from_objects([scene])
    columns = ReadColumns(Layout.of(scenes)).columns(scenes)
    assert columns.center[0, 0].tolist() == [-2, 1, 3]
    assert columns.hull[0, 0].tolist() == pytest.approx([2, 4, 1])
    assert columns.size[0, 0].tolist() == [4, 2, 1]
    assert columns.yaw[0, 0].item() == pytest.approx(math.pi / 2)


def test_points_are_seen_from_the_view_and_colours_stay() -> None:
    scene = {"objects": [{"points": [[1, 2, 3, 0.1, 0.2, 0.3]]}], "view": [[0, -1, 0], [1, 0, 0], [0, 0, 1]]}
    scenes = Scenes.from_objects([scene])
    points, _ = ReadPoints(Layout.of(scenes))(scenes)
    assert points[0, 0, 0].tolist() == pytest.approx([-2, 1, 3, 0.1, 0.2, 0.3])


def test_categories_are_read_by_name_not_by_number() -> None:
    built = Scenes.from_objects([[{"shape": "ball"}, {"shape": "cube"}]])
    other = Scenes.from_objects([[{"shape": "cube"}, {"shape": "arch"}]])
    read = ReadColumns(Layout.of(built))
    assert read.columns(built).categories[0, :, 0].tolist() == [1, 2]
    assert read.columns(other).categories[0, :, 0].tolist() == [2, 0]


def test_a_missing_column_is_named() -> None:
    rooms = laws.rooms().scenes
    layout = Layout.of(rooms)
    with pytest.raises(RulekdError, match="scenes with 'size'; these scenes have none"):
        ReadColumns(layout)(replace(rooms, size=None, points=None))
    with pytest.raises(RulekdError, match="scenes with 'weight'"):
        ReadColumns(layout)(replace(rooms, numbers={}))
    with pytest.raises(RulekdError, match="without points") as wrong:
        ReadPoints(layout)(replace(rooms, points=None))
    assert "with_points" in wrong.value.hint
    assert rooms.points is not None
    with pytest.raises(RulekdError, match="0 channels"):
        ReadPoints(layout)(replace(rooms, points=rooms.points[..., :3]))


def test_an_unknown_number_is_read_as_the_mean() -> None:
    rooms = laws.rooms()
    scenes = replace(rooms.scenes, numbers={"weight": torch.full_like(rooms.scenes.numbers["weight"], torch.nan)})
    columns = ReadColumns(Layout.of(scenes)).columns(scenes)
    assert bool(columns.numbers[..., 0][columns.mask].isnan().all())
    assert columns.numbers[..., 1][columns.mask].min() == 3.0
