"""Negation normal form and clauses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from kg.errors import FormulaError
from kg.formulas import (
    And,
    AtMostOne,
    Atom,
    Compare,
    Comparison,
    ExactlyOne,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Same,
    Under,
)

MAX_CLAUSES: Final = 4096

_OPPOSITE: Final[dict[Comparison, Comparison]] = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "=": "!=", "!=": "="}


# ------------------------------------------------------------------------- negation normal form


def negation_normal(formula: Formula) -> Formula:
    """Without ``->``; ``~`` stands on atoms, equalities, ``exactly_one`` and ``at_most_one`` only.

    A negated comparison is the opposite one, a negated ``<->`` negates its right side. ``at_most_one`` and
    ``exactly_one`` of two parts become ``~p | ~q`` and ``p <-> ~q``. The law of ``under`` keeps its arrow.

    >>> from kg import parse
    >>> print(negation_normal(parse("~(p(a) -> q(a) | r(a))")))
    p(a) & ~q(a) & ~r(a)
    """
    return normal(formula, True)


def normal(formula: Formula, positive: bool) -> Formula:
    """The negation normal form of the formula, or of its opposite."""
    match formula:
        case Atom() | Same():
            return formula if positive else Not(formula)
        case Compare(operator, left, right):
            return formula if positive else Compare(_OPPOSITE[operator], left, right)
        case Not(part):
            return normal(part, not positive)
        case And(parts):
            return _join(And if positive else Or, (normal(part, positive) for part in parts))
        case Or(parts):
            return _join(Or if positive else And, (normal(part, positive) for part in parts))
        case Implies(body, head):
            return _join(Or if positive else And, (normal(body, not positive), normal(head, positive)))
        case Iff(left, right):
            return Iff(normal(left, True), normal(right, positive))
        case AtMostOne((one, other)):
            return _join(Or if positive else And, (normal(one, not positive), normal(other, not positive)))
        case ExactlyOne((one, other)):
            return Iff(normal(one, True), normal(other, not positive))
        case ExactlyOne(parts) | AtMostOne(parts):
            group = type(formula)(tuple(normal(part, True) for part in parts))
            return group if positive else Not(group)
        case Exists(variables, part):
            return (Exists if positive else ForAll)(variables, normal(part, positive))
        case ForAll(variables, part):
            return (ForAll if positive else Exists)(variables, normal(part, positive))
        case Under(transform, Implies(left, right) | Iff(left, right) as law):
            kept = Under(transform, type(law)(normal(left, True), normal(right, True)))
            return kept if positive else Not(kept)
        case _:
            raise AssertionError(f"unknown kind of formula: {type(formula).__name__}")


def _join(kind: type[And] | type[Or], parts: Iterable[Formula]) -> Formula:
    """One conjunction or disjunction out of parts that may be of the same kind themselves."""
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, And | Or) and isinstance(part, kind):
            flat.extend(part.parts)
        else:
            flat.append(part)
    return kind(tuple(flat))


# ------------------------------------------------------------------------------------- clauses


def complement(literal: Formula) -> Formula:
    """The opposite of a literal.

    >>> from kg import parse
    >>> print(complement(parse("~p(a)")), complement(parse("x(a) < 1")), sep=", ")
    p(a), x(a) >= 1
    """
    return normal(literal, False)


def clauses(formula: Formula) -> tuple[frozenset[Formula], ...]:
    """The formula as a conjunction of clauses, each a set of literals one of which holds; without quantifiers.

    Literals are Atom, Same, Compare, and Not of the first two. Tautologies and clauses that another one implies are
    left out. Raises FormulaError on quantifiers, on ``under`` and beyond MAX_CLAUSES clauses.

    >>> from kg import parse
    >>> for clause in clauses(parse("p(a) <-> q(a)")):
    ...     print(" | ".join(sorted(map(str, clause))))
    p(a) | ~q(a)
    q(a) | ~p(a)
    """
    found = _clauses(formula, True)
    return tuple(sorted(found, key=lambda clause: (len(clause), sorted(map(str, clause)))))


Clauses = frozenset[frozenset[Formula]]


def _clauses(formula: Formula, positive: bool) -> Clauses:
    match formula:
        case Atom() | Same() | Compare():
            return frozenset({frozenset({oriented(normal(formula, positive))})})
        case Not(part):
            return _clauses(part, not positive)
        case And(parts) | Or(parts):
            combine = _all if isinstance(formula, And) == positive else _any
            return combine([_clauses(part, positive) for part in parts])
        case Implies(body, head):
            return (_any if positive else _all)([_clauses(body, not positive), _clauses(head, positive)])
        case Iff(left, right):
            return _all(_any([_clauses(left, not side), _clauses(right, side == positive)]) for side in (True, False))
        case AtMostOne(parts) | ExactlyOne(parts):
            pairs = list(itertools.combinations(parts, 2))
            if positive:
                most = _all(_any([_clauses(one, False), _clauses(other, False)]) for one, other in pairs)
                some = _any([_clauses(part, True) for part in parts])
                return _all([most, some]) if isinstance(formula, ExactlyOne) else most
            two = [_all([_clauses(one, True), _clauses(other, True)]) for one, other in pairs]
            none = [_all([_clauses(part, False) for part in parts])] if isinstance(formula, ExactlyOne) else []
            return _any([*two, *none])
        case _:
            raise FormulaError(
                f"'{formula}' has no clauses: it quantifies over objects or speaks of a transformed scene",
                hint="Ground it first, or leave it out.",
            )


def _all(groups: Iterable[Clauses]) -> Clauses:
    return _reduced(frozenset().union(*groups))


def _any(groups: Iterable[Clauses]) -> Clauses:
    product: Clauses = frozenset({frozenset()})
    for group in groups:
        if len(product) * len(group) > MAX_CLAUSES * 4:
            raise _too_many()
        product = _reduced(frozenset(one | other for one in product for other in group))
    return product


def _reduced(found: Clauses) -> Clauses:
    """Without tautologies and without clauses that a shorter one implies."""
    kept: list[frozenset[Formula]] = []
    for clause in sorted(found, key=len):
        tautology = any(oriented(complement(literal)) in clause for literal in clause)
        if not tautology and not any(other <= clause for other in kept):
            kept.append(clause)
            if len(kept) > MAX_CLAUSES:
                raise _too_many()
    return frozenset(kept)


def _too_many() -> FormulaError:
    return FormulaError(f"the formula has over {MAX_CLAUSES:,} clauses", hint="Split it into rules.")


def oriented(formula: Formula) -> Formula:
    """A comparison with ``<`` or ``<=``, or with its sides in order; anything else as it is."""
    match formula:
        case Compare(">", left, right):
            return Compare("<", right, left)
        case Compare(">=", left, right):
            return Compare("<=", right, left)
        case Compare("=" | "!=" as operator, left, right) if str(right) < str(left):
            return Compare(operator, right, left)
        case _:
            return formula
