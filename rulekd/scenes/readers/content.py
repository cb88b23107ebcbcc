"""What a reader makes of a file, and how files are opened."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kg.errors import FileFormatError
from kg.formulas import Formula
from kg.predicates import Vocabulary
from rulekd.scenes.scenes import Scenes


@dataclass(frozen=True)
class Content:
    """The parts of a ``SceneSet``: scenes, vocabulary (None = as the labels say), definitions, source."""

    scenes: Scenes
    vocabulary: Vocabulary | None = None
    definitions: Mapping[str, Formula] = field(default_factory=dict)
    source: str = ""


def text_of(path: Path) -> str:
    """The whole text of a file, unpacked when it is gzip (by its first bytes, whatever its name)."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(f"{path}: cannot be read: {error}", hint="Is the file complete?") from error
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: is not UTF-8 text (byte {error.start})", hint="Save it as UTF-8.") from error


def json_of(text: str, path: Path, line: int | None = None) -> Any:
    """A JSON text as values; NaN and infinity are refused, as JSON does not know them."""
    where = f"{path}" if line is None else f"{path}, line {line}"

    def refuse(word: str) -> Any:
        raise FileFormatError(
            f"{where}: holds {word}, which is not a number of JSON", hint="Leave out what is unknown."
        )

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        at = (
            f"{where}, column {error.colno}"
            if line is not None
            else f"{path}, line {error.lineno}, column {error.colno}"
        )
        raise FileFormatError(f"{at}: {error.msg}", hint="The file is malformed, or cut off there.") from error
    except RecursionError as error:
        raise FileFormatError(f"{where}: is nested too deeply", hint="Scenes need a handful of levels.") from error
