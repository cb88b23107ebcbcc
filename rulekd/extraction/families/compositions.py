"""Composition: r1(a, b) & r2(b, c) -> the smallest disjunction of heads over (a, c)."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from kg import And, Atom, Formula, Implies, Or
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.families.pairs import exclusive_sets
from rulekd.extraction.families.tables import Table, table

_TURN = {"a": "b", "b": "c"}


def compositions(seen: Discovery) -> Proposals:
    """All Horn chains, then a composition table for every exactly-one set of predicates.

    A chain and its converse (both atoms turned, in the other order, to the turned head) are one law, so a head
    is read forwards only. Transitivity, p after p gives p, is left to the laws of one predicate; chains inside an
    exactly-one set to its table. A table is read off all facts, so that rare entries are in it; a cell that the
    discovery part alone fills otherwise is not confirmed: what is seen in the confirmation part cannot break it.
    """
    if 2 not in seen.arities():
        return Proposals((), 0)
    counts = seen.chains
    if not seen.watch.begun("compositions"):
        return Proposals((), 0)
    held = seen.held(counts.live, counts.live - counts.hits)
    size = len(counts.heads)
    for place in range(size):
        held[place, place, place] = False
    found = Proposals((), held.numel() - size)
    place_of = {atom.predicate: number for number, atom in enumerate(counts.heads)}
    for group in exclusive_sets(seen):
        made = table(seen.whole or seen.said, group) if len(group) > 2 else None
        if made is not None:
            inside = [place_of[name] for name in group]
            both = [*inside, *(place + size for place in inside)]
            rows, columns, heads = torch.meshgrid(*map(torch.tensor, (both, both, inside)), indexing="ij")
            held[rows, columns, heads] = False
            rules, alone = tuple(cells(made)), table(seen.said, group)
            fitted = frozenset(rules).difference(() if alone is None else cells(alone))
            found += Proposals(rules, len(group) ** 2, tables=(frozenset(rules),), fitted=fitted)
    chains = tuple(_chain(counts.atoms[i], counts.atoms[j], (counts.heads[k],)) for i, j, k in held.nonzero().tolist())
    return Proposals(chains, 0) + found


def cells(made: Table) -> Iterator[Formula]:
    """One rule a cell; a cell that allows every head says nothing."""
    for i, first in enumerate(made.names):
        for j, second in enumerate(made.names):
            heads = [name for k, name in enumerate(made.names) if made.possible[i, j, k]]
            if 0 < len(heads) < len(made.names):
                head = tuple(Atom(name, ("a", "c")) for name in heads)
                yield _chain(Atom(first, ("a", "b")), Atom(second, ("a", "b")), head)


def _chain(first: Atom, second: Atom, heads: tuple[Atom, ...]) -> Formula:
    moved = Atom(second.predicate, tuple(_TURN[name] for name in second.arguments))
    return Implies(And((first, moved)), heads[0] if len(heads) == 1 else Or(heads))
