"""Coherent semantics of clauses: how wrong is the network at least, whatever depends on what?

Reported, for a clause of literals with probabilities P_i (soft violation, >= 0, 0 means that it can hold surely):

    v = max(0, 1 - sum_i P_i),

the least probability of breaking the clause under any joint distribution with these marginals (a Boole-Frechet
bound; the Lukasiewicz t-norm computes the same number). A network that is honestly unsure pays nothing. Trained:

    loss = -min(0, log sum_i P_i),        d loss / d logit_i = -+ (P_i / S) (1 - P_i),   S = sum_j P_j < 1,

zero on the same set (where S >= 1; at the kink S = 1 the gradient taken is 0), and alive at the worst violation:
at logits of +-120 the gradients of the literals still add up to 1. Probabilities are kept scaled by 2^70, so that
sigmoid(-120) = 7.7e-53 does not vanish in float32.

It fits noisy teachers and rules that nearly hold. It is silent while all literals sit near 0.4: sharpen the logits
(``sharpness=3``) where a rule is to bite earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rulekd.constraints.clause import Axes

#: Probabilities are multiplied by 2^70.
SCALE = 2.0**70
LOG_SCALE = 70 * 0.6931471805599453

#: Groundings that are held at once.
BLOCK = 2**18


def factors(grounded: list[tuple[Axes, Tensor]], masks: Mapping[Axes, Tensor]) -> dict[Axes, Tensor]:
    """Scaled sums of probabilities by axes; 1 (no violation) wherever a place is not allowed.

    grounded: (axes, log P) of each literal. The factors of a clause add up to S * 2^70.
    """
    sums: dict[Axes, Tensor] = {}
    for axes, log_p in grounded:
        scaled = (log_p + LOG_SCALE).exp()
        sums[axes] = sums[axes] + scaled if axes in sums else scaled
    kept = next(iter(sums.values()))
    return {
        axes: torch.where(mask, sums[axes], SCALE) if axes in sums else torch.where(mask, kept.new_zeros(()), SCALE)
        for axes, mask in masks.items()
    }


def losses(by_axes: Mapping[Axes, Tensor]) -> tuple[Tensor, Tensor]:
    """(sum of losses, sum of violations) over all groundings of each scene, both (B,); the second without gradient.

    by_axes: ``factors``, all with B scenes. Memory grows with the factors, n^2 for three variables, never n^3:
    groundings are held in blocks, and their gradients are made in the forward pass.
    """
    total, violation = _Coherent.apply(tuple(by_axes), *by_axes.values())  # type: ignore[no-untyped-call] # torch's own
    return total, violation


class _Coherent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, axes: tuple[Axes, ...], *given: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of -log S over groundings with S < 1, and of 1 - S; the gradient is -1 / S in each factor."""
        count = max((axis for group in axes for axis in group), default=-1) + 1
        size = max((value.shape[1] for value in given if value.dim() > 1), default=1)
        batch = given[0].shape[0]
        total, violation = given[0].new_zeros(batch), given[0].new_zeros(batch)
        needed = any(ctx.needs_input_grad[1:])
        grads = [torch.zeros_like(value) if needed else value for value in given]
        # A block is some scenes whole, or, where one scene is too large, some rows of its first variable.
        step = max(1, BLOCK // max(size**count, 1))
        rows = size if step > 1 or count < 2 else max(1, BLOCK // max(size ** (count - 1), 1))
        for first in range(0, batch, step):
            scenes = slice(first, min(first + step, batch))
            for row in range(0, max(size, 1), max(rows, 1)):
                part = [_cut(value[scenes], group, row, rows) for value, group in zip(given, axes, strict=True)]
                laid = [_lay(value, group, count) for value, group in zip(part, axes, strict=True)]
                s = laid[0]
                for value in laid[1:]:
                    s = s + value
                broken = ~(s >= SCALE)  # NaN is not held back: it must be seen in the loss
                # S = 0 only where every literal is given and false: broken, but there is nobody to teach.
                learnable = broken & ~(s <= 0)
                inner = tuple(range(1, count + 1))
                total[scenes] -= _sum(torch.where(learnable, s.log() - LOG_SCALE, 0.0), inner)
                violation[scenes] += _sum(torch.where(broken, 1 - s / SCALE, 0.0), inner)
                if needed:
                    weight = torch.where(learnable, -1 / s, 0.0)
                    for grad, group in zip(grads, axes, strict=True):
                        others = tuple(axis + 1 for axis in range(count) if axis not in group)
                        _cut(grad[scenes], group, row, rows).add_(_sum(weight, others))
        if needed:
            ctx.save_for_backward(*grads)
        ctx.mark_non_differentiable(violation)
        return total, violation

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """Chain rule; each scene's loss has its own upstream gradient."""
        grads = ctx.saved_tensors
        return None, *(grad * upstream.reshape(-1, *(1,) * (grad.dim() - 1)) for grad in grads)


def _cut(value: Tensor, group: Axes, row: int, rows: int) -> Tensor:
    """The part of a factor that belongs to some rows of the first variable; all of it when it does not speak of it."""
    return value[:, row : row + rows] if group and group[0] == 0 else value


def _lay(value: Tensor, group: Axes, count: int) -> Tensor:
    sizes = iter(value.shape[1:])
    return value.reshape(value.shape[0], *(next(sizes) if axis in group else 1 for axis in range(count)))


def _sum(value: Tensor, axes: tuple[int, ...]) -> Tensor:
    return value.sum(axes) if axes else value
