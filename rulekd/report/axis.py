"""A linear axis with round ticks, whose places are shares of the width: a picture then fits every screen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: About so many steps between the ends.
STEPS = 4


@dataclass(frozen=True)
class Axis:
    """From low to high in steps; all three are round numbers."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Iterable[float]) -> Axis:
        """The shortest axis with round ends that holds all values and zero.

        >>> Axis.over([0.012, 0.083])
        Axis(low=0.0, high=0.1, step=0.02)
        >>> Axis.over([-3.0, 11.0]).ticks
        (-5.0, 0.0, 5.0, 10.0, 15.0)
        """
        given = [0.0, *values]
        low, high = min(given), max(given)
        high = high if high > low else 1.0  # zero alone makes no axis
        step = _round((high - low) / STEPS)
        return cls(_times(math.floor(low / step + 1e-9), step), _times(math.ceil(high / step - 1e-9), step), step)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Where lines and numbers stand."""
        first, last = round(self.low / self.step), round(self.high / self.step)
        return tuple(_times(n, self.step) for n in range(first, last + 1))

    def place(self, value: float) -> str:
        """Where a value lies, in per cent of the width; what lies beyond an end is drawn at it.

        >>> Axis(0.0, 0.1, 0.02).place(0.025)
        '25%'
        """
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{round(100 * share, 2):g}%"


def _round(step: float) -> float:
    """The nearest of 1, 2, 5, 10 times a power of ten, by ratio."""
    power = 10.0 ** math.floor(math.log10(step))
    return float(min((1.0, 2.0, 5.0, 10.0), key=lambda times: abs(math.log(times * power / step))) * power)


def _times(count: int, step: float) -> float:
    # 3 x 0.1 is 0.30000000000000004, which no reader wants to see
    return float(f"{count * step:.12g}")
