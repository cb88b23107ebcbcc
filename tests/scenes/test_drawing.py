"""Pictures of scenes: every thing and its name is there, where it belongs, and the same scene is the same file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Polygon

from kg.errors import RulekdError
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.drawing import draw, picture


def test_png_and_svg_by_suffix(tmp_path: Path, rooms: SceneSet) -> None:
    assert draw(rooms.scenes, 0, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in draw(rooms.scenes, 0, tmp_path / "a.svg").read_text()
    with pytest.raises(RulekdError, match=r"pictures are \.png or \.svg"):
        draw(rooms.scenes, 0, tmp_path / "a.jpg")
    with pytest.raises(RulekdError, match="scene number 500"):
        draw(rooms.scenes, 500, tmp_path / "a.png")


def test_the_same_scene_is_the_same_file(tmp_path: Path, rooms: SceneSet) -> None:
    one, two = (draw(rooms.scenes, 1, tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert one == two
    assert re.search(rb"\d{4}-\d\d-\d\dT", one) is None


def test_every_object_is_drawn_twice_and_named(rooms: SceneSet) -> None:
    row = 2
    figure = picture(rooms.scenes, row, marked=[0])
    names = (rooms.scenes.object_ids or ())[row]
    for axes in figure.axes:
        assert len([patch for patch in axes.patches if isinstance(patch, Polygon)]) == len(names)
        written = [text.get_text() for text in axes.texts]
        assert sorted(written) == sorted(names)
        (low_x, high_x), (low_y, high_y) = axes.get_xlim(), axes.get_ylim()
        for text in axes.texts:
            x, y = text.get_position()
            assert low_x <= x <= high_x
            assert low_y <= y <= high_y
    bold = [patch for patch in figure.axes[0].patches if patch.get_linewidth() > 2]
    assert len(bold) == 1


def test_shapes_are_where_the_objects_are() -> None:
    view = [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]
    thing = {"center": (1, 2, 3), "size": (2, 4, 1), "yaw": 0.0}
    figure = picture(Scenes.from_objects([{"name": "one", "view": view, "objects": [thing]}]), 0)
    plan, elevation = (next(iter(axes.patches)).get_xy()[:4] for axes in figure.axes)  # type: ignore[attr-defined] # polygons
    assert sorted(map(tuple, np.round(plan, 6))) == [(0, -2), (0, 0), (4, -2), (4, 0)]
    assert sorted(map(tuple, np.round(elevation, 6))) == [(0, 2.5), (0, 3.5), (4, 2.5), (4, 3.5)]


def test_nearer_things_are_drawn_over_farther_ones() -> None:
    things = [{"id": name, "center": (0, y, 0), "size": (1, 1, 1)} for name, y in (("near", 0), ("far", 5))]
    elevation = picture(Scenes.from_objects([things]), 0).axes[1]
    order = sorted(elevation.patches, key=lambda patch: patch.get_zorder())
    colors = [patch.get_facecolor() for patch in order]
    assert len(colors) == 2
    plan = picture(Scenes.from_objects([[{**things[0], "center": (0, 0, 9)}, things[1]]]), 0).axes[0]
    top = max(plan.patches, key=lambda patch: patch.get_zorder())
    assert top.get_xy()[:4, 1].max() == pytest.approx(0.5)  # type: ignore[attr-defined] # a polygon


def test_names_do_not_cover_each_other(rooms: SceneSet) -> None:
    covered = total = 0
    for row in range(3):
        for axes in picture(rooms.scenes, row).axes:
            scale = 370 / (axes.get_xlim()[1] - axes.get_xlim()[0])
            spots = [(text.get_position(), len(text.get_text())) for text in axes.texts]
            for number, ((x, y), length) in enumerate(spots):
                for (u, v), other in spots[:number]:
                    total += 1
                    covered += abs(x - u) * scale < 2.2 * (length + other) and abs(y - v) * scale < 7
    assert covered <= 0.01 * total
