"""Placing one thing: cases that random rooms seldom meet."""

from __future__ import annotations

import numpy as np

from rulekd.scenes.layout import Placed, Room

SHELF = Placed("shelf", (0, 0, 0), (20, 8, 29), 0, "brown")


def room(*things: Placed) -> Room:
    made = Room((100, 100), np.random.default_rng(0))
    made.things = list(things)
    return made


def test_a_stack_in_a_shelf_ends_below_its_top() -> None:
    for low, fits in ((22, True), (25, False)):
        shelf = room(SHELF, Placed("book", (1, 1, low), (4, 5, 2), 0, "red", 0, True))
        assert shelf.on(1, "cup") is fits
        assert shelf.things[-1].high[2] < SHELF.high[2]


def test_nothing_is_put_where_another_compartment_is_full() -> None:
    below = Placed("book", (1, 1, 8), (4, 5, 2), 0, "red", 0, True)
    assert not room(SHELF, below, Placed("box", (1, 1, 10), (6, 6, 5), 0, "white", 0, True)).on(1, "cup")
    assert room(SHELF, below).on(1, "cup")


def test_a_chair_looks_at_its_desk_from_every_side() -> None:
    # by quarter turns of the desk: its front looks along -y, +x, +y, -x
    for quarters, (axis, sign) in enumerate([(1, -1), (0, 1), (1, 1), (0, -1)]):
        hull = (12, 24, 15) if quarters % 2 else (24, 12, 15)
        made = room(Placed("desk", (40, 40, 0), hull, quarters, "brown"))
        assert made.chair(0)
        desk, chair = made.things
        assert chair.quarters == (quarters + 2) % 4
        apart = chair.low[axis] - desk.high[axis] if sign > 0 else desk.low[axis] - chair.high[axis]
        assert 0 <= apart <= 2


def test_furniture_by_a_wall_turns_its_back_to_it() -> None:
    made = room()
    while len(made.things) < 4:
        made.by_wall("cabinet")
    for thing in made.things:
        back = [thing.high[1] == 100, thing.low[0] == 0, thing.low[1] == 0, thing.high[0] == 100]
        assert back[thing.quarters]
