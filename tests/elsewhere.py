"""Another device than the CPU: a CUDA device where there is one, else one of pretence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from rulekd.facts import Facts
from rulekd.predictor import Predictor

CUDA = torch.device("cuda", 0)


class Away(Tensor):
    """A tensor in the CPU's memory that, under ``Pretence``, says it is on the first CUDA device."""


class Pretence(TorchFunctionMode):
    """Refuses what torch refuses between devices: to compute with tensors of two, to index one's by the other's, and
    to read as numpy what is not on the CPU. A tensor without axes goes with any; an index may come from the CPU.

    What autograd computes by itself on the way back stays unmarked.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if func == Tensor.device.__get__:
            return CUDA if isinstance(args[0], Away) else func(*args)
        if name == "requires_grad_":  # of the very tensor that is given, not of its like
            return func(*args, **kwargs)
        if name == "grad":  # a gradient is where its tensor is
            found = func(*args, **kwargs)
            return tuple(moved(g) if isinstance(x, Away) else g for g, x in zip(found, args[1], strict=True))
        tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        away = any(isinstance(one, Away) for one in tensors)
        if name == "cpu":
            return back(args[0])
        if name == "to":
            return self._to(*args, **kwargs)
        if name in ("numpy", "__array__") and away:
            raise TypeError("a tensor of another device is read as numpy")
        wanted = kwargs.pop("device", None)
        if away and name != "__get__":
            indexed = name in ("__getitem__", "__setitem__") and isinstance(args[0], Away)
            strange = [one for one in tensors if one.dim() and not isinstance(one, Away)]
            if strange and not indexed:
                raise RuntimeError(f"{name} of tensors on two devices, {[tuple(one.shape) for one in tensors]}")
        found = func(*back(args), **back(kwargs))
        if away and name.endswith("_") and not name.endswith("__"):
            return args[0]
        there = away if wanted is None else torch.device(wanted).type == "cuda"
        return moved(found) if there else found

    @staticmethod
    def _to(tensor: Tensor, *args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        rest: list[Any] = []
        for one in args:
            if isinstance(one, str | torch.device):
                device = one
            elif isinstance(one, Tensor):
                device = one.device
                rest.append(one.dtype)
            else:
                rest.append(one)
        found: Tensor = back(tensor).to(*rest, **kwargs) if rest or kwargs else back(tensor)
        there = isinstance(tensor, Away) if device is None else torch.device(device).type == "cuda"
        return found.as_subclass(Away) if there else found


def moved(some: Any) -> Any:
    """All tensors of a tree on the device of pretence."""
    return tree_map(lambda one: one.as_subclass(Away) if isinstance(one, Tensor) else one, some)


def back(some: Any) -> Any:
    """All tensors of a tree on the CPU."""
    return tree_map(lambda one: one.as_subclass(Tensor) if isinstance(one, Away) else one, some)


@contextmanager
def elsewhere(facts: Facts) -> Iterator[Facts]:
    """The same facts on a CUDA device, or on the device of pretence."""
    if torch.cuda.is_available():
        yield facts.to("cuda")
        return
    with Pretence():
        yield facts.to("cuda")


class There(nn.Module):
    """A module that reads tensors of the device of pretence only, and answers there."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *read: Any) -> Any:
        assert all(isinstance(one, Away) for one in tree_leaves(read) if isinstance(one, Tensor)), "tensors of the CPU"
        return moved(self.module(*back(read)))


@contextmanager
def network_elsewhere(network: Predictor) -> Iterator[Predictor]:
    """The same network on a CUDA device, or on the device of pretence."""
    if torch.cuda.is_available():
        network.module.to("cuda")
        try:
            yield network
        finally:
            network.module.to("cpu")
        return
    with Pretence(), patch.object(Predictor, "device", CUDA):
        yield network.with_module(There(network.module))
