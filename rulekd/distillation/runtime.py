"""All calls to Lightning Fabric: devices and precision, with the loop still ours."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from kg import RulekdError

Precision: TypeAlias = Literal["32-true", "bf16-mixed", "16-mixed"]


class Runtime:
    """Where a training runs.

    device: "auto" (an accelerator when there is one), "cpu" or "cuda". precision: of the forward pass.
    """

    def __init__(self, device: str = "auto", precision: Precision = "32-true") -> None:
        if device not in ("auto", "cpu", "cuda"):
            raise RulekdError(f"unknown device {device!r}", hint="Use 'auto', 'cpu' or 'cuda'.")
        if device == "cuda" and not torch.cuda.is_available():
            raise RulekdError(
                "device 'cuda' was asked for, and torch sees none", hint="Run 'rulekd doctor'; use --device cpu."
            )
        if precision not in get_args(Precision):
            raise RulekdError(f"unknown precision {precision!r}", hint=f"Use one of {', '.join(get_args(Precision))}.")
        self.fabric = Fabric(accelerator=device, devices=1, precision=precision)

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self.fabric.device

    def prepare(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[nn.Module, torch.optim.Optimizer]:
        """The module, moved to the device and wrapped for its precision, and its optimiser."""
        wrapped, prepared = self.fabric.setup(module, optimiser)
        return wrapped, prepared

    def backward(self, loss: Tensor) -> None:
        """Gradients of a loss."""
        self.fabric.backward(loss)

    def clip(self, module: nn.Module, optimiser: torch.optim.Optimizer, limit: float) -> None:
        """Scale the gradient of all weights together down to a norm of ``limit``, in place."""
        self.fabric.clip_gradients(module, optimiser, max_norm=limit, error_if_nonfinite=False)
