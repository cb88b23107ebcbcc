"""The variables of a formula: which are free, and how to rename them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from kg.formulas import (
    And,
    Arithmetic,
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Exists,
    Feature,
    ForAll,
    Formula,
    Function,
    Iff,
    Implies,
    Negative,
    Not,
    Number,
    Or,
    Same,
    Term,
    Under,
    Word,
    children,
    features,
)


def free_variables(formula: Formula) -> tuple[str, ...]:
    """The variables that no quantifier binds, in order of first appearance.

    >>> from kg import parse
    >>> free_variables(parse("exists b: between(c, b, a)"))
    ('c', 'a')
    """
    return tuple(_free(formula))


@lru_cache(maxsize=2**14)
def _free(formula: Formula) -> dict[str, None]:
    match formula:
        case Atom(_, arguments):
            return dict.fromkeys(arguments)
        case Same(left, right):
            return dict.fromkeys((left, right))
        case Compare(_, left, right):
            return dict.fromkeys(
                name for term in (left, right) for feature in features(term) for name in feature.arguments
            )
        case Exists(variables, part) | ForAll(variables, part):
            return {name: None for name in _free(part) if name not in variables}
        case _:
            return {name: None for part in children(formula) for name in _free(part)}


def scope(formula: Formula, around: int | None = None) -> int:
    """How many variables are in scope at once, at most: the free ones, and those of the quantifiers around a place.

    around: variables that stand around the formula, where those are not its free ones.

    >>> from kg import parse
    >>> scope(parse("p(a) -> (exists b, c: r(b, c)) & (exists b: q(b))"))
    3
    """
    outside = len(_free(formula)) if around is None else around
    if isinstance(formula, Exists | ForAll):
        return scope(formula.part, outside + len(formula.variables))
    return max((scope(part, outside) for part in children(formula)), default=outside)


def rename(formula: Formula, names: Mapping[str, str]) -> Formula:
    """The formula with its free variables renamed; bound ones step aside where they would capture a new name.

    >>> from kg import parse
    >>> print(rename(parse("exists b: on(b, a)"), {"a": "b"}))
    exists b_: on(b_, b)
    """
    match formula:
        case Exists(variables, part) | ForAll(variables, part):
            kept = {old: new for old, new in names.items() if old not in variables and old in _free(part)}
            avoid = {*kept.values(), *(name for name in _free(formula) if name not in kept)}
            bound: dict[str, str] = {}
            for name in variables:
                fresh = name
                while fresh in avoid or fresh in bound.values():
                    fresh += "_"
                bound[name] = fresh
            return type(formula)(tuple(bound.values()), rename(part, {**kept, **bound}))
        case _:
            return rebuild(formula, lambda part: rename(part, names), names)


def rebuild(formula: Formula, change: Callable[[Formula], Formula], names: Mapping[str, str]) -> Formula:
    """The formula with ``change`` applied to what is directly inside it, and its own variables renamed."""
    match formula:
        case Atom(predicate, arguments):
            return Atom(predicate, tuple(names.get(name, name) for name in arguments))
        case Same(left, right):
            return Same(names.get(left, left), names.get(right, right))
        case Compare(operator, left, right):
            return Compare(operator, rename_term(left, names), rename_term(right, names))
        case Not(part):
            return Not(change(part))
        case And(parts) | Or(parts) | ExactlyOne(parts) | AtMostOne(parts):
            return type(formula)(tuple(change(part) for part in parts))
        case Implies(left, right) | Iff(left, right):
            return type(formula)(change(left), change(right))
        case Exists(variables, part) | ForAll(variables, part):
            return type(formula)(variables, change(part))
        case Under(transform, Implies(left, right) | Iff(left, right) as law):
            return Under(transform, type(law)(change(left), change(right)))
        case _:
            raise AssertionError(f"unknown kind of formula: {type(formula).__name__}")


def rename_term(term: Term, names: Mapping[str, str]) -> Term:
    """The term with its variables renamed."""
    match term:
        case Number() | Word():
            return term
        case Feature(name, arguments):
            return Feature(name, tuple(names.get(argument, argument) for argument in arguments))
        case Negative(inner):
            return Negative(rename_term(inner, names))
        case Arithmetic(operator, left, right):
            return Arithmetic(operator, rename_term(left, names), rename_term(right, names))
        case Function(name, terms):
            return Function(name, tuple(rename_term(inner, names) for inner in terms))
