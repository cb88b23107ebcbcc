"""Equalities p <-> q: an inverse, a symmetry, an equivalence, a law under a transform.

Reported: (P - Q)^2. Trained: the mean of both sides' divergence from their detached mean M = (P + Q) / 2,

    loss = (KL(M || P) + KL(M || Q)) / 2,      d loss / d logit = (P - Q) / 4 on the one side, (Q - P) / 4 on the other:

equal and opposite, and alive at +-120 logits. A squared difference is dead there, and drags rare predicates to
"false". Where one side is given (a label, geometry) only the other learns, loss KL(given || P) and gradient P - given:
the rule serves as a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rulekd.constraints.coherent import LIMIT
from rulekd.constraints.kernel import Kernel, log_

#: Log-odds of what is given: beyond those of any network, which are held within +-LIMIT.
GIVEN = 200.0


@dataclass(frozen=True)
class ConsistencyKernel(Kernel):
    """The number of a literal is its log-odds; two of them are joined into the loss of each grounding.

    soft: sum the squared differences, which are reported. mixed: some sides may be given.
    """

    soft: bool = False
    mixed: bool = False
    invalid: float = 0.0
    absent: float = 0.0
    given: tuple[float, float] = (GIVEN, -GIVEN)

    def fill(self, z: Tensor) -> None:
        z.clamp_(-LIMIT, LIMIT)

    def beside_given(self) -> Kernel:
        return replace(self, mixed=True)

    def slope_(self, upstream: Tensor, numbers: Tensor) -> None:
        pass

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        x, y = parts
        if self.soft:
            return (x.sigmoid() - y.sigmoid()).square_()
        mean, own = self._mean(x, y)
        # cross entropies of both sides less the entropy of the mean; softplus(x) = max(x, 0) - log sigmoid(|x|)
        loss = own[0] * _cross_entropy(x, mean) + own[1] * _cross_entropy(y, mean)
        for chance in (mean, 1 - mean):
            loss += log_(chance.clamp(min=torch.finfo(chance.dtype).tiny)).mul_(chance)
        return loss.clamp_(min=0)

    def unjoin(self, slopes: Tensor, parts: Sequence[Tensor], number: int) -> Tensor:
        mean, own = self._mean(*parts)
        return slopes * own[number] * (parts[number].sigmoid() - mean)

    def flat(self, factor: Tensor) -> Tensor:
        return factor.flatten(2).sum(2) if factor.dim() > 2 else factor

    def flat_slopes(self, factor: Tensor) -> Tensor:
        return torch.ones((1,) * factor.dim(), dtype=factor.dtype, device=factor.device)

    def triple(self, ab: Tensor, ac: Tensor, bc: Tensor) -> Tensor:
        raise AssertionError("both sides of an equality speak of the same objects")

    def triple_slopes(self, ab: Tensor, ac: Tensor, bc: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        raise AssertionError("both sides of an equality speak of the same objects")

    def _mean(self, x: Tensor, y: Tensor) -> tuple[Tensor, tuple[float | Tensor, float | Tensor]]:
        """What both sides are drawn to, and the weight of each side's divergence from it."""
        p, q = x.sigmoid(), y.sigmoid()
        mean = (p + q).mul_(0.5)
        if not self.mixed:
            return mean, (0.5, 0.5)
        left, right = ((side.abs() > LIMIT).to(p.dtype) for side in (x, y))
        mean = torch.where(left > right, p, torch.where(right > left, q, mean))
        return mean, (0.5 * (1 - left + right), 0.5 * (1 - right + left))


def _cross_entropy(x: Tensor, target: Tensor) -> Tensor:
    return x.clamp(min=0).sub_(log_(x.abs().sigmoid_())).sub_(target * x)
