"""The ledger of a training: what each term weighs, every epoch, and who really pulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

#: A term whose gradient is a smaller (larger) share than this is pointed out.
NEGLIGIBLE, DOMINANT = 0.01, 0.90


@dataclass(frozen=True)
class Entry:
    """One epoch. loss: mean total. terms: mean weighted value of each term. gradients: norm of each term's gradient
    on one batch. held_out: the loss on scenes that are not learned from, where one is asked for."""

    epoch: int
    step: int
    loss: float
    terms: Mapping[str, float]
    gradients: Mapping[str, float] = field(default_factory=dict)
    held_out: float | None = None

    @property
    def shares(self) -> dict[str, float]:
        """Each term's share of the gradient norms."""
        total = sum(self.gradients.values())
        return {name: value / total if total else 0.0 for name, value in self.gradients.items()}


def gradient_norms(terms: Mapping[str, Tensor], module: nn.Module, runs: int = 1) -> dict[str, Tensor]:
    """(R,) by term: norm of each run's gradient of the term in all of its weights. The graph is kept.

    terms: (R,) each. With several runs every weight of the module is (R, ...).
    """
    weights = [p for p in module.parameters() if p.requires_grad]
    norms = {}
    for name, term in terms.items():
        norms[name] = torch.zeros(runs)
        if term.requires_grad:
            grads = torch.autograd.grad(term.sum(), weights, retain_graph=True, allow_unused=True)
            squares = [g.reshape(runs, -1).square().sum(1) for g in grads if g is not None]
            norms[name] = torch.stack(squares).sum(0).sqrt().cpu()
    return norms


def warnings_of(entries: Sequence[Entry]) -> list[str]:
    """Terms that hardly pull, or that pull alone, in the last epoch. A single term is no news."""
    if not entries or len(entries[-1].gradients) < 2:
        return []
    said = []
    for name, share in entries[-1].shares.items():
        if share < NEGLIGIBLE:
            said.append(f"the term '{name}' has {share:.1%} of the gradient: raise its weight, or leave it out")
        elif share > DOMINANT:
            said.append(f"the term '{name}' has {share:.1%} of the gradient: the others hardly pull beside it")
    return said
