"""A clause as literals laid along the axes of its variables, and the order of those that lets clauses be stacked.

Literals over the same objects are joined into one factor, and a factor stands between any two variables (they are
distinct objects). A Horn rule r(a, b) & s(b, c) -> t(a, c), whatever its predicates and their directions, is thus
always three matrices over (a, b), (a, c), (b, c), and clauses of one shape are computed as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations
from typing import TypeAlias

from kg import Formula
from kg.formulas import Atom, Compare, Not
from kg.normal import free_variables, rename

Axes: TypeAlias = tuple[int, ...]

#: What the axes of a literal are called, in ascending order, whatever the rule calls its variables.
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Source:
    """What a literal reads: an atom or a comparison over the variables a, b, ..., in the scene or in an image of it.

    arity: number of object axes; a repeated variable has one. view: the text of the transform whose image is read; ""
    for the scene itself. known: it reads where the comparison is known, and not whether it holds. beside: comparisons
    over the same variables, each with its view; where one of them is not known, the source reads what its literal says
    (``said``), so that nothing is broken there.
    """

    formula: Atom | Compare
    arity: int
    view: str = ""
    known: bool = False
    beside: tuple[tuple[str, Compare], ...] = ()
    said: bool = True


@dataclass(frozen=True)
class Literal:
    """A source or its negation, laid along ``axes`` (ascending) of a clause: the source's a is the first of them."""

    source: Source
    positive: bool
    axes: Axes

    @classmethod
    def of(cls, part: Formula, variables: tuple[str, ...], view: str = "") -> Literal | None:
        """From a formula over some variables; None when it is no literal."""
        positive = True
        while isinstance(part, Not):
            part, positive = part.part, not positive
        if not isinstance(part, Atom | Compare):
            return None
        spoken = part.arguments if isinstance(part, Atom) else free_variables(part)
        axes = tuple(sorted({variables.index(name) for name in spoken}))
        letters = {variables[axis]: LETTERS[rank] for rank, axis in enumerate(axes)}
        if isinstance(part, Atom):
            return cls(_atom(part.predicate, tuple(letters[name] for name in spoken), view), positive, axes)
        renamed = rename(part, letters)
        assert isinstance(renamed, Compare)
        return cls(Source(renamed, len(axes), view), positive, axes)

    @classmethod
    def unknown(cls, formula: Compare, variables: tuple[str, ...], view: str) -> Literal:
        """The literal that is true where the comparison is not known: with it a clause is kept where nobody asks."""
        told = cls.of(formula, variables, view)
        assert told is not None, "a comparison is a literal"
        return cls(replace(told.source, known=True), False, told.axes)

    def asked_beside(self, comparisons: Iterable[Source]) -> Literal:
        """The same, true where one of some comparisons over its variables is not known."""
        beside = tuple((one.view, one.formula) for one in comparisons if isinstance(one.formula, Compare))
        return replace(self, source=replace(self.source, beside=beside, said=self.positive))

    @property
    def reads(self) -> tuple[tuple[str, Compare], ...]:
        """The comparisons that must be known where it is asked, in the variables of its source, each with its view."""
        formula = self.source.formula
        own = ((self.source.view, formula),) if self.source.known and isinstance(formula, Compare) else ()
        return own or self.source.beside


@lru_cache(maxsize=2**14)
def _atom(predicate: str, arguments: tuple[str, ...], view: str) -> Source:
    return Source(Atom(predicate, arguments), len(set(arguments)), view)


@dataclass(frozen=True)
class Clause:
    """A disjunction of literals over ``variables`` axes, which stand for distinct objects."""

    literals: tuple[Literal, ...]
    variables: int

    @classmethod
    def of(cls, literals: Iterable[Literal], variables: int) -> Clause:
        """Each literal once, its axes in the order that the most clauses share."""
        once = tuple(dict.fromkeys(literals))
        found = sorted(once, key=lambda literal: literal.axes)
        if variables < 2 or variables > 3 or [x.axes for x in found] == [(0, 1), (0, 2), (1, 2)]:
            return cls(tuple(found), variables)
        orders = (
            sorted((_turned(literal, order) for literal in once), key=lambda literal: literal.axes)
            for order in permutations(range(variables))
        )
        return cls(tuple(min(orders, key=lambda order: [literal.axes for literal in order])), variables)

    @property
    def pattern(self) -> tuple[Axes, ...]:
        """The axes of its literals."""
        return tuple(literal.axes for literal in self.literals)


def _turned(literal: Literal, order: tuple[int, ...]) -> Literal:
    """The literal when axis i is called ``order[i]``."""
    moved = [order[axis] for axis in literal.axes]
    axes = tuple(sorted(moved))
    if list(axes) == moved:
        return Literal(literal.source, literal.positive, axes)
    letters = {LETTERS[rank]: LETTERS[axes.index(axis)] for rank, axis in enumerate(moved)}
    formula = literal.source.formula
    if isinstance(formula, Atom):
        arguments = tuple(letters[name] for name in formula.arguments)
        return Literal(_atom(formula.predicate, arguments, literal.source.view), literal.positive, axes)
    renamed = rename(formula, letters)
    assert isinstance(renamed, Compare)
    return Literal(replace(literal.source, formula=renamed), literal.positive, axes)
