"""Sums, products and quotients of two numbers: what a definition is told by where nothing simpler tells it.

    charge(a) * charge(b) <= 0                                     opposite signs
    mass(a) + mass(b) >= 12                                        what both weigh
    mass(a) * mass(b) >= 20 * (distance(a, b) * distance(a, b))    attraction
    height(a) * width(b) >= width(a) * height(b)                   aspect compared with aspect

There are many of these, and most say nothing that simpler columns do not say. So they are looked at only where those
leave errors, and only those are taken in with which some formula of the front tells clearly more at its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from kg.formulas import Arithmetic, Feature, Formula, Term
from rulekd.extraction.fitting.columns import Base, Column, Sites, Values, difference, ratio, single
from rulekd.extraction.fitting.columns import product as times
from rulekd.extraction.fitting.disjunctions import Bools, Cuts, Disjunction, Sample, cuts
from rulekd.extraction.fitting.growth import Grown
from rulekd.extraction.fitting.offered import MAX_ATTRIBUTES
from rulekd.scenes.terms import term

#: Macro-F1 that a compound must win at some length of a formula to be taken in, and how many are taken in at most.
WON, TAKEN = 5e-3, 12

#: Formulas of the front, up to so many literals, and the best one, in which compounds are tried.
TRIED = 3

#: Lengths between two objects that a product of their attributes may be weighed against.
BETWEEN = ("distance", "plan_distance")


def compound_columns(found: Sequence[Base], truth: Bools) -> list[Column]:
    """Every compound of the numbers of one or two objects, as a column at the sites of the numbers.

    Added are attributes, and lengths; multiplied are attributes with each other, sizes with each other, and one of
    each. Of many attributes the most telling ones are joined with each other; each is with itself, of two objects.
    """
    attributes = _of_objects([one for one in found if one.attribute])
    sizes = _of_objects([one for one in found if not one.attribute and not one.position and one.unit in ("m", "m^3")])
    joined = _most_telling(attributes, truth)
    made = [*_singles(joined), *_singles({name: of for name, of in sizes.items() if of[0].unit == "m"})]
    made += [column for name, of in attributes.items() if name not in joined for column in _singles({name: of})]
    made += [ratio(one, two) for of, size in product(joined.values(), sizes.values()) for one, two in _alike(of, size)]
    made += list(_against(joined | sizes))
    made += list(_over_lengths(joined, found))
    return [column for column in made if _tells(column)]


def _tells(column: Column) -> bool:
    return bool(np.isfinite(column.values).all()) and bool(column.values.min() < column.values.max())


def _of_objects(found: Sequence[Base]) -> dict[str, list[Base]]:
    """Numbers of one object by name, one of each object."""
    named: dict[str, list[Base]] = {}
    for one in found:
        if isinstance(one.term, Feature) and len(one.term.arguments) == 1:
            named.setdefault(one.term.name, []).append(one)
    return named


def _most_telling(named: dict[str, list[Base]], truth: Bools) -> dict[str, list[Base]]:
    """Of more than MAX_ATTRIBUTES names those that tell most by one threshold."""
    if len(named) <= MAX_ATTRIBUTES:
        return named
    every = [one for of in named.values() for one in of]
    kept = {one.term for one in most_telling(every, truth, np.arange(len(truth)))}
    return {name: of for name, of in named.items() if any(one.term in kept for one in of)}


def most_telling(read: Sequence[Base], truth: Bools, kept: NDArray[np.int64]) -> list[Base]:
    """The MAX_ATTRIBUTES numbers that tell the truth best by one threshold each, at the sites of these numbers."""
    values = np.stack([one.values[kept] for one in read])
    sample = Sample(values, truth[kept], 1.0, 1.0, np.ones(len(read), dtype=np.int64))
    everywhere = np.ones(len(kept), dtype=np.bool_)
    score = cuts(sample, everywhere, ~everywhere).score.max(0)
    return [read[place] for place in np.sort(np.argsort(-score, kind="stable")[:MAX_ATTRIBUTES])]


def _alike(one: Sequence[Base], two: Sequence[Base]) -> Iterator[tuple[Base, Base]]:
    """Two numbers of the same object, the second of which can stand below a fraction line."""
    yield from (pair for pair in zip(one, two, strict=True) if pair[1].positive)


def _singles(named: dict[str, list[Base]]) -> Iterator[Column]:
    """Sums and products of two of the numbers."""
    for one, two in combinations([one for of in named.values() for one in of], 2):
        yield single(plus(one, two))
        yield single(times(one, two))


def plus(one: Base, two: Base) -> Base:
    """one + two."""
    return Base(Arithmetic("+", one.term, two.term), one.values + two.values, one.dimension, one.attribute)


def _against(named: dict[str, list[Base]]) -> Iterator[Column]:
    """Two products of one dimension against each other: f(a) g(b) against g(a) f(b), f(a) g(a) against f(b) g(b).

    The first compares the quotients f / g of two objects. Of a single object f g is put against h k.
    """
    pairs = list(combinations(named.values(), 2))
    for of, to in pairs:
        if len(of) == 2:
            yield _compared(times(of[0], to[1]), times(to[0], of[1]))
            yield _compared(times(of[0], to[0]), times(of[1], to[1]))
    if any(len(of) == 1 for of in named.values()):
        products = [times(of[0], to[0]) for of, to in pairs if of[0].attribute and to[0].attribute]
        yield from (_compared(one, two) for one, two in combinations(products, 2))


def _compared(one: Base, two: Base) -> Column:
    return ratio(one, two) if two.positive else difference(one, two)


def _over_lengths(named: dict[str, list[Base]], found: Sequence[Base]) -> Iterator[Column]:
    """A product of one attribute of each object against their distance, or its square; and a distance against a sum."""
    for length in found:
        if not (isinstance(length.term, Feature) and length.term.name in BETWEEN and length.positive):
            continue
        for of, to in product(named.values(), repeat=2):
            both = times(of[0], to[1])
            yield ratio(both, length)
            yield ratio(both, times(length, length))
        for of in named.values():
            if (both := plus(*of)).positive:
                yield ratio(length, both)


# ------------------------------------------------------------------------------------ screening


def helpful(sample: Sample, made: Sequence[Column], grown: Sequence[Grown]) -> list[Column]:
    """The columns, a few, with which a formula tells clearly more than the best one of its length.

    made: at the sites of the sample. They are tried at each place of the front's formulas, and as one literal more.
    """
    if not made or not grown:
        return []
    sizes = np.array([column.size for column in made], dtype=np.int64)
    rows = replace(sample, values=np.stack([column.values for column in made]), sizes=sizes)
    won: dict[int, float] = {}
    for one in [*(each for each in grown[:-1] if each.literals <= TRIED), grown[-1]]:
        longer = max(each.score for each in grown if each.literals <= one.literals + 1)
        telling, of = (rows.opposite(), sample.opposite()) if one.negated else (rows, sample)
        for before, found in _places(of, telling, one.formula, one.score, longer):
            for score, cut in found.best(TAKEN):
                won[cut.column] = max(won.get(cut.column, 0.0), score - before)
    best = sorted((column for column in won if won[column] > WON), key=lambda column: -won[column])
    return [made[column] for column in sorted(best[:TAKEN])]


def _places(
    sample: Sample, rows: Sample, formula: Disjunction, as_long: float, longer: float
) -> Iterator[tuple[float, Cuts]]:
    """(score to be beaten, cuts of the new columns) at each place of a formula, and beside each conjunction."""
    for number, conjunction in enumerate(formula):
        told = sample.told(formula[:number] + formula[number + 1 :])
        for place in range(len(conjunction)):
            free = sample.all_of(conjunction[:place] + conjunction[place + 1 :])
            yield as_long, cuts(rows, free, told, wanted=TAKEN)
        yield longer, cuts(rows, sample.all_of(conjunction), told, wanted=TAKEN)


def read_at(column: Column, sites: Sites) -> Column:
    """The column at other sites, read from the scenes."""

    def read(side: Term | Formula | None) -> Values:
        assert side is not None
        assert not isinstance(side, Formula), "a compound is a number"
        return sites.read(term(side, sites.scenes, sites.variables))

    left = read(column.left)
    match column.form:
        case "single":
            values = left
        case "difference":
            values = left - read(column.right)
        case _:
            values = left / read(column.right)
    return replace(column, values=np.asarray(values, dtype=np.float64))
