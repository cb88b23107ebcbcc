"""How many objects have a property, in a scene or beside an object: a quantifier as a column like any other.

Distinct variables are distinct objects, so that

    exists b, c: on(b, a) & on(c, a) & glass(b) & glass(c)

says that at least two glass things lie on a. With h(b) the property, it holds where sum_b h(b) >= 2: a sum found once
tells how many there are, and what is searched are columns of zeros and ones, one for each amount up to ``MOST``. "At
most one", "none" and "all" are opposites of these, "exactly one" is two of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import torch
from torch import Tensor

from kg import Atom, Exists, Formula
from kg.formulas import Compare, Feature, Word, joint
from kg.negation import complement
from kg.normal import rename
from rulekd.extraction.fitting.columns import Column, Sites
from rulekd.extraction.fitting.words import shared_words
from rulekd.facts import Facts
from rulekd.scenes.terms import compare, known

#: Objects that are told apart: at least one, two, ..., so many.
MOST = 3

#: Properties of one object up to which two of them together are counted in a scene; and pairs of a relation and a
#: property up to which more than one object in it are counted beside an object.
JOINED, MANY = 12, 200


@dataclass(frozen=True, eq=False)
class Property:
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
    known = list(properties(facts, sites, bound[0], but))
    for one in known:
        yield from columns_of(one, bound, MOST)
    if not sites.variables:
        pairs = combinations(known, 2) if len(known) <= JOINED else ()
        yield from chain.from_iterable(columns_of(both(one, two), bound, MOST) for one, two in pairs)
        return
    relations = list(related(facts, sites, bound[0], but))
    most = MOST if len(relations) * len(known) <= MANY else 1
    for relation in relations:
        yield from columns_of(relation, bound, MOST)
        for one in known:
            yield from columns_of(both(relation, one), bound, most)


def columns_of(one: Property, bound: tuple[str, ...], most: int) -> Iterator[Column]:
    """That as many distinct objects have the property. bound: names for them; the property speaks of the first."""
    yield from counted(one.literals, one.holds.sum(1), bound, most)


def counted(
    literals: Sequence[Formula], number: Tensor, bound: tuple[str, ...], most: int, beside: tuple[str, ...] = ()
) -> Iterator[Column]:
    """That as many distinct objects satisfy the literals, for each amount that tells some sites from others.

    number: (n,) how many do. beside: further objects that the literals speak of, the same for all that are counted.
    """
    numbers = number.cpu().numpy()
    for amount in range(1, min(most, int(numbers.max(initial=0))) + 1):
        if numbers.min() < amount:
            variables = bound[:amount]
            parts = list(dict.fromkeys(rename(part, {bound[0]: one}) for one in variables for part in literals))
            size, values = len(parts) + amount - 1, (numbers >= amount).astype(np.float64)
            yield Column("truth", Exists((*variables, *beside), joint(*parts)), None, values, size, "")


def both(one: Property, two: Property) -> Property:
    return Property((*one.literals, *two.literals), one.holds & two.holds)


def properties(facts: Facts, sites: Sites, variable: str, but: Collection[str]) -> Iterator[Property]:
    """Predicates of one object and words of its attributes, each true and false, of objects other than the site's.

    A word may be the one that the scene names: ``category(b) = asked()``.
    """
    scenes, here = sites.scenes, others(facts, sites)

    def either(literal: Formula, true: Tensor, asked: Tensor) -> Iterator[Property]:
        true, asked = true[sites.scene], asked[sites.scene] & here
        yield Property((literal,), true & asked)
        yield Property((complement(literal),), ~true & asked)

    for name, value in facts.values.items():
        if value.dim() == 2 and name not in but:
            yield from either(Atom(name, (variable,)), facts.crisp(name), facts.validity(name))
    for name, words in scenes.category_names.items():  # what is unknown is neither this word nor another
        codes = scenes.categories[name]
        for place, word in enumerate(words):
            yield from either(Compare("=", Feature(name, (variable,)), Word(word)), codes == place, codes >= 0)
    for name, named in shared_words(scenes):
        same = Compare("=", Feature(name, (variable,)), Feature(named, ()))
        yield from either(same, compare(same, scenes, (variable,)), known(same, scenes, (variable,)))


def others(facts: Facts, sites: Sites) -> Tensor:
    """(n, N) bool: the real objects of each site's scene but for its own."""
    here = facts.objects[sites.scene]
    for own in sites.objects:
        here = here & (torch.arange(here.shape[1], device=here.device) != own[:, None])
    return here


def related(
    facts: Facts, sites: Sites, variable: str, but: Collection[str], *, denied: bool = False
) -> Iterator[Property]:
    """Relations between ``a`` and another object, in either direction. denied: that it is not in them."""
    for name, value in facts.values.items():
        if value.dim() == 3 and name not in but:
            asked = facts.validity(name) & facts.groundings(2)
            holds = (asked & ~facts.crisp(name)) if denied else (asked & facts.crisp(name))
            for arguments, true in ((("a", variable), holds), ((variable, "a"), holds.transpose(1, 2))):
                literal = complement(Atom(name, arguments)) if denied else Atom(name, arguments)
                yield Property((literal,), true[sites.scene, sites.objects[0]])
