"""Scenes: one padded batch of scenes, the tensors that everything else reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor

from kg.errors import RulekdError, unknown
from rulekd.scenes import joining
from rulekd.scenes.checks import check_shapes, check_values
from rulekd.scenes.objects import GivenScene, tabulate

#: What picks scenes out of a batch: numbers, a slice, or a (B,) bool choice.
Index: TypeAlias = Tensor | np.ndarray | Sequence[int] | slice | range

#: Names that ``scenes[...]`` answers to by itself, and that no attribute may take.
BUILT_IN = ("mask", "center", "size", "yaw", "points", "boxes", "view")


@dataclass(frozen=True, eq=False)
class Scenes:
    """One batch of B scenes of at most N objects, padded to N. Frame: x right, y away, z up, right-handed.

    Positions stay in the file's coordinates; ``view`` says how these are looked at. Values at padded places mean
    nothing; readers and transforms leave zeros there.

    mask: (B, N) bool, True where there is an object.
    center: (B, N, 3) metres. size: (B, N, 3) full extents along the object's own axes, metres.
    yaw: (B, N) radians, counter-clockwise about the file's z axis; None = 0.
    numbers: numeric attributes of objects, (B, N) floating; NaN = unknown.
    categories: categorical attributes, (B, N) int64 into ``category_names[name]``; -1 = unknown or padding.
    scene_numbers, scene_categories: the same of whole scenes, (B,).
    points: (B, N, P, 3 + c): x, y, z in metres, then c channels such as red, green, blue in 0..1.
    tensors: whatever else a network wants, (B, ...); no axis of them is taken for the objects.
    labels: by predicate of arity k a bool tensor (B, N, ..., N) with k object axes.
    label_valid: the same shape, False where the label is unknown; without an entry all are known.
    group: the independent unit of each scene (a room for its utterances). names: the id of each scene.
    view: (B, 3, 3), rows right, away, up, as unit vectors in file coordinates; None = the axes themselves.
    object_ids: the ids of each scene's objects, where the file has any.

    >>> scenes = Scenes.from_objects([[{"center": (0, 0, 0), "shape": "cube"}, {"center": (1, 0, 0), "shape": "ball"}]])
    >>> scenes["center"].shape, scenes.category_names["shape"]
    (torch.Size([1, 2, 3]), ('ball', 'cube'))
    """

    mask: Tensor
    center: Tensor | None = None
    size: Tensor | None = None
    yaw: Tensor | None = None
    numbers: Mapping[str, Tensor] = field(default_factory=dict)
    categories: Mapping[str, Tensor] = field(default_factory=dict)
    category_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scene_numbers: Mapping[str, Tensor] = field(default_factory=dict)
    scene_categories: Mapping[str, Tensor] = field(default_factory=dict)
    scene_category_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    points: Tensor | None = None
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    label_valid: Mapping[str, Tensor] = field(default_factory=dict)
    group: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    view: Tensor | None = None
    object_ids: tuple[tuple[str, ...], ...] | None = None

    def __post_init__(self) -> None:
        count = self.mask.shape[0] if isinstance(self.mask, Tensor) and self.mask.dim() else 0
        if not self.names:
            object.__setattr__(self, "names", tuple(str(number) for number in range(count)))
        if not self.group:
            object.__setattr__(self, "group", tuple(self.names))
        check_shapes(self)

    @classmethod
    def from_objects(
        cls,
        scenes: Sequence[GivenScene],
        *,
        names: Sequence[str] | None = None,
        group: Sequence[str] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Scenes:
        """Scenes from lists of dicts, one dict an object; all values are checked.

        Keys of an object: ``center`` (3 numbers, metres), ``size`` (3), ``yaw`` (radians), ``points`` (P lists of
        3 + c numbers), ``id`` (text); any other key is an attribute, numeric or text. A scene may also be a mapping
        with the keys ``objects``, ``name``, ``group``, ``view``, ``attributes``, ``labels``, ``unknown`` and
        ``tensors``, where labels and unknown list the groundings (object numbers or ids) by predicate.

        >>> near = {"objects": [{"x_at": 1}, {"x_at": 0}], "labels": {"near": [(0, 1)]}}
        >>> Scenes.from_objects([near]).labels["near"].tolist()
        [[[False, True], [False, False]]]
        """
        made = cls(**vars(tabulate(scenes, names=names, group=group, dtype=dtype)))
        made.check()
        return made

    @staticmethod
    def cat(batches: Sequence[Scenes]) -> Scenes:
        """Several batches in one, padded to the longest; an error when one has a field that another lacks."""
        if not batches:
            raise RulekdError("there are no scenes to join", hint="Give at least one batch.")
        return Scenes(**joining.joined(batches))

    def check(self) -> Scenes:
        """Itself, when every value is usable; otherwise an error naming scene, object and value."""
        check_values(self, BUILT_IN)
        return self

    def __len__(self) -> int:
        return int(self.mask.shape[0])

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.mask.device

    def __getitem__(self, name: str) -> Tensor:
        """A tensor by name: mask, center, size, yaw, points, view, boxes (B, N, 7) = all three, or an attribute."""
        if name in BUILT_IN:
            return self._built_in(name)
        for table in (self.numbers, self.categories, self.scene_numbers, self.scene_categories, self.tensors):
            if name in table:
                return table[name]
        raise unknown("tensor", name, self.known(), where="scenes: ")

    def _built_in(self, name: str) -> Tensor:
        if name == "boxes":
            parts = [self["center"], self["size"], self.headings()[..., None]]
            return torch.cat(parts, dim=-1)
        if name == "yaw":
            return self.headings()
        value = self.axes() if name == "view" else getattr(self, name)
        if value is None:
            raise RulekdError(
                f"these scenes have no {name!r}; they have {', '.join(self.known())}",
                hint="Call with_points() on the scene set." if name == "points" else f"Give {name!r} in the file.",
            )
        return cast(Tensor, value)

    def known(self) -> list[str]:
        """The names that ``scenes[...]`` answers to."""
        present = [name for name in ("mask", "center", "size", "yaw", "points") if getattr(self, name) is not None]
        if self.center is not None and self.size is not None:
            present.append("boxes")
        tables = (self.numbers, self.categories, self.scene_numbers, self.scene_categories, self.tensors)
        return present + [name for table in tables for name in table]

    def headings(self) -> Tensor:
        """(B, N) radians: yaw, or zeros where the scenes have none."""
        if self.yaw is not None:
            return self.yaw
        kind = self.center if self.center is not None else self.size
        return torch.zeros(self.mask.shape, dtype=None if kind is None else kind.dtype, device=self.device)

    def axes(self) -> Tensor:
        """(B, 3, 3): rows right, away, up in file coordinates; the identity where the scenes have no view."""
        if self.view is not None:
            return self.view
        kind = self.center if self.center is not None else self.points
        dtype = torch.get_default_dtype() if kind is None else kind.dtype
        return torch.eye(3, dtype=dtype, device=self.device).expand(len(self), 3, 3)

    def centers_in_view(self) -> Tensor:
        """(B, N, 3) metres: centres along right, away, up."""
        return self["center"] if self.view is None else self["center"] @ self.view.transpose(1, 2)

    def extents_in_view(self) -> Tensor:
        """(B, N, 3) metres: full extents, along right, away and up, of the axis-parallel hull of each yawed box.

        extent_i = sum over j of |(view R(yaw))_ij| size_j.
        """
        yaw = self.headings()
        turned = turn_about_z(yaw) if self.view is None else self.view[:, None] @ turn_about_z(yaw)
        return (turned.abs() @ self["size"][..., None])[..., 0]

    def to(self, device: torch.device | str) -> Scenes:
        """The same scenes on a device."""
        return self._map(lambda tensor, _: tensor.to(device))

    def select(self, index: Index) -> Scenes:
        """The scenes numbered by ``index``, in its order, padded as before."""
        rows = self.rows(index)
        numbers = rows.tolist()
        return self._map(
            lambda tensor, _: tensor.index_select(0, rows),
            names=tuple(self.names[number] for number in numbers),
            group=tuple(self.group[number] for number in numbers),
            object_ids=None if self.object_ids is None else tuple(self.object_ids[number] for number in numbers),
        )

    def rows(self, index: Index) -> Tensor:
        """(K,) int64 on the scenes' device: an index, a slice or a choice as numbers of scenes."""
        if isinstance(index, slice):
            index = range(*index.indices(len(self)))
        given = index if isinstance(index, Tensor) else torch.from_numpy(np.array(index).reshape(-1))
        if given.dtype == torch.bool:
            if given.shape[0] != len(self):
                raise RulekdError(
                    f"a choice of {given.shape[0]} scenes is given for {len(self)}", hint="Give one bool a scene."
                )
            given = given.nonzero()[:, 0]
        rows = given.to(self.device, torch.int64)
        rows = torch.where(rows < 0, rows + len(self), rows)
        if rows.numel() and (int(rows.min()) < 0 or int(rows.max()) >= len(self)):
            raise RulekdError(
                f"scene number {int(given.max())} is asked for; there are {len(self)}",
                hint="Count from 0 to len(scenes) - 1.",
            )
        return rows

    def trim(self) -> Scenes:
        """Padded to their own longest (at least one place), which is what a batch is given to a network as."""
        used = self.mask.any(0).nonzero()
        width = int(used[-1]) + 1 if used.numel() else 1
        if width >= self.mask.shape[1]:
            return self
        return self._map(lambda tensor, axes: tensor[(slice(None),) + (slice(0, width),) * axes])

    def pad(self, width: int) -> Scenes:
        """Padded to ``width`` places: False in masks and labels, -1 in categories, 0 elsewhere."""
        return Scenes(**joining.padded(self, width))

    def permute(self, order: Tensor) -> Scenes:
        """The objects in another order: place i of scene b holds what was at ``order[b, i]``; order (B, N) int64."""
        ids = self.object_ids
        if ids is not None:
            # an id belongs to the n-th real object, which need not stand at place n
            places = [row.nonzero()[:, 0].tolist() for row in self.mask]
            named = [dict(zip(place, scene, strict=True)) for place, scene in zip(places, ids, strict=True)]
            ids = tuple(
                tuple(scene[old] for old in row if old in scene)
                for scene, row in zip(named, order.tolist(), strict=True)
            )
        return self._map(lambda tensor, axes: _reordered(tensor, order, axes), object_ids=ids)

    def keep(self, kept: Tensor) -> Scenes:
        """Fewer objects: those where ``kept`` (B, N) bool is True, moved to the front in their order, then trimmed."""
        kept = kept & self.mask
        order = (~kept).long().argsort(dim=1, stable=True)
        ids = self.object_ids
        if ids is not None:
            chosen = [row[real].tolist() for row, real in zip(kept, self.mask, strict=True)]
            ids = tuple(
                tuple(name for name, stays in zip(scene, row, strict=True) if stays)
                for scene, row in zip(ids, chosen, strict=True)
            )
        fewer = replace(self, mask=kept, object_ids=None).permute(order)
        return replace(fewer, object_ids=ids).trim()

    def with_labels(self, labels: Mapping[str, Tensor], valid: Mapping[str, Tensor] | None = None) -> Scenes:
        """The same scenes with other labels."""
        return replace(self, labels=dict(labels), label_valid=dict(valid or {}))

    def content(self) -> dict[str, Any]:
        """Every tensor, name and group under a title of its own, for fingerprints."""
        return joining.content(self)

    def equals(self, other: Scenes) -> bool:
        """Is every field, value and name the same, at real objects as at padded places? NaN equals NaN."""
        return joining.same(self, other)

    def _map(self, act: Callable[[Tensor, int], Tensor], **changes: Any) -> Scenes:
        """Every tensor replaced by ``act(tensor, number of object axes)``."""
        return replace(self, **joining.mapped(self, act), **changes)


def turn_about_z(angle: Tensor) -> Tensor:
    """(..., 3, 3): the counter-clockwise turn by ``angle`` (...) radians about z."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [cosine, -sine, zero, sine, cosine, zero, zero, zero, one]
    return torch.stack(rows, dim=-1).reshape(*angle.shape, 3, 3)


def _reordered(tensor: Tensor, order: Tensor, axes: int) -> Tensor:
    for axis in range(1, axes + 1):
        shape = [1] * tensor.dim()
        shape[0], shape[axis] = order.shape
        index = order.reshape(shape).expand(*(tensor.shape[:axis]), order.shape[1], *tensor.shape[axis + 1 :])
        tensor = tensor.gather(axis, index)
    return tensor
