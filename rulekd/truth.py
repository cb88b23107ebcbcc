"""Truth of a formula over tensors, whatever its atoms are read from. Imports no scenes and no networks.

Object axes follow the order of ``variables``: a formula over (a, b, c) is a tensor (B, N, N, N), or anything that
broadcasts to it. What an atom is, what geometry says, and which objects are real is up to a ``Reader``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from typing import Final, Protocol

import torch
from torch import Tensor

from kg import FormulaError
from kg.formulas import (
    And,
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Same,
    quantified,
)
from kg.normal import free_variables, rename

#: Bound variables that are counted along one axis, at most: each set of them is looked at.
MOST_APART: Final = 6


class Reader(Protocol):
    """Where the atoms of a formula are read, for B scenes of at most N objects."""

    def atom(self, atom: Atom) -> Tensor:
        """Bool (B, N, ..., N), one object axis an argument, in their order."""

    def comparison(self, formula: Compare, variables: tuple[str, ...]) -> Tensor:
        """Bool, broadcasting to (B, N, ..., N) over the variables."""

    def groundings(self, variables: int) -> Tensor:
        """(B, N, ..., N) bool: where that many variables stand for real and distinct objects."""

    def askable(self, formula: Formula, variables: Sequence[str]) -> Tensor:
        """Bool, broadcasting to (B, N, ..., N): where every atom outside quantifiers may be asked about, and every
        number and category that is compared there is known."""


def truth(formula: Formula, variables: Sequence[str], reader: Reader) -> Tensor:
    """Crisp truth of a formula over the given variables, bool, broadcasting to (B, N, ..., N).

    Groundings that are not valid hold an arbitrary value; witnesses of quantifiers are real objects, distinct from
    each other and from those of all variables around, at which the part may be asked.
    """
    match formula:
        case Atom(_, arguments):
            return place(reader.atom(formula), arguments, variables)
        case Same(left, right):
            return same(left, right, variables, reader.groundings(1).shape[1], reader.groundings(1).device)
        case Compare():
            return reader.comparison(formula, tuple(variables))
        case Not(part):
            return ~truth(part, variables, reader)
        case And(parts):
            return reduce(torch.logical_and, [truth(part, variables, reader) for part in parts])
        case Or(parts):
            return reduce(torch.logical_or, [truth(part, variables, reader) for part in parts])
        case Implies(body, head):
            return ~truth(body, variables, reader) | truth(head, variables, reader)
        case Iff(left_side, right_side):
            return truth(left_side, variables, reader) == truth(right_side, variables, reader)
        case ExactlyOne(parts):
            return reduce(torch.add, [truth(part, variables, reader).long() for part in parts]) == 1
        case AtMostOne(parts):
            return reduce(torch.add, [truth(part, variables, reader).long() for part in parts]) <= 1
        case Exists(bound, part) if (apart := _apart(bound, part)) is not None:
            return _represented(bound, apart, variables, reader)
        case Exists(bound, part):
            holds, witness = _witnessed(bound, part, variables, reader)
            return (holds & witness).flatten(len(variables) + 1).any(-1)
        case ForAll(bound, part):
            holds, witness = _witnessed(bound, part, variables, reader)
            return (holds | ~witness).flatten(len(variables) + 1).all(-1)
        case _:
            raise FormulaError(f"'{formula}' cannot be read inside another formula", hint="Put 'under' outermost.")


def place(values: Tensor, arguments: Sequence[str], variables: Sequence[str]) -> Tensor:
    """A predicate's tensor (B, N, ..., N), one axis an argument, laid along the axes of ``variables``.

    Differentiable. The result has as many object axes as there are variables, of size 1 where the predicate
    does not speak of one. An argument that stands twice takes the diagonal.
    """
    if tuple(arguments) == tuple(variables) and len(set(arguments)) == len(arguments):
        return values
    names = list(arguments)
    for name in dict.fromkeys(arguments):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            values = torch.diagonal(values, dim1=first + 1, dim2=second + 1)
            names = [other for axis, other in enumerate(names) if axis not in (first, second)] + [name]
    order = sorted(range(len(names)), key=lambda axis: list(variables).index(names[axis]))
    values = values.permute(0, *(axis + 1 for axis in order))
    sizes = iter(values.shape[1:])
    return values.reshape(values.shape[0], *(next(sizes) if name in names else 1 for name in variables))


def same(left: str, right: str, variables: Sequence[str], objects: int, device: torch.device) -> Tensor:
    """(1, ..) bool: True where the two variables stand for one object."""
    names, number = list(variables), torch.arange(objects, device=device)[None]
    return along(number, names.index(left), len(names)) == along(number, names.index(right), len(names))


def along(values: Tensor, axis: int, axes: int) -> Tensor:
    """(B, N) laid along object axis number ``axis`` of ``axes``: (B, 1, .., N, .., 1)."""
    return values.reshape((values.shape[0],) + (1,) * axis + (values.shape[1],) + (1,) * (axes - axis - 1))


def distinct(objects: int, axes: int, device: torch.device) -> Tensor:
    """(1, N, ..., N) bool: True where the objects on all axes differ."""
    number = torch.arange(objects, device=device)[None]
    apart = torch.ones((1,) * (axes + 1), dtype=torch.bool, device=device)
    for first in range(axes):
        for second in range(first + 1, axes):
            apart = apart & (along(number, first, axes) != along(number, second, axes))
    return apart


def real_groundings(objects: Tensor, variables: int) -> Tensor:
    """(B, N, ..., N) bool, from (B, N): where that many variables stand for real and distinct objects."""
    allowed = distinct(objects.shape[1], variables, objects.device)
    allowed = allowed.expand(objects.shape[0], *allowed.shape[1:])
    for axis in range(variables):
        allowed = allowed & along(objects, axis, variables)
    return allowed


def _witnessed(bound: Sequence[str], part: Formula, variables: Sequence[str], reader: Reader) -> tuple[Tensor, Tensor]:
    """Truth of a quantified part over (variables + bound), and where its witnesses count."""
    fresh = {name: _fresh(name, variables) for name in bound}
    part = rename(part, fresh)
    inner = (*variables, *fresh.values())
    witness = reader.groundings(len(inner)) & reader.askable(part, inner)
    return truth(part, inner, reader).expand(witness.shape), witness


def _apart(bound: Sequence[str], part: Formula) -> tuple[list[Formula], list[list[Formula]]] | None:
    """(what speaks of no bound variable, what speaks of each), where no part of a conjunction speaks of two of them.

    None for one variable, where there is nothing to gain, and where a quantifier stands inside: its witnesses differ
    from all bound variables, so that it speaks of each.
    """
    if not 2 <= len(bound) <= MOST_APART or quantified(part):
        return None
    outside: list[Formula] = []
    about: dict[str, list[Formula]] = {name: [] for name in bound}
    for one in part.parts if isinstance(part, And) else (part,):
        spoken = [name for name in free_variables(one) if name in about]
        if len(spoken) > 1:
            return None
        (about[spoken[0]] if spoken else outside).append(one)
    return outside, list(about.values())


def _represented(
    bound: Sequence[str],
    apart: tuple[list[Formula], list[list[Formula]]],
    variables: Sequence[str],
    reader: Reader,
) -> Tensor:
    """Are there distinct objects, one with what is said of each bound variable?

    There are where any m of these sets of objects have m objects together at least (Hall 1935). So one axis is held
    for all bound variables, where an axis for each would take all memory in a scene of hundreds of objects.
    """
    outside, about = apart
    here = torch.ones((1,) * (len(variables) + 1), dtype=torch.bool, device=reader.groundings(1).device)
    for one in outside:
        here = here & truth(one, variables, reader) & reader.askable(one, variables)
    witness = _fresh(bound[0], variables)
    inner = (*variables, witness)
    sets: dict[frozenset[Formula], Tensor] = {}  # of variables of which the same is said there is one
    of_each: list[frozenset[Formula]] = []
    for name, said in zip(bound, about, strict=True):
        key = frozenset(rename(one, {name: witness}) for one in said)
        of_each.append(key)
        if key not in sets:
            sets[key] = reader.groundings(len(inner))
            for one in key:
                sets[key] = sets[key] & truth(one, inner, reader) & reader.askable(one, inner)
    for some in range(1, len(sets) + 1):
        for keys in combinations(sets, some):
            together = reduce(torch.logical_or, [sets[key] for key in keys])
            here = here & (together.sum(-1) >= sum(key in keys for key in of_each))
    return here


def _fresh(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name
