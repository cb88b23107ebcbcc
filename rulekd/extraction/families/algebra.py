"""Laws of one predicate: (ir)reflexive, symmetric, asymmetric, transitive, total, functional."""

from __future__ import annotations

from collections.abc import Iterator

from kg import And, Atom, Formula, Iff, Implies, Not, Or
from rulekd.extraction.counting.candidates import oriented_atoms
from rulekd.extraction.discovery import Discovery, Proposals


def algebra(seen: Discovery) -> Proposals:
    """The laws of single predicates that the discovery part speaks for."""
    return Proposals.gather(_laws(seen))


def _laws(seen: Discovery) -> Iterator[tuple[Formula, bool]]:
    yield from diagonal_laws(seen)
    if 2 not in seen.arities():
        return
    counts, chains = seen.pairs, seen.chains
    if not seen.watch.begun("pairs"):
        return
    size = len(counts.atoms) // 2
    for place in range(size):
        forward, backward = counts.atoms[place], counts.atoms[size + place]
        name = forward.predicate
        valid = float(counts.valid[place, size + place])
        both = float(counts.both[place, size + place])
        either = float(counts.first[place, size + place] + counts.second[place, size + place]) - both
        yield Iff(forward, backward), seen.holds(either, either - both)
        yield Not(And((forward, backward))), seen.holds(either, both)
        yield Or((forward, backward)), seen.holds(valid, valid - either)
        if not seen.watch.begun("compositions"):
            continue
        live, hits = float(chains.live[place, place, place]), float(chains.hits[place, place, place])
        transitive = Implies(And((forward, Atom(name, ("b", "c")))), Atom(name, ("a", "c")))
        yield transitive, seen.holds(live, live - hits)
    yield from functional_laws(seen)


def diagonal_laws(seen: Discovery) -> Iterator[tuple[Formula, bool]]:
    """p(a, a), always or never, for the predicates that have a meaning on the diagonal."""
    for name, value in seen.facts.values.items():
        if value.dim() != 3 or name not in seen.facts.valid:
            continue
        valid = seen.facts.validity(name).diagonal(dim1=1, dim2=2)
        true = (seen.facts.crisp(name).diagonal(dim1=1, dim2=2) & valid).sum()
        total, count = float(valid.sum()), float(true)
        if total:
            loop = Atom(name, ("a", "a"))
            yield loop, seen.holds(total, total - count)
            yield Not(loop), seen.holds(total, count)


def functional_laws(seen: Discovery) -> Iterator[tuple[Formula, bool]]:
    """At most one partner: ~(p(a, b) & p(a, c)), and the same from the other side.

    Proposed when few of the objects that have a partner have a second one: by pairs of partners, a relation that is
    rare everywhere would look functional.
    """
    facts = seen.facts
    for atom in oriented_atoms(facts, 2):
        told = facts.crisp(atom.predicate) & facts.validity(atom.predicate) & facts.groundings(2)
        partners = told.sum(2 if atom.arguments == ("a", "b") else 1)
        some, several = float((partners >= 1).sum()), float((partners >= 2).sum())
        second = ("a", "c") if atom.arguments == ("a", "b") else ("c", "a")
        law = Not(And((atom, Atom(atom.predicate, second))))
        yield law, seen.holds(some, several)
