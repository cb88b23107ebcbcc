"""Rules, evidence and worlds as plain data for files, exactly: what is read back equals what was written.

Dataclasses become mappings by field name, tuples lists, enumerations their values, formulas their text.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, TypeVar

from kg.errors import FileFormatError
from kg.formulas import Formula
from kg.objects import Object
from kg.text import parse
from kg.worlds import World

Plain: TypeAlias = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None
T = TypeVar("T")


def plain(value: object) -> Plain:
    """The value as what JSON knows. Fields that have their default are left out."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"float": repr(float(value))}
        case Enum():
            return plain(value.value)
        case Formula():
            return str(value)
        case World():
            return _plain_world(value)
        case tuple() | list():
            return [plain(item) for item in value]
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case _ if dataclasses.is_dataclass(value):
            return {
                field.name: plain(getattr(value, field.name))
                for field in dataclasses.fields(value)
                if not _is_default(field, getattr(value, field.name))
            }
        case _:
            raise AssertionError(f"{type(value).__name__} cannot be written to a file")


def restore(kind: type[T], data: Any, where: str) -> T:
    """The value of type ``kind`` that ``plain`` wrote. Raises FileFormatError, naming ``where``, on anything else."""
    return typing.cast(T, _restore(kind, data, where))


def _is_default(field: dataclasses.Field[Any], value: object) -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return bool(value == field.default_factory())
    return type(value) is type(field.default) and bool(value == field.default)


def _restore(kind: Any, data: Any, where: str) -> Any:
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in inside:
            return None
        choices = [choice for choice in inside if choice is not type(None)]
        fitting = [choice for choice in choices if len(choices) == 1 or _fits(choice, data)]
        return _restore(fitting[0], data, where) if fitting else _mismatch(kind, data, where)
    if origin is typing.Literal:
        return data if data in inside else _mismatch(kind, data, where)
    if origin is tuple:
        return _restore_tuple(inside, data, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        _expect(dict, data, where)
        return {key: _restore(inside[1], item, f"{where}.{key}") for key, item in data.items()}
    if kind is float:
        if isinstance(data, dict) and data.get("float") in ("inf", "-inf", "nan"):
            return math.nan if data["float"] == "nan" else float(data["float"])  # equal to itself, by identity
        return data if _fits(float, data) else _mismatch(kind, data, where)
    if kind in (int, str, bool):
        return data if _fits(kind, data) else _mismatch(kind, data, where)
    if kind is Formula:
        return parse(_expect(str, data, where))
    if kind is World:
        return _restore_world(data, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data) if data in [item.value for item in kind] else _mismatch(kind, data, where)
    assert dataclasses.is_dataclass(kind), f"{kind} cannot be read from a file"
    return _restore_dataclass(kind, data, where)


def _restore_tuple(inside: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    _expect(list, data, where)
    if len(inside) == 2 and inside[1] is Ellipsis:
        return tuple(_restore(inside[0], item, f"{where}[{place}]") for place, item in enumerate(data))
    if len(data) != len(inside):
        raise FileFormatError(f"{where} has {len(data)} entries where {len(inside)} belong")
    return tuple(_restore(kind, item, where) for kind, item in zip(inside, data, strict=True))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _restore_dataclass(kind: Any, data: Any, where: str) -> Any:
    _expect(dict, data, where)
    hints = _hints(kind)
    names = {field.name: field for field in dataclasses.fields(kind)}
    for key in data:
        if key not in names:
            raise FileFormatError(f"{where} has an unknown entry {key!r}; known: {', '.join(names)}")
    for name, field in names.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and name not in data:
            raise FileFormatError(f"{where} lacks {name!r}")
    return kind(**{key: _restore(hints[key], item, f"{where}.{key}") for key, item in data.items()})


def _fits(kind: Any, data: Any) -> bool:
    if kind is float:
        return (isinstance(data, float | int) and not isinstance(data, bool)) or isinstance(data, dict)
    if kind is int:
        return isinstance(data, int) and not isinstance(data, bool)
    return isinstance(data, kind)


def _expect(kind: type[T], data: Any, where: str) -> T:
    if not isinstance(data, kind):
        _mismatch(kind, data, where)
    return data


def _mismatch(kind: Any, data: Any, where: str) -> typing.NoReturn:
    name = getattr(kind, "__name__", str(kind))
    raise FileFormatError(f"{where} is {data!r:.80} where a value of type {name} belongs")


# -------------------------------------------------------------------------------------- worlds


def _plain_world(world: World) -> Plain:
    """Facts as short texts, ``"0 1"`` for a pair: one line each in a file."""
    return {
        "size": world.size,
        "facts": _plain_facts(world.facts),
        "invalid": _plain_facts(world.invalid),
        "diagonal": [*sorted(world.diagonal)],
        "objects": [plain(thing) for thing in world.objects],
        "view": plain(world.view),
        "numbers": plain(world.numbers),
        **({} if world.placed else {"placed": False}),
    }


def _plain_facts(facts: Mapping[str, Any]) -> Plain:
    return {name: [" ".join(map(str, item)) for item in sorted(found)] for name, found in facts.items()}


def _restore_world(data: Any, where: str) -> World:
    keys = {"size", "facts", "invalid", "diagonal", "objects", "view", "numbers"}
    if _expect(dict, data, where).keys() - {"placed"} != keys:
        raise FileFormatError(f"{where} has the entries {sorted(data)} where {sorted(keys)} belong")
    hints = _hints(World)
    return World(
        restore(int, data["size"], f"{where}.size"),
        _restore_facts(data["facts"], f"{where}.facts"),
        diagonal=frozenset(_restore(tuple[str, ...], data["diagonal"], f"{where}.diagonal")),
        invalid=_restore_facts(data["invalid"], f"{where}.invalid"),
        objects=_restore(tuple[Object, ...], data["objects"], f"{where}.objects"),
        view=_restore(hints["view"], data["view"], f"{where}.view"),
        numbers=_restore(hints["numbers"], data["numbers"], f"{where}.numbers"),
        placed=restore(bool, data.get("placed", True), f"{where}.placed"),
    )


def _restore_facts(data: Any, where: str) -> dict[str, frozenset[tuple[int, ...]]]:
    found = _restore(Mapping[str, tuple[str, ...]], data, where)
    try:
        return {name: frozenset(tuple(map(int, item.split())) for item in items) for name, items in found.items()}
    except ValueError:
        raise FileFormatError(f"{where} holds something else than object numbers") from None
