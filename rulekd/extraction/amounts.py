"""How many objects have a property, in a scene or beside an object: a quantifier as a column like any other.

Distinct variables are distinct objects, so that

    exists b, c: on(b, a) & on(c, a) & glass(b) & glass(c)

says that at least two glass things lie on a. With h(b) the property, it holds where sum_b h(b) >= 2: a sum found once
tells how many there are, and what is searched are columns of zeros and ones, one for each amount up to ``MOST``. "At
most one", "none" and "all" are opposites of these, "exactly one" is two of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from torch import Tensor

from kg import Atom, Exists, Formula
from kg.formulas import And, Compare, Feature, Word
from kg.negation import complement
from kg.normal import rename
from rulekd.extraction.columns import Column, Sites, Values
from rulekd.facts import Facts
from rulekd.truth import distinct

#: Objects that are told apart: at least one, two, ..., so many.
MOST = 3

#: Properties of one object up to which two of them together are counted as well.
JOINED = 12


@dataclass(frozen=True, eq=False)
class _Property:
    """What may hold of an object. literals: about the variable that is counted, and about ``a`` where it stands beside
    one. holds: (B, N) bool, or (B, N, N) with ``a`` first."""

    literals: tuple[Formula, ...]
    holds: Tensor


def amounts(facts: Facts, sites: Sites, but: Collection[str]) -> Iterator[Column]:
    """Columns of zeros and ones: are there at least one, two, ... objects of each kind?

    sites: scenes (no variable), or objects (``a``). Counted are the objects of which a predicate or a word is true, or
    false, and two of these together; beside an object those in some relation to it. but: predicates not to speak of.
    """
    bound = ("a", "b", "c", "d")[len(sites.variables) :][:MOST]
    known = list(_properties(facts, sites, bound[0], but))
    if sites.variables:
        apart = distinct(facts.objects.shape[1], 2, facts.objects.device)
        beside = [_Property(one.literals, one.holds[:, None] & apart & facts.objects[:, :, None]) for one in known]
        related = list(_related(facts, bound[0], but))
        counted = [*beside, *related, *(_both(one, two) for one in related for two in beside)]
    elif len(known) <= JOINED:
        counted = [*known, *(_both(one, two) for one, two in combinations(known, 2))]
    else:
        counted = known
    for one in counted:
        number = sites.read(one.holds.sum(-1))
        for amount in range(1, min(MOST, int(number.max(initial=0))) + 1):
            if number.min() < amount:
                yield _column(one, bound[:amount], (number >= amount).astype(np.float64))


def _column(one: _Property, variables: tuple[str, ...], values: Values) -> Column:
    """That as many distinct objects have the property."""
    literals = [rename(part, {variables[0]: other}) for other in variables for part in one.literals]
    body = literals[0] if len(literals) == 1 else And(tuple(literals))
    return Column("truth", Exists(variables, body), None, values, len(literals) + len(variables) - 1, "")


def _both(one: _Property, two: _Property) -> _Property:
    return _Property((*one.literals, *two.literals), one.holds & two.holds)


def _properties(facts: Facts, sites: Sites, variable: str, but: Collection[str]) -> Iterator[_Property]:
    """Predicates of one object and words of its attributes, each true and false."""
    scenes = sites.scenes
    for name, value in facts.values.items():
        if value.dim() == 2 and name not in but:
            yield from _either(Atom(name, (variable,)), facts.crisp(name), facts.validity(name))
    for name, words in scenes.category_names.items():
        codes = scenes.categories[name]
        for place, word in enumerate(words):
            same = Compare("=", Feature(name, (variable,)), Word(word))
            yield from _either(same, codes == place, scenes.mask & (codes >= 0))


def _related(facts: Facts, variable: str, but: Collection[str]) -> Iterator[_Property]:
    """Relations between ``a`` and another object, in either direction."""
    for name, value in facts.values.items():
        if value.dim() == 3 and name not in but:
            holds = facts.crisp(name) & facts.validity(name) & facts.groundings(2)
            yield _Property((Atom(name, ("a", variable)),), holds)
            yield _Property((Atom(name, (variable, "a")),), holds.transpose(1, 2))


def _either(literal: Formula, true: Tensor, known: Tensor) -> Iterator[_Property]:
    yield _Property((literal,), true & known)
    yield _Property((complement(literal),), ~true & known)
