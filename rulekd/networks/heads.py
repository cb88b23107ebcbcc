"""Heads: from features of objects and of pairs to log-odds by predicate name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from kg.errors import ArityError
from kg.predicates import Vocabulary
from rulekd.networks.network import masked_mean

#: The heads speak of the scene, of one object and of two.
MAX_ARITY = 2


class Heads(nn.Module):
    """Log-odds of every predicate of a vocabulary.

    arity 2: an MLP over (h_i, h_j, g_ij) and, with ``products``, the elementwise h_i h_j; h are the features of objects
    and g the geometry of the pair. Its first layer is applied to the parts apart and added up, which is the same
    function at a fraction of the work. Products make "of the same shape" easy to learn where labels are noisy.
    arity 1: an MLP over h_i. arity 0: an MLP over the mean of h over the real objects (0 without any).

    width: of h. geometry: of g. hidden: widths of the pair MLP's hidden layers.
    """

    def __init__(
        self, vocabulary: Vocabulary, width: int, geometry: int, hidden: Sequence[int], products: bool = False
    ) -> None:
        super().__init__()
        self.names = {
            arity: tuple(name for name, predicate in vocabulary.items() if predicate.arity == arity)
            for arity in range(MAX_ARITY + 1)
        }
        for name, predicate in vocabulary.items():
            if predicate.arity > MAX_ARITY:
                raise ArityError(
                    f"predicate {name!r} has arity {predicate.arity}; the built-in networks speak of two objects",
                    hint="Leave it out of the vocabulary, or bring a network of your own.",
                )
        if self.names[2]:
            self.first = nn.Linear(width, hidden[0])
            self.second = nn.Linear(width, hidden[0], bias=False)
            self.between = nn.Linear(geometry, hidden[0], bias=False)
            self.product = nn.Linear(width, hidden[0], bias=False) if products else None
            self.pair = _mlp([*hidden, len(self.names[2])], start_active=True)
        if self.names[1]:
            self.single = _mlp([width, width, len(self.names[1])])
        if self.names[0]:
            self.whole = _mlp([width, width, len(self.names[0])])

    def forward(self, objects: Tensor, geometry: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """objects: (B, N, D). geometry: (B, N, N, G). mask: (B, N) bool. Returns (B,), (B, N) or (B, N, N) by name."""
        logits: dict[str, Tensor] = {}
        if self.names[2]:
            joined = self.first(objects)[:, :, None] + self.second(objects)[:, None] + self.between(geometry)
            if self.product is not None:
                joined = joined + self.product(objects[:, :, None] * objects[:, None])
            logits |= dict(zip(self.names[2], self.pair(joined).unbind(-1), strict=True))
        if self.names[1]:
            logits |= dict(zip(self.names[1], self.single(objects).unbind(-1), strict=True))
        if self.names[0]:
            mean = masked_mean(objects, mask)
            logits |= dict(zip(self.names[0], self.whole(mean).unbind(-1), strict=True))
        return logits


def _mlp(widths: Sequence[int], *, start_active: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = [nn.GELU()] if start_active else []
    for place, (before, after) in enumerate(pairwise(widths)):
        if place:
            layers.append(nn.GELU())
        layers.append(nn.Linear(before, after))
    return nn.Sequential(*layers)
