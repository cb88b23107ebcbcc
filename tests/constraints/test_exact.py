"""Exact semantics against a full list of assignments, one after the other in plain numbers."""

from __future__ import annotations

import copy
import itertools
import math
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import rulekd
from kg import parse
from kg.formulas import Atom, Formula, walk
from kg.normal import free_variables
from kg.worlds import World, holds
from rulekd.constraints.exact import Exact
from tests.kg.strategies import readable

TEXTS = [
    "r(a, b) & r(b, c) -> r(a, c)",
    "exactly_one(p(a), q(a), r(a, b), s(a, b))",
    "p(a) <-> q(a) & t()",
    "at_most_one(p(a), q(a), t()) | (p(a) <-> q(a))",
    "r(a, b) <-> r(b, a)",
]


def batch(seed: int, objects: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    arity = {"p": 1, "q": 1, "r": 2, "s": 2, "t": 0}
    return {
        name: 2 * torch.randn(2, *(objects,) * k, generator=generator, dtype=torch.float64) for name, k in arity.items()
    }


def by_hand(formula: Formula, values: dict[str, Tensor]) -> tuple[float, float]:
    """(loss, violation): every assignment of the atoms of a grounding is a world, and is asked there."""
    losses, violations = [], []
    names = free_variables(formula)
    size = values["p"].shape[1]
    atoms = list(dict.fromkeys(inner for inner in walk(formula) if isinstance(inner, Atom)))
    for scene in range(len(values["p"])):
        for objects in itertools.permutations(range(size), len(names)):
            binding = dict(zip(names, objects, strict=True))
            items = [(atom.predicate, tuple(binding[name] for name in atom.arguments)) for atom in atoms]
            mass = 0.0
            for truths in itertools.product([False, True], repeat=len(items)):
                facts: dict[str, set[tuple[int, ...]]] = {name: set() for name in values}
                weight = 1.0
                for (name, item), true in zip(items, truths, strict=True):
                    chance = float(values[name][(scene, *item)].sigmoid())
                    weight *= chance if true else 1 - chance
                    if true:
                        facts[name].add(item)
                if holds(formula, World(size, facts), binding):
                    mass += weight
            losses.append(-math.log(mass))
            violations.append(1 - mass)
    return sum(losses) / max(1, len(losses)), sum(violations) / max(1, len(violations))


@pytest.mark.parametrize("text", TEXTS)
def test_values_are_those_of_all_worlds(text: str) -> None:
    for seed in range(2):
        values = batch(seed)
        reading = rulekd.compile([text], "exact")(values)
        loss, violation = by_hand(parse(text), values)
        assert reading.loss.item() == pytest.approx(loss, rel=1e-9)
        assert reading[text].violation == pytest.approx(violation, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(formula=readable(max_leaves=5, numbers=False, quantified=False), seed=st.integers(0, 99))
def test_values_of_any_small_group_are_those_of_all_worlds(formula: Formula, seed: int) -> None:
    constraints = rulekd.compile([formula], "exact")
    if constraints.untrained:
        return
    values = batch(seed, objects=3)
    loss, _ = by_hand(formula, values)
    assert constraints(values).loss.item() == pytest.approx(loss, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("text", TEXTS)
def test_gradients_are_those_of_differences(text: str) -> None:
    values = batch(3)
    constraints = rulekd.compile([text], "exact")

    def loss(*given_values: Tensor) -> Tensor:
        return constraints(dict(zip(values, given_values, strict=True))).loss

    assert torch.autograd.gradcheck(loss, tuple(v.clone().requires_grad_() for v in values.values()))


def test_a_cnf_over_twelve_variables_is_that_of_all_worlds() -> None:
    draw = random.Random(0)
    clauses = [
        " | ".join(("~" if draw.random() < 0.5 else "") + f"v{n}()" for n in draw.sample(range(12), 3))
        for _ in range(30)
    ]
    text = " & ".join(f"({clause})" for clause in clauses)
    generator = torch.Generator().manual_seed(0)
    values = {f"v{n}": torch.randn(4, generator=generator, dtype=torch.float64) for n in range(12)}
    mass = torch.zeros(4, dtype=torch.float64)
    for truths in itertools.product([False, True], repeat=12):
        kept = all(any(truths[int(x.strip("~()v"))] != x.startswith("~") for x in c.split(" | ")) for c in clauses)
        if kept:
            mass += torch.stack(
                [values[f"v{n}"].sigmoid() if t else (-values[f"v{n}"]).sigmoid() for n, t in enumerate(truths)]
            ).prod(0)
    assert rulekd.compile([text], "exact")(values).loss.item() == pytest.approx(-mass.log().mean().item(), rel=1e-9)


def test_it_is_alive_at_120_and_pulls_every_atom_that_could_help() -> None:
    values = {"p": torch.full((1, 1), 120.0, requires_grad=True), "q": torch.full((1, 1), -120.0, requires_grad=True)}
    reading = rulekd.compile(["p(a) -> q(a)"], "exact")(values)
    reading.loss.backward()
    assert reading.loss.item() == pytest.approx(120 - math.log(2), rel=1e-5)
    assert [value.grad.item() for value in values.values() if value.grad is not None] == pytest.approx([0.5, -0.5])


def test_what_is_too_large_or_never_true_is_listed() -> None:
    members = ", ".join(f"v{n}()" for n in range(13))
    constraints = rulekd.compile([f"at_most_one({members})", "p(a) & ~p(a)", "exists a: p(a)"], "exact")
    assert sorted(why.split(";")[0] for why in constraints.untrained.values()) == [
        "exact semantics reads small groups, and no quantifiers",
        "it has 13 atoms",
        "no answer makes it true",
    ]


def test_values_in_float32_are_those_of_float64_however_sure_the_atoms() -> None:
    """The difference seen is 2e-8 of the loss."""
    members = [f"v{n}" for n in range(10)]
    constraints = rulekd.compile([f"exactly_one({', '.join(f'{name}()' for name in members)})"], "exact")
    z = 40 * torch.randn(10, 200, generator=torch.Generator().manual_seed(0))
    wide = constraints(dict(zip(members, z.double(), strict=True)))
    assert constraints(dict(zip(members, z, strict=True))).loss.item() == pytest.approx(wide.loss.item(), rel=1e-6)


def test_exactly_one_of_forty_is_the_sum_over_who_it_is() -> None:
    """W = sum_i P_i prod_{j not i} (1 - P_j), and its gradient against differences."""
    names = [f"v{n}" for n in range(40)]
    constraints = rulekd.compile([f"exactly_one({', '.join(f'{name}()' for name in names)})"], "exact")
    z = torch.randn(40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 2
    chance = z.sigmoid()
    one = sum(
        (torch.cat([chance[place : place + 1], 1 - chance[:place], 1 - chance[place + 1 :]]).prod(0))
        for place in range(40)
    )
    assert isinstance(one, Tensor)

    def loss(z: Tensor) -> Tensor:
        return constraints(dict(zip(names, z.unbind(0), strict=True))).loss

    assert loss(z).item() == pytest.approx(-one.log().mean().item(), rel=1e-12)
    assert torch.autograd.gradcheck(loss, (z.requires_grad_(),))


def test_a_loss_can_be_asked_for_its_gradient_twice() -> None:
    z = torch.randn(3, 5, requires_grad=True, generator=torch.Generator().manual_seed(0))
    loss = rulekd.compile(["exactly_one(x(), y(), z())"], "exact")(dict(zip("xyz", z.unbind(0), strict=True))).loss
    first, second = (torch.autograd.grad(loss, z, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_a_copy_lists_models_of_its_own() -> None:
    """The models are kept by the identity of a formula, which a copy does not share."""
    constraints = rulekd.compile(["p(a) -> q(a)"], "exact")
    values = {"p": torch.randn(2, 3), "q": torch.randn(2, 3)}
    loss = constraints(values).loss
    copied = copy.deepcopy(constraints)
    semantics = copied.semantics
    assert isinstance(semantics, Exact)
    assert not semantics._listed, "what else has come to lie at an address of old is not read"
    assert torch.equal(copied(values).loss, loss)
