"""Geometric terms over tensors: the twin of ``kg.terms``, differentiable where torch is.

Object axes follow ``variables``: a term over (a, b, c) is a tensor that broadcasts to (B, N, N, N). Values at padded
places mean nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import Final, TypeAlias

import torch
from torch import Tensor

from kg.asked import always_known
from kg.errors import ArityError, FormulaError, unknown
from kg.formulas import Arithmetic, Compare, Feature, Function, Negative, Number, Term, Word, terms_of
from kg.terms import TERMS as PLAIN
from rulekd.scenes.scenes import Scenes
from rulekd.truth import along

#: Per-object tensors laid along their axes, one (B, .., N, ..) for each argument, to the term's value.
Reading: TypeAlias = Callable[[Sequence["_Laid"]], Tensor]


def term(wanted: Term, scenes: Scenes, variables: Sequence[str]) -> Tensor:
    """The value of a numeric term, in the units of its parts; broadcasts to (B, N, ..., N), axes as ``variables``.

    Attributes that are unknown are NaN. ``distance`` and its like have the gradient 0 where it is undefined
    (coinciding centres), as hulls that just touch do for ``gap``.

    >>> scenes = Scenes.from_objects([[{"center": (0, 0, 0)}, {"center": (3, 4, 0)}]])
    >>> term(Feature("distance", ("a", "b")), scenes, ("a", "b")).tolist()
    [[[0.0, 5.0], [5.0, 0.0]]]
    """
    value = _value(wanted, scenes, variables)
    if isinstance(value, _Words):
        raise FormulaError(f"{wanted} is a category, not a number", hint="Compare categories with = or != only.")
    return value


def compare(formula: Compare, scenes: Scenes, variables: Sequence[str]) -> Tensor:
    """Truth of a comparison, bool, broadcasting to (B, N, ..., N). Exact: no tolerance beyond what the formula says.

    To be read where ``known`` says so: of an unknown number or category it is False, with != as well.

    >>> scenes = Scenes.from_objects([[{"kind": "cup"}, {"kind": None}]])
    >>> alike, unlike = (Compare(sign, Feature("kind", ("a",)), Word("cup")) for sign in ("=", "!="))
    >>> compare(alike, scenes, ("a",)).tolist(), compare(unlike, scenes, ("a",)).tolist()
    ([[True, False]], [[False, False]])
    >>> known(unlike, scenes, ("a",)).tolist()
    [[True, False]]
    """
    left, right = _value(formula.left, scenes, variables), _value(formula.right, scenes, variables)
    if isinstance(left, _Words) or isinstance(right, _Words):
        return _compare_words(formula, left, right)
    held = _COMPARE[formula.operator](left, right)
    if formula.operator == "!=" and not always_known(formula):  # NaN is unlike every number
        return held & ~left.isnan() & ~right.isnan()
    return held


def known(formula: Compare, scenes: Scenes, variables: Sequence[str]) -> Tensor:
    """Bool, broadcasting to (B, N, ..., N): where both sides are known, as ``kg.worlds`` has it.

    A side is unknown where a number or category that it reads is, and where it is undefined, as 0 / 0 is.
    """
    if always_known(formula):
        return torch.ones((1,) * (len(variables) + 1), dtype=torch.bool, device=scenes.device)
    left, right = (_value(part, scenes, variables) for part in terms_of(formula))
    return _given(left) & _given(right)


def _given(value: Tensor | _Words) -> Tensor:
    return value.numbers >= 0 if isinstance(value, _Words) else ~value.isnan()


class _Words:
    """A categorical attribute laid along its axis: numbers into names; -1 = unknown."""

    def __init__(self, numbers: Tensor, names: tuple[str, ...]) -> None:
        self.numbers = numbers
        self.names = names


def _value(wanted: Term, scenes: Scenes, variables: Sequence[str]) -> Tensor | _Words:
    match wanted:
        case Number(value):
            return torch.full((1,) * (len(variables) + 1), value, dtype=_dtype(scenes), device=scenes.device)
        case Word(value):
            return _Words(torch.zeros((1,) * (len(variables) + 1), dtype=torch.int64, device=scenes.device), (value,))
        case Feature():
            return _feature(wanted, scenes, variables)
        case Negative(inner):
            return -term(inner, scenes, variables)
        case Arithmetic(sign, left, right):
            return _ARITHMETIC[sign](term(left, scenes, variables), term(right, scenes, variables))
        case Function(name, inner_terms):
            values = [term(inner, scenes, variables) for inner in inner_terms]
            if name == "abs":
                return values[0].abs()
            return reduce(torch.minimum if name == "min" else torch.maximum, values)


def _feature(wanted: Feature, scenes: Scenes, variables: Sequence[str]) -> Tensor | _Words:
    name, arguments = wanted.name, wanted.arguments
    for argument in arguments:
        if argument not in variables:
            raise unknown("variable", argument, variables, where=f"the term {name}({', '.join(arguments)}): ")
    if not arguments:
        return _of_scene(name, scenes, len(variables))
    if name in TERMS:
        if len(arguments) != PLAIN[name].arity:
            raise ArityError(
                f"the term {name!r} is given {len(arguments)} objects", hint=f"It reads {PLAIN[name].arity}."
            )
        laid = [_Laid(scenes, list(variables).index(argument), len(variables)) for argument in arguments]
        return TERMS[name](laid)
    if len(arguments) == 1:
        axis = list(variables).index(arguments[0])
        if name in scenes.numbers:
            return along(scenes.numbers[name], axis, len(variables))
        if name in scenes.categories:
            return _Words(along(scenes.categories[name], axis, len(variables)), scenes.category_names[name])
    raise unknown("term", name, [*TERMS, *scenes.numbers, *scenes.categories])


def _of_scene(name: str, scenes: Scenes, axes: int) -> Tensor | _Words:
    shape = (len(scenes),) + (1,) * axes
    if name in scenes.scene_numbers:
        return scenes.scene_numbers[name].reshape(shape)
    if name in scenes.scene_categories:
        return _Words(scenes.scene_categories[name].reshape(shape), scenes.scene_category_names[name])
    raise unknown("attribute of the scene", name, [*scenes.scene_numbers, *scenes.scene_categories])


def _compare_words(formula: Compare, left: Tensor | _Words, right: Tensor | _Words) -> Tensor:
    if not isinstance(left, _Words) or not isinstance(right, _Words) or formula.operator not in ("=", "!="):
        raise FormulaError(
            f"'{formula}' compares a category with a number, or by size", hint="Compare categories with = or != only."
        )
    numbers = right.numbers
    if right.names != left.names:
        # one word may have different numbers in two attributes; a word that the left one lacks equals nothing there
        table = [left.names.index(name) if name in left.names else -2 for name in right.names]
        numbers = torch.tensor([*table, -2], device=numbers.device)[numbers]
    equal = left.numbers == numbers
    return (equal if formula.operator == "=" else ~equal) & (left.numbers >= 0) & (right.numbers >= 0)


class _Laid:
    """One argument's geometry in the frame of the view, each quantity laid along that argument's axis."""

    def __init__(self, scenes: Scenes, axis: int, axes: int) -> None:
        self._scenes, self._axis, self._axes = scenes, axis, axes

    def lay(self, values: Tensor) -> Tensor:
        return along(values, self._axis, self._axes)

    def middle(self, axis: int) -> Tensor:
        return self.lay(self._scenes.centers_in_view()[..., axis])

    def extent(self, axis: int) -> Tensor:
        return self.lay(self._scenes.extents_in_view()[..., axis])

    def low(self, axis: int) -> Tensor:
        return self.middle(axis) - self.extent(axis) / 2

    def high(self, axis: int) -> Tensor:
        return self.middle(axis) + self.extent(axis) / 2

    def volume(self) -> Tensor:
        return self.lay(self._scenes["size"].prod(-1))

    def yaw(self) -> Tensor:
        return self.lay(self._scenes.headings())


def _root(square: Tensor) -> Tensor:
    """The square root with gradient 0 at 0, where its own is infinite and would turn every other gradient to NaN."""
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)


def _overlap(pair: Sequence[_Laid], axis: int) -> Tensor:
    first, second = pair
    return torch.minimum(first.high(axis), second.high(axis)) - torch.maximum(first.low(axis), second.low(axis))


def _distance(pair: Sequence[_Laid], axes: Sequence[int]) -> Tensor:
    first, second = pair
    squares = [(first.middle(axis) - second.middle(axis)) ** 2 for axis in axes]
    return _root(reduce(torch.add, squares))


def _gap(pair: Sequence[_Laid]) -> Tensor:
    squares = [(-_overlap(pair, axis)).clamp_min(0) ** 2 for axis in range(3)]
    return _root(reduce(torch.add, squares))


#: The same names as ``kg.terms.TERMS``, over tensors.
TERMS: Mapping[str, Reading] = MappingProxyType(
    {
        "x": lambda o: o[0].middle(0),
        "y": lambda o: o[0].middle(1),
        "z": lambda o: o[0].middle(2),
        "width": lambda o: o[0].extent(0),
        "depth": lambda o: o[0].extent(1),
        "height": lambda o: o[0].extent(2),
        "left": lambda o: o[0].low(0),
        "right": lambda o: o[0].high(0),
        "front": lambda o: o[0].low(1),
        "back": lambda o: o[0].high(1),
        "bottom": lambda o: o[0].low(2),
        "top": lambda o: o[0].high(2),
        "volume": lambda o: o[0].volume(),
        "yaw": lambda o: o[0].yaw(),
        "distance": lambda o: _distance(o, (0, 1, 2)),
        "plan_distance": lambda o: _distance(o, (0, 1)),
        "overlap_x": lambda o: _overlap(o, 0),
        "overlap_y": lambda o: _overlap(o, 1),
        "overlap_z": lambda o: _overlap(o, 2),
        "gap": _gap,
    }
)

_ARITHMETIC: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARE: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "<": torch.lt,
    "<=": torch.le,
    ">": torch.gt,
    ">=": torch.ge,
    "=": torch.eq,
    "!=": torch.ne,
}


def _dtype(scenes: Scenes) -> torch.dtype:
    tensors = [scenes.center, scenes.size, *scenes.numbers.values(), *scenes.scene_numbers.values()]
    return next((tensor.dtype for tensor in tensors if tensor is not None), torch.get_default_dtype())
