"""Scenes field by field: mapping over their tensors, padding, joining and comparing batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kg.errors import RulekdError

if TYPE_CHECKING:  # Scenes is built on this module
    from rulekd.scenes.scenes import Scenes

#: Fields that hold one tensor, and tables of tensors, each with its number of object axes; None = one less than
#: the tensor has (labels of any arity).
SINGLE: dict[str, int] = {"mask": 1, "center": 1, "size": 1, "yaw": 1, "points": 1, "view": 0}
TABLES: dict[str, int | None] = {
    "numbers": 1,
    "categories": 1,
    "scene_numbers": 0,
    "scene_categories": 0,
    "tensors": 0,
    "labels": None,
    "label_valid": None,
}
#: Fields without tensors.
PLAIN = ("names", "group", "category_names", "scene_category_names", "object_ids")
#: Which table of names belongs to which categorical table.
NAMES = {"categories": "category_names", "scene_categories": "scene_category_names"}


def mapped(scenes: Scenes, act: Callable[[Tensor, int], Tensor]) -> dict[str, Any]:
    """Every tensor field, with ``act(tensor, number of object axes)`` in the place of each tensor."""
    made: dict[str, Any] = {}
    for name, axes in SINGLE.items():
        value = getattr(scenes, name)
        made[name] = None if value is None else act(value, axes)
    for name, wanted in TABLES.items():
        table: Mapping[str, Tensor] = getattr(scenes, name)
        made[name] = {key: act(t, t.dim() - 1 if wanted is None else wanted) for key, t in table.items()}
    return made


def padded(scenes: Scenes, width: int) -> dict[str, Any]:
    """All fields of the same scenes with ``width`` places for objects."""
    have = scenes.mask.shape[1]
    if width < have:
        raise RulekdError(f"scenes of {have} places cannot be padded to {width}", hint="Trim them first.")

    def widen(tensor: Tensor, axes: int) -> Tensor:
        shape = (tensor.shape[0],) + (width,) * axes + tuple(tensor.shape[axes + 1 :])
        wider = torch.full(shape, _filler(tensor), dtype=tensor.dtype, device=tensor.device)
        wider[(slice(None),) + (slice(0, have),) * axes] = tensor
        return wider

    return {**vars(scenes), **mapped(scenes, widen)}


def joined(batches: Sequence[Scenes]) -> dict[str, Any]:
    """All fields of several batches after each other, padded to the longest."""
    width = max(batch.mask.shape[1] for batch in batches)
    wide = [padded(batch, width) for batch in batches]
    made: dict[str, Any] = {}
    for name in SINGLE:
        values = [part[name] for part in wide]
        _agree(name, [value is not None for value in values], batches)
        made[name] = None if values[0] is None else torch.cat(values)
    for name in TABLES:
        tables = [part[name] for part in wide]
        keys = list(dict.fromkeys(key for table in tables for key in table))
        for key in keys:
            _agree(f"{name}[{key!r}]", [key in table for table in tables], batches)
        if name in NAMES:
            made[NAMES[name]] = {key: _all_names(part[NAMES[name]][key] for part in wide) for key in keys}
            names = made[NAMES[name]]
            made[name] = {
                key: torch.cat([_renumbered(p[name][key], p[NAMES[name]][key], names[key]) for p in wide])
                for key in keys
            }
        else:
            made[name] = {key: torch.cat([table[key] for table in tables]) for key in keys}
    _agree("object_ids", [batch.object_ids is not None for batch in batches], batches)
    ids = [batch.object_ids for batch in batches if batch.object_ids is not None]
    made["object_ids"] = tuple(scene for part in ids for scene in part) if ids else None
    made["names"] = tuple(name for batch in batches for name in batch.names)
    made["group"] = tuple(name for batch in batches for name in batch.group)
    return made


def content(scenes: Scenes) -> dict[str, Any]:
    """Every tensor under ``field`` or ``field/name``, blank where there is no object, and the plain fields."""

    def blank(tensor: Tensor, axes: int) -> Tensor:
        real = torch.ones((), dtype=torch.bool)
        for axis in range(axes):
            shape = [1] * tensor.dim()
            shape[0], shape[axis + 1] = scenes.mask.shape
            real = real & scenes.mask.reshape(shape)
        return torch.where(real, tensor, torch.full_like(tensor, _filler(tensor)))

    fields = mapped(scenes, blank)
    made: dict[str, Any] = {name: fields[name] for name in SINGLE} | {name: getattr(scenes, name) for name in PLAIN}
    for name in TABLES:
        made |= {f"{name}/{key}": tensor for key, tensor in fields[name].items()}
    return {
        title: dict(sorted(value.items())) if isinstance(value, Mapping) else value for title, value in made.items()
    }


def same(left: Scenes, right: Scenes) -> bool:
    """Are all fields equal, value by value? NaN equals NaN."""
    for name in SINGLE:
        if not _equal(getattr(left, name), getattr(right, name)):
            return False
    for name in TABLES:
        one, two = getattr(left, name), getattr(right, name)
        if set(one) != set(two) or not all(_equal(one[key], two[key]) for key in one):
            return False
    return all(getattr(left, name) == getattr(right, name) for name in PLAIN)


def _filler(tensor: Tensor) -> float | int | bool:
    if tensor.dtype == torch.bool:
        return False
    return 0 if tensor.is_floating_point() else -1


def _equal(one: Tensor | None, two: Tensor | None) -> bool:
    if one is None or two is None:
        return one is two
    if one.shape != two.shape or one.dtype != two.dtype:
        return False
    if one.is_floating_point():
        return bool(((one == two) | (one.isnan() & two.isnan())).all())
    return bool(torch.equal(one, two))


def _agree(what: str, present: Sequence[bool], batches: Sequence[Scenes]) -> None:
    if any(present) and not all(present):
        has, lacks = batches[present.index(True)].names[:1], batches[present.index(False)].names[:1]
        raise RulekdError(
            f"scenes cannot be joined: those of {'/'.join(has)!r} have {what}, those of {'/'.join(lacks)!r} lack it",
            hint="Give it to all of them, or drop it from all.",
        )


def _all_names(tables: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for table in tables for name in table))


def _renumbered(values: Tensor, old: tuple[str, ...], new: tuple[str, ...]) -> Tensor:
    if old == new:
        return values
    numbers = torch.tensor([new.index(name) for name in old] + [-1], device=values.device)
    return numbers[values]  # -1 picks the last entry, which is -1
