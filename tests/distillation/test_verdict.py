"""Paired differences and what may be said of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rulekd.distillation.verdict import ENOUGH, Difference, Verdict, interval, together

BEATS, INCONCLUSIVE, LOSES = Verdict.BEATS, Verdict.INCONCLUSIVE, Verdict.LOSES


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    """scipy's own paired test of two samples gives the same interval."""
    generator = np.random.default_rng(0)
    ours, theirs = generator.normal(0.8, 0.02, 12), generator.normal(0.78, 0.02, 12)
    wanted = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    found = interval(list(ours - theirs))
    assert found is not None
    assert found == pytest.approx((wanted.low, wanted.high))


def test_the_interval_contains_the_mean_as_often_as_it_says() -> None:
    """2,000 normal samples of 10: 95 % of the intervals hold the true mean; saw 0.951."""
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        found = interval(list(generator.normal(0.3, 1.0, 10)))
        assert found is not None
        held += found[0] <= 0.3 <= found[1]
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("measure", "values", "verdict"),
    [
        ("f1", [0.02, 0.03] * 5, BEATS),
        ("f1", [-0.02, -0.03] * 5, LOSES),
        ("f1", [0.02, -0.03] * 5, INCONCLUSIVE),
        ("violation", [-0.02, -0.03] * 5, BEATS),
        ("violation", [0.02, 0.03] * 5, LOSES),
        ("f1", [0.02, 0.03] * 4 + [0.025], INCONCLUSIVE),  # nine seeds
        ("f1", [-0.02, -0.03], INCONCLUSIVE),  # t of one degree of freedom is wide
        ("f1", [-0.02, -0.021, -0.02], LOSES),
        ("f1", [0.5], INCONCLUSIVE),
        ("f1", [0.0] * 10, INCONCLUSIVE),
    ],
)
def test_what_may_be_said(measure: str, values: list[float], verdict: Verdict) -> None:
    assert Difference(measure, "all", "soft", tuple(values)).verdict is verdict


def test_a_difference_of_nothing_says_nothing_however_many_seeds() -> None:
    """Under no difference at all, BEATS comes by in one comparison of forty; saw 0.023 of 2,000."""
    generator = np.random.default_rng(2)
    words = [Difference("f1", "all", "soft", tuple(generator.normal(0, 1, ENOUGH))).verdict for _ in range(2000)]
    assert words.count(BEATS) / 2000 < 0.04
    assert words.count(LOSES) / 2000 < 0.04


def test_over_several_controls() -> None:
    assert together([BEATS, BEATS]) is BEATS
    assert together([BEATS, INCONCLUSIVE]) is INCONCLUSIVE
    assert together([BEATS, LOSES, INCONCLUSIVE]) is LOSES
    assert together([]) is INCONCLUSIVE
