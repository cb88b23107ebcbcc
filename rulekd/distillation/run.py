"""A finished training: the student, how it came about, and its folder on disk."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from kg import FileFormatError, KnowledgeGraph, RulekdError
from kg.files import write_atomically
from rulekd.distillation.ledger import Entry, warnings_of
from rulekd.distillation.rules import Rules
from rulekd.distillation.trainer import Training
from rulekd.distillation.transfers import Transfer
from rulekd.networks import describe, from_spec
from rulekd.predictor import Predictor
from rulekd.run_files import CHECKPOINT, GRAPH, METRICS, RECORD, RUN_VERSION, WEIGHTS, is_free, lying_in, read_record
from rulekd.scenes import SceneSet

Status: TypeAlias = Literal["finished", "interrupted"]


@dataclass(frozen=True, repr=False)
class Run:
    """What ``distill`` returns.

    predictor: the student, trained, with calibrated thresholds. history: the ledger, an entry an epoch.
    seed, training, transfers: what it was made with.
    """

    predictor: Predictor
    history: tuple[Entry, ...]
    seed: int
    training: Training
    transfers: tuple[Transfer, ...]

    def __repr__(self) -> str:
        made = f"{self.predictor.parameters:,} parameters, seed {self.seed}"
        return f"Run({len(self.history)} epochs, {made}: {', '.join(t.name for t in self.transfers)})"

    @property
    def student(self) -> nn.Module:
        """The very module that was passed in, trained."""
        return self.predictor.module

    @property
    def warnings(self) -> list[str]:
        """Terms of the loss that taught next to nothing, and rules of which none was trained."""
        empty = [t.name for t in self.transfers if isinstance(t, Rules) and not t.constraints.rules]
        said = "no rule was trained: none is confirmed, holds in the data, or was accepted (rulekd kg accept)"
        return [*warnings_of(self.history), *(said for _ in empty)]

    @property
    def graph(self) -> KnowledgeGraph | None:
        """The rules that were trained, when they came as a graph."""
        graphs = [t.graph for t in self.transfers if isinstance(t, Rules)]
        return graphs[0] if graphs and isinstance(graphs[0], KnowledgeGraph) else None

    def report(self, path: Path | str, scenes: SceneSet | None = None, teacher: Predictor | None = None) -> Path:
        """Write an HTML page about this training, one file that needs no network; an existing file is refused.

        scenes: on their test part the student (and the teacher, where given) is measured for the page.
        """
        # reports are built on runs; people look for them here, so this one method reaches up to them when it is called
        from rulekd.report import of_run, write

        return write(of_run(self, scenes, teacher), path)

    def save(self, folder: Path | str, *, build: str | None = None, about: Mapping[str, Any] | None = None) -> Path:
        """Write the run directory: run.json, weights.safetensors, metrics.jsonl and, with rules, graph.kg.json.

        build: how the network is made (``module:function``) when it is none of the built-in ones. about: further
        facts for run.json (scenes, teacher). The folder appears whole or not at all; nothing is overwritten but what
        an interrupted training has left there.
        """
        target = Path(folder)
        if not is_free(target) and not is_interrupted(target):
            raise RulekdError(f"{target} exists already, and nothing is overwritten", hint="Choose another --out.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as made:
            draft = Path(made) / "run"
            draft.mkdir()
            self._write(draft, build, about or {})
            if target.exists():
                os.replace(target, Path(made) / "before")
            os.replace(draft, target)
        return target

    def _write(self, folder: Path, build: str | None, about: Mapping[str, Any]) -> None:
        network = {"build": build, "thresholds": self.predictor.thresholds} if build else describe(self.predictor)
        record = {
            **circumstances("finished"),
            "network": network,
            "transfers": [describe_transfer(transfer) for transfer in self.transfers],
            "training": asdict(self.training),
            "seed": self.seed,
            "parameters": self.predictor.parameters,
            "fingerprint": self.predictor.fingerprint,
            "warnings": self.warnings,
            **about,
        }
        (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        weights = {name: t.detach().cpu().contiguous().clone() for name, t in self.student.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        lines = (json.dumps({**asdict(entry), "shares": entry.shares}) + "\n" for entry in self.history)
        (folder / METRICS).write_text("".join(lines), encoding="utf-8")
        if self.graph is not None:
            self.graph.save(folder / GRAPH)


def circumstances(status: Status) -> dict[str, Any]:
    """What run.json says of every run: how far it is, how it was called, on what, when."""
    return {
        "version": RUN_VERSION,
        "status": status,
        "command": sys.argv,
        "environment": {"rulekd": version("rulekd"), "torch": torch.__version__, "python": sys.version.split()[0]},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def is_interrupted(folder: Path) -> bool:
    """Does it hold nothing but what an interrupted training has left?"""
    left = lying_in(folder)
    return CHECKPOINT in left and not left - {CHECKPOINT, RECORD, GRAPH}


def leave_interrupted(folder: Path, graph: KnowledgeGraph | None, about: Mapping[str, Any]) -> None:
    """Beside the checkpoint of an interrupted training: what it was, and the rules, each file whole or not at all."""
    record = {**circumstances("interrupted"), **about}
    write_atomically(folder / RECORD, json.dumps(record, indent=1) + "\n")
    if graph is not None:
        graph.save(folder / GRAPH)


def network_of(record: Mapping[str, Any], folder: Path | str) -> dict[str, Any]:
    """The network of a run's record; an error where the run has none."""
    if record.get("status", "finished") != "finished":
        raise RulekdError(
            f"the training in {folder} was interrupted: it has no trained network",
            hint="The same `rulekd train` with --resume goes on with it.",
        )
    network = record.get("network")
    if not isinstance(network, dict):
        raise RulekdError(f"{folder} holds no network", hint="Name a folder that `rulekd train` made.")
    return dict(network)


def load_weights(predictor: Predictor, folder: Path | str) -> Predictor:
    """The predictor with the weights of a run directory, in place; nothing is unpickled."""
    path = Path(folder) / WEIGHTS
    try:
        predictor.module.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as wrong:
        raise FileFormatError(
            f"the weights {path} cannot be loaded: {wrong}", hint="Train again, or restore it."
        ) from wrong
    predictor.module.eval()
    return predictor


def load_run(folder: Path | str) -> Predictor:
    """The trained student of a run directory that holds a built-in network."""
    network = network_of(read_record(folder), folder)
    if "build" in network:
        raise RulekdError(
            f"{folder} holds a network made by {network['build']!r}",
            hint="Call that function, then rulekd.distillation.run.load_weights(predictor, folder).",
        )
    return load_weights(from_spec(network), folder)


def describe_transfer(transfer: Transfer) -> dict[str, Any]:
    """A transfer as plain values: its kind, its numbers, and of rules the ids of what is trained."""
    known = {name: value for name, value in vars(transfer).items() if isinstance(value, int | float | str | bool)}
    trained = {"rules": [rule.id for rule in transfer.constraints.rules]} if isinstance(transfer, Rules) else {}
    return {"kind": type(transfer).__name__, **known, **trained}


def describe_history(history: Sequence[Entry]) -> str:
    """The last line of the ledger, in words."""
    if not history:
        return "no epochs"
    last = history[-1]
    shares = ", ".join(
        f"{name} {value:.3f} ({last.shares.get(name, 0):.0%} of the gradient)" for name, value in last.terms.items()
    )
    return f"{last.step} steps, loss {last.loss:.3f}: {shares}"
