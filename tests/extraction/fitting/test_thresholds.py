"""Thresholds: simple numbers inside their interval, and intervals that contain the true threshold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulekd.extraction.fitting.thresholds import equally_good, gap, interval, simplest


@given(st.floats(-100, 100), st.floats(1e-6, 50))
def test_the_simplest_number_lies_inside(low: float, width: float) -> None:
    assert low < simplest(low, low + width) < low + width


INSIDE = [(-0.4, 0.4, 0.0), (0.049, 0.0512, 0.05), (0.33, 0.34, 0.335), (1.79, 1.83, 1.8), (-0.29, -0.19, -0.2)]

#: Nothing is known beyond one end.
OPEN = [
    (1.4079736471176147, math.inf, 1.5),
    (-math.inf, -0.0673, -0.07),
    (-math.inf, -6.4734, -7.0),
    (-1.3, math.inf, 0.0),
]


@pytest.mark.parametrize(("low", "high", "wanted"), INSIDE + OPEN)
def test_the_simplest_number_is_what_a_person_would_write(low: float, high: float, wanted: float) -> None:
    assert simplest(low, high) == pytest.approx(wanted)
    assert len(repr(simplest(low, high))) <= len(repr(wanted)) + 1


def test_a_gap_is_what_the_data_leave_open() -> None:
    values, truth = np.array([-2.0, -0.4, 0.4, 3.0]), np.array([False, False, True, True])
    assert gap(values, truth, above=True) == (-0.4, 0.4)
    assert gap(-values, truth, above=False) == (-0.4, 0.4)
    assert gap(values, ~truth, above=True) is None
    assert gap(values, np.array([True] * 4), above=True) == (-math.inf, -2.0)


@given(st.integers(0, 2**31), st.booleans())
def test_no_threshold_that_does_as_well_is_far_from_the_best(seed: int, above: bool) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=300)
    truth = (values >= 0.2) == above
    flipped = generator.random(300) < 0.02
    low, high = 0.2 - 1e-9, 0.2 + 1e-9
    bottom, top = equally_good(values, truth ^ flipped, above, low, high)
    assert bottom <= low < high <= top
    # Passing m groundings that are all told right costs m errors: more than sqrt(m) from the second on.
    passed = ((values > 0.2) & (values < top)).sum() + ((values < 0.2) & (values > bottom)).sum()
    assert passed <= 40, "saw 12"


@pytest.mark.parametrize(("noise", "units", "each"), [(0.0, 60, 4), (0.05, 60, 4), (0.10, 150, 8)])
def test_intervals_contain_the_threshold_of_nearly_every_teacher(noise: float, units: int, each: int) -> None:
    """200 teachers of known thresholds, whose answers are wrong at random; the printed one was chosen elsewhere."""
    generator = np.random.default_rng(7)
    hit, widths = 0, []
    for _ in range(200):
        threshold = generator.uniform(-0.5, 0.5)
        values = generator.normal(size=units * each)
        truth = (values >= threshold) ^ (generator.random(units * each) < noise)
        printed = threshold + generator.normal(scale=0.05)
        low, high = interval(values, truth, np.repeat(np.arange(units), each), True, printed)
        hit += low <= threshold <= high
        widths.append(high - low)
    assert hit >= 190, "95 % are promised; saw 199 or more"
    assert np.median(widths) < 0.5, "saw 0.12 to 0.27"


def test_answers_of_one_unit_are_no_more_than_one_answer() -> None:
    """A hundred copies of one disagreeing room must not refute a threshold."""
    values = np.concatenate([np.linspace(-1, 1, 40), np.full(100, 0.3)])
    truth = np.concatenate([np.linspace(-1, 1, 40) >= 0, np.full(100, False)])
    units = np.concatenate([np.arange(40), np.full(100, 40)])
    low, high = interval(values, truth, units, True, 0.0)
    assert low <= 0 <= high
    single = interval(values[:41], truth[:41], units[:41], True, 0.0)
    assert high >= single[1], "copies of an answer make nothing surer"
