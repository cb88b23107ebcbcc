"""Mean and interval over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Spread:
    """The mean of a number over seeds and its 95 % interval, None for a single seed."""

    mean: float
    interval: tuple[float, float] | None
    seeds: int


def spread(values: Sequence[float | None]) -> Spread | None:
    """Of one value a seed; None where any of them was not measured, or there are none.

    mean +- t s / sqrt(n), with the sample's standard deviation s and the 97.5 % point t of Student's distribution
    with n - 1 degrees of freedom: seeds are independent.

    >>> spread([0.8, 0.9, 0.85])
    Spread(mean=0.85, interval=(0.7257..., 0.9742...), seeds=3)
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    mean = float(np.mean(known))
    if len(known) == 1:
        return Spread(mean, None, 1)
    half = float(stats.t.ppf(0.975, len(known) - 1) * np.std(known, ddof=1) / len(known) ** 0.5)
    return Spread(mean, (mean - half, mean + half), len(known))
