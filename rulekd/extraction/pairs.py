"""Laws of two predicates over the same objects, or of the scene, and of sets that exclude and exhaust each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import networkx as nx
import torch

from kg import And, Atom, ExactlyOne, Formula, Iff, Implies, Not, Or
from rulekd.extraction.counting import PAIRS, PairCounts
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.doubt import one_way
from rulekd.facts import Facts

#: Predicates in one exactly-one set, at most; a larger one is found as its exclusions.
LARGEST_SET = 32


def pairs(seen: Discovery) -> Proposals:
    """Inverse, equivalence, implication, exclusion, exhaustion, exactly one."""
    found = Proposals((), 0)
    for arity in sorted(seen.arities() & {0, 1, 2}):
        counts = seen.counts(arity)
        if not seen.watch.begun(PAIRS[arity]):
            continue
        found += Proposals.gather(pair_laws(seen, counts, arity))
        found += Proposals.gather(exactly_one_laws(seen, counts, arity))
    return found


def pair_laws(seen: Discovery, counts: PairCounts, arity: int) -> Iterator[tuple[Formula, bool]]:
    """All laws between p, read forwards, and another predicate q in either orientation."""
    size = len(counts.atoms) // max(1, arity)
    implied = one_way(counts)
    for i in range(size):
        for j in range(len(counts.atoms)):
            p, q = counts.atoms[i], counts.atoms[j]
            if p.predicate == q.predicate:
                continue
            first, second = float(counts.first[i, j]), float(counts.second[i, j])
            both, valid = float(counts.both[i, j]), float(counts.valid[i, j])
            either = first + second - both
            equal = seen.holds(either, either - both)
            if p.predicate < q.predicate:  # laws that read the same from both sides
                yield Iff(p, q), equal
                # Judged by the rarer of the two: beside a frequent relation a rare one looks exclusive.
                yield Not(And((p, q))), seen.holds(min(first, second), both)
                yield Or((p, q)), seen.holds(valid, valid - either)
            # An equality says both implications; beside it one is proposed where they differ that way only.
            yield Implies(p, q), seen.holds(first, first - both) and (not equal or bool(implied[i, j]))


def exactly_one_laws(seen: Discovery, counts: PairCounts, arity: int) -> Iterator[tuple[Formula, bool]]:
    """Maximal sets of predicates that exclude each other two by two and leave no grounding without one.

    Read in one orientation; the sets are the maximal cliques of the graph of exclusions.
    """
    size = len(counts.atoms) // max(1, arity)
    graph = nx.Graph()
    for i in range(size):
        if counts.first[i, i] > 0:
            graph.add_node(i)
        for j in range(i):
            rarer = min(float(counts.first[i, j]), float(counts.second[i, j]))
            if rarer > 0 and float(counts.both[i, j]) <= seen.slack * rarer:
                graph.add_edge(i, j)
    cliques = [sorted(clique) for clique in nx.find_cliques(graph) if 2 <= len(clique) <= LARGEST_SET]
    for members in cliques:
        names = [counts.atoms[i].predicate for i in members]
        total, wrong = _not_one(seen.facts, names, arity)
        yield ExactlyOne(tuple(counts.atoms[i] for i in members)), seen.holds(total, wrong)


def _not_one(facts: Facts, names: Sequence[str], arity: int) -> tuple[int, int]:
    """Groundings at which all may be asked about, and those of them at which not just one is true."""
    asked = facts.groundings(arity)
    told = torch.zeros(asked.shape, dtype=torch.uint8, device=asked.device)
    for name in names:
        asked = asked & facts.validity(name)
        told += facts.crisp(name)
    return int(asked.sum()), int((asked & (told != 1)).sum())


def exclusive_sets(seen: Discovery, arity: int = 2) -> list[tuple[str, ...]]:
    """Predicates of that arity of which exactly one holds: declared by the network, or found in its facts."""
    found = [group for group in seen.facts.exclusive if seen.facts.values[group[0]].dim() == arity + 1]
    if arity in seen.arities():
        for law, proposed in exactly_one_laws(seen, seen.counts(arity), arity):
            if proposed and isinstance(law, ExactlyOne):
                found.append(tuple(part.predicate for part in law.parts if isinstance(part, Atom)))
    return list(dict.fromkeys(found))
