"""Sums of two columns with a weight: a direction that is no axis, ``x(b) - x(a) + 0.5 * (y(b) - y(a)) >= 0.2``.

Where the best literal leaves errors, its column c is joined with every other column d of the same unit. The weight of
d is that of a logistic regression of the truth on both, where the other literals hold,

    log-odds = u c + v d + w,     c + (v / u) d >= t,

all d at once by Newton's method. The best one is kept when it explains errors; its weight is then sharpened by going
through directions near it, and replaced by a simple ratio where one does equally well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kg.formulas import Arithmetic, Feature, Formula, Number, Term
from rulekd.extraction.fitting.columns import Column
from rulekd.extraction.fitting.disjunctions import SAME, Bools, Disjunction, Sample, cuts
from rulekd.extraction.fitting.thresholds import simplest

#: Newton steps; the ridge keeps them finite where both kinds can be told apart without error.
STEPS, RIDGE = 8, 1e-3

#: Directions tried around the fitted one, and how far they reach, radians.
DIRECTIONS, REACH = 81, math.radians(4)

#: Macro-F1 that a slanted literal must win to be kept.
WON = 5e-3

#: Plain columns in one sum, at most.
LONGEST = 5

#: Weights with a denominator up to this are simple.
LARGEST_DENOMINATOR = 4


def slanted(sample: Sample, columns: Sequence[Column], formula: Disjunction) -> list[Column]:
    """New columns, at all sites of ``columns``' samples, that would improve the formula; mostly none.

    sample: its rows are the columns. Each column's values are those of the sample.
    """
    before = sample.score(formula)
    best: tuple[float, Column] | None = None
    for number, conjunction in enumerate(formula):
        for place in range(len(conjunction)):
            rest = conjunction[:place] + conjunction[place + 1 :]
            others = formula[:number] + formula[number + 1 :]
            free, told = sample.all_of(rest), sample.told(others)
            plain = [at for at, other in enumerate(columns) if _plain(other) or _goes_on(other)]
            ranked = (
                list(cuts(sample, free, told, among=np.array(plain, dtype=np.int64), wanted=1).best(1)) if plain else []
            )
            if not ranked:
                continue
            column = columns[ranked[0][1].column]
            partners = [other for other in columns if other is not column and _fit(column, other)]
            if not partners or int((free & ~told).sum()) < 20:
                continue
            weights = _weights(column, partners, sample.truth, free & ~told)
            made = [
                joined(column, other, weight)
                for other, weight in zip(partners, weights, strict=True)
                if math.isfinite(weight) and weight != 0
            ]
            for score, slant in _scored(sample, made, free, told)[:1]:
                if score > before + WON and (best is None or score > best[0]):
                    best = score, slant
    return [] if best is None else [best[1]]


def sharpened(column: Column, sample: Sample, free: Bools, told: Bools) -> Column:
    """The slanted column with the weight in the middle of those that do best, or a simple ratio that does as well.

    sample: the sites at which the column has values; free, told: where it decides, and what is true anyway.
    """
    one, two, weight = _parts(column)
    angle = math.atan(weight)
    tried = [
        joined(one, two, math.tan(turned))
        for turned in angle + np.linspace(-REACH, REACH, DIRECTIONS)
        if abs(math.cos(turned)) > 1e-3
    ]
    scores = np.array([score for score, _ in _scored(sample, tried, free, told, ordered=False)])
    good = (scores >= scores.max() - SAME).nonzero()[0]
    middle = _parts(tried[int(good[len(good) // 2])])[2]
    fraction = Fraction(middle).limit_denominator(LARGEST_DENOMINATOR)
    # Within half a degree a ratio of small numbers is what is meant; else three digits of the weight, or more.
    if abs(math.atan(float(fraction)) - math.atan(middle)) < math.radians(0.5) and fraction != 0:
        plain = joined(one, two, float(fraction))
        ((score, _),) = _scored(sample, [plain], free, told)
        if score >= scores.max() - WON / 5:
            return plain
    return joined(one, two, simplest(middle - abs(middle) * 2e-3, middle + abs(middle) * 2e-3))


def joined(one: Column, two: Column, weight: float) -> Column:
    """one + weight * two, as one number."""
    scaled = _term(two)
    if abs(weight) != 1:
        scaled = Arithmetic("*", Number(abs(weight)), scaled)
    term = Arithmetic("+" if weight > 0 else "-", _term(one), scaled)
    values = one.values + weight * two.values
    return Column("single", term, None, values, one.size + two.size + 1, one.unit, made_of=(one, two, weight))


def _parts(column: Column) -> tuple[Column, Column, float]:
    assert column.made_of is not None, "only a slanted column has parts"
    return column.made_of


def _plain(column: Column) -> bool:
    """A number or a difference, of so little that a person would name it."""
    told = column.form in ("single", "difference") and column.made_of is None and column.size <= 2
    return told and isinstance(column.left, Feature)


def _goes_on(column: Column) -> bool:
    """A sum that may take in one column more."""
    return column.made_of is not None and len(_parts_of(column)) < LONGEST


def _parts_of(column: Column) -> list[Column]:
    """The plain columns that a sum was made of; itself, where it is plain."""
    return [column] if column.made_of is None else [*_parts_of(column.made_of[0]), column.made_of[1]]


def _fit(one: Column, two: Column) -> bool:
    told = {str(_term(part)) for part in _parts_of(one)}
    return _plain(two) and one.unit == two.unit and str(_term(two)) not in told


def _term(column: Column) -> Term:
    assert not isinstance(column.left, Formula)
    return column.left if column.right is None else Arithmetic("-", column.left, column.right)


def _scored(
    sample: Sample, made: Sequence[Column], free: Bools, told: Bools, ordered: bool = True
) -> list[tuple[float, Column]]:
    """The macro-F1 of the best cut of each, best first."""
    if not made:
        return []
    sizes = np.array([column.size for column in made], dtype=np.int64)
    rows = replace(sample, values=np.stack([column.values for column in made]), sizes=sizes)
    scores = cuts(rows, free, told).score.max(0)
    pairs = list(zip(scores.tolist(), made, strict=True))
    return sorted(pairs, key=lambda pair: -pair[0]) if ordered else pairs


def _weights(column: Column, partners: Sequence[Column], truth: Bools, free: Bools) -> NDArray[np.float64]:
    """(K,) v / u of the logistic regression on the column and each partner."""
    y = truth[free].astype(np.float64)
    one = column.values[free]
    two = np.stack([partner.values[free] for partner in partners])
    one_scale, two_scale = max(one.std(), 1e-12), np.maximum(two.std(1), 1e-12)
    ones = np.broadcast_to(one / one_scale, two.shape)
    design = np.stack([ones, two / two_scale[:, None], np.ones_like(two)], axis=2)  # (K, n, 3)
    weights = np.zeros((len(two), 3))
    for _ in range(STEPS):
        odds = np.clip((design @ weights[:, :, None])[..., 0], -30, 30)
        chance = 1 / (1 + np.exp(-odds))
        slope = (design * (y - chance)[..., None]).mean(1) - RIDGE * weights
        curve = np.einsum("kni,kn,knj->kij", design, chance * (1 - chance), design) / len(y) + RIDGE * np.eye(3)
        weights = weights + np.linalg.solve(curve, slope[..., None])[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((weights[:, 1] / two_scale) / (weights[:, 0] / one_scale), dtype=np.float64)
