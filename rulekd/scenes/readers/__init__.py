"""Readers: one file a format, one line in ``READERS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kg.errors import FileFormatError, RulekdError, unknown
from rulekd.scenes.readers import boxes, clevr, jsonl, vla3d
from rulekd.scenes.readers.content import Content

__all__ = ["READERS", "Content", "Reader", "check_writable", "read", "write"]


@dataclass(frozen=True)
class Reader:
    """One file format. suffixes: what its files end in (before .gz). read: path and options -> content."""

    suffixes: tuple[str, ...]
    read: Callable[..., Content]
    meaning: str


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "jsonl": Reader((".jsonl",), jsonl.read, "our own: JSON lines, one scene a line, everything kept"),
        # before CLEVR: both end in .json
        "vla3d": Reader((vla3d.GRAPH,), vla3d.read, "the scene graph of a VLA-3D home, its CSV files beside it"),
        "clevr": Reader((".json",), clevr.read, "official CLEVR scene JSON"),
        "csv": Reader((".csv",), boxes.read, "boxes, one object a row"),
    }
)


def read(path: Path, format: str | None, options: Mapping[str, Any]) -> Content:
    """The scenes of a file, by the format named, or else by the file's suffix."""
    if path.is_dir():
        raise FileFormatError(f"{path}: is a folder", hint="Name a file of scenes in it.")
    if format is None:
        plain = path.name.lower().removesuffix(".gz")
        named = [name for name, reader in READERS.items() if plain.endswith(reader.suffixes)]
        if not named:
            raise FileFormatError(
                f"{path}: no reader for files that end in {path.suffix!r}",
                hint="Files of scenes end in .jsonl, .json (CLEVR) or .csv, each also with .gz; format= names another.",
            )
        format = named[0]
    if format not in READERS:
        raise unknown("format", format, READERS)
    if not path.is_file():
        raise FileFormatError(f"{path}: there is no such file", hint=f"Looked in {path.resolve().parent}.")
    return READERS[format].read(path, **options)


def check_writable(path: Path) -> None:
    """Raise unless scenes can be written under this name."""
    if not path.name.lower().removesuffix(".gz").endswith(READERS["jsonl"].suffixes):
        raise RulekdError(f"{path}: scenes are written as JSON lines", hint="Name the file .jsonl or .jsonl.gz.")


def write(path: Path, content: Content) -> None:
    """Write as JSON lines, the one format that keeps everything."""
    check_writable(path)
    jsonl.write(path, content)
