"""Rules grounded over a few constants, in a SAT solver that can switch each rule on and off.

Used by ``kg.reasoning``, whose docstring says why this decides entailment.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from kg.asked import outside
from kg.errors import FormulaError
from kg.formulas import (
    Atom,
    Compare,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Same,
    Under,
    quantified,
    terms_of,
    walk,
)
from kg.negation import clauses, negation_normal
from kg.normal import canonical, comparison, spelled
from kg.predicates import Vocabulary
from kg.variables import free_variables, rebuild, rename_term
from kg.weakening import weakened

if TYPE_CHECKING:
    from pysat.solvers import Solver

#: Beyond, a rule has too many groundings to reason with (five objects: 120 each, in every place).
MAX_VARIABLES: Final = 5

#: The place where plain rules are read first; other places are images, named by their transform.
SCENE: Final = ""

#: Transforms that undo themselves, or whose inverse is one of the same kind: their laws also hold from image to scene.
REVERSIBLE: Final = frozenset(
    {"mirror_x", "mirror_y", "mirror_z", "exchange_xy", "exchange_yz", "exchange_xz"}
    | {"rotate_x(180 deg)", "rotate_y(180 deg)", "rotate_z(180 deg)"}
    | {"translate", "rotate_x", "rotate_y", "rotate_z", "scale"}
)


@dataclass(frozen=True)
class Literal:
    """An atom, a comparison or an ``exists`` over variables, or its negation, read in the scene or in its image."""

    positive: bool
    in_image: bool
    fact: Atom | Compare | Exists


Clause: TypeAlias = tuple[Literal, ...]


@dataclass(frozen=True)
class Statement:
    """A rule ready for grounding.

    names: its variables. transform: the one that makes the image which it speaks of, empty for a plain rule.
    clauses: None when they cannot be had: too many variables or clauses. vacuous: no grounding of it is ever valid,
    because it names an object twice where that has no meaning. weaker: what it says without quantifiers, where it has
    some.
    """

    names: tuple[str, ...]
    transform: str
    clauses: tuple[Clause, ...] | None
    vacuous: bool = False
    weaker: Statement | None = None

    @property
    def readings(self) -> tuple[Statement, ...]:
        """The statements that hold where the rule does and can be grounded."""
        if self.vacuous:
            return ()
        known = (self, *(self.weaker.readings if self.weaker else ()))
        return tuple(one for one in known if one.clauses is not None)

    @property
    def usable(self) -> bool:
        """Can something be concluded from it?"""
        return any(one.clauses is not None for one in (self, self.weaker) if one is not None)


def statement(formula: Formula, vocabulary: Vocabulary | None = None) -> Statement:
    """The formula as clauses over its own variables."""
    said = canonical(formula)
    one = _statement(said, vocabulary)
    plain = weakened(said) if quantified(said) else None
    return one if plain is None else replace(one, weaker=_statement(plain, vocabulary))


def _statement(said: Formula, vocabulary: Vocabulary | None) -> Statement:
    names, parts = free_variables(said), list(walk(said))
    transform = str(said.transform) if isinstance(said, Under) else ""
    vacuous = any(_meaningless(part, vocabulary) for part in outside(said))
    nested = any(isinstance(part, Under) for part in parts[1:])
    if nested or len(names) > MAX_VARIABLES:
        return Statement(names, transform, None, vacuous)
    try:
        found = _clauses(said)
    except FormulaError:  # more clauses than rules have: neither used nor entailed, as documented
        return Statement(names, transform, None, vacuous)
    return Statement(names, transform, found, vacuous)


def _clauses(formula: Formula) -> tuple[Clause, ...]:
    closed: dict[str, Exists] = {}
    # no predicate is called like one of these
    prefix = "_" * (1 + max((len(part.predicate) for part in walk(formula) if isinstance(part, Atom)), default=0))
    formula = _closed(formula, closed, prefix)
    match formula:
        case Under(_, Implies(left, right)):
            found = _across(left, right)
        case Under(_, Iff(left, right)):
            found = (*_across(left, right), *_across(Not(left), Not(right)))
        case _:
            found = tuple(some for clause in clauses(formula) if (some := _simplified(clause, False)) is not None)
    return tuple(tuple(_opened(literal, closed) for literal in clause) for clause in found)


def _closed(formula: Formula, closed: dict[str, Exists], prefix: str) -> Formula:
    """With an atom, whose name is noted, for each quantified part: a proposition that is not looked into.

    ``forall b: f`` is the opposite of ``exists b: ~f``, so that there is one proposition for both.
    """
    if isinstance(formula, ForAll):
        return Not(_closed(Exists(formula.variables, negation_normal(Not(formula.part))), closed, prefix))
    if isinstance(formula, Exists):
        name = next((name for name, one in closed.items() if one == formula), f"{prefix}{len(closed)}")
        closed[name] = formula
        return Atom(name, free_variables(formula))
    return rebuild(formula, lambda part: _closed(part, closed, prefix), {}) if quantified(formula) else formula


def _opened(literal: Literal, closed: dict[str, Exists]) -> Literal:
    if isinstance(literal.fact, Atom) and literal.fact.predicate in closed:
        return replace(literal, fact=closed[literal.fact.predicate])
    return literal


def _across(left: Formula, right: Formula) -> tuple[Clause, ...]:
    """``left -> right`` with the right side read in the image."""
    bodies = [_simplified(clause, False) for clause in clauses(Not(left))]
    heads = [_simplified(clause, True) for clause in clauses(right)]
    return tuple(body + head for body in bodies if body is not None for head in heads if head is not None)


def _simplified(clause: frozenset[Formula], in_image: bool) -> Clause | None:
    """The clause without equalities, which distinctness decides; None when one of them makes it true."""
    literals = []
    for part in sorted(clause, key=str):
        match part:
            case Same(left, right):
                if left == right:
                    return None
            case Not(Same(left, right)):
                if left != right:
                    return None
            case Not(Atom() as atom):
                literals.append(Literal(False, in_image, atom))
            case Atom():
                literals.append(Literal(True, in_image, part))
            case Compare("<=" | "!=" as operator, left, right):  # the opposite of a fact with '<' or '='
                fact = Compare("<", right, left) if operator == "<=" else Compare("=", left, right)
                literals.append(Literal(False, in_image, fact))
            case Compare():
                literals.append(Literal(True, in_image, part))
            case _:
                raise AssertionError(f"no literal: {part}")
    return tuple(literals)


def _meaningless(part: Formula, vocabulary: Vocabulary | None) -> bool:
    return (
        vocabulary is not None
        and isinstance(part, Atom)
        and len(set(part.arguments)) < len(part.arguments)
        and part.predicate in vocabulary
        and not vocabulary[part.predicate].diagonal
    )


@dataclass
class Theory:
    """Statements over ``size`` distinct constants, in one solver; each statement has a switch."""

    statements: Sequence[Statement]
    size: int
    _numbers: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Imported here: only reasoning needs the solver, and `import kg` must stay instant.
        from pysat.solvers import Solver

        self._solver: Solver = Solver(name="glucose4")
        self._goals: dict[int, int] = {}
        places = (SCENE, *dict.fromkeys(one.transform for one in self.statements if one.transform and one.clauses))
        for index, whole in enumerate(self.statements):
            seen = set()
            for one in whole.readings:
                for binding, (scene, image) in itertools.product(self._bindings(one), _readings(one, places)):
                    for clause in one.clauses or ():
                        ground = frozenset(self._ground(clause, binding, scene, image))
                        if ground not in seen:
                            seen.add(ground)
                            self._solver.add_clause([-self._switch(index), *ground])

    def core(self, goal: int, premises: Iterable[int]) -> tuple[int, ...] | None:
        """Indexes of premises that entail the goal over these constants; None when all of them do not."""
        return self.refuted([self._broken(goal)], premises)

    def refuted(self, literals: Sequence[int], premises: Iterable[int]) -> tuple[int, ...] | None:
        """Indexes of premises that cannot hold together with these solver literals; None when all can."""
        switches = {self._switch(index): index for index in premises}
        if self._solver.solve(assumptions=[*literals, *switches]):
            return None
        return tuple(sorted(switches[number] for number in self._solver.get_core() or () if number in switches))

    def _broken(self, goal: int) -> int:
        """A solver variable that says: the goal fails for its variables read as the first constants."""
        if goal not in self._goals:
            one = self.statements[goal]
            binding = dict(zip(one.names, range(self.size), strict=True))
            broken = self._number("broken", goal)
            failing = []
            for place, clause in enumerate(one.clauses or ()):
                fails = self._number("fails", goal, place)
                failing.append(fails)
                for literal in self._ground(clause, binding, SCENE, one.transform):
                    self._solver.add_clause([-fails, -literal])
            self._solver.add_clause([-broken, *failing])
            self._goals[goal] = broken
        return self._goals[goal]

    def _bindings(self, one: Statement) -> Iterator[dict[str, int]]:
        for constants in itertools.permutations(range(self.size), len(one.names)):
            yield dict(zip(one.names, constants, strict=True))

    def _ground(self, clause: Clause, binding: dict[str, int], scene: str, image: str) -> Iterator[int]:
        for literal in clause:
            place, positive, fact = image if literal.in_image else scene, literal.positive, literal.fact
            if isinstance(fact, Atom):
                number = self._number(place, fact.predicate, *(binding[name] for name in fact.arguments))
            elif isinstance(fact, Compare):
                named = Compare(fact.operator, *(rename_term(term, _constants(binding)) for term in terms_of(fact)))
                number = self._number(place, comparison(named))
            else:  # its witnesses are none of the objects around, also of those that it does not speak of
                number = self._number(place, frozenset(binding.values()), spelled(fact, _constants(binding)))
            yield number if positive else -number

    def _switch(self, index: int) -> int:
        return self._number("switch", index)

    def _number(self, *key: Any) -> int:
        return self._numbers.setdefault(key, len(self._numbers) + 1)


def _constants(binding: dict[str, int]) -> dict[str, str]:
    return {name: f"c{constant}" for name, constant in binding.items()}


def _readings(one: Statement, places: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Where a statement is read: a plain one in the scene and in every image, a law of a transform across."""
    if not one.transform:
        yield from ((place, place) for place in places)
        return
    yield SCENE, one.transform
    if one.transform in REVERSIBLE:
        yield one.transform, SCENE
