"""Longer bodies: guards (what a thing is), several relations of one pair, and three relations around three objects.

Over a pair (a, b) an atom is a relation read either way, or a property of one of the two. Bodies are

    x & y, x & y & z            properties of one object:  red(a) & big(a) -> heavy(a)
    x, x & y, x & y & z         atoms of a pair:   on(a, b) & chair(b) -> used(a),  red(a) & big(b) -> near(a, b)
    p(a, b) & q(b, c) & x       a chain, and an atom of its ends, or a property of its middle.

They are grown level by level. A body is examined when it and all its parts have support, and no atom of it follows from
the others. It is proposed for a head only where no part of it does already: neither the part alone, nor what was
proposed of shorter bodies together, as a prover sees it. Words that are equal (an inverse, a relation that is
symmetric) are written as one of them. Three relations around three objects are examined only where the family is asked
for by name: much of what holds of them tells of how scenes are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice, product

import torch
from torch import Tensor

from kg import Atom, Formula, Iff, Implies
from kg.grounding import Theory, statement
from rulekd.extraction.counting.candidates import sets_of_equal
from rulekd.extraction.counting.matrices import crossed
from rulekd.extraction.counting.sides import side_of
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.evidence.confirmation import MIN_SUPPORT
from rulekd.extraction.families.bodies import CHAIN, PAIR, SECOND, TURNED, dear, implication, renamed
from rulekd.extraction.families.guards import guards

#: Bodies beyond which a level is not begun.
MOST = 50_000

#: Names by which an atom of a pair speaks of the ends of a chain, or of its middle.
ENDS, MIDDLE = {"a": "a", "b": "c"}, {"a": "b"}


@dataclass(frozen=True)
class Words:
    """The K atoms of a pair, or of one object, one of each set of equal ones.

    heads: numbers of those that rules are read to; a head stands for its turned writing too. turned: by number the
    atom with its objects exchanged. equal: the equalities that the others are left out for. apart: pairs of properties
    of one object that hardly ever go together. objects: how many the atoms speak of, 2 or 1.
    """

    atoms: tuple[Atom, ...]
    heads: tuple[int, ...]
    turned: tuple[int, ...]
    equal: tuple[Formula, ...]
    apart: frozenset[tuple[int, int]]
    objects: int = 2

    def relation(self, number: int) -> bool:
        """Does the atom speak of both objects?"""
        return len(self.atoms[number].arguments) == 2

    def asked(self, body: Sequence[int]) -> Tensor:
        """(K,) bool: the heads that a body over a pair is asked for.

        A body without a relation joins the two objects only of a relation. One relation is asked for properties alone:
        the family of pairs does the rest.
        """
        relations = torch.tensor([self.relation(number) for number in range(len(self.atoms))])
        found = torch.zeros(len(self.atoms), dtype=torch.bool)
        found[list(self.heads)] = True
        found[list(body)] = False
        if self.objects == 1:  # the family of pairs reads one property from another
            return found & (len(body) > 1)
        if not any(self.relation(number) for number in body):
            joined = len({self.atoms[number].arguments for number in body}) == 2
            found &= relations if joined else torch.zeros_like(relations)
        if len(body) == 1:
            found &= ~relations
        return found


@dataclass
class Found:
    """What has been found so far.

    parts: by body over a pair the atoms (K,) bool that follow from it, or from a part of it. alive: the bodies with
    support. known: laws that longer ones are proved from. laws: those that are proposed. examined: candidates.
    """

    parts: dict[tuple[int, ...], Tensor] = field(default_factory=dict)
    alive: set[tuple[int, ...]] = field(default_factory=set)
    known: list[Formula] = field(default_factory=list)
    laws: list[Formula] = field(default_factory=list)
    examined: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def singles(self) -> list[int]:
        """The atoms with support."""
        return sorted(body[0] for body in self.alive if len(body) == 1)

    def propose(self, candidates: Sequence[Formula], size: int) -> None:
        """Those of the candidates, over so many objects, that do not follow from what is known."""
        start = len(self.known)
        theory = Theory([statement(formula) for formula in (*self.known, *candidates)], size)
        new = [formula for place, formula in enumerate(candidates) if theory.core(start + place, range(start)) is None]
        self.laws += new
        self.known += new


def conjunctions(seen: Discovery) -> Proposals:
    """Bodies of two and three properties of an object, of one to three atoms of a pair, chains with a third atom."""
    found = sum((_longer(seen, objects) for objects in (1, 2) if objects in seen.arities()), Proposals((), 0))
    return found + guards(seen)


def _longer(seen: Discovery, objects: int) -> Proposals:
    """Bodies over so many objects, and of two the chains."""
    words, found = words_of(seen, objects), Found()
    found.known += words.equal
    for length in (1, 2, 3):
        if not _of_objects(seen, words, found, length):
            break
    if found.alive and objects == 2:
        _of_chains(seen, words, found)
    return Proposals(tuple(found.laws), found.examined, notes=tuple(found.notes))


def words_of(seen: Discovery, objects: int = 2) -> Words:
    """The atoms of a pair, or of one object, that are ever true, one of each set of equal ones."""
    first: dict[Atom, Atom] = {}
    for arity in sorted(seen.arities() & set(range(1, objects + 1)), reverse=True):
        counts = seen.counts(arity)
        either = counts.first + counts.second - counts.both
        equal = seen.held(either, either - counts.both)
        # Of equal words the one that is said most often stays, whatever it is called.
        sets = sets_of_equal(counts.first.diagonal(), equal, MIN_SUPPORT)
        first |= {counts.atoms[place]: counts.atoms[one[0]] for one in sets for place in one}
    kept = [atom for atom, one in first.items() if atom == one]
    equalities = tuple(Iff(one, atom) for atom, one in first.items() if atom != one)
    if objects == 1:
        numbers = tuple(range(len(kept)))
        return Words(tuple(kept), numbers, numbers, equalities, frozenset(), objects)
    atoms = [*kept, *(renamed(atom, TURNED) for atom in kept if len(atom.arguments) == 1)]
    place_of = {atom: place for place, atom in enumerate(atoms)}
    turned = tuple(place_of[first.get(renamed(atom, TURNED), renamed(atom, TURNED))] for atom in atoms)
    heads = tuple(place for place, other in enumerate(turned) if place <= other)
    return Words(tuple(atoms), heads, turned, equalities, frozenset(_apart(seen, atoms)))


def _apart(seen: Discovery, atoms: Sequence[Atom]) -> Iterator[tuple[int, int]]:
    """Properties of one object that cannot have support together: categories of things exclude each other."""
    if 1 not in seen.arities():
        return
    most = seen.unary.both * (seen.careful.objects.shape[1] - 1)  # each object stands in so many pairs
    number = {atom.predicate: place for place, atom in enumerate(seen.unary.atoms)}
    ends = [(place, atom) for place, atom in enumerate(atoms) if len(atom.arguments) == 1]
    for (one, first), (other, second) in combinations(ends, 2):
        both = float(most[number[first.predicate], number[second.predicate]])
        if first.arguments == second.arguments and both < MIN_SUPPORT:
            yield one, other


def _grown(words: Words, found: Found, length: int) -> Iterator[tuple[int, ...]]:
    """The bodies of a length of which all parts have support, and no atom follows from the others."""
    if length == 1:
        yield from ((number,) for number in range(len(words.atoms)))
        return
    for body in combinations(found.singles, 2) if length == 2 else _joined(found):
        rest = [tuple(atom for atom in body if atom != left) for left in body]
        if body in words.apart:
            continue
        if all(part in found.alive for part in rest) and not any(
            bool(found.parts[part][left]) for part, left in zip(rest, body, strict=True)
        ):
            yield body


def _joined(found: Found) -> Iterator[tuple[int, ...]]:
    """Triples out of pairs with support that share their first atom."""
    followers: dict[int, list[int]] = {}
    for first, second in sorted(body for body in found.alive if len(body) == 2):
        followers.setdefault(first, []).append(second)
    for first, others in followers.items():
        yield from ((first, *pair) for pair in combinations(others, 2))


def _of_objects(seen: Discovery, words: Words, found: Found, length: int) -> bool:
    """Bodies of so many atoms of a pair, or of one object; False when there was no going on."""
    bodies = list(islice(_grown(words, found, length), MOST + 1))
    what = f"bodies of {length} over {'a pair' if words.objects == 2 else 'an object'}"
    if not bodies:
        return False
    explained = torch.zeros(len(bodies), len(words.atoms), dtype=torch.bool)
    if length > 1:
        for row, body in zip(explained, bodies, strict=True):
            for left in body:
                row |= found.parts[tuple(atom for atom in body if atom != left)]
    asked = torch.stack([words.asked(body) for body in bodies]) & ~explained
    each = 2 * len(words.atoms) / max(1, seen.careful.objects.shape[1]) ** (2 - words.objects)
    if _too_dear(seen, found, what, len(bodies), int(asked.sum()), each):
        return False
    lefts = [side_of([words.atoms[number] for number in body], PAIR) for body in bodies]
    rights = [side_of([atom], PAIR, either=True) for atom in words.atoms]
    live, hits = crossed(lefts, rights, seen.careful, seen.watch, what, int(asked.sum()), words.objects)
    if not seen.watch.begun(what):
        return False
    found.examined += int(asked.sum())
    held = seen.held(live, live - hits)
    for body, follows, some in zip(bodies, held | explained, live.amax(1) >= MIN_SUPPORT, strict=True):
        found.parts[body] = follows
        if some:
            found.alive.add(body)
    if length == 1:  # the family of pairs proposes those of one arity
        either_way = asked | asked[list(words.turned)][:, list(words.turned)]
        found.known += [
            Implies(words.atoms[body], words.atoms[head])
            for body, head in held.nonzero().tolist()
            if body != head and (words.relation(body) or words.objects == 1) and not either_way[body, head]
        ]
    chosen = (held & asked).nonzero().tolist()
    laws = [implication([words.atoms[number] for number in bodies[row]], words.atoms[head]) for row, head in chosen]
    found.propose(laws, words.objects)
    return what not in seen.watch.missed


def _of_chains(seen: Discovery, words: Words, found: Found) -> None:
    """Chains with an atom of their ends, or a property of their middle."""
    counts, size = seen.chains, len(seen.chains.heads)
    held = seen.held(counts.live, counts.live - counts.hits)
    alive = counts.live.amax(2) >= MIN_SUPPORT
    number = {atom: place for place, atom in enumerate(counts.atoms)}
    relations = [place for place in range(len(words.atoms)) if words.relation(place)]
    of = {place: number[words.atoms[place]] for place in relations}

    def follows(first: int, second: int, head: int) -> bool:
        """Does an atom of the ends follow from a chain? A chain is turned with its head."""
        one, other, what = of[first], of[second], of[head]
        if what < size:
            return bool(held[one, other, what])
        return bool(held[(other + size) % (2 * size), (one + size) % (2 * size), what - size])

    rows: list[_Chain] = []
    for first, second in product(relations, repeat=2):
        if not bool(alive[of[first], of[second]]):
            continue
        done = [head for head in relations if follows(first, second, head)]
        found.known += [_Chain(first, second).law(words, head) for head in done]
        rows += [
            replace(one, done=frozenset(done))
            for one in _with_third(words, found, first, second, relations=not seen.unasked)
            if not (one.third in done and not one.middle)
        ]
    if seen.unasked:
        found.notes.append("chains with a third relation: not examined unasked; families=['conjunctions', ...] asks")
    heads = [head for head in words.heads if words.relation(head)]
    if not rows or not heads:
        return
    asked = torch.tensor([[one.asked(found, head) for head in heads] for one in rows], dtype=torch.bool).reshape(
        len(rows), -1
    )
    objects = seen.careful.objects.shape[1]
    what = "chains with a third atom"
    if _too_dear(seen, found, what, len(rows), int(asked.sum()), 2 * len(heads) + objects):
        return
    lefts = [side_of(one.body(words), CHAIN) for one in rows]
    rights = [side_of([renamed(words.atoms[head], ENDS)], CHAIN, either=True) for head in heads]
    live, hits = crossed(lefts, rights, seen.careful, seen.watch, what, int(asked.sum()))
    if not seen.watch.begun(what):
        return
    found.examined += int(asked.sum())
    chosen = (seen.held(live, live - hits) & asked).nonzero().tolist()
    found.propose([rows[row].law(words, heads[head]) for row, head in chosen], 3)


@dataclass(frozen=True)
class _Chain:
    """first(a, b) & second(b, c) & third, all numbers of atoms of a pair; ``middle``: the third is a property of b.

    done: the heads that follow from the chain alone.
    """

    first: int
    second: int
    third: int | None = None
    middle: bool = False
    done: frozenset[int] = frozenset()

    def body(self, words: Words) -> list[Atom]:
        """The atoms over a, b and c."""
        found = [words.atoms[self.first], renamed(words.atoms[self.second], SECOND)]
        if self.third is not None:
            found.append(renamed(words.atoms[self.third], MIDDLE if self.middle else ENDS))
        return found

    def law(self, words: Words, head: int) -> Formula:
        """The rule over a, b and c."""
        return implication(self.body(words), renamed(words.atoms[head], ENDS))

    def asked(self, found: Found, head: int) -> bool:
        """Is the rule examined?"""
        third = self.third
        assert third is not None, "without a third atom it is a matter of compositions"
        if head == third or head in self.done:
            return False
        return self.middle or not bool(found.parts[third,][head])


def _with_third(words: Words, found: Found, first: int, second: int, relations: bool) -> Iterator[_Chain]:
    """The chain with every relation of its ends, if wanted, and every property that does not follow from its own."""

    def said(edge: int, guard: int) -> bool:
        return tuple(sorted((edge, guard))) in found.alive and not bool(found.parts[edge,][guard])

    for third in found.singles:
        if words.relation(third):
            if relations:
                yield _Chain(first, second, third)
        elif words.atoms[third].arguments == ("a",):
            if said(first, third):
                yield _Chain(first, second, third)
            if said(first, words.turned[third]) and said(second, third):
                yield _Chain(first, second, third, middle=True)
        elif said(second, third):
            yield _Chain(first, second, third)


def _too_dear(seen: Discovery, found: Found, what: str, bodies: int, rules: int, products: float) -> bool:
    """Is a level left out for its cost? products: multiplications for each body, scene and pair."""
    if not rules:
        return False
    why = dear(seen, bodies, products)
    if bodies > MOST:
        found.notes.append(f"{what}: not examined, more than {MOST:,} bodies")
    elif why:
        found.notes.append(f"{what}: {rules:,} candidates not examined, {why}")
    return bool(why) or bodies > MOST
