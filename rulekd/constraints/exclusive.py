"""exactly_one and at_most_one over n literals.

Clauses alone would miss (0.5, 0.5, 0.5). Reported: |sum P - 1| for exactly one, max(0, sum P - 1) for at most one.
Trained, in log form, each zero exactly where the report is and alive at +-120 logits:

    too many:  -min(0, log(sum_i (1 - P_i) / (n - 1))),        zero when sum P <= 1;
    too few:   -min(0, log(sum_i P_i)),                        zero when sum P >= 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def losses(logits: Tensor, *, at_least: bool) -> Tensor:
    """Loss of each grounding; ``logits`` holds the n literals on its first axis."""
    count = logits.shape[0]
    too_many = torch.logsumexp(logsigmoid(-logits), 0) - math.log(count - 1)
    total = -too_many.clamp_max(0)
    if at_least:
        total = total - torch.logsumexp(logsigmoid(logits), 0).clamp_max(0)
    return total


def violations(logits: Tensor, *, at_least: bool) -> Tensor:
    """Soft violation of each grounding: distance of the sum of probabilities from what is allowed."""
    excess = logits.sigmoid().sum(0) - 1
    return excess.abs() if at_least else excess.clamp_min(0)
