"""What is learned from: one pool of scenes with targets, and for each run the rows of it that may be seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rulekd.distillation.transfers import Batch, Targets
from rulekd.scenes import Scenes


@dataclass(frozen=True)
class Rows:
    """Numbers of the scenes that one run learns from: those with targets, and those that only rules see (or none)."""

    taught: Tensor
    others: Tensor


@dataclass(frozen=True)
class Material:
    """The pool and who sees what of it. labels, soft: of every scene of the pool; where nobody is taught they mean
    nothing. runs: of each student that trains; all have as many taught scenes, and as many others."""

    scenes: Scenes
    labels: Targets | None
    soft: Targets | None
    runs: tuple[Rows, ...]

    @classmethod
    def joined(cls, taught: Scenes, others: Scenes | None, labels: Targets | None, soft: Targets | None) -> Material:
        """For one run, from scenes with targets and scenes without."""
        count = len(taught)
        pool = taught.with_labels({})
        if others is not None and len(others):
            pool = Scenes.cat([pool, others.with_labels({})])
        extra, width = len(pool) - count, pool.mask.shape[1]
        rows = Rows(torch.arange(count), torch.arange(count, len(pool)))
        return cls(
            pool,
            None if labels is None else labels.extended(extra, width),
            None if soft is None else soft.extended(extra, width),
            (rows,),
        )

    def sizes(self, size: int) -> tuple[int, int]:
        """How many scenes of a batch have targets, and how many do not: half and half where there are such."""
        return (max(1, size // 2), max(1, size - size // 2)) if len(self.runs[0].others) else (size, 0)

    def steps_for_all(self, size: int) -> int:
        """Steps until every scene has been seen."""
        taught, others = self.sizes(size)
        rest = math.ceil(len(self.runs[0].others) / others) if others else 0
        return max(1, math.ceil(len(self.runs[0].taught) / taught), rest)

    def batch(self, rows: Sequence[Tensor], taught: int) -> Batch:
        """The scenes of one step, one run after the other; the first ``taught`` rows of each run have targets."""
        index = torch.cat(list(rows))
        scenes = self.scenes.select(index).trim()
        width = scenes.mask.shape[1]
        return Batch(
            scenes,
            torch.cat([torch.arange(len(some)) < taught for some in rows]),
            None if self.labels is None else self.labels.rows(index, width),
            None if self.soft is None else self.soft.rows(index, width),
        )


class Sampler:
    """Which scenes come next in one run, at random: every row once before any comes twice."""

    def __init__(self, rows: Rows, sizes: tuple[int, int], seed: int) -> None:
        self.rows = rows
        self.sizes = sizes
        self.generator = torch.Generator().manual_seed(seed)
        self.left = [torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)]

    def next(self) -> Tensor:
        """The rows of one step, those with targets first; a set smaller than its share of the batch is repeated."""
        found = []
        for place, (rows, size) in enumerate(zip((self.rows.taught, self.rows.others), self.sizes, strict=True)):
            left = self.left[place]
            while len(left) < size:
                left = torch.cat([left, rows[torch.randperm(len(rows), generator=self.generator)]])
            found.append(left[:size])
            self.left[place] = left[size:]
        return torch.cat(found)
