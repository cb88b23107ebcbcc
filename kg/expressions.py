"""What formulas are made of besides logic: numbers read off a scene, arithmetic on them, and transforms of the scene.

``kg.formulas`` hands all of these on; import them from there or from ``kg``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kg.errors import FormulaError
from kg.predicates import check_name

Operator: TypeAlias = Literal["+", "-", "*", "/"]
OPERATORS: tuple[Operator, ...] = ("+", "-", "*", "/")

#: Limits that keep every walk over a formula short and free of recursion errors.
MAX_DEPTH = 100
MAX_NODES = 20_000


class Expression:
    """Base of terms and formulas. ``depth`` is the number of nested levels, ``nodes`` the number of parts in all."""

    depth: int
    nodes: int

    def measure(self, inside: Iterable[Expression] = ()) -> None:
        """Set depth and nodes from those of the parts; each constructor calls it once."""
        depth, nodes = 1, 1
        for inner in inside:
            if not isinstance(inner, Expression):
                raise FormulaError(
                    f"{type(self).__name__} is given {inner!r:.80}, which is no part of a formula",
                    hint="Read texts with kg.parse first.",
                )
            depth = max(depth, inner.depth + 1)
            nodes += inner.nodes
        if depth > MAX_DEPTH:
            raise FormulaError(f"the formula is nested over {MAX_DEPTH} levels deep", hint="Split it into rules.")
        if nodes > MAX_NODES:
            raise FormulaError(f"the formula has over {MAX_NODES:,} parts", hint="Split it into rules.")
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "nodes", nodes)


# --------------------------------------------------------------------------------------- terms


@dataclass(frozen=True)
class Number(Expression):
    """A finite constant, in the unit of what it is compared with (metres, radians, ...)."""

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise FormulaError(f"the number {self.value} in a formula is not finite", hint="Use a finite constant.")
        object.__setattr__(self, "value", float(self.value) + 0.0)  # -0.0 and 0 have one spelling
        self.measure()

    def __str__(self) -> str:
        return _term_text(self)


@dataclass(frozen=True)
class Word(Expression):
    """A category, in quotes: ``shape(a) = "cube"``. It is compared by = or != only.

    >>> str(Word('12" pipe'))
    '"12\\\\" pipe"'
    """

    value: str

    def __post_init__(self) -> None:
        if not isinstance(self.value, str) or "\n" in self.value:
            raise FormulaError(f"the word {self.value!r:.80} in a formula", hint="Give a text of one line.")
        self.measure()

    def __str__(self) -> str:
        return _term_text(self)


@dataclass(frozen=True)
class Feature(Expression):
    """A number read off the scene: ``x(a)``, ``distance(a, b)``, ``volume()``."""

    name: str
    arguments: tuple[str, ...]

    def __post_init__(self) -> None:
        check_name("term", self.name)
        object.__setattr__(self, "arguments", variable_names(self.arguments))
        self.measure()

    def __str__(self) -> str:
        return _term_text(self)


@dataclass(frozen=True)
class Negative(Expression):
    """Minus a term."""

    term: Term

    def __post_init__(self) -> None:
        self.measure((self.term,))

    def __str__(self) -> str:
        return _term_text(self)


@dataclass(frozen=True)
class Arithmetic(Expression):
    """left operator right."""

    operator: Operator
    left: Term
    right: Term

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise FormulaError(f"unknown operator {self.operator!r}", hint=f"Use one of {' '.join(OPERATORS)}.")
        self.measure((self.left, self.right))

    def __str__(self) -> str:
        return _term_text(self)


@dataclass(frozen=True)
class Function(Expression):
    """``min`` or ``max`` of two or more terms, or ``abs`` of one."""

    name: Literal["min", "max", "abs"]
    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if self.name not in ("min", "max", "abs"):
            raise FormulaError(f"unknown function {self.name!r}", hint="Use min, max or abs.")
        if (self.name == "abs") != (len(self.terms) == 1) or not self.terms:
            raise FormulaError(
                f"{self.name} is given {len(self.terms)} terms", hint="abs takes one, min and max two or more."
            )
        object.__setattr__(self, "terms", tuple(self.terms))
        self.measure(self.terms)

    def __str__(self) -> str:
        return _term_text(self)


Term: TypeAlias = Number | Word | Feature | Negative | Arithmetic | Function


def features(term: Term) -> Iterator[Feature]:
    """Every feature that a term reads, from left to right.

    >>> [str(feature) for feature in features(Arithmetic("-", Feature("x", ("b",)), Feature("x", ("a",))))]
    ['x(b)', 'x(a)']
    """
    match term:
        case Feature():
            yield term
        case Negative(inner):
            yield from features(inner)
        case Arithmetic(_, left, right):
            yield from features(left)
            yield from features(right)
        case Function(_, terms):
            for inner in terms:
                yield from features(inner)
        case Number() | Word():
            return


# ---------------------------------------------------------------------------------- transforms


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, as written: ``90 deg``, ``0.5 m``, ``1.25``."""

    value: float
    unit: Literal["", "deg", "rad", "m"] = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise FormulaError(f"the quantity {self.value} is not finite", hint="Use a finite number.")
        if self.unit not in ("", "deg", "rad", "m"):
            raise FormulaError(f"unknown unit {self.unit!r}", hint="Use deg, rad, m, or no unit.")
        object.__setattr__(self, "value", float(self.value) + 0.0)

    def __str__(self) -> str:
        return f"{number_text(self.value)} {self.unit}".rstrip()


@dataclass(frozen=True)
class Transform:
    """A transformation of the whole scene, by name: ``mirror_x``, ``rotate_z(90 deg)``, ``translate``."""

    name: str
    arguments: tuple[Quantity, ...] = ()

    def __post_init__(self) -> None:
        check_name("transform", self.name)
        object.__setattr__(self, "arguments", tuple(self.arguments))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})" if self.arguments else self.name


# ------------------------------------------------------------------------- printing and checks

_SUM, _PRODUCT, _MINUS, _SINGLE = range(4)


def _term_binding(term: Term) -> int:
    match term:
        case Arithmetic("+" | "-", _, _):
            return _SUM
        case Arithmetic(_, _, _):
            return _PRODUCT
        case Negative():
            return _MINUS
        case Number(value) if value < 0:
            return _MINUS
        case _:
            return _SINGLE


def _term_inside(term: Term, least: int) -> str:
    text = _term_text(term)
    return text if _term_binding(term) >= least else f"({text})"


def _term_text(term: Term) -> str:
    match term:
        case Number(value):
            return number_text(value)
        case Word(value):
            return json.dumps(value, ensure_ascii=False)
        case Feature(name, arguments):
            return f"{name}({', '.join(arguments)})"
        case Negative(Number() as inner):  # '-3' is the number minus three
            return f"-({_term_text(inner)})"
        case Negative(inner):
            return "-" + _term_inside(inner, _SINGLE)
        case Arithmetic(operator, left, right):
            level = _SUM if operator in "+-" else _PRODUCT
            # on the right, of equal strength or a minus sign: parentheses
            tight = _SINGLE if _term_binding(right) == _MINUS else level + 1
            return f"{_term_inside(left, level)} {operator} {_term_inside(right, tight)}"
        case Function(name, terms):
            return f"{name}({', '.join(map(_term_text, terms))})"


def number_text(value: float) -> str:
    """The shortest text that reads back as the same float; whole numbers without a point."""
    return str(int(value)) if value == int(value) and abs(value) < 1e16 else repr(value)


def variable_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names as a tuple, after checking that each of them can be a variable."""
    if isinstance(names, str):
        raise FormulaError(f"the arguments {names!r} are one text", hint=f"Give a tuple of names: ({names!r},).")
    checked = tuple(names)
    for name in checked:
        check_name("variable", name)
    return checked
