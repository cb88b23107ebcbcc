"""Official CLEVR scene JSON, as it is or gzipped.

``relationships[r][i]`` lists the objects that lie r of object i, so that j in it is the label r(j, i). Positions stay
in file coordinates; the file's directions right, behind, above become the view. Every object is as wide, deep and high
as its size says, 1.4 m or 0.7 m. Pixel coordinates are not kept: they belong to an image, and no transform moves them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kg.errors import FileFormatError, RulekdError
from kg.formulas import Formula
from kg.predicates import Predicate, Vocabulary
from kg.text import parse
from rulekd.scenes.definitions import relabelled
from rulekd.scenes.readers.content import Content, json_of, text_of
from rulekd.scenes.scenes import Scenes

#: Full extents in metres, the same along every axis and for every shape.
EXTENT = {"large": 1.4, "small": 0.7}
CATEGORIES = ("shape", "color", "material")
#: The view's rows, by the file's names of directions.
VIEW = ("right", "behind", "above")
#: Labels that the file holds; the others are computed.
LISTED = ("left", "right", "front", "behind")

#: What each predicate means. The volumes of a large and a small object differ by a factor of 8, so that 2 tells them
#: apart whatever a transform rounds.
TEXTS: dict[str, str] = {
    "left": "left(a, b) <-> x(b) - x(a) > 0.2",
    "right": "right(a, b) <-> x(a) - x(b) > 0.2",
    "front": "front(a, b) <-> y(b) - y(a) > 0.2",
    "behind": "behind(a, b) <-> y(a) - y(b) > 0.2",
    "near": "near(a, b) <-> distance(a, b) < 1.8",
    "bigger": "bigger(a, b) <-> volume(a) > 2 * volume(b)",
    "smaller": "smaller(a, b) <-> volume(b) > 2 * volume(a)",
    "same_size": "same_size(a, b) <-> volume(a) <= 2 * volume(b) & volume(b) <= 2 * volume(a)",
    "same_shape": "same_shape(a, b) <-> shape(a) = shape(b)",
}


def vocabulary() -> Vocabulary:
    """The nine predicates, each of two objects."""
    return Vocabulary({name: Predicate(name, 2) for name in TEXTS})


def definitions() -> dict[str, Formula]:
    """What the nine predicates mean, in the frame of the view; they give every label of the file."""
    return {name: parse(text) for name, text in TEXTS.items()}


def read(path: Path, limit: int | None = None) -> Content:
    """Scenes of a CLEVR file. limit: read the first so many scenes only."""
    document = json_of(text_of(path), path)
    records = document.get("scenes") if isinstance(document, Mapping) else None
    if isinstance(document, Mapping) and "nodes" in document:
        raise FileFormatError(f"{path}: is a graph and holds no scenes", hint="Give the scenes that it was read from.")
    if not isinstance(records, list) or not records:
        raise FileFormatError(
            f"{path}: holds no list 'scenes'", hint="Give CLEVR scene JSON; our own format is .jsonl, boxes are .csv."
        )
    records = records[:limit]
    given = [_scene(record, number, path) for number, record in enumerate(records)]
    try:
        scenes = Scenes.from_objects(given)
    except RulekdError as error:
        raise FileFormatError(f"{path}: {error.message}", hint=error.hint) from error
    meaning = definitions()
    computed = relabelled(scenes, meaning).labels
    listed = _listed(records, scenes, path)
    labels = {name: listed.get(name, computed[name]) for name in TEXTS}
    return Content(replace(scenes, labels=labels), vocabulary(), meaning, path.name)


def _scene(record: Any, number: int, path: Path) -> dict[str, Any]:
    where = f"{path}, scene {number}"
    if not isinstance(record, Mapping):
        raise FileFormatError(f"{where}: is {str(record)[:60]}", hint="Each scene is an object of JSON.")
    name = str(record.get("image_filename", record.get("image_index", number)))
    where = f"{path}, scene {number} ({name})"
    objects = _needed(record, "objects", where)
    directions = _needed(record, "directions", where)
    if not isinstance(objects, list) or not objects:
        raise FileFormatError(f"{where}: has no objects", hint="Leave the scene out.")
    try:
        view = [directions[axis] for axis in VIEW]
    except (KeyError, TypeError) as error:
        raise FileFormatError(f"{where}: lacks a direction: {error}", hint=f"Needed are {', '.join(VIEW)}.") from error
    return {
        "name": name,
        "view": view,
        "objects": [_object(item, f"{where}, object {place}") for place, item in enumerate(objects)],
    }


def _object(item: Any, where: str) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise FileFormatError(f"{where}: is {str(item)[:60]}", hint="Each object is an object of JSON.")
    size = _needed(item, "size", where)
    if size not in EXTENT:
        raise FileFormatError(f"{where}: size is {size!r}", hint=f"Known sizes: {', '.join(EXTENT)}.")
    rotation = item.get("rotation", 0.0)
    if isinstance(rotation, bool) or not isinstance(rotation, int | float):
        raise FileFormatError(f"{where}: rotation is {rotation!r}", hint="Give degrees.")
    made: dict[str, Any] = {
        "center": _needed(item, "3d_coords", where),
        "size": (EXTENT[size],) * 3,
        "yaw": math.radians(rotation),
    }
    for name in CATEGORIES:
        value = _needed(item, name, where)
        if not isinstance(value, str):
            raise FileFormatError(f"{where}: {name} is {value!r}", hint="Give a word.")
        made[name] = value
    return made


def _needed(record: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in record:
        raise FileFormatError(
            f"{where}: lacks {key!r}; it has {', '.join(map(str, record))}", hint="Is this CLEVR JSON?"
        )
    return record[key]


def _listed(records: Sequence[Mapping[str, Any]], scenes: Scenes, path: Path) -> dict[str, Tensor]:
    """The labels that the file lists; none where no scene lists any."""
    if not any("relationships" in record for record in records):
        return {}
    width = scenes.mask.shape[1]
    labels = {name: torch.zeros(len(scenes), width, width, dtype=torch.bool) for name in LISTED}
    for number, record in enumerate(records):
        count = len(record["objects"])
        where = f"{path}, scene {number} ({scenes.names[number]})"
        relationships = _needed(record, "relationships", where)
        for name in LISTED:
            rows = relationships.get(name) if isinstance(relationships, Mapping) else None
            if not isinstance(rows, list) or len(rows) != count:
                raise FileFormatError(
                    f"{where}: relationships of {name!r} are {str(rows)[:60]} for {count} objects",
                    hint="Give one list of object numbers for each object.",
                )
            for second, firsts in enumerate(rows):
                for first in firsts if isinstance(firsts, list) else [firsts]:
                    if (
                        not isinstance(first, int)
                        or isinstance(first, bool)
                        or not 0 <= first < count
                        or first == second
                    ):
                        raise FileFormatError(
                            f"{where}: relationships of {name!r} list {first!r} beside object {second}",
                            hint=f"Objects are numbered 0 to {count - 1}; none is related to itself.",
                        )
                    labels[name][number, first, second] = True
    return labels
