"""Typed laws: which kinds of things a relation joins, ``monitor(a) & on(a, b) -> desk(b) | table(b)``.

Kinds are properties that exclude each other. Of the things that a body speaks of (live groundings n, of which n_k are
of kind k) the head is the smallest set D of kinds that holds nearly all, those with the largest n_k:

    r(a, b) -> D(b),    r(a, b) & t(a) -> D(b)    for kinds of either object of a relation;    r(a, b) -> ~t(b)
    t(a) -> D(a)                                  one kind from another, as cube(a) -> red(a) | blue(a)
    r(a, b) -> s1(a, b) | s2(a, b)                relations of which exactly one holds.

With b = n - sum of n_k over D, and E the kinds of the set that D leaves out, a law is proposed when b is within the
slack both of n and of what chance gives E, if the kinds of a scene's things had nothing to do with the body:

    b <= slack n,   b <= slack e,   e = sum over scenes of (live groundings) (share of E among the things) >= EXPECTED.

A second body atom must tell something. With s_u the share of E under r(a, b) alone in unit u, and n_u live groundings
of both atoms there, about sum over u of 1 - (1 - s_u)^n_u units would be broken if it did not; the Poisson probability
of as few as there are is at most ALPHA over the number of bodies. Longer heads are proposed beside shorter ones until
there are no exceptions: evidence decides between them, and a longer one follows from a shorter one.
What has a single kind as its head is read by other families.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
import torch
from scipy.stats import poisson
from torch import Tensor

from kg import Atom, Formula, Implies, Not, Or
from kg.formulas import joint
from rulekd.extraction.counting.candidates import blocks
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.evidence.refutation import EXCEPTIONS
from rulekd.extraction.evidence.tally import tallies_of
from rulekd.extraction.families.bodies import TURNED, renamed
from rulekd.extraction.families.pairs import MOST_SETS, apart, exclusive_sets
from rulekd.facts import Facts
from rulekd.grounding import View

#: Kinds in one head, at most.
LONGEST = 6

#: Things of the kinds that a head leaves out, by chance, from which on it tells something.
EXPECTED = 3.0

#: Chance that a second body atom has nothing to do with what the head leaves out, over all that are tried.
ALPHA = 1e-3

WHAT = "typed laws"


def typed(seen: Discovery) -> Proposals:
    """Heads of several kinds for one atom, and for a relation and a kind; kinds that a relation does not meet."""
    sets = {arity: kinds(seen, arity) for arity in sorted(seen.arities() & {1, 2})}
    found = sum((_of_one(seen, arity, some) for arity, some in sets.items()), Proposals((), 0))
    return found + _of_ends(seen, sets[1]) if len(sets) == 2 else found


def kinds(seen: Discovery, arity: int) -> list[tuple[str, ...]]:
    """Sets of three predicates or more: relations of which exactly one holds, properties that exclude each other."""
    found = exclusive_sets(seen, arity)
    if arity == 1:
        sets = islice(seen.watch.while_time(WHAT, apart(seen, seen.unary, 1, rare=False)), MOST_SETS)
        found += [tuple(atom.predicate for atom in one) for one in sets]
    return [names for names in dict.fromkeys(found) if len(names) > 2]


@dataclass(frozen=True)
class Told:
    """Of which kinds the things are that a body speaks of.

    body: its atoms. kinds: K atoms. live: groundings at which all of them may be asked about. hits: (K,) those of each
    kind. chance: (K,) as many as there would be if kinds had nothing to do with the body.
    """

    body: tuple[Atom, ...]
    kinds: tuple[Atom, ...]
    live: float
    hits: Tensor
    chance: Tensor

    def heads(self, seen: Discovery) -> Iterator[Implies]:
        """The laws with the smallest heads of several kinds."""
        order = self.hits.argsort(descending=True, stable=True)
        for length in range(1, min(LONGEST, len(self.kinds) - 1) + 1):
            inside, outside = order[:length].sort().values, order[length:].tolist()
            if not float(self.hits[order[length - 1]]):
                return
            broken, chance = self.live - float(self.hits[inside].sum()), float(self.chance[outside].sum())
            told = chance >= EXPECTED and broken <= seen.slack * chance and seen.holds(self.live, broken)
            if told and length > 1:
                yield Implies(joint(*self.body), Or(tuple(self.kinds[place] for place in inside.tolist())))
            if broken <= EXCEPTIONS * self.live:
                return

    def excluded(self, seen: Discovery) -> Iterator[Formula]:
        """Kinds that are hardly ever met."""
        for kind, hits, chance in zip(self.kinds, self.hits.tolist(), self.chance.tolist(), strict=True):
            if chance >= EXPECTED and hits <= seen.slack * chance and seen.holds(self.live, hits):
                yield Implies(joint(*self.body), Not(kind))


def _of_one(seen: Discovery, arity: int, sets: Sequence[tuple[str, ...]]) -> Proposals:
    """One atom, and kinds of the same object, or relations of the same pair."""
    counts, laws, examined = seen.counts(arity), dict[Formula, None](), 0
    place = {atom: number for number, atom in enumerate(counts.atoms)}
    for names in sets:
        group = tuple(atom for atom in counts.atoms[: len(counts.atoms) // arity] if atom.predicate in names)
        columns = [place[atom] for atom in group]
        for number, atom in enumerate(counts.atoms):
            if atom.predicate in names:
                continue
            live = float(counts.first[number, columns].min())
            share = counts.second[number, columns] / counts.valid[number, columns].clamp_min(1)
            told = Told((atom,), group, live, counts.both[number, columns], live * share)
            laws |= dict.fromkeys(told.heads(seen))
            examined += 1
    return Proposals(tuple(laws), examined)


def _of_ends(seen: Discovery, sets: Sequence[tuple[str, ...]]) -> Proposals:
    """A relation, alone and with a property of one object, and kinds of the other."""
    facts = seen.careful
    names = [name for name, value in facts.values.items() if value.dim() == 2]
    of_sets, of_one = Ends.of(facts, names, sets), Ends.of(facts, (), [(name,) for name in names])
    laws, longer, examined = dict[Formula, None](), dict[Formula, Formula](), 0
    relations = [name for name, value in facts.values.items() if value.dim() == 3]
    for relation, turned in seen.watch.while_time(WHAT, product(relations, (False, True))):
        for alone, *others in of_sets.told(relation, turned):
            guarded = [told for told in others if told.live >= seen.least]
            laws |= dict.fromkeys(alone.heads(seen))
            for told in guarded:
                longer |= {law: Implies(joint(*alone.body), law.head) for law in told.heads(seen)}
            examined += len(guarded) + (alone.live >= seen.least)
        for (told,) in of_one.told(relation, turned):
            laws |= dict.fromkeys(told.excluded(seen))
            examined += told.live >= seen.least
    tallies = tallies_of([*longer, *longer.values()], View(facts))
    for law, own, shorter in zip(longer, tallies[: len(longer)], tallies[len(longer) :], strict=True):
        share = shorter.broken / np.maximum(shorter.live, 1)
        if poisson.cdf((own.broken > 0).sum(), (1 - (1 - share) ** own.live).sum()) <= ALPHA / examined:
            laws[law] = None
    return Proposals(tuple(laws), examined)


@dataclass(frozen=True, eq=False)
class Ends:
    """Properties of the two objects of a relation.

    names: T properties of a. sets: of kinds of b. of_first: (B, N, 1 + T) bool, ones and the properties. of_kind:
    (B, N, K) bool, the kinds of all sets, where all of a set may be asked about; asked: (B, N, S) bool, where that is;
    of_set: (K,) int64, the set of each kind.
    """

    facts: Facts
    names: Sequence[str]
    sets: Sequence[tuple[str, ...]]
    of_first: Tensor
    of_kind: Tensor
    asked: Tensor
    of_set: Tensor

    @classmethod
    def of(cls, facts: Facts, names: Sequence[str], sets: Sequence[tuple[str, ...]]) -> Ends:
        """The stacked properties; where there are no sets, of no kinds."""
        objects = facts.objects[..., None]

        def stacked(parts: Sequence[Tensor]) -> Tensor:
            return torch.cat([objects[..., :0], *(part[..., None] for part in parts)], -1)

        def true(name: str) -> Tensor:
            return facts.crisp(name) & facts.validity(name)

        of_set = torch.tensor([number for number, one in enumerate(sets) for _ in one], dtype=torch.int64)
        asked = stacked([torch.stack([facts.validity(name) for name in one]).all(0) for one in sets])
        of_kind = stacked([true(name) for one in sets for name in one])
        of_set = of_set.to(objects.device)
        return cls(
            facts, names, sets, stacked([facts.objects, *map(true, names)]), of_kind & asked[..., of_set], asked, of_set
        )

    def told(self, relation: str, turned: bool) -> Iterator[list[Told]]:
        """For each set of kinds of b what is told by r(a, b), and by it with each property of a.

        turned: r(b, a). With R (N, N) the relation, M (N, 1 + T), C (N, K) and W (N, S) what is known of a and b,

            hits = M^T R C,      live = M^T R W,      chance = sum over scenes of live (sum C / sum W).
        """
        facts, of_set, rows = self.facts, self.of_set, len(self.names) + 1
        related = facts.crisp(relation) & facts.validity(relation) & facts.groundings(2)
        related = related.transpose(1, 2) if turned else related
        hits = torch.zeros(rows, len(of_set), dtype=torch.float64)
        live, chance = hits.new_zeros(rows, len(self.sets)), hits.clone()
        size, columns = facts.objects.shape[1], len(of_set) + len(self.sets)
        for scenes in blocks(facts, size * (size + columns) + rows * columns):
            left = self.of_first[scenes].double().transpose(1, 2) @ related[scenes].double()
            each, whole = self.of_kind[scenes].double(), self.asked[scenes].double()
            alive = left @ whole
            share = each.sum(1) / whole.sum(1)[:, of_set].clamp_min(1)
            hits += (left @ each).sum(0).cpu()
            live += alive.sum(0).cpu()
            chance += (alive[..., of_set] * share[:, None]).sum(0).cpu()

        def spoken(atom: Atom) -> Atom:
            return renamed(atom, TURNED) if turned else atom  # the relation is written r(a, b) in any case

        first = spoken(Atom(relation, ("b", "a") if turned else ("a", "b")))
        bodies = [(first,), *((first, spoken(Atom(name, ("a",)))) for name in self.names)]
        for number, one in enumerate(self.sets):
            kind = (of_set == number).nonzero().flatten().cpu()
            atoms = tuple(spoken(Atom(name, ("b",))) for name in one)
            yield [
                Told(body, atoms, float(live[row, number]), hits[row, kind], chance[row, kind])
                for row, body in enumerate(bodies)
            ]
