"""PointStudent: a small PointNet an object and one MLP a pair. The built-in student; it never sees a box."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kg.errors import RulekdError
from kg.predicates import Vocabulary
from rulekd.networks.heads import Heads
from rulekd.networks.layout import Layout, ReadPoints, spread
from rulekd.networks.network import Network, middle_in_plan
from rulekd.scenes import Scenes


@dataclass(frozen=True)
class PointOptions:
    """width: of a point's features, and of an object's. pair_width: of the pair head."""

    width: int = 32
    pair_width: int = 52


class PointStudent(Network):
    """Reads the raw points of each object: all points through one MLP, the largest answer of each feature kept.

    A point enters as its position in the scene, its position from the mean of its object's points, and its other
    channels. A pair is read from the features of both objects and the difference of their mean points. What was not
    seen is left out (see ``seen_points``); an object without any seen point has features 0 and stands at the origin.
    """

    def __init__(self, vocabulary: Vocabulary, layout: Layout, options: PointOptions) -> None:
        super().__init__()
        if layout.channels is None:
            raise RulekdError(
                "a network of points was asked for, and the scenes have no points",
                hint="Sample them from the boxes: scenes = scenes.with_points(count=24).",
            )
        self.options = options
        self.register_buffer("length", torch.ones(2))  # in the scene, in the object: metres to one unit
        self.point = nn.Sequential(
            nn.Linear(6 + layout.channels, options.width), nn.GELU(), nn.Linear(options.width, options.width)
        )
        self.heads = Heads(vocabulary, options.width, 3, (options.pair_width,))

    length: Tensor

    def forward(self, points: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Log-odds by predicate. points: (B, N, P, 3 + c), metres in the frame of the view; mask: (B, N) bool."""
        seen = seen_points(points, mask)
        points = torch.where(seen[..., None], points, 0.0)
        mean = mean_point(points[..., :3], seen)
        middle = middle_in_plan(mean, seen.any(dim=2))
        placed = (points[..., :3] - middle[:, None]) / self.length[0]
        centred = (points[..., :3] - mean[:, :, None]) / self.length[1]
        features = self.point(torch.cat([placed, centred, points[..., 3:]], dim=-1))
        largest = features.masked_fill(~seen[..., None], -torch.inf).amax(dim=2)
        objects = torch.where(seen.any(dim=2)[..., None], largest, 0.0)
        difference = (mean[:, None] - mean[:, :, None]) / self.length[0]
        logits: dict[str, Tensor] = self.heads(objects, difference, mask)
        return logits

    @torch.no_grad()
    def measure_(self, scenes: Scenes, layout: Layout) -> None:
        """Take the units of length from scenes, in place."""
        points, mask = ReadPoints(layout)(scenes)
        seen = seen_points(points, mask)
        mean = mean_point(torch.where(seen[..., None], points[..., :3], 0.0), seen)
        real = seen.any(dim=2)
        self.length[0] = spread((mean - middle_in_plan(mean, real))[..., :2], real)
        self.length[1] = spread(points[..., :3] - mean[:, :, None], seen)


def seen_points(points: Tensor, mask: Tensor) -> Tensor:
    """(B, N, P) bool: which points (B, N, P, 3 + c) were seen.

    A point with a value that is not finite was not; nor were points, two or more, that all lie in one place: so scenes
    mark an object that the camera did not see, and no transform pulls these apart.
    """
    seen = torch.isfinite(points).all(dim=-1) & mask[..., None]
    if points.shape[2] < 2:
        return seen
    apart = (points[..., :3] != points[:, :, :1, :3]).any(dim=-1).any(dim=-1)
    return seen & apart[..., None]


def mean_point(points: Tensor, seen: Tensor) -> Tensor:
    """(B, N, 3): the mean of the seen points (B, N, P, 3), 0 without any. Points that are not seen must be 0."""
    return points.sum(dim=2) / seen.sum(dim=2)[..., None].clamp(min=1)
