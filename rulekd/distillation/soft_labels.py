"""SoftLabels: the teacher's probabilities, softened by a temperature.

For a predicate with teacher log-odds t and student log-odds s, at temperature T,

    T^2 KL( Bernoulli(sigmoid(t / T)) || Bernoulli(sigmoid(s / T)) ),

and for a declared softmax group T^2 KL between the softmaxes of both at T. T^2 keeps the gradient's size when T
changes. Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015, section 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from kg import RulekdError
from rulekd.distillation.transfers import Step, Transfer, mean_over


@dataclass(frozen=True)
class SoftLabels(Transfer):
    """Kullback-Leibler divergence from the teacher's answers. groups: softmax groups, set by ``distill``.

    A weight above 1 (with a negative weight on labels) helps where labels are noisy.
    """

    temperature: float = 1.0
    weight: float = 1.0
    groups: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise RulekdError(f"temperature is {self.temperature}", hint="Give a finite number above 0, such as 4.")

    @property
    def name(self) -> str:
        """``soft labels``"""
        return "soft labels"

    def loss(self, step: Step) -> Tensor:
        """(R,) >= 0, 0 where the student answers as the teacher does."""
        targets = step.batch.soft
        if targets is None:
            raise RulekdError("SoftLabels() needs a teacher", hint="Pass one to distill, or use Labels().")
        grouped = {name for group in self.groups for name in group}
        losses, valid = {}, dict(targets.valid)
        for name, taught in targets.values.items():
            if name in step.logits and name not in grouped:
                losses[name] = bernoulli_divergence(taught.float(), step.logits[name].float(), self.temperature)
        for group in self.groups:
            if all(name in targets.values and name in step.logits for name in group):
                teacher = torch.stack([targets.values[name].float() for name in group])
                student = torch.stack([step.logits[name].float() for name in group])
                losses["+".join(group)] = softmax_divergence(teacher, student, self.temperature)
                valid["+".join(group)] = torch.stack([targets.valid[name] for name in group]).all(0)
        return mean_over(losses, valid, step)


def bernoulli_divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T^2 KL of each grounding between log-odds, in their shape, from logits."""
    target = (teacher / temperature).sigmoid()
    cross = binary_cross_entropy_with_logits(student / temperature, target, reduction="none")
    own = binary_cross_entropy_with_logits(teacher / temperature, target, reduction="none")
    return (cross - own) * temperature**2


def softmax_divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T^2 KL of each grounding between log-odds of the members of a softmax group, stacked on the first axis.

    log p = logsigmoid(log-odds); at a temperature the softmax is that of log p / T.
    """
    target = torch.log_softmax(logsigmoid(teacher) / temperature, 0)
    answer = torch.log_softmax(logsigmoid(student) / temperature, 0)
    return (target.exp() * (target - answer)).sum(0) * temperature**2
