"""Pictures of cited scenes: true to scale, and the cited objects marked."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kg import Citation, World
from rulekd.report.pictures import legend, picture
from tests.report.made import Page, world

CITED = Citation("room 1", (("a", 0), ("b", 1)), "room 1")


def polygons(drawn: str, wanted: str) -> list[list[tuple[float, float]]]:
    """Corners of the polygons of a class."""
    return [
        [tuple(map(float, point.split(","))) for point in (attributes["points"] or "").split()]  # type: ignore[misc]
        for name, attributes in Page(drawn).tags
        if name == "polygon" and wanted in (attributes["class"] or "").split()
    ]


def test_every_object_is_drawn_from_above_and_from_the_front() -> None:
    drawn = picture(world(), CITED)
    assert drawn is not None
    assert len(polygons(drawn, "thing")) == 2 * 3
    assert len(polygons(drawn, "cited")) == 2 * 2
    letters = re.findall(r'class="letter">([^<]*)<', drawn)
    assert sorted(letters) == ["a", "a", "b", "b"]


def test_one_scale_for_both_axes_and_both_views() -> None:
    drawn = picture(world(), CITED)
    assert drawn is not None
    ruler = next(a for n, a in Page(drawn).tags if n == "line" and a["class"] == "ruler")
    metre = float(ruler["x2"] or 0) - float(ruler["x1"] or 0)
    desk_above, desk_front = polygons(drawn, "c0")
    for corners, height in ((desk_above, 0.4), (desk_front, 0.5)):
        across, along = ([corner[axis] for corner in corners] for axis in range(2))
        assert max(across) - min(across) == pytest.approx(0.8 * metre, abs=0.2)
        assert max(along) - min(along) == pytest.approx(height * metre, abs=0.2)
    # the turned box is as wide as its hull: 0.8 cos + 0.4 sin of 0.4 rad
    turned = [corner[0] for corner in polygons(drawn, "c1")[0]]
    assert max(turned) - min(turned) == pytest.approx((0.8 * 0.92106 + 0.4 * 0.38942) * metre, abs=0.2)


def test_everything_lies_within_the_picture() -> None:
    drawn = picture(world(), CITED)
    assert drawn is not None
    _, _, width, height = map(float, (Page(drawn).tags[0][1]["viewbox"] or "").split())
    for x, y in (corner for shape in polygons(drawn, "thing") for corner in shape):
        assert 0 <= x <= width
        assert 0 <= y <= height


def test_letters_do_not_lie_on_each_other() -> None:
    one = world().objects[0]
    same = World(3, {}, objects=(one, one, one))
    drawn = picture(same, Citation("s", (("a", 0), ("b", 1), ("c", 2))))
    assert drawn is not None
    places = re.findall(r'<text x="([\d.]+)" y="([\d.-]+)" class="letter">', drawn)
    assert len(set(places)) == len(places) == 6


def test_names_are_those_of_the_attributes() -> None:
    assert legend(world("cup"), CITED) == "a = desk 0, b = cup 1"
    bare = replace(world(), objects=tuple(replace(thing, attributes={}) for thing in world().objects))
    assert legend(bare, CITED) == "a = object 0, b = object 1"


def test_what_cannot_be_drawn_is_not_drawn() -> None:
    assert picture(World(2, {}), CITED) is None
    assert picture(world(), Citation("room 1", (("a", 7),))) is None
    points = replace(world(), objects=tuple(replace(thing, size=(0.0, 0.0, 0.0)) for thing in world().objects))
    assert picture(points, CITED) is not None
