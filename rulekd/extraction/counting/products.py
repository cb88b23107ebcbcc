"""What rules count: K matrices of a scene side by side, and the sums of their products, place by place.

``Dense`` holds every place of a batch of scenes; ``sparse`` those few at which something is told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Whole numbers up to here are exact in float32.
EXACT_FLOAT32 = 2**24


@dataclass(frozen=True)
class Described:
    """What a renaming of objects keeps of K matrices, float64 on the CPU.

    whole: (B, K) sums over all places. patterns: (P, B, K) sums over pairs of places, by how these lie to each other
    (``evidence.chance``). most: (B, K) the largest entry, or more. hub: (B, K) the largest sum over all places
    of one object.
    """

    whole: Tensor
    patterns: Tensor
    most: Tensor
    hub: Tensor


class Stack(ABC):
    """K matrices over the pairs of distinct objects of each of B scenes, or K vectors over its objects."""

    @abstractmethod
    def times(self, other: Stack) -> Tensor:
        """(B, I, J) float64 on the CPU: sum over places of the product of each with each, exact for whole numbers."""

    @abstractmethod
    def at(self, other: Stack) -> Stack:
        """K products place by place, each matrix with the one of the same number."""

    @abstractmethod
    def take(self, chosen: Sequence[int]) -> Stack:
        """Some of the matrices, by number."""

    @abstractmethod
    def described(self) -> Described:
        """Their sums over places and over pairs of places."""

    @abstractmethod
    def renamed(self, generator: torch.Generator) -> Stack:
        """The real objects of every scene renamed at random, in all matrices alike."""

    @abstractmethod
    def __len__(self) -> int:
        """K."""


@dataclass(frozen=True)
class Dense(Stack):
    """values: (B, K, N) or (B, K, N^2), row by row, 0 beyond real objects and on the diagonal. objects: (B, N) bool."""

    values: Tensor
    objects: Tensor
    width: int

    def __len__(self) -> int:
        return self.values.shape[1]

    def times(self, other: Stack) -> Tensor:
        """One product of matrices a scene."""
        assert isinstance(other, Dense), "stacks of one scene are of one kind"
        return (self.values @ other.values.transpose(1, 2)).cpu().double()

    def at(self, other: Stack) -> Dense:
        """Place by place."""
        assert isinstance(other, Dense), "stacks of one scene are of one kind"
        return Dense(self.values * other.values, self.objects, self.width)

    def take(self, chosen: Sequence[int]) -> Dense:
        """Some of the matrices."""
        return Dense(self.values[:, list(chosen)], self.objects, self.width)

    def described(self) -> Described:
        """Sums over the entries."""
        # Entries are at most the number of objects: sums of their squares stay exact in single precision up to 64.
        sides = self.values if self.values.shape[2] ** 2 <= EXACT_FLOAT32 else self.values.double()
        whole, equal = sides.sum(2).double(), (sides * sides).sum(2).double()
        most = sides.amax(2).double().cpu()
        if self.width == 1:
            return Described(whole.cpu(), torch.stack([equal, whole**2 - equal]).cpu(), most, most)
        matrix = sides.reshape(*sides.shape[:2], self.objects.shape[1], -1)
        rows, columns = matrix.sum(3).double(), matrix.sum(2).double()
        reverse = (matrix * matrix.transpose(2, 3)).sum((2, 3)).double()
        hub = (rows + columns).amax(2).cpu()
        return Described(whole.cpu(), patterns(whole, equal, reverse, rows, columns).cpu(), most, hub)

    def renamed(self, generator: torch.Generator) -> Dense:
        """A copy with the entries at other places."""
        copies = []
        for values, real in zip(self.values, self.objects.cpu(), strict=True):
            places = real.nonzero().flatten()
            order = torch.arange(len(real))
            order[places] = places[torch.randperm(len(places), generator=generator)]
            order = order.to(values.device)
            if self.width == 2:
                values = values.reshape(len(self), len(real), -1)[:, order][:, :, order].flatten(1)
            else:
                values = values[:, order]
            copies.append(values)
        return Dense(torch.stack(copies), self.objects, self.width)


def patterns(whole: Tensor, equal: Tensor, reverse: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(7, B, K) sums over pairs of places of matrices without a diagonal: the same place, reversed, sharing the first
    object, the second, the first of one and the second of the other (twice), none.

    whole, equal, reverse: (B, K) sum of the entries, of their squares, and of each with its transposed; rows, columns:
    (B, K, N) sums. float64.
    """
    first = (rows**2).sum(2) - equal
    second = (columns**2).sum(2) - equal
    chain = (rows * columns).sum(2) - reverse
    apart = whole**2 - equal - reverse - first - second - 2 * chain
    return torch.stack([equal, reverse, first, second, chain, chain, apart])
