"""Formulas are grown literal by literal, improved place by place, and kept as a front of size against fidelity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rulekd.extraction.fitting.covers import covers
from rulekd.extraction.fitting.disjunctions import (
    BEAM,
    SAME,
    Bools,
    Conjunction,
    Cut,
    Disjunction,
    Sample,
    cuts,
    promising,
)

#: Rounds of improvement; each goes through every place of the formula.
ROUNDS = 6

#: At each place of a growing formula so many of the best columns are taken up into the pool that improves it.
POOLED = 12

#: Disjuncts from which on disjunctions of single literals are found as disjunctions like any other.
MANY = 3

#: A longer formula is looked for as long as macro-F1 grows by this much within two literals; one of more than SHORT
#: literals, as long as literals save more errors than they cost (``price``).
WORTH, SHORT = 2e-3, 6

#: On the way back to shorter conjunctions so many of the literals are left out in turn, those that are missed least.
LEFT_OUT = 3


@dataclass(frozen=True)
class Grown:
    """A formula and how well it tells the truth on the sample it was grown on. negated: it tells the opposite."""

    formula: Disjunction
    score: float
    negated: bool = False

    @property
    def literals(self) -> int:
        """Number of literals."""
        return sum(len(conjunction) for conjunction in self.formula)


def front(sample: Sample, literals: int, disjuncts: int) -> list[Grown]:
    """The best formula found of each size up to ``literals``, shortest first, each better than all shorter ones.

    Single conjunctions first; where none is all but perfect, their opposites (which are disjunctions of single
    literals) and disjunctions of up to ``disjuncts`` conjunctions. None where the truth does not vary.
    """
    if not sample.positive or not sample.negative:
        return []
    found = [Grown(formula, sample.score(formula)) for formula in conjunctions(sample, literals)]
    if sample.bag is None and _best(found) < 1 - WORTH:
        opposite = sample.opposite()
        # A disjunction of single literals; where many disjuncts are allowed they are grown below.
        if disjuncts <= MANY:
            found += [Grown(f, opposite.score(f), negated=True) for f in conjunctions(opposite, literals)]
        if disjuncts > 1:
            found += [Grown(formula, sample.score(formula)) for formula in covers(sample, literals, disjuncts)]
            found += [Grown(f, opposite.score(f), negated=True) for f in covers(opposite, literals, disjuncts)]
    if disjuncts > 1 and _best(found) < 1 - WORTH:
        for pure in (True, False):
            found += [Grown(f, sample.score(f)) for f in _joined(sample, literals, disjuncts, pure)]
    return rising(found)


def rising(found: Iterable[Grown]) -> list[Grown]:
    """Those that no other one beats in size and score, shortest first."""
    kept: list[Grown] = []
    for one in sorted(found, key=lambda grown: (grown.literals, -grown.score)):
        if not kept or one.score > kept[-1].score + SAME:
            kept.append(one)
    return kept


def _best(found: list[Grown]) -> float:
    return max((one.score for one in found), default=0.0)


def conjunctions(sample: Sample, longest: int) -> list[Disjunction]:
    """One conjunction of each length: grown, improved, then shortened again from the longest.

    What was grown first need not be needed in the end: of ``p >= -1 & p <= 1`` and ``abs(p) <= 1`` only the way back
    finds the second.
    """
    nothing = np.zeros(len(sample.truth), dtype=np.bool_)
    by_length: dict[int, tuple[float, Disjunction]] = {}

    def offer(formula: Disjunction) -> bool:
        length, score = len(formula[0]), sample.score(formula)
        better = length not in by_length or by_length[length][0] < score - SAME
        if better:
            by_length[length] = score, formula
        return better

    best, stalled = 0.0, 0
    pool: set[int] = set()
    for beam in _beams(sample, nothing, longest, pure=False, pool=pool):
        for conjunction in beam[:2]:
            offer(improve(sample, (conjunction,), pool))
        length = len(beam[0])
        score, formula = by_length[length]
        better = score > best + WORTH
        if better and length > SHORT:
            better = any(_pays(sample, by_length[length - less][1], formula) for less in (1, 2))
        stalled = 0 if better else stalled + 1
        best = max(best, score)
        if best >= 1 - SAME or stalled == 2:
            break
    for length in sorted(by_length, reverse=True):
        if length == 1 or (length > 2 and by_length[length][0] < by_length.get(length - 1, (0.0,))[0] + SAME):
            continue
        (conjunction,) = by_length[length][1]
        shorter = [(conjunction[:place] + conjunction[place + 1 :],) for place in range(length)]
        shorter.sort(key=sample.score, reverse=True)
        for one in shorter[:LEFT_OUT]:
            offer(improve(sample, one, pool))
    return [formula for _, formula in by_length.values()]


def price(columns: int, sites: float, wrong: float) -> float:
    """The errors that one literal more must save: its bits over those of an error.

    A literal is one of 2 M comparisons with one of n numbers, log2(2 M n) bits, and an error about
    log2(n / errors) + log2(e) bits to list: the shortest description of the truth is sought (Quinlan and Rivest,
    "Inferring decision trees using the minimum description length principle", 1989).

    >>> round(price(columns=60, sites=1000, wrong=50), 2)
    2.93
    """
    return float(np.log2(2 * columns * sites) / (np.log2(sites / max(wrong, 1)) + np.log2(np.e)))


def description(columns: int, literals: int, told: Bools, truth: Bools) -> float:
    """Bits that a formula takes, and the sites that it tells wrong: (n,) bool what is told, and the truth.

    Each literal log2(2 M n), as in ``price``; the errors are listed apart, e of the c that are told true and e' of the
    others, log2 C(c, e) + log2 C(n - c, e'): a literal that says nothing takes away from the few that are told true, of
    which a larger share is wrong than of all (Quinlan, "MDL and categorical theories (continued)", 1995).

    >>> truth = np.arange(1000) < 100
    >>> round(description(60, 1, np.arange(1000) < 104, truth), 1)  # log2 120,000 and log2 C(104, 4)
    39.0
    """
    bits = literals * math.log2(2 * columns * len(truth))
    for side in (told, ~told):
        cases, errors = int(side.sum()), int((side & (told ^ truth)).sum())
        bits += (math.lgamma(cases + 1) - math.lgamma(errors + 1) - math.lgamma(cases - errors + 1)) / math.log(2)
    return bits


def _pays(sample: Sample, shorter: Disjunction, longer: Disjunction) -> bool:
    """Does the longer formula save as many errors as its further literals cost?"""
    before, after = sample.errors(shorter), sample.errors(longer)
    sites = sample.positive + sample.negative
    more = sum(map(len, longer)) - sum(map(len, shorter))
    return before - after >= more * price(len(sample.values), sites, after)


def promise(sample: Sample, longest: int) -> float:
    """The score of the best conjunction as it is grown, without improving it: a lower bound, at a fifth of the cost."""
    nothing = np.zeros(len(sample.truth), dtype=np.bool_)
    return max((sample.score((beam[0],)) for beam in _beams(sample, nothing, longest, pure=False)), default=0.0)


def _beams(
    sample: Sample, covered: Bools, longest: int, pure: bool, pool: set[int] | None = None
) -> Iterator[list[Conjunction]]:
    """The best conjunctions of length 1, 2, ...: each grown from those before by its best literals.

    pool: takes up the columns that did well anywhere.
    """
    beam: list[Conjunction] = [()]
    among = promising(sample, covered, pure)
    for _ in range(longest):
        grown: dict[frozenset[tuple[int, bool]], tuple[float, Conjunction]] = {}
        for conjunction in beam:
            ranked = list(cuts(sample, sample.all_of(conjunction), covered, pure, among, wanted=POOLED).best(POOLED))
            if pool is not None:
                pool.update(cut.column for _, cut in ranked)
            for score, cut in ranked[:BEAM]:
                longer = (*conjunction, cut)
                key = frozenset((each.column, each.above) for each in longer)
                if len(key) == len(longer) and (key not in grown or grown[key][0] < score):
                    grown[key] = score, longer
        if not grown:
            return
        beam = _varied([conjunction for _, conjunction in sorted(grown.values(), key=lambda pair: -pair[0])])
        yield beam


def _varied(ranked: list[Conjunction]) -> list[Conjunction]:
    """The first few, no literal's column in more than half of them: else all of them are one formula in disguise."""
    uses: dict[int, int] = {}
    kept: list[Conjunction] = []
    for conjunction in ranked:
        if all(uses.get(cut.column, 0) < BEAM / 2 for cut in conjunction) or not kept:
            kept.append(conjunction)
            for cut in conjunction:
                uses[cut.column] = uses.get(cut.column, 0) + 1
        if len(kept) == BEAM:
            break
    return kept


def _joined(sample: Sample, literals: int, disjuncts: int, pure: bool) -> Iterator[Disjunction]:
    """Disjunctions grown by covering: each further conjunction speaks for what is not yet told.

    pure: conjunctions stay as they were grown, each right by itself: a law of several cases is found so. Otherwise
    all of them are improved together after each one, which tells more where no exact law is to be had. No more are
    added where two in turn do not save what their literals cost.
    """
    formula: Disjunction = ()
    score, idle = 0.0, 0
    pool: set[int] = set()
    for _ in range(disjuncts):
        room = literals - sum(map(len, formula))
        if room < 1:
            return
        further = _purest(sample, sample.told(formula), room, pool)
        if further is None:
            return
        longer = (*formula, further)
        longer = prune(sample, longer if pure else improve(sample, longer, pool, rounds=1))
        if sample.score(longer) <= score + SAME:
            return
        idle = 0 if _pays(sample, formula, longer) else idle + 1
        formula, score = longer, sample.score(longer)
        yield formula
        if score >= 1 - SAME or idle == 2:
            return


def _purest(sample: Sample, covered: Bools, longest: int, pool: set[int]) -> Conjunction | None:
    """The conjunction that wins most bits about what is not covered. pool: takes up the columns that did well."""
    best: tuple[float, Conjunction] | None = None
    missing = ~covered
    for beam in _beams(sample, covered, longest, pure=True, pool=pool):
        for conjunction in beam:
            told = sample.gathered(sample.all_of(conjunction)) & missing
            hit, false = sample.weigh(told)
            if hit == 0:
                continue
            base = np.log(sample.positive / (sample.positive + sample.negative))
            won = hit * (np.log(hit / (hit + false)) - base)
            if best is None or won > best[0] + SAME:
                best = won, conjunction
        if best is None or len(best[1]) < len(beam[0]) - 1:
            break  # two literals more won nothing
    return None if best is None else best[1]


def improve(
    sample: Sample, formula: Disjunction, pool: set[int] | None = None, own: bool = False, rounds: int = ROUNDS
) -> Disjunction:
    """Every literal replaced by the best one in its place, all others held fixed, until nothing gets better.

    pool: the columns to try; None = all. own: only the column that stands there, so that thresholds alone change.
    """
    among = None if pool is None else np.array(sorted(pool), dtype=np.int64)
    best = sample.score(formula)
    for _ in range(rounds):
        before = best
        for number in range(len(formula)):
            for place in range(len(formula[number])):
                if own:
                    among = np.array([formula[number][place].column])
                changed = _exchanged(sample, formula, number, place, among)
                score = sample.score(changed)
                if score > best + SAME:
                    formula, best = changed, score
        if best <= before + SAME:
            return formula
    return formula


def _exchanged(
    sample: Sample, formula: Disjunction, number: int, place: int, among: NDArray[np.int64] | None
) -> Disjunction:
    """The formula with the best cut at one place."""
    conjunction = formula[number]
    rest = conjunction[:place] + conjunction[place + 1 :]
    others = formula[:number] + formula[number + 1 :]
    for _, cut in cuts(sample, sample.all_of(rest), sample.told(others), among=among, wanted=1).best(1):
        return (*formula[:number], (*conjunction[:place], cut, *conjunction[place + 1 :]), *formula[number + 1 :])
    return formula


def prune(sample: Sample, formula: Disjunction) -> Disjunction:
    """Without literals and conjunctions that can go at no cost."""
    best = sample.score(formula)
    for shorter in _shorter(formula):
        if sample.score(shorter) >= best - SAME:
            return prune(sample, shorter)
    return formula


def _shorter(formula: Disjunction) -> Iterator[Disjunction]:
    for number, conjunction in enumerate(formula):
        if len(formula) > 1:
            yield formula[:number] + formula[number + 1 :]
        if len(conjunction) > 1:
            for place in range(len(conjunction)):
                shorter: tuple[Cut, ...] = conjunction[:place] + conjunction[place + 1 :]
                yield (*formula[:number], shorter, *formula[number + 1 :])
