"""Formulas with quantifiers, superlatives and given comparisons, against plain numbers, grounding by grounding."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import rulekd
from kg import parse
from kg.formulas import Compare, Exists, ForAll, Formula, Iff, walk
from rulekd.constraints.plan import Backend
from rulekd.facts import Facts
from rulekd.grounding import View, count
from rulekd.scenes import Scenes
from tests.constraints.plain import MEANINGS, mean_loss, scenes_of
from tests.kg.strategies import WORDS, readable

RULES = [
    "p(a) -> exists b: r(a, b)",
    "(exists b: r(b, a) & p(b)) -> q(a)",
    "p(a) -> (forall b: r(a, b) -> q(b))",
    "t() -> exists a, b: r(a, b) & p(a) & p(b)",
    "p(a) | (forall b: r(a, b) | (exists c: s(b, c) & ~q(c)))",
    "exists a: p(a) & (forall b: q(b) -> x(a) <= x(b))",
    "p(a) & (exists b: x(b) < x(a)) -> q(a)",
    "exactly_one(p(a), q(a), exists b: r(a, b))",
]

#: The least of those that have a property.
SUPERLATIVE = "q(a) <-> p(a) & (forall b: p(b) -> x(a) <= x(b))"


def batch(seed: int, scale: float = 2.0) -> tuple[dict[str, Tensor], Scenes]:
    generator = torch.Generator().manual_seed(seed)
    scenes = Scenes.from_objects(
        [[{"center": (float(torch.rand((), generator=generator)), 0, 0)} for _ in range(n)] for n in (4, 3, 1)]
    )
    values = {
        word.name: scale * torch.randn(3, *(4,) * word.arity, generator=generator, dtype=torch.float64)
        for word in WORDS.values()
    }
    return values, scenes


@pytest.mark.parametrize("text", RULES)
@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_values_are_those_of_plain_numbers(text: str, semantics: str) -> None:
    for seed in range(3):
        values, scenes = batch(seed)
        reading = rulekd.compile([text], semantics)(values, scenes=scenes)
        assert reading.planned[0].backend is Backend.GROUNDED
        assert scenes.center is not None
        plain = scenes_of(values, scenes.mask, scenes.center[..., 0])
        loss, violation = mean_loss(parse(text), plain, MEANINGS[semantics])
        assert reading.loss.item() == pytest.approx(loss, rel=1e-9, abs=1e-12)
        assert reading[text].violation == pytest.approx(violation, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_an_equivalence_of_formulas_is_the_mean_of_both_directions(semantics: str) -> None:
    values, scenes = batch(1)
    assert scenes.center is not None
    plain = scenes_of(values, scenes.mask, scenes.center[..., 0])
    law = parse(SUPERLATIVE)
    assert isinstance(law, Iff)
    directions = [parse(f"({one}) -> ({other})") for one, other in ((law.left, law.right), (law.right, law.left))]
    wanted = [mean_loss(one, plain, MEANINGS[semantics])[0] for one in directions]
    assert rulekd.compile([SUPERLATIVE], semantics)(values, scenes=scenes).loss.item() == pytest.approx(sum(wanted) / 2)


@pytest.mark.parametrize("text", [*RULES, SUPERLATIVE])
@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_gradients_are_those_of_differences(text: str, semantics: str) -> None:
    values, scenes = batch(5)
    names = list(values)
    constraints = rulekd.compile([text], semantics, p=2)

    def loss(*given_values: Tensor) -> Tensor:
        return constraints(dict(zip(names, given_values, strict=True)), scenes=scenes).loss

    assert torch.autograd.gradcheck(loss, tuple(v.clone().requires_grad_() for v in values.values()))


@pytest.mark.parametrize("text", [RULES[0], RULES[4], SUPERLATIVE])
def test_holding_fewer_groundings_at_once_changes_neither_value_nor_gradient(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, scenes = batch(2)
    constraints = rulekd.compile([text])

    def run() -> list[Tensor]:
        leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
        loss = constraints(leaves, scenes=scenes).loss
        loss.backward()
        return [loss.detach(), *(leaf.grad for leaf in leaves.values() if leaf.grad is not None)]

    whole = run()
    monkeypatch.setattr("rulekd.constraints.grounded.BLOCK", 1)
    assert all(torch.allclose(one, other, rtol=1e-12) for one, other in zip(whole, run(), strict=True))


def test_a_body_that_nothing_fulfils_and_a_forall_over_nothing_cost_nothing() -> None:
    alone = {"p": torch.full((1, 1), 9.0), "r": torch.full((1, 1, 1), -9.0)}
    assert rulekd.compile(["p(a) -> (forall b: r(a, b))"])(alone).loss.item() == 0
    missing = rulekd.compile(["p(a) -> exists b: r(a, b)"])({k: v.requires_grad_() for k, v in alone.items()})
    missing.loss.backward()
    assert missing.loss.item() == pytest.approx(9, abs=1e-3), "nobody is there to be found"
    assert alone["p"].grad is not None
    assert alone["p"].grad.item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("size", [30.0, 120.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_missing_witness_is_looked_for_at_the_worst_violation(size: float, dtype: torch.dtype) -> None:
    values = {"p": torch.full((1, 3), size, dtype=dtype), "r": torch.full((1, 3, 3), -size, dtype=dtype)}
    leaves = {name: value.requires_grad_() for name, value in values.items()}
    rulekd.compile(["p(a) -> exists b: r(a, b)"])(leaves).loss.backward()
    assert leaves["p"].grad is not None
    assert leaves["r"].grad is not None
    assert leaves["p"].grad.sum().item() == pytest.approx(1 / 3, rel=0.02)
    assert leaves["r"].grad.sum().item() == pytest.approx(-2 / 3, rel=0.02)


@settings(max_examples=150, deadline=None)
@given(formula=readable(), seed=st.integers(0, 2**16))
@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_soft_tends_to_strict_for_any_formula(semantics: str, formula: Formula, seed: int) -> None:
    """When every answer is sure, loss and violation are 0 exactly where no grounding breaks the rule.

    Where it is broken by what is given alone, nobody can be taught and the loss is 0.
    """
    values, scenes = batch(seed)
    sure = {name: value.sign() * 60 for name, value in values.items()}
    constraints = rulekd.compile([formula], semantics)
    if constraints.untrained:
        return
    reading = constraints(sure, scenes=scenes)
    _, broken = count(formula, View(Facts(sure, mask=scenes.mask), scenes))
    one = next(iter(reading.values()))
    assert (one.violation > 1e-9) == (int(broken.sum()) > 0), constraints.plan()
    given_alone = any(isinstance(inner, Compare | Exists | ForAll) for inner in walk(formula))
    if not given_alone:
        assert (one.loss.item() > 1e-9) == (int(broken.sum()) > 0), constraints.plan()
