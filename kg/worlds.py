"""Is this formula true in this finite world? The reference meaning: plain, exact and slow.

Everything else that reads formulas (tensors, losses, solvers) is tested against this file.

A *grounding* gives each free variable an object. It is valid, and asked about, when the objects are distinct and every
atom and comparison outside quantifiers is valid there:

- an atom that names an object twice is valid only for predicates with a meaning on the diagonal, and a world may list
  further invalid facts (unlabelled pairs, say);
- a comparison is valid where both its sides are known: no number or category that it reads is unknown, and neither
  side is undefined, as 0 / 0 is. All connectives are asked alike, so that ``p(a) | mass(a) > 5`` is not asked of an
  object of unknown mass, whatever p is: what is read decides, and not how it turns out.

A quantifier runs over objects that are distinct from each other and from those of all variables around it; an object
at which the part may not be asked is no witness and is skipped. So "exists b, c" says that two are known to be so,
its opposite that two are not, and "forall b" that none is known to be otherwise: a count speaks of what is known,
``exists`` and ``forall`` stay opposites, and one unknown mass in a room does not leave its rules unasked.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from kg.asked import always_known
from kg.errors import FormulaError, RulekdError, unknown
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
    terms_of,
)
from kg.normal import free_variables, live
from kg.objects import IDENTITY, Object, View
from kg.terms import TERMS

Tuple = tuple[int, ...]
Binding = Mapping[str, int]


@dataclass(frozen=True)
class World:
    """A finite scene with every fact listed.

    size: number of objects, which are 0 .. size - 1. facts: per predicate the tuples of objects for which it holds;
    arity 0 is the empty tuple. diagonal: the predicates with a meaning when an object is named twice.
    invalid: per predicate the tuples about which nothing is known. objects: boxes and attributes, needed by
    comparisons only. view: rows right, away, up in the coordinates of the objects. numbers: those of the scene itself,
    and its words. NaN is an unknown number or word; so is an attribute that only other objects have.
    placed: are the objects somewhere? The rows of a table have attributes alone.

    >>> world = World(3, {"left_of": {(0, 1), (1, 2)}})
    >>> from kg import parse
    >>> holds(parse("left_of(a, b) -> ~left_of(b, a)"), world)
    True
    """

    size: int
    facts: Mapping[str, Collection[Tuple]]
    diagonal: frozenset[str] = frozenset()
    invalid: Mapping[str, Collection[Tuple]] = field(default_factory=dict)
    objects: tuple[Object, ...] = ()
    view: View = IDENTITY
    numbers: Mapping[str, float | str] = field(default_factory=dict)
    placed: bool = True

    @property
    def boxes(self) -> tuple[Object, ...]:
        """Its objects, where they have places."""
        return self.objects if self.placed else ()

    def __post_init__(self) -> None:
        if self.size < 0:
            raise RulekdError(f"a world of {self.size} objects", hint="Give 0 or more.")
        if self.objects and len(self.objects) != self.size:
            raise RulekdError(
                f"a world of {self.size} objects is given {len(self.objects)} boxes", hint="Give one for each, or none."
            )
        for given, what in ((self.facts, "facts"), (self.invalid, "invalid")):
            for predicate, tuples in given.items():
                for item in tuples:
                    if not all(0 <= index < self.size for index in item):
                        raise RulekdError(
                            f"{what} of {predicate!r} name {item}, but the objects are 0 to {self.size - 1}",
                            hint="Count objects from 0.",
                        )
        object.__setattr__(self, "diagonal", frozenset(self.diagonal))
        object.__setattr__(self, "objects", tuple(self.objects))
        for name in ("facts", "invalid"):
            frozen = {predicate: frozenset(tuples) for predicate, tuples in getattr(self, name).items()}
            object.__setattr__(self, name, frozen)


@dataclass(frozen=True)
class Count:
    """support: live groundings. violations: those of them that break the formula. groundings: all valid ones."""

    support: int
    violations: int
    groundings: int


def holds(
    formula: Formula, world: World, binding: Binding | None = None, views: Mapping[str, World] | None = None
) -> bool:
    """Is the formula true in the world, for every valid grounding of the variables that ``binding`` leaves free?

    views: for each transform that the formula reads (by its text) the world after it, objects in the same order.

    >>> world = World(2, {"on": {(0, 1)}})
    >>> from kg import parse
    >>> holds(parse("on(a, b)"), world, {"a": 0, "b": 1}), holds(parse("on(a, b)"), world)
    (True, False)
    """
    given = dict(binding or {})
    names = free_variables(formula)
    if all(name in given for name in names):
        return _true(formula, _Scope(world, views or {}), {name: given[name] for name in names})
    return next(_breaking(formula, world, given, views or {}), None) is None


def valid(formula: Formula, world: World, binding: Binding, views: Mapping[str, World] | None = None) -> bool:
    """Is this grounding of all free variables valid: distinct objects, and all outside quantifiers valid and known?"""
    objects = [binding[name] for name in free_variables(formula)]
    return len(set(objects)) == len(objects) and _asked(formula, _Scope(world, views or {}), binding)


def groundings(formula: Formula, world: World, views: Mapping[str, World] | None = None) -> Iterator[dict[str, int]]:
    """Every valid grounding of the free variables, the last variable changing fastest."""
    names = free_variables(formula)
    for objects in itertools.permutations(range(world.size), len(names)):
        binding = dict(zip(names, objects, strict=True))
        if _asked(formula, _Scope(world, views or {}), binding):
            yield binding


def violations(formula: Formula, world: World, views: Mapping[str, World] | None = None) -> Iterator[dict[str, int]]:
    """Every valid grounding that breaks the formula."""
    return _breaking(formula, world, {}, views or {})


def count(formula: Formula, world: World, views: Mapping[str, World] | None = None) -> Count:
    """How often the formula is put to the test in the world, and how often it fails; see ``kg.normal.live``.

    >>> world = World(3, {"left_of": {(0, 1), (1, 2)}})
    >>> from kg import parse
    >>> count(parse("left_of(a, b) & left_of(b, c) -> left_of(a, c)"), world)
    Count(support=1, violations=1, groundings=6)
    """
    scope, test = _Scope(world, views or {}), live(formula)
    total = support = broken = 0
    for binding in groundings(formula, world, views):
        breaks = not _true(formula, scope, binding)
        total += 1
        broken += breaks
        support += breaks or test is None or _true(test, scope, binding)
    return Count(support, broken, total)


def evaluate(term: Term, world: World, binding: Binding) -> float | str:
    """The value of a term; a word for a categorical attribute; NaN where it is unknown or undefined."""
    match term:
        case Number(value) | Word(value):
            return value
        case Feature(name, arguments):
            return _feature(name, tuple(binding[argument] for argument in arguments), world)
        case Negative(inner):
            return -_number(inner, world, binding)
        case Arithmetic(sign, left, right):
            return _ARITHMETIC[sign](_number(left, world, binding), _number(right, world, binding))
        case Function(name, terms):
            values = [_number(inner, world, binding) for inner in terms]
            if any(map(math.isnan, values)):  # min and max of Python may pass over it
                return math.nan
            return abs(values[0]) if name == "abs" else min(values) if name == "min" else max(values)


# ------------------------------------------------------------------------------------- meaning


@dataclass(frozen=True)
class _Scope:
    """The world that is read now, its images under transforms, and the objects of all variables around."""

    world: World
    views: Mapping[str, World]
    taken: frozenset[int] = frozenset()

    def image(self, transform: str) -> _Scope:
        if transform not in self.views:
            raise unknown("transformed world", transform, self.views)
        return _Scope(self.views[transform], {}, self.taken)


def _true(formula: Formula, scope: _Scope, binding: Binding) -> bool:
    """The truth of the formula, for a root call: every bound object is taken."""
    return _value(formula, _Scope(scope.world, scope.views, frozenset(binding.values())), binding)


def _value(formula: Formula, scope: _Scope, binding: Binding) -> bool:
    match formula:
        case Atom(predicate, arguments):
            facts = scope.world.facts
            if predicate not in facts:
                raise unknown("predicate", predicate, facts, where="this world has no facts of it: ")
            return tuple(binding[name] for name in arguments) in facts[predicate]
        case Same(left, right):
            return binding[left] == binding[right]
        case Compare():
            return _compare(formula, scope.world, binding)
        case Not(part):
            return not _value(part, scope, binding)
        case And(parts):
            return all(_value(part, scope, binding) for part in parts)
        case Or(parts):
            return any(_value(part, scope, binding) for part in parts)
        case Implies(body, head):
            return not _value(body, scope, binding) or _value(head, scope, binding)
        case Iff(left, right):
            return _value(left, scope, binding) == _value(right, scope, binding)
        case ExactlyOne(parts):
            return sum(_value(part, scope, binding) for part in parts) == 1
        case AtMostOne(parts):
            return sum(_value(part, scope, binding) for part in parts) <= 1
        case Exists(variables, part):
            return any(_value(part, inner, more) for inner, more in _witnesses(variables, part, scope, binding))
        case ForAll(variables, part):
            return all(_value(part, inner, more) for inner, more in _witnesses(variables, part, scope, binding))
        case Under(transform, Implies(body, head)):
            return not _value(body, scope, binding) or _value(head, scope.image(str(transform)), binding)
        case Under(transform, Iff(left, right)):
            return _value(left, scope, binding) == _value(right, scope.image(str(transform)), binding)
        case _:
            raise AssertionError(f"unknown kind of formula: {type(formula).__name__}")


def _witnesses(
    variables: tuple[str, ...], part: Formula, scope: _Scope, binding: Binding
) -> Iterator[tuple[_Scope, Binding]]:
    """The valid ways to bind the variables to further objects."""
    free = [index for index in range(scope.world.size) if index not in scope.taken]
    for objects in itertools.permutations(free, len(variables)):
        more = {**binding, **dict(zip(variables, objects, strict=True))}
        if _asked(part, scope, more):
            yield _Scope(scope.world, scope.views, scope.taken.union(objects)), more


def _asked(formula: Formula, scope: _Scope, binding: Binding) -> bool:
    """Is every atom outside quantifiers valid, and every comparison known?"""
    match formula:
        case Compare():
            return always_known(formula) or not any(
                _unknown(evaluate(term, scope.world, binding)) for term in terms_of(formula)
            )
        case Atom(predicate, arguments):
            item = tuple(binding[name] for name in arguments)
            repeated = len(set(item)) < len(item) and predicate not in scope.world.diagonal
            return not repeated and item not in scope.world.invalid.get(predicate, ())
        case Exists() | ForAll():
            return True
        case Under(transform, Implies(left, right) | Iff(left, right)):
            return _asked(left, scope, binding) and _asked(right, scope.image(str(transform)), binding)
        case _:
            return all(_asked(part, scope, binding) for part in children(formula))


def _breaking(formula: Formula, world: World, given: Binding, views: Mapping[str, World]) -> Iterator[dict[str, int]]:
    scope = _Scope(world, views)
    for binding in groundings(formula, world, views):
        if all(given.get(name, index) == index for name, index in binding.items()) and not _true(
            formula, scope, binding
        ):
            yield binding


# ------------------------------------------------------------------------------------- numbers


def _divide(left: float, right: float) -> float:
    # As tensors do it: a quotient by zero is infinite or undefined, never an exception.
    if right != 0:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1.0, right)


_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}


def _feature(name: str, indices: Tuple, world: World) -> float | str:
    if not indices:
        if name not in world.numbers:
            raise unknown("number of the scene", name, world.numbers)
        return world.numbers[name]
    if not world.objects:
        raise FormulaError(
            f"{name!r} is read off objects, but this world lists facts only", hint="Give it objects with boxes."
        )
    objects = tuple(world.objects[index] for index in indices)
    if name in TERMS:
        if len(objects) != TERMS[name].arity:
            raise FormulaError(f"term {name!r} takes {TERMS[name].arity} objects and is given {len(objects)}")
        if not world.placed:
            raise FormulaError(
                f"{name!r} is read off boxes, and the objects of this world have attributes alone",
                hint="Give it objects with boxes.",
            )
        return TERMS[name].read(objects, world.view)
    if len(objects) == 1 and name in objects[0].attributes:
        return objects[0].attributes[name]
    known = dict.fromkeys(attribute for thing in world.objects for attribute in thing.attributes)
    if len(objects) != 1 or name not in known:
        raise unknown("term", name, (*TERMS, *known))
    return math.nan


def _unknown(value: float | str) -> bool:
    return not isinstance(value, str) and math.isnan(value)


def _number(term: Term, world: World, binding: Binding) -> float:
    value = evaluate(term, world, binding)
    if isinstance(value, str):
        raise FormulaError(f"'{term}' is the word {value!r}, not a number", hint="Compare words by = or != only.")
    return value


def _compare(formula: Compare, world: World, binding: Binding) -> bool:
    left, right = evaluate(formula.left, world, binding), evaluate(formula.right, world, binding)
    if _unknown(left) or _unknown(right):
        raise FormulaError(
            f"'{formula}' reads what is unknown, or undefined as 0 / 0 is, at {dict(binding)}",
            hint="Ask at valid groundings; kg.worlds.groundings lists them.",
        )
    if isinstance(left, str) or isinstance(right, str):
        if formula.operator not in ("=", "!=") or type(left) is not type(right):
            raise FormulaError(f"'{formula}' compares {left!r} with {right!r}", hint="Compare words by = or != only.")
        return (left == right) == (formula.operator == "=")
    return _COMPARE[formula.operator](left, right)
