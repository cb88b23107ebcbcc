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
from enum import Enum
from functools import reduce

import torch
from torch import Tensor

from kg import Formula
from kg.formulas import And, Atom, Iff, Implies, Not, Or
from rulekd.extraction.counting import EXACT_FLOAT32, blocks, once
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts
from rulekd.grounding import View, count

#: Matrix entries of all sides that are held at once.
BLOCK = 2**24

#: Bodies that are crossed with all heads at once.
SIDES = 128


class Kind(Enum):
    """How the two sides are joined."""

    IMPLIES = "body -> head"
    IFF = "left <-> right"
    EXCLUDES = "~(left & right)"
    EXHAUSTS = "left | right"


@dataclass(frozen=True)
class Placed:
    """An atom in the matrix of a pair: axes 0 and 1 are the two shared objects, 2 the one between them."""

    predicate: str
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Side:
    """A body or a head. chain: atoms of the middle object, some with either end, or nothing. atoms: over the pair
    itself, all of them required; with ``either``, one of them is enough."""

    chain: tuple[Placed, ...]
    atoms: tuple[Placed, ...]
    either: bool = False


@dataclass(frozen=True)
class TwoSided:
    """A rule as two matrices; ``width`` is the number of shared objects."""

    left: Side
    right: Side
    kind: Kind
    width: int


def two_sided(formula: Formula) -> TwoSided | None:
    """The rule as two matrices; None when it has another shape."""
    match formula:
        case Implies(body, head):
            return _implication(body, head)
        case Iff(Atom() as left, Atom() as right):
            return _of_atoms(left, right, Kind.IFF)
        case Not(And((Atom() as left, Atom() as right))):
            return _of_atoms(left, right, Kind.EXCLUDES)
        case Or((Atom() as left, Atom() as right)):
            return _of_atoms(left, right, Kind.EXHAUSTS)
        case _:
            return None


def _implication(body: Formula, head: Formula) -> TwoSided | None:
    bodies, heads = _atoms(body, And), _atoms(head, Or)
    if bodies is None or heads is None:
        return None
    names = sorted({name for atom in (*bodies, *heads) for name in atom.arguments})
    shared = sorted({name for atom in heads for name in atom.arguments})
    middle = [name for name in names if name not in shared]
    if len(names) == 2 and len(middle) == 1:  # c(a) & p(a, b) -> d(b): the head speaks of one object of the pair
        shared, middle = names, []
    if not 1 <= len(shared) <= 2 or len(middle) > 1:
        return None
    axis = {name: place for place, name in enumerate((*shared, *middle))}
    placed = [placed_at(atom, axis) for atom in (*bodies, *heads)]
    if any(atom is None for atom in placed):
        return None
    atoms = [atom for atom in placed if atom is not None]
    chain = tuple(atom for atom in atoms[: len(bodies)] if 2 in atom.axes)
    direct = tuple(atom for atom in atoms[: len(bodies)] if 2 not in atom.axes)
    if middle and not {(0, 2), (1, 2)} <= {tuple(sorted(atom.axes)) for atom in chain}:
        return None
    return TwoSided(Side(chain, direct), Side((), tuple(atoms[len(bodies) :]), True), Kind.IMPLIES, len(shared))


def _of_atoms(left: Atom, right: Atom, kind: Kind) -> TwoSided | None:
    names = sorted({*left.arguments, *right.arguments})
    if not 1 <= len(names) <= 2:
        return None
    axis = {name: place for place, name in enumerate(names)}
    one, other = placed_at(left, axis), placed_at(right, axis)
    if one is None or other is None or len(one.axes) != len(names) or len(other.axes) != len(names):
        return None
    return TwoSided(Side((), (one,)), Side((), (other,)), kind, len(names))


def _atoms(formula: Formula, join: type[And] | type[Or]) -> tuple[Atom, ...] | None:
    parts = formula.parts if isinstance(formula, join) else (formula,)
    return tuple(part for part in parts if isinstance(part, Atom)) if all(isinstance(p, Atom) for p in parts) else None


def placed_at(atom: Atom, axis: Mapping[str, int]) -> Placed | None:
    """The atom in a matrix whose axes are named; None when it repeats an object or speaks of more than two."""
    axes = tuple(axis[name] for name in atom.arguments)
    return Placed(atom.predicate, axes) if len(set(axes)) == len(axes) and 1 <= len(axes) <= 2 else None


def side_of(atoms: Sequence[Atom], axis: Mapping[str, int], *, either: bool = False) -> Side:
    """Atoms as a body, or with ``either`` as a head; those that have no place are left out."""
    placed = [one for atom in atoms if (one := placed_at(atom, axis)) is not None]
    return Side(
        tuple(one for one in placed if 2 in one.axes), tuple(one for one in placed if 2 not in one.axes), either
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
            case Kind.IFF:
                return either, either - self.both
            case Kind.EXCLUDES:
                return either, self.both
            case Kind.EXHAUSTS:
                return self.valid, self.valid - either


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
            ends = [[atom for atom in chain if end in atom.axes] for end in (0, 1)]
            ends[0] += [atom for atom in chain if atom.axes == (2,)]
            first, second = (reduce(torch.mul, [self._to_middle(atom) for atom in end]) for end in ends)
            self._last = chain, (first @ second.transpose(1, 2)) * self.pairs
        return self._last[1]

    def _to_middle(self, atom: Placed) -> Tensor:
        """(B, N, N): an end of the chain against the middle object."""
        return self.atom(Placed(atom.predicate, tuple(1 if axis == 2 else 0 for axis in atom.axes)))

    def valid(self, side: Side) -> Tensor:
        """(B, N) or (B, N, N), 0 or 1: where every atom of a side may be asked."""
        result = self.atom(side.atoms[0], valid=True)
        for atom in side.atoms[1:]:
            result = result * self.atom(atom, valid=True)
        return result


@dataclass(frozen=True)
class Group:
    """Rules over the same number of shared objects. places: of the rules in the list that was given; rules: (body,
    head) of each, as numbers of ``lefts`` and ``rights``."""

    width: int
    places: tuple[int, ...]
    kinds: tuple[Kind, ...]
    lefts: tuple[Side, ...]
    rights: tuple[Side, ...]
    left_of: tuple[int, ...]
    right_of: tuple[int, ...]


def groups(formulas: Sequence[Formula]) -> tuple[list[Group], list[int]]:
    """The rules that are two matrices, by the number of shared objects; and the places of the others."""
    read = [two_sided(formula) for formula in formulas]
    found = []
    for width in (1, 2):
        places = [place for place, one in enumerate(read) if one is not None and one.width == width]
        rules = [one for one in read if one is not None and one.width == width]
        if not rules:
            continue
        lefts = {side: number for number, side in enumerate(dict.fromkeys(one.left for one in rules))}
        rights = {side: number for number, side in enumerate(dict.fromkeys(one.right for one in rules))}
        found.append(
            Group(
                width,
                tuple(places),
                tuple(one.kind for one in rules),
                tuple(lefts),
                tuple(rights),
                tuple(lefts[one.left] for one in rules),
                tuple(rights[one.right] for one in rules),
            )
        )
    return found, [place for place, one in enumerate(read) if one is None]


def stacked(group: Group, facts: Facts) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
    """(scenes, L, R, V, W) in parts of the batch: bodies (B, I, M), heads (B, J, M), and where each may be asked.

    M is N or N^2. V is 0 for bodies of several atoms. Where every head may be asked at the same groundings, W is one
    row a scene, seen J times.
    """
    size = facts.objects.shape[1] ** group.width * (len(group.lefts) + len(group.rights)) * 2
    step = max(1, BLOCK // max(1, size))
    named = {atom.predicate for side in group.rights for atom in side.atoms}
    shared = named.isdisjoint(facts.valid)
    for first in range(0, len(facts), step):
        scenes = slice(first, min(first + step, len(facts)))
        index = torch.arange(scenes.start, scenes.stop, device=facts.objects.device)
        made = Matrices(facts if step >= len(facts) else facts.select(index), group.width)
        left = torch.stack([made.side(side).flatten(1) for side in group.lefts], 1)
        right = torch.stack([made.side(side).flatten(1) for side in group.rights], 1)
        valid = torch.zeros_like(left)
        for place, side in enumerate(group.lefts):
            if not side.chain and len(side.atoms) == 1:
                valid[:, place] = made.valid(side).flatten(1)
        if shared:
            asked = made.valid(group.rights[0]).flatten(1)[:, None].expand_as(right)
        else:
            asked = torch.stack([made.valid(side).flatten(1) for side in group.rights], 1)
        yield scenes, left, right, valid, asked


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
            for _, left, right, _, asked in stacked(group, here):
                live[part] += (left @ once(asked).transpose(1, 2)).double().sum(0).cpu()
                hits[part] += (left @ right.transpose(1, 2)).double().sum(0).cpu()
    return live, hits


def tallies(formulas: Sequence[Formula], view: View, images: Mapping[str, View] | None = None) -> tuple[Tensor, Tensor]:
    """(live, broken) groundings of every rule in every scene, two (K, B) int64 tensors on the CPU."""
    live = torch.zeros(len(formulas), len(view.facts), dtype=torch.int64)
    broken = torch.zeros_like(live)
    batched, others = groups(formulas)
    for group in batched:
        for scenes, left, right, valid, asked in stacked(group, view.facts):
            for kind in dict.fromkeys(group.kinds):
                chosen = [number for number, one in enumerate(group.kinds) if one is kind]
                places = torch.tensor([group.places[number] for number in chosen])
                sums = _sums(group, chosen, left, right, valid, asked)
                alive, wrong = sums.tally(kind)
                live[places, scenes], broken[places, scenes] = alive.T.long(), wrong.T.long()
    for place in others:
        alive, wrong = count(formulas[place], view, images)
        live[place], broken[place] = alive.cpu(), wrong.cpu()
    return live, broken


def _sums(group: Group, chosen: Sequence[int], left: Tensor, right: Tensor, valid: Tensor, asked: Tensor) -> Sums:
    """What the two sides of the chosen rules of one kind have in common, (B, K) each."""
    rows, one = _numbered([group.left_of[number] for number in chosen])
    columns, other = _numbered([group.right_of[number] for number in chosen])
    nowhere = torch.zeros(len(left), len(chosen), dtype=torch.float64)

    def gathered(first: Tensor, second: Tensor) -> Tensor:
        """(B, K) float64 on the CPU: the products of all sides, of which each rule takes one."""
        same = once(second).shape[1] == 1
        here = once(second) if same else second[:, columns]
        return (first[:, rows] @ here.transpose(1, 2)).cpu()[:, one, 0 if same else other].double()

    implies = all(group.kinds[number] is Kind.IMPLIES for number in chosen)
    return Sums(
        gathered(left, asked),
        nowhere if implies else gathered(valid, right),
        gathered(left, right),
        nowhere if implies else gathered(valid, asked),
    )


def _numbered(places: Sequence[int]) -> tuple[list[int], list[int]]:
    """The different ones, and for each of all its number among these."""
    different = sorted(set(places))
    number = {place: count for count, place in enumerate(different)}
    return different, [number[place] for place in places]
