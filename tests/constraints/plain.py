"""Degrees of truth in plain numbers, one grounding after the other: the truth that tensors are tested against."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kg.formulas import (
    And,
    AtMostOne,
    Atom,
    Compare,
    ExactlyOne,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Same,
    children,
)
from kg.normal import free_variables


@dataclass(frozen=True)
class Meaning:
    """A semantics over truth in [0, 1]."""

    both: Callable[[float, float], float]
    either: Callable[[float, float], float]
    loss: Callable[[float], float]


MEANINGS = {
    "coherent": Meaning(min, lambda x, y: min(1.0, x + y), lambda t: -math.log(t) if t > 0 else 0.0),
    "product": Meaning(lambda x, y: x * y, lambda x, y: x + y - x * y, lambda t: 1 - t),
}


@dataclass(frozen=True)
class Scene:
    """Probabilities by predicate, of the real objects of one scene, and their x, or mass; NaN is unknown."""

    chances: Mapping[str, Tensor]
    size: int
    x: Sequence[float] = ()


def degree(
    formula: Formula, scene: Scene, binding: Mapping[str, int], meaning: Meaning, positive: bool = True
) -> float:
    """Truth of a formula, or of its opposite."""

    def inner(part: Formula, sign: bool = positive) -> float:
        return degree(part, scene, binding, meaning, sign)

    def joined(parts: Sequence[float], conjunction: bool) -> float:
        total = parts[0]
        for part in parts[1:]:
            total = (meaning.both if conjunction else meaning.either)(total, part)
        return total

    match formula:
        case Atom(name, arguments):
            chance = float(scene.chances[name][tuple(binding[a] for a in arguments)])
            return chance if positive else 1 - chance
        case Compare():
            left, right = (scene.x[binding[term.arguments[0]]] for term in (formula.left, formula.right))  # type: ignore[union-attr] # x(a) only
            assert not math.isnan(left + right), "what is unknown is not asked about"
            return float({"<": left < right, "<=": left <= right}[formula.operator] == positive)
        case Same(left_name, right_name):
            return float((binding[left_name] == binding[right_name]) == positive)
        case Not(part):
            return inner(part, not positive)
        case And(parts) | Or(parts):
            return joined([inner(part) for part in parts], isinstance(formula, And) == positive)
        case Implies(body, head):
            return joined([inner(body, not positive), inner(head)], not positive)
        case Iff(one, other):
            forth = joined([inner(one, False), inner(other, positive)], False)
            return joined([forth, joined([inner(one, True), inner(other, not positive)], False)], True)
        case AtMostOne(parts) | ExactlyOne(parts):
            pairs: list[Formula] = [Not(And(pair)) for pair in itertools.combinations(parts, 2)]
            least = [Or(parts)] if isinstance(formula, ExactlyOne) else []
            return joined([inner(part) for part in (*pairs, *least)], positive)
        case Exists(bound, part) | ForAll(bound, part):
            conjunction = isinstance(formula, ForAll) == positive
            found = [
                degree(part, scene, {**binding, **more}, meaning, positive)
                for more in witnesses(bound, part, scene, binding)
            ]
            return joined([float(conjunction), *found], conjunction)
        case _:
            raise AssertionError(formula)


def witnesses(
    bound: Sequence[str], part: Formula, scene: Scene, binding: Mapping[str, int]
) -> Iterator[dict[str, int]]:
    """Further distinct objects at which the part may be asked."""
    free = [index for index in range(scene.size) if index not in binding.values()]
    for objects in itertools.permutations(free, len(bound)):
        more = dict(zip(bound, objects, strict=True))
        if askable(part, scene, {**binding, **more}):
            yield more


def askable(formula: Formula, scene: Scene, binding: Mapping[str, int]) -> bool:
    """Does no atom outside quantifiers name an object twice, and is all known that is compared there?"""
    if isinstance(formula, Atom):
        return len(set(formula.arguments)) == len(formula.arguments)
    if isinstance(formula, Compare):
        read = [term.arguments[0] for term in (formula.left, formula.right)]  # type: ignore[union-attr] # x(a) only
        return not any(math.isnan(scene.x[binding[name]]) for name in read)
    return isinstance(formula, Exists | ForAll) or all(askable(inner, scene, binding) for inner in children(formula))


def mean_loss(
    formula: Formula, scenes: Sequence[Scene], meaning: Meaning, asked: Formula | None = None
) -> tuple[float, float]:
    """(loss, violation): means over all valid groundings of all scenes; 0 where there is none.

    asked: a formula over the same variables at whose valid groundings it is asked instead.
    """
    losses, violations = [], []
    names = free_variables(formula)
    for scene in scenes:
        for objects in itertools.permutations(range(scene.size), len(names)):
            binding = dict(zip(names, objects, strict=True))
            if askable(asked or formula, scene, binding):
                truth = degree(formula, scene, binding, meaning)
                losses.append(meaning.loss(truth))
                violations.append(1 - truth)
    return sum(losses) / max(len(losses), 1), sum(violations) / max(len(violations), 1)


def scenes_of(values: Mapping[str, Tensor], mask: Tensor, x: Tensor | None = None) -> list[Scene]:
    """The scenes of a batch of log-odds whose objects come before the padding."""
    found = []
    for row in range(len(mask)):
        size = int(mask[row].sum())
        chances = {n: torch.sigmoid(v[(row, *(slice(size),) * (v.dim() - 1))].double()) for n, v in values.items()}
        found.append(Scene(chances, size, () if x is None else x[row, :size].tolist()))
    return found
