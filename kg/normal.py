"""Normal forms. None of them changes a truth value in any world, nor which groundings are valid.

``canonical`` decides when two rules are the same: rule ids are hashes of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from kg.formulas import (
    And,
    Arithmetic,
    AtMostOne,
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
    Or,
    Same,
    Term,
    Under,
    terms_of,
)
from kg.negation import MAX_CLAUSES, clauses, complement, negation_normal, normal, oriented
from kg.terms import TERMS
from kg.variables import free_variables, rebuild, rename, rename_term

__all__ = [
    "MAX_CLAUSES",
    "MAX_ORDERS",
    "canonical",
    "clauses",
    "comparison",
    "complement",
    "explicit_distinctness",
    "free_variables",
    "live",
    "negation_normal",
    "rename",
    "spelled",
]

#: So many orders of the free variables are tried (enough for six that look alike); beyond, that of appearance decides.
MAX_ORDERS: Final = 720

# ----------------------------------------------------------------------------------- canonical


def canonical(formula: Formula) -> Formula:
    """The one formula that stands for all its spellings: two rules are the same when their canonical formulas are.

    Arrows become disjunctions, so that a contraposition and an exclusion written either way are one; ``<->``,
    ``exactly_one`` and ``at_most_one`` stay (of three parts or more; two-part groups are a disjunction and an
    equivalence); parts are flattened, sorted and, in ``&`` and ``|``, kept once; comparisons point one way; variables
    are renamed to a, b, c, ... by what is said of them. ``under`` keeps its two sides where they are.

    >>> from kg import parse
    >>> print(canonical(parse("above(x, y) -> ~below(x, y)")))
    ~above(a, b) | ~below(a, b)
    >>> canonical(parse("~(below(a, b) & above(a, b))")) == canonical(parse("above(x, y) -> ~below(x, y)"))
    True
    """
    return _canonical(formula)


@lru_cache(maxsize=2**14)
def _canonical(formula: Formula) -> Formula:
    arrowless, names = negation_normal(formula), free_variables(formula)
    spellings = (
        _ordered(arrowless, {name: _letter(place) for place, name in enumerate(order)}, len(names))
        for order in _orders(arrowless, names)
    )
    return min(spellings, key=_key)


def spelled(formula: Formula, names: Mapping[str, str]) -> Formula:
    """Canonical where the free variables have these names, which tell one from another; a bound one takes a letter.

    names: for each free variable another name, no single letter.

    >>> from kg import parse
    >>> print(spelled(parse("exists c: on(x, c) & lamp(c)"), {"x": "c0"}))
    exists a: lamp(a) & on(c0, a)
    """
    return _ordered(negation_normal(formula), names, 0)


def _orders(formula: Formula, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The orders of the variables that may be canonical; which they are does not depend on what they are called.

    Variables are told apart by what the formula says of each when all others are called the same; only those that
    this leaves alike are tried in every order.
    """
    if len(names) < 2:
        yield names
        return
    alike: dict[str, list[str]] = {}
    for name in names:
        about = {**dict.fromkeys(names, _letter(0)), name: _letter(1)}
        alike.setdefault(str(_ordered(formula, about, len(names))), []).append(name)
    groups = [alike[view] for view in sorted(alike, reverse=True)]
    if math.prod(math.factorial(len(group)) for group in groups) > MAX_ORDERS:
        yield tuple(itertools.chain.from_iterable(groups))
        return
    for choice in itertools.product(*(itertools.permutations(group) for group in groups)):
        yield tuple(itertools.chain.from_iterable(choice))


def _key(formula: Formula) -> tuple[int, str]:
    text = str(formula)
    return len(text), text


def _letter(place: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[place] if place < 26 else f"v{place}"


def _ordered(formula: Formula, names: Mapping[str, str], level: int) -> Formula:
    """Canonical for given names of the variables around; ``level`` of them are taken."""
    match formula:
        case And(parts) | Or(parts):
            return _sorted_join(type(formula), (_ordered(part, names, level) for part in parts))
        case ExactlyOne(parts) | AtMostOne(parts):
            inner = sorted((_ordered(part, names, level) for part in parts), key=_key)
            return type(formula)(tuple(inner))
        case Iff(left, right):
            return _balanced([_ordered(left, names, level), _ordered(right, names, level)])
        case Exists() | ForAll():
            return _block(formula, names, level)
        case Compare():
            return comparison(Compare(formula.operator, *(rename_term(term, names) for term in terms_of(formula))))
        case Same(left, right):
            one, other = sorted((names[left], names[right]))
            return Same(one, other)
        case _:
            return rebuild(formula, lambda part: _ordered(part, names, level), names)


def _sorted_join(kind: type[And] | type[Or], parts: Iterable[Formula]) -> Formula:
    flat: dict[Formula, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, And | Or) and isinstance(part, kind) else (part,)))
    if len(flat) == 1:
        return next(iter(flat))
    return kind(tuple(sorted(flat, key=_key)))


def _balanced(sides: list[Formula]) -> Formula:
    """``<->`` of canonical formulas: nested ones flattened, each operand positive, an odd negation on the first."""
    operands: list[Formula] = []
    odd = False
    while sides:
        side = sides.pop()
        if isinstance(side, Iff):
            sides += [side.left, side.right]
        elif _is_negative(side):
            odd = not odd
            sides.append(_negated(side))
        else:
            operands.append(side)
    operands.sort(key=_key)
    if odd:
        operands[0] = _negated(operands[0])
    result = operands[-1]
    for operand in reversed(operands[:-1]):
        result = Iff(operand, result)
    return result


def _is_negative(formula: Formula) -> bool:
    """Of a canonical formula and its opposite, exactly one is negative."""
    match formula:
        case Not() | Or() | ForAll():
            return True
        case Compare(operator, _, _):
            return operator in ("<=", "!=")
        case Iff(left, _):
            return _is_negative(left)
        case _:
            return False


def _negated(formula: Formula) -> Formula:
    """The opposite of a canonical formula, canonical itself."""
    match formula:
        case Not(part):
            return part
        case And(parts) | Or(parts):
            return _sorted_join(Or if isinstance(formula, And) else And, (_negated(part) for part in parts))
        case Exists(variables, part):
            return ForAll(variables, _negated(part))
        case ForAll(variables, part):
            return Exists(variables, _negated(part))
        case Iff(left, right):
            return Iff(_negated(left), right)
        case Compare():
            return oriented(normal(formula, False))
        case _:
            return Not(formula)


def _block(formula: Exists | ForAll, names: Mapping[str, str], level: int) -> Formula:
    """Quantifiers of one kind that follow each other are one block; its variables take the next free letters."""
    kind, inner, bound = type(formula), dict(names), []
    part: Formula = formula
    while isinstance(part, Exists | ForAll) and isinstance(part, kind):
        for name in part.variables:
            inner[name] = _letter(level)
            bound.append(inner[name])
            level += 1
        part = part.part
    body = _ordered(part, inner, level)
    if isinstance(body, Exists | ForAll) and isinstance(body, kind):  # '(exists c: f) & (exists c: f)' was one part
        return kind((*bound, *body.variables), body.part)
    return kind(tuple(bound), body)


def comparison(formula: Compare) -> Formula:
    """The one spelling of a comparison: by ``<``, ``<=``, ``=`` or ``!=``, terms in order where order means nothing.

    >>> from kg import parse
    >>> print(comparison(parse("1 > distance(b, a)")))
    distance(a, b) < 1
    """
    return oriented(Compare(formula.operator, _sorted_term(formula.left), _sorted_term(formula.right)))


def _sorted_term(term: Term) -> Term:
    """Where order means nothing, the smaller text first. Sums and products of floats commute exactly: same value."""
    match term:
        case Feature(name, arguments) if name in TERMS and TERMS[name].symmetric:
            return Feature(name, tuple(sorted(arguments)))
        case Negative(inner):
            return Negative(_sorted_term(inner))
        case Arithmetic(operator, left, right):
            one, other = _sorted_term(left), _sorted_term(right)
            if operator in "+*" and str(other) < str(one):
                one, other = other, one
            return Arithmetic(operator, one, other)
        case Function(name, terms):
            return Function(name, tuple(sorted((_sorted_term(inner) for inner in terms), key=str)))
        case _:
            return term


# --------------------------------------------------------------------------- distinct and live


def explicit_distinctness(formula: Formula) -> Formula:
    """The formula for readers who let two variables name one object: free ones are excused, bound ones are guarded.

    Bound variables that reuse a name in scope are renamed.

    >>> from kg import parse
    >>> print(explicit_distinctness(parse("near(a, b) -> exists c: near(a, c)")))
    a = b | (near(a, b) -> exists c: c != a & c != b & near(a, c))
    """
    names = free_variables(formula)
    guarded = _guarded(formula, names)
    same = [Same(one, other) for one, other in itertools.combinations(names, 2)]
    return Or((*same, guarded)) if same else guarded


def _guarded(formula: Formula, scope: tuple[str, ...]) -> Formula:
    if not isinstance(formula, Exists | ForAll):
        return rebuild(formula, lambda part: _guarded(part, scope), {})
    fresh: dict[str, str] = {}
    for name in formula.variables:
        new = name
        while new in scope or new in fresh.values():
            new += "_"
        fresh[name] = new
    variables = tuple(fresh.values())
    part = _guarded(rename(formula.part, fresh), (*scope, *variables))
    pairs = [(new, old) for place, new in enumerate(variables) for old in (*scope, *variables[:place])]
    if not pairs:
        return type(formula)(variables, part)
    if isinstance(formula, Exists):
        return Exists(variables, And((*(Not(Same(new, old)) for new, old in pairs), part)))
    return ForAll(variables, Or((*(Same(new, old) for new, old in pairs), part)))


def live(formula: Formula) -> Formula | None:
    """The formula that is true on the groundings that put ``formula`` to the test; None where every one does.

    ``body -> head``: the body. ``p <-> q``: p or q. ``~(p & q & ...)``: all but one of the parts.
    ``at_most_one(...)``: one of the parts. ``under T``: the same of its law, the right side read in the image.
    A grounding that breaks a formula is live in any case.

    >>> from kg import parse
    >>> print(live(parse("~(above(a, b) & below(a, b))")))
    above(a, b) | below(a, b)
    """
    match formula:
        case Implies(body, _) | Under(_, Implies(body, _)):
            return body
        case Iff(left, right):
            return Or((left, right))
        case Under(transform, Iff(left, right)):
            return Under(transform, Implies(Not(left), right))
        case Not(And(parts)):
            others = itertools.combinations(parts, len(parts) - 1)
            return Or(tuple(group[0] if len(group) == 1 else And(group) for group in others))
        case AtMostOne(parts):
            return Or(parts)
        case _:
            return None
