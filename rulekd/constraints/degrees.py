"""Semantics by degrees of truth: what "and", "or" and the quantifiers do to two numbers, and so to every formula."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from typing import final

import torch
from torch import Tensor

from kg.formulas import And, AtMostOne, Atom, Compare, ExactlyOne, Exists, ForAll, Formula, Iff, Implies, Not, Or, Same
from kg.normal import rename
from rulekd.constraints.literals import Disjunction, Reader
from rulekd.constraints.semantics import Semantics


class Degrees(Semantics):
    """A subclass in a file of its own is a further semantics: hand an instance to ``compile``.

    Truth of a grounding is one number of the semantics' own making, in tensors (B, N, ..., N) that broadcast.
    """

    @abstractmethod
    def literal(self, z: Tensor) -> Tensor:
        """Truth of a literal from its log-odds; those of a negated atom are the atom's, times -1."""

    @abstractmethod
    def given(self, held: Tensor, dtype: torch.dtype) -> Tensor:
        """Truth of what is given, from bool."""

    @abstractmethod
    def both(self, left: Tensor, right: Tensor) -> Tensor:
        """Truth of left & right."""

    @abstractmethod
    def either(self, left: Tensor, right: Tensor) -> Tensor:
        """Truth of left | right."""

    @abstractmethod
    def every(self, truth: Tensor, witness: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Truth for all objects along some axes, where ``witness`` (bool) says that they count; true when none do."""

    @abstractmethod
    def some(self, truth: Tensor, witness: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Truth for some objects along some axes, where ``witness`` says that they count; false when none do."""

    @final
    def degree(self, part: Disjunction, variables: tuple[str, ...], reader: Reader) -> Tensor:
        """Truth of one disjunction; broadcasts to (B, N, ..., N)."""
        return reduce(self.either, [self._of(formula, variables, reader, name, True) for name, formula in part])

    def _of(self, formula: Formula, variables: Sequence[str], reader: Reader, view: str, positive: bool) -> Tensor:
        """Truth of the formula, or of its opposite, over the given variables."""

        def inner(part: Formula, sign: bool = positive) -> Tensor:
            return self._of(part, variables, reader, view, sign)

        match formula:
            case Atom() | Compare() | Same():
                value = reader.read(formula, variables, view)
                if value.dtype == torch.bool:
                    return self.given(value if positive else ~value, reader.dtype)
                return self.literal(value if positive else -value)
            case Not(part):
                return inner(part, not positive)
            case And(parts) | Or(parts):
                join = self.both if isinstance(formula, And) == positive else self.either
                return reduce(join, [inner(part) for part in parts])
            case Implies(body, head):
                return (self.either if positive else self.both)(inner(body, not positive), inner(head))
            case Iff(left_side, right_side):
                forth = self.either(inner(left_side, False), inner(right_side, positive))
                return self.both(forth, self.either(inner(left_side, True), inner(right_side, not positive)))
            case AtMostOne(parts) | ExactlyOne(parts):
                pairs = [Not(And(pair)) for pair in combinations(parts, 2)]
                least = (Or(parts),) if isinstance(formula, ExactlyOne) else ()
                return reduce(self.both if positive else self.either, [inner(part) for part in (*pairs, *least)])
            case Exists() | ForAll():
                return self._quantified(formula, variables, reader, view, positive)
            case _:
                raise AssertionError(f"'{formula}' is read as two sides")

    def _quantified(
        self, formula: Exists | ForAll, variables: Sequence[str], reader: Reader, view: str, positive: bool
    ) -> Tensor:
        fresh: dict[str, str] = {}
        for name in formula.variables:
            new = name
            while new in variables or new in fresh.values():
                new += "_"
            fresh[name] = new
        part = rename(formula.part, fresh)
        inner = (*variables, *fresh.values())
        where = reader.views[view]
        witness = where.groundings(len(inner)) & where.askable(part, inner)
        degree = self._of(part, inner, reader, view, positive).expand(witness.shape)
        axes = tuple(range(len(variables) + 1, len(inner) + 1))
        return (self.some if isinstance(formula, Exists) == positive else self.every)(degree, witness, axes)
