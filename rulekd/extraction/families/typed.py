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
    arities = seen.arities()
    found = sum((_of_one(seen, arity) for arity in sorted(arities & {1, 2})), Proposals((), 0))
    return found + _of_ends(seen) if arities >= {1, 2} else found


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


def _of_one(seen: Discovery, arity: int) -> Proposals:
    """One atom, and kinds of the same object, or relations of the same pair."""
    counts, laws, examined = seen.counts(arity), dict[Formula, None](), 0
    place = {atom: number for number, atom in enumerate(counts.atoms)}
    for names in kinds(seen, arity):
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


def _of_ends(seen: Discovery) -> Proposals:
    """A relation, alone and with a property of one object, and kinds of the other."""
    facts = seen.careful
    names = [name for name, value in facts.values.items() if value.dim() == 2]
    sets, single = kinds(seen, 1), [(name,) for name in names]
    laws, longer, examined = dict[Formula, None](), dict[Formula, Formula](), 0
    relations = [name for name, value in facts.values.items() if value.dim() == 3]
    for relation, turned in seen.watch.while_time(WHAT, product(relations, (False, True))):
        counted = _counted(facts, relation, turned, names, [*sets, *single])
        for alone, *others in counted[: len(sets)]:
            guarded = [told for told in others if told.live >= seen.least]
            laws |= dict.fromkeys(alone.heads(seen))
            for told in guarded:
                longer |= {law: Implies(joint(*alone.body), law.head) for law in told.heads(seen)}
            examined += len(guarded) + (alone.live >= seen.least)
        for told in (each[0] for each in counted[len(sets) :]):
            laws |= dict.fromkeys(told.excluded(seen))
            examined += told.live >= seen.least
    counted_so = tallies_of([*longer, *longer.values()], View(facts))
    for law, own, shorter in zip(longer, counted_so, counted_so[len(longer) :], strict=False):
        share = shorter.broken / np.maximum(shorter.live, 1)
        if poisson.cdf((own.broken > 0).sum(), (1 - (1 - share) ** own.live).sum()) <= ALPHA / examined:
            laws[law] = None
    return Proposals(tuple(laws), examined)


def _counted(
    facts: Facts, relation: str, turned: bool, names: Sequence[str], sets: Sequence[tuple[str, ...]]
) -> list[list[Told]]:
    """For each set of kinds of b what is told by r(a, b), and by it with each property of a.

    turned: r(b, a). With R (N, N) the relation, M (N, T) the properties of a and a column of ones, C (N, K) the kinds
    of b where all of a set may be asked about, and W (N,) where that is,

        hits = M^T R C,      live = M^T R W,      chance = sum over scenes of live (sum C / sum W).
    """
    true = {name: facts.crisp(name) & facts.validity(name) for name in names}
    asked = torch.stack([torch.stack([facts.validity(name) for name in one]).all(0) for one in sets], -1)
    of_set = torch.tensor([number for number, one in enumerate(sets) for _ in one], device=asked.device)
    of_kind = torch.stack([true[name] for one in sets for name in one], -1) & asked[..., of_set]
    of_first = torch.stack([facts.objects, *true.values()], -1)
    related = facts.crisp(relation) & facts.validity(relation) & facts.groundings(2)
    related = related.transpose(1, 2) if turned else related
    hits = torch.zeros(len(names) + 1, len(of_set), dtype=torch.float64)
    live, chance = hits.new_zeros(len(names) + 1, len(sets)), hits.clone()
    size, columns = facts.objects.shape[1], len(of_set) + len(sets)
    for scenes in blocks(facts, size * (size + columns) + (len(names) + 1) * columns):
        left = of_first[scenes].double().transpose(1, 2) @ related[scenes].double()
        each, whole = of_kind[scenes].double(), asked[scenes].double()
        alive = left @ whole
        share = each.sum(1) / whole.sum(1)[:, of_set].clamp_min(1)
        hits += (left @ each).sum(0).cpu()
        live += alive.sum(0).cpu()
        chance += (alive[..., of_set] * share[:, None]).sum(0).cpu()

    def spoken(atom: Atom) -> Atom:
        return renamed(atom, TURNED) if turned else atom  # the relation is written r(a, b) in any case

    first = spoken(Atom(relation, ("b", "a") if turned else ("a", "b")))
    bodies = [(first,), *((first, spoken(Atom(name, ("a",)))) for name in names)]
    found = []
    for number, one in enumerate(sets):
        kind = (of_set == number).nonzero().flatten().cpu()
        atoms = tuple(spoken(Atom(name, ("b",))) for name in one)
        found.append(
            [Told(body, atoms, float(live[t, number]), hits[t, kind], chance[t, kind]) for t, body in enumerate(bodies)]
        )
    return found
