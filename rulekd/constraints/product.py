"""Product semantics of clauses: how likely is a clause broken if its literals were independent?

Reported:  v = prod_i (1 - P_i).          Trained:  the mean over valid groundings of v^p; for p > 1 its p-th root.

With p = 2 this is LTN's Reichenbach implication under the p-mean error. Its sum over all groundings is a
contraction, never held grounding by grounding:

    sum_abc (L_ab L_bc (1 - L_ac))^p = sum_ac (L^p @ L^p)_ac (1 - L_ac)^p,

one batched matrix product with zero where a place is not allowed. The gradient of a saturated literal is that of the
sigmoid, dead beyond about 30 logits. It fits when the teacher is clean and rules are exact; it punishes honest doubt
(0.6, 0.6, 0.4 costs 0.22), and collapses under label noise.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rulekd.constraints.clause import Axes, contract


def factors(grounded: list[tuple[Axes, Tensor]], masks: Mapping[Axes, Tensor], p: float = 1.0) -> dict[Axes, Tensor]:
    """Products of (1 - P)^p by axes; 0 (no violation) wherever a place is not allowed.

    grounded: (axes, log P) of each literal.
    """
    products: dict[Axes, Tensor] = {}
    for axes, log_p in grounded:
        broken = -torch.expm1(log_p)  # 1 - P without cancellation near P = 0
        products[axes] = products[axes] * broken if axes in products else broken
    kept = next(iter(products.values()))
    one, none = kept.new_ones(()), kept.new_zeros(())
    return {
        axes: torch.where(mask, products[axes] ** p if axes in products else one, none) for axes, mask in masks.items()
    }


def losses(by_axes: Mapping[Axes, Tensor]) -> Tensor:
    """(B,): sum over all groundings of v^p."""
    return contract(by_axes)
