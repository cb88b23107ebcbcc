"""RoomTransformer: objects are tokens, attention sees where they stand to each other. The built-in teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from kg.errors import RulekdError
from kg.predicates import Vocabulary
from rulekd.networks.heads import Heads
from rulekd.networks.layout import Layout, ReadColumns, spread
from rulekd.networks.network import Network, middle_in_plan
from rulekd.scenes import Scenes

#: Per pair: the difference of centres and both hulls.
PAIR_GEOMETRY = 11


@dataclass(frozen=True)
class RoomOptions:
    """width: of a token. layers: of attention. heads: of each layer. pair_width: of the pair head."""

    width: int = 64
    layers: int = 3
    heads: int = 4
    pair_width: int = 148

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise RulekdError(
                f"width {self.width} is not a multiple of {self.heads} heads", hint="Try width=64, heads=4."
            )


class RoomTransformer(Network):
    """A transformer over the objects of a scene.

    Permuting objects permutes the answers, and padding changes nothing. Positions in plan enter as offsets from the
    mean of the scene and as differences of pairs, so a translation in plan changes nothing beyond rounding; heights
    enter as they are, because the floor is at 0. Lengths are divided by the spread of the scenes that it was built on.
    """

    def __init__(self, vocabulary: Vocabulary, layout: Layout, options: RoomOptions) -> None:
        super().__init__()
        self.options = options
        width = options.width
        self.register_buffer("length", torch.ones(2))  # of positions, of sizes: metres to one unit
        self.register_buffer("number_mean", torch.zeros(layout.number_count))
        self.register_buffer("number_spread", torch.ones(layout.number_count))
        self.token = nn.Linear(3 + 3 + 3 + 2 + layout.number_count, width)
        self.kinds = nn.ModuleList(nn.Embedding(size + 1, width) for size in layout.category_sizes)
        for kind in self.kinds:
            nn.init.normal_(kind.weight, std=0.5)  # type: ignore[arg-type] # beside the token's own scale, about 1
        self.layers = nn.ModuleList(Layer(width, options.heads) for _ in range(options.layers))
        self.norm = nn.LayerNorm(width)
        self.heads = Heads(
            vocabulary, width, PAIR_GEOMETRY, (options.pair_width, options.pair_width // 2), products=True
        )

    length: Tensor
    number_mean: Tensor
    number_spread: Tensor

    def forward(
        self,
        center: Tensor,
        hull: Tensor,
        size: Tensor,
        yaw: Tensor,
        numbers: Tensor,
        categories: Tensor,
        mask: Tensor,
    ) -> dict[str, Tensor]:
        """Log-odds by predicate: (B,), (B, N) or (B, N, N).

        center, hull, size: (B, N, 3) metres; yaw: (B, N) radians; numbers: (B, N, K), NaN = unknown, read as their
        mean; categories: (B, N, C) int64, 0 = unknown; mask: (B, N) bool. As ``Columns`` says of each.
        """
        place = (center - middle_in_plan(center, mask)) / self.length[0]
        hull, size = hull / self.length[1], size / self.length[1]
        turn = torch.stack([yaw.sin(), yaw.cos()], dim=-1)
        scaled = torch.nan_to_num((numbers - self.number_mean) / self.number_spread)
        tokens = self.token(torch.cat([place, hull, size, turn, scaled], dim=-1))
        for number, kind in enumerate(self.kinds):
            tokens = tokens + kind(categories[..., number])
        geometry = pair_geometry(place, hull)
        # an object without company attends to itself, so that no row of attention is empty
        allowed = mask[:, None, :] | torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
        for layer in self.layers:
            tokens = layer(tokens, geometry, allowed)
        logits: dict[str, Tensor] = self.heads(self.norm(tokens), geometry, mask)
        return logits

    @torch.no_grad()
    def measure_(self, scenes: Scenes, layout: Layout) -> None:
        """Take the units of length and of numbers from scenes, in place."""
        columns = ReadColumns(layout).columns(scenes)
        middle = middle_in_plan(columns.center, columns.mask)
        self.length[0] = spread((columns.center - middle)[..., :2], columns.mask)
        self.length[1] = spread(columns.size, columns.mask)
        for column in range(layout.number_count):
            values = columns.numbers[..., column]
            known = values[columns.mask & torch.isfinite(values)]
            self.number_mean[column] = known.mean() if known.numel() else 0.0
            self.number_spread[column] = spread(values, columns.mask)


class Layer(nn.Module):
    """Attention with a bias from the geometry of each pair, then a feed-forward part; both residual, normed before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.question_key_value = nn.Linear(width, 3 * width)
        self.bias = nn.Sequential(nn.Linear(PAIR_GEOMETRY, 16), nn.GELU(), nn.Linear(16, heads))
        self.out = nn.Linear(width, width)
        self.before_mixing = nn.LayerNorm(width)
        self.mixing = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        # each layer starts as the identity: deep or shallow, training begins at the same loss
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.mixing[2].weight)  # type: ignore[arg-type] # a Linear, by the line above

    def forward(self, tokens: Tensor, geometry: Tensor, allowed: Tensor) -> Tensor:
        """tokens: (B, N, D). geometry: (B, N, N, G). allowed: (B, N, N) bool, may row i look at column j?"""
        batch, objects, width = tokens.shape
        parts = self.question_key_value(self.before_attention(tokens))
        question, key, value = parts.reshape(batch, objects, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.bias(geometry).permute(0, 3, 1, 2).masked_fill(~allowed[:, None], -torch.inf)
        mixed = functional.scaled_dot_product_attention(question, key, value, attn_mask=bias)
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(batch, objects, width))
        out: Tensor = tokens + self.mixing(self.before_mixing(tokens))
        return out


def pair_geometry(place: Tensor, hull: Tensor) -> Tensor:
    """(B, N, N, 11): where j stands from i, how far in plan and in space, the extents of i and of j; from (B, N, 3)."""
    objects = place.shape[1]
    first, second = hull[:, :, None].expand(-1, -1, objects, -1), hull[:, None].expand(-1, objects, -1, -1)
    offset = place[:, None] - place[:, :, None]
    # distances are not left to be learned: a network of sums would need many scenes for every direction of them
    far = torch.stack([offset[..., :2].norm(dim=-1), offset.norm(dim=-1)], dim=-1)
    return torch.cat([offset, far, first, second], dim=-1)
