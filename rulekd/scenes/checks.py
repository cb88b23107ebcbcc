"""What a batch of scenes must satisfy: shapes always, values when it enters from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kg.errors import ArityError, RulekdError
from kg.predicates import check_name
from kg.terms import TERMS

if TYPE_CHECKING:  # Scenes is built on this module
    from rulekd.scenes.scenes import Scenes

#: How far a view's rows may be from orthonormal: files carry directions rounded to six digits or so.
VIEW_TOLERANCE = 1e-3


def check_shapes(scenes: Scenes) -> None:
    """Raise unless every tensor has the shape and kind that its field promises, and every name and word can be said in
    a rule. No value is looked at."""
    mask = scenes.mask
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.dim() != 2:
        given = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else repr(type(mask).__name__)
        raise RulekdError(f"mask is {given}", hint="Give a bool tensor (B, N), True where there is an object.")
    count, width = mask.shape
    _shape("center", scenes.center, (count, width, 3))
    _shape("size", scenes.size, (count, width, 3))
    _shape("yaw", scenes.yaw, (count, width))
    _shape("view", scenes.view, (count, 3, 3))
    points = scenes.points
    if points is not None and (points.dim() != 4 or tuple(points.shape[:2]) != (count, width) or points.shape[3] < 3):
        raise RulekdError(
            f"points have shape {tuple(points.shape)}; {count} scenes of {width} objects need (B, N, P, 3 + c)",
            hint="Give the same number of points for every object, x, y, z first.",
        )
    for name, value in scenes.numbers.items():
        _shape(f"number {name!r}", value, (count, width))
    for name, value in scenes.scene_numbers.items():
        _shape(f"scene number {name!r}", value, (count,))
    _categories(scenes.categories, scenes.category_names, (count, width))
    _categories(scenes.scene_categories, scenes.scene_category_names, (count,))
    for name, value in scenes.tensors.items():
        if value.dim() == 0 or value.shape[0] != count:
            raise RulekdError(
                f"tensor {name!r} has shape {tuple(value.shape)} for {count} scenes",
                hint="Give (B, ...), scenes first.",
            )
    _labels(scenes, count, width)
    for title, entries in (("names", scenes.names), ("group", scenes.group), ("object_ids", scenes.object_ids)):
        if entries is not None and len(entries) != count:
            raise RulekdError(f"{title} has {len(entries)} entries for {count} scenes", hint="Give one a scene.")
    _names(scenes)


def check_values(scenes: Scenes, built_in: tuple[str, ...]) -> None:
    """Raise unless numbers are finite, sizes are not negative, categories in range, views orthonormal, names unique."""
    seen: set[str] = set(built_in)
    tables = (scenes.numbers, scenes.categories, scenes.scene_numbers, scenes.scene_categories, scenes.tensors)
    for name in (name for table in tables for name in table):
        if name in seen:
            raise RulekdError(f"the name {name!r} stands for two things in these scenes", hint="Rename one of them.")
        seen.add(name)
    for title, value in (
        ("center", scenes.center),
        ("size", scenes.size),
        ("yaw", scenes.yaw),
        ("points", scenes.points),
    ):
        if value is not None:
            _refuse(scenes, title, value, ~torch.isfinite(value), "Give finite numbers.")
    if scenes.size is not None:
        _refuse(scenes, "size", scenes.size, scenes.size < 0, "Sizes are full extents in metres, 0 or more.")
    for name, value in scenes.numbers.items():
        _refuse(scenes, name, value, value.isinf(), "Give finite numbers; leave out what is unknown.")
    for name, value in scenes.categories.items():
        wrong = (value < -1) | (value >= len(scenes.category_names[name]))
        _refuse(scenes, name, value, wrong, f"Categories are numbered 0 to {len(scenes.category_names[name]) - 1}.")
    for name, value in scenes.scene_numbers.items():
        _refuse_scene(scenes, name, value, value.isinf(), "Give finite numbers, NaN for what is unknown.")
    for name, value in scenes.scene_categories.items():
        last = len(scenes.scene_category_names[name]) - 1
        _refuse_scene(scenes, name, value, (value < -1) | (value > last), f"Categories are numbered 0 to {last}.")
    if scenes.view is not None:
        _check_view(scenes, scenes.view)
    if scenes.object_ids is not None:
        _check_ids(scenes, scenes.object_ids)


def _shape(title: str, value: Tensor | None, wanted: tuple[int, ...]) -> None:
    if value is None:
        return
    if tuple(value.shape) != wanted:
        raise RulekdError(
            f"{title} has shape {tuple(value.shape)}; these scenes need {wanted}",
            hint="Pad to (B, N, ...) as the mask is.",
        )
    if not value.is_floating_point():
        raise RulekdError(f"{title} has type {value.dtype}", hint="Give a floating tensor (value.float()).")


def _categories(values: Mapping[str, Tensor], names: Mapping[str, tuple[str, ...]], wanted: tuple[int, ...]) -> None:
    if set(values) != set(names):
        odd = sorted(set(values) ^ set(names))
        raise RulekdError(
            f"the categorical attribute {odd[0]!r} has {'no names' if odd[0] in values else 'names but no values'}",
            hint="Give category_names[name] for each of the categories, and only for these.",
        )
    for name, value in values.items():
        if tuple(value.shape) != wanted or value.dtype != torch.int64:
            raise RulekdError(
                f"category {name!r} is {tuple(value.shape)} of {value.dtype}; these scenes need int64 of {wanted}",
                hint="Number the categories; -1 is unknown or padding.",
            )


def _names(scenes: Scenes) -> None:
    """Raise on an attribute, a predicate or a word that no rule could speak of."""
    for name in [*scenes.numbers, *scenes.categories, *scenes.scene_numbers, *scenes.scene_categories]:
        check_name("attribute", name)
    for name in [*scenes.numbers, *scenes.categories]:
        if name in TERMS:
            raise RulekdError(
                f"the attribute {name!r} has the name of a geometric term",
                hint="Give geometry as center, size and yaw; rename any other attribute.",
            )
    for name in scenes.labels:
        check_name("predicate", name)
    for name, words in (*scenes.category_names.items(), *scenes.scene_category_names.items()):
        for word in words:
            if not isinstance(word, str) or "\n" in word:
                raise RulekdError(
                    f"a category of the attribute {name!r} is called {word!r:.80}",
                    hint="Give each category a name of one line: replace the line breaks, and write numbers as text.",
                )


def _labels(scenes: Scenes, count: int, width: int) -> None:
    for name, value in scenes.labels.items():
        wanted = (count,) + (width,) * (value.dim() - 1)
        if value.dim() == 0 or value.dtype != torch.bool or tuple(value.shape) != wanted:
            raise ArityError(
                f"labels of {name!r} are {tuple(value.shape)} of {value.dtype}; "
                f"{count} scenes of {width} objects need bool (B), (B, N), (B, N, N), ...",
                hint="One object axis an argument, each as long as the mask's.",
            )
    for name, value in scenes.label_valid.items():
        if name not in scenes.labels:
            raise RulekdError(
                f"label_valid speaks of {name!r}, which has no labels", hint="Remove it, or add the labels."
            )
        if value.dtype != torch.bool or value.shape != scenes.labels[name].shape:
            raise RulekdError(
                f"label_valid of {name!r} is {tuple(value.shape)} of {value.dtype}; "
                f"its labels are {tuple(scenes.labels[name].shape)}",
                hint="Give a bool tensor of the shape of the labels.",
            )


def _refuse(scenes: Scenes, title: str, value: Tensor, wrong: Tensor, hint: str) -> None:
    real = scenes.mask.reshape(*scenes.mask.shape, *(1,) * (value.dim() - 2))
    bad = wrong & real
    if bool(bad.any()):
        place = tuple(bad.nonzero()[0].tolist())
        raise RulekdError(
            f"scene {scenes.names[place[0]]!r}, object {place[1]}: {title} is {value[place].item()}", hint=hint
        )


def _refuse_scene(scenes: Scenes, title: str, value: Tensor, wrong: Tensor, hint: str) -> None:
    if bool(wrong.any()):
        place = int(wrong.nonzero()[0, 0])
        raise RulekdError(f"scene {scenes.names[place]!r}: {title} is {value[place].item()}", hint=hint)


def _check_view(scenes: Scenes, view: Tensor) -> None:
    rest = (view @ view.transpose(1, 2) - torch.eye(3, dtype=view.dtype, device=view.device)).abs().amax((1, 2))
    handed = torch.linalg.det(view)
    for number in range(len(scenes)):
        if not float(rest[number]) <= VIEW_TOLERANCE or float(handed[number]) < 0:
            raise RulekdError(
                f"scene {scenes.names[number]!r}: the view {view[number].tolist()} is not a right-handed frame",
                hint="Give three rows of unit length at right angles: right, away, up.",
            )


def _check_ids(scenes: Scenes, ids: tuple[tuple[str, ...], ...]) -> None:
    for number, (scene, have) in enumerate(zip(ids, scenes.mask.sum(1).tolist(), strict=True)):
        twice = [name for name in scene if scene.count(name) > 1] if len(set(scene)) != len(scene) else []
        if twice or len(scene) != have:
            said = f"the object id {twice[0]!r} twice" if twice else f"{len(scene)} object ids for {have} objects"
            raise RulekdError(f"scene {scenes.names[number]!r} has {said}", hint="Give each object its own id.")
