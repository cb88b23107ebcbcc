"""How a program divides its work changes nothing: what is kept, how many scenes at once, how logarithms are grouped."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import rulekd
from rulekd.constraints import programs, stacks

TEXTS = [
    "r(a, b) & r(b, c) -> r(a, c)",
    "r(b, a) & s(b, c) -> s(a, c)",
    "r(a, b) -> s(b, a)",
    "~(r(a, b) & s(a, b))",
    "s(a, b) & p(a) -> r(a, b)",
    "r(a, b) <-> s(b, a)",
    "r(a, b) & s(b, c) & r(c, d) -> s(a, d)",
]


def batch(scale: float = 2.0, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    arity = {"p": 1, "r": 2, "s": 2}
    return {
        name: (scale * torch.randn(6, *(5,) * k, generator=generator, dtype=torch.float64)).to(dtype).requires_grad_()
        for name, k in arity.items()
    }


def measured(semantics: str, values: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    mask = torch.arange(5)[None] < torch.tensor([5, 3, 4, 5, 2, 5])[:, None]
    losses = torch.stack(list(rulekd.compile(TEXTS, semantics, p=2)(values, mask=mask).losses.values()))
    weights = torch.arange(1, len(losses) + 1, dtype=losses.dtype)
    return losses.detach(), list(torch.autograd.grad((losses * weights).sum(), list(values.values())))


@pytest.mark.parametrize("semantics", ["coherent", "product"])
@pytest.mark.parametrize(
    ("kept", "block", "gathered"), [(0, 2**19, 2**18), (2**23, 300, 2**18), (0, 300, 1), (2**23, 2**19, 1)]
)
def test_numbers_that_are_kept_or_made_twice_in_parts_of_any_size_give_the_same(
    semantics: str, kept: int, block: int, gathered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = batch()
    whole = measured(semantics, values)
    monkeypatch.setattr(programs, "KEPT", kept)
    monkeypatch.setattr(programs, "BLOCK", block)
    monkeypatch.setattr(stacks, "BLOCK", gathered)
    monkeypatch.setattr(stacks, "FLAT_BLOCK", gathered)
    again = measured(semantics, values)
    assert torch.allclose(whole[0], again[0], rtol=1e-12, atol=0)
    for one, other in zip(whole[1], again[1], strict=True):
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("scale", [0.5, 3.0, 8.0, 20.0, 60.0, 200.0])
@pytest.mark.parametrize("kept", [0, 2**23])
def test_coherent_losses_are_exact_however_small_the_probabilities(
    scale: float, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight, four, two or no S are multiplied before a logarithm. Seen: 7e-7 of a loss, 2e-7 of the largest slope."""
    monkeypatch.setattr(programs, "KEPT", kept)
    narrow, wide = (measured("coherent", batch(scale, dtype)) for dtype in (torch.float32, torch.float64))
    assert torch.allclose(narrow[0].double(), wide[0], rtol=2e-6, atol=1e-7)
    for one, other in zip(narrow[1], wide[1], strict=True):
        assert torch.allclose(one.double(), other, rtol=0, atol=1e-6 * float(other.abs().max()))


@pytest.mark.parametrize("semantics", ["coherent", "product"])
def test_a_second_backward_pass_gives_what_the_first_gave(semantics: str) -> None:
    values = batch()
    loss = rulekd.compile(TEXTS, semantics)(values).loss
    first, second = (torch.autograd.grad(loss, list(values.values()), retain_graph=True) for _ in range(2))
    assert all(torch.allclose(one, other, rtol=1e-12, atol=0) for one, other in zip(first, second, strict=True))
