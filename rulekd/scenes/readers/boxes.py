"""Boxes as CSV, one object a row.

Columns are found by any of several names (``COLUMNS``), large and small letters alike: scene, group, object id, centre
x, y, z, extents width, depth, height, yaw in radians (or ``yaw_deg``), category. Every other column is an attribute:
numeric where most of its values are numbers, else of words. An empty field or ``_`` is missing, and so are attributes
that a row leaves out at its end. The scene's frame is the file's: z up; without a column for scenes the file is one.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from kg.errors import FileFormatError, RulekdError, unknown
from kg.predicates import RESERVED
from rulekd.scenes.readers.content import Content, text_of
from rulekd.scenes.scenes import Scenes

#: What the reader looks for: names in order of preference, as they read once letters are small and signs are ``_``.
COLUMNS: dict[str, tuple[str, ...]] = {
    "scene": ("scene", "scene_id", "scene_name", "region_id", "region", "room_id", "room", "image_id", "scan_id"),
    "group": ("group", "group_id", "building", "building_id", "house", "house_id"),
    "id": ("object_id", "obj_id", "instance_id", "id"),
    "x": ("x", "cx", "center_x", "centre_x", "x_center", "pos_x", "bbox_cx", "object_bbox_cx", "box_cx"),
    "y": ("y", "cy", "center_y", "centre_y", "y_center", "pos_y", "bbox_cy", "object_bbox_cy", "box_cy"),
    "z": ("z", "cz", "center_z", "centre_z", "z_center", "pos_z", "bbox_cz", "object_bbox_cz", "box_cz"),
    "width": ("width", "w", "size_x", "xlength", "x_length", "bbox_xlength", "object_bbox_xlength", "dx", "extent_x"),
    "depth": ("depth", "d", "size_y", "ylength", "y_length", "bbox_ylength", "object_bbox_ylength", "dy", "extent_y"),
    "height": ("height", "h", "size_z", "zlength", "z_length", "bbox_zlength", "object_bbox_zlength", "dz", "extent_z"),
    "yaw": ("yaw", "heading", "bbox_heading", "object_bbox_heading", "rotation_z", "yaw_rad"),
    "yaw_deg": ("yaw_deg", "heading_deg", "rotation_deg", "yaw_degrees"),
    "category": ("category", "label", "class", "class_name", "nyu_label", "category_name", "object_label", "raw_label"),
}
CENTER = ("x", "y", "z")
SIZE = ("width", "depth", "height")
MISSING = ("", "_")
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Attribute:
    """A column that becomes an attribute, under a name of its own."""

    column: str
    name: str
    numeric: bool


@dataclass(frozen=True)
class Row:
    """One line of the file. line: its number, from 1. fields: by column of the file, None = missing."""

    line: int
    fields: Mapping[str, str | None]


def read(path: Path, columns: Mapping[str, str] | None = None, prefix: str = "", group: str | None = None) -> Content:
    """Scenes of a CSV file.

    columns: for a key of ``COLUMNS`` the file's own column, where the reader would not find it. prefix: put before
    the names of scenes, so that files with the same names can be joined. group: of every scene (one building, say);
    without it the group column, or else each scene is its own.
    """
    header, rows = _rows(path)
    found = _find(header, columns or {}, path)
    attributes = _attributes(header, rows, found, path)
    scenes: dict[str, dict[str, Any]] = {}
    for row in rows:
        _add(scenes, row, found, attributes, path)
    names = {name: f"{prefix}{name}" for name in scenes}
    given = [
        {**scene, "name": names[name], "group": group or scene.get("group") or names[name]}
        for name, scene in scenes.items()
    ]
    try:
        return Content(Scenes.from_objects(given), source=path.name)
    except RulekdError as error:
        raise FileFormatError(f"{path}: {error.message}", hint=error.hint) from error


def _rows(path: Path) -> tuple[list[str], list[Row]]:
    text = text_of(path)
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    rows: list[Row] = []
    try:
        for fields in reader:
            line = reader.line_num
            if not any(field.strip() for field in fields):
                continue
            if header is None:
                header = [field.strip() for field in fields]
                continue
            if len(fields) > len(header):
                raise FileFormatError(
                    f"{path}, line {line}: has {len(fields)} fields, the first line {len(header)} columns",
                    hint="Is a comma within a field unquoted?",
                )
            fields += [""] * (len(header) - len(fields))
            values = {n: None if f.strip() in MISSING else f.strip() for n, f in zip(header, fields, strict=True)}
            rows.append(Row(line, values))
    except csv.Error as error:
        raise FileFormatError(f"{path}, line {reader.line_num}: {error}", hint="Is a quote left open?") from error
    if header is None or not rows:
        raise FileFormatError(
            f"{path}: has {'no' if header is None else 'a first line but no'} rows", hint="Is it complete?"
        )
    twice = [name for place, name in enumerate(header) if name in header[:place]]
    if twice:
        raise FileFormatError(f"{path}, line 1: two columns are named {twice[0]!r}", hint="Rename one of them.")
    return header, rows


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _find(header: Sequence[str], columns: Mapping[str, str], path: Path) -> dict[str, str]:
    """The file's column for each key of ``COLUMNS`` that it has."""
    for key, column in columns.items():
        if key not in COLUMNS:
            raise unknown("column", key, COLUMNS, where="columns=: ")
        if column not in header:
            raise unknown("column of the file", column, header, where=f"{path}: ")
    plain = {_plain(name): name for name in reversed(header)}
    found = dict(columns)
    for key, names in COLUMNS.items():
        here = [plain[name] for name in names if name in plain and plain[name] not in columns.values()]
        if key not in found and here:
            found[key] = here[0]
    for kind, keys in (("centre", CENTER), ("size", SIZE)):
        lacking = [key for key in keys if key not in found]
        if len(lacking) not in (0, len(keys)) or (kind == "centre" and lacking):
            raise FileFormatError(
                f"{path}, line 1: no column for {', '.join(lacking)}; the columns are {', '.join(header)[:300]}",
                hint=f"Name it, for example {COLUMNS[lacking[0]][2]!r}, or give columns={{{lacking[0]!r}: ...}}.",
            )
    if "yaw" in found and "yaw_deg" in found:
        raise FileFormatError(
            f"{path}, line 1: {found['yaw']!r} and {found['yaw_deg']!r} both are yaw", hint="Keep one of them."
        )
    return found


def _attributes(header: Sequence[str], rows: Sequence[Row], found: Mapping[str, str], path: Path) -> list[Attribute]:
    """The columns that become attributes; that numeric ones hold numbers is checked here."""
    used = {column for key, column in found.items() if key != "category"}
    names: dict[str, str] = {}
    for column in header:
        if column in used:
            continue
        name = "category" if column == found.get("category") else _identifier(column)
        if name in names.values():
            raise FileFormatError(
                f"{path}, line 1: two columns come to be called {name!r}, one of them {column!r}", hint="Rename one."
            )
        names[column] = name
    attributes: list[Attribute] = []
    for column, name in names.items():
        values = [(row, value) for row in rows if (value := row.fields[column]) is not None]
        bad = [(row, value) for row, value in values if _number(value) is None]
        numeric = 2 * len(bad) < len(values)
        if bad and numeric:
            _fail(path, bad[0][0], column, bad[0][1], "Most of this column are numbers; give one, or leave it empty.")
        if values:  # a column without any value says nothing
            attributes.append(Attribute(column, name, numeric))
    return attributes


def _identifier(column: str) -> str:
    name = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_") or "column"
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if name in RESERVED else name


def _add(
    scenes: dict[str, dict[str, Any]], row: Row, found: Mapping[str, str], attributes: Sequence[Attribute], path: Path
) -> None:
    """Put one row's object into its scene."""
    name = "0"
    if "scene" in found:
        given = row.fields[found["scene"]]
        name = given if given is not None else _fail(path, row, found["scene"], None, "Say which scene it is in.")
    scene = scenes.setdefault(name, {"objects": []})
    group = row.fields[found["group"]] if "group" in found else None
    if group is not None and scene.setdefault("group", group) != group:
        _fail(path, row, found["group"], group, f"Scene {name!r} is in group {scene['group']!r} before.")
    item: dict[str, Any] = {"center": [_needed(row, found[axis], path) for axis in CENTER]}
    if "width" in found:
        item["size"] = [_needed(row, found[axis], path) for axis in SIZE]
        for axis, extent in zip(SIZE, item["size"], strict=True):
            if extent < 0:
                _fail(path, row, found[axis], extent, "Extents are 0 or more, in metres.")
    if "yaw" in found:
        item["yaw"] = _needed(row, found["yaw"], path)
    if "yaw_deg" in found:
        item["yaw"] = math.radians(_needed(row, found["yaw_deg"], path))
    if "id" in found:
        item["id"] = row.fields[found["id"]]
        if item["id"] is None:
            _fail(path, row, found["id"], None, "Give every object an id, or leave the column out.")
        if any(other["id"] == item["id"] for other in scene["objects"]):
            _fail(path, row, found["id"], item["id"], f"Scene {name!r} has an object of this id before.")
    for attribute in attributes:
        value = row.fields[attribute.column]
        if value is not None:
            item[attribute.name] = _number(value) if attribute.numeric else value
    scene["objects"].append(item)


def _needed(row: Row, column: str, path: Path) -> float:
    value = row.fields[column]
    number = None if value is None else _number(value)
    if number is None:
        _fail(path, row, column, value, "Give a finite number.")
    return number


def _number(value: str) -> float | None:
    """A finite number, or None."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _fail(path: Path, row: Row, column: str, value: object, hint: str) -> NoReturn:
    said = "missing" if value is None else repr(value)
    raise FileFormatError(f"{path}, line {row.line}, column {column!r}: {said}", hint=hint)
