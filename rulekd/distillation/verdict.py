"""Is one arm better than another? Differences paired by seed, with an interval and a word.

For seeds s = 1..n and a measure m, d_s = m(arm, s) - m(base, s); a seed decides the first weights, the scenes that are
labelled and the order of batches of both alike. The 95 % interval of the mean is Student's, mean -+ t_(n-1) sd(d) /
sqrt(n). It speaks of seeds: the test scenes are the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.stats import t as student_t

#: Seeds under which no arm is said to beat another.
ENOUGH = 10

#: Measures of which less is better.
LESS_IS_BETTER = frozenset({"violation"})


class Verdict(Enum):
    """What the interval of a paired difference says."""

    BEATS = "BEATS"
    INCONCLUSIVE = "INCONCLUSIVE"
    LOSES = "LOSES"


@dataclass(frozen=True)
class Difference:
    """arm - base in one measure, a value a seed; mean, low and high are fractions, low and high None for one seed."""

    measure: str
    arm: str
    base: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the values."""
        return float(np.mean(self.values))

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 %, of the mean."""
        return interval(self.values)

    @property
    def verdict(self) -> Verdict:
        """BEATS when the whole interval lies on the better side of 0 and there are enough seeds.

        >>> Difference("f1", "all", "soft", (0.02, 0.03, 0.025)).verdict.value      # three seeds prove nothing
        'INCONCLUSIVE'
        >>> Difference("violation", "all", "soft", (-0.02, -0.03) * 5).verdict.value
        'BEATS'
        """
        found = self.interval
        if found is None:
            return Verdict.INCONCLUSIVE
        low, high = found if self.measure not in LESS_IS_BETTER else (-found[1], -found[0])
        if high < 0:
            return Verdict.LOSES
        return Verdict.BEATS if low > 0 and len(self.values) >= ENOUGH else Verdict.INCONCLUSIVE


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of a mean by Student's t; None for fewer than two values.

    >>> low, high = interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    if len(values) < 2:
        return None
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(student_t.ppf(0.975, len(values) - 1)) * spread / len(values) ** 0.5
    return mean - half, mean + half


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Over several bases: BEATS them all, LOSES to one, or neither."""
    if verdicts and all(verdict is Verdict.BEATS for verdict in verdicts):
        return Verdict.BEATS
    return Verdict.LOSES if Verdict.LOSES in verdicts else Verdict.INCONCLUSIVE
