"""Yaw goes round: the range in which scenes write it, and yaws brought into that range."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rulekd.scenes.scenes import Scenes

#: Rounding errors within which a yaw is a multiple of 90 degrees.
ROUNDING = 8


def least_yaw(scenes: Scenes) -> float:
    """Where the range of yaw begins, radians: 0 where none is negative, [0, 2 pi), and else -pi, [-pi, pi).

    >>> least_yaw(Scenes.from_objects([[{"center": (0, 0, 0), "yaw": 4.0}]]))
    0.0
    """
    negative = scenes.yaw is not None and bool((scenes.yaw[scenes.mask] < 0).any())
    return -math.pi if negative else 0.0


def into_range(yaw: Tensor, least: float) -> Tensor:
    """Each yaw less whole turns, in [least, least + 2 pi), least being 0 or -pi; the gradient is 1.

    A yaw in the range stays as it is. Multiples of 90 degrees are again those, and no rounding error off.

    >>> into_range(torch.tensor([-1.0, 0.0, 7.0]), 0.0)
    tensor([5.2832, 0.0000, 0.7168])
    """
    given, quarter = yaw.detach(), math.pi / 2
    moved = given - 2 * math.pi * ((given - least) / (2 * math.pi)).floor()
    quarters = (given / quarter).round()
    straight = (given - quarters * quarter).abs() <= ROUNDING * torch.finfo(yaw.dtype).eps * given.abs().clamp_min(1)
    first = round(least / quarter)
    moved = torch.where(straight, (torch.remainder(quarters - first, 4) + first) * quarter, moved)
    return moved + (yaw - given)


def beside(yaw: Tensor, other: Tensor) -> Tensor:
    """Each yaw plus whole turns, so that it lies as near to the other as it can.

    >>> beside(torch.tensor(6.0), torch.tensor(0.5)).item() - 6.0 + 2 * math.pi < 1e-6
    True
    """
    return yaw - 2 * math.pi * ((yaw - other) / (2 * math.pi)).round()
