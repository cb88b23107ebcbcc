"""Pairs of axis-parallel boxes in a unit cube, three relations between them, and a network that learns these.

left_of: A ends left of where B begins. on: A's bottom within 0.05 of B's top, and the two overlap in plan. inside: A
within B on all axes. A third of the pairs are near ``on``, a third near ``inside``, the rest are free.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import rulekd
from kg import Formula, parse
from rulekd.scenes import Scenes, SceneSet

NAMES = ("left_of", "on", "inside")

#: What the relations mean; labels are computed from these, also after a transform.
TEXTS = {
    "left_of": "left_of(a, b) <-> right(a) < left(b)",
    "on": "on(a, b) <-> abs(bottom(a) - top(b)) < 0.05 & overlap_x(a, b) > 0 & overlap_y(a, b) > 0",
    "inside": "inside(a, b) <-> left(a) >= left(b) & right(a) <= right(b) & front(a) >= front(b) & back(a) <= back(b)"
    " & bottom(a) >= bottom(b) & top(a) <= top(b)",
}


def definitions() -> dict[str, Formula]:
    """The three relations by name."""
    return {name: parse(text) for name, text in TEXTS.items()}


def pair_world(count: int, seed: int, labelled: bool = True) -> SceneSet:
    """Scenes of two boxes each; their labels by definition, or none."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    def free() -> tuple[Tensor, Tensor]:
        size = 0.05 + 0.45 * uniform(count, 3)
        return (1 - size) * uniform(count, 3) + size / 2, size

    (first, first_size), (second, second_size) = free(), free()
    kind = uniform(count)
    on = kind < 1 / 3
    above = second + (second_size + first_size) / 2 * torch.tensor([0.0, 0, 1]) + 0.2 * (uniform(count, 3) - 0.5)
    above[:, :2] = second[:, :2] + 0.6 * (uniform(count, 2) - 0.5)
    first = torch.where(on[:, None], above, first)
    within = kind > 2 / 3
    # Shares of B's extent at which A begins and ends: half of the pairs lie inside, half may reach out.
    reach = torch.where(uniform(count, 1, 1) < 0.5, 0.12, 0.0)
    shares = (reach + 1e-3) * -1 + (1 + 2 * reach + 2e-3) * uniform(count, 2, 3)
    low, high = shares.clamp(-0.2, 1.2).sort(1).values.unbind(1)
    first = torch.where(within[:, None], second + second_size * ((low + high) / 2 - 0.5), first)
    first_size = torch.where(within[:, None], (second_size * (high - low)).clamp_min(0.01), first_size)
    scenes = Scenes(
        mask=torch.ones(count, 2, dtype=torch.bool),
        center=torch.stack([first, second], 1).float(),
        size=torch.stack([first_size, second_size], 1).float(),
    )
    known = SceneSet(scenes, definitions=definitions())
    return SceneSet(known.relabel(scenes), definitions=definitions()) if labelled else SceneSet(scenes)


class PairNetwork(nn.Module):
    """Two hidden layers on the twelve coordinates of an ordered pair."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(12, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, len(NAMES))
        )

    def forward(self, center: Tensor, size: Tensor) -> Tensor:
        """(B, N, 3) each -> (B, N, N, 3) log-odds."""
        box = 4 * (torch.cat([center - size / 2, center + size / 2], -1) - 0.5)
        count = box.shape[1]
        pair = torch.cat([box[:, :, None].expand(-1, -1, count, -1), box[:, None].expand(-1, count, -1, -1)], -1)
        scores: Tensor = self.layers(pair)
        return scores


def teacher(seed: int, steps: int = 8000, pairs: int = 200_000, width: int = 128) -> rulekd.Predictor:
    """A network trained on labels; a minute on one core with the default steps."""
    torch.manual_seed(seed)
    network, scenes = PairNetwork(width), pair_world(pairs, 1000 + seed).scenes
    labels = torch.stack([scenes.labels[name] for name in NAMES], -1).float()
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    generator, apart = torch.Generator().manual_seed(seed), ~torch.eye(2, dtype=torch.bool)
    for _ in range(steps):
        index = torch.randint(pairs, (512,), generator=generator)
        said = network(scenes["center"][index], scenes["size"][index])[:, apart]
        loss = nn.functional.binary_cross_entropy_with_logits(said, labels[index][:, apart])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        optimiser.step()
        schedule.step()
    return rulekd.Predictor(
        network,
        dict.fromkeys(NAMES, 2),
        inputs=lambda s: (s["center"], s["size"]),
        outputs=lambda out: {name: out[..., place] for place, name in enumerate(NAMES)},
    )
