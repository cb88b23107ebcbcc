"""Worlds under a transform: as by hand, and only where it is not drawn at random."""

from __future__ import annotations

import pytest
import torch

from kg import Object, World
from kg.formulas import Quantity, Transform
from kg.objects import IDENTITY, extent
from rulekd.report.images import image, random
from rulekd.scenes import Scenes
from rulekd.scenes.transforms import TRANSFORMS, apply
from tests.report.made import world


def test_a_mirror_turns_left_and_right_about_the_middle() -> None:
    before = world()
    after = image(before, Transform("mirror_x"))
    assert after is not None
    middle = (0 + 2 + 2) / 3
    for one, other in zip(before.objects, after.objects, strict=True):
        assert other.center == pytest.approx((2 * middle - one.center[0], *one.center[1:]))
        assert other.size == pytest.approx(one.size)
        assert other.yaw % 3.141592653589793 == pytest.approx(-one.yaw % 3.141592653589793)
        assert other.attributes == one.attributes
    assert after.facts == {}  # nobody knows what was answered there


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_random_is_what_gives_another_scene_with_other_numbers(name: str) -> None:
    corners = [(0.0, 0.0, 0.0), (1.0, 2.0, 0.0), (-1.5, 0.3, 2.0)]
    given = Scenes.from_objects([[{"center": corner} for corner in corners]])
    moved = [apply(Transform(name), given, torch.Generator().manual_seed(seed)).center for seed in range(8)]
    assert moved[0] is not None
    assert random(Transform(name)) == any(not torch.allclose(moved[0], other) for other in moved if other is not None)


def test_a_quarter_turn_exchanges_width_and_depth() -> None:
    before = World(2, {}, objects=(Object((1.0, 0.0, 0.0), (2.0, 1.0, 1.0)), Object((-1.0, 0.0, 0.0), (2.0, 1.0, 1.0))))
    after = image(before, Transform("rotate_z", (Quantity(90.0, "deg"),)))
    assert after is not None
    assert [thing.center for thing in after.objects] == [
        pytest.approx((0.0, 1.0, 0.0), abs=1e-6), pytest.approx((0.0, -1.0, 0.0), abs=1e-6),
    ]  # fmt: skip
    assert [extent(thing, 1, IDENTITY) for thing in after.objects] == pytest.approx([2.0, 2.0])


def test_what_cannot_be_known_or_drawn_is_not_made_up() -> None:
    assert image(world(), Transform("translate")) is None
    assert image(World(3, {}), Transform("mirror_x")) is None
    # a box that is turned by 0.4 cannot be tilted
    assert image(world(), Transform("exchange_yz")) is None
    assert image(world(), Transform("unheard_of")) is None


def test_mirrors_act_in_the_frame_of_the_view() -> None:
    """Right is the file's y: the mirror exchanges what lies along y."""
    things = (Object((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), Object((0.0, 4.0, 0.0), (1.0, 1.0, 1.0)))
    turned = World(2, {}, objects=things, view=((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    after = image(turned, Transform("mirror_x"))
    assert after is not None
    assert after.objects[0].center == pytest.approx((0.0, 4.0, 0.0))
