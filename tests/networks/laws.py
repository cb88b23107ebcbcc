"""Laws that every built-in network keeps, and the scenes that they are tried on."""

from __future__ import annotations

import torch

from kg import Vocabulary
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet

WORDS = {"left_of": 2, "near": 2, "tall": 1, "crowded": 0}


def rooms(count: int = 6, objects: int = 5, seed: int = 0) -> SceneSet:
    """Random boxes of two shapes with a number, a view and points; scene k has ``objects - k % 3`` of them."""
    draw = torch.Generator().manual_seed(seed)
    given = []
    for number in range(count):
        real = objects - number % 3
        center = torch.rand(real, 3, generator=draw) * 4
        size = torch.rand(real, 3, generator=draw) + 0.2
        given.append(
            {
                "objects": [
                    {
                        "center": center[place].tolist(),
                        "size": size[place].tolist(),
                        "yaw": float(torch.rand(1, generator=draw)) * 6,
                        "shape": ("box", "sphere")[place % 2],
                        "weight": float(place),
                    }
                    for place in range(real)
                ],
                "view": [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]],
                "attributes": {"area": 3.0 + number},
            }
        )
    return SceneSet(Scenes.from_objects(given), vocabulary=Vocabulary(WORDS)).with_points(count=12)


def real(logits: dict[str, torch.Tensor], mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """The logits about real objects, as one flat tensor a predicate."""
    pairs = mask[:, :, None] & mask[:, None]
    return {name: value[(mask.new_ones(len(mask)), mask, pairs)[value.dim() - 1]] for name, value in logits.items()}


def assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], within: float = 1e-4) -> None:
    """within: of float32 sums in another order."""
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=within, rtol=0.0, msg=lambda m, n=name: f"{n}: {m}")


def assert_permutation_equivariant(predictor: Predictor, scenes: Scenes) -> None:
    """Objects in another order: the answers in the same other order."""
    order = torch.stack([torch.randperm(scenes.mask.shape[1]) for _ in range(len(scenes))])
    rows = torch.arange(len(scenes))[:, None]
    before, after = predictor.logits(scenes), predictor.logits(scenes.permute(order))
    moved = {}
    for name, value in before.items():
        moved[name] = (
            value
            if value.dim() == 1
            else value[rows, order]
            if value.dim() == 2
            else value[rows[..., None], order[:, :, None], order[:, None]]
        )
    mask = scenes.permute(order).mask
    assert_same(real(after, mask), real(moved, mask))


def assert_padding_invariant(predictor: Predictor, scenes: Scenes) -> None:
    """More padding, whatever numbers it holds: the same answers about real objects."""
    wide = scenes.pad(scenes.mask.shape[1] + 3)
    for name in ("center", "size", "yaw", "points"):
        getattr(wide, name)[~wide.mask] = 1e4
    assert_same(real(predictor.logits(wide), wide.mask), real(predictor.logits(scenes), scenes.mask))


def assert_one_by_one(predictor: Predictor, scenes: Scenes) -> None:
    """A scene alone is answered as in a batch."""
    together = predictor.logits(scenes)
    for number in range(len(scenes)):
        alone = scenes.select([number]).trim()
        width = alone.mask.shape[1]
        mine = {
            n: v[number : number + 1][(slice(None),) + (slice(width),) * (v.dim() - 1)] for n, v in together.items()
        }
        assert_same(real(predictor.logits(alone), alone.mask), real(mine, alone.mask))


def assert_gradients_reach_everything(predictor: Predictor, scenes: Scenes) -> None:
    """Every weight has a part in some answer, also where layers start as the identity."""
    for parameter in predictor.module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    sum(value.sum() for value in real(predictor.logits(scenes), scenes.mask).values()).backward()
    dead = [n for n, p in predictor.module.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert dead == []


def learn(predictor: Predictor, scenes: SceneSet, steps: int, rate: float = 0.01) -> float:
    """Train on the labels of the scenes; the share of right answers about real objects that it ends with."""
    module = predictor.module
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate)
    truth = {name: value.float() for name, value in real(dict(scenes.scenes.labels), scenes.scenes.mask).items()}
    for _ in range(steps):
        answers = real(predictor.logits(scenes.scenes), scenes.scenes.mask)
        loss = sum(
            (torch.nn.functional.binary_cross_entropy_with_logits(answers[name], truth[name]) for name in truth),
            torch.zeros(()),
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    answers = real(predictor.logits(scenes.scenes), scenes.scenes.mask)
    return min(float(((answers[name] > 0) == truth[name].bool()).float().mean()) for name in truth)


def labelled_rooms(count: int, seed: int) -> SceneSet:
    """``rooms`` with labels computed from the boxes here, and not by the project's own terms."""
    rooms_, words = rooms(count, seed=seed), Vocabulary(WORDS)
    scenes = rooms_.scenes
    assert scenes.center is not None
    assert scenes.size is not None
    right = torch.tensor([0.6, 0.8, 0.0])  # the view of ``rooms``
    along = scenes.center @ right
    apart = (scenes.center[:, :, None] - scenes.center[:, None]).norm(dim=-1)
    labels = {
        "left_of": along[:, :, None] < along[:, None] - 0.2,
        "near": apart < 2.0,
        "tall": scenes.size[..., 2] > 0.7,
        "crowded": scenes.mask.sum(dim=1) > 4,
    }
    pairs = scenes.mask[:, :, None] & scenes.mask[:, None]
    kept = {
        name: v & (scenes.mask.new_ones(len(scenes)), scenes.mask, pairs)[v.dim() - 1] for name, v in labels.items()
    }
    return SceneSet(scenes.with_labels(kept), vocabulary=words)
