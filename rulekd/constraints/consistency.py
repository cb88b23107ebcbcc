"""Equalities p <-> q: an inverse, a symmetry, an equivalence, a law under a transform.

Reported: (P - Q)^2. Trained: the mean of both sides' divergence from their detached mean M = (P + Q) / 2,

    loss = (KL(M || P) + KL(M || Q)) / 2,      d loss / d logit = (P - Q) / 4 on the one side, (Q - P) / 4 on the other:

equal and opposite, and alive at +-120 logits. A squared difference is dead there, and drags rare predicates to
"false". Where one side is given (a label, geometry) only the other learns: the rule serves as a label.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def losses(left: Tensor, right: Tensor) -> Tensor:
    """Loss of each grounding, in the common shape of both sides. float = log-odds, bool = given."""
    p, q = probability(left), probability(right)
    given = [side.dtype == torch.bool for side in (left, right)]
    if all(given):
        return (p - q).abs()
    mean = ((p + q) / 2).detach()
    if any(given):
        mean = (p if given[0] else q).detach()
        learner = right if given[0] else left
        return _divergence(learner, mean.expand_as(learner))
    left, right = (
        left.float() if left.dtype.itemsize < 4 else left,
        right.float() if right.dtype.itemsize < 4 else right,
    )
    return (_divergence(left, mean) + _divergence(right, mean)) / 2


def violations(left: Tensor, right: Tensor) -> Tensor:
    """Soft violation (P - Q)^2 of each grounding, in [0, 1]."""
    return (probability(left) - probability(right)) ** 2


def probability(side: Tensor) -> Tensor:
    """Of log-odds the sigmoid, of given truth 0 or 1; float32 or wider."""
    if side.dtype == torch.bool:
        return side.float()
    return (side.float() if side.dtype.itemsize < 4 else side).sigmoid()


def _divergence(logits: Tensor, target: Tensor) -> Tensor:
    """KL(target || sigmoid(logits)) of Bernoulli distributions, from logits; 0 log 0 = 0."""
    target = target.to(logits.dtype)
    entropy = -(torch.xlogy(target, target) + torch.xlogy(1 - target, 1 - target))
    return binary_cross_entropy_with_logits(logits, target, reduction="none") - entropy
