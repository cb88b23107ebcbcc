"""Where the literals of a formula are read, when it is read grounding by grounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from kg.formulas import Atom, Compare, Formula, Same, features, terms_of
from rulekd.grounding import View
from rulekd.truth import place, same, truth

#: By the text of a transform the image under it; "" is the scene itself.
Views: TypeAlias = Mapping[str, View]

#: Formulas of which one must hold, each with the name of the view in which it is read.
Disjunction: TypeAlias = tuple[tuple[str, Formula], ...]


@dataclass(frozen=True)
class Reader:
    """The views, what log-odds are multiplied by, and the dtype of degrees: float64 where any logits are."""

    views: Views
    sharpness: float
    dtype: torch.dtype = field(init=False)

    def __post_init__(self) -> None:
        doubles = (x.dtype == torch.float64 for view in self.views.values() for x in view.facts.values.values())
        object.__setattr__(self, "dtype", torch.float64 if any(doubles) else torch.float32)

    def read(self, literal: Atom | Compare | Same, variables: Sequence[str], view: str) -> Tensor:
        """Log-odds where a network says it, bool where it is given; one axis a variable, broadcasting."""
        where = self.views[view]
        if isinstance(literal, Atom):
            value = where.facts.values[literal.predicate]
            if value.dtype != torch.bool:
                value = value if value.dtype == self.dtype else value.to(self.dtype)
                if value.dim() > 1:  # an answer that nobody asked for may be NaN, and its gradient would be as well
                    value = value.masked_fill(~where.facts.validity(literal.predicate), 0.0)
                value = value if self.sharpness == 1 else value * self.sharpness
            return place(value, literal.arguments, variables) if variables else value
        if isinstance(literal, Compare):
            value = comparison(literal, tuple(variables), where)
            return value if value.dtype == torch.bool else value.to(self.dtype) * self.sharpness
        objects = where.facts.objects
        return same(literal.left, literal.right, variables, objects.shape[1], objects.device)


def comparison(formula: Compare, variables: tuple[str, ...], view: View) -> Tensor:
    """A comparison as a literal, broadcasting to (B, N, ..., N): bool where it is given.

    Where the network itself says one of the numbers, log-odds: the margin by which the comparison holds, in units of
    the coarsest of these numbers, so that -log sigmoid of it is a smooth hinge. Of an equality 1 - distance.
    """
    if not view.speaks(formula):
        return truth(formula, variables, view)
    said = {feature.name for part in terms_of(formula) for feature in features(part)} & view.numbers.keys()
    odds = view.margin(formula, variables) / max(view.numbers[name].unit for name in said)
    if formula.operator in ("=", "!="):
        return 1 - odds if formula.operator == "=" else odds - 1
    return odds
