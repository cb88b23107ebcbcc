"""Product semantics of clauses: how likely is a clause broken if its literals were independent?

Reported:  v = prod_i (1 - P_i).          Trained:  the mean over valid groundings of v^p; for p > 1 its p-th root.

With p = 2 this is LTN's Reichenbach implication under the p-mean error. Its sum over all groundings is a
contraction, never held grounding by grounding:

    sum_abc (L_ab L_bc (1 - L_ac))^p = sum_ac (L^p @ L^p)_ac (1 - L_ac)^p,

one batched matrix product with zero where a place is not allowed. The gradient in a literal's log-odds is
-p v^p P_i: at a saturated violation that of the sigmoid, dead beyond about 30 logits. It fits when the teacher is
clean and rules are exact; it punishes honest doubt (0.6, 0.6, 0.4 costs 0.22), and collapses under label noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from rulekd.constraints.degrees import Degrees
from rulekd.constraints.kernel import Kernel, unrounded


@dataclass(frozen=True)
class Product(Degrees):
    """What is computed is the probability of being false, if all literals were independent."""

    p: float = 1.0

    @property
    def root(self) -> float:
        return self.p

    def kernel(self, *, soft: bool) -> Kernel:
        return ProductKernel(self.p)

    def literal(self, z: Tensor) -> Tensor:
        return (-z).sigmoid()

    def given(self, held: Tensor, dtype: torch.dtype) -> Tensor:
        return (~held).to(dtype)

    def both(self, left: Tensor, right: Tensor) -> Tensor:
        return left + right - left * right

    def either(self, left: Tensor, right: Tensor) -> Tensor:
        return left * right

    def every(self, truth: Tensor, witness: Tensor, axes: tuple[int, ...]) -> Tensor:
        return 1 - _prod(1 - truth.masked_fill(~witness, 0.0), axes)

    def some(self, truth: Tensor, witness: Tensor, axes: tuple[int, ...]) -> Tensor:
        return _prod(truth.masked_fill(~witness, 1.0), axes)

    def loss(self, truth: Tensor) -> Tensor:
        return truth**self.p

    def violation(self, truth: Tensor) -> Tensor:
        return truth**self.p


def _prod(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    for axis in sorted(axes, reverse=True):
        values = values.prod(axis)
    return values


@dataclass(frozen=True)
class ProductKernel(Kernel):
    """The number of a literal is (1 - P)^p; factors multiply."""

    p: float = 1.0
    invalid: float = 0.0
    absent: float = 1.0
    given: tuple[float, float] = (0.0, 1.0)
    sense: float = -1.0
    multiplies: bool = True

    @property
    def factor(self) -> float:
        """Of a p-th power."""
        return self.p

    def fill(self, z: Tensor) -> None:
        z.sigmoid_()
        if self.p == 2:
            z.mul_(z)
        elif self.p != 1:
            z.pow_(self.p)

    def number(self, z: Tensor) -> Tensor:
        broken = z.sigmoid()
        return broken if self.p == 1 else broken * broken if self.p == 2 else broken**self.p

    def slope_(self, upstream: Tensor, numbers: Tensor) -> None:
        broken = numbers if self.p == 1 else numbers.sqrt() if self.p == 2 else numbers ** (1 / self.p)
        upstream.mul_(numbers).addcmul_(upstream, broken, value=-1)

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return reduce(torch.mul, parts)

    def unjoin(self, slopes: Tensor, parts: Sequence[Tensor], number: int) -> Tensor:
        return reduce(torch.mul, (part for other, part in enumerate(parts) if other != number), slopes)

    def pull_(self, into: Tensor, slopes: Tensor, parts: Sequence[Tensor], number: int) -> None:
        if len(parts) == 2:
            into.addcmul_(parts[1 - number], slopes)
        else:
            into.add_(self.unjoin(slopes, parts, number))

    def flat(self, factor: Tensor) -> Tensor:
        return factor.flatten(2).sum(2) if factor.dim() > 2 else factor.clone()

    def flat_slopes(self, factor: Tensor) -> Tensor:
        return torch.ones((1,) * factor.dim(), dtype=factor.dtype, device=factor.device)

    def triple(self, ab: Tensor, ac: Tensor, bc: Tensor) -> Tensor:
        with unrounded(ab.device):
            return torch.bmm(ab, bc).mul_(ac).sum((1, 2))

    def triple_slopes(self, ab: Tensor, ac: Tensor, bc: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with unrounded(ab.device):
            return torch.bmm(ac, bc.mT), torch.bmm(ab, bc), torch.bmm(ab.mT, ac)

    def triple_with_slopes(self, ab: Tensor, ac: Tensor, bc: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        slopes = self.triple_slopes(ab, ac, bc)
        return (slopes[1] * ac).sum((1, 2)), slopes
