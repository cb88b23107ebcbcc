"""Body and head of many rules at once, as matrices over the objects that the two share.

A rule over a and c, or a body that runs through a third object b, is read as two matrices a scene,

    L_ac = sum_b X_ab Y_bc  (a chain),  X_ac Y_ac ...  (atoms of the same pair),  or both;    R_ac = any head holds,

(an end of the chain may be several atoms, X_ab X'_ab, and what is asked of b alone stands in it as a row),

with R false and W = 0 where the head may not be asked. Live groundings of ``body -> head`` are sum_ac L W, those that
keep it sum_ac L R: one product of all bodies with all heads a scene counts every rule. Equivalences, exclusions and
exhaustions of two atoms come from the same sums. Unary atoms stand in a matrix as rows or columns. What is over one
object only is a matrix of one column.

Rules of another shape are counted one by one, by ``rulekd.grounding``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add, mul

import torch
from scipy.sparse import csr_array
from torch import Tensor

from kg import Formula
from rulekd.extraction.counting.candidates import blocks
from rulekd.extraction.counting.fans import fan, fan_tally
from rulekd.extraction.counting.products import EXACT_FLOAT32, Dense, Stack
from rulekd.extraction.counting.sides import Group, Kind, Placed, Side, TwoSided, ends_of, groups
from rulekd.extraction.counting.sparse import Plane, Read, Sparse, sparse, through
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts
from rulekd.grounding import View, count

#: Matrix entries of all sides that are held at once.
BLOCK = 2**24

#: Bodies that are crossed with all heads at once.
SIDES = 128


class Matrices:
    """The matrices of placed atoms in one batch of scenes, made when first asked for."""

    def __init__(self, facts: Facts, width: int) -> None:
        self.facts, self.width = facts, width
        self.objects = facts.objects.shape[1]
        # Sums over all triples of a scene stay exact.
        self.dtype = torch.float64 if self.objects**3 > EXACT_FLOAT32 else torch.float32
        self.pairs = facts.groundings(2)
        self._kept: dict[tuple[Placed, bool], Tensor] = {}
        self._last: tuple[tuple[Placed, ...], Tensor] | None = None

    def atom(self, atom: Placed, *, valid: bool = False) -> Tensor:
        """(B, N) or (B, N, N), 0 or 1: truth, 0 where it may not be asked; or whether it may be."""
        if (atom, valid) not in self._kept:
            allowed = self.facts.validity(atom.predicate)
            value = allowed if valid else self.facts.crisp(atom.predicate) & allowed
            order = tuple(0 if axis == min(atom.axes) else 1 for axis in atom.axes)
            if len(atom.axes) == 2:
                if order == (1, 0):
                    value = value.transpose(1, 2)
                value = value & self.pairs
            elif self.width == 2:
                value = (value[:, :, None] if atom.axes == (0,) else value[:, None, :]) & self.pairs
            self._kept[atom, valid] = value.to(self.dtype)
        return self._kept[atom, valid]

    def side(self, side: Side) -> Tensor:
        """(B, N) or (B, N, N): number of groundings of a side by the shared objects."""
        if side.either and len(side.atoms) > 1:
            return self.valid(side) * torch.stack([self.atom(atom) for atom in side.atoms]).amax(0)
        result = None
        if side.chain:
            result = self._chained(side.chain)
        for atom in side.atoms:
            result = self.atom(atom) if result is None else result * self.atom(atom)
        assert result is not None, "a side has atoms"
        return result

    def _chained(self, chain: tuple[Placed, ...]) -> Tensor:
        """(B, N, N): ways through a middle object. The last chain is kept: bodies that share it follow each other."""
        if self._last is None or self._last[0] != chain:
            first, second = (reduce(torch.mul, [self.atom(atom) for atom in end]) for end in ends_of(chain))
            self._last = chain, (first @ second.transpose(1, 2)) * self.pairs
        return self._last[1]

    def valid(self, side: Side) -> Tensor:
        """(B, N) or (B, N, N), 0 or 1: where every atom over the shared objects may be asked."""
        everywhere = (self.pairs if self.width == 2 else self.facts.objects).to(self.dtype)
        return reduce(torch.mul, [self.atom(atom, valid=True) for atom in side.atoms], everywhere)


class Planes:
    """The same of one large scene of which little is true; over pairs of objects only."""

    def __init__(self, facts: Facts) -> None:
        self.read = Read(facts)
        self._kept: dict[tuple[Placed, bool], Plane] = {}
        self._last: tuple[tuple[Placed, ...], Plane] | None = None

    def atom(self, atom: Placed, *, valid: bool = False) -> Plane:
        """Truth, 0 where it may not be asked; or whether it may be."""
        if (atom, valid) not in self._kept:
            self._kept[atom, valid] = self._read(atom, valid=valid)
        return self._kept[atom, valid]

    def _read(self, atom: Placed, *, valid: bool) -> Plane:
        if len(atom.axes) == 2:
            plane = self.read.asked(atom.predicate) if valid else self.read.true(atom.predicate)
            return plane if atom.axes[0] < atom.axes[1] else plane.turned
        held = Plane(self.read.nothing, self.read.property(atom.predicate, valid=valid), self.read.ones)
        return held if atom.axes == (0,) else held.turned

    def side(self, side: Side) -> Plane:
        """Number of groundings of a side by the shared objects."""
        if side.either and len(side.atoms) > 1:
            some = reduce(add, [self.atom(atom).flat for atom in side.atoms]).sign()
            return Plane.of(csr_array(some)) * self.valid(side)
        found = [self.atom(atom) for atom in side.atoms]
        return reduce(mul, [self._chained(side.chain), *found] if side.chain else found)

    def _chained(self, chain: tuple[Placed, ...]) -> Plane:
        """Ways through a middle object."""
        if self._last is None or self._last[0] != chain:
            self._last = chain, through(*(reduce(mul, [self.atom(atom) for atom in end]) for end in ends_of(chain)))
        return self._last[1]

    def valid(self, side: Side) -> Plane:
        """Where every atom over the shared objects may be asked."""
        if not side.atoms:
            return Plane(self.read.nothing, self.read.ones, self.read.ones)
        return reduce(mul, [self.atom(atom, valid=True) for atom in side.atoms])


@dataclass(frozen=True)
class Batch:
    """The sides of a group in some scenes. left, right: bodies (B, I) and heads (B, J). valid, asked: where they may be
    asked; ``valid`` is 0 for bodies of several atoms, unless all were wanted. Where every head may be asked at the same
    groundings, ``asked`` is one for all."""

    scenes: slice
    left: Stack
    right: Stack
    valid: Stack
    asked: Stack


def stacked(group: Group, facts: Facts, *, every: bool = False) -> Iterator[Batch]:
    """The sides of a group, in parts of the batch: one scene at a time where scenes are large and little is true.

    every: say of all bodies where they may be asked. What a chain reads on its way is not looked at.
    """
    named = {name for side in group.rights for name in side.predicates}
    heads = group.rights if not named.isdisjoint(facts.valid) else group.rights[:1]
    thin = group.width == 2 and sparse(facts, group.predicates)
    wanted = [every or (not side.chain and len(side.atoms) == 1) for side in group.lefts]
    size = facts.objects.shape[1] ** group.width * (len(group.lefts) + len(group.rights)) * 2
    step = 1 if thin else max(1, BLOCK // max(1, size))
    for first in range(0, len(facts), step):
        scenes = slice(first, min(first + step, len(facts)))
        index = torch.arange(scenes.start, scenes.stop, device=facts.objects.device)
        here = facts if step >= len(facts) else facts.select(index)
        yield Batch(scenes, *(_thin if thin else _dense)(group, heads, here, wanted))


def through_middle(rule: TwoSided, facts: Facts, *, broken: bool) -> tuple[int, int, int]:
    """One grounding of a chain in one scene, the numbers of its three objects: it breaks the rule, or it keeps it.

    The scene has such a grounding.
    """
    ends = ends_of(rule.left.chain)
    if sparse(facts, rule.left.predicates | rule.right.predicates):
        planes = Planes(facts)
        body = planes.side(rule.left)
        kept = body * planes.side(rule.right)
        chosen = (body * planes.valid(rule.right)).flat - kept.flat if broken else kept.flat
        one, other = (values.tolist() for values in chosen.nonzero())
        real = planes.read.real.tolist()
        ways = [reduce(mul, [planes.atom(atom) for atom in end]).sparse for end in ends]
        middle = (ways[0][[one[0]]] * ways[1][[other[0]]]).nonzero()[1]
        return real[one[0]], real[other[0]], real[int(middle[0])]
    made = Matrices(facts, 2)
    left, right = made.side(rule.left), made.side(rule.right)
    chosen = left * (made.valid(rule.right) - right if broken else right)
    first, second = chosen[0].nonzero()[0].tolist()
    near, far = (reduce(torch.mul, [made.atom(atom) for atom in end])[0] for end in ends)
    return first, second, int((near[first] * far[second]).nonzero()[0])


def _dense(
    group: Group, heads: Sequence[Side], facts: Facts, wanted: Sequence[bool]
) -> tuple[Stack, Stack, Stack, Stack]:
    made = Matrices(facts, group.width)
    left = torch.stack([made.side(side).flatten(1) for side in group.lefts], 1)
    right = torch.stack([made.side(side).flatten(1) for side in group.rights], 1)
    valid = torch.zeros_like(left)
    for place in (place for place, one in enumerate(wanted) if one):
        valid[:, place] = made.valid(group.lefts[place]).flatten(1)
    asked = torch.stack([made.valid(side).flatten(1) for side in heads], 1)
    one, other, third, fourth = (Dense(part, facts.objects, group.width) for part in (left, right, valid, asked))
    return one, other, third, fourth


def _thin(
    group: Group, heads: Sequence[Side], facts: Facts, wanted: Sequence[bool]
) -> tuple[Stack, Stack, Stack, Stack]:
    made = Planes(facts)
    nowhere = Plane.of(made.read.nothing)
    return (
        Sparse.of([made.side(side) for side in group.lefts]),
        Sparse.of([made.side(side) for side in group.rights]),
        Sparse.of([made.valid(side) if one else nowhere for side, one in zip(group.lefts, wanted, strict=True)]),
        Sparse.of([made.valid(side) for side in heads]),
    )


@dataclass(frozen=True)
class Sums:
    """What the two sides of K rules of one kind have in common, by scene, (B, K) float64 each.

    left, right: groundings of either side where the other may be asked. both: common ones. valid: where both may be
    asked. An implication needs neither right nor valid: they are 0.
    """

    left: Tensor
    right: Tensor
    both: Tensor
    valid: Tensor

    def tally(self, kind: Kind) -> tuple[Tensor, Tensor]:
        """(live, broken) groundings by scene, (B, K) each."""
        either = self.left + self.right - self.both
        match kind:
            case Kind.IMPLIES:
                return self.left, self.left - self.both
            case Kind.DENIES:
                return self.left, self.both
            case Kind.IFF:
                return either, either - self.both
            case Kind.EXCLUDES:
                return either, self.both
            case Kind.EXHAUSTS:
                return self.valid, self.valid - either


def crossed(
    lefts: Sequence[Side],
    rights: Sequence[Side],
    facts: Facts,
    watch: Watch | None = None,
    what: str = "",
    rules: int = 0,
    width: int = 2,
) -> tuple[Tensor, Tensor]:
    """(live, hits) of every body with every head over the same objects, summed over scenes, (I, J) float64.

    what, rules: what is counted, and how many rules that is, for the watch. width: 2 objects, or 1.
    """
    live, hits = (torch.zeros(len(lefts), len(rights), dtype=torch.float64) for _ in range(2))
    parts = [slice(first, first + SIDES) for first in range(0, len(lefts), SIDES)]
    # Every body is counted on the same scenes, so that what is reached when the time is up is reached for all.
    scenes = blocks(facts, 4 * SIDES * facts.objects.shape[1] ** width)
    for index in scenes if watch is None else watch.parts(what, rules, scenes):
        here = facts.select(index)
        for part in parts:
            group = Group(width, (), (), tuple(lefts[part]), tuple(rights), (), ())
            for batch in stacked(group, here):
                live[part] += batch.left.times(batch.asked).sum(0)
                hits[part] += batch.left.times(batch.right).sum(0)
    return live, hits


def tallies(formulas: Sequence[Formula], view: View, images: Mapping[str, View] | None = None) -> tuple[Tensor, Tensor]:
    """(live, broken) groundings of every rule in every scene, two (K, B) int64 tensors on the CPU."""
    live = torch.zeros(len(formulas), len(view.facts), dtype=torch.int64)
    broken = torch.zeros_like(live)
    batched, others = groups(formulas)
    for group in batched:
        for batch in stacked(group, view.facts):
            for kind in dict.fromkeys(group.kinds):
                chosen = [number for number, one in enumerate(group.kinds) if one is kind]
                places = torch.tensor([group.places[number] for number in chosen])
                alive, wrong = _sums(group, chosen, batch).tally(kind)
                live[places, batch.scenes], broken[places, batch.scenes] = alive.T.long(), wrong.T.long()
    for place in others:
        shared = fan(formulas[place])
        alive, wrong = fan_tally(shared, view.facts) if shared else count(formulas[place], view, images)
        live[place], broken[place] = alive.cpu(), wrong.cpu()
    return live, broken


def _sums(group: Group, chosen: Sequence[int], batch: Batch) -> Sums:
    """What the two sides of the chosen rules of one kind have in common, (B, K) each."""
    rows, one = _numbered([group.left_of[number] for number in chosen])
    columns, other = _numbered([group.right_of[number] for number in chosen])
    scenes = batch.scenes.stop - batch.scenes.start
    nowhere = torch.zeros(scenes, len(chosen), dtype=torch.float64)

    def gathered(first: Stack, second: Stack) -> Tensor:
        """(B, K) float64: the products of all sides, of which each rule takes one."""
        same = len(second) == 1
        return first.take(rows).times(second if same else second.take(columns))[:, one, 0 if same else other]

    implies = all(group.kinds[number] in (Kind.IMPLIES, Kind.DENIES) for number in chosen)
    return Sums(
        gathered(batch.left, batch.asked),
        nowhere if implies else gathered(batch.valid, batch.right),
        gathered(batch.left, batch.right),
        nowhere if implies else gathered(batch.valid, batch.asked),
    )


def _numbered(places: Sequence[int]) -> tuple[list[int], list[int]]:
    """The different ones, and for each of all its number among these."""
    different = sorted(set(places))
    number = {place: count for count, place in enumerate(different)}
    return different, [number[place] for place in places]
