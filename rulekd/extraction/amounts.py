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
from itertools import chain, combinations

import numpy as np
import torch
from torch import Tensor

from kg import Atom, Exists, Formula
from kg.formulas import And, Compare, Feature, Word
from kg.negation import complement
from kg.normal import rename
from rulekd.extraction.columns import Column, Sites
from rulekd.facts import Facts

#: Objects that are told apart: at least one, two, ..., so many.
MOST = 3

#: Properties of one object up to which two of them together are counted in a scene; and pairs of a relation and a
#: property up to which more than one object in it are counted beside an object.
JOINED, MANY = 12, 200


@dataclass(frozen=True, eq=False)
class _Property:
    """What may hold of an object. literals: about the variable that is counted, and about ``a`` where it stands beside
    one. holds: (n, N) bool, of each object at each site."""

    literals: tuple[Formula, ...]
    holds: Tensor


def amounts(facts: Facts, sites: Sites, but: Collection[str]) -> Iterator[Column]:
    """Columns of zeros and ones: are there at least one, two, ... objects of each kind?

    sites: scenes (no variable), or objects (``a``). Counted are the objects of which a predicate or a word is true, or
    false, and two of these together; beside an object those in some relation to it. but: predicates not to speak of.
    """
    bound = ("a", "b", "c", "d")[len(sites.variables) :][:MOST]
    known = list(_properties(facts, sites, bound[0], but))
    for one in known:
        yield from _columns(one, bound, MOST)
    if not sites.variables:
        pairs = combinations(known, 2) if len(known) <= JOINED else ()
        yield from chain.from_iterable(_columns(_both(one, two), bound, MOST) for one, two in pairs)
        return
    related = list(_related(facts, sites, bound[0], but))
    most = MOST if len(related) * len(known) <= MANY else 1
    for relation in related:
        yield from _columns(relation, bound, MOST)
        for one in known:
            yield from _columns(_both(relation, one), bound, most)


def _columns(one: _Property, bound: tuple[str, ...], most: int) -> Iterator[Column]:
    """That as many distinct objects have the property, for each amount that tells some sites from others."""
    number = one.holds.sum(1).cpu().numpy()
    for amount in range(1, min(most, int(number.max(initial=0))) + 1):
        if number.min() < amount:
            variables = bound[:amount]
            literals = [rename(part, {bound[0]: other}) for other in variables for part in one.literals]
            body = literals[0] if len(literals) == 1 else And(tuple(literals))
            size = len(literals) + amount - 1
            yield Column("truth", Exists(variables, body), None, (number >= amount).astype(np.float64), size, "")


def _both(one: _Property, two: _Property) -> _Property:
    return _Property((*one.literals, *two.literals), one.holds & two.holds)


def _properties(facts: Facts, sites: Sites, variable: str, but: Collection[str]) -> Iterator[_Property]:
    """Predicates of one object and words of its attributes, each true and false, of objects other than the site's."""
    scenes, here = sites.scenes, facts.objects[sites.scene]
    for own in sites.objects:
        here = here & (torch.arange(here.shape[1], device=here.device) != own[:, None])

    def either(literal: Formula, true: Tensor, asked: Tensor) -> Iterator[_Property]:
        true, asked = true[sites.scene], asked[sites.scene] & here
        yield _Property((literal,), true & asked)
        yield _Property((complement(literal),), ~true & asked)

    for name, value in facts.values.items():
        if value.dim() == 2 and name not in but:
            yield from either(Atom(name, (variable,)), facts.crisp(name), facts.validity(name))
    for name, words in scenes.category_names.items():
        codes = scenes.categories[name]
        for place, word in enumerate(words):
            same = Compare("=", Feature(name, (variable,)), Word(word))
            yield from either(same, codes == place, scenes.mask & (codes >= 0))


def _related(facts: Facts, sites: Sites, variable: str, but: Collection[str]) -> Iterator[_Property]:
    """Relations between ``a`` and another object, in either direction."""
    for name, value in facts.values.items():
        if value.dim() == 3 and name not in but:
            holds = facts.crisp(name) & facts.validity(name) & facts.groundings(2)
            yield _Property((Atom(name, ("a", variable)),), holds[sites.scene, sites.objects[0]])
            yield _Property((Atom(name, (variable, "a")),), holds.transpose(1, 2)[sites.scene, sites.objects[0]])
