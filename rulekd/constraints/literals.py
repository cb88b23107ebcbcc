"""Where the literals of a formula are read, when it is read grounding by grounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from kg.formulas import Atom, Compare, Formula, Same
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
        if isinstance(literal, Compare):
            return truth(literal, variables, where)
        if isinstance(literal, Same):
            objects = where.facts.objects
            return same(literal.left, literal.right, variables, objects.shape[1], objects.device)
        value = where.facts.values[literal.predicate]
        if value.dtype != torch.bool:
            value = value.to(self.dtype)
            if value.dim() > 1:  # an answer that nobody asked for may be NaN, and its gradient would be as well
                value = value.masked_fill(~where.facts.validity(literal.predicate), 0.0)
            value = value if self.sharpness == 1 else value * self.sharpness
        return place(value, literal.arguments, variables)
