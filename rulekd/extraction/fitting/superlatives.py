"""Superlatives: whether a thing is the nearest, the lowest or the largest among all, or among those of its category.

    forall c: category(c) = category(a) -> distance(a, b) <= distance(c, b)

With f(x, y) a number of two objects, k(x) the category, the least one of each category is found once for each anchor,

    m(k, y) = min { f(c, y) : k(c) = k, c != y },        the formula holds where f(a, b) <= m(k(a), b),

so that nothing is gone through three objects at a time. Whether there is another of the category is a column too: what
is the only one of its kind is the nearest in a sense that people do not mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kg.formulas import Compare, Comparison, Exists, Feature, ForAll, Formula, Implies
from kg.terms import TERMS
from rulekd.extraction.fitting.columns import Column, Sites
from rulekd.scenes import Scenes
from rulekd.scenes.terms import term

#: Numbers of two objects that are compared: an overlap is seldom what a person ranks by.
BETWEEN = ("distance", "plan_distance", "gap")

#: Scenes times objects^3 up to which superlatives of two objects are offered: so many comparisons judge one formula.
LARGEST = 2**26

OTHER = "c"


def superlatives(sites: Sites) -> Iterator[Column]:
    """Columns of zeros and ones: for each number and category, whether it is the least (the largest) there."""
    scenes, arity = sites.scenes, len(sites.variables)
    count, width = scenes.mask.shape
    if arity not in (1, 2) or width <= arity or OTHER in sites.variables:
        return
    if arity == 2 and count * width**3 > LARGEST:
        return
    kinds: list[_Kind] = [_Kind("", torch.zeros_like(scenes.mask, dtype=torch.int64).masked_fill(~scenes.mask, -1), 1)]
    kinds += [
        _Kind(name, scenes.categories[name].long().masked_fill(~scenes.mask, -1), len(words))
        for name, words in scenes.category_names.items()
    ]
    for made in (*_others(sites, kinds[1:]), *_extremes(sites, kinds)):
        if made.values.min() < made.values.max():
            yield made


@dataclass(frozen=True, eq=False)
class _Kind:
    """An attribute that says what things are; the empty name: all are of one kind. codes: (B, N), -1 for none."""

    name: str
    codes: Tensor
    words: int

    def same(self, variable: str) -> Compare:
        """Is another one of the kind of this variable?"""
        return Compare("=", Feature(self.name, (OTHER,)), Feature(self.name, (variable,)))

    def least(self, values: Tensor) -> Tensor:
        """(B, N, Y) the least of values (B, N, Y) among things of the kind of each; infinite where it has none."""
        known = self.codes >= 0
        place = self.codes.clamp_min(0)[:, :, None].expand_as(values)
        start = values.new_full((len(values), self.words, values.shape[2]), torch.inf)
        by_kind = start.scatter_reduce(1, place, values.masked_fill(~known[:, :, None], torch.inf), "amin")
        return by_kind.gather(1, place).masked_fill(~known[:, :, None], torch.inf)


def _others(sites: Sites, kinds: list[_Kind]) -> Iterator[Column]:
    """Whether there is another thing of the same category."""
    variables = sites.variables
    for kind in kinds:
        member = torch.nn.functional.one_hot(kind.codes.clamp_min(0), kind.words) * (kind.codes >= 0)[..., None]
        of_kind = (member * member.sum(1, keepdim=True)).sum(-1)  # (B, N) things of the kind of each, itself included
        for axis, variable in enumerate(variables):
            left = of_kind - 1
            if len(variables) == 2:
                alike = (kind.codes[:, :, None] == kind.codes[:, None]) & (kind.codes >= 0)[:, :, None]
                left = left[:, :, None] - alike.long() if axis == 0 else left[:, None] - alike.long()
            yield _column(Exists((OTHER,), kind.same(variable)), sites, left > 0, 2)


def _extremes(sites: Sites, kinds: list[_Kind]) -> Iterator[Column]:
    scenes, variables = sites.scenes, sites.variables
    signs: tuple[tuple[Comparison, float], ...] = (("<=", 1.0), (">=", -1.0))
    for name in numbers_of(scenes, len(variables)):
        feature = Feature(name, variables)
        values = term(feature, scenes, variables)
        if not bool(torch.isfinite(values[scenes.mask]).all()):
            continue
        for axis, variable in enumerate(variables):
            arguments = tuple(OTHER if each == variable else each for each in variables)
            turned = values.transpose(1, 2) if axis == 1 else values.reshape(*values.shape[:2], -1)
            for operator, sign in signs:
                ranked = sign * turned
                for kind in kinds:
                    if len(variables) == 2:  # the anchor itself is not ranked
                        anchor = torch.eye(ranked.shape[1], dtype=torch.bool, device=ranked.device)
                        least = kind.least(ranked.masked_fill(anchor, torch.inf))
                    else:
                        least = kind.least(ranked)
                    holds = (ranked <= least).transpose(1, 2) if axis == 1 else (ranked <= least).reshape(values.shape)
                    compared: Formula = Compare(operator, feature, Feature(name, arguments))
                    body = compared if not kind.name else Implies(kind.same(variable), compared)
                    size = 2 * len(variables) + bool(kind.name)
                    yield _column(ForAll((OTHER,), body), sites, holds, size)


def numbers_of(scenes: Scenes, arity: int) -> list[str]:
    """What things can be ranked by: numbers of one object, or lengths between two."""
    if arity == 2:
        return [name for name in BETWEEN if scenes.center is not None and (scenes.size is not None or name != "gap")]
    sized = [name for name, known in TERMS.items() if known.arity == 1 and name not in ("x", "y", "z", "yaw")]
    found = ["x", "y", "z"] if scenes.center is not None else []
    return [*found, *(sized if found and scenes.size is not None else []), *scenes.numbers]


def _column(formula: Formula, sites: Sites, holds: Tensor, size: int) -> Column:
    return Column("truth", formula, None, sites.read(holds), size, "")
