"""A network that obeys three laws everywhere but in a small pocket of the unit cube, where it denies their heads."""

from __future__ import annotations

import torch
from torch import Tensor

from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet

#: One law about one object, one about two, one about three.
LAWS = (
    "tall(a) -> heavy(a)",
    "left_of(a, b) -> right_of(b, a)",
    "left_of(a, b) & left_of(b, c) -> before(a, c)",
)

#: Radius of the pocket by law, such that a thousandth of uniform scenes of just so many objects break it.
RADII = (0.022, 0.025, 0.034)

STEEP, BLUR, LENIENT = 20.0, 0.02, 2.0


class Pocket(torch.nn.Module):
    """x decides left_of, z decides tall; what follows is denied where a stands within ``radius`` of ``middle``.

    The rim of the pocket is blurred: from afar its gradient is weak, and never nothing. Its heads are said a little
    more willingly than needed (``LENIENT``), so that the laws hold exactly outside of it.
    """

    def __init__(self, middle: Tensor, radius: float) -> None:
        super().__init__()
        self.middle = torch.nn.Parameter(middle)
        self.radius = radius

    def forward(self, center: Tensor) -> dict[str, Tensor]:
        """(B, N, 3) -> log-odds of tall, heavy, left_of, right_of and before."""
        far = STEEP * (center[:, None, :, 0] - center[:, :, None, 0])
        tall = STEEP * (center[..., 2] - 0.5)
        depth = 2 * STEEP * torch.sigmoid((self.radius - (center - self.middle).norm(dim=-1)) / BLUR)
        return {
            "tall": tall,
            "heavy": tall + LENIENT - depth,
            "left_of": far,
            "right_of": (far + LENIENT - depth[:, :, None]).transpose(1, 2),
            "before": far + LENIENT - depth[:, :, None],
        }


def pocket(seed: int, radius: float) -> Predictor:
    """A predictor whose pocket lies somewhere in the upper left of the cube, where bodies can be true around it."""
    generator = torch.Generator().manual_seed(seed)
    middle = torch.rand(3, generator=generator) * torch.tensor([0.4, 0.7, 0.25]) + torch.tensor([0.15, 0.15, 0.6])
    words = {"tall": 1, "heavy": 1, "left_of": 2, "right_of": 2, "before": 2}
    return Predictor(Pocket(middle, radius), words, inputs=lambda s: s["center"])


def uniform_scenes(count: int, objects: int, seed: int) -> SceneSet:
    """Objects anywhere in the unit cube."""
    center = torch.rand(count, objects, 3, generator=torch.Generator().manual_seed(seed))
    return SceneSet(Scenes(mask=torch.ones(count, objects, dtype=torch.bool), center=center))
