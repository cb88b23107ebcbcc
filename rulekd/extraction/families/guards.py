"""What a law lacks that is broken a little too often: an atom that leaves its exceptions out.

``p(a, b) -> q(a, b)`` with 6 % exceptions may be ``p(a, b) & g(a) -> q(a, b)`` with none, where g holds of most things.
Bodies are grown elsewhere only for heads that no part of them implies up to the slack of every proposal; here the laws
within the slack that have more exceptions than a law has are tried with each further atom of their objects.

With L live groundings, b exceptions in K units, and an atom that l of the groundings and b' of the exceptions contain,
the atom is a guard when the others are broken RATIO times as often as these,

    b' / l <= EXCEPTIONS   or   RATIO b' / l <= (b - b') / (L - l)  and  BETTER b / L <= share of the head that is false

(what is true of nearly everything follows from anything, and nearly everything is then a guard to it), and when so few
exceptions are no chance: K units of which a share l / L would keep theirs keep b' / b, which has a binomial
probability of at most ALPHA over the number of guards tried. (Counted by units, as those of one scene come together.)
The law without the guard is proposed beside it; evidence decides between them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from scipy.stats import binom
from torch import Tensor

from kg import And, Atom, Formula, Implies
from kg.normal import rename
from rulekd.extraction.counting.matrices import crossed
from rulekd.extraction.counting.sides import side_of
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.evidence.refutation import EXCEPTIONS
from rulekd.extraction.evidence.tally import tallies_of
from rulekd.extraction.families.bodies import CHAIN, PAIR, SECOND, TURNED, dear, implication, renamed
from rulekd.facts import Facts
from rulekd.grounding import View

#: How many times as often the groundings that a guard leaves out are broken.
RATIO = 5

#: How many times less often than by chance a law is broken for which a guard may leave some exceptions in.
BETTER = 4

#: Chance that a proposed guard has nothing to do with the exceptions, over all that are tried.
ALPHA = 1e-3


@dataclass(frozen=True)
class Loose:
    """A law within the slack and with more exceptions than a law has; its groundings, live and broken."""

    body: tuple[Atom, ...]
    head: Atom
    live: float
    broken: float

    def law(self, *guard: Atom) -> Implies:
        """The law, with a guard or without one."""
        return implication((*self.body, *guard), self.head)


def guards(seen: Discovery) -> Proposals:
    """Guards of the loose laws of one and of two body atoms over the same objects, and of the loose chains."""
    if 2 not in seen.arities():
        return _of_atoms(seen, _over(seen, 1, "a"), 1)
    atoms = [*_over(seen, 1, "a"), *_over(seen, 1, "b"), *_over(seen, 2, "ab"), *_over(seen, 2, "ba")]
    ends = [*_over(seen, 2, "ac"), *_over(seen, 2, "ca")] if not seen.unasked else []  # three relations, if asked for
    things = [atom for variable in "abc" for atom in _over(seen, 1, variable)]
    chains = _guarded(seen, _loose_chains(seen), [*things, *ends], frozenset(), CHAIN, "guards of chains")
    return _of_atoms(seen, atoms, 2) + chains


def _of_atoms(seen: Discovery, atoms: Sequence[Atom], width: int) -> Proposals:
    """Guards of laws of one and of two body atoms, over so many objects."""
    what = "guards of pairs" if width == 2 else "guards"
    why = dear(seen, len(atoms), 2 * len(atoms))
    if why:
        return Proposals((), 0, notes=(f"{what}: not examined, {why}",))
    single = _counted(seen, [(atom,) for atom in atoms], atoms, width)
    useless = _useless(seen, atoms, single)
    found = _guarded(seen, _loose(seen, single, useless), atoms, useless, PAIR, what, width)
    double = [body for body in combinations(atoms, 2) if useless.isdisjoint({body, body[::-1]})]
    why = dear(seen, len(double), 2 * len(atoms))
    if why:
        return found + Proposals((), 0, notes=(f"second {what}: not examined, {why}",))
    loose = _loose(seen, _counted(seen, double, atoms, width), useless)
    second = _guarded(seen, loose, atoms, useless, PAIR, f"second {what}", width)
    known = [parts for law in found.formulas for parts in (_parts(law), _parts(rename(law, TURNED)))]
    longer = tuple(law for law in second.formulas if not any(_within(part, _parts(law)) for part in known))
    return found + replace(second, formulas=longer)


def _parts(law: Formula) -> tuple[frozenset[Formula], Formula]:
    """(body, head) of a guarded law."""
    assert isinstance(law, Implies)
    assert isinstance(law.body, And)
    return frozenset(law.body.parts), law.head


def _within(short: tuple[frozenset[Formula], Formula], law: tuple[frozenset[Formula], Formula]) -> bool:
    """Has a law all that a shorter one asks for?"""
    return short[1] == law[1] and short[0] <= law[0]


def _over(seen: Discovery, arity: int, variables: str) -> list[Atom]:
    """Every predicate of that arity over these objects."""
    return [Atom(name, tuple(variables)) for name, value in seen.careful.values.items() if value.dim() == arity + 1]


@dataclass(frozen=True)
class Counts:
    """Live and broken groundings of every body with every head, two (I, J) tensors."""

    bodies: Sequence[tuple[Atom, ...]]
    heads: Sequence[Atom]
    live: Tensor
    broken: Tensor

    @property
    def exact(self) -> Tensor:
        """(I, J) bool: are there no more exceptions than a law has?"""
        return self.broken <= EXCEPTIONS * self.live


def _counted(seen: Discovery, bodies: Sequence[tuple[Atom, ...]], heads: Sequence[Atom], width: int) -> Counts:
    lefts, rights = [side_of(body, PAIR) for body in bodies], [side_of([head], PAIR, either=True) for head in heads]
    live, hits = crossed(lefts, rights, seen.careful, width=width)
    return Counts(bodies, heads, live, live - hits)


def _loose(seen: Discovery, counts: Counts, useless: frozenset[tuple[Atom, Atom]]) -> list[Loose]:
    """Loose laws, one of the two that are each other's turned writing."""
    loose: dict[tuple[frozenset[Atom], Atom], Loose] = {}
    for i, j in (seen.held(counts.live, counts.broken) & ~counts.exact).nonzero().tolist():
        body, head = counts.bodies[i], counts.heads[j]
        turned = frozenset(renamed(atom, TURNED) for atom in body), renamed(head, TURNED)
        joined = set(head.arguments) & {name for atom in body for name in atom.arguments}
        if joined and turned not in loose and not any(atom == head or (atom, head) in useless for atom in body):
            loose[frozenset(body), head] = Loose(body, head, float(counts.live[i, j]), float(counts.broken[i, j]))
    return list(loose.values())


def _useless(seen: Discovery, atoms: Sequence[Atom], counts: Counts) -> frozenset[tuple[Atom, Atom]]:
    """Pairs of atoms of which the first is no guard beside the second, as body or as head. counts: of single atoms.

    What implies the head needs no body, and of words that are equal but for errors one only corroborates the other.
    """
    denied = torch.tensor([1 - _share(seen.careful, atom.predicate) for atom in atoms], dtype=torch.float64)
    alike = seen.held(counts.live, counts.broken) & (2 * counts.broken <= denied * counts.live)
    return frozenset((atoms[i], atoms[j]) for i, j in (counts.exact | alike & alike.T).nonzero().tolist())


def _loose_chains(seen: Discovery) -> list[Loose]:
    """Loose chains of two relations."""
    counts = seen.chains
    broken = counts.live - counts.hits
    found = (seen.held(counts.live, broken) & (broken > EXCEPTIONS * counts.live)).nonzero().tolist()
    return [
        Loose(
            (counts.atoms[i], renamed(counts.atoms[j], SECOND)),
            counts.heads[head],
            float(counts.live[i, j, head]),
            float(broken[i, j, head]),
        )
        for i, j, head in found
    ]


def _guarded(
    seen: Discovery,
    loose: Sequence[Loose],
    atoms: Sequence[Atom],
    useless: frozenset[tuple[Atom, Atom]],
    axis: Mapping[str, int],
    what: str,
    width: int = 2,
) -> Proposals:
    """Those of the loose laws that some atom mends."""
    tried = [
        (one, atom)
        for one in loose
        for atom in atoms
        if not any(atom == part or (atom, part) in useless for part in (*one.body, one.head))
    ]
    bodies = list(dict.fromkeys((*one.body, atom) for one, atom in tried))
    heads = list(dict.fromkeys(one.head for one, _ in tried))
    if not tried:
        return Proposals((), 0)
    why = dear(seen, len(bodies), 2 * len(heads))
    if why:
        return Proposals((), 0, notes=(f"{what}: {len(tried):,} candidates not examined, {why}",))
    lefts, rights = [side_of(body, axis) for body in bodies], [side_of([head], axis, either=True) for head in heads]
    live, hits = crossed(lefts, rights, seen.careful, seen.watch, what, len(tried), width)
    if not seen.watch.begun(what):
        return Proposals((), 0)
    row, column = ({given: place for place, given in enumerate(many)} for many in (bodies, heads))
    counted = tallies_of([one.law() for one in loose], View(seen.careful))
    units = {one: int((tally.broken > 0).sum()) for one, tally in zip(loose, counted, strict=True)}
    denied = {head: 1 - _share(seen.careful, head.predicate) for head in heads}
    laws = []
    for one, atom in tried:
        place = row[*one.body, atom], column[one.head]
        kept, broken = float(live[place]), float(live[place] - hits[place])
        mended = kept >= seen.least and _mends(one, kept, broken, denied[one.head])
        if mended and _chance(one, kept, broken, units[one]) <= ALPHA / len(tried):
            laws.append(one.law(atom))
    return Proposals(tuple(laws), len(tried))


def _mends(one: Loose, kept: float, broken: float, denied: float) -> bool:
    """Is the law with a guard, that keeps so many groundings and so many exceptions, broken much less than without it?

    denied: share of the groundings of the head that are false.
    """
    much = RATIO * broken * (one.live - kept) <= (one.broken - broken) * kept
    return broken <= EXCEPTIONS * kept or (much and BETTER * one.broken <= denied * one.live)


def _share(facts: Facts, predicate: str) -> float:
    """Share of the groundings at which a predicate is true."""
    valid = facts.validity(predicate) & facts.groundings(facts.values[predicate].dim() - 1)
    return float((facts.crisp(predicate) & valid).sum()) / max(1, int(valid.sum()))


def _chance(one: Loose, kept: float, broken: float, units: int) -> float:
    """Probability that an atom which has nothing to do with the exceptions keeps so few."""
    return float(binom.cdf(math.floor(units * broken / one.broken), units, min(1.0, kept / one.live)))
