"""Thresholds: which numbers do equally well, the simplest of them, and intervals that hold.

*Interval.* A threshold t* is the best one of its literal when no other tells more groundings right. Against the
printed threshold t, only the groundings between t* and t count, each +1 where t tells it right and -1 where t* does.
If t* is the best, their mean over independent units is not above 0, and a gambler who bets that it is reaches 20 times
her stake with probability at most 5 % (``betting``). The interval holds every threshold that is not refuted so; t was
chosen on other scenes. Where some threshold makes no error at all the law is taken to be exact, and the interval is
what the groundings leave open: one of them beyond it refutes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rulekd.extraction.evidence import betting
from rulekd.extraction.fitting.columns import Values
from rulekd.extraction.fitting.disjunctions import Bools

#: log of the capital that refutes a threshold.
REFUTED = math.log(20)

#: A simple number keeps away from the ends of its interval by this share.
EDGE = 0.05

#: Where an interval is open to one side a simple number lies no further from the known end, as a share of it.
BEYOND = 0.1

#: Thresholds that are tried on each side of the printed one, at equal steps of rank.
TRIED = 60


def simplest(low: float, high: float) -> float:
    """The number with the fewest digits in the open interval (low, high); 0 where it lies inside.

    Where one end is infinite, in what lies near the other one.

    >>> simplest(-0.4, 0.4), simplest(0.0497, 0.0521), simplest(0.1234, 0.1236), simplest(16.2, 23.9)
    (0.0, 0.05, 0.1235, 20.0)
    >>> simplest(1.4079736471176147, math.inf), simplest(-math.inf, -6.473403453826904), simplest(-1, math.inf)
    (1.5, -7.0, 0.0)
    """
    if math.isfinite(low) and math.isfinite(high):
        # A number at the very edge would hang on rounding.
        low, high = low + EDGE * (high - low), high - EDGE * (high - low)
    if low < 0 < high:
        return 0.0
    if math.isinf(low):
        return simplest(high - BEYOND * abs(high), high)
    if math.isinf(high):
        return simplest(low, low + BEYOND * abs(low))
    middle, width = (low + high) / 2, high - low
    if width <= 0:
        return low
    for power in range(math.ceil(math.log10(max(abs(low), abs(high)))), -16, -1):
        multiples = middle * 10.0**-power  # in units of 10^power
        for whole in (math.floor(multiples), math.ceil(multiples)):
            # dividing keeps the decimal that a person would write: 3 / 10, not 3 * 0.1
            value = whole / 10.0**-power if power < 0 else whole * 10.0**power
            if low < value < high:
                return float(value)
    return middle


def equally_good(
    values: Values, truth: Bools, above: bool, low: float, high: float, allowed: float = 0.0
) -> tuple[float, float]:
    """The thresholds around a cut that are not clearly worse: their extra errors stay within one standard error.

    values, truth: (n,) of the sites where all other literals hold. (low, high): the cut as found. Moving a threshold
    past m groundings changes the errors by a sum of m signs, whose standard error is at most sqrt(m). allowed: so many
    extra errors do not matter in any case.
    """
    order = np.argsort(values, kind="stable")
    ranked, right = values[order], truth[order]
    # An error more for every grounding passed that the cut tells right, one less for every other.
    sign = np.where(right == above, 1, -1)
    after = int(np.searchsorted(ranked, low, side="right"))
    up = _reach(sign[after:], allowed)
    down = _reach(-sign[:after][::-1], allowed)
    top = ranked[after + up] if after + up < len(ranked) else math.inf
    bottom = ranked[after - 1 - down] if after - 1 - down >= 0 else -math.inf
    return min(float(bottom), low), max(float(top), high)


def _reach(extra: NDArray[np.int64], allowed: float) -> int:
    """How many groundings can be passed while the extra errors stay within the square root of their number, or allowed.

    The first step beyond that ends it: a threshold farther away is not tried again.
    """
    if not len(extra):
        return 0
    passed = np.arange(1, len(extra) + 1)
    # A single grounding is within its own standard error of 1; two in the same sense are not.
    beyond = extra.cumsum() > np.maximum(np.sqrt(passed), allowed)
    return int(beyond.argmax()) if beyond.any() else len(extra)


def gap(values: Values, truth: Bools, above: bool) -> tuple[float, float] | None:
    """(low, high) between which no grounding lies and at which none is told wrong; None where the kinds overlap."""
    upper, lower = (values[truth], values[~truth]) if above else (values[~truth], values[truth])
    low = float(lower.max()) if len(lower) else -math.inf
    high = float(upper.min()) if len(upper) else math.inf
    return (low, high) if low < high else None


def interval(
    values: Values, truth: Bools, units: NDArray[np.int64], above: bool, printed: float
) -> tuple[float, float]:
    """95 % interval of a threshold, from groundings on which the printed one was not chosen.

    values, truth, units: (n,) of the sites where all other literals hold.
    """
    right = np.where(truth == above, 1.0, -1.0)  # at the upper side of a threshold; the lower side is the opposite
    up = values > printed if not above else values >= printed
    high = _refuted(values[up], right[up], units[up])
    low = -_refuted(-values[~up], -right[~up], units[~up])
    return low, high


def _refuted(values: Values, extra: Values, units: NDArray[np.int64]) -> float:
    """Going outwards, the first threshold from which on all that were tried are refuted; infinite when none is."""
    order = np.argsort(values, kind="stable")
    values, extra, units = values[order], extra[order], units[order]
    if not len(values):
        return math.inf
    # Dense near the printed threshold, where the end of the interval is likely to lie, and reaching to the last one.
    ranks = np.unique(np.geomspace(1, len(values), TRIED).round().astype(np.int64))
    kept = 0
    refuted = False
    for rank in ranks[::-1]:  # from far to near: the interval reaches to the farthest one that is not refuted
        _, place = np.unique(units[:rank], return_inverse=True)
        means = np.bincount(place, weights=extra[:rank]) / np.bincount(place)
        if betting.log_capital_above((1 + means) / 2, 0.5) < REFUTED:
            kept = int(rank)
            break
        refuted = True
    if not refuted:
        return math.inf
    following = ranks[ranks > kept]
    return float(values[int(following[0]) - 1])
