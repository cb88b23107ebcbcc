"""A clause as a few small tensors: one factor for each set of variables that its literals speak of.

Literals over the same objects are joined into one factor, and a factor stands between any two variables (they are
distinct objects). A Horn rule r(a, b) & s(b, c) -> t(a, c), whatever its predicates and their directions, is thus
always three matrices over (a, b), (a, c), (b, c), and clauses of one shape can be stacked and computed as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from kg import Formula
from kg.formulas import Atom, Compare, Not
from kg.normal import free_variables
from rulekd.grounding import View
from rulekd.truth import place, truth

Axes: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Literal:
    """An atom or a comparison, or its negation, laid along the axes of a clause."""

    formula: Atom | Compare
    positive: bool
    axes: Axes

    def __str__(self) -> str:
        return f"{'' if self.positive else '~'}{self.formula}"


@dataclass(frozen=True)
class Clause:
    """A disjunction of literals over some variables, which stand for distinct objects."""

    literals: tuple[Literal, ...]
    variables: tuple[str, ...]

    @classmethod
    def of(cls, parts: frozenset[Formula] | tuple[Formula, ...], variables: tuple[str, ...]) -> Clause:
        """From the literals of one clause, in a fixed order."""
        literals = []
        for part in sorted(parts, key=str):
            inner = part.part if isinstance(part, Not) else part
            assert isinstance(inner, Atom | Compare), f"{part} is no literal"
            axes = tuple(sorted(variables.index(name) for name in free_variables(inner)))
            literals.append(Literal(inner, not isinstance(part, Not), axes))
        return cls(tuple(literals), variables)

    @property
    def shape(self) -> tuple[Axes, ...]:
        """The axes of the factors, ascending. Every pair of variables has one, every variable when it is alone."""
        count = len(self.variables)
        apart = set(combinations(range(count), 2)) if count > 1 else {tuple(range(count))}
        return tuple(sorted(apart | {literal.axes for literal in self.literals}))


def log_probability(literal: Literal, variables: tuple[str, ...], view: View) -> Tensor:
    """log P(literal), float32 or wider, one axis for each of ``literal.axes``; finite for finite logits.

    A given fact, or a comparison, has log 1 = 0 or log 0 = -inf, and no gradient.
    """
    names = tuple(variables[axis] for axis in literal.axes)
    if isinstance(literal.formula, Compare):
        held = truth(literal.formula, names, view)
        return given_log_probability(held if literal.positive else ~held)
    value = place(view.facts.values[literal.formula.predicate], literal.formula.arguments, names)
    if value.dtype == torch.bool:
        return given_log_probability(value if literal.positive else ~value)
    if value.dtype in (torch.float16, torch.bfloat16):  # 8 bits of mantissa cannot hold a sum of probabilities
        value = value.float()
    return logsigmoid(value if literal.positive else -value)


def given_log_probability(held: Tensor) -> Tensor:
    """0 where true, -inf where false."""
    return torch.zeros(held.shape, device=held.device).masked_fill(~held, -torch.inf)


def allowed(clause: Clause, view: View) -> Mapping[Axes, Tensor]:
    """Bool by factor: which of its places are real, distinct objects that all its atoms may be asked about.

    A grounding is valid when all its factors allow it.
    """
    masks = {axes: view.facts.groundings(len(axes)) for axes in clause.shape}
    for literal in clause.literals:
        if isinstance(literal.formula, Atom):
            names = tuple(clause.variables[axis] for axis in literal.axes)
            valid = view.facts.validity(literal.formula.predicate)
            masks[literal.axes] = masks[literal.axes] & place(valid, literal.formula.arguments, names)
    return masks


def grounded(clause: Clause, view: View) -> Iterator[tuple[Axes, Tensor]]:
    """(axes, log P) of each literal of a clause."""
    for literal in clause.literals:
        yield literal.axes, log_probability(literal, clause.variables, view)


def letters(axes: Axes) -> str:
    """The subscript of a factor in ``torch.einsum``: z is the batch."""
    return "z" + "".join("abcdefghijkl"[axis] for axis in axes)


def count_valid(masks: Mapping[Axes, Tensor]) -> Tensor:
    """(B,) float64: number of valid groundings of a clause, by contraction of its masks."""
    return contract({axes: mask.double() for axes, mask in masks.items()})


def contract(factors: Mapping[Axes, Tensor]) -> Tensor:
    """(B,): sum over all groundings of the product of the factors, without ever holding all groundings.

    For three matrices, sum_abc F_ab F_ac F_bc, this is one batched matrix product; n^2 memory.
    """
    terms = ",".join(letters(axes) for axes in factors)
    return torch.einsum(f"{terms}->z", *factors.values())
