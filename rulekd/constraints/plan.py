"""From the shape of a rule to what trains it. What cannot be trained is listed with its reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from kg import FormulaError, Rule, Vocabulary
from kg.asked import always_known
from kg.formulas import (
    And,
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Same,
    Under,
    children,
    features,
    quantified,
    terms_of,
    walk,
)
from kg.normal import clauses, free_variables
from rulekd.constraints.clause import Clause, Literal
from rulekd.constraints.grounded import Grounded
from rulekd.constraints.semantics import Semantics
from rulekd.grounding import compared, sides


class Backend(Enum):
    """What computes the loss of a rule."""

    CLAUSES = "clauses"
    CONSISTENCY = "consistency"
    EXCLUSIVE = "exclusive"
    TWO_PASSES = "consistency between two passes"
    GROUNDED = "grounding by grounding"
    NONE = "not trained"


@dataclass(frozen=True)
class Term:
    """One clause of a rule. scale: of its sum of literals. weight, soft_weight: of its loss and of its violation."""

    clause: Clause
    scale: float = 1.0
    weight: float = 1.0
    soft_weight: float = 1.0


@dataclass(frozen=True)
class Planned:
    """One rule and how it is trained.

    terms: its clauses; the two sides of an equality are one. grounded: for ``GROUNDED``. why: the reason for the
    backend, or for training nothing.
    """

    rule: Rule
    backend: Backend
    terms: tuple[Term, ...] = ()
    grounded: Grounded | None = None
    why: str = ""

    @property
    def cost(self) -> str:
        """Time and memory for n objects, of one scene."""
        if self.backend is Backend.NONE:
            return "-"
        if self.grounded is not None:
            return f"n^{self.grounded.width} time, n^{self.grounded.width} memory for some scenes at once"
        axes = max(term.clause.variables for term in self.terms)
        wide = max((len(literal.axes) for term in self.terms for literal in term.clause.literals), default=0)
        return f"n^{axes} time, n^{max(min(axes, 2), wide)} memory"


def plan(rule: Rule, semantics: Semantics, words: Vocabulary | None = None, numbers: Collection[str] = ()) -> Planned:
    """Pick the backend by the rule's shape.

    words: the predicates, where some have a meaning on the diagonal. numbers: the terms that the network says itself.
    """
    formula = rule.formula
    reason = _untrainable(formula, words, numbers) or semantics.refuses(formula)
    if reason:
        return Planned(rule, Backend.NONE, why=reason)
    if semantics.whole and not isinstance(formula, Under):
        return _grounded(rule, Grounded.whole(formula), semantics, why="a small group, read as a whole")
    variables = free_variables(formula)
    equality = _equality(formula, variables)
    if equality:
        passes = isinstance(formula, Under)
        backend = Backend.TWO_PASSES if passes else Backend.CONSISTENCY
        why = "an equality of scene and image" if passes else "an equality of two literals"
        return Planned(rule, backend, (equality,), why=why)
    counted = _count(formula, variables)
    if counted:
        return Planned(rule, Backend.EXCLUSIVE, counted, why="a count of literals")
    if quantified(formula):
        return _grounded(rule, Grounded.of(formula), semantics, why="it quantifies over objects")
    if semantics.kernel(soft=False) is None:
        return _grounded(rule, Grounded.of(formula), semantics, why="the semantics has no faster way")
    try:
        found = _clauses(formula, variables)
    except FormulaError as error:  # more clauses than anyone would train on
        return _grounded(rule, Grounded.of(formula), semantics, why=error.message)
    if found is None:
        return _grounded(rule, Grounded.of(formula), semantics, why="its two sides are no literals")
    if not found:
        return Planned(rule, Backend.NONE, why="it holds in every scene")
    if not all(clause.literals for clause in found):
        return Planned(rule, Backend.NONE, why="no scene with as many objects fulfils it")
    share = 1 / len(found)
    terms = tuple(Term(clause, weight=share, soft_weight=share) for clause in found)
    return Planned(rule, Backend.CLAUSES, terms, why=f"{len(found)} clause{'s' * (len(found) > 1)}")


def _grounded(rule: Rule, grounded: Grounded, semantics: Semantics, why: str) -> Planned:
    held = max(map(semantics.held, grounded.parts))
    return Planned(rule, Backend.GROUNDED, grounded=replace(grounded, held=held), why=why)


def _untrainable(formula: Formula, words: Vocabulary | None, numbers: Collection[str]) -> str:
    spoken = False
    for inner in walk(formula):
        if isinstance(inner, Atom):
            spoken = True
            meant = words is not None and inner.predicate in words and words[inner.predicate].diagonal
            if len(set(inner.arguments)) < len(inner.arguments) and not meant:
                return f"'{inner}' names an object twice, and {inner.predicate!r} has no meaning there"
        elif isinstance(inner, Compare):
            spoken |= any(feature.name in numbers for part in terms_of(inner) for feature in features(part))
        elif isinstance(inner, Under) and inner is not formula:
            return "'under' stands inside another formula"
    return "" if spoken else "it speaks of geometry only: the network speaks nowhere"


def _equality(formula: Formula, variables: tuple[str, ...]) -> Term | None:
    """p <-> q of two literals over the same objects, in one scene or in a scene and its image."""
    law, view = (formula.law, str(formula.transform)) if isinstance(formula, Under) else (formula, "")
    if not isinstance(law, Iff):
        return None
    left, right = Literal.of(law.left, variables), Literal.of(law.right, variables, view)
    if left is None or right is None or left.axes != right.axes or left == right:
        return None
    compared = [one.source for one in (left, right) if _uncertain(one.source.formula)]
    if compared:
        left, right = left.asked_beside(compared), right.asked_beside(compared)
    return Term(Clause((left, right), len(variables)))


def _uncertain(formula: Formula) -> bool:
    return isinstance(formula, Compare) and not always_known(formula)


def _count(formula: Formula, variables: tuple[str, ...]) -> tuple[Term, ...]:
    """exactly_one and at_most_one of literals: too many, and too few.

    At most one of n holds where the probabilities of their opposites add up to n - 1.
    """
    if not isinstance(formula, ExactlyOne | AtMostOne):
        return ()
    members = [Literal.of(part, variables) for part in formula.parts]
    literals = [member for member in members if member is not None and isinstance(member.source.formula, Atom)]
    if len(literals) < len(members) or len(set(literals)) < len(members):
        return ()
    others = len(members) - 1
    opposite = [Literal(x.source, not x.positive, x.axes) for x in literals]
    many = Term(Clause.of(opposite, len(variables)), 1 / others, 1.0, float(others))
    few = Term(Clause.of(literals, len(variables)))
    return (many, few) if isinstance(formula, ExactlyOne) else (many,)


def _clauses(formula: Formula, variables: tuple[str, ...]) -> list[Clause] | None:
    """The clauses that are not true of all distinct objects; None where a law under a transform has others.

    All are asked where the whole formula is: whatever they read themselves, they are kept where it reads what is
    unknown.
    """
    if isinstance(formula, Under):
        left, right = sides(formula.law)
        body = _disjuncts(left, False, "")
        head = _disjuncts(right, True, str(formula.transform))
        if isinstance(formula.law, Iff) or body is None or head is None:
            return None
        found = [body + head]
    else:
        simple = _disjuncts(formula, True, "")
        found = [[(part, "") for part in clause] for clause in clauses(formula)] if simple is None else [simple]
    unknown = [Literal.unknown(part, variables, view) for view, part in compared(formula)]
    made = [_clause(parts, variables, unknown) for parts in found]
    return [clause for clause in made if clause is not None]


def _disjuncts(formula: Formula, positive: bool, view: str) -> list[tuple[Formula, str]] | None:
    """The formula as one disjunction of literals; None when it is more than that. Most rules are."""
    match formula:
        case Atom() | Compare() | Same():
            return [(formula if positive else Not(formula), view)]
        case Not(part):
            return _disjuncts(part, not positive, view)
        case Or() | And() | Implies():
            if isinstance(formula, And) == positive:
                return None
            inner = children(formula)
            signs = (not positive, positive) if isinstance(formula, Implies) else (positive,) * len(inner)
            found: list[tuple[Formula, str]] = []
            for part, sign in zip(inner, signs, strict=True):
                more = _disjuncts(part, sign, view)
                if more is None:
                    return None
                found += more
            return found
        case _:
            return None


def _clause(
    parts: Sequence[tuple[Formula, str]], variables: tuple[str, ...], unknown: Sequence[Literal]
) -> Clause | None:
    """None for a clause that distinct objects always fulfil. unknown: what makes any other true as well."""
    literals: dict[Literal, None] = {}
    for part, view in parts:
        inner = part.part if isinstance(part, Not) else part
        if isinstance(inner, Same):
            if (inner.left == inner.right) != isinstance(part, Not):
                return None  # a != b of distinct objects, or a = a
            continue
        literal = Literal.of(part, variables, view)
        assert literal is not None, f"{part} is no literal"
        if Literal(literal.source, not literal.positive, literal.axes) in literals:
            return None
        literals[literal] = None
    return Clause.of([*literals, *unknown] if literals else [], len(variables))
