"""What several commands are given: scenes, a graph, a folder that must not exist yet, gates."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kg import KnowledgeGraph
from kg.errors import FileFormatError, RulekdError
from rulekd.cli.choices import DEVICES, check_choice, check_positive, check_scenes
from rulekd.run_files import CHECKPOINT, is_free

if TYPE_CHECKING:
    from rulekd.distillation import Training
    from rulekd.scenes import SceneSet


def load_scenes(path: Path) -> SceneSet:
    """The scenes of a file."""
    check_scenes(path)
    # scenes are tensors: torch loads now, and not for what is refused before
    from rulekd.scenes import SceneSet

    return SceneSet.load(path)


def load_graph(path: Path) -> KnowledgeGraph:
    """The graph of a file."""
    if not path.exists():
        raise FileFormatError(f"there is no graph {str(path)!r}", hint="`rulekd extract` makes one.")
    return KnowledgeGraph.load(path)


def refuse_existing(out: Path, *, resume: bool = False, left: str = CHECKPOINT) -> None:
    """Raise where something lies at ``out``, before any work; an empty folder is no obstacle to a run.

    resume: go on with what an interrupted command has left there, the file ``left``; then it must be there.
    """
    if resume:
        if not (out / left).is_file():
            raise RulekdError(f"--resume: there is no {left} in {out}", hint="Leave --resume out to start anew.")
        return
    if (out / left).is_file() and not (out / "report.html").exists():
        raise RulekdError(
            f"{out} holds what an interrupted command has left",
            hint="The same command with --resume goes on with it; or choose another --out.",
        )
    if not is_free(out):
        raise RulekdError(f"{out} exists already, and nothing is overwritten", hint="Choose another --out.")
    parent = next(parent for parent in out.absolute().parents if parent.exists())
    if not parent.is_dir():
        raise RulekdError(f"{out} cannot be made: {parent} is no folder", hint="Choose another --out.")
    try:
        with tempfile.TemporaryFile(dir=parent):  # rights alone do not tell: a disk may be full, or read-only
            pass
    except OSError as wrong:
        raise RulekdError(
            f"{out} cannot be made: nothing can be written in {parent}: {wrong.strerror}", hint="Choose another --out."
        ) from wrong


def check_settings(epochs: int | None, steps: int | None, batch_size: int, learning_rate: float, device: str) -> None:
    """The options of a training that ``train`` and ``compare`` share."""
    if epochs is not None and steps is not None:
        raise RulekdError(f"--epochs {epochs} and --steps {steps}", hint="Give one of them.")
    check_positive(epochs=epochs, steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    check_choice("device", device, DEVICES)


def settings_of(epochs: int | None, steps: int | None, batch_size: int, learning_rate: float, device: str) -> Training:
    """How to train, from options that were checked: epochs or steps, 40 epochs unless said."""
    # training brings torch
    from rulekd.distillation import Training

    return Training(
        epochs=40 if epochs is None else epochs,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        device=device,
    )


def check_fraction(option: str, value: float) -> float:
    """The value of an option that must be a fraction between 0 and 1."""
    if not 0 < value < 1:
        raise RulekdError(f"{option} is {value}", hint="Give a fraction above 0, below 1.")
    return value
