"""At which groundings a formula is asked: what stands outside its quantifiers decides, and what is unknown there."""

from __future__ import annotations

from collections.abc import Iterator

from kg.formulas import (
    Arithmetic,
    Compare,
    Exists,
    Feature,
    ForAll,
    Formula,
    Function,
    Negative,
    Number,
    Term,
    children,
    terms_of,
)
from kg.terms import TERMS


def outside(formula: Formula) -> Iterator[Formula]:
    """The parts that stand in no quantifier, outermost first: only they decide at which groundings a rule is asked."""
    yield formula
    if not isinstance(formula, Exists | ForAll):
        for part in children(formula):
            yield from outside(part)


def always_known(formula: Compare) -> bool:
    """Are both sides known of all objects? Boxes are; attributes may be unknown, and 0 / 0 is no number.

    >>> from kg import parse
    >>> [always_known(parse(text)) for text in ("x(a) < width(b) / 2", "mass(a) < 3", "x(a) / x(b) < 2")]
    [True, False, False]
    """
    return all(_known(term) for term in terms_of(formula))


def _known(term: Term) -> bool:
    match term:
        case Feature(name, arguments):
            return bool(arguments) and name in TERMS
        case Negative(inner):
            return _known(inner)
        case Arithmetic("/", left, right):
            return _known(left) and isinstance(right, Number) and right.value != 0
        case Arithmetic(_, left, right):
            return _known(left) and _known(right)
        case Function(_, terms):
            return all(map(_known, terms))
        case _:
            return True
