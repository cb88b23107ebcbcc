"""What an option may say, known before torch is loaded: a wrong word is refused at once.

The tables themselves bring torch; a test holds these names against them.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from kg.errors import FileFormatError, RulekdError, nearest, unknown
from rulekd.run_files import WEIGHTS, read_record, weights_problems

#: ``rulekd.networks.NETWORKS``.
NETWORKS = ("room-transformer", "point-student")
#: ``rulekd.extraction.FAMILIES``.
FAMILIES = (
    "algebra", "pairs", "compositions", "conjunctions", "typed", "concepts", "transforms", "decisions", "definitions",
    "referring",
)  # fmt: skip
#: ``rulekd.scenes.parts``: PARTS and EVIDENCE.
PARTS = ("train", "validate", "test", "discover", "confirm")
DEVICES = ("auto", "cpu", "cuda")
#: What files of scenes end in, before .gz: the suffixes of ``rulekd.scenes.readers.READERS``.
SUFFIXES = (".jsonl", ".json", ".csv")


def check_positive(**options: float | None) -> None:
    """Numbers that must be finite and above 0, by the name of the option; None where it is not given."""
    for name, value in options.items():
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise RulekdError(
                f"--{name.replace('_', '-')} is {value}", hint="Give a finite number above 0, or leave it out."
            )


def check_weights(**options: float | None) -> None:
    """Numbers that must be finite, by the name of the option."""
    for name, value in options.items():
        if value is not None and not math.isfinite(value):
            raise RulekdError(f"--{name.replace('_', '-')} is {value}", hint="Give a finite number.")


def check_share(value: float) -> None:
    """A share of scenes that are labelled: some must be."""
    if not 0 < value <= 1:
        raise RulekdError(f"--share is {value}", hint="Give a share above 0, up to 1.")


def check_choice(what: str, word: str, known: Sequence[str]) -> None:
    """A word that must be one of these."""
    if word not in known:
        raise unknown(what, word, known)


def check_scenes(path: Path) -> None:
    """A file of scenes lies there, and its name says how to read it."""
    if not path.exists():
        raise FileFormatError(
            f"there is no file of scenes {str(path)!r}", hint="Check the path; `rulekd scenes generate` makes rooms."
        )
    if path.is_dir():
        raise FileFormatError(f"{path}: is a folder", hint="Name a file of scenes in it.")
    if not path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        raise FileFormatError(
            f"{path}: no reader for files that end in {path.suffix!r}",
            hint="Files of scenes end in .jsonl, .json (CLEVR) or .csv, each also with .gz.",
        )


def check_network(word: str, *, trained: bool = False) -> None:
    """A word that may name a network: a run directory that is whole, a function whose file is there, a built-in name.

    trained: something is to be learned from it, so that a built-in name will not do.
    """
    if Path(word).is_dir():
        check_run(Path(word))
    elif word in NETWORKS:
        if trained:
            raise RulekdError(
                f"the built-in network {word!r} is untrained: there is nothing to learn from it",
                hint=f"Train it first (rulekd train --student {word} --scenes ... --out runs/teacher); "
                "name that folder.",
            )
    elif ":" in word:
        _check_module(word.rpartition(":")[0], word)
    elif "/" in word or word.endswith(".py"):
        raise RulekdError(
            f"there is no run directory {word!r}", hint="Name a folder that `rulekd train` made, or file.py:build."
        )
    else:
        close = nearest(word, NETWORKS)
        raise RulekdError(
            f"unknown network {word!r}; built-in: {', '.join(NETWORKS)}; or a run directory, or module:build",
            hint=f"Did you mean {close!r}?" if close else "`rulekd train --help` says how networks are named.",
        )


def check_run(folder: Path) -> None:
    """A run directory that can be read, with weights that are whole where it says that it is finished."""
    record = read_record(folder)
    if record.get("status", "finished") == "finished" and "network" in record:
        problems = weights_problems(folder / WEIGHTS)
        if problems:
            raise FileFormatError(
                f"the weights {folder / WEIGHTS} cannot be loaded: {problems[0]}", hint="Train again, or restore it."
            )


def _check_module(name: str, word: str) -> None:
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise RulekdError(
                f"there is no file {name!r}, asked for by {word!r}", hint="Check the path before the colon."
            )
        return
    # the console script does not look in the folder that it is called in, where a person's module lies
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    first = name.partition(".")[0]
    if first not in sys.modules and (not first or importlib.util.find_spec(first) is None):
        raise RulekdError(
            f"there is no module {first!r}, asked for by {word!r}",
            hint="Run from its folder, install it, or name the file: file.py:build.",
        )
