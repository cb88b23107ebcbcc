"""The ledger of a training: what each term weighs, every epoch, and who really pulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

#: A term whose gradient is a smaller (larger) share than this is pointed out.
NEGLIGIBLE, DOMINANT = 0.01, 0.90


#: A rule with fewer live groundings than this share of its teacher's is obeyed by saying nothing.
VACUOUS = 0.8

#: Groundings that say something: a share of fewer is no news.
ENOUGH = 20


class State(NamedTuple):
    """How a rule fares in the scenes that are looked at: numbers of groundings.

    live: whose body holds for the student. taught: whose body holds for its teacher. broken: live ones in which the
    head does not. silent: broken ones whose loss is as good as 0, so that no gradient comes of them.
    """

    live: int
    taught: int
    broken: int
    silent: int

    @property
    def vacuous(self) -> bool:
        """Are there far fewer live groundings than for the teacher?"""
        return self.taught >= ENOUGH and self.live < VACUOUS * self.taught

    @property
    def mute(self) -> bool:
        """Is most of what is broken broken in silence?"""
        return self.broken >= ENOUGH and self.silent > self.broken / 2


@dataclass(frozen=True)
class Entry:
    """One epoch. loss: mean total. terms: mean weighted value of each term. gradients: norm of each term's gradient
    on one batch. held_out: the loss on scenes that are not learned from, where one is asked for. rules: by name, how
    the rules fare that train, where there is a teacher to hold them against and somebody looked."""

    epoch: int
    step: int
    loss: float
    terms: Mapping[str, float]
    gradients: Mapping[str, float] = field(default_factory=dict)
    held_out: float | None = None
    rules: Mapping[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # what was written as JSON comes back as lists
        object.__setattr__(self, "rules", {name: State(*state) for name, state in self.rules.items()})

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
    """Of the last epoch: terms that hardly pull, or that pull alone (a single term is no news); rules that are obeyed
    by saying nothing, and rules that are broken in silence."""
    if not entries:
        return []
    last, said = entries[-1], []
    for name, share in last.shares.items() if len(last.gradients) > 1 else ():
        if share < NEGLIGIBLE:
            said.append(f"the term '{name}' has {share:.1%} of the gradient: raise its weight, or leave it out")
        elif share > DOMINANT:
            said.append(f"the term '{name}' has {share:.1%} of the gradient: the others hardly pull beside it")
    for name, state in last.rules.items():
        if state.vacuous:
            since = last.epoch
            for entry in reversed(entries):
                if name in entry.rules:
                    if not entry.rules[name].vacuous:
                        break
                    since = entry.epoch
            said.append(
                f"VACUOUS: the body of '{name}' holds in {state.live / state.taught:.0%} as many groundings as for the "
                f"teacher, since epoch {since}: lower the weight of rules"
            )
        if state.mute:
            said.append(
                f"'{name}' is broken in {state.broken} groundings of which {state.silent} give no gradient: raise the "
                "sharpness of rules"
            )
    return said
