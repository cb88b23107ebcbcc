"""Which columns a search is offered: single numbers, differences, ratios, products, margins, equalities, facts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations, permutations

import numpy as np

from kg import Atom
from kg.formulas import Arithmetic, Compare, Feature, Function, Number, Term, Word
from rulekd.extraction.fitting.columns import (
    Base,
    Column,
    Sites,
    apart,
    difference,
    joint_size,
    product,
    ratio,
    single,
    truth,
    variables_of,
    whole_numbers,
)
from rulekd.extraction.fitting.words import shared_words, worded
from rulekd.facts import Facts

#: Attributes of which differences, ratios and products are formed; with more, the most telling ones are taken.
MAX_ATTRIBUTES = 12


def simple_columns(
    found: Sequence[Base], sites: Sites, paired: Collection[Term] | None = None, *, bags: bool = False
) -> list[Column]:
    """Columns of one number, of two numbers of one dimension, and equalities: what most definitions need.

    paired: the numbers of which pairs are formed; None = all. bags: the sites are looked through for a witness.
    """
    made = [single(one) for one in found]
    joined = [one for one in found if paired is None or one.term in paired]
    pairs = [(one, two) for one, two in combinations(joined, 2) if _comparable(one, two)]
    made += [difference(one, two) for one, two in pairs]
    made += [apart(one, two) for one, two in pairs if _variables(one) != _variables(two)]
    made += [ratio(one, two) for one, two in pairs if one.positive and two.positive]
    made += list(_relative(found))
    made += list(_margins(found))
    made += list(equalities(found, sites, joined, bags=bags))
    return [column for column in made if _tells(column)]


def product_columns(found: Sequence[Base]) -> list[Column]:
    """Products of two attributes, and comparisons of two such products: a torque against a torque."""
    attributes = [one for one in found if one.attribute][:MAX_ATTRIBUTES]
    products = [product(one, two) for one, two in combinations(attributes, 2) if _variables(one) == _variables(two)]
    products += [product(one, one) for one in attributes]
    made = [single(one) for one in products]
    made += [difference(one, two) for one, two in combinations(products, 2)]
    return [column for column in made if _tells(column)]


def midway_columns(found: Sequence[Base]) -> list[Column]:
    """Whether b lies midway between a and c in some position or attribute: f(a) + f(c) against 2 f(b)."""
    read: dict[str, dict[str, Base]] = {}
    for one in found:
        if isinstance(one.term, Feature) and len(one.term.arguments) == 1 and (one.position or one.attribute):
            read.setdefault(one.term.name, {})[one.term.arguments[0]] = one
    made = []
    for of in read.values():
        if len(of) == 3:
            first, middle, last = of.values()
            ends = Arithmetic("+", first.term, last.term)
            twice = Arithmetic("*", Number(2.0), middle.term)
            values = np.abs(first.values + last.values - 2 * middle.values)
            made.append(Column("apart", ends, twice, values, 3, first.unit))
    return [column for column in made if _tells(column)]


def atoms(facts: Facts, sites: Sites, but: Collection[str]) -> Iterator[Column]:
    """The other predicates of the sites' variables, as columns of zeros and ones."""
    for name, value in facts.values.items():
        arity = value.dim() - 1
        if name in but or not min(1, len(sites.variables)) <= arity <= len(sites.variables):
            continue
        crisp = facts.crisp(name) & facts.validity(name)
        for arguments in permutations(sites.variables, arity):
            places = [sites.objects[sites.variables.index(variable)] for variable in arguments]
            values = crisp[(sites.scene, *places)].double().cpu().numpy()
            if values.min() < values.max():
                # A statement about the scene reads one thing, as a number of the scene does.
                yield Column("truth", Atom(name, arguments), None, values, max(1, arity), "")


def equalities(found: Sequence[Base], sites: Sites, paired: Sequence[Base], *, bags: bool = False) -> Iterator[Column]:
    """Same word, this word, this whole number, same number of those that are paired: columns that are true or not.

    Categories that are unknown at some site are left out, as numbers are. bags: they are not, since what is unknown is
    no witness that a category is this one.
    """
    scenes, variables = sites.scenes, sites.variables
    categories, of_scene = (
        (scenes.category_names, scenes.scene_category_names) if bags else worded(scenes, sites.scene, sites.objects)
    )
    for name, words in categories.items():
        for one, two in combinations(variables, 2):
            yield truth(Compare("=", Feature(name, (one,)), Feature(name, (two,))), sites, 2)
        for variable in variables:
            for word in words:
                yield truth(Compare("=", Feature(name, (variable,)), Word(word)), sites, 1)
    for name, words in of_scene.items():
        for word in words:
            yield truth(Compare("=", Feature(name, ()), Word(word)), sites, 1)
    for name, named in shared_words(scenes):
        for variable in variables if name in categories and named in of_scene else ():
            yield truth(Compare("=", Feature(name, (variable,)), Feature(named, ())), sites, 2)
    for one, two in combinations(categories, 2):
        if set(categories[one]) & set(categories[two]):
            for variable in variables:
                yield truth(Compare("=", Feature(one, (variable,)), Feature(two, (variable,))), sites, 3)
    numbers = [each for each in found if each.attribute and whole_numbers(each.values)]
    for number in numbers:
        values = np.unique(number.values)
        if 3 <= len(values) <= 2 * MAX_ATTRIBUTES:
            for value in values[1:-1]:  # the least and the largest are told by a threshold
                formula = Compare("=", number.term, Number(float(value)))
                yield Column("truth", formula, None, (number.values == value).astype(np.float64), 1, "")
    for first, second in combinations([number for number in numbers if number in paired], 2):
        formula = Compare("=", first.term, second.term)
        yield Column(
            "truth", formula, None, (first.values == second.values).astype(np.float64), joint_size(first, second), ""
        )


def _margins(found: Sequence[Base]) -> Iterator[Column]:
    """How far one object lies inside the other along an axis: the smaller of its two margins, negative outside."""
    named = {(one.term.name, one.term.arguments): one for one in found if isinstance(one.term, Feature)}
    for low_name, high_name in (("left", "right"), ("front", "back"), ("bottom", "top")):
        objects = [arguments for name, arguments in named if name == low_name]
        for inside, around in permutations(objects, 2):
            low, around_low = named[low_name, inside], named[low_name, around]
            high, around_high = named[high_name, inside], named[high_name, around]
            margins = (Arithmetic("-", low.term, around_low.term), Arithmetic("-", around_high.term, high.term))
            values = np.minimum(low.values - around_low.values, around_high.values - high.values)
            yield Column("single", Function("min", margins), None, values, 4, low.unit)


def _relative(found: Sequence[Base]) -> Iterator[Column]:
    """Lengths between two objects, relative to their sizes: half the width of b, the smaller of the two heights.

    Numbers of the scene stand in for a size as well: a room's own measure of what is near.
    """
    between = [one for one in found if isinstance(one.term, Feature) and len(one.term.arguments) == 2]
    of_scene = [one for one in found if isinstance(one.term, Feature) and not one.term.arguments and one.positive]
    for one in between:
        for two in of_scene:
            yield ratio(one, two)
            yield difference(one, two)
    sizes: dict[str, list[Base]] = {}
    for one in found:
        if isinstance(one.term, Feature) and one.term.name in ("width", "depth", "height") and one.positive:
            sizes.setdefault(one.term.name, []).append(one)
    for both in sizes.values():
        if len(both) != 2:
            continue
        first, second = both
        scales = [
            *both,
            Base(Function("min", (first.term, second.term)), np.minimum(first.values, second.values), "m"),
            Base(Function("max", (first.term, second.term)), np.maximum(first.values, second.values), "m"),
            Base(Arithmetic("+", first.term, second.term), first.values + second.values, "m"),
        ]
        for one in between:
            yield from (ratio(one, scale) for scale in scales)


def _comparable(one: Base, two: Base) -> bool:
    """May one be subtracted from two, and would it say something that the terms do not say themselves?"""
    if one.dimension != two.dimension:
        return False
    same_object = _variables(one) == _variables(two)
    if one.position and same_object:
        return False  # right(a) - left(a) is width(a)
    between = any(len(_variables(each)) == 2 for each in (one, two))
    return not between or one.attribute


def _variables(one: Base) -> frozenset[str]:
    return frozenset(variables_of(one.term))


def _tells(column: Column) -> bool:
    """A column that is the same everywhere tells nothing."""
    return bool(np.isfinite(column.values).any()) and bool(column.values.min() < column.values.max())
