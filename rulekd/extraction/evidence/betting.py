"""Tests and intervals for the mean of independent numbers in [0, 1], by betting; valid for any number of them.

A gambler who believes that the mean is below m stakes the share c of what she may lose on every number:

    capital(m) = mixture over c of  prod_i (1 + c (m - x_i) / (1 - m)),      0 < c <= 1.

When the mean is m or more, her expected capital is at most 1, so by Markov's inequality it reaches 1 / alpha
with probability at most alpha. The stakes are fixed beforehand, hence the order of the numbers does not matter.
Half of the mixture stakes everything (c = 1), which is what makes "no violation in n units" as sharp as it can
be up to a factor of 2; the other half is spread over smaller stakes, down to 1 %, which suit rare violations.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024
(section 4 and the mixtures of its appendix).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Shares of the stake and the logarithms of their weights.
SMALLER = (0.01, 0.02, 0.03, *(place / 20 for place in range(1, 20)))
STAKES = np.array([1.0, *SMALLER])
LOG_WEIGHTS = np.log(np.array([0.5, *([0.5 / len(SMALLER)] * len(SMALLER))]))


def log_capital_below(values: ArrayLike, mean: float) -> float:
    """log capital of the gambler who bets that the mean lies below ``mean``; grows with ``mean``.

    >>> round(log_capital_below([0.0] * 10, 0.5), 2)          # log(0.5 * 2^10 + ...)
    6.37
    """
    return _below(*_tally(values), mean)


def log_capital_above(values: ArrayLike, mean: float) -> float:
    """log capital of the gambler who bets that the mean lies above ``mean``; infinite once 0 is refuted."""
    x, count = _tally(values)
    return _below(1 - x, count, 1 - mean)


def p_at_most(values: ArrayLike, tolerance: float) -> float:
    """p-value of "the mean is ``tolerance`` or more": small when the mean surely lies below it."""
    return min(1.0, math.exp(-max(log_capital_below(values, tolerance), 0.0)))


def units_needed(tolerance: float, level: float) -> int:
    """How many numbers, all 0, bring ``p_at_most`` to the level: half the mixture stakes all, (1 - tolerance)^-n / 2.

    >>> units_needed(0.1, 0.05), p_at_most([0.0] * 36, 0.1) <= 0.05
    (36, True)
    """
    return math.ceil(math.log(2 / level) / -math.log1p(-tolerance)) if tolerance < 1 else 1


def interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float] | None:
    """(low, high): contains the mean with probability at least ``confidence``; None without numbers.

    >>> low, high = interval([0.0] * 50)
    >>> low, round(high, 3)
    (0.0, 0.081)
    """
    x, count = _tally(values)
    if not x.size:
        return None
    threshold = math.log(2 / (1 - confidence))
    return max(0.0, 1 - _cross(1 - x, count, threshold)), min(1.0, _cross(x, count, threshold))


def _below(x: NDArray[np.float64], count: NDArray[np.float64], mean: float) -> float:
    if mean <= 0:
        return 0.0
    if mean >= 1:
        return math.inf if (x < 1).any() else 0.0
    return float(_mixture(x, count, np.array([mean]))[0])


def _cross(x: NDArray[np.float64], count: NDArray[np.float64], threshold: float) -> float:
    """The least mean against which the capital reaches exp(threshold); 1 when none does.

    The capital grows with the mean: the bracket is cut into 32 parts at once, five times, to a width of 3e-8.
    """
    low, high = float(x @ count / count.sum()), 1.0
    for _ in range(5 if low < 1 else 0):
        means = np.linspace(low, high, 33)[1:-1]
        reached = _mixture(x, count, means) >= threshold
        place = int(reached.argmax()) if reached.any() else len(means)
        edges = np.array([low, *means, high])
        low, high = float(edges[place]), float(edges[place + 1])
    return high


def _tally(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distinct values with their multiplicities: most units of a good rule have the violation rate 0."""
    given = np.asarray(values, dtype=np.float64).ravel()
    assert not given.size or (given.min() >= 0 and given.max() <= 1), "rates lie in [0, 1]"
    distinct, count = np.unique(given, return_counts=True)
    return distinct, count.astype(np.float64)


def _mixture(x: NDArray[np.float64], count: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """log capital against each mean, which lie between 0 and 1."""
    if not x.size:
        return np.zeros(len(means))
    gains = (means[:, None] - x) / (1 - means[:, None])
    with np.errstate(divide="ignore"):  # a lost stake of 1 is log 0 = -inf, and drops out of the mixture
        logs = np.log(np.maximum(1 + STAKES[None, :, None] * gains[:, None, :], 0.0)) @ count
    return np.asarray(np.logaddexp.reduce(logs + LOG_WEIGHTS, axis=1))
