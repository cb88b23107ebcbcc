"""Composition: r1(a, b) & r2(b, c) -> the smallest disjunction of heads over (a, c)."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from kg import And, Atom, Formula, Implies, Or
from rulekd.extraction.counting import ChainCounts
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.pairs import exclusive_sets

_TURN = {"a": "b", "b": "c"}


def compositions(seen: Discovery) -> Proposals:
    """All Horn chains, then the cells of a composition table for every exactly-one set of predicates.

    A chain and its converse (both atoms turned, in the other order, to the turned head) are one law, so a head
    is read forwards only. Transitivity, p after p gives p, is left to the laws of one predicate.
    """
    if 2 not in seen.arities():
        return Proposals((), 0)
    counts = seen.chains
    held = seen.held(counts.live, counts.live - counts.hits)
    for place in range(len(counts.heads)):
        held[place, place, place] = False
    chains = tuple(_chain(counts.atoms[i], counts.atoms[j], (counts.heads[k],)) for i, j, k in held.nonzero().tolist())
    found = Proposals(chains, held.numel() - len(counts.heads))
    for group in exclusive_sets(seen):
        if len(group) > 2:
            found += Proposals.gather(cells(seen, counts, group))
    return found


def cells(seen: Discovery, counts: ChainCounts, group: tuple[str, ...]) -> Iterator[tuple[Formula, bool]]:
    """One cell of the composition table a pair of relations: the fewest heads that cover all but the slack.

    A single head is a Horn chain and stands among those; a cell that allows every head says nothing.
    """
    place = {atom.predicate: number for number, atom in enumerate(counts.heads)}
    given = all(seen.facts.values[name].dtype == torch.bool for name in group)
    allowance = 0.0 if given else seen.slack / 5
    for one in group:
        for two in group:
            i, j = place[one], place[two]
            live = float(counts.live[i, j, place[group[0]]])
            hits = sorted(((float(counts.hits[i, j, place[name]]), name) for name in group), reverse=True)
            chosen, covered = [], 0.0
            for count, name in hits:
                if count == 0 or covered >= live * (1 - allowance):
                    break
                chosen.append(name)
                covered += count
            if not 2 <= len(chosen) < len(group):
                continue
            heads = tuple(Atom(name, ("a", "c")) for name in group if name in chosen)
            yield _chain(counts.atoms[i], counts.atoms[j], heads), seen.holds(live, live - covered)


def _chain(first: Atom, second: Atom, heads: tuple[Atom, ...]) -> Formula:
    moved = Atom(second.predicate, tuple(_TURN[name] for name in second.arguments))
    return Implies(And((first, moved)), heads[0] if len(heads) == 1 else Or(heads))
