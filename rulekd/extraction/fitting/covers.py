"""Disjunctions out of all conjunctions of up to three literals, counted at once; for columns of few distinct values.

A law of several cases ("a line of three, in any of eight places") has cases that are right without exception and
useless one literal at a time, so that no growth leads to them. With L literals their number is C(L, 3), and how many
true and false sites each covers is one matrix product,

    hits(i, j, k) = sum_s  x_i(s) x_j(s) x_k(s) y(s).

Of the conjunctions that cover no false site, and contain no shorter one that does not, a cover of the true sites is
chosen greedily, by new sites for each unit of length (Chvatal 1979: within a factor of ln n of the smallest).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from rulekd.extraction.fitting.columns import Values
from rulekd.extraction.fitting.disjunctions import Bools, Cut, Disjunction, Sample

#: Distinct values of a column up to which each of them gives a literal.
DISTINCT = 12

#: Literals up to which all triples are counted; sites that they are counted on; and entries of one matrix.
MOST, SITES, BLOCK = 260, 3000, 2**24

#: True sites that a case must cover to be one.
LEAST = 3


@dataclass(frozen=True)
class Literals:
    """L comparisons: cuts, (L, n) whether each holds, (L,) how long each is, and the column of each."""

    cuts: tuple[Cut, ...]
    holds: NDArray[np.float32]
    length: Values
    column: NDArray[np.int64]


def covers(sample: Sample, literals: int, disjuncts: int) -> Iterator[Disjunction]:
    """Covers of one case, of two, ...; nothing where there are too many literals to count, or no pure case."""
    known = _literals(sample)
    if known is None or sample.bag is not None or not len(known.cuts):
        return
    true = sample.truth.astype(np.float32)
    cases = list(_pure(known, true))
    if not cases:
        return
    held = np.stack([np.logical_and.reduce(known.holds[list(case)] > 0) for case in cases])
    lengths = np.array([known.length[list(case)].sum() for case in cases])
    missing = sample.truth.copy()
    chosen: list[int] = []
    for _ in range(disjuncts):
        new = (held & missing).sum(1)
        best = int(np.argmax(new / lengths))
        if new[best] < LEAST or sum(len(cases[case]) for case in (*chosen, best)) > literals:
            break
        missing &= ~held[best]
        chosen.append(best)
    for count in range(1, len(chosen) + 1):
        shortest = _shortened(chosen[:count], held, lengths, sample.truth)
        yield tuple(tuple(known.cuts[number] for number in cases[case]) for case in shortest)


def _shortened(chosen: Sequence[int], held: NDArray[np.bool_], lengths: Values, truth: Bools) -> list[int]:
    """Each case replaced by the shortest one that covers what no other case does; left out where nothing is."""
    kept = list(chosen)
    for case in chosen:
        others = [other for other in kept if other != case]
        needed = held[case] & truth
        if others:
            needed = needed & ~np.logical_or.reduce(held[others])
        if not needed.any():
            kept.remove(case)
            continue
        fitting = np.flatnonzero(held[:, needed].all(axis=1))
        shortest = int(fitting[np.argmin(lengths[fitting])])
        if lengths[shortest] < lengths[case] and shortest not in others:
            kept[kept.index(case)] = shortest
    return kept


def _literals(sample: Sample) -> Literals | None:
    """Every comparison of every column with one of its values; None where some column has too many."""
    made: list[tuple[Cut, Bools, float, int]] = []
    if sample.values.shape[1] > SITES:
        return None
    for column, values in enumerate(sample.values):
        distinct = np.unique(values)
        if len(distinct) > DISTINCT:
            return None
        binary = len(distinct) == 2
        for low, high in pairwise(distinct.tolist()):
            for above in (True, False):
                cut = Cut(column, above, low, high)
                # What a thing is says more than what it is not.
                length = float(sample.sizes[column]) + (binary and not above and low == 0)
                made.append((cut, cut.holds(values), length, column))
        if len(made) > MOST:
            return None
    holds = np.array([literal[1] for literal in made], dtype=np.float32).reshape(len(made), -1)
    return Literals(
        tuple(literal[0] for literal in made),
        holds,
        np.array([literal[2] for literal in made]),
        np.array([literal[3] for literal in made], dtype=np.int64),
    )


def _pure(known: Literals, true: NDArray[np.float32]) -> Iterator[tuple[int, ...]]:
    """The conjunctions of one, two and three literals of different columns that cover no false site, minimal ones."""
    false = 1 - true
    count = len(known.cuts)
    hit, wrong = known.holds @ true, known.holds @ false
    ones = (hit >= LEAST) & (wrong == 0)
    yield from ((number,) for number in ones.nonzero()[0].tolist())
    left = (~ones & (hit >= LEAST)).nonzero()[0]
    pairs = [(i, j) for i, j in combinations(left.tolist(), 2) if known.column[i] != known.column[j]]
    if not pairs:
        return
    first, second = np.array(pairs).T
    pure_pairs = np.zeros((count, count), dtype=np.bool_)
    step = max(1, BLOCK // known.holds.shape[1])
    for start in range(0, len(pairs), step):
        i, j = first[start : start + step], second[start : start + step]
        both = known.holds[i] * known.holds[j]
        hit, wrong = both @ true, both @ false
        pure = (hit >= LEAST) & (wrong == 0)
        pure_pairs[i[pure], j[pure]] = pure_pairs[j[pure], i[pure]] = True
        yield from zip(i[pure].tolist(), j[pure].tolist(), strict=True)
    for start in range(0, len(pairs), step):
        i, j = first[start : start + step], second[start : start + step]
        both = known.holds[i] * known.holds[j]
        enough = (both @ true >= LEAST) & ~pure_pairs[i, j]
        i, j, both = i[enough], j[enough], both[enough]
        hits, wrongs = (both * true) @ known.holds.T, (both * false) @ known.holds.T
        pure = (hits >= LEAST) & (wrongs == 0)
        pure &= np.arange(count)[None] > j[:, None]  # each triple once
        pure &= ~ones[None] & ~pure_pairs[i] & ~pure_pairs[j]
        pure &= (known.column[i][:, None] != known.column[None]) & (known.column[j][:, None] != known.column[None])
        rows, thirds = pure.nonzero()
        yield from zip(i[rows].tolist(), j[rows].tolist(), thirds.tolist(), strict=True)
