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

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rulekd.extraction.fitting.columns import Values

Bools = NDArray[np.bool_]
Numbers = NDArray[Any] | float

#: Conjunctions kept while they grow.
BEAM = 6

#: A column that reads one feature more must be better by this much macro-F1: of two that do equally well, the simpler.
PER_FEATURE = 5e-4

#: Of cuts whose scores differ by less the one in the widest gap is taken; of columns, the one with the widest gap as a
#: share of its range.
MARGIN = 1e-5

#: Values that differ by less, as a share of a column's range, are the same: coordinates come in single precision.
ROUNDING = 1e-6

#: Columns are first compared by cuts between so many groups of sites of equal number, where there are more than
#: CROWDED open sites; of so many times the columns that are wanted the best cut is then found exactly.
GROUPS, CROWDED, REGARDED = 256, 500, 3

#: Of more columns than this, conjunctions are grown of those that tell most alone.
SCREENED = 400

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


#: What a sample finds out about each of its columns once.
SORTED = frozenset({"order", "rank", "groups", "binary", "rounding"})

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
    def rounding(self) -> Values:
        """(M,) differences up to which two numbers of a column are the same."""
        finite = np.where(np.isfinite(self.values), self.values, np.nan)
        some = np.isfinite(self.values).any(1)
        made = np.zeros(len(self.values))
        made[some] = ROUNDING * (np.nanmax(finite[some], axis=1) - np.nanmin(finite[some], axis=1))
        return made

    @cached_property
    def rank(self) -> NDArray[np.uint16] | NDArray[np.int32]:
        """(M, n) place of each site in the order of each column; in two bytes where that suffices, as radix sort is."""
        columns, sites = self.values.shape
        made = np.empty((columns, sites), dtype=np.uint16 if sites <= 2**16 else np.int32)
        np.put_along_axis(made, self.order, np.broadcast_to(np.arange(sites, dtype=made.dtype), made.shape), axis=1)
        return made

    def ordered(self, columns: NDArray[np.int64], chosen: Bools) -> NDArray[np.integer[Any]]:
        """(K, C) the chosen sites in the order of some columns."""
        count, sites = int(chosen.sum()), self.values.shape[1]
        if 2 * count < sites:  # to sort the few is faster than to go through all
            few = chosen.nonzero()[0]
            return few[np.argsort(self.rank[columns[:, None], few], axis=1, kind="stable")]
        order = self.order[columns]
        return order if count == sites else order[chosen[order]].reshape(len(order), count)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(M, n) the group of each site in each column, equal numbers in one."""
        columns, sites = self.values.shape
        ranked = np.take_along_axis(self.values, self.order, axis=1)
        rank = np.where(np.diff(ranked, axis=1, prepend=-np.inf) > 0, np.arange(sites), 0)
        made = np.empty((columns, sites), dtype=np.int64)
        np.put_along_axis(made, self.order, np.maximum.accumulate(rank, axis=1) * GROUPS // sites, axis=1)
        return made

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
        for found_once in SORTED:
            made.__dict__[found_once] = getattr(self, found_once)
        return made

    def and_columns(self, values: Values, sizes: NDArray[np.int64]) -> Sample:
        """With more columns at the same sites; those that are there already are not sorted again."""
        new = replace(self, values=values, sizes=sizes)
        made = replace(self, values=np.concatenate([self.values, values]), sizes=np.concatenate([self.sizes, sizes]))
        for found_once in SORTED & self.__dict__.keys():
            made.__dict__[found_once] = np.concatenate([getattr(self, found_once), getattr(new, found_once)])
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

    def errors(self, formula: Disjunction) -> float:
        """Weight of the bags that the formula tells wrong."""
        hit, false = self.weigh(self.told(formula))
        return self.positive - hit + false

    def score(self, formula: Disjunction) -> float:
        """Two-class macro-F1 of the formula."""
        hit, false = self.weigh(self.told(formula))
        return float(macro_f1(hit, false, self.positive, self.negative))


def macro_f1(hit: Numbers, false: Numbers, positive: float, negative: float) -> NDArray[Any]:
    """Two-class macro-F1 from true positives, false positives and the two totals; any shape.

    >>> round(float(macro_f1(8.0, 0.0, 10.0, 90.0)), 4)
    0.9389
    """
    told = hit + false
    return np.asarray(hit / (told + positive) + (negative - false) / (2 * negative + positive - told))


def gain(hit: NDArray[Any], false: NDArray[Any], positive: float, negative: float) -> NDArray[Any]:
    """What a growing rule is judged by: bits won about its true cases, tp (log precision - log base rate).

    It prefers rules that are pure over rules that cover much, so that a disjunction can be put together from them
    (Quinlan, "Learning logical definitions from relations", 1990).
    """
    base = np.log(positive / (positive + negative))
    return np.asarray(hit * (np.log(np.maximum(hit, 1e-30) / np.maximum(hit + false, 1e-30)) - base))


@dataclass(frozen=True, eq=False)
class Cuts:
    """The best cut of K columns and both sides. columns: (K,). score, low, high: (2, K), below and above."""

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
    sample: Sample,
    open_sites: Bools,
    covered: Bools,
    pure: bool = False,
    among: NDArray[np.int64] | None = None,
    wanted: int | None = None,
) -> Cuts:
    """The best threshold of every column on both sides, exactly, among the sites that are still open.

    open_sites: (n,) where the rest of the conjunction holds. covered: (K,) bags that other disjuncts make true
    already. pure: judge by ``gain`` and not by the macro-F1 of the whole. among: the columns to try; None = all.
    wanted: so many of the best columns are needed; which ones is then first judged by groups of sites.
    """
    place = _Place(sample, (0.0, 0.0) if pure else sample.weigh(covered), pure)
    columns = np.arange(len(sample.values)) if among is None else among
    if sample.bag is not None:
        return _bag_cuts(place, columns, (open_sites & ~covered[sample.bag]).nonzero()[0])
    chosen = open_sites & ~covered
    count = int(chosen.sum())
    if wanted is not None and count > CROWDED and len(columns) > REGARDED * wanted:
        columns = np.sort(columns[np.argsort(-_rough(place, columns, chosen), kind="stable")[: REGARDED * wanted]])
    order = sample.ordered(columns, chosen)
    values = sample.values[columns[:, None], order]
    true = sample.truth[order]
    return Cuts(columns, *_both(_scan(place, columns, values, true, above) for above in (False, True)))


def promising(sample: Sample, covered: Bools, pure: bool) -> NDArray[np.int64] | None:
    """The columns that a conjunction for what is not covered is grown of; None = all, where there are not very many.

    Of more than SCREENED those that tell most by one cut, and every plain number besides: most of so many columns are
    made of two or four numbers, and one that tells nothing alone hardly ever does beside another.
    """
    if sample.bag is not None or len(sample.values) <= SCREENED:
        return None
    place = _Place(sample, (0.0, 0.0) if pure else sample.weigh(covered), pure)
    score = _rough(place, np.arange(len(sample.values)), ~covered)
    kept = (sample.sizes == 1) & ~sample.binary
    kept[np.argsort(-score, kind="stable")[:SCREENED]] = True
    return np.asarray(kept.nonzero()[0])


def _both(sides: Iterable[tuple[Values, Values, Values]]) -> tuple[Values, Values, Values]:
    score, low, high = zip(*sides, strict=True)
    return np.stack(score), np.stack(low), np.stack(high)


def _bag_cuts(place: _Place, columns: NDArray[np.int64], free: NDArray[np.int64]) -> Cuts:
    """A bag is true below a threshold when its least site is, above one when its greatest is. free: open sites."""
    sample = place.sample
    assert sample.bag is not None
    bags, starts = np.unique(sample.bag[free], return_index=True)
    read = sample.values[columns][:, free]
    sides = []
    for above, extreme in ((False, np.minimum), (True, np.maximum)):
        values = extreme.reduceat(read, starts, axis=1) if len(free) else read
        order = np.argsort(values, axis=1, kind="stable")
        ranked = np.take_along_axis(values, order, axis=1)
        sides.append(_scan(place, columns, ranked, sample.truth[bags[order]], above))
    return Cuts(columns, *_both(sides))


@dataclass(frozen=True, eq=False)
class _Place:
    """What a literal at one place is judged by. told: true and false positives that do not depend on it."""

    sample: Sample
    told: tuple[float, float]
    pure: bool

    def judged(self, true: NDArray[Any], false: NDArray[Any], above: bool) -> NDArray[np.float32]:
        """(K, C) of the cut behind each of C steps. true, false: (K, C) sites of both kinds up to there."""
        hits, falses = true * np.float32(self.sample.true_weight), false * np.float32(self.sample.false_weight)
        if above:  # at least: what is not below
            hits, falses = hits[:, -1:] - hits, falses[:, -1:] - falses
        if self.told != (0.0, 0.0):
            hits, falses = hits + np.float32(self.told[0]), falses + np.float32(self.told[1])
        judge = gain if self.pure else macro_f1
        return judge(hits, falses, self.sample.positive, self.sample.negative)

    def simpler(self, score: Values, columns: NDArray[np.int64], above: bool) -> Values:
        """(K,) the scores, less what the columns read beyond one feature."""
        sizes = self.sample.sizes[columns] + (0 if above else self.sample.binary[columns])
        unit = max(float(score.max(initial=0.0)), 0.0) if self.pure else 1.0  # gains are counted in cases; F1 <= 1
        return score - PER_FEATURE * unit * (sizes - 1)


def _rough(place: _Place, columns: NDArray[np.int64], chosen: Bools) -> Values:
    """(K,) the best score of each column, of cuts between groups only."""
    sample, counts = place.sample, []
    groups_of = sample.groups if len(columns) == len(sample.values) else sample.groups[columns]
    first = GROUPS * np.arange(len(columns))[:, None]
    for side in (sample.truth, ~sample.truth):
        rows = (chosen & side).nonzero()[0]
        groups = groups_of.take(rows, axis=1)
        groups += first
        counted = np.bincount(groups.ravel(), minlength=GROUPS * len(columns)).reshape(-1, GROUPS)
        counts.append(counted.cumsum(1, dtype=np.int32))
    scores = []
    true, false = counts
    for above in (False, True):
        judged = place.judged(true, false, above)
        judged[:, -1] = -np.inf
        scores.append(place.simpler(judged.max(1).astype(np.float64), columns, above))
    return np.maximum(*scores)


def _scan(
    place: _Place, columns: NDArray[np.int64], values: Values, truth: Bools, above: bool
) -> tuple[Values, Values, Values]:
    """(score, low, high), each (K,): the best cut of each column. values, truth: (K, C), in rising order of values."""
    width, count = values.shape
    if count < 2:
        return np.full(width, -np.inf), np.full(width, -np.inf), np.full(width, np.inf)
    true = truth.cumsum(1, dtype=np.int32)
    judged = place.judged(true, np.arange(1, count + 1, dtype=np.int32) - true, above)
    with np.errstate(invalid="ignore"):
        room = np.diff(values, axis=1)  # between equal infinities nan, which is no room
        allowed = room > place.sample.rounding[columns][:, None]
    judged[:, :-1][~allowed] = -np.inf
    judged[:, -1] = -np.inf  # everything, or nothing: no literal
    best = judged.max(1)
    unit = max(float(best.max()), 0.0) if place.pure else 1.0
    rows, steps = (judged[:, :-1] >= (best - MARGIN * unit)[:, None]).nonzero()
    chosen = np.zeros(width, dtype=np.int64)
    widest = np.argsort(room[rows, steps], kind="stable")  # the last one that is written to a row stays
    chosen[rows[widest]] = steps[widest]
    every = np.arange(width)
    low, high = values[every, chosen], values[every, chosen + 1]
    with np.errstate(invalid="ignore"):
        share = np.nan_to_num((high - low) * ROUNDING / np.maximum(place.sample.rounding[columns], 1e-300), nan=0.0)
    score = best.astype(np.float64) + MARGIN * unit * np.minimum(share, 1.0)
    return place.simpler(score, columns, above), low, high
