"""Layout: what scenes offer a network, fixed when it is built, so that it can be rebuilt without the scenes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from kg.errors import RulekdError
from rulekd.scenes import Scenes

#: Names of a category's values, by category.
Names = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Layout:
    """The columns that a network reads. Two scenes files of one layout can be read by the same weights.

    geometry: which of "center", "size" and "yaw" the scenes have. numbers, categories: of the objects, with the
    names of each category's values. scene_numbers, scene_categories: of the scene itself.
    channels: columns of ``points`` beyond x, y, z (colour, say); None = the scenes have no points.

    >>> Layout(geometry=("center",), categories=(("shape", ("cube", "ball")),)).category_sizes
    (2,)
    """

    geometry: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    categories: Names = ()
    scene_numbers: tuple[str, ...] = ()
    scene_categories: Names = ()
    channels: int | None = None

    @classmethod
    def of(cls, scenes: Scenes) -> Layout:
        """The layout of a batch of scenes."""
        given = {"center": scenes.center, "size": scenes.size, "yaw": scenes.yaw}
        return cls(
            geometry=tuple(name for name, value in given.items() if value is not None),
            numbers=tuple(sorted(scenes.numbers)),
            categories=_names(scenes.categories, scenes.category_names),
            scene_numbers=tuple(sorted(scenes.scene_numbers)),
            scene_categories=_names(scenes.scene_categories, scenes.scene_category_names),
            channels=None if scenes.points is None else scenes.points.shape[-1] - 3,
        )

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Layout:
        """The inverse of ``to_dict``."""
        return cls(
            geometry=tuple(given["geometry"]),
            numbers=tuple(given["numbers"]),
            categories=tuple((name, tuple(values)) for name, values in given["categories"]),
            scene_numbers=tuple(given["scene_numbers"]),
            scene_categories=tuple((name, tuple(values)) for name, values in given["scene_categories"]),
            channels=given["channels"],
        )

    def to_dict(self) -> dict[str, Any]:
        """The layout as JSON-able values."""
        return asdict(self)

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """Number of values of each category, the objects' first, then the scene's."""
        return tuple(len(values) for _, values in (*self.categories, *self.scene_categories))

    @property
    def number_count(self) -> int:
        """Columns of numbers, the objects' first, then the scene's."""
        return len(self.numbers) + len(self.scene_numbers)


@dataclass(frozen=True)
class Columns:
    """The object columns of one batch, laid out for a network; what the layout lacks is 0, and padding is 0.

    center: (B, N, 3) metres, in the frame of the view. hull: (B, N, 3) metres, full extents of the box's hull along
    the axes of the view. size: (B, N, 3) metres, full extents along the object's own axes. yaw: (B, N) radians from
    the view's right, about z. numbers: (B, N, K), NaN = unknown. categories: (B, N, C) int64, 0 = unknown, otherwise
    1 + place among the layout's names. mask: (B, N) bool.
    """

    center: Tensor
    hull: Tensor
    size: Tensor
    yaw: Tensor
    numbers: Tensor
    categories: Tensor
    mask: Tensor

    def arguments(self) -> tuple[Tensor, ...]:
        """The columns in order, as a network's ``forward`` takes them."""
        return (self.center, self.hull, self.size, self.yaw, self.numbers, self.categories, self.mask)


@dataclass(frozen=True)
class ReadColumns:
    """Reads a batch of scenes by a layout: the ``inputs`` of a predictor whose network sees objects."""

    layout: Layout

    def __call__(self, scenes: Scenes) -> tuple[Tensor, ...]:
        return self.columns(scenes).arguments()

    def columns(self, scenes: Scenes) -> Columns:
        """The columns of ``scenes``; an error names the first one that they lack."""
        layout, mask = self.layout, scenes.mask
        for name in layout.geometry:
            if getattr(scenes, name) is None and name != "yaw":  # boxes without yaw stand straight: yaw 0
                raise _lacking(name)
        nowhere = torch.zeros(*mask.shape, 3, device=mask.device)
        boxes = "size" in layout.geometry
        numbers = [_column(name, scenes.numbers) for name in layout.numbers]
        numbers += [_column(name, scenes.scene_numbers)[:, None] for name in layout.scene_numbers]
        kinds = [_codes(name, values, scenes.categories, scenes.category_names) for name, values in layout.categories]
        kinds += [
            _codes(name, values, scenes.scene_categories, scenes.scene_category_names)[:, None]
            for name, values in layout.scene_categories
        ]
        return Columns(
            center=_quiet(scenes.centers_in_view() if "center" in layout.geometry else nowhere, mask),
            hull=_quiet(scenes.extents_in_view() if boxes else nowhere, mask),
            size=_quiet(scenes["size"] if boxes else nowhere, mask),
            yaw=_quiet(yaw_in_view(scenes)[..., None] if "yaw" in layout.geometry else nowhere, mask)[..., 0],
            numbers=_quiet(_stack(numbers, mask, torch.float32), mask),
            categories=_quiet(_stack(kinds, mask, torch.int64), mask),
            mask=mask,
        )


@dataclass(frozen=True)
class ReadPoints:
    """Reads the raw points of a batch, in the frame of the view: all that a point network sees."""

    layout: Layout

    def __call__(self, scenes: Scenes) -> tuple[Tensor, Tensor]:
        points = scenes.points
        if points is None:
            raise RulekdError(
                "a network of points was given scenes without points",
                hint="Sample them from the boxes: scenes = scenes.with_points(count=24).",
            )
        found = points.shape[-1] - 3
        if found != self.layout.channels:
            raise RulekdError(
                f"the points have {found} channels beyond x, y, z; the network was built for {self.layout.channels}",
                hint="Sample the points with the same settings as when the network was built.",
            )
        turned = torch.einsum("bij,bnpj->bnpi", scenes.axes().to(points.dtype), points[..., :3])
        return torch.cat([turned, points[..., 3:]], dim=-1).float(), scenes.mask


def yaw_in_view(scenes: Scenes) -> Tensor:
    """(B, N) radians about z from the view's right to each object's own x axis."""
    axes = scenes.axes()
    return scenes.headings() - torch.atan2(axes[:, 0, 1], axes[:, 0, 0])[:, None]


def spread(values: Tensor, mask: Tensor) -> float:
    """Standard deviation of ``values`` (B, N, ...) over the places of ``mask``; 1 where it is 0 or unknown."""
    real = values[mask]
    real = real[torch.isfinite(real)]
    deviation = float(real.std(correction=0)) if real.numel() else 0.0
    return deviation if math.isfinite(deviation) and deviation > 1e-6 else 1.0


def _names(categories: Mapping[str, Tensor], names: Mapping[str, Sequence[str]]) -> Names:
    return tuple((name, tuple(names[name])) for name in sorted(categories))


def _lacking(name: str) -> RulekdError:
    return RulekdError(
        f"the network was built on scenes with {name!r}; these scenes have none",
        hint="Use scenes with the same columns, or build the network on these scenes.",
    )


def _column(name: str, columns: Mapping[str, Tensor]) -> Tensor:
    if name not in columns:
        raise _lacking(name)
    return columns[name]


def _codes(
    name: str, values: Sequence[str], columns: Mapping[str, Tensor], names: Mapping[str, Sequence[str]]
) -> Tensor:
    """The category by the layout's numbering: other scenes may list the same names in another order."""
    column, found = _column(name, columns), names[name]
    if tuple(found) == tuple(values):
        return column + 1
    place = {value: number + 1 for number, value in enumerate(values)}
    table = torch.tensor([0, *(place.get(value, 0) for value in found)], device=column.device)
    return table[column + 1]


def _stack(columns: Sequence[Tensor], mask: Tensor, kind: torch.dtype) -> Tensor:
    """(B, N, number of columns)."""
    if not columns:
        return torch.zeros(*mask.shape, 0, dtype=kind, device=mask.device)
    return torch.stack([column.to(kind).expand(mask.shape) for column in columns], dim=-1)


def _quiet(values: Tensor, mask: Tensor) -> Tensor:
    """``values`` (B, N, C) in float32, 0 where there is no object: what padding holds must never reach a sum."""
    kept = values.float() if values.is_floating_point() else values
    return torch.where(mask[..., None], kept, torch.zeros((), dtype=kept.dtype, device=kept.device))
