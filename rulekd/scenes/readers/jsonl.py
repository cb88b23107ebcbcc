"""Our own format: JSON lines, a first line about all scenes, then one scene a line. It keeps everything.

The first line: ``{"format": "rulekd scenes", "version": 1, "source": .., "frame": .., "tolerance": .., "dtype": ..,
"predicates": {name: {"arity": 2, "arguments": [], "diagonal": false}}, "labels": [..], "label_valid": [..],
"definitions": {name: text}, "categories": {name: [..]}, "scene_categories": {name: [..]}, "tensors": {name: dtype}}``.
Only ``format`` and ``version`` are needed. A file without a first line of this kind is read too, as plain scenes.

A scene: ``{"name": .., "group": .., "view": [right, away, up], "attributes": {..}, "objects": [{"id": .., "center":
[x, y, z], "size": [..], "yaw": .., "points": [[x, y, z, ..]], attribute: number or text, ..}], "labels": {predicate:
[[0, 1], ..]}, "unknown": {predicate: [[1, 1], ..]}, "tensors": {name: ..}}``, where labels list the true groundings and
unknown those that nobody labelled. What is unknown is left out.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kg.errors import FileFormatError, RulekdError
from kg.predicates import Predicate, Vocabulary
from kg.text import parse
from rulekd.scenes.objects import Known, tabulate
from rulekd.scenes.readers.content import Content, json_of, text_of
from rulekd.scenes.scenes import Scenes

FORMAT = "rulekd scenes"
VERSION = 1
HEAD_KEYS = frozenset(
    [
        "format",
        "version",
        "source",
        "frame",
        "tolerance",
        "dtype",
        "predicates",
        "labels",
        "label_valid",
        "definitions",
        "numbers",
        "categories",
        "scene_numbers",
        "scene_categories",
        "tensors",
        "places",
    ]
)
DTYPES = {str(kind).removeprefix("torch."): kind for kind in (torch.float32, torch.float64)}
ANY_DTYPE = {
    str(kind).removeprefix("torch."): kind
    for kind in (torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64)
}


def read(path: Path, limit: int | None = None) -> Content:
    """Scenes of a file of JSON lines. limit: read the first so many scenes only."""
    lines = [(number, line) for number, line in enumerate(text_of(path).splitlines(), 1) if line.strip()]
    if not lines:
        raise FileFormatError(f"{path}: is empty", hint="Is the file complete?")
    first = json_of(lines[0][1], path, lines[0][0])
    head: Mapping[str, Any] = {}
    if isinstance(first, Mapping) and "format" in first:
        head, lines = first, lines[1:]
        _check_head(head, path)
    if not lines:
        raise FileFormatError(f"{path}: has a first line but no scenes", hint="Is the file complete?")
    records = [_record(line, path, number) for number, line in lines[:limit]]
    numbers = [number for number, _ in lines]
    try:
        return _content(records, head, path)
    except RulekdError as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"{path}{_line(error.message, records, numbers)}: {error.message}", hint=error.hint
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(
            f"{path}, line 1: the first line cannot be used: {error!r}", hint="Write it as this program does."
        ) from error


def _record(line: str, path: Path, number: int) -> Mapping[str, Any]:
    record = json_of(line, path, number)
    if isinstance(record, list):
        return {"objects": record, "name": str(number)}
    if not isinstance(record, dict):
        raise FileFormatError(f"{path}, line {number}: is {str(record)[:60]}", hint="Give one scene a line.")
    return {"name": str(number), **record}


def _line(message: str, records: list[Mapping[str, Any]], numbers: list[int]) -> str:
    """Where a complaint about a named scene stands, as ', line 7'."""
    found = re.search(r"scene '([^']*)'|scenes are named '([^']*)'", message)
    if not found:
        return ""
    name = found.group(1) if found.group(1) is not None else found.group(2)
    places = [number for number, record in zip(numbers, records, strict=False) if str(record["name"]) == name]
    return f", line {places[-1]}" if places else ""


def _check_head(head: Mapping[str, Any], path: Path) -> None:
    if head["format"] != FORMAT:
        raise FileFormatError(f"{path}, line 1: the format is {head['format']!r}", hint=f"This reads {FORMAT!r}.")
    version = head.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise FileFormatError(
            f"{path}, line 1: version {version!r}; this program reads up to {VERSION}",
            hint="Use a newer program, or save the scenes anew.",
        )
    for key in head:
        if key not in HEAD_KEYS:
            raise FileFormatError(
                f"{path}, line 1: unknown key {key!r}; known: {', '.join(sorted(HEAD_KEYS))}", hint="Remove it."
            )
    for name in [head.get("dtype", "float32"), *head.get("tensors", {}).values()]:
        if name not in ANY_DTYPE:
            raise FileFormatError(
                f"{path}, line 1: unknown kind of number {name!r}", hint=f"Use {', '.join(ANY_DTYPE)}."
            )


def _content(records: list[Mapping[str, Any]], head: Mapping[str, Any], path: Path) -> Content:
    predicates = {name: Predicate(name, **_argued(entry)) for name, entry in head.get("predicates", {}).items()}
    known = Known(
        {name: predicates[name].arity for name in head.get("labels", [])},
        tuple(head.get("label_valid", ())),
        head.get("categories", {}),
        head.get("scene_categories", {}),
        tuple(head.get("numbers", ())),
        tuple(head.get("scene_numbers", ())),
        {name: ANY_DTYPE[kind] for name, kind in head.get("tensors", {}).items()},
    )
    columns = tabulate(records, dtype=DTYPES[head.get("dtype", "float32")], known=known)
    scenes = Scenes(**vars(columns)).check()
    if isinstance(head.get("places"), int) and head["places"] > scenes.mask.shape[1]:
        scenes = scenes.pad(head["places"])
    words = None
    if "predicates" in head:
        words = Vocabulary(
            predicates, frame=head.get("frame", "x right, y away, z up"), tolerance=head.get("tolerance", 0.01)
        )
    meaning = {name: parse(text) for name, text in head.get("definitions", {}).items()}
    return Content(scenes, words, meaning, head.get("source", path.name))


def _argued(entry: Any) -> dict[str, Any]:
    if isinstance(entry, int):
        return {"arity": entry}
    return {**entry, "arguments": tuple(entry.get("arguments", ()))}


def write(path: Path, content: Content) -> None:
    """Write scenes as JSON lines (gzipped when the name ends in .gz): the whole file, or nothing at all."""
    lines = [json.dumps(_head(content), ensure_ascii=False)]
    lines += [json.dumps(record, ensure_ascii=False, allow_nan=False) for record in _records(content.scenes)]
    data = ("\n".join(lines) + "\n").encode()
    if path.name.endswith(".gz"):
        data = gzip.compress(data, mtime=0)  # no time in it: the same scenes give the same bytes
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise RulekdError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint="What was there is as it was; make room, or choose another place.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _head(content: Content) -> dict[str, Any]:
    scenes, words = content.scenes, content.vocabulary
    kind = next(
        (t.dtype for t in (scenes.center, scenes.size, *scenes.numbers.values()) if t is not None), torch.float32
    )
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION, "source": content.source}
    if words is not None:
        head |= {"frame": words.frame, "tolerance": words.tolerance}
        head["predicates"] = {
            name: {"arity": word.arity, "arguments": list(word.arguments), "diagonal": word.diagonal}
            for name, word in words.items()
        }
    else:
        head["predicates"] = {name: value.dim() - 1 for name, value in scenes.labels.items()}
    return head | {
        "dtype": str(kind).removeprefix("torch."),
        "places": scenes.mask.shape[1],
        "labels": list(scenes.labels),
        "label_valid": list(scenes.label_valid),
        "definitions": {name: str(formula) for name, formula in content.definitions.items()},
        "numbers": list(scenes.numbers),
        "categories": {name: list(names) for name, names in scenes.category_names.items()},
        "scene_numbers": list(scenes.scene_numbers),
        "scene_categories": {name: list(names) for name, names in scenes.scene_category_names.items()},
        "tensors": {name: str(value.dtype).removeprefix("torch.") for name, value in scenes.tensors.items()},
    }


def _records(scenes: Scenes) -> list[dict[str, Any]]:
    packed = scenes.keep(scenes.mask).to("cpu")
    geometry = {
        name: _plain(value)
        for name, value in (
            ("center", packed.center),
            ("size", packed.size),
            ("yaw", packed.yaw),
            ("points", packed.points),
        )
        if value is not None
    }
    numbers = {name: _plain(value) for name, value in packed.numbers.items()}
    of_scene = {name: _plain(value) for name, value in packed.scene_numbers.items()}
    view = None if packed.view is None else _plain(packed.view)
    records = []
    for row, count in enumerate(packed.mask.sum(1).tolist()):
        objects: list[dict[str, Any]] = [
            {name: value[row][place] for name, value in geometry.items()} for place in range(count)
        ]
        for place, item in enumerate(objects):
            if packed.object_ids is not None:
                item["id"] = packed.object_ids[row][place]
            item |= _known({name: value[row][place] for name, value in numbers.items()})
            item |= _words(packed.categories, packed.category_names, (row, place))
        record: dict[str, Any] = {"name": packed.names[row], "group": packed.group[row]}
        if view is not None:
            record["view"] = view[row]
        attributes: dict[str, Any] = {}
        attributes |= _known({name: value[row] for name, value in of_scene.items()})
        attributes |= _words(packed.scene_categories, packed.scene_category_names, (row,))
        if attributes:
            record["attributes"] = attributes
        record["objects"] = objects
        record["labels"] = {name: _groundings(value[row], count, True) for name, value in packed.labels.items()}
        if packed.label_valid:
            record["unknown"] = {
                name: _groundings(value[row], count, False) for name, value in packed.label_valid.items()
            }
        if packed.tensors:
            record["tensors"] = {name: _plain(value[row]) for name, value in packed.tensors.items()}
        records.append(record)
    return records


def _groundings(values: Tensor, count: int, wanted: bool) -> Any:
    """The groundings of real objects with the wanted value; for a fact about the scene, whether it has it."""
    if values.dim() == 0:
        return bool(values) is wanted
    real = values[(slice(0, count),) * values.dim()]
    return (real if wanted else ~real).nonzero().tolist()


def _known(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value == value}  # NaN, unknown, is left out


def _words(
    values: Mapping[str, Tensor], names: Mapping[str, tuple[str, ...]], place: tuple[int, ...]
) -> dict[str, str]:
    numbered = {name: int(value[place]) for name, value in values.items()}
    return {name: names[name][number] for name, number in numbered.items() if number >= 0}


def _plain(tensor: Tensor) -> Any:
    """Nested lists; 32-bit numbers by their own shortest spelling (0.7, not 0.699999988), which reads back the same."""
    if tensor.dtype == torch.float32:
        array = tensor.detach().numpy()
        return array.astype("U32").astype(np.float64).tolist()
    return tensor.detach().tolist()
