"""Any formula, grounding by grounding: what no faster way computes, and what one grounding costs.

Truth runs up the formula as in ``rulekd.truth``, in degrees. Groundings are held for some scenes at a time and made
again in the backward pass, so that memory does not grow with the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from kg.formulas import And, Formula, Iff, Under
from kg.normal import complement, free_variables
from kg.variables import scope
from rulekd.constraints.kernel import padded
from rulekd.constraints.literals import Disjunction, Reader, Views
from rulekd.constraints.semantics import Semantics
from rulekd.grounding import outer_atoms, outer_comparisons, sides

#: Groundings that are held at once.
BLOCK = 2**20


@dataclass(frozen=True)
class Grounded:
    """A rule as a conjunction of disjunctions; its loss is the mean over them of the mean over valid groundings.

    held: numbers of each grounding. width: how many object axes are held at once. plain: outside quantifiers no atom
    names an object twice, and nothing that is compared may be unknown.
    """

    variables: tuple[str, ...]
    parts: tuple[Disjunction, ...]
    held: int = 1
    width: int = field(init=False)
    plain: bool = field(init=False)

    @classmethod
    def of(cls, formula: Formula) -> Grounded:
        """The two directions of an equivalence, and parts joined by "and", are asked one by one."""
        return cls(free_variables(formula), tuple(_split(formula)))

    @classmethod
    def whole(cls, formula: Formula) -> Grounded:
        """The formula unsplit."""
        return cls(free_variables(formula), ((("", formula),),))

    def __post_init__(self) -> None:
        widths = (scope(formula, len(self.variables)) for part in self.parts for _, formula in part)
        object.__setattr__(self, "width", max(widths, default=0))
        atoms = [atom.arguments for part in self.parts for _, formula in part for atom in outer_atoms(formula)]
        certain = not any(any(outer_comparisons(formula)) for part in self.parts for _, formula in part)
        object.__setattr__(self, "plain", certain and all(len(set(names)) == len(names) for names in atoms))

    def sums(self, semantics: Semantics, views: Views, sharpness: float, *, soft: bool) -> tuple[Tensor, Tensor | None]:
        """(parts, B): sums over valid groundings of the loss, or of the violation; (B,) how many, None = all."""
        parts = list(parts_of(views, self.width, self.held))
        found, counts = [], []
        for some in parts:
            valid = self.valid(some)
            if torch.is_grad_enabled() and len(parts) > 1:
                sums = checkpoint(self._sums, semantics, some, valid, sharpness, soft, use_reentrant=False)
                assert isinstance(sums, Tensor)
            else:
                sums = self._sums(semantics, some, valid, sharpness, soft)
            found.append(sums)
            if valid is None and len(parts) == 1:
                return sums, None
            valid = some[""].groundings(len(self.variables)) if valid is None else valid
            counts.append(valid.reshape(len(valid), -1).sum(1))
        return torch.cat(found, 1), torch.cat(counts)

    def _sums(self, semantics: Semantics, views: Views, valid: Tensor | None, sharpness: float, soft: bool) -> Tensor:
        sums, reader = [], Reader(views, sharpness)
        batch, size = views[""].facts.objects.shape
        shape = (batch,) + (size,) * len(self.variables)
        for part in self.parts:
            degree = semantics.degree(part, self.variables, reader)
            value = semantics.violation(degree) if soft else semantics.loss(degree)
            if valid is not None:
                value = torch.where(valid, value, 0.0)
            elif value.shape != shape:
                value = value.expand(shape)
            sums.append(value.reshape(batch, -1).sum(1) if self.variables else value)
        return torch.stack(sums) if len(sums) > 1 else sums[0][None]

    def valid(self, views: Views) -> Tensor | None:
        """(B, N, ..., N) bool: which groundings count; None when all do."""
        facts = views[""].facts
        plain = self.plain and not any(view.facts.valid for view in views.values())
        if plain and (not self.variables or (len(self.variables) == 1 and not padded(facts.objects))):
            return None
        valid = views[""].groundings(len(self.variables))
        if plain:
            return valid  # distinct objects may be asked about anything
        for name, formula in {pair: None for part in self.parts for pair in part}:
            valid = valid & views[name].askable(formula, self.variables)
        return valid


def _split(formula: Formula) -> list[Disjunction]:
    match formula:
        case Under(transform, law):
            left, right = sides(law)
            name = str(transform)
            forth = (("", complement(left)), (name, right))
            return [forth, (("", left), (name, complement(right)))] if isinstance(law, Iff) else [forth]
        case And(parts):
            return [one for part in parts for one in _split(part)]
        case Iff(left, right):
            return [(("", complement(left)), ("", right)), (("", left), ("", complement(right)))]
        case _:
            return [(("", formula),)]


def parts_of(views: Views, axes: int, held: int = 1) -> Iterator[Views]:
    """The views of some scenes at a time, so few that ``held`` numbers of each grounding over the axes find room.

    All at once while torch compiles: a graph would have a number of parts, and serve few sizes.
    """
    facts = views[""].facts
    step = max(1, BLOCK // max(1, held * facts.objects.shape[1] ** axes))
    if torch.compiler.is_compiling() or step >= len(facts):
        yield views
        return
    for first in range(0, len(facts), step):
        index = torch.arange(first, min(first + step, len(facts)), device=facts.objects.device)
        yield {name: view.select(index) for name, view in views.items()}
