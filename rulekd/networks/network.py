"""Network: what every built-in network has beside its forward pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from rulekd.networks.layout import Layout
from rulekd.scenes import Scenes


class Network(nn.Module, ABC):
    """A module made from a vocabulary, a layout and options (a frozen dataclass of whole numbers)."""

    options: Any

    @abstractmethod
    def measure_(self, scenes: Scenes, layout: Layout) -> None:
        """Take the units of lengths and numbers from scenes, in place: they are saved with the weights."""


def middle_in_plan(places: Tensor, mask: Tensor) -> Tensor:
    """(B, 1, 3): the mean of the objects' x and y; z is 0, since heights count from the floor."""
    plan = torch.tensor([1.0, 1.0, 0.0], device=places.device)
    return masked_mean(places, mask)[:, None] * plan


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """(B, D): the mean of ``values`` (B, N, D) over the objects of ``mask`` (B, N); 0 where there is none."""
    kept = torch.where(mask[..., None], values, 0.0)
    return kept.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
