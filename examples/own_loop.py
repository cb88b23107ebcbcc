"""Rules in a training loop that is your own: plain PyTorch, somebody's own network, no rulekd trainer.

The network sees noisy 2D boxes and says, of each pair, whether one lies left of the other, right of it, or inside it.
Two scenes are labelled. Four rules that a person typed cost nothing to state, and are asked on unlabelled
scenes as well. Run it:  python examples/own_loop.py
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import rulekd

RULES = [
    "left_of(a, b) <-> right_of(b, a)",
    "left_of(a, b) & left_of(b, c) -> left_of(a, c)",
    "inside(a, b) & left_of(b, c) -> left_of(a, c)",
    "~(inside(a, b) & left_of(a, b))",
]
NAMES = ("left_of", "right_of", "inside")


class PairNetwork(nn.Module):
    """(B, N, 4) noisy boxes -> log-odds (B, N, N, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, boxes: Tensor) -> Tensor:
        """One answer for each ordered pair of boxes."""
        size = boxes.shape[1]
        pairs = [boxes[:, :, None].expand(-1, -1, size, -1), boxes[:, None].expand(-1, size, -1, -1)]
        logits: Tensor = self.layers(torch.cat(pairs, -1))
        return logits


def make_scenes(count: int, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Noisy boxes (x0, y0, x1, y1), and the truth about the clean ones."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 7, 2, generator=generator)
    boxes = torch.cat([low, low + 0.05 + 0.4 * torch.rand(count, 7, 2, generator=generator)], -1)
    middle, half = (boxes[:, :3, :2] + boxes[:, :3, 2:]) / 2, (boxes[:, :3, 2:] - boxes[:, :3, :2]) / 5
    boxes = torch.cat([boxes, torch.cat([middle - half, middle + half], -1)], 1)  # three boxes hold a smaller one
    a, b = boxes[:, :, None], boxes[:, None]
    left = a[..., 2] < b[..., 0]
    inside = ((a[..., :2] >= b[..., :2]) & (a[..., 2:] <= b[..., 2:])).all(-1)
    noisy = boxes + 0.02 * torch.randn(boxes.shape, generator=generator)
    return noisy, {"left_of": left, "right_of": left.transpose(1, 2), "inside": inside}


def by_name(logits: Tensor) -> dict[str, Tensor]:
    """The channels by predicate."""
    return dict(zip(NAMES, logits.unbind(-1), strict=True))


def train(weight: float, seed: int = 0, steps: int = 400) -> tuple[float, float]:
    """(accuracy of left_of and right_of, strict violation of the rules) on fresh scenes."""
    torch.manual_seed(seed)
    network = PairNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    constraints = rulekd.compile(RULES, sharpness=3)
    boxes, truth = make_scenes(2, seed)
    unlabelled, _ = make_scenes(200, seed + 1000)
    for step in range(steps):
        logits = by_name(network(boxes))
        task_loss = torch.stack(
            [binary_cross_entropy_with_logits(logits[name], truth[name].float()) for name in NAMES]
        ).mean()
        more = unlabelled[torch.randint(len(unlabelled), (12,))]
        reading = constraints(by_name(network(more)))
        loss = task_loss + weight * min(1.0, 4 * step / steps) * reading.loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        fresh, truth = make_scenes(300, 9999)
        logits = by_name(network(fresh))
        apart = ~torch.eye(fresh.shape[1], dtype=torch.bool)
        right = [((logits[name] > 0) == truth[name])[:, apart].float().mean() for name in ("left_of", "right_of")]
        reading = constraints(logits)
        broken = [rule.strict or 0.0 for rule in reading.values()]
    return float(torch.stack(right).mean()), sum(broken) / len(broken)


def main() -> None:
    """Train with and without the rules, the same steps."""
    print("rules:", *RULES, sep="\n  ")
    for title, weight in (("labels only", 0.0), ("labels and rules", 1.0)):
        results = [train(weight, seed) for seed in range(3)]
        accuracy, broken = (sum(column) / len(results) for column in zip(*results, strict=True))
        print(f"{title:<17} accuracy {accuracy:.1%}   live groundings that break a rule {broken:.1%}   (3 seeds)")


if __name__ == "__main__":
    main()
