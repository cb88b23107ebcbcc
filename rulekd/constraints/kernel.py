"""How a clause semantics computes: sums over all groundings, and their slopes, from factors of n^2 numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor


class Kernel(ABC):
    """One semantics of clauses. Factors are float32 or wider; X stands for any leading axes, N for objects.

    A literal becomes a number (``fill``); the literals of one clause over the same objects are joined; the value of
    a clause is a sum over its groundings of a function of all joined numbers. Slopes are written out by hand and made
    anew in the backward pass, so that nothing but the logits is kept between the passes.
    """

    #: The number of a literal at a place that is no grounding: no clause is broken there.
    invalid: float
    #: The number of a factor that no literal speaks of.
    absent: float
    #: The numbers of a given fact that is true, and of one that is false.
    given: tuple[float, float]
    #: Log-odds are multiplied by it before they are filled in, and slopes after.
    sense: float = 1.0
    #: Is the value of a clause the product of its literals' numbers, summed over groundings?
    multiplies: bool = False

    @property
    def factor(self) -> float:
        """Slopes are multiplied by it."""
        return 1.0

    @abstractmethod
    def fill(self, z: Tensor) -> None:
        """In place, log-odds of literals, times ``sense``, become their numbers."""

    def number(self, z: Tensor) -> Tensor:
        """What ``fill`` makes, as a new tensor with a gradient."""
        raise NotImplementedError("only kernels that multiply are written out for a compiler")

    def beside_given(self) -> Kernel:
        """The kernel to use where some literals are given."""
        return self

    @abstractmethod
    def slope_(self, upstream: Tensor, numbers: Tensor) -> None:
        """In place, upstream times d number / d filled, up to ``factor``; 0 where a place is no grounding."""

    @abstractmethod
    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """The factor of several literals, in their common shape."""

    @abstractmethod
    def unjoin(self, slopes: Tensor, parts: Sequence[Tensor], number: int) -> Tensor:
        """From the slopes of a joined factor those of one of its parts, in the common shape or broadcasting to it."""

    def pull_(self, into: Tensor, slopes: Tensor, parts: Sequence[Tensor], number: int) -> None:
        """In place, what ``unjoin`` gives is added."""
        into.add_(self.unjoin(slopes, parts, number))

    @abstractmethod
    def flat(self, factor: Tensor) -> Tensor:
        """(R, B): sums over groundings that are listed in full, (R, B, N, ..., N)."""

    @abstractmethod
    def flat_slopes(self, factor: Tensor) -> Tensor:
        """Like ``factor``, or broadcasting to it: the slope of ``flat`` in each of its numbers."""

    @abstractmethod
    def triple(self, ab: Tensor, ac: Tensor, bc: Tensor) -> Tensor:
        """(X,): sums over a, b, c of three factors (X, N, N), without n^3 memory."""

    @abstractmethod
    def triple_slopes(self, ab: Tensor, ac: Tensor, bc: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The slopes of ``triple`` in each factor, without n^3 memory."""

    def triple_with_slopes(self, ab: Tensor, ac: Tensor, bc: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Both at once, where the slopes are kept."""
        return self.triple(ab, ac, bc), self.triple_slopes(ab, ac, bc)


def room(block: int, device: torch.device) -> int:
    """So many numbers are held at once: a block that fits a core's cache, or 64 of them where kernels are launched."""
    return block if device.type == "cpu" else 64 * block


def log_(numbers: Tensor) -> Tensor:
    """The natural logarithm in place."""
    if numbers.device.type != "cpu" or numbers.dtype != torch.float32:
        return numbers.log_()
    plain = numbers.numpy()  # whose logarithm is vectorised by hand, and takes 0.4 of the time of torch's
    np.log(plain, out=plain)
    return numbers


def unrounded(device: torch.device) -> AbstractContextManager[object]:
    """Matrix products keep their precision, also under autocast: 8 bits of mantissa cannot hold a sum of many."""
    if torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()  # to leave autocast alone takes a tenth of the time of turning it off


def padded(objects: Tensor) -> bool:
    """Is any place of (B, N) no object? Where it would cost a wait for the device, the answer is yes."""
    if torch.compiler.is_compiling() or objects.device.type != "cpu":
        return True
    return not bool(objects.all())
