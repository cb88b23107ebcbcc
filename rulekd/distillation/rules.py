"""Rules: the student pays for breaking what the graph says, on labelled and unlabelled scenes alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from kg import Rule, RulekdError
from kg.formulas import Compare, walk
from kg.normal import free_variables
from rulekd.constraints import Constraints, compile, trainable
from rulekd.constraints.constraints import Rules as Given
from rulekd.constraints.plan import Backend
from rulekd.constraints.semantics import Semantics
from rulekd.distillation.augmentation import Augmentation
from rulekd.distillation.transfers import Step, Transfer
from rulekd.scenes import Scenes
from rulekd.scenes.terms import compare


@dataclass(frozen=True)
class Rules(Transfer):
    """Constraint losses from a graph (axioms that are vouched for, see ``trainable``), or from rules or texts.

    The term is ramp x ( mean over equalities, at sharpness 1 + mean over clauses, read at ``sharpness`` ): means and
    not sums, since sums at high weight collapse into a vacuous success. The ramp is linear over the first quarter of
    the training. augment: the input is also transformed, and targets carried along, by the laws under transforms.

    weight: of the term; 0 leaves law augmentation alone. sharpness: logits of clauses are multiplied by it; at 1 a
    noisy teacher's 0.6, 0.6, 0.4 would cost nothing.
    """

    graph: Given
    weight: float = 1.0
    sharpness: float = 3.0
    semantics: str | Semantics = "coherent"
    p: float = 1.0
    augment: bool = True
    ramp: float = field(default=0.25)

    def __post_init__(self) -> None:
        if not 0 <= self.ramp <= 1:
            raise RulekdError(f"ramp is {self.ramp}", hint="Give a share of the training, 0 to 1.")
        if not isinstance(self.graph, str) and not hasattr(self.graph, "axioms"):
            object.__setattr__(self, "graph", tuple(self.graph))  # an iterator can be read once only
        _ = self.constraints  # a rule that cannot be read is told now, not after the teacher was asked

    @property
    def name(self) -> str:
        """``rules``"""
        return "rules"

    @cached_property
    def constraints(self) -> Constraints:
        """All rules, compiled; those under a transform train through augmentation and not here."""
        return compile(self.graph, self.semantics, self.p, sharpness=self.sharpness)

    @property
    def of_geometry(self) -> list[Rule]:
        """The rules that speak of geometry: where boxes are known they label scenes as their comparisons say."""
        return [
            rule for rule in self.constraints.rules if any(isinstance(part, Compare) for part in walk(rule.formula))
        ]

    def check_geometry(self, scenes: Scenes) -> None:
        """Raise where a rule reads of scenes what these do not have, before anything is trained."""
        for rule in self.of_geometry:
            try:
                for part in walk(rule.formula):
                    if isinstance(part, Compare):
                        compare(part, scenes, free_variables(part))
            except RulekdError as error:
                raise RulekdError(
                    f"rule {rule.name!r} cannot be read in these scenes: {error.message}",
                    hint="Reject it for this training (kg reject), or give scenes that hold what it speaks of.",
                ) from error

    def augmentation(self, predicates: list[str]) -> Augmentation | None:
        """How batches are transformed; None when the rules know no law under a transform."""
        if not self.augment:
            return None
        # Entailed laws too: each predicate needs a law of its own by which its targets are carried.
        made = Augmentation.of(trainable(self.graph, entailed=True), predicates)
        return made if made.sources else None

    def loss(self, step: Step) -> Tensor:
        """(R,) >= 0; 0 where the student obeys all rules, or is unsure enough that it may."""
        reading = self.constraints(step.logits, mask=step.batch.scenes.mask, scenes=step.batch.scenes, views={})
        equality = {one.rule.id for one in self.constraints.planned if one.backend is Backend.CONSISTENCY}
        terms: list[Tensor] = []
        losses = reading.losses_by_run(step.runs)
        for wanted in (True, False):
            parts = [loss for rule, loss in losses.items() if (rule in equality) is wanted]
            if parts:
                terms.append(torch.stack(parts).mean(0))
        if not terms:
            return torch.zeros(step.runs, device=step.batch.scenes.device)
        return torch.stack(terms).sum(0) * min(1.0, step.done / self.ramp if self.ramp else 1.0)
