"""Where a report's numbers come from: fingerprints, seeds, settings, versions, command and time."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from kg import KnowledgeGraph
from rulekd.distillation.rules import Rules
from rulekd.distillation.trainer import Training
from rulekd.distillation.transfers import Transfer

#: A fact by its name.
Fact = tuple[str, str]


def versions() -> tuple[Fact, ...]:
    """What this runs on."""
    return (("rulekd", version("rulekd")), ("torch", torch.__version__), ("python", sys.version.split()[0]))


def surroundings() -> tuple[Fact, ...]:
    """Versions, the command that this program was started with, and the time."""
    program = Path(sys.argv[0]).name if sys.argv else ""
    return (
        ("versions", ", ".join(f"{name} {number}" for name, number in versions())),
        ("command", shlex.join([program, *sys.argv[1:]])),
        ("written", datetime.now(UTC).isoformat(timespec="seconds")),
    )


def mined(graph: KnowledgeGraph | None) -> tuple[Fact, ...]:
    """What the rules were read from; nothing for a graph that a person wrote."""
    if graph is None:
        return ()
    found = graph.provenance
    told = [
        f"teacher {found.teacher}" if found.teacher else "",
        f"data {found.data}" if found.data else "",
        f"part {found.part}" if found.part else "",
        f"seed {found.seed}" if found.seed is not None else "",
        f"{found.queries:,} questions to the teacher" if found.queries else "",
        ", ".join(f"{name} {number}" for name, number in found.versions),
        found.time,
    ]
    said = ", ".join(filter(None, told))
    return (("rules read from", said),) if said else ()


def settings(training: Training) -> str:
    """``epochs 40, batch size 16, ...``"""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in vars(training).items() if value is not None)


def taught(transfers: Sequence[Transfer]) -> str:
    """``soft labels (temperature 4.0, weight 1.0), rules (...)``"""
    said = []
    for transfer in transfers:
        known = {n: v for n, v in vars(transfer).items() if isinstance(v, bool | int | float | str) and n != "graph"}
        inside = ", ".join(f"{name} {value}" for name, value in known.items())
        said.append(f"{transfer.name} ({inside})" if inside else transfer.name)
    return ", ".join(said)


def augmented(transfers: Sequence[Transfer]) -> tuple[str, ...]:
    """What the plan of the constraints does not say: what trains laws under a transform."""
    said = "Laws under a transform train the student by augmentation: inputs are transformed, targets carried along."
    return (said,) if any(isinstance(transfer, Rules) and transfer.augment for transfer in transfers) else ()
