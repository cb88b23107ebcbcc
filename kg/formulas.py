"""The rule language as values: terms, formulas and transforms, frozen and hashable.

Text is a view of these: ``str`` prints it here, ``kg.text`` reads it back. Free variables are bound by an
outer forall, and distinct variables stand for distinct objects.

>>> body = And((Atom("on", ("a", "b")), Not(Atom("cup", ("a",)))))
>>> print(Implies(body, Compare(">", Feature("z", ("a",)), Number(0.5))))
on(a, b) & ~cup(a) -> z(a) > 0.5
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kg.errors import FormulaError
from kg.expressions import (
    MAX_DEPTH,
    MAX_NODES,
    OPERATORS,
    Arithmetic,
    Expression,
    Feature,
    Function,
    Negative,
    Number,
    Operator,
    Quantity,
    Term,
    Transform,
    Word,
    features,
    variable_names,
)
from kg.predicates import check_name

__all__ = [
    "COMPARISONS",
    "MAX_DEPTH",
    "MAX_NODES",
    "OPERATORS",
    "And",
    "Arithmetic",
    "AtMostOne",
    "Atom",
    "Compare",
    "Comparison",
    "ExactlyOne",
    "Exists",
    "Expression",
    "Feature",
    "ForAll",
    "Formula",
    "Function",
    "Iff",
    "Implies",
    "Negative",
    "Not",
    "Number",
    "Operator",
    "Or",
    "Quantity",
    "Same",
    "Term",
    "Transform",
    "Under",
    "Word",
    "children",
    "features",
    "terms_of",
    "walk",
]

Comparison: TypeAlias = Literal["<", "<=", ">", ">=", "=", "!="]
COMPARISONS: tuple[Comparison, ...] = ("<", "<=", ">", ">=", "=", "!=")

# ------------------------------------------------------------------------------------ formulas


class Formula(Expression):
    """Base of all formulas. ``str`` gives the canonical text; ``kg.parse(str(f)) == f``."""

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True)
class Atom(Formula):
    """A predicate of variables: ``left_of(a, b)``."""

    predicate: str
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name("predicate", self.predicate)
        object.__setattr__(self, "arguments", variable_names(self.arguments))
        self.measure()


@dataclass(frozen=True)
class Same(Formula):
    """Two variables stand for one object: ``a = b``. Its negation makes distinctness explicit."""

    left: str
    right: str

    def __post_init__(self) -> None:
        variable_names((self.left, self.right))
        self.measure()


@dataclass(frozen=True)
class Compare(Formula):
    """A comparison of two terms: ``x(b) - x(a) > 0.2``."""

    operator: Comparison
    left: Term
    right: Term

    def __post_init__(self) -> None:
        if self.operator not in COMPARISONS:
            raise FormulaError(f"unknown comparison {self.operator!r}", hint=f"Use one of {' '.join(COMPARISONS)}.")
        self.measure((self.left, self.right))


@dataclass(frozen=True)
class Not(Formula):
    """~part"""

    part: Formula

    def __post_init__(self) -> None:
        self.measure((self.part,))


@dataclass(frozen=True)
class And(Formula):
    """All parts hold."""

    parts: tuple[Formula, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _parts("and", self.parts))
        self.measure(self.parts)


@dataclass(frozen=True)
class Or(Formula):
    """Some part holds."""

    parts: tuple[Formula, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _parts("or", self.parts))
        self.measure(self.parts)


@dataclass(frozen=True)
class Implies(Formula):
    """body -> head"""

    body: Formula
    head: Formula

    def __post_init__(self) -> None:
        self.measure((self.body, self.head))


@dataclass(frozen=True)
class Iff(Formula):
    """left <-> right"""

    left: Formula
    right: Formula

    def __post_init__(self) -> None:
        self.measure((self.left, self.right))


@dataclass(frozen=True)
class ExactlyOne(Formula):
    """Exactly one part holds."""

    parts: tuple[Formula, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _parts("exactly_one", self.parts))
        self.measure(self.parts)


@dataclass(frozen=True)
class AtMostOne(Formula):
    """At most one part holds."""

    parts: tuple[Formula, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _parts("at_most_one", self.parts))
        self.measure(self.parts)


@dataclass(frozen=True)
class Exists(Formula):
    """Some objects, distinct from each other and from those of the variables in scope, satisfy the part."""

    variables: tuple[str, ...]
    part: Formula

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", _bound("exists", self.variables))
        self.measure((self.part,))


@dataclass(frozen=True)
class ForAll(Formula):
    """All objects, distinct from each other and from those of the variables in scope, satisfy the part."""

    variables: tuple[str, ...]
    part: Formula

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", _bound("forall", self.variables))
        self.measure((self.part,))


@dataclass(frozen=True)
class Under(Formula):
    """A law about a transformed scene: the left side is read in the scene as it is, the right side in its image.

    ``under mirror_x: left_of(a, b) <-> right_of(a, b)``
    """

    transform: Transform
    law: Implies | Iff

    def __post_init__(self) -> None:
        if not isinstance(self.law, Implies | Iff):
            raise FormulaError(
                f"'under {self.transform}' is followed by {self.law}, which has no two sides",
                hint="Write 'under T: p <-> q' or 'under T: p -> q': left in the scene, right in its image.",
            )
        if any(isinstance(inner, Under) for inner in walk(self.law)):
            raise FormulaError(f"'under {self.transform}' contains another 'under'", hint="Use one transform a rule.")
        self.measure((self.law,))


def children(formula: Formula) -> tuple[Formula, ...]:
    """The formulas directly inside ``formula``."""
    match formula:
        case Not(part) | Exists(_, part) | ForAll(_, part):
            return (part,)
        case And(parts) | Or(parts) | ExactlyOne(parts) | AtMostOne(parts):
            return parts
        case Implies(left, right) | Iff(left, right):
            return (left, right)
        case Under(_, law):
            return (law,)
        case _:
            return ()


def walk(formula: Formula) -> Iterator[Formula]:
    """The formula and everything inside it, outermost first."""
    yield formula
    for inner in children(formula):
        yield from walk(inner)


def predicates(formula: Formula) -> tuple[str, ...]:
    """The predicate of each atom inside, in order, one that is said twice twice."""
    return tuple(part.predicate for part in walk(formula) if isinstance(part, Atom))


def quantified(formula: Formula) -> bool:
    """Does it say "exists" or "forall" anywhere inside?"""
    return any(isinstance(part, Exists | ForAll) for part in walk(formula))


def joint(*formulas: Formula) -> Formula:
    """``&`` of formulas, those that are conjunctions themselves taken apart; a single one as it is."""
    parts = [part for one in formulas for part in (one.parts if isinstance(one, And) else (one,))]
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def terms_of(formula: Formula) -> tuple[Term, ...]:
    """The two terms that a comparison compares; nothing for any other formula."""
    return (formula.left, formula.right) if isinstance(formula, Compare) else ()


# ------------------------------------------------------------------------------------ printing

# How tightly each kind of formula binds; a looser one inside a tighter one gets parentheses.
_OPEN, _ARROW, _OR, _AND, _NOT, _CLOSED = range(6)


def _binding(formula: Formula) -> int:
    match formula:
        case Under() | Exists() | ForAll():
            return _OPEN
        case Implies() | Iff():
            return _ARROW
        case Or():
            return _OR
        case And():
            return _AND
        case Not():
            return _NOT
        case _:
            return _CLOSED


def _inside(formula: Formula, least: int) -> str:
    text = _text(formula)
    return text if _binding(formula) >= least else f"({text})"


def _text(formula: Formula) -> str:
    match formula:
        case Atom(name, arguments):
            return f"{name}({', '.join(arguments)})"
        case Same(left, right):
            return f"{left} = {right}"
        case Not(Same(left, right)):
            return f"{left} != {right}"
        case Compare(operator, left, right):
            return f"{left} {operator} {right}"
        case Not(Compare() | Not(Same()) as part):  # '~a = b' would be read so, but not by a person
            return f"~({_text(part)})"
        case Not(part):
            return "~" + _inside(part, _NOT)
        case And(parts):
            return " & ".join(_inside(part, _NOT) for part in parts)
        case Or(parts):
            return " | ".join(_inside(part, _AND) for part in parts)
        case Implies(left, right):
            return f"{_inside(left, _OR)} -> {_right_side(right)}"
        case Iff(left, right):
            return f"{_inside(left, _OR)} <-> {_right_side(right)}"
        case ExactlyOne(parts):
            return f"exactly_one({', '.join(map(_text, parts))})"
        case AtMostOne(parts):
            return f"at_most_one({', '.join(map(_text, parts))})"
        case Exists(variables, part):
            return f"exists {', '.join(variables)}: {_text(part)}"
        case ForAll(variables, part):
            return f"forall {', '.join(variables)}: {_text(part)}"
        case Under(transform, law):
            return f"under {transform}: {_text(law)}"
        case _:
            raise AssertionError(f"unknown kind of formula: {type(formula).__name__}")


def _right_side(formula: Formula) -> str:
    """What follows an arrow: a quantifier there needs no parentheses, another arrow does."""
    return _text(formula) if _binding(formula) == _OPEN else _inside(formula, _OR)


# -------------------------------------------------------------------------------------- checks


def _parts(kind: str, parts: Iterable[Formula]) -> tuple[Formula, ...]:
    checked = tuple(parts)
    if len(checked) < 2:
        raise FormulaError(f"{kind} of {len(checked)} parts", hint="Give two or more.")
    return checked


def _bound(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    checked = variable_names(names)
    if not checked or len(set(checked)) != len(checked):
        raise FormulaError(
            f"{kind} binds {', '.join(checked) or 'nothing'}", hint="Bind one or more distinct variables."
        )
    return checked
