"""The laws of every semantics, named and also of the one that the documentation writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import rulekd
from kg import parse
from rulekd.constraints import Semantics
from rulekd.constraints.coherent import Coherent
from rulekd.constraints.exact import Exact
from rulekd.constraints.product import Product
from rulekd.facts import Facts
from rulekd.grounding import View, count

ROOT = Path(__file__).resolve().parents[2]


def documented() -> Semantics:
    """The semantics of docs/constraints.md, as it stands there."""
    text = (ROOT / "docs" / "constraints.md").read_text(encoding="utf-8")
    block = next(b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "class Goedel" in b)
    names: dict[str, object] = {}
    exec(block, names)
    made = names["Goedel"]
    assert isinstance(made, type)
    semantics = made()
    assert isinstance(semantics, Semantics)
    return semantics


SEMANTICS = {
    "coherent": Coherent(),
    "product": Product(),
    "product, p = 3": Product(3),
    "exact": Exact(),
    "documented": documented(),
}
each = pytest.mark.parametrize("semantics", SEMANTICS.values(), ids=SEMANTICS.keys())

CLAUSES = [
    "r(a, b) & r(b, c) -> r(a, c)",
    "r(a, b) & p(b) -> q(a) | s(b, a)",
    "p(a) & q(a) -> t()",
    "r(a, b) & s(b, c) & r(c, d) -> s(a, d) | p(b)",
]


def batch(seed: int, objects: int = 4) -> tuple[dict[str, Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    arity = {"p": 1, "q": 1, "r": 2, "s": 2, "t": 0}
    values = {
        name: 2 * torch.randn(2, *(objects,) * k, generator=generator, dtype=torch.float64) for name, k in arity.items()
    }
    return values, torch.tensor([[True] * objects, [True] * (objects - 1) + [False]])


@each
@pytest.mark.parametrize("text", CLAUSES)
def test_more_body_never_costs_less_and_more_head_never_more(semantics: Semantics, text: str) -> None:
    constraints = rulekd.compile([text], semantics)
    body, head = text.split(" -> ")
    for seed in range(3):
        values, mask = batch(seed)
        before = constraints(values, mask=mask)
        for name in values:
            grown = constraints({**values, name: values[name] + 1.5}, mask=mask)
            only_body, only_head = f"{name}(" in body, f"{name}(" in head
            if only_body and not only_head:
                assert grown.loss >= before.loss - 1e-12
                assert grown[text].violation >= before[text].violation - 1e-12
            if only_head and not only_body:
                assert grown.loss <= before.loss + 1e-12
                assert grown[text].violation <= before[text].violation + 1e-12


@each
@pytest.mark.parametrize("text", CLAUSES)
def test_double_negation_and_contraposition_change_nothing(semantics: Semantics, text: str) -> None:
    values, mask = batch(1)
    body, head = text.split(" -> ")
    losses = [
        rulekd.compile([spelling], semantics)(values, mask=mask).loss.item()
        for spelling in (text, f"~~({text})", f"~({head}) -> ~({body})")
    ]
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-12)


@each
@pytest.mark.parametrize("text", [*CLAUSES, "r(a, b) & p(a) <-> s(b, a)", "exactly_one(p(a), q(a), t())"])
def test_padding_and_the_order_of_objects_change_nothing(semantics: Semantics, text: str) -> None:
    constraints = rulekd.compile([text], semantics)
    values, _ = batch(2)
    order = torch.tensor([2, 0, 3, 1])

    def moved(value: Tensor) -> Tensor:
        for axis in range(1, value.dim()):
            value = value.index_select(axis, order)
        return value

    def padded(value: Tensor) -> Tensor:
        wide = torch.full((2, *(6,) * (value.dim() - 1)), torch.nan, dtype=value.dtype)
        wide[tuple(slice(0, n) for n in value.shape)] = value
        return wide.requires_grad_()

    plain = constraints(values).loss.item()
    assert constraints({n: moved(v) for n, v in values.items()}).loss.item() == pytest.approx(plain, rel=1e-12)
    wide = {n: padded(v) for n, v in values.items()}
    loss = constraints(wide, mask=torch.tensor([[True] * 4 + [False] * 2] * 2)).loss
    loss.backward()
    assert loss.item() == pytest.approx(plain, rel=1e-12)
    assert all(bool(torch.isfinite(v.grad).all()) for v in wide.values() if v.grad is not None)


@each
@pytest.mark.parametrize("text", CLAUSES)
def test_soft_tends_to_strict(semantics: Semantics, text: str) -> None:
    constraints = rulekd.compile([text], semantics)
    for seed in range(4):
        values, mask = batch(seed)
        sure = {name: value.sign() * 60 for name, value in values.items()}
        _, broken = count(parse(text), View(Facts(sure, mask=mask)))
        reading = constraints(sure, mask=mask)
        assert (reading.loss.item() > 1e-3) == (int(broken.sum()) > 0)
        assert (reading[text].violation > 1e-3) == (int(broken.sum()) > 0)


@each
@pytest.mark.parametrize("text", CLAUSES)
def test_gradients_are_those_of_differences(semantics: Semantics, text: str) -> None:
    values, mask = batch(4)
    constraints = rulekd.compile([text], semantics)

    def loss(*given_values: Tensor) -> Tensor:
        return constraints(dict(zip(values, given_values, strict=True)), mask=mask).loss

    assert torch.autograd.gradcheck(loss, tuple(v.clone().requires_grad_() for v in values.values()))


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extremes_give_finite_losses_and_gradients(semantics: Semantics, dtype: torch.dtype) -> None:
    """Alive as well, but for product, whose gradient is that of a saturated sigmoid."""
    for size in (30.0, 120.0):
        values = {n: torch.full((1, 3, 3), z, dtype=dtype, requires_grad=True) for n, z in (("r", size), ("s", -size))}
        loss = rulekd.compile(["r(a, b) & r(b, c) -> s(a, c)"], semantics)(values).loss
        loss.backward()
        assert bool(torch.isfinite(loss))
        pulls = [float(v.grad.abs().sum()) for v in values.values() if v.grad is not None]
        assert all(pull < 10 for pull in pulls)
        if not isinstance(semantics, Product):
            assert max(pulls) > 0.1


def test_semantics_are_ordered_on_one_clause() -> None:
    """coherent <= independence <= Frechet's upper bound, for one clause of distinct atoms."""
    text = "p(a) & r(a, b) -> q(b) | s(b, a)"
    for seed in range(5):
        values, mask = batch(seed)
        low, middle, high = (
            rulekd.compile([text], SEMANTICS[name])(values, mask=mask)[text].violation
            for name in ("coherent", "product", "documented")
        )
        assert low <= middle + 1e-12 <= high + 2e-12
        exact = rulekd.compile([text], Exact())(values, mask=mask)[text].violation
        assert exact == pytest.approx(middle, rel=1e-9), "a clause of distinct atoms under independence"


@settings(max_examples=40, deadline=None)
@given(chances=st.lists(st.floats(0.01, 0.99), min_size=4, max_size=4))
def test_a_resolvent_costs_at_most_its_parents(chances: list[float]) -> None:
    values = {n: torch.logit(torch.tensor([[x]], dtype=torch.float64)) for n, x in zip("pqrs", chances, strict=True)}
    texts = ("p(a) -> q(a) | r(a)", "q(a) -> s(a)", "p(a) -> r(a) | s(a)")
    one, two, resolvent = (rulekd.compile([text])(values)[text].violation for text in texts)
    assert resolvent <= one + two + 1e-12
