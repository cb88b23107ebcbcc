"""The numbers that a definition may compare: geometric terms, attributes, and what is made of two of them.

A *column* is one such number at every grounding of a sample. It knows how a comparison with a threshold is written,
so that what is searched over columns can be printed, read back and measured as a formula. Only commensurate numbers
are added, subtracted and compared: lengths with lengths, positions with positions along the same axis. Attributes
have no stated unit; they are taken to be commensurate with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
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
    joint,
)
from kg.negation import complement, oriented
from kg.normal import free_variables
from kg.terms import TERMS
from rulekd.scenes import Scenes
from rulekd.scenes.terms import compare, term

Values = NDArray[np.float64]

#: How a column is compared with a threshold t. single: left <= t. difference: left - right <= t. apart:
#: abs(left - right) <= t. ratio: left <= t * right, for a right side that is never negative. truth: left itself is a
#: formula; at least one half is "it holds".
Form = Literal["single", "difference", "apart", "ratio", "truth"]


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
        return 0.0 if self.form in ("single", "difference") and (self.unit or self._signed) else None

    @property
    def _signed(self) -> bool:
        """Is it a product of both signs? Then its sign says whether the factors have the same."""
        product = isinstance(self.left, Arithmetic) and self.left.operator == "*"
        return product and bool(self.values.min() < 0 < self.values.max())

    @property
    def counts(self) -> bool:
        """Are its values whole numbers without a unit?"""
        return self.form in ("single", "difference", "apart") and not self.unit and whole_numbers(self.values)

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
    return Column("difference", one.term, two.term, one.values - two.values, joint_size(one, two), one.unit)


def apart(one: Base, two: Base) -> Column:
    """|one - two|, one more than the difference in size: it says two things at once."""
    values = np.abs(one.values - two.values)
    return Column("apart", one.term, two.term, values, joint_size(one, two) + 1, one.unit)


def ratio(one: Base, two: Base) -> Column:
    """one / two, compared as one <= t * two: no division where two is 0 (there it counts as infinitely large)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(two.values > 0, one.values / two.values, np.inf)
    return Column("ratio", one.term, two.term, values, joint_size(one, two), "")


def product(one: Base, two: Base) -> Base:
    """one * two."""
    values, dimension = one.values * two.values, f"{one.dimension} {two.dimension}".strip()
    return Base(Arithmetic("*", one.term, two.term), values, dimension, one.attribute)


def truth(formula: Compare, sites: Sites, size: int) -> Column:
    """A comparison of words as a column of zeros and ones."""
    values = sites.read(compare(formula, sites.scenes, sites.variables))
    return Column("truth", formula, None, values, size, "")


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


def joint_size(one: Base, two: Base) -> int:
    """Of two terms side by side; the same feature of two objects is simpler than two different ones."""
    names = {each.term.name if isinstance(each.term, Feature) else "" for each in (one, two)}
    return size(one.term) + size(two.term) + (len(names) > 1)


def whole_numbers(values: Values) -> bool:
    """Are all of them whole?"""
    return bool((values == np.round(values)).all())
