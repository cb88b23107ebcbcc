"""What a compiled object can do: plans, weights, rules that come and go; and what a rule's reading tells."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch import Tensor

import rulekd
from kg import Rule, RulekdError, UnknownNameError, Vocabulary, parse
from kg.predicates import Predicate
from rulekd.constraints.plan import Backend

TRANSITIVE = "r(a, b) & r(b, c) -> r(a, c)"


def batch(seed: int = 0, scale: float = 2.0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    arity = {"p": 1, "q": 1, "r": 2, "s": 2, "w": 3, "t": 0}
    return {name: scale * torch.randn(3, *(5,) * k, generator=generator) for name, k in arity.items()}


@pytest.mark.parametrize(
    ("text", "backend", "cost"),
    [
        (TRANSITIVE, Backend.CLAUSES, "n^3 time, n^2 memory"),
        ("r(a, b) -> s(b, a)", Backend.CLAUSES, "n^2 time, n^2 memory"),
        ("r(a, b) & r(b, c) & r(c, d) -> r(a, d)", Backend.CLAUSES, "n^4 time, n^2 memory"),
        ("w(a, b, c) -> r(a, b)", Backend.CLAUSES, "n^3 time, n^3 memory"),
        ("r(a, b) <-> s(b, a)", Backend.CONSISTENCY, "n^2 time, n^2 memory"),
        ("exactly_one(p(a), q(a), t())", Backend.EXCLUSIVE, "n^1 time, n^1 memory"),
        ("p(a) -> exists b: r(a, b)", Backend.GROUNDED, "n^2 time, n^2 memory for some scenes at once"),
        ("under mirror_x: r(a, b) <-> s(a, b)", Backend.TWO_PASSES, "n^2 time, n^2 memory"),
        ("under mirror_x: r(a, b) & p(a) -> s(a, b)", Backend.CLAUSES, "n^2 time, n^2 memory"),
        ("r(a, a) -> p(a)", Backend.NONE, "-"),
    ],
)
def test_the_plan_says_what_computes_a_rule_and_at_what_cost(text: str, backend: Backend, cost: str) -> None:
    constraints = rulekd.compile([text])
    (one,) = constraints.planned
    assert (one.backend, one.cost) == (backend, cost)
    line = constraints.plan()
    assert one.rule.name in line
    assert backend.value in line
    assert one.why
    assert one.why in line


def test_an_object_named_twice_has_a_meaning_where_the_vocabulary_says_so() -> None:
    words = Vocabulary({"r": Predicate("r", 2, diagonal=True), "p": 1})
    values = {"r": torch.full((1, 2, 2), 9.0), "p": torch.full((1, 2), -9.0)}
    reading = rulekd.compile(["r(a, a) -> p(a)"], vocabulary=words)(values)
    assert reading.loss.item() == pytest.approx(9 - math.log(2), abs=1e-3)
    assert next(iter(reading.values())).live == 2


@pytest.mark.parametrize("semantics", ["coherent", "product", "exact"])
def test_an_implication_under_a_transform_reads_its_head_in_the_image(semantics: str) -> None:
    """As if the image's predicates were others of the same scene."""
    scene, image = batch(0), batch(1)
    text = "r(a, b) & p(a) -> s(a, b)"
    under = rulekd.compile([f"under mirror_x: {text}"], semantics)(scene, views={"mirror_x": image})
    plain = rulekd.compile([text.replace("s(", "z(")], semantics)({**scene, "z": image["s"]})
    assert under.loss.item() == pytest.approx(plain.loss.item(), rel=1e-6)


def test_weights_turn_the_loss_and_leave_the_losses_of_rules_alone() -> None:
    texts = [TRANSITIVE, "r(a, b) <-> s(b, a)", "p(a) -> exists b: r(a, b)"]
    values = batch()
    plain = rulekd.compile(texts)
    losses = [loss.item() for loss in plain(values).losses.values()]
    turned = plain.reweight({texts[0]: 3, plain.rules[2].id: 0})
    assert [loss.item() for loss in turned(values).losses.values()] == losses
    assert turned(values).loss.item() == pytest.approx((3 * losses[0] + losses[1]) / 4, rel=1e-6)
    assert plain(values).loss.item() == pytest.approx(sum(losses) / 3, rel=1e-6), "the old object is as it was"
    assert rulekd.compile(texts, weights={texts[0]: 3, texts[2]: 0})(values).loss == turned(values).loss
    with pytest.raises(RulekdError, match="weight of"):
        plain.reweight({texts[0]: -1})
    with pytest.raises(UnknownNameError):
        plain.reweight({"symmetric(r)": 1})


def test_rules_come_and_go_and_an_edited_one_keeps_its_weight() -> None:
    constraints = rulekd.compile([TRANSITIVE, "p(a) -> q(a)"]).reweight({TRANSITIVE: 5})
    old = constraints.rules[0]
    edited = Rule(parse("r(a, b) & s(b, c) -> r(a, c)"), replaces=old.id)
    changed = constraints.add([edited]).add(["~p(a)"]).drop("p(a) -> q(a)")
    assert [rule.text for rule in changed.rules] == [edited.text, "~p(a)"]
    assert changed.weights == {edited.id: 5.0}
    assert [rule.text for rule in constraints.rules] == [TRANSITIVE, "p(a) -> q(a)"]
    assert changed.drop(edited.id).weights == {}


def test_the_body_learns_as_much_as_it_is_allowed_to() -> None:
    """body = 0 leaves body atoms that are no head alone; their share of the gradient is measured."""
    text = "r(a, b) & r(b, c) -> s(a, c)"
    values = {"r": torch.full((1, 4, 4), 3.0), "s": torch.full((1, 4, 4), -3.0)}
    shares = {}
    for body in (0.0, 0.5, 1.0):
        leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
        reading = rulekd.compile([text], body=body)(leaves)
        reading.loss.backward()
        pulls = {name: float(leaf.grad.abs().sum()) for name, leaf in leaves.items() if leaf.grad is not None}
        shares[body] = reading[text].body_share
        assert shares[body] == pytest.approx(pulls["r"] / (pulls["r"] + pulls["s"]), rel=1e-5)
    assert shares == pytest.approx({0.0: 0, 0.5: 1 / 2, 1.0: 2 / 3}, rel=1e-5)


def test_broken_groundings_without_a_gradient_are_counted() -> None:
    doubt = {"p": torch.logit(torch.tensor([[0.6, 0.9]])), "q": torch.logit(torch.tensor([[0.45, 0.1]]))}
    reading = rulekd.compile(["p(a) & ~q(a) -> t(a)"])(doubt | {"t": torch.logit(torch.tensor([[0.4, 0.1]]))})
    (one,) = reading.values()
    assert (one.live, one.strict) == (2, 1.0)
    assert one.silent == 1, "0.6, 0.55 and 0.4 add up: 0.4 + 0.45 + 0.4 > 1"
    assert one.conditional == pytest.approx((0 + 0.7) / 2, abs=1e-6)
    assert (
        rulekd.compile(["p(a) -> q(a)"])({k: v * 0 - 9 for k, v in doubt.items()})["p(a) -> q(a)"].conditional is None
    )


def test_a_relation_that_was_erased_shows_as_vacuous() -> None:
    constraints = rulekd.compile([TRANSITIVE, "p(a) -> q(a)"])
    teacher = batch(0)
    erased = constraints({**teacher, "r": teacher["r"] - 20})
    told = erased.vacuous(constraints(teacher))
    assert told == {constraints.rules[0].id: (0, constraints(teacher)[TRANSITIVE].live)}
    assert constraints(teacher).vacuous(constraints(teacher)) == {}


def test_the_operators_keep_the_contract_of_torch() -> None:
    constraints = rulekd.compile([TRANSITIVE, "p(a) & r(a, b) -> q(b)"])
    program = constraints._read(())[1].bundles[0].program
    shapes = {1: (2, 3), 2: (2, 3, 3)}
    read = [torch.randn(shapes[source.arity], requires_grad=True) for source in program.sources]
    objects = torch.tensor([[True, True, True], [True, True, False]])
    torch.library.opcheck(torch.ops.rulekd.sums.default, (read, objects, True, program.handle))


@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_bfloat16_and_autocast_give_what_float32_gives_for_the_same_logits(semantics: str) -> None:
    constraints = rulekd.compile([TRANSITIVE, "r(a, b) <-> s(b, a)", "p(a) -> exists b: r(a, b)"], semantics)
    values = {name: value.bfloat16() for name, value in batch().items()}
    wide = constraints({name: value.float() for name, value in values.items()}).loss
    narrow = {name: value.requires_grad_() for name, value in values.items()}
    with torch.autocast("cpu", torch.bfloat16):
        loss = constraints(narrow).loss
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(wide.item(), rel=1e-5)
    assert narrow["r"].grad is not None
    assert narrow["r"].grad.dtype == torch.bfloat16


def test_memory_of_three_variables_is_that_of_two() -> None:
    """The largest tensor of a pass over 24 million groundings holds less than a tenth of them."""
    largest = 0

    class Largest(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def] # torch's own
            nonlocal largest
            made = func(*args, **(kwargs or {}))
            if isinstance(made, Tensor):
                largest = max(largest, made.untyped_storage().nbytes())
            return made

    size = 144
    values = {"r": torch.randn(8, size, size, requires_grad=True)}
    for semantics in ("coherent", "product"):
        with Largest():
            rulekd.compile([TRANSITIVE], semantics)(values).loss.backward()
        assert 4 * size**2 <= largest < 4 * 8 * size**3 / 10


def test_rules_of_one_shape_are_one_stack() -> None:
    draw = random.Random(0)
    names = [f"p{i}" for i in range(20)]
    texts = {
        f"{draw.choice(names)}(a, b) & {draw.choice(names)}(b, c) -> {draw.choice(names)}(a, c)" for _ in range(60)
    }
    constraints = rulekd.compile(sorted(texts))
    layout = constraints._read(())[1]
    assert len(layout.bundles) == 1
    assert len(layout.bundles[0].program.stacks) == 1
