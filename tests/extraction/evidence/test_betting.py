from __future__ import annotations

import numpy as np
import pytest

from rulekd.extraction.evidence import betting


@pytest.mark.parametrize(("units", "width"), [(10, 0.36), (50, 0.09), (200, 0.025)])
def test_without_a_violation_the_interval_is_this_narrow(units: int, width: float) -> None:
    low, high = betting.interval([0.0] * units) or (0.0, 1.0)
    assert low == 0
    assert high <= width


@pytest.mark.parametrize("units", [10, 50, 200])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.3])
def test_intervals_contain_the_mean_at_least_95_times_in_100(units: int, rate: float) -> None:
    """Units with few live groundings: their violation rates are 0 mostly, and sometimes 1/3 or 1."""
    generator = np.random.default_rng(units)
    inside = 0
    for _ in range(200):
        broken = generator.random(units) < rate * 2
        values = broken * np.where(generator.random(units) < 0.25, 1.0, 1 / 3)  # mean 2 rate (1/4 + 1/4) = rate
        low, high = betting.interval(values) or (0.0, 1.0)
        inside += low <= rate <= high
    assert inside >= 190 - 6, "95 % of 200, less two standard errors; the bound is conservative and saw 197 to 200"


def test_the_capital_does_not_pay_under_the_null() -> None:
    """Markov: when the mean is the tolerance, p <= 0.05 comes at most 5 times in 100."""
    generator = np.random.default_rng(0)
    p = [betting.p_at_most(generator.random(40) < 0.1, 0.1) for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05


def test_a_rule_that_holds_in_enough_units_is_confirmed() -> None:
    assert betting.p_at_most([0.0] * 60, 0.1) < 0.01
    assert betting.p_at_most([0.2] * 60, 0.1) == 1.0


def test_the_order_of_units_does_not_matter() -> None:
    values = np.random.default_rng(3).random(30) * 0.3
    assert betting.interval(values) == betting.interval(values[::-1])


def test_one_counterexample_refutes_a_mean_of_zero() -> None:
    assert betting.log_capital_above([0.0] * 100 + [0.01], 0.0) == np.inf
    assert betting.log_capital_above([0.0] * 100, 0.0) == 0.0


def test_no_numbers_give_no_interval() -> None:
    assert betting.interval([]) is None
