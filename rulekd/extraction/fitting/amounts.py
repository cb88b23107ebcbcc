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
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from kg import Atom, Exists, Formula
from kg.formulas import Compare, Feature, Word, joint
from kg.negation import complement
from kg.normal import rename
from rulekd.extraction.fitting.columns import Column, Sites
from rulekd.extraction.fitting.disjunctions import Bools
from rulekd.extraction.fitting.words import shared_words
from rulekd.facts import Facts
from rulekd.scenes import Scenes
from rulekd.scenes.terms import compare, known

#: Objects that are told apart: at least one, two, ..., so many.
MOST = 3

#: Pairs of properties that are offered together, of a scene: of more, those that tell most beyond their parts.
JOINED = 100

#: Objects times pairs of properties that are looked at for that, in all scenes.
LOOKED_AT = 8e9

#: Pairs of a relation and a property up to which more than one object in it are counted beside an object.
MANY = 200


@dataclass(frozen=True, eq=False)
class Property:
    """What may hold of an object. literals: about the variable that is counted, and about ``a`` where it stands beside
    one. holds: (n, N) bool, of each object at each site."""

    literals: tuple[Formula, ...]
    holds: Tensor


def amounts(facts: Facts, sites: Sites, but: Collection[str], truth: Bools) -> Iterator[Column]:
    """Columns of zeros and ones: are there at least one, two, ... objects of each kind?

    sites: scenes (no variable), or objects (``a``). Counted are the objects of which a predicate or a word is true, or
    false, and two of these together; beside an object those in some relation to it. but: predicates not to speak of.
    truth: (n,) what is to be told, at the sites.
    """
    bound = ("a", "b", "c", "d")[len(sites.variables) :][:MOST]
    known = list(properties(facts, sites, bound[0], but))
    for one in known:
        yield from columns_of(one, bound, MOST)
    if not sites.variables:
        for first, second in joining(known, truth):
            yield from columns_of(both(known[first], known[second]), bound, MOST)
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


def joining(known: Sequence[Property], truth: Bools) -> list[tuple[int, int]]:
    """The pairs of properties, by number, of which it is counted how many objects have both: JOINED at most.

    Of more, those whose number n_ij, 0 to MOST, tells most of the truth beyond the numbers n_i and n_j of its parts,

        2 K I(truth; n_ij | n_i, n_j) - (states of n_i, n_j, n_ij - states of n_i, n_j),

    with K scenes: where nothing is told the first term has the second one for its mean. What is said alone in
    combinations, "exactly one large cube", has its say so, and what is nearly always true says nothing beside another.
    """
    pairs = list(combinations(range(len(known)), 2))
    if len(pairs) <= JOINED or too_many(len(known), known[0].holds.numel()):
        return pairs if len(pairs) <= JOINED else []
    holds = torch.stack([one.holds for one in known]).float()  # (P, K, N)
    number = holds.sum(2).clamp(max=MOST).long()
    true = torch.from_numpy(truth).to(number.device).long()
    scores = []
    for one in range(len(known) - 1):
        together = torch.einsum("kn,pkn->pk", holds[one], holds[one + 1 :]).clamp(max=MOST).long()
        scores.append(told_beyond(number[one] * (MOST + 1) + number[one + 1 :], together, true))
    order = torch.argsort(torch.cat(scores), descending=True, stable=True)[:JOINED]
    return [pairs[place] for place in sorted(order.tolist())]


def too_many(properties: int, objects: int) -> bool:
    """Are there more pairs of properties than are looked at in scenes of so many objects in all?"""
    return properties * (properties - 1) / 2 * objects > LOOKED_AT


def told_beyond(given: Tensor, number: Tensor, truth: Tensor) -> Tensor:
    """(P,) twice the log-likelihood that each number wins about the truth beyond what is given, less what chance wins.

    given, number: (P, K) whole, under (MOST + 1)^2 and MOST + 1. truth: (K,) zeros and ones.
    """
    rows, states, most = len(given), (MOST + 1) ** 2, MOST + 1
    code = ((torch.arange(rows, device=given.device)[:, None] * states + given) * most + number) * 2 + truth
    table = torch.bincount(code.flatten(), minlength=rows * states * most * 2).view(rows, states, most, 2).double()

    def likelihood(counts: Tensor) -> Tensor:
        share = counts / counts.sum(-1, keepdim=True).clamp(min=1)
        return torch.xlogy(counts, share).flatten(1).sum(1)

    won = 2 * (likelihood(table) - likelihood(table.sum(2)))
    freedom = (table.sum(3) > 0).flatten(1).sum(1) - (table.sum((2, 3)) > 0).sum(1)
    return won - freedom


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


def properties_of(facts: Facts, scenes: Scenes) -> int:
    """How many properties of one object there are: of every predicate and word, that it is true and that it is not."""
    words = sum(len(names) for names in scenes.category_names.values()) + len(list(shared_words(scenes)))
    return 2 * (words + sum(value.dim() == 2 for value in facts.values.values()))


def pairs_beside(facts: Facts, scenes: Scenes) -> int:
    """How many pairs of a relation, in either direction, and a property there are."""
    return 2 * sum(value.dim() == 3 for value in facts.values.values()) * properties_of(facts, scenes)


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
