"""Under ``torch.compile``: one graph, the values and gradients of eager, and no graph anew for every size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import rulekd
from rulekd.constraints import grounded

RULES = [
    "r(a, b) & r(b, c) -> r(a, c)",
    "r(a, b) -> s(b, a)",
    "r(a, b) <-> s(b, a)",
    "p(a) & r(a, b) -> q(b) | t()",
    "r(a, b) & r(b, c) & p(c) -> w(a, b, c)",
    "p(a) & q(b) & p(c) -> r(a, b)",
    "exactly_one(p(a), q(a), t())",
]

#: torch itself makes an instance of a function that it traces; torch 2.11 does not trace the identity of a tuple.
EXACT = [
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.skipif(torch.__version__ < (2, 12), reason="exact semantics compiles from torch 2.12 on"),
]


def batch(size: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    arity = {"p": 1, "q": 1, "r": 2, "s": 2, "w": 3, "t": 0}
    return {name: (2 * torch.randn(2, *(size,) * k, generator=generator)).requires_grad_() for name, k in arity.items()}


def masked(size: int) -> Tensor:
    return torch.arange(size)[None] < torch.tensor([[size], [size - 1]])


def assert_same(
    one: Callable[..., Tensor], other: Callable[..., Tensor], values: dict[str, Tensor], mask: Tensor
) -> None:
    """Loss and gradient, which is nothing where nobody is asked."""
    losses = [loss(values, mask) for loss in (one, other)]
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-6)
    learned = [value for value in values.values() if value.requires_grad]
    slopes = [torch.autograd.grad(loss, learned, allow_unused=True) for loss in losses]
    for left, right in zip(*slopes, strict=True):
        assert (left is None) == (right is None)
        assert left is None or right is None or torch.allclose(left, right, atol=1e-7)


def loss_of(constraints: rulekd.Constraints) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    def loss(values: dict[str, Tensor], mask: Tensor) -> Tensor:
        return constraints(values, mask=mask).loss

    return loss


@pytest.mark.parametrize(
    ("semantics", "p", "backend"),
    [
        ("coherent", 1, "eager"),
        ("product", 2, "aot_eager"),
        ("product", 3, "eager"),
        pytest.param("exact", 1, "aot_eager", marks=EXACT),
    ],
)
def test_values_and_gradients_are_those_of_eager(semantics: str, p: int, backend: str) -> None:
    torch._dynamo.reset()
    loss = loss_of(rulekd.compile(RULES, semantics, p, sharpness=1.5, body=0.5))
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    values = batch(5)
    assert_same(loss, compiled, values, masked(5))
    values["r"].data[1, 4] = torch.nan  # padding
    assert_same(loss, compiled, values, masked(5))
    assert_same(loss, compiled, {**values, "s": values["s"].detach() > 0}, masked(5))


@pytest.mark.parametrize("semantics", ["coherent", "product", pytest.param("exact", marks=EXACT)])
def test_two_graphs_serve_all_sizes(semantics: str) -> None:
    loss = loss_of(rulekd.compile(RULES, semantics))
    graphs = []

    def backend(module: torch.fx.GraphModule, _: list[Tensor]) -> torch.fx.GraphModule:
        graphs.append(module)
        return module

    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    for size in (5, 6, 8, 40, 13, 7, 24):
        assert_same(loss, compiled, batch(size, seed=size), masked(size))
    assert len(graphs) <= 2, "one for the first size, one for all others"


@EXACT[0]
@EXACT[1]
def test_what_eager_reads_in_parts_is_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grounded, "BLOCK", 256)
    rules = ["r(a, b) & r(b, c) -> r(a, c)", "r(a, b) -> s(b, a)"]
    for semantics, texts in (("exact", rules), ("coherent", ["p(a) -> exists b: r(a, b) & q(b)"])):
        loss = loss_of(rulekd.compile(texts, semantics))
        torch._dynamo.reset()
        assert_same(loss, torch.compile(loss, fullgraph=True, backend="eager"), batch(9), masked(9))


def test_many_products_are_left_to_the_operator() -> None:
    """Written out one by one they would be compiled for minutes."""
    texts = [f"r{i}(a, b) & r{j}(b, c) -> r{i}(a, c)" for i in range(9) for j in range(8)]
    generator = torch.Generator().manual_seed(0)
    values = {f"r{i}": torch.randn(2, 4, 4, generator=generator).requires_grad_() for i in range(9)}
    graphs = []

    def backend(module: torch.fx.GraphModule, _: list[Tensor]) -> torch.fx.GraphModule:
        graphs.append(module)
        return module

    torch._dynamo.reset()
    loss = loss_of(rulekd.compile(texts, "product"))
    assert_same(loss, torch.compile(loss, fullgraph=True, backend=backend), values, masked(4))
    assert any("rulekd.sums" in str(node.target) for node in graphs[0].graph.nodes)


def test_one_compiled_function_serves_several_constraints() -> None:
    """torch takes a number that differs from call to call for one that may be any, and no program has such a number."""
    texts = [f"r{i}(a, b) & r{j}(b, c) -> r{i}(a, c)" for i in range(9) for j in range(8)]
    generator = torch.Generator().manual_seed(0)
    values = {f"r{i}": torch.randn(2, 4, 4, generator=generator) for i in range(9)}

    def loss(constraints: rulekd.Constraints) -> Tensor:
        return constraints(values).loss

    torch._dynamo.reset()
    compiled = torch.compile(loss, backend="eager")
    for some in (texts, texts[1:], texts[2:]):
        constraints = rulekd.compile(some, "product")
        assert compiled(constraints).item() == pytest.approx(loss(constraints).item(), rel=1e-6)
