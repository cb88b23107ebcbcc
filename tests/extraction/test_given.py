"""What mining is given: facts and labels that cannot be read are refused by name."""

from __future__ import annotations

import pytest
import torch

import rulekd
from kg import RulekdError
from rulekd.facts import Facts


def order(scenes: int = 60, objects: int = 5) -> torch.Tensor:
    x = torch.rand(scenes, objects, generator=torch.Generator().manual_seed(0))
    return x[:, :, None] - x[:, None, :]


def test_nan_names_its_predicate_and_scene() -> None:
    values = order()
    values[7, 1, 2] = torch.nan
    with pytest.raises(RulekdError, match=r"'less' are nan in scene '7', objects \[1, 2\]"):
        rulekd.mine(Facts({"less": values}))


@pytest.mark.parametrize("labels", [order(30), order(60, 4)])
def test_labels_of_other_scenes_are_refused(labels: torch.Tensor) -> None:
    with pytest.raises(RulekdError, match="not about the same objects"):
        rulekd.mine(Facts({"less": order()}), Facts({"less": labels > 0}))


@pytest.mark.parametrize("tolerance", [0.0, -1.0, 1.0, 5.0])
def test_a_tolerance_is_a_rate_between_zero_and_one(tolerance: float) -> None:
    with pytest.raises(RulekdError, match="a tolerance of"):
        rulekd.mine(Facts({"less": order() > 0}), tolerance=tolerance)


def test_a_tiny_tolerance_says_how_many_units_it_needs() -> None:
    notes = rulekd.mine(Facts({"less": order() > 0}), tolerance=0.0001).notes
    assert any("at a tolerance of 0.01% a single law without a violation needs 36887" in n for n in notes)
