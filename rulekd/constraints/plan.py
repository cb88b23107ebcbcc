"""From the shape of a rule to what trains it. What cannot be trained is listed with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from kg import FormulaError, Rule
from kg.formulas import (
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Exists,
    ForAll,
    Formula,
    Iff,
    Not,
    Same,
    Under,
    walk,
)
from kg.normal import clauses, free_variables
from rulekd.constraints.clause import Clause, Literal
from rulekd.grounding import sides


class Backend(Enum):
    """What computes the loss of a rule."""

    CLAUSES = "clauses"
    CONSISTENCY = "consistency"
    EXCLUSIVE = "exclusive"
    TWO_PASSES = "consistency between two passes"
    NONE = "not trained"


@dataclass(frozen=True)
class Planned:
    """One rule and how it is trained.

    clauses: for ``CLAUSES``. literals: the two sides of an equality, or the members of an exclusive set, laid
    along the axes of ``variables``. why: the reason for the backend, or for training nothing.
    """

    rule: Rule
    backend: Backend
    variables: tuple[str, ...]
    clauses: tuple[Clause, ...] = ()
    literals: tuple[Literal, ...] = ()
    why: str = ""


def plan(rule: Rule) -> Planned:
    """Pick the backend by the rule's shape."""
    formula = rule.formula
    variables = free_variables(formula)
    if any(isinstance(inner, Exists | ForAll) for inner in walk(formula)):
        return Planned(rule, Backend.NONE, variables, why="quantifiers inside a rule are judged, not yet trained")
    if isinstance(formula, Under):
        pair = _literals(sides(formula.law), variables)
        if pair and isinstance(formula.law, Iff):
            return Planned(rule, Backend.TWO_PASSES, variables, literals=pair, why="an equality of scene and image")
        return Planned(rule, Backend.NONE, variables, why="only 'under T: p <-> q' of two atoms is trained")
    if isinstance(formula, Iff):
        pair = _literals((formula.left, formula.right), variables)
        if pair and pair[0].axes == pair[1].axes:
            if all(isinstance(literal.formula, Compare) for literal in pair):
                return Planned(rule, Backend.NONE, variables, why="both sides are given: the network speaks in neither")
            return Planned(rule, Backend.CONSISTENCY, variables, literals=pair, why="an equality of two literals")
    if isinstance(formula, ExactlyOne | AtMostOne):
        members = _literals(formula.parts, variables)
        if members and not any(isinstance(literal.formula, Compare) for literal in members):
            return Planned(rule, Backend.EXCLUSIVE, variables, literals=members, why="a count of literals")
    try:
        found = tuple(
            Clause.of(kept, variables) for clause in clauses(formula) if (kept := _distinct(clause)) is not None
        )
    except FormulaError as error:
        return Planned(rule, Backend.NONE, variables, why=error.message)
    if not any(isinstance(literal.formula, Atom) for clause in found for literal in clause.literals):
        return Planned(rule, Backend.NONE, variables, why="it speaks of geometry only: the network speaks nowhere")
    return Planned(rule, Backend.CLAUSES, variables, clauses=found, why=f"{len(found)} clause(s)")


def _literals(parts: Sequence[Formula], variables: tuple[str, ...]) -> tuple[Literal, ...]:
    """The parts as literals, or nothing when one of them is more than that."""
    inner = [part.part if isinstance(part, Not) else part for part in parts]
    if not all(isinstance(part, Atom | Compare) for part in inner):
        return ()
    # One clause a part keeps the order in which the parts were given.
    return tuple(Clause.of((part,), variables).literals[0] for part in parts)


def _distinct(clause: frozenset[Formula]) -> frozenset[Formula] | None:
    """Without a = b, which distinct variables never fulfil; None for a clause that a != b makes true."""
    if any(isinstance(part, Not) and isinstance(part.part, Same) for part in clause):
        return None
    return frozenset(part for part in clause if not isinstance(part, Same))
