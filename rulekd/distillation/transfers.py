"""What every transfer sees in a step, and what it must answer. To add one, write its file beside this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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

    def extended(self, extra: int, width: int) -> Targets:
        """With ``extra`` scenes behind, about which nothing is to be learned, and padded to ``width`` objects."""

        def pad(value: Tensor) -> Tensor:
            padded = value.new_zeros((value.shape[0] + extra, *(width for _ in value.shape[1:])))
            padded[tuple(slice(0, size) for size in value.shape)] = value
            return padded

        return Targets({n: pad(v) for n, v in self.values.items()}, {n: pad(v) for n, v in self.valid.items()})

    @classmethod
    def cat(cls, parts: Sequence[Targets], sizes: Sequence[int]) -> Targets:
        """Targets of several batches of ``sizes`` scenes; what one of them says nothing about does not count there."""

        def joined(tables: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
            like = {name: value for table in tables for name, value in table.items()}
            blank = {name: [value.new_zeros(size, *value.shape[1:]) for size in sizes] for name, value in like.items()}
            return {
                name: torch.cat([table.get(name, none) for table, none in zip(tables, blank[name], strict=True)])
                for name in like
            }

        return cls(joined([part.values for part in parts]), joined([part.valid for part in parts]))

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

    def part(self, first: int, end: int) -> Batch:
        """Some neighbouring scenes of it."""
        index, width = torch.arange(first, end), self.scenes.mask.shape[1]
        return Batch(
            self.scenes.select(index),
            self.taught[first:end],
            None if self.labels is None else self.labels.rows(index, width),
            None if self.soft is None else self.soft.rows(index, width),
        )

    @classmethod
    def cat(cls, parts: Sequence[Batch]) -> Batch:
        """Several batches of one width, one after the other."""
        labels = [part.labels for part in parts if part.labels is not None]
        soft = [part.soft for part in parts if part.soft is not None]
        sizes = [len(part.scenes) for part in parts]
        return cls(
            Scenes.cat([part.scenes for part in parts]),
            torch.cat([part.taught for part in parts]),
            Targets.cat(labels, sizes) if labels else None,
            Targets.cat(soft, sizes) if soft else None,
        )


@dataclass(frozen=True)
class Step:
    """A batch with the student's answers. logits: log-odds by predicate; done: share of the training that is over.

    runs: students that train side by side. The batch holds their scenes one student after the other, as many each.
    """

    batch: Batch
    logits: Mapping[str, Tensor]
    done: float
    runs: int = 1


class Transfer(ABC):
    """One way of handing knowledge over. ``weight`` scales its term in the loss."""

    weight: float

    @property
    @abstractmethod
    def name(self) -> str:
        """How the ledger calls it."""

    @abstractmethod
    def loss(self, step: Step) -> Tensor:
        """(R,) >= 0, one for each of the R runs, before the weight. A run's loss depends on its own scenes only."""


def mean_over(losses: Mapping[str, Tensor], valid: Mapping[str, Tensor], step: Step) -> Tensor:
    """(R,): for each run the mean over predicates of the mean over valid groundings of its taught scenes.

    losses, valid: (R x B, N, ..., N) by predicate. Predicates without any such grounding do not count.
    """
    taught = step.batch.taught
    total, weight = torch.zeros(step.runs, device=taught.device), torch.zeros(step.runs, device=taught.device)
    for name, loss in losses.items():
        counted = valid[name] & taught.reshape(-1, *(1,) * (loss.dim() - 1))
        number = counted.reshape(step.runs, -1).sum(1)
        total = total + torch.where(counted, loss, 0.0).reshape(step.runs, -1).sum(1) / number.clamp_min(1)
        weight = weight + (number > 0)
    return total / weight.clamp_min(1)
