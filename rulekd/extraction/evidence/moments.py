"""Sums over independent scenes: how probable is one so large, given the mean, variance and largest value of each scene?

Means and variances add up over units; scenes of one unit may be copies, so that their deviations add up. The p-value is
a bound that holds for any number of scenes, not a normal approximation: a relation on one hub makes T jump by hundreds
in one renaming of n. With t = T - E T, the variance v_s and the largest rise h_s of each scene,

    P(T - E T >= t)  <=  V / (V + t^2)                                        (Cantelli; V is the sum of the v_s),
                     <=  min over l of exp(-l t) prod_s (h_s^2 exp(-l v_s / h_s) + v_s exp(l h_s)) / (h_s^2 + v_s).

In the second, each scene stands for the variable of its mean, variance and rise whose tail is heaviest: it takes the
two values h_s and -v_s / h_s. One scene in which T may jump does not spoil the others, as in Bernstein's inequality.

Sources: Bennett, "Probability inequalities for the sum of independent random variables", JASA 1962; Boucheron, Lugosi
and Massart, "Concentration inequalities", 2013, sections 2.2, 2.7 and exercise 2.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from torch import Tensor

from rulekd.facts import Facts


@dataclass(frozen=True)
class Moments:
    """What is seen of T and what renamings make of it, by scene, (B,) float64 each. most: T can be no larger.

    normal: is it known that the sum over scenes has no heavier tail than a normal variable, but for ``jump``: what a
    single object can add to T.
    """

    total: Tensor
    mean: Tensor
    variance: Tensor
    most: Tensor
    normal: bool = False
    jump: float = 0.0

    def by_unit(self, facts: Facts) -> Moments:
        """The sums over the scenes of each independent unit, (U,).

        Its scenes may be alike (copies of one room), so that their deviations add up: the variance is at most
        (sum of the deviations)^2.
        """
        if facts.group is None:
            return self
        units = facts.units.cpu()

        def summed(values: Tensor) -> Tensor:
            return torch.zeros(int(units.max()) + 1, dtype=torch.float64).index_add_(0, units, values)

        deviation = summed(self.variance.sqrt())
        return replace(
            self, total=summed(self.total), mean=summed(self.mean), variance=deviation**2, most=summed(self.most)
        )

    def p_value(self, *, expects_more: bool) -> float:
        """Bound of the probability of so large (so small) a sum when body and head are unrelated.

        >>> one = torch.ones(10, dtype=torch.float64)
        >>> Moments(9 * one, one, one, 9 * one).p_value(expects_more=True) < 1e-6
        True
        """
        off = float((self.total - self.mean).sum())
        distance = off if expects_more else -off
        variance = float(self.variance.sum())
        if distance <= 0 or variance <= 1e-9 * max(1.0, float(self.total.sum())) ** 2:
            return 1.0  # every renaming gives the same count: it says nothing
        if self.normal:
            # one half: a count jumps by whole numbers
            return float(norm.sf((distance - 0.5 - self.jump) / variance**0.5))
        above = self.most - self.mean if expects_more else self.mean
        cantelli = variance / (variance + distance**2)
        return min(cantelli, _heaviest(above.numpy(), self.variance.numpy(), distance))


def _heaviest(above: NDArray[np.float64], variance: NDArray[np.float64], distance: float) -> float:
    """The second bound: above, variance (B,) are the largest rise and the variance of each scene's sum.

    Any l gives a bound, so that the minimum need not be found exactly. The exponent falls and rises again; least it is
    near t / V where rises are small, and where they are large not far beyond what Bennett's inequality finds best.
    """
    some = (above > 0) & (variance > 0)
    h, v = above[some], variance[some]
    if not some.any():
        return 1.0
    rare, usual = np.log(v / (h * h + v)), np.log(h * h / (h * h + v))

    def exponent(log_slope: float) -> float:
        slope = math.exp(log_slope)
        return float(np.logaddexp(rare + slope * h, usual - slope * v / h).sum() - slope * distance)

    lean = distance / v.sum()
    bounds = (math.log(lean) - 5, math.log(lean + math.log1p(h.max() * lean) / h.min()) + 2)
    best = minimize_scalar(exponent, bounds=bounds, method="bounded", options={"xatol": 0.01})
    return math.exp(min(0.0, float(best.fun)))
