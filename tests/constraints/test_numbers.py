"""Comparisons: given where the scenes say the numbers, trained where the network says them."""

from __future__ import annotations

import math

import pytest
import torch

import rulekd
from kg import ArityError, RulekdError
from rulekd.scenes import Scenes


def test_a_comparison_of_the_networks_own_numbers_is_a_smooth_hinge() -> None:
    """In units of the difference that matters, both sides pulled alike."""
    x = torch.tensor([[0.0, 3.0]], requires_grad=True)
    constraints = rulekd.compile(["left_of(a, b) -> x(a) < x(b)"], numbers={"x": 0.5})
    said = {"left_of": torch.full((1, 2, 2), 40.0)}
    reading = constraints(said, numbers={"x": x})
    reading.loss.backward()
    wanted = [math.log1p(math.exp(-difference / 0.5)) for difference in (3.0, -3.0)]
    assert reading.loss.item() == pytest.approx(sum(wanted) / 2, rel=1e-5)
    assert x.grad is not None
    assert x.grad[0, 1].item() == pytest.approx(-x.grad[0, 0].item())
    slope = (1 / (1 + math.exp(6)) - 1 / (1 + math.exp(-6))) / 0.5 / 2
    assert x.grad[0, 0].item() == pytest.approx(slope, rel=1e-4)
    (one,) = reading.values()
    assert (one.live, one.strict) == (2, 0.5)


def test_numbers_of_scenes_and_of_the_network_meet_in_one_comparison() -> None:
    scenes = Scenes.from_objects([[{"center": (0, 0, 0)}, {"center": (2, 0, 0)}]])
    distance = torch.tensor([[[0.0, 1.0], [5.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    constraints = rulekd.compile(["distance(a, b) >= abs(x(a) - x(b)) - 1 / 2"], numbers={"distance": 1})
    assert not constraints.untrained

    def loss(said: torch.Tensor) -> torch.Tensor:
        return constraints({"p": torch.zeros(1, 2)}, scenes=scenes, numbers={"distance": said}).loss

    assert loss(distance).item() == pytest.approx(
        (math.log1p(math.exp(0.5)) + math.log1p(math.exp(-3.5))) / 2, rel=1e-6
    )
    assert torch.autograd.gradcheck(loss, (distance,), rtol=1e-3)  # geometry of the scenes is float32


@pytest.mark.parametrize("operator", ["=", "!="])
def test_an_equality_holds_within_its_unit(operator: str) -> None:
    constraints = rulekd.compile([f"height(a) {operator} 2"], numbers={"height": 0.5})
    values = torch.tensor([[2.0, 2.5, 4.0]], requires_grad=True)
    loss = constraints({"p": torch.zeros(1, 3)}, numbers={"height": values}).loss
    sign = 1 if operator == "=" else -1
    wanted = sum(math.log1p(math.exp(-sign * (1 - abs(v - 2) / 0.5))) for v in (2.0, 2.5, 4.0)) / 3
    assert loss.item() == pytest.approx(wanted, rel=1e-5)


def test_quantified_comparisons_of_own_numbers_train() -> None:
    """The least of all x must be called so."""
    x = torch.tensor([[1.0, 0.0, 2.0]], requires_grad=True)
    said = {"lowest": torch.tensor([[9.0, -9.0, -9.0]])}
    constraints = rulekd.compile(["lowest(a) -> (forall b: x(a) <= x(b))"], numbers={"x": 1})
    constraints(said, numbers={"x": x}).loss.backward()
    assert x.grad is not None
    assert x.grad[0, 0] > 0 > x.grad[0, 1], "the first goes down and the second up"
    assert x.grad[0, 2] == 0


def test_numbers_that_do_not_fit_are_told_so() -> None:
    constraints = rulekd.compile(["p(a) -> x(a) < 1"], numbers={"x": 1})
    said = {"p": torch.zeros(1, 2)}
    with pytest.raises(RulekdError, match=r"numbers of \[\] are given"):
        constraints(said)
    with pytest.raises(ArityError, match="'x\\(a\\)' reads 1 objects"):
        _ = constraints(said, numbers={"x": torch.zeros(1, 2, 2)}).loss
    with pytest.raises(RulekdError, match="unit of the number 'x'"):
        rulekd.compile(["p(a) -> x(a) < 1"], numbers={"x": 0})
