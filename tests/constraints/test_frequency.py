"""Frequencies against plain numbers, over batches."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from kg import RulekdError
from rulekd.constraints import Frequency

TEXT = "p(a) & r(a, b) -> q(b)"


def batch(seed: int) -> tuple[dict[str, Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = {
        n: torch.randn(2, *(4,) * k, generator=generator, dtype=torch.float64)
        for n, k in (("p", 1), ("q", 1), ("r", 2))
    }
    return values, torch.tensor([[True] * 4, [True, True, True, False]])


def by_hand(batches: list[tuple[dict[str, Tensor], Tensor]]) -> float:
    body = both = 0.0
    for values, mask in batches:
        for scene in range(2):
            for a, b in itertools.permutations(range(int(mask[scene].sum())), 2):
                live = float(values["p"][scene, a].sigmoid() * values["r"][scene, a, b].sigmoid())
                body += live
                both += live * float(values["q"][scene, b].sigmoid())
    return both / body


def test_the_rate_runs_over_the_epoch_and_the_loss_is_its_distance_from_the_interval() -> None:
    batches = [batch(seed) for seed in range(3)]
    frequency = Frequency(TEXT, low=0.8, high=0.9)
    for number, (values, mask) in enumerate(batches, 1):
        loss = frequency(values, mask=mask)
        rate = by_hand(batches[:number])
        assert frequency.rate == pytest.approx(rate, rel=1e-9)
        assert loss.item() == pytest.approx((0.8 - rate) ** 2, rel=1e-5)
    frequency.start_epoch_()
    assert frequency.rate is None
    frequency(*batches[0])
    assert frequency.rate == pytest.approx(by_hand(batches[:1]), rel=1e-9)


def test_a_rate_below_pulls_heads_up_and_one_within_the_interval_pulls_nothing() -> None:
    values, mask = batch(0)
    rate = by_hand([(values, mask)])
    for low, high, sign in ((rate + 0.1, 1.0, -1), (0.0, rate - 0.1, 1), (rate - 0.1, rate + 0.1, 0)):
        leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
        Frequency(TEXT, low, high)(leaves, mask=mask).backward()
        grad = leaves["q"].grad
        assert grad is not None
        assert bool((torch.sign(grad)[mask] == sign).all())


def test_training_reaches_the_interval_and_stays() -> None:
    odds = {"p": torch.full((8, 4), 6.0), "q": torch.zeros(8, 4, requires_grad=True)}
    optimiser = torch.optim.Adam([odds["q"]], 0.05)
    frequency = Frequency("p(a) -> q(a)", 0.8, 0.85)
    for _ in range(200):
        frequency.start_epoch_()
        optimiser.zero_grad()
        frequency(odds).backward()
        optimiser.step()
    assert frequency.rate is not None
    assert 0.79 < frequency.rate < 0.86  # 0.80 seen; a clause would end at 1


def test_what_is_no_frequency_is_refused() -> None:
    with pytest.raises(RulekdError, match="no body and head"):
        Frequency("p(a) <-> q(a)", 0, 1)
    with pytest.raises(RulekdError, match="interval"):
        Frequency("p(a) -> q(a)", 0.9, 0.8)
    empty = Frequency("p(a) -> q(a)", 0.9, 1)({"p": torch.zeros(1, 0), "q": torch.zeros(1, 0)})
    assert empty.item() == 0
