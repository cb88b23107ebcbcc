"""What every transfer sees in a step, and what it must answer. To add one, write its file beside this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rulekd.facts import Facts
from rulekd.scenes import Scenes


@dataclass(frozen=True)
class Targets:
    """What is to be learned about a batch, by predicate.

    values: log-odds or bool, (B, N, ..., N). valid: where a target counts, the same shape.
    """

    values: Mapping[str, Tensor]
    valid: Mapping[str, Tensor]

    @classmethod
    def of(cls, facts: Facts) -> Targets:
        """Every valid grounding of some facts."""
        return cls(dict(facts.values), {name: facts.validity(name) for name in facts.values})

    def rows(self, index: Tensor, width: int) -> Targets:
        """The targets of some scenes, padded to ``width`` objects."""

        def cut(value: Tensor) -> Tensor:
            return value[index][(slice(None),) + (slice(0, width),) * (value.dim() - 1)]

        return Targets({n: cut(v) for n, v in self.values.items()}, {n: cut(v) for n, v in self.valid.items()})

    def to(self, device: torch.device) -> Targets:
        """The same on another device."""
        return Targets(
            {n: v.to(device) for n, v in self.values.items()}, {n: v.to(device) for n, v in self.valid.items()}
        )


@dataclass(frozen=True)
class Batch:
    """The scenes of one step as the student will see them, and what is known about them.

    taught: (B,) bool: scenes with targets; the others are seen by rules only. labels: the truth, where it is given.
    soft: the teacher's log-odds, where there is a teacher.
    """

    scenes: Scenes
    taught: Tensor
    labels: Targets | None
    soft: Targets | None


@dataclass(frozen=True)
class Step:
    """A batch with the student's answers. logits: log-odds by predicate; done: share of the training that is over."""

    batch: Batch
    logits: Mapping[str, Tensor]
    done: float


class Transfer(ABC):
    """One way of handing knowledge over. ``weight`` scales its term in the loss."""

    weight: float

    @property
    @abstractmethod
    def name(self) -> str:
        """How the ledger calls it."""

    @abstractmethod
    def loss(self, step: Step) -> Tensor:
        """Scalar >= 0, before the weight."""


def mean_over(losses: Mapping[str, Tensor], valid: Mapping[str, Tensor], taught: Tensor) -> Tensor:
    """Mean over predicates of the mean over valid groundings of taught scenes; predicates without any do not count.

    losses, valid: (B, N, ..., N) by predicate. taught: (B,) bool.
    """
    total, weight = torch.zeros((), device=taught.device), torch.zeros((), device=taught.device)
    for name, loss in losses.items():
        counted = valid[name] & taught.reshape(-1, *(1,) * (loss.dim() - 1))
        number = counted.sum()
        total = total + torch.where(counted, loss, 0.0).sum() / number.clamp_min(1)
        weight = weight + (number > 0)
    return total / weight.clamp_min(1)
