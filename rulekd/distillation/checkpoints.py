"""Checkpoints: a training that is cut off goes on where it was, to the bit on a CPU.

One safetensors file holds the weights, the optimiser's state, each run's place among its scenes and its random state;
its metadata hold the ledger so far and what the training was, so that no other training takes it up.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from kg import FileFormatError
from kg.files import write_atomically
from rulekd.distillation.ledger import Entry
from rulekd.distillation.material import Sampler
from rulekd.run_files import key_of

if TYPE_CHECKING:  # the loop is built on this module
    from rulekd.distillation.trainer import Progress

#: Seconds between two checkpoints.
PAUSE = 60.0

FORMAT = "rulekd checkpoint 1"


class Checkpoint:
    """Where a training leaves its state.

    path: of the file; it is replaced as a whole. about: what the training is made with; a file that was written by
    another is refused.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path = path
        self.key = key_of(about)
        self._written = time.monotonic()

    def due(self) -> bool:
        """Is it time for the next one?"""
        return time.monotonic() - self._written > PAUSE

    def write(
        self, module: nn.Module, optimiser: torch.optim.Optimizer, samplers: Sequence[Sampler], so_far: Progress
    ) -> None:
        """Save everything after a step."""
        tensors = {f"module/{name}": tensor for name, tensor in module.state_dict().items()}
        for number, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}/{name}": torch.as_tensor(value) for name, value in state.items()}
        for run, sampler in enumerate(samplers):
            tensors |= {f"left/{run}/{place}": rows for place, rows in enumerate(sampler.left)}
            tensors[f"generator/{run}"] = sampler.generator.get_state()
        tensors |= {f"term/{name}": value for name, value in so_far.terms.items()}
        tensors |= {f"norm/{name}": value for name, value in so_far.norms.items()}
        tensors |= {f"best/{name}": tensor for name, tensor in so_far.best_weights.items()}
        tensors["random"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        record = {
            "format": FORMAT,
            "key": self.key,
            "step": so_far.step,
            "best": so_far.best,
            "entries": [[asdict(entry) for entry in entries] for entries in so_far.entries],
        }
        kept = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, save(kept, {"record": json.dumps(record)}))
        self._written = time.monotonic()

    def take_up_(
        self, module: nn.Module, optimiser: torch.optim.Optimizer, samplers: Sequence[Sampler], so_far: Progress
    ) -> None:
        """Put everything back as it was when the file was written, in place; without a file nothing happens."""
        if not self.path.exists():
            return
        record, tensors = self._read()
        module.load_state_dict(_under("module/", tensors))
        state = optimiser.state_dict()
        for name, tensor in _under("optimiser/", tensors).items():
            number, key = name.split("/")
            state["state"].setdefault(int(number), {})[key] = tensor
        optimiser.load_state_dict(state)
        for run, sampler in enumerate(samplers):
            sampler.left = [tensors[f"left/{run}/{place}"] for place in range(len(sampler.left))]
            sampler.generator.set_state(tensors[f"generator/{run}"])
        torch.set_rng_state(tensors["random"])
        if "random_cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random_cuda"])
        so_far.step, so_far.best = record["step"], record["best"]
        so_far.entries = [[Entry(**entry) for entry in entries] for entries in record["entries"]]
        so_far.terms, so_far.norms = _under("term/", tensors), _under("norm/", tensors)
        so_far.best_weights = _under("best/", tensors)

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        try:
            with safe_open(self.path, framework="pt") as file:
                record = json.loads((file.metadata() or {})["record"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # it is no mapping
        except (OSError, SafetensorError, ValueError, KeyError) as wrong:
            raise FileFormatError(
                f"the checkpoint {self.path} cannot be read: {wrong}", hint="Remove it; the training starts anew."
            ) from wrong
        if record.get("format") != FORMAT or record.get("key") != self.key:
            raise FileFormatError(
                f"the checkpoint {self.path} was left by another training",
                hint="Give the same scenes, networks and options as then, or remove it to start anew.",
            )
        return record, tensors


@contextmanager
def interrupts_kept_back(wanted: bool) -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C only makes the function that is handed out return True; a second one interrupts.

    Only the main thread is told of signals; elsewhere, and when not ``wanted``, nothing is changed.
    """
    told = threading.Event()
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield told.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def keep(number: int, frame: Any) -> None:
        if told.is_set() and callable(before):
            before(number, frame)
        told.set()

    signal.signal(signal.SIGINT, keep)
    try:
        yield told.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
