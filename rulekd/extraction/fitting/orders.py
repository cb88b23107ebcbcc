"""Who comes first: others of a kind that come before an object in some order, and what lies beside its anchors.

An order is a number of one object, a length from it to an anchor, or a relation. How many others come before is a
column of zeros and ones for each amount (``amounts``): none for a superlative, exactly one for the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from kg import Formula
from kg.formulas import Arithmetic, Compare, Comparison, Feature, Word
from kg.normal import rename
from rulekd.extraction.fitting.amounts import Property, both, columns_of, counted, others, properties, related
from rulekd.extraction.fitting.columns import Base, Column, Sites, bases, opposite_of, ratio
from rulekd.extraction.fitting.offered import atoms, simple_columns
from rulekd.extraction.fitting.superlatives import BETWEEN, numbers_of
from rulekd.facts import Facts
from rulekd.scenes.terms import term

#: Objects of a kind in a scene up to which it may be an anchor; share of the sites that have one; such kinds at most.
ANCHORS, PRESENT, MOST_ANCHORS = 3.0, 0.45, 12


def orders(facts: Facts, sites: Sites, name: str, kinds: Sequence[Property], most: int) -> Iterator[Column]:
    """What is true of the object itself, and how many others of each kind come before it in each order.

    most: objects that a formula may speak of.
    """
    names = ("b", "c", "d")[: most - 1]
    yield from simple_columns(bases(sites), sites)
    yield from atoms(facts, sites, {name})
    for kind in kinds:
        yield from columns_of(kind, ("b", "c"), 1)
    for order in (*related(facts, sites, "b", {name}), *_ranks(facts, sites)):
        yield from columns_of(order, names, len(names))
        for kind in kinds:
            yield from columns_of(both(kind, order), names, len(names))
    for order, kind in product(related(facts, sites, "b", {name}, denied=True), kinds):
        for column in columns_of(both(kind, order), ("b",), 1):
            assert isinstance(column.left, Formula)
            yield replace(column, left=opposite_of(column.left), values=1 - column.values)
    for literals, nearer in _lengths(facts, sites, kinds) if most > 2 else ():
        for kind in kinds:
            number = (kind.holds[:, :, None] & nearer).sum(1).amax(1)  # of one anchor
            yield from counted((*kind.literals, *literals), number, ("b", "d")[: most - 2], most - 2, ("c",))


def kinds_of(facts: Facts, sites: Sites, name: str) -> tuple[list[Property], list[Property]]:
    """What others may be: what facts and the scene point at; and of the same category, or of any that has a word."""
    pointed: list[Property] = []
    worded = list(_same(facts, sites))
    for kind in properties(facts, sites, "b", {name}):
        (literal,) = kind.literals
        if not (isinstance(literal, Compare) and isinstance(literal.right, Word)):
            pointed.append(kind)
        elif literal.operator == "=":
            worded.append(kind)
    return pointed, worded


def _same(facts: Facts, sites: Sites) -> Iterator[Property]:
    """Of the same category as the object."""
    here = others(facts, sites)
    for category, codes in sites.scenes.categories.items():
        same = Compare("=", Feature(category, ("b",)), Feature(category, ("a",)))
        own = codes[sites.scene, sites.objects[0]]
        yield Property((same,), (codes[sites.scene] == own[:, None]) & (own >= 0)[:, None] & here)


def _ranks(facts: Facts, sites: Sites) -> Iterator[Property]:
    """Those that have less, or more, of some number."""
    here = others(facts, sites)
    for name in numbers_of(sites.scenes, 1):
        values = term(Feature(name, ("a",)), sites.scenes, ("a",)).expand(facts.objects.shape)
        if bool(torch.isfinite(values[facts.objects]).all()):
            own, all_of = values[sites.scene, sites.objects[0]][:, None], values[sites.scene]
            mine, theirs = Feature(name, ("a",)), Feature(name, ("b",))
            yield Property((Compare(">", mine, theirs),), (all_of < own) & here)
            yield Property((Compare("<", mine, theirs),), (all_of > own) & here)


def _lengths(facts: Facts, sites: Sites, kinds: Sequence[Property]) -> Iterator[tuple[tuple[Formula, ...], Tensor]]:
    """(literals, (n, N, N) bool): which b are nearer to which anchor c than the object is, or further from it.

    The literals are ``anchor(c) & distance(a, c) > distance(b, c)``.
    """
    here = others(facts, sites)
    signs: tuple[Comparison, ...] = (">", "<")
    for anchor in anchors_of(kinds):
        literals = tuple(rename(literal, {"b": "c"}) for literal in anchor.literals)
        for length in numbers_of(sites.scenes, 2):
            mine, theirs = Feature(length, ("a", "c")), Feature(length, ("b", "c"))
            values = term(Feature(length, ("a", "b")), sites.scenes, ("a", "b"))
            own, all_of = values[sites.scene, sites.objects[0]][:, None], values[sites.scene]
            for sign in signs:
                nearer = own > all_of if sign == ">" else own < all_of
                nearer &= anchor.holds[:, None] & here[:, :, None]
                nearer &= ~torch.eye(nearer.shape[1], dtype=torch.bool, device=nearer.device)
                yield (*literals, Compare(sign, mine, theirs)), nearer


def anchors_of(kinds: Sequence[Property]) -> list[Property]:
    """Kinds of which there are some, and few, in a scene."""
    usual = []
    for kind in kinds:
        number = kind.holds.sum(1).double()
        if float((number > 0).double().mean()) >= PRESENT and float(number.mean()) <= ANCHORS:
            usual.append(kind)
    return usual[:MOST_ANCHORS]


def detours(read: Sequence[Base]) -> Iterator[Column]:
    """How much longer the way from b to c is over a than straight: d(a, b) + d(a, c) against t d(b, c)."""
    named = {str(one.term): one for one in read}
    for length in BETWEEN:
        ways = [named.get(f"{length}({one}, {two})") for one, two in (("a", "b"), ("a", "c"), ("b", "c"))]
        one, two, straight = ways
        if one is not None and two is not None and straight is not None:
            both_ways = Arithmetic("+", one.term, two.term)
            yield ratio(Base(both_ways, one.values + two.values, one.dimension), straight)
