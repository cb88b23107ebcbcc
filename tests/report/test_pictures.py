"""Pictures of cited scenes: true to scale, and the cited objects marked."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from xml.etree.ElementTree import tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import Citation, Object, World
from rulekd.report.pictures import LETTER, legend, picture
from tests.report.made import Page, Picture, world

CITED = Citation("room 1", (("a", 0), ("b", 1)), "room 1")


def polygons(drawn: str, wanted: str) -> list[list[tuple[float, float]]]:
    """Corners of the polygons of a class."""
    return [
        [tuple(map(float, point.split(","))) for point in (attributes["points"] or "").split()]  # type: ignore[misc]
        for name, attributes in Page(drawn).tags
        if name == "polygon" and wanted in (attributes["class"] or "").split()
    ]


def views(world: World, citation: Citation) -> tuple[Picture, Picture]:
    """The scene from above, and from the front."""
    drawn = picture(world, citation)
    assert drawn is not None
    above, front = (tostring(svg, encoding="unicode") for svg in Picture(drawn).every("svg"))
    return Picture(above), Picture(front)


def test_every_object_is_drawn_from_above_and_from_the_front() -> None:
    drawn = picture(world(), CITED)
    assert drawn is not None
    assert len(polygons(drawn, "thing")) == 2 * 3
    assert len(polygons(drawn, "cited")) == len(polygons(drawn, "outline")) == 2 * 2
    letters = re.findall(r'class="letter">([^<]*)<', drawn)
    assert sorted(letters) == ["a", "a", "b", "b"]
    titles = [Picture(drawn).text(title) for title in Picture(drawn).every("title")]
    assert "room 1: a = desk 0, b = cup 1, from above" in titles


def test_one_scale_for_both_axes_and_both_views() -> None:
    drawn = picture(world(), CITED)
    assert drawn is not None
    rulers = [a for n, a in Page(drawn).tags if n == "line" and a["class"] == "ruler"]
    lengths = [float(ruler["x2"] or 0) - float(ruler["x1"] or 0) for ruler in rulers]
    assert Picture(drawn).text().count("1 m") == 2
    metre = lengths[0]
    assert lengths == [metre, metre]
    desk_above, desk_front = polygons(drawn, "c0")
    for corners, height in ((desk_above, 0.4), (desk_front, 0.5)):
        across, along = ([corner[axis] for corner in corners] for axis in range(2))
        assert max(across) - min(across) == pytest.approx(0.8 * metre, abs=0.2)
        assert max(along) - min(along) == pytest.approx(height * metre, abs=0.2)
    # the turned box is as wide as its hull: 0.8 cos + 0.4 sin of 0.4 rad
    turned = [corner[0] for corner in polygons(drawn, "c1")[0]]
    assert max(turned) - min(turned) == pytest.approx((0.8 * 0.92106 + 0.4 * 0.38942) * metre, abs=0.2)


def test_the_ruler_fits_scenes_of_any_size() -> None:
    for factor, metres in ((0.05, "0.1 m"), (30.0, "10 m")):
        things = [(thing.center, thing.size) for thing in world().objects]
        scaled = tuple(
            Object((factor * x, factor * y, factor * z), (factor * w, factor * d, factor * h))
            for (x, y, z), (w, d, h) in things
        )
        above, _ = views(replace(world(), objects=scaled), CITED)
        assert metres in above.text()


@given(
    st.lists(st.tuples(*[st.floats(-9, 9)] * 3, *[st.floats(0, 5)] * 3, st.floats(-4, 4)), min_size=3, max_size=8),
    st.permutations([0, 1, 2]),
)
def test_everything_lies_within_the_picture(numbers: list[tuple[float, ...]], order: list[int]) -> None:
    things = tuple(Object((x, y, z), (w, d, h), yaw) for x, y, z, w, d, h, yaw in numbers)
    citation = Citation("s", tuple(zip("abc", order, strict=True)))
    for view in views(World(len(things), {}, objects=things), citation):
        (svg,) = view.every("svg")
        _, _, width, height = map(float, svg.get("viewBox", "").split())
        for box in view.every("polygon"):
            for x, y in re.findall(r"([-\d.]+),([-\d.]+)", box.get("points", "")):
                assert -0.1 <= float(x) <= width + 0.1
                assert -0.1 <= float(y) <= height + 0.1


def test_letters_do_not_lie_on_each_other() -> None:
    one = world().objects[0]
    same = World(3, {}, objects=(one, one, one))
    for view in views(same, Citation("s", (("a", 0), ("b", 1), ("c", 2)))):
        places = [(float(t.get("x", 0)), float(t.get("y", 0))) for t in view.every("text", "letter")]
        assert len(places) == 3
        for (x, y), (p, q) in combinations(places, 2):
            assert abs(x - p) >= LETTER[0] - 1e-6 or abs(y - q) >= LETTER[1] - 1e-6


def test_a_letter_does_not_hide_a_small_thing() -> None:
    things = (Object((0, 0, 0), (6, 4, 1)), Object((1, 1, 0), (0.2, 0.2, 0.2)), Object((2, 0, 0), (1, 1, 1)))
    above, _ = views(World(3, {}, objects=things), Citation("s", (("a", 0), ("b", 1))))
    letters = {above.text(t): (float(t.get("x", 0)), float(t.get("y", 0)) - 5) for t in above.every("text", "letter")}
    boxes = [
        [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+),([-\d.]+)", box.get("points", ""))]
        for box in above.every("polygon", "outline")
    ]
    large, small = sorted(boxes, key=lambda box: box[0][0] - box[1][0])
    # in the large box; beside the small one
    assert min(x for x, _ in large) < letters["a"][0] < max(x for x, _ in large)
    assert not min(y for _, y in small) - 1 < letters["b"][1] < max(y for _, y in small) + 1


def test_names_are_those_of_the_attributes() -> None:
    assert legend(world("cup"), CITED) == "a = desk 0, b = cup 1"
    bare = replace(world(), objects=tuple(replace(thing, attributes={}) for thing in world().objects))
    assert legend(bare, CITED) == "a = object 0, b = object 1"


def test_what_cannot_be_drawn_is_not_drawn() -> None:
    assert picture(World(2, {}), CITED) is None
    assert picture(world(), Citation("room 1", (("a", 7),))) is None
    points = replace(world(), objects=tuple(replace(thing, size=(0.0, 0.0, 0.0)) for thing in world().objects))
    assert picture(points, CITED) is not None


def test_a_letter_stands_on_no_other_cited_thing() -> None:
    """A plant on a narrow shelf: neither letter stands where the reader would take it for the other's."""
    things = (
        Object((0, 0, 0.5), (0.3, 0.3, 1.0)), Object((0, 0, 1.15), (0.25, 0.25, 0.3)), Object((3, 0, 0.5), (2, 2, 1)),
    )  # fmt: skip
    _, front = views(World(3, {}, objects=things), Citation("s", (("b", 0), ("a", 1))))
    letters = {front.text(t): (float(t.get("x", 0)), float(t.get("y", 0)) - 5) for t in front.every("text", "letter")}
    hulls = [
        [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+),([-\d.]+)", box.get("points", ""))]
        for box in front.every("polygon", "outline")
    ]
    shelf, plant = sorted(hulls, key=lambda box: -max(y for _, y in box))
    for name, other in (("a", shelf), ("b", plant)):
        x, y = letters[name]
        across = min(p for p, _ in other) < x < max(p for p, _ in other)
        along = min(q for _, q in other) < y < max(q for _, q in other)
        assert not (across and along), name


def test_what_is_round_is_drawn_so() -> None:
    """A sphere touches the sides of its box in both views, a cylinder is a disc from above."""
    things = tuple(
        Object((2.0 * n, 0.0, 0.5), (1.0, 1.0, 1.0), 0.5, {"shape": shape})
        for n, shape in enumerate(("sphere", "cylinder", "cube"))
    )
    above, front = views(World(3, {}, objects=things), Citation("s", (("a", 0), ("b", 1))))
    for view, rounds in ((above, 2), (front, 1)):
        discs = view.every("ellipse", "thing")
        (ruler,) = view.every("line", "ruler")
        metre = float(ruler.get("x2", 0)) - float(ruler.get("x1", 0))
        assert len(discs) == rounds
        assert len(view.every("polygon", "thing")) == 3 - rounds
        for disc in discs:
            assert (float(disc.get("rx", 0)), float(disc.get("ry", 0))) == pytest.approx(
                (metre / 2, metre / 2), abs=0.1
            )


def test_there_is_a_floor_where_things_stand_on_one() -> None:
    assert len(views(world(), CITED)[1].every("line", "floor")) == 1
    hung = tuple(replace(thing, center=(*thing.center[:2], thing.center[2] - 1)) for thing in world().objects)
    assert views(replace(world(), objects=hung), CITED)[1].every("line", "floor") == []
