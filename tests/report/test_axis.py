"""Axes: round ends that hold everything, linear between them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulekd.report.axis import Axis

VALUES = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 6)), max_size=8)


@given(VALUES)
def test_everything_and_zero_lie_on_the_axis(values: list[float]) -> None:
    axis = Axis.over(values)
    for value in (*values, 0.0):
        assert axis.low - 1e-6 * axis.step <= value <= axis.high + 1e-6 * axis.step
    assert any(tick == 0 for tick in axis.ticks)


@given(VALUES)
def test_ticks_are_few_equal_and_round(values: list[float]) -> None:
    axis = Axis.over(values)
    assert 2 <= len(axis.ticks) <= 10
    assert (axis.ticks[0], axis.ticks[-1]) == (axis.low, axis.high)
    assert f"{axis.step:.0e}"[0] in "125"
    for one, other in pairwise(axis.ticks):
        assert other - one == pytest.approx(axis.step, rel=1e-6)


def test_places_are_shares_of_the_width() -> None:
    axis = Axis(-10.0, 30.0, 10.0)
    assert [axis.place(value) for value in (-10.0, 0.0, 10.0, 30.0)] == ["0%", "25%", "50%", "100%"]
    assert (axis.place(-99.0), axis.place(99.0)) == ("0%", "100%")
