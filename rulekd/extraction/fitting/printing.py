"""From cuts to a text: thresholds fitted on all groundings, then replaced by the simplest numbers that do as well.

From here on only the printed text counts: it is read back, and its truth in the scenes is what is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from kg import Formula
from kg.formulas import And, Or
from rulekd.extraction.fitting.columns import Column
from rulekd.extraction.fitting.disjunctions import Bools, Cut, Disjunction, Sample
from rulekd.extraction.fitting.growth import Grown, improve, rising
from rulekd.extraction.fitting.questions import Printed, Question, asked, extra_errors, fidelity, told
from rulekd.extraction.fitting.thresholds import EDGE, equally_good, simplest
from rulekd.facts import Facts

#: Errors, as a share of the groundings where the predicate is true, that are not worth a number or a literal.
EFFECT = 0.01

#: How far rounding may move a number, metres or as a ratio.
ROUNDING = 1e-5


def fitted(question: Question, columns: Sequence[Column], grown: Sequence[Grown]) -> list[Grown]:
    """The same formulas with thresholds fitted on all sites; columns keep their numbers."""
    used = sorted({cut.column for one in grown for conjunction in one.formula for cut in conjunction})
    number = {column: place for place, column in enumerate(used)}
    values = np.stack([columns[column].values for column in used]) if used else np.zeros((0, 0))
    sizes = np.array([columns[column].size for column in used], dtype=np.int64)
    whole = Sample(values, question.truth, 1.0, 1.0, sizes)
    found = []
    for one in grown:
        sample = whole.opposite() if one.negated else whole
        formula = _renumbered(one.formula, number)
        formula = improve(sample, formula, own=True)
        found.append(Grown(_renumbered(formula, dict(enumerate(used))), sample.score(formula), one.negated))
    return rising(found)


def _renumbered(formula: Disjunction, number: Mapping[int, int]) -> Disjunction:
    return tuple(tuple(replace(cut, column=number[cut.column]) for cut in conjunction) for conjunction in formula)


def written_simply(question: Question, columns: Sequence[Column], grown: Grown) -> Printed:
    """The formula as it is written: with the simplest numbers, or none at all, as far as it tells as much so.

    First thresholds are moved within the two groundings that they lie between, then within what does equally well;
    last, a literal with a number gives way to one without, such as ``left(a) >= left(b)``.
    """
    near = _gap_thresholds(columns, grown.formula)
    plain = judged(question, _written(columns, grown, {}), grown.literals)
    best = plain
    for thresholds in (near, _round_thresholds(columns, grown, question.truth)):
        moved = judged(question, _written(columns, grown, thresholds), grown.literals)
        if as_good(question, moved, plain):
            best = moved
    bare = _without_numbers(question, columns, grown)
    if bare is not grown:
        thresholds = _round_thresholds(columns, bare, question.truth)
        barest = judged(question, _written(columns, bare, thresholds), bare.literals)
        if as_good(question, barest, plain):
            best = barest
    return best


def as_good(question: Question, one: Printed, other: Printed) -> bool:
    """Are its errors more by no more than one standard error, or by no more than EFFECT? What is exact stays exact."""
    if other.fidelity == 1:
        return one.fidelity == 1
    extra, error = extra_errors(question, one, other)
    return extra <= max(error, EFFECT)


def _without_numbers(question: Question, columns: Sequence[Column], grown: Grown) -> Grown:
    """Literals with a number replaced by ones without, where hardly an error is added; the same formula if none are."""
    true = ~question.truth if grown.negated else question.truth
    formula = grown.formula
    allowed = EFFECT * float(question.truth.sum())  # of the formula as a whole
    bare = [
        (number, above, column.natural)
        for number, column in enumerate(columns)
        if column.natural is not None
        for above in (True, False)
    ]
    for number, place in [(n, p) for n, conjunction in enumerate(formula) for p in range(len(conjunction))]:
        cut = formula[number][place]
        natural = columns[cut.column].natural
        if natural is not None and cut.low < natural <= cut.high:
            continue
        free, others = _open(columns, formula, number, place)
        wrong = int(((free & cut.holds(columns[cut.column].values) | others) ^ true).sum())
        best: tuple[int, int, Cut] | None = None
        for column, above, zero in bare:
            if columns[column].size > columns[cut.column].size:
                continue
            # A literal that hangs on rounding, as z = 0 for what stands on the floor, is worth what it may be at worst.
            errors = max(
                int(((free & Cut(column, above, near, near).holds(columns[column].values) | others) ^ true).sum())
                for near in (zero - ROUNDING, zero, zero + ROUNDING)
            )
            if best is None or (errors, columns[column].size) < best[:2]:
                best = errors, columns[column].size, Cut(column, above, zero, zero)
        if best is not None and best[0] - wrong <= allowed:
            allowed -= max(0, best[0] - wrong)
            conjunction = (*formula[number][:place], best[2], *formula[number][place + 1 :])
            formula = (*formula[:number], conjunction, *formula[number + 1 :])
    return grown if formula is grown.formula else replace(grown, formula=_needed(columns, formula))


def _needed(columns: Sequence[Column], formula: Disjunction) -> Disjunction:
    """Without literals that hold wherever the others leave it to them: they have come to say nothing."""
    for number, place in [(n, p) for n, conjunction in enumerate(formula) for p in range(len(conjunction))]:
        conjunction, (free, others) = formula[number], _open(columns, formula, number, place)
        holds = conjunction[place].holds(columns[conjunction[place].column].values)
        if len(conjunction) > 1 and not (free & ~others & ~holds).any():
            shorter = (*conjunction[:place], *conjunction[place + 1 :])
            return _needed(columns, (*formula[:number], shorter, *formula[number + 1 :]))
    return formula


def _open(columns: Sequence[Column], formula: Disjunction, number: int, place: int) -> tuple[Bools, Bools]:
    """(n,) bool each: where the rest of one conjunction holds, and where some other conjunction does."""
    n = len(columns[formula[0][0].column].values)
    free, others = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    for index, conjunction in enumerate(formula):
        parts = [
            cut.holds(columns[cut.column].values)
            for at, cut in enumerate(conjunction)
            if (index, at) != (number, place)
        ]
        if index == number:
            free = np.logical_and.reduce([free, *parts])
        else:
            others |= np.logical_and.reduce(parts)
    return free, others


def judged(question: Question, body: Formula, literals: int, facts: Facts | None = None) -> Printed:
    """A formula, and what its text says at the sites of a question. facts: where its atoms are read."""
    said, may = told(body, question.sites, facts), asked(body, question.sites)
    return Printed(body, literals, np.where(may, said, question.truth), fidelity(said[may], question.truth[may]))


def _round_thresholds(columns: Sequence[Column], grown: Grown, truth: Bools) -> dict[tuple[int, int], float]:
    """For each place the simplest threshold among those that do equally well, all others held as they are."""
    true = ~truth if grown.negated else truth
    allowed = EFFECT / 2 * float(truth.sum()) / grown.literals
    at = {}
    for number, conjunction in enumerate(grown.formula):
        for place, cut in enumerate(conjunction):
            column = columns[cut.column]
            if cut.low == cut.high:  # put there as it is
                at[number, place] = cut.low
                continue
            free, others = _open(columns, grown.formula, number, place)
            free &= ~others
            low, high = equally_good(column.values[free], true[free], cut.above, cut.low, cut.high, allowed)
            natural = column.natural
            # Between the two groundings that the cut lies between no other threshold tells more.
            inside = natural is not None and (_within(natural, low, high) or _within(natural, cut.low, cut.high))
            at[number, place] = natural if natural is not None and inside else _simple(column, cut, low, high)
    return at


def _within(number: float, low: float, high: float) -> bool:
    """Does it lie between the two, and not at the very edge?"""
    edge = EDGE * (high - low) if np.isfinite(high - low) else 0.0
    return low + edge < number < high - edge


def _gap_thresholds(columns: Sequence[Column], formula: Disjunction) -> dict[tuple[int, int], float]:
    """For each place the simplest threshold between the two groundings that the cut lies between."""
    return {
        (number, place): _simple(columns[cut.column], cut, cut.low, cut.high)
        for number, conjunction in enumerate(formula)
        for place, cut in enumerate(conjunction)
    }


def _simple(column: Column, cut: Cut, low: float, high: float) -> float:
    if column.counts:
        return cut.high if cut.above else cut.low
    return simplest(low, high)


def _written(columns: Sequence[Column], grown: Grown, thresholds: Mapping[tuple[int, int], float]) -> Formula:
    """The formula; where it was grown for the opposite, each comparison is turned round."""
    parts = []
    for number, conjunction in enumerate(grown.formula):
        literals = []
        for place, cut in enumerate(conjunction):
            threshold = thresholds.get((number, place), cut.threshold)
            literals.append(literal_of(columns[cut.column], cut, threshold, grown.negated))
        joined: Formula = literals[0] if len(literals) == 1 else _join(literals, grown.negated)
        parts.append(joined)
    return parts[0] if len(parts) == 1 else _join(parts, not grown.negated)


def literal_of(column: Column, cut: Cut, threshold: float, opposite: bool = False) -> Formula:
    """The comparison of one cut, or its opposite. Of whole numbers: at least 3, at most 2, the least one is = 1."""
    if not column.counts:
        return column.literal(cut.above, threshold, opposite)
    above = cut.above is not opposite
    ends = (cut.high, cut.low) if above else (cut.low, cut.high)
    return column.whole(above, *ends)


def _join(parts: Sequence[Formula], any_of: bool) -> Formula:
    return Or(tuple(parts)) if any_of else And(tuple(parts))
