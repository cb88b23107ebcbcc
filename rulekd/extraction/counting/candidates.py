"""Counting all rules of one shape at once, by batched matrix products.

An *oriented atom* is a predicate over (a, b) read as p(a, b) or as p(b, a); over one object there is only p(a).
With X_i the 0/1 matrix of oriented atom i in a scene and V_i its validity,

    both(i, j)       = sum_ab X_i X_j                 one (M, N^2) x (N^2, M) product a scene,
    paths(i, j)_ac   = sum_b X_i,ab X_j,bc            a chain of two atoms, b distinct from a and c,
    hits(i, j, h)    = sum_ac paths(i, j)_ac X_h,ac   its head.

Counts are whole numbers: float32 holds them while a sum stays under 2^24, beyond that the product runs in
float64. They are sums over scenes, so shards and machines add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kg import Atom, RulekdError
from rulekd.extraction.counting.products import EXACT_FLOAT32
from rulekd.extraction.counting.sparse import Plane, Read, Sparse, sparse, two_steps
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts

#: Scenes are counted in parts of about this many matrix entries.
BLOCK = 2**24

#: Multiplications in a part, about: a second of work, after which somebody may look at a clock.
WORK = 2**33

#: What the counts of pairs are called, by arity.
PAIRS = {0: "pairs of classes", 1: "pairs of properties", 2: "pairs"}

#: Bytes that the matrices of one scene may take; a scene is never split.
BUDGET = 2**30


@dataclass(frozen=True)
class PairCounts:
    """What two oriented atoms have in common, summed over scenes. All (M, M) float64.

    valid: groundings at which both may be asked about; first, second: those at which the first (second) of the
    two is true; both: at which both are.
    """

    atoms: tuple[Atom, ...]
    valid: Tensor
    first: Tensor
    both: Tensor

    @property
    def second(self) -> Tensor:
        """(M, M): groundings at which the second atom is true and both are valid."""
        return self.first.T

    @property
    def neither(self) -> Tensor:
        """(M, M): valid groundings at which neither is true."""
        return self.valid - self.first - self.second + self.both


@dataclass(frozen=True)
class ChainCounts:
    """Groundings of r1(a, b) & r2(b, c) and of a head over (a, c), summed over scenes. (M, M, P) float64.

    live: body true and head valid; hits: head true as well.
    """

    atoms: tuple[Atom, ...]
    heads: tuple[Atom, ...]
    live: Tensor
    hits: Tensor


def check_size(facts: Facts) -> None:
    """Raise RulekdError for scenes too large to be counted, with the arithmetic and the way out.

    Large scenes of which little is true take little.
    """
    if sparse(facts):
        return
    relations = sum(value.dim() == 3 for value in facts.values.values())
    objects = facts.objects.shape[1]
    needed = 2 * relations * objects**2 * 8  # two orientations; truth and validity in float32
    if needed > BUDGET:
        raise RulekdError(
            f"{relations} relations over scenes of {objects:,} objects take 2 x {relations} x {objects:,}^2 x 8 bytes, "
            f"{needed / 2**30:.1f} GiB a scene; {BUDGET / 2**30:.0f} GiB are allowed",
            hint="Cut the scene into neighbourhoods, one a scene and with one group, or mine fewer relations.",
        )


def oriented_atoms(facts: Facts, arity: int) -> tuple[Atom, ...]:
    """p() for arity 0; p(a) for arity 1; p(a, b) for every predicate, then p(b, a) for every predicate, for arity 2."""
    names = [name for name, value in facts.values.items() if value.dim() == arity + 1]
    if arity < 2:
        return tuple(Atom(name, ("a",)[:arity]) for name in names)
    assert arity == 2, "only atoms over two objects at most are oriented"
    return tuple(Atom(name, ("a", "b")) for name in names) + tuple(Atom(name, ("b", "a")) for name in names)


def matrices(facts: Facts, atoms: Sequence[Atom]) -> tuple[Tensor, Tensor]:
    """(X, V): truth and validity of oriented atoms, (B, M), (B, M, N) or (B, M, N, N) float32, truth 0 where invalid.

    Where every atom may be asked about at the same groundings, V is one matrix a scene, seen M times.
    """
    arity = facts.values[atoms[0].predicate].dim() - 1
    shape = (len(facts), len(atoms), *(facts.objects.shape[1],) * arity)
    shared = not any(atom.predicate in facts.valid for atom in atoms)
    truths = torch.empty(shape, device=facts.objects.device)
    valids = facts.groundings(arity).float()[:, None].expand(shape) if shared else torch.empty_like(truths)
    off = facts.groundings(arity)  # the diagonal belongs to no pair of distinct objects
    for place, atom in enumerate(atoms):
        valid = facts.validity(atom.predicate) & off
        truth = facts.crisp(atom.predicate) & valid
        turned = atom.arguments == ("b", "a")
        truths[:, place] = truth.transpose(1, 2) if turned else truth
        if not shared:
            valids[:, place] = valid.transpose(1, 2) if turned else valid
    return truths, valids


def count_pairs(facts: Facts, arity: int, watch: Watch | None = None) -> PairCounts:
    """All pairs of oriented atoms of one arity."""
    atoms = oriented_atoms(facts, arity)
    size = len(atoms)
    valid, first, both = (torch.zeros(size, size, dtype=torch.float64) for _ in range(3))
    thin = arity == 2 and sparse(facts)
    parts = one_by_one(facts) if thin else blocks(facts, size * facts.objects.shape[1] ** arity)
    for index in parts if watch is None else watch.parts(PAIRS[arity], size * size, parts):
        if thin:
            true, allowed = _planes(facts.select(index), atoms)
            for total, one, other in ((valid, allowed, allowed), (first, true, allowed), (both, true, true)):
                total += one.times(other)[0]
            continue
        x, v = (m.flatten(2) if arity else m[..., None] for m in matrices(facts.select(index), atoms))
        asked = once(v).transpose(1, 2)
        valid += _product(once(v), asked)
        first += _product(x, asked)
        both += _product(x, x.transpose(1, 2))
    return PairCounts(atoms, valid, first, both)


def count_images(facts: Facts, image: Facts, arity: int) -> tuple[tuple[Atom, ...], Tensor, Tensor]:
    """(atoms, either, differ): a scene's oriented atom i against atom j in its image, (M, M) float64 sums."""
    atoms = oriented_atoms(facts, arity)
    size = len(atoms)
    either, differ = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    for index in blocks(facts, size * facts.objects.shape[1] ** arity):
        x, v = (m.flatten(2) for m in matrices(facts.select(index), atoms))
        y, w = (m.flatten(2).transpose(1, 2) for m in matrices(image.select(index), atoms))
        both, first, second = _product(x, y), _product(x, w), _product(v, y)
        either += first + second - both
        differ += first + second - 2 * both
    return atoms, either, differ


def count_chains(facts: Facts, watch: Watch | None = None) -> ChainCounts:
    """All bodies r1(a, b) & r2(b, c) of oriented atoms against all heads h(a, c).

    The sum over a is taken first, one product of all first atoms with a head: X_i^T X_h against every X_j.
    """
    atoms = oriented_atoms(facts, 2)
    heads = tuple(Atom(atom.predicate, ("a", "c")) for atom in atoms[: len(atoms) // 2])
    size, objects = len(atoms), facts.objects.shape[1]
    live = torch.zeros(size, size, len(heads), dtype=torch.float64)
    hits = torch.zeros_like(live)
    wide, thin = objects**3 > EXACT_FLOAT32, sparse(facts)
    entries = size * objects**2
    parts = one_by_one(facts) if thin else blocks(facts, entries, entries * len(heads) * (objects + size))
    for index in parts if watch is None else watch.parts("compositions", live.numel(), parts):
        if thin:
            for total, counted in zip((live, hits), two_steps(*_planes(facts.select(index), atoms)), strict=True):
                total += counted[..., : len(heads)]
            continue
        x, v = matrices(facts.select(index), atoms)
        if wide:
            x, v = x.double(), v.double()
        first = x.transpose(2, 3).reshape(len(index), size * objects, objects)  # rows (i, b), columns a
        second = x.flatten(2).transpose(1, 2)

        def closed(head: Tensor, first: Tensor = first, second: Tensor = second) -> Tensor:
            """(M, M): triples that both atoms and a matrix over (a, c) make."""
            return _exact_sum((first @ head).reshape(len(head), size, objects**2) @ second)

        shared = once(v).shape[1] == 1
        if shared:
            live += closed(v[:, 0])[..., None]
        for head in range(len(heads)):
            hits[..., head] += closed(x[:, head])
            if not shared:
                live[..., head] += closed(v[:, head])
    return ChainCounts(atoms, heads, live, hits)


def blocks(facts: Facts, entries: int, work: int = 0) -> list[Tensor]:
    """The numbers of all scenes, in parts of few enough matrix entries and multiplications; each given of one scene."""
    step = max(1, min(BLOCK // max(entries, 1), WORK // max(work, 1)))
    return list(torch.split(torch.arange(len(facts), device=facts.objects.device), step))


def sets_of_equal(support: Tensor, equal: Tensor, least: float) -> list[list[int]]:
    """Numbers of the words that have support, in sets of equal ones; of each set the one with most comes first.

    support: (M,) groundings at which each is true. equal: (M, M) bool.
    """
    sets: list[list[int]] = []
    for place in support.argsort(descending=True, stable=True).tolist():
        if support[place] < least:
            break
        same = next((one for one in sets if bool(equal[place, one[0]])), None)
        sets.append([place]) if same is None else same.append(place)
    return sets


def one_by_one(facts: Facts) -> list[Tensor]:
    """The numbers of all scenes, each alone."""
    return list(torch.arange(len(facts), device=facts.objects.device)[:, None])


def _planes(facts: Facts, atoms: Sequence[Atom]) -> tuple[Sparse, Sparse]:
    """(X, V) of one scene."""
    read = Read(facts)

    def stacked(of: Callable[[str], Plane]) -> Sparse:
        planes = {name: of(name) for name in {atom.predicate for atom in atoms}}
        return Sparse.of(
            [planes[a.predicate].turned if a.arguments == ("b", "a") else planes[a.predicate] for a in atoms]
        )

    return stacked(read.true), stacked(read.asked)


def once(valid: Tensor) -> Tensor:
    """(B, 1, ...) of a validity that is the same for every atom; else as it is."""
    return valid[:, :1] if valid.stride(1) == 0 else valid


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Batched product of 0/1 matrices, summed over the batch, exact."""
    if left.shape[-1] > EXACT_FLOAT32:
        left, right = left.double(), right.double()
    return _exact_sum(left @ right)


def _exact_sum(counts: Tensor) -> Tensor:
    return counts.double().sum(0).cpu()
