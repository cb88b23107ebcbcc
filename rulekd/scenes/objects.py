"""From lists of dicts, one dict an object, to padded tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NoReturn, TypeAlias

import numpy as np
import torch
from torch import Tensor

from kg.errors import RulekdError, nearest

#: One object, and one scene: its objects, or a mapping with more about it.
GivenObject: TypeAlias = Mapping[str, Any]
GivenScene: TypeAlias = Sequence[GivenObject] | Mapping[str, Any]

#: Keys of an object that are not attributes.
OBJECT_KEYS = ("id", "center", "size", "yaw", "points")
#: Keys of a scene that is given as a mapping.
SCENE_KEYS = ("objects", "name", "group", "view", "attributes", "labels", "unknown", "tensors")


@dataclass(frozen=True)
class Columns:
    """The fields of ``Scenes``, by its names."""

    mask: Tensor
    center: Tensor | None
    size: Tensor | None
    yaw: Tensor | None
    numbers: dict[str, Tensor]
    categories: dict[str, Tensor]
    category_names: dict[str, tuple[str, ...]]
    scene_numbers: dict[str, Tensor]
    scene_categories: dict[str, Tensor]
    scene_category_names: dict[str, tuple[str, ...]]
    points: Tensor | None
    tensors: dict[str, Tensor]
    labels: dict[str, Tensor]
    label_valid: dict[str, Tensor]
    group: tuple[str, ...]
    names: tuple[str, ...]
    view: Tensor | None
    object_ids: tuple[tuple[str, ...], ...] | None


@dataclass(frozen=True)
class Known:
    """What is settled before the scenes are read, where a file says so.

    arities: of the predicates, in order. with_unknown: predicates whose labels may be unknown.
    category_names, scene_category_names: the names of each categorical attribute, in order.
    numbers, scene_numbers: numeric attributes, also where no object has a value. dtypes: of the tensors.
    """

    arities: Mapping[str, int] = field(default_factory=dict)
    with_unknown: tuple[str, ...] = ()
    category_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scene_category_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    scene_numbers: tuple[str, ...] = ()
    dtypes: Mapping[str, torch.dtype] = field(default_factory=dict)


NOTHING_KNOWN = Known()


def tabulate(
    scenes: Sequence[GivenScene],
    *,
    names: Sequence[str] | None = None,
    group: Sequence[str] | None = None,
    dtype: torch.dtype = torch.float32,
    known: Known = NOTHING_KNOWN,
) -> Columns:
    """Padded tensors of scenes as ``Scenes.from_objects`` takes them; errors name scene, object, key and value."""
    if not scenes:
        raise RulekdError("there are no scenes", hint="Give at least one scene of at least one object.")
    records = [_record(scene, number) for number, scene in enumerate(scenes)]
    titles = tuple(names) if names is not None else tuple(str(r.get("name", i)) for i, r in enumerate(records))
    check_names_differ(titles)
    rows = [_objects(record, title) for record, title in zip(records, titles, strict=True)]
    width = max(len(row) for row in rows)
    mask = np.zeros((len(rows), width), dtype=bool)
    for number, row in enumerate(rows):
        mask[number, : len(row)] = True
    table = _Table(rows, titles, mask, dtype)
    numbers, categories, category_names = table.attributes(known.numbers, known.category_names)
    scene_table = _Table(
        [[record.get("attributes", {})] for record in records], titles, np.ones((len(rows), 1), dtype=bool), dtype
    )
    scene_numbers, scene_categories, scene_names = scene_table.attributes(
        known.scene_numbers, known.scene_category_names
    )
    ids = table.ids()
    labels, valid = _labels(records, titles, rows, ids, width, known)
    return Columns(
        mask=torch.from_numpy(mask),
        center=table.vectors("center", 3),
        size=table.vectors("size", 3),
        yaw=table.vectors("yaw", None),
        numbers=numbers,
        categories=categories,
        category_names=category_names,
        scene_numbers={key: value[:, 0] for key, value in scene_numbers.items()},
        scene_categories={key: value[:, 0] for key, value in scene_categories.items()},
        scene_category_names=scene_names,
        points=table.points(),
        tensors=_tensors(records, titles, known.dtypes),
        labels=labels,
        label_valid=valid,
        group=tuple(group or (str(r.get("group", title)) for r, title in zip(records, titles, strict=True))),
        names=titles,
        view=_views(records, titles, dtype),
        object_ids=ids,
    )


def _record(scene: GivenScene, number: int) -> Mapping[str, Any]:
    if not isinstance(scene, Mapping):
        return {"objects": scene}
    for key in scene:
        if key not in SCENE_KEYS:
            close = nearest(str(key), SCENE_KEYS)
            raise RulekdError(
                f"scene {scene.get('name', number)!r} has the unknown key {key!r}; known: {', '.join(SCENE_KEYS)}",
                hint=f"Did you mean {close!r}?" if close else "Put attributes of the scene under 'attributes'.",
            )
    return scene


def check_names_differ(titles: Sequence[str]) -> None:
    """Raise where two scenes have one name, by which examples cite them."""
    if len(set(titles)) != len(titles):
        seen: set[str] = set()
        twice = next(title for title in titles if title in seen or seen.add(title))  # type: ignore[func-returns-value] # add returns None on purpose
        raise RulekdError(f"two scenes are named {twice!r}", hint="Give each scene its own name.")


def _objects(record: Mapping[str, Any], title: str) -> Sequence[GivenObject]:
    objects = record.get("objects")
    if not isinstance(objects, Sequence) or isinstance(objects, str) or not objects:
        raise RulekdError(
            f"scene {title!r} has no objects", hint="Give a list of one or more objects, or leave it out."
        )
    for place, item in enumerate(objects):
        if not isinstance(item, Mapping):
            raise RulekdError(
                f"scene {title!r}, object {place} is {item!r}", hint="Give a mapping from keys to values."
            )
    return objects


class _Table:
    """The objects of all scenes, read key by key into padded arrays."""

    def __init__(
        self, rows: Sequence[Sequence[GivenObject]], titles: tuple[str, ...], mask: np.ndarray, dtype: torch.dtype
    ) -> None:
        self.titles = titles
        self.mask = mask
        self.dtype = dtype
        self.flat = list(chain.from_iterable(rows))
        self.scene, self.place = np.nonzero(mask)

    def vectors(self, key: str, width: int | None) -> Tensor | None:
        """(B, N, width), or (B, N) without a width; None where no object has the key."""
        values = [item.get(key) for item in self.flat]
        if all(value is None for value in values):
            return None
        shape = () if width is None else (width,)
        for number, value in enumerate(values):
            if value is None:
                self._fail(number, key, "missing, though other objects have it", f"Give {key} to every object.")
            self._check_numbers(number, key, value, shape)
        filled = np.zeros((*self.mask.shape, *shape))
        filled[self.mask] = np.asarray(values, dtype=float)
        return torch.from_numpy(filled).to(self.dtype)

    def points(self) -> Tensor | None:
        """(B, N, P, 3 + c), or None."""
        values = [item.get("points") for item in self.flat]
        if all(value is None for value in values):
            return None
        shape: tuple[int, ...] | None = None
        for number, value in enumerate(values):
            if value is None:
                self._fail(number, "points", "missing, though other objects have them", "Give points to every object.")
            try:
                here = np.asarray(value, dtype=float).shape
            except (TypeError, ValueError):
                here = ()
            if len(here) != 2 or here[1] < 3 or not here[0]:
                self._fail(
                    number, "points", "not a list of points", "Give P lists of x, y, z and the same channels each."
                )
            shape = shape or here
            if here != shape:
                self._fail(number, "points", f"of shape {here}, others {shape}", "Give every object as many points.")
        assert shape is not None  # some object has points
        filled = np.zeros((*self.mask.shape, *shape))
        filled[self.mask] = np.asarray(values, dtype=float)
        return torch.from_numpy(filled).to(self.dtype)

    def ids(self) -> tuple[tuple[str, ...], ...] | None:
        """The objects' ids by scene, or None where no object has one."""
        if all(item.get("id") is None for item in self.flat):
            return None
        scenes: list[list[str]] = [[] for _ in self.titles]
        for number, item in enumerate(self.flat):
            name, scene = item.get("id"), scenes[self.scene[number]]
            if not isinstance(name, str | int) or isinstance(name, bool):
                self._fail(number, "id", f"{name!r}", "Give every object an id: a text or a whole number.")
            if str(name) in scene:
                self._fail(number, "id", f"{name!r}, which an earlier object has", "Give each object its own id.")
            scene.append(str(name))
        return tuple(tuple(scene) for scene in scenes)

    def attributes(
        self, numeric: Sequence[str], settled: Mapping[str, Sequence[str]]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, tuple[str, ...]]]:
        """Numeric attributes, categorical ones, and the names of the latter; those that are settled come first."""
        given = (key for item in self.flat for key in item if key not in OBJECT_KEYS)
        numbers: dict[str, Tensor] = {}
        categories: dict[str, Tensor] = {}
        names: dict[str, tuple[str, ...]] = {}
        for key in dict.fromkeys([*numeric, *settled, *given]):
            values = [item.get(key) for item in self.flat]
            kinds = {self._kind(number, key, value) for number, value in enumerate(values) if value is not None}
            if len(kinds) > 1 or ("text" in kinds and key in numeric) or ("number" in kinds and key in settled):
                wrong: type | tuple[type, ...] = (int, float) if key in settled else str
                number = next(n for n, v in enumerate(values) if isinstance(v, wrong))
                self._fail(
                    number, key, f"{values[number]!r}, elsewhere of another kind", "Use numbers or words, not both."
                )
            if "text" in kinds or key in settled:
                names[key] = tuple(settled[key]) if key in settled else tuple(sorted({v for v in values if v}))
                categories[key] = self._numbered(key, values, names[key])
            else:
                filled = np.zeros(self.mask.shape)
                filled[self.mask] = [math.nan if value is None else float(value) for value in values]
                numbers[key] = torch.from_numpy(filled).to(self.dtype)
        return numbers, categories, names

    def _numbered(self, key: str, values: Sequence[Any], names: tuple[str, ...]) -> Tensor:
        number_of = {name: place for place, name in enumerate(names)}
        filled = np.full(self.mask.shape, -1, dtype=np.int64)
        for number, value in enumerate(values):
            if value is not None and value != "" and value not in number_of:
                self._fail(
                    number, key, f"{value!r}, which is none of {', '.join(names)}", "Check the file's first line."
                )
        filled[self.mask] = [number_of.get(value, -1) for value in values]
        return torch.from_numpy(filled)

    def _kind(self, number: int, key: str, value: Any) -> str:
        if isinstance(value, str):
            return "text"
        if not isinstance(value, int | float | np.number):
            close = nearest(key, OBJECT_KEYS)
            self._fail(
                number,
                key,
                f"{str(value)[:60]}, neither number nor text",
                f"Did you mean {close!r}?" if close else "An attribute is one number or one text.",
            )
        if not math.isfinite(value):
            self._fail(number, key, f"{value}", "Give a finite number; leave out what is unknown.")
        return "number"

    def _check_numbers(self, number: int, key: str, value: Any, shape: tuple[int, ...]) -> None:
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            array = np.full((0,), math.nan)
        if array.shape != shape:
            wanted = "one number" if not shape else f"{shape[0]} numbers"
            self._fail(number, key, f"{str(value)[:60]}", f"Give {wanted}.")
        if not np.isfinite(array).all():
            self._fail(number, key, f"{str(value)[:60]}", "Give finite numbers.")

    def _fail(self, number: int, key: str, said: str, hint: str) -> NoReturn:
        title, place = self.titles[self.scene[number]], int(self.place[number])
        raise RulekdError(f"scene {title!r}, object {place}: {key} is {said}", hint=hint)


def _labels(
    records: Sequence[Mapping[str, Any]],
    titles: tuple[str, ...],
    rows: Sequence[Sequence[GivenObject]],
    ids: tuple[tuple[str, ...], ...] | None,
    width: int,
    known: Known,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    listed = [
        (number, key, *entry)
        for number, (record, title) in enumerate(zip(records, titles, strict=True))
        for key in ("labels", "unknown")
        for entry in _listed(record, key, title)
    ]
    arities = dict(known.arities)
    for _, _, name, arity, _ in listed:
        if arity is not None:
            arities.setdefault(name, arity)
    unknown = {name for _, key, name, _, _ in listed if key == "unknown"} | set(known.with_unknown)
    for number, key, name, _, _ in listed:
        if name not in arities:
            raise RulekdError(
                f"scene {titles[number]!r}: {key} of {name!r} list no grounding, in no scene, so its arity is unsaid",
                hint="Leave it out, or state the arity in the file's first line.",
            )
    labels = {name: np.zeros((len(records),) + (width,) * arity, dtype=bool) for name, arity in arities.items()}
    valid = {name: _all_real(rows, width, arity) for name, arity in arities.items() if name in unknown}
    places = [{name: place for place, name in enumerate(scene)} for scene in ids] if ids else [{} for _ in rows]
    for number, key, name, _, groundings in listed:
        where = f"scene {titles[number]!r}, {key} of {name!r}"
        for grounding in groundings:
            index = _grounding(grounding, places[number], len(rows[number]), arities[name], where)
            (labels if key == "labels" else valid)[name][(number, *index)] = key == "labels"
    return (
        {name: torch.from_numpy(value) for name, value in labels.items()},
        {name: torch.from_numpy(value) for name, value in valid.items()},
    )


def _listed(record: Mapping[str, Any], key: str, title: str) -> list[tuple[str, int | None, list[tuple[Any, ...]]]]:
    """(predicate, arity if said, groundings) of one scene; true or false for a fact about the scene."""
    table = record.get(key, {})
    if not isinstance(table, Mapping):
        raise RulekdError(f"scene {title!r}: {key} is {str(table)[:60]}", hint="Give groundings by predicate.")
    listed: list[tuple[str, int | None, list[tuple[Any, ...]]]] = []
    for name, given in table.items():
        if isinstance(given, bool):
            listed.append((str(name), 0, [()] if given else []))
            continue
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise RulekdError(
                f"scene {title!r}: {key} of {name!r} is {str(given)[:60]}",
                hint="Give a list of groundings such as [[0, 1], [2, 0]].",
            )
        groundings = [tuple(g) if isinstance(g, Sequence) and not isinstance(g, str) else (g,) for g in given]
        listed.append((str(name), len(groundings[0]) if groundings else None, groundings))
    return listed


def _grounding(
    grounding: tuple[Any, ...], places: Mapping[str, int], count: int, arity: int, where: str
) -> tuple[int, ...]:
    if len(grounding) != arity:
        raise RulekdError(
            f"{where}: {list(grounding)} has {len(grounding)} objects, others {arity}", hint="Use one arity."
        )
    found = []
    for item in grounding:
        place = places.get(item) if isinstance(item, str) else item
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < count:
            close = nearest(item, places) if isinstance(item, str) else None
            raise RulekdError(
                f"{where}: {list(grounding)} names the object {item!r}; there are {count} objects",
                hint=f"Did you mean {close!r}?" if close else "Count objects from 0, or use their ids.",
            )
        found.append(place)
    return tuple(found)


def _all_real(rows: Sequence[Sequence[GivenObject]], width: int, arity: int) -> np.ndarray:
    real = np.zeros((len(rows),) + (width,) * arity, dtype=bool)
    for number, row in enumerate(rows):
        real[(number,) + (slice(0, len(row)),) * arity] = True
    return real


def _views(records: Sequence[Mapping[str, Any]], titles: tuple[str, ...], dtype: torch.dtype) -> Tensor | None:
    views = [record.get("view") for record in records]
    if all(view is None for view in views):
        return None
    identity = np.eye(3)
    filled = np.zeros((len(views), 3, 3))
    for number, (view, title) in enumerate(zip(views, titles, strict=True)):
        try:
            array = identity if view is None else np.asarray(view, dtype=float)
        except (TypeError, ValueError):
            array = np.zeros(0)
        if array.shape != (3, 3) or not np.isfinite(array).all():
            raise RulekdError(
                f"scene {title!r}: view is {str(view)[:80]}", hint="Give three rows of 3 numbers: right, away, up."
            )
        filled[number] = array
    return torch.from_numpy(filled).to(dtype)


def _tensors(
    records: Sequence[Mapping[str, Any]], titles: tuple[str, ...], dtypes: Mapping[str, torch.dtype]
) -> dict[str, Tensor]:
    tables = [record.get("tensors") or {} for record in records]
    made: dict[str, Tensor] = {}
    for key in dict.fromkeys(key for table in tables for key in table):
        lacking = [title for table, title in zip(tables, titles, strict=True) if key not in table]
        if lacking:
            raise RulekdError(f"scene {lacking[0]!r} lacks the tensor {key!r} that others have", hint="Give it to all.")
        try:
            made[key] = torch.stack([torch.as_tensor(table[key], dtype=dtypes.get(key)) for table in tables])
        except (RuntimeError, TypeError, ValueError) as error:
            raise RulekdError(
                f"the tensor {key!r} cannot be stacked over scenes: {error}", hint="Use one shape."
            ) from error
    return made
