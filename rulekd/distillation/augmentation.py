"""Law augmentation: the scene is transformed, and its targets are carried along through the laws.

If ``under T: p(a, b) <-> q(b, a)`` is a law, what was true of p in the scene is true of q in the image. The student
sees T(scene), and its target for q is the target of p, objects turned as the law says. No second pass is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kg import Rule
from kg.formulas import Atom, Iff, Transform, Under
from rulekd.distillation.transfers import Batch, Targets
from rulekd.scenes.transforms import apply, unacted
from rulekd.truth import place

#: Invariances under these are applied on top of the law that is drawn.
SHIFT = Transform("translate")


@dataclass(frozen=True)
class Augmentation:
    """The laws by which targets can be carried: for each transform, for each predicate of the image, its source.

    sources: transform -> predicate q -> (atom p, atom q).
    """

    sources: Mapping[Transform, Mapping[str, tuple[Atom, Atom]]]

    @classmethod
    def of(cls, rules: Sequence[Rule], predicates: Sequence[str]) -> Augmentation:
        """From the laws ``under T: p <-> q`` among some rules.

        Transforms whose laws reach fewer than half of the predicates are left out: they would teach little.
        """
        found: dict[Transform, dict[str, tuple[Atom, Atom]]] = {}
        for rule in rules:
            match rule.formula:
                case Under(transform, Iff(Atom() as before, Atom() as after)):
                    found.setdefault(transform, {}).setdefault(after.predicate, (before, after))
                case _:
                    pass
        wanted = set(predicates)
        return cls({t: laws for t, laws in found.items() if 2 * len(wanted & laws.keys()) >= len(wanted)})

    def draw(self, batch: Batch, generator: torch.Generator) -> Batch:
        """One law at random (or none), then a random translation where the laws allow it."""
        options: list[Transform | None] = [None, *(t for t in self.sources if t != SHIFT)]
        chosen = options[int(torch.randint(len(options), (), generator=generator))]
        if chosen is not None:
            batch = self.carry(batch, chosen, generator)
        if SHIFT in self.sources:
            batch = self.carry(batch, SHIFT, generator)
        return batch

    def carry(self, batch: Batch, transform: Transform, generator: torch.Generator) -> Batch:
        """The batch under one transform. Targets that no law carries are dropped; scenes it cannot act on stay."""
        if unacted(transform, batch.scenes):
            return batch
        laws = self.sources[transform]
        return replace(
            batch,
            scenes=apply(transform, batch.scenes, generator=generator),
            labels=None if batch.labels is None else carried(batch.labels, laws),
            soft=None if batch.soft is None else carried(batch.soft, laws),
        )


def carried(targets: Targets, laws: Mapping[str, tuple[Atom, Atom]]) -> Targets:
    """Targets of the image, from those of the scene; scene-level predicates (arity 0) are carried by laws as well."""
    values: dict[str, Tensor] = {}
    valid: dict[str, Tensor] = {}
    for name, (before, after) in laws.items():
        if before.predicate in targets.values:
            values[name] = place(targets.values[before.predicate], before.arguments, after.arguments)
            valid[name] = place(targets.valid[before.predicate], before.arguments, after.arguments)
    return Targets(values, valid)
