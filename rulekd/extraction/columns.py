"""The numbers that a definition may compare: geometric terms, attributes, and what is made of two of them.

A *column* is one such number at every grounding of a sample. It knows how a comparison with a threshold is written,
so that what is searched over columns can be printed, read back and measured as a formula. Only commensurate numbers
are added, subtracted and compared: lengths with lengths, positions with positions along the same axis. Attributes
have no stated unit; they are taken to be commensurate with each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg.formulas import (
    And,
    Arithmetic,
    Compare,
    Comparison,
    Exists,
    Feature,
    ForAll,
    Formula,
    Function,
    Implies,
    Not,
    Number,
    Term,
    Word,
    joint,
)
from kg.negation import complement, oriented
from kg.normal import free_variables
from kg.terms import TERMS
from rulekd.extraction.words import shared_words, worded
from rulekd.scenes import Scenes
from rulekd.scenes.terms import compare, term

Values = NDArray[np.float64]

#: How a column is compared with a threshold t. single: left <= t. difference: left - right <= t. apart:
#: abs(left - right) <= t. ratio: left <= t * right, for a right side that is never negative. truth: left itself is a
#: formula; at least one half is "it holds".
Form = Literal["single", "difference", "apart", "ratio", "truth"]

#: Attributes of which differences, ratios and products are formed; with more, the most telling ones are taken.
MAX_ATTRIBUTES = 12


@dataclass(frozen=True, eq=False)
class Column:
    """One number at n groundings.

    form: how it is compared. left, right: the terms; of ``truth`` left is a formula. values: (n,). size: how much
    it reads. unit: of its thresholds, empty where none is known. made_of: two columns and a weight, where the
    values are one + weight * two.
    """

    form: Form
    left: Term | Formula
    right: Term | None
    values: Values
    size: int
    unit: str
    made_of: tuple[Column, Column, float] | None = None

    @property
    def natural(self) -> float | None:
        """The threshold at which the literal needs no number, as x(a) <= x(b); None where there is none."""
        if self.form == "ratio":
            return 1.0
        return 0.0 if self.form in ("single", "difference") and self.unit else None

    @property
    def counts(self) -> bool:
        """Are its values whole numbers without a unit?"""
        return self.form in ("single", "difference", "apart") and not self.unit and _whole(self.values)

    def whole(self, above: bool, value: float, beyond: float) -> Formula:
        """At least, or at most, a whole number that occurs; ``=`` where it is the last one on that side.

        beyond: the nearest value on the other side; of a difference that is 0 there one side is less than the other.
        """
        assert not isinstance(self.left, Formula)
        if self.form == "difference" and beyond == 0 and self.right is not None:
            return oriented(Compare(">" if above else "<", self.left, self.right))
        last = float(self.values.max() if above else self.values.min())
        if value != last:
            return self.literal(above, value)
        if self.form == "single":
            return Compare("=", self.left, Number(value))
        if self.form == "apart" and value == 0 and self.right is not None:
            return Compare("=", self.left, self.right)
        return self.literal(above, value)

    def literal(self, above: bool, threshold: float, opposite: bool = False) -> Formula:
        """The comparison as a formula: at least the threshold, or at most; or the opposite of that.

        >>> x = Column("difference", Feature("x", ("a",)), Feature("x", ("b",)), np.zeros(1), 2, "m")
        >>> print(x.literal(True, 0.5), "and", x.literal(False, 0.0))
        x(a) - x(b) >= 0.5 and x(a) <= x(b)
        """
        if isinstance(self.left, Formula):
            return opposite_of(self.left) if above is opposite else self.left
        operator: Comparison = (">=", "<=", "<", ">")[2 * opposite + (not above)]
        number = Number(threshold)
        match self.form:
            case "difference" if self.right is not None:
                if threshold == 0:  # right(a) <= left(b) reads better than left(b) >= right(a)
                    return oriented(Compare(operator, self.left, self.right))
                return Compare(operator, Arithmetic("-", self.left, self.right), number)
            case "apart" if self.right is not None:
                return Compare(operator, Function("abs", (Arithmetic("-", self.left, self.right),)), number)
            case "ratio" if self.right is not None:
                scaled = self.right if threshold == 1 else Arithmetic("*", number, self.right)
                return Compare(operator, self.left, scaled)
            case _:
                return Compare(operator, self.left, number)


def opposite_of(statement: Formula) -> Formula:
    """That it does not hold, as a person says it.

    >>> from kg import parse
    >>> print(opposite_of(parse("exists b: on(b, a) & ~glass(b)")))
    forall b: on(b, a) -> glass(b)
    >>> print(opposite_of(parse("exists b, c: on(b, a) & on(c, a)")))
    ~(exists b, c: on(b, a) & on(c, a))
    >>> print(opposite_of(parse("exists b, c: lamp(b) & desk(c) & distance(a, c) > distance(b, c)")))
    forall b, c: lamp(b) & desk(c) -> distance(a, c) <= distance(b, c)
    """
    match statement:
        case Exists(bound, And((*body, head))) if set(bound) <= set(free_variables(head)):
            return ForAll(bound, Implies(joint(*body), complement(head)))
        case Exists((variable,), Not(part)):
            return ForAll((variable,), part)
        case Exists():
            return Not(statement)
        case _:
            return complement(statement)


@dataclass(frozen=True, eq=False)
class Base:
    """A feature read off the scenes at n groundings, with its dimension; positive where it is never negative."""

    term: Term
    values: Values
    dimension: str
    attribute: bool = False

    @property
    def position(self) -> bool:
        """Is it a position, whose origin is arbitrary?"""
        return " along " in self.dimension

    @property
    def positive(self) -> bool:
        """Can it stand below a fraction line? Sizes and distances can; numbers of a sign that varies cannot."""
        return not self.position and bool((self.values > 0).all())

    @property
    def unit(self) -> str:
        """Of the number itself, and of differences."""
        return self.dimension.split(" along ")[0]


@dataclass(frozen=True, eq=False)
class Sites:
    """n groundings of some scenes. scene: (n,) numbers of scenes. objects: (k, n), one row a variable."""

    scenes: Scenes
    variables: tuple[str, ...]
    scene: Tensor
    objects: Tensor

    def at(self, kept: NDArray[np.int64]) -> Sites:
        """Fewer sites, by number."""
        index = torch.from_numpy(kept).to(self.scene.device)
        return Sites(self.scenes, self.variables, self.scene[index], self.objects[:, index])

    def read(self, values: Tensor) -> Values:
        """(n,) float64, of a tensor that broadcasts to (B, N, ..., N), axes as the variables."""
        places = [o if values.shape[axis + 1] > 1 else torch.zeros_like(o) for axis, o in enumerate(self.objects)]
        rows = self.scene if values.shape[0] > 1 else torch.zeros_like(self.scene)
        return np.asarray(values[(rows, *places)].double().cpu().numpy(), dtype=np.float64)

    def base(self, feature: Feature, dimension: str, attribute: bool = False) -> Base:
        """One feature at all sites."""
        return Base(feature, self.read(term(feature, self.scenes, self.variables)), dimension, attribute)


def bases(sites: Sites) -> list[Base]:
    """Every number that the scenes offer for one or two variables: terms, attributes, numbers of the scene.

    A number that is unknown (NaN) at some site is left out: what is compared must be known everywhere
    (``questions.known_sites``).
    """
    scenes, variables = sites.scenes, sites.variables
    found: list[Base] = []
    for name, known in TERMS.items():
        needs_size = name not in ("x", "y", "z", "distance", "plan_distance", "yaw")
        if (
            scenes.center is None
            or (needs_size and scenes.size is None)
            or (name == "yaw" and (scenes.yaw is None or not bool(scenes.yaw.any())))
        ):
            continue
        if known.arity == 1:
            found += [sites.base(Feature(name, (v,)), known.dimension) for v in variables]
        elif known.arity == 2:
            found += [sites.base(Feature(name, pair), known.dimension) for pair in combinations(variables, 2)]
    for name in scenes.numbers:
        found += [sites.base(Feature(name, (v,)), "", attribute=True) for v in variables]
    found += [sites.base(Feature(name, ()), "", attribute=True) for name in scenes.scene_numbers]
    return [one for one in found if np.isfinite(one.values).all()]


def single(one: Base) -> Column:
    """The number itself."""
    return Column("single", one.term, None, one.values, size(one.term), one.unit)


def difference(one: Base, two: Base) -> Column:
    """one - two."""
    return Column("difference", one.term, two.term, one.values - two.values, _joint(one, two), one.unit)


def apart(one: Base, two: Base) -> Column:
    """|one - two|, one more than the difference in size: it says two things at once."""
    values = np.abs(one.values - two.values)
    return Column("apart", one.term, two.term, values, _joint(one, two) + 1, one.unit)


def ratio(one: Base, two: Base) -> Column:
    """one / two, compared as one <= t * two: no division where two is 0 (there it counts as infinitely large)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(two.values > 0, one.values / two.values, np.inf)
    return Column("ratio", one.term, two.term, values, _joint(one, two), "")


def product(one: Base, two: Base) -> Base:
    """one * two."""
    values, dimension = one.values * two.values, f"{one.dimension} {two.dimension}".strip()
    return Base(Arithmetic("*", one.term, two.term), values, dimension, one.attribute)


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
    numbers = [each for each in found if each.attribute and _whole(each.values)]
    for number in numbers:
        values = np.unique(number.values)
        if 3 <= len(values) <= 2 * MAX_ATTRIBUTES:
            for value in values[1:-1]:  # the least and the largest are told by a threshold
                formula = Compare("=", number.term, Number(float(value)))
                yield Column("truth", formula, None, (number.values == value).astype(np.float64), 1, "")
    for first, second in combinations([number for number in numbers if number in paired], 2):
        formula = Compare("=", first.term, second.term)
        yield Column(
            "truth", formula, None, (first.values == second.values).astype(np.float64), _joint(first, second), ""
        )


def truth(formula: Compare, sites: Sites, size: int) -> Column:
    """A comparison of words as a column of zeros and ones."""
    values = sites.read(compare(formula, sites.scenes, sites.variables))
    return Column("truth", formula, None, values, size, "")


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


def variables_of(wanted: Term) -> Iterator[str]:
    """The variables that a term reads."""
    match wanted:
        case Feature(_, arguments):
            yield from arguments
        case Arithmetic(_, left, right):
            yield from variables_of(left)
            yield from variables_of(right)
        case Function(_, inside):
            for inner in inside:
                yield from variables_of(inner)
        case _:
            return


def size(wanted: Term) -> int:
    """How much a term reads: one for each object of each feature; a number of the scene counts as one."""
    match wanted:
        case Feature(_, arguments):
            return max(1, len(arguments))
        case Arithmetic(_, left, right):
            return size(left) + size(right)
        case Function(_, inside):
            return sum(map(size, inside))
        case _:
            return 0


def _joint(one: Base, two: Base) -> int:
    """Of two terms side by side; the same feature of two objects is simpler than two different ones."""
    names = {each.term.name if isinstance(each.term, Feature) else "" for each in (one, two)}
    return size(one.term) + size(two.term) + (len(names) > 1)


def _whole(values: Values) -> bool:
    return bool((values == np.round(values)).all())


def _tells(column: Column) -> bool:
    """A column that is the same everywhere tells nothing."""
    return bool(np.isfinite(column.values).any()) and bool(column.values.min() < column.values.max())
