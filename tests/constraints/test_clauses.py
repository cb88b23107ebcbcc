"""Losses of clauses against brute force over groundings in float64, against LTNtorch, and at the extremes."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rulekd
from kg import Formula, parse
from kg.formulas import Atom, Not
from kg.normal import clauses, free_variables
from rulekd.facts import Facts
from rulekd.grounding import View, count

TEXTS = [
    "r(a, b) & r(b, c) -> r(a, c)",
    "r(a, b) & s(c, b) -> s(a, c)",
    "r(a, b) -> s(b, a)",
    "~(r(a, b) & s(a, b))",
    "r(a, b) | r(b, a)",
    "p(a) & r(a, b) -> p(b)",
    "p(a) -> q(a)",
    "r(a, b) & s(b, c) -> r(a, c) | s(a, c)",
    "r(a, b) & r(a, c) & s(b, c) & p(a) -> s(c, b)",
    "r(a, b) & r(b, c) & r(c, d) -> r(a, d)",
    "r(a, b) -> t()",
]

Aggregate = Callable[[list[float]], tuple[float, float]]


def logits(
    seed: int, scenes: int = 2, objects: int = 4, scale: float = 2.0
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    arity = {"p": 1, "q": 1, "r": 2, "s": 2, "t": 0}
    values = {
        name: torch.randn(scenes, *(objects,) * k, generator=generator, dtype=torch.float64) * scale
        for name, k in arity.items()
    }
    mask = torch.arange(objects)[None] < torch.tensor([[objects - number % 2] for number in range(scenes)])
    return values, mask


def by_hand(
    formula: Formula, values: dict[str, torch.Tensor], mask: torch.Tensor, grounding: Aggregate
) -> tuple[float, float]:
    """(loss, violation): the mean over clauses of the mean over all groundings, one by one."""
    losses, violations = [], []
    variables = free_variables(formula)
    for clause in clauses(formula):
        found = []
        for scene in range(len(mask)):
            real = [i for i in range(mask.shape[1]) if mask[scene, i]]
            for objects in itertools.permutations(real, len(variables)):
                where = dict(zip(variables, objects, strict=True))
                chances = []
                for literal in clause:
                    atom = literal.part if isinstance(literal, Not) else literal
                    assert isinstance(atom, Atom)
                    logit = values[atom.predicate][(scene, *(where[v] for v in atom.arguments))].item()
                    chances.append(1 / (1 + math.exp(logit if isinstance(literal, Not) else -logit)))
                found.append(grounding(chances))
        losses.append(sum(loss for loss, _ in found) / max(1, len(found)))
        violations.append(sum(violation for _, violation in found) / max(1, len(found)))
    return sum(losses) / len(losses), sum(violations) / len(violations)


def coherent(chances: list[float]) -> tuple[float, float]:
    return -min(0.0, math.log(sum(chances))), max(0.0, 1 - sum(chances))


def product(chances: list[float]) -> tuple[float, float]:
    broken = math.prod(1 - chance for chance in chances)
    return broken, broken


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("semantics", "grounding"), [("coherent", coherent), ("product", product)])
def test_values_are_those_of_brute_force(text: str, semantics: str, grounding: Aggregate) -> None:
    for seed in range(3):
        values, mask = logits(seed)
        reading = rulekd.compile([text], semantics=semantics)(values, mask=mask)  # type: ignore[arg-type] # parametrised
        loss, violation = by_hand(parse(text), values, mask, grounding)
        assert reading.loss.item() == pytest.approx(loss, rel=1e-9)
        assert reading[text].violation == pytest.approx(violation, rel=1e-9)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_gradients_are_those_of_differences(text: str, semantics: str) -> None:
    values, mask = logits(7)
    names = list(values)
    constraints = rulekd.compile([text], semantics=semantics, p=2)  # type: ignore[arg-type] # parametrised

    def loss(*given_values: torch.Tensor) -> torch.Tensor:
        return constraints(dict(zip(names, given_values, strict=True)), mask=mask).loss

    assert torch.autograd.gradcheck(loss, tuple(v.clone().requires_grad_() for v in values.values()))


def test_blocks_change_neither_value_nor_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    values, mask = logits(3, scenes=5, objects=6)
    constraints = rulekd.compile([TEXTS[0], TEXTS[7], TEXTS[9]])

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        r = values["r"].clone().requires_grad_()
        loss = constraints({**values, "r": r}, mask=mask).loss
        loss.backward()
        assert r.grad is not None
        return loss.detach(), r.grad

    whole = run()
    for place in ("coherent", "stacks", "programs"):
        for block in (1, 40, 6**3):
            with monkeypatch.context() as patch:
                patch.setattr(f"rulekd.constraints.{place}.BLOCK", block)
                parts = run()
            assert all(torch.allclose(one, other, rtol=1e-12) for one, other in zip(whole, parts, strict=True))


def test_ltntorch_gives_the_same_product_p_mean() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about its own escapes while it is imported
        ltn = pytest.importorskip("ltn")
    generator = torch.Generator().manual_seed(0)
    n = 7
    values = torch.randn(1, n, n, generator=generator, dtype=torch.float64)
    chance = values.sigmoid()[0]
    a, b, c = (ltn.Variable(name, torch.arange(n).double()[:, None]) for name in "abc")
    relation = ltn.Predicate(func=lambda x, y: chance[x[:, 0].long(), y[:, 0].long()])
    implies = ltn.Connective(ltn.fuzzy_ops.ImpliesReichenbach(stable=False))
    both = ltn.Connective(ltn.fuzzy_ops.AndProd(stable=False))
    forall = ltn.Quantifier(ltn.fuzzy_ops.AggregPMeanError(p=2, stable=False), quantifier="f")
    # LTN has no distinct variables; a guard on the values of the variables makes them distinct.
    satisfied = forall(
        [a, b, c],
        implies(both(relation(a, b), relation(b, c)), relation(a, c)),
        cond_vars=[a, b, c],
        cond_fn=lambda x, y, z: ((x.value != y.value) & (y.value != z.value) & (x.value != z.value))[..., 0],
    ).value
    loss = rulekd.compile(["r(a, b) & r(b, c) -> r(a, c)"], semantics="product", p=2)({"r": values}).loss
    assert loss.item() == pytest.approx(1 - satisfied.item(), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [30.0, 120.0])
def test_coherent_is_alive_at_the_worst_violation(dtype: torch.dtype, size: float) -> None:
    values = torch.full((1, 3, 3), size, dtype=dtype)
    values[0, 0, 2] = -size
    values.requires_grad_()
    reading = rulekd.compile(["r(a, b) & r(b, c) -> r(a, c)"])({"r": values})
    reading.loss.backward()
    assert values.grad is not None
    assert bool(torch.isfinite(values.grad).all())
    pulled = values.grad[0] * 6  # the mean is over six groundings
    assert pulled[0, 1].item() == pytest.approx(1 / 3, rel=0.02)
    assert pulled[0, 2].item() == pytest.approx(-1 / 3, rel=0.02)


def test_an_implication_pulls_both_sides_alike_at_120() -> None:
    values = {
        "r": torch.full((1, 2, 2), 120.0, requires_grad=True),
        "s": torch.full((1, 2, 2), -120.0, requires_grad=True),
    }
    rulekd.compile(["r(a, b) -> s(a, b)"])(values).loss.backward()
    for name, slope in (("r", 0.5), ("s", -0.5)):
        grad = values[name].grad
        assert grad is not None
        assert (2 * grad[0, 0, 1]).item() == pytest.approx(slope)
        assert grad[0, 0, 0].item() == 0, "the diagonal is nobody's grounding"


def test_honest_doubt_costs_nothing_but_in_product() -> None:
    doubt = {
        "r": torch.logit(torch.tensor([[[0.5, 0.6], [0.6, 0.5]]])),
        "s": torch.logit(torch.tensor([[[0.5, 0.4], [0.4, 0.5]]])),
    }
    text = "r(a, b) & r(b, a) -> s(a, b)"  # 0.6, 0.6 and 0.4
    assert rulekd.compile([text])(doubt).loss.item() == 0
    assert rulekd.compile([text], semantics="product")(doubt).loss.item() == pytest.approx(0.36 * 0.6)
    assert rulekd.compile([text], sharpness=3)(doubt).loss.item() > 0.1


chance = st.floats(0.01, 0.99)


@settings(max_examples=60, deadline=None)
@given(body=chance, more=chance, head=chance, less=chance)
@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_violation_grows_with_the_body_and_falls_with_the_head(
    semantics: str, body: float, more: float, head: float, less: float
) -> None:
    constraints = rulekd.compile(["p(a) -> q(a)"], semantics=semantics)  # type: ignore[arg-type] # parametrised

    def violation(p: float, q: float) -> float:
        return constraints({n: torch.logit(torch.tensor([[x]], dtype=torch.float64)) for n, x in (("p", p), ("q", q))})[
            "p(a) -> q(a)"
        ].violation

    low, high = sorted((body, more))
    assert violation(low, head) <= violation(high, head) + 1e-12
    low, high = sorted((head, less))
    assert violation(body, low) >= violation(body, high) - 1e-12


@settings(max_examples=60, deadline=None)
@given(chances=st.lists(chance, min_size=4, max_size=4))
def test_coherent_is_below_independence_is_below_frechet(chances: list[float]) -> None:
    """One clause of distinct atoms p | q | ~r | ~s over one object."""
    text = "x(a) & y(a) -> p(a) | q(a)"
    values = {n: torch.logit(torch.tensor([[x]], dtype=torch.float64)) for n, x in zip("xypq", chances, strict=True)}
    coherent_violation = rulekd.compile([text])(values)[text].violation
    independent = rulekd.compile([text], semantics="product")(values)[text].violation
    x, y, p, q = chances
    frechet = min(x, y, 1 - p, 1 - q)
    assert coherent_violation <= independent + 1e-12
    assert independent <= frechet + 1e-12


@settings(max_examples=60, deadline=None)
@given(chances=st.lists(chance, min_size=3, max_size=3))
def test_a_resolvent_costs_at_most_its_parents(chances: list[float]) -> None:
    """p -> q and q -> r resolve to p -> r."""
    values = {n: torch.logit(torch.tensor([[x]], dtype=torch.float64)) for n, x in zip("pqr", chances, strict=True)}
    one, two, resolvent = (
        rulekd.compile([text])(values)[text].violation for text in ("p(a) -> q(a)", "q(a) -> r(a)", "p(a) -> r(a)")
    )
    assert resolvent <= one + two + 1e-12


@pytest.mark.parametrize(
    "text", [*TEXTS, "r(a, b) <-> s(b, a)", "exactly_one(r(a, b), s(a, b), r(b, a))", "at_most_one(p(a), q(a))"]
)
@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_soft_tends_to_strict_as_logits_grow(text: str, semantics: str) -> None:
    """The soft violation of surer and surer answers is the share of groundings that Boolean logic breaks."""
    constraints = rulekd.compile([text], semantics=semantics)  # type: ignore[arg-type] # parametrised
    for seed in range(3):
        values, mask = logits(seed)
        values = {name: value.sign() * 60 for name, value in values.items()}
        facts = Facts(values, mask=mask)
        _, broken = count(parse(text), View(facts))
        reading = constraints(values, mask=mask)
        one = reading[text]
        strict = broken.sum().item()
        soft_zero = one.violation == pytest.approx(0, abs=1e-9)
        assert soft_zero == (strict == 0)
        assert (one.loss.item() < 1e-9) == (strict == 0)


@pytest.mark.parametrize("text", TEXTS)
def test_permuting_objects_and_padding_change_nothing(text: str) -> None:
    values, mask = logits(5, scenes=1)
    constraints = rulekd.compile([text])
    order = torch.tensor([2, 0, 3, 1])

    def moved(value: torch.Tensor) -> torch.Tensor:
        for axis in range(1, value.dim()):
            value = value.index_select(axis, order)
        return value

    def padded(value: torch.Tensor) -> torch.Tensor:
        wide = torch.full((1, *(6,) * (value.dim() - 1)), 50.0, dtype=value.dtype)
        wide[tuple(slice(0, n) for n in value.shape)] = value
        return wide

    plain = constraints(values, mask=mask).loss
    assert constraints({n: moved(v) for n, v in values.items()}, mask=mask[:, order]).loss.item() == pytest.approx(
        plain.item()
    )
    wide_mask = torch.zeros(1, 6, dtype=torch.bool)
    wide_mask[:, :4] = mask
    assert constraints({n: padded(v) for n, v in values.items()}, mask=wide_mask).loss.item() == pytest.approx(
        plain.item()
    )


def test_nothing_left_after_masking_is_zero_and_not_nan() -> None:
    values = {"r": torch.zeros(2, 3, 3, requires_grad=True)}
    reading = rulekd.compile(["r(a, b) & r(b, c) -> r(a, c)", "r(a, b) <-> r(b, a)"])(
        values, mask=torch.zeros(2, 3, dtype=torch.bool)
    )
    reading.loss.backward()
    assert reading.loss.item() == 0
    assert reading["transitive(r)"].strict is None
    assert bool(torch.isfinite(values["r"].grad).all()) if values["r"].grad is not None else False


@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_a_rule_costs_among_others_of_other_shapes_what_it_costs_alone(semantics: str) -> None:
    """Shapes take turns, so that no order of computing them is that of the rules."""
    texts = [
        "r(a, b) & r(b, c) -> r(a, c)",
        "p(a) -> q(a)",
        "r(a, b) -> s(b, a)",
        "r(a, b) & s(b, c) -> s(a, c)",
        "s(a, b) -> r(b, a)",
        "exactly_one(p(a), q(a))",
        "q(a) | p(a)",
        "s(a, b) & s(b, c) -> r(a, c)",
        "(p(a) -> q(a)) & (r(a, b) -> ~s(a, b))",
        "at_most_one(r(a, b), s(a, b), r(b, a))",
        "s(a, b) & p(a) -> r(a, b)",
    ]
    generator = torch.Generator().manual_seed(0)
    arity = {"p": 1, "q": 1, "r": 2, "s": 2}
    for mask in (None, torch.arange(5)[None] < torch.tensor([[5], [3], [4]])):
        values = {n: 2 * torch.randn(3, *(5,) * k, generator=generator, dtype=torch.float64) for n, k in arity.items()}
        together = rulekd.compile(texts, semantics)(values, mask=mask)
        for text in texts:
            alone = rulekd.compile([text], semantics)(values, mask=mask)
            assert together[text].loss.item() == pytest.approx(alone[text].loss.item(), rel=1e-12)
            assert together[text].violation == pytest.approx(alone[text].violation, rel=1e-12)
            assert together[text].body_share == pytest.approx(alone[text].body_share, rel=1e-12)
