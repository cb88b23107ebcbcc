"""Is a rule there by chance? Its head is permuted against its body inside every unit, in closed form.

Body and head are summed over the variables that they do not share. What is left are two vectors, or two
matrices, X (body) and Y (head) over the objects of a scene, and the number of groundings in which both hold is

    T = sum_ab X_ab Y_ab.

If the two have nothing to do with each other inside a scene, any renaming pi of the objects of Y is as likely as
any other. Mean and variance of T over all renamings are known exactly: every pair of places falls into one of
seven patterns (the same pair, reversed, sharing the first object, ...), and a renaming spreads the products of
Y evenly over the places of a pattern:

    E T   = sum X sum Y / (n (n - 1)),        E T^2 = sum over patterns of  S(X) S(Y) / number of places.

Scenes are independent, so means and variances add up over them, and one big graph is served as well.

Source: Mantel, "The detection of disease clustering and a generalized regression approach", Cancer Research 1967.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from scipy.stats import norm
from torch import Tensor

from kg import Formula
from kg.formulas import And, Iff, Implies, Not, Or, Transform, Under
from kg.normal import free_variables
from rulekd.grounding import View, count
from rulekd.truth import truth


def p_by_chance(formula: Formula, view: View, image: View | None = None) -> float | None:
    """p-value of "body and head are unrelated within a unit"; None for a shape that has no two sides.

    An implication and an equivalence need more common groundings than chance gives, an exclusion and an
    exhaustion fewer. image: the transformed scenes, when the rule is about a transform.
    """
    sides = two_sides(formula)
    if sides is None:
        return None
    left, right, expects_more = sides
    other = view if image is None else image
    shared = tuple(v for v in free_variables(left) if v in free_variables(right))
    if not free_variables(formula) or (len(shared) <= 1 and not _several(view)):
        # Of a statement about scenes, and inside a scene of one object, nothing can be renamed: the scenes are.
        return _tail(*_over_scenes(left, right, shared, view, other), expects_more)
    if not shared:
        return None
    if len(shared) <= 2 and (set(free_variables(left)) == set(shared) or set(free_variables(right)) == set(shared)):
        total, mean, variance = _closed_form(left, right, shared, view, other)
    else:
        total, mean, variance = sampled(left, right, view, other)
    return _tail(total, mean, variance, expects_more)


def _tail(total: float, mean: float, variance: float, expects_more: bool) -> float:
    """p-value of a count of common groundings, by the normal approximation."""
    spread, difference = variance**0.5, total - mean
    if spread <= 1e-9 * max(1.0, total):  # every renaming gives the same count: it says nothing
        return 1.0
    # One half is the continuity correction of a count.
    score = (difference - 0.5 if expects_more else -difference - 0.5) / spread
    return float(norm.sf(score))


def two_sides(formula: Formula) -> tuple[Formula, Formula, bool] | None:
    """(body, head, do common groundings speak for the rule?) or None."""
    match formula:
        case Under(_, Implies(left, right) | Iff(left, right)):
            return left, right, True
        case Implies(left, right) | Iff(left, right):
            return left, right, True
        case Not(And((left, right))):
            return left, right, False
        case Or((left, right)):
            return left, right, False
        case _:
            return None


def _closed_form(
    left: Formula, right: Formula, shared: tuple[str, ...], view: View, other: View
) -> tuple[float, float, float]:
    """Common groundings, and their exact mean and variance over renamings, summed over the scenes."""
    body, head = _summed(left, shared, view), _summed(right, shared, other)
    moments = vector_moments if len(shared) == 1 else matrix_moments
    mean, variance = moments(body, head, view.facts.objects.double())
    return float((body * head).sum()), float(mean.sum()), float(variance.sum())


def _several(view: View) -> bool:
    """Does some scene have two objects or more?"""
    return bool((view.facts.objects.sum(1) > 1).any())


def _over_scenes(
    left: Formula, right: Formula, shared: tuple[str, ...], view: View, other: View
) -> tuple[float, float, float]:
    """Common groundings, with mean and variance over renamings of the scenes, each of which has one grounding."""
    body, head = _summed(left, shared, view), _summed(right, shared, other)
    body, head = body.reshape(1, -1), head.reshape(1, -1)
    there = view.facts.objects.any(1)[None] if shared else torch.ones_like(body, dtype=torch.bool)
    mean, variance = vector_moments(body, head, there.double())
    return float((body * head).sum()), float(mean.sum()), float(variance.sum())


def sampled(left: Formula, right: Formula, view: View, other: View, draws: int = 64) -> tuple[float, float, float]:
    """The same by drawing renamings, for sides that each have variables of their own (p(a, b) against p(a, c)).

    The seed is fixed: a p-value must not change when it is asked for again.
    """
    both = Under(Transform("renamed"), Implies(left, right))

    def common(head: View) -> float:
        alive, broken = count(both, view, {"renamed": head})
        return float((alive - broken).sum())

    generator = torch.Generator().manual_seed(0)
    drawn = torch.tensor([common(renamed(other, generator)) for _ in range(draws)], dtype=torch.float64)
    return common(other), float(drawn.mean()), float(drawn.var())


def renamed(view: View, generator: torch.Generator) -> View:
    """The view with the real objects of every scene renamed at random, the same way for all predicates."""
    facts = view.facts
    noise = torch.rand(facts.objects.shape, generator=generator) + 2.0 * ~facts.objects
    order = noise.argsort(1)  # real objects first, in random order ...
    place = (~facts.objects).long().argsort(dim=1, stable=True)  # ... and the places of real objects, in order
    rename = torch.empty_like(order).scatter_(1, place, order)

    def act(values: Tensor) -> Tensor:
        for axis in range(1, values.dim()):
            index = rename.reshape(len(facts), *(-1 if a == axis else 1 for a in range(1, values.dim())))
            values = torch.take_along_dim(values, index, axis)
        return values

    values = {name: act(value) for name, value in facts.values.items()}
    valid = {name: act(value) for name, value in facts.valid.items()}
    return View(replace(facts, values=values, valid=valid), None)


def _summed(side: Formula, shared: tuple[str, ...], view: View) -> Tensor:
    """(B, N) or (B, N, N) float64: number of true groundings of a side by the objects of the shared variables."""
    variables = (*shared, *(v for v in free_variables(side) if v not in shared))
    allowed = view.askable(side, variables) & view.groundings(len(variables))
    holds = truth(side, variables, view) & allowed
    axes = tuple(range(1 + len(shared), 1 + len(variables)))
    return (holds.sum(axes) if axes else holds).double()


def vector_moments(body: Tensor, head: Tensor, objects: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (B,) of sum_a X_a Y_pi(a) over renamings pi of the n objects of each scene; (B, N) inputs."""
    n = objects.sum(1)
    x, y = body.sum(1), head.sum(1)
    x2, y2 = (body**2).sum(1), (head**2).sum(1)
    mean = _ratio(x * y, n)
    square = _ratio(x2 * y2, n) + _ratio((x**2 - x2) * (y**2 - y2), n * (n - 1))
    return mean, (square - mean**2).clamp_min(0)


def matrix_moments(body: Tensor, head: Tensor, objects: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (B,) of sum_ab X_ab Y_pi(a)pi(b) over renamings; (B, N, N) with zero diagonals."""
    n = objects.sum(1)
    pairs = n * (n - 1)
    triples = pairs * (n - 2)
    places = torch.stack([pairs, pairs, triples, triples, triples, triples, triples * (n - 3)])
    x, y = _patterns(body), _patterns(head)
    mean = _ratio(body.sum((1, 2)) * head.sum((1, 2)), pairs)
    square = _ratio(x * y, places).sum(0)
    return mean, (square - mean**2).clamp_min(0)


def _patterns(matrix: Tensor) -> Tensor:
    """(7, B): sums of M_ab M_cd over the ways in which two pairs of places can share objects."""
    rows, columns = matrix.sum(2), matrix.sum(1)
    equal = (matrix**2).sum((1, 2))
    reverse = (matrix * matrix.transpose(1, 2)).sum((1, 2))
    first = (rows**2).sum(1) - equal
    second = (columns**2).sum(1) - equal
    chain = (rows * columns).sum(1) - reverse
    apart = rows.sum(1) ** 2 - equal - reverse - first - second - 2 * chain
    return torch.stack([equal, reverse, first, second, chain, chain, apart])


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """above / below, and 0 where there is nothing to divide by (too few objects for the pattern)."""
    return torch.where(below > 0, above / below.clamp_min(1), torch.zeros_like(above))
