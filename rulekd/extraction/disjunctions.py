"""The search for a short formula: a disjunction of conjunctions of comparisons with thresholds.

For a literal at one place of the formula, all others held fixed, the best column *and* threshold are found exactly:
the groundings that the others leave open are gone through in the order of each column, and every cut is scored at
once from cumulative sums. From that one step everything is built: conjunctions grow by a beam and are then improved
place by place until no exchange helps; disjuncts are added one after another for what is not yet covered.

A formula is scored by the two-class macro-F1 of its truth against the truth it is to tell,

    F1 = mean of  2 TP / (2 TP + FP + FN)  and  2 TN / (2 TN + FP + FN).

Sites may form bags (the groundings of a scene, for a statement about the scene): a bag is true where some site of it
is, and what is scored are bags.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rulekd.extraction.columns import Values

Bools = NDArray[np.bool_]

#: Conjunctions kept while they grow.
BEAM = 6

#: A column that reads one feature more must be better by this much macro-F1: of two that do equally well, the simpler.
PER_FEATURE = 5e-4

#: Weight of the gap that a cut lies in, as a share of the column's range: between equal scores it decides.
MARGIN = 1e-5

#: Two scores that differ by less are the same.
SAME = 1e-9


@dataclass(frozen=True)
class Cut:
    """One literal: a column, at least (above) or at most a threshold, anywhere in (low, high] or [low, high)."""

    column: int
    above: bool
    low: float
    high: float

    @property
    def threshold(self) -> float:
        """The middle of what is left open; the known end where it is open to one side."""
        if not np.isfinite(self.low):
            return self.high
        return self.low if not np.isfinite(self.high) else (self.low + self.high) / 2

    def holds(self, values: Values) -> Bools:
        """(n,) bool."""
        return np.asarray(values >= self.threshold if self.above else values <= self.threshold)


Conjunction = tuple[Cut, ...]
Disjunction = tuple[Conjunction, ...]


@dataclass(frozen=True, eq=False)
class Sample:
    """What is searched: M columns at n sites, and the truth that is to be told.

    values: (M, n). truth: (K,) bool, of each bag. true_weight, false_weight: how many bags of the whole each true
    (false) one stands for: the rarer kind is drawn more often.
    sizes: (M,) features that a column reads. bag: (n,) the bag of each site, in rising order; None = each is its own.
    """

    values: Values
    truth: Bools
    true_weight: float
    false_weight: float
    sizes: NDArray[np.int64]
    bag: NDArray[np.int64] | None = None

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """(M, n) sites in the order of each column."""
        return np.argsort(self.values, axis=1, kind="stable").astype(np.int32)

    @cached_property
    def binary(self) -> Bools:
        """(M,) columns of zeros and ones: statements, whose opposite says less than they do and counts as longer."""
        return np.asarray(((self.values == 0) | (self.values == 1)).all(1))

    @property
    def positive(self) -> float:
        """Weight of all that is true."""
        return float(self.truth.sum()) * self.true_weight

    @property
    def negative(self) -> float:
        """Weight of all that is false."""
        return float((~self.truth).sum()) * self.false_weight

    def opposite(self) -> Sample:
        """The same sites, where what is told is whether the truth is false. Bags have no opposite."""
        assert self.bag is None, "that no site of a bag is true is no statement about some site"
        made = Sample(self.values, ~self.truth, self.false_weight, self.true_weight, self.sizes)
        made.__dict__.update(order=self.order, binary=self.binary)  # found once for both
        return made

    def weigh(self, told: Bools) -> tuple[float, float]:
        """(true, false) positives of what is told, (K,) bool."""
        hit = float((told & self.truth).sum())
        return hit * self.true_weight, (float(told.sum()) - hit) * self.false_weight

    def told(self, formula: Disjunction) -> Bools:
        """(K,) bool: the truth of the formula in each bag."""
        return self.gathered(self.sites(formula))

    def sites(self, formula: Disjunction) -> Bools:
        """(n,) bool: the truth of the formula at each site."""
        told = np.zeros(self.values.shape[1], dtype=np.bool_)
        for conjunction in formula:
            told |= self.all_of(conjunction)
        return told

    def all_of(self, conjunction: Conjunction) -> Bools:
        """(n,) bool: do all cuts hold?"""
        holds = np.ones(self.values.shape[1], dtype=np.bool_)
        for cut in conjunction:
            holds &= cut.holds(self.values[cut.column])
        return holds

    def gathered(self, sites: Bools) -> Bools:
        """(K,) bool: bags with some such site."""
        if self.bag is None:
            return sites
        return np.bincount(self.bag[sites], minlength=len(self.truth)) > 0

    def score(self, formula: Disjunction) -> float:
        """Two-class macro-F1 of the formula."""
        hit, false = self.weigh(self.told(formula))
        return float(macro_f1(hit, false, self.positive, self.negative))


def macro_f1(hit: Values | float, false: Values | float, positive: float, negative: float) -> Values:
    """Two-class macro-F1 from true positives, false positives and the two totals; any shape.

    >>> round(float(macro_f1(8.0, 0.0, 10.0, 90.0)), 4)
    0.9389
    """
    told = hit + false
    return np.asarray(hit / (told + positive) + (negative - false) / (2 * negative + positive - told))


def gain(hit: Values, false: Values, positive: float, negative: float) -> Values:
    """What a growing rule is judged by: bits won about its true cases, tp (log precision - log base rate).

    It prefers rules that are pure over rules that cover much, so that a disjunction can be put together from them
    (Quinlan, "Learning logical definitions from relations", 1990).
    """
    base = np.log(positive / (positive + negative))
    return np.asarray(hit * (np.log(np.maximum(hit, 1e-30) / np.maximum(hit + false, 1e-30)) - base))


@dataclass(frozen=True, eq=False)
class Cuts:
    """The best cut of each column and side at one place. columns: (M,). score, low, high: (2, M), below and above."""

    columns: NDArray[np.int64]
    score: Values
    low: Values
    high: Values

    def best(self, count: int) -> Iterator[tuple[float, Cut]]:
        """The best few columns, each with its better side."""
        side = self.score.argmax(0)
        score = self.score.max(0)
        for place in np.argsort(-score, kind="stable")[:count]:
            above = int(side[place])
            if np.isfinite(score[place]):
                low, high = float(self.low[above, place]), float(self.high[above, place])
                yield float(score[place]), Cut(int(self.columns[place]), bool(above), low, high)


def cuts(
    sample: Sample, open_sites: Bools, covered: Bools, pure: bool = False, among: NDArray[np.int64] | None = None
) -> Cuts:
    """The best threshold of every column on both sides, exactly, among the sites that are still open.

    open_sites: (n,) where the rest of the conjunction holds. covered: (K,) bags that other disjuncts make true
    already. pure: judge by ``gain`` and not by the macro-F1 of the whole. among: the columns to try; None = all.
    """
    hit, false = (0.0, 0.0) if pure else sample.weigh(covered)
    columns = np.arange(len(sample.values)) if among is None else among
    if sample.bag is None:
        chosen = open_sites & ~covered
        order = sample.order if among is None else sample.order[among]
        if not chosen.all():
            order = order[chosen[order]].reshape(len(order), int(chosen.sum()))
        values = np.take_along_axis(sample.values if among is None else sample.values[among], order, axis=1)
        sides: list[tuple[Values, NDArray[Any]]] = [(values, order), (values, order)]
    else:
        free = (open_sites & ~covered[sample.bag]).nonzero()[0]
        bags, starts = np.unique(sample.bag[free], return_index=True)
        read = sample.values[columns][:, free]
        # A bag is true below a threshold when its least site is, above one when its greatest is.
        least = np.minimum.reduceat(read, starts, axis=1) if len(free) else read
        most = np.maximum.reduceat(read, starts, axis=1) if len(free) else read
        up, down = np.argsort(least, axis=1, kind="stable"), np.argsort(most, axis=1, kind="stable")
        sides = [(np.take_along_axis(v, o, axis=1), bags[o]) for v, o in ((least, up), (most, down))]
    sizes = sample.sizes[columns]
    scanned = [
        _scan(sample, values, bags, sizes + (0 if above else sample.binary[columns]), (hit, false), bool(above), pure)
        for above, (values, bags) in enumerate(sides)
    ]
    return Cuts(columns, *(np.stack(parts) for parts in zip(*scanned, strict=True)))


def _scan(
    sample: Sample,
    values: Values,
    bags: NDArray[Any],
    sizes: NDArray[np.int64],
    told: tuple[float, float],
    above: bool,
    pure: bool,
) -> tuple[Values, Values, Values]:
    """(score, low, high), each (M,): the best cut of each column. values, bags: (M, C), in rising order of values.

    told: true and false positives that do not depend on the cut.
    """
    columns, count = values.shape
    if count < 2:
        return np.full(columns, -np.inf), np.full(columns, -np.inf), np.full(columns, np.inf)
    true = sample.truth[bags].cumsum(1, dtype=np.int32)
    hits = true * np.float32(sample.true_weight)
    falses = (np.arange(1, count + 1, dtype=np.int32) - true) * np.float32(sample.false_weight)
    if above:  # at least: what is not below
        hits, falses = hits[:, -1:] - hits, falses[:, -1:] - falses
    judge = gain if pure else macro_f1
    judged = judge(hits + np.float32(told[0]), falses + np.float32(told[1]), sample.positive, sample.negative)
    judged[:, :-1] += _margins(values)
    judged[:, -1] = -np.inf  # everything, or nothing: no literal
    place = judged.argmax(1)
    rows = np.arange(columns)
    score = judged[rows, place].astype(np.float64)
    unit = max(float(score.max()), 0.0) if pure else 1.0  # gains are counted in cases, F1 lies between 0 and 1
    return score - PER_FEATURE * unit * (sizes - 1), values[rows, place], values[rows, place + 1]


def _margins(values: Values) -> NDArray[np.float32]:
    """(M, C - 1): the room that each cut leaves, as a share of the column's range, made too small to matter.

    Of cuts that do equally well the one in the widest gap is taken. Between equal values lies none: -infinity.
    """
    with np.errstate(invalid="ignore"):
        room = np.diff(values, axis=1)
        finite = np.where(np.isfinite(values), values, 0.0)
        share = np.minimum(room / np.maximum(np.ptp(finite, axis=1, keepdims=True), 1e-300), 1.0)
    return np.where(room > 0, MARGIN * share, -np.inf).astype(np.float32)
