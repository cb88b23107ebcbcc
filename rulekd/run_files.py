"""A run directory as files: what lies in it and what is wrong with it, read without torch.

Layer: beside facts; it imports kg alone, so that runs are listed on any machine at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from kg import FileFormatError, KnowledgeGraph, RulekdError

RUN_VERSION = 1
RECORD, WEIGHTS, METRICS, GRAPH = "run.json", "weights.safetensors", "metrics.jsonl", "graph.kg.json"
#: What an interrupted training, and a comparison that is not finished, leave in their folders to go on with.
CHECKPOINT, FINISHED = "checkpoint.safetensors", "students.jsonl"


@dataclass(frozen=True)
class RunFiles:
    """One run directory, of a training or a comparison.

    record: run.json, empty where it cannot be read. ledger: the lines of metrics.jsonl. problems: what is wrong, a
    sentence each; none for a run that can be used.
    """

    folder: Path
    record: dict[str, Any] = field(default_factory=dict)
    ledger: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """finished, interrupted (it can be resumed), or broken."""
        if self.problems:
            return "broken"
        return "interrupted" if not self.record else str(self.record.get("status", "finished"))

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by file, in order of names."""
        return {
            str(path.relative_to(self.folder)): path.stat().st_size
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


def read_record(folder: Path | str) -> dict[str, Any]:
    """run.json of a run directory."""
    path = Path(folder) / RECORD
    if not path.is_file():
        raise FileFormatError(
            f"{folder} is no run directory: it has no run.json", hint="Name a folder that --out made."
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["version"]
        known = version <= RUN_VERSION
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        said = f"it lacks {wrong}" if isinstance(wrong, KeyError) else str(wrong)
        raise FileFormatError(f"{path} cannot be read: {said}", hint="Restore the file, or train again.") from wrong
    if not known:
        raise FileFormatError(
            f"{path} has version {version}; this program reads up to {RUN_VERSION}", hint="Use a newer rulekd."
        )
    return dict(record)


def key_of(about: Mapping[str, Any]) -> str:
    """16 hexadecimal digits of what a piece of work is made with: only the same work goes on with what it left.

    >>> key_of({"seed": 1, "steps": 2}) == key_of({"steps": 2, "seed": 1})
    True
    """
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:16]


def lying_in(folder: Path) -> set[str]:
    """Names of what lies in a folder, without the drafts that a writer leaves when it is killed."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {name for name in names if not (name.startswith(".") and name.endswith(".new"))}


def is_free(folder: Path) -> bool:
    """May a run be written there?"""
    return not folder.exists() or (folder.is_dir() and not lying_in(folder))


def inspect(folder: Path) -> RunFiles:
    """Everything that can be read of a run directory; what cannot is a problem, not an error."""
    problems: list[str] = []
    record: dict[str, Any] = {}
    if not (folder / RECORD).exists() and any((folder / left).exists() for left in (FINISHED, CHECKPOINT)):
        # killed, or still at work: what is needed to go on is there
        broken = weights_problems(folder / CHECKPOINT) if (folder / CHECKPOINT).exists() else []
        return RunFiles(folder, problems=tuple(broken))
    try:
        record = read_record(folder)
    except (RulekdError, OSError) as wrong:
        problems.append(wrong.message if isinstance(wrong, RulekdError) else str(wrong))
    ledger: tuple[dict[str, Any], ...] = ()
    if record:
        problems += _graph(folder / GRAPH)
    if record.get("status") == "interrupted":
        problems += weights_problems(folder / CHECKPOINT)
    elif record and record.get("kind") != "comparison":
        ledger, wrongs = _ledger(folder / METRICS)
        problems += [*wrongs, *weights_problems(folder / WEIGHTS)]
        if not isinstance(record.get("network"), dict):
            problems.append(f"{folder / RECORD} cannot be used: its network is {str(record.get('network'))[:60]!r}")
    return RunFiles(folder, record, ledger, tuple(problems))


def runs_under(folder: Path, depth: int = 3) -> Iterator[RunFiles]:
    """Every run directory under a folder, down to ``depth`` levels, in order of names.

    A folder that is no run and holds none is a run that is broken: it is given with that reason.
    """
    for child in sorted(path for path in folder.iterdir() if path.is_dir()):
        if any((child / name).exists() for name in (RECORD, FINISHED, CHECKPOINT)):
            yield inspect(child)
        elif child.name.startswith("."):
            if (child / "run").is_dir():
                said = f"{child} was left by a training that was killed while it wrote; the run in it may be whole"
                yield RunFiles(child, problems=(said,))
        else:
            below = list(runs_under(child, depth - 1)) if depth > 1 else []
            yield from below or [inspect(child)]


def _ledger(path: Path) -> tuple[tuple[dict[str, Any], ...], list[str]]:
    entries: list[dict[str, Any]] = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            entry = json.loads(line)
            if not isinstance(entry, dict) or not {"step", "loss", "terms"} <= entry.keys():
                return tuple(entries), [f"{path}, line {number}: is no entry of a ledger"]
            entries.append(entry)
    except (OSError, UnicodeDecodeError) as wrong:
        return (), [f"{path} cannot be read: {wrong}"]
    except (ValueError, RecursionError):
        return tuple(entries), [f"{path}, line {len(entries) + 1}: is cut or is not JSON"]
    return tuple(entries), []


def weights_problems(path: Path) -> list[str]:
    """The header says where each tensor lies: a file that is cut, or something else, does not fit it."""
    if not path.is_file():
        return [f"{path} is not there"]
    try:
        with safe_open(str(path), framework="numpy"):  # reads the header alone
            return []
    except (OSError, SafetensorError) as wrong:
        return [f"{path} cannot be read: {wrong}"]


def _graph(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        KnowledgeGraph.load(path)
    except RulekdError as wrong:
        return [wrong.message]
    return []
