"""Laws of two predicates over the same objects, or of the scene, and of sets that exclude and exhaust each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import networkx as nx
import torch
from torch import Tensor

from kg import And, Atom, ExactlyOne, Formula, Iff, Implies, Not, Or
from rulekd.extraction.counting.candidates import PAIRS, PairCounts, sets_of_equal
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.evidence.doubt import one_way
from rulekd.extraction.families.softmax import softmax_sets
from rulekd.facts import Facts

#: Predicates in one exactly-one set, at most; a larger one is found as its exclusions.
LARGEST_SET = 32

#: Sets that exclude each other and are examined, at most.
MOST_SETS = 1_000

#: What predicates of no, one and two objects speak of.
OBJECTS = ("the scene", "an object", "a pair")


def pairs(seen: Discovery) -> Proposals:
    """Inverse, equivalence, implication, exclusion, exhaustion, exactly one."""
    found = Proposals((), 0)
    for arity in sorted(seen.arities() & {0, 1, 2}):
        counts = seen.counts(arity)
        if not seen.watch.begun(PAIRS[arity]):
            continue
        found += Proposals.gather(pair_laws(seen, counts, arity))
        found += exactly_one_laws(seen, counts, arity)
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


def exactly_one_laws(seen: Discovery, counts: PairCounts, arity: int) -> Proposals:
    """Maximal sets of predicates that exclude each other two by two and leave no grounding without one.

    Read in one orientation; the sets are the maximal cliques of the graph of exclusions among ``different`` predicates.
    """
    if arity in seen.exactly_one:
        return seen.exactly_one[arity]
    what = f"sets of which exactly one holds of {OBJECTS[arity]}"
    found: list[tuple[Formula, bool]] = []
    notes: tuple[str, ...] = ()
    for number, clique in enumerate(seen.watch.while_time(what, apart(seen, counts, arity))):
        if number == MOST_SETS:
            notes = (f"{what}: more than {MOST_SETS:,} sets exclude each other, and the others were not examined",)
            break
        if 2 <= len(clique) <= LARGEST_SET:
            total, wrong = _not_one(seen.facts, [atom.predicate for atom in clique], arity)
            found.append((ExactlyOne(clique), seen.holds(total, wrong)))
    seen.exactly_one[arity] = replace(Proposals.gather(found), notes=notes)
    return seen.exactly_one[arity]


def apart(seen: Discovery, counts: PairCounts, arity: int, *, rare: bool = True) -> Iterator[tuple[Atom, ...]]:
    """Maximal sets of ``different`` predicates that exclude each other two by two, read forwards.

    rare: False = those do not that come together as seldom by chance, being rare.
    """
    size = len(counts.atoms) // max(1, arity)
    both, first = counts.both[:size, :size], counts.first[:size, :size]
    rarer = torch.minimum(first, first.T)
    exclusive = (rarer > 0) & (both <= seen.slack * rarer)
    if not rare:
        exclusive &= both * counts.valid[:size, :size] <= seen.slack * first * first.T
    exclusive.fill_diagonal_(False)
    kept = different(seen, counts, exclusive)
    graph = nx.Graph()
    graph.add_nodes_from(kept)
    graph.add_edges_from((i, j) for i, j in combinations(kept, 2) if exclusive[i, j])
    for clique in nx.find_cliques(graph):
        yield tuple(counts.atoms[place] for place in sorted(clique))


def different(seen: Discovery, counts: PairCounts, exclusive: Tensor) -> list[int]:
    """Numbers of the predicates that are ever true, one of each set of equal ones; with k synonyms of each of n kinds
    there would be k^n sets of kinds.

    Of equal ones that stays which is true most often beyond what it should exclude. exclusive: (P, P) bool.
    """
    size = len(exclusive)
    both, first = counts.both[:size, :size], counts.first[:size, :size]
    either = first + first.T - both
    equal = seen.held(either, either - both)
    support = first.diagonal()
    sets = sets_of_equal(support, equal, 1)
    leading = torch.tensor([one[0] for one in sets], dtype=torch.int64, device=both.device)
    kept = []
    for one in sets:
        # Where a word and another that its set excludes are both true one is too many: twice what is won by one more.
        excluded = exclusive[one][:, leading].any(0)
        worth = support[one] - 2 * (both[one][:, leading] * excluded).sum(1)
        kept.append(one[int(worth.argmax())])
    return sorted(kept)


def _not_one(facts: Facts, names: Sequence[str], arity: int) -> tuple[int, int]:
    """Groundings at which all may be asked about, and those of them at which not just one is true."""
    asked = facts.groundings(arity)
    told = torch.zeros(asked.shape, dtype=torch.uint8, device=asked.device)
    for name in names:
        asked = asked & facts.validity(name)
        told += facts.crisp(name)
    return int(asked.sum()), int((asked & (told != 1)).sum())


def exclusive_sets(seen: Discovery, arity: int = 2) -> list[tuple[str, ...]]:
    """Predicates of that arity of which exactly one holds: declared by the network, or found in its facts.

    What is a part of a set that one softmax speaks of is no set: it lacks what each log-odds by itself hardly names.
    """
    found = [group for group in seen.facts.exclusive if seen.facts.values[group[0]].dim() == arity + 1]
    if arity in seen.arities():
        declared = [set(group) for group in found]
        found += [group for group in softmax_sets(seen.said, arity) if set(group) not in declared]
        chosen = [set(group) for group in found]
        for law in exactly_one_laws(seen, seen.counts(arity), arity).formulas:
            assert isinstance(law, ExactlyOne)
            group = tuple(part.predicate for part in law.parts if isinstance(part, Atom))
            if not any(set(group) <= one for one in chosen):
                found.append(group)
    return list(dict.fromkeys(found))
