"""Labels: the plain supervised loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from kg import RulekdError
from rulekd.distillation.transfers import Step, Transfer, mean_over


@dataclass(frozen=True)
class Labels(Transfer):
    """Binary cross-entropy to the labels, mean over predicates of the mean over valid groundings."""

    weight: float = 1.0

    @property
    def name(self) -> str:
        """``labels``"""
        return "labels"

    def loss(self, step: Step) -> Tensor:
        """(R,) >= 0; the gradient in a logit is (P - label) / number of groundings of its run."""
        targets = step.batch.labels
        if targets is None:
            raise RulekdError("Labels() needs labels, and the scenes have none", hint="Use SoftLabels, or label them.")
        losses = {
            name: binary_cross_entropy_with_logits(step.logits[name].float(), label.float(), reduction="none")
            for name, label in targets.values.items()
            if name in step.logits
        }
        return mean_over(losses, targets.valid, step)
